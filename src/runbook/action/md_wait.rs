//! Waits until a new disk has all its data, and lets the rebuild go as fast as the clients' requests allow.

use super::{Action, Argument, Given, Takes};
use crate::runbook::{
    definition::Call,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `md-wait`.
#[derive(Debug)]
pub struct MdWait;

impl Action for MdWait {
    fn name(&self) -> &'static str {
        "md-wait"
    }

    fn about(&self) -> &'static str {
        "wait until a new disk of an md array is rebuilt, as fast as clients allow"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::HOST,
            super::ARRAY,
            Argument {
                name: "disk",
                optional: false,
                takes: Takes::Name,
                about: "the new disk",
            },
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
        let (array, disk) = (&layout.array, layout.new_disk(given.text("disk")?)?);
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("wait until {} is rebuilt in {array}{}", disk.device, layout.steered()),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Watch(layout.watch(Some(&disk.device))),
            proof: vec![array.is_in_service(&disk.device)],
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
