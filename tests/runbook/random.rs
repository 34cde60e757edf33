//! Random runs: several faults in one run, at random turns. A seed makes each; it is printed when the run fails, and
//! `POINTSMAN_SEED=N` plays that one again. `POINTSMAN_RANDOM_RUNS` says how many, `POINTSMAN_FIRST_SEED` from which on.

use super::{
    case::{At, Case, Fate, Fault, kind, run},
    matrix::FOR_EVER,
    scene::Scene,
    stage::GARBAGE,
};
use pointsman::simulate::act::Mishap;
use std::collections::BTreeMap;

/// Runs in an ordinary test.
const RUNS: u64 = 2000;

fn fault(scene: Scene, random: &mut fastrand::Rng) -> Fault {
    let [one, two] = scene.hosts();
    let host = [one, two][random.usize(..2)];
    let any = [one, two, "client"][random.usize(..3)];
    let turns = 1 + random.usize(..25);
    match random.usize(..28) {
        0 => Fault::Killed { back: false },
        1 => Fault::Killed { back: true },
        2 => Fault::Call(Fate::NotSent),
        3 => Fault::Call(Fate::LostUndone),
        4 => Fault::Call(Fate::LostDone),
        5 | 6 => Fault::Call(Fate::Later(turns)),
        7 => Fault::Call(Fate::SlowStart(turns)),
        8 => Fault::Call(Fate::SlowEnd(turns)),
        9 => Fault::Rebooted(host),
        10 => Fault::Returns(host),
        11 => Fault::Cut(any, turns),
        12 => Fault::LinkCut(if random.bool() { turns } else { FOR_EVER }),
        13 => Fault::Second {
            reverse: false,
            burst: turns,
        },
        14 => Fault::ConsoleFull,
        15 => Fault::TargetFull(host),
        16 => Fault::Clock(if random.bool() { 7200 } else { -7200 }),
        17 => Fault::Udev(host, random.u64(1..40)),
        18 => {
            let mishaps = [Mishap::Fails, Mishap::FailsLate, Mishap::Lies];
            Fault::Command(host, mishaps[random.usize(..3)])
        }
        19 => Fault::Hangs(any, turns, "begin"),
        20 => Fault::Hangs(host, turns, "run"),
        21 => {
            let kind = random.usize(..GARBAGE.len());
            // The exit code of the site's own command is all that it says: no garbage that ends well can be told from a yes.
            Fault::Garbage(any, turns, if scene.asks_site() == Some(any) { 0 } else { kind })
        }
        22 => Fault::Frozen(any, turns),
        23 => Fault::Away(host, turns),
        24 => Fault::Alone(turns),
        25 => Fault::ClientsCut(host, if random.bool() { turns } else { FOR_EVER }),
        26 => Fault::SlowDisk(turns),
        _ => Fault::Cancelled,
    }
}

fn case(seed: u64) -> Case {
    let mut random = fastrand::Rng::with_seed(seed);
    let scene = Scene::ALL[random.usize(..Scene::ALL.len())];
    let mut seconds = 0;
    let faults = (0..=random.usize(..4))
        .map(|_| At {
            turn: random.usize(..70),
            after: random.bool(),
            fault: fault(scene, &mut random),
        })
        // A third operator is the second one again.
        .filter(|at| {
            seconds += usize::from(matches!(at.fault, Fault::Second { .. }));
            seconds < 2 || !matches!(at.fault, Fault::Second { .. })
        })
        .collect();
    Case { scene, faults }
}

#[test]
fn random_runs() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("POINTSMAN_SEED") {
        println!("{:?}", run(&case(seed)).last);
        return;
    }
    let runs = number("POINTSMAN_RANDOM_RUNS").unwrap_or(RUNS);
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut failures: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let first = number("POINTSMAN_FIRST_SEED").unwrap_or(0);
    for seed in first..first + runs {
        match std::panic::catch_unwind(|| run(&case(seed))) {
            Ok(outcome) => *counts.entry((kind(&outcome.first), kind(&outcome.last))).or_default() += 1,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                let why = text.lines().next().unwrap_or_default().to_owned();
                failures.entry(why).or_default().push(seed);
            }
        }
    }
    println!(
        "{runs} random runs, seeds {first} to {}",
        (first + runs).saturating_sub(1)
    );
    for ((first, last), count) in &counts {
        println!("  {count:>6} {first} → {last}");
    }
    for (why, seeds) in &failures {
        println!("FAILED {} times, POINTSMAN_SEED={}: {why}", seeds.len(), seeds[0]);
    }
    assert!(failures.is_empty(), "{} kinds of failure", failures.len());
}
