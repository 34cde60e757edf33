//! The log book: what the program did, for the Log view. Bounded; the oldest entries go first.

use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Entries kept.
const LIMIT: usize = 5000;

/// How much an entry matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Routine.
    Info,
    /// Something a person may want to look at.
    Warning,
    /// Something failed.
    Error,
}

/// One thing that the program did or that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// Running number, never reused.
    pub seq: u64,
    /// When it began.
    pub at: UnixMs,
    /// How much it matters.
    pub level: Level,
    /// The host concerned, if one.
    pub host: Option<HostName>,
    /// What: for a remote command the exact command.
    pub text: CleanText,
    /// Exit code of a remote command.
    pub exit: Option<i32>,
    /// How long it took.
    pub took: Option<Duration>,
}

/// A shared, bounded list of [`LogEntry`]. Cloning gives another handle to the same list.
#[derive(Debug, Clone, Default)]
pub struct LogBook(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    entries: VecDeque<LogEntry>,
}

impl LogBook {
    /// Adds an entry; its `seq` is set here. The entry also goes to `tracing`, and so to the log file.
    pub fn add(&self, mut entry: LogEntry) {
        let host = entry.host.as_ref().map_or("-", HostName::as_str);
        let took_ms = entry
            .took
            .map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        match entry.level {
            Level::Info => tracing::info!(host, exit = entry.exit, took_ms, "{}", entry.text),
            Level::Warning => tracing::warn!(host, exit = entry.exit, took_ms, "{}", entry.text),
            Level::Error => tracing::error!(host, exit = entry.exit, took_ms, "{}", entry.text),
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entry.seq = inner.next;
        inner.next += 1;
        if inner.entries.len() == LIMIT {
            inner.entries.pop_front();
        }
        inner.entries.push_back(entry);
    }

    /// Adds a plain line.
    pub fn note(&self, at: UnixMs, level: Level, host: Option<&HostName>, text: impl Into<CleanText>) {
        self.add(LogEntry {
            seq: 0,
            at,
            level,
            host: host.cloned(),
            text: text.into(),
            exit: None,
            took: None,
        });
    }

    /// The newest `count` entries, oldest first.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<LogEntry> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = inner.entries.len().saturating_sub(count);
        inner.entries.iter().skip(skip).cloned().collect()
    }

    /// The number that the next entry will get; it changes exactly when an entry is added.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next
    }
}
