//! Checks which way a resync runs: from the side that has the data to the one that lacks it, or not at all because
//! both are equal. The other way is stopped at once by the engine (`Claim::Flow`), before the good data is lost.

use super::{Action, Argument, Given, Takes};
use crate::{
    facts::drbd::DrbdConnection,
    runbook::operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// What the side that gives says of its connection.
const GIVES: &[DrbdConnection] = &[
    DrbdConnection::SyncSource,
    DrbdConnection::PausedSyncS,
    DrbdConnection::WfBitMapS,
    DrbdConnection::Connected,
    DrbdConnection::Established,
];

/// What the side that takes says of its connection.
const TAKES: &[DrbdConnection] = &[
    DrbdConnection::SyncTarget,
    DrbdConnection::PausedSyncT,
    DrbdConnection::WfBitMapT,
    DrbdConnection::WfSyncUuid,
    DrbdConnection::Connected,
    DrbdConnection::Established,
];

/// `drbd-direction`.
#[derive(Debug)]
pub struct DrbdDirection;

impl Action for DrbdDirection {
    fn name(&self) -> &'static str {
        "drbd-direction"
    }

    fn about(&self) -> &'static str {
        "check that data flows from one side to the other and not back"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::SLICE,
            Argument {
                name: "source",
                optional: false,
                takes: Takes::Known,
                about: "the server that has the data",
            },
            Argument {
                name: "target",
                optional: false,
                takes: Takes::Known,
                about: "the server that lacks it",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, source) = given.side_named("source")?;
        let (_, target) = given.side_named("target")?;
        if source.host == target.host {
            return Err(format!("source and target are both {}", source.host));
        }
        Ok(Operation {
            place: Place::Console,
            says: format!("see that {slice} flows from {} to {}", source.host, target.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![source.is_connection(GIVES), target.is_connection(TAKES)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(20),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![Claim::Flow {
                slice,
                source: source.host.clone(),
            }],
        })
    }
}
