//! What simulated hosts print is read by the parsers for real hosts: nothing is left unknown or unnamed.

use super::{Hand, calm, client::NONCE};
use crate::{
    facts::{Assembler, CleanText, Reading, Snapshot, State, UnixMs, drbd::DrbdRole},
    remote::frame::Decoder,
    simulate::{Fault, Simulation, lane::Lane},
};
use std::time::Duration;

/// Polls a host twice, two seconds apart, as the collector does.
fn snapshot(sim: &Simulation, hand: &Hand, host: &str) -> Snapshot {
    let declared = sim.fleet().host(host).unwrap();
    let mut lane = Lane::new(sim.world().place(host).unwrap());
    let mut decoders = [Decoder::new(NONCE), Decoder::new(NONCE)];
    let mut assembler = Assembler::new(&declared.probes);
    assembler.keeping(&declared.backups);
    lane.feed(sim.world(), format!("hello {NONCE}\n").as_bytes(), None);
    let mut at = UnixMs(0);
    for seq in 1..=2 {
        hand.forward(Duration::from_secs(2));
        at = UnixMs(super::START * 1000 + sim.world().now_ms());
        let said = lane.feed(sim.world(), format!("go {seq} fmsa\n").as_bytes(), None);
        for (decoder, bytes) in decoders.iter_mut().zip([said.out, said.err]) {
            decoder.push(&bytes);
            while let Some(frame) = decoder.next_frame().unwrap() {
                let sections = frame.sections.iter();
                assembler.apply(
                    sections.map(|section| (section.section.unwrap(), &section.status, section.content.as_slice())),
                    at,
                );
            }
        }
    }
    assembler.snapshot(at, 200)
}

/// Every reading that is not understood, and every word that the parsers do not know.
fn strange(snapshot: &Snapshot) -> Vec<String> {
    let text = format!("{snapshot:#?}");
    let mut out = Vec::new();
    let mut field = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if indent == 4 {
            line.trim().split(':').next().unwrap().clone_into(&mut field);
        }
        if line.contains("Unknown(") || line.contains("Garbled") {
            out.push(format!("{field}: {}", line.trim()));
        }
    }
    out
}

#[test]
fn the_parsers_for_real_hosts_understand_every_simulated_one() {
    let (sim, hand) = calm();
    for fault in [
        Fault::Rebuild {
            host: "stor1".into(),
            array: "md0".into(),
            slot: 1,
        },
        Fault::DiskFailed {
            host: "stor6".into(),
            array: "md1".into(),
            slot: 0,
        },
        Fault::SplitBrain("slice-d".into()),
        Fault::PairPartitioned("slice-f".into()),
        Fault::PoolDegraded("zfs1".into()),
        Fault::PoolDegraded("backup1".into()),
        Fault::ReplicationError("db2".into()),
        Fault::GaleraCut("gal2".into()),
        Fault::MountHung {
            host: "access1".into(),
            slice: "slice-b".into(),
        },
    ] {
        sim.world().inject(&fault).unwrap();
    }
    sim.world().fleet(|island| {
        island.replicas[0].sides[0].dirty_kib += 3e6;
        island.replicas[0].start_resync(0);
        island.replicas[4].sides[0].dirty_kib += 3e6;
        island.replicas[4].start_resync(0);
    });
    let mut problems = Vec::new();
    for host in sim
        .fleet()
        .hosts
        .iter()
        .filter(|host| host.shell == crate::fleet::Shell::Posix)
    {
        let mut snapshot = snapshot(&sim, &hand, host.name.as_str());
        if host.mysql.is_none() {
            // Nobody asked for it.
            assert!(snapshot.mysql.value().is_none());
            snapshot.mysql = Reading::absent(snapshot.at);
        }
        if host.backups.is_empty() {
            // Neither for this.
            assert!(snapshot.backup_tests.value().is_none() && snapshot.backup_lists.is_empty());
            snapshot.backup_tests = Reading::absent(snapshot.at);
        } else {
            let lists = snapshot.backup_lists.iter();
            assert!(
                lists.clone().count() == 7 && lists.clone().all(|list| matches!(list.newest.value(), Some(Some(_))))
            );
            let tests = snapshot.backup_tests.value().unwrap();
            assert!(
                tests.len() == 7
                    && tests
                        .iter()
                        .all(|test| matches!(&test.last, Ok(last) if last.trouble.is_none()))
            );
        }
        problems.extend(
            strange(&snapshot)
                .into_iter()
                .map(|line| format!("{}: {line}", host.name)),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn values_arrive_as_they_are() {
    let (sim, hand) = calm();
    let stor5 = snapshot(&sim, &hand, "stor5");
    let drbd = stor5.drbd.value().unwrap();
    assert_eq!(drbd.len(), 2);
    assert_eq!(
        (&drbd[0].role, &drbd[0].peer_role),
        (&DrbdRole::Primary, &DrbdRole::Secondary)
    );
    assert_eq!(drbd[0].peer.as_ref().map(CleanText::as_str), Some("stor6"));
    assert_eq!(stor5.exports.value().unwrap()[0].path.as_str(), "/srv/slice-e");

    let stor1 = snapshot(&sim, &hand, "stor1");
    let md = stor1.md.value().unwrap();
    assert_eq!(md.len(), 2);
    assert!(md.iter().all(|array| array.degraded() == Some(false)));
    assert!(
        stor1
            .addresses
            .value()
            .unwrap()
            .iter()
            .any(|address| address.secondary && address.ip.to_string() == "10.20.0.101")
    );

    let errors = stor1.filesystem_errors.value().unwrap();
    let mounts = stor1.mounts.value().unwrap();
    assert!(errors.iter().all(|one| one.count == Some(0)));
    let ext4 = |mount: &&crate::facts::filesystem::Mount| mount.fs_type.as_str() == "ext4";
    assert!(mounts.iter().any(|mount| ext4(&mount)));
    for mount in mounts.iter().filter(ext4) {
        assert!(errors.iter().any(|one| one.is_of(mount)), "{mount:?} {errors:?}");
    }

    let access1 = snapshot(&sim, &hand, "access1");
    let mounts = access1.nfs_mounts.value().unwrap();
    assert_eq!(mounts.len(), 4);
    let write = mounts[0].ops.iter().find(|op| op.op.as_str() == "WRITE").unwrap();
    let truth = sim
        .world()
        .with("access1", |island, at| {
            island.nodes[at].mounts[0].rtt_ms[crate::simulate::nfs::WRITE]
        })
        .unwrap();
    assert!(
        (write.rtt_ms.unwrap() - truth).abs() < 0.2 * truth + 0.05,
        "{:?} {truth}",
        write.rtt_ms
    );

    let db2 = snapshot(&sim, &hand, "db2");
    let mysql = db2.mysql.value().unwrap();
    assert_eq!((mysql.read_only, mysql.channels.len()), (Some(true), 1));
    assert!(mysql.heartbeat_lag_seconds.unwrap() < 1.5);
    let gal1 = snapshot(&sim, &hand, "gal1");
    assert_eq!(
        gal1.mysql.value().unwrap().galera.as_ref().unwrap().cluster_size,
        Some(3)
    );
    assert!(matches!(
        snapshot(&sim, &hand, "web1").mysql.state,
        State::Unknown(_) | State::Absent
    ));
    let zfs1 = snapshot(&sim, &hand, "zfs1");
    assert_eq!(zfs1.pools.value().unwrap()[0].state.as_str(), "ONLINE");
    assert!(zfs1.arc.value().is_some());
    assert!(matches!(
        snapshot(&sim, &hand, "mail1").probes[0].value.value(),
        Some(crate::facts::probe::ProbeValue::Number(mails)) if *mails > 10.0
    ));
}
