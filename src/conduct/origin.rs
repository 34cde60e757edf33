//! What a plan was made from, kept with its run: from it the very same plan is made again to go on.

use crate::{
    fleet::HostName,
    runbook::{
        definition::Definition,
        observe::mysql::LastSeen,
        plan::{Glass, Step},
        planner::{self, Wish, review},
        sight::{Look, Sight},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Origin {
    definition: Definition,
    parameters: BTreeMap<String, String>,
    glass: Vec<Glass>,
    alike: Vec<String>,
    /// Runs of an earlier release have none.
    #[serde(default)]
    weak: BTreeMap<HostName, String>,
    /// Runs of an earlier release have none.
    #[serde(default)]
    last: Option<LastSeen>,
    sight: Sight,
}

impl Origin {
    pub fn new(wish: Wish, sight: Sight) -> Self {
        Self {
            definition: wish.definition,
            parameters: wish.parameters,
            glass: wish.glass,
            alike: wish.alike,
            weak: wish.weak,
            last: wish.last,
            sight,
        }
    }

    pub fn wish(&self) -> Wish {
        Wish {
            definition: self.definition.clone(),
            parameters: self.parameters.clone(),
            glass: self.glass.clone(),
            alike: self.alike.clone(),
            weak: self.weak.clone(),
            last: self.last.clone(),
        }
    }

    /// Makes the plan.
    pub fn plan(
        &self,
        fleet: &crate::fleet::Fleet,
    ) -> Result<crate::runbook::plan::Plan, Vec<crate::runbook::check::Refusal>> {
        planner::plan(fleet, &self.wish(), &self.sight)
    }

    /// What has to be looked at before a run of the plan that was left goes on.
    pub fn review_looks(
        &self,
        fleet: &crate::fleet::Fleet,
        steps: &[(&Step, bool)],
    ) -> Result<Vec<Look>, Vec<crate::runbook::check::Refusal>> {
        review::looks(fleet, &self.wish(), &self.sight, steps)
    }

    /// Whether it may go on by what was seen now.
    pub fn review(
        &self,
        fleet: &crate::fleet::Fleet,
        steps: &[(&Step, bool)],
        seen: &Sight,
    ) -> Result<(), Vec<crate::runbook::check::Refusal>> {
        review::judge(fleet, &self.wish(), &self.sight, steps, seen)
    }
}
