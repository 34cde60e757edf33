//! Words and widths: times, sizes and text cut to a number of terminal cells.

use crate::facts::UnixMs;
use std::time::Duration;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A count as terminal cells; more than any screen has becomes the greatest.
#[must_use]
pub fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Width of a text in cells.
#[must_use]
pub fn width(text: &str) -> u16 {
    cells(text.width())
}

/// Cuts a text to so many cells; a cut text ends in `…`.
#[must_use]
pub fn fit(text: &str, room: u16) -> String {
    let room = usize::from(room);
    if text.width() <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > room - 1 {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push('…');
    out
}

/// Breaks a text into lines of at most so many cells, at spaces where there are any.
#[must_use]
pub fn wrap(text: &str, room: u16) -> Vec<String> {
    let room = usize::from(room.max(1));
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let wide = word.width();
        if used > 0 && used + 1 + wide > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > room && used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += wide;
        }
    }
    lines.push(line);
    lines
}

/// The time of day in UTC, `03:12:07Z`.
#[must_use]
pub fn clock(at: UnixMs) -> String {
    format!("{}Z", time_of_day(at))
}

/// The time of day in UTC, `03:12:07`.
#[must_use]
pub fn time_of_day(at: UnixMs) -> String {
    let seconds = at.0 / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Date and time in UTC, ISO 8601; the bare number of milliseconds when it is beyond all calendars.
#[must_use]
pub fn iso(at: UnixMs) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| at.0.to_string(), |stamp| stamp.to_string())
}

/// When something began, seen from now: the time of day, with the date when it was not today.
#[must_use]
pub fn since(at: UnixMs, now: UnixMs) -> String {
    if at.0 / 86_400_000 == now.0 / 86_400_000 {
        time_of_day(at)
    } else {
        iso(at)
            .chars()
            .take(16)
            .map(|c| if c == 'T' { ' ' } else { c })
            .collect()
    }
}

/// A span in words: `0.4 s`, `69 s`, `2 m 27 s`, `3 h 12 m`, `5 d 4 h`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..100 => format!("{seconds} s"),
        100..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A span without spaces for narrow places: `69s`, `2m27s`, `3h12m`, `5d4h`.
#[must_use]
pub fn tight_span(of: Duration) -> String {
    span(of).replace(' ', "")
}

/// A span given in seconds, in words; a negative or absurd one is zero.
#[must_use]
pub fn seconds(of: f64) -> String {
    span(Duration::try_from_secs_f64(of).unwrap_or_default())
}

/// Milliseconds in words: `0.04 ms`, `0.4 ms`, `48 ms`, `1.2 s`. What is not nothing never looks like it.
#[must_use]
pub fn millis(ms: f64) -> String {
    if ms <= 0.0 {
        "0 ms".to_owned()
    } else if ms < 0.01 {
        "<0.01 ms".to_owned()
    } else if ms < 0.095 {
        format!("{ms:.2} ms")
    } else if ms < 9.95 {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}

/// KiB in the largest unit that leaves at least one digit before the point.
#[must_use]
pub fn kib(kib: u64) -> String {
    bytes(kib as f64 * 1024.0)
}

/// Bytes in the largest unit that leaves at least one digit before the point.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    let mut value = bytes;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 9.95 && unit != "B" {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// So many of something: `1 host`, `14 hosts`.
#[must_use]
pub fn many(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A large count with thin groups: `10 412`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_read_as_people_say_them() {
        let words: Vec<String> = [0, 69, 147, 11_520, 446_400]
            .map(|s| span(Duration::from_secs(s)))
            .into();
        assert_eq!(words, ["0 s", "69 s", "2 m 27 s", "3 h 12 m", "5 d 4 h"]);
        assert_eq!(tight_span(Duration::from_secs(147)), "2m27s");
        let words = [0.0, 0.004, 0.04, 0.0949, 0.095, 0.24, 48.2, 1240.0].map(millis);
        assert_eq!(
            words,
            [
                "0 ms", "<0.01 ms", "0.04 ms", "0.09 ms", "0.1 ms", "0.2 ms", "48 ms", "1.2 s"
            ]
        );
        assert_eq!(kib(196_608), "192 MiB");
        assert_eq!(count(10_412), "10 412");
        assert_eq!(
            [0, 1, 2].map(|count| many(count, "host")),
            ["0 hosts", "1 host", "2 hosts"]
        );
    }

    proptest! {
        #[test]
        fn cut_and_wrapped_text_keeps_its_room(text in "\\PC*", room in 1u16..50) {
            prop_assert!(width(&fit(&text, room)) <= room);
            for line in wrap(&text, room.max(2)) {
                prop_assert!(width(&line) <= room.max(2));
            }
        }
    }
}
