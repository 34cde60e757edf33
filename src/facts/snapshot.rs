//! A snapshot: all readings of one host from one poll.

use super::{
    disk::{DiskCounters, DiskRate},
    drbd::DrbdVolume,
    filesystem::{Mount, StatfsProbe, Usage},
    identity::Identity,
    load::{CpuTimes, CpuUse, LoadAverage, Memory, Pressure, Uptime},
    md::MdArray,
    mysql::Mysql,
    network::{Address, Link, LinkCounters, LinkRate, TcpCounters},
    nfs::{NfsClient, NfsExport, NfsMountCounters, NfsMountRate, NfsServer},
    probe::ProbeReading,
    reading::{Reading, UnixMs},
    zfs::{Arc, ArcRate, Pool},
};

/// All that is known of one host after one poll. Cheap to clone: every value is shared.
///
/// Sections that did not come with this poll keep the reading (and its time) of an earlier one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// When the poll's answer arrived, by the console's clock.
    pub at: UnixMs,
    /// Round trip of the poll on the open channel, microseconds.
    pub rtt_us: u64,
    /// Polls answered on this connection.
    pub polls: u64,
    /// Who the host says it is.
    pub identity: Reading<Identity>,
    /// Uptime and clock.
    pub uptime: Reading<Uptime>,
    /// Load average.
    pub load: Reading<LoadAverage>,
    /// CPU counters.
    pub cpu_times: Reading<CpuTimes>,
    /// CPU use since the poll before.
    pub cpu: Reading<CpuUse>,
    /// Memory.
    pub memory: Reading<Memory>,
    /// Pressure stall information.
    pub pressure: Reading<Pressure>,
    /// Disk counters.
    pub disk_counters: Reading<Vec<DiskCounters>>,
    /// Disk rates since the poll before.
    pub disks: Reading<Vec<DiskRate>>,
    /// Local filesystems.
    pub filesystems: Reading<Vec<Usage>>,
    /// Everything mounted that is not a pseudo filesystem.
    pub mounts: Reading<Vec<Mount>>,
    /// How network mounts answer.
    pub statfs: Reading<Vec<StatfsProbe>>,
    /// Interface counters.
    pub link_counters: Reading<Vec<LinkCounters>>,
    /// Interface rates since the poll before.
    pub link_rates: Reading<Vec<LinkRate>>,
    /// Interfaces.
    pub links: Reading<Vec<Link>>,
    /// Addresses.
    pub addresses: Reading<Vec<Address>>,
    /// TCP counters.
    pub tcp: Reading<TcpCounters>,
    /// md arrays.
    pub md: Reading<Vec<MdArray>>,
    /// DRBD volumes.
    pub drbd: Reading<Vec<DrbdVolume>>,
    /// NFS exports.
    pub exports: Reading<Vec<NfsExport>>,
    /// NFS server.
    pub nfs_server: Reading<NfsServer>,
    /// Clients of the NFS server.
    pub nfs_clients: Reading<Vec<NfsClient>>,
    /// NFS mount counters.
    pub nfs_mount_counters: Reading<Vec<NfsMountCounters>>,
    /// NFS mount rates since the poll before.
    pub nfs_mounts: Reading<Vec<NfsMountRate>>,
    /// ZFS pools.
    pub pools: Reading<Vec<Pool>>,
    /// ARC counters.
    pub arc: Reading<Arc>,
    /// ARC hit ratio since the poll before.
    pub arc_rate: Reading<ArcRate>,
    /// MySQL or MariaDB.
    pub mysql: Reading<Mysql>,
    /// Custom probes.
    pub probes: Vec<ProbeReading>,
}
