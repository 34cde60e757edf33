//! Another try by itself: a run that was out of time is taken back, lets some time pass, and begins anew. The journal keeps
//! count, so that whoever goes on with it tries no more often than was consented to.

use super::{Effect, End, Engine, Event, HOLD_PIECE, Record, Stage, StepState, back::changes};
use crate::facts::UnixMs;

impl Engine {
    /// Whether a step that fails is tried again once the run is taken back.
    pub(super) fn tries_again(&mut self) -> bool {
        let late = std::mem::take(&mut self.late);
        let left = self.plan.again.is_some_and(|again| self.tries + 1 < again.tries);
        late && left && self.cancelled.is_none()
    }

    /// Everything is taken back, for another try: writes that.
    pub(super) fn try_again(&mut self, why: String) -> Option<Effect> {
        let again = self.plan.again?;
        // What it was too late to take back would be done over.
        if !self.retries || self.cancelled.is_some() || self.done.contains(&StepState::Stays) {
            return None;
        }
        self.stage = Stage::Anew;
        Some(Effect::Write(Record::Again {
            tries: self.tries + 1,
            of: again.tries,
            rest_s: again.rest.as_secs(),
            why,
        }))
    }

    /// That is written: from here on it is as if nothing had been done, but for what nothing takes back.
    pub(super) fn anew(&mut self, event: &Event) -> Effect {
        match event {
            Event::Written(Ok(())) => {
                self.begins_anew();
                self.back_off(self.now, self.now)
            }
            _ => self.over(End::Lost),
        }
    }

    pub(super) fn begins_anew(&mut self) {
        (self.why, self.turned, self.retries) = (None, false, false);
        self.tries += 1;
        self.backs_off = true;
        self.seen.clear();
        for at in 0..self.done.len() {
            let step = &self.plan.steps[at];
            let stays = self.done[at] == StepState::Done && step.undo.is_none() && changes(step);
            // It is done again, and told at the end if that comes to nothing.
            self.done[at] = if stays { StepState::Touched } else { StepState::NotYet };
        }
    }

    /// Lets the time pass, in pieces: a person may cancel in between.
    pub(super) fn back_off(&mut self, since: UnixMs, looked: UnixMs) -> Effect {
        if let Some(by) = self.cancelled.clone() {
            let stays = self.stays().into_iter().chain(self.displaces()).collect();
            return self.finish(End::Compensated {
                why: format!("cancelled by {by}"),
                stays,
            });
        }
        let rest = self.plan.again.map(|again| again.rest).unwrap_or_default();
        let since = if self.paused {
            since + self.now.since(looked)
        } else {
            since
        };
        let left = rest.saturating_sub(self.now.since(since));
        if left.is_zero() && !self.paused {
            self.backs_off = false;
            return self.go_on();
        }
        self.stage = Stage::BackingOff {
            since,
            looked: self.now,
        };
        Effect::Wait(left.clamp(std::time::Duration::from_millis(1), HOLD_PIECE))
    }

    /// For how long it waits before its next try, in words.
    pub(super) fn waits_for_next_try(&self, since: UnixMs) -> Option<String> {
        let again = self.plan.again?;
        let left = again.rest.saturating_sub(self.now.since(since)).as_secs();
        Some(format!(
            "try {} of {} begins in {left} s; everything is as it was before",
            self.tries + 1,
            again.tries
        ))
    }
}
