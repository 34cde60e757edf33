//! Backups: how they are listed, the scratch directory in which one is restored, and what comes of looking at it (the functions
//! of `backup.sh`). All of it is read strictly: a host that keeps backups may say anything.

use crate::{
    facts::CleanText,
    fleet::HostName,
    runbook::{
        condition::Condition,
        observe::task,
        sight::{Look, Sight},
        truth::Truth,
    },
};

pub use crate::facts::proof::{Found, Listed, Told, choose, parse_list, span};

/// So long may a list take, seconds: all looks at a host together have eight.
pub const LIST_S: &str = "5";

/// The look that lists backups: the site's own command, which is ended when it takes too long.
#[must_use]
pub fn list_look(host: &HostName, argv: &[String]) -> Look {
    let limit = ["timeout", "-s", "KILL", LIST_S].map(str::to_owned);
    Look::new(host, limit.into_iter().chain(argv.iter().cloned()))
}

/// The look that tells what is at the place of a scratch directory.
#[must_use]
pub fn scratch_look(host: &HostName, place: &str) -> Look {
    Look::new(host, ["scratch_state", place])
}

/// The look that tells what the last test has found.
#[must_use]
pub fn told_look(host: &HostName, name: &str) -> Look {
    Look::new(host, ["backup_told", name])
}

/// What is at the place of a scratch directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scratch {
    /// Nothing, or an empty directory.
    Free,
    /// A directory of ours, with that mark.
    Ours(String),
    /// Something else.
    Used(String),
}

impl Scratch {
    /// Reads what `scratch_state` prints.
    ///
    /// # Errors
    /// A sentence, when that is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = text.strip_suffix('\n').filter(|line| !line.contains('\n'));
        match line.map(|line| line.split_once(' ').unwrap_or((line, ""))) {
            Some(("free", "")) => Ok(Self::Free),
            Some(("mark", mark)) if !mark.is_empty() => Ok(Self::Ours(mark.to_owned())),
            Some(("used", what)) if !what.is_empty() => Ok(Self::Used(CleanText::new(what).as_str().to_owned())),
            _ => Err(format!("{} does not say what is there", CleanText::new(text).tail(80))),
        }
    }
}

fn on_scratch(
    host: &HostName,
    place: &str,
    says: String,
    judge: impl Fn(&Scratch) -> bool + Send + Sync + 'static,
) -> Condition {
    let (name, at) = (host.clone(), place.to_owned());
    Condition::on(says, scratch_look(host, place), move |text| {
        match Scratch::parse(text) {
            Err(why) => Truth::Unknown(format!("{at} of {name}: {why}")),
            Ok(found) => {
                let seen = match &found {
                    Scratch::Free => format!("nothing is at {at} of {name}"),
                    Scratch::Ours(mark) => format!("{at} of {name} is marked as {}", CleanText::new(mark)),
                    Scratch::Used(what) => format!("{at} of {name} is no scratch directory of ours: {what}"),
                };
                Truth::of(judge(&found), seen)
            }
        }
    })
}

/// The scratch directory is ours, by that mark.
#[must_use]
pub fn is_ours(host: &HostName, place: &str, mark: &str) -> Condition {
    let wanted = Scratch::Ours(mark.to_owned());
    let says = format!("{place} of {host} is the scratch directory of this test");
    on_scratch(host, place, says, move |found| *found == wanted)
}

/// Nothing is at its place.
#[must_use]
pub fn is_free(host: &HostName, place: &str) -> Condition {
    let says = format!("nothing is at {place} of {host}");
    on_scratch(host, place, says, |found| *found == Scratch::Free)
}

/// Nothing is at its place, or it is ours by that mark: nothing of anybody else is written over or removed.
#[must_use]
pub fn is_nobodys(host: &HostName, place: &str, mark: &str) -> Condition {
    let wanted = Scratch::Ours(mark.to_owned());
    let says = format!("{place} of {host} is free, or the scratch directory of such a test");
    on_scratch(host, place, says, move |found| {
        *found == wanted || *found == Scratch::Free
    })
}

/// What the task that looks at the backup has found.
fn found(sight: &Sight, look: &Look) -> Result<Found, String> {
    let task = task::one(sight.text(look)?)?;
    Found::parse(task.log.iter().map(String::as_str))
}

/// What was found is written down.
#[must_use]
pub fn is_told(host: &HostName, name: &str, check: &str, backup: &str) -> Condition {
    let (task, told) = (task::look(host, check), told_look(host, name));
    let (on, backup) = (host.clone(), backup.to_owned());
    Condition::new(
        format!("{host} keeps what was found in {backup}"),
        vec![task.clone(), told.clone()],
        move |sight| match (found(sight, &task), sight.text(&told).and_then(Told::parse)) {
            (Err(why), _) | (_, Err(why)) => Truth::Unknown(format!("{on}: {why}")),
            (Ok(found), Ok(Some(told))) if told.backup == backup && told.found == found => {
                Truth::Yes(format!("{on} keeps what was found in {backup}"))
            }
            (Ok(_), Ok(_)) => Truth::No(format!("{on} does not keep what was found in {backup}")),
        },
    )
}

/// What that task has found is whole, where there is no more to compare it with.
#[must_use]
pub fn is_whole(host: &HostName, check: &str, backup: &str) -> Condition {
    let (task, backup) = (task::look(host, check), backup.to_owned());
    let read = task.clone();
    Condition::new(
        format!("{backup} has brought what every backup has"),
        vec![task],
        move |sight| match found(sight, &read) {
            Err(why) => Truth::Unknown(format!("{}: {why}", read.host)),
            Ok(found) => match found.trouble(0) {
                None => Truth::Yes(format!(
                    "{backup} has brought {} files, {} MiB",
                    found.files,
                    found.bytes >> 20
                )),
                Some(why) => Truth::No(format!("what {backup} has brought is not whole: {why}")),
            },
        },
    )
}

/// What is written down of that backup says that it is good.
#[must_use]
pub fn is_good(host: &HostName, name: &str, backup: &str) -> Condition {
    let (on, backup) = (host.clone(), backup.to_owned());
    Condition::on(
        format!("{backup} is good"),
        told_look(host, name),
        move |text| match Told::parse(text) {
            Err(why) => Truth::Unknown(format!("{on}: {why}")),
            Ok(Some(told)) if told.backup == backup => match told.found.trouble(told.may) {
                None => Truth::Yes(format!("{backup} is good: {}", told.found)),
                Some(why) => Truth::No(format!("{backup} was tested and is NOT good: {why}")),
            },
            Ok(_) => Truth::No(format!("{on} keeps nothing of a test of {backup}")),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = Scratch::parse(&text);
        }
    }
}
