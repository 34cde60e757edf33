//! Ends whatever runs of a test of a backup and removes its scratch directory, with all that was restored there.

use super::Found;
use crate::runbook::{
    action::{Action, Argument, Given, HOST, argv},
    observe::{backup, task},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `backup-end`.
#[derive(Debug)]
pub struct BackupEnd;

impl Action for BackupEnd {
    fn name(&self) -> &'static str {
        "backup-end"
    }

    fn about(&self) -> &'static str {
        "end what runs of a test of a backup, and remove its scratch directory"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, host, check) = (found.0, &found.0.host, found.check());
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("remove the scratch directory {} of {host}", layout.place),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![
                argv(["task_end", &layout.task, &check]),
                argv(["scratch_clear", &layout.place, &layout.mark]),
            ]),
            proof: vec![
                backup::is_free(host, &layout.place),
                task::rests(host, &layout.task),
                task::rests(host, &check),
            ],
            // A backup may be many files.
            deadline: Duration::from_mins(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![found.scratch()],
        })
    }
}
