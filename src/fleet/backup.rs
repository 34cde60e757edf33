//! Where backups are, and how the newest of them is tested: by commands of the site's own, without a shell.

use super::{
    decode::{List, Spanned},
    file::{self, BackupKeys, Text},
    level::check_hook_command,
    name::{HostName, SliceName, TopologyName},
    names::{Context, What},
    suggest::quote,
    yaml::NodeId,
};
use std::time::Duration;

/// How old the newest backup may be when nothing is said: a day, and two hours for making it.
const EVERY: Duration = Duration::from_hours(26);
/// How long ago the last good test may be when nothing is said: of tests on the first Sunday of each month two are at most 35 days
/// apart.
const TESTED: Duration = Duration::from_hours(35 * 24);

/// Where the backups of a slice or a database are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The host where they can be read.
    pub on: HostName,
    /// How they are listed and restored there; nothing where only the host is declared.
    pub hooks: Option<BackupHooks>,
}

/// How backups are listed and restored, by commands of the host where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupHooks {
    /// Only reads: prints a line a backup, `TIME NAME [BYTES]`, the time (RFC 3339) when it began.
    pub list: Vec<String>,
    /// Restores one: `{backup}` in a word stands for its name, `{into}` for the empty directory that it is restored to.
    pub restore: Vec<String>,
    /// Brings one to an empty filesystem of another server, run there, with the same placeholders.
    pub fetch: Option<Vec<String>>,
    /// The directory in which a directory is made for each test.
    pub scratch: String,
    /// What every backup has: paths, relative to where it is restored; of a database tables, as `database.table`.
    pub expect: Vec<String>,
    /// How old the newest backup may be.
    pub every: Duration,
    /// How long ago a backup may have been tested last, and found good.
    pub tested: Duration,
}

/// What backups are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupSubject {
    /// A slice.
    Slice(SliceName),
    /// The database of a topology.
    Database(TopologyName),
}

impl BackupSubject {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Slice(name) => name.as_str(),
            Self::Database(name) => name.as_str(),
        }
    }

    /// The part of names of files on a host that stands for it. No slice is called as a database is there: the name of a file of one
    /// has no `@`.
    #[must_use]
    pub fn file(&self) -> String {
        match self {
            Self::Slice(name) => as_file_name(name.as_str()),
            Self::Database(name) => format!("database@{}", as_file_name(name.as_str())),
        }
    }

    /// The name under which its tests are written down on the host of the backups.
    #[must_use]
    pub fn record(&self) -> String {
        format!("backup@{}", self.file())
    }
}

/// A name as part of a file name on a host: other characters than letters, digits, `-`, `_` and `.` become `_`.
#[must_use]
pub fn as_file_name(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().map(|c| if keep(c) { c } else { '_' }).collect()
}

/// The backups of one slice or database, as the host where they are is asked for them with the polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBackups {
    /// Of what they are.
    pub of: BackupSubject,
    /// The command that lists them.
    pub list: Vec<String>,
    /// How old the newest may be.
    pub every: Duration,
    /// How long ago one may have been tested last, and found good.
    pub tested: Duration,
}

impl BackupHooks {
    /// The words that restore a backup to a directory of the host where it is.
    #[must_use]
    pub fn restoring(&self, backup: &str, into: &str) -> Vec<String> {
        with(&self.restore, backup, into)
    }

    /// The words that bring a backup to a directory of another host, run there; `None` where nobody has said how.
    #[must_use]
    pub fn fetching(&self, backup: &str, into: &str) -> Option<Vec<String>> {
        Some(with(self.fetch.as_ref()?, backup, into))
    }
}

fn with(words: &[String], backup: &str, into: &str) -> Vec<String> {
    // Each word is filled in once: a name that looks like a placeholder stays a name.
    let values = [("{backup}", backup), ("{into}", into)];
    words.iter().map(|word| filled(word, &values)).collect()
}

/// Whether a path is written as the kernel tells it: what is mounted below it would not be found by another one.
fn is_direct(context: &mut Context<'_>, path: &Text) -> bool {
    let text = path.value.trim_end_matches('/');
    let good = text.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
        && !text.contains(|c: char| c.is_whitespace() || c == '\\');
    if !good {
        context
            .error(path.node, format!("{} cannot be a scratch directory", quote(&path.value)))
            .hint("write it without `//`, `/./`, `/../`, blanks and backslashes: what is mounted there is found by this path");
    }
    good
}

/// A word with what stands for its placeholders, none of which is looked for in what was filled in.
fn filled(word: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((at, (name, value))) = values
        .iter()
        .filter_map(|pair| Some((rest.find(pair.0)?, *pair)))
        .min_by_key(|(at, _)| *at)
    {
        out.push_str(&rest[..at]);
        out.push_str(value);
        rest = &rest[at + name.len()..];
    }
    out + rest
}

/// What one level (a segment, a slice) says of backups, checked.
#[derive(Debug, Clone, Default)]
pub(super) struct BackupLevel {
    on: Option<HostName>,
    list: Option<Vec<String>>,
    restore: Option<Vec<String>>,
    fetch: Option<Vec<String>>,
    scratch: Option<String>,
    expect: Option<Vec<String>>,
    every: Option<Duration>,
    tested: Option<Duration>,
}

impl BackupLevel {
    /// Checks what is given.
    pub fn compile(context: &mut Context<'_>, given: Option<&Spanned<file::Backup>>) -> Self {
        match given {
            None => Self::default(),
            Some(Spanned {
                value: file::Backup::On(host),
                node,
            }) => {
                let host = Text {
                    value: host.clone(),
                    node: *node,
                };
                Self {
                    on: resolved(context, Some(host)),
                    ..Self::default()
                }
            }
            Some(Spanned {
                value: file::Backup::Keys(keys),
                ..
            }) => Self::keys(context, keys),
        }
    }

    fn keys(context: &mut Context<'_>, keys: &BackupKeys) -> Self {
        let restore = restoring(context, keys.restore.as_ref());
        let fetch = restoring(context, keys.fetch.as_ref());
        for period in [&keys.every, &keys.tested].into_iter().flatten() {
            if period.value.0.is_zero() {
                context.error(period.node, "nothing is as new as that");
            }
        }
        let expect = keys.expect.as_ref().map(|paths| {
            let good = paths.0.iter().filter(|path| is_below(context, path));
            good.map(|path| path.value.clone()).collect()
        });
        Self {
            on: resolved(context, keys.on.clone()),
            list: keys
                .list
                .as_ref()
                .and_then(|words| check_hook_command(context, words, false)),
            restore,
            fetch,
            scratch: keys
                .scratch
                .as_ref()
                .filter(|path| context.check_path("a scratch directory", path) && is_direct(context, path))
                .map(|path| path.value.trim_end_matches('/').to_owned()),
            expect,
            every: keys.every.as_ref().map(|every| every.value.0),
            tested: keys.tested.as_ref().map(|tested| tested.value.0),
        }
    }

    /// What it comes to for something, where `weaker` is the level above: each key by the level that speaks of it. `own`
    /// stands in the words for the name of the thing.
    pub fn over(self, context: &mut Context<'_>, node: NodeId, weaker: &Self, own: (&str, &str)) -> Option<Backup> {
        let list = self.list.or_else(|| weaker.list.clone());
        let restore = self.restore.or_else(|| weaker.restore.clone());
        let fetch = self.fetch.or_else(|| weaker.fetch.clone());
        let scratch = self.scratch.or_else(|| weaker.scratch.clone());
        let on = self.on.or_else(|| weaker.on.clone());
        let any = list.is_some() || restore.is_some() || fetch.is_some() || scratch.is_some();
        let named = |words: Vec<String>| words.iter().map(|word| filled(word, &[own])).collect();
        let hooks = match (list, restore, scratch) {
            (Some(list), Some(restore), Some(scratch)) => Some(BackupHooks {
                list: named(list),
                restore: named(restore),
                fetch: fetch.map(named),
                scratch,
                expect: self.expect.or_else(|| weaker.expect.clone()).unwrap_or_default(),
                every: self.every.or(weaker.every).unwrap_or(EVERY),
                tested: self.tested.or(weaker.tested).unwrap_or(TESTED),
            }),
            _ if any && !context.notes.has_errors() => {
                context
                    .error(
                        node,
                        format!(
                            "`list`, `restore` and `scratch` of the backups of {} belong together",
                            quote(own.1)
                        ),
                    )
                    .hint("a backup is found, restored somewhere, and looked at: write all three");
                None
            }
            _ => None,
        };
        if on.is_none() && any && !context.notes.has_errors() {
            context
                .error(
                    node,
                    format!("it is not said on which host the backups of {} are", quote(own.1)),
                )
                .hint("add `on:` to `backup:`");
        }
        Some(Backup { on: on?, hooks })
    }
}

/// A command that restores a backup somewhere.
fn restoring(context: &mut Context<'_>, words: Option<&Spanned<List<String>>>) -> Option<Vec<String>> {
    let words = words?;
    let lacks = ["{backup}", "{into}"]
        .into_iter()
        .find(|name| !words.value.0.iter().any(|word| word.contains(name)));
    if let Some(name) = lacks {
        context
            .error(words.node, format!("the command to restore a backup has no {name}"))
            .hint("{backup} stands for its name, {into} for the directory that it is restored to");
        return None;
    }
    check_hook_command(context, words, true)
}

fn resolved(context: &mut Context<'_>, host: Option<Text>) -> Option<HostName> {
    let host = context.resolved(What::Host, host)?;
    Some(HostName::new(&host.value))
}

/// Whether a path leads below the directory that it is relative to.
fn is_below(context: &mut Context<'_>, path: &Text) -> bool {
    let text = &path.value;
    let good = !text.is_empty()
        && !text.contains(char::is_control)
        && text.split('/').all(|part| !part.is_empty() && part != "..");
    if !good {
        context
            .error(path.node, format!("{} is no path in a backup", quote(text)))
            .hint("write it relative to where the backup is restored, such as customers/index; of a database, database.table");
    }
    good
}
