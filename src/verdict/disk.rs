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
    let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    is_whole(&disk.name, &names)
}

/// Whether a block device is a disk of its own: neither stacked on others nor a part of one of `names`.
pub(super) fn is_whole(name: &str, names: &[&str]) -> bool {
    let stacked = ["md", "dm-", "drbd", "zd", "loop", "ram", "zram", "sr", "fd", "nbd"];
    let is_stacked = stacked.iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    !is_stacked && !names.iter().any(|whole| is_part(name, whole))
}

/// Whether a block device is a partition of another.
fn is_part(name: &str, whole: &str) -> bool {
    name.strip_prefix(whole)
        .map(|rest| rest.strip_prefix('p').unwrap_or(rest))
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a device is that disk or a part of it.
pub(super) fn holds(device: &str, disk: &str) -> bool {
    device == disk || is_part(device, disk)
}

/// Whether an array is made of this device itself: what lies between the two (multipath, encryption) is a part of the way.
pub(super) fn is_member(seen: &Seen<'_>, name: &str) -> bool {
    let arrays = seen.fact(&seen.snapshot.md, Tier::Fast).value();
    let mut members = arrays.into_iter().flatten().flat_map(|array| &array.members);
    name.starts_with("dm-") && members.any(|member| &*member.device == name)
}

/// What a disk of a host does, in a word: only disks of one class are compared with each other.
pub(super) fn class(seen: &Seen<'_>, disk: &str) -> &'static str {
    let holds = |device: &str| holds(device, disk);
    let arrays = seen.fact(&seen.snapshot.md, Tier::Fast).value();
    let arrays = || arrays.into_iter().flatten();
    let in_array = |array: &str| {
        arrays().any(|one| one.device.as_str() == array && one.members.iter().any(|member| holds(&member.device)))
    };
    let mounts = seen.fact(&seen.snapshot.mounts, Tier::Fast).value();
    let root = mounts
        .into_iter()
        .flatten()
        .rev()
        .find(|mount| mount.at.as_str() == "/");
    let root = root.and_then(|mount| mount.source.strip_prefix("/dev/"));
    let is_system = root.is_some_and(|root| holds(root) || in_array(root));
    let turns = turns(seen, disk);
    match (disk, turns) {
        (_, None) if is_system => "system disks",
        (_, Some(true)) if is_system => "system HDDs",
        (_, Some(false)) if is_system => "system SSDs",
        (disk, _) if disk.starts_with("nvme") => "NVMe disks",
        (disk, None) if disk.starts_with("dm-") => "mapped disks",
        (disk, Some(true)) if disk.starts_with("dm-") => "mapped HDDs",
        (disk, Some(false)) if disk.starts_with("dm-") => "mapped SSDs",
        (_, None) => "disks",
        (_, Some(true)) => "HDDs",
        (_, Some(false)) => "SSDs",
    }
}

/// Whether a disk turns, where its kernel has said so. That does not change with time.
fn turns(seen: &Seen<'_>, disk: &str) -> Option<bool> {
    let kinds = seen.snapshot.disk_kinds.value()?;
    let kind = kinds.iter().find(|kind| kind.name.as_str() == disk)?;
    Some(kind.rotational)
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
