//! Breaks the replacement of a member off: it stays in service.

use super::{Action, Argument, Given, Takes, argv};
use crate::runbook::operation::{Claim, Nature, Operation, Place, Work};
use std::time::Duration;

/// `md-keep`.
#[derive(Debug)]
pub struct MdKeep;

impl Action for MdKeep {
    fn name(&self) -> &'static str {
        "md-keep"
    }

    fn about(&self) -> &'static str {
        "keep the member of an md array that is being replaced"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::HOST,
            super::ARRAY,
            Argument {
                name: "disk",
                optional: false,
                takes: Takes::Name,
                about: "the member that is being replaced",
            },
            Argument {
                name: "by",
                optional: false,
                takes: Takes::Name,
                about: "the new disk; it is in the array already",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        let array = &layout.array;
        let old = layout.old_disk(given.text("disk")?)?;
        let new = layout.new_disk(given.text("by")?)?;
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!(
                "keep {} in {array}, unless {} has taken its place by now",
                old.device, new.device
            ),
            needs: Vec::new(),
            expects: vec![old.expects(), new.expects()],
            work: Work::Commands(vec![argv(["md_keep", &array.name, &old.device, &new.device])]),
            proof: vec![array.is_kept(&old.device, &new.device)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![Claim::TakeOut {
                array: array.clone(),
                device: new.device.clone(),
            }],
        })
    }
}
