//! The slice is served where the plan says, whole, and nowhere else.

use super::{Check, Report};
use crate::runbook::{
    observe::{filesystem, network, nfs},
    planner::Scope,
    sight::Sight,
};

/// `served-once`.
#[derive(Debug)]
pub struct ServedOnce;

impl Check for ServedOnce {
    fn name(&self) -> &'static str {
        "served-once"
    }

    fn about(&self) -> &'static str {
        "the slice is mounted, exported and addressed on the server that it leaves"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            let (from, layout) = (&moved.from, &moved.layout);
            let lift = format!("a slice that is only half served is no case for a move: look at {from} first");
            report.require(
                &filesystem::is_mounted(from, &layout.device, &layout.mount_point).judge(sight),
                &lift,
            );
            report.require(
                &filesystem::is_nowhere_else(from, &layout.device, &layout.mount_point).judge(sight),
                "unmount it there first: the device would stay open, and nothing is killed or unmounted lazily for a move",
            );
            if let Some(export) = &layout.export {
                report.require(
                    &nfs::is_exported(from, &export.path, &export.names()).judge(sight),
                    &lift,
                );
            }
            if let Some(address) = &layout.address {
                report.require(&network::carries(from, address.ip, true).judge(sight), &lift);
                report.require(
                    &network::blocks(from, address.ip, false).judge(sight),
                    "a port block of an earlier run still stands: resume that run, or look who set it",
                );
            }
        }
    }
}
