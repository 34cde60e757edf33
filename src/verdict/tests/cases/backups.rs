//! Backups of a slice and of a database, on access2.

use super::{
    super::world::{listed, tested},
    *,
};
use crate::facts::proof::{BackupTest, Listed, Tested};
use Severity::{Unknown, Warning};

/// The newest backup of slice-a is another one, or none.
fn newest(w: &mut World, newest: fn(UnixMs) -> Result<Option<Listed>, Why>) {
    w.edit("access2", move |s| {
        s.backup_lists[0].newest = match newest(s.at) {
            Ok(newest) => Reading::known(newest, s.at),
            Err(why) => Reading::unknown(why, s.at),
        };
    });
}

/// The last test of slice-a is another one.
fn last(w: &mut World, last: fn(UnixMs) -> Result<Tested, &'static str>) {
    w.edit("access2", move |s| {
        let last = last(s.at).map_err(Into::into);
        change(&mut s.backup_tests, |list| list[0].last = last);
    });
}

pub(super) fn cases() -> Vec<Case> {
    [ages(), proofs()].into_iter().flatten().collect()
}

fn ages() -> Vec<Case> {
    use Code as K;
    vec![
        case(
            K::BackupOld,
            Warning,
            |w| newest(w, |now| Ok(Some(listed(now, 27)))),
            |w| newest(w, |now| Ok(Some(listed(now, 26)))),
        ),
        case(
            K::BackupOld,
            Warning,
            |w| newest(w, |_| Ok(None)),
            |w| newest(w, |now| Ok(Some(listed(now, 0)))),
        ),
        case(
            K::BackupOld,
            Unknown,
            |w| newest(w, |_| Err(Why::Hung("the command that lists backups".into()))),
            |w| {
                // What is stuck now was known before.
                w.edit("access2", |s| s.backup_lists[0].newest.at = UnixMs(s.at.0 - 1_700_000));
            },
        ),
        case(
            K::BackupOld,
            Unknown,
            |w| {
                w.edit("access2", |s| s.backup_lists[0].newest.at = UnixMs(s.at.0 - 1_900_000));
            },
            |_| {},
        ),
        case(
            K::BackupOld,
            Unknown,
            |w| {
                newest(w, |now| {
                    Ok(Some(Listed {
                        at: UnixMs(now.0 + 700_000),
                        ..listed(now, 0)
                    }))
                });
            },
            |w| {
                newest(w, |now| {
                    Ok(Some(Listed {
                        at: UnixMs(now.0 + 500_000),
                        ..listed(now, 0)
                    }))
                });
            },
        ),
    ]
}

fn proofs() -> Vec<Case> {
    use Code as K;
    vec![
        case(
            K::BackupUnproved,
            Warning,
            |w| last(w, |now| Ok(tested(now, 7 * 24 + 1, None))),
            |w| last(w, |now| Ok(tested(now, 7 * 24, None))),
        ),
        case(
            K::BackupUnproved,
            Warning,
            |w| {
                w.edit("access2", |s| {
                    change(&mut s.backup_tests, |list: &mut Vec<BackupTest>| {
                        list.remove(0);
                    });
                });
            },
            |_| {},
        ),
        case(
            K::BackupUnproved,
            Warning,
            |w| {
                w.edit("access2", |s| s.backup_tests = Reading::absent(s.at));
            },
            // A backup that is bad is no proof, but that is another thing to say.
            |w| last(w, |now| Ok(tested(now, 500, Some("3 have other content")))),
        ),
        case(
            K::BackupUnproved,
            Unknown,
            |w| last(w, |_| Err("what was found was cut short")),
            |_| {},
        ),
        case(
            K::BackupUnproved,
            Unknown,
            |w| {
                last(w, |now| {
                    Ok(Tested {
                        at: UnixMs(now.0 + 700_000),
                        ..tested(now, 0, None)
                    })
                });
            },
            |_| {},
        ),
        case(
            K::BackupBad,
            Warning,
            |w| last(w, |now| Ok(tested(now, 50, Some("3 have other content")))),
            |w| last(w, |now| Ok(tested(now, 500, None))),
        ),
        case(
            K::ReadingDenied,
            Unknown,
            |w| {
                w.edit("access2", |s| {
                    s.backup_tests = Reading::unknown(Why::Denied("ops ALL=(root) NOPASSWD: grep".into()), s.at);
                });
            },
            |w| {
                // Of a host without backups nobody asks for their tests.
                w.edit("access1", |s| {
                    s.backup_tests = Reading::unknown(Why::Denied("ops ALL=(root) NOPASSWD: grep".into()), s.at);
                });
            },
        ),
    ]
}

/// What was known of a backup stays, marked unknown, when it cannot be read any more; a list that has not had its turn yet is waited
/// for, and not for ever; and a single look waits for nothing.
#[test]
fn what_is_not_known_of_a_backup_is_never_fine() {
    let mut world = World::new();
    last(&mut world, |now| Ok(tested(now, 50, Some("3 have other content"))));
    let bad = world.polls(3);
    let bad = find(&bad, Code::BackupBad).expect("it is bad");
    assert_eq!(
        (bad.subject.to_string().as_str(), bad.evidence.as_str()),
        (
            "slice-a",
            "the backup that was tested last on access2, nightly-9, 2 d 2 h ago, is not good: 3 have other content"
        )
    );
    assert!(
        ["access2", "stor1", "stor2"].iter().all(|host| bad.concerns(host)),
        "{bad:?}"
    );
    world.edit("access2", |s| failed(&mut s.backup_tests));
    let findings = world.polls(3);
    let still = find(&findings, Code::BackupBad).expect("nobody has proven it good");
    assert_eq!(still.severity, Unknown, "{still:?}");
    assert!(find(&findings, Code::ReadingFailed).is_some_and(|f| f.evidence.contains("tests of backups")));

    let mut world = World::new();
    world.edit("access2", |s| {
        s.backup_lists[1].newest = Reading::default();
        s.polls -= 100;
    });
    assert_eq!(glance(&world.polls(5)), []);
    world.edit("access2", |s| s.polls += 302);
    let findings = world.polls(3);
    let unknown = find(&findings, Code::BackupOld).expect("ten minutes are over");
    assert_eq!(
        (unknown.severity, unknown.subject.to_string().as_str()),
        (Unknown, "db-main"),
        "{unknown:?}"
    );

    let mut world = World::new();
    world.memory = crate::verdict::Memory::immediate();
    world.edit("access2", |s| s.backup_lists[1].newest = Reading::default());
    assert!(find(&world.poll(), Code::BackupOld).is_some_and(|found| found.severity == Unknown));
}
