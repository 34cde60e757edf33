//! Disks: the counters of `/proc/diskstats` and the rates between two samples of them.

use super::{
    reading::Why,
    scan::{delta, garbled, next_u64},
    text::CleanText,
};
use serde::Serialize;
use std::time::Duration;

/// Counters of one block device since boot (kernel `Documentation/admin-guide/iostats.rst`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskCounters {
    /// Kernel name, such as `sda`.
    pub name: CleanText,
    /// Device number, `major:minor`.
    pub major: u32,
    /// Device number, `major:minor`.
    pub minor: u32,
    /// Reads completed.
    pub reads: u64,
    /// Sectors of 512 bytes read.
    pub sectors_read: u64,
    /// Milliseconds spent on reads, summed over requests.
    pub read_ms: u64,
    /// Writes completed.
    pub writes: u64,
    /// Sectors of 512 bytes written.
    pub sectors_written: u64,
    /// Milliseconds spent on writes, summed over requests.
    pub write_ms: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Milliseconds during which any request was under way.
    pub busy_ms: u64,
}

/// What one block device did between two samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiskRate {
    /// Kernel name.
    pub name: CleanText,
    /// Reads a second.
    pub reads_per_second: f64,
    /// Writes a second.
    pub writes_per_second: f64,
    /// Bytes read a second.
    pub read_bytes_per_second: f64,
    /// Bytes written a second.
    pub write_bytes_per_second: f64,
    /// Mean time of a read in milliseconds; `None` when there was none.
    pub read_await_ms: Option<f64>,
    /// Mean time of a write in milliseconds; `None` when there was none.
    pub write_await_ms: Option<f64>,
    /// Share of the time during which any request was under way, 0–100.
    pub busy_percent: f64,
    /// Requests under way at the second sample.
    pub in_flight: u64,
}

/// Whether a disk turns (`/sys/block/*/queue/rotational`, kernel `Documentation/ABI/stable/sysfs-block`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskKind {
    /// Kernel name.
    pub name: CleanText,
    /// It turns: seeks take it milliseconds.
    pub rotational: bool,
}

/// Reads lines `sda 1`. A disk of which the kernel says anything but 0 or 1 is left out.
pub fn parse_rotational(text: &str) -> Result<Vec<DiskKind>, Why> {
    let kind = |line: &str| {
        let (name, turns) = line.trim().rsplit_once(' ')?;
        let rotational = match turns {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        Some(DiskKind {
            name: CleanText::new(name.trim()),
            rotational,
        })
    };
    let kinds: Vec<_> = text.lines().filter_map(kind).collect();
    if kinds.is_empty() && !text.trim().is_empty() {
        return Err(garbled(text));
    }
    Ok(kinds)
}

/// Reads `/proc/diskstats`. Lines of fewer than 14 columns (partitions on kernels before 2.6.25) are left out.
pub fn parse_diskstats(text: &str) -> Result<Vec<DiskCounters>, Why> {
    let disks: Vec<_> = text.lines().filter_map(parse_line).collect();
    if disks.is_empty() && !text.trim().is_empty() {
        return Err(garbled(text));
    }
    Ok(disks)
}

fn parse_line(line: &str) -> Option<DiskCounters> {
    let mut words = line.split_ascii_whitespace();
    let major = words.next()?.parse().ok()?;
    let minor = words.next()?.parse().ok()?;
    let name = words.next()?;
    let mut next = || next_u64(&mut words);
    let (reads, _merged, sectors_read, read_ms) = (next()?, next()?, next()?, next()?);
    let (writes, _merged, sectors_written, write_ms) = (next()?, next()?, next()?, next()?);
    let (in_flight, busy_ms, _weighted) = (next()?, next()?, next()?);
    Some(DiskCounters {
        name: CleanText::new(name),
        major,
        minor,
        reads,
        sectors_read,
        read_ms,
        writes,
        sectors_written,
        write_ms,
        in_flight,
        busy_ms,
    })
}

/// What each disk did between two samples taken `elapsed` apart.
///
/// A disk without a rate is left out: one that is new, has another device number under the same
/// name, or whose counters fell (a reset) or rose by more than can be.
#[must_use]
pub fn rates(before: &[DiskCounters], after: &[DiskCounters], elapsed: Duration) -> Vec<DiskRate> {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(after.len());
    for (at, now) in after.iter().enumerate() {
        // The order hardly ever changes: look at the same place first.
        let same = |old: &&DiskCounters| old.name == now.name;
        let Some(old) = before.get(at).filter(same).or_else(|| before.iter().find(same)) else {
            continue;
        };
        if (old.major, old.minor) == (now.major, now.minor) {
            out.extend(rate(old, now, seconds));
        }
    }
    out
}

fn rate(old: &DiskCounters, now: &DiskCounters, seconds: f64) -> Option<DiskRate> {
    /// More than any disk does: 100 million requests, 1 TB each second.
    const MOST_REQUESTS: f64 = 1e8;
    const MOST_BYTES: f64 = 1e12;
    let reads = delta(old.reads, now.reads)?;
    let writes = delta(old.writes, now.writes)?;
    let read_bytes = delta(old.sectors_read, now.sectors_read)? as f64 * 512.0 / seconds;
    let write_bytes = delta(old.sectors_written, now.sectors_written)? as f64 * 512.0 / seconds;
    let read_ms = delta(old.read_ms, now.read_ms)?;
    let write_ms = delta(old.write_ms, now.write_ms)?;
    let busy_ms = delta(old.busy_ms, now.busy_ms)? as f64;
    let (reads_per_second, writes_per_second) = (reads as f64 / seconds, writes as f64 / seconds);
    // Busy time is counted in clock ticks and may run a little ahead of the uptime that was read before it.
    let absurd = busy_ms > seconds * 2000.0 + 1000.0
        || reads_per_second > MOST_REQUESTS
        || writes_per_second > MOST_REQUESTS
        || read_bytes > MOST_BYTES
        || write_bytes > MOST_BYTES;
    if absurd {
        return None;
    }
    let mean = |ms: u64, requests: u64| (requests > 0).then(|| ms as f64 / requests as f64);
    Some(DiskRate {
        name: now.name.clone(),
        reads_per_second,
        writes_per_second,
        read_bytes_per_second: read_bytes,
        write_bytes_per_second: write_bytes,
        read_await_ms: mean(read_ms, reads),
        write_await_ms: mean(write_ms, writes),
        busy_percent: (busy_ms / (seconds * 10.0)).min(100.0),
        in_flight: now.in_flight,
    })
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these quotients are exact")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = " 254       0 vda 758 25081 329942 9446 197 2875 23923 759 0 9840 10468 0 0 0 0 177 263\n   \
        9       0 md0 3052 0 387844 49608 185 0 38006 4128 2 20476 53736\n   8       1 sda1 10 20 30 40\n";

    #[test]
    fn lines_of_new_and_old_kernels() {
        let disks = parse_diskstats(SAMPLE).unwrap();
        assert_eq!(disks.len(), 2, "a partition with four columns has no times");
        assert_eq!(disks[0].name.as_str(), "vda");
        assert_eq!((disks[0].major, disks[0].minor), (254, 0));
        assert_eq!(
            (disks[0].reads, disks[0].sectors_read, disks[0].read_ms),
            (758, 329_942, 9446)
        );
        assert_eq!(
            (disks[0].writes, disks[0].sectors_written, disks[0].write_ms),
            (197, 23923, 759)
        );
        assert_eq!((disks[1].in_flight, disks[1].busy_ms), (2, 20476));
        assert_eq!(parse_diskstats("\n").unwrap(), []);
        assert!(parse_diskstats("no disks here").is_err());
    }

    #[test]
    fn disks_that_turn_and_disks_that_do_not() {
        let kinds = parse_rotational("sda 1\nnvme0n1 0\nsdb ?\nsdc\n").unwrap();
        let kinds: Vec<_> = kinds.iter().map(|kind| (kind.name.as_str(), kind.rotational)).collect();
        assert_eq!(kinds, [("sda", true), ("nvme0n1", false)]);
        assert_eq!(parse_rotational("").unwrap(), []);
        assert!(parse_rotational("sda maybe").is_err());
    }

    #[test]
    fn await_iops_and_use() {
        let before = parse_diskstats(SAMPLE).unwrap();
        let mut after = before.clone();
        after[0].reads += 20;
        after[0].read_ms += 100;
        after[0].sectors_read += 2048;
        after[0].busy_ms += 1000;
        let rates = rates(&before, &after, Duration::from_secs(2));
        assert_eq!(rates[0].reads_per_second, 10.0);
        assert_eq!(rates[0].read_await_ms, Some(5.0));
        assert_eq!(rates[0].write_await_ms, None, "no write, no time of a write");
        assert_eq!(rates[0].read_bytes_per_second, 524_288.0);
        assert_eq!(rates[0].busy_percent, 50.0);
        assert_eq!(rates[1].busy_percent, 0.0);
    }

    #[test]
    fn a_reset_a_swap_and_a_wrap() {
        let before = parse_diskstats(SAMPLE).unwrap();
        let second = Duration::from_secs(1);
        let mut after = before.clone();
        after[0].reads = 3;
        assert_eq!(rates(&before, &after, second).len(), 1, "a reset counter has no rate");
        let mut after = before.clone();
        after[0].minor = 16;
        assert_eq!(
            rates(&before, &after, second).len(),
            1,
            "another device under the old name"
        );
        let (mut before, mut after) = (before.clone(), before);
        before[0].busy_ms = 4_294_967_200;
        after[0].busy_ms = 404;
        assert_eq!(
            rates(&before, &after, second)[0].busy_percent,
            50.0,
            "milliseconds wrap at 32 bits"
        );
        assert!(rates(&before, &after, Duration::ZERO).is_empty());
        after.swap(0, 1);
        assert_eq!(rates(&before, &after, second).len(), 2, "the order does not matter");
    }

    #[test]
    fn a_request_stuck_for_a_minute_has_its_true_time() {
        let before = parse_diskstats(SAMPLE).unwrap();
        let mut after = before.clone();
        after[0].writes += 1;
        after[0].write_ms += 60_000;
        assert_eq!(
            rates(&before, &after, Duration::from_secs(2))[0].write_await_ms,
            Some(60_000.0)
        );
    }

    fn disk(v: [u64; 8]) -> DiskCounters {
        DiskCounters {
            name: CleanText::new("sda"),
            major: 8,
            minor: 0,
            reads: v[0],
            sectors_read: v[1],
            read_ms: v[2],
            writes: v[3],
            sectors_written: v[4],
            write_ms: v[5],
            in_flight: v[6],
            busy_ms: v[7],
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "([0-9]{1,21}| |sda|\n){0,60}") {
            let _ = (parse_diskstats(&text), parse_diskstats(&words));
        }

        #[test]
        fn rates_are_never_negative_or_absurd(a in any::<[u64; 8]>(), b in any::<[u64; 8]>(), small in any::<[u32; 8]>(), ms in 1_u64..100_000) {
            let near = disk(std::array::from_fn(|i| a[i].wrapping_add(u64::from(small[i]) % 5000)));
            for after in [disk(b), near] {
                for rate in rates(&[disk(a)], &[after], Duration::from_millis(ms)) {
                    prop_assert!((0.0..=100.0).contains(&rate.busy_percent));
                    prop_assert!((0.0..=1e8).contains(&rate.reads_per_second));
                    prop_assert!((0.0..=1e12).contains(&rate.write_bytes_per_second));
                    prop_assert!(rate.read_await_ms.is_none_or(|ms| ms >= 0.0 && ms.is_finite()));
                }
            }
        }
    }
}
