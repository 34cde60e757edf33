//! How answers become snapshots: statuses, shared values, rates and reboots.

use super::*;
use crate::{
    facts::{Why, disk::DiskRate, probe::ProbeValue},
    fleet::{BackupSubject, KeptBackups, ProbeParser},
};
use std::time::Duration;

const MDSTAT: &str =
    "Personalities : [raid1]\nmd0 : active raid1 sdb[1] sda[0]\n      10 blocks [2/2] [UU]\n\nunused devices: <none>\n";
const PROC: &str =
    "version: 8.4.11 (api:1)\n 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n    ns:0 oos:0\n";
const STATUS: &str = "r0 role:Primary suspended:no\n  volume:0 minor:0 disk:UpToDate\n  peer connection:Connected role:Secondary\n    volume:0 replication:Established peer-disk:UpToDate\n";

fn at(seconds: u64) -> UnixMs {
    UnixMs(1_000_000 + seconds * 1000)
}

fn send(assembler: &mut Assembler, now: UnixMs, sections: &[(Section, SectionStatus, &str)]) -> Snapshot {
    let sections = sections
        .iter()
        .map(|(section, status, text)| (*section, status, text.as_bytes()));
    assembler.apply(sections, now);
    assembler.snapshot(now, 700)
}

fn ok(section: Section, text: &str) -> (Section, SectionStatus, &str) {
    (section, SectionStatus::Ok, text)
}

fn disk(reads: u64) -> String {
    format!("8 0 sda {reads} 0 {} 0 0 0 0 0 0 0 0\n", reads * 8)
}

fn reads(snapshot: &Snapshot) -> Option<f64> {
    let rates: &Vec<DiskRate> = snapshot.disks.value()?;
    Some(rates.first()?.reads_per_second)
}

#[test]
fn same_renews_and_shares() {
    let mut assembler = Assembler::new(&[]);
    let first = send(
        &mut assembler,
        at(0),
        &[ok(Section::Mdstat, MDSTAT), ok(Section::Loadavg, "1 2 3 4/5 6")],
    );
    let again = send(
        &mut assembler,
        at(2),
        &[
            (Section::Mdstat, SectionStatus::Same, ""),
            ok(Section::Loadavg, "1 2 3 4/5 7"),
        ],
    );
    let (State::Known(a), State::Known(b)) = (&first.md.state, &again.md.state) else {
        panic!()
    };
    assert!(Arc::ptr_eq(a, b), "an unchanged value is shared");
    let (State::Known(a), State::Known(b)) = (&first.load.state, &again.load.state) else {
        panic!()
    };
    assert!(Arc::ptr_eq(a, b), "an equal value is shared");
    assert_eq!((first.md.at, again.md.at, again.load.at), (at(0), at(2), at(2)));
    assert_eq!((again.at, again.rtt_us, again.polls), (at(2), 700, 2));
    let later = send(&mut assembler, at(4), &[ok(Section::Loadavg, "1 2 3 4/5 7")]);
    assert_eq!(later.md.at, at(2), "a section that did not come keeps its time");
}

#[test]
fn same_before_anything_came_is_not_a_value() {
    let mut assembler = Assembler::new(&[]);
    let snapshot = send(
        &mut assembler,
        at(0),
        &[
            (Section::Mdstat, SectionStatus::Same, ""),
            (Section::Df, SectionStatus::Same, ""),
        ],
    );
    assert_eq!(snapshot.md.why(), Some(&Why::NotAsked));
    assert_eq!(snapshot.filesystems.why(), Some(&Why::NotAsked));
}

#[test]
fn every_status_has_its_reading() {
    let mut assembler = Assembler::new(&[]);
    let snapshot = send(
        &mut assembler,
        at(0),
        &[
            (Section::Mdstat, SectionStatus::Absent, ""),
            (
                Section::Exports,
                SectionStatus::Denied,
                "watch ALL=(root) NOPASSWD: /usr/sbin/exportfs -v\nexportfs: not permitted",
            ),
            (Section::Addresses, SectionStatus::Exit(255), "\nip: broken\n"),
            (Section::NfsClients, SectionStatus::Exit(124), "no answer within 5 s"),
            (Section::Zpool, SectionStatus::Exit(1), "no pools available\n"),
            (
                Section::Df,
                SectionStatus::Exit(1),
                "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 10 5 5 50% /\n",
            ),
            (
                Section::Mysql,
                SectionStatus::Exit(1),
                "ERROR 2002 (HY000): Can't connect\n",
            ),
            (Section::Loadavg, SectionStatus::Unknown("odd".into()), ""),
            (Section::Meminfo, SectionStatus::Ok, "garbage"),
        ],
    );
    assert!(snapshot.md.is_absent());
    assert_eq!(
        snapshot.exports.why(),
        Some(&Why::Denied("watch ALL=(root) NOPASSWD: /usr/sbin/exportfs -v".into()))
    );
    assert_eq!(
        snapshot.addresses.why(),
        Some(&Why::Failed("exit 255: ip: broken".into()))
    );
    assert!(matches!(snapshot.nfs_clients.why(), Some(Why::Hung(_))));
    assert_eq!(snapshot.pools.value().map(Vec::len), Some(0));
    assert_eq!(snapshot.filesystems.value().map(Vec::len), Some(1));
    assert!(matches!(snapshot.mysql.why(), Some(Why::Failed(_))));
    assert!(matches!(snapshot.load.why(), Some(Why::Garbled(_))));
    assert!(matches!(snapshot.memory.why(), Some(Why::Garbled(_))));
    assert_eq!(snapshot.uptime.why(), Some(&Why::NotAsked));
}

#[test]
fn stuck_drops_the_value_and_says_why() {
    let mut assembler = Assembler::new(&[]);
    send(&mut assembler, at(0), &[ok(Section::Exports, "/a\tb(rw)\n")]);
    let begun = send(&mut assembler, at(1), &[(Section::Exports, SectionStatus::Begin, "")]);
    assert_eq!((begun.exports.at, begun.polls), (at(0), 0), "begun, not answered");
    let stuck = send(
        &mut assembler,
        at(9),
        &[(Section::Exports, SectionStatus::Stuck, "12 D")],
    );
    assert_eq!(
        stuck.exports.why(),
        Some(&Why::Hung("exports for 12 s, in state D".into()))
    );
    let same = send(&mut assembler, at(10), &[(Section::Exports, SectionStatus::Same, "")]);
    assert!(
        matches!(same.exports.why(), Some(Why::Hung(_))),
        "a dropped value does not come back"
    );
    let back = send(&mut assembler, at(11), &[ok(Section::Exports, "/a\tb(rw)\n")]);
    assert!(back.exports.value().is_some());
}

#[test]
fn rates_go_by_the_hosts_own_time() {
    let mut assembler = Assembler::new(&[]);
    let poll = |assembler: &mut Assembler, now: u64, uptime: &str, count: u64| {
        send(
            assembler,
            at(now),
            &[ok(Section::Diskstats, &disk(count)), ok(Section::Uptime, uptime)],
        )
    };
    let first = poll(&mut assembler, 0, "100.00 1", 1000);
    assert_eq!(first.disks.why(), Some(&Why::NoBaseline));
    assert_eq!(
        reads(&poll(&mut assembler, 5, "102.00 1", 1200)),
        Some(100.0),
        "the answer was late, not the sample"
    );
    assert_eq!(
        reads(&poll(&mut assembler, 6, "102.05 1", 1210)),
        Some(100.0),
        "too close for a rate"
    );
    assert_eq!(reads(&poll(&mut assembler, 8, "104.00 1", 1200)), Some(0.0));
    let mut snapshot = send(
        &mut assembler,
        at(10),
        &[
            (Section::Diskstats, SectionStatus::Same, ""),
            ok(Section::Uptime, "106.00 1"),
        ],
    );
    assert_eq!(reads(&snapshot), Some(0.0), "nothing changed, so nothing was done");
    snapshot = poll(&mut assembler, 12, "108.00 1", 1400);
    assert_eq!(reads(&snapshot), Some(100.0), "Same moved the sample before forward");
    let rebooted = poll(&mut assembler, 14, "3.00 1", 5000);
    assert_eq!(rebooted.disks.why(), Some(&Why::NoBaseline), "a reboot");
}

#[test]
fn rates_without_an_uptime_go_by_arrival() {
    let mut assembler = Assembler::new(&[]);
    send(&mut assembler, at(0), &[ok(Section::Diskstats, &disk(0))]);
    assert_eq!(
        reads(&send(&mut assembler, at(4), &[ok(Section::Diskstats, &disk(40))])),
        Some(10.0)
    );
    let lost = send(&mut assembler, at(6), &[ok(Section::Diskstats, "garbage")]);
    assert!(matches!(lost.disks.why(), Some(Why::Garbled(_))));
    assert_eq!(
        send(&mut assembler, at(8), &[ok(Section::Diskstats, &disk(50))])
            .disks
            .why(),
        Some(&Why::NoBaseline)
    );
}

#[test]
fn another_boot_id_drops_the_baselines() {
    let mut assembler = Assembler::new(&[]);
    send(
        &mut assembler,
        at(0),
        &[ok(Section::Identity, "boot_id one\n"), ok(Section::Diskstats, &disk(0))],
    );
    send(&mut assembler, at(1), &[ok(Section::Identity, "boot_id two\n")]);
    assert_eq!(
        send(&mut assembler, at(2), &[ok(Section::Diskstats, &disk(50))])
            .disks
            .why(),
        Some(&Why::NoBaseline)
    );
}

#[test]
fn drbd_84_keeps_its_names_while_drbdsetup_hangs() {
    let mut assembler = Assembler::new(&[]);
    let name = |snapshot: &Snapshot| {
        snapshot.drbd.value().unwrap()[0]
            .resource
            .clone()
            .map(|name| name.to_string())
    };
    let first = send(&mut assembler, at(0), &[ok(Section::Drbd, PROC)]);
    assert_eq!(name(&first), None);
    let named = send(&mut assembler, at(1), &[ok(Section::DrbdStatus, STATUS)]);
    assert_eq!(
        (name(&named).as_deref(), named.drbd.at),
        (Some("r0"), at(0)),
        "the state is as old as /proc/drbd"
    );
    let lost = PROC.replace("cs:Connected", "cs:WFConnection");
    let stuck = send(
        &mut assembler,
        at(2),
        &[
            (Section::DrbdStatus, SectionStatus::Stuck, "9 D"),
            ok(Section::Drbd, &lost),
        ],
    );
    assert_eq!(name(&stuck).as_deref(), Some("r0"));
    assert_eq!(stuck.drbd.value().unwrap()[0].connection.as_str(), "WFConnection");
    let garbled = send(&mut assembler, at(3), &[ok(Section::Drbd, "garbage")]);
    assert!(
        matches!(garbled.drbd.why(), Some(Why::Hung(_) | Why::Garbled(_))),
        "no source is left"
    );
}

#[test]
fn drbd_9_is_unknown_while_drbdsetup_hangs() {
    let mut assembler = Assembler::new(&[]);
    let json = r#"[{"name":"r","role":"Primary","suspended":false,"devices":[{"volume":0,"minor":0,"disk-state":"UpToDate"}],"connections":[]}]"#;
    let version = "version: 9.1.7 (api:2)\n";
    let before = send(&mut assembler, at(0), &[ok(Section::Drbd, version)]);
    assert_eq!(before.drbd.why(), Some(&Why::NotAsked));
    let known = send(&mut assembler, at(1), &[ok(Section::DrbdStatus, json)]);
    assert_eq!(known.drbd.value().unwrap()[0].version.as_deref(), Some("9.1.7"));
    let fast = send(&mut assembler, at(3), &[(Section::Drbd, SectionStatus::Same, "")]);
    assert_eq!(fast.drbd.at, at(1), "the state is as old as the status");
    let stuck = send(
        &mut assembler,
        at(9),
        &[(Section::DrbdStatus, SectionStatus::Stuck, "8 D")],
    );
    assert!(matches!(stuck.drbd.why(), Some(Why::Hung(_))));
    let none = send(
        &mut Assembler::new(&[]),
        at(0),
        &[
            (Section::Drbd, SectionStatus::Absent, ""),
            (Section::DrbdStatus, SectionStatus::Absent, ""),
        ],
    );
    assert!(none.drbd.is_absent());
}

#[test]
fn md_and_pools_are_joined() {
    let mut assembler = Assembler::new(&[]);
    send(&mut assembler, at(0), &[ok(Section::Mdstat, MDSTAT)]);
    let joined = send(
        &mut assembler,
        at(1),
        &[
            ok(Section::MdSys, "md0 mismatch_cnt 256\n"),
            (Section::Zpool, SectionStatus::Absent, ""),
        ],
    );
    assert_eq!(joined.md.value().unwrap()[0].mismatches, Some(256));
    let fresh = send(
        &mut assembler,
        at(2),
        &[ok(Section::Mdstat, &MDSTAT.replace("[2/2] [UU]", "[2/1] [U_]"))],
    );
    let array = &fresh.md.value().unwrap()[0];
    assert_eq!((array.degraded(), array.mismatches), (Some(true), Some(256)));
    assert!(fresh.pools.is_absent());
    let gone = send(&mut assembler, at(3), &[(Section::MdSys, SectionStatus::Absent, "")]);
    assert_eq!(gone.md.value().unwrap()[0].mismatches, None);
    let pool = "  pool: t\n state: ONLINE\n scrub: none requested\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\tt ONLINE 0 0 0\n\nerrors: No known data errors\n";
    let pools = send(
        &mut assembler,
        at(4),
        &[
            ok(Section::Zpool, pool),
            ok(Section::ZpoolList, "t 2048 1024 1024 ONLINE\n"),
        ],
    );
    assert_eq!(pools.pools.value().unwrap()[0].size_kib, Some(2));
}

#[test]
fn probes_keep_their_reading_until_due() {
    let probe = |name: &str| Probe {
        name: name.to_owned(),
        command: vec!["true".to_owned()],
        parser: ProbeParser::Regex(regex::Regex::new(r"(\d+)").unwrap()),
        unit: None,
        every: Duration::from_mins(1),
        warning_above: None,
        critical_above: None,
        warning_below: None,
        critical_below: None,
        expect: None,
    };
    let mut assembler = Assembler::new(&[probe("ups"), probe("fans")]);
    assert_eq!(assembler.snapshot(at(0), 1).probes[1].value.why(), Some(&Why::NotAsked));
    send(
        &mut assembler,
        at(0),
        &[ok(Section::Probes, "ups 0 3\n42%\nfans 0 2\n7x\nother 0 0\n\n")],
    );
    let later = send(&mut assembler, at(60), &[ok(Section::Probes, "ups 0 2\n43\n")]);
    assert_eq!(later.probes[0].value.value(), Some(&ProbeValue::Number(43.0)));
    assert_eq!(
        (later.probes[1].value.value(), later.probes[1].value.at),
        (Some(&ProbeValue::Number(7.0)), at(0))
    );
    let stuck = send(
        &mut assembler,
        at(90),
        &[(Section::Probes, SectionStatus::Stuck, "20 S")],
    );
    assert!(
        stuck
            .probes
            .iter()
            .all(|probe| matches!(probe.value.why(), Some(Why::Hung(_))))
    );
}

/// What the remote half sent of a machine (Linux 6.18, dash) on which tar read `/usr/lib` and something slept, twice.
#[test]
fn a_program_is_at_work_on_a_backup_while_it_computes_and_unknown_is_not_idle() {
    let backups = |snapshot: &Snapshot| {
        let backups = snapshot.backups.value()?.iter();
        Some(
            backups
                .map(|one| (one.program.to_string(), one.seconds))
                .collect::<Vec<_>>(),
        )
    };
    let mut assembler = Assembler::new(&[]);
    let first = "tar 24437 1 1 66 0 0\nsleep 24440 0 0 0 0 0";
    let first = send(&mut assembler, at(0), &[ok(Section::Backups, first)]);
    assert_eq!(backups(&first), Some(vec![("tar".to_owned(), Some(1))]));
    let second = "sleep 24428 3 0 0 0 0\ntar 24437 2 1 152 0 0";
    let second = send(&mut assembler, at(2), &[ok(Section::Backups, second)]);
    assert_eq!(backups(&second), Some(vec![("tar".to_owned(), Some(3))]));
    let hidden = (Section::Backups, SectionStatus::Denied, "read access to /proc/1/comm");
    let hidden = send(&mut assembler, at(12), &[hidden]);
    assert_eq!(backups(&hidden), None);
    assert!(matches!(hidden.backups.why(), Some(Why::Denied(_))));
    let none = send(&mut assembler, at(22), &[ok(Section::Backups, "")]);
    assert_eq!(backups(&none), Some(Vec::new()));
}

#[test]
fn lists_of_backups_keep_their_reading_until_their_turn_and_one_that_is_stuck_spoils_no_other() {
    let kept = |name: &str| KeptBackups {
        of: BackupSubject::Slice(name.into()),
        list: vec!["list".to_owned()],
        every: Duration::from_hours(26),
        tested: Duration::from_hours(800),
    };
    let mut assembler = Assembler::new(&[]);
    assembler.keeping(&["a", "b", "c"].map(kept));
    let list = "backup@a 0 26\n2026-11-20T03:00:00Z a-1 5\nbackup@b 1 4\nnone\nbackup@z 0 0\n\n";
    let first = send(&mut assembler, at(0), &[ok(Section::Lists, list)]);
    let newest = |snapshot: &Snapshot, which: usize| snapshot.backup_lists[which].newest.clone();
    let name = |snapshot: &Snapshot, which| Some(newest(snapshot, which).value()?.as_ref()?.name.clone());
    assert_eq!(name(&first, 0).as_deref(), Some("a-1"));
    assert!(matches!(newest(&first, 1).why(), Some(Why::Failed(why)) if why.contains("none")));
    assert_eq!(newest(&first, 2).why(), Some(&Why::NotAsked));
    let stuck = send(
        &mut assembler,
        at(60),
        &[(Section::Lists, SectionStatus::Stuck, "20 D")],
    );
    assert_eq!(
        (name(&stuck, 0).as_deref(), newest(&stuck, 0).at),
        (Some("a-1"), at(0)),
        "it gets old"
    );
    for which in [1, 2] {
        assert!(matches!(newest(&stuck, which).why(), Some(Why::Hung(_))), "{which}");
    }
    let spoilt = send(&mut assembler, at(90), &[ok(Section::Lists, "no list")]);
    assert_eq!(name(&spoilt, 0).as_deref(), Some("a-1"));
    assert!(matches!(newest(&spoilt, 2).why(), Some(Why::Garbled(_))));
    let second = send(&mut assembler, at(120), &[ok(Section::Lists, "backup@c 0 0\n\n")]);
    assert_eq!(newest(&second, 2), Reading::known(None, at(120)), "none is listed");
    assert_eq!(second.backup_tests.why(), Some(&Why::NotAsked));
    let never = send(&mut assembler, at(130), &[(Section::Proofs, SectionStatus::Absent, "")]);
    assert!(never.backup_tests.is_absent());
}
