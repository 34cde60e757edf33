//! Restores a backup to the scratch directory, by the site's own command, as a task that outlives the console.

use super::Found;
use crate::{
    fleet::usable,
    runbook::{
        action::{Action, Argument, Given, HOST, HOURS, SETSID, Tool, argv},
        observe::{backup, copy::LEASE_S, watch::Watch},
        operation::{Nature, Operation, Place, Work},
    },
};
use std::time::Duration;

/// `backup-restore`.
#[derive(Debug)]
pub struct BackupRestore;

impl Action for BackupRestore {
    fn name(&self) -> &'static str {
        "backup-restore"
    }

    fn about(&self) -> &'static str {
        "restore a backup to a scratch directory, by the command of the inventory, as fast as the disks there allow"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, HOURS]
    }

    fn tools(&self) -> &'static [Tool] {
        &[SETSID]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, host) = (found.0, &found.0.host);
        let program = layout.restore.first().ok_or("the command to restore is empty")?;
        usable(program, true).map_err(|(says, hint)| format!("{says}; {hint}"))?;
        let mut command = argv(["task_go", &layout.task, &LEASE_S.to_string()]);
        command.extend(layout.restore.iter().cloned());
        let copying = found.copying(layout.task.clone(), command, Vec::new());
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!(
                "restore {} of {} to {} on {host}",
                layout.backup.name, layout.name, layout.place
            ),
            needs: vec![backup::is_ours(host, &layout.place, &layout.mark)],
            expects: vec![found.ready()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_mins(1),
            settles_within: given.hours()?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(found.end()),
            claims: vec![found.scratch()],
        })
    }
}
