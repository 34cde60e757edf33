//! NFS mounts of a client by command: the functions of `client.sh`, with what a kernel does when a server does not answer.

use crate::simulate::{
    exec::Answer,
    island::Island,
    nfs::{MountState, NfsMount},
    node::Node,
    render,
};
use std::{fmt::Write as _, net::Ipv4Addr};

/// Runs a command, if it is one of these.
pub(super) fn command(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    let answer = match words {
        ["nfs_survey", ..] => survey(&island.nodes[at]),
        ["nfs_held", addresses @ ..] => held(&island.nodes[at], addresses),
        ["nfs_kept"] => kept(&island.nodes[at]),
        ["nfs_stuck"] => stuck(&island.nodes[at]),
        ["nfs_bar", verb, address] => bar(&mut island.nodes[at], verb, address),
        ["nfs_uses", address] => {
            let from = |mount: &NfsMount| mount.server.to_string() == *address;
            let uses = mounted(&island.nodes[at]).filter(|(_, mount)| from(mount)).count();
            Answer::ok(format!("{uses}\n"))
        }
        ["nfs_reach", address] => Answer::ok(
            if reaches(island, at, address) {
                "answers\n"
            } else {
                "silent\n"
            }
            .into(),
        ),
        ["nfs_end", id, device, source, place] => end(&mut island.nodes[at], [id, device, source, place]),
        ["nfs_detach", id, device, source, place, slice] => {
            detach(&mut island.nodes[at], [id, device, source, place], slice)
        }
        ["nfs_attach", fs_type, source, place, options] => attach(island, at, [fs_type, source, place, options]),
        _ => return None,
    };
    island.settle();
    Some(answer)
}

fn mounted(node: &Node) -> impl Iterator<Item = (usize, &NfsMount)> {
    node.mounts.iter().enumerate().filter(|(_, mount)| mount.mounted)
}

/// The number and the device of a mount, as a line of an answer begins.
fn known_by(index: usize, mount: &NfsMount) -> String {
    format!("{} {}", mount.id(index), mount.device(index))
}

fn survey(node: &Node) -> Answer {
    let mut out = String::new();
    for (index, mount) in mounted(node) {
        let says = match mount.state {
            MountState::Answering => "answers",
            MountState::Stale => "stale",
            MountState::Hung(_) => "hangs",
        };
        let _ = writeln!(out, "{} {says}", known_by(index, mount));
    }
    Answer::ok(out + "end\n")
}

fn held(node: &Node, addresses: &[&str]) -> Answer {
    let mut out = String::new();
    for (index, mount) in mounted(node) {
        if !addresses.contains(&mount.server.to_string().as_str()) {
            continue;
        }
        for (pid, unit) in &mount.holders {
            let state = if mount.state == MountState::Answering { "S" } else { "D" };
            let (unit, name) = if unit.is_empty() {
                ("-", "sh")
            } else {
                (unit.as_str(), unit.as_str())
            };
            let name = name.trim_end_matches(".service");
            let _ = writeln!(
                out,
                "{} {pid} 4711 {state} 0 {unit} file {name}",
                known_by(index, mount)
            );
        }
    }
    Answer::ok(out + "end\n")
}

fn kept(node: &Node) -> Answer {
    let mut out = String::new();
    for line in node.store.mounts.values() {
        let _ = writeln!(out, "{line}");
    }
    Answer::ok(out + "end\n")
}

/// Who holds a mount that hangs asks it.
fn stuck(node: &Node) -> Answer {
    let mut out = String::new();
    for (_, mount) in mounted(node).filter(|(_, mount)| matches!(mount.state, MountState::Hung(_))) {
        for (pid, _) in &mount.holders {
            let _ = writeln!(out, "{pid} 4711 sh");
        }
    }
    Answer::ok(out + "end\n")
}

fn bar(node: &mut Node, verb: &str, address: &str) -> Answer {
    match (verb, address.parse::<Ipv4Addr>()) {
        ("list", _) => {
            let mut out = String::new();
            for ip in &node.barred {
                let _ = writeln!(out, "{ip}");
            }
            return Answer::ok(out);
        }
        ("add", Ok(ip)) => _ = node.barred.insert(ip),
        ("drop", Ok(ip)) => _ = node.barred.remove(&ip),
        _ => return Answer::failed(1, format!("Error: Could not resolve hostname: {address}\n")),
    }
    Answer::ok(String::new())
}

fn reaches(island: &Island, at: usize, address: &str) -> bool {
    let address = address.parse::<Ipv4Addr>();
    address.is_ok_and(|ip| !island.nodes[at].barred.contains(&ip) && island.reached(ip).is_some())
}

/// That very mount: its place in the list; `None` where it is gone.
fn find(node: &Node, [id, device, source, place]: [&str; 4]) -> Result<Option<usize>, Answer> {
    let is = |(index, mount): &(usize, &NfsMount)| known_by(*index, mount) == format!("{id} {device}");
    let Some((index, mount)) = mounted(node).find(is) else {
        return Ok(None);
    };
    let top = mounted(node).filter(|(_, mount)| mount.at == place).last();
    let other = top.is_none_or(|(top, _)| top != index) || format!("{}:{}", mount.server, mount.path) != source;
    if other {
        return Err(Answer::failed(
            1,
            format!("it is mounted on {}, below another\n", mount.at),
        ));
    }
    match mounted(node).find(|(_, other)| render::is_below(&other.at, &mount.at)) {
        Some((_, below)) => Err(Answer::failed(1, format!("{} is mounted below it\n", below.at))),
        None => Ok(Some(index)),
    }
}

fn end(node: &mut Node, which: [&str; 4]) -> Answer {
    let index = match find(node, which) {
        Ok(Some(index)) => index,
        Ok(None) => return Answer::ok("nothing of it is mounted any more\n".to_owned()),
        Err(answer) => return answer,
    };
    let mut out = String::new();
    for (pid, _) in std::mem::take(&mut node.mounts[index].holders) {
        let _ = writeln!(out, "ended {pid} sh");
    }
    Answer::ok(out)
}

fn detach(node: &mut Node, which: [&str; 4], slice: &str) -> Answer {
    let index = match find(node, which) {
        Ok(Some(index)) => index,
        Ok(None) => return Answer::ok("nothing of it is mounted any more\n".to_owned()),
        Err(answer) => return answer,
    };
    if node.store.full {
        return Answer::failed(
            1,
            "cannot keep how it is mounted in /var/lib/pointsman/mount\n".to_owned(),
        );
    }
    let [_, _, source, place] = which;
    let (fs_type, options) = render::mounted_with(node, &node.mounts[index]);
    let line = format!("{slice}\t{fs_type}\t{source}\t{place}\trw,noatime\t{options}");
    node.store.mounts.insert(place.to_owned(), line);
    let inside = mounted(node).any(|(_, other)| render::is_below(place, &other.at));
    let mount = &mut node.mounts[index];
    mount.mounted = false;
    if !inside && mount.cover.is_none() {
        // The kernel gives the lowest numbers that are free: those that have just become so.
        mount.cover = Some(if mount.holders.is_empty() {
            (mount.id(index), mount.device(index))
        } else {
            (900 + index, format!("0:{}", 900 + index))
        });
    }
    Answer::ok(if mount.holders.is_empty() {
        "unmounted\n".to_owned()
    } else {
        "detached: it ends with the last process that holds it\n".to_owned()
    })
}

fn attach(island: &mut Island, at: usize, [fs_type, source, place, _]: [&str; 4]) -> Answer {
    let Some((server, path)) = source.split_once(':') else {
        return Answer::failed(32, format!("mount.nfs: {source}: no server\n"));
    };
    let there = |mount: &NfsMount| format!("{}:{}", mount.server, mount.path);
    let top = mounted(&island.nodes[at]).filter(|(_, mount)| mount.at == place).last();
    let top = top.map(|(index, mount)| (index, there(mount)));
    let index = match top {
        Some((index, known)) if known == source => index,
        Some((_, known)) => return Answer::failed(1, format!("{known} is mounted on {place}\n")),
        None => {
            let Some(index) = island.nodes[at].mounts.iter().position(|mount| mount.at == place) else {
                return Answer::failed(32, format!("mount.nfs: mount point {place} does not exist\n"));
            };
            if !reaches(island, at, server) {
                return Answer::failed(137, String::new());
            }
            let now = island.now_ms;
            let mount = &mut island.nodes[at].mounts[index];
            mount.forced = None;
            mount.version = if fs_type == "nfs4" { 4 } else { 3 };
            mount.server = server.parse().unwrap_or(mount.server);
            path.clone_into(&mut mount.path);
            mount.remount(now);
            island.settle();
            if island.nodes[at].mounts[index].state == MountState::Stale {
                island.nodes[at].mounts[index].mounted = false;
                return Answer::failed(
                    32,
                    format!("mount.nfs: access denied by server while mounting {source}\n"),
                );
            }
            index
        }
    };
    if island.nodes[at].mounts[index].state != MountState::Answering {
        return Answer::failed(1, format!("{place} hangs, asked for the 1. time\n"));
    }
    island.nodes[at].store.mounts.remove(place);
    Answer::ok("it answers, and can be written\n".to_owned())
}
