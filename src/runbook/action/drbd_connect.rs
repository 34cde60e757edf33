//! Connects a side to its peer. Which way data then flows is decided by DRBD: it is checked at once.

use super::{Action, Argument, Given, Tool, argv, same};
use crate::{
    facts::drbd::DrbdConnection,
    runbook::operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// Connected, or on the way there by itself.
const CONNECTED: &[DrbdConnection] = &[
    DrbdConnection::Connected,
    DrbdConnection::Established,
    DrbdConnection::SyncSource,
    DrbdConnection::SyncTarget,
    DrbdConnection::PausedSyncS,
    DrbdConnection::PausedSyncT,
    DrbdConnection::WfBitMapS,
    DrbdConnection::WfBitMapT,
    DrbdConnection::WfConnection,
    DrbdConnection::Connecting,
];

/// `drbd-connect`.
#[derive(Debug)]
pub struct DrbdConnect;

impl Action for DrbdConnect {
    fn name(&self) -> &'static str {
        "drbd-connect"
    }

    fn about(&self) -> &'static str {
        "connect a side of the slice's DRBD resource to its peer"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        super::DRBDADM
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, _, side) = given.side()?;
        let resource = side.resource.as_str();
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("connect {resource} of {} to its peer", side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["drbdadm", "connect", resource])]),
            proof: vec![side.is_connection(CONNECTED)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(10),
            nature: Nature::Probeable,
            retry: None,
            undo: Some(same(given.call, "drbd-disconnect")),
            claims: vec![Claim::Connect {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
