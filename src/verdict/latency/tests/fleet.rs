//! A fleet whose counters go on as those of real hosts do, with noise and with faults.

use crate::{
    facts::{
        CleanText, Reach, Reading, Snapshot, UnixMs,
        disk::DiskCounters,
        drbd::{
            DrbdRole::{self, Primary, Secondary},
            DrbdVolume,
        },
        filesystem::Mount,
        load::{CpuTimes, CpuUse, LoadAverage, Pressure},
        md::{MdArray, MdMember, MdRole, MdState},
        nfs::{NfsMountCounters, NfsOpCounters},
    },
    fleet::{ExpectedMount, Fleet, Host, HostName, Poll, Segment, SegmentName, Slice, SliceName, Topology},
    verdict::{Code, Finding, Latency, Memory, Observed, Severity, judge},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(super) const START: u64 = 1_700_000_000_000;
const OPS: [(&str, f64, f64); 3] = [("READ", 80.0, 0.8), ("WRITE", 50.0, 2.0), ("GETATTR", 60.0, 0.4)];

const QUIET: LoadAverage = LoadAverage {
    one: 0.5,
    five: 0.5,
    fifteen: 0.5,
    runnable: 1,
    tasks: 100,
};

/// Changes what a host says, by its name.
pub(super) type Edit = Box<dyn Fn(&str, &mut Snapshot)>;

/// What is done to latency and load from now on.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// A disk takes so many times as long.
    Disk(&'static str, &'static str, f64),
    /// All that clients do at that server takes so many times as long.
    Server(&'static str, f64),
    /// What clients write at that server takes so many times as long.
    Writes(&'static str, f64),
    /// All that this client does takes so many times as long.
    Client(&'static str, f64),
    /// What this client does at that server takes so many times as long.
    Path(&'static str, &'static str, f64),
    /// That server is asked for so many times as much, by its clients and of its disks.
    Load(&'static str, f64),
    /// PSI of a host, percent.
    Pressure(&'static str, f64),
    /// Of the disks of that host only this one has anything to do.
    IdleBut(&'static str, &'static str),
    /// All disks of a host take so many times as long.
    AllDisks(&'static str, f64),
    /// It does not answer.
    Lost(&'static str),
    /// That client's requests wait in its own queue for so many times the round trip.
    Queue(&'static str, f64),
    /// Polls of that host take so many times as long.
    Slow(&'static str, f64),
}

/// Storage pairs stor1/stor2 (slice a on stor1, b on stor2) and stor3/stor4 (c, d), and clients.
pub(super) struct Island {
    pub(super) fleet: Fleet,
    pub(super) memory: Memory,
    pub(super) now: UnixMs,
    pub(super) observer_doubtful: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) interval: Duration,
    /// Changes a snapshot before it is judged.
    pub(super) edit: Option<Edit>,
    polls: u64,
    /// All latencies are so many times as long.
    pub(super) scale: f64,
    sums: BTreeMap<String, [f64; 5]>,
    noise: BTreeMap<String, f64>,
}

impl Island {
    pub(super) fn new(clients: usize) -> Self {
        Self::with(clients, |_| {})
    }

    pub(super) fn with(clients: usize, change: impl FnOnce(&mut Vec<Host>)) -> Self {
        let mut hosts: Vec<Host> = (1..=4).map(|at| host(&format!("stor{at}"), "storage")).collect();
        for at in 1..=clients {
            let mut client = host(&format!("access{at}"), "node");
            client.mounts = ["a", "b", "c", "d"].map(mounted).to_vec();
            hosts.push(client);
        }
        change(&mut hosts);
        let segments = vec![
            segment(
                "seg-1",
                ["stor1", "stor2"],
                [("a", "stor1", "stor2"), ("b", "stor2", "stor1")],
            ),
            segment(
                "seg-2",
                ["stor3", "stor4"],
                [("c", "stor3", "stor4"), ("d", "stor4", "stor3")],
            ),
        ];
        Self::of(hosts, segments, Vec::new())
    }

    pub(super) fn of(hosts: Vec<Host>, segments: Vec<Segment>, topologies: Vec<Topology>) -> Self {
        Self {
            fleet: Fleet::new("island".into(), None, Poll::default(), hosts, segments, topologies),
            memory: Memory::new(),
            now: UnixMs(START),
            observer_doubtful: false,
            faults: Vec::new(),
            interval: Duration::from_secs(2),
            edit: None,
            polls: 100,
            scale: 1.0,
            sums: BTreeMap::new(),
            noise: BTreeMap::new(),
        }
    }

    pub(super) fn latency(&self) -> Arc<Latency> {
        self.memory.latency()
    }

    /// All hosts are polled for so long; the findings at the end.
    pub(super) fn run(&mut self, seconds: u64) -> Vec<Finding> {
        self.watch(seconds, &mut |_, _| ())
    }

    /// The same; `seen` is told of every look.
    pub(super) fn watch(&mut self, seconds: u64, seen: &mut dyn FnMut(UnixMs, &[Finding])) -> Vec<Finding> {
        let end = self.now + Duration::from_secs(seconds);
        let mut last = Vec::new();
        while self.now < end {
            last = self.poll();
            seen(self.now, &last);
        }
        last
    }

    /// The counters of a host begin anew, as after a reboot.
    pub(super) fn reset(&mut self, host: &str) {
        let of = format!("{host} ");
        for (_, sums) in self.sums.iter_mut().filter(|(name, _)| name.starts_with(&of)) {
            *sums = [0.0; 5];
        }
    }

    fn poll(&mut self) -> Vec<Finding> {
        self.now = self.now + self.interval;
        self.polls += 1;
        let names: Vec<String> = self.fleet.hosts.iter().map(|host| host.name.to_string()).collect();
        let observed: Vec<Observed> = names.iter().map(|name| self.observe(name)).collect();
        judge(
            &self.fleet,
            &observed,
            &mut self.memory,
            self.observer_doubtful,
            self.now,
        )
    }

    fn observe(&mut self, name: &str) -> Observed {
        let lost = self
            .faults
            .iter()
            .any(|fault| matches!(fault, Fault::Lost(host) if *host == name));
        let snapshot = self.snapshot(name);
        Observed {
            reach: Some(Reach::Up { since: UnixMs(START) }),
            snapshot: (!lost).then(|| Arc::new(snapshot)),
        }
    }

    fn snapshot(&mut self, name: &str) -> Snapshot {
        let at = self.now;
        let pressure = self.sum(|fault| match fault {
            Fault::Pressure(host, percent) if *host == name => *percent,
            _ => 0.0,
        });
        let slow = self.factor(|fault| match fault {
            Fault::Slow(host, factor) if *host == name => *factor,
            _ => 1.0,
        });
        let rtt = 1200.0 * slow * self.noisy(&format!("{name} poll"));
        let is_client = name.starts_with("access");
        let disks = if is_client {
            &["vda"][..]
        } else {
            &["sda", "sdb", "sdc", "sdd", "sde"]
        };
        let counters: Vec<DiskCounters> = disks
            .iter()
            .enumerate()
            .map(|(at, disk)| self.disk(name, disk, at))
            .collect();
        let mounts: Vec<NfsMountCounters> = if is_client {
            ["a", "b", "c", "d"]
                .iter()
                .map(|slice| self.mount(name, slice))
                .collect()
        } else {
            Vec::new()
        };
        let mut snapshot = Snapshot {
            rtt_us: u64_of(rtt),
            polls: self.polls,
            disk_counters: Reading::known(counters, at),
            nfs_mount_counters: Reading::known(mounts, at),
            pressure: Reading::known(
                Pressure {
                    cpu_some_percent: pressure,
                    io_some_percent: 0.0,
                    io_full_percent: 0.0,
                    memory_some_percent: 0.0,
                    memory_full_percent: 0.0,
                },
                at,
            ),
            cpu: Reading::known(CpuUse::default(), at),
            load: Reading::known(QUIET, at),
            cpu_times: Reading::known(
                CpuTimes {
                    cpus: 8,
                    ..CpuTimes::default()
                },
                at,
            ),
            mounts: Reading::known(mounts_of(is_client), at),
            md: Reading::known(if is_client { Vec::new() } else { vec![array()] }, at),
            drbd: Reading::known(volumes(name), at),
            ..Snapshot::probes_only(Vec::new(), at)
        };
        if let Some(edit) = &self.edit {
            edit(name, &mut snapshot);
        }
        snapshot
    }

    fn factor(&self, of: impl Fn(&Fault) -> f64) -> f64 {
        self.faults.iter().map(of).product()
    }

    fn sum(&self, of: impl Fn(&Fault) -> f64) -> f64 {
        self.faults.iter().map(of).sum()
    }

    /// Noise that goes on from poll to poll, around 1.
    fn noisy(&mut self, of: &str) -> f64 {
        let step = gauss(self.polls, of) * 0.1;
        let noise = self.noise.entry(of.to_owned()).or_default();
        *noise = 0.5 * *noise + step;
        noise.exp()
    }

    /// Adds `rate` operations a second of `ms` to the sums of a stream: operations, time, load.
    fn add(&mut self, of: &str, rate: f64, ms: f64, load: f64) -> [f64; 5] {
        let varied = 1.0 + 0.1 * gauss(!self.polls, of);
        let operations = (rate * self.interval.as_secs_f64() * varied).max(0.0).round();
        let time = operations * ms * self.scale * self.noisy(of);
        let sums = self.sums.entry(of.to_owned()).or_insert([1e6, 5e6, 1e9, 1e5, 0.0]);
        sums[0] += operations;
        sums[1] += time;
        sums[2] += operations * load;
        *sums
    }

    fn disk(&mut self, host: &str, disk: &str, at: usize) -> DiskCounters {
        let slow = self.factor(|fault| match fault {
            Fault::Disk(of, name, factor) if *of == host && *name == disk => *factor,
            Fault::AllDisks(of, factor) if *of == host && disk != "sda" => *factor,
            _ => 1.0,
        });
        let idle = self.factor(|fault| match fault {
            Fault::IdleBut(of, name) if *of == host && *name != disk => 0.0,
            _ => 1.0,
        });
        let load = self.load_of(host) * idle;
        // A sound disk under more load takes a little longer.
        let (rate, busy) = if at == 0 {
            (5.0, 1.0)
        } else {
            (60.0 * load, load.powf(0.4))
        };
        let reads = self.add(&format!("{host} {disk} r"), rate, 5.0 * slow * busy, 32.0);
        let writes = self.add(&format!("{host} {disk} w"), rate, 4.0 * slow * busy, 16.0);
        DiskCounters {
            name: CleanText::new(disk),
            major: 8,
            minor: u32::try_from(at * 16).expect("small"),
            reads: u64_of(reads[0]),
            sectors_read: u64_of(reads[2]),
            read_ms: u64_of(reads[1]),
            writes: u64_of(writes[0]),
            sectors_written: u64_of(writes[2]),
            write_ms: u64_of(writes[1]),
            in_flight: 0,
            busy_ms: 0,
        }
    }

    fn load_of(&self, host: &str) -> f64 {
        self.factor(|fault| match fault {
            Fault::Load(of, factor) if *of == host => *factor,
            _ => 1.0,
        })
    }

    fn mount(&mut self, client: &str, slice: &str) -> NfsMountCounters {
        let server = match slice {
            "a" => "stor1",
            "b" => "stor2",
            "c" => "stor3",
            _ => "stor4",
        };
        let slow = self.factor(|fault| match fault {
            Fault::Server(of, factor) if *of == server => *factor,
            Fault::Client(of, factor) if *of == client => *factor,
            Fault::Path(from, to, factor) if *from == client && *to == server => *factor,
            _ => 1.0,
        });
        let queue = self.sum(|fault| match fault {
            Fault::Queue(of, factor) if *of == client => *factor,
            _ => 0.0,
        });
        let load = self.load_of(server);
        let ops = OPS.map(|(op, rate, ms)| {
            let of = format!("{client} {slice} {op}");
            let waits = self.factor(|fault| match fault {
                Fault::Writes(of, factor) if *of == server && op == "WRITE" => *factor,
                _ => 1.0,
            });
            let slow = slow * waits;
            let before = self.sums.get(&of).map_or(0.0, |sums| sums[1]);
            let sums = self.add(&of, rate * load, ms * slow * load.powf(0.4), 1.0);
            let waited = self.sums.get_mut(&of).expect("just added");
            waited[3] += (sums[1] - before).max(0.0) * queue;
            NfsOpCounters {
                op: CleanText::new(op),
                ops: u64_of(sums[0]),
                transmissions: u64_of(sums[0]),
                timeouts: 0,
                queue_ms: u64_of(waited[3]),
                rtt_ms: u64_of(sums[1]),
                execute_ms: u64_of(sums[1]),
                errors: Some(0),
            }
        });
        NfsMountCounters {
            at: CleanText::new(&format!("/mnt/{slice}")),
            server: CleanText::new("10.77.0.100"),
            path: CleanText::new(&format!("/srv/{slice}")),
            version: "4.2".into(),
            hard: true,
            age_seconds: self.now.since(UnixMs(START - 100_000)).as_secs(),
            read_bytes: 0,
            write_bytes: 0,
            backlog: 0,
            ops: ops.to_vec(),
        }
    }
}

/// Chance that depends on what it is for and on when, and on nothing else.
fn gauss(when: u64, of: &str) -> f64 {
    let name = of
        .bytes()
        .fold(when, |hash, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
    let mut rng = fastrand::Rng::with_seed(name);
    (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters")]
fn u64_of(value: f64) -> u64 {
    value.max(0.0) as u64
}

fn host(name: &str, role: &str) -> Host {
    let mut host = Host::new(name, name);
    host.roles.insert(role.to_owned());
    host
}

fn mounted(slice: &str) -> ExpectedMount {
    ExpectedMount {
        slice: SliceName::new(slice),
        at: format!("/mnt/{slice}"),
    }
}

fn segment(name: &str, servers: [&str; 2], slices: [(&str, &str, &str); 2]) -> Segment {
    Segment {
        name: SegmentName::new(name),
        servers: servers.map(HostName::new).to_vec(),
        slices: slices
            .map(|(name, preferred, standby)| Slice {
                name: SliceName::new(name),
                resource: Some(format!("r-{name}")),
                device: "/dev/drbd0".into(),
                mount_point: format!("/srv/{name}"),
                export: None,
                service_address: None,
                preferred: HostName::new(preferred),
                standby: Some(HostName::new(standby)),
                backup: None,
                unreplicated: false,
            })
            .to_vec(),
        pools: Vec::new(),
    }
}

fn mounts_of(client: bool) -> Vec<Mount> {
    let source = if client { "/dev/vda1" } else { "/dev/sda1" };
    vec![Mount {
        device_number: "8:1".into(),
        at: "/".into(),
        fs_type: "ext4".into(),
        source: source.into(),
        writable: true,
        options: "rw".into(),
    }]
}

pub(super) fn array() -> MdArray {
    MdArray {
        device: "md0".into(),
        state: MdState::Active,
        read_only: false,
        level: "raid10".into(),
        members: ["sdb", "sdc", "sdd", "sde"]
            .map(|disk| MdMember {
                device: disk.into(),
                number: None,
                role: MdRole::Active,
                errors: None,
            })
            .to_vec(),
        members_wanted: Some(4),
        members_active: Some(4),
        map: "UUUU".into(),
        size_kib: None,
        sync: None,
        mismatches: None,
        sync_action: None,
    }
}

fn volumes(host: &str) -> Vec<DrbdVolume> {
    let of = |slice: &str, role: DrbdRole| {
        let mut volume = crate::verdict::tests::world::volume(0, role);
        volume.resource = Some(CleanText::from(format!("r-{slice}")));
        (volume.pending, volume.unacked) = (Some(0), Some(0));
        volume
    };
    match host {
        "stor1" => vec![of("a", Primary), of("b", Secondary)],
        "stor2" => vec![of("b", Primary), of("a", Secondary)],
        "stor3" => vec![of("c", Primary), of("d", Secondary)],
        "stor4" => vec![of("d", Primary), of("c", Secondary)],
        _ => Vec::new(),
    }
}

/// Codes of this room with their subjects and severities.
pub(super) fn told(findings: &[Finding]) -> Vec<(Code, String, Severity)> {
    let ours = [
        Code::SemiFailed,
        Code::GroupSlow,
        Code::PathSlow,
        Code::Stalled,
        Code::Silent,
        Code::ObserverBusy,
    ];
    findings
        .iter()
        .filter(|finding| ours.contains(&finding.code))
        .map(|finding| (finding.code, finding.subject.to_string(), finding.severity))
        .collect()
}
