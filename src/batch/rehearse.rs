//! What a rehearsal prints: as a run does, every line marked.

use super::{Format, report::VERSION, run};
use crate::{
    collect::clock::iso,
    conduct::Progress,
    rehearse::{Fault, Rehearsal, Told},
    simulate::REHEARSAL as MARK,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Marks every line: text with the word in front, JSON with `rehearsal`.
#[must_use]
pub fn marked(text: &str, format: Format) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    for line in text.lines() {
        let document = (format == Format::Json).then(|| serde_json::from_str(line).ok());
        match document.flatten() {
            Some(Value::Object(mut document)) => {
                document.insert("rehearsal".to_owned(), json!(true));
                let _ = writeln!(out, "{}", Value::Object(document));
            }
            _ => {
                let _ = writeln!(out, "{}", format!("{MARK}  {line}").trim_end());
            }
        }
    }
    out
}

/// A report of a rehearsed run, which nobody may take for one of a real run.
#[must_use]
pub fn report(text: &str, format: Format) -> String {
    match format {
        Format::Json => marked(text, format),
        _ => format!("**{MARK} on a simulated copy: no real host was reached.**\n\n{text}"),
    }
}

/// What is rehearsed on, and what of it is not played.
#[must_use]
pub fn opening(rehearsal: &Rehearsal, seed: u64, faults: &[Fault], format: Format) -> String {
    let name = &rehearsal.fleet().name;
    if format == Format::Json {
        let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        return line(&json!({
            "version": VERSION, "event": "rehearsal", "fleet": name, "seed": seed, "faults": faults,
            "not_played": rehearsal.not_played(),
        }));
    }
    let mut out = format!(
        "on a simulated copy of {name}: no real host is reached, nothing is kept; how long things take is the copy's own\n"
    );
    for text in rehearsal.not_played() {
        let _ = writeln!(out, "not played: {text}");
    }
    out
}

/// What has happened on the stage.
#[must_use]
pub fn told(news: &[Told], format: Format) -> String {
    news.iter().fold(String::new(), |mut out, told| {
        let _ = match format {
            Format::Json => write!(
                out,
                "{}",
                line(&json!({ "version": VERSION, "event": "fault", "at": iso(told.at), "text": told.text }))
            ),
            _ => writeln!(out, "{} FAULT {}", run::time_of_day(told.at), told.text),
        };
        out
    })
}

/// What to add to practise further.
#[must_use]
pub fn hints(hints: &[String], format: Format) -> String {
    hints.iter().fold(String::new(), |mut out, hint| {
        let _ = match format {
            Format::Json => write!(
                out,
                "{}",
                line(&json!({ "version": VERSION, "event": "hint", "text": hint }))
            ),
            _ => writeln!(out, "hint: {hint}"),
        };
        out
    })
}

/// Faults whose moment has not come.
#[must_use]
pub fn missed(faults: &[Fault], format: Format) -> String {
    faults.iter().fold(String::new(), |mut out, fault| {
        let text = format!("{fault}: it did not happen, the run did not come to that step");
        let _ = match format {
            Format::Json => write!(
                out,
                "{}",
                line(&json!({ "version": VERSION, "event": "missed", "fault": fault.to_string(), "text": text }))
            ),
            _ => writeln!(out, "{text}"),
        };
        out
    })
}

/// The last word about a run. Its journal is gone with the rehearsal: what would go on with a real run is only named.
#[must_use]
pub fn ended(name: &str, progress: &Progress, format: Format) -> String {
    let next = match (&progress.end, &progress.asked) {
        // A hint tells how it is answered here.
        (None, Some(question)) => Some(format!("it asks: {}", question.text)),
        _ => run::next(name, progress).map(|next| format!("a real run would be gone on with so:\n{next}")),
    };
    run::ended_with(name, progress, next.as_deref(), format)
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_marked() {
        assert_eq!(
            marked("a\n\n  b\n", Format::Text),
            "REHEARSAL  a\nREHEARSAL\nREHEARSAL    b\n"
        );
        let lines = marked("{\"event\":\"end\",\"exit\":0}\n{\"event\":\"x\"}\n", Format::Json);
        for line in lines.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["rehearsal"], true, "{line}");
        }
        assert_eq!(lines.lines().count(), 2);
    }
}
