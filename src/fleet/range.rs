//! Ranges in names and addresses: `access[1-8]`, `web[01-12]`, `db[1,3,5-7]`.

use super::suggest::quote;

/// Most names that one range may stand for.
const LIMIT: usize = 10_000;

/// Whether a text holds a range.
pub(super) fn is_range(text: &str) -> bool {
    text.contains('[') && !text.starts_with('[')
}

/// All texts that a text with a range stands for, in order; a text without a range stands for itself.
///
/// # Errors
/// Says what is wrong with the range.
pub(super) fn expand(text: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = text.split_once('[') else {
        return Ok(vec![text.to_owned()]);
    };
    let Some((inside, after)) = rest.split_once(']') else {
        return Err(format!("the range in {} is not closed with ]", quote(text)));
    };
    if after.contains(['[', ']']) || before.contains(']') {
        return Err(format!("{} has more than one range", quote(text)));
    }
    let mut out = Vec::new();
    for part in inside.split(',') {
        let part = part.trim();
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |digits: &str| -> Result<u32, String> {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| digits.parse().ok())
                .flatten()
                .ok_or_else(|| format!("{} is not a range of numbers", quote(part)))
        };
        let (from, to) = (number(first)?, number(last)?);
        if from > to {
            return Err(format!("the range {} runs backwards", quote(part)));
        }
        if (to - from) as usize >= LIMIT - out.len() {
            return Err(format!("{} stands for more than {LIMIT} names", quote(text)));
        }
        // A leading zero asks for a fixed width: [01-12].
        let width = if first.starts_with('0') { first.len() } else { 0 };
        out.extend((from..=to).map(|number| format!("{before}{number:0width$}{after}")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_expand_in_order() {
        assert_eq!(expand("web").expect("no range"), ["web"]);
        assert_eq!(expand("web[8-10].x").expect("a range"), ["web8.x", "web9.x", "web10.x"]);
        assert_eq!(expand("web[08-10]").expect("a range"), ["web08", "web09", "web10"]);
        assert_eq!(expand("db[1,3,5-6]").expect("a range"), ["db1", "db3", "db5", "db6"]);
        for wrong in [
            "a[",
            "a[]",
            "a[1",
            "a[x-y]",
            "a[3-1]",
            "a[1-2][3-4]",
            "a[1-99999999]",
            "a[-3]",
            "a[1-2-3]",
        ] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_within_bounds(text in "[a-z0-9,\\[\\]-]{0,30}") {
            if let Ok(all) = expand(&text) {
                prop_assert!(!all.is_empty() && all.len() <= LIMIT);
            }
        }
    }
}
