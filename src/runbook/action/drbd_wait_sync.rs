//! Waits until both sides are equal again, as the side with the good data sees it. What flows the wrong way is stopped at
//! once, not waited for.

use super::{Action, Argument, Given, Takes};
use crate::runbook::operation::{Claim, Nature, Operation, Place, Work};
use std::time::Duration;

/// `drbd-wait-sync`.
#[derive(Debug)]
pub struct DrbdWaitSync;

impl Action for DrbdWaitSync {
    fn name(&self) -> &'static str {
        "drbd-wait-sync"
    }

    fn about(&self) -> &'static str {
        "wait until both sides of the slice's DRBD resource are connected and equal"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::SLICE,
            super::HOST,
            Argument {
                name: "seconds",
                optional: false,
                takes: Takes::Seconds,
                about: "how long at most",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, _, side) = given.side()?;
        Ok(Operation {
            place: Place::Console,
            says: format!("wait until both sides of {slice} are equal, as {} sees it", side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![side.is_replicated()],
            deadline: Duration::from_secs(30),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![Claim::Flow {
                slice,
                source: side.host.clone(),
            }],
        })
    }
}
