//! The ordinary life of a fleet: hosts die and return, the inventory changes, people ask.

use crate::{Rig, all_up, is_up, of_hosts, plain, start};
use pointsman::{
    collect::{Clock, Collector, Request, Series},
    facts::Reach,
    fleet::{Fleet, HostName},
    remote::log::LogBook,
    simulate::{Fault, Simulation},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

#[tokio::test(start_paused = true)]
async fn a_killed_host_is_silent_then_unreachable_then_back_with_a_gap() {
    let (simulation, clock) = plain(3);
    let mut rig = Rig::watch(simulation, clock, |_| {});
    rig.until(10, "all answer", all_up).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let fault = Fault::HostKilled("host0001".to_owned());
    rig.simulation.world().inject(&fault).expect("it can be killed");
    let killed = rig.clock.now();
    let polls = rig.host("host0001").trend.series(Series::Load).count();
    rig.until(8, "silent", |view| {
        view.host("host0001")
            .is_some_and(|host| matches!(host.reach, Reach::Silent { .. }))
    })
    .await;
    rig.until(25, "unreachable", |view| {
        view.host("host0001")
            .is_some_and(|host| matches!(host.reach, Reach::Unreachable { .. }))
    })
    .await;
    let lost = rig.host("host0001");
    let Reach::Unreachable { since, .. } = lost.reach else {
        panic!("{:?}", lost.reach)
    };
    assert!(
        since.since(killed) <= Duration::from_secs(3),
        "lost when it fell silent, not when it was given up"
    );
    assert!(
        lost.snapshot.is_some() && lost.is_stale(rig.clock.now()),
        "what is known is kept, as stale"
    );
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(rig.host("host0001").snapshot.is_some());
    for name in ["host0000", "host0002"] {
        assert!(rig.host(name).reach.is_up() && !rig.host(name).is_stale(rig.clock.now()));
    }
    rig.simulation.world().clear(&fault).expect("it boots");
    rig.until(120, "up again", |view| is_up(view, "host0001")).await;
    let away = rig.clock.now().since(killed).as_secs() / 2;
    let back = rig.host("host0001");
    let gaps = back
        .trend
        .series(Series::Load)
        .skip(polls - 2)
        .filter(Option::is_none)
        .count() as u64;
    assert!(
        gaps.abs_diff(away) <= 2,
        "{gaps} gaps for {away} missed polls: {:?}",
        back.trend.series(Series::Load).collect::<Vec<_>>()
    );
    assert!(!back.is_stale(rig.clock.now()));
}

#[tokio::test(start_paused = true)]
async fn poll_now_asks_at_once() {
    let (simulation, clock) = plain(3);
    let mut rig = Rig::watch(simulation, clock, |host| host.poll.interval = Duration::from_mins(10));
    rig.until(10, "all answer", all_up).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let polls = |rig: &Rig, name: &str| rig.host(name).snapshot.as_ref().map(|snapshot| snapshot.polls);
    assert_eq!(polls(&rig, "host0000"), Some(1));
    rig.collector
        .requests
        .ask(Request::PollNow(Some(HostName::new("host0000"))));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((polls(&rig, "host0000"), polls(&rig, "host0001")), (Some(2), Some(1)));
    rig.collector.requests.ask(Request::PollNow(None));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((polls(&rig, "host0000"), polls(&rig, "host0001")), (Some(3), Some(2)));
}

/// A collector whose inventory a test replaces.
struct Replaceable {
    collector: Collector,
    next: Arc<Mutex<Result<Arc<Fleet>, String>>>,
    _simulation: Simulation,
}

fn replaceable(count: usize, watched: usize) -> (Replaceable, Vec<pointsman::fleet::Host>) {
    let (simulation, clock): (Simulation, Clock) = plain(count);
    let log = LogBook::default();
    let hosts = simulation.fleet().hosts.clone();
    let first = Arc::new(of_hosts(hosts[..watched].to_vec()));
    let next = Arc::new(Mutex::new(Ok(Arc::clone(&first))));
    let source = Arc::clone(&next);
    let reload = Box::new(move || source.lock().expect("no panic").clone());
    let collector = start(first, simulation.remote(log.clone()), &log, &clock, Some(reload));
    let this = Replaceable {
        collector,
        next,
        _simulation: simulation,
    };
    (this, hosts)
}

#[tokio::test(start_paused = true)]
async fn a_new_inventory_disturbs_nobody_who_stays() {
    let (mut rig, hosts) = replaceable(5, 3);
    crate::until(&mut rig.collector, 10, "all answer", all_up).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let up_since =
        |view: &pointsman::collect::FleetView, name: &str| match view.host(name).map(|host| host.reach.clone()) {
            Some(Reach::Up { since }) => since,
            other => panic!("{name}: {other:?}"),
        };
    let before = up_since(&rig.collector.view.borrow(), "host0000");
    // 0 stays, 1 changes, 2 goes, 3 and 4 come, and the order changes.
    let mut changed = hosts[1].clone();
    changed.poll.interval = Duration::from_secs(3);
    let after = vec![hosts[4].clone(), changed, hosts[0].clone(), hosts[3].clone()];
    *rig.next.lock().expect("no panic") = Ok(Arc::new(of_hosts(after)));
    rig.collector.requests.ask(Request::Reload);
    crate::until(&mut rig.collector, 10, "four hosts answer", |view| {
        view.hosts.len() == 4 && all_up(view)
    })
    .await;
    let view = Arc::clone(&rig.collector.view.borrow());
    let names: Vec<&str> = view.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["host0004", "host0001", "host0000", "host0003"]);
    assert_eq!(
        up_since(&view, "host0000"),
        before,
        "an unchanged host keeps its connection"
    );
    assert!(up_since(&view, "host0001") > before, "a changed host is connected anew");
    assert!(view.host("host0002").is_none() && view.reload_error.is_none());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let polls = rig
        .collector
        .view
        .borrow()
        .host("host0000")
        .and_then(|host| host.snapshot.as_ref().map(|s| s.polls));
    assert!(polls.is_some_and(|polls| polls >= 14), "it went on polling: {polls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_inventory_keeps_the_old_one_and_says_so() {
    let (mut rig, _) = replaceable(2, 2);
    crate::until(&mut rig.collector, 10, "all answer", all_up).await;
    let good = rig.next.lock().expect("no panic").clone();
    *rig.next.lock().expect("no panic") = Err("line 3: no such key\nmore".to_owned());
    rig.collector.requests.ask(Request::Reload);
    crate::until(&mut rig.collector, 5, "the error is shown", |view| {
        view.reload_error.is_some()
    })
    .await;
    let view = Arc::clone(&rig.collector.view.borrow());
    assert_eq!(
        view.reload_error.as_ref().map(ToString::to_string).as_deref(),
        Some("line 3: no such key")
    );
    assert!(view.hosts.len() == 2 && all_up(&view));
    *rig.next.lock().expect("no panic") = good;
    rig.collector.requests.ask(Request::Reload);
    crate::until(&mut rig.collector, 5, "the error is taken back", |view| {
        view.reload_error.is_none()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_reading_the_inventory_keeps_the_old_one_and_the_console() {
    let (simulation, clock) = plain(2);
    let log = LogBook::default();
    let fleet = Arc::new(simulation.fleet().clone());
    let reload = Box::new(|| panic!("a panic that the test wants"));
    let mut collector = start(fleet, simulation.remote(log.clone()), &log, &clock, Some(reload));
    crate::until(&mut collector, 10, "all answer", all_up).await;
    collector.requests.ask(Request::Reload);
    crate::until(&mut collector, 5, "the crash is shown", |view| {
        let error = view.reload_error.as_ref();
        error.is_some_and(|error| error.contains("a bug of pointsman") && error.contains("that the test wants"))
    })
    .await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let version = collector.view.borrow().version;
    crate::until(&mut collector, 5, "views go on", |view| view.version > version + 1).await;
    assert!(all_up(&collector.view.borrow()));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_collector_ends_everything() {
    let (simulation, clock) = plain(4);
    let mut rig = Rig::watch(simulation, clock, |_| {});
    rig.until(10, "all answer", all_up).await;
    drop(rig.collector);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
