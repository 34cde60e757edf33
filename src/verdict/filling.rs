//! How filesystems fill: a bounded past of each, and a slope that one burst does not move.

use super::memory::{KEPT, hash};
use crate::facts::{UnixMs, filesystem::Usage};
use std::time::Duration;

/// Samples of each window.
const SAMPLES: usize = 16;

/// The short window spans half an hour, the long one eight.
const SPACING: [Duration; 2] = [Duration::from_mins(2), Duration::from_mins(30)];

/// Samples that make a slope worth telling.
const ENOUGH: usize = 6;

/// A window tells of a future this many times as long as itself.
const FORESIGHT: f64 = 24.0;

/// The past of all filesystems of one host.
#[derive(Debug, Default)]
pub(super) struct Filling(Vec<One>);

#[derive(Debug)]
struct One {
    name: u64,
    size_kib: u64,
    seen: UnixMs,
    windows: [Vec<(UnixMs, u64)>; 2],
    slopes: [Option<f64>; 2],
}

/// When a filesystem will be full if it fills on as it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Forecast {
    /// Time left, seconds.
    pub(super) left_seconds: f64,
    /// KiB a second.
    pub(super) kib_per_second: f64,
}

impl Filling {
    /// Takes in one reading.
    pub(super) fn push(&mut self, at: UnixMs, usages: &[Usage]) {
        for usage in usages {
            let name = hash(usage.at.as_str());
            let place = self.0.iter().position(|one| one.name == name);
            let Some(place) = place.or_else(|| self.admit(name)) else {
                continue;
            };
            self.0[place].push(at, usage);
        }
        self.0.retain(|one| one.seen == at);
    }

    fn admit(&mut self, name: u64) -> Option<usize> {
        if self.0.len() >= KEPT {
            return None;
        }
        self.0.push(One {
            name,
            size_kib: 0,
            seen: UnixMs(0),
            windows: [Vec::new(), Vec::new()],
            slopes: [None; 2],
        });
        Some(self.0.len() - 1)
    }

    /// When that filesystem will be full: the sooner of what both windows tell. `None` when it does not
    /// fill, or has not been watched for long enough to say.
    pub(super) fn forecast(&self, usage: &Usage) -> Option<Forecast> {
        let name = hash(usage.at.as_str());
        let one = self.0.iter().find(|one| one.name == name)?;
        let tell = |which: usize| {
            let kib_per_second = one.slopes[which].filter(|slope| *slope > 0.0)?;
            let left_seconds = usage.available_kib as f64 / kib_per_second;
            let window = &one.windows[which];
            let span = window.last()?.0.since(window.first()?.0).as_secs_f64();
            (left_seconds <= span * FORESIGHT).then_some(Forecast {
                left_seconds,
                kib_per_second,
            })
        };
        match (tell(0), tell(1)) {
            (Some(a), Some(b)) => Some(if a.left_seconds <= b.left_seconds { a } else { b }),
            (a, b) => a.or(b),
        }
    }
}

impl One {
    fn push(&mut self, at: UnixMs, usage: &Usage) {
        if self.size_kib != usage.size_kib {
            // Grown or replaced: the past says nothing of it.
            self.windows = [Vec::new(), Vec::new()];
            self.slopes = [None; 2];
            self.size_kib = usage.size_kib;
        }
        self.seen = at;
        for (which, window) in self.windows.iter_mut().enumerate() {
            if window.last().is_some_and(|(last, _)| at.since(*last) < SPACING[which]) {
                continue;
            }
            if window.len() == SAMPLES {
                window.remove(0);
            }
            window.push((at, usage.used_kib));
            self.slopes[which] = (window.len() >= ENOUGH).then(|| slope(window).min(pace(window)));
        }
    }
}

/// Theil–Sen: the median of the slopes of all pairs, KiB a second. Less than a third of wild samples
/// does not move it (P. K. Sen, 1968).
fn slope(window: &[(UnixMs, u64)]) -> f64 {
    let mut slopes = Vec::with_capacity(window.len() * window.len() / 2);
    for (at, (later, more)) in window.iter().enumerate() {
        for (earlier, less) in &window[..at] {
            let seconds = later.since(*earlier).as_secs_f64();
            if seconds > 0.0 {
                slopes.push((*more as f64 - *less as f64) / seconds);
            }
        }
    }
    if slopes.is_empty() {
        return 0.0;
    }
    let middle = slopes.len() / 2;
    *slopes.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The median of what was written from one sample to the next, KiB a second: nothing, if most of the
/// time nothing was. One great step moves the slope of half of all pairs, but not this.
fn pace(window: &[(UnixMs, u64)]) -> f64 {
    let mut steps: Vec<f64> = window
        .windows(2)
        .map(|two| (two[1].1 as f64 - two[0].1 as f64) / two[1].0.since(two[0].0).as_secs_f64().max(1.0))
        .collect();
    if steps.is_empty() {
        return 0.0;
    }
    let middle = steps.len() / 2;
    *steps.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(used_kib: u64, size_kib: u64) -> Usage {
        Usage {
            source: "/dev/sda1".into(),
            at: "/srv".into(),
            size_kib,
            used_kib,
            available_kib: size_kib - used_kib,
            used_percent: 0.0,
            inodes_used_percent: None,
        }
    }

    /// Reads every ten seconds for so many minutes; `used` tells KiB by minute.
    fn watch(minutes: u64, used: impl Fn(u64) -> u64) -> (Filling, Usage) {
        let mut filling = Filling::default();
        let mut last = usage(0, 10_000_000);
        for tick in 0..=minutes * 6 {
            last = usage(used(tick / 6), 10_000_000);
            filling.push(UnixMs(1 + tick * 10_000), &[last.clone()]);
        }
        (filling, last)
    }

    #[test]
    fn steady_filling_is_foretold() {
        // 1 MB a minute: 9.97 GB left last 9970 minutes; half an hour does not tell that far.
        let (filling, last) = watch(30, |minute| minute * 1000);
        assert_eq!(filling.forecast(&last), None);
        // 20 MB a minute: 9.4 GB left last 470 minutes.
        let (filling, last) = watch(30, |minute| minute * 20_000);
        let forecast = filling.forecast(&last).expect("it fills");
        assert!((forecast.left_seconds / 60.0 - 470.0).abs() < 1.0, "{forecast:?}");
    }

    #[test]
    fn one_burst_is_no_trend_and_emptying_is_none() {
        let (filling, last) = watch(30, |minute| if minute >= 15 { 5_000_000 } else { 1_000_000 });
        assert_eq!(filling.forecast(&last), None);
        let (filling, last) = watch(30, |minute| 9_000_000 - minute * 20_000);
        assert_eq!(filling.forecast(&last), None);
        let (filling, last) = watch(5, |minute| minute * 20_000);
        assert_eq!(filling.forecast(&last), None, "too short a watch");
    }

    #[test]
    fn it_is_bounded_and_forgets() {
        let mut filling = Filling::default();
        for round in 0..3000_u64 {
            let many: Vec<Usage> = (0..200)
                .map(|at| Usage {
                    at: format!("/srv/{}", at + round).into(),
                    ..usage(1, 2)
                })
                .collect();
            filling.push(UnixMs(round * 120_000), &many[..if round == 2999 { 1 } else { 200 }]);
            assert!(filling.0.len() <= KEPT);
        }
        assert!(filling.0.len() <= 1);
        assert!(
            filling
                .0
                .iter()
                .all(|one| one.windows.iter().all(|window| window.len() <= SAMPLES))
        );
    }
}
