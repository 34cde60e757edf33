//! Rows: what a plan does for one thing after the other, each of which may fail by itself.
//!
//! A row that fails is taken back alone, and the next ones go on, as long as no more rows have failed than may. What is
//! known to have failed counts; what is not known parks the whole run, and counts once a person has looked and has gone on
//! with it all the same. How many have failed follows from the journal alone, so that whoever goes on with a run stops at
//! the same row.

use super::{Doing, Effect, End, Engine, Event, Place, Record, Stage, StepState, back::changes};
use crate::runbook::{
    operation::Departure,
    plan::{Rolling, Row},
};

/// How far one row is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum RowState {
    /// Nothing has failed.
    #[default]
    Open,
    /// It failed, for this reason: what it has done is taken back.
    Failed(String),
    /// It was out of time, for this reason: what it has done is taken back, and then it is tried again.
    Late(String),
    /// It failed, and could not be taken back: it stays as it is.
    Left {
        /// Why it failed.
        failed: String,
        /// Why it could not be taken back.
        why: String,
    },
}

impl RowState {
    /// Whether it counts as one that has failed.
    const fn has_failed(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Left { .. })
    }
}

impl Engine {
    /// The row that a step belongs to.
    pub(super) fn row_of(&self, at: usize) -> Option<usize> {
        let rolling = self.plan.rolling.as_ref()?;
        rolling.rows.iter().position(|row| row.steps.contains(&at))
    }

    /// The row of that name.
    pub(super) fn row_named(&self, name: &str) -> Option<usize> {
        let rolling = self.plan.rolling.as_ref()?;
        rolling.rows.iter().position(|row| row.name == name)
    }

    /// Whether somebody waits for a row that is done by half.
    pub(super) fn is_awaited(&self) -> bool {
        self.plan.rolling.as_ref().is_some_and(|rolling| rolling.awaited)
    }

    /// Whether a row that is under way has done what nothing takes back, or may have: it is only gone on with then.
    pub(super) fn is_beyond(&self, row: usize) -> bool {
        let rolling = self.plan.rolling.as_ref().filter(|rolling| rolling.awaited);
        let steps = rolling.map_or(&[][..], |rolling| &rolling.rows[row].steps);
        !self.is_final(steps) && steps.iter().any(|at| self.stays_done(*at))
    }

    /// Whether all of these steps are done.
    fn is_final(&self, steps: &[usize]) -> bool {
        let done = |at: &usize| matches!(self.done[*at], StepState::Done | StepState::AlreadySo);
        steps.iter().all(done)
    }

    /// Whether a step is of a row that is done: nothing takes it back any more.
    pub(super) fn is_of_final_row(&self, at: usize) -> bool {
        let row = self.row_of(at).zip(self.plan.rolling.as_ref());
        row.is_some_and(|(row, rolling)| self.is_final(&rolling.rows[row].steps))
    }

    /// Who wants no more of it, as far as that stops a step: a row from which there is no way back is brought to its end.
    pub(super) fn stopped(&self, doing: &Doing) -> Option<String> {
        let goes_on = doing.back || self.row_of(doing.at).is_some_and(|row| self.is_beyond(row));
        self.cancelled.clone().filter(|_| !goes_on)
    }

    /// Whether a step is not begun any more, for what was done is taken back: all of it, or that of its row.
    pub(super) fn is_off(&self, at: usize) -> bool {
        match self.row_of(at) {
            Some(row) => self.rows[row] != RowState::Open,
            None => self.why.is_some(),
        }
    }

    /// Whether what a step has done, of which nothing was heard, is taken back and not done again.
    pub(super) fn is_turned(&self, at: usize) -> bool {
        match self.row_of(at) {
            Some(row) => self.rows[row] != RowState::Open || (self.cancelled.is_some() && !self.is_beyond(row)),
            None => self.turned,
        }
    }

    /// Takes back what is to be taken back, or goes on with what there is to do.
    pub(super) fn onwards(&mut self) -> Effect {
        if self.plan.rolling.is_some() {
            self.roll()
        } else {
            self.back_on()
        }
    }

    /// The next thing to do of a plan with rows.
    pub(super) fn roll(&mut self) -> Effect {
        if let Some(at) = self.next_of_failed() {
            return self.begin(at, true);
        }
        if let Some(effect) = self.try_row_again() {
            return effect;
        }
        if let Some(at) = self.next_of_open() {
            return self.begin(at, false);
        }
        let end = self.rolled();
        self.finish(end)
    }

    /// What is taken back next of a row that failed: the last step first.
    fn next_of_failed(&self) -> Option<usize> {
        let rolling = self.plan.rolling.as_ref()?;
        let failed = rolling.rows.iter().zip(&self.rows);
        let mut failed = failed.filter(|(_, state)| matches!(state, RowState::Failed(_) | RowState::Late(_)));
        failed.find_map(|(row, _)| {
            let mut back = row.steps.iter().rev().copied();
            back.find(|at| self.is_done(*at) && self.can_be_taken_back(*at))
        })
    }

    /// Whether anything takes a step back, on a machine that is still the one of the plan.
    fn can_be_taken_back(&self, at: usize) -> bool {
        self.plan.steps[at].undo.as_ref().is_some_and(|undo| match &undo.place {
            Place::Host(host) => !self.has_left(host, Departure::Anew),
            Place::Console => true,
        })
    }

    /// The next step of the rows that have not failed; no row is begun any more once too many have.
    fn next_of_open(&self) -> Option<usize> {
        let rolling = self.plan.rolling.as_ref()?;
        let closed = self.is_closed(rolling);
        let ahead = |at: &usize| matches!(self.done[*at], StepState::NotYet | StepState::Touched);
        let mut steps = (0..self.plan.steps.len()).filter(ahead);
        steps.find(|at| {
            let row = self.row_of(*at);
            row.is_none_or(|row| self.rows[row] == RowState::Open && !(closed && self.is_untouched(&rolling.rows[row])))
        })
    }

    /// Whether no step of a row was begun.
    fn is_untouched(&self, row: &Row) -> bool {
        row.steps.iter().all(|at| self.done[*at] == StepState::NotYet)
    }

    /// Whether no further row is begun: too many have failed, one of those that go first has, or somebody wants it so.
    fn is_closed(&self, rolling: &Rolling) -> bool {
        let failed = rolling.rows.iter().zip(&self.rows);
        let failed: Vec<&Row> = failed
            .filter(|(_, state)| state.has_failed())
            .map(|(row, _)| row)
            .collect();
        self.cancelled.is_some() || failed.len() > rolling.failures || failed.iter().any(|row| row.canary)
    }

    /// A step of a row cannot be done, or cannot be taken back: that row alone has failed.
    pub(super) fn fail_row(&mut self, row: usize, doing: &Doing, why: &str) -> Effect {
        if self.is_awaited() && (doing.back || self.is_beyond(row)) {
            // Somebody waits for it, and it comes to neither of its ends by itself: a person looks, and it goes on.
            return self.park(doing, why.to_owned(), false);
        }
        let tries = self.tries_again(Some(row));
        let why = format!("step {}: {why}", doing.at + 1);
        let name = self.name_of(row);
        let record = match &self.rows[row] {
            RowState::Open => {
                if let Some(end) = self.no_way_back(doing.at + 1, &why) {
                    return self.finish(end);
                }
                self.rows[row] = if tries {
                    RowState::Late(why.clone())
                } else {
                    RowState::Failed(why.clone())
                };
                Record::RowFailed { row: name, why, tries }
            }
            RowState::Failed(failed) | RowState::Late(failed) if doing.back => {
                let failed = failed.clone();
                self.rows[row] = RowState::Left {
                    failed,
                    why: why.clone(),
                };
                Record::RowLeft { row: name, why }
            }
            RowState::Failed(_) | RowState::Late(_) | RowState::Left { .. } => return self.roll(),
        };
        self.stage = Stage::Row;
        Effect::Write(record)
    }

    /// What became of a step of a row is not known, and somebody has looked at that before: the row stays as it is.
    fn leave_row(&mut self, row: usize, why: String) -> Effect {
        let failed = match &self.rows[row] {
            RowState::Failed(failed) => failed.clone(),
            _ => why.clone(),
        };
        self.rows[row] = RowState::Left {
            failed,
            why: why.clone(),
        };
        self.stage = Stage::Row;
        Effect::Write(Record::RowLeft {
            row: self.name_of(row),
            why,
        })
    }

    /// Leaves the row of a step whose outcome is not known, where the run has parked because of it before: it is counted
    /// as failed, and named at the end.
    pub(super) fn gives_row_up(&mut self, at: usize, why: &str) -> Option<Effect> {
        let row = self
            .row_of(at)
            .filter(|_| self.parked.contains(&at) && !self.is_awaited())?;
        Some(self.leave_row(row, format!("step {}: {why}", at + 1)))
    }

    /// The host of a step of a row that could not be claimed when the run went on, and has to be by now: it may have been
    /// booting. It is counted as reached from here on.
    pub(super) fn claims_late(&mut self, doing: &Doing) -> bool {
        match &doing.operation.place {
            Place::Host(host) if self.row_of(doing.at).is_some() && !self.is_awaited() && doing.operation.runs() => {
                self.unreached.remove(host).is_some()
            }
            _ => false,
        }
    }

    /// Takes what the journal has of rows, and of the steps because of which the run has parked.
    pub(super) fn notes_rows(&mut self, record: &Record) {
        let (name, state): (&str, fn(&str, &RowState) -> RowState) = match record {
            Record::RowFailed { row, tries: true, .. } => (row, |why, _| RowState::Late(why.to_owned())),
            Record::RowFailed { row, .. } => (row, |why, _| RowState::Failed(why.to_owned())),
            Record::RowLeft { row, .. } => (row, |why, was| RowState::Left {
                failed: match was {
                    RowState::Failed(failed) => failed.clone(),
                    _ => why.to_owned(),
                },
                why: why.to_owned(),
            }),
            Record::Ended(End::Parked {
                step, unknown: true, ..
            }) => {
                self.parked.insert(*step);
                return;
            }
            _ => return,
        };
        if let (Record::RowFailed { why, .. } | Record::RowLeft { why, .. }, Some(row)) = (record, self.row_named(name))
        {
            self.rows[row] = state(why, &self.rows[row]);
        }
    }

    /// The record of a row is written.
    pub(super) fn row_written(&mut self, event: &Event) -> Effect {
        match event {
            Event::Written(Ok(())) => self.roll(),
            _ => self.over(End::Lost),
        }
    }

    pub(super) fn name_of(&self, row: usize) -> String {
        let rolling = self.plan.rolling.as_ref();
        rolling.map_or_else(String::new, |rolling| rolling.rows[row].name.clone())
    }

    /// How a run with rows ends: every row is done, or which of them are not, and how they stand.
    fn rolled(&self) -> End {
        let Some(rolling) = &self.plan.rolling else {
            return End::Done;
        };
        let (mut done, mut failed, mut untouched, mut stays) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (row, state) in rolling.rows.iter().zip(&self.rows) {
            match state {
                RowState::Open if self.is_untouched(row) && !row.steps.is_empty() => untouched.push(row.name.as_str()),
                RowState::Open => done.push(row.name.as_str()),
                RowState::Failed(why) | RowState::Late(why) => {
                    failed.push(format!("{} ({why})", row.name));
                    stays.extend(self.stays_of(row));
                }
                RowState::Left { failed: first, why } => {
                    failed.push(format!("{} ({first})", row.name));
                    stays.push(format!("{} is left as it is: {why}; look at it", row.name));
                    stays.extend(self.stays_of(row));
                }
            }
        }
        if failed.is_empty() && untouched.is_empty() {
            return End::Done;
        }
        let mut why = match (&self.cancelled, failed.len()) {
            (Some(by), 0) => by.clone(),
            (Some(by), _) => format!("{by}; not done: {}", failed.join(", ")),
            (None, count) => format!(
                "{count} of {} failed, {}: {}",
                rolling.rows.len(),
                self.allowance(rolling),
                failed.join(", ")
            ),
        };
        if !untouched.is_empty() {
            why = format!("{why}; not begun: {}", untouched.join(", "));
        }
        if !self.underway() {
            return End::Refused { why };
        }
        if !done.is_empty() {
            stays.insert(0, format!("done and proven: {}", done.join(", ")));
        }
        stays.extend(self.displaces());
        End::Compensated { why, stays }
    }

    /// Whether so many may have failed, as part of a sentence.
    fn allowance(&self, rolling: &Rolling) -> String {
        let failed = rolling.rows.iter().zip(&self.rows);
        let mut failed = failed.filter(|(_, state)| state.has_failed());
        if failed.clone().any(|(row, _)| row.canary) {
            "one of those that go first".to_owned()
        } else if failed.by_ref().count() > rolling.failures {
            format!("more than the {} that may", rolling.failures)
        } else {
            format!("and {} may", rolling.failures)
        }
    }

    /// What stays done of a row that failed, each a sentence.
    fn stays_of(&self, row: &Row) -> Vec<String> {
        let stays = |at: &&usize| {
            let step = &self.plan.steps[**at];
            self.is_done(**at) && changes(step)
        };
        let sentence = |at: &usize| {
            let may = match self.done[*at] {
                StepState::Done => "was done",
                _ => "may or may not have been done",
            };
            let step = &self.plan.steps[*at];
            let back = if step.undo.is_some() {
                "it is not taken back"
            } else {
                "nothing takes it back"
            };
            format!("step {} ({}) {may}, and {back}", at + 1, step.operation.says)
        };
        row.steps.iter().filter(stays).map(sentence).collect()
    }
}
