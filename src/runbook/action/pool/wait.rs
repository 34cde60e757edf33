//! Waits until a new disk of a pool has all its data.

use super::{
    super::{Action, Argument, Given, Takes},
    POOL, SECONDS,
};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `pool-wait`.
#[derive(Debug)]
pub struct PoolWait;

impl Action for PoolWait {
    fn name(&self) -> &'static str {
        "pool-wait"
    }

    fn about(&self) -> &'static str {
        "wait until a new disk of a ZFS pool is resilvered, and tell how clients fare meanwhile"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::super::HOST,
            POOL,
            Argument {
                name: "disk",
                optional: false,
                takes: Takes::Name,
                about: "the device that is replaced, as the pool names it",
            },
            Argument {
                name: "by",
                optional: false,
                takes: Takes::Name,
                about: "the new disk",
            },
            SECONDS,
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.pool()?;
        let pool = &layout.pool;
        let old = layout.old_device(given.text("disk")?)?;
        let new = layout.new_disk(given.text("by")?)?;
        Ok(Operation {
            place: Place::Host(pool.host.clone()),
            says: format!("wait until {} is resilvered in {pool}", new.device),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Watch(layout.resilver(&new.device)),
            proof: vec![pool.is_in_service(&old.name, &new.device)],
            deadline: Duration::from_secs(30),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
