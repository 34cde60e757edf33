//! One `known_hosts` text, indexed once: plain names in a map, patterns and hashed names in lists.

use super::line::{self, Hosts, Marker};
use russh::keys::ssh_key::public::KeyData;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Names whose hashed lookup is remembered; a hash is different on each line, so finding one costs
/// a computation a line.
const HASHED_CACHE: usize = 20_000;
/// Warnings kept of one text.
const WARNINGS: usize = 1000;

/// A key of a `known_hosts` file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the line says of the key.
    pub marker: Marker,
    /// The key.
    pub key: KeyData,
    /// The file; shared by all its entries.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

/// An indexed text.
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
    names: HashMap<String, Vec<usize>>,
    patterns: Vec<(Vec<String>, usize)>,
    hashed: Vec<(Vec<u8>, [u8; 20], usize)>,
    /// Lines that name hosts but hold a key that cannot be read.
    unreadable: Vec<(Hosts, usize)>,
    file: Arc<Path>,
    hashed_cache: Mutex<HashMap<String, Vec<usize>>>,
    /// Lines that could not be read, with the reason.
    pub warnings: Vec<(usize, &'static str)>,
}

impl Index {
    /// Indexes a text. A line that cannot be read costs a warning, never the file.
    #[must_use]
    pub fn new(path: &Path, text: &[u8]) -> Self {
        let file: Arc<Path> = PathBuf::from(path).into();
        let mut index = Self {
            entries: Vec::new(),
            names: HashMap::new(),
            patterns: Vec::new(),
            hashed: Vec::new(),
            unreadable: Vec::new(),
            file: Arc::clone(&file),
            hashed_cache: Mutex::default(),
            warnings: Vec::new(),
        };
        for (number, raw) in text.split(|byte| *byte == b'\n').enumerate() {
            let text = String::from_utf8_lossy(raw);
            match line::parse(&text) {
                Ok(None) => {}
                Ok(Some(parsed)) => index.add(parsed, &file, number + 1),
                Err(why) => {
                    if index.warnings.len() < WARNINGS {
                        index.warnings.push((number + 1, why));
                    }
                    if let Some(hosts) = line::hosts_of_a_key(&text) {
                        index.unreadable.push((hosts, number + 1));
                    }
                }
            }
        }
        index
    }

    fn add(&mut self, parsed: line::Line, file: &Arc<Path>, number: usize) {
        let at = self.entries.len();
        self.entries.push(Entry {
            marker: parsed.marker,
            key: parsed.key,
            file: Arc::clone(file),
            line: number,
        });
        match parsed.hosts {
            Hosts::Names(names) => {
                for name in names {
                    self.names.entry(name).or_default().push(at);
                }
            }
            Hosts::Patterns(patterns) => self.patterns.push((patterns, at)),
            Hosts::Hashed { salt, hash } => self.hashed.push((salt, hash, at)),
        }
    }

    /// The entries for a lower-case name, in the order of the file.
    pub fn find(&self, name: &str) -> impl Iterator<Item = &Entry> {
        let mut found: Vec<usize> = self.names.get(name).cloned().unwrap_or_default();
        found.extend(
            self.patterns
                .iter()
                .filter(|(patterns, _)| line::list_matches(patterns, name))
                .map(|(_, at)| *at),
        );
        found.extend(self.find_hashed(name));
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|at| &self.entries[at])
    }

    /// Where lines for a lower-case name hold a key that cannot be read: such a host is no new one.
    pub fn find_unreadable(&self, name: &str) -> impl Iterator<Item = String> {
        let hit = move |hosts: &Hosts| match hosts {
            Hosts::Names(names) => names.iter().any(|known| known == name),
            Hosts::Patterns(patterns) => line::list_matches(patterns, name),
            Hosts::Hashed { salt, hash } => line::hash_name(salt, name) == Some(*hash),
        };
        let found = self.unreadable.iter().filter(move |(hosts, _)| hit(hosts));
        found.map(|(_, number)| format!("{}:{number}", self.file.display()))
    }

    fn find_hashed(&self, name: &str) -> Vec<usize> {
        if self.hashed.is_empty() {
            return Vec::new();
        }
        let cache = || self.hashed_cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(name) {
            return known.clone();
        }
        let found: Vec<usize> = self
            .hashed
            .iter()
            .filter(|(salt, hash, _)| line::hash_name(salt, name) == Some(*hash))
            .map(|(_, _, at)| *at)
            .collect();
        let mut cache = cache();
        if cache.len() < HASHED_CACHE {
            cache.insert(name.to_owned(), found.clone());
        }
        found
    }
}
