//! Local filesystems: full, filling, out of inodes, become read-only, with errors.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Level, Limits, Source},
    memory::{History, hash, keep},
    say,
    seen::Seen,
};
use crate::facts::{
    Tier,
    filesystem::{FilesystemErrors, Mount, Usage},
};

/// Filesystems on block devices that the kernel turns read-only after an error.
const TURNS_READ_ONLY: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs"];

/// Judges local filesystems.
pub(super) fn judge(seen: &Seen<'_>, history: &mut History, out: &mut Claims) {
    if let Some(usages) = out.known(Source::Usage, &seen.fact(&seen.snapshot.filesystems, Tier::Medium)) {
        let read_at = seen.snapshot.filesystems.at;
        if history.usage_at != Some(read_at) {
            history.usage_at = Some(read_at);
            history.filling.push(read_at, usages);
        }
        for usage in usages {
            full(seen, usage, out);
            inodes(seen, usage, out);
            filling(seen, history, usage, out);
        }
    }
    if let Some(mounts) = out.known(Source::Mounts, &seen.fact(&seen.snapshot.mounts, Tier::Fast)) {
        for mount in mounts {
            read_only(seen, history, mount, out);
        }
    }
    let errors = seen.fact(&seen.snapshot.filesystem_errors, Tier::Medium);
    if let Some(all) = out.known(Source::FilesystemErrors, &errors) {
        let mounts = seen.fact(&seen.snapshot.mounts, Tier::Fast).value();
        for one in all {
            with_errors(seen, one, mounts.map(Vec::as_slice).unwrap_or_default(), out);
        }
    }
}

fn subject(seen: &Seen<'_>, at: &crate::facts::CleanText) -> Subject {
    Subject::on(SubjectKind::Filesystem, &seen.host.name, at.clone())
}

fn full(seen: &Seen<'_>, usage: &Usage, out: &mut Claims) {
    let thresholds = &seen.host.thresholds;
    let limits = Limits::both(thresholds.disk_warning_percent, thresholds.disk_critical_percent);
    let level = limits.above(usage.used_percent);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{} % full, {} left (limit {} %)",
            say::number(usage.used_percent),
            say::kib(usage.available_kib as f64),
            say::number(limits.crossed(level.now))
        );
        out.measured(Code::DiskFull, level, subject(seen, &usage.at), evidence);
    }
}

fn inodes(seen: &Seen<'_>, usage: &Usage, out: &mut Claims) {
    let Some(percent) = usage.inodes_used_percent else {
        return;
    };
    let thresholds = &seen.host.thresholds;
    let limits = Limits::both(thresholds.disk_warning_percent, thresholds.disk_critical_percent);
    let level = limits.above(percent);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{} % of inodes used (limit {} %)",
            say::number(percent),
            say::number(limits.crossed(level.now))
        );
        out.measured(Code::InodesFull, level, subject(seen, &usage.at), evidence);
    }
}

fn filling(seen: &Seen<'_>, history: &History, usage: &Usage, out: &mut Claims) {
    let Some(forecast) = history.filling.forecast(usage) else {
        return;
    };
    let limit_hours = seen.host.thresholds.disk_full_in_hours;
    let hours = forecast.left_seconds / 3600.0;
    let limits = Limits::both(limit_hours, limit_hours.min(1.0));
    let level: Level = limits.below(hours);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "full in about {} at {}/h, {} left (limit {} h)",
            say::span_f64((forecast.left_seconds / 60.0).round() * 60.0),
            say::kib(forecast.kib_per_second * 3600.0),
            say::kib(usage.available_kib as f64),
            say::number(limits.crossed(level.now))
        );
        out.measured(Code::DiskFilling, level, subject(seen, &usage.at), evidence);
    }
}

fn read_only(seen: &Seen<'_>, history: &mut History, mount: &Mount, out: &mut Claims) {
    if !TURNS_READ_ONLY.contains(&mount.fs_type.as_str()) {
        return;
    }
    let name = hash(mount.at.as_str());
    if mount.writable {
        keep(&mut history.writable, name);
        return;
    }
    let at = mount.at.as_str();
    let emergency = mount
        .options
        .split(',')
        .any(|option| matches!(option, "emergency_ro" | "shutdown"));
    let serves = seen.slices().any(|slice| slice.mount_point == at);
    let (severity, since) = if history.writable.contains(&name) || emergency || serves {
        (Severity::Critical, "read-only, and should be writable")
    } else if matches!(at, "/" | "/var") {
        (Severity::Warning, "read-only since before it was first seen")
    } else {
        // Perhaps meant so.
        (Severity::Notice, "read-only since before it was first seen")
    };
    let evidence = format!("{} on {} is {since}", mount.fs_type, mount.source);
    out.raise(Code::FilesystemReadOnly, severity, subject(seen, &mount.at), evidence);
}

/// Newer kernels leave `rw` in the options after an error with `errors=remount-ro`, though every write fails: then
/// only the count tells. It stays until a check of the filesystem, so elsewhere it may be an old story.
fn with_errors(seen: &Seen<'_>, errors: &FilesystemErrors, mounts: &[Mount], out: &mut Claims) {
    let Some(count) = errors.count.filter(|count| *count > 0) else {
        return;
    };
    let serves = |mount: &&Mount| {
        let at = mount.at.as_str();
        seen.slices()
            .any(|slice| slice.mount_point == at || slice.device == mount.source.as_str())
    };
    // A filesystem may be mounted at several places; that of a slice is the one to name.
    let own = || mounts.iter().filter(|mount| errors.is_of(mount));
    let slice = own().find(serves);
    let Some(mount) = slice.or_else(|| own().next()) else {
        return;
    };
    let stops = own().any(|mount| mount.options.split(',').any(|option| option == "errors=remount-ro"));
    let severity = if slice.is_some() || stops {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let evidence = format!(
        "{} on {} counts {count} error{}{}",
        mount.fs_type,
        mount.source,
        if count == 1 { "" } else { "s" },
        if stops { "; errors=remount-ro: writes fail" } else { "" }
    );
    out.raise(Code::FilesystemError, severity, subject(seen, &mount.at), evidence);
}
