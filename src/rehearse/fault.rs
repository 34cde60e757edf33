//! Faults as they are asked for: `KIND[:NAME][@STEP[+]][,TIME]`.

use crate::{fleet::nearest, runbook::operation::Place, runbook::plan::Plan};
use std::{fmt, time::Duration};

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A host loses its power.
    Dead,
    /// A host takes bytes and answers nothing.
    Hung,
    /// The network between the console and a host is cut.
    Cut,
    /// A host that is dead, hung or cut off is back.
    Returns,
    /// A host loses its power and boots.
    Reboot,
    /// A host does what the next step wants, and the reply is lost.
    LostReply,
    /// The next command of a step on a host fails.
    Fails,
    /// The disk is full: the console's, or a host's.
    DiskFull,
    /// An array of a host has lost a disk.
    Degraded,
    /// The two sides of a slice cannot talk.
    Partitioned,
    /// Both sides of a slice were written apart.
    SplitBrain,
    /// Somebody else takes a slice over.
    SecondOperator,
    /// A slice is away from home, and its home is back.
    FailedOver,
    /// The Galera cluster of a host has lost its primary component.
    NoPrimary,
    /// The database server of a host has crashed.
    DatabaseDown,
    /// The database of a source was failed over, and the source is back.
    DatabaseReturned,
    /// What clients know of a slice is stale.
    Stale,
    /// A slice was taken away from its clients.
    Fenced,
}

/// What a fault's name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A host.
    Host,
    /// A slice.
    Slice,
    /// A host; without a name the console.
    Console,
}

/// One kind of fault as people are told of it.
#[derive(Debug)]
pub struct About {
    /// Which.
    pub kind: Kind,
    /// Its word in `--fault`.
    pub word: &'static str,
    /// What its name names.
    pub of: Of,
    /// Whether it can be over after a time.
    pub lasts: bool,
    /// One line.
    pub about: &'static str,
}

const fn about(kind: Kind, word: &'static str, of: Of, lasts: bool, about: &'static str) -> About {
    About {
        kind,
        word,
        of,
        lasts,
        about,
    }
}

/// Every kind.
pub const KINDS: &[About] = &[
    about(Kind::Dead, "dead", Of::Host, true, "it loses its power"),
    about(Kind::Hung, "hung", Of::Host, true, "it takes bytes and answers nothing"),
    about(
        Kind::Cut,
        "cut",
        Of::Host,
        true,
        "the network between the console and it is cut; others reach it",
    ),
    about(
        Kind::Returns,
        "returns",
        Of::Host,
        false,
        "it is back after dead, hung or cut; it serves nothing by itself",
    ),
    about(
        Kind::Reboot,
        "reboot",
        Of::Host,
        false,
        "it loses its power and boots at once",
    ),
    about(
        Kind::LostReply,
        "lost-reply",
        Of::Host,
        false,
        "its next step is done, and the reply is lost",
    ),
    about(
        Kind::Fails,
        "fails",
        Of::Host,
        false,
        "its next command fails and changes nothing",
    ),
    about(
        Kind::DiskFull,
        "disk-full",
        Of::Console,
        true,
        "without a name the disk with the journal; with one that host's",
    ),
    about(
        Kind::Degraded,
        "degraded",
        Of::Host,
        true,
        "its first array has lost a disk",
    ),
    about(
        Kind::Partitioned,
        "pair-partitioned",
        Of::Slice,
        true,
        "its two sides cannot talk to each other",
    ),
    about(
        Kind::SplitBrain,
        "split-brain",
        Of::Slice,
        false,
        "both sides were written apart",
    ),
    about(
        Kind::SecondOperator,
        "second-operator",
        Of::Slice,
        true,
        "somebody else takes it over on its servers",
    ),
    about(
        Kind::FailedOver,
        "failed-over",
        Of::Slice,
        false,
        "its home died, was failed over, and is back",
    ),
    about(
        Kind::NoPrimary,
        "no-primary",
        Of::Host,
        false,
        "its Galera cluster has lost its primary component",
    ),
    about(
        Kind::DatabaseReturned,
        "db-failed-over",
        Of::Host,
        false,
        "a replica of it takes its database's writes, and it is back, closed and by itself",
    ),
    about(
        Kind::DatabaseDown,
        "db-down",
        Of::Host,
        false,
        "its Galera server has crashed",
    ),
    about(
        Kind::Stale,
        "stale",
        Of::Slice,
        false,
        "its server no longer knows what its clients have mounted",
    ),
    about(
        Kind::Fenced,
        "fenced",
        Of::Slice,
        false,
        "it was taken away from its clients, and is well again",
    ),
];

/// One fault that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// Of what; empty for the console, or for the host of the step.
    pub name: String,
    /// When; without it before the plan is made.
    pub at: Option<At>,
    /// After how long it is over.
    pub lasts: Option<Duration>,
}

/// A moment of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The step: its number from 1, or its action.
    pub step: String,
    /// Right after it is proven, not right before its commands are sent.
    pub after: bool,
}

/// A fault whose moment is a step of a plan, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// The step.
    pub step: usize,
    /// Whether it happens after it.
    pub after: bool,
    /// What happens.
    pub fault: Fault,
}

impl Kind {
    /// What people are told of it.
    #[must_use]
    pub fn about(self) -> &'static About {
        // Every kind stands in the list; a test holds that.
        KINDS.iter().find(|known| known.kind == self).unwrap_or(&KINDS[0])
    }
}

impl Fault {
    /// Reads one as typed.
    ///
    /// # Errors
    /// A sentence that says what there is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, lasts) = match text.rsplit_once(',') {
            Some((rest, time)) => (rest, Some(time)),
            None => (text, None),
        };
        let (rest, at) = match rest.rsplit_once('@') {
            Some((rest, step)) => (rest, Some(step)),
            None => (rest, None),
        };
        let (word, name) = rest.split_once(':').unwrap_or((rest, ""));
        let known = KINDS.iter().find(|known| known.word == word).ok_or_else(|| {
            let words = || KINDS.iter().map(|known| known.word);
            let hint = nearest(word, words()).map_or_else(String::new, |near| format!(": did you mean {near}?"));
            let list: Vec<&str> = words().collect();
            format!("there is no fault {word:?}{hint}; there are {}", list.join(", "))
        })?;
        let at = at.map(|step| {
            let (step, after) = step.strip_suffix('+').map_or((step, false), |step| (step, true));
            At {
                step: step.to_owned(),
                after,
            }
        });
        let of = match known.of {
            Of::Host => "HOST",
            Of::Slice => "SLICE",
            Of::Console => "",
        };
        // A fault of a host at a step is by default one of the host of that step.
        let needs_name = known.of == Of::Slice || known.of == Of::Host && at.is_none();
        if name.is_empty() && needs_name {
            return Err(format!("{word} needs a name: --fault={word}:{of}"));
        }
        if at.as_ref().is_some_and(|at| at.step.is_empty()) {
            return Err(format!(
                "{text:?}: behind @ stands a step's number or action, such as @3 or @drbd-promote"
            ));
        }
        if at.is_some() && known.kind == Kind::FailedOver {
            return Err(format!(
                "{word} is a state to begin with: it takes no step; to let a server die in a run use dead:HOST@STEP"
            ));
        }
        if lasts.is_some() && !known.lasts {
            return Err(format!("{text:?}: {word} happens once; it is not over after a time"));
        }
        let lasts =
            lasts.map(|time| seconds(time).ok_or_else(|| format!("{time:?} is no time such as 500ms, 20s or 2m")));
        Ok(Self {
            kind: known.kind,
            name: name.to_owned(),
            at,
            lasts: lasts.transpose()?,
        })
    }

    /// Finds its moment in a plan, and its host where it names none. `None` for one that happens before the plan.
    ///
    /// # Errors
    /// A sentence that says which steps there are.
    pub fn cue(&self, plan: &Plan) -> Result<Option<Cue>, String> {
        let Some(At { step, after }) = &self.at else {
            return Ok(None);
        };
        let at = match step.parse::<usize>() {
            Ok(number) => number.checked_sub(1).filter(|at| *at < plan.steps.len()),
            Err(_) => plan.steps.iter().position(|known| known.call.action == *step),
        };
        let at = at.ok_or_else(|| format!("{self}: the plan has no step {step:?}; it has {}", steps(plan)))?;
        let mut fault = self.clone();
        if fault.name.is_empty() && self.kind.about().of == Of::Host {
            match &plan.steps[at].operation.place {
                Place::Host(host) => fault.name = host.to_string(),
                Place::Console => {
                    let word = self.kind.about().word;
                    return Err(format!(
                        "{self}: step {} happens on no host: name one, {word}:HOST@{step}",
                        at + 1
                    ));
                }
            }
        }
        Ok(Some(Cue {
            step: at,
            after: *after,
            fault,
        }))
    }
}

/// The steps of a plan in one line.
fn steps(plan: &Plan) -> String {
    let steps = plan.steps.iter().enumerate();
    let words: Vec<String> = steps
        .map(|(at, step)| match &step.operation.place {
            Place::Host(host) => format!("{} {} on {host}", at + 1, step.call.action),
            Place::Console => format!("{} {}", at + 1, step.call.action),
        })
        .collect();
    words.join(", ")
}

/// Reads `500ms`, `20s` or `2m`.
fn seconds(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.about().word)?;
        if !self.name.is_empty() {
            write!(f, ":{}", self.name)?;
        }
        if let Some(at) = &self.at {
            write!(f, "@{}{}", at.step, if at.after { "+" } else { "" })?;
        }
        match self.lasts {
            Some(time) if time.subsec_millis() > 0 => write!(f, ",{}ms", time.as_millis()),
            Some(time) => write!(f, ",{}s", time.as_secs()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_is_told_of_once_and_read_back() {
        for known in KINDS {
            assert_eq!(known.kind.about().word, known.word);
            let name = if known.of == Of::Console { "" } else { ":x" };
            let fault = Fault::parse(&format!("{}{name}", known.word)).unwrap();
            assert_eq!(fault.kind, known.kind);
        }
    }

    #[test]
    fn a_fault_has_a_name_a_moment_and_a_time() {
        let fault = Fault::parse("cut:stor1@drbd-promote+,90s").unwrap();
        assert_eq!((fault.kind, fault.name.as_str()), (Kind::Cut, "stor1"));
        assert_eq!(
            fault.at,
            Some(At {
                step: "drbd-promote".into(),
                after: true
            })
        );
        assert_eq!(fault.lasts, Some(Duration::from_secs(90)));
        assert_eq!(Fault::parse("dead@3").unwrap().name, "");
        assert_eq!(Fault::parse("disk-full@3").unwrap().name, "");
        for (text, says) in [
            ("ded:stor1", "did you mean dead?"),
            ("", "there are dead, hung, cut"),
            ("dead", "--fault=dead:HOST"),
            ("split-brain@3", "--fault=split-brain:SLICE"),
            ("failed-over:web1@3", "takes no step"),
            ("dead:stor1@", "such as @3"),
            ("reboot:stor1,5s", "happens once"),
            ("dead:stor1,soon", "no time such as"),
        ] {
            let why = Fault::parse(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(fault) = Fault::parse(&text) {
                let again = Fault::parse(&fault.to_string()).unwrap();
                prop_assert_eq!(again, fault);
            }
        }

        #[test]
        fn what_is_printed_is_read_again(
            known in 0..KINDS.len(), name in "[a-z][a-z0-9.-]{0,8}", step in "[0-9]{1,2}|[a-z-]{1,8}", after: bool, millis in 1_u64..100_000,
        ) {
            let known = &KINDS[known];
            let at = (known.kind != Kind::FailedOver).then_some(At { step, after });
            let lasts = known.lasts.then_some(Duration::from_millis(millis));
            let fault = Fault { kind: known.kind, name, at, lasts };
            prop_assert_eq!(Fault::parse(&fault.to_string()), Ok(fault));
        }
    }
}
