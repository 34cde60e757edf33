//! The services that a plan starts or stops: a run must not find out at its third host that one of them is not there.

use super::{Scope, bind};
use crate::{
    fleet::HostName,
    runbook::{
        check::Refusal,
        plan::Step,
        sight::{Look, Sight},
    },
};

/// The action that starts and stops them.
const SERVICE: &str = "service";

/// What systemd has loaded of a unit (systemctl(1), `show`); it is printed for one that is not there as well.
fn look(host: &HostName, unit: &str) -> Look {
    Look::new(host, ["systemctl", "show", "-p", "LoadState", unit])
}

/// Everything that tells whether the services are there: on each host of the plan, since which of them it is may only be known
/// once it was looked at.
pub fn looks(scope: &Scope<'_>) -> Vec<Look> {
    let units = bind::foreseen(scope, SERVICE, "unit");
    let hosts = scope.subject.hosts();
    units
        .iter()
        .flat_map(|unit| hosts.iter().map(move |host| look(host, unit)))
        .collect()
}

/// The services of these steps that their hosts do not have, or may not have.
pub fn missing(steps: &[Step], sight: &Sight) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for step in steps.iter().filter(|step| step.call.action == SERVICE) {
        let (Some(host), Some(unit)) = (step.call.with.get("host"), step.call.with.get("unit")) else {
            continue;
        };
        let refusal = lacks(&HostName::new(host.as_str()), unit, sight);
        refusals.extend(refusal.filter(|refusal| !refusals.contains(refusal)));
    }
    refusals
}

fn lacks(host: &HostName, unit: &str, sight: &Sight) -> Option<Refusal> {
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
    let state = printed.text.trim().strip_prefix("LoadState=").unwrap_or_default();
    match state {
        "loaded" => None,
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
