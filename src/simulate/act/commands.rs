//! Commands that change a simulated host, with the exit codes and words of the real ones.

use crate::simulate::{
    drbd::Refusal,
    exec::{self, Answer},
    island::Island,
    mirror::SITE,
    nfs::Export,
    node::{DrbdModule, Node},
    render,
};
use std::{fmt::Write as _, net::Ipv4Addr};

/// The commands of one kind of thing: the answer, if this is one of them.
type Room = fn(&mut Island, usize, &[&str]) -> Option<Answer>;

/// Runs a command, given as words.
pub(super) fn command(island: &mut Island, at: usize, argv: &[String]) -> Answer {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let rooms: [Room; 8] = [
        super::raid::command,
        super::pool::command,
        super::galera::function,
        super::database::function,
        super::client::command,
        super::copy::command,
        super::stream::command,
        super::backup::command,
    ];
    if let Some(answer) = rooms.iter().find_map(|room| room(island, at, &words)) {
        return answer;
    }
    match words.as_slice() {
        ["true", ..] | ["ss", "-K", ..] => Answer::ok(String::new()),
        ["who_has", address] => {
            let held = address.parse().is_ok_and(|address| island.holder(address).is_some());
            Answer::ok(if held { "somebody\n" } else { "nobody\n" }.to_owned())
        }
        ["false"] => Answer::failed(1, String::new()),
        // `%0Nd`: that many digits.
        ["printf", format, "1"] if format.starts_with("%0") => {
            let width: usize = format[2..].trim_end_matches('d').parse().unwrap_or(1);
            Answer::ok("0".repeat(usize::max(width, 1) - 1) + "1")
        }
        ["echo", rest @ ..] => Answer::ok(format!("{}\n", rest.join(" "))),
        ["drbdadm", rest @ ..] if island.nodes[at].drbd.is_some() => drbdadm(island, at, rest),
        ["mount", "-o", options, "--", device, point] => mount(island, at, device, point, options),
        ["mount", "--", device, point] => mount(island, at, device, point, ""),
        ["umount", "--", point] => umount(island, at, point),
        ["sync", "-f", path] => sync(island, at, path),
        ["exportfs", rest @ ..] if island.nodes[at].nfs_server.is_some() && *rest != ["-v"] => {
            exportfs(island, at, rest)
        }
        ["ip", "addr", verb @ ("add" | "replace" | "del"), cidr, "dev", interface] => {
            address(island, at, verb, cidr, interface)
        }
        ["drbd_state", resource, _] if island.nodes[at].drbd.is_some() => {
            let [role, disk] = ["role", "dstate"].map(|verb| drbdadm(island, at, &[verb, resource]));
            let own = |answer: &Answer| answer.stdout.split(['/', '\n']).next().unwrap_or_default().to_owned();
            match role.exit {
                0 => Answer::ok(format!("{} {}\n", own(&role), own(&disk))),
                _ => role,
            }
        }
        ["port_block", verb, address] => port_block(island, at, verb, address),
        ["announce", address, interface] => announce(island, at, address, interface),
        ["unexport", targets @ ..] => {
            let mut out = String::new();
            for target in targets {
                out.push_str(&exportfs(island, at, &["-u", target]).stderr);
            }
            Answer {
                stderr: out,
                ..exportfs(island, at, &["-f"])
            }
        }
        ["release_locks", path] => {
            if let Some(server) = &mut island.nodes[at].nfs_server {
                server.locks.remove(*path);
            }
            Answer::ok(String::new())
        }
        ["host_boot"] => {
            let going = if island.nodes[at].booting.is_some() {
                " going"
            } else {
                ""
            };
            Answer::ok(format!("{}{going}\n", render::boot_id(&island.nodes[at])))
        }
        ["host_reboot"] => {
            island.boot_anew(at);
            Answer::ok(String::new())
        }
        ["host_health"] => Answer::ok(health(island, at)),
        [SITE, rest @ ..] => site(island, at, rest),
        ["tcp_count", ..] => Answer::ok(format!("connections {}\n", island.nodes[at].connections)),
        ["systemctl", "show", "-p", "LoadState", unit] => load_state(&island.nodes[at], unit),
        ["systemctl", verb, unit] => systemctl(island, at, verb, unit),
        ["touch", "--", path] | ["touch", path] => {
            island.nodes[at].files.insert((*path).to_owned());
            Answer::ok(String::new())
        }
        ["rm", "-f", "--", path] | ["rm", "-f", path] | ["rm", path] => {
            island.nodes[at].files.remove(*path);
            Answer::ok(String::new())
        }
        _ => exec::words(island, at, argv),
    }
}

fn of(result: Result<(), Refusal>) -> Answer {
    match result {
        Ok(()) => Answer::ok(String::new()),
        Err(refusal) => Answer::failed(refusal.exit, refusal.text),
    }
}

/// `drbdadm` (drbdadm(8) of 8.4 and of 9).
fn drbdadm(island: &mut Island, at: usize, words: &[&str]) -> Answer {
    let (verb, resource, flag) = match words {
        ["--", "--discard-my-data", "connect", resource] | ["connect", "--discard-my-data", resource] => {
            ("connect", resource, true)
        }
        ["primary", "--force", resource] => ("primary", resource, true),
        [verb, resource] => (*verb, resource, false),
        _ => return Answer::failed(1, "drbdadm: usage\n".to_owned()),
    };
    let found = island
        .replicas
        .iter()
        .position(|replica| replica.resource == *resource)
        .and_then(|replica| Some((replica, island.replicas[replica].side_on(at)?)));
    let Some((replica, side)) = found else {
        return Answer::failed(
            10,
            format!("'{resource}' not defined in your config (for this host).\n"),
        );
    };
    let pair = &island.replicas[replica];
    let (own, peer) = (&pair.sides[side], &pair.sides[1 - side]);
    match verb {
        "role" => {
            let peer = if pair.linked { peer.role.word() } else { "Unknown" };
            Answer::ok(match island.nodes[at].drbd {
                Some(DrbdModule::V9) => format!("{}\n", own.role.word()),
                _ => format!("{}/{peer}\n", own.role.word()),
            })
        }
        "dstate" => {
            let peer = if pair.linked { peer.data.word() } else { "DUnknown" };
            Answer::ok(format!("{}/{peer}\n", own.data.word()))
        }
        "primary" => of(island.promote(replica, at, flag)),
        "secondary" => of(island.demote(replica, at)),
        "connect" => of(island.connect(replica, side, flag)),
        "disconnect" => of(island.disconnect(replica, side)),
        _ => Answer::failed(1, format!("drbdadm: unknown command '{verb}'\n")),
    }
}

fn mount(island: &mut Island, at: usize, device: &str, point: &str, options: &str) -> Answer {
    let known = island
        .replicas
        .iter()
        .position(|replica| replica.device() == device && replica.side_on(at).is_some());
    let Some(replica) = known else {
        return Answer::failed(32, format!("mount: {point}: special device {device} does not exist.\n"));
    };
    if island.replicas[replica].mount_point != point {
        return Answer::failed(32, format!("mount: {point}: mount point does not exist.\n"));
    }
    let done = island.mount(replica, at);
    if done.is_ok()
        && let Some(filesystem) = island.nodes[at].filesystems.last_mut()
    {
        filesystem.read_only = options.split(',').any(|option| option == "ro");
        let kept: Vec<_> = options
            .split(',')
            .filter(|option| !matches!(*option, "" | "rw" | "ro" | "defaults"))
            .collect();
        if !kept.is_empty() {
            filesystem.options = kept.join(",");
        }
    }
    of(done)
}

fn umount(island: &mut Island, at: usize, point: &str) -> Answer {
    let replica = island
        .replicas
        .iter()
        .position(|replica| replica.mount_point == point && replica.side_on(at).is_some());
    match replica {
        Some(replica) => of(island.unmount(replica, at)),
        None => Answer::failed(32, format!("umount: {point}: no mount point specified.\n")),
    }
}

fn sync(island: &Island, at: usize, path: &str) -> Answer {
    let there = island
        .replicas
        .iter()
        .any(|replica| replica.mount_point == path && replica.side_on(at).is_some());
    if there || path == "/" {
        Answer::ok(String::new())
    } else {
        Answer::failed(1, format!("sync: error opening '{path}': No such file or directory\n"))
    }
}

/// `exportfs` (exportfs(8)). It takes any directory, whether the slice is mounted there or not.
fn exportfs(island: &mut Island, at: usize, words: &[&str]) -> Answer {
    let Some(server) = &mut island.nodes[at].nfs_server else {
        return Answer::failed(127, String::new());
    };
    let split = |target: &str| {
        target
            .rsplit_once(':')
            .map(|(client, path)| (client.to_owned(), path.to_owned()))
    };
    let answer = match words {
        ["-o", options, target] => {
            let Some((client, path)) = split(target) else {
                return Answer::failed(1, format!("exportfs: Invalid exporting option: {target}\n"));
            };
            let fsid = options
                .split(',')
                .find_map(|option| option.strip_prefix("fsid=")?.parse().ok())
                .unwrap_or_default();
            let export = Export { path, client, fsid };
            server
                .exports
                .retain(|known| known.path != export.path || known.client != export.client);
            server.exports.push(export);
            Answer::ok(String::new())
        }
        ["-u", target] => {
            let gone = split(target);
            let before = server.exports.len();
            server
                .exports
                .retain(|known| gone.as_ref() != Some(&(known.client.clone(), known.path.clone())));
            if server.exports.len() == before {
                Answer::failed(1, format!("exportfs: Could not find '{target}' to unexport.\n"))
            } else {
                Answer::ok(String::new())
            }
        }
        ["-f"] => {
            server.cached.clone_from(&server.exports);
            Answer::ok(String::new())
        }
        _ => Answer::failed(1, "usage: exportfs [-adfhioruvs] [host:/path]\n".to_owned()),
    };
    island.settle();
    answer
}

/// `ip addr` (ip-address(8)). It tells the network nothing: see [`announce`].
fn address(island: &mut Island, at: usize, verb: &str, cidr: &str, interface: &str) -> Answer {
    let Some(address) = cidr.split('/').next().and_then(|ip| ip.parse::<Ipv4Addr>().ok()) else {
        return Answer::failed(
            1,
            format!("Error: any valid prefix is expected rather than \"{cidr}\".\n"),
        );
    };
    if !island.nodes[at].links.iter().any(|link| link.name == interface) {
        return Answer::failed(1, format!("Cannot find device \"{interface}\"\n"));
    }
    let own = &mut island.nodes[at].service_addresses;
    let carried = own.contains(&address);
    match (verb, carried) {
        ("add", true) => return Answer::failed(2, "RTNETLINK answers: File exists\n".to_owned()),
        ("del", false) => {
            return Answer::failed(2, "RTNETLINK answers: Cannot assign requested address\n".to_owned());
        }
        ("replace", true) => {}
        ("add" | "replace", false) => {
            own.push(address);
            island.expire(address);
        }
        _ => own.retain(|known| *known != address),
    }
    island.settle();
    Answer::ok(String::new())
}

fn port_block(island: &mut Island, at: usize, verb: &str, address: &str) -> Answer {
    let blocked = &mut island.nodes[at].blocked;
    let ip = address.parse::<Ipv4Addr>();
    match (verb, ip) {
        ("list", _) => {
            let mut out = String::new();
            for ip in blocked.iter() {
                let _ = writeln!(out, "{ip}");
            }
            return Answer::ok(out);
        }
        ("add", Ok(ip)) => _ = blocked.insert(ip),
        ("drop", Ok(ip)) => _ = blocked.remove(&ip),
        _ => return Answer::failed(1, format!("Error: Could not resolve hostname: {address}\n")),
    }
    island.settle();
    Answer::ok(String::new())
}

/// `arping -A` (arping(8)): only for an address that the host carries.
fn announce(island: &mut Island, at: usize, address: &str, interface: &str) -> Answer {
    match address.parse::<Ipv4Addr>() {
        Ok(ip) if island.nodes[at].service_addresses.contains(&ip) && interface == "eth0" => {
            island.announce(ip, at);
            Answer::ok(String::new())
        }
        _ => Answer::failed(2, "arping: bind: Cannot assign requested address\n".to_owned()),
    }
}

/// The site's own commands: what they do is theirs, and the copy only keeps that it was done.
fn site(island: &mut Island, at: usize, words: &[&str]) -> Answer {
    let (serving, upgraded) = (!island.nodes[at].drained, island.nodes[at].upgrades > 0);
    let only = |holds: bool| Answer {
        exit: i32::from(!holds),
        ..Answer::ok(String::new())
    };
    let other = |island: &Island, name: &str| island.node(name);
    match words {
        ["serving"] => only(serving),
        ["drain"] => {
            island.nodes[at].drained = true;
            only(true)
        }
        ["undrain"] => {
            island.nodes[at].drained = false;
            only(true)
        }
        ["upgrade"] => {
            island.nodes[at].upgrades += 1;
            only(true)
        }
        ["upgraded"] => only(upgraded),
        ["install", name] => match other(island, name) {
            Some(node) => {
                island.install(node);
                only(true)
            }
            None => Answer::failed(1, format!("{name}: no such host\n")),
        },
        ["lead", servers] => match servers.split_once(':').and_then(|(from, to)| island.lead(from, to)) {
            Some(()) => only(true),
            None => Answer::failed(1, format!("{servers}: no such hosts\n")),
        },
        ["leads", name] => only(other(island, name).is_some_and(|node| island.nodes[node].led)),
        ["installed", name] => only(other(island, name).is_some_and(|node| island.nodes[node].installs > 0)),
        _ => Answer::failed(1, "usage: site VERB [HOST]\n".to_owned()),
    }
}

/// `host_health`: services that run, arrays, and mounts.
fn health(island: &Island, at: usize) -> String {
    let node = &island.nodes[at];
    let mut out = String::new();
    let stopped = |name: &&str| node.stopped_units.contains(*name);
    for unit in units(node).into_iter().filter(|name| !stopped(name)) {
        let _ = writeln!(out, "unit {unit}.service");
    }
    for array in &node.arrays {
        let state = if array.in_sync() == array.members.len() {
            "whole"
        } else {
            "degraded"
        };
        let _ = writeln!(out, "md {} {state}", array.name);
    }
    for filesystem in node.filesystems.iter().filter(|it| it.source.starts_with("/dev/")) {
        let _ = writeln!(out, "mount {}", filesystem.at);
    }
    for mount in node.mounts.iter().filter(|mount| mount.mounted) {
        let _ = writeln!(out, "mount {}", mount.at);
    }
    out.push_str("end\n");
    out
}

/// The services of a host.
fn units(node: &Node) -> Vec<&'static str> {
    let mut units = vec!["cron", "ssh"];
    units.extend(node.nfs_server.is_some().then_some("nfs-server"));
    units.extend(node.mysql.is_some().then_some("mariadb"));
    // What neither keeps slices nor databases serves the web.
    if node.nfs_server.is_none() && node.mysql.is_none() && node.shell {
        units.extend(["nginx", "php8.2-fpm"]);
    }
    units
}

/// A unit's name without the ending that services may be named with.
fn service_of(unit: &str) -> &str {
    unit.strip_suffix(".service").unwrap_or(unit)
}

/// Whether a host has a service of that name, or of another one that means the same.
fn has_unit(node: &Node, name: &str) -> bool {
    match name {
        "nfs-kernel-server" => node.nfs_server.is_some(),
        "drbd" => node.drbd.is_some(),
        "mysql" => node.mysql.is_some(),
        _ => units(node).contains(&name),
    }
}

/// `systemctl show -p LoadState` (systemctl(1)).
fn load_state(node: &Node, unit: &str) -> Answer {
    let is_there = has_unit(node, service_of(unit));
    let state = if is_there { "loaded" } else { "not-found" };
    Answer::ok(format!("LoadState={state}\n"))
}

/// `systemctl` (systemctl(1)).
fn systemctl(island: &mut Island, at: usize, verb: &str, unit: &str) -> Answer {
    let name = service_of(unit);
    let node = &mut island.nodes[at];
    let known = has_unit(node, name);
    match verb {
        "is-active" if !known => Answer {
            exit: 4,
            ..Answer::ok("inactive\n".to_owned())
        },
        "is-active" if node.stopped_units.contains(name) => Answer {
            exit: 3,
            ..Answer::ok("inactive\n".to_owned())
        },
        "is-active" => Answer::ok("active\n".to_owned()),
        "start" | "stop" if !known => Answer::failed(
            5,
            format!("Failed to {verb} {name}.service: Unit {name}.service not found.\n"),
        ),
        "start" if node.broken_units.contains(name) => Answer::failed(
            1,
            format!("Job for {name}.service failed because the control process exited with error code.\n"),
        ),
        "start" => {
            node.stopped_units.remove(name);
            if matches!(name, "mysql" | "mariadb") {
                island.start_node(at);
            }
            Answer::ok(String::new())
        }
        "stop" => {
            node.stopped_units.insert(name.to_owned());
            if matches!(name, "mysql" | "mariadb") {
                island.stop_node(at, true);
            }
            let node = &mut island.nodes[at];
            if name.starts_with("nfs")
                && let Some(server) = &mut node.nfs_server
            {
                // ExecStopPost of nfs-server.service takes every export back.
                server.exports.clear();
                server.cached.clear();
                server.locks.clear();
            }
            island.settle();
            Answer::ok(String::new())
        }
        _ => Answer::failed(1, format!("Unknown command verb '{verb}'.\n")),
    }
}
