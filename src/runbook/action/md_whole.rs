//! Proves that an array is whole with its new disk: from here on there is no way back, for the old one is out of it.

use super::{Action, Argument, Given, Takes};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `md-whole`.
#[derive(Debug)]
pub struct MdWhole;

impl Action for MdWhole {
    fn name(&self) -> &'static str {
        "md-whole"
    }

    fn about(&self) -> &'static str {
        "prove that an md array is whole with its new disk; nothing takes it back from there on"
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
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        let (array, disk) = (&layout.array, layout.new_disk(given.text("disk")?)?);
        Ok(Operation {
            place: Place::Console,
            says: format!("see that {array} is whole with {}", disk.device),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![array.is_in_service(&disk.device), array.is_whole()],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(30),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
