//! A Galera cluster: its members by the inventory's topology, and how each of them stands.

use super::{Asked, Subject, database, safe};
use crate::{
    fleet::{Host, HostName, TopologyKind},
    runbook::{
        check::Refusal,
        observe::galera::{Found, Member, Position, Seen},
        plan::{GaleraLayout, Layouts, Rule},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::{cmp::Reverse, collections::BTreeMap};

/// The cluster of a plan.
#[derive(Debug, Clone)]
pub struct Galera {
    name: String,
    nodes: Vec<Node>,
    /// The member that the others join.
    node: HostName,
    /// Whether it is wanted no more.
    left_out: bool,
}

/// A member, and what it said.
#[derive(Debug, Clone)]
struct Node {
    member: Member,
    seen: Result<Seen, String>,
}

/// Finds the cluster that a parameter names, or whose member another one names.
///
/// # Errors
/// No such cluster.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let topology = database::topology(asked).map_err(|refusal| vec![refusal])?;
    if topology.kind != TopologyKind::Galera {
        return Err(vec![Refusal::new(
            format!("{} is no Galera cluster: a source and its replicas", topology.name),
            "see mysql-switchover and mysql-failover",
        )]);
    }
    let hosts = topology
        .members
        .iter()
        .filter_map(|name| asked.fleet.host(name.as_str()));
    let nodes: Vec<Node> = hosts.map(|host| node(asked, host)).collect();
    let node = chosen(&nodes).ok_or_else(|| {
        vec![Refusal::new(
            format!("{} has no members", topology.name),
            "add them to its `members:`",
        )]
    })?;
    Ok(Box::new(Galera {
        name: topology.name.to_string(),
        node,
        nodes,
        left_out: false,
    }))
}

fn node(asked: &Asked<'_>, host: &Host) -> Node {
    let access = host.mysql.clone().unwrap_or_default();
    let mut member = Member {
        host: host.name.clone(),
        access,
        found: Found::Unknown,
    };
    let seen = match asked.sight {
        Some(sight) => sight.text(&member.look()).and_then(|text| member.read(text)),
        None => Err(format!("{} was not asked yet", host.name)),
    };
    member.found = match &seen {
        Ok(Seen::Running(_)) => Found::Runs,
        Ok(Seen::Stopped(_)) => Found::Stopped,
        Err(_) if is_off(asked, host) => Found::Off,
        Err(_) => Found::Unknown,
    };
    Node { member, seen }
}

/// Whether a person has named a host that does not answer, or that can be switched off before anything else is done.
fn is_off(asked: &Asked<'_>, host: &Host) -> bool {
    let mut glass = asked.wish.glass.iter();
    let named = glass.any(|glass| glass.rule == Rule::AssertOff && glass.resource == host.name.as_str());
    let silent = asked
        .sight
        .is_some_and(|sight| sight.text(&identity::machine_look(&host.name)).is_err());
    named && (silent || host.fencing.is_some())
}

/// The member that the others join: one that takes part in the primary component; where there is none the one that is
/// furthest, never by what it says of itself. Of equal ones one that runs, that sees most, and that was the last to leave.
fn chosen(nodes: &[Node]) -> Option<HostName> {
    let primary = |node: &&Node| node.seen.as_ref().is_ok_and(Seen::is_synced);
    let rank = |node: &Node| {
        let (size, safe) = match &node.seen {
            Ok(Seen::Running(own)) => (own.size, false),
            Ok(Seen::Stopped(own)) => (0, own.safe),
            Err(_) => (0, false),
        };
        let position = node.seen.as_ref().ok().and_then(|seen| seen.position().ok());
        (
            position.map(|position| position.seqno),
            node.member.found == Found::Runs,
            size,
            safe,
        )
    };
    let best = || nodes.iter().min_by_key(|node| Reverse(rank(node)));
    let found = nodes.iter().find(primary).or_else(best);
    found.map(|node| node.member.host.clone())
}

impl Galera {
    fn find(&self, host: &HostName) -> Option<&Node> {
        self.nodes.iter().find(|node| node.member.host == *host)
    }

    /// How far the chosen member is. One that takes part goes on while the plan is read: that it does is enough, and a
    /// number would make the plan another one at each commit.
    fn position(&self) -> Option<Position> {
        match self.find(&self.node)?.seen.as_ref().ok()? {
            Seen::Running(own) if own.primary => Some(Position {
                uuid: own.cluster.clone(),
                seqno: 0,
            }),
            other => other.position().ok(),
        }
    }

    /// The bootstraps that the chosen member's component came from, or will have come from.
    fn bootstraps(&self) -> String {
        let seen = self.find(&self.node).and_then(|node| node.seen.as_ref().ok());
        let mut all: Vec<String> = seen
            .into_iter()
            .flat_map(Seen::bootstraps)
            .map(ToString::to_string)
            .collect();
        if !seen.is_some_and(Seen::is_primary) {
            all.extend(self.position().map(|position| format!("{position}:-")));
        }
        if all.is_empty() { "-".to_owned() } else { all.join(",") }
    }
}

impl Subject for Galera {
    /// One row for each member that has still to join, and for each that is made sure to be off.
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        if self.left_out {
            return Vec::new();
        }
        let row = |member: &str, absent: &str| {
            BTreeMap::from([
                ("node", self.node.to_string()),
                ("member", member.to_owned()),
                ("absent", absent.to_owned()),
            ])
        };
        let others = self.nodes.iter().filter(|node| node.member.host != self.node);
        let rows: Vec<_> = others
            .filter_map(|node| {
                let host = node.member.host.as_str();
                match node.member.found {
                    Found::Off => Some(row("", host)),
                    Found::Runs | Found::Stopped if !node.seen.as_ref().is_ok_and(Seen::is_synced) => {
                        Some(row(host, ""))
                    }
                    _ => None,
                }
            })
            .collect();
        if rows.is_empty() { vec![row("", "")] } else { rows }
    }

    fn aim(&mut self, parameters: &BTreeMap<String, String>) -> Result<(), Vec<Refusal>> {
        let Some(to) = parameters.get("to") else {
            return Ok(());
        };
        let mut names = self.nodes.iter().map(|node| &node.member.host);
        let Some(host) = names.find(|host| host.as_str() == to).cloned() else {
            let names: Vec<&str> = self.nodes.iter().map(|node| node.member.host.as_str()).collect();
            return Err(vec![Refusal::new(
                format!("{to} is no member of {}", self.name),
                format!("its members are {}", names.join(", ")),
            )]);
        };
        self.node = host;
        Ok(())
    }

    fn looks(&self) -> Vec<Look> {
        let of_node = |node: &Node| {
            let [machine, boot] = identity::looks(&node.member.host);
            [machine, boot, node.member.look()]
        };
        self.nodes.iter().flat_map(of_node).collect()
    }

    fn hosts(&self) -> Vec<HostName> {
        self.nodes.iter().map(|node| node.member.host.clone()).collect()
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            galera: Some(GaleraLayout {
                name: self.name.clone(),
                node: self.node.clone(),
                position: self.position(),
                bootstraps: self.bootstraps(),
                members: self.nodes.iter().map(|node| node.member.clone()).collect(),
            }),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        vec![format!("galera-{}", safe(&self.name))]
    }

    /// Without a primary component nothing is written: positions stand still, and the plan rests on them.
    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for Node { member, seen } in &self.nodes {
            let host = &member.host;
            let stands = match seen {
                Err(_) => format!("{:?}", member.found).to_lowercase(),
                Ok(seen) if seen.is_primary() => format!("{} in {}", seen.stands(), seen.uuid()),
                Ok(seen) => {
                    let at = seen.position().map_or_else(|why| why, |position| position.to_string());
                    format!("{} at {at}", seen.stands())
                }
            };
            out.insert(format!("{} on {host}", self.name), stands);
            out.insert(format!("machine of {host}"), identity::machine(host, sight));
            out.insert(format!("boot of {host}"), identity::boot(host, sight));
        }
        out
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.left_out = !wanted(&self.name);
    }
}
