//! Waits until the scrub of a pool is over, and lets it pause while clients suffer.

use super::{
    super::{Action, Argument, Given, Tool},
    POOL, SECONDS, ZPOOL,
};
use crate::runbook::{
    definition::Call,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `pool-scrubbed`.
#[derive(Debug)]
pub struct PoolScrubbed;

impl Action for PoolScrubbed {
    fn name(&self) -> &'static str {
        "pool-scrubbed"
    }

    fn about(&self) -> &'static str {
        "wait until the scrub of a ZFS pool is over; it pauses, or where it cannot is given up, while clients suffer"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[super::super::HOST, POOL, SECONDS]
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZPOOL]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.pool()?;
        let pool = &layout.pool;
        Ok(Operation {
            place: Place::Host(pool.host.clone()),
            says: format!("wait until {pool} is scrubbed{}", layout.steered()),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Watch(layout.scrub()),
            proof: vec![pool.is_scrubbed(&layout.seen.scan_text())],
            deadline: Duration::from_mins(1),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(Call::new(
                "pool-scrub",
                [
                    ("host", pool.host.to_string()),
                    ("pool", pool.name.clone()),
                    ("state", "stopped".to_owned()),
                ],
            )),
            claims: Vec::new(),
        })
    }
}
