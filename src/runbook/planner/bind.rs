//! Parameters and steps: words become what they stand for.

use super::{Wish, batches::batches, scope::Scope};
use crate::{
    fleet::{Flaw, Fleet, HostName, Part, Selector, instead},
    remote::quote::join,
    runbook::{
        action,
        check::{self, Refusal},
        definition::{About, Again, Call, Definition, Parameter, Rolling, Step, ValueKind, Written},
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
const FACTS: &str = "facts";

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
    names(named(step)) || names(template::words(&step.why))
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
    let tries = number("tries", &again.tries, 1000)?;
    Ok(Some(plan::Again {
        tries: u32::try_from(tries).unwrap_or(u32::MAX).max(1),
        rest: Duration::from_secs(number("rest", &again.rest, 604_800)?),
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
        let named = named(step).map_err(|why| unbound(step, why.says))?;
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
fn named(step: &Step) -> Result<BTreeSet<String>, Unusable> {
    let mut words = BTreeSet::new();
    for text in step.with.values().flat_map(Written::templates) {
        words.extend(template::words(text)?);
    }
    if let Some(when) = &step.when {
        words.extend(template::words_of_condition(when)?);
    }
    Ok(words)
}

/// What is wrong with a definition, whatever the fleet: actions, arguments, checks and words that do not exist.
#[must_use]
pub fn flaws(definition: &Definition) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (at, step) in definition.steps.iter().enumerate() {
        let way = vec![Part::Value("steps".to_owned()), Part::Item(at)];
        of_step(definition, step, &way, &mut flaws);
    }
    if let Some(rolling) = &definition.rolling {
        of_rolling(definition, rolling, &mut flaws);
    }
    if let Some(again) = &definition.again {
        of_again(definition, again, &mut flaws);
    }
    for (at, name) in definition.checks.iter().enumerate() {
        if check::find(name).is_none() {
            flaws.push(Flaw {
                at: vec![Part::Value("checks".to_owned()), Part::Item(at)],
                says: format!("there is no check {name}"),
                hint: Some(instead(name, check::ALL.iter().map(|check| check.name()))),
            });
        }
    }
    let top = |key: &str, says: &str, hint: String| Flaw {
        at: vec![Part::Value(key.to_owned())],
        says: says.to_owned(),
        hint: Some(hint),
    };
    if definition.steps.is_empty() {
        flaws.push(top("steps", "it has no steps", "a runbook does something".to_owned()));
    }
    if !is_plain(&definition.name) {
        let hint = "letters, digits and -, a letter first: it is typed on the command line";
        flaws.push(top("name", "this is no name for a runbook", hint.to_owned()));
    }
    for (name, parameter) in &definition.parameters {
        of_parameter(definition, name, parameter, &mut flaws);
    }
    let kinds: &[ValueKind] = match definition.about {
        About::Slices => &[ValueKind::Slice, ValueKind::Slices],
        About::Hosts => &[ValueKind::Hosts],
        About::Array | About::Pool => &[ValueKind::Host],
        About::Database | About::Galera => &[ValueKind::Database, ValueKind::Host],
        About::Clients => &[ValueKind::Slice, ValueKind::Segment],
        About::Migration if definition.rolling.is_some() => &[ValueKind::Hosts],
        About::Migration | About::Restore => &[ValueKind::Slice],
        About::Backup => &[ValueKind::Slice, ValueKind::Database],
    };
    let (named, told): (&[&str], &str) = match definition.about {
        About::Array => (
            &["host", "array"],
            "a runbook about an array is told the array and its host by these names",
        ),
        About::Pool => (
            &["host", "pool"],
            "a runbook about a pool is told the pool and its host by these names",
        ),
        About::Migration if definition.rolling.is_some() => (&[], ""),
        About::Migration => (
            &["slice", "into"],
            "a runbook about a migration is told both filesystems by these names",
        ),
        About::Restore => (
            &["slice", "into", "backup"],
            "a runbook that restores a slice is told both filesystems and the backup by these names",
        ),
        About::Backup => (
            &["backup"],
            "a runbook about a backup is told by that name which one it is",
        ),
        _ => (&[], ""),
    };
    for name in named.iter().filter(|name| !definition.parameters.contains_key(**name)) {
        let says = format!("no parameter of it is called {name}");
        flaws.push(top("parameters", &says, told.to_owned()));
    }
    if !definition
        .parameters
        .values()
        .any(|parameter| kinds.contains(&parameter.kind))
    {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        let says = format!("no parameter of it is of the kind {}", kinds.join(" or "));
        let hint = "a parameter of that kind says what a run is about".to_owned();
        flaws.push(top("parameters", &says, hint));
    }
    flaws
}

/// What is wrong with the way in which a runbook tries again.
fn of_again(definition: &Definition, again: &Again, flaws: &mut Vec<Flaw>) {
    let key = || Part::Value("again".to_owned());
    if definition.rolling.is_some() && definition.about != About::Migration {
        flaws.push(Flaw {
            at: vec![key()],
            says: "a runbook that goes over hosts does not try again by itself".to_owned(),
            hint: Some("each host that fails is taken back alone; begin the run anew for those".to_owned()),
        });
    }
    for (name, written) in [("tries", &again.tries), ("rest", &again.rest)] {
        let at = vec![key(), Part::Value(name.to_owned())];
        of_number(definition, name, &written.to_string(), &at, flaws);
    }
}

/// What is wrong with a number that is a template over the parameters.
fn of_number(definition: &Definition, name: &str, text: &str, at: &[Part], flaws: &mut Vec<Flaw>) {
    let mut flaw = |says: String, hint: Option<String>| {
        flaws.push(Flaw {
            at: at.to_vec(),
            says,
            hint,
        });
    };
    match template::words(text) {
        Err(why) => flaw(why.says, None),
        Ok(words) => {
            let known = || definition.parameters.keys().map(String::as_str);
            if let Some(word) = words.iter().find(|word| !known().any(|known| known == *word)) {
                flaw(
                    format!("{{{{ {word} }}}} is no parameter"),
                    Some(instead(word, known())),
                );
            } else if words.is_empty() && text.parse::<u64>().is_err() {
                let hint = format!("a number, or a parameter that is one: \"{{{{ {name} }}}}\"");
                flaw(format!("{text:?} is no number"), Some(hint));
            }
        }
    }
}

/// What is wrong with the way in which a runbook goes over its hosts.
fn of_rolling(definition: &Definition, rolling: &Rolling, flaws: &mut Vec<Flaw>) {
    let value = |name: &str| Part::Value(name.to_owned());
    let mut flaw = |at: Vec<Part>, says: String, hint: Option<String>| flaws.push(Flaw { at, says, hint });
    let one = if definition.about == About::Migration {
        "slice"
    } else {
        "host"
    };
    if one == "slice" {
        if rolling.batch.to_string() != "1" {
            let hint = "two at once would be each other's load: leave it out".to_owned();
            flaw(
                vec![value("rolling"), value("batch")],
                "slices move one after the other".to_owned(),
                Some(hint),
            );
        }
        let has_segment = definition
            .parameters
            .values()
            .any(|parameter| parameter.kind == ValueKind::Segment);
        if !has_segment {
            let hint = "a parameter of the kind segment says where slices move to".to_owned();
            flaw(
                vec![value("parameters")],
                "no parameter of it is of the kind segment".to_owned(),
                Some(hint),
            );
        }
    } else if definition.about != About::Hosts {
        let hint = "each host stands for itself; what belongs together is taken back together".to_owned();
        flaw(
            vec![Part::Key("rolling".to_owned())],
            "only a runbook about hosts, or about migrations, goes on when one of them fails".to_owned(),
            Some(hint),
        );
    }
    for (name, written) in [
        ("batch", &rolling.batch),
        ("failures", &rolling.failures),
        ("canary", &rolling.canary),
    ] {
        let at = vec![value("rolling"), value(name)];
        let text = written.to_string();
        match template::words(&text) {
            Err(why) => flaw(at, why.says, None),
            Ok(words) => {
                let known = || definition.parameters.keys().map(String::as_str);
                if let Some(word) = words.iter().find(|word| !known().any(|known| known == *word)) {
                    let says = format!("{{{{ {word} }}}} is no parameter");
                    flaw(at, says, Some(instead(word, known())));
                } else if words.is_empty()
                    && text
                        .parse::<usize>()
                        .map_or(true, |number| name == "batch" && number == 0)
                {
                    let hint = format!("a number, or a parameter that is one: \"{{{{ {name} }}}}\"");
                    flaw(at, format!("{text:?} is no number of {one}s"), Some(hint));
                }
            }
        }
    }
    for (at, step) in definition.steps.iter().enumerate() {
        let own = definition.about.words();
        // What is wrong with its templates is said of the step.
        let Ok(words) = named(step) else { continue };
        if !words.iter().any(|word| own.contains(&word.as_str())) {
            flaw(
                vec![value("steps"), Part::Item(at)],
                format!(
                    "{} speaks of no {one}, so it would belong to none that may fail",
                    step.action
                ),
                Some(format!("name the {one} in its arguments or in `when`")),
            );
        }
    }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn of_parameter(definition: &Definition, name: &str, parameter: &Parameter, flaws: &mut Vec<Flaw>) {
    let own = definition.about.words();
    let way = |key: &str| {
        vec!["parameters", name, key]
            .into_iter()
            .map(|it| Part::Value(it.to_owned()))
            .collect()
    };
    if name == FACTS {
        flaws.push(Flaw {
            at: vec![Part::Value("parameters".to_owned()), Part::Key(name.to_owned())],
            says: format!("{FACTS} stands for what the console shows"),
            hint: Some("give the parameter another name".to_owned()),
        });
    }
    let Some(default) = &parameter.default else {
        return;
    };
    match template::words(default) {
        Ok(words) => {
            for word in words.iter().filter(|word| !own.contains(&word.as_str())) {
                flaws.push(Flaw {
                    at: way("default"),
                    says: format!("{{{{ {word} }}}} stands for nothing"),
                    hint: Some(format!("a default may use {}", own.join(", "))),
                });
            }
            if words.is_empty() && !parameter.one_of.is_empty() && !parameter.one_of.contains(default) {
                flaws.push(Flaw {
                    at: way("default"),
                    says: format!("{default:?} is none of its words"),
                    hint: Some(instead(default, parameter.one_of.iter().map(String::as_str))),
                });
            }
        }
        Err(why) => flaws.push(Flaw {
            at: way("default"),
            says: why.says,
            hint: None,
        }),
    }
}

fn of_step(definition: &Definition, step: &Step, way: &[Part], flaws: &mut Vec<Flaw>) {
    let at = |parts: &[Part]| [way, parts].concat();
    let value = |name: &str| Part::Value(name.to_owned());
    let Some(action) = action::find(&step.action) else {
        flaws.push(Flaw {
            at: at(&[value("do")]),
            says: format!("there is no action {}", step.action),
            hint: Some(instead(&step.action, action::ALL.iter().map(|action| action.name()))),
        });
        return;
    };
    if !action.kinds().contains(&definition.kind) {
        flaws.push(Flaw {
            at: at(&[value("do")]),
            says: format!("{} does not belong into a runbook of this kind", step.action),
            hint: None,
        });
    }
    let takes = || action.arguments().iter().map(|argument| argument.name);
    for argument in action.arguments() {
        if !argument.optional && !step.with.contains_key(argument.name) {
            flaws.push(Flaw {
                at: at(&[value("with")]),
                says: format!("{} needs {}: {}", step.action, argument.name, argument.about),
                hint: None,
            });
        }
    }
    for (name, written) in &step.with {
        if !takes().any(|known| known == name) {
            flaws.push(Flaw {
                at: at(&[value("with"), Part::Key(name.clone())]),
                says: format!("{} takes no {name}", step.action),
                hint: Some(instead(name, takes())),
            });
        }
        let list = action.lists().contains(&name.as_str());
        if list != matches!(written, Written::Words(_)) {
            let says = if list {
                format!("{name} is a list of words, such as [systemctl, reload, nginx]: no shell reads it")
            } else {
                format!("{name} is a text, not a list")
            };
            flaws.push(Flaw {
                at: at(&[value("with"), value(name)]),
                says,
                hint: None,
            });
        }
        for (part, text) in written.templates().iter().enumerate() {
            let mut place = vec![value("with"), value(name)];
            if list {
                place.push(Part::Item(part));
            }
            of_words(definition, template::words(text), at(&place), flaws);
        }
    }
    if let Some(when) = &step.when {
        of_words(
            definition,
            template::words_of_condition(when),
            at(&[value("when")]),
            flaws,
        );
    }
    of_words(definition, template::words(&step.why), at(&[value("why")]), flaws);
    for flaw in action.flaws(&step.with) {
        flaws.push(Flaw {
            at: at(&[value("with"), value(&flaw.argument)]),
            says: flaw.says,
            hint: Some(flaw.hint),
        });
    }
}

fn of_words(definition: &Definition, words: Result<BTreeSet<String>, Unusable>, at: Vec<Part>, flaws: &mut Vec<Flaw>) {
    let own = definition.about.words();
    match words {
        Ok(words) => {
            let known = || {
                own.iter()
                    .copied()
                    .chain(definition.parameters.keys().map(String::as_str))
                    .chain([FACTS])
            };
            for word in words.iter().filter(|word| !known().any(|known| known == *word)) {
                flaws.push(Flaw {
                    at: at.clone(),
                    says: format!("{{{{ {word} }}}} stands for nothing"),
                    hint: Some(instead(word, known())),
                });
            }
        }
        Err(why) => flaws.push(Flaw {
            at,
            says: why.says,
            hint: None,
        }),
    }
}
