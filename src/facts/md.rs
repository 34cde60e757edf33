//! md RAID: `/proc/mdstat` in all its forms, and what `/sys/block/md*/md` adds.

mod parse;

pub use parse::{MdSys, merge, parse_mdstat, parse_mdsys};

use super::{reading::words, text::CleanText};
use serde::Serialize;

/// One md array.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MdArray {
    /// Kernel name, such as `md0`.
    pub device: CleanText,
    /// Whether it is running; `Unknown` for a word we do not know.
    pub state: MdState,
    /// Whether it is (auto-)read-only.
    pub read_only: bool,
    /// RAID level, such as `raid5`; empty for an inactive array.
    pub level: CleanText,
    /// Member devices in the order printed.
    pub members: Vec<MdMember>,
    /// Members the array should have (`n` of `[n/m]`).
    pub members_wanted: Option<u32>,
    /// Members in sync (`m` of `[n/m]`).
    pub members_active: Option<u32>,
    /// The map of members, such as `UU_`.
    pub map: CleanText,
    /// Size in KiB.
    pub size_kib: Option<u64>,
    /// The background action under way, if any.
    pub sync: Option<MdSync>,
    /// `mismatch_cnt` of the last check, in sectors.
    pub mismatches: Option<u64>,
    /// `sync_action` as sysfs has it.
    pub sync_action: Option<CleanText>,
}

impl MdArray {
    /// Whether members are missing: fewer active than wanted, or a hole in the map. `None` when the
    /// array did not say (an inactive one, or level 0 and linear, which have no redundancy to lose).
    #[must_use]
    pub fn degraded(&self) -> Option<bool> {
        match (self.members_wanted, self.members_active) {
            (Some(wanted), Some(active)) => Some(active < wanted || self.map.contains('_')),
            _ => None,
        }
    }

    /// Whether its level has redundancy to lose: every RAID but level 0. Linear arrays have none.
    #[must_use]
    pub fn is_redundant(&self) -> bool {
        self.level.starts_with("raid") && self.level.as_str() != "raid0"
    }
}

words! {
    /// Whether an array runs.
    MdState {
        /// Running.
        Active = "active",
        /// Assembled but not started.
        Inactive = "inactive",
    }
}

/// One member of an array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MdMember {
    /// Device name, such as `sdb1`.
    pub device: CleanText,
    /// The number in brackets.
    pub number: Option<u32>,
    /// What the flags say.
    pub role: MdRole,
    /// Read errors counted by md (sysfs `errors`).
    pub errors: Option<u64>,
}

words! {
    /// What a member is, by the flag behind it in `/proc/mdstat`.
    MdRole {
        /// No flag: an active member (or one being rebuilt).
        Active = "active",
        /// `(F)`: failed.
        Failed = "F",
        /// `(S)`: a spare.
        Spare = "S",
        /// `(W)`: write-mostly.
        WriteMostly = "W",
        /// `(R)`: a replacement.
        Replacement = "R",
        /// `(J)`: a journal.
        Journal = "J",
    }
}

/// A background action of an array.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MdSync {
    /// What is done.
    pub action: MdAction,
    /// Progress, 0–100; `None` while delayed or pending.
    pub percent: Option<f64>,
    /// Speed in KiB/s.
    pub speed_kib_per_second: Option<u64>,
    /// Seconds left as the kernel estimates.
    pub left_seconds: Option<u64>,
    /// `DELAYED`, `PENDING` or `REMOTE` when it waits.
    pub waiting: Option<CleanText>,
}

words! {
    /// A background action.
    MdAction {
        /// A missing member is being rebuilt.
        Recovery = "recovery",
        /// Parity or mirrors are being made equal.
        Resync = "resync",
        /// Being compared (a scrub).
        Check = "check",
        /// Being compared and mended.
        Repair = "repair",
        /// The layout is being changed.
        Reshape = "reshape",
    }
}
