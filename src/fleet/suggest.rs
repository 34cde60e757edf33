//! Help with typing errors: edit distance for "did you mean", and text that is safe to quote.

use std::fmt::Write as _;

/// Longest text that is quoted in a message, in characters.
const QUOTED: usize = 60;

/// A character for showing: controls and those that change the direction of text become `U+FFFD`.
pub(super) const fn visible_char(c: char) -> char {
    match c as u32 {
        0x00..=0x1f | 0x7f..=0x9f | 0x061c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff => '\u{fffd}',
        _ => c,
    }
}

/// Text for showing on one line.
pub(super) fn visible(text: &str) -> String {
    text.chars().map(visible_char).collect()
}

/// Text in backticks, cut to a readable length.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == QUOTED {
            out.push('…');
            break;
        }
        out.push(visible_char(c));
    }
    out.push('`');
    out
}

/// A list of words in backticks, cut after a dozen or two.
pub(super) fn quote_all<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 24;
    let mut out = String::new();
    for (count, word) in words.into_iter().enumerate() {
        if count == MOST {
            out.push_str(", …");
            break;
        }
        let _ = write!(out, "{}{}", if count == 0 { "" } else { ", " }, quote(word));
    }
    out
}

/// The known word nearest to a mistyped one: at most a third of its letters differ, and no other is as near. A swap of
/// two neighbours counts once.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    // Of a word of two letters one is half of it: anything would be near.
    let limit = (lower.chars().count() / 3).min(3);
    let mut best: Option<(usize, &str)> = None;
    let mut alike = 0;
    for candidate in known {
        let length = candidate.len();
        if candidate == word || length > lower.len() + 8 || length + 8 < lower.len() {
            continue;
        }
        let distance = distance(&lower, &candidate.to_lowercase());
        match best {
            _ if distance > limit => {}
            Some((least, _)) if distance > least => {}
            Some((least, known)) if distance == least => alike += usize::from(known != candidate),
            _ => (best, alike) = (Some((distance, candidate)), 0),
        }
    }
    // `stor9` is as near to `stor1` as to `stor2`: one of them would be a guess.
    best.filter(|_| alike == 0).map(|(_, word)| word)
}

/// What there is instead of a word that is not known: the one that is meant, if one is near, and the names, all of
/// them or the nearest.
pub(crate) fn instead<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let mut known: Vec<&str> = known.into_iter().collect();
    let near = nearest(word, known.iter().copied()).map_or_else(String::new, |near| format!("did you mean {near}? "));
    let count = known.len();
    if count == 0 {
        return "there are none".to_owned();
    }
    if count <= MOST {
        return format!("{near}there are {}", known.join(", "));
    }
    let lower: String = word.to_lowercase().chars().take(64).collect();
    known.sort_by_cached_key(|name| distance(&lower, &name.to_lowercase()));
    format!("{near}the nearest of {count} are {}", known[..MOST].join(", "))
}

/// `did you mean …?` for a mistyped word, if a known one is near.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean {}?", quote(near)))
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["address", "port", "user", "mounts", "mysql"];
        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("Address", known), Some("address"));
        assert_eq!(nearest("addresss", known), Some("address"));
        assert_eq!(nearest("prot", known), Some("port"));
        assert_eq!(nearest("mount", known), Some("mounts"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
        // Neither a guess among several, nor one by half of the letters.
        let hosts = ["stor1", "stor2", "db1", "a1"];
        assert_eq!(nearest("stor9", hosts), None);
        assert_eq!(nearest("stro2", hosts), Some("stor2"));
        assert_eq!(nearest("b1", hosts), None);
        assert_eq!(nearest("A1", hosts), Some("a1"));
    }

    #[test]
    fn what_there_is_instead_is_bounded() {
        assert_eq!(instead("x", []), "there are none");
        assert_eq!(
            instead("web2", ["web-1", "web-2"]),
            "did you mean web-2? there are web-1, web-2"
        );
        let many: Vec<String> = (0..40).map(|number| format!("slice-{number:02}")).collect();
        let said = instead("slice_07", many.iter().map(String::as_str));
        assert!(
            said.starts_with("did you mean slice-07? the nearest of 40 are slice-07, "),
            "{said}"
        );
        assert_eq!(said.matches("slice-").count(), 9, "{said}");
    }

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quote("a\u{1b}[2Jb\u{202e}"), "`a\u{fffd}[2Jb\u{fffd}`");
        assert!(quote(&"x".repeat(10_000)).chars().count() < 70);
    }
}
