//! Nothing stands in the way on the side that takes the slice.

use super::{Check, Report};
use crate::runbook::{
    action::{Action as _, port},
    definition::{Kind, Step, Written},
    observe::{filesystem, network, nfs},
    planner::Scope,
    sight::Sight,
    truth::Truth,
};

/// `receiver-free`.
#[derive(Debug)]
pub struct ReceiverFree;

/// Whether the runbook lets clients in on the side that takes the slice. A move whose other server died in its middle has left
/// that side blocked, and nobody else can serve the slice then.
fn lets_in(scope: &Scope<'_>) -> bool {
    let mut steps = scope.wish.definition.steps.iter();
    let there = |step: &Step| {
        step.when.is_none()
            && matches!(step.with.get("host"), Some(Written::Text(host)) if host.replace(' ', "") == "{{to}}")
    };
    scope.kind == Kind::Emergency && steps.any(|step| step.action == port::UNBLOCK.name() && there(step))
}

impl Check for ReceiverFree {
    fn name(&self) -> &'static str {
        "receiver-free"
    }

    fn about(&self) -> &'static str {
        "on the side that takes the slice its mount point, export and address are free"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            let (to, layout) = (&moved.to, &moved.layout);
            report.require(
                &filesystem::is_unmounted(to, &layout.device, &layout.mount_point).judge(sight),
                "unmount it there first",
            );
            if let Some(export) = &layout.export {
                report.require(
                    &nfs::is_unexported(to, &export.path).judge(sight),
                    "take the export back there first",
                );
            }
            let Some(address) = &layout.address else {
                continue;
            };
            report.require(
                &network::carries(to, address.ip, false).judge(sight),
                "an address must be on one server only: take it from there first",
            );
            let open = network::blocks(to, address.ip, false).judge(sight);
            if matches!(open, Truth::No(_)) && lets_in(scope) {
                report.note(format!(
                    "{to} drops NFS to {}: a run that was broken off has left that, and this one ends it",
                    address.ip
                ));
            } else {
                report.require(
                    &open,
                    "a port block of an earlier run still stands: resume that run, or look who set it",
                );
            }
            // What is not seen is refused above, and is no word about its networks.
            if sight.text(&network::look(to)).is_ok() && address.interface(to).is_none() {
                report.refuse(
                    format!("no interface of {to} is in the network of {}", address.ip),
                    "give the server an address in that network",
                );
            }
        }
    }
}
