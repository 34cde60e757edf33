//! A draft inventory from what bare hosts show: their DRBD pairs, exports, mounts, service addresses,
//! pools and replication. Pure: snapshots in, YAML out.
//!
//! The draft loads without errors; what only a person can know stands in it as a comment that begins
//! with `choose`.

mod database;
mod pair;
mod print;
mod storage;

use crate::{
    facts::Snapshot,
    fleet::{bad_address, bad_name, bad_word},
};
use database::Topology;
use std::collections::HashSet;
use storage::Segment;

/// One host of the draft.
struct Host<'a> {
    name: String,
    address: String,
    user: Option<String>,
    port: Option<u16>,
    snapshot: &'a Snapshot,
    roles: Vec<&'static str>,
    mounts: Vec<ExpectedMount>,
    comments: Vec<String>,
}

/// A slice that the host has mounted.
struct ExpectedMount {
    slice: String,
    /// Where, when that is not where the server has it.
    at: Option<String>,
}

/// Names that are in use; makes new ones that are good and unique.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn take(&mut self, wish: &str, otherwise: &str) -> String {
        let mut base: String = wish
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                    c
                } else {
                    '-'
                }
            })
            .take(60)
            .collect();
        base = base.trim_matches(['-', '.']).to_owned();
        if bad_name(&base).is_some() {
            otherwise.clone_into(&mut base);
        }
        let mut name = base.clone();
        let mut count = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{base}-{count}");
            count += 1;
        }
        name
    }
}

/// Drafts an inventory from one snapshot a host, each with the address under which it was reached
/// (`[user@]host[:port]`).
#[must_use]
pub fn draft(found: &[(String, Snapshot)]) -> String {
    let mut skipped = Vec::new();
    let mut hosts = hosts(found, &mut skipped);
    let segments = storage::segments(&mut hosts);
    storage::client_mounts(&mut hosts, &segments);
    let topologies = database::topologies(&mut hosts);
    print::print(&hosts, &segments, &topologies, &skipped)
}

fn hosts<'a>(found: &'a [(String, Snapshot)], skipped: &mut Vec<String>) -> Vec<Host<'a>> {
    let mut names = Names::default();
    let mut machines: Vec<(String, String)> = Vec::new();
    let mut addresses = HashSet::new();
    let mut out: Vec<Host<'a>> = Vec::new();
    for (given, snapshot) in found {
        let (user, address, port) = split(given);
        if bad_address(&address).is_some() {
            skipped.push(format!("{given}: not an address that an inventory can hold"));
            continue;
        }
        let key = address
            .parse::<std::net::IpAddr>()
            .map_or_else(|_| address.trim_end_matches('.').to_lowercase(), |ip| ip.to_string());
        if !addresses.insert((key, port.unwrap_or(22))) {
            skipped.push(format!("{given}: given twice"));
            continue;
        }
        let identity = snapshot.identity.value();
        let machine = identity
            .map(|identity| identity.machine_id.to_string())
            .unwrap_or_default();
        if let Some((_, first)) = machines.iter().find(|(id, _)| !machine.is_empty() && *id == machine) {
            skipped.push(format!("{given}: the same machine as {first}"));
            continue;
        }
        let hostname = identity
            .map(|identity| short(&identity.hostname).to_owned())
            .unwrap_or_default();
        // `localhost` says nothing of a machine that was reached under another name.
        let wish = if hostname.is_empty() || hostname == "localhost" {
            &address
        } else {
            &hostname
        };
        let name = names.take(wish, "host");
        machines.push((machine, name.clone()));
        let mut comments = Vec::new();
        match identity {
            Some(identity) => comments.push(format!("{}, {}", identity.os, identity.kernel)),
            None => comments.push("choose: it did not say who it is; was it reached?".to_owned()),
        }
        comments.extend(storage::arrays(snapshot));
        out.push(Host {
            name,
            address,
            user,
            port,
            snapshot,
            roles: Vec::new(),
            mounts: Vec::new(),
            comments,
        });
    }
    out
}

/// `[user@]host[:port]` in its parts.
fn split(given: &str) -> (Option<String>, String, Option<u16>) {
    let (user, rest) = match given.rsplit_once('@') {
        Some((user, rest)) if bad_word(user).is_none() && !user.contains('@') => (Some(user.to_owned()), rest),
        _ => (None, given),
    };
    let bracketed = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None if rest.matches(':').count() == 1 => rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p))),
        None => (rest, None),
    };
    match port.map(str::parse::<u16>) {
        None => (user, host.to_owned(), None),
        Some(Ok(port)) if port > 0 => (user, host.to_owned(), Some(port)),
        Some(_) => (user, rest.to_owned(), None),
    }
}

/// A host name without its domain; an address stays whole.
fn short(name: &str) -> &str {
    if name.parse::<std::net::IpAddr>().is_ok() {
        return name;
    }
    name.split('.').next().unwrap_or(name)
}

/// The host that a name or an address means, among those found.
fn host_called(hosts: &[Host<'_>], name: &str) -> Option<usize> {
    let ip = name.parse::<std::net::IpAddr>().ok();
    hosts.iter().position(|host| {
        let own = host
            .snapshot
            .identity
            .value()
            .map(|identity| identity.hostname.as_str());
        let has = |ip| {
            let addresses = host.snapshot.addresses.value();
            addresses.is_some_and(|all| all.iter().any(|address| address.ip == ip && !address.secondary))
        };
        host.address == name
            || ip.is_some_and(has)
            || ip.is_none() && !name.is_empty() && own.is_some_and(|own| own == name || short(own) == short(name))
    })
}

#[cfg(test)]
mod tests;
