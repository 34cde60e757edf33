//! A snapshot: all readings of one host from one poll.

use super::{
    backup::Backup,
    disk::{DiskCounters, DiskKind, DiskRate},
    drbd::DrbdVolume,
    filesystem::{FilesystemErrors, Mount, StatfsProbe, Usage},
    identity::Identity,
    load::{CpuTimes, CpuUse, LoadAverage, Memory, Pressure, Uptime},
    md::MdArray,
    mysql::Mysql,
    network::{Address, Link, LinkCounters, LinkRate, TcpCounters},
    nfs::{NfsClient, NfsExport, NfsMountCounters, NfsMountRate, NfsServer},
    probe::ProbeReading,
    proof::{BackupList, BackupTest},
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
    /// Whether disks turn.
    pub disk_kinds: Reading<Vec<DiskKind>>,
    /// Backups at work.
    pub backups: Reading<Vec<Backup>>,
    /// Local filesystems.
    pub filesystems: Reading<Vec<Usage>>,
    /// Everything mounted that is not a pseudo filesystem.
    pub mounts: Reading<Vec<Mount>>,
    /// Errors that mounted ext4 filesystems count.
    pub filesystem_errors: Reading<Vec<FilesystemErrors>>,
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
    /// The backups of others that are on it, by what they are of.
    pub backup_lists: Vec<BackupList>,
    /// What is written down of tests of these; absent where none was ever tested.
    pub backup_tests: Reading<Vec<BackupTest>>,
}

impl Snapshot {
    /// A snapshot of a host of which nothing but custom probes is asked: all else is absent, not unknown.
    #[must_use]
    pub fn probes_only(probes: Vec<ProbeReading>, at: UnixMs) -> Self {
        Self {
            at,
            rtt_us: 0,
            polls: 0,
            identity: Reading::absent(at),
            uptime: Reading::absent(at),
            load: Reading::absent(at),
            cpu_times: Reading::absent(at),
            cpu: Reading::absent(at),
            memory: Reading::absent(at),
            pressure: Reading::absent(at),
            disk_counters: Reading::absent(at),
            disks: Reading::absent(at),
            disk_kinds: Reading::absent(at),
            backups: Reading::absent(at),
            filesystems: Reading::absent(at),
            mounts: Reading::absent(at),
            filesystem_errors: Reading::absent(at),
            statfs: Reading::absent(at),
            link_counters: Reading::absent(at),
            link_rates: Reading::absent(at),
            links: Reading::absent(at),
            addresses: Reading::absent(at),
            tcp: Reading::absent(at),
            md: Reading::absent(at),
            drbd: Reading::absent(at),
            exports: Reading::absent(at),
            nfs_server: Reading::absent(at),
            nfs_clients: Reading::absent(at),
            nfs_mount_counters: Reading::absent(at),
            nfs_mounts: Reading::absent(at),
            pools: Reading::absent(at),
            arc: Reading::absent(at),
            arc_rate: Reading::absent(at),
            mysql: Reading::absent(at),
            probes,
            backup_lists: Vec::new(),
            backup_tests: Reading::absent(at),
        }
    }
}
