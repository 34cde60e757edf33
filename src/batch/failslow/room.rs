//! The streams of one group and operation: gathered a poll at a time, then judged together.
//!
//! With several observers a subject is judged by what most of them see after each one's own slowness is taken away, and
//! each observer by what it sees of all subjects. What lies between one observer and one subject is judged by the matrix.

use super::matrix::Matrix;
use crate::verdict::failslow::{Group, Judgement, Reading, State};
use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// Members by name, judged together.
#[derive(Default)]
pub struct Named<K> {
    group: Group,
    index: BTreeMap<K, usize>,
    told: Vec<State>,
    told_common: State,
}

impl<K: Ord + Clone> Named<K> {
    /// One poll of the members, and of new ones.
    pub fn poll(&mut self, readings: &BTreeMap<K, Reading>, others_answer: bool) {
        for name in readings.keys() {
            if !self.index.contains_key(name) {
                let index = self.group.add();
                self.index.insert(name.clone(), index);
                self.told.push(State::Ok);
            }
        }
        let mut row = vec![Reading::Missing; self.told.len()];
        for (name, reading) in readings {
            if let Some(index) = self.index.get(name) {
                row[*index] = *reading;
            }
        }
        self.group.poll(&row, others_answer);
    }

    /// Whether this is one of the members.
    pub fn contains<Q: Ord + ?Sized>(&self, name: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.index.contains_key(name)
    }

    /// Whether anybody was judged yet.
    pub fn is_started(&self) -> bool {
        !self.told.is_empty()
    }

    /// What is thought of a member now.
    pub fn judge<Q: Ord + ?Sized>(&self, name: &Q) -> Option<Judgement>
    where
        K: Borrow<Q>,
    {
        self.group.judge(*self.index.get(name)?)
    }

    /// Whether there is anything against a member.
    pub fn is_watched<Q: Ord + ?Sized>(&self, name: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.judge(name).is_some_and(|now| now.state != State::Ok)
    }

    /// The members that there is anything against.
    pub fn watched(&self) -> impl Iterator<Item = &K> {
        let judged = self.index.iter();
        let watched = judged.filter(|(_, index)| self.group.judge(**index).is_some_and(|now| now.state != State::Ok));
        watched.map(|(name, _)| name)
    }

    /// The members whose state is another than was last told. One that `may` refuses is looked at again in the next poll.
    pub fn changes(&mut self, may: impl Fn(&K, State) -> bool) -> Vec<(K, Judgement)> {
        let mut changes = Vec::new();
        for (name, index) in &self.index {
            if let Some(now) = self.group.judge(*index)
                && now.state != self.told[*index]
                && may(name, now.state)
            {
                self.told[*index] = now.state;
                changes.push((name.clone(), now));
            }
        }
        changes
    }

    /// The state of all of them together and their ratio to their own past, if that state has changed.
    pub fn common_change(&mut self) -> Option<(State, f32)> {
        let now = self.group.common();
        (now != self.told_common).then(|| {
            self.told_common = now;
            (now, self.group.common_ratio())
        })
    }
}

/// One group and operation: its subjects, and who observes them.
#[derive(Default)]
pub struct Room {
    /// The subjects.
    pub subjects: Named<String>,
    /// The observers, by what each sees of all subjects; empty while there is only one.
    pub observers: Named<String>,
    /// What each observer sees of each subject, and who is to blame.
    pub matrix: Matrix,
    seen_by: BTreeSet<String>,
    /// Polls of the trace since this room was in one, and how many that usually are: rooms may have their own intervals.
    absent: u32,
    step: Option<u32>,
    /// The readings of the poll that is being gathered: by subject and observer.
    cells: BTreeMap<(String, String), Reading>,
    /// Those of the polls before it that are too short to be judged one by one.
    short: BTreeMap<(String, String), Sum>,
}

/// Short polls of one cell: their mean latency, each by its load, and their mean load.
#[derive(Default)]
struct Sum {
    latency: f64,
    weight: f64,
    load: f64,
    loads: f64,
    rest: Reading,
}

impl Sum {
    fn add(&mut self, reading: Reading) {
        match reading {
            Reading::Value { latency, load } => {
                let load = f64::from(load).exp();
                let weight = if load.is_finite() { load } else { 1.0 };
                self.latency += weight * f64::from(latency).exp();
                self.weight += weight;
                if load.is_finite() {
                    self.load += load;
                    self.loads += 1.0;
                }
            }
            Reading::Missing => {}
            other => self.rest = other,
        }
    }

    fn reading(&self) -> Reading {
        if self.weight > 0.0 {
            let load = (self.loads > 0.0).then(|| self.load / self.loads);
            Reading::value(self.latency / self.weight, load)
        } else {
            self.rest
        }
    }
}

/// The median of the finite values.
pub fn middle(mut values: Vec<f32>) -> Option<f32> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f32::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[half]),
        _ => Some(f32::midpoint(values[half - 1], values[half])),
    }
}

impl Room {
    /// One reading a member (`own` names it in a cell's key) from the cells: first what each of the `other` side has in
    /// common over all its cells is taken away, then the middle of what is left is taken.
    fn collapse(
        cells: &BTreeMap<(String, String), Reading>,
        own: fn(&(String, String)) -> &String,
        other: fn(&(String, String)) -> &String,
    ) -> BTreeMap<String, Reading> {
        let mut sides: HashMap<&String, Vec<f32>> = HashMap::new();
        for (key, reading) in cells {
            if let Reading::Value { latency, .. } = reading {
                sides.entry(other(key)).or_default().push(*latency);
            }
        }
        let sides: HashMap<&String, f32> = sides
            .into_iter()
            // Who sees only one has nothing in common with others: what it sees is that one's own.
            .filter(|(_, values)| values.len() > 1)
            .filter_map(|(name, values)| Some((name, middle(values)?)))
            .collect();
        let mut members: BTreeMap<&String, (Vec<f32>, Vec<f32>, Reading)> = BTreeMap::new();
        for (key, reading) in cells {
            let member = members
                .entry(own(key))
                .or_insert((Vec::new(), Vec::new(), Reading::Missing));
            if let Reading::Value { latency, load } = reading {
                member.0.push(latency - sides.get(other(key)).copied().unwrap_or(0.0));
                member.1.push(*load);
            } else if *reading != Reading::Missing {
                member.2 = *reading;
            }
        }
        let one = |(values, loads, rest): (Vec<f32>, Vec<f32>, Reading)| match middle(values) {
            Some(latency) => Reading::Value {
                latency,
                load: middle(loads).unwrap_or(f32::NAN),
            },
            None => rest,
        };
        members
            .into_iter()
            .map(|(name, member)| (name.clone(), one(member)))
            .collect()
    }

    /// Ends the poll: everybody is judged. `others_answer` says whether anything outside of this room did.
    pub fn poll(&mut self, others_answer: bool) {
        if self.seen_by.len() < 2 {
            let readings = self
                .cells
                .iter()
                .map(|((subject, _), reading)| (subject.clone(), *reading))
                .collect();
            self.subjects.poll(&readings, others_answer);
        } else {
            let subjects = Self::collapse(&self.cells, |key| &key.0, |key| &key.1);
            let (subjects_now, observers_now) = (&self.subjects, &self.observers);
            let quiet = |key: &(String, String)| {
                !subjects_now.is_watched(key.0.as_str()) && !observers_now.is_watched(key.1.as_str())
            };
            // Observers are at different distances: each is judged by what is above its own past.
            let excesses = self.matrix.poll(&self.cells, quiet);
            let mut observers = Self::collapse(&excesses, |key| &key.1, |key| &key.0);
            // What one sees of a single subject may be that subject: it says nothing of the observer.
            let mut sees: HashMap<&String, usize> = HashMap::new();
            for (_, observer) in self.cells.keys() {
                *sees.entry(observer).or_default() += 1;
            }
            for (observer, reading) in &mut observers {
                if sees.get(observer).is_none_or(|subjects| *subjects < 2) {
                    *reading = Reading::Untrusted;
                }
            }
            self.subjects.poll(&subjects, others_answer);
            self.observers.poll(&observers, others_answer);
            let alarmed = self.subjects.watched().next().is_some() || self.observers.watched().next().is_some();
            self.matrix.accuse(alarmed);
            self.matrix.withhold(&self.subjects, &self.observers);
        }
        self.cells.clear();
    }

    /// Ends a poll that is too short to be judged alone: what it says is added to what the polls before it said.
    pub fn gather(&mut self) {
        for (key, reading) in std::mem::take(&mut self.cells) {
            self.short.entry(key).or_default().add(reading);
        }
    }

    /// The polls that were gathered become one, which is to be judged.
    pub fn sum_up(&mut self) {
        self.gather();
        let sums = std::mem::take(&mut self.short);
        self.cells = sums.into_iter().map(|(key, sum)| (key, sum.reading())).collect();
    }

    /// Whether a short poll before this one had a reading of this subject by this observer.
    pub fn has_gathered(&self, key: &(String, String)) -> bool {
        self.short.contains_key(key)
    }

    /// Whether this subject was read by this observer in the present poll.
    pub fn has(&self, key: &(String, String)) -> bool {
        self.cells.contains_key(key)
    }

    /// Counts a poll of the trace; says whether this room has to be judged in it: it has readings, or they are overdue.
    pub fn is_due(&mut self) -> bool {
        self.absent = self.absent.saturating_add(1);
        if self.cells.is_empty() {
            return self.step.is_some_and(|step| self.absent >= step.saturating_mul(2));
        }
        // Shorter at once, longer by and by: an outage is no interval.
        let absent = std::mem::take(&mut self.absent);
        if self.subjects.is_started() {
            self.step = Some(self.step.map_or(absent, |step| absent.min(step.saturating_add(1))));
        }
        true
    }

    /// Whether anything answered in the present poll.
    pub fn answers(&self) -> bool {
        self.cells.values().any(|reading| *reading != Reading::Missing)
    }

    /// Whether this subject and this observer were seen before.
    pub fn knows(&self, key: &(String, String)) -> bool {
        self.seen_by.contains(&key.1) && (self.subjects.contains(&key.0) || self.reads(&key.0))
    }

    /// Adds a reading of a subject by an observer; says how many subjects and observers were never seen before.
    pub fn put(&mut self, key: (String, String), reading: Reading) -> usize {
        let known = self.subjects.contains(&key.0) || self.reads(&key.0);
        let seen = self.seen_by.contains(&key.1);
        if !seen {
            self.seen_by.insert(key.1.clone());
        }
        self.cells.insert(key, reading);
        usize::from(!known) + usize::from(!seen)
    }

    /// Whether this subject was read by anybody in the present poll, or in the short ones before it.
    fn reads(&self, subject: &str) -> bool {
        let from = (subject.to_owned(), String::new());
        let now = self.cells.range(&from..).next().map(|(key, _)| key);
        let before = self.short.range(&from..).next().map(|(key, _)| key);
        now.into_iter().chain(before).any(|(first, _)| first == subject)
    }
}
