//! A scrub beside clients, second by second.

use super::*;
use crate::runbook::sight::{Glimpse, Printed};

struct Play {
    watch: Watch,
    steering: Steering,
    now: u64,
    ops: u64,
    rtt_ms: u64,
    scan: &'static str,
    pauses: u32,
}

const RUNS: &str = "scrub in progress since Sun Nov  8 00:24:12 2026";
const PAUSED: &str = "scrub paused since Sun Nov  8 00:24:12 2026";
const RESILVERS: &str = "resilver in progress since Sun Nov  8 00:24:12 2026";

impl Play {
    fn new(what: What) -> Self {
        Self {
            watch: Watch {
                pool: PoolOn {
                    host: HostName::new("stor1"),
                    name: "tank".into(),
                },
                clients: vec![Client {
                    host: HostName::new("client"),
                    servers: vec!["10.9.0.100".into()],
                }],
                what,
            },
            steering: Steering::default(),
            now: 1_000_000,
            ops: 0,
            rtt_ms: 0,
            scan: RUNS,
            pauses: 0,
        }
    }

    fn scrub(pauses: bool) -> Self {
        Self::new(What::Scrub {
            before: String::new(),
            pauses,
        })
    }

    /// Two seconds later: requests took so long each, or nothing is known of that. An order is followed.
    fn look(&mut self, ms: Option<u64>, ops: u64) -> Advice {
        self.now += 2000;
        (self.ops, self.rtt_ms) = (self.ops + ops, self.rtt_ms + ops * ms.unwrap_or(0));
        let at = UnixMs(self.now);
        let mut sight = Sight::new(at, Duration::from_secs(5));
        let mut take = |look: Look, text: String| {
            let answer = Ok(Printed { exit: 0, text });
            sight.take(look, Glimpse { at, answer });
        };
        let pool = format!(
            "pauses yes\nstatus\n  pool: tank\n state: ONLINE\n  scan: {}\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\t\
             tank ONLINE 0 0 0\n\t  sda ONLINE 0 0 0\n\nerrors: No known data errors\nend\n",
            self.scan
        );
        take(self.watch.pool.look(), pool);
        if ms.is_some() {
            let pace = format!("mounts 1 ops {} rtt_ms {}\n", self.ops, self.rtt_ms);
            take(self.watch.clients[0].look(), pace);
        }
        let advice = self.steering.judge(&self.watch, &sight, at);
        if let Advice::Order(argv) = &advice {
            let pause = argv.iter().any(|word| word == "-p");
            self.scan = if pause { PAUSED } else { RUNS };
            self.pauses += u32::from(pause);
        }
        advice
    }

    /// So many looks; whether it pauses then.
    fn go(&mut self, ms: Option<u64>, ops: u64, looks: usize) -> bool {
        for _ in 0..looks {
            self.look(ms, ops);
        }
        self.scan == PAUSED
    }
}

#[test]
fn it_pauses_at_first_and_goes_on_when_that_is_known() {
    let mut play = Play::scrub(true);
    assert!(play.go(Some(2), 100, 1), "to see how clients fare without it");
    assert!(!play.go(Some(2), 100, 8));
    assert!(!play.go(Some(3), 100, 60), "nobody suffers");
    assert!(
        play.steering
            .says()
            .unwrap()
            .contains("3.0 ms a request, 2.0 ms without it")
    );
    // Twice as long and felt: it pauses, and for some minutes.
    assert!(play.go(Some(30), 100, 14));
    assert!(play.go(Some(2), 100, 120));
    assert!(!play.go(Some(2), 100, 60));
    assert_eq!(play.pauses, 2);
}

#[test]
fn it_goes_on_pausing_while_something_else_keeps_clients_waiting() {
    let mut play = Play::scrub(true);
    play.go(Some(2), 100, 20);
    assert!(play.go(Some(40), 100, 14));
    assert!(
        play.go(Some(40), 100, 600),
        "it is not the scrub, but it would add to it"
    );
    assert!(play.steering.says().unwrap().contains("while it pauses, too"));
    assert!(!play.go(Some(2), 100, 10));
}

/// Requests that hang are counted when they are answered, and who hangs may not even be asked.
#[test]
fn it_pauses_when_clients_that_were_answered_are_not_any_more() {
    for silent in [Some(2), None] {
        let mut play = Play::scrub(true);
        play.go(Some(2), 100, 20);
        assert!(play.go(silent, 0, 20), "{silent:?}");
        // They ask for nothing while it pauses, either: it is not the scrub, and they do not stop it again.
        assert!(!play.go(silent, 0, 180), "{silent:?}");
        let pauses = play.pauses;
        play.go(silent, 0, 600);
        assert_eq!((play.pauses, play.scan), (pauses, RUNS), "{silent:?}");
        // They begin to work: how they fare without it is looked at first.
        play.go(Some(30), 100, 20);
        assert_eq!(play.pauses, pauses + 1, "{silent:?}");
    }
    // Now and then one is answered, late.
    let mut play = Play::scrub(true);
    play.go(Some(2), 100, 20);
    let paused = (0..6).any(|at| play.go(Some(40), if at % 2 == 0 { 100 } else { 0 }, 6));
    assert!(paused);
}

/// Where it can only be given up, silence alone does not end it, and does not make good what was bad.
#[test]
fn what_cannot_pause_is_not_given_up_for_silence_alone() {
    let mut play = Play::scrub(false);
    play.go(Some(2), 100, 20);
    for _ in 0..200 {
        assert_eq!(play.look(Some(2), 0), Advice::Keep);
    }
    let ends = (0..10).any(|at| {
        let ops = if at % 2 == 0 { 100 } else { 0 };
        (0..5).any(|_| matches!(play.look(Some(40), ops), Advice::GiveUp(_)))
    });
    assert!(ends);
}

#[test]
fn clients_that_begin_to_work_are_listened_to_without_it_first() {
    let mut play = Play::scrub(true);
    assert!(!play.go(Some(2), 0, 30));
    assert!(
        play.go(Some(9), 100, 6),
        "how long they wait without it is not known yet"
    );
    assert!(!play.go(Some(2), 100, 8));
}

#[test]
fn where_it_cannot_pause_it_is_given_up() {
    let mut play = Play::scrub(false);
    assert!(!play.go(Some(2), 100, 30) && play.pauses == 0);
    let ends = (0..40).find_map(|_| match play.look(Some(50), 100) {
        Advice::GiveUp(why) => Some(why),
        _ => None,
    });
    assert!(ends.unwrap().contains("cannot pause with the ZFS of stor1"));
}

#[test]
fn a_resilver_is_not_touched_and_tells_how_clients_fare() {
    let mut play = Play::new(What::Resilver("sda".into()));
    play.scan = RESILVERS;
    for _ in 0..40 {
        assert_eq!(play.look(Some(90), 100), Advice::Keep);
    }
    assert!(play.steering.says().unwrap().contains("90.0 ms a request"));
    assert!(play.watch.commands().is_empty());
    play.watch.what = What::Resilver("sdx".into());
    assert_eq!(
        play.look(Some(2), 1),
        Advice::GiveUp("sdx is no device of tank of stor1 any more".into())
    );
}

#[test]
fn what_is_not_known_and_nobody_to_ask_let_it_go_on() {
    let mut play = Play::scrub(true);
    assert!(!play.go(None, 0, 60));
    assert!(play.steering.says().unwrap().contains("not known"));
    let mut alone = Play::scrub(true);
    alone.watch.clients.clear();
    assert!(!alone.go(None, 0, 20) && alone.pauses == 0);
}

#[test]
fn an_order_that_did_not_arrive_is_given_anew_after_a_while() {
    let mut play = Play::scrub(true);
    play.look(Some(2), 100);
    play.scan = RUNS;
    play.steering.forget(UnixMs(play.now));
    assert!(!play.go(Some(2), 100, 4));
    assert!(play.go(Some(2), 100, 2));
}
