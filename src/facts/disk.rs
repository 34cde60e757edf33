//! Disks: the counters of `/proc/diskstats` and the rates between two samples of them.

use super::text::CleanText;
use serde::Serialize;

/// Counters of one block device since boot (kernel `Documentation/admin-guide/iostats.rst`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskCounters {
    /// Kernel name, such as `sda`.
    pub name: CleanText,
    /// Device number, `major:minor`.
    pub major: u32,
    /// Device number, `major:minor`.
    pub minor: u32,
    /// Reads completed.
    pub reads: u64,
    /// Sectors of 512 bytes read.
    pub sectors_read: u64,
    /// Milliseconds spent on reads, summed over requests.
    pub read_ms: u64,
    /// Writes completed.
    pub writes: u64,
    /// Sectors of 512 bytes written.
    pub sectors_written: u64,
    /// Milliseconds spent on writes, summed over requests.
    pub write_ms: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Milliseconds during which any request was under way.
    pub busy_ms: u64,
}

/// What one block device did between two samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiskRate {
    /// Kernel name.
    pub name: CleanText,
    /// Reads a second.
    pub reads_per_second: f64,
    /// Writes a second.
    pub writes_per_second: f64,
    /// Bytes read a second.
    pub read_bytes_per_second: f64,
    /// Bytes written a second.
    pub write_bytes_per_second: f64,
    /// Mean time of a read in milliseconds; `None` when there was none.
    pub read_await_ms: Option<f64>,
    /// Mean time of a write in milliseconds; `None` when there was none.
    pub write_await_ms: Option<f64>,
    /// Share of the time during which any request was under way, 0–100.
    pub busy_percent: f64,
    /// Requests under way at the second sample.
    pub in_flight: u64,
}
