//! Marks the empty filesystem to which a backup is restored: nothing without that mark is ever written to. What an earlier try
//! left of its tasks is forgotten.

use super::{Found, KINDS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, SETSID, Tool, argv},
    definition::Kind,
    observe::{copy, filesystem, task},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `restore-begin`.
#[derive(Debug)]
pub struct RestoreBegin;

impl Action for RestoreBegin {
    fn name(&self) -> &'static str {
        "restore-begin"
    }

    fn about(&self) -> &'static str {
        "mark the empty filesystem to which a backup of a lost slice is restored"
    }

    fn kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        &[SETSID]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, new, mark, check) = (found.layout, found.new, &found.chosen.mark, found.check());
        let to = &layout.to;
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!("mark {} of {to} as the place of {}", new.mount_point, layout.slice),
            needs: vec![filesystem::is_mounted(to, &new.device, &new.mount_point)],
            expects: Vec::new(),
            work: Work::Commands(vec![
                argv(["task_forget", &layout.task, &check]),
                argv(["copy_begin", &new.mount_point, &new.device, mark]),
            ]),
            proof: vec![
                copy::is_marked(to, &new.mount_point, mark),
                task::is_unknown(to, &layout.task),
                task::is_unknown(to, &check),
            ],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![found.overwrites()],
        })
    }
}
