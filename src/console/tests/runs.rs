//! The page of a run and the list of runs: what is waited for, who answers, what happened before, and the keys.

use super::{
    pictures::picture,
    runbooks::{SIZES, asked, with_plan, with_run},
    *,
};
use crate::{
    conduct::{ClientView, GivesUp, LogLine, StepState},
    console::runbooks::runs::RunLine,
    fleet::SliceName,
    runbook::engine::End,
    store::Standing,
};
use std::time::Duration;

fn client(name: &str, slice: &str) -> ClientView {
    ClientView {
        client: HostName::new(name),
        slice: SliceName::new(slice),
        mount_point: format!("/mnt/{slice}"),
        stalled: None,
        longest: Some(Duration::from_millis(300)),
        from_begin: false,
        answers: 40,
        note: String::new(),
    }
}

#[test]
fn a_lost_step_says_what_is_asked_how_often_and_for_how_long() {
    for size in SIZES {
        let model = with_run(size, |run| {
            run.steps[5].state = StepState::Unknown;
            run.stage = "finds out what became of step 6 of 12".to_owned();
            run.waits = Some("connecting timed out".to_owned());
            run.gives_up = Some(GivesUp {
                every: Duration::from_secs(2),
                at: UnixMs(NOW.0 + 43_000),
                said: NOW,
            });
        });
        insta::assert_snapshot!(format!("run_lost_{}x{}", size.0, size.1), picture(&model));
        let place = "asks stor2 every 2 s what became of the step";
        assert!(text(&model).contains(place), "{}", text(&model));
        assert!(text(&model).contains("43 s"), "{}", text(&model));
        // The seconds run down between two words of the engine.
        let mut later = model.clone();
        update(&mut later, Msg::Tick(UnixMs(NOW.0 + 10_000)));
        assert!(text(&later).contains("33 s"), "{}", text(&later));
    }
}

#[test]
fn a_wait_that_was_there_before_the_run_says_so_and_only_who_answers_is_counted() {
    for size in SIZES {
        let model = with_run(size, |run| {
            run.clients = vec![
                ClientView {
                    stalled: Some(Duration::from_secs(9)),
                    longest: Some(Duration::from_secs(9)),
                    from_begin: true,
                    answers: 0,
                    // The monitor has missed this one for 41 s.
                    ..client("access3", "slice-b")
                },
                ClientView {
                    stalled: Some(Duration::from_secs(3)),
                    longest: Some(Duration::from_secs(3)),
                    ..client("access2", "slice-a")
                },
                client("access1", "slice-a"),
            ];
        });
        let shown = text(&model).replace('\n', " ");
        let shown: Vec<&str> = shown.split_whitespace().collect();
        let shown = shown.join(" ");
        for wanted in [
            "CLIENTS 1 of 3 answer now",
            "▲ stalled for 9.0 s, counted from the run's begin; the monitor misses it since 03:11:26",
            "▲ stalled for 3.0 s access1",
            "● answers; longest wait 0.3 s",
        ] {
            assert!(size.0 < 100 || shown.contains(wanted), "{wanted}: {shown}");
        }
        insta::assert_snapshot!(format!("run_clients_{}x{}", size.0, size.1), picture(&model));
    }
}

#[test]
fn what_happened_before_a_run_was_gone_on_with_is_marked() {
    let model = with_run((120, 40), |run| {
        for (at, words) in [(300, "step 1 done: drop NFS"), (290, "left"), (8, "step 2 done: later")] {
            run.logged += 1;
            run.log.push_back(LogLine {
                at: ago(at),
                text: words.to_owned(),
            });
        }
        run.before = 2;
    });
    let shown = text(&model);
    let place = |wanted: &str| shown.find(wanted).unwrap_or_else(|| panic!("{wanted}: {shown}"));
    let mark = place("── before ann@desk went on with it at 03:11:58 ──");
    assert!(place("step 2 done: later") < mark && mark < place("step 1 done: drop NFS"));
}

#[test]
fn a_run_that_began_nothing_is_not_said_to_be_in_its_middle() {
    let line = |begun| RunLine {
        id: "20260307-030207-bbbbb".to_owned(),
        what: "slice-move slice-a".to_owned(),
        word: "slice-a".to_owned(),
        owner: "ann@desk".to_owned(),
        began: ago(600),
        ended: None,
        end: None,
        standing: Standing::Waiting,
        begun,
        cancelled: false,
        claims: Vec::new(),
    };
    for (begun, says) in [
        (true, "left in its middle"),
        (false, "left before its first step, nothing was changed"),
    ] {
        let mut model = console((120, 40));
        keys(&mut model, "8");
        update(&mut model, Msg::Runs(Ok(vec![line(begun)])));
        let shown = text(&model);
        assert!(shown.contains(says), "{shown}");
        assert_eq!(shown.contains("in its middle"), begun, "{shown}");
    }
    let model = with_run((120, 40), |run| {
        run.left = true;
    });
    assert!(text(&model).contains("left before its first step"), "{}", text(&model));
}

#[test]
fn a_dead_runs_claims_are_taken_over_by_its_name_alone() {
    let mut model = with_plan((120, 40), "healthy");
    let held = "20260307-030207-bbbbb";
    let line = |id: &str, claim: &str, standing| RunLine {
        id: id.to_owned(),
        what: "failover stor1".to_owned(),
        word: "stor1".to_owned(),
        owner: "bob@other".to_owned(),
        began: ago(600),
        ended: None,
        end: None,
        standing,
        begun: true,
        cancelled: false,
        claims: vec![claim.to_owned()],
    };
    update(
        &mut model,
        Msg::Runs(Ok(vec![
            line(held, "drbd-slice-a", Standing::Waiting),
            line("20260307-030207-ccccc", "drbd-slice-b", Standing::Waiting),
            line(
                "20260307-030207-ddddd",
                "drbd-slice-a",
                Standing::Driven("bob@other".to_owned()),
            ),
        ])),
    );
    insta::assert_snapshot!("plan_held_120x40", picture(&model));
    let shown = text(&model);
    assert!(shown.contains(&format!("take-over={held}")), "{shown}");
    assert!(!shown.contains("ccccc") && !shown.contains("ddddd"), "{shown}");
    for typed in [
        "take-over=<enter>",
        "<ctrl-u>take-over=a b<enter>",
        "<ctrl-u>take-over<enter>",
    ] {
        assert_eq!(keys(&mut model, typed), [], "{typed}");
    }
    let effects = keys(&mut model, &format!("<ctrl-u>take-over={held}<enter>"));
    let [Effect::DropPlan(1), again @ Effect::Plan(..)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let (number, what) = asked(std::slice::from_ref(again));
    assert_eq!(what.over, [held]);
    update(
        &mut model,
        Msg::Planned(number, super::plans::planned(&what, "healthy", true, None)),
    );
    let shown = text(&model);
    assert!(shown.contains(&format!("TAKES OVER  run {held}")), "{shown}");
    assert!(!shown.contains("HELD"), "{shown}");
    assert_eq!(keys(&mut model, "slice-a<enter>"), [Effect::Begin(number)]);
}

/// The last line of the screen.
fn footer(model: &Model) -> String {
    text(model).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn the_footer_names_every_view_and_the_keys_of_a_run() {
    for size in SIZES {
        let mut model = with_run(size, |_| {});
        let shown = footer(&model);
        for wanted in ["p pause", "x take back", "? help"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        assert!(!shown.contains("go on"), "{shown}");
        keys(&mut model, "1");
        let shown = footer(&model);
        for wanted in ["1fleet", "2stor", "7runbooks", "8runs", "m runbooks", "? help"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        assert!(!shown.contains("p pause"), "{shown}");
        let mut paused = with_run(size, |run| run.paused = true);
        assert!(footer(&paused).contains("p go on"), "{}", footer(&paused));
        update(&mut paused, Msg::Tick(NOW));
        let over = with_run(size, |run| run.end = Some(End::Done));
        assert!(!footer(&over).contains("p pause"), "{}", footer(&over));
    }
}

#[test]
fn a_name_that_is_not_there_is_not_taken_for_another() {
    let mut model = console((120, 40));
    keys(&mut model, ":slice slice-q<enter>");
    assert_eq!(model.page, Page::List(ListKind::Fleet));
    assert!(
        text(&model).contains("no slice 'slice-q': there are slice-c, slice-d, slice-a, slice-b"),
        "{}",
        text(&model)
    );
    // Its letters are in several names, in their order.
    keys(&mut model, ":slice sa<enter>");
    assert_eq!(model.page, Page::List(ListKind::Fleet));
    keys(&mut model, ":host acess1<enter>");
    assert!(text(&model).contains("did you mean access1?"), "{}", text(&model));
    assert_eq!(model.page, Page::List(ListKind::Fleet));
    keys(&mut model, ":slice slice-a<enter>");
    assert_eq!(model.page, Page::Slice("slice-a".into()));
}

#[test]
fn a_rehearsal_says_on_every_page_what_it_is_of() {
    let mut model = console((80, 24));
    model.practised = Some("REHEARSAL of failover server=stor1 · faults: dead:stor1".to_owned());
    for path in ["", "2", "7", "8", ":slice-a<enter>"] {
        keys(&mut model, path);
        assert!(
            text(&model).contains("failover server=stor1 · faults: dead:stor1"),
            "{path}"
        );
    }
}
