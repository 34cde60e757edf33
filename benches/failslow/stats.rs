//! Small statistics that the generator, the baselines and the scores share.

/// The middle of the finite values; NaN of none.
pub fn median(values: &mut Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The quantile `share` (0 to 1) of the finite values, interpolated; NaN of none.
pub fn quantile(values: &mut Vec<f64>, share: f64) -> f64 {
    values.retain(|value| value.is_finite());
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    let at = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let low = whole(at.floor());
    let high = (low + 1).min(values.len() - 1);
    values[low] + (values[high] - values[low]) * (at - at.floor())
}

/// Mean and standard deviation (of the population) of the finite values.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let count = finite.len() as f64;
    let mean = finite.iter().sum::<f64>() / count;
    let variance = finite.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// A number from 0 up as an index.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers pass small numbers from 0 up"
)]
pub fn whole(value: f64) -> usize {
    value.max(0.0) as usize
}

/// A standard normal number (Box and Muller).
pub fn gaussian(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * rng.f64().max(1e-300).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// A number between two.
pub fn between(rng: &mut fastrand::Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.f64()
}

/// The 95 % bounds of the mean of a Poisson variable that was seen to be `count` (Wilson and Hilferty).
pub fn poisson_bounds(count: usize) -> (f64, f64) {
    let cube = |events: f64, sign: f64| {
        let root = 1.0 - 1.0 / (9.0 * events) + sign * 1.96 / (3.0 * events.sqrt());
        events * root.max(0.0).powi(3)
    };
    let low = if count == 0 { 0.0 } else { cube(count as f64, -1.0) };
    (low, cube(count as f64 + 1.0, 1.0))
}

/// Matthews' correlation at equal shares of faulty and sound episodes, from the rates at which either is alarmed.
pub fn mcc(true_rate: f64, false_rate: f64) -> f64 {
    let sum = true_rate + false_rate;
    if sum <= 0.0 || sum >= 2.0 {
        return 0.0;
    }
    (true_rate - false_rate) / (sum * (2.0 - sum)).sqrt()
}

/// Panics where one of the above is wrong.
pub fn check() {
    assert!((median(&mut vec![3.0, f64::NAN, 1.0]) - 2.0).abs() < 1e-9);
    assert!((quantile(&mut (0..=100).map(f64::from).collect(), 0.9) - 90.0).abs() < 1e-9);
    let (low, high) = poisson_bounds(10);
    assert!((low - 4.80).abs() < 0.1 && (high - 18.39).abs() < 0.1, "{low} {high}");
    assert!((poisson_bounds(0).1 - 3.69).abs() < 0.05);
    assert!((mcc(1.0, 0.0) - 1.0).abs() < 1e-9 && mcc(1.0, 1.0).abs() < 1e-9);
    let mut rng = fastrand::Rng::with_seed(1);
    let (mean, deviation) = moments(&(0..20_000).map(|_| gaussian(&mut rng)).collect::<Vec<_>>());
    assert!(
        mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03,
        "{mean} {deviation}"
    );
}
