//! A host as a machine: clock, reboots, load, CPU and memory.

use super::{
    Code, Severity, Subject,
    claim::{Claims, Level, Limits, Source},
    memory::History,
    say,
    seen::Seen,
};
use crate::facts::Tier;
use std::time::Duration;

/// A reboot is shown for so long.
const REBOOT_SHOWN: Duration = Duration::from_mins(30);

/// Judges the machine.
pub(super) fn judge(seen: &Seen<'_>, history: &mut History, out: &mut Claims) {
    rebooted(seen, history, out);
    clock(seen, out);
    load(seen, out);
    steal(seen, out);
    memory(seen, out);
}

fn rebooted(seen: &Seen<'_>, history: &mut History, out: &mut Claims) {
    let snapshot = seen.snapshot;
    let before = history.uptime_seconds;
    let mut again = false;
    if let Some(uptime) = out.known(Source::Uptime, &seen.fact(&snapshot.uptime, Tier::Fast)) {
        // A second of slack: uptime is read, sent and stamped.
        again |= before.is_some_and(|before| uptime.seconds + 1.0 < before);
        history.uptime_seconds = Some(uptime.seconds);
    }
    if let Some(identity) = snapshot.identity.value()
        && !identity.boot_id.is_empty()
        && history.boot_id.as_ref() != Some(&identity.boot_id)
    {
        again |= history.boot_id.is_some();
        history.boot_id = Some(identity.boot_id.clone());
    }
    if again
        && history
            .rebooted
            .is_none_or(|(at, _)| snapshot.at.since(at) > Duration::from_mins(1))
    {
        history.rebooted = Some((snapshot.at, before));
    }
    let Some((at, ran)) = history.rebooted else { return };
    if snapshot.at.since(at) > REBOOT_SHOWN {
        history.rebooted = None;
        return;
    }
    out.raise(
        Code::Rebooted,
        Severity::Warning,
        Subject::host(&seen.host.name),
        match ran {
            Some(ran) => format!(
                "rebooted, noticed at {}; it had run for {}",
                say::clock(at),
                say::span_f64(ran)
            ),
            None => format!("rebooted, noticed at {}", say::clock(at)),
        },
    )
    .at_once()
    .since(at);
}

fn clock(seen: &Seen<'_>, out: &mut Claims) {
    if out
        .known(Source::Uptime, &seen.fact(&seen.snapshot.uptime, Tier::Fast))
        .is_none()
    {
        return;
    }
    let subject = Subject::host(&seen.host.name);
    let Some(skew) = skew(seen) else { return };
    let limit = seen.host.thresholds.clock_skew_seconds;
    let level = Limits::warning(limit).above(skew.certain);
    if seen.observer_doubtful && level.now == Severity::Ok && skew.possible > limit {
        out.unsettled(Code::ClockSkew, subject);
        return;
    }
    if level.keep > Severity::Ok {
        let side = if skew.seconds > 0.0 { "ahead of" } else { "behind" };
        let evidence = format!(
            "clock is {} {side} the console's (limit {} s)",
            say::span_f64(skew.seconds.abs()),
            say::number(limit)
        );
        out.measured(Code::ClockSkew, level, subject, evidence);
    }
}

/// How far a host's clock is from the console's.
pub(super) struct Skew {
    /// Seconds ahead of the console's clock; negative behind it.
    pub(super) seconds: f64,
    /// Seconds of the difference that neither the way there and back nor a starved console can explain.
    pub(super) certain: f64,
    /// Seconds that the difference is at most: the host read its clock between the question and its answer, and a
    /// starved console counts its own lateness into the time between them.
    pub(super) possible: f64,
}

/// Compares a host's clock with the console's.
pub(super) fn skew(seen: &Seen<'_>) -> Option<Skew> {
    let snapshot = seen.snapshot;
    let clock = seen.fact(&snapshot.uptime, Tier::Fast).value()?.clock_seconds?;
    let seconds = clock - snapshot.at.0 as f64 / 1000.0;
    // The host read its clock somewhere within the round trip, and knows its boot time to the second.
    let round_trip = snapshot.rtt_us as f64 / 1e6;
    let slack = if seen.observer_doubtful {
        // A starved console stamps answers late. How late is not measured, but had it been later than this, the host
        // would have gone stale; ten round trips, for what the console waited for is in them too.
        let poll = &seen.host.poll;
        1.0 + 10.0 * round_trip + (poll.stale_after() + poll.deadline).as_secs_f64()
    } else {
        1.0 + round_trip
    };
    Some(Skew {
        seconds,
        certain: (seconds.abs() - slack).max(0.0),
        possible: seconds.abs().max((seconds + round_trip).abs()),
    })
}

fn load(seen: &Seen<'_>, out: &mut Claims) {
    let Some(load) = out.known(Source::Load, &seen.fact(&seen.snapshot.load, Tier::Fast)) else {
        return;
    };
    let limit = seen.host.thresholds.load_per_cpu;
    let times = seen.fact(&seen.snapshot.cpu_times, Tier::Fast).value();
    let Some(times) = times.filter(|times| times.cpus > 0) else {
        // A load means nothing without the number of CPUs.
        out.unsettled(Code::Overloaded, Subject::host(&seen.host.name));
        return;
    };
    let cpus = times.cpus;
    let each = load.one / f64::from(cpus);
    let level = Limits::warning(limit).above(each);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "load {} on {cpus} CPUs = {} each (limit {}), {} tasks blocked",
            say::number(load.one),
            say::number(each),
            say::number(limit),
            times.blocked
        );
        out.measured(Code::Overloaded, level, Subject::host(&seen.host.name), evidence);
    }
}

fn steal(seen: &Seen<'_>, out: &mut Claims) {
    let Some(cpu) = out.known(Source::Cpu, &seen.fact(&seen.snapshot.cpu, Tier::Fast)) else {
        return;
    };
    let limit = seen.host.thresholds.steal_percent;
    let level = Limits::warning(limit).above(cpu.steal_percent);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{} % of CPU time is stolen (limit {} %)",
            say::number(cpu.steal_percent),
            say::number(limit)
        );
        out.measured(Code::CpuSteal, level, Subject::host(&seen.host.name), evidence);
    }
}

fn memory(seen: &Seen<'_>, out: &mut Claims) {
    let Some(memory) = out.known(Source::MemoryUse, &seen.fact(&seen.snapshot.memory, Tier::Fast)) else {
        return;
    };
    let limit = seen.host.thresholds.memory_available_percent;
    let percent = 100.0 * memory.available_kib as f64 / memory.total_kib as f64;
    // Half of the limit is where the kernel begins to kill.
    let limits = Limits::both(limit, limit / 2.0);
    let level: Level = limits.below(percent);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{} of {} memory available = {} % (limit {} %)",
            say::kib(memory.available_kib as f64),
            say::kib(memory.total_kib as f64),
            say::number(percent),
            say::number(limits.crossed(level.now))
        );
        out.measured(Code::MemoryLow, level, Subject::host(&seen.host.name), evidence);
    }
}
