//! The draft as YAML text. What came from hosts is quoted unless it is plainly a word.

use super::{Host, Segment, Topology, storage::Slice};
use std::fmt::Write as _;

/// A scalar: plain when no reader could take it for anything else, in double quotes otherwise.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '=');
    let first = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/');
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off"
    );
    if text.starts_with(first) && text.chars().all(plain) && !word {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() || matches!(c as u32, 0x2028 | 0x2029 | 0xfeff) => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A list on one line.
fn list<'t>(words: impl IntoIterator<Item = &'t str>) -> String {
    let words: Vec<String> = words.into_iter().map(scalar).collect();
    format!("[{}]", words.join(", "))
}

/// A comment on one line, whatever the text holds.
fn comment(out: &mut String, indent: usize, text: &str) {
    let text: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c as u32, 0x2028 | 0x2029 | 0xfeff) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    let _ = writeln!(out, "{}# {text}", " ".repeat(indent));
}

pub(super) fn print(hosts: &[Host<'_>], segments: &[Segment], topologies: &[Topology], skipped: &[String]) -> String {
    let mut out = String::from(
        "# A draft from what the hosts show now. Lines that begin with `choose` need a person; racks, power\n\
         # feeds and switches cannot be seen from inside. `pointsman check -i FILE` tells what is left.\n",
    );
    for line in skipped {
        comment(&mut out, 0, line);
    }
    out.push_str("fleet: unnamed\n# choose: the fleet's name\n\nhosts:\n");
    if hosts.is_empty() {
        comment(&mut out, 2, "choose: no host was found");
        out.push_str("  localhost: { via: local }\n");
    }
    for host in hosts {
        print_host(&mut out, host);
    }
    if !segments.is_empty() {
        out.push_str("\nsegments:\n");
    }
    for segment in segments {
        let _ = writeln!(out, "  {}:", scalar(&segment.name));
        for line in &segment.comments {
            comment(&mut out, 4, line);
        }
        let servers = segment.servers.iter().map(|server| hosts[*server].name.as_str());
        let _ = writeln!(out, "    servers: {}", list(servers));
        if !segment.pools.is_empty() {
            let _ = writeln!(out, "    pools: {}", list(segment.pools.iter().map(String::as_str)));
        }
        if !segment.slices.is_empty() {
            out.push_str("    slices:\n");
        }
        for slice in &segment.slices {
            print_slice(&mut out, hosts, slice, segment.servers.len() == 2);
        }
    }
    if !topologies.is_empty() {
        out.push_str("\ntopologies:\n");
    }
    for topology in topologies {
        let _ = writeln!(out, "  {}:", scalar(&topology.name));
        for line in &topology.comments {
            comment(&mut out, 4, line);
        }
        let kind = if topology.galera { "galera" } else { "replication" };
        let members = topology.members.iter().map(|member| hosts[*member].name.as_str());
        let _ = writeln!(out, "    kind: {kind}\n    members: {}", list(members));
        if let Some(source) = topology.source {
            let _ = writeln!(out, "    source: {}", scalar(&hosts[source].name));
        }
    }
    out
}

fn print_host(out: &mut String, host: &Host<'_>) {
    let _ = writeln!(out, "  {}:", scalar(&host.name));
    for line in &host.comments {
        comment(out, 4, line);
    }
    // `localhost` was reached without SSH; the draft must lead there the same way.
    if host.address == "localhost" && host.user.is_none() && host.port.is_none() {
        out.push_str("    via: local\n");
    } else {
        let _ = writeln!(out, "    address: {}", scalar(&host.address));
    }
    if let Some(port) = host.port {
        let _ = writeln!(out, "    port: {port}");
    }
    if let Some(user) = &host.user {
        let _ = writeln!(out, "    user: {}", scalar(user));
    }
    if !host.roles.is_empty() {
        let _ = writeln!(out, "    roles: {}", list(host.roles.iter().copied()));
    }
    if host
        .snapshot
        .identity
        .value()
        .is_some_and(|identity| identity.sudo && identity.uid != Some(0))
    {
        out.push_str("    sudo: true\n");
    }
    if !host.mounts.is_empty() {
        out.push_str("    mounts:\n");
    }
    for mount in &host.mounts {
        let slice = scalar(&mount.slice);
        let _ = match &mount.at {
            Some(at) => writeln!(out, "      - {{ slice: {slice}, at: {} }}", scalar(at)),
            None => writeln!(out, "      - {slice}"),
        };
    }
}

fn print_slice(out: &mut String, hosts: &[Host<'_>], slice: &Slice, in_pair: bool) {
    let _ = writeln!(out, "      {}:", scalar(&slice.name));
    for line in &slice.comments {
        comment(out, 8, line);
    }
    if let Some(resource) = &slice.resource {
        let _ = writeln!(out, "        resource: {}", scalar(resource));
    }
    let _ = writeln!(out, "        device: {}", scalar(&slice.device));
    if slice.guessed {
        comment(out, 8, "choose: the mount point is a guess, it is not mounted now");
    }
    let _ = writeln!(out, "        mount_point: {}", scalar(&slice.mount_point));
    if let Some(export) = &slice.export {
        out.push_str("        export:\n");
        let _ = writeln!(
            out,
            "          clients: {}",
            list(export.clients.iter().map(String::as_str))
        );
        if !export.options.is_empty() {
            let _ = writeln!(
                out,
                "          options: {}",
                list(export.options.iter().map(String::as_str))
            );
        }
    }
    if let Some((ip, prefix)) = slice.service {
        let _ = writeln!(out, "        service_address: {}", scalar(&format!("{ip}/{prefix}")));
    }
    let _ = writeln!(out, "        preferred: {}", scalar(&hosts[slice.preferred].name));
    if let Some(standby) = slice.standby {
        let _ = writeln!(out, "        standby: {}", scalar(&hosts[standby].name));
    }
    if slice.resource.is_none() {
        comment(out, 8, "choose: is it meant to have no replica?");
        out.push_str("        unreplicated: true\n");
    } else if slice.standby.is_none() && in_pair {
        comment(
            out,
            8,
            "choose: without this the other server of the pair would be its standby",
        );
        out.push_str("        unreplicated: true\n");
    }
}
