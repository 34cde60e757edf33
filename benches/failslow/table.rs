//! The printed table.

use crate::{score::Score, stats::poisson_bounds};

/// Prints the head of a table.
pub fn head(score: &Score) {
    print!("{:17}", "recall %/delay");
    for cell in &score.faults {
        print!("{:>9}", cell.kind.name());
    }
    print!("{:>8} |", "others");
    for cell in &score.decoys {
        print!("{:>8}", cell.kind.name());
    }
    println!(" | {:>21} | {:>5}", "FP/1000 h (95 %)", "MCC");
}

/// Prints a method's line.
pub fn line(score: &Score) {
    // Rust pads by characters, which is what a terminal shows for these names.
    print!("{:17}", score.name);
    for cell in &score.faults {
        let recall = format!("{:.0}", cell.rate() * 100.0);
        let text = if cell.hits == 0 {
            recall
        } else {
            format!("{recall}/{:.0}", cell.delay())
        };
        print!("{text:>9}");
    }
    print!("{:>8.1} |", score.others() * 100.0);
    for cell in &score.decoys {
        print!("{:>8.1}", cell.rate() * 100.0);
    }
    let clean = &score.decoys[0];
    let rate = rate(clean.alarms, clean.hours);
    println!(" | {rate:>21} | {:>5.2}", score.mcc());
}

/// Prints below it the delays that 95 % of the hits do not exceed.
pub fn late(score: &Score) {
    print!("{:17}", "  95 % within");
    for cell in &score.faults {
        let text = if cell.hits == 0 {
            "-".to_owned()
        } else {
            format!("{:.0}", cell.late())
        };
        print!("{text:>9}");
    }
    println!("{:>8} |", "");
}

/// Alarms per 1,000 hours, with 95 % bounds.
pub fn rate(alarms: usize, hours: f64) -> String {
    let (low, high) = poisson_bounds(alarms);
    let per = |events: f64| short(events / hours * 1000.0);
    format!("{} ({}–{})", per(alarms as f64), per(low), per(high))
}

/// A number in about three characters.
fn short(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 10.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
