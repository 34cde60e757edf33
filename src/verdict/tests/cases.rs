//! Every code: a world that shows it, and the nearest healthy world that does not.

use super::world::{World, address, answered, array, change, disk, failed, find, flow, glance, usage};
use crate::{
    facts::{
        Reach, Reading, Snapshot, UnixMs, Why,
        drbd::{DrbdConnection as C, DrbdDisk as D, DrbdRole as R, DrbdSync, DrbdVolume},
        filesystem::StatfsOutcome,
        load::CpuUse,
        md::{MdAction, MdArray, MdRole, MdState, MdSync},
        mysql::{GaleraStatus, Mysql, ReplicaThread, SemiSync},
        probe::ProbeValue,
        zfs::{Pool, PoolState, Scan},
    },
    verdict::{Code, Severity, overall},
};
use std::collections::BTreeSet;

/// A broken world and its healthy neighbour.
struct Case {
    code: Code,
    severity: Severity,
    broken: fn(&mut World),
    near: fn(&mut World),
}

const fn case(code: Code, severity: Severity, broken: fn(&mut World), near: fn(&mut World)) -> Case {
    Case {
        code,
        severity,
        broken,
        near,
    }
}

fn md(s: &mut Snapshot, edit: impl FnOnce(&mut MdArray)) {
    change(&mut s.md, |list| edit(&mut list[0]));
}

fn r0(s: &mut Snapshot, edit: impl FnOnce(&mut DrbdVolume)) {
    change(&mut s.drbd, |list| edit(&mut list[0]));
}

fn db(s: &mut Snapshot, edit: impl FnOnce(&mut Mysql)) {
    change(&mut s.mysql, edit);
}

fn tank(s: &mut Snapshot, edit: impl FnOnce(&mut Pool)) {
    change(&mut s.pools, |list| edit(&mut list[0]));
}

fn sync(action: MdAction) -> MdSync {
    MdSync {
        action,
        percent: Some(37.0),
        speed_kib_per_second: Some(6345),
        left_seconds: Some(240),
        waiting: None,
    }
}

fn statfs(s: &mut Snapshot, outcome: StatfsOutcome) {
    change(&mut s.statfs, |list| list[0] = answered("/mnt/slice-a", outcome));
}

fn filling(w: &mut World, kib_per_minute: u64) {
    w.edit("db1", move |s| {
        let minutes = (s.at.0 - super::world::START) / 60_000;
        change(&mut s.filesystems, |list| {
            list[0].used_kib += minutes * kib_per_minute;
            list[0].available_kib -= minutes * kib_per_minute;
        });
    });
    for _ in 0..16 {
        w.polls(2);
        w.wait(120);
    }
}

fn degraded(w: &mut World, host: &str) {
    w.edit(host, |s| {
        md(s, |a| {
            a.members_active = Some(2);
            a.map = "UU_".into();
        });
    });
}

fn side(w: &mut World, host: &str, connection: C, role: R, disk: D) {
    w.edit(host, move |s| {
        r0(s, |v| {
            v.connection = connection.clone();
            v.role = role.clone();
            v.peer_role = R::NotSeen;
            v.disk = disk.clone();
            v.peer_disk = D::NotSeen;
        });
    });
}

fn hosts_of_machine() -> Vec<Case> {
    use Code as K;
    use Severity::{Critical, Notice, Unknown, Warning};
    vec![
        case(
            K::HostUnreachable,
            Unknown,
            |w| {
                w.polls(2);
                w.lose("db1");
                w.wait(6);
            },
            |w| {
                w.polls(2);
                w.lose("db1");
                w.poll();
                w.mend("db1");
            },
        ),
        case(
            K::HostStale,
            Unknown,
            |w| {
                w.polls(2);
                w.way(
                    "db1",
                    Reach::Silent {
                        since: w.now,
                        missed: 3,
                    },
                );
                w.wait(6);
            },
            |w| {
                w.polls(2);
                w.way(
                    "db1",
                    Reach::Silent {
                        since: w.now,
                        missed: 1,
                    },
                );
                w.poll();
                w.mend("db1");
            },
        ),
        case(
            K::HostStopped,
            Unknown,
            |w| {
                w.way(
                    "db1",
                    Reach::Stopped {
                        since: w.now,
                        why: "host key changed".into(),
                    },
                );
            },
            |_| {},
        ),
        case(
            K::HostNotAsked,
            Unknown,
            |w| {
                w.way("db1", Reach::Waiting);
            },
            |_| {},
        ),
        case(
            K::ClockSkew,
            Warning,
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.uptime, |u| u.clock_seconds = u.clock_seconds.map(|c| c - 7.0))
                });
            },
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.uptime, |u| u.clock_seconds = u.clock_seconds.map(|c| c + 4.0))
                });
            },
        ),
        case(
            K::Rebooted,
            Warning,
            |w| {
                w.polls(2);
                w.edit("db1", |s| change(&mut s.uptime, |u| u.seconds = 20.0));
            },
            |w| {
                w.edit("db1", |s| change(&mut s.uptime, |u| u.seconds -= 999_990.0));
            },
        ),
        case(
            K::ReadingDenied,
            Unknown,
            |w| {
                w.edit("stor1", |s| {
                    s.exports = Reading::unknown(Why::Denied("sudo exportfs".into()), s.at)
                });
            },
            |w| {
                w.edit("db1", |s| s.exports = Reading::absent(s.at));
            },
        ),
        case(
            K::ReadingHung,
            Unknown,
            |w| {
                w.edit("stor1", |s| {
                    s.filesystems = Reading::unknown(Why::Hung("df".into()), s.at)
                });
            },
            |_| {},
        ),
        case(
            K::ReadingFailed,
            Unknown,
            |w| {
                w.edit("stor1", |s| failed(&mut s.md));
            },
            |w| {
                w.edit("db1", |s| s.disks = Reading::unknown(Why::NoBaseline, s.at));
            },
        ),
        case(
            K::ReadingOld,
            Unknown,
            |w| {
                w.edit("stor1", |s| s.exports.at = UnixMs(s.at.0 - 35_000));
            },
            |w| {
                w.edit("stor1", |s| s.exports.at = UnixMs(s.at.0 - 33_000));
            },
        ),
        case(
            K::UnknownWord,
            Unknown,
            |w| {
                w.edit("stor1", |s| md(s, |a| a.state = MdState::parse("levitating")));
            },
            |w| {
                w.edit("stor1", |s| md(s, |a| a.state = MdState::parse("active")));
            },
        ),
        case(
            K::Overloaded,
            Warning,
            |w| {
                w.edit("db1", |s| change(&mut s.load, |l| l.one = 17.0));
            },
            |w| {
                w.edit("db1", |s| change(&mut s.load, |l| l.one = 15.0));
            },
        ),
        case(
            K::CpuSteal,
            Warning,
            |w| {
                w.edit("db1", |s| {
                    s.cpu = Reading::known(
                        CpuUse {
                            steal_percent: 30.0,
                            ..CpuUse::default()
                        },
                        s.at,
                    )
                });
            },
            |w| {
                w.edit("db1", |s| {
                    s.cpu = Reading::known(
                        CpuUse {
                            steal_percent: 19.0,
                            ..CpuUse::default()
                        },
                        s.at,
                    )
                });
            },
        ),
        case(
            K::MemoryLow,
            Warning,
            |w| {
                w.edit("db1", |s| change(&mut s.memory, |m| m.available_kib = 300_000));
            },
            |w| {
                w.edit("db1", |s| change(&mut s.memory, |m| m.available_kib = 500_000));
            },
        ),
        case(
            K::DiskSlow,
            Warning,
            |w| {
                w.edit("stor1", |s| change(&mut s.disks, |d| d[1].write_await_ms = Some(140.0)));
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.disks, |d| {
                        d[1].write_await_ms = Some(140.0);
                        d[1].writes_per_second = 0.3;
                    })
                });
            },
        ),
        case(
            K::DiskSlow,
            Critical,
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.disks, |d| {
                        let mut stuck = disk("sdc");
                        (stuck.reads_per_second, stuck.writes_per_second, stuck.busy_percent) = (0.0, 0.0, 100.0);
                        d.push(stuck);
                    })
                });
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.disks, |d| {
                        let mut idle = disk("sdc");
                        (
                            idle.reads_per_second,
                            idle.writes_per_second,
                            idle.busy_percent,
                            idle.in_flight,
                        ) = (0.0, 0.0, 0.0, 0);
                        d.push(idle);
                    })
                });
            },
        ),
        case(
            K::DiskFull,
            Critical,
            |w| {
                w.edit("db1", |s| change(&mut s.filesystems, |f| f[0] = usage("/", 97.0)));
            },
            |w| {
                w.edit("db1", |s| change(&mut s.filesystems, |f| f[0] = usage("/", 84.9)));
            },
        ),
        case(K::DiskFilling, Warning, |w| filling(w, 100_000), |w| filling(w, 10)),
        case(
            K::InodesFull,
            Warning,
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.filesystems, |f| f[0].inodes_used_percent = Some(90.0))
                });
            },
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.filesystems, |f| f[0].inodes_used_percent = Some(80.0))
                });
            },
        ),
        case(
            K::FilesystemReadOnly,
            Critical,
            |w| {
                w.polls(2);
                w.edit("db1", |s| change(&mut s.mounts, |m| m[0].writable = false));
            },
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.mounts, |m| {
                        m[0].fs_type = "squashfs".into();
                        m[0].writable = false;
                    })
                });
            },
        ),
        case(
            K::LinkErrors,
            Warning,
            |w| {
                w.polls(2);
                w.edit("db1", |s| change(&mut s.links, |l| l[0].carrier = Some(false)));
            },
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.links, |l| {
                        l[0].name = "eth1".into();
                        l[0].carrier = Some(false);
                    })
                });
            },
        ),
        case(
            K::LinkErrors,
            Warning,
            |w| {
                w.edit("db1", |s| change(&mut s.link_rates, |l| l[0].errors_per_second = 60.0));
            },
            |w| {
                w.edit("db1", |s| change(&mut s.link_rates, |l| l[0].errors_per_second = 0.5));
            },
        ),
        case(
            K::ProbeBad,
            Critical,
            |w| {
                w.edit("access1", |s| {
                    s.probes[0].value = Reading::known(ProbeValue::Number(55.0), s.at)
                });
            },
            |w| {
                w.edit("access1", |s| {
                    s.probes[0].value = Reading::known(ProbeValue::Number(39.0), s.at)
                });
            },
        ),
        case(
            K::ProbeBad,
            Unknown,
            |w| {
                w.edit("access1", |s| s.probes.clear());
            },
            |_| {},
        ),
        case(K::ObserverBusy, Notice, |w| w.observer_doubtful = true, |_| {}),
    ]
}

fn storage() -> Vec<Case> {
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
                    })
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
                    })
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
                    })
                });
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.md, |l| {
                        let mut a = array();
                        a.device = "md127".into();
                        l.push(a);
                    })
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
                side(w, "stor2", C::WfConnection, R::Secondary, D::UpToDate);
            },
            |w| {
                side(w, "stor1", C::WfConnection, R::Primary, D::UpToDate);
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
                    })
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
                    })
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
                    })
                });
            },
            |w| {
                w.edit("stor2", |s| {
                    r0(s, |v| {
                        v.role = R::Secondary;
                    })
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
                        })
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
                    })
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
                })
            },
        ),
        case(
            K::SliceAway,
            Notice,
            |w| {
                *w = World::with(|p| {
                    let s = &mut p.1[0].slices[0];
                    (s.preferred, s.standby) = ("stor2".into(), Some("stor1".into()));
                })
            },
            |_| {},
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
                    })
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
                    change(&mut s.addresses, |l| l.push(address([10, 77, 0, 100])))
                });
            },
            |w| {
                w.edit("stor2", |s| {
                    change(&mut s.addresses, |l| l.push(address([10, 77, 0, 99])))
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
                    change(&mut s.exports, |l| l[0].client = "10.77.0.0/255.255.255.0".into())
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
                    change(&mut s.exports, |l| l[0].options.push("secure".into()))
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
                    })
                });
            },
            |w| {
                w.edit("stor1", |s| {
                    change(&mut s.mounts, |l| l[1].source = "/dev/drbd/by-res/r0/0".into())
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
                    })
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
                    tank(s, |p| p.errors = Some("Permanent errors have been detected".into()))
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
            |w| degraded(w, "stor1"),
        ),
        case(
            K::PairInOneDomain,
            Warning,
            |w| *w = World::with(|p| p.0[1].domains.feeds = ["feed0".to_owned()].into()),
            |w| {
                *w = World::with(|p| {
                    p.0[1].domains.feeds.insert("feed0".into());
                })
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
                })
            },
        ),
    ]
}

fn hang(w: &mut World) {
    for host in ["access1", "access2"] {
        w.edit(host, |s| {
            statfs(s, StatfsOutcome::Hung { seconds: 9 });
            change(&mut s.nfs_mounts, |list| list[0].ops.clear());
        });
    }
}

fn resilver(w: &mut World, function: &'static str) {
    w.edit("stor1", move |s| {
        tank(s, |pool| {
            pool.scan = Some(Scan {
                function: function.into(),
                running: true,
                percent: Some(12.0),
                left_seconds: Some(600),
                errors: Some(0),
                text: "in progress".into(),
            });
        });
    });
}

fn clients_and_databases() -> Vec<Case> {
    use Code as K;
    use Severity::{Critical, Notice, Unknown, Warning};
    vec![
        case(
            K::MountMissing,
            Critical,
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.mounts, |l| {
                        l.remove(1);
                    })
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
                    )
                });
            },
            |_| {},
        ),
        case(
            K::MountWrongSource,
            Warning,
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.mounts, |l| l[1].source = "10.77.0.1:/srv/slice-a".into())
                });
            },
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.mounts, |l| l[1].source = "slice-a.example:/srv/slice-a".into())
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
                    change(&mut s.nfs_mounts, |l| l[0] = flow("/mnt/slice-a", 260.0))
                });
            },
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.nfs_mounts, |l| l[0] = flow("/mnt/slice-a", 190.0))
                });
            },
        ),
        case(
            K::NfsRetransmits,
            Warning,
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.nfs_mounts, |l| l[0].ops[0].retransmits_per_second = 2.0)
                });
            },
            |w| {
                w.edit("access1", |s| {
                    change(&mut s.nfs_mounts, |l| l[0].ops[0].retransmits_per_second = 0.1)
                });
            },
        ),
        case(
            K::MysqlDown,
            Critical,
            |w| {
                w.edit("db2", |s| {
                    s.mysql = Reading::unknown(
                        Why::Failed("ERROR 2002 (HY000): Can't connect to local server through socket".into()),
                        s.at,
                    )
                });
            },
            |w| {
                w.edit("db2", |s| {
                    s.mysql = Reading::unknown(Why::Failed("ERROR 1040 (HY000): Too many connections".into()), s.at)
                });
            },
        ),
        case(
            K::ReplicationStopped,
            Warning,
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].sql_running = ReplicaThread::No));
            },
            |_| {},
        ),
        case(
            K::ReplicationError,
            Critical,
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.channels[0].sql_running = ReplicaThread::No;
                        m.channels[0].sql_error = Some("1062 Duplicate entry".into());
                    })
                });
            },
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].sql_running = ReplicaThread::No));
            },
        ),
        case(
            K::ReplicationLag,
            Warning,
            |w| {
                w.edit("db2", |s| db(s, |m| m.heartbeat_lag_seconds = Some(30.0)));
            },
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.heartbeat_lag_seconds = Some(0.4);
                        m.channels[0].seconds_behind = Some(30);
                    })
                });
            },
        ),
        case(
            K::ReplicationLag,
            Critical,
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].seconds_behind = Some(300)));
            },
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].seconds_behind = Some(9)));
            },
        ),
        case(
            K::TwoSources,
            Critical,
            |w| {
                w.edit("db2", |s| db(s, |m| m.read_only = Some(false)));
            },
            |w| {
                w.edit("db2", |s| db(s, |m| m.read_only = None));
            },
        ),
        case(
            K::TwoSources,
            Critical,
            |w| {
                w.edit("g3", |s| {
                    db(s, |m| m.galera.as_mut().expect("galera").state_uuid = "bbbb".into())
                });
            },
            |_| {},
        ),
        case(
            K::NoSource,
            Critical,
            |w| {
                w.edit("db1", |s| db(s, |m| m.read_only = Some(true)));
            },
            |w| {
                w.edit("db1", |s| db(s, |m| m.read_only = None));
            },
        ),
        case(
            K::SourceUnseen,
            Critical,
            |w| {
                lost_source(w);
                w.lose("db1");
                w.wait(6);
            },
            lost_source,
        ),
        case(
            K::SourceUnseen,
            Unknown,
            |w| {
                w.polls(2);
                w.lose("db1");
                w.wait(6);
            },
            |w| {
                w.polls(2);
                w.lose("db2");
                w.wait(6);
            },
        ),
        case(
            K::SourceAway,
            Notice,
            |w| *w = World::with(|p| p.2[0].preferred_source = Some("db2".into())),
            |w| *w = World::with(|p| p.2[0].preferred_source = None),
        ),
        case(
            K::ReplicaWritable,
            Warning,
            |w| {
                w.edit("db2", |s| db(s, |m| m.read_only = Some(false)));
            },
            |w| {
                w.edit("db1", |s| db(s, |m| m.read_only = Some(true)));
                w.edit("db2", |s| db(s, |m| m.read_only = Some(false)));
            },
        ),
        case(
            K::ErrantTransactions,
            Warning,
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.gtid_executed =
                            Some(format!("{}:1-1000,{}:1-3", super::world::UUIDS[0], super::world::UUIDS[1]).into())
                    })
                });
            },
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.gtid_executed = Some(format!("{}:1-990", super::world::UUIDS[0]).into())
                    })
                });
            },
        ),
        case(
            K::WrongSource,
            Warning,
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.channels[0].source_uuid = None;
                        m.channels[0].source_host = "10.99.0.1".into();
                    })
                });
            },
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.channels[0].source_uuid = None;
                        m.channels[0].source_host = "db1.example.net".into();
                    })
                });
            },
        ),
        case(
            K::SemiSyncOff,
            Warning,
            |w| {
                w.edit("db1", |s| {
                    db(s, |m| {
                        m.semi_sync_source = Some(SemiSync {
                            enabled: true,
                            active: false,
                            replicas: Some(0),
                        })
                    })
                });
            },
            |w| {
                w.edit("db1", |s| {
                    db(s, |m| {
                        m.semi_sync_source = Some(SemiSync {
                            enabled: false,
                            active: false,
                            replicas: None,
                        })
                    })
                });
            },
        ),
        case(
            K::ConnectionsHigh,
            Warning,
            |w| {
                w.edit("db1", |s| db(s, |m| m.connections = Some(430)));
            },
            |w| {
                w.edit("db1", |s| db(s, |m| m.connections = Some(420)));
            },
        ),
        case(
            K::ConnectionsHigh,
            Critical,
            |w| {
                w.edit("db1", |s| {
                    s.mysql = Reading::unknown(Why::Failed("ERROR 1040 (HY000): Too many connections".into()), s.at)
                });
            },
            |_| {},
        ),
        case(
            K::GaleraNonPrimary,
            Critical,
            |w| {
                w.edit("g2", |s| {
                    db(s, |m| {
                        m.galera.as_mut().expect("galera").cluster_status = GaleraStatus::NonPrimary
                    })
                });
            },
            |_| {},
        ),
        case(
            K::GaleraDegraded,
            Warning,
            |w| {
                w.edit("g2", |s| {
                    db(s, |m| {
                        m.galera.as_mut().expect("galera").local_state = "Donor/Desynced".into()
                    })
                });
            },
            |_| {},
        ),
        case(
            K::GaleraDegraded,
            Warning,
            |w| {
                for h in ["g1", "g2"] {
                    w.edit(h, |s| {
                        db(s, |m| m.galera.as_mut().expect("galera").cluster_size = Some(2))
                    });
                }
            },
            |_| {},
        ),
    ]
}

fn lost_source(w: &mut World) {
    w.polls(2);
    for host in ["db2", "db3"] {
        w.edit(host, |s| {
            db(s, |m| m.channels[0].io_running = ReplicaThread::Connecting)
        });
    }
}

fn all() -> Vec<Case> {
    [hosts_of_machine(), storage(), clients_and_databases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn a_healthy_fleet_has_no_findings() {
    let mut world = World::new();
    for _ in 0..20 {
        assert_eq!(glance(&world.poll()), []);
    }
    assert!(world.memory.is_aligned(&world.fleet));
}

#[test]
fn every_case_is_raised_and_its_healthy_neighbour_is_not() {
    let mut wrong = Vec::new();
    for case in all() {
        let mut world = World::new();
        (case.broken)(&mut world);
        let findings = world.polls(3);
        let found = findings
            .iter()
            .find(|finding| finding.code == case.code && finding.severity == case.severity);
        match found {
            Some(finding) if finding.evidence.is_empty() || finding.since > world.now => {
                wrong.push(format!("{finding:?}"));
            }
            Some(_) => assert!(overall(&findings) >= case.severity),
            None => wrong.push(format!(
                "{} {:?} not raised: {:?}",
                case.code,
                case.severity,
                glance(&findings)
            )),
        }
        let mut near = World::new();
        (case.near)(&mut near);
        let findings = near.polls(3);
        if let Some(finding) = find(&findings, case.code) {
            wrong.push(format!("raised in the healthy neighbour: {finding:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let shown: BTreeSet<Code> = all().iter().map(|case| case.code).collect();
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !shown.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
