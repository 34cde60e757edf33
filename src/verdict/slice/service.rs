//! What a slice's primary must give its clients: filesystem, export, address, nfsd.

use super::View;
use crate::{
    facts::{CleanText, Tier, nfs::NfsExport},
    fleet::Export,
    verdict::{
        Code, Severity,
        claim::Claims,
        pair::Server,
        say,
        seen::{Fact, Seen},
    },
};

/// Judges what the primary serves.
pub(super) fn judge(view: &View<'_>, primary: &Server<'_>, out: &mut Claims) {
    address(view, primary, out);
    let Some(seen) = &primary.seen else { return };
    mounted(view, seen, out);
    if let Some(export) = &view.slice.export {
        exported(view, seen, export, out);
    }
}

/// Nobody is known to be primary: what was wrong stays in doubt.
pub(super) fn unsettled(view: &View<'_>, out: &mut Claims) {
    for code in [Code::ServiceAddressWrong, Code::SliceNotMounted, Code::ExportMissing] {
        out.unsettled(code, view.subject());
    }
}

/// Whether a server holds the slice's address; `None` when it cannot be known.
fn holds(server: &Server<'_>, ip: std::net::IpAddr) -> Option<bool> {
    let seen = server.seen.as_ref()?;
    match seen.fact(&seen.snapshot.addresses, Tier::Medium) {
        Fact::Known(addresses) => Some(addresses.iter().any(|address| address.ip == ip)),
        Fact::Unknown(_) | Fact::Absent => None,
    }
}

fn address(view: &View<'_>, primary: &Server<'_>, out: &mut Claims) {
    let Some(address) = view.slice.service_address else {
        return;
    };
    let here = holds(primary, address.ip);
    // A slice without a second server cannot have its address there.
    let there = view
        .other(primary)
        .map_or(Some(false), |other| holds(other, address.ip));
    let other = view.other(primary).map_or("", |other| other.name.as_str());
    let evidence = match (here, there) {
        (Some(true), Some(true)) => format!("{} is on both {} and {other}", address.ip, primary.name),
        (Some(false), Some(true)) => {
            format!("{} is on {other}, but {} serves the slice", address.ip, primary.name)
        }
        (Some(false), Some(false)) => format!("{} is on no server; {} serves the slice", address.ip, primary.name),
        (Some(true), Some(false) | None) => return,
        (Some(false), None) | (None, _) => {
            out.unsettled(Code::ServiceAddressWrong, view.subject());
            return;
        }
    };
    // During a move one server's addresses were read before it and the other's after it.
    let readings = view.servers().filter_map(|server| {
        let read_at = server.seen.as_ref()?.snapshot.addresses.at;
        Some((server.name.clone(), read_at))
    });
    out.raise(Code::ServiceAddressWrong, Severity::Critical, view.subject(), evidence)
        .with(view.hosts())
        .after_readings(readings);
}

fn mounted(view: &View<'_>, seen: &Seen<'_>, out: &mut Claims) {
    let slice = view.slice;
    let mounts = match seen.fact(&seen.snapshot.mounts, Tier::Fast) {
        Fact::Known(mounts) => mounts.as_slice(),
        Fact::Absent => &[],
        Fact::Unknown(_) => {
            out.unsettled(Code::SliceNotMounted, view.subject());
            return;
        }
    };
    let found = mounts.iter().rev().find(|mount| mount.at.as_str() == slice.mount_point);
    let evidence = match found {
        None => format!("{} is not mounted on {}", slice.mount_point, seen.host.name),
        Some(mount) if is_another_device(&mount.source, &slice.device) => format!(
            "{} on {} is mounted from {}, not from {}",
            slice.mount_point, seen.host.name, mount.source, slice.device
        ),
        Some(_) => return,
    };
    out.raise(Code::SliceNotMounted, Severity::Critical, view.subject(), evidence)
        .with(view.hosts());
}

/// Two device names that certainly are not the same device. Other forms (`/dev/mapper/…`, `/dev/drbd/by-res/…`,
/// a pool's dataset) have aliases that are not known here.
fn is_another_device(found: &str, declared: &str) -> bool {
    let plain = |name: &str| {
        name.strip_prefix("/dev/")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    found != declared && plain(found) && plain(declared)
}

fn exported(view: &View<'_>, seen: &Seen<'_>, export: &Export, out: &mut Claims) {
    let found = match seen.fact(&seen.snapshot.exports, Tier::Medium) {
        Fact::Known(exports) => exports.as_slice(),
        Fact::Absent => &[],
        Fact::Unknown(_) => {
            out.unsettled(Code::ExportMissing, view.subject());
            return;
        }
    };
    // Who is primary is read with every poll, its exports are not.
    let reading = (seen.host.name.clone(), seen.snapshot.exports.at);
    let of_path: Vec<&NfsExport> = found
        .iter()
        .filter(|entry| entry.path.as_str() == export.path)
        .collect();
    let to = |client: &str| of_path.iter().find(|entry| same_client(&entry.client, client));
    let missing: Vec<&str> = export
        .clients
        .iter()
        .map(String::as_str)
        .filter(|client| to(client).is_none())
        .collect();
    if of_path.is_empty() || !missing.is_empty() {
        let whom = if missing.is_empty() {
            String::new()
        } else {
            format!(" to {}", say::list(&missing))
        };
        let evidence = format!("{} does not export {}{whom}", seen.host.name, export.path);
        out.raise(Code::ExportMissing, Severity::Critical, view.subject(), evidence)
            .with(view.hosts())
            .after_readings([reading]);
        return;
    }
    for client in &export.clients {
        let Some(entry) = to(client) else { continue };
        let lacks: Vec<&str> = export
            .options
            .iter()
            .map(String::as_str)
            .filter(|option| !entry.options.iter().any(|found| same_option(found, option)))
            .collect();
        if !lacks.is_empty() {
            let in_force: Vec<&str> = entry.options.iter().map(CleanText::as_str).collect();
            let evidence = format!(
                "{} exports {} to {client} without {} (in force: {})",
                seen.host.name,
                export.path,
                say::list(&lacks),
                in_force.join(",")
            );
            out.raise(Code::ExportMissing, Severity::Warning, view.subject(), evidence)
                .with(view.hosts())
                .after_readings([reading.clone()]);
        }
    }
}

/// exportfs(8) writes `root` as 0 and keeps the rest as given.
fn same_option(found: &str, declared: &str) -> bool {
    found == declared || (declared == "fsid=root" && found == "fsid=0")
}

/// Whether two ways to write a client mean the same: names without regard to case, networks with
/// either form of mask.
fn same_client(found: &str, declared: &str) -> bool {
    found.eq_ignore_ascii_case(declared)
        || (declared == "<world>" && found == "*")
        || matches!((network(found), network(declared)), (Some(one), Some(other)) if one == other)
}

fn network(text: &str) -> Option<(std::net::IpAddr, u32)> {
    let (ip, mask) = text.split_once('/').unwrap_or((text, ""));
    let ip: std::net::IpAddr = ip.parse().ok()?;
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = if mask.is_empty() {
        whole
    } else if let Ok(prefix) = mask.parse() {
        prefix
    } else {
        let mask: std::net::Ipv4Addr = mask.parse().ok()?;
        u32::from(mask).leading_ones()
    };
    Some((ip, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_compared_by_meaning() {
        assert!(same_client("10.77.0.0/255.255.255.0", "10.77.0.0/24"));
        assert!(same_client("10.77.0.5", "10.77.0.5/32"));
        assert!(same_client("Web1.Example", "web1.example"));
        assert!(!same_client("10.77.0.0/25", "10.77.0.0/24"));
        assert!(!same_client("*", "10.77.0.0/24"));
    }

    #[test]
    fn only_plain_device_names_can_differ() {
        assert!(is_another_device("/dev/md0", "/dev/drbd0"));
        assert!(!is_another_device("/dev/drbd0", "/dev/drbd0"));
        assert!(!is_another_device("/dev/drbd0", "/dev/drbd/by-res/r0/0"));
        assert!(!is_another_device("tank/a", "/dev/drbd0"));
    }
}
