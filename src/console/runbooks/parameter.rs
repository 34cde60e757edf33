//! A parameter of a runbook while it is typed: what it means, and what it can be by what was collected last.

use super::arrays;
use crate::{
    collect::FleetView,
    runbook::{
        definition::{Definition, ValueKind},
        planner::catalogue::Library,
    },
};

/// A line `plan RUNBOOK NAME=VALUE …` with its cursor behind the runbook's name.
struct Typed<'a> {
    definition: &'a Definition,
    /// The line up to the word at the cursor.
    head: &'a str,
    /// The part of that word before the cursor.
    word: &'a str,
}

impl<'a> Typed<'a> {
    fn of(library: &'a Library, before: &'a str) -> Option<Self> {
        let (runbook, _) = before.strip_prefix("plan ")?.trim_start().split_once(' ')?;
        let definition = library.find(runbook)?;
        let (head, word) = before.split_at(before.rfind(' ')? + 1);
        Some(Self { definition, head, word })
    }

    /// What is given for a parameter elsewhere on the line.
    fn given(&self, name: &str, after: &'a str) -> Option<&'a str> {
        let mut words = self.head.split(' ').chain(after.split(' '));
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What is to be told of the parameter at the cursor: what it means; or which there are.
#[must_use]
pub fn told(library: &Library, before: &str) -> Option<String> {
    let typed = Typed::of(library, before)?;
    let parameters = &typed.definition.parameters;
    let Some((name, _)) = typed.word.split_once('=') else {
        let names = parameters.iter().map(|(name, parameter)| match &parameter.default {
            Some(default) => format!("{name} ({default} if not given)"),
            None => name.clone(),
        });
        return Some(format!("it is told: {}", names.collect::<Vec<_>>().join(", ")));
    };
    let Some(parameter) = parameters.get(name) else {
        let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
        return Some(format!(
            "{} is not told {name}, but {}",
            typed.definition.name,
            names.join(", ")
        ));
    };
    let (kind, about) = (parameter.kind.word(), &parameter.about);
    Some(match &parameter.default {
        Some(default) => format!("{name} ({kind}, {default} if not given): {about}"),
        None => format!("{name} ({kind}): {about}"),
    })
}

/// The line with each value that the parameter at the cursor can have and that begins as typed; `None` where the line
/// plans nothing yet.
#[must_use]
pub fn values(view: &FleetView, library: &Library, before: &str, after: &str) -> Option<Vec<String>> {
    let typed = Typed::of(library, before)?;
    let (rest, after) = after.split_at(after.find(' ').unwrap_or(after.len()));
    let Some((name, value)) = typed.word.split_once('=') else {
        return Some(Vec::new());
    };
    // A value is completed at its end.
    if !rest.is_empty() {
        return Some(Vec::new());
    }
    let known = known(view, &typed, name, after);
    let fit = known.into_iter().filter(|known| known.starts_with(value));
    Some(
        fit.map(|known| format!("{}{name}={known}{after}", typed.head))
            .collect(),
    )
}

fn known(view: &FleetView, typed: &Typed<'_>, name: &str, after: &str) -> Vec<String> {
    let definition = typed.definition;
    let Some(parameter) = definition.parameters.get(name) else {
        return Vec::new();
    };
    if !parameter.one_of.is_empty() {
        return parameter.one_of.clone();
    }
    let fleet = &view.fleet;
    match parameter.kind {
        ValueKind::Host | ValueKind::Hosts => fleet.hosts.iter().map(|host| host.name.to_string()).collect(),
        ValueKind::Slice | ValueKind::Slices => fleet.slices().map(|(_, slice)| slice.name.to_string()).collect(),
        ValueKind::Segment => fleet.segments.iter().map(|segment| segment.name.to_string()).collect(),
        ValueKind::Database => fleet
            .topologies
            .iter()
            .map(|topology| topology.name.to_string())
            .collect(),
        ValueKind::Name => {
            let host = typed.given("host", after).and_then(|host| view.host(host));
            let group = typed.given("array", after);
            let seen = host.and_then(|host| host.snapshot.as_deref());
            seen.map_or_else(Vec::new, |seen| arrays::candidates(seen, definition.about, group, name))
        }
        ValueKind::Seconds | ValueKind::Number | ValueKind::Text => Vec::new(),
    }
}
