//! What counters say of one stream: sums since boot, and what was added between two samples of them.

use super::Op;
use crate::{
    facts::{
        CleanText, Snapshot, Tier, UnixMs,
        disk::DiskCounters,
        filesystem::StatfsOutcome,
        nfs::{NfsMountCounters, NfsOpCounters},
    },
    verdict::{
        failslow::{Bin, Reading},
        seen::{Fact, Seen},
    },
};

/// Sums over all operations of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Completed operations.
    operations: u64,
    /// Their summed time, ms.
    time_ms: u64,
    /// What was asked for: bytes of a disk, operations of NFS.
    load: u64,
    /// NFS: summed time that they waited in the client, ms.
    queue_ms: u64,
    /// NFS: transmissions beyond the first, and major timeouts.
    again: u64,
    /// Whose counters these are: the device number of a disk.
    device: u64,
    /// Of a mount, seconds since it was mounted: a smaller age is another mount.
    age_seconds: u64,
}

/// What a stream's counters say now.
pub(super) enum Look {
    /// They were read, and at that time.
    Read(Sums, UnixMs),
    /// They were read, and this one is not among them.
    Gone,
    /// They are read, and something is under way that does not end.
    Stuck,
    /// They could not be read: nothing is known.
    Unknown,
}

/// One more than is believed between two samples.
const ABSURD: u64 = 1 << 40;

impl Sums {
    /// What was added since `before`; none where the counters began anew or moved absurdly.
    fn since(&self, before: &Self) -> Option<Self> {
        let plus = |now: u64, then: u64| now.checked_sub(then).filter(|added| *added < ABSURD);
        (self.device == before.device && self.age_seconds >= before.age_seconds).then_some(())?;
        Some(Self {
            operations: plus(self.operations, before.operations)?,
            // Some kernels let these sums fall below zero, printed as 2⁶⁴ less a little.
            time_ms: Some(self.time_ms.wrapping_sub(before.time_ms)).filter(|added| *added < ABSURD)?,
            load: plus(self.load, before.load)?,
            queue_ms: Some(self.queue_ms.wrapping_sub(before.queue_ms))
                .filter(|added| *added < ABSURD)
                .unwrap_or_default(),
            again: self.again.saturating_sub(before.again),
            device: self.device,
            age_seconds: self.age_seconds,
        })
    }
}

/// What is remembered of the counters of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tracked {
    before: Option<(Sums, UnixMs)>,
    bin: Bin,
    /// Latency of an operation when it was last measured, ms; NaN before.
    pub(super) latency_ms: f32,
    /// Load of the last bin a second.
    pub(super) load_per_second: f32,
    /// Share of operations that were sent again.
    pub(super) again: f32,
    /// Time in the client's queue over time until the answer.
    pub(super) queue_over_rtt: f32,
    /// Samples in a row without an end of what is under way.
    stuck: u8,
    /// Whether what was counted last is kept until there is enough of it to be judged.
    pub(super) fills: bool,
}

impl Tracked {
    /// Takes a look at the counters: a reading, or [`Reading::Untrusted`] while there is none yet.
    pub(super) fn take(&mut self, look: &Look) -> Reading {
        self.fills = false;
        let (now, at) = match look {
            Look::Read(sums, at) => (sums, *at),
            Look::Gone => {
                self.before = None;
                self.bin.clear();
                return Reading::Missing;
            }
            Look::Stuck => {
                self.stuck = self.stuck.saturating_add(1);
                return if self.stuck >= 2 {
                    Reading::Stuck
                } else {
                    Reading::Untrusted
                };
            }
            Look::Unknown => return Reading::Untrusted,
        };
        self.stuck = 0;
        let Some((before, then)) = self.before else {
            self.before = Some((*now, at));
            return Reading::Untrusted;
        };
        if at == then {
            return Reading::Untrusted;
        }
        self.before = Some((*now, at));
        let elapsed = at.since(then);
        if elapsed.is_zero() {
            // The console's clock was set back: how long this took is not known.
            self.bin.clear();
            return Reading::Untrusted;
        }
        let Some(added) = now.since(&before) else {
            self.bin.clear();
            return Reading::Untrusted;
        };
        self.remember(&added);
        let full = self.bin.push_with(
            added.operations as f64,
            added.time_ms as f64,
            added.load as f64,
            elapsed,
        );
        self.fills = full.is_none();
        let reading = full.unwrap_or(Reading::Untrusted);
        if let Some((latency, load)) = reading.measured() {
            (self.latency_ms, self.load_per_second) = (latency.exp(), load.exp());
        }
        reading
    }

    /// Forgets the counters: what they add up next belongs to something else, too.
    pub(super) fn begin_anew(&mut self) {
        self.before = None;
        self.bin.clear();
    }

    /// A single measurement of a fixed piece of work, ms, that was taken at that time.
    pub(super) fn once(&mut self, ms: f64, at: UnixMs) -> Reading {
        let before = self.before.replace((Sums::default(), at));
        if before.is_some_and(|(_, then)| then == at) {
            return Reading::Untrusted;
        }
        let reading = Reading::value(ms, None);
        if let Some((latency, _)) = reading.measured() {
            self.latency_ms = latency.exp();
        }
        reading
    }

    /// Evidence beside the latency, smoothed over some ten samples.
    fn remember(&mut self, added: &Sums) {
        if added.operations == 0 {
            return;
        }
        let share = |part: u64, of: u64| (part as f32 / of.max(1) as f32).min(10.0);
        self.again += 0.2 * (share(added.again, added.operations) - self.again);
        self.queue_over_rtt += 0.2 * (share(added.queue_ms, added.time_ms) - self.queue_over_rtt);
    }

    /// The load of the stream a second in the last sample that measured it.
    pub(super) fn load(&self) -> f64 {
        f64::from(self.load_per_second)
    }
}

/// Looks at one disk.
pub(super) fn disk(seen: &Seen<'_>, name: &CleanText, place: &mut usize, op: Op) -> Look {
    let reading = &seen.snapshot.disk_counters;
    let disks = match seen.fact(reading, Tier::Fast) {
        Fact::Known(disks) => disks,
        Fact::Unknown(_) | Fact::Absent => return Look::Unknown,
    };
    let Some(disk) = find(disks, place, |disk: &DiskCounters| disk.name == *name) else {
        return Look::Gone;
    };
    let sector = 512;
    let (operations, time_ms, sectors) = match op {
        Op::DiskRead => (disk.reads, disk.read_ms, disk.sectors_read),
        _ => (disk.writes, disk.write_ms, disk.sectors_written),
    };
    if disk.in_flight > 0 && stands_still(seen.snapshot, name) {
        return Look::Stuck;
    }
    Look::Read(
        Sums {
            operations,
            time_ms,
            load: sectors.saturating_mul(sector),
            device: u64::from(disk.major) << 32 | u64::from(disk.minor),
            ..Sums::default()
        },
        reading.at,
    )
}

/// Whether requests are under way and none ended between the last two polls, though the disk was busy all the time.
fn stands_still(snapshot: &Snapshot, name: &CleanText) -> bool {
    let rates = snapshot.disks.value();
    rates
        .into_iter()
        .flatten()
        .find(|rate| rate.name == *name)
        .is_some_and(|rate| {
            rate.in_flight > 0 && rate.busy_percent >= 99.0 && rate.reads_per_second + rate.writes_per_second <= 0.0
        })
}

/// Looks at one kind of operations of one NFS mount.
pub(super) fn nfs(seen: &Seen<'_>, at: &str, place: &mut usize, op: Op) -> Look {
    let reading = &seen.snapshot.nfs_mount_counters;
    let Fact::Known(mounts) = seen.fact(reading, Tier::Fast) else {
        return Look::Unknown;
    };
    // A mount that has gone is a finding of its own, and may have been taken away on purpose.
    let Some(mount) = find(mounts, place, |mount: &NfsMountCounters| mount.at.as_str() == at) else {
        return Look::Unknown;
    };
    if hangs(seen, at) {
        return Look::Stuck;
    }
    let mut sums = Sums {
        age_seconds: mount.age_seconds,
        ..Sums::default()
    };
    let of_kind = |counters: &&NfsOpCounters| Op::of_nfs(&counters.op) == Some(op);
    for counters in mount.ops.iter().filter(of_kind) {
        sums.operations = sums.operations.saturating_add(counters.ops);
        sums.time_ms = sums.time_ms.wrapping_add(counters.rtt_ms);
        sums.queue_ms = sums.queue_ms.wrapping_add(counters.queue_ms);
        let again = counters.transmissions.saturating_sub(counters.ops);
        sums.again = sums.again.saturating_add(again).saturating_add(counters.timeouts);
    }
    sums.load = sums.operations;
    Look::Read(sums, reading.at)
}

fn hangs(seen: &Seen<'_>, at: &str) -> bool {
    let probes = seen.fact(&seen.snapshot.statfs, Tier::Medium).value();
    probes.into_iter().flatten().any(|probe| {
        matches!(&probe.outcome, StatfsOutcome::Hung { seconds } if seen.host.thresholds.is_mount_hung(*seconds))
            && probe.at.as_str() == at
    })
}

/// The one that is wanted; lists hardly ever change their order, so the last place is tried first.
fn find<'a, T>(list: &'a [T], place: &mut usize, wanted: impl Fn(&T) -> bool) -> Option<&'a T> {
    if let Some(same) = list.get(*place).filter(|one| wanted(one)) {
        return Some(same);
    }
    *place = list.iter().position(wanted)?;
    list.get(*place)
}
