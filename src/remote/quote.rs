//! The one place where words are quoted for a remote POSIX shell.
//!
//! Quoting keeps a word one word; it does not keep a program from taking it for an option. Callers put
//! `--` in front of values that come from people where the program knows it.

/// Why a word cannot be passed to a remote shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// It holds a NUL, a newline or another control character.
    #[error("a control character in a command word")]
    Control,
    /// A command without a single word.
    #[error("an empty command")]
    Empty,
}

/// Quotes one word so that any POSIX shell takes it as exactly that word.
///
/// # Errors
/// [`QuoteError::Control`] when the word holds a control character: no parameter of ours needs one, and
/// a newline in a command is how a log line or an audit entry is forged.
pub fn quote(word: &str) -> Result<String, QuoteError> {
    if word.chars().any(char::is_control) {
        return Err(QuoteError::Control);
    }
    shlex::try_quote(word)
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| QuoteError::Control)
}

/// Quotes a program and its arguments into one command line.
///
/// # Errors
/// As [`quote`], and [`QuoteError::Empty`] for no words at all.
pub fn join<S: AsRef<str>>(argv: &[S]) -> Result<String, QuoteError> {
    if argv.is_empty() {
        return Err(QuoteError::Empty);
    }
    let words: Result<Vec<_>, _> = argv.iter().map(|word| quote(word.as_ref())).collect();
    Ok(words?.join(" "))
}

/// The words of a command line that [`join`] has made; nothing for text that it cannot have made.
#[must_use]
pub fn split(line: &str) -> Option<Vec<String>> {
    shlex::split(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_are_refused() {
        for word in ["a\0b", "a\nb", "a\tb", "\x1b[2J", "a\u{85}b"] {
            assert_eq!(quote(word), Err(QuoteError::Control), "{word:?}");
        }
        assert_eq!(join::<&str>(&[]), Err(QuoteError::Empty));
        assert_eq!(
            join(&["echo", "it's", "", "$HOME"]).unwrap(),
            "echo \"it's\" '' '$HOME'"
        );
    }

    proptest! {
        #[test]
        fn a_real_shell_reads_back_what_was_quoted(words in proptest::collection::vec("\\PC{0,20}", 1..6)) {
            let line = format!("printf '%s\\n' {}", join(&words).unwrap());
            let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            let expected = words.join("\n") + "\n";
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    }
}
