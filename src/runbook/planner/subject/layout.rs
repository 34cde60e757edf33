//! How a slice is laid out: what the inventory says, completed by what was seen.

use crate::{
    facts::{CleanText, filesystem::parse_mountinfo, network::parse_addresses, nfs::parse_exports},
    fleet::{HostName, ServiceAddress, Slice},
    runbook::{
        check::Refusal,
        observe::{
            drbd::{Dialect, Side},
            filesystem, network, nfs,
        },
        plan::{AddressLayout, ExportClient, ExportLayout, SliceLayout},
        sight::{Look, Sight},
    },
};
use std::{collections::BTreeMap, net::IpAddr};

/// What was found of a slice.
pub struct Found {
    /// As far as it is known.
    pub layout: SliceLayout,
    /// Whether that is enough.
    pub known: Result<(), Refusal>,
    /// What to know about it.
    pub warnings: Vec<String>,
}

/// The look that tells which generation of DRBD a host has.
pub fn dialect_look(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/drbd"])
}

/// A slice's side on a host, where its device is a DRBD device with a number.
pub fn side(host: &HostName, slice: &Slice, resource: &str, sight: Option<&Sight>) -> Option<Side> {
    Some(Side {
        host: host.clone(),
        resource: resource.to_owned(),
        minor: minor(&slice.device)?,
        dialect: dialect(host, sight),
    })
}

/// Everything that a plan looks at on a side.
pub fn looks(host: &HostName, resource: &str) -> Vec<Look> {
    vec![
        dialect_look(host),
        Look::new(host, ["drbdsetup", "status", resource, "--json"]),
        filesystem::look(host),
        network::look(host),
        network::block_look(host),
        nfs::look(host),
        nfs::cache_look(host),
    ]
}

/// Finds how the slice is laid out. With `brings` it is going to be mounted and exported somewhere: what is not known of
/// that is then worth a warning.
pub fn find(slice: &Slice, both: &[HostName; 2], resource: &str, sight: Option<&Sight>, brings: bool) -> Found {
    let mut warnings = Vec::new();
    let mut known = Ok(());
    let minor = minor(&slice.device);
    if minor.is_none() {
        known = Err(Refusal::new(
            format!("{} of {} is no DRBD device with a number", slice.device, slice.name),
            "write /dev/drbdN as its device in the inventory: this runbook moves DRBD slices",
        ));
    }
    if let Some(address) = slice.service_address.filter(|address| address.ip.is_ipv6()) {
        known = Err(Refusal::new(
            format!("the service address of {} is {}, of IPv6", slice.name, address.ip),
            "move it by hand: runbooks close, move and announce IPv4 addresses only",
        ));
    }
    let sides = both
        .iter()
        .map(|host| Side {
            host: host.clone(),
            resource: resource.to_owned(),
            minor: minor.unwrap_or(u32::MAX),
            dialect: dialect(host, sight),
        })
        .collect();
    let options = both.iter().find_map(|host| mount_options(host, slice, sight?));
    let mut unseen = Vec::new();
    if options.is_none() {
        unseen.push(format!(
            "with which options {} was mounted cannot be seen: it is mounted with those of its filesystem",
            slice.name
        ));
    }
    let export = export(slice, both, sight, &mut unseen);
    if brings && sight.is_some() {
        warnings.append(&mut unseen);
    }
    Found {
        layout: SliceLayout {
            sides,
            device: slice.device.clone(),
            mount_point: slice.mount_point.clone(),
            mount_options: options.unwrap_or_default(),
            export,
            address: slice
                .service_address
                .as_ref()
                .map(|address| addressed(address, both, sight)),
        },
        known,
        warnings,
    }
}

/// `N` of `/dev/drbdN`.
fn minor(device: &str) -> Option<u32> {
    device.strip_prefix("/dev/drbd")?.parse().ok()
}

/// By the first line of `/proc/drbd`; 8.4 while that is not known: its look is then unknown as well.
fn dialect(host: &HostName, sight: Option<&Sight>) -> Dialect {
    match sight.and_then(|sight| sight.text(&dialect_look(host)).ok()) {
        Some(text) if !text.trim_start().starts_with("version: 8.") && text.contains("version: ") => Dialect::V9,
        _ => Dialect::V8,
    }
}

/// The options that the slice is mounted with: those of the mount and those of its filesystem, without what the kernel
/// prints and does not take.
fn mount_options(host: &HostName, slice: &Slice, sight: &Sight) -> Option<String> {
    let text = sight.text(&filesystem::look(host)).ok()?;
    let mounts = parse_mountinfo(text).ok()?;
    let mount = mounts
        .iter()
        .find(|mount| mount.source.as_str() == slice.device && mount.at.as_str() == slice.mount_point)?;
    // The sixth field of its line holds the options of the mount, the last one those of the filesystem
    // (proc_pid_mountinfo(5)).
    let line = text.lines().find(|line| {
        let mut words = line.split(' ');
        words.nth(2) == Some(mount.device_number.as_str()) && words.nth(1) == Some(mount.at.as_str())
    })?;
    let own = line.split(' ').nth(5)?;
    let plain = |option: &&str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:".contains(c);
        !option.is_empty() && option.chars().all(is_plain) && !NOT_TAKEN.contains(option)
    };
    let mut options: Vec<&str> = Vec::new();
    for option in own.split(',').chain(mount.options.as_str().split(',')).filter(plain) {
        // Whether it can be written is said twice; the mount's own word counts.
        let said = matches!(option, "rw" | "ro") && options.iter().any(|known| matches!(*known, "rw" | "ro"));
        if !said && !options.contains(&option) {
            options.push(option);
        }
    }
    Some(options.join(","))
}

/// Options that the kernel prints and that mount(8) refuses.
const NOT_TAKEN: [&str; 1] = ["seclabel"];
/// How a slice is exported when nothing is known of it.
const USUAL: &str = "rw,sync,no_subtree_check";

/// How the slice is exported: what a side shows, each client with its own options; what no side shows, as declared.
fn export(
    slice: &Slice,
    both: &[HostName; 2],
    sight: Option<&Sight>,
    unseen: &mut Vec<String>,
) -> Option<ExportLayout> {
    let declared = slice.export.as_ref()?;
    let shown = both.iter().find_map(|host| {
        let exports = parse_exports(sight?.text(&nfs::look(host)).ok()?).ok()?;
        let mine: Vec<_> = exports
            .into_iter()
            .filter(|export| export.path.as_str() == declared.path && is_client(export.client.as_str()))
            .collect();
        (!mine.is_empty()).then_some(mine)
    });
    let written = if declared.options.is_empty() {
        USUAL.to_owned()
    } else {
        declared.options.join(",")
    };
    let mut clients: Vec<ExportClient> = Vec::new();
    for export in shown.iter().flatten() {
        let options: Vec<&str> = export.options.iter().map(CleanText::as_str).collect();
        clients.push(ExportClient {
            name: export.client.as_str().to_owned(),
            options: options.join(","),
        });
    }
    for name in &declared.clients {
        if clients.iter().all(|known| known.name != *name) {
            clients.push(ExportClient {
                name: name.clone(),
                options: written.clone(),
            });
        }
    }
    if shown.is_none() {
        let from = if declared.options.is_empty() {
            "the options of its export cannot be seen and are not declared"
        } else {
            "its export is taken from the inventory, as no server that answers exports it"
        };
        unseen.push(format!("{}: {from}: {written}", slice.name));
    }
    Some(ExportLayout {
        path: declared.path.clone(),
        clients,
    })
}

/// Whether it can be a client of an export: it becomes the beginning of a word of a command.
fn is_client(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".:/*?-_@[]+".contains(c))
}

/// The interface of each host that has a network with the address.
pub fn addressed(address: &ServiceAddress, hosts: &[HostName], sight: Option<&Sight>) -> AddressLayout {
    let mut interfaces = BTreeMap::new();
    for host in hosts {
        let Some(Ok(own)) = sight
            .and_then(|sight| sight.text(&network::look(host)).ok())
            .map(parse_addresses)
        else {
            continue;
        };
        let home = own
            .iter()
            .filter(|own| own.ip != address.ip && !own.ip.is_loopback())
            .find(|own| same_network(own.ip, address.ip, own.prefix));
        let there = own.iter().find(|own| own.ip == address.ip);
        if let Some(interface) = home.or(there) {
            interfaces.insert(host.clone(), interface.interface.as_str().to_owned());
        }
    }
    AddressLayout {
        ip: address.ip,
        prefix: address.prefix,
        interfaces,
    }
}

pub fn same_network(one: IpAddr, two: IpAddr, prefix: u8) -> bool {
    match (one, two) {
        (IpAddr::V4(one), IpAddr::V4(two)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            one.to_bits() & mask == two.to_bits() & mask
        }
        (IpAddr::V6(one), IpAddr::V6(two)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            one.to_bits() & mask == two.to_bits() & mask
        }
        _ => false,
    }
}
