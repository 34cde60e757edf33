//! Faults that are put into one member of a sound group, and decoys: what looks like a fault of one and is none.

use crate::{
    stats::{between, gaussian, whole},
    trace::{Sample, Trace},
};

/// What is put into a sound trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Slow for good, by this factor.
    Slow(f64),
    /// Ever slower, up to three times after an hour of 15 s polls.
    Ramp,
    /// Slow for 3 polls, well for 9, on average; by about five times, widely spread.
    Intermittent,
    /// A hundred times slower in one poll of forty.
    Stall,
    /// 20 to 170 times slower, with 0.58 of the load and a tenth of the samples missing.
    Severe,
    /// Three times slower, and for that reason given only half as much to do.
    ClosedLoop,
    /// 0.5 to 3 % of the operations wait for a retransmission of 200 ms (network only).
    Loss,
    /// Nothing.
    Clean,
    /// One has 2 to 4 times as much to do; latency grows with the load to the power of 0.2 to 0.6.
    Busy,
    /// The same, as a queue (M/M/1) that was used to 12 to 22 %: up to 6 times slower; and it comes and goes.
    BusyQueue,
    /// All slow together, 1.8 to 3 times: a scrub, a resync, a backup.
    AllSlow,
    /// The same, unevenly (0.15 in ln).
    AllSlowUneven,
    /// One three times slower for a minute.
    Burst,
    /// One is of other hardware, from the start: 0.67 or 1.5 times as slow.
    Hardware,
    /// One restarts: up to four polls are missing and the first after them is five times too high.
    Restart,
}

/// The faults, in the order of the table. The first is too weak to count in the score.
pub const FAULTS: [Kind; 10] = [
    Kind::Slow(1.3),
    Kind::Slow(1.5),
    Kind::Slow(2.0),
    Kind::Slow(3.0),
    Kind::Ramp,
    Kind::Intermittent,
    Kind::Stall,
    Kind::Severe,
    Kind::ClosedLoop,
    Kind::Loss,
];

/// The decoys, in the order of the table.
pub const DECOYS: [Kind; 8] = [
    Kind::Clean,
    Kind::Busy,
    Kind::BusyQueue,
    Kind::AllSlow,
    Kind::AllSlowUneven,
    Kind::Burst,
    Kind::Hardware,
    Kind::Restart,
];

impl Kind {
    /// What it is called in the table.
    pub fn name(self) -> String {
        let name = match self {
            Self::Slow(factor) => return format!("×{factor}"),
            Self::Ramp => "ramp",
            Self::Intermittent => "intermit",
            Self::Stall => "stall",
            Self::Severe => "severe",
            Self::ClosedLoop => "closed×3",
            Self::Loss => "loss",
            Self::Clean => "clean",
            Self::Busy => "busy",
            Self::BusyQueue => "queue",
            Self::AllSlow => "all",
            Self::AllSlowUneven => "uneven",
            Self::Burst => "burst",
            Self::Hardware => "hardw",
            Self::Restart => "restart",
        };
        name.to_owned()
    }

    /// Whether it counts in the score.
    pub fn counts(self) -> bool {
        self != Self::Slow(1.3)
    }

    /// Puts it into `trace`, into the stream `target` from the poll `onset` on.
    pub fn apply(self, rng: &mut fastrand::Rng, trace: &mut Trace, target: usize, onset: usize) {
        let polls = trace.polls();
        let scale = |sample: &mut Sample, latency: f64, load: f64| {
            sample.latency *= latency;
            sample.load *= load;
        };
        match self {
            Self::Clean => {}
            Self::Slow(factor) => each(trace, target, onset, |_, sample| sample.latency *= factor),
            Self::ClosedLoop => each(trace, target, onset, |_, sample| scale(sample, 3.0, 0.5)),
            Self::Ramp => each(trace, target, onset, |age, sample| {
                sample.latency *= 1.0 + 2.0 * (age as f64 / 240.0).min(1.0);
            }),
            Self::Intermittent => {
                let (mut on, mut factor) = (false, 1.0);
                each(trace, target, onset, |_, sample| {
                    if rng.f64() < if on { 1.0 / 3.0 } else { 1.0 / 9.0 } {
                        on = !on;
                        factor = (5.0_f64.ln() + 0.8 * gaussian(rng)).exp();
                    }
                    if on {
                        sample.latency *= factor;
                    }
                });
            }
            Self::Stall => each(trace, target, onset, |_, sample| {
                if rng.usize(0..40) == 0 {
                    sample.latency *= 100.0;
                }
            }),
            Self::Severe => {
                let middle = between(rng, 20.0_f64.ln(), 170.0_f64.ln());
                each(trace, target, onset, |_, sample| {
                    scale(sample, (middle + 0.3 * gaussian(rng)).exp(), 0.58);
                    if rng.usize(0..10) == 0 {
                        *sample = Sample::MISSING;
                    }
                });
            }
            Self::Loss => {
                let share = between(rng, 0.005, 0.03);
                each(trace, target, onset, |_, sample| sample.latency += share * 200_000.0);
            }
            Self::Busy => {
                let (load, exponent) = (between(rng, 2.0, 4.0), between(rng, 0.2, 0.6));
                let end = onset + 20 + rng.usize(0..200);
                each(trace, target, onset, |age, sample| {
                    if onset + age < end {
                        scale(sample, load.powf(exponent), load);
                    }
                });
            }
            Self::BusyQueue => queue(rng, trace, target, onset),
            Self::AllSlow | Self::AllSlowUneven => {
                let factor = between(rng, 1.8, 3.0);
                let end = polls.min(onset + 40 + rng.usize(0..200));
                for stream in &mut trace.streams {
                    let own = if self == Self::AllSlow {
                        0.0
                    } else {
                        0.15 * gaussian(rng)
                    };
                    for sample in &mut stream[onset..end] {
                        sample.latency *= factor * own.exp();
                    }
                }
            }
            Self::Burst => each(trace, target, onset, |age, sample| {
                if age < 4 {
                    sample.latency *= 3.0;
                }
            }),
            Self::Hardware => {
                let factor = if rng.bool() { 0.4_f64 } else { -0.4 }.exp();
                each(trace, target, 0, |_, sample| sample.latency *= factor);
            }
            Self::Restart => {
                let gone = 1 + rng.usize(0..4);
                each(trace, target, onset, |age, sample| match age {
                    age if age < gone => *sample = Sample::MISSING,
                    age if age == gone => sample.latency *= 5.0,
                    _ => {}
                });
            }
        }
    }
}

fn each(trace: &mut Trace, target: usize, onset: usize, mut change: impl FnMut(usize, &mut Sample)) {
    for (age, sample) in trace.streams[target][onset..].iter_mut().enumerate() {
        change(age, sample);
    }
}

/// One server with a queue: the use of it, the load that comes and goes, and what becomes of the latency.
fn queue(rng: &mut fastrand::Rng, trace: &mut Trace, target: usize, onset: usize) {
    let used = between(rng, 0.12, 0.22);
    let top = between(rng, 2.0, 4.0);
    let period = 30.0 + 120.0 * rng.f64();
    let sudden = rng.bool();
    each(trace, target, onset, |age, sample| {
        let wave = 0.5 - 0.5 * (age as f64 / period * std::f64::consts::TAU).cos();
        let share = if sudden {
            (whole(age as f64 / period * 2.0) % 2) as f64
        } else {
            wave
        };
        let load = 1.0 + (top - 1.0) * share;
        sample.load *= load;
        sample.latency *= (1.0 - used) / (1.0 - used * load);
    });
}

/// Panics where an injection does not do what it says.
pub fn check() {
    let flat = Sample {
        latency: 100.0,
        load: 50.0,
    };
    for kind in FAULTS.into_iter().chain(DECOYS) {
        let mut trace = Trace {
            interval_s: 15.0,
            counts: false,
            streams: vec![vec![flat; 400]; 3],
        };
        kind.apply(&mut fastrand::Rng::with_seed(3), &mut trace, 1, 100);
        let touched = |stream: usize, from: usize, to: usize| {
            let samples = trace.streams[stream][from..to].iter();
            samples
                .filter(|sample| (sample.latency - flat.latency).abs() > 1e-9 || sample.latency.is_nan())
                .count()
        };
        assert_eq!(touched(1, 100, 400) > 0, kind != Kind::Clean, "{kind:?}");
        assert_eq!(touched(1, 0, 100) > 0, kind == Kind::Hardware, "{kind:?}");
        let all = matches!(kind, Kind::AllSlow | Kind::AllSlowUneven);
        assert_eq!(touched(0, 0, 400) > 0, all, "{kind:?}");
    }
}
