//! Ends that are not success: what is taken back, what stays, and that both are told.

use super::{
    case::{At, Case, Fate, Fault, Outcome, plan, run},
    invariants,
    scene::Scene,
    stage::Stage,
};
use pointsman::{
    runbook::{
        engine::{Effect, End, Record},
        target::Request,
    },
    simulate::act::Mishap,
};

/// The turns of a plain run in which each step is sent to a target, and in which its outcome is written.
struct Turns {
    sent: Vec<(usize, usize)>,
    ended: Vec<(usize, usize)>,
}

fn turns(scene: Scene) -> Turns {
    let usual = run(&Case { scene, faults: vec![] });
    assert_eq!(usual.first, End::Done);
    let (mut sent, mut ended) = (Vec::new(), Vec::new());
    for (turn, effect) in usual.effects.iter().enumerate() {
        match effect {
            Effect::Call {
                request: Request::Act { key, .. },
                ..
            } => {
                let at = key.rsplit('-').nth(1).unwrap().parse().unwrap();
                sent.push((at, turn));
            }
            Effect::Write(Record::Outcome { step, .. }) => ended.push((*step, turn)),
            _ => {}
        }
    }
    Turns { sent, ended }
}

/// The step of the plan that does this for that slice.
fn step(scene: Scene, action: &str, slice: Option<&str>) -> usize {
    let plan = plan(scene);
    let mut steps = plan.steps.iter();
    let found = steps.position(|step| {
        let named = step.call.with.get("slice").map(String::as_str);
        step.call.action == action && (slice.is_none() || named == slice)
    });
    found.unwrap_or_else(|| panic!("{scene:?} has no {action} of {slice:?}"))
}

fn turn_of(turns: &[(usize, usize)], step: usize) -> usize {
    turns.iter().find(|(at, _)| *at == step).unwrap().1
}

fn with(scene: Scene, turn: usize, fault: Fault) -> Outcome {
    let after = false;
    run(&Case {
        scene,
        faults: vec![At { turn, after, fault }],
    })
}

#[test]
fn a_slice_that_is_served_stays_when_another_one_fails() {
    let scene = Scene::FailoverBoth;
    for action in ["drbd-promote", "mount", "export"] {
        let failing = step(scene, action, Some("web2"));
        let turn = turn_of(&turns(scene).sent, failing);
        let outcome = with(scene, turn, Fault::Command("stor2", Mishap::Fails));
        let End::Parked {
            step,
            why,
            next,
            unknown,
        } = &outcome.first
        else {
            panic!("{action}: {:?}", outcome.first);
        };
        assert!(!unknown && why.contains("web1 is served by stor2"), "{action}: {why}");
        assert!(
            why.contains("disconnect web2") && next.contains("resume run run-1"),
            "{action}: {why}; {next}"
        );
        // Everything of the slice that failed is back at its beginning but for what nothing takes back.
        assert!(
            *step <= failing && *step > super::turning::step(scene, "fence", None),
            "{action}: {step}"
        );
        assert_eq!(outcome.last, End::Done, "{action}");
    }
}

#[test]
fn an_emergency_that_is_cancelled_says_what_stays() {
    let scene = Scene::FailoverHalfDead;
    let turn = turn_of(&turns(scene).sent, step(scene, "mount", None));
    let outcome = with(scene, turn, Fault::Cancelled);
    let End::Compensated { stays, .. } = &outcome.first else {
        panic!("{:?}", outcome.first);
    };
    assert_eq!(outcome.first.exit_code(), 12);
    let told = stays.join("\n");
    assert!(
        told.contains("switch stor1 on by hand") && told.contains("disconnect web1"),
        "{told}"
    );
    // It is over: nothing is held any more, and the failover can be planned anew.
    assert_eq!(outcome.last, outcome.first);
    // Of two slices the one that is served already stays so.
    let scene = Scene::FailoverBoth;
    let turn = turn_of(&turns(scene).sent, step(scene, "mount", Some("web2")));
    let outcome = with(scene, turn, Fault::Cancelled);
    let End::Compensated { stays, .. } = &outcome.first else {
        panic!("{:?}", outcome.first);
    };
    let told = stays.join("\n");
    assert!(
        told.contains("web1 is served by stor2") && !told.contains("web2 is served"),
        "{told}"
    );
}

/// An emergency that goes back because its second slice fails is cancelled meanwhile, and its console crashes.
#[test]
fn a_cancel_that_is_written_is_obeyed_after_a_crash() {
    let scene = Scene::FailoverBoth;
    let failing = turn_of(&turns(scene).sent, step(scene, "mount", Some("web2")));
    for cancelled in [false, true] {
        let mut stage = Stage::new(scene);
        stage.disturbed.insert("stor1".into());
        let mut console = stage.console("run-1", plan(scene));
        for turn in 0.. {
            if turn == failing {
                let fails = Some(Mishap::Fails);
                stage
                    .sim
                    .world()
                    .with("stor2", |island, at| island.nodes[at].store.next = fails);
            }
            assert!(stage.turn(&mut console, Fate::Usual));
            let journal = stage.journals.get("run-1").map(Vec::as_slice).unwrap_or_default();
            if matches!(journal.last(), Some(Record::TurnedBack { again: true, .. })) {
                break;
            }
        }
        if cancelled {
            let by = Record::Cancelled { by: "op".into() };
            stage.journals.get_mut("run-1").unwrap().push(by);
        }
        stage.resume(&mut console, None);
        while stage.turn(&mut console, Fate::Usual) {}
        let end = console.end().unwrap().clone();
        invariants::all_told(&stage, &console, &end);
        match &end {
            End::Compensated { stays, .. } => {
                let told = stays.join("\n");
                assert!(cancelled && told.contains("web1 is served by stor2"), "{told}");
            }
            End::Parked { next, .. } => assert!(!cancelled && next.contains("it goes on with step"), "{next}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_move_that_fails_is_taken_back_whole() {
    let scene = Scene::SliceMove;
    for (action, host) in [("unexport", "stor1"), ("drbd-demote", "stor1"), ("mount", "stor2")] {
        let turn = turn_of(&turns(scene).sent, step(scene, action, None));
        let outcome = with(scene, turn, Fault::Command(host, Mishap::Fails));
        let End::Compensated { stays, .. } = &outcome.first else {
            panic!("{action}: {:?}", outcome.first);
        };
        assert_eq!((outcome.first.exit_code(), stays.len()), (11, 0), "{action}: {stays:?}");
    }
}

#[test]
fn a_resync_in_the_wrong_direction_is_stopped_at_once() {
    // Nothing is irreversible yet: everything is taken back, the connection first.
    for scene in [Scene::FailBack, Scene::FailBackNine] {
        for action in ["drbd-direction", "drbd-wait-sync"] {
            // Struck between the step before and the first look of this one.
            let turn = turn_of(&turns(scene).ended, step(scene, action, None) - 1) + 1;
            let outcome = with(scene, turn, Fault::WrongWay);
            let End::Compensated { why, stays } = &outcome.first else {
                panic!("{scene:?} {action}: {:?}", outcome.first);
            };
            assert!(why.contains("data flows the wrong way"), "{why}");
            assert!(
                stays.iter().any(|stays| stays.contains("look at both sides")),
                "{stays:?}"
            );
        }
    }
    // What was discarded cannot be taken back, but the connection is.
    for scene in [Scene::SplitBrain, Scene::SplitBrainNine] {
        let turn = turn_of(&turns(scene).ended, step(scene, "drbd-wait-sync", None) - 1) + 1;
        let outcome = with(scene, turn, Fault::WrongWay);
        let End::Parked { why, next, unknown, .. } = &outcome.first else {
            panic!("{scene:?}: {:?}", outcome.first);
        };
        assert!(!unknown && why.contains("data flows the wrong way"), "{why}");
        assert!(next.contains("look at the data of both sides first"), "{next}");
        assert_eq!(outcome.last, End::Done, "{scene:?}");
    }
}

#[test]
fn what_each_side_had_alone_is_counted_before_they_are_joined() {
    for scene in [
        Scene::FailBack,
        Scene::FailBackNine,
        Scene::SplitBrain,
        Scene::SplitBrainNine,
    ] {
        let usual = run(&Case { scene, faults: vec![] });
        let mut counted = usual
            .effects
            .iter()
            .enumerate()
            .filter_map(|(turn, effect)| match effect {
                Effect::Write(Record::Alone {
                    kept, lost, lost_kib, ..
                }) => Some((turn, kept.as_str(), lost.as_str(), *lost_kib)),
                _ => None,
            });
        let (turn, kept, lost, kib) = counted.next().unwrap_or_else(|| panic!("{scene:?}"));
        assert_eq!(counted.next(), None, "{scene:?}: once is enough");
        let (from, to) = if scene.base() == Scene::FailBack {
            scene.sides()
        } else {
            ("stor1", "stor2")
        };
        assert_eq!((kept, lost), (from, to), "{scene:?}");
        // The dead server of protocol C had nothing that its peer lacks; of a split brain both have.
        assert_eq!(
            kib.map(|kib| kib > 0),
            Some(scene.base() == Scene::SplitBrain),
            "{scene:?}"
        );
        let joins = |at: &usize| {
            let plan = plan(scene);
            matches!(plan.steps[*at].call.action.as_str(), "drbd-connect" | "drbd-discard")
        };
        let first = usual
            .effects
            .iter()
            .position(|effect| matches!(effect, Effect::Write(Record::Intent { step, .. }) if joins(step)));
        assert_eq!(first, Some(turn + 1), "{scene:?}: just before");
    }
}
