//! The detector itself.

use crate::{
    baselines::{Marks, Method, none},
    trace::{Sample, Trace},
};
use pointsman::verdict::failslow::{Bin, Group, Reading, State};
use std::time::Duration;

/// pointsman's detector, from a given state on.
pub struct Ours {
    /// The least state that counts as an alarm.
    pub from: State,
}

/// One poll of all members as it is.
pub fn readings(trace: &Trace, poll: usize) -> Vec<Reading> {
    let reading = |stream: &Vec<Sample>| {
        let sample = stream[poll];
        Reading::value(sample.latency, sample.load.is_finite().then_some(sample.load))
    };
    trace.streams.iter().map(reading).collect()
}

impl Method for Ours {
    fn name(&self) -> &'static str {
        if self.from == State::Watch {
            "pointsman WATCH"
        } else {
            "pointsman SLOW"
        }
    }

    fn source(&self) -> &'static str {
        if self.from == State::Watch {
            "src/verdict/failslow, from WATCH on (a colour, no alarm)"
        } else {
            "src/verdict/failslow, default rules: SLOW, STALLED, SILENT"
        }
    }

    fn judge(&self, trace: &Trace) -> Marks {
        let mut marks = none(trace);
        let mut group = Group::default();
        for _ in &trace.streams {
            group.add();
        }
        let mut bins = Bins::new(trace);
        for poll in 0..trace.polls() {
            if let Some(readings) = bins.readings(trace, poll) {
                group.poll(&readings, true);
            }
            for (member, marks) in marks.iter_mut().enumerate() {
                marks[poll] = group
                    .judge(member)
                    .is_some_and(|judgement| judgement.state >= self.from);
            }
        }
        marks
    }
}

/// What stands between the polls of a trace and those of a group, as in the console: short polls are summed to bins, and
/// the group is polled every five seconds or more.
pub struct Bins {
    filling: Vec<Bin>,
    fresh: Vec<Option<Reading>>,
    since_s: f64,
}

impl Bins {
    /// With nothing in them.
    pub fn new(trace: &Trace) -> Self {
        Self {
            filling: vec![Bin::default(); trace.streams.len()],
            fresh: vec![None; trace.streams.len()],
            since_s: 0.0,
        }
    }

    /// Takes a poll; returns what the group is told, if it is time for it.
    pub fn readings(&mut self, trace: &Trace, poll: usize) -> Option<Vec<Reading>> {
        // Bytes do not say how many operations a mean is of.
        if !trace.counts {
            return Some(readings(trace, poll));
        }
        let elapsed = Duration::from_secs_f64(trace.interval_s);
        for ((bin, fresh), stream) in self.filling.iter_mut().zip(&mut self.fresh).zip(&trace.streams) {
            let Sample { latency, load } = stream[poll];
            let ms = latency / 1000.0;
            let now = if latency.is_nan() {
                None
            } else if load.is_finite() {
                bin.push(load, ms * load, elapsed)
            } else {
                bin.sample(ms, elapsed)
            };
            *fresh = now.or(*fresh);
        }
        self.since_s += trace.interval_s;
        if self.since_s < 5.0 {
            return None;
        }
        self.since_s = 0.0;
        let told = self.fresh.iter_mut().zip(&trace.streams).map(|(fresh, stream)| {
            let waiting = if stream[poll].latency.is_nan() {
                Reading::Missing
            } else {
                Reading::Untrusted
            };
            fresh.take().unwrap_or(waiting)
        });
        Some(told.collect())
    }
}
