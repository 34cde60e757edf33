//! The fleet as every front end sees it: immutable, cheap to clone, replaced as a whole.

use crate::{
    facts::{CleanText, Reach, Snapshot, UnixMs},
    fleet::{BackupSubject, Fleet, HostName},
    verdict::{
        Finding, Latency, Severity,
        backup::{Said, said},
    },
};
use std::{sync::Arc, time::Duration};

/// Samples kept for sparklines.
pub const TREND_SAMPLES: usize = 120;

/// The whole fleet at one moment.
#[derive(Debug, Clone)]
pub struct FleetView {
    /// The inventory in force.
    pub fleet: Arc<Fleet>,
    /// When this view was made.
    pub at: UnixMs,
    /// One entry a host, in the order of the inventory.
    pub hosts: Vec<Arc<HostView>>,
    /// Findings, worst first, then by age (oldest first) and subject.
    pub findings: Arc<[Finding]>,
    /// Latency of every stream, as of the last tick.
    pub latency: Arc<Latency>,
    /// The console's own load.
    pub observer: Observer,
    /// Set when the newest inventory could not be read and an older one is still in force.
    pub reload_error: Option<CleanText>,
    /// Rises with each view.
    pub version: u64,
}

impl FleetView {
    /// The view of a host by name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Arc<HostView>> {
        self.fleet.host_index(name).and_then(|at| self.hosts.get(at))
    }

    /// Findings about a host, worst first.
    pub fn findings_of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Finding> + Clone {
        self.findings.iter().filter(move |finding| finding.concerns(host))
    }

    /// The backups that can be listed, in the order of the hosts where they are.
    pub fn backups(&self) -> impl Iterator<Item = BackupView<'_>> {
        let hosts = self.fleet.hosts.iter().zip(&self.hosts);
        hosts.flat_map(move |(host, seen)| {
            host.backups.iter().map(move |kept| BackupView {
                of: &kept.of,
                on: seen,
                said: seen.snapshot.as_deref().map(|snapshot| said(host, snapshot, kept)),
            })
        })
    }
}

/// What is known of the backups of one slice or database.
#[derive(Debug, Clone)]
pub struct BackupView<'a> {
    /// Of what they are.
    pub of: &'a BackupSubject,
    /// The host where they are.
    pub on: &'a HostView,
    /// What that host said last, see [`HostView::is_stale`]; nothing when it has never answered.
    pub said: Option<Said<'a>>,
}

/// One host at one moment.
#[derive(Debug, Clone)]
pub struct HostView {
    /// Its name.
    pub name: HostName,
    /// How it is reached.
    pub reach: Reach,
    /// Its newest snapshot; may be old, see [`HostView::age`].
    pub snapshot: Option<Arc<Snapshot>>,
    /// The last minutes of a few values.
    pub trend: Arc<Trend>,
    /// Worst severity of the findings whose subject lies on this host.
    pub severity: Severity,
    /// What the other side said of itself (server version, host key); empty before the first connection.
    pub about: CleanText,
    /// The first full collection has ended: every section answered, or was given up.
    pub complete: bool,
    /// A snapshot older than this is stale, see [`crate::fleet::Poll::stale_after`].
    pub stale_after: Duration,
}

impl HostView {
    /// Age of the newest snapshot; `None` without one.
    #[must_use]
    pub fn age(&self, now: UnixMs) -> Option<Duration> {
        self.snapshot.as_ref().map(|snapshot| now.since(snapshot.at))
    }

    /// Whether what is known of the host is too old to be shown as fresh (or nothing is known).
    #[must_use]
    pub fn is_stale(&self, now: UnixMs) -> bool {
        self.age(now).is_none_or(|age| age > self.stale_after)
    }
}

/// What a [`Trend`] holds the last minutes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// Load average over one minute.
    Load,
    /// Round trip of the poll, milliseconds.
    RttMs,
    /// Mean time of disk requests of the busiest disk, milliseconds.
    DiskAwaitMs,
    /// Mean round trip of NFS operations of the slowest mount, milliseconds.
    NfsRttMs,
    /// Replica lag, seconds.
    LagSeconds,
}

/// One sample of each [`Series`], in that order; a gap is not a number.
type Sample = [f32; 5];

/// Samples that are copied with each view before they join those that all views share.
const FRESH_SAMPLES: usize = 12;

/// The last minutes of a host, oldest first; a `None` is a gap and must be drawn as one.
///
/// Every view has its own, and all but the newest few samples are shared between them.
#[derive(Debug, Clone, Default)]
pub struct Trend {
    shared: Arc<Vec<Sample>>,
    /// The first `count` of these.
    fresh: [Sample; FRESH_SAMPLES],
    count: usize,
}

impl Trend {
    /// Adds one sample of each value, dropping the oldest beyond [`TREND_SAMPLES`].
    pub fn push(
        &mut self,
        load: Option<f32>,
        rtt_ms: Option<f32>,
        disk: Option<f32>,
        nfs: Option<f32>,
        lag: Option<f32>,
    ) {
        let sample = [load, rtt_ms, disk, nfs, lag].map(|value| value.unwrap_or(f32::NAN));
        self.fresh[self.count] = sample;
        self.count += 1;
        if self.count == FRESH_SAMPLES {
            let shared = self.samples().copied().collect();
            (self.shared, self.count) = (Arc::new(shared), 0);
        }
    }

    /// One series, oldest first.
    pub fn series(&self, series: Series) -> impl DoubleEndedIterator<Item = Option<f32>> + Clone {
        self.samples().map(move |sample| {
            let value = sample[series as usize];
            (!value.is_nan()).then_some(value)
        })
    }

    /// The newest samples, at most [`TREND_SAMPLES`].
    fn samples(&self) -> impl DoubleEndedIterator<Item = &Sample> + Clone {
        let old = (self.shared.len() + self.count).saturating_sub(TREND_SAMPLES);
        self.shared[old..].iter().chain(&self.fresh[..self.count])
    }
}

/// The console's own machine and loop: how far its latency readings can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Observer {
    /// Load average over one minute of this machine.
    pub load: f64,
    /// CPU use of this machine, 0–100.
    pub cpu_percent: f64,
    /// CPU use of this process, percent of one core.
    pub own_cpu_percent: f64,
    /// Resident memory of this process.
    pub own_memory_bytes: u64,
    /// How late the collector's own timer fired last, milliseconds.
    pub lateness_ms: f64,
    /// The console is starved: latency readings are doubtful.
    pub doubtful: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_keeps_the_newest_samples_of_each_series_and_its_gaps() {
        let mut trend = Trend::default();
        let mut views = Vec::new();
        for number in 0..500_u16 {
            let value = f32::from(number);
            trend.push(Some(value), None, Some(-value), Some(f32::NAN), Some(value * 2.0));
            views.push(trend.clone());
        }
        for (newest, view) in views.iter().enumerate() {
            let load: Vec<_> = view.series(Series::Load).collect();
            assert_eq!(load.len(), TREND_SAMPLES.min(newest + 1));
            let first = newest + 1 - load.len();
            let expected: Vec<_> = (first..=newest).map(|number| Some(number as f32)).collect();
            assert_eq!(load, expected, "a view does not change any more");
        }
        assert_eq!(trend.series(Series::LagSeconds).next_back(), Some(Some(998.0)));
        assert_eq!(trend.series(Series::DiskAwaitMs).next_back(), Some(Some(-499.0)));
        assert!(
            trend
                .series(Series::RttMs)
                .chain(trend.series(Series::NfsRttMs))
                .all(|value| value.is_none())
        );
    }
}
