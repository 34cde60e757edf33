//! What must hold when a run has ended: part of the safety invariants, see [`super::invariants`].

use super::{
    invariants::{exported, mounted, open},
    scene::{NEW_DISK, OLD_DEVICE, OLD_DISK, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    runbook::{
        engine::{End, Outcome, Record},
        operation::Work,
    },
    simulate::{drbd::Role, nfs::MountState, node::Node},
};

/// 16: an end that says of itself that everything is taken back is told the truth, and lists what is not.
pub fn all_told(stage: &Stage, console: &Console, end: &End) {
    let End::Compensated { stays, .. } = end else { return };
    assert_eq!(end.exit_code(), if stays.is_empty() { 11 } else { 12 });
    let told = stays.join("\n");
    let journal = stage.journals.get(&console.run).map(Vec::as_slice).unwrap_or_default();
    for (at, step) in console.plan.steps.iter().enumerate() {
        let prefix = format!("{}-step-{at}-", console.run);
        let changed = match &step.operation.work {
            Work::Commands(_) => stage
                .sim
                .world()
                .fleet(|island| {
                    let mut ran = island.nodes.iter().flat_map(|node| &node.store.ran);
                    ran.any(|ran| ran.key.starts_with(&prefix) && ran.exit == 0)
                })
                .unwrap(),
            Work::Local(argv) => {
                let own = |record: &&Record| match record {
                    Record::Intent { step, back: false, .. } | Record::Outcome { step, back: false, .. } => *step == at,
                    _ => false,
                };
                let own: Vec<&Record> = journal.iter().filter(own).collect();
                // What was refused after its intent was never begun.
                let refused = |record: Option<&&Record>| {
                    let outcome = Outcome::Refused;
                    matches!(record, Some(Record::Outcome { outcome: its, .. }) if *its == outcome)
                };
                let begun = |(number, record): (usize, &&Record)| {
                    matches!(record, Record::Intent { .. }) && !refused(own.get(number + 1))
                };
                !argv.is_empty() && own.iter().enumerate().any(begun)
            }
            Work::Nudge { .. } | Work::Hold(_) | Work::Ask(_) | Work::Watch(_) => false,
        };
        let slice = step.call.with.get("slice");
        let served = slice.is_some_and(|slice| told.contains(&format!("{slice} is served")));
        // Rows that are done are told by their names.
        let rows = console.plan.rolling.iter().flat_map(|rolling| &rolling.rows);
        let row = rows.clone().find(|row| row.steps.contains(&at));
        let done = told
            .lines()
            .find_map(|line| line.strip_prefix("done and proven: "))
            .unwrap_or_default();
        let row_done = row.is_some_and(|row| done.split(", ").any(|name| name == row.name));
        assert!(
            !changed || step.undo.is_some() || served || row_done || told.contains(&format!("step {} ", at + 1)),
            "16: taken back, but step {} ({}) stays done, and nobody is told: {stays:?}",
            at + 1,
            step.operation.says
        );
    }
}

/// 16, 25: an end that says that nothing was changed is told the truth.
pub fn nothing_changed(stage: &Stage, console: &Console, end: &End) {
    if !matches!(end, End::Refused { .. } | End::Held { .. }) {
        return;
    }
    let prefix = format!("{}-", console.run);
    let ran = |node: &Node| node.store.ran.iter().find(|ran| ran.key.starts_with(&prefix)).cloned();
    let world = stage.sim.world();
    let ran = world.fleet(|island| island.nodes.iter().find_map(ran)).unwrap();
    assert_eq!(ran, None, "16: {end:?}, but something was changed");
    assert!(
        !stage.called.contains(&console.run),
        "16: {end:?}, but a controller was called"
    );
}

/// Whether clients are served by that host, and by nothing that is left of a run.
pub fn served(stage: &Stage, slice: &str, host: &str) -> Result<(), String> {
    let reached = stage.reached_by_clients(host);
    stage
        .sim
        .world()
        .fleet(|island| {
            island.settle();
            let replica = &island.replicas[island.replica(slice).unwrap()];
            let at = island.node(host).unwrap();
            let node = &island.nodes[at];
            let side = &replica.sides[replica.side_on(at).unwrap()];
            for (what, holds) in [
                ("primary", side.role == Role::Primary),
                ("mounted", mounted(node, replica)),
                ("exported", exported(node, replica)),
                ("open", open(node, replica)),
            ] {
                if !holds {
                    return Err(format!("{slice} is not {what} on {host}"));
                }
            }
            let client = &island.nodes[island.node("client").unwrap()];
            // Where a fault keeps clients away from a server, what the run has made of it counts.
            let stalled = reached
                && client
                    .mounts
                    .iter()
                    .any(|mount| mount.server == replica.address && mount.state != MountState::Answering);
            if stalled {
                return Err(format!("the client of {slice} does not reach {host}"));
            }
            Ok(())
        })
        .unwrap()
}

/// 16, 21, 22: the array is what the end says: as planned, or as it was.
pub fn array(stage: &Stage, end: &End) -> Result<(), String> {
    if stage.scene.base() != Scene::DiskReplace {
        return Ok(());
    }
    let (taken_back, kept) = match end {
        End::Done => (false, false),
        End::Compensated { stays, .. } => (true, !stays.is_empty()),
        End::Refused { .. } => (true, false),
        _ => return Ok(()),
    };
    stage
        .sim
        .world()
        .fleet(|island| {
            let node = &island.nodes[0];
            let array = &node.arrays[0];
            let disk = |name: &str| node.disks.iter().position(|disk| disk.name == name).unwrap();
            let (old, new) = (disk(OLD_DISK), disk(NEW_DISK));
            if let Some(limit) = array.limit_kib_s {
                return Err(format!("its limit is {limit} KiB/s still"));
            }
            let holds = |what: &str, holds: bool| if holds { Ok(()) } else { Err(what.to_owned()) };
            let whole = array.in_sync() == array.members.len();
            match (stage.scene, taken_back) {
                (Scene::Scrub, false) => holds("it was not compared", array.mismatches == 128 && array.sync.is_none()),
                (Scene::Scrub, true) => holds("a check runs still", array.sync.is_none()),
                (_, false) => {
                    holds("it is not whole", whole)?;
                    holds("the new disk is not in it", array.slot(new).is_some())?;
                    holds("the old disk is in it still", !array.has(old))
                }
                // What stays is told.
                (_, true) if kept => Ok(()),
                (Scene::DiskReplace, true) => {
                    holds("it is not whole", whole && array.slot(old).is_some())?;
                    holds(
                        "something is to be replaced still",
                        array.members.iter().all(|member| !member.wanted),
                    )?;
                    holds("the new disk is in it", !array.has(new))?;
                    holds(
                        "the new disk is not as it was",
                        node.disks[new].blank && node.disks[new].idle,
                    )
                }
                (_, true) => holds("the new disk is in it", !array.has(new)),
            }
        })
        .unwrap()
}

/// 16, 21, 22: the pool is what the end says: as planned, or as it was.
pub fn pool(stage: &Stage, end: &End) -> Result<(), String> {
    if stage.scene.base() != Scene::PoolReplace {
        return Ok(());
    }
    let (taken_back, kept) = match end {
        End::Done => (false, false),
        End::Compensated { stays, .. } => (true, !stays.is_empty()),
        End::Refused { .. } => (true, false),
        _ => return Ok(()),
    };
    stage
        .sim
        .world()
        .fleet(|island| {
            let pool = island.nodes[0].pool.as_ref().unwrap();
            let holds = |what: &str, holds: bool| if holds { Ok(()) } else { Err(what.to_owned()) };
            match (stage.scene, taken_back) {
                (Scene::PoolScrub, false) => {
                    holds("it was not scrubbed", pool.lost == 2 && pool.differs == 0)?;
                    holds("a scrub runs still", pool.scan.is_none())
                }
                (Scene::PoolScrub, true) => holds("a scrub runs or pauses still", pool.scan.is_none()),
                (_, false) => {
                    holds("it is not well", pool.state() == "ONLINE" && pool.replacing.is_none())?;
                    holds("the new disk is not in it", pool.has(NEW_DISK))?;
                    holds("the old device is in it still", !pool.has(OLD_DEVICE))
                }
                // What stays is told.
                (_, true) if kept => Ok(()),
                (_, true) => {
                    holds("the old device is not in it", pool.has(OLD_DEVICE))?;
                    holds("the new disk is in it", !pool.has(NEW_DISK))
                }
            }
        })
        .unwrap()
}

/// 16: no block and no claim of the run is left.
pub fn tidy(stage: &Stage, console: &Console) -> Result<(), String> {
    stage
        .sim
        .world()
        .fleet(|island| {
            for node in &island.nodes {
                if !node.blocked.is_empty() {
                    return Err(format!("{} still drops what clients send", node.name));
                }
                for (object, claim) in &node.store.claims {
                    if claim.run == console.run {
                        return Err(format!("{object} of {} is still claimed", node.name));
                    }
                }
            }
            Ok(())
        })
        .unwrap()
}

/// 16, 25: every end has a name, one that is not final says what comes next, and scripts can tell them apart.
pub fn ended(end: &End) {
    if let End::Parked { why, next, .. } = end {
        assert!(!why.is_empty() && !next.is_empty(), "16: parked without a next step");
    }
    let code = match end {
        End::Done => 0,
        End::Refused { .. } => 10,
        End::Compensated { stays, .. } if stays.is_empty() => 11,
        End::Compensated { .. } | End::Parked { unknown: false, .. } => 12,
        End::Parked { unknown: true, .. } | End::Lost => 13,
        End::Held { .. } => 14,
    };
    assert_eq!(end.exit_code(), code, "25: {end:?}");
}
