//! Runs a command of a runbook's own on a host: a program and its words, without a shell, with a precondition and a proof
//! that are commands as well.

use super::{Action, Argument, ArgumentFlaw, Given};
use crate::{
    fleet::{HostName, usable},
    runbook::{
        condition::Condition,
        definition::{Call, Written},
        operation::{Claim, Nature, Operation, Place, Work},
        sight::Look,
        truth::Truth,
    },
};
use std::{collections::BTreeMap, time::Duration};

/// `command`.
#[derive(Debug)]
pub struct Command;

const RUN: &str = "run";
const NEEDS: &str = "needs";
const PROOF: &str = "proof";
const UNDO: &str = "undo";
/// On a call that takes another one back: its proof is that the other's holds no more.
const UNPROVEN: &str = "unproven";

const fn of(name: &'static str, optional: bool, about: &'static str) -> Argument {
    Argument { name, optional, about }
}

const ARGUMENTS: &[Argument] = &[
    of("host", false, "the host that it runs on"),
    of(RUN, false, "program and words; no shell reads them"),
    of(
        PROOF,
        false,
        "a command that only reads: its exit code is 0 once the work is done, and not before",
    ),
    of(
        NEEDS,
        true,
        "a command that only reads: its exit code has to be 0 before",
    ),
    of(UNDO, true, "program and words that take it back"),
    of(
        "repeatable",
        true,
        "yes where running it twice is running it once; no if not given",
    ),
    of("seconds", true, "how long it may take; 60 if not given"),
    of(
        "settles",
        true,
        "how long the proof may take to come true afterwards; 10 if not given",
    ),
    of(
        UNPROVEN,
        true,
        "yes: the proof has to fail instead; for what takes back",
    ),
];

impl Action for Command {
    fn name(&self) -> &'static str {
        "command"
    }

    fn about(&self) -> &'static str {
        "run a command of your own on a host: a program and its words, with a precondition and a proof"
    }

    fn arguments(&self) -> &'static [Argument] {
        ARGUMENTS
    }

    fn lists(&self) -> &'static [&'static str] {
        &[RUN, NEEDS, PROOF, UNDO]
    }

    fn flaws(&self, with: &BTreeMap<String, Written>) -> Vec<ArgumentFlaw> {
        let lists = [RUN, NEEDS, PROOF, UNDO].into_iter();
        let programs = lists.filter_map(|name| Some((name, with.get(name)?.templates().first())));
        let mut flaws = Vec::new();
        for (name, program) in programs {
            let wrong = match program {
                None => Err(("it is an empty command".to_owned(), "name a program".to_owned())),
                Some(program) if program.contains('{') => Err((
                    "the program itself is a template".to_owned(),
                    "write its name: who reads the runbook has to see what is run".to_owned(),
                )),
                // Looks change nothing: `mount` without words and `drbdadm status` are as good as any.
                Some(program) => usable(program, name == RUN || name == UNDO),
            };
            if let Err((says, hint)) = wrong {
                flaws.push(ArgumentFlaw {
                    argument: name.to_owned(),
                    says,
                    hint,
                });
            }
        }
        flaws
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = given.host()?;
        if !given.layouts.concerns(host) {
            return Err(format!("{host} is no host that this plan is about"));
        }
        let has = |name: &str| given.call.with.contains_key(name);
        let flag = |name: &str| match given.call.with.get(name).map(String::as_str) {
            None | Some("no" | "false") => Ok(false),
            Some("yes" | "true") => Ok(true),
            Some(other) => Err(format!("{name}: {other:?} is neither yes nor no")),
        };
        let seconds = |name: &str, usual: u64| {
            if has(name) {
                given.seconds(name)
            } else {
                Ok(Duration::from_secs(usual))
            }
        };
        let run = given.words(RUN)?;
        for (name, changes) in [(RUN, true), (UNDO, true), (NEEDS, false), (PROOF, false)] {
            if has(name) {
                let words = given.words(name)?;
                usable(&words[0], changes).map_err(|(says, hint)| format!("{name}: {says}; {hint}"))?;
            }
        }
        let needs = has(NEEDS).then(|| given.words(NEEDS)).transpose()?;
        let proof = given.words(PROOF)?;
        let back = flag(UNPROVEN)?;
        let repeatable = flag("repeatable")?;
        let undo = has(UNDO).then(|| undo_of(given.call));
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("run {} on {host}", run.join(" ")),
            needs: needs.into_iter().map(|argv| ends_well(host, argv, true)).collect(),
            expects: Vec::new(),
            work: Work::Commands(vec![run]),
            proof: vec![ends_well(host, proof, !back)],
            deadline: seconds("seconds", 60)?,
            settles_within: seconds("settles", 10)?,
            nature: if repeatable {
                Nature::Idempotent
            } else {
                Nature::Probeable
            },
            retry: None,
            undo,
            claims: vec![Claim::Command { host: host.clone() }],
        })
    }
}

/// The call that takes a call back: its proof is that the other's is no longer so.
fn undo_of(call: &Call) -> Call {
    let mut with = call.with.clone();
    for name in [NEEDS, UNDO, "repeatable"] {
        with.remove(name);
    }
    if let Some(undo) = call.with.get(UNDO) {
        with.insert(RUN.to_owned(), undo.clone());
    }
    with.insert(UNPROVEN.to_owned(), "yes".to_owned());
    Call {
        action: call.action.clone(),
        with,
    }
}

/// The command ends with exit code 0, or, where that is not `wanted`, with another one of its own. A program that is not
/// there (127), cannot be run (126) or was killed (above 128) has said neither.
pub(super) fn ends_well(host: &HostName, argv: Vec<String>, wanted: bool) -> Condition {
    let shown = argv.join(" ");
    let look = Look::new(host, argv);
    let read = look.clone();
    let says = if wanted {
        format!("`{shown}` succeeds on {host}")
    } else {
        format!("`{shown}` succeeds no more on {host}")
    };
    let name = host.clone();
    Condition::new(says, vec![look], move |sight| match sight.printed(&read) {
        Ok(printed) if printed.exit == 126 || printed.exit == 127 || printed.exit > 128 => Truth::Unknown(format!(
            "`{shown}` could not be run on {name} (exit code {})",
            printed.exit
        )),
        Ok(printed) => {
            let seen = format!("`{shown}` ended with exit code {} on {name}", printed.exit);
            Truth::of((printed.exit == 0) == wanted, seen)
        }
        Err(why) => Truth::Unknown(why),
    })
}
