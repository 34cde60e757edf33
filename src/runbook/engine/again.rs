//! Another try by itself: a run, or a row of one, that was out of time is taken back, lets some time pass, and begins anew. The
//! journal keeps count, so that whoever goes on with it tries no more often than was consented to.

use super::{Effect, End, Engine, Event, HOLD_PIECE, Record, Stage, StepState, back::changes, rows::RowState};
use crate::{facts::UnixMs, runbook::plan::Again};

impl Engine {
    /// Whether a step that fails, of that row, is tried again once the run, or the row, is taken back.
    pub(super) fn tries_again(&mut self, row: Option<usize>) -> bool {
        let late = std::mem::take(&mut self.late);
        let tries = self.tries[row.unwrap_or_default()];
        let left = self.plan.again.is_some_and(|again| tries + 1 < again.tries);
        late && left && self.cancelled.is_none()
    }

    /// Everything is taken back, for another try: writes that.
    pub(super) fn try_again(&mut self, why: String) -> Option<Effect> {
        let again = self.plan.again?;
        // What it was too late to take back would be done over.
        if !self.retries || self.cancelled.is_some() || self.done.contains(&StepState::Stays) {
            return None;
        }
        Some(self.tries_anew(None, again, why))
    }

    /// A row that was out of time is taken back: writes that it is tried again, unless it cannot be by now.
    pub(super) fn try_row_again(&mut self) -> Option<Effect> {
        let rolling = self.plan.rolling.as_ref()?;
        let (row, why) = self.rows.iter().enumerate().find_map(|(row, state)| match state {
            RowState::Late(why) => Some((row, why.clone())),
            _ => None,
        })?;
        let mut steps = rolling.rows[row].steps.iter();
        let stays = steps.any(|at| self.done[*at] == StepState::Stays);
        if let Some(again) = self.plan.again.filter(|_| !stays && self.cancelled.is_none()) {
            return Some(self.tries_anew(Some(row), again, why));
        }
        self.rows[row] = RowState::Failed(why);
        None
    }

    fn tries_anew(&mut self, row: Option<usize>, again: Again, why: String) -> Effect {
        self.stage = Stage::Anew(row);
        Effect::Write(Record::Again {
            tries: self.tries[row.unwrap_or_default()] + 1,
            of: again.tries,
            rest_s: again.rest.as_secs(),
            why,
            row: row.map(|row| self.name_of(row)),
        })
    }

    /// That is written: from here on it is as if nothing had been done, but for what nothing takes back.
    pub(super) fn anew(&mut self, row: Option<usize>, event: &Event) -> Effect {
        match event {
            Event::Written(Ok(())) => {
                self.begins_anew(row);
                self.back_off(self.now, self.now)
            }
            _ => self.over(End::Lost),
        }
    }

    pub(super) fn begins_anew(&mut self, row: Option<usize>) {
        (self.why, self.turned, self.retries) = (None, false, false);
        self.tries[row.unwrap_or_default()] += 1;
        (self.backs_off, self.anew) = (true, row);
        self.seen.clear();
        if let Some(row) = row {
            self.rows[row] = RowState::Open;
        }
        for at in (0..self.done.len())
            .filter(|at| row.is_none() || self.row_of(*at) == row)
            .collect::<Vec<_>>()
        {
            let step = &self.plan.steps[at];
            let stays = self.done[at] == StepState::Done && step.undo.is_none() && changes(step);
            // It is done again, and told at the end if that comes to nothing.
            self.done[at] = if stays { StepState::Touched } else { StepState::NotYet };
        }
    }

    /// Lets the time pass, in pieces: a person may cancel in between.
    pub(super) fn back_off(&mut self, since: UnixMs, looked: UnixMs) -> Effect {
        if self.cancelled.is_some() && self.anew.is_some() {
            // Nothing is begun any more, and what is done of other rows stays.
            self.backs_off = false;
            return self.roll();
        }
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
            return if self.anew.is_some() { self.roll() } else { self.go_on() };
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
        let tries = self.tries[self.anew.unwrap_or_default()] + 1;
        let of = self
            .anew
            .map_or_else(String::new, |row| format!(" of {}", self.name_of(row)));
        let what = if of.is_empty() { "everything" } else { "it" };
        Some(format!(
            "try {tries} of {}{of} begins in {left} s; {what} is as it was before",
            again.tries
        ))
    }
}
