//! Cases of md and DRBD.

#[allow(unused_imports, reason = "one list for every table")]
use super::*;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    use Code as K;
    use Severity::{Critical, Notice, Warning};
    vec![
        case(
            K::MdDegraded,
            Warning,
            |w| degraded(w, "stor1"),
            |w| {
                w.edit("stor1", |s| {
                    md(s, |a| {
                        a.members_wanted = None;
                        a.members_active = None;
                        a.level = "raid0".into();
                    });
                });
            },
        ),
        case(
            K::MdDegraded,
            Critical,
            |w| {
                w.edit("stor1", |s| {
                    md(s, |a| {
                        a.members_active = Some(1);
                        a.map = "U__".into();
                    });
                });
            },
            |_| {},
        ),
        case(
            K::MdFailedMember,
            Warning,
            |w| {
                w.edit("stor1", |s| md(s, |a| a.members[2].role = MdRole::Failed));
            },
            |w| {
                w.edit("stor1", |s| md(s, |a| a.members[2].role = MdRole::Spare));
            },
        ),
        case(
            K::MdRebuilding,
            Notice,
            |w| {
                w.edit("stor1", |s| md(s, |a| a.sync = Some(sync(MdAction::Recovery))));
            },
            |w| {
                w.edit("stor1", |s| md(s, |a| a.sync = Some(sync(MdAction::Check))));
            },
        ),
        case(
            K::MdChecking,
            Notice,
            |w| {
                w.edit("stor1", |s| md(s, |a| a.sync = Some(sync(MdAction::Check))));
            },
            |w| {
                w.edit("stor1", |s| md(s, |a| a.sync = Some(sync(MdAction::Recovery))));
            },
        ),
        case(
            K::MdInactive,
            Critical,
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.md, |l| {
                        let mut a = array();
                        a.device = "md127".into();
                        a.state = MdState::Inactive;
                        l.push(a);
                    });
                });
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.md, |l| {
                        let mut a = array();
                        a.device = "md127".into();
                        l.push(a);
                    });
                });
            },
        ),
        case(
            K::MdMismatches,
            Warning,
            |w| {
                w.edit("stor1", |s| md(s, |a| a.mismatches = Some(128)));
            },
            |w| {
                w.edit("stor1", |s| md(s, |a| a.mismatches = None));
            },
        ),
        case(
            K::DrbdDisconnected,
            Warning,
            |w| side(w, "stor1", C::WfConnection, R::Primary, D::UpToDate),
            |w| {
                w.edit("stor1", |s| r0(s, |v| v.connection = C::Established));
            },
        ),
        case(
            K::DrbdStandAlone,
            Critical,
            |w| side(w, "stor1", C::StandAlone, R::Primary, D::UpToDate),
            |w| side(w, "stor1", C::WfConnection, R::Primary, D::UpToDate),
        ),
        case(
            K::DrbdSplitBrain,
            Critical,
            |w| {
                side(w, "stor1", C::StandAlone, R::Primary, D::UpToDate);
                side(w, "stor2", C::StandAlone, R::Secondary, D::UpToDate);
            },
            |w| {
                side(w, "stor1", C::StandAlone, R::Primary, D::UpToDate);
                side(w, "stor2", C::WfConnection, R::Secondary, D::UpToDate);
            },
        ),
        case(
            K::DrbdInconsistent,
            Warning,
            |w| {
                w.edit("stor2", |s| {
                    r0(s, |v| {
                        v.connection = C::SyncTarget;
                        v.disk = D::Inconsistent;
                    });
                });
            },
            |w| {
                w.edit("stor2", |s| r0(s, |v| v.connection = C::VerifyT));
            },
        ),
        case(
            K::DrbdOutdated,
            Warning,
            |w| side(w, "stor2", C::WfConnection, R::Secondary, D::Outdated),
            |w| side(w, "stor2", C::WfConnection, R::Secondary, D::UpToDate),
        ),
        case(
            K::DrbdResyncing,
            Notice,
            |w| {
                w.edit("stor1", |s| {
                    r0(s, |v| {
                        v.connection = C::SyncSource;
                        v.sync = Some(DrbdSync {
                            percent: Some(33.5),
                            left_seconds: Some(140),
                            speed_kib_per_second: Some(6345),
                            stalled: false,
                        });
                    });
                });
            },
            |w| {
                w.edit("stor1", |s| r0(s, |v| v.connection = C::Connected));
            },
        ),
        case(
            K::DrbdDualPrimary,
            Critical,
            |w| {
                w.edit("stor2", |s| {
                    r0(s, |v| {
                        v.role = R::Primary;
                    });
                });
            },
            |w| {
                w.edit("stor2", |s| {
                    r0(s, |v| {
                        v.role = R::Secondary;
                    });
                });
            },
        ),
        case(
            K::DrbdNoPrimary,
            Critical,
            |w| {
                for h in ["stor1", "stor2"] {
                    w.edit(h, |s| {
                        r0(s, |v| {
                            v.role = R::Secondary;
                            v.peer_role = R::Secondary;
                        });
                    });
                }
            },
            |w| {
                w.edit("stor1", |s| r0(s, |v| v.role = R::parse("Tertiary")));
            },
        ),
        case(
            K::DrbdDisagreement,
            Critical,
            |w| {
                w.edit("stor2", |s| r0(s, |v| v.peer_role = R::Secondary));
            },
            |w| {
                side(w, "stor2", C::WfConnection, R::Secondary, D::UpToDate);
                side(w, "stor1", C::WfConnection, R::Primary, D::UpToDate);
            },
        ),
        case(
            K::DrbdSuspended,
            Critical,
            |w| {
                w.edit("stor1", |s| r0(s, |v| v.suspended = Some("quorum".into())));
            },
            |w| {
                w.edit("stor1", |s| {
                    r0(s, |v| {
                        v.suspended = None;
                        v.quorum = Some(true);
                    });
                });
            },
        ),
        case(
            K::DrbdDiskless,
            Critical,
            |w| {
                w.edit("stor1", |s| r0(s, |v| v.disk = D::Diskless));
            },
            |w| {
                w.edit("stor1", |s| r0(s, |v| v.disk = D::UpToDate));
            },
        ),
    ]
}
