//! A run that takes over what another one holds: what it says when it cannot have all of it.

use super::{
    tests::{new, usual},
    *,
};

const START: UnixMs = UnixMs(1_000_000);

/// What came of a run.
struct Played {
    end: End,
    records: Vec<Record>,
    ran: Vec<String>,
    /// Hosts, and what was asked of them: `claim`, `release`.
    asked: Vec<(String, &'static str)>,
    took: Duration,
}

impl Played {
    fn count(&self, host: &str, what: &str) -> usize {
        self.asked.iter().filter(|(of, is)| of == host && *is == what).count()
    }
}

/// Drives an engine to its end; whatever is needed is so, and a proof holds once its command ran. `answers` speaks for
/// the targets first, by how often that was asked before.
fn play(mut engine: Engine, answers: impl Fn(&str, &Request, usize) -> Option<Answer>) -> Played {
    let (mut now, mut event) = (START, Event::Begun);
    let (mut records, mut ran, mut asked) = (Vec::new(), Vec::new(), Vec::<(String, &'static str)>::new());
    for _ in 0..500 {
        let time = Time {
            clock: now,
            passed: now.since(START),
        };
        event = match engine.advance(event, time) {
            Effect::Look(looks) => {
                let seen = looks.into_iter().map(|look| {
                    let command = look.argv[0].strip_suffix("-proof");
                    let so = command.is_none_or(|command| ran.iter().any(|done| done == command));
                    let text = if so { "yes" } else { "no" }.to_owned();
                    let answer = Ok(Printed { exit: 0, text });
                    (look, Glimpse { at: now, answer })
                });
                Event::Seen(seen.collect())
            }
            Effect::Call { host, request, .. } => {
                now.0 += 50;
                let what = match request {
                    Request::Claim { .. } => "claim",
                    Request::Release { .. } => "release",
                    Request::Tokens(_) => "tokens",
                    _ => "other",
                };
                let before = asked.iter().filter(|(of, is)| of == host.as_str() && *is == what);
                let receipt = || match request {
                    Request::Receipt { .. } => Some(said(Said::Receipt(Receipt::None))),
                    _ => None,
                };
                let answer = answers(host.as_str(), &request, before.count()).or_else(receipt);
                asked.push((host.to_string(), what));
                Event::Answered(answer.unwrap_or_else(|| usual(&request, &mut ran)))
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
                    records,
                    ran,
                    asked,
                    took: now.since(START),
                };
            }
            Effect::Local { .. } | Effect::Nudge { .. } | Effect::Ask(_) => panic!("nothing of that is in the plan"),
        };
    }
    panic!("it does not end: {records:?}");
}

fn said(said: Said) -> Answer {
    Answer::Said(vec![said])
}

fn refused(kind: &str, seen: &str) -> Answer {
    said(Said::Refused(kind.into(), seen.into()))
}

/// Host a is held by run-0, which is taken over there by the first claim.
fn held(host: &str, request: &Request, before: usize) -> Option<Answer> {
    match request {
        Request::Tokens(objects) if host == "a" => Some(said(Said::Token {
            object: objects[0].clone(),
            token: 7,
            run: Some("run-0".into()),
            owner: Some("bob@desk".into()),
        })),
        Request::Claim { objects, over, .. } if host == "a" && before == 0 && over.iter().any(|run| run == "run-0") => {
            let mut said: Vec<Said> = objects.iter().cloned().map(Said::Claimed).collect();
            said.push(Said::Took {
                object: objects[0].clone(),
                run: "run-0".into(),
            });
            Some(Answer::Said(said))
        }
        _ => None,
    }
}

fn taking() -> Engine {
    new().taking_over(["run-0".to_owned()])
}

fn wanted() -> Record {
    Record::TakesOver {
        run: "run-0".into(),
        by: "op@desk".into(),
    }
}

fn took() -> Record {
    Record::TookOver {
        run: "run-0".into(),
        host: "a".into(),
    }
}

/// The run goes on, by what it has written.
fn resumed(played: &Played, back: Option<&str>) -> Engine {
    let mut records = vec![wanted()];
    records.extend(played.records.iter().cloned());
    let plan = new().plan;
    let back = back.map(str::to_owned);
    Engine::resume(plan, "run-1".into(), "op@desk".into(), &records, back, START)
}

#[test]
fn a_busy_target_is_claimed_again_and_not_for_ever() {
    let busy = |times: usize| {
        move |host: &str, request: &Request, before: usize| {
            let claims = matches!(request, Request::Claim { .. }) && host == "b" && before < times;
            claims.then(|| refused("busy", "another command is still running"))
        }
    };
    for engine in [new(), taking()] {
        assert_eq!(play(engine, busy(4)).end, End::Done);
    }
    let played = play(new(), busy(usize::MAX));
    assert!(
        matches!(&played.end, End::Refused { why } if why.contains("b could not be claimed: busy")),
        "{:?}",
        played.end
    );
    assert!((2..=6).contains(&played.count("b", "claim")) && played.took < Duration::from_mins(1));
    // Whoever cancels does not wait for it.
    let mut engine = new();
    engine.control(Control::Cancel("ada".into()));
    assert_eq!(play(engine, busy(usize::MAX)).count("b", "claim"), 1);
}

#[test]
fn a_run_that_has_displaced_another_says_so_and_keeps_what_it_has() {
    type Says = fn() -> Answer;
    let ways: [(Says, &str); 4] = [
        (|| Answer::NotSent("no route to host".into()), "no route to host"),
        (|| refused("busy", "another command is still running"), "busy"),
        (|| Answer::Lost("cut".into()), "cut"),
        (|| refused("held", "slice-x run-9 eve@desk"), "run run-9 of eve@desk"),
    ];
    for (says, words) in ways {
        let dead = |host: &str, request: &Request, before: usize| {
            let claims = matches!(request, Request::Claim { .. }) && host == "b";
            if claims {
                Some(says())
            } else {
                held(host, request, before)
            }
        };
        let played = play(taking(), dead);
        let End::Parked {
            why,
            next,
            unknown: false,
            ..
        } = &played.end
        else {
            panic!("{words}: {:?}", played.end);
        };
        assert_eq!(played.end.exit_code(), 12);
        assert!(
            why.contains(words) && why.contains("run run-0 is taken over on a"),
            "{why}"
        );
        assert!(
            next.contains("pointsman --batch resume run-1") && next.contains("--take-over=run-1"),
            "{next}"
        );
        assert!(played.records.contains(&took()) && played.ran.is_empty());
        assert_eq!(played.count("a", "release"), 0);

        // It parks again while that is so, goes on when it is not, and is given up on demand.
        let again = play(resumed(&played, None), dead);
        assert!(
            matches!(&again.end, End::Parked { why, .. } if why.contains("run run-0 is taken over on a")),
            "{:?}",
            again.end
        );
        let back = play(resumed(&played, Some("op wants it back")), dead);
        let End::Compensated { stays, .. } = &back.end else {
            panic!("{words}: {:?}", back.end);
        };
        assert!(stays[0].contains("run run-0 is taken over on a"), "{stays:?}");
        assert_eq!((back.end.exit_code(), back.count("a", "release")), (12, 1));
        let claims = ["a", "b"].map(|host| back.count(host, "claim"));
        assert_eq!(claims, [0, 0], "nobody else is displaced for that");
        let on = play(resumed(&played, None), |_, _, _| None);
        assert_eq!((on.end, on.ran.len()), (End::Done, 2));
    }
}

#[test]
fn a_run_that_has_displaced_another_and_cannot_begin_has_not_changed_nothing() {
    let mut engine = taking();
    engine.control(Control::Cancel("ada".into()));
    let played = play(engine, held);
    let End::Compensated { why, stays } = &played.end else {
        panic!("{:?}", played.end);
    };
    assert!(why.contains("cancelled by ada"), "{why}");
    assert!(stays.len() == 1 && stays[0].contains("report run-0"), "{stays:?}");
    assert_eq!((played.count("a", "release"), played.count("b", "release")), (1, 1));
    // Nor is all of it taken back when it has begun.
    let back = {
        let mut records = vec![wanted(), took()];
        records.push(Record::Intent {
            step: 0,
            back: false,
            attempt: 1,
            commands: Vec::new(),
        });
        let played = Played { records, ..played };
        play(resumed(&played, Some("op")), |_, _, _| None)
    };
    assert_eq!(back.end.exit_code(), 12, "{:?}", back.end);
}

#[test]
fn an_answer_that_was_lost_is_no_proof_that_nobody_was_displaced() {
    // Done, and the answer is lost: the next claim finds its own.
    let lost = |host: &str, request: &Request, before: usize| match request {
        Request::Claim { .. } if host == "a" && before == 0 => Some(Answer::Lost("cut".into())),
        Request::Tokens(_) => held(host, request, before),
        _ => None,
    };
    let played = play(taking(), lost);
    assert!(
        played.end == End::Done && played.records.contains(&took()),
        "{:?}",
        played.records
    );
    // No answer ever comes.
    let lost = |host: &str, request: &Request, before: usize| match request {
        Request::Claim { .. } if host == "a" => Some(Answer::Lost("cut".into())),
        _ => held(host, request, before),
    };
    let played = play(taking(), lost);
    assert!(
        matches!(&played.end, End::Parked { why, .. } if why.contains("run run-0 may be taken over")),
        "{:?}",
        played.end
    );
    // The process ended while it claimed: the journal has what was wanted, and no more.
    let played = Played {
        records: Vec::new(),
        ..played
    };
    let dead = |host: &str, _: &Request, _: usize| (host == "b").then(|| Answer::NotSent("no route to host".into()));
    let again = play(resumed(&played, None), dead);
    assert!(
        matches!(&again.end, End::Parked { why, .. } if why.contains("may be taken over")),
        "{:?}",
        again.end
    );
    // Once a step was sent it is written of whom the targets were taken.
    let begun = Record::Intent {
        step: 0,
        back: false,
        attempt: 1,
        commands: Vec::new(),
    };
    let played = Played {
        records: vec![begun],
        ..played
    };
    let back = play(resumed(&played, Some("op")), |_, _, _| None);
    assert_eq!(back.end.exit_code(), 11, "{:?}", back.end);
}
