//! Brings a slice to another dataset while its clients work, snapshot by snapshot, until the rest is so little that it can be
//! closed for it.

use super::{BUDGET, Found, SOCAT, ZFS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, HOURS, Tool, copy::passes::when},
    definition::Call,
    observe::{copy::Mode, task, watch::Watch},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `stream-passes`.
#[derive(Debug)]
pub struct StreamPasses;

impl Action for StreamPasses {
    fn name(&self) -> &'static str {
        "stream-passes"
    }

    fn about(&self) -> &'static str {
        "bring a slice by snapshots of ZFS while its clients work, as fast as they allow and at the hours of the inventory"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, BUDGET, HOURS]
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZFS, SOCAT]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let layout = found.layout;
        let copying = found.streaming(Mode::Passes, given.seconds("budget")?)?;
        Ok(Operation {
            place: Place::Host(layout.to.clone()),
            says: format!(
                "bring snapshots of {} from {} to {}{}",
                layout.slice,
                layout.from,
                layout.to,
                when(layout)
            ),
            needs: vec![task::runs(&layout.from, &found.serving())],
            expects: vec![found.receivable()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_mins(1),
            settles_within: given.hours()?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(Call::new("copy-end", [("host", layout.to.to_string())])),
            claims: vec![found.receives()],
        })
    }
}
