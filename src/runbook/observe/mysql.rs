//! A database server as it tells itself (`db_state` of `database.sh`), and what can be asked of it.

mod last;
mod seen;
mod tables;

pub use last::{Compared, LastSeen};
pub use seen::{Binlogs, Channel, Cluster, Dialect, Lost, OLDEST_MARIADB, OLDEST_MYSQL, Seen, SemiSync, Writes, parse};

use crate::{
    facts::{CleanText, gtid::GtidSet, mysql::ReplicaThread},
    fleet::{Host, HostName, MysqlAccess},
    runbook::{condition::Condition, operation::Expect, sight::Look, truth::Truth},
};

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

impl Member {
    /// The look that tells its state.
    #[must_use]
    pub fn look(&self) -> Look {
        look(&self.host, &self.access)
    }

    /// The look that tells where its binary logs are.
    #[must_use]
    pub fn binlogs_look(&self) -> Look {
        let [socket, defaults] = words(&self.access);
        Look::new(&self.host, ["db_binlogs".to_owned(), socket, defaults])
    }

    /// The look that tells of which engines its tables are that a crash may tear.
    #[must_use]
    pub fn engines_look(&self) -> Look {
        let [socket, defaults] = words(&self.access);
        Look::new(&self.host, ["db_engines".to_owned(), socket, defaults])
    }

    /// The look that tells where its data are, over links.
    #[must_use]
    pub fn home_look(&self) -> Look {
        let [socket, defaults] = words(&self.access);
        Look::new(&self.host, ["db_home".to_owned(), socket, defaults])
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
        let wanted = if wanted { Writes::All } else { Writes::None };
        self.on(format!("{host} {}", wanted.verb()), move |seen| {
            Truth::of(seen.writes == wanted, format!("{host} {}", seen.writes.verb()))
        })
    }

    /// Its event scheduler runs, or does not: events may write although it takes no writes.
    #[must_use]
    pub fn has_events(&self, wanted: bool) -> Condition {
        let host = self.host.clone();
        let verb = |runs: bool| if runs { "runs" } else { "is off" };
        self.on(format!("the event scheduler of {host} {}", verb(wanted)), move |seen| {
            Truth::of(
                seen.scheduler == wanted,
                format!("the event scheduler of {host} {}", verb(seen.scheduler)),
            )
        })
    }

    /// Its commits wait for a replica.
    #[must_use]
    pub fn waits(&self, wanted: bool) -> Condition {
        let host = self.host.clone();
        let nobody = |wanted: bool| if wanted { "a" } else { "no" };
        self.on(
            format!("commits on {host} wait for {} replica", nobody(wanted)),
            move |seen| {
                let own = seen.semi_sync.source == Some(true);
                Truth::of(
                    own == wanted,
                    format!("commits on {host} wait for {} replica", nobody(own)),
                )
            },
        )
    }

    /// It tells its source what it has received, from the next start of its receiver on.
    #[must_use]
    pub fn acknowledges(&self, wanted: bool) -> Condition {
        let host = self.host.clone();
        let verb = |wanted: bool| if wanted { "tells" } else { "does not tell" };
        let says = format!("{host} {} its source what it has received", verb(wanted));
        self.on(says, move |seen| {
            let own = seen.semi_sync.acknowledges == Some(true);
            let says = format!("{host} {} its source what it has received", verb(own));
            Truth::of(own == wanted, says)
        })
    }

    /// So many replicas as its commits wait for are connected, and tell what they have received.
    #[must_use]
    pub fn is_acknowledged(&self) -> Condition {
        let host = self.host.clone();
        self.on(
            format!("replicas acknowledge what is committed on {host}"),
            move |seen| {
                let (there, wanted) = (seen.semi_sync.replicas, seen.semi_sync.wanted);
                let says = format!("{there} of {wanted} replicas that commits on {host} wait for are connected");
                // Others may connect still.
                if there >= wanted {
                    Truth::Yes(says)
                } else {
                    Truth::Unknown(says)
                }
            },
        )
    }

    /// It is a replica whose receivers are stopped.
    #[must_use]
    pub fn receives_nothing(&self) -> Condition {
        let host = self.host.clone();
        self.on(format!("{host} receives nothing"), move |seen| {
            let mut receivers = seen.channels.iter().map(|channel| &channel.io);
            match receivers.find(|io| **io != ReplicaThread::No) {
                Some(io) => Truth::No(format!("the receiver of {host} is on ({io})")),
                None if seen.channels.is_empty() => Truth::No(format!("{host} is no replica")),
                None => Truth::Yes(format!("the receiver of {host} is stopped")),
            }
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
                    let says = format!("{host} has received and not applied {}{why}", short(&left));
                    // What is being applied will be.
                    return if stopped.is_some() {
                        Truth::No(says)
                    } else {
                        Truth::Unknown(says)
                    };
                }
                Truth::Yes(format!("{host} has applied {}", shown(&seen.has)))
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
            let Some(missing) = theirs.missing_from(own) else {
                return Truth::No(incomparable(&host, own, &peer, theirs));
            };
            if !missing.is_empty() {
                let lacks = format!("{host} has not {} of {peer}", short(&missing));
                // What is on its way, or is here and not applied yet, can still come.
                return if own.is_applying() || theirs.will_be_in(own) {
                    Truth::Unknown(lacks)
                } else {
                    Truth::No(lacks)
                };
            }
            // Positions alone do not show what another server wrote in between.
            match theirs.errant_beside(own).as_slice() {
                [] => Truth::Yes(format!(
                    "{host} has everything that {peer} has ({})",
                    shown(&theirs.has)
                )),
                errant => Truth::No(format!("{host} has not {} of {peer}", short(&errant.join(", ")))),
            }
        })
    }

    /// It is at most so many transactions behind the other.
    #[must_use]
    pub fn is_near(&self, other: &Self, most: u128) -> Condition {
        let (host, peer) = (self.host.clone(), other.host.clone());
        let says = format!("{host} is at most {most} transactions behind {peer}");
        self.beside(other, says, move |own, theirs| match own.has.missing(&theirs.has) {
            Some(behind) => Truth::of(behind <= most, format!("{host} is {behind} transactions behind {peer}")),
            None => Truth::No(incomparable(&host, own, &peer, theirs)),
        })
    }
}

/// Reads what `db_home` printed: the directory of its data, as the kernel names it.
///
/// # Errors
/// A sentence that says why it cannot be told.
pub fn home(text: &str) -> Result<&str, String> {
    match text.strip_suffix('\n') {
        Some(path) if path.starts_with('/') && !path.contains('\n') => Ok(path),
        _ => Err("the server tells no data directory".to_owned()),
    }
}

/// Reads what `db_engines` printed: each engine whose tables a crash may tear, with how many there are and one of them.
///
/// # Errors
/// A sentence that says why it cannot be told.
pub fn torn_engines(text: &str) -> Result<Vec<String>, String> {
    let rows = text
        .strip_suffix("end\n")
        .ok_or("the answer of the server is cut short")?;
    let engine = |row: &str| match row.split('\t').collect::<Vec<_>>().as_slice() {
        [engine, count, example] => Ok(format!(
            "{} {} ({})",
            CleanText::new(count),
            CleanText::new(engine),
            CleanText::new(example)
        )),
        _ => Err("the server prints something else than its engines".to_owned()),
    };
    rows.lines().map(engine).collect()
}

/// Why the transactions of two servers cannot be compared.
fn incomparable(host: &HostName, own: &Seen, peer: &HostName, theirs: &Seen) -> String {
    let (own, theirs) = (own.dialect.name(), theirs.dialect.name());
    format!("{host} is {own} and {peer} {theirs}: their transactions cannot be compared")
}

/// A position as it is shown; empty ones in a word.
#[must_use]
pub fn shown(position: &GtidSet) -> String {
    if position.is_empty() {
        "nothing".to_owned()
    } else {
        short(&position.to_string())
    }
}

/// A set of transactions as part of a sentence: of a long one its beginning. A server that has had many sources names each.
#[must_use]
pub fn short(set: &str) -> String {
    match set.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &set[..end]),
        None => set.to_owned(),
    }
}

/// So many characters of a set are shown.
const LONGEST: usize = 240;

#[cfg(test)]
mod tests;
