//! What an argument of an action may be: the one place where its text is read, for the check of a file as for a plan.

use crate::{
    fleet::{bad_name, bad_word, instead, usable},
    remote::quote::split,
    runbook::definition::Written,
};
use std::time::Duration;

/// Longest time that a step may be given, in seconds: a day.
const DAY_S: u64 = 86_400;
/// Ten years: more is no deadline.
const MOST_HOURS: u64 = 87_600;
/// The kinds of units besides services (systemd.unit(5)).
const OTHER_KINDS: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "slice",
    "snapshot",
    "socket",
    "swap",
    "target",
    "timer",
];

/// An argument that an action takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Whether it may be left out; what is empty is left out as well.
    pub optional: bool,
    /// What it may be.
    pub takes: Takes,
    /// What it means.
    pub about: &'static str,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// The name of a host or a slice of the inventory; whether it is there only a plan can tell.
    Known,
    /// The name of a thing on a host (an array, a pool, a device): one word of a command.
    Name,
    /// A service of systemd.
    Unit,
    /// An absolute path.
    Path,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `yes` or `no`; YAML's `true` and `false` are these.
    YesNo,
    /// Whole seconds, up to a day.
    Seconds,
    /// Whole hours, up to ten years.
    Hours,
    /// A whole number.
    Number,
    /// Text for a person.
    Text,
    /// Program and words of a command, which changes something or only reads.
    Command {
        /// Whether it changes something.
        changes: bool,
    },
}

/// Why a text is not what an argument takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub says: String,
    /// What would be right.
    pub hint: String,
}

impl Wrong {
    fn new(says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            says: says.into(),
            hint: hint.into(),
        }
    }
}

impl Takes {
    /// Whether it is written as a list of words.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Command { .. })
    }

    /// Whether a text, with every word filled in, is what it takes. The words of a command are quoted as for a shell.
    ///
    /// # Errors
    /// Why not.
    pub fn read(self, text: &str) -> Result<(), Wrong> {
        match self {
            Self::Known => match bad_name(text) {
                None => Ok(()),
                Some(why) => Err(Wrong::new(
                    format!("{text:?} cannot be a name: {why}"),
                    "name what the inventory has, or a word that the plan finds",
                )),
            },
            Self::Name => match bad_word(text) {
                None => Ok(()),
                Some(why) => Err(Wrong::new(
                    format!("{text:?} cannot be a name: {why}"),
                    "name it as its host does, in one word",
                )),
            },
            Self::Unit => unit(text).map(drop),
            Self::Path if text.starts_with('/') => Ok(()),
            Self::Path => Err(Wrong::new(
                format!("{text:?} is not an absolute path"),
                "it begins with a /",
            )),
            Self::OneOf(words) => one_of(text, words).map(drop),
            Self::YesNo => yes(text).map(drop),
            Self::Seconds => seconds(text).map(drop),
            Self::Hours => hours(text).map(drop),
            Self::Number => number(text).map(drop),
            Self::Text if text.trim().is_empty() => Err(Wrong::new("it is empty", "a person has to read something")),
            Self::Text => Ok(()),
            Self::Command { changes } => command(text, changes).map(drop),
        }
    }

    /// What is wrong with it as it is written, each with the word of a list that it is about. What a template comes to only
    /// the plan knows.
    #[must_use]
    pub fn flaws(self, written: &Written) -> Vec<(Option<usize>, Wrong)> {
        let found = match (self, written) {
            (Self::Command { changes }, Written::Words(words)) => match words.split_first() {
                None => Some((None, Wrong::new("it is an empty command", "name a program"))),
                Some((program, _)) => usable_as_written(program, changes).err().map(|why| (Some(0), why)),
            },
            (Self::Command { .. }, Written::Text(_)) => Some((
                None,
                Wrong::new(
                    "it is a list of words: no shell reads it",
                    "such as [/usr/local/sbin/site-lb, drain, \"{{ host }}\"]",
                ),
            )),
            (_, Written::Words(_)) => Some((None, Wrong::new("it is a text, not a list", "leave the brackets out"))),
            (_, Written::Text(text)) if text.contains('{') => None,
            (_, Written::Text(text)) => self.read(text).err().map(|why| (None, why)),
        };
        found.into_iter().collect()
    }
}

/// Whole seconds, up to a day.
pub(super) fn seconds(text: &str) -> Result<Duration, Wrong> {
    let seconds = text.parse::<u64>().ok().filter(|seconds| *seconds <= DAY_S);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        Wrong::new(
            format!("{text:?} is no number of seconds up to a day"),
            format!("a whole number from 0 to {DAY_S}, such as 30"),
        )
    })
}

/// Whole hours, up to ten years.
pub(super) fn hours(text: &str) -> Result<Duration, Wrong> {
    let hours = text.parse::<u64>().ok().filter(|hours| *hours <= MOST_HOURS);
    hours.map(Duration::from_hours).ok_or_else(|| {
        Wrong::new(
            format!("{text:?} is no number of hours up to ten years"),
            format!("a whole number from 0 to {MOST_HOURS}, such as 72"),
        )
    })
}

/// A whole number.
pub(super) fn number(text: &str) -> Result<u64, Wrong> {
    text.parse()
        .map_err(|_| Wrong::new(format!("{text:?} is no whole number"), "a whole number, 0 or more"))
}

/// Yes or no.
pub(super) fn yes(text: &str) -> Result<bool, Wrong> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        other => Err(Wrong::new(format!("{other:?} is neither yes nor no"), "yes or no")),
    }
}

/// One of these words.
pub(super) fn one_of(text: &str, words: &[&'static str]) -> Result<&'static str, Wrong> {
    words.iter().copied().find(|word| *word == text).ok_or_else(|| {
        let says = match words {
            [one, other] => format!("{text:?} is neither {one} nor {other}"),
            _ => format!("{text:?} is none of its words"),
        };
        Wrong::new(says, instead(text, words.iter().copied()))
    })
}

/// A service of systemd. A target or a socket may stand for anything: `poweroff.target` can be started. A name that ends in
/// no kind of unit is a service's (systemctl(1)): `php8.2-fpm`.
pub(super) fn unit(text: &str) -> Result<&str, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._:-".contains(c);
    let hint = "the name of a service, such as nginx or php8.2-fpm";
    if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
        return Err(Wrong::new(format!("{text:?} is no name of a unit"), hint));
    }
    match text.rsplit_once('.') {
        Some((_, kind)) if OTHER_KINDS.contains(&kind) => Err(Wrong::new(format!("{text:?} is not a service"), hint)),
        _ => Ok(text),
    }
}

/// Program and words of a command, once every word is filled in.
pub(super) fn command(text: &str, changes: bool) -> Result<Vec<String>, Wrong> {
    let unread = || Wrong::new(format!("{text:?} is no words of a command"), "program and words");
    let words = split(text).ok_or_else(unread)?;
    match words.first() {
        None => Err(Wrong::new("it is an empty command", "name a program")),
        // Looks change nothing: `mount` without words and `drbdadm status` are as good as any.
        Some(program) => may_be_run(program, changes).map(|()| words),
    }
}

/// A program as a file has it: who reads the runbook has to see what is run.
fn usable_as_written(program: &str, changes: bool) -> Result<(), Wrong> {
    if program.contains('{') {
        return Err(Wrong::new(
            "the program itself is a template",
            "write its name: who reads the runbook has to see what is run",
        ));
    }
    may_be_run(program, changes)
}

fn may_be_run(program: &str, changes: bool) -> Result<(), Wrong> {
    if program.trim().is_empty() {
        return Err(Wrong::new("it is an empty command", "name a program"));
    }
    usable(program, changes).map_err(|(says, hint)| Wrong::new(says, hint))
}
