//! The audit log: who did what and when, each row chained to the one before it by SHA-256.
//!
//! The hash of a row is taken over the hash before it (64 hexadecimal digits, all zero before the first) and the
//! JSON array `[seq, at, who, what]`. A row that is changed, put in or taken out breaks the chain there; rows
//! cut off at the end show in SQLite's own counter, as long as that was not changed too: whoever needs more
//! keeps the last hash elsewhere.

use super::{Store, StoreError};
use crate::facts::UnixMs;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The hash before the first row.
const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: i64,
    /// When, by the console's clock.
    pub at: UnixMs,
    /// Who: `user@console`.
    pub who: String,
    /// What.
    pub what: String,
    /// The hash of the chain up to it.
    pub hash: String,
}

/// What walking the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// It is whole: so many rows, and the last hash.
    Whole {
        /// Rows.
        rows: i64,
        /// The hash of the last.
        head: String,
    },
    /// It is broken.
    Broken {
        /// The first row that does not fit.
        seq: i64,
        /// What is wrong with it.
        why: String,
    },
}

impl Store {
    /// Adds a row; it is on the disk when this returns.
    pub fn audit(&self, at: UnixMs, who: &str, what: &str) -> Result<i64, StoreError> {
        self.write(|transaction| add(transaction, at, who, what))
    }

    /// Walks the whole chain, and compares the journal's records with it.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        self.read(|connection| {
            // One moment of the file, while other processes may write.
            let moment = connection.unchecked_transaction()?;
            let mut statement = moment.prepare("SELECT seq, at, who, what, hash FROM audit ORDER BY seq")?;
            let mut rows = statement.query([])?;
            let (mut last, mut head) = (0, FIRST.to_owned());
            while let Some(row) = rows.next()? {
                let entry = entry(row)?;
                if entry.seq != last + 1 {
                    return Ok(Verified::Broken {
                        seq: last + 1,
                        why: format!("it is missing: row {} follows row {last}", entry.seq),
                    });
                }
                if entry.hash != chained(&head, entry.seq, entry.at, &entry.who, &entry.what) {
                    return Ok(Verified::Broken {
                        seq: entry.seq,
                        why: "its hash does not fit it and the rows before it".to_owned(),
                    });
                }
                last = entry.seq;
                head = entry.hash;
            }
            let counted: Option<i64> = moment
                .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'audit'", [], |row| row.get(0))
                .optional()?;
            if counted.unwrap_or_default() != last {
                return Ok(Verified::Broken {
                    seq: last + 1,
                    why: "it is missing: rows were cut off at the end".to_owned(),
                });
            }
            let strange = moment
                .query_row(
                    "SELECT records.run, records.seq, records.audit FROM records LEFT JOIN audit ON audit.seq = records.audit
                     WHERE audit.what IS NOT 'run ' || records.run || ' record ' || records.seq || ' ' || records.record
                        OR audit.at IS NOT records.at
                     ORDER BY records.audit LIMIT 1",
                    [],
                    |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
                )
                .optional()?;
            if let Some((run, seq, audit)) = strange {
                return Ok(Verified::Broken {
                    seq: audit,
                    why: format!("the journal says otherwise in record {seq} of run {run}"),
                });
            }
            Ok(Verified::Whole { rows: last, head })
        })
    }

    /// The last rows, newest first, at most `limit`.
    pub fn audited(&self, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT seq, at, who, what, hash FROM audit ORDER BY seq DESC LIMIT ?1")?;
            let rows = statement.query_map([limit], entry)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        at: super::runs::time(row.get(1)?),
        who: row.get(2)?,
        what: row.get(3)?,
        hash: row.get(4)?,
    })
}

/// Adds a row to the chain within a transaction.
pub(super) fn add(transaction: &Transaction<'_>, at: UnixMs, who: &str, what: &str) -> Result<i64, StoreError> {
    let (before, head) = transaction
        .query_row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?
        .unwrap_or((0, FIRST.to_owned()));
    let seq = before + 1;
    transaction.execute(
        "INSERT INTO audit (seq, at, who, what, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            seq,
            super::runs::millis(at),
            who,
            what,
            chained(&head, seq, at, who, what)
        ],
    )?;
    Ok(seq)
}

fn chained(before: &str, seq: i64, at: UnixMs, who: &str, what: &str) -> String {
    let row = serde_json::json!([seq, at.0, who, what]).to_string();
    let mut digest = Sha256::new();
    digest.update(before.as_bytes());
    digest.update(row.as_bytes());
    digest
        .finalize()
        .iter()
        .fold(String::with_capacity(64), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}
