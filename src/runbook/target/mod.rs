//! What is sent to a target, and what it answers: the functions that are needed, then lines that call them.
//!
//! The lines are plain shell words. Real hosts give them to `sh`; simulated hosts read the same lines by
//! themselves. Every check that must not be apart from its command is a line of the same call.

mod functions;
#[cfg(test)]
mod shell_tests;

pub use functions::Taught;

use super::{operation::Expect, sight::Printed};
use crate::remote::quote::{QuoteError, join};
use std::fmt::Write as _;

/// What is run on a target; the [script](Request::script) comes on its standard input. The last word only names it
/// in the target's list of processes.
pub const COMMAND: &str = "sh -s pointsman-step";

/// The line between the functions and the lines that call them.
pub const MARK: &str = "#lines";

/// How a block ends.
pub const BLOCK_END: &str = ")\nsay over\n";

/// The last line of the answer to a block, also when its shell died in the middle.
pub const OVER: &str = "@over\n";

/// Who a target has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `/etc/machine-id`.
    pub machine_id: String,
    /// The boot that the plan saw; `None` where a reboot in between does no harm.
    pub boot_id: Option<String>,
}

/// A claim on an object (a slice, a host pair) as the targets keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// Its fencing token: higher than every one before it.
    pub token: u64,
    /// Who runs it: `user@console`.
    pub owner: String,
}

/// One call of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Reads, and nothing else.
    Look(Vec<Vec<String>>),
    /// Asks for the highest token of each object.
    Tokens(Vec<String>),
    /// Takes the objects for a run, and waits until what was sent by an older token has ended.
    Claim {
        /// Who the target must be.
        identity: Identity,
        /// Object names.
        objects: Vec<String>,
        /// For whom.
        holder: Holder,
        /// Runs whose claims are taken over: nothing of theirs is obeyed there any more.
        over: Vec<String>,
    },
    /// Gives the objects back.
    Release {
        /// Who the target must be.
        identity: Identity,
        /// Object names.
        objects: Vec<String>,
        /// By whom.
        holder: Holder,
    },
    /// Runs a step.
    Act {
        /// Who the target must be.
        identity: Identity,
        /// Objects that the run must hold here.
        objects: Vec<String>,
        /// By whom.
        holder: Holder,
        /// Names this attempt of this step in this run.
        key: String,
        /// What the state must be.
        expects: Vec<Expect>,
        /// What is run.
        commands: Vec<Vec<String>>,
        /// What is looked at afterwards, in the same call.
        looks: Vec<Vec<String>>,
    },
    /// Runs a command that does no harm wherever it runs, however often and however late.
    Nudge(Vec<String>),
    /// Asks what became of a step that was sent, after everything sent by older tokens has ended.
    Receipt {
        /// Who the target must be.
        identity: Identity,
        /// The attempt.
        key: String,
    },
}

/// How long a target waits for a command of an older call to end, in seconds.
const LOCK_SECONDS: u32 = 10;

/// How long a target keeps the receipts of runs that hold nothing there any more, in days.
const KEPT_DAYS: u32 = 30;

impl Request {
    /// The lines that call the functions.
    ///
    /// # Errors
    /// [`QuoteError`] when a word cannot be one word of a shell.
    pub fn lines(&self) -> Result<String, QuoteError> {
        let mut out = String::new();
        let mut line = |words: &[&str]| -> Result<(), QuoteError> {
            let _ = writeln!(out, "{}", join(words)?);
            Ok(())
        };
        match self {
            Self::Look(looks) => {
                for argv in looks {
                    line(&words("look", argv))?;
                }
            }
            Self::Tokens(objects) => {
                for object in objects {
                    line(&["token", object])?;
                }
            }
            Self::Claim {
                identity,
                objects,
                holder,
                over,
            } => {
                line(&identity.words())?;
                line(&["begin", &LOCK_SECONDS.to_string()])?;
                for object in objects {
                    let token = holder.token.to_string();
                    let mut claim = vec!["claim", object, &token, &holder.run, &holder.owner];
                    claim.extend(over.iter().map(String::as_str));
                    line(&claim)?;
                }
            }
            Self::Release {
                identity,
                objects,
                holder,
            } => {
                line(&identity.words())?;
                line(&["begin", &LOCK_SECONDS.to_string()])?;
                for object in objects {
                    line(&["release", object, &holder.token.to_string(), &holder.run])?;
                }
                line(&["prune", &KEPT_DAYS.to_string()])?;
            }
            Self::Act {
                identity,
                objects,
                holder,
                key,
                expects,
                commands,
                looks,
            } => {
                line(&identity.words())?;
                line(&["begin", &LOCK_SECONDS.to_string()])?;
                for object in objects {
                    line(&["holds", object, &holder.token.to_string(), &holder.run])?;
                }
                for expect in expects {
                    line(&words(
                        "expect",
                        &[std::slice::from_ref(&expect.pattern), &expect.argv[..]].concat(),
                    ))?;
                }
                line(&["once", key])?;
                for argv in commands {
                    line(&words("run", argv))?;
                }
                line(&["finish"])?;
                for argv in looks {
                    line(&words("look", argv))?;
                }
            }
            Self::Nudge(argv) => line(&words("nudge", argv))?,
            Self::Receipt { identity, key } => {
                line(&identity.words())?;
                line(&["begin", &LOCK_SECONDS.to_string()])?;
                line(&["receipt", key])?;
            }
        }
        line(&["say", "end"])?;
        Ok(out)
    }

    /// The whole script for a POSIX shell that has read nothing yet.
    ///
    /// # Errors
    /// As [`Request::lines`].
    pub fn script(&self) -> Result<String, QuoteError> {
        let block = self.block()?;
        Ok(Taught::default().missing(&block) + &block)
    }

    /// What a shell is given that has read the [functions](Taught) which it needs. The lines are one compound command: of a block that was cut
    /// short on its way, a shell runs none of them; else it would run the beginning of a line as if it were the whole.
    /// They run in a shell of their own, which a refusal ends; the one that reads on says when it is [over](OVER).
    ///
    /// # Errors
    /// As [`Request::lines`].
    pub fn block(&self) -> Result<String, QuoteError> {
        Ok(format!("(\n{MARK}\n{}{BLOCK_END}", self.lines()?))
    }
}

impl Identity {
    fn words(&self) -> [&str; 3] {
        ["whoami", &self.machine_id, self.boot_id.as_deref().unwrap_or("any")]
    }
}

fn words<'a>(verb: &'a str, argv: &'a [String]) -> Vec<&'a str> {
    std::iter::once(verb).chain(argv.iter().map(String::as_str)).collect()
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing was changed: the kind of refusal and what was seen.
    Refused(String, String),
    /// The objects are taken.
    Claimed(String),
    /// The object was taken over from a run.
    Took {
        /// The object.
        object: String,
        /// The run that held it.
        run: String,
    },
    /// The object was given back.
    Released(String),
    /// The highest token of an object, and who holds it.
    Token {
        /// The object.
        object: String,
        /// The token.
        token: u64,
        /// The run that holds it.
        run: Option<String>,
        /// Its owner.
        owner: Option<String>,
    },
    /// The commands ran; exit code of the first that failed, or 0.
    Ran(Printed),
    /// The step was sent before; what became of it.
    Receipt(Receipt),
    /// What a look printed.
    Looked(Printed),
}

/// What a target knows of a step that was sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It never began here.
    None,
    /// It began; it did not end, and nothing of it runs any more.
    Begun,
    /// It ended.
    Ended(Printed),
}

/// Reads an answer. `None` when it was cut short: what happened is then unknown.
#[must_use]
pub fn parse(answer: &[u8]) -> Option<Vec<Said>> {
    let mut said: Vec<Said> = Vec::new();
    let mut rest = answer;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        rest = &rest[end + 1..];
        let mut words = line.strip_prefix('@')?.split(' ');
        match words.next()? {
            "end" => return Some(said),
            "again" | "ready" => {}
            "refused" => {
                let kind = words.next()?.to_owned();
                said.push(Said::Refused(kind, words.collect::<Vec<_>>().join(" ")));
            }
            "claimed" => said.push(Said::Claimed(words.next()?.to_owned())),
            "took" => said.push(Said::Took {
                object: words.next()?.to_owned(),
                run: words.next()?.to_owned(),
            }),
            "released" => said.push(Said::Released(words.next()?.to_owned())),
            "token" => {
                let object = words.next()?.to_owned();
                let token = words.next()?.parse().ok()?;
                let known = |word: &str| (word != "-").then(|| word.to_owned());
                let run = known(words.next()?);
                let owner = known(words.next()?);
                said.push(Said::Token {
                    object,
                    token,
                    run,
                    owner,
                });
            }
            "ran" => said.push(Said::Ran(printed(words.next()?)?)),
            "look" => said.push(Said::Looked(printed(words.next()?)?)),
            "receipt" => said.push(Said::Receipt(match words.next()? {
                "none" => Receipt::None,
                "begun" => Receipt::Begun,
                "ended" => words.next()?.parse().map_or(Receipt::Begun, |exit| {
                    Receipt::Ended(Printed {
                        exit,
                        text: String::new(),
                    })
                }),
                _ => return None,
            })),
            "output" => {
                let size: usize = words.next()?.parse().ok()?;
                let text = String::from_utf8_lossy(rest.get(..size)?).into_owned();
                rest = rest.get(size..)?.strip_prefix(b"\n")?;
                match said.last_mut()? {
                    Said::Ran(printed) | Said::Looked(printed) | Said::Receipt(Receipt::Ended(printed)) => {
                        printed.text = text;
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

fn printed(exit: &str) -> Option<Printed> {
    Some(Printed {
        exit: exit.parse().ok()?,
        text: String::new(),
    })
}
