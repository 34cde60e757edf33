//! Cases of mounts.

#[allow(unused_imports, reason = "one list for every table")]
use super::*;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    use Code as K;
    use Severity::{Critical, Warning};
    vec![
        case(
            K::MountMissing,
            Critical,
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.mounts, |l| {
                        l.remove(1);
                    });
                });
            },
            |w| {
                w.edit("access1", |s| failed(&mut s.mounts));
            },
        ),
        case(
            K::MountHung,
            Critical,
            |w| {
                w.edit("access1", |s| statfs(s, StatfsOutcome::Hung { seconds: 6 }));
            },
            |w| {
                w.edit("access1", |s| statfs(s, StatfsOutcome::Hung { seconds: 3 }));
            },
        ),
        case(
            K::MountStale,
            Critical,
            |w| {
                w.edit("access1", |s| statfs(s, StatfsOutcome::Stale));
            },
            |w| {
                w.edit("access1", |s| statfs(s, StatfsOutcome::Answered { took_ms: 900 }));
            },
        ),
        case(
            K::MountFailing,
            Critical,
            |w| {
                w.edit("access1", |s| {
                    statfs(
                        s,
                        StatfsOutcome::Failed {
                            error: "Permission denied".into(),
                        },
                    );
                });
            },
            |w| {
                w.edit("access1", |s| statfs(s, StatfsOutcome::Stale));
            },
        ),
        case(
            K::MountWrongSource,
            Warning,
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.mounts, |l| l[1].source = "10.77.0.1:/srv/slice-a".into());
                });
            },
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.mounts, |l| l[1].source = "slice-a.example:/srv/slice-a".into());
                });
            },
        ),
        case(
            K::FilesystemReadOnly,
            Warning,
            |w| {
                w.edit("access1", |s| change(&mut s.mounts, |l| l[1].writable = false));
            },
            |_| {},
        ),
        case(
            K::NfsSlow,
            Warning,
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.nfs_mounts, |l| l[0] = flow("/mnt/slice-a", 260.0));
                });
            },
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.nfs_mounts, |l| l[0] = flow("/mnt/slice-a", 190.0));
                });
            },
        ),
        case(
            K::NfsRetransmits,
            Warning,
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.nfs_mounts, |l| l[0].ops[0].retransmits_per_second = 2.0);
                });
            },
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.nfs_mounts, |l| l[0].ops[0].retransmits_per_second = 0.1);
                });
            },
        ),
    ]
}
