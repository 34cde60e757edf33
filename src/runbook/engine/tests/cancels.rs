//! A cancel over a crash: whoever goes on by the journal takes back, and tries nothing again.

use super::*;

fn done(step: usize) -> [Record; 2] {
    [
        Record::Intent {
            step,
            back: false,
            attempt: 1,
            commands: Vec::new(),
        },
        Record::Outcome {
            step,
            back: false,
            outcome: Outcome::Done,
            evidence: Vec::new(),
            output: String::new(),
        },
    ]
}

/// An emergency whose first step stays, and that goes forwards again once its second is taken back.
fn turned_back() -> (Plan, Vec<Record>) {
    let mut plan = plan();
    plan.kind = Kind::Emergency;
    plan.steps[0].undo = None;
    plan.steps[0].operation.undo = None;
    let mut records: Vec<Record> = [done(0), done(1)].concat();
    records.push(Record::TurnedBack {
        why: "step 3 failed".into(),
        again: true,
        halt: None,
        tries: false,
    });
    (plan, records)
}

fn resumed(plan: &Plan, records: &[Record]) -> Played {
    let (run, owner) = ("run-1".into(), "op@desk".into());
    let engine = Engine::resume(plan.clone(), run, owner, records, None, UnixMs(1_000_000));
    // What is taken back is no longer so.
    let shows: Shows = |what, _, ran| {
        Some(match what {
            "serve-proof" => !ran.contains(&"rest".into()),
            "close-proof" => true,
            _ => well(what, ran),
        })
    };
    play(engine, shows, |_, _| None)
}

fn cancelled() -> Record {
    Record::Cancelled { by: "ada".into() }
}

#[test]
fn a_cancel_while_it_goes_back_holds_over_a_crash() {
    let (plan, mut records) = turned_back();
    let played = resumed(&plan, &records);
    assert!(
        matches!(&played.end, End::Parked { next, .. } if next.contains("it goes on with step 2")),
        "{:?}",
        played.end
    );
    records.extend([cancelled(), Record::Resumed { by: "op".into() }]);
    let played = resumed(&plan, &records);
    assert!(
        matches!(&played.end, End::Compensated { stays, .. } if stays.len() == 1),
        "{:?}",
        played.end
    );
    assert_eq!(played.ran, ["rest"]);
    // Also when it was given before the run turned back, as data flowed the wrong way.
    let (plan, records) = turned_back();
    let (turn, before) = records.split_last().unwrap();
    let records = [before, &[cancelled()], std::slice::from_ref(turn)].concat();
    let played = resumed(&plan, &records);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
}

#[test]
fn a_cancel_of_a_run_that_goes_forwards_holds_over_a_crash() {
    let mut records = done(0).to_vec();
    let plan = plan();
    assert_eq!(resumed(&plan, &records).end, End::Done);
    records.push(cancelled());
    let shows: Shows = |what, _, ran| {
        Some(match what {
            "close-proof" => !ran.contains(&"open".into()),
            _ => well(what, ran),
        })
    };
    let (run, owner) = ("run-1".into(), "op@desk".into());
    let engine = Engine::resume(plan, run, owner, &records, None, UnixMs(1_000_000));
    let played = play(engine, shows, |_, _| None);
    assert!(
        matches!(&played.end, End::Compensated { why, .. } if why == "cancelled by ada"),
        "{:?}",
        played.end
    );
    assert_eq!(played.ran, ["open"]);
}

#[test]
fn a_cancel_that_a_run_has_answered_by_its_end_does_not_bind_whoever_goes_on() {
    let mut records = done(0).to_vec();
    records.extend([
        cancelled(),
        Record::Ended(End::Parked {
            step: 1,
            why: "cancelled by ada".into(),
            next: "resume it".into(),
            unknown: false,
        }),
        Record::Resumed { by: "op".into() },
    ]);
    // It could not be taken back, and said so: whoever goes on with it knows.
    let mut one_way = plan();
    one_way.steps[0].undo = None;
    one_way.steps[0].operation.undo = None;
    one_way.steps[0].operation.nature = Nature::Irreversible;
    assert_eq!(resumed(&one_way, &records).end, End::Done);
    // It stopped on its way for another reason: what was wanted is still wanted.
    let shows: Shows = |what, _, ran| {
        Some(match what {
            "close-proof" => !ran.contains(&"open".into()),
            _ => well(what, ran),
        })
    };
    let (run, owner) = ("run-1".into(), "op@desk".into());
    let engine = Engine::resume(plan(), run, owner, &records, None, UnixMs(1_000_000));
    let played = play(engine, shows, |_, _| None);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
}
