//! Claims: taking the targets for a run, taking them over from another, losing them, and giving them back.

use super::{
    ATTEMPTS, Answer, Doing, Effect, End, Engine, Event, Place, Plan, RESOLVE_EVERY, Record, Request, Said, Stage,
    StepState, Work,
};
use crate::{facts::UnixMs, fleet::HostName, runbook::operation::Departure};
use std::time::Duration;

/// How long a target may take to answer about claims: longer than it waits for a command that still runs.
const CLAIM_DEADLINE: Duration = Duration::from_secs(20);

/// Claims of one process of a run that may be on their way to a target at once, at most: the first, its repetitions, and
/// those that seal a lost step, one every [`RESOLVE_EVERY`](super::RESOLVE_EVERY) for as long as it is asked for.
const LATE: u64 = 64;

impl Engine {
    /// Lets it take over claims of these runs, which a person has named in full. They get nothing on those targets
    /// any more.
    #[must_use]
    pub fn taking_over(mut self, runs: impl IntoIterator<Item = String>) -> Self {
        self.over.extend(runs);
        self
    }

    /// A run that is over, whose targets may still keep its claims: they are given back, and nothing else is done.
    #[must_use]
    pub fn give_back(plan: Plan, run: String, owner: String, end: End, now: UnixMs) -> Self {
        let mut engine = Self::new(plan, run, owner, now);
        engine.claimed = engine.plan.targets.keys().cloned().collect();
        engine.gives_back = Some(end);
        engine
    }

    /// Learns what the targets know of claims before it takes any.
    pub(super) fn asked(&mut self, at: usize, event: Event) -> Effect {
        let hosts: Vec<HostName> = self.plan.targets.keys().cloned().collect();
        let at = match event {
            Event::Answered(Answer::Said(said)) => {
                if let Some(by) = self.known(&hosts[at], &said) {
                    return self.held(by);
                }
                at + 1
            }
            Event::Answered(Answer::NotSent(why) | Answer::Lost(why)) => {
                if let Some(effect) = self.unclaimed(&hosts[at], why) {
                    return effect;
                }
                at + 1
            }
            _ => at,
        };
        let Some(host) = hosts.get(at).cloned() else {
            return match (self.gives_back.clone(), self.why.clone()) {
                (Some(end), _) => self.release(0, end),
                // Whoever wants it over wants nobody else displaced.
                (None, Some(why)) if self.only_displaces() => {
                    let end = self.unbegun(End::Refused { why: why.clone() }, &why, "");
                    self.finish(end)
                }
                (None, _) => self.claim(0),
            };
        };
        self.stage = Stage::Asking(at);
        Effect::Call {
            request: Request::Tokens(self.plan.claims_on(&host)),
            host,
            deadline: CLAIM_DEADLINE,
        }
    }

    /// Keeps the highest token of a target; says who else holds it, in words.
    fn known(&mut self, host: &HostName, said: &[Said]) -> Option<String> {
        for line in said {
            if let Said::Token { token, run, owner, .. } = line {
                if let Some(run) = run
                    && *run != self.run
                    && self.gives_back.is_none()
                {
                    if !self.over.contains(run) {
                        return Some(holds(run, owner.as_deref().unwrap_or("another console"), host));
                    }
                    self.found.entry(host.clone()).or_default().insert(run.clone());
                }
                let known = self.tokens.entry(host.clone()).or_default();
                *known = (*known).max(*token);
            }
        }
        None
    }

    /// Another run holds a target.
    fn held(&mut self, by: String) -> Effect {
        if self.underway() {
            return self.finish(End::Parked {
                step: self.pending.as_ref().map_or(0, |doing| doing.at),
                why: by,
                next: format!("when that run has ended, resume run {}{}", self.run, self.onward()),
                unknown: self.is_open(),
            });
        }
        let next = format!("when that run has ended: pointsman --batch resume {}", self.run);
        let end = self.unbegun(End::Held { by: by.clone() }, &by, &next);
        self.finish(end)
    }

    pub(super) fn claim(&mut self, from: usize) -> Effect {
        let next = self.plan.targets.iter().enumerate().skip(from);
        let Some((at, (host, identity))) = next
            .filter(|(_, (host, _))| !self.unreached.contains_key(*host))
            .map(|(at, (host, identity))| (at, (host.clone(), identity.clone())))
            .next()
        else {
            return self.enter();
        };
        *self.tokens.entry(host.clone()).or_default() += 1;
        self.claimed.insert(host.clone());
        let mut identity = identity;
        if self.underway() {
            // A target that was rebooted in the middle of the run is still the target.
            identity.boot_id = None;
        }
        let request = Request::Claim {
            identity,
            objects: self.plan.claims_on(&host),
            holder: self.holder(&host),
            over: self.over.clone(),
        };
        self.stage = Stage::Claiming(at);
        Effect::Call {
            host,
            request,
            deadline: CLAIM_DEADLINE,
        }
    }

    pub(super) fn claimed(&mut self, at: usize, event: Event) -> Effect {
        let Some(host) = self.plan.targets.keys().nth(at).cloned() else {
            return self.enter();
        };
        if let Event::Answered(answer) = &event
            && let Some(effect) = self.takes(at, &host, answer)
        {
            return effect;
        }
        let why = match event {
            Event::Answered(Answer::Said(said)) => {
                let taken = said.iter().filter(|line| matches!(line, Said::Claimed(_))).count();
                if taken == self.plan.claims_on(&host).len() {
                    self.reclaimed = 0;
                    return self.claim(at + 1);
                }
                match said.into_iter().find_map(|line| match line {
                    Said::Refused(kind, seen) => Some((kind, seen)),
                    _ => None,
                }) {
                    Some((kind, seen)) if kind == "held" => {
                        let mut words = seen.splitn(3, ' ').skip(1);
                        let run = words.next().unwrap_or_default().to_owned();
                        return self.held(holds(&run, words.next().unwrap_or("another console"), &host));
                    }
                    Some((kind, seen)) if kind == "displaced" => {
                        let at = self.pending.as_ref().map_or(0, |doing| doing.at);
                        let unknown = self.is_open();
                        return self.leave(at, format!("run {seen} has taken it over on {host}"), unknown);
                    }
                    // Whatever still runs there ends; to go on without the target, or to give up, would be worse.
                    Some((kind, _)) if kind == "busy" && self.may_reclaim() => return self.reclaim(at),
                    // A claim of its own that was on its way, from a process before this one: go above it.
                    Some((kind, seen))
                        if kind == "token"
                            && (self.underway() || self.has_taken() || self.resumed)
                            && self.may_reclaim() =>
                    {
                        if let Ok(held) = seen.parse() {
                            self.tokens.insert(host, held);
                        }
                        return self.reclaim(at);
                    }
                    Some((kind, seen)) if kind == "token" => {
                        return self.held(format!("a newer claim stands on {host} ({seen})"));
                    }
                    // Of a machine that was installed anew nothing is left, and nothing is sent to it.
                    Some((kind, _)) if kind == "identity" && self.has_left(&host, Departure::Anew) => {
                        self.reclaimed = 0;
                        return self.claim(at + 1);
                    }
                    Some((kind, seen)) => format!("{kind}: {seen}"),
                    None => "its answer says nothing of the claim".to_owned(),
                }
            }
            // It may be taken by now, or later: a claim by a higher token settles that.
            Event::Answered(Answer::Lost(_)) if self.may_reclaim() => return self.reclaim(at),
            Event::Answered(Answer::NotSent(why) | Answer::Lost(why)) => why,
            _ => "no answer".to_owned(),
        };
        match self.unclaimed(&host, why) {
            Some(effect) => effect,
            None => self.claim(at + 1),
        }
    }

    /// Whether a claim is tried again. Whoever cancels a run that has changed nothing wants no more waiting.
    fn may_reclaim(&self) -> bool {
        self.reclaimed < ATTEMPTS && (self.cancelled.is_none() || self.underway())
    }

    fn reclaim(&mut self, at: usize) -> Effect {
        self.reclaimed += 1;
        self.stage = Stage::Reclaiming(at);
        Effect::Wait(RESOLVE_EVERY)
    }

    /// A target cannot be claimed. A run that begins is refused. One under way does without it: what is there is not
    /// known, and nothing is done there, but what the others still need may be finished.
    fn unclaimed(&mut self, host: &HostName, why: String) -> Option<Effect> {
        let given_up = self.why.is_some() && self.only_displaces();
        if self.gives_back.is_none() && !self.underway() && !given_up {
            let why = format!("{host} could not be claimed: {why}");
            let next = format!("when {host} can be claimed: pointsman --batch resume {}", self.run);
            let end = self.unbegun(End::Refused { why: why.clone() }, &why, &next);
            return Some(self.finish(end));
        }
        // Each target has tries of its own.
        self.reclaimed = 0;
        self.unreached.insert(host.clone(), why);
        None
    }

    /// Where a run that goes on cannot: no target could be claimed, what became of its last step is known to nobody
    /// else, or the way back leads over a target that could not be claimed.
    pub(super) fn out_of_reach(&self) -> Option<End> {
        let (first, _) = self.unreached.iter().next()?;
        let unknown = self.is_open();
        let step = self.pending.as_ref().map_or(0, |doing| doing.at);
        if self.unreached.len() == self.plan.targets.len() {
            return Some(self.cut_off(step, first, "", unknown));
        }
        if let Some(doing) = &self.pending
            && let Place::Host(host) = &doing.operation.place
            && self.unreached.contains_key(host)
        {
            return Some(self.cut_off(step, host, "", true));
        }
        let why = self.why.as_ref()?;
        let mut end = self.no_way_back(self.plan.steps.len(), why)?;
        if let End::Parked { unknown: open, .. } = &mut end {
            *open = unknown;
        }
        Some(end)
    }

    /// The end of a run that would have to take something back, before step `from`, on a target that could not be
    /// claimed. Nothing is taken back then: half of it would leave the slice with nobody.
    pub(super) fn no_way_back(&self, from: usize, why: &str) -> Option<End> {
        if self.plan.rolling.is_some() && !self.is_awaited() {
            // Each row has a way back of its own.
            return None;
        }
        let steps = self.plan.steps.iter().zip(&self.done).enumerate().take(from).rev();
        for (at, (step, state)) in steps {
            if let Some(undo) = &step.undo
                && matches!(state, StepState::Done | StepState::Touched)
                && !self.is_of_served(at)
                && !self.is_of_final_row(at)
                && let Place::Host(host) = &undo.place
                && self.unreached.contains_key(host)
            {
                return Some(self.cut_off(at, host, &format!("{why}; to be taken back, "), false));
            }
        }
        None
    }

    /// The end of a run whose next step is on a target that could not be claimed.
    pub(super) fn beyond_reach(&self, doing: &Doing) -> Option<End> {
        let Place::Host(host) = &doing.operation.place else {
            return None;
        };
        // A step of a row that only looks needs no claim.
        let needs = self.row_of(doing.at).is_none() || self.is_awaited() || doing.operation.runs();
        (needs && self.unreached.contains_key(host)).then(|| self.cut_off(doing.at, host, "", false))
    }

    /// Whether it is not known what became of a step of the process before this one. A question and a wait change
    /// nothing.
    fn is_open(&self) -> bool {
        let changes =
            |doing: &Doing| !matches!(doing.operation.work, Work::Ask(_) | Work::Hold(_) | Work::Nudge { .. });
        self.pending.as_ref().is_some_and(changes)
    }

    fn cut_off(&self, step: usize, host: &HostName, before: &str, unknown: bool) -> End {
        let why = self.unreached.get(host).map_or("", String::as_str);
        let run = &self.run;
        let says = self
            .plan
            .steps
            .get(step)
            .map_or("", |step| step.operation.says.as_str());
        End::Parked {
            step,
            why: format!(
                "{before}step {} ({says}) needs {host}, which could not be claimed: {why}",
                step + 1
            ),
            next: format!(
                "when {host} answers again: pointsman --batch resume {run}{}; if it is dead: pointsman --batch plan failover server={host}, and run that plan with --take-over={run}",
                self.onward()
            ),
            unknown,
        }
    }

    /// A target does not obey this run any more.
    pub(super) fn displaced(&mut self, doing: &Doing, kind: &str, seen: &str, unknown: bool) -> Effect {
        let place = match &doing.operation.place {
            Place::Host(host) => host.to_string(),
            Place::Console => "the console".to_owned(),
        };
        let step = doing.at + 1;
        let mut words = seen.splitn(3, ' ').skip(1);
        let other = match kind {
            "displaced" => Some(seen.to_owned()),
            _ => words
                .next()
                .filter(|run| *run != "-" && *run != self.run)
                .map(|run| format!("{run} of {}", words.next().unwrap_or("another console"))),
        };
        if let Some(other) = other {
            let by = format!("step {step}: run {other} has taken it over on {place}");
            return self.leave(doing.at, by, unknown);
        }
        let by = format!("step {step}: a newer claim stands on {place} ({seen})");
        if self.underway() || self.has_taken() {
            return self.park(doing, by, unknown);
        }
        self.finish(End::Held { by })
    }

    /// Another run has taken a target over: nothing more is done here, not even taken back.
    fn leave(&mut self, step: usize, by: String, unknown: bool) -> Effect {
        self.displaced = true;
        let end = if self.underway() || self.has_taken() {
            let whys: Vec<String> = std::iter::once(by.clone()).chain(self.displaces()).collect();
            End::Parked {
                step,
                why: whys.join("; "),
                next: format!(
                    "this run is over: look at what it has left (pointsman --batch report {}), and at what the other one does",
                    self.run
                ),
                unknown,
            }
        } else {
            End::Held { by: by.clone() }
        };
        self.stage = Stage::Displacing(end);
        Effect::Write(Record::Displaced { by })
    }

    pub(super) fn ended(&mut self, end: End, event: &Event) -> Effect {
        match (event, &end) {
            (Event::Written(Ok(())), End::Done | End::Refused { .. } | End::Compensated { .. }) => self.release(0, end),
            // Two that begin at once must not keep parts of what each of them needs.
            (Event::Written(Ok(())), End::Held { .. }) if !self.underway() => self.release(0, end),
            (Event::Written(Ok(())), _) if self.displaced => self.release(0, end),
            (Event::Written(Ok(())), _) => self.over(end),
            _ => self.over(End::Lost),
        }
    }

    /// Gives the targets back, those that a claim was sent to. One that does not confirm it may keep its claim, and the
    /// journal says so.
    fn release(&mut self, from: usize, end: End) -> Effect {
        let hosts: Vec<HostName> = self.plan.targets.keys().cloned().collect();
        for (at, host) in hosts.into_iter().enumerate().skip(from) {
            if !self.claimed.contains(&host) {
                continue;
            }
            if self.gives_back.is_some() && self.unreached.contains_key(&host) {
                self.kept.push(host.to_string());
                continue;
            }
            if self.gives_back.is_some() || self.resumed {
                // Above whatever a process before this one may still have on its way: a host that stood still takes it
                // long after nobody waits for the answer.
                *self.tokens.entry(host.clone()).or_default() += LATE;
            }
            let request = Request::Release {
                identity: self.identity(&host, true),
                objects: self.plan.claims_on(&host),
                holder: self.holder(&host),
            };
            self.stage = Stage::Releasing(at, end);
            return Effect::Call {
                host,
                request,
                deadline: CLAIM_DEADLINE,
            };
        }
        self.stage = Stage::Released(end);
        Effect::Write(Record::Released {
            kept: std::mem::take(&mut self.kept),
        })
    }

    pub(super) fn released(&mut self, at: usize, end: End, event: &Event) -> Effect {
        if let Some(host) = self.plan.targets.keys().nth(at).cloned() {
            // Held since before this process, which could not claim it: its token is only known now.
            if let Event::Answered(Answer::Said(said)) = event
                && let Some(held) = said.iter().find_map(newer)
                && self.unreached.remove(&host).is_some()
            {
                self.tokens.insert(host, held.saturating_add(1));
                return self.release(at, end);
            }
            let objects = self.plan.claims_on(&host).len();
            let given = match event {
                // No claim is left on a machine that was installed anew.
                Event::Answered(Answer::Said(said))
                    if matches!(said.first(), Some(Said::Refused(kind, _)) if kind == "identity")
                        && self.has_left(&host, Departure::Anew) =>
                {
                    objects
                }
                Event::Answered(Answer::Said(said)) => {
                    said.iter().filter(|line| matches!(line, Said::Released(_))).count()
                }
                _ => 0,
            };
            if given < objects {
                self.kept.push(host.to_string());
            }
        }
        self.release(at + 1, end)
    }
}

/// The token by which a target refuses an older one.
fn newer(said: &Said) -> Option<u64> {
    match said {
        Said::Refused(kind, seen) if kind == "token" => seen.split(' ').next()?.parse().ok(),
        _ => None,
    }
}

/// That a run holds a target: which, whose, since when, and how it is taken over. The names come from the target.
fn holds(run: &str, owner: &str, host: &HostName) -> String {
    let began = match began(run) {
        Some(began) => format!(", begun {began}"),
        None => String::new(),
    };
    let over = if is_name(run) {
        format!("; let it end or cancel it there, or take it over by its name: --take-over={run}")
    } else {
        String::new()
    };
    format!("run {run} of {owner}{began}, holds {host}{over}")
}

/// Whether this may be a run's name.
fn is_name(run: &str) -> bool {
    !run.is_empty() && run.len() < 64 && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// When a run began, by its name: `20261121-164300-abcde` is `2026-11-21 16:43 UTC`.
fn began(run: &str) -> Option<String> {
    let (day, time) = run.split_once('-')?;
    let time = time.split('-').next()?;
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(day, 8) && digits(time, 6)).then(|| {
        format!(
            "{}-{}-{} {}:{} UTC",
            &day[..4],
            &day[4..6],
            &day[6..],
            &time[..2],
            &time[2..4]
        )
    })
}
