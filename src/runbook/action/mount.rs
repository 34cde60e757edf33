//! Mounts the slice's filesystem, with the options that it was mounted with before.

use super::{Action, Argument, Given, Tool, argv, same};
use crate::{
    facts::drbd::DrbdRole,
    runbook::{
        observe::filesystem,
        operation::{Claim, Nature, Operation, Place, Work},
    },
};
use std::time::Duration;

/// `mount`.
#[derive(Debug)]
pub struct Mount;

impl Action for Mount {
    fn name(&self) -> &'static str {
        "mount"
    }

    fn about(&self) -> &'static str {
        "mount the slice's filesystem on a server"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["mount"],
            why: "nothing could be mounted",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, layout, side) = given.side()?;
        let (device, at) = (layout.device.as_str(), layout.mount_point.as_str());
        let mut command = argv(["mount"]);
        if !layout.mount_options.is_empty() {
            command.extend(argv(["-o", &layout.mount_options]));
        }
        command.extend(argv(["--", device, at]));
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("mount {device} on {at} of {}", side.host),
            needs: vec![filesystem::is_unmounted(&side.host, device, at)],
            expects: vec![side.expects(&DrbdRole::Primary, None)],
            work: Work::Commands(vec![command]),
            proof: vec![filesystem::is_mounted(&side.host, device, at)],
            // A journal has to be replayed after a crash.
            deadline: Duration::from_mins(2),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            undo: Some(same(given.call, "unmount")),
            claims: vec![Claim::Mount {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
