//! A runbook as it is written: parameters, and steps that name typed actions.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which kind of move a runbook is. The two share no dangerous action: an emergency's shortcuts cannot be
/// reached from a planned run, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Both sides are there and take part.
    Planned,
    /// A side is dead or cut off.
    Emergency,
}

/// A runbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name, as given to `--batch run`.
    pub name: String,
    /// One line for the catalogue.
    pub title: String,
    /// Planned or emergency.
    pub kind: Kind,
    /// What it has to be told.
    pub parameters: BTreeMap<String, Parameter>,
    /// What must hold before it is even offered, by name.
    #[serde(default)]
    pub checks: Vec<String>,
    /// What it does, in order. Steps that name `{slice}` are repeated for each slice of the plan.
    pub steps: Vec<Step>,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What kind of value it takes.
    #[serde(rename = "type")]
    pub kind: ValueKind,
    /// The value when none is given; a template over the other parameters.
    #[serde(default)]
    pub default: Option<String>,
    /// What it means.
    #[serde(default)]
    pub about: String,
}

/// What a value has to be. Every value is checked by its kind before it becomes one word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// A host of the inventory.
    Host,
    /// A slice of the inventory.
    Slice,
    /// Slices with commas between them, or `all`.
    Slices,
    /// A number of seconds.
    Seconds,
    /// Free text; shown, never part of a command.
    Text,
}

/// One step as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The action's name.
    #[serde(rename = "do")]
    pub action: String,
    /// Its arguments; words in braces stand for parameters and for what the plan finds (`{slice}`, `{from}`, `{to}`).
    #[serde(default)]
    pub with: BTreeMap<String, String>,
    /// Why it is here, for the person who reads the plan.
    pub why: String,
}

/// An action with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The action's name.
    pub action: String,
    /// Its arguments by name.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
}

impl Call {
    /// A call with these arguments.
    #[must_use]
    pub fn new<'a>(action: &str, with: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self {
            action: action.to_owned(),
            with: with.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}
