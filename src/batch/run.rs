//! `--batch plan`, `run`, `resume`, `cancel` and `runs`: plans, what happens in a run, and how it ended.
//!
//! As JSON every line is a document with `version` and `event`; a plan is one with the plan's own fields.

use super::{Format, report::VERSION};
use crate::{
    collect::clock::iso,
    conduct::{Denied, Portion, Progress, StepState, end_words, left_words},
    facts::UnixMs,
    runbook::{definition::Definition, engine::End, plan::Plan, planner::show},
    store::{Run, Standing},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Exit code of a run that was left in its middle, or waits for a person.
const PARKED: u8 = 12;
/// Exit code of a run whose last step may or may not have been done.
const UNKNOWN: u8 = 13;

/// A plan in the form asked for.
#[must_use]
pub fn plan(plan: &Plan, format: Format) -> String {
    match format {
        Format::Json => line(&show::json(plan)),
        _ => show::text(plan),
    }
}

/// Why there is no plan or no run.
#[must_use]
pub fn denied(why: &Denied, format: Format) -> String {
    let refusals = match why {
        Denied::Refused(refusals) | Denied::Doubt { refusals, .. } => refusals.as_slice(),
        _ => &[],
    };
    match format {
        Format::Json => {
            let mut event = json!({
                "version": VERSION,
                "event": "refused",
                "why": why.to_string(),
                "refusals": refusals,
                "exit": why.exit_code(),
            });
            if let Denied::Stale { now, .. } = why {
                event["hash"] = json!(now);
            }
            if let Denied::Consent { needs, .. } = why {
                let flags = needs
                    .iter()
                    .map(|need| format!("{}={}", need.rule.flag(), need.resource));
                event["consent"] = json!(flags.collect::<Vec<_>>());
            }
            line(&event)
        }
        _ if refusals.is_empty() => format!("refused, nothing was changed: {why}\n"),
        _ => {
            let mut out = String::from("refused, nothing was changed:\n");
            for refusal in refusals {
                let _ = writeln!(out, "  {}\n      what would lift it: {}", refusal.fact, refusal.lift);
            }
            out
        }
    }
}

/// That the process which drives a run was told to take it back; with the other run that has taken it over, where one has.
#[must_use]
pub fn told(run: &str, displaced: Option<&str>, format: Format) -> String {
    match (format, displaced) {
        (Format::Json, _) => line(&json!({
            "version": VERSION, "event": "told", "run": run, "what": "cancel", "displaced": displaced,
        })),
        (_, None) => format!("run {run}: the process that drives it was told to take back what was done\n"),
        (_, Some(by)) => format!(
            "run {run}: {by}; the process that still drives it was told to end, and takes back only what it still may\n"
        ),
    }
}

/// Prints what is new in a run.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    begun: bool,
    lines: u64,
    states: Vec<StepState>,
}

impl Printer {
    /// Nothing printed yet.
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self {
            format,
            begun: false,
            lines: 0,
            states: Vec::new(),
        }
    }

    /// What has changed since the last time.
    pub fn news(&mut self, progress: &Progress) -> String {
        let mut out = String::new();
        let first = !self.begun;
        if first {
            self.begun = true;
            self.states = vec![StepState::Waiting; progress.steps.len()];
            if self.format == Format::Json {
                out.push_str(&line(&json!({
                    "version": VERSION, "event": "begun", "at": iso(progress.began), "run": progress.run,
                    "runbook": progress.runbook, "owner": progress.owner, "steps": progress.steps.len(),
                })));
            } else {
                let _ = writeln!(out, "run {}: {}, {}", progress.run, progress.runbook, progress.title);
                out.push_str(&before(progress));
                // What happened before this process did not happen now: its report has it.
                self.lines = progress.before;
            }
        }
        if self.format == Format::Json {
            for (at, step) in progress.steps.iter().enumerate() {
                if self.states.get(at) != Some(&step.state) {
                    self.states[at] = step.state;
                    out.push_str(&line(&json!({
                        "version": VERSION, "event": "step", "at": iso(progress.at), "run": progress.run,
                        "step": at + 1, "state": step.state.word(), "does": step.says, "host": step.place,
                        "evidence": step.evidence,
                        "remaining_ms": progress.remaining().map(|left| left.time.as_millis()),
                        "portion": progress.portion().as_ref().map(portion),
                        "before": first && progress.before > 0,
                    })));
                }
            }
        }
        let fresh = progress.logged.saturating_sub(self.lines);
        self.lines = progress.logged;
        let skip = progress
            .log
            .len()
            .saturating_sub(usize::try_from(fresh).unwrap_or(usize::MAX));
        let known = u64::try_from(progress.log.len() - skip.min(progress.log.len())).unwrap_or(0);
        for (at, said) in (progress.logged - known + 1..).zip(progress.log.iter().skip(skip)) {
            match self.format {
                Format::Json => out.push_str(&line(&json!({
                    "version": VERSION, "event": "log", "at": iso(said.at), "run": progress.run, "text": said.text,
                    "before": at <= progress.before,
                }))),
                _ => {
                    let _ = writeln!(out, "{} {}", time_of_day(said.at), said.text);
                }
            }
        }
        out
    }
}

/// How much of the slices of a run has moved.
fn portion(portion: &Portion) -> Value {
    json!({
        "moved": portion.moved, "failed": portion.failed, "slices": portion.slices, "copied_kib": portion.copied_kib,
        "all_kib": portion.all_kib, "unknown": portion.unknown, "speed_kib_s": portion.speed_kib_s,
    })
}

/// What a run has behind it that is gone on with; nothing of a new one.
fn before(progress: &Progress) -> String {
    if progress.before == 0 {
        return String::new();
    }
    let (settled, all) = progress.settled();
    let mut last = progress
        .log
        .iter()
        .take(usize::try_from(progress.before).unwrap_or(usize::MAX));
    let last = last
        .next_back()
        .map_or_else(String::new, |line| format!("; last: {}", line.text));
    format!("goes on: {settled} of {all} steps were settled before{last}\n")
}

/// The time of the day, to the tenth of a second.
pub(super) fn time_of_day(at: UnixMs) -> String {
    let whole = iso(at);
    whole.get(11..21).map_or(whole.clone(), |time| format!("{time}Z"))
}

/// The last word about a run: how it ended, and what to do next.
#[must_use]
pub fn ended_with(run: &str, progress: &Progress, next: Option<&str>, format: Format) -> String {
    if format == Format::Json {
        return line(&json!({
            "version": VERSION, "event": "end", "at": iso(progress.at), "run": run, "exit": exit_code(progress),
            "end": progress.end, "left": progress.left, "next": next, "question": progress.asked,
            "kept": progress.kept,
            "clients": progress.clients.iter().map(client).collect::<Vec<_>>(),
        }));
    }
    let mut out = String::new();
    let said = progress.log.back().map(|last| last.text.as_str());
    match &progress.end {
        // Written down, it stands in the log already.
        Some(end) if said.is_some_and(|last| end_words(end).ends_with(last)) => {}
        Some(end) => {
            let _ = writeln!(out, "{}", end_words(end));
        }
        None => {
            let _ = writeln!(out, "{}; the journal says where it stands", left_words(progress.begun));
        }
    }
    for client in progress.clients.iter().filter(|client| client.longest.is_some()) {
        let longest = client.longest.unwrap_or_default().as_secs_f64();
        let _ = writeln!(
            out,
            "client {} stalled {longest:.1} s at most ({}){}",
            client.client,
            client.slice,
            if client.from_begin {
                ", counted from the run's begin"
            } else {
                ""
            }
        );
    }
    if let Some(next) = next {
        let _ = writeln!(out, "{next}");
    }
    out
}

fn client(client: &crate::conduct::ClientView) -> Value {
    json!({
        "client": client.client, "slice": client.slice, "mount_point": client.mount_point,
        "longest_stall_ms": client.longest.map(|longest| longest.as_millis()),
        "counted_from_begin": client.from_begin, "answers": client.answers, "note": client.note,
    })
}

/// The command that goes on with a run, where there is something to go on with.
#[must_use]
pub fn next(run: &str, progress: &Progress) -> Option<String> {
    let resume = format!("pointsman --batch resume {run}");
    let back = format!("\n(or take it back: {resume} --back)");
    match (&progress.end, &progress.asked) {
        (None, Some(question)) => {
            let word = crate::remote::quote::quote(&question.word).unwrap_or_else(|_| "WORD".to_owned());
            Some(format!("it asks: {}\n{resume} --answer {word}{back}", question.text))
        }
        (Some(End::Parked { .. } | End::Lost) | None, _) if !progress.displaced => Some(format!("{resume}{back}")),
        _ if !progress.kept.is_empty() => Some(format!("{resume}\n(gives the targets back)")),
        _ => None,
    }
}

/// The exit code of a run as it stands.
#[must_use]
pub fn exit_code(progress: &Progress) -> u8 {
    match &progress.end {
        Some(end) => end.exit_code(),
        None if progress.steps.iter().any(|step| step.state == StepState::Unknown) => UNKNOWN,
        None => PARKED,
    }
}

/// Runs, one a line.
#[must_use]
pub fn runs(runs: &[Run], format: Format) -> String {
    if format == Format::Json {
        return runs
            .iter()
            .map(|run| {
                line(&json!({
                    "version": VERSION, "run": run.new.id, "runbook": run.new.runbook, "fleet": run.new.fleet,
                    "owner": run.new.owner, "hash": run.new.hash, "began": iso(run.began),
                    "ended": run.ended.map(iso), "end": run.end, "standing": standing(run).0,
                    "driver": standing(run).1, "displaced": run.displaced,
                    "claiming": run.is_claiming(), "kept": run.kept, "cancelled": run.cancelled,
                }))
            })
            .collect();
    }
    let mut out = String::new();
    for run in runs {
        let stands = match (&run.standing, &run.end) {
            (Standing::Driven(by), _) => format!("running ({by})"),
            (Standing::Waiting, None) => match &run.cancelled {
                Some(by) => format!("{}, cancelled by {by}: resume takes it back", left_words(run.begun)),
                None => format!("{}: resume it", left_words(run.begun)),
            },
            (_, Some(end)) => end_words(end),
            (Standing::Over, None) => run.displaced.clone().unwrap_or_else(|| "over".to_owned()),
        };
        let began = iso(run.began);
        let began = began.get(..16).unwrap_or(&began).replace('T', " ");
        let kept = match &run.kept {
            _ if !run.is_claiming() => String::new(),
            _ => format!("; {}", claiming(run)),
        };
        let _ = writeln!(
            out,
            "{}  {began}Z  {:<12} {}  {stands}{kept}",
            run.new.id, run.new.runbook, run.new.owner
        );
    }
    out
}

fn standing(run: &Run) -> (&'static str, Option<&str>) {
    match &run.standing {
        Standing::Over => ("over", None),
        Standing::Driven(by) => ("driven", Some(by)),
        Standing::Waiting => ("waiting", None),
    }
}

/// A run that is not over, or whose targets may still be claimed, for somebody who starts pointsman.
#[must_use]
pub fn unfinished(run: &Run) -> String {
    let id = &run.new.id;
    let what = format!(
        "run {id} ({} of {}, by {})",
        run.new.runbook, run.new.fleet, run.new.owner
    );
    match &run.standing {
        Standing::Driven(by) => format!("{what} is under way: {by}"),
        Standing::Over => format!("{what} is over, but {}", claiming(run)),
        Standing::Waiting if run.cancelled.is_some() => format!(
            "{what} is not finished, and was cancelled: pointsman --batch resume {id} takes it back; or --batch report {id}"
        ),
        Standing::Waiting => {
            format!("{what} is not finished: pointsman --batch resume {id} (or --back), or --batch report {id}")
        }
    }
}

/// Which targets may still be claimed by a run that is over, and what gives them back.
fn claiming(run: &Run) -> String {
    let hosts = match &run.kept {
        Some(kept) => kept.join(", "),
        None => "its targets".to_owned(),
    };
    let id = &run.new.id;
    format!("{hosts} may still be claimed by it: pointsman --batch resume {id} gives that back")
}

/// The built-in runbooks, one a line.
#[must_use]
pub fn catalogue(all: &[&Definition]) -> String {
    let width = all.iter().map(|known| known.name.len()).max().unwrap_or_default();
    all.iter().fold(String::new(), |mut out, known| {
        let parameters: Vec<String> = known
            .parameters
            .iter()
            .map(|(name, parameter)| {
                if parameter.default.is_some() {
                    format!("[{name}=…]")
                } else {
                    format!("{name}=…")
                }
            })
            .collect();
        let _ = writeln!(out, "{:<width$}  {}  {}", known.name, known.title, parameters.join(" "));
        out
    })
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
