//! Waits: a soak time, in which a fault that comes back would show.

use super::{Action, Argument, Given, Takes};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `wait`.
#[derive(Debug)]
pub struct Wait;

impl Action for Wait {
    fn name(&self) -> &'static str {
        "wait"
    }

    fn about(&self) -> &'static str {
        "wait for a time, so that a fault that comes back shows before the next step"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[Argument {
            name: "seconds",
            optional: false,
            takes: Takes::Seconds,
            about: "how long",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let time = given.seconds("seconds")?;
        Ok(Operation {
            place: Place::Console,
            says: format!("wait {} s", time.as_secs()),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Hold(time),
            proof: Vec::new(),
            deadline: time,
            settles_within: Duration::ZERO,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
