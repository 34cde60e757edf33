//! The real program in a real terminal, driven by keys.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use rustix::process::Signal;
use support::Terminal;

const POINTSMAN: &str = env!("CARGO_BIN_EXE_pointsman");

fn demo(columns: u16, rows: u16) -> Terminal {
    let terminal = Terminal::run(POINTSMAN, &["--demo"], columns, rows);
    terminal.wait_for("stor1");
    terminal
}

#[test]
fn every_view_opens_and_q_restores_the_terminal() {
    let mut shell = Terminal::run("sh", &["-c", "sleep 60"], 120, 40);
    let before = shell.settings();
    shell.child.kill().unwrap();

    let mut terminal = demo(120, 40);
    for (key, expect) in [
        ("2", "slice"),
        ("3", "replica"),
        ("5", "since"),
        ("6", "connected"),
        ("1", "seg-1"),
    ] {
        terminal.send(key);
        terminal.wait(&format!("view {key} to show {expect:?}"), |screen| {
            screen.to_lowercase().contains(expect)
        });
    }
    terminal.send("?");
    terminal.wait_for("what is selected");
    terminal.send("\x1b");
    terminal.send("/stor1\r");
    terminal.wait("the filter", |screen| {
        screen.contains("hidden") && screen.contains("stor1")
    });
    terminal.send("/\x15\r");
    terminal.wait("the filter to go", |screen| screen.contains("db"));
    terminal.send(":host stor1\r");
    terminal.wait("host stor1", |screen| {
        screen.contains("stor1") && screen.contains("md0")
    });
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    terminal.assert_restored(&before);
}

#[test]
fn every_size_is_usable_and_resizing_draws_anew() {
    let mut terminal = demo(120, 40);
    terminal.resize(40, 12);
    terminal.wait("the narrow screen", |screen| {
        screen.lines().all(|line| line.chars().count() <= 40) && screen.contains("seg-")
    });
    terminal.resize(30, 8);
    terminal.wait_for("need 40x12");
    terminal.resize(160, 50);
    terminal.wait_for("stor1");
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn ctrl_z_gives_the_shell_back_and_fg_the_console() {
    // The shell's own bracketed paste would hide whether ours was switched off.
    let directory = tempfile::tempdir().unwrap();
    let inputrc = directory.path().join("inputrc");
    std::fs::write(&inputrc, "set enable-bracketed-paste off\n").unwrap();
    let env = [("PS1", "shell> "), ("INPUTRC", inputrc.to_str().unwrap())];
    let mut terminal = Terminal::run_with("bash", &["--norc", "-i"], 100, 30, &env);
    terminal.wait_for("shell>");
    let before = terminal.settings();
    terminal.send(&format!("{POINTSMAN} --demo\r"));
    terminal.wait_for("stor1");
    for _ in 0..2 {
        terminal.send("\x1a");
        terminal.wait("the shell", |screen| screen.contains("Stopped"));
        assert!(!terminal.in_alternate_screen());
        terminal.send("echo still-$((40 + 2))\r");
        terminal.wait_for("still-42");
        terminal.send("fg\r");
        terminal.wait("the console", |screen| {
            screen.contains("stor1") && !screen.contains("still-42")
        });
        assert!(terminal.in_alternate_screen());
    }
    terminal.send("q");
    terminal.wait("the shell", |screen| screen.trim_end().ends_with("shell>"));
    terminal.assert_restored(&before);
    terminal.send("echo code=$?\r");
    terminal.wait_for("code=0");
    terminal.send("exit\r");
    terminal.exit_code();
}

#[test]
fn signals_end_it_with_the_terminal_restored() {
    let mut shell = Terminal::run("sh", &["-c", "sleep 60"], 120, 40);
    let before = shell.settings();
    shell.child.kill().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut terminal = demo(100, 30);
        terminal.kill_with(signal);
        terminal.exit_code();
        terminal.assert_restored(&before);
    }
}

#[test]
fn the_wall_cannot_be_made_to_act_and_shows_the_time() {
    let mut terminal = Terminal::run(POINTSMAN, &["--demo", "--wall"], 160, 50);
    terminal.wait("the wall", |screen| screen.contains("seg-1"));
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_wrong_inventory_is_told_before_the_screen_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inventory.yaml");
    std::fs::write(&path, "fleet: test\nhosts:\n  stor1:\n    adress: 192.0.2.1\n").unwrap();
    let mut terminal = Terminal::run(POINTSMAN, &["-i", path.to_str().unwrap()], 100, 30);
    assert_eq!(terminal.exit_code(), 78);
    let screen = terminal.screen();
    assert!(screen.contains("adress") && screen.contains("address"), "{screen}");
    assert!(!terminal.in_alternate_screen());
}

#[test]
fn a_broken_reload_keeps_the_old_fleet_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inventory.yaml");
    let good = "fleet: test\nhosts:\n  here:\n    address: localhost\n    via: local\n";
    std::fs::write(&path, good).unwrap();
    let mut terminal = Terminal::run(POINTSMAN, &["-i", path.to_str().unwrap()], 120, 30);
    terminal.wait_for("here");
    std::fs::write(&path, "fleet: test\nhosts: [").unwrap();
    terminal.kill_with(Signal::HUP);
    terminal.wait("the complaint", |screen| {
        screen.contains("here") && screen.contains("inventory")
    });
    std::fs::write(&path, good.replace("here:", "renamed:")).unwrap();
    terminal.send(":reload\r");
    terminal.wait_for("renamed");
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_hang_up_with_a_good_file_shows_the_changed_fleet() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inventory.yaml");
    let one = "fleet: test\nhosts:\n  here:\n    address: localhost\n    via: local\n";
    std::fs::write(&path, one).unwrap();
    for wall in [false, true] {
        std::fs::write(&path, one).unwrap();
        let mut args = vec!["-i", path.to_str().unwrap()];
        args.extend(wall.then_some("--wall"));
        let mut terminal = Terminal::run(POINTSMAN, &args, 120, 40);
        terminal.wait("the first fleet", |screen| {
            screen.contains("1 host") && !screen.contains("2 hosts")
        });
        let two = format!("{one}  second:\n    address: 127.0.0.1\n    via: local\n");
        std::fs::write(&path, two.replace("fleet: test", "fleet: changed")).unwrap();
        terminal.kill_with(Signal::HUP);
        terminal.wait("the changed fleet", |screen| {
            let head = screen.lines().next().unwrap_or_default();
            head.contains("changed") && screen.contains("2 hosts") && !screen.contains("not taken")
        });
        assert!(terminal.in_alternate_screen());
        terminal.send("q");
        assert_eq!(terminal.exit_code(), 0);
    }
}

#[test]
fn a_reload_where_there_is_no_file_is_told_for_a_while_only() {
    let mut terminal = demo(120, 30);
    terminal.send(":reload\r");
    terminal.wait_for("there is no inventory file to read again");
    terminal.wait("the complaint to go", |screen| !screen.contains("no inventory file"));
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

/// A place where `q` is pressed, the keys that lead there, and the keys that then leave the program.
const LEAVING: [(&str, &str, &str); 6] = [
    ("the fleet", "1", "q"),
    ("the palette", ":", "\x1b\x1bq"),
    ("the help", "?", "qq"),
    ("the filter", "/", "\x1b\x1bq"),
    ("a host", ":host stor1\r", "q"),
    ("a frozen picture", "f", "q"),
];

#[test]
fn it_can_be_left_from_everywhere() {
    let mut shell = Terminal::run("sh", &["-c", "sleep 60"], 100, 30);
    let before = shell.settings();
    shell.child.kill().unwrap();
    for (place, way, leave) in LEAVING {
        let mut terminal = demo(100, 30);
        let still = terminal.screen();
        terminal.send(way);
        if place != "the fleet" {
            terminal.wait(place, |screen| screen != still);
        }
        for key in leave.chars() {
            terminal.send(&key.to_string());
            // Esc alone is told from the beginning of a sequence by what follows it.
            std::thread::sleep(std::time::Duration::from_millis(150));
        }
        assert_eq!(terminal.exit_code(), 0, "{place}");
        terminal.assert_restored(&before);
    }
}

#[test]
fn letters_typed_into_a_line_are_no_commands() {
    let mut terminal = demo(100, 30);
    for (open, wanted) in [("/", "/qqq"), (":", "qqq")] {
        terminal.send(open);
        terminal.send("qqq");
        terminal.wait_for(wanted);
        terminal.send("\x03");
        terminal.wait("the line to close", |screen| !screen.contains("qqq"));
    }
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_dead_host_delays_neither_the_other_nor_a_key_and_q_leaves_while_connecting() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inventory.yaml");
    // One port refuses; behind the other somebody listens and never says a word.
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = refusing.local_addr().unwrap().port();
    drop(refusing);
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(
        &path,
        format!(
            "fleet: test\nhosts:\n  here:\n    address: localhost\n    via: local\n  dead:\n    address: 127.0.0.1\n    \
             port: {refused}\n  mute:\n    address: 127.0.0.1\n    port: {}\n",
            mute.local_addr().unwrap().port()
        ),
    )
    .unwrap();
    let args = ["-i", path.to_str().unwrap(), "-F", "/dev/null"];
    let mut terminal = Terminal::run(POINTSMAN, &args, 120, 30);
    terminal.wait("the host that answers, and the two that do not", |screen| {
        let says = |host: &str, word: &str| {
            screen
                .lines()
                .any(|line| line.split_whitespace().next() == Some(host) && line.contains(word))
        };
        says("here", "● ok") && says("dead", "refused") && says("mute", "connecting")
    });
    terminal.send(":host here\r");
    terminal.wait_for("› host here");
    let begun = std::time::Instant::now();
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_stop_signal_from_outside_gives_the_terminal_back() {
    let mut terminal = demo(100, 30);
    terminal.kill_with(Signal::TSTP);
    let begun = std::time::Instant::now();
    while terminal.in_alternate_screen() {
        assert!(begun.elapsed() < support::PATIENCE, "still in the alternate screen");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    terminal.kill_with(Signal::CONT);
    terminal.wait_for("stor1");
    assert!(terminal.in_alternate_screen());
    terminal.send("2");
    terminal.wait_for("› storage");
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_slice_is_moved_by_keys_from_the_menu_to_its_report() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().to_str().unwrap();
    let mut terminal = Terminal::run(POINTSMAN, &["--demo", "--state-dir", state], 120, 40);
    terminal.wait_for("stor1");
    terminal.send(":slice-c\r");
    terminal.wait_for("› slice slice-c");
    // Until both sides have been seen the menu offers nothing.
    terminal.wait("both sides", |screen| {
        screen.contains("PRIMARY") && screen.contains("Secondary")
    });
    terminal.send("m");
    terminal.wait_for("● possible");
    terminal.send("\r");
    terminal.wait_for("plan: nothing has been done yet");
    terminal.send("\r");
    terminal.wait_for("nothing happens");
    terminal.send("slice-c\r");
    // Simulated hosts take their time here, so that a person can step in; the footer names the keys.
    terminal.wait_for("p pause");
    terminal.send("p");
    terminal.wait_for("PAUSED before the next change");
    terminal.wait_for("p go on");
    terminal.send("p");
    terminal.wait_for("done: every step is proven");
    terminal.send("8");
    terminal.wait_for("HOW IT STANDS");
    terminal.wait_for("done");
    terminal.send("\r");
    terminal.wait_for("# Run");
    terminal.send(":slice-c\r");
    terminal.wait("the slice on its other server", |screen| {
        screen.contains("stor4 (away)")
    });
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_rehearsal_in_the_console_says_what_it_is_of_and_knows_its_names() {
    let mut terminal = Terminal::run(
        POINTSMAN,
        &[
            "rehearse",
            "slice-move",
            "slice=slice-c",
            "--demo",
            "--fault=lost-reply@drbd-demote",
        ],
        120,
        40,
    );
    terminal.wait_for("REHEARSAL of slice-move slice=slice-c · faults: lost-reply@drbd-demote");
    // The plan is the first thing to see.
    terminal.wait_for("plan: nothing has been done yet");
    terminal.send("\x1b");
    terminal.wait_for("left; nothing has been done");
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    let mut wrong = Terminal::run(
        POINTSMAN,
        &["rehearse", "slice-move", "slice=slice_c", "--demo"],
        120,
        40,
    );
    wrong.wait_for("did you mean slice-c?");
    assert_eq!(wrong.exit_code(), 64);
}

/// Whether the screen calls stor3 semi-failed, with the sign that nothing else has.
fn stor3_is_semi_failed(screen: &str) -> bool {
    screen.lines().any(|line| line.contains("stor3") && line.contains('◐'))
}

/// The demo's storage node that is semi-failed comes within a minute of a start; a busy machine takes somewhat longer.
fn wait_for_the_semi_failed_node(terminal: &Terminal) {
    terminal.wait_long(
        std::time::Duration::from_secs(80),
        "stor3 to be semi-failed",
        stor3_is_semi_failed,
    );
}

#[test]
fn the_demo_shows_a_semi_failed_node_within_a_minute_and_frames_it_with_numbers() {
    let env = [("POINTSMAN_DEMO_SEED", "11")];
    let mut terminal = Terminal::run_with(POINTSMAN, &["--demo"], 140, 50, &env);
    terminal.wait_for("stor1");
    wait_for_the_semi_failed_node(&terminal);
    terminal.send("9");
    terminal.wait("the matrix with the column of stor3 framed", |screen| {
        let numbers = screen
            .lines()
            .filter(|line| line.starts_with(" access") && line.contains('┃'));
        let numbers = numbers.filter_map(|line| line.split('┃').nth(1));
        let counted = numbers
            .filter(|cell| cell.chars().any(|char| char.is_ascii_digit()))
            .count();
        screen.contains("stor3") && screen.contains('┏') && screen.contains('┛') && counted >= 4
    });
    terminal.send("?");
    terminal.wait_for("THE KEYS OF THIS PAGE");
    terminal.send("q");
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

/// The whole act in real time: six minutes. `cargo test --test pty -- --ignored`
#[test]
#[ignore = "six minutes of real time"]
fn the_demos_semi_failed_node_appears_framed_and_clears() {
    let env = [("POINTSMAN_DEMO_SEED", "11")];
    let mut terminal = Terminal::run_with(POINTSMAN, &["--demo"], 140, 50, &env);
    terminal.wait_for("stor1");
    let begun = std::time::Instant::now();
    wait_for_the_semi_failed_node(&terminal);
    println!("semi-failed after {:?}\n{}", begun.elapsed(), terminal.screen());
    terminal.send("9");
    let framed = terminal.wait("its column framed", |screen| {
        screen.contains('┏') && screen.contains('┛')
    });
    println!("framed after {:?}\n{framed}", begun.elapsed());
    terminal.wait_long(std::time::Duration::from_mins(5), "the frame to go", |screen| {
        !screen.contains('┏') && !screen.contains('┛')
    });
    println!("no frame after {:?}\n{}", begun.elapsed(), terminal.screen());
    terminal.send("1");
    terminal.wait("the fleet without a semi-failed host", |screen| {
        screen.contains("seg-2") && !screen.contains('◐')
    });
    println!("well after {:?}\n{}", begun.elapsed(), terminal.screen());
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}
