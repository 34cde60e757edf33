//! A slice that moves to another filesystem, on another server: both as the inventory declares them.

use super::{Asked, Subject, array, layout, safe};
use crate::{
    facts::{filesystem::parse_mountinfo, network::parse_addresses},
    fleet::{Fleet, Host, HostName, Segment, Selector, Slice, Thresholds},
    runbook::{
        check::{Refusal, Report},
        condition::Condition,
        definition::ValueKind,
        observe::{
            copy::{self, Kept, Room},
            drbd::Side,
            filesystem,
            lag::Database,
            network, nfs,
            pace::Client,
        },
        plan::{Layouts, MigrationLayout, SliceLayout},
        planner::{identity, show::size},
        sight::{Look, Sight},
    },
};
use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr, time::Duration};

/// The migrations of a plan, in the order in which they are done.
#[derive(Debug, Clone)]
pub struct Migrations {
    rows: Vec<Migration>,
    /// Those that are done already, in words.
    over: Vec<String>,
}

/// One of them.
#[derive(Debug, Clone)]
struct Migration {
    found: MigrationLayout,
    old: SliceLayout,
    new: SliceLayout,
    /// Servers that may be one of the two, before it was looked at which they are.
    candidates: Vec<(HostName, Slice)>,
    /// Those of them that have a side of a replicated slice.
    replicating: Vec<HostName>,
    objects: Vec<String>,
    known: Result<(), Refusal>,
    warnings: Vec<String>,
    wanted: bool,
}

/// Finds what moves, and both filesystems and servers of each.
///
/// # Errors
/// Names that can be none of these.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let several = asked.wish.definition.rolling.is_some();
    let pairs = if several {
        several_pairs(asked)?
    } else {
        vec![one_pair(asked)?]
    };
    let (mut rows, mut over, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
    for (slice, into) in pairs {
        match migration(asked, slice, into) {
            Ok(row) if several && has_moved(&row, asked.sight) => {
                over.push(format!("{} has moved to {} already", slice.name, into.name));
            }
            Ok(row) => rows.push(row),
            Err(refusal) => refusals.push(refusal),
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    if rows.is_empty() {
        return Err(vec![Refusal::new(over.join("; "), "there is nothing left to move")]);
    }
    Ok(Box::new(Migrations { rows, over }))
}

/// What is named as what moves, and where to.
fn one_pair<'a>(asked: &Asked<'a>) -> Result<Pair<'a>, Vec<Refusal>> {
    let named = |name: &str| {
        let slice = asked.given(name).and_then(|slice| asked.fleet.slice(slice));
        slice.map(|(_, slice)| slice)
    };
    named("slice").zip(named("into")).ok_or_else(|| {
        vec![Refusal::new(
            "it is not said what moves, and to what",
            "name the slice, and the one of the inventory that it moves to (into)",
        )]
    })
}

/// A slice, and the one that it moves to.
type Pair<'a> = (&'a Slice, &'a Slice);

/// The slices that live on the servers that are selected, each with the slice of the other segment that is mounted where it is;
/// in the order in which they are named, else in that of the inventory.
fn several_pairs<'a>(asked: &Asked<'a>) -> Result<Vec<Pair<'a>>, Vec<Refusal>> {
    let fleet = asked.fleet;
    let of_kind = |kind| asked.parameter(kind).and_then(|name| asked.given(name));
    let servers = of_kind(ValueKind::Hosts).and_then(|text| Selector::parse(text).ok()?.select(fleet).ok());
    let target = fleet
        .segments
        .iter()
        .find(|segment| of_kind(ValueKind::Segment) == Some(segment.name.as_str()));
    let (Some(servers), Some(target)) = (servers, target) else {
        return Err(vec![Refusal::new(
            "it is not said whose slices move, or to which segment",
            "select the servers whose slices move, and name the segment",
        )]);
    };
    let lives = |slice: &Slice| servers.iter().any(|at| fleet.hosts[*at].name == slice.preferred);
    let there: Vec<&Slice> = fleet
        .segments
        .iter()
        .filter(|segment| segment.name != target.name)
        .flat_map(|segment| &segment.slices)
        .filter(|slice| lives(slice))
        .collect();
    let mut refusals = Vec::new();
    let chosen = match of_kind(ValueKind::Slices).filter(|names| *names != "all") {
        None => there,
        Some(names) => {
            let mut chosen: Vec<&Slice> = Vec::new();
            for name in names.split(',').map(str::trim) {
                match there.iter().find(|slice| slice.name.as_str() == name) {
                    Some(slice) if chosen.iter().any(|known| known.name == slice.name) => {}
                    Some(slice) => chosen.push(slice),
                    None => refusals.push(Refusal::new(
                        format!(
                            "{name} lives on none of the servers that are selected, or in {} already",
                            target.name
                        ),
                        "leave it out, or select its server as well",
                    )),
                }
            }
            chosen
        }
    };
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for slice in chosen {
        match place_in(target, slice) {
            Err(refusal) => refusals.push(refusal),
            Ok(into) => match pairs.iter().find(|(_, taken)| taken.name == into.name) {
                Some((other, _)) => refusals.push(Refusal::new(
                    format!("{} and {} would both move to {}", other.name, slice.name, into.name),
                    "move one of them by itself, to a slice of its own (migrate)",
                )),
                None => pairs.push((slice, into)),
            },
        }
    }
    if pairs.is_empty() && refusals.is_empty() {
        refusals.push(Refusal::new(
            format!(
                "no slice outside of {} lives on the servers that are selected",
                target.name
            ),
            "select the servers where slices live in normal times (preferred)",
        ));
    }
    if refusals.is_empty() { Ok(pairs) } else { Err(refusals) }
}

/// The slice of a segment that takes the place of another one: the one that is mounted where that is.
fn place_in<'a>(segment: &'a Segment, slice: &Slice) -> Result<&'a Slice, Refusal> {
    let fits = |into: &&Slice| into.mount_point == slice.mount_point && into.service_address.is_none();
    let mut places = segment.slices.iter().filter(fits);
    match (places.next(), places.next()) {
        (Some(into), None) => Ok(into),
        (None, _) => Err(Refusal::new(
            format!(
                "{}: no slice of {} without a service address is mounted at {}",
                slice.name, segment.name, slice.mount_point
            ),
            "declare what it moves to, mounted at the same place; or choose the others (slices=)",
        )),
        (Some(one), Some(two)) => Err(Refusal::new(
            format!(
                "{}: {} and {} of {} are both mounted at {}",
                slice.name, one.name, two.name, segment.name, slice.mount_point
            ),
            "move it by itself, to the one that is meant (migrate); and choose the others (slices=)",
        )),
    }
}

/// Whether its old side is kept because it has moved there. One that can be written is none: the slice is back on it, and what
/// is written down is from before.
fn has_moved(row: &Migration, sight: Option<&Sight>) -> bool {
    let (Migration { found, old, .. }, Some(sight)) = (row, sight) else {
        return false;
    };
    let told = sight.text(&copy::kept_look(&found.from, &found.task)).ok();
    let kept = told.and_then(|text| Kept::parse(text).ok()).flatten();
    kept.is_some_and(|kept| kept.into == found.into.as_str())
        && !filesystem::is_mounted(&found.from, &old.device, &old.mount_point)
            .judge(sight)
            .holds()
}

/// A slice that moves, and what to: both filesystems and their servers.
#[expect(
    clippy::too_many_lines,
    reason = "one thing after the other is found, each by the one before it"
)]
fn migration(asked: &Asked<'_>, slice: &Slice, into: &Slice) -> Result<Migration, Refusal> {
    let fleet = asked.fleet;
    if slice.name == into.name {
        return Err(Refusal::new(
            format!("{} cannot move to itself", slice.name),
            "name another slice of the inventory that it moves to",
        ));
    }
    let (from, to) = (server(slice, asked.sight), server(into, asked.sight));
    if from == to {
        return Err(Refusal::new(
            format!("{} and {} are both on {from}", slice.name, into.name),
            "it moves to another server only: its address goes there with it",
        ));
    }
    // The copy is served as the slice was: by its address, to its clients, at its path.
    let as_slice = Slice {
        export: slice.export.clone(),
        service_address: slice.service_address,
        ..into.clone()
    };
    let resource = |slice: &Slice| slice.resource.clone().unwrap_or_else(|| slice.name.as_str().to_owned());
    let old = layout::find(
        slice,
        &[from.clone(), from.clone()],
        &resource(slice),
        asked.sight,
        false,
    );
    let mut new = layout::find(
        &as_slice,
        &[to.clone(), to.clone()],
        &resource(into),
        asked.sight,
        false,
    );
    new.layout.export.clone_from(&old.layout.export);
    let only = |mut layout: SliceLayout| {
        layout.sides.truncate(1);
        layout
    };
    let (old, new) = (only(old.layout), only(new.layout));
    let task = task_name(slice.name.as_str());
    let machine = asked
        .sight
        .map_or_else(String::new, |sight| identity::machine(&from, sight));
    let room = |host: &HostName, at: &str| Room::parse(asked.sight?.text(&copy::room_look(host, at)).ok()?).ok();
    let marked = asked
        .sight
        .and_then(|sight| sight.text(&copy::mark_look(&to, &into.mount_point)).ok())
        .is_some_and(|text| text.starts_with("mark "));
    let base = room(&to, &new.mount_point).map_or(0, |room| if marked { 0 } else { room.used_kib });
    let mut clients = array::clients(fleet, &from);
    for client in array::clients(fleet, &to) {
        if clients.iter().all(|known| known.host != client.host) {
            clients.push(client);
        }
    }
    let disks = [&from, &to]
        .map(|host| (host.clone(), await_limit(fleet, host)))
        .to_vec();
    let replicas = replicas(fleet, [&from, &to], asked.sight);
    let databases = databases(fleet, [&from, &to], &clients);
    let migrate = &fleet.migrate;
    let found = MigrationLayout {
        slice: slice.name.clone(),
        into: into.name.clone(),
        addresses: addresses(fleet, slice, [&from, &to], asked.sight),
        port: migrate.port,
        mark: format!("{task} of {machine}"),
        used_kib: room(&from, &old.mount_point).map_or(0, |room| room.used_kib),
        base_kib: base,
        windows: migrate.windows.clone(),
        zone: migrate.zone.clone(),
        limit_kib_s: migrate.limit_kib_s,
        task,
        clients,
        disks,
        replicas,
        databases,
        lag: migrate.lag,
        from,
        to,
    };
    let known = fits(slice, into, &found.task);
    let mut warnings = Vec::new();
    if into.standby.is_none() {
        warnings.push(format!(
            "{} has no replica: what is written there from the move on is on one server alone",
            into.name
        ));
    }
    let candidates = [slice, into].into_iter().flat_map(|slice| {
        let hosts = std::iter::once(&slice.preferred).chain(&slice.standby);
        hosts.map(|host| (host.clone(), slice.clone())).collect::<Vec<_>>()
    });
    let drbd = [slice, into].into_iter().filter(|slice| slice.resource.is_some());
    let mut objects: Vec<String> = drbd.map(|slice| format!("drbd-{}", safe(&resource(slice)))).collect();
    objects.push(format!("copy-{}", found.task));
    let candidates: Vec<(HostName, Slice)> = candidates.collect();
    let servers = candidates.iter().map(|(host, _)| host);
    let has_replica = |host: &&HostName| !self::replicas(fleet, [*host, *host], None).is_empty();
    Ok(Migration {
        replicating: servers.filter(has_replica).cloned().collect(),
        candidates,
        objects,
        found,
        old,
        new,
        known,
        warnings,
        wanted: true,
    })
}

/// What tasks and files of a slice are called on a target: other slices have other names there. A dot stands before the
/// number of a task's part, and means nothing else.
fn task_name(slice: &str) -> String {
    let mut out = String::new();
    for c in slice.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(out, "={byte:02x}");
            }
        }
    }
    out
}

/// The server where it is mounted; while none says so, where it normally is.
pub(super) fn server(slice: &Slice, sight: Option<&Sight>) -> HostName {
    let mounts = |host: &&HostName| {
        let text = sight.and_then(|sight| sight.text(&filesystem::look(host)).ok());
        let mounts = text.and_then(|text| parse_mountinfo(text).ok()).unwrap_or_default();
        mounts
            .iter()
            .any(|mount| mount.source.as_str() == slice.device && mount.at.as_str() == slice.mount_point)
    };
    let mut hosts = std::iter::once(&slice.preferred).chain(&slice.standby);
    hosts.find(mounts).unwrap_or(&slice.preferred).clone()
}

pub(super) fn await_limit(fleet: &Fleet, host: &HostName) -> Duration {
    let host = fleet.host(host.as_str());
    let ms = host.map_or(Thresholds::default().disk_await_ms, |host| {
        host.thresholds.disk_await_ms
    });
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX)
}

/// Sides that the two servers have of replicated slices: what is copied keeps their disks and lines at work as well.
fn replicas(fleet: &Fleet, hosts: [&HostName; 2], sight: Option<&Sight>) -> Vec<Side> {
    let replicated = fleet.slices().filter_map(|(_, slice)| {
        let resource = slice.resource.as_deref()?;
        Some((slice, slice.standby.as_ref()?, resource))
    });
    let sides = replicated.flat_map(|(slice, standby, resource)| {
        let mine = hosts
            .into_iter()
            .filter(move |host| **host == slice.preferred || *host == standby);
        mine.filter_map(move |host| layout::side(host, slice, resource, sight))
    });
    sides.collect()
}

/// Databases that what is copied may keep from applying: on the two servers, whose disks and lines are at work, and on clients of
/// theirs, whose databases may have their data, their logs or their dumps on a slice. Whether one is a replica it says itself.
fn databases(fleet: &Fleet, hosts: [&HostName; 2], clients: &[Client]) -> Vec<Database> {
    let concerned = |host: &Host| hosts.contains(&&host.name) || clients.iter().any(|client| client.host == host.name);
    let concerned = fleet.hosts.iter().filter(|host| concerned(host));
    let found = concerned.filter_map(|host| {
        Some(Database {
            host: host.name.clone(),
            access: host.mysql.clone()?,
        })
    });
    found.collect()
}

/// Own addresses of both in the network of the slice's service address.
fn addresses(fleet: &Fleet, slice: &Slice, hosts: [&HostName; 2], sight: Option<&Sight>) -> Option<(IpAddr, IpAddr)> {
    let service = slice.service_address?;
    let served: Vec<IpAddr> = fleet
        .slices()
        .filter_map(|(_, slice)| Some(slice.service_address?.ip))
        .collect();
    let own = |host: &HostName| {
        let addresses = parse_addresses(sight?.text(&network::look(host)).ok()?).ok()?;
        let mut own = addresses
            .into_iter()
            .filter(|own| !served.contains(&own.ip) && !own.ip.is_loopback());
        own.find(|own| layout::same_network(own.ip, service.ip, own.prefix))
            .map(|own| own.ip)
    };
    Some((own(hosts[0])?, own(hosts[1])?))
}

/// Whether the one can take the place of the other, by what is declared.
pub(super) fn fits(slice: &Slice, into: &Slice, task: &str) -> Result<(), Refusal> {
    let Some(address) = slice.service_address else {
        return Err(Refusal::new(
            format!("{} has no service address", slice.name),
            "its clients could not be brought to another server: give it an address of its own first",
        ));
    };
    if address.ip.is_ipv6() {
        return Err(Refusal::new(
            format!("the service address of {} is {}, of IPv6", slice.name, address.ip),
            "move it by hand: runbooks close, move and announce IPv4 addresses only",
        ));
    }
    let Some(export) = &slice.export else {
        return Err(Refusal::new(
            format!("{} has no NFS export", slice.name),
            "declare how it is exported: its clients come to the other server by that",
        ));
    };
    if into.service_address.is_some() {
        return Err(Refusal::new(
            format!("{} has a service address of its own", into.name),
            format!("it takes over that of {}: declare it without one", slice.name),
        ));
    }
    if into.mount_point != slice.mount_point || export.path != slice.mount_point {
        return Err(Refusal::new(
            format!(
                "{} is mounted at {} and exported as {}, {} at {}",
                slice.name, slice.mount_point, export.path, into.name, into.mount_point
            ),
            "clients ask for the same path on the other server: mount and export both at the same place",
        ));
    }
    if task.is_empty() {
        return Err(Refusal::new(
            format!("{} is no name for a file", slice.name),
            "give it another name",
        ));
    }
    Ok(())
}

impl Migration {
    fn looks(&self) -> Vec<Look> {
        let mut looks = Vec::new();
        for (host, slice) in &self.candidates {
            looks.extend(identity::looks(host));
            looks.extend([
                filesystem::look(host),
                network::look(host),
                network::block_look(host),
                nfs::look(host),
                nfs::cache_look(host),
                copy::room_look(host, &slice.mount_point),
                copy::mark_look(host, &slice.mount_point),
                copy::kept_look(host, &self.found.task),
            ]);
            if self.replicating.contains(host) {
                looks.push(layout::dialect_look(host));
            }
            if !self.found.windows.is_empty() {
                looks.push(copy::hour_look(host, &self.found.zone));
            }
        }
        looks
    }

    /// What it rests on; `of` names the slice, where there are several.
    fn fingerprint(&self, of: &str, sight: &Sight, out: &mut BTreeMap<String, String>) {
        let said = |condition: &Condition| condition.judge(sight).word().to_owned();
        for (what, host, layout) in [("old", &self.found.from, &self.old), ("new", &self.found.to, &self.new)] {
            let (device, at) = (&layout.device, &layout.mount_point);
            let mut put =
                |fact: &str, value: String| _ = out.insert(format!("{fact} of the {what} side{of}, {host}"), value);
            put("machine", identity::machine(host, sight));
            put("boot", identity::boot(host, sight));
            put("mount", said(&filesystem::is_mounted(host, device, at)));
            put("read-only mount", said(&filesystem::is_read_only(host, device, at)));
            if let Some(address) = &layout.address {
                put("address", said(&network::carries(host, address.ip, true)));
            }
            put("export", said(&nfs::is_unexported(host, at)));
            let mark = sight.text(&copy::mark_look(host, at)).map_or("unknown", str::trim_end);
            put("mark", mark.to_owned());
        }
    }

    /// What moves where, and how large it is, in words.
    fn says(&self) -> String {
        let MigrationLayout {
            slice,
            into,
            from,
            to,
            used_kib,
            ..
        } = &self.found;
        format!("{slice} to {into}, {from} → {to}, {}", size(*used_kib))
    }
}

impl Migrations {
    /// Those that were not left out.
    fn wanted(&self) -> impl Iterator<Item = &Migration> {
        self.rows.iter().filter(|row| row.wanted)
    }

    /// Whether a name belongs before what is said of one of them.
    fn are_several(&self) -> bool {
        self.rows.len() > 1
    }
}

impl Subject for Migrations {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let words = self.wanted().map(|row| {
            BTreeMap::from([
                ("slice", row.found.slice.to_string()),
                ("into", row.found.into.to_string()),
                ("from", row.found.from.to_string()),
                ("to", row.found.to.to_string()),
            ])
        });
        words.collect()
    }

    fn looks(&self) -> Vec<Look> {
        self.rows.iter().flat_map(Migration::looks).collect()
    }

    fn hosts(&self) -> Vec<HostName> {
        let candidates = self.rows.iter().flat_map(|row| &row.candidates);
        let mut hosts: Vec<HostName> = candidates.map(|(host, _)| host.clone()).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    fn say(&self, report: &mut Report) {
        for row in &self.rows {
            if let Err(refusal) = &row.known {
                report.refuse(refusal.fact.clone(), refusal.lift.clone());
            }
            for warning in &row.warnings {
                report.warn(warning.clone());
            }
        }
        for over in &self.over {
            report.note(format!("{over}, and is left out"));
        }
        if self.are_several() {
            let all_kib: u64 = self.wanted().map(|row| row.found.used_kib).sum();
            report.note(format!(
                "{} slices move, one after the other: {}",
                self.wanted().count(),
                size(all_kib)
            ));
            for (at, row) in self.wanted().enumerate() {
                report.note(format!("{}. {}", at + 1, row.says()));
            }
        }
    }

    fn layouts(&self) -> Layouts {
        let slices = self.rows.iter().flat_map(|row| {
            let sides = [(&row.found.slice, &row.old), (&row.found.into, &row.new)];
            sides.map(|(name, layout)| (name.clone(), layout.clone()))
        });
        Layouts {
            slices: slices.collect(),
            migrations: self.wanted().map(|row| row.found.clone()).collect(),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        let mut objects: Vec<String> = Vec::new();
        for object in self.rows.iter().flat_map(|row| &row.objects) {
            if !objects.contains(object) {
                objects.push(object.clone());
            }
        }
        objects
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for row in &self.rows {
            let of = if self.are_several() {
                format!(" of {}", row.found.slice)
            } else {
                String::new()
            };
            row.fingerprint(&of, sight, &mut out);
        }
        out
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        for row in &mut self.rows {
            row.wanted &= wanted(row.found.slice.as_str());
        }
    }

    fn migrations(&self) -> Vec<&MigrationLayout> {
        self.wanted().map(|row| &row.found).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_slices_share_a_task_or_a_part_of_one() {
        let names = ["web", "web.2", "web/2", "web_2", "web=2e2", "wéb2", "-", ""];
        let tasks: Vec<String> = names.map(task_name).to_vec();
        assert_eq!(tasks[..2], ["web", "web=2e2"]);
        for (at, task) in tasks.iter().enumerate() {
            assert!(!task.contains(['.', '/']), "{task}");
            assert!(!tasks[..at].contains(task), "{task}");
        }
    }
}
