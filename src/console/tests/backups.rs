//! How old backups and their proofs are, on the pages of what they are of.

use super::{pictures::picture, *};
use crate::{
    facts::{
        CleanText, Reach, Reading, Snapshot, UnixMs, Why,
        proof::{BackupList, BackupTest, Listed, Tested},
    },
    fleet::{Backup, BackupHooks, Fleet},
    verdict::{Code, Finding, Severity, Subject, SubjectKind},
};
use std::time::Duration;

const HOUR: u64 = 3600;

/// The fixture with backups of slice-b and db-main on stor1, which says this of them.
fn view(change: impl FnOnce(&mut Snapshot)) -> FleetView {
    let mut view = fixture::view();
    let mut fleet = (*view.fleet).clone();
    let backup = Some(Backup {
        on: "stor1".into(),
        hooks: Some(BackupHooks {
            list: vec!["list".to_owned()],
            restore: vec!["restore".to_owned()],
            fetch: None,
            scratch: "/srv/scratch".to_owned(),
            expect: Vec::new(),
            every: Duration::from_hours(26),
            tested: Duration::from_hours(35 * 24),
        }),
    });
    let mut slices = fleet.segments.iter_mut().flat_map(|segment| &mut segment.slices);
    slices
        .find(|slice| slice.name.as_str() == "slice-b")
        .unwrap()
        .backup
        .clone_from(&backup);
    fleet.topologies[0].backup = backup;
    let parts = (fleet.hosts, fleet.segments, fleet.topologies);
    view.fleet = Arc::new(Fleet::new(
        fleet.name,
        fleet.label,
        fleet.poll,
        parts.0,
        parts.1,
        parts.2,
    ));
    let at = view.fleet.host_index("stor1").unwrap();
    let mut seen = (*view.hosts[at]).clone();
    let mut snapshot = (**seen.snapshot.as_ref().unwrap()).clone();
    let names = ["backup@slice-b", "backup@database@db-main"];
    snapshot.backup_lists = names
        .map(|name| BackupList {
            name: name.into(),
            newest: Reading::known(
                Some(Listed {
                    at: fixture::ago(5 * HOUR),
                    name: "nightly-7".to_owned(),
                    bytes: Some(4 << 30),
                }),
                fixture::ago(200),
            ),
        })
        .into();
    let tests = names.map(|name| BackupTest {
        name: name.into(),
        last: Ok(tested(12 * 24, None)),
    });
    snapshot.backup_tests = Reading::known(tests.into(), fixture::ago(200));
    change(&mut snapshot);
    seen.snapshot = Some(Arc::new(snapshot));
    view.hosts[at] = Arc::new(seen);
    view
}

fn tested(hours: u64, trouble: Option<&str>) -> Tested {
    Tested {
        backup: "nightly-2".into(),
        began: fixture::ago((hours + 5) * HOUR),
        at: fixture::ago(hours * HOUR),
        trouble: trouble.map(Into::into),
    }
}

fn found(view: &mut FleetView, code: Code, kind: SubjectKind, name: &str) {
    let mut findings = view.findings.to_vec();
    findings.push(Finding {
        code,
        severity: Severity::Warning,
        subject: Subject::of_fleet(kind, name),
        since: fixture::ago(60),
        evidence: CleanText::new("what the rule has seen"),
        hosts: Vec::new(),
        unseen: false,
    });
    view.findings = findings.into();
}

fn page(view: FleetView, path: &str, size: (u16, u16)) -> String {
    let mut model = console(size);
    model.take_view(Arc::new(view));
    keys(&mut model, path);
    picture(&model)
}

/// The line of a page.
fn line(view: FleetView, path: &str) -> String {
    let page = page(view, path, (220, 100));
    let line = page.lines().find_map(|line| Some(&line[line.find("backup on ")?..]));
    line.unwrap_or_else(|| panic!("{page}")).trim_end().to_owned()
}

#[test]
fn the_age_of_a_backup_and_of_its_proof_look_as_agreed() {
    let mut old = view(|snapshot| {
        snapshot.backup_tests = Reading::absent(fixture::ago(2));
    });
    found(&mut old, Code::BackupUnproved, SubjectKind::Slice, "slice-b");
    insta::assert_snapshot!("slice_backup_120x40", page(old, ":slice-b<enter>", (120, 40)));
}

#[test]
fn every_state_of_a_backup_has_its_words() {
    const SLICE: &str = ":slice-b<enter>";
    let good = "backup on stor1: newest 5 h 0 m old, 4.0 GiB (nightly-7) · proven good 12 d 0 h ago (nightly-2)";
    assert_eq!(line(view(|_| {}), SLICE), good);
    // Each member of a topology tells of the backups of its database.
    assert_eq!(line(view(|_| {}), ":db3<enter>"), good);
    let mut bad = view(|snapshot| {
        let tests = vec![BackupTest {
            name: "backup@slice-b".into(),
            last: Ok(tested(50, Some("3 have other content"))),
        }];
        snapshot.backup_tests = Reading::known(tests, snapshot.at);
        snapshot.backup_lists[0].newest = Reading::known(None, snapshot.at);
    });
    found(&mut bad, Code::BackupOld, SubjectKind::Slice, "slice-b");
    found(&mut bad, Code::BackupBad, SubjectKind::Slice, "slice-b");
    assert_eq!(
        line(bad, SLICE),
        "backup on stor1: ▲ none is listed · ▲ NOT good 2 d 2 h ago (nightly-2)"
    );
    let unknown = view(|snapshot| {
        snapshot.backup_lists[0].newest =
            Reading::unknown(Why::Hung("the command that lists backups".into()), snapshot.at);
        snapshot.backup_tests = Reading::unknown(Why::Denied("ops".into()), snapshot.at);
    });
    assert_eq!(
        line(unknown, SLICE),
        "backup on stor1:  ? newest: no answer: the command that lists backups ·  ? last test: not permitted: ops"
    );
    let mut unseen = view(|_| {});
    let at = unseen.fleet.host_index("stor1").unwrap();
    let mut seen = (*unseen.hosts[at]).clone();
    seen.snapshot = None;
    seen.reach = Reach::Unreachable {
        since: fixture::ago(65),
        why: "no answer in 4 s".into(),
        retries: 3,
        next: UnixMs(NOW.0 + 11_000),
    };
    unseen.hosts[at] = Arc::new(seen);
    let silent = line(unseen, SLICE);
    assert!(
        silent.starts_with("backup on stor1:  ? ") && silent.contains("no answer in 4 s"),
        "{silent}"
    );
}
