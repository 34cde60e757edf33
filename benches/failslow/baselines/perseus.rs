//! PERSEUS: latency over throughput of a node's drives, with outliers removed, and its upper prediction bound.
//!
//! It looks at a whole day at once: what it finds at noon rests on what it sees in the evening.

use super::{Marks, Method, Window, none};
use crate::{
    stats::{median, moments, quantile, whole},
    trace::{Sample, Trace},
};
use std::collections::BTreeMap;

/// One-sided 99.9 % of the normal distribution.
const BOUND: f64 = 3.09;

/// Radius of DBSCAN, in standard deviations of a principal component.
const RADIUS: f64 = 0.35;

/// The fitted curve of latency over load, a parabola, with its upper prediction bound.
struct Curve {
    centre: f64,
    scale: f64,
    coefficients: [f64; 3],
    deviation: f64,
}

impl Curve {
    /// Least squares through the points that DBSCAN leaves.
    fn fit(points: &[(f64, f64)]) -> Option<Self> {
        let kept = main_cluster(&whiten(points)?);
        let points: Vec<(f64, f64)> = kept.into_iter().map(|index| points[index]).collect();
        let (centre, scale) = moments(&points.iter().map(|point| point.0).collect::<Vec<_>>());
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let mut matrix = [[0.0; 4]; 3];
        for (x, y) in &points {
            let x = (x - centre) / scale;
            let powers = [1.0, x, x * x];
            for row in 0..3 {
                for column in 0..3 {
                    matrix[row][column] += powers[row] * powers[column];
                }
                matrix[row][3] += powers[row] * y;
            }
        }
        for (row, line) in matrix.iter_mut().enumerate() {
            line[row] += 1e-6 * points.len() as f64;
        }
        let mut curve = Self {
            centre,
            scale,
            coefficients: solve(matrix),
            deviation: 0.0,
        };
        let squares: f64 = points.iter().map(|(x, y)| (y - curve.at(*x)).powi(2)).sum();
        curve.deviation = (squares / (points.len() as f64 - 3.0)).sqrt();
        curve.deviation.is_finite().then_some(curve)
    }

    fn at(&self, x: f64) -> f64 {
        let x = (x - self.centre) / self.scale;
        self.coefficients[0] + self.coefficients[1] * x + self.coefficients[2] * x * x
    }

    /// Latency over the bound: the slowdown ratio.
    fn ratio(&self, sample: &Sample) -> f64 {
        sample.latency / (self.at(load(sample)) + BOUND * self.deviation).max(1e-9)
    }
}

/// Where no load is known all polls have the same.
fn load(sample: &Sample) -> f64 {
    if sample.load.is_finite() { sample.load } else { 0.0 }
}

/// Gauss with pivots, three unknowns.
fn solve(mut m: [[f64; 4]; 3]) -> [f64; 3] {
    for step in 0..3 {
        let pivot = (step..3).max_by(|one, two| m[*one][step].abs().total_cmp(&m[*two][step].abs()));
        m.swap(step, pivot.unwrap_or(step));
        let pivot = m[step];
        for (row, line) in m.iter_mut().enumerate() {
            if row != step {
                let factor = line[step] / pivot[step];
                for (cell, above) in line.iter_mut().zip(pivot) {
                    *cell -= factor * above;
                }
            }
        }
    }
    [m[0][3] / m[0][0], m[1][3] / m[1][1], m[2][3] / m[2][2]]
}

/// Both principal components (PCA of the standardised points), each in its standard deviations.
fn whiten(points: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    if points.len() < 30 {
        return None;
    }
    let scaled = |values: Vec<f64>| {
        let (mean, deviation) = moments(&values);
        let deviation = if deviation > 0.0 { deviation } else { 1.0 };
        values
            .into_iter()
            .map(|value| (value - mean) / deviation)
            .collect::<Vec<_>>()
    };
    let loads = scaled(points.iter().map(|point| point.0).collect());
    let latencies = scaled(points.iter().map(|point| point.1).collect());
    // Of two standardised variables the components are the sum and the difference.
    let sums = scaled(loads.iter().zip(&latencies).map(|(x, y)| x + y).collect());
    let differences = scaled(loads.iter().zip(&latencies).map(|(x, y)| x - y).collect());
    Some(sums.into_iter().zip(differences).collect())
}

/// The indices of the points in the largest cluster that DBSCAN finds, borders included.
fn main_cluster(points: &[(f64, f64)]) -> Vec<usize> {
    // A thousandth of the points within the radius makes a core: of a normal distribution what is within about 3σ.
    let needed = whole(points.len() as f64 * 7e-4).max(4);
    let side = RADIUS / std::f64::consts::SQRT_2;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "standard deviations, bounded by the root of the number of points"
    )]
    let cell = |point: &(f64, f64)| ((point.0 / side).floor() as i64, (point.1 / side).floor() as i64);
    let mut grid: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (index, point) in points.iter().enumerate() {
        grid.entry(cell(point)).or_default().push(index);
    }
    let near = |one: usize, two: usize| {
        let (dx, dy) = (points[one].0 - points[two].0, points[one].1 - points[two].1);
        dx * dx + dy * dy <= RADIUS * RADIUS
    };
    let around = |(x, y): (i64, i64)| (-2..=2).flat_map(move |dx| (-2..=2).map(move |dy| (x + dx, y + dy)));
    // Points of one cell are all near each other: a full cell is all core.
    let mut cores: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (key, members) in &grid {
        let is_core = |index: usize| {
            let mut found = 0;
            for other in around(*key).filter_map(|key| grid.get(&key)).flatten() {
                found += usize::from(near(index, *other));
                if found >= needed {
                    return true;
                }
            }
            false
        };
        let full = members.len() >= needed;
        let core: Vec<usize> = members
            .iter()
            .copied()
            .filter(|index| full || is_core(*index))
            .collect();
        if !core.is_empty() {
            cores.insert(*key, core);
        }
    }
    let mut best: Vec<usize> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for start in cores.keys() {
        if !seen.insert(*start) {
            continue;
        }
        let mut cells = vec![*start];
        let mut next = 0;
        while next < cells.len() {
            let here = cells[next];
            next += 1;
            for key in around(here) {
                let Some(there) = cores.get(&key) else { continue };
                let touch = || cores[&here].iter().any(|one| there.iter().any(|two| near(*one, *two)));
                if !seen.contains(&key) && touch() {
                    seen.insert(key);
                    cells.push(key);
                }
            }
        }
        let reached = |index: usize, key: (i64, i64)| {
            cores
                .get(&key)
                .is_some_and(|core| cells.contains(&key) && core.iter().any(|core| near(index, *core)))
        };
        let points_in: usize = cells.iter().map(|key| cores[key].len()).sum();
        if points_in > best.len() {
            let belongs = |index: &usize| around(cell(&points[*index])).any(|key| reached(*index, key));
            best = (0..points.len()).filter(belongs).collect();
        }
    }
    best
}

/// By stream and poll: the median slowdown ratio of the last five minutes where it is above 1, else 0.
fn slowdowns(trace: &Trace) -> Vec<Vec<f64>> {
    let valid = trace
        .streams
        .iter()
        .flatten()
        .filter(|sample| sample.latency.is_finite());
    let points: Vec<(f64, f64)> = valid.map(|sample| (load(sample), sample.latency)).collect();
    let Some(curve) = Curve::fit(&points) else {
        return vec![vec![0.0; trace.polls()]; trace.streams.len()];
    };
    let length = trace.polls_in(300.0);
    let of = |stream: &Vec<Sample>| {
        let mut window = Window::new(length);
        let mut above = Window::new(length);
        let mut next = |sample: &Sample| {
            let ratio = curve.ratio(sample);
            window.push(ratio);
            above.push(f64::from(u8::from(ratio > 1.0)));
            if window.is_full() && above.sum * 2.0 > length as f64 {
                median(&mut window.values.iter().copied().collect())
            } else {
                0.0
            }
        };
        stream.iter().map(&mut next).collect()
    };
    trace.streams.iter().map(of).collect()
}

/// PERSEUS without its last step: every slowdown event is an alarm.
pub struct Events;

impl Method for Events {
    fn name(&self) -> &'static str {
        "PERSEUS events"
    }

    fn source(&self) -> &'static str {
        "Lu et al., FAST 2023: PCA, DBSCAN (radius 0.35, 0.07 % of the points; largest cluster), parabola, 99.9 % bound, \
         event when the median of latency ÷ bound over 5 min is above 1; sees the whole day"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let marks = |ratios: Vec<f64>| ratios.into_iter().map(|ratio| ratio > 0.0).collect();
        slowdowns(trace).into_iter().map(marks).collect()
    }
}

/// PERSEUS: the risk score of a day.
#[derive(Default)]
pub struct Daily {
    cut: f64,
}

impl Daily {
    /// Minutes in slowdown events, those with a higher ratio weighted by 2 and 4.
    fn risk(ratios: &[f64], interval_s: f64) -> f64 {
        let weight = |ratio: &f64| match *ratio {
            ratio if ratio <= 0.0 => 0.0,
            ratio if ratio < 2.0 => 1.0,
            ratio if ratio < 5.0 => 2.0,
            _ => 4.0,
        };
        ratios.iter().map(weight).sum::<f64>() * interval_s / 60.0
    }
}

impl Method for Daily {
    fn name(&self) -> &'static str {
        "PERSEUS full"
    }

    fn source(&self) -> &'static str {
        "the same with its daily risk score (duration × band of the ratio: < 2, < 5, more); the verdict comes at the end \
         of the day; cut = p99.5 of the sound drive-days of the tuning split, 5 min at least"
    }

    fn train(&mut self, sound: &[Trace]) {
        let risks = |trace: &Trace| {
            let of = |ratios: Vec<f64>| Self::risk(&ratios, trace.interval_s);
            slowdowns(trace).into_iter().map(of).collect::<Vec<_>>()
        };
        self.cut = quantile(&mut sound.iter().flat_map(risks).collect(), 0.995).max(5.0);
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        for (ratios, marks) in slowdowns(trace).iter().zip(&mut marks) {
            if let Some(last) = marks.last_mut() {
                *last = Self::risk(ratios, trace.interval_s) > self.cut;
            }
        }
        marks
    }
}
