//! The scripted front end as scripts see it: documents, exit codes, and never a prompt.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Output, Stdio},
};

fn pointsman(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(args)
        .stdin(Stdio::null())
        .env_remove("POINTSMAN_INVENTORY")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn demo_status() -> (Value, i32) {
    let output = pointsman(&["--demo", "--batch", "status", "--json"]);
    let document =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (document, output.status.code().unwrap())
}

/// Each call is a fleet of its own, and the same one: what was read can be run.
#[test]
fn a_plan_of_the_demo_can_be_run_by_the_next_call() {
    let plan = pointsman(&["--demo", "--batch", "plan", "slice-move", "slice=slice-c", "--json"]);
    assert_eq!(plan.status.code(), Some(0));
    let text = String::from_utf8(plan.stdout).unwrap();
    let hash = text.split("\"hash\":\"").nth(1).unwrap().split('"').next().unwrap();
    let yes = format!("--yes={hash}");
    let run = pointsman(&["--demo", "--batch", "run", "slice-move", "slice=slice-c", &yes]);
    let said = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{said}");
}

#[test]
fn status_of_the_demo_is_the_documented_document() {
    let (status, code) = demo_status();
    assert_eq!(status["version"], 1);
    assert!(status["at"].as_str().unwrap().ends_with('Z'));
    let hosts = status["hosts"].as_array().unwrap();
    assert!(hosts.len() >= 25, "{} hosts", hosts.len());
    for host in hosts {
        for key in [
            "name",
            "state",
            "reachable",
            "age_ms",
            "rtt_ms",
            "roles",
            "raid",
            "drbd",
            "nfs_exports",
            "nfs_mounts",
            "zfs",
            "mysql",
            "system",
        ] {
            assert!(host.get(key).is_some(), "{} lacks {key}", host["name"]);
        }
    }
    // The README's example names every part of the machine.
    let readme = include_str!("../README.md");
    let system = hosts[0]["system"].as_object().unwrap();
    for (part, value) in system {
        assert!(
            readme.contains(&format!("\"{part}\": ")),
            "the README lacks system.{part}"
        );
        for key in value.as_object().into_iter().flat_map(|value| value.keys()) {
            assert!(
                readme.contains(&format!("\"{key}\": ")),
                "the README lacks system.{part}.{key}"
            );
        }
    }
    let up = hosts.iter().filter(|host| host["reachable"] == true).count();
    assert!(up * 10 >= hosts.len() * 8, "only {up} of {} answered", hosts.len());
    let storage: Vec<&Value> = hosts
        .iter()
        .filter(|host| host["roles"].as_array().unwrap().contains(&"storage".into()) && host["reachable"] == true)
        .collect();
    assert!(!storage.is_empty());
    let raid = storage.iter().flat_map(|host| host["raid"].as_array().unwrap());
    for array in raid {
        for key in ["device", "level", "state", "members", "active", "sync"] {
            assert!(array.get(key).is_some(), "an array lacks {key}");
        }
    }
    let drbd: Vec<&Value> = storage
        .iter()
        .flat_map(|host| host["drbd"].as_array().unwrap())
        .collect();
    assert!(drbd.iter().any(|volume| volume["role"] == "Primary"));
    for volume in drbd {
        for key in [
            "resource",
            "minor",
            "connection",
            "role",
            "peer_role",
            "disk",
            "peer_disk",
            "out_of_sync_kib",
        ] {
            assert!(volume.get(key).is_some(), "a volume lacks {key}");
        }
    }
    for finding in status["findings"].as_array().unwrap() {
        for key in ["code", "severity", "subject", "host", "since", "evidence"] {
            assert!(finding.get(key).is_some(), "a finding lacks {key}");
        }
    }
    let expected = match status["state"].as_str().unwrap() {
        "ok" => 0,
        "warning" => 1,
        "critical" => 2,
        "unknown" => 3,
        other => panic!("state {other}"),
    };
    assert_eq!(code, expected);
}

#[test]
fn the_demo_tells_of_backups_that_are_good_old_and_unproved() {
    let (status, _) = demo_status();
    let readme = include_str!("../README.md");
    let backups = status["backups"].as_array().unwrap();
    let backup = |of: &str| backups.iter().find(|backup| backup["of"] == of).unwrap();
    assert_eq!(
        (backups.len(), backup("db-main")["kind"].as_str()),
        (7, Some("database"))
    );
    // The story that the demo tells: one is well, one was never tested, of one nobody has made a new one for days.
    assert!(
        backup("slice-a")["tested"]["good"] == true
            && backup("slice-a")["newest"]["age_seconds"].as_u64() < Some(86_400)
    );
    assert!(backup("slice-e")["tested"].is_null() && backup("slice-e")["unknown"].as_object().unwrap().is_empty());
    assert!(backup("slice-f")["newest"]["age_seconds"].as_u64() > Some(3 * 86_400));
    let found: Vec<(&str, &str)> = status["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| Some((finding["code"].as_str()?, finding["subject"].as_str()?)))
        .filter(|(code, _)| code.starts_with("Backup"))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.contains(&("BackupUnproved", "slice-e")) && found.contains(&("BackupOld", "slice-f")),
        "{found:?}"
    );
    for (key, value) in backup("slice-a").as_object().unwrap() {
        for key in value
            .as_object()
            .into_iter()
            .flat_map(|value| value.keys())
            .chain([key])
        {
            assert!(
                readme.contains(&format!("\"{key}\": ")),
                "the README lacks backups.{key}"
            );
        }
    }
}

/// Every key that the document has is described in the schema, and the schema's required keys are there.
#[test]
fn status_fits_its_schema() {
    let schema: Value = serde_json::from_slice(&pointsman(&["schema", "--status"]).stdout).unwrap();
    let (status, _) = demo_status();
    fits(&status, &schema, &schema, "status");
}

fn fits(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let name = target.rsplit('/').next().unwrap();
        return fits(value, &root["$defs"][name], root, at);
    }
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        if !value.is_null() {
            let real = options
                .iter()
                .find(|option| option.get("type") != Some(&"null".into()))
                .unwrap();
            fits(value, real, root, at);
        }
        return;
    }
    match value {
        Value::Object(map) => {
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                for (key, inner) in map {
                    let property = properties
                        .get(key)
                        .unwrap_or_else(|| panic!("{at}.{key} is not in the schema"));
                    fits(inner, property, root, &format!("{at}.{key}"));
                }
                for key in schema["required"].as_array().into_iter().flatten() {
                    assert!(map.contains_key(key.as_str().unwrap()), "{at} lacks {key}");
                }
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                fits(inner, &schema["items"], root, &format!("{at}[{index}]"));
            }
        }
        _ => {}
    }
}

#[test]
fn a_selector_limits_the_hosts_and_keeps_what_judges_them() {
    let output = pointsman(&["--demo", "--batch", "status", "--json", "stor1"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hosts = status["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0]["name"], "stor1");
    // The host of its slices' backups is asked as well.
    let backups = status["backups"].as_array().unwrap();
    let of: Vec<&str> = backups.iter().filter_map(|backup| backup["of"].as_str()).collect();
    assert_eq!(of, ["slice-a", "slice-b"]);
    assert!(backups.iter().all(|backup| backup["newest"].is_object()), "{backups:?}");
}

#[test]
fn tsv_has_one_header_and_equal_columns() {
    for what in ["status", "findings"] {
        let output = pointsman(&["--demo", "--batch", what, "--tsv"]);
        let text = stdout(&output);
        let mut lines = text.lines();
        let columns = lines.next().unwrap().split('\t').count();
        assert!(columns > 4);
        for line in lines {
            assert_eq!(line.split('\t').count(), columns, "{line}");
        }
    }
}

#[test]
fn watch_ends_with_0_on_a_signal_and_says_so_in_its_documentation() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["--demo", "--batch", "watch", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    assert!(line.contains("\"start\""), "{line}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let help = stdout(&pointsman(&["--help"]));
    assert!(help.contains("0 when it was ended"), "{help}");
    assert!(stdout(&pointsman(&["man"])).contains("Batch watch: it was ended"));
    assert!(include_str!("../README.md").contains("and exits 0 then"));
}

#[test]
fn info_tells_what_is_in_force_and_what_came_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let more = write("more.yaml", "hosts: { b: { roles: [storage] } }\n");
    let inventory = write("inventory.yaml", "fleet: lab\ninclude: [more.yaml]\nhosts: { a: }\n");
    let config = write("config", "IdentityFile /nowhere/key\n");
    let told = stdout(&pointsman(&["info", "-i", &inventory, "-F", &config]));
    for expected in [
        format!("inventory    {inventory} (given with -i)"),
        "fleet lab: 2 hosts, 0 segments, 0 slices, 0 topologies".to_owned(),
        "0 errors, 1 warnings: see pointsman check".to_owned(),
        format!("includes {more}"),
        format!("ssh_config   {config}\n"),
        "keys         /nowhere/key (not there)".to_owned(),
        "agent  ".to_owned(),
        "colours: ".to_owned(),
        "open files  ".to_owned(),
    ] {
        assert!(told.contains(&expected), "{expected:?} is missing:\n{told}");
    }
    // The inventory may name the file itself; the command line wins.
    let own = write("own", "IdentityFile /nowhere/own\n");
    let inventory = write("named.yaml", "fleet: lab\nssh_config: own\nhosts: { a: }\n");
    let told = stdout(&pointsman(&["info", "-i", &inventory]));
    assert!(told.contains(&format!("ssh_config   {own}\n")), "{told}");
    assert!(told.contains("keys         /nowhere/own"), "{told}");
    let told = stdout(&pointsman(&["info", "-i", &inventory, "-F", &config]));
    assert!(told.contains(&format!("ssh_config   {config}\n")), "{told}");
    assert!(told.contains("keys         /nowhere/key"), "{told}");
    std::fs::remove_file(&own).unwrap();
    let checked = pointsman(&["check", &inventory]);
    assert_eq!(checked.status.code(), Some(78));
    assert!(
        stdout(&checked).contains("cannot read the ssh_config `own`"),
        "{}",
        stdout(&checked)
    );
    let broken = stdout(&pointsman(&["info", "-i", "/nowhere/inventory.yaml"]));
    assert!(broken.contains("cannot be read"), "{broken}");
}

#[test]
fn watch_prints_one_json_line_an_event_and_ends_in_time() {
    let output = pointsman(&["--demo", "--batch", "watch", "--json", "--timeout", "6s"]);
    assert!(output.status.success());
    let text = stdout(&output);
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "start");
    assert!(
        events
            .iter()
            .all(|event| event["version"] == 1 && event["at"].is_string())
    );
    assert!(events.iter().any(|event| event["event"] == "raised"), "{text}");
}

/// Scripts leave it running for months: a hangup reads the inventory again, as in the console, and does not end it.
#[test]
fn watch_reads_the_inventory_again_at_a_hangup() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fleet.yaml");
    let hosts = |names: &str| format!("fleet: f\nhosts:\n{names}");
    std::fs::write(&path, hosts("  a: { address: 127.0.0.1, port: 1 }\n")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["--batch", "watch", "--json", "--timeout", "60s", "-i"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.next().unwrap().contains("1 hosts"));
    let mut hang_up = |text: &str, event: &str| {
        std::fs::write(&path, text).unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        let wanted = format!("\"event\":\"{event}\"");
        lines
            .find(|line| line.contains(&wanted))
            .unwrap_or_else(|| panic!("it ended without {event}"))
    };
    let two = hosts("  a: { address: 127.0.0.1, port: 1 }\n  b: { address: 127.0.0.2, port: 1 }\n");
    assert!(hang_up(&two, "reloaded").contains("2 hosts"));
    let wrong = hosts("  a: { adress: 127.0.0.1 }\n");
    assert!(hang_up(&wrong, "reload_failed").contains("adress"));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What was picked stays picked, also where it was the whole of what is watched.
#[test]
fn watch_keeps_to_its_selector_over_a_hangup() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fleet.yaml");
    let two = "fleet: f\nhosts:\n  a: { address: 127.0.0.1, port: 1 }\n  b: { address: 127.0.0.2, port: 1 }\n";
    std::fs::write(&path, two).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["--batch", "watch", "--json", "--timeout", "8s", "-i"])
        .arg(&path)
        .arg("a")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.next().unwrap().contains("\"start\""));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let rest: Vec<String> = lines.collect();
    child.wait().unwrap();
    assert!(rest.iter().any(|line| line.contains("\"reloaded\"")), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("\"subject\":\"a\"")), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("\"subject\":\"b\"")), "{rest:?}");
}

#[test]
fn wrong_command_lines_exit_64_and_say_why() {
    for args in [
        &["--batch", "nonsense"][..],
        &["--demo", "--batch", "status", "role=storage,rols=x"],
        &["--demo", "--batch", "status", "nosuchhost"],
        &["--demo", "--batch", "status", "stor1", "nosuchhost"],
        &["--no-such-option"],
        // Neither opens the console without a terminal, nor ends in a backtrace.
        &["--demo", "--json"],
        &["--demo"],
    ] {
        let output = pointsman(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {}", stderr(&output));
        assert!(!output.stderr.is_empty());
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn wrong_inventories_exit_78_with_file_and_line() {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    file.write_all(b"fleet: test\nhosts:\n  stor1:\n    adress: 192.0.2.1\n")
        .unwrap();
    let path = file.path().to_str().unwrap();
    for args in [&["check", "-i", path][..], &["-i", path, "--batch", "status"]] {
        let output = pointsman(args);
        assert_eq!(
            output.status.code(),
            Some(78),
            "{args:?}: {}{}",
            stdout(&output),
            stderr(&output)
        );
        let text = stdout(&output) + &stderr(&output);
        assert!(
            text.contains(path) && text.contains("adress") && text.contains("address"),
            "{text}"
        );
    }
    let output = pointsman(&["-i", "/nonexistent.yaml", "--batch", "status"]);
    assert_eq!(output.status.code(), Some(78));
}

#[test]
fn a_reader_that_leaves_is_not_an_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["--demo", "--batch", "watch", "--json", "--timeout", "20s"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
}

#[test]
fn the_man_page_and_completions_come_from_the_command_line() {
    let man = stdout(&pointsman(&["man"]));
    for word in ["EXIT STATUS", "accept\\-new", "discover", "SIGHUP"] {
        assert!(man.contains(word), "the man page lacks {word}");
    }
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/man/pointsman.1")).unwrap();
    assert_eq!(man, kept, "man/pointsman.1 is old: cargo run -- man > man/pointsman.1");
    assert!(stdout(&pointsman(&["completions", "bash"])).contains("pointsman"));
}

/// Nothing but JSON on standard output, even when hosts cannot be reached; unknown is a value.
#[test]
fn an_unreachable_host_is_unknown_and_exits_3() {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    // Port 1 on the loopback address refuses at once.
    file.write_all(b"fleet: test\nhosts:\n  dead:\n    address: 127.0.0.1\n    port: 1\n")
        .unwrap();
    let output = pointsman(&["-i", file.path().to_str().unwrap(), "--batch", "status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["hosts"][0]["state"], "unknown");
    assert_eq!(status["hosts"][0]["reachable"], false);
    assert_eq!(status["hosts"][0]["age_ms"], Value::Null);
    assert!(
        status["hosts"][0]["unknown"]["host"]
            .as_str()
            .unwrap()
            .contains("connect"),
        "{status}"
    );
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn no_error_steers_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("inventory.yaml");
    let path = file.to_str().unwrap();
    for text in [
        "fleet: \"a\\e[2Jb\"\nhosts:\n  h: { addres: \"\\e[31m\" }\n",
        "fleet: a\x1b[2Jb\nhosts:\n  h: { addres: \u{202e} }\n",
        "fleet: ok\nhosts:\n  h: { address: h }\n",
    ] {
        std::fs::write(&file, text).unwrap();
        for args in [
            &["check", "-i", path][..],
            &["-i", path, "--batch", "status"],
            &["-i", path, "--batch", "status", "\x1b[31m=x"],
            &["-i", "no\x1b[31mfile", "--batch", "status"],
            &["-i", path, "probe-script", "--host", "\x1b[2J"],
        ] {
            // The good inventory is here for the arguments that are wrong with it.
            if text.starts_with("fleet: ok") && args.len() == 4 && args[1] == path {
                continue;
            }
            let output = pointsman(args);
            let all = stdout(&output) + &stderr(&output);
            let steering = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!all.contains(steering), "{args:?}: {all:?}");
        }
    }
}

#[test]
fn the_log_file_is_not_for_everyone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (new, old) = (directory.path().join("new"), directory.path().join("old"));
    std::fs::write(&old, "before\n").unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o666)).unwrap();
    for path in [&new, &old] {
        let output = pointsman(&["--log", path.to_str().unwrap(), "schema"]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!((mode(&new), mode(&old)), (0o600, 0o660));
    assert!(std::fs::read_to_string(&old).unwrap().starts_with("before\n"));
}

/// Runbooks and their runs over the demo, with a journal of the test's own.
struct Runs(tempfile::TempDir);

impl Runs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command
            .args(args)
            .arg("--state-dir")
            .arg(self.0.path().join("state"))
            .stdin(Stdio::null())
            .env_remove("POINTSMAN_INVENTORY")
            .env("POINTSMAN_DEMO_SEED", "7");
        command
    }

    fn call(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn batch(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.call(&[&["--demo", "--batch"], args].concat());
        (output.status.code().unwrap(), stdout(&output), stderr(&output))
    }

    /// A slice of the demo that can be moved now (its story is told anew by each process), and the plan.
    fn movable(&self) -> (String, Value) {
        for letter in 'a'..='f' {
            let slice = format!("slice=slice-{letter}");
            let (code, out, err) = self.batch(&["plan", "slice-move", &slice, "--json"]);
            let document: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
            match code {
                0 => return (slice, document),
                10 => assert_eq!(document["event"], "refused"),
                other => panic!("exit {other}: {out}{err}"),
            }
        }
        panic!("no slice of the demo can be moved");
    }
}

#[test]
fn a_plan_is_printed_and_only_that_plan_is_run() {
    let runs = Runs::new();
    let (slice, plan) = runs.movable();
    assert_eq!(plan["version"], 1);
    let hash = format!("--yes={}", plan["hash"].as_str().unwrap());
    assert!(plan["steps"].as_array().unwrap().len() > 5);
    let (code, out, _) = runs.batch(&["run", "slice-move", &slice, "--dry-run"]);
    assert_eq!(code, 0);
    assert!(
        out.contains(plan["hash"].as_str().unwrap()) && out.contains("proof"),
        "{out}"
    );
    let (code, out, _) = runs.batch(&["run", "slice-move", &slice, "--yes=0000000000000000"]);
    assert_eq!(code, 10);
    assert!(out.contains("stale"), "{out}");
    assert_eq!(runs.batch(&["runs"]).1, "", "nothing was begun so far");
    let (code, out, err) = runs.batch(&["run", "slice-move", &slice, &hash, "--json"]);
    assert_eq!(code, 0, "{out}{err}");
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["version"] == 1));
    let (first, last) = (&events[0], events.last().unwrap());
    assert_eq!((&first["event"], &last["event"]), (&"begun".into(), &"end".into()));
    assert_eq!((&last["exit"], &last["end"]["end"]), (&0.into(), &"done".into()));
    let run = first["run"].as_str().unwrap();
    let (code, out, _) = runs.batch(&["runs", "--json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &listed["run"], &listed["standing"]),
        (0, &run.into(), &"over".into())
    );
    let (code, report, _) = runs.batch(&["report", run]);
    assert_eq!(code, 0);
    assert!(
        report.starts_with(&format!("# Run {run}")) && report.contains("done: every step is proven"),
        "{report}"
    );
    let (code, report, _) = runs.batch(&["report", run, "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((code, &report["plan"]["hash"]), (0, &plan["hash"]));
    let (code, out, _) = runs.batch(&["resume", run]);
    assert_eq!(code, 10, "{out}");
    let verified = runs.call(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(0));
    assert!(
        stdout(&verified).starts_with("the audit log is whole: "),
        "{}",
        stdout(&verified)
    );
}

#[test]
fn a_run_outlives_its_terminal() {
    let runs = Runs::new();
    let (slice, plan) = runs.movable();
    let hash = format!("--yes={}", plan["hash"].as_str().unwrap());
    let mut run = runs
        .command(&["--demo", "--batch", "run", "slice-move", &slice, &hash, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(run.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert!(first.contains("begun"), "{first}");
    let pid = run.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    // Nobody reads any more, either.
    drop((out, run.stderr.take()));
    assert_eq!(run.wait().unwrap().code(), Some(0));
    let (_, listed, _) = runs.batch(&["runs", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["end"]["end"], &listed["kept"]),
        (&"done".into(), &Value::Array(Vec::new()))
    );
}

#[test]
fn a_full_disk_behind_the_output_does_not_stop_a_run() {
    let runs = Runs::new();
    let (slice, plan) = runs.movable();
    let hash = format!("--yes={}", plan["hash"].as_str().unwrap());
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let code = runs
        .command(&["--demo", "--batch", "run", "slice-move", &slice, &hash])
        .stdout(full())
        .stderr(full())
        .status()
        .unwrap();
    assert_eq!(code.code(), Some(0));
    let (_, listed, _) = runs.batch(&["runs", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["end"]["end"], &listed["claiming"]),
        (&"done".into(), &false.into())
    );
}

#[test]
fn runs_refuse_what_cannot_be_meant() {
    let runs = Runs::new();
    for (args, wanted) in [
        (&["run", "slice-move", "slice=slice-a"][..], "--yes=HASH"),
        (&["plan"], "name a runbook"),
        (
            &["plan", "slice-mov", "slice=slice-a"],
            "there is no runbook \"slice-mov\"",
        ),
        (&["plan", "slice-move", "slice-a"], "NAME=VALUE"),
        (&["plan", "slice-move", "slice=a", "slice=b"], "given twice"),
        (&["resume"], "name one run"),
        (&["report", "nothing"], "there is no run nothing"),
        (&["plan", "slice-move", "slice=slice-a", "--read-only"], "--read-only"),
        (&["resume", "x", "--read-only"], "--read-only"),
        (&["runs", "--read-only"], "--read-only there are no runs"),
        (&["report", "x", "--read-only"], "--read-only there are no runs"),
    ] {
        let (code, out, err) = runs.batch(args);
        assert_eq!(code, 64, "{args:?}: {out}{err}");
        assert!(err.contains(wanted), "{args:?}: {err}");
    }
    let (code, out, _) = runs.batch(&["resume", "nothing"]);
    assert_eq!(code, 64, "{out}");
    // Parameters that do not fit are mistakes of the command line as well: no host was asked.
    for (words, wanted) in [
        (&["slice=nothing"][..], "no slice of the inventory"),
        (&["slcie=slice-a"], "did you mean slice?"),
        (&["to=stor1"], "slice-move needs slice"),
        (&["slice=slice-a", "soak=soon"], "takes no parameter soak"),
    ] {
        for args in [
            &["plan", "slice-move"][..],
            &["run", "slice-move", "--yes=0000000000000000"],
        ] {
            let (code, out, err) = runs.batch(&[args, words].concat());
            assert_eq!(code, 64, "{args:?} {words:?}: {out}{err}");
            assert!(err.contains(wanted) && out.is_empty(), "{words:?}: {out}{err}");
        }
    }
}

#[test]
fn a_question_ends_batch_with_the_command_that_answers_it() {
    let runs = Runs::new();
    let (slice, _) = runs.movable();
    let file = runs.0.path().join("careful.yaml");
    let text = "name: careful\ntitle: Asks first\nkind: planned\nabout: slices\nparameters:\n  slice: { type: slice, about: the slice }\nchecks: []\nsteps:\n  - { do: ask, with: { question: is it quiet, word: quiet }, why: a person has to look }\n  - { do: port-block, with: { slice: \"{{ slice }}\", host: \"{{ from }}\" }, why: last }\n";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let checked = pointsman(&["runbook", "check", path]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let (code, plan, err) = runs.batch(&["plan", path, &slice, "--json"]);
    assert_eq!(code, 0, "{plan}{err}");
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let hash = format!("--yes={}", plan["hash"].as_str().unwrap());
    let (code, out, err) = runs.batch(&["run", path, &slice, &hash]);
    assert_eq!(code, 12, "{out}{err}");
    let next = out
        .lines()
        .find(|line| line.starts_with("pointsman --demo --state-dir "))
        .unwrap();
    assert!(next.ends_with("--answer quiet"), "{next}");
    let mut words = next.split_whitespace().skip_while(|word| *word != "resume");
    let run = words.nth(1).unwrap();
    // Whoever comes next is told first, whatever is asked.
    let (_, _, err) = runs.batch(&["plan", "slice-move", &slice]);
    assert!(err.contains(run) && err.contains("not finished"), "{err}");
    assert!(
        err.contains(&format!("pointsman --demo --state-dir {}", runs.0.path().display())),
        "{err}"
    );
    // The command works as it is printed.
    let program = env!("CARGO_BIN_EXE_pointsman");
    let line = format!("'{program}' {}", next.strip_prefix("pointsman ").unwrap());
    let output = Command::new("sh")
        .args(["-c", &line])
        .stdin(Stdio::null())
        .env("POINTSMAN_DEMO_SEED", "7")
        .output()
        .unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{line}: {out}{err}");
    assert_eq!(out.matches("port_block add").count(), 1, "{out}");
}

#[test]
fn a_demo_keeps_no_run_that_could_never_be_gone_on_with() {
    let demo = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command.args([&["--demo", "--batch"], args].concat());
        let home = tempfile::tempdir().unwrap();
        command
            .env("HOME", home.path())
            .env("XDG_STATE_HOME", home.path())
            .env("TMPDIR", home.path());
        let output = command
            .stdin(Stdio::null())
            .env("POINTSMAN_DEMO_SEED", "7")
            .output()
            .unwrap();
        let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
        assert!(left.is_empty(), "{args:?} has left {left:?}");
        (output.status.code().unwrap(), stdout(&output), stderr(&output))
    };
    for args in [&["runs"][..], &["resume", "x"], &["cancel", "x"], &["report", "x"]] {
        let (code, _, err) = demo(args);
        assert_eq!(code, 64, "{args:?}: {err}");
        assert!(err.contains("--state-dir DIR keeps its journal"), "{err}");
    }
    let runs = Runs::new();
    let (slice, _) = runs.movable();
    let (code, out, err) = demo(&["plan", "slice-move", &slice]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("Shell functions that pointsman sends along"), "{out}");
}

#[test]
fn runbooks_are_listed_shown_and_checked() {
    let listed = pointsman(&["runbook", "list"]);
    assert_eq!(listed.status.code(), Some(0));
    let names: Vec<String> = stdout(&listed)
        .lines()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    for name in ["slice-move", "failover", "fail-back", "split-brain"] {
        assert!(names.iter().any(|known| known == name), "{names:?}");
        let shown = pointsman(&["runbook", "show", name]);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("copy.yaml");
        std::fs::write(&file, &shown.stdout).unwrap();
        let checked = pointsman(&["runbook", "check", file.to_str().unwrap()]);
        assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
        let broken = stdout(&shown).replace("do: ", "du: ");
        std::fs::write(&file, broken).unwrap();
        let checked = pointsman(&["runbook", "check", file.to_str().unwrap()]);
        assert_eq!(checked.status.code(), Some(78));
    }
    let example = pointsman(&["runbook", "check", "docs/own-runbook.yaml"]);
    assert_eq!(example.status.code(), Some(0), "{}", stderr(&example));
    assert_eq!(pointsman(&["runbook", "show", "nothing"]).status.code(), Some(64));
}

/// A condition reads what `status` prints of the host; what is not known there refuses the plan.
#[test]
fn a_condition_reads_what_status_prints() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = directory.path().join("inventory.yaml");
    std::fs::write(&inventory, "fleet: own\nhosts:\n  here: { via: local }\n").unwrap();
    let runbook = directory.path().join("rest.yaml");
    let plan = |when: &str| {
        let step = |when: &str| {
            format!(
                "  - {{ do: command, {when}with: {{ host: '{{{{ host }}}}', run: [touch, /nowhere/x], proof: [test, -e, /nowhere/x] }}, why: w }}\n"
            )
        };
        let text = format!(
            "name: rest\ntitle: Rest\nkind: planned\nabout: hosts\nparameters: {{ hosts: {{ type: hosts }} }}\nsteps:\n{}{}",
            step(&format!("when: '{when}', ")),
            step("")
        );
        std::fs::write(&runbook, text).unwrap();
        let words = ["--batch", "plan", runbook.to_str().unwrap(), "hosts=here", "--json"];
        let state = [
            "-i",
            inventory.to_str().unwrap(),
            "--state-dir",
            directory.path().to_str().unwrap(),
        ];
        let out = pointsman(&[&state[..], &words].concat());
        let said: Value = serde_json::from_slice(&out.stdout).unwrap();
        (out.status.code(), said)
    };
    let steps = |said: &Value| said["steps"].as_array().map_or(0, Vec::len);
    let (code, said) = plan("facts[host].load >= 0 and facts[host].reachable");
    assert_eq!((code, steps(&said)), (Some(0), 2), "{said}");
    let (code, said) = plan("facts[host].uptime_seconds < 0");
    assert_eq!((code, steps(&said)), (Some(0), 1), "{said}");
    assert!(said["notes"][0].as_str().unwrap().contains("left out"), "{said}");
    let (code, said) = plan("facts[host].probes.mine < 1");
    assert_eq!(code, Some(10), "{said}");
}

/// Runbooks of one's own lie in a directory beside the inventory, and run like any other.
#[test]
fn runbooks_beside_the_inventory_are_found_and_run() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = directory.path().join("inventory.yaml");
    std::fs::write(&inventory, "fleet: own\nhosts:\n  here: { via: local }\n").unwrap();
    let mark = directory.path().join("mark of mine");
    let runbooks = directory.path().join("runbooks");
    std::fs::create_dir(&runbooks).unwrap();
    let text = format!(
        "name: leave-a-mark\ntitle: Leave a mark\nkind: planned\nabout: hosts\nparameters:\n  hosts: {{ type: hosts, about: where }}\n  mark: {{ type: text, default: \"{}\", about: the file }}\nsteps:\n  - do: command\n    with: {{ host: \"{{{{ host }}}}\", run: [touch, --, \"{{{{ mark }}}}\"], proof: [test, -e, \"{{{{ mark }}}}\"], undo: [rm, -f, --, \"{{{{ mark }}}}\"] }}\n    why: somebody wants to see it\n",
        mark.display()
    );
    std::fs::write(runbooks.join("mark.yaml"), &text).unwrap();
    let inventory = inventory.to_str().unwrap();
    let listed = pointsman(&["-i", inventory, "runbook", "list"]);
    assert!(stdout(&listed).contains("leave-a-mark"), "{}", stdout(&listed));
    let shown = pointsman(&["-i", inventory, "runbook", "show", "leave-a-mark"]);
    assert_eq!(stdout(&shown), text);

    let checked = pointsman(&["-i", inventory, "check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    assert!(
        stdout(&checked).contains("1 runbook of its own"),
        "{}",
        stdout(&checked)
    );

    let state = directory.path().join("state");
    let run = |args: &[&str]| {
        let state = ["-i", inventory, "--state-dir", state.to_str().unwrap()];
        pointsman(&[&state[..], args].concat())
    };
    let planned = run(&["--batch", "plan", "leave-a-mark", "hosts=here", "--json"]);
    assert_eq!(
        planned.status.code(),
        Some(0),
        "{}{}",
        stdout(&planned),
        stderr(&planned)
    );
    let plan: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert!(!mark.exists());
    let yes = format!("--yes={}", plan["hash"].as_str().unwrap());
    let ran = run(&["--batch", "run", "leave-a-mark", "hosts=here", &yes]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", stdout(&ran), stderr(&ran));
    assert!(mark.exists());

    // One that is broken is told, and keeps nobody from the others.
    std::fs::write(
        runbooks.join("broken.yaml"),
        text.replace("touch", "drbdadm").replace("leave-a-mark", "broken"),
    )
    .unwrap();
    let listed = pointsman(&["-i", inventory, "runbook", "list"]);
    assert_eq!(listed.status.code(), Some(78));
    assert!(stdout(&listed).contains("leave-a-mark"), "{}", stdout(&listed));
    assert!(stderr(&listed).contains("broken.yaml:10:"), "{}", stderr(&listed));
    // So it is where the inventory is checked, whichever way that is named.
    for args in [&["-i", inventory, "check"][..], &["check", inventory]] {
        let checked = pointsman(args);
        assert_eq!(checked.status.code(), Some(78), "{}", stdout(&checked));
        let said = stdout(&checked);
        assert!(said.contains("broken.yaml:10:") && said.contains("1 error"), "{said}");
    }
    let planned = run(&["--batch", "plan", "broken", "hosts=here"]);
    assert_eq!(planned.status.code(), Some(78));
    assert!(
        stderr(&planned).contains("use the drbd- actions"),
        "{}",
        stderr(&planned)
    );
}
