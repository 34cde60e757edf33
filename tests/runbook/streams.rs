//! Migrations by snapshots of ZFS: what was acknowledged is in the copy once it is opened, nothing without our mark is received
//! over, and neither side keeps snapshots of a run that is over.

use super::{
    case::{At, Case, Fault, run},
    migration::{played_in, ran},
    scene::Scene,
    stage::Stage,
};
use pointsman::{
    runbook::engine::{Control, End, Record},
    simulate::stream::Dataset,
};

/// The old dataset and the new one.
fn datasets(stage: &Stage) -> [Dataset; 2] {
    let both = stage.sim.world().fleet(|island| {
        let of = |name: &str| {
            island
                .copies
                .datasets
                .iter()
                .find(|it| it.name == name)
                .unwrap()
                .clone()
        };
        [of("tank/web1"), of("pool/web1")]
    });
    both.unwrap()
}

#[test]
fn a_dataset_is_brought_by_snapshots_closed_compared_and_opened() {
    let (stage, _, end) = played_in(Scene::MigrateZfs, |_, _, _| {});
    assert_eq!(end, End::Done);
    let expected = [
        "task_forget web1",
        "stream_begin /srv/web1",
        "stream_go web1.1",
        "stream_go web1.2",
        "stream_go web1-last",
        "stream_unlock pool/web1",
        "exportfs -o",
        "ip addr",
        "announce 10.9.0.100",
        "copy_close /srv/web1",
    ];
    // A pass that was long enough to be seen twice is let go on once more.
    let mut commands = ran(&stage, "stor3");
    commands.dedup();
    assert_eq!(commands, expected);
    let [old, new] = datasets(&stage);
    assert_eq!((old.old.as_deref(), old.snapshots.len()), (Some("web1"), 0));
    assert_eq!((new.snapshots.len(), new.old), (0, None));
    let mut evidence = stage.journals["run-1"].iter().filter_map(|record| match record {
        Record::Outcome { step: 8, evidence, .. } => evidence.first(),
        _ => None,
    });
    let said = evidence.next().unwrap();
    assert!(
        said.contains("both have the snapshot pointsman-run-3") && said.contains("nothing was written since"),
        "{said}"
    );
}

/// A connection that is lost in the first pass costs what was under way, where both can go on with a stream.
#[test]
fn a_stream_that_was_cut_is_gone_on_with_where_the_tools_can() {
    for resumes in [true, false] {
        let mut cut = false;
        let (stage, _, end) = played_in(Scene::MigrateZfs, |stage, _, _| {
            let now = stage.sim.world().fleet(|island| {
                for dataset in &mut island.copies.datasets {
                    dataset.resumes = resumes;
                }
                let new = island.node("stor3").unwrap();
                let task = island.nodes[new].store.tasks.get("web1.1");
                task.and_then(|task| task.left_s).is_some_and(|left| left < 4.0)
            });
            if now.unwrap() && !cut {
                cut = true;
                stage.sim.world().with("stor3", |island, at| {
                    let task = island.nodes[at].store.tasks.get_mut("web1.1").unwrap();
                    task.killed = true;
                });
            }
        });
        assert!(cut, "{resumes}");
        assert_eq!(end, End::Done, "{resumes}");
        // Each snapshot has a number of its own: with a stream that is gone on with there is one fewer.
        let made = stage.sim.world().fleet(|island| island.copies.guids).unwrap();
        assert_eq!(made, if resumes { 3 } else { 4 }, "{resumes}");
    }
}

/// Somebody writes to the copy: it is not received over, and nobody is let in to it.
#[test]
fn a_copy_that_was_changed_is_neither_received_over_nor_opened() {
    let (stage, _, end) = played_in(Scene::MigrateZfs, |stage, _, _| {
        stage.sim.world().fleet(|island| {
            for dataset in &mut island.copies.datasets {
                dataset.modified |= dataset.node != 0 && !dataset.snapshots.is_empty();
            }
        });
    });
    assert!(
        matches!(&end, End::Compensated { why, .. } if why.contains("has been modified")),
        "{end:?}"
    );
    super::ends::served(&stage, "web1", "stor1").unwrap();
    assert!(datasets(&stage)[0].snapshots.is_empty());
}

/// The copy takes a write after the last snapshot: equal snapshots alone prove nothing.
#[test]
fn a_write_after_the_last_snapshot_is_found() {
    let (stage, _, end) = played_in(Scene::MigrateZfs, |stage, _, _| {
        stage.sim.world().with("stor3", |island, at| {
            let last = island.nodes[at].store.tasks.get("web1-last");
            let changes = last.is_some_and(|task| task.ended.is_some());
            for dataset in island.copies.datasets.iter_mut().filter(|it| it.node == at) {
                dataset.modified |= changes;
            }
        });
    });
    assert!(
        matches!(&end, End::Compensated { why, .. } if why.contains("bytes were written to pool/web1")),
        "{end:?}"
    );
    super::ends::served(&stage, "web1", "stor1").unwrap();
}

/// What a run leaves behind that was cancelled lets the next one bring only what is new.
#[test]
fn another_run_goes_on_from_what_the_first_has_brought() {
    let mut cancelled = false;
    let (mut stage, _, end) = played_in(Scene::MigrateZfs, |stage, console, _| {
        let second = stage.sim.world().with("stor3", |island, at| {
            island.nodes[at].store.tasks.contains_key("web1.2")
        });
        if second.unwrap() && !cancelled {
            cancelled = true;
            console.engine.control(Control::Cancel("op".into()));
        }
    });
    assert!(matches!(end, End::Compensated { .. }), "{end:?}");
    let [old, new] = datasets(&stage);
    assert!(old.snapshots.is_empty() && !old.bookmarks.is_empty(), "{old:?}");
    assert!(!new.snapshots.is_empty());
    let plan = super::scene::plan(Scene::MigrateZfs, &stage.sim, stage.hand.now());
    let mut console = stage.console("run-2", plan);
    for _ in 0..4000 {
        if !stage.turn(&mut console, super::case::Fate::Usual) {
            break;
        }
    }
    assert_eq!(console.end(), Some(&End::Done));
}

/// Killed at every turn, taken back or gone on with: a run ends in one of the two.
#[test]
fn killed_anywhere_it_ends_on_one_of_the_two_sides() {
    let plain = run(&Case {
        scene: Scene::MigrateZfs,
        faults: vec![],
    });
    for turn in (0..plain.effects.len()).step_by(3) {
        for back in [false, true] {
            run(&Case {
                scene: Scene::MigrateZfs,
                faults: vec![At {
                    turn,
                    after: true,
                    fault: Fault::Killed { back },
                }],
            });
        }
    }
}
