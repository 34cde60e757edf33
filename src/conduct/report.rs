//! The report of a run, from the journal alone: who, when, by what plan, every command with its outcome, the proofs,
//! how long clients waited, what was lost or at risk, and how it ended.

use super::progress::{again_words, alone, claim_words, end_words, left_words, row_words};
use crate::{
    collect::clock::iso,
    runbook::engine::Record,
    store::{Command, Run, Stall, Standing, Store, StoreError, Timed},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a report is written from.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    run: Run,
    plan: Value,
    records: Vec<Timed>,
    commands: Vec<Command>,
    stalls: Vec<Stall>,
}

/// Reads all that the journal has of a run, by its name or the beginning of it.
///
/// # Errors
/// [`StoreError`] when there is no such run, or it cannot be read.
pub fn make(store: &Store, name: &str) -> Result<Report, StoreError> {
    let run = store.run(name)?;
    let id = run.new.id.clone();
    Ok(Report {
        plan: serde_json::from_str(&run.new.plan).map_err(|error| StoreError::Form(error.to_string()))?,
        records: store.records(&id)?,
        commands: store.commands(&id)?,
        stalls: store.stalls(&id)?,
        run,
    })
}

/// The report for scripts: one JSON document.
#[must_use]
pub fn json(report: &Report) -> String {
    let run = &report.run;
    let records: Vec<Value> = report
        .records
        .iter()
        .map(|timed| json!({ "seq": timed.seq, "at": iso(timed.at), "record": timed.record }))
        .collect();
    let commands: Vec<Value> = report
        .commands
        .iter()
        .map(|command| {
            json!({
                "step": command.step + 1, "taking_back": command.back, "attempt": command.attempt,
                "host": command.host, "began": iso(command.began), "took_ms": command.took_ms,
                "exit": command.exit, "output": command.output,
            })
        })
        .collect();
    let clients: Vec<Value> = report
        .stalls
        .iter()
        .map(|stall| {
            json!({
                "client": stall.client, "slice": stall.slice, "mount_point": stall.mount_point,
                "longest_stall_ms": stall.longest_ms, "answers": stall.answers, "note": stall.note,
            })
        })
        .collect();
    let document = json!({
        "version": 1,
        "run": run.new.id,
        "runbook": run.new.runbook,
        "fleet": run.new.fleet,
        "owner": run.new.owner,
        "began": iso(run.began),
        "ended": run.ended.map(iso),
        "end": run.end,
        "finished": run.standing == Standing::Over,
        "plan": report.plan,
        "records": records,
        "commands": commands,
        "clients": clients,
        "loss_estimate": report.plan["loss"],
        "exact_loss": exact(report),
    });
    format!("{document}\n")
}

/// The report for people: Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    steps(&mut out, report);
    clients(&mut out, report);
    journal(&mut out, report);
    out
}

fn head(out: &mut String, report: &Report) {
    let run = &report.run;
    let _ = writeln!(out, "# Run {}: {}\n", run.new.id, text(&report.plan["title"]));
    let end = match (&run.end, &run.standing) {
        (Some(end), _) => end_words(end),
        (None, Standing::Driven(by)) => format!("under way ({by})"),
        (None, _) => format!("{}; it can be resumed", left_words(run.begun)),
    };
    let _ = writeln!(out, "**{end}**\n");
    let parameters: Vec<String> = report.plan["parameters"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    let ended = run.ended.map_or_else(|| "not yet".to_owned(), iso);
    let took = run
        .ended
        .map(|ended| format!(" ({:.1} s)", ended.since(run.began).as_secs_f64()))
        .unwrap_or_default();
    let expected = report.plan["expected_stall_ms"].as_f64().unwrap_or_default() / 1000.0;
    let mut longest = longest(&report.stalls);
    let waited = report.stalls.iter().filter_map(|stall| stall.longest_ms).max();
    if expected > 0.0 && waited.is_some_and(|waited| waited as f64 / 1000.0 > expected) {
        let _ = write!(longest, ": longer than the {expected:.1} s that the plan expected");
    }
    for (name, value) in [
        ("Fleet", run.new.fleet.clone()),
        ("Runbook", format!("{} {}", run.new.runbook, parameters.join(" "))),
        ("By", run.new.owner.clone()),
        ("Began", iso(run.began)),
        ("Ended", format!("{ended}{took}")),
        ("Plan", run.new.hash.clone()),
        ("Expected wait of clients", format!("{expected:.1} s")),
        ("Longest wait of a client", longest),
        (
            "Loss estimate before",
            report.plan["loss"].as_str().unwrap_or("nothing").replace('\n', "; "),
        ),
    ] {
        let _ = writeln!(out, "- {name}: {}", inline(&value));
    }
    for loss in losses(report) {
        let _ = writeln!(out, "- Exact loss: {}", inline(&loss));
    }
    for glass in report.plan["broken_glass"].as_array().into_iter().flatten() {
        let _ = writeln!(
            out,
            "- Safety rule set aside: {} for {}",
            inline(text(&glass["rule"])),
            inline(text(&glass["resource"]))
        );
    }
    out.push('\n');
}

/// What was lost, as precisely as it is known: what each side had alone is counted when they are joined again.
fn losses(report: &Report) -> Vec<String> {
    let records = report.records.iter().map(|timed| &timed.record);
    let joined: Vec<String> = records
        .filter(|record| matches!(record, Record::Alone { .. }))
        .map(alone)
        .collect();
    // A run that has sent nothing has lost nothing.
    if joined.is_empty() && report.run.begun && report.plan["loss"].is_string() {
        return vec![
            "not known before the other side is back: the run that joins them again (fail-back or split-brain) counts it"
                .to_owned(),
        ];
    }
    joined
}

/// The same for scripts.
fn exact(report: &Report) -> Value {
    let records = report.records.iter().map(|timed| &timed.record);
    let joined = records.filter_map(|record| match record {
        Record::Alone {
            slice,
            kept,
            kept_kib,
            lost,
            lost_kib,
        } => Some(json!({
            "slice": slice, "thrown_away_of": lost, "at_most_kib": lost_kib, "stays_of": kept, "changed_kib": kept_kib,
        })),
        _ => None,
    });
    joined.collect()
}

fn longest(stalls: &[Stall]) -> String {
    let worst = stalls
        .iter()
        .filter(|stall| stall.longest_ms.is_some())
        .max_by_key(|stall| stall.longest_ms);
    match worst {
        Some(stall) => format!(
            "{:.2} s ({} at {}){}",
            stall.longest_ms.unwrap_or_default() as f64 / 1000.0,
            stall.client,
            stall.mount_point,
            if stall.note.is_empty() {
                String::new()
            } else {
                format!(", {}", stall.note)
            }
        ),
        None => "not measured".to_owned(),
    }
}

fn steps(out: &mut String, report: &Report) {
    out.push_str("## Steps\n\n");
    for (at, step) in report.plan["steps"].as_array().into_iter().flatten().enumerate() {
        let _ = writeln!(
            out,
            "{}. {}: {}",
            at + 1,
            inline(text(&step["does"])),
            became(report, at)
        );
        for timed in &report.records {
            if let Record::Outcome {
                step, back, evidence, ..
            } = &timed.record
                && *step == at
            {
                let way = if *back { "taken back" } else { "proof" };
                for seen in evidence {
                    let _ = writeln!(out, "   - {way}: {}", inline(seen));
                }
            }
        }
        let hosts = &step["commands"];
        for command in report.commands.iter().filter(|command| command.step == at) {
            let shown = if command.back { &step["undo_commands"] } else { hosts };
            ran(out, command, shown);
        }
    }
    out.push('\n');
}

/// What became of a step, by the last record about it.
fn became(report: &Report, at: usize) -> String {
    let last = report.records.iter().rev().find_map(|timed| match &timed.record {
        Record::Outcome {
            step, back, outcome, ..
        } if *step == at => {
            let word = format!("{outcome:?}").to_lowercase().replace("alreadyso", "already so");
            Some((if *back { format!("taken back ({word})") } else { word }, timed.at))
        }
        Record::Unknown { step, .. } if *step == at => Some(("outcome unknown".to_owned(), timed.at)),
        Record::Intent { step, .. } if *step == at => Some(("sent, no outcome".to_owned(), timed.at)),
        _ => None,
    });
    last.map_or_else(|| "not begun".to_owned(), |(word, at)| format!("{word} at {}", iso(at)))
}

fn ran(out: &mut String, command: &Command, shown: &Value) {
    let exit = command
        .exit
        .map_or_else(|| "no whole answer".to_owned(), |exit| format!("exit code {exit}"));
    let _ = writeln!(
        out,
        "   - {} attempt {}: {exit}, {:.2} s, at {}\n",
        inline(&command.host),
        command.attempt,
        command.took_ms as f64 / 1000.0,
        iso(command.began)
    );
    for line in shown.as_array().into_iter().flatten() {
        let _ = writeln!(out, "         $ {}", text(line));
    }
    for line in command.output.lines() {
        let _ = writeln!(out, "         {line}");
    }
    out.push('\n');
}

fn clients(out: &mut String, report: &Report) {
    out.push_str("## Clients\n\n");
    if report.stalls.is_empty() {
        out.push_str("No client of the slices is in the inventory.\n\n");
        return;
    }
    out.push_str("| client | slice | mount | longest wait | answers | |\n|---|---|---|---|---|---|\n");
    for stall in &report.stalls {
        let longest = stall
            .longest_ms
            .map_or_else(|| "-".to_owned(), |ms| format!("{:.2} s", ms as f64 / 1000.0));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {longest} | {} | {} |",
            inline(&stall.client),
            inline(&stall.slice),
            inline(&stall.mount_point),
            stall.answers,
            inline(&stall.note)
        );
    }
    out.push('\n');
}

fn journal(out: &mut String, report: &Report) {
    out.push_str("## Journal\n\n");
    for timed in &report.records {
        let _ = writeln!(out, "- {} {}", iso(timed.at), inline(&words(&timed.record)));
    }
}

fn words(record: &Record) -> String {
    let step = |step: usize, back: bool| {
        let way = if back { "taking back step" } else { "step" };
        format!("{way} {}", step + 1)
    };
    match record {
        Record::Intent {
            step: at,
            back,
            attempt,
            ..
        } => format!("{}: is sent (attempt {attempt})", step(*at, *back)),
        Record::Unknown { step: at, back, why } => format!("{}: no answer: {why}", step(*at, *back)),
        Record::Outcome {
            step: at,
            back,
            outcome,
            output,
            ..
        } => {
            let output = if output.is_empty() {
                String::new()
            } else {
                format!(": {output}")
            };
            let word = format!("{outcome:?}").to_lowercase().replace("alreadyso", "already so");
            format!("{}: {word}{output}", step(*at, *back))
        }
        Record::Alone { .. } => alone(record),
        Record::TurnedBack { why, .. } => format!("turns back: {why}"),
        Record::Again { .. } => again_words(record),
        Record::RowFailed { .. } | Record::RowLeft { .. } => row_words(record),
        Record::Asked { by, what } => format!("{by}: {what}"),
        Record::Cancelled { by } => format!("{by}: take back what was done"),
        Record::Resumed { by } => format!("{by} goes on with the run"),
        Record::Ended(end) => end_words(end),
        other => claim_words(other),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text of hosts within a line of Markdown: it begins no table, no emphasis and no link.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts::UnixMs, store::NewRun};

    fn report(begun: bool, longest_ms: u64) -> String {
        let report = Report {
            run: Run {
                new: NewRun {
                    id: "20261122-220616-wkzkq".to_owned(),
                    runbook: "failover".to_owned(),
                    fleet: "lab".to_owned(),
                    owner: "ann@desk".to_owned(),
                    origin: String::new(),
                    plan: String::new(),
                    hash: "abc".to_owned(),
                },
                began: UnixMs(1_000),
                ended: Some(UnixMs(9_000)),
                end: None,
                standing: Standing::Over,
                begun,
                cancelled: None,
                displaced: None,
                kept: None,
            },
            plan: json!({ "title": "t", "loss": "what was not confirmed", "expected_stall_ms": 3000, "steps": [] }),
            records: Vec::new(),
            commands: Vec::new(),
            stalls: vec![Stall {
                client: "access5".to_owned(),
                slice: "slice-c".to_owned(),
                mount_point: "/mnt/c".to_owned(),
                longest_ms: Some(longest_ms),
                answers: 9,
                note: String::new(),
            }],
        };
        markdown(&report)
    }

    #[test]
    fn a_run_that_changed_nothing_has_lost_nothing() {
        assert!(report(true, 1).contains("Exact loss: not known"));
        assert!(!report(false, 1).contains("Exact loss"));
    }

    #[test]
    fn a_wait_that_was_longer_than_expected_is_called_so() {
        let longer = report(true, 5490);
        assert!(
            longer.contains("5.49 s") && longer.contains("longer than the 3.0 s"),
            "{longer}"
        );
        assert!(!report(true, 2990).contains("longer than"));
    }
}
