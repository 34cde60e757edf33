//! The one clock of the program: the system's time, advanced monotonically so that ages cannot jump.

use crate::facts::UnixMs;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// Differences smaller than this are left alone: NTP slews them away.
const STEP_LIMIT_MS: i64 = 500;

/// Tells the time. Cheap to clone; all clones agree.
///
/// Under tokio's paused clock it stands still and moves with it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    base_ms: AtomicI64,
    /// Whether it is meant to tell the system's time.
    follows: bool,
}

impl Clock {
    /// A clock that starts at the system's present time.
    #[must_use]
    pub fn system() -> Self {
        Self::new(system_now(), true)
    }

    /// A clock that starts at a given time and never follows the system's; for tests.
    #[must_use]
    pub fn starting_at(now: UnixMs) -> Self {
        Self::new(now, false)
    }

    fn new(now: UnixMs, follows: bool) -> Self {
        Self(Arc::new(Inner {
            start: Instant::now(),
            base_ms: AtomicI64::new(i64::try_from(now.0).unwrap_or(i64::MAX)),
            follows,
        }))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        let base = self.0.base_ms.load(Ordering::Relaxed);
        let gone = i64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        UnixMs(u64::try_from(base.saturating_add(gone)).unwrap_or(0))
    }

    /// Compares with the system's clock and follows it when somebody set it; returns the step in
    /// milliseconds if there was one.
    pub fn follow_system(&self) -> Option<i64> {
        if !self.0.follows {
            return None;
        }
        let step = i64::try_from(system_now().0).ok()? - i64::try_from(self.now().0).ok()?;
        if step.abs() < STEP_LIMIT_MS {
            return None;
        }
        self.0.base_ms.fetch_add(step, Ordering::Relaxed);
        Some(step)
    }
}

/// The system's time.
fn system_now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time as ISO 8601 in UTC with milliseconds, as scripts get it.
#[must_use]
pub fn iso(at: UnixMs) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_moves_with_the_timer() {
        let clock = Clock::starting_at(UnixMs(1_000));
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(clock.now(), UnixMs(1_250));
        assert_eq!((clock.follow_system(), clock.now()), (None, UnixMs(1_250)));
    }

    #[test]
    fn iso_times_are_utc_with_milliseconds() {
        assert_eq!(iso(UnixMs(1_795_230_727_045)), "2026-11-21T03:12:07.045Z");
    }
}
