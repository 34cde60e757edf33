//! The program against the lab of real machines: each scenario brings a fault about for real, sees the
//! right finding about the right subject in `--batch watch` and `--batch status`, undoes the fault, and
//! sees it clear.
//!
//! Run it by `tests/lab/run`, which starts the lab first. `cargo test --test lab -- NAME…` runs single
//! scenarios against a lab that is up; `-- --list` names them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod discover;
mod program;
mod record;
mod scenario;
mod scenarios;
mod starved;

use program::{Lab, Watch};
use scenario::{Lane, Outcome, Scenario};
use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--nocapture").collect();
    let all = scenarios::all();
    if wanted.iter().any(|arg| arg == "--list") {
        for scenario in &all {
            println!("{:<10} {}", scenario.lane.word(), scenario.name);
        }
        return ExitCode::SUCCESS;
    }
    let recording = wanted.first().is_some_and(|arg| arg == "--record");
    let chosen: Vec<Scenario> = all
        .into_iter()
        .filter(|scenario| {
            recording || wanted.is_empty() || wanted.iter().any(|name| scenario.name.contains(name.as_str()))
        })
        .collect();
    if chosen.is_empty() {
        eprintln!("no scenario is named {}; --list names them", wanted.join(" or "));
        return ExitCode::FAILURE;
    }
    let lab = match Lab::find() {
        Ok(lab) => Arc::new(lab),
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if let [option, state, hosts @ ..] = wanted.as_slice()
        && option == "--record"
    {
        return match record::record(&lab, state, hosts) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        };
    }
    let started = Instant::now();
    let watch = match Watch::start(&lab) {
        Ok(watch) => watch,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    program::undo_at_signal(&lab, &watch);
    if let Err(why) = watch.wait_until_quiet(&[], &scenario::SLOWNESS, Duration::from_secs(90)) {
        eprintln!("the lab is not healthy before the first fault:\n{why}");
        return ExitCode::FAILURE;
    }
    // What the hosts are like by themselves: before any fault. A host that was kept waiting too long is no verdict.
    let draft = discover::check(&lab).or_else(|_| discover::check(&lab));
    match &draft {
        Ok(()) => println!("discover drafts the lab's own inventory"),
        Err(why) => println!("discover differs from the lab's own inventory:\n{why}"),
    }
    let mut outcomes = run(&lab, &watch, &chosen.iter().collect::<Vec<_>>());
    for again in [has_failed, has_failed_starved] {
        let outcomes_again = try_again(&lab, &watch, &chosen, &outcomes, again);
        outcomes.extend(outcomes_again);
    }
    let failed = chosen.iter().filter(|scenario| has_failed(scenario, &outcomes)).count();
    // As with scenarios: once more at the end, when nobody else wants the processors.
    let draft = draft.or_else(|_| discover::check(&lab));
    if let Err(why) = &draft {
        println!("discover differs still:\n{why}");
    }
    report(&outcomes, failed, started.elapsed());
    if draft.is_ok() && failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How a scenario went when it was run last.
fn last<'a>(scenario: &Scenario, outcomes: &'a [Outcome]) -> Option<&'a Outcome> {
    outcomes.iter().rfind(|outcome| outcome.name == scenario.name)
}

fn has_failed(scenario: &Scenario, outcomes: &[Outcome]) -> bool {
    last(scenario, outcomes).is_none_or(|outcome| outcome.failure.is_some())
}

/// Failed about slowness, on a machine that made all of the emulated ones slow meanwhile.
fn has_failed_starved(scenario: &Scenario, outcomes: &[Outcome]) -> bool {
    scenario.is_about_slowness()
        && last(scenario, outcomes).is_some_and(|outcome| outcome.failure.is_some() && outcome.waited.is_starved())
}

/// What failed is tried once more, in a lab that was mended: one late poll of a starved machine is no verdict, two
/// failures are. What tells slow machines from others, and was measured to be starved both times, has a third try. All
/// outcomes are told.
fn try_again(
    lab: &Arc<Lab>,
    watch: &Watch,
    chosen: &[Scenario],
    outcomes: &[Outcome],
    again: fn(&Scenario, &[Outcome]) -> bool,
) -> Vec<Outcome> {
    let failed: Vec<&Scenario> = chosen.iter().filter(|scenario| again(scenario, outcomes)).collect();
    if failed.is_empty() {
        return Vec::new();
    }
    println!("once more, what failed:");
    let ready = lab
        .mend()
        .and_then(|()| watch.wait_until_quiet(&[], &scenario::SLOWNESS, Duration::from_secs(90)));
    if let Err(why) = ready {
        println!("the lab does not become healthy again:\n{why}");
        return Vec::new();
    }
    run(lab, watch, &failed)
}

/// Runs the lanes beside each other, and the scenarios of a lane one after the other: those of different
/// lanes touch different machines.
fn run(lab: &Arc<Lab>, watch: &Watch, chosen: &[&Scenario]) -> Vec<Outcome> {
    std::thread::scope(|scope| {
        let lanes: Vec<_> = Lane::ALL
            .into_iter()
            .map(|lane| {
                scope.spawn(move || {
                    let mine = chosen.iter().filter(|scenario| scenario.lane == lane);
                    mine.map(|scenario| scenario.run(lab, watch)).collect::<Vec<_>>()
                })
            })
            .collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    })
}

fn report(outcomes: &[Outcome], failed: usize, took: Duration) {
    println!(
        "\n{:<10} {:<40} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}  result",
        "lane", "scenario", "seen s", "shown s", "look s", "undo s", "clear s", "all s", "wait %"
    );
    for outcome in outcomes {
        println!("{outcome}");
    }
    println!(
        "\n{} runs of scenarios, {failed} failed for good, {:.0} s.  seen: fault → first poll that saw it; shown: → raised in --batch watch; look: until --batch status said so, too; undo: what undoing took; clear: undone → cleared; wait: the real machine kept its tasks waiting for so much of the time / of its processors' time went to others",
        outcomes.len(),
        took.as_secs_f64()
    );
}
