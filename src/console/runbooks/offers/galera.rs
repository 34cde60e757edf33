//! Which runbooks apply to a Galera cluster or to one of its members, by what was collected last.

use super::{
    Offer,
    database::{offer, said},
};
use crate::{
    collect::FleetView,
    facts::{UnixMs, mysql::GaleraStatus},
    fleet::{HostName, Topology},
};

/// For a cluster: its recovery, and the way back of members that are not in it.
pub(super) fn of_topology(view: &FleetView, topology: &Topology, now: UnixMs) -> Vec<Offer> {
    let database = ("database", topology.name.as_str());
    vec![
        offer("galera-recover", database, recovered(view, topology, now)),
        offer("galera-join", database, joined(view, topology, now)),
    ]
}

/// For one of its members: the same, and how far it is when its server did not end well.
pub(super) fn of_server(view: &FleetView, topology: &Topology, server: &HostName, now: UnixMs) -> Vec<Offer> {
    let mut offers = of_topology(view, topology, now);
    offers.push(offer(
        "galera-position",
        ("server", server.as_str()),
        unsaved(view, topology, server, now),
    ));
    offers
}

/// Whether a host answers, whatever its server does.
fn answers(view: &FleetView, host: &HostName, now: UnixMs) -> bool {
    view.host(host.as_str()).is_some_and(|seen| !seen.is_stale(now))
}

/// Whether a member was in the primary component when it was asked last, not long ago.
fn is_primary(view: &FleetView, host: &HostName, now: UnixMs) -> bool {
    let status = |host: &HostName| said(view, host).and_then(|seen| seen.galera.as_ref());
    answers(view, host, now) && status(host).is_some_and(|own| own.cluster_status == GaleraStatus::Primary)
}

fn primary<'a>(view: &FleetView, topology: &'a Topology, now: UnixMs) -> Option<&'a HostName> {
    topology.members.iter().find(|host| is_primary(view, host, now))
}

fn recovered(view: &FleetView, topology: &Topology, now: UnixMs) -> Result<String, String> {
    if let Some(host) = primary(view, topology, now) {
        return Err(format!("{host} is in a primary component: the others join it"));
    }
    if !topology.members.iter().any(|host| answers(view, host, now)) {
        return Err(format!("no member of {} answers", topology.name));
    }
    Ok(format!("no member of {} is in a primary component", topology.name))
}

fn joined(view: &FleetView, topology: &Topology, now: UnixMs) -> Result<String, String> {
    let Some(host) = primary(view, topology, now) else {
        return Err(format!("no member of {} is in a primary component", topology.name));
    };
    let outside = topology.members.iter().filter(|host| !is_primary(view, host, now));
    let (there, silent): (Vec<_>, Vec<_>) = outside.partition(|host| answers(view, host, now));
    let names = |hosts: &[&HostName]| hosts.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(", ");
    match (there.as_slice(), silent.as_slice()) {
        ([], []) => Err(format!("every member of {} is in its primary component", topology.name)),
        ([], silent) => Err(format!("{} does not answer", names(silent))),
        (there, _) => Ok(format!("{} joins {host}", names(there))),
    }
}

fn unsaved(view: &FleetView, topology: &Topology, server: &HostName, now: UnixMs) -> Result<String, String> {
    if !answers(view, server, now) {
        return Err(format!("{server} does not answer"));
    }
    if said(view, server).is_some() {
        return Err(format!("the server of {server} runs"));
    }
    if let Some(host) = primary(view, topology, now) {
        return Err(format!("{host} is in a primary component: galera-join instead"));
    }
    Ok(format!("how far {server} is, if it did not end well"))
}
