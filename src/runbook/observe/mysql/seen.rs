//! What a server says of itself, read strictly: each dialect by its own names, into one form.

use super::tables::{Row, Table, tables};
use crate::facts::{
    gtid::{Beyond, BinlogState, GtidSet, MariadbGtids, MysqlGtids, ServerUuid},
    mysql::{ReplicaThread, number},
    text::CleanText,
};
use std::collections::BTreeMap;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own, as the server tells it"
)]
pub struct Seen {
    /// `@@version`.
    pub version: CleanText,
    /// Which of the two it is, and what that one alone tells.
    pub dialect: Dialect,
    /// `@@server_id`.
    pub server_id: u32,
    /// `@@port`.
    pub port: u16,
    /// Whose writes it takes.
    pub writes: Writes,
    /// Whether it would take writes after a restart: its configuration says so, or what was set to outlive a restart, or
    /// nothing; `None` where a statement has set the value since.
    pub opens_at_start: Option<bool>,
    /// Whether it writes a binary log, of what it applies as well.
    pub logs_all: bool,
    /// Whether its positions tell what it has: `@@gtid_strict_mode`; `@@gtid_mode` with `@@enforce_gtid_consistency`.
    pub strict: bool,
    /// Everything in its data: what it has applied and what it wrote itself.
    pub has: GtidSet,
    /// The same and what it has received, applied or not.
    pub holds: GtidSet,
    /// Whether its event scheduler runs.
    pub scheduler: bool,
    /// Whether it was started without one: none can be switched on.
    pub without_scheduler: bool,
    /// Scheduled events, enabled or not.
    pub events: u32,
    /// Semi-synchronous replication.
    pub semi_sync: SemiSync,
    /// Sessions of clients.
    pub clients: u32,
    /// Age of the oldest open transaction of a client, seconds.
    pub oldest_transaction_s: u64,
    /// The cluster of which it is a member, where it is of one that moves its writes itself.
    pub cluster: Option<Cluster>,
    /// Connections in which it is a replica.
    pub channels: Vec<Channel>,
    /// What it leaves out of its binary log, or does not apply; each by its option.
    pub filters: Vec<String>,
    /// Accounts that its `read_only` does not stop; none where `super_read_only` is what closes it.
    pub accounts: Vec<CleanText>,
    /// `@@datadir`, as the server was told it: it may be a link.
    pub datadir: CleanText,
}

/// Semi-synchronous replication of a server, as a source and as a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SemiSync {
    /// Whether its commits wait for a replica; `None` where it has not what that needs (a plugin of MySQL).
    pub source: Option<bool>,
    /// Whether that is in force now: a source that has waited for too long goes on without.
    pub active: bool,
    /// `AFTER_SYNC` or `AFTER_COMMIT`; empty where it has no such plugin.
    pub wait_point: CleanText,
    /// For how long a commit waits at most, milliseconds; `None` where the server does not tell.
    pub timeout_ms: Option<u64>,
    /// For how many replicas it waits.
    pub wanted: u32,
    /// Replicas that are connected and tell what they have received.
    pub replicas: u32,
    /// Whether it tells its own source what it has received; `None` where it has not what that needs.
    pub acknowledges: Option<bool>,
}

impl SemiSync {
    fn read(server: &Row<'_>) -> Result<Self, String> {
        let side = |name: &str| match server.text(name)? {
            "NONE" => Ok(None),
            _ => server.switch(name).map(Some),
        };
        let timeout = server.text("semi_sync_timeout_ms")?;
        Ok(Self {
            source: side("semi_sync_source")?,
            active: server.switch("semi_sync_active")?,
            wait_point: CleanText::new(server.text("semi_sync_wait_point")?),
            timeout_ms: timeout.parse().ok(),
            wanted: server.number("semi_sync_wanted")?,
            replicas: server.number("semi_sync_replicas")?,
            acknowledges: side("semi_sync_replica")?,
        })
    }
}

/// The oldest MariaDB whose writes can be moved: `MASTER_DEMOTE_TO_SLAVE` is there from then on.
pub const OLDEST_MARIADB: (u32, u32, u32) = (10, 10, 0);
/// The oldest MySQL: `CHANGE REPLICATION SOURCE TO` is there from then on.
pub const OLDEST_MYSQL: (u32, u32, u32) = (8, 0, 23);

/// A generation of servers: its words, and how it names transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// MariaDB: a position a domain.
    Mariadb {
        /// `@@gtid_binlog_state`.
        state: BinlogState,
        /// `@@gtid_slave_pos`.
        applied: MariadbGtids,
    },
    /// MySQL and Percona Server, 8.0.23 or newer: a set of transactions.
    Mysql {
        /// `@@server_uuid`.
        uuid: ServerUuid,
    },
}

impl Dialect {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Mariadb { .. } => "MariaDB",
            Self::Mysql { .. } => "MySQL",
        }
    }
}

/// Whose writes a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Everybody's.
    All,
    /// Those of accounts with `SUPER` alone: MySQL with `read_only` and without `super_read_only`.
    Privileged,
    /// Nobody's, as far as the server can do that: `super_read_only` of MySQL, `read_only` of MariaDB, which does not stop
    /// [some accounts](Seen::accounts).
    None,
}

impl Writes {
    /// What the server does, as part of a sentence.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::All => "takes writes",
            Self::Privileged => "takes writes of accounts with SUPER (super_read_only is off)",
            Self::None => "takes no writes",
        }
    }
}

/// A cluster that moves its writes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cluster {
    /// Galera.
    Galera,
    /// Group Replication, and so `InnoDB` Cluster: `@@group_replication_group_name`.
    Group(CleanText),
}

/// A connection in which a server is a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name; empty for the usual one.
    pub name: CleanText,
    /// Its source's host and port.
    pub source: CleanText,
    /// Its source's `server_id`; 0 before the first connection.
    pub source_id: u32,
    /// The receiver.
    pub io: ReplicaThread,
    /// The applier.
    pub sql: ReplicaThread,
    /// The receiver's error: its number and text.
    pub io_error: Option<CleanText>,
    /// The applier's.
    pub sql_error: Option<CleanText>,
    /// Whether it follows by GTID, from what it has applied: `Slave_Pos`; `Auto_Position`.
    pub by_gtid: bool,
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
    /// Whether it is a replica whose threads run and have no error.
    #[must_use]
    pub fn is_applying(&self) -> bool {
        let well = |channel: &Channel| {
            let running = channel.io == ReplicaThread::Yes && channel.sql == ReplicaThread::Yes;
            running && channel.error().is_none()
        };
        !self.channels.is_empty() && self.channels.iter().all(well)
    }

    /// Whether another has received everything that it holds and applies that: its receiver may stand still.
    #[must_use]
    pub fn will_be_in(&self, other: &Self) -> bool {
        let applies = |channel: &Channel| channel.sql == ReplicaThread::Yes && channel.sql_error.is_none();
        let received = self.holds.missing_from(&other.holds);
        received.is_some_and(|missing| missing.is_empty())
            && !other.channels.is_empty()
            && other.channels.iter().all(applies)
    }

    /// What it holds and another has not applied, as text; empty when nothing; `None` when one is MySQL and the other
    /// MariaDB, whose transactions cannot be compared.
    #[must_use]
    pub fn missing_from(&self, other: &Self) -> Option<String> {
        self.holds.missing_from(&other.has)
    }

    /// What it has received and not applied; empty when nothing.
    #[must_use]
    pub fn unapplied(&self) -> String {
        self.holds.missing_from(&self.has).unwrap_or_default()
    }

    /// Transactions that another has not and that neither it nor its own source wrote: they came by another way, or are
    /// its own. What the source wrote itself may have come here between the two questions.
    #[must_use]
    pub fn errant_beside(&self, source: &Self) -> Vec<String> {
        match (&self.dialect, &source.dialect, &self.has, &source.has) {
            (Dialect::Mariadb { state, .. }, Dialect::Mariadb { state: there, applied }, ..) => {
                state.missing_from(there, applied, source.server_id)
            }
            (_, Dialect::Mysql { uuid }, GtidSet::Mysql(own), GtidSet::Mysql(theirs)) => {
                let errant = own.subtract(theirs).without(*uuid);
                (!errant.is_empty()).then(|| errant.to_string()).into_iter().collect()
            }
            _ => vec![self.has.to_string()],
        }
    }

    /// Transactions that it has and another has not, whoever wrote them; `None` when they cannot be compared.
    #[must_use]
    pub fn lost_beside(&self, other: &Self) -> Option<Lost> {
        match (&self.dialect, &other.dialect, &self.has, &other.has) {
            (Dialect::Mariadb { state, .. }, Dialect::Mariadb { state: there, applied }, ..) => {
                let parts = state.beyond(there, applied);
                let in_one_domain = |part: &Beyond| parts.iter().filter(|other| other.domain == part.domain).count();
                Some(Lost {
                    text: parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                    count: parts.iter().map(|part| u128::from(part.last - part.after)).sum(),
                    // A domain has one row of numbers: between those of one server may be those of another.
                    exact: parts.iter().all(|part| in_one_domain(part) == 1),
                    option: format!("--start-position={}", there_before(&parts)),
                })
            }
            (_, _, GtidSet::Mysql(own), GtidSet::Mysql(theirs)) => {
                let lost = own.subtract(theirs);
                Some(Lost {
                    text: lost.to_string(),
                    count: lost.count(),
                    exact: true,
                    option: format!("--include-gtids={lost}"),
                })
            }
            _ => None,
        }
    }

    /// The first three numbers of its version.
    #[must_use]
    pub fn number(&self) -> (u32, u32, u32) {
        number(&self.version)
    }
}

/// Transactions that one server has and another has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Which; empty when there are none.
    pub text: String,
    /// How many.
    pub count: u128,
    /// Whether there are exactly so many, and not fewer.
    pub exact: bool,
    /// What makes the program that reads binary logs show them: `--include-gtids` of MySQL, `--start-position` of MariaDB
    /// (10.8 or newer), which shows them and what comes after.
    pub option: String,
}

impl Lost {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// The position behind which `mariadb-binlog` has to begin: in each domain the last transaction that is not lost.
fn there_before(parts: &[Beyond]) -> String {
    let mut firsts: BTreeMap<u32, &Beyond> = BTreeMap::new();
    for part in parts {
        let first = firsts.entry(part.domain).or_insert(part);
        if part.after < first.after {
            *first = part;
        }
    }
    let parts: Vec<String> = firsts
        .values()
        .map(|part| format!("{}-{}-{}", part.domain, part.server, part.after))
        .collect();
    parts.join(",")
}

/// Where a server keeps its binary logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binlogs {
    /// `@@log_bin_basename`.
    base: CleanText,
    /// The newest of them, oldest first.
    names: Vec<CleanText>,
}

/// So many of the newest binary logs are named.
const NAMED: usize = 4;

impl Binlogs {
    /// Reads what `db_binlogs` printed.
    ///
    /// # Errors
    /// A sentence that says why it cannot be told.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let base = lines.next().filter(|base| base.starts_with('/'));
        let base = base.ok_or("the server does not tell where its binary logs are")?;
        let names: Vec<&str> = lines.filter_map(|line| line.split('\t').next()).collect();
        let from = names.len().saturating_sub(NAMED);
        Ok(Self {
            base: CleanText::new(base),
            names: names[from..].iter().copied().map(CleanText::new).collect(),
        })
    }

    /// Their common path, as part of a sentence.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}.*", self.base)
    }

    /// The newest of them by their whole names.
    #[must_use]
    pub fn files(&self) -> String {
        let folder = self.base.rsplit_once('/').map_or("", |(folder, _)| folder);
        let files: Vec<String> = self.names.iter().map(|name| format!("{folder}/{name}")).collect();
        files.join(" ")
    }
}

/// Reads what `db_state` printed.
///
/// # Errors
/// A sentence that says why it cannot be told: an answer that is cut short, doubled, or of a server that cannot be moved.
pub fn parse(text: &str) -> Result<Seen, String> {
    let tables = tables(text)?;
    let rows = |name: &str| tables.iter().find(|table| table.name() == name).map(Table::rows);
    let server = rows("#server").ok_or("the server does not tell its state")?;
    let [server] = server.as_slice() else {
        return Err("the server tells its state more than once".to_owned());
    };
    let version = server.text("#server")?;
    let own = match server.text("dialect")? {
        "mariadb" => mariadb(server)?,
        "mysql" => mysql(server)?,
        _ => {
            return Err(format!(
                "it is MySQL {}: databases are moved with MySQL 8.0.23 or newer, or MariaDB 10.10 or newer",
                CleanText::new(version)
            ));
        }
    };
    let words = Words::of(&own.dialect);
    let channels = rows(words.first).unwrap_or_default();
    let logs = rows("File").unwrap_or_default();
    let mut holds = own.has.clone();
    for channel in &channels {
        // Of one server, so of one form.
        let received = set(&own.dialect, channel, words.received)?;
        holds = holds.union(&received).unwrap_or(holds);
    }
    let mut filters = Vec::new();
    for channel in &channels {
        filters.extend(
            channel.filled(|name| name.starts_with("Replicate_") && !matches!(name, "Replicate_Ignore_Server_Ids")),
        );
    }
    for log in &logs {
        filters.extend(log.filled(|name| matches!(name, "Binlog_Do_DB" | "Binlog_Ignore_DB")));
    }
    Ok(Seen {
        server_id: server.number("server_id")?,
        port: server.number("port")?,
        writes: own.writes,
        opens_at_start: own.opens_at_start,
        logs_all: server.switch("log_bin")? && server.switch(words.logs_applied)?,
        strict: own.strict,
        has: own.has,
        holds,
        scheduler: server.switch("event_scheduler").unwrap_or(false),
        without_scheduler: server.text("event_scheduler")? == "DISABLED",
        events: server.number("events")?,
        semi_sync: SemiSync::read(server)?,
        clients: server.number("clients")?,
        oldest_transaction_s: server.number("oldest_transaction_s")?,
        cluster: own.cluster,
        channels: channels
            .iter()
            .map(|row| channel(row, &words))
            .collect::<Result<_, _>>()?,
        filters,
        accounts: rows("#account")
            .unwrap_or_default()
            .iter()
            .map(|row| row.text("#account").map(CleanText::new))
            .collect::<Result<_, _>>()?,
        datadir: CleanText::new(server.text("datadir")?),
        version: CleanText::new(version),
        dialect: own.dialect,
    })
}

/// What the two tell in ways of their own.
struct Own {
    dialect: Dialect,
    writes: Writes,
    opens_at_start: Option<bool>,
    strict: bool,
    has: GtidSet,
    cluster: Option<Cluster>,
}

fn mariadb(server: &Row<'_>) -> Result<Own, String> {
    let read_only = server.switch("read_only").or_else(|why| {
        // MariaDB 12 knows more than on and off.
        if server.text("read_only")?.starts_with("NO_LOCK") {
            Ok(true)
        } else {
            Err(why)
        }
    })?;
    let gtids = |name: &str| {
        let text = server.text(name)?;
        MariadbGtids::parse(text).map_err(|why| format!("{name}: {why}"))
    };
    let applied = gtids("gtid_slave_pos")?;
    Ok(Own {
        writes: if read_only { Writes::None } else { Writes::All },
        opens_at_start: match server.text("read_only_origin")? {
            "COMPILE-TIME" | "CONFIG" | "COMMAND-LINE" => Some(!read_only),
            _ => None,
        },
        strict: server.switch("gtid_strict_mode")?,
        has: GtidSet::Mariadb(gtids("gtid_binlog_pos")?.union(&applied)),
        cluster: server.switch("wsrep_on")?.then_some(Cluster::Galera),
        dialect: Dialect::Mariadb {
            state: BinlogState::parse(server.text("gtid_binlog_state")?)
                .map_err(|why| format!("gtid_binlog_state: {why}"))?,
            applied,
        },
    })
}

fn mysql(server: &Row<'_>) -> Result<Own, String> {
    let writes = match (server.switch("read_only")?, server.switch("super_read_only")?) {
        (_, true) => Writes::None,
        (true, false) => Writes::Privileged,
        (false, false) => Writes::All,
    };
    let uuid = ServerUuid::parse(server.text("server_uuid")?).map_err(|_| "the server tells no server_uuid")?;
    let group = server.text("group_name")?;
    Ok(Own {
        writes,
        // What SET PERSIST wrote is read after every file of options.
        opens_at_start: match (server.text("read_only_persisted")?, server.text("read_only_origin")?) {
            ("ON", _) => Some(false),
            ("OFF", _) => Some(true),
            (_, "DYNAMIC") => None,
            _ => Some(writes != Writes::None),
        },
        strict: server.switch("gtid_mode").unwrap_or(false)
            && server.switch("enforce_gtid_consistency").unwrap_or(false),
        has: GtidSet::Mysql(mysql_set(server, "gtid_executed")?),
        cluster: (!group.is_empty()).then(|| Cluster::Group(CleanText::new(group))),
        dialect: Dialect::Mysql { uuid },
    })
}

fn mysql_set(row: &Row<'_>, name: &str) -> Result<MysqlGtids, String> {
    MysqlGtids::parse(row.text(name)?).map_err(|why| format!("{name}: {why}"))
}

fn set(dialect: &Dialect, row: &Row<'_>, name: &str) -> Result<GtidSet, String> {
    match dialect {
        Dialect::Mysql { .. } => mysql_set(row, name).map(GtidSet::Mysql),
        Dialect::Mariadb { .. } => {
            let gtids = MariadbGtids::parse(row.text(name)?).map_err(|why| format!("{name}: {why}"))?;
            Ok(GtidSet::Mariadb(gtids))
        }
    }
}

/// How a dialect calls what both tell. `SHOW ALL SLAVES STATUS` of MariaDB, `SHOW REPLICA STATUS` of MySQL.
struct Words {
    /// The first column of a replica's connections.
    first: &'static str,
    name: &'static str,
    host: &'static str,
    port: &'static str,
    source_id: &'static str,
    io: &'static str,
    sql: &'static str,
    by_gtid: (&'static str, &'static str),
    received: &'static str,
    logs_applied: &'static str,
}

impl Words {
    const fn of(dialect: &Dialect) -> Self {
        match dialect {
            Dialect::Mariadb { .. } => Self {
                first: "Connection_name",
                name: "Connection_name",
                host: "Master_Host",
                port: "Master_Port",
                source_id: "Master_Server_Id",
                io: "Slave_IO_Running",
                sql: "Slave_SQL_Running",
                by_gtid: ("Using_Gtid", "Slave_Pos"),
                received: "Gtid_IO_Pos",
                logs_applied: "log_slave_updates",
            },
            Dialect::Mysql { .. } => Self {
                first: "Replica_IO_State",
                name: "Channel_Name",
                host: "Source_Host",
                port: "Source_Port",
                source_id: "Source_Server_Id",
                io: "Replica_IO_Running",
                sql: "Replica_SQL_Running",
                by_gtid: ("Auto_Position", "1"),
                received: "Retrieved_Gtid_Set",
                logs_applied: "log_replica_updates",
            },
        }
    }
}

fn channel(row: &Row<'_>, words: &Words) -> Result<Channel, String> {
    let error = |number: &str, text: &str| -> Result<Option<CleanText>, String> {
        let (number, text) = (row.text(number)?, row.text(text)?);
        Ok((number != "0").then(|| CleanText::from(format!("{number} {text}"))))
    };
    Ok(Channel {
        name: CleanText::new(row.text(words.name)?),
        source: CleanText::from(format!("{}:{}", row.text(words.host)?, row.text(words.port)?)),
        source_id: row.number(words.source_id)?,
        io: ReplicaThread::parse(row.text(words.io)?),
        sql: ReplicaThread::parse(row.text(words.sql)?),
        io_error: error("Last_IO_Errno", "Last_IO_Error")?,
        sql_error: error("Last_SQL_Errno", "Last_SQL_Error")?,
        by_gtid: row.text(words.by_gtid.0)? == words.by_gtid.1,
        delay_s: row.number("SQL_Delay")?,
    })
}
