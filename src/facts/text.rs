//! Remote text made safe: the one place where what a host printed becomes something to show.
//!
//! Remote output is hostile input. Control characters, bidirectional overrides, zero-width and tag
//! characters can rewrite a terminal or hide words; they are made visible here, once, at ingest.

use serde::{Deserialize, Deserializer, Serialize};
use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

/// Text from a host, cleaned and bounded: safe to draw, to print and to log. Cheap to clone: names go
/// from counters to rates to views with every poll.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct CleanText(Arc<str>);

/// Longest text kept, in characters; longer text ends in `…`.
pub const LIMIT: usize = 4096;

/// Longest text kept of a value that is read further and not just shown, such as a set of GTIDs.
pub const LONG_LIMIT: usize = 64 * 1024;

/// Combining marks kept after one base character; more would draw over other rows.
const MARKS: usize = 2;

impl CleanText {
    /// Cleans text: controls become visible escapes (`\x1b`), tabs become a space, invisible and
    /// direction-changing characters become `\u{…}`, stacked combining marks are cut.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        Self::bounded(raw, LIMIT)
    }

    /// The same for a value that is read further: up to [`LONG_LIMIT`]. Show it with [`CleanText::tail`].
    #[must_use]
    pub fn long(raw: &str) -> Self {
        Self::bounded(raw, LONG_LIMIT)
    }

    fn bounded(raw: &str, limit: usize) -> Self {
        if raw.len() <= limit && raw.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Self(raw.into());
        }
        let mut out = String::with_capacity(raw.len().min(limit));
        let mut marks = 0;
        for (count, c) in raw.chars().enumerate() {
            if count >= limit {
                out.push('…');
                break;
            }
            if is_combining(c) {
                marks += 1;
                if marks > MARKS {
                    continue;
                }
            } else {
                marks = 0;
            }
            match c {
                '\t' => out.push(' '),
                c if c.is_ascii_control() => {
                    let _ = write!(out, "\\x{:02x}", c as u32);
                }
                c if c.is_control() || is_invisible(c) => {
                    let _ = write!(out, "\\u{{{:x}}}", c as u32);
                }
                c => out.push(c),
            }
        }
        Self(out.into())
    }

    /// Cleans bytes that should be UTF-8; invalid ones become `U+FFFD`.
    #[must_use]
    pub fn from_bytes(raw: &[u8]) -> Self {
        Self::new(&String::from_utf8_lossy(raw))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last `most` characters, behind `…` if there are more: for values whose end is what moves.
    #[must_use]
    pub fn tail(&self, most: usize) -> String {
        match self.0.char_indices().rev().nth(most.saturating_sub(1)) {
            Some((from, _)) if from > 0 => format!("…{}", &self.0[from..]),
            _ => self.0.to_string(),
        }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for CleanText {
    /// Cleans what is read: a file is no more trusted than a host.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::long(&text))
    }
}

/// Characters that show nothing themselves but change what is shown (Unicode TR 36, TR 39).
const fn is_invisible(c: char) -> bool {
    matches!(c as u32,
        0x00ad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
        | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// Combining marks of the common blocks.
const fn is_combining(c: char) -> bool {
    matches!(c as u32,
        0x0300..=0x036f | 0x0483..=0x0489 | 0x0591..=0x05bd | 0x0610..=0x061a | 0x064b..=0x065f
        | 0x0e31 | 0x0e34..=0x0e3a | 0x0e47..=0x0e4e | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff
        | 0x20d0..=0x20ff | 0xfe20..=0xfe2f)
}

impl From<&str> for CleanText {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl From<String> for CleanText {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl fmt::Display for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::ops::Deref for CleanText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_become_visible() {
        assert_eq!(
            CleanText::new("a\x1b[31mb\r\n\tc\u{9b}").as_str(),
            "a\\x1b[31mb\\x0d\\x0a c\\u{9b}"
        );
        assert_eq!(CleanText::new("a\u{202e}b\u{200b}").as_str(), "a\\u{202e}b\\u{200b}");
        assert_eq!(
            CleanText::new("e\u{301}\u{301}\u{301}\u{301}").as_str(),
            "e\u{301}\u{301}"
        );
    }

    #[test]
    fn long_values_are_whole_and_their_end_is_shown() {
        let raw = "1234567890".repeat(1000);
        assert_eq!(CleanText::long(&raw).as_str(), raw);
        assert_eq!(CleanText::new(&raw).chars().count(), LIMIT + 1);
        assert!(CleanText::long(&raw.repeat(10)).ends_with('…'));
        assert_eq!(CleanText::new("äbc").tail(2), "…bc");
        assert_eq!(CleanText::new("äbc").tail(3), "äbc");
        assert_eq!(CleanText::new("").tail(3), "");
    }

    proptest! {
        #[test]
        fn nothing_that_steers_a_terminal_is_left(raw in any::<Vec<u8>>()) {
            let text = CleanText::from_bytes(&raw);
            prop_assert!(text.chars().all(|c| !c.is_control() && !is_invisible(c)));
            prop_assert!(text.chars().count() <= LIMIT * 12 + 1);
        }
    }
}
