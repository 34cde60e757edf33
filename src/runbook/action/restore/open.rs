//! Gives what was restored the slice's address: from then on it is the slice. What clients write there is nowhere else, so
//! nothing takes this back.

use super::{Found, KINDS};
use crate::runbook::{
    action::{
        Action, Argument, Given, HOST, Tool,
        copy::{ADDRESS_TOOLS, opening},
    },
    definition::Kind,
    operation::Operation,
};

/// `restore-open`.
#[derive(Debug)]
pub struct RestoreOpen;

impl Action for RestoreOpen {
    fn name(&self) -> &'static str {
        "restore-open"
    }

    fn about(&self) -> &'static str {
        "give what was restored the lost slice's service address and announce that: from then on it is the slice"
    }

    fn kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        ADDRESS_TOOLS
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let layout = found.layout;
        opening("what was restored", &layout.slice, &layout.into, &layout.to, found.new)
    }
}
