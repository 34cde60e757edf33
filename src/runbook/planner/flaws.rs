//! What is wrong with a runbook, whatever the fleet: actions, arguments, checks and words that do not exist or do not fit. Of
//! what could not be read, which has been reported, nothing is said again.

use super::bind::{self, FACTS};
use crate::{
    fleet::{Flaw, Part, instead},
    runbook::{
        action, check,
        definition::{About, Again, Rolling, ValueKind, Written},
        draft::{Draft, ParameterDraft, StepDraft},
        sight::SHOWN_FIELDS,
        template::{self, Unusable},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Tries and seconds between them that a runbook may have; the plan holds to the same.
pub(super) const MOST_TRIES: u64 = 1000;
/// A week.
pub(super) const LONGEST_REST_S: u64 = 604_800;

/// Everything that is wrong with it.
#[must_use]
pub fn flaws(draft: &Draft) -> Vec<Flaw> {
    let mut reader = Reader {
        draft,
        flaws: Vec::new(),
    };
    reader.top();
    for (name, parameter) in draft.parameters.iter().flatten() {
        reader.parameter(name, parameter);
    }
    for (at, step) in draft.steps.iter().flatten().enumerate() {
        reader.step(&[value("steps"), Part::Item(at)], step);
    }
    if let Some(rolling) = &draft.rolling {
        reader.rolling(rolling);
    }
    if let Some(again) = &draft.again {
        reader.again(again);
    }
    reader.flaws
}

struct Reader<'a> {
    draft: &'a Draft,
    flaws: Vec<Flaw>,
}

fn value(name: &str) -> Part {
    Part::Value(name.to_owned())
}

fn key(name: &str) -> Part {
    Part::Key(name.to_owned())
}

/// How a step is named in what is said of it.
fn name_of(step: &StepDraft) -> &str {
    step.action.as_deref().unwrap_or("the step")
}

impl Reader<'_> {
    fn flaw(&mut self, at: Vec<Part>, says: impl Into<String>, hint: impl Into<String>) {
        self.flaws.push(Flaw::new(at, says).hint(hint));
    }

    /// A key that has to be there.
    fn needed(&mut self, way: &[Part], name: &str, is_there: bool) {
        if !is_there {
            let at = [way, &[key(name)]].concat();
            self.flaw(
                at,
                format!("`{name}` is missing"),
                format!("add `{name}:` to this entry"),
            );
        }
    }

    fn top(&mut self) {
        let draft = self.draft;
        for (name, is_there) in [
            ("name", draft.name.is_some()),
            ("title", draft.title.is_some()),
            ("kind", draft.kind.is_some()),
            ("about", draft.about.is_some()),
            ("parameters", draft.parameters.is_some()),
            ("steps", draft.steps.is_some()),
        ] {
            self.needed(&[], name, is_there);
        }
        for (at, name) in draft.checks.iter().enumerate() {
            if check::find(name).is_none() {
                let known = check::ALL.iter().map(|check| check.name());
                let at = vec![value("checks"), Part::Item(at)];
                self.flaw(at, format!("there is no check {name}"), instead(name, known));
            }
        }
        if draft.steps.as_ref().is_some_and(Vec::is_empty) {
            self.flaw(vec![value("steps")], "it has no steps", "a runbook does something");
        }
        if draft.name.as_deref().is_some_and(|name| !is_plain(name)) {
            let hint = "letters, digits and -, a letter first: it is typed on the command line";
            self.flaw(vec![value("name")], "this is no name for a runbook", hint);
        }
        if let (Some(about), Some(parameters)) = (draft.about, &draft.parameters) {
            self.about(about, parameters);
        }
    }

    /// What a runbook about this has to be told.
    fn about(&mut self, about: About, parameters: &BTreeMap<String, ParameterDraft>) {
        let rolls = self.draft.rolling.is_some();
        let kinds: &[ValueKind] = match about {
            About::Slices => &[ValueKind::Slice, ValueKind::Slices],
            About::Hosts => &[ValueKind::Hosts],
            About::Array | About::Pool => &[ValueKind::Host],
            About::Database | About::Galera => &[ValueKind::Database, ValueKind::Host],
            About::Clients => &[ValueKind::Slice, ValueKind::Segment],
            About::Migration if rolls => &[ValueKind::Hosts],
            About::Migration | About::Restore => &[ValueKind::Slice],
            About::Backup => &[ValueKind::Slice, ValueKind::Database],
        };
        let (named, told): (&[&str], &str) = match about {
            About::Array => (
                &["host", "array"],
                "a runbook about an array is told the array and its host by these names",
            ),
            About::Pool => (
                &["host", "pool"],
                "a runbook about a pool is told the pool and its host by these names",
            ),
            About::Migration if rolls => (&[], ""),
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
        for name in named.iter().filter(|name| !parameters.contains_key(**name)) {
            let at = vec![value("parameters"), key(name)];
            self.flaw(at, format!("no parameter of it is called {name}"), told);
        }
        // One whose kind could not be read may be it.
        let may_be = |parameter: &ParameterDraft| parameter.kind.is_none_or(|kind| kinds.contains(&kind));
        if !parameters.values().any(may_be) {
            let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
            let says = format!("no parameter of it is of the kind {}", words.join(" or "));
            let hint = "a parameter of that kind says what a run is about";
            self.flaw(vec![value("parameters")], says, hint);
        }
    }

    fn parameter(&mut self, name: &str, parameter: &ParameterDraft) {
        let way = [value("parameters"), value(name)];
        let at = |part: Part| [&way[..], &[part]].concat();
        if name == FACTS {
            self.flaw(
                vec![value("parameters"), key(name)],
                format!("{FACTS} stands for what the console shows"),
                "give the parameter another name",
            );
        }
        self.needed(&way, "type", parameter.kind.is_some());
        for (number, word) in parameter.one_of.iter().enumerate() {
            if let Some((says, hint)) = parameter.kind.and_then(|kind| bind::amiss(kind, word)) {
                let at = [&way[..], &[value("one_of"), Part::Item(number)]].concat();
                self.flaw(at, says, hint);
            }
        }
        let Some(default) = &parameter.default else {
            return;
        };
        match template::words(default) {
            Ok(words) => {
                let own = self.draft.about.map(About::words);
                let unknown = |word: &&String| own.is_some_and(|own| !own.contains(&word.as_str()));
                for word in words.iter().filter(unknown) {
                    let says = format!("{{{{ {word} }}}} stands for nothing");
                    let hint = format!("a default may use {}", own.unwrap_or_default().join(", "));
                    self.flaw(at(value("default")), says, hint);
                }
                if !words.is_empty() {
                    return;
                }
                // Nothing, or `-`, is how a name is written that is none.
                let amiss = |kind| {
                    let number = matches!(kind, ValueKind::Seconds | ValueKind::Number);
                    let none = !number && matches!(default.as_str(), "" | "-");
                    bind::amiss(kind, default).filter(|_| !none)
                };
                if !parameter.one_of.is_empty() && !parameter.one_of.contains(default) {
                    let hint = instead(default, parameter.one_of.iter().map(String::as_str));
                    self.flaw(at(value("default")), format!("{default:?} is none of its words"), hint);
                } else if let Some((says, hint)) = parameter.kind.and_then(amiss) {
                    self.flaw(at(value("default")), says, hint);
                }
            }
            Err(why) => self.unusable(at(value("default")), why),
        }
    }

    fn step(&mut self, way: &[Part], step: &StepDraft) {
        let at = |parts: &[Part]| [way, parts].concat();
        self.needed(way, "do", step.action.is_some());
        self.needed(way, "why", step.why.is_some());
        for (name, written) in &step.with {
            for (part, text) in written.templates().iter().enumerate() {
                let mut place = vec![value("with"), value(name)];
                if matches!(written, Written::Words(_)) {
                    place.push(Part::Item(part));
                }
                let fields = template::fields(FACTS, text);
                self.words(at(&place), template::words(text), &fields);
            }
        }
        if let Some(when) = &step.when {
            let fields = template::fields_of_condition(FACTS, when);
            self.words(at(&[value("when")]), template::words_of_condition(when), &fields);
        }
        if let Some(why) = &step.why {
            self.words(at(&[value("why")]), template::words(why), &template::fields(FACTS, why));
        }
        if let Some(name) = &step.action {
            self.call(way, name, step);
        }
    }

    fn call(&mut self, way: &[Part], name: &str, step: &StepDraft) {
        let at = |parts: &[Part]| [way, parts].concat();
        let Some(action) = action::find(name) else {
            let known = action::ALL.iter().map(|action| action.name());
            let hint = instead(name, known);
            self.flaw(at(&[value("do")]), format!("there is no action {name}"), hint);
            return;
        };
        if self.draft.kind.is_some_and(|kind| !action.kinds().contains(&kind)) {
            self.flaw(
                at(&[value("do")]),
                format!("{name} does not belong into a runbook of this kind"),
                "planned and emergency runbooks share no dangerous action",
            );
        }
        for argument in action.arguments() {
            let here = [value("with"), key(argument.name)];
            if !argument.optional && !step.with.contains_key(argument.name) {
                let says = format!("{name} needs {}: {}", argument.name, argument.about);
                self.flaw(at(&here), says, format!("add `{}:` to its `with`", argument.name));
            }
        }
        for (given, written) in &step.with {
            let known = || action.arguments().iter();
            let Some(argument) = known().find(|argument| argument.name == given) else {
                let hint = instead(given, known().map(|argument| argument.name));
                self.flaw(
                    at(&[value("with"), key(given)]),
                    format!("{name} takes no {given}"),
                    hint,
                );
                continue;
            };
            for (part, wrong) in argument.takes.flaws(written) {
                let mut place = vec![value("with"), value(given)];
                place.extend(part.map(Part::Item));
                self.flaw(at(&place), format!("{given}: {}", wrong.says), wrong.hint);
            }
        }
    }

    /// Words that stand for nothing, and facts that no host has.
    fn words(&mut self, at: Vec<Part>, words: Result<BTreeSet<String>, Unusable>, fields: &BTreeSet<String>) {
        let words = match words {
            Ok(words) => words,
            Err(why) => return self.unusable(at, why),
        };
        if let (Some(about), Some(parameters)) = (self.draft.about, &self.draft.parameters) {
            let own = about.words().iter().copied();
            let known: Vec<&str> = own
                .chain(parameters.keys().map(String::as_str))
                .chain([FACTS])
                .collect();
            for word in words.iter().filter(|word| !known.contains(&word.as_str())) {
                let says = format!("{{{{ {word} }}}} stands for nothing");
                let flaw = Flaw::new(at.clone(), says).hint(instead(word, known.iter().copied()));
                self.flaws
                    .push(flaw.unless_unread(vec![value("parameters"), value(word)]));
            }
        }
        for field in fields.iter().filter(|field| !SHOWN_FIELDS.contains(&field.as_str())) {
            let hint = instead(field, SHOWN_FIELDS.iter().copied());
            self.flaw(at.clone(), format!("the console shows no {field} of a host"), hint);
        }
    }

    fn unusable(&mut self, at: Vec<Part>, why: Unusable) {
        let hint = "the language is that of minijinja: {{ word }} in a text, and word == 'x' in a condition";
        self.flaw(at, why.says, hint);
    }

    /// What is wrong with the way in which a runbook tries again.
    fn again(&mut self, again: &Again) {
        if self.draft.rolling.is_some() && self.draft.about.is_some_and(|about| about != About::Migration) {
            self.flaw(
                vec![value("again")],
                "a runbook that goes over hosts does not try again by itself",
                "each host that fails is taken back alone; begin the run anew for those",
            );
        }
        for (name, written, most) in [
            ("tries", &again.tries, MOST_TRIES),
            ("rest", &again.rest, LONGEST_REST_S),
        ] {
            let at = vec![value("again"), value(name)];
            let fits = |number: u64| number <= most;
            self.number(at, name, written, fits, &format!("whole number up to {most}"));
        }
    }

    /// What is wrong with a number that is a template over the parameters.
    fn number(&mut self, at: Vec<Part>, name: &str, written: &Written, fits: impl Fn(u64) -> bool, kind: &str) {
        let text = written.to_string();
        let words = match template::words(&text) {
            Ok(words) => words,
            Err(why) => return self.unusable(at, why),
        };
        let Some(parameters) = &self.draft.parameters else {
            return;
        };
        let known = || parameters.keys().map(String::as_str);
        if let Some(word) = words.iter().find(|word| !parameters.contains_key(*word)) {
            let flaw = Flaw::new(at, format!("{{{{ {word} }}}} is no parameter")).hint(instead(word, known()));
            self.flaws
                .push(flaw.unless_unread(vec![value("parameters"), value(word)]));
        } else if words.is_empty() && !text.parse().is_ok_and(fits) {
            let hint = format!("a number, or a parameter that is one: \"{{{{ {name} }}}}\"");
            self.flaw(at, format!("{text:?} is no {kind}"), hint);
        }
    }

    /// What is wrong with the way in which a runbook goes over its hosts.
    fn rolling(&mut self, rolling: &Rolling) {
        let Some(about) = self.draft.about else { return };
        let one = if about == About::Migration { "slice" } else { "host" };
        if about == About::Migration {
            if rolling.batch.to_string() != "1" {
                self.flaw(
                    vec![value("rolling"), value("batch")],
                    "slices move one after the other",
                    "two at once would be each other's load: leave it out",
                );
            }
            let may_be = |parameter: &ParameterDraft| parameter.kind.is_none_or(|kind| kind == ValueKind::Segment);
            if !self.draft.parameters.iter().flatten().any(|(_, it)| may_be(it)) {
                self.flaw(
                    vec![value("parameters")],
                    "no parameter of it is of the kind segment",
                    "a parameter of the kind segment says where slices move to",
                );
            }
        } else if about != About::Hosts {
            self.flaw(
                vec![key("rolling")],
                "only a runbook about hosts, or about migrations, goes on when one of them fails",
                "each host stands for itself; what belongs together is taken back together",
            );
        }
        for (name, written) in [
            ("batch", &rolling.batch),
            ("failures", &rolling.failures),
            ("canary", &rolling.canary),
        ] {
            let at = vec![value("rolling"), value(name)];
            let fits = |number: u64| name != "batch" || number > 0;
            self.number(at, name, written, fits, &format!("number of {one}s"));
        }
        let own = about.words();
        for (at, step) in self.draft.steps.iter().flatten().enumerate() {
            // What is wrong with its templates is said of the step.
            let Ok(words) = bind::named(step.with.values(), step.when.as_deref()) else {
                continue;
            };
            if !words.iter().any(|word| own.contains(&word.as_str())) {
                self.flaw(
                    vec![value("steps"), Part::Item(at)],
                    format!(
                        "{} speaks of no {one}, so it would belong to none that may fail",
                        name_of(step)
                    ),
                    format!("name the {one} in its arguments or in `when`"),
                );
            }
        }
    }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
