//! What the console asks for and tells: the name that consent is typed with, lines that are typed in little room or too
//! early, a run that must not stand still, and what the palette knows.

use super::{
    runbooks::{asked, with_plan, with_run},
    *,
};
use crate::{
    console::{
        advice::advice,
        runbooks::{
            consent::{noun, word},
            offers::{Asked, Object, offers},
            runs::RunLine,
        },
    },
    facts::CleanText,
    runbook::planner::catalogue,
    store::{NewRun, Run, Standing},
    verdict::{Code, Finding, Subject},
};
use std::collections::BTreeMap;

fn given(parameters: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    parameters.iter().map(owned).collect()
}

/// What has to be typed for a runbook with these parameters, and what that is.
fn consent(runbook: &str, parameters: &[(&str, &str)]) -> (String, &'static str) {
    let definition = catalogue::find(runbook).unwrap();
    let parameters = given(parameters);
    let word = word(definition, &parameters);
    let asked = Asked {
        runbook: runbook.to_owned(),
        parameters,
        glass: Vec::new(),
        over: Vec::new(),
        alike: Vec::new(),
        weak: std::collections::BTreeMap::new(),
        last: None,
        word: word.clone(),
    };
    (word, noun(Some(definition), &asked))
}

#[test]
fn consent_says_what_the_name_is_the_name_of() {
    for (runbook, parameters, word, noun) in [
        ("slice-move", &[("slice", "a")][..], "a", "the slice's name"),
        ("failover", &[("server", "stor1")], "stor1", "the server's name"),
        (
            "disk-replace",
            &[("host", "stor6"), ("array", "md1"), ("disk", "sdf"), ("by", "sdj")],
            "stor6",
            "the host's name",
        ),
        (
            "service",
            &[("hosts", "web1"), ("unit", "nginx")],
            "web1",
            "the host's name",
        ),
        (
            "rolling",
            &[("hosts", "role=web"), ("work", "restart")],
            "role=web",
            "the selector",
        ),
        (
            "mysql-switchover",
            &[("database", "shop"), ("to", "db2")],
            "shop",
            "the database's name",
        ),
        ("fence-segment", &[("segment", "web")], "web", "the segment's name"),
        (
            "migrate-many",
            &[("of", "segment=web"), ("segment", "interim")],
            "interim",
            "the segment's name",
        ),
        // Nothing names what it is about: an Enter alone must not be consent to it.
        (
            "scrub",
            &[("array", "md1"), ("host", "")],
            "scrub",
            "the runbook's name",
        ),
    ] {
        assert_eq!(consent(runbook, parameters), (word.to_owned(), noun), "{runbook}");
    }
    // The segment whose slices all move, from its menu.
    let mut asked = Asked {
        runbook: "migrate-many".to_owned(),
        parameters: given(&[("of", "segment=web"), ("segment", "interim")]),
        glass: Vec::new(),
        over: Vec::new(),
        alike: Vec::new(),
        weak: std::collections::BTreeMap::new(),
        last: None,
        word: "web".to_owned(),
    };
    assert_eq!(noun(catalogue::find("migrate-many"), &asked), "the segment's name");
    asked.word = "else".to_owned();
    assert_eq!(noun(None, &asked), "the name");
}

#[test]
fn a_small_terminal_shows_what_has_to_be_typed_and_what_is() {
    let mut model = with_plan((40, 12), "healthy");
    for typed in ["s", "lice-", "a"] {
        keys(&mut model, typed);
    }
    let shown = text(&model);
    let words: Vec<&str> = shown.split(['│', ' ', '\n']).filter(|word| !word.is_empty()).collect();
    let shown_words = words.join(" ");
    assert!(shown_words.contains("name in full: slice-a"), "{shown}");
    assert!(shown.contains("› slice-a"), "{shown}");
    assert!(shown.contains("plan: nothing has been done yet"), "{shown}");
    // Of what is longer than the line its end is seen.
    keys(&mut model, "bcdefghijklmnopqrstuvwxyz0123456789");
    assert!(text(&model).contains("0123456789"), "{}", text(&model));
    assert!(matches!(model.layers.last(), Some(Layer::Plan(_))));
}

#[test]
fn enter_before_a_plan_is_made_does_not_throw_it_away() {
    let mut model = console((120, 40));
    let effects = keys(&mut model, ":slice-a<enter>m<enter>");
    let (number, _) = asked(&effects);
    assert_eq!(keys(&mut model, "<enter><enter>"), []);
    assert!(text(&model).contains("the hosts are looked at"), "{}", text(&model));
    assert_eq!(keys(&mut model, "<esc>"), [Effect::DropPlan(number)]);
    assert!(
        text(&model).contains("the plan is dropped before it was made"),
        "{}",
        text(&model)
    );
}

#[test]
fn a_run_under_way_is_not_stopped_by_suspending_the_console() {
    let mut model = console((120, 40));
    assert_eq!(keys(&mut model, "<ctrl-z>"), [Effect::Suspend]);
    assert_eq!(update(&mut model, Msg::Stop), [Effect::Suspend]);
    let mut model = with_run((80, 24), |_| {});
    for _ in 0..2 {
        assert_eq!(keys(&mut model, "<ctrl-z>"), []);
        assert_eq!(update(&mut model, Msg::Stop), []);
    }
    let shown = text(&model);
    assert!(shown.contains("not suspended: a run is under way"), "{shown}");
    assert!(shown.contains("until fg") && shown.contains("q asks"), "{shown}");
    keys(&mut model, "<esc>");
    assert!(model.layers.is_empty(), "said once");
    // Over another layer it is said as well.
    keys(&mut model, ":<ctrl-z>");
    assert!(text(&model).contains("not suspended"), "{}", text(&model));
    // A run that is over keeps nobody.
    let mut model = with_run((80, 24), |run| run.end = Some(crate::runbook::engine::End::Done));
    assert_eq!(keys(&mut model, "<ctrl-z>"), [Effect::Suspend]);
}

#[test]
fn the_palette_goes_to_segments_topologies_and_runbooks() {
    let mut model = console((120, 40));
    let segment = model.shown.fleet.segments[0].name.clone();
    keys(&mut model, &format!(":{segment}<enter>"));
    assert_eq!(model.page, Page::List(ListKind::Storage));
    assert_eq!(model.selected(), Some(Id::Segment(segment)));
    keys(&mut model, ":db-main<enter>");
    assert_eq!(model.page, Page::List(ListKind::Database));
    assert_eq!(model.selected(), Some(Id::Topology("db-main".into())));
    assert_eq!(keys(&mut model, ":slice-move<enter>"), []);
    let line = |model: &Model| match model.layers.last() {
        Some(Layer::Palette(palette)) => (palette.line.before(), palette.line.after()),
        other => panic!("{other:?}"),
    };
    assert_eq!(line(&model), ("plan slice-move slice=".to_owned(), String::new()));
    assert!(
        text(&model).contains("slice (slice): the slice to move"),
        "{}",
        text(&model)
    );
    // The slices are suggested; what is typed chooses among them.
    keys(&mut model, "slice-a");
    let shown = text(&model);
    assert!(shown.contains("plan slice-move slice=slice-a"), "{shown}");
    let (_, what) = asked(&keys(&mut model, "<enter>"));
    assert_eq!((what.runbook.as_str(), what.word.as_str()), ("slice-move", "slice-a"));
    // Without its value it is not planned.
    keys(&mut model, "<esc>:slice-move<enter>");
    assert_eq!(keys(&mut model, "<enter>"), []);
    assert_eq!(line(&model).0, "plan slice-move slice=");
    assert!(text(&model).contains("slice (slice): the slice"), "{}", text(&model));
    // A console that may only look begins nothing.
    let look = Look {
        theme: Theme::built_in("terminal", Depth::True).unwrap(),
        depth: Depth::True,
        glyphs: Glyphs::Unicode,
    };
    let view = Arc::new(fixture::view());
    let mut model = Model::new(view, NOW, (120, 40), look, Mode::new(true, false), false);
    assert_eq!(keys(&mut model, ":slice-move<enter>"), []);
    assert!(model.layers.is_empty());
}

#[test]
fn what_a_runbook_asks_for_is_told_where_it_is_typed() {
    let mut model = console((80, 24));
    keys(&mut model, ":disk-replace<enter>");
    let line = |model: &Model| match model.layers.last() {
        Some(Layer::Palette(palette)) => (palette.line.before(), palette.line.after()),
        other => panic!("{other:?}"),
    };
    // In the order of their names; the cursor is at the first.
    assert_eq!(line(&model).0, "plan disk-replace array=");
    assert_eq!(line(&model).1, " by= disk= host=");
    assert!(
        text(&model).contains("array (name): the array, such as md0"),
        "{}",
        text(&model)
    );
    keys(&mut model, "<end>stor3<home>");
    for _ in 0.."plan disk-replace array=".len() {
        keys(&mut model, "<right>");
    }
    let shown = text(&model);
    assert!(
        shown.contains("plan disk-replace array=md0 by= disk= host=stor3"),
        "{shown}"
    );
    keys(&mut model, "<tab>");
    assert_eq!(line(&model).0, "plan disk-replace array=md0 by=");
    let shown = text(&model);
    assert!(
        shown.contains("by (name): the device of the new disk, such as sde"),
        "{shown}"
    );
    keys(&mut model, "x=<left>");
    keys(&mut model, "<ctrl-u>plan disk-replace nothing=");
    assert!(
        text(&model).contains("disk-replace is not told nothing, but array"),
        "{}",
        text(&model)
    );
}

#[test]
fn a_run_of_the_journal_is_named_by_what_it_is_about() {
    let run = |runbook: &str, plan: &str| {
        RunLine::new(Run {
            new: NewRun {
                id: "20261122-220616-wkzkq".to_owned(),
                runbook: runbook.to_owned(),
                fleet: "lab".to_owned(),
                owner: "ann@desk".to_owned(),
                origin: String::new(),
                plan: plan.to_owned(),
                hash: String::new(),
            },
            began: ago(600),
            ended: None,
            end: None,
            standing: Standing::Over,
            begun: true,
            cancelled: None,
            displaced: None,
            kept: None,
        })
    };
    let disk = run(
        "disk-replace",
        r#"{"parameters":{"array":"md1","by":"sdj","host":"stor6"}}"#,
    );
    assert_eq!(
        (disk.what.as_str(), disk.word.as_str()),
        ("disk-replace stor6", "stor6")
    );
    let many = run("rolling", r#"{"parameters":{"hosts":"role=web","work":"reboot"}}"#);
    assert_eq!(many.word, "role=web");
    // Where nothing names it the run's own name does, and keeps its distance to the time.
    let long = run("a-runbook-with-a-long-name", "{}");
    let mut model = console((80, 24));
    keys(&mut model, "8");
    update(&mut model, Msg::Runs(Ok(vec![disk, long])));
    let shown = text(&model);
    assert!(!shown.contains("wkzkq0") && !shown.contains("…0"), "{shown}");
    assert!(shown.contains("disk-replace stor6 "), "{shown}");
}

#[test]
fn one_step_is_no_steps_and_a_figure_keeps_its_unit() {
    let model = with_run((80, 24), |run| {
        run.stage = "waits until the array of the server is whole again: step 6 of 12".to_owned();
    });
    let shown = text(&model);
    let words: Vec<&str> = shown.split_whitespace().collect();
    let all = words.join(" ");
    let left = shown
        .lines()
        .find(|line| line.starts_with(" about "))
        .unwrap_or_else(|| panic!("{shown}"));
    assert!(left.trim_end().ends_with(" s left"), "{left}");
    assert!(all.contains("6 of 12 · 5 of 12 steps · 9.0 s so far"), "{shown}");
    for size in 12..40 {
        let shown = text(&with_run((100, size), |run| run.current = Some(6)));
        assert!(!shown.contains("1 steps"), "{shown}");
    }
}

#[test]
fn what_only_looks_needs_no_way_back() {
    let mut model = with_plan((120, 40), "healthy");
    if let Some(Layer::Plan(planning)) = model.layers.last_mut()
        && let crate::console::runbooks::Stage::Ready(plan) = &mut planning.stage
    {
        for step in &mut plan.steps {
            step.undo = None;
            step.operation.nature = crate::runbook::operation::Nature::Irreversible;
            step.operation.work = crate::runbook::operation::Work::Commands(Vec::new());
        }
        plan.stall = std::time::Duration::ZERO;
    }
    let mut seen = String::new();
    for _ in 0..20 {
        seen.push_str(&text(&model));
        keys(&mut model, "<pgdn>");
    }
    assert!(!seen.contains("cannot be taken back"), "{seen}");
    assert!(
        seen.contains("no client waits") && !seen.contains("about 0.0 s"),
        "{seen}"
    );
}

#[test]
fn a_finding_that_is_not_seen_now_asks_for_nothing_and_an_idle_server_has_nothing_to_move() {
    let view = fixture::view();
    let about = |view: &FleetView, host: &str, unseen: bool| {
        let finding = Finding {
            code: Code::SemiFailed,
            severity: if unseen { Severity::Unknown } else { Severity::Warning },
            subject: Subject::host(&HostName::new(host)),
            since: ago(60),
            evidence: CleanText::new("sdc read 5.8× its peers"),
            hosts: Vec::new(),
            unseen,
        };
        advice(view, &finding, NOW)
    };
    assert_eq!(about(&view, "stor3", false), Code::SemiFailed.advice());
    assert!(about(&view, "stor3", true).starts_with("Not seen now"));
    assert_eq!(
        about(&view, "access1", false),
        Code::SemiFailed.advice(),
        "a client is drained"
    );
    let mut idle = view.clone();
    for seen in idle.hosts.iter_mut().filter(|seen| seen.name.as_str() == "stor3") {
        let mut other = (**seen).clone();
        let mut snapshot = (**other.snapshot.as_ref().unwrap()).clone();
        let mut volumes = snapshot.drbd.value().unwrap().clone();
        for volume in &mut volumes {
            volume.role = crate::facts::drbd::DrbdRole::Secondary;
        }
        snapshot.drbd = crate::facts::Reading::known(volumes, snapshot.at);
        snapshot.mounts = crate::facts::Reading::known(Vec::new(), snapshot.at);
        other.snapshot = Some(Arc::new(snapshot));
        *seen = Arc::new(other);
    }
    assert!(about(&idle, "stor3", false).starts_with("It serves no slice"));
}

#[test]
fn a_menu_judges_the_server_that_is_silent_and_says_what_is_known_of_it() {
    let mut view = fixture::view();
    // stor4 had just been made primary when it died: nobody saw it serve.
    for seen in &mut view.hosts {
        let name = seen.name.as_str();
        if name != "stor3" && name != "stor4" {
            continue;
        }
        let mut other = (**seen).clone();
        let mut snapshot = (**other.snapshot.as_ref().unwrap()).clone();
        let mut volumes = snapshot.drbd.value().unwrap().clone();
        for volume in &mut volumes {
            volume.role = crate::facts::drbd::DrbdRole::Secondary;
        }
        snapshot.drbd = crate::facts::Reading::known(volumes, snapshot.at);
        if name == "stor4" {
            snapshot.at = ago(60);
        } else {
            snapshot.mounts = crate::facts::Reading::known(Vec::new(), snapshot.at);
            snapshot.addresses = crate::facts::Reading::known(Vec::new(), snapshot.at);
        }
        other.snapshot = Some(Arc::new(snapshot));
        *seen = Arc::new(other);
    }
    let offer = |object: Object| {
        let found = offers(&view, &object, NOW);
        found
            .into_iter()
            .find(|offer| offer.asked.runbook == "failover")
            .unwrap()
    };
    let failover = offer(Object::Slice("slice-a".into()));
    assert_eq!(failover.asked.parameters["server"], "stor4");
    assert!(failover.says.starts_with("stor4 does not answer"), "{failover:?}");
    assert!(failover.says.contains("--assert-off=stor4"), "{failover:?}");
    // Whatever begins with a look at a silent host is not possible.
    let mut model = console_of(view.clone(), (120, 40), "terminal", Glyphs::Unicode, false);
    keys(&mut model, ":stor4<enter>m");
    let Some(Layer::Menu(menu)) = model.layers.last() else {
        panic!("no menu");
    };
    for runbook in ["service", "rolling"] {
        let offer = menu.offers.iter().find(|offer| offer.asked.runbook == runbook).unwrap();
        assert_eq!(offer.not_now.as_deref(), Some("stor4 does not answer"), "{runbook}");
    }
}

#[test]
fn a_menu_keeps_its_columns_and_names_what_nobody_has_declared() {
    let mut model = console((120, 40));
    keys(&mut model, ":slice-a<enter>m");
    let shown = text(&model);
    let column = |line: &str| {
        line.find("● possible")
            .or_else(|| line.find("– not now"))
            .map(|at| line[..at].chars().count())
    };
    let rows = shown.lines().filter(|line| line.contains('┃') || line.contains('│'));
    let columns: std::collections::BTreeSet<usize> = rows.filter_map(column).collect();
    assert_eq!(columns.len(), 1, "{shown}");
    for runbook in ["backup-test", "restore-from-backup"] {
        assert!(shown.contains(runbook), "{runbook}: {shown}");
    }
    assert!(shown.contains("does not say how its backups are"), "{shown}");
}

#[test]
fn a_refused_disk_is_answered_with_those_that_nothing_uses() {
    use crate::{
        facts::{Reading, disk::DiskKind},
        runbook::check::Refusal,
    };
    let mut view = fixture::view();
    for seen in view.hosts.iter_mut().filter(|seen| seen.name.as_str() == "stor3") {
        let mut other = (**seen).clone();
        let mut snapshot = (**other.snapshot.as_ref().unwrap()).clone();
        let kind = |name: &str| DiskKind {
            name: name.into(),
            rotational: true,
        };
        let kinds = ["sdq"].map(kind).to_vec();
        snapshot.disk_kinds = Reading::known(kinds, snapshot.at);
        snapshot.pools = Reading::absent(snapshot.at);
        other.snapshot = Some(Arc::new(snapshot));
        *seen = Arc::new(other);
    }
    let mut model = console_of(view, (120, 60), "terminal", Glyphs::Unicode, false);
    keys(&mut model, ":stor3<enter>");
    let mut page = String::new();
    for _ in 0..4 {
        page.push_str(&text(&model));
        keys(&mut model, "<pgdn>");
    }
    assert!(page.contains("nothing is seen to use sdq"), "{page}");
    let effects = keys(
        &mut model,
        ":plan disk-replace host=stor3 array=md0 disk=sdb1 by=sdz<enter>",
    );
    let (number, _) = asked(&effects);
    let refusal = Refusal::new("stor3 has no disk sdz", "name one that is there");
    update(&mut model, Msg::Planned(number, Err(vec![refusal])));
    let shown = text(&model);
    assert!(shown.contains("nothing uses sdq of stor3"), "{shown}");
    // Another reason is not answered with disks.
    keys(&mut model, "<esc>");
    let effects = keys(
        &mut model,
        ":plan disk-replace host=stor3 array=md0 disk=sdb1 by=sdz<enter>",
    );
    let (number, _) = asked(&effects);
    let refusal = Refusal::new("md0 of stor3 is degraded", "wait");
    update(&mut model, Msg::Planned(number, Err(vec![refusal])));
    assert!(!text(&model).contains("nothing uses"), "{}", text(&model));
}
