//! Closes a slice on the server that it leaves: its filesystem becomes read-only, so that nothing can be written there by
//! anybody; and opens it again. Each of the two takes the other back.

use super::{Found, WHICH};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv, same},
    observe::{filesystem, nfs},
    operation::{Claim, Nature, Operation, Place, Retry, Work},
};
use std::time::Duration;

/// `copy-freeze` and `copy-thaw`.
#[derive(Debug)]
pub struct Freeze {
    freezes: bool,
}

/// `copy-freeze`.
pub const FREEZE: Freeze = Freeze { freezes: true };
/// `copy-thaw`.
pub const THAW: Freeze = Freeze { freezes: false };

impl Action for Freeze {
    fn name(&self) -> &'static str {
        if self.freezes { "copy-freeze" } else { "copy-thaw" }
    }

    fn about(&self) -> &'static str {
        if self.freezes {
            "make the filesystem of a slice read-only that moves to another server"
        } else {
            "make the filesystem of a slice writable again that does not move after all"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH]
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["mount"],
            why: "nothing could be made read-only",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_old(given)?;
        let (layout, old) = (found.layout, found.old);
        let (from, device, at) = (&layout.from, old.device.as_str(), old.mount_point.as_str());
        let slice = layout.slice.clone();
        let host = from.clone();
        let (says, commands, proof, needs, claim) = if self.freezes {
            (
                format!("make {at} of {from} read-only"),
                vec![
                    argv(["release_locks", at]),
                    argv(["sync", "-f", at]),
                    argv(["copy_freeze", at, device, &layout.task]),
                ],
                filesystem::is_read_only(from, device, at),
                vec![filesystem::is_mounted(from, device, at), nfs::is_unexported(from, at)],
                Claim::CloseEntry { host, slice },
            )
        } else {
            (
                format!("make {at} of {from} writable again"),
                vec![argv(["copy_thaw", at, device, &layout.task])],
                filesystem::is_mounted(from, device, at),
                Vec::new(),
                Claim::Thaw { host, slice },
            )
        };
        Ok(Operation {
            place: Place::Host(from.clone()),
            says,
            needs,
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof: vec![proof],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            // nfsd holds files for a moment after the export is gone.
            retry: Some(Retry {
                on: "busy",
                within: Duration::from_secs(10),
            }),
            undo: Some(same(given.call, if self.freezes { THAW.name() } else { FREEZE.name() })),
            claims: vec![claim],
        })
    }
}
