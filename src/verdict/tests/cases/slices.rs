//! Cases of slices, pools and segments.

#[allow(unused_imports, reason = "one list for every table")]
use super::*;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    use Code as K;
    use Severity::{Critical, Notice, Warning};
    vec![
        case(
            K::SliceUnreplicated,
            Warning,
            |w| side(w, "stor1", C::WfConnection, R::Primary, D::UpToDate),
            |w| {
                w.edit("stor1", |s| r0(s, |v| v.connection = C::Ahead));
            },
        ),
        case(
            K::SliceUnreplicated,
            Warning,
            |w| *w = World::with(|p| p.1[0].slices[0].resource = None),
            |w| {
                *w = World::with(|p| {
                    p.1[0].slices[0].resource = None;
                    p.1[0].slices[0].unreplicated = true;
                });
            },
        ),
        case(
            K::SliceAway,
            Notice,
            |w| {
                *w = World::with(|p| {
                    let s = &mut p.1[0].slices[0];
                    (s.preferred, s.standby) = ("stor2".into(), Some("stor1".into()));
                });
            },
            |w| {
                side(w, "stor1", C::WfConnection, R::Primary, D::UpToDate);
                side(w, "stor2", C::WfConnection, R::Secondary, D::Outdated);
            },
        ),
        case(
            K::SliceDown,
            Critical,
            |w| {
                w.polls(2);
                w.lose("stor1");
                hang(w);
                w.wait(6);
            },
            |w| {
                w.polls(2);
                hang(w);
            },
        ),
        case(
            K::SliceUnseen,
            Severity::Unknown,
            |w| {
                w.polls(2);
                w.lose("stor1");
                w.wait(6);
            },
            |w| {
                w.polls(2);
                w.lose("access1");
                w.wait(6);
            },
        ),
        case(
            K::ServiceAddressWrong,
            Critical,
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.addresses, |l| {
                        l.pop();
                    });
                });
            },
            |w| {
                w.edit("stor2", |s| failed(&mut s.addresses));
            },
        ),
        case(
            K::ServiceAddressWrong,
            Critical,
            |w| {
                w.edit("stor2", |s| {
                    change(&mut s.addresses, |l| l.push(address([10, 77, 0, 100])));
                });
            },
            |w| {
                w.edit("stor2", |s| {
                    change(&mut s.addresses, |l| l.push(address([10, 77, 0, 99])));
                });
            },
        ),
        case(
            K::ExportMissing,
            Critical,
            |w| {
                w.edit("stor1", |s| change(&mut s.exports, Vec::clear));
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.exports, |l| l[0].client = "10.77.0.0/255.255.255.0".into());
                });
            },
        ),
        case(
            K::ExportMissing,
            Warning,
            |w| {
                w.edit("stor1", |s| change(&mut s.exports, |l| l[0].options[1] = "ro".into()));
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.exports, |l| l[0].options.push("secure".into()));
                });
            },
        ),
        case(
            K::SliceNotMounted,
            Critical,
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.mounts, |l| {
                        l.pop();
                    });
                });
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.mounts, |l| l[1].source = "/dev/drbd/by-res/r0/0".into());
                });
            },
        ),
        case(
            K::NfsServerDown,
            Critical,
            |w| {
                w.edit("stor1", |s| change(&mut s.nfs_server, |n| n.threads = Some(0)));
            },
            |w| {
                w.edit("stor1", |s| change(&mut s.nfs_server, |n| n.threads = None));
            },
        ),
        case(
            K::PoolDegraded,
            Warning,
            |w| {
                w.edit("stor1", |s| {
                    tank(s, |p| {
                        p.state = PoolState::Degraded;
                        p.vdevs[3].state = PoolState::Unavail;
                    });
                });
            },
            |w| {
                w.edit("stor1", |s| tank(s, |p| p.state = PoolState::Healthy));
            },
        ),
        case(
            K::PoolFaulted,
            Critical,
            |w| {
                w.edit("stor1", |s| tank(s, |p| p.state = PoolState::Suspended));
            },
            |w| {
                w.edit("stor1", |s| tank(s, |p| p.state = PoolState::Degraded));
            },
        ),
        case(
            K::PoolResilvering,
            Notice,
            |w| resilver(w, "resilver"),
            |w| resilver(w, "scrub"),
        ),
        case(
            K::PoolErrors,
            Critical,
            |w| {
                w.edit("stor1", |s| {
                    tank(s, |p| p.errors = Some("Permanent errors have been detected".into()));
                });
            },
            |w| {
                w.edit("stor1", |s| tank(s, |p| p.errors = None));
            },
        ),
        case(
            K::PoolErrors,
            Warning,
            |w| {
                w.edit("stor1", |s| tank(s, |p| p.vdevs[2].checksum_errors = Some(4)));
            },
            |w| {
                w.edit("stor1", |s| tank(s, |p| p.vdevs[2].checksum_errors = None));
            },
        ),
        case(
            K::PoolMissing,
            Critical,
            |w| {
                w.edit("stor1", |s| s.pools = Reading::absent(s.at));
            },
            |w| {
                w.edit("stor1", |s| failed(&mut s.pools));
            },
        ),
        case(
            K::StandbySameFault,
            Warning,
            |w| {
                degraded(w, "stor1");
                degraded(w, "stor2");
            },
            |w| {
                // Both out of sight is the console's network as likely as theirs; and each may fail in its own way.
                w.polls(2);
                w.lose("stor1");
                w.lose("stor2");
                w.wait(6);
            },
        ),
        case(
            K::StandbySameFault,
            Warning,
            |w| {
                degraded(w, "stor1");
                degraded(w, "stor2");
            },
            |w| {
                degraded(w, "stor1");
                for host in ["stor1", "stor2"] {
                    w.edit(host, |s| failed(&mut s.exports));
                }
            },
        ),
        case(
            K::PairInOneDomain,
            Warning,
            |w| *w = World::with(|p| p.0[1].domains.feeds = ["feed0".to_owned()].into()),
            |w| {
                *w = World::with(|p| {
                    p.0[1].domains.feeds.insert("feed0".into());
                });
            },
        ),
        case(
            K::PairInOneDomain,
            Notice,
            |w| *w = World::with(|p| p.0[1].domains.rack = Some("rack0".into())),
            |w| {
                *w = World::with(|p| {
                    p.0[1].domains.rack = Some("rack0".into());
                    p.0[1].domains.site = Some("elsewhere".into());
                });
            },
        ),
    ]
}
