//! The verdict of a test: the run is done only when the backup is good.

use super::Found;
use crate::runbook::{
    action::{Action, Argument, Given, HOST},
    observe::backup,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `backup-proof`.
#[derive(Debug)]
pub struct BackupProof;

impl Action for BackupProof {
    fn name(&self) -> &'static str {
        "backup-proof"
    }

    fn about(&self) -> &'static str {
        "see that what a test has found in a backup is good"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let Found(layout) = Found::of(given)?;
        let host = &layout.host;
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("see that {} is good", layout.backup.name),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![backup::is_good(host, &layout.task, &layout.backup.name)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
