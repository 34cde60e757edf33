//! How busy hosts are: as observers, and by what they are asked for.

use crate::{
    facts::Tier,
    verdict::{failslow::trust::ObserverLoad, seen::Seen},
};

/// Ticks after which what is usual counts.
const SETTLED: u16 = 20;
/// Ticks over which what is usual is forgotten: twenty minutes.
const MEMORY: f32 = 240.0;

/// What a host says of its own load, with the share of time that NFS operations wait in its own queue.
#[allow(clippy::cast_possible_truncation, reason = "percents and ratios")]
pub(super) fn of(seen: &Seen<'_>, queue_over_rtt: Option<f32>) -> ObserverLoad {
    let snapshot = seen.snapshot;
    let pressure = seen.fact(&snapshot.pressure, Tier::Fast).value();
    let cpu = seen.fact(&snapshot.cpu, Tier::Fast).value();
    let load = seen.fact(&snapshot.load, Tier::Fast).value();
    let cpus = seen
        .fact(&snapshot.cpu_times, Tier::Fast)
        .value()
        .map(|times| times.cpus);
    let cpus = cpus.filter(|cpus| *cpus > 0);
    ObserverLoad {
        cpu_pressure_percent: pressure.map(|pressure| pressure.cpu_some_percent as f32),
        steal_percent: cpu.map(|cpu| cpu.steal_percent as f32),
        runnable_per_cpu: load.zip(cpus).map(|(load, cpus)| load.runnable as f32 / cpus as f32),
        queue_over_rtt,
    }
}

/// Why an observer is not fully trusted, in a few words; empty where it is.
pub(super) fn words(load: &ObserverLoad, weight: f32) -> String {
    if weight >= 1.0 {
        return String::new();
    }
    let mut words = Vec::new();
    let mut tell = |value: Option<f32>, limit: f32, text: &dyn Fn(f32) -> String| {
        if let Some(value) = value.filter(|value| *value > limit) {
            words.push(text(value));
        }
    };
    tell(load.cpu_pressure_percent, 20.0, &|percent| {
        format!("CPU pressure {percent:.0} %")
    });
    tell(load.steal_percent, 10.0, &|percent| format!("steal {percent:.0} %"));
    tell(load.runnable_per_cpu, 2.0, &|ratio| {
        format!("{ratio:.1} runnable tasks a CPU")
    });
    tell(load.queue_over_rtt, 1.0, &|ratio| {
        format!("NFS waits {ratio:.1}× longer in its own queue than for the server")
    });
    words.join(", ")
}

/// What a server is asked for, and what is usual.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offered {
    nfs: Usual,
    disks: Usual,
}

#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    /// ln of the load now.
    now: f32,
    /// ln of what is usual.
    level: f32,
    ticks: u16,
}

impl Usual {
    /// One tick; less than `least` is as good as nothing.
    fn take(&mut self, load: f64, least: f64) {
        #[allow(clippy::cast_possible_truncation, reason = "a logarithm is small")]
        let now = load.max(least).ln() as f32;
        if self.ticks == 0 {
            // Before anything was measured nothing is usual.
            if load <= least {
                return;
            }
            (self.now, self.level) = (now, now);
        }
        // A single tick of a burst is no load yet.
        self.now += 0.3 * (now - self.now);
        self.ticks = self.ticks.saturating_add(1);
        // Streams are found one after the other: until they all are, what is usual follows what is measured.
        let rate = if self.ticks < SETTLED {
            0.2
        } else {
            (1.0 / f32::from(self.ticks)).max(1.0 / MEMORY)
        };
        self.level += rate * (self.now - self.level);
    }

    fn above(&self) -> f32 {
        if self.ticks < SETTLED {
            0.0
        } else {
            self.now - self.level
        }
    }
}

impl Offered {
    /// One tick: NFS operations a second of all clients, bytes a second of all disks.
    pub(super) fn take(&mut self, operations: f64, bytes: f64) {
        self.nfs.take(operations, 20.0);
        self.disks.take(bytes, 1024.0 * 1024.0);
    }

    /// How far the load is above the usual one, in ln; below it where both are.
    pub(super) fn above_usual(&self) -> f32 {
        self.nfs.above().max(self.disks.above())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_yet_is_not_usual() {
        let mut offered = Offered::default();
        for _ in 0..9 {
            offered.take(0.0, 0.0);
        }
        for streams in 1..=5 {
            offered.take(150.0 * f64::from(streams), 4.0e6 * f64::from(streams));
        }
        for tick in 0..200 {
            offered.take(750.0, 2.0e7);
            assert!(offered.above_usual().abs() < 0.1, "{tick}: {}", offered.above_usual());
        }
        for _ in 0..10 {
            offered.take(2250.0, 6.0e7);
        }
        assert!(offered.above_usual() > 0.9, "{}", offered.above_usual());
    }

    #[test]
    fn a_server_that_is_idle_until_somebody_comes_has_more_to_do_then() {
        let mut offered = Offered::default();
        for _ in 0..200 {
            offered.take(30.0, 0.0);
        }
        for _ in 0..10 {
            offered.take(900.0, 0.0);
        }
        assert!(offered.above_usual() > 2.0);
    }
}
