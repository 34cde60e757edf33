//! Which streams there are: found in what hosts say, kept over a change of the inventory, forgotten when they have gone.

use super::{
    Latency, Op, Watched, number,
    peers::{ENOUGH, Key, Member, Peers, likeness},
    picture,
};
use crate::{
    facts::{CleanText, Tier, disk::DiskCounters},
    fleet::{Fleet, HostName},
    verdict::{
        disk,
        index::Index,
        seen::{Fact, Seen},
        sight::Sight,
    },
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A host that is polled less often than this is not watched: the counters of a minute hide what its peers show.
const SLOWEST: Duration = Duration::from_secs(15);
/// Disks that are looked at for new ones: a host may print any number.
const LOOKED_AT: usize = 1024;
/// Streams at most of one host: a host may print any number of disks.
const STREAMS: usize = 256;
/// New disks are looked for when their number changes, and once in so many ticks.
const LOOK_AGAIN: u32 = 12;

impl Latency {
    /// Takes over another inventory: a host that is what it was keeps its streams.
    pub(super) fn follow(&mut self, fleet: &Fleet) {
        let same = self.hosts.len() == fleet.hosts.len()
            && self
                .hosts
                .iter()
                .zip(&fleet.hosts)
                .all(|(watched, host)| std::ptr::eq(watched.name.as_str(), host.name.as_str()));
        if same {
            return;
        }
        let mut old: BTreeMap<HostName, (usize, Watched)> = std::mem::take(&mut self.hosts)
            .into_iter()
            .enumerate()
            .map(|(at, watched)| (watched.name.clone(), (at, watched)))
            .collect();
        let (mut polls, mut offered) = (Vec::new(), Vec::new());
        let mut moved = BTreeMap::new();
        let sites = sites(fleet);
        for (at, host) in fleet.hosts.iter().enumerate() {
            let like = likeness(host);
            let site_name = host.domains.site.as_deref().unwrap_or_default();
            let site = sites.iter().position(|site| *site == site_name).unwrap_or_default();
            let site = u16::try_from(site).unwrap_or(u16::MAX);
            let kept = old.remove(&host.name).filter(|(_, watched)| watched.like == like);
            let (before, mut watched) = kept.map_or_else(
                || (None, Watched::new(host.name.clone(), like)),
                |(before, watched)| (Some(before), watched),
            );
            (watched.site, watched.site_name, watched.name) = (site, site_name.into(), host.name.clone());
            watched.counted = (usize::MAX, usize::MAX);
            polls.push(
                before
                    .and_then(|before| self.polls.get(before).copied())
                    .unwrap_or_default(),
            );
            offered.push(
                before
                    .and_then(|before| self.offered.get(before).copied())
                    .unwrap_or_default(),
            );
            if let Some(before) = before {
                moved.insert(before, at);
            }
            self.hosts.push(watched);
        }
        let names = self.hosts.iter().map(|watched| watched.name.clone());
        self.by_name = Arc::new(names.zip(0..).collect());
        (self.polls, self.offered) = (polls, offered);
        for peers in &mut self.groups {
            for at in 0..peers.members.len() {
                match moved.get(&peers.members[at].host) {
                    Some(new) => peers.members[at].host = *new,
                    None => peers.retire(at),
                }
            }
            peers.server = peers.server.and_then(|server| moved.get(&server).copied());
        }
        for peers in &mut self.groups {
            let Key::Slice(slice, _) = &peers.key else { continue };
            let slice = slice.clone();
            for at in (0..peers.members.len())
                .filter(|at| !peers.members[*at].retired)
                .collect::<Vec<_>>()
            {
                let member = &peers.members[at];
                let mut mounts = fleet.hosts[member.host].mounts.iter();
                if !mounts.any(|mount| mount.slice == slice && *mount.at == *member.name) {
                    peers.retire(at);
                }
            }
        }
        let known = |name: &&HostName| fleet.host_index(name.as_str()).is_some();
        self.suspects.retain(|suspect| suspect.names().iter().all(known));
        self.compact();
    }

    /// Forgets groups of which nobody is left, and numbers the streams anew: many reloads leave nothing behind.
    fn compact(&mut self) {
        self.groups
            .retain(|peers| peers.members.iter().any(|member| !member.retired));
        self.by_key = self
            .groups
            .iter()
            .enumerate()
            .map(|(at, peers)| (peers.key.clone(), at))
            .collect();
        let mut before = Vec::with_capacity(self.places.len());
        self.places.clear();
        for host in &mut self.hosts {
            host.streams.clear();
        }
        for (group, peers) in self.groups.iter_mut().enumerate() {
            for (at, member) in peers.members.iter_mut().enumerate() {
                before.push(member.id as usize);
                member.id = number(self.places.len());
                self.places.push((number(group), number(at)));
                if !member.retired {
                    self.hosts[member.host].streams.push(member.id);
                }
            }
        }
        for column in &mut self.history {
            let renumbered = before
                .iter()
                .map(|id| column.get(*id).copied().unwrap_or(picture::Sample::GAP));
            *column = renumbered.collect();
        }
    }

    /// Finds streams that are not watched yet.
    pub(super) fn discover(&mut self, sight: &Sight<'_>, index: &Index) {
        for host in 0..self.hosts.len() {
            let Some(seen) = sight.seen(host).filter(Seen::settled) else {
                continue;
            };
            let disks = known(&seen.fact(&seen.snapshot.disk_counters, Tier::Fast));
            let mounts = known(&seen.fact(&seen.snapshot.nfs_mount_counters, Tier::Fast));
            let counted = (disks.len(), mounts.len());
            let turn = self.ticks.wrapping_add(number(host)).is_multiple_of(LOOK_AGAIN);
            if (self.hosts[host].counted == counted && !turn) || seen.host.poll.interval > SLOWEST {
                continue;
            }
            self.hosts[host].counted = counted;
            let interval = seen.host.poll.interval;
            if seen.snapshot.rtt_us > 0 && seen.has_shell() {
                let key = Key::Polls(self.hosts[host].like.clone());
                self.watch(key, host, CleanText::default(), interval);
            }
            self.discover_disks(&seen, host, disks);
            for (wanted, link) in seen.host.mounts.iter().zip(&index.hosts[host].mounts) {
                if link.is_none() || !mounts.iter().any(|mount| mount.at.as_str() == wanted.at) {
                    continue;
                }
                for op in [Op::NfsRead, Op::NfsWrite, Op::NfsCommit, Op::NfsMeta] {
                    let key = Key::Slice(wanted.slice.clone(), op);
                    self.watch(key, host, CleanText::new(&wanted.at), interval);
                }
            }
            if seen.snapshot.mysql.value().is_some() {
                let topology = sight
                    .fleet
                    .topologies
                    .iter()
                    .find(|one| one.members.contains(&seen.host.name));
                if let Some(topology) = topology {
                    self.watch(
                        Key::Topology(topology.name.clone()),
                        host,
                        CleanText::default(),
                        seen.host.poll.medium,
                    );
                }
            }
        }
    }

    fn discover_disks(&mut self, seen: &Seen<'_>, host: usize, disks: &[DiskCounters]) {
        let classes = [
            seen.fact(&seen.snapshot.mounts, Tier::Fast).value().is_some(),
            !matches!(seen.fact(&seen.snapshot.md, Tier::Fast), Fact::Unknown(_)),
        ];
        // Which disks are alike is not known now.
        if classes.contains(&false) {
            return;
        }
        let disks = &disks[..disks.len().min(LOOKED_AT)];
        let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
        let of_class: Vec<(&CleanText, &'static str)> = disks
            .iter()
            .filter(|disk| disk::is_whole(&disk.name, &names) || disk::is_member(seen, &disk.name))
            .map(|disk| (&disk.name, disk::class(seen, &disk.name)))
            .collect();
        let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, class) in &of_class {
            *alike.entry(class).or_default() += 1;
        }
        // While it is not known which of them turn, those that are watched stay where they are.
        let kinds_unknown = seen.snapshot.disk_kinds.why().is_some();
        for (name, class) in of_class {
            for op in [Op::DiskRead, Op::DiskWrite] {
                if kinds_unknown && self.is_watched(host, op, name) {
                    continue;
                }
                let watched = &self.hosts[host];
                let own = Key::DisksOf(CleanText::new(watched.name.as_str()), class, op);
                let alike = alike.get(class).copied().unwrap_or_default();
                // Those that have been compared with each other go on so while two are left: another measure in the middle of
                // a failure would forget it.
                let key = if alike >= ENOUGH || alike > 1 && self.by_key.contains_key(&own) {
                    own
                } else {
                    Key::DisksLike(watched.like.clone(), class, op)
                };
                self.watch(key, host, name.clone(), seen.host.poll.interval);
            }
        }
    }

    fn is_watched(&self, host: usize, op: Op, name: &CleanText) -> bool {
        self.hosts[host].streams.iter().any(|id| {
            let (group, member) = self.places[*id as usize];
            let peers = &self.groups[group as usize];
            peers.key.op() == op && peers.members[member as usize].name == *name
        })
    }

    /// Watches a stream, unless it is watched already. One that has changed its peers leaves the old ones.
    fn watch(&mut self, key: Key, host: usize, name: CleanText, interval: Duration) {
        let op = key.op();
        let known = self.hosts[host].streams.iter().copied().find(|id| {
            let (group, member) = self.places[*id as usize];
            let peers = &self.groups[group as usize];
            let member = &peers.members[member as usize];
            peers.key.op() == op && member.id == *id && member.name == name && !member.retired
        });
        if let Some(id) = known {
            let (group, member) = self.places[id as usize];
            if self.groups[group as usize].key == key {
                return;
            }
            self.groups[group as usize].retire(member as usize);
            self.hosts[host].streams.retain(|other| *other != id);
        }
        if self.hosts[host].streams.len() >= STREAMS {
            return;
        }
        let group = *self.by_key.entry(key.clone()).or_insert_with(|| {
            self.groups.push(Peers::new(key));
            self.groups.len() - 1
        });
        let peers = &mut self.groups[group];
        // A place that is free again brings its number with it: numbers do not grow without end.
        let free = peers
            .members
            .iter()
            .find(|member| member.retired)
            .map(|member| member.id);
        let id = free.unwrap_or(number(self.places.len()));
        let at = peers.add(Member::new(host, name, id), interval);
        let place = (number(group), number(at));
        if free.is_none() {
            self.places.push(place);
        }
        self.hosts[host].streams.push(id);
    }
}

/// The sites of a fleet, in the order of their first host.
fn sites(fleet: &Fleet) -> Vec<&str> {
    let mut sites: Vec<&str> = Vec::new();
    for host in &fleet.hosts {
        let site = host.domains.site.as_deref().unwrap_or_default();
        if !sites.contains(&site) {
            sites.push(site);
        }
    }
    sites
}

fn known<'a, T>(fact: &Fact<'a, Vec<T>>) -> &'a [T] {
    fact.value().map_or(&[], Vec::as_slice)
}
