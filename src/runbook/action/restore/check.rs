//! Looks at what was restored in a lost slice's place: there is nothing left that it could be compared with.

use super::{Found, KINDS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, HOURS, SETSID, Tool, argv},
    definition::Kind,
    observe::{copy::LEASE_S, watch::Watch},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `restore-check`.
#[derive(Debug)]
pub struct RestoreCheck;

impl Action for RestoreCheck {
    fn name(&self) -> &'static str {
        "restore-check"
    }

    fn about(&self) -> &'static str {
        "count what was restored in a lost slice's place, and look for what every backup has"
    }

    fn kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, HOURS]
    }

    fn tools(&self) -> &'static [Tool] {
        const NEEDED: &[Tool] = &[
            SETSID,
            Tool {
                any: &["find"],
                why: "no file could be counted",
            },
        ];
        NEEDED
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, chosen, check) = (found.layout, found.chosen, found.check());
        let to = &layout.to;
        // Nothing is written beside what was restored: no list of it is needed where nothing is compared.
        let words = [
            "backup_compare",
            &check,
            &LEASE_S.to_string(),
            &found.new.mount_point,
            "-",
            "-",
            "0",
            "0",
        ];
        let mut command = argv(words);
        command.extend(layout.expect.iter().cloned());
        let copying = found.copying(check, command);
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!("look at what {} has brought to {to}", chosen.backup.name),
            needs: Vec::new(),
            expects: vec![found.ready()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_mins(1),
            settles_within: given.hours()?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(found.end()),
            claims: vec![found.overwrites()],
        })
    }
}
