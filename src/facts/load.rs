//! Load, CPU, memory and pressure of a host.

use super::{
    reading::Why,
    scan::{delta, float, garbled, next_u64},
};
use serde::Serialize;

/// `/proc/uptime` with `btime`: how long the host runs, and what its clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Uptime {
    /// Seconds since boot.
    pub seconds: f64,
    /// The host's clock, seconds since 1970: `btime` + uptime, right to about a second; `None` without `btime`.
    pub clock_seconds: Option<f64>,
}

/// `/proc/loadavg` (proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadAverage {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
    /// Tasks that can run now.
    pub runnable: u32,
    /// All tasks.
    pub tasks: u32,
}

/// CPU time counters of `/proc/stat` (proc(5)), in clock ticks since boot, and task counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CpuTimes {
    /// user + nice.
    pub user: u64,
    /// system + irq + softirq.
    pub system: u64,
    /// idle.
    pub idle: u64,
    /// iowait.
    pub iowait: u64,
    /// steal.
    pub steal: u64,
    /// Number of CPUs.
    pub cpus: u32,
    /// Tasks running or ready.
    pub running: u32,
    /// Tasks waiting for I/O (state D).
    pub blocked: u32,
}

/// Shares of CPU time between two samples, each 0–100.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct CpuUse {
    /// user + nice.
    pub user_percent: f64,
    /// system + interrupts.
    pub system_percent: f64,
    /// Waiting for I/O.
    pub iowait_percent: f64,
    /// Taken by the hypervisor.
    pub steal_percent: f64,
}

/// Memory of `/proc/meminfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Memory {
    /// All memory.
    pub total_kib: u64,
    /// Memory that can be used without swapping (`MemAvailable`; on old kernels free + buffers + cached).
    pub available_kib: u64,
    /// All swap.
    pub swap_total_kib: u64,
    /// Free swap.
    pub swap_free_kib: u64,
    /// Waiting to be written to disk.
    pub dirty_kib: u64,
    /// Being written to disk.
    pub writeback_kib: u64,
}

/// Pressure stall information (kernel `Documentation/accounting/psi.rst`): share of the last ten
/// seconds in which tasks waited, percent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Pressure {
    /// Some tasks waited for CPU.
    pub cpu_some_percent: f64,
    /// Some tasks waited for I/O.
    pub io_some_percent: f64,
    /// All tasks waited for I/O.
    pub io_full_percent: f64,
    /// Some tasks waited for memory.
    pub memory_some_percent: f64,
    /// All tasks waited for memory.
    pub memory_full_percent: f64,
}

/// Reads `/proc/uptime` and a `btime N` line (of `/proc/stat`) behind it.
pub fn parse_uptime(text: &str) -> Result<Uptime, Why> {
    let seconds = text
        .split_ascii_whitespace()
        .next()
        .and_then(float)
        .filter(|seconds| *seconds >= 0.0)
        .ok_or_else(|| garbled(text))?;
    let boot = text
        .lines()
        .find_map(|line| line.strip_prefix("btime "))
        .and_then(|word| float(word.trim()))
        .filter(|boot| *boot > 0.0);
    Ok(Uptime {
        seconds,
        clock_seconds: boot.map(|boot| boot + seconds),
    })
}

/// Reads `/proc/loadavg`.
pub fn parse_loadavg(text: &str) -> Result<LoadAverage, Why> {
    let read = || {
        let mut words = text.split_ascii_whitespace();
        let mut load = || words.next().and_then(float).filter(|load| *load >= 0.0);
        let (one, five, fifteen) = (load()?, load()?, load()?);
        let (runnable, tasks) = words.next()?.split_once('/')?;
        Some(LoadAverage {
            one,
            five,
            fifteen,
            runnable: runnable.parse().ok()?,
            tasks: tasks.parse().ok()?,
        })
    };
    read().ok_or_else(|| garbled(text))
}

/// Reads the `cpu` line of `/proc/stat`, the `procs_` lines and `cpus N`.
pub fn parse_stat(text: &str) -> Result<CpuTimes, Why> {
    let mut times = CpuTimes::default();
    let mut found = false;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("cpu") => {
                let mut next = || next_u64(&mut words);
                let (Some(user), Some(nice), Some(system), Some(idle)) = (next(), next(), next(), next()) else {
                    return Err(garbled(text));
                };
                times.user = user.saturating_add(nice);
                times.idle = idle;
                // Kernels before 2.6 have only the four; what they lack counts as zero.
                times.iowait = next().unwrap_or(0);
                let interrupts = next().unwrap_or(0).saturating_add(next().unwrap_or(0));
                times.system = system.saturating_add(interrupts);
                times.steal = next().unwrap_or(0);
                found = true;
            }
            Some("procs_running") => times.running = small(&mut words),
            Some("procs_blocked") => times.blocked = small(&mut words),
            Some("cpus") => times.cpus = small(&mut words),
            _ => {}
        }
    }
    if found { Ok(times) } else { Err(garbled(text)) }
}

fn small<'a>(words: &mut impl Iterator<Item = &'a str>) -> u32 {
    words.next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// CPU use between two samples; `None` after a reset or when no time has passed.
#[must_use]
pub fn cpu_use(before: &CpuTimes, after: &CpuTimes) -> Option<CpuUse> {
    /// idle and iowait may step back a little (proc(5) warns of it).
    const SLACK: u64 = 1000;
    let loose = |before: u64, after: u64| match delta(before, after) {
        None if before - after <= SLACK => Some(0),
        other => other,
    };
    let user = delta(before.user, after.user)?;
    let system = delta(before.system, after.system)?;
    let steal = delta(before.steal, after.steal)?;
    let idle = loose(before.idle, after.idle)?;
    let iowait = loose(before.iowait, after.iowait)?;
    let total = [user, system, steal, idle, iowait]
        .iter()
        .fold(0_u64, |sum, part| sum.saturating_add(*part));
    if total == 0 {
        return None;
    }
    let share = |part: u64| part as f64 * 100.0 / total as f64;
    Some(CpuUse {
        user_percent: share(user),
        system_percent: share(system),
        iowait_percent: share(iowait),
        steal_percent: share(steal),
    })
}

/// Reads lines of `/proc/meminfo`. A line without its unit (as a cut one) does not count.
pub fn parse_meminfo(text: &str) -> Result<Memory, Why> {
    let (mut total, mut available, mut free, mut buffers, mut cached) = (None, None, None, None, None);
    let mut memory = Memory::default();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else {
            continue;
        };
        let mut words = rest.split_ascii_whitespace();
        let (Some(value), Some("kB")) = (next_u64(&mut words), words.next()) else {
            continue;
        };
        match name {
            "MemTotal" => total = Some(value),
            "MemAvailable" => available = Some(value),
            "MemFree" => free = Some(value),
            "Buffers" => buffers = Some(value),
            "Cached" => cached = Some(value),
            "SwapTotal" => memory.swap_total_kib = value,
            "SwapFree" => memory.swap_free_kib = value,
            "Dirty" => memory.dirty_kib = value,
            "Writeback" => memory.writeback_kib = value,
            _ => {}
        }
    }
    // Kernels before 3.14 have no MemAvailable.
    let estimate = || Some(free?.saturating_add(buffers?).saturating_add(cached?));
    match (total, available.or_else(estimate)) {
        (Some(total), Some(available)) if total > 0 => {
            memory.total_kib = total;
            memory.available_kib = available.min(total);
            Ok(memory)
        }
        _ => Err(garbled(text)),
    }
}

/// Reads the lines of `/proc/pressure/*`, each with the resource's name in front.
pub fn parse_pressure(text: &str) -> Result<Pressure, Why> {
    let find = |resource: &str, kind: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let percent = (words.next() == Some(resource) && words.next() == Some(kind))
                .then(|| words.find_map(|word| word.strip_prefix("avg10=")))
                .flatten()
                .and_then(float)?;
            (0.0..=100.0).contains(&percent).then_some(percent)
        })
    };
    let read = || {
        Some(Pressure {
            cpu_some_percent: find("cpu", "some")?,
            io_some_percent: find("io", "some")?,
            io_full_percent: find("io", "full")?,
            memory_some_percent: find("memory", "some")?,
            memory_full_percent: find("memory", "full")?,
        })
    };
    read().ok_or_else(|| garbled(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn uptime_and_clock() {
        let uptime = parse_uptime("350735.47 234388.90\nbtime 1763689200").unwrap();
        assert!((uptime.seconds - 350_735.47).abs() < 1e-6);
        assert!((uptime.clock_seconds.unwrap() - 1_764_039_935.47).abs() < 1e-3);
        assert_eq!(parse_uptime("12.5 1").unwrap().clock_seconds, None);
        assert!(matches!(parse_uptime("nan inf"), Err(Why::Garbled(_))));
        assert!(matches!(parse_uptime(""), Err(Why::Garbled(_))));
    }

    #[test]
    fn load_average() {
        let load = parse_loadavg("0.18 0.30 0.29 1/73 2246\n").unwrap();
        assert_eq!((load.one, load.five, load.fifteen), (0.18, 0.30, 0.29));
        assert_eq!((load.runnable, load.tasks), (1, 73));
        assert!(parse_loadavg("0.18 0.30").is_err());
    }

    #[test]
    fn cpu_times_and_use() {
        let before =
            parse_stat("cpu  6846 4 11709 51900 49 1 2768 7 0 0\nprocs_running 2\nprocs_blocked 1\ncpus 2").unwrap();
        assert_eq!((before.user, before.system, before.steal), (6850, 14478, 7));
        assert_eq!((before.running, before.blocked, before.cpus), (2, 1, 2));
        let mut after = before;
        after.user += 50;
        after.idle += 100;
        after.steal += 50;
        let used = cpu_use(&before, &after).unwrap();
        assert_eq!((used.user_percent, used.steal_percent), (25.0, 25.0));
        assert_eq!(cpu_use(&after, &before), None, "user time fell");
        assert_eq!(cpu_use(&before, &before), None, "no time passed");
        after.iowait -= 10;
        assert!(cpu_use(&before, &after).is_some(), "iowait may step back a little");
        assert!(parse_stat("cpu0 1 2 3 4").is_err());
    }

    #[test]
    fn memory_with_and_without_available() {
        let memory =
            parse_meminfo("MemTotal: 337324 kB\nMemFree: 205644 kB\nMemAvailable: 249184 kB\nDirty: 12 kB\n").unwrap();
        assert_eq!(
            (memory.total_kib, memory.available_kib, memory.dirty_kib),
            (337_324, 249_184, 12)
        );
        let old = parse_meminfo("MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 20 kB\nCached: 30 kB\n").unwrap();
        assert_eq!(old.available_kib, 150);
        assert!(parse_meminfo("MemTotal: 1000 kB\nMemFree: 100 kB\n").is_err());
        assert!(
            parse_meminfo("MemTotal: 1000 kB\nMemAvailable: 10").is_err(),
            "a cut line"
        );
    }

    #[test]
    fn pressure_lines() {
        let text = "cpu some avg10=4.12 avg60=3.28 avg300=6.08 total=110562556\n\
            cpu full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n\
            io some avg10=0.36 avg60=1.34 avg300=0.46 total=1640885\n\
            io full avg10=0.10 avg60=0.38 avg300=0.13 total=548515\n\
            memory some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n\
            memory full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        let pressure = parse_pressure(text).unwrap();
        assert_eq!((pressure.cpu_some_percent, pressure.io_full_percent), (4.12, 0.10));
        assert!(parse_pressure(&text[..200]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), numbers in "(cpu|MemTotal:|MemAvailable:|btime| |[0-9]{1,21}|kB|\n){0,40}") {
            for text in [&text, &numbers] {
                let _ = (parse_uptime(text), parse_loadavg(text), parse_stat(text), parse_meminfo(text), parse_pressure(text));
            }
        }

        #[test]
        fn cpu_use_is_a_share(a in any::<[u64; 5]>(), b in any::<[u64; 5]>()) {
            let times = |v: [u64; 5]| CpuTimes { user: v[0], system: v[1], idle: v[2], iowait: v[3], steal: v[4], ..CpuTimes::default() };
            if let Some(used) = cpu_use(&times(a), &times(b)) {
                for part in [used.user_percent, used.system_percent, used.iowait_percent, used.steal_percent] {
                    prop_assert!((0.0..=100.0).contains(&part));
                }
            }
        }
    }
}
