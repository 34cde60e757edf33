//! The whole program against real OpenSSH servers on this machine: what a person or a script sees.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod ssh_lab;
mod support;

use serde_json::Value;
use ssh_lab::{Lab, free_port, user};
use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);
const BINARY: &str = env!("CARGO_BIN_EXE_pointsman");

/// Tests share this machine with others: how busy it is must not decide what they see.
const DEFAULTS: &str = "fleet: lab\ndefaults:\n  thresholds: { load_per_cpu: 10000, steal_percent: 100, \
                        disk_await_ms: 100000, disk_warning_percent: 100, disk_critical_percent: 100, \
                        memory_available_percent: 0 }\nhosts:\n";

/// The program, alone with the lab's files.
fn command(lab: &Lab, config: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("-F")
        .arg(config)
        .env("HOME", lab.path("."))
        .env_remove("POINTSMAN_INVENTORY")
        .env_remove("SSH_AUTH_SOCK")
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::null());
    command
}

fn run(lab: &Lab, hosts: &str, args: &[&str]) -> Output {
    let inventory = lab.write("inventory.yaml", &format!("{DEFAULTS}{hosts}"));
    let mut command = command(lab, &lab.config(""));
    command.arg("-i").arg(inventory).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One `--batch status --json` and its exit code.
fn status(lab: &Lab, hosts: &str, more: &[&str]) -> (Value, i32) {
    let output = run(lab, hosts, &[&["--batch", "status", "--json"], more].concat());
    let status = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)));
    (status, output.status.code().unwrap())
}

fn host<'a>(status: &'a Value, name: &str) -> &'a Value {
    let hosts = status["hosts"].as_array().unwrap();
    let found = hosts.iter().find(|host| host["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {status}"))
}

fn has<'a>(status: &'a Value, code: &str) -> &'a str {
    let findings = status["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.unwrap_or_else(|| panic!("no {code} in {findings:#?}"))["evidence"]
        .as_str()
        .unwrap()
}

fn assert_is_this_machine(entry: &Value) {
    assert_eq!(
        (&entry["state"], &entry["reachable"]),
        (&"ok".into(), &true.into()),
        "{entry}"
    );
    assert!(entry["load"].as_f64().unwrap() >= 0.0);
    let uptime: f64 = fs::read_to_string("/proc/uptime")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let seen = entry["uptime_seconds"].as_f64().unwrap();
    assert!(seen <= uptime && seen > uptime - 60.0, "{seen} is not {uptime}");
    let filesystems = entry["filesystems"].as_array().unwrap();
    assert!(
        filesystems
            .iter()
            .any(|fs| fs["at"] == "/" && fs["size_kib"].as_u64() > Some(0)),
        "{entry}"
    );
    assert_eq!(entry["unknown"], serde_json::json!({}));
}

#[test]
fn this_machine_over_ssh_over_a_jump_host_and_without_ssh() {
    let lab = Lab::new();
    let (gate, box1) = (lab.sshd(""), lab.sshd(""));
    let line = |port| (format!("[127.0.0.1]:{port}"), "host");
    lab.know(&[line(gate.port), line(box1.port)]);
    let hosts = format!(
        "  gate: {{ address: 127.0.0.1, port: {} }}\n  near: {{ address: 127.0.0.1, port: {1} }}\n  \
         far: {{ address: 127.0.0.1, port: {1}, jump: [gate] }}\n  here: {{ via: local }}\n",
        gate.port, box1.port
    );
    let (status, code) = status(&lab, &hosts, &[]);
    for name in ["gate", "near", "far", "here"] {
        assert_is_this_machine(host(&status, name));
    }
    assert_eq!(code, 0);
    assert!(gate.log().contains("Accepted publickey"), "{}", gate.log());
    // The key may come from the command line instead.
    let bare = lab.write(
        "bare",
        &format!(
            "Host *\n  UserKnownHostsFile {}\n  IdentityAgent none\n",
            lab.path("known").display()
        ),
    );
    let mut command = command(&lab, &bare);
    command
        .arg("-i")
        .arg(lab.path("inventory.yaml"))
        .args(["--batch", "status", "near"]);
    assert_eq!(command.output().unwrap().status.code(), Some(3), "no key, no login");
    let output = command.arg("--identity").arg(lab.path("id")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_jump_host_that_may_not_forward_is_named() {
    let lab = Lab::new();
    let (gate, box1) = (lab.sshd("AllowTcpForwarding no"), lab.sshd(""));
    let line = |port| (format!("[127.0.0.1]:{port}"), "host");
    lab.know(&[line(gate.port), line(box1.port)]);
    let hosts = format!(
        "  gate: {{ address: 127.0.0.1, port: {} }}\n  far: {{ address: 127.0.0.1, port: {}, jump: [gate] }}\n",
        gate.port, box1.port
    );
    let (status, code) = status(&lab, &hosts, &[]);
    let reason = host(&status, "far")["reason"].as_str().unwrap();
    assert!(reason.contains(&gate.port.to_string()), "{reason}");
    assert!(reason.contains("AllowTcpForwarding"), "{reason}");
    assert_ne!(code, 0);
}

#[test]
fn a_forced_key_shows_the_same_and_does_nothing_else() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    let hosts = format!(
        "  box1:\n    address: 127.0.0.1\n    port: {}\n    shell: forced\n    probes:\n      answer: {{ command: [echo, \
         '42'], regex: '(\\d+)', critical_above: 40 }}\n",
        sshd.port
    );
    let script = run(&lab, &hosts, &["probe-script", "--host", "box1"]);
    assert!(script.status.success(), "{}", text(&script.stderr));
    let probe = lab.write("probe", &text(&script.stdout));
    ssh_lab::chmod(&probe, 0o755);
    let line = format!("restrict,command=\"{}\" {}\n", probe.display(), lab.public("id"));
    lab.write("authorized", &line);
    let (status, code) = status(&lab, &hosts, &[]);
    assert!(has(&status, "ProbeBad").contains("42"), "{status}");
    assert_eq!(code, 2);
    let entry = host(&status, "box1");
    assert_eq!(entry["reachable"], true);
    assert!(entry["load"].as_f64().is_some());

    // Whoever holds the key gets neither a command, nor a shell, nor a file, nor a port.
    let mark = lab.path("mark");
    let ssh = |args: &[&str]| {
        let mut command = Command::new("ssh");
        command
            .arg("-F")
            .arg(lab.config(""))
            .args(["-o", "BatchMode=yes", "-p"])
            .arg(sshd.port.to_string());
        command.args(args).stdin(Stdio::null()).output().unwrap()
    };
    let touch = format!("touch {}", mark.display());
    let output = ssh(&["127.0.0.1", &touch]);
    assert_eq!(text(&output.stdout), "", "{}", text(&output.stderr));
    assert!(!mark.exists(), "a command was run");
    let tunnel = format!("127.0.0.1:{}", sshd.port);
    let output = ssh(&["-W", &tunnel, "127.0.0.1"]);
    assert!(!text(&output.stdout).contains("SSH-2.0"), "a port was forwarded");
    let mut typed = Command::new("ssh");
    typed
        .arg("-F")
        .arg(lab.config(""))
        .args(["-o", "BatchMode=yes", "-p"])
        .arg(sshd.port.to_string());
    let mut typed = typed
        .arg("127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let hello = format!("hello 0123456789abcdef\n{touch}\ngo 1 $({touch})\ngo `{touch}` f\n");
    std::io::Write::write_all(&mut typed.stdin.take().unwrap(), hello.as_bytes()).unwrap();
    let answer = text(&typed.wait_with_output().unwrap().stdout);
    assert!(answer.starts_with("PM1 0123456789abcdef 0 "), "{answer}");
    assert!(!mark.exists(), "what was typed was run");
}

#[test]
fn an_encrypted_key_is_no_reason_to_prompt_in_batch() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    lab.key("id", "ed25519", "secret");
    fs::copy(lab.path("id.pub"), lab.path("authorized")).unwrap();
    let hosts = format!("  box1: {{ address: 127.0.0.1, port: {} }}\n", sshd.port);
    let (status, code) = status(&lab, &hosts, &[]);
    let reason = host(&status, "box1")["reason"].as_str().unwrap();
    assert!(reason.contains("encrypted") && reason.contains("ssh-add"), "{reason}");
    assert_eq!(code, 3);
    // With a terminal at hand it does not ask either.
    let (config, inventory) = (lab.config(""), lab.path("inventory.yaml"));
    let args = [
        "-F",
        config.to_str().unwrap(),
        "-i",
        inventory.to_str().unwrap(),
        "--batch",
        "status",
    ];
    let home = lab.path(".");
    let env = [("HOME", home.to_str().unwrap()), ("SSH_AUTH_SOCK", "")];
    let mut terminal = support::Terminal::run_with(BINARY, &args, 200, 40, &env);
    assert_eq!(terminal.exit_code(), 3);
    let screen = terminal.screen();
    assert!(screen.contains("encrypted"), "{screen}");
    assert!(!screen.contains("Passphrase for"), "{screen}");
}

#[test]
fn host_keys_unknown_accepted_and_changed() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    let hosts = format!("  box1: {{ address: 127.0.0.1, port: {} }}\n", sshd.port);
    let (unknown, code) = status(&lab, &hosts, &[]);
    let reason = host(&unknown, "box1")["reason"].as_str().unwrap();
    let print = ssh_lab::fingerprint(&lab.path("host.pub"));
    assert!(reason.contains(&print), "{reason}");
    assert!(
        reason.contains("ssh-keygen -lf") && reason.contains("--accept-new"),
        "what to do: {reason}"
    );
    assert_eq!((code, lab.read("known").as_str()), (3, ""));
    has(&unknown, "HostStopped");

    let (accepted, code) = status(&lab, &hosts, &["--accept-new"]);
    assert_is_this_machine(host(&accepted, "box1"));
    assert_eq!(code, 0);
    assert_eq!(
        lab.read("known"),
        format!("[127.0.0.1]:{} {}", sshd.port, lab.public("host"))
    );
    assert_eq!(status(&lab, &hosts, &[]).1, 0, "it is known from now on");

    let port = sshd.port;
    sshd.die();
    lab.key("host", "ed25519", "");
    let _other = lab.sshd_at(port, &["host"], "");
    let known = lab.read("known");
    for more in [&[][..], &["--accept-new"]] {
        let (changed, code) = status(&lab, &hosts, more);
        let reason = host(&changed, "box1")["reason"].as_str().unwrap();
        assert!(reason.to_lowercase().contains("changed"), "{reason}");
        assert!(
            reason.contains("known") && reason.contains(":1"),
            "where it is written: {reason}"
        );
        has(&changed, "HostStopped");
        assert_eq!((code, lab.read("known")), (3, known.clone()));
    }
}

#[test]
fn an_appliance_is_watched_by_its_own_commands() {
    let lab = Lab::new();
    let script = lab.write(
        "appliance",
        "#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in\n'show battery --json') echo '{\"battery\":{\"charge\":40}}' ;;\n\
         'show mode') echo 'mode: online' ;;\n*) echo 'unknown command' >&2; exit 1 ;;\nesac\n",
    );
    ssh_lab::chmod(&script, 0o755);
    let sshd = lab.sshd(&format!("ForceCommand {}", script.display()));
    lab.know_sshd(&sshd);
    let hosts = format!(
        "  ups1:\n    address: 127.0.0.1\n    port: {}\n    shell: none\n    probes:\n      charge: {{ command: [show, battery, \
         --json], json: /battery/charge, unit: '%', warning_below: 80, critical_below: 30 }}\n      mode: {{ command: \
         [show, mode], regex: 'mode: (\\w+)', expect: online }}\n",
        sshd.port
    );
    let (status, code) = status(&lab, &hosts, &[]);
    let entry = host(&status, "ups1");
    assert_eq!(
        (&entry["probes"]["charge"], &entry["probes"]["mode"]),
        (&40.0.into(), &"online".into()),
        "{entry}"
    );
    assert!(has(&status, "ProbeBad").contains("40"), "{status}");
    assert_eq!((status["findings"].as_array().unwrap().len(), code), (1, 1), "{status}");
}

#[test]
fn custom_probes_decide_the_exit_code() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    let value = lab.write("value", "degrees: 71.5\n");
    let hosts = format!(
        "  box1:\n    address: 127.0.0.1\n    port: {}\n    probes:\n      heat: {{ command: [cat, {}], regex: 'degrees: \
         ([0-9.]+)', unit: °C, warning_above: 70, critical_above: 85 }}\n",
        sshd.port,
        value.display()
    );
    let (warm, code) = status(&lab, &hosts, &[]);
    let evidence = has(&warm, "ProbeBad");
    assert!(evidence.contains("71.5") && evidence.contains("70"), "{evidence}");
    assert_eq!((code, &host(&warm, "box1")["probes"]["heat"]), (1, &71.5.into()));
    fs::write(&value, "degrees: 90\n").unwrap();
    assert_eq!(status(&lab, &hosts, &[]).1, 2);
    fs::write(&value, "degrees: 20\n").unwrap();
    assert_eq!(status(&lab, &hosts, &[]).1, 0);
    fs::write(&value, "sensor failure\n").unwrap();
    assert_eq!(status(&lab, &hosts, &[]).1, 3, "garbage is no healthy value");
}

/// Reads events until one of that kind and code comes.
fn await_event(lines: &std::sync::mpsc::Receiver<String>, kind: &str, code: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = String::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["event"] == kind && event["finding"]["code"] == code {
            return event;
        }
        let _ = writeln!(seen, "{line}");
    }
    panic!("no {kind} of {code}; there was\n{seen}");
}

fn spawn(lab: &Lab, args: &[&str]) -> Child {
    let mut command = command(lab, &lab.config(""));
    command.arg("-i").arg(lab.path("inventory.yaml")).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
fn watch_tells_when_a_host_goes_and_comes_and_ends_at_sigint() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    let hosts = format!(
        "  box1:\n    address: 127.0.0.1\n    port: {}\n    poll: {{ interval: 500ms, deadline: 2s }}\n",
        sshd.port
    );
    lab.write("inventory.yaml", &format!("{DEFAULTS}{hosts}"));
    let mut child = spawn(&lab, &["--batch", "watch", "--json"]);
    let reader = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        reader
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
    });
    let first: Value = serde_json::from_str(&lines.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert_eq!((&first["event"], &first["version"]), (&"start".into(), &1.into()));
    let begun = Instant::now();
    while !sshd.log().contains("Accepted publickey") {
        assert!(begun.elapsed() < PATIENCE, "never connected");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(2));
    let port = sshd.port;
    sshd.die();
    let raised = await_event(&lines, "raised", "HostUnreachable");
    assert_eq!(raised["finding"]["host"], "box1");
    let _again = lab.sshd_at(port, &["host"], "");
    await_event(&lines, "cleared", "HostUnreachable");
    interrupt(&child);
    let begun = Instant::now();
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "slow to end");
}

#[test]
fn discover_drafts_what_check_accepts() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    for target in [format!("{}@127.0.0.1:{}", user(), sshd.port), "localhost".to_owned()] {
        let output = command(&lab, &lab.config(""))
            .args(["discover", &target])
            .output()
            .unwrap();
        let draft = text(&output.stdout);
        assert!(output.status.success(), "{draft}{}", text(&output.stderr));
        assert_eq!(draft.contains(&sshd.port.to_string()), target != "localhost", "{draft}");
        let file = lab.write("draft.yaml", &draft);
        let checked = Command::new(BINARY).arg("check").arg("-i").arg(&file).output().unwrap();
        assert!(checked.status.success(), "{draft}\n{}", text(&checked.stdout));
        assert!(text(&checked.stdout).contains("1 host"), "{}", text(&checked.stdout));
        let mut again = command(&lab, &lab.config(""));
        let output = again
            .arg("-i")
            .arg(&file)
            .args(["--batch", "status", "--json"])
            .output()
            .unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            status["hosts"][0]["reachable"], true,
            "the draft leads to the host: {draft}"
        );
    }
    let nobody = format!("127.0.0.1:{}", free_port());
    let output = command(&lab, &lab.config(""))
        .args(["discover", &nobody])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("refused"), "{}", text(&output.stderr));
}

#[test]
fn selectors_limit_what_is_asked() {
    let lab = Lab::new();
    let hosts = format!(
        "  here: {{ via: local, roles: [web] }}\n  gone: {{ address: 127.0.0.1, port: {}, tags: [old] }}\n",
        free_port()
    );
    let (chosen, code) = status(&lab, &hosts, &["role=web"]);
    assert_eq!((chosen["hosts"].as_array().unwrap().len(), code), (1, 0), "{chosen}");
    assert_is_this_machine(host(&chosen, "here"));
    let output = run(&lab, &hosts, &["--batch", "status", "role=database"]);
    assert_eq!(
        output.status.code(),
        Some(64),
        "a selector that picks nothing: {}",
        text(&output.stdout)
    );
    let (all, code) = status(&lab, &hosts, &["--timeout", "5s"]);
    assert_eq!(host(&all, "gone")["reachable"], false);
    assert!(
        host(&all, "gone")["reason"].as_str().unwrap().contains("refused"),
        "{all}"
    );
    assert_eq!(
        code,
        if has(&all, "HostUnreachable").is_empty() { 0 } else { 3 },
        "{all}"
    );
}

#[test]
fn a_reader_that_goes_away_and_an_interrupt_are_no_errors() {
    let lab = Lab::new();
    lab.write("inventory.yaml", &format!("{DEFAULTS}  here: {{ via: local }}\n"));
    let mut child = spawn(&lab, &["--batch", "status"]);
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));

    // A host that accepts and says nothing: the collection waits, and a person need not.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let hosts = format!("{DEFAULTS}  mute: {{ address: 127.0.0.1, port: {port} }}\n");
    lab.write("inventory.yaml", &hosts);
    let mut child = spawn(&lab, &["--batch", "status"]);
    let (_held, _) = silent.accept().unwrap();
    interrupt(&child);
    let begun = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5), "slow to end");
}
