//! Puts a new disk into an array: as a spare, which is used at once where a member is missing.

use super::{Action, Argument, Given, Takes, Tool, argv};
use crate::runbook::{
    definition::Call,
    observe::md,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `md-add`.
#[derive(Debug)]
pub struct MdAdd;

impl Action for MdAdd {
    fn name(&self) -> &'static str {
        "md-add"
    }

    fn about(&self) -> &'static str {
        "put a disk on which nothing is into an md array"
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
        let (array, disk) = (&layout.array, layout.new_disk(given.text("disk")?)?);
        // Where a member is missing the array needs the new disk: taking it out again would undo more than this step.
        let spare = layout.seen.degraded == 0 && !layout.goes_at_once;
        let undo = Call {
            action: "md-out".to_owned(),
            with: given.call.with.clone(),
        };
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("put {disk} into {array}"),
            needs: vec![md::is_disk(&array.host, disk)],
            expects: vec![disk.expects(), md::expects_blank(&disk.device)],
            work: Work::Commands(vec![argv(["mdadm", "--manage", &array.path(), "--add", &disk.path()])]),
            proof: vec![array.has(&disk.device, true)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            undo: spare.then_some(undo),
            claims: vec![Claim::PutIn {
                array: array.clone(),
                device: disk.device.clone(),
            }],
        })
    }
}
