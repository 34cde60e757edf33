//! A small fleet in perfect health: a DRBD pair with two slices and a pool, two nodes that mount them, a
//! replication topology of three and a Galera cluster of three. Tests break one thing.

use crate::{
    facts::{
        Reach, Reading, Snapshot, UnixMs, Why,
        disk::DiskRate,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume},
        filesystem::{FilesystemErrors, Mount, StatfsOutcome, StatfsProbe, Usage},
        identity::Identity,
        load::{CpuTimes, CpuUse, LoadAverage, Memory as MemoryUse, Uptime},
        md::{MdArray, MdMember, MdRole, MdState},
        mysql::{Flavour, Galera, GaleraStatus, Mysql, ReplicaChannel, ReplicaThread, SemiSync},
        network::{Address, Link, LinkRate},
        nfs::{NfsExport, NfsMountRate, NfsOpRate, NfsServer},
        probe::{ProbeReading, ProbeValue},
        proof::{BackupList, BackupTest, Listed, Tested},
        zfs::{Pool, PoolState, Vdev},
    },
    fleet::{
        Backup, BackupHooks, ExpectedMount, Export, Fleet, Host, HostName, MysqlAccess, Poll, Probe, ProbeParser,
        Segment, SegmentName, ServiceAddress, Slice, SliceName, Topology, TopologyKind, TopologyName,
    },
    verdict::{Code, Finding, Memory, Observed, Severity, judge},
};
use std::{collections::HashMap, sync::Arc, time::Duration};

pub(super) const START: u64 = 1_700_000_000_000;
pub(super) const HOSTS: &[&str] = &[
    "stor1", "stor2", "access1", "access2", "db1", "db2", "db3", "g1", "g2", "g3",
];
pub(super) const UUIDS: [&str; 3] = [
    "11111111-1111-1111-1111-111111111111",
    "22222222-2222-2222-2222-222222222222",
    "33333333-3333-3333-3333-333333333333",
];

type Edit = Box<dyn Fn(&mut Snapshot)>;
type Parts = (Vec<Host>, Vec<Segment>, Vec<Topology>);

/// The fleet, what its hosts say, and what has been judged of them.
pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) memory: Memory,
    pub(super) now: UnixMs,
    pub(super) observer_doubtful: bool,
    polls: u64,
    edits: HashMap<String, Vec<Edit>>,
    reach: HashMap<String, Reach>,
    pub(super) observed: Vec<Observed>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The fleet after a change of its inventory.
    pub(super) fn with(change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = parts();
        change(&mut parts);
        let fleet = Fleet::new("test".into(), None, Poll::default(), parts.0, parts.1, parts.2);
        Self {
            observed: vec![Observed::default(); fleet.hosts.len()],
            fleet,
            memory: Memory::new(),
            now: UnixMs(START),
            observer_doubtful: false,
            polls: 100,
            edits: HashMap::new(),
            reach: HashMap::new(),
        }
    }

    /// Another inventory for the same hosts and memory.
    pub(super) fn reload(&mut self, change: impl FnOnce(&mut Parts)) {
        self.fleet = Self::with(change).fleet;
    }

    /// From now on, what that host says is changed like this.
    pub(super) fn edit(&mut self, host: &str, edit: impl Fn(&mut Snapshot) + 'static) -> &mut Self {
        self.edits.entry(host.to_owned()).or_default().push(Box::new(edit));
        self
    }

    /// Takes back every change of that host.
    pub(super) fn mend(&mut self, host: &str) -> &mut Self {
        self.edits.remove(host);
        self.reach.remove(host);
        self
    }

    /// From now on, that host cannot be reached.
    pub(super) fn lose(&mut self, host: &str) -> &mut Self {
        let reach = Reach::Unreachable {
            since: self.now,
            why: "no answer in 4 s during tcp".into(),
            retries: 1,
            next: UnixMs(0),
        };
        self.way(host, reach)
    }

    /// From now on, that host does not answer and the way to it is like this.
    pub(super) fn way(&mut self, host: &str, reach: Reach) -> &mut Self {
        self.reach.insert(host.to_owned(), reach);
        self
    }

    /// Two seconds pass, every host that can be reached is polled, and all is judged.
    pub(super) fn poll(&mut self) -> Vec<Finding> {
        self.wait(2);
        self.polls += 1;
        for (at, host) in self.fleet.hosts.iter().enumerate() {
            let name = host.name.as_str();
            if let Some(reach) = self.reach.get(name) {
                self.observed[at].reach = Some(reach.clone());
                continue;
            }
            let mut snapshot = healthy(name, self.now, self.polls);
            for edit in self.edits.get(name).into_iter().flatten() {
                edit(&mut snapshot);
            }
            self.observed[at] = Observed {
                reach: Some(Reach::Up { since: UnixMs(START) }),
                snapshot: Some(Arc::new(snapshot)),
            };
        }
        self.look()
    }

    pub(super) fn polls(&mut self, count: usize) -> Vec<Finding> {
        (0..count).map(|_| self.poll()).last().unwrap_or_default()
    }

    /// All is judged again; no host has been polled.
    pub(super) fn look(&mut self) -> Vec<Finding> {
        judge(
            &self.fleet,
            &self.observed,
            &mut self.memory,
            self.observer_doubtful,
            self.now,
        )
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

/// Changes a known value.
pub(super) fn change<T: Clone>(reading: &mut Reading<T>, change: impl FnOnce(&mut T)) {
    let mut value = reading.value().expect("known").clone();
    change(&mut value);
    *reading = Reading::known(value, reading.at);
}

/// Changes every item.
pub(super) fn each<T>(list: &mut [T], edit: impl FnMut(&mut T)) {
    list.iter_mut().for_each(edit);
}

pub(super) fn failed<T>(reading: &mut Reading<T>) {
    *reading = Reading::unknown(Why::Failed("exit 1".into()), reading.at);
}

/// The finding of that code, if it is shown.
pub(super) fn find(findings: &[Finding], code: Code) -> Option<&Finding> {
    findings.iter().find(|finding| finding.code == code)
}

/// Codes and severities, for a glance at what is shown.
pub(super) fn glance(findings: &[Finding]) -> Vec<(Code, Severity, String)> {
    findings
        .iter()
        .map(|f| (f.code, f.severity, f.subject.to_string()))
        .collect()
}

fn slice(name: &str, number: u8, preferred: &str, standby: &str) -> Slice {
    Slice {
        name: SliceName::new(name),
        resource: Some(format!("r{number}")),
        device: format!("/dev/drbd{number}"),
        mount_point: format!("/srv/{name}"),
        export: Some(Export {
            path: format!("/srv/{name}"),
            clients: vec!["10.77.0.0/24".into()],
            options: vec!["rw".into(), format!("fsid=100{number}")],
        }),
        service_address: Some(ServiceAddress {
            ip: [10, 77, 0, 100 + number].into(),
            prefix: 24,
        }),
        preferred: HostName::new(preferred),
        standby: Some(HostName::new(standby)),
        backup: (number == 0).then(backup),
        unreplicated: false,
    }
}

/// On access2: the newest may be a day and two hours old, and the last good test a week.
fn backup() -> Backup {
    Backup {
        on: HostName::new("access2"),
        hooks: Some(BackupHooks {
            list: vec!["backups".into()],
            restore: vec!["restore".into(), "{backup}".into(), "{into}".into()],
            fetch: None,
            scratch: "/scratch".into(),
            expect: Vec::new(),
            every: Duration::from_hours(26),
            tested: Duration::from_hours(7 * 24),
        }),
    }
}

/// A backup that began so many hours before.
pub(super) fn listed(now: UnixMs, hours: u64) -> Listed {
    Listed {
        at: UnixMs(now.0 - hours * 3_600_000),
        name: format!("nightly-{hours}"),
        bytes: Some(1 << 30),
    }
}

/// A test so many hours before.
pub(super) fn tested(now: UnixMs, hours: u64, trouble: Option<&str>) -> Tested {
    Tested {
        backup: "nightly-9".into(),
        began: UnixMs(now.0 - (hours + 5) * 3_600_000),
        at: UnixMs(now.0 - hours * 3_600_000),
        trouble: trouble.map(Into::into),
    }
}

/// The backups of slice-a and db-main, and their tests.
fn kept(s: &mut Snapshot) {
    let names = ["backup@slice-a", "backup@database@db-main"];
    s.backup_lists = names
        .map(|name| BackupList {
            name: name.into(),
            newest: Reading::known(Some(listed(s.at, 5)), s.at),
        })
        .into();
    let tests = names.map(|name| BackupTest {
        name: name.into(),
        last: Ok(tested(s.at, 50, None)),
    });
    s.backup_tests = Reading::known(tests.into(), s.at);
}

fn parts() -> Parts {
    let mut hosts: Vec<Host> = HOSTS
        .iter()
        .enumerate()
        .map(|(at, name)| Host::new(name, &format!("10.77.0.{}", at + 1)))
        .collect();
    for (at, host) in hosts.iter_mut().enumerate() {
        host.domains.rack = Some(format!("rack{at}"));
        host.domains.feeds = [format!("feed{}", at % 2)].into();
        host.domains.switches = [format!("switch{}", at % 2)].into();
        if host.name.as_str().starts_with("access") {
            for slice in ["slice-a", "slice-b"] {
                host.mounts.push(ExpectedMount {
                    slice: SliceName::new(slice),
                    at: format!("/mnt/{slice}"),
                });
            }
            host.probes.push(Probe {
                name: "temperature".into(),
                command: vec!["sensor".into()],
                parser: ProbeParser::JsonPointer("/t".into()),
                unit: Some("°C".into()),
                every: Duration::from_secs(30),
                warning_above: Some(40.0),
                critical_above: Some(50.0),
                warning_below: Some(5.0),
                critical_below: None,
                expect: None,
            });
        }
        if at >= 4 {
            host.mysql = Some(MysqlAccess::default());
        }
    }
    let names = |from: usize, to: usize| HOSTS[from..to].iter().map(|name| HostName::new(name)).collect();
    let segment = Segment {
        name: SegmentName::new("seg-1"),
        servers: names(0, 2),
        slices: vec![
            slice("slice-a", 0, "stor1", "stor2"),
            slice("slice-b", 1, "stor2", "stor1"),
        ],
        pools: vec!["tank".into()],
    };
    let topology = |name, kind, members, source: Option<&str>| Topology {
        name: TopologyName::new(name),
        kind,
        members,
        preferred_source: source.map(HostName::new),
        entrance: None,
        backup: (name == "db-main").then(backup),
    };
    let topologies = vec![
        topology("db-main", TopologyKind::Replication, names(4, 7), Some("db1")),
        topology("galera", TopologyKind::Galera, names(7, 10), None),
    ];
    (hosts, vec![segment], topologies)
}

/// What a healthy host of that name says.
fn healthy(name: &str, at: UnixMs, polls: u64) -> Snapshot {
    let mut s = machine(name, at, polls);
    match name {
        "stor1" => storage(&mut s, 0),
        "stor2" => storage(&mut s, 1),
        "access1" => node(&mut s),
        "access2" => {
            node(&mut s);
            kept(&mut s);
        }
        "db1" | "db2" | "db3" => {
            let number = usize::from(name.as_bytes()[2] - b'1');
            s.mysql = Reading::known(mysql(number), at);
        }
        _ => {
            let number = usize::from(name.as_bytes()[1] - b'1');
            let mut server = mysql(0);
            server.server_uuid = Some(UUIDS[number].into());
            server.semi_sync_source = None;
            server.galera = Some(galera());
            s.mysql = Reading::known(server, at);
        }
    }
    s
}

fn machine(name: &str, at: UnixMs, polls: u64) -> Snapshot {
    let seconds = 1_000_000.0 + (at.0 - START) as f64 / 1000.0;
    let number = HOSTS.iter().position(|host| *host == name).map_or(99, |at| at + 1);
    let ip = [10, 77, 0, u8::try_from(number).expect("few hosts")];
    Snapshot {
        at,
        rtt_us: 900,
        polls,
        identity: Reading::known(
            Identity {
                hostname: name.into(),
                boot_id: "b1".into(),
                ..Identity::default()
            },
            at,
        ),
        uptime: Reading::known(
            Uptime {
                seconds,
                clock_seconds: Some(at.0 as f64 / 1000.0),
            },
            at,
        ),
        load: Reading::known(
            LoadAverage {
                one: 0.5,
                five: 0.5,
                fifteen: 0.5,
                runnable: 1,
                tasks: 100,
            },
            at,
        ),
        cpu_times: Reading::known(
            CpuTimes {
                cpus: 4,
                ..CpuTimes::default()
            },
            at,
        ),
        cpu: Reading::known(CpuUse::default(), at),
        memory: Reading::known(
            MemoryUse {
                total_kib: 8_000_000,
                available_kib: 4_000_000,
                ..MemoryUse::default()
            },
            at,
        ),
        disks: Reading::known(vec![disk("sda"), disk("sdb")], at),
        filesystems: Reading::known(vec![usage("/", 40.0)], at),
        mounts: Reading::known(vec![mount("/", "ext4", "/dev/sda1")], at),
        filesystem_errors: Reading::known(vec![filesystem_errors("sda1", "8:1", 0)], at),
        statfs: Reading::known(Vec::new(), at),
        link_rates: Reading::known(
            vec![LinkRate {
                name: "eth0".into(),
                rx_bytes_per_second: 1e6,
                tx_bytes_per_second: 1e6,
                errors_per_second: 0.0,
            }],
            at,
        ),
        links: Reading::known(
            vec![Link {
                name: "eth0".into(),
                operstate: "up".into(),
                carrier: Some(true),
                speed_mbit: Some(10_000),
                mtu_bytes: Some(1500),
            }],
            at,
        ),
        addresses: Reading::known(vec![address(ip)], at),
        md: Reading::absent(at),
        drbd: Reading::absent(at),
        exports: Reading::absent(at),
        nfs_server: Reading::absent(at),
        nfs_clients: Reading::absent(at),
        nfs_mounts: Reading::absent(at),
        pools: Reading::absent(at),
        mysql: Reading::absent(at),
        ..Snapshot::default()
    }
}

pub(super) fn disk(name: &str) -> DiskRate {
    DiskRate {
        name: name.into(),
        reads_per_second: 20.0,
        writes_per_second: 50.0,
        read_bytes_per_second: 1e6,
        write_bytes_per_second: 1e6,
        read_await_ms: Some(2.0),
        write_await_ms: Some(3.0),
        busy_percent: 10.0,
        in_flight: 1,
    }
}

pub(super) fn usage(at: &str, percent: f64) -> Usage {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let used_kib = (percent * 1e6) as u64;
    Usage {
        source: "/dev/sda1".into(),
        at: at.into(),
        size_kib: 100_000_000,
        used_kib,
        available_kib: 100_000_000 - used_kib,
        used_percent: percent,
        inodes_used_percent: Some(3.0),
    }
}

pub(super) fn mount(at: &str, fs_type: &str, source: &str) -> Mount {
    Mount {
        device_number: "8:1".into(),
        at: at.into(),
        fs_type: fs_type.into(),
        source: source.into(),
        writable: true,
        options: "rw".into(),
    }
}

pub(super) fn filesystem_errors(device: &str, number: &str, count: u64) -> FilesystemErrors {
    FilesystemErrors {
        device: device.into(),
        device_number: Some(number.into()),
        count: Some(count),
    }
}

pub(super) fn address(ip: [u8; 4]) -> Address {
    Address {
        interface: "eth0".into(),
        ip: ip.into(),
        prefix: 24,
        secondary: ip[3] >= 100,
    }
}

pub(in crate::verdict) fn volume(number: u32, role: DrbdRole) -> DrbdVolume {
    let peer_role = if role == DrbdRole::Primary {
        DrbdRole::Secondary
    } else {
        DrbdRole::Primary
    };
    DrbdVolume {
        resource: Some(format!("r{number}").into()),
        volume: 0,
        minor: Some(number),
        peer: None,
        connection: DrbdConnection::Connected,
        role,
        peer_role,
        disk: DrbdDisk::UpToDate,
        peer_disk: DrbdDisk::UpToDate,
        protocol: Some('C'),
        out_of_sync_kib: Some(0),
        pending: Some(0),
        unacked: Some(0),
        sync: None,
        suspended: Some("no".into()),
        quorum: None,
        may_promote: None,
        size_kib: Some(192_512),
        version: Some("8.4.11".into()),
    }
}

pub(super) fn exported(number: u8, name: &str) -> NfsExport {
    NfsExport {
        path: format!("/srv/{name}").into(),
        client: "10.77.0.0/24".into(),
        options: vec!["sync".into(), "rw".into(), format!("fsid=100{number}").into()],
    }
}

fn storage(s: &mut Snapshot, mine: u8) {
    let at = s.at;
    let name = ["slice-a", "slice-b"][usize::from(mine)];
    let role = |number: u8| {
        if number == mine {
            DrbdRole::Primary
        } else {
            DrbdRole::Secondary
        }
    };
    s.md = Reading::known(vec![array()], at);
    s.drbd = Reading::known(vec![volume(0, role(0)), volume(1, role(1))], at);
    s.exports = Reading::known(vec![exported(mine, name)], at);
    s.nfs_clients = Reading::known(Vec::new(), at);
    s.nfs_server = Reading::known(
        NfsServer {
            threads: Some(8),
            ..NfsServer::default()
        },
        at,
    );
    s.pools = Reading::known(vec![pool()], at);
    change(&mut s.addresses, |list| list.push(address([10, 77, 0, 100 + mine])));
    change(&mut s.mounts, |list| {
        list.push(mount(&format!("/srv/{name}"), "ext4", &format!("/dev/drbd{mine}")));
    });
}

pub(super) fn array() -> MdArray {
    let member = |name: &str, number| MdMember {
        device: name.into(),
        number: Some(number),
        role: MdRole::Active,
        errors: Some(0),
    };
    MdArray {
        device: "md0".into(),
        state: MdState::Active,
        read_only: false,
        level: "raid5".into(),
        members: vec![member("sda2", 0), member("sdb2", 1), member("sdc2", 2)],
        members_wanted: Some(3),
        members_active: Some(3),
        map: "UUU".into(),
        size_kib: Some(192_512),
        sync: None,
        mismatches: Some(0),
        sync_action: Some("idle".into()),
    }
}

fn pool() -> Pool {
    let vdev = |name: &str, depth| Vdev {
        name: name.into(),
        depth,
        state: PoolState::Online,
        read_errors: Some(0),
        write_errors: Some(0),
        checksum_errors: Some(0),
        note: None,
    };
    Pool {
        name: "tank".into(),
        state: PoolState::Online,
        status: None,
        scan: None,
        vdevs: vec![vdev("tank", 0), vdev("mirror-0", 1), vdev("sdx", 2), vdev("sdy", 2)],
        errors: Some("No known data errors".into()),
        size_kib: Some(1000),
        allocated_kib: Some(400),
    }
}

pub(super) fn flow(at: &str, rtt_ms: f64) -> NfsMountRate {
    NfsMountRate {
        at: at.into(),
        ops: vec![NfsOpRate {
            op: "WRITE".into(),
            ops_per_second: 30.0,
            rtt_ms: Some(rtt_ms),
            execute_ms: Some(rtt_ms),
            queue_ms: Some(0.1),
            retransmits_per_second: 0.0,
            timeouts_per_second: 0.0,
        }],
    }
}

pub(super) fn answered(at: &str, outcome: StatfsOutcome) -> StatfsProbe {
    StatfsProbe { at: at.into(), outcome }
}

fn node(s: &mut Snapshot) {
    let at = s.at;
    for (number, name) in ["slice-a", "slice-b"].into_iter().enumerate() {
        let source = format!("10.77.0.{}:/srv/{name}", 100 + number);
        change(&mut s.mounts, |list| {
            list.push(mount(&format!("/mnt/{name}"), "nfs4", &source));
        });
        change(&mut s.statfs, |list| {
            list.push(answered(
                &format!("/mnt/{name}"),
                StatfsOutcome::Answered { took_ms: 10 },
            ));
        });
    }
    s.nfs_mounts = Reading::known(vec![flow("/mnt/slice-a", 2.0), flow("/mnt/slice-b", 2.0)], at);
    s.probes = vec![ProbeReading {
        name: "temperature".into(),
        value: Reading::known(ProbeValue::Number(21.5), at),
    }];
}

/// A channel from db1 that is well.
pub(super) fn channel() -> ReplicaChannel {
    ReplicaChannel {
        name: "".into(),
        source_host: "10.77.0.5".into(),
        source_port: Some(3306),
        source_uuid: Some(UUIDS[0].into()),
        source_server_id: Some(1),
        io_running: ReplicaThread::Yes,
        sql_running: ReplicaThread::Yes,
        seconds_behind: Some(0),
        io_error: None,
        sql_error: None,
        gtid_received: None,
        gtid_applied: None,
    }
}

fn mysql(number: usize) -> Mysql {
    Mysql {
        flavour: Flavour::Mysql,
        version: "8.0.40".into(),
        server_id: Some(number as u64 + 1),
        server_uuid: Some(UUIDS[number].into()),
        read_only: Some(number != 0),
        super_read_only: Some(number != 0),
        gtid_binlog_state: None,
        gtid_slave_pos: None,
        gtid_executed: Some(format!("{}:1-1000", UUIDS[0]).into()),
        threads_running: Some(2),
        connections: Some(20),
        max_connections: Some(500),
        buffer_pool_hit_percent: Some(99.0),
        uptime_seconds: Some(1000),
        queries: Some(1000),
        semi_sync_source: Some(SemiSync {
            enabled: true,
            active: number == 0,
            replicas: Some(if number == 0 { 2 } else { 0 }),
        }),
        semi_sync_replica: Some(number != 0),
        channels: if number == 0 { Vec::new() } else { vec![channel()] },
        heartbeat_lag_seconds: None,
        heartbeat_own_seconds: None,
        answered_us: None,
        replicas: Vec::new(),
        galera: None,
        errors: Vec::new(),
    }
}

fn galera() -> Galera {
    Galera {
        cluster_status: GaleraStatus::Primary,
        local_state: "Synced".into(),
        ready: Some(true),
        connected: Some(true),
        cluster_size: Some(3),
        state_uuid: "aaaa".into(),
        conf_id: Some(7),
        flow_control_paused: Some(0.0),
        last_committed: Some(100),
    }
}
