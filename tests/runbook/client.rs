//! A run is done when a client says so: not when its servers do.

use super::{
    case::{Fate, plan},
    scene::Scene,
    stage::{Console, Stage},
};
use pointsman::{
    runbook::engine::{End, Record},
    simulate::nfs::MountState,
};

fn force(stage: &Stage, sees: Option<MountState>) {
    stage.sim.world().fleet(|island| {
        let client = island.node("client").unwrap();
        for mount in &mut island.nodes[client].mounts {
            mount.forced = sees;
        }
        island.settle();
    });
}

fn until_end(stage: &mut Stage, console: &mut Console) -> End {
    while stage.turn(console, Fate::Usual) {}
    console.end().unwrap().clone()
}

/// Runs a scene while its client sees this, up to the end.
fn parked(scene: Scene, sees: MountState) -> (Stage, Console) {
    let mut stage = Stage::new(scene);
    if scene != Scene::SliceMove {
        stage.disturbed.insert("stor1".into());
    }
    force(&stage, Some(sees));
    let mut console = stage.console("run-1", plan(scene));
    match until_end(&mut stage, &mut console) {
        End::Parked { step, why, unknown, .. } => {
            assert_eq!(step + 1, console.plan.steps.len(), "{why}");
            assert!(unknown && why.contains("client: /mnt/web1"), "{why}");
        }
        other => panic!("{scene:?} {sees:?}: {other:?}"),
    }
    (stage, console)
}

#[test]
fn a_client_that_is_not_served_parks_the_run_and_one_that_is_ends_it() {
    for scene in [Scene::SliceMove, Scene::Failover, Scene::FailBack] {
        for sees in [MountState::Hung(0), MountState::Stale] {
            let (mut stage, mut console) = parked(scene, sees);
            force(&stage, None);
            stage.resume(&mut console, None);
            assert_eq!(until_end(&mut stage, &mut console), End::Done, "{scene:?} {sees:?}");
        }
    }
}

#[test]
fn a_move_that_no_client_proves_can_be_taken_back() {
    let (mut stage, mut console) = parked(Scene::SliceMove, MountState::Hung(0));
    force(&stage, None);
    stage.resume(&mut console, Some("the operator wants it back"));
    let end = until_end(&mut stage, &mut console);
    assert!(matches!(end, End::Compensated { .. }), "{end:?}");
    super::invariants::served(&stage, "web1", "stor1").unwrap();
    let last = console.plan.steps.len() - 1;
    let undone = |record: &&Record| matches!(record, Record::Intent { step, back: true, .. } if *step == last);
    assert_eq!(
        stage.journals["run-1"].iter().find(undone),
        None,
        "there is nothing of it to take back"
    );
}
