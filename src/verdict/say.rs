//! Small wordings shared by every rule: times, spans, sizes and lists, always in the same form.

use crate::{facts::UnixMs, fleet::HostName};
use std::time::Duration;

/// A time of day in UTC, such as `03:09:40Z`. Evidence names times and not ages, so that it does not
/// change from second to second.
pub(super) fn clock(at: UnixMs) -> String {
    let seconds = at.0 / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A span in its two greatest units, such as `2 m 20 s` or `3 d 4 h`.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |a: u64, a_unit, b: u64, b_unit| {
        if b == 0 {
            format!("{a} {a_unit}")
        } else {
            format!("{a} {a_unit} {b} {b_unit}")
        }
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => two(minutes, "m", seconds % 60, "s"),
        (0, _, _) => two(hours, "h", minutes, "m"),
        _ => two(days, "d", hours, "h"),
    }
}

/// A span of real numbers of seconds; what is not a number or negative counts as nothing.
pub(super) fn span_f64(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).map_or(0, |span| span.as_secs()))
}

/// An amount in KiB with a binary unit, such as `1.2 GiB`.
pub(super) fn kib(amount: f64) -> String {
    let mut value = amount;
    for unit in ["KiB", "MiB", "GiB", "TiB"] {
        if value.abs() < 1024.0 {
            return if unit == "KiB" {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} PiB")
}

/// The beginning of a text that may be very long, such as a set of GTIDs.
pub(super) fn short(text: &str) -> std::borrow::Cow<'_, str> {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// A list in words, such as `a, b and c`; a long one ends in `and 5 more`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    const SHOWN: usize = 4;
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        _ if items.len() <= SHOWN => {
            let (first, last) = items.split_at(items.len() - 1);
            format!("{} and {}", join(first), last[0].as_ref())
        }
        _ => format!("{} and {} more", join(&items[..SHOWN - 1]), items.len() - (SHOWN - 1)),
    }
}

fn join<T: AsRef<str>>(items: &[T]) -> String {
    items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

/// A list of hosts in words.
pub(super) fn hosts(items: &[HostName]) -> String {
    list(&items.iter().map(HostName::as_str).collect::<Vec<_>>())
}

/// A number without needless digits: `12`, `4.5`, `0.32`.
pub(super) fn number(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value.abs() >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wordings() {
        assert_eq!(clock(UnixMs(1_700_000_980_123)), "22:29:40Z");
        assert_eq!(
            [span(0), span(140), span(3600), span(277_200)],
            ["0 s", "2 m 20 s", "1 h", "3 d 5 h"]
        );
        assert_eq!(span_f64(f64::NAN), "0 s");
        assert_eq!([kib(12.0), kib(1_258_291.2)], ["12 KiB", "1.2 GiB"]);
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
        assert_eq!([number(250.0), number(4.52), number(0.321)], ["250", "4.5", "0.32"]);
    }
}
