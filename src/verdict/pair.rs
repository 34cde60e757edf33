//! The two sides of a DRBD pair together: who is primary, do they agree, have they split.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::Claims,
    drbd,
    seen::{Fact, Freshness, Seen},
    sight::Sight,
};
use crate::{
    facts::{
        Tier, UnixMs,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume},
    },
    fleet::{HostName, Slice},
};
use std::time::Duration;

/// Two looks this close together count as one moment; a planned move takes longer.
const ONE_MOMENT: Duration = Duration::from_secs(1);

/// What one server says of a slice's DRBD volume.
#[derive(Debug)]
pub(super) enum Side<'a> {
    /// The server or its DRBD cannot be asked now.
    Unseen(String),
    /// It can be asked, and has no such resource up.
    Missing,
    /// What it says, and when it said so.
    Known(&'a DrbdVolume, UnixMs),
}

/// One server of a slice.
pub(super) struct Server<'a> {
    pub(super) at: usize,
    pub(super) name: &'a HostName,
    pub(super) freshness: Freshness,
    pub(super) seen: Option<Seen<'a>>,
    pub(super) side: Side<'a>,
}

impl<'a> Server<'a> {
    pub(super) fn new(sight: &Sight<'a>, at: usize, slice: &Slice) -> Self {
        let seen = sight.seen(at);
        let freshness = sight.freshness(at);
        let side = match &seen {
            None => Side::Unseen(freshness.word().to_owned()),
            Some(seen) => side(seen, slice),
        };
        Self {
            at,
            name: sight.name(at),
            freshness,
            seen,
            side,
        }
    }

    /// What it says of the volume, if it says something.
    pub(super) fn volume(&self) -> Option<&'a DrbdVolume> {
        match self.side {
            Side::Known(volume, _) => Some(volume),
            Side::Unseen(_) | Side::Missing => None,
        }
    }

    pub(super) fn is_primary(&self) -> bool {
        self.volume().is_some_and(|volume| volume.role == DrbdRole::Primary)
    }

    /// Whether it certainly does not serve the slice by DRBD.
    pub(super) fn is_not_primary(&self) -> bool {
        match self.side {
            Side::Known(volume, _) => matches!(volume.role, DrbdRole::Secondary | DrbdRole::Unconfigured),
            Side::Missing => true,
            Side::Unseen(_) => false,
        }
    }

    /// Its state in words, such as `stor4 StandAlone Primary/Unknown UpToDate/DUnknown`.
    pub(super) fn words(&self) -> String {
        match &self.side {
            Side::Unseen(why) => format!("{} {why}", self.name),
            Side::Missing => format!("{} does not have it up", self.name),
            Side::Known(v, _) => format!(
                "{} {} {}/{} {}/{}",
                self.name, v.connection, v.role, v.peer_role, v.disk, v.peer_disk
            ),
        }
    }
}

/// Whether a volume is the slice's: by resource name, or by minor where names are not known.
pub(super) fn is_of(volume: &DrbdVolume, slice: &Slice) -> bool {
    match (&volume.resource, &slice.resource) {
        (Some(name), Some(wanted)) => name.as_str() == wanted,
        (None, Some(_)) => volume.minor.is_some() && volume.minor == minor(&slice.device),
        (_, None) => false,
    }
}

/// The minor of `/dev/drbd0`.
fn minor(device: &str) -> Option<u32> {
    device.strip_prefix("/dev/drbd")?.parse().ok()
}

fn side<'a>(seen: &Seen<'a>, slice: &Slice) -> Side<'a> {
    let volumes = match seen.fact(&seen.snapshot.drbd, Tier::Fast) {
        Fact::Known(volumes) => volumes,
        Fact::Absent => return Side::Missing,
        Fact::Unknown(doubt) => return Side::Unseen(format!("does not tell of DRBD: {doubt}")),
    };
    let of_slice = || volumes.iter().filter(|volume| is_of(volume, slice));
    let other = if slice.preferred == seen.host.name {
        slice.standby.as_ref()
    } else {
        Some(&slice.preferred)
    };
    let device = minor(&slice.device);
    let best = of_slice().max_by_key(|volume| {
        let right_minor = volume.minor.is_some() && volume.minor == device;
        let right_peer = volume
            .peer
            .as_ref()
            .is_some_and(|peer| other.is_some_and(|o| peer.as_str() == o.as_str()));
        (right_minor, right_peer, std::cmp::Reverse(volume.volume))
    });
    match best {
        Some(volume) if volume.connection == DrbdConnection::Unconfigured => Side::Missing,
        Some(volume) => Side::Known(volume, seen.snapshot.drbd.at),
        None => Side::Missing,
    }
}

/// Judges what both sides of one slice say together.
pub(super) fn judge(slice: &Slice, a: &Server<'_>, b: &Server<'_>, past: &mut Past, out: &mut Claims) {
    let resource = slice.resource.as_deref().unwrap_or_default();
    let subject = || Subject::of_fleet(SubjectKind::Slice, slice.name.as_str());
    let hosts = || [a.name.clone(), b.name.clone()];
    let both = format!("{resource}: {}; {}", a.words(), b.words());
    dual_primary(a, b, &both, &subject, &hosts, out);
    split_brain(a, b, &both, past, &subject, &hosts, out);
    no_primary(a, b, &both, &subject, &hosts, out);
    disagreement(resource, a, b, &subject, &hosts, out);
}

/// Whether both looks are of one moment.
fn one_moment(a: &Server<'_>, b: &Server<'_>) -> bool {
    match (&a.side, &b.side) {
        (Side::Known(_, one), Side::Known(_, other)) => {
            one.since(*other) <= ONE_MOMENT && other.since(*one) <= ONE_MOMENT
        }
        _ => false,
    }
}

fn dual_primary(
    a: &Server<'_>,
    b: &Server<'_>,
    both: &str,
    subject: &impl Fn() -> Subject,
    hosts: &impl Fn() -> [HostName; 2],
    out: &mut Claims,
) {
    let sees_two = |server: &Server<'_>| {
        server
            .volume()
            .is_some_and(|v| v.role == DrbdRole::Primary && v.peer_role == DrbdRole::Primary)
    };
    let one_view = sees_two(a) || sees_two(b);
    if one_view || (a.is_primary() && b.is_primary()) {
        // Two looks some seconds apart may have a planned move between them: then each side must be
        // seen once more. One look that sees both, or two of one moment, are proof.
        let claim = out
            .raise(Code::DrbdDualPrimary, Severity::Critical, subject(), both)
            .with(hosts());
        if one_view || one_moment(a, b) {
            claim.at_once();
        }
    } else if !(a.is_not_primary() || b.is_not_primary()) {
        let connected = |server: &Server<'_>| {
            server
                .volume()
                .is_some_and(|v| v.connection.is_connected() && v.peer_role == DrbdRole::Secondary)
        };
        if !connected(a) && !connected(b) {
            out.unsettled(Code::DrbdDualPrimary, subject());
        }
    }
}

/// What is remembered of a pair since its two sides were last seen connected.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Servers that were seen as primary while they did not see the other.
    primaries: Vec<HostName>,
    /// They have split.
    split: bool,
}

impl Past {
    fn note(&mut self, server: &Server<'_>) {
        let apart = |v: &DrbdVolume| v.role == DrbdRole::Primary && waits(v);
        if server.volume().is_some_and(apart) && !self.primaries.contains(server.name) {
            self.primaries.push(server.name.clone());
        }
    }

    fn was_primary(&self, server: &Server<'_>) -> bool {
        self.primaries.contains(server.name)
    }
}

/// Split brain is proven only by both sides: both stand alone with data that each takes for good, or both have been
/// primary since they were last connected. That one stands alone while the other waits proves nothing: a person may
/// have disconnected it. A split brain ends when the two are connected, or one side's data is given up; while they
/// try to connect, and fail again, it goes on.
fn split_brain(
    a: &Server<'_>,
    b: &Server<'_>,
    both: &str,
    past: &mut Past,
    subject: &impl Fn() -> Subject,
    hosts: &impl Fn() -> [HostName; 2],
    out: &mut Claims,
) {
    let ends =
        |v: &DrbdVolume| v.connection.is_connected() || matches!(v.disk, DrbdDisk::Inconsistent | DrbdDisk::Outdated);
    if [a, b].into_iter().filter_map(Server::volume).any(ends) {
        *past = Past::default();
        return;
    }
    past.note(a);
    past.note(b);
    let (Some(one), Some(other)) = (a.volume(), b.volume()) else {
        out.unsettled(Code::DrbdSplitBrain, subject());
        return;
    };
    let alone = |v: &DrbdVolume| {
        v.connection == DrbdConnection::StandAlone && v.disk == DrbdDisk::UpToDate && v.peer_disk == DrbdDisk::NotSeen
    };
    let written_apart = past.was_primary(a) && past.was_primary(b);
    past.split |= written_apart || (alone(one) && alone(other));
    if past.split {
        let why = if written_apart {
            "; both have been primary since they were last connected"
        } else {
            ""
        };
        out.raise(
            Code::DrbdSplitBrain,
            Severity::Critical,
            subject(),
            format!("{both}{why}"),
        )
        .with(hosts())
        .at_once();
    }
}

/// Stands alone, or waits for the other.
const fn waits(volume: &DrbdVolume) -> bool {
    matches!(
        volume.connection,
        DrbdConnection::StandAlone
            | DrbdConnection::WfConnection
            | DrbdConnection::Connecting
            | DrbdConnection::Unconnected
    )
}

fn no_primary(
    a: &Server<'_>,
    b: &Server<'_>,
    both: &str,
    subject: &impl Fn() -> Subject,
    hosts: &impl Fn() -> [HostName; 2],
    out: &mut Claims,
) {
    if a.is_primary() || b.is_primary() {
        return;
    }
    // A side whose peer has become primary since that was asked; should it stay so, they disagree.
    let sees_one = |server: &Server<'_>| {
        server
            .volume()
            .is_some_and(|v| v.connection.is_connected() && v.peer_role == DrbdRole::Primary)
    };
    if a.is_not_primary() && b.is_not_primary() && !sees_one(a) && !sees_one(b) {
        out.raise(Code::DrbdNoPrimary, Severity::Critical, subject(), both)
            .with(hosts());
    } else {
        out.unsettled(Code::DrbdNoPrimary, subject());
    }
}

/// Both sides can be asked, at least one says that they are connected, and they do not say the same.
fn disagreement(
    resource: &str,
    a: &Server<'_>,
    b: &Server<'_>,
    subject: &impl Fn() -> Subject,
    hosts: &impl Fn() -> [HostName; 2],
    out: &mut Claims,
) {
    let (Some(one), Some(other)) = (a.volume(), b.volume()) else {
        // The side that is left does not win the argument by being the only one that speaks.
        if matches!(a.side, Side::Unseen(_)) || matches!(b.side, Side::Unseen(_)) {
            out.unsettled(Code::DrbdDisagreement, subject());
        }
        return;
    };
    let mut differences = Vec::new();
    for (here, mine, there, theirs) in [(a, one, b, other), (b, other, a, one)] {
        if !mine.connection.is_connected() {
            continue;
        }
        if mine.peer_role != theirs.role {
            differences.push(format!(
                "{} takes {} for {}, it says {}",
                here.name, there.name, mine.peer_role, theirs.role
            ));
        }
        if mine.peer_disk != theirs.disk {
            differences.push(format!(
                "{} takes {}'s disk for {}, it says {}",
                here.name, there.name, mine.peer_disk, theirs.disk
            ));
        }
        if !theirs.connection.is_connected() {
            differences.push(format!(
                "{} says {}, {} says {}",
                here.name, mine.connection, there.name, theirs.connection
            ));
        }
    }
    if !differences.is_empty() {
        let evidence = format!("{resource}: {}", super::say::list(&differences));
        out.raise(Code::DrbdDisagreement, Severity::Critical, subject(), evidence)
            .with(hosts());
    }
}

/// Whether the replica of a slice works, as far as its primary can tell.
pub(super) fn replica_problem(primary: &Server<'_>, standby: &Server<'_>) -> Option<(Severity, String)> {
    let volume = primary.volume()?;
    if volume.connection == DrbdConnection::StandAlone {
        return Some((Severity::Critical, primary.words()));
    }
    if !volume.connection.is_connected() {
        return Some((Severity::Warning, format!("{}; {}", primary.words(), standby.words())));
    }
    if volume.peer_disk == DrbdDisk::UpToDate {
        return None;
    }
    let failed = matches!(volume.peer_disk, DrbdDisk::Failed | DrbdDisk::Diskless);
    let severity = match volume.peer_disk {
        DrbdDisk::Unknown(_) => Severity::Unknown,
        _ if failed => Severity::Critical,
        _ => Severity::Warning,
    };
    let evidence = format!(
        "the disk of {} is {}{}",
        standby.name,
        volume.peer_disk,
        drbd::progress(volume)
    );
    Some((severity, evidence))
}
