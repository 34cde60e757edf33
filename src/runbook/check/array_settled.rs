//! Nothing runs on the array, so that what is begun is not mixed with something else.

use super::{Check, Report};
use crate::runbook::{planner::Scope, sight::Sight};

/// `array-settled`.
#[derive(Debug)]
pub struct ArraySettled;

impl Check for ArraySettled {
    fn name(&self) -> &'static str {
        "array-settled"
    }

    fn about(&self) -> &'static str {
        "the array runs, nothing is rebuilt or checked, and no member is missing but one that is to be replaced at once"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(layout) = scope.subject.array() else { return };
        let array = &layout.array;
        report.require(
            &array.is_settled().judge(sight),
            "wait until it is over, or stop it if it is a check (scrub says how)",
        );
        if layout.goes_at_once {
            return;
        }
        match &layout.old {
            Some(old) => {
                let lift = "it cannot be read any more: say at_once=yes, and it goes before the new disk is complete";
                report.require(&array.is_in_service(&old.device).judge(sight), lift);
                let lift = "a new disk would be taken for the missing member: replace that first, with at_once=yes";
                report.require(&array.is_whole().judge(sight), lift);
            }
            None => report.require(
                &array.is_whole().judge(sight),
                "a member is missing, so there is nothing to compare with: replace it first (disk-replace)",
            ),
        }
    }
}
