//! What a plan is about, one file a kind: how it is found, which words it fills in, and what the plan rests on.

mod array;
mod backup;
mod clients;
mod database;
mod galera;
mod hosts;
mod layout;
mod migration;
mod pool;
mod restore;
mod slices;

pub use layout::{dialect_look, side as side_of};
pub use slices::Move;

use super::Wish;
use crate::{
    fleet::{Fleet, Host, HostName, as_file_name as safe},
    runbook::{
        check::{Refusal, Report},
        definition::{About, ValueKind},
        plan::{ArrayLayout, BackupLayout, Layouts, MigrationLayout, PoolLayout, RestoreLayout},
        sight::{Look, Sight},
    },
};
use std::{collections::BTreeMap, fmt};

/// What a plan is about: some things of one kind, as far as they were found.
pub trait Subject: fmt::Debug + Send + Sync {
    /// What words stand for, of each of them in the order in which they are dealt with ([`About::words`]).
    fn words(&self) -> Vec<BTreeMap<&'static str, String>>;

    /// Takes the parameters, with their defaults, into account.
    ///
    /// # Errors
    /// Parameters that do not fit what was found.
    fn aim(&mut self, parameters: &BTreeMap<String, String>) -> Result<(), Vec<Refusal>> {
        let _ = parameters;
        Ok(())
    }

    /// What every plan about them looks at.
    fn looks(&self) -> Vec<Look>;

    /// The hosts that may be changed.
    fn hosts(&self) -> Vec<HostName>;

    /// The other way in which it may turn out once it was looked at, where there is one.
    fn turned(&self) -> Option<Box<dyn Subject>> {
        None
    }

    /// What is not known well enough, and what to know about how it was found.
    fn say(&self, report: &mut Report) {
        let _ = report;
    }

    /// What was found.
    fn layouts(&self) -> Layouts;

    /// What is claimed on every target, beside the machine itself.
    fn objects(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the plan rests on: facts by name. Counters are left out: they change without meaning anything.
    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String>;

    /// Leaves out those whose [key](About::key) is not wanted.
    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool);

    /// Slices and the sides they move between, where it is about slices.
    fn moves(&self) -> &[Move] {
        &[]
    }

    /// The migrations, where it is about some.
    fn migrations(&self) -> Vec<&MigrationLayout> {
        Vec::new()
    }

    /// The backup, where it is about one and that could be found.
    fn backup(&self) -> Option<&BackupLayout> {
        None
    }

    /// The restore of a slice, where it is about one.
    fn restore(&self) -> Option<&RestoreLayout> {
        None
    }

    /// The array, where it is about one and that could be read.
    fn array(&self) -> Option<&ArrayLayout> {
        None
    }

    /// The pool, where it is about one and that could be read.
    fn pool(&self) -> Option<&PoolLayout> {
        None
    }
}

/// What is asked for, and what was seen.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The inventory.
    pub fleet: &'a Fleet,
    /// The wish.
    pub wish: &'a Wish,
    /// The server that the runbook is about, where it names one.
    pub server: Option<&'a Host>,
    /// What was seen; nothing before the looks were made.
    pub sight: Option<&'a Sight>,
}

impl<'a> Asked<'a> {
    /// The first parameter of that kind.
    #[must_use]
    pub fn parameter(&self, kind: ValueKind) -> Option<&'a str> {
        let mut named = self.wish.definition.parameters.iter().filter(|(_, it)| it.kind == kind);
        named.next().map(|(name, _)| name.as_str())
    }

    /// The value that was given for a parameter.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.wish.parameters.get(name).map(String::as_str)
    }
}

/// Finds what the runbook is about.
///
/// # Errors
/// Parameters that name nothing that it could be about.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    match asked.wish.definition.about {
        About::Slices => slices::find(asked),
        About::Hosts => hosts::find(asked),
        About::Array => array::find(asked),
        About::Pool => pool::find(asked),
        About::Database => database::find(asked),
        About::Galera => galera::find(asked),
        About::Clients => clients::find(asked),
        About::Migration => migration::find(asked),
        About::Backup => backup::find(asked),
        About::Restore => restore::find(asked),
    }
}
