//! Custom probes: the value found in a command's output.

use super::{reading::Reading, text::CleanText};
use serde::Serialize;

/// The newest result of one custom probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeReading {
    /// The probe's name.
    pub name: String,
    /// What was found.
    pub value: Reading<ProbeValue>,
}

/// The value of a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ProbeValue {
    /// A number.
    Number(f64),
    /// A word.
    Word(CleanText),
}
