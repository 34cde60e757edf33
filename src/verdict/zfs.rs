//! ZFS pools: degraded, faulted, with errors, being resilvered, full.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Limits, Source},
    say,
    seen::Seen,
};
use crate::facts::{
    Tier,
    zfs::{Pool, PoolState, Scan, Vdev},
};
use std::fmt::Write as _;

/// What `zpool status` prints when there are no data errors.
const NO_ERRORS: &str = "No known data errors";

/// Judges every pool.
pub(super) fn judge(seen: &Seen<'_>, out: &mut Claims) {
    let Some(pools) = out.known(Source::Pools, &seen.fact(&seen.snapshot.pools, Tier::Medium)) else {
        return;
    };
    for pool in pools {
        let subject = || Subject::on(SubjectKind::Pool, &seen.host.name, pool.name.clone());
        state(pool, &subject, out);
        errors(pool, &subject, out);
        resilver(pool, &subject, out);
        full(seen, pool, &subject, out);
    }
}

/// Devices that are not good, such as `sdb FAULTED`.
fn bad_devices(pool: &Pool) -> String {
    let good = |vdev: &&Vdev| {
        !matches!(
            vdev.state,
            PoolState::Online | PoolState::Healthy | PoolState::Available | PoolState::InUse
        )
    };
    // The pool's own line and the groups repeat what their members say.
    let bad: Vec<&Vdev> = pool.vdevs.iter().filter(|vdev| vdev.depth > 0).filter(good).collect();
    let deepest = bad.iter().map(|vdev| vdev.depth).max().unwrap_or_default();
    let names: Vec<String> = bad
        .iter()
        .filter(|vdev| vdev.depth == deepest)
        .map(|vdev| format!("{} {}", vdev.name, vdev.state))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(": {}", say::list(&names))
    }
}

fn state(pool: &Pool, subject: &impl Fn() -> Subject, out: &mut Claims) {
    let devices = bad_devices(pool);
    let (code, severity) = match &pool.state {
        PoolState::Online | PoolState::Healthy if devices.is_empty() => return,
        PoolState::Online | PoolState::Healthy | PoolState::Degraded => (Code::PoolDegraded, Severity::Warning),
        PoolState::Faulted
        | PoolState::Offline
        | PoolState::Unavail
        | PoolState::Removed
        | PoolState::Suspended
        | PoolState::Available
        | PoolState::InUse => (Code::PoolFaulted, Severity::Critical),
        PoolState::Unknown(_) => (Code::UnknownWord, Severity::Unknown),
    };
    let why = if code == Code::UnknownWord {
        ", a word this version does not know"
    } else {
        ""
    };
    let mend = resilvering(pool).map_or_else(String::new, |scan| format!("; {}", progress(scan)));
    let evidence = format!("{}{why}{devices}{mend}", pool.state);
    out.raise(code, severity, subject(), evidence);
    let odd = pool
        .vdevs
        .iter()
        .find(|vdev| matches!(vdev.state, PoolState::Unknown(_)));
    if let Some(vdev) = odd {
        let evidence = format!("{} is {}, a word this version does not know", vdev.name, vdev.state);
        out.raise(Code::UnknownWord, Severity::Unknown, subject(), evidence);
    }
}

fn errors(pool: &Pool, subject: &impl Fn() -> Subject, out: &mut Claims) {
    let lost = pool
        .errors
        .as_ref()
        .filter(|text| !text.is_empty() && !text.contains(NO_ERRORS));
    if let Some(text) = lost {
        out.raise(Code::PoolErrors, Severity::Critical, subject(), text.clone());
        return;
    }
    let count = |vdev: &Vdev| {
        [vdev.read_errors, vdev.write_errors, vdev.checksum_errors]
            .into_iter()
            .flatten()
            .fold(0, u64::saturating_add)
    };
    if let Some(worst) = pool
        .vdevs
        .iter()
        .filter(|vdev| count(vdev) > 0)
        .max_by_key(|vdev| (count(vdev), vdev.depth))
    {
        let of = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
        let evidence = format!(
            "{} has {} read, {} write and {} checksum errors (should be 0)",
            worst.name,
            of(worst.read_errors),
            of(worst.write_errors),
            of(worst.checksum_errors)
        );
        out.raise(Code::PoolErrors, Severity::Warning, subject(), evidence);
    }
}

fn resilvering(pool: &Pool) -> Option<&Scan> {
    let scan = pool.scan.as_ref();
    scan.filter(|scan| scan.running && scan.function.starts_with("resilver"))
}

fn resilver(pool: &Pool, subject: &impl Fn() -> Subject, out: &mut Claims) {
    let Some(scan) = resilvering(pool) else { return };
    out.raise(Code::PoolResilvering, Severity::Notice, subject(), progress(scan));
}

/// How far a resilver is. The old form counts whole minutes: 0 is less than one.
fn progress(scan: &Scan) -> String {
    let mut text = "resilver".to_owned();
    if let Some(percent) = scan.percent {
        let _ = write!(text, " {percent:.1} %");
    }
    match scan.left_seconds {
        Some(0) => text.push_str(", less than a minute left"),
        Some(left) => _ = write!(text, ", {} left", say::span(left)),
        None => {}
    }
    text
}

fn full(seen: &Seen<'_>, pool: &Pool, subject: &impl Fn() -> Subject, out: &mut Claims) {
    let (Some(size), Some(allocated)) = (pool.size_kib, pool.allocated_kib) else {
        return;
    };
    if size == 0 {
        return;
    }
    let percent = 100.0 * allocated as f64 / size as f64;
    let thresholds = &seen.host.thresholds;
    let limits = Limits::both(thresholds.disk_warning_percent, thresholds.disk_critical_percent);
    let level = limits.above(percent);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{} % allocated, {} left (limit {} %)",
            say::number(percent),
            say::kib(size.saturating_sub(allocated) as f64),
            say::number(limits.crossed(level.now))
        );
        out.measured(Code::DiskFull, level, subject(), evidence);
    }
}
