use super::*;
use crate::{
    facts::UnixMs,
    runbook::engine::{End, Outcome, Record},
};
use std::os::unix::fs::PermissionsExt as _;

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("state")).unwrap();
    (directory, store)
}

fn run(id: &str) -> NewRun {
    NewRun {
        id: id.into(),
        runbook: "slice-move".into(),
        fleet: "lab".into(),
        owner: "ada@console".into(),
        origin: "{}".into(),
        plan: "{}".into(),
        hash: "abc".into(),
    }
}

fn intent(step: usize) -> Record {
    Record::Intent {
        step,
        back: false,
        attempt: 1,
        commands: vec!["umount /srv/web1".into()],
    }
}

fn outcome(step: usize) -> Record {
    Record::Outcome {
        step,
        back: false,
        outcome: Outcome::Done,
        evidence: vec!["nothing is mounted".into()],
        output: "line\nline".into(),
    }
}

#[test]
fn it_is_the_owners_alone() {
    let (_directory, store) = store();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    store.begin(UnixMs(1), &run("a")).unwrap();
    assert_eq!(mode(store.directory()), 0o700);
    for entry in std::fs::read_dir(store.directory()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let wide = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(store.directory(), wide).unwrap();
    Store::open(store.directory()).unwrap();
    assert_eq!(mode(store.directory()), 0o700);
}

#[test]
fn a_crash_between_intent_and_outcome_is_seen_by_the_next_process() {
    let (_directory, store) = store();
    store.begin(UnixMs(1), &run("a")).unwrap();
    let driving = store.drive("a", "ada@console").unwrap();
    store.append("a", UnixMs(2), "ada@console", &intent(0)).unwrap();
    store.append("a", UnixMs(3), "ada@console", &outcome(0)).unwrap();
    store.append("a", UnixMs(4), "ada@console", &intent(1)).unwrap();
    let other = Store::open(store.directory()).unwrap();
    let standing = other.unfinished().unwrap().remove(0).standing;
    assert!(
        matches!(&standing, Standing::Driven(by) if by.starts_with("ada@console, process ")),
        "{standing:?}"
    );
    assert!(matches!(other.drive("a", "bob@desk"), Err(StoreError::Driven { .. })));
    // The process is gone: the kernel gives its lock back.
    drop(driving);
    drop(store);
    assert_eq!(other.unfinished().unwrap()[0].standing, Standing::Waiting);
    let records: Vec<Record> = other
        .records("a")
        .unwrap()
        .into_iter()
        .map(|timed| timed.record)
        .collect();
    assert_eq!(records, [intent(0), outcome(0), intent(1)]);
    let driving = other.drive("a", "bob@desk").unwrap();
    other
        .append("a", UnixMs(9), "bob@desk", &Record::Ended(End::Done))
        .unwrap();
    driving.finish();
    assert_eq!(other.unfinished().unwrap(), []);
    assert_eq!(other.run("a").unwrap().end, Some(End::Done));
}

#[test]
fn a_lock_of_a_killed_process_is_free() {
    let (_directory, store) = store();
    store.begin(UnixMs(1), &run("a")).unwrap();
    let lock = store.directory().join("run-a.lock");
    // flock(1) holds the same kind of lock as a driver does; what it starts ends with its input.
    let mut holder = std::process::Command::new("flock")
        .arg("--close")
        .arg(&lock)
        .args(["sh", "-c", "echo held; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut line).unwrap();
    assert_eq!(store.driver("a").unwrap(), Driver::Process("another process".into()));
    assert!(matches!(store.drive("a", "x"), Err(StoreError::Driven { .. })));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(store.driver("a").unwrap(), Driver::Nobody);
    store.drive("a", "x").unwrap();
}

#[test]
fn what_an_end_means_for_going_on() {
    let (_directory, store) = store();
    let parked = End::Parked {
        step: 1,
        why: "w".into(),
        next: "n".into(),
        unknown: false,
    };
    let held = End::Held { by: "b".into() };
    let ends = [
        ("done", vec![Record::Ended(End::Done)], false),
        ("parked", vec![intent(0), Record::Ended(parked.clone())], true),
        ("lost", vec![intent(0), Record::Ended(End::Lost)], true),
        ("heldfirst", vec![Record::Ended(held.clone())], false),
        ("heldlater", vec![intent(0), Record::Ended(held)], true),
        (
            "resumed",
            vec![Record::Ended(parked), Record::Resumed { by: "b".into() }],
            true,
        ),
        ("nothing", vec![], true),
    ];
    for (at, (id, records, open)) in ends.iter().enumerate() {
        store.begin(UnixMs(at as u64), &run(id)).unwrap();
        for record in records {
            store.append(id, UnixMs(50), "x", record).unwrap();
        }
        let standing = store.run(id).unwrap().standing;
        assert_eq!(standing == Standing::Waiting, *open, "{id}: {standing:?}");
    }
    let open: Vec<String> = store.unfinished().unwrap().into_iter().map(|run| run.new.id).collect();
    assert_eq!(open, ["parked", "lost", "heldlater", "resumed", "nothing"]);
    assert_eq!(store.run("resumed").unwrap().end, None);
}

/// What was not changed by a step may have been by a takeover; and who wanted a run taken back is told to the next.
#[test]
fn what_a_run_that_was_left_has_done_and_what_was_wanted_of_it() {
    let (_directory, store) = store();
    let left = |id: &str, records: &[Record]| {
        store.begin(UnixMs(1), &run(id)).unwrap();
        for record in records {
            store.append(id, UnixMs(2), "ada@desk", record).unwrap();
        }
        let run = store.run(id).unwrap();
        (run.begun, run.cancelled)
    };
    let cancelled = Record::Cancelled { by: "ada".into() };
    let parked = Record::Ended(End::Parked {
        step: 0,
        why: "stor1 is silent".into(),
        next: "resume it".into(),
        unknown: false,
    });
    let took = Record::TookOver {
        run: "other".into(),
        host: "stor2".into(),
    };
    assert_eq!(left("a", &[]), (false, None));
    assert_eq!(left("b", &[took]), (true, None));
    assert_eq!(left("c", &[intent(0), cancelled.clone()]), (true, Some("ada".into())));
    // What it ended with says what going on with it comes to.
    assert_eq!(left("d", &[intent(0), cancelled, parked]), (true, None));
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_name() {
    let (_directory, store) = store();
    for id in ["20260101-aa", "20260101-ab", "20260102"] {
        store.begin(UnixMs(1), &run(id)).unwrap();
    }
    assert_eq!(store.run("20260101-aa").unwrap().new.id, "20260101-aa");
    assert_eq!(store.run("20260102").unwrap().new.id, "20260102");
    assert_eq!(store.run("202601").unwrap_err().to_string(), "there is no run 202601");
    assert_eq!(store.run("20260101-ab").unwrap().new.id, "20260101-ab");
    assert!(store.run("%").is_err() && store.run("").is_err());
    assert!(store.drive("../a", "x").is_err());
}

/// Changes the file as somebody would who can write it: without the triggers.
fn tamper(store: &Store, sql: &str) {
    let connection = Connection::open(store.directory().join(FILE)).unwrap();
    let all = format!(
        "PRAGMA foreign_keys = OFF; DROP TRIGGER audit_stays; DROP TRIGGER audit_stands; DROP TRIGGER records_stay; DROP TRIGGER records_stand; {sql}"
    );
    connection.execute_batch(&all).unwrap();
}

#[test]
fn the_first_broken_row_of_the_audit_log_is_named() {
    let whole = |store: &Store| matches!(store.verify().unwrap(), Verified::Whole { .. });
    let cases = [
        ("UPDATE audit SET what = 'nothing' WHERE seq = 3", 3),
        ("UPDATE audit SET who = 'eve' WHERE seq = 1", 1),
        ("UPDATE audit SET at = at + 1 WHERE seq = 2", 2),
        ("UPDATE audit SET hash = upper(hash) WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq > 3", 4),
        (
            "UPDATE records SET record = '{\"record\":\"turned_back\",\"why\":\"x\"}' WHERE seq = 2",
            3,
        ),
        ("DELETE FROM records WHERE seq = 2", 3),
        ("UPDATE runs SET hash = 'abd'", 1),
        ("UPDATE runs SET plan = '{ }'", 1),
        ("UPDATE runs SET origin = replace(origin, 'web1', 'web2')", 1),
        ("UPDATE runs SET origin = '{}'", 1),
        ("UPDATE runs SET owner = 'eve@console'", 1),
        ("UPDATE runs SET fleet = 'other'", 1),
        ("UPDATE runs SET began = 2", 1),
        ("DELETE FROM runs", 1),
        (
            "INSERT INTO runs (id, runbook, fleet, owner, began, origin, plan, hash) VALUES ('b', 'x', 'x', 'x', 1, '', '', '')",
            5,
        ),
    ];
    let glass = r#"{"glass":[{"rule":"discard","resource":"web1","by":"ada@console"}]}"#;
    for (sql, broken) in cases {
        let (_directory, store) = store();
        assert!(whole(&store));
        let run = NewRun {
            origin: glass.into(),
            ..run("a")
        };
        store.begin(UnixMs(1), &run).unwrap();
        let row = &store.audited(1).unwrap()[0].what;
        assert!(
            row.contains("plan abc") && row.contains("set aside: discard web1 by ada@console"),
            "{row}"
        );
        store.append("a", UnixMs(2), "x", &intent(0)).unwrap();
        store.append("a", UnixMs(3), "x", &outcome(0)).unwrap();
        store.audit(UnixMs(4), "x", "said \"something\"\nelse").unwrap();
        assert!(whole(&store));
        tamper(&store, sql);
        match store.verify().unwrap() {
            Verified::Broken { seq, .. } => assert_eq!(seq, broken, "{sql}"),
            whole @ Verified::Whole { .. } => panic!("{sql}: {whole:?}"),
        }
    }
}

#[test]
fn a_run_of_an_older_version_is_no_break() {
    let (_directory, store) = store();
    let row = "run b begins: slice-move by plan abc";
    store.audit(UnixMs(1), "ada@console", row).unwrap();
    tamper(
        &store,
        "INSERT INTO runs (id, runbook, fleet, owner, began, origin, plan, hash)
         VALUES ('b', 'slice-move', 'lab', 'ada@console', 1, '{}', '{}', 'abc')",
    );
    assert!(matches!(store.verify().unwrap(), Verified::Whole { rows: 1, .. }));
}

#[test]
fn nothing_written_can_be_changed_by_mistake() {
    let (_directory, store) = store();
    store.begin(UnixMs(1), &run("a")).unwrap();
    store.append("a", UnixMs(2), "x", &intent(0)).unwrap();
    for sql in [
        "UPDATE audit SET what = ''",
        "DELETE FROM audit",
        "UPDATE records SET at = 0",
        "DELETE FROM records",
    ] {
        let refused = store.read(|connection| Ok(connection.execute_batch(sql)?)).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_what_was_there() {
    let (_directory, store) = store();
    store.begin(UnixMs(1), &run("a")).unwrap();
    store.fill_up(2);
    let mut written = 0;
    let error = loop {
        match store.append("a", UnixMs(2), "x", &intent(written)) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000);
    };
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(store.records("a").unwrap().len(), written);
    assert!(matches!(store.verify().unwrap(), Verified::Whole { .. }));
}

#[test]
fn orders_are_taken_once() {
    let (_directory, store) = store();
    store.begin(UnixMs(1), &run("a")).unwrap();
    store.order("a", UnixMs(2), "bob@desk", "cancel").unwrap();
    let other = Store::open(store.directory()).unwrap();
    let orders = other.take_orders("a").unwrap();
    assert_eq!(
        (orders[0].who.as_str(), orders[0].what.as_str()),
        ("bob@desk", "cancel")
    );
    assert_eq!(other.take_orders("a").unwrap(), []);
    assert_eq!(store.take_orders("a").unwrap(), []);
}

#[test]
fn commands_and_stalls_are_read_back() {
    let (_directory, store) = store();
    store.begin(UnixMs(1), &run("a")).unwrap();
    let command = Command {
        step: 2,
        back: true,
        attempt: 1,
        host: "stor1".into(),
        began: UnixMs(5),
        took_ms: 12,
        exit: None,
        output: "cut short".into(),
    };
    store.keep_commands("a", std::slice::from_ref(&command)).unwrap();
    assert_eq!(store.commands("a").unwrap(), [command]);
    let stall = |longest_ms, answers| Stall {
        client: "node1".into(),
        slice: "web1".into(),
        mount_point: "/srv/web1".into(),
        longest_ms,
        answers,
        note: String::new(),
    };
    for (longest, answers) in [(Some(700), 5), (Some(300), 3), (None, 0)] {
        store.keep_stalls("a", &[stall(longest, answers)]).unwrap();
    }
    assert_eq!(store.stalls("a").unwrap(), [stall(Some(700), 8)]);
}

#[test]
fn names_of_runs_differ_and_say_when() {
    let (one, two) = (new_id(UnixMs(1_795_230_727_045)), new_id(UnixMs(1_795_230_727_045)));
    assert!(one.starts_with("20261121-031207-"), "{one}");
    assert_ne!(one, two);
}
