//! Which runbooks apply to a slice or a host, by what was collected last: enough to offer one or to say why not. A plan
//! never rests on this; it is made from fresh looks. Where a check of the plan can be told by what was collected, its own
//! words say here why not.

mod backup;
mod client;
mod database;
mod galera;
mod migration;

use super::arrays;
use crate::{
    collect::FleetView,
    console::sides::{Side, SliceFacts},
    facts::{
        UnixMs,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume},
    },
    fleet::{Host, HostName, Segment, SegmentName, Slice, SliceName, TopologyName},
    runbook::{
        check::receiver_sound,
        definition::{self, Kind, ValueKind},
        observe::{filesystem, mysql::LastSeen, network},
        plan::Rule,
        planner::catalogue::{self, Library},
        truth::Truth,
    },
    verdict::{Code, Finding, Severity},
};
use std::collections::BTreeMap;

/// What a menu is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A slice.
    Slice(SliceName),
    /// A host.
    Host(HostName),
    /// A segment, with its servers and slices.
    Segment(SegmentName),
    /// A replication tree or a cluster of databases.
    Topology(TopologyName),
}

impl Object {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Slice(name) => name.as_str(),
            Self::Host(name) => name.as_str(),
            Self::Segment(name) => name.as_str(),
            Self::Topology(name) => name.as_str(),
        }
    }

    /// `slice` or `host`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Slice(_) => "slice",
            Self::Host(_) => "host",
            Self::Segment(_) => "segment",
            Self::Topology(_) => "topology",
        }
    }
}

/// A plan that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The runbook's name.
    pub runbook: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Rules set aside, each for a thing whose name was typed in full.
    pub glass: Vec<(Rule, String)>,
    /// Runs whose claims are taken over, each named in full.
    pub over: Vec<String>,
    /// Faults that both servers show, as the findings say.
    pub alike: Vec<String>,
    /// What the findings say against hosts that may be given more to do.
    pub weak: BTreeMap<HostName, String>,
    /// What a dead server said last of its database.
    pub last: Option<LastSeen>,
    /// The name that consent has to be typed with.
    pub word: String,
}

impl Asked {
    /// Whether both are about the same runbook and the same things, whatever is known of them.
    #[must_use]
    pub fn is_for_the_same(&self, other: &Self) -> bool {
        (&self.runbook, &self.parameters) == (&other.runbook, &other.parameters)
    }
}

/// A runbook for an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is asked for when it is chosen.
    pub asked: Asked,
    /// What it would do, in a few words.
    pub says: String,
    /// Why it does not apply now.
    pub not_now: Option<String>,
}

/// The runbooks for an object, those that apply first.
#[must_use]
pub fn offers(view: &FleetView, object: &Object, now: UnixMs) -> Vec<Offer> {
    let mut offers = match object {
        Object::Slice(name) => match view.fleet.slice(name.as_str()) {
            Some((segment, slice)) => {
                let mut offers = of_slice(&About::new(view, segment, slice, now));
                offers.push(client::of_slice(view, slice, now));
                let about = About::new(view, segment, slice, now);
                offers.push(backup::of_slice(&about, now));
                offers.extend(backup::of_lost(&about, now));
                offers
            }
            None => Vec::new(),
        },
        Object::Host(name) => of_host(view, name, now),
        Object::Segment(name) => of_segment(view, name, now),
        Object::Topology(name) => of_topology(view, name, now),
    };
    offers.sort_by_key(|offer| offer.not_now.is_some());
    offers
}

/// Runbooks of one's own, and those about hosts whatever runs there, for an object that they are about. What
/// more they have to be told is asked for when one is chosen.
#[must_use]
pub fn of_own(view: &FleetView, library: &Library, object: &Object, now: UnixMs) -> Vec<Offer> {
    use definition::About::{Backup, Database, Galera, Hosts, Slices};
    let (abouts, kinds): (&[definition::About], _) = match object {
        Object::Slice(_) => (&[Slices, Backup], [ValueKind::Slice, ValueKind::Slices]),
        Object::Host(_) => (&[Hosts], [ValueKind::Hosts; 2]),
        // One about the other kind of topology refuses, and says why.
        Object::Topology(_) => (&[Database, Galera, Backup], [ValueKind::Database; 2]),
        Object::Segment(_) => return Vec::new(),
    };
    let own = library.own().iter().map(|own| &own.definition);
    // What is done on a host begins with a look at it.
    let silent = match object {
        Object::Host(name) => view.host(name.as_str()).is_none_or(|host| host.is_stale(now)),
        Object::Slice(_) | Object::Segment(_) | Object::Topology(_) => false,
    };
    let not_now = silent.then(|| format!("{} does not answer", object.name()));
    // Built-in ones about slices have offers of their own, with reasons.
    let built_in = catalogue::all().iter();
    let of_hosts = built_in.filter(|definition| definition.about == Hosts);
    let fit = own
        .chain(of_hosts)
        .filter(|definition| abouts.contains(&definition.about));
    fit.filter_map(|definition| {
        let mut parameters = definition.parameters.iter();
        let (main, _) = parameters.find(|(_, parameter)| kinds.contains(&parameter.kind))?;
        let name = object.name();
        let mut missing = definition.parameters.iter();
        let more = missing.any(|(name, parameter)| name != main && parameter.default.is_none());
        let says = if more {
            format!("{} (asks for more)", definition.title)
        } else {
            definition.title.clone()
        };
        Some(Offer {
            asked: Asked {
                runbook: definition.name.clone(),
                parameters: BTreeMap::from([(main.clone(), name.to_owned())]),
                glass: Vec::new(),
                over: Vec::new(),
                alike: Vec::new(),
                weak: BTreeMap::new(),
                last: None,
                word: name.to_owned(),
            },
            says: if silent { String::new() } else { says },
            not_now: not_now.clone(),
        })
    })
    .collect()
}

/// Which runbooks could help against what a finding tells, in a few words; none where no runbook is about it.
///
/// Only for a host that is up but slow: what has failed altogether has its advice and its menu.
#[must_use]
pub fn could_help(view: &FleetView, finding: &Finding, now: UnixMs, may_act: bool) -> Option<String> {
    if !matches!(finding.code, Code::SemiFailed | Code::Stalled) {
        return None;
    }
    let host = finding.subject.host.clone()?;
    let offers = offers(view, &Object::Host(host), now);
    let named = |offer: &Offer| format!("{} {}", offer.asked.runbook, offer.asked.word);
    let fit: Vec<String> = offers
        .iter()
        .filter(|offer| offer.not_now.is_none() && !arrays::is_routine(offer))
        .map(named)
        .collect();
    if !fit.is_empty() {
        let key = if may_act { " (m)" } else { "" };
        return Some(format!("could help: {}{key}", fit.join(", ")));
    }
    // A move that would be the way out is worth its reason why not.
    let mut moves = offers.iter().filter(|offer| offer.asked.runbook == "slice-move");
    let offer = moves.next()?;
    Some(format!("{} not now: {}", named(offer), offer.not_now.as_deref()?))
}

/// Why a plan, though it can be made, most likely does not help: what is slow is the way to the server, which a move or a
/// failover does not mend. None where nothing says so.
#[must_use]
pub fn doubt(view: &FleetView, asked: &Asked, now: UnixMs) -> Option<String> {
    let server = match (asked.runbook.as_str(), asked.parameters.get("slice")) {
        ("slice-move", Some(slice)) => {
            let (segment, slice) = view.fleet.slice(slice)?;
            SliceFacts::new(view, segment, slice, now).primary()?.name.clone()
        }
        ("failover", _) => view.fleet.host(asked.parameters.get("server")?)?.name.clone(),
        _ => return None,
    };
    let concerned = |finding: &&Finding| finding.severity > Severity::Ok && finding.concerns(server.as_str());
    let mut found = view.findings.iter().filter(concerned);
    // What a server is blamed for itself is a reason to move its slices.
    if found
        .clone()
        .any(|finding| matches!(finding.code, Code::SemiFailed | Code::Stalled))
    {
        return None;
    }
    let path = found.find(|finding| finding.code == Code::PathSlow)?;
    let way = &path.subject.name;
    Some(if path.evidence.ends_with("cannot tell") {
        format!("{way} is slow, and it cannot be told whether the path or {server}: a slow path is not mended by this")
    } else {
        format!(
            "{way} is slow, not {server}: a slow path is not mended by this; look at cable, switch port, bond and route \
             between the two first"
        )
    })
}

/// A slice, its sides, and what the findings say of both.
struct About<'a> {
    view: &'a FleetView,
    slice: &'a Slice,
    facts: SliceFacts<'a>,
    alike: Vec<String>,
}

impl<'a> About<'a> {
    fn new(view: &'a FleetView, segment: &'a Segment, slice: &'a Slice, now: UnixMs) -> Self {
        let alike = view
            .findings
            .iter()
            .filter(|finding| finding.code == Code::StandbySameFault && *finding.subject.name == *slice.name.as_str())
            .map(|finding| finding.evidence.to_string())
            .collect();
        Self {
            view,
            slice,
            facts: SliceFacts::new(view, segment, slice, now),
            alike,
        }
    }

    /// The same, when `dead` is to be failed over: the monitor compares only what it sees now, and what it saw of a dead
    /// server last still stands among the findings.
    fn alike_of(&self, dead: &HostName) -> Vec<String> {
        let Ok(other) = self.other(dead) else {
            return self.alike.clone();
        };
        let of = |host: &'a HostName| {
            let faults = self.view.findings.iter();
            faults.filter(move |finding| {
                finding.subject.host.as_ref() == Some(host)
                    && finding.code.may_be_shared()
                    && finding.severity >= Severity::Warning
            })
        };
        let mut alike = self.alike.clone();
        let was = self.facts.sides.iter().find(|side| side.name == dead);
        for last in was.into_iter().flat_map(|side| of(side.name)) {
            if alike.is_empty()
                && let Some(now) = of(other.name).find(|now| now.code == last.code)
            {
                alike.push(format!(
                    "{} shows {} ({}), as {dead} did when it was last seen",
                    other.name, now.code, now.subject
                ));
            }
        }
        alike
    }

    /// What speaks against a side that takes the slice and does not forbid it.
    fn but(&self, to: &Side<'_>) -> &'static str {
        if weak(self.view).contains_key(to.name) {
            ", which is slow (SemiFailed)"
        } else {
            ""
        }
    }

    /// Both sides, the preferred one first.
    fn sides(&self) -> Result<(&Side<'a>, &Side<'a>), String> {
        match self.facts.sides.as_slice() {
            [one, other] => Ok((one, other)),
            _ => Err(format!("{} has one server only", self.slice.name)),
        }
    }

    /// The other side of a host.
    fn other(&self, host: &HostName) -> Result<&Side<'a>, String> {
        let (one, other) = self.sides()?;
        Ok(if one.name == host { other } else { one })
    }

    fn offer(&self, runbook: &str, parameters: &[(&str, &str)], word: &str, says: Result<String, String>) -> Offer {
        let (says, not_now) = match says {
            Ok(says) => (says, None),
            Err(why) => (String::new(), Some(why)),
        };
        Offer {
            asked: Asked {
                runbook: runbook.to_owned(),
                parameters: parameters
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                glass: Vec::new(),
                over: Vec::new(),
                alike: self.alike.clone(),
                weak: BTreeMap::new(),
                last: None,
                word: word.to_owned(),
            },
            says,
            not_now,
        }
    }

    /// What the check `served-once` says of the side that serves it, as far as that was collected.
    fn served_whole(&self, from: &Side<'_>) -> Result<(), String> {
        let Some(seen) = from.host.snapshot.as_ref() else {
            return Ok(());
        };
        let (device, at) = (&self.slice.device, &self.slice.mount_point);
        let mounted = seen
            .mounts
            .value()
            .map(|mounts| filesystem::mounted(from.name, mounts, device, at));
        let carried = self.carried(from, true);
        holds(mounted.into_iter().chain(carried))
    }

    /// What the checks of the receiving side say, as far as that was collected; what the plan will want to be named.
    fn received(&self, kind: Kind, from: &Side<'_>, to: &Side<'_>) -> Result<Option<String>, String> {
        let Some(seen) = to.host.snapshot.as_ref() else {
            return Ok(None);
        };
        if kind == Kind::Planned
            && let Some(alike) = self.alike.first()
        {
            return Err(alike.clone());
        }
        let (device, at) = (&self.slice.device, &self.slice.mount_point);
        let unmounted = seen
            .mounts
            .value()
            .map(|mounts| filesystem::unmounted(to.name, mounts, device, at));
        let carried = self.carried(to, false);
        holds(unmounted.into_iter().chain(carried))?;
        let theirs = from.host.snapshot.as_deref();
        let exported = self.slice.export.is_some();
        receiver_sound::foreseen(kind, (from.name, theirs, from.stale), (to.name, seen), exported)
    }

    fn carried(&self, side: &Side<'_>, wanted: bool) -> Option<Truth> {
        let address = self.slice.service_address?.ip;
        let own = side.host.snapshot.as_ref()?.addresses.value()?;
        Some(network::carried(side.name, own, address, wanted))
    }

    fn named(&self, runbook: &str, says: Result<String, String>) -> Offer {
        let name = self.slice.name.as_str();
        self.offer(runbook, &[("slice", name)], name, says)
    }
}

/// Hosts that are slow by what is seen of them now, and what that is.
pub fn weak(view: &FleetView) -> BTreeMap<HostName, String> {
    let now = |finding: &&Finding| matches!(finding.severity, Severity::Warning | Severity::Critical);
    let slow = view.findings.iter().filter(|finding| finding.code == Code::SemiFailed);
    slow.filter(now)
        .filter_map(|finding| {
            let host = finding.subject.host.clone()?;
            let said = format!("{} of {host}: {}", finding.code, finding.evidence);
            Some((host, said))
        })
        .collect()
}

/// The first of these that is known not to hold.
fn holds(truths: impl Iterator<Item = Truth>) -> Result<(), String> {
    let mut truths = truths;
    match truths.find(Truth::fails) {
        Some(truth) => Err(truth.text().to_owned()),
        None => Ok(()),
    }
}

/// What a side says of its volume, when it answers.
fn volume<'a>(side: &Side<'a>) -> Result<&'a DrbdVolume, String> {
    if side.stale {
        return Err(format!("{} does not answer", side.name));
    }
    side.volume
        .ok_or_else(|| format!("what DRBD says on {} is not known", side.name))
}

fn of_slice(about: &About<'_>) -> Vec<Offer> {
    let mut offers = vec![about.named("slice-move", moved(about))];
    // The one that serves it, else the one that is silent: it may have begun to serve before it was seen to.
    let mut silent = about.facts.sides.iter().filter(|side| side.stale);
    let dead = match (silent.next(), silent.next()) {
        (Some(dead), None) => Some(dead),
        _ => None,
    };
    let server = about.facts.primary().or(dead);
    let server = server.map_or(&about.slice.preferred, |side| side.name);
    let mut failover = about.offer(
        "failover",
        &[("server", server.as_str())],
        server.as_str(),
        taken_over(about, server),
    );
    failover.asked.alike = about.alike_of(server);
    offers.push(failover);
    offers.push(about.named("fail-back", brought_home(about)));
    match split(about) {
        Err(why) => offers.push(about.named("split-brain", Err(why))),
        Ok(sides) => {
            for (victim, survivor) in [(sides[0], sides[1]), (sides[1], sides[0])] {
                let name = about.slice.name.as_str();
                offers.push(about.offer(
                    "split-brain",
                    &[("slice", name), ("victim", victim.name.as_str())],
                    name,
                    joined(victim, survivor),
                ));
            }
        }
    }
    offers.extend(migration::of_slice(about));
    offers
}

/// A move from the side that serves to the other one.
fn moved(about: &About<'_>) -> Result<String, String> {
    let (one, other) = about.sides()?;
    let volumes = [volume(one)?, volume(other)?];
    let (from, to) = match volumes.map(|volume| volume.role == DrbdRole::Primary) {
        [true, false] => (one, other),
        [false, true] => (other, one),
        [true, true] => return Err("both sides are primary".to_owned()),
        [false, false] => return Err("neither side is primary".to_owned()),
    };
    for (side, volume) in [(one, volumes[0]), (other, volumes[1])] {
        if !matches!(
            volume.connection,
            DrbdConnection::Connected | DrbdConnection::Established
        ) {
            return Err(format!(
                "both sides are not connected and equal: {} is {}",
                side.name, volume.connection
            ));
        }
        if volume.disk != DrbdDisk::UpToDate {
            return Err(format!("the data on {} is {}", side.name, volume.disk));
        }
    }
    about.served_whole(from)?;
    about.received(Kind::Planned, from, to)?;
    Ok(format!("{} → {}{}", from.name, to.name, about.but(to)))
}

/// The other side takes over from a dead server.
fn taken_over(about: &About<'_>, server: &HostName) -> Result<String, String> {
    let other = about.other(server)?;
    let dead = about.facts.sides.iter().find(|side| side.name == server);
    let fencing = about.view.fleet.host(server.as_str());
    let fencing = fencing.is_some_and(|host| host.fencing.is_some());
    if dead.is_some_and(|side| !side.stale) {
        let connected = about
            .facts
            .sides
            .iter()
            .filter(|side| !side.stale)
            .filter_map(|side| side.volume)
            .any(|volume| volume.connection.is_connected());
        if connected {
            return Err(format!(
                "{server} answers, and its replication is connected: slice-move instead"
            ));
        }
        if !fencing {
            return Err(format!(
                "{server} answers, and has no `fencing` in the inventory to switch it off with"
            ));
        }
    }
    let volume = volume(other)?;
    if volume.role == DrbdRole::Primary {
        return Err(format!("{} serves {} already", other.name, about.slice.name));
    }
    if volume.disk != DrbdDisk::UpToDate {
        return Err(format!("the data on {} is {}", other.name, volume.disk));
    }
    if let Some(alike) = about.alike_of(server).into_iter().next() {
        return Err(alike);
    }
    let wanted = dead.map_or(Ok(None), |dead| about.received(Kind::Emergency, dead, other))?;
    let mut wanted = wanted.map_or_else(String::new, |wanted| format!("; {wanted}"));
    if !fencing {
        let lift = format!("; without `fencing` it has to be off already: the plan wants --assert-off={server}");
        wanted.push_str(&lift);
    }
    Ok(if dead.is_some_and(|side| !side.stale) {
        format!(
            "{server} answers; only if it hangs half dead: it is switched off, and {} serves what it served{wanted}",
            other.name
        )
    } else {
        format!("{server} does not answer: {} serves what it served{wanted}", other.name)
    })
}

/// Home to the preferred side.
fn brought_home(about: &About<'_>) -> Result<String, String> {
    let (home, away) = about.sides()?;
    let volumes = (volume(home), volume(away));
    if let (Ok(home_volume), _) = volumes
        && home_volume.role == DrbdRole::Primary
    {
        return Err(format!("it is at home on {}", home.name));
    }
    let (home_volume, away_volume) = (volumes.0?, volumes.1?);
    if away_volume.role != DrbdRole::Primary {
        return Err("neither side is primary".to_owned());
    }
    let alone = |volume: &DrbdVolume| volume.connection == DrbdConnection::StandAlone;
    if alone(home_volume) && alone(away_volume) {
        return Err("both sides stand alone: look at the split brain first".to_owned());
    }
    about.served_whole(away)?;
    about.received(Kind::Planned, away, home)?;
    Ok(format!(
        "{} → {}, after resync and soak{}",
        away.name,
        home.name,
        about.but(home)
    ))
}

/// Both sides, when they do not talk to each other and at least one stands alone.
fn split<'a, 'b>(about: &'b About<'a>) -> Result<[&'b Side<'a>; 2], String> {
    let (one, other) = about.sides()?;
    let mut alone = false;
    for side in [one, other] {
        let connection = &volume(side)?.connection;
        alone |= *connection == DrbdConnection::StandAlone;
        if !matches!(
            connection,
            DrbdConnection::StandAlone | DrbdConnection::WfConnection | DrbdConnection::Connecting
        ) {
            return Err(format!("no split brain is seen: {} is {connection}", side.name));
        }
    }
    if !alone {
        return Err("no side stands alone: they may only have lost the way to each other".to_owned());
    }
    Ok([one, other])
}

fn joined(victim: &Side<'_>, survivor: &Side<'_>) -> Result<String, String> {
    let disk = &volume(survivor)?.disk;
    if *disk != DrbdDisk::UpToDate {
        return Err(format!("the data on {} is {disk}", survivor.name));
    }
    let lost = volume(victim)?;
    let kept = volume(survivor)?;
    if lost.role == DrbdRole::Primary
        && kept.role != DrbdRole::Primary
        && kept.out_of_sync_kib.is_none_or(|kib| kib == 0)
    {
        return Err(format!(
            "{} serves it, and nothing is known that {} alone has: fail-back instead",
            victim.name, survivor.name
        ));
    }
    Ok(format!(
        "throw away what only {} has; {} stays",
        victim.name, survivor.name
    ))
}

/// For a host: its failover, a move of each slice that it serves, and what can be done about its arrays.
fn of_host(view: &FleetView, name: &HostName, now: UnixMs) -> Vec<Offer> {
    let about: Vec<About<'_>> = view
        .fleet
        .slices()
        .filter(|(_, slice)| slice.preferred == *name || slice.standby.as_ref() == Some(name))
        .map(|(segment, slice)| About::new(view, segment, slice, now))
        .collect();
    let arrays = arrays::of_host(view, name, now);
    let databases = view.fleet.topology_of(name.as_str());
    let databases = databases.map_or_else(Vec::new, |topology| database::of_server(view, topology, name, now));
    let Some(first) = about.first() else {
        let mut offers = databases;
        let client = view.fleet.host(name.as_str());
        offers.extend(client.into_iter().flat_map(|host| client::of_host(view, host, now)));
        if offers.is_empty() {
            offers.push(no_server(view.fleet.host(name.as_str()), name));
        }
        offers.extend(arrays);
        return offers;
    };
    // The first slice that it can be done for stands for all of them; the plan says of each.
    let reasons: Vec<Result<String, String>> = about.iter().map(|about| taken_over(about, name)).collect();
    let says = reasons.iter().find(|says| says.is_ok()).or_else(|| reasons.first());
    let mut alike: Vec<String> = about.iter().flat_map(|about| about.alike_of(name)).collect();
    alike.dedup();
    let mut offer = first.offer(
        "failover",
        &[("server", name.as_str())],
        name.as_str(),
        says.cloned().unwrap_or_else(|| Err("it serves no slice".to_owned())),
    );
    offer.asked.alike = alike;
    let mut offers = vec![offer];
    for about in &about {
        if about.facts.primary().is_some_and(|side| side.name == name) {
            offers.push(about.named("slice-move", moved(about)).about(about.slice.name.as_str()));
        }
    }
    offers.extend(databases);
    offers.extend(arrays);
    offers
}

/// For a segment: the failover of each of its servers, and a move of each slice.
fn of_segment(view: &FleetView, name: &SegmentName, now: UnixMs) -> Vec<Offer> {
    let Some(segment) = view.fleet.segments.iter().find(|segment| segment.name == *name) else {
        return Vec::new();
    };
    let mut offers = Vec::new();
    for server in &segment.servers {
        let failover = of_host(view, server, now)
            .into_iter()
            .find(|offer| offer.asked.runbook == "failover");
        offers.extend(failover.map(|offer| offer.about(server.as_str())));
    }
    for slice in &segment.slices {
        let about = About::new(view, segment, slice, now);
        offers.push(about.named("slice-move", moved(&about)).about(slice.name.as_str()));
    }
    offers.extend(migration::of_segment(view, segment, now));
    offers.extend(client::of_segment(view, segment, now));
    offers
}

/// For a database.
fn of_topology(view: &FleetView, name: &TopologyName, now: UnixMs) -> Vec<Offer> {
    let mut topologies = view.fleet.topologies.iter();
    let topology = topologies.find(|topology| topology.name == *name);
    topology.map_or_else(Vec::new, |topology| {
        let mut offers = database::of_topology(view, topology, now);
        offers.extend(backup::of_topology(view, topology, now));
        offers
    })
}

impl Offer {
    /// The same among offers for several things: it says which of them it is about.
    fn about(mut self, name: &str) -> Self {
        if self.not_now.is_none() {
            self.says = format!("{name}: {}", self.says);
        }
        self.not_now = self.not_now.map(|why| format!("{name}: {why}"));
        self
    }
}

fn no_server(host: Option<&Host>, name: &HostName) -> Offer {
    let why = match host {
        Some(_) => format!("{name} is no server of a slice"),
        None => format!("{name} is no longer in the inventory"),
    };
    Offer {
        asked: Asked {
            runbook: "failover".to_owned(),
            parameters: BTreeMap::from([("server".to_owned(), name.to_string())]),
            glass: Vec::new(),
            over: Vec::new(),
            alike: Vec::new(),
            weak: BTreeMap::new(),
            last: None,
            word: name.to_string(),
        },
        says: String::new(),
        not_now: Some(why),
    }
}
