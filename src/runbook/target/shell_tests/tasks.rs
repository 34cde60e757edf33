//! Long tasks and copies, by real processes and a real rsync.

use super::*;
use crate::runbook::observe::task::{self, Is, Task};

/// Runs a command as a step; whatever it prints is in the message when it fails.
pub(super) fn runs(room: &Room, step: usize, words: &[&str]) {
    match step_of(room, step, words) {
        (0, _) => {}
        (code, text) => panic!("{words:?}: exit code {code}: {text}"),
    }
}

pub(super) fn step_of(room: &Room, step: usize, words: &[&str]) -> (i32, String) {
    match room.call(&act("run-1", 1, step, words)).first() {
        Some(Said::Ran(printed)) => (printed.exit, printed.text.clone()),
        other => panic!("{words:?}: {other:?}"),
    }
}

pub(super) fn looks(room: &Room, words: &[&str]) -> String {
    let look = Request::Look(vec![words.iter().map(|word| (*word).to_owned()).collect()]);
    match room.call(&look).remove(0) {
        Said::Looked(printed) => printed.text,
        other => panic!("{other:?}"),
    }
}

pub(super) fn one(room: &Room, name: &str) -> Task {
    task::one(&looks(room, &["task", name])).unwrap()
}

/// Waits until it is so.
pub(super) fn comes(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} does not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(super) fn room(shell: &'static str) -> Room {
    let room = Room::new(shell);
    assert_eq!(room.call(&claim("run-1", 1)), claimed());
    room
}

/// The group of a task is gone, and not merely its leader.
fn group_is_gone(room: &Room, name: &str) -> bool {
    let pid = fs::read_to_string(room.path(&format!("store/task/{name}/pid"))).unwrap();
    let pid = pid.split(' ').next().unwrap().to_owned();
    let none = |entry: fs::DirEntry| {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let rest: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        // State, parent, process group.
        rest.get(2) != Some(&pid.as_str()) || rest[0] == "Z"
    };
    fs::read_dir("/proc").unwrap().flatten().all(none)
}

#[test]
fn a_task_outlives_its_call_is_begun_once_held_and_ended() {
    for shell in shells() {
        let room = room(shell);
        let began = Instant::now();
        runs(
            &room,
            0,
            &["task_go", "web1.1", "600", "sh", "-c", "echo hello; sleep 300"],
        );
        // The call did not wait for it, and left the lock.
        assert!(began.elapsed() < Duration::from_secs(20), "{shell}");
        assert!(
            matches!(one(&room, "web1.1").is, Is::Running { lease_s: 590..=600, .. }),
            "{shell}"
        );
        let pid = fs::read_to_string(room.path("store/task/web1.1/pid")).unwrap();
        runs(&room, 1, &["task_go", "web1.1", "900", "false"]);
        assert_eq!(
            fs::read_to_string(room.path("store/task/web1.1/pid")).unwrap(),
            pid,
            "{shell}: attached"
        );
        assert_eq!(one(&room, "web1.1").argv, "sh -c echo hello; sleep 300", "{shell}");
        runs(&room, 2, &["task_hold", "web1.1"]);
        comes("held", || matches!(one(&room, "web1.1").is, Is::Held { .. }));
        runs(&room, 3, &["task_go", "web1.1", "900", "false"]);
        comes("going on", || {
            matches!(one(&room, "web1.1").is, Is::Running { lease_s: 890..=900, .. })
        });
        runs(&room, 4, &["task_end", "web1"]);
        assert_eq!(one(&room, "web1.1").is, Is::Vanished, "{shell}");
        assert!(group_is_gone(&room, "web1.1"), "{shell}");
        // What has vanished begins anew.
        runs(
            &room,
            5,
            &["task_go", "web1.1", "600", "sh", "-c", "echo hello; exit 7"],
        );
        comes("its end", || {
            matches!(one(&room, "web1.1").is, Is::Ended { code: 7, .. })
        });
        assert_eq!(one(&room, "web1.1").log, ["hello"], "{shell}");
        // What has ended does not.
        runs(&room, 6, &["task_go", "web1.1", "600", "sh", "-c", "exit 0"]);
        assert!(matches!(one(&room, "web1.1").is, Is::Ended { code: 7, .. }), "{shell}");
        runs(&room, 7, &["task_go", "web1.2", "600", "true"]);
        comes("the other one", || {
            matches!(one(&room, "web1.2").is, Is::Ended { code: 0, .. })
        });
        assert_eq!(
            task::parse(&looks(&room, &["tasks", "web1"])).unwrap().len(),
            2,
            "{shell}"
        );
        runs(&room, 8, &["task_forget", "web1"]);
        assert_eq!(looks(&room, &["tasks", "web1"]), "end\n", "{shell}");
        assert_eq!(one(&room, "web1.1").is, Is::None, "{shell}");
    }
}

/// Its leader ends when it is told to; the program may not. It has ended when nothing of it is left.
#[test]
fn a_task_that_will_not_end_is_killed_and_has_not_ended_before() {
    for shell in shells() {
        let room = room(shell);
        let stubborn = ["sh", "-c", "trap '' TERM; while :; do sleep 0.2; done"];
        let words = [&["task_go", "web1.1", "600"][..], &stubborn].concat();
        runs(&room, 0, &words);
        runs(&room, 1, &["task_end", "web1"]);
        assert!(group_is_gone(&room, "web1.1"), "{shell}");
        assert_eq!(one(&room, "web1.1").is, Is::Vanished, "{shell}");
    }
}

/// Whoever kills its leader has not ended the program: a second one beside it would write to the same copy.
#[test]
fn a_task_without_its_leader_runs_still_and_ends_by_itself() {
    for shell in shells() {
        let room = room(shell);
        runs(&room, 0, &["task_go", "web1.1", "600", "sleep", "300"]);
        let pid = || fs::read_to_string(room.path("store/task/web1.1/pid")).unwrap();
        let known = pid();
        let leader = known.split(' ').next().unwrap();
        assert!(Command::new("kill").args(["-9", leader]).status().unwrap().success());
        comes("the end of the leader", || {
            let stat = fs::read_to_string(format!("/proc/{leader}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
        assert!(!group_is_gone(&room, "web1.1"), "{shell}");
        assert!(matches!(one(&room, "web1.1").is, Is::Running { .. }), "{shell}");
        runs(&room, 1, &["task_go", "web1.1", "600", "sleep", "300"]);
        assert_eq!(pid(), known, "{shell}: no other one is begun");
        runs(&room, 2, &["task_hold", "web1.1"]);
        comes("standing still", || matches!(one(&room, "web1.1").is, Is::Held { .. }));
        runs(&room, 3, &["task_go", "web1.1", "600", "sleep", "300"]);
        comes("its end", || one(&room, "web1.1").is == Is::Vanished);
        assert!(group_is_gone(&room, "web1.1"), "{shell}");
    }
}

/// Whoever takes a run over finds nothing of it at work: a daemon in a filesystem would keep that busy for ever.
#[test]
fn what_runs_for_a_run_that_is_taken_over_ends() {
    for shell in shells() {
        let room = room(shell);
        runs(&room, 0, &["task_go", "web1-serve", "600", "sleep", "300"]);
        runs(&room, 1, &["task_go", "web2.1", "600", "sleep", "300"]);
        // The other one is somebody else's by now.
        fs::write(room.path("store/task/web2.1/run"), "run-other\n").unwrap();
        let Request::Claim { identity, objects, .. } = claim("run-2", 2) else {
            panic!()
        };
        let over = vec!["run-1".to_owned()];
        let holder = holder("run-2", 2);
        let said = room.call(&Request::Claim {
            identity,
            objects,
            holder,
            over,
        });
        assert!(
            matches!(&said[1], Said::Took { run, .. } if run == "run-1"),
            "{shell}: {said:?}"
        );
        assert!(group_is_gone(&room, "web1-serve"), "{shell}");
        assert_eq!(one(&room, "web1-serve").is, Is::Vanished, "{shell}");
        assert!(matches!(one(&room, "web2.1").is, Is::Running { .. }), "{shell}");
        assert!(matches!(
            &room.call(&act("run-2", 2, 0, &["task_end", "web2"]))[0],
            Said::Ran(printed) if printed.exit == 0
        ));
    }
}

/// Names of slices may hold dots, and begin as others do.
#[test]
fn tasks_of_another_slice_are_left_alone() {
    for shell in shells() {
        let room = room(shell);
        let others = ["web.2-serve", "web.2.1", "web.x", "web-last", "webs.1"];
        for (step, name) in others.iter().enumerate() {
            runs(&room, step, &["task_go", name, "600", "sleep", "300"]);
        }
        runs(&room, 10, &["task_go", "web.1", "600", "sleep", "300"]);
        runs(&room, 11, &["task_end", "web"]);
        assert_eq!(one(&room, "web.1").is, Is::Vanished, "{shell}");
        runs(&room, 12, &["task_forget", "web"]);
        assert_eq!(one(&room, "web.1").is, Is::None, "{shell}");
        for name in others {
            assert!(matches!(one(&room, name).is, Is::Running { .. }), "{shell} {name}");
        }
        runs(&room, 13, &[&["task_end"][..], &others].concat());
    }
}

/// A number of a process that is somebody else's by now is signalled by nobody.
#[test]
fn a_process_that_is_not_the_task_is_left_alone() {
    for shell in shells() {
        let room = room(shell);
        runs(&room, 0, &["task_go", "web1.1", "600", "sleep", "300"]);
        let path = room.path("store/task/web1.1/pid");
        let known = fs::read_to_string(&path).unwrap();
        let words: Vec<&str> = known.trim_end().split(' ').collect();
        let [pid, began, boot, since] = words.as_slice() else {
            panic!("{known}")
        };
        let other = (began.parse::<u64>().unwrap() + 1).to_string();
        let strange = [[pid, other.as_str(), boot, since], [pid, began, "another-boot", since]];
        for (at, strange) in strange.into_iter().enumerate() {
            fs::write(&path, strange.join(" ") + "\n").unwrap();
            assert_eq!(one(&room, "web1.1").is, Is::Vanished, "{shell}");
            runs(&room, 2 * at + 1, &["task_hold", "web1.1"]);
            runs(&room, 2 * at + 2, &["task_end", "web1"]);
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            assert!(!stat.contains(") T "), "{shell}: it was stopped: {stat}");
        }
        fs::write(&path, &known).unwrap();
        assert!(matches!(one(&room, "web1.1").is, Is::Running { .. }), "{shell}");
        runs(&room, 9, &["task_end", "web1"]);
        assert!(group_is_gone(&room, "web1.1"), "{shell}");
    }
}

/// So is a group whose leader has gone, such as that of a daemon that forks twice: all of the task's was killed long before.
#[test]
fn a_group_without_a_leader_that_has_the_number_of_a_task_is_left_alone() {
    for shell in shells() {
        let room = room(shell);
        let told = room.path("told").display().to_string();
        let daemon = format!("sleep 300 & echo $$ $! >{told}.new; mv {told}.new {told}");
        let began = Command::new("setsid")
            .args(["sh", "-c", &daemon])
            .stdin(Stdio::null())
            .status();
        assert!(began.unwrap().success());
        until(&room.path("told"));
        let told = fs::read_to_string(room.path("told")).unwrap();
        let (group, stranger) = told.trim_end().split_once(' ').unwrap();
        comes("the end of its leader", || !Path::new("/proc").join(group).exists());
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        room.file("store/task/web1.1/pid", format!("{group} 1 {} 1\n", boot.trim_end()));
        assert_eq!(one(&room, "web1.1").is, Is::Vanished, "{shell}");
        runs(&room, 1, &["task_end", "web1"]);
        let stat = fs::read_to_string(format!("/proc/{stranger}/stat")).unwrap_or_default();
        assert!(stat.contains(") S "), "{shell}: {stat:?}");
        assert!(Command::new("kill").arg(stranger).status().unwrap().success());
    }
}

/// Nobody renews its time: it stands still, until somebody does.
#[test]
fn a_task_that_nobody_watches_stands_still() {
    let room = room("sh");
    runs(&room, 0, &["task_go", "web1.1", "2", "sleep", "300"]);
    comes("standing still", || matches!(one(&room, "web1.1").is, Is::Held { .. }));
    runs(&room, 1, &["task_go", "web1.1", "600", "sleep", "300"]);
    comes("going on", || matches!(one(&room, "web1.1").is, Is::Running { .. }));
    runs(&room, 2, &["task_end", "web1"]);
    assert!(group_is_gone(&room, "web1.1"));
}

#[test]
fn what_a_task_prints_is_bounded() {
    let room = room("sh");
    runs(
        &room,
        0,
        &["task_go", "web1.1", "600", "sh", "-c", "seq 1 100000; echo last"],
    );
    comes("its end", || matches!(one(&room, "web1.1").is, Is::Ended { .. }));
    let log = fs::metadata(room.path("store/task/web1.1/log")).unwrap().len();
    assert_eq!(log, 32_768);
    let task = one(&room, "web1.1");
    assert_eq!(
        (task.log.len(), task.log.last().map(String::as_str)),
        (40, Some("last"))
    );
}

/// Two filesystems as `/proc/self/mountinfo` has them, by directories of the room.
fn filesystems(room: &Room, old: &str) {
    fs::create_dir_all(room.path("proc/self")).unwrap();
    for name in ["old", "new"] {
        fs::create_dir_all(room.path(name)).unwrap();
    }
    let (one, two) = (room.path("old"), room.path("new"));
    let text = format!(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 147:0 / {} {old},noatime shared:1 - ext4 /dev/drbd0 {old}\n\
         31 22 9:9 / {} rw - ext4 /dev/md9 rw\n",
        one.display(),
        two.display()
    );
    fs::write(room.path("proc/self/mountinfo"), text).unwrap();
    room.program("exportfs", "");
}

#[test]
fn only_an_empty_filesystem_is_marked_and_only_a_marked_one_is_ready() {
    for shell in shells() {
        let room = room(shell);
        filesystems(&room, "rw");
        let new = room.path("new").display().to_string();
        let ready = |device: &str, mark: &str| looks(&room, &["copy_ready", &new, device, mark]);
        assert_eq!(looks(&room, &["copy_mark", &new]), "empty\n", "{shell}");
        assert!(
            ready("/dev/md9", "web1 of x").contains("holds something else: empty"),
            "{shell}"
        );
        fs::write(room.path("new/data"), "somebody's").unwrap();
        assert_eq!(looks(&room, &["copy_mark", &new]), "used\n", "{shell}");
        assert_eq!(
            step_of(&room, 0, &["copy_begin", &new, "/dev/md9", "web1 of x"]).0,
            1,
            "{shell}"
        );
        fs::remove_file(room.path("new/data")).unwrap();
        fs::create_dir(room.path("new/lost+found")).unwrap();
        assert_eq!(
            step_of(&room, 1, &["copy_begin", &new, "/dev/md8", "web1 of x"]).0,
            1,
            "{shell}"
        );
        runs(&room, 2, &["copy_begin", &new, "/dev/md9", "web1 of x"]);
        assert_eq!(looks(&room, &["copy_mark", &new]), "mark web1 of x\n", "{shell}");
        assert_eq!(ready("/dev/md9", "web1 of x"), "ready\n", "{shell}");
        assert!(ready("/dev/md9", "web2 of x").contains("something else"), "{shell}");
        assert!(ready("/dev/md8", "web1 of x").contains("is not /dev/md8"), "{shell}");
        room.program("exportfs", &format!("printf '%s\\n\\t\\t10.0.0.0/8(rw)\\n' '{new}'"));
        assert!(ready("/dev/md9", "web1 of x").contains("is exported"), "{shell}");
        room.program("exportfs", &format!("printf '%s\\t10.0.0.0/8(rw)\\n' '{new}'"));
        assert!(ready("/dev/md9", "web1 of x").contains("is exported"), "{shell}");
        room.program("exportfs", &format!("printf '%s\\t10.0.0.0/8(rw)\\n' '{new}-other'"));
        assert_eq!(ready("/dev/md9", "web1 of x"), "ready\n", "{shell}");
        room.program("exportfs", "exit 1");
        assert!(ready("/dev/md9", "web1 of x").contains("not known"), "{shell}");
    }
}

#[test]
fn a_slice_is_closed_by_a_read_only_mount_and_since_when_is_known() {
    for shell in shells() {
        let room = room(shell);
        filesystems(&room, "rw");
        room.program("mount", &format!("echo \"$*\" >>'{}'", room.path("mounted").display()));
        let old = room.path("old").display().to_string();
        assert_eq!(looks(&room, &["copy_frozen", "web1"]), "no\n", "{shell}");
        assert_eq!(
            step_of(&room, 0, &["copy_freeze", &old, "/dev/drbd1", "web1"]).0,
            1,
            "{shell}"
        );
        runs(&room, 1, &["copy_freeze", &old, "/dev/drbd0", "web1"]);
        assert!(looks(&room, &["copy_frozen", "web1"]).starts_with("frozen "), "{shell}");
        filesystems(&room, "ro");
        runs(&room, 2, &["copy_freeze", &old, "/dev/drbd0", "web1"]);
        runs(&room, 3, &["copy_thaw", &old, "/dev/drbd0", "web1"]);
        assert_eq!(looks(&room, &["copy_frozen", "web1"]), "no\n", "{shell}");
        let ran = fs::read_to_string(room.path("mounted")).unwrap();
        assert_eq!(
            ran,
            format!("-o remount,ro -- {old}\n-o remount,rw -- {old}\n"),
            "{shell}"
        );
        // It is served again, and closed once more within the boot: what an earlier run wrote down is not since when.
        let note = room.path("store/task/web1.frozen");
        filesystems(&room, "rw");
        runs(&room, 5, &["copy_freeze", &old, "/dev/drbd0", "web1"]);
        let text = fs::read_to_string(&note).unwrap();
        let (boot, _) = text.split_once(' ').unwrap();
        fs::write(&note, format!("{boot} 1\n")).unwrap();
        let frozen = || {
            let text = looks(&room, &["copy_frozen", "web1"]);
            text.trim_end().strip_prefix("frozen ").unwrap().parse::<u64>().unwrap()
        };
        let long = frozen();
        runs(&room, 6, &["copy_freeze", &old, "/dev/drbd0", "web1"]);
        assert!(long > 100 && frozen() < 60, "{shell}: {long}");
        filesystems(&room, "ro");
        runs(&room, 7, &["copy_thaw", &old, "/dev/drbd0", "web1"]);
        // That it was kept as an old side is over once it can be written, and not before.
        runs(&room, 8, &["old_keep", "web1", "14", "web1i"]);
        filesystems(&room, "ro");
        runs(&room, 9, &["copy_freeze", &old, "/dev/drbd0", "web1"]);
        assert!(looks(&room, &["old_kept", "web1"]).starts_with("old "), "{shell}");
        filesystems(&room, "rw");
        runs(&room, 10, &["copy_freeze", &old, "/dev/drbd0", "web1"]);
        assert_eq!(looks(&room, &["old_kept", "web1"]), "no\n", "{shell}");
        runs(&room, 11, &["copy_thaw", &old, "/dev/drbd0", "web1"]);
        // A remount that fails closes nothing.
        filesystems(&room, "rw");
        room.program("mount", "echo 'mount point is busy' >&2; exit 32");
        assert_eq!(
            step_of(&room, 4, &["copy_freeze", &old, "/dev/drbd0", "web1"]).0,
            32,
            "{shell}"
        );
        assert_eq!(looks(&room, &["copy_frozen", "web1"]), "no\n", "{shell}");
    }
}

#[test]
fn an_old_side_is_kept_and_thrown_away_only_where_it_is_read_only() {
    let room = room("sh");
    filesystems(&room, "rw");
    room.program("wipefs", &format!("echo \"$*\" >>'{}'", room.path("wiped").display()));
    room.program(
        "umount",
        &format!(
            "printf '22 1 8:1 / / rw - ext4 /dev/sda1 rw\\n' >'{}'",
            room.path("proc/self/mountinfo").display()
        ),
    );
    let old = room.path("old").display().to_string();
    assert_eq!(looks(&room, &["old_kept", "web1"]), "no\n");
    runs(&room, 0, &["old_keep", "web1", "14", "web1i"]);
    runs(&room, 1, &["old_keep", "web1", "99", "other"]);
    let kept = looks(&room, &["old_kept", "web1"]);
    assert!(kept.starts_with("old ") && kept.ends_with(" 14 web1i\n"), "{kept}");
    assert_eq!(step_of(&room, 2, &["old_wipe", &old, "/dev/drbd0", "web1"]).0, 1);
    filesystems(&room, "ro");
    assert_eq!(step_of(&room, 3, &["old_wipe", &old, "/dev/drbd1", "web1"]).0, 1);
    assert!(!room.path("wiped").exists());
    runs(&room, 4, &["old_wipe", &old, "/dev/drbd0", "web1"]);
    assert_eq!(
        fs::read_to_string(room.path("wiped")).unwrap(),
        "--all --quiet -- /dev/drbd0\n"
    );
    assert_eq!(looks(&room, &["old_kept", "web1"]), "no\n");
}

#[test]
fn the_hour_of_a_zone_that_is_not_known_is_not_that_of_another() {
    for shell in shells() {
        let room = room(shell);
        let hour = looks(&room, &["hour", "UTC"]);
        assert!(hour.len() == 8 && hour.as_bytes()[4] == b':', "{shell}: {hour}");
        assert_eq!(looks(&room, &["hour", "No/Where"]), "", "{shell}");
    }
}

/// A daemon that could not begin, or was killed, is not one that has done its work.
#[test]
fn a_daemon_that_has_ended_is_begun_anew() {
    for shell in shells() {
        let room = room(shell);
        filesystems(&room, "rw");
        let old = room.path("old").display().to_string();
        let words = [
            "copy_serve",
            "web1-serve",
            &old,
            "/dev/drbd0",
            "127.0.0.1",
            "8873",
            "127.0.0.1",
        ];
        room.program("rsync", "echo 'bind failed: address in use'; exit 10");
        let (code, text) = step_of(&room, 0, &words);
        assert!(
            code != 0 && text.contains("bind failed: address in use"),
            "{shell}: {text}"
        );
        assert!(matches!(one(&room, "web1-serve").is, Is::Ended { code: 10, .. }));
        room.program("rsync", "exec sleep 300");
        runs(&room, 1, &words);
        assert!(matches!(one(&room, "web1-serve").is, Is::Running { .. }), "{shell}");
        let pid = || fs::read_to_string(room.path("store/task/web1-serve/pid")).unwrap();
        let known = pid();
        runs(&room, 2, &words);
        assert_eq!(pid(), known, "{shell}: one that runs goes on");
        runs(&room, 3, &["task_end", "web1-serve"]);
    }
}

/// The whole way by a real rsync: pass, compare, a change, a source that is another filesystem by then.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "each part begins with what the one before it has copied"
)]
fn rsync_copies_compares_and_reads_nothing_that_is_not_the_slice() {
    assert!(
        Path::new("/usr/bin/rsync").exists(),
        "rsync is missing: install the package rsync"
    );
    // The daemon reads as root; where it cannot, nothing is proven here.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        assert!(std::env::var("CI").is_err(), "needs root");
        println!("NOT RUN: an rsync daemon for a filesystem needs root");
        return;
    }
    let room = room("sh");
    filesystems(&room, "rw");
    let (old, new) = (
        room.path("old").display().to_string(),
        room.path("new").display().to_string(),
    );
    fs::create_dir(room.path("old/deep")).unwrap();
    fs::write(room.path("old/deep/data"), "one").unwrap();
    fs::hard_link(room.path("old/deep/data"), room.path("old/same")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    runs(&room, 0, &["copy_begin", &new, "/dev/md9", "web1 of x"]);
    assert_eq!(
        step_of(
            &room,
            1,
            &[
                "copy_serve",
                "web1-serve",
                &old,
                "/dev/drbd1",
                "127.0.0.1",
                &port,
                "127.0.0.1"
            ]
        )
        .0,
        1
    );
    runs(
        &room,
        2,
        &[
            "copy_serve",
            "web1-serve",
            &old,
            "/dev/drbd0",
            "127.0.0.1",
            &port,
            "127.0.0.1",
        ],
    );
    let url = format!("rsync://127.0.0.1:{port}/web1-serve/");
    let target = format!("{new}/");
    let mut step = 3;
    let mut pass = |name: &str, more: &[&str]| {
        let mut words = vec![
            "task_go",
            name,
            "600",
            "rsync",
            "-aHAXS",
            "--numeric-ids",
            "--delete",
            "--max-delete=1",
        ];
        words.extend(["--exclude=/.pointsman-copy", "--exclude=/lost+found", "--stats"]);
        words.extend(more);
        words.extend([url.as_str(), target.as_str()]);
        runs(&room, step, &words);
        step += 1;
        comes(name, || !one(&room, name).is_alive());
        one(&room, name)
    };
    let check = ["--dry-run", "--checksum", "--out-format=change %i %n%L"];
    // The daemon may still be on its way to its port.
    comes("the daemon", || {
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()
    });
    let first = pass("web1.1", &[]);
    assert!(matches!(first.is, Is::Ended { code: 0, .. }), "{first:?}");
    assert_eq!(
        first.figure("Number of regular files transferred"),
        Some(1),
        "one of two names: {first:?}"
    );
    assert_eq!(fs::read_to_string(room.path("new/deep/data")).unwrap(), "one");
    assert!(
        room.path("new/.pointsman-copy").exists(),
        "its mark is not the slice's to delete"
    );
    let equal = pass("web1-check", &check);
    assert!(matches!(equal.is, Is::Ended { code: 0, .. }), "{equal:?}");
    assert!(equal.figure("Number of files").is_some() && !equal.log.iter().any(|line| line.starts_with("change ")));
    // The same size and time, and other content: only a check of all content can tell.
    let time = fs::metadata(room.path("new/same")).unwrap().modified().unwrap();
    fs::write(room.path("new/same"), "two").unwrap();
    fs::File::options()
        .write(true)
        .open(room.path("new/same"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert!(
        pass("web1-quick", &check[..1])
            .log
            .iter()
            .all(|line| !line.starts_with("change "))
    );
    let differs = pass("web1-whole", &check);
    assert!(
        differs.log.iter().any(|line| line.starts_with("change ")),
        "{differs:?}"
    );
    // More would be deleted than may be.
    fs::create_dir(room.path("new/foreign")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(room.path("new/foreign").join(name), "").unwrap();
    }
    assert!(matches!(pass("web1.2", &[]).is, Is::Ended { code: 25, .. }));
    // Something else is where the slice was: nothing is read, and nothing is deleted.
    fs::rename(room.path("old"), room.path("away")).unwrap();
    fs::create_dir(room.path("old")).unwrap();
    fs::write(room.path("store/task/web1-serve.same"), "false\n").unwrap();
    let none = pass("web1.3", &[]);
    assert!(!matches!(none.is, Is::Ended { code: 0, .. }), "{none:?}");
    assert!(room.path("new/deep/data").exists());
    runs(&room, 90, &["task_end", "web1-serve"]);
    assert!(group_is_gone(&room, "web1-serve"));
    assert!(matches!(
        pass("web1.4", &["--contimeout=5"]).is,
        Is::Ended { code: 10, .. }
    ));
}
