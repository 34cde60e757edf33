//! What a person feels: start to first frame, and key to paint while the demo runs at full load.
//!
//! `cargo bench --bench start`. It runs the release program in a terminal and watches its output.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};
use support::Terminal;

fn main() {
    let program = env!("CARGO_BIN_EXE_pointsman");
    let mut starts: Vec<f64> = (0..20).map(|_| start(program)).collect();
    report("start to first frame", &mut starts);
    let mut terminal = Terminal::run(program, &["--demo"], 200, 60);
    terminal.wait_for("stor1");
    std::thread::sleep(Duration::from_secs(5));
    let mut keys: Vec<f64> = (0..200).map(|turn| key(&mut terminal, turn)).collect();
    report("key to paint", &mut keys);
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

/// Milliseconds from `?` to the help on screen, or from Esc to the page without it.
fn key(terminal: &mut Terminal, turn: u32) -> f64 {
    let opens = turn.is_multiple_of(2);
    let begun = Instant::now();
    terminal.send(if opens { "?" } else { "q" });
    while terminal.screen().contains("This help.") != opens && begun.elapsed() < Duration::from_secs(5) {
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
