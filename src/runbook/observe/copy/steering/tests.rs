//! A pass beside replication that falls behind.

use super::*;
use crate::runbook::{
    observe::{
        copy::{By, Mode},
        drbd::{Dialect, Side},
    },
    sight::{Glimpse, Printed},
};

fn copying() -> Copying {
    let side = Side {
        host: HostName::new("stor1"),
        resource: "web2".into(),
        minor: 1,
        dialect: Dialect::V8,
    };
    Copying {
        mode: Mode::Passes,
        by: By::Files,
        from: HostName::new("stor1"),
        to: HostName::new("stor3"),
        task: "web1".into(),
        argv: vec!["rsync".into()],
        budget: Duration::from_mins(1),
        closed_check: true,
        clients: Vec::new(),
        disks: Vec::new(),
        replicas: vec![side],
        windows: Vec::new(),
        zone: "UTC".into(),
        place: "/srv/web1".into(),
        used_kib: 1000,
        base_kib: 0,
    }
}

/// `/proc/drbd` of 8.4 with so many requests that wait for the peer.
fn drbd(pending: u64, state: &str) -> String {
    format!(
        "version: 8.4.11 (api:1/proto:86-101)\n 1: cs:{state} ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n    \
         ns:1 nr:0 dw:1 dr:1 al:1 bm:0 lo:0 pe:{pending} ua:0 ap:0 ep:1 wo:f oos:0\n"
    )
}

/// What is done every two seconds, where it runs and replication says that.
fn advices(steering: &mut Steering, from_s: u64, seconds: u64, drbd: &str) -> Vec<Advice> {
    let copying = copying();
    let look = |seconds| {
        let now = UnixMs(1_000_000 + seconds * 1000);
        let mut sight = Sight::new(now, Duration::from_secs(5));
        let mut take = |look: Look, text: &str| {
            let answer = Ok(Printed {
                exit: 0,
                text: text.to_owned(),
            });
            sight.take(look, Glimpse { at: now, answer });
        };
        take(
            task::parts_look(&copying.to, "web1"),
            "task web1.1 running 60 1700\nargv rsync\nend\n",
        );
        take(copying.replicas[0].look(), drbd);
        steering.judge(&copying, &sight, now, false)
    };
    (from_s..from_s + seconds).step_by(2).map(look).collect()
}

#[test]
fn writes_that_go_on_waiting_for_a_peer_hold_a_pass() {
    let held = |advices: &[Advice]| {
        advices
            .iter()
            .any(|advice| matches!(advice, Advice::Order(orders) if orders[0][0] == "task_hold"))
    };
    let mut steering = Steering {
        learned: true,
        ..Steering::default()
    };
    assert!(!held(&advices(&mut steering, 0, 40, &drbd(9, "Connected"))));
    // Once may be chance.
    assert!(!held(&advices(&mut steering, 40, 10, &drbd(300, "Connected"))));
    assert!(!held(&advices(&mut steering, 50, 20, &drbd(9, "Connected"))));
    assert!(held(&advices(&mut steering, 70, 30, &drbd(300, "Connected"))));
    assert!(
        steering
            .says()
            .unwrap()
            .contains("300 writes of web2 wait for the peer of stor1")
    );
    // What cannot be read holds nothing up.
    let mut other = Steering {
        learned: true,
        ..Steering::default()
    };
    assert!(!held(&advices(&mut other, 0, 60, "garbage")));
}

#[test]
fn what_is_killed_each_time_is_not_begun_for_ever() {
    let copying = Copying {
        mode: Mode::Once,
        replicas: Vec::new(),
        ..copying()
    };
    let mut steering = Steering {
        learned: true,
        ..Steering::default()
    };
    let mut begun = 0;
    let ends = (0..200).find_map(|at| {
        let now = UnixMs(1_000_000 + at * 2000);
        let mut sight = Sight::new(now, Duration::from_secs(5));
        let answer = Ok(Printed {
            exit: 0,
            text: "task web1 vanished\nargv restore\nend\n".to_owned(),
        });
        sight.take(task::look(&copying.to, "web1"), Glimpse { at: now, answer });
        match steering.judge(&copying, &sight, now, false) {
            Advice::Order(_) => begun += 1,
            Advice::GiveUp(why) => return Some(why),
            Advice::Keep | Advice::Late(_) => {}
        }
        None
    });
    assert_eq!(begun, FAILURES);
    assert!(ends.is_some_and(|why| why.contains("vanished each time")));
}
