//! What the documents say of hosts that do not say everything.

use super::{Format, in_doubt, report::Status, run as runs, status::render};
use crate::{
    collect::{FleetView, HostView, Observer, Trend},
    facts::{
        Assembler, Reach, Reading, Section, SectionStatus, Snapshot, UnixMs,
        filesystem::{StatfsOutcome, StatfsProbe},
        mysql::{Mysql, ReplicaThread, parse_mysql},
    },
    fleet::{BackupSubject, Fleet, Host, KeptBackups, Poll},
    runbook::engine::End,
    store::{NewRun, Run, Standing},
    verdict::{Code, Finding, Severity, Subject, SubjectKind},
};
use std::{sync::Arc, time::Duration};

/// What a runbook may ask of a host is what a script is told of it.
#[test]
fn the_facts_of_runbooks_are_the_fields_of_the_status_document() {
    let schema: serde_json::Value = serde_json::from_str(&super::report::schema()).unwrap();
    let host = schema["$defs"]["HostStatus"]["properties"].as_object().unwrap();
    let mut fields: Vec<&str> = host.keys().map(String::as_str).collect();
    fields.push("findings");
    fields.sort_unstable();
    assert_eq!(fields, crate::runbook::sight::SHOWN_FIELDS);
}

const NOW: UnixMs = UnixMs(1_700_000_000_000);

fn status(snapshot: Snapshot) -> serde_json::Value {
    serde_json::to_value(document(snapshot, vec![])).unwrap()["hosts"][0].clone()
}

fn document(snapshot: Snapshot, findings: Vec<Finding>) -> Status {
    Status::new(&view(snapshot, findings), &[true])
}

fn view(snapshot: Snapshot, findings: Vec<Finding>) -> FleetView {
    let host = Host::new("a", "192.0.2.1");
    FleetView {
        latency: Arc::default(),
        fleet: Arc::new(Fleet::new(
            "t".into(),
            None,
            Poll::default(),
            vec![host.clone()],
            vec![],
            vec![],
        )),
        at: NOW,
        hosts: vec![Arc::new(HostView {
            name: host.name.clone(),
            reach: Reach::Up { since: NOW },
            snapshot: Some(Arc::new(snapshot)),
            trend: Arc::new(Trend::default()),
            severity: Severity::Ok,
            about: "".into(),
            complete: true,
            stale_after: Duration::from_secs(6),
        })],
        findings: findings.into(),
        observer: Observer::default(),
        reload_error: None,
        version: 1,
    }
}

/// A look that ended while a mount was asked and not yet late said nothing of it: seen in the lab with a server that hung.
#[test]
fn one_look_lasts_until_a_mount_has_answered_or_is_late() {
    let doubt = |outcome: StatfsOutcome| {
        let snapshot = Snapshot {
            statfs: Reading::known(
                vec![StatfsProbe {
                    at: "/mnt/a".into(),
                    outcome,
                }],
                NOW,
            ),
            ..Snapshot::default()
        };
        let view = view(snapshot, Vec::new());
        in_doubt(&view, &view.hosts[0])
    };
    assert!(doubt(StatfsOutcome::Hung { seconds: 2 }));
    assert!(!doubt(StatfsOutcome::Hung { seconds: 60 }));
    assert!(!doubt(StatfsOutcome::Answered { took_ms: 2 }));
    assert!(!doubt(StatfsOutcome::Stale));
}

fn assembled(section: Section, text: &str) -> Snapshot {
    let mut assembler = Assembler::new(&[]);
    assembler.apply([(section, &SectionStatus::Ok, text.as_bytes())].into_iter(), NOW);
    assembler.snapshot(NOW, 1)
}

#[test]
fn an_array_that_does_not_tell_its_members_is_not_clean() {
    let state = |text: &str| {
        let text = format!("{text}unused devices: <none>\n");
        status(assembled(Section::Mdstat, &text))["raid"][0]["state"].clone()
    };
    assert_eq!(
        state("md0 : active raid1 sdb1[1] sda1[0]\n      1000 blocks [2/2] [UU]\n"),
        "clean"
    );
    assert_eq!(
        state("md0 : active raid1 sdb1[1] sda1[0]\n      1000 blocks [2/1] [U_]\n"),
        "degraded"
    );
    assert_eq!(
        state("md0 : active raid1 sdb1[1] sda1[0]\n      1000 blocks\n"),
        "unknown"
    );
    assert_eq!(
        state("md0 : active raid0 sdb1[1] sda1[0]\n      1000 blocks 64k chunks\n"),
        "clean"
    );
}

#[test]
fn a_server_whose_channels_cannot_be_read_is_no_source() {
    let role = |mysql: Mysql| {
        let snapshot = Snapshot {
            mysql: Reading::known(mysql, NOW),
            ..Snapshot::default()
        };
        status(snapshot)["mysql"]["role"].clone()
    };
    let capture = |text: &str| parse_mysql(text).unwrap();
    let mut mysql = capture(include_str!("../../tests/captures/forms/mysql-mariadb"));
    if mysql.channels.is_empty() {
        mysql = capture(include_str!("../../tests/captures/forms/mysql-percona"));
    }
    assert!(
        mysql
            .channels
            .iter()
            .all(|channel| channel.sql_running == ReplicaThread::Yes)
    );
    assert_eq!(role(mysql.clone()), "replica");
    mysql.channels.clear();
    mysql.galera = None;
    assert_eq!(role(mysql.clone()), "source");
    mysql.errors = vec!["replica: ERROR 1227 (42000): Access denied".into()];
    assert_eq!(role(mysql), "unknown");
}

#[test]
fn the_machine_is_told_in_raw_units() {
    let host = status(assembled(
        Section::Meminfo,
        "MemTotal: 16384 kB\nMemFree: 10 kB\nMemAvailable: 8192 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\nDirty: 3 kB\nWriteback: 1 kB\n",
    ));
    let memory = serde_json::json!({
        "total_kib": 16384, "available_kib": 8192, "swap_total_kib": 100, "swap_free_kib": 50, "dirty_kib": 3,
        "writeback_kib": 1,
    });
    assert_eq!(host["system"]["memory"], memory);
    assert!(
        host["system"]["load"].is_null() && host["unknown"]["system.memory"].is_null(),
        "{host}"
    );
    let host = status(assembled(Section::Loadavg, "0.50 0.40 0.30 2/345 6789\n"));
    let load = serde_json::json!({"one": 0.5, "five": 0.4, "fifteen": 0.3, "tasks_runnable": 2, "tasks": 345});
    assert_eq!((&host["system"]["load"], &host["load"]), (&load, &0.5.into()));
}

#[test]
fn what_was_not_read_is_named_as_unknown() {
    let host = status(Snapshot::default());
    for section in [
        "load",
        "uptime_seconds",
        "raid",
        "drbd",
        "nfs_exports",
        "nfs_mounts",
        "filesystems",
        "zfs",
        "mysql",
        "system.cpus",
        "system.load",
        "system.cpu",
        "system.memory",
        "system.pressure",
        "system.disks",
        "system.links",
    ] {
        assert!(host["unknown"][section].is_string(), "{section} is missing: {host}");
    }
}

#[test]
fn the_text_is_two_lines_a_finding_and_one_a_host() {
    let finding = |code, name: &str, since| Finding {
        code,
        severity: Severity::Warning,
        subject: Subject::on(SubjectKind::Array, &"a".into(), name),
        since,
        evidence: "raid5 has 2 of 3 members ([UU_])".into(),
        hosts: vec![],
        unseen: false,
    };
    let snapshot = assembled(
        Section::Mdstat,
        "md0 : active raid1 sdb1[1] sda1[0]\n      1000 blocks [2/1] [U_]\n\
         md1 : active raid1 sdb2[1] sda2[0]\n      1000 blocks [2/2] [UU]\nunused devices: <none>\n",
    );
    let mut status = document(
        snapshot,
        vec![
            finding(Code::MdDegraded, "md0", UnixMs(NOW.0 - 70_000)),
            finding(Code::MdFailedMember, "md10", UnixMs(NOW.0 - 100_000_000)),
        ],
    );
    status.hosts[0].unknown.clear();
    let expected = "\
WARNING: t 1 host, 1 ok, 2 findings, 2023-11-14T22:13:20.000Z
warning  a md0           raid5 has 2 of 3 members ([UU_]) (since 22:12:10Z)
         MdDegraded      If no rebuild runs, replace the failed disk; until redundancy is back one more failure loses data.
warning  a md10          raid5 has 2 of 3 members ([UU_]) (since 2023-11-13 18:26:40Z)
         MdFailedMember  Replace the disk named in the evidence.

ok       a  md1 clean; md0 raid1 degraded
";
    assert_eq!(render(&status, Format::Text), expected);
}

#[test]
fn the_reason_of_a_stopped_host_is_told_in_full_once() {
    let line = |why: &str| {
        let mut status = document(Snapshot::default(), vec![]);
        let host = &mut status.hosts[0];
        host.unknown.clear();
        (host.reachable, host.age_ms, host.reason) = (false, None, Some(why.to_owned()));
        let text = render(&status, Format::Text);
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["hosts"][0]["reason"], why, "documents have it all");
        text.lines().last().unwrap().to_owned()
    };
    let unknown =
        "host key: no key of [192.0.2.1]:22 is known. It presented ssh-ed25519 SHA256:abc. Looked in /a, /b. Compare";
    assert_eq!(
        line(unknown),
        "unknown  a  no data; host key: no key of [192.0.2.1]:22 is known"
    );
    let changed =
        "host key: the key of a has CHANGED: it presented ssh-ed25519 SHA256:abc, but known is ssh-rsa SHA256:def";
    assert_eq!(line(changed), "unknown  a  no data; host key: the key of a has CHANGED");
    assert_eq!(
        line("cannot connect to 192.0.2.1:22: Connection refused (os error 111)"),
        "unknown  a  no data; cannot connect to 192.0.2.1:22: Connection refused (os error 111)"
    );
    assert_eq!(
        line(&"ü".repeat(200)),
        format!("unknown  a  no data; {}…", "ü".repeat(72))
    );
}

#[test]
fn a_mount_that_is_merely_waited_for_does_not_hang() {
    let mounts = |seconds: u64| {
        let mut assembler = Assembler::new(&[]);
        let mountinfo = "40 29 0:31 / /mnt/a rw,relatime - nfs4 10.77.0.101:/srv/slice-a rw,vers=4.2,hard\n";
        let statfs = format!("hung {seconds} /mnt/a\n");
        let sections = [
            (Section::Mounts, &SectionStatus::Ok, mountinfo.as_bytes()),
            (Section::Statfs, &SectionStatus::Ok, statfs.as_bytes()),
        ];
        assembler.apply(sections.into_iter(), NOW);
        let mut read = document(assembler.snapshot(NOW, 1), vec![]);
        read.hosts[0].unknown.clear();
        render(&read, Format::Text)
    };
    assert!(mounts(1).ends_with("a  1 mount, 1 waiting\n"), "{}", mounts(1));
    assert!(mounts(4).ends_with("a  1 mount, 1 waiting\n"), "{}", mounts(4));
    assert!(mounts(5).ends_with("a  1 mount, 1 hung\n"), "{}", mounts(5));
}

/// A run of the journal that has left something, or nothing.
fn ended(standing: Standing, displaced: Option<&str>, kept: Option<&[&str]>) -> Run {
    let text = String::new;
    Run {
        new: NewRun {
            id: "20260101-000000-abcde".into(),
            runbook: "slice-move".into(),
            fleet: "lab".into(),
            owner: "ada@desk".into(),
            origin: text(),
            plan: text(),
            hash: text(),
        },
        began: NOW,
        ended: Some(NOW),
        end: Some(End::Done),
        begun: true,
        cancelled: None,
        standing,
        displaced: displaced.map(str::to_owned),
        kept: kept.map(|kept| kept.iter().map(|host| (*host).to_owned()).collect()),
    }
}

#[test]
fn what_a_run_may_have_left_is_named_with_the_command_that_gives_it_back() {
    let gives = "pointsman --batch resume 20260101-000000-abcde gives that back";
    for (kept, hosts) in [(Some(&["stor1", "stor2"][..]), "stor1, stor2"), (None, "its targets")] {
        let run = ended(Standing::Over, None, kept);
        let said = format!("{hosts} may still be claimed by it: {gives}");
        let start = runs::unfinished(&run);
        assert!(start.contains("is over, but") && start.ends_with(&said), "{start}");
        let listed = runs::runs(&[run], Format::Text);
        assert!(listed.trim_end().ends_with(&said), "{listed}");
    }
    let tidy = runs::runs(&[ended(Standing::Over, None, Some(&[]))], Format::Text);
    assert!(!tidy.contains("claimed"), "{tidy}");
}

#[test]
fn a_process_whose_run_was_taken_over_is_named_and_told_so() {
    let by = "run x of bob@desk has taken it over on stor1";
    let driven = Standing::Driven(format!("ada@desk, process 7, although {by}"));
    let run = ended(driven, Some(by), None);
    for text in [runs::unfinished(&run), runs::runs(&[run], Format::Text)] {
        assert!(
            text.contains("process 7, although run x") && !text.contains("claimed"),
            "{text}"
        );
    }
    let told = runs::told("a", Some(by), Format::Text);
    assert!(told.contains(by) && told.contains("was told to end"), "{told}");
    assert!(!runs::told("a", None, Format::Text).contains("taken it over"));
}

/// Whoever reads the document is told of each backup how old it and its proof are; a host that is silent, or says what nobody
/// understands, leaves both unknown.
#[test]
fn backups_are_told_with_their_age_and_their_proof() {
    let kept = |of| KeptBackups {
        of,
        list: vec!["list".to_owned()],
        every: Duration::from_hours(26),
        tested: Duration::from_hours(800),
    };
    let backups = [
        kept(BackupSubject::Slice("web1".into())),
        kept(BackupSubject::Database("shop".into())),
    ];
    let told = |lists: &str, tests: &str, at: UnixMs| {
        let mut assembler = Assembler::new(&[]);
        assembler.keeping(&backups);
        let sections = [
            (Section::Lists, &SectionStatus::Ok, lists.as_bytes()),
            (Section::Proofs, &SectionStatus::Ok, tests.as_bytes()),
        ];
        assembler.apply(sections.into_iter(), at);
        let mut view = view(assembler.snapshot(at, 1), vec![]);
        let mut fleet = (*view.fleet).clone();
        fleet.hosts[0].backups = backups.to_vec();
        view.fleet = Arc::new(fleet);
        serde_json::to_value(Status::new(&view, &[true])).unwrap()["backups"].clone()
    };
    let lists = "backup@web1 0 37\n2023-11-14T21:13:20Z web1-7 104857600\nbackup@database@shop 0 8\nrubbish!\n";
    let tests = "/b/backup@web1:of web1-2 1699900000 may 0\n/b/backup@web1:backup files 0 bytes 0\n/b/backup@web1:backup checked 1699999000\n";
    let read = told(lists, tests, NOW);
    assert_eq!(
        read[0],
        serde_json::json!({
            "of": "web1", "kind": "slice", "on": "a",
            "newest": {"name": "web1-7", "at": "2023-11-14T21:13:20.000Z", "age_seconds": 3600, "bytes": 104_857_600},
            "tested": {
                "name": "web1-2", "at": "2023-11-14T21:56:40.000Z", "age_seconds": 1000, "good": false, "trouble": "it holds no file"
            },
            "unknown": {},
        })
    );
    assert_eq!((&read[1]["of"], &read[1]["kind"]), (&"shop".into(), &"database".into()));
    assert!(read[1]["newest"].is_null() && read[1]["tested"].is_null(), "{read}");
    assert!(
        read[1]["unknown"]["newest"].as_str().unwrap().contains("rubbish!"),
        "{read}"
    );
    assert_eq!(
        read[1]["unknown"]["tested"],
        serde_json::Value::Null,
        "none is written down, and that is known"
    );
    let silent = told(lists, tests, UnixMs(NOW.0 - 60_000));
    assert!(
        silent[0]["newest"].is_null() && silent[0]["unknown"]["newest"].is_string(),
        "{silent}"
    );
    assert!(silent[0]["unknown"]["tested"].is_string(), "{silent}");
}
