//! An island: hosts that share state, advanced together by elapsed time.
//!
//! The demo fleet is one island; a uniform fleet has an island for each host, so that thousands of
//! them never wait for each other. Decisions (who talks to whom, how fast, what the story does) are
//! taken on a fixed grid of ticks; counters grow in between. The state at a time thus depends on
//! the seed and on that time alone, not on who looked when.

use super::{
    copy::Copies,
    drbd::{Data, Replica},
    fault::Fault,
    md::{MemberState, Role},
    nfs::{self, MountState, NfsMount},
    node::{Node, SYNC_KIB, whole},
    noise::{common, jitter, mix, unit, wave},
    story::Story,
};
use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

/// Length of a tick.
pub const TICK_MS: u64 = 1000;
/// After a gap longer than this (a machine that slept) ticks are ten times as long.
const LONG_GAP_MS: u64 = 3_600_000;
/// Time on the wire for a round trip, milliseconds.
const WIRE_MS: f64 = 0.25;
/// What an NFS server itself needs for an operation, milliseconds.
const SERVICE_MS: f64 = 0.1;
/// DRBD adds this to a write: protocol C waits until the standby, too, has written it.
const REPLICATION_MS: f64 = 0.3;
/// What TCP waits until it sends again what was lost, milliseconds (the least `RTO` of Linux).
const SENT_AGAIN_MS: f64 = 200.0;

/// Hosts that share state.
#[derive(Debug)]
pub struct Island {
    /// The hosts.
    pub nodes: Vec<Node>,
    /// The slices over them.
    pub replicas: Vec<Replica>,
    /// Unix time at the world's time zero.
    pub epoch: Duration,
    /// The world's time reached, milliseconds.
    pub now_ms: u64,
    /// What happens by itself.
    pub story: Option<Story>,
    /// Faults in force.
    pub faults: Vec<Fault>,
    /// Where clients believe service addresses to be.
    pub neighbours: BTreeMap<Ipv4Addr, Neighbour>,
    /// Ways from a client to a server that are not well.
    pub paths: BTreeMap<(usize, usize), Way>,
    /// Slices that are copied to another filesystem.
    pub copies: Copies,
    ticked_ms: u64,
}

/// What is wrong with the way between two hosts.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// Added to every round trip, milliseconds.
    pub more_ms: f64,
    /// Share of operations of which a packet is lost, and sent again.
    pub lost: f64,
}

/// Where clients believe an address to be.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour {
    /// The host that said so last.
    pub node: usize,
    /// When they ask again, milliseconds of the world's time.
    pub until_ms: u64,
}

impl Island {
    /// An island at time zero. The first tick is done at once, so that rates are there.
    #[must_use]
    pub fn new(nodes: Vec<Node>, replicas: Vec<Replica>, epoch: Duration, story: Option<Story>) -> Self {
        let mut island = Self {
            nodes,
            replicas,
            epoch,
            now_ms: 0,
            story,
            faults: Vec::new(),
            neighbours: BTreeMap::new(),
            paths: BTreeMap::new(),
            copies: Copies::default(),
            ticked_ms: 0,
        };
        island.settle();
        for node in &mut island.nodes {
            node.cpu.pressure = node.cpu.waiting;
            // Averages begin where they would long be.
            let load = node.demand;
            node.cpu.load = [load, load, load];
        }
        island
    }

    /// Goes on until `to_ms` of the world's time.
    pub fn advance(&mut self, to_ms: u64) {
        let step = if to_ms.saturating_sub(self.now_ms) > LONG_GAP_MS {
            TICK_MS * 10
        } else {
            TICK_MS
        };
        while self.now_ms < to_ms {
            let next_tick = self.ticked_ms + step;
            let until = next_tick.min(to_ms);
            let dt = (until - self.now_ms) as f64 / 1000.0;
            self.accumulate(dt);
            self.now_ms = until;
            self.copy(dt);
            if until == next_tick {
                self.ticked_ms = until;
                self.tick(step as f64 / 1000.0);
            }
        }
    }

    /// Seconds of the world's time.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.now_ms as f64 / 1000.0
    }

    fn tick(&mut self, dt: f64) {
        if let Some(mut story) = self.story.take() {
            story.tell(self);
            self.story = Some(story);
        }
        self.go_on_booting();
        self.settle();
        for node in &mut self.nodes {
            if node.is_up() {
                average(node, dt);
            }
        }
        for at in 0..self.nodes.len() {
            self.replicate(at, dt);
        }
        self.commit(dt);
    }

    /// Brings relations and rates in line with the state; called after every change.
    pub fn settle(&mut self) {
        for at in 0..self.replicas.len() {
            let up = [0, 1].map(|side| self.nodes[self.replicas[at].sides[side].node].is_up());
            self.replicas[at].settle(up);
        }
        for at in 0..self.nodes.len() {
            for mount in 0..self.nodes[at].mounts.len() {
                let state = self.mount_state(at, &self.nodes[at].mounts[mount]);
                self.nodes[at].mounts[mount].state = state;
            }
        }
        self.agree();
        self.hold_locks();
        self.demand();
        self.slices();
        let seconds = self.seconds();
        for node in &mut self.nodes {
            storage(node, seconds);
        }
        self.latency();
        for node in &mut self.nodes {
            share_cpu(node);
        }
    }

    /// The host that answers for an address now.
    #[must_use]
    pub fn holder(&self, address: Ipv4Addr) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.is_up() && node.service_addresses.contains(&address))
    }

    /// The host that clients of an address reach: it carries it, the network knows, and nothing drops what they send.
    #[must_use]
    pub fn reached(&self, address: Ipv4Addr) -> Option<usize> {
        let holder = self.holder(address)?;
        let known = self
            .neighbours
            .get(&address)
            .is_none_or(|known| known.node == holder || self.now_ms >= known.until_ms);
        (known && !self.nodes[holder].blocked.contains(&address)).then_some(holder)
    }

    /// What clients use they have files open on: nfsd holds them.
    fn hold_locks(&mut self) {
        let mut held: BTreeMap<(usize, String), u32> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| node.is_up()) {
            for mount in node.mounts.iter().filter(|mount| mount.mounted) {
                if mount.state == MountState::Answering
                    && let Some(server) = self.reached(mount.server)
                {
                    *held.entry((server, mount.path.clone())).or_default() += 1;
                }
            }
        }
        for ((server, path), count) in held {
            if let Some(server) = &mut self.nodes[server].nfs_server {
                let used = server.exports.iter().filter(|export| export.path == path);
                for export in used {
                    if !server.cached.contains(export) {
                        server.cached.push(export.clone());
                    }
                }
                server.locks.insert(path, count);
            }
        }
    }

    fn mount_state(&self, at: usize, mount: &NfsMount) -> MountState {
        if let Some(forced) = mount.forced {
            return forced;
        }
        let barred = self.nodes[at].barred.contains(&mount.server);
        let Some(server) = self.reached(mount.server).filter(|_| !barred) else {
            return match mount.state {
                MountState::Hung(since) => MountState::Hung(since),
                _ => MountState::Hung(self.now_ms),
            };
        };
        let exported = self.nodes[server]
            .nfs_server
            .as_ref()
            .is_some_and(|server| server.exports.iter().any(|export| export.path == mount.path));
        if exported {
            MountState::Answering
        } else {
            MountState::Stale
        }
    }

    /// What every host wants to do now.
    fn demand(&mut self) {
        let seconds = self.seconds();
        for node in &mut self.nodes {
            let activity = if node.is_up() {
                wave(node.seed, seconds) * node.busy
            } else {
                0.0
            };
            for disk in &mut node.disks {
                let activity = if disk.idle { 0.0 } else { activity };
                disk.rate = [9.0 * node.demand * activity, 14.0 * node.demand * activity];
                disk.sync_rate = [0.0; 2];
            }
            for array in &mut node.arrays {
                array.rate = [2.0 * activity, 3.0 * activity];
            }
            for link in &mut node.links {
                link.rate = [1.1e6 * node.demand * activity, 0.8e6 * node.demand * activity];
            }
            if let Some(server) = &mut node.nfs_server {
                server.rate = [0.0; 3];
            }
            for mount in &mut node.mounts {
                let share = if mount.state == MountState::Answering && mount.mounted {
                    activity
                } else {
                    0.0
                };
                mount.rate = mount.demand.map(|demand| demand * share);
            }
            if let Some(server) = &mut node.mysql {
                server.rate = if server.channel.is_none() && !server.read_only {
                    server.demand * activity
                } else {
                    0.0
                };
                server.running = 1 + node.cpus.min(count(3.0 * activity));
                server.connections = count(38.0 + 30.0 * activity);
            }
            if let Some(pool) = &mut node.pool {
                pool.rate = 900.0 * activity;
            }
        }
    }

    /// Carries what clients want to the servers, their devices and arrays.
    fn slices(&mut self) {
        for replica in &mut self.replicas {
            replica.rate = [0.0; 2];
        }
        for at in 0..self.nodes.len() {
            for index in 0..self.nodes[at].mounts.len() {
                let mount = &self.nodes[at].mounts[index];
                let (rate, replica, address) = (mount.rate, mount.replica, mount.server);
                let Some(server) = self.reached(address) else { continue };
                let busy = self.nodes[server].busy;
                let (reads, writes) = (rate[nfs::READ] * busy, rate[nfs::WRITE] * busy);
                self.nodes[at].mounts[index].rate = rate.map(|rate| rate * busy);
                self.replicas[replica].rate[0] += reads;
                self.replicas[replica].rate[1] += writes;
                let (read_bytes, write_bytes) = (reads * 20_480.0, writes * 14_336.0);
                self.nodes[at].links[0].rate[0] += read_bytes;
                self.nodes[at].links[0].rate[1] += write_bytes;
                let node = &mut self.nodes[server];
                node.links[0].rate[0] += write_bytes;
                node.links[0].rate[1] += read_bytes;
                if let Some(nfs) = &mut node.nfs_server {
                    nfs.rate[0] += reads;
                    nfs.rate[1] += writes;
                    nfs.rate[2] += (rate[nfs::GETATTR] + rate[nfs::COMMIT]) * busy;
                }
            }
        }
        for replica in &self.replicas {
            let Some(primary) = replica.primary() else { continue };
            let side = &replica.sides[primary];
            let array = &mut self.nodes[side.node].arrays[side.array];
            array.rate[0] += replica.rate[0];
            array.rate[1] += replica.rate[1];
            if !replica.linked {
                continue;
            }
            let resync = replica.resync.as_ref().map_or(0.0, |resync| resync.speed_kib_s);
            let peer = &replica.sides[1 - primary];
            self.nodes[peer.node].arrays[peer.array].rate[1] += replica.rate[1] + resync / 512.0;
            let bytes = replica.rate[1] * 14_336.0 + resync * 1024.0;
            for (node, way) in [(side.node, 1), (peer.node, 0)] {
                if let Some(link) = self.nodes[node].links.get_mut(1) {
                    link.rate[way] += bytes;
                }
            }
        }
    }

    /// Carries the times of requests back from the disks to the clients.
    fn latency(&mut self) {
        let seconds = self.seconds();
        for replica in &mut self.replicas {
            let Some(primary) = replica.primary() else { continue };
            let times = [0, 1].map(|at| {
                let side = &replica.sides[at];
                self.nodes[side.node].arrays[side.array].await_ms
            });
            let [read, mut write] = times[primary];
            (replica.pending, replica.unacked) = (0, 0);
            if replica.linked {
                let peer = times[1 - primary][1];
                write = write.max(peer) + REPLICATION_MS;
                // Little's law; who looks sees a whole number of them.
                let under_way = |ms: f64| replica.rate[1] * ms / 1000.0;
                let chance = unit(mix(u64::from(replica.minor) ^ 0xd4bd) ^ mix(self.now_ms));
                replica.pending = whole(under_way(peer + REPLICATION_MS) + chance);
                replica.unacked = whole(under_way(peer) + chance);
            }
            replica.await_ms = [read, write];
        }
        for at in 0..self.nodes.len() {
            for index in 0..self.nodes[at].mounts.len() {
                let node = &self.nodes[at];
                let mount = &node.mounts[index];
                let server = self.reached(mount.server);
                let slow = server.map_or(1.0, |server| self.nodes[server].slow);
                let way = server.and_then(|server| self.paths.get(&(at, server)));
                let lost = way.map_or(0.0, |way| way.lost);
                let wire = WIRE_MS + way.map_or(0.0, |way| way.more_ms) + lost * SENT_AGAIN_MS;
                let [read, write] = self.replicas[mount.replica].await_ms;
                let answered = [read, write, 0.0, write * 1.5].map(|ms| (ms + SERVICE_MS) * slow + wire);
                // Whoever has no CPU to spare sees late that an answer has come.
                let late = 1.0 + 0.5 * node.overload;
                let wait_ms = nfs::QUEUE_MS + 1.2 * node.overload * wire;
                let seed = mix(node.seed ^ (0x4e46 + index as u64));
                let times = std::array::from_fn(|op| {
                    let noise = 0.7 * jitter(seed ^ (op as u64 + 1), seconds);
                    answered[op] * late * noise.exp()
                });
                let mount = &mut self.nodes[at].mounts[index];
                (mount.rtt_ms, mount.lost, mount.wait_ms) = (times, lost, wait_ms);
            }
        }
    }

    fn replicate(&mut self, at: usize, dt: f64) {
        let Some(source) = self.nodes[at]
            .mysql
            .as_ref()
            .and_then(|server| server.channel.as_ref())
            .map(|channel| channel.source)
        else {
            return;
        };
        if !self.nodes[at].is_up() {
            return;
        }
        let theirs = self.nodes[source].mysql.as_ref();
        let theirs = theirs
            .filter(|_| self.nodes[source].is_up())
            .map(|server| (server.position(), server.rate, server.log.clone()));
        let Some(server) = &mut self.nodes[at].mysql else {
            return;
        };
        let Some(channel) = &mut server.channel else { return };
        // A source that has not what its replica has is refused by it (`gtid_strict_mode`, error 1236).
        channel.diverged = theirs.as_ref().is_some_and(|(_, _, log)| !log.contains(&server.log));
        let state = theirs.as_ref().filter(|_| !channel.diverged);
        channel.advance(dt, state.map(|(position, rate, _)| (*position, *rate)));
        if let Some((_, _, log)) = state.filter(|_| channel.connected) {
            channel.relay = log.clone();
        }
        server.log = channel.relay.until(whole(channel.applied).max(server.log.end()));
    }

    fn accumulate(&mut self, dt: f64) {
        let now_ms = self.now_ms;
        for node in &mut self.nodes {
            if !node.is_up() {
                continue;
            }
            account(node, dt);
            for disk in &mut node.disks {
                disk.accumulate(dt);
            }
            for array in &mut node.arrays {
                array.accumulate(dt);
                let used = array.rate[1] / 20_000.0;
                array.advance(dt, 1.0 - used);
            }
            for link in &mut node.links {
                for way in 0..2 {
                    link.bytes[way] += link.rate[way] * dt;
                }
            }
            for filesystem in &mut node.filesystems {
                filesystem.grow(dt);
            }
            for mount in &mut node.mounts {
                mount.accumulate(dt);
            }
            if let Some(server) = &mut node.nfs_server {
                for kind in 0..3 {
                    server.calls[kind] += server.rate[kind] * dt;
                }
            }
            if let Some(server) = &mut node.mysql {
                server.accumulate(dt);
            }
            let left = node.pool.as_mut().and_then(|pool| pool.accumulate(dt, now_ms));
            // What is on it stays there.
            for disk in node.disks.iter_mut().filter(|disk| left.as_ref() == Some(&disk.name)) {
                disk.idle = true;
            }
        }
        for replica in &mut self.replicas {
            replica.accumulate(dt);
        }
    }

    /// The replica of that slice or resource.
    #[must_use]
    pub fn replica(&self, name: &str) -> Option<usize> {
        self.replicas
            .iter()
            .position(|replica| replica.slice == name || replica.resource == name)
    }

    /// The host of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| &*node.name == name)
    }

    /// Whether a slice is well: both sides good, together, nothing under way.
    #[must_use]
    pub fn is_well(&self, replica: usize) -> bool {
        let replica = &self.replicas[replica];
        replica.linked && replica.resync.is_none() && replica.sides.iter().all(|side| side.data == Data::UpToDate)
    }
}

/// A small number as a count.
fn count(value: f64) -> u32 {
    u32::try_from(whole(value)).unwrap_or(u32::MAX)
}

/// Spreads the arrays' requests over their disks and works out the times of requests.
fn storage(node: &mut Node, seconds: f64) {
    for array in &node.arrays {
        let in_sync = array.in_sync().max(1) as f64;
        let sync = array.sync.as_ref().map_or(0.0, |sync| sync.speed_kib_s / SYNC_KIB);
        for member in &array.members {
            let disk = &mut node.disks[member.disk];
            match member.state {
                MemberState::InSync => {
                    disk.rate[0] += array.rate[0] / in_sync + sync;
                    disk.sync_rate[0] += sync;
                    disk.rate[1] += array.rate[1] * array.write_factor() / in_sync;
                }
                MemberState::Rebuilding => {
                    disk.rate[1] += array.rate[1] * array.write_factor() / in_sync + sync;
                    disk.sync_rate[1] += sync;
                }
                MemberState::Faulty => disk.rate = [0.0; 2],
                MemberState::Missing => {}
            }
        }
        for extra in &array.extra {
            if let Role::Replacement(_) = extra.role {
                let disk = &mut node.disks[extra.disk];
                disk.rate[1] += array.rate[1] * array.write_factor() / in_sync + sync;
                disk.sync_rate[1] += sync;
            }
        }
    }
    let common = common(node.seed, seconds);
    for disk in &mut node.disks {
        disk.settle(seconds, common);
    }
    for array in &mut node.arrays {
        // A read waits for one disk, a write for the slowest.
        let well = array
            .members
            .iter()
            .filter(|member| member.state == MemberState::InSync);
        let (mut sum, mut slowest, mut number) = (0.0, 0.0_f64, 0.0);
        for member in well {
            let disk = &node.disks[member.disk];
            sum += disk.await_ms[0];
            slowest = slowest.max(disk.await_ms[1]);
            number += 1.0;
        }
        array.await_ms = [sum / f64::max(number, 1.0), slowest * 1.1];
    }
}

/// Shares of the CPUs that follow from what the host does now.
fn share_cpu(node: &mut Node) {
    if !node.is_up() {
        return;
    }
    let cpus = f64::from(node.cpus);
    let base = node.links[0].rate[0].max(0.0) / 1.1e6 / cpus;
    let utilisation = node
        .disks
        .iter()
        .map(super::node::Disk::utilisation)
        .fold(0.0, f64::max);
    let user = (base * 0.6 + 0.3 * node.overload).min(0.9);
    let system = (base * 0.25 + 0.01).min(0.2);
    let waiting = (utilisation * 0.4 / cpus.sqrt())
        .min(0.1)
        .min(1.0 - user - system - 0.001);
    node.cpu.shares = [user, system, waiting, 0.001];
    let under_way: f64 = node.disks.iter().map(|disk| disk.in_flight() as f64).sum();
    let hung = node
        .mounts
        .iter()
        .filter(|mount| mount.mounted && matches!(mount.state, MountState::Hung(_)))
        .count();
    node.cpu.blocked = count(under_way / 4.0) + count(hung as f64 * 2.0);
    let starved = (user * 12.0 + 25.0 * node.overload).min(96.0);
    node.cpu.waiting = [starved, utilisation * 14.0, utilisation * 6.0, 0.0];
}

/// Moves the averages on by `dt` seconds.
fn average(node: &mut Node, dt: f64) {
    let cpus = f64::from(node.cpus);
    let wanted = (node.cpu.shares[0] + node.cpu.shares[1] + node.overload) * cpus + f64::from(node.cpu.blocked);
    for (load, period) in node.cpu.load.iter_mut().zip([60.0, 300.0, 900.0]) {
        *load += (wanted - *load) * (1.0 - (-dt / period).exp());
    }
    for (pressure, waiting) in node.cpu.pressure.iter_mut().zip(node.cpu.waiting) {
        *pressure += (waiting - *pressure) * (1.0 - (-dt / 10.0).exp());
    }
}

/// Counts CPU time and stalls for `dt` seconds.
fn account(node: &mut Node, dt: f64) {
    let ticks = dt * 100.0 * f64::from(node.cpus);
    let [user, system, waiting, steal] = node.cpu.shares;
    node.cpu.user += user * ticks;
    node.cpu.system += system * ticks;
    node.cpu.iowait += waiting * ticks;
    node.cpu.steal += steal * ticks;
    node.cpu.idle += (1.0 - user - system - waiting - steal).max(0.0) * ticks;
    for (stalled, waiting) in node.cpu.stalled_us.iter_mut().zip(node.cpu.waiting) {
        *stalled += waiting / 100.0 * dt * 1e6;
    }
}
