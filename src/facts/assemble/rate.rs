//! Rates: what changed between two samples of the same counters.

use super::{Assembler, Came, Change};
use crate::facts::{
    backup,
    disk::{self, DiskCounters},
    load::{self, CpuTimes},
    network::{self, LinkCounters},
    nfs::{self, NfsMountCounters},
    reading::{Reading, State, UnixMs, Why},
    zfs,
};
use std::{sync::Arc, time::Duration};

/// Two samples closer than this give no rate: `/proc/uptime` counts hundredths of a second.
const CLOSEST: Duration = Duration::from_millis(200);

/// When a sample was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// By the host's own uptime, which knows nothing of delays on the way.
    pub(super) uptime_seconds: Option<f64>,
    /// By the arrival of the answer, where the uptime did not come.
    pub(super) at: UnixMs,
}

impl Moment {
    fn since(self, earlier: Self) -> Duration {
        if let (Some(now), Some(before)) = (self.uptime_seconds, earlier.uptime_seconds) {
            return Duration::try_from_secs_f64(now - before).unwrap_or_default();
        }
        self.at.since(earlier.at)
    }
}

/// The sample before, of each kind of counters.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    cpu: Option<(Arc<CpuTimes>, Moment)>,
    disks: Option<(Arc<Vec<DiskCounters>>, Moment)>,
    links: Option<(Arc<Vec<LinkCounters>>, Moment)>,
    nfs: Option<(Arc<Vec<NfsMountCounters>>, Moment)>,
    arc: Option<(Arc<zfs::Arc>, Moment)>,
    /// Processes that could make a backup.
    pub(super) backups: backup::Watch,
}

impl Assembler {
    pub(super) fn rates(&mut self, came: &Came, at: UnixMs) {
        let moment = Self::moment(came, at);
        let (now, base) = (&mut self.snapshot, &mut self.baselines);
        if came.stat != Change::None {
            let used = |before: &CpuTimes, after: &CpuTimes, _| load::cpu_use(before, after);
            rate(&mut base.cpu, &now.cpu_times, &mut now.cpu, moment, used);
        }
        if came.diskstats != Change::None {
            let rates = |before: &Vec<_>, after: &Vec<_>, elapsed| Some(disk::rates(before, after, elapsed));
            rate(&mut base.disks, &now.disk_counters, &mut now.disks, moment, rates);
        }
        if came.netdev != Change::None {
            let rates = |before: &Vec<_>, after: &Vec<_>, elapsed| Some(network::rates(before, after, elapsed));
            rate(&mut base.links, &now.link_counters, &mut now.link_rates, moment, rates);
        }
        if came.mountstats != Change::None {
            let rates = |before: &Vec<_>, after: &Vec<_>, elapsed| Some(nfs::rates(before, after, elapsed));
            rate(
                &mut base.nfs,
                &now.nfs_mount_counters,
                &mut now.nfs_mounts,
                moment,
                rates,
            );
        }
        if came.arcstats != Change::None {
            let ratio = |before: &zfs::Arc, after: &zfs::Arc, _| zfs::arc_rate(before, after);
            rate(&mut base.arc, &now.arc, &mut now.arc_rate, moment, ratio);
        }
    }
}

fn rate<T, R: PartialEq>(
    base: &mut Option<(Arc<T>, Moment)>,
    source: &Reading<T>,
    out: &mut Reading<R>,
    moment: Moment,
    compute: impl FnOnce(&T, &T, Duration) -> Option<R>,
) {
    let value = match &source.state {
        State::Known(value) => value,
        State::Absent => {
            *base = None;
            *out = Reading::absent(source.at);
            return;
        }
        State::Unknown(why) => {
            *base = None;
            *out = Reading::unknown(why.clone(), source.at);
            return;
        }
    };
    let result = match base {
        Some((before, then)) => {
            let elapsed = moment.since(*then);
            if elapsed < CLOSEST {
                return;
            }
            compute(before, value, elapsed).ok_or(Why::NoBaseline)
        }
        None => Err(Why::NoBaseline),
    };
    super::receive::set(out, result, source.at);
    *base = Some((Arc::clone(value), moment));
}
