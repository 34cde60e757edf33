//! Removes a member that has failed, or that was replaced, from its array: the disk can be pulled then.

use super::{Action, Argument, Given, Tool, argv};
use crate::runbook::operation::{Claim, Nature, Operation, Place, Retry, Work};
use std::time::Duration;

/// `md-remove`.
#[derive(Debug)]
pub struct MdRemove;

impl Action for MdRemove {
    fn name(&self) -> &'static str {
        "md-remove"
    }

    fn about(&self) -> &'static str {
        "remove a failed or replaced member from an md array"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::MEMBER_OF_ARRAY
    }

    fn tools(&self) -> &'static [Tool] {
        super::MDADM
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        let array = &layout.array;
        let old = layout.old_disk(given.text("disk")?)?;
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("remove {old} from {array}"),
            needs: Vec::new(),
            expects: old.expected(),
            work: Work::Commands(vec![argv([
                "mdadm",
                "--manage",
                &array.path(),
                "--remove",
                &old.device,
            ])]),
            proof: vec![array.has(&old.device, false)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(10),
            nature: Nature::Probeable,
            // The kernel lets go of it a moment after it has failed.
            retry: Some(Retry {
                on: "Device or resource busy",
                within: Duration::from_secs(10),
            }),
            undo: None,
            claims: vec![Claim::TakeOut {
                array: array.clone(),
                device: old.device.clone(),
            }],
        })
    }
}
