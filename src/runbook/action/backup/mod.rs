//! A backup that is restored to a scratch directory and looked at: the actions of that, one file each.

mod begin;
mod check;
mod end;
mod proof;
mod record;
mod restore;

pub use begin::BackupBegin;
pub use check::BackupCheck;
pub use end::BackupEnd;
pub use proof::BackupProof;
pub use record::BackupRecord;
pub use restore::BackupRestore;

use super::{Given, argv};
use crate::runbook::{
    definition::Call,
    observe::{
        copy::{By, Copying, Mode},
        pace::Client,
    },
    operation::{Claim, Expect},
    plan::BackupLayout,
};
use std::time::Duration;

/// The backup of the plan, for a step on the host where it is.
struct Found<'a>(&'a BackupLayout);

impl<'a> Found<'a> {
    fn of(given: &Given<'a>) -> Result<Self, String> {
        let layout = given.layouts.backup.as_ref().ok_or("this plan is about no backup")?;
        let host = given.host()?;
        if layout.host == *host {
            return Ok(Self(layout));
        }
        Err(format!("the backups of {} are not on {host}", layout.name))
    }

    /// The name of the task that looks at what was restored.
    fn check(&self) -> String {
        format!("{}-check", self.0.task)
    }

    /// Ends what runs of the test and removes the scratch directory.
    fn end(&self) -> Call {
        Call::new("backup-end", [("host", self.0.host.to_string())])
    }

    /// What the target looks at again before anything is written.
    fn ready(&self) -> Expect {
        Expect {
            argv: argv(["scratch_ready", &self.0.place, &self.0.mark]),
            pattern: "ready".to_owned(),
        }
    }

    fn scratch(&self) -> Claim {
        Claim::Scratch {
            host: self.0.host.clone(),
            place: self.0.place.clone(),
        }
    }

    /// One task of the test: while it runs, the disks of the host are looked at, and those clients.
    fn copying(&self, task: String, argv: Vec<String>, clients: Vec<Client>) -> Copying {
        let layout = self.0;
        // Only restoring brings anything.
        let brings = task == layout.task;
        Copying {
            mode: Mode::Once,
            by: By::Files,
            from: layout.host.clone(),
            to: layout.host.clone(),
            task,
            argv,
            budget: Duration::ZERO,
            closed_check: false,
            clients,
            disks: vec![(layout.host.clone(), layout.disk_limit)],
            replicas: Vec::new(),
            databases: Vec::new(),
            lag: Duration::MAX,
            windows: Vec::new(),
            zone: String::new(),
            place: layout.place.clone(),
            used_kib: layout.backup.bytes.filter(|_| brings).unwrap_or(0) / 1024,
            base_kib: layout.base_kib,
        }
    }
}
