//! Deterministic noise: everything random about the embedded fleet comes from a seed and the time.

use std::f64::consts::TAU;

/// Spreads a number over all 64 bits (the finaliser of splitmix64).
#[must_use]
pub const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in 0–1 that depends on nothing but its seed.
#[must_use]
pub fn unit(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A smooth factor around 1 (about 0.5–1.5) at a time in seconds: a slow daily swing, minutes and seconds.
#[must_use]
pub fn wave(seed: u64, seconds: f64) -> f64 {
    let phase = |salt: u64| unit(seed.wrapping_add(salt));
    1.0 + 0.20 * (TAU * (seconds / 86_400.0 + 0.1 * phase(1))).sin()
        + 0.13 * (TAU * (seconds / 211.0 + phase(2))).sin()
        + 0.09 * (TAU * (seconds / 47.0 + phase(3))).sin()
        + 0.05 * (TAU * (seconds / 11.0 + phase(4))).sin()
}

/// A number of mean 0 and deviation 1 that depends on nothing but its seed: the sum of four even ones, so never beyond
/// 3.5.
#[must_use]
pub fn normal(seed: u64) -> f64 {
    let bits = mix(seed);
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    (sum as f64 / 65_535.0 - 2.0) * 3.0_f64.sqrt()
}

/// [`normal`] along the time: knots every `step_s` seconds, and in between a line with the same deviation.
fn along(seed: u64, seconds: f64, step_s: f64) -> f64 {
    let place = (seconds / step_s).max(0.0);
    let share = place.fract();
    let knot = super::node::whole(place);
    let at = |knot: u64| normal(seed ^ knot.wrapping_mul(0x9E6C_63D0_876A_3F6B));
    let line = at(knot) * (1.0 - share) + at(knot + 1) * share;
    line / (1.0 - share).hypot(share)
}

/// What a latency differs by from its usual value, in ln: deviation 0.12, neighbouring samples alike.
#[must_use]
pub fn jitter(seed: u64, seconds: f64) -> f64 {
    0.085 * along(seed, seconds, 5.0) + 0.085 * along(seed ^ 0x5bd1_e995, seconds, 20.0)
}

/// What all latencies of one host have in common, in ln: deviation 0.06, over minutes.
#[must_use]
pub fn common(seed: u64, seconds: f64) -> f64 {
    0.06 * along(seed ^ 0x27d4_eb2f, seconds, 75.0)
}

/// A factor that is 1, and between 2 and 12 for five seconds once in some ten hours.
#[must_use]
pub fn spike(seed: u64, seconds: f64) -> f64 {
    let slot = mix(seed ^ super::node::whole(seconds / 5.0).wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    if slot.is_multiple_of(7200) {
        (2.0 - 2.0 * unit(slot).max(1e-9).ln()).min(12.0)
    } else {
        1.0
    }
}

/// `text` as a seed (FNV-1a, then mixed).
#[must_use]
pub fn seed_of(text: &str, seed: u64) -> u64 {
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    mix(hash ^ mix(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_bounded_and_repeatable() {
        let mut last = wave(7, 0.0);
        for step in 0..10_000 {
            let now = wave(7, f64::from(step) * 0.25);
            assert!((0.4..1.6).contains(&now));
            assert!((now - last).abs() < 0.05, "jump at {step}");
            last = now;
        }
        assert!((wave(7, 12.5) - wave(7, 12.5)).abs() < f64::EPSILON);
        assert!((wave(7, 12.5) - wave(8, 12.5)).abs() > f64::EPSILON);
        assert_ne!(seed_of("stor1", 1), seed_of("stor2", 1));
    }

    /// Deviation of samples every five seconds, and how alike those are that are so many apart.
    fn statistics(values: &[f64], apart: usize) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        let pairs = values.iter().zip(&values[apart..]);
        let together: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / (values.len() - apart) as f64;
        (variance.sqrt(), together / variance)
    }

    #[test]
    fn latencies_differ_as_those_of_real_disks_do() {
        let values: Vec<f64> = (0..40_000).map(|at| jitter(7, f64::from(at) * 5.0)).collect();
        let (deviation, after_15_s) = statistics(&values, 3);
        assert!((0.11..0.13).contains(&deviation), "{deviation}");
        assert!((0.05..0.5).contains(&after_15_s), "{after_15_s}");
        let (_, after_a_minute) = statistics(&values, 12);
        assert!(after_a_minute.abs() < 0.05, "{after_a_minute}");
        let spikes: Vec<f64> = (0..720_000)
            .map(|slot| spike(3, f64::from(slot) * 5.0))
            .filter(|factor| *factor > 1.0)
            .collect();
        assert!((50..200).contains(&spikes.len()), "{}", spikes.len());
        assert!(spikes.iter().all(|factor| (2.0..=12.0).contains(factor)));
    }
}
