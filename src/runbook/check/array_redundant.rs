//! An array stays redundant: no disk goes at once that it still needs.

use super::{Check, Report};
use crate::runbook::{planner::Scope, sight::Sight};

/// `array-redundant`.
#[derive(Debug)]
pub struct ArrayRedundant;

impl Check for ArrayRedundant {
    fn name(&self) -> &'static str {
        "array-redundant"
    }

    fn about(&self) -> &'static str {
        "a disk that goes at once is not missed: the array keeps all its data, and no less redundancy than it has now"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(layout) = scope.subject.array() else { return };
        let Some(old) = layout.old.as_ref().filter(|_| layout.goes_at_once) else {
            return;
        };
        let array = &layout.array;
        report.require(
            &array.redundant_without(&old.device).judge(sight),
            "leave it in service until the new disk is complete: at_once=no",
        );
        report.require(
            &array.complete_without(&old.device).judge(sight),
            "nothing is left to rebuild from: bring back a disk that has the data before anything is taken away",
        );
        if layout.seen.bears() == 0 {
            report.warn(format!(
                "until the new disk is rebuilt {array} has its data by the members that are left alone: no other may fail"
            ));
        }
    }
}
