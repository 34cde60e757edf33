//! The engine: a plan and what happened so far → the one thing to do next.
//!
//! Pure. It asks for one effect at a time and is told by one event how that went; the clock comes in with
//! the event. Whoever drives it (SSH and a journal, or a simulated fleet with every fault there is) holds
//! no logic of its own, so that what is proven of the engine under simulation holds of the real runs.

mod again;
mod back;
mod claims;
#[cfg(test)]
mod claims_tests;
mod course;
mod event;
mod flow;
mod record;
mod resolve;
mod rows;
mod stand;
mod step;
mod taking;
#[cfg(test)]
mod taking_tests;
#[cfg(test)]
mod tests;
mod wait;
mod watch;
pub use event::{Answer, Control, Effect, End, Event, Time};
pub use record::{Outcome, Record};
pub use stand::{Patience, Phase, Stand};

use super::{
    condition::unmet,
    interlock::Context,
    observe::watch::Steering,
    operation::{Nature, Operation, Place, Work},
    plan::Plan,
    sight::{Glimpse, Look, Printed, Sight},
    target::{Holder, Identity, Receipt, Request, Said},
};
use crate::{facts::UnixMs, fleet::HostName};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Looks older than this satisfy no guard.
pub const FRESH: Duration = Duration::from_secs(10);
/// What was seen so recently, with no change since, is not looked at again.
const KEPT: Duration = Duration::from_secs(2);
/// Between two looks while a proof is waited for.
const PROVE_EVERY: Duration = Duration::from_millis(500);
/// Between two looks at what takes hours.
const WATCH_EVERY: Duration = Duration::from_secs(5);
/// Between two tries of a command whose failure passes by itself.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// Between two attempts to reach a target whose answer was lost.
const RESOLVE_EVERY: Duration = Duration::from_secs(2);
/// How long a lost answer is asked for before a run is parked with an unknown outcome.
const RESOLVE_WITHIN: Duration = Duration::from_mins(1);
/// How long a step waits for a look that tells nothing (a slow host, a lost connection) before it is given up. Turning a
/// run back because of one unanswered look would make clients wait longer than another look.
const UNSURE_WITHIN: Duration = Duration::from_secs(30);
/// The same while taking back: nothing else is left to do then, and giving up leaves clients without the slice.
const UNSURE_WITHIN_BACK: Duration = Duration::from_mins(1);
/// Between two looks at what is not known.
const UNSURE_EVERY: Duration = Duration::from_secs(1);
/// Longest time without looking whether a person wants to stop a wait.
const HOLD_PIECE: Duration = Duration::from_secs(1);
/// Times that one step is sent again, or one claim tried again, at most.
const ATTEMPTS: u32 = 5;

/// A run under way.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that may hold with any of the others"
)]
pub struct Engine {
    plan: Plan,
    run: String,
    owner: String,
    /// The fencing token that each target knows of this run.
    tokens: BTreeMap<HostName, u64>,
    /// The step that was sent before a crash and has no outcome yet.
    pending: Option<Doing>,
    done: Vec<StepState>,
    stage: Stage,
    /// What was seen since the last change of any host.
    seen: BTreeMap<Look, Glimpse>,
    /// When the looks that are under way were asked for.
    asked: UnixMs,
    /// The highest attempt so far, by step and way: each has a receipt of its own on the target.
    attempts: BTreeMap<(usize, bool), u32>,
    /// Times that the claim of one target was tried again.
    reclaimed: u32,
    /// The time of the run, by a clock that nobody sets: waits and patience end by it.
    now: UnixMs,
    /// The same, but further on where the console's clock went forward meanwhile (it was set, or the console slept): the
    /// age of what was seen is counted by it, for too old is safe.
    aged: UnixMs,
    /// What the console's clocks said last.
    clock: UnixMs,
    passed: Option<Duration>,
    paused: bool,
    cancelled: Option<String>,
    /// Why it turns back, once it does.
    why: Option<String>,
    /// Whether the journal has that it turned back.
    turned: bool,
    /// Whether it parks once it has taken back what it can, and goes forwards from there when it is resumed.
    again: bool,
    /// Tries that were taken back since they were out of time, of each row; of a plan without rows there is one number.
    tries: Vec<u32>,
    /// Whether the step that fails is out of time, and nothing else is against it.
    late: bool,
    /// Whether it tries again by itself once everything is taken back.
    retries: bool,
    /// Whether it waits before its next try, as the journal has it.
    backs_off: bool,
    /// The row that is tried again after that.
    anew: Option<usize>,
    /// The step whose connection is taken back before everything else, whoever made it: data flows the wrong way.
    halt: Option<usize>,
    /// Slices of which it is written down what each side had alone.
    counted: BTreeSet<String>,
    /// Runs whose claims are taken over.
    over: Vec<String>,
    /// Which of them were found to hold a target before it was claimed.
    found: BTreeMap<HostName, BTreeSet<String>>,
    /// Which of them get nothing any more, and where: that is so however this run ends.
    took: BTreeMap<String, BTreeSet<HostName>>,
    /// Which of them may get nothing any more on some target: the answer to a claim was lost, or the process before this
    /// one ended while it claimed.
    may_have: BTreeSet<String>,
    /// Targets to which a claim was sent, by this process or one before it.
    claimed: BTreeSet<HostName>,
    /// How far each row is, where the plan has some.
    rows: Vec<rows::RowState>,
    /// Steps because of which the run has parked before, for what became of them was not known.
    parked: BTreeSet<usize>,
    /// Targets of a run under way that could not be claimed, and why: nothing is done there.
    unreached: BTreeMap<HostName, String>,
    /// Targets that may still keep a claim of a run that is over.
    kept: Vec<String>,
    /// Whether it goes on with what a process before this one began: that may have claims on their way still.
    resumed: bool,
    /// Whether another run has taken this one over.
    displaced: bool,
    /// The end of a run that is over, where nothing is left to do but to give the targets back.
    gives_back: Option<End>,
}

/// How far one step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepState {
    /// Not begun.
    NotYet,
    /// It may have changed something: sent, and not proven.
    Touched,
    /// Done and proven.
    Done,
    /// Found as it should be; nothing was run.
    AlreadySo,
    /// Taken back.
    Undone,
    /// Done, and nothing takes it back any more.
    Stays,
}

/// Where the run stands.
#[derive(Debug)]
enum Stage {
    /// Learns the highest tokens of the targets, one after the other.
    Asking(usize),
    /// Claims them.
    Claiming(usize),
    /// Rests before it claims one again whose answer was lost, or that was busy.
    Reclaiming(usize),
    /// Writes which runs were taken over on a target, one after the other; then goes on by its answer.
    Taking(usize, Vec<String>, Answer),
    /// Writes that a row has failed, or stays as it is.
    Row,
    /// Writes that it turns back; as a run that goes on, before it finds out where it stands.
    Turning { resumed: bool },
    /// Writes that it tries again, or that row.
    Anew(Option<usize>),
    /// Lets time pass before it does, since then; the time of a pause does not count.
    BackingOff { since: UnixMs, looked: UnixMs },
    /// Does (or takes back) a step.
    Step(Box<Doing>),
    /// Gives the targets back, one after the other; the end is written already.
    Releasing(usize, End),
    /// Writes which targets may still keep a claim.
    Released(End),
    /// Writes that another run has taken it over.
    Displacing(End),
    /// Writes how it ended.
    Ending(End),
    /// Over.
    Over(End),
}

/// A step under way.
#[derive(Debug)]
struct Doing {
    at: usize,
    back: bool,
    part: Part,
    attempt: u32,
    /// How far the step was before this attempt was sent: so far it is again when nothing of the attempt ran.
    before: StepState,
    /// Times that it was sent again by this console.
    tries: u32,
    /// Whether it has to be run again although its proof holds: it ended in its middle.
    redo: bool,
    /// When this part began.
    since: UnixMs,
    /// When the first attempt was sent.
    sent: Option<UnixMs>,
    operation: Operation,
    /// What the target looks at behind the commands.
    looks: Vec<Look>,
    /// Since when what it needs is not known.
    unsure: Option<UnixMs>,
    /// What it waits for, in words.
    waits: Option<String>,
    /// When it last began to wait: a pause does not use its patience up.
    rested: UnixMs,
    /// What still has to flow from one side to the other, where that is waited for.
    left_kib: Option<u64>,
    /// How fast an array may go that is watched, once that is steered.
    steering: Option<Steering>,
    /// The commands that come of that.
    orders: Vec<Vec<String>>,
}

/// The parts of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Looks at what it needs, and whether it is already so.
    Checking,
    /// Waits before it looks again.
    Resting,
    /// What it needs is neither so nor otherwise by what was seen: waits before it looks again.
    Unsure,
    /// Writes what each side of the slice has alone, before they are joined.
    Counting,
    /// Writes that the target refused it, and why.
    Refusing(String),
    /// Writes that it is about to be sent.
    Intending,
    /// Writes that it was not sent or never arrived, and why: else whoever goes on with the run would have to take the
    /// step for begun.
    Unsent(String),
    /// Sent; waits for the answer.
    Running,
    /// Lets time pass.
    Holding,
    /// Waits for a person.
    Inquiring,
    /// The answer was lost: written first.
    Noting,
    /// Takes the target anew by a higher token, so that nothing sent before can still begin.
    Sealing,
    /// Asks for the receipt.
    Fetching,
    /// Looks for the proof; the text is what the command printed when it failed.
    Proving(Option<String>),
    /// Rests before it looks for the proof again.
    Patient(Option<String>),
    /// Writes the outcome.
    Concluding,
}

impl Engine {
    /// A run that begins.
    #[must_use]
    pub fn new(plan: Plan, run: String, owner: String, now: UnixMs) -> Self {
        let steps = plan.steps.len();
        let rows = plan.rolling.as_ref().map_or(0, |rolling| rolling.rows.len());
        Self {
            plan,
            run,
            owner,
            tokens: BTreeMap::new(),
            pending: None,
            done: vec![StepState::NotYet; steps],
            stage: Stage::Asking(0),
            seen: BTreeMap::new(),
            asked: now,
            attempts: BTreeMap::new(),
            reclaimed: 0,
            now,
            aged: now,
            clock: now,
            passed: None,
            paused: false,
            cancelled: None,
            why: None,
            turned: false,
            again: false,
            tries: vec![0; rows.max(1)],
            late: false,
            retries: false,
            backs_off: false,
            anew: None,
            halt: None,
            counted: BTreeSet::new(),
            over: Vec::new(),
            found: BTreeMap::new(),
            took: BTreeMap::new(),
            may_have: BTreeSet::new(),
            claimed: BTreeSet::new(),
            rows: vec![rows::RowState::Open; rows],
            parked: BTreeSet::new(),
            unreached: BTreeMap::new(),
            kept: Vec::new(),
            resumed: false,
            displaced: false,
            gives_back: None,
        }
    }

    /// The hosts on which the plan runs [harmless commands](Work::Nudge), and the programs or functions that these are.
    #[must_use]
    pub fn nudges(&self) -> BTreeSet<(&HostName, &str)> {
        let steps = self.plan.steps.iter();
        let nudges = steps.filter_map(|step| match &step.operation.work {
            Work::Nudge { hosts, argv, .. } => Some((hosts, argv.first()?.as_str())),
            _ => None,
        });
        nudges
            .flat_map(|(hosts, command)| hosts.iter().map(move |host| (host, command)))
            .collect()
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Over(end) => Some(end),
            _ => None,
        }
    }

    /// What a person asks for; it takes effect before the next change of a host.
    pub fn control(&mut self, control: Control) {
        match control {
            Control::Pause => self.paused = true,
            Control::Resume => self.paused = false,
            // Who cancels wants no more waiting.
            Control::Cancel(by) => (self.cancelled, self.paused) = (Some(by), false),
        }
    }

    /// Takes what came of the last effect, and says what to do next.
    pub fn advance(&mut self, event: Event, time: Time) -> Effect {
        let passed = time.passed.saturating_sub(self.passed.unwrap_or(time.passed));
        self.now = self.now + passed;
        self.aged = self.aged + passed.max(time.clock.since(self.clock));
        (self.clock, self.passed) = (time.clock, Some(time.passed));
        match std::mem::replace(&mut self.stage, Stage::Over(End::Lost)) {
            Stage::Asking(at) => self.asked(at, event),
            Stage::Claiming(at) => self.claimed(at, event),
            Stage::Reclaiming(at) => self.claim(at),
            Stage::Taking(at, left, answer) => self.taken_over(at, left, answer, &event),
            Stage::Row => self.row_written(&event),
            Stage::Turning { resumed } => self.turned(resumed, &event),
            Stage::Anew(row) => self.anew(row, &event),
            Stage::BackingOff { since, looked } => self.back_off(since, looked),
            Stage::Step(doing) => self.stepped(*doing, event),
            Stage::Ending(end) => self.ended(end, &event),
            Stage::Displacing(end) => self.finish(end),
            Stage::Releasing(at, end) => self.released(at, end, &event),
            Stage::Released(end) | Stage::Over(end) => self.over(end),
        }
    }
}
