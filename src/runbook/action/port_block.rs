//! Drops what clients send to the slice's address: they wait and go on later. A refusal would make them give up.

use super::{Action, Argument, Given, argv, same};
use crate::runbook::{
    observe::network,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `port-block`.
#[derive(Debug)]
pub struct PortBlock;

impl Action for PortBlock {
    fn name(&self) -> &'static str {
        "port-block"
    }

    fn about(&self) -> &'static str {
        "drop NFS to the slice's service address on a server"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, layout, side) = given.side()?;
        let address = layout
            .address
            .as_ref()
            .ok_or_else(|| format!("{slice} has no service address"))?;
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("drop NFS to {} on {}", address.ip, side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["port_block", "add", &address.ip.to_string()])]),
            proof: vec![network::blocks(&side.host, address.ip, true)],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(given.call, "port-unblock")),
            claims: vec![Claim::CloseEntry {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
