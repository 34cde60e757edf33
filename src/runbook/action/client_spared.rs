//! Looks at the clients of a plan when all is done: what they mount besides answers as before, and nobody waits for NFS who
//! did not.

use super::{Action, Argument, Given};
use crate::runbook::{
    observe::mounts,
    operation::{Nature, Operation, Place, Work},
};
use std::{collections::BTreeSet, time::Duration};

/// `client-spared`.
#[derive(Debug)]
pub struct ClientSpared;

/// So many other mounts of a client are asked at most.
const MOUNTS: usize = 8;

impl Action for ClientSpared {
    fn name(&self) -> &'static str {
        "client-spared"
    }

    fn about(&self) -> &'static str {
        "see that the other mounts of the clients answer, and that nobody waits for NFS who did not before"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (mut proof, mut asked) = (Vec::new(), BTreeSet::new());
        for client in &given.layouts.clients {
            if !asked.insert(&client.host) {
                continue;
            }
            proof.push(mounts::nobody_new_waits(&client.host, &client.waiting));
            let others = client.others.iter().take(MOUNTS);
            proof.extend(others.map(|at| mounts::answers(&client.host, at, &client.addresses)));
        }
        Ok(Operation {
            place: Place::Console,
            says: "see that the clients are well otherwise".to_owned(),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof,
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_mins(1),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
