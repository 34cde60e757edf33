//! What the engine asks for, and what it is told.

use super::Record;
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::{
        operation::Question,
        sight::{Glimpse, Look, Printed},
        target::{Request, Said},
    },
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When something came of an effect, by both clocks of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The clock that people see; it may be set, forwards and back.
    pub clock: UnixMs,
    /// The time since any moment of this process, by a clock that nobody sets.
    pub passed: Duration,
}

/// The one thing to do next. Each is answered by exactly one [`Event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Look at hosts; answered by [`Event::Seen`].
    Look(Vec<Look>),
    /// Call a target once, never again by itself; answered by [`Event::Answered`].
    Call {
        /// The target.
        host: HostName,
        /// What it is asked.
        request: Request,
        /// Without an answer for so long, the answer is lost.
        deadline: Duration,
    },
    /// Run a command of the console itself; answered by [`Event::Ran`].
    Local {
        /// Program and arguments.
        argv: Vec<String>,
        /// It is ended after so long.
        deadline: Duration,
    },
    /// Run a harmless command on several hosts at once; answered by [`Event::Nudged`].
    Nudge {
        /// The hosts.
        hosts: Vec<HostName>,
        /// Program and arguments.
        argv: Vec<String>,
        /// How long each may take; who does not answer at once is not waited for.
        deadline: Duration,
    },
    /// Ask a person; answered by [`Event::Replied`] or, while nobody has answered, by [`Event::Woken`].
    Ask(Question),
    /// Write a record, on the disk before the answer; answered by [`Event::Written`].
    Write(Record),
    /// Come back after so long, or when a person says something; answered by [`Event::Woken`].
    Wait(Duration),
    /// It is over.
    Finish(End),
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The run begins, or goes on after a restart.
    Begun,
    /// What the looks gave.
    Seen(Vec<(Look, Glimpse)>),
    /// What the target answered.
    Answered(Answer),
    /// What a command of the console itself printed, or why that is not known.
    Ran(Result<Printed, String>),
    /// What each host printed, or why that is not known.
    Nudged(Vec<(HostName, Result<Printed, String>)>),
    /// A person has answered.
    Replied {
        /// Who.
        by: String,
        /// What was typed.
        word: String,
    },
    /// The record is on the disk, or why not.
    Written(Result<(), String>),
    /// Time has passed, or a person said something.
    Woken,
}

/// What came of calling a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its whole answer.
    Said(Vec<Said>),
    /// It was not even sent: nothing can have happened.
    NotSent(String),
    /// No whole answer came: whether it ran is not known.
    Lost(String),
}

/// What a person may ask of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Stop before the next change.
    Pause,
    /// Go on.
    Resume,
    /// Take back what was done; by whom.
    Cancel(String),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    /// All steps done and proven.
    Done,
    /// Nothing was changed.
    Refused {
        /// Why.
        why: String,
    },
    /// What was done was taken back, and that is proven, but for what is listed.
    Compensated {
        /// Why it could not go on.
        why: String,
        /// What stays done because nothing takes it back, each with what to do about it.
        #[serde(default)]
        stays: Vec<String>,
    },
    /// It stopped in a named state that a person has to look at.
    Parked {
        /// The step it stopped at.
        step: usize,
        /// Why.
        why: String,
        /// What to do next.
        next: String,
        /// Whether it is not known if a command ran.
        unknown: bool,
    },
    /// Another run holds a target.
    Held {
        /// Who holds it.
        by: String,
    },
    /// The journal cannot be written, so nothing more is done.
    Lost,
}

impl End {
    /// The exit code of `--batch run`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused { .. } => 10,
            Self::Compensated { stays, .. } if stays.is_empty() => 11,
            Self::Compensated { .. } | Self::Parked { unknown: false, .. } => 12,
            Self::Parked { unknown: true, .. } | Self::Lost => 13,
            Self::Held { .. } => 14,
        }
    }
}
