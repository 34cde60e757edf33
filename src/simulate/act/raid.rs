//! md arrays, disks and the pace of NFS clients by command: mdadm(8), and the functions of `wrapper.sh` that read and
//! write `/sys`.

use crate::simulate::{
    exec::Answer,
    island::Island,
    md::{Array, MemberState, Role, SyncAction},
    nfs,
    node::{Disk, Node, whole},
};
use std::fmt::Write as _;

/// Runs a command, if it is one of these.
pub(super) fn command(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    let node = &mut island.nodes[at];
    let answer = match words {
        ["disk_id", name] => match disk(node, name) {
            Some(disk) => Answer::ok(format!("{}\n", identity(node, disk))),
            None => Answer::failed(1, format!("{name} is no block device\n")),
        },
        ["disk_blank", name] => match disk(node, name) {
            Some(disk) => Answer::ok(format!("{}\n", used(node, disk))),
            None => Answer::failed(1, format!("{name} is no block device\n")),
        },
        ["md_sys", name] => match array(node, name) {
            Some(array) => Answer::ok(sys(node, &node.arrays[array])),
            None => Answer::failed(1, format!("{name} is no md array\n")),
        },
        ["md_check", name, verb] => check(node, name, verb),
        ["md_limit", name, limit] => match array(node, name) {
            Some(array) => {
                node.arrays[array].limit_kib_s = limit.parse().ok();
                Answer::ok(String::new())
            }
            None => Answer::failed(1, format!("{name}: cannot create sync_speed_max\n")),
        },
        ["md_keep", name, old, new] => keep(node, name, old, new),
        ["md_out", name, device] => out(node, name, device),
        ["nfs_pace", servers @ ..] => pace(node, servers),
        ["mdadm", "--manage", path, rest @ ..] => manage(node, path, rest),
        _ => return None,
    };
    island.settle();
    Some(answer)
}

fn array(node: &Node, name: &str) -> Option<usize> {
    node.arrays.iter().position(|array| array.name == name)
}

pub(super) fn disk(node: &Node, name: &str) -> Option<usize> {
    node.disks.iter().position(|disk| disk.name == name)
}

/// What `disk_id` prints of a disk.
pub(super) fn identity(node: &Node, at: usize) -> String {
    let Disk {
        name, serial, size_kib, ..
    } = &node.disks[at];
    format!("{name} {name} {serial} 0x5000{serial} {size_kib} Slot_{at:02}")
}

/// What `disk_blank` prints of a disk.
fn used(node: &Node, at: usize) -> String {
    let disk = &node.disks[at];
    match node.arrays.iter().find(|array| array.has(at)) {
        Some(array) => format!("is used by {}", array.name),
        // ZFS divides whole disks, and leaves them so.
        None if !disk.idle || (node.pool.is_some() && !disk.blank) => format!("has the partition {}1", disk.name),
        None if disk.blank => "blank".to_owned(),
        None => "has a signature: TYPE=linux_raid_member".to_owned(),
    }
}

/// What `md_sys` prints of an array.
fn sys(node: &Node, array: &Array) -> String {
    let mut out = String::new();
    let all = array.members.len();
    let state = if array.in_sync() < array.needed() {
        "broken"
    } else {
        "clean"
    };
    let action = array.sync.as_ref().map_or("idle", |sync| sync.action.sysfs());
    let (completed, speed) = match &array.sync {
        Some(sync) => (
            format!("{} / {}", whole(sync.done_kib * 2.0), array.member_kib * 2),
            whole(sync.speed_kib_s).to_string(),
        ),
        None => ("none".to_owned(), "none".to_owned()),
    };
    let limit = match array.limit_kib_s {
        Some(limit) => format!("{limit} (local)"),
        None => format!("{} (system)", array.system_limit_kib_s),
    };
    let _ = write!(
        out,
        "level raid{}\nraid_disks {all}\narray_state {state}\ndegraded {}\nsync_action {action}\n\
         sync_completed {completed}\nsync_speed {speed}\nsync_speed_max {limit}\nmismatch_cnt {}\ncomponent_size {}\n",
        array.level,
        all - array.in_sync(),
        array.mismatches,
        array.member_kib
    );
    let mut member = |disk: usize, slot: Option<usize>, errors: u64, state: &str| {
        let slot = slot.map_or_else(|| "none".to_owned(), |slot| slot.to_string());
        let name = &node.disks[disk].name;
        let _ = writeln!(out, "member {name} {slot} {errors} {state} {}", identity(node, disk));
    };
    for (slot, it) in array.members.iter().enumerate() {
        match it.state {
            MemberState::InSync if it.wanted => member(it.disk, Some(slot), it.errors, "in_sync,want_replacement"),
            MemberState::InSync => member(it.disk, Some(slot), it.errors, "in_sync"),
            MemberState::Rebuilding => member(it.disk, Some(slot), 0, "spare"),
            MemberState::Faulty => member(it.disk, None, it.errors, "faulty"),
            MemberState::Missing => {}
        }
    }
    for it in &array.extra {
        match it.role {
            Role::Spare => member(it.disk, None, 0, "spare"),
            Role::Replacement(slot) => member(it.disk, Some(slot), 0, "spare,replacement"),
            Role::Faulty => member(it.disk, None, 0, "faulty"),
        }
    }
    out.push_str("end\n");
    out
}

fn check(node: &mut Node, name: &str, verb: &str) -> Answer {
    let Some(array) = array(node, name) else {
        return Answer::failed(1, format!("{name} is no md array\n"));
    };
    let array = &mut node.arrays[array];
    let action = array.sync.as_ref().map(|sync| sync.action);
    match (verb, action) {
        ("start", None) => array.check(),
        ("start", Some(SyncAction::Recovery)) => {
            return Answer::failed(
                1,
                format!("{name} does not begin a check: its sync_action is recover\n"),
            );
        }
        ("stop", _) => array.end_check(),
        _ => {}
    }
    Answer::ok(String::new())
}

fn keep(node: &mut Node, name: &str, old: &str, new: &str) -> Answer {
    let found = (array(node, name), disk(node, old), disk(node, new));
    let (Some(array), Some(old_disk), Some(new_disk)) = found else {
        return Answer::failed(1, format!("{name}: no such member\n"));
    };
    let array = &mut node.arrays[array];
    let complete = array
        .slot(new_disk)
        .is_some_and(|slot| array.members[slot].state == MemberState::InSync);
    if complete {
        return Answer::failed(1, format!("{new} has taken the place of {old}\n"));
    }
    if !array.unwant(old_disk) {
        return Answer::failed(2, format!("cannot create dev-{old}/state\n"));
    }
    let begun =
        |extra: &crate::simulate::md::Extra| extra.disk == new_disk && matches!(extra.role, Role::Replacement(_));
    if array.extra.iter().any(begun) {
        array.fail_disk(new_disk);
    }
    Answer::ok(String::new())
}

/// A spare, or one that failed, leaves the array, and nothing of the array is left on it.
fn out(node: &mut Node, name: &str, device: &str) -> Answer {
    let (Some(array), Some(disk)) = (array(node, name), disk(node, device)) else {
        return Answer::failed(1, format!("{name}: no such member\n"));
    };
    if node.arrays[array].has(disk) && !node.arrays[array].remove(disk) {
        return Answer::failed(1, busy(device));
    }
    node.disks[disk].idle = true;
    node.disks[disk].blank = true;
    Answer::ok(String::new())
}

fn busy(device: &str) -> String {
    format!("mdadm: hot remove failed for {device}: Device or resource busy\n")
}

fn manage(node: &mut Node, path: &str, words: &[&str]) -> Answer {
    let bare = |name: &str| name.trim_start_matches("/dev/").to_owned();
    let Some(at) = array(node, &bare(path)) else {
        return Answer::failed(1, format!("mdadm: error opening {path}: No such file or directory\n"));
    };
    let place = |node: &Node, name: &str| disk(node, &bare(name));
    let gone = |name: &str| Answer::failed(1, format!("mdadm: Cannot find {name}: No such file or directory\n"));
    match words {
        ["--add", name] => {
            let Some(disk) = place(node, name) else {
                return gone(name);
            };
            if !node.disks[disk].idle {
                return Answer::failed(1, format!("mdadm: Cannot open {name}: Device or resource busy\n"));
            }
            node.disks[disk].idle = false;
            node.disks[disk].blank = false;
            node.arrays[at].add(disk);
            Answer::ok(format!("mdadm: added {name}\n"))
        }
        ["--replace", old, "--with", new] => {
            let (Some(old_disk), Some(new_disk)) = (place(node, old), place(node, new)) else {
                return gone(old);
            };
            if node.arrays[at].replace_with(old_disk, new_disk) {
                Answer::ok(format!("mdadm: Marked {old} (device 1 in {path}) for replacement\n"))
            } else {
                Answer::failed(1, format!("mdadm: Failed to request replacement of {old} in {path}\n"))
            }
        }
        ["--fail", name] => match place(node, name).filter(|disk| node.arrays[at].has(*disk)) {
            Some(disk) if node.arrays[at].fail_disk(disk) => {
                Answer::ok(format!("mdadm: set {name} faulty in {path}\n"))
            }
            Some(_) => Answer::failed(
                1,
                format!("mdadm: set device faulty failed for {name}: Device or resource busy\n"),
            ),
            None => gone(name),
        },
        ["--remove", name] => match place(node, name).filter(|disk| node.arrays[at].has(*disk)) {
            Some(disk) if node.arrays[at].remove(disk) => {
                node.disks[disk].idle = true;
                Answer::ok(format!("mdadm: hot removed {name} from {path}\n"))
            }
            Some(_) => Answer::failed(1, busy(name)),
            None => gone(name),
        },
        _ => Answer::failed(2, "mdadm: unrecognised word\n".to_owned()),
    }
}

/// What `nfs_pace` prints on a client.
fn pace(node: &Node, servers: &[&str]) -> Answer {
    let (mut mounts, mut ops, mut rtt_ms) = (0, 0, 0);
    for mount in node.mounts.iter().filter(|mount| mount.mounted) {
        if !servers.contains(&mount.server.to_string().as_str()) {
            continue;
        }
        mounts += 1;
        for op in [nfs::READ, nfs::WRITE, nfs::COMMIT] {
            ops += whole(mount.done[op]);
            rtt_ms += whole(mount.spent_ms[op]);
        }
    }
    Answer::ok(format!("mounts {mounts} ops {ops} rtt_ms {rtt_ms}\n"))
}
