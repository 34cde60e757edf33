//! What is timed: the kinds of work whose latency is watched.

use serde::Serialize;
use std::fmt;

/// A kind of work. Streams of different kinds are never compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// NFS READ, as its client's kernel times it.
    NfsRead,
    /// NFS WRITE.
    NfsWrite,
    /// NFS COMMIT: the server makes what was written last.
    NfsCommit,
    /// NFS operations that only read names and attributes.
    NfsMeta,
    /// A read of a disk, as its host's kernel times it.
    DiskRead,
    /// A write of a disk.
    DiskWrite,
    /// A poll of a host on the open SSH channel, as the console times it.
    Poll,
    /// The fixed questions of a poll to a MySQL or MariaDB server, as the server's own clock times them.
    Mysql,
}

impl Op {
    /// Every kind, in the order in which front ends offer them.
    pub const ALL: [Self; 8] = [
        Self::NfsWrite,
        Self::NfsRead,
        Self::NfsCommit,
        Self::NfsMeta,
        Self::DiskWrite,
        Self::DiskRead,
        Self::Poll,
        Self::Mysql,
    ];

    /// Its name on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NfsRead => "NFS READ",
            Self::NfsWrite => "NFS WRITE",
            Self::NfsCommit => "NFS COMMIT",
            Self::NfsMeta => "NFS names",
            Self::DiskRead => "disk read",
            Self::DiskWrite => "disk write",
            Self::Poll => "SSH poll",
            Self::Mysql => "MySQL ping",
        }
    }

    /// The word behind the name of a disk or mount point, such as `write`.
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Self::DiskRead => "read",
            Self::DiskWrite => "write",
            _ => self.word(),
        }
    }

    /// Whether clients time it at servers: only then there is a matrix to blame by.
    #[must_use]
    pub const fn is_nfs(self) -> bool {
        matches!(self, Self::NfsRead | Self::NfsWrite | Self::NfsCommit | Self::NfsMeta)
    }

    /// Whether DRBD's partner has a say in how long this takes.
    pub(super) const fn is_replicated(self) -> bool {
        matches!(self, Self::NfsWrite | Self::NfsCommit)
    }

    /// The kind of an NFS operation by its name in `/proc/self/mountstats`.
    ///
    /// None for those that wait for others (locks), that keep the session alive, and that change names: these wait for the
    /// journal, and are told from those that only read neither by their time nor by their number.
    pub(super) fn of_nfs(name: &str) -> Option<Self> {
        match name {
            "READ" | "READ_PLUS" => Some(Self::NfsRead),
            "WRITE" => Some(Self::NfsWrite),
            "COMMIT" => Some(Self::NfsCommit),
            "GETATTR" | "LOOKUP" | "LOOKUPP" | "LOOKUP_ROOT" | "ACCESS" | "READDIR" | "READDIRPLUS" | "READLINK"
            | "FSSTAT" | "FSINFO" | "PATHCONF" | "STATFS" | "SERVER_CAPS" | "GETACL" | "GETXATTR" | "LISTXATTRS" => {
                Some(Self::NfsMeta)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
