//! Rows: one that fails is taken back alone, and the run stops at its budget, also after a crash of the console.

use super::*;
use crate::runbook::plan::{Rolling, Row};

const HOSTS: [&str; 4] = ["a", "b", "c", "d"];

/// Two steps on each of four hosts; each can be taken back. The hosts of a batch go step by step.
fn rolling(failures: usize, canary: usize, batch: usize) -> Plan {
    let mut plan = plan();
    let identity = plan.targets.values().next().unwrap().clone();
    plan.targets = HOSTS.map(|host| (host.into(), identity.clone())).into();
    plan.steps.clear();
    let mut rows: Vec<Row> = HOSTS
        .iter()
        .enumerate()
        .map(|(at, host)| Row {
            name: (*host).to_owned(),
            canary: at < canary,
            batch: if at < canary {
                at
            } else {
                canary + (at - canary) / batch
            },
            steps: Vec::new(),
        })
        .collect();
    let last = rows.last().unwrap().batch;
    for number in 0..=last {
        for (does, undo) in [("stop", "open"), ("start", "rest")] {
            for row in rows.iter_mut().filter(|row| row.batch == number) {
                row.steps.push(plan.steps.len());
                let named = |word: &str| format!("{}-{word}", row.name);
                plan.steps.push(Step {
                    call: Call::new(does, []),
                    why: "a test".into(),
                    operation: Operation {
                        undo: Some(Call::new(undo, [])),
                        ..step(&row.name, &named(does))
                    },
                    undo: Some(step(&row.name, &named(undo))),
                });
            }
        }
    }
    plan.rolling = Some(Rolling {
        rows,
        failures,
        awaited: false,
    });
    plan
}

fn engine(failures: usize, canary: usize, batch: usize) -> Engine {
    let plan = rolling(failures, canary, batch);
    Engine::new(plan, "run-1".into(), "op@desk".into(), UnixMs(1_000_000))
}

/// Proofs hold once their command ran, but for those that never do.
fn but<const N: usize>(what: &str, ran: &[String], never: [&str; N]) -> bool {
    !never.contains(&what) && well(what, ran)
}

fn told(end: &End) -> (&str, &[String]) {
    match end {
        End::Compensated { why, stays } => (why, stays),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_row_is_done_one_after_the_other_or_step_by_step_in_its_batch() {
    let played = play(engine(0, 1, 1), |what, _, ran| Some(well(what, ran)), |_, _| None);
    assert_eq!(played.end, End::Done);
    let one_by_one: Vec<String> = HOSTS
        .iter()
        .flat_map(|host| ["stop", "start"].map(|does| format!("{host}-{does}")))
        .collect();
    assert_eq!(played.ran, one_by_one);
    let played = play(engine(0, 2, 2), |what, _, ran| Some(well(what, ran)), |_, _| None);
    assert_eq!(
        played.ran,
        [
            "a-stop", "a-start", "b-stop", "b-start", "c-stop", "d-stop", "c-start", "d-start"
        ]
    );
}

#[test]
fn a_row_that_fails_within_the_budget_is_taken_back_alone_and_told() {
    let played = play(
        engine(1, 1, 1),
        |what, _, ran| Some(but(what, ran, ["b-start-proof"])),
        |_, _| None,
    );
    let (why, stays) = told(&played.end);
    assert!(
        why.starts_with("1 of 4 failed, and 1 may: b (step 4: ") && !why.contains("not begun"),
        "{why}"
    );
    assert_eq!(stays, ["done and proven: a, c, d"]);
    assert_eq!(played.end.exit_code(), 12);
    let wanted = [
        "a-stop", "a-start", "b-stop", "b-start", "b-rest", "b-open", "c-stop", "c-start", "d-stop", "d-start",
    ];
    assert_eq!(played.ran, wanted);
    assert!(
        played
            .records
            .iter()
            .any(|record| matches!(record, Record::RowFailed { row, .. } if row == "b"))
    );
}

#[test]
fn no_row_is_begun_once_more_than_may_have_failed() {
    let never: Shows = |what, _, ran| Some(but(what, ran, ["b-start-proof", "c-stop-needs"]));
    let played = play(engine(1, 1, 1), never, |_, _| None);
    let (why, stays) = told(&played.end);
    assert!(
        why.starts_with("2 of 4 failed, more than the 1 that may: b ") && why.ends_with("; not begun: d"),
        "{why}"
    );
    assert_eq!(stays, ["done and proven: a"]);
    assert!(
        !played
            .ran
            .iter()
            .any(|command| command.starts_with("d-") || command.starts_with("c-"))
    );
}

#[test]
fn one_that_goes_first_stops_everything_whatever_may_fail() {
    let played = play(
        engine(3, 1, 1),
        |what, _, ran| Some(but(what, ran, ["a-start-proof"])),
        |_, _| None,
    );
    let (why, stays) = told(&played.end);
    assert!(
        why.contains("one of those that go first: a ") && why.ends_with("; not begun: b, c, d"),
        "{why}"
    );
    // Everything is taken back.
    assert_eq!((stays, played.end.exit_code()), (&[][..], 11));
    assert_eq!(played.ran, ["a-stop", "a-start", "a-rest", "a-open"]);
    // Where nothing was changed, the end says so.
    let played = play(
        engine(3, 1, 1),
        |what, _, ran| Some(but(what, ran, ["a-stop-needs"])),
        |_, _| None,
    );
    assert!(matches!(played.end, End::Refused { .. }), "{:?}", played.end);
}

#[test]
fn the_rest_of_a_batch_is_finished_when_the_budget_is_gone() {
    let played = play(
        engine(0, 0, 2),
        |what, _, ran| Some(but(what, ran, ["a-stop-proof"])),
        |_, _| None,
    );
    let (why, stays) = told(&played.end);
    // b had not begun when a failed: it is left alone.
    assert!(why.ends_with("; not begun: b, c, d"), "{why}");
    assert!(stays.is_empty());
    let played = play(
        engine(0, 0, 2),
        |what, _, ran| Some(but(what, ran, ["a-start-proof"])),
        |_, _| None,
    );
    let (why, stays) = told(&played.end);
    assert!(why.ends_with("; not begun: c, d"), "{why}");
    assert_eq!(stays, ["done and proven: b"]);
    assert_eq!(
        played.ran,
        ["a-stop", "b-stop", "a-start", "a-rest", "a-open", "b-start"]
    );
}

#[test]
fn a_row_that_cannot_be_taken_back_is_left_and_named_and_the_next_goes_on() {
    let never: Shows = |what, _, ran| Some(but(what, ran, ["b-start-proof", "b-open-needs"]));
    let played = play(engine(1, 1, 1), never, |_, _| None);
    let (_, stays) = told(&played.end);
    assert_eq!(stays[0], "done and proven: a, c, d");
    assert!(
        stays[1].starts_with("b is left as it is: step 3: b-open-needs on b is required"),
        "{stays:?}"
    );
    assert!(stays[2].starts_with("step 3 (b-stop) was done"), "{stays:?}");
    assert!(
        played
            .records
            .iter()
            .any(|record| matches!(record, Record::RowLeft { row, .. } if row == "b"))
    );
}

#[test]
fn whoever_cancels_has_the_row_that_is_open_taken_back_and_those_that_are_done_kept() {
    let cancels: Does = |engine, passed| {
        if passed > Duration::from_millis(100) && engine.stand().step == Some(2) {
            engine.control(Control::Cancel("op".into()));
        }
    };
    let played = play_with(
        engine(1, 1, 1),
        |what, _, ran| Some(well(what, ran)),
        |_, _| None,
        cancels,
        |_| 0,
    );
    let (why, stays) = told(&played.end);
    assert!(
        why.starts_with("op; not done: b (") && why.ends_with("not begun: c, d"),
        "{why}"
    );
    assert_eq!(stays, ["done and proven: a"]);
    assert_eq!(played.ran.last().unwrap(), "b-open");
}

/// Whoever goes on with a run, from any place in its journal, comes to the same end.
#[test]
fn the_budget_follows_from_the_journal() {
    let shows: Shows = |what, _, ran| {
        // What ran before the crash is told by the names of what was undone: proofs of commands hold as they ran.
        Some(but(what, ran, ["b-start-proof", "c-start-proof"]))
    };
    let whole = play(engine(1, 1, 1), shows, |_, _| None);
    let (why, _) = told(&whole.end);
    assert!(why.contains("2 of 4 failed") && why.ends_with("not begun: d"), "{why}");
    let records = whole
        .records
        .iter()
        .position(|record| matches!(record, Record::Ended(_)))
        .unwrap();
    for kept in 1..records {
        let journal = &whole.records[..kept];
        let engine = Engine::resume(
            rolling(1, 1, 1),
            "run-1".into(),
            "op@another".into(),
            journal,
            None,
            UnixMs(1_000_000),
        );
        // The hosts are as the whole run had left them by then.
        let before: Vec<String> = journal
            .iter()
            .filter_map(|record| match record {
                Record::Intent { commands, .. } => commands.first().cloned(),
                _ => None,
            })
            .collect();
        let played = play_from(engine, shows, before);
        let (again, _) = told(&played.end);
        assert!(
            again.contains("2 of 4 failed") && again.ends_with("not begun: d"),
            "{kept}: {again}"
        );
        assert!(!played.ran.iter().any(|command| command.starts_with("d-")), "{kept}");
    }
}

/// What is not known parks the run; once a person has gone on with it all the same, that row counts as failed.
#[test]
fn what_is_not_known_parks_and_counts_once_somebody_has_looked() {
    let mute: Shows = |what, _, ran| {
        let sent = ran.iter().any(|command| command == "b-start");
        (what != "b-start-proof" || !sent).then(|| well(what, ran))
    };
    let first = play(engine(1, 1, 1), mute, |_, _| None);
    assert!(
        matches!(
            first.end,
            End::Parked {
                step: 3,
                unknown: true,
                ..
            }
        ),
        "{:?}",
        first.end
    );
    let engine = Engine::resume(
        rolling(1, 1, 1),
        "run-1".into(),
        "op@another".into(),
        &first.records,
        None,
        UnixMs(1_000_000),
    );
    let played = play_from(engine, mute, first.ran);
    let (why, stays) = told(&played.end);
    assert!(why.starts_with("1 of 4 failed, and 1 may: b (step 4: "), "{why}");
    assert_eq!(stays[0], "done and proven: a, c, d");
    assert!(stays[1].starts_with("b is left as it is"), "{stays:?}");
}
