//! ZFS pools by command: zpool(8), and the functions of `wrapper.sh` that read and change them.

use super::raid::{disk, identity};
use crate::simulate::{exec::Answer, island::Island, node::Node, render, zfs::Pool};
use std::fmt::Write as _;

/// Runs a command, if it is one of these.
pub(super) fn command(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    let changed = match words {
        ["zfs_pool", name] => return Some(told(island, at, name)),
        ["zfs_files", name] => return Some(files(&island.nodes[at], name)),
        ["zpool", "replace", name, old, new] => replace(&mut island.nodes[at], name, old, new),
        ["pool_keep", name, old, new] => keep(island, at, name, old, new),
        ["zpool", "scrub", "-p", name] => of(&mut island.nodes[at], name, Pool::pause),
        ["zpool", "scrub", "-s", name] => {
            let now_ms = island.now_ms;
            of(&mut island.nodes[at], name, |pool| pool.stop(now_ms))
        }
        ["zpool", "scrub", name] => of(&mut island.nodes[at], name, Pool::scrub),
        ["pool_on", name] => of(&mut island.nodes[at], name, |pool| {
            if pool.paused {
                return pool.scrub();
            }
            Err(format!("no scrub of {name} pauses\n"))
        }),
        _ => return None,
    };
    island.settle();
    Some(match changed {
        Ok(()) => Answer::ok(String::new()),
        Err(why) => Answer::failed(1, why),
    })
}

fn known<'a>(node: &'a Node, name: &str) -> Result<&'a Pool, String> {
    let pool = node.pool.as_ref().filter(|pool| pool.name == name);
    pool.ok_or_else(|| format!("cannot open '{name}': no such pool\n"))
}

fn of(node: &mut Node, name: &str, change: impl FnOnce(&mut Pool) -> Result<(), String>) -> Result<(), String> {
    known(node, name)?;
    node.pool.as_mut().map_or(Ok(()), change)
}

/// What `zfs_pool` prints.
fn told(island: &Island, at: usize, name: &str) -> Answer {
    let node = &island.nodes[at];
    let pool = match known(node, name) {
        Ok(pool) => pool,
        Err(why) => return Answer::failed(1, why),
    };
    let mut out = format!("pauses {}\n", if pool.pauses { "yes" } else { "no" });
    out.push_str("list ");
    render::pool_list(node, &mut out);
    let new = pool.replacing.iter().map(|(_, new)| new);
    for device in pool.devices.iter().chain(new) {
        if let Some(there) = disk(node, device) {
            let _ = writeln!(out, "disk {device} {}", identity(node, there));
        }
    }
    out.push_str("status\n");
    render::pool_text(island, pool, &mut out);
    out.push_str("end\n");
    Answer::ok(out)
}

/// What `zfs_files` prints.
fn files(node: &Node, name: &str) -> Answer {
    match known(node, name) {
        Ok(pool) if pool.lost > 0 => Answer::ok(format!("{}\n{name}/slices:<0x8f>\n/{name}/mail/1.eml\n", pool.lost)),
        Ok(_) => Answer::ok("0\n".to_owned()),
        Err(why) => Answer::failed(1, why),
    }
}

fn replace(node: &mut Node, name: &str, old: &str, new: &str) -> Result<(), String> {
    known(node, name)?;
    let device = new.trim_start_matches("/dev/");
    let old = old.trim_start_matches("/dev/");
    let there = disk(node, device).ok_or_else(|| format!("cannot open '{new}': No such device\n"))?;
    let unfit = |why: &str| {
        Err(format!(
            "invalid vdev specification\nuse '-f' to override the following errors:\n{new} {why}\n"
        ))
    };
    if !node.disks[there].idle {
        return unfit("is in use");
    }
    if !node.disks[there].blank {
        return unfit("contains a filesystem of type 'zfs_member'");
    }
    let least = node
        .disks
        .iter()
        .find(|disk| disk.name == old)
        .map(|disk| disk.size_kib);
    if least.is_some_and(|least| node.disks[there].size_kib < least) {
        return Err(format!("cannot replace {old} with {new}: device is too small\n"));
    }
    of(node, name, |pool| pool.replace_by(old, device))?;
    node.disks[there].idle = false;
    node.disks[there].blank = false;
    Ok(())
}

/// The new disk leaves, while it shares its place with the old one. What ZFS wrote stays on it.
fn keep(island: &mut Island, at: usize, name: &str, old: &str, new: &str) -> Result<(), String> {
    let now_ms = island.now_ms;
    let node = &mut island.nodes[at];
    let pool = known(node, name)?;
    match &pool.replacing {
        Some((_, shares)) if shares == new => {}
        _ if pool.has(new) => return Err(format!("{new} has taken the place of {old}\n")),
        _ => return Ok(()),
    }
    of(node, name, |pool| pool.detach(new, now_ms))?;
    if let Some(there) = disk(node, new) {
        node.disks[there].idle = true;
    }
    Ok(())
}
