//! Secrets: passphrases are asked for unseen, and stand in no file afterwards.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use support::Terminal;

const POINTSMAN: &str = env!("CARGO_BIN_EXE_pointsman");

/// An encrypted key, and a shell command that asks for its passphrase.
fn asking(directory: &std::path::Path) -> String {
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "canary-secret", "-C", "", "-f"])
        .arg(path("id"))
        .status()
        .unwrap();
    assert!(made.success());
    let inventory = "fleet: test\nhosts:\n  here:\n    address: localhost\n    via: local\n";
    std::fs::write(path("inventory.yaml"), inventory).unwrap();
    std::fs::write(path("config"), "IdentityAgent none\nIdentityFile none\n").unwrap();
    format!(
        "{POINTSMAN} -i {} --ssh-config {} --identity {} --log {}; echo code=$?; exec sleep 60",
        path("inventory.yaml"),
        path("config"),
        path("id"),
        path("log")
    )
}

fn settings_of_a_shell() -> String {
    let mut shell = Terminal::run("sh", &["-c", "sleep 60"], 120, 30);
    let before = shell.settings();
    shell.child.kill().unwrap();
    before
}

#[test]
fn a_signal_at_the_prompt_restores_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let command = asking(directory.path());
    let before = settings_of_a_shell();
    for (signal, code) in [
        (Signal::TERM, "code=143"),
        (Signal::HUP, "code=129"),
        (Signal::QUIT, "code=131"),
    ] {
        let mut terminal = Terminal::run("sh", &["-c", &command], 120, 30);
        terminal.wait_for("Passphrase for");
        assert_ne!(terminal.settings(), before, "the echo is off");
        terminal.send("canary");
        let shell = terminal.child.process_id().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let child = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        kill_process(child, signal).unwrap();
        terminal.wait_for(code);
        terminal.assert_restored(&before);
        assert!(!terminal.screen().contains("canary"), "{}", terminal.screen());
    }
}

#[test]
fn a_passphrase_is_asked_for_unseen_and_ctrl_c_restores_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let command = asking(directory.path());
    let run = || Terminal::run("sh", &["-c", &command], 120, 30);
    let before = settings_of_a_shell();

    let mut terminal = run();
    terminal.wait_for("Passphrase for");
    terminal.send("canary-secret\x03");
    terminal.wait_for("code=130");
    terminal.assert_restored(&before);
    assert!(!terminal.screen().contains("canary"), "{}", terminal.screen());

    let mut terminal = run();
    terminal.wait_for("Passphrase for");
    terminal.send("canary-secreT\x7ft\r");
    terminal.wait("the console", |screen| {
        screen.contains("here") && !screen.contains("Passphrase")
    });
    terminal.send("q");
    terminal.wait_for("code=0");
    terminal.assert_restored(&before);
    let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
    assert!(!log.contains("canary") && !log.contains("wrong passphrase"), "{log}");
}

#[test]
fn a_crash_writes_no_keys_to_a_disk() {
    let mut terminal = Terminal::run(POINTSMAN, &["--demo"], 100, 30);
    terminal.wait_for("stor1");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", terminal.child.process_id().unwrap())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}
