//! A lost answer: the target is taken anew, so that nothing sent before can still begin, and asked for its receipt.

use super::{
    Answer, Doing, Effect, Engine, Operation, Part, Place, RESOLVE_EVERY, RESOLVE_WITHIN, Record, Request, Said, Stage,
};
use crate::runbook::operation::{Claim, Departure};
use std::time::Duration;

/// How long a lost answer is asked for: of a host that boots because of it, until it should be back.
pub(super) fn within(operation: &Operation) -> Duration {
    let boots = |claim: &Claim| {
        matches!(
            claim,
            Claim::Leave {
                departure: Departure::Boots,
                ..
            }
        )
    };
    if operation.claims.iter().any(boots) {
        RESOLVE_WITHIN.max(operation.settles_within)
    } else {
        RESOLVE_WITHIN
    }
}

impl Engine {
    pub(super) fn unknown(&mut self, mut doing: Doing, why: String) -> Effect {
        doing.part = Part::Noting;
        doing.since = self.now;
        let record = Record::Unknown {
            step: doing.at,
            back: doing.back,
            why,
        };
        self.stage = Stage::Step(Box::new(doing));
        Effect::Write(record)
    }

    /// Takes the target anew: whatever was sent before is refused there from then on, or has ended.
    pub(super) fn seal(&mut self, mut doing: Doing) -> Effect {
        let Place::Host(host) = doing.operation.place.clone() else {
            return self.prove(doing, None);
        };
        doing.part = Part::Sealing;
        self.seen.clear();
        *self.tokens.entry(host.clone()).or_default() += 1;
        let request = Request::Claim {
            identity: self.identity(&host, true),
            objects: self.plan.claims_on(&host),
            holder: self.holder(&host),
            over: Vec::new(),
        };
        self.stage = Stage::Step(Box::new(doing));
        Effect::Call {
            host,
            request,
            deadline: Duration::from_secs(20),
        }
    }

    pub(super) fn sealed(&mut self, doing: Doing, answer: Answer) -> Effect {
        match answer {
            Answer::Said(said) if said.iter().any(|line| matches!(line, Said::Claimed(_))) => self.fetch(doing),
            Answer::Said(said) => match said.first() {
                Some(Said::Refused(kind, seen)) if kind == "held" || kind == "displaced" => {
                    self.displaced(&doing, kind, seen, true)
                }
                Some(Said::Refused(kind, seen)) if kind == "token" => {
                    // A claim whose answer was lost came through after all: go above it.
                    if let (Place::Host(host), Ok(held)) = (doing.operation.place.clone(), seen.parse()) {
                        self.tokens.insert(host, held);
                    }
                    self.patient(doing, seen)
                }
                // What was sent before may still begin: that is not known until the target can be taken.
                Some(Said::Refused(kind, seen)) => self.patient(doing, &format!("{kind}: {seen}")),
                _ => self.patient(doing, "the answer says nothing of the claim"),
            },
            Answer::NotSent(why) | Answer::Lost(why) => self.patient(doing, &why),
        }
    }

    /// Asks what became of the step, once nothing that was sent before can still begin.
    pub(super) fn fetch(&mut self, mut doing: Doing) -> Effect {
        let Place::Host(host) = doing.operation.place.clone() else {
            return self.prove(doing, None);
        };
        doing.part = Part::Fetching;
        let request = Request::Receipt {
            identity: self.identity(&host, true),
            key: self.key(&doing),
        };
        self.stage = Stage::Step(Box::new(doing));
        Effect::Call {
            host,
            request,
            deadline: Duration::from_secs(20),
        }
    }

    pub(super) fn fetched(&mut self, doing: Doing, answer: Answer) -> Effect {
        match answer {
            Answer::Said(said) => match said.first() {
                // This is about the question, not about the step.
                Some(Said::Refused(kind, seen)) => self.patient(doing, &format!("{kind}: {seen}")),
                Some(Said::Receipt(_)) => self.said(doing, &said),
                // Asked again as often as an answer that does not come, and no longer.
                _ => self.patient(doing, "the answer says nothing of the step"),
            },
            Answer::NotSent(why) | Answer::Lost(why) => self.patient(doing, &why),
        }
    }

    /// Waits before the target is asked again, until the patience for it is over.
    fn patient(&mut self, mut doing: Doing, why: &str) -> Effect {
        if self.now.since(doing.since) > within(&doing.operation) {
            let why = format!("whether step {} ran is not known: {why}", doing.at + 1);
            if self.row_of(doing.at).is_some() && doing.sent.is_none() {
                // It was never begun: that is known.
                return self.fail(&doing, why);
            }
            return match self.gives_row_up(doing.at, &why) {
                Some(effect) => effect,
                None => self.park(&doing, why, true),
            };
        }
        doing.part = Part::Noting;
        doing.waits = Some(why.to_owned());
        self.stage = Stage::Step(Box::new(doing));
        Effect::Wait(RESOLVE_EVERY)
    }
}
