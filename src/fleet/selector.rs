//! Selectors: which hosts are meant. `role=storage,site=lax`, `access*`, `tag=old|generation!=g4`.

use super::{
    model::{Fleet, Host},
    suggest::{did_you_mean, nearest, quote, quote_all},
};
use std::collections::BTreeSet;

/// A choice of hosts: alternatives (`|`), each of terms that all hold (`,`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    alternatives: Vec<Vec<Term>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: Field,
    negated: bool,
    pattern: String,
}

/// Why a selector cannot be used, or finds nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct SelectorError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident = $word:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Field { $($(#[$doc])* $field,)+ }

        impl Field {
            const ALL: &'static [Self] = &[$(Self::$field,)+];

            const fn name(self) -> &'static str {
                match self { $(Self::$field => $word,)+ }
            }
        }
    };
}

fields! {
    /// The host's name.
    Name = "name";
    /// One of its roles.
    Role = "role";
    /// Its site.
    Site = "site";
    /// Its rack.
    Rack = "rack";
    /// One of its power feeds.
    Feed = "feed";
    /// One of its switches.
    Switch = "switch";
    /// One of its tags.
    Tag = "tag";
    /// Its generation.
    Generation = "generation";
    /// The segment that it serves.
    Segment = "segment";
    /// A slice that may live on it.
    Slice = "slice";
    /// A slice that it should mount.
    Mounts = "mounts";
    /// The topology that it belongs to.
    Topology = "topology";
}

/// The words that may stand before `=` in a selector.
pub fn fields() -> impl Iterator<Item = &'static str> {
    Field::ALL.iter().map(|field| field.name())
}

impl Field {
    fn parse(word: &str) -> Result<Self, SelectorError> {
        // Plurals as the inventory writes them are meant well.
        let lower = word.to_lowercase();
        let word_of = match lower.as_str() {
            "host" | "hosts" => "name",
            "roles" => "role",
            "tags" => "tag",
            "gen" => "generation",
            "mount" => "mounts",
            "feeds" => "feed",
            "switches" => "switch",
            other => other,
        };
        Self::ALL
            .iter()
            .find(|field| field.name() == word_of)
            .copied()
            .ok_or_else(|| {
                let hint = did_you_mean(word, fields()).unwrap_or_else(|| format!("one of {}", quote_all(fields())));
                SelectorError {
                    message: format!("{} cannot be selected by", quote(word)),
                    hint: Some(hint),
                }
            })
    }

    /// The host's values of this field.
    fn values<'a>(self, fleet: &'a Fleet, host: &'a Host) -> Vec<&'a str> {
        let set = |set: &'a BTreeSet<String>| set.iter().map(String::as_str).collect();
        let one = |value: &'a Option<String>| value.as_deref().into_iter().collect();
        let name = host.name.as_str();
        match self {
            Self::Name => vec![name],
            Self::Role => set(&host.roles),
            Self::Site => one(&host.domains.site),
            Self::Rack => one(&host.domains.rack),
            Self::Feed => set(&host.domains.feeds),
            Self::Switch => set(&host.domains.switches),
            Self::Tag => set(&host.tags),
            Self::Generation => one(&host.generation),
            Self::Segment => fleet.segment_of(name).map(|s| s.name.as_str()).into_iter().collect(),
            Self::Slice => fleet
                .slices()
                .map(|(_, slice)| slice)
                .filter(|slice| {
                    slice.preferred.as_str() == name
                        || slice.standby.as_ref().is_some_and(|other| other.as_str() == name)
                })
                .map(|slice| slice.name.as_str())
                .collect(),
            Self::Mounts => host.mounts.iter().map(|mount| mount.slice.as_str()).collect(),
            Self::Topology => fleet.topology_of(name).map(|t| t.name.as_str()).into_iter().collect(),
        }
    }
}

impl Selector {
    /// Every host.
    #[must_use]
    pub fn all() -> Self {
        Self {
            alternatives: vec![Vec::new()],
        }
    }

    /// Reads a selector: terms joined by `,` must all hold; alternatives are joined by `|`. A term is
    /// `field=pattern`, `field!=pattern`, or a host name or pattern alone (`!pattern` negates it). In
    /// a pattern `*` stands for any text and `?` for one character.
    ///
    /// # Errors
    /// Says which word is not understood, with a hint.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut alternatives = Vec::new();
        for alternative in text.split('|') {
            let mut terms = Vec::new();
            for term in alternative.split(',') {
                terms.push(Term::parse(term.trim(), text)?);
            }
            alternatives.push(terms);
        }
        Ok(Self { alternatives })
    }

    /// Reads several selectors as alternatives; every host when there are none.
    ///
    /// # Errors
    /// As [`Selector::parse`].
    pub fn parse_all<S: AsRef<str>>(texts: &[S]) -> Result<Self, SelectorError> {
        if texts.is_empty() {
            return Ok(Self::all());
        }
        let mut alternatives = Vec::new();
        for text in texts {
            alternatives.extend(Self::parse(text.as_ref())?.alternatives);
        }
        Ok(Self { alternatives })
    }

    /// Whether a host of the fleet is meant.
    #[must_use]
    pub fn matches(&self, fleet: &Fleet, host: &Host) -> bool {
        self.alternatives
            .iter()
            .any(|terms| terms.iter().all(|term| term.matches(fleet, host)))
    }

    /// Places of the selected hosts in [`Fleet::hosts`], in their order.
    ///
    /// # Errors
    /// When no host is selected, with the most likely reason.
    pub fn select(&self, fleet: &Fleet) -> Result<Vec<usize>, SelectorError> {
        let hosts = fleet.hosts.iter().enumerate();
        let found: Vec<usize> = hosts
            .filter(|(_, host)| self.matches(fleet, host))
            .map(|(at, _)| at)
            .collect();
        if found.is_empty() {
            return Err(self.explain(fleet));
        }
        Ok(found)
    }

    /// Why nothing is selected: the first term that no host satisfies, or that the terms exclude each other.
    fn explain(&self, fleet: &Fleet) -> SelectorError {
        for term in self.alternatives.iter().flatten() {
            if fleet.hosts.iter().any(|host| term.matches(fleet, host)) {
                continue;
            }
            let known: BTreeSet<&str> = fleet
                .hosts
                .iter()
                .flat_map(|host| term.field.values(fleet, host))
                .collect();
            let near = did_you_mean(&term.pattern, known.iter().copied()).or_else(|| term.elsewhere(fleet));
            let hint = near.or_else(|| {
                Some(match known.len() {
                    0 => format!("no host has a {}", term.field.name()),
                    _ => format!("known: {}", quote_all(known)),
                })
            });
            return SelectorError {
                message: format!("no host is selected by {}", quote(&term.text())),
                hint,
            };
        }
        SelectorError {
            message: "no host is selected: each term selects some, but no host satisfies all of them".to_owned(),
            hint: Some("`,` means and, `|` means or".to_owned()),
        }
    }
}

impl Term {
    fn parse(text: &str, whole: &str) -> Result<Self, SelectorError> {
        let (field, negated, pattern) = if let Some((field, pattern)) = text.split_once("!=") {
            (Field::parse(field.trim())?, true, pattern)
        } else if let Some((field, pattern)) = text.split_once('=') {
            (
                Field::parse(field.trim())?,
                false,
                pattern.strip_prefix('=').unwrap_or(pattern),
            )
        } else if let Some(pattern) = text.strip_prefix('!') {
            (Field::Name, true, pattern)
        } else {
            (Field::Name, false, text)
        };
        let pattern = pattern.trim();
        if pattern.is_empty() {
            return Err(SelectorError {
                message: format!("a term of the selector {} is empty", quote(whole)),
                hint: Some("write role=storage,site=lax or a host's name".to_owned()),
            });
        }
        Ok(Self {
            field,
            negated,
            pattern: pattern.to_owned(),
        })
    }

    fn matches(&self, fleet: &Fleet, host: &Host) -> bool {
        let values = self.field.values(fleet, host);
        values.iter().any(|value| glob(&self.pattern, value)) != self.negated
    }

    /// Another field that would have found something: names of segments, slices, roles and the like stand on
    /// screen without their field, so that people type them without it.
    fn elsewhere(&self, fleet: &Fleet) -> Option<String> {
        if self.negated {
            return None;
        }
        let fields = Field::ALL.iter().filter(|field| **field != self.field);
        let fitting = |field: &&Field| {
            let values = |host| field.values(fleet, host).iter().any(|value| glob(&self.pattern, value));
            fleet.hosts.iter().any(values)
        };
        let exact = fields
            .clone()
            .find(fitting)
            .map(|field| (*field, self.pattern.as_str()));
        let near = || {
            fields.clone().find_map(|field| {
                let values = fleet.hosts.iter().flat_map(|host| field.values(fleet, host));
                Some((*field, nearest(&self.pattern, values)?))
            })
        };
        let (field, pattern) = exact.or_else(near)?;
        Some(format!(
            "did you mean {}?",
            quote(&format!("{}={pattern}", field.name()))
        ))
    }

    fn text(&self) -> String {
        let sign = if self.negated { "!=" } else { "=" };
        format!("{}{sign}{}", self.field.name(), self.pattern)
    }
}

/// Whether a text fits a pattern with `*` and `?`; linear in memory, and quadratic at worst in time.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            // Let the last star take one more character.
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
