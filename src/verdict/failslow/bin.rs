//! What short polls count, summed until it can be judged: a mean of a few operations is mostly chance.
//!
//! Polls of 2 s are added up to bins of at least five seconds and eight operations, so that the rules, whose times are
//! bins, hold for polls of 2 to 15 s alike. The members of a group fill their bins at different moments: the group is
//! polled at a pace of its own, of five seconds or more, with what has come since, and a member whose bin is not full yet
//! is [`Reading::Untrusted`] in that poll, which changes nothing.

use super::stream::Reading;
use std::time::Duration;

/// A bin spans at least this.
pub const LEAST: Duration = Duration::from_secs(5);
/// Polls that are meant to be five seconds apart sometimes come a little sooner.
const JITTER: f32 = 0.95;
/// A bin that is not full after this never will be: there is too little to do to be judged by.
const MOST: Duration = Duration::from_secs(30);
/// Operations in a bin, at least.
const OPERATIONS: f32 = 8.0;
/// Time of all operations in a bin, at least, in ms: the kernel counts it in whole ms.
const TIME_MS: f32 = 10.0;

/// The counters of one stream since its last reading.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bin {
    operations: f32,
    time_ms: f32,
    load: f32,
    seconds: f32,
}

const _: () = assert!(size_of::<Bin>() <= 16);

impl Bin {
    /// Adds what was counted in the `elapsed` time since the last poll: how many operations ended, and how long these
    /// took together, in ms. Returns a reading when the bin is full: the mean latency in ms, with the operations a second
    /// as its load; or, after thirty seconds in which that did not come about, [`Reading::Idle`].
    ///
    /// A poll is dropped when a counter went backwards in it (a restart), when a number is none, and when more than
    /// thirty seconds have passed: nobody knows when in these it was.
    pub fn push(&mut self, operations: f64, time_ms: f64, elapsed: Duration) -> Option<Reading> {
        self.push_with(operations, time_ms, operations, elapsed)
    }

    /// The same with another measure of the load than operations, such as bytes.
    ///
    /// Few operations are enough where they took all the time there was, so that one was always under way: they are few
    /// *because* they are slow.
    pub fn push_with(&mut self, operations: f64, time_ms: f64, load: f64, elapsed: Duration) -> Option<Reading> {
        if !self.add(operations, time_ms, load, elapsed) {
            return None;
        }
        let enough = self.operations >= OPERATIONS && self.time_ms >= TIME_MS;
        if enough || self.operations >= 1.0 && self.time_ms >= self.seconds * 1000.0 {
            // A load of nothing would say that nothing was done.
            let load = f64::from(self.load.max(1.0)) / f64::from(self.seconds);
            return Some(self.emptied(Some(load)));
        }
        if Duration::from_secs_f32(self.seconds) < MOST {
            return None;
        }
        *self = Self::default();
        Some(Reading::Idle)
    }

    /// The same for what is timed one by one, such as round trips: each is exact, so that one is enough where polls are
    /// five seconds apart, and there is no load.
    pub fn sample(&mut self, time_ms: f64, elapsed: Duration) -> Option<Reading> {
        self.add(1.0, time_ms, 1.0, elapsed).then(|| self.emptied(None))
    }

    /// Whether the bin spans enough now.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "sums of thirty seconds need no more digits"
    )]
    fn add(&mut self, operations: f64, time_ms: f64, load: f64, elapsed: Duration) -> bool {
        let sound = |value: f64| (0.0..1e18).contains(&value);
        if !sound(operations) || !sound(time_ms) || !sound(load) || elapsed > MOST {
            return false;
        }
        self.operations += operations as f32;
        self.time_ms += time_ms as f32;
        self.load += load as f32;
        self.seconds += elapsed.as_secs_f32();
        self.seconds > 0.0 && self.seconds >= LEAST.as_secs_f32() * JITTER
    }

    /// Forgets what was added up: after a restart of the counters.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn emptied(&mut self, load: Option<f64>) -> Reading {
        let mean_ms = f64::from(self.time_ms) / f64::from(self.operations);
        *self = Self::default();
        Reading::value(mean_ms, load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO: Duration = Duration::from_secs(2);

    fn mean_and_load(reading: Option<Reading>) -> (f32, f32) {
        match reading {
            Some(Reading::Value { latency, load }) => (latency.exp(), load.exp()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn few_because_they_are_slow_is_a_reading() {
        let mut bin = Bin::default();
        let (ms, load) = mean_and_load(bin.push_with(2.0, 12_000.0, 8192.0, Duration::from_secs(5)));
        assert!((ms - 6000.0).abs() < 1.0 && (load - 1638.4).abs() < 0.1, "{ms} {load}");
    }

    #[test]
    fn short_polls_are_summed_to_five_seconds_and_long_ones_stand_alone() {
        let mut bin = Bin::default();
        assert_eq!(bin.push(100.0, 200.0, TWO), None);
        assert_eq!(bin.push(50.0, 100.0, TWO), None);
        let (ms, load) = mean_and_load(bin.push(30.0, 600.0, TWO));
        assert!((ms - 5.0).abs() < 1e-4 && (load - 30.0).abs() < 1e-3, "{ms} {load}");
        assert_eq!(bin, Bin::default());
        for seconds in [4.9, 5.0, 15.0, 30.0] {
            let (ms, load) = mean_and_load(bin.push(60.0, 30.0, Duration::from_secs_f64(seconds)));
            assert!((ms - 0.5).abs() < 1e-4 && (f64::from(load) - 60.0 / seconds).abs() < 1e-3);
        }
    }

    #[test]
    fn few_operations_are_waited_for_and_too_few_are_idle() {
        let mut bin = Bin::default();
        for _ in 0..7 {
            assert_eq!(bin.push(1.0, 4.0, TWO), None);
        }
        let (ms, load) = mean_and_load(bin.push(1.0, 4.0, TWO));
        assert!((ms - 4.0).abs() < 1e-4 && (load - 0.5).abs() < 1e-4);
        // None at all, one every ten seconds, and many of which the kernel's clock saw next to nothing.
        for (operations, time_ms) in [(0.0, 0.0), (0.2, 9.0), (40.0, 0.4)] {
            for _ in 0..14 {
                assert_eq!(bin.push(operations, time_ms, TWO), None);
            }
            assert_eq!(bin.push(operations, time_ms, TWO), Some(Reading::Idle));
        }
        // Operations that end after a long standstill are judged with the time that they took.
        for _ in 0..10 {
            assert_eq!(bin.push(0.0, 0.0, TWO), None);
        }
        let (ms, _) = mean_and_load(bin.push(20.0, 400_000.0, TWO));
        assert!((ms - 20_000.0).abs() < 1.0);
    }

    #[test]
    fn a_counter_that_went_backwards_drops_its_poll_alone() {
        let mut bin = Bin::default();
        assert_eq!(bin.push(100.0, 200.0, TWO), None);
        for (operations, time_ms, elapsed) in [
            (-4e9, 10.0, TWO),
            (10.0, -1.0, TWO),
            (f64::NAN, 1.0, TWO),
            (1.0, f64::INFINITY, TWO),
            (5000.0, 9000.0, Duration::from_hours(1)),
        ] {
            assert_eq!(bin.push(operations, time_ms, elapsed), None);
        }
        assert_eq!(bin.push(100.0, 200.0, TWO), None);
        let (ms, load) = mean_and_load(bin.push(100.0, 200.0, TWO));
        assert!((ms - 2.0).abs() < 1e-4 && (load - 50.0).abs() < 1e-3);
    }

    #[test]
    fn round_trips_are_counted_one_by_one() {
        let mut bin = Bin::default();
        assert_eq!(bin.sample(3.0, TWO), None);
        assert_eq!(bin.sample(6.0, TWO), None);
        let Some(Reading::Value { latency, load }) = bin.sample(0.6, TWO) else {
            panic!("no reading")
        };
        assert!((latency.exp() - 3.2).abs() < 1e-4 && load.is_nan());
        assert!(matches!(
            bin.sample(3.0, Duration::from_secs(15)),
            Some(Reading::Value { .. })
        ));
    }

    proptest! {
        #[test]
        fn whatever_is_counted_a_reading_is_sound_and_comes_in_time(
            polls in proptest::collection::vec((any::<f64>(), any::<f64>(), 0_u64..40_000), 0..200),
            small in proptest::collection::vec((0.0_f64..50.0, 0.0_f64..500.0, 0_u64..16_000), 0..200),
        ) {
            let mut bin = Bin::default();
            let mut since = Duration::ZERO;
            for (operations, time_ms, millis) in polls.into_iter().chain(small) {
                let elapsed = Duration::from_millis(millis);
                let counted = operations >= 0.0 && time_ms >= 0.0 && operations < 1e18 && time_ms < 1e18
                    && elapsed <= MOST;
                since += if counted { elapsed } else { Duration::ZERO };
                match bin.push(operations, time_ms, elapsed) {
                    Some(Reading::Value { latency, load }) => {
                        prop_assert!(latency.is_finite() && load.is_finite());
                        prop_assert!(since.as_secs_f32() >= 4.7);
                        since = Duration::ZERO;
                    }
                    Some(other) => {
                        prop_assert_eq!(other, Reading::Idle);
                        prop_assert!(since >= Duration::from_secs(29));
                        since = Duration::ZERO;
                    }
                    None => prop_assert!(since < Duration::from_secs(31)),
                }
            }
        }
    }
}
