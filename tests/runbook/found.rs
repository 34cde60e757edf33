//! What random runs have found: the faults by which each of them failed, written out.

use super::{
    case::{At, Case, Fate, Fault, Outcome, plan, run},
    matrix::FOR_EVER,
    passing::Passing,
    scene::Scene,
    stage::Stage,
};
use pointsman::runbook::engine::{self, Effect, End, Record};

fn with<const N: usize>(scene: Scene, faults: [(usize, bool, Fault); N]) -> Outcome {
    let faults = faults.map(|(turn, after, fault)| At { turn, after, fault });
    run(&Case {
        scene,
        faults: faults.to_vec(),
    })
}

/// The turns of a plain run in which the intent of a step is written.
fn intents(scene: Scene) -> Vec<usize> {
    let usual = with(scene, []);
    let intent = |effect: &Effect| matches!(effect, Effect::Write(Record::Intent { .. }));
    let turns = usual.effects.iter().enumerate();
    turns
        .filter(|(_, effect)| intent(effect))
        .map(|(turn, _)| turn)
        .collect()
}

#[test]
fn what_was_seen_before_the_journal_took_long_is_not_acted_on() {
    for scene in [Scene::SliceMove, Scene::Failover, Scene::SplitBrain] {
        for turn in intents(scene) {
            let slow = with(scene, [(turn, false, Fault::SlowDisk(2))]);
            assert_eq!(slow.first, End::Done, "{scene:?} {turn}");
            let looked_again = |effect: &&Effect| {
                matches!(
                    effect,
                    Effect::Write(Record::Outcome {
                        outcome: engine::Outcome::Refused,
                        ..
                    })
                )
            };
            assert_eq!(slow.effects.iter().filter(looked_again).count(), 1, "{scene:?} {turn}");
        }
    }
}

#[test]
fn claims_of_its_own_that_come_late_do_not_hold_a_run_up() {
    let late = (1, true, Fault::Hangs("stor1", 8, "begin"));
    let killed = (9, false, Fault::Killed { back: false });
    for scene in [Scene::FailBackNine, Scene::SliceMove] {
        assert_eq!(with(scene, [late, killed]).first, End::Done, "{scene:?}");
    }
    let late = (1, false, Fault::Hangs("stor1", 7, "begin"));
    let killed = (6, true, Fault::Killed { back: true });
    let end = with(Scene::SplitBrainNine, [late, killed]).first;
    assert!(matches!(end, End::Refused { .. } | End::Compensated { .. }), "{end:?}");
}

#[test]
fn a_slice_that_is_served_stays_though_nobody_could_write_that_it_is() {
    // The console ended when clients had just been let in; the next one wanted it back, and could not write down what it
    // found. Whoever goes on with it finds that out as well before anything is taken back.
    for scene in [Scene::Failover, Scene::FailoverNine, Scene::FailoverBoth] {
        for turn in 18..30 {
            for full in 2..8 {
                let back = (turn, false, Fault::Killed { back: true });
                with(scene, [back, (turn + full, false, Fault::ConsoleFull)]);
            }
        }
    }
}

#[test]
fn a_connection_that_a_new_split_brain_ended_may_be_made_again() {
    // The command that throws data away began, and the power went: what shows that it is done is so after the boot too.
    let hangs = (12, true, Fault::Hangs("stor2", 18, "run"));
    let boots = (18, true, Fault::Rebooted("stor2"));
    let outcome = with(Scene::SplitBrainNine, [hangs, boots]);
    assert!(matches!(outcome.first, End::Parked { .. }), "{:?}", outcome.first);
}

#[test]
fn the_second_operators_run_is_gone_on_with_as_well() {
    let second = |burst| Fault::Second { reverse: false, burst };
    with(
        Scene::FailoverNine,
        [(1, false, Fault::Rebooted("stor2")), (0, true, second(18))],
    );
    with(
        Scene::SliceMove,
        [(3, true, Fault::TargetFull("stor2")), (1, true, second(3))],
    );
    with(
        Scene::SliceMove,
        [(3, false, Fault::LinkCut(1000)), (1, true, second(10))],
    );
    with(
        Scene::FailBackNine,
        [
            (25, true, Fault::LinkCut(1000)),
            (59, false, Fault::Call(Fate::SlowStart(23))),
            (66, false, second(19)),
        ],
    );
}

/// Whether the sides of the slice have each something that the other lacks, after a failover of a half dead server that
/// loses its peer at that turn.
fn went_two_ways(scene: Scene, at: usize) -> bool {
    let mut stage = Stage::new(scene);
    stage.disturbed.insert("stor1".into());
    let mut console = stage.console("run-1", plan(scene));
    for turn in 0.. {
        if turn == at {
            stage.begin(Passing::LinkCut, FOR_EVER);
        }
        if !stage.turn(&mut console, Fate::Usual) {
            break;
        }
    }
    assert_eq!(console.end(), Some(&End::Done), "{scene:?} {at}");
    let world = stage.sim.world();
    let apart = world.fleet(|island| {
        let [one, two] = &island.replicas[0].sides;
        one.generation != two.generation && !one.past.contains(&two.generation) && !two.past.contains(&one.generation)
    });
    apart.unwrap()
}

#[test]
fn what_a_half_dead_server_writes_alone_before_it_is_fenced_is_all_that_goes_two_ways() {
    for scene in [Scene::FailoverHalfDead, Scene::FailoverHalfDeadNine] {
        let effects = with(scene, []).effects;
        let fence = effects
            .iter()
            .position(|effect| matches!(effect, Effect::Local { .. }))
            .unwrap();
        for at in 0..effects.len() {
            // It has acknowledged that to its clients: no look at the other side can tell, and the plan says so.
            assert_eq!(went_two_ways(scene, at), at <= fence, "{scene:?} {at}");
        }
        assert!(plan(scene).loss.unwrap().contains("alone"));
    }
}
