//! The journal: runs, their records, what their commands printed, and orders to whoever drives them.

use super::{Driver, Store, StoreError, audit};
use crate::{
    facts::UnixMs,
    runbook::engine::{End, Record},
};
use rusqlite::{OptionalExtension as _, Transaction, params};

/// A run that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its name, from [`new_id`].
    pub id: String,
    /// The runbook.
    pub runbook: String,
    /// The fleet's name.
    pub fleet: String,
    /// `user@console`.
    pub owner: String,
    /// What the plan can be made again from, as JSON.
    pub origin: String,
    /// The plan as it was shown, as JSON.
    pub plan: String,
    /// The plan's hash.
    pub hash: String,
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What it began with.
    pub new: NewRun,
    /// When.
    pub began: UnixMs,
    /// When it last came to an end.
    pub ended: Option<UnixMs>,
    /// How it ended, or stands parked.
    pub end: Option<End>,
    /// Whether it can be gone on with, and who does.
    pub standing: Standing,
    /// Whether a step was sent to a target, or another run displaced: until then nothing was changed.
    pub begun: bool,
    /// Who wanted it taken back and had no answer: whoever goes on with it does that.
    pub cancelled: Option<String>,
    /// Which run has taken it over, where one has.
    pub displaced: Option<String>,
    /// Targets that may still keep its claims although it is over; `None` while that was not written down: every one
    /// of them then.
    pub kept: Option<Vec<String>>,
}

impl Run {
    /// Whether nothing more is to be done with it but to give its targets back, though a process may still drive it that
    /// does not know so.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.standing == Standing::Over || self.displaced.is_some()
    }

    /// Whether a target may still keep a claim of it.
    #[must_use]
    pub fn may_hold(&self) -> bool {
        self.kept.as_ref().is_none_or(|kept| !kept.is_empty())
    }

    /// Whether it is over, nobody drives it, and a target may still keep a claim of it.
    #[must_use]
    pub fn is_claiming(&self) -> bool {
        self.standing == Standing::Over && self.may_hold()
    }
}

/// Whether a run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing more is to be done.
    Over,
    /// A living process drives it; also one whose run was taken over, as long as it lives.
    Driven(String),
    /// Its process has ended in its middle, or it stopped in a named state: it waits for somebody to go on.
    Waiting,
}

/// A record with its place and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// Its number in the run, from 1.
    pub seq: i64,
    /// When it was written.
    pub at: UnixMs,
    /// The record.
    pub record: Record,
}

/// What became of the commands of one step, as its target told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The step, from 0.
    pub step: usize,
    /// Whether it was being taken back.
    pub back: bool,
    /// Which attempt.
    pub attempt: u32,
    /// Where.
    pub host: String,
    /// When it was sent.
    pub began: UnixMs,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// The exit code of the first command that failed, or 0; `None` where no whole answer came.
    pub exit: Option<i32>,
    /// What was printed, or what happened to the answer.
    pub output: String,
}

/// How a client of a slice fared during a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// The client.
    pub client: String,
    /// The slice.
    pub slice: String,
    /// Where it is mounted there.
    pub mount_point: String,
    /// The longest time without an answer of the mount, in milliseconds; `None` where it was not measured.
    pub longest_ms: Option<u64>,
    /// Answers seen.
    pub answers: u64,
    /// What else there is to say, such as why it was not measured.
    pub note: String,
}

/// An order to whoever drives a run, from another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its number.
    pub seq: i64,
    /// Who.
    pub who: String,
    /// What: `cancel`, `pause` or `resume`.
    pub what: String,
}

/// A name for a run that begins now: its time and some letters, so that no other console makes the same one.
#[must_use]
pub fn new_id(now: UnixMs) -> String {
    let at = i64::try_from(now.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "run".to_owned(), |time| time.strftime("%Y%m%d-%H%M%S").to_string());
    let letters: String = (0..5).map(|_| fastrand::lowercase()).collect();
    format!("{at}-{letters}")
}

impl Store {
    /// Writes down that a run begins.
    pub fn begin(&self, at: UnixMs, run: &NewRun) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO runs (id, runbook, fleet, owner, began, origin, plan, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    run.id,
                    run.runbook,
                    run.fleet,
                    run.owner,
                    millis(at),
                    run.origin,
                    run.plan,
                    run.hash
                ],
            )?;
            audit::add(transaction, at, &run.owner, &audit::begins(run))?;
            Ok(())
        })
    }

    /// Writes a record; it is on the disk when this returns. Gives its number.
    pub fn append(&self, run: &str, at: UnixMs, who: &str, record: &Record) -> Result<i64, StoreError> {
        let text = serde_json::to_string(record).map_err(|error| StoreError::Form(error.to_string()))?;
        self.write(|transaction| {
            let seq = next(transaction, "SELECT max(seq) FROM records WHERE run = ?1", run)?;
            let entry = audit::add(transaction, at, who, &format!("run {run} record {seq} {text}"))?;
            transaction.execute(
                "INSERT INTO records (run, seq, at, record, audit) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![run, seq, millis(at), text, entry],
            )?;
            match record {
                Record::Ended(end) => set_end(transaction, run, Some((at, end)))?,
                Record::Resumed { .. } => set_end(transaction, run, None)?,
                _ => {}
            }
            Ok(seq)
        })
    }

    /// Writes into the journal of a run, where it is here, that another one has taken it over; once.
    pub fn displace(&self, run: &str, at: UnixMs, who: &str, by: &str) -> Result<(), StoreError> {
        match self.run(run) {
            Ok(known) if known.new.id == run && known.displaced.is_none() => {
                let record = Record::Displaced { by: by.to_owned() };
                self.append(run, at, who, &record).map(|_| ())
            }
            Ok(_) | Err(StoreError::NoRun(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Keeps what a step's commands printed.
    pub fn keep_commands(&self, run: &str, commands: &[Command]) -> Result<(), StoreError> {
        self.write(|transaction| {
            for command in commands {
                let seq = next(transaction, "SELECT max(seq) FROM commands WHERE run = ?1", run)?;
                transaction.execute(
                    "INSERT INTO commands (run, seq, step, back, attempt, host, began, took_ms, exit, output)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    params![
                        run,
                        seq,
                        i64::try_from(command.step).unwrap_or(i64::MAX),
                        command.back,
                        command.attempt,
                        command.host,
                        millis(command.began),
                        i64::try_from(command.took_ms).unwrap_or(i64::MAX),
                        command.exit,
                        command.output
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// Keeps how a client fared; a later word of the same mount replaces the earlier.
    pub fn keep_stalls(&self, run: &str, stalls: &[Stall]) -> Result<(), StoreError> {
        self.write(|transaction| {
            for stall in stalls {
                transaction.execute(
                    "INSERT INTO stalls (run, client, slice, mount_point, longest_ms, answers, note)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (run, client, mount_point) DO UPDATE SET
                       longest_ms = CASE WHEN excluded.longest_ms IS NULL THEN longest_ms
                         ELSE max(coalesce(longest_ms, 0), excluded.longest_ms) END,
                       answers = answers + excluded.answers, note = excluded.note",
                    params![
                        run,
                        stall.client,
                        stall.slice,
                        stall.mount_point,
                        stall.longest_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
                        i64::try_from(stall.answers).unwrap_or(i64::MAX),
                        stall.note
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// A run by its name, or by the beginning of its name where only one begins so.
    pub fn run(&self, name: &str) -> Result<Run, StoreError> {
        let found = self.select(
            "WHERE id = ?1 OR substr(id, 1, length(?1)) = ?1 ORDER BY id = ?1 DESC LIMIT 2",
            &name,
        )?;
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(run), _) if run.new.id == name => Ok(run),
            (Some(run), None) => Ok(run),
            _ => Err(StoreError::NoRun(name.to_owned())),
        }
    }

    /// The last runs, newest first, at most `limit`.
    pub fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.select("ORDER BY began DESC, rowid DESC LIMIT ?1", &limit)
    }

    /// Every run that is not over, oldest first.
    pub fn unfinished(&self) -> Result<Vec<Run>, StoreError> {
        let open = self.select(
            "WHERE ?1 AND (outcome IS NULL OR outcome NOT LIKE '{\"end\":\"done\"%') ORDER BY began",
            &true,
        )?;
        Ok(open.into_iter().filter(|run| run.standing != Standing::Over).collect())
    }

    /// Every run that is over while a target may still keep a claim of it, and that began since then; oldest first.
    pub fn claiming(&self, since: UnixMs) -> Result<Vec<Run>, StoreError> {
        let gave_back = Record::Released { kept: Vec::new() };
        let gave_back = serde_json::to_string(&gave_back).map_err(|error| StoreError::Form(error.to_string()))?;
        let query = format!("WHERE ?1 IS NOT {RELEASED} ORDER BY began");
        let mut runs = self.select(&query, &gave_back)?;
        runs.retain(|run| run.is_claiming() && run.began >= since);
        Ok(runs)
    }

    fn select(&self, rest: &str, value: &dyn rusqlite::ToSql) -> Result<Vec<Run>, StoreError> {
        let query = format!(
            "SELECT id, runbook, fleet, owner, origin, plan, hash, began, ended, outcome,
                    EXISTS (SELECT 1 FROM records WHERE records.run = runs.id
                            AND records.record LIKE '{{\"record\":\"intent\"%'),
                    (SELECT record FROM records WHERE records.run = runs.id
                            AND records.record LIKE '{{\"record\":\"displaced\"%' ORDER BY seq LIMIT 1),
                    {RELEASED},
                    EXISTS (SELECT 1 FROM records WHERE records.run = runs.id
                            AND (records.record LIKE '{{\"record\":\"takes_over\"%'
                                 OR records.record LIKE '{{\"record\":\"took_over\"%')),
                    (SELECT record FROM records WHERE records.run = runs.id
                            AND records.record LIKE '{{\"record\":\"cancelled\"%'
                            AND NOT EXISTS (SELECT 1 FROM records AS later WHERE later.run = runs.id
                                AND later.seq > records.seq AND later.record LIKE '{{\"record\":\"ended\"%')
                            ORDER BY seq DESC LIMIT 1)
             FROM runs {rest}"
        );
        let rows = self.read(|connection| {
            let mut statement = connection.prepare(&query)?;
            let rows = statement.query_map([value], |row| {
                let new = NewRun {
                    id: row.get(0)?,
                    runbook: row.get(1)?,
                    fleet: row.get(2)?,
                    owner: row.get(3)?,
                    origin: row.get(4)?,
                    plan: row.get(5)?,
                    hash: row.get(6)?,
                };
                let ended: Option<i64> = row.get(8)?;
                let end: Option<String> = row.get(9)?;
                let marks: (bool, Option<String>, Option<String>) = (row.get(10)?, row.get(11)?, row.get(12)?);
                let wants: (bool, Option<String>) = (row.get(13)?, row.get(14)?);
                Ok((new, time(row.get(7)?), ended.map(time), end, marks, wants))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        rows.into_iter()
            .map(
                |(new, began, ended, end, (touched, displaced, released), (takes, cancelled))| {
                    let end: Option<End> = end.map(|text| parse(&text)).transpose()?;
                    let kept = match released.map(|text| parse(&text)).transpose()? {
                        Some(Record::Released { kept }) => Some(kept),
                        _ => None,
                    };
                    let displaced = match displaced.map(|text| parse(&text)).transpose()? {
                        Some(Record::Displaced { by }) => Some(by),
                        _ => None,
                    };
                    let cancelled = match cancelled.map(|text| parse(&text)).transpose()? {
                        Some(Record::Cancelled { by }) => Some(by),
                        _ => None,
                    };
                    let standing = match (self.driver(&new.id)?, &displaced) {
                        _ if is_over(end.as_ref(), touched) => Standing::Over,
                        (Driver::Process(by), None) => Standing::Driven(by),
                        // It has not found out yet, and its person may want it to end.
                        (Driver::Process(by), Some(other)) => Standing::Driven(format!("{by}, although {other}")),
                        (Driver::Nobody, None) => Standing::Waiting,
                        (Driver::Nobody, Some(_)) => Standing::Over,
                    };
                    Ok(Run {
                        new,
                        began,
                        ended,
                        end,
                        standing,
                        begun: touched || takes,
                        cancelled,
                        displaced,
                        kept,
                    })
                },
            )
            .collect()
    }

    /// All records of a run, in their order.
    pub fn records(&self, run: &str) -> Result<Vec<Timed>, StoreError> {
        let rows = self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT seq, at, record FROM records WHERE run = ?1 ORDER BY seq")?;
            let rows = statement.query_map([run], |row| {
                Ok((row.get::<_, i64>(0)?, time(row.get(1)?), row.get::<_, String>(2)?))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        rows.into_iter()
            .map(|(seq, at, text)| {
                Ok(Timed {
                    seq,
                    at,
                    record: parse(&text)?,
                })
            })
            .collect()
    }

    /// What the commands of a run printed, in their order.
    pub fn commands(&self, run: &str) -> Result<Vec<Command>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT step, back, attempt, host, began, took_ms, exit, output FROM commands WHERE run = ?1 ORDER BY seq",
            )?;
            let rows = statement.query_map([run], |row| {
                Ok(Command {
                    step: usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default(),
                    back: row.get(1)?,
                    attempt: row.get(2)?,
                    host: row.get(3)?,
                    began: time(row.get(4)?),
                    took_ms: u64::try_from(row.get::<_, i64>(5)?).unwrap_or_default(),
                    exit: row.get(6)?,
                    output: row.get(7)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How the clients fared during a run.
    pub fn stalls(&self, run: &str) -> Result<Vec<Stall>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT client, slice, mount_point, longest_ms, answers, note FROM stalls WHERE run = ?1 ORDER BY client, mount_point",
            )?;
            let rows = statement.query_map([run], |row| {
                Ok(Stall {
                    client: row.get(0)?,
                    slice: row.get(1)?,
                    mount_point: row.get(2)?,
                    longest_ms: row.get::<_, Option<i64>>(3)?.and_then(|ms| u64::try_from(ms).ok()),
                    answers: u64::try_from(row.get::<_, i64>(4)?).unwrap_or_default(),
                    note: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Leaves an order for the process that drives a run.
    pub fn order(&self, run: &str, at: UnixMs, who: &str, what: &str) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO orders (run, at, who, what) VALUES (?1, ?2, ?3, ?4)",
                params![run, millis(at), who, what],
            )?;
            audit::add(transaction, at, who, &format!("run {run} is asked to {what}"))?;
            Ok(())
        })
    }

    /// The last order for a run, taken or not: what was ordered up to it was meant for whoever drove the run then.
    pub fn last_order(&self, run: &str) -> Result<i64, StoreError> {
        self.read(|connection| {
            let last: Option<i64> =
                connection.query_row("SELECT max(seq) FROM orders WHERE run = ?1", [run], |row| row.get(0))?;
            Ok(last.unwrap_or_default())
        })
    }

    /// Takes away the orders for a run that nobody has taken, up to this one.
    pub fn drop_orders(&self, run: &str, up_to: i64) -> Result<Vec<Order>, StoreError> {
        self.take_orders_up_to(run, up_to)
    }

    /// Takes the orders for a run that nobody has taken yet.
    pub fn take_orders(&self, run: &str) -> Result<Vec<Order>, StoreError> {
        self.take_orders_up_to(run, i64::MAX)
    }

    fn take_orders_up_to(&self, run: &str, up_to: i64) -> Result<Vec<Order>, StoreError> {
        let waiting = self.read(|connection| {
            let mut statement = connection
                .prepare("SELECT seq, who, what FROM orders WHERE run = ?1 AND seq <= ?2 AND taken = 0 ORDER BY seq")?;
            let rows = statement.query_map(params![run, up_to], |row| {
                Ok(Order {
                    seq: row.get(0)?,
                    who: row.get(1)?,
                    what: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        if !waiting.is_empty() {
            self.write(|transaction| {
                for order in &waiting {
                    transaction.execute("UPDATE orders SET taken = 1 WHERE seq = ?1", [order.seq])?;
                }
                Ok(())
            })?;
        }
        Ok(waiting)
    }
}

/// What says whether a run has given its targets back: its last word of that, unless a step was sent after it.
const RELEASED: &str = r#"(SELECT record FROM records WHERE records.run = runs.id
    AND (records.record LIKE '{"record":"released"%' OR records.record LIKE '{"record":"intent"%')
    ORDER BY seq DESC LIMIT 1)"#;

/// Whether a run that ended so is over; `touched` where it may have changed something.
fn is_over(end: Option<&End>, touched: bool) -> bool {
    match end {
        Some(End::Done | End::Refused { .. } | End::Compensated { .. }) => true,
        Some(End::Held { .. }) => !touched,
        Some(End::Parked { .. } | End::Lost) | None => false,
    }
}

fn set_end(transaction: &Transaction<'_>, run: &str, end: Option<(UnixMs, &End)>) -> Result<(), StoreError> {
    let text = end
        .map(|(_, end)| serde_json::to_string(end))
        .transpose()
        .map_err(|error| StoreError::Form(error.to_string()))?;
    transaction.execute(
        "UPDATE runs SET ended = ?2, outcome = ?3 WHERE id = ?1",
        params![run, end.map(|(at, _)| millis(at)), text],
    )?;
    Ok(())
}

fn next(transaction: &Transaction<'_>, query: &str, run: &str) -> Result<i64, StoreError> {
    let last: Option<i64> = transaction
        .query_row(query, [run], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(last.unwrap_or_default() + 1)
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Form(error.to_string()))
}

/// A time as SQLite takes it.
pub(super) fn millis(at: UnixMs) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// A time as SQLite gives it.
pub(super) fn time(at: i64) -> UnixMs {
    UnixMs(u64::try_from(at).unwrap_or_default())
}
