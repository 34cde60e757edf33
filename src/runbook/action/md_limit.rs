//! Lets an array rebuild and check as fast again as it was found.

use super::{Action, Argument, Given, argv};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `md-limit`.
#[derive(Debug)]
pub struct MdLimit;

impl Action for MdLimit {
    fn name(&self) -> &'static str {
        "md-limit"
    }

    fn about(&self) -> &'static str {
        "let an md array rebuild and check as fast again as it was found"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[super::HOST, super::ARRAY]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        let (array, limit) = (&layout.array, layout.seen.limit);
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("let {array} go as fast again as it was found"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["md_limit", &array.name, &limit.word()])]),
            proof: vec![array.has_limit(limit)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(2),
            nature: Nature::Idempotent,
            retry: None,
            // Taken back, it is as it was found all the same.
            undo: Some(given.call.clone()),
            claims: Vec::new(),
        })
    }
}
