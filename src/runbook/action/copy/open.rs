//! Gives the copy the slice's address: from then on it is the slice. What clients write there is nowhere else, so nothing
//! takes this back.

use super::{ADDRESS_TOOLS, Found, WHICH};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv},
    observe::{copy, network, nfs},
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-open`.
#[derive(Debug)]
pub struct CopyOpen;

impl Action for CopyOpen {
    fn name(&self) -> &'static str {
        "copy-open"
    }

    fn about(&self) -> &'static str {
        "give the copy of a slice its service address and announce that: from then on it is the slice"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH]
    }

    fn tools(&self) -> &'static [Tool] {
        ADDRESS_TOOLS
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (layout, new, to) = (found.layout, found.new, &found.layout.to);
        let address = new
            .address
            .as_ref()
            .ok_or_else(|| format!("{} has no service address", layout.slice))?;
        let export = new
            .export
            .as_ref()
            .ok_or_else(|| format!("{} has no NFS export", layout.slice))?;
        let ip = address.ip;
        let interface = address
            .interface(to)
            .ok_or_else(|| format!("no interface of {to} has a network with {ip}"))?;
        let cidr = format!("{ip}/{}", address.prefix);
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!("give {to} the address {ip}: the copy is {} from now on", layout.slice),
            // Nothing of the budget: what is equal to a side that is closed still is so however late it is, and nothing but
            // this ends the wait of clients.
            needs: vec![nfs::is_exported(to, &export.path, &export.names())],
            expects: Vec::new(),
            work: Work::Commands(vec![
                argv(["ip", "addr", "replace", &cidr, "dev", interface]),
                // Not before: a copy that was never opened is worth something to whoever begins anew.
                argv(["copy_close", &new.mount_point]),
                argv(["announce", &ip.to_string(), interface]),
            ]),
            proof: vec![network::carries(to, ip, true), copy::is_no_copy(to, &new.mount_point)],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
            claims: vec![Claim::OpenEntry {
                host: to.clone(),
                slice: layout.into.clone(),
                address: ip,
            }],
        })
    }
}
