//! Disks, md arrays and the pace of NFS clients, by a tree of files as the kernel shows them.

use super::*;
use std::os::unix::fs::symlink;

/// A file of the tree, with the directories above it.
fn link(room: &Room, name: &str, to: &str) {
    let path = room.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(to, path).unwrap();
}

/// A whole disk as /sys has it.
fn disk(room: &Room, name: &str, number: &str, sectors: u64) {
    let there = format!("sys/devices/pci/block/{name}");
    room.file(&format!("{there}/dev"), number.as_bytes());
    room.file(&format!("{there}/ro"), b"0\n");
    room.file(&format!("{there}/size"), format!("{sectors}\n").as_bytes());
    fs::create_dir_all(room.path(&format!("{there}/holders"))).unwrap();
    fs::create_dir_all(room.path(&format!("{there}/device"))).unwrap();
    link(
        room,
        &format!("sys/block/{name}"),
        &format!("../devices/pci/block/{name}"),
    );
    link(
        room,
        &format!("sys/class/block/{name}"),
        &format!("../../devices/pci/block/{name}"),
    );
}

/// Three disks: by SCSI, `NVMe`, and one of which only udev's links tell anything; and a partition of it.
fn disks(room: &Room) {
    disk(room, "sdb", "8:16\n", 2_097_152);
    room.file(
        "sys/devices/pci/block/sdb/device/vpd_pg80",
        b"\0\x80\0\x14      WD-WCC7K0ABC12 ",
    );
    room.file("sys/devices/pci/block/sdb/device/wwid", b"naa.50014ee2b5a1c3d4\n");
    fs::create_dir_all(room.path("sys/devices/pci/block/sdb/device/enclosure_device:Slot 05")).unwrap();
    disk(room, "nvme0n1", "259:0\n", 4096);
    room.file("sys/devices/pci/block/nvme0n1/device/serial", b"S4EVNX0R  \n");
    room.file("sys/devices/pci/block/nvme0n1/wwid", b"eui.0025385b01414e5a\n");
    link(room, "dev/disk/by-path/pci-0000:01:00.0-nvme-1", "../../nvme0n1");
    disk(room, "sdc", "8:32\n", 4096);
    link(room, "dev/disk/by-id/ata-ST4000VN008_ZDH1$x", "../../sdc");
    link(room, "dev/disk/by-id/wwn-0x5000c500a1b2c3d4", "../../sdc");
    link(room, "dev/disk/by-id/ata-OTHER_1", "../../sdb");
    room.file("sys/devices/pci/block/sdc/sdc1/partition", b"1\n");
    room.file("sys/devices/pci/block/sdc/sdc1/size", b"2048\n");
    room.file("sys/devices/pci/block/sdc/sdc1/dev", b"8:33\n");
    room.file("sys/devices/pci/block/sdc/sdc1/ro", b"0\n");
    link(room, "sys/class/block/sdc1", "../../devices/pci/block/sdc/sdc1");
    room.file("proc/self/mountinfo", b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    room.file("proc/swaps", b"Filename Type Size Used Priority\n");
}

pub(super) fn looked(room: &Room, line: &str) -> (i32, String) {
    let printed = room.look(line.split(' ').map(str::to_owned).collect());
    (printed.exit, printed.text)
}

pub(super) fn said(text: &str) -> (i32, String) {
    (0, format!("{text}\n"))
}

#[test]
fn a_disk_is_known_by_what_the_kernel_and_udev_have_read() {
    for shell in shells() {
        let room = Room::new(shell);
        disks(&room);
        let is = |name: &str| looked(&room, &format!("disk_id {name}"));
        let sdb = "sdb sdb WD-WCC7K0ABC12 0x50014ee2b5a1c3d4 1048576 Slot_05";
        assert_eq!(is("sdb"), said(sdb), "{shell}");
        let nvme = "nvme0n1 nvme0n1 S4EVNX0R eui.0025385b01414e5a 2048 pci-0000:01:00.0-nvme-1";
        assert_eq!(is("nvme0n1"), said(nvme), "{shell}");
        assert_eq!(is("sdc"), said("sdc sdc ZDH1_x 0x5000c500a1b2c3d4 2048 -"), "{shell}");
        assert_eq!(is("sdc1"), said("sdc1 sdc ZDH1_x 0x5000c500a1b2c3d4 1024 -"), "{shell}");
        assert_eq!(is("sdz"), (1, String::new()), "{shell}");
        // Over one disk it is that disk; over several it is none of them.
        disk(&room, "dm-3", "253:3\n", 4096);
        fs::create_dir_all(room.path("sys/devices/pci/block/dm-3/slaves/sdc")).unwrap();
        assert_eq!(is("dm-3"), said("dm-3 sdc ZDH1_x 0x5000c500a1b2c3d4 2048 -"), "{shell}");
        fs::create_dir_all(room.path("sys/devices/pci/block/dm-3/slaves/sdb")).unwrap();
        assert_eq!(is("dm-3"), said("dm-3 dm-3 - - 2048 -"), "{shell}");
    }
}

/// Whatever cannot be told is no blank disk.
#[test]
fn a_disk_is_blank_only_where_nothing_is_on_it_and_nobody_uses_it() {
    for shell in shells() {
        let room = Room::new(shell);
        disks(&room);
        let blkid = |text: &str| room.program("blkid", text);
        let is = |name: &str| looked(&room, &format!("disk_blank {name}"));
        blkid("exit 2");
        assert_eq!(is("sdb"), said("blank"), "{shell}");
        blkid("echo DEVNAME=/dev/sdb; echo TYPE=linux_raid_member");
        let (exit, text) = is("sdb");
        assert!(
            exit == 0 && text.starts_with("has a signature: DEVNAME=/dev/sdb TYPE=linux"),
            "{shell}: {text}"
        );
        // As of busybox, which knows no -p.
        blkid("echo 'invalid option' >&2; exit 1");
        assert_eq!(is("sdb"), (1, String::new()), "{shell}");
        blkid("exit 2");
        assert_eq!(is("sdc"), said("has the partition sdc1"), "{shell}");
        assert_eq!(is("sdc1"), said("blank"), "{shell}");
        room.file(
            "proc/self/mountinfo",
            b"22 1 8:1 / / rw - ext4 x rw\n9 1 8:33 / /srv/x rw - ext4 y rw\n",
        );
        assert_eq!(is("sdc1"), said("is mounted on /srv/x"), "{shell}");
        room.file("proc/swaps", b"Filename Type\n/dev/sdb partition 1 0 -2\n");
        assert_eq!(is("sdb"), said("is swapped to"), "{shell}");
        fs::create_dir_all(room.path("sys/devices/pci/block/sdb/holders/md0")).unwrap();
        assert_eq!(is("sdb"), said("is used by md0"), "{shell}");
        room.file("sys/devices/pci/block/sdb/ro", b"1\n");
        assert_eq!(is("sdb"), said("is read-only"), "{shell}");
        assert_eq!(is("sdz"), (1, String::new()), "{shell}");
        fs::remove_file(room.path("proc/swaps")).unwrap();
        assert_eq!(
            is("nvme0n1"),
            (1, String::new()),
            "{shell}: mounts and swaps have to be known"
        );
    }
}

fn array(room: &Room) {
    disks(room);
    for (key, value) in [
        ("level", "raid1"),
        ("raid_disks", "2"),
        ("array_state", "clean"),
        ("degraded", "0"),
        ("sync_action", "idle"),
        ("sync_completed", "none"),
        ("sync_speed", "none"),
        ("sync_speed_max", "200000 (system)"),
        ("mismatch_cnt", "0"),
        ("component_size", "1046528"),
        ("dev-sdb/state", "in_sync,want_replacement"),
        ("dev-sdb/slot", "0"),
        ("dev-sdb/errors", "3"),
        ("dev-sdx/state", "faulty"),
        ("dev-sdx/slot", "none"),
        ("dev-sdx/errors", "0"),
    ] {
        room.file(&format!("sys/block/md0/md/{key}"), format!("{value}\n").as_bytes());
    }
}

fn reads(room: &Room, key: &str) -> String {
    let path = room.path("sys/block/md0/md").join(key);
    fs::read_to_string(path).unwrap().trim().to_owned()
}

#[test]
fn an_array_is_told_whole_or_not_at_all() {
    for shell in shells() {
        let room = Room::new(shell);
        array(&room);
        let told = "level raid1\nraid_disks 2\narray_state clean\ndegraded 0\nsync_action idle\nsync_completed none\n\
            sync_speed none\nsync_speed_max 200000 (system)\nmismatch_cnt 0\ncomponent_size 1046528\n\
            member sdb 0 3 in_sync,want_replacement sdb sdb WD-WCC7K0ABC12 0x50014ee2b5a1c3d4 1048576 Slot_05\n\
            member sdx none 0 faulty sdx - - - - -\nend\n";
        assert_eq!(looked(&room, "md_sys md0"), (0, told.to_owned()), "{shell}");
        assert_eq!(looked(&room, "md_sys md9"), (1, String::new()), "{shell}");
    }
}

#[test]
fn a_check_begins_only_where_nothing_runs_and_a_rebuild_is_left_alone() {
    for shell in shells() {
        let room = Room::new(shell);
        array(&room);
        let check = |word: &str| looked(&room, &format!("md_check md0 {word}")).0;
        assert_eq!(
            (check("start"), reads(&room, "sync_action").as_str()),
            (0, "check"),
            "{shell}"
        );
        assert_eq!(
            (check("start"), reads(&room, "sync_action").as_str()),
            (0, "check"),
            "{shell}"
        );
        assert_eq!(
            (check("stop"), reads(&room, "sync_action").as_str()),
            (0, "idle"),
            "{shell}"
        );
        room.file("sys/block/md0/md/sync_action", b"recover\n");
        assert_eq!(
            (check("start"), reads(&room, "sync_action").as_str()),
            (1, "recover"),
            "{shell}"
        );
        assert_eq!(
            (check("stop"), reads(&room, "sync_action").as_str()),
            (0, "recover"),
            "{shell}"
        );
        assert_eq!(looked(&room, "md_check md9 stop").0, 1, "{shell}");
        assert_eq!(looked(&room, "md_limit md0 1000").0, 0, "{shell}");
        assert_eq!(reads(&room, "sync_speed_max"), "1000", "{shell}");
        assert_ne!(looked(&room, "md_limit md9 1000").0, 0, "{shell}");
    }
}

#[test]
fn a_replacement_is_broken_off_until_it_is_complete() {
    for shell in shells() {
        let room = Room::new(shell);
        array(&room);
        let keep = || looked(&room, "md_keep md0 sdb sdc").0;
        let state = |text: &str| room.file("sys/block/md0/md/dev-sdc/state", text.as_bytes());
        state("spare\n");
        assert_eq!(
            (keep(), reads(&room, "dev-sdc/state").as_str()),
            (0, "spare"),
            "{shell}"
        );
        assert_eq!(reads(&room, "dev-sdb/state"), "-want_replacement", "{shell}");
        state("spare,replacement\n");
        assert_eq!(
            (keep(), reads(&room, "dev-sdc/state").as_str()),
            (0, "faulty"),
            "{shell}"
        );
        room.file("sys/block/md0/md/dev-sdb/state", b"faulty\n");
        state("in_sync,replacement\n");
        assert_eq!(keep(), 1, "{shell}");
        assert_eq!(reads(&room, "dev-sdb/state"), "faulty", "{shell}");
        assert_eq!(reads(&room, "dev-sdc/state"), "in_sync,replacement", "{shell}");
    }
}

#[test]
fn a_disk_that_was_added_leaves_as_it_came() {
    for shell in shells() {
        let room = Room::new(shell);
        array(&room);
        let told = room.path("told");
        room.program(
            "mdadm",
            &format!("echo \"$*\" >>{}; [ \"$1\" != --manage ]", told.display()),
        );
        assert_ne!(looked(&room, "md_out md0 sdb").0, 0, "{shell}: it could not be removed");
        assert_eq!(looked(&room, "md_out md0 sdc").0, 0, "{shell}");
        let told = fs::read_to_string(told).unwrap();
        assert_eq!(
            told, "--manage /dev/md0 --remove sdb\n--zero-superblock /dev/sdc\n",
            "{shell}"
        );
    }
}

#[test]
fn the_pace_of_a_client_is_that_of_the_mounts_of_these_servers() {
    let stats = "device proc mounted on /proc with fstype proc\n\
        device 10.9.0.100:/srv/web1 mounted on /mnt/web1 with fstype nfs statvers=1.1\n\
        \topts:\trw,vers=3\n\tper-op statistics\n\
        \t        NULL: 1 1 0 44 24 0 9 9 0\n\
        \t     GETATTR: 50 50 0 0 0 0 70 90 0\n\
        \t        READ: 10 10 0 0 0 18446743919241604546 40 50 0\n\
        \t       WRITE: 20 21 0 0 0 5 100 140 0\n\
        \t      COMMIT: 1 1 0 0 0 0 8 8 0\n\n\
        device 10.9.0.101:/srv/web2 mounted on /mnt/web2 with fstype nfs4 statvers=1.1\n\
        \t        READ: 1000 1000 0 0 0 0 9000 9000 0\n\
        device stor1:/srv/web3 mounted on /mnt/web3 with fstype nfs4 statvers=1.1\n\
        \t        READ: 5 5 0 0 0 0 10 10 0\n";
    for shell in shells() {
        let room = Room::new(shell);
        room.file("proc/self/mountstats", stats.as_bytes());
        let pace = |servers: &str| looked(&room, &format!("nfs_pace {servers}"));
        assert_eq!(pace("10.9.0.100"), said("mounts 1 ops 31 rtt_ms 148"), "{shell}");
        assert_eq!(pace("10.9.0.100 stor1"), said("mounts 2 ops 36 rtt_ms 158"), "{shell}");
        assert_eq!(pace("10.9.0.10"), said("mounts 0 ops 0 rtt_ms 0"), "{shell}");
        room.file("proc/self/mountstats", stats.replace("20 21", "2x 21").as_bytes());
        assert_eq!(pace("10.9.0.100").0, 1, "{shell}: garbage is no pace");
        assert_eq!(pace("stor1"), said("mounts 1 ops 5 rtt_ms 10"), "{shell}");
        fs::remove_file(room.path("proc/self/mountstats")).unwrap();
        assert_ne!(pace("stor1").0, 0, "{shell}");
    }
}
