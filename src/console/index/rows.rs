//! How the rows of each page are made: filtered, sorted, grouped and folded.

use super::{FoldAll, Id, Index, ListKind, Query, Row, SortKey};
use crate::{
    console::{
        groups::{Group, natural},
        past::Cleared,
        sides::SliceFacts,
        status,
        subjects::{FindingSubject, HostSubject, LogSubject, SliceSubject, log_severity},
        tree,
    },
    facts::UnixMs,
    fleet::HostName,
    remote::log::Level,
    verdict::{Severity, SubjectKind},
};
use std::{cmp::Ordering, collections::HashMap};

/// Groups of more hosts show only those that are not well until they are unfolded by hand.
const SMALL_GROUP: usize = 4;

impl Query<'_> {
    /// The rows of a page.
    #[must_use]
    pub fn index(&self, kind: ListKind) -> Index {
        match kind {
            ListKind::Fleet => self.fleet(),
            ListKind::Storage => self.storage(),
            ListKind::Database => self.database(),
            ListKind::Findings => self.findings(),
            ListKind::Log => self.log(),
        }
    }

    /// Worst severity of findings about slices, segments and topologies, by name.
    fn fleet_severities(&self) -> HashMap<(SubjectKind, &str), Severity> {
        let mut out = HashMap::new();
        for finding in &*self.view.findings {
            if finding.subject.host.is_none() {
                let worst = out
                    .entry((finding.subject.kind, finding.subject.name.as_str()))
                    .or_insert(Severity::Ok);
                *worst = (*worst).max(finding.severity);
            }
        }
        out
    }

    fn host_matches(&self, at: usize) -> bool {
        self.filter.is_empty()
            || self.filter.matches(&HostSubject {
                view: self.view,
                host: &self.view.fleet.hosts[at],
                seen: &self.view.hosts[at],
                now: self.now,
            })
    }

    fn turned(&self, order: Ordering) -> Ordering {
        if self.reverse { order.reverse() } else { order }
    }

    fn fleet(&self) -> Index {
        let view = self.view;
        let known = view.hosts.len().min(view.fleet.hosts.len());
        let severities: Vec<Severity> = view.hosts.iter().map(|host| status::severity(host, self.now)).collect();
        let values: Vec<Option<f64>> = match self.sort {
            SortKey::Worst | SortKey::Name => Vec::new(),
            key => view.hosts.iter().map(|host| value(host, key, self.now)).collect(),
        };
        let findings = self.fleet_severities();
        let mut index = Index {
            total: known,
            ..Index::default()
        };
        let mut blocks: Vec<(Severity, Option<f64>, usize, Vec<Row>)> = Vec::new();
        for (at, group) in self.groups.list.iter().enumerate() {
            let present: Vec<usize> = group.hosts.iter().copied().filter(|host| *host < known).collect();
            let mut hosts: Vec<usize> = present
                .iter()
                .copied()
                .filter(|host| self.host_matches(*host))
                .collect();
            index.hidden += present.len() - hosts.len();
            if hosts.is_empty() && !self.filter.is_empty() {
                continue;
            }
            hosts.sort_by(|a, b| self.turned(self.compare_hosts(*a, *b, &severities, &values)));
            let own = self.group_severity(group, &findings);
            let worst = present.iter().map(|host| severities[*host]).fold(own, Severity::max);
            let top = hosts
                .iter()
                .filter_map(|host| values.get(*host).copied().flatten())
                .reduce(f64::max);
            blocks.push((worst, top, at, self.group_rows(at, group, worst, &hosts, &severities)));
        }
        blocks.sort_by(|a, b| {
            let order = match self.sort {
                SortKey::Worst => b.0.cmp(&a.0).then(a.2.cmp(&b.2)),
                SortKey::Name => natural(&self.groups.list[a.2].name, &self.groups.list[b.2].name),
                _ => descending(a.1, b.1).then(a.2.cmp(&b.2)),
            };
            self.turned(order)
        });
        index.rows = blocks.into_iter().flat_map(|block| block.3).collect();
        index
    }

    fn compare_hosts(&self, a: usize, b: usize, severities: &[Severity], values: &[Option<f64>]) -> Ordering {
        let rank = self.groups.rank[a].cmp(&self.groups.rank[b]);
        match self.sort {
            SortKey::Worst => severities[b].cmp(&severities[a]).then(rank),
            SortKey::Name => rank,
            _ => descending(values[a], values[b]).then(rank),
        }
    }

    fn group_severity(&self, group: &Group, findings: &HashMap<(SubjectKind, &str), Severity>) -> Severity {
        let of = |kind, name: &str| findings.get(&(kind, name)).copied().unwrap_or_default();
        match &group.id {
            Id::Segment(name) => {
                let segment = self.view.fleet.segments.iter().find(|segment| segment.name == *name);
                let slices = segment.into_iter().flat_map(|segment| &segment.slices);
                slices
                    .map(|slice| of(SubjectKind::Slice, slice.name.as_str()))
                    .fold(of(SubjectKind::Segment, name.as_str()), Severity::max)
            }
            Id::Topology(name) => of(SubjectKind::Topology, name.as_str()),
            _ => Severity::Ok,
        }
    }

    /// Whether a group is open, and whether a person said so.
    fn open(&self, id: &Id, severity: Severity) -> (bool, bool) {
        match (self.folds.get(id), self.fold_all) {
            (Some(open), _) => (*open, true),
            (None, FoldAll::Open) => (true, true),
            (None, FoldAll::Closed) => (false, true),
            (None, FoldAll::Auto) => (severity >= Severity::Warning || !self.filter.is_empty(), false),
        }
    }

    fn group_rows(
        &self,
        at: usize,
        group: &Group,
        severity: Severity,
        hosts: &[usize],
        severities: &[Severity],
    ) -> Vec<Row> {
        let (open, by_hand) = self.open(&group.id, severity);
        let mut head = Row::new(group.id.clone(), severity, at);
        head.open = Some(open);
        let mut rows = vec![head];
        if open {
            let all = by_hand || hosts.len() <= SMALL_GROUP || !self.filter.is_empty() || self.sort != SortKey::Worst;
            for host in hosts {
                if !all && severities[*host] < Severity::Warning {
                    rows[0].quiet += 1;
                    continue;
                }
                let mut row = Row::new(
                    Id::Host(self.view.fleet.hosts[*host].name.clone()),
                    severities[*host],
                    *host,
                );
                row.depth = 1;
                row.last = false;
                rows.push(row);
            }
        }
        if let [_, .., last] = rows.as_mut_slice() {
            last.last = true;
        }
        rows
    }

    fn storage(&self) -> Index {
        let findings = self.fleet_severities();
        let of = |kind, name: &str| findings.get(&(kind, name)).copied().unwrap_or_default();
        let mut index = Index::default();
        let mut blocks = Vec::new();
        for (at, segment) in self.view.fleet.segments.iter().enumerate() {
            let mut slices = Vec::new();
            for (sub, slice) in segment.slices.iter().enumerate() {
                let facts = SliceFacts::new(self.view, segment, slice, self.now);
                let severity = slice_severity(&facts, of(SubjectKind::Slice, slice.name.as_str()));
                index.total += 1;
                if self.filter.is_empty() || self.filter.matches(&SliceSubject { facts, severity }) {
                    let mut row = Row::new(Id::Slice(slice.name.clone()), severity, at);
                    (row.depth, row.last, row.sub) = (1, false, sub);
                    slices.push(row);
                } else {
                    index.hidden += 1;
                }
            }
            if slices.is_empty() && !self.filter.is_empty() {
                continue;
            }
            let servers = segment.servers.iter().filter_map(|name| self.view.host(name.as_str()));
            let worst = servers.map(|host| status::severity(host, self.now));
            let worst = worst.fold(of(SubjectKind::Segment, segment.name.as_str()), Severity::max);
            let worst = slices.iter().map(|row| row.severity).fold(worst, Severity::max);
            slices.sort_by(|a, b| {
                let name = natural(segment.slices[a.sub].name.as_str(), segment.slices[b.sub].name.as_str());
                self.turned(match self.sort {
                    SortKey::Name => name,
                    _ => b.severity.cmp(&a.severity).then(name),
                })
            });
            blocks.push((
                Row::new(Id::Segment(segment.name.clone()), worst, at),
                segment.name.as_str(),
                slices,
            ));
        }
        index.rows = self.assemble(blocks);
        index
    }

    fn database(&self) -> Index {
        let findings = self.fleet_severities();
        let mut index = Index::default();
        let mut blocks = Vec::new();
        for (at, topology) in self.view.fleet.topologies.iter().enumerate() {
            let own = findings.get(&(SubjectKind::Topology, topology.name.as_str())).copied();
            let mut worst = own.unwrap_or_default();
            let mut members = Vec::new();
            for node in tree::order(self.view, topology) {
                let name = &topology.members[node.member];
                let Some(host) = self.view.fleet.host_index(name.as_str()) else {
                    continue;
                };
                let Some(seen) = self.view.hosts.get(host) else {
                    continue;
                };
                let severity = status::severity(seen, self.now);
                worst = worst.max(severity);
                index.total += 1;
                if self.host_matches(host) {
                    let mut row = Row::new(Id::Host(name.clone()), severity, host);
                    (row.depth, row.last, row.sub) = (node.depth + 1, node.last, at);
                    members.push(row);
                } else {
                    index.hidden += 1;
                }
            }
            if members.is_empty() && !self.filter.is_empty() {
                continue;
            }
            let head = Row::new(Id::Topology(topology.name.clone()), worst, at);
            blocks.push((head, topology.name.as_str(), members));
        }
        index.rows = self.assemble(blocks);
        index
    }

    /// Sorts blocks of a head and its rows, and folds them. On these pages groups are open unless folded
    /// by hand: there are few of them and their rows are the point.
    fn assemble(&self, mut blocks: Vec<(Row, &str, Vec<Row>)>) -> Vec<Row> {
        blocks.sort_by(|a, b| {
            self.turned(match self.sort {
                SortKey::Name => natural(a.1, b.1),
                _ => b.0.severity.cmp(&a.0.severity).then_with(|| natural(a.1, b.1)),
            })
        });
        let mut rows = Vec::new();
        for (mut head, _, members) in blocks {
            let open = self
                .folds
                .get(&head.id)
                .copied()
                .unwrap_or(self.fold_all != FoldAll::Closed);
            head.open = Some(open);
            rows.push(head);
            if open {
                rows.extend(members);
            }
        }
        rows
    }

    fn findings(&self) -> Index {
        let findings = &self.view.findings;
        // A frozen picture shows what was over when it was taken.
        let cleared: Vec<(usize, &Cleared)> = self.past.until(self.view.at).collect();
        let mut index = Index {
            total: findings.len() + if self.all { cleared.len() } else { 0 },
            folded: if self.all { 0 } else { cleared.len() },
            ..Index::default()
        };
        let mut places: Vec<usize> = (0..findings.len())
            .filter(|at| {
                self.filter.matches(&FindingSubject {
                    finding: &findings[*at],
                    cleared: None,
                    now: self.now,
                })
            })
            .collect();
        places.sort_by(|a, b| {
            self.turned(match self.sort {
                SortKey::Age => findings[*b].since.cmp(&findings[*a].since),
                SortKey::Name => findings[*a].subject.cmp(&findings[*b].subject),
                _ => a.cmp(b),
            })
        });
        index.rows = places
            .into_iter()
            .map(|at| {
                let finding = &findings[at];
                Row::new(Id::Finding(finding.code, finding.subject.clone()), finding.severity, at)
            })
            .collect();
        if self.all {
            index.rows.extend(self.cleared(&cleared));
        }
        index.hidden = index.total - index.rows.len();
        index
    }

    /// What is over, below what is not, newest first.
    fn cleared(&self, cleared: &[(usize, &Cleared)]) -> Vec<Row> {
        let mut shown: Vec<&(usize, &Cleared)> = cleared
            .iter()
            .filter(|(_, cleared)| {
                self.filter.matches(&FindingSubject {
                    finding: &cleared.finding,
                    cleared: Some(cleared.at),
                    now: self.now,
                })
            })
            .collect();
        shown.sort_by(|(_, a), (_, b)| {
            self.turned(match self.sort {
                SortKey::Name => a.finding.subject.cmp(&b.finding.subject),
                _ => b.seq.cmp(&a.seq),
            })
        });
        shown
            .into_iter()
            .map(|(at, cleared)| Row::new(Id::Cleared(cleared.seq), Severity::Ok, *at))
            .collect()
    }

    fn log(&self) -> Index {
        let mut rows: Vec<Row> = Vec::new();
        let mut index = Index {
            total: self.log.len(),
            ..Index::default()
        };
        // The commands of each host that went well, and the row of the first time.
        let mut routine: HashMap<Option<&HostName>, HashMap<&str, usize>> = HashMap::new();
        for (at, entry) in self.log.iter().enumerate() {
            if !self.filter.matches(&LogSubject { entry, now: self.now }) {
                index.hidden += 1;
                continue;
            }
            let host = entry.host.as_ref();
            if entry.level != Level::Info || entry.exit != Some(0) {
                // After anything else that happened to a host the same command is news again.
                routine.remove(&host);
            } else if !self.all {
                let known = routine.entry(host).or_default();
                if let Some(first) = known.get(entry.text.as_str()) {
                    rows[*first].quiet += 1;
                    rows[*first].sub = at;
                    index.folded += 1;
                    continue;
                }
                known.insert(entry.text.as_str(), rows.len());
            }
            rows.push(Row::new(Id::Log(entry.seq), log_severity(entry.level), at));
        }
        if !self.reverse {
            rows.reverse();
        }
        index.rows = rows;
        index
    }
}

/// Severity of a slice as shown: its findings; unknown while no side of it can be seen.
fn slice_severity(facts: &SliceFacts<'_>, found: Severity) -> Severity {
    if facts.sides.iter().all(|side| side.stale) {
        found.max(Severity::Unknown)
    } else {
        found
    }
}

fn value(host: &crate::collect::HostView, key: SortKey, now: UnixMs) -> Option<f64> {
    match key {
        SortKey::Worst | SortKey::Name => None,
        SortKey::Load => status::load(host),
        SortKey::Cpu => status::cpu(host),
        SortKey::Memory => status::memory(host),
        SortKey::Disk => status::disk(host),
        SortKey::Latency => status::latency_ms(host),
        SortKey::Lag => status::lag(host),
        SortKey::Age => Some(host.age(now).map_or(f64::MAX, |age| age.as_secs_f64())),
    }
}

/// Greatest first; what is not known comes last.
fn descending(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}
