//! IASO: timeouts, a score by additive decrease and multiplicative increase, and clustering of the scores.

use super::{Marks, Method, Window, none};
use crate::{
    stats::quantile,
    trace::{Sample, Trace},
};

/// IASO, adapted: a timeout is a latency above the class's p99.9, or no answer.
#[derive(Default)]
pub struct Iaso {
    timeout: f64,
}

/// Highest score.
const TOP: f64 = 100.0;

/// Scores nearer to each other than this are of one cluster.
const NEAR: f64 = 10.0;

impl Iaso {
    /// The node score by poll: the 30th percentile of the scores of the last ten minutes.
    fn node_scores(&self, stream: &[Sample], window: usize) -> Vec<f64> {
        let mut timeouts = Window::new(5);
        let mut scores = Window::new(window);
        let mut score = 0.0_f64;
        let mut next = |sample: &Sample| {
            let out = !sample.latency.is_finite() || sample.latency > self.timeout;
            timeouts.push(f64::from(u8::from(out)));
            score = if timeouts.mean() > 0.1 {
                (score * 2.0).clamp(1.0, TOP)
            } else {
                (score - 1.0).max(0.0)
            };
            scores.push(score);
            // Mostly there is nothing to sort.
            if scores.sum < 0.5 {
                0.0
            } else {
                quantile(&mut scores.values.iter().copied().collect(), 0.3)
            }
        };
        stream.iter().map(&mut next).collect()
    }
}

/// Which values are above and outside the largest cluster, by DBSCAN in one dimension. Without a cluster of more than
/// half of all there is no telling who is the odd one.
fn outliers(values: &[f64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|one, two| values[*one].total_cmp(&values[*two]));
    let mut clusters: Vec<Vec<usize>> = Vec::new();
    for member in order {
        match clusters.last_mut() {
            Some(cluster) if values[member] - values[cluster[cluster.len() - 1]] <= NEAR => cluster.push(member),
            _ => clusters.push(vec![member]),
        }
    }
    let mut odd = vec![false; values.len()];
    if let Some(main) = clusters.iter().position(|cluster| cluster.len() * 2 > values.len()) {
        for member in clusters[main + 1..].iter().flatten() {
            odd[*member] = true;
        }
    }
    odd
}

impl Method for Iaso {
    fn name(&self) -> &'static str {
        "IASO-like"
    }

    fn source(&self) -> &'static str {
        "Panda et al., USENIX ATC 2019: timeouts ÷ responses > 0.1 (over 5 polls), score +100 % / −1, 30th percentile of \
         10 min, DBSCAN over the peers, quarantine of one at a time, 2 min recovery; timeout = p99.9 of the class"
    }

    fn train(&mut self, sound: &[Trace]) {
        let mut all = sound
            .iter()
            .flat_map(|trace| trace.streams.iter().flatten())
            .map(|s| s.latency)
            .collect();
        self.timeout = quantile(&mut all, 0.999);
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        let window = trace.polls_in(600.0);
        let scores: Vec<Vec<f64>> = trace
            .streams
            .iter()
            .map(|stream| self.node_scores(stream, window))
            .collect();
        let recovery = trace.polls_in(120.0);
        let mut quarantined: Option<(usize, usize)> = None;
        for poll in 0..trace.polls() {
            let now: Vec<f64> = scores.iter().map(|scores| scores[poll]).collect();
            let odd = outliers(&now);
            quarantined = quarantined.filter(|(member, until)| odd[*member] || *until > poll);
            if let Some((member, until)) = &mut quarantined {
                if odd[*member] {
                    *until = poll + recovery;
                }
            } else if let Some(member) = odd.iter().position(|odd| *odd) {
                quarantined = Some((member, poll + recovery));
            }
            if let Some((member, _)) = quarantined {
                marks[member][poll] = true;
            }
        }
        marks
    }
}
