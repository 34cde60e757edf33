//! A slice that moves to another filesystem, on another server: both as the inventory declares them.

use super::{Asked, Subject, array, layout, safe};
use crate::{
    facts::{filesystem::parse_mountinfo, network::parse_addresses},
    fleet::{Fleet, HostName, Slice, Thresholds},
    runbook::{
        check::{Refusal, Report},
        condition::Condition,
        observe::{
            copy::{self, Room},
            drbd::Side,
            filesystem, network, nfs,
        },
        plan::{Layouts, MigrationLayout, SliceLayout},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr, time::Duration};

/// The migration of a plan.
#[derive(Debug, Clone)]
pub struct Migration {
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

/// Finds both filesystems and their servers.
///
/// # Errors
/// Names that can be none of these.
#[expect(
    clippy::too_many_lines,
    reason = "one thing after the other is found, each by the one before it"
)]
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let fleet = asked.fleet;
    let named = |name: &str| {
        asked
            .given(name)
            .and_then(|slice| fleet.slice(slice))
            .map(|(_, slice)| slice)
    };
    let (Some(slice), Some(into)) = (named("slice"), named("into")) else {
        return Err(vec![Refusal::new(
            "it is not said what moves, and to what",
            "name the slice, and the one of the inventory that it moves to (into)",
        )]);
    };
    if slice.name == into.name {
        return Err(vec![Refusal::new(
            format!("{} cannot move to itself", slice.name),
            "name another slice of the inventory that it moves to",
        )]);
    }
    let (from, to) = (server(slice, asked.sight), server(into, asked.sight));
    if from == to {
        return Err(vec![Refusal::new(
            format!("{} and {} are both on {from}", slice.name, into.name),
            "it moves to another server only: its address goes there with it",
        )]);
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
    Ok(Box::new(Migration {
        replicating: servers.filter(has_replica).cloned().collect(),
        candidates,
        objects,
        found,
        old,
        new,
        known,
        warnings,
        wanted: true,
    }))
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

impl Subject for Migration {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let words = BTreeMap::from([
            ("slice", self.found.slice.to_string()),
            ("into", self.found.into.to_string()),
            ("from", self.found.from.to_string()),
            ("to", self.found.to.to_string()),
        ]);
        if self.wanted { vec![words] } else { Vec::new() }
    }

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

    fn hosts(&self) -> Vec<HostName> {
        let mut hosts: Vec<HostName> = self.candidates.iter().map(|(host, _)| host.clone()).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    fn say(&self, report: &mut Report) {
        if let Err(refusal) = &self.known {
            report.refuse(refusal.fact.clone(), refusal.lift.clone());
        }
        for warning in &self.warnings {
            report.warn(warning.clone());
        }
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            slices: BTreeMap::from([
                (self.found.slice.clone(), self.old.clone()),
                (self.found.into.clone(), self.new.clone()),
            ]),
            migration: Some(self.found.clone()),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        self.objects.clone()
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let said = |condition: &Condition| condition.judge(sight).word().to_owned();
        for (what, host, layout) in [("old", &self.found.from, &self.old), ("new", &self.found.to, &self.new)] {
            let (device, at) = (&layout.device, &layout.mount_point);
            let mut put =
                |fact: &str, value: String| _ = out.insert(format!("{fact} of the {what} side, {host}"), value);
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
        out
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.wanted &= wanted(self.found.slice.as_str());
    }

    fn migration(&self) -> Option<&MigrationLayout> {
        self.wanted.then_some(&self.found)
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
