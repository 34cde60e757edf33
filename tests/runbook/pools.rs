//! Pools: what is taken back in time, what is too late to take back, and a scrub that lets clients work.

use super::{
    arrays::{played, ran},
    case::{At, Case, Fault, Outcome, run},
    scene::{NEW_DISK, OLD_DEVICE, Scene},
    stage::Stage,
};
use pointsman::{
    runbook::engine::{End, Record},
    simulate::zfs::Pool,
};

fn pool<T: Default>(stage: &Stage, change: impl FnOnce(&mut Pool) -> T) -> T {
    let world = stage.sim.world();
    world
        .with("stor1", |island, at| change(island.nodes[at].pool.as_mut().unwrap()))
        .unwrap_or_default()
}

/// What was proven at a step.
fn evidence(stage: &Stage, wanted: usize) -> Vec<String> {
    let records = stage.journals["run-1"].iter();
    records
        .filter_map(|record| match record {
            Record::Outcome { step, evidence, .. } if *step == wanted => Some(evidence.clone()),
            _ => None,
        })
        .flatten()
        .collect()
}

#[test]
fn a_device_is_replaced_by_one_command_and_zfs_takes_it_out() {
    for scene in [Scene::PoolReplace, Scene::PoolReplaceFailed] {
        let (stage, end) = played(scene, |_, _| {});
        assert_eq!(end, End::Done, "{scene:?}");
        assert_eq!(
            ran(&stage),
            [format!("zpool replace tank /dev/{OLD_DEVICE} /dev/{NEW_DISK}")],
            "{scene:?}"
        );
        assert!(pool(&stage, |pool| pool.has(NEW_DISK) && pool.state() == "ONLINE"));
    }
}

#[test]
fn a_scrub_pauses_to_see_how_clients_fare_and_tells_what_it_found() {
    let (stage, end) = played(Scene::PoolScrub, |_, _| {});
    assert_eq!(end, End::Done);
    assert_eq!(ran(&stage), ["zpool scrub tank", "zpool scrub -p tank", "pool_on tank"]);
    let told = evidence(&stage, 2).join("\n");
    for wanted in [
        "scrub repaired 393216 in",
        "with 2 errors",
        "2 data errors",
        "blocks could not be mended",
        "tank/slices:<0x8f>, /tank/mail/1.eml",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}

/// Clients are slow as long as a scrub runs, from some turn on; how often it pauses for them.
fn suffering(stage: &mut Stage, turn: usize, from: usize) {
    let runs = pool(stage, |pool| pool.scan.is_some() && !pool.paused);
    stage.sim.world().fleet(|island| {
        island.nodes[0].slow = if turn >= from && runs { 40.0 } else { 1.0 };
        island.settle();
    });
}

#[test]
fn a_scrub_pauses_while_clients_suffer_and_goes_on_when_they_are_well() {
    let (stage, end) = played(Scene::PoolScrub, |stage, turn| {
        let done = pool(stage, |pool| {
            pool.scan_s = 400.0;
            pool.scan.map_or(1.0, |(_, done)| done)
        });
        // For half a minute of its work.
        let from = if (0.05..0.12).contains(&done) { 0 } else { usize::MAX };
        suffering(stage, turn, from);
    });
    assert_eq!(end, End::Done);
    let pauses = ran(&stage).iter().filter(|line| line.contains("-p")).count();
    assert!(pauses > 1, "{:?}", ran(&stage));
}

#[test]
fn a_scrub_that_cannot_pause_is_stopped_when_clients_suffer() {
    let (stage, end) = played(Scene::PoolScrub, |stage, turn| {
        pool(stage, |pool| {
            pool.scan_s = 400.0;
        });
        suffering(stage, turn, 25);
    });
    // With tools that can, it is not.
    assert!(!matches!(end, End::Compensated { .. }), "{end:?}");
    drop(stage);
    let (stage, end) = old_tools(|stage, turn| {
        pool(stage, |pool| pool.scan_s = 400.0);
        suffering(stage, turn, 25);
    });
    assert!(
        matches!(&end, End::Compensated { why, stays } if why.contains("cannot pause with the ZFS of stor1") && stays.is_empty()),
        "{end:?}"
    );
    assert_eq!(ran(&stage), ["zpool scrub tank", "zpool scrub -s tank"]);
}

/// The same on a server whose tools know no pause.
fn old_tools(each: impl Fn(&mut Stage, usize)) -> (Stage, End) {
    let mut stage = Stage::new(Scene::PoolScrub);
    pool(&stage, |pool| pool.pauses = false);
    let end = super::arrays::play(&mut stage, each);
    (stage, end)
}

#[test]
fn a_scrub_that_somebody_breaks_off_is_not_waited_for() {
    let (stage, end) = played(Scene::PoolScrub, |stage, turn| {
        pool(stage, |pool| {
            if turn > 20 && pool.scan.is_some() {
                pool.stop(1).unwrap();
            }
        });
    });
    assert!(
        matches!(&end, End::Compensated { why, .. } if why.contains("was broken off: scrub canceled")),
        "{end:?}"
    );
    drop(stage);
}

/// The disk that is resilvered is gone: it is not waited for, and the old one stays.
#[test]
fn a_new_disk_that_leaves_is_given_up() {
    let (stage, end) = played(Scene::PoolReplace, |stage, turn| {
        pool(stage, |pool| {
            if turn > 15 && pool.replacing.is_some() {
                pool.detach(NEW_DISK, 1).unwrap();
            }
        });
    });
    assert!(
        matches!(&end, End::Compensated { why, stays } if why.contains("is no device of tank") && stays.is_empty()),
        "{end:?}"
    );
    assert!(pool(&stage, |pool| pool.has(OLD_DEVICE)));
}

/// Until the new disk has its data everything is taken back; from then on it stays, and nothing is detached that would be
/// missed.
#[test]
fn a_replacement_is_taken_back_until_the_new_disk_has_its_data() {
    let plain = run(&Case {
        scene: Scene::PoolReplace,
        faults: vec![],
    });
    assert_eq!(plain.first, End::Done);
    let with = |turn, fault| -> Outcome {
        run(&Case {
            scene: Scene::PoolReplace,
            faults: vec![At {
                turn,
                after: false,
                fault,
            }],
        })
    };
    let (mut wholly, mut late) = (0, 0);
    for turn in 8..plain.effects.len() {
        for fault in [Fault::Cancelled, Fault::Killed { back: true }] {
            match with(turn, fault).first {
                End::Compensated { stays, .. } if stays.is_empty() => wholly += 1,
                End::Compensated { stays, .. } => {
                    late += 1;
                    assert!(
                        stays.iter().any(|stay| stay.contains("too late to take it back")),
                        "{stays:?}"
                    );
                }
                End::Parked { .. } => late += 1,
                End::Done => {}
                other => panic!("{turn}: {other:?}"),
            }
        }
    }
    assert!(wholly > 10 && late > 0, "{wholly} {late}");
}
