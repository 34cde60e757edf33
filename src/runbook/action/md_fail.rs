//! Marks a member as failed that cannot be read any more, so that it can be removed.

use super::{Action, Argument, Given, Tool, argv};
use crate::runbook::operation::{Claim, Nature, Operation, Place, Work};
use std::time::Duration;

/// `md-fail`.
#[derive(Debug)]
pub struct MdFail;

impl Action for MdFail {
    fn name(&self) -> &'static str {
        "md-fail"
    }

    fn about(&self) -> &'static str {
        "mark a member of an md array as failed"
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
            says: format!("mark {old} of {array} as failed"),
            needs: Vec::new(),
            expects: old.expected(),
            // By its bare name: that of a disk that is gone leads nowhere any more.
            work: Work::Commands(vec![argv(["mdadm", "--manage", &array.path(), "--fail", &old.device])]),
            proof: vec![array.is_failed(&old.device).or(array.has(&old.device, false))],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(10),
            nature: Nature::Probeable,
            retry: None,
            undo: None,
            claims: vec![Claim::TakeOut {
                array: array.clone(),
                device: old.device.clone(),
            }],
        })
    }
}
