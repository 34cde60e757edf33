//! Disconnects a side from its peer, so that a peer that comes back cannot meet it unasked.

use super::{Action, Argument, Given, Tool, argv};
use crate::{
    facts::drbd::DrbdConnection,
    runbook::{
        definition::Kind,
        operation::{Nature, Operation, Place, Work},
    },
};
use std::time::Duration;

/// `drbd-disconnect`.
#[derive(Debug)]
pub struct DrbdDisconnect;

impl Action for DrbdDisconnect {
    fn name(&self) -> &'static str {
        "drbd-disconnect"
    }

    fn about(&self) -> &'static str {
        "disconnect a side of the slice's DRBD resource from its peer"
    }

    /// A planned move needs both sides, up to its end.
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Emergency]
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        super::DRBDADM
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (_, _, side) = given.side()?;
        let resource = side.resource.as_str();
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("disconnect {resource} of {} from its peer", side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["drbdadm", "disconnect", resource])]),
            proof: vec![side.is_connection(&[DrbdConnection::StandAlone])],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(10),
            nature: Nature::Probeable,
            retry: None,
            // Connecting again is a decision of its own: the peer may hold other data by then.
            undo: None,
            claims: Vec::new(),
        })
    }
}
