//! Parameters and steps: words become what they stand for.

use super::{
    Wish,
    batches::batches,
    flaws::{LONGEST_REST_S, MOST_TRIES},
    scope::Scope,
};
use crate::{
    fleet::{Fleet, HostName, Selector, bad_name, instead},
    remote::quote::join,
    runbook::{
        action::Takes,
        check::Refusal,
        definition::{About, Call, Definition, Parameter, Rolling, Step, ValueKind, Written},
        plan::{self, Row},
        sight::Shown,
        template::{self, Unusable, Words},
    },
};
use minijinja::{Value, value::Serde};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Parameters that are missing, unknown or of the wrong kind.
pub fn misfits(fleet: &Fleet, wish: &Wish) -> Vec<Refusal> {
    let definition = &wish.definition;
    let mut refusals = Vec::new();
    for name in wish.parameters.keys() {
        if !definition.parameters.contains_key(name) {
            refusals.push(Refusal::new(
                format!("{} takes no parameter {name}", definition.name),
                instead(name, definition.parameters.keys().map(String::as_str)),
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
        let is_database = || fleet.topologies.iter().any(|topology| topology.name.as_str() == *value);
        if definition.about == About::Restore && parameter.kind == ValueKind::Slice && is_database() {
            refusals.push(Refusal::new(
                format!("{name}: {value} is a database, which no runbook restores"),
                "restore it by hand: docs/backup.md says how",
            ));
            continue;
        }
        if let Some((wrong, lift)) = misfit(fleet, parameter, value) {
            refusals.push(Refusal::new(format!("{name}: {wrong}"), lift));
        }
    }
    refusals
}

/// What is wrong with a value, and what would be right.
fn misfit(fleet: &Fleet, parameter: &Parameter, value: &str) -> Option<(String, String)> {
    let slices = || fleet.slices().map(|(_, slice)| slice.name.as_str());
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
        ValueKind::Database if fleet.topologies.iter().all(|topology| topology.name.as_str() != value) => {
            let names = fleet.topologies.iter().map(|topology| topology.name.as_str());
            let wrong = format!("{value:?} is no topology of the inventory");
            Some((wrong, instead(value, names)))
        }
        ValueKind::Segment if fleet.segments.iter().all(|segment| segment.name.as_str() != value) => {
            let names = fleet.segments.iter().map(|segment| segment.name.as_str());
            let wrong = format!("{value:?} is no segment of the inventory");
            Some((wrong, instead(value, names)))
        }
        ValueKind::Hosts => {
            let error = Selector::parse(value)
                .and_then(|selector| selector.select(fleet))
                .err()?;
            Some((error.message, error.hint.unwrap_or_else(|| parameter.about.clone())))
        }
        ValueKind::Seconds | ValueKind::Number | ValueKind::Name | ValueKind::Text => {
            let (wrong, right) = amiss(parameter.kind, value)?;
            let about = if parameter.about.is_empty() {
                right
            } else {
                parameter.about.clone()
            };
            Some((wrong, about))
        }
        _ => None,
    }
}

/// What is wrong with a value of that kind, and what would be right, whatever the fleet.
pub fn amiss(kind: ValueKind, value: &str) -> Option<(String, String)> {
    let of = |takes: Takes| takes.read(value).err().map(|wrong| (wrong.says, wrong.hint));
    let unless =
        |good: bool, wrong: &str, right: &str| (!good).then(|| (format!("{value:?} {wrong}"), right.to_owned()));
    match kind {
        ValueKind::Seconds => of(Takes::Seconds),
        ValueKind::Number => of(Takes::Number),
        ValueKind::Name => unless(
            is_name(value),
            "is no name: letters, digits and @._:/-, and no - first",
            "one word, as its host names it",
        ),
        ValueKind::Text => unless(
            !value.chars().any(char::is_control),
            "holds control characters",
            "text of one line",
        ),
        ValueKind::Slices => unless(
            value.split(',').all(|part| bad_name(part.trim()).is_none()),
            "names no slices",
            "slices with commas between them, or all",
        ),
        ValueKind::Hosts => {
            let error = Selector::parse(value).err()?;
            let usual = || "names with wildcards, or a selector such as role=storage,site=lax".to_owned();
            Some((error.message, error.hint.unwrap_or_else(usual)))
        }
        ValueKind::Host | ValueKind::Slice | ValueKind::Database | ValueKind::Segment => {
            unless(bad_name(value).is_none(), "cannot be a name", "a name of the inventory")
        }
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
    let found = words(first, &BTreeMap::new(), &wish.definition, None);
    let mut values = wish.parameters.clone();
    for (name, parameter) in &wish.definition.parameters {
        if let (None, Some(default)) = (values.get(name), &parameter.default) {
            let value = template::fill(default, &found).map_err(|why| format!("{name}: {}", why.says))?;
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}

/// The word that stands for what the console shows: `facts[host].load`.
pub const FACTS: &str = "facts";

/// What words stand for: what the plan found goes before parameters of the same name. Numbers are numbers, so that
/// conditions can compare them.
fn words(
    found: &BTreeMap<&'static str, String>,
    parameters: &BTreeMap<String, String>,
    definition: &Definition,
    facts: Option<&Value>,
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
    let facts = facts.map(|facts| (FACTS.to_owned(), facts.clone()));
    given.chain(found).chain(facts).collect()
}

/// Whether a runbook asks for what the console shows.
pub fn asks_facts(definition: &Definition) -> bool {
    definition.steps.iter().any(names_facts)
}

fn names_facts(step: &Step) -> bool {
    let names = |words: Result<BTreeSet<String>, Unusable>| words.is_ok_and(|words| words.contains(FACTS));
    names(named_by(step)) || names(template::words(&step.why))
}

/// The hosts whose facts a runbook may ask for: those that it may change, and those that a parameter names.
pub fn hosts_of_facts(scope: &Scope<'_>) -> BTreeSet<HostName> {
    let mut hosts: BTreeSet<HostName> = scope.subject.hosts().into_iter().collect();
    for (name, parameter) in &scope.wish.definition.parameters {
        let Some(value) = scope.parameters.get(name) else {
            continue;
        };
        let selects = matches!(parameter.kind, ValueKind::Host | ValueKind::Hosts);
        let selected = Selector::parse(value).and_then(|selector| selector.select(scope.fleet));
        for at in selected.ok().filter(|_| selects).into_iter().flatten() {
            hosts.insert(scope.fleet.hosts[at].name.clone());
        }
    }
    hosts
}

/// The calls of the whole plan.
#[derive(Debug, Default)]
pub struct Bound {
    /// In order, each with why it is made.
    pub calls: Vec<(Call, String)>,
    /// Steps that what the console shows left out, in words.
    pub left_out: Vec<String>,
    /// Which of them belong together, where the plan goes over hosts that may fail.
    pub rolling: Option<plan::Rolling>,
}

/// Why there are no calls.
#[derive(Debug)]
pub struct Unbound {
    /// What stands for nothing, or is a mistake.
    pub says: String,
    /// Whether it names what the console shows: that may be known at another time.
    pub of_facts: bool,
}

/// The calls of the whole plan in order: steps that speak of what it is about are repeated for each, a run of them
/// together. `shown` is what the console shows.
///
/// # Errors
/// A word that stands for nothing, or a mistake in a template.
pub fn calls(scope: &Scope<'_>, shown: &Shown) -> Result<Bound, Unbound> {
    match &scope.wish.definition.rolling {
        Some(rolling) => rolled(scope, rolling, shown),
        None => repeated(scope, shown),
    }
}

/// The calls of a plan that goes over hosts, a batch at a time: each step for every host of a batch before the next one. Slices
/// that move go one after the other: two at once would be each other's load.
fn rolled(scope: &Scope<'_>, rolling: &Rolling, shown: &Shown) -> Result<Bound, Unbound> {
    let definition = &scope.wish.definition;
    let facts = Value::from(Serde(shown));
    let plain = words(&BTreeMap::new(), &scope.parameters, definition, None);
    let amiss = |says: String| Unbound { says, of_facts: false };
    let number = |name: &str, written: &Written| {
        let text = template::fill(&written.to_string(), &plain).map_err(|why| amiss(why.says))?;
        let number = text.trim().parse::<usize>();
        number.map_err(|_| amiss(format!("{name}: {text:?} is no whole number")))
    };
    let size = number("batch", &rolling.batch)?;
    if size == 0 {
        return Err(amiss("batch: hosts cannot go none at a time".to_owned()));
    }
    let rows = scope.subject.words();
    let key = definition.about.key();
    let awaited = definition.about == About::Migration;
    let first = number("canary", &rolling.canary)?.min(rows.len());
    let batches: Vec<Vec<String>> = if awaited {
        rows.iter().map(|row| vec![row[key].clone()]).collect()
    } else {
        let hosts: Vec<HostName> = rows.iter().map(|row| HostName::new(row[key].as_str())).collect();
        let batches = batches(scope.fleet, &hosts, first, size, &rolling.apart).into_iter();
        batches
            .map(|batch| batch.iter().map(HostName::to_string).collect())
            .collect()
    };
    let mut out = Bound::default();
    let mut made: Vec<Row> = Vec::new();
    for (batch, members) in batches.into_iter().enumerate() {
        let begin = made.len();
        made.extend(members.iter().map(|name| Row {
            name: name.clone(),
            canary: batch < first,
            batch,
            steps: Vec::new(),
        }));
        for step in &definition.steps {
            for (row, name) in members.iter().enumerate() {
                let Some(found) = rows.iter().find(|row| row[key] == *name) else {
                    continue;
                };
                let mut found = found.clone();
                found.insert("first", if batch < first { "yes" } else { "" }.to_owned());
                let words = words(&found, &scope.parameters, definition, Some(&facts));
                let before = out.calls.len();
                out.take(step, &words, Some(name))?;
                made[begin + row].steps.extend(before..out.calls.len());
            }
        }
    }
    out.rolling = Some(plan::Rolling {
        rows: made,
        failures: number("failures", &rolling.failures)?,
        awaited,
    });
    Ok(out)
}

/// How often the plan is tried by itself that was out of time.
///
/// # Errors
/// What is no number.
pub fn again(scope: &Scope<'_>) -> Result<Option<plan::Again>, Unbound> {
    let Some(again) = &scope.wish.definition.again else {
        return Ok(None);
    };
    let plain = words(&BTreeMap::new(), &scope.parameters, &scope.wish.definition, None);
    let amiss = |says: String| Unbound { says, of_facts: false };
    let number = |name: &str, written: &Written, most: u64| {
        let text = template::fill(&written.to_string(), &plain).map_err(|why| amiss(why.says))?;
        let number = text.trim().parse::<u64>().ok().filter(|number| *number <= most);
        number.ok_or_else(|| amiss(format!("{name}: {text:?} is no whole number up to {most}")))
    };
    let tries = number("tries", &again.tries, MOST_TRIES)?;
    Ok(Some(plan::Again {
        tries: u32::try_from(tries).unwrap_or(u32::MAX).max(1),
        rest: Duration::from_secs(number("rest", &again.rest, LONGEST_REST_S)?),
    }))
}

impl Bound {
    /// Adds the call of a step, unless its condition does not hold; `of` names the thing that it is for.
    fn take(&mut self, step: &Step, words: &Words, of: Option<&str>) -> Result<(), Unbound> {
        if let Some(when) = &step.when
            && !template::holds(when, words).map_err(|why| unbound(step, why.says))?
        {
            if template::words_of_condition(when).is_ok_and(|words| words.contains(FACTS)) {
                let of = of.map(|of| format!(" for {of}")).unwrap_or_default();
                self.left_out
                    .push(format!("{} is left out{of}: {when} does not hold now", step.action));
            }
            return Ok(());
        }
        self.calls.push(call(step, words).map_err(|why| unbound(step, why))?);
        Ok(())
    }
}

fn repeated(scope: &Scope<'_>, shown: &Shown) -> Result<Bound, Unbound> {
    let definition = &scope.wish.definition;
    let steps = &definition.steps;
    let (own, shared) = (definition.about.words(), definition.about.shared_words());
    let mut speaks = Vec::new();
    for step in steps {
        let named = named_by(step).map_err(|why| unbound(step, why.says))?;
        let of_one = |word: &String| own.contains(&word.as_str()) && !shared.contains(&word.as_str());
        speaks.push(named.iter().any(of_one));
    }
    let facts = Value::from(Serde(shown));
    let rows = scope.subject.words();
    let mut out = Bound::default();
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
            let words = words(found, &scope.parameters, definition, Some(&facts));
            for step in &steps[at..end] {
                let key = found.get(definition.about.key()).filter(|_| repeated);
                out.take(step, &words, key.map(String::as_str))?;
            }
        }
        at = end;
    }
    Ok(out)
}

/// What an argument of that action's steps may come to, as far as that can be told before anything was looked at: also of steps
/// that may be left out, for what their conditions name may not be known yet.
pub fn foreseen(scope: &Scope<'_>, action: &str, argument: &str, takes: Takes) -> BTreeSet<String> {
    let definition = &scope.wish.definition;
    let mut out = BTreeSet::new();
    for found in &scope.subject.words() {
        let words = words(found, &scope.parameters, definition, None);
        for step in definition.steps.iter().filter(|step| step.action == action) {
            if let Some(Written::Text(text)) = step.with.get(argument) {
                let come_to = template::fill(text, &words).ok();
                out.extend(come_to.filter(|value| takes.read(value).is_ok()));
            }
        }
    }
    out
}

/// A step with its words filled in, and why it is made.
fn call(step: &Step, words: &Words) -> Result<(Call, String), String> {
    let fill = |text: &str| template::fill(text, words).map_err(|why| why.says);
    let mut with = BTreeMap::new();
    for (name, written) in &step.with {
        let value = match written {
            Written::Text(text) => fill(text)?,
            Written::Words(words) => {
                let words: Vec<String> = words.iter().map(|word| fill(word)).collect::<Result<_, _>>()?;
                join(&words).map_err(|why| format!("{} of {}: {why}", name, step.action))?
            }
        };
        with.insert(name.clone(), value);
    }
    let call = Call {
        action: step.action.clone(),
        with,
    };
    Ok((call, fill(&step.why)?))
}

fn unbound(step: &Step, says: String) -> Unbound {
    Unbound {
        says,
        of_facts: names_facts(step),
    }
}

/// Words that a step's arguments and its condition name.
pub fn named<'a>(with: impl Iterator<Item = &'a Written>, when: Option<&str>) -> Result<BTreeSet<String>, Unusable> {
    let mut words = BTreeSet::new();
    for text in with.flat_map(Written::templates) {
        words.extend(template::words(text)?);
    }
    if let Some(when) = when {
        words.extend(template::words_of_condition(when)?);
    }
    Ok(words)
}

fn named_by(step: &Step) -> Result<BTreeSet<String>, Unusable> {
    named(step.with.values(), step.when.as_deref())
}
