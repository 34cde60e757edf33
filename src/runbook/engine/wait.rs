//! What takes time: a soak, a person's answer, a proof that comes true by and by. All of it can be cancelled.

use super::{
    ATTEMPTS, Doing, Effect, Engine, HOLD_PIECE, Nature, Outcome, PROVE_EVERY, Part, RESOLVE_WITHIN, Stage, Steering,
    WATCH_EVERY, Work,
    step::{distinct, evidence},
    unmet,
};
use crate::runbook::{
    observe::watch::{Advice, URGENT_EVERY, Watch},
    sight::{Glimpse, Look},
};
use std::time::Duration;

impl Engine {
    /// Lets the time pass, in pieces: a person may cancel in between.
    pub(super) fn hold(&mut self, mut doing: Doing) -> Effect {
        let Work::Hold(time) = doing.operation.work else {
            return self.lost_thread(&doing);
        };
        if let Some(by) = self.stopped(&doing) {
            return self.fail(&doing, format!("cancelled by {by}"));
        }
        self.stand_still(&mut doing);
        let left = time.saturating_sub(self.now.since(doing.since));
        if left.is_zero() {
            return self.prove(doing, None);
        }
        doing.part = Part::Holding;
        doing.rested = self.now;
        self.stage = Stage::Step(Box::new(doing));
        Effect::Wait(left.min(HOLD_PIECE))
    }

    /// Asks; again as often as it takes, until somebody answers or cancels.
    pub(super) fn inquire(&mut self, mut doing: Doing) -> Effect {
        let Work::Ask(question) = doing.operation.work.clone() else {
            return self.lost_thread(&doing);
        };
        if let Some(by) = self.stopped(&doing) {
            return self.fail(&doing, format!("cancelled by {by}"));
        }
        doing.part = Part::Inquiring;
        self.stage = Stage::Step(Box::new(doing));
        Effect::Ask(question)
    }

    pub(super) fn replied(&mut self, doing: Doing, by: &str, word: &str) -> Effect {
        let Work::Ask(question) = doing.operation.work.clone() else {
            return self.lost_thread(&doing);
        };
        if word.trim() == question.word {
            // That it matched is the fact; what was typed stays with the person.
            let evidence = vec![format!("{by} typed the word that means yes")];
            return self.conclude(doing, Outcome::Done, evidence, String::new());
        }
        self.fail(&doing, format!("{by} did not say yes to: {}", question.text))
    }

    pub(super) fn prove(&mut self, mut doing: Doing, failed: Option<String>) -> Effect {
        // A limit that was set is no new beginning of what is waited for.
        if !matches!(doing.part, Part::Patient(_)) && doing.orders.is_empty() {
            doing.since = self.now;
        }
        let mut looks = distinct(&doing.operation.proof);
        looks.extend(doing.watches().into_iter().flat_map(Watch::looks));
        looks.extend(self.looks_of_orders(&doing));
        looks.sort();
        looks.dedup();
        doing.part = Part::Proving(failed);
        self.look(doing, looks)
    }

    /// Looks for the proof again, unless a person wants it otherwise. While it is paused it looks on, for something may
    /// go wrong meanwhile, but its patience does not run out.
    pub(super) fn rested(&mut self, mut doing: Doing, failed: Option<String>) -> Effect {
        // What was sent is looked at once more: then it is known what there is to take back.
        if let Some(by) = self.stopped(&doing).filter(|_| doing.sent.is_none()) {
            return self.fail(&doing, format!("cancelled by {by}"));
        }
        self.stand_still(&mut doing);
        self.prove(doing, failed)
    }

    /// The time of a pause does not count.
    fn stand_still(&self, doing: &mut Doing) {
        if self.paused && !doing.back && matches!(doing.part, Part::Holding | Part::Patient(_)) {
            self.does_not_count(doing);
        }
    }

    /// The time since it was looked at last is none that it had.
    fn does_not_count(&self, doing: &mut Doing) {
        doing.since = doing.since + self.now.since(doing.rested.max(doing.since));
        doing.rested = self.now;
    }

    pub(super) fn looked(&mut self, mut doing: Doing, failed: Option<String>, seen: Vec<(Look, Glimpse)>) -> Effect {
        let sight = self.sight(seen);
        if let Some(seen) = self.alarm(&doing, &sight) {
            return self.halt(&doing, &seen);
        }
        doing.left_kib = self.left_kib(&doing, &sight);
        if self.paused && !doing.back {
            // The console may have slept while it was paused, in the middle of its look.
            self.does_not_count(&mut doing);
        }
        let missing = unmet(&doing.operation.proof, &sight);
        if let Some(text) = failed.clone().filter(|_| doing.operation.proof.is_empty()) {
            let why = format!("{}: {text}", doing.operation.says);
            return self.fail(&doing, why);
        }
        if missing.is_empty() {
            // Its proof need not show all that it does: an address may be there, and nobody was told.
            let partly = failed.is_some() && doing.operation.nature == Nature::Idempotent;
            if partly && doing.tries + 1 < ATTEMPTS && (doing.back || !self.is_turned(doing.at)) {
                doing.redo = true;
                return self.again(doing, "it ended in its middle");
            }
            let evidence = evidence(&doing.operation.proof, &sight);
            return self.conclude(doing, Outcome::Done, evidence, failed.unwrap_or_default());
        }
        // A command that failed changes nothing any more; one that succeeded may still take effect.
        let patience = if failed.is_some() {
            Duration::ZERO
        } else {
            doing.operation.settles_within
        };
        let unseen = missing.iter().any(|(_, truth)| !truth.fails());
        if self.now.since(doing.since) < patience || (unseen && self.now.since(doing.since) < RESOLVE_WITHIN) {
            // What was sent, and nobody can tell what became of it, is found out first.
            let obeys = !doing.back && (doing.sent.is_none() || !unseen || doing.watches().is_some());
            if let Some(by) = self.stopped(&doing).filter(|_| obeys) {
                return self.fail(&doing, format!("cancelled by {by}"));
            }
            match self.steer(&mut doing, &sight) {
                Advice::Keep => {}
                Advice::Order(_) => match self.against(&doing, &sight) {
                    None => return self.intend(doing),
                    Some((why, truth)) if truth.fails() => return self.fail(&doing, why),
                    // Nobody knows: it is looked at again before anything is sent.
                    Some(_) => {}
                },
                Advice::GiveUp(why) => return self.fail(&doing, why),
                Advice::Late(why) => {
                    self.late = true;
                    return self.fail(&doing, why);
                }
            }
            // Not yet so: what was seen is of no use any more.
            self.seen.clear();
            let (condition, truth) = &missing[0];
            let steered = doing.steering.as_ref().and_then(Steering::says);
            let steered = steered.map_or_else(String::new, |says| format!("; {says}"));
            doing.waits = Some(format!("{condition}, but {truth}{steered}"));
            doing.part = Part::Patient(failed);
            doing.rested = self.now;
            let every = match doing.watches() {
                Some(watch) if watch.is_urgent() => URGENT_EVERY,
                Some(_) => WATCH_EVERY,
                None => PROVE_EVERY,
            };
            self.stage = Stage::Step(Box::new(doing));
            return Effect::Wait(every);
        }
        let (condition, truth) = &missing[0];
        let why = match failed {
            Some(text) => format!("{}: {text}; {truth}", doing.operation.says),
            None => format!("{}: not proven: {condition}, but {truth}", doing.operation.says),
        };
        if unseen {
            return match self.gives_row_up(doing.at, &why) {
                Some(effect) => effect,
                None => self.park(&doing, why, true),
            };
        }
        if doing.watches().is_some_and(|watch| !watch.is_urgent()) && !doing.back {
            // It goes on by itself: whoever resumes the run waits on.
            return self.park(&doing, why, false);
        }
        self.fail(&doing, why)
    }
}
