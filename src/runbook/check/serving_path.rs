//! Whether a better way is left than to take a slice away from its clients, and what they are left with.

use super::{Check, Report};
use crate::runbook::{planner::Scope, sight::Sight};
use std::collections::BTreeSet;

/// `serving-path`.
#[derive(Debug)]
pub struct ServingPath;

impl Check for ServingPath {
    fn name(&self) -> &'static str {
        "serving-path"
    }

    fn about(&self) -> &'static str {
        "whether another server could take the slices over, and which clients are left with nothing"
    }

    fn judge(&self, scope: &Scope<'_>, _: &Sight, report: &mut Report) {
        let layouts = scope.subject.layouts();
        let slices: BTreeSet<_> = layouts.clients.iter().map(|client| &client.slice).collect();
        for name in slices {
            let Some((_, slice)) = scope.fleet.slice(name.as_str()) else {
                continue;
            };
            if let Some(standby) = &slice.standby {
                report.warn(format!(
                    "{name} has another server: a failover to {standby} (or to {}) serves its clients again, and none of them \
                     loses it",
                    slice.preferred
                ));
            }
            let here = |host: &crate::fleet::HostName| layouts.clients.iter().any(|client| client.host == *host);
            let mut mounts = scope.fleet.hosts.iter();
            let others = mounts.any(|host| !here(&host.name) && host.mounts.iter().any(|mount| mount.slice == *name));
            if !others {
                report.warn(format!("no client is left that mounts {name}"));
            }
        }
        let mut told = BTreeSet::new();
        for client in layouts.clients.iter().filter(|client| client.now.is_some()) {
            if client.others.is_empty() && told.insert(&client.host) {
                report.warn(format!("{} has no other NFS mount that answers", client.host));
            }
        }
    }
}
