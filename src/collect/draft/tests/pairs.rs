//! The two sides of a DRBD 8.4 pair, whose kernel knows no names of peers.

use super::*;
use crate::facts::{drbd, filesystem, nfs};

macro_rules! capture {
    ($file:literal) => {
        include_str!(concat!("../../../../tests/captures/healthy/", $file))
    };
}

/// A host as it was captured: resource `r0` on minor 0.
fn captured(name: &str, [proc, status, events, exports, mounts]: [&str; 5]) -> Snapshot {
    let proc = drbd::parse_proc_drbd(proc).expect("/proc/drbd");
    let status = drbd::parse_status(status).expect("a status");
    let events = drbd::parse_events(events).expect("events");
    Snapshot {
        drbd: Reading::known(drbd::merge(Some(&proc), Some(&status), Some(&events)), AT),
        exports: Reading::known(nfs::parse_exports(exports).expect("exports"), AT),
        mounts: Reading::known(filesystem::parse_mountinfo(mounts).expect("mounts"), AT),
        ..host(name)
    }
}

fn stor1() -> Snapshot {
    Snapshot {
        addresses: Reading::known(
            vec![address("10.77.0.11", 24, false), address("10.77.0.101", 24, true)],
            AT,
        ),
        ..captured(
            "stor1",
            [
                capture!("stor1/proc-drbd"),
                capture!("stor1/drbdsetup-status"),
                capture!("stor1/drbdsetup-events2"),
                capture!("stor1/exportfs"),
                capture!("stor1/mountinfo"),
            ],
        )
    }
}

fn stor2() -> Snapshot {
    captured(
        "stor2",
        [
            capture!("stor2/proc-drbd"),
            capture!("stor2/drbdsetup-status"),
            capture!("stor2/drbdsetup-events2"),
            capture!("stor2/exportfs"),
            capture!("stor2/mountinfo"),
        ],
    )
}

/// What a change of the first volume makes of a host.
fn with(snapshot: Snapshot, change: impl FnOnce(&mut DrbdVolume)) -> Snapshot {
    let mut volumes = snapshot.drbd.value().expect("volumes").clone();
    change(&mut volumes[0]);
    Snapshot {
        drbd: Reading::known(volumes, AT),
        ..snapshot
    }
}

fn drafted(found: &[Snapshot]) -> String {
    let named: Vec<(String, Snapshot)> = found
        .iter()
        .map(|snapshot| {
            (
                snapshot.identity.value().expect("a name").hostname.to_string(),
                snapshot.clone(),
            )
        })
        .collect();
    let text = draft(&named);
    loads(&text);
    text
}

fn separate(text: &str) -> bool {
    let fleet = loads(text).fleet.expect("a fleet");
    fleet.segment_of("stor1").map(|segment| &segment.name) != fleet.segment_of("stor2").map(|segment| &segment.name)
}

#[test]
fn a_captured_pair_is_one_segment_with_one_slice() {
    let client = Snapshot {
        mounts: Reading::known(vec![mount("10.77.0.101:/srv/slice-a", "/mnt/a", "nfs")], AT),
        ..host("access1")
    };
    // The secondary first: what is drafted is the primary's all the same.
    for found in [[stor1(), stor2(), client.clone()], [stor2(), client.clone(), stor1()]] {
        let text = drafted(&found);
        let fleet = loads(&text).fleet.expect("a fleet");
        assert_eq!(fleet.segments.len(), 1, "{text}");
        assert_eq!(fleet.segments[0].servers.len(), 2, "{text}");
        assert_eq!(fleet.slices().count(), 1, "{text}");
        let (_, slice) = fleet.slice("r0").expect("the slice");
        assert_eq!(
            (slice.device.as_str(), slice.mount_point.as_str()),
            ("/dev/drbd0", "/srv/slice-a")
        );
        assert_eq!(slice.preferred.as_str(), "stor1");
        assert_eq!(slice.standby.as_ref().map(fleet::HostName::as_str), Some("stor2"));
        assert!(!slice.unreplicated);
        let export = slice.export.as_ref().expect("an export");
        assert_eq!(
            (export.path.as_str(), export.clients.as_slice()),
            ("/srv/slice-a", ["10.77.0.0/24".to_owned()].as_slice())
        );
        let service = slice.service_address.expect("a service address");
        assert_eq!(service.ip, "10.77.0.101".parse::<IpAddr>().expect("ip"));
        let access = fleet.host("access1").expect("access1");
        assert_eq!(access.mounts[0].slice.as_str(), "r0");
        let slices = text.split_once("segments:").expect("segments").1;
        assert!(!slices.contains("choose"), "{text}");
    }
}

#[test]
fn sides_that_are_not_connected_are_joined_for_a_person_to_confirm() {
    let alone = |volume: &mut DrbdVolume| {
        volume.connection = DrbdConnection::WfConnection;
        volume.peer_role = DrbdRole::NotSeen;
    };
    let text = drafted(&[with(stor1(), alone), with(stor2(), alone)]);
    assert!(!separate(&text), "{text}");
    assert!(text.contains("choose: its two sides are not connected now"), "{text}");
    let both = |volume: &mut DrbdVolume| {
        alone(volume);
        volume.role = DrbdRole::Primary;
    };
    let text = drafted(&[with(stor2(), both), with(stor1(), both)]);
    assert!(text.contains("choose: it is primary on both servers now"), "{text}");
    let (_, slice) = loads(&text)
        .fleet
        .expect("a fleet")
        .slice("r0")
        .map(|(a, b)| (a.name.clone(), b.clone()))
        .expect("the slice");
    assert_eq!(slice.preferred.as_str(), "stor1", "where it is mounted: {text}");
}

#[test]
fn views_that_do_not_fit_join_nothing() {
    let changes: [fn(&mut DrbdVolume); 4] = [
        |volume| volume.peer_role = DrbdRole::Secondary,
        |volume| volume.role = DrbdRole::Primary,
        |volume| volume.connection = DrbdConnection::StandAlone,
        |volume| volume.minor = Some(1),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let text = drafted(&[stor1(), with(stor2(), change)]);
        assert!(separate(&text), "change {at}: {text}");
    }
    let named = |volume: &mut DrbdVolume| volume.peer = Some("stor9".into());
    let text = drafted(&[stor1(), with(stor2(), named)]);
    assert!(separate(&text), "{text}");
    assert!(
        text.contains("choose: its replica is on stor9, which was not looked at"),
        "{text}"
    );
}

#[test]
fn a_host_that_is_called_peer_is_a_peer_with_a_name() {
    let text = drafted(&[
        stor1(),
        stor2(),
        captured("peer", ["version: 8.4.11 (api:1)\n", "", "exists -\n", "", ""]),
    ]);
    assert!(
        text.contains("choose: its replica is on peer, which was not looked at"),
        "{text}"
    );
}
