//! The collector under chaos: hosts that are hostile, die, come back, change or flap, on a clock that
//! stands still while there is work to do, so that what is measured is waiting and never this machine.

mod backups;
mod chaos;
mod fakes;
mod life;

use pointsman::{
    collect::{Clock, Collector, FleetView, HostView, Reload, Sources},
    facts::{Reach, UnixMs},
    fleet::{Fleet, Host},
    remote::{LocalRemote, Remote, log::LogBook},
    simulate::Simulation,
};
use std::{sync::Arc, time::Duration};

/// When every test begins.
const START: UnixMs = UnixMs(1_790_000_000_000);

/// A simulated fleet and the collector that watches it.
struct Rig {
    simulation: Simulation,
    collector: Collector,
    log: LogBook,
    clock: Clock,
}

/// A fleet of plain hosts on the test's own clock, before anybody watches it.
fn plain(count: usize) -> (Simulation, Clock) {
    fastrand::seed(7);
    let clock = Clock::starting_at(START);
    let ticking = clock.clone();
    let simulation = Simulation::uniform(count, Arc::new(move || Duration::from_millis(ticking.now().0)));
    (simulation, clock)
}

impl Rig {
    fn watch(simulation: Simulation, clock: Clock, change: impl Fn(&mut Host)) -> Self {
        let log = LogBook::default();
        let ssh = simulation.remote(log.clone());
        let fleet = Arc::new(fleet_with(simulation.fleet(), change));
        let collector = start(fleet, ssh, &log, &clock, None);
        Self {
            simulation,
            collector,
            log,
            clock,
        }
    }

    fn host(&self, name: &str) -> Arc<HostView> {
        Arc::clone(self.collector.view.borrow().host(name).expect("a host"))
    }

    async fn until(&mut self, seconds: u64, what: &str, holds: impl FnMut(&FleetView) -> bool) {
        until(&mut self.collector, seconds, what, holds).await;
    }
}

/// The same fleet with every host changed.
fn fleet_with(fleet: &Fleet, change: impl Fn(&mut Host)) -> Fleet {
    let mut hosts = fleet.hosts.clone();
    hosts.iter_mut().for_each(change);
    of_hosts(hosts)
}

fn of_hosts(hosts: Vec<Host>) -> Fleet {
    let poll = hosts.first().map(|host| host.poll).unwrap_or_default();
    Fleet::new("test".to_owned(), None, poll, hosts, Vec::new(), Vec::new())
}

fn start(fleet: Arc<Fleet>, ssh: Arc<dyn Remote>, log: &LogBook, clock: &Clock, reload: Option<Reload>) -> Collector {
    Collector::start(Sources {
        fleet,
        ssh,
        local: Arc::new(LocalRemote),
        log: log.clone(),
        clock: clock.clone(),
        reload,
        single_look: false,
    })
}

/// Waits for a view of which something holds.
async fn until(collector: &mut Collector, seconds: u64, what: &str, mut holds: impl FnMut(&FleetView) -> bool) {
    let held = collector.view.wait_for(|view| holds(view));
    let held = tokio::time::timeout(Duration::from_secs(seconds), held).await;
    let ended = held.map(|view| view.is_ok());
    if ended != Ok(true) {
        let view = collector.view.borrow();
        let hosts: Vec<_> = view
            .hosts
            .iter()
            .map(|host| (host.name.as_str(), &host.reach))
            .collect();
        panic!("not within {seconds} s: {what} ({ended:?}); {hosts:?}");
    }
}

fn all_up(view: &FleetView) -> bool {
    view.hosts.iter().all(|host| host.reach.is_up())
}

fn is_up(view: &FleetView, name: &str) -> bool {
    view.host(name).is_some_and(|host| host.reach.is_up())
}

/// Why a host cannot be reached, if it cannot.
fn why(reach: &Reach) -> Option<String> {
    match reach {
        Reach::Unreachable { why, .. } | Reach::Stopped { why, .. } => Some(why.to_string()),
        _ => None,
    }
}
