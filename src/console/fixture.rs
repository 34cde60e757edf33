//! A small fleet in every kind of state, for the tests.

use crate::{
    collect::{FleetView, HostView, Observer, Trend},
    facts::{Reach, UnixMs},
    fleet::HostName,
    remote::log::{Level, LogEntry},
    verdict::{Code, Finding, Severity, Subject, SubjectKind},
};
use std::{sync::Arc, time::Duration};

mod inventory;
pub mod latency;
mod snapshots;

pub use inventory::fleet;
use snapshots::{base, snapshots};

/// 2026-03-07T03:12:07Z.
pub const NOW: UnixMs = UnixMs(1_772_853_127_000);

/// So many seconds before now.
pub fn ago(seconds: u64) -> UnixMs {
    UnixMs(NOW.0 - seconds * 1000)
}

/// What a hostile host prints.
pub const HOSTILE: &str = "evil\x1b]0;owned\x07\x1b[2J\u{202e}txt\u{200b}\u{9b}31m\r\nnext";

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
            why: None,
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
        unseen: false,
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
            Code::UnknownWord,
            Severity::Unknown,
            on(SubjectKind::Drbd, "stor3", "r1"),
            147,
            "connection “WFConnexion” is a word this version does not know",
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
            Code::DrbdResyncing,
            Severity::Notice,
            on(SubjectKind::Drbd, "stor1", "r3"),
            300,
            "SyncTarget, 62 % done, 1 m 35 s left",
            &["stor2"],
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
        latency: Arc::default(),
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
