//! Copies a slice while its clients work, pass by pass, until the rest is so little that it can be closed for it.

use super::{BUDGET, CHECK, DELETES, Found, RSYNC, WHICH, closed_check, deletes};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, HOURS, Tool},
    observe::{copy::Mode, task, watch::Watch},
    operation::{Nature, Operation, Place, Work},
    plan::MigrationLayout,
};
use std::time::Duration;

/// `copy-passes`.
#[derive(Debug)]
pub struct CopyPasses;

impl Action for CopyPasses {
    fn name(&self) -> &'static str {
        "copy-passes"
    }

    fn about(&self) -> &'static str {
        "copy a slice by passes of rsync while its clients work, as fast as they allow and at the hours of the inventory"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, WHICH, BUDGET, HOURS, DELETES, CHECK]
    }

    fn tools(&self) -> &'static [Tool] {
        &[RSYNC]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_new(given)?;
        let layout = found.layout;
        let mut more = vec![deletes(given)?];
        if let Some(limit) = layout.limit_kib_s {
            more.push(format!("--bwlimit={limit}"));
        }
        let copying = found.copying(Mode::Passes, given.seconds("budget")?, closed_check(given)?, &more)?;
        Ok(Operation {
            place: Place::Host(layout.to.clone()),
            says: format!(
                "copy {} from {} to {}{}",
                layout.slice,
                layout.from,
                layout.to,
                when(layout)
            ),
            needs: vec![task::runs(&layout.from, &found.serving())],
            expects: vec![found.ready()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_mins(1),
            settles_within: given.hours()?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(found.ends()),
            claims: vec![found.overwrites()],
        })
    }
}

/// By what it is steered, as part of a sentence.
pub(super) fn when(layout: &MigrationLayout) -> String {
    let mut out = match layout.clients.len() {
        0 => ", though no client is known whose requests could tell how fast it may go".to_owned(),
        1 => format!(", as fast as the requests of {} allow", layout.clients[0].host),
        more => format!(
            ", as fast as the requests of {} and {} others allow",
            layout.clients[0].host,
            more - 1
        ),
    };
    if !layout.replicas.is_empty() {
        out = format!("{out}, while replication there keeps up");
    }
    if !layout.databases.is_empty() {
        let hosts: Vec<&str> = layout.databases.iter().map(|database| database.host.as_str()).collect();
        out = format!(
            "{out}, while no replica on {} is more than {} s behind",
            hosts.join(", "),
            layout.lag.as_secs()
        );
    }
    if let Some(limit) = layout.limit_kib_s {
        out = format!("{out}, {limit} KiB/s at most");
    }
    if layout.windows.is_empty() {
        return out;
    }
    let windows: Vec<String> = layout.windows.iter().map(ToString::to_string).collect();
    format!("{out}, at {} ({})", windows.join("; "), layout.zone)
}
