//! The slice's service address: gives it to a server and tells the network (gratuitous ARP), or takes it away. Each of
//! the two takes the other back.

use super::{Action, Argument, Given, Tool, argv, same};
use crate::{
    fleet::HostName,
    runbook::{
        observe::network,
        operation::{Claim, Nature, Operation, Place, Work},
        plan::AddressLayout,
    },
};
use std::time::Duration;

/// `address-add` and `address-drop`.
#[derive(Debug)]
pub struct Address {
    add: bool,
}

/// `address-add`.
pub const ADD: Address = Address { add: true };
/// `address-drop`.
pub const DROP: Address = Address { add: false };

/// What moves an address.
pub(super) const IP: Tool = Tool {
    any: &["ip"],
    why: "no address could be moved",
};
/// What tells the network where it is.
pub(super) const ANNOUNCES: Tool = Tool {
    any: &["arping", "busybox"],
    why: "clients would look for the address at its old place for minutes",
};

/// The commands that give an address to a host, or take it away.
///
/// # Errors
/// No interface of the host has a network with it.
pub(super) fn commands(address: &AddressLayout, host: &HostName, add: bool) -> Result<Vec<Vec<String>>, String> {
    let ip = address.ip;
    let interface = address
        .interface(host)
        .ok_or_else(|| format!("no interface of {host} has a network with {ip}"))?;
    let cidr = format!("{ip}/{}", address.prefix);
    Ok(if add {
        vec![
            argv(["ip", "addr", "replace", &cidr, "dev", interface]),
            argv(["announce", &ip.to_string(), interface]),
        ]
    } else {
        vec![argv(["ip", "addr", "del", &cidr, "dev", interface])]
    })
}

impl Action for Address {
    fn name(&self) -> &'static str {
        if self.add { "address-add" } else { "address-drop" }
    }

    fn about(&self) -> &'static str {
        if self.add {
            "give a server the slice's service address and announce it"
        } else {
            "take the slice's service address from a server"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        if self.add { &[IP, ANNOUNCES] } else { &[IP] }
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, address, side) = given.address()?;
        let (ip, host) = (address.ip, side.host.clone());
        let commands = commands(address, &host, self.add)?;
        let proof = vec![network::carries(&host, ip, self.add)];
        let (says, back, nature, claim) = if self.add {
            let claim = Claim::OpenEntry {
                host: host.clone(),
                slice,
                address: ip,
            };
            // `replace` of what is there changes nothing; and that it was announced cannot be seen afterwards.
            let nature = Nature::Idempotent;
            (format!("give {host} the address {ip}"), DROP.name(), nature, claim)
        } else {
            let claim = Claim::CloseEntry {
                host: host.clone(),
                slice,
            };
            let says = format!("take the address {ip} from {host}");
            (says, ADD.name(), Nature::Probeable, claim)
        };
        Ok(Operation {
            place: Place::Host(host),
            says,
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof,
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature,
            retry: None,
            undo: Some(same(given.call, back)),
            claims: vec![claim],
        })
    }
}
