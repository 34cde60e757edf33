//! Unmounts the slice's filesystem; never lazily, and nothing is killed for it.

use super::{Action, Argument, Given, Tool, argv, same};
use crate::runbook::{
    observe::{filesystem, nfs},
    operation::{Claim, Nature, Operation, Place, Retry, Work},
};
use std::time::Duration;

/// `unmount`.
#[derive(Debug)]
pub struct Unmount;

impl Action for Unmount {
    fn name(&self) -> &'static str {
        "unmount"
    }

    fn about(&self) -> &'static str {
        "unmount the slice's filesystem from a server"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["umount"],
            why: "nothing could be unmounted",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, layout, side) = given.side()?;
        let (device, at) = (layout.device.as_str(), layout.mount_point.as_str());
        let mut needs = vec![filesystem::is_mounted(&side.host, device, at)];
        let mut commands = vec![argv(["sync", "-f", at]), argv(["umount", "--", at])];
        if let Some(export) = &layout.export {
            // What clients locked while they were let in keeps the filesystem busy for ever. It is taken from them only
            // when they cannot come in any more.
            needs.push(nfs::is_unexported(&side.host, &export.path));
            commands.insert(0, argv(["release_locks", at]));
        }
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("unmount {at} of {}", side.host),
            needs,
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof: vec![filesystem::is_unmounted(&side.host, device, at)],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            // nfsd holds files for a moment after the export is gone.
            retry: Some(Retry {
                on: "busy",
                within: Duration::from_secs(10),
            }),
            undo: Some(same(given.call, "mount")),
            claims: vec![Claim::CloseEntry {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
