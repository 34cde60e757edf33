//! One step, part by part: look, write the intent, run, resolve a lost answer, prove, write the outcome.

use super::{
    ATTEMPTS, Answer, Doing, Effect, Engine, Event, FRESH, Identity, KEPT, Nature, Outcome, Part, Place, Printed,
    RESOLVE_EVERY, RETRY_EVERY, Receipt, Record, Request, Said, Sight, Stage, StepState, UNSURE_EVERY, UNSURE_WITHIN,
    UNSURE_WITHIN_BACK, Work, flow::flows, unmet,
};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::{
        condition::Condition,
        operation::{Claim, Departure},
        sight::{Glimpse, Look},
        truth::Truth,
    },
};
use std::{collections::BTreeMap, time::Duration};

impl Engine {
    /// Goes on with a step by what came of its last effect.
    pub(super) fn stepped(&mut self, doing: Doing, event: Event) -> Effect {
        match (doing.part.clone(), event) {
            (Part::Checking, Event::Seen(seen)) => self.checked(doing, seen),
            (Part::Resting | Part::Unsure, _) => self.check(doing),
            (Part::Counting, Event::Written(Ok(()))) => self.intend(doing),
            (Part::Intending, Event::Written(Ok(()))) if doing.rests_on_looks() && self.is_stale() => {
                self.seen.clear();
                let orders = Vec::new();
                self.not_sent(
                    Doing { orders, ..doing },
                    "the journal took so long that what was seen before is too old".to_owned(),
                )
            }
            (Part::Intending, Event::Written(Ok(()))) => self.send(doing),
            (Part::Unsent(why), Event::Written(Ok(()))) => self.again(doing, &why),
            (Part::Running, Event::Answered(answer)) => self.answered(doing, answer),
            (Part::Running, Event::Ran(Ok(printed))) => self.ran(doing, &printed),
            // It may have worked all the same: the proof tells.
            (Part::Running, Event::Ran(Err(why))) => self.prove(doing, Some(why)),
            (Part::Running, Event::Nudged(answers)) => {
                self.conclude(doing, Outcome::Done, nudged(&answers), String::new())
            }
            (Part::Holding, Event::Woken) => self.hold(doing),
            (Part::Inquiring, Event::Woken) => self.inquire(doing),
            (Part::Inquiring, Event::Replied { by, word }) => self.replied(doing, &by, &word),
            (Part::Noting, Event::Woken | Event::Written(Ok(()))) => self.seal(doing),
            (Part::Sealing, Event::Answered(answer)) => self.sealed(doing, answer),
            (Part::Fetching, Event::Answered(answer)) => self.fetched(doing, answer),
            (Part::Proving(failed), Event::Seen(seen)) => self.looked(doing, failed, seen),
            (Part::Patient(failed), _) => self.rested(doing, failed),
            (Part::Refusing(why), Event::Written(Ok(()))) => self.fail(&doing, why),
            (Part::Concluding, Event::Written(Ok(()))) => self.next(doing.at, doing.back),
            // What cannot be written is not done: nothing more is sent from here.
            (_, Event::Written(Err(why))) => self.unwritable(&doing, &why),
            (_, _) => self.lost_thread(&doing),
        }
    }

    /// Looks whether the step can be done now, unless a person wants it otherwise.
    pub(super) fn check(&mut self, mut doing: Doing) -> Effect {
        if !doing.back && self.is_off(doing.at) {
            // Nothing is done any more while everything is being taken back.
            return self.onwards();
        }
        if let Some(by) = self.stopped(&doing) {
            return self.fail(&doing, format!("cancelled by {by}"));
        }
        if self.paused && !doing.back {
            doing.part = Part::Resting;
            // What is waited for is looked at anew after a pause, from the start.
            doing.unsure = None;
            doing.waits = None;
            self.stage = Stage::Step(Box::new(doing));
            return Effect::Wait(Duration::from_secs(1));
        }
        if self.claims_late(&doing) {
            doing.since = self.now;
            return self.seal(doing);
        }
        if let Some(end) = self.beyond_reach(&doing) {
            return self.finish(end);
        }
        if flows(&doing.operation) {
            // What was seen a moment ago tells nothing of what flows now.
            self.seen.clear();
        }
        doing.part = Part::Checking;
        doing.since = self.now;
        let looks = self.looks(&doing);
        self.look(doing, looks)
    }

    /// What a step has to know before it begins.
    fn looks(&self, doing: &Doing) -> Vec<Look> {
        let interlocks = self.interlocks(doing);
        let operation = &doing.operation;
        let mut looks = distinct(operation.needs.iter().chain(&operation.proof).chain(&interlocks));
        looks.extend(self.looks_apart(doing));
        looks.extend(distinct(&doing.too_late()));
        looks.sort();
        looks.dedup();
        looks
    }

    /// Looks at what was not seen just now; goes straight on when everything was.
    pub(super) fn look(&mut self, doing: Doing, looks: Vec<Look>) -> Effect {
        let now = self.aged;
        self.seen.retain(|_, glimpse| now.since(glimpse.at) <= KEPT);
        self.asked = now;
        let missing: Vec<Look> = looks.into_iter().filter(|look| !self.seen.contains_key(look)).collect();
        if missing.is_empty() {
            return self.stepped(doing, Event::Seen(Vec::new()));
        }
        self.stage = Stage::Step(Box::new(doing));
        Effect::Look(missing)
    }

    /// Everything that is known now.
    pub(super) fn sight(&mut self, seen: Vec<(Look, Glimpse)>) -> Sight {
        // Each look has a time of its own, by the console's clock: never before it was asked for, never ahead.
        let (asked, now) = (self.asked, self.aged);
        let ahead = now.0.saturating_sub(self.clock.0);
        self.seen.extend(seen.into_iter().map(|(look, glimpse)| {
            let at = UnixMs(glimpse.at.0.saturating_add(ahead)).max(asked).min(now);
            (look, Glimpse { at, ..glimpse })
        }));
        let mut sight = Sight::new(now, FRESH);
        for (look, glimpse) in &self.seen {
            sight.take(look.clone(), glimpse.clone());
        }
        sight
    }

    fn checked(&mut self, mut doing: Doing, seen: Vec<(Look, Glimpse)>) -> Effect {
        let sight = self.sight(seen);
        if let Some(seen) = self.alarm(&doing, &sight) {
            return self.halt(&doing, &seen);
        }
        if let Some(seen) = doing
            .too_late()
            .iter()
            .map(|past| past.judge(&sight))
            .find(Truth::holds)
        {
            return self.conclude(doing, Outcome::Stays, vec![seen.text().to_owned()], String::new());
        }
        let operation = &doing.operation;
        // What was sent before and is so now is not sent again, whatever its nature.
        let may_be_done = operation.nature != Nature::Irreversible || self.done[doing.at] == StepState::Touched;
        if may_be_done && !doing.redo && !operation.proof.is_empty() && unmet(&operation.proof, &sight).is_empty() {
            let evidence = evidence(&operation.proof, &sight);
            return self.conclude(doing, Outcome::AlreadySo, evidence, String::new());
        }
        if !doing.back && self.is_off(doing.at) {
            // What was not done is not begun while everything is being taken back.
            return self.onwards();
        }
        // How it was before is what it would be taken back to.
        let before = unmet(&operation.proof, &sight)
            .into_iter()
            .filter(|(_, truth)| operation.undo.is_some() && !truth.fails())
            .map(|(condition, truth)| (format!("whether {condition} is {truth}"), truth));
        let against = unmet(&self.interlocks(&doing), &sight)
            .into_iter()
            .map(|(condition, truth)| (format!("interlock: {condition} is required, but {truth}"), truth));
        let lacks = unmet(&operation.needs, &sight)
            .into_iter()
            .map(|(condition, truth)| (format!("{condition} is required, but {truth}"), truth));
        let missing: Vec<_> = before.chain(against).chain(lacks).collect();
        // What is known not to be so stays so, whatever else is still unknown.
        if let Some((why, _)) = missing.iter().find(|(_, truth)| truth.fails()) {
            self.late = is_late(&operation.needs, &sight);
            return self.fail(&doing, why.clone());
        }
        if let Some((why, _)) = missing.into_iter().next() {
            return self.unsure(doing, why);
        }
        doing.unsure = None;
        doing.waits = None;
        if let Some(record) = self.apart(&doing, &sight) {
            doing.part = Part::Counting;
            self.stage = Stage::Step(Box::new(doing));
            return Effect::Write(record);
        }
        self.intend(doing)
    }

    pub(super) fn intend(&mut self, mut doing: Doing) -> Effect {
        doing.attempt += 1;
        doing.redo = false;
        self.attempts.insert((doing.at, doing.back), doing.attempt);
        doing.part = Part::Intending;
        let record = Record::Intent {
            step: doing.at,
            back: doing.back,
            attempt: doing.attempt,
            commands: doing.shown(),
        };
        self.stage = Stage::Step(Box::new(doing));
        Effect::Write(record)
    }

    /// Whether anything of what was seen is too old to act by: a disk may take its time for an intent.
    fn is_stale(&self) -> bool {
        self.seen.values().any(|glimpse| self.aged.since(glimpse.at) > FRESH)
    }

    /// Writes that nothing of this attempt ran, and that it cannot run any more; then it is tried again.
    fn not_sent(&mut self, mut doing: Doing, why: String) -> Effect {
        let record = Record::Outcome {
            step: doing.at,
            back: doing.back,
            outcome: Outcome::Refused,
            evidence: Vec::new(),
            output: why.clone(),
        };
        doing.part = Part::Unsent(why);
        self.stage = Stage::Step(Box::new(doing));
        Effect::Write(record)
    }

    /// Looks again at what is not known, until the patience for that is over.
    fn unsure(&mut self, mut doing: Doing, why: String) -> Effect {
        let within = if doing.back { UNSURE_WITHIN_BACK } else { UNSURE_WITHIN };
        let since = *doing.unsure.get_or_insert(self.now);
        if self.now.since(since) >= within {
            let why = format!("{why} (looked at again for {} s)", within.as_secs());
            return self.fail(&doing, why);
        }
        // What was seen tells nothing: everything is looked at anew.
        self.seen.clear();
        doing.part = Part::Unsure;
        doing.waits = Some(why);
        self.stage = Stage::Step(Box::new(doing));
        Effect::Wait(UNSURE_EVERY)
    }

    fn send(&mut self, mut doing: Doing) -> Effect {
        if doing.orders.is_empty() {
            doing.since = self.now;
        }
        match (doing.operation.work.clone(), doing.operation.place.clone()) {
            (Work::Hold(_), _) => self.hold(doing),
            (Work::Ask(_), _) => self.inquire(doing),
            (Work::Nudge { hosts, argv }, _) => {
                let deadline = doing.operation.deadline;
                doing.part = Part::Running;
                self.stage = Stage::Step(Box::new(doing));
                Effect::Nudge { hosts, argv, deadline }
            }
            (Work::Local(argv), _) if !argv.is_empty() => {
                let deadline = doing.operation.deadline;
                doing.sent.get_or_insert(self.now);
                doing.part = Part::Running;
                self.seen.clear();
                doing.before = std::mem::replace(&mut self.done[doing.at], StepState::Touched);
                self.stage = Stage::Step(Box::new(doing));
                Effect::Local { argv, deadline }
            }
            (Work::Watch(_), Place::Host(host)) if !doing.orders.is_empty() => {
                let orders = doing.orders.clone();
                self.call(doing, host, orders)
            }
            (Work::Commands(commands), Place::Host(host)) if !commands.is_empty() => self.call(doing, host, commands),
            _ => self.prove(doing, None),
        }
    }

    fn call(&mut self, mut doing: Doing, host: HostName, commands: Vec<Vec<String>>) -> Effect {
        doing.part = Part::Running;
        doing.sent.get_or_insert(self.now);
        let identity = self.identity(&host, doing.back);
        doing.before = std::mem::replace(&mut self.done[doing.at], StepState::Touched);
        self.seen.clear();
        self.asked = self.aged;
        doing.looks = self.looks_behind(&doing, &host);
        let request = Request::Act {
            identity,
            objects: self.plan.claims_on(&host),
            holder: self.holder(&host),
            key: self.key(&doing),
            expects: doing.operation.expects.clone(),
            commands,
            looks: doing.looks.iter().map(|look| look.argv.clone()).collect(),
        };
        let deadline = doing.operation.deadline;
        self.stage = Stage::Step(Box::new(doing));
        Effect::Call {
            host,
            request,
            deadline,
        }
    }

    /// What the target is to look at behind the commands: the proof, and what the next step there will ask for.
    fn looks_behind(&self, doing: &Doing, host: &HostName) -> Vec<Look> {
        let mut looks = distinct(&doing.operation.proof);
        let next = if doing.back {
            doing.at.checked_sub(1)
        } else {
            Some(doing.at + 1)
        };
        if let Some(next) = next.and_then(|at| self.doing(at, doing.back)) {
            looks.extend(self.looks(&next));
        }
        looks.retain(|look| look.host == *host && !look.local);
        looks.sort();
        looks.dedup();
        looks
    }

    /// Keeps what a target has looked at behind the commands: no older than the call.
    fn keep(&mut self, doing: &Doing, said: &[Said]) {
        let printed = said.iter().filter_map(|line| match line {
            Said::Looked(printed) => Some(printed.clone()),
            _ => None,
        });
        for (look, printed) in doing.looks.iter().zip(printed) {
            let glimpse = Glimpse {
                at: self.asked,
                answer: Ok(printed),
            };
            self.seen.insert(look.clone(), glimpse);
        }
    }

    fn answered(&mut self, doing: Doing, answer: Answer) -> Effect {
        match answer {
            Answer::Said(said) => self.said(doing, &said),
            Answer::NotSent(why) => {
                // Nothing was sent, so nothing is unknown.
                self.unsent(&doing);
                if doing.watches().is_some() {
                    return self.watch_on(doing, &why);
                }
                self.not_sent(doing, why)
            }
            Answer::Lost(why) => self.unknown(doing, why),
        }
    }

    pub(super) fn said(&mut self, mut doing: Doing, said: &[Said]) -> Effect {
        if said.iter().any(|line| matches!(line, Said::Ran(_))) {
            self.keep(&doing, said);
        }
        for line in said {
            match line {
                Said::Refused(kind, seen) if kind == "token" || kind == "held" => {
                    self.unsent(&doing);
                    return self.displaced(&doing, kind, seen, false);
                }
                Said::Refused(kind, seen) => {
                    // The target looked and ran nothing.
                    let why = format!("{} refused: {kind}: {seen}", host_name(&doing.operation.place));
                    self.unsent(&doing);
                    if doing.back || doing.before != StepState::NotYet {
                        return self.fail(&doing, why);
                    }
                    return self.refused(doing, why);
                }
                Said::Ran(printed) | Said::Receipt(Receipt::Ended(printed)) => {
                    return self.ran(doing, printed);
                }
                // Nothing of it runs any more, and twice is the same as once; but what is taken back is not done again.
                Said::Receipt(Receipt::Begun)
                    if doing.operation.nature == Nature::Idempotent && (doing.back || !self.is_turned(doing.at)) =>
                {
                    doing.redo = true;
                    return self.again(doing, "it was begun and did not end");
                }
                Said::Receipt(Receipt::Begun) => return self.prove(doing, Some("it was begun and did not end".into())),
                Said::Receipt(Receipt::None) => {
                    self.unsent(&doing);
                    return self.not_sent(doing, "it never reached the target".to_owned());
                }
                _ => {}
            }
        }
        self.unknown(doing, "the answer says nothing of the step".into())
    }

    /// Nothing of this attempt ran, and it cannot run any more. One before it, by this process or another, may have.
    fn unsent(&mut self, doing: &Doing) {
        self.done[doing.at] = doing.before;
    }

    /// Writes that the target refused and nothing was run: else whoever goes on with the run would have to take the step
    /// for begun.
    fn refused(&mut self, mut doing: Doing, why: String) -> Effect {
        let record = Record::Outcome {
            step: doing.at,
            back: doing.back,
            outcome: Outcome::Refused,
            evidence: Vec::new(),
            output: why.clone(),
        };
        doing.part = Part::Refusing(why);
        self.stage = Stage::Step(Box::new(doing));
        Effect::Write(record)
    }

    fn ran(&mut self, mut doing: Doing, printed: &Printed) -> Effect {
        if matches!(doing.operation.work, Work::Watch(_)) {
            return self.ordered(doing, printed);
        }
        if printed.exit == 0 {
            return self.prove(doing, None);
        }
        if let (Some(retry), Some(sent)) = (&doing.operation.retry, doing.sent)
            && printed.text.contains(retry.on)
            && self.now.since(sent) < retry.within
        {
            doing.part = Part::Resting;
            doing.waits = Some(shorten(&printed.text));
            self.stage = Stage::Step(Box::new(doing));
            return Effect::Wait(RETRY_EVERY);
        }
        let text = format!("exit code {}: {}", printed.exit, shorten(&printed.text));
        self.prove(doing, Some(text))
    }

    /// Sends the step again, when that is safe and not too often.
    pub(super) fn again(&mut self, mut doing: Doing, why: &str) -> Effect {
        if !doing.back && self.is_off(doing.at) {
            // What was not done is not begun while everything is being taken back.
            return self.onwards();
        }
        doing.tries += 1;
        if doing.tries >= ATTEMPTS {
            return self.fail(&doing, format!("{why}, {ATTEMPTS} times"));
        }
        doing.part = Part::Resting;
        doing.waits = Some(why.to_owned());
        self.stage = Stage::Step(Box::new(doing));
        Effect::Wait(RESOLVE_EVERY)
    }

    pub(super) fn conclude(
        &mut self,
        mut doing: Doing,
        outcome: Outcome,
        evidence: Vec<String>,
        output: String,
    ) -> Effect {
        self.done[doing.at] = match (doing.back, outcome) {
            (true, Outcome::Stays) => StepState::Stays,
            (true, _) => StepState::Undone,
            // What may have been this run's own doing is not found so: it is taken back, or told at the end.
            (false, Outcome::AlreadySo) if self.done[doing.at] == StepState::NotYet => StepState::AlreadySo,
            (false, _) => StepState::Done,
        };
        doing.part = Part::Concluding;
        doing.waits = None;
        let record = Record::Outcome {
            step: doing.at,
            back: doing.back,
            outcome,
            evidence,
            output,
        };
        self.stage = Stage::Step(Box::new(doing));
        Effect::Write(record)
    }

    pub(super) fn identity(&self, host: &HostName, any_boot: bool) -> Identity {
        let mut identity = self.plan.targets.get(host).cloned().unwrap_or(Identity {
            // No such machine: a target that the plan does not name is refused by itself.
            machine_id: "unplanned".into(),
            boot_id: None,
        });
        if any_boot || self.has_left(host, Departure::Boots) {
            identity.boot_id = None;
        }
        identity
    }

    /// Whether this run has made a host go away so, or may have.
    pub(super) fn has_left(&self, host: &HostName, how: Departure) -> bool {
        let steps = self.plan.steps.iter().zip(&self.done);
        let mut begun = steps.filter(|(_, state)| !matches!(state, StepState::NotYet | StepState::AlreadySo));
        begun.any(|(step, _)| {
            let mut claims = step.operation.claims.iter();
            claims.any(
                |claim| matches!(claim, Claim::Leave { host: gone, departure } if gone == host && *departure == how),
            )
        })
    }

    pub(super) fn key(&self, doing: &Doing) -> String {
        let way = if doing.back { "back" } else { "step" };
        format!("{}-{way}-{}-{}", self.run, doing.at, doing.attempt)
    }

    pub(super) fn interlocks(&self, doing: &Doing) -> Vec<Condition> {
        crate::runbook::interlock::conditions(&doing.operation.claims, &self.context(doing.back))
    }
}

/// Whether there is no more time for it.
fn is_late(needs: &[Condition], sight: &Sight) -> bool {
    let mut failing = unmet(needs, sight).into_iter().filter(|(_, truth)| truth.fails());
    failing.any(|(condition, _)| condition.of_time)
}

/// The looks of conditions, each once.
pub(super) fn distinct<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> Vec<Look> {
    let mut looks: Vec<Look> = conditions
        .into_iter()
        .flat_map(|condition| condition.looks.iter().cloned())
        .collect();
    looks.sort();
    looks.dedup();
    looks
}

/// What showed that the conditions hold.
pub(super) fn evidence(conditions: &[Condition], sight: &Sight) -> Vec<String> {
    conditions
        .iter()
        .map(|condition| condition.judge(sight).text().to_owned())
        .collect()
}

/// What came of a harmless command on several hosts: each outcome once, with the hosts that had it.
fn nudged(answers: &[(HostName, Result<Printed, String>)]) -> Vec<String> {
    let mut hosts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (host, answer) in answers {
        let says = match answer {
            Ok(printed) if printed.exit == 0 => "it ran".to_owned(),
            Ok(printed) => format!("exit code {}: {}", printed.exit, shorten(&printed.text)),
            Err(why) => format!("not known to have run: {}", shorten(why)),
        };
        hosts.entry(says).or_default().push(host.as_str());
    }
    let told = hosts.into_iter();
    told.map(|(says, hosts)| format!("{}: {says}", hosts.join(", ")))
        .collect()
}

fn host_name(place: &Place) -> String {
    match place {
        Place::Host(host) => host.to_string(),
        Place::Console => "the console".to_owned(),
    }
}

/// The last part of what a command printed: the reason is at the end.
pub(super) fn shorten(text: &str) -> String {
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(400);
    text.chars().skip(skip).collect()
}
