//! What a poll of 1,000 hosts with 50 streams each costs.

use crate::{generate, ours::readings, trace::Trace};
use pointsman::verdict::failslow::{Group, Reading, Stream};
use std::{hint::black_box, time::Instant};

const STREAMS: usize = 50_000;
const POLLS: usize = 120;

/// Measures and prints it for groups of so many peers.
pub fn measure(members: usize) {
    let count = STREAMS / members;
    let mut rng = fastrand::Rng::with_seed(9);
    // A few different groups, many times over: what matters is that the state of all is touched.
    let make = |_| generate::sound(&mut rng, &generate::CLASSES[0], members, POLLS);
    let traces: Vec<Trace> = (0..count.min(24)).map(make).collect();
    let polls: Vec<Vec<Vec<Reading>>> = traces
        .iter()
        .map(|trace| (0..POLLS).map(|poll| readings(trace, poll)).collect())
        .collect();
    let mut groups = vec![Group::default(); count];
    for group in &mut groups {
        for _ in 0..members {
            group.add();
        }
    }
    let mut times = Vec::with_capacity(POLLS);
    for poll in 0..POLLS {
        let begun = Instant::now();
        for (index, group) in groups.iter_mut().enumerate() {
            group.poll(&polls[index % polls.len()][poll], true);
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    black_box(&groups);
    times.drain(..20);
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "50,000 streams in groups of {members}: best {:.2} ms a tick ({:.0} ns a stream), p50 {:.2} ms, p99 {:.2} ms; \
         {} bytes a stream and {} a group",
        at(0),
        at(0) * 1e6 / STREAMS as f64,
        at(50),
        at(99),
        size_of::<Stream>(),
        size_of::<Group>(),
    );
}
