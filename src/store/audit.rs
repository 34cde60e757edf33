//! The audit log: who did what and when, each row chained to the one before it by SHA-256.
//!
//! The hash of a row is taken over the hash before it (64 hexadecimal digits, all zero before the first) and the
//! JSON array `[seq, at, who, what]`. A row that is changed, put in or taken out breaks the chain there; rows
//! cut off at the end show in SQLite's own counter, as long as that was not changed too: whoever needs more
//! keeps the last hash elsewhere.
//!
//! A run's first row holds what it rests on: the plan's hash, the rules that were set aside and for what, and the
//! SHA-256 of the plan as it was shown and of what it was made from. The journal is compared with all of that.

use super::{NewRun, Store, StoreError};
use crate::facts::UnixMs;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fmt::Write as _};

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
            let mut begun: BTreeMap<String, Entry> = BTreeMap::new();
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
                head.clone_from(&entry.hash);
                if let Some(run) = began(&entry.what) {
                    begun.entry(run.to_owned()).or_insert(entry);
                }
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
            let missing = moment
                .query_row(
                    "SELECT audit.seq FROM audit LEFT JOIN records ON records.audit = audit.seq
                     WHERE audit.what GLOB 'run * record [0-9]* {\"record\":*' AND records.run IS NULL
                     ORDER BY audit.seq LIMIT 1",
                    [],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(seq) = missing {
                let why = "the journal lacks the record that it speaks of".to_owned();
                return Ok(Verified::Broken { seq, why });
            }
            let differs = differs(&moment, begun, last)?;
            Ok(differs.unwrap_or(Verified::Whole { rows: last, head }))
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

/// What the audit log says when a run begins.
pub(super) fn begins(run: &NewRun) -> String {
    format!(
        "{}, of the fleet {}; {}; its plan sha256:{}, made from sha256:{}",
        begins_shortly(run),
        run.fleet,
        set_aside(&run.origin),
        sha256(&run.plan),
        sha256(&run.origin)
    )
}

/// How it began in versions that did not say what the run rests on.
fn begins_shortly(run: &NewRun) -> String {
    format!("run {} begins: {} by plan {}", run.id, run.runbook, run.hash)
}

/// The run that a row says to begin.
fn began(what: &str) -> Option<&str> {
    let (run, _) = what.strip_prefix("run ")?.split_once(" begins: ")?;
    (!run.contains(' ')).then_some(run)
}

/// The rules that were set aside, each with the name that was typed for it and by whom.
fn set_aside(origin: &str) -> String {
    let origin: serde_json::Value = serde_json::from_str(origin).unwrap_or_default();
    let glass = origin["glass"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |glass: &serde_json::Value, name: &str| glass[name].as_str().unwrap_or("?").to_owned();
    let named: Vec<String> = glass
        .iter()
        .map(|glass| {
            format!(
                "{} {} by {}",
                word(glass, "rule"),
                word(glass, "resource"),
                word(glass, "by")
            )
        })
        .collect();
    if named.is_empty() {
        "no rule set aside".to_owned()
    } else {
        format!("set aside: {}", named.join(", "))
    }
}

/// The first run of the journal that began otherwise than its row says, or that one of the two lacks.
fn differs(moment: &Connection, mut begun: BTreeMap<String, Entry>, last: i64) -> Result<Option<Verified>, StoreError> {
    let broken = |seq, why| Ok(Some(Verified::Broken { seq, why }));
    let mut statement =
        moment.prepare("SELECT id, runbook, fleet, owner, origin, plan, hash, began FROM runs ORDER BY began, id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let run = NewRun {
            id: row.get(0)?,
            runbook: row.get(1)?,
            fleet: row.get(2)?,
            owner: row.get(3)?,
            origin: row.get(4)?,
            plan: row.get(5)?,
            hash: row.get(6)?,
        };
        let at = super::runs::time(row.get(7)?);
        let Some(entry) = begun.remove(&run.id) else {
            return broken(last + 1, format!("it is missing: the journal has a run {}", run.id));
        };
        let says = entry.what == begins(&run) || entry.what == begins_shortly(&run);
        if !says || entry.at != at || entry.who != run.owner {
            return broken(
                entry.seq,
                format!("the journal says otherwise of how run {} began", run.id),
            );
        }
    }
    match begun.into_iter().next() {
        Some((run, entry)) => broken(entry.seq, format!("the journal lacks run {run}")),
        None => Ok(None),
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
    sha256(&format!("{before}{row}"))
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}
