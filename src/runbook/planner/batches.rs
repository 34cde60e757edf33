//! Which hosts go together: a few at a time, and never two that can fail together.

use crate::{
    fleet::{Fleet, HostName},
    runbook::{
        check::Report,
        definition::Apart,
        plan::{Rolling, Row},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Hosts in the order in which they go, a batch after the other: the first `canary` of them each alone, then up to `size`
/// together that share nothing of what keeps them apart. No host goes before one that stands before it, unless that one
/// has to wait for another batch.
#[must_use]
pub fn batches(fleet: &Fleet, hosts: &[HostName], canary: usize, size: usize, apart: &[Apart]) -> Vec<Vec<HostName>> {
    let (first, rest) = hosts.split_at(canary.min(hosts.len()));
    let mut out: Vec<Vec<HostName>> = first.iter().map(|host| vec![host.clone()]).collect();
    let mut left: Vec<&HostName> = rest.iter().collect();
    while !left.is_empty() {
        let mut batch: Vec<HostName> = Vec::new();
        left.retain(|host| {
            let joins =
                batch.len() < size.max(1) && batch.iter().all(|other| shared(fleet, host, other, apart).is_none());
            if joins {
                batch.push((*host).clone());
            }
            !joins
        });
        out.push(batch);
    }
    out
}

/// What two hosts share of what keeps them apart, in words.
#[must_use]
pub fn shared(fleet: &Fleet, one: &HostName, two: &HostName, apart: &[Apart]) -> Option<String> {
    apart.iter().find_map(|apart| {
        let others = domains(fleet, two, *apart);
        domains(fleet, one, *apart)
            .into_iter()
            .find(|name| others.contains(name))
    })
}

/// What a host belongs to, in words, of one kind.
fn domains(fleet: &Fleet, host: &HostName, apart: Apart) -> BTreeSet<String> {
    let named =
        |what: &str, names: &mut dyn Iterator<Item = &str>| names.map(|name| format!("{what} {name}")).collect();
    let Some(known) = fleet.host(host.as_str()) else {
        return BTreeSet::new();
    };
    let place = &known.domains;
    match apart {
        Apart::Pair => {
            let segments = fleet.segments.iter().filter(|segment| {
                let mut sides = segment
                    .slices
                    .iter()
                    .flat_map(|slice| std::iter::once(&slice.preferred).chain(&slice.standby));
                segment.servers.contains(host) || sides.any(|side| side == host)
            });
            let topologies = fleet
                .topologies
                .iter()
                .filter(|topology| topology.members.contains(host));
            let segments = segments.map(|segment| format!("segment {}", segment.name));
            segments
                .chain(topologies.map(|topology| format!("topology {}", topology.name)))
                .collect()
        }
        Apart::Rack => named("rack", &mut place.rack.iter().map(String::as_str)),
        Apart::Site => named("site", &mut place.site.iter().map(String::as_str)),
        Apart::Power => named("power feed", &mut place.feeds.iter().map(String::as_str)),
        Apart::Switch => named("switch", &mut place.switches.iter().map(String::as_str)),
    }
}

/// Says how the hosts go, and where it is not known what they share.
pub fn tell(fleet: &Fleet, rolling: &Rolling, apart: &[Apart], report: &mut Report) {
    let mut batches: BTreeMap<usize, Vec<&Row>> = BTreeMap::new();
    for row in &rolling.rows {
        batches.entry(row.batch).or_default().push(row);
    }
    let first: Vec<&str> = rolling
        .rows
        .iter()
        .filter(|row| row.canary)
        .map(|row| row.name.as_str())
        .collect();
    if !first.is_empty() {
        report.note(format!(
            "{} goes first; if that fails nothing else is begun",
            first.join(", then ")
        ));
    }
    let one = if rolling.awaited { "slice" } else { "host" };
    report.note(format!(
        "a {one} that fails is taken back alone; when more than {} have failed no further {one} is begun",
        rolling.failures
    ));
    for rows in batches.values().filter(|rows| rows.len() > 1) {
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        report.note(format!("{} go together, step by step", names.join(", ")));
        for kind in apart.iter().filter(|kind| **kind != Apart::Pair) {
            let undeclared = |row: &&&Row| domains(fleet, &HostName::new(row.name.as_str()), *kind).is_empty();
            let names: Vec<&str> = rows.iter().filter(undeclared).map(|row| row.name.as_str()).collect();
            if !names.is_empty() {
                report.warn(format!(
                    "{} go together with others, and their {} is not declared: whether they share one is not known",
                    names.join(", "),
                    word(*kind)
                ));
            }
        }
    }
}

const fn word(kind: Apart) -> &'static str {
    match kind {
        Apart::Pair => "pair",
        Apart::Rack => "rack",
        Apart::Power => "power feed",
        Apart::Switch => "switch",
        Apart::Site => "site",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Host, Poll, Segment, Topology, TopologyKind, TopologyName};
    use proptest::prelude::*;

    /// Hosts with domains of these numbers; the first four of a number are a segment, a topology, a rack, a feed.
    fn fleet(parts: &[(u8, u8, u8, u8)]) -> Fleet {
        let name = |at: usize| HostName::new(format!("h{at}").as_str());
        let hosts = parts.iter().enumerate().map(|(at, (_, _, rack, feed))| {
            let mut host = Host::new(&format!("h{at}"), "x");
            host.domains.rack = (*rack > 0).then(|| rack.to_string());
            host.domains.feeds = (*feed > 0).then(|| feed.to_string()).into_iter().collect();
            host
        });
        let of = |wanted: u8, number: fn(&(u8, u8, u8, u8)) -> u8| -> Vec<HostName> {
            let parts = parts.iter().enumerate();
            parts
                .filter(|(_, part)| number(part) == wanted)
                .map(|(at, _)| name(at))
                .collect()
        };
        let segments = (1..4).map(|wanted| Segment {
            name: format!("s{wanted}").as_str().into(),
            servers: of(wanted, |part| part.0),
            slices: Vec::new(),
            pools: Vec::new(),
        });
        let topologies = (1..4).map(|wanted| Topology {
            name: TopologyName::new(format!("t{wanted}").as_str()),
            kind: TopologyKind::Galera,
            members: of(wanted, |part| part.1),
            preferred_source: None,
            entrance: None,
            backup: None,
        });
        Fleet::new(
            "x".to_owned(),
            None,
            Poll::default(),
            hosts.collect(),
            segments.collect(),
            topologies.collect(),
        )
    }

    proptest! {
        #[test]
        fn no_two_that_can_fail_together_go_together(
            parts in prop::collection::vec((0..4u8, 0..4u8, 0..4u8, 0..4u8), 0..24),
            canary in 0..4usize,
            size in 1..6usize,
        ) {
            let fleet = fleet(&parts);
            let hosts: Vec<HostName> = fleet.hosts.iter().map(|host| host.name.clone()).collect();
            let all = Apart::all();
            let batches = batches(&fleet, &hosts, canary, size, &all);
            // Every host once.
            let mut seen: Vec<HostName> = batches.concat();
            seen.sort();
            let mut wanted = hosts.clone();
            wanted.sort();
            prop_assert_eq!(seen, wanted);
            for (at, batch) in batches.iter().enumerate() {
                prop_assert!(!batch.is_empty() && batch.len() <= size);
                if at < canary {
                    prop_assert_eq!(batch, &vec![hosts[at].clone()]);
                }
                for (one, host) in batch.iter().enumerate() {
                    for other in &batch[..one] {
                        let part = |host: &HostName| parts[host.as_str()[1..].parse::<usize>().unwrap()];
                        let (a, b) = (part(host), part(other));
                        for (a, b) in [(a.0, b.0), (a.1, b.1), (a.2, b.2), (a.3, b.3)] {
                            prop_assert!(a == 0 || a != b, "{} and {} of {:?}", host, other, parts);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn those_that_share_nothing_do_go_together() {
        let fleet = fleet(&[(1, 0, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 0), (0, 0, 2, 1)]);
        let hosts: Vec<HostName> = fleet.hosts.iter().map(|host| host.name.clone()).collect();
        let names = |size| -> Vec<String> {
            let batches = batches(&fleet, &hosts, 0, size, &Apart::all());
            let one = |batch: &Vec<HostName>| batch.iter().map(HostName::as_str).collect::<Vec<_>>().join(" ");
            batches.iter().map(one).collect()
        };
        assert_eq!(names(3), ["h0 h2 h4", "h1 h3"]);
        assert_eq!(names(1), ["h0", "h1", "h2", "h3", "h4"]);
    }
}
