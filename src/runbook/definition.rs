//! A runbook as it is written: parameters, and steps that name typed actions.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// Which kind of move a runbook is. The two share no dangerous action: an emergency's shortcuts cannot be
/// reached from a planned run, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Both sides are there and take part.
    Planned,
    /// A side is dead or cut off.
    Emergency,
}

/// What a runbook is about: what its plan looks for, and what its steps are repeated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// Slices of a DRBD pair; a parameter of the kind `slice` or `slices` names them.
    Slices,
    /// Hosts, in the order of what rests on what; a parameter of the kind `hosts` selects them.
    Hosts,
    /// An md array of a host: the parameters `host` and `array` name it, `disk` one of its members, and `by` the disk that
    /// takes the place of that.
    Array,
    /// A ZFS pool of a host: the parameters `host` and `pool` name it, `disk` one of its devices, and `by` the disk that takes
    /// the place of that.
    Pool,
    /// A source and its replicas; a parameter of the kind `database` names their topology, or `server` one of them.
    Database,
    /// A Galera cluster; a parameter of the kind `database` names it, or `server` one of its members.
    Galera,
    /// Mounts of slices on their clients: a parameter of the kind `slice` names the slice, or one of the kind `segment` all
    /// of a segment's, of which one of the kind `slices` chooses some; `clients` selects hosts.
    Clients,
    /// A slice that moves to another filesystem, of another server: the parameters `slice` and `into` name both. With `rolling`
    /// several, one after the other: a parameter of the kind `hosts` selects the servers where they live, one of the kind
    /// `segment` names where each finds a slice that is mounted where it is, and one of the kind `slices` chooses some.
    Migration,
    /// A slice that is served from its backup: the parameters `slice` and `into` name both filesystems, `backup` one of its
    /// backups, or the newest.
    Restore,
    /// A backup: a parameter of the kind `slice` or `database` names what it is of, `backup` one of its backups, or the newest.
    Backup,
}

impl About {
    /// Words that the plan fills in for each of them.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Slices => &["slice", "from", "to", "other", "preferred", "survivor"],
            Self::Hosts => &["host", "first", "drains", "counts"],
            Self::Array => &["host", "array", "old", "new"],
            Self::Database => &[
                "candidate",
                "serving",
                "dialect",
                "entrance",
                "semi_sync",
                "semi_sync_back",
                "sibling",
            ],
            Self::Pool => &["host", "pool", "old", "new"],
            Self::Galera => &["node", "member", "absent"],
            Self::Clients => &["host", "slice", "place", "mounted", "services"],
            Self::Migration => &["slice", "into", "from", "to"],
            Self::Backup => &["host", "found"],
            Self::Restore => &["slice", "into", "to", "found", "since", "old", "fenced"],
        }
    }

    /// Those of the [words](About::words) that stand for the same for each of them: a step that speaks of no other is there
    /// once.
    #[must_use]
    pub const fn shared_words(self) -> &'static [&'static str] {
        match self {
            Self::Database => &[
                "candidate",
                "serving",
                "dialect",
                "entrance",
                "semi_sync",
                "semi_sync_back",
            ],
            Self::Restore => &["slice", "into", "to", "found", "since"],
            Self::Slices
            | Self::Hosts
            | Self::Array
            | Self::Pool
            | Self::Galera
            | Self::Clients
            | Self::Migration
            | Self::Backup => &[],
        }
    }

    /// The argument of a step that tells for which of them it is.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Slices | Self::Migration | Self::Restore => "slice",
            Self::Hosts | Self::Clients | Self::Backup => "host",
            Self::Array => "array",
            Self::Pool => "pool",
            Self::Database | Self::Galera => "database",
        }
    }
}

/// A runbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name, as given to `--batch run`.
    pub name: String,
    /// One line for the catalogue.
    pub title: String,
    /// Planned or emergency.
    pub kind: Kind,
    /// What it is about.
    pub about: About,
    /// What it has to be told.
    pub parameters: BTreeMap<String, Parameter>,
    /// What must hold before it is even offered, by name.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Whether what it does for one host, or slice, may fail while the others go on; only for one about hosts or migrations.
    #[serde(default)]
    pub rolling: Option<Rolling>,
    /// Whether it tries again by itself, once it is taken back, where it was out of time.
    #[serde(default)]
    pub again: Option<Again>,
    /// What it does, in order. Steps that speak of one of the things that it is about (`{{ slice }}`) are repeated for each.
    pub steps: Vec<Step>,
}

/// How often a runbook is tried by itself that was out of time, and what lies between two tries. Both are templates over the
/// parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// So many tries in all.
    pub tries: Written,
    /// So many seconds pass before the next one begins.
    pub rest: Written,
}

/// How a runbook goes over its hosts, or slices that move: a few at a time, and on while no more have failed than may. Numbers are templates
/// over the parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rolling {
    /// So many hosts go together at most, step by step: all of them do one step before any does the next.
    #[serde(default = "one")]
    pub batch: Written,
    /// So many may fail; with one more no further host is begun.
    #[serde(default = "none")]
    pub failures: Written,
    /// So many go first, one after the other; if one of them fails no other host is begun.
    #[serde(default = "one")]
    pub canary: Written,
    /// What hosts of one batch never share.
    #[serde(default = "Apart::all")]
    pub apart: Vec<Apart>,
}

fn one() -> Written {
    Written::Text("1".to_owned())
}

fn none() -> Written {
    Written::Text("0".to_owned())
}

/// What two hosts may share, so that they are not taken out of service together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Apart {
    /// A storage segment, or a topology of databases.
    Pair,
    /// A rack.
    Rack,
    /// A power feed.
    Power,
    /// A network switch.
    Switch,
    /// A site.
    Site,
}

impl Apart {
    /// Whatever can be shared, but for the site: most fleets have one.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![Self::Pair, Self::Rack, Self::Power, Self::Switch]
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What kind of value it takes.
    #[serde(rename = "type")]
    pub kind: ValueKind,
    /// The value when none is given; a template over the other parameters.
    #[serde(default)]
    pub default: Option<String>,
    /// The words that it may be; empty where any fits.
    #[serde(default)]
    pub one_of: Vec<String>,
    /// What it means.
    #[serde(default)]
    pub about: String,
}

/// What a value has to be. Every value is checked by its kind before it becomes one word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// A host of the inventory.
    Host,
    /// A slice of the inventory.
    Slice,
    /// Slices with commas between them, or `all`.
    Slices,
    /// Hosts by a selector: names with wildcards, `role=storage,site=lax`.
    Hosts,
    /// A topology of the inventory: a source and its replicas, or a Galera cluster.
    Database,
    /// A storage segment of the inventory.
    Segment,
    /// A number of seconds.
    Seconds,
    /// A whole number.
    Number,
    /// A name of a thing on a host (a unit, a device): letters, digits and `@ . _ : / -`, not beginning with `-`.
    Name,
    /// Free text; shown, never part of a command.
    Text,
}

impl ValueKind {
    /// Its word in a runbook.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Slice => "slice",
            Self::Slices => "slices",
            Self::Hosts => "hosts",
            Self::Database => "database",
            Self::Segment => "segment",
            Self::Seconds => "seconds",
            Self::Number => "number",
            Self::Name => "name",
            Self::Text => "text",
        }
    }
}

/// One step as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The action's name.
    #[serde(rename = "do")]
    pub action: String,
    /// Its arguments: templates over the parameters and what the plan finds (`{{ slice }}`, `{{ from }}`, `{{ to }}`).
    #[serde(default)]
    pub with: BTreeMap<String, Written>,
    /// A condition over the same words; where it does not hold the step is left out.
    #[serde(default)]
    pub when: Option<String>,
    /// Why it is here, for the person who reads the plan; a template as well.
    pub why: String,
}

/// An argument as it is written: a template, or one for each word of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Written {
    /// A text.
    Text(String),
    /// Words, each a template of its own: whatever a value holds, it stays one word.
    Words(Vec<String>),
}

impl Written {
    /// The templates.
    #[must_use]
    pub fn templates(&self) -> &[String] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::Words(words) => words,
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.templates().join(" "))
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list of words")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Written, E> {
                Ok(Written::Text(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Written, E> {
                Ok(Written::Text(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Written, E> {
                Ok(Written::Text(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Written, E> {
                Ok(Written::Text(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Written, E> {
                Ok(Written::Text(value.to_string()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Written, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element::<String>()? {
                    words.push(word);
                }
                Ok(Written::Words(words))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// An action with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The action's name.
    pub action: String,
    /// Its arguments by name.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
}

impl Call {
    /// A call with these arguments.
    #[must_use]
    pub fn new<'a>(action: &str, with: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self {
            action: action.to_owned(),
            with: with.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}
