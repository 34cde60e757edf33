//! Steps that take time: a person stops them at once, and a clock that is set neither ends nor stretches them.

use super::*;

/// A wait of the console for a proof that takes `within` at most, or for a time to pass.
fn waiting(work: Work, within: Duration) -> Engine {
    let mut plan = plan();
    plan.steps[1].operation = Operation {
        place: Place::Console,
        needs: Vec::new(),
        work,
        settles_within: within,
        nature: Nature::Idempotent,
        undo: None,
        ..plan.steps[1].operation.clone()
    };
    plan.steps[1].undo = None;
    Engine::new(plan, "run-1".into(), "op@desk".into(), UnixMs(1_000_000))
}

fn sync() -> Engine {
    waiting(Work::Commands(Vec::new()), Duration::from_hours(10))
}

fn soak() -> Engine {
    let mut engine = waiting(Work::Hold(Duration::from_mins(5)), Duration::ZERO);
    engine.plan.steps[1].operation.proof = Vec::new();
    engine
}

/// The other side is equal after twenty minutes.
const LATER: Shows = |what, passed, ran| {
    Some(match what {
        "serve-proof" => passed > Duration::from_mins(20),
        _ => well(what, ran),
    })
};

fn cancels(engine: &mut Engine, passed: Duration) {
    if passed > Duration::from_secs(30) {
        engine.control(Control::Cancel("ada".into()));
    }
}

#[test]
fn a_wait_that_is_cancelled_is_given_up_within_one_look() {
    for engine in [sync(), soak()] {
        let played = play_with(engine, LATER, |_, _| None, cancels, |_| 0);
        assert!(
            matches!(&played.end, End::Compensated { why, stays } if why.contains("cancelled by ada") && stays.is_empty()),
            "{:?}",
            played.end
        );
        assert_eq!(played.ran, ["close", "open"]);
        assert!(played.took < Duration::from_secs(33), "{:?}", played.took);
    }
}

#[test]
fn a_command_whose_proof_takes_long_is_cancelled_as_well_and_taken_back() {
    let mut engine = new();
    engine.plan.steps[1].operation.settles_within = Duration::from_hours(1);
    let shows: Shows = |what, _, ran| Some(what != "serve-proof" && well(what, ran));
    let played = play_with(engine, shows, |_, _| None, cancels, |_| 0);
    assert!(matches!(played.end, End::Compensated { .. }), "{:?}", played.end);
    assert_eq!(played.ran, ["close", "serve", "rest", "open"]);
    assert!(played.took < Duration::from_secs(33), "{:?}", played.took);
}

#[test]
fn a_pause_stops_a_wait_and_does_not_use_it_up() {
    fn pauses(engine: &mut Engine, passed: Duration) {
        let between = passed > Duration::from_secs(30) && passed < Duration::from_mins(15);
        engine.control(if between { Control::Pause } else { Control::Resume });
    }
    // It would be given up after ten minutes.
    let brief = waiting(Work::Commands(Vec::new()), Duration::from_mins(10));
    let played = play_with(brief, LATER, |_, _| None, pauses, |_| 0);
    assert_eq!(played.end, End::Done);
    // Five minutes of soak, not one second less for a pause of fourteen and a half.
    let played = play_with(soak(), LATER, |_, _| None, pauses, |_| 0);
    assert_eq!(played.end, End::Done);
    assert!(played.took > Duration::from_mins(19), "{:?}", played.took);
}

#[test]
fn a_clock_that_is_set_forward_ends_no_soak_and_no_patience() {
    let hour: fn(Duration) -> i64 = |passed| if passed > Duration::from_secs(20) { 3600 } else { 0 };
    let back: fn(Duration) -> i64 = |passed| if passed > Duration::from_secs(20) { -900 } else { 0 };
    for set in [hour, back] {
        let played = play_with(soak(), LATER, |_, _| None, |_, _| {}, set);
        assert_eq!(played.end, End::Done);
        let took = played.took.as_secs();
        assert!((300..310).contains(&took), "{took} s");
        let patient = waiting(Work::Commands(Vec::new()), Duration::from_mins(30));
        let played = play_with(patient, LATER, |_, _| None, |_, _| {}, set);
        assert_eq!(played.end, End::Done, "{:?}", played.waits);
        // What cannot be told is looked at for as long as ever.
        let shows: Shows =
            |what, passed, ran| (what != "serve-needs" || passed > Duration::from_secs(28)).then(|| well(what, ran));
        let played = play_with(new(), shows, |_, _| None, |_, _| {}, set);
        assert_eq!(played.end, End::Done, "{:?}", played.waits);
    }
}

#[test]
fn what_was_seen_before_the_console_slept_is_looked_at_again() {
    // While it sleeps the clock that nobody sets stands still, and what was looked at behind a command grows old.
    let slept: fn(Duration) -> i64 = |passed| if passed >= Duration::from_millis(300) { 3600 } else { 0 };
    let shows: Shows = |what, passed, ran| {
        let before = passed < Duration::from_millis(300);
        Some(match what {
            "serve-needs" => before,
            "close-proof" => !before,
            _ => well(what, ran),
        })
    };
    let behind: fn(&HostName, &Request) -> Option<Answer> = |_, request| match request {
        Request::Act { commands, looks, .. } if commands[0][0] == "close" => {
            let yes = Printed {
                exit: 0,
                text: "yes".into(),
            };
            let mut said = vec![Said::Ran(Printed::default())];
            said.extend(looks.iter().map(|_| Said::Looked(yes.clone())));
            Some(Answer::Said(said))
        }
        _ => None,
    };
    let mut engine = new();
    engine.plan.steps[1].operation = step("a", "serve");
    let played = play_with(engine, shows, behind, |_, _| {}, slept);
    assert!(
        matches!(&played.end, End::Compensated { why, .. } if why.contains("serve-needs")),
        "{:?}",
        played.end
    );
}
