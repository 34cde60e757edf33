//! What each observer of a trace sees of each subject, against its own past: who is to blame, and which paths are slow.

use super::room::{Named, middle};
use crate::verdict::failslow::{
    Judgement, Own, Reading, State,
    blame::{Accusation, Blame, Cell, Client, Matrix as Cells, blame},
};
use std::collections::{BTreeMap, BTreeSet};

/// Cells that are followed at most.
const MOST_CELLS: usize = 200_000;

/// A cell: the subject and its observer.
type Key = (String, String);

/// Which half of a key is meant.
type Side = fn(&Key) -> &String;

/// The subject and the observer.
const SIDES: [Side; 2] = [|key| &key.0, |key| &key.1];

/// The cells of one group and operation.
#[derive(Default)]
pub struct Matrix {
    own: BTreeMap<Key, Own>,
    /// The cells as each other's peers, each by what it is above its own past.
    cells: Named<Key>,
    told: BTreeMap<Key, State>,
    accused: Vec<(Accusation, Vec<Key>)>,
    /// Subjects and observers that look slow only because a path to them is.
    withheld: [BTreeSet<String>; 2],
}

impl Matrix {
    /// One poll. `quiet` says whether nothing is held against the subject and the observer of a cell. Returns what each
    /// cell is above its own past.
    pub fn poll(&mut self, readings: &BTreeMap<Key, Reading>, quiet: impl Fn(&Key) -> bool) -> BTreeMap<Key, Reading> {
        let mut excesses = BTreeMap::new();
        let busier = readings
            .iter()
            .filter_map(|(key, reading)| self.own.get(key)?.busier(reading));
        let common = middle(busier.collect()).unwrap_or(0.0);
        for (key, reading) in readings {
            if self.own.len() >= MOST_CELLS && !self.own.contains_key(key) {
                continue;
            }
            let own = self.own.entry(key.clone()).or_default();
            let calm = quiet(key) && !self.cells.is_watched(key);
            let excess = match (own.measure_among(reading, calm, common), reading) {
                (Some(latency), _) => Reading::Value {
                    latency,
                    load: f32::NAN,
                },
                // There is no past yet.
                (None, Reading::Value { .. }) => Reading::Untrusted,
                (None, other) => *other,
            };
            excesses.insert(key.clone(), excess);
        }
        self.cells.poll(&excesses, true);
        excesses
    }

    /// Finds out who is to blame, if anything is `alarmed` or a cell is.
    pub fn accuse(&mut self, alarmed: bool) {
        self.accused.clear();
        if !alarmed && self.cells.watched().next().is_none() {
            return;
        }
        let mut subjects: BTreeMap<&str, usize> = BTreeMap::new();
        let mut observers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut cells = Vec::new();
        let mut keys = Vec::new();
        for (key, own) in &self.own {
            let Some(excess) = own.excess() else { continue };
            let next = subjects.len();
            let server = *subjects.entry(&key.0).or_insert(next);
            let next = observers.len();
            let client = *observers.entry(&key.1).or_insert(next);
            cells.push(Cell {
                client,
                server,
                excess,
                traffic: f32::NAN,
            });
            keys.push(key);
        }
        let clients = vec![Client { weight: 1.0, site: 0 }; observers.len()];
        let servers = vec![0; subjects.len()];
        let told = blame(&Cells {
            clients: &clients,
            servers: &servers,
            cells: &cells,
            hints: &[],
        });
        for accusation in told {
            let concerns = |cell: &Cell| match accusation.blame {
                Blame::Server(server) => cell.server == server,
                Blame::Client(client) => cell.client == client,
                Blame::Path { client, server } => (cell.client, cell.server) == (client, server),
                Blame::Link { .. } | Blame::Everything => true,
            };
            let about = cells.iter().zip(&keys).filter(|(cell, _)| concerns(cell));
            let about = about.map(|(_, key)| (*key).clone()).collect();
            self.accused.push((accusation, about));
        }
    }

    /// Whether this path is accused, and could not be the subject just as well.
    fn is_accused_path(&self, key: &Key) -> bool {
        self.accused.iter().any(|(accusation, about)| {
            matches!(accusation.blame, Blame::Path { .. })
                && !matches!(accusation.or, Some(Blame::Server(_)))
                && about.first() == Some(key)
        })
    }

    /// Whether paths of this subject or observer (`side` names it in a cell's key) are accused, and nothing that would be
    /// more than a path.
    fn is_path_alone(&self, side: Side, name: &str) -> bool {
        let about = |cells: &[Key]| cells.iter().any(|key| side(key) == name);
        let mut all = self.accused.iter().filter(|(_, cells)| about(cells)).peekable();
        all.peek().is_some() && all.all(|(_, cells)| cells.first().is_some_and(|key| self.is_accused_path(key)))
    }

    /// Withholds what looks like a slow subject or observer and is a slow path, until it looks well again or is accused
    /// itself.
    pub fn withhold(&mut self, subjects: &Named<String>, observers: &Named<String>) {
        let mut withheld = std::mem::take(&mut self.withheld);
        for ((set, side), members) in withheld.iter_mut().zip(SIDES).zip([subjects, observers]) {
            for name in members.watched() {
                if self.is_path_alone(side, name) {
                    set.insert(name.clone());
                } else if self.is_accused(side, name) {
                    set.remove(name);
                }
            }
            set.retain(|name| members.is_watched(name.as_str()));
        }
        self.withheld = withheld;
    }

    /// Whether this subject, or observer, is accused as a whole.
    fn is_accused(&self, side: Side, name: &str) -> bool {
        self.accused.iter().any(|(accusation, cells)| {
            let whole = !matches!(accusation.blame, Blame::Path { .. });
            whole && !cells.is_empty() && cells.iter().all(|key| side(key) == name)
        })
    }

    /// Whether the alarm of this subject is withheld: the path is told instead.
    pub fn withholds_subject(&self, subject: &str) -> bool {
        self.withheld[0].contains(subject)
    }

    /// The same of an observer.
    pub fn withholds_observer(&self, observer: &str) -> bool {
        self.withheld[1].contains(observer)
    }

    /// How many of its observers find an accused subject slow, and of how many.
    pub fn clients_of(&self, subject: &str) -> Option<(usize, usize)> {
        self.accused.iter().find_map(|(accusation, about)| {
            let of_it =
                matches!(accusation.blame, Blame::Server(_)) && about.first().is_some_and(|key| key.0 == subject);
            of_it.then_some((accusation.agree, accusation.of))
        })
    }

    /// The paths whose state is another than was last told: an alarm of one that is accused, and its end.
    pub fn changes(&mut self) -> Vec<(Key, Judgement)> {
        let accused = self.accused.iter().filter_map(|(_, about)| about.first());
        let accused: Vec<Key> = accused.filter(|key| self.is_accused_path(key)).cloned().collect();
        let mut changes = Vec::new();
        for key in accused {
            if let Some(now) = self.cells.judge(&key)
                && now.state.is_alarm()
                && self.told.get(&key) != Some(&now.state)
            {
                self.told.insert(key.clone(), now.state);
                changes.push((key, now));
            }
        }
        let cells = &self.cells;
        self.told.retain(|key, _| {
            let over = cells.judge(key).filter(|now| now.state == State::Ok);
            changes.extend(over.map(|now| (key.clone(), now)));
            over.is_none()
        });
        changes
    }
}
