//! The name that consent to a plan is typed with, and what it is the name of.

use super::offers::Asked;
use crate::runbook::definition::{Definition, ValueKind};
use std::collections::BTreeMap;

/// Kinds of parameters that can name what a plan is about, the most telling first.
const KINDS: [ValueKind; 6] = [
    ValueKind::Slice,
    ValueKind::Segment,
    ValueKind::Database,
    ValueKind::Host,
    ValueKind::Hosts,
    ValueKind::Slices,
];

/// The name that consent to a plan with these parameters is typed with; the runbook's own where none of them names
/// anything. Never empty: an Enter alone is no consent.
#[must_use]
pub fn word(definition: &Definition, parameters: &BTreeMap<String, String>) -> String {
    let main = |kind: ValueKind| {
        let mut named = definition.parameters.iter().filter(move |(_, it)| it.kind == kind);
        named.find_map(|(name, _)| parameters.get(name).filter(|value| !value.trim().is_empty()))
    };
    let found = KINDS.into_iter().find_map(main);
    found.map_or(definition.name.as_str(), String::as_str).trim().to_owned()
}

/// What the name that consent is typed with is: `the slice's name`, `the selector`.
#[must_use]
pub fn noun(definition: Option<&Definition>, asked: &Asked) -> &'static str {
    let word = asked.word.as_str();
    let parameters = definition.map(|definition| &definition.parameters);
    let named = KINDS.into_iter().find_map(|kind| {
        let mut found = parameters?.iter().filter(|(_, parameter)| parameter.kind == kind);
        found.find_map(|(name, _)| (asked.parameters.get(name)? == word).then_some((kind, name.as_str())))
    });
    let is_selector = word.contains(['=', '*', '?', ',', '!']);
    match named {
        Some((ValueKind::Segment, _)) => "the segment's name",
        Some((ValueKind::Database, _)) => "the database's name",
        Some((ValueKind::Hosts | ValueKind::Slices, _)) if is_selector => "the selector",
        Some((ValueKind::Slice | ValueKind::Slices, _)) => "the slice's name",
        Some((_, "server")) => "the server's name",
        Some(_) => "the host's name",
        None if word == asked.runbook => "the runbook's name",
        // The hosts of a segment are selected by its name.
        None if asked
            .parameters
            .values()
            .any(|value| value.strip_prefix("segment=") == Some(word)) =>
        {
            "the segment's name"
        }
        None => "the name",
    }
}
