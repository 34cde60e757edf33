//! Who the targets are, and what the plan rests on.

use super::scope::Scope;
use crate::{
    fleet::HostName,
    runbook::{
        check::Refusal,
        observe::{filesystem, network, nfs},
        operation::Place,
        plan::Step,
        sight::{Look, Sight},
        target::Identity,
    },
};
use std::collections::BTreeMap;

/// The look that tells which machine a host is.
#[must_use]
pub fn machine_look(host: &HostName) -> Look {
    Look::new(host, ["cat", "/etc/machine-id"])
}

/// The look that tells since which boot it runs.
#[must_use]
pub fn boot_look(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/sys/kernel/random/boot_id"])
}

/// Both.
pub fn looks(host: &HostName) -> [Look; 2] {
    [machine_look(host), boot_look(host)]
}

/// The targets of a plan: every host that a step changes.
///
/// # Errors
/// A target whose identity is not known, or two that are the same machine.
pub fn targets(steps: &[Step], sight: &Sight) -> Result<BTreeMap<HostName, Identity>, Vec<Refusal>> {
    let mut targets: BTreeMap<HostName, Identity> = BTreeMap::new();
    let mut refusals = Vec::new();
    let hosts = steps.iter().filter_map(|step| match &step.operation.place {
        Place::Host(host) => Some(host),
        Place::Console => None,
    });
    for host in hosts {
        if targets.contains_key(host) {
            continue;
        }
        let read = |look: &Look| {
            let text = sight.text(look)?.trim();
            let good = !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            if good {
                Ok(text.to_owned())
            } else {
                Err(format!("{host} says {text:?} where its identity should be"))
            }
        };
        match (read(&machine_look(host)), read(&boot_look(host))) {
            (Ok(machine_id), Ok(boot_id)) => {
                if let Some((twin, _)) = targets.iter().find(|(_, other)| other.machine_id == machine_id) {
                    refusals.push(Refusal::new(
                        format!("{host} and {twin} are the same machine"),
                        "mend their addresses in the inventory, or their machine-id",
                    ));
                }
                let identity = Identity {
                    machine_id,
                    boot_id: Some(boot_id),
                };
                targets.insert(host.clone(), identity);
            }
            (Err(why), _) | (_, Err(why)) => refusals.push(Refusal::new(
                format!("who {host} is, is not known: {why}"),
                "it has to answer before anything is changed there",
            )),
        }
    }
    if targets.is_empty() && refusals.is_empty() {
        refusals.push(Refusal::new(
            "no host would be changed",
            "a plan without a target is a mistake",
        ));
    }
    if refusals.is_empty() {
        Ok(targets)
    } else {
        Err(refusals)
    }
}

/// What the plan rests on: facts by name. Counters are left out: they change without meaning anything.
#[must_use]
pub fn fingerprint(scope: &Scope<'_>, sight: &Sight) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for moved in &scope.moves {
        let layout = &moved.layout;
        for side in &layout.sides {
            let host = &side.host;
            let mut put = |what: &str, value: Result<String, String>| {
                out.insert(
                    format!("{what} of {} on {host}", moved.slice),
                    value.unwrap_or_else(|_| "unknown".to_owned()),
                );
            };
            put(
                "drbd",
                sight
                    .text(&side.look())
                    .and_then(|text| side.volume(text))
                    .map(|volume| {
                        format!(
                            "{} {}/{} {}/{}",
                            volume.connection, volume.role, volume.peer_role, volume.disk, volume.peer_disk
                        )
                    }),
            );
            let condition = |condition: crate::runbook::condition::Condition| {
                let truth = condition.judge(sight);
                Ok(if truth.holds() {
                    "yes".to_owned()
                } else if truth.fails() {
                    "no".to_owned()
                } else {
                    "unknown".to_owned()
                })
            };
            put(
                "mount",
                condition(filesystem::is_mounted(host, &layout.device, &layout.mount_point)),
            );
            if let Some(address) = &layout.address {
                put("address", condition(network::carries(host, address.ip, true)));
                put("block", condition(network::blocks(host, address.ip, true)));
            }
            if let Some(export) = &layout.export {
                put(
                    "export",
                    condition(nfs::is_exported(host, &export.path, &export.names())),
                );
            }
            put(
                "machine",
                sight.text(&machine_look(host)).map(|text| text.trim().to_owned()),
            );
            put("boot", sight.text(&boot_look(host)).map(|text| text.trim().to_owned()));
        }
    }
    out
}
