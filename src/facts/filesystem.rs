//! Filesystems: what is mounted (`/proc/self/mountinfo`), and how full it is (`df`).

use super::text::CleanText;
use serde::Serialize;

/// One line of `/proc/self/mountinfo` (proc(5)), unescaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Device number, `major:minor`.
    pub device_number: CleanText,
    /// Where it is mounted.
    pub at: CleanText,
    /// Filesystem type, such as `ext4` or `nfs4`.
    pub fs_type: CleanText,
    /// What is mounted: a device or `server:/path`.
    pub source: CleanText,
    /// Whether it can be written (both the mount's and the superblock's options say `rw`).
    pub writable: bool,
    /// Super options as printed.
    pub options: CleanText,
}

impl Mount {
    /// Whether it is mounted over NFS.
    #[must_use]
    pub fn is_nfs(&self) -> bool {
        matches!(self.fs_type.as_str(), "nfs" | "nfs4")
    }
}

/// How full one local filesystem is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Usage {
    /// The device.
    pub source: CleanText,
    /// Where it is mounted.
    pub at: CleanText,
    /// All blocks.
    pub size_kib: u64,
    /// Used blocks.
    pub used_kib: u64,
    /// Blocks free for ordinary users.
    pub available_kib: u64,
    /// used ÷ (used + available), 0–100, as `df` shows it.
    pub used_percent: f64,
    /// Inode use, 0–100; `None` where the filesystem has no fixed inodes.
    pub inodes_used_percent: Option<f64>,
}

/// How a network mount answered `statfs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatfsProbe {
    /// The mount point.
    pub at: CleanText,
    /// What came of it.
    pub outcome: StatfsOutcome,
}

/// What came of asking a network mount.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum StatfsOutcome {
    /// It answered in so many milliseconds (right to about 10 ms).
    Answered {
        /// Time to the answer.
        took_ms: u64,
    },
    /// `ESTALE`: the server no longer knows the handle; a remount is needed.
    Stale,
    /// It failed otherwise.
    Failed {
        /// The error text.
        error: CleanText,
    },
    /// No answer yet after so many seconds.
    Hung {
        /// Seconds waited so far.
        seconds: u64,
    },
}
