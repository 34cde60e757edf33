//! Plans of one step or two, by hand, and targets that answer as a test says.

mod attempts;
mod awaited;
mod cancels;
mod rows;
mod waits;

use super::*;
use crate::{
    facts::Why,
    runbook::{
        condition::Condition,
        definition::{Call, Kind},
        plan::{Layouts, Step},
        truth::Truth,
    },
};

/// What a look at something gives: whether it is so, or no answer.
type Shows = fn(&str, Duration, &[String]) -> Option<bool>;

/// A fact that a host tells: the look's only line is `yes` or `no`.
fn tells(host: &str, what: &str) -> Condition {
    let says = format!("{what} on {host}");
    Condition::on(says.clone(), Look::new(&host.into(), [what]), move |text| {
        Truth::of(text == "yes", format!("{says} is {text}"))
    })
}

fn step(host: &str, does: &str) -> Operation {
    Operation {
        place: Place::Host(host.into()),
        says: does.to_owned(),
        needs: vec![tells(host, &format!("{does}-needs"))],
        expects: Vec::new(),
        work: Work::Commands(vec![vec![does.to_owned()]]),
        proof: vec![tells(host, &format!("{does}-proof"))],
        deadline: Duration::from_secs(5),
        settles_within: Duration::from_secs(1),
        nature: Nature::Probeable,
        retry: None,
        undo: None,
        claims: Vec::new(),
    }
}

/// Two steps on two hosts; each can be taken back.
fn plan() -> Plan {
    let identity = Identity {
        machine_id: "aa".into(),
        boot_id: None,
    };
    let step = |host: &str, does: &str, undo: &str| Step {
        call: Call::new(does, []),
        why: "a test".into(),
        operation: Operation {
            undo: Some(Call::new(undo, [])),
            ..step(host, does)
        },
        undo: Some(step(host, undo)),
    };
    Plan {
        runbook: "test".into(),
        title: "a test".into(),
        kind: Kind::Planned,
        parameters: BTreeMap::new(),
        targets: ["a", "b"].map(|host| (host.into(), identity.clone())).into(),
        objects: vec!["slice-x".into()],
        layouts: Layouts::default(),
        steps: vec![step("a", "close", "open"), step("b", "serve", "rest")],
        rolling: None,
        again: None,
        warnings: Vec::new(),
        notes: Vec::new(),
        loss: None,
        stall: Duration::ZERO,
        glass: Vec::new(),
        fingerprint: BTreeMap::new(),
        hash: "0".into(),
    }
}

/// What became of a run.
struct Played {
    end: End,
    /// Commands that were run, in their order.
    ran: Vec<String>,
    took: Duration,
    /// What was waited for, in words, each once.
    waits: Vec<String>,
    records: Vec<Record>,
}

/// What a person does meanwhile, by the time that has passed.
type Does = fn(&mut Engine, Duration);

/// Drives an engine to its end.
fn play(engine: Engine, shows: Shows, answers: fn(&HostName, &Request) -> Option<Answer>) -> Played {
    play_with(engine, shows, answers, |_, _| {}, |_| 0)
}

/// The same, with somebody who does something meanwhile, and with a clock that is set: how far, in seconds, by the time
/// that has passed.
fn play_with(
    engine: Engine,
    shows: Shows,
    answers: fn(&HostName, &Request) -> Option<Answer>,
    does: Does,
    set: fn(Duration) -> i64,
) -> Played {
    play_on(engine, shows, answers, does, set, Vec::new())
}

/// The same where these commands ran already; receipts tell of them.
fn play_from(engine: Engine, shows: Shows, ran: Vec<String>) -> Played {
    play_on(engine, shows, |_, _| None, |_, _| {}, |_| 0, ran)
}

fn play_on(
    mut engine: Engine,
    shows: Shows,
    answers: fn(&HostName, &Request) -> Option<Answer>,
    does: Does,
    set: fn(Duration) -> i64,
    mut ran: Vec<String>,
) -> Played {
    let start = UnixMs(1_000_000);
    let mut now = start;
    let (mut records, mut waits) = (Vec::new(), Vec::new());
    let mut event = Event::Begun;
    for _ in 0..20_000 {
        let passed = now.since(start);
        does(&mut engine, passed);
        let time = Time {
            clock: UnixMs(now.0.saturating_add_signed(set(passed) * 1000)),
            passed,
        };
        let effect = engine.advance(event, time);
        waits.extend(engine.stand().waits);
        waits.dedup();
        event = match effect {
            Effect::Look(looks) => {
                let at = now;
                let passed = at.since(start);
                now.0 += 50;
                let seen = |look: &Look| match shows(&look.argv[0], passed, &ran) {
                    Some(so) => Ok(Printed {
                        exit: 0,
                        text: if so { "yes".into() } else { "no".into() },
                    }),
                    None => Err(Why::Hung("no answer".into())),
                };
                Event::Seen(
                    looks
                        .into_iter()
                        .map(|look| {
                            let answer = seen(&look);
                            (look, Glimpse { at, answer })
                        })
                        .collect(),
                )
            }
            Effect::Call { host, request, .. } => {
                now.0 += 50;
                Event::Answered(answers(&host, &request).unwrap_or_else(|| usual(&request, &mut ran)))
            }
            Effect::Write(record) => {
                records.push(record);
                Event::Written(Ok(()))
            }
            Effect::Wait(time) => {
                now.0 += u64::try_from(time.as_millis()).unwrap();
                Event::Woken
            }
            Effect::Finish(end) => {
                return Played {
                    end,
                    ran,
                    took: now.since(start),
                    waits,
                    records,
                };
            }
            Effect::Local { .. } | Effect::Nudge { .. } | Effect::Ask(_) => panic!("nothing of that is in the plan"),
        };
    }
    panic!("it does not end: {records:?}");
}

/// A target that does what it is told; what it looks at behind a command is not known.
pub(super) fn usual(request: &Request, ran: &mut Vec<String>) -> Answer {
    Answer::Said(match request {
        Request::Tokens(objects) => objects
            .iter()
            .map(|object| Said::Token {
                object: object.clone(),
                token: 4,
                run: None,
                owner: None,
            })
            .collect(),
        Request::Claim { objects, .. } => objects.iter().cloned().map(Said::Claimed).collect(),
        Request::Release { objects, .. } => objects.iter().cloned().map(Said::Released).collect(),
        Request::Act { commands, .. } => {
            ran.push(commands[0][0].clone());
            vec![Said::Ran(Printed::default())]
        }
        // Whatever was sent has ended.
        Request::Receipt { .. } => vec![Said::Receipt(Receipt::Ended(Printed::default()))],
        Request::Look(_) | Request::Nudge(_) => Vec::new(),
    })
}

pub(super) fn new() -> Engine {
    Engine::new(plan(), "run-1".into(), "op@desk".into(), UnixMs(1_000_000))
}

/// Proofs hold once their command ran; everything that is needed is so.
fn well(what: &str, ran: &[String]) -> bool {
    what.strip_suffix("-proof")
        .is_none_or(|command| ran.iter().any(|done| done == command))
}

#[test]
fn what_is_not_known_is_looked_at_again_before_a_run_turns_back() {
    let played = play(
        new(),
        |what, passed, ran| (what != "serve-needs" || passed > Duration::from_secs(12)).then(|| well(what, ran)),
        |_, _| None,
    );
    assert_eq!(
        (played.end, played.ran),
        (End::Done, vec!["close".into(), "serve".into()])
    );
    assert!(
        played
            .waits
            .iter()
            .any(|why| why.contains("serve-needs on b is required, but not known")),
        "{:?}",
        played.waits
    );
    // What it would be taken back to is a need as well.
    let played = play(
        new(),
        |what, passed, ran| (what != "serve-proof" || passed > Duration::from_secs(12)).then(|| well(what, ran)),
        |_, _| None,
    );
    assert_eq!(played.end, End::Done);
}

#[test]
fn what_stays_unknown_is_given_up_and_never_taken_for_a_yes() {
    let played = play(
        new(),
        |what, _, ran| (what != "serve-needs").then(|| well(what, ran)),
        |_, _| None,
    );
    assert!(
        matches!(&played.end, End::Compensated { why, .. } if why.contains("not known")),
        "{:?}",
        played.end
    );
    assert_eq!(played.ran, ["close", "open"]);
    assert!(played.took >= UNSURE_WITHIN && played.took < UNSURE_WITHIN + Duration::from_secs(10));
    // Before the first change there is nothing to take back.
    let played = play(
        new(),
        |what, _, ran| (what != "close-needs").then(|| well(what, ran)),
        |_, _| None,
    );
    assert!(matches!(played.end, End::Refused { .. }), "{:?}", played.end);
    assert!(played.ran.is_empty() && played.took >= UNSURE_WITHIN);
}

#[test]
fn what_is_known_to_be_otherwise_fails_at_once() {
    let played = play(
        new(),
        // The proof is unknown as well: what is known decides.
        |what, _, ran| (what != "serve-proof").then(|| what != "serve-needs" && well(what, ran)),
        |_, _| None,
    );
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
    assert!(played.took < Duration::from_secs(5), "{:?}", played.took);
}

#[test]
fn taking_back_is_at_least_as_patient() {
    let played = play(
        new(),
        |what, passed, ran| match what {
            "serve-needs" => Some(false),
            "open-needs" => (passed > Duration::from_secs(45)).then_some(true),
            _ => Some(well(what, ran)),
        },
        |_, _| None,
    );
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
    let played = play(
        new(),
        |what, _, ran| match what {
            "serve-needs" => Some(false),
            "open-needs" => None,
            _ => Some(well(what, ran)),
        },
        |_, _| None,
    );
    assert!(
        matches!(played.end, End::Parked { unknown: false, .. }),
        "{:?}",
        played.end
    );
    assert!(played.took >= UNSURE_WITHIN_BACK);
}

/// What a target refused was not run: whoever takes the run back takes nothing of it back, and it is not begun.
#[test]
fn a_step_that_was_refused_is_not_taken_for_begun_by_whoever_goes_on() {
    let intent = |step| Record::Intent {
        step,
        back: false,
        attempt: 1,
        commands: Vec::new(),
    };
    let outcome = |step, outcome| Record::Outcome {
        step,
        back: false,
        outcome,
        evidence: Vec::new(),
        output: String::new(),
    };
    let records = [
        intent(0),
        outcome(0, Outcome::Done),
        intent(1),
        outcome(1, Outcome::Refused),
    ];
    let back = Some("op".to_owned());
    let engine = Engine::resume(
        plan(),
        "run-1".into(),
        "op@desk".into(),
        &records,
        back,
        UnixMs(1_000_000),
    );
    let played = play(engine, |what, _, ran| Some(well(what, ran)), |_, _| None);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
    assert_eq!(played.ran, ["open"]);
    // And it is written when it happens.
    let mut engine = new();
    let (mut event, mut now, mut ran, mut written) = (Event::Begun, 0, Vec::new(), Vec::new());
    for _ in 0..60 {
        now += 10;
        let time = Time {
            clock: UnixMs(1_000_000 + now),
            passed: Duration::from_millis(now),
        };
        event = match engine.advance(event, time) {
            Effect::Look(looks) => Event::Seen(
                looks
                    .into_iter()
                    .map(|look| {
                        let text = if well(&look.argv[0], &ran) { "yes" } else { "no" }.to_owned();
                        let answer = Ok(Printed { exit: 0, text });
                        (look, Glimpse { at: time.clock, answer })
                    })
                    .collect(),
            ),
            Effect::Call {
                request: Request::Act { .. },
                ..
            } => Event::Answered(Answer::Said(vec![Said::Refused("boot".into(), "another".into())])),
            Effect::Call { request, .. } => Event::Answered(usual(&request, &mut ran)),
            Effect::Write(record) => {
                written.push(record);
                Event::Written(Ok(()))
            }
            _ => Event::Woken,
        };
    }
    let refused = |record: &Record| {
        matches!(
            record,
            Record::Outcome {
                step: 0,
                outcome: Outcome::Refused,
                ..
            }
        )
    };
    assert!(written.iter().any(refused), "{written:?}");
}

#[test]
fn whoever_cancels_a_paused_run_is_obeyed() {
    let mut engine = new();
    engine.control(Control::Pause);
    engine.control(Control::Cancel("op".into()));
    let played = play(engine, |what, _, ran| Some(well(what, ran)), |_, _| None);
    assert!(matches!(played.end, End::Refused { .. }), "{:?}", played.end);
}
