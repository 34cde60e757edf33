//! Block devices: requests that take too long, or do not end.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Limits, Source},
    say,
    seen::Seen,
};
use crate::facts::{Tier, disk::DiskRate};

/// Fewer requests a second than this give no mean worth judging.
const REQUESTS_A_SECOND: f64 = 1.0;

/// Judges every physical disk. Stacked devices (md, dm, DRBD) are left out: they repeat what is below them.
pub(super) fn judge(seen: &Seen<'_>, out: &mut Claims) {
    let Some(disks) = out.known(Source::Disks, &seen.fact(&seen.snapshot.disks, Tier::Fast)) else {
        return;
    };
    let limit = seen.host.thresholds.disk_await_ms;
    for disk in disks {
        let stuck = is_stuck(disk);
        let (what, await_ms) = worst(disk);
        let level = Limits::warning(limit).above(await_ms);
        if !stuck && level.keep == Severity::Ok {
            continue;
        }
        if !is_physical(disk, disks) {
            continue;
        }
        let subject = Subject::on(SubjectKind::Disk, &seen.host.name, disk.name.clone());
        if stuck {
            let evidence = format!(
                "{} requests under way, none completed since the last poll",
                disk.in_flight
            );
            out.raise(Code::DiskSlow, Severity::Critical, subject, evidence);
        } else {
            let evidence = format!(
                "{what} takes {} ms (limit {} ms){}",
                say::number(await_ms),
                say::number(limit),
                rebuild(seen, disk)
            );
            out.measured(Code::DiskSlow, level, subject, evidence);
        }
    }
}

/// Busy all the time with requests of which none ended.
fn is_stuck(disk: &DiskRate) -> bool {
    disk.in_flight > 0 && disk.busy_percent >= 99.0 && disk.reads_per_second + disk.writes_per_second <= 0.0
}

/// The slower of reads and writes, of which there were enough.
fn worst(disk: &DiskRate) -> (&'static str, f64) {
    let enough = |await_ms: Option<f64>, each_second: f64| {
        await_ms
            .filter(|_| each_second >= REQUESTS_A_SECOND)
            .unwrap_or_default()
    };
    let read = enough(disk.read_await_ms, disk.reads_per_second);
    let write = enough(disk.write_await_ms, disk.writes_per_second);
    if write > read {
        ("a write", write)
    } else {
        ("a read", read)
    }
}

fn is_physical(disk: &DiskRate, disks: &[DiskRate]) -> bool {
    let name = disk.name.as_str();
    let stacked = ["md", "dm-", "drbd", "zd", "loop", "ram", "zram"];
    let is_stacked = stacked.iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let is_partition = disks.iter().any(|whole| {
        name.strip_prefix(whole.name.as_str())
            .map(|rest| rest.strip_prefix('p').unwrap_or(rest))
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    });
    !is_stacked && !is_partition
}

/// Names a rebuild or check of the array that the disk belongs to.
fn rebuild(seen: &Seen<'_>, disk: &DiskRate) -> String {
    let arrays = seen.fact(&seen.snapshot.md, Tier::Fast).value();
    arrays
        .into_iter()
        .flatten()
        .find(|array| {
            array.sync.is_some()
                && array
                    .members
                    .iter()
                    .any(|member| member.device.starts_with(disk.name.as_str()))
        })
        .and_then(|array| {
            array
                .sync
                .as_ref()
                .map(|sync| format!(", while {} runs a {}", array.device, sync.action))
        })
        .unwrap_or_default()
}
