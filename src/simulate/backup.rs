//! Backups that a simulated host keeps, the scratch directories in which they are restored, and the tasks that do it.

use super::{island::Island, mirror::SITE, nfs::MountState};
use crate::fleet::{BackupSubject, Fleet};
use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

/// The files of the functions that hold what looks at a restored backup of a slice, and of a database.
pub(super) const COMPARES: [&str; 2] = [
    "/var/lib/pointsman/task/backup.sh",
    "/var/lib/pointsman/task/database.sh",
];
/// How long it takes to restore a backup, and to look at it, seconds.
const TAKES_S: [f64; 2] = [4.0, 2.0];
/// Regular files of a backup, and their bytes.
const FILES: (u64, u64) = (12_000, 4 << 30);
/// Files of the slice that are younger than its backups.
const YOUNGER: u64 = 345;

/// What a host keeps of backups.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    /// The backups.
    pub backups: Vec<Backup>,
    /// The slices and databases that they are of.
    pub of: Vec<BackupSubject>,
    /// Directories at the places where scratch directories are made.
    pub scratch: BTreeMap<String, Scratch>,
    /// What was written down of tests, by its name.
    pub told: BTreeMap<String, String>,
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The slice or the database that it is of.
    pub of: String,
    /// Its name.
    pub name: String,
    /// When it began, seconds since 1970.
    pub began_s: u64,
    /// Files that it has.
    pub files: u64,
    /// Files that it should have and has not.
    pub missing: u64,
    /// Files of it with other content than they had; tables of it that are broken.
    pub differ: u64,
}

/// A directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scratch {
    /// What it is marked with; somebody else's has no mark.
    pub mark: Option<String>,
    /// The backup that was restored in it.
    pub restored: Option<String>,
}

/// Fills the vaults of the hosts where slices have their backups: the newest one began five hours ago.
pub(super) fn fill(fleet: &Fleet, island: &mut Island, epoch: Duration) {
    for (at, host) in fleet.hosts.iter().enumerate() {
        let vault = &mut island.nodes[at].store.vault;
        for kept in &host.backups {
            let of = kept.of.name();
            let made = [53_u64, 29, 5].into_iter().enumerate().map(|(number, hours)| Backup {
                of: of.to_owned(),
                name: format!("{of}-{}", number + 1),
                began_s: epoch.as_secs().saturating_sub(hours * 3600),
                files: FILES.0,
                missing: 0,
                differ: 0,
            });
            vault.backups.extend(made);
            vault.of.push(kept.of.clone());
        }
    }
}

impl Vault {
    /// A good test of each slice's and database's backup is written down, twelve days before `epoch`.
    pub(super) fn prove(&mut self, epoch: Duration) {
        let tested = epoch.as_secs().saturating_sub(12 * 86_400);
        for of in &self.of {
            let found = match of {
                BackupSubject::Slice(_) => {
                    let old = FILES.0 - YOUNGER;
                    format!("backup live {old} missing 0 read 1000 differ 0 unread 0\n")
                }
                BackupSubject::Database(_) => "backup tables 42 bad 0\n".to_owned(),
            };
            let told = format!(
                "of {}-0 {} may 0\nbackup files {} bytes {}\n{found}backup checked {tested}\n",
                of.name(),
                tested.saturating_sub(5 * 3600),
                FILES.0,
                FILES.1
            );
            self.told.insert(of.record(), told);
        }
    }

    /// Of that slice or database no backup was ever tested.
    pub(super) fn never_tested(&mut self, of: &str) {
        let records = self.of.iter().filter(|subject| subject.name() == of);
        for record in records.map(BackupSubject::record) {
            self.told.remove(&record);
        }
    }

    /// For so many days nobody has made a backup of it.
    pub(super) fn stopped(&mut self, of: &str, days: u64) {
        for backup in self.backups.iter_mut().filter(|backup| backup.of == of) {
            backup.began_s = backup.began_s.saturating_sub(days * 86_400);
        }
    }
}

/// How long a task with these words takes, where it restores a backup or looks at one.
pub(super) fn takes_s(argv: &[String]) -> Option<f64> {
    match argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [SITE, "restore" | "fetch", ..] => Some(TAKES_S[0]),
        ["sh", file, ..] if COMPARES.contains(file) => Some(TAKES_S[1]),
        _ => None,
    }
}

impl Island {
    /// What a host's own command lists of a slice or of a database.
    pub(super) fn listed(&self, at: usize, of: &str) -> String {
        let mut out = String::new();
        let backups = self.nodes[at].store.vault.backups.iter();
        for backup in backups.filter(|backup| backup.of == of) {
            let time = i64::try_from(backup.began_s)
                .ok()
                .and_then(|s| jiff::Timestamp::from_second(s).ok());
            let time = time.unwrap_or_default();
            let _ = writeln!(out, "{time} {} {}", backup.name, FILES.1);
        }
        out
    }

    /// A task that restores or looks at a backup is over.
    pub(super) fn end_of_backup(&mut self, at: usize, task: &str, argv: &[String]) {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let (code, log) = match words.as_slice() {
            [SITE, verb @ ("restore" | "fetch"), of, backup, into] => {
                // Fetched is what any host has that is up; restored what the host itself has.
                let mut has =
                    (0..self.nodes.len()).filter(|node| *node == at || (*verb == "fetch" && self.nodes[*node].is_up()));
                let known = has.any(|node| self.has_backup(node, of, backup));
                self.restored(at, backup, into, known)
            }
            ["sh", file, place, ..] if *file == COMPARES[1] => self.started(at, place),
            ["sh", _, tree, _, live, _, _, sample, ..] => {
                self.compared(at, tree.trim_end_matches("/tree"), live, sample)
            }
            _ => (2, "usage\n".to_owned()),
        };
        let now = self.now_ms;
        if let Some(task) = self.nodes[at].store.tasks.get_mut(task) {
            task.ended = Some((now, code));
            task.log = log;
        }
    }

    fn has_backup(&self, at: usize, of: &str, name: &str) -> bool {
        let mut backups = self.nodes[at].store.vault.backups.iter();
        backups.any(|backup| backup.of == of && backup.name == name)
    }

    fn restored(&mut self, at: usize, backup: &str, into: &str, known: bool) -> (i32, String) {
        let plain = self.mounted_plain(at, into);
        let Self { nodes, copies, .. } = self;
        let node = &mut nodes[at];
        let place = into.strip_suffix("/tree").unwrap_or(into);
        let restored = match (plain, node.store.vault.scratch.get_mut(place)) {
            (Some(plain), _) => &mut copies.plains[plain].restored,
            (None, Some(scratch)) => &mut scratch.restored,
            (None, None) => return (1, format!("{into}: No such file or directory\n")),
        };
        if node.store.full {
            return (1, "No space left on device\n".to_owned());
        }
        if !known {
            return (3, format!("{backup}: no such backup\n"));
        }
        *restored = Some(backup.to_owned());
        (0, "restored\n".to_owned())
    }

    /// The filesystem of its own that is mounted there and can be written.
    fn mounted_plain(&self, at: usize, place: &str) -> Option<usize> {
        let filesystems = &self.nodes[at].filesystems;
        let writable = |device: &str| filesystems.iter().any(|it| it.source == device && !it.read_only);
        let mut plains = self.copies.plains.iter();
        plains.position(|plain| plain.node == at && plain.mount_point == place && writable(&plain.device))
    }

    /// The backup that was restored in a directory, or to a filesystem.
    fn restored_in(&self, at: usize, place: &str) -> Option<&Backup> {
        let name = match self.nodes[at].store.vault.scratch.get(place) {
            Some(scratch) => scratch.restored.as_ref()?,
            None => self.copies.plains[self.mounted_plain(at, place)?].restored.as_ref()?,
        };
        let mut backups = self.nodes.iter().flat_map(|node| &node.store.vault.backups);
        backups.find(|backup| backup.name == *name)
    }

    fn started(&self, at: usize, place: &str) -> (i32, String) {
        let checked = self.epoch.as_secs() + self.now_ms / 1000;
        let log = match self.restored_in(at, place) {
            Some(backup) => format!(
                "backup files {} bytes {}\nbackup tables 42 bad {}\nbackup position binlog.000042 4711 0-1-48211900\n",
                backup.files, FILES.1, backup.differ
            ),
            None => "backup files 0 bytes 0\nbackup tables 0 bad 1\n".to_owned(),
        };
        (0, format!("{log}backup checked {checked}\n"))
    }

    fn compared(&self, at: usize, place: &str, live: &str, sample: &str) -> (i32, String) {
        let node = &self.nodes[at];
        let Some(backup) = self.restored_in(at, place) else {
            return (0, "backup files 0 bytes 0\nbackup checked 1\n".to_owned());
        };
        let mut log = format!("backup files {} bytes {}\n", backup.files, FILES.1);
        if live != "-" {
            let mut mounts = node.mounts.iter().filter(|mount| mount.at == live && mount.mounted);
            if mounts.next().is_none_or(|mount| mount.state != MountState::Answering) {
                return (1, format!("{live} does not answer\n"));
            }
            let old = backup.files.saturating_sub(YOUNGER);
            let both = old.saturating_sub(backup.missing);
            let sample = sample
                .parse::<u64>()
                .ok()
                .filter(|sample| *sample > 0)
                .unwrap_or(both)
                .min(both);
            let differ = if sample == both { backup.differ } else { 0 };
            let _ = writeln!(
                log,
                "backup live {old} missing {} read {} differ {differ} unread 0",
                backup.missing,
                sample - differ
            );
        }
        let _ = writeln!(log, "backup checked {}", self.epoch.as_secs() + self.now_ms / 1000);
        (0, log)
    }
}
