//! How far a run is, for front ends: built from what the engine asks for and what comes of it.

use super::{
    clean,
    clients::ClientView,
    eta::{self, Flow},
    portion::{self, Moving},
};
use crate::{
    facts::UnixMs,
    runbook::{
        engine::{Control, End, Outcome, Patience, Phase, Record, Stand},
        operation::{Operation, Question, Work},
        plan::Plan,
    },
};
use std::{collections::VecDeque, time::Duration};

/// Lines of the log that are kept.
const LOG_LINES: usize = 500;
/// Between two lines of the log about the same question.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// What is said of a run that nobody drives and that has not ended.
const LEFT: &str = "left in its middle";
/// The same before anything was sent.
const LEFT_AT_FIRST: &str = "left before its first step, nothing was changed";

/// A run as a front end shows it.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that may hold with any of the others"
)]
pub struct Progress {
    /// The run's name.
    pub run: String,
    /// The runbook.
    pub runbook: String,
    /// What it is for, in one line.
    pub title: String,
    /// Who runs it: `user@console`.
    pub owner: String,
    /// When this process began to drive it.
    pub began: UnixMs,
    /// When this was last changed.
    pub at: UnixMs,
    /// The steps, in the plan's order.
    pub steps: Vec<StepProgress>,
    /// The step under way, from 0.
    pub current: Option<usize>,
    /// What is being done, in words: `proves step 3 of 9`.
    pub stage: String,
    /// What the step under way waits for, in a sentence: an answer that does not come, a proof that is not there yet.
    pub waits: Option<String>,
    /// How often what is waited for is asked for again, and when that is given up.
    pub gives_up: Option<GivesUp>,
    /// Whether anything was sent to a target: until then nothing was changed.
    pub begun: bool,
    /// Whether somebody has asked for a pause.
    pub paused: bool,
    /// Who asked for what was done to be taken back.
    pub cancelled: Option<String>,
    /// What a person has to answer before it goes on.
    pub question: Option<Question>,
    /// The question that was open when the run was left.
    pub asked: Option<Question>,
    /// How it ended.
    pub end: Option<End>,
    /// Whether it was left in its middle: it can be resumed.
    pub left: bool,
    /// Whether another run has taken it over: it is over then, however it stands.
    pub displaced: bool,
    /// Targets that may still keep a claim of the run although it has ended.
    pub kept: Vec<String>,
    /// What happened, oldest first; the last 500 lines.
    pub log: VecDeque<LogLine>,
    /// How many lines there have been in all.
    pub logged: u64,
    /// How many of them happened before this process went on with the run.
    pub before: u64,
    /// How the clients of the slices fare.
    pub clients: Vec<ClientView>,
    /// How fast data flows from one side of a slice to the other, while that is waited for.
    pub(super) flow: Flow,
    /// The slices that it moves one after the other, where it moves several.
    pub(super) moving: Vec<Moving>,
}

/// How long something that is not known is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivesUp {
    /// Between two questions.
    pub every: Duration,
    /// When it is given up.
    pub at: UnixMs,
    /// When that was last said.
    pub said: UnixMs,
}

/// One step.
#[derive(Debug, Clone)]
pub struct StepProgress {
    /// What it does.
    pub says: String,
    /// Where: a host's name, or `console`.
    pub place: String,
    /// Its commands, as shown.
    pub commands: Vec<String>,
    /// What takes it back, if anything does.
    pub undo: Option<String>,
    /// How far it is.
    pub state: StepState,
    /// When it was first looked at.
    pub began: Option<UnixMs>,
    /// When its outcome was written.
    pub ended: Option<UnixMs>,
    /// What showed the outcome.
    pub evidence: Vec<String>,
    /// What its commands printed last.
    pub output: String,
    /// How long it usually takes; unknown where it waits for a person or a resync.
    pub expected: Option<Duration>,
    /// Whether it asks a person.
    pub asks: bool,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Its needs are looked at.
    Checking,
    /// Its commands run.
    Running,
    /// Its proof is looked for.
    Proving,
    /// It waits for a person.
    Asking,
    /// Done and proven.
    Done,
    /// It was so already; nothing was run.
    AlreadySo,
    /// It failed or was refused.
    Failed,
    /// It is being taken back.
    Undoing,
    /// It was taken back.
    Undone,
    /// Whether it ran is not known (yet).
    Unknown,
}

impl StepState {
    /// The state in one or two words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Checking => "checking",
            Self::Running => "running",
            Self::Proving => "proving",
            Self::Asking => "asking",
            Self::Done => "done",
            Self::AlreadySo => "already so",
            Self::Failed => "failed",
            Self::Undoing => "taking back",
            Self::Undone => "taken back",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing more is being done about it.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::AlreadySo | Self::Failed | Self::Undone)
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: UnixMs,
    /// What; clean, one line.
    pub text: String,
}

impl Progress {
    /// A run that has not begun.
    #[must_use]
    pub fn new(plan: &Plan, run: &str, owner: &str, at: UnixMs) -> Self {
        Self {
            run: run.to_owned(),
            runbook: plan.runbook.clone(),
            title: plan.title.clone(),
            owner: owner.to_owned(),
            began: at,
            at,
            steps: plan
                .steps
                .iter()
                .map(|step| StepProgress::new(&step.operation, step.undo.as_ref()))
                .collect(),
            current: None,
            stage: "begins".to_owned(),
            waits: None,
            gives_up: None,
            begun: false,
            paused: false,
            cancelled: None,
            question: None,
            asked: None,
            end: None,
            left: false,
            displaced: false,
            kept: Vec::new(),
            log: VecDeque::new(),
            logged: 0,
            before: 0,
            clients: Vec::new(),
            flow: Flow::default(),
            moving: portion::of_plan(plan),
        }
    }

    /// Steps that are done, found done, or taken back, of all.
    #[must_use]
    pub fn settled(&self) -> (usize, usize) {
        let settled = self.steps.iter().filter(|step| step.state.is_settled()).count();
        (settled, self.steps.len())
    }

    /// Adds lines to the log.
    pub(super) fn say(&mut self, at: UnixMs, text: &str) {
        for line in clean::lines(text).lines() {
            if self.log.len() == LOG_LINES {
                self.log.pop_front();
            }
            self.logged += 1;
            self.log.push_back(LogLine {
                at,
                text: line.to_owned(),
            });
        }
    }

    /// Takes where the engine stands.
    pub(super) fn stands(&mut self, stand: &Stand, at: UnixMs) {
        self.at = at;
        self.current = stand.step;
        self.stage = words(stand, self.steps.len(), self.paused);
        let waits = stand.waits.as_deref().map(one_line);
        // A proof that is waited for says something new each time; an answer that does not come is told once.
        if stand.phase == Phase::Unsure
            && waits != self.waits
            && let Some(why) = &waits
        {
            let text = format!("step {} waits: {why}", stand.step.unwrap_or_default() + 1);
            self.say(at, &text);
        }
        self.waits = waits;
        self.patient(stand, at);
        if let Some(text) = self.flow.take(at, stand.left_kib) {
            self.say(at, &text);
        }
        self.copies(stand);
        let Some(step) = stand.step.and_then(|step| self.steps.get_mut(step)) else {
            return;
        };
        if !stand.back {
            step.began.get_or_insert(at);
        }
        let state = match stand.phase {
            Phase::Resolving => StepState::Unknown,
            _ if stand.back => StepState::Undoing,
            Phase::Checking | Phase::Unsure => StepState::Checking,
            Phase::Running | Phase::Holding => StepState::Running,
            Phase::Asking => StepState::Asking,
            Phase::Proving => StepState::Proving,
            _ => return,
        };
        // The outcome is being written: it stands already.
        if !step.state.is_settled() || stand.back {
            step.state = state;
        }
    }

    /// Says what is asked for while an answer is lost, how often, and until when: at first and every ten seconds.
    fn patient(&mut self, stand: &Stand, at: UnixMs) {
        let Some(Patience { every, left }) = stand.patience else {
            self.gives_up = None;
            return;
        };
        let until = UnixMs(at.0.saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)));
        let said = self.gives_up.map(|known| known.said);
        let due = said.is_none_or(|said| at.since(said) >= SAY_EVERY);
        self.gives_up = Some(GivesUp {
            every,
            at: until,
            said: if due { at } else { said.unwrap_or(at) },
        });
        if due && stand.phase == Phase::Resolving {
            let step = stand.step.unwrap_or_default();
            let why = self.waits.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let text = format!(
                "step {}: asks {} every {} s what became of it, for {} s more{why}",
                step + 1,
                self.place(step),
                every.as_secs(),
                left.as_secs()
            );
            self.say(at, &text);
        }
    }

    /// Takes a record that was written, now or by the process before this one.
    pub(super) fn wrote(&mut self, record: &Record, at: UnixMs) {
        self.at = at;
        match record {
            Record::Intent {
                step, back, commands, ..
            } => {
                self.begun = true;
                if let Some(known) = self.steps.get_mut(*step) {
                    known.began.get_or_insert(at);
                    known.state = if *back { StepState::Undoing } else { StepState::Running };
                }
                let place = self.place(*step);
                for command in commands {
                    self.say(at, &format!("{place}$ {command}"));
                }
            }
            Record::Unknown { step, why, .. } => {
                if let Some(known) = self.steps.get_mut(*step) {
                    known.state = StepState::Unknown;
                }
                self.say(at, &format!("step {}: no answer: {why}", step + 1));
            }
            Record::Outcome {
                step,
                back,
                outcome,
                evidence,
                output,
            } => self.concluded(*step, *back, *outcome, evidence, output, at),
            Record::TurnedBack { why, .. } => self.turned_back(&format!("turns back: {why}"), at),
            Record::Again { .. } => {
                let steps = self.moves(record);
                self.begins_anew(steps.as_deref(), &again_words(record), at);
            }
            Record::RowFailed { .. } | Record::RowLeft { .. } => {
                self.moves(record);
                self.turned_back(&row_words(record), at);
            }
            Record::Alone { .. } => self.say(at, &alone(record)),
            Record::Asked { by, what } => self.say(at, &format!("{by}: {what}")),
            Record::Cancelled { by } => self.say(at, &format!("{by}: take back what was done")),
            Record::Resumed { by } => self.say(at, &format!("{by} goes on with the run")),
            Record::Released { kept } if kept.is_empty() => self.kept.clear(),
            Record::Released { kept } => {
                self.kept.clone_from(kept);
                self.say(at, &claim_words(record));
            }
            Record::TakesOver { .. } | Record::TookOver { .. } | Record::Displaced { .. } => {
                self.displaced |= matches!(record, Record::Displaced { .. });
                self.say(at, &claim_words(record));
            }
            Record::Ended(end) => {
                let text = end_words(end);
                self.say(at, &text);
                if let End::Parked { step, unknown, .. } = end
                    && let Some(step) = self.steps.get_mut(*step)
                {
                    step.state = if *unknown {
                        StepState::Unknown
                    } else {
                        StepState::Failed
                    };
                }
            }
        }
    }

    fn concluded(
        &mut self,
        at_step: usize,
        back: bool,
        outcome: Outcome,
        evidence: &[String],
        output: &str,
        at: UnixMs,
    ) {
        let Some(step) = self.steps.get_mut(at_step) else {
            return;
        };
        step.state = match (outcome, back) {
            (Outcome::Done | Outcome::AlreadySo, true) => StepState::Undone,
            (Outcome::Done, false) | (Outcome::Stays, _) => StepState::Done,
            (Outcome::AlreadySo, false) => StepState::AlreadySo,
            (Outcome::Failed | Outcome::Refused, _) => StepState::Failed,
        };
        step.ended = Some(at);
        step.evidence = evidence.to_vec();
        if !output.is_empty() {
            output.clone_into(&mut step.output);
        }
        let text = format!("step {} {}: {}", at_step + 1, step.state.word(), step.says);
        self.say(at, &text);
        for seen in evidence {
            self.say(at, &format!("  {seen}"));
        }
        if let Some(portion) = self.portion().filter(|_| !back && self.ends_a_slice(at_step)) {
            self.say(at, &portion.to_string());
        }
    }

    fn turned_back(&mut self, why: &str, at: UnixMs) {
        let failed = self
            .current
            .and_then(|step| self.steps.get_mut(step))
            .filter(|step| !step.state.is_settled());
        if let Some(step) = failed {
            step.state = StepState::Failed;
        }
        self.say(at, why);
    }

    /// Another try begins: every step is ahead again, or those of the slice that is tried again.
    fn begins_anew(&mut self, of: Option<&[usize]>, says: &str, at: UnixMs) {
        let steps = self.steps.iter_mut().enumerate();
        for (_, step) in steps.filter(|(at, _)| of.is_none_or(|of| of.contains(at))) {
            step.state = StepState::Waiting;
            (step.began, step.ended) = (None, None);
        }
        self.current = None;
        self.say(at, says);
    }

    /// Takes that another run has taken this one over, if that is not known yet.
    pub(super) fn displaced_by(&mut self, by: &str, at: UnixMs) {
        if !std::mem::replace(&mut self.displaced, true) {
            self.say(at, &format!("over: {by}"));
        }
    }

    /// Takes what a person asked for.
    pub(super) fn asked(&mut self, control: &Control) {
        match control {
            Control::Pause => self.paused = true,
            Control::Resume => self.paused = false,
            // As the engine has it: who cancels wants no more waiting.
            Control::Cancel(by) => (self.cancelled, self.paused) = (Some(by.clone()), false),
        }
    }

    /// Keeps what a step's commands printed.
    pub(super) fn printed(&mut self, step: usize, output: &str, at: UnixMs) {
        if let Some(step) = self.steps.get_mut(step) {
            output.clone_into(&mut step.output);
        }
        self.say(at, output);
    }

    fn place(&self, step: usize) -> String {
        self.steps
            .get(step)
            .map_or_else(|| "console".to_owned(), |step| step.place.clone())
    }
}

impl StepProgress {
    fn new(operation: &Operation, undo: Option<&Operation>) -> Self {
        Self {
            says: operation.says.clone(),
            place: operation.runs_on(),
            commands: operation.shown(),
            undo: undo.map(|undo| undo.says.clone()),
            state: StepState::Waiting,
            began: None,
            ended: None,
            evidence: Vec::new(),
            output: String::new(),
            expected: eta::expected(operation),
            asks: matches!(operation.work, Work::Ask(_)),
        }
    }
}

/// A reason as part of a line.
fn one_line(text: &str) -> String {
    clean::lines(text).replace('\n', " ")
}

fn words(stand: &Stand, steps: usize, paused: bool) -> String {
    let what = match stand.phase {
        Phase::Claiming => return "takes the targets for itself".to_owned(),
        Phase::Turning => return "begins to take back what was done".to_owned(),
        Phase::Ending => return "writes how it ended and gives the targets back".to_owned(),
        Phase::Over => return "over".to_owned(),
        Phase::Checking => "looks at what it needs for",
        Phase::Resting if paused => "paused before",
        Phase::Resting => "waits to try again",
        Phase::Unsure => "waits, because something is not known, before",
        Phase::Running => "runs",
        Phase::Holding if paused => "paused in",
        Phase::Holding => "lets time pass in",
        Phase::Asking => "waits for a person in",
        Phase::Resolving => "finds out what became of",
        Phase::Proving if paused => "paused, and looks on, in",
        Phase::Proving => "looks for the proof of",
    };
    let step = stand.step.unwrap_or_default() + 1;
    let back = if stand.back { " (taking it back)" } else { "" };
    format!("{what} step {step} of {steps}{back}")
}

/// What is known of the data that is thrown away when two sides are joined.
#[must_use]
pub(super) fn alone(record: &Record) -> String {
    let Record::Alone {
        slice,
        kept,
        kept_kib,
        lost,
        lost_kib,
    } = record
    else {
        return String::new();
    };
    let kept = match kept_kib {
        Some(kib) => format!("{kept}, whose data stays, marks {kib} KiB as changed"),
        None => format!("what {kept} changed, whose data stays, is not known"),
    };
    match lost_kib {
        Some(0) => format!("{slice}: nothing is lost: {lost} marks nothing as changed since it lost its peer; {kept}"),
        // A bit stands for 4 KiB; after a crash every extent that was being written counts as a whole (drbd.conf(5),
        // al-extents).
        Some(kib) => format!(
            "{slice}: what {lost} alone had changed since it lost its peer is thrown away: {kib} KiB at most, \
             for DRBD counts in blocks of 4 KiB, and after a crash in whole extents of 4 MiB; {kept}"
        ),
        None => format!(
            "{slice}: what {lost} alone had changed is thrown away; how much is not known: it could not be read before \
             the sides were joined; {kept}"
        ),
    }
}

/// What a record says of another try, in a sentence; nothing of any other record.
#[must_use]
pub fn again_words(record: &Record) -> String {
    match record {
        Record::Again {
            tries,
            of,
            rest_s,
            why,
            row,
        } => {
            let what = row.as_ref().map_or_else(String::new, |row| format!(" with {row}"));
            format!(
                "try {tries} of {of}{what} was out of time and is taken back ({why}); the next one begins in {rest_s} s"
            )
        }
        _ => String::new(),
    }
}

/// What a record says of a row, in a sentence; nothing of any other record.
#[must_use]
pub fn row_words(record: &Record) -> String {
    match record {
        Record::RowFailed { row, why, tries: true } => format!("{row} is out of time, and is taken back: {why}"),
        Record::RowFailed { row, why, .. } => format!("{row} failed, and is taken back: {why}"),
        Record::RowLeft { row, why } => format!("{row} is left as it is: {why}"),
        _ => String::new(),
    }
}

/// What a record says of claims, in a sentence; nothing of any other record.
#[must_use]
pub fn claim_words(record: &Record) -> String {
    match record {
        Record::TakesOver { run, by } => format!("{by} wants the claims of run {run} taken over"),
        Record::TookOver { run, host } => format!("took {host} over from run {run}, which gets nothing there any more"),
        Record::Displaced { by } => format!("over: {by}"),
        Record::Released { kept } if kept.is_empty() => "gave the targets back".to_owned(),
        Record::Released { kept } => format!("may still be claimed by this run: {}", kept.join(", ")),
        _ => String::new(),
    }
}

/// How a run stands that was left, by whether anything was begun.
#[must_use]
pub const fn left_words(begun: bool) -> &'static str {
    if begun { LEFT } else { LEFT_AT_FIRST }
}

/// How a run ended, in a sentence.
#[must_use]
pub fn end_words(end: &End) -> String {
    match end {
        End::Done => "done: every step is proven".to_owned(),
        End::Refused { why } => format!("refused, nothing was changed: {why}"),
        End::Compensated { why, stays } if stays.is_empty() => format!("taken back: {why}"),
        End::Compensated { why, stays } => format!("taken back but for what stays done: {why}; {}", stays.join("; ")),
        End::Parked {
            why,
            next,
            unknown: false,
            ..
        } => format!("parked: {why}; {next}"),
        End::Parked { why, next, .. } => format!("parked with an unknown outcome: {why}; {next}"),
        End::Held { by } => format!("held by another run: {by}"),
        End::Lost => "stopped: the journal cannot be written; make room, then resume".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_said_as_precisely_as_it_is_known() {
        let said = |kept_kib, lost_kib| {
            alone(&Record::Alone {
                slice: "web1".into(),
                kept: "stor2".into(),
                kept_kib,
                lost: "stor1".into(),
                lost_kib,
            })
        };
        assert_eq!(
            said(Some(900), Some(0)),
            "web1: nothing is lost: stor1 marks nothing as changed since it lost its peer; \
             stor2, whose data stays, marks 900 KiB as changed"
        );
        assert!(
            said(None, Some(4096))
                .contains("stor1 alone had changed since it lost its peer is thrown away: 4096 KiB at most")
        );
        assert!(said(Some(1), None).contains("how much is not known"));
    }
}
