//! Arrays: how fast they go, what is taken back in time, and what is too late to take back.

use super::{
    case::{At, Case, Fate, Fault, Outcome, run},
    scene::{self, NEW_DISK, OLD_DISK, Scene},
    stage::Stage,
};
use pointsman::runbook::engine::{Effect, End, Record};

fn with(scene: Scene, turn: usize, fault: Fault) -> Outcome {
    run(&Case {
        scene,
        faults: vec![At {
            turn,
            after: false,
            fault,
        }],
    })
}

fn turns(scene: Scene) -> usize {
    let plain = run(&Case { scene, faults: vec![] });
    assert_eq!(plain.first, End::Done, "{scene:?}");
    plain.effects.len()
}

/// Plays a scene to its end; what happens at each turn is up to the caller.
pub fn played(scene: Scene, each: impl Fn(&mut Stage, usize)) -> (Stage, End) {
    let mut stage = Stage::new(scene);
    let end = play(&mut stage, each);
    (stage, end)
}

/// The same on a stage that is as it is.
pub fn play(stage: &mut Stage, each: impl Fn(&mut Stage, usize)) -> End {
    let plan = scene::plan(stage.scene, &stage.sim, stage.hand.now());
    let mut console = stage.console("run-1", plan);
    for turn in 0..2000 {
        each(stage, turn);
        if !stage.turn(&mut console, Fate::Usual) {
            break;
        }
    }
    console.end().expect("an end").clone()
}

/// What was run on the server, in order.
pub fn ran(stage: &Stage) -> Vec<String> {
    let ran = stage.sim.world().with("stor1", |island, at| {
        let ran = island.nodes[at].store.ran.iter();
        ran.map(|ran| ran.argv.join(" ")).collect()
    });
    ran.unwrap()
}

#[test]
fn a_rebuild_begins_slowly_goes_faster_while_clients_are_well_and_leaves_no_limit() {
    let (stage, end) = played(Scene::DiskReplace, |_, _| {});
    assert_eq!(end, End::Done);
    let expected = [
        &format!("mdadm --manage /dev/md0 --add /dev/{NEW_DISK}"),
        &format!("mdadm --manage /dev/md0 --replace /dev/{OLD_DISK} --with /dev/{NEW_DISK}"),
        "md_limit md0 1000",
        "md_limit md0 2000",
        "md_limit md0 4000",
        "md_limit md0 system",
        &format!("mdadm --manage /dev/md0 --remove {OLD_DISK}"),
    ];
    assert_eq!(ran(&stage), expected);
}

/// An array that is slow for its clients from some moment on.
fn suffers(stage: &mut Stage, turn: usize, from: usize) {
    if turn >= from {
        stage.sim.world().fleet(|island| {
            island.nodes[0].slow = 40.0;
            island.settle();
        });
    }
}

#[test]
fn a_check_is_stopped_when_clients_suffer_and_a_rebuild_goes_on_slowly() {
    let (stage, end) = played(Scene::Scrub, |stage, turn| {
        // It takes long enough to be stopped.
        stage
            .sim
            .world()
            .fleet(|island| island.nodes[0].arrays[0].member_kib = 1_000_000);
        suffers(stage, turn, 16);
    });
    assert!(
        matches!(&end, End::Compensated { why, stays } if why.contains("ms at the start") && stays.is_empty()),
        "{end:?}"
    );
    let last: Vec<String> = ran(&stage).into_iter().rev().take(3).rev().collect();
    assert_eq!(
        last,
        ["md_limit md0 system", "md_check md0 stop", "md_limit md0 system"]
    );
    let (stage, end) = played(Scene::DiskReplace, |stage, turn| suffers(stage, turn, 20));
    assert_eq!(end, End::Done);
    assert!(
        !ran(&stage).contains(&"md_limit md0 4000".to_owned()),
        "{:?}",
        ran(&stage)
    );
}

#[test]
fn what_a_scrub_found_is_explained() {
    let (stage, end) = played(Scene::Scrub, |_, _| {});
    assert_eq!(end, End::Done);
    let evidence: Vec<&String> = stage.journals["run-1"]
        .iter()
        .filter_map(|record| match record {
            Record::Outcome { step: 1, evidence, .. } => evidence.first(),
            _ => None,
        })
        .collect();
    assert!(
        matches!(evidence.as_slice(), [one] if one.contains("128 sectors differ: it may be harmless")),
        "{evidence:?}"
    );
}

/// Until the new disk is complete everything is taken back; from then on the end says what stays, and once that is
/// proven there is no way back at all.
#[test]
fn a_replacement_is_taken_back_until_the_new_disk_is_complete() {
    let (mut wholly, mut partly, mut onward) = (0, 0, 0);
    for turn in 10..turns(Scene::DiskReplace) {
        for fault in [Fault::Cancelled, Fault::Killed { back: true }] {
            match with(Scene::DiskReplace, turn, fault).first {
                End::Compensated { stays, .. } if stays.is_empty() => wholly += 1,
                End::Compensated { stays, .. } => {
                    partly += 1;
                    assert!(
                        stays.iter().any(|stay| stay.contains("too late to take it back")),
                        "{stays:?}"
                    );
                }
                End::Parked { next, .. } => {
                    onward += 1;
                    // Cancelled in its last step, or wanted back by whoever resumes it.
                    let onwards = ["doing step 6", "cannot be taken back: resume"];
                    assert!(onwards.iter().any(|way| next.contains(way)), "{next}");
                }
                End::Done => {}
                other => panic!("{turn} {fault:?}: {other:?}"),
            }
        }
    }
    assert!(wholly > 10 && partly > 0 && onward > 0, "{wholly} {partly} {onward}");
}

/// The disk that is rebuilt onto dies: it is not waited for, and the old one stays.
#[test]
fn a_new_disk_that_dies_is_given_up_and_the_old_one_stays() {
    let (stage, end) = played(Scene::DiskReplace, |stage, turn| {
        stage.sim.world().fleet(|island| {
            let node = &mut island.nodes[0];
            let new = node.disks.iter().position(|disk| disk.name == NEW_DISK).unwrap();
            if turn == 24 {
                assert!(node.arrays[0].fail_disk(new));
            }
        });
    });
    assert!(
        matches!(&end, End::Compensated { why, stays } if why.contains("has failed while it was rebuilt") && stays.is_empty()),
        "{end:?}"
    );
    let effects = ran(&stage);
    assert!(effects.contains(&format!("md_out md0 {NEW_DISK}")), "{effects:?}");
}

/// A limit is set by a command of the run like any other: by its claims, with a receipt, and not by somebody whose run
/// is over.
#[test]
fn a_limit_is_sent_by_the_claims_of_the_run() {
    let plain = run(&Case {
        scene: Scene::DiskReplace,
        faults: vec![],
    });
    let limits = plain.effects.iter().filter(|effect| {
        matches!(effect, Effect::Call { request: pointsman::runbook::target::Request::Act { commands, objects, .. }, .. }
            if commands[0][0] == "md_limit" && objects.contains(&"array-md0".to_owned()))
    });
    assert_eq!(limits.count(), 4);
}
