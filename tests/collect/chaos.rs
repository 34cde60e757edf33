//! Hostile hosts: what they cost their neighbours, how each kind is shown, and what it leaves behind.

use crate::{Rig, all_up, is_up, plain, why};
use pointsman::{
    facts::Reach,
    remote::{half, log::LogBook, poll::PollLoop},
    simulate::Hostile,
};
use std::{collections::BTreeMap, time::Duration};

/// Milliseconds: the median and the 99th percentile of the ages of `healthy` hosts over a minute.
async fn ages(hosts: usize, hostile: usize) -> (u128, u128) {
    let (simulation, clock) = plain(hosts);
    let healthy = hosts - hostile;
    for (at, kind) in (healthy..hosts).zip(Hostile::ALL.iter().cycle()) {
        assert!(simulation.world().set_hostile(&format!("host{at:04}"), Some(*kind)));
    }
    let mut rig = Rig::watch(simulation, clock, |_| {});
    rig.until(30, "healthy hosts answer", |view| {
        view.hosts[..healthy].iter().all(|host| host.reach.is_up())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut ages: Vec<u128> = Vec::new();
    for _ in 0..240 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = rig.clock.now();
        let view = rig.collector.view.borrow();
        ages.extend(
            view.hosts[..healthy]
                .iter()
                .map(|host| host.age(now).expect("a snapshot").as_millis()),
        );
    }
    ages.sort_unstable();
    (ages[ages.len() / 2], ages[ages.len() * 99 / 100])
}

#[tokio::test(start_paused = true)]
async fn hostile_hosts_do_not_age_their_neighbours() {
    let hostile = Hostile::ALL.len();
    let hosts = hostile * 10;
    let (calm_p50, calm_p99) = ages(hosts, 0).await;
    let (p50, p99) = ages(hosts, hostile).await;
    assert!(
        (500..1500).contains(&calm_p50) && calm_p99 < 2600,
        "{calm_p50} {calm_p99}"
    );
    assert!(p50 * 10 <= calm_p50 * 11, "median {p50} ms instead of {calm_p50} ms");
    assert!(p99 * 10 <= calm_p99 * 11, "p99 {p99} ms instead of {calm_p99} ms");
}

/// How each kind must end: up, or the beginning of the reason that is shown.
fn ending(kind: Hostile) -> Option<&'static str> {
    match kind {
        Hostile::BannerOnly | Hostile::BannerDrip => Some("no answer in 10 s during key exchange"),
        Hostile::KexClose => Some("connection lost: the host closed the connection during the key exchange"),
        Hostile::ChangedKey => Some("host key: "),
        Hostile::AuthDenied => Some("login refused: "),
        Hostile::ExecRefused => Some("refused: the host did not run the command"),
        Hostile::NoExitStatus => Some("connection lost: the channel was closed"),
        Hostile::SlowDrip => Some("no answer in 20 s during a poll"),
        Hostile::EndlessOutput => Some("connection lost: not the remote half: "),
        Hostile::HalfOpen => Some("no answer in 15 s during shell"),
        Hostile::Garbage => Some("connection lost: the host sent 16384 bytes that are not pointsman's: "),
        Hostile::OneSession | Hostile::EscapeSequences | Hostile::InvalidUtf8 | Hostile::LongLine => None,
    }
}

#[tokio::test(start_paused = true)]
async fn each_hostile_kind_is_shown_for_what_it_is_and_leaves_nothing_behind() {
    let (simulation, clock) = plain(Hostile::ALL.len());
    for (at, kind) in Hostile::ALL.iter().enumerate() {
        simulation.world().set_hostile(&format!("host{at:04}"), Some(*kind));
    }
    let rig = Rig::watch(simulation, clock, |_| {});
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut reasons: BTreeMap<usize, String> = BTreeMap::new();
    let mut most = [0; 2];
    for second in 0..1800 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for (at, host) in rig.collector.view.borrow().hosts.iter().enumerate() {
            reasons.extend(why(&host.reach).map(|why| (at, why)));
        }
        match second {
            120..300 => most[0] = most[0].max(tasks()),
            1500.. => most[1] = most[1].max(tasks()),
            _ => {}
        }
        if second == 60 {
            // Its server never hears that its clients have gone: what it keeps is not the collector's.
            let at = Hostile::ALL
                .iter()
                .position(|kind| *kind == Hostile::HalfOpen)
                .expect("in the list");
            assert!(reasons.contains_key(&at));
            rig.simulation.world().set_hostile(&format!("host{at:04}"), None);
        }
    }
    for (at, kind) in Hostile::ALL.iter().enumerate() {
        let host = rig.host(&format!("host{at:04}"));
        match ending(*kind) {
            Some(begin) => {
                let reason = reasons.get(&at).unwrap_or_else(|| panic!("{kind:?}: {:?}", host.reach));
                assert!(reason.starts_with(begin), "{kind:?}: {reason}");
                assert!(reason.len() < 500, "{kind:?}: {reason}");
            }
            None => assert!(host.reach.is_up(), "{kind:?}: {:?}", host.reach),
        }
        let stopped = matches!(kind, Hostile::ChangedKey | Hostile::AuthDenied);
        assert_eq!(matches!(host.reach, Reach::Stopped { .. }), stopped, "{kind:?}");
    }
    assert!(most[1] <= most[0] + 2, "tasks grow: {most:?}");
    assert!(
        rig.log.version() < 1500,
        "fifteen hosts wrote {} log entries in half an hour",
        rig.log.version()
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_or_changed_host_is_left_alone_until_a_person_acts() {
    let (simulation, clock) = plain(3);
    simulation.world().set_hostile("host0000", Some(Hostile::ChangedKey));
    simulation.world().set_hostile("host0001", Some(Hostile::AuthDenied));
    let mut rig = Rig::watch(simulation, clock, |_| {});
    let stopped = |name: &'static str| {
        move |view: &pointsman::collect::FleetView| {
            view.host(name)
                .is_some_and(|host| matches!(host.reach, Reach::Stopped { .. }))
        }
    };
    rig.until(10, "the changed key stops", stopped("host0000")).await;
    rig.until(10, "the refused login stops", stopped("host0001")).await;
    rig.simulation.world().set_hostile("host0000", None);
    rig.simulation.world().set_hostile("host0001", None);
    // Both would let anybody in now, but nobody knocks.
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let view = rig.collector.view.borrow();
        assert!(stopped("host0000")(&view) && stopped("host0001")(&view));
        assert!(is_up(&view, "host0002"));
    }
    for name in ["host0000", "host0001"] {
        let name = pointsman::fleet::HostName::new(name);
        assert!(rig.collector.requests.ask(pointsman::collect::Request::Reconnect(name)));
    }
    rig.until(10, "they are asked again", all_up).await;
}

/// Bytes of memory that this process has resident (proc(5), `/proc/self/statm`).
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("a number");
    pages * 4096
}

/// Set in the process that runs one test alone.
const ALONE: &str = "POINTSMAN_TEST_ALONE";

/// Whether this process runs the named test alone. Else one is started that does, and has ended well: memory is
/// counted by process, and the tests beside this one are not what it asks about.
fn alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("this program again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// The servers run on a runtime of their own: what is counted here is the client's alone. Memory is both sides'.
#[tokio::test]
async fn reconnecting_to_hostile_hosts_leaves_no_tasks_and_little_memory() {
    const ROUNDS: u64 = 30;
    if !alone("chaos::reconnecting_to_hostile_hosts_leaves_no_tasks_and_little_memory") {
        return;
    }
    let (simulation, _) = plain(Hostile::ALL.len());
    for (at, kind) in Hostile::ALL.iter().enumerate() {
        simulation.world().set_hostile(&format!("host{at:04}"), Some(*kind));
    }
    let servers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let remote = {
        let _servers = servers.enter();
        simulation.remote(LogBook::default())
    };
    let round = || async {
        let all = simulation.fleet().hosts.iter().map(|host| {
            let remote = &remote;
            async move {
                let mut host = host.clone();
                host.poll.connect_deadline = Duration::from_millis(150);
                let work = async {
                    let session = remote.connect(&host, &|_| {}).await?;
                    PollLoop::start(&*session, &host, &half::nonce()).await
                };
                tokio::time::timeout(Duration::from_millis(300), work).await
            }
        });
        futures_util::future::join_all(all).await
    };
    let settled = async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        tokio::runtime::Handle::current().metrics().num_alive_tasks()
    };
    for _ in 0..5 {
        round().await;
    }
    let (tasks, bytes) = (settled().await, resident_bytes());
    for _ in 0..ROUNDS {
        round().await;
    }
    let mut after = settled().await;
    // On a busy machine they take longer to end; one that stays does not end at all.
    for _ in 0..40 {
        if after <= tasks + 2 {
            break;
        }
        after = settled().await;
    }
    let grown = resident_bytes().saturating_sub(bytes);
    assert!(after <= tasks + 2, "{tasks} tasks became {after}");
    let each = grown / (ROUNDS * Hostile::ALL.len() as u64);
    println!("{each} bytes a connection stay, {tasks} tasks became {after}");
    assert!(each < 128 * 1024, "{each} bytes a connection stay");
    servers.shutdown_background();
}
