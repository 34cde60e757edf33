//! Disks, md arrays and DRBD 8.4, as kernel files and tools print them.

use super::{put, sides};
use crate::simulate::{
    drbd::{MAJOR, Replica, Role as Side},
    island::Island,
    md::{Array, Member, MemberState, Role},
    node::{DrbdModule, Node, whole},
};

pub(super) fn diskstats(island: &Island, at: usize, out: &mut String) {
    let node = &island.nodes[at];
    for disk in &node.disks {
        let [reads, writes] = disk.done.map(whole);
        let [read_sectors, written_sectors] = disk.sectors.map(whole);
        let [read_ms, write_ms] = disk.spent_ms.map(whole);
        put!(
            out,
            "{:>4} {:>7} {} {reads} {} {read_sectors} {read_ms} {writes} {} {written_sectors} {write_ms} {} {} {} 0 0 0 0 {} {}\n",
            disk.major,
            disk.minor,
            disk.name,
            reads / 30,
            writes / 8,
            disk.in_flight(),
            whole(disk.busy_ms),
            read_ms + write_ms,
            writes / 300,
            writes / 100
        );
    }
    for array in &node.arrays {
        virtual_disk(out, (9, array.minor), &array.name, array.done, array.spent_ms);
    }
    for (replica, side) in sides(island, at) {
        if replica.sides[side].role == Side::Primary {
            let name = format!("drbd{}", replica.minor);
            virtual_disk(out, (MAJOR, replica.minor), &name, replica.done, replica.spent_ms);
        }
    }
}

/// `/sys/block/*/queue/rotational`, a line a disk.
pub(super) fn rotational(node: &Node, out: &mut String) {
    for disk in &node.disks {
        let turns = !disk.name.starts_with("nvme");
        put!(out, "{} {}\n", disk.name, u8::from(turns));
    }
}

fn virtual_disk(out: &mut String, number: (u32, u32), name: &str, done: [f64; 2], spent_ms: [f64; 2]) {
    let [reads, writes] = done.map(whole);
    let [read_ms, write_ms] = spent_ms.map(whole);
    put!(
        out,
        "{:>4} {:>7} {name} {reads} 0 {} {read_ms} {writes} 0 {} {write_ms} 0 {} {} 0 0 0 0 0 0\n",
        number.0,
        number.1,
        reads * 40,
        writes * 28,
        (read_ms + write_ms) / 3,
        read_ms + write_ms
    );
}

/// `/proc/mdstat`.
pub fn mdstat(node: &Node, out: &mut String) {
    out.push_str("Personalities : [raid1] [raid6] [raid5] [raid4] [raid10] \n");
    for array in node.arrays.iter().rev() {
        put!(out, "{} : active raid{}", array.name, array.level);
        for extra in array.extra.iter().rev() {
            let flag = match extra.role {
                Role::Spare => "(S)",
                Role::Replacement(_) => "(R)",
                Role::Faulty => "(F)",
            };
            put!(out, " {}[{}]{flag}", node.disks[extra.disk].name, extra.number);
        }
        let there = |member: &&Member| member.state != MemberState::Missing;
        for member in array.members.iter().filter(there).rev() {
            let disk = &node.disks[member.disk].name;
            let flag = if member.state == MemberState::Faulty { "(F)" } else { "" };
            put!(out, " {disk}[{}]{flag}", member.number);
        }
        put!(out, "\n      {} blocks super 1.2 ", array.size_kib());
        match array.level {
            5 | 6 => put!(out, "level {}, 512k chunk, algorithm 2 ", array.level),
            10 => out.push_str("512K chunks 2 near-copies "),
            _ => {}
        }
        put!(out, "[{}/{}] [{}]\n", array.members.len(), array.in_sync(), map(array));
        if let Some(sync) = &array.sync {
            let member = array.member_kib as f64;
            let thousandths = whole(sync.done_kib / member * 1000.0).min(999);
            put!(
                out,
                "      {}  {} ={:>3}.{}% ({}/{}) finish={:.1}min speed={}K/sec\n",
                bar(thousandths),
                sync.action.word(),
                thousandths / 10,
                thousandths % 10,
                whole(sync.done_kib),
                array.member_kib,
                array.left_seconds().unwrap_or(0) as f64 / 60.0,
                whole(sync.speed_kib_s)
            );
        }
        if array.level != 1 {
            out.push_str("      bitmap: 1/2 pages [4KB], 65536KB chunk\n");
        }
        out.push('\n');
    }
    out.push_str("unused devices: <none>\n");
}

/// The bar of twenty places that md and DRBD draw.
fn bar(thousandths: u64) -> String {
    let done = usize::try_from(thousandths / 50).unwrap_or(20).min(20);
    format!("[{}>{}]", "=".repeat(done.saturating_sub(1)), ".".repeat(20 - done))
}

fn map(array: &Array) -> String {
    array
        .members
        .iter()
        .map(|member| if member.state == MemberState::InSync { 'U' } else { '_' })
        .collect()
}

pub(super) fn mdsys(node: &Node, out: &mut String) {
    for array in &node.arrays {
        let name = &array.name;
        let missing = array.members.len() - array.in_sync();
        put!(
            out,
            "{name} level raid{}\n{name} raid_disks {}\n",
            array.level,
            array.members.len()
        );
        put!(out, "{name} degraded {missing}\n");
        let action = array.sync.as_ref().map_or("idle", |sync| sync.action.sysfs());
        put!(
            out,
            "{name} sync_action {action}\n{name} mismatch_cnt {}\n",
            array.mismatches
        );
        if let Some(sync) = &array.sync {
            put!(
                out,
                "{name} sync_completed {} / {}\n{name} sync_speed {}\n",
                whole(sync.done_kib * 2.0),
                array.member_kib * 2,
                whole(sync.speed_kib_s)
            );
        } else {
            put!(out, "{name} sync_completed none\n{name} sync_speed none\n");
        }
        let state = if array.rate[1] > 0.5 { "active" } else { "clean" };
        put!(out, "{name} array_state {state}\n");
        for (slot, member) in array.members.iter().enumerate() {
            let disk = &node.disks[member.disk].name;
            match member.state {
                MemberState::InSync => put!(out, "{name} dev {disk} in_sync {slot} {}\n", member.errors),
                MemberState::Faulty => put!(out, "{name} dev {disk} faulty none {}\n", member.errors + 12),
                MemberState::Rebuilding => put!(out, "{name} dev {disk} spare {slot} 0\n"),
                MemberState::Missing => {}
            }
        }
        for extra in &array.extra {
            let disk = &node.disks[extra.disk].name;
            match extra.role {
                Role::Spare => put!(out, "{name} dev {disk} spare none 0\n"),
                Role::Replacement(slot) => put!(out, "{name} dev {disk} spare,replacement {slot} 0\n"),
                Role::Faulty => put!(out, "{name} dev {disk} faulty none 0\n"),
            }
        }
    }
}

/// `/proc/drbd`.
pub fn proc_drbd(island: &Island, at: usize, out: &mut String) {
    if island.nodes[at].drbd == Some(DrbdModule::V9) {
        out.push_str("version: 9.2.11 (api:2/proto:86-122)\nGIT-hash: 5e0e1fbe3b4c0de9a2f0e0d6c3e0ce4b2a2fd3a1 build by root@buildd, 2024-09-03 09:12:44\nTransports (api:21): tcp (9.2.11)\n");
        return;
    }
    out.push_str("version: 8.4.11 (api:1/proto:86-101)\nsrcversion: F73C670A7EC572DB9CF3E5B \n");
    for (replica, side) in sides(island, at) {
        let own = &replica.sides[side];
        let peer = &replica.sides[1 - side];
        let (peer_role, peer_disk) = if replica.linked {
            (peer.role.word(), peer.data.word())
        } else {
            ("Unknown", "DUnknown")
        };
        put!(
            out,
            "{:>2}: cs:{} ro:{}/{peer_role} ds:{}/{peer_disk} C r-----\n",
            replica.minor,
            replica.connection(side),
            own.role.word(),
            own.data.word()
        );
        put!(
            out,
            "    ns:{} nr:{} dw:{} dr:{} al:{} bm:0 lo:0 pe:{} ua:{} ap:0 ep:1 wo:f oos:{}\n",
            whole(own.sent_kib),
            whole(own.received_kib),
            whole(own.written_kib),
            whole(own.read_kib),
            whole(own.written_kib / 4000.0),
            pending(replica, side),
            unacked(replica, side),
            whole(replica.out_of_sync_kib(side))
        );
        progress(replica, side, out);
    }
}

/// What a side has sent and has no answer to.
pub(super) fn pending(replica: &Replica, side: usize) -> u64 {
    if replica.sides[side].role == Side::Primary {
        replica.pending
    } else {
        0
    }
}

/// What a side has received and has not answered yet.
pub(super) fn unacked(replica: &Replica, side: usize) -> u64 {
    if replica.sides[side].role == Side::Secondary {
        replica.unacked
    } else {
        0
    }
}

/// The two lines of a resync (kernel `drbd_proc.c`, `drbd_syncer_progress`).
fn progress(replica: &Replica, side: usize, out: &mut String) {
    let Some(resync) = &replica.resync else { return };
    let done = whole((1.0 - resync.left_kib / resync.total_kib) * 1000.0).min(999);
    let (left, total) = (whole(resync.left_kib), whole(resync.total_kib));
    // Above 16 GiB the kernel counts in MiB.
    let (left_shown, total_shown, unit) = if total > 16 << 20 {
        (left >> 10, total >> 10, 'M')
    } else {
        (left, total, 'K')
    };
    put!(
        out,
        "\t{} sync'ed:{:>3}.{}% ({left_shown}/{total_shown}){unit}\n",
        bar(done),
        done / 10,
        done % 10
    );
    let seconds = whole(resync.left_kib / resync.speed_kib_s.max(1.0));
    let speed = grouped(whole(resync.speed_kib_s));
    put!(
        out,
        "\tfinish: {}:{:02}:{:02} speed: {speed} ({speed})",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if resync.source != side {
        put!(out, " want: {speed}");
    }
    out.push_str(" K/sec\n");
}

/// A number with commas, as DRBD prints speeds.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The connection in the words of drbdsetup: connection, replication, peer's role, peer's disk.
pub(super) fn words(replica: &Replica, side: usize) -> (&'static str, &'static str, &'static str, &'static str) {
    let peer = &replica.sides[1 - side];
    if replica.linked {
        let replication = match replica.connection(side) {
            "Connected" => "Established",
            other => other,
        };
        ("Connected", replication, peer.role.word(), peer.data.word())
    } else if replica.sides[side].standalone {
        ("StandAlone", "Off", "Unknown", "DUnknown")
    } else {
        ("Connecting", "Off", "Unknown", "DUnknown")
    }
}

/// `drbdsetup status --verbose --statistics` of the 8.4 tools.
pub(super) fn drbdsetup_status(island: &Island, at: usize, out: &mut String) {
    for (replica, side) in sides(island, at) {
        let own = &replica.sides[side];
        let (connection, replication, peer_role, peer_disk) = words(replica, side);
        put!(
            out,
            "{} role:{} suspended:no\n    write-ordering:flush\n",
            replica.resource,
            own.role.word()
        );
        put!(out, "  volume:0 minor:{} disk:{}\n", replica.minor, own.data.word());
        put!(
            out,
            "      size:{} read:{} written:{} al-writes:{} bm-writes:0\n      upper-pending:0 lower-pending:0 al-suspended:no blocked:no\n",
            replica.size_kib,
            whole(own.read_kib),
            whole(own.written_kib),
            whole(own.written_kib / 4000.0)
        );
        put!(out, "  peer connection:{connection} role:{peer_role} congested:no\n");
        put!(out, "    volume:0 replication:{replication} peer-disk:{peer_disk}");
        if let Some(resync) = &replica.resync {
            put!(out, " done:{:.2}", (1.0 - resync.left_kib / resync.total_kib) * 100.0);
        }
        put!(
            out,
            " resync-suspended:no\n        received:{} sent:{} out-of-sync:{} pending:{} unacked:{}\n\n",
            whole(own.received_kib),
            whole(own.sent_kib),
            whole(replica.out_of_sync_kib(side)),
            pending(replica, side),
            unacked(replica, side)
        );
    }
}

/// `drbdsetup events2 --now`.
pub(super) fn events2(island: &Island, at: usize, out: &mut String) {
    let nine = island.nodes[at].drbd == Some(DrbdModule::V9);
    for (replica, side) in sides(island, at) {
        let own = &replica.sides[side];
        let name = &replica.resource;
        let (connection, replication, peer_role, peer_disk) = words(replica, side);
        put!(out, "exists resource name:{name} role:{} suspended:no", own.role.word());
        if nine {
            let promote = own.role == Side::Secondary && peer_role != "Primary";
            let word = if promote { "yes" } else { "no" };
            let score = if own.role == Side::Primary { 10_102 } else { 10_101 };
            put!(out, " force-io-failures:no may_promote:{word} promotion_score:{score}");
        }
        let (peer, id) = if nine {
            (&*island.nodes[replica.sides[1 - side].node].name, 1 - side)
        } else {
            ("peer", 0)
        };
        put!(
            out,
            "\nexists connection name:{name} peer-node-id:{id} conn-name:{peer} connection:{connection} role:{peer_role}\n"
        );
        put!(out, "exists device name:{name} volume:0 minor:{} ", replica.minor);
        if nine {
            put!(
                out,
                "backing_dev:/dev/md{} disk:{} client:no quorum:yes\n",
                own.array,
                own.data.word()
            );
        } else {
            put!(out, "disk:{}\n", own.data.word());
        }
        put!(
            out,
            "exists peer-device name:{name} peer-node-id:{id} conn-name:{peer} volume:0 replication:{replication} peer-disk:{peer_disk}"
        );
        if nine {
            out.push_str(" peer-client:no");
        }
        out.push_str(" resync-suspended:no\n");
    }
    out.push_str("exists -\n");
}
