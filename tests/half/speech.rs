//! The protocol: what is answered, what is ignored, and how it ends.

use crate::rig::{ALL, Half, Place, find, of, shells};
use pointsman::{
    facts::{Section, SectionStatus, Tier, section::Lane},
    fleet::Host,
    remote::{
        Remote,
        half::{self, Surroundings},
        local::LocalRemote,
    },
};
use std::{os::unix::fs::PermissionsExt, time::Duration};

fn host() -> Host {
    Host::new("here", "localhost")
}

#[tokio::test]
async fn every_fast_section_of_this_machine_is_there_and_sane() {
    for shell in shells() {
        let mut half = Half::start(shell, &host(), &Surroundings::default()).await;
        let frame = half.poll(&ALL, false).await;
        for section in Section::ALL.iter().filter(|section| section.lane() == Lane::Fast) {
            let found = find(&frame.sections, *section);
            let found = found.unwrap_or_else(|| panic!("{shell}: no {}", section.name()));
            let known = matches!(
                found.status,
                SectionStatus::Ok | SectionStatus::Absent | SectionStatus::Denied
            );
            assert!(known, "{shell}: {} is {:?}", section.name(), found.status);
        }
        let text = |section| of(&frame.sections, section).1;
        let uptime = text(Section::Uptime);
        let (first, second) = uptime.split_once('\n').unwrap();
        assert!(first.split(' ').all(|n| n.parse::<f64>().is_ok()), "{shell}: {uptime}");
        assert!(
            second.strip_prefix("btime ").unwrap().parse::<u64>().is_ok(),
            "{shell}: {uptime}"
        );
        assert_eq!(text(Section::Loadavg).split(' ').count(), 5, "{shell}");
        let stat = text(Section::Stat);
        let cpus = std::fs::read_to_string("/proc/stat").unwrap();
        let cpus = cpus
            .lines()
            .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
            .count();
        assert!(
            stat.starts_with("cpu  ") && stat.ends_with(&format!("\ncpus {cpus}")),
            "{shell}: {stat}"
        );
        assert!(stat.contains("\nprocs_blocked "), "{shell}: {stat}");
        let memory = text(Section::Meminfo);
        for key in ["MemTotal:", "MemAvailable:", "SwapFree:", "Dirty:", "Writeback:"] {
            assert!(memory.lines().any(|line| line.starts_with(key)), "{shell}: {memory}");
        }
        assert!(text(Section::NetDev).contains("\n    lo: "), "{shell}");
        assert_eq!(
            text(Section::Snmp)
                .lines()
                .filter(|line| line.starts_with("Tcp: "))
                .count(),
            2,
            "{shell}"
        );
        let links = text(Section::Links);
        let link = links.lines().find(|line| line.starts_with("lo ")).unwrap();
        assert_eq!(link.split(' ').count(), 5, "{shell}: {link}");
        assert!(text(Section::Mounts).contains(" / / "), "{shell}");
        assert!(!text(Section::Mounts).contains(" - proc "), "{shell}");
        let identity = half.slow(Section::Identity).await;
        let identity = String::from_utf8(identity.content).unwrap();
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert!(
            identity.contains(&format!("hostname {hostname}")),
            "{shell}: {identity}"
        );
        for key in [
            "machine_id ",
            "boot_id ",
            "kernel ",
            "os ",
            "arch ",
            "user ",
            "uid ",
            "sudo ",
            "shell ",
        ] {
            assert!(
                identity
                    .lines()
                    .any(|line| line.starts_with(key) && line.len() > key.len()),
                "{shell}: {identity}"
            );
        }
        let df = String::from_utf8(half.slow(Section::Df).await.content).unwrap();
        let (blocks, inodes) = df.split_once("\ninodes\n").unwrap();
        assert!(
            blocks
                .lines()
                .chain(inodes.lines())
                .filter(|line| line.ends_with(" /"))
                .count()
                == 2,
            "{shell}: {df}"
        );
    }
}

#[tokio::test]
async fn unchanged_sections_are_sent_as_same_until_asked_for_in_full() {
    let place = Place::new();
    place.file("proc/mdstat", "Personalities : \nunused devices: <none>\n");
    place
        .file("proc/loadavg", "0.1 0.2 0.3 1/2 3\n")
        .file("proc/stat", "cpu  1 2\ncpu0 1 2\nbtime 5\n");
    for shell in shells() {
        place.file("proc/loadavg", "0.1 0.2 0.3 1/2 3\n");
        let mut half = Half::start(shell, &host(), &place.surroundings).await;
        let first = half.poll(&ALL, false).await;
        assert_eq!(of(&first.sections, Section::Drbd).0, SectionStatus::Absent, "{shell}");
        let again = half.poll(&ALL, false).await;
        for found in &again.sections {
            assert_eq!(
                (&found.status, found.content.len()),
                (&SectionStatus::Same, 0),
                "{shell}: {:?}",
                found.section
            );
        }
        place.file("proc/loadavg", "9.9 0.2 0.3 1/2 3\n");
        let changed = half.poll(&[Tier::Fast], false).await;
        assert_eq!(
            of(&changed.sections, Section::Loadavg),
            (SectionStatus::Ok, "9.9 0.2 0.3 1/2 3".to_owned()),
            "{shell}"
        );
        assert_eq!(of(&changed.sections, Section::Mdstat).0, SectionStatus::Same, "{shell}");
        assert!(
            find(&changed.sections, Section::Links).is_none(),
            "{shell}: the medium tier was not asked for"
        );
        let full = half.poll(&ALL, true).await;
        assert!(
            full.sections.iter().all(|found| found.status != SectionStatus::Same),
            "{shell}"
        );
        assert!(
            of(&full.sections, Section::Mdstat).1.starts_with("Personalities"),
            "{shell}"
        );
    }
}

#[tokio::test]
async fn lines_that_are_not_ours_are_ignored_and_a_flood_of_them_ends_it() {
    for shell in shells() {
        let mut half = Half::silent(shell, shell, &host(), &Surroundings::default()).await;
        for line in [
            "",
            "go 1 f",
            "hello",
            "hello ABCDEF0123456789",
            "hello 0123",
            "hello 0123456789abcdef x",
            "hello ../../etc/passwd0",
        ] {
            half.send(&format!("{line}\n")).await;
        }
        half.send(&format!("hello {}\n", "a".repeat(65))).await;
        assert_eq!(half.frame_within(0, Duration::from_millis(100)).await, None, "{shell}");
        half.send(&half::hello(&half.nonce.clone())).await;
        assert_eq!(half.frame(0).await.seq, 0, "{shell}");
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("made");
        let made = mark.display();
        for line in [
            "go",
            "go f",
            "go 1",
            "go 1 x",
            "go 1 fz",
            "go -1 f",
            "go 1 f f",
            "go $(id) f",
            "go 1+1 f",
            "go 99999999999999999999 f",
            "hello 0123456789abcdef",
            "exit",
            "reboot",
            "\\",
            "'",
            "\"",
            "`id`",
            "\u{1}\u{2} \u{80}",
            "*",
            "go * f",
            "go 1 *",
            "go 1/2/3 f",
        ] {
            half.send(&format!("{line}\n")).await;
        }
        half.send(&format!(
            "touch {made}\ngo $(touch {made}) f\n`touch {made}`\n;touch {made}\n"
        ))
        .await;
        let frame = half.poll(&[Tier::Fast], false).await;
        assert!(!frame.sections.is_empty(), "{shell}");
        assert!(!mark.exists(), "{shell}: input was run");
        half.send(&"what\n".repeat(100)).await;
        half.wait_for_end(Duration::from_secs(5)).await;
        assert_eq!(half.exit, Some(0), "{shell}");
    }
}

#[tokio::test]
async fn the_forced_command_speaks_alike_and_ignores_what_the_client_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("probe");
    std::fs::write(&file, half::forced_script(None)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let session = LocalRemote.connect(&host(), &|_| {}).await.unwrap();
    let mark = dir.path().join("made");
    let command = format!(
        "SSH_ORIGINAL_COMMAND='touch {}' LC_ALL=de_DE.UTF-8 PATH=/nowhere:/bin exec {}",
        mark.display(),
        file.display()
    );
    let wire = session.open(&command).await.unwrap();
    let mut half = Half::on("sh", session, wire);
    half.send(&half::hello(&half.nonce.clone())).await;
    assert_eq!(half.frame(0).await.seq, 0);
    let frame = half.poll(&ALL, false).await;
    assert_eq!(of(&frame.sections, Section::Uptime).0, SectionStatus::Ok);
    assert!(
        half.slow_until(Section::Df)
            .await
            .iter()
            .all(|found| found.section != Some(Section::Mysql))
    );
    assert!(!mark.exists());
}

#[tokio::test]
async fn the_program_itself_survives_being_cut_short() {
    // A connection that breaks while the script is sent must leave nothing running, least of all half a script.
    for shell in shells() {
        let text = half::script(&host());
        let command = format!(
            "head -c {} | {}",
            text.len() / 2,
            half::start_with(shell).trim_start_matches("exec ")
        );
        let session = LocalRemote.connect(&host(), &|_| {}).await.unwrap();
        let output = session
            .exec(&command, text.as_bytes(), pointsman::remote::ExecLimits::default())
            .await
            .unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0), "{shell}");
    }
}
