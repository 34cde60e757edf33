//! A slice that is served from its backup: clients are let in to the whole of one, and only while nobody can serve the old data
//! beside it; a restore goes on where a console ended.

use super::{
    case::{At, Case, Fate, Fault, run},
    scene::{self, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    runbook::engine::{Control, Effect, End, Record},
    simulate::{act::Mishap, island::Island, node::Power},
};
use std::collections::BTreeSet;

/// The task that restores.
const TASK: &str = "restore@web1";

/// 1, 2, 19, 20: after every event.
pub fn check(stage: &Stage, island: &Island) {
    if !stage.scene.is_restored() {
        return;
    }
    let (replica, plain) = (&island.replicas[0], &island.copies.plains[0]);
    let node = &island.nodes[plain.node];
    let opened = node.power != Power::Off && node.service_addresses.contains(&replica.address);
    let device = replica.device();
    let old = replica.sides.iter().map(|side| &island.nodes[side.node]);
    let mut old = old.filter(|node| node.power != Power::Off);
    let serves = old.find(|node| {
        node.service_addresses.contains(&replica.address) || node.filesystems.iter().any(|it| it.source == device)
    });
    if let Some(old) = serves.filter(|_| opened) {
        panic!(
            "2: {} is served by what was restored, and {} has it too",
            replica.slice, old.name
        );
    }
    assert!(
        !(opened || plain.own > 0.0) || plain.restored.as_deref() == Some("web1-3"),
        "1: clients are let in, and {:?} was restored",
        plain.restored
    );
    let exported = node.nfs_server.as_ref();
    let exported = exported.is_some_and(|server| server.exports.iter().any(|export| export.path == plain.mount_point));
    let restores = node.store.tasks.get(TASK).is_some_and(|task| task.is_alive(node.boots));
    assert!(!(exported && restores), "19: a backup is restored to what is exported");
    assert!(
        !restores || plain.mark.is_some(),
        "20: a backup is restored to what does not bear our mark"
    );
}

/// Whether clients are let in to what was restored.
pub fn serving(stage: &Stage, to: &str) -> BTreeSet<&'static str> {
    let serves = stage.sim.world().with(to, |island, at| {
        let (replica, plain) = (&island.replicas[0], &island.copies.plains[0]);
        let node = &island.nodes[at];
        let mut exports = node.nfs_server.iter().flat_map(|server| &server.exports);
        node.service_addresses.contains(&replica.address) && exports.any(|export| export.path == plain.mount_point)
    });
    serves.unwrap().then_some("web1").into_iter().collect()
}

fn played(scene: Scene, mut each: impl FnMut(&mut Stage, &mut Console)) -> (Stage, Console, End) {
    let mut stage = Stage::new(scene);
    let plan = scene::plan(scene, &stage.sim, stage.hand.now());
    let mut console = stage.console("run-1", plan);
    let end = on(&mut stage, &mut console, &mut each);
    (stage, console, end)
}

fn on(stage: &mut Stage, console: &mut Console, each: &mut impl FnMut(&mut Stage, &mut Console)) -> End {
    for _ in 0..4000 {
        each(stage, console);
        if !stage.turn(console, Fate::Usual) {
            break;
        }
    }
    console.end().expect("an end").clone()
}

/// The first words of the commands that ran on the server that takes the slice's place.
fn ran(stage: &Stage) -> Vec<String> {
    let ran = stage.sim.world().with("stor3", |island, at| {
        let ran = island.nodes[at].store.ran.iter();
        ran.map(|ran| ran.argv.iter().take(2).cloned().collect::<Vec<_>>().join(" "))
            .collect()
    });
    ran.unwrap()
}

#[test]
fn a_slice_whose_servers_are_lost_is_served_from_its_backup() {
    let (stage, console, end) = played(Scene::RestoreFromBackup, |_, _| {});
    assert_eq!(end, End::Done);
    assert_eq!(
        ran(&stage),
        [
            "task_forget restore@web1",
            "copy_begin /srv/web1",
            "task_go restore@web1",
            "backup_compare restore@web1-check",
            "exportfs -o",
            "ip addr",
            "announce 10.9.0.100",
            "copy_close /srv/web1",
        ]
    );
    let restore = console.plan.layouts.restore.as_ref().unwrap();
    let chosen = restore.chosen.as_ref().unwrap();
    assert_eq!(chosen.argv.join(" "), "site fetch web1 web1-3 /srv/web1");
    let loss = console.plan.loss.as_deref().unwrap_or_default();
    assert!(loss.contains("since 2026-11-20T19:00:00Z, when web1-3 began"), "{loss}");
    let off: Vec<_> = console
        .plan
        .steps
        .iter()
        .flat_map(|step| step.operation.fences())
        .collect();
    assert_eq!(off.len(), 2, "{off:?}");
}

/// A server that lives goes on with what else it serves: it is not switched off.
#[test]
fn a_server_without_usable_data_stays_on() {
    let (stage, console, end) = played(Scene::RestoreBesideOne, |_, _| {});
    assert_eq!(end, End::Done);
    let off: Vec<_> = console
        .plan
        .steps
        .iter()
        .flat_map(|step| step.operation.fences())
        .collect();
    assert_eq!(off, ["stor1".into()]);
    assert_eq!(stage.power("stor2"), Power::Up);
}

/// The console dies while the backup is restored: another one goes on with that, and begins nothing twice.
#[test]
fn another_console_goes_on_with_a_restore_under_way() {
    let mut began = 0;
    let (stage, _, end) = played(Scene::RestoreFromBackup, |stage, console| {
        let runs = stage.sim.world().with("stor3", |island, at| {
            let node = &island.nodes[at];
            let task = node.store.tasks.get(TASK);
            task.is_some_and(|task| task.is_alive(node.boots))
        });
        if runs.unwrap() && began == 0 {
            began += 1;
            stage.hand.forward(std::time::Duration::from_secs(1));
            stage.resume(console, None);
        }
    });
    assert_eq!((end, began), (End::Done, 1));
    let marked = ran(&stage).into_iter().filter(|ran| ran == "copy_begin /srv/web1");
    assert_eq!(marked.count(), 1);
}

/// What fails is mended by a person, and the run goes on: it restores anew.
#[test]
fn a_restore_that_fails_parks_and_is_begun_anew() {
    let mut away = Vec::new();
    let mut stage = Stage::new(Scene::RestoreFromBackup);
    let plan = scene::plan(Scene::RestoreFromBackup, &stage.sim, stage.hand.now());
    // The host of the backups has lost them meanwhile.
    stage.sim.world().with("client", |island, at| {
        away = std::mem::take(&mut island.nodes[at].store.vault.backups);
    });
    let mut console = stage.console("run-1", plan);
    let end = on(&mut stage, &mut console, &mut |_, _| {});
    assert!(
        matches!(&end, End::Parked { why, next, .. } if why.contains("no such backup") && next.contains("restore web1-3")),
        "{end:?}"
    );
    stage.sim.world().with("client", |island, at| {
        island.nodes[at].store.vault.backups = std::mem::take(&mut away);
    });
    stage.heal();
    stage.resume(&mut console, None);
    assert_eq!(on(&mut stage, &mut console, &mut |_, _| {}), End::Done);
}

/// Half a backup is let in to nobody: the run ends before clients can see any of it.
#[test]
fn a_backup_that_lacks_something_is_not_served() {
    let mut stage = Stage::new(Scene::RestoreFromBackup);
    stage.sim.world().with("client", |island, at| {
        island.nodes[at]
            .store
            .vault
            .backups
            .iter_mut()
            .for_each(|backup| backup.files = 0);
    });
    let plan = scene::plan(Scene::RestoreFromBackup, &stage.sim, stage.hand.now());
    let mut console = stage.console("run-1", plan);
    let end = on(&mut stage, &mut console, &mut |_, _| {});
    assert!(
        matches!(&end, End::Parked { why, .. } if why.contains("what web1-3 has brought is not whole: it holds no file")),
        "{end:?}"
    );
    assert_eq!(serving(&stage, "stor3"), BTreeSet::new());
    // Whoever wants another one ends this run.
    stage.resume(&mut console, Some("an older one is tried"));
    let end = on(&mut stage, &mut console, &mut |_, _| {});
    assert!(matches!(end, End::Compensated { .. }), "{end:?}");
}

/// An old server that somebody switches on again while its slice is restored: nobody is let in beside it.
#[test]
fn an_old_server_that_comes_back_keeps_clients_out() {
    for host in ["stor1", "stor2"] {
        let mut back = false;
        let (stage, _, end) = played(Scene::RestoreFromBackup, |stage, _| {
            let runs = stage
                .sim
                .world()
                .with("stor3", |island, at| island.nodes[at].store.tasks.contains_key(TASK));
            if runs.unwrap() && !back {
                back = true;
                stage.sim.world().with(host, |island, at| {
                    let now = island.now_ms;
                    island.nodes[at].boot(now);
                    island.settle();
                });
            }
        });
        assert!(
            matches!(&end, End::Parked { why, .. } if why.contains(&format!("{host} is off"))),
            "{host}: {end:?}"
        );
        assert_eq!(serving(&stage, "stor3"), BTreeSet::new(), "{host}");
    }
}

/// While a side has all that a backup has, or may have, a backup is no resort; neither is it beside one that serves.
#[test]
fn a_side_with_data_stands_against_it() {
    type Makes = fn(&mut Island);
    let cases: [(Makes, &str); 3] = [
        (
            |island| island.replicas[0].resync = None,
            "the data of web1 on stor2 is UpToDate: it has all that a backup has, and more; use failover",
        ),
        (
            |island| island.add_address(0, 1),
            "stor2 carries 10.9.0.100; take that away there first; or have it switched off, with all that it serves: --force=stor2",
        ),
        (
            |island| {
                let new = island.node("stor3").unwrap();
                let address = island.replicas[0].address;
                island.nodes[new].service_addresses.push(address);
            },
            "somebody answers stor3 for 10.9.0.100",
        ),
    ];
    for (make, says) in cases {
        let stage = Stage::new(Scene::RestoreBesideOne);
        assert_eq!(
            scene::refusals(Scene::RestoreBesideOne, &stage.sim, stage.hand.now()),
            ""
        );
        stage.sim.world().fleet(|island| {
            make(island);
            if says.contains("UpToDate") {
                island.replicas[0].sides[1].data = pointsman::simulate::drbd::Data::UpToDate;
            }
            island.settle();
        });
        let said = scene::refusals(Scene::RestoreBesideOne, &stage.sim, stage.hand.now());
        assert!(said.contains(says), "lacks {says:?}: {said}");
    }
}

/// It is cancelled while it restores: what runs is ended, and what stays is told.
#[test]
fn whoever_cancels_is_told_what_stays() {
    let mut cancelled = false;
    let (stage, _, end) = played(Scene::RestoreFromBackup, |stage, console| {
        let runs = stage
            .sim
            .world()
            .with("stor3", |island, at| island.nodes[at].store.tasks.contains_key(TASK));
        if runs.unwrap() && !std::mem::replace(&mut cancelled, true) {
            console.engine.control(Control::Cancel("op".into()));
        }
    });
    let End::Compensated { stays, .. } = &end else {
        panic!("{end:?}");
    };
    // Both were off when it began: that is not of its doing.
    assert!(
        matches!(stays.as_slice(), [one] if one.contains("is written over when it is begun anew")),
        "{stays:?}"
    );
    let tasks = stage
        .sim
        .world()
        .with("stor3", |island, at| island.nodes[at].store.tasks.len());
    assert_eq!(tasks, Some(0));
}

/// What was opened is not taken away again, whatever fails behind it.
#[test]
fn once_it_is_open_there_is_no_way_but_forwards() {
    let usual = run(&Case {
        scene: Scene::RestoreFromBackup,
        faults: vec![],
    });
    let opened = usual.effects.iter().position(|effect| {
        matches!(effect, Effect::Write(Record::Intent { step, .. }) if super::case::plan(Scene::RestoreFromBackup).steps[*step].call.action == "client-wake")
    });
    let cancelled = run(&Case {
        scene: Scene::RestoreFromBackup,
        faults: vec![At {
            turn: opened.unwrap(),
            after: false,
            fault: Fault::Cancelled,
        }],
    });
    assert!(
        matches!(cancelled.first, End::Parked { .. } | End::Done),
        "{:?}",
        cancelled.first
    );
    let lies = run(&Case {
        scene: Scene::RestoreFromBackup,
        faults: vec![At {
            turn: opened.unwrap(),
            after: false,
            fault: Fault::Command("stor3", Mishap::Fails),
        }],
    });
    assert_eq!(lies.last, End::Done);
}
