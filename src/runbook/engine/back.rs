//! Turning back: what is taken back, how far, and what stays done.
//!
//! What nothing takes back is never passed over in silence: a run that has done such a thing says so at its end. In an
//! emergency it parks then, and goes on from there when it is resumed; and a slice that it serves already is not taken
//! away again because of another one.

use super::{Doing, Effect, End, Engine, Event, Nature, Record, Stage, StepState, Work};
use crate::{
    fleet::{HostName, SliceName},
    runbook::{
        definition::Kind,
        interlock::is_given_up,
        operation::{Claim, Place},
        plan::{Rule, Step},
    },
};

/// What is taken back next.
enum Back {
    /// This step.
    Step(usize),
    /// Nothing: this step cannot be, and what was done before it rests on it.
    Irreversible(usize),
    /// Nothing is left.
    Nothing,
}

impl Engine {
    /// A step cannot be done: ends, turns back, or parks.
    pub(super) fn fail(&mut self, doing: &Doing, why: String) -> Effect {
        if let Some(row) = self.row_of(doing.at) {
            return self.fail_row(row, doing, &why);
        }
        if doing.back {
            return self.park(doing, why, false);
        }
        if self.turned {
            return self.back_on();
        }
        if !self.underway() {
            let end = match self.displaces() {
                none if none.is_empty() => End::Refused { why },
                stays => End::Compensated { why, stays },
            };
            return self.finish(end);
        }
        if self.irreversible().is_some() {
            // There is no way back from here: somebody looks, and it goes on.
            return self.park(doing, why, false);
        }
        let why = format!("step {}: {why}", doing.at + 1);
        if let Some(end) = self.no_way_back(doing.at + 1, &why) {
            return self.finish(end);
        }
        self.retries = self.tries_again(None);
        // Whoever cancels wants no other try; else an emergency that cannot be undone is gone on with later.
        let again = self.cancelled.is_none() && self.plan.kind == Kind::Emergency && !self.stays().is_empty();
        self.turn(why, again, None)
    }

    /// Writes that it turns back.
    pub(super) fn turn(&mut self, why: String, again: bool, halt: Option<usize>) -> Effect {
        self.why = Some(why.clone());
        self.turned = true;
        self.again = again;
        self.halt = halt;
        self.stage = Stage::Turning { resumed: false };
        Effect::Write(Record::TurnedBack {
            why,
            again,
            halt,
            tries: self.retries,
        })
    }

    /// A run that goes on is to be taken back: nothing of that is written yet.
    pub(super) fn turn_resumed(&mut self, why: String) -> Effect {
        if let Some(at) = self.irreversible() {
            return self.finish(self.beyond(at, why));
        }
        self.turned = true;
        self.again = false;
        self.stage = Stage::Turning { resumed: true };
        Effect::Write(Record::TurnedBack {
            why,
            again: false,
            halt: None,
            tries: false,
        })
    }

    pub(super) fn turned(&mut self, resumed: bool, event: &Event) -> Effect {
        match event {
            Event::Written(Ok(())) if resumed => self.enter(),
            Event::Written(Ok(())) => self.onwards(),
            _ => self.over(End::Lost),
        }
    }

    /// Takes back what was done, the last first; a connection in which data flows the wrong way before everything else.
    pub(super) fn back_on(&mut self) -> Effect {
        if let Some(at) = self.halt.filter(|at| self.is_done(*at)) {
            return self.begin(at, true);
        }
        match self.next_back() {
            Back::Step(at) => self.begin(at, true),
            Back::Irreversible(at) => {
                let why = self.why.clone().unwrap_or_default();
                self.finish(self.beyond(at, why))
            }
            Back::Nothing => self.taken_back(),
        }
    }

    fn next_back(&self) -> Back {
        let last = self.irreversible();
        for at in (0..self.plan.steps.len()).rev().filter(|at| self.is_done(*at)) {
            if last == Some(at) {
                return Back::Irreversible(at);
            }
            if self.plan.steps[at].undo.is_some() && !self.is_of_served(at) {
                return Back::Step(at);
            }
        }
        Back::Nothing
    }

    /// Whether everything is taken back that a run which is to go on again takes back before it stops.
    pub(super) fn is_back(&self) -> bool {
        self.halt.is_none_or(|at| !self.is_done(at)) && !matches!(self.next_back(), Back::Step(_))
    }

    /// Everything that can be taken back is.
    fn taken_back(&mut self) -> Effect {
        let why = self.why.clone().unwrap_or_default();
        if let Some(effect) = self.try_again(why.clone()) {
            return effect;
        }
        let stays = self.stays();
        if !self.again || self.cancelled.is_some() || stays.is_empty() {
            let stays = stays.into_iter().chain(self.displaces()).collect();
            return self.finish(End::Compensated { why, stays });
        }
        let undone = |state: &StepState| !matches!(state, StepState::Done | StepState::AlreadySo);
        let step = self.done.iter().position(undone).unwrap_or_default();
        let next = format!(
            "mend that, then resume run {}: it goes on with step {} ({})",
            self.run,
            step + 1,
            self.plan.steps[step].operation.says
        );
        self.finish(End::Parked {
            step,
            why: format!("{why}; what can be taken back is; stays done: {}", stays.join("; ")),
            next,
            unknown: false,
        })
    }

    /// What was done, or may have been, and stays so when everything is taken back that can be; each a sentence with
    /// what to do about it.
    pub(super) fn stays(&self) -> Vec<String> {
        let mut out: Vec<String> = self
            .served()
            .map(|(slice, host)| format!("{slice} is served by {host} and is not taken away again"))
            .collect();
        for at in 0..self.plan.steps.len() {
            let step = &self.plan.steps[at];
            if self.done[at] == StepState::Stays {
                out.push(format!(
                    "step {} ({}): it was too late to take it back",
                    at + 1,
                    step.operation.says
                ));
            }
            if step.undo.is_some() || !self.is_done(at) || !changes(step) || self.is_of_served(at) {
                continue;
            }
            let may = match self.done[at] {
                StepState::Done => "",
                _ => ", which may or may not have been done",
            };
            out.push(format!(
                "step {} ({}){may}: {}",
                at + 1,
                step.operation.says,
                advice(step)
            ));
        }
        if let Some(at) = self.halt {
            out.push(format!(
                "step {} ({}) is undone whoever did it: data flowed the wrong way; look at both sides before you connect them again",
                at + 1,
                self.plan.steps[at].operation.says
            ));
        }
        out
    }

    /// Slices that clients are let in to by a step of an emergency, and where.
    fn served(&self) -> impl Iterator<Item = (&SliceName, &HostName)> {
        let emergency = self.plan.kind == Kind::Emergency;
        let steps = self.plan.steps.iter().zip(&self.done);
        steps
            .filter(move |(_, state)| emergency && matches!(state, StepState::Done | StepState::AlreadySo))
            .flat_map(|(step, _)| &step.operation.claims)
            .filter_map(|claim| match claim {
                Claim::OpenEntry { host, slice, .. } => Some((slice, host)),
                _ => None,
            })
    }

    /// Whether a step belongs to a slice that is served by this run.
    pub(super) fn is_of_served(&self, at: usize) -> bool {
        let slice = self.plan.steps[at].call.with.get("slice");
        slice.is_some_and(|name| self.served().any(|(slice, _)| slice.as_str() == name))
    }

    /// Done, or possibly so.
    pub(super) fn is_done(&self, at: usize) -> bool {
        matches!(self.done[at], StepState::Done | StepState::Touched)
    }

    /// The last step that is done, or may be, and that nothing takes back, of a plan without rows.
    pub(super) fn irreversible(&self) -> Option<usize> {
        if self.plan.rolling.is_some() {
            // Rows that are done stay done, and nothing of one rests on another.
            return None;
        }
        (0..self.plan.steps.len()).rev().find(|at| self.stays_done(*at))
    }

    /// Whether a step is done, or may be, and nothing takes it back.
    pub(super) fn stays_done(&self, at: usize) -> bool {
        let step = &self.plan.steps[at];
        self.is_done(at)
            && step.undo.is_none()
            && step.operation.nature == Nature::Irreversible
            // What a person said has changed nothing.
            && !matches!(step.operation.work, Work::Ask(_))
    }

    /// Whether what was done is being taken back.
    #[must_use]
    pub const fn goes_back(&self) -> bool {
        self.why.is_some()
    }

    /// The steps of the plan, each with whether it is wholly ahead.
    pub fn steps(&self) -> impl Iterator<Item = (&Step, bool)> {
        let steps = self.plan.steps.iter().zip(&self.done);
        steps.map(|(step, state)| (step, *state == StepState::NotYet))
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
                if let Claim::Detach { host, at: place } = claim {
                    let mut clients = self.plan.layouts.clients.iter();
                    let client = clients.find(|client| client.host == *host && client.at == *place)?;
                    let mut glass = self.plan.glass.iter();
                    let given_up = glass.find(|glass| is_given_up(std::slice::from_ref(glass), client))?;
                    return Some((at, Rule::Force, given_up.resource.clone()));
                }
                let (rule, host, slice) = match claim {
                    Claim::Discard { host, slice } => (Rule::Discard, host, slice),
                    Claim::Promote {
                        host,
                        slice,
                        force: true,
                    } => (Rule::Force, host, slice),
                    _ => return None,
                };
                let sides = self.plan.layouts.slices.get(slice).map(|layout| &layout.sides);
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
        let look = if self.halt.is_some() {
            "look at the data of both sides first, for going on connects them again; "
        } else {
            ""
        };
        End::Parked {
            step: at,
            why,
            next: format!(
                "{look}step {} ({}) cannot be taken back: resume run {} forwards",
                at + 1,
                self.plan.steps[at].operation.says,
                self.run
            ),
            unknown: false,
        }
    }

    /// What going on with a parked run comes to where somebody wanted it back: not what its plan says next.
    pub(super) fn onward(&self) -> &'static str {
        let wanted = self.cancelled.is_some() || self.why.is_some();
        let beyond = (0..self.rows.len()).any(|row| self.is_beyond(row));
        if wanted && self.irreversible().is_none() && !beyond {
            ", which takes it back"
        } else {
            ""
        }
    }

    /// Stops where it stands; the claims stay, so that nobody else begins here.
    pub(super) fn park(&mut self, doing: &Doing, why: String, unknown: bool) -> Effect {
        let way = if doing.back { "taking back" } else { "doing" };
        let next = format!(
            "look at {} yourself, then resume run {}{} ({way} step {}: {})",
            match &doing.operation.place {
                Place::Host(host) => host.to_string(),
                Place::Console => "the fleet".to_owned(),
            },
            self.run,
            self.onward(),
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
}

/// Whether a step changes anything but what is known.
pub(super) fn changes(step: &Step) -> bool {
    match &step.operation.work {
        Work::Commands(commands) => !commands.is_empty(),
        Work::Local(argv) => !argv.is_empty(),
        Work::Watch(watch) => !watch.commands().is_empty(),
        Work::Nudge { .. } | Work::Hold(_) | Work::Ask(_) => false,
    }
}

/// What a person does about a step that nothing takes back.
fn advice(step: &Step) -> String {
    let mut claims = step.operation.claims.iter();
    if let Some(Claim::Fence { host }) = claims.find(|claim| matches!(claim, Claim::Fence { .. })) {
        return format!("switch {host} on by hand once it is known why it had to go");
    }
    match step.call.action.as_str() {
        "drbd-disconnect" => "connect it again by hand (drbdadm connect) after a look at both sides".to_owned(),
        "md-fail" | "md-remove" => {
            "put another disk into its place; one that is good after all goes back with mdadm --re-add".to_owned()
        }
        "md-add" => "it stays: the array needs it".to_owned(),
        "mysql-freeze" => {
            "it receives nothing until it follows a source again: START REPLICA IO_THREAD, where that is to be the old one".to_owned()
        }
        "client-detach" => "unfence-segment mounts it again, as it was mounted".to_owned(),
        "backup-record" => "it stays: whoever looks there later has to know".to_owned(),
        "copy-begin" | "stream-begin" => {
            "what is copied already stays there, and saves time when it is begun anew".to_owned()
        }
        "restore-begin" => "what is restored already stays there, and is written over when it is begun anew".to_owned(),
        "release-locks" => "clients that held locks have to take them anew".to_owned(),
        _ => "nothing takes it back by itself".to_owned(),
    }
}
