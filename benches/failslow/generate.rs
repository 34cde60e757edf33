//! Sound groups of peers from a recipe, for what no public data exists of: hard disks, short polls, SSH, NFS.
//!
//! `ln L = ln L0 + β·x + common(t) + offset(i) + noise(i,t) + spikes`, with parameters measured on the real traces
//! where there are any, and assumed elsewhere. The same seed gives the same trace.

use crate::{
    stats::{between, gaussian},
    trace::{Sample, Trace},
};

/// What kind of stream is generated.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// What it is called in the table.
    pub name: &'static str,
    /// Seconds from poll to poll.
    pub interval_s: f64,
    /// Usual latency, in µs.
    pub latency_us: f64,
    /// Operations a second: few of them make a mean noisy.
    pub ops: f64,
    /// Noise of one stream that lasts about 15 s, in ln.
    pub noise: f64,
    /// How far sound members differ, in ln.
    pub offset: f64,
    /// Whether latency depends on load at all.
    pub loaded: bool,
}

/// The classes of the table.
pub const CLASSES: [Class; 6] = [
    Class {
        name: "NVMe, 15 s",
        interval_s: 15.0,
        latency_us: 70.0,
        ops: 400.0,
        noise: 0.10,
        offset: 0.025,
        loaded: true,
    },
    Class {
        name: "HDD, 15 s",
        interval_s: 15.0,
        latency_us: 6000.0,
        ops: 40.0,
        noise: 0.14,
        offset: 0.05,
        loaded: true,
    },
    Class {
        name: "SATA SSD, 5 s",
        interval_s: 5.0,
        latency_us: 300.0,
        ops: 60.0,
        noise: 0.11,
        offset: 0.025,
        loaded: true,
    },
    Class {
        name: "SATA SSD, 2 s",
        interval_s: 2.0,
        latency_us: 300.0,
        ops: 40.0,
        noise: 0.11,
        offset: 0.025,
        loaded: true,
    },
    Class {
        name: "NFS READ, 2 s",
        interval_s: 2.0,
        latency_us: 800.0,
        ops: 30.0,
        noise: 0.12,
        offset: 0.05,
        loaded: true,
    },
    Class {
        name: "SSH RTT, 2 s",
        interval_s: 2.0,
        latency_us: 900.0,
        ops: 8.0,
        noise: 0.10,
        offset: 0.10,
        loaded: false,
    },
];

/// An autoregressive process of deviation 1 that keeps `keep` of itself from poll to poll.
struct Drift {
    keep: f64,
    value: f64,
}

impl Drift {
    /// `keep` is meant for 15 s and is spread over shorter polls.
    fn new(rng: &mut fastrand::Rng, keep: f64, interval_s: f64) -> Self {
        Self {
            keep: keep.powf(interval_s / 15.0),
            value: gaussian(rng),
        }
    }

    fn next(&mut self, rng: &mut fastrand::Rng) -> f64 {
        self.value = self.keep * self.value + (1.0 - self.keep * self.keep).sqrt() * gaussian(rng);
        self.value
    }
}

/// A time of more load: for how many polls yet, and how much more in ln.
#[derive(Clone, Copy, Default)]
struct Burst {
    left: usize,
    height: f64,
}

impl Burst {
    fn next(&mut self, rng: &mut fastrand::Rng, interval_s: f64, an_hour: f64) -> f64 {
        if self.left == 0 && rng.f64() < an_hour * interval_s / 3600.0 {
            self.left = crate::stats::whole(between(rng, 60.0, 600.0) / interval_s).max(1);
            self.height = between(rng, 2.0, 4.0).ln();
        }
        if self.left == 0 {
            return 0.0;
        }
        self.left -= 1;
        self.height
    }
}

/// A sound group of `members` over `polls`: common load with bursts, and now and then one member that has more to do.
pub fn sound(rng: &mut fastrand::Rng, class: &Class, members: usize, polls: usize) -> Trace {
    let interval_s = class.interval_s;
    let beta = if class.loaded { between(rng, 0.0, 0.45) } else { 0.0 };
    let daytime = rng.f64() * std::f64::consts::TAU;
    let mut load = Drift::new(rng, 0.9, interval_s);
    let mut common = Drift::new(rng, 0.9, interval_s);
    let mut burst = Burst::default();
    let mut own: Vec<(f64, Drift, Drift, Burst)> = (0..members)
        .map(|_| {
            let offset = class.offset * gaussian(rng);
            let noise = Drift::new(rng, 0.5, interval_s);
            (offset, noise, Drift::new(rng, 0.5, interval_s), Burst::default())
        })
        .collect();
    let mut streams = vec![Vec::with_capacity(polls); members];
    for poll in 0..polls {
        let phase = daytime + poll as f64 * interval_s / 86_400.0 * std::f64::consts::TAU;
        let shared = 0.7 * phase.sin() + 0.28 * load.next(rng) + burst.next(rng, interval_s, 1.0);
        let together = 0.07 * common.next(rng);
        for (stream, (offset, noise, share, busy)) in streams.iter_mut().zip(&mut own) {
            let x = shared + 0.17 * share.next(rng) + busy.next(rng, interval_s, 0.1);
            let count = class.ops * interval_s * x.exp();
            let mut y = beta * x + together + *offset + class.noise * noise.next(rng);
            y += 0.8 * gaussian(rng) / count.max(1.0).sqrt();
            if rng.f64() < 5e-5 {
                y += (2.0 - 2.0 * rng.f64().max(1e-9).ln()).ln();
            }
            stream.push(Sample {
                latency: class.latency_us * y.exp(),
                load: if class.loaded { count } else { f64::NAN },
            });
        }
    }
    Trace {
        interval_s,
        counts: true,
        streams,
    }
}

/// Panics where the generator is not what it says.
pub fn check() {
    for class in &CLASSES {
        let make = |seed| sound(&mut fastrand::Rng::with_seed(seed), class, 3, 2000);
        let (one, again, other) = (make(1), make(1), make(2));
        let bits = |trace: &Trace| trace.streams[1].iter().map(|s| s.latency.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&one), bits(&again));
        assert_ne!(bits(&one), bits(&other));
        let middle = crate::stats::median(&mut one.streams[0].iter().map(|s| s.latency).collect());
        assert!((middle / class.latency_us).ln().abs() < 0.8, "{} {middle}", class.name);
    }
}
