//! Lets the new server ask the old one for snapshots of the slice, and nobody else; and ends that, with all snapshots that were
//! made for it. Each of the two takes the other back.

use super::{Found, SETSID, SOCAT, ZFS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv, same},
    observe::{stream, task},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `stream-serve` and `stream-unserve`.
#[derive(Debug)]
pub struct Serve {
    begins: bool,
}

/// `stream-serve`.
pub const SERVE: Serve = Serve { begins: true };
/// `stream-unserve`.
pub const UNSERVE: Serve = Serve { begins: false };

impl Action for Serve {
    fn name(&self) -> &'static str {
        if self.begins { "stream-serve" } else { "stream-unserve" }
    }

    fn about(&self) -> &'static str {
        if self.begins {
            "let the server that a slice moves to ask for snapshots of it, and nobody else"
        } else {
            "end what sends snapshots of a slice, and destroy those that were made for it"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        if self.begins { &[ZFS, SOCAT, SETSID] } else { &[] }
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_old(given)?;
        let (layout, old, name) = (found.layout, found.old, found.serving());
        let from = &layout.from;
        let (own, reader) = found.addresses()?;
        let (says, commands, proof) = if self.begins {
            let [own, port, reader] = [own.to_string(), layout.port.to_string(), reader.to_string()];
            (
                format!("let {} ask {from} for snapshots of {}", layout.to, layout.slice),
                vec![argv([
                    "stream_serve",
                    &name,
                    &old.mount_point,
                    &old.device,
                    &own,
                    &port,
                    &reader,
                ])],
                vec![task::runs(from, &name)],
            )
        } else {
            (
                format!(
                    "send no snapshot of {} from {from} any more, and destroy those that are left",
                    layout.slice
                ),
                vec![argv(["task_end", &name]), argv(["stream_release", &old.device])],
                vec![task::rests(from, &name), stream::is_released(from, &old.device)],
            )
        };
        Ok(Operation {
            place: Place::Host(from.clone()),
            says,
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof,
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
