//! Ends whatever restores a backup in a lost slice's place. What is restored already stays there; a run that goes on restores
//! anew, for nobody could tell how far it came.

use super::{Found, KINDS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, argv},
    definition::Kind,
    observe::task,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `restore-end`.
#[derive(Debug)]
pub struct RestoreEnd;

impl Action for RestoreEnd {
    fn name(&self) -> &'static str {
        "restore-end"
    }

    fn about(&self) -> &'static str {
        "end what restores a backup in a lost slice's place; what is restored already stays"
    }

    fn kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (to, task, check) = (&found.layout.to, &found.layout.task, found.check());
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!("stop restoring {} to {to}", found.layout.slice),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["task_forget", task, &check])]),
            proof: vec![task::is_unknown(to, task), task::is_unknown(to, &check)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
