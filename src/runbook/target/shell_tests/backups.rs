//! Tests of backups, by real files and the tools of this machine.

use super::{
    tasks::{comes, looks, one, room, runs, step_of},
    *,
};
use crate::runbook::observe::{
    backup::{Found, Told},
    task::Is,
};

const MARK: &str = "test of web1 of lab";

/// The place of the scratch directory, where nothing is mounted but the live slice beside it.
fn place(room: &Room) -> String {
    fs::create_dir_all(room.path("scratch")).unwrap();
    fs::create_dir_all(room.path("live")).unwrap();
    mounts(room, "");
    room.path("scratch/pointsman-web1").display().to_string()
}

/// What is mounted: the root, the live slice over NFS, and more.
fn mounts(room: &Room, more: &str) {
    fs::create_dir_all(room.path("proc/self")).unwrap();
    let text = format!(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / {} rw - nfs4 10.0.0.9:/srv/web1 rw\n{more}",
        room.path("live").display()
    );
    fs::write(room.path("proc/self/mountinfo"), text).unwrap();
}

#[test]
fn only_a_directory_with_our_mark_is_written_to_and_removed() {
    for shell in shells() {
        let room = room(shell);
        let place = place(&room);
        let state = || looks(&room, &["scratch_state", &place]);
        assert_eq!(state(), "free\n", "{shell}");
        runs(&room, 0, &["scratch_begin", &place, MARK]);
        assert_eq!(state(), format!("mark {MARK}\n"), "{shell}");
        assert_eq!(looks(&room, &["scratch_ready", &place, MARK]), "ready\n", "{shell}");
        assert!(
            looks(&room, &["scratch_ready", &place, "another"]).contains("mark test"),
            "{shell}"
        );
        // What was restored is removed, hidden files and links as well, and nothing that a link leads to.
        fs::write(room.path("scratch/pointsman-web1/tree/.hidden"), "x").unwrap();
        fs::write(room.path("live/kept"), "x").unwrap();
        std::os::unix::fs::symlink(room.path("live"), room.path("scratch/pointsman-web1/tree/link")).unwrap();
        assert_eq!(step_of(&room, 1, &["scratch_clear", &place, "another"]).0, 1, "{shell}");
        mounts(&room, &format!("40 22 0:50 / {place}/tree/deep rw - tmpfs tmpfs rw\n"));
        assert!(state().contains("something is mounted at"), "{shell}");
        assert_eq!(step_of(&room, 2, &["scratch_clear", &place, MARK]).0, 1, "{shell}");
        mounts(&room, "");
        runs(&room, 3, &["scratch_begin", &place, MARK]);
        assert!(!room.path("scratch/pointsman-web1/tree/.hidden").exists(), "{shell}");
        runs(&room, 4, &["scratch_clear", &place, MARK]);
        assert_eq!(state(), "free\n", "{shell}");
        assert!(room.path("live/kept").exists(), "{shell}");
        runs(&room, 5, &["scratch_clear", &place, MARK]);
        // An empty directory is nobody's; one that holds anything, a link or a file is.
        fs::create_dir(room.path("scratch/pointsman-web1")).unwrap();
        assert_eq!(state(), "free\n", "{shell}");
        fs::write(room.path("scratch/pointsman-web1/data"), "somebody's").unwrap();
        assert_eq!(state(), "used it has no mark of ours\n", "{shell}");
        assert_eq!(step_of(&room, 6, &["scratch_begin", &place, MARK]).0, 1, "{shell}");
        assert!(room.path("scratch/pointsman-web1/data").exists(), "{shell}");
        fs::remove_dir_all(room.path("scratch/pointsman-web1")).unwrap();
        std::os::unix::fs::symlink(room.path("live"), room.path("scratch/pointsman-web1")).unwrap();
        assert_eq!(state(), "used it is a symbolic link\n", "{shell}");
        assert_eq!(step_of(&room, 7, &["scratch_clear", &place, MARK]).0, 1, "{shell}");
        fs::remove_file(room.path("scratch/pointsman-web1")).unwrap();
        for mode in [0o777, 0o770] {
            fs::set_permissions(room.path("scratch"), fs::Permissions::from_mode(mode)).unwrap();
            assert!(state().contains("others than its user"), "{shell} {mode:o}");
        }
        let nowhere = room.path("nowhere/at").display().to_string();
        assert!(
            looks(&room, &["scratch_state", &nowhere]).contains("is no directory"),
            "{shell}"
        );
    }
}

/// Who owns the directory, or what is above it, puts something else there between two looks.
#[test]
fn a_directory_of_somebody_else_is_none_of_ours() {
    let room = room("sh");
    let place = place(&room);
    runs(&room, 0, &["scratch_begin", &place, MARK]);
    // As if somebody else looked at what this user has made.
    room.program("id", "echo 4711");
    assert!(looks(&room, &["scratch_state", &place]).contains("others than its user 4711"));
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        assert!(std::env::var("CI").is_err(), "needs root");
        println!("NOT RUN: only root gives a directory away");
        return;
    }
    room.program("id", "echo 0");
    let given = Command::new("chown").arg("4711").arg(&place).status().unwrap();
    assert!(given.success());
    assert_eq!(
        looks(&room, &["scratch_state", &place]),
        "used it does not belong to the user 0\n"
    );
    assert_eq!(step_of(&room, 1, &["scratch_clear", &place, MARK]).0, 1);
}

/// Mounts are told by the path that links lead to: by another one none would be found, and `rm -rf` would go on there.
#[test]
fn a_way_over_a_link_is_no_way_to_a_scratch_directory() {
    for shell in shells() {
        let room = room(shell);
        let place = place(&room);
        runs(&room, 0, &["scratch_begin", &place, MARK]);
        let kept = room.path("scratch/pointsman-web1/tree/deep");
        fs::create_dir(&kept).unwrap();
        mounts(&room, &format!("40 22 0:50 / {place}/tree/deep rw - tmpfs tmpfs rw\n"));
        std::os::unix::fs::symlink(room.path("scratch"), room.path("link")).unwrap();
        let ways = [
            "link/pointsman-web1",
            "scratch//pointsman-web1",
            "./scratch/pointsman-web1",
        ];
        for (at, way) in ways.iter().enumerate() {
            let way = format!("{}/{way}", room.directory.path().display());
            let state = looks(&room, &["scratch_state", &way]);
            assert!(state.contains("write that"), "{shell} {way}: {state}");
            assert_eq!(
                step_of(&room, at + 1, &["scratch_clear", &way, MARK]).0,
                1,
                "{shell} {way}"
            );
            assert!(kept.exists(), "{shell} {way}");
        }
    }
}

/// So many seconds from now, since 1970.
fn from_now(seconds: i64) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    (i64::try_from(now).unwrap() + seconds).to_string()
}

/// Looks at what was restored, as a task; `since` is in seconds from now.
fn compared(room: &Room, step: usize, place: &str, live: &str, since: i64, more: &[&str]) -> Found {
    let since = from_now(since);
    runs(room, step, &["task_forget", "b-check"]);
    let (tree, work) = (format!("{place}/tree"), format!("{place}/work"));
    let words = ["backup_compare", "b-check", "600", &tree, &work, live, &since];
    runs(room, step + 1, &[&words[..], more].concat());
    comes("its end", || !one(room, "b-check").is_alive());
    found(room)
}

/// What the task has found.
fn found(room: &Room) -> Found {
    let task = one(room, "b-check");
    assert!(matches!(task.is, Is::Ended { code: 0, .. }), "{task:?}");
    Found::parse(task.log.iter().map(String::as_str)).unwrap()
}

/// What takes a lost slice's place is counted where it is: nothing is written beside it, and our mark is no file of it.
#[test]
fn what_takes_a_slices_place_is_counted_where_it_is() {
    for shell in shells() {
        let room = room(shell);
        place(&room);
        fs::create_dir_all(room.path("served/customers")).unwrap();
        fs::write(room.path("served/.pointsman-copy"), "web1 of lab from web1-3\n").unwrap();
        let at = room.path("served").display().to_string();
        let counted = |step: usize, paths: &[&str]| {
            runs(&room, step, &["task_forget", "r-check"]);
            let words = ["backup_compare", "r-check", "600", &at, "-", "-", "0", "0"];
            runs(&room, step + 1, &[&words[..], paths].concat());
            comes("its end", || !one(&room, "r-check").is_alive());
            let task = one(&room, "r-check");
            assert!(matches!(task.is, Is::Ended { code: 0, .. }), "{task:?}");
            Found::parse(task.log.iter().map(String::as_str)).unwrap()
        };
        let empty = counted(0, &["customers"]);
        assert_eq!(empty.trouble(0).as_deref(), Some("it holds no file"), "{shell}");
        fs::write(room.path("served/customers/a b"), "one").unwrap();
        fs::write(room.path("served/index"), "four").unwrap();
        let whole = counted(2, &["customers", "index"]);
        assert_eq!((whole.files, whole.bytes, whole.trouble(0)), (2, 7, None), "{shell}");
        assert_eq!(whole.live, None, "{shell}");
        let lacks = counted(4, &["customers", "gone"]);
        assert_eq!(lacks.trouble(0).as_deref(), Some("it has no gone"), "{shell}");
        let mut left: Vec<_> = fs::read_dir(room.path("served"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".pointsman-copy", "customers", "index"], "{shell}");
        runs(&room, 6, &["task_forget", "r-check"]);
        assert_eq!(one(&room, "r-check").is, Is::None, "{shell}: nothing of it is kept");
        // What cannot be read is no count.
        fs::remove_dir_all(room.path("served")).unwrap();
        let words = ["backup_compare", "r-check", "600", &at, "-", "-", "0", "0"];
        runs(&room, 7, &words);
        comes("its end", || !one(&room, "r-check").is_alive());
        assert!(matches!(one(&room, "r-check").is, Is::Ended { code: 1, .. }), "{shell}");
    }
}

#[test]
fn what_was_restored_is_counted_and_compared_with_what_is_live() {
    for shell in shells() {
        let room = room(shell);
        let (place, live) = (place(&room), room.path("live").display().to_string());
        runs(&room, 0, &["scratch_begin", &place, MARK]);
        for at in ["live", "scratch/pointsman-web1/tree"] {
            fs::create_dir(room.path(at).join("customers")).unwrap();
            fs::write(room.path(at).join("customers/a b\\c"), "one").unwrap();
            fs::write(room.path(at).join("index"), "two").unwrap();
        }
        // As if the backup began in ten minutes: all that is live is older.
        let good = compared(&room, 1, &place, &live, 600, &["0", "customers", "index"]);
        assert_eq!(
            (good.files, good.bytes, good.trouble(0)),
            (2, 6, None),
            "{shell}: {good:?}"
        );
        assert_eq!(good.live.map(|live| (live.files, live.read)), Some((2, 2)), "{shell}");
        // Of what is younger nothing is expected.
        let young = compared(&room, 3, &place, &live, 0, &["0"]);
        assert_eq!(young.live.map(|live| live.files), Some(0), "{shell}");
        // The same size and other content: only reading can tell.
        fs::write(room.path("live/index"), "owt").unwrap();
        let differs = compared(&room, 5, &place, &live, 600, &["0", "customers", "gone"]);
        let why = differs.trouble(0).unwrap();
        assert!(
            why.contains("it has no gone") && why.contains("1 have other content (differs index)"),
            "{shell}: {why}"
        );
        fs::write(room.path("live/index"), "three").unwrap();
        fs::write(room.path("live/customers/new"), "x").unwrap();
        let missing = compared(&room, 7, &place, &live, 600, &["1"]);
        let counted = missing.live.unwrap();
        assert_eq!((counted.missing, counted.read), (2, 1), "{shell}: {missing:?}");
        let examples = ["missing customers/new", "missing index"].map(str::to_owned);
        assert!(
            examples.iter().all(|wanted| missing.examples.contains(wanted)),
            "{shell}: {missing:?}"
        );
        // Without the live slice only what it holds is counted.
        let alone = compared(&room, 9, &place, "-", 600, &["0", "customers"]);
        assert_eq!((alone.files, alone.live, alone.trouble(0)), (2, None, None), "{shell}");
        runs(
            &room,
            11,
            &["backup_record", "b", "b-check", "web1-3", "1795200000", "0"],
        );
        let told = Told::parse(&looks(&room, &["backup_told", "b"])).unwrap().unwrap();
        assert_eq!((told.backup.as_str(), told.since), ("web1-3", 1_795_200_000), "{shell}");
        assert_eq!(told.found, alone, "{shell}");
        assert_eq!(
            Told::parse(&looks(&room, &["backup_told", "other"])).unwrap(),
            None,
            "{shell}"
        );
        runs(&room, 12, &["scratch_clear", &place, MARK]);
    }
}

/// An empty mount point is no live slice, and a restore that found nothing is no good backup.
#[test]
fn nothing_is_compared_with_an_empty_mount_point_and_an_empty_backup_is_not_good() {
    let room = room("sh");
    let (place, live) = (place(&room), room.path("live").display().to_string());
    runs(&room, 0, &["scratch_begin", &place, MARK]);
    fs::write(
        room.path("proc/self/mountinfo"),
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
    )
    .unwrap();
    let tree = format!("{place}/tree");
    let words = ["backup_compare", "b-check", "600", &tree, "-", &live, "0", "0"];
    assert_eq!(step_of(&room, 1, &words).0, 1);
    let empty = compared(&room, 2, &place, "-", 600, &["0"]);
    assert!(empty.trouble(0).is_some_and(|why| why.contains("no file")), "{empty:?}");
    // What did not end well is not written down.
    runs(&room, 8, &["task_go", "bad", "600", "false"]);
    comes("its end", || !one(&room, "bad").is_alive());
    assert_eq!(
        step_of(&room, 9, &["backup_record", "b", "bad", "web1-3", "1", "0"]).0,
        1
    );
    assert_eq!(looks(&room, &["backup_told", "b"]), "no\nend\n");
}

/// A file that cannot be read is no file that was compared.
#[test]
fn what_cannot_be_read_is_told() {
    let room = room("sh");
    let (place, live) = (place(&room), room.path("live").display().to_string());
    runs(&room, 0, &["scratch_begin", &place, MARK]);
    for at in ["live", "scratch/pointsman-web1/tree"] {
        fs::write(room.path(at).join("a"), "one").unwrap();
    }
    room.program("cmp", "exit 2");
    let found = compared(&room, 1, &place, &live, 600, &["0"]);
    let why = found.trouble(0).unwrap();
    assert!(
        why.contains("1 could not be read") && why.contains("./a: cannot be read"),
        "{why}"
    );
}

/// A live slice and a restored backup with these files in both, of one size and with other content.
fn both(room: &Room, files: &[&str]) -> (String, String) {
    let (place, live) = (place(room), room.path("live").display().to_string());
    runs(room, 0, &["scratch_begin", &place, MARK]);
    for (at, text) in [("live", "one"), ("scratch/pointsman-web1/tree", "two")] {
        for file in files {
            fs::write(room.path(at).join(file), text).unwrap();
        }
    }
    (place, live)
}

/// Nothing is found in a slice that has gone: that its files are gone as well says nothing of the backup.
#[test]
fn a_slice_that_goes_away_while_it_is_compared_is_no_verdict() {
    for shell in shells() {
        let room = room(shell);
        let (place, live) = both(&room, &["a", "b"]);
        // Another filesystem is at its place then, without these files.
        let goes = format!("[ -h {live} ] || {{ mv {live} {live}.gone; ln -s /proc {live}; }}; exit 2");
        room.program("cmp", &goes);
        let tree = format!("{place}/tree");
        let work = format!("{place}/work");
        let since = from_now(600);
        let words = ["backup_compare", "b-check", "600", &tree, &work, &live, &since, "0"];
        runs(&room, 1, &words);
        comes("its end", || !one(&room, "b-check").is_alive());
        let task = one(&room, "b-check");
        assert!(matches!(task.is, Is::Ended { code: 1, .. }), "{shell}: {task:?}");
        assert!(task.last_words().contains("is not what it was"), "{shell}: {task:?}");
    }
}

/// A file that is only hard to reach is not one that was deleted.
#[test]
fn only_a_file_that_is_not_there_was_deleted_meanwhile() {
    let room = room("sh");
    let (place, live) = both(&room, &["gone", "stale"]);
    room.program("cmp", &format!("rm -f {live}/gone; exit 2"));
    let stale = "case \"$*\" in '-- '*/stale) echo \"stat: cannot stat '$2': Stale file handle\" >&2; exit 1 ;; esac\n\
                 PATH=/usr/bin:/bin; exec stat \"$@\"";
    room.program("stat", stale);
    let found = compared(&room, 1, &place, &live, 600, &["0"]);
    assert_eq!(found.live.map(|live| live.unread), Some(1), "{found:?}");
    assert!(
        found.examples.contains(&"unread ./stale: cannot be read".to_owned()),
        "{found:?}"
    );
}

/// What was written behind the list is not in the backup, however long the comparison takes.
#[test]
fn a_file_that_is_written_while_a_long_comparison_runs_does_not_differ() {
    for shell in shells() {
        let room = room(shell);
        let (place, live) = both(&room, &["a"]);
        // The list was made an hour ago; the file is written, and compared, now.
        let later = room.path("later").display().to_string();
        room.program(
            "date",
            &format!("PATH=/usr/bin:/bin; if [ -e {later} ]; then exec date \"$@\"; fi; echo $(($(date +%s) - 3600))"),
        );
        room.program("cmp", &format!("touch {later} {live}/a; exit 1"));
        let found = compared(&room, 1, &place, &live, 600 - 3600, &["0"]);
        let counted = found.live.unwrap();
        assert_eq!(
            (counted.files, counted.missing, counted.differ),
            (1, 0, 0),
            "{shell}: {found:?}"
        );
    }
}

/// A task tells its last lines alone: what was found has to be among them, however much is wrong.
#[test]
fn a_backup_that_lacks_everything_has_a_verdict() {
    for shell in shells() {
        let room = room(shell);
        let files: Vec<String> = (0..60).map(|number| format!("file-{number}")).collect();
        let (place, live) = both(&room, &[]);
        for file in &files {
            fs::write(room.path("live").join(file), "x").unwrap();
        }
        let mut words = vec!["0"];
        words.extend(files.iter().map(String::as_str));
        let found = compared(&room, 1, &place, &live, 600, &words);
        assert_eq!((found.lacking, found.lacks.len()), (60, 5), "{shell}: {found:?}");
        assert!(
            found
                .trouble(0)
                .is_some_and(|why| why.contains("file-4 and 55 more") && why.contains("60 live files")),
            "{shell}: {found:?}"
        );
        runs(
            &room,
            3,
            &["backup_record", "b", "b-check", "web1-3", "1795200000", "0"],
        );
        let told = Told::parse(&looks(&room, &["backup_told", "b"])).unwrap().unwrap();
        assert_eq!(told.found, found, "{shell}");
    }
}

/// Looks at what was restored of a database.
fn checked(room: &Room, step: usize, place: &str, more: &[&str]) -> Found {
    runs(room, step, &["task_forget", "b-check"]);
    runs(
        room,
        step + 1,
        &[&["database_compare", "b-check", "600", place], more].concat(),
    );
    comes("its end", || !one(room, "b-check").is_alive());
    found(room)
}

/// That this host has another kind of server says nothing of a backup.
#[test]
fn without_a_server_of_mariadb_there_is_no_verdict() {
    for shell in shells() {
        let room = room(shell);
        let place = place(&room);
        runs(&room, 0, &["scratch_begin", &place, MARK]);
        room.program(
            "mariadbd",
            "echo 'mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)'",
        );
        let (exit, text) = step_of(&room, 1, &["database_compare", "b-check", "600", &place, "-"]);
        assert_eq!((exit, text.contains("none of MariaDB")), (127, true), "{shell}: {text}");
        assert_eq!(one(&room, "b-check").is, Is::None, "{shell}");
    }
}

/// By a real server: a dump, a data directory, a table that is broken, and what is no database at all.
#[test]
fn a_server_comes_up_on_what_was_restored_of_a_database() {
    for program in ["/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db"] {
        assert!(
            Path::new(program).exists(),
            "{program} is missing: install the package mariadb-server"
        );
    }
    // Steps run as root, and so does the server that looks at a backup.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        assert!(std::env::var("CI").is_err(), "needs root");
        println!("NOT RUN: a database server for a test of a backup runs as root");
        return;
    }
    let room = room("sh");
    let place = place(&room);
    let tree = room.path("scratch/pointsman-web1/tree");
    runs(&room, 0, &["scratch_begin", &place, MARK]);
    let dump = "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB;
        INSERT INTO shop.orders VALUES (1), (2); CREATE TABLE shop.heartbeat (ts VARCHAR(26), server_id INT);
        INSERT INTO shop.heartbeat VALUES ('2026-11-21T02:59:58.001', 1), ('2026-11-21T02:59:57.001', 2);
        CREATE TABLE shop.cache (id INT) ENGINE=MEMORY; CREATE TABLE shop.prices (id INT) WITH SYSTEM VERSIONING;";
    fs::write(tree.join("shop.sql"), dump).unwrap();
    let found = checked(
        &room,
        1,
        &place,
        &["shop.heartbeat", "shop.orders", "shop.gone", "shop.prices"],
    );
    assert_eq!(
        (found.tables, found.lacks.as_slice()),
        (Some((4, 0)), &["shop.gone".to_owned()][..]),
        "{found:?}"
    );
    assert_eq!(found.reaches, ["2026-11-21T02:59:58.001"]);
    // The data directory that this made, as a backup of its own.
    fs::remove_dir_all(&tree).unwrap();
    fs::rename(room.path("scratch/pointsman-web1/work/data"), &tree).unwrap();
    fs::write(tree.join("mariadb_backup_binlog_info"), "binlog.000042\t4711\t0-1-77\n").unwrap();
    // It is from a host with more directories than one, and with a link out of its own: none of them are this host's.
    let elsewhere = room.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let options = format!(
        "[mysqld]\ninnodb_undo_directory={0}\ninnodb_data_home_dir={0}\ninnodb_log_group_home_dir={0}\n\
         innodb_page_size=16384\ngeneral_log=1\ngeneral_log_file={0}/log\nlog_error={0}/errors\n",
        elsewhere.display()
    );
    fs::write(tree.join("backup-my.cnf"), options).unwrap();
    fs::write(elsewhere.join("live.MYD"), "rows").unwrap();
    std::os::unix::fs::symlink(elsewhere.join("live.MYD"), tree.join("shop/live.MYD")).unwrap();
    fs::write(
        tree.join("shop/orders.isl"),
        elsewhere.join("orders.ibd").display().to_string(),
    )
    .unwrap();
    let found = checked(&room, 3, &place, &["-", "shop.orders"]);
    assert_eq!((found.tables, found.trouble(0)), (Some((4, 0)), None), "{found:?}");
    let kept: Vec<_> = fs::read_dir(&elsewhere)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(kept, ["live.MYD"]);
    assert_eq!(fs::read_to_string(elsewhere.join("live.MYD")).unwrap(), "rows");
    assert_eq!(found.reaches, ["binlog.000042 4711 0-1-77"]);
    // The table's file is there, with the size that it had, and nothing in it.
    let file = tree.join("shop/orders.ibd");
    let size = fs::metadata(&file).unwrap().len();
    fs::write(&file, vec![0; usize::try_from(size).unwrap()]).unwrap();
    let found = checked(&room, 5, &place, &["-"]);
    assert!(found.tables.is_some_and(|(_, bad)| bad == 1), "{found:?}");
    assert!(
        found.trouble(0).is_some_and(|why| why.contains("broken shop.orders: ")),
        "{found:?}"
    );
    // No server comes up on half of a data directory, and none on something else.
    fs::remove_file(tree.join("ibdata1")).unwrap();
    let found = checked(&room, 7, &place, &["-"]);
    assert!(
        found
            .trouble(0)
            .is_some_and(|why| why.contains("no server comes up on it")),
        "{found:?}"
    );
    fs::remove_dir_all(tree.join("mysql")).unwrap();
    let found = checked(&room, 9, &place, &["-"]);
    assert!(
        found
            .trouble(0)
            .is_some_and(|why| why.contains("neither a data directory nor a file *.sql")),
        "{found:?}"
    );
    // What a dump says to the client, and not to the server, is not done.
    let planted = room.path("planted");
    fs::write(
        tree.join("bad.sql"),
        format!("\\! touch {}\nCREATE TABEL;\n", planted.display()),
    )
    .unwrap();
    let found = checked(&room, 11, &place, &["-"]);
    assert!(
        found
            .trouble(0)
            .is_some_and(|why| why.contains("bad.sql cannot be loaded")),
        "{found:?}"
    );
    assert!(!planted.exists());
    runs(&room, 13, &["scratch_clear", &place, MARK]);
}
