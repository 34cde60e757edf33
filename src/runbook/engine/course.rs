//! The course of a run: claims, from step to step, turning back, ending, and going on after a crash.

use super::{Context, Doing, Effect, End, Engine, Holder, Part, Place, Plan, Record, Stage, StepState, back::changes};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::operation::{Nature, Operation, Work},
};

impl Engine {
    /// Goes on with a run whose console ended in its middle, by what the journal has of it.
    #[must_use]
    pub fn resume(
        plan: Plan,
        run: String,
        owner: String,
        records: &[Record],
        back: Option<String>,
        now: UnixMs,
    ) -> Self {
        let mut engine = Self::new(plan, run, owner, now);
        engine.resumed = true;
        // What was claimed by the process before is not known.
        engine.claimed = engine.plan.targets.keys().cloned().collect();
        let (mut open, mut cancelled) = (None, None);
        // How far each step was before it was sent last.
        let mut before = engine.done.clone();
        // Whether somebody went on with it, and has not found out yet where it stands.
        let mut resumed = false;
        for record in records {
            let unresolved = resumed;
            resumed = stays_unresolved(record, unresolved);
            engine.notes_rows(record);
            match record {
                Record::Intent {
                    step, back, attempt, ..
                } => {
                    open = Some((*step, *back, *attempt));
                    engine.backs_off = false;
                    // Nothing is taken back of a run that goes forwards, but of a row of it.
                    engine.turned |= *back && engine.row_of(*step).is_none();
                    // All targets were claimed by then, and it is written of whom they were taken over.
                    engine.may_have.clear();
                    let highest = engine.attempts.entry((*step, *back)).or_default();
                    *highest = (*highest).max(*attempt);
                    if let Some(state) = engine.done.get_mut(*step) {
                        before[*step] = *state;
                        // What only looks has changed nothing, whatever became of it.
                        if !back && changes(&engine.plan.steps[*step]) {
                            *state = StepState::Touched;
                        }
                    }
                }
                Record::Outcome {
                    step, back, outcome, ..
                } => {
                    open = None;
                    if let Some(state) = engine.done.get_mut(*step) {
                        *state = match (back, outcome) {
                            // That attempt ran nothing; one before it may have.
                            (false, super::Outcome::Refused) => before[*step],
                            (true, super::Outcome::Refused) | (_, super::Outcome::Failed) => *state,
                            (true, super::Outcome::Stays) => StepState::Stays,
                            (true, _) => StepState::Undone,
                            (false, super::Outcome::AlreadySo) if *state == StepState::NotYet => StepState::AlreadySo,
                            (false, _) => StepState::Done,
                        };
                    }
                }
                Record::TurnedBack { halt, .. } => {
                    engine.notes_turned(record);
                    // Whoever goes on with a run writes that it turns back before it finds out what became of the step
                    // that was on its way: that is as open as before.
                    if !unresolved || halt.is_some() {
                        open = None;
                    }
                }
                Record::Again { row, .. } => {
                    open = None;
                    let row = row.as_deref().and_then(|row| engine.row_named(row));
                    engine.begins_anew(row);
                }
                Record::RowFailed { .. } | Record::RowLeft { .. } => open = None,
                // Unless it says otherwise, it was known at its end what became of every step.
                Record::Ended(end) => {
                    // A run that stopped on its way has not answered who wanted it back, unless there is no way back.
                    if !matches!(end, End::Parked { .. }) || engine.irreversible().is_some() {
                        cancelled = None;
                    }
                    if !matches!(end, End::Parked { unknown: true, .. }) {
                        open = None;
                    }
                    engine.forwards_again(end);
                }
                Record::Cancelled { by } => cancelled = Some(format!("cancelled by {by}")),
                Record::Alone { slice, .. } => _ = engine.counted.insert(slice.clone()),
                Record::TakesOver { run, .. } => {
                    engine.over.push(run.clone());
                    engine.may_have.insert(run.clone());
                }
                Record::TookOver { run, host } => engine.notes_taken(run.clone(), HostName::new(host.as_str())),
                Record::Unknown { .. }
                | Record::Asked { .. }
                | Record::Resumed { .. }
                | Record::Displaced { .. }
                | Record::Released { .. } => {}
            }
        }
        // Whoever wants it back wants no other try, and whoever has wanted it so is obeyed after a crash as well.
        let back = back.or(cancelled);
        engine.again &= back.is_none();
        engine.retries &= back.is_none();
        if engine.why.is_none() {
            engine.why = if engine.turned {
                Some(back.unwrap_or_else(|| "it was being taken back".to_owned()))
            } else {
                back
            };
        }
        if engine.plan.rolling.is_some() {
            // Rows that are done stay done: whoever wants it back wants no more of it.
            engine.cancelled.clone_from(&engine.why);
        }
        engine.pending = open.and_then(|(step, back, attempt)| {
            let mut doing = engine.doing(step, back)?;
            doing.attempt = attempt;
            doing.before = before[step];
            doing.sent = Some(now);
            Some(doing)
        });
        engine
    }

    /// It turned back.
    fn notes_turned(&mut self, record: &Record) {
        let Record::TurnedBack {
            why,
            again,
            halt,
            tries,
        } = record
        else {
            return;
        };
        self.why = Some(why.clone());
        self.turned = true;
        (self.again, self.retries) = (*again, *tries);
        self.halt = halt.filter(|at| *at < self.done.len());
        if let Some(at) = self.halt {
            // Whoever made that connection.
            self.done[at] = StepState::Touched;
        }
    }

    /// A run that took back a part of what it did, and parked to be gone on with, goes forwards from there.
    fn forwards_again(&mut self, end: &End) {
        if !self.again || !matches!(end, End::Parked { unknown: false, .. }) || !self.is_back() {
            return;
        }
        (self.why, self.turned, self.again, self.halt) = (None, false, false, None);
        for state in &mut self.done {
            match state {
                StepState::Undone => *state = StepState::NotYet,
                StepState::Stays => *state = StepState::Done,
                _ => {}
            }
        }
    }

    pub(super) fn holder(&self, host: &HostName) -> Holder {
        Holder {
            run: self.run.clone(),
            token: self.tokens.get(host).copied().unwrap_or_default(),
            owner: self.owner.clone(),
        }
    }

    pub(super) fn context(&self, back: bool) -> Context<'_> {
        let fenced = self
            .plan
            .steps
            .iter()
            .zip(&self.done)
            .filter(|(_, state)| **state == StepState::Done || **state == StepState::AlreadySo)
            .flat_map(|(step, _)| {
                let off = &step.operation.proof;
                step.operation.fences().map(move |host| (host, off.clone()))
            });
        let promoted = self
            .plan
            .steps
            .iter()
            .zip(&self.done)
            .filter(|(_, state)| !matches!(**state, StepState::NotYet | StepState::AlreadySo))
            .flat_map(|(step, _)| step.operation.promotes());
        Context {
            plan: &self.plan,
            fenced: fenced.collect(),
            promoted: promoted.collect(),
            back,
        }
    }

    /// Whether anything may have been changed already.
    pub(super) fn underway(&self) -> bool {
        self.pending.is_some()
            || self
                .done
                .iter()
                .any(|state| !matches!(state, StepState::NotYet | StepState::AlreadySo))
    }

    /// All targets are claimed: goes on where the run stands.
    pub(super) fn enter(&mut self) -> Effect {
        if let Some(mut doing) = self.pending.take() {
            if self.claims_late(&doing) {
                doing.since = self.now;
                return self.seal(doing);
            }
            self.pending = Some(doing);
        }
        if let Some(end) = self.out_of_reach() {
            return self.finish(end);
        }
        if let Some(why) = self.why.clone().filter(|_| !self.turned) {
            return self.turn_resumed(why);
        }
        if let Some(mut doing) = self.pending.take() {
            // The claim has sealed what was sent before; the receipt tells what became of it.
            doing.since = self.now;
            if doing.operation.place == Place::Console {
                // What a person said, or how long it was waited, is not on any target: from the start.
                let (at, back) = (doing.at, doing.back);
                let only_looks = |work: &Work| matches!(work, Work::Commands(commands) if commands.is_empty());
                let work = &doing.operation.work;
                if !back && (matches!(work, Work::Ask(_) | Work::Hold(_) | Work::Nudge { .. }) || only_looks(work)) {
                    // It has changed nothing, so there is nothing of it to take back either.
                    self.done[at] = StepState::NotYet;
                    if self.is_off(at) {
                        return self.onwards();
                    }
                }
                let began = matches!(work, Work::Local(argv) if !argv.is_empty());
                let fences = doing.operation.fences().next().is_some();
                if !back && began && !fences && doing.operation.nature == Nature::Probeable {
                    // What the console before has begun goes on without it, for as long as it may take: a second one beside it
                    // is begun by nobody. To switch a host off twice does no harm, and an emergency does not wait.
                    doing.operation.settles_within = doing.operation.settles_within.max(doing.operation.deadline);
                    return self.prove(doing, None);
                }
                if !back && self.is_turned(at) {
                    // What is taken back is not begun once more, above all no fencing: only what became of it counts.
                    return self.prove(doing, Some("it was begun before the run was taken back".into()));
                }
                return self.begin(at, back);
            }
            return self.fetch(doing);
        }
        if self.why.is_none() && self.backs_off {
            return self.back_off(self.now, self.now);
        }
        if self.why.is_some() || self.plan.rolling.is_some() {
            return self.onwards();
        }
        self.go_on()
    }

    /// Goes on with the first step that is not done.
    pub(super) fn go_on(&mut self) -> Effect {
        match self
            .done
            .iter()
            .position(|state| matches!(state, StepState::NotYet | StepState::Touched))
        {
            Some(at) => self.begin(at, false),
            None => self.finish(End::Done),
        }
    }

    pub(super) fn doing(&self, at: usize, back: bool) -> Option<Doing> {
        let step = self.plan.steps.get(at)?;
        let operation: Operation = if back {
            step.undo.clone()?
        } else {
            step.operation.clone()
        };
        Some(Doing {
            at,
            back,
            part: Part::Resting,
            attempt: self.attempts.get(&(at, back)).copied().unwrap_or_default(),
            before: self.done.get(at).copied().unwrap_or(StepState::NotYet),
            tries: 0,
            redo: false,
            since: self.now,
            sent: None,
            operation,
            looks: Vec::new(),
            unsure: None,
            waits: None,
            rested: self.now,
            left_kib: None,
            steering: None,
            orders: Vec::new(),
        })
    }

    pub(super) fn begin(&mut self, at: usize, back: bool) -> Effect {
        match self.doing(at, back) {
            Some(doing) => self.check(doing),
            None => self.finish(End::Done),
        }
    }

    /// The step is over: the next one.
    pub(super) fn next(&mut self, at: usize, back: bool) -> Effect {
        if back || self.why.is_some() || self.plan.rolling.is_some() {
            // A step that was found done while the run was already turning back is taken back as well.
            return self.onwards();
        }
        match self
            .done
            .iter()
            .skip(at + 1)
            .position(|state| matches!(state, StepState::NotYet | StepState::Touched))
        {
            Some(offset) => self.begin(at + 1 + offset, false),
            None => self.finish(End::Done),
        }
    }

    /// The journal cannot be written.
    pub(super) fn unwritable(&mut self, _doing: &Doing, _why: &str) -> Effect {
        self.over(End::Lost)
    }

    /// The driver answered something else than what was asked: nothing can be concluded from it.
    pub(super) fn lost_thread(&mut self, doing: &Doing) -> Effect {
        self.park(doing, "an answer that was not asked for".into(), true)
    }

    pub(super) fn finish(&mut self, end: End) -> Effect {
        self.stage = Stage::Ending(end.clone());
        Effect::Write(Record::Ended(end))
    }

    pub(super) fn over(&mut self, end: End) -> Effect {
        self.stage = Stage::Over(end.clone());
        Effect::Finish(end)
    }
}

/// Whether it is still to be found out where a run stands that somebody went on with.
fn stays_unresolved(record: &Record, resumed: bool) -> bool {
    match record {
        Record::Resumed { .. } => true,
        Record::Asked { .. } | Record::Cancelled { .. } | Record::TakesOver { .. } | Record::TookOver { .. } => resumed,
        _ => false,
    }
}
