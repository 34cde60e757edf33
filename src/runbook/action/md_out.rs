//! Takes a disk out of an array again that was put into it, and leaves it as blank as it came.

use super::{Action, Argument, Given, Takes, Tool, argv};
use crate::runbook::{
    observe::md,
    operation::{Claim, Nature, Operation, Place, Retry, Work},
};
use std::time::Duration;

/// `md-out`.
#[derive(Debug)]
pub struct MdOut;

impl Action for MdOut {
    fn name(&self) -> &'static str {
        "md-out"
    }

    fn about(&self) -> &'static str {
        "take the new disk out of an md array again, as blank as it came"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::HOST,
            super::ARRAY,
            Argument {
                name: "disk",
                optional: false,
                takes: Takes::Name,
                about: "the new disk that the plan was made for",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        super::MDADM
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        // Of no other disk: what is on the old one may be wanted still.
        let (array, disk) = (&layout.array, layout.new_disk(given.text("disk")?)?);
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("take {disk} out of {array} again, unless it is needed there by now"),
            needs: Vec::new(),
            expects: vec![disk.expects()],
            work: Work::Commands(vec![argv(["md_out", &array.name, &disk.device])]),
            proof: vec![array.has(&disk.device, false), md::is_blank(&array.host, &disk.device)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: Some(Retry {
                on: "Device or resource busy",
                within: Duration::from_secs(10),
            }),
            undo: None,
            claims: vec![Claim::TakeOut {
                array: array.clone(),
                device: disk.device.clone(),
            }],
        })
    }
}
