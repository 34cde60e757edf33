//! Takes the slice's exports back, and makes the kernel forget them.

use super::{Action, Argument, Given, Tool, argv, same};
use crate::runbook::{
    observe::nfs,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `unexport`.
#[derive(Debug)]
pub struct Unexport;

impl Action for Unexport {
    fn name(&self) -> &'static str {
        "unexport"
    }

    fn about(&self) -> &'static str {
        "take the slice's NFS exports back from a server"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        super::EXPORTFS
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, layout, side) = given.side()?;
        let export = layout
            .export
            .as_ref()
            .ok_or_else(|| format!("{slice} has no NFS export"))?;
        let path = export.path.as_str();
        let mut command = argv(["unexport"]);
        command.extend(export.clients.iter().map(|client| format!("{}:{path}", client.name)));
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("stop exporting {path} from {}", side.host),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![command]),
            proof: vec![nfs::is_unexported(&side.host, path)],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(given.call, "export")),
            claims: vec![Claim::CloseEntry {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
