//! Rules that compare peers in one poll or over one report.

use super::{Marks, Method, none, sliding_means};
use crate::{
    stats::{median, moments},
    trace::Trace,
};

/// Mean plus three standard deviations of the peers.
pub struct ThreeSigma;

impl Method for ThreeSigma {
    fn name(&self) -> &'static str {
        "3σ of peers"
    }

    fn source(&self) -> &'static str {
        "textbook: above mean + 3σ of the group in 3 of the last 5 polls; cannot fire for n ≤ 10 (one outlier has at \
         most √(n−1)σ)"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        let mut recent = vec![0_u8; trace.streams.len()];
        for poll in 0..trace.polls() {
            let latencies = trace.latencies(poll);
            let (mean, deviation) = moments(&latencies);
            for (member, latency) in latencies.iter().enumerate() {
                recent[member] = recent[member] << 1 | u8::from(*latency > mean + 3.0 * deviation);
                marks[member][poll] = (recent[member] & 0b1_1111).count_ones() >= 3;
            }
        }
        marks
    }
}

/// HDFS `OutlierDetector`.
pub struct Hdfs;

impl Method for Hdfs {
    fn name(&self) -> &'static str {
        "HDFS outlier"
    }

    fn source(&self) -> &'static str {
        "Hadoop OutlierDetector.java: mean over the report > max(3·median, median + 3·1.4826·MAD), at least 5 disks; \
         here over 5 min instead of 30, without the floor of 20 ms"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        let means = sliding_means(trace, trace.polls_in(300.0));
        for poll in 0..trace.polls() {
            let now: Vec<f64> = means.iter().map(|means| means[poll]).collect();
            if now.iter().filter(|mean| mean.is_finite()).count() < 5 {
                continue;
            }
            let middle = median(&mut now.clone());
            let deviation = 1.4826 * median(&mut now.iter().map(|mean| (mean - middle).abs()).collect());
            let limit = (3.0 * middle).max(middle + 3.0 * deviation);
            for (member, mean) in now.iter().enumerate() {
                marks[member][poll] = *mean > limit;
            }
        }
        marks
    }
}

/// Envoy's success-rate ejection.
pub struct Envoy;

impl Method for Envoy {
    fn name(&self) -> &'static str {
        "Envoy 1.9σ"
    }

    fn source(&self) -> &'static str {
        "Envoy successRateEjectionThreshold: mean − 1.9σ of the group, at least 5 hosts, every 10 s, ejected for 30 s × \
         count, at most 10 % (one at least) ejected; latency in place of the success rate"
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        let members = trace.streams.len();
        let every = trace.polls_in(10.0);
        let means = sliding_means(trace, every);
        let mut ejected_until = vec![0; members];
        let mut count = vec![0; members];
        let most = (members / 10).max(1);
        for poll in 0..trace.polls() {
            let now: Vec<f64> = means.iter().map(|means| means[poll]).collect();
            if poll % every == 0 && now.iter().filter(|mean| mean.is_finite()).count() >= 5 {
                let (mean, deviation) = moments(&now);
                for (member, value) in now.iter().enumerate() {
                    let ejected = ejected_until.iter().filter(|until| **until > poll).count();
                    if *value > mean + 1.9 * deviation && ejected < most {
                        count[member] += 1;
                        ejected_until[member] = poll + trace.polls_in(30.0 * f64::from(count[member]));
                    }
                }
            }
            for (member, until) in ejected_until.iter().enumerate() {
                marks[member][poll] = *until > poll;
            }
        }
        marks
    }
}
