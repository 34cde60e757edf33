//! A repaired server is back: it answers, its side is configured, secondary, unused, and no split brain waits.

use super::{Check, Report};
use crate::{
    facts::drbd::{DrbdConnection, DrbdRole},
    runbook::{planner::Scope, sight::Sight},
};

/// `returned`.
#[derive(Debug)]
pub struct Returned;

impl Check for Returned {
    fn name(&self) -> &'static str {
        "returned"
    }

    fn about(&self) -> &'static str {
        "the repaired side answers, is secondary, and both sides do not stand alone"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            let (Some(from), Some(to)) = (moved.side(&moved.from), moved.side(&moved.to)) else {
                continue;
            };
            report.require(
                &from.has_role(DrbdRole::Primary).judge(sight),
                "the slice comes home from the side that serves it",
            );
            report.require(
                &from.is_up_to_date().judge(sight),
                "the side that serves has to have the data",
            );
            report.require(
                &to.has_role(DrbdRole::Secondary).judge(sight),
                "bring DRBD up there (drbdadm up), as secondary",
            );
            let connection = |side: &crate::runbook::observe::drbd::Side| {
                sight
                    .text(&side.look())
                    .and_then(|text| side.volume(text))
                    .ok()
                    .map(|volume| volume.connection)
            };
            if let (Some(DrbdConnection::StandAlone), Some(DrbdConnection::StandAlone)) =
                (connection(from), connection(to))
            {
                report.refuse(
                    format!("both sides of {} stand alone: that may be a split brain", moved.slice),
                    "use split-brain, or connect the repaired side by hand and look",
                );
            }
        }
    }
}
