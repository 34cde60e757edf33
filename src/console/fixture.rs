//! A small fleet in every kind of state, for the tests.

use crate::{
    collect::{FleetView, HostView, Observer, Trend},
    facts::{
        CleanText, Reach, Reading, Snapshot, UnixMs, Why,
        disk::DiskRate,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdSync, DrbdVolume},
        filesystem::{Mount, StatfsOutcome, StatfsProbe, Usage},
        identity::Identity,
        load::{CpuTimes, CpuUse, LoadAverage, Memory, Pressure, Uptime},
        md::{MdAction, MdArray, MdMember, MdRole, MdState, MdSync},
        mysql::{Flavour, Mysql, ReplicaChannel, ReplicaThread, SemiSync},
        network::{Address, Link},
        nfs::{NfsExport, NfsMountRate, NfsOpRate, NfsServer},
        probe::{ProbeReading, ProbeValue},
        zfs::{Pool, PoolState, Scan},
    },
    fleet::{
        ExpectedMount, Export, Fleet, Host, HostName, Poll, Probe, ProbeParser, Segment, ServiceAddress, Slice,
        SliceName, Topology, TopologyKind, TopologyName,
    },
    remote::log::{Level, LogEntry},
    verdict::{Code, Finding, Severity, Subject, SubjectKind},
};
use std::{sync::Arc, time::Duration};

/// 2026-03-07T03:12:07Z.
pub const NOW: UnixMs = UnixMs(1_772_853_127_000);

/// So many seconds before now.
pub fn ago(seconds: u64) -> UnixMs {
    UnixMs(NOW.0 - seconds * 1000)
}

/// What a hostile host prints.
pub const HOSTILE: &str = "evil\x1b]0;owned\x07\x1b[2J\u{202e}txt\u{200b}\u{9b}31m\r\nnext";

fn slice(name: &str, segment: u8, minor: u8, preferred: &str, standby: &str) -> Slice {
    Slice {
        name: SliceName::new(name),
        resource: Some(format!("r{minor}")),
        device: format!("/dev/drbd{minor}"),
        mount_point: format!("/srv/{name}"),
        export: Some(Export {
            path: format!("/srv/{name}"),
            clients: vec!["10.77.0.0/24".to_owned()],
            options: vec!["rw".to_owned()],
        }),
        service_address: Some(ServiceAddress {
            ip: [10, 77, segment, 100 + minor].into(),
            prefix: 24,
        }),
        preferred: HostName::new(preferred),
        standby: Some(HostName::new(standby)),
        backup: Some(HostName::new("backup1")),
        unreplicated: false,
    }
}

fn hosts() -> Vec<Host> {
    let mut hosts = Vec::new();
    for (at, name) in ["stor1", "stor2", "stor3", "stor4"].into_iter().enumerate() {
        let mut host = Host::new(name, &format!("10.77.0.{}", at + 1));
        host.roles.insert("storage".to_owned());
        host.domains.site = Some("lax".to_owned());
        host.domains.rack = Some(format!("r{at}"));
        hosts.push(host);
    }
    for number in 1..=5 {
        let mut host = Host::new(&format!("access{number}"), &format!("10.77.0.{}", 20 + number));
        host.roles.insert("node".to_owned());
        host.domains.site = Some("lax".to_owned());
        for slice in ["slice-a", "slice-b", "slice-c"] {
            host.mounts.push(ExpectedMount {
                slice: SliceName::new(slice),
                at: format!("/mnt/{slice}"),
            });
        }
        hosts.push(host);
    }
    for number in 1..=3 {
        let mut host = Host::new(&format!("db{number}"), &format!("10.77.0.{}", 40 + number));
        host.roles.insert("mysql".to_owned());
        hosts.push(host);
    }
    let mut backup = Host::new("backup1", "10.77.0.60");
    backup.roles.insert("backup".to_owned());
    backup.probes.push(Probe {
        name: "ups".to_owned(),
        command: vec!["upsc".to_owned()],
        parser: ProbeParser::JsonPointer("/load".to_owned()),
        unit: Some("%".to_owned()),
        every: Duration::from_secs(10),
        warning_above: None,
        critical_above: None,
        warning_below: None,
        critical_below: None,
        expect: None,
    });
    hosts.push(backup);
    let mut fresh = Host::new("new1", "10.77.0.61");
    fresh.roles.insert("backup".to_owned());
    hosts.push(fresh);
    hosts
}

/// The inventory.
pub fn fleet() -> Fleet {
    let segment = |name: &str, servers: [&str; 2], slices: Vec<Slice>| Segment {
        name: name.into(),
        servers: servers.iter().map(|name| HostName::new(name)).collect(),
        slices,
        pools: Vec::new(),
    };
    Fleet::new(
        "grid-west".to_owned(),
        Some("PRODUCTION".to_owned()),
        Poll::default(),
        hosts(),
        vec![
            segment(
                "seg-1",
                ["stor1", "stor2"],
                vec![
                    slice("slice-c", 1, 2, "stor1", "stor2"),
                    slice("slice-d", 1, 3, "stor2", "stor1"),
                ],
            ),
            segment(
                "seg-2",
                ["stor3", "stor4"],
                vec![
                    slice("slice-a", 2, 0, "stor3", "stor4"),
                    slice("slice-b", 2, 1, "stor4", "stor3"),
                ],
            ),
        ],
        vec![Topology {
            name: TopologyName::new("db-main"),
            kind: TopologyKind::Replication,
            members: ["db1", "db2", "db3"].iter().map(|name| HostName::new(name)).collect(),
            preferred_source: Some(HostName::new("db1")),
        }],
    )
}

fn base(name: &str, at: UnixMs) -> Snapshot {
    Snapshot {
        at,
        rtt_us: 1_240,
        polls: 412,
        identity: Reading::known(
            Identity {
                hostname: name.into(),
                kernel: "6.1.0-31-amd64".into(),
                os: "Debian GNU/Linux 12 (bookworm)".into(),
                arch: "x86_64".into(),
                user: "pointsman".into(),
                uid: Some(998),
                ..Identity::default()
            },
            at,
        ),
        uptime: Reading::known(
            Uptime {
                seconds: 446_400.0,
                clock_seconds: None,
            },
            at,
        ),
        load: Reading::known(
            LoadAverage {
                one: 0.9,
                five: 0.8,
                fifteen: 0.7,
                runnable: 2,
                tasks: 180,
            },
            at,
        ),
        cpu_times: Reading::known(
            CpuTimes {
                cpus: 8,
                ..CpuTimes::default()
            },
            at,
        ),
        cpu: Reading::known(
            CpuUse {
                user_percent: 12.0,
                system_percent: 5.0,
                iowait_percent: 3.0,
                steal_percent: 0.0,
            },
            at,
        ),
        memory: Reading::known(
            Memory {
                total_kib: 16_777_216,
                available_kib: 9_000_000,
                ..Memory::default()
            },
            at,
        ),
        pressure: Reading::known(Pressure::default(), at),
        links: Reading::known(
            vec![Link {
                name: "eth0".into(),
                operstate: "up".into(),
                carrier: Some(true),
                speed_mbit: Some(10_000),
                mtu_bytes: Some(9000),
            }],
            at,
        ),
        md: Reading::absent(at),
        drbd: Reading::absent(at),
        pools: Reading::absent(at),
        mysql: Reading::absent(at),
        nfs_server: Reading::absent(at),
        nfs_clients: Reading::absent(at),
        exports: Reading::absent(at),
        statfs: Reading::known(Vec::new(), at),
        nfs_mounts: Reading::known(Vec::new(), at),
        ..Snapshot::default()
    }
}

fn volume(resource: &str, minor: u32, role: DrbdRole, connection: DrbdConnection) -> DrbdVolume {
    let connected = connection.is_connected();
    let other = if role == DrbdRole::Primary {
        DrbdRole::Secondary
    } else {
        DrbdRole::Primary
    };
    DrbdVolume {
        resource: Some(resource.into()),
        volume: 0,
        minor: Some(minor),
        peer: None,
        connection,
        role,
        peer_role: if connected { other } else { DrbdRole::NotSeen },
        disk: DrbdDisk::UpToDate,
        peer_disk: if connected {
            DrbdDisk::UpToDate
        } else {
            DrbdDisk::NotSeen
        },
        protocol: Some('C'),
        out_of_sync_kib: Some(if connected { 0 } else { 4096 }),
        pending: None,
        unacked: None,
        sync: None,
        suspended: None,
        quorum: None,
        may_promote: None,
        size_kib: Some(196_608),
        version: Some("8.4.11".into()),
    }
}

fn array(map: &str, sync: Option<MdSync>) -> MdArray {
    let active = map.chars().filter(|c| *c == 'U').count();
    MdArray {
        device: "md0".into(),
        state: MdState::Active,
        read_only: false,
        level: "raid5".into(),
        members: ["vda", "vdb", "vdd"]
            .into_iter()
            .map(|device| MdMember {
                device: device.into(),
                number: None,
                role: MdRole::Active,
                errors: Some(0),
            })
            .collect(),
        members_wanted: Some(3),
        members_active: u32::try_from(active).ok(),
        map: map.into(),
        size_kib: Some(393_216),
        sync,
        mismatches: Some(0),
        sync_action: None,
    }
}

struct Server<'a> {
    name: &'a str,
    volumes: Vec<DrbdVolume>,
    array: MdArray,
    serves: &'a [&'a str],
    addresses: &'a [[u8; 4]],
}

fn server(of: Server<'_>, at: UnixMs) -> Snapshot {
    let mount = |slice: &&str| Mount {
        device_number: "147:0".into(),
        at: format!("/srv/{slice}").into(),
        fs_type: "ext4".into(),
        source: "/dev/drbd0".into(),
        writable: true,
        options: "rw".into(),
    };
    let usage = |slice: &&str| Usage {
        source: "/dev/drbd0".into(),
        at: format!("/srv/{slice}").into(),
        size_kib: 196_608,
        used_kib: 120_000,
        available_kib: 76_608,
        used_percent: 61.0,
        inodes_used_percent: Some(4.0),
    };
    let export = |slice: &&str| NfsExport {
        path: format!("/srv/{slice}").into(),
        client: "10.77.0.0/24".into(),
        options: vec!["rw".into(), "sync".into()],
    };
    Snapshot {
        md: Reading::known(vec![of.array], at),
        drbd: Reading::known(of.volumes, at),
        mounts: Reading::known(of.serves.iter().map(mount).collect(), at),
        filesystems: Reading::known(of.serves.iter().map(usage).collect(), at),
        exports: Reading::known(of.serves.iter().map(export).collect(), at),
        nfs_server: Reading::known(
            NfsServer {
                threads: Some(8),
                rpc_calls: 1_234_567,
                ..NfsServer::default()
            },
            at,
        ),
        nfs_clients: Reading::unknown(Why::Denied("reading /proc/fs/nfsd/clients needs root".into()), at),
        addresses: Reading::known(
            of.addresses
                .iter()
                .map(|ip| Address {
                    interface: "eth0".into(),
                    ip: (*ip).into(),
                    prefix: 24,
                    secondary: true,
                })
                .collect(),
            at,
        ),
        disks: Reading::known(
            vec![DiskRate {
                name: "vda".into(),
                reads_per_second: 12.0,
                writes_per_second: 40.0,
                read_bytes_per_second: 98_304.0,
                write_bytes_per_second: 655_360.0,
                read_await_ms: Some(0.8),
                write_await_ms: Some(if of.name == "stor3" { 48.0 } else { 1.9 }),
                busy_percent: 14.0,
                in_flight: 1,
            }],
            at,
        ),
        ..base(of.name, at)
    }
}

fn node(name: &str, at: UnixMs, hung: bool) -> Snapshot {
    let slices = ["slice-a", "slice-b", "slice-c"];
    let probe = |slice: &str| StatfsProbe {
        at: format!("/mnt/{slice}").into(),
        outcome: if hung && slice == "slice-b" {
            StatfsOutcome::Hung { seconds: 41 }
        } else {
            StatfsOutcome::Answered { took_ms: 10 }
        },
    };
    let op = |op: &str, rtt: f64| NfsOpRate {
        op: op.into(),
        ops_per_second: 40.0,
        rtt_ms: Some(rtt),
        execute_ms: Some(rtt + 0.1),
        queue_ms: Some(0.0),
        retransmits_per_second: 0.0,
        timeouts_per_second: 0.0,
    };
    Snapshot {
        mounts: Reading::known(
            slices
                .iter()
                .map(|slice| Mount {
                    device_number: "0:50".into(),
                    at: format!("/mnt/{slice}").into(),
                    fs_type: "nfs4".into(),
                    source: format!("10.77.2.100:/srv/{slice}").into(),
                    writable: true,
                    options: "rw".into(),
                })
                .collect(),
            at,
        ),
        statfs: Reading::known(slices.iter().map(|slice| probe(slice)).collect(), at),
        nfs_mounts: Reading::known(
            slices
                .iter()
                .map(|slice| NfsMountRate {
                    at: format!("/mnt/{slice}").into(),
                    ops: vec![op("READ", 0.8), op("WRITE", 2.1)],
                })
                .collect(),
            at,
        ),
        ..base(name, at)
    }
}

fn database(name: &str, at: UnixMs, source: Option<&str>, behind: Option<u64>) -> Snapshot {
    let channels = source.map(|host| ReplicaChannel {
        name: CleanText::default(),
        source_host: host.into(),
        source_port: Some(3306),
        source_uuid: None,
        source_server_id: Some(1),
        io_running: ReplicaThread::Yes,
        sql_running: if behind.is_none() {
            ReplicaThread::No
        } else {
            ReplicaThread::Yes
        },
        seconds_behind: behind,
        io_error: None,
        sql_error: behind
            .is_none()
            .then(|| "1062 Duplicate entry '7' for key 'PRIMARY'".into()),
        gtid_received: None,
        gtid_applied: None,
    });
    let mysql = Mysql {
        flavour: Flavour::Mysql,
        version: "8.0.41".into(),
        server_id: Some(1),
        server_uuid: None,
        read_only: Some(source.is_some()),
        super_read_only: Some(source.is_some()),
        gtid_binlog_state: None,
        gtid_slave_pos: None,
        gtid_executed: Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-88123".into()),
        threads_running: Some(4),
        connections: Some(120),
        max_connections: Some(500),
        buffer_pool_hit_percent: Some(99.6),
        uptime_seconds: Some(400_000),
        queries: Some(98_765_432),
        semi_sync_source: source.is_none().then_some(SemiSync {
            enabled: true,
            active: true,
            replicas: Some(2),
        }),
        semi_sync_replica: source.map(|_| true),
        channels: channels.into_iter().collect(),
        heartbeat_lag_seconds: behind.map(|seconds| seconds as f64),
        replicas: Vec::new(),
        galera: None,
        errors: Vec::new(),
    };
    Snapshot {
        mysql: Reading::known(mysql, at),
        ..base(name, at)
    }
}

#[allow(clippy::too_many_lines, reason = "a table of hosts")]
fn snapshots(name: &str) -> Option<Snapshot> {
    let at = ago(1);
    let rebuild = MdSync {
        action: MdAction::Recovery,
        percent: Some(37.2),
        speed_kib_per_second: Some(81_920),
        left_seconds: Some(240),
        waiting: None,
    };
    let resync = DrbdVolume {
        disk: DrbdDisk::Inconsistent,
        sync: Some(DrbdSync {
            percent: Some(62.0),
            left_seconds: Some(95),
            speed_kib_per_second: Some(40_960),
            stalled: false,
        }),
        out_of_sync_kib: Some(74_000),
        ..volume("r3", 3, DrbdRole::Secondary, DrbdConnection::SyncTarget)
    };
    Some(match name {
        "stor1" => server(
            Server {
                name,
                volumes: vec![volume("r2", 2, DrbdRole::Primary, DrbdConnection::Connected), resync],
                array: array("UUU", None),
                serves: &["slice-c"],
                addresses: &[[10, 77, 0, 1], [10, 77, 1, 102]],
            },
            at,
        ),
        "stor2" => server(
            Server {
                name,
                volumes: vec![
                    volume("r2", 2, DrbdRole::Secondary, DrbdConnection::Connected),
                    volume("r3", 3, DrbdRole::Primary, DrbdConnection::SyncSource),
                ],
                array: array("UU_", Some(rebuild)),
                serves: &["slice-d"],
                addresses: &[[10, 77, 0, 2], [10, 77, 1, 103]],
            },
            at,
        ),
        "stor3" => server(
            Server {
                name,
                volumes: vec![
                    volume("r0", 0, DrbdRole::Primary, DrbdConnection::Connected),
                    volume("r1", 1, DrbdRole::Secondary, DrbdConnection::parse("WFConnexion")),
                ],
                array: array("UUU", None),
                serves: &["slice-a"],
                addresses: &[[10, 77, 0, 3], [10, 77, 2, 100]],
            },
            at,
        ),
        "stor4" => server(
            Server {
                name,
                volumes: vec![
                    volume("r0", 0, DrbdRole::Secondary, DrbdConnection::Connected),
                    volume("r1", 1, DrbdRole::Primary, DrbdConnection::StandAlone),
                ],
                array: array("UUU", None),
                serves: &["slice-b"],
                addresses: &[[10, 77, 0, 4], [10, 77, 2, 101]],
            },
            at,
        ),
        "access3" => node(name, at, true),
        "access4" => node(name, ago(34), false),
        "access5" => node(name, ago(69), false),
        "access1" | "access2" => node(name, ago(2), false),
        "db1" => database(name, at, None, None),
        "db2" => database(name, at, Some("10.77.0.41"), Some(0)),
        "db3" => database(name, at, Some("db1"), Some(47)),
        "backup1" => Snapshot {
            identity: Reading::known(
                Identity {
                    hostname: HOSTILE.into(),
                    os: HOSTILE.into(),
                    ..Identity::default()
                },
                at,
            ),
            cpu: Reading::unknown(Why::NoBaseline, at),
            pressure: Reading::absent(at),
            pools: Reading::known(
                vec![Pool {
                    name: "tank".into(),
                    state: PoolState::parse("ONLINE"),
                    status: None,
                    scan: Some(Scan {
                        function: "scrub".into(),
                        running: true,
                        percent: Some(12.0),
                        left_seconds: Some(7200),
                        errors: Some(0),
                        text: "scrub in progress, 12.0% done".into(),
                    }),
                    vdevs: Vec::new(),
                    errors: Some("No known data errors".into()),
                    size_kib: Some(1 << 32),
                    allocated_kib: Some(1 << 31),
                }],
                ago(40),
            ),
            probes: vec![ProbeReading {
                name: "ups".to_owned(),
                value: Reading::known(ProbeValue::Number(31.0), at),
            }],
            ..base(name, at)
        },
        _ => return None,
    })
}

fn reach(name: &str) -> Reach {
    match name {
        "access4" => Reach::Silent {
            since: ago(32),
            missed: 8,
        },
        "access5" => Reach::Unreachable {
            since: ago(65),
            why: "no answer in 4 s".into(),
            retries: 3,
            next: UnixMs(NOW.0 + 11_000),
        },
        "new1" => Reach::Connecting {
            step: "key exchange",
            since: ago(2),
            retries: 0,
        },
        _ => Reach::Up { since: ago(3600) },
    }
}

fn trend(name: &str) -> Trend {
    let mut trend = Trend::default();
    for step in 0..30u8 {
        let gap = step % 11 == 3;
        let wave = f32::from(step % 4) * 0.2;
        let value = |base: f32| (!gap).then_some(base + wave);
        let slow = name == "stor3" && step > 20;
        trend.push(
            value(0.8),
            value(1.2),
            name.starts_with("stor")
                .then(|| value(if slow { 48.0 } else { 1.9 }))
                .flatten(),
            name.starts_with("access").then(|| value(2.0)).flatten(),
            (name == "db2" || name == "db3")
                .then(|| value(f32::from(step)))
                .flatten(),
        );
    }
    trend
}

/// The findings, worst first.
pub fn findings() -> Vec<Finding> {
    let finding = |code, severity, subject, since, evidence: &str, hosts: &[&str]| Finding {
        code,
        severity,
        subject,
        since: ago(since),
        evidence: evidence.into(),
        hosts: hosts.iter().map(|name| HostName::new(name)).collect(),
    };
    let on = |kind, host: &str, name: &str| Subject::on(kind, &HostName::new(host), name);
    vec![
        finding(
            Code::SliceUnreplicated,
            Severity::Critical,
            Subject::of_fleet(SubjectKind::Slice, "slice-b"),
            147,
            "slice-b has no replica: drbd r1 is StandAlone on stor4",
            &["stor3", "stor4"],
        ),
        finding(
            Code::DrbdStandAlone,
            Severity::Critical,
            on(SubjectKind::Drbd, "stor4", "r1"),
            147,
            "r1 is StandAlone as primary, 4 MiB out of sync",
            &["stor3"],
        ),
        finding(
            Code::MountHung,
            Severity::Critical,
            on(SubjectKind::Mount, "access3", "/mnt/slice-b"),
            41,
            "no answer for 41 s, limit 5 s",
            &["stor4"],
        ),
        finding(
            Code::HostUnreachable,
            Severity::Unknown,
            Subject::host(&HostName::new("access5")),
            65,
            "no answer in 4 s; 3 retries",
            &[],
        ),
        finding(
            Code::DiskSlow,
            Severity::Warning,
            on(SubjectKind::Disk, "stor3", "vda"),
            40,
            "vda writes take 48 ms, limit 20 ms",
            &[],
        ),
        finding(
            Code::ReplicationLag,
            Severity::Warning,
            on(SubjectKind::Mysql, "db3", "db3"),
            95,
            "47 s behind db1, limit 10 s",
            &["db1"],
        ),
        finding(
            Code::MdRebuilding,
            Severity::Notice,
            on(SubjectKind::Array, "stor2", "md0"),
            4000,
            "md0 rebuilds, 37 % done, 4 m left",
            &[],
        ),
    ]
}

/// The whole fleet.
pub fn view() -> FleetView {
    let fleet = fleet();
    let findings = findings();
    let hosts = fleet
        .hosts
        .iter()
        .map(|host| {
            let name = host.name.as_str();
            let own = findings
                .iter()
                .filter(|finding| finding.subject.host.as_ref() == Some(&host.name))
                .map(|finding| finding.severity)
                .max();
            Arc::new(HostView {
                name: host.name.clone(),
                reach: reach(name),
                snapshot: snapshots(name).map(Arc::new),
                trend: Arc::new(if name == "new1" { Trend::default() } else { trend(name) }),
                severity: own.unwrap_or_default(),
                about: if name == "backup1" {
                    HOSTILE.into()
                } else {
                    "SSH-2.0-OpenSSH_9.2p1".into()
                },
                complete: true,
                stale_after: Duration::from_secs(6),
            })
        })
        .collect();
    FleetView {
        fleet: Arc::new(fleet),
        at: ago(1),
        hosts,
        findings: findings.into(),
        observer: Observer {
            load: 0.4,
            cpu_percent: 6.0,
            own_cpu_percent: 2.0,
            own_memory_bytes: 40 << 20,
            lateness_ms: 0.4,
            doubtful: false,
        },
        reload_error: None,
        version: 1,
    }
}

/// The same fleet with nothing wrong.
pub fn calm() -> FleetView {
    let mut view = view();
    view.findings = Arc::from([]);
    for host in &mut view.hosts {
        let mut well = (**host).clone();
        well.severity = Severity::Ok;
        well.reach = Reach::Up { since: ago(3600) };
        let mut snapshot = snapshots(well.name.as_str()).unwrap_or_else(|| base(well.name.as_str(), ago(1)));
        snapshot.at = ago(1);
        well.snapshot = Some(Arc::new(snapshot));
        *host = Arc::new(well);
    }
    view
}

/// A log.
pub fn log() -> Vec<LogEntry> {
    let entry = |seq, seconds, level, host: Option<&str>, text: &str, exit, took_ms: Option<u64>| LogEntry {
        seq,
        at: ago(seconds),
        level,
        host: host.map(HostName::new),
        text: text.into(),
        exit,
        took: took_ms.map(Duration::from_millis),
    };
    vec![
        entry(0, 120, Level::Info, None, "inventory grid-west: 14 hosts", None, None),
        entry(
            1,
            110,
            Level::Info,
            Some("stor1"),
            "exec sh -s -- pointsman 1",
            Some(0),
            Some(212),
        ),
        entry(
            2,
            90,
            Level::Warning,
            Some("db3"),
            "mysql --batch --raw -e 'SHOW REPLICA STATUS\\G'",
            Some(1),
            Some(48),
        ),
        entry(
            3,
            65,
            Level::Error,
            Some("access5"),
            "connection lost: no answer in 4 s during poll",
            None,
            Some(4000),
        ),
        entry(4, 5, Level::Info, Some("backup1"), HOSTILE, Some(0), Some(3)),
    ]
}
