//! Who is to blame in the client × server matrix, and who is not though an observer sees everything slow.

use crate::{
    generate::{self, CLASSES, Class},
    stats::{between, median},
    trace::Trace,
};
use pointsman::verdict::failslow::{
    Bin, Group, Own, Reading,
    blame::{Accusation, Blame, Cell, Client, Matrix, blame},
    trust::{ConsoleTick, ObserverLoad, client, console_is_late, is_uplink, seen_by},
};
use std::time::Duration;

/// Clients and servers: from the smallest in which anything can be told to the largest that is promised.
const SIZES: [(usize, usize); 7] = [(2, 2), (3, 2), (2, 5), (5, 3), (12, 4), (20, 5), (40, 10)];
/// Polls of 2 s before the fault begins, and with it.
const BEFORE: usize = 450;
const WITH: usize = 75;
/// Runs in which an observer, or the console, is overloaded.
const RUNS: usize = 200;

/// What is at fault in a run.
#[derive(Clone, Copy, PartialEq)]
enum Culprit {
    Server,
    Client,
    Path,
    Everything,
    Nobody,
}

/// The cells of a matrix, each against its own past.
struct Fleet {
    servers: usize,
    trace: Trace,
    bins: Vec<Bin>,
    own: Vec<Own>,
}

impl Fleet {
    /// All clients see all servers; each client is at its own distance.
    fn new(rng: &mut fastrand::Rng, class: &Class, clients: usize, servers: usize) -> Self {
        let cells = clients * servers;
        Self {
            servers,
            trace: generate::sound(rng, class, cells, BEFORE + WITH),
            bins: vec![Bin::default(); cells],
            own: vec![Own::default(); cells],
        }
    }

    /// Makes cells slower from the time of the fault on.
    fn slow(&mut self, factor: f64, which: impl Fn(usize, usize) -> bool) {
        for cell in 0..self.trace.streams.len() {
            if which(cell / self.servers, cell % self.servers) {
                for sample in &mut self.trace.streams[cell][BEFORE..] {
                    sample.latency *= factor;
                }
            }
        }
    }

    /// Takes all polls; `weight` says how far a client is trusted in the time of the fault.
    fn play(&mut self, weight: impl Fn(usize) -> f32) {
        let elapsed = Duration::from_secs_f64(self.trace.interval_s);
        for poll in 0..self.trace.polls() {
            let mut readings = vec![Reading::Untrusted; self.own.len()];
            for (cell, reading) in readings.iter_mut().enumerate() {
                let sample = self.trace.streams[cell][poll];
                let ms = sample.latency / 1000.0;
                if let Some(now) = self.bins[cell].push(sample.load, ms * sample.load, elapsed) {
                    let trusted = if poll < BEFORE {
                        1.0
                    } else {
                        weight(cell / self.servers)
                    };
                    *reading = seen_by(now, trusted);
                }
            }
            let busier = self
                .own
                .iter()
                .zip(&readings)
                .filter_map(|(own, reading)| own.busier(reading));
            let common = median(&mut busier.map(f64::from).collect());
            for (own, reading) in self.own.iter_mut().zip(&readings) {
                #[allow(clippy::cast_possible_truncation, reason = "a small number")]
                own.measure_among(reading, poll < BEFORE, common as f32);
            }
        }
    }

    fn accuse(&self, clients: &[Client]) -> Vec<Accusation> {
        let cell = |(index, own): (usize, &Own)| {
            let samples = &self.trace.streams[index];
            Some(Cell {
                client: index / self.servers,
                server: index % self.servers,
                excess: own.excess()?,
                #[allow(clippy::cast_possible_truncation, reason = "a number of operations")]
                traffic: samples[samples.len() - 1].load as f32,
            })
        };
        let cells: Vec<Cell> = self.own.iter().enumerate().filter_map(cell).collect();
        blame(&Matrix {
            clients,
            servers: &vec![0; self.servers],
            cells: &cells,
            hints: &[],
        })
    }
}

/// In percent, how many of so many runs put a fault of this factor on the one at fault alone.
fn accuracy(rng: &mut fastrand::Rng, size: (usize, usize), culprit: Culprit, factor: f64, runs: usize) -> f64 {
    let (clients, servers) = size;
    let trusted = vec![Client { weight: 1.0, site: 0 }; clients];
    let mut right = 0;
    for _ in 0..runs {
        let mut fleet = Fleet::new(rng, &CLASSES[4], clients, servers);
        let (bad_client, bad_server) = (rng.usize(0..clients), rng.usize(0..servers));
        fleet.slow(factor, |client, server| match culprit {
            Culprit::Server => server == bad_server,
            Culprit::Client => client == bad_client,
            Culprit::Path => (client, server) == (bad_client, bad_server),
            Culprit::Everything => true,
            Culprit::Nobody => false,
        });
        fleet.play(|_| 1.0);
        let wanted = match culprit {
            Culprit::Server => Some(Blame::Server(bad_server)),
            Culprit::Client => Some(Blame::Client(bad_client)),
            Culprit::Path => Some(Blame::Path {
                client: bad_client,
                server: bad_server,
            }),
            Culprit::Everything => Some(Blame::Everything),
            Culprit::Nobody => None,
        };
        let told: Vec<_> = fleet.accuse(&trusted).iter().map(|one| (one.blame, one.or)).collect();
        right += usize::from(told == wanted.into_iter().map(|one| (one, None)).collect::<Vec<_>>());
    }
    right as f64 / runs as f64 * 100.0
}

/// Prints how often each culprit is accused, and nobody beside it.
pub fn measure(runs: usize, seed: u64) {
    let kinds = [
        ("server", Culprit::Server),
        ("client", Culprit::Client),
        ("path", Culprit::Path),
        ("everything", Culprit::Everything),
        ("nobody", Culprit::Nobody),
    ];
    println!(
        "\nblame: {} as clients × servers, {runs} runs each: % accused alone and rightly, after {} s of the fault",
        CLASSES[4].name,
        WITH * 2
    );
    print!("{:17}", "");
    for (clients, servers) in SIZES {
        print!("{:>8}", format!("{clients}×{servers}"));
    }
    println!("{:>8}", "all");
    for factor in [2.0, 1.5] {
        for (name, culprit) in kinds {
            let mut rng = fastrand::Rng::with_seed(seed);
            if culprit == Culprit::Nobody && factor < 2.0 {
                continue;
            }
            let title = if culprit == Culprit::Nobody {
                name.to_owned()
            } else {
                format!("{name} ×{factor}")
            };
            print!("{title:17}");
            let mut sum = 0.0;
            for size in SIZES {
                let share = accuracy(&mut rng, size, culprit, factor, runs);
                sum += share;
                print!("{share:>8.1}");
            }
            println!("{:>8.1}", sum / SIZES.len() as f64);
        }
    }
    let observers = observers(seed);
    let consoles = consoles(seed);
    println!("\noverloaded observers that got a target blamed: {observers} of {RUNS}");
    println!("stalls of the console that got a host alarmed: {consoles} of {RUNS}");
}

/// Up to a third of the clients are overloaded and see all 1.5 to 4 times slower; most say so, some cannot. In how many
/// fleets is a server accused, or another client or its path?
fn observers(seed: u64) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x0b5e);
    let mut wrong = 0;
    for _ in 0..RUNS {
        let (clients, servers) = (3 + rng.usize(0..20), 2 + rng.usize(0..8));
        let many = 1 + rng.usize(0..clients / 3);
        let mut fleet = Fleet::new(&mut rng, &CLASSES[4], clients, servers);
        let mut observers = vec![client(&ObserverLoad::default(), 0); clients];
        for (index, observer) in observers.iter_mut().enumerate().take(many) {
            let degree = rng.f64();
            *observer = client(&overload(&mut rng, degree), 0);
            for server in 0..servers {
                for sample in &mut fleet.trace.streams[index * servers + server][BEFORE..] {
                    sample.latency *= (1.5 + 2.5 * degree) * (0.1 * crate::stats::gaussian(&mut rng)).exp();
                }
            }
        }
        fleet.play(|index| observers[index].weight);
        let its_own = |blame: Blame| match blame {
            Blame::Client(client) | Blame::Path { client, .. } => client < many,
            // That is no target: all of them have had less or more to do.
            Blame::Everything => true,
            Blame::Server(_) | Blame::Link { .. } => false,
        };
        let told = |one: &Accusation| its_own(one.blame) && one.or.is_none_or(its_own);
        wrong += usize::from(!fleet.accuse(&observers).iter().all(told));
    }
    wrong
}

/// What an overloaded client says of itself.
#[allow(clippy::cast_possible_truncation, reason = "percents")]
fn overload(rng: &mut fastrand::Rng, degree: f64) -> ObserverLoad {
    let quiet = ObserverLoad::default();
    let of = |least: f64, more: f64| Some((least + more * degree) as f32);
    match rng.usize(0..5) {
        0 => ObserverLoad {
            cpu_pressure_percent: of(10.0, 80.0),
            ..quiet
        },
        1 => ObserverLoad {
            steal_percent: of(5.0, 60.0),
            ..quiet
        },
        2 => ObserverLoad {
            runnable_per_cpu: of(1.0, 9.0),
            ..quiet
        },
        3 => ObserverLoad {
            queue_over_rtt: of(0.5, 9.0),
            ..quiet
        },
        _ => quiet,
    }
}

/// For one to five ticks all round trips rise by 50 to 500 ms; half of the consoles do not know that they are late. In
/// how many is a host alarmed?
fn consoles(seed: u64) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0xc0de);
    let mut wrong = 0;
    for _ in 0..RUNS {
        let hosts = 2 + rng.usize(0..20);
        let trace = generate::sound(&mut rng, &CLASSES[5], hosts, BEFORE + 200);
        let start = BEFORE + rng.usize(0..20);
        let stalled = start..start + 1 + rng.usize(0..5);
        let knows = rng.bool();
        wrong += usize::from(console(&mut rng, &trace, &stalled, knows));
    }
    wrong
}

#[allow(clippy::cast_possible_truncation, reason = "milliseconds")]
fn console(rng: &mut fastrand::Rng, trace: &Trace, stalled: &std::ops::Range<usize>, knows: bool) -> bool {
    let hosts = trace.streams.len();
    let elapsed = Duration::from_secs_f64(trace.interval_s);
    let (mut group, mut own, mut bins) = (
        Group::default(),
        vec![Own::default(); hosts],
        vec![Bin::default(); hosts],
    );
    for _ in 0..hosts {
        group.add();
    }
    let mut fresh = vec![Reading::Untrusted; hosts];
    for poll in 0..trace.polls() {
        let late_ms = if stalled.contains(&poll) {
            between(rng, 50.0, 500.0)
        } else {
            0.0
        };
        let ms: Vec<f64> = trace
            .streams
            .iter()
            .map(|stream| stream[poll].latency / 1000.0 + late_ms * between(rng, 0.8, 1.2))
            .collect();
        let above = own
            .iter_mut()
            .zip(&ms)
            .filter_map(|(own, ms)| own.measure(&Reading::value(*ms, None), true));
        let uplink = is_uplink(above.collect::<Vec<_>>());
        let tick = ConsoleTick {
            late_ms: if knows { late_ms as f32 } else { 0.0 },
            cpu_pressure_percent: None,
        };
        if !console_is_late(&tick) && !uplink {
            for ((fresh, bin), ms) in fresh.iter_mut().zip(&mut bins).zip(&ms) {
                *fresh = bin.sample(*ms, elapsed).unwrap_or(*fresh);
            }
        }
        if poll % 3 == 2 {
            group.poll(&fresh, true);
            fresh.fill(Reading::Untrusted);
        }
        let alarmed = |host: usize| group.judge(host).is_some_and(|now| now.state.is_alarm());
        if poll >= stalled.start && (0..hosts).any(alarmed) {
            return true;
        }
    }
    false
}
