//! The course of a run: claims, from step to step, turning back, ending, and going on after a crash.

use super::{Context, Doing, Effect, End, Engine, Event, Holder, Part, Place, Plan, Record, Stage, StepState};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::{
        operation::{Claim, Nature, Operation, Work},
        plan::Rule,
    },
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
        // What was claimed by the process before is not known.
        engine.claimed = engine.plan.targets.keys().cloned().collect();
        let mut open = None;
        for record in records {
            match record {
                Record::Intent {
                    step, back, attempt, ..
                } => {
                    open = Some((*step, *back, *attempt));
                    // Nothing is taken back of a run that goes forwards.
                    engine.turned |= *back;
                    let highest = engine.attempts.entry((*step, *back)).or_default();
                    *highest = (*highest).max(*attempt);
                    if let Some(state) = engine.done.get_mut(*step)
                        && !back
                    {
                        *state = StepState::Touched;
                    }
                }
                Record::Outcome {
                    step, back, outcome, ..
                } => {
                    open = None;
                    if let Some(state) = engine.done.get_mut(*step) {
                        *state = match (back, outcome) {
                            (_, super::Outcome::Failed | super::Outcome::Refused) => *state,
                            (true, _) => StepState::Undone,
                            (false, super::Outcome::AlreadySo) if *state == StepState::NotYet => StepState::AlreadySo,
                            (false, _) => StepState::Done,
                        };
                    }
                }
                Record::TurnedBack { why } => {
                    engine.why = Some(why.clone());
                    engine.turned = true;
                    open = None;
                }
                // Unless it says otherwise, it was known at its end what became of every step.
                Record::Ended(end) => {
                    if !matches!(end, End::Parked { unknown: true, .. }) {
                        open = None;
                    }
                }
                Record::TakesOver { run, .. } => engine.over.push(run.clone()),
                Record::Unknown { .. }
                | Record::Asked { .. }
                | Record::Resumed { .. }
                | Record::TookOver { .. }
                | Record::Displaced { .. }
                | Record::Released { .. } => {}
            }
        }
        if engine.why.is_none() {
            engine.why = if engine.turned {
                Some(back.unwrap_or_else(|| "it was being taken back".to_owned()))
            } else {
                back
            };
        }
        engine.pending = open.and_then(|(step, back, attempt)| {
            let mut doing = engine.doing(step, back)?;
            doing.attempt = attempt;
            doing.sent = Some(now);
            Some(doing)
        });
        engine
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
        if let Some(end) = self.out_of_reach() {
            return self.finish(end);
        }
        if let Some(why) = self.why.clone().filter(|_| !self.turned) {
            if let Some(at) = self.irreversible() {
                return self.finish(self.beyond(at, why));
            }
            self.turned = true;
            self.stage = Stage::Turning(None);
            return Effect::Write(Record::TurnedBack { why });
        }
        if let Some(mut doing) = self.pending.take() {
            // The claim has sealed what was sent before; the receipt tells what became of it.
            doing.since = self.now;
            if doing.operation.place == Place::Console {
                // What a person said, or how long it was waited, is not on any target: from the start.
                let (at, back) = (doing.at, doing.back);
                if !back && matches!(doing.operation.work, Work::Ask(_) | Work::Hold(_)) {
                    // It has changed nothing, so there is nothing of it to take back either.
                    self.done[at] = StepState::NotYet;
                    if self.why.is_some() {
                        return self.back_from(at);
                    }
                }
                if !back && self.why.is_some() {
                    // What is taken back is not begun once more, above all no fencing: only what became of it counts.
                    return self.prove(doing, Some("it was begun before the run was taken back".into()));
                }
                return self.begin(at, back);
            }
            return self.fetch(doing);
        }
        if self.why.is_some() {
            return self.back_from(self.plan.steps.len());
        }
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
            tries: 0,
            redo: false,
            since: self.now,
            sent: None,
            operation,
            looks: Vec::new(),
            unsure: None,
            waits: None,
        })
    }

    fn begin(&mut self, at: usize, back: bool) -> Effect {
        match self.doing(at, back) {
            Some(doing) => self.check(doing),
            None => self.finish(End::Done),
        }
    }

    /// The step is over: the next one.
    pub(super) fn next(&mut self, at: usize, back: bool) -> Effect {
        if back || self.why.is_some() {
            // A step that was found done while the run was already turning back is taken back as well.
            let from = if back { at } else { at + 1 };
            return self.back_from(from);
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

    /// A step cannot be done: ends, turns back, or parks.
    pub(super) fn fail(&mut self, doing: &Doing, why: String) -> Effect {
        if doing.back {
            return self.park(doing, why, false);
        }
        if !self.underway() {
            return self.finish(End::Refused { why });
        }
        if self.irreversible().is_some() {
            // There is no way back from here: somebody looks, and it goes on.
            return self.park(doing, why, false);
        }
        let why = format!("step {}: {why}", doing.at + 1);
        if let Some(end) = self.no_way_back(doing.at + 1, &why) {
            return self.finish(end);
        }
        self.why = Some(why.clone());
        self.turned = true;
        self.stage = Stage::Turning(Some(doing.at + 1));
        Effect::Write(Record::TurnedBack { why })
    }

    /// The last step that is done, or may be, and that nothing takes back.
    fn irreversible(&self) -> Option<usize> {
        (0..self.plan.steps.len()).rev().find(|at| {
            let step = &self.plan.steps[*at];
            matches!(self.done[*at], StepState::Done | StepState::Touched)
                && step.undo.is_none()
                && step.operation.nature == Nature::Irreversible
                // What a person said has changed nothing.
                && !matches!(step.operation.work, Work::Ask(_))
        })
    }

    /// What is still ahead, or may or may not have been done, and cannot be taken back: the step, and what has to be
    /// named anew before it is done. Empty when the run is being taken back: nothing of that is begun then.
    #[must_use]
    pub fn consents(&self) -> Vec<(usize, Rule, String)> {
        if self.why.is_some() {
            return Vec::new();
        }
        let open = self.plan.steps.iter().zip(&self.done).enumerate();
        open.filter(|(_, (step, state))| {
            step.operation.nature == Nature::Irreversible && !matches!(state, StepState::Done | StepState::AlreadySo)
        })
        .flat_map(|(at, (step, _))| {
            let claims = step.operation.claims.iter();
            claims.filter_map(move |claim| {
                let (rule, host, slice) = match claim {
                    Claim::Discard { host, slice } => (Rule::Discard, host, slice),
                    Claim::Promote {
                        host,
                        slice,
                        force: true,
                    } => (Rule::Force, host, slice),
                    _ => return None,
                };
                let sides = self.plan.slices.get(slice).map(|layout| &layout.sides);
                let side = sides.into_iter().flatten().find(|side| side.host == *host);
                // A side that the plan does not have is stopped by an interlock; until then its slice stands for it.
                let resource = side.map_or(slice.as_str(), |side| &side.resource);
                Some((at, rule, resource.to_owned()))
            })
        })
        .collect()
    }

    /// The end of a run that cannot be taken back any more.
    fn beyond(&self, at: usize, why: String) -> End {
        End::Parked {
            step: at,
            why,
            next: format!(
                "step {} ({}) cannot be taken back: resume run {} forwards",
                at + 1,
                self.plan.steps[at].operation.says,
                self.run
            ),
            unknown: false,
        }
    }

    pub(super) fn turned(&mut self, from: Option<usize>, event: &Event) -> Effect {
        match (event, from) {
            (Event::Written(Ok(())), Some(from)) => self.back_from(from),
            (Event::Written(Ok(())), None) => self.enter(),
            _ => self.over(End::Lost),
        }
    }

    /// Takes back what was done before step `from`, the last first.
    pub(super) fn back_from(&mut self, from: usize) -> Effect {
        let why = self.why.clone().unwrap_or_default();
        for at in (0..from).rev() {
            if !matches!(self.done[at], StepState::Done | StepState::Touched) {
                continue;
            }
            let step = &self.plan.steps[at];
            if step.undo.is_some() {
                return self.begin(at, true);
            }
            if self.irreversible() == Some(at) {
                return self.finish(self.beyond(at, why));
            }
        }
        self.finish(End::Compensated { why })
    }

    /// Stops where it stands; the claims stay, so that nobody else begins here.
    pub(super) fn park(&mut self, doing: &Doing, why: String, unknown: bool) -> Effect {
        let way = if doing.back { "taking back" } else { "doing" };
        let next = format!(
            "look at {} yourself, then resume run {} ({way} step {}: {})",
            match &doing.operation.place {
                super::Place::Host(host) => host.to_string(),
                super::Place::Console => "the fleet".to_owned(),
            },
            self.run,
            doing.at + 1,
            doing.operation.says
        );
        self.finish(End::Parked {
            step: doing.at,
            why,
            next,
            unknown,
        })
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
