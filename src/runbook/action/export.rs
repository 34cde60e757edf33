//! Exports the slice to its clients, with the options that it had.

use super::{Action, Argument, Given, Tool, argv, same};
use crate::runbook::{
    observe::{filesystem, nfs},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `export`.
#[derive(Debug)]
pub struct Export;

impl Action for Export {
    fn name(&self) -> &'static str {
        "export"
    }

    fn about(&self) -> &'static str {
        "export the slice over NFS from a server"
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
        if export.clients.is_empty() {
            return Err(format!(
                "to whom {path} is exported is not known: no server that answers exports it, and `export` of {slice} in the \
                 inventory names no clients"
            ));
        }
        let commands = export
            .clients
            .iter()
            .map(|client| argv(["exportfs", "-o", &client.options, &format!("{}:{path}", client.name)]))
            .collect();
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("export {path} from {}", side.host),
            needs: vec![filesystem::is_mounted(&side.host, &layout.device, &layout.mount_point)],
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof: vec![nfs::is_exported(&side.host, path, &export.names())],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(same(given.call, "unexport")),
            claims: Vec::new(),
        })
    }
}
