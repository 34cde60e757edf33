//! Cases of MySQL and Galera.

#[allow(unused_imports, reason = "one list for every table")]
use super::*;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    use Code as K;
    use Severity::{Critical, Notice, Unknown, Warning};
    vec![
        case(
            K::MysqlDown,
            Critical,
            |w| {
                w.edit("db2", |s| {
                    s.mysql = Reading::unknown(
                        Why::Failed("ERROR 2002 (HY000): Can't connect to local server through socket".into()),
                        s.at,
                    );
                });
            },
            |w| {
                w.edit("db2", |s| {
                    s.mysql = Reading::unknown(Why::Failed("ERROR 1040 (HY000): Too many connections".into()), s.at);
                });
            },
        ),
        case(
            K::ReplicationStopped,
            Warning,
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].sql_running = ReplicaThread::No));
            },
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.channels[0].sql_running = ReplicaThread::No;
                        m.channels[0].sql_error = Some("1062 Duplicate entry".into());
                    });
                });
            },
        ),
        case(
            K::ReplicationError,
            Critical,
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.channels[0].sql_running = ReplicaThread::No;
                        m.channels[0].sql_error = Some("1062 Duplicate entry".into());
                    });
                });
            },
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].sql_running = ReplicaThread::No));
            },
        ),
        case(
            K::ReplicationLag,
            Warning,
            |w| {
                w.edit("db2", |s| db(s, |m| m.heartbeat_lag_seconds = Some(30.0)));
            },
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.heartbeat_lag_seconds = Some(0.4);
                        m.channels[0].seconds_behind = Some(30);
                    });
                });
            },
        ),
        case(
            K::ReplicationLag,
            Critical,
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].seconds_behind = Some(300)));
            },
            |w| {
                w.edit("db2", |s| db(s, |m| m.channels[0].seconds_behind = Some(9)));
            },
        ),
        case(
            K::HeartbeatStopped,
            Warning,
            |w| beats(w, 40.0, 40.5, 0),
            // Behind, but written.
            |w| beats(w, 0.5, 40.5, 40),
        ),
        // After a switch-over that the writer has not followed.
        case(
            K::HeartbeatStopped,
            Warning,
            |w| {
                w.edit("db1", |s| db(s, |m| m.heartbeat_lag_seconds = Some(40.0)));
            },
            // A read-only source is not to be written: NoSource says so.
            |w| {
                beats(w, 40.0, 40.5, 0);
                w.edit("db1", |s| db(s, |m| m.read_only = Some(true)));
            },
        ),
        // Replicas that have the newest beat there is are not behind by it.
        case(
            K::ReplicationLag,
            Warning,
            |w| beats(w, 40.0, 60.0, 0),
            |w| beats(w, 40.0, 42.0, 0),
        ),
        case(
            K::ReplicationLag,
            Warning,
            |w| beats(w, 40.0, 42.0, 20),
            |w| {
                beats(w, 40.0, 40.5, 0);
                w.edit("db1", |s| db(s, |m| m.read_only = Some(true)));
            },
        ),
        case(
            K::TwoSources,
            Critical,
            |w| {
                w.edit("db2", |s| db(s, |m| m.read_only = Some(false)));
            },
            |w| {
                w.edit("db2", |s| db(s, |m| m.read_only = None));
            },
        ),
        case(
            K::TwoSources,
            Critical,
            |w| {
                w.edit("g3", |s| {
                    db(s, |m| m.galera.as_mut().expect("galera").state_uuid = "bbbb".into());
                });
            },
            |_| {},
        ),
        case(
            K::NoSource,
            Critical,
            |w| {
                w.edit("db1", |s| db(s, |m| m.read_only = Some(true)));
            },
            |w| {
                w.edit("db1", |s| db(s, |m| m.read_only = None));
            },
        ),
        case(
            K::SourceUnseen,
            Critical,
            |w| {
                lost_source(w);
                w.lose("db1");
                w.wait(6);
            },
            lost_source,
        ),
        case(
            K::SourceUnseen,
            Unknown,
            |w| {
                w.polls(2);
                w.lose("db1");
                w.wait(6);
            },
            |w| {
                w.polls(2);
                w.lose("db2");
                w.wait(6);
            },
        ),
        case(
            K::SourceAway,
            Notice,
            |w| *w = World::with(|p| p.2[0].preferred_source = Some("db2".into())),
            |w| *w = World::with(|p| p.2[0].preferred_source = None),
        ),
        case(
            K::ReplicaWritable,
            Warning,
            |w| {
                w.edit("db2", |s| db(s, |m| m.read_only = Some(false)));
            },
            |w| {
                w.edit("db1", |s| db(s, |m| m.read_only = Some(true)));
                w.edit("db2", |s| db(s, |m| m.read_only = Some(false)));
            },
        ),
        case(
            K::ErrantTransactions,
            Warning,
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.gtid_executed = Some(
                            format!(
                                "{}:1-1000,{}:1-3",
                                crate::verdict::tests::world::UUIDS[0],
                                crate::verdict::tests::world::UUIDS[1]
                            )
                            .into(),
                        );
                    });
                });
            },
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.gtid_executed = Some(format!("{}:1-990", crate::verdict::tests::world::UUIDS[0]).into());
                    });
                });
            },
        ),
        case(
            K::WrongSource,
            Warning,
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.channels[0].source_uuid = None;
                        m.channels[0].source_host = "10.99.0.1".into();
                    });
                });
            },
            |w| {
                w.edit("db2", |s| {
                    db(s, |m| {
                        m.channels[0].source_uuid = None;
                        m.channels[0].source_host = "db1.example.net".into();
                    });
                });
            },
        ),
        case(
            K::SemiSyncOff,
            Warning,
            |w| {
                w.edit("db1", |s| {
                    db(s, |m| {
                        m.semi_sync_source = Some(SemiSync {
                            enabled: true,
                            active: false,
                            replicas: Some(0),
                        });
                    });
                });
            },
            |w| {
                w.edit("db1", |s| {
                    db(s, |m| {
                        m.semi_sync_source = Some(SemiSync {
                            enabled: false,
                            active: false,
                            replicas: None,
                        });
                    });
                });
            },
        ),
        // In the middle of a chain: it follows, and is followed.
        case(
            K::SemiSyncOff,
            Warning,
            |w| {
                w.edit("db2", |s| db(s, |m| m.replicas = vec!["db3".into()]));
            },
            // A replica that somebody made writable is nobody's source.
            |w| {
                w.edit("db2", |s| db(s, |m| m.read_only = Some(false)));
            },
        ),
        case(
            K::ConnectionsHigh,
            Warning,
            |w| {
                w.edit("db1", |s| db(s, |m| m.connections = Some(430)));
            },
            |w| {
                w.edit("db1", |s| db(s, |m| m.connections = Some(420)));
            },
        ),
        case(
            K::ConnectionsHigh,
            Critical,
            |w| {
                w.edit("db1", |s| {
                    s.mysql = Reading::unknown(Why::Failed("ERROR 1040 (HY000): Too many connections".into()), s.at);
                });
            },
            |_| {},
        ),
        case(
            K::GaleraNonPrimary,
            Critical,
            |w| {
                w.edit("g2", |s| {
                    db(s, |m| {
                        m.galera.as_mut().expect("galera").cluster_status = GaleraStatus::NonPrimary;
                    });
                });
            },
            |w| {
                w.edit("g2", |s| {
                    db(s, |m| m.galera.as_mut().expect("galera").local_state = "Joining".into());
                });
            },
        ),
        case(
            K::GaleraDegraded,
            Warning,
            |w| {
                w.edit("g2", |s| {
                    db(s, |m| {
                        m.galera.as_mut().expect("galera").local_state = "Donor/Desynced".into();
                    });
                });
            },
            |w| {
                w.edit("g2", |s| {
                    db(s, |m| {
                        let galera = m.galera.as_mut().expect("galera");
                        (galera.ready, galera.connected) = (None, None);
                    });
                });
            },
        ),
        case(
            K::GaleraDegraded,
            Warning,
            |w| {
                for h in ["g1", "g2"] {
                    w.edit(h, |s| {
                        db(s, |m| m.galera.as_mut().expect("galera").cluster_size = Some(2));
                    });
                }
            },
            |w| {
                w.edit("g1", |s| {
                    db(s, |m| m.galera.as_mut().expect("galera").cluster_size = Some(4));
                });
            },
        ),
    ]
}

/// Seconds since the newest beat on the source and on its replica db2, which says itself how far it is behind.
fn beats(w: &mut World, source: f64, replica: f64, behind: u64) {
    w.edit("db1", move |s| db(s, |m| m.heartbeat_own_seconds = Some(source)));
    w.edit("db2", move |s| {
        db(s, |m| {
            m.heartbeat_lag_seconds = Some(replica);
            m.channels[0].seconds_behind = Some(behind);
        });
    });
}
