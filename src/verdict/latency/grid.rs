//! The matrix of one kind of work: who sees whom how slow, what is to blame, and what is excused.

use super::{
    Latency, Op,
    peers::Peers,
    picture::{Blamed, StreamId, seen_ratio},
    suspects::{Accused, Suspect},
    tell::{Alarm, is_semi_failed},
};
use crate::{
    facts::CleanText,
    fleet::HostName,
    verdict::failslow::{Judgement, State},
};
use std::collections::BTreeMap;

/// One cell of a [`Grid`].
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The stream behind it; the slowest, where it stands for several.
    pub stream: StreamId,
    /// Latency over its own past (NFS) or its peers.
    pub ratio: f32,
    /// Its state among its peers.
    pub state: State,
    /// It was measured lately by an observer that is trusted.
    pub counts: bool,
    /// It was measured lately, by whomever.
    pub fresh: bool,
    /// The cell itself is to blame: a path.
    pub blamed: bool,
    /// It may be slow, and nobody is blamed for it: what its host does explains it, many have a cause in common, or it is the
    /// console that is slow.
    pub explained: bool,
}

/// One row: a host, and as whom it sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The host.
    pub host: HostName,
    /// Why its readings are not counted, or only half; empty where it is trusted.
    pub busy: String,
    /// The whole row is to blame.
    pub blamed: bool,
    /// One entry a column.
    pub cells: Vec<Option<Cell>>,
}

/// One column: a server, or a disk's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What stands above it.
    pub name: CleanText,
    /// The host that it stands for, if it is a server.
    pub host: Option<HostName>,
    /// The whole column is to blame.
    pub blamed: bool,
    /// Why the server is not to blame for what its clients see.
    pub excuse: Option<Excuse>,
}

/// Why a server is not blamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excuse {
    /// It has much more to do than usual: so much more, and what its clients see, in words.
    Busy(String),
    /// What it does explains it, or what a server does that it waits for: what that is.
    Explained(String),
}

/// The picture of one kind of work: clients × servers, or hosts × disks.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// What is timed.
    pub op: Op,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Who is blamed for what clients see.
    pub blamed: Vec<Blamed>,
}

impl Latency {
    /// The picture of one kind of work.
    #[must_use]
    pub fn grid(&self, op: Op) -> Grid {
        let mut cells: BTreeMap<(usize, Side), Cell> = BTreeMap::new();
        for peers in self.groups.iter().filter(|peers| peers.key.op() == op) {
            for (place, member) in peers.members.iter().enumerate().filter(|(_, member)| !member.retired) {
                let side = match (op.is_nfs(), peers.server) {
                    (true, Some(server)) => Side::Server(server),
                    // Nobody is known to serve it now.
                    (true, None) => continue,
                    (false, _) => Side::Name(member.name.clone()),
                };
                let Some(cell) = self.cell(peers, place) else { continue };
                let known = cells.entry((member.host, side)).or_insert(cell);
                if known.ratio.is_nan() || (cell.counts, cell.ratio) > (known.counts, known.ratio) {
                    *known = cell;
                }
            }
        }
        let mut sides: Vec<Side> = cells.keys().map(|(_, side)| side.clone()).collect();
        sides.sort();
        sides.dedup();
        let mut hosts: Vec<usize> = cells.keys().map(|(host, _)| *host).collect();
        hosts.dedup();
        let told = |accused: &Accused| {
            self.suspects
                .iter()
                .any(|one| one.is_culprit() && one.accused == *accused)
        };
        let behind = |name: &HostName| {
            let told = self.suspects.iter().filter(|one| one.is_told());
            told.filter_map(|one| one.behind.as_ref())
                .any(|(secondary, _)| secondary == name)
        };
        let rows = hosts.iter().filter_map(|at| {
            let host = self.hosts.get(*at)?;
            let observes = op.is_nfs() || op == Op::Poll;
            Some(Row {
                host: host.name.clone(),
                busy: if observes { host.busy.clone() } else { String::new() },
                blamed: op.is_nfs() && told(&Accused::Client(host.name.clone())),
                cells: sides
                    .iter()
                    .map(|side| cells.get(&(*at, side.clone())).copied())
                    .collect(),
            })
        });
        let rows = rows.collect();
        let columns = sides.iter().map(|side| match side {
            Side::Server(at) => {
                let name = &self.hosts[*at].name;
                let slow_disk = self.has_slow_disk(*at) && !self.is_slow_together(*at);
                let blamed = told(&Accused::Server(name.clone())) || behind(name) || slow_disk;
                Column {
                    name: name.as_str().into(),
                    host: Some(name.clone()),
                    blamed,
                    excuse: if blamed { None } else { self.excuse(*at, &cells) },
                }
            }
            Side::Name(name) => Column {
                name: match (name.is_empty(), op) {
                    (true, Op::Poll) => "console".into(),
                    (true, _) => "itself".into(),
                    (false, _) => name.clone(),
                },
                host: None,
                blamed: false,
                excuse: None,
            },
        });
        Grid {
            op,
            columns: columns.collect(),
            rows,
            blamed: if op.is_nfs() { self.blamed() } else { Vec::new() },
        }
    }

    /// Why a server that is not blamed is not, where there is something to excuse.
    fn excuse(&self, server: usize, cells: &BTreeMap<(usize, Side), Cell>) -> Option<Excuse> {
        let watched = self.hosts.get(server)?;
        let of_it = |one: &&Suspect| matches!(&one.accused, Accused::Server(name) if *name == watched.name);
        let suspect = self.suspects.iter().find(of_it);
        if let Some(cause) = suspect.and_then(Suspect::explained) {
            return Some(Excuse::Explained(cause.to_owned()));
        }
        if !watched.much_asked {
            return None;
        }
        let column = cells.iter().filter(|((_, side), _)| *side == Side::Server(server));
        let mut ratios: Vec<f32> = column
            .map(|(_, cell)| cell)
            .filter(|cell| cell.counts && !cell.ratio.is_nan())
            .map(|cell| cell.ratio)
            .collect();
        ratios.sort_by(f32::total_cmp);
        let load = watched.asked.above_usual().exp();
        let seen = ratios.get(ratios.len() / 2).map_or_else(String::new, |ratio| {
            format!("; at equal load its clients see {ratio:.1}× their own past")
        });
        Some(Excuse::Busy(format!("{load:.1}× its usual load{seen}")))
    }

    /// Whether nobody is blamed for a stream, however slow it is.
    fn is_explained(&self, peers: &Peers, place: usize, now: Judgement) -> bool {
        let op = peers.key.op();
        if op.is_nfs() {
            return false;
        }
        let alarm = Alarm { peers, place, now };
        let together = is_semi_failed(&alarm) && self.together.contains(&peers.key);
        op == Op::Poll && self.judges_no_poll() || together || alarm.explained().is_some()
    }

    fn cell(&self, peers: &Peers, place: usize) -> Option<Cell> {
        let member = &peers.members[place];
        let now = peers.group.judge(place)?;
        let op = peers.key.op();
        let host = self.hosts.get(member.host)?;
        let ratio = if op.is_nfs() {
            seen_ratio(peers, place, host.weight).unwrap_or(f32::NAN)
        } else {
            now.ratio
        };
        let path = peers
            .server
            .and_then(|server| self.hosts.get(server))
            .map(|server| Accused::Path(host.name.clone(), server.name.clone()));
        let blamed = |suspect: &Suspect| suspect.is_told() && path.as_ref() == Some(&suspect.accused);
        let observes = op.is_nfs() || op == Op::Poll;
        Some(Cell {
            stream: StreamId(member.id),
            ratio,
            state: now.state,
            counts: member.speaks() && (!observes || host.weight > 0.0),
            fresh: member.speaks(),
            blamed: op.is_nfs() && self.suspects.iter().any(blamed),
            explained: self.is_explained(peers, place, now),
        })
    }
}

/// What a column stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Server(usize),
    Name(CleanText),
}
