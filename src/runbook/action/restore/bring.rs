//! Restores a backup to the filesystem that takes a lost slice's place, by the site's own command, as a task that outlives
//! the console.

use super::{Found, KINDS};
use crate::{
    fleet::usable,
    runbook::{
        action::{Action, Argument, Given, HOST, HOURS, SETSID, Tool, argv},
        definition::Kind,
        observe::{copy::LEASE_S, watch::Watch},
        operation::{Nature, Operation, Place, Work},
    },
};
use std::time::Duration;

/// `restore-bring`.
#[derive(Debug)]
pub struct RestoreBring;

impl Action for RestoreBring {
    fn name(&self) -> &'static str {
        "restore-bring"
    }

    fn about(&self) -> &'static str {
        "restore a backup to the filesystem that takes a lost slice's place, by the command of the inventory"
    }

    fn kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, HOURS]
    }

    fn tools(&self) -> &'static [Tool] {
        &[SETSID]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, chosen, to) = (found.layout, found.chosen, &found.layout.to);
        let program = chosen.argv.first().ok_or("the command to restore is empty")?;
        usable(program, true).map_err(|(says, hint)| format!("{says}; {hint}"))?;
        let mut command = argv(["task_go", &layout.task, &LEASE_S.to_string()]);
        command.extend(chosen.argv.iter().cloned());
        let copying = found.copying(layout.task.clone(), command);
        Ok(Operation {
            place: Place::Host(to.clone()),
            says: format!(
                "restore {} of {} to {} of {to}",
                chosen.backup.name, layout.slice, found.new.mount_point
            ),
            needs: Vec::new(),
            expects: vec![found.ready()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_mins(1),
            settles_within: given.hours()?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(found.end()),
            claims: vec![found.overwrites()],
        })
    }
}
