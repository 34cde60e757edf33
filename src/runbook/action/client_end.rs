//! Ends the processes that hold a mount of a slice on a client: by the kernel's number of the mount, never by its path, which
//! may be another mount's by then.

use super::{Action, Argument, Given, argv};
use crate::runbook::{
    definition::Kind,
    observe::mounts,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `client-end`.
#[derive(Debug)]
pub struct ClientEnd;

impl Action for ClientEnd {
    fn name(&self) -> &'static str {
        "client-end"
    }

    fn about(&self) -> &'static str {
        "end the processes that hold a mount which hangs or is stale (KILL)"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Emergency]
    }

    fn arguments(&self) -> &'static [Argument] {
        super::CLIENT
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let client = given.client()?;
        let host = client.host.clone();
        let now = client.now.as_ref();
        let now = now.ok_or_else(|| format!("nothing is mounted on {} of {host}", client.at))?;
        let mount = &now.entry;
        let command = argv([
            "nfs_end",
            &mount.id.to_string(),
            &mount.device,
            &mount.source,
            &mount.at,
        ]);
        Ok(Operation {
            says: format!("end what holds {} on {host}", mount.at),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![command]),
            proof: vec![mounts::is_let_go(&host, mount, &now.holders, &client.addresses)],
            claims: vec![Claim::EndHolders {
                host: host.clone(),
                at: client.at.clone(),
            }],
            place: Place::Host(host),
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(15),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
        })
    }
}
