//! Text of hosts before it is shown or kept: cleaned line by line.

use crate::{facts::CleanText, runbook::engine::Record};
use serde_json::Value;

/// Lines kept of one text.
const LINES: usize = 2_000;

/// Cleans every line; line ends stay.
pub(super) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if at == LINES {
            out.push('…');
            break;
        }
        out.push_str(CleanText::new(line).as_str());
    }
    out
}

/// Cleans every text of a record.
pub(super) fn record(record: &Record) -> Record {
    let cleaned = serde_json::to_value(record).map(value).and_then(serde_json::from_value);
    // A record is made of texts and numbers alone, and cleaning leaves its tags: both ways always succeed.
    cleaned.unwrap_or_else(|_| record.clone())
}

fn value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(lines(&text)),
        Value::Array(list) => list.into_iter().map(self::value).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(name, inner)| (name, self::value(inner)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::engine::Outcome;

    #[test]
    fn a_record_keeps_its_lines_and_loses_its_escapes() {
        let record = Record::Outcome {
            step: 3,
            back: true,
            outcome: Outcome::Done,
            evidence: vec!["a\u{1b}[2Jb".into()],
            output: "one\ntwo\u{202e}".into(),
        };
        let Record::Outcome {
            step, evidence, output, ..
        } = super::record(&record)
        else {
            panic!();
        };
        assert_eq!(
            (step, evidence[0].as_str(), output.as_str()),
            (3, "a\\x1b[2Jb", "one\ntwo\\u{202e}")
        );
    }
}
