//! Backups that are on a host: what its own command lists, and what is written down of their tests.

use crate::rig::{ALL, Half, Place, find, of, shells};
use pointsman::{
    facts::{Section, SectionStatus, Tier, probe::split_probes, proof},
    fleet::{BackupSubject, Host, KeptBackups},
};
use std::time::{Duration, Instant};

const MEDIUM: [Tier; 2] = [Tier::Fast, Tier::Medium];

fn kept(name: &str, list: &[&str]) -> KeptBackups {
    KeptBackups {
        of: BackupSubject::Slice(name.into()),
        list: list.iter().map(|word| (*word).to_owned()).collect(),
        every: Duration::from_hours(26),
        tested: Duration::from_hours(800),
    }
}

fn host(backups: &[KeptBackups]) -> Host {
    let mut host = Host::new("here", "localhost");
    host.backups = backups.to_vec();
    host
}

/// The lane that has told all ends a moment later: until then a poll begins no other.
async fn ended() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Names, exit codes and outputs.
fn outputs(content: &[u8]) -> Vec<(String, i32, String)> {
    let outputs = split_probes(content).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    outputs
        .iter()
        .map(|one| (one.name.to_owned(), one.exit, text(one.output)))
        .collect()
}

#[tokio::test]
async fn lists_come_with_the_slow_tier_and_only_what_is_written_of_tests_is_read() {
    let place = Place::new();
    place
        .file(
            "var/lib/pointsman/backup/backup@web1",
            "of web1-20 1795140000 may 0\nbackup files 3 bytes 2097152\nbackup checked 1795220000\n",
        )
        .file(
            "var/lib/pointsman/backup/backup@database@shop",
            "of shop-7 1795140000 may 0\nbackup files 3 bytes 20\n",
        );
    let host = host(&[
        kept(
            "web1",
            &[
                "printf",
                "%s\\n",
                "2026-11-20T03:00:00Z web1-20 4096",
                "# it's `id` $HOME *",
            ],
        ),
        kept("empty", &["true"]),
        kept("broken", &["ls", "/does not exist"]),
        kept("long", &["seq", "1", "20000"]),
    ]);
    for shell in shells() {
        let mut half = Half::start(shell, &host, &place.surroundings).await;
        half.poll(&ALL, false).await;
        let sections = half.slow_until(Section::Lists).await;
        let (status, tests) = of(&sections, Section::Proofs);
        assert_eq!(status, SectionStatus::Ok, "{shell}: {tests}");
        let mut tests = proof::parse_tests(&tests).unwrap();
        tests.sort_by(|a, b| b.name.cmp(&a.name));
        assert_eq!(tests[0].name, "backup@web1", "{shell}");
        assert_eq!(tests[0].last.as_ref().unwrap().trouble, None, "{shell}");
        assert!(
            tests[1].name == "backup@database@shop" && tests[1].last.is_err(),
            "{shell}: {tests:?}"
        );
        let found = find(&sections, Section::Lists).unwrap();
        assert_eq!(found.status, SectionStatus::Ok, "{shell}");
        let lists = outputs(&found.content);
        let printed = "2026-11-20T03:00:00Z web1-20 4096\n# it's `id` $HOME *";
        assert_eq!(lists[0], ("backup@web1".into(), 0, printed.into()), "{shell}");
        assert_eq!(lists[1], ("backup@empty".into(), 0, String::new()), "{shell}");
        assert!(
            lists[2].1 != 0 && lists[2].2.contains("No such file"),
            "{shell}: {:?}",
            lists[2]
        );
        assert_eq!(lists[3], ("backup@long".into(), 27, String::new()), "{shell}");
        // All of them had their turn: the next is with the next slow tier.
        ended().await;
        half.poll(&MEDIUM, false).await;
        let second = half.slow_until(Section::Df).await;
        assert!(find(&second, Section::Lists).is_none(), "{shell}");
        let late = half.frame_within(1, Duration::from_millis(300)).await;
        assert!(late.is_none(), "{shell}: {late:?}");
        ended().await;
        half.poll(&ALL, false).await;
        assert_eq!(outputs(&half.slow(Section::Lists).await.content).len(), 4, "{shell}");
    }
}

#[tokio::test]
async fn a_host_without_backups_is_not_asked_for_them_and_one_without_tests_has_none() {
    let place = Place::new();
    for shell in shells() {
        let mut half = Half::start(shell, &host(&[kept("web1", &["true"])]), &place.surroundings).await;
        half.poll(&ALL, false).await;
        assert_eq!(
            half.slow(Section::Proofs).await.status,
            SectionStatus::Absent,
            "{shell}"
        );
    }
    place.file("var/lib/pointsman/backup/backup@web1", "of web1-20 1795140000 may 0\n");
    let mut half = Half::start("sh", &host(&[]), &place.surroundings).await;
    half.poll(&ALL, false).await;
    let sections = half.slow_until(Section::Df).await;
    assert!(find(&sections, Section::Proofs).is_none() && find(&sections, Section::Lists).is_none());
    assert!(half.frame_within(1, Duration::from_millis(300)).await.is_none());
}

/// One list hangs: it is ended, the others have their turn later, each of them, and what else is asked of the host goes on.
#[tokio::test]
async fn a_list_that_hangs_is_ended_and_the_others_have_their_turn() {
    let mut place = Place::new();
    place.surroundings.list_seconds = 2;
    let mut host = host(&[
        // A script: what it waits for has to end with it.
        kept("hangs", &["sh", "-c", "sleep 86010.5; echo late"]),
        kept("one", &["echo", "1"]),
        kept("two", &["echo", "2"]),
    ]);
    // A turn every second.
    host.poll.slow = Duration::from_secs(3);
    let tasks: Vec<_> = shells()
        .into_iter()
        .map(|shell| {
            let (host, surroundings) = (host.clone(), place.surroundings.clone());
            tokio::spawn(async move {
                let mut half = Half::start(shell, &host, &surroundings).await;
                half.poll(&ALL, false).await;
                let first = outputs(&half.slow(Section::Lists).await.content);
                assert_eq!(first.len(), 1, "{shell}: the time of one round was used up: {first:?}");
                assert_eq!((first[0].0.as_str(), first[0].1), ("backup@hangs", 124), "{shell}");
                let (mut names, mut others, began) = (Vec::new(), 0, Instant::now());
                while began.elapsed() < Duration::from_secs(20) && names.len() < 3 {
                    let asked = Instant::now();
                    half.poll(&MEDIUM, false).await;
                    assert!(
                        asked.elapsed() < Duration::from_secs(2),
                        "{shell}: the fast lane waited"
                    );
                    while let Some(frame) = half.frame_within(1, Duration::from_millis(300)).await {
                        for section in frame.sections.iter().filter(|one| one.status == SectionStatus::Ok) {
                            match section.section {
                                Some(Section::Lists) => {
                                    names.extend(outputs(&section.content).into_iter().map(|one| one.0));
                                }
                                _ => others += 1,
                            }
                        }
                    }
                }
                assert_eq!(
                    names,
                    ["backup@one", "backup@two", "backup@hangs"],
                    "{shell}: each in its turn"
                );
                assert!(others > 2, "{shell}: {others}");
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// An ordinary login cannot read what root has written, and that is no proof that nothing was.
#[tokio::test]
async fn an_unprivileged_login_is_told_what_root_would_add() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.file("var/lib/pointsman/backup/backup@web1", "of web1-20 1795140000 may 0\n");
    // As it is made by a run.
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(place.path("root/var/lib/pointsman"), closed).unwrap();
    let host = host(&[kept("web1", &["true"])]);
    for shell in shells() {
        let words = format!("setpriv --reuid=65534 --regid=65534 --clear-groups {shell}");
        let mut half = Half::silent(shell, &words, &host, &place.surroundings).await;
        half.send(&pointsman::remote::half::hello(&half.nonce.clone())).await;
        half.frame(0).await;
        half.poll(&ALL, false).await;
        let found = half.slow(Section::Proofs).await;
        let text = String::from_utf8(found.content).unwrap();
        assert_eq!(found.status, SectionStatus::Denied, "{shell}: {text}");
        assert!(
            text.contains("ALL=(root) NOPASSWD: ") && text.contains("grep -r . "),
            "{shell}: {text}"
        );
    }
}
