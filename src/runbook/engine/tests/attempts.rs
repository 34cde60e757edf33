//! Attempts that ran nothing, and whether one before them may have: only then is there something to take back.

use super::*;

fn intent(step: usize, attempt: u32) -> Record {
    Record::Intent {
        step,
        back: false,
        attempt,
        commands: Vec::new(),
    }
}

fn outcome(step: usize, outcome: Outcome) -> Record {
    Record::Outcome {
        step,
        back: false,
        outcome,
        evidence: Vec::new(),
        output: String::new(),
    }
}

fn parked(step: usize) -> Record {
    Record::Ended(End::Parked {
        step,
        why: "it was looked at".into(),
        next: "resume".into(),
        unknown: false,
    })
}

fn resumed(records: &[Record], back: Option<&str>) -> Engine {
    let back = back.map(str::to_owned);
    Engine::resume(
        plan(),
        "run-1".into(),
        "op@desk".into(),
        records,
        back,
        UnixMs(1_000_000),
    )
}

/// The command of a step, when this is one.
fn command(request: &Request) -> Option<&str> {
    match request {
        Request::Act { commands, .. } => Some(&commands[0][0]),
        _ => None,
    }
}

fn refuses(request: &Request, does: &str, kind: &str, seen: &str) -> Option<Answer> {
    (command(request) == Some(does)).then(|| Answer::Said(vec![Said::Refused(kind.into(), seen.into())]))
}

#[test]
fn a_step_that_an_earlier_process_may_have_done_is_taken_back_though_its_next_attempt_is_refused() {
    let records = [
        intent(0, 1),
        outcome(0, Outcome::Done),
        intent(1, 1),
        parked(1),
        Record::Resumed { by: "op".into() },
    ];
    let refused = |_: &HostName, request: &Request| refuses(request, "serve", "expect", "it is otherwise");
    let shows: Shows = |what, _, ran| {
        // The first process has done a part of it.
        Some(match what {
            "serve-proof" => false,
            "close-proof" => !ran.contains(&"open".into()),
            _ => well(what, ran),
        })
    };
    let played = play(resumed(&records, None), shows, refused);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
    assert_eq!(played.ran, ["rest", "open"]);
    // The same by what the journal has of that: the refusal of the second attempt says nothing of the first.
    let mut records = records.to_vec();
    records.extend([intent(1, 2), outcome(1, Outcome::Refused)]);
    let played = play(resumed(&records, Some("op")), shows, |_, _| None);
    assert_eq!(played.ran, ["rest", "open"]);
}

#[test]
fn a_run_that_may_have_changed_something_does_not_end_as_if_it_had_not() {
    // Another run has taken the target over before the second attempt.
    let records = [intent(0, 1), parked(0)];
    let taken = |_: &HostName, request: &Request| refuses(request, "close", "token", "9 run-2 bob@desk");
    let shows: Shows = |what, _, _| Some(!what.ends_with("-proof"));
    let played = play(resumed(&records, None), shows, taken);
    assert!(
        matches!(&played.end, End::Parked { step: 0, why, .. } if why.contains("run-2 of bob@desk has taken it over")),
        "{:?}",
        played.end
    );
    // What is to be taken back stays to be taken back when that is refused.
    let records = [intent(0, 1), outcome(0, Outcome::Done)];
    let taken = |_: &HostName, request: &Request| refuses(request, "open", "token", "9 run-2 bob@desk");
    let played = play(
        resumed(&records, Some("op")),
        |what, _, ran| Some(what == "close-proof" || well(what, ran)),
        taken,
    );
    assert!(matches!(played.end, End::Parked { step: 0, .. }), "{:?}", played.end);
}

#[test]
fn what_was_never_sent_is_not_taken_back() {
    let cut = |_: &HostName, request: &Request| {
        (command(request) == Some("serve")).then(|| Answer::NotSent("no route to host".into()))
    };
    let played = play(new(), |what, _, ran| Some(well(what, ran)), cut);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
    assert_eq!(played.ran, ["close", "open"]);
    let cut = |_: &HostName, request: &Request| {
        (command(request) == Some("close")).then(|| Answer::NotSent("no route to host".into()))
    };
    let played = play(new(), |what, _, ran| Some(well(what, ran)), cut);
    assert!(matches!(played.end, End::Refused { .. }), "{:?}", played.end);
    assert!(played.ran.is_empty());
}

#[test]
fn a_receipt_of_one_attempt_says_nothing_of_the_one_before() {
    let none = |_: &HostName, request: &Request| {
        matches!(request, Request::Receipt { .. }).then(|| Answer::Said(vec![Said::Receipt(Receipt::None)]))
    };
    let shows: Shows = |what, _, ran| {
        Some(match what {
            "serve-proof" => false,
            "close-proof" => !ran.contains(&"open".into()),
            _ => well(what, ran),
        })
    };
    let first = [intent(0, 1), outcome(0, Outcome::Done), intent(1, 1)];
    let played = play(resumed(&first, Some("op")), shows, none);
    assert_eq!(played.ran, ["open"], "its only attempt never reached the target");
    let mut both = first.to_vec();
    both.push(intent(1, 2));
    let played = play(resumed(&both, Some("op")), shows, none);
    assert_eq!(played.ran, ["rest", "open"]);
}

/// A console that goes on with a run knows of a step that was never sent what the one before it knew: it cannot stop the
/// run as if it had been done for good.
#[test]
fn a_step_that_was_never_sent_is_not_taken_for_begun_by_whoever_resumes() {
    let irreversible = || {
        let mut plan = plan();
        plan.steps[1].undo = None;
        plan.steps[1].operation.undo = None;
        plan.steps[1].operation.nature = Nature::Irreversible;
        plan
    };
    let shows: Shows = |what, _, ran| {
        Some(match what {
            "close-proof" => ran.is_empty() || ran.last().is_some_and(|last| last == "close"),
            _ => well(what, ran),
        })
    };
    let cut: fn(&HostName, &Request) -> Option<Answer> =
        |_, request| (command(request) == Some("serve")).then(|| Answer::NotSent("no route to host".into()));
    let lost: fn(&HostName, &Request) -> Option<Answer> = |_, request| match request {
        Request::Act { commands, .. } if commands[0][0] == "serve" => Some(Answer::Lost("it broke".into())),
        Request::Receipt { .. } => Some(Answer::Said(vec![Said::Receipt(Receipt::None)])),
        _ => None,
    };
    for answers in [cut, lost] {
        let engine = Engine::new(irreversible(), "run-1".into(), "op@desk".into(), UnixMs(1_000_000));
        let played = play(engine, |what, _, ran| Some(well(what, ran)), answers);
        assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
        let turned = |record: &Record| matches!(record, Record::TurnedBack { .. });
        let until = played.records.iter().position(turned).unwrap();
        // The first console ends just after it wrote that it turns back.
        let known = &played.records[..=until];
        let engine = Engine::resume(
            irreversible(),
            "run-1".into(),
            "op@another".into(),
            known,
            None,
            UnixMs(1_000_000),
        );
        let resumed = play(engine, shows, |_, _| None);
        assert!(matches!(resumed.end, End::Compensated { .. }), "{:?}", resumed.end);
        assert_eq!(resumed.ran, ["open"]);
    }
}

/// What only looks has changed nothing, also when nobody wrote what came of it.
#[test]
fn a_step_that_only_looks_stops_no_run_that_goes_back() {
    let mut plan = plan();
    plan.steps[1].undo = None;
    plan.steps[1].operation = Operation {
        place: Place::Console,
        work: Work::Commands(Vec::new()),
        nature: Nature::Irreversible,
        ..plan.steps[1].operation.clone()
    };
    let records = [
        intent(0, 1),
        outcome(0, Outcome::Done),
        intent(1, 1),
        Record::TurnedBack {
            why: "it is not so".into(),
            again: false,
            halt: None,
            tries: false,
        },
    ];
    let engine = Engine::resume(
        plan,
        "run-1".into(),
        "op@desk".into(),
        &records,
        None,
        UnixMs(1_000_000),
    );
    let played = play(engine, |what, _, ran| Some(well(what, ran)), |_, _| None);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
    assert_eq!(played.ran, ["open"]);
}

#[test]
fn a_target_that_says_nothing_of_a_step_is_not_asked_for_ever() {
    let silent =
        |_: &HostName, request: &Request| matches!(request, Request::Receipt { .. }).then(|| Answer::Said(Vec::new()));
    let played = play(
        resumed(&[intent(0, 1)], None),
        |what, _, ran| Some(well(what, ran)),
        silent,
    );
    assert!(
        matches!(
            played.end,
            End::Parked {
                step: 0,
                unknown: true,
                ..
            }
        ),
        "{:?}",
        played.end
    );
    assert!(
        played.took < RESOLVE_WITHIN + Duration::from_secs(10),
        "{:?}",
        played.took
    );
}

/// What a console has begun itself is not killed with it: whoever goes on waits for that, and begins no second one.
#[test]
fn a_command_of_a_dead_console_is_waited_for_and_not_begun_twice() {
    let resumed = || {
        let mut plan = plan();
        let operation = &mut plan.steps[0].operation;
        operation.place = Place::Console;
        operation.work = Work::Local(vec!["close".into()]);
        operation.deadline = Duration::from_hours(1);
        let owner = "op@desk".into();
        Engine::resume(plan, "run-1".into(), owner, &[intent(0, 1)], None, UnixMs(1_000_000))
    };
    // Any command of the console's own would end the play.
    let played = play(
        resumed(),
        |what, passed, ran| match what {
            "close-proof" => Some(passed > Duration::from_mins(50)),
            _ => Some(well(what, ran)),
        },
        |_, _| None,
    );
    assert_eq!(played.end, End::Done);
    assert_eq!(played.ran, ["serve"]);
    let played = play(resumed(), |what, _, ran| Some(well(what, ran)), |_, _| None);
    assert!(played.took >= Duration::from_hours(1), "{:?}", played.took);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
}
