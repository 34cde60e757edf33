//! Nothing runs on the pool, so that what is begun is not mixed with something else.

use super::{Check, Report};
use crate::runbook::{observe::pool::Doing, planner::Scope, sight::Sight};

/// `pool-settled`.
#[derive(Debug)]
pub struct PoolSettled;

impl Check for PoolSettled {
    fn name(&self) -> &'static str {
        "pool-settled"
    }

    fn about(&self) -> &'static str {
        "the pool can be used, and nothing is resilvered or scrubbed"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(layout) = scope.subject.pool() else { return };
        let lift = match layout.seen.doing() {
            _ if !layout.seen.is_running() => {
                "find out why by hand (zpool status -v): nothing of it is changed while it does not work"
            }
            Doing::PausedScrub => "end the scrub that pauses by hand (zpool scrub -s), or go on with it (zpool scrub)",
            Doing::Scrub => "wait until it is over, or stop it by hand (zpool scrub -s)",
            _ => "wait until it is over",
        };
        report.require(&layout.pool.is_settled().judge(sight), lift);
        if layout.old.is_none() && layout.seen.doing() == Doing::Nothing && !layout.seen.out().is_empty() {
            let out: Vec<String> = layout.seen.out().into_iter().collect();
            report.warn(format!(
                "{} of {} is not in service: what a scrub finds damaged beside it may not be mended",
                out.join(", "),
                layout.pool
            ));
        }
    }
}
