//! Episodes, and how a method does in them.

use crate::{
    baselines::{Marks, Method},
    inject::Kind,
    stats::{mcc, median, quantile},
    trace::Trace,
};

/// How a method does with one kind of fault or decoy.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Which kind.
    pub kind: Kind,
    /// Episodes.
    pub episodes: usize,
    /// Faults: the faulty one was newly alarmed after the onset. Decoys: anybody was.
    pub hits: usize,
    /// Faults: polls from the onset to that alarm, both included.
    pub delays: Vec<f64>,
    /// Faults: somebody else was newly alarmed after the onset.
    pub others: usize,
    /// Alarms raised over all streams and polls.
    pub alarms: usize,
    /// Stream-hours observed.
    pub hours: f64,
}

impl Cell {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            episodes: 0,
            hits: 0,
            delays: Vec::new(),
            others: 0,
            alarms: 0,
            hours: 0.0,
        }
    }

    /// Share of the episodes with a hit.
    pub fn rate(&self) -> f64 {
        self.hits as f64 / self.episodes.max(1) as f64
    }

    /// Median delay in polls; NaN without a hit.
    pub fn delay(&self) -> f64 {
        median(&mut self.delays.clone())
    }

    /// The delay in polls that 95 % of the hits do not exceed.
    pub fn late(&self) -> f64 {
        quantile(&mut self.delays.clone(), 0.95)
    }
}

/// A method's line of the table.
#[derive(Debug, Clone)]
pub struct Score {
    /// The method.
    pub name: &'static str,
    /// By fault.
    pub faults: Vec<Cell>,
    /// By decoy; the first is clean.
    pub decoys: Vec<Cell>,
}

impl Score {
    /// Over faults that count and all decoys, each kind with the same weight, half of the episodes faulty.
    pub fn mcc(&self) -> f64 {
        let mean = |cells: &mut dyn Iterator<Item = &Cell>| {
            let rates: Vec<f64> = cells.map(Cell::rate).collect();
            rates.iter().sum::<f64>() / rates.len().max(1) as f64
        };
        let found = mean(&mut self.faults.iter().filter(|cell| cell.kind.counts()));
        mcc(found, mean(&mut self.decoys.iter()))
    }

    /// Share of the faulty episodes in which somebody else was alarmed.
    pub fn others(&self) -> f64 {
        let episodes: usize = self.faults.iter().map(|cell| cell.episodes).sum();
        self.faults.iter().map(|cell| cell.others).sum::<usize>() as f64 / episodes.max(1) as f64
    }
}

/// Where the episodes come from.
pub struct Pool {
    /// Sound groups, at least as large as any that is asked for.
    pub sound: Vec<Trace>,
    /// Members of a group.
    pub size: usize,
    /// Episodes of each kind.
    pub episodes: usize,
    /// What makes them others than those of another pool.
    pub seed: u64,
}

/// An episode: what is judged, and what is known about it.
struct Episode {
    trace: Trace,
    target: usize,
    onset: usize,
}

impl Pool {
    /// The same episode for every method.
    fn episode(&self, kind: Kind, number: usize) -> Episode {
        let name = kind
            .name()
            .bytes()
            .fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ name << 20 ^ (self.size as u64) << 56;
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(number as u64));
        let whole = &self.sound[rng.usize(0..self.sound.len())];
        let mut members: Vec<usize> = (0..whole.streams.len()).collect();
        rng.shuffle(&mut members);
        members.truncate(self.size);
        let mut trace = whole.only(&members);
        let target = rng.usize(0..self.size);
        let onset = trace.polls() / 6 + rng.usize(0..trace.polls() * 2 / 5);
        kind.apply(&mut rng, &mut trace, target, onset);
        Episode { trace, target, onset }
    }

    /// All sound groups, each divided into as many of the wanted size as it has.
    fn clean(&self) -> impl Iterator<Item = Trace> {
        self.sound.iter().flat_map(|whole| parts(whole, self.size))
    }

    /// How a method does with these faults and decoys.
    pub fn score(&self, method: &dyn Method, faults: &[Kind], decoys: &[Kind]) -> Score {
        let fault = |kind: &Kind| {
            let mut cell = Cell::new(*kind);
            for number in 0..self.episodes {
                let episode = self.episode(*kind, number);
                let marks = method.judge(&episode.trace);
                let first = raises(&marks, episode.target).find(|poll| *poll >= episode.onset);
                cell.hits += usize::from(first.is_some());
                cell.delays.extend(first.map(|poll| (poll - episode.onset + 1) as f64));
                let other = |stream: usize| stream != episode.target && raised(&marks, stream, episode.onset);
                cell.others += usize::from((0..self.size).any(other));
                cell.episodes += 1;
            }
            cell
        };
        let decoy = |kind: &Kind| {
            let mut cell = Cell::new(*kind);
            let mut see = |trace: &Trace, from: usize| {
                let marks = method.judge(trace);
                cell.hits += usize::from((0..self.size).any(|stream| raised(&marks, stream, from)));
                cell.alarms += (0..self.size)
                    .map(|stream| raises(&marks, stream).count())
                    .sum::<usize>();
                cell.hours += trace.stream_hours();
                cell.episodes += 1;
            };
            if *kind == Kind::Clean {
                self.clean().for_each(|trace| see(&trace, 0));
            } else {
                (0..self.episodes)
                    .map(|number| self.episode(*kind, number))
                    .for_each(|episode| {
                        let from = if *kind == Kind::Hardware { 0 } else { episode.onset };
                        see(&episode.trace, from);
                    });
            }
            cell
        };
        Score {
            name: method.name(),
            faults: faults.iter().map(fault).collect(),
            decoys: decoys.iter().map(decoy).collect(),
        }
    }
}

/// A group divided into as many of this size as it has.
pub fn parts(whole: &Trace, size: usize) -> Vec<Trace> {
    let members: Vec<usize> = (0..whole.streams.len()).collect();
    members.chunks_exact(size).map(|part| whole.only(part)).collect()
}

/// The polls in which an alarm is raised anew.
pub fn raises(marks: &Marks, stream: usize) -> impl Iterator<Item = usize> {
    let marks = &marks[stream];
    (0..marks.len()).filter(|poll| marks[*poll] && (*poll == 0 || !marks[*poll - 1]))
}

fn raised(marks: &Marks, stream: usize, from: usize) -> bool {
    raises(marks, stream).any(|poll| poll >= from)
}

/// Panics where episodes are not scored as they are meant to be.
pub fn check() {
    /// Alarms in the given stream and polls.
    struct Given(usize, std::ops::Range<usize>);
    impl Method for Given {
        fn name(&self) -> &'static str {
            "given"
        }
        fn source(&self) -> &'static str {
            ""
        }
        fn judge(&self, trace: &Trace) -> Marks {
            let mut marks = crate::baselines::none(trace);
            marks[self.0][self.1.clone()].fill(true);
            marks
        }
    }
    let mut rng = fastrand::Rng::with_seed(1);
    let pool = Pool {
        sound: vec![crate::generate::sound(&mut rng, &crate::generate::CLASSES[0], 4, 600)],
        size: 2,
        episodes: 40,
        seed: 1,
    };
    let score = |given: Given| pool.score(&given, &[Kind::Slow(2.0)], &[Kind::Clean, Kind::Busy]);
    let late = score(Given(0, 500..600));
    let (fault, clean) = (&late.faults[0], &late.decoys[0]);
    assert_eq!((fault.hits + fault.others, fault.episodes), (40, 40));
    assert!(fault.hits > 5 && fault.others > 5 && fault.delay() > 100.0);
    assert_eq!((clean.episodes, clean.alarms, clean.hits), (2, 2, 2));
    assert!((clean.hours - 4.0 * 600.0 * 15.0 / 3600.0).abs() < 1e-6);
    // An alarm that stands since before the onset has found nothing.
    let ever = score(Given(0, 0..600));
    assert_eq!(
        (ever.faults[0].hits, ever.faults[0].others, ever.decoys[1].hits),
        (0, 0, 0)
    );
}
