//! Proves that a pool is well with its new disk: from here on there is no way back, for the old one is out of it.

use super::{
    super::{Action, Argument, Given},
    DEVICE_AND_DISK,
};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `pool-whole`.
#[derive(Debug)]
pub struct PoolWhole;

impl Action for PoolWhole {
    fn name(&self) -> &'static str {
        "pool-whole"
    }

    fn about(&self) -> &'static str {
        "prove that a ZFS pool is well with its new disk; nothing takes it back from there on"
    }

    fn arguments(&self) -> &'static [Argument] {
        DEVICE_AND_DISK
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.pool()?;
        let pool = &layout.pool;
        let old = layout.old_device(given.text("disk")?)?;
        let new = layout.new_disk(given.text("by")?)?;
        Ok(Operation {
            place: Place::Console,
            says: format!(
                "see that {pool} is well with {}: {} can be pulled then",
                new.device, old.name
            ),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![
                pool.is_in_service(&old.name, &new.device),
                pool.is_well_with(&new.device, &layout.seen, &old.name),
            ],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(30),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
