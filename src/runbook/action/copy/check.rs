//! Compares a slice with its copy while nobody can write to either: nothing may differ.

use super::{BUDGET, CHECK, Found, RSYNC, WHICH, change, closed_check};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool},
    observe::{copy::Mode, watch::Watch},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-check`.
#[derive(Debug)]
pub struct CopyCheck;

impl Action for CopyCheck {
    fn name(&self) -> &'static str {
        "copy-check"
    }

    fn about(&self) -> &'static str {
        "compare a slice with its copy while nobody can write to it: names, owners, modes and content"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH, BUDGET, CHECK]
    }

    fn tools(&self) -> &'static [Tool] {
        &[RSYNC]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (layout, budget, whole) = (found.layout, given.seconds("budget")?, closed_check(given)?);
        let mut more = vec!["--dry-run".to_owned(), change()];
        if whole {
            more.push("--checksum".to_owned());
        }
        let copying = found.copying(Mode::Check, budget, whole, &more)?;
        Ok(Operation {
            place: Place::Host(layout.to.clone()),
            says: format!(
                "compare {} on {} with its copy on {}{}",
                layout.slice,
                layout.from,
                layout.to,
                if whole {
                    ", all content"
                } else {
                    ", by size, time and owner"
                }
            ),
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
