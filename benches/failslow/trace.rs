//! Traces: what was measured of a group of peers, poll by poll; and the real ones, read from a file.

use flate2::read::GzDecoder;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
};

/// The environment variable that names the file of real traces.
pub const REAL: &str = "POINTSMAN_FAILSLOW";

/// One poll of one stream. NaN: missing, or not known.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Mean latency, in any unit.
    pub latency: f64,
    /// Offered load, in any unit.
    pub load: f64,
}

impl Sample {
    /// No answer.
    pub const MISSING: Self = Self {
        latency: f64::NAN,
        load: f64::NAN,
    };
}

/// All polls of a group of peers.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Seconds from poll to poll.
    pub interval_s: f64,
    /// Whether the load is a number of operations, or else of something else, such as bytes.
    pub counts: bool,
    /// By stream, then by poll; all of one length.
    pub streams: Vec<Vec<Sample>>,
}

impl Trace {
    /// How many polls it has.
    pub fn polls(&self) -> usize {
        self.streams.first().map_or(0, Vec::len)
    }

    /// How many hours were observed, over all streams.
    pub fn stream_hours(&self) -> f64 {
        let samples = self
            .streams
            .iter()
            .flatten()
            .filter(|sample| sample.latency.is_finite());
        samples.count() as f64 * self.interval_s / 3600.0
    }

    /// The share of samples that are not missing.
    pub fn valid_share(&self) -> f64 {
        self.stream_hours() * 3600.0 / self.interval_s / (self.polls() * self.streams.len()) as f64
    }

    /// Only some of the streams.
    pub fn only(&self, members: &[usize]) -> Self {
        Self {
            interval_s: self.interval_s,
            counts: self.counts,
            streams: members.iter().map(|member| self.streams[*member].clone()).collect(),
        }
    }

    /// So many seconds in polls, at least one.
    pub fn polls_in(&self, seconds: f64) -> usize {
        crate::stats::whole((seconds / self.interval_s).round()).max(1)
    }

    /// The latencies of all streams in one poll.
    pub fn latencies(&self, poll: usize) -> Vec<f64> {
        self.streams.iter().map(|stream| stream[poll].latency).collect()
    }
}

/// A node of the real data: one trace a day, of its drives.
pub struct Node {
    /// Its name, by which it is in the tuning split or in the test split.
    pub name: String,
    /// By day: the names of the drives and their trace.
    pub days: Vec<(Vec<String>, Trace)>,
}

/// Drives that the authors of the data labelled as failing slowly.
pub const LABELLED: [(&str, &str); 2] = [("host_22", "disk11"), ("host_25", "disk8")];

impl Node {
    /// Whether none of its drives is labelled: only then it serves as a sound background.
    pub fn is_sound(&self) -> bool {
        LABELLED.iter().all(|(node, _)| *node != self.name)
    }

    /// Which split it is in: FNV-1a of its name.
    pub fn is_test(&self) -> bool {
        let hash = self.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash >> 40 & 1 == 1
    }
}

/// Reads `node,day,ts,disk,throughput,latency`, gzipped, 15 s samples, empty cells missing.
///
/// This is the format of the PERSEUS data set (Alibaba, Tianchi 144479), which is not ours to redistribute.
pub fn read(path: &str) -> Result<Vec<Node>, String> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    parse(BufReader::new(GzDecoder::new(file)))
}

fn parse(input: impl Read) -> Result<Vec<Node>, String> {
    type Drives = BTreeMap<String, Vec<(u64, Sample)>>;
    let mut nodes: BTreeMap<String, BTreeMap<String, Drives>> = BTreeMap::new();
    for (number, line) in BufReader::new(input).lines().enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        let fields: Vec<&str> = line.split(',').collect();
        let &[node, day, ts, disk, load, latency] = fields.as_slice() else {
            return Err(format!("line {}: not six columns", number + 1));
        };
        if number == 0 {
            continue;
        }
        let ts = ts.parse().map_err(|_| format!("line {}: ts {ts:?}", number + 1))?;
        let positive = |text: &str| text.parse().ok().filter(|value| *value > 0.0).unwrap_or(f64::NAN);
        let sample = Sample {
            latency: positive(latency),
            load: positive(load),
        };
        let drives = nodes
            .entry(node.to_owned())
            .or_default()
            .entry(day.to_owned())
            .or_default();
        drives.entry(disk.to_owned()).or_default().push((ts, sample));
    }
    let day = |drives: Drives| {
        let times = || drives.values().flatten().map(|(ts, _)| *ts);
        let (start, end) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let polls = usize::try_from((end - start) / 15 + 1).unwrap_or(0);
        let stream = |samples: &Vec<(u64, Sample)>| {
            let mut stream = vec![Sample::MISSING; polls];
            for (ts, sample) in samples {
                stream[usize::try_from((ts - start) / 15).unwrap_or(0)] = *sample;
            }
            stream
        };
        let trace = Trace {
            interval_s: 15.0,
            counts: false,
            streams: drives.values().map(stream).collect(),
        };
        (drives.into_keys().collect(), trace)
    };
    let node = |(name, days): (String, BTreeMap<String, Drives>)| Node {
        name,
        days: days.into_values().map(day).collect(),
    };
    Ok(nodes.into_iter().map(node).collect())
}

/// Panics where one of the above is wrong.
pub fn check() {
    let text = "node,day,ts,disk,throughput,latency\na,d,100,x,7,8\na,d,130,x,,9\na,d,115,y,1,2\n";
    let nodes = parse(text.as_bytes()).unwrap_or_default();
    let (drives, trace) = &nodes[0].days[0];
    assert!(drives == &["x", "y"] && trace.polls() == 3);
    assert!((trace.streams[0][2].latency - 9.0).abs() < 1e-9 && trace.streams[0][2].load.is_nan());
    assert!(trace.streams[0][1].latency.is_nan() && (trace.streams[1][1].load - 1.0).abs() < 1e-9);
    assert!(parse("h\na,b\n".as_bytes()).is_err());
    assert!((trace.stream_hours() - 45.0 / 3600.0).abs() < 1e-9);
}
