//! Lets the copy of a slice be written, for those who will be let in; and makes it as it was received again. Each of the two
//! takes the other back.

use super::{Found, ZFS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv, same},
    observe::filesystem,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `stream-unlock` and `stream-lock`.
#[derive(Debug)]
pub struct Lock {
    locks: bool,
}

/// `stream-lock`.
pub const LOCK: Lock = Lock { locks: true };
/// `stream-unlock`.
pub const UNLOCK: Lock = Lock { locks: false };

impl Action for Lock {
    fn name(&self) -> &'static str {
        if self.locks { "stream-lock" } else { "stream-unlock" }
    }

    fn about(&self) -> &'static str {
        if self.locks {
            "make the copy of a slice read-only again, as it was received"
        } else {
            "let the copy of a slice be written, which nobody is let in to yet"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZFS]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (layout, new) = (found.layout, found.new);
        let (to, device, at) = (&layout.to, new.device.as_str(), new.mount_point.as_str());
        let claim = Claim::Unlock {
            host: to.clone(),
            slice: layout.into.clone(),
        };
        let (says, proof, claims) = if self.locks {
            (
                format!("make {device} of {to} as it was received"),
                filesystem::is_read_only(to, device, at),
                vec![found.receives()],
            )
        } else {
            (
                format!("let {device} of {to} be written"),
                filesystem::is_mounted(to, device, at),
                vec![claim],
            )
        };
        let function = if self.locks { "stream_lock" } else { "stream_unlock" };
        Ok(Operation {
            place: Place::Host(to.clone()),
            says,
            needs: vec![filesystem::is_there(to, device, at)],
            expects: Vec::new(),
            work: Work::Commands(vec![argv([function, device, &layout.mark])]),
            proof: vec![proof],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(given.call, if self.locks { UNLOCK.name() } else { LOCK.name() })),
            claims,
        })
    }
}
