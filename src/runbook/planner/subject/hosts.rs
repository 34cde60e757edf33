//! Hosts, each by itself, in the order of what rests on what.

use super::{Asked, Subject};
use crate::{
    fleet::{Fleet, Host, HostName, Selector},
    runbook::{
        check::Refusal,
        definition::ValueKind,
        observe::nfs,
        plan::Layouts,
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::collections::BTreeMap;

/// The hosts of a plan.
#[derive(Debug, Clone)]
pub struct Hosts {
    hosts: Vec<HostName>,
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
    Ok(Box::new(Hosts {
        hosts: hosts.into_iter().map(|host| host.name.clone()).collect(),
    }))
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
        let words = |host: &HostName| BTreeMap::from([("host", host.to_string())]);
        self.hosts.iter().map(words).collect()
    }

    /// What is stopped is stopped in the other order: nobody loses what he rests on.
    fn aim(&mut self, parameters: &BTreeMap<String, String>) -> Result<(), Vec<Refusal>> {
        if parameters.get("state").is_some_and(|state| state == "stopped") {
            self.hosts.reverse();
        }
        Ok(())
    }

    fn looks(&self) -> Vec<Look> {
        let of_host = |host| {
            let [machine, boot] = identity::looks(host);
            [machine, boot, nfs::cache_look(host)]
        };
        self.hosts.iter().flat_map(of_host).collect()
    }

    fn hosts(&self) -> Vec<HostName> {
        self.hosts.clone()
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            hosts: self.hosts.clone(),
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
        self.hosts.iter().flat_map(facts).collect()
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.hosts.retain(|host| wanted(host.as_str()));
    }
}
