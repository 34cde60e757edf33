//! `--batch failslow` as scripts see it: a line at each change of state, bad rows, and exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use serde_json::{Value, json};
use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// Six disks for 140 polls of 5 s: `sdc` four times slower from 03:04:10 to 03:07:55, `sde` with three times the load from
/// 03:03:20 to 03:06:40; one empty cell, and one that is no number.
const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/failslow/six-disks.csv");

fn failslow(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["--batch", "failslow"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("POINTSMAN_INVENTORY")
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_slow_disk_is_named_soon_the_busy_one_is_not_and_recovery_clears_it() {
    let output = failslow(&[TRACE, "--json"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stderr),
        "line 423: latency_ms is no number from 0 up: \"n/a\"\n1 of 840 rows are bad\n"
    );
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        for key in ["ts", "group", "subject", "state", "ratio", "evidence"] {
            assert!(line.get(key).is_some(), "{line} lacks {key}");
        }
        assert_eq!((&line["group"], &line["op"]), (&json!("zfs1"), &json!("write")));
        assert_eq!(line["subject"], "sdc", "{line}");
    }
    let alarm = lines.iter().find(|line| line["state"] == "slow").unwrap();
    let at = alarm["ts"].as_str().unwrap();
    assert!(
        ("2026-11-21T03:04:15Z"..="2026-11-21T03:04:55Z").contains(&at),
        "{alarm}"
    );
    assert!(alarm["ratio"].as_f64().unwrap() > 1.6, "{alarm}");
    assert!(
        alarm["evidence"].as_str().unwrap().contains("× its 5 peers for "),
        "{alarm}"
    );
    assert_eq!(lines.last().unwrap()["state"], "ok");
}

#[test]
fn standard_input_is_a_trace_too_and_a_person_reads_lines() {
    let output = failslow(&["-"], &std::fs::read(TRACE).unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    let slow = told.lines().find(|line| line.contains(" slow ")).unwrap();
    assert!(
        slow.starts_with("2026-11-21T03:04:") && slow.contains(" zfs1 sdc write: "),
        "{told}"
    );
}

#[test]
fn what_is_wrong_with_a_trace_ends_in_its_own_exit_code() {
    let output = failslow(&[TRACE, "--max-bad-rows", "0"], b"");
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("1 of 840 rows are bad, more than the 0 that are let pass"));
    // What was judged until then stands.
    assert!(text(&output.stdout).contains(" slow "));
    let output = failslow(&["-"], b"ts,group,subject,latency_ms\n");
    assert_eq!(output.status.code(), Some(78));
    assert!(
        text(&output.stderr).contains("no column \"load\""),
        "{}",
        text(&output.stderr)
    );
    for (input, told) in [
        (&b""[..], "the trace is empty"),
        (
            b"ts;group;subject;load;latency_ms\n1;g;a;1;1\n",
            "separated by semicolons",
        ),
        (b"ts,group,subject,load,latency_ms\n", "no rows"),
        (
            b"ts,group,subject,load,latency_ms\nx,g,a,1,1\ny,g,a,1,1\n",
            "none of 2 rows can be used",
        ),
        (
            b"ts,group,subject,load,latency_ms\n1,g,a,1,1\ny,g,a,1,1\nz,g,a,1,1\n",
            "2 of 3 rows are bad",
        ),
    ] {
        let output = failslow(&["-"], input);
        assert_eq!(output.status.code(), Some(78), "{told}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
    let output = failslow(&["/nowhere/trace.csv"], b"");
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("/nowhere/trace.csv: "));
    for wrong in [&[][..], &[TRACE, TRACE], &[TRACE, "--tsv"]] {
        assert_eq!(failslow(wrong, b"").status.code(), Some(64), "{wrong:?}");
    }
}
