//! How well a slow one among peers is found, against methods of the literature and of production code.
//!
//! `cargo bench --bench failslow` prints the table, first for faults put into real traces (the file is named by
//! `POINTSMAN_FAILSLOW`, in the format of the PERSEUS data set; without it that part is skipped), then for generated
//! ones. `POINTSMAN_FAILSLOW_SPLIT=tuning` shows the split on which constants may be tuned instead of the one on which
//! they are judged, `POINTSMAN_FAILSLOW_EPISODES` how many episodes of each kind are played (60), `POINTSMAN_FAILSLOW_SOUND` how many sound
//! groups are looked at for false alarms (200), `POINTSMAN_FAILSLOW_RUNS` how often each culprit is at fault (200),
//! `POINTSMAN_FAILSLOW_ONLY` a part of the names of the methods that are wanted. `cargo test --bench failslow` checks
//! the baselines, the generator and the scores instead.

#![allow(
    clippy::needless_range_loop,
    reason = "a poll is an index into several streams at once"
)]

mod baselines;
mod cpu;
mod generate;
mod inject;
mod matrix;
mod ours;
mod score;
mod stats;
mod table;
mod trace;

use baselines::Method;
use inject::{DECOYS, FAULTS, Kind};
use ours::Ours;
use pointsman::verdict::failslow::State;
use score::Pool;
use trace::{Node, Trace};

/// Polls of a generated trace; as many as a day of the real ones. Of short polls more are needed to see as much.
fn polls(class: &generate::Class) -> usize {
    if class.interval_s < 5.0 { 2160 } else { 720 }
}

/// Sizes of groups.
const SIZES: [usize; 4] = [12, 5, 3, 2];

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        stats::check();
        trace::check();
        generate::check();
        inject::check();
        score::check();
        baselines::check();
        println!("failslow: the baselines, the generator and the scores do what they say");
        return;
    }
    let test = std::env::var("POINTSMAN_FAILSLOW_SPLIT").as_deref() != Ok("tuning");
    println!("{} split", if test { "test" } else { "TUNING" });
    match std::env::var(trace::REAL) {
        Ok(path) => match trace::read(&path) {
            Ok(nodes) => real(&nodes, test),
            Err(error) => skipped(&error),
        },
        Err(_) => skipped(&format!("{} names no file", trace::REAL)),
    }
    for class in &generate::CLASSES {
        generated(class, test);
    }
    alarms_of_sound_groups(test);
    matrix::measure(setting("POINTSMAN_FAILSLOW_RUNS", 200), if test { 13 } else { 14 });
    println!();
    for members in [12, 1000, 2] {
        cpu::measure(members);
    }
    println!("\nsources");
    for method in methods() {
        println!("{:17} {}", method.name(), method.source());
    }
}

fn skipped(why: &str) {
    println!("\n*** SKIPPED: injections into real traces, and real labels: {why} ***\n");
}

fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

fn methods() -> Vec<Box<dyn Method>> {
    let mut methods: Vec<Box<dyn Method>> = vec![
        Box::new(Ours { from: State::Slow }),
        Box::new(Ours { from: State::Watch }),
    ];
    methods.extend(baselines::all());
    let only = std::env::var("POINTSMAN_FAILSLOW_ONLY").unwrap_or_default();
    methods.retain(|method| method.name().contains(&only));
    methods
}

/// A table for one pool.
fn play(title: &str, pool: &Pool, training: &[Trace], faults: &[Kind], decoys: &[Kind]) {
    println!("\n{title}, {} peers", pool.size);
    let judged = |mut method: Box<dyn Method>| {
        method.train(training);
        pool.score(method.as_ref(), faults, decoys)
    };
    // Each by itself: what they say does not depend on when they say it.
    let scores: Vec<score::Score> = std::thread::scope(|scope| {
        let running: Vec<_> = methods()
            .into_iter()
            .map(|method| scope.spawn(|| judged(method)))
            .collect();
        let joined = running.into_iter().map(|one| match one.join() {
            Ok(score) => score,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    for (number, score) in scores.iter().enumerate() {
        if number == 0 {
            table::head(score);
        }
        table::line(score);
        if number == 0 {
            table::late(score);
        }
    }
}

fn real(nodes: &[Node], test: bool) {
    let sound = |wanted: bool| -> Vec<Trace> {
        let days = nodes
            .iter()
            .filter(|node| node.is_sound() && node.is_test() == wanted)
            .flat_map(|node| &node.days);
        days.map(|(_, trace)| trace)
            .filter(|trace| trace.valid_share() > 0.97)
            .cloned()
            .collect()
    };
    let (training, judged) = (sound(false), sound(test));
    println!(
        "{} node-days of real traces to tune on, {} judged here",
        training.len(),
        judged.len()
    );
    let faults: Vec<Kind> = FAULTS.into_iter().filter(|kind| *kind != Kind::Loss).collect();
    for size in SIZES {
        let pool = Pool {
            sound: judged.clone(),
            size,
            episodes: setting("POINTSMAN_FAILSLOW_EPISODES", 60),
            seed: if test { 1 } else { 2 },
        };
        play(
            "faults in real traces (PERSEUS cluster A), 15 s",
            &pool,
            &training,
            &faults,
            &DECOYS,
        );
    }
    labels(nodes, &training);
}

/// Drive-days with an alarm: of the labelled drives, and of all others.
fn labels(nodes: &[Node], training: &[Trace]) {
    println!("\nreal labels, all nodes, each day from a cold start: drive-days with an alarm");
    for mut method in methods() {
        method.train(training);
        let mut counts = [(0, 0); 2];
        for (name, (drives, trace)) in nodes
            .iter()
            .flat_map(|node| node.days.iter().map(|day| (&node.name, day)))
        {
            for (drive, marks) in drives.iter().zip(method.judge(trace)) {
                let labelled = trace::LABELLED.contains(&(name.as_str(), drive.as_str()));
                let (alarmed, all) = &mut counts[usize::from(labelled)];
                *alarmed += usize::from(marks.contains(&true));
                *all += 1;
            }
        }
        let [(sound, all_sound), (slow, all_slow)] = counts;
        println!(
            "{:17} labelled {slow} of {all_slow}, others {sound} of {all_sound}",
            method.name()
        );
    }
}

/// False alarms of the detector alone, in so many sound groups that rates as low as are asked for can be shown.
fn alarms_of_sound_groups(test: bool) {
    let groups = setting("POINTSMAN_FAILSLOW_SOUND", 200);
    println!(
        "\nfalse alarms (SLOW) of pointsman in {groups} generated sound groups of 12: per 1,000 stream-hours (95 %)"
    );
    print!("{:17}", "");
    for size in SIZES {
        print!("{:>36}", format!("{size} peers"));
    }
    println!();
    for class in &generate::CLASSES {
        let mut rng = fastrand::Rng::with_seed(if test { 33 } else { 31 });
        let mut seen = [(0, 0.0); SIZES.len()];
        for _ in 0..groups {
            let whole = generate::sound(&mut rng, class, 12, 2 * polls(class));
            for (size, (alarms, hours)) in SIZES.into_iter().zip(&mut seen) {
                for part in score::parts(&whole, size) {
                    let marks = Ours { from: State::Slow }.judge(&part);
                    *alarms += (0..size)
                        .map(|stream| score::raises(&marks, stream).count())
                        .sum::<usize>();
                    *hours += part.stream_hours();
                }
            }
        }
        print!("{:17}", class.name);
        for (alarms, hours) in seen {
            print!(
                "{:>36}",
                format!("{alarms} in {hours:.0} h: {}", table::rate(alarms, hours))
            );
        }
        println!();
    }
}

fn generated(class: &generate::Class, test: bool) {
    let make = |split: bool, groups: usize| -> Vec<Trace> {
        let mut rng = fastrand::Rng::with_seed(if split { 11 } else { 12 });
        (0..groups)
            .map(|_| generate::sound(&mut rng, class, 12, polls(class)))
            .collect()
    };
    let network = matches!(class.name, "NFS READ, 2 s" | "SSH RTT, 2 s");
    let faults: Vec<Kind> = FAULTS
        .into_iter()
        .filter(|kind| network || *kind != Kind::Loss)
        .collect();
    // Without a load nobody can know that one is busy.
    let busy = |kind: &Kind| matches!(kind, Kind::Busy | Kind::BusyQueue);
    let decoys: Vec<Kind> = DECOYS.into_iter().filter(|kind| class.loaded || !busy(kind)).collect();
    let (training, judged) = (make(false, 20), make(test, setting("POINTSMAN_FAILSLOW_GROUPS", 60)));
    // Networks are where groups are small.
    let sizes: &[usize] = if network { &[12, 5, 3, 2] } else { &[12, 2] };
    for &size in sizes {
        let pool = Pool {
            sound: judged.clone(),
            size,
            episodes: setting("POINTSMAN_FAILSLOW_EPISODES", 60),
            seed: if test { 3 } else { 4 },
        };
        play(
            &format!("generated: {}", class.name),
            &pool,
            &training,
            &faults,
            &decoys,
        );
    }
}
