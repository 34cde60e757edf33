//! Whatever hosts print: nothing of it steers a terminal, in any form that leaves the program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use pointsman::{
    batch::{self, Format, report::Status},
    collect::{Clock, Collector, Sources, draft},
    remote::{LocalRemote, log::LogBook},
    simulate::{Hostile, Simulation},
};
use std::{sync::Arc, time::Duration};

/// Controls, and characters that turn the direction of text or cannot be seen.
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c as u32, 0x200b..=0x200f | 0x202a..=0x202e | 0x2066..=0x2069 | 0xfeff | 0xe0000..=0xe007f)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_host_prints_steers_a_terminal() {
    let clock = Clock::system();
    let time = clock.clone();
    let simulation = Simulation::calm(7, Arc::new(move || Duration::from_millis(time.now().0)));
    let kinds = [Hostile::EscapeSequences, Hostile::InvalidUtf8, Hostile::LongLine];
    let mut spoilt = 0;
    for (host, kind) in simulation.fleet().hosts.iter().zip(kinds.iter().cycle()) {
        spoilt += usize::from(simulation.world().set_hostile(host.name.as_str(), Some(*kind)));
    }
    assert!(spoilt > 20, "{spoilt} hosts are hostile");
    let log = LogBook::default();
    let mut fleet = simulation.fleet().clone();
    for host in &mut fleet.hosts {
        host.thresholds.debounce_polls = 1;
    }
    let mut collector = Collector::start(Sources {
        fleet: Arc::new(fleet),
        ssh: simulation.remote(log.clone()),
        local: Arc::new(LocalRemote),
        log: log.clone(),
        clock,
        reload: None,
        single_look: false,
    });
    let wanted = vec![true; simulation.fleet().hosts.len()];
    let view = batch::collect_once(&mut collector, &wanted, Duration::from_secs(30)).await;
    let read = view.hosts.iter().filter(|host| host.snapshot.is_some()).count();
    assert!(read > 20, "only {read} hosts were read");

    let status = Status::new(&view, &wanted);
    let found: Vec<_> = view
        .hosts
        .iter()
        .filter_map(|host| Some((host.name.to_string(), (**host.snapshot.as_ref()?).clone())))
        .collect();
    let mut texts = vec![draft::draft(&found)];
    for format in [Format::Text, Format::Json] {
        texts.push(batch::status::render(&status, format));
        texts.push(batch::status::render_findings(&status, format));
    }
    for tsv in [
        batch::status::render(&status, Format::Tsv),
        batch::status::render_findings(&status, Format::Tsv),
    ] {
        let columns = tsv.lines().next().unwrap().matches('\t').count();
        assert!(tsv.lines().all(|line| line.matches('\t').count() == columns), "{tsv}");
        texts.push(tsv.replace('\t', " "));
    }
    assert!(
        texts.iter().any(|text| text.contains("owned")),
        "what was printed is shown, harmless"
    );
    for entry in log.newest(5000) {
        assert!(!entry.text.contains(|c| steers(c) || c == '\n'), "{:?}", entry.text);
    }
    for text in texts {
        if let Some(at) = text.find(steers) {
            let from = text[..at].char_indices().rev().nth(100).map_or(0, |(at, _)| at);
            panic!("{:?}", text[from..].chars().take(300).collect::<String>());
        }
    }
}
