//! How far an observer is to be trusted: one that is overloaded itself finds everything slow.
//!
//! The weight of a client falls with its own pressure, steal, run queue, and with the time that its requests wait in its
//! own queue. At 0 its readings are [`Reading::Untrusted`]: nothing is learnt from them and nothing held against anybody.
//! The console judges itself likewise, by its own lateness and pressure, before it believes its own round trips; and
//! where a good part of all hosts is slow to answer at once, it is the console or its uplink.

use super::{blame::Client, stream::Reading};

/// What a client says of itself; none where it is not known, which counts in its favour.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ObserverLoad {
    /// PSI: percent of the last ten seconds in which some task waited for a CPU.
    pub cpu_pressure_percent: Option<f32>,
    /// Percent of CPU time that the hypervisor took away.
    pub steal_percent: Option<f32>,
    /// Runnable tasks a CPU.
    pub runnable_per_cpu: Option<f32>,
    /// NFS: time that requests waited in the client over time until the answer.
    pub queue_over_rtt: Option<f32>,
}

/// How far the observer is trusted: 1 is fully, 0 not at all.
#[must_use]
pub fn weight(load: &ObserverLoad) -> f32 {
    // A measure that is no number says nothing of the observer.
    let above = |value: Option<f32>, limit: f32| value.is_some_and(|value| value > limit);
    let graded = |value: Option<f32>, half: f32, none: f32| {
        if above(value, none) {
            0.0
        } else if above(value, half) {
            0.5
        } else {
            1.0
        }
    };
    let halved = |value: Option<f32>, limit: f32| if above(value, limit) { 0.5 } else { 1.0 };
    graded(load.cpu_pressure_percent, 20.0, 40.0)
        * graded(load.steal_percent, 10.0, 25.0)
        * halved(load.runnable_per_cpu, 2.0)
        * halved(load.queue_over_rtt, 1.0)
}

/// A client with the weight that its load calls for.
#[must_use]
pub fn client(load: &ObserverLoad, site: u16) -> Client {
    Client {
        weight: weight(load),
        site,
    }
}

/// A reading as it counts by an observer of this weight: frozen at 0.
#[must_use]
pub const fn seen_by(reading: Reading, weight: f32) -> Reading {
    if weight > 0.0 { reading } else { Reading::Untrusted }
}

/// What the console says of itself in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ConsoleTick {
    /// How late the tick was, in ms.
    pub late_ms: f32,
    /// PSI of the console's own host, as [`ObserverLoad::cpu_pressure_percent`].
    pub cpu_pressure_percent: Option<f32>,
}

/// Whether the round trips and queries that the console itself timed in this tick are to be dropped. What a host's
/// kernel measured stands.
#[must_use]
pub fn console_is_late(tick: &ConsoleTick) -> bool {
    tick.late_ms > 50.0 || tick.cpu_pressure_percent.is_some_and(|percent| percent > 20.0)
}

/// Whether so many hosts were slow to answer the console in one tick that it is the console or its uplink: 30 % of at
/// least three, each above 1.5 times its own past. `excesses` are in ln; what is no number is left out.
#[must_use]
pub fn is_uplink(excesses: impl IntoIterator<Item = f32>) -> bool {
    let (mut all, mut slow) = (0_u32, 0_u32);
    for excess in excesses {
        if excess.is_finite() {
            all += 1;
            slow += u32::from(excess > 1.5_f32.ln());
        }
    }
    all >= 3 && slow >= 2 && f64::from(slow) >= 0.3 * f64::from(all)
}
