//! How long a run still takes: by what its steps usually take, and by how fast a resync is seen to go.

use super::progress::{Progress, StepProgress, StepState};
use crate::{
    facts::UnixMs,
    runbook::{
        operation::{Claim, Operation, Work},
        planner::show,
    },
};
use std::{collections::VecDeque, fmt, time::Duration};

/// The speed of a resync is taken over so long at most: it changes with what clients do.
const WINDOW: Duration = Duration::from_secs(30);
/// Less time than this tells no speed.
const SPAN: Duration = Duration::from_secs(1);
/// Between two lines of the log about a resync.
const SAY_EVERY: Duration = Duration::from_secs(15);
/// A flow that is waited for no longer than this is only looked at, not waited for.
const BRIEF: Duration = Duration::from_mins(1);

/// What is left of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Remaining {
    /// How long the steps usually take that are left; the resync, where its speed is known.
    pub time: Duration,
    /// The resync that is waited for.
    pub resync: Option<Resync>,
    /// Whether a resync is left that nobody can tell the length of (yet); it is not in the time.
    pub resync_ahead: bool,
    /// Whether a person has to answer; that is not in the time.
    pub person: bool,
}

/// What is left of a resync.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resync {
    /// Not yet equal on both sides, KiB.
    pub left_kib: u64,
    /// How fast it goes, KiB/s, by what was seen of it; unknown at first, and while nothing moves.
    pub speed_kib_s: Option<f64>,
}

impl Resync {
    /// When it is over, at that speed.
    #[must_use]
    pub fn time(&self) -> Option<Duration> {
        let seconds = self.left_kib as f64 / self.speed_kib_s?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// What was seen of a resync.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    seen: VecDeque<(UnixMs, u64)>,
    said: Option<UnixMs>,
}

impl Flow {
    /// Takes what is left now; `None` when no resync is waited for. Gives a line for the log now and then.
    pub(super) fn take(&mut self, at: UnixMs, left_kib: Option<u64>) -> Option<String> {
        let Some(left) = left_kib else {
            *self = Self::default();
            return None;
        };
        // More than before: another resync, or a clock that was set back. What was seen before tells nothing of it.
        if self.seen.back().is_some_and(|(when, last)| *last < left || *when > at) {
            self.seen.clear();
        }
        if self.seen.back().is_none_or(|(when, _)| *when < at) {
            self.seen.push_back((at, left));
        }
        while self.seen.len() > 2 && self.seen.get(1).is_some_and(|(when, _)| at.since(*when) > WINDOW) {
            self.seen.pop_front();
        }
        let due = self.said.is_none_or(|said| at.since(said) >= SAY_EVERY);
        let resync = self
            .resync()
            .filter(|resync| due && resync.left_kib > 0 && resync.speed_kib_s.is_some())?;
        self.said = Some(at);
        Some(resync.to_string())
    }

    /// What is left, and how fast that gets less.
    pub(super) fn resync(&self) -> Option<Resync> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let span = last.0.since(first.0);
        let moved = first.1.saturating_sub(last.1);
        let known = span >= SPAN && moved > 0;
        Some(Resync {
            left_kib: last.1,
            speed_kib_s: known.then(|| moved as f64 / span.as_secs_f64()),
        })
    }
}

/// How long a step usually takes; `None` where it waits for a person or a resync.
pub(super) fn expected(operation: &Operation) -> Option<Duration> {
    let flows = operation.claims.iter().any(|claim| matches!(claim, Claim::Flow { .. }));
    match &operation.work {
        Work::Ask(_) | Work::Watch(_) => None,
        Work::Hold(time) => Some(*time),
        _ if flows && operation.settles_within > BRIEF => None,
        _ => Some(show::usual(operation)),
    }
}

impl Progress {
    /// What is left of the run; `None` when it is over, or was left.
    #[must_use]
    pub fn remaining(&self) -> Option<Remaining> {
        if self.end.is_some() || self.left {
            return None;
        }
        let back = self
            .steps
            .iter()
            // What was taken back of one slice is over while the next one moves.
            .any(|step| {
                step.state == StepState::Undoing || (step.state == StepState::Undone && self.moving.is_empty())
            });
        let open = |step: &&StepProgress| match step.state {
            StepState::Done | StepState::Undoing => back && step.undo.is_some(),
            _ => !back && !step.state.is_settled(),
        };
        let mut left = Remaining {
            time: Duration::ZERO,
            resync: self.flow.resync(),
            resync_ahead: false,
            person: false,
        };
        for step in self.steps.iter().filter(open) {
            let spent = step.began.map_or(Duration::ZERO, |began| self.at.since(began));
            match step.expected {
                _ if back => left.time += step.expected.unwrap_or_default(),
                Some(usual) => left.time += usual.saturating_sub(spent),
                None if step.asks => left.person = true,
                None => match left
                    .resync
                    .filter(|_| step.began.is_some())
                    .and_then(|resync| resync.time())
                {
                    Some(time) => left.time += time,
                    None => left.resync_ahead = true,
                },
            }
        }
        Some(left)
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resync = self.resync.filter(|resync| resync.left_kib > 0);
        // What nobody knows the length of comes first: the seconds of the steps behind it say little.
        match (self.resync_ahead, resync) {
            (true, Some(resync)) => write!(f, "how long it takes is not known yet ({resync})")?,
            (true, None) => f.write_str("how long it takes is not known yet: a resync is ahead")?,
            (false, Some(resync)) => write!(f, "about {} left ({resync})", words(self.time))?,
            (false, None) => write!(f, "about {} left", words(self.time))?,
        }
        if self.person {
            f.write_str(", and a person's answer")?;
        }
        Ok(())
    }
}

impl fmt::Display for Resync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resync: {:.1} MiB left", self.left_kib as f64 / 1024.0)?;
        if let (Some(speed), Some(time)) = (self.speed_kib_s, self.time()) {
            write!(f, " at {:.1} MiB/s, about {}", speed / 1024.0, words(time))?;
        }
        Ok(())
    }
}

/// A length of time as people say it.
pub(super) fn words(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_resync_follows_from_what_was_seen_of_it() {
        let mut flow = Flow::default();
        assert_eq!(flow.take(UnixMs(1_000), Some(600 * 1024)), None);
        assert_eq!(flow.resync().unwrap().time(), None, "one look tells no speed");
        let said = flow.take(UnixMs(11_000), Some(500 * 1024)).unwrap();
        assert_eq!(said, "resync: 500.0 MiB left at 10.0 MiB/s, about 50 s");
        // It stands still: the longer it does, the slower it is seen to be.
        flow.take(UnixMs(21_000), Some(500 * 1024));
        assert_eq!(flow.resync().unwrap().time(), Some(Duration::from_secs(100)));
        // More than before is another resync.
        flow.take(UnixMs(22_000), Some(900 * 1024));
        assert_eq!(flow.resync().unwrap().time(), None);
        // A clock that is set forward by an hour is forgotten with the window.
        flow.take(UnixMs(3_622_000), Some(890 * 1024));
        for second in 1..40 {
            flow.take(UnixMs(3_622_000 + second * 1000), Some((890 - second) * 1024));
        }
        let speed = flow.resync().unwrap().speed_kib_s.unwrap();
        assert!((speed - 1024.0).abs() < 50.0, "{speed}");
        flow.take(UnixMs(3_700_000), None);
        assert_eq!(flow.resync(), None);
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, said) in [
            (0.2, "1 s"),
            (59.0, "59 s"),
            (200.0, "3 min 20 s"),
            (7500.0, "2 h 5 min"),
        ] {
            assert_eq!(words(Duration::from_secs_f64(seconds)), said);
        }
    }
}
