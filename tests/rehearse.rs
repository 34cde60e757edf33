//! Rehearsals as an engineer runs them: on the example inventory, with every fault there is, and reaching nobody.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/mod.rs"]
mod support;

use pointsman::{rehearse::fault::KINDS, runbook::planner::catalogue};
use serde_json::Value;
use std::{
    net::TcpListener,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use support::Terminal;

const EXAMPLE: &str = include_str!("../inventory.example.yaml");

/// A place that the program takes for the user's home and for the temporary directory.
struct Desk {
    directory: tempfile::TempDir,
}

struct Played {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(desk.path("home")).unwrap();
        std::fs::create_dir(desk.path("tmp")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn inventory(&self, text: &str) -> String {
        let path = self.path("inventory.yaml");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command
            .args(args)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"));
        for name in ["POINTSMAN_INVENTORY", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        command
    }

    fn play(&self, args: &[&str]) -> Played {
        let output = self.command(args).output().unwrap();
        Played {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Nothing was kept: no journal, no audit log, no temporary directory.
    fn is_empty(&self) {
        for name in ["home", "tmp"] {
            let left: Vec<_> = std::fs::read_dir(self.path(name)).unwrap().collect();
            assert!(left.is_empty(), "{name} holds {left:?}");
        }
    }
}

/// The example inventory, as the runbook needs it: by snapshots only datasets can move, as fast as they go.
fn example(runbook: &str) -> String {
    let mut text = EXAMPLE.to_owned();
    if runbook == "migrate-zfs" {
        for (from, to) in [
            ("device: /dev/drbd0\n", "device: tank/web-1\n"),
            ("device: /dev/md9,", "device: pool/web-1,"),
            ("  limit_kib_s: 50000 ", "  # limit_kib_s: 50000 "),
        ] {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
    }
    text
}

/// Rehearses on the example inventory.
fn rehearse(args: &[&str]) -> Played {
    let desk = Desk::new();
    let inventory = desk.inventory(&example(args.first().copied().unwrap_or_default()));
    let played = desk.play(&[&["rehearse", "-i", &inventory], args].concat());
    desk.is_empty();
    played
}

#[track_caller]
fn ends(args: &[&str], code: i32, says: &[&str]) {
    let played = rehearse(args);
    assert_eq!(played.code, code, "{args:?}\n{}\n{}", played.out, played.err);
    for wanted in says {
        assert!(
            played.out.contains(wanted),
            "{args:?} lacks {wanted:?}\n{}\n{}",
            played.out,
            played.err
        );
    }
    for line in played.out.lines() {
        assert!(line.starts_with("REHEARSAL"), "{line}");
    }
}

/// What every built-in runbook needs to be rehearsed to its end on the example.
fn to_done(runbook: &str) -> &'static [&'static str] {
    match runbook {
        "slice-move" | "backup-test" => &["slice=web-1"],
        "failover" => &["server=stor1", "slices=web-1", "--fault=dead:stor1"],
        "fail-back" => &["slice=web-1", "soak=1", "--fault=failed-over:web-1", "--answer=web-1"],
        "split-brain" => &[
            "slice=web-1",
            "victim=stor2",
            "--discard=web1",
            "--fault=split-brain:web-1",
        ],
        "restore-from-backup" => &[
            "slice=web-1",
            "into=web-1-interim",
            "--fault=dead:stor1",
            "--fault=dead:stor2",
            "--answer=web-1",
        ],
        "service" => &["hosts=stor1", "unit=cron", "state=restarted"],
        "rolling" => &["hosts=gate1", "work=reboot", "soak=1"],
        "mysql-switchover" | "database-backup-test" => &["database=shop"],
        "mysql-failover" => &["server=db1", "--assert-off=db1", "--fault=dead:db1"],
        "mysql-returned" => &["server=db1", "--fault=db-failed-over:db1"],
        "galera-recover" => &["database=sessions", "--fault=no-primary:gal1"],
        "galera-join" => &["database=sessions", "--fault=db-down:gal2"],
        "galera-position" => &["server=gal2", "--fault=no-primary:gal1", "--fault=db-down:gal2"],
        // The copies of the disks are as large as the disks: they are waited for as long as is said here.
        "disk-replace" => &["host=stor1", "array=md0", "disk=sdb", "by=sdf", "rebuild=5"],
        "fence-segment" => &["segment=web", "slices=web-1", "clients=access*", "--fault=dead:stor1"],
        "unfence-segment" => &["segment=web", "slices=web-1", "--fault=fenced:web-1"],
        "client-repoint" => &["slice=web-1", "patience=1", "--fault=stale:web-1"],
        "scrub" => &["host=stor1", "array=md0", "check=5"],
        "pool-replace" => &["host=stor1", "pool=tank", "disk=sdg", "by=sdf", "rebuild=5"],
        "pool-scrub" => &["host=stor1", "pool=tank", "check=5"],
        "migrate-many" => &["of=segment=web", "segment=interim", "slices=web-1"],
        // Of the second nothing has moved there yet: that it refuses is what can be practised.
        "migrate" | "migrate-zfs" | "migrate-reclaim" => &["slice=web-1", "into=web-1-interim"],
        other => panic!("{other} is not rehearsed by any test: add it here"),
    }
}

#[test]
fn every_built_in_runbook_is_rehearsed_to_its_end() {
    std::thread::scope(|scope| {
        for known in catalogue::all() {
            scope.spawn(|| {
                let args = [&[known.name.as_str()], to_done(&known.name)].concat();
                let (code, says) = match known.name.as_str() {
                    "disk-replace" | "scrub" | "pool-replace" | "pool-scrub" => (12, "parked: wait until"),
                    "migrate-reclaim" => (10, "keeps no old side of it"),
                    _ => (0, "done"),
                };
                ends(&args, code, &["not played: mail-1", says]);
            });
        }
    });
}

/// A question that nobody has answered ends a rehearsal, and its journal with it: nothing tells to resume it.
#[test]
fn a_question_is_answered_in_the_rehearsal_or_not_at_all() {
    let played = rehearse(&["fail-back", "slice=web-1", "soak=1", "--fault=failed-over:web-1"]);
    assert_eq!(played.code, 12, "{}{}", played.out, played.err);
    let said = &played.out;
    assert!(
        said.contains("it asks: has") && said.contains("--answer=web-1"),
        "{said}"
    );
    assert!(!said.contains("--batch resume"), "{said}");
}

/// What a site has nobody plays: it is refused before anything begins, with what can be done instead.
#[test]
fn commands_of_ones_own_are_not_played_and_that_is_said_at_once() {
    let desk = Desk::new();
    let inventory = desk.inventory(EXAMPLE);
    let file = desk.path("own.yaml");
    std::fs::write(&file, include_str!("../docs/own-runbook.yaml")).unwrap();
    let play = |words: &[&str]| {
        let args = [
            "rehearse",
            "-i",
            &inventory,
            "--batch",
            file.to_str().unwrap(),
            "hosts=gate1",
        ];
        desk.play(&[&args[..], words].concat())
    };
    let begun = std::time::Instant::now();
    let played = play(&[]);
    assert_eq!(played.code, 10, "{}{}", played.out, played.err);
    assert!(
        played
            .out
            .contains("/usr/local/sbin/site-lb is a command of your own: the copy does not have it"),
        "{}",
        played.out
    );
    assert!(
        !played.out.contains("exit code 127") && !played.out.contains("begun"),
        "{}",
        played.out
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // Its plan can be read, and the rest of it be played.
    assert_eq!(play(&["--dry-run"]).code, 0);
    let rest = play(&["drain=0"]);
    assert_eq!(rest.code, 0, "{}{}", rest.out, rest.err);
}

/// A service that a host does not have, and a parameter that there is not.
#[test]
fn what_cannot_be_is_refused_before_the_first_host_is_touched() {
    ends(
        &["rolling", "hosts=gate1", "work=restart", "unit=nosuch"],
        10,
        &["gate1 has no service nosuch"],
    );
    let played = rehearse(&["service", "hosts=gate1", "unti=cron", "state=started"]);
    assert_eq!(played.code, 64, "{}{}", played.out, played.err);
    assert!(played.err.contains("did you mean unit?"), "{}", played.err);
}

#[test]
fn every_fault_before_the_plan_ends_as_it_should() {
    let slice_move = ["slice-move", "slice=web-1"];
    let failover = ["failover", "server=stor1", "slices=web-1"];
    let cases: &[(&[&str], &str, i32, &str)] = &[
        (&slice_move, "dead:stor2", 10, "dead:stor2: stor2 has lost its power"),
        (&slice_move, "dead:stor1", 10, "refused, nothing was changed"),
        (&slice_move, "hung:stor2", 10, "refused, nothing was changed"),
        (&slice_move, "cut:stor1", 10, "the console cannot reach stor1"),
        (&slice_move, "degraded:stor2", 10, "md0 of stor2 is degraded"),
        (&slice_move, "pair-partitioned:web-1", 10, "connected and UpToDate"),
        (&slice_move, "split-brain:web-1", 10, "connected and UpToDate"),
        (&slice_move, "second-operator:web-1", 14, "somebody@else"),
        (&slice_move, "reboot:access1", 0, "boots"),
        (&slice_move, "fails:stor1", 11, "taken back"),
        (
            &slice_move,
            "lost-reply:stor1",
            0,
            "the connection was lost before the reply",
        ),
        (&slice_move, "disk-full:stor1", 10, "refused"),
        (
            &slice_move,
            "failed-over:web-1",
            10,
            "failed-over:web-1: web-1 is on stor2; stor1 is back",
        ),
        (
            &failover,
            "degraded:stor2",
            10,
            "hint: in the copy stor1 is well; to rehearse its death: --fault=dead:stor1",
        ),
        (&failover, "cut:stor1", 10, "stor1 is not dead"),
        (
            &["failover", "server=stor1"],
            "dead:stor1",
            0,
            "left where they are, for they have no other server: mail-1",
        ),
        // The side that serves is no victim while nothing is known that the other one has.
        (
            &["split-brain", "slice=web-1", "victim=stor2", "--discard=web1"],
            "failed-over:web-1",
            10,
            "use fail-back, or throw stor1's side away: victim=stor1",
        ),
    ];
    std::thread::scope(|scope| {
        for (runbook, fault, code, says) in cases {
            let fault = format!("--fault={fault}");
            scope.spawn(move || ends(&[runbook, &[fault.as_str()][..]].concat(), *code, &[says]));
        }
    });
}

#[test]
fn every_fault_at_a_step_ends_as_it_should() {
    // (faults, exit code, what is said)
    let cases: &[(&[&str], i32, &str)] = &[
        (&["lost-reply@drbd-demote"], 0, "the next reply of stor1 will be lost"),
        (&["fails@mount"], 11, "the next command on stor2 will fail"),
        (
            &["second-operator:web-1@drbd-promote"],
            12,
            "somebody@else has taken it over",
        ),
        (&["reboot:stor1@unexport"], 0, "stor1 has lost its power and boots"),
        (&["disk-full:stor2@unmount"], 11, "it can keep no claim and no receipt"),
        (&["dead:stor2@mount"], 13, "stor2 has lost its power"),
        (&["disk-full@4"], 13, "the disk with the journal is full"),
        (
            &["pair-partitioned:web-1@unmount"],
            11,
            "the two sides of web-1 cannot talk",
        ),
        (
            &["cut:stor2@drbd-promote,5s"],
            0,
            "cut:stor2@drbd-promote,5s: it is over",
        ),
        (
            &["hung:stor2@drbd-promote,5s"],
            0,
            "hung:stor2@drbd-promote,5s: it is over",
        ),
        (&["degraded:stor2@drbd-promote"], 0, "has lost a disk"),
        (&["dead:access1@3"], 0, "access1 has lost its power"),
        (
            &["returns:stor1@3"],
            0,
            "stor1 is well: it can come back after dead, hung or cut: it did not happen",
        ),
        (
            &["fails@1", "dead:stor2@mount"],
            11,
            "dead:stor2@mount: it did not happen, the run did not come to that step",
        ),
    ];
    std::thread::scope(|scope| {
        for (faults, code, says) in cases {
            let faults: Vec<String> = faults.iter().map(|fault| format!("--fault={fault}")).collect();
            scope.spawn(move || {
                let mut args = vec!["slice-move", "slice=web-1"];
                args.extend(faults.iter().map(String::as_str));
                ends(&args, *code, &[says]);
            });
        }
    });
}

#[test]
fn a_run_that_was_parked_is_gone_on_with() {
    std::thread::scope(|scope| {
        for (fault, then, code, says) in [
            ("disk-full@4", "resume", 0, "goes on: "),
            ("disk-full@4", "back", 11, "goes on: "),
            // No minute of silence while a dead host is asked.
            (
                "dead:stor2@mount",
                "resume",
                11,
                "asks stor2 every 2 s what became of it, for ",
            ),
        ] {
            scope.spawn(move || {
                let (fault, then) = (format!("--fault={fault}"), format!("--then={then}"));
                let args = ["slice-move", "slice=web-1", fault.as_str(), then.as_str()];
                ends(&args, code, &["everything is mended", says]);
            });
        }
    });
}

#[test]
fn json_is_that_of_a_run_with_a_mark_on_every_line() {
    let played = rehearse(&[
        "failover",
        "server=stor1",
        "slices=web-1",
        "--fault=dead:stor1",
        "--json",
    ]);
    assert_eq!(played.code, 0, "{}{}", played.out, played.err);
    let lines: Vec<Value> = played
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        assert_eq!(
            (&line["rehearsal"], &line["version"]),
            (&true.into(), &1.into()),
            "{line}"
        );
    }
    let event = |name: &str| lines.iter().find(|line| line["event"] == name).unwrap();
    assert_eq!(event("rehearsal")["faults"][0], "dead:stor1");
    assert_eq!(event("fault")["text"], "dead:stor1: stor1 has lost its power");
    let plan = lines
        .iter()
        .find(|line| line.get("steps").is_some_and(Value::is_array))
        .unwrap();
    assert_eq!(plan["runbook"], "failover");
    assert_eq!(event("end")["exit"], 0);
    assert!(
        event("end")["clients"]
            .as_array()
            .is_some_and(|clients| !clients.is_empty())
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_a_report_is_marked() {
    let desk = Desk::new();
    let inventory = desk.inventory(EXAMPLE);
    let args = ["rehearse", "-i", &inventory, "slice-move", "slice=web-1"];
    let played = desk.play(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(played.code, 0, "{}", played.err);
    assert!(
        played.out.contains(" 1. drop NFS") && !played.out.contains("REHEARSAL  run "),
        "{}",
        played.out
    );
    let played = desk.play(&[&args[..], &["--report=run.md"]].concat());
    assert_eq!(played.code, 0, "{}", played.err);
    let report = std::fs::read_to_string(desk.path("run.md")).unwrap();
    assert!(
        report.starts_with("**REHEARSAL") && report.contains("# Run "),
        "{report}"
    );
    let played = desk.play(&[&args[..], &["--report=run.json"]].concat());
    assert_eq!(played.code, 0, "{}", played.err);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(desk.path("run.json")).unwrap()).unwrap();
    assert_eq!(report["rehearsal"], true);
    desk.is_empty();
}

#[test]
fn hints_say_which_fault_makes_a_runbook_apply() {
    std::thread::scope(|scope| {
        for (args, hint) in [
            (&["failover", "server=stor1", "slices=web-1"][..], "--fault=dead:stor1"),
            (
                &["failover", "server=stor1", "slices=web-1,mail-1", "--fault=dead:stor1"],
                "mail-1 has one server only and cannot move; name those that can: slices=web-1",
            ),
            (&["fail-back", "slice=web-1"], "--fault=failed-over:web-1"),
            (
                &["split-brain", "slice=web-1", "victim=stor2"],
                "--fault=split-brain:web-1",
            ),
        ] {
            scope.spawn(move || {
                let played = rehearse(args);
                assert_eq!(played.code, 10, "{}{}", played.out, played.err);
                let said = played
                    .out
                    .lines()
                    .any(|line| line.contains("hint: ") && line.contains(hint));
                assert!(said, "{args:?}\n{}", played.out);
            });
        }
        // A question that nobody has answered.
        scope.spawn(|| {
            let args = ["fail-back", "slice=web-1", "soak=1", "--fault=failed-over:web-1"];
            ends(&args, 12, &["rehearse again with the answer: --answer=web-1"]);
        });
    });
}

#[test]
fn what_there_is_not_is_named_with_what_there_is() {
    std::thread::scope(|scope| {
        for (args, says) in [
            (
                &["slice-move", "slice=web-1", "--fault=ded:stor1"][..],
                "did you mean dead?",
            ),
            (
                &["slice-move", "slice=web-1", "--fault=dead:stor9"],
                "it has here, gate1, stor1",
            ),
            (
                &["slice-move", "slice=web-1", "--fault=split-brain:web-9"],
                "it has web-1, web-2",
            ),
            (
                &["slice-move", "slice=web-1", "--fault=split-brain:mail-1"],
                "it has web-1, web-2",
            ),
            (
                &["slice-move", "slice=web-1", "--fault=fails@40"],
                "it has 1 port-block on stor1",
            ),
            (
                &["slice-move", "slice=web-1", "--fault=fails@fence"],
                "no step \"fence\"",
            ),
            (&["slice-move", "slice=web-1", "--fault=returns:stor1"], "stor1 is well"),
            (&["slice-mov", "slice=web-1"], "there is no runbook"),
            (&["slice-move", "web-1"], "give NAME=VALUE"),
            (&[], "name a runbook"),
            (&["slice-move", "slice=web-1", "--state-dir=x"], "leave --state-dir out"),
        ] {
            scope.spawn(move || {
                let played = rehearse(args);
                assert_eq!(played.code, 64, "{args:?} {}{}", played.out, played.err);
                assert!(played.err.contains(says), "{args:?}: {}", played.err);
            });
        }
    });
    let desk = Desk::new();
    let inventory = desk.inventory(EXAMPLE);
    for option in ["--read-only", "--wall"] {
        let played = desk.play(&["-i", &inventory, option, "rehearse", "slice-move", "slice=web-1"]);
        assert_eq!(played.code, 64, "{}", played.err);
    }
    desk.is_empty();
}

#[test]
fn help_lists_every_fault() {
    let played = Desk::new().play(&["rehearse", "--help"]);
    assert_eq!(played.code, 0);
    for known in KINDS {
        assert!(played.out.contains(&format!("  {}", known.word)), "{}", known.word);
    }
}

/// An inventory whose every address, command and connection would be noticed, were it used.
fn trapped(desk: &Desk, port: u16) -> String {
    let touched = desk.path("touched").display().to_string();
    let config = desk.path("home/.ssh");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(
        config.join("config"),
        format!("Host *\n  ProxyCommand sh -c 'touch {touched}'\n"),
    )
    .unwrap();
    let fenced = format!("fencing: {{ off: [touch, {touched}], status: [touch, {touched}], says_off: off }}");
    format!(
        "fleet: trapped
ssh_config: {config}/config
defaults: {{ port: {port}, user: nobody }}
hosts:
  one: {{ address: 127.0.0.2, roles: [storage], {fenced} }}
  two: {{ address: localhost, roles: [storage], jump: ['127.0.0.3:{port}'], {fenced} }}
  client:
    via: local
    mounts: [{{ slice: data, at: /mnt/data }}]
    probes: {{ p: {{ command: [touch, {touched}], regex: '(.*)' }} }}
segments:
  seg:
    servers: [one, two]
    slices:
      data:
        resource: data
        device: /dev/drbd0
        mount_point: /srv/data
        export: {{ clients: [10.99.0.0/24], options: [rw, fsid=7] }}
        service_address: 10.99.0.5/24
        preferred: one
",
        config = config.display(),
    )
}

#[test]
fn a_rehearsal_dials_nobody_and_runs_nothing() {
    let desk = Desk::new();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let agent = UnixListener::bind(desk.path("agent")).unwrap();
    agent.set_nonblocking(true).unwrap();
    let inventory = desk.inventory(&trapped(&desk, listener.local_addr().unwrap().port()));
    for args in [
        &["failover", "server=one", "--fault=dead:one"][..],
        &["slice-move", "slice=data"],
    ] {
        let output = desk
            .command(&[&["rehearse", "-i", &inventory], args].concat())
            .env("SSH_AUTH_SOCK", desk.path("agent"))
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{out}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            !out.contains("touch "),
            "a real command is shown as if it were run: {out}"
        );
    }
    let unheard = |error: std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    assert!(listener.accept().is_err_and(unheard), "somebody was dialled");
    assert!(agent.accept().is_err_and(unheard), "the user's agent was asked");
    assert!(!desk.path("touched").exists(), "a command of this machine was run");
    let left = |name: &str| std::fs::read_dir(desk.path(name)).unwrap().count();
    assert_eq!((left("home"), left("tmp")), (1, 0), "only .ssh is there");
    // The trap is one: without a rehearsal it is sprung.
    let output = desk
        .command(&["-i", &inventory, "--batch", "status", "--timeout", "5s"])
        .output()
        .unwrap();
    assert!(output.status.code() != Some(0));
    assert!(desk.path("touched").exists() || listener.accept().is_ok());
}

fn has_journal(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().starts_with("pointsman-rehearsal-")
    })
}

#[test]
fn the_console_opens_on_the_copy_and_faults_happen_in_it() {
    let desk = Desk::new();
    let inventory = desk.inventory(EXAMPLE);
    let (home, temporary) = (desk.path("home"), desk.path("tmp"));
    let env = [
        ("HOME", home.to_str().unwrap()),
        ("TMPDIR", temporary.to_str().unwrap()),
        ("XDG_STATE_HOME", ""),
        ("XDG_CONFIG_HOME", ""),
    ];
    let program = env!("CARGO_BIN_EXE_pointsman");
    let mut terminal = Terminal::run_with(program, &["rehearse", "-i", &inventory], 120, 40, &env);
    terminal.wait("the mark", |screen| {
        screen.contains("Northlight") && screen.contains("REHEARSAL")
    });
    assert!(has_journal(&temporary));
    // The real screens, from the menu over the plan and consent to the end of the run.
    terminal.send(":web-1\r");
    terminal.wait("both sides", |screen| {
        screen.contains("PRIMARY") && screen.contains("Secondary")
    });
    terminal.send("m");
    terminal.wait_for("● possible");
    terminal.send("\r");
    terminal.wait("the plan, marked", |screen| {
        screen.contains("plan: nothing has been done yet") && screen.contains("REHEARSAL")
    });
    terminal.send("\r");
    terminal.wait_for("nothing happens");
    terminal.send("web-1\r");
    terminal.wait("the run, marked", |screen| {
        screen.contains("done: every step is proven") && screen.contains("REHEARSAL")
    });
    terminal.send("1");
    terminal.send(":fault ded:stor1\r");
    terminal.wait_for("did you mean dead?");
    terminal.send(":fault dead:stor2\r");
    terminal.wait_for("FAULT dead:stor2");
    terminal.wait("the dead server", |screen| {
        screen.contains("stor2") && screen.contains("unreachable")
    });
    std::thread::sleep(Duration::from_millis(200));
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    desk.is_empty();
}
