//! Writes down on the host where the backups are what was found in one, good or not: whoever looks there later knows it,
//! from whichever console.

use super::Found;
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Takes, argv},
    observe::backup,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `backup-record`.
#[derive(Debug)]
pub struct BackupRecord;

impl Action for BackupRecord {
    fn name(&self) -> &'static str {
        "backup-record"
    }

    fn about(&self) -> &'static str {
        "write down on the host of the backups what a test has found, good or not"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "missing",
                optional: true,
                takes: Takes::Number,
                about: "how many of the live files may be missing in a backup that is good; left out: none",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, host, check) = (found.0, &found.0.host, found.check());
        let since = (layout.backup.at.0 / 1000).to_string();
        let may = given.number_or("missing", 0)?;
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("write down on {host} what was found in {}", layout.backup.name),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv([
                "backup_record",
                &layout.task,
                &check,
                &layout.backup.name,
                &since,
                &may.to_string(),
            ])]),
            proof: vec![backup::is_told(host, &layout.task, &check, &layout.backup.name)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            // What was found stays so.
            undo: None,
            claims: Vec::new(),
        })
    }
}
