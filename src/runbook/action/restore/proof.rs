//! What was restored in a lost slice's place has what every backup has; else nobody is let in.

use super::{Found, KINDS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST},
    definition::Kind,
    observe::backup,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `restore-proof`.
#[derive(Debug)]
pub struct RestoreProof;

impl Action for RestoreProof {
    fn name(&self) -> &'static str {
        "restore-proof"
    }

    fn about(&self) -> &'static str {
        "see that what was restored in a lost slice's place has files, and what every backup has"
    }

    fn kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (to, name) = (&found.layout.to, &found.chosen.backup.name);
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!("see that {name} has brought what every backup has"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![backup::is_whole(to, &found.check(), name)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
