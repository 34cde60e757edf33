//! Servers of MySQL 8: the functions of a database against a program that plays such a server by the documented rules. No
//! server of MySQL was at hand; that of MariaDB is in `tests/real_mariadb`.

use super::*;
use crate::{
    facts::mysql::ReplicaThread,
    runbook::observe::mysql::{Cluster, Seen, Writes, home, parse, torn_engines},
};

/// A set of transactions that the first server wrote.
const OF_SOURCE: &str = "3e11fa47-71ca-11e1-9e33-c80aa9400001:1-";

/// A host with a server of that version. Its client is called `mariadb`, as on hosts that have both: that is taken first.
fn host(shell: &'static str, version: &str) -> Room {
    let room = Room::new(shell);
    let state = room.path("server");
    for directory in ["server", "store"] {
        fs::create_dir_all(room.path(directory)).unwrap();
    }
    let program = include_str!("mysql-server.sh");
    room.program("mariadb", &format!("S={}\n{program}", state.display()));
    // That of MySQL masks passwords unless it is asked to show them.
    room.program(
        "my_print_defaults",
        "case \"$*\" in
*' --show client') printf '%s\\n' --user=repl \"--password=it's \\\\ a secret\" ;;
*) printf '%s\\n' --user=repl '--password=*****' ;;
esac",
    );
    for (name, value) in [
        ("version", version),
        ("id", "2"),
        ("read_only", "1"),
        ("super_read_only", "1"),
        ("persisted", "ON"),
        ("executed", &format!("{OF_SOURCE}9")),
        ("scheduler", "OFF"),
        ("sessions", ""),
        ("semi_source", "OFF"),
        ("semi_replica", "ON"),
        ("semi_active", "OFF"),
    ] {
        put(&room, name, value);
    }
    room
}

fn put(room: &Room, name: &str, value: &str) {
    fs::write(room.path("server").join(name), value).unwrap();
}

fn said(room: &Room, name: &str) -> String {
    fs::read_to_string(room.path("server").join(name)).unwrap_or_default()
}

/// It follows a source, and has received up to there.
fn replica(room: &Room, received: u32) {
    put(room, "channel", "of old");
    put(room, "received", &format!("{OF_SOURCE}{received}"));
    put(room, "io", "Yes");
    put(room, "sql", "Yes");
}

/// It takes writes, and these sessions are open.
fn source(room: &Room, sessions: &str) {
    put(room, "read_only", "0");
    put(room, "super_read_only", "0");
    put(room, "persisted", "OFF");
    put(room, "scheduler", "ON");
    put(room, "sessions", sessions);
}

fn argv(function: &str, more: &[&str]) -> Vec<String> {
    let words = [function, "-", "-"].into_iter().chain(more.iter().copied());
    words.map(str::to_owned).collect()
}

fn looked(room: &Room, function: &str) -> Printed {
    room.look(argv(function, &[]))
}

fn done(room: &Room, function: &str, more: &[&str]) -> Printed {
    room.nudge(argv(function, more))
}

fn state(room: &Room) -> Seen {
    parse(&looked(room, "db_state").text).unwrap()
}

#[test]
fn a_replica_tells_how_far_it_is_behind() {
    use crate::runbook::observe::lag::parse;
    for shell in shells() {
        let room = host(shell, "8.4.2");
        let behind = || parse(&looked(&room, "db_lag").text);
        assert_eq!(behind(), Ok(None), "{shell}: a source");
        replica(&room, 9);
        assert_eq!(behind(), Ok(Some(0)), "{shell}");
        put(&room, "behind", "75");
        assert_eq!(behind(), Ok(Some(75)), "{shell}");
        put(&room, "delay", "60");
        assert_eq!(behind(), Ok(Some(15)), "{shell}");
        put(&room, "behind", "NULL");
        assert!(behind().is_err(), "{shell}");
        // A server that does not answer tells nothing.
        room.program("mariadb", "exit 1");
        assert!(behind().is_err(), "{shell}");
    }
}

#[test]
fn a_server_tells_its_state_by_the_words_of_its_release() {
    for shell in shells() {
        for version in ["8.0.23", "8.0.36-28", "8.4.2", "9.1.0"] {
            let room = host(shell, version);
            replica(&room, 11);
            let seen = state(&room);
            assert_eq!((seen.server_id, seen.writes), (2, Writes::None), "{shell} {version}");
            assert_eq!(seen.opens_at_start, Some(false), "{shell} {version}: it was persisted");
            assert!(seen.strict && seen.logs_all && seen.cluster.is_none());
            assert_eq!(
                (
                    seen.semi_sync.source,
                    seen.semi_sync.acknowledges,
                    seen.semi_sync.timeout_ms
                ),
                (Some(false), Some(true), Some(10_000)),
                "{shell} {version}"
            );
            assert_eq!(
                (seen.has.to_string(), seen.holds.to_string()),
                (format!("{OF_SOURCE}9"), format!("{OF_SOURCE}11"))
            );
            assert_eq!(
                seen.unapplied(),
                "3e11fa47-71ca-11e1-9e33-c80aa9400001:10-11",
                "{shell} {version}"
            );
            let [channel] = seen.channels.as_slice() else {
                panic!("{seen:?}")
            };
            assert_eq!((channel.source.as_str(), channel.source_id), ("10.77.0.51:3306", 1));
            assert!(channel.by_gtid && channel.io == ReplicaThread::Yes && channel.sql == ReplicaThread::Yes);
            source(&room, "7 8");
            let seen = state(&room);
            assert_eq!((seen.writes, seen.clients, seen.scheduler), (Writes::All, 2, true));
            put(&room, "read_only", "1");
            assert_eq!(state(&room).writes, Writes::Privileged, "{shell} {version}");
            put(&room, "group", "aadaaaaa-adda-adda-aaaa-aaaaaaddaaaa");
            assert!(
                matches!(state(&room).cluster, Some(Cluster::Group(_))),
                "{shell} {version}"
            );
        }
        let why = parse(&looked(&host(shell, "8.0.22"), "db_state").text).unwrap_err();
        assert!(
            why.contains("it is MySQL 8.0.22") && why.contains("8.0.23 or newer"),
            "{shell}: {why}"
        );
    }
}

#[test]
fn it_stands_as_it_does() {
    for shell in shells() {
        let room = host(shell, "8.4.2");
        assert_eq!(looked(&room, "db_stand").text, "2 closed source\n", "{shell}");
        replica(&room, 9);
        assert_eq!(looked(&room, "db_stand").text, "2 closed replica drained\n", "{shell}");
        replica(&room, 12);
        assert_eq!(looked(&room, "db_stand").text, "2 closed replica behind\n", "{shell}");
        put(&room, "received", "");
        assert_eq!(looked(&room, "db_stand").text, "2 closed replica drained\n", "{shell}");
        put(&room, "super_read_only", "0");
        assert_eq!(
            looked(&room, "db_stand").text,
            "2 privileged replica drained\n",
            "{shell}"
        );
        put(&room, "read_only", "0");
        assert_eq!(looked(&room, "db_stand").text, "2 open replica drained\n", "{shell}");
        // What is no set goes into no statement.
        put(&room, "received", "x'), SLEEP(9), ('");
        assert_ne!(looked(&room, "db_stand").exit, 0, "{shell}");
    }
}

#[test]
fn a_source_is_closed_for_everybody_and_stays_so() {
    for shell in shells() {
        let room = host(shell, "8.4.2");
        source(&room, "7 8 ");
        // One has a table locked: it ends before the others.
        put(&room, "busy", "8");
        let closed = done(&room, "db_close", &[]);
        assert_eq!(closed.exit, 0, "{shell}: {closed:?}");
        assert!(
            closed.text.contains(&format!("closed at {OF_SOURCE}9")),
            "{shell}: {closed:?}"
        );
        assert_eq!(
            ["super_read_only", "persisted", "scheduler", "sessions"].map(|name| said(&room, name)),
            ["1", "ON", "OFF", ""].map(str::to_owned),
            "{shell}"
        );
        // Its position does not stand still.
        put(&room, "ghost", "");
        let failed = done(&room, "db_close", &[]);
        assert!(
            failed.exit != 0
                && failed
                    .text
                    .contains("still written, by somebody although super_read_only is on"),
            "{shell}: {failed:?}"
        );
        fs::remove_file(room.path("server/ghost")).unwrap();
        let opened = done(&room, "db_open", &["events"]);
        assert_eq!(opened.exit, 0, "{shell}: {opened:?}");
        assert_eq!(
            ["read_only", "super_read_only", "persisted", "scheduler"].map(|name| said(&room, name)),
            ["0", "0", "OFF", "ON"].map(str::to_owned),
            "{shell}"
        );
    }
}

/// Its clients have nothing to do with what was not done: its events go on.
#[test]
fn a_source_that_does_not_close_is_left_as_it_was() {
    for shell in shells() {
        let room = host(shell, "8.4.2");
        source(&room, "7");
        put(&room, "locked", "");
        assert_ne!(done(&room, "db_close", &[]).exit, 0, "{shell}");
        assert_eq!(
            ["read_only", "super_read_only", "scheduler"].map(|name| said(&room, name)),
            ["0", "0", "ON"].map(str::to_owned),
            "{shell}"
        );
    }
}

#[test]
fn a_server_follows_and_follows_nobody() {
    for shell in shells() {
        for version in ["8.0.23", "8.4.2"] {
            let room = host(shell, version);
            let place = ["10.77.0.53", "3307", "/etc/mysql/replication.cnf"];
            // Nothing of a password is in a list of processes; its quotes are doubled, and so are its backslashes.
            let followed = done(&room, "db_follow", &place);
            assert_eq!((followed.exit, followed.text), (0, String::new()), "{shell} {version}");
            assert_eq!(
                said(&room, "channel"),
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '10.77.0.53', SOURCE_PORT = 3307, SOURCE_USER = 'repl', \
                 SOURCE_PASSWORD = 'it''s \\\\ a secret', GET_SOURCE_PUBLIC_KEY = 1, SOURCE_AUTO_POSITION = 1",
                "{shell} {version}"
            );
            assert!(!said(&room, "argv").contains("secret"), "{shell} {version}");
            assert_eq!([said(&room, "io"), said(&room, "sql")], ["Yes", "Yes"]);
            // It follows another one by the account that it knows.
            let again = done(&room, "db_follow", &["10.77.0.51", "3306", "-"]);
            assert_eq!(again.exit, 0, "{shell} {version}: {again:?}");
            assert!(!said(&room, "channel").contains("USER"), "{shell} {version}");
            let frozen = done(&room, "db_freeze", &[]);
            assert_eq!(frozen.exit, 0, "{shell} {version}: {frozen:?}");
            assert_eq!([said(&room, "io"), said(&room, "sql")], ["No", "Yes"]);
            let alone = done(&room, "db_unfollow", &[]);
            assert_eq!(alone.exit, 0, "{shell} {version}: {alone:?}");
            assert!(!room.path("server/channel").exists(), "{shell} {version}");
        }
    }
}

#[test]
fn semi_synchronous_replication_is_switched_by_the_names_of_the_release() {
    for shell in shells() {
        for version in ["8.0.25", "8.0.36-28", "8.4.2"] {
            let room = host(shell, version);
            let switched = |side: &str, to: &str| {
                let done = done(&room, "db_semi_sync", &[side, to]);
                assert_eq!(done.exit, 0, "{shell} {version} {side} {to}: {done:?}");
            };
            switched("source", "on");
            switched("replica", "off");
            assert_eq!(
                ["semi_source", "semi_active", "semi_replica"].map(|name| said(&room, name)),
                ["ON", "ON", "OFF"],
                "{shell} {version}"
            );
            // It has fallen back: its next commit waits again.
            put(&room, "semi_active", "OFF");
            switched("source", "on");
            assert_eq!(said(&room, "semi_active"), "ON", "{shell} {version}");
            switched("replica", "on");
            switched("source", "off");
            assert_eq!(
                ["semi_source", "semi_replica"].map(|name| said(&room, name)),
                ["OFF", "ON"],
                "{shell} {version}"
            );
        }
        let room = host(shell, "8.4.2");
        put(&room, "semi_source", "NONE");
        assert_eq!(state(&room).semi_sync.source, None, "{shell}");
        let failed = done(&room, "db_semi_sync", &["source", "on"]);
        assert!(
            failed.exit != 0 && failed.text.contains("no plugin of semi-synchronous replication"),
            "{shell}: {failed:?}"
        );
    }
}

#[test]
fn engines_that_a_crash_tears_are_told_whole() {
    for shell in shells() {
        let room = host(shell, "8.4.2");
        let told = |room: &Room| torn_engines(&looked(room, "db_engines").text);
        assert_eq!(told(&room), Ok(Vec::new()), "{shell}");
        put(&room, "torn", "MyISAM\t3\tshop.carts\n");
        assert_eq!(told(&room).unwrap(), ["3 MyISAM (shop.carts)"], "{shell}");
    }
}

/// Where data lie is told over links: on another filesystem than the name of the link.
#[test]
fn the_data_directory_is_told_as_the_kernel_names_it() {
    for shell in shells() {
        let room = host(shell, "8.4.2");
        let real = room.path("slice/mysql");
        fs::create_dir_all(&real).unwrap();
        std::os::unix::fs::symlink(&real, room.path("link")).unwrap();
        put(&room, "datadir", &format!("{}/", room.path("link").display()));
        let real = fs::canonicalize(real).unwrap();
        assert_eq!(
            home(&looked(&room, "db_home").text).unwrap(),
            real.to_str().unwrap(),
            "{shell}"
        );
        put(&room, "datadir", "/nowhere/at/all/");
        assert_ne!(looked(&room, "db_home").exit, 0, "{shell}");
    }
}

/// The replication account logs in by TLS where its file says so.
#[test]
fn an_account_that_wants_tls_gets_it() {
    for shell in shells() {
        let room = host(shell, "8.4.2");
        let file = |more: &str| {
            room.program(
                "my_print_defaults",
                &format!("printf '%s\\n' --user=repl --password=x {more}"),
            );
            let followed = done(&room, "db_follow", &["10.77.0.53", "3306", "/x"]);
            assert_eq!(followed.exit, 0, "{shell}: {followed:?}");
            said(&room, "channel")
        };
        let required = file("--ssl-mode=REQUIRED");
        assert!(
            required.contains("SOURCE_SSL = 1") && !required.contains("PUBLIC_KEY"),
            "{required}"
        );
        let verified = file("--ssl-ca=/etc/ca.pem --ssl-mode=VERIFY_IDENTITY");
        assert!(
            verified.contains("SOURCE_SSL = 1, SOURCE_SSL_CA = '/etc/ca.pem', SOURCE_SSL_VERIFY_SERVER_CERT = 1"),
            "{verified}"
        );
        assert!(file("--ssl-mode=DISABLED").contains("GET_SOURCE_PUBLIC_KEY = 1"));
    }
}

#[test]
fn a_server_that_is_too_old_is_left_alone() {
    for shell in shells() {
        let room = host(shell, "8.0.22");
        source(&room, "7");
        for (function, more) in [
            ("db_close", &[][..]),
            ("db_open", &["none"]),
            ("db_follow", &["10.77.0.53", "3306", "-"]),
            ("db_unfollow", &[]),
            ("db_freeze", &[]),
            ("db_semi_sync", &["source", "on"]),
        ] {
            let refused = done(&room, function, more);
            assert!(
                refused.exit != 0 && refused.text.contains("MySQL 8.0.22: 8.0.23 or newer is needed"),
                "{shell} {function}: {refused:?}"
            );
        }
        assert_eq!([said(&room, "read_only"), said(&room, "sessions")], ["0", "7"]);
    }
}
