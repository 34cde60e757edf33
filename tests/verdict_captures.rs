//! What real hosts printed in known states, judged as a fleet: exactly the findings that the state deserves.

#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

#[path = "support/captures.rs"]
mod captures;

use pointsman::{
    facts::{Assembler, Reach, SectionStatus, Snapshot, UnixMs},
    fleet::{self, Fleet},
    verdict::{Code, Finding, Memory, Observed, judge},
};
use std::{path::Path, sync::Arc};

const INVENTORY: &str = "
fleet: lab
feeds:
  a: {}
  b: {}
hosts:
  stor1: {address: 10.77.0.11, roles: [storage], feeds: [a]}
  stor2: {address: 10.77.0.12, roles: [storage], feeds: [b]}
  access1:
    address: 10.77.0.21
    roles: [access]
    mounts:
      - {slice: slice-a, at: /mnt/a}
segments:
  seg1:
    servers: [stor1, stor2]
    slices:
      slice-a:
        resource: r0
        device: /dev/drbd0
        mount_point: /srv/slice-a
        export:
          path: /srv/slice-a
          clients: [10.77.0.0/24]
          options: [rw, no_root_squash, fsid=1001]
        service_address: 10.77.0.101/24
        preferred: stor1
        standby: stor2
";

fn inventory() -> Fleet {
    let loaded = fleet::load(Path::new("lab.yaml"), INVENTORY, &|_| Err("no include".to_owned()));
    let text = fleet::diagnostic::render(&loaded.diagnostics);
    loaded.fleet.unwrap_or_else(|| panic!("{text}"))
}

fn snapshot(state: &str, host: &str, at: UnixMs) -> Option<Snapshot> {
    let texts = captures::sources(&format!("{state}/{host}"));
    (!texts.is_empty()).then(|| {
        let mut assembler = Assembler::new(&[]);
        assembler.without_mysql(at);
        let sections = texts
            .iter()
            .map(|(section, text)| (*section, &SectionStatus::Ok, text.as_slice()));
        assembler.apply(sections, at);
        assembler.snapshot(at, 900)
    })
}

/// Three polls of the fleet in that state; a host without captures was cut off.
fn judged(state: &str) -> Vec<Finding> {
    let fleet = inventory();
    let mut memory = Memory::new();
    let mut findings = Vec::new();
    for poll in 0..3 {
        let at = UnixMs(1_700_000_000_000 + poll * 2000);
        let hosts: Vec<Observed> = fleet
            .hosts
            .iter()
            .map(|host| match snapshot(state, host.name.as_str(), at) {
                Some(snapshot) => Observed {
                    reach: Some(Reach::Up { since: at }),
                    snapshot: Some(Arc::new(Snapshot {
                        polls: poll + 1,
                        ..snapshot
                    })),
                },
                None => Observed {
                    reach: Some(Reach::Unreachable {
                        since: at,
                        why: "no route to host".into(),
                        retries: 3,
                        next: at,
                    }),
                    snapshot: None,
                },
            })
            .collect();
        findings = judge(&fleet, &hosts, &mut memory, false, at);
    }
    findings
}

/// Findings as code, severity, subject and evidence. The captures lack some sections (links, statfs, uptime):
/// that these are not known yet is no finding while the host is new.
fn told(state: &str) -> Vec<String> {
    judged(state)
        .iter()
        .map(|f| format!("{} {} {}: {}", f.severity.word(), f.code, f.subject, f.evidence))
        .collect()
}

#[test]
fn a_healthy_pair_has_no_findings() {
    assert_eq!(told("healthy"), [""; 0]);
}

#[test]
fn a_rebuild_is_a_degraded_array_and_a_slice_away_and_no_more() {
    assert_eq!(
        told("md-rebuilding"),
        [
            "warning MdDegraded stor1 md0: raid5 has 2 of 3 members ([UU_])",
            "notice MdRebuilding stor1 md0: recovery 15.3 %, 1 m 6 s left at 1.1 MiB/s",
            "notice SliceAway slice-a: served by stor2, its preferred server is stor1",
        ]
    );
}

#[test]
fn a_planned_move_leaves_a_notice() {
    for state in ["moved", "resync"] {
        assert_eq!(
            told(state),
            ["notice SliceAway slice-a: served by stor2, its preferred server is stor1"],
            "{state}"
        );
    }
}

#[test]
fn a_partition_is_no_split_brain_and_the_unseen_side_is_unknown() {
    assert_eq!(
        told("partition"),
        [
            "unknown HostUnreachable stor1: no route to host; no answer so far",
            "warning DrbdDisconnected stor2 r0: WFConnection Primary/UpToDate, peer Unknown/DUnknown; not seen connected so far",
            "warning SliceUnreplicated slice-a: served by stor2 without a working replica: \
             stor2 WFConnection Primary/Unknown UpToDate/DUnknown; stor1 unreachable",
            "notice SliceAway slice-a: served by stor2, its preferred server is stor1",
        ]
    );
    let codes: Vec<Code> = judged("partition").iter().map(|finding| finding.code).collect();
    assert!(!codes.contains(&Code::DrbdSplitBrain) && !codes.contains(&Code::DrbdDualPrimary));
}
