//! Going on with what cannot be taken back, menus of segments and topologies, and faults that were seen last.

use super::*;
use crate::{
    console::runbooks::{
        offers::{Object, offers},
        runs::RunLine,
    },
    runbook::{check::Refusal, plan::Rule},
    store::Standing,
    verdict::{Code, Finding, Subject, SubjectKind},
};

const RUN: &str = "20260307-030207-bbbbb";

/// A console whose journal has a run that was left in its middle.
fn with_unfinished(size: (u16, u16)) -> Model {
    let mut model = console(size);
    let line = RunLine {
        id: RUN.to_owned(),
        what: "split-brain slice-a".to_owned(),
        word: "slice-a".to_owned(),
        owner: "ann@desk".to_owned(),
        began: ago(600),
        ended: None,
        end: None,
        standing: Standing::Waiting,
        begun: true,
        cancelled: false,
        claims: Vec::new(),
    };
    update(&mut model, Msg::Runs(Ok(vec![line])));
    keys(&mut model, "8");
    model
}

fn refused(fact: &str, lift: &str) -> Msg {
    Msg::Began(Err(vec![Refusal::new(fact, lift)]))
}

#[test]
fn what_cannot_be_taken_back_is_named_anew_before_a_run_goes_on() {
    let mut model = with_unfinished((120, 40));
    assert_eq!(
        keys(&mut model, "cslice-a<enter>"),
        [Effect::GoOn(RUN.to_owned(), Vec::new())]
    );
    let needs = refused(
        "step 6 (throw away what only stor4 has of r0) cannot be taken back, and is not proven",
        "to go on, name it again: --discard=r0",
    );
    assert_eq!(update(&mut model, needs), [Effect::ReadRuns]);
    let shown = text(&model);
    for words in [
        "consent again: discard",
        "throw away what only stor4 has of r0",
        "Type the name in full: discard=r0",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(keys(&mut model, "<enter>"), [], "enter alone is no yes");
    assert_eq!(keys(&mut model, "discard=<enter>"), []);
    assert_eq!(
        keys(&mut model, "r0<enter>"),
        [Effect::GoOn(RUN.to_owned(), vec![(Rule::Discard, "r0".to_owned())])]
    );
    let works = model.works.as_ref().unwrap();
    assert_eq!(
        works.runs.word, "slice-a",
        "the run is still spoken for by its own name"
    );
    // It may be left there, and then nothing happens.
    update(&mut model, refused("step 6", "name it again: --discard=r1"));
    assert_eq!(keys(&mut model, "<esc>"), []);
    assert!(model.layers.is_empty());
}

#[test]
fn a_run_that_does_not_go_on_says_what_was_tried() {
    let mut model = with_unfinished((120, 40));
    keys(&mut model, "cslice-a<enter>");
    assert!(text(&model).contains("the run is gone on with"), "{}", text(&model));
    update(&mut model, refused("the inventory has changed", "nothing was changed"));
    assert!(text(&model).contains("the run is not gone on with"), "{}", text(&model));
    keys(&mut model, "<esc>");
    assert_eq!(keys(&mut model, "xslice-a<enter>"), [Effect::TakeBack(RUN.to_owned())]);
    assert!(text(&model).contains("the run is taken back"), "{}", text(&model));
    update(&mut model, refused("the inventory has changed", "nothing was changed"));
    assert!(text(&model).contains("the run is not taken back"), "{}", text(&model));
}

#[test]
fn a_segment_and_a_topology_have_menus() {
    let mut model = console((120, 40));
    keys(&mut model, "3m");
    let shown = text(&model);
    assert!(shown.contains("runbooks for the topology db-main"), "{shown}");
    assert!(shown.contains("db1 has no account to follow another with"), "{shown}");
    assert_eq!(keys(&mut model, "<enter>"), [], "none of them applies");
    keys(&mut model, "<esc>1");
    let at = names(&model).iter().position(|name| name == "seg-2").unwrap();
    keys(&mut model, &"<down>".repeat(at));
    keys(&mut model, "m");
    let shown = text(&model);
    for words in [
        "runbooks for the segment seg-2",
        "slice-a: stor3 → stor4",
        "slice-b: both sides are not connected",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let effects = keys(&mut model, "<enter>");
    let [Effect::Plan(_, asked)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!((asked.runbook.as_str(), asked.word.as_str()), ("slice-move", "slice-a"));
}

#[test]
fn the_page_of_a_slice_shows_its_runbooks_where_they_can_be_used() {
    let mut model = console((120, 80));
    keys(&mut model, ":slice-a<enter>");
    let shown = text(&model);
    assert!(shown.contains("RUNBOOKS"), "{shown}");
    assert!(
        shown.contains("stor3 → stor4") && shown.contains("it is at home on stor3"),
        "{shown}"
    );
    model.works = None;
    assert!(!text(&model).contains("RUNBOOKS"), "{}", text(&model));
}

#[test]
fn what_a_dead_server_showed_last_is_compared_with_what_its_standby_shows() {
    let fault = |host: &str, code, severity| Finding {
        code,
        severity,
        subject: Subject::on(SubjectKind::Filesystem, &HostName::new(host), "/srv"),
        since: ago(60),
        evidence: "errors were counted".into(),
        hosts: Vec::new(),
        unseen: false,
    };
    let alike = |findings: [Finding; 2]| {
        let mut view = fixture::view();
        view.findings = findings.into_iter().collect();
        let of = |object: &Object| {
            let offers = offers(&view, object, NOW);
            let failover = offers.iter().find(|offer| offer.asked.runbook == "failover").unwrap();
            failover.asked.alike.clone()
        };
        let found = of(&Object::Slice("slice-a".into()));
        assert_eq!(of(&Object::Host(HostName::new("stor3"))), found);
        found
    };
    // The first is of a server that is not seen any more.
    let same = [
        fault("stor3", Code::FilesystemError, Severity::Unknown),
        fault("stor4", Code::FilesystemError, Severity::Critical),
    ];
    assert_eq!(
        alike(same),
        ["stor4 shows FilesystemError (stor4 /srv), as stor3 did when it was last seen"]
    );
    for (first, second) in [
        // Another fault; one that nobody shares; a server of another slice.
        (fault("stor3", Code::DiskFull, Severity::Unknown), "stor4"),
        (fault("stor3", Code::HostUnreachable, Severity::Critical), "stor4"),
        (fault("stor1", Code::FilesystemError, Severity::Unknown), "stor4"),
    ] {
        let second = fault(
            second,
            if first.code == Code::HostUnreachable {
                first.code
            } else {
                Code::FilesystemError
            },
            Severity::Critical,
        );
        assert_eq!(alike([first, second]), Vec::<String>::new());
    }
}
