//! Whatever hosts say: no panic, no finding twice, and what is not known is never well.

use super::world::{HOSTS, World, change, disk, each, glance, usage};
use crate::{
    facts::{
        Reach, Reading, Snapshot, UnixMs, Why,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole},
        filesystem::StatfsOutcome,
        md::{MdRole, MdState},
        mysql::{GaleraStatus, ReplicaThread},
        zfs::PoolState,
    },
    verdict::{Finding, Memory, Severity, overall},
};
use proptest::prelude::*;
use std::collections::HashSet;

/// Changes a value if it is known.
fn maybe<T: Clone>(reading: &mut Reading<T>, edit: impl FnOnce(&mut T)) {
    if reading.value().is_some() {
        change(reading, edit);
    }
}

/// One odd thing said by a host; numbers choose what.
fn oddity(s: &mut Snapshot, which: u8, word: &str, number: u64, real: f64) {
    match which % 24 {
        0 => maybe(&mut s.uptime, |u| (u.seconds, u.clock_seconds) = (real, Some(real))),
        1 => maybe(&mut s.load, |l| l.one = real),
        2 => maybe(&mut s.cpu, |c| c.steal_percent = real),
        3 => maybe(&mut s.memory, |m| (m.total_kib, m.available_kib) = (number, number / 3)),
        4 => maybe(&mut s.disks, |d| {
            let mut odd = disk(word);
            (odd.write_await_ms, odd.busy_percent, odd.writes_per_second) = (Some(real), real, real);
            d.push(odd);
        }),
        5 => maybe(&mut s.filesystems, |f| {
            let mut odd = usage(word, 50.0);
            (odd.used_percent, odd.used_kib, odd.available_kib) = (real, number, number);
            f.push(odd);
        }),
        6 => maybe(&mut s.mounts, |m| {
            each(m, |mount| mount.source = word.into());
        }),
        7 => maybe(&mut s.mounts, |m| each(m, |mount| mount.writable = false)),
        8 => maybe(&mut s.statfs, |p| {
            each(p, |p| p.outcome = StatfsOutcome::Hung { seconds: number });
        }),
        9 => maybe(&mut s.md, |l| {
            each(l, |a| (a.members_active, a.map) = (Some(1), word.into()));
        }),
        10 => maybe(&mut s.md, |l| each(l, |a| a.state = MdState::parse(word))),
        11 => maybe(&mut s.md, |l| {
            each(l, |a| a.members[0].role = MdRole::parse(word));
        }),
        12 => maybe(&mut s.drbd, |l| {
            each(l, |v| v.connection = DrbdConnection::parse(word));
        }),
        13 => maybe(&mut s.drbd, |l| {
            each(l, |v| v.role = DrbdRole::parse(word));
        }),
        14 => maybe(&mut s.drbd, |l| {
            each(l, |v| v.peer_disk = DrbdDisk::parse(word));
        }),
        15 => maybe(&mut s.drbd, Vec::clear),
        16 => maybe(&mut s.addresses, Vec::clear),
        17 => maybe(&mut s.exports, Vec::clear),
        18 => maybe(&mut s.pools, |l| {
            each(l, |p| p.state = PoolState::parse(word));
        }),
        19 => maybe(&mut s.mysql, |m| m.read_only = Some(number.is_multiple_of(2))),
        20 => maybe(&mut s.mysql, |m| {
            each(&mut m.channels, |c| c.sql_running = ReplicaThread::parse(word));
        }),
        21 => maybe(&mut s.mysql, |m| m.gtid_executed = Some(word.into())),
        22 => maybe(&mut s.mysql, |m| {
            (m.connections, m.max_connections) = (Some(number), Some(number / 7));
        }),
        _ => maybe(&mut s.mysql, |m| {
            if let Some(galera) = &mut m.galera {
                galera.cluster_status = GaleraStatus::parse(word);
                galera.cluster_size = Some(1);
            }
        }),
    }
}

/// Takes away one state that a rule rests on.
fn blind(s: &mut Snapshot, which: u8, why: &Why) {
    fn take<T>(reading: &mut Reading<T>, why: &Why) {
        if reading.value().is_some() {
            *reading = Reading::unknown(why.clone(), reading.at);
        }
    }
    match which % 12 {
        0 => take(&mut s.uptime, why),
        1 => take(&mut s.load, why),
        2 => take(&mut s.memory, why),
        3 => take(&mut s.filesystems, why),
        4 => take(&mut s.mounts, why),
        5 => take(&mut s.statfs, why),
        6 => take(&mut s.addresses, why),
        7 => take(&mut s.md, why),
        8 => take(&mut s.drbd, why),
        9 => take(&mut s.exports, why),
        10 => take(&mut s.pools, why),
        _ => take(&mut s.mysql, why),
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("UpToDate".to_owned()),
        Just("StandAlone".to_owned()),
        Just("Primary".to_owned()),
        Just("Secondary".to_owned()),
        Just("Unknown".to_owned()),
        Just("DUnknown".to_owned()),
        Just("inactive".to_owned()),
        Just("[::1:/x".to_owned()),
        Just(String::new()),
        ".{0,12}",
    ]
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), -10.0..200.0_f64]
}

fn why() -> impl Strategy<Value = Why> {
    prop_oneof![
        Just(Why::NotAsked),
        Just(Why::Denied("sudo".into())),
        Just(Why::Failed("exit 1".into())),
        Just(Why::Hung("df".into())),
        Just(Why::Garbled("???".into())),
    ]
}

fn oddities() -> impl Strategy<Value = Vec<(usize, u8, String, u64, f64)>> {
    let number = prop_oneof![any::<u64>(), 0..1000_u64];
    prop::collection::vec((0..HOSTS.len(), any::<u8>(), word(), number, real()), 0..6)
}

fn make_odd(world: &mut World, oddities: Vec<(usize, u8, String, u64, f64)>) {
    for (host, which, word, number, real) in oddities {
        world.edit(HOSTS[host], move |s| oddity(s, which, &word, number, real));
    }
}

fn check(findings: &[Finding]) -> Result<(), TestCaseError> {
    let mut seen = HashSet::new();
    for finding in findings {
        prop_assert!(
            seen.insert((finding.code, finding.subject.clone())),
            "twice: {finding:?}"
        );
        prop_assert!(
            finding.severity > Severity::Ok && !finding.evidence.is_empty(),
            "{finding:?}"
        );
    }
    // What was told last, and is not seen now, stands where warnings end.
    let rank = |finding: &Finding| {
        if finding.unseen {
            Severity::Warning
        } else {
            finding.severity
        }
    };
    prop_assert!(findings.is_sorted_by_key(|finding| std::cmp::Reverse(rank(finding))));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_said_by_hosts_makes_it_fail(
        odd in oddities(),
        lost in prop::collection::vec(0..HOSTS.len(), 0..3),
        doubtful in any::<bool>(),
    ) {
        let mut world = World::new();
        world.observer_doubtful = doubtful;
        check(&world.polls(2))?;
        make_odd(&mut world, odd);
        check(&world.polls(3))?;
        for host in lost {
            let since = world.now;
            world.way(HOSTS[host], Reach::Silent { since, missed: 1 });
        }
        for _ in 0..6 {
            check(&world.poll())?;
        }
        world.wait(1_000_000);
        check(&world.look())?;
        world.now = UnixMs(0);
        check(&world.look())?;
    }

    /// Replacing known facts by unknown ones never makes a bad world good: neither for one who has
    /// watched it go bad, nor for one who looks for the first time.
    #[test]
    fn unknown_never_satisfies(
        odd in oddities(),
        blinded in prop::collection::vec((0..HOSTS.len(), any::<u8>(), why()), 1..4),
    ) {
        let mut world = World::new();
        make_odd(&mut world, odd);
        let before = world.polls(4);
        if overall(&before) < Severity::Warning {
            return Ok(());
        }
        for (host, which, why) in blinded {
            world.edit(HOSTS[host], move |s| blind(s, which, &why));
        }
        for _ in 0..4 {
            let after = world.poll();
            prop_assert!(overall(&after) >= Severity::Warning, "{:?} became {:?}", glance(&before), glance(&after));
        }
        world.memory = Memory::immediate();
        let fresh = world.poll();
        prop_assert!(overall(&fresh) >= Severity::Warning, "{:?} became {:?}", glance(&before), glance(&fresh));
    }

    #[test]
    fn the_same_facts_and_memory_give_the_same_findings(odd in oddities()) {
        let run = |odd| {
            let mut world = World::new();
            make_odd(&mut world, odd);
            world.polls(4)
        };
        prop_assert_eq!(run(odd.clone()), run(odd));
    }
}
