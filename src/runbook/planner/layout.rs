//! How a slice is laid out: what the inventory says, completed by what was seen.

use crate::{
    facts::{filesystem::parse_mountinfo, network::parse_addresses, nfs::parse_exports},
    fleet::{HostName, ServiceAddress, Slice},
    runbook::{
        check::Refusal,
        observe::{
            drbd::{Dialect, Side},
            filesystem, network, nfs,
        },
        plan::{AddressLayout, ExportLayout, SliceLayout},
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

/// Everything that a plan looks at on a side.
pub fn looks(host: &HostName, resource: &str) -> Vec<Look> {
    vec![
        Look::new(host, ["cat", "/proc/drbd"]),
        Look::new(host, ["drbdsetup", "status", resource, "--json"]),
        filesystem::look(host),
        network::look(host),
        network::block_look(host),
        nfs::look(host),
        Look::new(host, ["cat", "/proc/net/rpc/nfsd.export/content"]),
    ]
}

/// Finds how the slice is laid out.
pub fn find(slice: &Slice, both: &[HostName; 2], resource: &str, sight: Option<&Sight>) -> Found {
    let mut warnings = Vec::new();
    let mut known = Ok(());
    let minor = minor(&slice.device);
    if minor.is_none() {
        known = Err(Refusal::new(
            format!("{} of {} is no DRBD device with a number", slice.device, slice.name),
            "write /dev/drbdN as its device in the inventory: this runbook moves DRBD slices",
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
    Found {
        layout: SliceLayout {
            sides,
            device: slice.device.clone(),
            mount_point: slice.mount_point.clone(),
            mount_options: both
                .iter()
                .find_map(|host| mount_options(host, slice, sight?))
                .unwrap_or_default(),
            export: export(slice, both, sight, &mut warnings),
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
    let look = Look::new(host, ["cat", "/proc/drbd"]);
    match sight.and_then(|sight| sight.text(&look).ok()) {
        Some(text) if !text.trim_start().starts_with("version: 8.") && text.contains("version: ") => Dialect::V9,
        _ => Dialect::V8,
    }
}

/// The options that the slice is mounted with: those of the mount, without what the kernel adds by itself.
fn mount_options(host: &HostName, slice: &Slice, sight: &Sight) -> Option<String> {
    let text = sight.text(&filesystem::look(host)).ok()?;
    let mounts = parse_mountinfo(text).ok()?;
    let mount = mounts
        .iter()
        .find(|mount| mount.source.as_str() == slice.device && mount.at.as_str() == slice.mount_point)?;
    // The sixth field of its line holds the options of the mount itself (proc_pid_mountinfo(5)).
    let line = text.lines().find(|line| {
        let mut words = line.split(' ');
        words.nth(2) == Some(mount.device_number.as_str()) && words.nth(1) == Some(mount.at.as_str())
    })?;
    let options = line.split(' ').nth(5)?;
    let plain = |option: &&str| {
        option
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '='))
    };
    Some(options.split(',').filter(plain).collect::<Vec<_>>().join(","))
}

fn export(
    slice: &Slice,
    both: &[HostName; 2],
    sight: Option<&Sight>,
    warnings: &mut Vec<String>,
) -> Option<ExportLayout> {
    let declared = slice.export.as_ref()?;
    let seen = both.iter().find_map(|host| {
        let exports = parse_exports(sight?.text(&nfs::look(host)).ok()?).ok()?;
        let mine: Vec<_> = exports
            .into_iter()
            .filter(|export| export.path.as_str() == declared.path)
            .collect();
        (!mine.is_empty()).then_some(mine)
    });
    let mut clients = declared.clients.clone();
    if clients.is_empty() {
        clients = seen
            .iter()
            .flatten()
            .map(|export| export.client.as_str().to_owned())
            .collect();
    }
    let options = match (&seen, declared.options.is_empty()) {
        (Some(exports), _) => exports
            .first()
            .map(|export| {
                export
                    .options
                    .iter()
                    .map(crate::facts::CleanText::as_str)
                    .collect::<Vec<_>>()
                    .join(",")
            })
            .unwrap_or_default(),
        (None, false) => declared.options.join(","),
        (None, true) => {
            if sight.is_some() {
                warnings.push(format!(
                    "the options of the export of {} cannot be read and are not declared: it is exported rw,sync,no_subtree_check",
                    slice.name
                ));
            }
            "rw,sync,no_subtree_check".to_owned()
        }
    };
    if clients.is_empty() && sight.is_some() {
        warnings.push(format!(
            "the clients of {} are neither declared nor seen: it is exported to nobody",
            slice.name
        ));
    }
    Some(ExportLayout {
        path: declared.path.clone(),
        clients,
        options,
    })
}

/// The interface of each side that has a network with the address.
fn addressed(address: &ServiceAddress, both: &[HostName; 2], sight: Option<&Sight>) -> AddressLayout {
    let mut interfaces = BTreeMap::new();
    for host in both {
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

fn same_network(one: IpAddr, two: IpAddr, prefix: u8) -> bool {
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
