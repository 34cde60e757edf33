//! An md array of a host, the member that is replaced and the disk that takes its place.

use super::{Asked, Subject, safe};
use crate::{
    fleet::{Fleet, HostName, Shell, Slice},
    runbook::{
        check::{Refusal, Report},
        observe::{
            md::{self, ArrayOn, Disk},
            pace::Client,
        },
        plan::{ArrayLayout, Layouts},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::collections::BTreeMap;

/// The array of a plan.
#[derive(Debug, Clone)]
pub struct Array {
    on: ArrayOn,
    /// The new disk, as it was named.
    by: Option<String>,
    /// What was found, or why nothing was.
    found: Result<ArrayLayout, Refusal>,
    wanted: bool,
}

/// Finds the array, its member and the new disk.
///
/// # Errors
/// Names that can be none of these.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let given = |name: &str| asked.given(name).map(|text| text.trim_start_matches("/dev/"));
    let host = given("host").and_then(|name| asked.fleet.host(name));
    let (Some(host), Some(name)) = (host, given("array")) else {
        return Err(vec![Refusal::new(
            "no array is named",
            "a runbook about an array needs the parameters host and array",
        )]);
    };
    let by = given("by").map(str::to_owned);
    for (parameter, name) in [("array", Some(name)), ("by", by.as_deref())] {
        if let Some(name) = name.filter(|name| !md::is_device(name)) {
            return Err(vec![Refusal::new(
                format!("{parameter}: {name:?} is no name of a device"),
                "name it as the kernel does, such as md0 or sde",
            )]);
        }
    }
    let on = ArrayOn {
        host: host.name.clone(),
        name: name.to_owned(),
    };
    let found = layout(asked, &on, given("disk"), by.as_deref());
    Ok(Box::new(Array {
        on,
        by,
        found,
        wanted: true,
    }))
}

fn layout(asked: &Asked<'_>, on: &ArrayOn, disk: Option<&str>, by: Option<&str>) -> Result<ArrayLayout, Refusal> {
    let sight = asked
        .sight
        .ok_or_else(|| Refusal::new(format!("{on} was not looked at"), "look at it"))?;
    let unknown = |why| Refusal::new(why, "it has to be known before anything is changed there");
    let seen = sight.text(&on.look()).map_err(unknown)?;
    let seen = on.seen(seen).map_err(unknown)?;
    let old = match disk {
        Some(wanted) => {
            let names: Vec<String> = seen.members.iter().map(|member| member.disk.to_string()).collect();
            let lift = format!("its members are {}", names.join(", "));
            let member = seen.find(wanted);
            Some(
                member
                    .map_err(|why| Refusal::new(format!("{on}: {why}"), lift))?
                    .disk
                    .clone(),
            )
        }
        None => None,
    };
    let new = match by {
        Some(device) => Some(new_disk(sight, &on.host, device)?),
        None => None,
    };
    Ok(ArrayLayout {
        array: on.clone(),
        seen,
        old,
        new,
        goes_at_once: asked.given("at_once") == Some("yes"),
        clients: clients(asked.fleet, &on.host),
    })
}

/// The disk that takes the place of another, as its host tells it.
///
/// # Errors
/// That there is none, or that it is not known.
pub(super) fn new_disk(sight: &Sight, host: &HostName, device: &str) -> Result<Disk, Refusal> {
    let unknown = |why| Refusal::new(why, "it has to be known before anything is changed there");
    let look = Disk::look(host, device);
    // What `disk_id` says of a name that the kernel does not know.
    if sight.printed(&look).is_ok_and(|printed| printed.exit == 1) {
        return Err(Refusal::new(
            format!("{host} has no disk {device}"),
            format!(
                "name one that is there: the page of {host} in the console lists its disks, and which nothing is seen to use"
            ),
        ));
    }
    let text = sight.text(&look).map_err(unknown)?;
    Disk::parse(text.lines().next().unwrap_or_default()).map_err(unknown)
}

/// So many clients are listened to at most: each is asked every few seconds, for hours.
const CLIENTS: usize = 12;

/// Hosts that mount what the host serves or keeps a copy of, and the servers as their mounts name them. A write waits
/// for the copy as well.
pub(super) fn clients(fleet: &Fleet, server: &HostName) -> Vec<Client> {
    let is_side = |slice: &Slice, host: &HostName| slice.preferred == *host || slice.standby.as_ref() == Some(host);
    let hosts = fleet.hosts.iter().filter(|host| host.shell == Shell::Posix);
    let clients = hosts.map(|host| {
        let slices = host.mounts.iter().filter_map(|mount| fleet.slice(mount.slice.as_str()));
        let mine = slices.filter(|(_, slice)| is_side(slice, server) && !is_side(slice, &host.name));
        let mut servers: Vec<String> = mine
            .map(|(_, slice)| match &slice.service_address {
                Some(address) => address.ip.to_string(),
                None => server.to_string(),
            })
            .collect();
        servers.sort();
        servers.dedup();
        Client {
            host: host.name.clone(),
            servers,
        }
    });
    clients
        .filter(|client| !client.servers.is_empty())
        .take(CLIENTS)
        .collect()
}

impl Subject for Array {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let found = self.found.as_ref().ok();
        let device = |disk: Option<&Disk>| disk.map_or_else(String::new, |disk| disk.device.clone());
        let words = BTreeMap::from([
            ("host", self.on.host.to_string()),
            ("array", self.on.name.clone()),
            ("old", device(found.and_then(|layout| layout.old.as_ref()))),
            ("new", device(found.and_then(|layout| layout.new.as_ref()))),
        ]);
        if self.wanted { vec![words] } else { Vec::new() }
    }

    fn looks(&self) -> Vec<Look> {
        let mut looks = identity::looks(&self.on.host).to_vec();
        looks.push(self.on.look());
        if let Some(device) = &self.by {
            looks.push(Disk::look(&self.on.host, device));
        }
        looks
    }

    fn hosts(&self) -> Vec<HostName> {
        vec![self.on.host.clone()]
    }

    fn say(&self, report: &mut Report) {
        if let Err(refusal) = &self.found {
            report.refuse(refusal.fact.clone(), refusal.lift.clone());
        }
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            array: self.found.as_ref().ok().cloned(),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        vec![format!("array-{}", safe(&self.on.name))]
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let host = &self.on.host;
        let mut facts = BTreeMap::from([
            (format!("machine of {host}"), identity::machine(host, sight)),
            (format!("boot of {host}"), identity::boot(host, sight)),
        ]);
        let Ok(layout) = &self.found else { return facts };
        let seen = &layout.seen;
        let shape = format!("{} of {} members, {}", seen.level, seen.raid_disks, seen.action);
        facts.insert(format!("shape of {}", self.on), shape);
        for member in &seen.members {
            let flags: Vec<&str> = member.flags.iter().map(String::as_str).collect();
            let name = format!("member {} of {}", member.disk.device, self.on);
            facts.insert(name, format!("{} {}", flags.join(","), member.disk));
        }
        if let Some(new) = &layout.new {
            facts.insert(format!("the new disk of {}", self.on), new.to_string());
        }
        facts
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.wanted &= wanted(&self.on.name);
    }

    fn array(&self) -> Option<&ArrayLayout> {
        self.found.as_ref().ok().filter(|_| self.wanted)
    }
}
