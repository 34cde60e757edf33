//! Starts or stops the scrub of a pool: every block is read and compared with its checksum, and mended where it can be.

use super::{
    super::{Action, Argument, Given, Tool, argv},
    POOL, ZPOOL,
};
use crate::runbook::{
    definition::Call,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `pool-scrub`.
#[derive(Debug)]
pub struct PoolScrub;

impl Action for PoolScrub {
    fn name(&self) -> &'static str {
        "pool-scrub"
    }

    fn about(&self) -> &'static str {
        "start or stop the scrub of a ZFS pool, which compares its blocks with their checksums"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[super::super::HOST, POOL, super::super::STATE]
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZPOOL]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.pool()?;
        let pool = &layout.pool;
        let started = given.starts()?;
        let mut undo: Call = given.call.clone();
        undo.with.insert("state".into(), "stopped".into());
        let before = layout.seen.scan_text();
        let (verb, command, needs, proof) = if started {
            let command = argv(["zpool", "scrub", &pool.name]);
            // Asked of one that pauses it would go on with what somebody else has begun.
            ("start", command, vec![pool.is_settled()], pool.is_scrubbing(&before))
        } else {
            let command = argv(["zpool", "scrub", "-s", &pool.name]);
            ("stop", command, Vec::new(), pool.is_not_scrubbing())
        };
        Ok(Operation {
            place: Place::Host(pool.host.clone()),
            says: format!("{verb} the scrub of {pool}"),
            needs,
            expects: Vec::new(),
            work: Work::Commands(vec![command]),
            proof: vec![proof],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(10),
            // A second start is refused by ZFS, and so is the stop of what is over.
            nature: Nature::Probeable,
            retry: None,
            undo: started.then_some(undo),
            claims: Vec::new(),
        })
    }
}
