//! ZFS pools, by a `zpool` that prints what real ones have printed.

use super::{
    disks::{looked, said},
    *,
};

/// A `zpool` that prints that of its pool, and keeps what else it was asked.
fn zpool(room: &Room, status: &Path, pauses: bool) {
    let usage = if pauses {
        "scrub [-s | -p] [-w] <pool> ..."
    } else {
        "scrub [-s] <pool> ..."
    };
    let list = if pauses {
        "printf 'tank\\t1048576\\t524288\\t524288\\tONLINE\\n'"
    } else {
        "case $2 in -Hp) exit 2 ;; esac; printf 'tank\\t1.2T\\t5G\\t1.1T\\tONLINE\\n'"
    };
    let text = format!(
        "case \"$*\" in\n'status tank') cat {status} ;;\n'status -v tank') cat {status} ;;\nstatus*) echo 'no such pool' >&2; exit 1 ;;\n\
         scrub) echo 'missing pool name argument' >&2; echo 'usage: {usage}' >&2; exit 2 ;;\nlist*) {list} ;;\n*) echo \"$*\" >>{ran} ;;\nesac",
        status = status.display(),
        ran = room.path("ran").display()
    );
    room.program("zpool", &text);
}

fn captured(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name)
}

/// A block device as /sys has it.
fn disk(room: &Room, name: &str) {
    room.file(&format!("sys/class/block/{name}/size"), b"2048\n");
    room.file(&format!("dev/{name}"), b"");
}

#[test]
fn a_pool_is_told_with_the_disks_behind_its_devices() {
    for shell in shells() {
        let room = Room::new(shell);
        disk(&room, "sda");
        disk(&room, "sdc1");
        let by_id = room.path("dev/disk/by-id");
        fs::create_dir_all(&by_id).unwrap();
        std::os::unix::fs::symlink("../../sdc1", by_id.join("sdd")).unwrap();
        let status = captured("forms/zpool-status");
        zpool(&room, &status, true);
        let (exit, text) = looked(&room, "zfs_pool tank");
        assert_eq!(exit, 0, "{shell}");
        let (head, body) = text.split_once("\nstatus\n").unwrap();
        let expected = [
            "pauses yes",
            "list tank\t1048576\t524288\t524288\tONLINE",
            "disk sda sda sda - - 1024 -",
            // A name that leads there alone.
            "disk sdd sdc1 sdc1 - - 1024 -",
        ];
        assert_eq!(head.lines().collect::<Vec<_>>(), expected, "{shell}");
        let printed = fs::read_to_string(&status).unwrap();
        assert_eq!(body, format!("{}\nend\n", printed.trim_end()), "{shell}");
        assert_eq!(looked(&room, "zfs_pool vault").0, 1, "{shell}");
    }
}

/// zfs-fuse: no -p, no pause, and devices that are files.
#[test]
fn a_pool_of_files_is_told_by_their_sizes() {
    for shell in shells() {
        let room = Room::new(shell);
        room.file("disks/disk1.img", [0; 4096]);
        let status = room.path("status");
        let printed = fs::read_to_string(captured("zfs/0.7.0-online")).unwrap();
        let disks = room.path("disks").display().to_string();
        fs::write(&status, printed.replace("/srv/disks", &disks)).unwrap();
        zpool(&room, &status, false);
        let (exit, text) = looked(&room, "zfs_pool tank");
        let head = text.split_once("\nstatus\n").map(|(head, _)| head);
        let expected = format!("pauses no\nlist tank\t1.2T\t5G\t1.1T\tONLINE\ndisk {disks}/disk1.img - - - - 4 -");
        assert_eq!((exit, head), (0, Some(expected.as_str())), "{shell}");
    }
}

#[test]
fn files_that_have_lost_blocks_are_counted_and_the_first_are_named() {
    for shell in shells() {
        let room = Room::new(shell);
        let status = room.path("status");
        let printed = fs::read_to_string(captured("zfs/0.7.0-errors")).unwrap();
        let (head, _) = printed.split_once("errors:").unwrap();
        let list: Vec<String> = (0..30)
            .map(|n| format!("        /tank/slices/{n} with blanks\n"))
            .collect();
        let errors = format!(
            "{head}errors: Permanent errors have been detected in the following files:\n\n{}",
            list.concat()
        );
        fs::write(&status, errors).unwrap();
        zpool(&room, &status, true);
        let (exit, text) = looked(&room, "zfs_files tank");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((exit, lines.len(), lines[0]), (0, 21, "30"), "{shell}");
        assert_eq!(lines[20], "/tank/slices/19 with blanks", "{shell}");
        // So many that nobody waits for all of their names.
        fs::write(
            &status,
            format!("{head}errors: Permanent errors:\n\n{}", list.concat().repeat(300)),
        )
        .unwrap();
        let (exit, text) = looked(&room, "zfs_files tank");
        let count = text
            .lines()
            .next()
            .and_then(|line| line.strip_suffix('+'))
            .map(str::parse::<u32>);
        assert!(exit == 0 && matches!(count, Some(Ok(4900..5000))), "{shell}: {text}");
        fs::write(&status, &printed).unwrap();
        assert_eq!(looked(&room, "zfs_files tank"), said("0"), "{shell}");
        assert_ne!(looked(&room, "zfs_files vault").0, 0, "{shell}");
    }
}

/// What waits in the kernel dies of no signal: a second one beside it would only wait as well.
#[test]
fn beside_a_zpool_that_hangs_no_other_one_is_begun() {
    for shell in shells() {
        let room = Room::new(shell);
        fs::create_dir(room.path("run")).unwrap();
        let (began, over) = (
            room.path("began").display().to_string(),
            room.path("over").display().to_string(),
        );
        // timeout(1) does not come back before its child is gone.
        room.program("timeout", "shift 3; \"$@\"");
        room.program(
            "zpool",
            &format!("echo x >>{began}; until [ -e {over} ]; do sleep 0.1; done; echo 'no such pool' >&2; exit 1"),
        );
        let look = |words: &[&str]| Request::Look(vec![words.iter().map(|word| (*word).to_owned()).collect()]);
        let hangs = room.start(&look(&["zfs_pool", "tank"]));
        until(&room.path("began"));
        for function in ["zfs_pool tank", "zfs_files tank"] {
            assert_eq!(looked(&room, function).0, 1, "{shell} {function}");
        }
        assert_eq!(fs::read_to_string(room.path("began")).unwrap(), "x\n", "{shell}");
        room.file("over", "");
        hangs.wait_with_output().unwrap();
        assert_ne!(looked(&room, "zfs_pool tank").0, 0, "{shell}");
        assert_eq!(
            fs::read_to_string(room.path("began")).unwrap(),
            "x\nx\n",
            "{shell}: it is asked again"
        );
    }
}

/// Asked of a pool whose scrub somebody has ended, zpool(8) would begin another one.
#[test]
fn a_scrub_goes_on_only_where_one_pauses() {
    for shell in shells() {
        let room = Room::new(shell);
        let ran = || fs::read_to_string(room.path("ran")).unwrap_or_default();
        for (scan, begun) in [
            ("scrub canceled on Sun Nov  8 00:24:12 2026", ""),
            ("scrub paused since Sun Nov  8 00:24:12 2026", "scrub tank\n"),
        ] {
            room.file("status", format!("  pool: tank\n state: ONLINE\n  scan: {scan}\n"));
            zpool(&room, &room.path("status"), true);
            assert_eq!(
                (looked(&room, "pool_on tank").0 == 0, ran().as_str()),
                (!begun.is_empty(), begun),
                "{shell}"
            );
        }
    }
}

/// Detached is only what shares its place with the old one.
#[test]
fn a_new_disk_leaves_only_while_it_shares_its_place() {
    for shell in shells() {
        let room = Room::new(shell);
        zpool(&room, &captured("forms/zpool-status"), true);
        let ran = || fs::read_to_string(room.path("ran")).unwrap_or_default();
        let keep = |new: &str| looked(&room, &format!("pool_keep tank 1234567890 {new}")).0;
        assert_eq!((keep("sdd"), ran().as_str()), (1, ""), "{shell}: it has a place alone");
        assert_eq!((keep("sdq"), ran().as_str()), (0, ""), "{shell}: it is not in the pool");
        assert_eq!((keep("sdc"), ran().as_str()), (0, "detach tank /dev/sdc\n"), "{shell}");
        assert_ne!(looked(&room, "pool_keep vault sdb sdc").0, 0, "{shell}");
    }
}
