//! Small tools that every parser here uses: words, numbers, escapes and counter differences.

use super::{reading::Why, text::CleanText};
use std::borrow::Cow;

/// Characters of a text that are quoted in [`Why::Garbled`].
const QUOTE: usize = 120;
/// Characters of an error text that are kept: clients put the reason at its end.
const ERROR: usize = 400;

/// The reason for a text that is not understood: it quotes the first line that is not empty.
pub(super) fn garbled(text: &str) -> Why {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    Why::Garbled(line.map_or_else(|| CleanText::new("nothing came"), quote))
}

/// The beginning of a text, short enough for a sentence.
pub(super) fn quote(text: &str) -> CleanText {
    beginning(text, QUOTE)
}

fn beginning(text: &str, characters: usize) -> CleanText {
    match text.char_indices().nth(characters) {
        Some((end, _)) => CleanText::from(format!("{}…", &text[..end])),
        None => CleanText::new(text),
    }
}

/// The reason for a command that ended with an exit code: the code and the first line of its text.
pub(super) fn failed(code: i32, text: &str) -> Why {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    Why::Failed(match line {
        "" => CleanText::from(format!("exit {code}")),
        line => CleanText::from(format!("exit {code}: {}", beginning(line, ERROR))),
    })
}

/// A finite decimal number. `inf`, `nan` and hexadecimal forms, which Rust or C would take, are refused.
pub(super) fn float(word: &str) -> Option<f64> {
    let plain = word
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    let value: f64 = if plain { word.parse().ok()? } else { return None };
    value.is_finite().then_some(value)
}

/// The next word as an unsigned number.
pub(super) fn next_u64<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<u64> {
    words.next()?.parse().ok()
}

/// Undoes the octal escapes (`\040`) of `/proc/mounts` and its relatives.
pub(super) fn unescape(word: &str) -> Cow<'_, str> {
    if !word.contains('\\') {
        return Cow::Borrowed(word);
    }
    let bytes = word.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = bytes.get(at + 1..at + 4).filter(|digits| {
            bytes[at] == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)) && digits[0] <= b'3'
        });
        if let Some(digits) = octal {
            out.push(digits.iter().fold(0, |value, digit| value * 8 + (digit - b'0')));
            at += 4;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// How far a counter rose between two samples; `None` when it was reset.
///
/// Many kernel counters are 32 bits wide (all of them on 32-bit kernels, times in milliseconds on
/// others) and begin again at zero. A fall counts as such a wrap only when the counter stood in the
/// last quarter of that range before and stands in the first now; any other fall is a reset.
pub(super) fn delta(before: u64, after: u64) -> Option<u64> {
    const RANGE: u64 = 1 << 32;
    if after >= before {
        return Some(after - before);
    }
    ((RANGE / 4 * 3..RANGE).contains(&before) && after < RANGE / 4).then(|| after + RANGE - before)
}

/// Reads a number with a unit letter of 1024 (`1.2K`, `405M`, `0B`), as ZFS prints them.
pub(super) fn scaled(word: &str) -> Option<f64> {
    let word = word.strip_suffix('B').unwrap_or(word);
    let (digits, power) = match word.bytes().last()? {
        b'K' => (&word[..word.len() - 1], 1),
        b'M' => (&word[..word.len() - 1], 2),
        b'G' => (&word[..word.len() - 1], 3),
        b'T' => (&word[..word.len() - 1], 4),
        b'P' => (&word[..word.len() - 1], 5),
        b'E' => (&word[..word.len() - 1], 6),
        _ => (word, 0),
    };
    float(digits)
        .filter(|value| *value >= 0.0)
        .map(|value| value * 1024_f64.powi(power))
}

/// A float that is known to be a count, as a count; beyond the range it saturates.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating is what is wanted here"
)]
pub(super) const fn count(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_reason_at_the_end_of_an_error_text_is_kept() {
        // What MariaDB's client 10.11 prints when every connection of the server is in use.
        let line = "ERROR 2002 (HY000): Received error packet before completion of TLS handshake. The authenticity of \
                    the following error cannot be verified: 1040 - Too many connections";
        assert_eq!(failed(1, line), Why::Failed(CleanText::from(format!("exit 1: {line}"))));
        let endless = "x".repeat(100_000);
        assert!(matches!(failed(1, &endless), Why::Failed(text) if text.len() < 500));
    }

    #[test]
    fn escapes_of_proc_mounts() {
        assert_eq!(unescape("/mnt/a\\040b\\134c"), "/mnt/a b\\c");
        assert_eq!(unescape("/mnt/\\04"), "/mnt/\\04");
        assert_eq!(unescape("/mnt/\\999"), "/mnt/\\999");
        assert_eq!(unescape("\\777"), "\\777");
    }

    #[test]
    fn a_wrap_is_told_from_a_reset() {
        assert_eq!(delta(10, 12), Some(2));
        assert_eq!(delta(4_294_967_290, 4), Some(10));
        assert_eq!(delta(1000, 4), None, "a reset");
        assert_eq!(delta(1 << 40, 4), None, "a 64-bit counter was reset");
    }

    #[test]
    fn numbers_are_plain() {
        assert_eq!(float("1.5"), Some(1.5));
        for odd in ["inf", "nan", "NaN", "0x10", "", "1e999", "infinity", "--1"] {
            assert_eq!(float(odd), None, "{odd}");
        }
        assert_eq!(scaled("1.5K"), Some(1536.0));
        assert_eq!(scaled("0B"), Some(0.0));
        assert_eq!(scaled("-"), None);
        assert_eq!(scaled(""), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), a in any::<u64>(), b in any::<u64>()) {
            let _ = (garbled(&text), float(&text), unescape(&text), scaled(&text), delta(a, b));
        }
    }
}
