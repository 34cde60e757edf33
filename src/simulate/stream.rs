//! Datasets of ZFS between which a slice moves by its snapshots, with the rules of zfs-send(8) and zfs-receive(8): what is sent
//! since a snapshot needs that snapshot on both sides, and is received only over what was not changed since.

use super::{
    copy::{BRINGS, PASS_S, Plain},
    drbd::Replica,
    island::Island,
    node::whole,
};

/// How much longer a stream takes that begins at nothing, seconds: more than it may be short of, so others follow.
const FIRST_S: f64 = 16.0;

/// A dataset, mounted where the slice is.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Its host.
    pub node: usize,
    /// Its name.
    pub name: String,
    /// Of which slice it is the old side (`pointsman:old`).
    pub old: Option<String>,
    /// Snapshots of runs, the oldest first.
    pub snapshots: Vec<Snapshot>,
    /// What is left of others: a stream can begin at these as well.
    pub bookmarks: Vec<Snapshot>,
    /// A stream that was cut and can be gone on with.
    pub partial: Option<Partial>,
    /// Whether it was changed since its last snapshot, be it by reading.
    pub modified: bool,
    /// Whether its tool can go on with a stream that was cut.
    pub resumes: bool,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its name, behind the dataset's.
    pub name: String,
    /// What it is known by wherever it is received.
    pub guid: u64,
    /// Which replica it is of, and how much of that it has: seconds of writing.
    pub has: (usize, f64),
}

/// A stream, as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    /// What it brings.
    pub brings: Snapshot,
    /// Since which snapshot; since the beginning where there is none.
    pub since: Option<u64>,
    /// What is left to bring, seconds.
    pub left_s: f64,
    /// Whether it was gone on with.
    pub resumed: bool,
}

impl Dataset {
    /// One that nothing was done to yet.
    #[must_use]
    pub fn new(node: usize, name: &str) -> Self {
        Self {
            node,
            name: name.to_owned(),
            old: None,
            snapshots: Vec::new(),
            bookmarks: Vec::new(),
            partial: None,
            modified: false,
            resumes: true,
        }
    }
}

/// Where a stream comes from and goes to, by places in the island: the dataset that is sent and its replica; the dataset that is
/// received over, and its filesystem.
struct Line {
    from: usize,
    replica: usize,
    to: usize,
    plain: usize,
}

impl Island {
    /// The dataset of that name on a host.
    pub(super) fn dataset(&self, at: usize, name: &str) -> Option<usize> {
        let mut datasets = self.copies.datasets.iter();
        datasets.position(|dataset| dataset.node == at && dataset.name == name)
    }

    /// The replica that a dataset is, where it is one.
    pub(super) fn replica_of(&self, name: &str) -> Option<usize> {
        let is_it = |replica: &Replica| replica.dataset.as_deref() == Some(name);
        self.replicas.iter().position(is_it)
    }

    /// The filesystem that a dataset is, where no replica is.
    pub(super) fn plain_of(&self, at: usize, name: &str) -> Option<usize> {
        let is_it = |plain: &Plain| plain.node == at && plain.device == name;
        self.copies.plains.iter().position(is_it)
    }

    /// From where a task with these words receives: `stream DATASET MARK ADDRESS:PORT`. `None` where nobody answers.
    fn line(&self, at: usize, argv: &[String]) -> Option<Line> {
        let [_, dataset, mark, source] = argv else { return None };
        let ip: std::net::Ipv4Addr = source.split(':').next()?.parse().ok()?;
        let node = self
            .nodes
            .iter()
            .position(|node| node.ip == ip || node.addresses.iter().any(|(own, _)| *own == ip))?;
        let host = &self.nodes[node];
        let serves = |task: &&super::copy::Task| {
            task.is_alive(host.boots) && !task.held && task.argv.first().is_some_and(|word| word == "socat")
        };
        let sent = host.store.tasks.values().find(serves)?.argv.last()?;
        let (plain, from) = (self.plain_of(at, dataset)?, self.dataset(node, sent)?);
        let marked = self.copies.plains[plain].mark.as_ref() == Some(mark);
        (host.is_up() && marked).then_some(Line {
            from,
            replica: self.replica_of(sent)?,
            to: self.dataset(at, dataset)?,
            plain,
        })
    }

    /// Begins to receive: how long it takes, and what the slice has by then. The sender makes a snapshot, unless a stream that was
    /// cut can be gone on with.
    pub(super) fn begin_stream(&mut self, at: usize, argv: &[String]) -> (f64, f64) {
        let Some(line) = self.line(at, argv) else {
            return (0.0, 0.0);
        };
        let datasets = &mut self.copies.datasets;
        let resumes = datasets[line.from].resumes && datasets[line.to].resumes;
        if let Some(mut partial) = datasets[line.to].partial.clone()
            && resumes
            && datasets[line.from].snapshots.contains(&partial.brings)
        {
            partial.resumed = true;
            datasets[line.to].partial = Some(partial.clone());
            return (partial.left_s, partial.brings.has.1);
        }
        datasets[line.to].partial = None;
        let base = datasets[line.to].snapshots.last().map(|snapshot| snapshot.guid);
        let sender = &mut datasets[line.from];
        let known = |snapshot: &&Snapshot| Some(snapshot.guid) == base;
        let base = sender.snapshots.iter().chain(&sender.bookmarks).find(known).cloned();
        sender.snapshots.retain(|snapshot| Some(snapshot) == base.as_ref());
        sender.bookmarks.retain(|snapshot| Some(snapshot) == base.as_ref());
        let written = self.copies.written.get(&line.replica).copied().unwrap_or_default();
        self.copies.guids += 1;
        let datasets = &mut self.copies.datasets;
        let brings = Snapshot {
            name: format!("pointsman-run-{}", self.copies.guids),
            guid: 7_000_000 + self.copies.guids,
            has: (line.replica, written),
        };
        datasets[line.from].snapshots.push(brings.clone());
        let more = if let Some(base) = &base {
            (written - base.has.1).max(0.0) * BRINGS[0]
        } else {
            // Nothing in common: from the beginning.
            datasets[line.to].snapshots.clear();
            FIRST_S
        };
        datasets[line.to].partial = Some(Partial {
            brings,
            since: base.map(|base| base.guid),
            left_s: PASS_S + more,
            resumed: false,
        });
        (PASS_S + more, written)
    }

    /// A stream has come so far in the time that was left, or its end: what that tells, an exit code and words.
    pub(super) fn stream(&mut self, at: usize, argv: &[String], left_s: f64) -> Option<(i32, String)> {
        let Some(line) = self.line(at, argv) else {
            let marked = argv.get(1).and_then(|name| self.plain_of(at, name));
            let marked = marked.is_some_and(|plain| self.copies.plains[plain].mark.as_ref() == argv.get(2));
            let code = if marked { 10 } else { 1 };
            return Some((code, "cannot receive: failed to read from stream\n".to_owned()));
        };
        let lost = || Some((10, "cannot receive: incomplete stream\n".to_owned()));
        let Some(mut partial) = self.copies.datasets[line.to].partial.clone() else {
            return lost();
        };
        if !self.copies.datasets[line.from].snapshots.contains(&partial.brings) {
            return lost();
        }
        partial.left_s = left_s.max(0.0);
        let to = &mut self.copies.datasets[line.to];
        to.partial = Some(partial.clone());
        if left_s > 0.0 {
            return None;
        }
        if to.modified || self.copies.plains[line.plain].own > 0.0 {
            let says = "cannot receive incremental stream: destination has been modified\n".to_owned();
            return Some((10, says));
        }
        if to.snapshots.last().map(|snapshot| snapshot.guid) != partial.since {
            let says = "cannot receive incremental stream: most recent snapshot does not match\n".to_owned();
            return Some((10, says));
        }
        let bytes = whole(partial.brings.has.1) * 4096 + 4096;
        let resumed = if partial.resumed { "Resumed\n" } else { "" };
        self.copies.plains[line.plain].has = Some(partial.brings.has);
        to.snapshots = vec![partial.brings];
        to.partial = None;
        let (device, used) = (to.name.clone(), self.replicas[line.replica].used_kib);
        let mut filesystems = self.nodes[at].filesystems.iter_mut();
        if let Some(filesystem) = filesystems.find(|filesystem| filesystem.source == device) {
            filesystem.used_kib = used;
        }
        Some((0, format!("Size of the stream: {bytes} bytes\n{resumed}")))
    }
}
