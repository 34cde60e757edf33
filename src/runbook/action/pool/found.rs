//! Tells what the scrub of a pool found, what that means, and which files have lost blocks.

use super::{
    super::{Action, Argument, Given},
    POOL,
};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `pool-found`.
#[derive(Debug)]
pub struct PoolFound;

impl Action for PoolFound {
    fn name(&self) -> &'static str {
        "pool-found"
    }

    fn about(&self) -> &'static str {
        "tell what the scrub of a ZFS pool found, with the files that have lost blocks"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[super::super::HOST, POOL]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let pool = &given.pool()?.pool;
        Ok(Operation {
            place: Place::Console,
            says: format!("tell what the scrub of {pool} found"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![pool.tells_what_it_found()],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(30),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
