//! The scenarios: faults of `tests/lab/fault`, and what must be said of each.

use crate::scenario::{Expected, Lane, Scenario, Tier};
use std::time::Duration;

/// All scenarios, those of a lane in the order in which they are run.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(databases());
    all.extend(galera());
    all.extend(others());
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
    }
}

const fn expect(severity: &'static str, code: &'static str, subject: &'static str) -> Expected {
    Expected {
        code,
        subject,
        severity,
        tier: Tier::Fast,
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
                [expect("critical", "ReplicationStopped", "db2")],
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
        scenario(
            lane,
            "errant transaction",
            &[&["errant", "db2"]],
            [expect("warning", "ErrantTransactions", "db2")],
        ),
        scenario(
            lane,
            "replica writable",
            &[&["replica-writable", "db2"]],
            [expect("warning", "ReplicaWritable", "db2")],
        ),
        Scenario {
            beside: &["ErrantTransactions", "ReplicationStopped", "WrongSource"],
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
            ],
            shows_within: Duration::from_secs(8),
            ..scenario(
                lane,
                "source hangs",
                &[&["pause-database", "db1"]],
                [expect("unknown", "ReadingHung", "db1 mysql")],
            )
        },
        scenario(
            lane,
            "connections used up",
            &[&["connections", "db3"]],
            [expect("", "ConnectionsHigh", "db3")],
        ),
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
            [expect("warning", "GaleraDegraded", "ledger")],
        ),
    ]
}

fn others() -> Vec<Scenario> {
    let lane = Lane::Others;
    let medium = |severity, code, subject| Expected {
        tier: Tier::Medium,
        ..expect(severity, code, subject)
    };
    let _ = medium;
    vec![
        scenario(
            lane,
            "pool degraded",
            &[&["pool-degraded"]],
            [Expected {
                tier: Tier::Medium,
                ..expect("critical", "PoolDegraded", "zfs1 tank")
            }],
        ),
        scenario(
            lane,
            "pool resilvering",
            &[&["pool-resilvering"]],
            [Expected {
                tier: Tier::Medium,
                ..expect("notice", "PoolResilvering", "zfs1 tank")
            }],
        ),
        scenario(
            lane,
            "pool checksum errors",
            &[&["pool-checksums"]],
            [Expected {
                tier: Tier::Medium,
                ..expect("warning", "PoolErrors", "zfs1 tank")
            }],
        ),
        Scenario {
            heals_within: Duration::from_secs(60),
            ..scenario(
                lane,
                "host off the network",
                &[&["unplug", "backup1"]],
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
