//! Rules that look at a stream alone.

use super::{Marks, Method, Window, none};
use crate::{stats::quantile, trace::Trace};

/// A fixed threshold.
#[derive(Default)]
pub struct Fixed {
    threshold: f64,
}

impl Method for Fixed {
    fn name(&self) -> &'static str {
        "fixed p99.9"
    }

    fn source(&self) -> &'static str {
        "the usual monitoring rule; threshold = p99.9 of the class in the tuning split, 10 of the last 20 polls above it"
    }

    fn train(&mut self, sound: &[Trace]) {
        let mut all = sound
            .iter()
            .flat_map(|trace| trace.streams.iter().flatten())
            .map(|s| s.latency)
            .collect();
        self.threshold = quantile(&mut all, 0.999);
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        for (stream, marks) in trace.streams.iter().zip(&mut marks) {
            let mut window = Window::new(20);
            for (sample, mark) in stream.iter().zip(marks) {
                window.push(f64::from(u8::from(sample.latency > self.threshold)));
                *mark = window.sum > 9.5;
            }
        }
        marks
    }
}

/// φ accrual on latencies.
pub struct PhiAccrual;

impl PhiAccrual {
    /// φ of a value under a normal distribution, by the logistic approximation that Akka uses.
    fn phi(value: f64, mean: f64, deviation: f64) -> f64 {
        let y = (value - mean) / deviation;
        let e = (-y * (1.5976 + 0.070_566 * y * y)).exp();
        if value > mean {
            -(e / (1.0 + e)).log10()
        } else {
            -(1.0 - 1.0 / (1.0 + e)).log10()
        }
    }
}

impl Method for PhiAccrual {
    fn name(&self) -> &'static str {
        "φ accrual"
    }

    fn source(&self) -> &'static str {
        "Hayashibara 2004; Akka PhiAccrualFailureDetector: 1000 samples, φ > 8, own history, outages not learnt; σ at \
         least a tenth of the mean (Akka: 100 ms of a heartbeat of 1 s)"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        for (stream, marks) in trace.streams.iter().zip(&mut marks) {
            let mut window = Window::new(1000);
            let (mut sum, mut squares) = (0.0, 0.0);
            for (sample, mark) in stream.iter().zip(marks) {
                if !sample.latency.is_finite() {
                    continue;
                }
                let count = window.values.len() as f64;
                let mean = sum / count;
                let deviation = (squares / count - mean * mean).max(0.0).sqrt().max(0.1 * mean);
                *mark = count >= 20.0 && Self::phi(sample.latency, mean, deviation) > 8.0;
                if !*mark {
                    if window.is_full() {
                        let oldest = window.values[0];
                        (sum, squares) = (sum - oldest, squares - oldest * oldest);
                    }
                    window.push(sample.latency);
                    (sum, squares) = (sum + sample.latency, squares + sample.latency * sample.latency);
                }
            }
        }
        marks
    }
}
