//! What the real judgement makes of simulated troubles with latency, on a clock that a test moves: the right host is
//! named, nobody else is, and it is taken back.

use super::{Hand, START};
use crate::{
    facts::UnixMs,
    simulate::{
        Fault, Simulation,
        noise::normal,
        past::{self, Rounds, WATCHED},
    },
    verdict::{Code, Finding, Latency, latency::Op},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// The findings that say something about latency.
const ABOUT: [Code; 6] = [
    Code::SemiFailed,
    Code::GroupSlow,
    Code::PathSlow,
    Code::Stalled,
    Code::Silent,
    Code::ObserverBusy,
];

/// A fleet that is polled and judged as the console does it, without a network and as fast as it goes.
struct Watch {
    sim: Simulation,
    hand: Hand,
    every: Duration,
    rounds: Rounds,
    findings: Vec<Finding>,
    /// Servers that were ever called busy.
    called_busy: BTreeSet<String>,
    /// The world's time at which it is watched from here, milliseconds.
    begun_ms: u64,
}

impl Watch {
    fn new(sim: Simulation, hand: Hand, every: Duration) -> Self {
        Self {
            rounds: Rounds::new(sim.world(), sim.fleet()),
            begun_ms: sim.world().now_ms(),
            findings: Vec::new(),
            called_busy: BTreeSet::new(),
            sim,
            hand,
            every,
        }
    }

    /// Without a story, all is well.
    fn calm(seed: u64) -> Self {
        let hand = Hand::default();
        Self::new(Simulation::calm(seed, hand.clock()), hand, Duration::from_secs(5))
    }

    fn now(&self) -> UnixMs {
        UnixMs(START * 1000 + self.sim.world().now_ms() - self.begun_ms)
    }

    fn seconds(&self) -> u64 {
        (self.sim.world().now_ms() - self.begun_ms) / 1000
    }

    fn latency(&self) -> Arc<Latency> {
        self.rounds.memory.latency()
    }

    /// One poll of every host, and a look at them all.
    fn step(&mut self) {
        self.hand.forward(self.every);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "about 1500")]
        let rtt_us = |at: usize, poll: u64| (1500.0 * (0.1 * normal(at as u64 ^ poll << 8)).exp()) as u64;
        let now = self.now();
        self.findings = self.rounds.step(self.sim.world(), self.sim.fleet(), now, rtt_us);
        let busy = self.busy();
        self.called_busy.extend(busy);
    }

    /// The findings about latency as `code subject`.
    fn told(&self) -> BTreeSet<String> {
        let about = self.findings.iter().filter(|finding| ABOUT.contains(&finding.code));
        about
            .map(|finding| format!("{} {}", finding.code, finding.subject))
            .collect()
    }

    /// The evidence of the finding of that name.
    fn evidence(&self, name: &str) -> String {
        let of_name = |finding: &&Finding| format!("{} {}", finding.code, finding.subject) == name;
        let finding = self.findings.iter().find(of_name);
        finding.map_or_else(String::new, |finding| finding.evidence.to_string())
    }

    /// Goes on for so many seconds; all that is told meanwhile, with its last evidence.
    fn ever(&mut self, seconds: u64) -> BTreeMap<String, String> {
        let mut told = BTreeMap::new();
        let end = self.seconds() + seconds;
        while self.seconds() < end {
            self.step();
            for name in self.told() {
                let evidence = self.evidence(&name);
                told.insert(name, evidence);
            }
        }
        told
    }

    /// Goes on until it is told; after how many seconds that is.
    fn until(&mut self, name: &str, limit: u64) -> u64 {
        let begun = self.seconds();
        while !self.told().contains(name) {
            assert!(
                self.seconds() < begun + limit,
                "no {name} within {limit} s: {:?}",
                self.told()
            );
            self.step();
        }
        self.seconds() - begun
    }

    /// Goes on until nothing about latency is told; after how many seconds that is.
    fn until_clear(&mut self, limit: u64) -> u64 {
        let begun = self.seconds();
        while !self.told().is_empty() {
            assert!(
                self.seconds() < begun + limit,
                "not clear within {limit} s: {:?}",
                self.told()
            );
            self.step();
        }
        self.seconds() - begun
    }

    /// The columns of that picture that are framed.
    fn framed(&self, op: Op) -> Vec<String> {
        let columns = self.latency().grid(op).columns;
        let blamed = columns.into_iter().filter(|column| column.blamed);
        blamed.map(|column| column.name.to_string()).collect()
    }

    /// The numbers of a column that are counted.
    fn column(&self, op: Op, server: &str) -> Vec<f32> {
        let grid = self.latency().grid(op);
        let Some(at) = grid.columns.iter().position(|column| &*column.name == server) else {
            return Vec::new();
        };
        let cells = grid.rows.iter().filter_map(|row| row.cells[at]);
        cells
            .filter(|cell| cell.counts && !cell.ratio.is_nan())
            .map(|cell| cell.ratio)
            .collect()
    }

    /// The servers that are called busy.
    fn busy(&self) -> Vec<String> {
        let latency = self.latency();
        let hosts = self.sim.fleet().hosts.iter().map(|host| host.name.to_string());
        hosts.filter(|host| latency.much_asked(host).is_some()).collect()
    }

    fn inject(&self, fault: &Fault) {
        self.sim.world().inject(fault).unwrap();
    }

    fn clear(&self, fault: &Fault) {
        self.sim.world().clear(fault).unwrap();
    }
}

/// A fleet with a past, and after that the fault; nothing may be told in between.
fn after(fault: &Fault, seed: u64) -> Watch {
    let mut watch = Watch::calm(seed);
    let told = watch.ever(300);
    assert_eq!(told, BTreeMap::new(), "before");
    watch.inject(fault);
    watch
}

/// What a fault makes of the fleet in three minutes; it must be taken back when it is over.
fn made_of(fault: &Fault, seed: u64) -> (BTreeMap<String, String>, Watch) {
    let mut watch = after(fault, seed);
    let told = watch.ever(180);
    watch.clear(fault);
    let during: BTreeSet<String> = told.keys().cloned().collect();
    let last = watch.ever(200);
    assert!(last.keys().all(|name| during.contains(name)), "afterwards: {last:?}");
    assert_eq!(watch.told(), BTreeSet::new(), "it stands though it is over");
    (told, watch)
}

fn names(told: &BTreeMap<String, String>) -> Vec<&str> {
    told.keys().map(String::as_str).collect()
}

fn disk_slow(host: &str, disk: &str) -> Fault {
    Fault::DiskSlow {
        host: host.to_owned(),
        disk: disk.to_owned(),
        factor: 6.0,
    }
}

#[test]
fn a_healthy_hour_tells_nothing() {
    let mut watch = Watch::calm(7);
    assert_eq!(watch.ever(3600), BTreeMap::new());
    assert_eq!(watch.called_busy, BTreeSet::new());
    let latency = watch.latency();
    assert_eq!(
        latency
            .blamed()
            .into_iter()
            .filter(|one| one.held_back.is_none())
            .count(),
        0
    );
    // Every client measures every kind of operation of every mount, and every disk both ways.
    let streams: Vec<_> = ["access1", "access8", "stor1", "zfs1", "db1", "web1"]
        .iter()
        .flat_map(|host| latency.streams_of(host))
        .filter_map(|id| latency.told(id))
        .collect();
    let stale: Vec<_> = streams
        .iter()
        // Nobody uses the spare of a storage server, so nothing of it is measured.
        .filter(|told| told.host.as_str() != "stor1" || told.name.as_str() != "sdh")
        .filter(|told| !told.fresh || told.latency_ms.is_none())
        .collect();
    assert!(stale.is_empty(), "{stale:#?}");
    assert!(streams.len() > 50, "{}", streams.len());
}

#[test]
fn a_healthy_fleet_that_is_polled_every_two_seconds_tells_nothing() {
    let hand = Hand::default();
    let mut watch = Watch::new(Simulation::calm(8, hand.clock()), hand, Duration::from_secs(2));
    assert_eq!(watch.ever(900), BTreeMap::new());
    assert_eq!(watch.called_busy, BTreeSet::new());
}

#[test]
fn a_slow_disk_is_its_servers_and_its_clients_agree() {
    let fault = disk_slow("stor3", "sdc");
    let mut watch = after(&fault, 7);
    let told_after = watch.until("SemiFailed stor3", 60);
    assert!(told_after <= 45, "{told_after} s");
    let told = watch.ever(120);
    assert_eq!(names(&told), ["SemiFailed stor3"]);
    let evidence = &told["SemiFailed stor3"];
    assert!(
        evidence.contains("sdc write ") && evidence.contains("5 of 5 clients agree"),
        "{evidence}"
    );
    assert_eq!(watch.framed(Op::NfsWrite), ["stor3"]);
    watch.clear(&fault);
    let over_after = watch.until_clear(150);
    assert!(over_after >= 20, "{over_after} s");
    assert_eq!(watch.ever(200), BTreeMap::new());
    assert_eq!(watch.framed(Op::NfsWrite), [""; 0]);
}

#[test]
fn finding_page_and_sentence_tell_one_time_since_when_it_is_slow() {
    // Polls that come late, as those of a console do: 5.6 s and not 5.
    for (at, fault) in [
        disk_slow("stor3", "sdc"),
        Fault::PathSlow {
            client: "access2".to_owned(),
            server: "stor3".to_owned(),
            more_ms: 0.5,
            lost: 0.02,
        },
    ]
    .into_iter()
    .enumerate()
    {
        let mut watch = after(&fault, 7);
        watch.every = Duration::from_millis(5600);
        watch.until(["SemiFailed stor3", "PathSlow access2→stor3"][at], 90);
        for _ in 0..20 {
            watch.step();
            let finding = watch
                .findings
                .iter()
                .find(|finding| ABOUT.contains(&finding.code))
                .unwrap();
            let latency = watch.latency();
            let blamed = latency.blamed().into_iter().find(|one| one.held_back.is_none());
            assert_eq!(blamed.map(|one| one.since), Some(finding.since), "{finding:?}");
            // What of it is in alarm itself says the same, and so does the sentence, to the second.
            let host = ["stor3", "access2"][at];
            let streams: Vec<_> = latency.streams_of(host).filter_map(|id| latency.told(id)).collect();
            let alarmed = streams
                .iter()
                .filter(|told| told.state == crate::verdict::failslow::State::Slow);
            for told in alarmed.filter(|told| at == 0 || told.name.as_str() == "/mnt/slice-c") {
                assert_eq!(told.since, finding.since, "{told:?}: {finding:?}");
                let lasts = latency.at().since(finding.since).as_secs_f64();
                let said = latency.why(told.id).unwrap();
                if said.contains(" for ") && lasts < 119.0 {
                    assert!(said.contains(&format!(" for {lasts:.0} s ")), "{lasts}: {said}");
                }
            }
        }
    }
}

#[test]
fn a_server_that_is_slow_for_all_its_clients_is_semi_failed_though_its_disks_are_well() {
    let fault = Fault::ServerSlow {
        host: "stor2".to_owned(),
        factor: 5.0,
    };
    let (told, _) = made_of(&fault, 8);
    assert_eq!(names(&told), ["SemiFailed stor2"]);
    let evidence = &told["SemiFailed stor2"];
    assert!(
        evidence.contains("5 of 5 clients agree; its disks no slower than their peers"),
        "{evidence}"
    );
}

#[test]
fn a_way_that_loses_packets_is_to_blame_and_neither_of_its_ends() {
    let fault = Fault::PathSlow {
        client: "access2".to_owned(),
        server: "stor3".to_owned(),
        more_ms: 0.5,
        lost: 0.02,
    };
    let mut watch = after(&fault, 9);
    let told = watch.ever(180);
    assert_eq!(names(&told), ["PathSlow access2→stor3"]);
    let mount = watch.latency().streams_of("access2").find_map(|id| {
        let told = watch.latency().told(id)?;
        (told.op == Op::NfsRead && told.name.as_str() == "/mnt/slice-c").then(|| watch.latency().why(id))?
    });
    assert!(
        mount.as_ref().is_some_and(|why| why.contains("2 % sent again")),
        "{mount:?}"
    );
    watch.clear(&fault);
    watch.until_clear(150);
}

#[test]
fn a_busy_server_is_not_blamed() {
    let fault = Fault::Busy {
        host: "stor5".to_owned(),
        factor: 3.0,
    };
    for seed in [7, 8] {
        let (told, watch) = made_of(&fault, seed);
        assert_eq!(told, BTreeMap::new());
        // It is called what it is, and no longer than it is so.
        assert_eq!(watch.called_busy, BTreeSet::from(["stor5".to_owned()]));
        assert_eq!(watch.busy(), [""; 0]);
    }
}

#[test]
fn half_an_hour_of_work_is_nothing_against_the_one_that_does_not_work() {
    let fault = Fault::Busy {
        host: "stor5".to_owned(),
        factor: 3.0,
    };
    for seed in [7, 8] {
        let mut watch = after(&fault, seed);
        assert_eq!(watch.ever(1800), BTreeMap::new(), "seed {seed}");
    }
}

#[test]
fn an_overloaded_client_blames_nobody() {
    let fault = Fault::Overloaded {
        host: "access4".to_owned(),
        tasks: 3.0,
    };
    let (told, _) = made_of(&fault, 7);
    assert_eq!(names(&told), ["ObserverBusy access4"]);
    let evidence = &told["ObserverBusy access4"];
    assert!(evidence.contains("is not counted: CPU pressure "), "{evidence}");
}

#[test]
fn the_disk_of_a_secondary_that_slows_the_primary_is_to_blame_and_not_the_primary() {
    // slice-d is served by stor4, and its replica is on md1 of stor3.
    for seed in [7, 8] {
        let (told, _) = made_of(&disk_slow("stor3", "sdg"), seed);
        assert_eq!(names(&told), ["SemiFailed stor3"]);
        let evidence = &told["SemiFailed stor3"];
        assert!(
            evidence.contains("stor4 waits for its answers on slice-d"),
            "{evidence}"
        );
    }
}

#[test]
fn a_check_of_all_arrays_is_a_group_that_is_explained() {
    let (told, _) = made_of(&Fault::Checked("stor4".to_owned()), 7);
    assert_eq!(told.len(), 1, "{told:?}");
    let (name, evidence) = told.first_key_value().unwrap();
    assert!(name.starts_with("GroupSlow") && name.contains("stor4"), "{name}");
    assert!(evidence.contains("explained: stor4 md1 runs a check"), "{evidence}");
}

#[test]
fn a_rebuild_of_one_array_blames_neither_its_disks_nor_the_primary_that_waits_for_it() {
    for seed in [7, 8] {
        let fault = Fault::Rebuild {
            host: "stor4".to_owned(),
            array: "md0".to_owned(),
            slot: 1,
        };
        let (told, _) = made_of(&fault, seed);
        // The disks may bear it so well that there is nothing to explain; nobody is blamed in any case.
        for (name, evidence) in &told {
            assert!(
                name.starts_with("GroupSlow") && name.contains("stor4"),
                "{name}: {evidence}"
            );
            assert!(evidence.contains("explained: stor4 md0 runs a recovery"), "{evidence}");
        }
    }
}

#[test]
fn the_demo_shows_a_semi_failed_node_that_comes_and_goes_a_busy_one_and_a_slow_path() {
    let hand = Hand::default();
    // As somebody sees it who starts it: with the past that the fleet has by then.
    let sim = Simulation::watched(11, hand.clock());
    let mut watch = Watch::new(sim, hand, Duration::from_secs(2));
    watch.rounds.memory.learn(past::learnt(11, Duration::from_secs(START)));
    assert_eq!(watch.begun_ms, u64::try_from(WATCHED.as_millis()).unwrap());
    let slow = "SemiFailed stor3";
    watch.until(slow, 45);
    while !watch.evidence(slow).contains("clients agree") {
        assert!(watch.seconds() < 60, "{}", watch.evidence(slow));
        watch.step();
    }
    assert_eq!(watch.framed(Op::NfsWrite), ["stor3"]);
    let column = watch.column(Op::NfsWrite, "stor3");
    assert!(
        column.len() >= 4 && column.iter().all(|ratio| *ratio > 1.3),
        "{column:?}"
    );
    while watch.told().contains(slow) {
        assert!(watch.seconds() < 330, "still {:?}", watch.told());
        watch.step();
    }
    assert_eq!(watch.called_busy, BTreeSet::from(["stor5".to_owned()]));
    watch.until("PathSlow access2→stor1", 200);
    // The next time there is a past, and the clients say so, too.
    watch.until(slow, 300);
    watch.ever(60);
    assert!(
        watch.evidence(slow).contains("clients agree"),
        "{}",
        watch.evidence(slow)
    );
    let about = |told: &BTreeMap<String, String>| -> Vec<String> {
        let blamed = told.keys().filter(|name| !name.starts_with("GroupSlow"));
        blamed.cloned().collect()
    };
    let told = watch.ever(1500);
    assert_eq!(about(&told), ["PathSlow access2→stor1".to_owned(), slow.to_owned()]);
    assert!(
        told.iter()
            .all(|(name, evidence)| !name.starts_with("GroupSlow") || evidence.contains("explained")),
        "{told:?}"
    );
}
