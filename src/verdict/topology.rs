//! Members of a topology together: one writable source, whom each follows, what each has.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::Claims,
    errant, heartbeat, say,
    seen::{Fact, Freshness, Seen},
    sight::Sight,
};
use crate::{
    facts::{
        CleanText, Tier, UnixMs,
        mysql::{GaleraStatus, Mysql, ReplicaChannel, ReplicaThread},
    },
    fleet::{Host, HostName, Topology, TopologyKind},
};
use std::time::Duration;

/// Two looks this close together count as one moment; a planned switch-over takes longer.
const ONE_MOMENT: Duration = Duration::from_secs(1);

/// One member.
pub(super) struct Member<'a> {
    pub(super) name: &'a HostName,
    host: &'a Host,
    /// What can be asked of its host.
    pub(super) seen: Option<Seen<'a>>,
    /// What its server says, and when it said so.
    pub(super) mysql: Option<(&'a Mysql, UnixMs)>,
    /// Why it cannot be asked.
    pub(super) unseen: String,
}

impl<'a> Member<'a> {
    fn new(sight: &Sight<'a>, at: usize) -> Self {
        let seen = sight.seen(at);
        let freshness = sight.freshness(at);
        let (mysql, unseen) = match &seen {
            None => (None, freshness.word().to_owned()),
            Some(seen) => match seen.fact(&seen.snapshot.mysql, Tier::Fast) {
                Fact::Known(mysql) => (Some((mysql, seen.snapshot.mysql.at)), String::new()),
                Fact::Unknown(doubt) => (None, doubt.to_string()),
                Fact::Absent => (None, "no mysql client there".to_owned()),
            },
        };
        debug_assert!(
            freshness == Freshness::Fresh || mysql.is_none(),
            "only a fresh host speaks"
        );
        Self {
            name: sight.name(at),
            host: &sight.fleet.hosts[at],
            seen,
            mysql,
            unseen,
        }
    }

    /// Whether it can be written; `None` when that is not known.
    pub(super) fn writable(&self) -> Option<bool> {
        self.mysql
            .and_then(|(mysql, _)| mysql.read_only)
            .map(|read_only| !read_only)
    }

    /// Its server, as the subject of a finding.
    pub(super) fn subject(&self) -> Subject {
        Subject::on(SubjectKind::Mysql, self.name, self.name.as_str())
    }

    pub(super) fn channels(&self) -> &'a [ReplicaChannel] {
        self.mysql.map_or(&[], |(mysql, _)| mysql.channels.as_slice())
    }

    fn words(&self) -> String {
        match (self.mysql, self.writable()) {
            (None, _) => format!("{} {}", self.name, self.unseen),
            (Some(_), Some(true)) => format!("{} writable", self.name),
            (Some(_), Some(false)) => format!("{} read-only", self.name),
            (Some(_), None) => format!("{} does not tell whether it is read-only", self.name),
        }
    }

    /// Whether a channel's source is this member: by server UUID, by name, or by any of its addresses.
    pub(super) fn is_source_of(&self, channel: &ReplicaChannel) -> bool {
        let uuid = self.mysql.and_then(|(mysql, _)| mysql.server_uuid.as_ref());
        if let (Some(mine), Some(theirs)) = (uuid, &channel.source_uuid)
            && !theirs.is_empty()
        {
            return mine == theirs;
        }
        let host = channel.source_host.as_str();
        let short = host.split('.').next().unwrap_or(host);
        let is_address = host.parse::<std::net::IpAddr>().ok();
        // The inventory's names and address count also for a member that cannot be asked.
        if host.eq_ignore_ascii_case(self.name.as_str())
            || host.eq_ignore_ascii_case(&self.host.address)
            || (is_address.is_none() && short.eq_ignore_ascii_case(self.name.as_str()))
        {
            return true;
        }
        let Some(seen) = &self.seen else { return false };
        let own = seen
            .snapshot
            .identity
            .value()
            .map(|identity| identity.hostname.as_str());
        let addresses = seen.fact(&seen.snapshot.addresses, Tier::Medium).value();
        own.is_some_and(|own| own.eq_ignore_ascii_case(host))
            || is_address.is_some_and(|ip| addresses.into_iter().flatten().any(|address| address.ip == ip))
    }
}

/// One topology at one look.
pub(super) struct View<'a> {
    pub(super) topology: &'a Topology,
    pub(super) members: Vec<Member<'a>>,
}

impl<'a> View<'a> {
    pub(super) fn subject(&self) -> Subject {
        Subject::of_fleet(SubjectKind::Topology, self.topology.name.as_str())
    }

    fn hosts(&self) -> Vec<HostName> {
        self.topology.members.clone()
    }

    fn writable(&self) -> Vec<&Member<'a>> {
        self.members
            .iter()
            .filter(|member| member.writable() == Some(true))
            .collect()
    }

    /// The member that a channel follows.
    pub(super) fn source_of(&self, channel: &ReplicaChannel) -> Option<&Member<'a>> {
        self.members.iter().find(|member| member.is_source_of(channel))
    }

    fn words(&self) -> String {
        say::list(&self.members.iter().map(Member::words).collect::<Vec<_>>())
    }
}

/// Judges one topology.
pub(super) fn judge<'a>(sight: &Sight<'a>, topology: &'a Topology, members: &[usize], out: &mut Claims) {
    let view = View {
        topology,
        members: members.iter().map(|&at| Member::new(sight, at)).collect(),
    };
    match topology.kind {
        TopologyKind::Replication => {
            sources(&view, out);
            for member in &view.members {
                replica(&view, member, out);
                errant::judge(&view, member, out);
            }
            heartbeat::judge(&view, out);
        }
        TopologyKind::Galera => super::galera::judge(&view, out),
    }
}

fn sources(view: &View<'_>, out: &mut Claims) {
    let writable = view.writable();
    let unknown: Vec<&Member<'_>> = view
        .members
        .iter()
        .filter(|member| member.writable().is_none())
        .collect();
    match writable.as_slice() {
        [first, second, ..] => {
            let names: Vec<&str> = writable.iter().map(|member| member.name.as_str()).collect();
            let evidence = format!("{} can all be written; exactly one should be", say::list(&names));
            let times = [first, second].map(|member| member.mysql.map_or(UnixMs(0), |(_, at)| at));
            let claim = out
                .raise(Code::TwoSources, Severity::Critical, view.subject(), evidence)
                .with(view.hosts());
            // A switch-over may lie between two looks; of one moment they are proof.
            if times[0].since(times[1]) <= ONE_MOMENT && times[1].since(times[0]) <= ONE_MOMENT {
                claim.at_once();
            }
        }
        [source] => {
            if !unknown.is_empty() {
                out.unsettled(Code::TwoSources, view.subject());
            }
            if let Some(preferred) = view
                .topology
                .preferred_source
                .as_ref()
                .filter(|name| *name != source.name)
            {
                let evidence = format!("the source is {}, preferred is {preferred}", source.name);
                out.raise(Code::SourceAway, Severity::Notice, view.subject(), evidence)
                    .with(view.hosts());
            }
        }
        [] if unknown.is_empty() => {
            out.raise(
                Code::NoSource,
                Severity::Critical,
                view.subject(),
                format!("no member can be written: {}", view.words()),
            )
            .with(view.hosts());
        }
        [] => {
            out.unsettled(Code::TwoSources, view.subject());
            out.unsettled(Code::NoSource, view.subject());
            source_unseen(view, &unknown, out);
        }
    }
}

/// No member is known to be writable and some cannot be asked. Their replicas can: a source is taken
/// for lost only when every replica that can be asked has lost it too.
fn source_unseen(view: &View<'_>, unknown: &[&Member<'_>], out: &mut Claims) {
    let (mut follow, mut lost) = (Vec::new(), Vec::new());
    for member in &view.members {
        for channel in member.channels() {
            if !unknown.iter().any(|unseen| unseen.is_source_of(channel)) {
                continue;
            }
            match channel.io_running {
                ReplicaThread::Yes => follow.push(member.name.as_str()),
                ReplicaThread::Connecting | ReplicaThread::Preparing => lost.push(member.name.as_str()),
                // Stopped by a person or an error: it says nothing about the source.
                ReplicaThread::No | ReplicaThread::Unknown(_) => {}
            }
        }
    }
    let (severity, says) = if !follow.is_empty() {
        (
            Severity::Unknown,
            format!("{} still receive from it: its server lives", say::list(&follow)),
        )
    } else if !lost.is_empty() {
        (Severity::Critical, format!("{} have lost it too", say::list(&lost)))
    } else {
        (Severity::Unknown, "no replica says whether it lives".to_owned())
    };
    let evidence = format!("no member is known to be writable ({}); {says}", view.words());
    out.raise(Code::SourceUnseen, severity, view.subject(), evidence)
        .with(view.hosts());
}

fn replica(view: &View<'_>, member: &Member<'_>, out: &mut Claims) {
    if member.mysql.is_none() {
        out.unsettled(Code::ReplicaWritable, member.subject());
        out.unsettled(Code::WrongSource, member.subject());
        return;
    }
    for channel in member.channels() {
        wrong_source(view, member, channel, out);
    }
    replica_writable(view, member, out);
}

/// A writable member with a channel is a replica that can be written, unless the member it follows is
/// read-only itself: then it is the active half of a circle.
fn replica_writable(view: &View<'_>, member: &Member<'_>, out: &mut Claims) {
    if member.writable() != Some(true) {
        return;
    }
    let follows = member.channels().iter().find_map(|channel| {
        let source = view.source_of(channel)?;
        (source.name != member.name && source.writable() != Some(false)).then_some(source)
    });
    if let Some(source) = follows {
        let evidence = format!("follows {} and has read_only OFF", source.name);
        out.raise(Code::ReplicaWritable, Severity::Warning, member.subject(), evidence)
            .with([source.name.clone()]);
    }
}

fn wrong_source(view: &View<'_>, member: &Member<'_>, channel: &ReplicaChannel, out: &mut Claims) {
    if channel.source_host.is_empty() && channel.source_uuid.as_ref().is_none_or(CleanText::is_empty) {
        return;
    }
    let port = channel.source_port.map_or_else(String::new, |port| format!(":{port}"));
    let Some(source) = view.source_of(channel) else {
        if view
            .members
            .iter()
            .any(|other| other.name != member.name && other.mysql.is_none())
        {
            // It may be the member that cannot be asked, under a name or address not known here.
            out.unsettled(Code::WrongSource, member.subject());
            return;
        }
        let evidence = format!(
            "follows {}{port}, which is no member of {}",
            channel.source_host, view.topology.name
        );
        out.raise(Code::WrongSource, Severity::Warning, member.subject(), evidence);
        return;
    };
    if source.name == member.name {
        let evidence = format!("follows itself ({}{port})", channel.source_host);
        out.raise(Code::WrongSource, Severity::Warning, member.subject(), evidence);
        return;
    }
    // A member that neither is written nor follows anyone gives nothing: a switch-over forgot this replica.
    let writable = view.writable();
    let dead_end = source.mysql.is_some() && source.writable() == Some(false) && source.channels().is_empty();
    if let (true, [actual]) = (dead_end, writable.as_slice()) {
        if actual.name == member.name {
            return;
        }
        let evidence = format!(
            "follows {}, which is read-only and follows nobody; the source is {}",
            source.name, actual.name
        );
        out.raise(Code::WrongSource, Severity::Warning, member.subject(), evidence)
            .with([source.name.clone()]);
    }
}

/// Which members say that they are in a primary component; for the rules about Galera.
pub(super) fn in_primary(member: &Member<'_>) -> bool {
    member
        .mysql
        .and_then(|(mysql, _)| mysql.galera.as_ref())
        .is_some_and(|galera| galera.cluster_status == GaleraStatus::Primary)
}
