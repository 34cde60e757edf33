//! Parameters and steps: words become what they stand for.

use super::{Wish, scope::Scope};
use crate::{
    fleet::{Fleet, Selector, instead},
    runbook::{
        check::Refusal,
        definition::{About, Call, Definition, Parameter, Step, ValueKind},
        template::{self, Unusable, Words},
    },
};
use minijinja::Value;
use std::collections::{BTreeMap, BTreeSet};

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
    if !parameter.one_of.is_empty() && !parameter.one_of.iter().any(|word| word == value) {
        let words = parameter.one_of.iter().map(String::as_str);
        return Some((format!("{value:?} is none of its words"), instead(value, words)));
    }
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
        ValueKind::Hosts => {
            let error = Selector::parse(value)
                .and_then(|selector| selector.select(fleet))
                .err()?;
            Some((error.message, error.hint.unwrap_or_else(|| parameter.about.clone())))
        }
        ValueKind::Number if value.parse::<u64>().is_err() => simply("is no whole number"),
        ValueKind::Name if !is_name(value) => simply("is no name: letters, digits and @._:/-, and no - first"),
        ValueKind::Text if value.chars().any(char::is_control) => simply("holds control characters"),
        _ => None,
    }
}

/// Whether it can be a word of a command wherever it stands.
fn is_name(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._:/-".contains(c);
    !value.is_empty() && !value.starts_with('-') && value.chars().all(plain)
}

/// All parameters: as given, or by default.
///
/// # Errors
/// A default that cannot be worked out.
pub fn defaults(wish: &Wish, first: &BTreeMap<&'static str, String>) -> Result<BTreeMap<String, String>, String> {
    let found = words(first, &BTreeMap::new(), &wish.definition);
    let mut values = wish.parameters.clone();
    for (name, parameter) in &wish.definition.parameters {
        if let (None, Some(default)) = (values.get(name), &parameter.default) {
            let value = template::fill(default, &found).map_err(|why| format!("{name}: {}", why.says))?;
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}

/// What words stand for: what the plan found goes before parameters of the same name. Numbers are numbers, so that
/// conditions can compare them.
fn words(
    found: &BTreeMap<&'static str, String>,
    parameters: &BTreeMap<String, String>,
    definition: &Definition,
) -> Words {
    let value = |name: &str, text: &str| {
        let kind = definition.parameters.get(name).map(|parameter| parameter.kind);
        match (kind, text.parse::<u64>()) {
            (Some(ValueKind::Number | ValueKind::Seconds), Ok(number)) => Value::from(number),
            _ => Value::from(text),
        }
    };
    let given = parameters.iter().map(|(name, text)| (name.clone(), value(name, text)));
    let found = found
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Value::from(text.as_str())));
    given.chain(found).collect()
}

/// The calls of the whole plan in order: steps that speak of what it is about are repeated for each, a run of them
/// together.
///
/// # Errors
/// A word that stands for nothing, or a mistake in a template.
pub fn calls(scope: &Scope<'_>) -> Result<Vec<(Call, String)>, String> {
    let definition = &scope.wish.definition;
    let steps = &definition.steps;
    let own = definition.about.words();
    let mut speaks = Vec::new();
    for step in steps {
        let named = named(step).map_err(|why| why.says)?;
        speaks.push(named.iter().any(|word| own.contains(&word.as_str())));
    }
    let rows = scope.subject.words();
    let mut out = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        let repeated = speaks[at];
        let end = (at..steps.len())
            .find(|next| speaks[*next] != repeated)
            .unwrap_or(steps.len());
        let rows = if repeated {
            &rows[..]
        } else {
            rows.get(..1).unwrap_or_default()
        };
        for found in rows {
            let words = words(found, &scope.parameters, definition);
            for step in &steps[at..end] {
                let fill = |text: &str| template::fill(text, &words).map_err(|why| why.says);
                let wanted = step
                    .when
                    .as_deref()
                    .map_or(Ok(true), |when| template::holds(when, &words));
                if !wanted.map_err(|why| why.says)? {
                    continue;
                }
                let mut with = BTreeMap::new();
                for (name, text) in &step.with {
                    with.insert(name.clone(), fill(text)?);
                }
                let call = Call {
                    action: step.action.clone(),
                    with,
                };
                out.push((call, fill(&step.why)?));
            }
        }
        at = end;
    }
    Ok(out)
}

/// Words that a step's arguments and its condition name.
fn named(step: &Step) -> Result<BTreeSet<String>, Unusable> {
    let mut words = BTreeSet::new();
    for text in step.with.values() {
        words.extend(template::words(text)?);
    }
    if let Some(when) = &step.when {
        words.extend(template::words_of_condition(when)?);
    }
    Ok(words)
}

/// What is wrong with a definition, whatever the fleet: actions, arguments, checks and words that do not exist.
#[must_use]
pub fn flaws(definition: &Definition) -> Vec<String> {
    use crate::runbook::{action, check};
    let own = definition.about.words();
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
        let why = template::words(&step.why);
        match named(step).and_then(|words| Ok((words, why?))) {
            Ok((words, why)) => {
                for word in words.iter().chain(&why) {
                    if !own.contains(&word.as_str()) && !definition.parameters.contains_key(word) {
                        flaws.push(format!("step {at}: {{{{ {word} }}}} stands for nothing"));
                    }
                }
            }
            Err(why) => flaws.push(format!("step {at}: {}", why.says)),
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
    for (name, parameter) in &definition.parameters {
        let words = parameter
            .default
            .as_deref()
            .map_or(Ok(BTreeSet::new()), template::words);
        match words {
            Ok(words) => {
                for word in words.iter().filter(|word| !own.contains(&word.as_str())) {
                    flaws.push(format!("parameter {name}: {{{{ {word} }}}} stands for nothing"));
                }
            }
            Err(why) => flaws.push(format!("parameter {name}: {}", why.says)),
        }
    }
    let kinds: &[ValueKind] = match definition.about {
        About::Slices => &[ValueKind::Slice, ValueKind::Slices],
        About::Hosts => &[ValueKind::Hosts],
        About::Array => &[ValueKind::Host],
    };
    if definition.about == About::Array && !definition.parameters.contains_key("array") {
        flaws.push("no parameter of it is called array".to_owned());
    }
    if !definition
        .parameters
        .values()
        .any(|parameter| kinds.contains(&parameter.kind))
    {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        flaws.push(format!("no parameter of it is of the kind {}", kinds.join(" or ")));
    }
    flaws
}
