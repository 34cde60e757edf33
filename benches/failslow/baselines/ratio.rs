//! Rules on the ratio of a stream to the median of its peers.

use super::{Marks, Method, none, sliding_means};
use crate::{
    stats::{median, quantile},
    trace::Trace,
};

/// Over the median of the other members; NaN where there is none.
fn over_others(values: &[f64], member: usize) -> f64 {
    let mut others: Vec<f64> = values.to_vec();
    others.remove(member);
    values[member] / median(&mut others)
}

/// Twice the peers for five minutes.
pub struct Lasting;

impl Method for Lasting {
    fn name(&self) -> &'static str {
        "ratio ≥ 2, 5 min"
    }

    fn source(&self) -> &'static str {
        "Lu et al., USENIX ATC 2022: latency ≥ 2 × median of the node's other drives in every poll of 5 min"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        let needed = trace.polls_in(300.0);
        let mut run = vec![0; trace.streams.len()];
        for poll in 0..trace.polls() {
            let latencies = trace.latencies(poll);
            for (member, run) in run.iter_mut().enumerate() {
                *run = if over_others(&latencies, member) >= 2.0 {
                    *run + 1
                } else {
                    0
                };
                marks[member][poll] = *run >= needed;
            }
        }
        marks
    }
}

/// Twice the peers in the mean of an hour.
pub struct Hourly;

impl Method for Hourly {
    fn name(&self) -> &'static str {
        "ratio ≥ 2, hourly"
    }

    fn source(&self) -> &'static str {
        "Hao et al., FAST 2016 (Tail at Store): hourly mean ≥ 2 × median of the RAID peers'; the hour slides"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        // A trace may be shorter than an hour and a half: the window then is half of it.
        let length = trace.polls_in(3600.0).min(trace.polls() / 3).max(1);
        let means = sliding_means(trace, length);
        for poll in length - 1..trace.polls() {
            let now: Vec<f64> = means.iter().map(|means| means[poll]).collect();
            for member in 0..now.len() {
                marks[member][poll] = over_others(&now, member) >= 2.0;
            }
        }
        marks
    }
}

/// Cruise Control's slow broker finder.
pub struct CruiseControl;

impl Method for CruiseControl {
    fn name(&self) -> &'static str {
        "Cruise Control"
    }

    fn source(&self) -> &'static str {
        "LinkedIn Cruise Control SlowBrokerFinder: latency ÷ load > 3 × own p90 or > 5 × median of the peers; score ±1 \
         a round of 5 min, demoted at 5; more than a tenth of the group (two at least): not to be mended"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        let round = trace.polls_in(300.0);
        let members = trace.streams.len();
        let mut history: Vec<Vec<f64>> = vec![Vec::new(); members];
        let mut scores = vec![0_u32; members];
        for poll in 0..trace.polls() {
            if poll % round == round - 1 {
                let metric = |member: usize| {
                    let recent = trace.streams[member][poll + 1 - round..=poll].iter();
                    let values = recent.map(|s| {
                        if s.load.is_finite() {
                            s.latency / s.load
                        } else {
                            s.latency
                        }
                    });
                    median(&mut values.collect())
                };
                let now: Vec<f64> = (0..members).map(metric).collect();
                let suspect = |member: usize| {
                    let own = quantile(&mut history[member].clone(), 0.9);
                    now[member] > 3.0 * own || over_others(&now, member) > 5.0
                };
                let suspects: Vec<bool> = (0..members).map(suspect).collect();
                let many = suspects.iter().filter(|suspect| **suspect).count() > (members / 10).max(1);
                for member in 0..members {
                    let up = suspects[member] && !many;
                    scores[member] = if up {
                        scores[member] + 1
                    } else {
                        scores[member].saturating_sub(1)
                    };
                    history[member].push(now[member]);
                }
            }
            for member in 0..members {
                marks[member][poll] = scores[member] >= 5;
            }
        }
        marks
    }
}
