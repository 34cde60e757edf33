//! Marks the dataset that a slice moves to, and makes it read-only: nothing without that mark is ever received over. What an
//! earlier run left of its tasks is forgotten; what it received is kept, and saves time.

use super::{Found, SETSID, ZFS};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Tool, argv},
    observe::{filesystem, nfs, stream, task},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `stream-begin`.
#[derive(Debug)]
pub struct StreamBegin;

impl Action for StreamBegin {
    fn name(&self) -> &'static str {
        "stream-begin"
    }

    fn about(&self) -> &'static str {
        "mark the empty dataset that a slice moves to, and make it read-only"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        &[ZFS, SETSID]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let (to, new, layout) = (&found.layout.to, found.new, found.layout);
        let (device, at) = (new.device.as_str(), new.mount_point.as_str());
        let mut forget = argv(["task_forget"]);
        forget.extend(found.tasks());
        let mut proof = vec![
            stream::is_marked(to, device, &layout.mark),
            filesystem::is_read_only(to, device, at),
        ];
        proof.extend(found.tasks().iter().map(|name| task::is_unknown(to, name)));
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!(
                "mark {device} of {to} as the copy of {}, and make it read-only",
                layout.slice
            ),
            needs: vec![filesystem::is_there(to, device, at), nfs::is_unexported(to, at)],
            expects: Vec::new(),
            work: Work::Commands(vec![forget, argv(["stream_begin", at, device, &layout.mark])]),
            proof,
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
