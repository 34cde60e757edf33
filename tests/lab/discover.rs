//! `discover` on the bare hosts of the lab: its draft must say what the lab's own inventory says, save where
//! a person has to choose.

use crate::program::{Lab, read_inventory};
use pointsman::fleet::{Fleet, Host, Slice};
use std::{collections::BTreeSet, path::Path};

/// Compares both inventories. What is left to a person: names of fleet, segments and topologies, failure
/// domains, thresholds, the table of a heartbeat, that a host is there for backups, and how hosts are reached.
pub fn check(lab: &Lab) -> Result<(), String> {
    let own = lab.fleet();
    let names: Vec<&str> = own.hosts.iter().map(|host| host.name.as_str()).collect();
    let text = lab.discover(&names)?;
    let draft = read_inventory(Path::new("draft.yaml"), &text)?;
    let mut differences = Vec::new();
    let mut same = |what: &str, own: BTreeSet<String>, draft: BTreeSet<String>| {
        for missing in own.difference(&draft) {
            differences.push(format!("  {what}: {missing} is not in the draft"));
        }
        for added in draft.difference(&own) {
            differences.push(format!("  {what}: {added} is in the draft alone"));
        }
    };
    same("host", hosts(own), hosts(&draft));
    same("pair", pairs(own), pairs(&draft));
    same("slice", slices(own), slices(&draft));
    same("topology", topologies(own), topologies(&draft));
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nThe draft:\n{text}", differences.join("\n")))
}

fn hosts(fleet: &Fleet) -> BTreeSet<String> {
    let mounts = |host: &Host| -> BTreeSet<String> {
        host.mounts
            .iter()
            .map(|mount| format!("{} at {}", mount.slice, mount.at))
            .collect()
    };
    fleet
        .hosts
        .iter()
        .map(|host| {
            format!(
                "{} roles {:?} mounts {:?} mysql {}",
                host.name,
                host.roles.iter().filter(|role| *role != "backup").collect::<Vec<_>>(),
                mounts(host),
                host.mysql.is_some()
            )
        })
        .collect()
}

fn pairs(fleet: &Fleet) -> BTreeSet<String> {
    fleet
        .segments
        .iter()
        .map(|segment| format!("{:?} pools {:?}", segment.servers, segment.pools))
        .collect()
}

fn slices(fleet: &Fleet) -> BTreeSet<String> {
    let export = |slice: &Slice| {
        slice
            .export
            .as_ref()
            .map(|export| (export.path.clone(), export.clients.clone()))
    };
    fleet
        .slices()
        .map(|(_, slice)| {
            format!(
                "{} resource {:?} device {} at {} export {:?} address {:?} preferred {}",
                slice.name,
                slice.resource,
                slice.device,
                slice.mount_point,
                export(slice),
                slice.service_address,
                slice.preferred
            )
        })
        .collect()
}

fn topologies(fleet: &Fleet) -> BTreeSet<String> {
    fleet
        .topologies
        .iter()
        .map(|topology| {
            format!(
                "{:?} of {:?}, source {:?}",
                topology.kind, topology.members, topology.preferred_source
            )
        })
        .collect()
}
