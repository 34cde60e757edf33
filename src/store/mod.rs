//! Remembering: the journal of runs and the audit log, in one SQLite file.
//!
//! Each record is on the disk before its caller goes on (`synchronous=FULL`), together with its entry in the
//! audit log, whose rows are chained by hashes. The calls block; drivers make them from blocking threads.

mod audit;
mod drive;
mod runs;
#[cfg(test)]
mod tests;

pub use audit::{Entry, Verified};
pub use drive::{Driver, Driving};
pub use runs::{Command, NewRun, Order, Run, Stall, Standing, Timed, new_id};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The file in the state directory.
pub const FILE: &str = "pointsman.db";
/// How long another process may hold the file before a call gives up.
const BUSY: Duration = Duration::from_secs(5);
/// The form of the tables that this version reads and writes.
const SCHEMA: i64 = 1;

/// Why something could not be remembered or read back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its directory cannot be used.
    #[error("{path}: {why}")]
    Place {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// SQLite refused: a full disk, a damaged file, a lock that was not given back.
    #[error("the journal: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What is in the file is not what this version writes there.
    #[error("the journal holds what cannot be read: {0}")]
    Form(String),
    /// There is no such run.
    #[error("there is no run {0}")]
    NoRun(String),
    /// Another process drives the run.
    #[error("run {run} is driven by {by}")]
    Driven {
        /// The run.
        run: String,
        /// Who drives it, as far as it is known.
        by: String,
    },
}

/// The journal and the audit log.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the file in `directory`; makes both where they are not there (mode 0700 and 0600).
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be made or read, or belong to another user.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        prepare(directory)?;
        let path = directory.join(FILE);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Otherwise a commit in WAL mode may be lost when the machine loses power.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection, &path)?;
        Ok(Self {
            directory: directory.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Lets the file grow by `pages` (4096 bytes each) from now on and no more, as a full disk does: for rehearsals and
    /// tests.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn limit(&self, pages: i64) -> Result<(), StoreError> {
        self.read(|connection| {
            let now: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            connection.query_row(&format!("PRAGMA max_page_count = {}", now + pages), [], |_| Ok(()))?;
            Ok(())
        })
    }

    #[cfg(test)]
    pub(crate) fn fill_up(&self, pages: i64) {
        self.limit(pages).unwrap();
    }

    /// Reads.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes all of it or nothing; it is on the disk when this returns.
    fn write<T>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => transaction.execute_batch(include_str!("schema.sql"))?,
        SCHEMA => {}
        newer => {
            return Err(StoreError::Place {
                path: path.to_owned(),
                why: format!("written by a newer version of pointsman (form {newer}, this one knows {SCHEMA})"),
            });
        }
    }
    transaction.commit()?;
    Ok(())
}

/// The directory for the owner alone, and an empty file in it for the owner alone.
fn prepare(directory: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    let place = |path: &Path, why: &dyn std::fmt::Display| StoreError::Place {
        path: path.to_owned(),
        why: why.to_string(),
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| place(directory, &error))?;
    let meta = std::fs::metadata(directory).map_err(|error| place(directory, &error))?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(place(
            directory,
            &"belongs to another user, who could change the journal",
        ));
    }
    if meta.mode() & 0o077 != 0 {
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(directory, mode).map_err(|error| place(directory, &error))?;
    }
    let path = directory.join(FILE);
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| place(&path, &error))?;
    Ok(())
}
