//! The port of NFS on the slice's address: drops what clients send there, so that they wait and go on later (a refusal
//! would make them give up), and lets them in again. Each of the two takes the other back.

use super::{Action, Argument, Given, Tool, argv, same};
use crate::runbook::{
    observe::network,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `port-block` and `port-unblock`.
#[derive(Debug)]
pub struct Port {
    block: bool,
}

/// `port-block`.
pub const BLOCK: Port = Port { block: true };
/// `port-unblock`.
pub const UNBLOCK: Port = Port { block: false };

impl Action for Port {
    fn name(&self) -> &'static str {
        if self.block { "port-block" } else { "port-unblock" }
    }

    fn about(&self) -> &'static str {
        if self.block {
            "drop NFS to the slice's service address on a server"
        } else {
            "let NFS to the slice's service address in again on a server"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["nft", "iptables"],
            why: "clients could not be kept waiting",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, address, side) = given.address()?;
        let (ip, host) = (address.ip, side.host.clone());
        let (says, verb, back, claim) = if self.block {
            let says = format!("drop NFS to {ip} on {host}");
            let claim = Claim::CloseEntry {
                host: host.clone(),
                slice,
            };
            (says, "add", UNBLOCK.name(), claim)
        } else {
            let says = format!("let NFS to {ip} in on {host}");
            let claim = Claim::Unblock {
                host: host.clone(),
                slice,
                address: ip,
            };
            (says, "drop", BLOCK.name(), claim)
        };
        Ok(Operation {
            says,
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["port_block", verb, &ip.to_string()])]),
            proof: vec![network::blocks(&host, ip, self.block)],
            place: Place::Host(host),
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(given.call, back)),
            claims: vec![claim],
        })
    }
}
