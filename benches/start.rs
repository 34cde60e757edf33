//! What a person feels: start to first frame, and key to paint (help, views, filter) while the demo runs at full load.
//!
//! `cargo bench --bench start`. It runs the release program in a terminal and watches its output.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};
use support::Terminal;

/// What is typed, and the text that then is (or no longer is) on screen.
type Step = (&'static str, &'static str, bool);

/// Keys that lead back to where they began.
const STEPS: [(&str, &[Step]); 3] = [
    (
        "open and close help",
        &[("?", "This help.", true), ("q", "This help.", false)],
    ),
    (
        "switch views",
        &[
            ("2", "› storage", true),
            ("3", "› database", true),
            ("5", "› findings", true),
            ("1", "› findings", false),
        ],
    ),
    (
        "type a filter",
        &[
            ("/q", "/q", true),
            ("x", "/qx", true),
            ("y", "/qxy", true),
            ("\x15\r", "/qxy", false),
        ],
    ),
];

fn main() {
    let program = env!("CARGO_BIN_EXE_pointsman");
    let mut starts: Vec<f64> = (0..20).map(|_| start(program)).collect();
    report("start to first frame", &mut starts);
    let mut terminal = Terminal::run(program, &["--demo"], 200, 60);
    terminal.wait_for("stor1");
    std::thread::sleep(Duration::from_secs(5));
    for (what, steps) in STEPS {
        let turns = (0..100).flat_map(|_| steps.iter());
        let mut times: Vec<f64> = turns.map(|step| key(&mut terminal, step)).collect();
        report(&format!("key to paint, {what}"), &mut times);
    }
    terminal.send("q");
    terminal.exit_code();
}

/// Milliseconds from starting the process to the first screen that says what it is.
fn start(program: &str) -> f64 {
    let begun = Instant::now();
    let terminal = Terminal::run(program, &["--demo"], 120, 40);
    while !terminal.screen().contains("pointsman") {
        std::thread::sleep(Duration::from_micros(200));
    }
    begun.elapsed().as_secs_f64() * 1000.0
}

/// Milliseconds from a key to the screen with (or without) its text.
fn key(terminal: &mut Terminal, &(keys, text, shown): &Step) -> f64 {
    let begun = Instant::now();
    terminal.send(keys);
    while terminal.screen().contains(text) != shown {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{keys:?}: {}",
            terminal.screen()
        );
        std::thread::sleep(Duration::from_micros(200));
    }
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    std::thread::sleep(Duration::from_millis(37));
    took
}

fn report(what: &str, samples_ms: &mut [f64]) {
    samples_ms.sort_by(f64::total_cmp);
    let share = |percent: usize| samples_ms[(samples_ms.len() - 1) * percent / 100];
    println!(
        "{what}: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({} samples)",
        share(50),
        share(99),
        share(100),
        samples_ms.len()
    );
}
