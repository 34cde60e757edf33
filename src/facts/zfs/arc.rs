//! Reads the ARC's kstat, and its hit ratios between two samples.

use super::{Arc, ArcRate};
use crate::facts::{
    reading::Why,
    scan::{delta, garbled},
};

/// Reads lines of `arcstats`: `name type value` as the kstat prints them, or `name value`.
pub fn parse_arcstats(text: &str) -> Result<Arc, Why> {
    let find = |name: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some(name))
                .then(|| words.last()?.parse().ok())
                .flatten()
        })
    };
    let read = || {
        Some(Arc {
            hits: find("hits")?,
            misses: find("misses")?,
            size_bytes: find("size")?,
            target_bytes: find("c")?,
            max_bytes: find("c_max")?,
            // Without a cache device these may be missing.
            l2_hits: find("l2_hits").unwrap_or(0),
            l2_misses: find("l2_misses").unwrap_or(0),
            l2_size_bytes: find("l2_size").unwrap_or(0),
        })
    };
    read().ok_or_else(|| garbled(text))
}

/// Hit ratios between two samples; `None` after a reset.
#[must_use]
pub fn arc_rate(before: &Arc, after: &Arc) -> Option<ArcRate> {
    let ratio = |hits: u64, misses: u64| {
        let all = hits as f64 + misses as f64;
        (all > 0.0).then(|| hits as f64 * 100.0 / all)
    };
    Some(ArcRate {
        hit_percent: ratio(delta(before.hits, after.hits)?, delta(before.misses, after.misses)?),
        l2_hit_percent: ratio(
            delta(before.l2_hits, after.l2_hits)?,
            delta(before.l2_misses, after.l2_misses)?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn kstat_lines_and_ratios() {
        let before =
            parse_arcstats("hits                            4    100\nmisses 4 50\nc 4 7\nc_max 4 9\nsize 4 8\n")
                .unwrap();
        assert_eq!(
            (
                before.hits,
                before.misses,
                before.target_bytes,
                before.max_bytes,
                before.size_bytes
            ),
            (100, 50, 7, 9, 8)
        );
        let after = Arc {
            hits: 190,
            misses: 60,
            ..before
        };
        assert_eq!(
            arc_rate(&before, &after),
            Some(ArcRate {
                hit_percent: Some(90.0),
                l2_hit_percent: None
            })
        );
        assert_eq!(arc_rate(&after, &before), None);
        assert!(parse_arcstats("hits 4 100\n").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "(hits|misses|size|c|c_max| |[0-9]{1,21}|\n){0,40}") {
            let _ = (parse_arcstats(&text), parse_arcstats(&words));
        }
    }
}
