//! One simulated host: its subsystems as plain data, changed by the physics, the story, faults and commands.

use super::{
    act::Store,
    gate::{Gate, Signal},
    hostile::Hostile,
    md::Array,
    mysql::Server,
    nfs::{NfsMount, NfsServer},
    noise::{jitter, normal, seed_of, spike, unit},
    zfs::Pool,
};
use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

/// Whether a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It runs.
    Up,
    /// The kernel takes bytes, nothing answers.
    Frozen,
    /// No power: new connections find no route, old ones hear nothing.
    Off,
}

/// A host of the embedded fleet.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct Node {
    /// Its name; also its kernel host name.
    pub name: Arc<str>,
    /// Its own address.
    pub ip: Ipv4Addr,
    /// The prefix length of that.
    pub prefix: u8,
    /// More addresses of its own, with their prefix lengths.
    pub addresses: Vec<(Ipv4Addr, u8)>,
    /// What its noise comes from.
    pub seed: u64,
    /// Whether it runs.
    pub power: Power,
    /// The gate of its connections since boot.
    pub gate: Arc<Gate>,
    /// Whether the network between the console and it is cut; others reach it.
    pub cut: bool,
    /// When it booted, milliseconds of the world's time; negative for before the world began.
    pub booted_ms: i64,
    /// Boots so far; part of `boot_id`.
    pub boots: u32,
    /// How far its clock is ahead, seconds.
    pub clock_skew_s: f64,
    /// Kernel release.
    pub kernel: &'static str,
    /// `PRETTY_NAME` of the system.
    pub os: &'static str,
    /// CPUs.
    pub cpus: u32,
    /// Memory.
    pub memory_kib: u64,
    /// Share of one CPU used for work of its own at ordinary times.
    pub demand: f64,
    /// What the story multiplies the demand with.
    pub busy: f64,
    /// How many times longer than when it is well it takes to serve NFS.
    pub slow: f64,
    /// Work of others that takes its CPUs away: tasks that wait for one of them, a CPU.
    pub overload: f64,
    /// CPU time, load and pressure.
    pub cpu: Cpu,
    /// Block devices: physical disks.
    pub disks: Vec<Disk>,
    /// md arrays over the disks.
    pub arrays: Vec<Array>,
    /// Network links.
    pub links: Vec<Link>,
    /// Service addresses that it carries now, besides its own.
    pub service_addresses: Vec<Ipv4Addr>,
    /// Addresses to which it drops NFS.
    pub blocked: BTreeSet<Ipv4Addr>,
    /// Addresses that it sends no NFS to.
    pub barred: BTreeSet<Ipv4Addr>,
    /// Services that were stopped since it booted.
    pub stopped_units: BTreeSet<String>,
    /// When it goes and when it is back, where it boots anew at its own wish; milliseconds of the world's time.
    pub booting: Option<(u64, u64)>,
    /// Services that do not start, neither by hand nor when it boots.
    pub broken_units: BTreeSet<String>,
    /// TCP connections to the services of it that are counted down when it is drained.
    pub connections: u32,
    /// Whether it was taken out of service: nobody new comes.
    pub drained: bool,
    /// Times that it was upgraded.
    pub upgrades: u32,
    /// Times that it was installed anew: each makes another machine of it.
    pub installs: u32,
    /// Whether a proxy leads clients of a database to it.
    pub led: bool,
    /// Files that commands of runbooks made.
    pub files: BTreeSet<String>,
    /// Until when udev holds the DRBD devices open, milliseconds of the world's time.
    pub opened_until_ms: u64,
    /// What it keeps of runs of runbooks.
    pub store: Store,
    /// Local filesystems that are mounted now.
    pub filesystems: Vec<Filesystem>,
    /// The NFS server, where there is one.
    pub nfs_server: Option<NfsServer>,
    /// NFS mounts.
    pub mounts: Vec<NfsMount>,
    /// The ZFS pool, where there is one.
    pub pool: Option<Pool>,
    /// The MySQL or MariaDB server, where there is one.
    pub mysql: Option<Server>,
    /// The DRBD kernel module, where it is loaded.
    pub drbd: Option<DrbdModule>,
    /// Whether a POSIX shell answers.
    pub shell: bool,
    /// Commands of the host's own: exact text, and a template of the answer with `{load}` and `{celsius}` in it.
    pub commands: Vec<(&'static str, &'static str)>,
    /// Custom probes that the inventory declares for it: name and command line.
    pub probes: Vec<(&'static str, &'static str)>,
    /// How its SSH server misbehaves, if it does.
    pub hostile: Option<Hostile>,
}

/// Generations of the DRBD kernel module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrbdModule {
    /// 8.4: everything is in `/proc/drbd`.
    V8,
    /// 9: `/proc/drbd` has only the version.
    V9,
}

/// CPU counters in ticks of 10 ms, and what follows from them.
#[derive(Debug, Clone, Default)]
pub struct Cpu {
    /// Time in user mode.
    pub user: f64,
    /// Time in the kernel.
    pub system: f64,
    /// Idle time.
    pub idle: f64,
    /// Idle with I/O under way.
    pub iowait: f64,
    /// Time taken by the hypervisor.
    pub steal: f64,
    /// Shares of all CPUs now: user, system, iowait, steal; 0–1.
    pub shares: [f64; 4],
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Share of the time in which tasks wait now for CPU, I/O (some, full) and memory, percent.
    pub waiting: [f64; 4],
    /// Pressure: the mean of that over about the last ten seconds.
    pub pressure: [f64; 4],
    /// Stall time of CPU, I/O (some, full) and memory, microseconds.
    pub stalled_us: [f64; 4],
    /// Tasks waiting for I/O.
    pub blocked: u32,
}

/// A physical disk and its counters since boot.
#[derive(Debug, Clone)]
pub struct Disk {
    /// Kernel name.
    pub name: String,
    /// Device number.
    pub major: u32,
    /// Device number.
    pub minor: u32,
    /// What its noise comes from.
    pub seed: u64,
    /// Time of a read and of a write when it is idle and well, milliseconds.
    pub base_ms: [f64; 2],
    /// Requests a second that make it fully busy.
    pub iops_limit: f64,
    /// How many times slower it is than when well.
    pub slow: f64,
    /// Reads and writes a second now.
    pub rate: [f64; 2],
    /// Those of them that a rebuild or check of its array makes.
    pub sync_rate: [f64; 2],
    /// Time of a read and of a write now, milliseconds.
    pub await_ms: [f64; 2],
    /// Completed reads and writes.
    pub done: [f64; 2],
    /// Sectors read and written.
    pub sectors: [f64; 2],
    /// Milliseconds of reads and writes, summed.
    pub spent_ms: [f64; 2],
    /// Milliseconds with anything under way.
    pub busy_ms: f64,
    /// Kilobytes of a read and of a write.
    pub request_kib: [f64; 2],
    /// Size.
    pub size_kib: u64,
    /// Serial number.
    pub serial: String,
    /// Whether nobody uses it.
    pub idle: bool,
    /// Whether nothing is on it.
    pub blank: bool,
}

/// Kilobytes of one request of a rebuild or check.
pub const SYNC_KIB: f64 = 512.0;
/// Share of what a disk could do from which on its requests take longer the more there are.
const LITTLE: f64 = 0.006;
/// How much longer: as this power of the load.
const LOAD_EXPONENT: f64 = 0.35;

impl Disk {
    /// A solid-state disk that has worked for a while.
    #[must_use]
    pub fn new(name: &str, major: u32, minor: u32, base_ms: [f64; 2], seed: u64) -> Self {
        let seed = seed_of(name, seed);
        let worn = 1e6 * (1.0 + unit(seed));
        Self {
            name: name.to_owned(),
            major,
            minor,
            seed,
            base_ms,
            iops_limit: 1.0e3 / (base_ms[0].max(base_ms[1]) / 8.0).max(0.001),
            slow: 1.0,
            rate: [0.0; 2],
            sync_rate: [0.0; 2],
            await_ms: base_ms,
            done: [worn, worn * 0.7],
            sectors: [worn * 40.0, worn * 20.0],
            spent_ms: [worn * base_ms[0], worn * 0.7 * base_ms[1]],
            busy_ms: worn * 0.4,
            request_kib: [20.0, 14.0],
            size_kib: 234_431_064,
            serial: format!("S{:010X}", seed >> 24),
            idle: false,
            blank: false,
        }
    }

    /// A new disk that nobody uses yet.
    #[must_use]
    pub fn spare(name: &str, major: u32, minor: u32, base_ms: [f64; 2], seed: u64) -> Self {
        Self {
            idle: true,
            blank: true,
            ..Self::new(name, major, minor, base_ms, seed)
        }
    }

    /// Share of the time in which requests are under way at the present rates, 0–1.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        ((self.rate[0] + self.rate[1]) * self.slow / self.iops_limit).min(1.0)
    }

    /// Works out the times of requests from the present rates: they grow with the load, as those of real disks do, and
    /// differ from moment to moment. `common` is what all disks of the host have in common, in ln.
    pub fn settle(&mut self, seconds: f64, common: f64) {
        let sync = self.sync_rate[0] + self.sync_rate[1];
        let ordinary = (self.rate[0] + self.rate[1] - sync) / self.iops_limit;
        let load = (ordinary / LITTLE).max(1.0).powf(LOAD_EXPONENT);
        // md holds a rebuild back while others want the disk.
        let held_up = 1.0 + (4.0 * sync / self.iops_limit).min(1.0);
        let queueing = 1.0 + 1.2 * self.utilisation().powi(2);
        let own = 0.025 * normal(self.seed ^ 0xb0);
        for way in 0..2 {
            let seed = self.seed ^ (way as u64 + 1);
            let noise = (common + own + jitter(seed, seconds)).exp() * spike(seed, seconds);
            self.await_ms[way] = self.base_ms[way] * self.slow * load * held_up * queueing * noise;
        }
    }

    /// Counts what was done in `dt` seconds.
    pub fn accumulate(&mut self, dt: f64) {
        for way in 0..2 {
            let done = self.rate[way] * dt;
            let sync = self.sync_rate[way] * dt;
            self.done[way] += done;
            self.sectors[way] += ((done - sync) * self.request_kib[way] + sync * SYNC_KIB) * 2.0;
            self.spent_ms[way] += done * self.await_ms[way];
        }
        self.busy_ms += self.utilisation() * dt * 1000.0;
    }

    /// Requests under way at a typical moment (Little's law).
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        whole(((self.rate[0] * self.await_ms[0] + self.rate[1] * self.await_ms[1]) / 1000.0).floor())
    }
}

/// A network link and its counters since boot.
#[derive(Debug, Clone)]
pub struct Link {
    /// Interface name.
    pub name: &'static str,
    /// `operstate`.
    pub up: bool,
    /// Speed, Mbit/s.
    pub speed_mbit: u32,
    /// Largest packet, bytes.
    pub mtu_bytes: u32,
    /// Bytes received and sent a second now.
    pub rate: [f64; 2],
    /// Bytes received and sent.
    pub bytes: [f64; 2],
}

impl Link {
    /// A link that is up.
    #[must_use]
    pub const fn new(name: &'static str, speed_mbit: u32, mtu_bytes: u32) -> Self {
        Self {
            name,
            up: true,
            speed_mbit,
            mtu_bytes,
            rate: [0.0; 2],
            bytes: [8.0e10, 6.0e10],
        }
    }
}

/// A local filesystem that is mounted.
#[derive(Debug, Clone)]
pub struct Filesystem {
    /// The device.
    pub source: String,
    /// Its device number, `major:minor`.
    pub device: (u32, u32),
    /// Where it is mounted.
    pub at: String,
    /// Type.
    pub fs_type: &'static str,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Mount options besides `rw`, comma-separated.
    pub options: String,
    /// Size.
    pub size_kib: u64,
    /// Used; of a slice the replica has the truth, and this follows it.
    pub used_kib: f64,
    /// Net growth.
    pub growth_kib_s: f64,
    /// Inodes in all.
    pub inodes: u64,
}

impl Filesystem {
    /// Fills up for `dt` seconds.
    pub fn grow(&mut self, dt: f64) {
        self.used_kib = (self.used_kib + self.growth_kib_s * dt).clamp(1.0, self.size_kib as f64 * 0.998);
    }

    /// An ext4 filesystem.
    #[must_use]
    pub fn ext4(source: &str, device: (u32, u32), at: &str, size_kib: u64, used: f64) -> Self {
        Self {
            source: source.to_owned(),
            device,
            at: at.to_owned(),
            fs_type: "ext4",
            read_only: false,
            options: "relatime".to_owned(),
            size_kib,
            used_kib: size_kib as f64 * used,
            growth_kib_s: 0.0,
            inodes: size_kib / 16,
        }
    }
}

impl Node {
    /// A host that is up, with one link, and nothing on it yet.
    #[must_use]
    pub fn new(name: &str, ip: Ipv4Addr, seed: u64) -> Self {
        let seed = seed_of(name, seed);
        // Half a day to 200 days.
        let uptime_s = 43_200.0 + unit(seed) * 1.7e7;
        #[expect(clippy::cast_possible_truncation, reason = "at most 1.7e10")]
        let booted_ms = -(uptime_s * 1000.0) as i64;
        let mut node = Self {
            name: name.into(),
            ip,
            prefix: 22,
            addresses: Vec::new(),
            seed,
            power: Power::Up,
            gate: Arc::default(),
            cut: false,
            booted_ms,
            boots: 1,
            clock_skew_s: 0.0,
            kernel: "6.1.0-25-amd64",
            os: "Debian GNU/Linux 12 (bookworm)",
            cpus: 8,
            memory_kib: 32 << 20,
            demand: 0.6,
            busy: 1.0,
            slow: 1.0,
            overload: 0.0,
            cpu: Cpu::default(),
            disks: Vec::new(),
            arrays: Vec::new(),
            links: vec![Link::new("eth0", 10_000, 1500)],
            service_addresses: Vec::new(),
            blocked: BTreeSet::new(),
            barred: BTreeSet::new(),
            stopped_units: BTreeSet::new(),
            booting: None,
            broken_units: BTreeSet::new(),
            connections: 0,
            drained: false,
            upgrades: 0,
            installs: 0,
            led: false,
            files: BTreeSet::new(),
            opened_until_ms: 0,
            store: Store::default(),
            filesystems: Vec::new(),
            nfs_server: None,
            mounts: Vec::new(),
            pool: None,
            mysql: None,
            drbd: None,
            shell: true,
            commands: Vec::new(),
            probes: Vec::new(),
            hostile: None,
        };
        node.cpu.idle = uptime_s * 100.0 * 8.0;
        node
    }

    /// Whether it takes part in the world: others can talk to it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.power == Power::Up
    }

    /// The disk of that name.
    #[must_use]
    pub fn disk(&self, name: &str) -> Option<&Disk> {
        self.disks.iter().find(|disk| disk.name == name)
    }

    /// Takes the power away: what the kernel held is lost, the disks keep what they have.
    pub fn power_off(&mut self) {
        self.power = Power::Off;
        self.gate.set(Signal::Silent);
        self.service_addresses.clear();
        self.blocked.clear();
        self.barred.clear();
        self.stopped_units.clear();
        self.store.locked = false;
        for array in &mut self.arrays {
            array.limit_kib_s = None;
            array.end_check();
        }
        self.filesystems
            .retain(|filesystem| filesystem.device.0 != super::drbd::MAJOR);
        if let Some(server) = &mut self.nfs_server {
            server.exports.clear();
            server.cached.clear();
            server.locks.clear();
        }
    }

    /// Boots after [`Node::power_off`]: connections from before are reset, counters begin again.
    pub fn boot(&mut self, now_ms: u64) {
        self.power = Power::Up;
        self.booting = None;
        self.reset();
        self.booted_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        self.boots += 1;
        self.cpu = Cpu::default();
        self.stopped_units.extend(self.broken_units.iter().cloned());
        for disk in &mut self.disks {
            disk.done = [0.0; 2];
            disk.sectors = [0.0; 2];
            disk.spent_ms = [0.0; 2];
            disk.busy_ms = 0.0;
        }
        for link in &mut self.links {
            link.bytes = [0.0; 2];
        }
        if let Some(server) = &mut self.nfs_server {
            server.reset();
        }
        if let Some(server) = &mut self.mysql {
            server.restart();
        }
        for mount in &mut self.mounts {
            mount.remount(now_ms);
        }
    }

    /// Stops answering, or goes on answering.
    pub fn freeze(&mut self, frozen: bool) {
        match (self.power, frozen) {
            (Power::Up, true) => {
                self.power = Power::Frozen;
                self.gate.set(Signal::Silent);
            }
            (Power::Frozen, false) => {
                self.power = Power::Up;
                self.hear();
            }
            _ => {}
        }
    }

    /// Cuts the network between the console and it, or mends it: what was connected before is reset then.
    pub fn cut(&mut self, cut: bool) {
        if self.cut == cut {
            return;
        }
        self.cut = cut;
        if cut {
            self.gate.set(Signal::Silent);
        } else if self.power == Power::Up {
            self.reset();
        }
    }

    /// Resets every connection; new ones find the host as it is.
    fn reset(&mut self) {
        self.gate.set(Signal::Reset);
        self.gate = Arc::default();
        self.hear();
    }

    fn hear(&self) {
        self.gate.set(if self.cut { Signal::Silent } else { Signal::Open });
    }
}

/// A counter as the kernel prints it.
#[must_use]
pub fn whole(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let whole = value.clamp(0.0, 9.0e18) as u64;
    whole
}
