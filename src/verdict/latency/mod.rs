//! Live latency: from the counters of all hosts to streams, peers, blame and findings.
//!
//! Every [`TICK`] the newest snapshots are read: each disk, NFS mount, poll and database server is a stream that is
//! compared with its peers (`peers`) and, where clients see servers, with its own past (`suspects`). What comes of it
//! is kept in [`Latency`], which every front end reads and none computes (`picture`, `grid`), and told as findings (`tell`).
//!
//! Pure: time comes in, and the same snapshots give the same verdicts.

mod accused;
mod beside;
mod discover;
mod grid;
mod load;
mod op;
mod peers;
mod picture;
mod sums;
mod suspects;
mod tell;
mod together;

#[cfg(test)]
mod tests;

pub use grid::{Cell, Column, Excuse, Grid, Row};
pub use op::Op;
pub use picture::{Blamed, StreamId, Told};

use super::{
    claim::Claims,
    failslow::{Reading, State, trust},
    index::Index,
    sight::Sight,
    slice::View,
};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
};
use load::Offered;
use peers::{Key, Peers, Polled};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use suspects::Suspect;

/// Least time between two looks at the counters: shorter means are mostly chance.
pub const TICK: Duration = Duration::from_secs(5);
/// Ticks of which ratio and load of each stream are kept for sparklines.
pub const HISTORY: usize = 60;
/// A client must be busy for so many ticks before it is told that its word is not counted.
const BUSY_TOLD: u16 = 3;
/// The console's way to its hosts has changed for good when it was slow for so many ticks: what was usual is forgotten.
const NEW_WAY: u16 = 60;
/// A stream of which nothing has been seen for so many ticks while its host answers is given up.
const GIVEN_UP: u16 = 120;
/// A server that is busy is so until it has less than this above its usual load, ln 1.5.
const BUSY_OVER: f32 = 0.405;

/// All streams of a fleet with what is thought of them. Cheap enough to be copied once a tick.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    /// When the counters were looked at last.
    at: UnixMs,
    ticks: u32,
    hosts: Vec<Watched>,
    /// The place of each host by name; shared, because it changes with the inventory alone.
    by_name: Arc<HashMap<HostName, usize>>,
    groups: Vec<Peers>,
    by_key: BTreeMap<Key, usize>,
    /// Where each stream is: its group and its place there.
    places: Vec<(u32, u32)>,
    /// Ratio to the peers and load of each stream, newest last.
    history: VecDeque<Arc<[picture::Sample]>>,
    polls: Vec<Polled>,
    offered: Vec<Offered>,
    suspects: Vec<Suspect>,
    /// So many hosts answer the console late that it is the console or its uplink.
    uplink: bool,
    uplink_ticks: u16,
    /// The console itself is starved.
    console_late: bool,
    /// Groups of disks that have a cause in common, as far as that was told.
    together: Vec<Key>,
    /// Since when each host is called semi-failed: the one time that findings, sentences and pages tell.
    since: BTreeMap<HostName, UnixMs>,
}

/// What is known of one host as an observer and as a member of groups.
#[derive(Debug, Clone)]
struct Watched {
    name: HostName,
    /// Hosts of the same words are alike.
    like: String,
    site: u16,
    site_name: CleanText,
    /// How far what it sees is trusted.
    weight: f32,
    /// Why it is not trusted; empty where it is.
    busy: String,
    /// It can be seen now.
    fresh: bool,
    /// Ticks in a row in which it was not trusted at all.
    busy_ticks: u16,
    since_busy: UnixMs,
    /// Disks and mounts that were there when streams were looked for last.
    counted: (usize, usize),
    /// Its streams.
    streams: Vec<u32>,
    /// What clients ask of it over NFS, and what is usual.
    asked: Offered,
    /// Clients ask much more of it than usual.
    much_asked: bool,
}

impl Latency {
    /// Whether a tick has passed.
    pub(super) fn is_due(&self, now: UnixMs) -> bool {
        // A clock that was set back does not stop it.
        self.ticks == 0 || now.since(self.at) >= TICK || now < self.at
    }

    /// Looks at the newest snapshots, one tick after the last look, and says what is to be claimed.
    pub(super) fn look(&mut self, sight: &Sight<'_>, index: &Index, now: UnixMs) -> Claims {
        self.at = now;
        self.ticks = self.ticks.saturating_add(1);
        self.console_late = sight.observer_doubtful;
        self.follow(sight.fleet);
        self.trust(sight);
        let serving = serving(sight, index);
        self.discover(sight, index);
        self.read(sight, &serving, now);
        self.explain(sight);
        // Only new readings confirm what was said of the old ones.
        if self
            .groups
            .iter()
            .any(|peers| peers.key.op().is_nfs() && peers.polled == now)
        {
            self.suspect(sight, &serving, now);
        }
        self.remember();
        let mut claims = Claims::new();
        (self.together, self.since) = self.tell(sight, &serving, &mut claims);
        claims
    }

    /// How far each host is trusted as an observer.
    fn trust(&mut self, sight: &Sight<'_>) {
        for (at, watched) in self.hosts.iter_mut().enumerate() {
            watched.fresh = sight.seen(at).is_some();
            let Some(seen) = sight.seen(at) else { continue };
            let queue = watched.streams.iter().filter_map(|id| {
                let (group, member) = *self.places.get(*id as usize)?;
                let peers = self.groups.get(group as usize)?;
                let member = &peers.members[member as usize];
                (peers.key.op().is_nfs() && member.speaks()).then_some(member.tracked.queue_over_rtt)
            });
            let load = load::of(
                &seen,
                queue.fold(None, |most: Option<f32>, one| Some(most.map_or(one, |m| m.max(one)))),
            );
            watched.weight = trust::weight(&load);
            watched.busy = load::words(&load, watched.weight);
            // It is told after some ticks, and taken back after as many: at the limit it is neither on nor off.
            if watched.weight > 0.0 {
                watched.busy_ticks = watched.busy_ticks.min(2 * BUSY_TOLD).saturating_sub(1);
            } else {
                watched.busy_ticks = watched.busy_ticks.saturating_add(1);
                if watched.busy_ticks == 1 {
                    watched.since_busy = self.at;
                }
            }
        }
    }

    /// Reads all counters that are due, and lets each group judge.
    fn read(&mut self, sight: &Sight<'_>, serving: &BTreeMap<&str, usize>, now: UnixMs) {
        let due: Vec<usize> = (0..self.groups.len())
            .filter(|at| self.groups[*at].is_due(now))
            .collect();
        let hosts = &self.hosts;
        for &at in &due {
            let peers = &mut self.groups[at];
            if let Key::Slice(slice, _) = &peers.key
                && let Some(server) = serving.get(slice.as_str())
            {
                peers.served_by(*server);
            }
            peers.read(sight, &mut self.polls, &|host| hosts[host].weight <= 0.0);
        }
        self.uplink(&due);
        self.offer();
        let unwell: Vec<bool> = (0..self.hosts.len())
            .map(|host| self.disk_state(host) > State::Ok)
            .collect();
        let common = self.busier_together();
        for &at in &due {
            self.against_own_past(at, &unwell, common);
            let peers = &mut self.groups[at];
            peers.group.poll(&peers.readings, true);
            peers.polled = now;
            for member in 0..peers.members.len() {
                if peers.members[member].gone > GIVEN_UP && !peers.members[member].retired {
                    let (host, id) = (peers.members[member].host, peers.members[member].id);
                    peers.retire(member);
                    self.hosts[host].streams.retain(|other| *other != id);
                }
            }
        }
    }

    /// Where the console itself is late, or most hosts answer it late at once, no poll says anything about a host.
    fn uplink(&mut self, due: &[usize]) {
        let polls = || due.iter().filter(|at| self.groups[**at].key.op() == Op::Poll);
        let excesses = polls().flat_map(|at| {
            let peers = &self.groups[*at];
            peers
                .readings
                .iter()
                .zip(&peers.members)
                .filter_map(|(reading, member)| {
                    let mut own = member.own;
                    own.measure(reading, false)
                })
        });
        let excesses: Vec<f32> = excesses.collect();
        if polls().next().is_some() {
            self.uplink = trust::is_uplink(excesses);
            self.uplink_ticks = if self.uplink {
                self.uplink_ticks.saturating_add(1)
            } else {
                0
            };
        }
        if !self.uplink && !self.console_late {
            return;
        }
        let new_way = self.uplink_ticks >= NEW_WAY;
        for at in due {
            let peers = &mut self.groups[*at];
            if peers.key.op() != Op::Poll {
                continue;
            }
            peers.readings.fill(Reading::Untrusted);
            if new_way {
                peers.begin_anew();
            }
        }
        if new_way {
            (self.uplink, self.uplink_ticks) = (false, 0);
        }
    }

    /// Adds up what each server is asked for.
    fn offer(&mut self) {
        let mut nfs = vec![0.0; self.hosts.len()];
        let mut disks = vec![0.0; self.hosts.len()];
        for peers in &self.groups {
            let op = peers.key.op();
            for member in peers.members.iter().filter(|member| member.speaks()) {
                match (op, peers.server) {
                    (Op::DiskRead | Op::DiskWrite, _) => disks[member.host] += member.tracked.load(),
                    (_, Some(server)) if op.is_nfs() => nfs[server] += member.tracked.load(),
                    _ => {}
                }
            }
        }
        for ((offered, nfs), disks) in self.offered.iter_mut().zip(nfs.iter().copied()).zip(disks) {
            offered.take(nfs, disks);
        }
        self.ask(&nfs);
    }

    /// Which servers are busy: with much more to do than usual, where that is not so of most.
    fn ask(&mut self, operations: &[f64]) {
        for (watched, operations) in self.hosts.iter_mut().zip(operations) {
            watched.asked.take(*operations, 0.0);
        }
        let serving = self.hosts.iter().zip(operations).filter(|(_, one)| **one > 0.0);
        let mut above: Vec<f32> = serving.map(|(watched, _)| watched.asked.above_usual()).collect();
        above.sort_by(f32::total_cmp);
        let common = above
            .get(above.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or_default()
            .max(0.0);
        for watched in &mut self.hosts {
            let limit = if watched.much_asked { BUSY_OVER } else { suspects::BUSY };
            watched.much_asked = watched.asked.above_usual() - common > limit;
        }
    }

    /// What each client sees of its server, against what it saw before.
    fn against_own_past(&mut self, at: usize, unwell: &[bool], common: f32) {
        let op = self.groups[at].key.op();
        if !op.is_nfs() && op != Op::Poll {
            return;
        }
        let Peers {
            group,
            members,
            readings,
            server,
            ..
        } = &mut self.groups[at];
        let suspects = &self.suspects;
        let hosts = &self.hosts;
        let load = server.map_or(0.0, |server| self.offered[server].above_usual());
        // What servers have to do says nothing about the console's polls.
        let common = if op.is_nfs() { common } else { 0.0 };
        // What was never seen well has no past: a server with a slow disk gives none.
        let unwell = server.is_some_and(|server| unwell[server]);
        for (place, (member, reading)) in members.iter_mut().zip(readings.iter()).enumerate() {
            let (Some((latency, _)), false) = (reading.measured(), member.retired) else {
                continue;
            };
            if unwell && member.own.excess().is_none() {
                continue;
            }
            let client = &hosts[member.host].name;
            let suspected = suspects
                .iter()
                .any(|suspect| suspect.concerns(client, server.map(|server| &hosts[server].name)));
            let quiet = !unwell && !suspected && group.state(place) == State::Ok;
            let reading = Reading::Value { latency, load };
            member.own.measure_among(&reading, quiet, common);
        }
    }

    /// How far all servers together are above their usual load, ln: what all have to do is doubt in nobody's favour.
    fn busier_together(&self) -> f32 {
        let serving = self.groups.iter().filter(|peers| peers.key.op().is_nfs());
        let mut servers: Vec<usize> = serving.filter_map(|peers| peers.server).collect();
        servers.sort_unstable();
        servers.dedup();
        let mut above: Vec<f32> = servers.iter().map(|at| self.offered[*at].above_usual()).collect();
        above.sort_by(f32::total_cmp);
        // Of two the less busy one, so that the other keeps the benefit of the doubt.
        let middle = above.len().saturating_sub(1) / 2;
        above.get(middle).copied().unwrap_or_default().max(0.0)
    }

    /// Keeps ratio and load of this tick for sparklines.
    fn remember(&mut self) {
        let sample = |&(group, member): &(u32, u32)| {
            let peers = &self.groups[group as usize];
            let measured = peers
                .readings
                .get(member as usize)
                .is_some_and(|one| one.measured().is_some());
            let lately = measured.then(|| peers.group.lately(member as usize)).flatten();
            picture::Sample::of(lately, peers.key.op(), &peers.members[member as usize])
        };
        let column: Arc<[picture::Sample]> = self.places.iter().map(sample).collect();
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(column);
    }
}

impl Watched {
    fn new(name: HostName, like: String) -> Self {
        Self {
            name,
            like,
            site: 0,
            site_name: CleanText::default(),
            weight: 1.0,
            busy: String::new(),
            fresh: false,
            busy_ticks: 0,
            since_busy: UnixMs(0),
            counted: (usize::MAX, usize::MAX),
            streams: Vec::new(),
            asked: Offered::default(),
            much_asked: false,
        }
    }
}

/// A place in a list as it is kept; no list here comes near the limit, see `STREAMS` of `discover`.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Who serves each slice now, where that is known.
fn serving<'a>(sight: &Sight<'a>, index: &Index) -> BTreeMap<&'a str, usize> {
    let segments = sight.fleet.segments.iter().zip(&index.segments);
    let slices = segments.flat_map(|(segment, links)| segment.slices.iter().zip(&links.slices));
    slices
        .filter_map(|(slice, links)| {
            let view = View::new(sight, slice, links)?;
            Some((slice.name.as_str(), view.primary()?.at))
        })
        .collect()
}
