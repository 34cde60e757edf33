//! MySQL and MariaDB, asked through the host's own client and credentials, and Galera.
//!
//! The section's content is the output of one `mysql --batch --raw --skip-column-names=0` run: blocks that
//! each begin with a line `#` and the block's name. `version` holds `@@version` and `@@version_comment`;
//! `variables` and `status` hold `name<TAB>value` lines; `replica` holds `SHOW REPLICA STATUS` or
//! `SHOW ALL SLAVES STATUS` in `\G` form; `heartbeat` holds `server_id<TAB>age_seconds`; `replicas` holds
//! `SHOW REPLICAS`; `took` holds the microseconds from the first question to the last, by the server's clock. A block that could not be read holds a line `ERROR …`.

mod parse;
mod replica;

pub use parse::parse_mysql;

use super::{reading::words, text::CleanText};
use serde::Serialize;

/// The first three numbers of a version, such as those of `10.11.6-MariaDB-0+deb12u1-log`; what is none counts as 0.
#[must_use]
pub fn number(version: &str) -> (u32, u32, u32) {
    let mut numbers = version.split(['.', '-']).map_while(|word| word.parse().ok());
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// State of one MySQL or MariaDB server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mysql {
    /// Which of the two.
    pub flavour: Flavour,
    /// `@@version`.
    pub version: CleanText,
    /// `@@server_id`.
    pub server_id: Option<u64>,
    /// `@@server_uuid` (MySQL).
    pub server_uuid: Option<CleanText>,
    /// `@@read_only`.
    pub read_only: Option<bool>,
    /// `@@super_read_only` (MySQL only).
    pub super_read_only: Option<bool>,
    /// GTIDs executed here: `@@gtid_executed`, or `@@gtid_binlog_pos` and `@@gtid_slave_pos` joined with MariaDB.
    pub gtid_executed: Option<CleanText>,
    /// `@@gtid_binlog_state` (MariaDB): of each server the newest transaction that was written to the binary log here.
    pub gtid_binlog_state: Option<CleanText>,
    /// `@@gtid_slave_pos` (MariaDB): what was applied here as a replica.
    pub gtid_slave_pos: Option<CleanText>,
    /// `Threads_running`.
    pub threads_running: Option<u64>,
    /// `Threads_connected`.
    pub connections: Option<u64>,
    /// `@@max_connections`.
    pub max_connections: Option<u64>,
    /// Buffer pool hits since start, 0–100.
    pub buffer_pool_hit_percent: Option<f64>,
    /// `Uptime`, seconds.
    pub uptime_seconds: Option<u64>,
    /// Queries since start.
    pub queries: Option<u64>,
    /// Semi-synchronous source: on and with waiting replicas.
    pub semi_sync_source: Option<SemiSync>,
    /// Semi-synchronous replica is on.
    pub semi_sync_replica: Option<bool>,
    /// Replication channels in which this server is a replica; empty on a source.
    pub channels: Vec<ReplicaChannel>,
    /// Seconds behind by heartbeat: the age of the newest beat of another server.
    pub heartbeat_lag_seconds: Option<f64>,
    /// The age in seconds of this server's own newest beat; `None` when it never wrote one.
    pub heartbeat_own_seconds: Option<f64>,
    /// Replicas that are connected to this server (`SHOW REPLICAS`), by host name.
    pub replicas: Vec<CleanText>,
    /// How long the server took for the fixed questions of one poll, by its own clock, µs.
    pub answered_us: Option<u64>,
    /// Galera state, where wsrep is on.
    pub galera: Option<Galera>,
    /// Blocks that could not be read, with the server's own error.
    pub errors: Vec<CleanText>,
}

impl Mysql {
    /// Whether the list of channels was read. When it was not (a login without the right), an empty list
    /// says nothing: the server may well be a replica.
    #[must_use]
    pub fn tells_channels(&self) -> bool {
        !self.errors.iter().any(|error| error.starts_with("replica:"))
    }

    /// Semi-synchronous replication as its source, where that is of use: the source half of a replica that nobody follows
    /// idles, and that it is not in force is no fall-back.
    #[must_use]
    pub fn semi_sync_as_source(&self) -> Option<SemiSync> {
        let state = self.semi_sync_source.filter(|state| state.enabled)?;
        let followed = !self.replicas.is_empty() || state.replicas.is_some_and(|count| count > 0);
        (self.channels.is_empty() || followed).then_some(state)
    }
}

words! {
    /// Which server it is.
    Flavour {
        /// MySQL or Percona Server.
        Mysql = "mysql",
        /// MariaDB.
        Mariadb = "mariadb",
    }
}

/// Semi-synchronous replication on a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SemiSync {
    /// Configured.
    pub enabled: bool,
    /// In force now (it falls back to asynchronous after a timeout).
    pub active: bool,
    /// Semi-synchronous replicas connected.
    pub replicas: Option<u64>,
}

/// One replication channel of a replica, old and new words alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicaChannel {
    /// Channel or connection name; empty for the default.
    pub name: CleanText,
    /// `Source_Host` or `Master_Host`.
    pub source_host: CleanText,
    /// `Source_Port` or `Master_Port`.
    pub source_port: Option<u16>,
    /// `Source_UUID` (MySQL).
    pub source_uuid: Option<CleanText>,
    /// `Source_Server_Id` or `Master_Server_Id`.
    pub source_server_id: Option<u64>,
    /// The receiver thread.
    pub io_running: ReplicaThread,
    /// The applier thread.
    pub sql_running: ReplicaThread,
    /// `Seconds_Behind_Source`; `None` when NULL. Never a proof of being up to date.
    pub seconds_behind: Option<u64>,
    /// `Last_IO_Errno` and text, if any.
    pub io_error: Option<CleanText>,
    /// `Last_SQL_Errno` and text, if any.
    pub sql_error: Option<CleanText>,
    /// GTIDs received: `Retrieved_Gtid_Set` or `Gtid_IO_Pos`.
    pub gtid_received: Option<CleanText>,
    /// GTIDs applied: `Executed_Gtid_Set` or `Gtid_Slave_Pos`.
    pub gtid_applied: Option<CleanText>,
}

words! {
    /// State of a replication thread.
    ReplicaThread {
        /// Runs.
        Yes = "Yes",
        /// Stopped.
        No = "No",
        /// Tries to connect.
        Connecting = "Connecting",
        /// Preparing (MariaDB).
        Preparing = "Preparing",
    }
}

/// Galera state of one node (`wsrep_*`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Galera {
    /// `wsrep_cluster_status`.
    pub cluster_status: GaleraStatus,
    /// `wsrep_local_state_comment`, such as `Synced`.
    pub local_state: CleanText,
    /// `wsrep_ready`.
    pub ready: Option<bool>,
    /// `wsrep_connected`.
    pub connected: Option<bool>,
    /// `wsrep_cluster_size`.
    pub cluster_size: Option<u32>,
    /// `wsrep_cluster_state_uuid`.
    pub state_uuid: CleanText,
    /// `wsrep_cluster_conf_id`.
    pub conf_id: Option<u64>,
    /// `wsrep_flow_control_paused`, 0–1 since the last FLUSH STATUS.
    pub flow_control_paused: Option<f64>,
    /// `wsrep_last_committed`.
    pub last_committed: Option<i64>,
}

words! {
    /// Whether a node is in the part of the cluster that may write.
    GaleraStatus {
        /// In the primary component.
        Primary = "Primary",
        /// Cut off from it.
        NonPrimary = "non-Primary",
        /// Not connected to any component.
        Disconnected = "Disconnected",
    }
}

#[cfg(test)]
#[path = "mysql/tests.rs"]
mod tests;
