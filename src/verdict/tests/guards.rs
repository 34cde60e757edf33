//! Every guard of a rule by a world that only this guard keeps quiet, or that only it tells.

use super::world::{UUIDS, World, change, disk, filesystem_errors, find, flow, glance, mount, volume};
use crate::{
    facts::{
        Reading, Snapshot, UnixMs,
        drbd::{DrbdConnection as C, DrbdDisk as D, DrbdRole as R},
        probe::ProbeValue,
        zfs::PoolState,
    },
    verdict::{Code, Finding, Severity},
};

/// What is found after three polls of a fleet in which one host says something else.
fn with(host: &str, edit: impl Fn(&mut Snapshot) + 'static) -> Vec<Finding> {
    let mut world = World::new();
    world.edit(host, edit);
    world.polls(3)
}

fn severity(findings: &[Finding], code: Code) -> Option<Severity> {
    find(findings, code).map(|finding| finding.severity)
}

#[test]
fn stacked_devices_and_partitions_are_not_judged_beside_their_disk() {
    let findings = with("stor1", |s| {
        change(&mut s.disks, |disks| {
            for name in ["md0", "dm-3", "drbd0", "nvme0n1", "nvme0n1p2"] {
                let mut slow = disk(name);
                slow.write_await_ms = Some(if name == "nvme0n1" { 2.0 } else { 900.0 });
                disks.push(slow);
            }
        });
    });
    assert_eq!(glance(&findings), []);
}

#[test]
fn a_resource_that_is_not_set_up_is_no_lost_connection() {
    let findings = with("stor1", |s| {
        change(&mut s.drbd, |list| {
            let mut spare = volume(5, R::Unconfigured);
            spare.connection = C::Unconfigured;
            list.push(spare);
        });
    });
    assert_eq!(glance(&findings), []);
}

#[test]
fn two_that_stand_alone_with_only_one_good_side_have_not_split() {
    let mut world = World::new();
    for (host, role, disk) in [
        ("stor1", R::Primary, D::UpToDate),
        ("stor2", R::Secondary, D::Inconsistent),
    ] {
        world.edit(host, move |s| {
            change(&mut s.drbd, |list| {
                let v = &mut list[0];
                (v.connection, v.role, v.disk) = (C::StandAlone, role.clone(), disk.clone());
                (v.peer_role, v.peer_disk) = (R::NotSeen, D::NotSeen);
            });
        });
    }
    let findings = world.polls(3);
    assert_eq!(severity(&findings, Code::DrbdStandAlone), Some(Severity::Critical));
    assert_eq!(severity(&findings, Code::DrbdSplitBrain), None);
}

#[test]
fn a_replica_that_is_not_up_to_date_is_none() {
    for (disk, expected) in [(D::Inconsistent, Severity::Warning), (D::Diskless, Severity::Critical)] {
        let findings = with("stor1", move |s| {
            change(&mut s.drbd, |list| list[0].peer_disk = disk.clone());
        });
        assert_eq!(severity(&findings, Code::SliceUnreplicated), Some(expected));
    }
}

#[test]
fn a_primary_that_its_peer_still_sees_is_not_down_without_clients() {
    let mut world = World::new();
    for host in ["access1", "access2"] {
        world.edit(host, |s| {
            change(&mut s.statfs, Vec::clear);
            change(&mut s.nfs_mounts, Vec::clear);
        });
    }
    world.polls(3);
    world.lose("stor1");
    let findings = world.polls(5);
    assert_eq!(severity(&findings, Code::SliceDown), None);
    let unseen = find(&findings, Code::SliceUnseen).expect("unseen");
    assert!(
        unseen.evidence.ends_with("its peer still replicates with it"),
        "{}",
        unseen.evidence
    );
}

#[test]
fn a_slice_exported_read_only_may_be_mounted_so() {
    let read_only = |options: &'static str| {
        let mut world = World::with(|parts| {
            if let Some(export) = &mut parts.1[0].slices[0].export {
                export.options = vec![options.into()];
            }
        });
        world.edit("access1", |s| change(&mut s.mounts, |list| list[1].writable = false));
        severity(&world.polls(3), Code::FilesystemReadOnly)
    };
    assert_eq!(read_only("ro"), None);
    assert_eq!(read_only("rw"), Some(Severity::Warning));
}

#[test]
fn too_few_operations_give_no_mean_and_no_share() {
    let findings = with("access1", |s| {
        change(&mut s.nfs_mounts, |list| {
            list[0] = flow("/mnt/slice-a", 900.0);
            list[0].ops[0].ops_per_second = 0.5;
            list[0].ops[0].retransmits_per_second = 0.1;
        });
    });
    assert_eq!(glance(&findings), []);
}

#[test]
fn an_old_error_of_a_replica_that_runs_is_a_notice() {
    let findings = with("db2", |s| {
        change(&mut s.mysql, |mysql| {
            mysql.channels[0].sql_error = Some("1062 Duplicate entry".into());
        });
    });
    assert_eq!(severity(&findings, Code::ReplicationError), Some(Severity::Notice));
}

#[test]
fn two_sources_of_two_moments_wait_for_a_second_look() {
    let mut world = World::new();
    world.polls(3);
    world.edit("db1", |s| s.mysql.at = UnixMs(s.at.0 - 1900));
    world.edit("db2", |s| change(&mut s.mysql, |mysql| mysql.read_only = Some(false)));
    assert_eq!(severity(&world.poll(), Code::TwoSources), None);
    assert_eq!(severity(&world.polls(2), Code::TwoSources), Some(Severity::Critical));
}

#[test]
fn a_replica_that_a_switch_over_forgot_is_told_of_the_source() {
    let mut world = World::new();
    world.edit("db2", |s| change(&mut s.mysql, |mysql| mysql.channels.clear()));
    world.edit("db3", |s| {
        change(&mut s.mysql, |mysql| {
            mysql.channels[0].source_uuid = Some(UUIDS[1].into());
        });
    });
    let findings = world.polls(3);
    assert_eq!(
        find(&findings, Code::WrongSource).expect("forgotten").evidence.as_str(),
        "follows db2, which is read-only and follows nobody; the source is db1"
    );
}

#[test]
fn what_came_through_a_source_that_follows_another_is_not_errant() {
    let chain = |behind_ms: u64| {
        let mut world = World::new();
        world.edit("db2", move |s| s.mysql.at = UnixMs(s.at.0 - behind_ms));
        world.edit("db3", |s| {
            change(&mut s.mysql, |mysql| {
                mysql.channels[0].source_uuid = Some(UUIDS[1].into());
                mysql.gtid_executed = Some(format!("{}:1-1000,{}:1-5", UUIDS[0], UUIDS[2]).into());
            });
        });
        severity(&world.polls(3), Code::ErrantTransactions)
    };
    assert_eq!(chain(1500), None);
    assert_eq!(chain(0), Some(Severity::Warning));
}

#[test]
fn two_primary_components_may_have_one_state_and_two_configurations() {
    let findings = with("g3", |s| {
        change(&mut s.mysql, |mysql| {
            mysql.galera.as_mut().expect("galera").conf_id = Some(9);
        });
    });
    assert_eq!(severity(&findings, Code::TwoSources), Some(Severity::Critical));
}

#[test]
fn a_pool_that_calls_itself_online_is_judged_by_its_devices() {
    let findings = with("stor1", |s| {
        change(&mut s.pools, |pools| pools[0].vdevs[3].state = PoolState::Faulted);
    });
    let found = find(&findings, Code::PoolDegraded).expect("degraded");
    assert_eq!(found.evidence.as_str(), "ONLINE: sdy FAULTED");
}

#[test]
fn mismatches_count_by_what_the_level_promises() {
    for (level, expected) in [("raid5", Severity::Warning), ("raid1", Severity::Notice)] {
        let findings = with("stor1", move |s| {
            change(&mut s.md, |list| {
                (list[0].level, list[0].mismatches) = (level.into(), Some(128));
            });
        });
        assert_eq!(severity(&findings, Code::MdMismatches), Some(expected), "{level}");
    }
}

#[test]
fn a_link_that_carries_an_address_is_in_use_from_the_first_look() {
    let findings = with("db1", |s| {
        let used = s.addresses.value().expect("addresses")[0].interface.clone();
        change(&mut s.links, move |links| {
            (links[0].name, links[0].carrier) = (used.clone(), Some(false));
        });
    });
    assert_eq!(severity(&findings, Code::LinkErrors), Some(Severity::Warning));
}

#[test]
fn a_read_only_filesystem_is_judged_by_what_it_is_for() {
    let data = |options: &'static str| {
        let findings = with("db1", move |s| {
            change(&mut s.mounts, |list| {
                let mut data = mount("/data", "ext4", "/dev/sdb1");
                (data.writable, data.options) = (false, options.into());
                list.push(data);
            });
        });
        severity(&findings, Code::FilesystemReadOnly)
    };
    assert_eq!(data("ro"), Some(Severity::Notice));
    assert_eq!(data("ro,emergency_ro"), Some(Severity::Critical));
    let slice = with("stor1", |s| {
        change(&mut s.mounts, |list| {
            for mount in list.iter_mut().filter(|mount| mount.at.as_str() == "/srv/slice-a") {
                mount.writable = false;
            }
        });
    });
    assert_eq!(severity(&slice, Code::FilesystemReadOnly), Some(Severity::Critical));
}

#[test]
fn errors_of_a_filesystem_weigh_by_what_they_stop() {
    let of = |host: &str, at: &'static str, options: &'static str| {
        with(host, move |s| {
            change(&mut s.mounts, |list| {
                list.retain(|mount| mount.at.as_str() != at);
                let mut data = mount(at, "ext4", "/dev/drbd1");
                (data.device_number, data.options) = ("147:1".into(), options.into());
                list.push(data);
            });
            change(&mut s.filesystem_errors, |list| {
                list.push(filesystem_errors("drbd1", "147:1", 1581));
            });
        })
    };
    let told = |findings: &[Finding]| {
        let finding = find(findings, Code::FilesystemError).expect("a finding");
        (finding.severity, finding.evidence.to_string())
    };
    assert_eq!(
        told(&of("db1", "/data", "rw")),
        (Severity::Warning, "ext4 on /dev/drbd1 counts 1581 errors".to_owned())
    );
    assert_eq!(
        told(&of("db1", "/data", "rw,errors=remount-ro")),
        (
            Severity::Critical,
            "ext4 on /dev/drbd1 counts 1581 errors; errors=remount-ro: writes fail".to_owned()
        )
    );
    assert_eq!(told(&of("stor1", "/srv/slice-a", "rw")).0, Severity::Critical);
}

#[test]
fn the_way_there_and_back_is_no_clock_difference() {
    let skew = |seconds: f64| {
        let findings = with("db1", move |s| {
            change(&mut s.uptime, |u| {
                u.clock_seconds = u.clock_seconds.map(|c| c + seconds);
            });
        });
        severity(&findings, Code::ClockSkew)
    };
    assert_eq!(skew(5.8), None);
    assert_eq!(skew(-6.5), Some(Severity::Warning));
}

#[test]
fn a_probe_has_limits_on_both_sides() {
    let findings = with("access1", |s| {
        s.probes[0].value = Reading::known(ProbeValue::Number(3.0), s.at);
    });
    assert_eq!(
        find(&findings, Code::ProbeBad).expect("cold").evidence.as_str(),
        "3 °C (limit 5 °C)"
    );
}

#[test]
fn a_slice_mounted_from_below_its_replica_is_not_mounted() {
    let findings = with("stor1", |s| {
        change(&mut s.mounts, |list| {
            for mount in list.iter_mut().filter(|mount| mount.at.as_str() == "/srv/slice-a") {
                mount.source = "/dev/md0".into();
            }
        });
    });
    assert_eq!(
        find(&findings, Code::SliceNotMounted)
            .expect("bypassed")
            .evidence
            .as_str(),
        "/srv/slice-a on stor1 is mounted from /dev/md0, not from /dev/drbd0"
    );
}

#[test]
fn a_standby_that_serves_nothing_needs_no_nfsd() {
    let idle = |s: &mut Snapshot| change(&mut s.nfs_server, |server| server.threads = Some(0));
    let mut world = World::with(|parts| {
        parts.1[0].slices.truncate(1);
        for host in &mut parts.0 {
            host.mounts
                .truncate(usize::from(host.name.as_str().starts_with("access")));
        }
    });
    world.edit("stor2", idle);
    assert_eq!(severity(&world.polls(3), Code::NfsServerDown), None);
    world.edit("stor1", idle);
    assert_eq!(severity(&world.polls(3), Code::NfsServerDown), Some(Severity::Critical));
}
