//! How long a typical fast poll takes to parse and assemble: `cargo bench --bench parse`.
//!
//! Twelve disks, CPU, memory, pressure, load, interfaces, md and DRBD, all changed since the poll before.

use pointsman::facts::{Assembler, Section, SectionStatus, UnixMs};
use std::{fmt::Write as _, hint::black_box, time::Instant};

const MEMINFO: &str = include_str!("../tests/captures/healthy/stor1/meminfo");
const PRESSURE: &str = include_str!("../tests/captures/healthy/stor1/pressure");
const MDSTAT: &str = include_str!("../tests/captures/healthy/stor1/mdstat");
const DRBD: &str = include_str!("../tests/captures/healthy/stor1/proc-drbd");
const STATUS: &str = include_str!("../tests/captures/healthy/stor1/drbdsetup-status");
/// Rounds measured.
const ROUNDS: u32 = 20_000;

/// The sections of the poll numbered `round`: counters have risen since the one before.
fn poll(round: u64) -> Vec<(Section, String)> {
    let mut disks = String::new();
    let mut links = "Inter-|   Receive |  Transmit\n face |bytes packets |bytes packets\n".to_owned();
    for disk in 0..12 {
        let n = 758_123 + round * 40 + disk;
        let _ = writeln!(
            disks,
            "   8      {} sd{} {n} 25081 {} {} {n} 2875 {} {} 0 {} 10468 0 0 0 0 177 263",
            disk * 16,
            char::from(b'a' + u8::try_from(disk).unwrap_or(0)),
            n * 8,
            n * 2,
            n * 8,
            n * 3,
            n / 2,
        );
    }
    for link in ["lo", "eth0", "eth1", "bond0"] {
        let n = 504_640_123 + round * 9000;
        let _ = writeln!(links, "{link:>6}: {n} {round} 0 0 0 0 0 0 {n} {round} 0 0 0 0 0 0");
    }
    let ticks = round * 200;
    let keep = [
        "MemTotal",
        "MemFree",
        "MemAvailable",
        "Buffers",
        "Cached",
        "SwapTotal",
        "SwapFree",
        "Dirty",
        "Writeback",
    ];
    let wanted = |line: &&str| line.split_once(':').is_some_and(|(name, _)| keep.contains(&name));
    let memory: Vec<_> = MEMINFO.lines().filter(wanted).collect();
    vec![
        (
            Section::Stat,
            format!(
                "cpu  {ticks} 0 {ticks} {} 49 0 2768 0 0 0\nprocs_running 2\nprocs_blocked 0\ncpus 16",
                ticks * 9
            ),
        ),
        (
            Section::Uptime,
            format!("{}.25 900.00\nbtime 1763689200", 1000 + round * 2),
        ),
        (Section::Loadavg, format!("0.{:02} 0.30 0.29 1/73 {round}", round % 100)),
        (
            Section::Meminfo,
            memory
                .join("\n")
                .replace("205644", &format!("{}", 200_000 + round % 1000)),
        ),
        (
            Section::Pressure,
            PRESSURE.replace("4.12", &format!("4.{:02}", round % 100)),
        ),
        (Section::Diskstats, disks),
        (Section::NetDev, links),
        (
            Section::Mdstat,
            MDSTAT.replace("192512", &format!("{}", 192_000 + round % 2)),
        ),
        (Section::Drbd, DRBD.replace("pe:0", &format!("pe:{}", round % 7))),
    ]
}

fn main() {
    let polls: Vec<_> = (0..64).map(poll).collect();
    let bytes: usize = polls[0].iter().map(|(_, text)| text.len()).sum();
    let mut assembler = Assembler::new(&[]);
    assembler.apply(
        [(Section::DrbdStatus, &SectionStatus::Ok, STATUS.as_bytes())].into_iter(),
        UnixMs(0),
    );
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        for round in 0..ROUNDS {
            let sections = &polls[round as usize % polls.len()];
            let at = UnixMs(u64::from(round) * 2000);
            let sections = sections
                .iter()
                .map(|(section, text)| (*section, &SectionStatus::Ok, text.as_bytes()));
            assembler.apply(sections, at);
            black_box(assembler.snapshot(at, 700));
        }
        best = best.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
    }
    println!("fast poll of {bytes} bytes: {best:.1} µs to parse, rate and assemble (best of 5 runs of {ROUNDS})");
    println!("5,000 hosts every 2 s: {:.1} % of one core", best * 2500.0 / 10_000.0);
}
