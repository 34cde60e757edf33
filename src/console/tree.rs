//! Replication trees: who replicates from whom, as the members themselves say.

use crate::{
    collect::FleetView,
    facts::mysql::{Mysql, ReplicaChannel},
    fleet::{Topology, TopologyKind},
};

/// A member's place in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Index into [`Topology::members`].
    pub member: usize,
    /// 0 for a source, a Galera node or an orphan.
    pub depth: u8,
    /// The last child of its parent.
    pub last: bool,
}

/// What a member says of its server.
#[must_use]
pub fn mysql<'a>(view: &'a FleetView, host: &str) -> Option<&'a Mysql> {
    view.host(host)?.snapshot.as_ref()?.mysql.value()
}

/// The member that a channel names as its source: by name, address, own host name or IP address.
#[must_use]
pub fn source_of(view: &FleetView, topology: &Topology, channel: &ReplicaChannel) -> Option<usize> {
    let wanted: &str = &channel.source_host;
    topology.members.iter().position(|name| {
        let Some(host) = view.fleet.host(name.as_str()) else {
            return false;
        };
        if name.as_str() == wanted || host.address == wanted {
            return true;
        }
        let Some(snapshot) = view.host(name.as_str()).and_then(|host| host.snapshot.as_ref()) else {
            return false;
        };
        snapshot
            .identity
            .value()
            .is_some_and(|identity| *identity.hostname == *wanted)
            || snapshot
                .addresses
                .value()
                .is_some_and(|list| list.iter().any(|address| address.ip.to_string() == wanted))
    })
}

/// The members in the order of the tree: sources first (the preferred one before others), each with
/// its replicas below it. Members in a ring, or whose source is not known, stand at depth 0 at the end.
#[must_use]
pub fn order(view: &FleetView, topology: &Topology) -> Vec<Node> {
    let count = topology.members.len();
    let mut parents: Vec<Option<usize>> = vec![None; count];
    if topology.kind == TopologyKind::Replication {
        for (at, name) in topology.members.iter().enumerate() {
            parents[at] = mysql(view, name.as_str())
                .and_then(|mysql| mysql.channels.first())
                .and_then(|channel| source_of(view, topology, channel))
                .filter(|parent| *parent != at);
        }
    }
    let mut roots: Vec<usize> = (0..count).filter(|at| parents[*at].is_none()).collect();
    roots.sort_by_key(|at| {
        let name = &topology.members[*at];
        let preferred = topology.preferred_source.as_ref() == Some(name);
        let known = mysql(view, name.as_str()).is_some();
        (!preferred, !known)
    });
    let mut out = Vec::with_capacity(count);
    let mut placed = vec![false; count];
    for root in roots {
        place(root, 0, true, &parents, &mut placed, &mut out);
    }
    for at in 0..count {
        if !placed[at] {
            place(at, 0, true, &parents, &mut placed, &mut out);
        }
    }
    out
}

fn place(at: usize, depth: u8, last: bool, parents: &[Option<usize>], placed: &mut [bool], out: &mut Vec<Node>) {
    if std::mem::replace(&mut placed[at], true) {
        return;
    }
    out.push(Node {
        member: at,
        depth,
        last,
    });
    let children: Vec<usize> = (0..parents.len())
        .filter(|child| parents[*child] == Some(at) && !placed[*child])
        .collect();
    for (index, child) in children.iter().enumerate() {
        let last = index + 1 == children.len();
        place(*child, depth.saturating_add(1).min(8), last, parents, placed, out);
    }
}

/// What a member is, in one word.
#[must_use]
pub fn role(mysql: &Mysql) -> &'static str {
    if mysql.galera.is_some() {
        "galera"
    } else if !mysql.channels.is_empty() {
        "replica"
    } else if mysql.read_only == Some(false) {
        "source"
    } else {
        "no source"
    }
}
