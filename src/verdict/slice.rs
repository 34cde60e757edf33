//! Slices: does the right server serve each, with a replica, its filesystem, export and address.

mod service;

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::Claims,
    index::SliceLinks,
    mount::{Voice, voice},
    pair::{self, Server, Side},
    say,
    seen::Freshness,
    sight::Sight,
};
use crate::{
    facts::{Tier, drbd::DrbdRole},
    fleet::{HostName, Slice},
};
use std::fmt::Write as _;

/// One slice at one look.
pub(super) struct View<'a> {
    pub(super) slice: &'a Slice,
    pub(super) preferred: Server<'a>,
    pub(super) standby: Option<Server<'a>>,
    pub(super) clients: &'a [(usize, usize)],
}

impl<'a> View<'a> {
    /// The slice with its servers; `None` when its preferred server is not in the fleet.
    pub(super) fn new(sight: &Sight<'a>, slice: &'a Slice, links: &'a SliceLinks) -> Option<Self> {
        Some(Self {
            slice,
            preferred: Server::new(sight, links.preferred?, slice),
            standby: links.standby.map(|at| Server::new(sight, at, slice)),
            clients: &links.clients,
        })
    }

    /// Whether DRBD tells who serves it.
    pub(super) const fn is_replicated(&self) -> bool {
        self.slice.resource.is_some() && self.standby.is_some()
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = &Server<'a>> {
        std::iter::once(&self.preferred).chain(&self.standby)
    }

    pub(super) fn hosts(&self) -> Vec<HostName> {
        self.servers().map(|server| server.name.clone()).collect()
    }

    pub(super) fn subject(&self) -> Subject {
        Subject::of_fleet(SubjectKind::Slice, self.slice.name.as_str())
    }

    /// The server that certainly serves it, if exactly one says so.
    pub(super) fn primary(&self) -> Option<&Server<'a>> {
        if self.slice.resource.is_some() {
            let mut primaries = self.servers().filter(|server| server.is_primary());
            let first = primaries.next()?;
            return primaries.next().is_none().then_some(first);
        }
        // Without DRBD the one that has it mounted serves it, and else the preferred one should.
        let mounted = |server: &&Server<'_>| has_mounted(server, &self.slice.mount_point) == Some(true);
        let mut serving = self.servers().filter(mounted);
        match (serving.next(), serving.next()) {
            (Some(server), None) => Some(server),
            (None, _)
                if self
                    .servers()
                    .all(|server| has_mounted(server, &self.slice.mount_point) == Some(false)) =>
            {
                Some(&self.preferred)
            }
            _ => None,
        }
    }

    /// The other server.
    pub(super) fn other(&self, server: &Server<'_>) -> Option<&Server<'a>> {
        self.servers().find(|other| other.at != server.at)
    }
}

fn has_mounted(server: &Server<'_>, at: &str) -> Option<bool> {
    let seen = server.seen.as_ref()?;
    let mounts = seen.fact(&seen.snapshot.mounts, Tier::Fast).value()?;
    Some(mounts.iter().any(|mount| mount.at.as_str() == at))
}

/// Judges one slice. Gives whether its clients had to be asked.
pub(super) fn judge(sight: &Sight<'_>, view: &View<'_>, past: &mut pair::Past, out: &mut Claims) -> bool {
    undeclared_replica(view, out);
    if let (true, Some(standby)) = (view.is_replicated(), &view.standby) {
        pair::judge(view.slice, &view.preferred, standby, past, out);
    }
    if let Some(primary) = view.primary() {
        replica(view, primary, out);
        away(view, primary, out);
        service::judge(view, primary, out);
        return false;
    }
    out.unsettled(Code::SliceUnreplicated, view.subject());
    service::unsettled(view, out);
    unserved(sight, view, out)
}

fn undeclared_replica(view: &View<'_>, out: &mut Claims) {
    let slice = view.slice;
    if view.is_replicated() || slice.unreplicated {
        return;
    }
    let lacks = if slice.standby.is_none() {
        "no standby server"
    } else {
        "no DRBD resource"
    };
    let evidence = format!("the inventory gives it {lacks}, and does not declare it unreplicated");
    out.raise(Code::SliceUnreplicated, Severity::Warning, view.subject(), evidence)
        .at_once()
        .with(view.hosts());
}

fn replica(view: &View<'_>, primary: &Server<'_>, out: &mut Claims) {
    if !view.is_replicated() {
        return;
    }
    let Some(standby) = view.other(primary) else { return };
    if let Some((severity, what)) = pair::replica_problem(primary, standby) {
        let evidence = format!("served by {} without a working replica: {what}", primary.name);
        out.raise(Code::SliceUnreplicated, severity, view.subject(), evidence)
            .with(view.hosts());
    }
}

fn away(view: &View<'_>, primary: &Server<'_>, out: &mut Claims) {
    if *primary.name != view.slice.preferred {
        let evidence = format!(
            "served by {}, its preferred server is {}",
            primary.name, view.slice.preferred
        );
        out.raise(Code::SliceAway, Severity::Notice, view.subject(), evidence)
            .with(view.hosts());
    }
}

/// Nobody is known to serve it: what do the peer and the clients say?
fn unserved(sight: &Sight<'_>, view: &View<'_>, out: &mut Claims) -> bool {
    let unseen: Vec<&Server<'_>> = view
        .servers()
        .filter(|server| matches!(server.side, Side::Unseen(_)))
        .collect();
    let not_asked = view.servers().any(|server| server.freshness == Freshness::NotAsked);
    if unseen.is_empty() || view.servers().filter(|server| server.is_primary()).count() > 1 {
        // Both can be asked: the pair's own rules have spoken (or the one server's, for a slice without a pair).
        if !view.is_replicated() && view.servers().all(Server::is_not_primary) && view.slice.resource.is_some() {
            let evidence = view.preferred.words();
            out.raise(Code::DrbdNoPrimary, Severity::Critical, view.subject(), evidence)
                .with(view.hosts());
        }
        return false;
    }
    let (alive, hung) = ask_clients(sight, view);
    if not_asked && hung.is_empty() {
        // Its servers say so themselves; nothing is known of the slice yet, good or bad.
        out.unsettled(Code::SliceUnseen, view.subject());
        out.unsettled(Code::SliceDown, view.subject());
        return true;
    }
    let words: Vec<String> = view.servers().map(Server::words).collect();
    let peer = peer_says(view);
    let mut evidence = words.join("; ");
    let (code, severity) = if !alive.is_empty() {
        let _ = write!(
            evidence,
            "; but {} still complete{} operations on it: SSH is dead, not NFS",
            say::hosts(&alive),
            if alive.len() == 1 { "s" } else { "" }
        );
        (Code::SliceUnseen, Severity::Unknown)
    } else if !hung.is_empty() {
        let verb = if hung.len() == 1 { "hangs" } else { "hang" };
        let _ = write!(evidence, "; {} {verb} on it", say::hosts(&hung));
        (Code::SliceDown, Severity::Critical)
    } else if peer == Peer::Lost {
        evidence.push_str("; its peer has lost it too, and no client says otherwise");
        (Code::SliceDown, Severity::Critical)
    } else {
        evidence.push_str(match peer {
            Peer::Sees => "; its peer still replicates with it",
            Peer::Lost | Peer::Silent => "; no client says whether it is served",
        });
        (Code::SliceUnseen, Severity::Unknown)
    };
    let mut hosts = view.hosts();
    hosts.extend(alive);
    hosts.extend(hung);
    // The server that cannot be seen has been waited for already.
    let claim = out.raise(code, severity, view.subject(), evidence).with(hosts);
    if unseen.iter().all(|server| server.freshness != Freshness::Fresh) {
        claim.at_once();
    }
    true
}

/// What the server that can be asked says of the one that cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// It replicates with a primary.
    Sees,
    /// It has lost it.
    Lost,
    /// There is none to ask.
    Silent,
}

fn peer_says(view: &View<'_>) -> Peer {
    match view.servers().find_map(Server::volume) {
        Some(volume) if volume.connection.is_connected() && volume.peer_role == DrbdRole::Primary => Peer::Sees,
        Some(volume) if !volume.connection.is_connected() => Peer::Lost,
        Some(_) | None => Peer::Silent,
    }
}

/// The clients on which operations complete, and those that hang.
fn ask_clients(sight: &Sight<'_>, view: &View<'_>) -> (Vec<HostName>, Vec<HostName>) {
    let (mut alive, mut hung) = (Vec::new(), Vec::new());
    for &(at, mount) in view.clients {
        let Some(seen) = sight.seen(at) else { continue };
        let Some(mount) = seen.host.mounts.get(mount) else {
            continue;
        };
        match voice(&seen, &mount.at) {
            Voice::Alive => alive.push(seen.host.name.clone()),
            Voice::Hung => hung.push(seen.host.name.clone()),
            Voice::None => {}
        }
    }
    (alive, hung)
}
