//! What live latency costs: a tick over 1,000 hosts with some fifty streams each, counters, peers, blame and all.
//!
//! `cargo bench --bench latency`

use pointsman::{
    facts::{
        CleanText, Reach, Reading, Snapshot, UnixMs,
        disk::DiskCounters,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume},
        nfs::{NfsMountCounters, NfsOpCounters},
    },
    fleet::{ExpectedMount, Fleet, Host, HostName, Poll, Segment, SegmentName, Slice, SliceName},
    verdict::{Memory, Observed, judge},
};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

const HOSTS: usize = 1000;
const SERVERS: usize = 100;
const DISKS: usize = 25;
const MOUNTS: usize = 12;
const TICKS: u64 = 60;
const START: u64 = 1_700_000_000_000;

fn main() {
    let fleet = fleet();
    let mut memory = Memory::new();
    let mut sums = vec![(0_u64, 0_u64); HOSTS * 64];
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let mut before = resident_kib();
    let mut last = Vec::new();
    for tick in 0..TICKS {
        let now = UnixMs(START + tick * 5000);
        let observed: Vec<Observed> = (0..HOSTS)
            .map(|at| Observed {
                reach: Some(Reach::Up { since: UnixMs(START) }),
                snapshot: Some(Arc::new(snapshot(at, now, tick + 100, &mut sums, &mut rng))),
            })
            .collect();
        if tick == 1 {
            before = resident_kib();
        }
        // What judging costs besides: the same snapshots again, a second later, bring no tick.
        let begun = Instant::now();
        last = black_box(judge(&fleet, &observed, &mut memory, false, now));
        with.push(begun.elapsed());
        let begun = Instant::now();
        black_box(judge(&fleet, &observed, &mut memory, false, UnixMs(now.0 + 1000)));
        without.push(begun.elapsed());
    }
    let latency = memory.latency();
    let streams = latency.len();
    println!("{} hosts, {streams} streams, {} findings", HOSTS, last.len());
    report("a look with a tick", &mut with[5..]);
    report("a look without", &mut without[5..]);
    let grown = resident_kib().saturating_sub(before);
    println!(
        "memory grown since the first snapshots: {grown} KiB = {} bytes a stream, with {} ticks of history",
        grown * 1024 / streams.max(1) as u64,
        pointsman::verdict::latency::HISTORY
    );
    let begun = Instant::now();
    let mut cells = 0;
    for op in latency.ops() {
        cells += black_box(latency.grid(op)).rows.len();
    }
    println!(
        "all pictures: {:.1} ms, {cells} rows",
        begun.elapsed().as_secs_f64() * 1000.0
    );
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort();
    let ms = |at: usize| times[at].as_secs_f64() * 1000.0;
    println!(
        "{what:<20} best {:6.2} ms   p50 {:6.2} ms   p95 {:6.2} ms",
        ms(0),
        ms(times.len() / 2),
        ms(times.len() * 95 / 100)
    );
}

fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or_default();
    pages * 4
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
    let pairs = (0..SERVERS / 2).map(|pair| [name(pair * 2), name(pair * 2 + 1)].map(|name| HostName::new(&name)));
    let segments = pairs.enumerate().map(|(pair, servers)| Segment {
        name: SegmentName::new(&format!("seg{pair}")),
        slices: (0..2)
            .map(|which| slice(pair * 2 + which, &servers[which], &servers[1 - which]))
            .collect(),
        servers: servers.to_vec(),
        pools: Vec::new(),
    });
    let segments = segments.collect();
    for (at, host) in hosts.iter_mut().enumerate() {
        host.roles
            .insert(if at < SERVERS { "storage" } else { "node" }.to_owned());
        for mount in 0..if at < SERVERS { 0 } else { MOUNTS } {
            host.mounts.push(ExpectedMount {
                slice: SliceName::new(&format!("slice{}", (at + mount * 7) % SERVERS)),
                at: format!("/mnt/{mount}"),
            });
        }
    }
    Fleet::new("bench".into(), None, Poll::default(), hosts, segments, Vec::new())
}

fn slice(number: usize, preferred: &HostName, standby: &HostName) -> Slice {
    Slice {
        name: SliceName::new(&format!("slice{number}")),
        resource: Some(format!("r{number}")),
        device: "/dev/drbd0".into(),
        mount_point: format!("/srv/{number}"),
        export: None,
        service_address: None,
        preferred: preferred.clone(),
        standby: Some(standby.clone()),
        backup: None,
        unreplicated: false,
    }
}

fn snapshot(at: usize, now: UnixMs, polls: u64, sums: &mut [(u64, u64)], rng: &mut fastrand::Rng) -> Snapshot {
    let rtt_us = 900 + rng.u64(..200);
    let mut stream = 0;
    let mut next = |ms: f64| {
        let sum = &mut sums[at * 64 + stream];
        stream += 1;
        let operations = 400 + rng.u64(..100);
        sum.0 += operations;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters")]
        let time = (operations as f64 * ms * (0.9 + 0.2 * rng.f64())) as u64;
        sum.1 += time;
        *sum
    };
    let disks = if at < SERVERS { DISKS } else { 1 };
    let counters = (0..disks).map(|disk| {
        let (reads, writes) = (next(5.0), next(4.0));
        DiskCounters {
            name: CleanText::from(format!("sd{}", char::from(b'a' + u8::try_from(disk).unwrap_or(0)))),
            major: 8,
            minor: 0,
            reads: reads.0,
            sectors_read: reads.0 * 32,
            read_ms: reads.1,
            writes: writes.0,
            sectors_written: writes.0 * 16,
            write_ms: writes.1,
            in_flight: 0,
            busy_ms: 0,
        }
    });
    let counters: Vec<DiskCounters> = counters.collect();
    let mounts = (0..if at < SERVERS { 0 } else { MOUNTS }).map(|mount| NfsMountCounters {
        at: CleanText::from(format!("/mnt/{mount}")),
        server: "10.0.0.1".into(),
        path: "/srv".into(),
        version: "4.2".into(),
        hard: true,
        age_seconds: now.0 / 1000,
        read_bytes: 0,
        write_bytes: 0,
        backlog: 0,
        ops: ["READ", "WRITE", "COMMIT", "GETATTR"]
            .map(|op| {
                let (operations, time) = next(2.0);
                NfsOpCounters {
                    op: op.into(),
                    ops: operations,
                    transmissions: operations,
                    timeouts: 0,
                    queue_ms: 0,
                    rtt_ms: time,
                    execute_ms: time,
                    errors: Some(0),
                }
            })
            .to_vec(),
    });
    Snapshot {
        polls,
        rtt_us,
        disk_counters: Reading::known(counters, now),
        nfs_mount_counters: Reading::known(mounts.collect(), now),
        drbd: Reading::known(if at < SERVERS { volumes(at) } else { Vec::new() }, now),
        ..Snapshot::probes_only(Vec::new(), now)
    }
}

fn volumes(at: usize) -> Vec<DrbdVolume> {
    let pair = at / 2 * 2;
    (pair..pair + 2).map(|number| volume(number, number == at)).collect()
}

fn volume(number: usize, primary: bool) -> DrbdVolume {
    let (role, peer_role) = if primary {
        (DrbdRole::Primary, DrbdRole::Secondary)
    } else {
        (DrbdRole::Secondary, DrbdRole::Primary)
    };
    DrbdVolume {
        resource: Some(CleanText::from(format!("r{number}"))),
        volume: 0,
        minor: Some(0),
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
        size_kib: None,
        version: None,
    }
}
