//! DRBD 8.4 (`/proc/drbd`, `drbdsetup status`, `events2`) and 9 (`drbdsetup status --json`).

mod merge;
mod proc;
mod status;

pub use merge::merge;
pub use proc::{DrbdProc, parse_proc_drbd};
pub use status::{parse_events, parse_json, parse_status};

use super::{reading::words, text::CleanText};
use serde::Serialize;

/// What one host says of one volume of one resource.
///
/// A resource with several peers (DRBD 9) gives one entry per peer and volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrbdVolume {
    /// Resource name; `None` while only `/proc/drbd` (which has minors, no names) is known.
    pub resource: Option<CleanText>,
    /// Volume number within the resource.
    pub volume: u32,
    /// Device minor, the `0` of `/dev/drbd0`.
    pub minor: Option<u32>,
    /// The peer's name, where it is known.
    pub peer: Option<CleanText>,
    /// State of the connection.
    pub connection: DrbdConnection,
    /// This side's role.
    pub role: DrbdRole,
    /// The peer's role as this side sees it.
    pub peer_role: DrbdRole,
    /// This side's disk.
    pub disk: DrbdDisk,
    /// The peer's disk as this side sees it.
    pub peer_disk: DrbdDisk,
    /// Replication protocol `A`, `B` or `C`, where it is known.
    pub protocol: Option<char>,
    /// Data not yet equal on both sides, KiB.
    pub out_of_sync_kib: Option<u64>,
    /// Requests sent to the peer and not answered.
    pub pending: Option<u64>,
    /// Requests of the peer not yet acknowledged.
    pub unacked: Option<u64>,
    /// Resync or verify under way.
    pub sync: Option<DrbdSync>,
    /// Whether I/O is suspended, and why (`no`, `user`, `quorum`, `fencing`…).
    pub suspended: Option<CleanText>,
    /// Whether this node has quorum (DRBD 9).
    pub quorum: Option<bool>,
    /// `may_promote` of `events2` (DRBD 9).
    pub may_promote: Option<bool>,
    /// Size in KiB, where it is known.
    pub size_kib: Option<u64>,
    /// Kernel module version, such as `8.4.11`.
    pub version: Option<CleanText>,
}

/// A resync or online verify under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrbdSync {
    /// Progress, 0–100.
    pub percent: Option<f64>,
    /// Seconds left as DRBD estimates; `None` when it does not know.
    pub left_seconds: Option<u64>,
    /// Speed in KiB/s.
    pub speed_kib_per_second: Option<u64>,
    /// DRBD says it is stalled.
    pub stalled: bool,
}

words! {
    /// Role of one side.
    DrbdRole {
        /// May be written.
        Primary = "Primary",
        /// Receives the writes of the other.
        Secondary = "Secondary",
        /// The other side cannot be seen (DRBD's own word; not the same as a word we do not know).
        NotSeen = "Unknown",
        /// Not configured.
        Unconfigured = "Unconfigured",
    }
}

words! {
    /// State of the connection, and of replication over it (drbdsetup(8), both generations' words).
    DrbdConnection {
        /// Deliberately or after a split brain without connection.
        StandAlone = "StandAlone",
        /// Being torn down.
        Disconnecting = "Disconnecting",
        /// Before a new attempt.
        Unconnected = "Unconnected",
        /// Lost: no answer in time.
        Timeout = "Timeout",
        /// Lost: broken pipe.
        BrokenPipe = "BrokenPipe",
        /// Lost: network failure.
        NetworkFailure = "NetworkFailure",
        /// Lost: protocol error.
        ProtocolError = "ProtocolError",
        /// The peer is leaving.
        TearDown = "TearDown",
        /// Waiting for the peer (8.4).
        WfConnection = "WFConnection",
        /// Waiting for the peer (9).
        Connecting = "Connecting",
        /// First packet on a new connection.
        WfReportParams = "WFReportParams",
        /// Connected and replicating (9 says `Established` of a volume).
        Connected = "Connected",
        /// Volume replicating (9).
        Established = "Established",
        /// No replication (9).
        Off = "Off",
        /// Resync about to start, this side source.
        StartingSyncS = "StartingSyncS",
        /// Resync about to start, this side target.
        StartingSyncT = "StartingSyncT",
        /// Exchanging bitmaps, this side source.
        WfBitMapS = "WFBitMapS",
        /// Exchanging bitmaps, this side target.
        WfBitMapT = "WFBitMapT",
        /// Waiting for the sync UUID.
        WfSyncUuid = "WFSyncUUID",
        /// Sending what the peer lacks.
        SyncSource = "SyncSource",
        /// Receiving what this side lacks; its data cannot be used alone.
        SyncTarget = "SyncTarget",
        /// Resync paused, this side source.
        PausedSyncS = "PausedSyncS",
        /// Resync paused, this side target.
        PausedSyncT = "PausedSyncT",
        /// Online verify, this side source.
        VerifyS = "VerifyS",
        /// Online verify, this side target.
        VerifyT = "VerifyT",
        /// Data is shipped ahead of the log (congestion policy).
        Ahead = "Ahead",
        /// The peer is ahead.
        Behind = "Behind",
        /// The minor is not configured.
        Unconfigured = "Unconfigured",
    }
}

impl DrbdConnection {
    /// Whether both sides talk, replication or resync included.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(
            self,
            Self::Connected
                | Self::Established
                | Self::StartingSyncS
                | Self::StartingSyncT
                | Self::WfBitMapS
                | Self::WfBitMapT
                | Self::WfSyncUuid
                | Self::SyncSource
                | Self::SyncTarget
                | Self::PausedSyncS
                | Self::PausedSyncT
                | Self::VerifyS
                | Self::VerifyT
                | Self::Ahead
                | Self::Behind
        )
    }
}

words! {
    /// State of one side's data.
    DrbdDisk {
        /// No disk.
        Diskless = "Diskless",
        /// Being attached.
        Attaching = "Attaching",
        /// Being detached.
        Detaching = "Detaching",
        /// Failed.
        Failed = "Failed",
        /// Reading meta data.
        Negotiating = "Negotiating",
        /// Not usable: in the middle of a resync.
        Inconsistent = "Inconsistent",
        /// Consistent but older than the peer's.
        Outdated = "Outdated",
        /// The other side's disk cannot be seen.
        NotSeen = "DUnknown",
        /// Consistent; whether up to date is not known without the peer.
        Consistent = "Consistent",
        /// Good.
        UpToDate = "UpToDate",
    }
}
