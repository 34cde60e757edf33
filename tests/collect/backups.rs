//! A site's command that lists backups and hangs, on this machine and in real time: the script, its deadline and the rules.

use crate::{start, until};
use pointsman::{
    collect::{Clock, FleetView},
    facts::{UnixMs, Why},
    fleet::{Backup, BackupHooks, Fleet, Host, Poll, ReachBy, Segment, Slice},
    remote::{LocalRemote, log::LogBook},
    verdict::{Code, Severity},
};
use std::{sync::Arc, time::Duration};

fn slice(name: &str, list: &[&str]) -> Slice {
    Slice {
        name: name.into(),
        resource: None,
        device: format!("/dev/{name}"),
        mount_point: format!("/srv/{name}"),
        export: None,
        service_address: None,
        preferred: "here".into(),
        standby: None,
        backup: Some(Backup {
            on: "here".into(),
            hooks: Some(BackupHooks {
                list: list.iter().map(|word| (*word).to_owned()).collect(),
                restore: Vec::new(),
                fetch: None,
                scratch: "/nowhere".to_owned(),
                expect: Vec::new(),
                every: Duration::from_hours(26),
                tested: Duration::from_hours(35 * 24),
            }),
        }),
        unreplicated: true,
    }
}

fn fleet(slices: Vec<Slice>) -> Fleet {
    let mut host = Host::new("here", "localhost");
    host.reach = ReachBy::Local;
    host.poll.interval = Duration::from_millis(500);
    host.poll.medium = Duration::from_secs(1);
    // A turn every second.
    host.poll.slow = Duration::from_secs(3);
    let segment = Segment {
        name: "seg".into(),
        servers: vec!["here".into()],
        slices,
        pools: Vec::new(),
    };
    Fleet::new(
        "test".to_owned(),
        None,
        Poll::default(),
        vec![host],
        vec![segment],
        Vec::new(),
    )
}

/// Whether the newest backup of something is not known because its list hangs.
fn hangs(view: &FleetView, of: &str) -> bool {
    let snapshot = view.host("here").and_then(|host| host.snapshot.as_ref());
    snapshot.is_some_and(|snapshot| {
        let mut lists = snapshot.backup_lists.iter().filter(|list| list.name == of);
        lists.any(|list| matches!(list.newest.why(), Some(Why::Hung(_))))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_hangs_is_unknown_and_everything_else_goes_on() {
    let clock = Clock::system();
    let now = jiff::Timestamp::from_millisecond(i64::try_from(clock.now().0).unwrap()).unwrap();
    let printed = format!("{now} nightly 4096");
    let fleet = fleet(vec![
        slice("hung", &["sleep", "50"]),
        slice("quick", &["echo", &printed]),
    ]);
    let log = LogBook::default();
    let mut collector = start(Arc::new(fleet), Arc::new(LocalRemote), &log, &clock, None);
    until(&mut collector, 30, "the one hangs, the other is read", |view| {
        let quick = view.backups().find(|backup| backup.of.name() == "quick");
        let quick = quick.and_then(|backup| Some(backup.said?.newest.ok()??.name == "nightly"));
        hangs(view, "backup@hung") && quick == Some(true)
    })
    .await;
    let end = tokio::time::Instant::now() + Duration::from_secs(12);
    let mut polls = 0;
    while tokio::time::Instant::now() < end {
        let view = collector.view.borrow_and_update().clone();
        let host = view.host("here").unwrap();
        let snapshot = host.snapshot.as_ref().unwrap();
        assert!(host.reach.is_up(), "{:?}", host.reach);
        let age = |at: UnixMs| snapshot.at.since(at);
        assert!(
            age(snapshot.load.at) < Duration::from_secs(2),
            "the fast lane waits for nothing"
        );
        // A list has three seconds, and what it delays comes a poll later: still well within three periods of the medium tier
        // and the deadline.
        assert!(
            age(snapshot.filesystems.at) < Duration::from_secs(7),
            "{:?}",
            age(snapshot.filesystems.at)
        );
        let old = view.findings.iter().find(|finding| finding.code == Code::ReadingOld);
        assert!(old.is_none(), "{old:?}");
        polls = snapshot.polls;
        tokio::time::timeout(Duration::from_secs(4), collector.view.changed())
            .await
            .unwrap()
            .unwrap();
    }
    assert!(polls > 15, "{polls}");
    let view = collector.view.borrow_and_update().clone();
    let mut old = view.findings.iter().filter(|finding| finding.code == Code::BackupOld);
    let found = old.next().unwrap();
    assert_eq!(
        (found.subject.to_string().as_str(), found.severity),
        ("hung", Severity::Unknown)
    );
    assert!(
        found.evidence.contains("no answer: the command that lists backups"),
        "{found:?}"
    );
    assert_eq!(old.next(), None, "the other is young");
}
