//! The database part of a draft: who replicates from whom, and Galera clusters.

use super::{Host, Names, host_called};
use crate::facts::mysql::Mysql;
use std::collections::BTreeMap;

/// What only a person knows of replication: whether there is a heartbeat, and where.
const HEARTBEAT: &str = "choose: `mysql: { heartbeat: DATABASE.TABLE }` for each member (or in a group), if pt-heartbeat or the like \
     writes one (ts, server_id); without it lag is only what replicas say themselves";

/// One topology of the draft.
pub(super) struct Topology {
    pub name: String,
    pub galera: bool,
    pub members: Vec<usize>,
    pub source: Option<usize>,
    pub comments: Vec<String>,
}

/// Galera clusters by their state id; then servers that replicate from each other; then single ones.
pub(super) fn topologies(hosts: &mut [Host<'_>]) -> Vec<Topology> {
    let mut names = Names::default();
    let mut out = Vec::new();
    let servers: Vec<(usize, &Mysql)> = hosts
        .iter()
        .enumerate()
        .filter_map(|(at, host)| host.snapshot.mysql.value().map(|mysql| (at, mysql)))
        .collect();
    let mut clusters: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, mysql) in &servers {
        if let Some(galera) = &mysql.galera {
            // A node that has not joined has no state id yet, and is a cluster of its own here.
            let id = if galera.state_uuid.is_empty() {
                format!("?{at}")
            } else {
                galera.state_uuid.to_string()
            };
            clusters.entry(id).or_default().push(*at);
        }
    }
    for members in clusters.into_values() {
        let wish = format!("{}-cluster", hosts[members[0]].name);
        out.push(Topology {
            name: names.take(&wish, "cluster"),
            galera: true,
            members,
            source: None,
            comments: Vec::new(),
        });
    }
    replication(hosts, &servers, &mut names, &mut out);
    let members: Vec<usize> = servers.iter().map(|(at, _)| *at).collect();
    for at in members {
        hosts[at].roles.push("mysql");
    }
    out
}

fn replication(hosts: &[Host<'_>], servers: &[(usize, &Mysql)], names: &mut Names, out: &mut Vec<Topology>) {
    let single: Vec<(usize, &Mysql)> = servers
        .iter()
        .filter(|(_, mysql)| mysql.galera.is_none())
        .copied()
        .collect();
    // Each server's group is the smallest host number it is connected with.
    let mut group: BTreeMap<usize, usize> = single.iter().map(|(at, _)| (*at, *at)).collect();
    let mut comments: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut links = Vec::new();
    for (at, mysql) in &single {
        for channel in &mysql.channels {
            match host_called(hosts, &channel.source_host).filter(|source| group.contains_key(source)) {
                Some(source) => links.push((*at, source)),
                None => comments.entry(*at).or_default().push(format!(
                    "choose: {} replicates from {}, which is not in this draft",
                    hosts[*at].name, channel.source_host
                )),
            }
        }
    }
    for (a, b) in &links {
        let (Some(a), Some(b)) = (group.get(a).copied(), group.get(b).copied()) else {
            continue;
        };
        let (least, other) = (a.min(b), a.max(b));
        group.values_mut().filter(|id| **id == other).for_each(|id| *id = least);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, id) in &group {
        groups.entry(*id).or_default().push(*at);
    }
    for members in groups.into_values() {
        let replicates = |at: &usize| links.iter().any(|(replica, _)| replica == at);
        let sources: Vec<usize> = members.iter().copied().filter(|at| !replicates(at)).collect();
        let mut notes: Vec<String> = members.iter().filter_map(|at| comments.remove(at)).flatten().collect();
        notes.truncate(20);
        // Which table it is would have to be searched for at every poll.
        if links.iter().any(|(replica, _)| members.contains(replica)) {
            notes.push(HEARTBEAT.to_owned());
        }
        let source = match sources.as_slice() {
            [only] if members.len() > 1 => Some(*only),
            _ if members.len() > 1 => {
                notes.push("choose: `source:`; the servers replicate in a circle, or from several".to_owned());
                None
            }
            _ => None,
        };
        let wish = &hosts[source.unwrap_or(members[0])].name;
        out.push(Topology {
            name: names.take(wish, "database"),
            galera: false,
            members,
            source,
            comments: notes,
        });
    }
}
