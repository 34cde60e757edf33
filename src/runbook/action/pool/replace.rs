//! Lets a new disk take the place of a device of a pool. What can be read of the old one stays in service until the new
//! one has all its data; ZFS takes it out by itself then.

use super::{
    super::{Action, Argument, Given, Tool, argv},
    BLKID, DEVICE_AND_DISK, ZPOOL,
};
use crate::runbook::{
    definition::Call,
    observe::md,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `pool-replace`.
#[derive(Debug)]
pub struct PoolReplace;

impl Action for PoolReplace {
    fn name(&self) -> &'static str {
        "pool-replace"
    }

    fn about(&self) -> &'static str {
        "replace a device of a ZFS pool by a disk on which nothing is"
    }

    fn arguments(&self) -> &'static [Argument] {
        DEVICE_AND_DISK
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZPOOL, BLKID]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.pool()?;
        let pool = &layout.pool;
        let old = layout.old_device(given.text("disk")?)?;
        let new = layout.new_disk(given.text("by")?)?;
        let mut expects: Vec<_> = old.disk.iter().flat_map(md::Disk::expected).collect();
        expects.extend([new.expects(), md::expects_blank(&new.device)]);
        Ok(Operation {
            place: Place::Host(pool.host.clone()),
            says: format!("replace {old} in {pool} by {new}"),
            needs: vec![
                md::is_disk(&pool.host, new),
                pool.has(&old.name, true),
                pool.is_settled(),
            ],
            expects,
            // Never by force: what ZFS itself holds against a disk counts.
            work: Work::Commands(vec![argv(["zpool", "replace", &pool.name, &old.word(), &new.path()])]),
            proof: vec![pool.is_replaced(&old.name, &new.device)],
            deadline: Duration::from_mins(2),
            settles_within: Duration::from_secs(10),
            nature: Nature::Probeable,
            retry: None,
            undo: Some(Call {
                action: "pool-keep".to_owned(),
                with: given.call.with.clone(),
            }),
            claims: vec![Claim::PoolIn {
                pool: pool.clone(),
                old: old.name.clone(),
                device: new.device.clone(),
            }],
        })
    }
}
