//! The real program in a real terminal, watching a host that dies and comes back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod ssh_lab;
mod support;

use rustix::process::{Pid, Signal, kill_process};
use ssh_lab::{Lab, Sshd};
use support::Terminal;

/// A process and all that it started, itself first.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while at < all.len() {
        let path = format!("/proc/{0}/task/{0}/children", all[at]);
        let children = std::fs::read_to_string(path).unwrap_or_default();
        all.extend(children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
        at += 1;
    }
    all
}

fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        // One that has ended already is as dead as it should be.
        let _ = kill_process(Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap(), signal);
    }
}

fn watch(lab: &Lab, sshd: &Sshd) -> Terminal {
    lab.know_sshd(sshd);
    let inventory = lab.write(
        "inventory.yaml",
        &format!(
            "fleet: lab\ndefaults:\n  poll:\n    interval: 1s\nhosts:\n  here:\n    address: localhost\n    via: local\n  \
             box1:\n    address: 127.0.0.1\n    port: {}\n",
            sshd.port
        ),
    );
    let config = lab.config("");
    let args = ["-i", inventory.to_str().unwrap(), "-F", config.to_str().unwrap()];
    let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_pointsman"), &args, 120, 30);
    terminal.send("z");
    terminal.wait("both hosts to answer", |screen| {
        answers(screen, "here") && answers(screen, "box1")
    });
    terminal
}

/// Whether a host is seen to answer: this machine may well be busy with other tests, and is said to be.
fn answers(screen: &str, host: &str) -> bool {
    line_of(screen, host, "● ok") || line_of(screen, host, "░ busy")
}

/// Whether a host's own line holds a word.
fn line_of(screen: &str, host: &str, word: &str) -> bool {
    screen
        .lines()
        .any(|line| line.split_whitespace().next() == Some(host) && line.contains(word))
}

#[test]
fn a_killed_host_is_unreachable_with_its_age_and_comes_back() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    let port = sshd.port;
    let mut terminal = watch(&lab, &sshd);
    signal(&family(sshd.pid()), Signal::KILL);
    drop(sshd);
    let screen = terminal.wait("the dead host", |screen| line_of(screen, "box1", "unreachable"));
    assert!(line_of(&screen, "box1", "last seen"), "{screen}");
    assert!(answers(&screen, "here"), "the other one is watched as before: {screen}");
    terminal.wait("its age to grow", |screen| {
        let line = screen
            .lines()
            .find(|line| line.split_whitespace().next() == Some("box1"));
        let age = line.and_then(|line| line.split_whitespace().last()?.strip_suffix('s')?.parse::<u32>().ok());
        age.is_some_and(|age| age >= 3)
    });
    let _again = lab.start(port);
    terminal.send(":reconnect box1\r");
    terminal.wait("it to come back", |screen| answers(screen, "box1"));
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_frozen_host_is_silent_then_speaks_again() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    let mut terminal = watch(&lab, &sshd);
    let frozen = family(sshd.pid());
    signal(&frozen, Signal::STOP);
    terminal.wait("the frozen host", |screen| {
        line_of(screen, "box1", "silent") || line_of(screen, "box1", "unreachable")
    });
    terminal.send("2");
    terminal.wait_for("storage");
    terminal.send("1");
    signal(&frozen, Signal::CONT);
    terminal.wait("it to speak again", |screen| answers(screen, "box1"));
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}
