//! Takes the slice's service address from a server.

use super::{Action, Argument, Given, argv, same};
use crate::runbook::{
    observe::network,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `address-drop`.
#[derive(Debug)]
pub struct AddressDrop;

impl Action for AddressDrop {
    fn name(&self) -> &'static str {
        "address-drop"
    }

    fn about(&self) -> &'static str {
        "take the slice's service address from a server"
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
        let interface = address
            .interface(&side.host)
            .ok_or_else(|| format!("no interface of {} has a network with {}", side.host, address.ip))?;
        let cidr = format!("{}/{}", address.ip, address.prefix);
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("take the address {} from {}", address.ip, side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["ip", "addr", "del", &cidr, "dev", interface])]),
            proof: vec![network::carries(&side.host, address.ip, false)],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            undo: Some(same(given.call, "address-add")),
            claims: vec![Claim::CloseEntry {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
