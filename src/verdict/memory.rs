//! What judging remembers from look to look, by name, so that it outlives a change of the inventory.

use super::{
    Code, Latency, filling::Filling, index::Index, ledger::Ledger, mount::Failing, pair::Past, seen::Freshness,
};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::{Fleet, HostName, SegmentName, SliceName, TopologyName},
};
use std::{collections::HashMap, sync::Arc};

/// Names and samples kept of one host, each kind; a host may print any number.
pub(super) const KEPT: usize = 128;

/// The recent past of a fleet, as far as judging needs it: since when each finding holds and for how
/// many polls, how filesystems fill, which links and mounts were good.
///
/// Bounded for each host, segment and topology; what leaves the inventory is forgotten.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) immediate: bool,
    pub(super) index: Index,
    pub(super) hosts: Vec<HostMemory>,
    pub(super) segments: Vec<Scope<SegmentName>>,
    pub(super) topologies: Vec<Scope<TopologyName>>,
    pub(super) console: Ledger,
    /// Streams with what is thought of them; shared with the views that show it until the next tick.
    pub(super) latency: Arc<Latency>,
    pub(super) slowness: Ledger,
}

impl Memory {
    /// An empty memory that waits for `debounce_polls` before it lets a finding be shown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty memory for a single look: every finding is shown at once, and what has not been read
    /// yet is unknown rather than waited for.
    #[must_use]
    pub fn immediate() -> Self {
        Self {
            immediate: true,
            ..Self::default()
        }
    }

    /// Takes over what was learnt of latency by a memory before this one.
    pub fn learn(&mut self, latency: Arc<Latency>) {
        self.latency = latency;
    }

    /// What is known of latency, as of the last tick.
    #[must_use]
    pub fn latency(&self) -> Arc<Latency> {
        Arc::clone(&self.latency)
    }

    /// Takes over another inventory: what is remembered of a name stays with it.
    pub(super) fn follow(&mut self, fleet: &Fleet) {
        if self.index.is_of(fleet) {
            return;
        }
        let index = Index::new(fleet);
        let mut old: HashMap<HostName, HostMemory> = std::mem::take(&mut self.hosts)
            .into_iter()
            .enumerate()
            .filter_map(|(at, memory)| self.index.name(at).map(|name| (name.clone(), memory)))
            .collect();
        self.hosts = fleet
            .hosts
            .iter()
            .map(|host| {
                let mut memory = old.remove(&host.name).unwrap_or_default();
                memory.judged = None;
                memory
            })
            .collect();
        self.segments = rearrange(
            std::mem::take(&mut self.segments),
            fleet.segments.iter().map(|segment| &segment.name),
        );
        self.topologies = rearrange(
            std::mem::take(&mut self.topologies),
            fleet.topologies.iter().map(|topology| &topology.name),
        );
        self.index = index;
    }
}

fn rearrange<'a, N: Clone + Eq + std::hash::Hash + 'a>(
    old: Vec<Scope<N>>,
    names: impl Iterator<Item = &'a N>,
) -> Vec<Scope<N>> {
    let mut old: HashMap<N, Scope<N>> = old.into_iter().map(|scope| (scope.name.clone(), scope)).collect();
    names
        .map(|name| {
            let mut scope = old.remove(name).unwrap_or_else(|| Scope::new(name.clone()));
            scope.judged = false;
            scope
        })
        .collect()
}

/// What is remembered of one host.
#[derive(Debug, Default)]
pub(super) struct HostMemory {
    /// Whether it could be spoken of at the last look.
    pub(super) freshness: Freshness,
    /// The snapshot that was judged last: its time, its place in memory, and whether the observer was doubtful.
    pub(super) judged: Option<(UnixMs, usize, bool)>,
    /// The last poll that was counted: its time, and its number on its connection.
    pub(super) polled: Option<(UnixMs, u64)>,
    /// Whether this look brought something new about it.
    pub(super) changed: bool,
    /// Claims about the way to it.
    pub(super) reach: Ledger,
    /// Claims about the host.
    pub(super) ledger: Ledger,
    /// Its past.
    pub(super) history: History,
}

/// What is remembered of a segment or topology.
#[derive(Debug)]
pub(super) struct Scope<N> {
    pub(super) name: N,
    /// Whether it has been judged since the inventory was read.
    pub(super) judged: bool,
    /// The rules asked its clients, so that their news matter too.
    pub(super) asks_clients: bool,
    /// The last poll of each member that was counted.
    pub(super) polled: Vec<(usize, UnixMs)>,
    /// What is remembered of the DRBD pair of each slice; none in a topology.
    pub(super) pairs: Vec<(SliceName, Past)>,
    /// Claims about it.
    pub(super) ledger: Ledger,
}

impl<N> Scope<N> {
    const fn new(name: N) -> Self {
        Self {
            name,
            judged: false,
            asks_clients: false,
            polled: Vec::new(),
            pairs: Vec::new(),
            ledger: Ledger::new(),
        }
    }
}

/// The past of one host that rules compare with.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Seconds of uptime at the last poll, and the boot id.
    pub(super) uptime_seconds: Option<f64>,
    pub(super) boot_id: Option<CleanText>,
    /// When a reboot was noticed, and how many seconds the host had run before, if that was read.
    pub(super) rebooted: Option<(UnixMs, Option<f64>)>,
    /// Hashes of mount points that were seen writable.
    pub(super) writable: Vec<u64>,
    /// Hashes of links that were seen with a carrier.
    pub(super) carriers: Vec<u64>,
    /// When each DRBD volume was last seen connected, by hash of its label.
    pub(super) connected: Vec<(u64, UnixMs)>,
    /// How filesystems fill.
    pub(super) filling: Filling,
    /// Network mounts that have failed and are not yet well.
    pub(super) failing: Vec<Failing>,
    /// The time of the usage reading that was counted last.
    pub(super) usage_at: Option<UnixMs>,
}

/// A hash that stands for a name in [`History`].
pub(super) fn hash(name: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Adds to a bounded list what is not in it yet.
pub(super) fn keep(list: &mut Vec<u64>, name: u64) {
    if !list.contains(&name) && list.len() < KEPT {
        list.push(name);
    }
}

impl Code {
    /// Whether it stands for a fault of a host which its partner may share.
    #[must_use]
    pub fn may_be_shared(self) -> bool {
        SHARED_FAULTS.contains(&self)
    }
}

/// Codes that stand for a fault of a host which its partner may share. That a host cannot be seen or read is
/// not among them: two servers out of sight are most often the console's own network.
pub(super) const SHARED_FAULTS: &[Code] = &[
    Code::Overloaded,
    Code::CpuSteal,
    Code::MemoryLow,
    Code::DiskSlow,
    Code::DiskFull,
    Code::InodesFull,
    Code::FilesystemReadOnly,
    Code::FilesystemError,
    Code::LinkErrors,
    Code::MdDegraded,
    Code::MdFailedMember,
    Code::MdInactive,
    Code::MdMismatches,
    Code::DrbdDiskless,
    Code::DrbdInconsistent,
    Code::DrbdOutdated,
    Code::DrbdSuspended,
    Code::PoolDegraded,
    Code::PoolFaulted,
    Code::PoolErrors,
];
