//! ZFS: `zpool status` as text (old and new) and as JSON, `zpool list`, and the ARC.

mod arc;
mod json;
mod text;

pub use arc::{arc_rate, parse_arcstats};
pub use json::parse_json;
pub use text::{PoolSize, merge, parse_zpool, parse_zpool_list};

use super::{reading::words, text::CleanText};
use serde::Serialize;

/// One pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pool {
    /// Pool name.
    pub name: CleanText,
    /// State of the whole.
    pub state: PoolState,
    /// The `status:` text, if any.
    pub status: Option<CleanText>,
    /// Scrub or resilver, if one runs or ran.
    pub scan: Option<Scan>,
    /// Devices, outermost first, each with its depth.
    pub vdevs: Vec<Vdev>,
    /// The `errors:` text.
    pub errors: Option<CleanText>,
    /// Size in KiB (`zpool list`).
    pub size_kib: Option<u64>,
    /// Allocated in KiB (`zpool list`).
    pub allocated_kib: Option<u64>,
}

words! {
    /// State of a pool or device.
    PoolState {
        /// Good.
        Online = "ONLINE",
        /// Works with less redundancy.
        Degraded = "DEGRADED",
        /// Does not work.
        Faulted = "FAULTED",
        /// Taken offline by a person.
        Offline = "OFFLINE",
        /// Not found.
        Unavail = "UNAVAIL",
        /// Taken out.
        Removed = "REMOVED",
        /// I/O is suspended.
        Suspended = "SUSPENDED",
        /// A spare, free.
        Available = "AVAIL",
        /// A spare, in use.
        InUse = "INUSE",
        /// Good, as the JSON form says of devices.
        Healthy = "HEALTHY",
    }
}

/// A device of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vdev {
    /// Device or group name.
    pub name: CleanText,
    /// 0 for the pool's own line.
    pub depth: u32,
    /// Its state.
    pub state: PoolState,
    /// Read errors.
    pub read_errors: Option<u64>,
    /// Write errors.
    pub write_errors: Option<u64>,
    /// Checksum errors.
    pub checksum_errors: Option<u64>,
    /// A note behind it, such as `(resilvering)`.
    pub note: Option<CleanText>,
}

/// A scrub or resilver.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scan {
    /// `scrub`, `resilver` or another word.
    pub function: CleanText,
    /// Whether it runs now.
    pub running: bool,
    /// Progress, 0–100.
    pub percent: Option<f64>,
    /// Seconds left as ZFS estimates.
    pub left_seconds: Option<u64>,
    /// Errors it found.
    pub errors: Option<u64>,
    /// The text as printed.
    pub text: CleanText,
}

/// Counters of the ARC since boot, and its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Arc {
    /// Hits.
    pub hits: u64,
    /// Misses.
    pub misses: u64,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Target size in bytes.
    pub target_bytes: u64,
    /// Greatest size in bytes.
    pub max_bytes: u64,
    /// Second level: hits.
    pub l2_hits: u64,
    /// Second level: misses.
    pub l2_misses: u64,
    /// Second level: size in bytes.
    pub l2_size_bytes: u64,
}

/// Hit ratios between two samples, 0–100; `None` without accesses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ArcRate {
    /// First level.
    pub hit_percent: Option<f64>,
    /// Second level.
    pub l2_hit_percent: Option<f64>,
}
