//! What a host keeps of runs: claims with their fencing tokens, and receipts. A reboot does not change it.

use crate::simulate::{backup::Vault, copy::Task};
use std::collections::{BTreeMap, BTreeSet};

/// The directory of a host that `wrapper.sh` calls the store.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// Claims by object.
    pub claims: BTreeMap<String, Claim>,
    /// The run whose call is under way.
    pub run: String,
    /// Runs that were taken over here, and by which.
    pub over: BTreeMap<String, String>,
    /// Receipts by key.
    pub receipts: BTreeMap<String, Kept>,
    /// Whether a script holds the lock.
    pub locked: bool,
    /// Whether the disk is full: nothing new can be kept.
    pub full: bool,
    /// Whether the disk is mounted read-only: not even the lock can be opened.
    pub read_only: bool,
    /// What becomes of the next command of a step.
    pub next: Option<Mishap>,
    /// How mounts were mounted that were taken away, by their place: lines of `nfs_kept`.
    pub mounts: BTreeMap<String, String>,
    /// Every command that ran here, in order.
    pub ran: Vec<Ran>,
    /// Long tasks by name.
    pub tasks: BTreeMap<String, Task>,
    /// Slices that are closed to be copied: since when, milliseconds of the world's time, and in which boot.
    pub frozen: BTreeMap<String, (u64, u32)>,
    /// Old sides of slices that have moved: since when, and the rest of what is kept of it.
    pub old: BTreeMap<String, (u64, String)>,
    /// Backups, and what their tests need.
    pub vault: Vault,
    /// Devices that hold nothing any more.
    pub wiped: BTreeSet<String>,
}

/// A command that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its receipt's key.
    pub key: String,
    /// Its words.
    pub argv: Vec<String>,
    /// Its exit code.
    pub exit: i32,
    /// Boots of the host by then: what the kernel holds does not outlive one.
    pub boots: u32,
}

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It fails, and has changed nothing.
    Fails,
    /// It fails, and has done its work all the same.
    FailsLate,
    /// It says that it worked, and has changed nothing.
    Lies,
}

/// A claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The highest token so far.
    pub token: u64,
    /// The run that holds it; empty when it is free.
    pub run: String,
    /// Who runs that.
    pub owner: String,
}

/// A receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// How it ended, when it did.
    pub exit: Option<i32>,
    /// What it printed.
    pub output: String,
}

impl Store {
    /// The claim on an object; that of nobody when there is none.
    #[must_use]
    pub fn claim(&self, object: &str) -> Claim {
        self.claims.get(object).cloned().unwrap_or_default()
    }

    /// Keeps a claim; `false` when the disk is full.
    pub fn take(&mut self, object: &str, token: u64, run: &str, owner: &str) -> bool {
        if self.full {
            return false;
        }
        let claim = Claim {
            token,
            run: run.to_owned(),
            owner: owner.to_owned(),
        };
        self.claims.insert(object.to_owned(), claim);
        true
    }
}
