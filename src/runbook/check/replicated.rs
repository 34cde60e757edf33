//! Both sides are connected and equal, as each of them says itself.

use super::{Check, Report};
use crate::{
    facts::drbd::DrbdRole,
    runbook::{planner::Scope, sight::Sight},
};

/// `replicated`.
#[derive(Debug)]
pub struct Replicated;

impl Check for Replicated {
    fn name(&self) -> &'static str {
        "replicated"
    }

    fn about(&self) -> &'static str {
        "both sides are connected, up to date and equal, as both of them see it, and nothing is suspended"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            let (Some(from), Some(to)) = (moved.side(&moved.from), moved.side(&moved.to)) else {
                continue;
            };
            let lift = format!(
                "wait until both sides of {} are connected and UpToDate; if a server is gone, use failover",
                moved.slice
            );
            report.require(&from.is_replicated().judge(sight), &lift);
            report.require(&to.is_replicated().judge(sight), &lift);
            report.require(
                &from.has_role(DrbdRole::Primary).judge(sight),
                "move it from the side that is primary",
            );
            report.require(
                &to.has_role(DrbdRole::Secondary).judge(sight),
                "only one side may be primary: look at the split first",
            );
            report.require(
                &from.sees_peer(DrbdRole::Secondary).judge(sight),
                "both sides have to see the same roles",
            );
            report.require(
                &to.sees_peer(DrbdRole::Primary).judge(sight),
                "both sides have to see the same roles",
            );
            for side in [from, to] {
                let Ok(volume) = sight.text(&side.look()).and_then(|text| side.volume(text)) else {
                    continue;
                };
                match volume.suspended.as_ref().map(crate::facts::CleanText::as_str) {
                    None | Some("no" | "") => {}
                    Some(why) => report.refuse(
                        format!("I/O of {} on {} is suspended ({why})", side.resource, side.host),
                        "resume it first (drbdadm resume-io)",
                    ),
                }
                if volume.quorum == Some(false) {
                    report.refuse(
                        format!("{} has no quorum for {}", side.host, side.resource),
                        "wait for quorum",
                    );
                }
                if let Some(protocol @ ('A' | 'B')) = volume.protocol {
                    report.warn(format!(
                        "{} replicates with protocol {protocol}: writes are acknowledged before the peer has them",
                        side.resource
                    ));
                }
            }
        }
    }
}
