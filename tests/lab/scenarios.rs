//! The scenarios: faults of `tests/lab/fault`, and what must be said of each.

#![allow(
    clippy::too_many_lines,
    clippy::duration_suboptimal_units,
    reason = "tables, in seconds throughout"
)]

use crate::scenario::{Expected, Lane, Scenario, Tier};
use serde_json::Value;
use std::time::Duration;

/// All scenarios, those of a lane in the order in which they are run.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    // What keeps clients waiting longest comes first: slowness, at the end, is judged by their past.
    all.extend(clients());
    all.extend(replication());
    all.extend(disks());
    all.extend(databases());
    all.extend(galera());
    all.extend(others());
    all.extend(slow());
    // Last: by then there is a past to compare with.
    all.extend(semi_failed());
    all
}

/// A scenario with the usual patience and one finding.
fn scenario(
    lane: Lane,
    name: &'static str,
    faults: &'static [&'static [&'static str]],
    raises: impl Into<Vec<Expected>>,
) -> Scenario {
    Scenario {
        name,
        lane,
        faults,
        raises: raises.into(),
        beside: &[],
        shows_within: Duration::from_secs(3),
        heals_within: Duration::from_secs(30),
        check: None,
        needs_past: false,
        busy: None,
    }
}

const fn expect(severity: &'static str, code: &'static str, subject: &'static str) -> Expected {
    Expected {
        code,
        subject,
        severity,
        tier: Tier::Fast,
        or: None,
    }
}

fn databases() -> Vec<Scenario> {
    let lane = Lane::Databases;
    vec![
        Scenario {
            beside: &["ReplicationLag"],
            ..scenario(
                lane,
                "sql thread stopped",
                &[&["stop-replication", "db2", "sql"]],
                [expect("warning", "ReplicationStopped", "db2")],
            )
        },
        Scenario {
            beside: &["ReplicationLag", "ReplicationStopped"],
            ..scenario(
                lane,
                "duplicate key",
                &[&["break-replication", "db2", "duplicate"]],
                [expect("critical", "ReplicationError", "db2")],
            )
        },
        Scenario {
            beside: &["ReplicationLag", "ReplicationStopped"],
            ..scenario(
                lane,
                "missing row",
                &[&["break-replication", "db3", "missing"]],
                [expect("critical", "ReplicationError", "db3")],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(9),
            ..scenario(
                lane,
                "replica lags",
                &[&["lag", "db3"]],
                [expect("warning", "ReplicationLag", "db3")],
            )
        },
        // In strict mode the replica stops at the source's next transaction as well; then it is made anew.
        Scenario {
            beside: &[
                "ReplicationError",
                "ReplicationStopped",
                "ReplicationLag",
                "MysqlDown",
                "ReadingFailed",
            ],
            ..scenario(
                lane,
                "errant transaction",
                &[&["errant", "db2"]],
                [expect("warning", "ErrantTransactions", "db2")],
            )
        },
        Scenario {
            beside: &["TwoSources"],
            ..scenario(
                lane,
                "replica writable",
                &[&["replica-writable", "db2"]],
                [expect("warning", "ReplicaWritable", "db2")],
            )
        },
        Scenario {
            beside: &["ErrantTransactions", "ReplicationStopped", "WrongSource", "SemiSyncOff"],
            ..scenario(
                lane,
                "two sources",
                &[&["second-source", "db3"]],
                [expect("critical", "TwoSources", "shop")],
            )
        },
        scenario(
            lane,
            "no source",
            &[&["no-source"]],
            [expect("critical", "NoSource", "shop")],
        ),
        Scenario {
            // The limit of the lab's replicas is 5 s.
            shows_within: Duration::from_secs(8),
            ..scenario(
                lane,
                "nobody writes the heartbeat",
                &[&["stop-writer"]],
                [expect("warning", "HeartbeatStopped", "db1")],
            )
        },
        Scenario {
            // A write waits for the replicas until the source gives up, and the heartbeat with it.
            beside: &["ReplicationStopped", "ReplicationLag", "HeartbeatStopped"],
            shows_within: Duration::from_secs(15),
            ..scenario(
                lane,
                "semi-sync lost",
                &[&["semi-sync-lost"]],
                [expect("warning", "SemiSyncOff", "db1")],
            )
        },
        Scenario {
            beside: &[
                "SourceUnseen",
                "NoSource",
                "ReplicationStopped",
                "ReplicationError",
                "ReplicationLag",
                "HeartbeatStopped",
            ],
            ..scenario(
                lane,
                "source killed",
                &[&["kill-database", "db1"]],
                [expect("critical", "MysqlDown", "db1")],
            )
        },
        Scenario {
            beside: &[
                "SourceUnseen",
                "NoSource",
                "ReplicationStopped",
                "ReplicationError",
                "ReplicationLag",
                "HeartbeatStopped",
            ],
            shows_within: Duration::from_secs(8),
            ..scenario(
                lane,
                "source hangs",
                &[&["pause-database", "db1"]],
                [expect("critical", "MysqlDown", "db1")],
            )
        },
        scenario(
            lane,
            "connections used up",
            &[&["connections", "db3", "all"]],
            [expect("", "ConnectionsHigh", "db3")],
        ),
        // The one that is kept for an administrator is left.
        scenario(
            lane,
            "connections nearly used up",
            &[&["connections", "db2"]],
            [expect("", "ConnectionsHigh", "db2")],
        ),
        scenario(
            lane,
            "replica ended in good order",
            &[&["end-database", "db2"]],
            [expect("critical", "MysqlDown", "db2")],
        ),
        Scenario {
            beside: &["ReplicationStopped", "ReplicationError", "ReplicationLag"],
            ..scenario(
                lane,
                "wrong source",
                &[&["wrong-source", "db3"]],
                [expect("warning", "WrongSource", "db3")],
            )
        },
    ]
}

fn galera() -> Vec<Scenario> {
    let lane = Lane::Galera;
    vec![
        Scenario {
            shows_within: Duration::from_secs(12),
            beside: &["GaleraDegraded"],
            ..scenario(
                lane,
                "member cut off",
                &[&["galera-cut", "gal3"]],
                [expect("critical", "GaleraNonPrimary", "gal3")],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(15),
            beside: &["GaleraDegraded", "MysqlDown"],
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "remainder without primary",
                &[&["galera-remainder", "gal1"]],
                [
                    expect("critical", "GaleraNonPrimary", "gal1"),
                    expect("critical", "MysqlDown", "gal2"),
                ],
            )
        },
        scenario(
            lane,
            "member desynced",
            &[&["galera-desync", "gal2"]],
            [expect("warning", "GaleraDegraded", "gal2")],
        ),
        // Through a wire that is narrow, so that there is something to see.
        Scenario {
            beside: &["MysqlDown", "GaleraNonPrimary"],
            // The member begins empty, and asks for its state only then.
            shows_within: Duration::from_secs(30),
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "state transfer",
                &[&["galera-empty", "gal3"], &["narrow", "gal1", "1mbit"]],
                [expect("warning", "GaleraDegraded", "gal1")],
            )
        },
    ]
}

fn others() -> Vec<Scenario> {
    let lane = Lane::Others;
    let medium = |severity, code, subject| Expected {
        tier: Tier::Medium,
        ..expect(severity, code, subject)
    };
    vec![
        scenario(
            lane,
            "pool degraded",
            &[&["pool-degraded"]],
            [medium("warning", "PoolDegraded", "zfs1 tank")],
        ),
        scenario(
            lane,
            "pool resilvering",
            &[&["pool-resilvering"]],
            [medium("notice", "PoolResilvering", "zfs1 tank")],
        ),
        scenario(
            lane,
            "pool checksum errors",
            &[&["pool-checksums"]],
            [medium("warning", "PoolErrors", "zfs1 tank")],
        ),
        scenario(
            lane,
            "pool missing",
            &[&["pool-missing"]],
            [medium("critical", "PoolMissing", "zfs1 tank")],
        ),
        // The daemon ends and begins again, twice; each time it has no pool until it has imported one.
        Scenario {
            beside: &["ReadingFailed", "PoolMissing"],
            ..scenario(
                lane,
                "pool faulted",
                &[&["pool-faulted"]],
                [medium("critical", "PoolFaulted", "zfs1 tank")],
            )
        },
        Scenario {
            // When it is back it has no pool until it has imported one.
            beside: &["PoolMissing"],
            ..scenario(
                lane,
                "zfs daemon gone",
                &[&["zfs-gone"]],
                [medium("unknown", "ReadingFailed", "zfs1")],
            )
        },
        Scenario {
            beside: &["HostStale", "HostUnreachable"],
            // A lost connection is not found at once, and made again after a while.
            shows_within: Duration::from_secs(40),
            needs_past: true,
            ..scenario(
                lane,
                "host rebooted",
                &[&["restart", "backup1"]],
                [expect("", "Rebooted", "backup1")],
            )
        },
        scenario(
            lane,
            "link without a carrier",
            &[&["lose-carrier", "backup1"]],
            [medium("warning", "LinkErrors", "backup1 second")],
        ),
        scenario(
            lane,
            "no inodes left",
            &[&["use-inodes", "backup1"]],
            [medium("critical", "InodesFull", "backup1 /srv/small")],
        ),
        scenario(
            lane,
            "reading denied to an ordinary user",
            &[&["deny-reading"]],
            [medium("notice", "ReadingDenied", "backup1")],
        ),
        Scenario {
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "host off the network",
                &[&["cut-host", "backup1"]],
                [expect("unknown", "HostStale", "backup1")],
            )
        },
        Scenario {
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "host frozen",
                &[&["freeze", "backup1"]],
                [expect("unknown", "HostStale", "backup1")],
            )
        },
        scenario(
            lane,
            "site link down",
            &[&["vpn-down"]],
            [expect("unknown", "HostStale", "far1")],
        ),
    ]
}

/// What takes many minutes beside all the others.
fn slow() -> Vec<Scenario> {
    vec![Scenario {
        // Six samples, two minutes apart, make a slope.
        shows_within: Duration::from_secs(680),
        needs_past: true,
        ..scenario(
            Lane::Slow,
            "file system filling",
            &[&["fill-steadily", "vpn1"]],
            [Expected {
                tier: Tier::Medium,
                ..expect("", "DiskFilling", "vpn1 /srv/filling")
            }],
        )
    }]
}

/// One that is slow and one that is merely busy, as the detector sees them; it takes a past of some minutes.
fn semi_failed() -> Vec<Scenario> {
    let lane = Lane::Storage;
    let patient = |scenario| Scenario {
        shows_within: Duration::from_secs(120),
        // By the detector's rules: thirty bins of some 8 s until a disk that came and went is trusted again, and up to sixteen
        // more for which an alarm is held that was raised before.
        heals_within: Duration::from_secs(46 * 8),
        needs_past: true,
        ..scenario
    };
    vec![
        Scenario {
            beside: &["NfsSlow"],
            ..patient(scenario(
                lane,
                "link of a server slow",
                &[&["delay", "stor1", "60"]],
                [expect("critical", "SemiFailed", "stor1")],
            ))
        },
        Scenario {
            beside: &["DiskSlow", "NfsSlow", "Stalled"],
            ..patient(scenario(
                lane,
                "disk slow by dm-delay",
                &[&["delay-disk", "stor2", "1", "60"]],
                // Polls at eight times its peers are a stall: 60 ms a request are, where the peers take less than 7 ms.
                [Expected {
                    or: Some(("Stalled", "stor2 dm-1")),
                    ..expect("", "SemiFailed", "stor2")
                }],
            ))
        },
        Scenario {
            beside: &["DiskSlow", "NfsSlow", "Overloaded", "CpuSteal"],
            busy: Some("stor1"),
            ..patient(scenario(lane, "server merely busy", &[&["busy", "stor1"]], []))
        },
    ]
}

fn disks() -> Vec<Scenario> {
    let lane = Lane::Storage;
    vec![
        Scenario {
            beside: &["MdDegraded", "MdRebuilding"],
            ..scenario(
                lane,
                "disk failed",
                &[&["fail-disk", "stor2", "1"]],
                [expect("warning", "MdFailedMember", "stor2 md0")],
            )
        },
        Scenario {
            beside: &["MdDegraded"],
            ..scenario(
                lane,
                "array not started",
                &[&["half-array", "stor2"]],
                [expect("critical", "MdInactive", "stor2 md9")],
            )
        },
        Scenario {
            beside: &["MdDegraded", "MdFailedMember"],
            check: Some(rebuilding),
            ..scenario(
                lane,
                "rebuilding at a few percent",
                &[&["hold-rebuild", "stor2", "2", "200"]],
                [
                    expect("warning", "MdDegraded", "stor2 md0"),
                    expect("notice", "MdRebuilding", "stor2 md0"),
                ],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(12),
            ..scenario(
                lane,
                "check running with mismatches",
                &[&["mismatch", "stor2"]],
                [
                    expect("notice", "MdChecking", "stor2 md0"),
                    expect("warning", "MdMismatches", "stor2 md0"),
                ],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(15),
            beside: &["DiskSlow", "NfsSlow"],
            ..scenario(
                lane,
                "slow disk",
                &[&["slow-disk", "stor1", "1"]],
                [expect("warning", "DiskSlow", "stor1 vdb")],
            )
        },
        Scenario {
            ..scenario(
                lane,
                "slice full",
                &[&["fill-slice", "slice-b"]],
                [Expected {
                    tier: Tier::Medium,
                    ..expect("critical", "DiskFull", "stor2 /srv/slice-b")
                }],
            )
        },
        Scenario {
            beside: &["MountFailing", "NfsSlow"],
            ..scenario(
                lane,
                "filesystem read-only",
                &[&["read-only-slice", "slice-b"]],
                [expect("critical", "FilesystemReadOnly", "stor2 /srv/slice-b")],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(10),
            // It is closed to be checked, and opened again.
            beside: &[
                "MountFailing",
                "MountStale",
                "FilesystemReadOnly",
                "SliceNotMounted",
                "ExportMissing",
                "ServiceAddressWrong",
            ],
            ..scenario(
                lane,
                "filesystem error, still called writable",
                &[&["fs-error", "slice-b"]],
                [Expected {
                    tier: Tier::Medium,
                    ..expect("critical", "FilesystemError", "stor2 /srv/slice-b")
                }],
            )
        },
        Scenario {
            // A starved console does not take back what it says of clocks.
            heals_within: Duration::from_secs(120),
            ..scenario(
                lane,
                "clock skewed",
                &[&["skew-clock", "stor2", "90"]],
                [expect("warning", "ClockSkew", "stor2")],
            )
        },
    ]
}

fn replication() -> Vec<Scenario> {
    let lane = Lane::Storage;
    vec![
        Scenario {
            beside: &["SliceUnreplicated", "DrbdDisconnected"],
            ..scenario(
                lane,
                "drbd disconnected",
                &[&["drbd-disconnect", "slice-a"]],
                [expect("critical", "DrbdStandAlone", "stor1 slice-a")],
            )
        },
        Scenario {
            beside: &["SliceUnreplicated", "DrbdDisconnected", "DrbdStandAlone"],
            ..scenario(
                lane,
                "standby marked outdated",
                &[&["drbd-outdate", "slice-a"]],
                [expect("warning", "DrbdOutdated", "stor2 slice-a")],
            )
        },
        Scenario {
            beside: &[
                "SliceUnreplicated",
                "DrbdStandAlone",
                "DrbdDisconnected",
                "DrbdDisagreement",
                // It is made by writing on both sides, and a poll may come just then.
                "DrbdDualPrimary",
            ],
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "split brain seen from both sides",
                &[&["split-brain", "slice-a"]],
                [expect("critical", "DrbdSplitBrain", "slice-a")],
            )
        },
        Scenario {
            beside: &["SliceUnreplicated"],
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "resync under way",
                &[&["slow-resync", "slice-b"]],
                [
                    expect("warning", "DrbdInconsistent", "stor1 slice-b"),
                    expect("notice", "DrbdResyncing", "stor2 slice-b"),
                ],
            )
        },
        Scenario {
            beside: &["SliceUnreplicated", "DrbdDisconnected"],
            ..scenario(
                lane,
                "backing disk detached",
                &[&["drbd-detach", "slice-a"]],
                [expect("critical", "DrbdDiskless", "stor1 slice-a")],
            )
        },
        Scenario {
            beside: &["MountHung", "NfsSlow", "SliceDown"],
            ..scenario(
                lane,
                "replication suspended",
                &[&["drbd-pause", "slice-b"]],
                [expect("critical", "DrbdSuspended", "stor2 slice-b")],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(15),
            beside: &["SliceUnreplicated"],
            ..scenario(
                lane,
                "link between the servers cut",
                &[&["cut-link", "stor1", "stor2"]],
                [
                    expect("warning", "DrbdDisconnected", "stor1 slice-a"),
                    expect("warning", "DrbdDisconnected", "stor2 slice-b"),
                ],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(20),
            heals_within: Duration::from_secs(90),
            beside: &[
                "SliceUnreplicated",
                "SliceUnseen",
                "SliceDown",
                "MountHung",
                "DrbdDisconnected",
                "HostUnreachable",
                "NfsSlow",
            ],
            check: Some(stor2_is_unknown),
            ..scenario(
                lane,
                "storage server off the network",
                &[&["cut-host", "stor2"]],
                [
                    expect("unknown", "HostStale", "stor2"),
                    expect("warning", "DrbdDisconnected", "stor1 slice-a"),
                    expect("critical", "MountHung", "access1 /mnt/slice-b"),
                ],
            )
        },
        Scenario {
            beside: &["SliceUnseen"],
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "console cut off from a server",
                &[&["cut-link", "stor1", "console"]],
                [expect("unknown", "HostStale", "stor1")],
            )
        },
        Scenario {
            // On a busy machine the move takes longer than clients may wait and two polls: then it is told.
            beside: &["MountHung", "SliceNotMounted"],
            ..scenario(
                lane,
                "slice away from home",
                &[&["move-slice", "slice-a"]],
                [expect("notice", "SliceAway", "slice-a")],
            )
        },
    ]
}

fn clients() -> Vec<Scenario> {
    let lane = Lane::Storage;
    vec![
        Scenario {
            beside: &["MountStale", "MountFailing", "MountHung", "SliceDown", "NfsRetransmits"],
            ..scenario(
                lane,
                "export gone",
                &[&["unexport", "slice-b"]],
                [Expected {
                    tier: Tier::Medium,
                    ..expect("critical", "ExportMissing", "slice-b")
                }],
            )
        },
        Scenario {
            // The export has another number than the inventory says, and some calls are refused meanwhile.
            beside: &["ExportMissing", "MountFailing", "NfsRetransmits"],
            shows_within: Duration::from_secs(10),
            ..scenario(
                lane,
                "stale handle",
                &[&["stale-handle", "slice-b"]],
                [expect("critical", "MountStale", "access1 /mnt/slice-b")],
            )
        },
        Scenario {
            // Between the one mount and the other there is none.
            beside: &["MountMissing"],
            ..scenario(
                lane,
                "mounted from another address",
                &[&["mount-elsewhere", "access2", "slice-a"]],
                [expect("warning", "MountWrongSource", "access2 /mnt/slice-a")],
            )
        },
        scenario(
            lane,
            "mount missing",
            &[&["unmount", "access2", "slice-a"]],
            [expect("critical", "MountMissing", "access2 /mnt/slice-a")],
        ),
        Scenario {
            shows_within: Duration::from_secs(15),
            beside: &["NfsSlow", "SliceDown"],
            ..scenario(
                lane,
                "hung statfs",
                &[&["hang-nfsd", "stor1"]],
                [expect("critical", "MountHung", "access1 /mnt/slice-a")],
            )
        },
        Scenario {
            beside: &["MountHung", "SliceDown", "NfsSlow", "MountFailing"],
            ..scenario(
                lane,
                "nfsd stopped",
                &[&["stop-nfsd", "stor2"]],
                [expect("critical", "NfsServerDown", "stor2")],
            )
        },
        Scenario {
            beside: &["MountHung", "SliceDown", "NfsSlow"],
            ..scenario(
                lane,
                "service address gone",
                &[&["no-address", "slice-a"]],
                [Expected {
                    tier: Tier::Medium,
                    ..expect("critical", "ServiceAddressWrong", "slice-a")
                }],
            )
        },
        Scenario {
            beside: &["MountHung", "MountStale", "NfsSlow", "SliceDown"],
            ..scenario(
                lane,
                "service address on both sides",
                &[&["dual-address", "slice-a"]],
                [Expected {
                    tier: Tier::Medium,
                    ..expect("critical", "ServiceAddressWrong", "slice-a")
                }],
            )
        },
        Scenario {
            shows_within: Duration::from_secs(20),
            heals_within: Duration::from_secs(120),
            beside: &[
                "SliceUnreplicated",
                "SliceUnseen",
                "SliceDown",
                "MountHung",
                "DrbdDisconnected",
                "HostUnreachable",
                "NfsSlow",
                "Rebooted",
                "SliceAway",
                "DrbdInconsistent",
                "DrbdNoPrimary",
                "ExportMissing",
                "SliceNotMounted",
                "ServiceAddressWrong",
                "NfsServerDown",
                "NfsRetransmits",
                "MountStale",
                "MountFailing",
                "ReadingHung",
                "HostStale",
            ],
            ..scenario(
                lane,
                "primary killed, clients in state D",
                &[&["kill-host", "stor1"]],
                [
                    expect("unknown", "HostStale", "stor1"),
                    expect("critical", "MountHung", "access1 /mnt/slice-a"),
                ],
            )
        },
        Scenario {
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "client paused",
                &[&["pause-host", "access2"]],
                [expect("unknown", "HostStale", "access2")],
            )
        },
    ]
}

fn host<'a>(status: &'a Value, name: &str) -> Result<&'a Value, String> {
    let hosts = status["hosts"].as_array().ok_or("the status has no hosts")?;
    hosts
        .iter()
        .find(|host| host["name"] == name)
        .ok_or_else(|| format!("the status has no host {name}"))
}

fn rebuilding(status: &Value) -> Result<(), String> {
    let raid = &host(status, "stor2")?["raid"][0];
    let percent = raid["sync"]["percent"].as_f64();
    if raid["sync"]["action"] == "recovery" && percent.is_some_and(|percent| percent < 50.0) && raid["active"] == 2 {
        return Ok(());
    }
    Err(format!("the rebuild is shown as {raid}"))
}

fn stor2_is_unknown(status: &Value) -> Result<(), String> {
    let stor2 = host(status, "stor2")?;
    if stor2["state"] == "unknown" && stor2["reachable"] == false {
        return Ok(());
    }
    Err(format!(
        "stor2 is shown as {} (reachable: {})",
        stor2["state"], stor2["reachable"]
    ))
}
