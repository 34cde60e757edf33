//! The sections of a poll: what the remote half sends, by name, and how often it is asked for.
//!
//! The remote half has two lanes. The *fast lane* reads `/proc` and `/sys` with shell builtins and
//! never waits for anything; it answers on standard output. The *slow lane* is one background job
//! that runs commands, which may hang on the very fault we watch for; it answers on standard error
//! with a frame that ends each section and begins the next, always in full. Where there is nothing to
//! ask (`absent`), the frame of the *fast* lane says so. While the slow lane is stuck, each frame of the
//! fast one holds that section's name with the status `stuck`; after a while another lane goes on
//! without the section.
//!
//! A content has no newline at its end, whatever the file had. `exit:27` (`EFBIG`) says that a content
//! was too long for a frame, `exit:124` that a command had no answer within its deadline; a section of
//! the slow lane that the inventory does not ask for (MySQL, probes) is not sent at all.

use super::text::CleanText;

/// How often a section is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// At every poll.
    Fast,
    /// Every ten seconds or so.
    Medium,
    /// Every ten minutes or so, and at the first poll.
    Slow,
}

impl Tier {
    /// The letter that asks for this tier in a `go` line.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Fast => 'f',
            Self::Medium => 'm',
            Self::Slow => 's',
        }
    }
}

/// How a section ended on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionStatus {
    /// The content follows.
    Ok,
    /// Nothing has changed since the last time it was sent on this connection.
    Same,
    /// No such file or tool on this host.
    Absent,
    /// It is there, but this user may not read it. The content says what root would add: for a command the
    /// line for sudoers, then what the command said.
    Denied,
    /// The command ended with this exit code; the content is its output and error text.
    Exit(i32),
    /// The slow lane has begun this section; no content.
    Begin,
    /// The slow lane is stuck in this section; the content is `seconds state` of its process,
    /// where state is the letter of `/proc/PID/stat` (`D` is an uninterruptible wait).
    Stuck,
    /// A status word this version does not know.
    Unknown(CleanText),
}

/// Whether a section comes from the fast lane (standard output) or the slow one (standard error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Builtins only, never waits.
    Fast,
    /// One background job, may hang.
    Slow,
}

macro_rules! sections {
    ($($(#[$doc:meta])* $section:ident = $name:literal, $lane:ident, $tier:ident;)+) => {
        /// A section of a poll. The doc comment of each says what its content is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Section {
            $($(#[$doc])* $section,)+
        }

        impl Section {
            /// Every section.
            pub const ALL: &'static [Self] = &[$(Self::$section,)+];

            /// The section's name in a frame.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$section => $name,)+ }
            }

            /// The lane that sends it.
            #[must_use]
            pub const fn lane(self) -> Lane {
                match self { $(Self::$section => Lane::$lane,)+ }
            }

            /// How often it is asked for.
            #[must_use]
            pub const fn tier(self) -> Tier {
                match self { $(Self::$section => Tier::$tier,)+ }
            }

            /// The section of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$section),)+ _ => None }
            }
        }
    };
}

sections! {
    /// `/proc/uptime`, then the `btime` line of `/proc/stat`.
    Uptime = "uptime", Fast, Fast;
    /// `/proc/loadavg`.
    Loadavg = "loadavg", Fast, Fast;
    /// From `/proc/stat`: the `cpu` line, `procs_running`, `procs_blocked`, and `cpus N` counted from the `cpuN` lines.
    Stat = "stat", Fast, Fast;
    /// From `/proc/meminfo`: the lines of total, free, available, buffers, cached, swap total and free, dirty, writeback.
    Meminfo = "meminfo", Fast, Fast;
    /// The lines of `/proc/pressure/{cpu,io,memory}`, each with the resource's name and a space in front.
    Pressure = "pressure", Fast, Fast;
    /// `/proc/diskstats` without loop, ram, zram and never-used devices.
    Diskstats = "diskstats", Fast, Fast;
    /// `/proc/net/dev`.
    NetDev = "netdev", Fast, Fast;
    /// The two `Tcp:` lines of `/proc/net/snmp`.
    Snmp = "snmp", Fast, Fast;
    /// One line a network link: `name operstate carrier speed_mbit mtu` (`-` where `/sys/class/net` has none).
    Links = "links", Fast, Medium;
    /// `/proc/mdstat`.
    Mdstat = "mdstat", Fast, Fast;
    /// From `/sys/block/md*/md`: a line `md0 key value…` a value (level, `raid_disks`, degraded, `sync_action`,
    /// `mismatch_cnt`, `sync_completed`, `sync_speed`, `array_state`) and `md0 dev NAME state slot errors` a member.
    MdSys = "mdsys", Fast, Medium;
    /// `/proc/drbd` (full state with 8.4, only the version with 9).
    Drbd = "drbd", Fast, Fast;
    /// `/proc/self/mountinfo` without pseudo filesystems.
    Mounts = "mounts", Fast, Fast;
    /// The NFS devices of `/proc/self/mountstats`, without the operations that were never used and without
    /// the lines `events`, `caps` and `sec`.
    Mountstats = "mountstats", Fast, Fast;
    /// `/proc/net/rpc/nfsd`, then `threads N` from `/proc/fs/nfsd/threads` where it can be read.
    Nfsd = "nfsd", Fast, Fast;
    /// From `/proc/spl/kstat/zfs/arcstats`: hits, misses, size, c, `c_max`, `l2_hits`, `l2_misses`, `l2_size`.
    Arcstats = "arcstats", Fast, Medium;
    /// One line a key: hostname, `machine_id`, `boot_id`, kernel, os, arch, user, uid, sudo (`yes`, `no`), shell.
    Identity = "identity", Slow, Slow;
    /// `drbdsetup status --json` with DRBD 9, else `drbdsetup status --verbose --statistics`.
    DrbdStatus = "drbdstatus", Slow, Fast;
    /// `drbdsetup events2 --now`.
    DrbdEvents = "drbdevents", Slow, Medium;
    /// `exportfs -v`.
    Exports = "exports", Slow, Medium;
    /// NFS clients: a line `v4 ADDRESS` each from `/proc/fs/nfsd/clients/*/info`, `v3 ADDRESS:PATH` each from rmtab.
    NfsClients = "nfsclients", Slow, Medium;
    /// `ip -o addr show`.
    Addresses = "addresses", Slow, Medium;
    /// `df -Pk` of the local mounts, then a line `inodes`, then `df -Pi`.
    Df = "df", Slow, Medium;
    /// A line a network mount: `ok MILLISECONDS MOUNT`, `stale 0 MOUNT`, `error 0 MOUNT TEXT` or `hung SECONDS MOUNT`
    /// (MOUNT escaped as in mountinfo). A mount that hung is not asked again until its child has ended. Each is
    /// asked by a child of its own, which the fast lane only looks at: while one has not answered (`hung 0` in the
    /// beginning) the section also comes with polls of the fast tier. Right to 10 ms below 0.6 s, then to 100 ms.
    Statfs = "statfs", Fast, Medium;
    /// From `/sys/fs/ext4` (also for ext2 and ext3): a line `drbd1 147:1 1581` a mounted filesystem: its device, that
    /// one's number (of `/sys/class/block`) and `errors_count`; `-` where one cannot be read.
    FilesystemErrors = "fserrors", Fast, Medium;
    /// From `/sys/block/*/queue/rotational`: a line `sda 1` a disk, 1 where it turns. Not of what is stacked on disks, but for
    /// device mapper. The slow lane reads it, because the kernel may make a reader wait while it changes a queue.
    Rotational = "rotational", Slow, Medium;
    /// Processes of programs that make backups, at most 32, a line each: `name pid age_seconds utime stime cutime cstime`
    /// from `/proc/PID/comm` and `/proc/PID/stat` (never `cmdline`, which may wait for a process that is stuck), times in
    /// hundredths of a second. Not sent with every poll of its tier where many processes have to be looked at.
    Backups = "backups", Slow, Medium;
    /// `zpool status -j --json-int` where the tool knows it, else `zpool status -p`, else `zpool status`.
    Zpool = "zpool", Slow, Medium;
    /// `zpool list -Hp -o name,size,alloc,free,health`.
    ZpoolList = "zpoollist", Slow, Medium;
    /// Answers of the host's own MySQL client: see `facts::mysql`. A block begins with a line `#name` (it is a column
    /// name; an empty row or the same line again may follow) and `replica` and `replicas` hold the tables as printed.
    /// `ERROR …` stands in the block that failed. `exit:N` when not even the version could be asked.
    Mysql = "mysql", Slow, Fast;
    /// Custom probes that were due: `name exit_code length` and a newline, then that many bytes of output and a
    /// newline, a probe. Output is standard output, at most 64 KiB; with an exit code other than 0 error text follows.
    Probes = "probes", Slow, Fast;
    /// `grep -r . /var/lib/pointsman/backup`: what is written down of tests of backups, a line `PATH:LINE` each. Absent where
    /// no backup was ever tested.
    Proofs = "proofs", Slow, Slow;
    /// What the site's own commands list of backups, in the form of `probes`; a list of over 64 KiB has the exit code 27. Those that
    /// begin within a second, with the slow tier; while some of them were not reached, one of all with other polls now and then.
    Lists = "lists", Slow, Medium;
}
