//! DRBD as one host sees it. What both sides say together is judged in `pair`.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Source},
    memory::{History, KEPT, hash},
    say,
    seen::Seen,
};
use crate::facts::{
    CleanText, Tier, UnixMs,
    drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume},
};
use std::fmt::Write as _;

/// Judges every volume of every resource.
pub(super) fn judge(seen: &Seen<'_>, history: &mut History, out: &mut Claims) {
    let Some(volumes) = out.known(Source::Drbd, &seen.fact(&seen.snapshot.drbd, Tier::Fast)) else {
        return;
    };
    for volume in volumes {
        if matches!(volume.connection, DrbdConnection::Unconfigured) || volume.role == DrbdRole::Unconfigured {
            continue;
        }
        if volume.connection.is_connected() {
            remember(history, hash(&label(volume, volumes)), seen.snapshot.drbd.at);
        }
        words(seen, volume, volumes, out);
        connection(seen, history, volume, volumes, out);
        disk(seen, volume, volumes, out);
        suspended(seen, volume, volumes, out);
        resync(seen, volume, volumes, out);
    }
}

/// What a volume is called: resource (or `drbd0`), volume number if it is not the only one, and the
/// peer if there are several.
pub(crate) fn label(volume: &DrbdVolume, volumes: &[DrbdVolume]) -> String {
    let mut name = match (&volume.resource, volume.minor) {
        (Some(resource), _) => resource.to_string(),
        (None, Some(minor)) => format!("drbd{minor}"),
        (None, None) => "drbd".to_owned(),
    };
    let same_resource = |other: &&DrbdVolume| volume.resource.is_some() && other.resource == volume.resource;
    if volumes
        .iter()
        .filter(same_resource)
        .any(|other| other.volume != volume.volume)
    {
        let _ = write!(name, "/{}", volume.volume);
    }
    let several_peers = volumes
        .iter()
        .filter(same_resource)
        .filter(|other| other.volume == volume.volume)
        .count()
        > 1;
    if let Some(peer) = volume.peer.as_ref().filter(|_| several_peers) {
        let _ = write!(name, " to {peer}");
    }
    name
}

fn subject(seen: &Seen<'_>, volume: &DrbdVolume, volumes: &[DrbdVolume]) -> Subject {
    Subject::on(SubjectKind::Drbd, &seen.host.name, label(volume, volumes))
}

fn remember(history: &mut History, name: u64, at: UnixMs) {
    if let Some((_, seen)) = history.connected.iter_mut().find(|(known, _)| *known == name) {
        *seen = at;
    } else if history.connected.len() < KEPT {
        history.connected.push((name, at));
    }
}

/// Words that are no known state. None of them is taken for a healthy one.
fn words(seen: &Seen<'_>, volume: &DrbdVolume, volumes: &[DrbdVolume], out: &mut Claims) {
    let mut odd: Vec<(&str, &CleanText)> = Vec::new();
    if let DrbdConnection::Unknown(word) = &volume.connection {
        odd.push(("connection", word));
    }
    for (what, role) in [("role", &volume.role), ("peer's role", &volume.peer_role)] {
        if let DrbdRole::Unknown(word) = role {
            odd.push((what, word));
        }
    }
    for (what, disk) in [("disk", &volume.disk), ("peer's disk", &volume.peer_disk)] {
        if let DrbdDisk::Unknown(word) = disk {
            odd.push((what, word));
        }
    }
    if let Some((what, word)) = odd.first() {
        let evidence = format!("{what} “{word}” is a word this version does not know");
        out.raise(
            Code::UnknownWord,
            Severity::Unknown,
            subject(seen, volume, volumes),
            evidence,
        );
    }
}

fn connection(seen: &Seen<'_>, history: &History, volume: &DrbdVolume, volumes: &[DrbdVolume], out: &mut Claims) {
    if volume.connection.is_connected() || matches!(volume.connection, DrbdConnection::Unknown(_)) {
        return;
    }
    let name = label(volume, volumes);
    let before = history
        .connected
        .iter()
        .find(|(known, _)| *known == hash(&name))
        .map_or_else(
            || "not seen connected so far".to_owned(),
            |(_, at)| format!("last seen connected at {}", say::clock(*at)),
        );
    let mut evidence = format!(
        "{} {}/{}, peer {}/{}; {before}",
        volume.connection, volume.role, volume.disk, volume.peer_role, volume.peer_disk
    );
    let (code, severity) = if volume.connection == DrbdConnection::StandAlone {
        evidence.push_str(
            "; disconnected by a person or a split brain: the kernel log of both sides tells (`Split-Brain detected`)",
        );
        (Code::DrbdStandAlone, Severity::Critical)
    } else {
        (Code::DrbdDisconnected, Severity::Warning)
    };
    out.raise(code, severity, subject(seen, volume, volumes), evidence);
}

fn disk(seen: &Seen<'_>, volume: &DrbdVolume, volumes: &[DrbdVolume], out: &mut Claims) {
    let (code, severity) = match &volume.disk {
        DrbdDisk::UpToDate | DrbdDisk::Unknown(_) => return,
        DrbdDisk::Inconsistent | DrbdDisk::Negotiating | DrbdDisk::Attaching => {
            (Code::DrbdInconsistent, Severity::Warning)
        }
        DrbdDisk::Outdated | DrbdDisk::Consistent => (Code::DrbdOutdated, Severity::Warning),
        DrbdDisk::Failed | DrbdDisk::Detaching => (Code::DrbdDiskless, Severity::Critical),
        // A diskless tie-breaker is meant so; a server of the slice is not.
        DrbdDisk::Diskless => {
            let serves = seen.slices().any(|slice| super::pair::is_of(volume, slice));
            (
                Code::DrbdDiskless,
                if serves { Severity::Critical } else { Severity::Notice },
            )
        }
        DrbdDisk::NotSeen => (Code::DrbdInconsistent, Severity::Unknown),
    };
    let evidence = format!("its disk is {}{}", volume.disk, progress(volume));
    out.raise(code, severity, subject(seen, volume, volumes), evidence);
}

fn suspended(seen: &Seen<'_>, volume: &DrbdVolume, volumes: &[DrbdVolume], out: &mut Claims) {
    let why = volume
        .suspended
        .as_ref()
        .filter(|why| !matches!(why.as_str(), "" | "no"));
    let evidence = match (why, volume.quorum) {
        (Some(why), _) => format!("I/O is suspended ({why})"),
        (None, Some(false)) => "no quorum".to_owned(),
        (None, _) => return,
    };
    out.raise(
        Code::DrbdSuspended,
        Severity::Critical,
        subject(seen, volume, volumes),
        evidence,
    );
}

/// A resync is told by the side that sends; the side that receives is told as inconsistent.
fn resync(seen: &Seen<'_>, volume: &DrbdVolume, volumes: &[DrbdVolume], out: &mut Claims) {
    use DrbdConnection as C;
    let what = match volume.connection {
        C::SyncSource => "sends to",
        C::StartingSyncS | C::WfBitMapS => "is about to send to",
        C::PausedSyncS => "has paused sending to",
        C::VerifyS => "verifies against",
        C::Ahead => "runs ahead of",
        C::SyncTarget | C::StartingSyncT | C::WfBitMapT | C::WfSyncUuid | C::PausedSyncT
            if volume.disk == DrbdDisk::UpToDate =>
        {
            "receives from"
        }
        _ => return,
    };
    let stalled = volume.sync.as_ref().is_some_and(|sync| sync.stalled);
    // DRBD 8.4 calls every peer `peer`.
    let peer = volume.peer.as_ref().map_or("peer", |peer| peer.as_str());
    let peer = if peer == "peer" { "its peer" } else { peer };
    let evidence = format!("{what} {peer}{}", progress(volume));
    let severity = if stalled || volume.connection == C::Ahead {
        Severity::Warning
    } else {
        Severity::Notice
    };
    out.raise(Code::DrbdResyncing, severity, subject(seen, volume, volumes), evidence);
}

/// How far a resync is, such as `: 33.5 %, 2 m 20 s left at 6.2 MiB/s, 120.6 MiB out of sync`.
pub(super) fn progress(volume: &DrbdVolume) -> String {
    let mut parts = Vec::new();
    if let Some(sync) = &volume.sync {
        parts.extend(sync.percent.map(|percent| format!("{percent:.1} %")));
        let speed = sync
            .speed_kib_per_second
            .map_or_else(String::new, |speed| format!(" at {}/s", say::kib(speed as f64)));
        parts.extend(sync.left_seconds.map(|left| format!("{} left{speed}", say::span(left))));
        parts.extend(sync.stalled.then(|| "stalled".to_owned()));
    }
    let behind = volume.out_of_sync_kib.filter(|kib| *kib > 0);
    parts.extend(behind.map(|kib| format!("{} out of sync", say::kib(kib as f64))));
    if parts.is_empty() {
        String::new()
    } else {
        format!(": {}", parts.join(", "))
    }
}
