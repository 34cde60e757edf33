//! Cases of single hosts.

#[allow(unused_imports, reason = "one list for every table")]
use super::*;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
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
            |w| {
                w.polls(2);
                w.lose("db1");
                w.wait(600);
            },
        ),
        case(
            K::HostNotAsked,
            Unknown,
            |w| {
                w.way("db1", Reach::Waiting);
            },
            |w| {
                w.polls(2);
                w.way("db1", Reach::Waiting);
            },
        ),
        case(
            K::ClockSkew,
            Warning,
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.uptime, |u| u.clock_seconds = u.clock_seconds.map(|c| c - 7.0));
                });
            },
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.uptime, |u| u.clock_seconds = u.clock_seconds.map(|c| c + 4.0));
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
                    s.exports = Reading::unknown(Why::Denied("sudo exportfs".into()), s.at);
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
                    s.filesystems = Reading::unknown(Why::Hung("df".into()), s.at);
                });
            },
            |w| {
                w.edit("stor1", |s| {
                    s.filesystems = Reading::unknown(Why::Failed("df: exit 1".into()), s.at);
                    s.tcp = Reading::unknown(Why::Hung("netstat".into()), s.at);
                });
            },
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
                    );
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
                    );
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
                    });
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
                    });
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
                    });
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
                    change(&mut s.filesystems, |f| f[0].inodes_used_percent = Some(90.0));
                });
            },
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.filesystems, |f| f[0].inodes_used_percent = Some(80.0));
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
                    });
                });
            },
        ),
        case(
            K::FilesystemError,
            Warning,
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.filesystem_errors, |list| list[0].count = Some(1581));
                });
            },
            |w| {
                w.edit("db1", |s| {
                    change(&mut s.filesystem_errors, |list| {
                        // Nobody has that one mounted, and of the other nothing is known.
                        list[0].count = None;
                        list.push(filesystem_errors("sdz1", "65:145", 3));
                    });
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
                    });
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
                    s.probes[0].value = Reading::known(ProbeValue::Number(55.0), s.at);
                });
            },
            |w| {
                w.edit("access1", |s| {
                    s.probes[0].value = Reading::known(ProbeValue::Number(39.0), s.at);
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
        case(
            K::ObserverClock,
            Warning,
            |w| clocks(w, &super::super::world::HOSTS[..7], 30.0),
            |w| {
                clocks(w, &super::super::world::HOSTS[..4], 30.0);
                clocks(w, &super::super::world::HOSTS[4..8], -30.0);
            },
        ),
    ]
}

/// Sets the clocks of these hosts ahead of the console's.
fn clocks(w: &mut World, hosts: &[&str], seconds: f64) {
    for host in hosts {
        w.edit(host, move |s| {
            change(&mut s.uptime, |u| {
                u.clock_seconds = u.clock_seconds.map(|c| c + seconds);
            });
        });
    }
}
