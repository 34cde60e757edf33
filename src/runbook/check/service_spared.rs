//! Who is without a service that is stopped or restarted.

use super::{Check, Report};
use crate::{
    fleet::HostName,
    runbook::{interlock::DATABASE_UNITS, planner::Scope, sight::Sight},
};

/// `service-spared`.
#[derive(Debug)]
pub struct ServiceSpared;

impl Check for ServiceSpared {
    fn name(&self) -> &'static str {
        "service-spared"
    }

    fn about(&self) -> &'static str {
        "who is without the service: replicas and clients of a database, slices that lose both servers"
    }

    fn judge(&self, scope: &Scope<'_>, _: &Sight, report: &mut Report) {
        let word = |name: &str| scope.parameters.get(name).map(String::as_str).unwrap_or_default();
        let (unit, state) = (word("unit").trim_end_matches(".service"), word("state"));
        if state == "started" {
            return;
        }
        let hosts = scope.subject.hosts();
        if DATABASE_UNITS.contains(&unit) {
            databases(scope, &hosts, state, report);
        }
        if state == "stopped" {
            for (_, slice) in scope.fleet.slices() {
                if let Some(standby) = slice.standby.as_ref().filter(|it| hosts.contains(it))
                    && hosts.contains(&slice.preferred)
                {
                    report.warn(format!(
                        "both servers of {} are among the hosts: {} and {standby}",
                        slice.name, slice.preferred
                    ));
                }
            }
        }
    }
}

fn databases(scope: &Scope<'_>, hosts: &[HostName], state: &str, report: &mut Report) {
    for topology in &scope.fleet.topologies {
        let among = topology.members.iter().filter(|member| hosts.contains(member)).count();
        if among == topology.members.len() && state == "stopped" {
            report.warn(format!(
                "{} is without any server: all {among} are among the hosts",
                topology.name
            ));
        }
        if let Some(source) = topology
            .preferred_source
            .as_ref()
            .filter(|source| hosts.contains(source))
        {
            report.warn(format!(
                "{source} is the source of {}: whoever writes there has errors until it is back",
                topology.name
            ));
        }
    }
}
