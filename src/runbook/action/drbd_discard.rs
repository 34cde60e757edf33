//! Throws away what one side has that its peer lacks: the victim of a split brain takes its peer's data.

use super::{Action, Argument, Given, Tool, argv};
use crate::{
    facts::drbd::{DrbdConnection, DrbdRole},
    runbook::{
        observe::drbd::Dialect,
        operation::{Claim, Nature, Operation, Place, Work},
    },
};
use std::time::Duration;

/// Takes data from its peer, has taken it, or waits for the peer to be told.
const RECEIVING: &[DrbdConnection] = &[
    DrbdConnection::SyncTarget,
    DrbdConnection::PausedSyncT,
    DrbdConnection::WfBitMapT,
    DrbdConnection::WfSyncUuid,
    DrbdConnection::Connected,
    DrbdConnection::Established,
    DrbdConnection::WfConnection,
    DrbdConnection::Connecting,
];

/// `drbd-discard`.
#[derive(Debug)]
pub struct DrbdDiscard;

impl Action for DrbdDiscard {
    fn name(&self) -> &'static str {
        "drbd-discard"
    }

    fn about(&self) -> &'static str {
        "throw away what this side has that its peer lacks, and connect; the resource has to be named"
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
        // The option's place differs (drbdadm(8) of 8.4 and of 9).
        let connect = match side.dialect {
            Dialect::V8 => argv(["drbdadm", "--", "--discard-my-data", "connect", resource]),
            Dialect::V9 => argv(["drbdadm", "connect", "--discard-my-data", resource]),
        };
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("throw away what only {} has of {resource}", side.host),
            needs: vec![
                side.has_role(DrbdRole::Secondary),
                side.is_connection(&[DrbdConnection::StandAlone]),
            ],
            expects: Vec::new(),
            work: Work::Commands(vec![connect]),
            proof: vec![side.is_connection(RECEIVING)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(10),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
            claims: vec![Claim::Discard {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
