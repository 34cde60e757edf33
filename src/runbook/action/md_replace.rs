//! Lets a new disk take the place of a member, which stays in service until the new one has all its data.

use super::{Action, Argument, Given, Takes, Tool, argv};
use crate::runbook::{
    definition::Call,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `md-replace`.
#[derive(Debug)]
pub struct MdReplace;

impl Action for MdReplace {
    fn name(&self) -> &'static str {
        "md-replace"
    }

    fn about(&self) -> &'static str {
        "replace a member of an md array by a disk that is a spare of it"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::HOST,
            super::ARRAY,
            Argument {
                name: "disk",
                optional: false,
                takes: Takes::Name,
                about: "the member that is replaced",
            },
            Argument {
                name: "by",
                optional: false,
                takes: Takes::Name,
                about: "the new disk; it is in the array already",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        super::MDADM
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        let array = &layout.array;
        let old = layout.old_disk(given.text("disk")?)?;
        let new = layout.new_disk(given.text("by")?)?;
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("replace {old} in {array} by {new}"),
            needs: vec![array.is_in_service(&old.device), array.has(&new.device, true)],
            expects: vec![old.expects(), new.expects()],
            work: Work::Commands(vec![argv([
                "mdadm",
                "--manage",
                &array.path(),
                "--replace",
                &old.path(),
                "--with",
                &new.path(),
            ])]),
            proof: vec![array.is_replaced(&old.device, &new.device)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(10),
            nature: Nature::Probeable,
            retry: None,
            undo: Some(Call {
                action: "md-keep".to_owned(),
                with: given.call.with.clone(),
            }),
            claims: Vec::new(),
        })
    }
}
