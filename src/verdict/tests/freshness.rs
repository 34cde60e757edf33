//! What is said of hosts that cannot be seen, and what memory keeps.

use super::world::{HOSTS, World, change, each, find, glance, usage};
use crate::{
    facts::{Reach, Snapshot, UnixMs},
    verdict::{Code, Memory, Observed, Severity, judge, overall},
};
use std::sync::Arc;

fn degrade(world: &mut World) {
    world.edit("stor1", |s| {
        change(&mut s.md, |list| {
            list[0].members_active = Some(2);
            list[0].map = "UU_".into();
            list[0].sync = Some(crate::facts::md::MdSync {
                action: crate::facts::md::MdAction::Recovery,
                percent: Some(3.0),
                speed_kib_per_second: None,
                left_seconds: None,
                waiting: None,
            });
        });
    });
}

#[test]
fn a_host_never_asked_is_unknown_and_not_well() {
    let mut world = World::new();
    let findings = world.look();
    assert_eq!(
        findings.iter().filter(|f| f.code == Code::HostNotAsked).count(),
        HOSTS.len()
    );
    assert_eq!(overall(&findings), Severity::Unknown);
    // A list that is too short is no better.
    let findings = judge(&world.fleet, &[], &mut Memory::new(), false, world.now);
    assert_eq!(overall(&findings), Severity::Unknown);
}

#[test]
fn what_was_wrong_with_a_lost_host_stays_as_unknown_and_notices_go() {
    let mut world = World::new();
    degrade(&mut world);
    let first = world.polls(3);
    let since = find(&first, Code::MdDegraded).expect("degraded").since;
    assert!(find(&first, Code::MdRebuilding).is_some());
    world.lose("stor1");
    // Within three polls the last facts still speak.
    let blip = world.poll();
    assert_eq!(find(&blip, Code::MdDegraded).expect("kept").severity, Severity::Warning);
    assert!(find(&blip, Code::HostUnreachable).is_none());
    let lost = world.polls(4);
    let kept = find(&lost, Code::MdDegraded).expect("kept");
    assert_eq!((kept.severity, kept.since), (Severity::Unknown, since));
    assert!(kept.evidence.starts_with("was warning at "), "{}", kept.evidence);
    assert!(find(&lost, Code::MdRebuilding).is_none());
    let gone = find(&lost, Code::HostUnreachable).expect("unreachable");
    assert_eq!(gone.severity, Severity::Unknown);
    assert!(
        gone.evidence
            .starts_with("no answer in 4 s during tcp; last answer at "),
        "{}",
        gone.evidence
    );
    // Back, and as bad as before: known again at the first poll.
    world.mend("stor1");
    degrade(&mut world);
    let back = world.poll();
    assert_eq!(find(&back, Code::MdDegraded).expect("back").severity, Severity::Warning);
    assert_eq!(find(&back, Code::MdDegraded).expect("back").since, since);
    world.mend("stor1");
    assert_eq!(glance(&world.poll()), []);
}

#[test]
fn judging_again_without_a_poll_shows_nothing_sooner() {
    let mut world = World::new();
    world.polls(2);
    degrade(&mut world);
    world.poll();
    for _ in 0..10 {
        assert_eq!(glance(&world.look()), []);
    }
    assert!(find(&world.poll(), Code::MdDegraded).is_some());
}

#[test]
fn a_single_look_shows_everything() {
    let mut world = World::new();
    world.memory = Memory::immediate();
    degrade(&mut world);
    world.edit("stor2", |s| s.exports = crate::facts::Reading::default());
    let findings = world.poll();
    assert!(find(&findings, Code::MdDegraded).is_some());
    assert!(find(&findings, Code::ReadingOld).is_some());
}

#[test]
fn a_single_look_shows_what_the_slow_lane_says_after_the_last_poll() {
    let mut world = World::new();
    world.memory = Memory::immediate();
    assert_eq!(glance(&world.poll()), []);
    let mut late = |host: &str, edit: &dyn Fn(&mut Snapshot)| {
        let at = HOSTS.iter().position(|name| *name == host).expect("a host");
        let mut snapshot = Snapshot::clone(world.observed[at].snapshot.as_ref().expect("polled"));
        edit(&mut snapshot);
        world.observed[at].snapshot = Some(Arc::new(snapshot));
        world.look()
    };
    let full = late("db1", &|s| {
        change(&mut s.filesystems, |list| list[0] = usage("/", 97.0));
    });
    assert_eq!(
        find(&full, Code::DiskFull).map(|f| f.severity),
        Some(Severity::Critical)
    );
    let gone = late("stor1", &|s| change(&mut s.exports, Vec::clear));
    assert!(find(&gone, Code::ExportMissing).is_some(), "{:?}", glance(&gone));
}

#[test]
fn memory_outlives_a_reload_and_forgets_who_is_gone() {
    let mut world = World::new();
    degrade(&mut world);
    let since = find(&world.polls(3), Code::MdDegraded).expect("degraded").since;
    world.reload(|parts| parts.0.reverse());
    world.observed.reverse();
    let findings = world.look();
    assert_eq!(find(&findings, Code::MdDegraded).expect("kept").since, since);
    assert_eq!(findings.len(), 2, "{:?}", glance(&findings));
    world.reload(|parts| {
        parts.1.clear();
        parts.0.retain(|host| !host.name.as_str().starts_with("stor"));
        each(&mut parts.0, |host| host.mounts.clear());
    });
    world.observed = vec![Observed::default(); world.fleet.hosts.len()];
    assert_eq!(glance(&world.polls(2)), []);
    assert!(world.memory.is_aligned(&world.fleet));
}

#[test]
fn a_reload_changes_limits_at_once_but_not_the_count_of_polls() {
    let mut world = World::new();
    world.edit("db1", |s| change(&mut s.filesystems, |list| list[0] = usage("/", 70.0)));
    assert_eq!(glance(&world.polls(3)), []);
    let strict = |parts: &mut (Vec<crate::fleet::Host>, _, _)| {
        each(&mut parts.0, |host| host.thresholds.disk_warning_percent = 60.0);
    };
    world.reload(strict);
    assert_eq!(glance(&world.look()), []);
    world.poll();
    assert!(find(&world.poll(), Code::DiskFull).is_some());
}

#[test]
fn a_reboot_is_shown_for_half_an_hour() {
    let mut world = World::new();
    world.polls(2);
    let booted = world.now;
    world.edit("db1", move |s| {
        let seconds = (s.at.0 - booted.0) as f64 / 1000.0;
        change(&mut s.uptime, |uptime| uptime.seconds = seconds);
    });
    let findings = world.poll();
    let found = find(&findings, Code::Rebooted).expect("rebooted");
    assert!(
        found.evidence.contains("it had run for 11 d 13 h"),
        "{}",
        found.evidence
    );
    for _ in 0..30 {
        world.wait(60);
        world.polls(2);
    }
    assert!(find(&world.poll(), Code::Rebooted).is_none());
}

#[test]
fn an_answer_of_the_slow_lane_is_no_poll() {
    let mut world = World::new();
    world.polls(2);
    degrade(&mut world);
    world.poll();
    let at = world.fleet.host_index("stor1").expect("there");
    let mut snapshot = (**world.observed[at].snapshot.as_ref().expect("seen")).clone();
    snapshot.at = UnixMs(snapshot.at.0 + 500);
    world.observed[at].snapshot = Some(std::sync::Arc::new(snapshot));
    assert_eq!(glance(&world.look()), []);
}

#[test]
fn silence_is_stale_and_says_how_long() {
    let mut world = World::new();
    world.polls(2);
    let since = world.now;
    world.way("db3", Reach::Silent { since, missed: 4 });
    let findings = world.polls(5);
    let stale = find(&findings, Code::HostStale).expect("stale");
    assert_eq!(stale.since, since);
    assert!(
        stale
            .evidence
            .starts_with("4 polls missed, no answer for more than 6 s"),
        "{}",
        stale.evidence
    );
}
