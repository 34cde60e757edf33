//! Which rows a page has and in what order. Rows hold identities and places, no text: text is made
//! for the visible ones alone, at drawing time.

use super::{filter::Filter, groups::Groups, past::Past};
use crate::{
    collect::FleetView,
    facts::UnixMs,
    fleet::{HostName, SegmentName, SliceName, TopologyName},
    remote::log::LogEntry,
    verdict::{Code, Severity, Subject},
};
use std::{collections::HashMap, sync::Arc};

mod rows;

/// What a row is about; selection is kept by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    /// A storage segment.
    Segment(SegmentName),
    /// A MySQL or Galera topology.
    Topology(TopologyName),
    /// Hosts of one role and site that belong to neither.
    Group(Arc<str>),
    /// A host.
    Host(HostName),
    /// A slice.
    Slice(SliceName),
    /// A finding.
    Finding(Code, Subject),
    /// A finding that is over, by its running number.
    Cleared(u64),
    /// A log entry, by its running number.
    Log(u64),
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is about.
    pub id: Id,
    /// How far it is indented.
    pub depth: u8,
    /// Last child of its parent, for tree lines.
    pub last: bool,
    /// Its severity, for `n` and sorting.
    pub severity: Severity,
    /// Its place in what the page lists: hosts, groups, segments, topologies, findings, cleared findings or
    /// log entries.
    pub at: usize,
    /// Second place: the slice within its segment, the newest repeat of a log entry.
    pub sub: usize,
    /// For a group: whether its members are shown.
    pub open: Option<bool>,
    /// For an open group: members left out because they are well. For a log entry: its repeats left out.
    pub quiet: usize,
}

impl Row {
    fn new(id: Id, severity: Severity, at: usize) -> Self {
        Self {
            id,
            depth: 0,
            last: true,
            severity,
            at,
            sub: 0,
            open: None,
            quiet: 0,
        }
    }
}

/// The pages that are lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListKind {
    /// Hosts by segment, topology and role.
    Fleet,
    /// Slices by segment.
    Storage,
    /// Members by topology.
    Database,
    /// Findings.
    Findings,
    /// The log book.
    Log,
}

/// Sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// Worst first.
    Worst,
    /// By name.
    Name,
    /// By load.
    Load,
    /// By CPU use.
    Cpu,
    /// By memory use.
    Memory,
    /// By the fullest filesystem.
    Disk,
    /// By latency.
    Latency,
    /// By replica lag.
    Lag,
    /// By age: of the data, the finding or the entry.
    Age,
}

impl SortKey {
    /// Every key.
    pub const ALL: &'static [Self] = &[
        Self::Worst,
        Self::Name,
        Self::Load,
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Latency,
        Self::Lag,
        Self::Age,
    ];

    /// Its name in the header and the palette.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Name => "name",
            Self::Load => "load",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Latency => "latency",
            Self::Lag => "lag",
            Self::Age => "age",
        }
    }

    /// The keys that have a meaning on a page; the first is the default.
    #[must_use]
    pub const fn of(kind: ListKind) -> &'static [Self] {
        match kind {
            ListKind::Fleet => Self::ALL,
            ListKind::Storage | ListKind::Database => &[Self::Worst, Self::Name],
            ListKind::Findings => &[Self::Worst, Self::Age, Self::Name],
            ListKind::Log => &[Self::Age],
        }
    }
}

/// How groups are folded when no group has been folded by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FoldAll {
    /// Open where something is wrong.
    #[default]
    Auto,
    /// All open.
    Open,
    /// All closed.
    Closed,
}

/// All that decides rows and their order.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The fleet.
    pub view: &'a FleetView,
    /// Its groups.
    pub groups: &'a Groups,
    /// The log, oldest first.
    pub log: &'a [LogEntry],
    /// Findings that are over.
    pub past: &'a Past,
    /// Whether all is shown: cleared findings, repeats in the log.
    pub all: bool,
    /// Now.
    pub now: UnixMs,
    /// What is let through.
    pub filter: &'a Filter,
    /// The order.
    pub sort: SortKey,
    /// Turned round.
    pub reverse: bool,
    /// Groups folded or unfolded by hand.
    pub folds: &'a HashMap<Id, bool>,
    /// The others.
    pub fold_all: FoldAll,
}

/// The rows of a page.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The rows in order.
    pub rows: Vec<Row>,
    /// Things that could be shown (groups not counted).
    pub total: usize,
    /// Things that the filter hides.
    pub hidden: usize,
    /// Things that are folded away until all is asked for: repeats in the log, cleared findings.
    pub folded: usize,
}

/// Puts fresh rows into the order that is on screen already: known rows keep their place, new ones stay
/// behind the row they follow.
pub fn hold(fresh: &mut [Row], shown: &[Row]) {
    let places: HashMap<&Id, usize> = shown.iter().enumerate().map(|(at, row)| (&row.id, at)).collect();
    let mut last = 0;
    let mut keys: Vec<(usize, Row)> = fresh
        .iter()
        .map(|row| {
            last = places.get(&row.id).copied().unwrap_or(last);
            (last, row.clone())
        })
        .collect();
    keys.sort_by_key(|(place, _)| *place);
    for (slot, (_, row)) in fresh.iter_mut().zip(keys) {
        *slot = row;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_rows_keep_their_places() {
        let row = |number| Row::new(Id::Log(number), Severity::Ok, 0);
        let ids = |rows: &[Row]| -> Vec<u64> {
            rows.iter()
                .map(|row| match row.id {
                    Id::Log(number) => number,
                    _ => 0,
                })
                .collect()
        };
        let shown = [row(1), row(2), row(3)];
        let mut fresh = [row(3), row(9), row(1), row(2)];
        hold(&mut fresh, &shown);
        assert_eq!(ids(&fresh), [1, 2, 3, 9]);
        let mut fewer = [row(3), row(1)];
        hold(&mut fewer, &shown);
        assert_eq!(ids(&fewer), [1, 3]);
    }
}
