//! Long tasks that a target keeps: what `task` and `tasks` of `task.sh` print, read strictly.

use crate::{
    fleet::HostName,
    runbook::{condition::Condition, sight::Look, truth::Truth},
};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// It was never begun.
    None,
    /// It runs.
    Running {
        /// Since it began, seconds.
        seconds: u64,
        /// How long it may run unwatched, seconds; below zero when that is over.
        lease_s: i64,
    },
    /// It stands still.
    Held {
        /// Since it began, seconds.
        seconds: u64,
    },
    /// It has ended.
    Ended {
        /// How long it took, seconds.
        seconds: u64,
        /// Its exit code.
        code: i32,
    },
    /// It was begun, does not run, and nobody knows how it ended: it was ended, or the host was.
    Vanished,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub is: Is,
    /// Its words.
    pub argv: String,
    /// The last lines of what it printed, once it has ended.
    pub log: Vec<String>,
}

impl Task {
    /// Whether it may still do something.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        matches!(self.is, Is::Running { .. } | Is::Held { .. })
    }

    /// The figure behind a title in what it printed, such as rsync's `Number of files: 1,234 (reg: …)`.
    #[must_use]
    pub fn figure(&self, title: &str) -> Option<u64> {
        let line = self.log.iter().rev().find_map(|line| line.strip_prefix(title))?;
        let digits = line.trim_start_matches(':').split_whitespace().next()?.replace(',', "");
        digits.parse().ok()
    }

    /// The last lines of it that say anything, for a sentence.
    #[must_use]
    pub fn last_words(&self) -> String {
        let said = self.log.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
        let lines: Vec<&str> = said.collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }
}

/// The look that tells of one task.
#[must_use]
pub fn look(host: &HostName, name: &str) -> Look {
    Look::new(host, ["task", name])
}

/// The look that tells of all numbered parts of a task.
#[must_use]
pub fn parts_look(host: &HostName, name: &str) -> Look {
    Look::new(host, ["tasks", name])
}

/// Reads what either prints.
///
/// # Errors
/// A sentence that says why it is not that: cut short, or another text.
pub fn parse(text: &str) -> Result<Vec<Task>, String> {
    let mut out: Vec<Task> = Vec::new();
    let bad = |line: &str| format!("{line:?} is nothing of a task");
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, out.last_mut()) {
            ("end", _) if rest.is_empty() => return Ok(out),
            ("task", _) => out.push(headed(rest).ok_or_else(|| bad(line))?),
            ("argv", Some(task)) => rest.clone_into(&mut task.argv),
            ("log", Some(task)) => task.log.push(rest.to_owned()),
            _ => return Err(bad(line)),
        }
    }
    Err("what it says of tasks was cut short".to_owned())
}

fn headed(rest: &str) -> Option<Task> {
    let words: Vec<&str> = rest.split(' ').collect();
    // A clock that was set back does not make a task begin in the future.
    let seconds = |word: &str| {
        word.parse::<i64>()
            .ok()
            .map(|seconds| u64::try_from(seconds).unwrap_or(0))
    };
    let (name, is) = match words.as_slice() {
        [name, "none"] => (name, Is::None),
        [name, "vanished"] => (name, Is::Vanished),
        [name, "running", time, lease] => (
            name,
            Is::Running {
                seconds: seconds(time)?,
                lease_s: lease.parse().ok()?,
            },
        ),
        [name, "held", time, _] => (
            name,
            Is::Held {
                seconds: seconds(time)?,
            },
        ),
        [name, "ended", time, code] => (
            name,
            Is::Ended {
                seconds: seconds(time)?,
                code: code.parse().ok()?,
            },
        ),
        _ => return None,
    };
    Some(Task {
        name: (*name).to_owned(),
        is,
        argv: String::new(),
        log: Vec::new(),
    })
}

/// The one task of that name.
///
/// # Errors
/// A sentence that says why it is not known.
pub fn one(text: &str) -> Result<Task, String> {
    let mut all = parse(text)?.into_iter();
    match (all.next(), all.next()) {
        (Some(task), None) => Ok(task),
        _ => Err("not one task is told of".to_owned()),
    }
}

/// The task runs.
#[must_use]
pub fn runs(host: &HostName, name: &str) -> Condition {
    let (on, task) = (host.clone(), name.to_owned());
    Condition::on(
        format!("{name} runs on {host}"),
        look(host, name),
        move |text| match one(text) {
            Ok(found) => Truth::of(
                matches!(found.is, Is::Running { .. }),
                format!("{task} {} on {on}", said(found.is)),
            ),
            Err(why) => Truth::Unknown(format!("{task} on {on}: {why}")),
        },
    )
}

/// Nothing of the task runs, nor of its numbered parts.
#[must_use]
pub fn rests(host: &HostName, name: &str) -> Condition {
    let looks = [look(host, name), parts_look(host, name)];
    let (on, task) = (host.clone(), name.to_owned());
    Condition::new(
        format!("nothing of {name} runs on {host}"),
        looks.to_vec(),
        move |sight| {
            for look in &looks {
                match sight.text(look).and_then(parse) {
                    Ok(found) => {
                        if let Some(alive) = found.iter().find(|found| found.is_alive()) {
                            return Truth::No(format!("{} {} on {on}", alive.name, said(alive.is)));
                        }
                    }
                    Err(why) => return Truth::Unknown(format!("{task} on {on}: {why}")),
                }
            }
            Truth::Yes(format!("nothing of {task} runs on {on}"))
        },
    )
}

/// The task was never begun, nor any of its numbered parts, or all of that is forgotten.
#[must_use]
pub fn is_unknown(host: &HostName, name: &str) -> Condition {
    let looks = [look(host, name), parts_look(host, name)];
    let (on, task) = (host.clone(), name.to_owned());
    Condition::new(format!("{host} knows of no {name}"), looks.to_vec(), move |sight| {
        for look in &looks {
            match sight.text(look).and_then(parse) {
                Ok(found) => {
                    if let Some(known) = found.iter().find(|found| found.is != Is::None) {
                        return Truth::No(format!("{} {} on {on}", known.name, said(known.is)));
                    }
                }
                Err(why) => return Truth::Unknown(format!("{task} on {on}: {why}")),
            }
        }
        Truth::Yes(format!("{on} knows of no {task}"))
    })
}

/// Where it stands, as part of a sentence.
#[must_use]
pub fn said(is: Is) -> String {
    match is {
        Is::None => "was not begun".to_owned(),
        Is::Running { seconds, .. } => format!("runs for {seconds} s"),
        Is::Held { .. } => "stands still".to_owned(),
        Is::Ended { seconds, code } => format!("ended after {seconds} s with exit code {code}"),
        Is::Vanished => "does not run, and how it ended is not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_or_strange_is_not_known() {
        let whole = "task a.1 ended 12 24\nargv rsync -a\nlog Number of files: 1,234 (reg: 9)\nlog \ntask a.2 running 3 -4\nargv rsync -a\nend\n";
        let found = parse(whole).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].is, Is::Ended { seconds: 12, code: 24 });
        assert_eq!(found[0].figure("Number of files"), Some(1234));
        assert_eq!(
            found[1].is,
            Is::Running {
                seconds: 3,
                lease_s: -4
            }
        );
        assert_eq!(parse("end\n").unwrap(), []);
        for end in 0..whole.len() - 4 {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
        for strange in [
            "task a\nend\n",
            "task a dances\nend\n",
            "log x\nend\n",
            "task a ended 1 x\nend\n",
            "Segmentation fault\n",
        ] {
            assert!(parse(strange).is_err(), "{strange}");
        }
        // A clock that was set back.
        assert_eq!(
            parse("task a ended -3 0\nend\n").unwrap()[0].is,
            Is::Ended { seconds: 0, code: 0 }
        );
    }
}
