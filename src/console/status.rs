//! How a host is doing, in one word, and its few values that are filtered, sorted and shown in tables.

use super::{
    text,
    theme::{Role, glyph_of, role_of},
};
use crate::{
    collect::{FleetView, HostView, Series, Trend},
    facts::{Reach, UnixMs},
    verdict::{Code, Severity, latency::Blamed},
};

/// Severity of a host as shown: what is too old to be known is unknown, whatever it was.
#[must_use]
pub fn severity(host: &HostView, now: UnixMs) -> Severity {
    if host.is_stale(now) || !matches!(host.reach, Reach::Up { .. } | Reach::Silent { .. }) {
        host.severity.max(Severity::Unknown)
    } else {
        host.severity
    }
}

/// The word beside the sign.
#[must_use]
pub fn word(host: &HostView, now: UnixMs) -> &'static str {
    let shown = severity(host, now);
    match &host.reach {
        Reach::Waiting => "waiting",
        Reach::Connecting { .. } if host.snapshot.is_none() => "connecting",
        Reach::Stopped { .. } => "stopped",
        Reach::Unreachable { .. } => "unreachable",
        _ if shown == Severity::Critical => shown.word(),
        Reach::Silent { .. } if host.is_stale(now) => "silent",
        _ if host.is_stale(now) => "stale",
        _ => shown.word(),
    }
}

/// The sign of a host that is up, but slow.
pub const SEMI_FAILED: &str = "◐";

/// The sign of a host that merely has much to do.
pub const BUSY: &str = "░";

/// A host's state as shown: sign, word and colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The sign.
    pub sign: &'static str,
    /// The word beside it.
    pub word: &'static str,
    /// The colour.
    pub role: Role,
}

impl Shown {
    /// Whether it says how fast the host is: semi-failed, or busy.
    #[must_use]
    pub fn is_about_speed(&self) -> bool {
        matches!(self.sign, SEMI_FAILED | BUSY)
    }
}

/// How bad it is that a host is semi-failed; none where it is not.
#[must_use]
pub fn semi_failed(view: &FleetView, host: &HostView, now: UnixMs) -> Option<Severity> {
    if host.is_stale(now) || !matches!(host.reach, Reach::Up { .. } | Reach::Silent { .. }) {
        return None;
    }
    let mut findings = view.findings.iter();
    let found = findings
        .find(|finding| finding.code == Code::SemiFailed && finding.subject.host.as_ref() == Some(&host.name))?;
    // What is critical for another reason is not half failed.
    let worse = host.severity == Severity::Critical && found.severity < Severity::Critical;
    (!worse).then_some(found.severity)
}

/// Whether a host has so much to do that its word is doubted, or much more than usual is asked of it.
fn is_busy(view: &FleetView, host: &HostView) -> bool {
    let waited_for = |one: &Blamed| {
        let busy = one.held_back.as_ref().is_some_and(|why| why.starts_with("busy"));
        busy && one.hosts == [host.name.clone()]
    };
    let name = host.name.as_str();
    view.latency.busy(name).is_some()
        || view.latency.much_asked(name).is_some()
        || view.latency.blamed().iter().any(waited_for)
}

/// In a few words why a host is busy; none where it is not shown so.
#[must_use]
pub fn busy_for(view: &FleetView, host: &HostView) -> Option<String> {
    let name = host.name.as_str();
    let starved = view
        .latency
        .busy(name)
        .map(|why| format!("what it sees is doubted: {why}"));
    starved.or_else(|| {
        let load = view.latency.much_asked(name)?;
        Some(format!(
            "its clients ask {load:.1}× as much as usual of it; not slow for that"
        ))
    })
}

/// A host's state as it is shown: semi-failed and busy have words of their own.
#[must_use]
pub fn shown(view: &FleetView, host: &HostView, now: UnixMs) -> Shown {
    if let Some(severity) = semi_failed(view, host, now) {
        return Shown {
            sign: SEMI_FAILED,
            word: "semi-failed",
            role: role_of(severity),
        };
    }
    let severity = severity(host, now);
    if severity <= Severity::Notice && is_busy(view, host) {
        return Shown {
            sign: BUSY,
            word: "busy",
            role: Role::Notice,
        };
    }
    Shown {
        sign: glyph_of(severity),
        word: word(host, now),
        role: role_of(severity),
    }
}

/// What is wrong with the way to the host, in one sentence; `None` while it answers.
#[must_use]
pub fn trouble(host: &HostView, now: UnixMs) -> Option<String> {
    let seen = || {
        host.snapshot.as_ref().map_or_else(
            || "never seen".to_owned(),
            |snapshot| format!("last seen {}", text::since(snapshot.at, now)),
        )
    };
    match &host.reach {
        Reach::Waiting => Some("no attempt yet".to_owned()),
        Reach::Connecting {
            step,
            since,
            retries,
            why,
        } => {
            let why = why.as_ref().map(|why| format!("{why}; ")).unwrap_or_default();
            Some(format!(
                "{}: {why}{step} for {}{}",
                seen(),
                text::span(now.since(*since)),
                retried(*retries)
            ))
        }
        Reach::Up { .. } if host.is_stale(now) => Some(format!("{}: connected, but no fresh data", seen())),
        Reach::Up { .. } => None,
        Reach::Silent { since, missed } => Some(format!(
            "{}: connected, but no answer for {}; {missed} polls missed",
            seen(),
            text::span(now.since(*since))
        )),
        Reach::Unreachable { why, retries, next, .. } => Some(format!(
            "{}: {why}{}, next in {}",
            seen(),
            retried(*retries),
            text::span(next.since(now))
        )),
        Reach::Stopped { why, .. } => Some(format!("{}: stopped: {why} (:reconnect {})", seen(), host.name)),
    }
}

fn retried(retries: u32) -> String {
    match retries {
        0 => String::new(),
        1 => "; 1 retry".to_owned(),
        more => format!("; {more} retries"),
    }
}

/// Load average over one minute.
#[must_use]
pub fn load(host: &HostView) -> Option<f64> {
    Some(host.snapshot.as_ref()?.load.value()?.one)
}

/// CPU in use, percent; waiting for I/O does not count as use.
#[must_use]
pub fn cpu(host: &HostView) -> Option<f64> {
    let cpu = host.snapshot.as_ref()?.cpu.value()?;
    Some(cpu.user_percent + cpu.system_percent + cpu.steal_percent)
}

/// Memory in use, percent.
#[must_use]
pub fn memory(host: &HostView) -> Option<f64> {
    let memory = host.snapshot.as_ref()?.memory.value()?;
    (memory.total_kib > 0).then(|| 100.0 - memory.available_kib as f64 * 100.0 / memory.total_kib as f64)
}

/// The fullest filesystem, percent.
#[must_use]
pub fn disk(host: &HostView) -> Option<f64> {
    let filesystems = host.snapshot.as_ref()?.filesystems.value()?;
    filesystems.iter().map(|usage| usage.used_percent).reduce(f64::max)
}

/// The greatest replica lag, seconds: by heartbeat where there is one.
#[must_use]
pub fn lag(host: &HostView) -> Option<f64> {
    let mysql = host.snapshot.as_ref()?.mysql.value()?;
    if mysql.channels.is_empty() {
        return None;
    }
    mysql.heartbeat_lag_seconds.or_else(|| {
        let behind: Option<Vec<u64>> = mysql.channels.iter().map(|channel| channel.seconds_behind).collect();
        behind?.into_iter().max().map(|seconds| seconds as f64)
    })
}

/// The latency that matters for a host: of its NFS mounts, else of its disks, else of the poll.
#[must_use]
pub fn latency(trend: &Trend) -> (&'static str, Series) {
    let used = |series| trend.series(series).any(|value| value.is_some());
    if used(Series::NfsRttMs) {
        ("nfs", Series::NfsRttMs)
    } else if used(Series::DiskAwaitMs) {
        ("disk", Series::DiskAwaitMs)
    } else {
        ("ssh", Series::RttMs)
    }
}

/// The newest value of that latency, milliseconds.
#[must_use]
pub fn latency_ms(host: &HostView) -> Option<f64> {
    let (_, series) = latency(&host.trend);
    host.trend.series(series).next_back().flatten().map(f64::from)
}

/// A sparkline of the newest samples, `room` cells wide: a gap is a blank, zero is the lowest bar. The
/// scale begins at zero and ends at the greatest of the shown values or `full`, so that calm looks calm.
#[must_use]
pub fn spark(samples: impl DoubleEndedIterator<Item = Option<f32>>, room: usize, full: f32) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut shown: Vec<Option<f32>> = samples.rev().take(room).collect();
    shown.reverse();
    let top = shown.iter().flatten().copied().fold(full, f32::max);
    let mut out: String = " ".repeat(room - shown.len());
    for sample in shown {
        out.push(match sample {
            Some(value) if value.is_finite() => {
                let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
                let step = (1..BARS.len()).rev().find(|step| share * 8.0 > *step as f32);
                BARS[step.unwrap_or(0)]
            }
            _ => ' ',
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_not_zero() {
        let samples = [Some(0.0), None, Some(8.0), Some(4.0)];
        assert_eq!(spark(samples.into_iter(), 6, 0.0), "  ▁ █▄");
        assert_eq!(spark(samples.into_iter(), 2, 0.0), "█▄");
        assert_eq!(spark(std::iter::empty(), 3, 1.0), "   ");
    }

    #[test]
    fn small_values_under_a_large_full_scale_stay_low() {
        assert_eq!(spark([Some(1.0), Some(2.0)].into_iter(), 2, 100.0), "▁▁");
    }
}
