//! What stands on a host, in the form of scripts: arrays, volumes, exports, mounts, filesystems, pools, databases.

use crate::{
    collect::trend,
    facts::{
        Snapshot,
        drbd::DrbdVolume,
        filesystem::{StatfsOutcome, Usage},
        md::{MdArray, MdRole, MdState},
        mysql::Mysql,
        nfs::NfsExport,
        zfs::Pool,
    },
    fleet::Thresholds,
};
use schemars::JsonSchema;
use serde::Serialize;

/// One md array.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RaidStatus {
    /// Such as `md0`.
    pub device: String,
    /// Such as `raid5`.
    pub level: String,
    /// `clean`, `degraded`, `inactive` or `unknown` (an unknown word, or RAID that does not tell its members).
    pub state: &'static str,
    /// Members it should have.
    pub members: Option<u32>,
    /// Members in sync.
    pub active: Option<u32>,
    /// Failed members by name.
    pub failed: Vec<String>,
    /// What runs in the background, or null.
    pub sync: Option<SyncStatus>,
}

/// A background action of an array.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SyncStatus {
    /// `recovery`, `resync`, `check`, `repair` or `reshape`.
    pub action: String,
    /// Progress, 0–100; null while it waits.
    pub percent: Option<f64>,
    /// Seconds left.
    pub left_seconds: Option<u64>,
}

/// One DRBD volume as this host sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DrbdStatus {
    /// Resource name; null when only the minor is known.
    pub resource: Option<String>,
    /// Device minor.
    pub minor: Option<u32>,
    /// Connection or replication state, DRBD's own word.
    pub connection: String,
    /// This side's role.
    pub role: String,
    /// The peer's role as seen here.
    pub peer_role: String,
    /// This side's disk.
    pub disk: String,
    /// The peer's disk as seen here.
    pub peer_disk: String,
    /// Data that differs, KiB.
    pub out_of_sync_kib: Option<u64>,
    /// Resync progress, 0–100, or null.
    pub resync_percent: Option<f64>,
}

/// One export in force.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExportStatus {
    /// Path.
    pub path: String,
    /// Who may mount it.
    pub client: String,
    /// Options.
    pub options: Vec<String>,
}

/// One NFS mount.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MountStatus {
    /// Mount point.
    pub at: String,
    /// `server:/path`.
    pub source: String,
    /// `ok`, `hung` (no answer for `mount_hung_seconds`), `waiting` (no answer yet), `stale`, `failed` or `unknown` (not
    /// asked yet).
    pub state: &'static str,
    /// Operations a second, all kinds.
    pub ops_per_second: Option<f64>,
    /// Mean round trip, all operations, milliseconds.
    pub rtt_ms: Option<f64>,
    /// Retransmissions a second.
    pub retransmits_per_second: Option<f64>,
}

/// One local filesystem.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FilesystemStatus {
    /// Mount point.
    pub at: String,
    /// Device.
    pub source: String,
    /// Size in KiB.
    pub size_kib: u64,
    /// Used, KiB.
    pub used_kib: u64,
    /// Free for ordinary users, KiB.
    pub available_kib: u64,
    /// Use, 0–100.
    pub used_percent: f64,
    /// Use of inodes, 0–100; null where the filesystem has no fixed number of them.
    pub inodes_used_percent: Option<f64>,
}

/// One ZFS pool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PoolStatus {
    /// Name.
    pub name: String,
    /// ZFS's own word.
    pub state: String,
    /// Scrub or resilver under way, or null.
    pub scan: Option<SyncStatus>,
}

/// A MySQL or MariaDB server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MysqlStatus {
    /// `mysql` or `mariadb`.
    pub flavour: String,
    /// Version.
    pub version: String,
    /// `replica` when it has a replication channel, `unknown` when its channels could not be read, `member`
    /// of a Galera cluster, else `source`.
    pub role: &'static str,
    /// `read_only`.
    pub read_only: Option<bool>,
    /// `super_read_only` (MySQL).
    pub super_read_only: Option<bool>,
    /// Replica lag: by heartbeat where there is one.
    pub lag_seconds: Option<f64>,
    /// Receiver and applier of every channel: `source host`, `io`, `sql`, `error`.
    pub channels: Vec<ChannelStatus>,
    /// Galera cluster status, or null.
    pub galera: Option<String>,
    /// Threads running.
    pub threads_running: Option<u64>,
    /// Connections.
    pub connections: Option<u64>,
    /// `max_connections`.
    pub max_connections: Option<u64>,
    /// GTIDs executed here; with MariaDB the positions of the binary log and of replication, joined.
    pub gtid_executed: Option<String>,
}

/// One replication channel.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ChannelStatus {
    /// Its source.
    pub source: String,
    /// Receiver thread.
    pub io: String,
    /// Applier thread.
    pub sql: String,
    /// The last error, or null.
    pub error: Option<String>,
}

impl RaidStatus {
    pub(super) fn new(array: &MdArray) -> Self {
        Self {
            device: array.device.to_string(),
            level: array.level.to_string(),
            state: match (&array.state, array.degraded()) {
                (MdState::Active, Some(true)) => "degraded",
                // Level 0 and linear have no members to lose; every other level must tell of them.
                (MdState::Active, None) if array.is_redundant() => "unknown",
                (MdState::Active, _) => "clean",
                (MdState::Inactive, _) => "inactive",
                (MdState::Unknown(_), _) => "unknown",
            },
            members: array.members_wanted,
            active: array.members_active,
            failed: array
                .members
                .iter()
                .filter(|member| member.role == MdRole::Failed)
                .map(|member| member.device.to_string())
                .collect(),
            sync: array.sync.as_ref().map(|sync| SyncStatus {
                action: sync.action.to_string(),
                percent: sync.percent,
                left_seconds: sync.left_seconds,
            }),
        }
    }
}

impl DrbdStatus {
    pub(super) fn new(volume: &DrbdVolume) -> Self {
        Self {
            resource: volume.resource.as_ref().map(ToString::to_string),
            minor: volume.minor,
            connection: volume.connection.to_string(),
            role: volume.role.to_string(),
            peer_role: volume.peer_role.to_string(),
            disk: volume.disk.to_string(),
            peer_disk: volume.peer_disk.to_string(),
            out_of_sync_kib: volume.out_of_sync_kib,
            resync_percent: volume.sync.as_ref().and_then(|sync| sync.percent),
        }
    }
}

impl ExportStatus {
    pub(super) fn new(export: &NfsExport) -> Self {
        Self {
            path: export.path.to_string(),
            client: export.client.to_string(),
            options: export.options.iter().map(ToString::to_string).collect(),
        }
    }
}

impl FilesystemStatus {
    pub(super) fn new(usage: &Usage) -> Self {
        Self {
            at: usage.at.to_string(),
            source: usage.source.to_string(),
            size_kib: usage.size_kib,
            used_kib: usage.used_kib,
            available_kib: usage.available_kib,
            used_percent: usage.used_percent,
            inodes_used_percent: usage.inodes_used_percent,
        }
    }
}

impl PoolStatus {
    pub(super) fn new(pool: &Pool) -> Self {
        Self {
            name: pool.name.to_string(),
            state: pool.state.to_string(),
            scan: pool.scan.as_ref().filter(|scan| scan.running).map(|scan| SyncStatus {
                action: scan.function.to_string(),
                percent: scan.percent,
                left_seconds: scan.left_seconds,
            }),
        }
    }
}

impl MysqlStatus {
    pub(super) fn new(mysql: &Mysql) -> Self {
        Self {
            flavour: mysql.flavour.to_string(),
            version: mysql.version.to_string(),
            role: match (mysql.channels.is_empty(), mysql.tells_channels()) {
                (false, _) => "replica",
                (true, false) => "unknown",
                (true, true) if mysql.galera.is_some() => "member",
                (true, true) => "source",
            },
            read_only: mysql.read_only,
            super_read_only: mysql.super_read_only,
            lag_seconds: trend::lag_of(mysql),
            channels: mysql
                .channels
                .iter()
                .map(|channel| ChannelStatus {
                    source: channel.source_host.to_string(),
                    io: channel.io_running.to_string(),
                    sql: channel.sql_running.to_string(),
                    error: channel
                        .sql_error
                        .as_ref()
                        .or(channel.io_error.as_ref())
                        .map(ToString::to_string),
                })
                .collect(),
            galera: mysql.galera.as_ref().map(|galera| galera.cluster_status.to_string()),
            threads_running: mysql.threads_running,
            connections: mysql.connections,
            max_connections: mysql.max_connections,
            gtid_executed: mysql.gtid_executed.as_ref().map(ToString::to_string),
        }
    }
}

pub(super) fn mounts(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<MountStatus> {
    let Some(mounts) = snapshot.mounts.value() else {
        return Vec::new();
    };
    mounts
        .iter()
        .filter(|mount| mount.is_nfs())
        .map(|mount| {
            let probe = snapshot
                .statfs
                .value()
                .and_then(|list| list.iter().find(|probe| probe.at == mount.at));
            let rate = snapshot
                .nfs_mounts
                .value()
                .and_then(|list| list.iter().find(|rate| rate.at == mount.at));
            MountStatus {
                at: mount.at.to_string(),
                source: mount.source.to_string(),
                state: match probe.map(|probe| &probe.outcome) {
                    Some(StatfsOutcome::Answered { .. }) => "ok",
                    Some(StatfsOutcome::Stale) => "stale",
                    Some(StatfsOutcome::Failed { .. }) => "failed",
                    Some(StatfsOutcome::Hung { seconds }) if thresholds.is_mount_hung(*seconds) => "hung",
                    Some(StatfsOutcome::Hung { .. }) => "waiting",
                    None => "unknown",
                },
                ops_per_second: rate.map(|rate| rate.ops.iter().map(|op| op.ops_per_second).sum()),
                rtt_ms: rate.and_then(trend::mount_rtt_ms),
                retransmits_per_second: rate.map(|rate| rate.ops.iter().map(|op| op.retransmits_per_second).sum()),
            }
        })
        .collect()
}
