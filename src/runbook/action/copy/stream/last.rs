//! The last snapshot of a slice, while nobody can write to it.

use super::{BUDGET, Found, SOCAT, ZFS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool},
    definition::Call,
    observe::{copy::Mode, watch::Watch},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `stream-last`.
#[derive(Debug)]
pub struct StreamLast;

impl Action for StreamLast {
    fn name(&self) -> &'static str {
        "stream-last"
    }

    fn about(&self) -> &'static str {
        "bring what was written to a slice since the snapshot before, while nobody can write to it"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, BUDGET]
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZFS, SOCAT]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (layout, budget) = (found.layout, given.seconds("budget")?);
        let copying = found.streaming(Mode::Last, budget)?;
        Ok(Operation {
            place: Place::Host(layout.to.clone()),
            says: format!("bring the last snapshot of {} to {}", layout.slice, layout.to),
            needs: vec![found.is_closed()],
            expects: vec![found.receivable()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_secs(30),
            // The budget itself is over before that: it began when the slice was closed.
            settles_within: budget + Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(Call::new("copy-end", [("host", layout.to.to_string())])),
            claims: vec![found.receives()],
        })
    }
}
