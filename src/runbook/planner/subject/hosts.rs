//! Hosts, each by itself, in the order of what rests on what.

use super::{Asked, Subject, layout};
use crate::{
    fleet::{Fleet, Host, HostName, Selector, Slice, TopologyKind},
    runbook::{
        check::{Refusal, Report},
        definition::ValueKind,
        observe::{
            galera::{self, Found},
            host::{self, Health},
            mysql::{self, Member},
            nfs,
        },
        plan::{ClusterLayout, HostLayout, Layouts},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::collections::BTreeMap;

/// The hosts of a plan.
#[derive(Debug, Clone)]
pub struct Hosts {
    names: Vec<HostName>,
    /// Which of them the inventory can take out of service, and whether connections are counted down then.
    drains: BTreeMap<HostName, bool>,
    /// How they were found, where the runbook has to know that; or why that is not known.
    found: BTreeMap<HostName, Result<HostLayout, Refusal>>,
    /// What has to be looked at for it.
    looks: Vec<Look>,
    /// Hosts that install them.
    installers: Vec<HostName>,
}

/// Finds the hosts that a selector names.
///
/// # Errors
/// A selector that cannot be read or that finds nothing.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let fleet = asked.fleet;
    let name = asked.parameter(ValueKind::Hosts).unwrap_or_default();
    let text = asked.given(name).unwrap_or_default();
    let selected = Selector::parse(text).and_then(|selector| selector.select(fleet));
    let selected = selected.map_err(|error| {
        let lift = error.hint.unwrap_or_else(|| "see `pointsman selectors`".to_owned());
        vec![Refusal::new(format!("{name}: {}", error.message), lift)]
    })?;
    let mut hosts: Vec<&Host> = selected.into_iter().map(|at| &fleet.hosts[at]).collect();
    // The order of the inventory among equals: a stable sort.
    hosts.sort_by_key(|host| rests_on(fleet, host));
    let drains = hosts.iter().filter_map(|host| {
        let hooks = host.rolling.service.as_ref()?;
        Some((host.name.clone(), !hooks.ports.is_empty()))
    });
    let mut steps = asked.wish.definition.steps.iter();
    let concerns = asked.wish.definition.rolling.is_some() || steps.any(|step| step.action.starts_with("host-"));
    let hooks = |host: &&Host| [host.rolling.upgrade.clone(), host.rolling.reinstall.clone()];
    let about: Vec<&Host> = hosts.iter().copied().filter(|_| concerns).collect();
    Ok(Box::new(Hosts {
        drains: drains.collect(),
        found: about
            .iter()
            .map(|host| (host.name.clone(), find_host(asked, host)))
            .collect(),
        looks: about.iter().flat_map(|host| looks_of(fleet, host)).collect(),
        installers: about
            .iter()
            .flat_map(hooks)
            .flatten()
            .filter_map(|hook| hook.on)
            .collect(),
        names: hosts.into_iter().map(|host| host.name.clone()).collect(),
    }))
}

/// Slices that a host has a side of.
fn slices<'a>(fleet: &'a Fleet, host: &'a HostName) -> impl Iterator<Item = &'a Slice> {
    let slices = fleet.slices().map(|(_, slice)| slice);
    slices.filter(move |slice| slice.preferred == *host || slice.standby.as_ref() == Some(host))
}

/// Both hosts of a slice; one of them twice where there is no other.
fn both(slice: &Slice) -> [HostName; 2] {
    let standby = slice.standby.as_ref().unwrap_or(&slice.preferred);
    [slice.preferred.clone(), standby.clone()]
}

fn resource(slice: &Slice) -> &str {
    slice.resource.as_deref().unwrap_or(slice.name.as_str())
}

/// Everything that has to be looked at to know how a host is, beside its identity.
fn looks_of(fleet: &Fleet, host: &Host) -> Vec<Look> {
    let mut looks = vec![host::health_look(&host.name)];
    for slice in slices(fleet, &host.name) {
        let sides = both(slice);
        looks.extend(sides.iter().flat_map(|side| layout::looks(side, resource(slice))));
    }
    if let Some(topology) = fleet.topology_of(host.name.as_str()) {
        match topology.kind {
            TopologyKind::Replication => looks.push(mysql::look(&host.name, &host.mysql.clone().unwrap_or_default())),
            TopologyKind::Galera => looks.extend(topology.members.iter().map(|member| node(fleet, member).look())),
        }
    }
    for hook in [&host.rolling.upgrade, &host.rolling.reinstall].into_iter().flatten() {
        looks.extend(hook.on.iter().flat_map(identity::looks));
    }
    looks
}

/// A node of a Galera cluster; how it stands is asked when it counts.
fn node(fleet: &Fleet, member: &HostName) -> galera::Member {
    let access = fleet.host(member.as_str()).and_then(|host| host.mysql.clone());
    galera::Member {
        host: member.clone(),
        access: access.unwrap_or_default(),
        found: Found::Unknown,
    }
}

/// How a host was found.
fn find_host(asked: &Asked<'_>, host: &Host) -> Result<HostLayout, Refusal> {
    let (fleet, name) = (asked.fleet, &host.name);
    let unknown = |why| {
        Refusal::new(
            why,
            "it has to be known before anything is done there, to be compared with",
        )
    };
    let sight = asked
        .sight
        .ok_or_else(|| Refusal::new(format!("{name} was not looked at"), "look at it"))?;
    let health = sight.text(&host::health_look(name)).map_err(unknown)?;
    let health = Health::parse(health).map_err(|why| unknown(format!("how {name} is: {why}")))?;
    let found = slices(fleet, name).map(|slice| {
        let found = layout::find(slice, &both(slice), resource(slice), asked.sight, false);
        let mut layout = found.layout;
        layout.sides.dedup_by(|one, other| one.host == other.host);
        if slice.standby.is_none() {
            // No replica: there is no DRBD to ask.
            layout.sides.clear();
        }
        (slice.name.clone(), layout)
    });
    let topology = fleet.topology_of(name.as_str());
    let member = match topology.filter(|topology| topology.kind == TopologyKind::Replication) {
        Some(_) => Some(member(host, sight).map_err(unknown)?),
        None => None,
    };
    let cluster = topology
        .filter(|topology| topology.kind == TopologyKind::Galera)
        .map(|topology| {
            let others = topology.members.iter().filter(|member| *member != name);
            ClusterLayout {
                own: node(fleet, name),
                others: others.map(|member| node(fleet, member)).collect(),
            }
        });
    Ok(HostLayout {
        boot_id: identity::boot(name, sight),
        health,
        slices: found.collect(),
        member,
        cluster,
    })
}

/// The database server of a host.
fn member(host: &Host, sight: &Sight) -> Result<Member, String> {
    let access = host.mysql.clone().unwrap_or_default();
    let text = sight.text(&mysql::look(&host.name, &access))?;
    let seen = mysql::parse(text).map_err(|why| format!("{}: {why}", host.name))?;
    let (address, port) = mysql::place(host);
    Ok(Member {
        host: host.name.clone(),
        access,
        server_id: seen.server_id,
        address,
        port,
    })
}

/// How much a host rests on others: servers of slices rest on none, the preferred source of a topology on those, its
/// replicas on the source, and who mounts slices on all of them.
fn rests_on(fleet: &Fleet, host: &Host) -> u8 {
    if fleet.segment_of(host.name.as_str()).is_some() {
        return 0;
    }
    let topology = fleet.topology_of(host.name.as_str());
    match topology {
        Some(topology) if topology.preferred_source.as_ref() == Some(&host.name) => 1,
        Some(_) => 2,
        None if host.mounts.is_empty() => 4,
        None => 3,
    }
}

impl Subject for Hosts {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let yes = |holds: bool| if holds { "yes" } else { "" }.to_owned();
        let words = |host: &HostName| {
            let drains = self.drains.get(host);
            BTreeMap::from([
                ("host", host.to_string()),
                ("first", String::new()),
                ("drains", yes(drains.is_some())),
                ("counts", yes(drains == Some(&true))),
            ])
        };
        self.names.iter().map(words).collect()
    }

    /// What is stopped is stopped in the other order: nobody loses what he rests on.
    fn aim(&mut self, parameters: &BTreeMap<String, String>) -> Result<(), Vec<Refusal>> {
        if parameters.get("state").is_some_and(|state| state == "stopped") {
            self.names.reverse();
        }
        Ok(())
    }

    fn looks(&self) -> Vec<Look> {
        let of_host = |host| {
            let [machine, boot] = identity::looks(host);
            [machine, boot, nfs::cache_look(host)]
        };
        self.names
            .iter()
            .flat_map(of_host)
            .chain(self.looks.iter().cloned())
            .collect()
    }

    fn say(&self, report: &mut Report) {
        for refusal in self.found.values().filter_map(|found| found.as_ref().err()) {
            report.refuse(refusal.fact.clone(), refusal.lift.clone());
        }
    }

    fn hosts(&self) -> Vec<HostName> {
        let others = self.installers.iter().filter(|host| !self.names.contains(host));
        self.names.iter().chain(others).cloned().collect()
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            hosts: self.names.clone(),
            found: self
                .found
                .iter()
                .filter_map(|(host, found)| Some((host.clone(), found.as_ref().ok()?.clone())))
                .collect(),
            ..Layouts::default()
        }
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let facts = |host: &HostName| {
            [
                (format!("machine of {host}"), identity::machine(host, sight)),
                (format!("boot of {host}"), identity::boot(host, sight)),
            ]
        };
        self.names.iter().flat_map(facts).collect()
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.names.retain(|host| wanted(host.as_str()));
        self.found.retain(|host, _| wanted(host.as_str()));
    }
}
