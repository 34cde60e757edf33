//! Migrations: there are never two that can be written, nothing that was acknowledged is missing in the copy once it is
//! opened, and a copy goes on where a console ended.

use super::{
    case::{At, Case, Fault, run},
    scene::{self, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    runbook::{
        engine::{Control, Effect, End, Outcome, Record},
        plan::Plan,
    },
    simulate::{
        act::Mishap,
        copy::{Plain, Task},
        drbd::Resync,
        island::Island,
        node::Power,
    },
};

/// 1, 2: after every event.
pub fn check(stage: &Stage, island: &Island) {
    if !stage.scene.is_copied() {
        return;
    }
    for plain in &island.copies.plains {
        one(stage, island, plain);
    }
}

/// The slice that moves to that filesystem, by its place in the island.
fn moves_to(island: &Island, plain: &Plain) -> usize {
    let mut replicas = island.replicas.iter();
    replicas
        .position(|replica| replica.mount_point == plain.mount_point)
        .unwrap()
}

fn one(stage: &Stage, island: &Island, plain: &Plain) {
    let of = moves_to(island, plain);
    let replica = &island.replicas[of];
    let node = &island.nodes[plain.node];
    let opened = node.power != Power::Off && node.service_addresses.contains(&replica.address);
    let device = replica.device();
    let writable = island.nodes.iter().any(|node| {
        let mut filesystems = node.filesystems.iter();
        node.power != Power::Off && filesystems.any(|filesystem| filesystem.source == device && !filesystem.read_only)
    });
    assert!(
        !(opened && writable),
        "2: {} can be written in two places",
        replica.slice
    );
    if opened || plain.own > 0.0 {
        let written = island.copies.written.get(&of).copied().unwrap_or_default();
        assert_eq!(
            plain.has,
            Some((of, written)),
            "1: the copy was opened, and has not all that was written to {}",
            replica.slice
        );
    }
    let exported = node.nfs_server.as_ref();
    let exported = exported.is_some_and(|server| server.exports.iter().any(|export| export.path == plain.mount_point));
    let pulls = node
        .store
        .tasks
        .values()
        .any(|task| task.is_alive(node.boots) && task.left_s.is_some() && writes_to(task, plain));
    assert!(!(exported && pulls), "19: a copy is overwritten while it is exported");
    assert!(
        !(pulls && plain.mark.is_none()),
        "19: {} is overwritten, and bears no mark",
        plain.device
    );
    let wiped = island.nodes[0].store.wiped.contains(&device);
    assert!(
        !wiped || opened || !stage.disturbed.is_empty(),
        "10: the old side is gone, and the new one does not serve"
    );
    assert!(
        !wiped || stage.scene == Scene::MigrateReclaim,
        "10: a migration threw its old side away"
    );
}

fn writes_to(task: &Task, plain: &Plain) -> bool {
    let place = task.argv.last().map(|place| place.trim_end_matches('/'));
    place == Some(plain.mount_point.as_str())
}

/// 16, 21: what a run that is over has made of it.
pub fn ended(stage: &Stage, end: &End) -> Result<(), String> {
    let over = matches!(end, End::Done | End::Compensated { .. } | End::Refused { .. });
    if !stage.scene.is_copied() || !over {
        return Ok(());
    }
    stage
        .sim
        .world()
        .fleet(|island| {
            for node in &island.nodes {
                let mut tasks = node.store.tasks.iter();
                if let Some((name, _)) = tasks.find(|(_, task)| task.is_alive(node.boots)) {
                    return Err(format!("{name} runs on {} still", node.name));
                }
            }
            let all = matches!(end, End::Done) || matches!(end, End::Compensated { stays, .. } if stays.is_empty());
            let old = island.copies.datasets.iter().filter(|dataset| dataset.node == 0);
            match old.flat_map(|dataset| &dataset.snapshots).next() {
                Some(snapshot) if all => Err(format!("the snapshot {} is left", snapshot.name)),
                _ => Ok(()),
            }
        })
        .unwrap()
}

/// 21: slices that moved one after the other: each is served by the side that its last step, if that is done, brought it to;
/// those of hosts that have lost what they served are left out.
pub fn each_served(stage: &Stage, plan: &Plan, gone: &dyn Fn(&str) -> bool) -> Result<(), String> {
    let journals = stage.journals.values();
    for row in plan.rolling.iter().flat_map(|rolling| &rolling.rows) {
        let last = row.steps.last().unwrap();
        let done = |record: &Record| matches!(record, Record::Outcome { step, back: false, outcome: Outcome::Done | Outcome::AlreadySo, .. } if step == last);
        if journals.clone().flatten().any(done) {
            if !gone("stor3") {
                slice_served(stage, &row.name, "stor3")?;
            }
            continue;
        }
        let home = if row.name == "web1" { "stor1" } else { "stor2" };
        if !gone(home) {
            super::ends::served(stage, &row.name, home)?;
        }
    }
    Ok(())
}

/// Clients of the first slice are served by its copy.
pub fn served(stage: &Stage, host: &str) -> Result<(), String> {
    slice_served(stage, "web1", host)
}

fn slice_served(stage: &Stage, slice: &str, host: &str) -> Result<(), String> {
    stage
        .sim
        .world()
        .fleet(|island| {
            island.settle();
            let replica = &island.replicas[island.replica(slice).unwrap()];
            let mut plains = island.copies.plains.iter();
            let plain = plains.find(|plain| plain.mount_point == replica.mount_point).unwrap();
            let node = &island.nodes[plain.node];
            let exported = node.nfs_server.as_ref();
            let exported =
                exported.is_some_and(|server| server.exports.iter().any(|export| export.path == plain.mount_point));
            let open = node.service_addresses.contains(&replica.address) && !node.blocked.contains(&replica.address);
            if &*node.name == host && exported && open && plain.mark.is_none() {
                return Ok(());
            }
            Err(format!("{} is not served by {host}", replica.slice))
        })
        .unwrap()
}

/// Plays the migration to its end; what happens at each turn is up to the caller.
fn played(each: impl FnMut(&mut Stage, &mut Console, usize)) -> (Stage, Console, End) {
    played_in(Scene::Migrate, each)
}

/// The same of another scene.
pub fn played_in(scene: Scene, mut each: impl FnMut(&mut Stage, &mut Console, usize)) -> (Stage, Console, End) {
    let mut stage = Stage::new(scene);
    let plan = scene::plan(scene, &stage.sim, stage.hand.now());
    let mut console = stage.console("run-1", plan);
    for turn in 0..4000 {
        each(&mut stage, &mut console, turn);
        if !stage.turn(&mut console, super::case::Fate::Usual) {
            break;
        }
    }
    let end = console.end().expect("an end").clone();
    (stage, console, end)
}

/// Commands that ran on a host, without rsync's words.
pub fn ran(stage: &Stage, host: &str) -> Vec<String> {
    let ran = stage.sim.world().with(host, |island, at| {
        let ran = island.nodes[at].store.ran.iter();
        ran.map(|ran| ran.argv.iter().take(2).cloned().collect::<Vec<_>>().join(" "))
            .collect()
    });
    ran.unwrap()
}

#[test]
fn a_slice_is_copied_closed_compared_and_opened() {
    let (stage, _, end) = played(|_, _, _| {});
    assert_eq!(end, End::Done);
    let expected = [
        "task_forget web1",
        "copy_begin /srv/web1",
        "task_go web1.1",
        "task_go web1.2",
        "task_go web1.3",
        "task_go web1-last",
        "task_go web1-check",
        "exportfs -o",
        "ip addr",
        "announce 10.9.0.100",
        "copy_close /srv/web1",
    ];
    assert_eq!(ran(&stage, "stor3"), expected);
    let old = ran(&stage, "stor1");
    let at = |what: &str| old.iter().position(|ran| ran.starts_with(what)).unwrap();
    assert!(at("port_block") < at("ip addr") && at("ip addr") < at("unexport") && at("unexport") < at("copy_freeze"));
    assert_eq!(old.last().unwrap(), "old_keep web1");
    let evidence: Vec<&String> = stage.journals["run-1"]
        .iter()
        .filter_map(|record| match record {
            Record::Outcome { step: 8, evidence, .. } => evidence.first(),
            _ => None,
        })
        .collect();
    assert!(
        matches!(evidence.as_slice(), [one] if one.contains("nothing differs between stor1 and stor3: 12345 files")),
        "{evidence:?}"
    );
}

/// The console dies at any turn: another one goes on with what runs, and begins nothing twice.
#[test]
fn another_console_attaches_to_a_pass_under_way() {
    let mut began = 0;
    let (stage, _, end) = played(|stage, console, _| {
        let runs = stage.sim.world().with("stor3", |island, at| {
            let node = &island.nodes[at];
            node.store
                .tasks
                .get("web1.1")
                .is_some_and(|task| task.is_alive(node.boots))
        });
        if runs.unwrap() && began == 0 {
            began += 1;
            stage.hand.forward(std::time::Duration::from_secs(3));
            stage.resume(console, None);
        }
    });
    assert_eq!((end, began), (End::Done, 1));
    let sent = ran(&stage, "stor3")
        .into_iter()
        .filter(|ran| ran == "task_go web1.1")
        .count();
    // The one that finds it under way lets it go on: that begins nothing anew.
    assert!(sent <= 2, "{sent}");
    let passes = stage.sim.world().with("stor3", |island, at| {
        let tasks = island.nodes[at].store.tasks.keys();
        tasks.filter(|name| name.starts_with("web1.")).count()
    });
    assert_eq!(passes, Some(3));
}

#[test]
fn a_pause_holds_the_pass_for_days_and_it_goes_on_afterwards() {
    let (mut paused, mut waited, mut goes_on) = (false, false, false);
    let (stage, _, end) = played(|stage, console, _| {
        let held = stage.sim.world().with("stor3", |island, at| {
            island.nodes[at].store.tasks.get("web1.1").map(|task| task.held)
        });
        match held.unwrap() {
            Some(false) if !paused => {
                paused = true;
                console.engine.control(Control::Pause);
            }
            Some(true) if !waited => {
                waited = true;
                // Clients write nothing meanwhile: what they wrote in days would have to be copied first.
                let written = stage.sim.world().fleet(|island| island.copies.written.clone());
                stage.hand.forward(std::time::Duration::from_hours(72));
                stage.sim.world().fleet(|island| {
                    island.settle();
                    island.copies.written = written.clone().unwrap();
                });
            }
            // Somebody comes back once the console has looked again.
            Some(true) if !goes_on => {
                goes_on = true;
                console.engine.control(Control::Resume);
            }
            _ => {}
        }
    });
    assert_eq!(end, End::Done);
    assert!(ran(&stage, "stor3").contains(&"task_hold web1.1".to_owned()));
}

/// What stands in the way of users stands still, and the run says why.
#[test]
fn it_stands_still_while_clients_suffer_and_says_why() {
    let mut said = Vec::new();
    let (stage, _, end) = played(|stage, console, turn| {
        let passes = stage.sim.world().with("stor3", |island, at| {
            // A pass that takes minutes.
            if let Some(task) = island.nodes[at].store.tasks.get_mut("web1.1")
                && task.ended.is_none()
                && turn < 100
            {
                task.left_s = Some(60.0);
            }
            island.nodes[at].store.tasks.contains_key("web1.1")
        });
        let suffers = passes.unwrap() && turn < 100;
        stage.sim.world().fleet(|island| {
            island.nodes[0].slow = if suffers { 40.0 } else { 1.0 };
            island.settle();
        });
        said.extend(console.engine.stand().waits);
    });
    assert_eq!(end, End::Done);
    let ran = ran(&stage, "stor3");
    assert!(ran.contains(&"task_hold web1.1".to_owned()), "{ran:?}");
    assert!(
        said.iter()
            .any(|why| why.contains("it waits: clients wait") && why.contains("without it")),
        "{said:?}"
    );
}

/// The copy differs after the last pass: nothing is opened, and clients go on where they were.
#[test]
fn a_copy_that_differs_is_never_opened() {
    let (stage, _, end) = played(|stage, _, _| {
        stage.sim.world().with("stor3", |island, at| {
            let last = island.nodes[at].store.tasks.get("web1-last");
            if last.is_some_and(|task| task.ended.is_some()) {
                island.copies.plains[0].has = Some((0, 0.0));
            }
        });
    });
    assert!(
        matches!(&end, End::Compensated { why, .. } if why.contains("differ")),
        "{end:?}"
    );
    super::ends::served(&stage, "web1", "stor1").unwrap();
}

/// The last pass never ends while this is called.
fn last_pass_is_slow(stage: &Stage) {
    stage.sim.world().with("stor3", |island, at| {
        if let Some(task) = island.nodes[at].store.tasks.get_mut("web1-last")
            && task.ended.is_none()
        {
            task.left_s = Some(30.0);
        }
    });
}

/// How often a try was taken back, by the journal.
fn tries(stage: &Stage) -> Vec<u32> {
    let records = stage.journals["run-1"].iter();
    records
        .filter_map(|record| match record {
            Record::Again { tries, .. } => Some(*tries),
            _ => None,
        })
        .collect()
}

/// It is out of time once: clients go on where they were, and the next try closes the slice for less.
#[test]
fn a_try_that_was_out_of_time_is_followed_by_another() {
    let mut waited = Vec::new();
    let (stage, _, end) = played(|stage, console, _| {
        if stage.journals.get("run-1").is_some_and(|_| tries(stage).is_empty()) {
            last_pass_is_slow(stage);
        }
        let waits = console.engine.stand().waits;
        if waits.as_ref().is_some_and(|why| why.starts_with("try 2 of 2")) {
            super::ends::served(stage, "web1", "stor1").unwrap();
        }
        waited.extend(waits);
    });
    assert_eq!((end, tries(&stage)), (End::Done, vec![1]));
    assert!(
        waited.iter().any(|why| why.starts_with("try 2 of 2 begins in")),
        "{waited:?}"
    );
    let ran = ran(&stage, "stor3");
    let begun = |what: &str| ran.iter().filter(|ran| ran.as_str() == what).count();
    // Passes come before it is closed again, and what the first try left is forgotten.
    assert_eq!(
        (
            begun("task_forget web1"),
            begun("task_go web1.1"),
            begun("task_go web1-last")
        ),
        (2, 2, 2)
    );
}

/// Another console goes on with it, in the middle of a try or between two: no more tries than were consented to.
#[test]
fn a_run_that_is_resumed_tries_no_more_often() {
    for between in [false, true] {
        let (mut resumed, mut closed) = (false, false);
        let (stage, _, end) = played(|stage, console, _| {
            last_pass_is_slow(stage);
            let waits = console.engine.stand().waits.unwrap_or_default();
            let now = if between {
                waits.starts_with("try 2 of 2")
            } else {
                console.engine.goes_back() && tries(stage).is_empty()
            };
            closed |= now;
            if now && !resumed {
                resumed = true;
                stage.resume(console, None);
            }
        });
        assert!(resumed && closed, "{between}");
        assert!(
            matches!(&end, End::Compensated { why, .. } if why.contains("60 s are allowed")),
            "{between}: {end:?}"
        );
        assert_eq!(tries(&stage), [1], "{between}");
        super::ends::served(&stage, "web1", "stor1").unwrap();
    }
}

/// Whoever cancels wants no other try; nor is one begun while a person has paused it.
#[test]
fn no_other_try_is_begun_against_a_persons_will() {
    let mut paused = 0;
    let (stage, _, end) = played(|stage, console, _| {
        last_pass_is_slow(stage);
        let waits = console.engine.stand().waits.unwrap_or_default();
        if waits.starts_with("try 2 of 2") {
            paused += 1;
            console.engine.control(if paused < 30 {
                Control::Pause
            } else {
                Control::Cancel("op".into())
            });
        }
    });
    assert!(
        matches!(&end, End::Compensated { why, .. } if why.contains("cancelled by op")),
        "{end:?}"
    );
    assert!(paused >= 30, "{paused}");
    assert_eq!(
        ran(&stage, "stor3")
            .iter()
            .filter(|ran| *ran == "task_go web1-last")
            .count(),
        1
    );
}

/// A copy that keeps disks and lines at work waits until a side of theirs has its data again.
#[test]
fn it_stands_still_while_a_slice_of_its_servers_resyncs() {
    let mut said = Vec::new();
    let (stage, _, end) = played(|stage, console, turn| {
        let begun = stage.sim.world().with("stor3", |island, at| {
            // A pass that takes minutes.
            if let Some(task) = island.nodes[at].store.tasks.get_mut("web1.1")
                && task.ended.is_none()
                && turn < 100
            {
                task.left_s = Some(60.0);
            }
            island.nodes[at].store.tasks.contains_key("web1.1")
        });
        stage.sim.world().fleet(|island| {
            let behind = begun == Some(true) && turn < 100;
            let pair = &mut island.replicas[1];
            let source = pair.primary().unwrap();
            pair.resync = behind.then_some(Resync {
                source,
                left_kib: 1e9,
                total_kib: 2e9,
                speed_kib_s: 1.0,
            });
        });
        said.extend(console.engine.stand().waits);
    });
    assert_eq!(end, End::Done);
    assert!(ran(&stage, "stor3").contains(&"task_hold web1.1".to_owned()));
    assert!(
        said.iter().any(|waits| waits.contains("web2 resyncs on stor1")),
        "{said:?}"
    );
}

/// The budget is over: everything is as it was, and writable again.
#[test]
fn a_budget_that_is_over_brings_everything_back() {
    let (stage, _, end) = played(|stage, _, _| last_pass_is_slow(stage));
    assert!(
        matches!(&end, End::Compensated { why, .. } if why.contains("60 s are allowed")),
        "{end:?}"
    );
    assert_eq!(tries(&stage), [1], "it has tried twice");
    super::ends::served(&stage, "web1", "stor1").unwrap();
    let writable = stage.sim.world().with("stor1", |island, at| {
        let mut filesystems = island.nodes[at].filesystems.iter();
        filesystems.any(|filesystem| filesystem.at == "/srv/web1" && !filesystem.read_only)
    });
    assert_eq!(writable, Some(true));
}

/// The old side is closed, the copy equal, and the address cannot be given to it: somebody comes when the budget has long been
/// over, and there is no other way for clients to be served.
#[test]
fn an_opening_that_fails_is_gone_on_with_however_late() {
    for mishap in [Mishap::Fails, Mishap::FailsLate] {
        let mut failed = false;
        let (mut stage, mut console, end) = played(|stage, console, _| {
            let opens = stage.journals.get("run-1").and_then(|records| records.last());
            let opens = matches!(
                opens,
                Some(Record::Intent {
                    step: 10,
                    back: false,
                    ..
                })
            );
            if opens && !failed && matches!(console.effect, Effect::Call { .. }) {
                failed = true;
                stage
                    .sim
                    .world()
                    .with("stor3", |island, at| island.nodes[at].store.next = Some(mishap));
            }
        });
        assert!(
            failed && matches!(end, End::Parked { step: 10, .. }),
            "{mishap:?}: {end:?}"
        );
        stage.hand.forward(std::time::Duration::from_hours(1));
        stage.resume(&mut console, None);
        for _ in 0..4000 {
            if !stage.turn(&mut console, super::case::Fate::Usual) {
                break;
            }
        }
        assert_eq!(console.end(), Some(&End::Done), "{mishap:?}");
        served(&stage, "stor3").unwrap();
    }
}

/// An empty mount point would have everything deleted: the pass reads nothing, and is not begun.
#[test]
fn a_source_that_is_not_mounted_is_not_copied() {
    let (stage, _, end) = played(|stage, _, _| {
        let served = |node: &pointsman::simulate::node::Node| node.store.tasks.contains_key("web1-serve");
        let begun = |node: &pointsman::simulate::node::Node| node.store.tasks.contains_key("web1.1");
        let now = stage.sim.world().fleet(|island| {
            island.nodes.iter().any(served)
                && !island.nodes.iter().any(begun)
                && !island.nodes[0].service_addresses.is_empty()
        });
        if now.unwrap() {
            stage.sim.world().fleet(|island| {
                island.remove_address(0, 0);
                island.unexport(0, 0);
                island.unmount(0, 0).unwrap();
            });
            stage.disturbed.insert("stor1".into());
        }
    });
    assert!(!matches!(end, End::Done), "{end:?}");
    let brought = stage.sim.world().fleet(|island| island.copies.plains[0].has);
    assert_eq!(brought, Some(None));
}

/// Killed at every turn, taken back or gone on with: a run ends in one of the two.
#[test]
fn killed_anywhere_it_ends_on_one_of_the_two_sides() {
    let plain = run(&Case {
        scene: Scene::Migrate,
        faults: vec![],
    });
    for turn in (0..plain.effects.len()).step_by(3) {
        for back in [false, true] {
            run(&Case {
                scene: Scene::Migrate,
                faults: vec![At {
                    turn,
                    after: true,
                    fault: Fault::Killed { back },
                }],
            });
        }
    }
}

/// Tasks that were begun on the new server, in order, without repetitions.
fn begun(stage: &Stage) -> Vec<String> {
    let ran = ran(stage, "stor3");
    let begun = ran
        .into_iter()
        .filter(|ran| ran.starts_with("task_go") || ran.starts_with("announce"));
    let mut begun: Vec<String> = begun.map(|ran| ran.replace("task_go ", "")).collect();
    begun.dedup();
    begun
}

#[test]
fn slices_move_one_after_the_other() {
    let (stage, console, end) = played_in(Scene::MigrateMany, |_, _, _| {});
    assert_eq!(end, End::Done);
    let of = |name: &str, address: &str| {
        let tasks = [".1", ".2", ".3", "-last", "-check"].map(|part| format!("{name}{part}"));
        [tasks.to_vec(), vec![format!("announce {address}")]].concat()
    };
    assert_eq!(
        begun(&stage),
        [of("web1", "10.9.0.100"), of("web2", "10.9.0.101")].concat()
    );
    each_served(&stage, &console.plan, &|_| false).unwrap();
    // What the old servers let be read is over as well.
    for host in ["stor1", "stor2"] {
        assert!(ran(&stage, host).last().unwrap().starts_with("old_keep"), "{host}");
    }
}

/// One of them does not fit into its budget, twice: it stays where it is, and the other one moves.
#[test]
fn a_slice_that_fails_is_taken_back_and_the_next_one_moves() {
    let (stage, console, end) = played_in(Scene::MigrateMany, |stage, _, _| last_pass_is_slow(stage));
    let End::Compensated { why, stays } = &end else {
        panic!("{end:?}")
    };
    assert!(
        why.starts_with("1 of 2 failed, and 1 may: web1 (") && why.contains("60 s are allowed"),
        "{why}"
    );
    assert_eq!(stays[0], "done and proven: web2");
    assert_eq!(tries(&stage), [1], "it has tried twice");
    super::ends::served(&stage, "web1", "stor1").unwrap();
    slice_served(&stage, "web2", "stor3").unwrap();
    each_served(&stage, &console.plan, &|_| false).unwrap();
    // A plan that is made anew asks for those that are left.
    let left = scene::plan(Scene::MigrateMany, &stage.sim, stage.hand.now());
    let rows: Vec<&str> = left
        .rolling
        .iter()
        .flat_map(|rolling| &rolling.rows)
        .map(|row| row.name.as_str())
        .collect();
    assert_eq!(rows, ["web1"]);
    assert!(
        left.notes
            .iter()
            .any(|note| note == "web2 has moved to web2i already, and is left out"),
        "{:?}",
        left.notes
    );
}

/// The console dies between two slices, and in the second one: what has moved is not touched again.
#[test]
fn another_console_goes_on_with_the_slice_under_way() {
    for resumed_in in ["web1-check", "web2.1", "web2-last"] {
        let mut resumed = false;
        let (stage, console, end) = played_in(Scene::MigrateMany, |stage, console, _| {
            let there = stage.sim.world().with("stor3", |island, at| {
                island.nodes[at].store.tasks.contains_key(resumed_in)
            });
            if there.unwrap() && !resumed {
                resumed = true;
                stage.resume(console, None);
            }
        });
        assert!(resumed && end == End::Done, "{resumed_in}: {end:?}");
        let opened = ran(&stage, "stor3")
            .iter()
            .filter(|ran| ran.starts_with("announce"))
            .count();
        assert_eq!(opened, 2, "{resumed_in}");
        each_served(&stage, &console.plan, &|_| false).unwrap();
    }
}

/// It falls behind while the pass runs, and comes near while that stands still.
#[test]
fn it_stands_still_while_a_replica_of_a_database_is_behind_and_says_which() {
    let mut said = Vec::new();
    let (stage, _, end) = played_in(Scene::MigrateBesideDatabase, |stage, console, turn| {
        let runs = stage.sim.world().with("stor3", |island, at| {
            let task = island.nodes[at]
                .store
                .tasks
                .get_mut("web1.1")
                .filter(|task| task.ended.is_none());
            // A pass that takes minutes.
            let task = task.filter(|_| turn < 200)?;
            task.left_s = Some(60.0);
            Some(!task.held)
        });
        stage.sim.world().with("client", |island, at| {
            let channel = island.nodes[at].mysql.as_mut().unwrap().channel.as_mut().unwrap();
            if runs.unwrap() == Some(true) && turn > 60 {
                channel.lag_s = channel.lag_s.max(90.0);
            }
        });
        said.extend(console.engine.stand().waits);
    });
    assert_eq!(end, End::Done);
    assert!(ran(&stage, "stor3").contains(&"task_hold web1.1".to_owned()));
    assert!(
        said.iter()
            .any(|why| why.contains("it waits: the database on client is") && why.contains("30 s at most")),
        "{said:?}"
    );
}
