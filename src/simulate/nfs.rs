//! NFS: exports and counters of a server, mounts and their counters on a client.

use super::noise::{mix, unit};
use std::{collections::BTreeMap, net::Ipv4Addr};

/// The kernel NFS server of a host.
#[derive(Debug, Clone, Default)]
pub struct NfsServer {
    /// Threads.
    pub threads: u32,
    /// What it exports now.
    pub exports: Vec<Export>,
    /// Exports that the kernel still remembers.
    pub cached: Vec<Export>,
    /// Locks and open files that it holds for clients, by exported path.
    pub locks: BTreeMap<String, u32>,
    /// Reads, writes and other calls since boot.
    pub calls: [f64; 3],
    /// Calls a second now: reads, writes, others.
    pub rate: [f64; 3],
}

impl NfsServer {
    /// A server that exports nothing yet.
    #[must_use]
    pub fn new(threads: u32) -> Self {
        Self {
            threads,
            calls: [4.1e7, 3.3e7, 9.0e7],
            ..Self::default()
        }
    }

    /// After a boot.
    pub fn reset(&mut self) {
        self.calls = [0.0; 3];
    }
}

/// An export in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The path.
    pub path: String,
    /// Who may mount it.
    pub client: String,
    /// `fsid`.
    pub fsid: u32,
}

/// How a mount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountState {
    /// It answers.
    Answering,
    /// No answer since a time of the world, milliseconds.
    Hung(u64),
    /// The server no longer knows the handle.
    Stale,
}

/// What a mounted slice's operations are counted under.
pub const OPS: usize = 4;
/// Their places in [`NfsMount::done`].
pub const READ: usize = 0;
/// Writes.
pub const WRITE: usize = 1;
/// Attributes.
pub const GETATTR: usize = 2;
/// Commits.
pub const COMMIT: usize = 3;

/// Milliseconds that an operation waits in a client that is well.
pub const QUEUE_MS: f64 = 0.02;

/// An NFS mount on a client.
#[derive(Debug, Clone)]
pub struct NfsMount {
    /// The replica (slice) that it mounts, by its place in the island.
    pub replica: usize,
    /// The address that it was mounted from.
    pub server: Ipv4Addr,
    /// The path on the server.
    pub path: String,
    /// Where it is mounted.
    pub at: String,
    /// Protocol generation: 3 or 4.
    pub version: u8,
    /// When it was mounted, milliseconds of the world's time.
    pub mounted_ms: i64,
    /// Whether it is mounted at all.
    pub mounted: bool,
    /// Its state now.
    pub state: MountState,
    /// A state that a fault forces.
    pub forced: Option<MountState>,
    /// Operations a second at ordinary times.
    pub demand: [f64; OPS],
    /// Operations a second now.
    pub rate: [f64; OPS],
    /// Round trip now, milliseconds.
    pub rtt_ms: [f64; OPS],
    /// Completed operations since mounted.
    pub done: [f64; OPS],
    /// Milliseconds of round trips, summed.
    pub spent_ms: [f64; OPS],
    /// Milliseconds queued on the client, summed.
    pub queue_ms: [f64; OPS],
    /// Milliseconds that an operation waits in the client now.
    pub wait_ms: f64,
    /// Operations that were sent again since mounted.
    pub again: [f64; OPS],
    /// Share of operations that are sent again now.
    pub lost: f64,
    /// Major timeouts.
    pub timeouts: f64,
    /// How often it was mounted anew: another mount each time.
    pub generation: usize,
    /// The number and the device of what covers its place, since it was taken away once: it stays under what is mounted there
    /// later.
    pub cover: Option<(usize, String)>,
    /// Processes that hold it, each with the service that it belongs to; empty where it belongs to none.
    pub holders: Vec<(u32, String)>,
}

impl NfsMount {
    /// A mount of a slice that has been there for a while.
    #[must_use]
    pub fn new(replica: usize, server: Ipv4Addr, path: &str, at: &str, version: u8, seed: u64) -> Self {
        let factor = 0.6 + 0.8 * unit(mix(seed));
        let demand = [46.0 * factor, 22.0 * factor, 60.0 * factor, 5.0 * factor];
        let age_s = 90_000.0 * (1.0 + unit(mix(seed ^ 5)));
        #[expect(clippy::cast_possible_truncation, reason = "about two days")]
        let mounted_ms = -(age_s * 1000.0) as i64;
        Self {
            replica,
            server,
            path: path.to_owned(),
            at: at.to_owned(),
            version,
            mounted_ms,
            mounted: true,
            state: MountState::Answering,
            forced: None,
            demand,
            rate: [0.0; OPS],
            rtt_ms: [0.8, 1.4, 0.4, 2.0],
            done: demand.map(|demand| demand * age_s),
            spent_ms: demand.map(|demand| demand * age_s),
            queue_ms: demand.map(|demand| demand * age_s * QUEUE_MS),
            wait_ms: QUEUE_MS,
            again: [0.0; OPS],
            lost: 0.0,
            timeouts: 0.0,
            generation: 0,
            cover: None,
            holders: Vec::new(),
        }
    }

    /// Mounted anew: the counters begin again.
    pub fn remount(&mut self, now_ms: u64) {
        self.mounted = true;
        self.generation += 1;
        self.holders.clear();
        self.mounted_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        self.done = [0.0; OPS];
        self.spent_ms = [0.0; OPS];
        self.queue_ms = [0.0; OPS];
        self.again = [0.0; OPS];
        self.timeouts = 0.0;
        self.state = MountState::Answering;
    }

    /// The kernel's number of the mount, which is the client's at that place of its list.
    #[must_use]
    pub fn id(&self, index: usize) -> usize {
        100 + index + 1000 * self.generation
    }

    /// The device number of its filesystem.
    #[must_use]
    pub fn device(&self, index: usize) -> String {
        format!("0:{}", 48 + index + 1000 * self.generation)
    }

    /// Counts what was done in `dt` seconds.
    pub fn accumulate(&mut self, dt: f64) {
        match self.state {
            MountState::Answering => {
                for op in 0..OPS {
                    let done = self.rate[op] * dt;
                    self.done[op] += done;
                    self.spent_ms[op] += done * self.rtt_ms[op];
                    self.queue_ms[op] += done * self.wait_ms;
                    self.again[op] += done * self.lost;
                }
            }
            // A hard mount tries again every minute (timeo=600).
            MountState::Hung(_) => self.timeouts += dt / 60.0,
            MountState::Stale => {}
        }
    }
}
