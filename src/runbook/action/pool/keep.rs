//! Breaks the replacement of a device of a pool off: the old one keeps its place.

use super::{
    super::{Action, Argument, Given, Tool, argv},
    DEVICE_AND_DISK, ZPOOL,
};
use crate::runbook::operation::{Claim, Nature, Operation, Place, Work};
use std::time::Duration;

/// `pool-keep`.
#[derive(Debug)]
pub struct PoolKeep;

impl Action for PoolKeep {
    fn name(&self) -> &'static str {
        "pool-keep"
    }

    fn about(&self) -> &'static str {
        "keep the device of a ZFS pool that is being replaced"
    }

    fn arguments(&self) -> &'static [Argument] {
        DEVICE_AND_DISK
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZPOOL]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.pool()?;
        let pool = &layout.pool;
        let old = layout.old_device(given.text("disk")?)?;
        let new = layout.new_disk(given.text("by")?)?;
        Ok(Operation {
            place: Place::Host(pool.host.clone()),
            says: format!(
                "keep {} in {pool}, unless {} has taken its place by now; what ZFS wrote on that stays there (wipefs -a)",
                old.name, new.device
            ),
            needs: Vec::new(),
            expects: vec![new.expects()],
            work: Work::Commands(vec![argv(["pool_keep", &pool.name, &old.name, &new.device])]),
            proof: vec![pool.is_kept(&old.name, &new.device)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![Claim::PoolOut {
                pool: pool.clone(),
                device: new.device.clone(),
            }],
        })
    }
}
