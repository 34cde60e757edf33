//! A database: a source and its replicas, by the inventory's topology and what the servers say.

use super::{Asked, Subject, layout::addressed, safe};
use crate::{
    facts::mysql::ReplicaThread,
    fleet::{Host, HostName, SourceEntrance, Topology, TopologyKind, instead},
    runbook::{
        check::Refusal,
        definition::{Kind, ValueKind},
        observe::{
            mysql::{self, Dialect, Member, Seen, Writes},
            network,
        },
        plan::{DatabaseLayout, Entrance, Layouts},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::{collections::BTreeMap, net::IpAddr};

/// The database of a plan.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    kind: Kind,
    members: Vec<Found>,
    from: HostName,
    to: HostName,
    /// How clients find the source.
    entrance: Option<Entrance>,
    /// What a look has to be asked of whom: the replication account, from each server to each other.
    reach: Vec<Look>,
    /// Whether the servers were looked at: before, it is not known which of them is the source.
    seen: bool,
    /// Whether it is wanted no more.
    left_out: bool,
}

/// A server, and what it said.
#[derive(Debug, Clone)]
struct Found {
    member: Member,
    seen: Result<Seen, String>,
}

/// Finds the database that a parameter names, or whose server another one names.
///
/// # Errors
/// No such database, or one that cannot be moved so.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let topology = topology(asked).map_err(|refusal| vec![refusal])?;
    if topology.kind == TopologyKind::Galera {
        return Err(vec![Refusal::new(
            format!("{} is a Galera cluster: every node of it takes writes", topology.name),
            "point clients at another node: there is no source to move; without a primary component see galera-recover",
        )]);
    }
    let fleet = asked.fleet;
    let hosts: Vec<&Host> = topology
        .members
        .iter()
        .filter_map(|name| fleet.host(name.as_str()))
        .collect();
    let members: Vec<Found> = hosts.iter().map(|host| found(host, asked.sight)).collect();
    let named = asked.server.map(|server| server.name.clone());
    let open = members.iter().find(|found| found.is_source());
    let usual = topology.preferred_source.as_ref().or(topology.members.first());
    let from = named
        .or_else(|| open.map(|found| found.member.host.clone()))
        .or_else(|| usual.cloned());
    let from = from.ok_or_else(|| nobody(topology))?;
    let kind = asked.wish.definition.kind;
    let to = candidate(&members, &from, topology.preferred_source.as_ref(), kind).ok_or_else(|| nobody(topology))?;
    Ok(Box::new(Database {
        name: topology.name.to_string(),
        kind,
        reach: reach(&hosts),
        entrance: topology.entrance.as_ref().map(|entrance| match entrance {
            SourceEntrance::Address(address) => Entrance::Address(addressed(address, &topology.members, asked.sight)),
            SourceEntrance::Hook(hook) => Entrance::Hook(hook.clone()),
        }),
        members,
        from,
        to,
        seen: asked.sight.is_some(),
        left_out: false,
    }))
}

fn nobody(topology: &Topology) -> Vec<Refusal> {
    vec![Refusal::new(
        format!("{} has one server only", topology.name),
        "there is no other one that could take its writes",
    )]
}

/// The topology that a parameter names, or whose server another one names.
///
/// # Errors
/// No such topology.
pub(super) fn topology<'a>(asked: &Asked<'a>) -> Result<&'a Topology, Refusal> {
    let fleet = asked.fleet;
    if let Some(server) = asked.server {
        return fleet.topology_of(server.name.as_str()).ok_or_else(|| {
            Refusal::new(
                format!("{} is in no topology of the inventory", server.name),
                "add it to the `members:` of a topology, with its replicas",
            )
        });
    }
    let name = asked
        .parameter(ValueKind::Database)
        .and_then(|name| asked.given(name))
        .unwrap_or_default();
    let mut known = fleet.topologies.iter();
    known.find(|topology| topology.name.as_str() == name).ok_or_else(|| {
        let names = fleet.topologies.iter().map(|topology| topology.name.as_str());
        Refusal::new(
            format!("{name:?} is no topology of the inventory"),
            instead(name, names),
        )
    })
}

fn found(host: &Host, sight: Option<&Sight>) -> Found {
    let access = host.mysql.clone().unwrap_or_default();
    let look = mysql::look(&host.name, &access);
    let seen = match sight {
        Some(sight) => sight
            .text(&look)
            .and_then(|text| mysql::parse(text).map_err(|why| format!("{}: {why}", host.name))),
        None => Err(format!("{} was not asked yet", host.name)),
    };
    let (address, port) = mysql::place(host);
    Found {
        member: Member {
            host: host.name.clone(),
            access,
            server_id: seen.as_ref().map_or(0, |seen| seen.server_id),
            address,
            port,
        },
        seen,
    }
}

impl Found {
    /// Takes writes, and follows nobody.
    fn is_source(&self) -> bool {
        self.seen
            .as_ref()
            .is_ok_and(|seen| seen.writes == Writes::All && seen.channels.is_empty())
    }
}

/// The server that may take over, or has already: one that takes writes. From a dead source it is one that has received everything that any other has that
/// answers, never simply the most; else the usual one, which gets from the others what it lacks. While a source may still
/// write, who is ahead changes by the moment, and a plan would be stale before it is read.
fn candidate(members: &[Found], from: &HostName, preferred: Option<&HostName>, kind: Kind) -> Option<HostName> {
    let others = || members.iter().filter(|found| found.member.host != *from);
    let receives = |found: &Found| {
        let channels = found.seen.as_ref().map_or(&[][..], |seen| &seen.channels);
        channels.iter().any(|channel| channel.io == ReplicaThread::Yes)
    };
    let moving = kind == Kind::Planned || others().any(receives);
    let complete = |found: &&Found| {
        let Ok(own) = &found.seen else { return false };
        let mut known = others().filter_map(|other| other.seen.as_ref().ok());
        let all = known.all(|other| other.holds.is_subset(&own.holds) == Some(true));
        let applies = own.channels.iter().all(|channel| channel.sql == ReplicaThread::Yes);
        (all || moving) && applies
    };
    let is_preferred = |found: &&Found| Some(&found.member.host) == preferred;
    let good = || others().filter(complete);
    let chosen = others()
        .find(|found| found.is_source())
        .or_else(|| good().find(is_preferred))
        .or_else(|| good().next())
        .or_else(|| others().find(is_preferred));
    chosen
        .or_else(|| others().next())
        .map(|found| found.member.host.clone())
}

/// From each server with an account to each other.
fn reach(hosts: &[&Host]) -> Vec<Look> {
    let pairs = hosts.iter().flat_map(|one| hosts.iter().map(move |two| (*one, *two)));
    let looks = pairs
        .filter(|(one, two)| one.name != two.name)
        .filter_map(|(one, two)| {
            let (address, port) = mysql::place(two);
            mysql::reach(&one.name, one.mysql.as_ref()?, &address, port)
        });
    looks.collect()
}

/// A switch as a word for conditions; empty where there is none.
const fn word(switch: Option<bool>) -> &'static str {
    match switch {
        Some(true) => "on",
        Some(false) => "off",
        None => "",
    }
}

impl Database {
    /// What its servers speak, as a word for conditions; empty where none was asked. That all speak the same is for checks.
    fn dialect(&self) -> &'static str {
        let mut seen = self.members.iter().filter_map(|found| found.seen.as_ref().ok());
        match seen.next().map(|seen| &seen.dialect) {
            Some(Dialect::Mysql { .. }) => "mysql",
            Some(Dialect::Mariadb { .. }) => "mariadb",
            None => "",
        }
    }

    /// How clients find the source, as a word for conditions; empty where that is not declared.
    fn entrance(&self) -> &'static str {
        match &self.entrance {
            Some(Entrance::Address(_)) => "address",
            Some(Entrance::Hook(_)) => "hook",
            None => "",
        }
    }

    fn said_by(&self, host: &HostName) -> Option<&Seen> {
        let mut found = self.members.iter();
        found.find(|found| found.member.host == *host)?.seen.as_ref().ok()
    }

    /// Whether commits on the source wait for a replica. A dead one is not asked: of a replica that acknowledges and is still
    /// there commits wait again.
    fn waits(&self) -> bool {
        match self.kind {
            Kind::Planned => self
                .said_by(&self.from)
                .is_some_and(|seen| seen.semi_sync.source == Some(true)),
            Kind::Emergency => self.members.iter().any(|found| {
                let host = &found.member.host;
                let is_sibling = *host != self.from && *host != self.to;
                is_sibling
                    && found
                        .seen
                        .as_ref()
                        .is_ok_and(|seen| seen.semi_sync.acknowledges == Some(true))
            }),
        }
    }

    /// Whether the new source lets commits wait, as a word for conditions; empty where those of the old one do not, or where it
    /// cannot.
    fn semi_sync(&self) -> &'static str {
        let own = self.said_by(&self.to).and_then(|seen| seen.semi_sync.source);
        word(own.filter(|_| self.waits()))
    }

    /// Whether the old source would acknowledge what it is sent as a replica, as a word for conditions; empty where that is not
    /// known.
    fn semi_sync_back(&self) -> &'static str {
        word(self.said_by(&self.from).and_then(|seen| seen.semi_sync.acknowledges))
    }

    /// The address by which clients find the source.
    fn address(&self) -> Option<IpAddr> {
        match &self.entrance {
            Some(Entrance::Address(layout)) => Some(layout.ip),
            _ => None,
        }
    }

    /// The host that leads clients there.
    fn leads(&self) -> Option<&HostName> {
        match &self.entrance {
            Some(Entrance::Hook(hook)) => hook.on.as_ref(),
            _ => None,
        }
    }
}

impl Subject for Database {
    /// One row for each server that is neither: a step that speaks of none of these words is there once.
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        if self.left_out {
            return Vec::new();
        }
        let row = |sibling: &str| {
            BTreeMap::from([
                ("candidate", self.to.to_string()),
                ("serving", self.from.to_string()),
                ("dialect", self.dialect().to_owned()),
                ("entrance", self.entrance().to_owned()),
                ("semi_sync", self.semi_sync().to_owned()),
                ("semi_sync_back", self.semi_sync_back().to_owned()),
                ("sibling", sibling.to_owned()),
            ])
        };
        let others = self.members.iter().map(|found| &found.member.host);
        let siblings: Vec<_> = others
            .filter(|host| **host != self.from && **host != self.to)
            .map(|host| row(host.as_str()))
            .collect();
        if siblings.is_empty() { vec![row("")] } else { siblings }
    }

    fn aim(&mut self, parameters: &BTreeMap<String, String>) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        let names: Vec<&str> = self.members.iter().map(|found| found.member.host.as_str()).collect();
        if let Some(to) = parameters.get("to") {
            match self.members.iter().find(|found| found.member.host.as_str() == to) {
                Some(found) => self.to = found.member.host.clone(),
                None => refusals.push(Refusal::new(
                    format!("{to} is no server of {}", self.name),
                    format!("its servers are {}", names.join(", ")),
                )),
            }
        }
        if self.seen && self.to == self.from {
            refusals.push(Refusal::new(
                format!("{} takes the writes of {} already", self.to, self.name),
                "there is nothing to move",
            ));
        }
        if let Some(from) = parameters
            .get("from")
            .filter(|from| self.seen && *from != self.from.as_str())
        {
            refusals.push(Refusal::new(
                format!("{from} does not take the writes of {}: {} does", self.name, self.from),
                "leave it out",
            ));
        }
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }

    fn looks(&self) -> Vec<Look> {
        let of_member = |found: &Found| {
            let [machine, boot] = identity::looks(&found.member.host);
            [machine, boot, found.member.look()]
        };
        let own = self.members.iter().flat_map(of_member);
        let leads = self.leads().into_iter().flat_map(identity::looks);
        let addresses = self.address().into_iter().flat_map(|_| self.members.iter());
        own.chain(self.reach.iter().cloned())
            .chain(leads)
            .chain(addresses.map(|found| network::look(&found.member.host)))
            .collect()
    }

    fn hosts(&self) -> Vec<HostName> {
        let mut hosts: Vec<HostName> = self.members.iter().map(|found| found.member.host.clone()).collect();
        let leads = self.leads().filter(|leads| !hosts.contains(leads)).cloned();
        hosts.extend(leads);
        hosts
    }

    fn layouts(&self) -> Layouts {
        let source = self.members.iter().find(|found| found.member.host == self.from);
        let scheduler = source
            .and_then(|found| found.seen.as_ref().ok())
            .is_some_and(|seen| seen.scheduler);
        Layouts {
            database: Some(DatabaseLayout {
                name: self.name.clone(),
                kind: self.kind,
                from: self.from.clone(),
                to: self.to.clone(),
                members: self.members.iter().map(|found| found.member.clone()).collect(),
                events: scheduler,
                is_mysql: self.dialect() == "mysql",
                entrance: self.entrance.clone(),
                waits: self.waits(),
            }),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        vec![format!("database-{}", safe(&self.name))]
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for Found { member, seen } in &self.members {
            let host = &member.host;
            let role = match seen {
                Err(_) => "unknown".to_owned(),
                Ok(seen) => {
                    let open = match seen.writes {
                        Writes::All => "open",
                        Writes::Privileged => "open to SUPER",
                        Writes::None => "closed",
                    };
                    let follows = seen
                        .channels
                        .iter()
                        .map(|channel| format!(", follows {} {}/{}", channel.source_id, channel.io, channel.sql));
                    format!("server {}, {open}{}", seen.server_id, follows.collect::<String>())
                }
            };
            out.insert(format!("database {} on {host}", self.name), role);
            if let Some(address) = self.address() {
                let carries = network::carries(host, address, true).judge(sight);
                out.insert(format!("{address} on {host}"), carries.word().to_owned());
            }
            out.insert(format!("machine of {host}"), identity::machine(host, sight));
            out.insert(format!("boot of {host}"), identity::boot(host, sight));
        }
        out
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.left_out = !wanted(&self.name);
    }
}
