//! A run is taken over at any moment of its life: nothing that it has sent, or sends later, takes effect any more.

use super::{
    case::{Case, Fate, plan, run},
    invariants,
    scene::{self, Scene},
    stage::{Console, Stage},
};
use pointsman::runbook::{
    engine::{Effect, End, Engine, Event, Outcome, Record},
    target::Request,
};

/// Another console with the same plan that takes `run-1` over.
fn taking_over(stage: &Stage, scene: Scene) -> Console {
    let mut console = stage.console("run-2", plan(scene));
    let now = stage.hand.now();
    let engine = Engine::new(plan(scene), "run-2".into(), "op@run-2".into(), now);
    console.engine = engine.taking_over(["run-1".to_owned()]);
    console.effect = console.engine.advance(Event::Begun, stage.time(now));
    console
}

fn to_the_end(stage: &mut Stage, console: &mut Console) {
    for _ in 0..4000 {
        if !stage.turn(console, Fate::Usual) {
            return;
        }
    }
    panic!("24: {} never ends", console.run);
}

fn acts(stage: &Stage, run: &str) -> usize {
    let count = stage.sim.world().fleet(|island| {
        island
            .nodes
            .iter()
            .flat_map(|node| &node.store.ran)
            .filter(|ran| ran.key.starts_with(&format!("{run}-")))
            .count()
    });
    count.unwrap()
}

/// After so many turns of the first run, the last of them with this fate, the second begins, and they take turns in
/// bursts. The stage checks every
/// invariant after every event, and that no command of an older token takes effect.
fn taken_over(scene: Scene, turns: usize, burst: usize, last: Fate) {
    let mut stage = Stage::new(scene);
    if scene == Scene::Failover {
        stage.disturbed.insert("stor1".into());
    }
    let mut first = stage.console("run-1", plan(scene));
    for turn in 1..=turns {
        let fate = if turn == turns { last } else { Fate::Usual };
        assert!(stage.turn(&mut first, fate));
    }
    let mut second = taking_over(&stage, scene);
    let mut displaced_with = None;
    while second.end().is_none() {
        for _ in 0..burst {
            if second.end().is_some() || !stage.turn(&mut second, Fate::Usual) {
                break;
            }
        }
        if displaced_with.is_none() && claims_everything(&stage, &second) {
            displaced_with = Some(acts(&stage, "run-1"));
        }
        if first.end().is_none() {
            stage.turn(&mut first, Fate::Usual);
        }
    }
    to_the_end(&mut stage, &mut first);
    if let Some(before) = displaced_with {
        assert_eq!(acts(&stage, "run-1"), before, "9: it acts after it was taken over");
    }
    let end = first.end().unwrap().clone();
    let touched = stage.journals["run-1"].iter().any(|record| {
        matches!(
            record,
            Record::Outcome {
                outcome: Outcome::Done,
                ..
            }
        )
    });
    match &end {
        End::Done | End::Refused { .. } | End::Compensated { .. } => {}
        End::Held { .. } => assert!(!touched, "14, though something was changed"),
        End::Parked { .. } => {
            // Whoever goes on with it learns that it is over, and changes nothing.
            let before = acts(&stage, "run-1");
            stage.resume(&mut first, None);
            to_the_end(&mut stage, &mut first);
            assert_eq!(acts(&stage, "run-1"), before);
            if displaced_with.is_some() {
                assert!(
                    stage.journals["run-1"]
                        .iter()
                        .any(|record| matches!(record, Record::Displaced { .. })),
                    "{:?}",
                    first.end()
                );
            }
        }
        End::Lost => panic!("{end:?}"),
    }
}

fn claims_everything(stage: &Stage, console: &Console) -> bool {
    console.plan.targets.keys().all(|host| {
        stage
            .sim
            .world()
            .with(host.as_str(), |island, at| {
                let held = |object: &String| island.nodes[at].store.claim(object).run == console.run;
                console.plan.claims_on(host).iter().all(held)
            })
            .unwrap()
    })
}

fn at_any_moment(scene: Scene) {
    let usual = run(&Case { scene, faults: vec![] });
    let ended = |effect: &&Effect| !matches!(effect, Effect::Finish(_));
    let turns = usual.effects.iter().filter(ended).count();
    assert!(turns > 20);
    for after in 0..turns {
        for burst in [1, 4, 1000] {
            for last in [Fate::Usual, Fate::Later(2), Fate::Later(8)] {
                let told = std::panic::catch_unwind(|| taken_over(scene, after, burst, last));
                if let Err(panic) = told {
                    eprintln!("{scene:?}: taken over after {after} turns, the last {last:?}, in bursts of {burst}");
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
}

#[test]
fn a_move_is_taken_over_at_any_moment() {
    at_any_moment(Scene::SliceMove);
}

#[test]
fn a_failover_is_taken_over_at_any_moment() {
    at_any_moment(Scene::Failover);
}

/// A second run takes a move over, and loses a target while it claims: it says that the other one is displaced, keeps
/// what it has, goes on when the target is back, and is given up on demand.
#[test]
fn a_takeover_that_loses_a_target_says_what_it_has_displaced() {
    let scene = Scene::SliceMove;
    let usual = run(&Case { scene, faults: vec![] });
    let writes = |effect: &Effect| matches!(effect, Effect::Write(Record::Outcome { step: 2, .. }));
    let after = usual.effects.iter().position(writes).unwrap() + 1;
    for back in [None, Some("op wants it back")] {
        let mut stage = Stage::new(scene);
        let mut first = stage.console("run-1", plan(scene));
        for _ in 0..after {
            assert!(stage.turn(&mut first, Fate::Usual));
        }
        let mut second = taking_over(&stage, scene);
        // As it is written down before a run begins that is to take another one over.
        let wanted = Record::TakesOver {
            run: "run-1".into(),
            by: "op@run-2".into(),
        };
        stage.journals.insert("run-2".into(), vec![wanted]);
        while !matches!(&second.effect, Effect::Call { host, request: Request::Claim { .. }, .. } if host.as_str() == "stor2")
        {
            assert!(stage.turn(&mut second, Fate::Usual));
        }
        stage.cut.insert("stor2".into(), usize::MAX);
        to_the_end(&mut stage, &mut second);
        let End::Parked {
            why,
            next,
            unknown: false,
            ..
        } = second.end().unwrap()
        else {
            panic!("{:?}", second.end());
        };
        assert!(why.contains("run run-1 is taken over on stor1"), "{why}");
        assert!(next.contains("resume run-2"), "{next}");
        let took = Record::TookOver {
            run: "run-1".into(),
            host: "stor1".into(),
        };
        assert!(stage.journals["run-2"].contains(&took));
        assert_eq!(acts(&stage, "run-2"), 0);

        // The first does not know yet, and changes nothing where it was taken over.
        let before = acts(&stage, "run-1");
        stage.heal();
        stage.resume(&mut first, Some("its person wants it back"));
        to_the_end(&mut stage, &mut first);
        assert!(matches!(first.end(), Some(End::Parked { .. })), "{:?}", first.end());
        assert_eq!(acts(&stage, "run-1"), before);

        stage.resume(&mut second, back);
        to_the_end(&mut stage, &mut second);
        match second.end().unwrap() {
            End::Compensated { stays, .. } => {
                assert!(
                    stays.iter().any(|stays| stays.contains("run run-1 is taken over")),
                    "{stays:?}"
                );
            }
            end => assert!(back.is_none() && *end == End::Done, "{end:?}"),
        }
        invariants::all_told(&stage, &second, second.end().unwrap());
    }
}

/// The server that takes a slice dies in the middle of its move, and the other one, which has all data, keeps clients out:
/// a failover of the dead server takes the move over and lets them in.
#[test]
fn a_move_whose_new_server_dies_is_ended_by_a_failover() {
    let usual = run(&Case {
        scene: Scene::SliceMove,
        faults: vec![],
    });
    let unmounted = |effect: &Effect| matches!(effect, Effect::Write(Record::Outcome { step: 4, .. }));
    let first_turn = usual.effects.iter().position(unmounted).unwrap() + 1;
    let ended = |effect: &&Effect| !matches!(effect, Effect::Finish(_));
    let last_turn = usual.effects.iter().filter(ended).count();
    let mut taken_over = 0;
    for after in first_turn..last_turn {
        let mut stage = Stage::new(Scene::SliceMove);
        let mut first = stage.console("run-1", plan(Scene::SliceMove));
        for _ in 0..after {
            assert!(stage.turn(&mut first, Fate::Usual));
        }
        stage.sim.world().fleet(|island| {
            let stor2 = island.node("stor2").unwrap();
            island.power_off(stor2);
        });
        stage.disturbed.insert("stor2".into());
        to_the_end(&mut stage, &mut first);
        if !matches!(first.end(), Some(End::Parked { .. })) {
            continue;
        }
        taken_over += 1;
        let dead = [("server", "stor2"), ("slices", "web1")];
        let plan = scene::plan_with(Scene::Failover, &stage.sim, stage.hand.now(), &dead);
        let mut second = stage.console("run-2", plan.clone());
        let now = stage.hand.now();
        let engine = Engine::new(plan, "run-2".into(), "op@run-2".into(), now);
        second.engine = engine.taking_over(["run-1".to_owned()]);
        second.effect = second.engine.advance(Event::Begun, stage.time(now));
        to_the_end(&mut stage, &mut second);
        assert_eq!(second.end(), Some(&End::Done), "after {after} turns");
        let closed = stage.sim.world().fleet(|island| {
            let stor1 = island.node("stor1").unwrap();
            island.nodes[stor1].blocked.len()
        });
        assert_eq!(closed, Some(0), "after {after} turns");
    }
    assert!(taken_over > 10, "{taken_over} of {}", last_turn - first_turn);
}
