//! How long to wait before another attempt: full jitter, so that a fleet never comes back in step.

use std::time::Duration;

/// The longest wait.
const CEILING_S: f64 = 60.0;

/// The wait before attempt number `attempt` (0 for the first retry): `rand01` of
/// `min(60 s, 0.5 s · 2^attempt)`. `rand01` is a random number in `0..=1`; whatever lies outside is
/// brought inside, and a NaN counts as 1.
#[must_use]
pub fn full_jitter(attempt: u32, rand01: f64) -> Duration {
    let share = if rand01.is_nan() { 1.0 } else { rand01.clamp(0.0, 1.0) };
    let exponent = i32::try_from(attempt.min(16)).unwrap_or(16);
    let span = (0.5 * 2_f64.powi(exponent)).min(CEILING_S);
    Duration::from_secs_f64(span * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_a_minute() {
        let spans: Vec<_> = (0..10).map(|attempt| full_jitter(attempt, 1.0).as_secs_f64()).collect();
        assert_eq!(spans, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
        assert_eq!(full_jitter(5, 0.0), Duration::ZERO);
        assert_eq!(full_jitter(3, 0.25), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn never_over_a_minute_and_never_panics(attempt in any::<u32>(), share in any::<f64>()) {
            prop_assert!(full_jitter(attempt, share) <= Duration::from_mins(1));
        }
    }
}
