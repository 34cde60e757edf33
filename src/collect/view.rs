//! The fleet as every front end sees it: immutable, cheap to clone, replaced as a whole.

use crate::{
    facts::{CleanText, Reach, Snapshot, UnixMs},
    fleet::{Fleet, HostName},
    verdict::{Finding, Severity},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

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

/// The last minutes of a host, oldest first; a `None` is a gap and must be drawn as one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trend {
    /// Load average over one minute.
    pub load: VecDeque<Option<f32>>,
    /// Round trip of the poll, milliseconds.
    pub rtt_ms: VecDeque<Option<f32>>,
    /// Mean time of disk requests of the busiest disk, milliseconds.
    pub disk_await_ms: VecDeque<Option<f32>>,
    /// Mean round trip of NFS operations of the slowest mount, milliseconds.
    pub nfs_rtt_ms: VecDeque<Option<f32>>,
    /// Replica lag, seconds.
    pub lag_seconds: VecDeque<Option<f32>>,
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
        for (list, value) in [
            (&mut self.load, load),
            (&mut self.rtt_ms, rtt_ms),
            (&mut self.disk_await_ms, disk),
            (&mut self.nfs_rtt_ms, nfs),
            (&mut self.lag_seconds, lag),
        ] {
            if list.len() == TREND_SAMPLES {
                list.pop_front();
            }
            list.push_back(value);
        }
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
