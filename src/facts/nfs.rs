//! NFS: exports, server threads and counters; on clients `mountstats` per mount and operation.

mod mountstats;
mod server;

pub use mountstats::{parse_mountstats, rates};
pub use server::{parse_clients, parse_exports, parse_nfsd};

use super::text::CleanText;
use serde::Serialize;

/// One line of `exportfs -v`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NfsExport {
    /// The exported path.
    pub path: CleanText,
    /// Who may mount it; `*` for everybody.
    pub client: CleanText,
    /// Options in force.
    pub options: Vec<CleanText>,
}

/// Server counters of `/proc/net/rpc/nfsd` since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct NfsServer {
    /// Running threads; `None` when it could not be read. Zero: nfsd is stopped.
    pub threads: Option<u32>,
    /// Bytes read by clients.
    pub read_bytes: u64,
    /// Bytes written by clients.
    pub write_bytes: u64,
    /// RPC calls.
    pub rpc_calls: u64,
    /// Bad RPC calls.
    pub rpc_bad: u64,
    /// NFSv3 READ calls.
    pub v3_reads: u64,
    /// NFSv3 WRITE calls.
    pub v3_writes: u64,
    /// NFSv3 COMMIT calls.
    pub v3_commits: u64,
}

/// A client that the server knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NfsClient {
    /// Its address or name.
    pub address: CleanText,
    /// Protocol generation: 3 or 4.
    pub version: u8,
    /// The path it mounted, where the server says (v3 only).
    pub path: Option<CleanText>,
}

/// Counters of one NFS mount on a client since it was mounted (kernel `net/sunrpc/stats.c`, nfsiostat(8)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NfsMountCounters {
    /// Mount point.
    pub at: CleanText,
    /// Server as mounted (`server:/path` before the colon).
    pub server: CleanText,
    /// Path on the server.
    pub path: CleanText,
    /// Protocol generation as mounted, such as `3` or `4.2`.
    pub version: CleanText,
    /// Whether it is mounted `hard`.
    pub hard: bool,
    /// Seconds since it was mounted.
    pub age_seconds: u64,
    /// Bytes read by applications through the server.
    pub read_bytes: u64,
    /// Bytes written by applications through the server.
    pub write_bytes: u64,
    /// Requests queued for the transport, summed (`xprt` backlog).
    pub backlog: u64,
    /// Operations, by name.
    pub ops: Vec<NfsOpCounters>,
}

/// Counters of one operation on one mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NfsOpCounters {
    /// Operation name, such as `READ`.
    pub op: CleanText,
    /// Completed operations.
    pub ops: u64,
    /// Transmissions, retransmissions included.
    pub transmissions: u64,
    /// Major timeouts.
    pub timeouts: u64,
    /// Milliseconds queued on the client, summed. Some kernels let the sum fall below zero, printed as
    /// 2⁶⁴ less a little; [`rates`] takes account of it.
    pub queue_ms: u64,
    /// Milliseconds from sending to the answer, summed.
    pub rtt_ms: u64,
    /// Milliseconds from queueing to completion, summed.
    pub execute_ms: u64,
    /// Errors (kernels since 5.3).
    pub errors: Option<u64>,
}

/// What one mount did between two samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NfsMountRate {
    /// Mount point.
    pub at: CleanText,
    /// Operations that were used, by name.
    pub ops: Vec<NfsOpRate>,
}

/// What one operation on one mount did between two samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NfsOpRate {
    /// Operation name.
    pub op: CleanText,
    /// Completed operations a second.
    pub ops_per_second: f64,
    /// Mean round trip in milliseconds (wire and server); `None` without operations.
    pub rtt_ms: Option<f64>,
    /// Mean time to completion in milliseconds (adds queueing on the client).
    pub execute_ms: Option<f64>,
    /// Mean time queued on the client in milliseconds.
    pub queue_ms: Option<f64>,
    /// Retransmissions a second.
    pub retransmits_per_second: f64,
    /// Major timeouts a second.
    pub timeouts_per_second: f64,
}
