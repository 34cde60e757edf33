//! Rows that somebody waits for: each comes to one of its two ends before the next begins, and behind its point of no return
//! it is only gone on with.

use super::*;
use crate::runbook::plan::{Again, Rolling, Row};

const SLICES: [&str; 3] = ["a", "b", "c"];

/// Three steps of each of three rows: one that can be taken back, one that nothing takes back, one behind it.
fn moving(failures: usize) -> Plan {
    let mut plan = plan();
    let identity = plan.targets.values().next().unwrap().clone();
    plan.targets = SLICES.map(|host| (host.into(), identity.clone())).into();
    plan.steps.clear();
    let mut rows = Vec::new();
    for (batch, name) in SLICES.into_iter().enumerate() {
        let steps: Vec<usize> = (0..3).map(|step| plan.steps.len() + step).collect();
        for (does, undo, nature) in [
            ("copy", Some("end"), Nature::Idempotent),
            ("open", None, Nature::Irreversible),
            ("wake", None, Nature::Probeable),
        ] {
            let named = |word: &str| format!("{name}-{word}");
            plan.steps.push(Step {
                call: Call::new(does, []),
                why: "a test".into(),
                operation: Operation {
                    undo: undo.map(|undo| Call::new(undo, [])),
                    nature,
                    ..step(name, &named(does))
                },
                undo: undo.map(|undo| step(name, &named(undo))),
            });
        }
        rows.push(Row {
            name: name.to_owned(),
            canary: false,
            batch,
            steps,
        });
    }
    plan.rolling = Some(Rolling {
        rows,
        failures,
        awaited: true,
    });
    plan
}

fn engine(failures: usize) -> Engine {
    Engine::new(moving(failures), "run-1".into(), "op@desk".into(), UnixMs(1_000_000))
}

fn resumed(plan: Plan, records: &[Record], back: Option<&str>) -> Engine {
    let back = back.map(str::to_owned);
    Engine::resume(
        plan,
        "run-1".into(),
        "op@another".into(),
        records,
        back,
        UnixMs(1_000_000),
    )
}

fn but<const N: usize>(what: &str, ran: &[String], never: [&str; N]) -> bool {
    !never.contains(&what) && well(what, ran)
}

#[test]
fn each_comes_to_its_end_before_the_next_begins() {
    let played = play(engine(0), |what, _, ran| Some(well(what, ran)), |_, _| None);
    assert_eq!(played.end, End::Done);
    let wanted: Vec<String> = SLICES
        .iter()
        .flat_map(|name| ["copy", "open", "wake"].map(|does| format!("{name}-{does}")))
        .collect();
    assert_eq!(played.ran, wanted);
}

#[test]
fn one_that_fails_before_its_opening_is_taken_back_alone() {
    let played = play(
        engine(1),
        |what, _, ran| Some(but(what, ran, ["b-open-needs"])),
        |_, _| None,
    );
    let End::Compensated { why, stays } = &played.end else {
        panic!("{:?}", played.end)
    };
    assert!(why.starts_with("1 of 3 failed, and 1 may: b ("), "{why}");
    assert_eq!(stays, &["done and proven: a, c"]);
    let tail = &played.ran[3..];
    assert_eq!(tail, ["b-copy", "b-end", "c-copy", "c-open", "c-wake"]);
}

/// Behind its opening there is no way back: the run parks, nothing else is begun, and going on finishes that row first.
#[test]
fn one_that_fails_behind_its_opening_parks_the_run_and_is_gone_on_with() {
    let first = play(
        engine(1),
        |what, _, ran| Some(but(what, ran, ["b-wake-needs"])),
        |_, _| None,
    );
    assert!(
        matches!(
            &first.end,
            End::Parked {
                step: 5,
                unknown: false,
                ..
            }
        ),
        "{:?}",
        first.end
    );
    assert_eq!(first.ran.last().unwrap(), "b-open");
    for back in [None, Some("op wants it back")] {
        let engine = resumed(moving(1), &first.records, back);
        let played = play_from(engine, |what, _, ran| Some(well(what, ran)), first.ran.clone());
        let added = &played.ran[first.ran.len()..];
        if back.is_none() {
            assert_eq!(played.end, End::Done);
            assert_eq!(added, ["b-wake", "c-copy", "c-open", "c-wake"]);
            continue;
        }
        // Whoever wants it back gets it to an end, and nothing more is begun.
        let End::Compensated { why, stays } = &played.end else {
            panic!("{:?}", played.end)
        };
        assert!(why.ends_with("; not begun: c"), "{why}");
        assert_eq!(stays, &["done and proven: a, b"]);
        assert_eq!(added, ["b-wake"]);
    }
}

#[test]
fn whoever_cancels_behind_an_opening_has_that_row_brought_to_its_end() {
    let cancels: Does = |engine, _| {
        if engine.stand().step == Some(5) {
            engine.control(Control::Cancel("op".into()));
        }
    };
    let played = play_with(
        engine(1),
        |what, _, ran| Some(well(what, ran)),
        |_, _| None,
        cancels,
        |_| 0,
    );
    let End::Compensated { why, stays } = &played.end else {
        panic!("{:?}", played.end)
    };
    assert_eq!(
        (why.as_str(), stays.as_slice()),
        ("op; not begun: c", &["done and proven: a, b".to_owned()][..])
    );
    // Before it, it is taken back.
    let cancels: Does = |engine, _| {
        if engine.stand().step == Some(4) {
            engine.control(Control::Cancel("op".into()));
        }
    };
    let played = play_with(
        engine(1),
        |what, _, ran| Some(but(what, ran, ["b-open-needs"])),
        |_, _| None,
        cancels,
        |_| 0,
    );
    assert_eq!(played.ran.last().unwrap(), "b-end");
}

/// What cannot be taken back is not left behind for the next row: somebody waits for it.
#[test]
fn one_that_cannot_be_taken_back_parks_the_run() {
    let never: Shows = |what, _, ran| Some(but(what, ran, ["b-open-needs", "b-end-needs"]));
    let first = play(engine(2), never, |_, _| None);
    assert!(matches!(&first.end, End::Parked { step: 3, .. }), "{:?}", first.end);
    let engine = resumed(moving(2), &first.records, None);
    let then: Shows = |what, _, ran| Some(but(what, ran, ["b-open-needs"]));
    let played = play_from(engine, then, first.ran.clone());
    assert!(matches!(&played.end, End::Compensated { .. }), "{:?}", played.end);
    assert_eq!(&played.ran[first.ran.len()..], ["b-end", "c-copy", "c-open", "c-wake"]);
}

/// A row whose opening depends on time; it is late until the clock says otherwise.
fn in_time(tries: u32) -> Plan {
    let mut plan = moving(0);
    let needs = &mut plan.steps[4].operation.needs;
    needs[0] = needs[0].clone().of_time();
    plan.again = Some(Again {
        tries,
        rest: Duration::from_secs(100),
    });
    plan
}

fn tries(records: &[Record]) -> Vec<(u32, Option<&str>)> {
    let again = records.iter().filter_map(|record| match record {
        Record::Again { tries, row, .. } => Some((*tries, row.as_deref())),
        _ => None,
    });
    again.collect()
}

/// What was copied was ended since.
fn was_ended(ran: &[String]) -> bool {
    let last = |command: &str| ran.iter().rposition(|ran| ran == command);
    last("b-end") > last("b-copy")
}

#[test]
fn one_that_is_out_of_time_is_tried_again_alone() {
    // Its second try has the time.
    let shows: Shows = |what, passed, ran| {
        let late = what == "b-open-needs" && passed.as_secs() <= 100;
        Some(well(what, ran) && !late && !(what == "b-copy-proof" && was_ended(ran)))
    };
    let new = |plan| Engine::new(plan, "run-1".into(), "op@desk".into(), UnixMs(1_000_000));
    let played = play(new(in_time(2)), shows, |_, _| None);
    assert_eq!(played.end, End::Done);
    assert_eq!(tries(&played.records), [(1, Some("b"))]);
    let tail = &played.ran[3..];
    assert_eq!(
        tail,
        [
            "b-copy", "b-end", "b-copy", "b-open", "b-wake", "c-copy", "c-open", "c-wake"
        ]
    );
    assert!(
        played
            .waits
            .iter()
            .any(|why| why.starts_with("try 2 of 2 of b begins in")),
        "{:?}",
        played.waits
    );
    // It never has: then it has failed, and so often it was tried, whoever went on with it.
    let never: Shows = |what, _, ran| Some(but(what, ran, ["b-open-needs"]));
    let whole = play(new(in_time(3)), never, |_, _| None);
    assert_eq!(tries(&whole.records), [(1, Some("b")), (2, Some("b"))]);
    assert!(matches!(&whole.end, End::Compensated { why, .. } if why.ends_with("not begun: c")));
    let ended = whole
        .records
        .iter()
        .position(|record| matches!(record, Record::Ended(_)))
        .unwrap();
    for kept in 1..ended {
        let journal = &whole.records[..kept];
        let before: Vec<String> = journal
            .iter()
            .filter_map(|record| match record {
                Record::Intent { commands, .. } => commands.first().cloned(),
                _ => None,
            })
            .collect();
        let played = play_from(resumed(in_time(3), journal, None), never, before);
        assert!(
            matches!(&played.end, End::Compensated { why, .. } if why.ends_with("not begun: c")),
            "{kept}: {:?}",
            played.end
        );
        let all = [tries(journal), tries(&played.records)].concat();
        assert_eq!(all, [(1, Some("b")), (2, Some("b"))], "{kept}");
    }
}

#[test]
fn whoever_cancels_between_two_tries_wants_none_of_the_others_either() {
    let never: Shows = |what, _, ran| Some(but(what, ran, ["b-open-needs"]));
    let cancels: Does = |engine, _| {
        if engine.stand().waits.is_some_and(|why| why.starts_with("try 2")) {
            engine.control(Control::Cancel("op".into()));
        }
    };
    let engine = Engine::new(in_time(5), "run-1".into(), "op@desk".into(), UnixMs(1_000_000));
    let played = play_with(engine, never, |_, _| None, cancels, |_| 0);
    let End::Compensated { stays, .. } = &played.end else {
        panic!("{:?}", played.end)
    };
    assert_eq!(stays, &["done and proven: a"]);
    assert_eq!(tries(&played.records).len(), 1);
    assert!(!played.ran.iter().any(|ran| ran.starts_with("c-")), "{:?}", played.ran);
}
