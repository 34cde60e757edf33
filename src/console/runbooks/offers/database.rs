//! Which runbooks apply to a database or to one of its servers, by what was collected last.

use super::{Asked, Offer, galera};
use crate::{
    collect::FleetView,
    facts::{
        UnixMs,
        mysql::{Flavour, Mysql, ReplicaThread, number},
    },
    fleet::{HostName, Topology, TopologyKind},
    runbook::observe::mysql::{LastSeen, OLDEST_MARIADB, OLDEST_MYSQL},
};
use std::collections::BTreeMap;

/// For a database: a switchover, and the failover of its source.
pub(super) fn of_topology(view: &FleetView, topology: &Topology, now: UnixMs) -> Vec<Offer> {
    if topology.kind == TopologyKind::Galera {
        return galera::of_topology(view, topology, now);
    }
    let serving = source(view, topology).unwrap_or_else(|_| usual(topology));
    let mut offers = vec![switchover(view, topology, now)];
    offers.extend(serving.map(|source| failover(view, topology, source, now)));
    let mut returned = topology.members.iter().filter(|host| is_alone(view, host));
    offers.extend(returned.next().map(|host| back(view, topology, host, now)));
    offers
}

/// For one of its servers: what can be done about the database when that server is the one to leave.
pub(super) fn of_server(view: &FleetView, topology: &Topology, server: &HostName, now: UnixMs) -> Vec<Offer> {
    if topology.kind == TopologyKind::Galera {
        return galera::of_server(view, topology, server, now);
    }
    let mut offers = vec![switchover(view, topology, now), failover(view, topology, server, now)];
    if is_alone(view, server) {
        offers.push(back(view, topology, server, now));
    }
    offers
}

fn switchover(view: &FleetView, topology: &Topology, now: UnixMs) -> Offer {
    offer(
        "mysql-switchover",
        ("database", topology.name.as_str()),
        moved(view, topology, now),
    )
}

fn failover(view: &FleetView, topology: &Topology, server: &HostName, now: UnixMs) -> Offer {
    let mut offer = offer(
        "mysql-failover",
        ("server", server.as_str()),
        taken_over(view, topology, server, now),
    );
    offer.asked.last = view.host(server.as_str()).and_then(|seen| {
        let snapshot = seen.snapshot.as_ref()?;
        LastSeen::of(server, &snapshot.mysql, &seen.reach)
    });
    offer
}

fn back(view: &FleetView, topology: &Topology, server: &HostName, now: UnixMs) -> Offer {
    offer(
        "mysql-returned",
        ("server", server.as_str()),
        returned(view, topology, server, now),
    )
}

pub(super) fn offer(runbook: &str, (parameter, value): (&str, &str), says: Result<String, String>) -> Offer {
    let (says, not_now) = match says {
        Ok(says) => (says, None),
        Err(why) => (String::new(), Some(why)),
    };
    Offer {
        asked: Asked {
            runbook: runbook.to_owned(),
            parameters: BTreeMap::from([(parameter.to_owned(), value.to_owned())]),
            glass: Vec::new(),
            over: Vec::new(),
            alike: Vec::new(),
            weak: BTreeMap::new(),
            last: None,
            word: value.to_owned(),
        },
        says,
        not_now,
    }
}

fn usual(topology: &Topology) -> Option<&HostName> {
    topology.preferred_source.as_ref().or(topology.members.first())
}

/// What a server said last.
pub(super) fn said<'a>(view: &'a FleetView, host: &HostName) -> Option<&'a Mysql> {
    view.host(host.as_str())?.snapshot.as_ref()?.mysql.value()
}

/// The one server that takes writes and follows nobody, as far as that was collected.
fn source<'a>(view: &FleetView, topology: &'a Topology) -> Result<Option<&'a HostName>, String> {
    let takes = |host: &&HostName| {
        said(view, host).is_some_and(|seen| seen.read_only == Some(false) && seen.channels.is_empty())
    };
    let open: Vec<&HostName> = topology.members.iter().filter(takes).collect();
    match open.as_slice() {
        [one, two, ..] => Err(format!("{one} and {two} both take writes")),
        few => Ok(few.first().copied()),
    }
}

/// Takes no writes and follows nobody, as a source that was failed over and is back.
fn is_alone(view: &FleetView, host: &HostName) -> bool {
    said(view, host)
        .is_some_and(|seen| seen.read_only == Some(true) && seen.tells_channels() && seen.channels.is_empty())
}

/// What is the same for all.
fn fits(view: &FleetView, topology: &Topology) -> Result<(), String> {
    if topology.members.len() < 2 {
        return Err(format!("{} has one server only", topology.name));
    }
    let mut first: Option<(&HostName, &Flavour)> = None;
    for host in &topology.members {
        let Some(seen) = said(view, host) else { continue };
        let new_enough = match seen.flavour {
            Flavour::Mariadb => number(&seen.version) >= OLDEST_MARIADB,
            Flavour::Mysql => number(&seen.version) >= OLDEST_MYSQL,
            Flavour::Unknown(_) => false,
        };
        if !new_enough {
            return Err(format!(
                "{host} is {} {}: databases are moved with MariaDB 10.10 or newer, or MySQL 8.0.23 or newer",
                seen.flavour, seen.version
            ));
        }
        match first {
            None => first = Some((host, &seen.flavour)),
            Some((other, flavour)) if *flavour != seen.flavour => {
                return Err(format!("{other} is {flavour} and {host} {}", seen.flavour));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn moved(view: &FleetView, topology: &Topology, now: UnixMs) -> Result<String, String> {
    fits(view, topology)?;
    for host in &topology.members {
        if view.host(host.as_str()).is_none_or(|seen| seen.is_stale(now)) || said(view, host).is_none() {
            return Err(format!(
                "{host} does not answer: every server of {} has to",
                topology.name
            ));
        }
    }
    let source = source(view, topology)?.ok_or_else(|| format!("no server of {} takes writes", topology.name))?;
    for host in topology.members.iter().filter(|host| *host != source) {
        let channels = said(view, host).map_or(&[][..], |seen| &seen.channels);
        let runs = |thread: &ReplicaThread| *thread == ReplicaThread::Yes;
        if !channels
            .iter()
            .any(|channel| runs(&channel.io_running) && runs(&channel.sql_running))
        {
            return Err(format!("{host} does not replicate"));
        }
    }
    let account = view
        .fleet
        .host(source.as_str())
        .and_then(|host| host.mysql.as_ref()?.replication_file.as_ref());
    if account.is_none() {
        return Err(format!(
            "{source} has no account to follow another with (`replication_file` in the inventory)"
        ));
    }
    Ok(format!("{source} → another server of {}", topology.name))
}

fn taken_over(view: &FleetView, topology: &Topology, server: &HostName, now: UnixMs) -> Result<String, String> {
    fits(view, topology)?;
    if let Some(other) = source(view, topology)?.filter(|source| *source != server)
        && view.host(other.as_str()).is_some_and(|seen| !seen.is_stale(now))
    {
        return Err(format!("{other} takes the writes of {}", topology.name));
    }
    let answers = view.host(server.as_str()).is_some_and(|seen| !seen.is_stale(now)) && said(view, server).is_some();
    if !answers {
        return Ok(format!(
            "{server} does not answer: a replica takes the writes of {}",
            topology.name
        ));
    }
    Err(format!("{server} answers: mysql-switchover instead"))
}

fn returned(view: &FleetView, topology: &Topology, server: &HostName, now: UnixMs) -> Result<String, String> {
    fits(view, topology)?;
    let source = source(view, topology)?.ok_or_else(|| format!("no server of {} takes writes", topology.name))?;
    for host in [server, source] {
        if view.host(host.as_str()).is_none_or(|seen| seen.is_stale(now)) {
            return Err(format!("{host} does not answer"));
        }
    }
    Ok(format!("{server} is back: it follows {source} if nothing was lost"))
}
