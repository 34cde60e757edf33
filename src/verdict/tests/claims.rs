//! What a finding claims: its numbers, its since, its hosts, and what it must not claim.

use super::world::{HOSTS, World, change, find, glance};
use crate::{
    facts::{Reach, Reading, UnixMs, Why, mysql::ReplicaThread},
    verdict::{Code, Severity},
};

fn clocks(world: &mut World, hosts: &[&str], seconds: f64) {
    for host in hosts {
        world.edit(host, move |s| {
            change(&mut s.uptime, |u| {
                u.clock_seconds = u.clock_seconds.map(|c| c + seconds);
            });
        });
    }
}

#[test]
fn a_load_without_the_number_of_cpus_is_no_overload() {
    let mut world = World::new();
    world.edit("db1", |s| {
        change(&mut s.load, |load| load.one = 30.0);
        s.cpu_times = Reading::unknown(Why::Garbled("stat".into()), s.at);
    });
    let findings = world.polls(3);
    assert!(find(&findings, Code::Overloaded).is_none(), "{:?}", glance(&findings));
    assert!(find(&findings, Code::ReadingFailed).is_some());
}

#[test]
fn little_memory_names_the_limit_that_it_crossed() {
    let evidence = |kib: u64| {
        let mut world = World::new();
        world.edit("db1", move |s| {
            change(&mut s.memory, |memory| memory.available_kib = kib);
        });
        let findings = world.polls(3);
        let found = find(&findings, Code::MemoryLow).expect("low");
        (found.severity, found.evidence.to_string())
    };
    let (severity, text) = evidence(300_000);
    assert!(severity == Severity::Warning && text.ends_with("(limit 5 %)"), "{text}");
    let (severity, text) = evidence(100_000);
    assert!(
        severity == Severity::Critical && text.ends_with("(limit 2.5 %)"),
        "{text}"
    );
}

#[test]
fn a_host_is_lost_since_its_last_answer_however_the_way_to_it_changes() {
    let mut world = World::new();
    world.polls(3);
    let last = world.now;
    world.way(
        "db1",
        Reach::Silent {
            since: UnixMs(last.0 + 2000),
            missed: 1,
        },
    );
    let findings = world.polls(4);
    let stale = find(&findings, Code::HostStale).expect("stale");
    assert_eq!(stale.since, last);
    assert!(stale.evidence.starts_with("1 poll missed, "), "{}", stale.evidence);
    world.lose("db1");
    assert_eq!(find(&world.polls(4), Code::HostUnreachable).expect("lost").since, last);
}

#[test]
fn channels_that_cannot_be_read_take_nothing_back() {
    let mut world = World::new();
    world.edit("db2", |s| {
        change(&mut s.mysql, |mysql| mysql.channels[0].sql_running = ReplicaThread::No);
    });
    let stopped = find(&world.polls(3), Code::ReplicationStopped).expect("stopped").since;
    world.mend("db2");
    world.edit("db2", |s| {
        change(&mut s.mysql, |mysql| {
            mysql.channels.clear();
            mysql.errors = vec!["replica: ERROR 1227 (42000): Access denied".into()];
        });
    });
    let findings = world.polls(3);
    let kept = find(&findings, Code::ReplicationStopped).expect("kept");
    assert_eq!((kept.severity, kept.since), (Severity::Unknown, stopped));
    assert_eq!(kept.subject.to_string(), "db2");
}

#[test]
fn a_slice_whose_servers_were_never_asked_is_neither_down_nor_unseen() {
    let mut world = World::new();
    let findings = world.look();
    assert!(
        findings.iter().all(|finding| finding.code == Code::HostNotAsked),
        "{:?}",
        glance(&findings)
    );
}

#[test]
fn a_wrong_clock_of_the_console_is_one_finding_and_not_one_a_host() {
    let mut world = World::new();
    clocks(&mut world, &HOSTS[..7], 10.0);
    clocks(&mut world, &HOSTS[7..8], -600.0);
    let findings = world.polls(3);
    let found = find(&findings, Code::ObserverClock).expect("one finding");
    assert_eq!(
        found.evidence.as_str(),
        "its clock is 10 s behind the clocks of 7 of 10 hosts (limit 5 s)"
    );
    // A host that is off in its own way is still told.
    let skewed: Vec<String> = findings
        .iter()
        .filter(|finding| finding.code == Code::ClockSkew)
        .map(|finding| finding.subject.to_string())
        .collect();
    assert_eq!(skewed, ["g1"]);
    // While the console is starved, which may explain so little, the doubt is its own, not that of seven hosts.
    world.observer_doubtful = true;
    for _ in 0..3 {
        let findings = world.poll();
        assert_eq!(
            find(&findings, Code::ObserverClock).expect("kept").severity,
            Severity::Unknown
        );
        assert!(find(&findings, Code::ClockSkew).is_none(), "{:?}", glance(&findings));
    }
    world.observer_doubtful = false;
    for host in HOSTS {
        world.mend(host);
    }
    assert_eq!(glance(&world.polls(2)), []);
}

#[test]
fn two_hosts_off_do_not_outvote_the_console() {
    let mut world = World::new();
    clocks(&mut world, &["db1", "db2"], 30.0);
    let findings = world.polls(3);
    assert!(find(&findings, Code::ObserverClock).is_none());
    assert_eq!(findings.iter().filter(|f| f.code == Code::ClockSkew).count(), 2);
}
