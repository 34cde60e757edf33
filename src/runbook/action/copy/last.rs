//! The last pass of a copy, while nobody can write to the slice.

use super::{BUDGET, DELETES, Found, RSYNC, WHICH, deletes};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool},
    observe::{copy::Mode, watch::Watch},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-last`.
#[derive(Debug)]
pub struct CopyLast;

impl Action for CopyLast {
    fn name(&self) -> &'static str {
        "copy-last"
    }

    fn about(&self) -> &'static str {
        "bring what was written to a slice since the pass before, while nobody can write to it"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH, BUDGET, DELETES]
    }

    fn tools(&self) -> &'static [Tool] {
        &[RSYNC]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (layout, budget) = (found.layout, given.seconds("budget")?);
        let copying = found.copying(Mode::Last, budget, true, &[deletes(given)?])?;
        Ok(Operation {
            place: Place::Host(layout.to.clone()),
            says: format!("bring the rest of {} to {}", layout.slice, layout.to),
            needs: vec![found.is_closed()],
            expects: vec![found.ready()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_secs(30),
            // The budget itself is over before that: it began when the slice was closed.
            settles_within: budget + Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(found.ends()),
            claims: vec![found.overwrites()],
        })
    }
}
