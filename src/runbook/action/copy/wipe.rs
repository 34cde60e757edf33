//! Throws the old side of a slice away that has moved, once it was kept for as long as was said.

use super::{Found, WHICH};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv},
    observe::{copy, filesystem},
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-wipe`.
#[derive(Debug)]
pub struct CopyWipe;

impl Action for CopyWipe {
    fn name(&self) -> &'static str {
        "copy-wipe"
    }

    fn about(&self) -> &'static str {
        "unmount the old side of a slice that has moved, and throw its filesystem away"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH]
    }

    fn tools(&self) -> &'static [Tool] {
        &[
            Tool {
                any: &["wipefs"],
                why: "nothing could be thrown away",
            },
            Tool {
                any: &["blkid"],
                why: "nobody could tell whether anything is left",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_old(given)?;
        let (layout, old) = (found.layout, found.old);
        let (from, device, at) = (&layout.from, old.device.as_str(), old.mount_point.as_str());
        Ok(Operation {
            place: Place::Host(from.clone()),
            says: format!("throw the old side of {} on {from} away", layout.slice),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["old_wipe", at, device, &layout.task])]),
            proof: vec![filesystem::is_unmounted(from, device, at), copy::is_blank(from, device)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
            claims: vec![Claim::Wipe {
                host: from.clone(),
                slice: layout.slice.clone(),
            }],
        })
    }
}
