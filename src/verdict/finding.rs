//! A finding: a named verdict with severity, subject, evidence and since-when.

use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
};
use serde::{Serialize, Serializer};
use std::fmt;

/// How bad it is. The order is the order of attention: the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do; never carried by a finding.
    #[default]
    Ok,
    /// Worth knowing, no harm (an array that rebuilds under a spare, a running check).
    Notice,
    /// Redundancy or headroom is reduced.
    Warning,
    /// It cannot be known, and should be.
    Unknown,
    /// Customers are or will soon be affected, or data is at risk.
    Critical,
}

impl Severity {
    /// The word shown beside glyph and colour.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }

    /// The exit code of monitoring plugins: 0 OK (and notice), 1 warning, 2 critical, 3 unknown.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Notice => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}

/// What kind of thing a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A host as a whole.
    Host,
    /// A disk of a host.
    Disk,
    /// An md array of a host.
    Array,
    /// A DRBD resource as one host sees it.
    Drbd,
    /// A slice.
    Slice,
    /// A segment.
    Segment,
    /// An export of a host.
    Export,
    /// A mount of a host.
    Mount,
    /// A filesystem of a host.
    Filesystem,
    /// A network link of a host.
    Link,
    /// A ZFS pool of a host.
    Pool,
    /// A MySQL server.
    Mysql,
    /// A topology.
    Topology,
    /// A custom probe of a host.
    Probe,
    /// What lies between two hosts or sites.
    Path,
    /// Streams that are each other's peers.
    Group,
}

/// What a finding is about; with the code it is the finding's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Its kind.
    pub kind: SubjectKind,
    /// The host it belongs to, if it belongs to one.
    pub host: Option<HostName>,
    /// Its name: a device, a slice, a mount point; the host's name for a host.
    pub name: CleanText,
}

impl Subject {
    /// A thing on a host.
    #[must_use]
    pub fn on(kind: SubjectKind, host: &HostName, name: impl Into<CleanText>) -> Self {
        Self {
            kind,
            host: Some(host.clone()),
            name: name.into(),
        }
    }

    /// A host as a whole.
    #[must_use]
    pub fn host(host: &HostName) -> Self {
        Self::on(SubjectKind::Host, host, host.as_str())
    }

    /// A thing of the fleet (a slice, a segment, a topology).
    #[must_use]
    pub fn of_fleet(kind: SubjectKind, name: &str) -> Self {
        Self {
            kind,
            host: None,
            name: name.into(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.kind) {
            (Some(host), SubjectKind::Host) => f.pad(host.as_str()),
            // A database server is named after its host: once is enough.
            (Some(host), _) if host.as_str() == &*self.name => f.pad(host.as_str()),
            (Some(host), _) => f.pad(&format!("{host} {}", self.name)),
            (None, _) => f.pad(&self.name),
        }
    }
}

/// One named verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// About what.
    pub subject: Subject,
    /// Since when the rule holds.
    pub since: UnixMs,
    /// One sentence with the measured value and its limit.
    pub evidence: CleanText,
    /// Hosts concerned beside the subject's own (both halves of a pair, clients of a slice).
    pub hosts: Vec<HostName>,
    /// Whether it is what was told last: it is neither seen nor taken back now.
    pub unseen: bool,
}

impl Finding {
    /// Whether the finding concerns a host: as its subject or beside it.
    #[must_use]
    pub fn concerns(&self, host: &str) -> bool {
        self.subject.host.as_ref().is_some_and(|name| name.as_str() == host)
            || self.hosts.iter().any(|name| name.as_str() == host)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident => $advice:literal,)+) => {
        /// The name of a rule. Each has a doc comment (when it holds) and an advice (what to do next).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code,)+];

            /// The name, as scripts see it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)+ }
            }

            /// What to do next, in one line.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$code => $advice,)+ }
            }
        }
    };
}

codes! {
    /// No connection, or no answer within the deadline.
    HostUnreachable => "Refused: look at sshd and the firewall. No answer: power, console, switch port. Its peers judge what depends on it.",
    /// Connected, but polls are missed: the last values are old.
    HostStale => "The way is open but the host does not answer; look at its load and at processes in state D.",
    /// A host key, a login or a setting is not as it must be: nothing more is tried until a person acts.
    HostStopped => "Mend what the evidence names (a changed host key: compare it at the host's own console first), then :reconnect.",
    /// A host has not been asked yet, or is being asked for the first time.
    HostNotAsked => "Wait for its first answer.",
    /// A host's clock differs from the console's.
    ClockSkew => "Check chrony or ntpd there; certificates, heartbeats and logs depend on it.",
    /// A host has rebooted since it was last seen.
    Rebooted => "Check why, and that its services came back.",
    /// A section of the poll could not be read, though it should be.
    ReadingDenied => "Add the sudo rule named in the evidence (see the README's sudoers template).",
    /// A command of the remote half does not end.
    ReadingHung => "Look at the process in state D on that host; the kernel waits for a device or server.",
    /// A section of the poll failed, or is not in a form we know.
    ReadingFailed => "Run the command named in the evidence on that host and compare.",
    /// A section of the poll has not come for long, though the host answers.
    ReadingOld => "The slow lane of the remote half may be stuck; look at its processes on that host.",
    /// A host uses a word for a state that this version does not know.
    UnknownWord => "Look at the state on the host itself; it is not taken for a healthy one.",
    /// Load far beyond the number of CPUs.
    Overloaded => "Look at running and blocked tasks, PSI and steal.",
    /// The hypervisor takes CPU time away.
    CpuSteal => "The host's virtual CPUs are starved; look at its hypervisor.",
    /// Little memory is left.
    MemoryLow => "Look at the largest processes; swap use and memory pressure show how bad it is.",
    /// Disk requests take longer than the limit.
    DiskSlow => "Compare with its peers; look for a rebuild, a scrub or a failing disk.",
    /// A filesystem is nearly full.
    DiskFull => "Make room or grow it.",
    /// A filesystem fills so fast that it will be full soon.
    DiskFilling => "Find what writes; grow it in time.",
    /// A filesystem runs out of inodes.
    InodesFull => "Find the directory with very many small files.",
    /// A filesystem has become read-only.
    FilesystemReadOnly => "The kernel remounted it after an error; look at dmesg before anything else.",
    /// A mounted filesystem has counted errors of its own; the kernel may refuse every write to it.
    FilesystemError => "Look at dmesg on that host; unmount it and run fsck before anything else.",
    /// A link has no carrier though it is in use, or counts errors.
    LinkErrors => "Check cable, transceiver and switch port.",
    /// An array has fewer members than it should.
    MdDegraded => "If no rebuild runs, replace the failed disk; until redundancy is back one more failure loses data.",
    /// An array is being rebuilt.
    MdRebuilding => "Wait; keep an eye on the clients' latency and on read errors.",
    /// An array has a failed member.
    MdFailedMember => "Replace the disk named in the evidence.",
    /// An array is not running.
    MdInactive => "Look at mdadm --examine of its members before assembling anything.",
    /// A check found differences.
    MdMismatches => "Compare with the level: RAID 1 and 10 may show harmless ones, parity RAID should show none.",
    /// A check or resync runs.
    MdChecking => "Expected on the first Sunday of the month; it slows clients.",
    /// DRBD is not connected.
    DrbdDisconnected => "Check the replication link and the peer; the slice has no replica until it is back.",
    /// DRBD stands alone.
    DrbdStandAlone => "It will not reconnect by itself: find out why (split brain?) before connecting.",
    /// Both sides have written on their own.
    DrbdSplitBrain => "Stop writers on the doubtful side; compare both sides before choosing a victim.",
    /// A side's data cannot be used alone.
    DrbdInconsistent => "Wait for the resync to end; do not promote this side.",
    /// A side's data is older than its peer's.
    DrbdOutdated => "Reconnect it; do not promote this side.",
    /// A resync runs.
    DrbdResyncing => "Wait; the target cannot take over before it is done.",
    /// Both sides are primary.
    DrbdDualPrimary => "Stop writers on one side at once; a filesystem that is not made for it will be damaged.",
    /// Neither side is primary.
    DrbdNoPrimary => "The slice is served by nobody: promote the side with good data.",
    /// The two sides tell different stories about who is primary.
    DrbdDisagreement => "Trust neither until both have been looked at; a partition or a stale view is likely.",
    /// I/O on a resource is suspended.
    DrbdSuspended => "Quorum or fencing holds writes back; look at the peers.",
    /// A disk of DRBD has failed or is detached.
    DrbdDiskless => "The backing device failed; the data is served from the peer.",
    /// A slice has no working replica.
    SliceUnreplicated => "One more failure loses the slice; restore its replica first.",
    /// A slice is not on its preferred server.
    SliceAway => "Move it back when the other server has proven itself.",
    /// A slice is served by nobody that we can see.
    SliceDown => "Clients hang on it now; see the findings of its two servers.",
    /// The server that serves a slice cannot be seen; its peer and its clients speak for it.
    SliceUnseen => "Reach the server another way before anything is moved: unreachable is not dead.",
    /// A service address is on no server, on the wrong one, or on two.
    ServiceAddressWrong => "Clients reach the wrong server or none; compare the addresses of both.",
    /// An export of a slice is missing on its primary, or differs from the inventory.
    ExportMissing => "Export it again (exportfs -v shows what is there).",
    /// A slice's filesystem is not mounted on its primary.
    SliceNotMounted => "Mount it on the primary, or find out why it was unmounted.",
    /// The NFS server runs no threads though the host serves slices.
    NfsServerDown => "Start nfsd; every slice of this host hangs.",
    /// A mount that should be there is not.
    MountMissing => "Mount it; until then the node serves errors, or writes into the empty directory.",
    /// A mount does not answer.
    MountHung => "Look at its server first; do not run df there.",
    /// A mount's handle is stale.
    MountStale => "Unmount and mount it again.",
    /// A mount answers with an error.
    MountFailing => "Look at the error in the evidence, at the export's clients and at the server.",
    /// A mount comes from another address than the slice's.
    MountWrongSource => "It will not follow the slice when it moves; remount from the service address.",
    /// NFS operations take longer than the limit.
    NfsSlow => "Compare clients: one slow client, or all of one server?",
    /// NFS operations are sent again.
    NfsRetransmits => "Packets are lost between client and server, or the server is too slow to answer.",
    /// A pool has lost redundancy.
    PoolDegraded => "Replace the device named in the evidence.",
    /// A pool does not work.
    PoolFaulted => "Look at zpool status before anything else.",
    /// A pool is being resilvered.
    PoolResilvering => "Wait; keep an eye on the clients' latency.",
    /// A pool has data errors.
    PoolErrors => "zpool status -v names the files; restore them.",
    /// An expected pool is not there.
    PoolMissing => "Import it (zpool import shows what can be seen).",
    /// The MySQL server does not answer.
    MysqlDown => "Look at its error log on that host.",
    /// Replication of a replica is stopped.
    ReplicationStopped => "Look at the error and mend its cause; skipping events makes data differ.",
    /// Replication stopped with an error.
    ReplicationError => "Look at the error and mend its cause; skipping events makes data differ.",
    /// A replica is behind.
    ReplicationLag => "Look for a long transaction or a slow disk on the replica.",
    /// Nobody writes the heartbeat of a topology, though its source can be written.
    HeartbeatStopped => "Start what writes it (pt-heartbeat, the application) on the source; until then lag is only what replicas say themselves.",
    /// More than one member of a topology can be written.
    TwoSources => "Make one of them read-only at once; then look for transactions that only one has.",
    /// No member of a topology can be written.
    NoSource => "Applications cannot write: find the intended source.",
    /// The source of a topology cannot be seen; its replicas say whether it lives.
    SourceUnseen => "Reach the source another way before anything is promoted: unreachable is not dead.",
    /// The source is not the preferred one.
    SourceAway => "Switch back when the preferred server has proven itself.",
    /// A replica can be written.
    ReplicaWritable => "Set read_only (and super_read_only) before somebody writes there.",
    /// A replica has transactions that its source lacks.
    ErrantTransactions => "They would spread at the next switchover; find out what wrote them.",
    /// A member replicates from a server outside its topology, or from an unexpected one.
    WrongSource => "Repoint it, or mend the inventory.",
    /// Semi-synchronous replication has fallen back to asynchronous.
    SemiSyncOff => "A crash of the source would now lose acknowledged transactions.",
    /// Connections are nearly used up.
    ConnectionsHigh => "New connections will be refused soon; look at the process list.",
    /// A Galera node is cut off from the primary component.
    GaleraNonPrimary => "It refuses queries; never bootstrap while another component may be primary.",
    /// A Galera node is not synced, or the cluster is smaller than declared.
    GaleraDegraded => "Look at the members that are missing or catching up.",
    /// A standby shows the same fault as the primary it should replace.
    StandbySameFault => "Do not fail over to it: the same fault waits there.",
    /// Both halves of a pair stand in one failure domain.
    PairInOneDomain => "One feed, rack or switch takes both; move one when you can.",
    /// The newest backup of a slice or database is older than it should be, none is listed, or the list cannot be read.
    BackupOld => "Look at what makes the backups; the list command of the inventory's `backup:` shows what there is.",
    /// No backup of a slice or database has lately been restored and found good.
    BackupUnproved => "Test it: backup-test, or database-backup-test, restores the newest one and compares it. Untested is not proven.",
    /// The backup of a slice or database that was tested last is not good.
    BackupBad => "Mend how backups are made, then test the next one. Until then do not count on a restore.",
    /// A custom probe is outside its limits or cannot be read.
    ProbeBad => "See the probe's own documentation in the inventory.",
    /// Most hosts' clocks differ from the console's by about the same: the console's own clock is wrong.
    ObserverClock => "Set this machine's clock (chrony or ntpd); every age and time shown here depends on it.",
    /// A host is up, and slower than its load and its peers explain.
    SemiFailed => "Take its work away while it still answers: move its slices to the partner, drain it as a client; then look at what the evidence names.",
    /// Peers are slow all together: nobody is blamed, the cause is what they share.
    GroupSlow => "Look at what they share: a rebuild, scrub or backup, a controller, switch or hypervisor. Failing over one of them does not help.",
    /// The way between two hosts or sites is slow, not its ends.
    PathSlow => "Look at cable, switch port, bond and route between the two; do not fail the server over for it.",
    /// Work stands still for whole polls while its peers go on.
    Stalled => "A device that stalls is about to fail: move what it serves before it hangs for good, then replace it.",
    /// A stream is not heard of while its host and its peers answer.
    Silent => "Look whether the device is still there (dmesg); a disk that vanished does not come back by itself.",
    /// An observer is overloaded: the console, or a client; its latency readings are not counted.
    ObserverBusy => "Give this machine CPU, or run the console elsewhere; remote counters are not affected.",
    /// A rule of pointsman itself has crashed: the findings of the look before are shown.
    InternalError => "A bug of pointsman: report it with its log (--log FILE). Look at the facts themselves, findings may be old.",
}

impl Code {
    /// Names of the built-in runbooks that could help, the gentlest first; a plan says whether one can be run now.
    #[must_use]
    pub const fn runbooks(self) -> &'static [&'static str] {
        match self {
            Self::SemiFailed | Self::Stalled | Self::DrbdDiskless => &["slice-move"],
            Self::SliceAway => &["fail-back"],
            Self::SliceDown => &["failover"],
            Self::DrbdSplitBrain => &["split-brain"],
            Self::BackupUnproved | Self::BackupBad => &["backup-test", "database-backup-test"],
            _ => &[],
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
