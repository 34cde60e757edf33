//! Claims of a run under way, and the time of looks.

use super::{
    tests::{new, usual},
    *,
};

const START: UnixMs = UnixMs(1_000_000);

/// A console whose clock nobody sets.
fn time(now: UnixMs) -> Time {
    Time {
        clock: now,
        passed: now.since(START),
    }
}

/// A plan of two steps on two hosts, of which the first is done, or was sent; and what it answers when it goes on
/// without one of them.
fn goes_on_without(dead: &str, records: &[Record], back: Option<&str>) -> (End, Vec<String>) {
    let plan = new().plan;
    let mut engine = Engine::resume(
        plan,
        "run-1".into(),
        "op@desk".into(),
        records,
        back.map(str::to_owned),
        START,
    );
    let (mut now, mut ran, mut event) = (START, Vec::new(), Event::Begun);
    for _ in 0..500 {
        event = match engine.advance(event, time(now)) {
            Effect::Look(looks) => {
                let so = |look: &Look| {
                    let command = look.argv[0].strip_suffix("-proof");
                    command.is_none_or(|command| ran.iter().any(|done| done == command))
                };
                let seen = looks.into_iter().map(|look| {
                    let text = if so(&look) { "yes" } else { "no" };
                    let answer = Ok(Printed {
                        exit: 0,
                        text: text.into(),
                    });
                    (look, Glimpse { at: now, answer })
                });
                Event::Seen(seen.collect())
            }
            Effect::Call { host, .. } if host.as_str() == dead => {
                now.0 += 3000;
                Event::Answered(Answer::NotSent("no route to host".into()))
            }
            Effect::Call { request, .. } => Event::Answered(usual(&request, &mut ran)),
            Effect::Write(_) => Event::Written(Ok(())),
            Effect::Wait(time) => {
                now.0 += u64::try_from(time.as_millis()).unwrap();
                Event::Woken
            }
            Effect::Finish(end) => return (end, ran),
            Effect::Local { .. } | Effect::Nudge { .. } | Effect::Ask(_) => panic!("nothing of that is in the plan"),
        };
    }
    panic!("it does not end");
}

fn intent(step: usize) -> Record {
    Record::Intent {
        step,
        back: false,
        attempt: 1,
        commands: Vec::new(),
    }
}

fn done(step: usize) -> Record {
    Record::Outcome {
        step,
        back: false,
        outcome: Outcome::Done,
        evidence: Vec::new(),
        output: String::new(),
    }
}

#[test]
fn a_run_goes_on_where_its_targets_are_claimed_and_nowhere_else() {
    let first = [intent(0), done(0)];
    // What is left to do is on the other host.
    assert_eq!(
        goes_on_without("a", &first, None),
        (End::Done, vec!["serve".to_owned()])
    );
    // What is left to do is on the dead host.
    let (end, ran) = goes_on_without("b", &first, None);
    assert!(
        matches!(
            end,
            End::Parked {
                step: 1,
                unknown: false,
                ..
            }
        ),
        "{end:?}"
    );
    assert!(ran.is_empty());
    // What would be taken back is on the dead host.
    let (end, ran) = goes_on_without("a", &first, Some("op wants it"));
    assert!(
        matches!(
            end,
            End::Parked {
                step: 0,
                unknown: false,
                ..
            }
        ),
        "{end:?}"
    );
    assert!(ran.is_empty());
    // What may or may not have been done is on the dead host.
    let (end, ran) = goes_on_without("b", &[intent(0), done(0), intent(1)], None);
    assert!(
        matches!(
            end,
            End::Parked {
                step: 1,
                unknown: true,
                ..
            }
        ),
        "{end:?}"
    );
    assert!(ran.is_empty());
    // A run that has changed nothing needs all of them.
    let (end, _) = goes_on_without("b", &[], None);
    assert!(matches!(end, End::Refused { .. }), "{end:?}");
}

#[test]
fn a_look_is_as_old_as_it_says_but_neither_older_than_the_question_nor_of_the_future() {
    for (says, counts) in [(0, 0), (700, 700), (2000, 2000), (3500, 3000), (u64::MAX / 2, 3000)] {
        let mut engine = new();
        let mut event = Event::Begun;
        let looks = loop {
            match engine.advance(event, time(START)) {
                Effect::Look(looks) => break looks,
                Effect::Call { request, .. } => event = Event::Answered(usual(&request, &mut Vec::new())),
                other => panic!("{other:?}"),
            }
        };
        // The look took three seconds.
        let seen = looks.into_iter().map(|look| {
            let answer = Ok(Printed {
                exit: 0,
                text: "yes".into(),
            });
            let at = UnixMs(if says == 0 { 5 } else { START.0.saturating_add(says) });
            (look, Glimpse { at, answer })
        });
        engine.advance(Event::Seen(seen.collect()), time(UnixMs(START.0 + 3000)));
        let times: Vec<u64> = engine.seen.values().map(|glimpse| glimpse.at.0 - START.0).collect();
        assert!(
            !times.is_empty() && times.iter().all(|at| *at == counts),
            "{times:?} of {says}"
        );
    }
}
