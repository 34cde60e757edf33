//! Compares a slice with its copy by their last snapshot, while nobody can write to either.

use super::{BUDGET, Found, ZFS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool},
    observe::{copy, filesystem, stream},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `stream-check`.
#[derive(Debug)]
pub struct StreamCheck;

impl Action for StreamCheck {
    fn name(&self) -> &'static str {
        "stream-check"
    }

    fn about(&self) -> &'static str {
        "compare a slice with its copy: the same last snapshot, and nothing written to either since"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, BUDGET]
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZFS]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (layout, budget) = (found.layout, given.seconds("budget")?);
        let (old, new) = (found.old.device.as_str(), found.new.device.as_str());
        Ok(Operation {
            place: Place::Host(layout.to.clone()),
            says: format!(
                "compare the last snapshot of {} on {} with that on {}",
                layout.slice, layout.from, layout.to
            ),
            needs: vec![
                found.is_closed(),
                filesystem::is_read_only(&layout.to, new, &found.new.mount_point),
                copy::within_budget(&layout.from, &layout.task, budget),
            ],
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![
                stream::is_equal((&layout.from, old), (&layout.to, new)),
                found.is_closed(),
            ],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
