//! Forms of MySQL, Percona Server and MariaDB.

use super::*;
use proptest::prelude::*;

const PERCONA: &str = include_str!("../../../tests/captures/forms/mysql-percona");
const MARIADB: &str = include_str!("../../../tests/captures/forms/mysql-mariadb");

/// The source half that a replica keeps from when it was the source has nobody to wait for.
#[test]
fn the_source_half_of_a_replica_that_nobody_follows_is_of_no_use() {
    let with = |replicas: u64, channels: bool| {
        let mut mysql = parse_mysql(PERCONA).unwrap();
        assert!(!mysql.channels.is_empty() && mysql.semi_sync_as_source().is_some());
        mysql.replicas.clear();
        mysql.semi_sync_source = mysql.semi_sync_source.map(|state| SemiSync {
            replicas: Some(replicas),
            ..state
        });
        if !channels {
            mysql.channels.clear();
        }
        mysql.semi_sync_as_source().is_some()
    };
    assert!(!with(0, true));
    assert!(with(1, true));
    assert!(with(0, false));
}

#[test]
fn new_words_with_an_error_text_that_lies() {
    let mysql = parse_mysql(PERCONA).unwrap();
    assert_eq!((&mysql.flavour, mysql.version.as_str()), (&Flavour::Mysql, "8.4.3-35"));
    assert_eq!(
        (mysql.server_id, mysql.read_only, mysql.super_read_only),
        (Some(12), Some(true), Some(true))
    );
    assert_eq!(
        mysql.gtid_executed.as_deref(),
        Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,4e11fa47-71ca-11e1-9e33-c80aa9429562:1-77")
    );
    assert_eq!(
        (mysql.buffer_pool_hit_percent, mysql.queries, mysql.threads_running),
        (Some(99.0), Some(4711), Some(2))
    );
    let semi = SemiSync {
        enabled: true,
        active: false,
        replicas: Some(1),
    };
    assert_eq!(
        (mysql.semi_sync_source, mysql.semi_sync_replica),
        (Some(semi), Some(true))
    );
    let [main, archive] = &mysql.channels[..] else {
        panic!("{mysql:#?}")
    };
    assert_eq!(
        (&main.io_running, &main.sql_running),
        (&ReplicaThread::Yes, &ReplicaThread::No)
    );
    assert_eq!((main.seconds_behind, main.source_server_id), (None, Some(11)));
    assert_eq!(main.io_error, None);
    let error = main.sql_error.as_ref().unwrap();
    assert!(
        error.starts_with("1062 Could not execute") && error.ends_with("Duplicate entry: 5"),
        "{error}"
    );
    assert_eq!(main.gtid_applied, mysql.gtid_executed);
    assert_eq!((archive.name.as_str(), archive.source_port), ("archive", Some(3307)));
    assert_eq!(
        (&archive.io_running, archive.seconds_behind),
        (&ReplicaThread::Connecting, Some(123))
    );
    assert_eq!(archive.io_error.as_deref(), Some("2003 error connecting to source"));
    let names: Vec<_> = mysql.replicas.iter().map(CleanText::as_str).collect();
    assert_eq!(names, ["db3", "server 14"]);
    let bare = parse_mysql(&PERCONA.replace("Server_Id\tHost\tPort\tSource_Id\tReplica_UUID\n", "")).unwrap();
    assert_eq!(bare.replicas, mysql.replicas, "without the line of names");
    let twice = parse_mysql(&PERCONA.replace("#replica\n", "#replica\n#replica\n")).unwrap();
    assert_eq!(twice, mysql, "the client may print a block's name again");
    assert_eq!(mysql.heartbeat_lag_seconds, Some(1.5), "the newest of another server");
    assert_eq!(mysql.heartbeat_own_seconds, Some(0.1));
    let nameless = parse_mysql(&PERCONA.replace("server_id\t12", "")).unwrap();
    let beats = (nameless.heartbeat_lag_seconds, nameless.heartbeat_own_seconds);
    assert_eq!(
        (nameless.server_id, beats),
        (None, (None, None)),
        "an own beat must not pass for a received one"
    );
    assert_eq!(mysql.errors, []);
    assert_eq!(mysql.galera, None);
}

#[test]
fn old_words_galera_and_a_refused_block() {
    let mysql = parse_mysql(MARIADB).unwrap();
    assert_eq!(mysql.flavour, Flavour::Mariadb);
    assert_eq!((mysql.read_only, mysql.super_read_only), (Some(false), None));
    assert_eq!(mysql.gtid_executed.as_deref(), Some("0-1-100,0-1-100,1-2-5"));
    let semi = SemiSync {
        enabled: true,
        active: true,
        replicas: Some(2),
    };
    assert_eq!(
        (mysql.semi_sync_source, mysql.semi_sync_replica),
        (Some(semi), Some(false))
    );
    let [east] = &mysql.channels[..] else {
        panic!("{mysql:#?}")
    };
    assert_eq!((east.name.as_str(), east.source_host.as_str()), ("east", "10.0.0.2"));
    assert_eq!(
        (&east.io_running, &east.sql_running),
        (&ReplicaThread::Preparing, &ReplicaThread::Yes)
    );
    assert_eq!(
        (east.gtid_received.as_deref(), east.gtid_applied.as_deref()),
        (Some("0-1-100,1-2-6"), Some("0-1-100,1-2-5"))
    );
    let galera = mysql.galera.unwrap();
    assert_eq!(
        (galera.cluster_status, galera.ready, galera.conf_id),
        (GaleraStatus::NonPrimary, Some(false), None)
    );
    assert_eq!(
        (galera.last_committed, galera.flow_control_paused),
        (Some(-1), Some(0.25))
    );
    assert_eq!(mysql.errors.len(), 1);
    assert!(mysql.errors[0].starts_with("replicas: ERROR 1227"));
}

/// Taken from Galera 26.4.23 in MariaDB 10.11.19: a member cut off from the others, and back among them.
#[test]
fn a_real_member_outside_of_the_primary_component() {
    let read = |name: &str| {
        let path = format!("{}/tests/captures/mariadb/10.11-{name}", env!("CARGO_MANIFEST_DIR"));
        parse_mysql(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let outside = read("galera-non-primary");
    let galera = outside.galera.as_ref().unwrap();
    assert_eq!(
        (&galera.cluster_status, galera.cluster_size, galera.ready),
        (&GaleraStatus::NonPrimary, Some(1), Some(false))
    );
    assert!(!outside.errors.is_empty() && outside.errors.iter().all(|error| error.contains("ERROR 1047")));
    assert!(!outside.tells_channels());
    let back = read("galera-primary");
    let galera = back.galera.as_ref().unwrap();
    assert_eq!(
        (&galera.cluster_status, galera.cluster_size, galera.ready),
        (&GaleraStatus::Primary, Some(3), Some(true))
    );
    assert_eq!(back.errors, []);
}

/// Taken from MariaDB 10.11.19 on Debian 12: the client prints an empty line behind a block's name there.
#[test]
fn real_servers_of_mariadb_10_11() {
    let read = |name: &str| {
        let path = format!("{}/tests/captures/mariadb/10.11-{name}", env!("CARGO_MANIFEST_DIR"));
        parse_mysql(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let source = read("source");
    assert_eq!(
        (source.server_id, source.read_only, source.channels.len()),
        (Some(1), Some(false), 0)
    );
    assert_eq!(source.gtid_binlog_state.as_deref(), Some("0-1-11"));
    assert_eq!(source.gtid_slave_pos.as_deref(), Some(""));
    assert_eq!(source.replicas.len(), 1);
    assert!(
        source
            .semi_sync_source
            .is_some_and(|state| state.active && state.replicas == Some(1))
    );
    assert_eq!(
        (source.errors, source.galera, source.heartbeat_lag_seconds),
        (vec![], None, None)
    );
    let replica = read("replica-errant");
    assert_eq!(replica.gtid_binlog_state.as_deref(), Some("0-2-9,0-1-11"));
    assert_eq!(replica.gtid_executed.as_deref(), Some("0-1-11,0-1-11"));
    assert_eq!(replica.channels[0].sql_running, ReplicaThread::Yes);
    assert!(replica.heartbeat_lag_seconds.is_some());
    let stopped = read("replica-sql-error");
    let channel = &stopped.channels[0];
    assert_eq!(
        (&channel.io_running, &channel.sql_running),
        (&ReplicaThread::Yes, &ReplicaThread::No)
    );
    assert!(
        channel
            .sql_error
            .as_ref()
            .unwrap()
            .starts_with("1062 Error 'Duplicate entry '20'")
    );
    assert_eq!((channel.seconds_behind, channel.source_port), (None, Some(43306)));
    assert_eq!(stopped.errors, []);
}

/// A server that has been through many switch-overs has a set that is longer than any text that is shown.
#[test]
fn a_long_set_of_gtids_is_kept_whole() {
    let set: Vec<String> = (0..1500)
        .map(|n| format!("3e11fa47-71ca-11e1-9e33-c80aa942{n:04}:1-{}", n + 2))
        .collect();
    let set = set.join(",");
    assert!(set.len() > 60_000);
    let text = format!("#version\n8.0.36\tSource distribution\n#variables\ngtid_executed\t{set}\n#status\n");
    let mysql = parse_mysql(&text).unwrap();
    let executed = mysql.gtid_executed.unwrap();
    assert_eq!(executed.as_str(), set);
    let parsed = crate::facts::gtid::GtidSet::parse(&executed).unwrap();
    assert_eq!(parsed.to_string(), set);
}

#[test]
fn missing_blocks_are_said() {
    let mysql = parse_mysql("#version\n8.0.36\tSource distribution\n").unwrap();
    assert_eq!(mysql.flavour, Flavour::Mysql);
    assert_eq!(mysql.errors.len(), 4);
    assert_eq!(mysql.read_only, None);
    assert!(parse_mysql("ERROR 2002 (HY000): Can't connect").is_err());
    assert!(parse_mysql("#version\n").is_err());
    assert!(matches!(
        parse_mysql("#version\nx\ty\n").unwrap().flavour,
        Flavour::Unknown(_)
    ));
}

#[test]
fn wsrep_switched_off_is_no_galera() {
    let off = MARIADB.replace("wsrep_on\tON", "wsrep_on\tOFF");
    assert_eq!(parse_mysql(&off).unwrap().galera, None);
    assert_eq!(
        parse_mysql(&MARIADB.replace("read_only\tOFF", "read_only\tNO_LOCK"))
            .unwrap()
            .read_only,
        Some(true)
    );
    assert_eq!(
        parse_mysql(&MARIADB.replace("read_only\tOFF", "read_only\tmaybe"))
            .unwrap()
            .read_only,
        None
    );
}

proptest! {
    #[test]
    fn nothing_panics(text in any::<String>(), words in "(#version\n|#replica\n|#variables\n|\\*\\*\\* 1. row \\*\\*\\*\n|  Slave_IO_Running: |Yes\n|\t|8.0.1|:|#heartbeat\n|[0-9]{1,21}| |\n){0,40}", at in 0..PERCONA.len(), byte in any::<u8>()) {
        let mut bytes = PERCONA.as_bytes().to_vec();
        bytes[at] = byte;
        for text in [&*text, &words, &String::from_utf8_lossy(&bytes)] {
            let _ = parse_mysql(text);
        }
    }

    #[test]
    fn a_cut_text_is_never_healthier(first in 0..PERCONA.len(), second in 0..MARIADB.len()) {
        for (text, cut) in [(PERCONA, first), (MARIADB, second)] {
            let full = parse_mysql(text).unwrap();
            let Ok(short) = parse_mysql(&text[..cut]) else { continue };
            prop_assert!(short.read_only.is_none() || short.read_only == full.read_only);
            prop_assert!(short.galera.is_none_or(|galera| galera.cluster_status != GaleraStatus::Primary));
            // Without the whole replica block there is an error that says so, or a channel that is not well.
            prop_assert!(short.channels.len() == full.channels.len() || !short.errors.is_empty());
            for (short, full) in short.channels.iter().zip(&full.channels) {
                prop_assert!(short.io_running != ReplicaThread::Yes || full.io_running == ReplicaThread::Yes);
                prop_assert!(short.sql_running != ReplicaThread::Yes || full.sql_running == ReplicaThread::Yes);
                prop_assert!(short.seconds_behind.is_none() || short.seconds_behind == full.seconds_behind);
            }
        }
    }
}
