//! A slice that moves to another filesystem by being copied: the actions of that, one file each.

mod begin;
mod check;
mod end;
mod freeze;
mod keep;
mod last;
mod open;
mod passes;
mod serve;
mod stream;
mod wipe;

pub use begin::CopyBegin;
pub use check::CopyCheck;
pub use end::CopyEnd;
pub use freeze::{FREEZE, THAW};
pub use keep::CopyKeep;
pub use last::CopyLast;
pub use open::{CopyOpen, opening};
pub use passes::CopyPasses;
pub use serve::{SERVE, UNSERVE};
pub use stream::{
    LOCK as STREAM_LOCK, SERVE as STREAM_SERVE, StreamBegin, StreamCheck, StreamLast, StreamPasses,
    UNLOCK as STREAM_UNLOCK, UNSERVE as STREAM_UNSERVE,
};
pub use wipe::CopyWipe;

use super::{Argument, Given, SETSID, Takes, Tool};
use crate::runbook::{
    condition::Condition,
    definition::Call,
    observe::{
        copy::{By, CHANGE, Copying, Mode},
        filesystem, task,
    },
    operation::{Claim, Expect},
    plan::{MigrationLayout, SliceLayout},
};
use std::{net::IpAddr, time::Duration};

const RSYNC: Tool = Tool {
    any: &["rsync"],
    why: "nothing could be copied",
};
/// What gives a server an address and tells its neighbours.
pub(super) const ADDRESS_TOOLS: &[Tool] = &[
    Tool {
        any: &["ip"],
        why: "no address could be moved",
    },
    Tool {
        any: &["arping", "busybox"],
        why: "clients would look for the address at its old place for minutes",
    },
];
/// Names what moves; a plan with several slices has several on one host.
const WHICH: Argument = Argument {
    name: "slice",
    optional: true,
    takes: Takes::Known,
    about: "the slice that moves; needed where the plan moves several",
};
const BUDGET: Argument = Argument {
    name: "budget",
    optional: false,
    takes: Takes::Seconds,
    about: "for how many seconds nobody may be able to write",
};
const DELETES: Argument = Argument {
    name: "deletes",
    optional: false,
    takes: Takes::Number,
    about: "how many files may be deleted from the copy",
};
/// When all content may be compared.
const CHECKS: &[&str] = &["closed", "before"];
const CHECK: Argument = Argument {
    name: "check",
    optional: false,
    takes: Takes::OneOf(CHECKS),
    about: "when all content is compared: closed or before",
};

/// The migration of the plan, both its filesystems, and that the host is the one that the step is for.
struct Found<'a> {
    layout: &'a MigrationLayout,
    old: &'a SliceLayout,
    new: &'a SliceLayout,
}

impl<'a> Found<'a> {
    fn of(given: &Given<'a>) -> Result<Self, String> {
        let named = given.call.with.get(WHICH.name);
        let is_it = |layout: &&MigrationLayout| named.is_none_or(|name| layout.slice.as_str() == name);
        let mut layouts = given.layouts.migrations.iter().filter(is_it);
        let layout = match (layouts.next(), layouts.next(), named) {
            (Some(layout), None, _) => layout,
            (Some(_), Some(_), _) => {
                return Err("this plan moves several slices: name the one that is meant".to_owned());
            }
            (None, _, Some(name)) => return Err(format!("{name} does not move by this plan")),
            (None, _, None) => return Err("this plan is about no migration".to_owned()),
        };
        let slice = |name| {
            given
                .layouts
                .slices
                .get(name)
                .ok_or_else(|| format!("{name} is no slice of this plan"))
        };
        Ok(Self {
            layout,
            old: slice(&layout.slice)?,
            new: slice(&layout.into)?,
        })
    }

    /// For a step on the server that is left.
    fn on_old(given: &Given<'a>) -> Result<Self, String> {
        let found = Self::of(given)?;
        let host = given.host()?;
        if found.layout.from == *host {
            return Ok(found);
        }
        Err(format!("{} does not leave {host}", found.layout.slice))
    }

    /// For a step on the server that it moves to.
    fn on_new(given: &Given<'a>) -> Result<Self, String> {
        let found = Self::of(given)?;
        let host = given.host()?;
        if found.layout.to == *host {
            return Ok(found);
        }
        Err(format!("{} does not move to {host}", found.layout.slice))
    }

    /// What ends everything that copies it.
    fn ends(&self) -> Call {
        let (slice, to) = (self.layout.slice.to_string(), self.layout.to.to_string());
        Call::new("copy-end", [(WHICH.name, slice), ("host", to)])
    }

    /// The name of the task that lets the new server read.
    fn serving(&self) -> String {
        format!("{}-serve", self.layout.task)
    }

    /// Own addresses of the old server and of the new one, by which one reads from the other.
    fn addresses(&self) -> Result<(IpAddr, IpAddr), String> {
        let layout = self.layout;
        layout.addresses.ok_or_else(|| {
            format!(
                "{} and {} have no addresses of their own in the network of {}",
                layout.from, layout.to, layout.slice
            )
        })
    }

    /// What the target looks at again before anything is written to the copy.
    fn ready(&self) -> Expect {
        Expect {
            argv: super::argv(["copy_ready", &self.new.mount_point, &self.new.device, &self.layout.mark]),
            pattern: "ready".to_owned(),
        }
    }

    fn overwrites(&self) -> Claim {
        Claim::Overwrite {
            host: self.layout.to.clone(),
            slice: self.layout.into.clone(),
        }
    }

    /// Nobody can write to the slice any more.
    fn is_closed(&self) -> Condition {
        filesystem::is_read_only(&self.layout.from, &self.old.device, &self.old.mount_point)
    }

    /// The copy in one of its ways. `more` are words of rsync beside those that all have.
    fn copying(&self, way: Mode, budget: Duration, closed_check: bool, more: &[String]) -> Result<Copying, String> {
        let layout = self.layout;
        let (source, _) = self.addresses()?;
        let mut argv = super::argv([
            "rsync",
            "-aHAXS",
            "--numeric-ids",
            "--delete",
            // The mark is not the slice's, and mkfs makes the other.
            "--exclude=/.pointsman-copy",
            "--exclude=/lost+found",
            "--contimeout=20",
            "--sockopts=SO_KEEPALIVE",
            "--stats",
        ]);
        argv.extend_from_slice(more);
        argv.push(format!("rsync://{source}:{}/{}/", layout.port, self.serving()));
        argv.push(format!("{}/", self.new.mount_point));
        Ok(Copying {
            mode: way,
            by: By::Files,
            from: layout.from.clone(),
            to: layout.to.clone(),
            task: layout.task.clone(),
            argv,
            budget,
            closed_check,
            clients: layout.clients.clone(),
            disks: layout.disks.clone(),
            replicas: layout.replicas.clone(),
            databases: layout.databases.clone(),
            lag: layout.lag,
            windows: layout.windows.clone(),
            zone: layout.zone.clone(),
            place: self.new.mount_point.clone(),
            used_kib: layout.used_kib,
            base_kib: layout.base_kib,
        })
    }

    /// Names of everything that runs on the new server.
    fn tasks(&self) -> [String; 3] {
        let task = &self.layout.task;
        [task.clone(), format!("{task}-last"), format!("{task}-check")]
    }

    /// Nothing of it runs on the new server.
    fn rests(&self) -> Vec<Condition> {
        self.tasks()
            .iter()
            .map(|name| task::rests(&self.layout.to, name))
            .collect()
    }
}

/// How many files may be deleted, as a word of rsync.
fn deletes(given: &Given<'_>) -> Result<String, String> {
    Ok(format!("--max-delete={}", given.number("deletes")?))
}

/// Whether all content is compared while the slice is closed.
fn closed_check(given: &Given<'_>) -> Result<bool, String> {
    Ok(given.word("check", CHECKS)? == "closed")
}

/// How a difference is printed.
fn change() -> String {
    format!("--out-format={CHANGE}%i %n%L")
}
