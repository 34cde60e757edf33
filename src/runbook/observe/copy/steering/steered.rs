//! How a copy is steered by those who work meanwhile.

use super::*;
use crate::{
    facts::Why,
    runbook::{
        observe::{
            copy::{By, Mode},
            pace::Client,
        },
        sight::{Glimpse, Printed},
    },
};

/// A pass and one client, look by look.
struct Play {
    copying: Copying,
    steering: Steering,
    now: u64,
    ops: u64,
    rtt_ms: u64,
    /// Whether the pass runs; `None` before it was begun.
    runs: Option<bool>,
}

impl Play {
    fn new() -> Self {
        let client = Client {
            host: HostName::new("client"),
            servers: vec!["10.9.0.100".into()],
        };
        let copying = Copying {
            mode: Mode::Passes,
            by: By::Files,
            from: HostName::new("stor1"),
            to: HostName::new("stor3"),
            task: "web1".into(),
            argv: vec!["rsync".into()],
            budget: Duration::from_mins(5),
            closed_check: false,
            clients: vec![client],
            disks: Vec::new(),
            replicas: Vec::new(),
            databases: Vec::new(),
            lag: Duration::from_secs(30),
            windows: Vec::new(),
            zone: "UTC".into(),
            place: "/srv/web1".into(),
            used_kib: 0,
            base_kib: 0,
        };
        Self {
            copying,
            steering: Steering::default(),
            now: 1_000_000,
            ops: 10,
            rtt_ms: 1000,
            runs: None,
        }
    }

    /// Five seconds in which a request takes so long; `None`: the client tells nothing.
    fn look(&mut self, ms: Option<u64>, ops: u64) {
        self.now += 5000;
        self.ops += ops;
        self.rtt_ms += ops * ms.unwrap_or_default();
        let at = UnixMs(self.now);
        let mut sight = Sight::new(at, Duration::from_secs(10));
        let mut take = |look: Look, answer: Result<String, Why>| {
            let answer = answer.map(|text| Printed { exit: 0, text });
            sight.take(look, Glimpse { at, answer });
        };
        let tasks = match self.runs {
            None => "end\n",
            Some(true) => "task web1.1 running 5 1800\nargv rsync\nend\n",
            Some(false) => "task web1.1 held 5 1800\nargv rsync\nend\n",
        };
        take(self.copying.tasks_look(), Ok(tasks.to_owned()));
        let pace = match ms {
            Some(_) => Ok(format!("mounts 1 ops {} rtt_ms {}\n", self.ops, self.rtt_ms)),
            None => Err(Why::Hung("no answer".into())),
        };
        take(self.copying.clients[0].look(), pace);
        match self.steering.judge(&self.copying, &sight, at, false) {
            Advice::Keep => {}
            Advice::Order(orders) => self.runs = Some(orders[0][0] == "task_go"),
            Advice::Late(why) | Advice::GiveUp(why) => panic!("{why}"),
        }
    }

    /// How often it was stopped in so many minutes.
    fn minutes(&mut self, minutes: usize, ms: Option<u64>, ops: u64) -> usize {
        let mut stops = 0;
        for _ in 0..minutes * 12 {
            let before = self.runs;
            self.look(ms, ops);
            stops += usize::from(before == Some(true) && self.runs == Some(false));
        }
        stops
    }
}

/// What chokes a server keeps its clients from telling so.
#[test]
fn nothing_is_copied_while_no_client_can_be_asked() {
    let mut play = Play::new();
    play.minutes(30, None, 0);
    assert_eq!(
        play.runs, None,
        "it was begun though nobody knows how clients fare without it"
    );
    let says = play.steering.says().unwrap();
    assert!(
        says.contains("how clients fare is not known") && says.contains("no answer"),
        "{says}"
    );
    play.minutes(3, Some(2), 100);
    assert_eq!(play.runs, Some(true));
    assert_eq!(play.minutes(1, None, 0), 1);
    assert_eq!(
        play.minutes(30, None, 0),
        0,
        "it stands still for as long as they cannot be asked"
    );
    assert_eq!(play.runs, Some(false));
    play.minutes(3, Some(2), 100);
    assert_eq!(play.runs, Some(true), "it goes on once they can");
}

/// Requests that hang are not counted; but who asks for nothing at night holds nothing up.
#[test]
fn clients_that_are_answered_no_more_stop_a_copy_until_it_is_known_that_they_ask_for_nothing() {
    let mut play = Play::new();
    play.minutes(3, Some(2), 100);
    assert_eq!(play.runs, Some(true));
    assert_eq!(play.minutes(1, Some(2), 0), 1);
    assert!(play.steering.says().unwrap().contains("hardly answered"));
    play.minutes(3, Some(2), 0);
    assert_eq!((play.minutes(60, Some(2), 0), play.runs), (0, Some(true)));
    // They begin to work: what they wait for without it is looked at first.
    assert_eq!(play.minutes(3, Some(2), 100), 1);
    assert_eq!((play.minutes(10, Some(2), 100), play.runs), (0, Some(true)));
}
