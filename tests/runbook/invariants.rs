//! What must hold after every event (the numbers are those of the safety invariants), and at every end.

use super::{
    scene::Scene,
    stage::{Console, Stage},
};
use pointsman::{
    runbook::{
        engine::{End, Record},
        operation::Nature,
    },
    simulate::{
        drbd::{Replica, Role},
        island::Island,
        nfs::MountState,
        node::{Node, Power},
    },
};

fn mounted(node: &Node, replica: &Replica) -> bool {
    let device = replica.device();
    node.filesystems.iter().any(|filesystem| filesystem.source == device)
}

fn exported(node: &Node, replica: &Replica) -> bool {
    node.nfs_server
        .as_ref()
        .is_some_and(|server| server.exports.iter().any(|export| export.path == replica.mount_point))
}

/// Clients that come to this host for the slice get in.
fn open(node: &Node, replica: &Replica) -> bool {
    node.service_addresses.contains(&replica.address) && !node.blocked.contains(&replica.address)
}

/// After every event.
pub fn check(stage: &Stage) {
    stage.sim.world().fleet(|island| {
        for replica in &island.replicas {
            one(stage, island, replica);
        }
        untouched(stage, island);
    });
}

fn one(stage: &Stage, island: &Island, replica: &Replica) {
    let name = &replica.slice;
    let sides = || {
        replica
            .sides
            .iter()
            .map(|side| (side, &island.nodes[side.node]))
            .filter(|(_, node)| node.power != Power::Off)
    };
    let primaries = sides().filter(|(side, _)| side.role == Role::Primary).count();
    assert!(primaries <= 1, "1, 2: {name} has {primaries} primaries");
    let mounts = sides().filter(|(_, node)| mounted(node, replica)).count();
    assert!(mounts <= 1, "2: {name} is mounted {mounts} times");
    for (side, node) in sides() {
        assert!(
            !mounted(node, replica) || side.role == Role::Primary,
            "2: {name} is mounted on {} where it is not primary",
            node.name
        );
        assert!(
            !(open(node, replica) && exported(node, replica)) || mounted(node, replica),
            "12: {name} is open on {} where it is not mounted",
            node.name
        );
    }
    let carriers = island
        .nodes
        .iter()
        .filter(|node| node.power != Power::Off && node.service_addresses.contains(&replica.address))
        .count();
    assert!(carriers <= 1, "2: the address of {name} is on {carriers} hosts");
    if stage.scene != Scene::SplitBrain {
        let [one, two] = &replica.sides;
        let knows = one.generation == two.generation
            || one.past.contains(&two.generation)
            || two.past.contains(&one.generation);
        assert!(knows, "1: the data of {name} went two ways");
    }
}

/// 13: the other slice of the same hosts goes on as if nothing were, and so do the claims of others.
fn untouched(stage: &Stage, island: &Island) {
    let replica = &island.replicas[1];
    for side in &replica.sides {
        let node = &island.nodes[side.node];
        let claim = node.store.claim("slice-other");
        assert_eq!(
            (claim.token, claim.run.as_str()),
            (5, "run-other"),
            "9: a claim of others"
        );
    }
    let home = &island.nodes[replica.sides[0].node];
    if !stage.disturbed.contains(&*home.name) {
        assert!(
            replica.sides[0].role == Role::Primary
                && mounted(home, replica)
                && exported(home, replica)
                && open(home, replica),
            "13: the other slice of {} was touched",
            home.name
        );
    }
}

/// 7: no command without its intent in the journal before it. Without a key: a command of the console itself.
pub fn intended(stage: &Stage, run: &str, key: Option<&str>) {
    let journal = stage.journals.get(run).map(Vec::as_slice).unwrap_or_default();
    let found = match key {
        None => matches!(journal.last(), Some(Record::Intent { .. })),
        Some(key) => journal.iter().any(|record| match record {
            Record::Intent {
                step, back, attempt, ..
            } => {
                let way = if *back { "back" } else { "step" };
                key == format!("{run}-{way}-{step}-{attempt}")
            }
            _ => false,
        }),
    };
    assert!(found, "7: {key:?} of {run} has no intent before it");
}

/// 7: nothing that is not idempotent takes effect twice, unless it was taken back in between or the host was lost.
pub fn no_blind_retry(stage: &Stage, console: &Console) {
    stage.sim.world().fleet(|island| {
        for node in &island.nodes {
            if stage.disturbed.contains(&*node.name) {
                continue;
            }
            for (at, step) in console.plan.steps.iter().enumerate() {
                if step.operation.nature == Nature::Idempotent {
                    continue;
                }
                let ran = |way: &str| {
                    let prefix = format!("{}-{way}-{at}-", console.run);
                    let mut counts = std::collections::BTreeMap::<&[String], usize>::new();
                    for (key, argv, exit) in &node.store.ran {
                        if key.starts_with(&prefix) && *exit == 0 {
                            *counts.entry(argv).or_default() += 1;
                        }
                    }
                    // What only writes buffers out may be repeated.
                    counts.retain(|argv, _| argv[0] != "sync");
                    counts.into_values().max().unwrap_or_default()
                };
                let (done, undone) = (ran("step"), ran("back"));
                assert!(
                    done <= 1 + undone && undone <= 1 + done,
                    "7: step {at} ({}) ran {done} times and was taken back {undone} times",
                    step.operation.says
                );
            }
        }
    });
}

/// Whether clients are served by that host, and by nothing that is left of a run.
pub fn served(stage: &Stage, slice: &str, host: &str) -> Result<(), String> {
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
            let stalled = client
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

/// 16: every end has a name, and one that is not final says what comes next.
pub fn ended(end: &End) {
    if let End::Parked { why, next, .. } = end {
        assert!(!why.is_empty() && !next.is_empty(), "16: parked without a next step");
    }
}
