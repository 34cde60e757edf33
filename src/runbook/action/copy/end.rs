//! Ends whatever of a copy runs on the server that a slice moves to. What is copied already stays there.

use super::{Found, WHICH};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, argv},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-end`.
#[derive(Debug)]
pub struct CopyEnd;

impl Action for CopyEnd {
    fn name(&self) -> &'static str {
        "copy-end"
    }

    fn about(&self) -> &'static str {
        "end the passes by which a slice is copied; what is copied stays"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let to = &found.layout.to;
        let mut command = argv(["task_end"]);
        command.extend(found.tasks());
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!("stop copying {} to {to}", found.layout.slice),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![command]),
            proof: found.rests(),
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
