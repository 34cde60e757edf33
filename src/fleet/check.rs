//! Checks across the whole fleet, after every entry has been read.

use super::{
    hosts::{Hosts, identity, place},
    model::{Domains, Host, Topology},
    names::{Context, What},
    storage::Storage,
    suggest::quote,
    yaml::NodeId,
};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    net::IpAddr,
};

/// Runs them all.
pub(super) fn check(
    context: &mut Context<'_>,
    hosts: &Hosts,
    storage: &Storage,
    topologies: &[Topology],
    members_at: &[NodeId],
) {
    addresses(context, hosts, storage);
    served_once(context, storage, topologies, members_at);
    pairs(context, hosts, storage);
    mounts(context, hosts, storage);
    // A role without its duty may follow from an entry that could not be read.
    if !context.notes.has_errors() {
        roles(context, hosts, storage, topologies);
    }
}

/// No two hosts are reached in the same way, and no host's address moves with a slice.
fn addresses(context: &mut Context<'_>, hosts: &Hosts, storage: &Storage) {
    let mut seen: HashMap<(String, u16, String), usize> = HashMap::new();
    // The port and the way to a host may come from a group that could not be read.
    let whole = !context.is_incomplete(What::Group);
    for (at, host) in hosts.list.iter().enumerate() {
        if host.address.is_empty() {
            continue;
        }
        let node = hosts.address_at[at];
        match seen.entry(identity(host)) {
            Entry::Vacant(free) => {
                free.insert(at);
            }
            Entry::Occupied(first) if whole => {
                let first = *first.get();
                // A name that is declared twice has been reported.
                if hosts.list[first].name != host.name {
                    let line = place(context, hosts.address_at[first], context.mark(node));
                    let other = quote(hosts.list[first].name.as_str());
                    let message = format!("{} is the address of host {other}, too ({line})", quote(&host.address));
                    context.error(node, message);
                }
            }
            Entry::Occupied(_) => {}
        }
        if let Ok(ip) = host.address.parse::<IpAddr>()
            && let Some(service) = storage.service_addresses.get(&ip)
        {
            let line = context.sources.place(*service, context.mark(node));
            context
                .error(node, format!("{ip} is a service address, too ({line})"))
                .hint("a service address moves with what it leads to; give the host its own address");
        }
    }
}

/// A host serves one segment and belongs to one topology.
fn served_once(context: &mut Context<'_>, storage: &Storage, topologies: &[Topology], members_at: &[NodeId]) {
    let segments = storage.segments.iter().zip(&storage.servers_at);
    let segments = segments.map(|(segment, node)| ("segment", segment.name.as_str(), &segment.servers, *node));
    let topologies = topologies.iter().zip(members_at);
    let topologies = topologies.map(|(topology, node)| ("topology", topology.name.as_str(), &topology.members, *node));
    let mut first: HashMap<(&str, &str), &str> = HashMap::new();
    for (kind, name, hosts, node) in segments.chain(topologies) {
        for host in hosts {
            if let Some(other) = first.insert((kind, host.as_str()), name).filter(|other| *other != name) {
                let message = format!("{} belongs to {kind} {}, too", quote(host.as_str()), quote(other));
                context.error(node, message).hint(format!(
                    "a host belongs to one {kind}; join the two if they share servers"
                ));
            }
        }
    }
}

/// Replicas should not fail together with what they replicate.
fn pairs(context: &mut Context<'_>, hosts: &Hosts, storage: &Storage) {
    let at: HashMap<&str, &Host> = hosts.list.iter().map(|host| (host.name.as_str(), host)).collect();
    for (segment, node) in storage.segments.iter().zip(&storage.servers_at) {
        let mut seen = HashSet::new();
        for slice in &segment.slices {
            let Some(standby) = &slice.standby else { continue };
            let (a, b) = (slice.preferred.as_str(), standby.as_str());
            let (a, b) = if a < b { (a, b) } else { (b, a) };
            if a == b || !seen.insert((a, b)) {
                continue;
            }
            if let (Some(first), Some(second)) = (at.get(a), at.get(b)) {
                for shared in first.domains.shared(&second.domains) {
                    context
                        .warning(*node, format!("{} and {} share {shared}", quote(a), quote(b)))
                        .hint("one failure takes both halves of the pair; move one of them when you can");
                }
            }
        }
    }
}

/// Mounted slices should be exported.
fn mounts(context: &mut Context<'_>, hosts: &Hosts, storage: &Storage) {
    let not_exported: HashSet<&str> = storage
        .segments
        .iter()
        .flat_map(|segment| &segment.slices)
        .filter(|slice| slice.export.is_none())
        .map(|slice| slice.name.as_str())
        .collect();
    let mut reported = HashSet::new();
    for (at, host) in hosts.list.iter().enumerate() {
        for mount in &host.mounts {
            let slice = mount.slice.as_str();
            if not_exported.contains(slice) && reported.insert(slice) {
                let message = format!(
                    "{} should mount slice {}, which has no export",
                    quote(host.name.as_str()),
                    quote(slice)
                );
                context
                    .warning(hosts.named_at[at], message)
                    .hint("add `export:` to the slice");
            }
        }
    }
}

/// A role promises something that the rest of the inventory should keep.
fn roles(context: &mut Context<'_>, hosts: &Hosts, storage: &Storage, topologies: &[Topology]) {
    let names = |list: Vec<&'_ [super::name::HostName]>| -> HashSet<String> {
        list.into_iter()
            .flatten()
            .map(|name| name.as_str().to_owned())
            .collect()
    };
    let servers = names(
        storage
            .segments
            .iter()
            .map(|segment| segment.servers.as_slice())
            .collect(),
    );
    let members = names(topologies.iter().map(|topology| topology.members.as_slice()).collect());
    for (at, host) in hosts.list.iter().enumerate() {
        let name = quote(host.name.as_str());
        let node = hosts.named_at[at];
        if host.roles.contains("storage") && !servers.contains(host.name.as_str()) {
            context
                .warning(node, format!("{name} has the role storage, but serves no segment"))
                .hint("add it to the `servers:` of a segment");
        }
        if host.roles.contains("mysql") && !members.contains(host.name.as_str()) {
            context
                .warning(node, format!("{name} has the role mysql, but belongs to no topology"))
                .hint("add it to the `members:` of a topology; a single server is one of its own");
        }
        if host.roles.contains("node") && host.mounts.is_empty() {
            context
                .warning(node, format!("{name} has the role node, but mounts nothing"))
                .hint("add `mounts:` to it or to its group");
        }
    }
}

impl Domains {
    /// What two hosts share so that one failure takes both: their rack, or a feed or switch that is
    /// the only one of each. Hosts on the same two feeds survive the loss of either.
    #[must_use]
    pub fn shared(&self, other: &Self) -> Vec<String> {
        let mut out = Vec::new();
        if let (Some(a), Some(b)) = (&self.rack, &other.rack)
            && a == b
        {
            out.push(format!("rack {}", quote(a)));
        }
        for (what, a, b) in [
            ("power feed", &self.feeds, &other.feeds),
            ("switch", &self.switches, &other.switches),
        ] {
            if let (1, Some(only)) = (a.len(), a.first())
                && a == b
            {
                out.push(format!("their only {what} {}", quote(only)));
            }
        }
        out
    }
}
