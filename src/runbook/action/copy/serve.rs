//! Lets the new server read the slice from the old one, by an rsync daemon that nobody else may ask and that can write
//! nothing; and ends that. Each of the two takes the other back.

use super::{Found, RSYNC, SETSID, WHICH};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv, same},
    observe::task,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-serve` and `copy-unserve`.
#[derive(Debug)]
pub struct Serve {
    begins: bool,
}

/// `copy-serve`.
pub const SERVE: Serve = Serve { begins: true };
/// `copy-unserve`.
pub const UNSERVE: Serve = Serve { begins: false };

impl Action for Serve {
    fn name(&self) -> &'static str {
        if self.begins { "copy-serve" } else { "copy-unserve" }
    }

    fn about(&self) -> &'static str {
        if self.begins {
            "let the server that a slice moves to read it, by an rsync daemon for it alone"
        } else {
            "end the rsync daemon by which a slice is read"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH]
    }

    fn tools(&self) -> &'static [Tool] {
        if self.begins { &[RSYNC, SETSID] } else { &[] }
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_old(given)?;
        let (layout, old, name) = (found.layout, found.old, found.serving());
        let from = &layout.from;
        let (own, reader) = found.addresses()?;
        let (says, command, proof) = if self.begins {
            let [own, port, reader] = [own.to_string(), layout.port.to_string(), reader.to_string()];
            (
                format!("let {} read {} from {from}", layout.to, layout.slice),
                argv(["copy_serve", &name, &old.mount_point, &old.device, &own, &port, &reader]),
                task::runs(from, &name),
            )
        } else {
            (
                format!("let nobody read {} from {from} any more", layout.slice),
                argv(["task_end", &name]),
                task::rests(from, &name),
            )
        };
        Ok(Operation {
            place: Place::Host(from.clone()),
            says,
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![command]),
            proof: vec![proof],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(
                given.call,
                if self.begins { UNSERVE.name() } else { SERVE.name() },
            )),
            claims: Vec::new(),
        })
    }
}
