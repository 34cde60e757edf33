//! The poll loop and single commands over SSH.

use super::{
    calm,
    client::{Loop, connect, exec},
    tokio_clock,
};
use crate::{
    facts::{Section, SectionStatus},
    simulate::Simulation,
};

#[tokio::test]
async fn the_loop_answers_in_both_lanes() {
    let (sim, hand) = calm();
    let mut half = Loop::open(&sim, "stor1").await;
    let sections = half.all(1, false).await;
    let of = |wanted: Section| {
        let (_, status, content) = sections
            .iter()
            .find(|(section, status, _)| *section == wanted && *status != SectionStatus::Begin)
            .unwrap();
        (status.clone(), std::str::from_utf8(content).unwrap())
    };
    assert!(
        of(Section::Mdstat).1.contains("active raid5 sdd[3] sdc[1] sdb[0]"),
        "{}",
        of(Section::Mdstat).1
    );
    assert!(
        of(Section::Drbd)
            .1
            .contains("0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----")
    );
    assert!(of(Section::Exports).1.starts_with("/srv/slice-a  \t10.20.0.0/22(sync,"));
    assert_eq!(of(Section::Zpool).0, SectionStatus::Absent);
    assert_eq!(of(Section::Mountstats), (SectionStatus::Ok, ""));
    assert!(of(Section::Identity).1.starts_with("hostname stor1\nmachine_id "));
    assert!(
        !sections.iter().any(|(section, ..)| *section == Section::Mysql),
        "not declared, not sent"
    );
    let begun = sections
        .iter()
        .filter(|(_, status, _)| *status == SectionStatus::Begin)
        .count();
    assert_eq!(begun, 9, "every slow section that is there announces itself");

    // Nothing has moved: the second answer only names what is as it was.
    half.go(2, "f").await;
    let frame = half.next_fast().await;
    assert!(
        frame
            .sections
            .iter()
            .all(|section| section.status == SectionStatus::Same)
    );
    hand.forward(std::time::Duration::from_secs(2));
    half.go(3, "f").await;
    let frame = half.next_fast().await;
    let status = |wanted| {
        frame
            .sections
            .iter()
            .find(|section| section.section == Some(wanted))
            .unwrap()
            .status
            .clone()
    };
    assert_eq!(status(Section::Diskstats), SectionStatus::Ok);
    assert_eq!(status(Section::Mdstat), SectionStatus::Same);
    half.go(4, "fa").await;
    let frame = half.next_fast().await;
    assert!(
        frame
            .sections
            .iter()
            .all(|section| section.status != SectionStatus::Same)
    );
    half.channel.eof().await.unwrap();
}

#[tokio::test]
async fn every_section_of_every_host_is_text() {
    let (sim, _) = calm();
    let mut seen = std::collections::BTreeSet::new();
    for host in &sim.fleet().hosts {
        if host.shell == crate::fleet::Shell::None {
            continue;
        }
        let mut half = Loop::open(&sim, host.name.as_str()).await;
        for (section, status, content) in half.all(1, !host.backups.is_empty()).await {
            let text = String::from_utf8(content).unwrap();
            assert!(
                !text.contains('\x1b') && !text.contains('\0'),
                "{} {section:?}",
                host.name
            );
            match status {
                SectionStatus::Ok => {
                    assert!(
                        !text.ends_with('\n') || matches!(section, Section::Probes | Section::Lists),
                        "{} {section:?}",
                        host.name
                    );
                    seen.insert(section);
                }
                SectionStatus::Absent | SectionStatus::Begin => assert_eq!(text, ""),
                other => panic!("{} {section:?} {other:?}", host.name),
            }
        }
    }
    let missing: Vec<_> = Section::ALL
        .iter()
        .filter(|section| !seen.contains(section) && **section != Section::Probes)
        .collect();
    assert!(missing.is_empty(), "{missing:?} is on no host");
}

#[tokio::test]
async fn probes_run_with_the_loop() {
    let (sim, _) = calm();
    let mut half = Loop::open(&sim, "mail1").await;
    half.go(1, "f").await;
    let content = loop {
        let frame = half.next_slow().await;
        if let Some(section) = frame
            .sections
            .into_iter()
            .find(|section| section.section == Some(Section::Probes) && section.status == SectionStatus::Ok)
        {
            break String::from_utf8(section.content).unwrap();
        }
    };
    let (head, body) = content.split_once('\n').unwrap();
    let body = body.strip_suffix('\n').unwrap();
    assert_eq!(head, format!("queue 0 {}", body.len()));
    assert!(
        serde_json::from_str::<serde_json::Value>(body).unwrap()["deferred"]
            .as_u64()
            .unwrap()
            > 10
    );
}

#[tokio::test]
async fn commands_answer_or_are_not_found() {
    let (sim, _) = calm();
    let stor1 = connect(&sim, "stor1").await.unwrap();
    assert_eq!(
        exec(&stor1, "hostname").await,
        (Some(0), "stor1\n".to_owned(), String::new())
    );
    assert!(exec(&stor1, "cat /proc/drbd").await.1.starts_with("version: 8.4.11"));
    assert!(exec(&stor1, "uptime").await.1.contains("load average:"));
    let (exit, out, err) = exec(&stor1, "drbdamd primary r0").await;
    assert_eq!((exit, out.as_str()), (Some(127), ""));
    assert!(err.contains("drbdamd: not found"));
    assert_eq!(exec(&stor1, "cat /etc/shadow").await.0, Some(1));

    let ups1 = connect(&sim, "ups1").await.unwrap();
    assert!(exec(&ups1, "show battery").await.1.contains("Battery charge:   100 %"));
    assert!(
        exec(&ups1, "'show' 'load'").await.1.contains("Output load:"),
        "each word may be quoted"
    );
    assert_eq!(exec(&ups1, "exec env -i sh -s").await.0, Some(1), "no shell there");
}

#[tokio::test(start_paused = true)]
async fn it_runs_under_a_paused_clock() {
    let sim = Simulation::demo(3, tokio_clock());
    let mut half = Loop::open(&sim, "db3").await;
    for seq in 1..=200 {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        half.go(seq, "fm").await;
        assert_eq!(half.next_fast().await.seq, seq);
    }
    assert!(sim.world().now_ms() >= 400_000);
}

/// Also a measure: see the time that it prints (dev profile).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_hosts_connect_and_answer() {
    let start = std::time::Instant::now();
    let clock_start = start;
    let sim = std::sync::Arc::new(Simulation::uniform(
        500,
        std::sync::Arc::new(move || std::time::Duration::from_secs(super::START) + clock_start.elapsed()),
    ));
    let built = start.elapsed();
    let mut tasks = tokio::task::JoinSet::new();
    for host in sim.fleet().hosts.clone() {
        let sim = std::sync::Arc::clone(&sim);
        tasks.spawn(async move {
            let mut half = Loop::open(&sim, host.name.as_str()).await;
            half.go(1, "f").await;
            let frame = half.next_fast().await;
            assert!(frame.sections.len() >= 10);
            half
        });
    }
    let mut halves = tasks.join_all().await;
    let connected = start.elapsed();
    for half in &mut halves {
        half.go(2, "f").await;
    }
    for half in &mut halves {
        assert_eq!(half.next_fast().await.seq, 2);
    }
    println!(
        "500 hosts: built in {built:?}, first frames after {connected:?}, one more poll of all {:?}",
        start.elapsed().saturating_sub(connected)
    );
}
