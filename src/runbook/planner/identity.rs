//! Who the targets are.

use crate::{
    fleet::HostName,
    runbook::{
        check::Refusal,
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

/// Which machine it says it is; `unknown` where it does not.
#[must_use]
pub fn machine(host: &HostName, sight: &Sight) -> String {
    said(&machine_look(host), sight)
}

/// Since which boot it says it runs; `unknown` where it does not.
#[must_use]
pub fn boot(host: &HostName, sight: &Sight) -> String {
    said(&boot_look(host), sight)
}

fn said(look: &Look, sight: &Sight) -> String {
    sight
        .text(look)
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
