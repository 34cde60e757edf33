//! Makes the scratch directory of a test, marked as such: nothing without that mark is ever written to or removed. What an
//! earlier test has left of itself goes first.

use super::Found;
use crate::runbook::{
    action::{Action, Argument, Given, HOST, SETSID, Tool, argv},
    observe::{backup, task},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `backup-begin`.
#[derive(Debug)]
pub struct BackupBegin;

impl Action for BackupBegin {
    fn name(&self) -> &'static str {
        "backup-begin"
    }

    fn about(&self) -> &'static str {
        "make the scratch directory in which a backup is restored for a test"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        &[SETSID]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, host, check) = (found.0, &found.0.host, found.check());
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("make the scratch directory {} on {host}", layout.place),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![
                argv(["task_forget", &layout.task, &check]),
                argv(["scratch_begin", &layout.place, &layout.mark]),
            ]),
            proof: vec![
                backup::is_ours(host, &layout.place, &layout.mark),
                task::is_unknown(host, &layout.task),
                task::is_unknown(host, &check),
            ],
            // What an earlier test has restored may be many files.
            deadline: Duration::from_mins(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(found.end()),
            claims: vec![found.scratch()],
        })
    }
}
