//! Slices that are copied to another filesystem: the tasks that a host keeps, what was written to each slice, and how much
//! of that a copy has.

use super::{backup, island::Island, nfs::MountState, node::whole, stream::Dataset};
use std::{collections::BTreeMap, fmt::Write as _};

/// How long a pass takes at least, seconds.
pub(super) const PASS_S: f64 = 1.0;
/// How much longer for each second in which clients wrote since the pass before, and for all that was there before it.
pub(super) const BRINGS: [f64; 2] = [0.02, 6.0];
/// How much longer when all content is read.
const READS_S: f64 = 1.0;

/// Filesystems that are no side of a DRBD pair, and what was written to those that are.
#[derive(Debug, Clone, Default)]
pub struct Copies {
    /// The filesystems.
    pub plains: Vec<Plain>,
    /// Those of the filesystems that are datasets of a pool.
    pub datasets: Vec<Dataset>,
    /// How many snapshots were made of them.
    pub guids: u64,
    /// For how many seconds clients have written to each replica, by its place in the island.
    pub written: BTreeMap<usize, f64>,
}

/// A filesystem on a device of its own.
#[derive(Debug, Clone)]
pub struct Plain {
    /// The slice that the inventory calls it.
    pub slice: String,
    /// Its host.
    pub node: usize,
    /// Its device.
    pub device: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// What it says it is.
    pub mark: Option<String>,
    /// What it was copied from, and how much of that it has: seconds of writing.
    pub has: Option<(usize, f64)>,
    /// The backup that was restored to it.
    pub restored: Option<String>,
    /// For how many seconds clients have written to itself.
    pub own: f64,
}

/// A long task of a host.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its words.
    pub argv: Vec<String>,
    /// For which run it runs.
    pub run: String,
    /// When it began, milliseconds of the world's time.
    pub began_ms: u64,
    /// Boots of the host by then.
    pub boots: u32,
    /// Whether it stands still.
    pub held: bool,
    /// Until when it may run unwatched.
    pub until_ms: u64,
    /// Since when it stands still, and for how long it did before, milliseconds.
    pub stopped_ms: u64,
    /// See [`Task::stopped_ms`].
    pub rested_ms: u64,
    /// Whether somebody has ended it.
    pub killed: bool,
    /// What is left to do, seconds; none where it goes on until it is ended.
    pub left_s: Option<f64>,
    /// What the slice had when it began.
    pub brings: f64,
    /// When it ended, and how.
    pub ended: Option<(u64, i32)>,
    /// What it printed.
    pub log: String,
}

impl Task {
    /// It stands still.
    pub fn hold(&mut self, now_ms: u64) {
        if !self.held {
            (self.held, self.stopped_ms) = (true, now_ms);
        }
    }

    /// It goes on.
    pub fn go_on(&mut self, now_ms: u64) {
        if self.held {
            self.rested_ms += now_ms.saturating_sub(self.stopped_ms);
            self.held = false;
        }
    }

    /// Whether it is there still, running or not.
    #[must_use]
    pub fn is_alive(&self, boots: u32) -> bool {
        self.ended.is_none() && !self.killed && self.boots == boots
    }
}

/// From which host a pass reads, which replica, and whether that lets it.
struct Source {
    replica: usize,
    readable: bool,
}

impl Island {
    /// What goes on in `dt` seconds.
    pub(super) fn copy(&mut self, dt: f64) {
        for replica in 0..self.replicas.len() {
            self.write(replica, dt);
        }
        let now = self.now_ms;
        for at in 0..self.nodes.len() {
            if !self.nodes[at].is_up() {
                continue;
            }
            let boots = self.nodes[at].boots;
            let names: Vec<String> = self.nodes[at].store.tasks.keys().cloned().collect();
            for name in names {
                let Some(task) = self.nodes[at].store.tasks.get_mut(&name) else {
                    continue;
                };
                if !task.is_alive(boots) || task.held {
                    continue;
                }
                if now >= task.until_ms {
                    task.hold(now);
                    continue;
                }
                let Some(left) = &mut task.left_s else { continue };
                *left -= dt;
                let (left, over) = (*left, *left <= 0.0);
                let argv = task.argv.clone();
                if argv.first().is_some_and(|program| program == "stream") {
                    if let Some((code, log)) = self.stream(at, &argv, left)
                        && let Some(task) = self.nodes[at].store.tasks.get_mut(&name)
                    {
                        (task.ended, task.log) = (Some((now, code)), log);
                    }
                    continue;
                }
                if backup::takes_s(&argv).is_some() {
                    if over {
                        self.end_of_backup(at, &name, &argv);
                    }
                    continue;
                }
                let readable = self.source(&argv).is_some_and(|source| source.readable);
                if over || !readable {
                    self.end(at, &name, &argv, readable);
                }
            }
        }
    }

    /// Clients write to what serves them.
    fn write(&mut self, replica: usize, dt: f64) {
        let slice = &self.replicas[replica];
        let mut mounts = self.nodes.iter().flat_map(|node| &node.mounts);
        let works =
            mounts.any(|mount| mount.replica == replica && mount.mounted && mount.state == MountState::Answering);
        let Some(server) = self.reached(slice.address).filter(|_| works) else {
            return;
        };
        let writable = |device: &str| {
            let mut filesystems = self.nodes[server].filesystems.iter();
            filesystems.any(|filesystem| filesystem.source == device && !filesystem.read_only)
        };
        if writable(&slice.device()) {
            *self.copies.written.entry(replica).or_default() += dt;
            return;
        }
        let place = slice.mount_point.clone();
        let is_it = |plain: &Plain| plain.node == server && plain.mount_point == place && writable(&plain.device);
        if let Some(at) = self.copies.plains.iter().position(is_it) {
            self.copies.plains[at].own += dt;
        }
    }

    /// What a pass with these words reads: `rsync://ADDRESS:PORT/MODULE/`.
    fn source(&self, argv: &[String]) -> Option<Source> {
        let url = argv.iter().find_map(|word| word.strip_prefix("rsync://"))?;
        let (place, module) = url.trim_end_matches('/').split_once('/')?;
        let ip: std::net::Ipv4Addr = place.split(':').next()?.parse().ok()?;
        let node = self
            .nodes
            .iter()
            .position(|node| node.ip == ip || node.addresses.iter().any(|(own, _)| *own == ip))?;
        let host = &self.nodes[node];
        let served = host.store.tasks.get(module)?;
        let at = served.argv.last()?;
        let replica = self
            .replicas
            .iter()
            .position(|replica| replica.mount_point == *at && replica.side_on(node).is_some())?;
        let device = self.replicas[replica].device();
        let mounted = host.filesystems.iter().any(|filesystem| filesystem.source == device);
        Some(Source {
            replica,
            readable: host.is_up() && served.is_alive(host.boots) && !served.held && mounted,
        })
    }

    /// A task begins: how long it takes, and what it brings.
    pub(super) fn begin_task(&mut self, at: usize, name: &str, lease_s: u64, argv: &[String]) {
        let source = self.source(argv);
        let plain = self.plain(at, argv);
        let (left_s, brings) = match (&source, plain) {
            _ if backup::takes_s(argv).is_some() => (backup::takes_s(argv), 0.0),
            _ if argv.first().is_some_and(|program| program == "stream") => {
                let (left, brings) = self.begin_stream(at, argv);
                (Some(left), brings)
            }
            _ if argv.first().is_none_or(|program| program != "rsync")
                || argv.iter().any(|word| word == "--daemon") =>
            {
                (None, 0.0)
            }
            (Some(source), Some(plain)) => {
                let written = self.copies.written.get(&source.replica).copied().unwrap_or_default();
                let more = match self.copies.plains[plain].has {
                    Some((of, has)) if of == source.replica => (written - has).max(0.0) * BRINGS[0],
                    _ => BRINGS[1],
                };
                let reads = if argv.iter().any(|word| word == "--checksum") {
                    READS_S
                } else {
                    0.0
                };
                (Some(PASS_S + more + reads), written)
            }
            // Nobody answers there.
            _ => (Some(0.0), 0.0),
        };
        let boots = self.nodes[at].boots;
        let task = Task {
            argv: argv.to_vec(),
            run: self.nodes[at].store.run.clone(),
            began_ms: self.now_ms,
            boots,
            held: false,
            until_ms: self.now_ms + lease_s * 1000,
            stopped_ms: 0,
            rested_ms: 0,
            killed: false,
            left_s,
            brings,
            ended: None,
            log: String::new(),
        };
        self.nodes[at].store.tasks.insert(name.to_owned(), task);
    }

    /// The filesystem of its own that a pass writes to.
    fn plain(&self, at: usize, argv: &[String]) -> Option<usize> {
        let place = argv.last()?.trim_end_matches('/');
        let mut plains = self.copies.plains.iter();
        plains.position(|plain| plain.node == at && plain.mount_point == place)
    }

    fn end(&mut self, at: usize, name: &str, argv: &[String], readable: bool) {
        let now = self.now_ms;
        let (source, plain) = (self.source(argv), self.plain(at, argv));
        let (code, log) = match (source, plain) {
            (Some(source), Some(plain)) if readable => {
                let brings = self.nodes[at].store.tasks.get(name).map_or(0.0, |task| task.brings);
                let written = self.copies.written.get(&source.replica).copied().unwrap_or_default();
                let dry = argv.iter().any(|word| word == "--dry-run");
                let has = self.copies.plains[plain].has;
                let differs = has.is_none_or(|(of, has)| of != source.replica || has < written);
                let mut log = String::new();
                if dry && differs {
                    log.push_str("change >fcst...... data\n");
                }
                if !dry {
                    let used = self.replicas[source.replica].used_kib;
                    let plain = &mut self.copies.plains[plain];
                    plain.has = Some((source.replica, brings));
                    let device = plain.device.clone();
                    let mut filesystems = self.nodes[at].filesystems.iter_mut();
                    if let Some(filesystem) = filesystems.find(|filesystem| filesystem.source == device) {
                        filesystem.used_kib = used;
                    }
                }
                let brought = whole(written) + 1;
                let _ = write!(
                    log,
                    "Number of files: 12,345 (reg: 12,000, dir: 345)\nNumber of deleted files: 0\n\
                     Number of regular files transferred: {brought}\nTotal transferred file size: {} bytes\n",
                    brought * 4096
                );
                (0, log)
            }
            _ => (
                10,
                "rsync error: error in socket IO (code 10) at clientserver.c(139) [Receiver=3.2.7]\n".to_owned(),
            ),
        };
        if let Some(task) = self.nodes[at].store.tasks.get_mut(name) {
            task.ended = Some((now, code));
            task.log = log;
        }
    }
}
