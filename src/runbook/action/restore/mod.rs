//! A slice that is served from its backup by another server: the actions of that, one file each.

mod begin;
mod bring;
mod check;
mod end;
mod open;
mod proof;

pub use begin::RestoreBegin;
pub use bring::RestoreBring;
pub use check::RestoreCheck;
pub use end::RestoreEnd;
pub use open::RestoreOpen;
pub use proof::RestoreProof;

use super::{Given, argv};
use crate::runbook::{
    definition::{Call, Kind},
    observe::copy::{By, Copying, Mode},
    operation::{Claim, Expect},
    plan::{RestoreChosen, RestoreLayout, SliceLayout},
};
use std::time::Duration;

/// Whoever has a server of the pair still moves slices otherwise.
const KINDS: &[Kind] = &[Kind::Emergency];

/// The restore of the plan and the filesystem that takes the slice's place, for a step on its server.
struct Found<'a> {
    layout: &'a RestoreLayout,
    chosen: &'a RestoreChosen,
    new: &'a SliceLayout,
}

impl<'a> Found<'a> {
    fn of(given: &Given<'a>) -> Result<Self, String> {
        let layouts = given.layouts;
        let layout = layouts.restore.as_ref().ok_or("this plan restores no slice")?;
        let chosen = layout.chosen.as_ref();
        let chosen = chosen.ok_or_else(|| format!("no backup of {} is known", layout.slice))?;
        let new = layouts.slices.get(&layout.into);
        let new = new.ok_or_else(|| format!("{} is no slice of this plan", layout.into))?;
        let host = given.host()?;
        if layout.to == *host {
            return Ok(Self { layout, chosen, new });
        }
        Err(format!("{} is not restored on {host}", layout.slice))
    }

    /// The name of the task that looks at what was restored.
    fn check(&self) -> String {
        format!("{}-check", self.layout.task)
    }

    /// What the target looks at again before anything is written.
    fn ready(&self) -> Expect {
        Expect {
            argv: argv(["copy_ready", &self.new.mount_point, &self.new.device, &self.chosen.mark]),
            pattern: "ready".to_owned(),
        }
    }

    fn overwrites(&self) -> Claim {
        Claim::Overwrite {
            host: self.layout.to.clone(),
            slice: self.layout.into.clone(),
        }
    }

    fn end(&self) -> Call {
        Call::new("restore-end", [("host", self.layout.to.to_string())])
    }

    /// One task of it. Nobody works with that filesystem yet; what else its server serves is spared by its disks.
    fn copying(&self, task: String, argv: Vec<String>) -> Copying {
        let layout = self.layout;
        // Only restoring brings anything.
        let brings = task == layout.task;
        Copying {
            mode: Mode::Once,
            by: By::Files,
            from: layout.to.clone(),
            to: layout.to.clone(),
            task,
            argv,
            budget: Duration::ZERO,
            closed_check: false,
            clients: Vec::new(),
            disks: vec![(layout.to.clone(), layout.disk_limit)],
            replicas: Vec::new(),
            databases: Vec::new(),
            lag: Duration::MAX,
            windows: Vec::new(),
            zone: String::new(),
            place: self.new.mount_point.clone(),
            used_kib: self.chosen.backup.bytes.filter(|_| brings).unwrap_or(0) / 1024,
            base_kib: 0,
        }
    }
}
