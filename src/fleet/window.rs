//! Hours in which long work may run: `20:00-06:00`, `mon-fri 22:00-05:00`, `sat,sun`.

use super::suggest::quote;
use std::{fmt, time::Duration};

/// Minutes of a day.
const DAY: u32 = 24 * 60;
/// Days as they are written, in the order of their numbers (Monday is 1).
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// How slices are copied to other servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrate {
    /// The time zone of the windows, as the servers know it: `Europe/Berlin`.
    pub zone: String,
    /// When copying may run; always where there is none.
    pub windows: Vec<Window>,
    /// How fast it may go at most, KiB a second.
    pub limit_kib_s: Option<u64>,
    /// How far behind its source a replica of a database beside it may be before a pass stands still.
    pub lag: Duration,
    /// The TCP port at which the old server lets the new one read.
    pub port: u16,
}

impl Default for Migrate {
    fn default() -> Self {
        Self {
            zone: "UTC".to_owned(),
            windows: Vec::new(),
            limit_kib_s: None,
            lag: Duration::from_secs(30),
            port: 8873,
        }
    }
}

/// Hours of some days; those that begin before midnight may end after it, and belong to the day on which they begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    days: [bool; 7],
    /// First minute of the day.
    from: u32,
    /// Minutes that it lasts.
    lasts: u32,
    text: String,
}

impl Window {
    /// Reads one.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |what: &str| format!("{} is no window: {what}", quote(text));
        let mut words = text.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        if words.next().is_some() {
            return Err(bad("it has days and hours, and nothing else"));
        }
        let is_hours = first.contains(':');
        let (days, hours) = match second {
            Some(hours) => (Some(first), Some(hours)),
            None if is_hours => (None, Some(first)),
            None => (Some(first), None),
        };
        let days = match days {
            Some(days) => self::days(days).ok_or_else(|| bad("days are mon, tue, wed, thu, fri, sat and sun"))?,
            None => [true; 7],
        };
        let (from, lasts) = match hours {
            None => (0, DAY),
            Some(hours) => self::hours(hours).ok_or_else(|| bad("hours are such as 20:00-06:00"))?,
        };
        Ok(Self {
            days,
            from,
            lasts,
            text: text.to_owned(),
        })
    }

    /// Whether it is open at that minute of that day of the week (Monday is 1).
    #[must_use]
    pub fn is_open(&self, day: u32, minute: u32) -> bool {
        let today = (day + 6) % 7;
        let on = |day: u32| self.days[(day % 7) as usize];
        let end = self.from + self.lasts;
        (on(today) && (self.from..end).contains(&minute)) || (on(today + 6) && minute + DAY < end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn days(text: &str) -> Option<[bool; 7]> {
    let place = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut out = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (place(first)?, place(last)?);
        let mut day = first;
        loop {
            out[day] = true;
            if day == last {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    Some(out)
}

fn hours(text: &str) -> Option<(u32, u32)> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (minute(from)?, minute(until)?);
    let lasts = if until > from { until - from } else { until + DAY - from };
    (from < DAY).then_some((from, lasts))
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(());
    two(hour).and(two(minute))?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_days_are_read_and_may_end_after_midnight() {
        let open = |text: &str, day: u32, hour: u32| Window::parse(text).unwrap().is_open(day, hour * 60);
        assert!(open("20:00-06:00", 3, 23) && open("20:00-06:00", 3, 5) && !open("20:00-06:00", 3, 6));
        assert!(!open("20:00-06:00", 3, 12));
        // Friday's window ends on Saturday morning; Saturday itself has none.
        assert!(open("mon-fri 22:00-05:00", 6, 4) && !open("mon-fri 22:00-05:00", 6, 23));
        assert!(
            !open("mon-fri 22:00-05:00", 1, 4),
            "Sunday has none that could end on Monday"
        );
        assert!(open("sun 22:00-05:00", 1, 4));
        assert!(open("sat,sun", 7, 0) && open("sat,sun", 6, 23) && !open("sat,sun", 1, 0));
        assert!(open("fri-mon", 7, 1) && open("fri-mon", 1, 1) && !open("fri-mon", 2, 1));
        assert!(open("00:00-24:00", 1, 23) && open("06:00-06:00", 1, 5));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "8-9",
            "8:00-9:00",
            "24:30-25:00",
            "25:00-26:00",
            "mo 20:00-21:00",
            "sat 20:00",
            "a b c",
            "20:00",
            "24:00-06:00",
        ] {
            assert!(Window::parse(text).is_err(), "{text}");
        }
    }
}
