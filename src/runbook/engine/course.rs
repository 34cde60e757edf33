//! The course of a run: claims, from step to step, turning back, ending, and going on after a crash.

use super::{
    ATTEMPTS, Answer, Context, Doing, Effect, End, Engine, Event, Holder, Part, Place, Plan, RESOLVE_EVERY, Record,
    Request, Said, Stage, StepState,
};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::operation::{Operation, Work},
};
use std::time::Duration;

/// How long a target may take to answer about claims: longer than it waits for a command that still runs.
const CLAIM_DEADLINE: Duration = Duration::from_secs(20);

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
                Record::TurnedBack { why, again, halt } => {
                    engine.why = Some(why.clone());
                    engine.turned = true;
                    engine.again = *again;
                    engine.halt = halt.filter(|at| *at < engine.done.len());
                    if let Some(at) = engine.halt {
                        // Whoever made that connection.
                        engine.done[at] = StepState::Touched;
                    }
                    open = None;
                }
                // Unless it says otherwise, it was known at its end what became of every step.
                Record::Ended(end) => {
                    if !matches!(end, End::Parked { unknown: true, .. }) {
                        open = None;
                    }
                    engine.forwards_again(end);
                }
                Record::Alone { slice, .. } => _ = engine.counted.insert(slice.clone()),
                Record::Unknown { .. } | Record::Asked { .. } | Record::Resumed { .. } => {}
            }
        }
        // Whoever wants it back wants no other try.
        engine.again &= back.is_none();
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

    /// A run that took back a part of what it did, and parked to be gone on with, goes forwards from there.
    fn forwards_again(&mut self, end: &End) {
        if !self.again || !matches!(end, End::Parked { unknown: false, .. }) || !self.is_back() {
            return;
        }
        (self.why, self.turned, self.again, self.halt) = (None, false, false, None);
        for state in self.done.iter_mut().filter(|state| **state == StepState::Undone) {
            *state = StepState::NotYet;
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

    /// Learns what the targets know of claims before it takes any.
    pub(super) fn asked(&mut self, at: usize, event: Event) -> Effect {
        let hosts: Vec<HostName> = self.plan.targets.keys().cloned().collect();
        let at = match event {
            Event::Answered(Answer::Said(said)) => {
                for line in &said {
                    if let Said::Token { token, run, owner, .. } = line {
                        if let Some(run) = run
                            && *run != self.run
                        {
                            let by = owner.clone().unwrap_or_else(|| "another console".into());
                            return self.finish(End::Held {
                                by: format!("run {run} of {by} holds {}", hosts[at]),
                            });
                        }
                        let known = self.tokens.entry(hosts[at].clone()).or_default();
                        *known = (*known).max(*token);
                    }
                }
                at + 1
            }
            Event::Answered(Answer::NotSent(why) | Answer::Lost(why)) => {
                return self.unclaimed(&hosts[at], &why);
            }
            _ => at,
        };
        let Some(host) = hosts.get(at).cloned() else {
            return self.claim(0);
        };
        self.stage = Stage::Asking(at);
        Effect::Call {
            host,
            request: Request::Tokens(self.plan.objects.clone()),
            deadline: CLAIM_DEADLINE,
        }
    }

    pub(super) fn claim(&mut self, at: usize) -> Effect {
        let Some((host, identity)) = self
            .plan
            .targets
            .iter()
            .nth(at)
            .map(|(host, id)| (host.clone(), id.clone()))
        else {
            return self.enter();
        };
        *self.tokens.entry(host.clone()).or_default() += 1;
        let mut identity = identity;
        if self.underway() {
            // A target that was rebooted in the middle of the run is still the target.
            identity.boot_id = None;
        }
        let request = Request::Claim {
            identity,
            objects: self.plan.objects.clone(),
            holder: self.holder(&host),
        };
        self.stage = Stage::Claiming(at);
        Effect::Call {
            host,
            request,
            deadline: CLAIM_DEADLINE,
        }
    }

    pub(super) fn claimed(&mut self, at: usize, event: Event) -> Effect {
        let host = self.plan.targets.keys().nth(at).cloned();
        let why = match event {
            Event::Answered(Answer::Said(said)) => {
                let taken = said.iter().filter(|line| matches!(line, Said::Claimed(_))).count();
                if taken == self.plan.objects.len() {
                    return self.claim(at + 1);
                }
                match said.into_iter().find_map(|line| match line {
                    Said::Refused(kind, seen) => Some((kind, seen)),
                    _ => None,
                }) {
                    Some((kind, seen)) if kind == "held" || kind == "token" => {
                        return self.finish(End::Held { by: seen });
                    }
                    Some((kind, seen)) => format!("{kind}: {seen}"),
                    None => "its answer says nothing of the claim".to_owned(),
                }
            }
            // It may be taken by now, or later: a claim by a higher token settles that.
            Event::Answered(Answer::Lost(_)) if self.reclaimed < ATTEMPTS => {
                self.reclaimed += 1;
                self.stage = Stage::Reclaiming(at);
                return Effect::Wait(RESOLVE_EVERY);
            }
            Event::Answered(Answer::NotSent(why) | Answer::Lost(why)) => why,
            _ => "no answer".to_owned(),
        };
        match host {
            Some(host) => self.unclaimed(&host, &why),
            None => self.enter(),
        }
    }

    fn unclaimed(&mut self, host: &HostName, why: &str) -> Effect {
        let why = format!("{host} could not be claimed: {why}");
        if self.underway() {
            let step = self.pending.as_ref().map_or(0, |doing| doing.at);
            let unknown = self.pending.is_some();
            return self.finish(End::Parked {
                step,
                why,
                next: "resume the run when the target answers".into(),
                unknown,
            });
        }
        self.finish(End::Refused { why })
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
                if !back && (matches!(work, Work::Ask(_) | Work::Hold(_)) || only_looks(work)) {
                    // It has changed nothing, so there is nothing of it to take back either.
                    self.done[at] = StepState::NotYet;
                    if self.why.is_some() {
                        return self.back_on();
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
            return self.back_on();
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
            rested: self.now,
            left_kib: None,
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
        if back || self.why.is_some() {
            // A step that was found done while the run was already turning back is taken back as well.
            return self.back_on();
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

    /// Another run has taken a target over: nothing more is done here, not even taken back.
    pub(super) fn displaced(&mut self, doing: &Doing, seen: &str) -> Effect {
        self.finish(End::Held {
            by: format!("step {}: a newer claim stands ({seen})", doing.at + 1),
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

    pub(super) fn ended(&mut self, end: End, event: &Event) -> Effect {
        match (event, &end) {
            (Event::Written(Ok(())), End::Done | End::Refused { .. } | End::Compensated { .. }) => self.release(0, end),
            // Two that begin at once must not keep parts of what each of them needs.
            (Event::Written(Ok(())), End::Held { .. }) if !self.underway() => self.release(0, end),
            (Event::Written(Ok(())), _) => self.over(end),
            _ => self.over(End::Lost),
        }
    }

    /// Gives the targets back. A target that does not answer keeps its claim until somebody looks.
    pub(super) fn release(&mut self, at: usize, end: End) -> Effect {
        let Some(host) = self.plan.targets.keys().nth(at).cloned() else {
            return self.over(end);
        };
        let request = Request::Release {
            objects: self.plan.objects.clone(),
            holder: self.holder(&host),
        };
        self.stage = Stage::Releasing(at, end);
        Effect::Call {
            host,
            request,
            deadline: CLAIM_DEADLINE,
        }
    }

    pub(super) fn over(&mut self, end: End) -> Effect {
        self.stage = Stage::Over(end.clone());
        Effect::Finish(end)
    }
}
