//! Every code: a world that shows it, and the nearest healthy world that does not.

mod backups;
mod databases;
mod machine;
mod mounts;
mod raid;
mod slices;

use super::world::{
    World, address, answered, array, change, disk, failed, filesystem_errors, find, flow, glance, usage,
};
use crate::{
    facts::{
        Reach, Reading, Snapshot, UnixMs, Why,
        drbd::{DrbdConnection as C, DrbdDisk as D, DrbdRole as R, DrbdSync, DrbdVolume},
        filesystem::StatfsOutcome,
        load::CpuUse,
        md::{MdAction, MdArray, MdRole, MdState, MdSync},
        mysql::{GaleraStatus, Mysql, ReplicaThread, SemiSync},
        probe::ProbeValue,
        zfs::{Pool, PoolState, Scan},
    },
    verdict::{Code, Severity, overall},
};
use std::collections::BTreeSet;

/// A broken world and its healthy neighbour.
struct Case {
    code: Code,
    severity: Severity,
    broken: fn(&mut World),
    near: fn(&mut World),
}

const fn case(code: Code, severity: Severity, broken: fn(&mut World), near: fn(&mut World)) -> Case {
    Case {
        code,
        severity,
        broken,
        near,
    }
}

fn md(s: &mut Snapshot, edit: impl FnOnce(&mut MdArray)) {
    change(&mut s.md, |list| edit(&mut list[0]));
}

fn r0(s: &mut Snapshot, edit: impl FnOnce(&mut DrbdVolume)) {
    change(&mut s.drbd, |list| edit(&mut list[0]));
}

fn db(s: &mut Snapshot, edit: impl FnOnce(&mut Mysql)) {
    change(&mut s.mysql, edit);
}

fn tank(s: &mut Snapshot, edit: impl FnOnce(&mut Pool)) {
    change(&mut s.pools, |list| edit(&mut list[0]));
}

fn sync(action: MdAction) -> MdSync {
    MdSync {
        action,
        percent: Some(37.0),
        speed_kib_per_second: Some(6345),
        left_seconds: Some(240),
        waiting: None,
    }
}

fn statfs(s: &mut Snapshot, outcome: StatfsOutcome) {
    change(&mut s.statfs, |list| list[0] = answered("/mnt/slice-a", outcome));
}

fn filling(w: &mut World, kib_per_minute: u64) {
    w.edit("db1", move |s| {
        let minutes = (s.at.0 - super::world::START) / 60_000;
        change(&mut s.filesystems, |list| {
            list[0].used_kib += minutes * kib_per_minute;
            list[0].available_kib -= minutes * kib_per_minute;
        });
    });
    for _ in 0..16 {
        w.polls(2);
        w.wait(120);
    }
}

fn degraded(w: &mut World, host: &str) {
    w.edit(host, |s| {
        md(s, |a| {
            a.members_active = Some(2);
            a.map = "UU_".into();
        });
    });
}

fn side(w: &mut World, host: &str, connection: C, role: R, disk: D) {
    w.edit(host, move |s| {
        r0(s, |v| {
            v.connection = connection.clone();
            v.role = role.clone();
            v.peer_role = R::NotSeen;
            v.disk = disk.clone();
            v.peer_disk = D::NotSeen;
        });
    });
}

fn hang(w: &mut World) {
    for host in ["access1", "access2"] {
        w.edit(host, |s| {
            statfs(s, StatfsOutcome::Hung { seconds: 9 });
            change(&mut s.nfs_mounts, |list| list[0].ops.clear());
        });
    }
}

fn resilver(w: &mut World, function: &'static str) {
    w.edit("stor1", move |s| {
        tank(s, |pool| {
            pool.scan = Some(Scan {
                function: function.into(),
                running: true,
                percent: Some(12.0),
                left_seconds: Some(600),
                errors: Some(0),
                text: "in progress".into(),
            });
        });
    });
}

fn lost_source(w: &mut World) {
    w.polls(2);
    for host in ["db2", "db3"] {
        w.edit(host, |s| {
            db(s, |m| m.channels[0].io_running = ReplicaThread::Connecting);
        });
    }
}

fn all() -> Vec<Case> {
    [
        machine::cases(),
        raid::cases(),
        slices::cases(),
        mounts::cases(),
        databases::cases(),
        backups::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn a_healthy_fleet_has_no_findings() {
    let mut world = World::new();
    for _ in 0..20 {
        assert_eq!(glance(&world.poll()), []);
    }
    assert!(world.memory.is_aligned(&world.fleet));
}

#[test]
fn every_case_is_raised_and_its_healthy_neighbour_is_not() {
    let mut wrong = Vec::new();
    for case in all() {
        let mut world = World::new();
        (case.broken)(&mut world);
        let findings = world.polls(3);
        let found = findings
            .iter()
            .find(|finding| finding.code == case.code && finding.severity == case.severity);
        match found {
            Some(finding) if finding.evidence.is_empty() || finding.since > world.now => {
                wrong.push(format!("{finding:?}"));
            }
            Some(finding) if finding.evidence.starts_with(finding.subject.name.as_str()) => {
                wrong.push(format!("the evidence repeats its subject: {finding:?}"));
            }
            Some(_) => assert!(overall(&findings) >= case.severity),
            None => wrong.push(format!(
                "{} {:?} not raised: {:?}",
                case.code,
                case.severity,
                glance(&findings)
            )),
        }
        let mut near = World::new();
        (case.near)(&mut near);
        let findings = near.polls(3);
        if let Some(finding) = find(&findings, case.code) {
            wrong.push(format!("raised in the healthy neighbour: {finding:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let shown: BTreeSet<Code> = all().iter().map(|case| case.code).collect();
    // A crash is seen from outside of the rules alone, see the collector; what is slow takes minutes, see there.
    let elsewhere = [
        Code::InternalError,
        Code::SemiFailed,
        Code::GroupSlow,
        Code::PathSlow,
        Code::Stalled,
        Code::Silent,
    ];
    let judged = |code: &&Code| !shown.contains(code) && !elsewhere.contains(code);
    let missing: Vec<&Code> = Code::ALL.iter().filter(judged).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
