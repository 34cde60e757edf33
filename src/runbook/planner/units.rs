//! The services that a plan starts or stops: a run must not find out at its third host that one of them is not there.

use super::{Scope, bind};
use crate::{
    fleet::HostName,
    runbook::{
        action::Takes,
        check::Refusal,
        plan::Step,
        sight::{Look, Sight},
    },
};
use std::collections::BTreeSet;

/// The action that starts and stops them.
const SERVICE: &str = "service";

/// What systemd has loaded of a unit (systemctl(1), `show`); it is printed for one that is not there as well.
fn look(host: &HostName, unit: &str) -> Look {
    Look::new(host, ["systemctl", "show", "-p", "LoadState", unit])
}

/// Everything that tells whether the services are there: on each host of the plan, since which of them it is may only be known
/// once it was looked at.
pub fn looks(scope: &Scope<'_>) -> Vec<Look> {
    let units = bind::foreseen(scope, SERVICE, "unit", Takes::Unit);
    let hosts = scope.subject.hosts();
    units
        .iter()
        .flat_map(|unit| hosts.iter().map(move |host| look(host, unit)))
        .collect()
}

/// The services of these steps that their hosts do not have, or may not have. One whose name came out only of what was seen
/// was not looked at: [`unlooked`] tells it, and the step itself will find out.
pub fn missing(steps: &[Step], sight: &Sight) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (host, unit, state) in services(steps) {
        if sight.asked(&look(&host, unit)) {
            let refusal = lacks(&host, unit, state, sight);
            refusals.extend(refusal.filter(|refusal| !refusals.contains(refusal)));
        }
    }
    refusals
}

/// The services of these steps that were not looked at, each a sentence.
pub fn unlooked(steps: &[Step], sight: &Sight) -> BTreeSet<String> {
    services(steps)
        .filter(|(host, unit, _)| !sight.asked(&look(host, unit)))
        .map(|(host, unit, _)| {
            format!("whether {host} has the service {unit} is found out by its step: which one it is was known too late to look")
        })
        .collect()
}

/// Host, unit and state of each step about a service.
fn services(steps: &[Step]) -> impl Iterator<Item = (HostName, &str, &str)> {
    let steps = steps.iter().filter(|step| step.call.action == SERVICE);
    steps.filter_map(|step| {
        let word = |name: &str| step.call.with.get(name).map(String::as_str);
        Some((
            HostName::new(word("host")?),
            word("unit")?,
            word("state").unwrap_or_default(),
        ))
    })
}

fn lacks(host: &HostName, unit: &str, state: &str, sight: &Sight) -> Option<Refusal> {
    let unknown = |why: &str| {
        Refusal::new(
            format!("whether {host} has the service {unit} is not known: {why}"),
            "it has to be known before anything is changed there",
        )
    };
    let printed = match sight.printed(&look(host, unit)) {
        Ok(printed) => printed,
        Err(why) => return Some(unknown(&why)),
    };
    let loaded = printed.text.trim().strip_prefix("LoadState=").unwrap_or_default();
    match loaded {
        "loaded" => None,
        // Masked while it runs, it can be stopped.
        "masked" if state == "stopped" => None,
        "not-found" => Some(Refusal::new(
            format!("{host} has no service {unit}"),
            format!(
                "name one that is there (`systemctl list-units --type=service` on {host} lists them), or leave {host} out"
            ),
        )),
        "masked" => Some(Refusal::new(
            format!("{unit} of {host} is masked: it cannot be started"),
            format!("unmask it there, or leave {host} out"),
        )),
        _ => Some(unknown(&format!("systemd says {:?}", printed.text.trim()))),
    }
}
