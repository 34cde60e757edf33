//! Situations in which it matters what exactly is said, and of whom.

use super::world::{World, answered, change, each, find, flow, glance, volume};
use crate::{
    facts::{
        CleanText, Reading, UnixMs,
        drbd::{DrbdConnection as C, DrbdDisk as D, DrbdRole as R},
        filesystem::StatfsOutcome,
        mysql::{GaleraStatus, ReplicaThread},
    },
    fleet::HostName,
    verdict::{Change, Code, Finding, Severity, Subject, changes, overall, sort},
};

/// A side of slice-a that has lost the other.
fn alone(world: &mut World, host: &str, connection: C, role: R, disk: D) {
    world.edit(host, move |s| {
        change(&mut s.drbd, |list| {
            list[0].connection = connection.clone();
            list[0].role = role.clone();
            list[0].peer_role = R::NotSeen;
            list[0].disk = disk.clone();
            list[0].peer_disk = D::NotSeen;
        });
    });
}

#[test]
fn a_partition_is_not_a_split_brain() {
    let mut world = World::new();
    world.polls(3);
    let seen = super::super::say::clock(world.now);
    alone(&mut world, "stor1", C::WfConnection, R::Primary, D::UpToDate);
    alone(&mut world, "stor2", C::WfConnection, R::Secondary, D::UpToDate);
    let findings = world.polls(2);
    let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    assert!(
        !codes.contains(&Code::DrbdSplitBrain) && !codes.contains(&Code::DrbdDisagreement),
        "{codes:?}"
    );
    let lost = find(&findings, Code::DrbdDisconnected).expect("disconnected");
    assert_eq!(
        lost.evidence.as_str(),
        format!("WFConnection Primary/UpToDate, peer Unknown/DUnknown; last seen connected at {seen}")
    );
    let slice = find(&findings, Code::SliceUnreplicated).expect("unreplicated");
    assert!(slice.concerns("stor1") && slice.concerns("stor2"));
}

#[test]
fn standing_alone_with_an_unreachable_peer_is_no_proof_of_a_split_brain() {
    let mut world = World::new();
    world.polls(3);
    alone(&mut world, "stor1", C::StandAlone, R::Primary, D::UpToDate);
    world.lose("stor2");
    let findings = world.polls(6);
    assert!(
        find(&findings, Code::DrbdSplitBrain).is_none(),
        "{:?}",
        glance(&findings)
    );
    assert_eq!(
        find(&findings, Code::DrbdStandAlone).expect("alone").severity,
        Severity::Critical
    );
    assert_eq!(
        find(&findings, Code::SliceUnreplicated).expect("alone").severity,
        Severity::Critical
    );
}

#[test]
fn a_split_brain_is_shown_at_once_and_stays_in_doubt_when_a_side_is_lost() {
    let mut world = World::new();
    world.polls(3);
    for (host, role) in [("stor1", R::Primary), ("stor2", R::Secondary)] {
        alone(&mut world, host, C::StandAlone, role, D::UpToDate);
    }
    let findings = world.poll();
    assert_eq!(
        find(&findings, Code::DrbdSplitBrain).expect("at once").severity,
        Severity::Critical
    );
    let since = find(&findings, Code::DrbdSplitBrain).expect("at once").since;
    world.lose("stor2");
    let findings = world.polls(8);
    let kept = find(&findings, Code::DrbdSplitBrain).expect("kept");
    assert_eq!((kept.severity, kept.since), (Severity::Unknown, since));
    assert!(kept.evidence.starts_with("was critical at "), "{}", kept.evidence);
    world.mend("stor1").mend("stor2");
    assert_eq!(glance(&world.polls(2)), []);
}

#[test]
fn a_disconnected_pair_is_not_a_split_brain_and_says_where_to_look() {
    let mut world = World::new();
    world.polls(3);
    alone(&mut world, "stor1", C::StandAlone, R::Primary, D::UpToDate);
    alone(&mut world, "stor2", C::WfConnection, R::Secondary, D::UpToDate);
    for _ in 0..10 {
        assert!(find(&world.poll(), Code::DrbdSplitBrain).is_none());
    }
    let findings = world.poll();
    let found = find(&findings, Code::DrbdStandAlone).expect("stands alone");
    assert_eq!(found.severity, Severity::Critical);
    let tail =
        "; disconnected by a person or a split brain: the kernel log of both sides tells (`Split-Brain detected`)";
    assert!(found.evidence.ends_with(tail), "{}", found.evidence);
}

#[test]
fn a_split_brain_lasts_until_the_sides_are_connected_or_one_is_given_up() {
    let split = || {
        let mut world = World::new();
        world.polls(3);
        for (host, role) in [("stor1", R::Primary), ("stor2", R::Secondary)] {
            alone(&mut world, host, C::StandAlone, role, D::UpToDate);
        }
        let since = find(&world.poll(), Code::DrbdSplitBrain).expect("at once").since;
        (world, since)
    };
    let (mut world, since) = split();
    for connection in [C::WfConnection, C::WfReportParams, C::Unconnected, C::StandAlone] {
        world.mend("stor2");
        alone(&mut world, "stor2", connection.clone(), R::Secondary, D::UpToDate);
        let findings = world.poll();
        let found = find(&findings, Code::DrbdSplitBrain).unwrap_or_else(|| panic!("gone at {connection}"));
        assert_eq!((found.severity, found.since), (Severity::Critical, since));
    }
    world.mend("stor2");
    alone(&mut world, "stor2", C::SyncTarget, R::Secondary, D::Inconsistent);
    assert!(find(&world.poll(), Code::DrbdSplitBrain).is_none());

    // What is given up is no second truth, and its way back to StandAlone is not either.
    let (mut world, _) = split();
    world.mend("stor2");
    alone(&mut world, "stor2", C::WfConnection, R::Secondary, D::Outdated);
    assert!(find(&world.poll(), Code::DrbdSplitBrain).is_none());
    world.mend("stor2");
    alone(&mut world, "stor2", C::WfConnection, R::Secondary, D::UpToDate);
    assert!(find(&world.poll(), Code::DrbdSplitBrain).is_none());
}

#[test]
fn two_that_were_primary_apart_have_split_though_one_waits() {
    let mut world = World::new();
    world.polls(3);
    let tell = |world: &mut World, one: (C, R), other: (C, R)| {
        for (host, (connection, role)) in [("stor1", one), ("stor2", other)] {
            world.mend(host);
            alone(world, host, connection, role, D::UpToDate);
        }
        let findings = world.poll();
        find(&findings, Code::DrbdSplitBrain).map(|found| found.evidence.to_string())
    };
    let w = &mut world;
    assert!(tell(w, (C::StandAlone, R::Primary), (C::StandAlone, R::Primary)).is_some());
    // Connected in between: what was primary apart before is forgotten.
    w.mend("stor1").mend("stor2");
    assert!(find(&w.poll(), Code::DrbdSplitBrain).is_none());
    assert_eq!(
        tell(w, (C::StandAlone, R::Primary), (C::WfConnection, R::Secondary)),
        None
    );
    assert_eq!(
        tell(w, (C::StandAlone, R::Secondary), (C::WfConnection, R::Secondary)),
        None
    );
    assert_eq!(
        tell(w, (C::StandAlone, R::Secondary), (C::WfConnection, R::Primary)).as_deref(),
        Some(
            "r0: stor1 StandAlone Secondary/Unknown UpToDate/DUnknown; \
             stor2 WFConnection Primary/Unknown UpToDate/DUnknown; \
             both have been primary since they were last connected"
        )
    );
    assert!(tell(w, (C::StandAlone, R::Primary), (C::WfReportParams, R::Secondary)).is_some());
}

#[test]
fn two_primaries_in_one_moment_are_shown_at_once_and_a_planned_move_is_not_one() {
    let mut world = World::new();
    world.polls(3);
    world.edit("stor2", |s| change(&mut s.drbd, |list| list[0].role = R::Primary));
    assert!(find(&world.poll(), Code::DrbdDualPrimary).is_some());

    // stor1 is seen as primary, then the slice moves, then stor2 is seen as primary.
    let mut world = World::new();
    world.polls(3);
    let moved = |s: &mut crate::facts::Snapshot, role| change(&mut s.drbd, |list| list[0] = volume(0, role));
    world.edit("stor1", |s| {
        s.drbd.at = UnixMs(s.at.0 - 1900);
    });
    world.edit("stor2", move |s| moved(s, R::Primary));
    let findings = world.poll();
    assert!(
        find(&findings, Code::DrbdDualPrimary).is_none(),
        "{:?}",
        glance(&findings)
    );
    world.edit("stor1", move |s| moved(s, R::Secondary));
    assert!(find(&world.polls(3), Code::DrbdDualPrimary).is_none());
}

#[test]
fn a_side_that_sees_the_other_as_primary_does_not_make_a_pair_without_one() {
    let secondary = |world: &mut World, host: &str, peer: R| {
        world.edit(host, move |s| {
            change(&mut s.drbd, |list| {
                list[0].role = R::Secondary;
                list[0].peer_role = peer.clone();
            });
        });
    };
    // A planned move: the side that was asked first has become primary since, and the other has seen it.
    let mut world = World::new();
    secondary(&mut world, "stor1", R::Secondary);
    secondary(&mut world, "stor2", R::Primary);
    let findings = world.polls(3);
    assert!(
        find(&findings, Code::DrbdNoPrimary).is_none(),
        "{:?}",
        glance(&findings)
    );
    assert!(
        find(&findings, Code::DrbdDisagreement).is_some(),
        "if it stays so, they disagree"
    );
    world.mend("stor2");
    secondary(&mut world, "stor2", R::Secondary);
    assert!(find(&world.polls(2), Code::DrbdNoPrimary).is_some());
    world.mend("stor1").mend("stor2");
    assert_eq!(glance(&world.poll()), []);
}

#[test]
fn an_unreachable_primary_whose_clients_write_on_is_not_down() {
    let mut world = World::new();
    world.polls(3);
    world.lose("stor1");
    let findings = world.polls(5);
    assert!(find(&findings, Code::SliceDown).is_none());
    let unseen = find(&findings, Code::SliceUnseen).expect("unseen");
    assert_eq!(unseen.severity, Severity::Unknown);
    assert_eq!(
        unseen.evidence.as_str(),
        "stor1 unreachable; stor2 Connected Secondary/Primary UpToDate/UpToDate; \
         but access1 and access2 still complete operations on it: SSH is dead, not NFS"
    );
    assert!(unseen.concerns("stor1") && unseen.concerns("access2"));
}

#[test]
fn a_dead_primary_is_told_by_its_peer_and_its_clients() {
    let mut world = World::new();
    world.polls(3);
    world.lose("stor1");
    alone(&mut world, "stor2", C::WfConnection, R::Secondary, D::UpToDate);
    for host in ["access1", "access2"] {
        world.edit(host, |s| {
            change(&mut s.statfs, |list| {
                list[0] = answered("/mnt/slice-a", StatfsOutcome::Hung { seconds: 8 });
            });
            change(&mut s.nfs_mounts, |list| {
                list.remove(0);
            });
        });
    }
    let findings = world.polls(5);
    let down = find(&findings, Code::SliceDown).expect("down");
    assert!(
        down.evidence.contains("access1 and access2 hang on it"),
        "{}",
        down.evidence
    );
    // The standby takes over: the slice is up, though stor1 is still not seen.
    world.mend("stor2").mend("access1").mend("access2");
    alone(&mut world, "stor2", C::WfConnection, R::Primary, D::UpToDate);
    world.edit("stor2", |s| {
        change(&mut s.addresses, |list| {
            list.push(super::world::address([10, 77, 0, 100]));
        });
        change(&mut s.mounts, |list| {
            list.push(super::world::mount("/srv/slice-a", "ext4", "/dev/drbd0"));
        });
        change(&mut s.exports, |list| list.push(super::world::exported(0, "slice-a")));
    });
    let findings = world.polls(3);
    for gone in [
        Code::SliceDown,
        Code::SliceUnseen,
        Code::ServiceAddressWrong,
        Code::SliceNotMounted,
    ] {
        assert!(find(&findings, gone).is_none(), "{:?}", glance(&findings));
    }
    assert!(find(&findings, Code::SliceAway).is_some());
    assert_eq!(
        find(&findings, Code::SliceUnreplicated).expect("no replica").severity,
        Severity::Warning
    );
}

#[test]
fn a_source_is_not_lost_while_its_replicas_receive() {
    let mut world = World::new();
    world.polls(3);
    world.lose("db1");
    let findings = world.polls(5);
    assert!(find(&findings, Code::NoSource).is_none());
    let unseen = find(&findings, Code::SourceUnseen).expect("unseen");
    assert_eq!(unseen.severity, Severity::Unknown);
    assert!(
        unseen.evidence.contains("db2 and db3 still receive from it"),
        "{}",
        unseen.evidence
    );
    for host in ["db2", "db3"] {
        world.edit(host, |s| {
            change(&mut s.mysql, |mysql| {
                mysql.channels[0].io_running = ReplicaThread::Connecting;
            });
        });
    }
    let findings = world.polls(3);
    assert_eq!(
        find(&findings, Code::SourceUnseen).expect("lost").severity,
        Severity::Critical
    );
    assert!(find(&findings, Code::NoSource).is_none());
}

#[test]
fn transactions_newer_than_the_look_at_the_source_are_not_errant() {
    let uuid = super::world::UUIDS[0];
    let mut world = World::new();
    world.edit("db1", |s| s.mysql.at = UnixMs(s.at.0 - 1500));
    world.edit("db2", move |s| {
        change(&mut s.mysql, |mysql| {
            mysql.gtid_executed = Some(format!("{uuid}:1-1200").into());
        });
    });
    assert_eq!(glance(&world.polls(3)), []);
    // Read later than the replica, the source must have them all.
    let mut world = World::new();
    world.edit("db2", move |s| {
        change(&mut s.mysql, |mysql| {
            mysql.gtid_executed = Some(format!("{uuid}:1-1200").into());
        });
    });
    let findings = world.polls(3);
    assert!(
        find(&findings, Code::ErrantTransactions)
            .expect("errant")
            .evidence
            .contains(":1001-1200")
    );
}

/// A heartbeat hides an errant transaction from positions within a second; binary logs keep it.
#[test]
fn what_a_mariadb_replica_wrote_itself_stays_errant() {
    let mut world = World::new();
    for (host, id, state) in [("db1", 1, "0-1-10"), ("db2", 2, "0-2-9,0-1-10"), ("db3", 3, "0-1-10")] {
        world.edit(host, move |s| {
            change(&mut s.mysql, |mysql| {
                mysql.server_id = Some(id);
                mysql.gtid_executed = Some(CleanText::new("0-1-10"));
                mysql.gtid_binlog_state = Some(CleanText::new(state));
                mysql.gtid_slave_pos = Some(CleanText::new(if id == 1 { "" } else { "0-1-10" }));
            });
        });
    }
    let findings = world.polls(3);
    let errant = find(&findings, Code::ErrantTransactions).expect("errant");
    assert!(errant.evidence.starts_with("has 0-2-9"), "{}", errant.evidence);
    // The source was its replica up to there: then it has it.
    world.edit("db1", |s| {
        change(&mut s.mysql, |mysql| {
            mysql.gtid_slave_pos = Some(CleanText::new("0-2-9"));
        });
    });
    assert!(find(&world.polls(3), Code::ErrantTransactions).is_none());
}

#[test]
fn gtids_of_mariadb_are_compared_by_domain_and_server() {
    let text = |host: &'static str, gtids: &'static str, world: &mut World| {
        world.edit(host, move |s| {
            change(&mut s.mysql, |mysql| mysql.gtid_executed = Some(CleanText::new(gtids)));
        });
    };
    let mut world = World::new();
    for host in ["db1", "db3"] {
        text(host, "0-1-100", &mut world);
    }
    text("db2", "0-1-90", &mut world);
    assert_eq!(glance(&world.polls(3)), []);
    text("db2", "0-2-101", &mut world);
    assert!(find(&world.polls(3), Code::ErrantTransactions).is_some());
    text("db2", "no gtid at all", &mut world);
    let findings = world.polls(3);
    assert_eq!(
        find(&findings, Code::ErrantTransactions).expect("unknown").severity,
        Severity::Unknown
    );
}

#[test]
fn md_evidence_has_value_limit_and_member() {
    let mut world = World::new();
    world.edit("stor1", |s| {
        change(&mut s.md, |list| {
            list[0].members[2].role = crate::facts::md::MdRole::Failed;
            list[0].members_active = Some(2);
            list[0].map = "UU_".into();
        });
    });
    let findings = world.polls(2);
    let degraded = find(&findings, Code::MdDegraded).expect("degraded");
    assert_eq!(
        degraded.evidence.as_str(),
        "raid5 has 2 of 3 members ([UU_]); sdc2 failed"
    );
    assert_eq!(degraded.subject.host, Some(HostName::new("stor1")));
}

#[test]
fn without_resource_names_the_minor_tells() {
    let mut world = World::new();
    for host in ["stor1", "stor2"] {
        world.edit(host, |s| {
            change(&mut s.drbd, |list| {
                each(list, |volume| volume.resource = None);
            });
        });
    }
    assert_eq!(glance(&world.polls(3)), []);
    world.edit("stor2", |s| change(&mut s.drbd, |list| list[0].role = R::Primary));
    assert!(find(&world.poll(), Code::DrbdDualPrimary).is_some());
}

#[test]
fn a_starved_console_judges_no_clock_but_still_the_kernels() {
    let mut world = World::new();
    world.edit("db1", |s| {
        change(&mut s.uptime, |u| u.clock_seconds = u.clock_seconds.map(|c| c - 10.0));
    });
    world.edit("access1", |s| {
        change(&mut s.nfs_mounts, |list| list[0] = flow("/mnt/slice-a", 500.0));
    });
    world.observer_doubtful = true;
    let findings = world.polls(3);
    assert!(find(&findings, Code::ClockSkew).is_none());
    assert!(find(&findings, Code::NfsSlow).is_some());
    assert!(find(&findings, Code::ObserverBusy).is_some());
}

#[test]
fn a_clock_that_is_off_by_more_than_any_starvation_is_judged_by_a_starved_console_too() {
    let skewed = |seconds: f64, rtt_us: u64| {
        let mut world = World::new();
        world.edit("db1", move |s| {
            s.rtt_us = rtt_us;
            change(&mut s.uptime, |u| {
                u.clock_seconds = u.clock_seconds.map(|c| c - seconds);
            });
        });
        world.observer_doubtful = true;
        let findings = world.polls(3);
        find(&findings, Code::ClockSkew).map(|found| (found.severity, found.evidence.to_string()))
    };
    let found = |text: &str| Some((Severity::Warning, text.to_owned()));
    assert_eq!(
        skewed(90.0, 40_000),
        found("clock is 1 m 30 s behind the console's (limit 5 s)")
    );
    assert_eq!(skewed(15.0, 40_000), None);
    // An answer that came only after ten seconds explains more.
    assert_eq!(skewed(90.0, 10_000_000), None);
}

#[test]
fn a_starved_console_with_a_wrong_clock_is_one_finding() {
    let mut world = World::new();
    for host in super::world::HOSTS {
        world.edit(host, |s| {
            change(&mut s.uptime, |u| {
                u.clock_seconds = u.clock_seconds.map(|c| c + 600.0);
            });
        });
    }
    world.observer_doubtful = true;
    let findings = world.polls(3);
    assert!(
        find(&findings, Code::ObserverClock).is_some(),
        "{:?}",
        glance(&findings)
    );
    assert!(find(&findings, Code::ClockSkew).is_none(), "{:?}", glance(&findings));
}

#[test]
fn a_mount_that_fails_says_how_or_what_to_run() {
    let said = |error: &'static str| {
        let mut world = World::new();
        world.edit("access1", move |s| {
            change(&mut s.statfs, |list| {
                list[0] = answered("/mnt/slice-a", StatfsOutcome::Failed { error: error.into() });
            });
        });
        let findings = world.polls(3);
        find(&findings, Code::MountFailing).map(|found| found.evidence.to_string())
    };
    assert_eq!(
        said("Connection refused").as_deref(),
        Some("slice-a: Connection refused")
    );
    assert_eq!(
        said("statfs failed").as_deref(),
        Some("slice-a: statfs failed with another error than the usual ones: run `stat -f /mnt/slice-a` there")
    );
}

#[test]
fn findings_are_sorted_and_their_changes_told() {
    let mut world = World::new();
    let before = world.polls(3);
    world.edit("db2", |s| {
        change(&mut s.mysql, |mysql| mysql.channels[0].seconds_behind = Some(30));
    });
    let middle = world.polls(2);
    let [Change::Raised(raised)] = &changes(&before, &middle)[..] else {
        panic!("{:?}", changes(&before, &middle));
    };
    assert_eq!(
        (raised.code, raised.severity),
        (Code::ReplicationLag, Severity::Warning)
    );
    assert_eq!(changes(&middle, &world.poll()), []);
    world.edit("db2", |s| {
        change(&mut s.mysql, |mysql| mysql.channels[0].seconds_behind = Some(300));
    });
    world.edit("db3", |s| change(&mut s.mysql, |mysql| mysql.read_only = Some(false)));
    let worse = world.polls(2);
    let told = changes(&middle, &worse);
    assert!(told.iter().any(|change| matches!(
        change,
        Change::Severity { before: Severity::Warning, finding } if finding.severity == Severity::Critical
    )));
    assert_eq!(overall(&worse), Severity::Critical);
    let severities: Vec<Severity> = worse.iter().map(|finding| finding.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
    let cleared = changes(&worse, &world.mend("db2").mend("db3").poll());
    assert!(
        cleared.iter().all(|change| change.word() == "cleared") && cleared.len() >= 3,
        "{cleared:?}"
    );
}

/// Found by the property test: one side's claim to be primary was forgotten as soon as it fell silent.
#[test]
fn a_disagreement_outlives_the_silence_of_one_side() {
    let mut world = World::new();
    world.polls(3);
    world.edit("stor1", |s| change(&mut s.drbd, |list| list[1].role = R::Primary));
    let findings = world.polls(4);
    assert!(
        find(&findings, Code::DrbdDisagreement).is_some(),
        "{:?}",
        glance(&findings)
    );
    world.edit("stor1", |s| s.drbd = crate::facts::Reading::default());
    let findings = world.polls(4);
    let kept = find(&findings, Code::DrbdDisagreement).expect("kept");
    assert_eq!(kept.severity, Severity::Unknown, "{:?}", glance(&findings));
}

/// As a cut-off member of MariaDB 10.11 with Galera 4 answers: its status, and error 1047 for all else.
#[test]
fn what_a_member_outside_of_the_primary_component_refuses_is_not_a_failed_reading() {
    let mut world = World::new();
    world.polls(3);
    world.edit("g2", |s| {
        change(&mut s.mysql, |mysql| {
            let galera = mysql.galera.as_mut().expect("galera");
            galera.cluster_status = GaleraStatus::NonPrimary;
            galera.ready = Some(false);
            mysql.errors = vec!["replica: ERROR 1047 (08S01) at line 1: WSREP has not yet prepared node".into()];
        });
    });
    let findings = world.polls(3);
    assert!(find(&findings, Code::GaleraNonPrimary).is_some());
    assert!(find(&findings, Code::ReadingFailed).is_none(), "{findings:?}");
    world.edit("g2", |s| {
        change(&mut s.mysql, |mysql| {
            mysql.errors.push("status: ERROR 1064 (42000) at line 1".into());
        });
    });
    let failed = world.polls(3);
    let failed = find(&failed, Code::ReadingFailed).expect("another error is told");
    assert_eq!(failed.evidence.as_str(), "mysql: status: ERROR 1064 (42000) at line 1");
}

#[test]
fn a_degraded_pool_says_how_far_its_resilver_is() {
    // zfs-fuse, as it prints it on Debian 12.
    let text = "  pool: tank\n state: DEGRADED\nstatus: One or more devices is currently being resilvered.\n \
                scrub: resilver in progress for 0h0m, 73.13% done, 0h0m to go\nconfig:\n\n\
                \tNAME                        STATE     READ WRITE CKSUM\n\
                \ttank                        DEGRADED     0     0     0\n\
                \t  mirror-0                  DEGRADED     0     0     0\n\
                \t    /srv/disks/disk1.img    ONLINE       0     0     0\n\
                \t    spare-1                 DEGRADED     0     0     0\n\
                \t      /srv/disks/disk2.img  OFFLINE      0     0     0\n\
                \t      /srv/disks/spare.img  ONLINE       0     0     0  129M resilvered\n\
                \tspares\n\t  /srv/disks/spare.img      INUSE     currently in use\n\n\
                errors: No known data errors\n";
    let evidence = |text: String| {
        let mut world = World::new();
        world.edit("stor1", move |s| {
            s.pools = Reading::known(crate::facts::zfs::parse_zpool(&text).expect("a pool"), s.at);
        });
        let findings = world.polls(3);
        let of = |code| find(&findings, code).expect("raised").evidence.to_string();
        (of(Code::PoolDegraded), of(Code::PoolResilvering))
    };
    let (degraded, resilvering) = evidence(text.to_owned());
    assert_eq!(resilvering, "resilver 73.1 %, less than a minute left");
    assert_eq!(
        degraded,
        format!("DEGRADED: /srv/disks/disk2.img OFFLINE; {resilvering}")
    );
    let (_, longer) = evidence(text.replace("0h0m to go", "2h5m to go"));
    assert_eq!(longer, "resilver 73.1 %, 2 h 5 m left");
}

#[test]
fn readings_of_two_moments_do_not_make_two_primary_components() {
    let mut world = World::new();
    world.polls(2);
    let configuration = |world: &mut World, host: &str, id: u64| {
        world.edit(host, move |s| {
            change(&mut s.mysql, |mysql| {
                mysql.galera.as_mut().expect("a member").conf_id = Some(id);
            });
        });
    };
    // The cluster has a new configuration, and one member has not been asked since.
    let before = world.now;
    configuration(&mut world, "g1", 41);
    world.edit("g1", move |s| s.mysql.at = before);
    configuration(&mut world, "g2", 42);
    configuration(&mut world, "g3", 42);
    assert_eq!(glance(&world.polls(3)), []);
    // Asked again, it still says so.
    world.mend("g1");
    configuration(&mut world, "g1", 41);
    let findings = world.polls(2);
    assert_eq!(
        find(&findings, Code::TwoSources).map(|f| f.severity),
        Some(Severity::Critical)
    );
}

#[test]
fn a_mount_that_fails_now_and_then_is_one_finding() {
    let mut world = World::new();
    let outcome = |world: &mut World, outcome: StatfsOutcome| {
        world.mend("access1");
        world.edit("access1", move |s| {
            change(&mut s.statfs, |list| list[0].outcome = outcome.clone());
        });
    };
    let fails = || StatfsOutcome::Failed {
        error: "No such file or directory".into(),
    };
    // An answer between two failures is that of the client's cache.
    for _ in 0..4 {
        outcome(&mut world, fails());
        world.polls(3);
        let shown = world.poll();
        assert_eq!(
            find(&shown, Code::MountFailing).map(|f| f.severity),
            Some(Severity::Critical)
        );
        world.mend("access1");
        for _ in 0..3 {
            let shown = world.poll();
            let kept = find(&shown, Code::MountFailing).expect("kept");
            assert_eq!(kept.severity, Severity::Critical);
            assert!(kept.evidence.contains("No such file or directory"), "{}", kept.evidence);
        }
    }
    assert_eq!(glance(&world.polls(2)), [], "it answers for eight seconds now");
}

#[test]
fn one_failure_of_a_mount_is_not_shown() {
    let mut world = World::new();
    world.edit("access1", |s| {
        change(&mut s.statfs, |list| {
            list[0].outcome = StatfsOutcome::Failed {
                error: "Input/output error".into(),
            };
        });
    });
    assert_eq!(glance(&world.poll()), []);
    world.mend("access1");
    assert_eq!(glance(&world.polls(6)), []);
}

#[test]
fn a_mount_that_is_being_asked_again_stays_as_it_was() {
    let outcome = |world: &mut World, outcome: StatfsOutcome| {
        world.mend("access1");
        world.edit("access1", move |s| {
            change(&mut s.statfs, |list| list[0].outcome = outcome.clone());
        });
    };
    let failed = || StatfsOutcome::Failed {
        error: "Input/output error".into(),
    };
    for (bad, code) in [(StatfsOutcome::Stale, Code::MountStale), (failed(), Code::MountFailing)] {
        let mut world = World::new();
        // A slow host is asked at every second poll, and answers by the next one.
        outcome(&mut world, bad.clone());
        assert_eq!(glance(&world.poll()), []);
        outcome(&mut world, StatfsOutcome::Hung { seconds: 0 });
        assert_eq!(glance(&world.poll()), [], "one answer is not two");
        for _ in 0..3 {
            outcome(&mut world, bad.clone());
            let shown = world.poll();
            assert_eq!(find(&shown, code).map(|f| f.severity), Some(Severity::Critical));
            outcome(&mut world, StatfsOutcome::Hung { seconds: 1 });
            let shown = world.poll();
            assert_eq!(find(&shown, code).map(|f| f.severity), Some(Severity::Critical));
        }
        // Late is another matter.
        outcome(&mut world, StatfsOutcome::Hung { seconds: 60 });
        let shown = world.polls(2);
        assert!(find(&shown, Code::MountHung).is_some() && find(&shown, code).is_none());
    }
}

#[test]
fn a_semi_failed_host_comes_first_among_warnings_however_new_it_is() {
    let finding = |code, severity, since| Finding {
        code,
        severity,
        subject: Subject::host(&HostName::new("stor3")),
        since: UnixMs(since),
        evidence: CleanText::default(),
        hosts: Vec::new(),
        unseen: false,
    };
    let recovered = Finding {
        unseen: true,
        ..finding(Code::SemiFailed, Severity::Unknown, 0)
    };
    let mut findings = [
        recovered,
        finding(Code::SemiFailed, Severity::Notice, 1),
        finding(Code::MdDegraded, Severity::Unknown, 5),
        finding(Code::MdDegraded, Severity::Warning, 2),
        finding(Code::ReplicationLag, Severity::Warning, 3),
        finding(Code::SemiFailed, Severity::Warning, 9),
        finding(Code::SemiFailed, Severity::Critical, 8),
        finding(Code::SliceDown, Severity::Critical, 4),
    ];
    sort(&mut findings);
    assert_eq!(
        findings.map(|finding| (finding.severity, finding.code)),
        [
            (Severity::Critical, Code::SliceDown),
            (Severity::Critical, Code::SemiFailed),
            (Severity::Unknown, Code::MdDegraded),
            (Severity::Warning, Code::SemiFailed),
            (Severity::Warning, Code::MdDegraded),
            (Severity::Warning, Code::ReplicationLag),
            // What was told last, and is not seen now.
            (Severity::Unknown, Code::SemiFailed),
            (Severity::Notice, Code::SemiFailed),
        ]
    );
}
