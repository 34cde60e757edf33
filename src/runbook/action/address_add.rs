//! Gives a server the slice's service address, and tells the network (gratuitous ARP).

use super::{Action, Argument, Given, argv, same};
use crate::runbook::{
    observe::network,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `address-add`.
#[derive(Debug)]
pub struct AddressAdd;

impl Action for AddressAdd {
    fn name(&self) -> &'static str {
        "address-add"
    }

    fn about(&self) -> &'static str {
        "give a server the slice's service address and announce it"
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
        let ip = address.ip.to_string();
        let mut commands = vec![argv(["ip", "addr", "replace", &cidr, "dev", interface])];
        if address.ip.is_ipv4() {
            commands.push(argv(["announce", &ip, interface]));
        }
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("give {} the address {ip}", side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof: vec![network::carries(&side.host, address.ip, true)],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            // `replace` of what is there changes nothing; and that it was announced cannot be seen afterwards.
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(given.call, "address-drop")),
            claims: vec![Claim::OpenEntry {
                host: side.host.clone(),
                slice,
                address: address.ip,
            }],
        })
    }
}
