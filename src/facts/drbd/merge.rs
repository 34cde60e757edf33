//! Puts the sources of DRBD together: `/proc/drbd`, `drbdsetup status` and `events2`.

use super::{DrbdProc, DrbdVolume};

/// Joins what the sources say. With 8.4 the state comes from `/proc/drbd` (read at every poll, and
/// never waiting) and the names from the status, matched by minor; with 9 the state comes from the
/// status, or from events where that is missing. Whether a node may be promoted is in events alone.
#[must_use]
pub fn merge(proc: Option<&DrbdProc>, status: Option<&[DrbdVolume]>, events: Option<&[DrbdVolume]>) -> Vec<DrbdVolume> {
    let named = status.or(events).unwrap_or_default();
    let mut volumes = match proc {
        Some(proc) if proc.tells_state() => proc.volumes.iter().map(|volume| name(volume, named)).collect(),
        _ => named.to_vec(),
    };
    for volume in &mut volumes {
        if let Some(proc) = proc {
            volume.version = Some(proc.version.clone());
        }
        if volume.may_promote.is_none() && volume.resource.is_some() {
            volume.may_promote = events
                .unwrap_or_default()
                .iter()
                .find(|event| event.resource == volume.resource)
                .and_then(|event| event.may_promote);
        }
    }
    volumes
}

fn name(volume: &DrbdVolume, named: &[DrbdVolume]) -> DrbdVolume {
    let mut volume = volume.clone();
    if let Some(found) = named.iter().find(|found| found.minor == volume.minor) {
        volume.resource.clone_from(&found.resource);
        volume.volume = found.volume;
        volume.peer.clone_from(&found.peer);
        volume.size_kib = found.size_kib;
    }
    volume
}

#[cfg(test)]
mod tests {
    use super::super::{DrbdConnection, DrbdDisk, DrbdRole, parse_events, parse_json, parse_proc_drbd, parse_status};
    use super::*;
    use proptest::prelude::*;

    const JSON: &str = include_str!("../../../tests/captures/forms/drbd9-status.json");
    const EVENTS: &str = include_str!("../../../tests/captures/forms/drbd9-events2");
    const WRAPPED: &str = "r0 role:Primary suspended:no-data\n    write-ordering:flush\n  volume:0 minor:0 disk:UpToDate\n      \
        size:192512 read:193910 upper-pending:0\n      lower-pending:0 al-suspended:no blocked:no\n  \
        peer connection:Connected role:Secondary congested:no\n    volume:0 replication:SyncSource peer-disk:Inconsistent\n        \
        done:12.50 resync-suspended:no\n        received:0 sent:195306 out-of-sync:168448 pending:1\n        unacked:2\n\n\
        r1 role:Secondary suspended:no\n  volume:0 minor:1 disk:Diskless\n";

    #[test]
    fn wrapped_status_of_84() {
        let volumes = parse_status(WRAPPED).unwrap();
        assert_eq!(volumes.len(), 2);
        let first = &volumes[0];
        assert_eq!(
            (first.resource.as_deref(), first.minor, first.peer.as_deref()),
            (Some("r0"), Some(0), Some("peer"))
        );
        assert_eq!(
            (&first.connection, &first.peer_disk),
            (&DrbdConnection::SyncSource, &DrbdDisk::Inconsistent)
        );
        assert_eq!(
            (first.out_of_sync_kib, first.pending, first.unacked),
            (Some(168_448), Some(1), Some(2))
        );
        assert_eq!(first.sync.as_ref().unwrap().percent, Some(12.5));
        assert_eq!(
            (first.suspended.as_deref(), first.size_kib),
            (Some("no-data"), Some(192_512))
        );
        assert!(
            !volumes[1].connection.is_connected(),
            "a resource without a peer is not connected"
        );
        assert!(parse_status("could not connect to 'drbd' generic netlink family").is_err());
        assert_eq!(parse_status("# No currently configured DRBD found.\n").unwrap(), []);
    }

    #[test]
    fn json_of_9_with_several_peers_and_volumes() {
        let volumes = parse_status(JSON).unwrap();
        let lines: Vec<_> = volumes
            .iter()
            .map(|v| {
                format!(
                    "{}/{} {} {} {} {} {}",
                    v.resource.as_deref().unwrap(),
                    v.volume,
                    v.peer.as_deref().unwrap_or("-"),
                    v.connection,
                    v.peer_role,
                    v.disk,
                    v.peer_disk
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "r/0 B Established Secondary UpToDate UpToDate",
                "r/0 C Connecting Unknown UpToDate DUnknown",
                "r/1 B SyncSource Secondary UpToDate Inconsistent",
                "r/1 C Connecting Unknown UpToDate DUnknown",
                "lone/0 - no peer Unknown Outdated DUnknown",
            ]
        );
        let sync = volumes[2].sync.as_ref().unwrap();
        assert_eq!(
            (sync.percent, sync.left_seconds, sync.speed_kib_per_second),
            (Some(41.25), Some(95), Some(10 * 1024))
        );
        assert_eq!(volumes[0].quorum, Some(true));
        assert_eq!(volumes[4].suspended.as_deref(), Some("quorum"));
        assert_eq!(volumes[0].role, DrbdRole::Primary);
        assert_eq!(volumes[0].sync, None);
    }

    #[test]
    fn events_add_may_promote() {
        let status = parse_json(JSON).unwrap();
        let events = parse_events(EVENTS).unwrap();
        let proc = parse_proc_drbd("version: 9.1.7 (api:2/proto:110-121)\n").unwrap();
        let volumes = merge(Some(&proc), Some(&status), Some(&events));
        assert_eq!(
            (volumes[0].may_promote, volumes[4].may_promote),
            (Some(false), Some(true))
        );
        assert_eq!(volumes[0].version.as_deref(), Some("9.1.7"));
        assert_eq!(events.len(), 5);
        let alone = merge(Some(&proc), None, Some(&events));
        assert_eq!(
            (&alone[2].connection, &alone[2].peer_disk),
            (&DrbdConnection::SyncSource, &DrbdDisk::Inconsistent)
        );
        assert_eq!(alone[2].peer.as_deref(), Some("B"));
        assert!(
            parse_events("exists resource name:r role:Primary").is_err(),
            "no end of the dump"
        );
    }

    #[test]
    fn proc_is_named_by_minor() {
        let proc = parse_proc_drbd("version: 8.4.11 (api:1)\n 0: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C r-----\n 7: cs:Unconfigured\n").unwrap();
        let volumes = merge(Some(&proc), Some(&parse_status(WRAPPED).unwrap()), None);
        assert_eq!(volumes[0].resource.as_deref(), Some("r0"));
        assert_eq!(
            volumes[0].connection,
            DrbdConnection::WfConnection,
            "the state of /proc, not of the older status"
        );
        assert_eq!(
            (volumes[0].peer.as_deref(), volumes[0].size_kib),
            (Some("peer"), Some(192_512))
        );
        assert_eq!(volumes[1].resource, None);
        assert_eq!(merge(Some(&proc), None, None)[0].resource, None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "(r0 | role:|  volume:0|    volume:0|  peer|connection:|exists |-|Primary|name:r0|peer-node-id:|\n|device|peer-device|resource|[\\[\\]{}\",:]){0,40}") {
            for text in [&text, &words] {
                let _ = (parse_status(text), parse_events(text), parse_events(&format!("{text}\nexists -")), parse_json(text));
            }
        }

        #[test]
        fn a_cut_status_never_invents_a_good_state(cut in 0..WRAPPED.len(), json in 0..JSON.trim_end().len(), events in 0..EVENTS.trim_end().len()) {
            for (cut, full) in parse_status(&WRAPPED[..cut]).unwrap_or_default().iter().zip(&parse_status(WRAPPED).unwrap()) {
                prop_assert!(!cut.connection.is_connected() || cut.connection == full.connection);
                prop_assert!(cut.disk != DrbdDisk::UpToDate || full.disk == DrbdDisk::UpToDate);
                prop_assert!(cut.peer_disk != DrbdDisk::UpToDate || full.peer_disk == DrbdDisk::UpToDate);
            }
            prop_assert!(parse_json(&JSON[..json]).is_err());
            prop_assert!(parse_events(&EVENTS[..events]).is_err());
        }
    }
}
