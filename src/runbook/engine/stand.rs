//! Where a run stands, for whoever watches it. Nothing is decided by it.

use super::{
    Doing, Engine, Part, RESOLVE_EVERY, Stage, UNSURE_EVERY, UNSURE_WITHIN, UNSURE_WITHIN_BACK, resolve::within,
};
use std::time::Duration;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// The step under way, from 0.
    pub step: Option<usize>,
    /// Whether it is being taken back.
    pub back: bool,
    /// What is being done.
    pub phase: Phase,
    /// What it waits for, in words; kept while it looks again.
    pub waits: Option<String>,
    /// How often it asks again, and for how long still, before it gives up; where it waits for an answer.
    pub patience: Option<Patience>,
    /// What still has to flow from one side of the slice to the other, in KiB, where that is waited for.
    pub left_kib: Option<u64>,
}

/// How long something that is not known is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Between two questions.
    pub every: Duration,
    /// Until it is given up.
    pub left: Duration,
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Takes the targets for itself.
    Claiming,
    /// Looks at what a step needs.
    Checking,
    /// Waits: paused, or for another try.
    Resting,
    /// What a step needs is not known: waits before it looks again.
    Unsure,
    /// Commands run.
    Running,
    /// Lets time pass.
    Holding,
    /// Waits for a person.
    Asking,
    /// An answer was lost: finds out what became of the step.
    Resolving,
    /// Looks for the proof.
    Proving,
    /// Begins to take back what was done.
    Turning,
    /// Writes how it ended and gives the targets back.
    Ending,
    /// Over.
    Over,
}

impl Engine {
    /// Where it stands.
    #[must_use]
    pub fn stand(&self) -> Stand {
        let phase = match &self.stage {
            Stage::Asking(_) | Stage::Claiming(_) | Stage::Reclaiming(_) | Stage::Taking(..) => Phase::Claiming,
            Stage::Turning { .. } | Stage::Row | Stage::Anew(_) => Phase::Turning,
            Stage::BackingOff { since, .. } => {
                return Stand {
                    step: None,
                    back: false,
                    phase: Phase::Resting,
                    waits: self.waits_for_next_try(*since),
                    patience: None,
                    left_kib: None,
                };
            }
            Stage::Releasing(..) | Stage::Released(_) | Stage::Displacing(_) | Stage::Ending(_) => Phase::Ending,
            Stage::Over(_) => Phase::Over,
            Stage::Step(doing) => {
                return Stand {
                    step: Some(doing.at),
                    back: doing.back,
                    phase: match &doing.part {
                        Part::Checking => Phase::Checking,
                        Part::Resting => Phase::Resting,
                        Part::Unsure => Phase::Unsure,
                        Part::Counting | Part::Intending | Part::Unsent(_) | Part::Refusing(_) | Part::Running => {
                            Phase::Running
                        }
                        Part::Holding => Phase::Holding,
                        Part::Inquiring => Phase::Asking,
                        Part::Noting | Part::Sealing | Part::Fetching => Phase::Resolving,
                        Part::Proving(_) | Part::Patient(_) | Part::Concluding => Phase::Proving,
                    },
                    waits: doing.waits.clone(),
                    patience: self.patience(doing),
                    left_kib: doing.left_kib,
                };
            }
        };
        Stand {
            step: None,
            back: false,
            phase,
            waits: None,
            patience: None,
            left_kib: None,
        }
    }

    fn patience(&self, doing: &Doing) -> Option<Patience> {
        let (every, within, since) = match doing.part {
            Part::Noting | Part::Sealing | Part::Fetching => (RESOLVE_EVERY, within(&doing.operation), doing.since),
            Part::Unsure | Part::Checking => {
                let within = if doing.back { UNSURE_WITHIN_BACK } else { UNSURE_WITHIN };
                (UNSURE_EVERY, within, doing.unsure?)
            }
            _ => return None,
        };
        let left = within.saturating_sub(self.now.since(since));
        Some(Patience { every, left })
    }
}
