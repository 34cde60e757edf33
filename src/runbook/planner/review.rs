//! What the checks of a plan say later, of a run that was left: before it goes on, those that the steps still ahead rest
//! on are judged anew, by fresh looks.
//!
//! A check speaks of the state before the plan. Half way through, some of what it asks for is no longer so, and that is
//! the run's own doing: each check counts for a slice only while the step that ends it has not been begun.

use super::{Scope, Wish, silence};
use crate::{
    fleet::Fleet,
    runbook::{
        check::{self, Check, Refusal, Report},
        plan::Step,
        sight::{Look, Sight},
    },
};
/// Each check, and the action that ends it: as long as that is wholly ahead, the check counts. A check that is not here
/// counts until anything was begun.
const ENDS: &[(&str, &str)] = &[
    ("array-redundant", "md-fail"),
    ("array-settled", "md-add"),
    ("backup-fits", "backup-restore"),
    ("capacity", "mount"),
    ("client-loss", "client-detach"),
    ("clients-sick", "client-detach"),
    ("serving-path", "client-detach"),
    ("copy-fits", "port-block"),
    ("copy-replaces", "copy-wipe"),
    ("copy-streams", "port-block"),
    ("disk-fits", "md-add"),
    ("pool-redundant", "pool-replace"),
    ("pool-settled", "pool-replace"),
    ("database-entrance", "mysql-address-drop"),
    ("database-returned", "mysql-follow"),
    ("database-sound", "mysql-close"),
    ("database-storage", "mysql-close"),
    ("database-takeover", "mysql-unfollow"),
    ("galera-lives", "galera-join"),
    ("galera-quorum", "galera-bootstrap"),
    ("galera-unsaved", "galera-position"),
    ("hosts-spared", "host-reboot"),
    ("locks", "release-locks"),
    ("receiver-free", "mount"),
    ("receiver-sound", "mount"),
    ("pair-lost", "restore-open"),
    ("restore-fits", "restore-bring"),
    ("replicated", "drbd-demote"),
    ("returned", "drbd-connect"),
    ("served-once", "port-block"),
    ("server-dead", "fence"),
    ("service-spared", "service"),
    ("split", "drbd-discard"),
    ("takeover-data", "drbd-promote"),
];

/// How far a run is: the steps of its plan, each with whether it is wholly ahead.
pub type Ahead<'a> = &'a [(&'a Step, bool)];

/// What has to be looked at.
///
/// # Errors
/// The parameters do not fit the inventory any more.
pub fn looks(fleet: &Fleet, wish: &Wish, planned: &Sight, steps: Ahead<'_>) -> Result<Vec<Look>, Vec<Refusal>> {
    let mut looks = Vec::new();
    for (check, scope) in counting(fleet, wish, planned, steps)? {
        looks.extend(scope.subject.looks());
        looks.extend(check.looks(&scope));
    }
    looks.sort();
    looks.dedup();
    Ok(looks)
}

/// What the checks say by fresh looks. Unknown is a refusal here as it was when the plan was made.
///
/// # Errors
/// Every reason not to go on, each with what would lift it.
pub fn judge(fleet: &Fleet, wish: &Wish, planned: &Sight, steps: Ahead<'_>, seen: &Sight) -> Result<(), Vec<Refusal>> {
    let mut report = Report::default();
    for (check, scope) in counting(fleet, wish, planned, steps)? {
        check.judge(&scope, seen, &mut report);
    }
    if report.refusals.is_empty() {
        Ok(())
    } else {
        Err(silence::together(report.refusals, seen, wish.definition.kind))
    }
}

/// The checks that count, each with those that it counts for; from where to where they move is as it was planned.
fn counting<'a>(
    fleet: &'a Fleet,
    wish: &'a Wish,
    planned: &Sight,
    steps: Ahead<'_>,
) -> Result<Vec<(&'static dyn Check, Scope<'a>)>, Vec<Refusal>> {
    let begun = steps.iter().any(|(_, ahead)| !ahead);
    let mut out = Vec::new();
    for check in wish.definition.checks.iter().filter_map(|name| check::find(name)) {
        let mut scope = Scope::new(fleet, wish, Some(planned))?;
        let ends = ENDS
            .iter()
            .find(|(name, _)| *name == check.name())
            .map(|(_, action)| *action);
        let key = wish.definition.about.key();
        scope.subject.keep(&|wanted| match ends {
            None => !begun,
            Some(action) => {
                let of_it = |step: &&(&Step, bool)| {
                    let named = step.0.call.with.get(key);
                    step.0.call.action == action && named.is_none_or(|name| name == wanted)
                };
                let mut found = steps.iter().filter(of_it).peekable();
                // A runbook that never does it rests on the check as long as nothing was begun.
                if found.peek().is_none() {
                    !begun
                } else {
                    found.all(|(_, ahead)| *ahead)
                }
            }
        });
        if !scope.subject.words().is_empty() {
            out.push((check, scope));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::action;
    use std::collections::BTreeSet;

    #[test]
    fn every_check_of_a_built_in_runbook_has_an_end_that_is_an_action() {
        let names: BTreeSet<&str> = ENDS.iter().map(|(name, _)| *name).collect();
        for check in check::ALL {
            assert!(names.contains(check.name()), "{}", check.name());
        }
        for (name, action) in ENDS {
            assert!(
                check::find(name).is_some() && action::find(action).is_some(),
                "{name} {action}"
            );
        }
    }
}
