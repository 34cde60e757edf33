//! A database server as it tells itself (`db_state` of `database.sh`): read strictly, and what can be asked of it.

use crate::{
    facts::{
        gtid::{BinlogState, MariadbGtids},
        mysql::ReplicaThread,
        text::CleanText,
    },
    fleet::{Host, HostName, MysqlAccess},
    runbook::{condition::Condition, operation::Expect, sight::Look, truth::Truth},
};
use std::collections::BTreeMap;

/// A server of a replication topology, and how it is asked and reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The host.
    pub host: HostName,
    /// How its server is asked.
    pub access: MysqlAccess,
    /// `server_id`, as the plan found it: another server behind the same socket is not this one.
    pub server_id: u32,
    /// Under which address other servers reach it.
    pub address: String,
    /// And under which port.
    pub port: u16,
}

/// Where other servers reach one: its name or address, and its port.
#[must_use]
pub fn place(host: &Host) -> (String, u16) {
    let declared = host.mysql.as_ref().and_then(|access| access.address.as_deref());
    let text = declared.unwrap_or(&host.address);
    match text.rsplit_once(':') {
        // More colons are an address of IPv6 without a port.
        Some((name, port)) if !name.contains(':') => (name.to_owned(), port.parse().unwrap_or(PORT)),
        _ => (text.to_owned(), PORT),
    }
}

/// The usual port of MySQL.
const PORT: u16 = 3306;

/// The words that say how a server is asked: its socket and the client's file of options, `-` for the client's own.
#[must_use]
pub fn words(access: &MysqlAccess) -> [String; 2] {
    let word = |given: &Option<String>| given.clone().unwrap_or_else(|| "-".to_owned());
    [word(&access.socket), word(&access.defaults_file)]
}

/// The look that tells everything that a move of a database rests on.
#[must_use]
pub fn look(host: &HostName, access: &MysqlAccess) -> Look {
    let [socket, defaults] = words(access);
    Look::new(host, ["db_state".to_owned(), socket, defaults])
}

/// The look that tells which server a host reaches by its replication account at an address; a replica logs in so.
#[must_use]
pub fn reach(host: &HostName, access: &MysqlAccess, address: &str, port: u16) -> Option<Look> {
    let account = access.replication_file.clone()?;
    let argv = ["db_reach".to_owned(), address.to_owned(), port.to_string(), account];
    Some(Look::new(host, argv))
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own, as the server tells it"
)]
pub struct Seen {
    /// `@@version`.
    pub version: CleanText,
    /// `@@server_id`.
    pub server_id: u32,
    /// `@@port`.
    pub port: u16,
    /// `@@read_only`.
    pub read_only: bool,
    /// Whether it would take writes after a restart: its configuration says so, or nothing; `None` where a statement
    /// has set the value since.
    pub opens_at_start: Option<bool>,
    /// Whether it writes a binary log, of what it applies as well.
    pub logs_all: bool,
    /// `@@gtid_strict_mode`.
    pub strict: bool,
    /// `@@gtid_binlog_pos`.
    pub written: MariadbGtids,
    /// `@@gtid_binlog_state`.
    pub state: BinlogState,
    /// `@@gtid_slave_pos`.
    pub applied: MariadbGtids,
    /// Whether its event scheduler runs.
    pub scheduler: bool,
    /// Scheduled events, enabled or not.
    pub events: u32,
    /// Semi-synchronous replication as a source: switched on.
    pub semi_sync: bool,
    /// In force now.
    pub semi_sync_active: bool,
    /// Semi-synchronous replication as a replica: it tells its source what it has received.
    pub acknowledges: bool,
    /// `AFTER_SYNC` or `AFTER_COMMIT`.
    pub wait_point: CleanText,
    /// Sessions of clients.
    pub clients: u32,
    /// Age of the oldest open transaction of a client, seconds.
    pub oldest_transaction_s: u64,
    /// Whether it is a node of a Galera cluster.
    pub galera: bool,
    /// Connections in which it is a replica.
    pub channels: Vec<Channel>,
    /// What it leaves out of its binary log, or does not apply; each by its option.
    pub filters: Vec<String>,
    /// Accounts that `read_only` does not stop.
    pub accounts: Vec<CleanText>,
    /// `@@datadir`.
    pub datadir: CleanText,
}

/// A connection in which a server is a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name; empty for the usual one.
    pub name: CleanText,
    /// `Master_Host` and `Master_Port`.
    pub source: CleanText,
    /// `Master_Server_Id`; 0 before the first connection.
    pub source_id: u32,
    /// The receiver.
    pub io: ReplicaThread,
    /// The applier.
    pub sql: ReplicaThread,
    /// The receiver's error: its number and text.
    pub io_error: Option<CleanText>,
    /// The applier's.
    pub sql_error: Option<CleanText>,
    /// Whether it follows by GTID, from what it has applied (`Slave_Pos`).
    pub by_gtid: bool,
    /// `Gtid_IO_Pos`: what it has received.
    pub received: MariadbGtids,
    /// `SQL_Delay`, seconds.
    pub delay_s: u64,
}

impl Channel {
    /// What keeps it from following: the receiver's error, or the applier's.
    #[must_use]
    pub fn error(&self) -> Option<&CleanText> {
        self.io_error.as_ref().or(self.sql_error.as_ref())
    }
}

impl Seen {
    /// Everything that is written in its data: what it has applied and what it wrote itself.
    #[must_use]
    pub fn has(&self) -> MariadbGtids {
        self.written.union(&self.applied)
    }

    /// The same and what it has received, applied or not.
    #[must_use]
    pub fn holds(&self) -> MariadbGtids {
        let channels = self.channels.iter();
        channels.fold(self.has(), |all, channel| all.union(&channel.received))
    }

    /// Whether it is a replica whose threads run and have no error.
    #[must_use]
    pub fn is_applying(&self) -> bool {
        let well = |channel: &Channel| {
            let running = channel.io == ReplicaThread::Yes && channel.sql == ReplicaThread::Yes;
            running && channel.error().is_none()
        };
        !self.channels.is_empty() && self.channels.iter().all(well)
    }

    /// What it holds and another has not applied, as text; empty when nothing.
    #[must_use]
    pub fn missing_from(&self, other: &Self) -> String {
        let gaps = self.holds().subtract(&other.has());
        gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// What it has received and not applied; empty when nothing.
    #[must_use]
    pub fn unapplied(&self) -> String {
        let gaps = self.holds().subtract(&self.has());
        gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Transactions that another has not and that neither it nor its own source wrote: they came by another way, or are
    /// its own.
    #[must_use]
    pub fn errant_beside(&self, source: &Self) -> Vec<String> {
        self.state
            .missing_from(&source.state, &source.applied, source.server_id)
    }
}

/// Reads what `db_state` printed.
///
/// # Errors
/// A sentence that says why it cannot be told: an answer that is cut short, doubled, or not of MariaDB.
pub fn parse(text: &str) -> Result<Seen, String> {
    let tables = tables(text)?;
    let rows = |name: &str| tables.iter().find(|table| table.name() == name).map(Table::rows);
    let server = rows("#server").ok_or("the server does not tell its state")?;
    let [server] = server.as_slice() else {
        return Err("the server tells its state more than once".to_owned());
    };
    let version = server.text("#server")?;
    if server.text("dialect")? != "mariadb" {
        return Err(format!(
            "it is MySQL {version}: databases are moved with MariaDB (10.10 or newer) alone so far"
        ));
    }
    let channels = rows("Connection_name").unwrap_or_default();
    let logs = rows("File").unwrap_or_default();
    let mut filters = Vec::new();
    for channel in &channels {
        filters.extend(
            channel.filled(|name| name.starts_with("Replicate_") && !matches!(name, "Replicate_Ignore_Server_Ids")),
        );
    }
    for log in &logs {
        filters.extend(log.filled(|name| matches!(name, "Binlog_Do_DB" | "Binlog_Ignore_DB")));
    }
    let read_only = server.switch("read_only").or_else(|why| {
        // MariaDB 12 knows more than on and off.
        if server.text("read_only")?.starts_with("NO_LOCK") {
            Ok(true)
        } else {
            Err(why)
        }
    })?;
    Ok(Seen {
        server_id: server.number("server_id")?,
        port: server.number("port")?,
        read_only,
        opens_at_start: match server.text("read_only_origin")? {
            "COMPILE-TIME" | "CONFIG" | "COMMAND-LINE" => Some(!read_only),
            _ => None,
        },
        logs_all: server.switch("log_bin")? && server.switch("log_slave_updates")?,
        strict: server.switch("gtid_strict_mode")?,
        written: server.gtids("gtid_binlog_pos")?,
        state: BinlogState::parse(server.text("gtid_binlog_state")?)
            .map_err(|why| format!("gtid_binlog_state: {why}"))?,
        applied: server.gtids("gtid_slave_pos")?,
        scheduler: server.switch("event_scheduler").unwrap_or(false),
        events: server.number("events")?,
        semi_sync: server.switch("semi_sync_source")?,
        semi_sync_active: server.switch("semi_sync_active")?,
        acknowledges: server.switch("semi_sync_replica")?,
        wait_point: CleanText::new(server.text("semi_sync_wait_point")?),
        clients: server.number("clients")?,
        oldest_transaction_s: server.number("oldest_transaction_s")?,
        galera: server.switch("wsrep_on")?,
        channels: channels.iter().map(channel).collect::<Result<_, _>>()?,
        filters,
        accounts: rows("#account")
            .unwrap_or_default()
            .iter()
            .map(|row| row.text("#account").map(CleanText::new))
            .collect::<Result<_, _>>()?,
        datadir: CleanText::new(server.text("datadir")?),
        version: CleanText::new(version),
    })
}

fn channel(row: &Row<'_>) -> Result<Channel, String> {
    let error = |number: &str, text: &str| -> Result<Option<CleanText>, String> {
        let (number, text) = (row.text(number)?, row.text(text)?);
        Ok((number != "0").then(|| CleanText::from(format!("{number} {text}"))))
    };
    Ok(Channel {
        name: CleanText::new(row.text("Connection_name")?),
        source: CleanText::from(format!("{}:{}", row.text("Master_Host")?, row.text("Master_Port")?)),
        source_id: row.number("Master_Server_Id")?,
        io: ReplicaThread::parse(row.text("Slave_IO_Running")?),
        sql: ReplicaThread::parse(row.text("Slave_SQL_Running")?),
        io_error: error("Last_IO_Errno", "Last_IO_Error")?,
        sql_error: error("Last_SQL_Errno", "Last_SQL_Error")?,
        by_gtid: row.text("Using_Gtid")? == "Slave_Pos",
        received: row.gtids("Gtid_IO_Pos")?,
        delay_s: row.number("SQL_Delay")?,
    })
}

/// A table that the client printed: a line of names, and rows.
struct Table {
    names: Vec<String>,
    cells: Vec<Vec<String>>,
}

/// A row, by name.
struct Row<'a>(BTreeMap<&'a str, &'a str>);

/// First names of the tables, in the order in which they are asked for.
const TABLES: [&str; 5] = ["#server", "Connection_name", "File", "#account", "#end"];

impl Table {
    fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    fn rows(&self) -> Vec<Row<'_>> {
        self.cells
            .iter()
            .map(|cells| {
                Row(self
                    .names
                    .iter()
                    .map(String::as_str)
                    .zip(cells.iter().map(String::as_str))
                    .collect())
            })
            .collect()
    }
}

/// Splits the answer into its tables: each once, in order, every row as wide as its names, and nothing behind `#end`.
fn tables(text: &str) -> Result<Vec<Table>, String> {
    let cut = || "the answer of the server is cut short".to_owned();
    let whole = text.strip_suffix('\n').ok_or_else(cut)?;
    let mut tables: Vec<Table> = Vec::new();
    let mut place = 0;
    for line in whole.split('\n') {
        let cells: Vec<String> = line.split('\t').map(unescaped).collect();
        let next = TABLES[place..].iter().position(|name| cells[0] == *name);
        // A row's first cell may say anything; the width tells it from a line of names but for the narrow tables, whose
        // cells are quoted names of accounts.
        let opens = next.filter(|_| {
            tables
                .last()
                .is_none_or(|last| last.names.len() != cells.len() || cells[0].starts_with('#'))
        });
        if let Some(next) = opens {
            place += next + 1;
            tables.push(Table {
                names: cells,
                cells: Vec::new(),
            });
            continue;
        }
        let table = tables
            .last_mut()
            .ok_or("the server prints something else than its state")?;
        if cells.len() != table.names.len() {
            return Err("a row of the server's answer does not fit its table".to_owned());
        }
        table.cells.push(cells);
    }
    match tables.last() {
        Some(last) if last.name() == "#end" && last.cells == [["end".to_owned()]] => Ok(tables),
        _ => Err(cut()),
    }
}

/// A value as the client's batch mode writes it: `\t`, `\n`, `\0` and `\\`.
fn unescaped(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len());
    let mut chars = cell.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('0') => out.push('\0'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

impl Row<'_> {
    fn text(&self, name: &str) -> Result<&str, String> {
        let cell = self.0.get(name).copied();
        cell.ok_or_else(|| format!("the server does not tell {name}"))
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N, String> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| format!("the server tells {name} as {:?}", CleanText::new(text).as_str()))
    }

    fn switch(&self, name: &str) -> Result<bool, String> {
        match self.text(name)? {
            "1" | "ON" => Ok(true),
            "0" | "OFF" => Ok(false),
            other => Err(format!(
                "the server tells {name} as {:?}",
                CleanText::new(other).as_str()
            )),
        }
    }

    fn gtids(&self, name: &str) -> Result<MariadbGtids, String> {
        MariadbGtids::parse(self.text(name)?).map_err(|why| format!("{name}: {why}"))
    }

    /// Cells of these names that say something, as `name=value`.
    fn filled(&self, of: impl Fn(&str) -> bool) -> Vec<String> {
        let cells = self
            .0
            .iter()
            .filter(|(name, cell)| of(name) && !cell.is_empty() && **cell != "NULL");
        cells
            .map(|(name, cell)| format!("{name}={}", CleanText::new(cell)))
            .collect()
    }
}

impl Member {
    /// The look that tells its state.
    #[must_use]
    pub fn look(&self) -> Look {
        look(&self.host, &self.access)
    }

    /// Reads what the look printed; another server than the plan's is not this one.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    pub fn read(&self, text: &str) -> Result<Seen, String> {
        let seen = parse(text).map_err(|why| format!("{}: {why}", self.host))?;
        if seen.server_id == self.server_id {
            Ok(seen)
        } else {
            Err(format!(
                "server {} answers on {}, not server {}",
                seen.server_id, self.host, self.server_id
            ))
        }
    }

    /// What the target checks again in the same call as a command: which server it is, whether it takes writes, and
    /// whether it is a replica.
    #[must_use]
    pub fn expects(&self, open: Option<bool>, replica: &str) -> Expect {
        let [socket, defaults] = words(&self.access);
        let stand = match open {
            Some(true) => "open",
            Some(false) => "closed",
            None => "*",
        };
        Expect {
            argv: vec!["db_stand".to_owned(), socket, defaults],
            pattern: format!("{}?{stand}?{replica}", self.server_id),
        }
    }

    fn on(&self, says: String, judge: impl Fn(&Seen) -> Truth + Send + Sync + 'static) -> Condition {
        let member = self.clone();
        Condition::on(says, self.look(), move |text| match member.read(text) {
            Ok(seen) => judge(&seen),
            Err(why) => Truth::Unknown(why),
        })
    }

    /// A condition on two servers.
    fn beside(
        &self,
        other: &Self,
        says: String,
        judge: impl Fn(&Seen, &Seen) -> Truth + Send + Sync + 'static,
    ) -> Condition {
        let (one, two) = (self.clone(), other.clone());
        Condition::new(says, vec![self.look(), other.look()], move |sight| {
            let read = |member: &Self| sight.text(&member.look()).and_then(|text| member.read(text));
            match (read(&one), read(&two)) {
                (Ok(own), Ok(theirs)) => judge(&own, &theirs),
                (Err(why), _) | (_, Err(why)) => Truth::Unknown(why),
            }
        })
    }

    /// It takes writes, or takes none but those of accounts that `read_only` does not stop.
    #[must_use]
    pub fn is_open(&self, wanted: bool) -> Condition {
        let host = self.host.clone();
        let verb = |open: bool| if open { "takes writes" } else { "takes no writes" };
        self.on(format!("{host} {}", verb(wanted)), move |seen| {
            Truth::of(seen.read_only != wanted, format!("{host} {}", verb(!seen.read_only)))
        })
    }

    /// Its event scheduler does not run: events may write although it takes no writes.
    #[must_use]
    pub fn has_no_events(&self) -> Condition {
        let host = self.host.clone();
        self.on(format!("the event scheduler of {host} is off"), move |seen| {
            let verb = if seen.scheduler { "runs" } else { "is off" };
            Truth::of(!seen.scheduler, format!("the event scheduler of {host} {verb}"))
        })
    }

    /// It is a replica of nobody.
    #[must_use]
    pub fn follows_nobody(&self) -> Condition {
        let host = self.host.clone();
        self.on(format!("{host} follows nobody"), move |seen| {
            match seen.channels.first() {
                Some(channel) => Truth::No(format!("{host} follows {}", channel.source)),
                None => Truth::Yes(format!("{host} follows nobody")),
            }
        })
    }

    /// It is a replica of that server and of no other, by GTID, and both threads run.
    #[must_use]
    pub fn follows(&self, source: &Self) -> Condition {
        let (host, source) = (self.host.clone(), source.clone());
        self.on(format!("{host} follows {}", source.host), move |seen| {
            let [channel] = seen.channels.as_slice() else {
                let count = seen.channels.len();
                return Truth::No(format!("{host} follows {count} sources"));
            };
            let threads = format!("receiver {}, applier {}", channel.io, channel.sql);
            let running = channel.io == ReplicaThread::Yes && channel.sql == ReplicaThread::Yes;
            if let Some(error) = channel.error() {
                return Truth::No(format!("{host}: {error} ({threads})"));
            }
            if channel.source_id != source.server_id {
                return Truth::No(format!(
                    "{host} follows {} (server {})",
                    channel.source, channel.source_id
                ));
            }
            if !channel.by_gtid {
                return Truth::No(format!("{host} does not follow {} by GTID", source.host));
            }
            Truth::of(running, format!("{host} follows {}: {threads}", source.host))
        })
    }

    /// Everything that it has received is applied: what its threads would throw away when they start again is nothing.
    #[must_use]
    pub fn is_drained(&self) -> Condition {
        let host = self.host.clone();
        self.on(
            format!("{host} has applied everything that it has received"),
            move |seen| {
                let left = seen.unapplied();
                if !left.is_empty() {
                    let stopped = seen.channels.iter().find(|channel| channel.sql != ReplicaThread::Yes);
                    let why = stopped.as_ref().map_or_else(String::new, |channel| {
                        let error = channel
                            .sql_error
                            .as_ref()
                            .map_or_else(String::new, |error| format!(": {error}"));
                        format!("; its applier is stopped{error}")
                    });
                    let says = format!("{host} has received and not applied {left}{why}");
                    // What is being applied will be.
                    return if stopped.is_some() {
                        Truth::No(says)
                    } else {
                        Truth::Unknown(says)
                    };
                }
                Truth::Yes(format!("{host} has applied {}", shown(&seen.has())))
            },
        )
    }

    /// It has everything that the other has, applied. Both may be further than when they were asked: what is written
    /// meanwhile is seen by the next look.
    #[must_use]
    pub fn has_all_of(&self, other: &Self) -> Condition {
        let (host, peer) = (self.host.clone(), other.host.clone());
        let says = format!("{host} has everything that {peer} has");
        self.beside(other, says, move |own, theirs| {
            let missing = theirs.missing_from(own);
            if !missing.is_empty() {
                let lacks = format!("{host} has not {missing} of {peer}");
                // What is on its way can still come.
                return if own.is_applying() {
                    Truth::Unknown(lacks)
                } else {
                    Truth::No(lacks)
                };
            }
            // Positions alone do not show what another server wrote in between.
            match theirs.errant_beside(own).as_slice() {
                [] => Truth::Yes(format!(
                    "{host} has everything that {peer} has ({})",
                    shown(&theirs.has())
                )),
                errant => Truth::No(format!("{host} has not {} of {peer}", errant.join(", "))),
            }
        })
    }

    /// It is at most so many transactions behind the other.
    #[must_use]
    pub fn is_near(&self, other: &Self, most: u64) -> Condition {
        let (host, peer) = (self.host.clone(), other.host.clone());
        let says = format!("{host} is at most {most} transactions behind {peer}");
        self.beside(other, says, move |own, theirs| {
            let behind = own.has().missing(&theirs.has());
            Truth::of(behind <= most, format!("{host} is {behind} transactions behind {peer}"))
        })
    }
}

/// A position as it is shown; empty ones in a word.
fn shown(position: &MariadbGtids) -> String {
    if position.is_empty() {
        "nothing".to_owned()
    } else {
        position.to_string()
    }
}

#[cfg(test)]
#[path = "mysql_tests.rs"]
mod tests;
