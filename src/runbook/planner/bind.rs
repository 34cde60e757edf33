//! Parameters and steps: words in braces become what they stand for.

use super::{
    Wish,
    scope::{Move, Scope},
};
use crate::{
    fleet::{Fleet, instead},
    runbook::{
        check::Refusal,
        definition::{Call, Definition, Parameter, ValueKind},
    },
};
use std::collections::BTreeMap;

/// What a plan finds by itself, besides the parameters.
pub const FOUND: [&str; 6] = ["slice", "from", "to", "other", "preferred", "survivor"];

/// Parameters that are missing, unknown or of the wrong kind.
pub fn misfits(fleet: &Fleet, wish: &Wish) -> Vec<Refusal> {
    let definition = &wish.definition;
    let mut refusals = Vec::new();
    let names = || {
        let names: Vec<&str> = definition.parameters.keys().map(String::as_str).collect();
        names.join(", ")
    };
    for name in wish.parameters.keys() {
        if !definition.parameters.contains_key(name) {
            refusals.push(Refusal::new(
                format!("{} takes no parameter {name}", definition.name),
                format!("it takes {}", names()),
            ));
        }
    }
    for (name, parameter) in &definition.parameters {
        let Some(value) = wish.parameters.get(name) else {
            if parameter.default.is_none() {
                refusals.push(Refusal::new(
                    format!("{} needs {name}: {}", definition.name, parameter.about),
                    format!("give {name}=…"),
                ));
            }
            continue;
        };
        if let Some((wrong, lift)) = misfit(fleet, parameter, value) {
            refusals.push(Refusal::new(format!("{name}: {wrong}"), lift));
        }
    }
    refusals
}

/// What is wrong with a value, and what would be right.
fn misfit(fleet: &Fleet, parameter: &Parameter, value: &str) -> Option<(String, String)> {
    let slices = || fleet.slices().map(|(_, slice)| slice.name.as_str());
    let simply = |wrong: &str| Some((format!("{value:?} {wrong}"), parameter.about.clone()));
    match parameter.kind {
        ValueKind::Host if fleet.host(value).is_none() => {
            let hosts = fleet.hosts.iter().map(|host| host.name.as_str());
            let wrong = format!("{value:?} is no host of the inventory");
            Some((wrong, instead(value, hosts)))
        }
        ValueKind::Slice if fleet.slice(value).is_none() => {
            let wrong = format!("{value:?} is no slice of the inventory");
            Some((wrong, instead(value, slices())))
        }
        ValueKind::Slices if value != "all" => {
            let mut parts = value.split(',').map(str::trim);
            let wrong = parts.find(|part| fleet.slice(part).is_none())?;
            let text = format!("{wrong:?} is no slice of the inventory");
            Some((text, instead(wrong, slices())))
        }
        ValueKind::Seconds if value.parse::<u64>().map_or(true, |seconds| seconds > 86_400) => {
            simply("is no number of seconds up to a day")
        }
        ValueKind::Text if value.chars().any(char::is_control) => simply("holds control characters"),
        _ => None,
    }
}

/// All parameters: as given, or by default.
pub fn defaults(wish: &Wish, first: &Move) -> BTreeMap<String, String> {
    let mut values = wish.parameters.clone();
    for (name, parameter) in &wish.definition.parameters {
        if let (None, Some(default)) = (values.get(name), &parameter.default) {
            values.insert(
                name.clone(),
                fill(default, &found(first), &BTreeMap::new()).unwrap_or_default(),
            );
        }
    }
    values
}

/// What the plan found of a slice, by the words that stand for it.
fn found(moved: &Move) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("slice", moved.slice.to_string()),
        ("from", moved.from.to_string()),
        ("to", moved.to.to_string()),
        ("other", moved.to.to_string()),
        ("preferred", moved.preferred.to_string()),
        ("survivor", moved.to.to_string()),
    ])
}

/// The calls of the whole plan in order: steps that speak of a slice are repeated for each, a run of them together.
///
/// # Errors
/// A word in braces that stands for nothing.
pub fn calls(scope: &Scope<'_>) -> Result<Vec<(Call, String)>, String> {
    let steps = &scope.wish.definition.steps;
    let of_slice = |at: usize| names(&steps[at].with).any(|word| FOUND.contains(&word));
    let mut out = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        let repeated = of_slice(at);
        let end = (at..steps.len())
            .find(|next| of_slice(*next) != repeated)
            .unwrap_or(steps.len());
        let moves: &[Move] = if repeated { &scope.moves } else { &scope.moves[..1] };
        for moved in moves {
            let found = found(moved);
            for step in &steps[at..end] {
                let mut with = BTreeMap::new();
                for (name, text) in &step.with {
                    with.insert(name.clone(), fill(text, &found, &scope.parameters)?);
                }
                let call = Call {
                    action: step.action.clone(),
                    with,
                };
                out.push((call, fill(&step.why, &found, &scope.parameters)?));
            }
        }
        at = end;
    }
    Ok(out)
}

/// Puts values in the places of words in braces; what the plan found goes before parameters of the same name.
fn fill(
    text: &str,
    found: &BTreeMap<&'static str, String>,
    parameters: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (word, after) = behind
            .split_once('}')
            .ok_or_else(|| format!("{text:?} has a brace that is not closed"))?;
        let value = found.get(word).or_else(|| parameters.get(word));
        out.push_str(before);
        out.push_str(value.ok_or_else(|| format!("{{{word}}} stands for nothing"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Words in braces among arguments.
pub fn names(with: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    with.values().flat_map(|text| {
        text.split('{')
            .skip(1)
            .filter_map(|part| part.split_once('}').map(|(word, _)| word))
    })
}

/// What is wrong with a definition, whatever the fleet: actions, arguments, checks and words that do not exist.
#[must_use]
pub fn flaws(definition: &Definition) -> Vec<String> {
    use crate::runbook::{action, check};
    let mut flaws = Vec::new();
    for (at, step) in definition.steps.iter().enumerate() {
        let at = at + 1;
        let Some(action) = action::find(&step.action) else {
            flaws.push(format!("step {at}: there is no action {}", step.action));
            continue;
        };
        if !action.kinds().contains(&definition.kind) {
            flaws.push(format!(
                "step {at}: {} does not belong into a runbook of this kind",
                step.action
            ));
        }
        for argument in action.arguments() {
            if !argument.optional && !step.with.contains_key(argument.name) {
                flaws.push(format!(
                    "step {at}: {} needs {}: {}",
                    step.action, argument.name, argument.about
                ));
            }
        }
        for name in step.with.keys() {
            if !action.arguments().iter().any(|argument| argument.name == name) {
                flaws.push(format!("step {at}: {} takes no {name}", step.action));
            }
        }
        for word in names(&step.with) {
            if !FOUND.contains(&word) && !definition.parameters.contains_key(word) {
                flaws.push(format!("step {at}: {{{word}}} stands for nothing"));
            }
        }
    }
    for name in &definition.checks {
        if check::find(name).is_none() {
            flaws.push(format!("there is no check {name}"));
        }
    }
    if definition.steps.is_empty() {
        flaws.push("it has no steps".to_owned());
    }
    let about_slices = definition
        .parameters
        .values()
        .any(|parameter| matches!(parameter.kind, ValueKind::Slice | ValueKind::Slices));
    if !about_slices {
        flaws.push("no parameter of it is a slice or slices".to_owned());
    }
    flaws
}
