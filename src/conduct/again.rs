//! How pointsman is called again, for hints that are commands: with the inventory and the journal of this process.

use crate::remote::quote::quote;

/// The options that a later call needs to be about the same fleet and the same journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Again {
    /// Quoted, each with a space behind it.
    options: String,
}

/// How commands stand in hints.
const COMMAND: &str = "pointsman --batch ";

impl Again {
    /// With these words in front of `--batch`.
    #[must_use]
    pub fn with<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut options = String::new();
        for word in words {
            // A word that no shell can be given cannot have been given.
            options.push_str(&quote(word).unwrap_or_default());
            options.push(' ');
        }
        Self { options }
    }

    /// A text whose commands work as they are printed.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        text.replace(COMMAND, &format!("pointsman {}--batch ", self.options))
    }

    /// The same for text that is JSON already.
    #[must_use]
    pub fn json(&self, text: &str) -> String {
        let quoted = serde_json::Value::String(self.options.clone()).to_string();
        let inner = quoted.trim_start_matches('"');
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        text.replace(COMMAND, &format!("pointsman {inner}--batch "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_about_the_same_fleet_and_journal() {
        let again = Again::with(["-i", "my fleet.yaml", "--state-dir", "/tmp/\"here\""]);
        let text = again.text("later: pointsman --batch resume x");
        assert_eq!(
            text,
            "later: pointsman -i 'my fleet.yaml' --state-dir '/tmp/\"here\"' --batch resume x"
        );
        let line = serde_json::json!({ "next": "pointsman --batch resume x" }).to_string();
        let document: serde_json::Value = serde_json::from_str(&again.json(&line)).unwrap();
        assert_eq!(document["next"], again.text("pointsman --batch resume x"));
        assert_eq!(
            Again::default().text("pointsman --batch runs"),
            "pointsman --batch runs"
        );
    }
}
