//! Takes a mount of a slice away from a client, whether its server answers or not: that very mount, by the kernel's own number
//! of it, and no other that may be at its place by then. How it was mounted is kept on the client before.

use super::{Action, Argument, Given, Takes, Tool, argv};
use crate::runbook::{
    definition::Kind,
    observe::mounts,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `client-detach`.
#[derive(Debug)]
pub struct ClientDetach;

impl Action for ClientDetach {
    fn name(&self) -> &'static str {
        "client-detach"
    }

    fn about(&self) -> &'static str {
        "take a mount that hangs or is stale away from a client; what its server has not confirmed is lost"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Emergency]
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::CLIENT_HOST,
            super::PLACE,
            Argument {
                name: "barred",
                optional: true,
                takes: Takes::YesNo,
                about: "yes: only once the client is kept from mounting it again",
            },
            Argument {
                name: "served",
                optional: true,
                takes: Takes::YesNo,
                about: "yes: only where a server answers from which it can be mounted anew",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        &[
            Tool {
                any: &["umount"],
                why: "nothing could be unmounted",
            },
            Tool {
                any: &["timeout"],
                why: "what hangs could not be ended",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let client = given.client()?;
        let host = client.host.clone();
        let now = client.now.as_ref();
        let mount = &now
            .ok_or_else(|| format!("nothing is mounted on {} of {host}", client.at))?
            .entry;
        let mut needs = Vec::new();
        if given.is_yes("barred")? {
            needs.push(mounts::is_barred(&host, client.address, true));
        }
        if given.is_yes("served")? {
            needs.push(mounts::reaches(&host, client.address));
        }
        let command = argv([
            "nfs_detach",
            &mount.id.to_string(),
            &mount.device,
            &mount.source,
            &mount.at,
            client.slice.as_str(),
        ]);
        Ok(Operation {
            says: format!("take {} ({}) away from {host}", mount.at, client.slice),
            needs,
            expects: Vec::new(),
            work: Work::Commands(vec![command]),
            proof: vec![mounts::is_gone(&host, mount)],
            claims: vec![Claim::Detach {
                host: host.clone(),
                at: client.at.clone(),
            }],
            place: Place::Host(host),
            // Two commands of ten seconds at most, and who holds it is read before.
            deadline: Duration::from_secs(45),
            settles_within: Duration::from_secs(5),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
        })
    }
}
