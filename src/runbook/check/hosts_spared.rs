//! Hosts that go away for a while: nobody rests on them, and what they need for the work is there.

use super::{Check, Report};
use crate::runbook::{
    interlock::{self, Interlock},
    planner::Scope,
    sight::Sight,
};

/// `hosts-spared`.
#[derive(Debug)]
pub struct HostsSpared;

impl Check for HostsSpared {
    fn name(&self) -> &'static str {
        "hosts-spared"
    }

    fn about(&self) -> &'static str {
        "no host serves a slice, takes the writes of a database or is needed for a quorum; what is left is whole"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let given = |name: &str| scope.parameters.get(name).map(String::as_str).unwrap_or_default();
        let (work, unit) = (given("work"), given("unit").trim_end_matches(".service"));
        let layouts = scope.subject.layouts();
        if work == "restart" && unit == "-" {
            report.refuse("restart needs the name of a unit", "give unit=…");
        }
        for (host, found) in &layouts.found {
            let required = match work {
                "restart" if !interlock::DATABASE_UNITS.contains(&unit) => Vec::new(),
                "restart" => interlock::without_server(host, found),
                _ => interlock::spare(host, found),
            };
            for (interlock, condition) in required {
                let truth = condition.judge(sight);
                report.require(&truth, lift(interlock));
            }
            for (array, whole) in &found.health.arrays {
                if !whole && work != "restart" {
                    report.warn(format!(
                        "{array} of {host} is degraded already: with one more disk its data is gone"
                    ));
                }
            }
            let hooks = scope.fleet.host(host.as_str()).map(|host| &host.rolling);
            if hooks.is_none_or(|hooks| hooks.service.is_none()) {
                report.note(format!(
                    "{host} is not taken out of service first: its inventory names no `drain`"
                ));
            }
        }
        let sides = scope
            .fleet
            .slices()
            .filter_map(|(_, slice)| Some((slice, slice.standby.as_ref()?)));
        if work == "restart" {
            return;
        }
        for (slice, standby) in sides {
            if layouts.found.contains_key(standby) && layouts.found.contains_key(&slice.preferred) {
                report.warn(format!(
                    "both servers of {} are among the hosts: the second goes only once the first has its data again",
                    slice.name
                ));
            }
        }
    }
}

/// What would lift a refusal.
fn lift(interlock: Interlock) -> &'static str {
    match interlock {
        Interlock::HostServesNothing => "move its slices first: slice-move",
        Interlock::PartnerWhole => "wait until both sides have everything, or mend that first",
        Interlock::NotTheSource => "let another server take the writes first: mysql-switchover",
        Interlock::ClusterQuorum => "wait until the other nodes are back and synced",
        _ => "it has to be known before the host goes away",
    }
}
