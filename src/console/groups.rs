//! Hosts grouped for the Fleet page: by segment, by topology, the rest by role and site.

use super::index::Id;
use crate::fleet::{Fleet, HostName};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Hosts that are shown together on the Fleet page.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its identity.
    pub id: Id,
    /// Its name.
    pub name: Arc<str>,
    /// Its hosts, as places in [`Fleet::hosts`].
    pub hosts: Vec<usize>,
}

/// The groups of an inventory; made once for each inventory.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    /// Segments, topologies, then the rest by role and site.
    pub list: Vec<Group>,
    /// The place of each host in the order of names.
    pub(super) rank: Vec<usize>,
}

impl Groups {
    /// Groups the hosts of an inventory.
    #[must_use]
    pub fn new(fleet: &Fleet) -> Self {
        let mut taken = vec![false; fleet.hosts.len()];
        let mut list = Vec::new();
        let mut add = |id: Id, name: &str, members: &[HostName]| {
            let hosts: Vec<usize> = members
                .iter()
                .filter_map(|name| fleet.host_index(name.as_str()))
                .filter(|at| !std::mem::replace(&mut taken[*at], true))
                .collect();
            list.push(Group {
                id,
                name: name.into(),
                hosts,
            });
        };
        for segment in &fleet.segments {
            add(
                Id::Segment(segment.name.clone()),
                segment.name.as_str(),
                &segment.servers,
            );
        }
        for topology in &fleet.topologies {
            add(
                Id::Topology(topology.name.clone()),
                topology.name.as_str(),
                &topology.members,
            );
        }
        let sites: HashSet<_> = fleet
            .hosts
            .iter()
            .filter_map(|host| host.domains.site.as_ref())
            .collect();
        let mut rest: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, host) in fleet.hosts.iter().enumerate().filter(|(at, _)| !taken[*at]) {
            let role = ["node", "mysql", "storage", "backup"]
                .into_iter()
                .find(|known| host.roles.contains(*known))
                .or_else(|| host.roles.iter().next().map(String::as_str))
                .unwrap_or("host");
            // The operator's own word, as it is: what a role is called in the plural is not ours to guess.
            let mut name = role.to_owned();
            if let (Some(site), true) = (&host.domains.site, sites.len() > 1) {
                name.push(' ');
                name.push_str(site);
            }
            rest.entry(name).or_default().push(at);
        }
        list.extend(rest.into_iter().map(|(name, hosts)| Group {
            id: Id::Group(name.as_str().into()),
            name: name.into(),
            hosts,
        }));
        let mut by_name: Vec<usize> = (0..fleet.hosts.len()).collect();
        by_name.sort_by(|a, b| natural(fleet.hosts[*a].name.as_str(), fleet.hosts[*b].name.as_str()));
        let mut rank = vec![0; by_name.len()];
        for (place, at) in by_name.into_iter().enumerate() {
            rank[at] = place;
        }
        Self { list, rank }
    }
}

/// Compares names so that `stor2` comes before `stor10`.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(x), Some(y)) = (left.first(), right.first()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (mine, tail) = left.split_at(digits(left));
            let (other, rest) = right.split_at(digits(right));
            let numbers = (trim_zeros(mine), trim_zeros(other));
            let order = numbers.0.len().cmp(&numbers.1.len());
            match order.then_with(|| numbers.0.cmp(numbers.1)) {
                Ordering::Equal => (left, right) = (tail, rest),
                other => return other,
            }
        } else if x == y {
            (left, right) = (&left[1..], &right[1..]);
        } else {
            return x.cmp(y);
        }
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_people_count() {
        let mut names = ["stor10", "stor2", "stor1", "stor02", "a", "stor1b"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "stor1", "stor1b", "stor02", "stor2", "stor10"]);
    }
}
