//! Mounts a slice on a client, with the options that it was mounted with before, and tries it there: three answers, and a file
//! that is written, read and removed.

use super::{Action, Argument, Given, Tool, argv};
use crate::runbook::{
    observe::mounts,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `client-attach`.
#[derive(Debug)]
pub struct ClientAttach;

impl Action for ClientAttach {
    fn name(&self) -> &'static str {
        "client-attach"
    }

    fn about(&self) -> &'static str {
        "mount a slice on a client as it was mounted before, and try it"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::CLIENT
    }

    fn tools(&self) -> &'static [Tool] {
        &[
            Tool {
                any: &["mount"],
                why: "nothing could be mounted",
            },
            Tool {
                any: &["rpcinfo"],
                why: "nobody could tell whether a server answers before a mount waits for it",
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
        let then = client.then.as_ref();
        let recipe = then.ok_or_else(|| format!("how {} of {host} was mounted is not known", client.at))?;
        let command = argv([
            "nfs_attach",
            &recipe.fs_type,
            &recipe.source,
            &recipe.at,
            &recipe.options,
        ]);
        Ok(Operation {
            says: format!("mount {} on {} of {host}", recipe.source, recipe.at),
            needs: vec![
                mounts::is_barred(&host, client.address, false),
                mounts::reaches(&host, client.address),
            ],
            expects: Vec::new(),
            work: Work::Commands(vec![command]),
            proof: vec![
                mounts::is_attached(&host, recipe),
                mounts::answers(&host, &recipe.at, &client.addresses),
                mounts::is_given_back(&host, &recipe.at),
            ],
            claims: vec![Claim::Attach {
                host: host.clone(),
                at: client.at.clone(),
            }],
            place: Place::Host(host),
            // A minute for the mount, and three answers and a file for the try.
            deadline: Duration::from_secs(90),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
        })
    }
}
