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
}
