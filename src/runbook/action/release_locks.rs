//! Lets nfsd drop the locks and open files that it holds on the slice, so that it can be unmounted
//! (`unlock_filesystem`, Documentation/admin-guide/nfs/nfsd-admin-interfaces.rst). nfsd itself goes on.

use super::{Action, Argument, Given, argv};
use crate::runbook::{
    observe::nfs,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `release-locks`.
#[derive(Debug)]
pub struct ReleaseLocks;

impl Action for ReleaseLocks {
    fn name(&self) -> &'static str {
        "release-locks"
    }

    fn about(&self) -> &'static str {
        "let nfsd drop the locks that it holds on the slice, without stopping it"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, layout, side) = given.side()?;
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("drop nfsd's locks on {} of {}", layout.mount_point, side.host),
            needs: match &layout.export {
                // Locks of clients that can still come in would be taken from under them.
                Some(export) => vec![nfs::is_unexported(&side.host, &export.path)],
                None => Vec::new(),
            },
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["release_locks", &layout.mount_point])]),
            // What shows that it worked is that the slice can be unmounted: the next step.
            proof: Vec::new(),
            deadline: Duration::from_secs(20),
            settles_within: Duration::ZERO,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![Claim::CloseEntry {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
