//! Marks the filesystem that a slice moves to: nothing without that mark is ever overwritten. What an earlier run left of
//! its tasks is forgotten; what it copied is kept, and saves time.

use super::{Found, SETSID, WHICH};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv},
    observe::{copy, filesystem, task},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-begin`.
#[derive(Debug)]
pub struct CopyBegin;

impl Action for CopyBegin {
    fn name(&self) -> &'static str {
        "copy-begin"
    }

    fn about(&self) -> &'static str {
        "mark the empty filesystem that a slice moves to"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH]
    }

    fn tools(&self) -> &'static [Tool] {
        &[SETSID]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (to, new, layout) = (&found.layout.to, found.new, found.layout);
        let mut forget = argv(["task_forget"]);
        forget.extend(found.tasks());
        let mut proof = vec![copy::is_marked(to, &new.mount_point, &layout.mark)];
        proof.extend(found.tasks().iter().map(|name| task::is_unknown(to, name)));
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!("mark {} of {to} as the copy of {}", new.mount_point, layout.slice),
            needs: vec![filesystem::is_mounted(to, &new.device, &new.mount_point)],
            expects: Vec::new(),
            work: Work::Commands(vec![
                forget,
                argv(["copy_begin", &new.mount_point, &new.device, &layout.mark]),
            ]),
            proof,
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![found.overwrites()],
        })
    }
}
