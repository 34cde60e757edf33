//! The planner: a runbook, its parameters and what was seen → a plan, or the reasons why there is none.
//!
//! Pure. Two passes: [`looks`] says what has to be looked at, [`plan`] decides by what was seen. The same sight gives
//! the same plan and the same hash, so that a plan which somebody has read can be told from a later one.

mod bind;
pub mod catalogue;
pub mod identity;
mod layout;
pub mod review;
mod scope;
pub mod show;
mod silence;
mod tools;

#[cfg(test)]
mod tests;

pub use scope::{Move, Scope};

use super::{
    action::{self, Given},
    check::{self, Refusal, Report},
    definition::{Call, Definition},
    interlock,
    plan::{Glass, Plan, SliceLayout, Step},
    sight::{Look, Sight},
};
use crate::fleet::{Fleet, SliceName};
use std::{collections::BTreeMap, time::Duration};

/// Looks older than this make no plan. A dead server has to be waited for; the engine looks again before each step.
pub const FRESH: Duration = Duration::from_secs(20);

/// What is asked for: a runbook with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The runbook.
    pub definition: Definition,
    /// Parameters as given.
    pub parameters: BTreeMap<String, String>,
    /// Rules that a person set aside by name.
    pub glass: Vec<Glass>,
    /// Faults that the monitor sees on both servers alike, each a sentence; empty where it was not asked.
    pub alike: Vec<String>,
}

/// Everything that has to be looked at before the plan can be made.
///
/// # Errors
/// Refusals that no look can lift: parameters that do not fit.
pub fn looks(fleet: &Fleet, wish: &Wish) -> Result<Vec<Look>, Vec<Refusal>> {
    let mut scope = Scope::new(fleet, wish, None)?;
    let mut looks = Vec::new();
    for moved in &scope.moves {
        for side in [&moved.from, &moved.to] {
            looks.extend(identity::looks(side));
            looks.extend(layout::looks(side, &moved.resource));
            looks.extend(tools::looks(side));
        }
    }
    // Which side serves a slice is only known once it was looked at: both ways are looked at.
    for _ in 0..2 {
        for name in &wish.definition.checks {
            if let Some(check) = check::find(name) {
                looks.extend(check.looks(&scope));
            }
        }
        for moved in &mut scope.moves {
            std::mem::swap(&mut moved.from, &mut moved.to);
        }
    }
    looks.sort();
    looks.dedup();
    Ok(looks)
}

/// Makes the plan by what was seen.
///
/// # Errors
/// Every reason why there is none, each with what would lift it.
pub fn plan(fleet: &Fleet, wish: &Wish, sight: &Sight) -> Result<Plan, Vec<Refusal>> {
    decide(fleet, wish, sight).map_err(|refusals| silence::together(refusals, sight, wish.definition.kind))
}

fn decide(fleet: &Fleet, wish: &Wish, sight: &Sight) -> Result<Plan, Vec<Refusal>> {
    let scope = Scope::new(fleet, wish, Some(sight))?;
    let mut report = Report::default();
    for moved in &scope.moves {
        if let Err(refusal) = &moved.known {
            report.refuse(refusal.fact.clone(), refusal.lift.clone());
        }
        report.warnings.extend(moved.warnings.iter().cloned());
    }
    for name in &wish.definition.checks {
        match check::find(name) {
            Some(check) => check.judge(&scope, sight, &mut report),
            None => report.refuse(
                format!("the runbook asks for the check {name}, which is not known"),
                "see `pointsman runbook check`",
            ),
        }
    }
    let slices: BTreeMap<SliceName, SliceLayout> = scope
        .moves
        .iter()
        .map(|moved| (moved.slice.clone(), moved.layout.clone()))
        .collect();
    let steps = steps(&scope, &slices);
    for lacking in steps.iter().flat_map(|steps| tools::missing(steps, sight)) {
        report.refuse(lacking.fact, lacking.lift);
    }
    if !report.refusals.is_empty() {
        return Err(report.refusals);
    }
    let steps = steps?;
    let targets = identity::targets(&steps, sight)?;
    let mut plan = Plan {
        runbook: wish.definition.name.clone(),
        title: wish.definition.title.clone(),
        kind: wish.definition.kind,
        parameters: scope.parameters.clone(),
        targets,
        objects: scope.objects(),
        slices,
        steps,
        warnings: report.warnings,
        notes: report.notes,
        loss: (!report.losses.is_empty()).then(|| report.losses.join("\n")),
        stall: Duration::ZERO,
        glass: wish.glass.clone(),
        fingerprint: identity::fingerprint(&scope, sight),
        hash: String::new(),
    };
    let forbidden = interlock::forbids(&plan);
    if !forbidden.is_empty() {
        return Err(forbidden);
    }
    plan.stall = show::stall(&plan);
    plan.hash = show::hash(&plan);
    Ok(plan)
}

fn steps(scope: &Scope<'_>, slices: &BTreeMap<SliceName, SliceLayout>) -> Result<Vec<Step>, Vec<Refusal>> {
    let calls = bind::calls(scope).map_err(|why| vec![unusable(why)])?;
    let all = calls.into_iter().map(|(call, why)| step(scope, slices, call, why));
    all.collect()
}

fn step(
    scope: &Scope<'_>,
    slices: &BTreeMap<SliceName, SliceLayout>,
    call: Call,
    why: String,
) -> Result<Step, Vec<Refusal>> {
    // What takes a step back may be of any kind: a planned run that connected a side disconnects it again.
    if action::find(&call.action).is_some_and(|action| !action.kinds().contains(&scope.kind)) {
        return Err(vec![unusable(format!(
            "{} does not belong into a runbook of this kind",
            call.action
        ))]);
    }
    let operation = operation(scope, slices, &call)?;
    let undo = match &operation.undo {
        Some(undo) => Some(self::operation(scope, slices, undo)?),
        None => None,
    };
    Ok(Step {
        call,
        why,
        operation,
        undo,
    })
}

fn operation(
    scope: &Scope<'_>,
    slices: &BTreeMap<SliceName, SliceLayout>,
    call: &Call,
) -> Result<super::operation::Operation, Vec<Refusal>> {
    let Some(action) = action::find(&call.action) else {
        return Err(vec![unusable(format!("there is no action {}", call.action))]);
    };
    let given = Given {
        fleet: scope.fleet,
        glass: scope.glass,
        slices,
        call,
    };
    action.operation(&given).map_err(|why| vec![unusable(why)])
}

fn unusable(why: impl Into<String>) -> Refusal {
    Refusal::new(why, "mend the runbook or the inventory")
}
