//! NFS mounts of a client, by a tree of files as the kernel shows them and by programs in the place of the real ones.

use super::*;
use std::os::unix::fs::symlink;

const MOUNTS: &str = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
    36 22 0:52 / /mnt/web1 rw,noatime shared:40 - nfs4 nas1:/srv/web1 rw,vers=4.2,hard,addr=10.0.0.31\n\
    37 22 0:53 / /mnt/two\\040words rw - nfs nas2:/srv/web2 rw,vers=3,hard,addr=10.0.0.32\n\
    38 22 0:54 / /mnt/web3 rw - nfs nas3:/srv/web3 rw,vers=3,hard,addr=10.0.0.33\n";

/// A client that mounts three slices; statfs of the first hangs, of the third is stale, and the second has an answer.
fn room(shell: &'static str) -> Room {
    let room = Room::new(shell);
    room.file("proc/self/mountinfo", MOUNTS);
    room.program(
        "stat",
        "for at; do :; done; case $at in /mnt/web1*) exec sleep 60 ;; '/mnt/two words') exit 0 ;; esac\n\
         echo \"stat: cannot read file system information for '$at': Stale file handle\" >&2; exit 1",
    );
    room
}

fn looked(room: &Room, line: &[&str]) -> (i32, String) {
    let printed = room.look(line.iter().map(|word| (*word).to_owned()).collect());
    (printed.exit, printed.text)
}

/// Runs a command of a step: its exit code and what it printed.
fn ran(room: &Room, step: usize, line: &[&str]) -> (i32, String) {
    if step == 0 {
        room.call(&claim("run-1", 1));
    }
    match room.call(&act("run-1", 1, step, line)).remove(0) {
        Said::Ran(printed) => (printed.exit, printed.text),
        other => panic!("{other:?}"),
    }
}

/// A process as /proc has it.
fn process(room: &Room, pid: u32, state: char, mount: Option<u32>, unit: &str) {
    let there = format!("proc/{pid}");
    // The name holds what would end it.
    let rest = "0 ".repeat(18);
    room.file(
        &format!("{there}/stat"),
        format!("{pid} (a) S 1 b) {state} {rest}{pid}77 0 0\n"),
    );
    room.file(&format!("{there}/comm"), "a) S 1 b\n");
    room.file(
        &format!("{there}/status"),
        "Name:\ta\nUid:\t33\t33\t33\t33\nvoluntary_ctxt_switches:\t7\n",
    );
    room.file(&format!("{there}/cgroup"), format!("0::/{unit}\n"));
    room.file(&format!("{there}/maps"), "5581-5582 r--p 00000000 08:01 77 /bin/sh\n");
    room.file(&format!("{there}/wchan"), "rpc_wait_bit_killable\n");
    fs::create_dir_all(room.path(&format!("{there}/fdinfo"))).unwrap();
    if let Some(mount) = mount {
        room.file(
            &format!("{there}/fdinfo/5"),
            format!("pos:\t0\nflags:\t02\nmnt_id:\t{mount}\n"),
        );
    }
    for link in ["cwd", "root", "exe"] {
        symlink("/", room.path(&format!("{there}/{link}"))).unwrap();
    }
}

#[test]
fn each_mount_says_for_itself_how_it_answers() {
    for shell in shells() {
        let room = room(shell);
        let began = Instant::now();
        let (exit, text) = looked(&room, &["nfs_survey", "10.0.0.32"]);
        assert!(
            began.elapsed() < Duration::from_secs(6),
            "{shell}: {:?}",
            began.elapsed()
        );
        let mut lines: Vec<&str> = text.lines().collect();
        assert_eq!((exit, lines.pop()), (0, Some("end")), "{shell}: {text}");
        lines.sort_unstable();
        assert_eq!(lines, ["36 0:52 hangs", "37 0:53 answers", "38 0:54 stale"], "{shell}");
        let uses = |address| looked(&room, &["nfs_uses", address]);
        assert_eq!(uses("10.0.0.32"), (0, "1\n".to_owned()), "{shell}");
        assert_eq!(uses("10.0.0.3"), (0, "0\n".to_owned()), "{shell}");
        room.file("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        assert_eq!(looked(&room, &["nfs_survey"]), (0, "end\n".to_owned()), "{shell}");
        fs::remove_file(room.path("proc/self/mountinfo")).unwrap();
        assert_ne!(looked(&room, &["nfs_survey"]).0, 0, "{shell}");
        assert_ne!(looked(&room, &["nfs_uses", "10.0.0.3"]).0, 0, "{shell}");
    }
}

/// A process that not even a signal ends is a mount that hangs, and holds nothing that anybody waits for.
#[test]
fn a_child_that_cannot_be_killed_is_an_answer() {
    for shell in shells() {
        let room = room(shell);
        room.program(
            "timeout",
            "for at; do :; done; case $at in /mnt/web1) exec sleep 20 ;; esac; exec /usr/bin/timeout \"$@\"",
        );
        let began = Instant::now();
        let (_, text) = looked(&room, &["nfs_survey"]);
        assert!(
            began.elapsed() < Duration::from_secs(7),
            "{shell}: {:?}",
            began.elapsed()
        );
        assert!(
            text.contains("36 0:52 hangs\n") && text.contains("38 0:54 stale\n"),
            "{shell}: {text}"
        );
    }
}

#[test]
fn whoever_holds_a_mount_is_found_without_asking_it() {
    for shell in shells() {
        let room = room(shell);
        process(&room, 4001, 'D', Some(36), "system.slice/nginx.service");
        process(&room, 4002, 'S', Some(361), "user.slice/session-3.scope");
        process(&room, 4003, 'S', None, "");
        room.file("proc/4003/maps", "7f00-7f01 rw-s 00000000 00:34 131 /mnt/web1/m\n");
        process(&room, 4004, 'S', None, "");
        fs::remove_file(room.path("proc/4004/cwd")).unwrap();
        symlink("/mnt/web1/sub dir", room.path("proc/4004/cwd")).unwrap();
        // A directory that is called so that a line of ls(1) looks like another process's.
        process(&room, 4005, 'S', None, "");
        fs::remove_file(room.path("proc/4005/cwd")).unwrap();
        symlink(
            format!("/tmp/x\nlrwx {}/4002/cwd -> /mnt/web1", room.path("proc").display()),
            room.path("proc/4005/cwd"),
        )
        .unwrap();
        process(&room, 4006, 'S', None, "");
        fs::remove_file(room.path("proc/4006/cwd")).unwrap();
        symlink("/mnt/web10", room.path("proc/4006/cwd")).unwrap();
        let (exit, text) = looked(&room, &["nfs_holders", "36", "0:52", "/mnt/web1"]);
        let mut lines: Vec<&str> = text.lines().collect();
        assert_eq!((exit, lines.pop()), (0, Some("end")), "{shell}: {text}");
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "4001 400177 D 33 nginx.service file a__S_1_b",
                "4003 400377 S 33 - map a__S_1_b",
                "4004 400477 S 33 - cwd a__S_1_b",
            ],
            "{shell}"
        );
        let (_, held) = looked(&room, &["nfs_held", "10.0.0.31", "10.0.0.33"]);
        assert!(
            held.starts_with("36 0:52 40")
                && held.ends_with("\nend\n")
                && held.lines().filter(|line| !line.ends_with("cut")).count() == 4,
            "{shell}: {held}"
        );
        // It waits, and has not gone on since.
        assert_eq!(
            looked(&room, &["nfs_stuck"]).1,
            "4001 400177 a__S_1_b\nend\n",
            "{shell}"
        );
    }
}

#[test]
fn only_the_very_mount_is_taken_away_and_it_is_kept_how_it_was() {
    for shell in shells() {
        let room = room(shell);
        let log = room.path("umount.log");
        // The first by force does not do, for somebody holds it.
        room.program("mount", &format!("echo \"mount $*\" >>{}", log.display()));
        room.program(
            "umount",
            &format!("echo \"$*\" >>{0}; case $* in *-f*) echo busy >&2; exit 32 ;; esac\nsed -i '/ 0:52 /d' \"$POINTSMAN_PROC/self/mountinfo\"", log.display()),
        );
        let detach =
            |step, id: &str, source: &str| ran(&room, step, &["nfs_detach", id, "0:52", source, "/mnt/web1", "web1"]);
        // Another export with its numbers, another mount of the same: it is gone, and nothing is done.
        for (step, id, source) in [(0, "36", "nas9:/srv/web1"), (1, "35", "nas1:/srv/web1")] {
            let (exit, text) = detach(step, id, source);
            assert!(
                exit == 0 && text.contains("nothing of it is mounted any more"),
                "{shell}: {exit} {text}"
            );
        }
        // Something is below it.
        room.file(
            "proc/self/mountinfo",
            format!("{MOUNTS}40 36 0:60 / /mnt/web1/b rw - nfs nas5:/b rw,addr=10.9.9.9\n"),
        );
        let (exit, text) = detach(2, "36", "nas1:/srv/web1");
        assert!(
            exit == 1 && text.contains("/mnt/web1/b is mounted below it"),
            "{shell}: {exit} {text}"
        );
        // Something is over it.
        room.file(
            "proc/self/mountinfo",
            format!("{MOUNTS}41 36 0:61 / /mnt/web1 rw - tmpfs tmpfs rw\n"),
        );
        let (exit, text) = detach(3, "36", "nas1:/srv/web1");
        assert!(
            exit == 1 && text.contains("below 41 0:61 tmpfs"),
            "{shell}: {exit} {text}"
        );
        assert!(!log.exists(), "{shell}: something was unmounted");
        // It cannot be kept: then it is not taken away.
        room.file("proc/self/mountinfo", MOUNTS);
        room.file("store/mount", "in the way");
        let (exit, text) = detach(4, "36", "nas1:/srv/web1");
        assert!(exit == 1 && text.contains("cannot keep"), "{shell}: {exit} {text}");
        fs::remove_file(room.path("store/mount")).unwrap();
        room.file("sys/fs/nfs/0:52/shutdown", "0\n");
        let (exit, text) = detach(5, "36", "nas1:/srv/web1");
        assert!(exit == 0 && text.contains("detached"), "{shell}: {exit} {text}");
        assert_eq!(
            fs::read_to_string(&log).unwrap(),
            "-i -c -f -- /mnt/web1\n-i -c -l -- /mnt/web1\n\
             mount -t tmpfs -o ro,nosuid,nodev,size=64k pointsman-fenced /mnt/web1\n",
            "{shell}"
        );
        assert_eq!(
            fs::read_to_string(room.path("sys/fs/nfs/0:52/shutdown")).unwrap(),
            "1\n"
        );
        assert_eq!(
            looked(&room, &["nfs_kept"]).1,
            "web1\tnfs4\tnas1:/srv/web1\t/mnt/web1\trw,noatime\trw,vers=4.2,hard,addr=10.0.0.31\nend\n",
            "{shell}"
        );
    }
}

#[test]
fn what_holds_that_very_mount_is_ended_and_nothing_else() {
    for shell in shells() {
        let room = room(shell);
        let mut children: Vec<Child> = (0..2)
            .map(|_| Command::new("sleep").arg("60").spawn().unwrap())
            .collect();
        let [one, other] = [children[0].id(), children[1].id()];
        process(&room, one, 'D', Some(36), "");
        process(&room, other, 'D', Some(37), "");
        let (exit, text) = ran(&room, 0, &["nfs_end", "36", "0:52", "nas1:/srv/web9", "/mnt/web1"]);
        assert_eq!(
            (exit, text.as_str()),
            (0, "nothing of it is mounted any more\n"),
            "{shell}"
        );
        assert!(
            children[0].try_wait().unwrap().is_none(),
            "{shell}: ended for another export"
        );
        let (exit, text) = ran(&room, 1, &["nfs_end", "36", "0:52", "nas1:/srv/web1", "/mnt/web1"]);
        assert_eq!((exit, text), (0, format!("ended {one} a__S_1_b\n")), "{shell}");
        assert!(!children[0].wait().unwrap().success());
        assert!(
            children[1].try_wait().unwrap().is_none(),
            "{shell}: ended for another mount"
        );
        children[1].kill().unwrap();
        children[1].wait().unwrap();
    }
}

#[test]
fn it_is_mounted_again_where_nothing_else_is_and_is_tried() {
    for shell in shells() {
        let room = room(shell);
        let there = room.path("there");
        fs::create_dir(&there).unwrap();
        let at = there.to_str().unwrap();
        room.program("stat", "exit 0");
        room.program(
            "mount",
            &format!("echo \"$*\" >>{}; echo \"50 22 0:70 / {at} rw - nfs4 nas1:/srv/web1 rw,addr=10.0.0.31\" >>\"$POINTSMAN_PROC/self/mountinfo\"", room.path("mount.log").display()),
        );
        let attach = |step, source: &str| ran(&room, step, &["nfs_attach", "nfs4", source, at, "rw,vers=4.2"]);
        room.call(&claim("run-1", 1));
        fs::create_dir_all(room.path("store/mount")).unwrap();
        let name = format!("store/mount/{}.kept", at.replace('%', "%25").replace('/', "%2F"));
        room.file(&name, "kept\n");
        let (exit, text) = attach(1, "nas1:/srv/web1");
        assert!(exit == 0 && text.contains("it answers"), "{shell}: {exit} {text}");
        assert!(!room.path(&name).exists(), "{shell}: kept still");
        assert_eq!(fs::read_dir(&there).unwrap().count(), 0, "{shell}: something was left");
        assert_eq!(
            fs::read_to_string(room.path("mount.log")).unwrap(),
            format!("-t nfs -o rw,vers=4.2,retry=0 -- nas1:/srv/web1 {at}\n"),
            "{shell}"
        );
        // The cover of what was taken away stays, below it.
        let cover = format!("51 22 0:71 / {at} ro - tmpfs pointsman-fenced ro\n");
        fs::write(room.path("proc/self/mountinfo"), format!("{MOUNTS}{cover}")).unwrap();
        room.program("umount", "exit 1");
        let (exit, text) = attach(5, "nas1:/srv/web1");
        assert!(exit == 0 && text.contains("it answers"), "{shell}: {exit} {text}");
        let table = fs::read_to_string(room.path("proc/self/mountinfo")).unwrap();
        assert!(
            table.find("pointsman-fenced") < table.find(&format!("{at} rw - nfs4")),
            "{shell}: {table}"
        );
        fs::write(room.path("mount.log"), "once\n").unwrap();
        // Once more is no second mount, and another source is refused.
        room.file(&name, "kept\n");
        assert_eq!(attach(2, "nas1:/srv/web1").0, 0, "{shell}");
        assert_eq!(
            fs::read_to_string(room.path("mount.log")).unwrap().lines().count(),
            1,
            "{shell}"
        );
        let (exit, text) = attach(3, "nas9:/srv/web1");
        assert!(exit == 1 && text.contains("is mounted on"), "{shell}: {exit} {text}");
        // One that stops to answer keeps what was kept.
        room.file(&name, "kept\n");
        room.program("stat", "sleep 60");
        assert_eq!(attach(4, "nas1:/srv/web1").0, 1, "{shell}");
        assert!(room.path(&name).exists(), "{shell}");
    }
}

/// The kernel gives the numbers of the mount that went to its cover.
#[test]
fn the_cover_is_not_taken_for_the_mount_whose_numbers_it_got() {
    for shell in shells() {
        let room = room(shell);
        room.program(
            "umount",
            "echo umount >>\"$POINTSMAN_PROC/log\"; sed -i '/ 0:52 /d' \"$POINTSMAN_PROC/self/mountinfo\"",
        );
        room.program(
            "mount",
            "echo '36 22 0:52 / /mnt/web1 ro - tmpfs pointsman-fenced ro' >>\"$POINTSMAN_PROC/self/mountinfo\"",
        );
        let detach = |step| {
            ran(
                &room,
                step,
                &["nfs_detach", "36", "0:52", "nas1:/srv/web1", "/mnt/web1", "web1"],
            )
        };
        let (exit, text) = detach(0);
        assert!(exit == 0 && text.ends_with("unmounted\n"), "{shell}: {exit} {text}");
        let again = (0, "nothing of it is mounted any more\n".to_owned());
        assert_eq!(detach(1), again, "{shell}");
        let end = ["nfs_end", "36", "0:52", "nas1:/srv/web1", "/mnt/web1"];
        assert_eq!(ran(&room, 2, &end), again, "{shell}");
        assert_eq!(
            fs::read_to_string(room.path("proc/log")).unwrap(),
            "umount\n",
            "{shell}"
        );
    }
}

/// Nobody writes to this host's own disk there, and a cover would be mounted on the one that goes next.
#[test]
fn what_is_inside_another_nfs_mount_is_not_covered() {
    for shell in shells() {
        let room = room(shell);
        let inner = "40 36 0:60 / /mnt/web1/b rw - nfs nas5:/b rw,addr=10.0.0.31\n";
        room.file("proc/self/mountinfo", format!("{MOUNTS}{inner}"));
        let log = room.path("mount.log");
        room.program("umount", "sed -i '/ 0:60 /d' \"$POINTSMAN_PROC/self/mountinfo\"");
        room.program("mount", &format!("echo mounted >>{}", log.display()));
        let (exit, text) = ran(
            &room,
            0,
            &["nfs_detach", "40", "0:60", "nas5:/b", "/mnt/web1/b", "web1"],
        );
        assert!(exit == 0 && text.ends_with("unmounted\n"), "{shell}: {exit} {text}");
        assert!(!log.exists(), "{shell}: it was covered");
    }
}

/// Whoever may write to a slice can put a link at any name there, and root would write to where it leads on this host.
#[test]
fn the_trial_of_a_mount_follows_no_link() {
    for shell in shells() {
        let room = room(shell);
        room.program("stat", "exit 0");
        let there = room.path("there");
        fs::create_dir(&there).unwrap();
        let victim = room.path("victim");
        fs::write(&victim, "precious\n").unwrap();
        let at = there.to_str().unwrap();
        // The number in its name is that of a shell above the one that makes it.
        room.program(
            "mkdir",
            &format!(
                "pid=$PPID; for turn in 1 2 3 4 5 6 7 8; do ln -s {} {at}/.pointsman-$pid
                 pid=$(sed -n 's/^PPid:.//p' /proc/$pid/status); done 2>/dev/null
                 exec /bin/mkdir \"$@\"",
                victim.display()
            ),
        );
        let (exit, text) = ran(&room, 0, &["nfs_try", at]);
        assert!(exit == 1 && text.contains("cannot be made"), "{shell}: {exit} {text}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious\n", "{shell}");
    }
}

/// A path is one of the process's own mount namespace, and a container has services of the same names.
#[test]
fn what_lives_in_a_container_is_not_taken_for_a_holder() {
    for shell in shells() {
        let room = room(shell);
        process(
            &room,
            4001,
            'S',
            Some(36),
            "system.slice/box@1.service/payload/system.slice/nginx.service",
        );
        process(
            &room,
            4002,
            'S',
            Some(36),
            "machine.slice/box.scope/system.slice/nginx.service",
        );
        process(
            &room,
            4003,
            'S',
            Some(36),
            "system.slice/system-php.slice/php@8.service/worker",
        );
        process(&room, 4004, 'S', Some(36), "system.slice/box.scope/nginx.service");
        process(&room, 4007, 'S', Some(36), "system.slice/a\\x2db.service");
        let namespaces = [
            ("self", "mnt:[1]"),
            ("4005", "mnt:[2]"),
            ("4006", "mnt:[1]"),
            ("4008", "mnt:[3]"),
            ("4009", "mnt:[3]"),
        ];
        for (pid, namespace) in namespaces {
            fs::create_dir_all(room.path(&format!("proc/{pid}/ns"))).unwrap();
            symlink(namespace, room.path(&format!("proc/{pid}/ns/mnt"))).unwrap();
        }
        // The mount of the container is its own. That of a service (PrivateTmp=) follows the host's, under another number: its
        // files and its places hold it.
        let own = "71 22 0:52 / /mnt/web1 rw - nfs4 10.0.0.31:/srv/web1 rw\n";
        let follows = "91 22 0:52 / /mnt/web1 rw shared:4 master:1 - nfs4 10.0.0.31:/srv/web1 rw\n";
        process(&room, 4008, 'S', Some(91), "system.slice/php.service");
        process(&room, 4010, 'S', Some(71), "machine.slice/box.scope");
        for (pid, mounts) in [(4005, own), (4008, follows), (4009, follows), (4010, own)] {
            room.file(&format!("proc/{pid}/mountinfo"), mounts);
        }
        for pid in [4005, 4006, 4009] {
            process(&room, pid, 'S', None, "");
            fs::remove_file(room.path(&format!("proc/{pid}/cwd"))).unwrap();
            symlink("/mnt/web1/sub", room.path(&format!("proc/{pid}/cwd"))).unwrap();
        }
        let (_, text) = looked(&room, &["nfs_holders", "36", "0:52", "/mnt/web1"]);
        let mut units: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| Some((line.split(' ').next()?, line.split(' ').nth(4)?)))
            .collect();
        units.sort_unstable();
        assert_eq!(
            units,
            [
                ("4001", "box@1.service"),
                ("4002", "-"),
                ("4003", "php@8.service"),
                ("4004", "-"),
                ("4006", "-"),
                ("4007", "-"),
                ("4008", "php.service"),
                ("4009", "-")
            ],
            "{shell}: {text}"
        );
    }
}

/// That timeout(1) cannot begin says nothing of a mount.
#[test]
fn a_mount_that_could_not_be_asked_is_not_one_that_fails() {
    for shell in shells() {
        let room = room(shell);
        room.program("timeout", "exit 125");
        let (_, text) = looked(&room, &["nfs_survey"]);
        assert!(text.contains("36 0:52 unasked\n"), "{shell}: {text}");
        assert!(crate::runbook::observe::mounts::parse_survey(&text).is_err(), "{shell}");
    }
}

/// A list of addresses that cannot be read is not an empty one, and another address is not this one.
#[test]
fn an_address_is_barred_only_where_that_can_be_read() {
    for shell in shells() {
        let room = Room::new(shell);
        let listed = || looked(&room, &["nfs_bar", "list", "-"]);
        let drop = |step| ran(&room, step, &["nfs_bar", "drop", "10.0.0.1"]).0;
        room.program("nft", "exit 1");
        assert_ne!(listed().0, 0, "{shell}");
        assert_ne!(drop(0), 0, "{shell}");
        // There is none yet.
        room.program("nft", "[ \"$2\" = tables ]");
        assert_eq!(listed(), (0, String::new()), "{shell}");
        room.program(
            "nft",
            "[ \"$1\" = list ] || exit 3\necho 'elements = { 110.0.0.1, 10.0.0.12 }'",
        );
        assert_eq!(listed(), (0, "110.0.0.1\n10.0.0.12\n".into()), "{shell}");
        assert_eq!(drop(1), 0, "{shell}");
        room.program("nft", "[ \"$1\" = list ] || exit 3\necho 'elements = { 10.0.0.1 }'");
        assert_eq!(drop(2), 3, "{shell}");
        // One transaction, which refuses and does not drop.
        room.program("nft", &format!("cat >{}", room.path("rules").display()));
        assert_eq!(ran(&room, 3, &["nfs_bar", "add", "10.0.0.1"]).0, 0, "{shell}");
        let rules = fs::read_to_string(room.path("rules")).unwrap();
        assert!(
            rules.contains("hook output") && rules.contains("@barred tcp dport 2049 reject with tcp reset"),
            "{shell}: {rules}"
        );
        assert!(
            rules.ends_with("add element inet pointsman barred { 10.0.0.1 }\n"),
            "{shell}: {rules}"
        );
    }
}

#[test]
fn a_server_is_reached_when_its_procedure_answers() {
    for shell in shells() {
        let room = Room::new(shell);
        let is = || looked(&room, &["nfs_reach", "10.0.0.31"]);
        room.program("rpcinfo", "case $* in *' 100003 3') exit 0 ;; esac; exit 1");
        assert_eq!(is(), (0, "answers\n".to_owned()), "{shell}");
        room.program("rpcinfo", "exit 1");
        assert_eq!(is(), (0, "silent\n".to_owned()), "{shell}");
    }
}
