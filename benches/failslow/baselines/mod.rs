//! The methods that the detector is measured against, each with its source and its published constants, adapted to
//! latencies of peers where it was made for something else.

mod alone;
mod iaso;
mod peers;
mod perseus;
mod ratio;

use crate::trace::{Sample, Trace};

/// By stream and poll: whether an alarm stands.
pub type Marks = Vec<Vec<bool>>;

/// Something that judges streams.
pub trait Method: Send {
    /// What it is called in the table.
    fn name(&self) -> &'static str;

    /// Where it comes from, with its constants.
    fn source(&self) -> &'static str;

    /// Learns from sound traces what its authors would have set by hand for the class.
    fn train(&mut self, _sound: &[Trace]) {}

    /// Where it raises alarms. It sees the polls in their order, none before its time, unless its source says so.
    fn judge(&self, trace: &Trace) -> Marks;
}

/// All baselines.
pub fn all() -> Vec<Box<dyn Method>> {
    vec![
        Box::new(alone::Fixed::default()),
        Box::new(alone::PhiAccrual),
        Box::new(peers::ThreeSigma),
        Box::new(peers::Hdfs),
        Box::new(peers::Envoy),
        Box::new(ratio::Lasting),
        Box::new(ratio::Hourly),
        Box::new(ratio::CruiseControl),
        Box::new(iaso::Iaso::default()),
        Box::new(perseus::Events),
        Box::new(perseus::Daily::default()),
    ]
}

/// No alarm anywhere.
pub fn none(trace: &Trace) -> Marks {
    vec![vec![false; trace.polls()]; trace.streams.len()]
}

/// The last so many values with their sum; missing ones take room but count as no value.
struct Window {
    length: usize,
    values: std::collections::VecDeque<f64>,
    sum: f64,
    count: usize,
}

impl Window {
    fn new(length: usize) -> Self {
        Self {
            length,
            values: std::collections::VecDeque::with_capacity(length + 1),
            sum: 0.0,
            count: 0,
        }
    }

    fn push(&mut self, value: f64) {
        self.values.push_back(value);
        if value.is_finite() {
            (self.sum, self.count) = (self.sum + value, self.count + 1);
        }
        if self.values.len() > self.length
            && let Some(oldest) = self.values.pop_front()
            && oldest.is_finite()
        {
            (self.sum, self.count) = (self.sum - oldest, self.count - 1);
        }
    }

    fn is_full(&self) -> bool {
        self.values.len() == self.length
    }

    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// Means over a sliding window, by stream and poll; NaN until the window is full.
fn sliding_means(trace: &Trace, length: usize) -> Vec<Vec<f64>> {
    let of = |stream: &Vec<Sample>| {
        let mut window = Window::new(length);
        let next = |sample: &Sample| {
            window.push(sample.latency);
            if window.is_full() { window.mean() } else { f64::NAN }
        };
        stream.iter().map(next).collect()
    };
    trace.streams.iter().map(of).collect()
}

/// Panics where a baseline does not find what it must find, or finds what is not there. For each: a group of twelve
/// with mild noise, of which one becomes much slower; and the same group without that.
pub fn check() {
    let mut rng = fastrand::Rng::with_seed(5);
    let class = &crate::generate::CLASSES[0];
    let sound: Vec<Trace> = (0..4)
        .map(|_| crate::generate::sound(&mut rng, class, 12, 720))
        .collect();
    let quiet = steady(12, 720);
    for mut method in all() {
        method.train(&sound);
        let name = method.name();
        let alarms = |marks: &Marks, stream: usize| marks[stream].iter().filter(|mark| **mark).count();
        let mut faulty = quiet.clone();
        // φ accrual and Envoy look at one poll, the hourly ratio at 240, PERSEUS at the whole day.
        for sample in &mut faulty.streams[4][300..660] {
            sample.latency *= 40.0;
            sample.load *= 0.9;
        }
        let marks = method.judge(&faulty);
        assert!(alarms(&marks, 4) > 0, "{name} misses a fault of 40 times");
        // Envoy's rule has no floor: of twelve equals it ejects whoever is 1.9 deviations off.
        let floorless = name.starts_with("Envoy");
        assert!(
            floorless || marks[4][..300].iter().all(|mark| !mark),
            "{name} knows the future"
        );
        assert_eq!(marks.len(), 12);
        assert!(marks.iter().all(|row| row.len() == 720), "{name}");
        let others: usize = (0..12)
            .filter(|stream| *stream != 4)
            .map(|stream| alarms(&marks, stream))
            .sum();
        assert!(floorless || others == 0, "{name} blames others");
        let marks = method.judge(&quiet);
        let false_alarms: usize = (0..12).map(|stream| alarms(&marks, stream)).sum();
        assert!(floorless || false_alarms == 0, "{name} finds {false_alarms} in nothing");
        // Nothing at all, and one stream alone, must be borne.
        let mut gone = steady(2, 50);
        gone.streams[0] = vec![Sample::MISSING; 50];
        method.judge(&gone);
        method.judge(&steady(1, 10));
    }
}

/// Peers that differ by next to nothing.
fn steady(members: usize, polls: usize) -> Trace {
    let mut rng = fastrand::Rng::with_seed(7);
    let stream = |_| {
        let next = |_| Sample {
            latency: 100.0 * (1.0 + 0.02 * (rng.f64() - 0.5)),
            load: 1000.0 * (1.0 + 0.2 * (rng.f64() - 0.5)),
        };
        (0..polls).map(next).collect()
    };
    Trace {
        interval_s: 15.0,
        counts: false,
        streams: (0..members).map(stream).collect(),
    }
}
