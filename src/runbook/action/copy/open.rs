//! Gives the copy the slice's address: from then on it is the slice. What clients write there is nowhere else, so nothing
//! takes this back.

use super::{ADDRESS_TOOLS, Found, WHICH};
use crate::{
    fleet::{HostName, SliceName},
    runbook::{
        action::{Action, Argument, Given, HOST, Tool, argv},
        observe::{copy, network, nfs},
        operation::{Claim, Nature, Operation, Place, Work},
        plan::SliceLayout,
    },
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
        let layout = found.layout;
        opening("the copy", &layout.slice, &layout.into, &layout.to, found.new)
    }
}

/// Gives a marked filesystem the address of the slice whose place it takes.
///
/// # Errors
/// Clients could not be brought there: the slice has no address or no export, or the server no interface in that network.
pub fn opening(
    what: &str,
    slice: &SliceName,
    into: &SliceName,
    to: &HostName,
    new: &SliceLayout,
) -> Result<Operation, String> {
    let address = new.address.as_ref();
    let address = address.ok_or_else(|| format!("{slice} has no service address"))?;
    let export = new
        .export
        .as_ref()
        .ok_or_else(|| format!("{slice} has no NFS export"))?;
    let ip = address.ip;
    let interface = address
        .interface(to)
        .ok_or_else(|| format!("no interface of {to} has a network with {ip}"))?;
    let cidr = format!("{ip}/{}", address.prefix);
    Ok(Operation {
        place: Place::Host(to.clone()),
        says: format!("give {to} the address {ip}: {what} is {slice} from now on"),
        // Nothing of the budget of a migration: what is equal to a side that is closed still is so however late it is, and
        // nothing but this ends the wait of clients.
        needs: vec![nfs::is_exported(to, &export.path, &export.names())],
        expects: Vec::new(),
        work: Work::Commands(vec![
            argv(["ip", "addr", "replace", &cidr, "dev", interface]),
            // At once: clients wait, and what comes next may take a pool that is busy some seconds.
            argv(["announce", &ip.to_string(), interface]),
            // Not before: what was never opened is worth something to whoever begins anew.
            argv(["copy_close", &new.mount_point]),
        ]),
        proof: vec![network::carries(to, ip, true), copy::is_no_copy(to, &new.mount_point)],
        deadline: Duration::from_secs(20),
        settles_within: Duration::from_secs(5),
        nature: Nature::Irreversible,
        retry: None,
        undo: None,
        claims: vec![Claim::OpenEntry {
            host: to.clone(),
            slice: into.clone(),
            address: ip,
        }],
    })
}
