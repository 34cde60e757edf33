//! Taking over what other runs hold: which ones get nothing any more, and what that means for how this one ends.
//!
//! To displace a run is a change like any other, and nothing takes it back: a run that has done so and nothing else has
//! not changed nothing.

use super::{Answer, Effect, End, Engine, Event, Record, Said, Stage};
use crate::fleet::HostName;
use std::collections::BTreeSet;

impl Engine {
    /// Keeps which runs an answer to a claim says, or shows, to be taken over; the write of that, where it is new.
    pub(super) fn takes(&mut self, at: usize, host: &HostName, answer: &Answer) -> Option<Effect> {
        let said = match answer {
            Answer::Said(said) => said,
            Answer::Lost(_) => {
                self.may_have.extend(self.over.iter().cloned());
                return None;
            }
            Answer::NotSent(_) => return None,
        };
        let mut runs: BTreeSet<String> = said
            .iter()
            .filter_map(|line| match line {
                Said::Took { run, .. } => Some(run.clone()),
                _ => None,
            })
            .collect();
        let claimed = said.iter().filter(|line| matches!(line, Said::Claimed(_))).count();
        if claimed == self.plan.claims_on(host).len() {
            // Where an answer was lost before, that claim may have been the one that took it.
            runs.extend(self.found.get(host).into_iter().flatten().cloned());
        }
        runs.retain(|run| self.took.get(run).is_none_or(|hosts| !hosts.contains(host)));
        for run in &runs {
            self.notes_taken(run.clone(), host.clone());
        }
        let runs: Vec<String> = runs.into_iter().collect();
        (!runs.is_empty()).then(|| self.write_taken(at, runs, answer.clone()))
    }

    /// Keeps that a run gets nothing any more on a target.
    pub(super) fn notes_taken(&mut self, run: String, host: HostName) {
        self.may_have.remove(&run);
        self.took.entry(run).or_default().insert(host);
    }

    fn write_taken(&mut self, at: usize, mut left: Vec<String>, answer: Answer) -> Effect {
        let host = self.plan.targets.keys().nth(at).map(ToString::to_string);
        match (left.pop(), host) {
            (Some(run), Some(host)) => {
                self.stage = Stage::Taking(at, left, answer);
                Effect::Write(Record::TookOver { run, host })
            }
            _ => self.claimed(at, Event::Answered(answer)),
        }
    }

    pub(super) fn taken_over(&mut self, at: usize, left: Vec<String>, answer: Answer, event: &Event) -> Effect {
        match event {
            Event::Written(Ok(())) => self.write_taken(at, left, answer),
            _ => self.over(End::Lost),
        }
    }

    /// Whether another run gets nothing any more because of this one, or may not.
    pub(super) fn has_taken(&self) -> bool {
        !self.took.is_empty() || !self.may_have.is_empty()
    }

    /// Whether that is all that this run may have done.
    pub(super) fn only_displaces(&self) -> bool {
        self.has_taken() && !self.underway()
    }

    /// What became of other runs by the claims of this one, each a sentence. Nothing takes that back.
    pub(super) fn displaces(&self) -> Vec<String> {
        let look = |run: &str| format!("look at what it has left: pointsman --batch report {run}");
        let took = self.took.iter().map(|(run, hosts)| {
            let hosts: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
            format!(
                "run {run} is taken over on {} and gets nothing there any more; {}",
                hosts.join(", "),
                look(run)
            )
        });
        let may = self.may_have.iter().map(|run| {
            format!(
                "run {run} may be taken over, for whether its targets were claimed is not known; {}",
                look(run)
            )
        });
        took.chain(may).collect()
    }

    /// The end of a run that has changed nothing on a host by itself and cannot begin: `plain`, unless it has displaced
    /// another one. Then it keeps what it has, for nobody else can finish what the other one began; unless somebody wants
    /// it over.
    pub(super) fn unbegun(&self, plain: End, why: &str, next: &str) -> End {
        if !self.has_taken() {
            return plain;
        }
        let displaces = self.displaces();
        if self.why.is_some() || self.cancelled.is_some() {
            return End::Compensated {
                why: why.to_owned(),
                stays: displaces,
            };
        }
        End::Parked {
            step: 0,
            why: format!("{why}; nothing else was changed, but {}", displaces.join("; ")),
            next: format!("{next}; or make a new plan, and run it with --take-over={}", self.run),
            unknown: false,
        }
    }
}
