//! How long one look at a whole fleet takes: 5,000 hosts, in pairs of storage servers and nodes that
//! mount their slices, half of them polled since the look before.
//!
//! `cargo bench --bench judge`

use pointsman::{
    facts::{
        Reach, Reading, Snapshot, UnixMs,
        disk::DiskRate,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume},
        filesystem::{Mount, StatfsOutcome, StatfsProbe, Usage},
        load::{CpuTimes, CpuUse, LoadAverage, Memory as MemoryUse, Uptime},
        md::{MdArray, MdMember, MdRole, MdState},
        network::{Address, Link, LinkRate},
        nfs::{NfsMountRate, NfsOpRate},
    },
    fleet::{ExpectedMount, Fleet, Host, HostName, Poll, Segment, SegmentName, Slice, SliceName},
    verdict::{Memory, Observed, judge},
};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

const HOSTS: usize = 5000;
/// Every tenth host is a storage server; two make a segment with two slices.
const SERVERS: usize = HOSTS / 10;
const MOUNTS: usize = 8;
const ROUNDS: u64 = 200;
const START: u64 = 1_700_000_000_000;

fn main() {
    let fleet = fleet();
    let mut observed: Vec<Observed> = vec![Observed::default(); HOSTS];
    let mut memory = Memory::new();
    let mut times = Vec::new();
    let mut shown = 0;
    for round in 0..ROUNDS {
        let now = UnixMs(START + round * 1000);
        for (at, host) in observed.iter_mut().enumerate() {
            if at as u64 % 2 == round % 2 || round == 0 {
                *host = Observed {
                    reach: Some(Reach::Up { since: UnixMs(START) }),
                    snapshot: Some(Arc::new(snapshot(at, now, round))),
                };
            }
        }
        let begun = Instant::now();
        let findings = judge(&fleet, &observed, &mut memory, false, now);
        times.push(begun.elapsed());
        shown = black_box(findings).len();
    }
    report("half of 5,000 hosts new", &mut times[2..]);
    let mut idle: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            black_box(judge(
                &fleet,
                &observed,
                &mut memory,
                false,
                UnixMs(START + (ROUNDS - 1) * 1000),
            ));
            begun.elapsed()
        })
        .collect();
    report("nothing new", &mut idle);
    let mut lost: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let begun = Instant::now();
            black_box(judge(
                &fleet,
                &observed,
                &mut memory,
                false,
                UnixMs(START + (ROUNDS + 60 + round) * 1000),
            ));
            begun.elapsed()
        })
        .collect();
    report("all 5,000 hosts silent", &mut lost);
    println!("{shown} findings shown while polled");
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!(
        "judge, {what}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        at(50),
        at(99),
        at(100)
    );
}

fn name(at: usize) -> String {
    if at < SERVERS {
        format!("stor{at}")
    } else {
        format!("node{at}")
    }
}

fn fleet() -> Fleet {
    let mut hosts: Vec<Host> = (0..HOSTS).map(|at| Host::new(&name(at), &name(at))).collect();
    let segments = (0..SERVERS / 2)
        .map(|pair| {
            let servers = vec![HostName::new(&name(pair * 2)), HostName::new(&name(pair * 2 + 1))];
            Segment {
                name: SegmentName::new(&format!("seg{pair}")),
                slices: (0..2).map(|which| slice(pair, which, &servers)).collect(),
                servers,
                pools: Vec::new(),
            }
        })
        .collect();
    for (at, host) in hosts.iter_mut().enumerate().skip(SERVERS) {
        for mount in 0..MOUNTS {
            let number = (at * MOUNTS + mount) % SERVERS;
            host.mounts.push(ExpectedMount {
                slice: SliceName::new(&format!("slice{number}")),
                at: format!("/mnt/{mount}"),
            });
        }
    }
    Fleet::new("bench".into(), None, Poll::default(), hosts, segments, Vec::new())
}

fn slice(pair: usize, which: usize, servers: &[HostName]) -> Slice {
    let number = pair * 2 + which;
    Slice {
        name: SliceName::new(&format!("slice{number}")),
        resource: Some(format!("r{which}")),
        device: format!("/dev/drbd{which}"),
        mount_point: format!("/srv/{which}"),
        export: None,
        service_address: None,
        preferred: servers[which].clone(),
        standby: Some(servers[1 - which].clone()),
        backup: None,
        unreplicated: false,
    }
}

fn snapshot(at: usize, now: UnixMs, polls: u64) -> Snapshot {
    let mut s = Snapshot {
        at: now,
        polls,
        uptime: Reading::known(
            Uptime {
                seconds: 1e6 + polls as f64,
                clock_seconds: Some(now.0 as f64 / 1000.0),
            },
            now,
        ),
        load: Reading::known(
            LoadAverage {
                one: 1.0,
                five: 1.0,
                fifteen: 1.0,
                runnable: 1,
                tasks: 200,
            },
            now,
        ),
        cpu_times: Reading::known(
            CpuTimes {
                cpus: 8,
                ..CpuTimes::default()
            },
            now,
        ),
        cpu: Reading::known(CpuUse::default(), now),
        memory: Reading::known(
            MemoryUse {
                total_kib: 8_000_000,
                available_kib: 4_000_000,
                ..MemoryUse::default()
            },
            now,
        ),
        disks: Reading::known((0..12).map(|disk| rate(&format!("sd{disk}"))).collect(), now),
        // Of the medium tier: read every ten seconds.
        filesystems: Reading::known(
            ["/", "/var", "/home", "/srv"].map(usage).into(),
            UnixMs(now.0 / 10_000 * 10_000),
        ),
        links: Reading::known(vec![link()], now),
        link_rates: Reading::known(vec![link_rate()], now),
        addresses: Reading::known(
            vec![Address {
                interface: "eth0".into(),
                ip: [10, 0, 0, 1].into(),
                prefix: 8,
                secondary: false,
            }],
            now,
        ),
        md: Reading::absent(now),
        drbd: Reading::absent(now),
        exports: Reading::absent(now),
        nfs_server: Reading::absent(now),
        nfs_clients: Reading::absent(now),
        nfs_mounts: Reading::absent(now),
        pools: Reading::absent(now),
        mysql: Reading::absent(now),
        mounts: Reading::known(vec![mount("/", "ext4", "/dev/sda1")], now),
        statfs: Reading::known(Vec::new(), now),
        ..Snapshot::default()
    };
    if at < SERVERS {
        s.md = Reading::known(vec![array()], now);
        s.drbd = Reading::known((0..2).map(|which| volume(which, at)).collect(), now);
        let which = at % 2;
        s.mounts = Reading::known(
            vec![
                mount("/", "ext4", "/dev/sda1"),
                mount(&format!("/srv/{which}"), "ext4", &format!("/dev/drbd{which}")),
            ],
            now,
        );
    } else {
        let at = |which: usize| format!("/mnt/{which}");
        let mounts = (0..MOUNTS).map(|which| mount(&at(which), "nfs4", "10.0.0.9:/srv/0"));
        s.mounts = Reading::known(mounts.collect(), now);
        s.statfs = Reading::known((0..MOUNTS).map(|which| probe(&at(which))).collect(), now);
        s.nfs_mounts = Reading::known((0..MOUNTS).map(|which| flow(&at(which))).collect(), now);
    }
    s
}

fn rate(name: &str) -> DiskRate {
    DiskRate {
        name: name.into(),
        reads_per_second: 20.0,
        writes_per_second: 20.0,
        read_bytes_per_second: 1e6,
        write_bytes_per_second: 1e6,
        read_await_ms: Some(2.0),
        write_await_ms: Some(3.0),
        busy_percent: 10.0,
        in_flight: 1,
    }
}

fn usage(at: &str) -> Usage {
    Usage {
        source: "/dev/sda1".into(),
        at: at.into(),
        size_kib: 1_000_000,
        used_kib: 400_000,
        available_kib: 600_000,
        used_percent: 40.0,
        inodes_used_percent: Some(3.0),
    }
}

fn link() -> Link {
    Link {
        name: "eth0".into(),
        operstate: "up".into(),
        carrier: Some(true),
        speed_mbit: Some(10_000),
        mtu_bytes: Some(1500),
    }
}

fn link_rate() -> LinkRate {
    LinkRate {
        name: "eth0".into(),
        rx_bytes_per_second: 1e6,
        tx_bytes_per_second: 1e6,
        errors_per_second: 0.0,
    }
}

fn mount(at: &str, fs_type: &str, source: &str) -> Mount {
    Mount {
        device_number: "8:1".into(),
        at: at.into(),
        fs_type: fs_type.into(),
        source: source.into(),
        writable: true,
        options: "rw".into(),
    }
}

fn probe(at: &str) -> StatfsProbe {
    StatfsProbe {
        at: at.into(),
        outcome: StatfsOutcome::Answered { took_ms: 10 },
    }
}

fn flow(at: &str) -> NfsMountRate {
    let op = |name: &str| NfsOpRate {
        op: name.into(),
        ops_per_second: 30.0,
        rtt_ms: Some(1.0),
        execute_ms: Some(1.0),
        queue_ms: Some(0.1),
        retransmits_per_second: 0.0,
        timeouts_per_second: 0.0,
    };
    NfsMountRate {
        at: at.into(),
        ops: ["READ", "WRITE", "GETATTR", "COMMIT"].map(op).into(),
    }
}

fn array() -> MdArray {
    let member = |name: &str, number| MdMember {
        device: name.into(),
        number: Some(number),
        role: MdRole::Active,
        errors: None,
    };
    MdArray {
        device: "md0".into(),
        state: MdState::Active,
        read_only: false,
        level: "raid5".into(),
        members: vec![member("sda", 0), member("sdb", 1), member("sdc", 2)],
        members_wanted: Some(3),
        members_active: Some(3),
        map: "UUU".into(),
        size_kib: Some(1000),
        sync: None,
        mismatches: Some(0),
        sync_action: None,
    }
}

fn volume(which: u32, server: usize) -> DrbdVolume {
    let mine = server as u64 % 2 == u64::from(which);
    let (role, peer_role) = if mine {
        (DrbdRole::Primary, DrbdRole::Secondary)
    } else {
        (DrbdRole::Secondary, DrbdRole::Primary)
    };
    DrbdVolume {
        resource: Some(format!("r{which}").into()),
        volume: 0,
        minor: Some(which),
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
        suspended: None,
        quorum: None,
        may_promote: None,
        size_kib: Some(1000),
        version: None,
    }
}
