//! Waits until the check of an array is over, and tells what it found and what that means.

use super::{Action, Argument, Given, Takes};
use crate::runbook::{
    definition::Call,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `md-compared`.
#[derive(Debug)]
pub struct MdCompared;

impl Action for MdCompared {
    fn name(&self) -> &'static str {
        "md-compared"
    }

    fn about(&self) -> &'static str {
        "wait until the check of an md array is over, and explain what it found"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::HOST,
            super::ARRAY,
            Argument {
                name: "seconds",
                optional: false,
                takes: Takes::Seconds,
                about: "how long at most, before somebody has to look",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        let array = &layout.array;
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("wait until {array} is compared{}", layout.steered()),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Watch(layout.watch(None)),
            proof: vec![array.is_compared()],
            deadline: Duration::from_secs(30),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(Call::new(
                "md-limit",
                [("host", array.host.to_string()), ("array", array.name.clone())],
            )),
            claims: Vec::new(),
        })
    }
}
