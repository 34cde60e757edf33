use super::*;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Runs of five disks with a little unevenness; `latency` may change one cell.
fn judged(latency: impl Fn(u32, u32) -> String) -> Vec<Value> {
    let mut csv = "subject,ts,group,latency_ms,load\n".to_owned();
    for poll in 0..200_u32 {
        for disk in 0..5_u32 {
            let _ = writeln!(csv, "d{disk},{},g,{},100", poll * 15, latency(poll, disk));
        }
    }
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let settings = Settings {
        json: true,
        max_bad_rows: None,
    };
    judge(&mut csv.as_bytes(), &mut out, &mut errors, settings).unwrap();
    assert!(errors.is_empty(), "{}", String::from_utf8_lossy(&errors));
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn usual(poll: u32, disk: u32) -> f64 {
    1.0 + f64::from((poll * 7 + disk * 13) % 11) / 50.0
}

#[test]
fn a_slow_one_is_named_soon_and_cleared_after() {
    let lines = judged(|poll, disk| {
        let factor = if disk == 3 && (50..100).contains(&poll) {
            2.0
        } else {
            1.0
        };
        format!("{}", usual(poll, disk) * factor)
    });
    let slow = lines.iter().find(|line| line["state"] == "slow").unwrap();
    assert_eq!(slow["subject"], "d3");
    assert!(slow["ts"].as_f64().unwrap() <= 59.0 * 15.0, "{slow}");
    assert_eq!(lines.last().unwrap()["state"], "ok");
    assert!(lines.iter().all(|line| line["subject"] == "d3"), "{lines:?}");
}

#[test]
fn a_constant_fleet_never_alarms_and_silence_is_told() {
    assert_eq!(judged(|_, _| "1.5".to_owned()), Vec::<Value>::new());
    let lines = judged(|poll, disk| {
        if disk == 1 && poll > 60 {
            String::new()
        } else {
            "1.5".to_owned()
        }
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["subject"], &lines[0]["state"]),
        (&json!("d1"), &json!("silent"))
    );
}

#[test]
fn bad_rows_are_counted_with_their_lines() {
    let csv = "ts,group,subject,load,latency_ms\n0,g,a,1,1\nx,g,a,1,1\n15,g,a,1,fast\n";
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let settings = Settings {
        json: true,
        max_bad_rows: Some(1),
    };
    let told = judge(&mut csv.as_bytes(), &mut out, &mut errors, settings);
    assert!(matches!(
        told,
        Err(TraceError::TooBad {
            bad: 2,
            rows: 3,
            limit: 1
        })
    ));
    let errors = String::from_utf8(errors).unwrap();
    assert!(errors.contains("line 3") && errors.contains("line 4"), "{errors}");
}

#[test]
fn a_trace_that_is_mostly_broken_is_no_success() {
    let end = |good: u32, bad: u32, max_bad_rows: Option<u64>| {
        let mut csv = "ts,group,subject,load,latency_ms\n".to_owned();
        for row in 0..bad {
            let _ = writeln!(csv, "\n{},g,a,1,fast", row * 15);
        }
        for row in 0..good {
            let _ = writeln!(csv, "{},g,a,1,1", row * 15);
        }
        let settings = Settings {
            json: true,
            max_bad_rows,
        };
        judge(&mut csv.as_bytes(), &mut Vec::new(), &mut Vec::new(), settings)
    };
    // A few of a small trace are let pass, of a large one a hundred, and 1 %.
    for (good, bad) in [(3, 1), (75, 25), (300, 100), (19_800, 200)] {
        assert!(end(good, bad, None).is_ok(), "{bad} bad, {good} good");
    }
    for (good, bad) in [(2, 1), (5, 45), (74, 26), (900, 101), (19_799, 201)] {
        assert!(
            matches!(end(good, bad, None), Err(TraceError::TooBad { .. })),
            "{bad} bad, {good} good"
        );
    }
    assert!(end(1, 3, Some(3)).is_ok());
    assert!(matches!(end(100, 1, Some(0)), Err(TraceError::TooBad { limit: 0, .. })));
    // Where nothing can be judged no limit helps.
    assert!(matches!(end(0, 2, Some(1000)), Err(TraceError::NoneGood { rows: 2 })));
    assert!(matches!(end(0, 0, None), Err(TraceError::NoRows)));
}

fn told(csv: &str) -> (Vec<Value>, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let settings = Settings {
        json: true,
        max_bad_rows: None,
    };
    judge(&mut csv.as_bytes(), &mut out, &mut errors, settings).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.collect(), String::from_utf8(errors).unwrap())
}

#[test]
fn a_row_that_leaps_in_time_does_not_outdate_the_rest_and_a_gap_raises_nothing() {
    let mut csv = "ts,group,subject,load,latency_ms\n".to_owned();
    for poll in 0..300_u32 {
        // Half an hour is missing after 100 polls.
        let at = poll * 15 + if poll >= 100 { 1800 } else { 0 };
        for disk in 0..5 {
            if (poll, disk) == (0, 0) || (poll, disk) == (150, 3) {
                let _ = writeln!(csv, "99999999,g,d9,100,1");
            }
            let slow = if disk == 2 && poll >= 200 { 3.0 } else { 1.0 };
            let _ = writeln!(csv, "{at},g,d{disk},100,{}", usual(poll, disk) * slow);
        }
    }
    let (lines, errors) = told(&csv);
    assert!(
        errors.contains("line 2: time leaps ahead") && errors.contains("line 756: "),
        "{errors}"
    );
    assert!(errors.ends_with("2 of 1502 rows are bad\n"), "{errors}");
    let states: Vec<_> = lines.iter().map(|line| (&line["subject"], &line["state"])).collect();
    assert_eq!(states.last(), Some(&(&json!("d2"), &json!("slow"))), "{lines:?}");
    assert!(states.iter().all(|(subject, _)| **subject == "d2"), "{lines:?}");
    let first = lines[0]["ts"].as_i64().unwrap();
    assert!((200 * 15 + 1800..212 * 15 + 1800).contains(&first), "{first}");
}

#[test]
fn groups_have_their_own_intervals_and_one_that_ends_is_silent() {
    let mut csv = "ts,group,subject,load,latency_ms\n".to_owned();
    for poll in 0..400_u32 {
        for member in 0..4 {
            let ms = usual(poll, member);
            let _ = writeln!(csv, "{},often,d{member},100,{ms}", poll * 15);
            if poll % 8 == 3 {
                let _ = writeln!(csv, "{},seldom,d{member},100,{ms}", poll * 15);
            }
            if poll < 200 {
                let _ = writeln!(csv, "{},ends,d{member},100,{ms}", poll * 15);
            }
        }
    }
    let (lines, errors) = told(&csv);
    assert_eq!(errors, "");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(
        (&line["group"], &line["subject"], &line["state"]),
        (&json!("ends"), &json!("*"), &json!("silent"))
    );
    assert!((205 * 15..215 * 15).contains(&line["ts"].as_i64().unwrap()), "{line}");
}

/// Polls of a second or two are judged as bins of about five: a slow one is named as soon as in bins, and what a single
/// short poll shows is no evidence.
#[test]
fn short_polls_are_summed() {
    for (seconds, bin) in [(1_u32, 5_u32), (2, 3), (5, 1)] {
        let mut csv = "ts,group,subject,load,latency_ms\n".to_owned();
        for poll in 0..600_u32 {
            for disk in 0..5 {
                let slow = disk == 2 && poll >= 60 * bin;
                // One odd poll of ten operations among many of hundred.
                let (ms, load) = if poll % 9 == 4 && disk == 3 && bin > 1 {
                    (60.0, 1.0)
                } else {
                    (usual(poll, disk), 100.0)
                };
                let ms = if slow { ms * 2.5 } else { ms };
                let _ = writeln!(csv, "{},g,d{disk},{load},{ms}", poll * seconds);
            }
        }
        let (lines, errors) = told(&csv);
        assert_eq!(errors, "");
        assert!(
            lines.iter().all(|line| line["subject"] == "d2"),
            "{seconds} s: {lines:?}"
        );
        let first = lines.iter().find(|line| line["state"] == "slow").unwrap()["ts"]
            .as_i64()
            .unwrap();
        let onset = i64::from(60 * bin * seconds);
        assert!(
            (onset..onset + 60).contains(&first),
            "{seconds} s: {first}, not from {onset} on"
        );
    }
}

/// What clients see of servers, each at its own distance; some cells become three times slower after a while, and well
/// again.
fn seen(observers: u32, servers: u32, slow: &dyn Fn(u32, u32) -> bool) -> Vec<Value> {
    let mut csv = "ts,group,subject,observer,op,load,latency_ms\n".to_owned();
    for poll in 0..240_u32 {
        for observer in 0..observers {
            for server in 0..servers {
                let slow = (100..160).contains(&poll) && slow(observer, server);
                let far = f64::from(1 + observer) * if slow { 3.0 } else { 1.0 };
                let ms = usual(poll * (observer + 3), server + 5 * observer) * far;
                let _ = writeln!(csv, "{},nfs,s{server},c{observer},read,100,{ms}", poll * 5);
            }
        }
    }
    let (lines, errors) = told(&csv);
    assert_eq!(errors, "");
    lines
}

#[test]
fn what_one_observer_sees_slow_everywhere_is_the_observer() {
    for (observers, servers) in [(4, 5), (3, 3), (6, 2)] {
        let lines = seen(observers, servers, &|observer, _| observer == 2);
        let about = |line: &Value| line["subject"] == "*" && line["observer"] == "c2" && line["blame"] == "client";
        assert!(lines.iter().all(about), "{lines:?}");
        assert!(lines.iter().any(|line| line["state"] == "slow"), "{lines:?}");
        assert_eq!(lines.last().unwrap()["state"], "ok");
    }
}

#[test]
fn what_all_observers_see_slow_is_the_subject() {
    for (observers, servers) in [(4, 5), (2, 5), (3, 3)] {
        let lines = seen(observers, servers, &|_, server| server == 1);
        let about = |line: &Value| line["subject"] == "s1" && line["op"] == "read" && line.get("observer").is_none();
        assert!(lines.iter().all(about), "{observers}×{servers}: {lines:?}");
        let slow = lines.iter().find(|line| line["state"] == "slow").unwrap();
        let agree = format!("; {observers} of {observers} clients agree");
        assert!(slow["evidence"].as_str().unwrap().contains(&agree), "{slow}");
        assert_eq!(lines.last().unwrap()["state"], "ok");
    }
}

#[test]
fn what_one_observer_alone_sees_slow_of_one_subject_is_the_path() {
    for (observers, servers) in [(4, 5), (2, 5), (3, 3), (2, 2), (8, 4)] {
        let lines = seen(observers, servers, &|observer, server| (observer, server) == (1, 0));
        let about = |line: &Value| line["subject"] == "s0" && line["observer"] == "c1" && line["blame"] == "path";
        assert!(lines.iter().all(about), "{observers}×{servers}: {lines:?}");
        assert_eq!(lines.len(), 2, "{observers}×{servers}: {lines:?}");
        assert_eq!(lines[0]["state"], "slow");
        assert!(
            lines[0]["evidence"].as_str().unwrap().ends_with(" → path c1→s0"),
            "{lines:?}"
        );
        assert_eq!(lines[1]["state"], "ok");
    }
}

#[test]
fn one_observer_for_each_subject_is_no_matrix() {
    let mut csv = "ts,group,subject,observer,load,latency_ms\n".to_owned();
    for poll in 0..120_u32 {
        for host in 0..5 {
            let factor = if poll >= 60 && host == 1 { 3.0 } else { 1.0 };
            let _ = writeln!(csv, "{},g,d{host},h{host},100,{}", poll * 5, usual(poll, host) * factor);
        }
    }
    let (lines, _) = told(&csv);
    assert!(lines.iter().all(|line| line["subject"] == "d1"), "{lines:?}");
    assert_eq!(lines.last().unwrap()["state"], "slow");
}

#[test]
fn lines_for_a_person_cannot_steer_the_terminal() {
    let mut csv = "ts,group,subject,load,latency_ms\n".to_owned();
    for poll in 0..120_u32 {
        for (disk, name) in ["a\x1b[2J", "b", "c", "d"].iter().enumerate() {
            let factor = if poll >= 60 && disk == 0 { 3 } else { 1 };
            let minute = poll / 4;
            let second = poll % 4 * 15;
            let _ = writeln!(csv, "2026-11-21T03:{minute:02}:{second:02}Z,g,{name},100,{factor}");
        }
    }
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    judge(&mut csv.as_bytes(), &mut out, &mut errors, Settings::default()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("2026-11-21T03:1") && last.contains("Z slow    g a\\x1b[2J: 2."),
        "{text}"
    );
    assert!(last.contains("× its 3 peers for ") && !text.contains('\x1b'), "{text}");
}
