//! Every fault at every boundary of every step: generated from what the run of a plan does, so that a new step, or a
//! new runbook, cannot escape.

use super::{
    case::{At, Case, Fate, Fault, Outcome, kind, run},
    scene::Scene,
    stage::GARBAGE,
};
use pointsman::{
    runbook::{
        action,
        definition::About,
        engine::{Effect, End, Record},
        operation::{Place, Work},
        plan::Step,
        planner::catalogue,
        target::Request,
    },
    simulate::act::Mishap,
};
use std::collections::{BTreeMap, BTreeSet};

/// How a run begins, so that turning back is gone through as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Forwards to the end.
    Forward,
    /// The last step fails: everything is taken back.
    Back,
}

/// The servers, and the client.
pub const ANYBODY: [&str; 4] = ["stor1", "stor2", "client", "stor3"];
/// Turns of a fault that does not end by itself.
pub const FOR_EVER: usize = usize::MAX / 2;

/// Faults that can strike at any boundary.
fn anywhere(scene: Scene) -> Vec<Fault> {
    let mut faults = vec![
        Fault::Killed { back: false },
        Fault::Killed { back: true },
        Fault::Second {
            reverse: false,
            burst: 1,
        },
        Fault::Second {
            reverse: false,
            burst: 1000,
        },
        Fault::ConsoleFull,
        Fault::Clock(3600),
        Fault::Clock(-3600),
        Fault::LinkCut(FOR_EVER),
        Fault::LinkCut(7),
        Fault::Alone(5),
        Fault::Alone(60),
        Fault::SlowDisk(3),
        Fault::SlowDisk(60),
        Fault::Cancelled,
        Fault::Paused(5),
        Fault::SaysNo,
    ];
    for host in scene.hosts() {
        faults.extend([
            Fault::Rebooted(host),
            Fault::Returns(host),
            Fault::Away(host, 6),
            Fault::Away(host, 45),
            Fault::Frozen(host, 6),
            Fault::Frozen(host, 45),
            Fault::ClientsCut(host, 12),
            Fault::ClientsCut(host, FOR_EVER),
            Fault::Cut(host, 4),
            Fault::Cut(host, 60),
            Fault::Cut(host, FOR_EVER),
            Fault::TargetFull(host),
            Fault::TargetReadOnly(host),
            Fault::Udev(host, 2),
            Fault::Udev(host, 30),
        ]);
    }
    faults
}

/// Faults of looks and of hosts that are half dead: they are the same before an effect as after the one before it.
fn half_dead(scene: Scene) -> Vec<Fault> {
    let mut faults = Vec::new();
    for host in scene.hosts() {
        for turns in [3, 60] {
            faults.extend(["begin", "run"].map(|at| Fault::Hangs(host, turns, at)));
        }
        faults.extend((0..GARBAGE.len()).map(|kind| Fault::Garbage(host, 2 + 10 * kind, kind)));
    }
    faults.extend([
        Fault::Cut("client", 5),
        Fault::Cut("client", FOR_EVER),
        Fault::Frozen("client", 12),
        Fault::Hangs("client", 60, "begin"),
        Fault::Garbage("client", 12, 0),
    ]);
    faults
}

/// Faults of that very effect.
fn of(effect: &Effect) -> Vec<Fault> {
    let mut faults = Vec::new();
    let fates = [
        Fate::NotSent,
        Fate::LostUndone,
        Fate::LostDone,
        Fate::Twice(2),
        Fate::Later(1),
        Fate::Later(2),
        Fate::Later(3),
        Fate::Later(5),
        Fate::Later(20),
    ];
    match effect {
        Effect::Call { host, request, .. } => {
            faults.extend(fates.map(Fault::Call));
            if let Request::Act { .. } = request {
                for turns in [1, 3, 8, 20] {
                    faults.push(Fault::Call(Fate::SlowStart(turns)));
                    faults.push(Fault::Call(Fate::SlowEnd(turns)));
                }
                let host = ANYBODY.into_iter().find(|name| *name == host.as_str()).unwrap();
                for mishap in [Mishap::Fails, Mishap::FailsLate, Mishap::Lies] {
                    faults.push(Fault::Command(host, mishap));
                }
            }
        }
        Effect::Look(_) => faults.push(Fault::Call(Fate::LostUndone)),
        Effect::Local { .. } | Effect::Nudge { .. } => {
            faults.extend([Fault::Call(Fate::LostUndone), Fault::Call(Fate::LostDone)]);
        }
        _ => {}
    }
    faults
}

/// The last step that is sent to a target.
fn last_act(effects: &[Effect]) -> Option<(usize, &'static str)> {
    let (turn, host) = effects
        .iter()
        .enumerate()
        .rev()
        .find_map(|(turn, effect)| match effect {
            Effect::Call {
                host,
                request: Request::Act { .. },
                ..
            } => Some((turn, host)),
            _ => None,
        })?;
    Some((turn, ANYBODY.into_iter().find(|name| *name == host.as_str())?))
}

fn cases(scene: Scene) -> Vec<Case> {
    let mut out = Vec::new();
    let plain = run(&Case { scene, faults: vec![] });
    assert_eq!(plain.first, End::Done, "{scene:?}");
    for way in [Way::Forward, Way::Back] {
        let mut base = Vec::new();
        if way == Way::Back {
            let Some((turn, host)) = last_act(&plain.effects) else {
                continue;
            };
            base.push(At {
                turn,
                after: false,
                fault: Fault::Command(host, Mishap::Fails),
            });
        }
        let usual = run(&Case {
            scene,
            faults: base.clone(),
        });
        every_step_is_there(scene, way, &usual);
        let from = base.first().map_or(0, |at| at.turn + 1);
        for (turn, effect) in usual.effects.iter().enumerate().skip(from) {
            let mut add = |after, fault| {
                let mut faults = base.clone();
                faults.push(At { turn, after, fault });
                out.push(Case { scene, faults });
            };
            for fault in anywhere(scene) {
                add(false, fault);
                add(true, fault);
            }
            for fault in of(effect).into_iter().chain(half_dead(scene)) {
                add(false, fault);
            }
        }
        if scene == Scene::SliceMove && way == Way::Forward {
            for turn in 0..usual.effects.len() {
                for burst in [1, 3, 1000] {
                    let fault = Fault::Second { reverse: true, burst };
                    let faults = vec![At {
                        turn,
                        after: false,
                        fault,
                    }];
                    out.push(Case { scene, faults });
                }
            }
        }
    }
    let whole = std::env::var_os("POINTSMAN_WHOLE").is_some();
    let every = if APART.contains(&scene) { EVERY } else { EVERY_ELSEWHERE };
    let drawn = |at: usize| {
        let mut draw = fastrand::Rng::with_seed(at as u64);
        whole || draw.usize(..every) == 0 && draw.usize(..3) > 0
    };
    let cases = out.into_iter().enumerate();
    cases.filter(|(at, _)| drawn(*at)).map(|(_, case)| case).collect()
}

/// An ordinary test run tries two thirds of one case of so many, always the same ones, drawn so that no turn and no kind of
/// fault is left out by a rule. `POINTSMAN_WHOLE` tries all of them: see `tests/nightly`.
const EVERY: usize = 2;
/// The same for scenes that differ from others by their servers, or by the state of the fleet, alone.
const EVERY_ELSEWHERE: usize = 20;

/// The run that the cases are made from goes through every step: what is not in it would not be tried.
fn every_step_is_there(scene: Scene, way: Way, usual: &Outcome) {
    let plan = super::case::plan(scene);
    if way == Way::Back && plan.rolling.is_some() {
        // A row that fails leaves its own later steps out: those are in the cases that go forwards.
        return;
    }
    // A run turns back from the last step that changes something: what only looks behind that is in the cases that go
    // forwards.
    let waits = |step: &Step| matches!(&step.operation.work, Work::Watch(watch) if watch.commands().is_empty());
    let changes = |step: &Step| matches!(step.operation.place, Place::Host(_)) && !waits(step);
    let end = match way {
        Way::Forward => plan.steps.len(),
        Way::Back => plan.steps.iter().rposition(changes).map_or(0, |at| at + 1),
    };
    for at in 0..end {
        let there = usual.effects.iter().any(|effect| {
            matches!(effect, Effect::Write(Record::Outcome { step, back: false, .. } | Record::Intent { step, back: false, .. }) if *step == at)
        });
        assert!(there, "{scene:?} {way:?}: step {at} is in no case");
    }
}

/// Tries all cases of a scene; how many, and their ends, are printed.
fn all(scene: Scene) {
    let cases = cases(scene);
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut failures: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for case in &cases {
        match std::panic::catch_unwind(|| run(case)) {
            Ok(outcome) => *counts.entry((kind(&outcome.first), kind(&outcome.last))).or_default() += 1,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                let first = text.lines().next().unwrap_or_default().to_owned();
                failures.entry(first).or_insert((0, text)).0 += 1;
            }
        }
    }
    println!("{scene:?}: {} cases", cases.len());
    for ((first, last), count) in &counts {
        println!("  {count:>6} {first} → {last}");
    }
    for (why, (count, text)) in &failures {
        println!("FAILED {count} times: {why}");
        if std::env::var_os("POINTSMAN_TELL").is_some_and(|word| why.contains(&*word.to_string_lossy())) {
            println!("{text}\n");
        }
    }
    assert!(failures.is_empty(), "{scene:?}: {} kinds of failure", failures.len());
}

/// Scenes with a test of their own, so that they are tried side by side.
const APART: [Scene; 13] = [
    Scene::SliceMove,
    Scene::Failover,
    Scene::FailBack,
    Scene::SplitBrain,
    Scene::MysqlSwitchover,
    Scene::MysqlFailover,
    Scene::MysqlReturned,
    Scene::MysqlSwitchoverEight,
    Scene::MysqlFailoverEight,
    Scene::MysqlReturnedEight,
    Scene::FenceSegment,
    Scene::UnfenceSegment,
    Scene::ClientRepoint,
];

#[test]
fn every_runbook_and_every_action_is_tried() {
    let listed: BTreeSet<&str> = catalogue::BUILT_IN.iter().map(|(file, _)| *file).collect();
    let files = std::fs::read_dir("src/runbook/builtin").unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        files.iter().map(String::as_str).eq(listed.iter().copied()),
        "catalogue::BUILT_IN has {listed:?}, and there are {files:?}"
    );
    assert_eq!(catalogue::all().len(), listed.len());
    for definition in catalogue::all() {
        let of_slices = definition.about == About::Slices;
        for nine in [false, true].into_iter().filter(|nine| of_slices || !nine) {
            let mut scenes = Scene::ALL.into_iter();
            assert!(
                scenes.any(|scene| scene.runbook() == definition.name && scene.is_nine() == nine),
                "{} (DRBD 9 and NFSv4: {nine}) needs a scene in tests/runbook/scene.rs: no case tries it",
                definition.name
            );
        }
    }
    let plans: Vec<_> = Scene::ALL.into_iter().map(super::case::plan).collect();
    let steps = plans.iter().flat_map(|plan| &plan.steps);
    let tried: BTreeSet<&str> = steps
        .flat_map(|step| [Some(&step.call), step.operation.undo.as_ref()])
        .flatten()
        .map(|call| call.action.as_str())
        .collect();
    for action in action::ALL {
        let name = action.name();
        assert!(
            tried.contains(name),
            "{name} is in no scene: add it to tests/runbook/every-action.yaml"
        );
    }
}

#[test]
fn other_servers() {
    let other = |scene: &Scene| {
        let apart = [Scene::DiskReplace, Scene::PoolReplace, Scene::Rolling].contains(&scene.base());
        !APART.contains(scene)
            && !scene.is_galera()
            && !scene.is_copied()
            && !scene.is_backup()
            && !scene.is_restored()
            && !apart
    };
    for scene in Scene::ALL.into_iter().filter(other) {
        all(scene);
    }
}

#[test]
fn arrays() {
    for scene in Scene::ALL
        .into_iter()
        .filter(|scene| scene.base() == Scene::DiskReplace)
    {
        all(scene);
    }
}

#[test]
fn pools() {
    for scene in Scene::ALL
        .into_iter()
        .filter(|scene| scene.base() == Scene::PoolReplace)
    {
        all(scene);
    }
}

#[test]
fn rolling() {
    for scene in Scene::ALL.into_iter().filter(|scene| scene.base() == Scene::Rolling) {
        all(scene);
    }
}

#[test]
fn migrations() {
    for scene in [
        Scene::Migrate,
        Scene::MigrateMany,
        Scene::MigrateZfs,
        Scene::MigrateReclaim,
    ] {
        all(scene);
    }
}

#[test]
fn backups() {
    for scene in [Scene::BackupTest, Scene::DatabaseBackupTest] {
        all(scene);
    }
}

#[test]
fn restore_from_backup() {
    for scene in [Scene::RestoreFromBackup, Scene::RestoreBesideOne] {
        all(scene);
    }
}

#[test]
fn slice_move() {
    all(Scene::SliceMove);
}

#[test]
fn failover() {
    all(Scene::Failover);
}

#[test]
fn fail_back() {
    all(Scene::FailBack);
}

#[test]
fn mysql_switchover() {
    all(Scene::MysqlSwitchover);
}

#[test]
fn mysql_failover() {
    all(Scene::MysqlFailover);
}

#[test]
fn mysql_returned() {
    for scene in [Scene::MysqlReturned, Scene::MysqlReturnedEight] {
        all(scene);
    }
}

#[test]
fn mysql_switchover_eight() {
    all(Scene::MysqlSwitchoverEight);
}

#[test]
fn mysql_failover_eight() {
    all(Scene::MysqlFailoverEight);
}

#[test]
fn galera() {
    for scene in Scene::ALL.into_iter().filter(|scene| scene.is_galera()) {
        all(scene);
    }
}

#[test]
fn split_brain() {
    all(Scene::SplitBrain);
}

#[test]
fn fence_segment() {
    all(Scene::FenceSegment);
}

#[test]
fn unfence_segment() {
    all(Scene::UnfenceSegment);
}

#[test]
fn client_repoint() {
    all(Scene::ClientRepoint);
}
