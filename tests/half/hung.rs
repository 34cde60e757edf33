//! What hangs on the very fault that is watched for: commands, network mounts, and the end of all of it.

use crate::rig::{ALL, Half, Place, find, of, running, shells};
use pointsman::{
    facts::{Section, SectionStatus, Tier},
    fleet::Host,
    remote::{frame::FrameSection, half},
};
use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A place whose `drbdsetup` hangs, in a process that `mark` finds.
fn place_with_hanging_drbdsetup(mark: &str) -> Place {
    let mut place = Place::new();
    place.file("proc/drbd", "version: 9.2.8 (api:2/proto:86-122)\n");
    place.program("drbdsetup", &format!("exec sleep {mark}"));
    place.program("exportfs", "printf '/srv/a  \\t10.0.0.0/24(rw)\\n'");
    place.surroundings.stuck_seconds = 1;
    place.surroundings.limit_seconds = 50;
    place.surroundings.give_up_seconds = 2;
    place.surroundings.replace_seconds = 4;
    place
}

/// The sections that the fast lane reports as stuck, with their content.
fn stuck(sections: &[FrameSection]) -> Vec<(Option<Section>, String)> {
    sections
        .iter()
        .filter(|found| found.status == SectionStatus::Stuck)
        .map(|found| (found.section, String::from_utf8(found.content.clone()).unwrap()))
        .collect()
}

#[tokio::test]
async fn a_hanging_command_is_named_and_the_other_sections_go_on() {
    let place = place_with_hanging_drbdsetup("86001.5");
    let tasks: Vec<_> = shells()
        .into_iter()
        .map(|shell| {
            let surroundings = place.surroundings.clone();
            tokio::spawn(async move {
                let host = Host::new("here", "localhost");
                let mut half = Half::start(shell, &host, &surroundings).await;
                let began = Instant::now();
                let (mut first_seen, mut exports) = (None, None);
                while began.elapsed() < Duration::from_secs(30) && exports.is_none() {
                    let asked = Instant::now();
                    let frame = half.poll(&[Tier::Fast, Tier::Medium], false).await;
                    assert!(
                        asked.elapsed() < Duration::from_secs(5),
                        "{shell}: the fast lane waited"
                    );
                    for (section, content) in stuck(&frame.sections) {
                        assert_eq!(section, Some(Section::DrbdStatus), "{shell}");
                        let (seconds, state) = content.split_once(' ').unwrap();
                        assert!(
                            seconds.parse::<u32>().unwrap() >= 1 && state == "S",
                            "{shell}: {content}"
                        );
                        first_seen.get_or_insert(began.elapsed());
                    }
                    while let Some(slow) = half.frame_within(1, Duration::from_millis(100)).await {
                        exports = exports.or(find(&slow.sections, Section::Exports).cloned());
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                // Two whole seconds may go by before it counts as one second long.
                assert!(first_seen.unwrap() < Duration::from_secs(4), "{shell}: {first_seen:?}");
                let exports = exports.unwrap_or_else(|| panic!("{shell}: no new lane took over"));
                assert_eq!(exports.status, SectionStatus::Ok, "{shell}");
                let frame = half.poll(&[Tier::Fast], false).await;
                assert_eq!(
                    stuck(&frame.sections).len(),
                    1,
                    "{shell}: it is still stuck, and said so"
                );
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn no_more_than_three_lanes_are_ever_stuck() {
    let mut place = place_with_hanging_drbdsetup("86002.5");
    place.surroundings.replace_seconds = 3;
    for program in ["exportfs", "ip", "zpool", "df"] {
        place.program(program, "exec sleep 86002.5");
    }
    let mut half = Half::start("dash", &Host::new("here", "localhost"), &place.surroundings).await;
    let began = Instant::now();
    let mut most = 0;
    while began.elapsed() < Duration::from_secs(16) {
        let frame = half.poll(&ALL, false).await;
        let stuck = stuck(&frame.sections);
        most = most.max(stuck.len());
        assert!(running("86002.5").len() <= 6, "each lane: the command and its timeout");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(most, 3);
    drop(half);
    assert_gone("86002.5", "dash");
}

#[tokio::test]
async fn a_command_that_ends_at_its_deadline_says_so() {
    let mut place = place_with_hanging_drbdsetup("86003.5");
    place.surroundings.limit_seconds = 1;
    for shell in shells() {
        let mut half = Half::start(shell, &Host::new("here", "localhost"), &place.surroundings).await;
        half.poll(&[Tier::Fast], false).await;
        let found = half.slow(Section::DrbdStatus).await;
        assert_eq!(found.status, SectionStatus::Exit(124), "{shell}");
        assert_eq!(found.content, b"no answer within 1 s", "{shell}");
    }
}

#[tokio::test]
async fn each_network_mount_is_asked_by_a_child_of_its_own() {
    let place = Place::new();
    place.mounts(&[
        ("/", "ext4", "/dev/sda1"),
        ("/mnt/good", "nfs", "10.0.0.1:/a"),
        ("/mnt/a\\040b\\134c", "nfs4", "10.0.0.1:/b"),
        ("/mnt/stale", "nfs", "10.0.0.1:/c"),
        ("/mnt/hung", "nfs", "10.0.0.1:/d"),
        ("/mnt/odd", "cifs", "//10.0.0.1/e"),
        ("/mnt/late", "nfs", "10.0.0.1:/f"),
        ("/mnt/killed", "nfs", "10.0.0.1:/g"),
        ("/mnt/new", "nfs", "10.0.0.1:/h"),
    ]);
    // stat -f -- MOUNT
    place.program(
        "stat",
        "case $3 in\n/mnt/good | '/mnt/a b\\c') exit 0 ;;\n\
         /mnt/stale) echo 'stat: cannot read: Stale file handle' >&2; exit 1 ;;\n\
         /mnt/odd) echo 'stat: Host is down' >&2; exit 1 ;;\n\
         /mnt/late) echo 'stat: Connection timed out' >&2; exit 1 ;;\n\
         /mnt/killed) kill -9 $$ ;;\n\
         /mnt/new) echo 'stat: Unknown error 523' >&2; exit 1 ;;\n\
         /mnt/hung) exec sleep 86004.5 ;;\nesac\necho \"not asked for: $*\" >&2; exit 9",
    );
    for shell in shells() {
        let mut half = Half::start(shell, &Host::new("here", "localhost"), &place.surroundings).await;
        half.poll(&[Tier::Medium], false).await;
        tokio::time::sleep(Duration::from_millis(1200)).await;
        for tiers in [&[Tier::Fast][..], &[Tier::Medium], &[Tier::Medium, Tier::Fast]] {
            // A busy machine may need more than the moment that the first answer waits.
            let mut patience = 100;
            let (status, text) = loop {
                let frame = half.poll(tiers, true).await;
                let (status, text) = of(&frame.sections, Section::Statfs);
                patience -= 1;
                if patience == 0 || !text.lines().any(|line| line.starts_with("hung 0 ")) {
                    break (status, text);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            assert_eq!(status, SectionStatus::Ok, "{shell}");
            let line = |mount: &str| {
                let line = text.lines().find(|line| line.split(' ').nth(2) == Some(mount));
                line.unwrap_or_else(|| panic!("{shell}: no {mount} in {text}"))
                    .to_owned()
            };
            assert!(line("/mnt/good").starts_with("ok "), "{shell}: {text}");
            assert!(line("/mnt/a\\040b\\134c").starts_with("ok "), "{shell}: {text}");
            assert_eq!(line("/mnt/stale"), "stale 0 /mnt/stale", "{shell}");
            assert_eq!(line("/mnt/odd"), "error 0 /mnt/odd Host is down", "{shell}");
            assert_eq!(line("/mnt/late"), "error 0 /mnt/late Connection timed out", "{shell}");
            assert_eq!(line("/mnt/new"), "error 0 /mnt/new statfs failed", "{shell}");
            assert_eq!(
                line("/mnt/killed"),
                "error 0 /mnt/killed statfs failed: stat was killed by signal 9",
                "{shell}"
            );
            let hung: Vec<_> = line("/mnt/hung").split(' ').map(str::to_owned).collect();
            assert!(
                hung[0] == "hung" && hung[1].parse::<u32>().unwrap() >= 1,
                "{shell}: {text}"
            );
            assert!(
                !text.contains("/dev/sda1") && text.lines().count() == 8,
                "{shell}: {text}"
            );
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        assert_eq!(
            running("sleep\u{0}86004.5").len(),
            1,
            "{shell}: a mount that hangs is not asked again"
        );
        drop(half);
        assert_gone("86004.5", shell);
    }
}

#[tokio::test]
async fn a_hung_mount_is_remembered_over_other_mounts_and_forgotten_when_it_answers() {
    let place = Place::new();
    place.program(
        "stat",
        "case $3 in\n/mnt/hung) while [ ! -e ${0%/bin/*}/free ]; do sleep 0.1; done ;;\nesac",
    );
    for shell in shells() {
        let free = place.path("free");
        place.mounts(&[("/mnt/x", "nfs", "s:/x"), ("/mnt/hung", "nfs", "s:/d")]);
        let mut half = Half::start(shell, &Host::new("here", "localhost"), &place.surroundings).await;
        half.poll(&ALL, false).await;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        place.mounts(&[("/mnt/hung", "nfs", "s:/d"), ("/mnt/new", "nfs", "s:/n")]);
        half.poll(&[Tier::Fast], false).await;
        let frame = half.poll(&[Tier::Fast], true).await;
        let text = of(&frame.sections, Section::Statfs).1;
        assert!(
            text.starts_with("hung ") && !text.starts_with("hung 0"),
            "{shell}: {text}"
        );
        assert!(!text.contains("/mnt/x"), "{shell}: {text}");
        std::fs::write(&free, "").unwrap();
        let mut text = String::new();
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let frame = half.poll(&[Tier::Fast, Tier::Medium], true).await;
            text = of(&frame.sections, Section::Statfs).1;
            if !text.lines().any(|line| line.starts_with("hung ")) {
                break;
            }
        }
        assert!(
            text.lines().count() == 2 && text.lines().all(|line| line.starts_with("ok ")),
            "{shell}: {text}"
        );
        std::fs::remove_file(free).unwrap();
    }
}

fn assert_gone(mark: &str, shell: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    while !running(mark).is_empty() {
        assert!(Instant::now() < end, "{shell}: {mark} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_end_of_input_ends_everything_that_was_started() {
    for leader in [true, false] {
        for (number, shell) in shells().into_iter().enumerate() {
            let mark = format!("860{}{number}.25", if leader { 5 } else { 6 });
            let place = place_with_hanging_drbdsetup(&mark);
            place.mounts(&[("/mnt/hung", "nfs", "10.0.0.1:/d")]);
            place.program("stat", &format!("exec sleep {mark}"));
            let mut command = Command::new("sh");
            command.arg("-c").arg(half::start_with(shell));
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            if leader {
                command.process_group(0);
            }
            let mut child = command.spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            let script = half::script_in(&Host::new("h", "h"), &place.surroundings);
            input.write_all(script.as_bytes()).unwrap();
            input
                .write_all((half::hello("0123456789abcdef") + &half::go(1, &ALL, false)).as_bytes())
                .unwrap();
            let end = Instant::now() + Duration::from_secs(10);
            // The mount's child and the lane's command (which may sit under `timeout`).
            while running(&mark).len() < 2 {
                assert!(Instant::now() < end, "{shell}: nothing was started");
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(Duration::from_millis(100));
            drop(input);
            let mut rest = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
            assert!(child.wait().unwrap().success(), "{shell}");
            assert_gone(&mark, shell);
        }
    }
}
