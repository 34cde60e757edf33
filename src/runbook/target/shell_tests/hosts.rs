//! A host as a whole: its boot, what it runs, and who is connected to it.

use super::{
    disks::{looked, said},
    *,
};

const BOOT: &str = "3b7c5e0e-3b4c-4f7a-8a53-0d6f1d1c9a01";

/// A host with a program that stands for `systemctl`, two arrays and some mounts.
fn host(shell: &'static str) -> Room {
    let room = Room::new(shell);
    room.file("proc/sys/kernel/random/boot_id", format!("{BOOT}\n").as_bytes());
    fs::create_dir_all(room.path("run")).unwrap();
    room.program(
        "systemctl",
        "case $1 in
show) cat <<'END'
Id=nginx.service
SubState=running
UnitFileState=enabled

SubState=running
UnitFileState=static
Id=polkit.service

Id=old.service
UnitFileState=generated
SubState=running

Id=gone.service
SubState=dead
UnitFileState=enabled
END
;;
reboot) echo called >>\"$POINTSMAN_RUN/called\" ;;
*) exit 1 ;;
esac",
    );
    room.file("sys/block/md0/md/array_state", b"clean\n");
    room.file("sys/block/md0/md/degraded", b"0\n");
    room.file("sys/block/md1/md/array_state", b"active\n");
    room.file("sys/block/md1/md/degraded", b"1\n");
    // RAID 0 has no such file; one that is not started is none.
    room.file("sys/block/md2/md/array_state", b"clean\n");
    room.file("sys/block/md3/md/array_state", b"inactive\n");
    room.file(
        "proc/self/mounts",
        b"/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/loop3 /snap/x squashfs ro 0 0\n\
          10.0.0.7:/srv/web1 /mnt/web1 nfs4 rw 0 0\n/dev/sdb1 /srv/two\\040words xfs rw 0 0\n",
    );
    room
}

/// systemd is installed, and something else was booted; or it runs and does not answer.
#[test]
fn a_host_without_systemd_has_no_units_and_one_that_does_not_tell_is_not_known() {
    for shell in shells() {
        for (state, known) in [("offline", true), ("degraded", false), ("", false)] {
            let room = host(shell);
            let program = format!("[ \"$1\" != is-system-running ] || echo {state}\nexit 1");
            room.program("systemctl", &program);
            let (exit, text) = looked(&room, "host_health");
            assert_eq!(exit == 0, known, "{shell} {state}: {text}");
            assert!(!text.contains("unit"), "{shell} {state}: {text}");
        }
    }
}

#[test]
fn what_should_be_there_again_is_told_whole() {
    for shell in shells() {
        let room = host(shell);
        let wanted = "unit nginx.service\nunit old.service\nmd md0 whole\nmd md1 degraded\nmd md2 whole\n\
            mount /\nmount /mnt/web1\nmount /srv/two\\040words\nend";
        let (exit, text) = looked(&room, "host_health");
        assert_eq!((exit, text.trim_end()), (0, wanted), "{shell}");
        let health = crate::runbook::observe::host::Health::parse(&text).unwrap();
        assert_eq!(
            (health.units.len(), health.arrays["md1"], health.mounts.len()),
            (2, false, 3)
        );
        // Mounts that cannot be read are not none.
        fs::remove_file(room.path("proc/self/mounts")).unwrap();
        let (_, text) = looked(&room, "host_health");
        assert!(
            crate::runbook::observe::host::Health::parse(&text).is_err(),
            "{shell}: {text}"
        );
    }
}

#[test]
fn a_host_that_boots_anew_says_so_until_it_has() {
    for shell in shells() {
        let room = host(shell);
        assert_eq!(looked(&room, "host_boot"), said(BOOT), "{shell}");
        let claim = claim("run-1", 1);
        room.call(&claim);
        let answer = room.call(&act("run-1", 1, 1, &["host_reboot"]));
        assert!(
            answer
                .iter()
                .any(|line| matches!(line, Said::Ran(printed) if printed.exit == 0)),
            "{shell}: {answer:?}"
        );
        assert_eq!(looked(&room, "host_boot"), said(&format!("{BOOT} going")), "{shell}");
        let called = room.path("run").join("called");
        let began = Instant::now();
        while !called.exists() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(fs::read_to_string(&called).unwrap(), "called\n", "{shell}");
        // The next boot has a memory of its own.
        fs::remove_file(room.path("run").join("pointsman-reboot")).unwrap();
        fs::write(room.path("proc/sys/kernel/random/boot_id"), "another-boot-id\n").unwrap();
        assert_eq!(looked(&room, "host_boot"), said("another-boot-id"), "{shell}");
    }
}

#[test]
fn connections_to_its_own_ports_are_counted() {
    let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    for shell in shells() {
        let room = host(shell);
        let four = format!(
            "{head}   0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n\
             \x20  1: 0A00000B:01BB 0A000015:C350 01 00000000:00000000 00:00000000 00000000 0 0 2 1\n\
             \x20  2: 0A00000B:C351 0A000015:01BB 01 00000000:00000000 00:00000000 00000000 0 0 3 1\n\
             \x20  3: 0A00000B:01BB 0A000016:C350 06 00000000:00000000 00:00000000 00000000 0 0 4 1\n"
        );
        room.file("proc/net/tcp", four.as_bytes());
        assert_eq!(looked(&room, "tcp_count 443"), said("connections 1"), "{shell}");
        assert_eq!(looked(&room, "tcp_count 80 443"), said("connections 1"), "{shell}");
        assert_eq!(looked(&room, "tcp_count 80"), said("connections 0"), "{shell}");
        let six = format!(
            "{head}   0: 0000000000000000FFFF00000B00000A:0050 0000000000000000FFFF00001600000A:C350 01 0:0 00:0 0 0 0 5 1\n"
        );
        room.file("proc/net/tcp6", six.as_bytes());
        assert_eq!(looked(&room, "tcp_count 80 443"), said("connections 2"), "{shell}");
        fs::remove_file(room.path("proc/net/tcp")).unwrap();
        assert_eq!(
            looked(&room, "tcp_count 443").0,
            1,
            "{shell}: what cannot be read is not none"
        );
    }
}

/// Who has an address is known by its neighbours, whatever becomes of ping's own packets; and not known is not nobody.
#[test]
fn who_has_an_address_is_told_by_its_neighbours() {
    for shell in shells() {
        let room = host(shell);
        let told = |ping: &str, neighbour: &str| {
            room.program("ping", ping);
            room.program("ip", neighbour);
            looked(&room, "who_has 10.0.0.31")
        };
        assert_eq!(told("exit 0", "exit 0"), said("somebody"), "{shell}");
        let entry = |state: &str| told("exit 1", &format!("echo '10.0.0.31 dev eth0 {state} '"));
        for nobody in ["FAILED", "INCOMPLETE"] {
            assert_eq!(entry(nobody), said("nobody"), "{shell}");
        }
        assert_eq!(entry("lladdr 02:00:00:00:00:07 REACHABLE"), said("somebody"), "{shell}");
        assert!(
            entry("lladdr 02:00:00:00:00:07 PROBE").1.contains("not long ago"),
            "{shell}"
        );
        // One network in which nobody has it, and another one in which somebody has.
        let two = "echo '10.0.0.31 dev eth0 FAILED'; echo '10.0.0.31 dev eth1 lladdr 02:00:00:00:00:07 REACHABLE'";
        assert_eq!(told("exit 1", two), said("somebody"), "{shell}");
        // That of busybox ends so as well where there is no network at all.
        assert!(told("exit 1", "exit 0").1.contains("no network"), "{shell}");
        assert_eq!(told("exit 1", "exit 1").0, 1, "{shell}");
        // What was known of it earlier is nothing where nobody was asked now.
        let failed = "echo '10.0.0.31 dev eth0 FAILED'";
        for deaf in [
            "exit 127",
            "exit 2",
            "echo 'ping: sendmsg: Operation not permitted' >&2; exit 1",
        ] {
            let (_, text) = told(deaf, failed);
            assert!(text.starts_with("ping "), "{shell}: {deaf}: {text}");
        }
    }
}
