//! The shared state: what must hold at every moment, what faults do, and a day of the story.

use super::{Hand, calm};
use crate::simulate::{
    Fault, Simulation,
    drbd::{Data, Role},
    island::Island,
    nfs::{MountState, WRITE},
};
use std::time::Duration;

/// What holds at every moment, whatever has happened. `whole` says that no host is without power.
fn check(island: &Island, whole: bool) {
    for replica in &island.replicas {
        let name = &replica.slice;
        let primaries = replica.sides.iter().filter(|side| side.role == Role::Primary).count();
        assert!(
            primaries == 1 || (!whole && primaries == 0),
            "{name}: {primaries} primaries"
        );
        let device = replica.device();
        for side in &replica.sides {
            let node = &island.nodes[side.node];
            let mounted = node.filesystems.iter().any(|filesystem| filesystem.source == device);
            let exported = node
                .nfs_server
                .as_ref()
                .is_some_and(|server| server.exports.iter().any(|export| export.path == replica.mount_point));
            assert!(
                !mounted || side.role == Role::Primary,
                "{name} is mounted where it is not primary"
            );
            assert!(!exported || mounted, "{name} is exported where it is not mounted");
        }
        let carriers = island
            .nodes
            .iter()
            .filter(|node| node.service_addresses.contains(&replica.address))
            .count();
        assert!(
            carriers == 1 || (!whole && carriers == 0),
            "{name}: its address is on {carriers} hosts"
        );
        if let Some(resync) = &replica.resync {
            assert!(replica.linked);
            assert_eq!(replica.sides[resync.source].data, Data::UpToDate);
            assert_eq!(replica.sides[1 - resync.source].data, Data::Inconsistent);
            assert!(resync.left_kib <= resync.total_kib);
        }
        assert!(
            replica.sides.iter().any(|side| side.data == Data::UpToDate),
            "{name} has no good data"
        );
        assert!(replica.used_kib > 0.0 && replica.used_kib < replica.size_kib as f64);
        let words = [replica.connection(0), replica.connection(1)];
        assert!(
            matches!(
                words,
                ["Connected", "Connected"]
                    | ["SyncSource", "SyncTarget"]
                    | ["SyncTarget", "SyncSource"]
                    | ["WFConnection" | "StandAlone", "WFConnection" | "StandAlone"]
            ),
            "{name}: {words:?}"
        );
    }
    for node in &island.nodes {
        for disk in &node.disks {
            assert!(
                disk.done
                    .iter()
                    .chain(&disk.await_ms)
                    .chain(&disk.rate)
                    .all(|value| value.is_finite() && *value >= 0.0)
            );
        }
        for load in node.cpu.load {
            assert!((0.0..200.0).contains(&load), "{}: load {load}", node.name);
        }
        assert!(node.cpu.shares.iter().sum::<f64>() <= 1.0);
        if let Some(channel) = node.mysql.as_ref().and_then(|server| server.channel.as_ref()) {
            assert!(
                channel.applied <= channel.received + 1e-3,
                "{} applies what it has not",
                node.name
            );
        }
    }
}

fn troubled(island: &Island) -> usize {
    let replica = |at: usize| {
        island
            .replicas
            .iter()
            .any(|replica| replica.side_on(at).is_some() && (!replica.linked || replica.resync.is_some()))
    };
    (0..island.nodes.len())
        .filter(|at| {
            let node = &island.nodes[*at];
            !node.is_up()
                || replica(*at)
                || node.arrays.iter().any(|array| array.in_sync() < array.members.len())
                || node.disks.iter().any(|disk| disk.slow > 1.0)
                || node.mounts.iter().any(|mount| mount.state != MountState::Answering)
        })
        .count()
}

#[test]
fn a_day_of_the_story_holds_together() {
    let hand = Hand::default();
    let sim = Simulation::demo(42, hand.clock());
    let mut calm_steps = 0_u32;
    let mut worst = 0;
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..(24 * 3600 / 5) {
        hand.forward(Duration::from_secs(5));
        sim.world().fleet(|island| {
            check(island, true);
            let troubled = troubled(island);
            worst = worst.max(troubled);
            calm_steps += u32::from(troubled == 0);
            if island.replicas.iter().any(|replica| replica.resync.is_some()) {
                seen.insert("resync");
            }
            if island.replicas.iter().any(|replica| replica.primary() == Some(1)) {
                seen.insert("away");
            }
            if island
                .nodes
                .iter()
                .any(|node| node.arrays.iter().any(|array| array.sync.is_some()))
            {
                seen.insert("rebuild");
            }
            if island.nodes.iter().any(|node| !node.is_up()) {
                seen.insert("unreachable");
            }
            let lag = |node: &crate::simulate::node::Node| Some(node.mysql.as_ref()?.channel.as_ref()?.lag_s);
            if island.nodes.iter().filter_map(lag).any(|lag| lag > 20.0) {
                seen.insert("lag");
            }
            if step == 24 {
                assert!(
                    seen.contains("resync") && seen.contains("rebuild"),
                    "two minutes show something: {seen:?}"
                );
            }
        });
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert!(worst <= 9, "{worst} of 30 hosts in trouble at once");
    assert!(calm_steps > 500, "there are quiet moments: {calm_steps}");
}

#[test]
fn the_same_seed_gives_the_same_world_however_often_it_is_looked_at() {
    let (often, seldom) = (Hand::default(), Hand::default());
    let (a, b) = (Simulation::demo(5, often.clock()), Simulation::demo(5, seldom.clock()));
    for _ in 0..500 {
        often.forward(Duration::from_millis(700));
        a.world().fleet(|_| ());
    }
    seldom.forward(Duration::from_secs(350));
    let look = |sim: &Simulation| {
        sim.world()
            .fleet(|island| {
                let disk = &island.nodes[2].disks[2];
                let roles: Vec<_> = island
                    .replicas
                    .iter()
                    .map(|replica| (replica.primary(), replica.linked))
                    .collect();
                (
                    disk.done[0].round(),
                    disk.slow.to_bits(),
                    roles,
                    island.nodes[1].arrays[0].in_sync(),
                )
            })
            .unwrap()
    };
    assert_eq!(look(&a), look(&b));
    let c = Simulation::demo(6, seldom.clock());
    let wave = |sim: &Simulation| {
        sim.world()
            .fleet(|island| island.nodes[0].disks[0].rate[0].to_bits())
            .unwrap()
    };
    assert_ne!(wave(&a), wave(&c));
}

#[test]
fn a_slow_disk_shows_with_all_clients_of_its_server_and_nowhere_else() {
    let (sim, hand) = calm();
    hand.forward(Duration::from_mins(1));
    let times = || {
        sim.world()
            .fleet(|island| {
                let mut out = std::collections::BTreeMap::new();
                for node in &island.nodes {
                    for mount in &node.mounts {
                        out.insert(
                            (node.name.to_string(), island.replicas[mount.replica].slice.clone()),
                            mount.rtt_ms[WRITE],
                        );
                    }
                }
                out
            })
            .unwrap()
    };
    let before = times();
    sim.world()
        .inject(&Fault::DiskSlow {
            host: "stor3".to_owned(),
            disk: "sdc".to_owned(),
            factor: 6.0,
        })
        .unwrap();
    hand.forward(Duration::from_secs(2));
    for ((client, slice), after) in times() {
        let ratio = after / before[&(client.clone(), slice.clone())];
        if slice == "slice-c" {
            assert!(ratio > 3.0, "{client} {slice}: {ratio}");
        } else {
            assert!((0.8..1.25).contains(&ratio), "{client} {slice}: {ratio}");
        }
    }
}

#[test]
fn a_planned_move_keeps_everything_in_line() {
    let (sim, hand) = calm();
    sim.world().fleet(|island| {
        check(island, true);
        island.move_slice(0).unwrap();
        check(island, true);
        let to = island.replicas[0].sides[1].node;
        assert_eq!(&*island.nodes[to].name, "stor2");
        assert!(island.nodes[to].service_addresses.contains(&island.replicas[0].address));
        assert_eq!(island.holder(island.replicas[0].address), Some(to));
        assert!(
            island
                .nodes
                .iter()
                .flat_map(|node| &node.mounts)
                .all(|mount| mount.state == MountState::Answering)
        );
        let refused = island.promote(0, island.replicas[0].sides[0].node, false).unwrap_err();
        assert!(refused.text.contains("Multiple primaries not allowed"));
        let refused = island.demote(0, to).unwrap_err();
        assert!(refused.text.contains("Device is held open by someone"));
        assert!(island.unmount(0, to).is_err(), "exported still");
        assert!(island.promote(0, 7, false).is_err(), "backup1 has no side of it");
    });
    hand.forward(Duration::from_secs(10));
    sim.world().fleet(|island| check(island, true));
}

#[test]
fn a_killed_primary_hangs_its_clients_until_the_standby_takes_over() {
    let (sim, hand) = calm();
    let fault = Fault::PrimaryKilled("slice-a".to_owned());
    sim.world().inject(&fault).unwrap();
    hand.forward(Duration::from_secs(20));
    sim.world().fleet(|island| {
        check(island, false);
        let access = island.node("access1").unwrap();
        let hung = |island: &Island| matches!(island.nodes[access].mounts[0].state, MountState::Hung(_));
        assert!(hung(island));
        assert!(island.nodes[access].cpu.blocked >= 2, "its processes wait");
        assert_eq!(island.replicas[0].connection(1), "WFConnection");
        let standby = island.node("stor2").unwrap();
        island.serve(0, standby).unwrap();
        assert!(!hung(island));
        check(island, false);
    });
    hand.forward(Duration::from_mins(1));
    sim.world().clear(&fault).unwrap();
    sim.world().fleet(|island| {
        check(island, true);
        assert_eq!(island.replicas[0].primary(), Some(1), "who serves it now keeps it");
        assert_eq!(
            island.replicas[0].connection(0),
            "SyncTarget",
            "the old primary lacks what was written since"
        );
        assert_eq!(island.replicas[1].primary(), Some(0), "slice-b never left stor2");
    });
    hand.forward(Duration::from_mins(1));
    sim.world().fleet(|island| assert!(island.is_well(0)));
}

#[test]
fn a_partition_resyncs_and_a_split_brain_stands_alone() {
    let (sim, hand) = calm();
    let partition = Fault::PairPartitioned("slice-b".to_owned());
    sim.world().inject(&partition).unwrap();
    hand.forward(Duration::from_mins(1));
    sim.world().fleet(|island| {
        check(island, true);
        assert_eq!(
            [island.replicas[1].connection(0), island.replicas[1].connection(1)],
            ["WFConnection"; 2]
        );
        assert!(island.replicas[1].out_of_sync_kib(0) > 1000.0);
    });
    sim.world().clear(&partition).unwrap();
    sim.world()
        .fleet(|island| assert_eq!(island.replicas[1].connection(0), "SyncSource"));
    hand.forward(Duration::from_mins(1));
    sim.world().fleet(|island| assert!(island.is_well(1)));

    let split = Fault::SplitBrain("slice-d".to_owned());
    sim.world().inject(&split).unwrap();
    hand.forward(Duration::from_secs(30));
    sim.world().fleet(|island| {
        check(island, true);
        assert_eq!(
            [island.replicas[3].connection(0), island.replicas[3].connection(1)],
            ["StandAlone"; 2]
        );
    });
    sim.world().clear(&split).unwrap();
    hand.forward(Duration::from_secs(30));
    sim.world().fleet(|island| {
        check(island, true);
        assert!(island.is_well(3));
    });
}

#[test]
fn every_other_fault_comes_and_goes() {
    let (sim, hand) = calm();
    let (host, slice) = ("access2".to_owned(), "slice-b".to_owned());
    let faults = [
        Fault::DiskFailed {
            host: "stor1".into(),
            array: "md0".into(),
            slot: 2,
        },
        Fault::Rebuild {
            host: "stor4".into(),
            array: "md1".into(),
            slot: 0,
        },
        Fault::MountHung {
            host: host.clone(),
            slice: slice.clone(),
        },
        Fault::HandleStale {
            host: host.clone(),
            slice: "slice-a".to_owned(),
        },
        Fault::MountMissing {
            host,
            slice: "slice-c".to_owned(),
        },
        Fault::ExportGone(slice),
        Fault::SecondWritable("db2".to_owned()),
        Fault::ErrantGtid("db3".to_owned()),
        Fault::ReplicationError("shop2".to_owned()),
        Fault::GaleraCut("gal2".to_owned()),
        Fault::PoolDegraded("zfs1".to_owned()),
        Fault::ClockSkew {
            host: "web1".into(),
            seconds: 42.0,
        },
    ];
    for fault in &faults {
        sim.world().inject(fault).unwrap();
    }
    hand.forward(Duration::from_secs(20));
    sim.world().fleet(|island| {
        check(island, true);
        let galera = |name: &str| {
            let galera = island.nodes[island.node(name).unwrap()]
                .mysql
                .as_ref()
                .unwrap()
                .galera
                .as_ref()
                .unwrap();
            (galera.primary, galera.size)
        };
        assert_eq!(
            [galera("gal1"), galera("gal2"), galera("gal3")],
            [(true, 2), (false, 1), (true, 2)]
        );
        let access1 = &island.nodes[island.node("access1").unwrap()];
        assert_eq!(
            access1.mounts[1].state,
            MountState::Stale,
            "the export has gone for everybody"
        );
    });
    for fault in &faults {
        sim.world().clear(fault).unwrap();
        assert!(sim.world().clear(fault).is_err(), "cleared once is enough");
    }
    hand.forward(Duration::from_secs(400));
    sim.world().fleet(|island| {
        check(island, true);
        assert_eq!(troubled(island), 0);
    });
    assert!(sim.world().inject(&Fault::HostKilled("nobody".to_owned())).is_err());
    assert!(sim.world().inject(&Fault::GaleraCut("web1".to_owned())).is_err());
    assert!(sim.world().inject(&Fault::SplitBrain("slice-x".to_owned())).is_err());
}

#[test]
fn a_frozen_server_is_primary_still_and_comes_back_with_a_resync() {
    let (sim, hand) = calm();
    let fault = Fault::HostFrozen("stor5".to_owned());
    sim.world().inject(&fault).unwrap();
    hand.forward(Duration::from_secs(30));
    sim.world().fleet(|island| {
        check(island, true);
        let access = &island.nodes[island.node("access6").unwrap()];
        assert!(matches!(access.mounts[0].state, MountState::Hung(_)));
        assert_eq!(access.mounts[1].state, MountState::Answering);
    });
    sim.world().clear(&fault).unwrap();
    hand.forward(Duration::from_secs(30));
    sim.world().fleet(|island| {
        check(island, true);
        assert_eq!(troubled(island), 0);
    });
}
