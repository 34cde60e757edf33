//! What the journal keeps of a run: enough to go on after a crash, and for a post-mortem.

use super::End;
use serde::{Deserialize, Serialize};

/// One record. Written to the disk before the engine goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A step is about to be sent. Without an outcome after it, it may or may not have been done.
    Intent {
        /// The step, from 0.
        step: usize,
        /// Whether it is being taken back.
        back: bool,
        /// Which attempt, from 1.
        attempt: u32,
        /// The commands, as shown.
        commands: Vec<String>,
    },
    /// No whole answer came.
    Unknown {
        /// The step.
        step: usize,
        /// Whether it was being taken back.
        back: bool,
        /// What happened to the answer.
        why: String,
    },
    /// What became of a step.
    Outcome {
        /// The step.
        step: usize,
        /// Whether it was taken back.
        back: bool,
        /// What became of it.
        outcome: Outcome,
        /// What showed it.
        evidence: Vec<String>,
        /// What the commands printed, shortened.
        output: String,
    },
    /// From here on what was done is taken back.
    TurnedBack {
        /// Why.
        why: String,
        /// Whether it parks after that, and goes forwards from there when it is resumed.
        #[serde(default)]
        again: bool,
        /// The step whose connection is taken back first, whoever made it: data flowed the wrong way.
        #[serde(default)]
        halt: Option<usize>,
        /// Whether it was out of time, and is tried again by itself once everything is taken back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tries: bool,
    },
    /// Everything is taken back of a try that was out of time; the next one begins after a while.
    Again {
        /// Tries so far.
        tries: u32,
        /// Of so many.
        of: u32,
        /// What lies between the two, in seconds.
        rest_s: u64,
        /// Why this one was taken back.
        why: String,
        /// The row that is tried again, where the plan has rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<String>,
    },
    /// A row has failed: what it has done is taken back, and no row is begun any more once too many have.
    RowFailed {
        /// The row, by its name.
        row: String,
        /// Why.
        why: String,
        /// Whether it was out of time, and is tried again by itself once it is taken back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tries: bool,
    },
    /// A row has failed and stays as it is: it could not be taken back, or what became of it is not known.
    RowLeft {
        /// The row, by its name.
        row: String,
        /// Why it could not be taken back.
        why: String,
    },
    /// What each side of a slice had changed alone, as it said itself just before they were joined. What the side had
    /// whose data does not stay is thrown away.
    Alone {
        /// The slice.
        slice: String,
        /// The side whose data stays.
        kept: String,
        /// What it marks as changed since it lost its peer, in KiB; unknown where that could not be read.
        kept_kib: Option<u64>,
        /// The side that takes the other's data.
        lost: String,
        /// What it marks as changed, in KiB: no more than that is thrown away. Unknown where that could not be read.
        lost_kib: Option<u64>,
    },
    /// A person asked for something.
    Asked {
        /// Who.
        by: String,
        /// For what.
        what: String,
    },
    /// A person wants what was done taken back, and no other try. Written when it is asked for, so that it holds over a
    /// crash; a run that came to an end after it did what could be done about it.
    Cancelled {
        /// Who.
        by: String,
    },
    /// Another console goes on with the run.
    Resumed {
        /// Who.
        by: String,
    },
    /// A person wants the claims of another run taken over, by its name.
    TakesOver {
        /// The other run.
        run: String,
        /// Who.
        by: String,
    },
    /// The claims of another run were taken over on a target.
    TookOver {
        /// The other run.
        run: String,
        /// The target.
        host: String,
    },
    /// Another run has taken this one over: nothing more is done by it.
    Displaced {
        /// By which, and whose.
        by: String,
    },
    /// How it ended.
    Ended(End),
    /// The targets were given back.
    Released {
        /// Those that did not confirm it, and may still keep a claim.
        kept: Vec<String>,
    },
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Run and proven.
    Done,
    /// It was so already; nothing was run.
    AlreadySo,
    /// It failed, and its proof does not hold.
    Failed,
    /// It was refused or never sent: nothing was run.
    Refused,
    /// It was to be taken back, and nothing does that any more.
    Stays,
}
