//! Wakes the clients of a slice that has moved. TCP waits twice as long after each try that nobody answered (RFC 6298
//! §5.5), up to two minutes; a connection that is closed makes the NFS client open a new one at once.

use super::{Action, Argument, Given, argv};
use crate::runbook::{
    observe::client,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `client-wake`.
#[derive(Debug)]
pub struct ClientWake;

/// Clients that are woken, of one slice: each is a connection of this console.
const CLIENTS: usize = 256;

impl Action for ClientWake {
    fn name(&self) -> &'static str {
        "client-wake"
    }

    fn about(&self) -> &'static str {
        "close the slice's NFS connections on its clients, so that they open new ones at once"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[super::SLICE]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, layout) = given.slice()?;
        let clients = client::mounts(given.fleet, &slice, layout).take(CLIENTS);
        let mut hosts: Vec<_> = clients.map(|(host, _)| host).collect();
        hosts.dedup();
        let work = match &layout.address {
            Some(address) if !hosts.is_empty() => Work::Nudge {
                hosts,
                // ss(8): only sockets that match are closed, and the kernel that cannot leaves them as they are.
                argv: argv([
                    "ss",
                    "-K",
                    "-H",
                    "-n",
                    "-t",
                    "dst",
                    &address.ip.to_string(),
                    "dport",
                    "=",
                    ":2049",
                ]),
            },
            // Nobody who could be woken, or nothing to tell their connections by: they come by themselves.
            _ => Work::Hold(Duration::ZERO),
        };
        Ok(Operation {
            place: Place::Console,
            says: match &work {
                Work::Nudge { .. } => format!("wake the clients of {slice}"),
                _ => format!("no client of {slice} can be woken: they come by themselves"),
            },
            needs: Vec::new(),
            expects: Vec::new(),
            work,
            proof: Vec::new(),
            deadline: Duration::from_secs(4),
            settles_within: Duration::ZERO,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
