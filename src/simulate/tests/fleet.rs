//! The embedded fleet as an inventory, and as the real collector and the real rules see it.

use crate::{
    collect::{Clock, Collector, Sources},
    fleet,
    remote::{LocalRemote, log::LogBook},
    simulate::Simulation,
    verdict::Code,
};
use std::{path::Path, sync::Arc, time::Duration};

#[test]
fn its_inventory_loads_as_the_fleet_that_it_is() {
    let simulation = Simulation::demo(7, Arc::new(|| Duration::from_secs(super::START)));
    let text = simulation.inventory();
    let loaded = fleet::load(Path::new("demo.yaml"), &text, &|_| Err("no include".to_owned()));
    assert_eq!(
        fleet::diagnostic::render(&loaded.diagnostics),
        "no errors, no warnings\n"
    );
    let (found, meant) = (loaded.fleet.unwrap(), simulation.fleet());
    assert_eq!(found.name, meant.name);
    for (found, meant) in found.hosts.iter().zip(&meant.hosts) {
        assert_eq!(format!("{found:#?}"), format!("{meant:#?}"));
    }
    assert_eq!(found.hosts.len(), meant.hosts.len());
    assert_eq!(format!("{:#?}", found.segments), format!("{:#?}", meant.segments));
    assert_eq!(format!("{:#?}", found.topologies), format!("{:#?}", meant.topologies));
}

/// Without a story nothing may be found, at any moment of ten seconds, by the real collector and rules.
/// (Whether this machine itself is starved is no matter of the fleet.)
#[tokio::test(flavor = "multi_thread")]
async fn a_calm_fleet_stays_without_findings() {
    let clock = Clock::system();
    let time = clock.clone();
    let simulation = Simulation::calm(7, Arc::new(move || Duration::from_millis(time.now().0)));
    let log = LogBook::default();
    let mut collector = Collector::start(Sources {
        fleet: Arc::new(simulation.fleet().clone()),
        ssh: simulation.remote(log.clone()),
        local: Arc::new(LocalRemote),
        log,
        clock,
        reload: None,
        single_look: false,
    });
    let all = collector
        .view
        .wait_for(|view| view.hosts.iter().all(|host| host.complete));
    tokio::time::timeout(Duration::from_secs(30), all)
        .await
        .unwrap()
        .unwrap();
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while tokio::time::Instant::now() < end {
        let view = collector.view.borrow_and_update().clone();
        let found: Vec<String> = view
            .findings
            .iter()
            .filter(|finding| finding.code != Code::ObserverBusy)
            .map(|finding| format!("{} {}: {}", finding.code, finding.subject, finding.evidence))
            .collect();
        assert_eq!(found, [""; 0]);
        collector.view.changed().await.unwrap();
    }
}
