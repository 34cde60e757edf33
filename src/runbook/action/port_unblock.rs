//! Lets clients in again.

use super::{Action, Argument, Given, argv, same};
use crate::runbook::{
    observe::network,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `port-unblock`.
#[derive(Debug)]
pub struct PortUnblock;

impl Action for PortUnblock {
    fn name(&self) -> &'static str {
        "port-unblock"
    }

    fn about(&self) -> &'static str {
        "let NFS to the slice's service address in again on a server"
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
            says: format!("let NFS to {} in on {}", address.ip, side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["port_block", "drop", &address.ip.to_string()])]),
            proof: vec![network::blocks(&side.host, address.ip, false)],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(given.call, "port-block")),
            claims: vec![Claim::Unblock {
                host: side.host.clone(),
                slice,
                address: address.ip,
            }],
        })
    }
}
