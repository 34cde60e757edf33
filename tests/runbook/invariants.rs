//! What must hold after every event (the numbers are those of the safety invariants), and at every end.
//!
//! | | held by |
//! |--|--|
//! | 1, 2 | [`check`] after every event, with [`database::check`] and [`galera::check`] |
//! | 3 | [`informed`] at every command sent, under hosts that hang or print garbage; `garbage_satisfies_no_check`, `unknown_never_becomes_yes` |
//! | 4 | [`informed`]: everything that a command needs was seen, and no longer ago than `FRESH` |
//! | 5 | `the_hash_follows_the_state_and_the_parameters`, `a_stale_plan_is_not_run` (src) |
//! | 6 | [`identified`] at every claim and command sent |
//! | 7 | [`intended`], [`no_blind_retry`], [`proven`] |
//! | 8 | by type (`Operation::nature`); [`no_blind_retry`]: what cannot be taken back takes effect once, resumed or not |
//! | 9 | `Stage::run` (tokens at every command), [`tidy`], the second operator |
//! | 10 | guards `NamedForce`, `NamedDiscard`; no built-in runbook forces |
//! | 11 | by type (`Kind`, `Action::kinds`), guard `FenceInEmergency`, `a_planned_runbook_that_fences` |
//! | 12 | [`check`] |
//! | 13 | [`check`] on hosts that nothing happened to; [`nothing_of_others`] on all |
//! | 14 | guard `CompleteData`; [`check`]: data goes one way only; `losses_are_told` |
//! | 15 | [`database::check`], [`galera::check`], guards `DatabaseComplete`, `FollowerEqual`, `BootstrapComplete` and `JoinerEqual`; a slice has one candidate: guards `GoodData` and `CompleteData` (equal to its peer, or that is fenced); `no_failover_onto_data_that_is_behind` |
//! | 16 | [`ended`], [`tidy`], [`all_told`], [`nothing_changed`], [`serving`], and that a resumed run ends |
//! | 17 | [`informed`]: a step that is taken back has the whole of its own deadline, cancelled or not |
//! | 18 | [`informed`]: no command before every earlier step has its outcome, so none before the soak and the answer |
//! | 19 | [`check`]: no resync onto the side that serves, and one that a fault begins is stopped within seconds (`turning`); the direction step comes before what rests on it ([`informed`]) |
//! | 20 | planner: `a_server_with_nothing_to_take_over`; guard `InsidePlan` |
//! | 21 | [`served`] at every end: by the simulated client; [`proven`]: no step is done unless its proof was seen |
//! | 22 | [`check`]: a planned move leaves both sides connected and good throughout, and no run takes a member out of an array or a pool that is needed; guards `ArrayRedundant`, `ArrayData`, `PoolSpared`; [`array`] and [`pool`] at every end; `no_move_to_a_server_that_rebuilds` |
//! | 23 | [`no_secret`] of every record and plan |
//! | 24 | by type (`Operation::deadline`, `settles_within`), that no run takes for ever and that one that is cancelled anywhere ends; [`says_why_it_waits`] |
//! | 25 | `only_one_place_begins_runs`; [`ended`]: exit codes |

use super::{
    backup, clients, database, galera, migration, restore,
    scene::{CANARY, NEW_DISK, Scene},
    stage::{Console, Stage, step_of},
};
use pointsman::{
    fleet::HostName,
    runbook::{
        condition::unmet,
        engine::{FRESH, Outcome, Phase, Record},
        interlock::{self, Context},
        operation::Nature,
        plan::{Rolling, Row},
        sight::Sight,
        target::Request,
    },
    simulate::{
        drbd::{Data, Replica, Role},
        island::Island,
        node::{Disk, Node, Power},
    },
};
use std::{collections::BTreeSet, time::Duration};

pub use super::ends::{all_told, array, ended, nothing_changed, pool, served, tidy};

/// A resync in the wrong direction is stopped within this time.
const STOPPED_WITHIN: Duration = Duration::from_secs(2);

pub fn mounted(node: &Node, replica: &Replica) -> bool {
    let device = replica.device();
    node.filesystems.iter().any(|filesystem| filesystem.source == device)
}

pub fn exported(node: &Node, replica: &Replica) -> bool {
    node.nfs_server
        .as_ref()
        .is_some_and(|server| server.exports.iter().any(|export| export.path == replica.mount_point))
}

/// Clients that come to this host for the slice get in.
pub fn open(node: &Node, replica: &Replica) -> bool {
    node.service_addresses.contains(&replica.address) && !node.blocked.contains(&replica.address)
}

/// After every event.
pub fn check(stage: &Stage) {
    stage.sim.world().fleet(|island| {
        for replica in &island.replicas {
            one(stage, island, replica);
        }
        untouched(stage, island);
        migration::check(stage, island);
        backup::check(stage, island);
        restore::check(stage, island);
        arrays(stage, island);
        pools(stage, island);
        database::check(stage, island);
        galera::check(stage, island);
        clients::check(stage, island);
    });
}

/// 13, 22: no array loses its data or, by a run, any redundancy; and no array is touched that no plan is about.
fn arrays(stage: &Stage, island: &Island) {
    for (at, node) in island.nodes.iter().enumerate() {
        for (index, array) in node.arrays.iter().enumerate() {
            let (name, in_sync) = (&array.name, array.in_sync());
            assert!(
                in_sync >= array.needed(),
                "22: {name} of {} has lost its data",
                node.name
            );
            let failed = stage.scene == Scene::DiskReplaceFailed && (at, index) == (0, 0);
            let had = array.members.len() - usize::from(failed);
            assert!(
                in_sync >= had,
                "22: {name} of {} has {in_sync} of {had} members",
                node.name
            );
            let planned = stage.scene.base() == Scene::DiskReplace && (at, index) == (0, 0);
            let well = array.extra.is_empty() && array.limit_kib_s.is_none() && array.sync.is_none();
            assert!(planned || well, "13: {name} of {} was touched", node.name);
        }
        let used = |disk: &Disk| disk.name == NEW_DISK && !disk.blank;
        let planned = at == 0 && [Scene::DiskReplace, Scene::PoolReplace].contains(&stage.scene.base());
        assert!(
            planned || !node.disks.iter().any(used),
            "13: the spare of {} was written to",
            node.name
        );
    }
}

/// 22: no device of a pool is taken away that has its place alone, and no run costs it redundancy.
fn pools(stage: &Stage, island: &Island) {
    for (node, pool) in island.nodes.iter().filter_map(|node| Some((node, node.pool.as_ref()?))) {
        assert_eq!(
            pool.devices.len(),
            2,
            "22: {} of {} has lost a device: {:?}",
            pool.name,
            node.name,
            pool.devices
        );
        let had = pool.devices.len() - usize::from(stage.scene == Scene::PoolReplaceFailed);
        assert!(
            pool.complete() >= had,
            "22: {} of {} has {} of {had} devices with all data",
            pool.name,
            node.name,
            pool.complete()
        );
    }
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
    if let (Some(resync), Some(primary)) = (&replica.resync, replica.primary()) {
        // What a fault has begun is stopped within seconds.
        let begun = stage
            .wrong_way
            .is_some_and(|since| stage.hand.now().since(since) < STOPPED_WITHIN);
        assert!(
            resync.source == primary || begun,
            "19: {name} is overwritten where it is served"
        );
    }
    let untroubled = stage.disturbed.is_empty() && !stage.apart;
    if stage.scene.base() == Scene::SliceMove && untroubled {
        let good = replica.sides.iter().all(|side| side.data == Data::UpToDate);
        assert!(
            good && replica.linked,
            "22: a planned move leaves {name} without its other side"
        );
    }
    // A server that is only half dead goes on writing alone when it loses its peer, until it is fenced: that loss is in
    // the plan, see `losses_are_told`.
    let writes_alone = stage.scene.is_half_dead() && stage.apart;
    if stage.scene.base() != Scene::SplitBrain && !writes_alone {
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
        if node.installs > 0 {
            // Another machine by now: nothing of what was kept there is left.
            continue;
        }
        assert_eq!(
            (claim.token, claim.run.as_str()),
            (5, "run-other"),
            "9: a claim of others"
        );
    }
    let home = &island.nodes[replica.sides[0].node];
    if !stage.scene.slices().contains(&replica.slice.as_str()) && !stage.disturbed.contains(&*home.name) {
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

/// 12, 16: in an emergency a slice that clients were let in to is not taken away from them again, whatever becomes of
/// others. Gives those that are served now.
pub fn serving(stage: &Stage) -> BTreeSet<&'static str> {
    if !stage.scene.takes_over() {
        return BTreeSet::new();
    }
    let (_, to) = stage.scene.sides();
    if stage.scene.is_mysql() {
        return database::serving(stage, to);
    }
    if stage.scene.is_galera() {
        return galera::serving(stage, to);
    }
    if stage.scene.is_restored() {
        return restore::serving(stage, to);
    }
    let serves = |island: &Island, slice: &str| {
        let replica = &island.replicas[island.replica(slice).unwrap()];
        let node = &island.nodes[island.node(to).unwrap()];
        mounted(node, replica) && exported(node, replica) && open(node, replica)
    };
    let slices = stage.scene.slices().iter().copied();
    let serving: BTreeSet<&str> = stage
        .sim
        .world()
        .fleet(|island| slices.filter(|slice| serves(island, slice)).collect())
        .unwrap();
    if !stage.disturbed.contains(to) {
        let gone: Vec<_> = stage.serving.difference(&serving).collect();
        assert!(
            gone.is_empty(),
            "16: {gone:?} was served by {to}, and is taken away again"
        );
    }
    serving
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

/// Whether something else has undone a step that can be probed, and the console was shown that just before it is sent
/// again: DRBD, for one, ends a connection by itself when it finds a split brain.
pub fn was_seen_undone(stage: &Stage, console: &Console, host: &HostName, at: usize, back: bool) -> bool {
    let step = &console.plan.steps[at];
    let operation = if back {
        step.undo.as_ref().unwrap()
    } else {
        &step.operation
    };
    let prefix = format!("{}-{}-{at}-", console.run, if back { "back" } else { "step" });
    let ran = |node: &Node| {
        node.store
            .ran
            .iter()
            .any(|ran| ran.key.starts_with(&prefix) && ran.exit == 0)
    };
    let ran = stage
        .sim
        .world()
        .with(host.as_str(), |island, at| ran(&island.nodes[at]));
    let mut sight = Sight::new(stage.hand.now(), FRESH);
    for (look, glimpse) in &console.shown {
        sight.take(look.clone(), glimpse.clone());
    }
    operation.nature == Nature::Probeable
        && ran.unwrap()
        && unmet(&operation.proof, &sight).iter().any(|(_, truth)| truth.fails())
}

/// 7, 8: nothing that is not idempotent takes effect twice, unless it was taken back in between, was seen to be undone by
/// something else, or the host has lost it by a reboot; and what cannot be taken back, not even then.
pub fn no_blind_retry(stage: &Stage, console: &Console) {
    let journal = stage.journals.get(&console.run).map(Vec::as_slice).unwrap_or_default();
    stage.sim.world().fleet(|island| {
        for node in &island.nodes {
            for (at, step) in console.plan.steps.iter().enumerate() {
                if step.operation.nature == Nature::Idempotent {
                    continue;
                }
                // Taken back by a command that says that it failed, and proven to be.
                let proven = |record: &&Record| {
                    matches!(record, Record::Outcome { step, back: true, outcome: Outcome::Done, .. } if *step == at)
                };
                let proven = journal.iter().filter(proven).count();
                let ran = |way: &str, boots: Option<u32>| {
                    let prefix = format!("{}-{way}-{at}-", console.run);
                    let mut counts = std::collections::BTreeMap::<&[String], usize>::new();
                    for ran in &node.store.ran {
                        if ran.key.starts_with(&prefix) && ran.exit == 0 && boots.is_none_or(|boots| ran.boots == boots)
                        {
                            *counts.entry(&ran.argv).or_default() += 1;
                        }
                    }
                    // What only writes buffers out may be repeated.
                    counts.retain(|argv, _| argv[0] != "sync");
                    counts.into_values().max().unwrap_or_default()
                };
                for boots in 1..=node.boots {
                    let (done, undone) = (ran("step", Some(boots)), ran("back", Some(boots)));
                    let seen = |back| stage.undone.get(&(console.run.clone(), at, back)).copied().unwrap_or_default();
                    assert!(
                        done <= 1 + undone.max(proven) + seen(false) && undone <= 1 + done + seen(true),
                        "7: step {at} ({}) ran {done} times and was taken back {undone} times",
                        step.operation.says
                    );
                }
                assert!(
                    step.operation.nature != Nature::Irreversible || ran("step", None) <= 1,
                    "8: step {at} ({}) took effect again without consent",
                    step.operation.says
                );
            }
        }
    });
}

/// 13: no command of any run names anything of a slice that no plan is about, on any host, whatever happened to it.
pub fn nothing_of_others(stage: &Stage) {
    stage.sim.world().fleet(|island| {
        for replica in &island.replicas {
            if stage.scene.slices().contains(&replica.slice.as_str()) {
                continue;
            }
            let (address, device) = (replica.address.to_string(), replica.device());
            let foreign = [&device, &replica.mount_point, &replica.resource, &address].map(String::as_str);
            for ran in island.nodes.iter().flat_map(|node| &node.store.ran) {
                let named = |name: &&str| {
                    let cut = |c: char| matches!(c, ':' | ',') || (c == '/' && !name.contains('/'));
                    ran.argv.iter().any(|word| word.split(cut).any(|part| part == *name))
                };
                assert!(
                    !foreign.iter().any(named)
                        && (ran.argv[0] != "systemctl"
                            || ran.argv.last().unwrap().trim_end_matches(".service") == "cron"),
                    "13: {:?} touches {}",
                    ran.argv,
                    replica.slice
                );
            }
        }
    });
}

/// 6: whoever is claimed or changed is asked who it is in the same call, and before anything else.
pub fn identified(stage: &Stage, console: &Console, host: &HostName, request: &Request) {
    if !matches!(
        request,
        Request::Claim { .. } | Request::Act { .. } | Request::Receipt { .. }
    ) {
        return;
    }
    let planned = &console.plan.targets[host].machine_id;
    let lines = request.lines().unwrap();
    assert!(
        lines.starts_with(&format!("whoami {planned} ")),
        "6: {host} is not asked who it is: {lines}"
    );
    let installed = |island: &mut Island, at: usize| island.nodes[at].installs > 0;
    if stage.sim.world().with(host.as_str(), installed) == Some(true) {
        // Another machine by the run's own doing: it refuses by itself.
        return;
    }
    assert!(
        stage
            .sim
            .world()
            .act(
                host.as_str(),
                &lines.lines().next().map(|line| format!("{line}\nsay same\n")).unwrap()
            )
            .is_none_or(|said| !said.starts_with(b"@refused identity")),
        "6: {host} is not the machine of the plan"
    );
}

/// 3, 4, 12, 17, 18, 19: a command is sent only when all that it needs, interlocks as well, was seen to hold, on that
/// very host and just before; when all the steps before it have an outcome; and with a deadline of its own.
pub fn informed(stage: &Stage, console: &Console, request: &Request, deadline: std::time::Duration) {
    let Request::Act { key, .. } = request else { return };
    let (at, back) = step_of(key);
    let step = &console.plan.steps[at];
    let operation = if back {
        step.undo.as_ref().unwrap()
    } else {
        &step.operation
    };
    assert!(
        deadline == operation.deadline && !deadline.is_zero(),
        "17: {} has {deadline:?}",
        operation.says
    );
    let journal = stage.journals.get(&console.run).map(Vec::as_slice).unwrap_or_default();
    let done = |wanted: usize| {
        journal.iter().any(|record| {
            matches!(record, Record::Outcome { step, back: false, outcome: Outcome::Done | Outcome::AlreadySo, .. }
                if *step == wanted)
        })
    };
    match &console.plan.rolling {
        Some(rolling) => within_budget(rolling, journal, at, back, &done),
        None => assert!(
            back || (0..at).all(done),
            "18: {} comes before what has to be done first",
            operation.says
        ),
    }
    let steps = || console.plan.steps.iter().enumerate();
    let fenced = steps().filter(|(at, _)| done(*at)).flat_map(|(_, step)| {
        let off = &step.operation.proof;
        step.operation.fences().map(move |host| (host, off.clone()))
    });
    let ran = |at: usize| {
        let prefix = format!("{}-step-{at}-", console.run);
        let world = stage.sim.world();
        let ran = |node: &Node| node.store.ran.iter().any(|ran| ran.key.starts_with(&prefix));
        world.fleet(|island| island.nodes.iter().any(ran)).unwrap()
    };
    let primaries = steps().filter(|(_, step)| step.operation.promotes().next().is_some());
    let promoted = primaries
        .filter(|(at, _)| ran(*at))
        .flat_map(|(_, step)| step.operation.promotes());
    let context = Context {
        plan: &console.plan,
        fenced: fenced.collect(),
        promoted: promoted.collect(),
        back,
    };
    let mut needs = interlock::conditions(&operation.claims, &context);
    needs.extend(operation.needs.iter().cloned());
    let mut sight = Sight::new(console.since, FRESH);
    for (look, glimpse) in &console.shown {
        sight.take(look.clone(), glimpse.clone());
    }
    if let Some((condition, truth)) = unmet(&needs, &sight).first() {
        panic!(
            "3, 4: {} is sent, but it was not seen that {condition}: {truth}",
            operation.says
        );
    }
}

/// 18: a step of a row comes behind the earlier ones of that row; no row begins before every earlier batch has ended, nor
/// once more rows have failed than may, or one of those that go first has.
fn within_budget(rolling: &Rolling, journal: &[Record], at: usize, back: bool, done: &dyn Fn(usize) -> bool) {
    let own = rolling.rows.iter().find(|row| row.steps.contains(&at)).unwrap();
    // One that was out of time and is tried again has not failed: that is written, once it is taken back.
    let failed = |row: &&Row| {
        let last = journal.iter().rev().find_map(|record| match record {
            Record::RowFailed { row: name, .. } | Record::RowLeft { row: name, .. } if *name == row.name => Some(true),
            Record::Again { row: Some(name), .. } if *name == row.name => Some(false),
            _ => None,
        });
        last == Some(true)
    };
    if back {
        assert!(failed(&own), "18: {} is taken back, and has not failed", own.name);
        return;
    }
    assert!(!failed(&own), "18: {} goes on although it has failed", own.name);
    let before = own.steps.iter().take_while(|step| **step < at);
    assert!(before.copied().all(done), "18: a step of {} comes too early", own.name);
    for row in rolling.rows.iter().filter(|row| row.batch < own.batch) {
        let ended = failed(&row) || row.steps.iter().copied().all(done);
        assert!(ended, "18: {} begins before {} has ended", own.name, row.name);
    }
    let begun = journal.iter().any(|record| match record {
        Record::Outcome { step, back: false, .. } => own.steps.contains(step),
        // The intent of this very step is written before it is sent.
        Record::Intent {
            step,
            back: false,
            attempt,
            ..
        } => own.steps.contains(step) && (*step != at || *attempt > 1),
        _ => false,
    });
    let lost: Vec<&Row> = rolling.rows.iter().filter(failed).collect();
    let closed = lost.len() > rolling.failures || lost.iter().any(|row| row.canary);
    assert!(
        begun || !closed,
        "18: {} begins although {} have failed",
        own.name,
        lost.len()
    );
}

/// 7, 21: no step is called done, or found so, unless the console was shown what proves it.
pub fn proven(stage: &Stage, console: &Console, record: &Record) {
    let Record::Outcome {
        step: at,
        back,
        outcome: Outcome::Done | Outcome::AlreadySo,
        ..
    } = record
    else {
        return;
    };
    let step = &console.plan.steps[*at];
    let operation = if *back {
        step.undo.as_ref().unwrap()
    } else {
        &step.operation
    };
    let mut sight = Sight::new(stage.hand.now(), Duration::from_hours(1));
    for (look, glimpse) in &console.shown {
        sight.take(look.clone(), glimpse.clone());
    }
    if let Some((condition, truth)) = unmet(&operation.proof, &sight).first() {
        panic!(
            "21: {} is called {record:?}, but it was not seen that {condition}: {truth}",
            operation.says
        );
    }
}

/// 23: what is shown or written down holds no password.
pub fn no_secret(text: &str) {
    assert!(!text.contains(CANARY), "23: a password in {text}");
}

/// 14: what a move in an emergency can lose is in its plan, before anybody consents.
#[test]
fn losses_are_told() {
    for scene in Scene::ALL {
        let plan = super::case::plan(scene);
        let taken = matches!(scene, Scene::FenceSegment | Scene::ClientRepoint);
        let alone = scene.is_emergency() || scene == Scene::MigrateReclaim;
        assert_eq!(plan.loss.is_some(), alone || taken, "{scene:?}");
        let told = plan.loss.unwrap_or_default();
        assert!(!alone || told.contains("alone"), "{scene:?}: {told}");
        assert!(!taken || told.contains("has not confirmed"), "{scene:?}: {told}");
    }
}

/// 25: the console and batch begin runs in one place, by one engine.
#[test]
fn only_one_place_begins_runs() {
    fn files(directory: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, out);
            } else if path.extension().is_some_and(|end| end == "rs") {
                out.push(path);
            }
        }
    }
    let mut all = Vec::new();
    files(std::path::Path::new("src"), &mut all);
    // The engine's own tests drive it as well.
    all.retain(|path| {
        let path = path.to_string_lossy();
        !path.contains("/tests") && !path.ends_with("_tests.rs")
    });
    let begins = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.contains("Engine::new(") || text.contains("Engine::resume(")
    };
    let found: Vec<_> = all.into_iter().filter(begins).collect();
    assert_eq!(found, [std::path::PathBuf::from("src/conduct/desk.rs")]);
}

/// 24: whoever waits says what for, unless a person has paused it or the plan says how long.
pub fn says_why_it_waits(console: &Console) {
    let stand = console.engine.stand();
    let known = stand.step.is_none() || matches!(stand.phase, Phase::Holding | Phase::Resting);
    assert!(
        known || stand.waits.is_some(),
        "24: it waits, and does not say for what: {stand:?}"
    );
}
