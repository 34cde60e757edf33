//! The planner: a runbook, its parameters and what was seen → a plan, or the reasons why there is none.
//!
//! Pure. Two passes: [`looks`] says what has to be looked at, [`plan`] decides by what was seen. The same sight gives
//! the same plan and the same hash, so that a plan which somebody has read can be told from a later one.

mod batches;
mod bind;
pub mod catalogue;
mod flaws;
pub mod identity;
pub mod review;
mod scope;
pub mod show;
mod silence;
mod subject;
mod tools;
mod units;

#[cfg(test)]
mod tests;

pub use scope::Scope;
pub use subject::{Move, Subject, dialect_look, side_of};

use super::{
    action::{self, Given},
    check::{self, Refusal, Report},
    definition::{Call, Definition},
    interlock,
    observe::mysql::LastSeen,
    plan::{Glass, Layouts, Plan, Step},
    sight::{Look, Sight},
};
use crate::fleet::{Fleet, HostName};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

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
    /// What the monitor sees against hosts that may be given more to do, each a sentence: they are slow, and others wait for
    /// them. Empty where it was not asked.
    pub weak: BTreeMap<HostName, String>,
    /// What the server that is dead said last of its database, where somebody watched it.
    pub last: Option<LastSeen>,
}

/// What is wrong with the parameters as they were given: one that is missing, that there is not, or that is of another kind. A
/// mistake of whoever asks, which no host has to be asked about.
#[must_use]
pub fn misfits(fleet: &Fleet, wish: &Wish) -> Vec<Refusal> {
    bind::misfits(fleet, wish)
}

/// Everything that has to be looked at before the plan can be made.
///
/// # Errors
/// Refusals that no look can lift: parameters that do not fit.
pub fn looks(fleet: &Fleet, wish: &Wish) -> Result<Vec<Look>, Vec<Refusal>> {
    let mut scope = Scope::new(fleet, wish, None)?;
    let mut looks = scope.subject.looks();
    for host in scope.subject.hosts() {
        looks.extend(tools::looks(&host));
    }
    looks.extend(units::looks(&scope));
    // Which way it turns out is only known once it was looked at: both ways are looked at.
    let turned = scope.subject.turned();
    looks.extend(looks_of_checks(&scope));
    if let Some(turned) = turned {
        scope.subject = turned;
        looks.extend(units::looks(&scope));
        looks.extend(looks_of_checks(&scope));
    }
    looks.sort();
    looks.dedup();
    Ok(looks)
}

/// The hosts of which a plan has to know what the console shows, for its runbook's conditions ask for it; mostly none.
///
/// # Errors
/// Refusals that no look can lift: parameters that do not fit.
pub fn shown(fleet: &Fleet, wish: &Wish) -> Result<BTreeSet<HostName>, Vec<Refusal>> {
    if !bind::asks_facts(&wish.definition) {
        return Ok(BTreeSet::new());
    }
    Scope::new(fleet, wish, None).map(|scope| bind::hosts_of_facts(&scope))
}

fn looks_of_checks(scope: &Scope<'_>) -> Vec<Look> {
    let checks = scope.wish.definition.checks.iter();
    checks
        .filter_map(|name| check::find(name))
        .flat_map(|check| check.looks(scope))
        .collect()
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
    scope.subject.say(&mut report);
    for name in &wish.definition.checks {
        match check::find(name) {
            Some(check) => check.judge(&scope, sight, &mut report),
            None => report.refuse(
                format!("the runbook asks for the check {name}, which is not known"),
                "see `pointsman runbook check`",
            ),
        }
    }
    let layouts = scope.subject.layouts();
    let bound = bind::calls(&scope, &sight.shown).map_err(|why| vec![unbound(why)]);
    let bound = bound.and_then(|bound| {
        report.notes.extend(bound.left_out);
        Ok((steps(&scope, &layouts, bound.calls)?, bound.rolling))
    });
    for lacking in bound.iter().flat_map(|(steps, _)| tools::missing(steps, sight)) {
        report.refuse(lacking.fact, lacking.lift);
    }
    for lacking in bound.iter().flat_map(|(steps, _)| units::missing(steps, sight)) {
        report.refuse(lacking.fact, lacking.lift);
    }
    for unlooked in bound.iter().flat_map(|(steps, _)| units::unlooked(steps, sight)) {
        report.note(unlooked);
    }
    if !report.refusals.is_empty() {
        return Err(report.refusals);
    }
    let (steps, rolling) = bound?;
    let again = bind::again(&scope).map_err(|why| vec![unbound(why)])?;
    if let (Some(rows), Some(rolling)) = (&rolling, &wish.definition.rolling) {
        batches::tell(fleet, rows, &rolling.apart, &mut report);
    }
    let targets = identity::targets(&steps, sight)?;
    let mut plan = Plan {
        runbook: wish.definition.name.clone(),
        title: wish.definition.title.clone(),
        kind: wish.definition.kind,
        parameters: scope.parameters.clone(),
        targets,
        objects: scope.subject.objects(),
        layouts,
        steps,
        rolling,
        again,
        warnings: report.warnings,
        notes: report.notes,
        loss: (!report.losses.is_empty()).then(|| report.losses.join("\n")),
        stall: Duration::ZERO,
        glass: wish.glass.clone(),
        fingerprint: scope.subject.fingerprint(sight),
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

fn steps(scope: &Scope<'_>, layouts: &Layouts, calls: Vec<(Call, String)>) -> Result<Vec<Step>, Vec<Refusal>> {
    let all = calls.into_iter().map(|(call, why)| step(scope, layouts, call, why));
    all.collect()
}

fn step(scope: &Scope<'_>, layouts: &Layouts, call: Call, why: String) -> Result<Step, Vec<Refusal>> {
    // What takes a step back may be of any kind: a planned run that connected a side disconnects it again.
    if action::find(&call.action).is_some_and(|action| !action.kinds().contains(&scope.kind)) {
        return Err(vec![unusable(format!(
            "{} does not belong into a runbook of this kind",
            call.action
        ))]);
    }
    let operation = operation(scope, layouts, &call)?;
    let undo = match &operation.undo {
        Some(undo) => Some(self::operation(scope, layouts, undo)?),
        None => None,
    };
    Ok(Step {
        call,
        why,
        operation,
        undo,
    })
}

fn operation(scope: &Scope<'_>, layouts: &Layouts, call: &Call) -> Result<super::operation::Operation, Vec<Refusal>> {
    let Some(action) = action::find(&call.action) else {
        return Err(vec![unusable(format!("there is no action {}", call.action))]);
    };
    let given = Given {
        fleet: scope.fleet,
        glass: scope.glass,
        layouts,
        call,
    };
    action::operation(action, &given).map_err(|why| vec![unusable(why)])
}

fn unbound(why: bind::Unbound) -> Refusal {
    if !why.of_facts {
        return unusable(why.says);
    }
    Refusal::new(
        format!("{}: the console does not know it now", why.says),
        "what is known of a host `--batch status HOST --json` shows, and under `unknown` why the rest is not; facts are those of the hosts that the run may change or a parameter names",
    )
}

fn unusable(why: impl Into<String>) -> Refusal {
    Refusal::new(why, "mend the runbook or the inventory")
}
