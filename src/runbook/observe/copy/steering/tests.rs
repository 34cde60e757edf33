//! A pass beside replication that falls behind: of slices, and of databases.

use super::*;
use crate::runbook::{
    observe::{
        copy::{By, Mode},
        drbd::{Dialect, Side},
        lag::Database,
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
        databases: Vec::new(),
        lag: Duration::from_secs(30),
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

/// Which replica it is is said, and the pass goes on once that is near its source again.
#[test]
fn a_replica_of_a_database_that_falls_behind_holds_a_pass() {
    let mut copying = copying();
    copying.replicas.clear();
    copying.databases = vec![Database {
        host: HostName::new("db2"),
        access: crate::fleet::MysqlAccess::default(),
    }];
    let mut steering = Steering::default();
    // Half an hour, look by look: nobody is behind, then 90 s, then it comes back.
    let mut orders = Vec::new();
    let mut said = Vec::new();
    let mut runs = true;
    for second in (0..1800).step_by(5) {
        let now = UnixMs(1_000_000 + second * 1000);
        let mut sight = Sight::new(now, Duration::from_secs(5));
        let mut take = |look: Look, text: String| {
            let answer = Ok(Printed { exit: 0, text });
            sight.take(look, Glimpse { at: now, answer });
        };
        let is = if runs { "running" } else { "held" };
        take(
            task::parts_look(&copying.to, "web1"),
            format!("task web1.1 {is} 60 1700\nargv rsync\nend\n"),
        );
        let behind = if (600..1200).contains(&second) {
            90 - (second - 600) / 10
        } else {
            1
        };
        take(copying.databases[0].look(), format!("behind {behind} delay 0\nend\n"));
        if let Advice::Order(order) = steering.judge(&copying, &sight, now, false) {
            runs = order[0][0] == "task_go";
            orders.push((second, order[0][0].clone()));
        }
        said.extend(steering.says());
    }
    let holds: Vec<u64> = orders
        .iter()
        .filter(|(_, order)| order == "task_hold")
        .map(|(second, _)| *second)
        .collect();
    assert!(
        matches!(holds.as_slice(), [first, behind] if *first < 60 && (600..660).contains(behind)),
        "{orders:?}"
    );
    assert!(runs, "it goes on: {orders:?}");
    assert!(
        said.iter()
            .any(|says| says.contains("the database on db2 is 9") && says.contains("30 s at most")),
        "{said:?}"
    );
}
