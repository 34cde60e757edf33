//! Runs a command of a runbook's own on a host: a program and its words, without a shell, with a precondition and a proof
//! that are commands as well.

use super::{Action, Argument, Given, Takes};
use crate::{
    fleet::HostName,
    runbook::{
        condition::Condition,
        definition::Call,
        operation::{Claim, Nature, Operation, Place, Work},
        sight::Look,
        truth::Truth,
    },
};
/// `command`.
#[derive(Debug)]
pub struct Command;

const RUN: &str = "run";
const NEEDS: &str = "needs";
const PROOF: &str = "proof";
const UNDO: &str = "undo";
/// On a call that takes another one back: its proof is that the other's holds no more.
const UNPROVEN: &str = "unproven";

const fn of(name: &'static str, optional: bool, takes: Takes, about: &'static str) -> Argument {
    Argument {
        name,
        optional,
        takes,
        about,
    }
}

const CHANGES: Takes = Takes::Command { changes: true };
const READS: Takes = Takes::Command { changes: false };

const ARGUMENTS: &[Argument] = &[
    of("host", false, Takes::Known, "the host that it runs on"),
    of(RUN, false, CHANGES, "program and words; no shell reads them"),
    of(
        PROOF,
        false,
        READS,
        "a command that only reads: its exit code is 0 once the work is done, and not before",
    ),
    of(
        NEEDS,
        true,
        READS,
        "a command that only reads: its exit code has to be 0 before",
    ),
    of(UNDO, true, CHANGES, "program and words that take it back"),
    of(
        "repeatable",
        true,
        Takes::YesNo,
        "yes where running it twice is running it once; no if not given",
    ),
    of("seconds", true, Takes::Seconds, "how long it may take; 60 if not given"),
    of(
        "settles",
        true,
        Takes::Seconds,
        "how long the proof may take to come true afterwards; 10 if not given",
    ),
    of(
        UNPROVEN,
        true,
        Takes::YesNo,
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

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = given.host()?;
        if !given.layouts.concerns(host) {
            return Err(format!("{host} is no host that this plan is about"));
        }
        let run = given.words(RUN, true)?;
        let needs = given.maybe(NEEDS).map(|_| given.words(NEEDS, false)).transpose()?;
        let proof = given.words(PROOF, false)?;
        let back = given.is_yes(UNPROVEN)?;
        let repeatable = given.is_yes("repeatable")?;
        let undo = match given.maybe(UNDO) {
            None => None,
            Some(_) => given.words(UNDO, true).map(|_| Some(undo_of(given.call)))?,
        };
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("run {} on {host}", run.join(" ")),
            needs: needs.into_iter().map(|argv| ends_well(host, argv, true)).collect(),
            expects: Vec::new(),
            work: Work::Commands(vec![run]),
            proof: vec![ends_well(host, proof, !back)],
            deadline: given.seconds_or("seconds", 60)?,
            settles_within: given.seconds_or("settles", 10)?,
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
