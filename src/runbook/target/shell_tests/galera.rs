//! Members of a Galera cluster: when a server is proven not to run, what its files tell, and what is done to them.

use super::*;
use std::os::unix::fs::{MetadataExt as _, symlink};

const CLUSTER: &str = "95ccfaeb-e57a-11f1-8981-0f4b1d5b6f26";

/// A host whose server does not answer, with a data directory that nobody holds.
fn room(shell: &'static str, seqno: &str) -> Room {
    let room = Room::new(shell);
    room.program("mariadb", "exit 1");
    for directory in [
        "data",
        "elsewhere",
        "store",
        "proc/1",
        "proc/7",
        "proc/sys/kernel/random",
    ] {
        fs::create_dir_all(room.path(directory)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(room.path(name), text).unwrap();
    write("proc/locks", "1: POSIX  ADVISORY  WRITE 700 08:01:9 0 EOF\n");
    write(
        "proc/sys/kernel/random/boot_id",
        "5d0c7b3e-0000-4000-8000-000000000001\n",
    );
    write("proc/7/stat", "7 (mariadbd) S 1 7 7 0 -1\n");
    write("data/ibdata1", "pages");
    write("data/ib_logfile0", "log");
    write(
        "data/grastate.dat",
        &format!("# GALERA saved state\nversion: 2.1\nuuid:    {CLUSTER}\nseqno:   {seqno}\nsafe_to_bootstrap: 0\n"),
    );
    symlink("/", room.path("proc/1/cwd")).unwrap();
    works_in(&room, "elsewhere");
    room
}

/// Where the one server of the host works.
fn works_in(room: &Room, directory: &str) {
    let _ = fs::remove_file(room.path("proc/7/cwd"));
    symlink(fs::canonicalize(room.path(directory)).unwrap(), room.path("proc/7/cwd")).unwrap();
}

fn words(room: &Room, function: &str, more: &[&str]) -> Vec<String> {
    let datadir = room.path("data").display().to_string();
    let own = [function, "-", "-", datadir.as_str()];
    own.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn looked(room: &Room, function: &str) -> Printed {
    room.look(words(room, function, &[]))
}

fn done(room: &Room, function: &str, more: &[&str]) -> Printed {
    room.nudge(words(room, function, more))
}

#[test]
fn a_server_is_stopped_only_when_nothing_holds_its_data() {
    for shell in shells() {
        let room = room(shell, "44");
        let seen = looked(&room, "db_galera").text;
        assert!(
            seen.starts_with("state\tstopped\n") && seen.contains("seqno\t44\n") && seen.ends_with("end\n"),
            "{shell}: {seen}"
        );
        assert_eq!(
            looked(&room, "db_galera_stand").text,
            format!("stopped {CLUSTER} 44\n"),
            "{shell}"
        );
        // It works there and does not answer.
        works_in(&room, "data");
        assert_eq!(looked(&room, "db_galera").text, "state\tsilent\nend\n", "{shell}");
        assert_eq!(looked(&room, "db_galera_stand").text, "silent\n", "{shell}");
        for function in ["db_galera_new", "db_galera_start", "db_galera_recover"] {
            let begun = room.path("begun").display().to_string();
            let words = ["-", "touch", &begun];
            let refused = done(&room, function, &words[usize::from(function == "db_galera_recover")..]);
            assert!(
                refused.exit != 0 && refused.text.contains("holds"),
                "{shell} {function}: {refused:?}"
            );
        }
        works_in(&room, "elsewhere");
        // It has locked its tablespace, and works in another mount namespace.
        let about = fs::metadata(room.path("data/ibdata1")).unwrap();
        let (major, minor) = (rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
        let lock = format!(
            "4: POSIX  ADVISORY  WRITE 700 {major:02x}:{minor:02x}:{} 0 EOF\n",
            about.ino()
        );
        fs::write(room.path("proc/locks"), &lock).unwrap();
        assert_eq!(
            looked(&room, "db_galera").text,
            "state\tsilent\nend\n",
            "{shell}: {lock}"
        );
        fs::write(room.path("proc/locks"), "").unwrap();
        assert_eq!(looked(&room, "db_galera").exit, 0, "{shell}");
        // What cannot be told is no answer.
        fs::remove_file(room.path("proc/locks")).unwrap();
        assert_eq!(looked(&room, "db_galera").text, "state\tunclear\nend\n", "{shell}");
        assert!(!room.path("begun").exists(), "{shell}");
        // Where it works is not told: it may be this one, unless it has ended.
        fs::write(room.path("proc/locks"), "").unwrap();
        fs::remove_file(room.path("proc/7/cwd")).unwrap();
        fs::write(room.path("proc/7/cwd"), "").unwrap();
        assert_eq!(looked(&room, "db_galera").text, "state\tunclear\nend\n", "{shell}");
        fs::write(room.path("proc/7/stat"), "7 (mariadbd) Z 1 7 7 0 -1\n").unwrap();
        assert!(
            looked(&room, "db_galera").text.starts_with("state\tstopped\n"),
            "{shell}"
        );
    }
}

#[test]
fn without_a_process_to_be_seen_nothing_is_proven() {
    for shell in shells() {
        let room = room(shell, "44");
        for pid in ["1", "7"] {
            fs::remove_file(room.path(&format!("proc/{pid}/cwd"))).unwrap();
        }
        assert_eq!(looked(&room, "db_galera").text, "state\tunclear\nend\n", "{shell}");
        assert_eq!(looked(&room, "db_galera_stand").text, "unclear\n", "{shell}");
    }
}

#[test]
fn a_server_that_answers_tells_it_itself() {
    for shell in shells() {
        let room = room(shell, "-1");
        room.program(
            "mariadb",
            &format!(
                "cat >/dev/null; printf 'wsrep_local_state_uuid\\t{CLUSTER}\\nwsrep_last_committed\\t8\\n\
                 wsrep_local_recv_queue\\t0\\nwsrep_cluster_status\\tnon-Primary\\n'"
            ),
        );
        let seen = looked(&room, "db_galera").text;
        assert!(
            seen.starts_with("state\trunning\nwsrep_") && seen.ends_with("\nend\n"),
            "{shell}: {seen}"
        );
        assert_eq!(
            looked(&room, "db_galera_stand").text,
            format!("running non-Primary {CLUSTER} 8 0\n"),
            "{shell}"
        );
    }
}

#[test]
fn a_recovered_position_counts_until_a_server_starts_there() {
    for shell in shells() {
        let room = room(shell, "-1");
        let told = |room: &Room| {
            looked(room, "db_galera")
                .text
                .contains(&format!("recovered\t{CLUSTER}:47\n"))
        };
        assert_eq!(
            looked(&room, "db_galera_stand").text,
            format!("stopped {CLUSTER} -1\n"),
            "{shell}"
        );
        room.program(
            "server",
            &format!(
                "echo \"$*\" >\"{}\"; echo '2026-11-21 12:00:00 0 [Note] WSREP: Recovered position: {CLUSTER}:47,0-1-9' >&2",
                room.path("asked").display()
            ),
        );
        let ran = done(&room, "db_galera_recover", &["server", "--defaults-file=/x"]);
        assert_eq!((ran.exit, ran.text), (0, format!("recovered {CLUSTER}:47")), "{shell}");
        let asked = fs::read_to_string(room.path("asked")).unwrap();
        let datadir = fs::canonicalize(room.path("data")).unwrap();
        assert!(
            asked.starts_with(&format!("--defaults-file=/x --datadir={} --user=", datadir.display()))
                && asked.contains("--wsrep-recover"),
            "{shell}: {asked}"
        );
        assert!(told(&room), "{shell}");
        assert_eq!(
            looked(&room, "db_galera_stand").text,
            format!("stopped {CLUSTER} 47\n"),
            "{shell}"
        );
        let before = fs::read(room.path("data/ib_logfile0")).unwrap();
        fs::write(room.path("data/ib_logfile0"), "a server was here").unwrap();
        assert!(!told(&room), "{shell}");
        assert_eq!(
            looked(&room, "db_galera_stand").text,
            format!("stopped {CLUSTER} -1\n"),
            "{shell}"
        );
        fs::write(room.path("data/ib_logfile0"), before).unwrap();
        assert!(!told(&room), "{shell}: the same text at another time");
        done(&room, "db_galera_recover", &["server"]);
        assert!(told(&room), "{shell}");
        fs::write(room.path("proc/sys/kernel/random/boot_id"), "another\n").unwrap();
        assert!(!told(&room), "{shell}: another boot");
        // A program that fails, or tells nothing, leaves nothing behind.
        room.program("server", "echo broken >&2; exit 3");
        let failed = done(&room, "db_galera_recover", &["server"]);
        assert!(
            failed.exit != 0 && failed.text.contains("broken"),
            "{shell}: {failed:?}"
        );
        room.program("server", "echo 'WSREP: skipping position recovery'");
        assert_ne!(done(&room, "db_galera_recover", &["server"]).exit, 0, "{shell}");
        assert!(!told(&room), "{shell}");
    }
}

#[test]
fn the_first_one_is_told_that_it_may_and_keeps_the_rest_of_its_state() {
    for shell in shells() {
        let room = room(shell, "44");
        let mark = room.path("begun").display().to_string();
        let before = fs::read_to_string(room.path("data/grastate.dat")).unwrap();
        assert_eq!(done(&room, "db_galera_new", &["-", "touch", &mark]).exit, 0, "{shell}");
        let after = fs::read_to_string(room.path("data/grastate.dat")).unwrap();
        assert_eq!(after, before.replace("bootstrap: 0", "bootstrap: 1"), "{shell}");
        assert!(
            room.path("begun").exists() && !room.path("data/grastate.new").exists(),
            "{shell}"
        );
    }
}

/// The data directory is the database's own: its user may have put anything there.
#[test]
fn nothing_is_written_through_a_link_in_the_data_directory() {
    for shell in shells() {
        let room = room(shell, "44");
        let victim = room.path("victim");
        fs::write(&victim, "precious").unwrap();
        let before = fs::metadata(&victim).unwrap();
        for name in ["grastate.new", "grastate.dat.new", "grastate.dat~", "grastate.tmp"] {
            symlink(&victim, room.path("data").join(name)).unwrap();
        }
        let own = room.path("data/grastate.dat");
        // Where it may, the test has it belong to somebody else.
        let _ = std::os::unix::fs::chown(&own, Some(12_345), Some(12_345));
        let owner = fs::metadata(&own).unwrap().uid();
        assert_eq!(done(&room, "db_galera_new", &["-", "true"]).exit, 0, "{shell}");
        let after = fs::metadata(&victim).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{shell}");
        assert_eq!((after.uid(), after.ino()), (before.uid(), before.ino()), "{shell}");
        assert!(
            fs::read_to_string(&own).unwrap().contains("safe_to_bootstrap: 1"),
            "{shell}"
        );
        assert_eq!(
            fs::metadata(&own).unwrap().uid(),
            owner,
            "{shell}: its server has to read it"
        );
    }
}

/// What a bootstrap left behind is told by whoever is part of it, and by nobody else.
#[test]
fn bootstraps_are_written_down_once_and_told_by_those_that_run_and_those_that_do_not() {
    for shell in shells() {
        let room = room(shell, "44");
        assert_eq!(room.call(&claim("run-1", 1)), claimed());
        let told = |room: &Room| {
            let text = looked(room, "db_galera").text;
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix("bootstraps\t").map(str::to_owned))
        };
        assert_eq!(told(&room), None, "{shell}");
        let step = |at: usize, function: &str, bootstraps: &str| {
            let words = words(&room, function, &[bootstraps, "true"]);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match room.call(&act("run-1", 1, at, &words)).remove(0) {
                Said::Ran(printed) => assert_eq!(printed.exit, 0, "{shell}: {}", printed.text),
                other => panic!("{other:?}"),
            }
        };
        step(0, "db_galera_new", &format!("{CLUSTER}:44:-"));
        assert_eq!(told(&room), Some(format!("{CLUSTER}:44:run-1")), "{shell}");
        step(1, "db_galera_start", "-");
        step(
            2,
            "db_galera_start",
            &format!("{CLUSTER}:44:run-1,{CLUSTER}:9:run-0,{CLUSTER}:44:-"),
        );
        let both = format!("{CLUSTER}:44:run-1,{CLUSTER}:9:run-0");
        assert_eq!(told(&room), Some(both.clone()), "{shell}");
        room.program("mariadb", "cat >/dev/null; printf 'wsrep_ready\\tON\\n'");
        let running = looked(&room, "db_galera").text;
        assert_eq!(
            running,
            format!("state\trunning\nwsrep_ready\tON\nbootstraps\t{both}\nend\n"),
            "{shell}"
        );
        // Where it cannot be written down nothing is begun.
        room.program("mariadb", "exit 1");
        fs::create_dir(room.path("store/galera-bootstraps.new")).unwrap();
        let mark = room.path("begun").display().to_string();
        let words = words(&room, "db_galera_new", &[&format!("{CLUSTER}:50:-"), "touch", &mark]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let failed = room.call(&act("run-1", 1, 3, &words)).remove(0);
        assert!(
            matches!(&failed, Said::Ran(printed) if printed.exit != 0),
            "{shell}: {failed:?}"
        );
        assert!(!room.path("begun").exists(), "{shell}");
    }
}
