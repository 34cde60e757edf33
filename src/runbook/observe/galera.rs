//! A member of a Galera cluster as it tells itself (`db_galera` of `database.sh`): running or proven to be stopped, read
//! strictly, and what can be asked of it.

use crate::{
    facts::text::CleanText,
    fleet::{HostName, MysqlAccess},
    runbook::{condition::Condition, observe::mysql, operation::Expect, sight::Look, truth::Truth},
};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// A member, and how it is asked and started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The host.
    pub host: HostName,
    /// How its server is asked and started.
    pub access: MysqlAccess,
    /// How the plan found it.
    pub found: Found,
}

/// How a plan found a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It runs, in the primary component or without one.
    Runs,
    /// It is proven not to run.
    Stopped,
    /// It is not known; a person has said by its host's name that it is off, or it is switched off first.
    Off,
    /// It is not known how it stands.
    Unknown,
}

/// The UUID of a cluster's state, as Galera writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uuid(String);

impl Uuid {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence, for what is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let hex = |(at, c): (usize, char)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        };
        if text.len() == 36 && text.chars().enumerate().all(hex) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!("{:?} is no UUID", CleanText::new(text).as_str()))
        }
    }

    /// Whether it is that of no state at all: a server that has never joined, whose state transfer was cut short, or that
    /// has found itself to be inconsistent.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.0.chars().all(|c| matches!(c, '0' | '-'))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a member's data is: of which cluster, and the number of its last write set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The cluster.
    pub uuid: Uuid,
    /// The write set.
    pub seqno: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uuid, self.seqno)
    }
}

/// A bootstrap of this program: where it left behind whoever was further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// How far the member was that became the first.
    pub at: Position,
    /// The run that did it.
    pub run: CleanText,
}

impl Bootstrap {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ':');
        let (uuid, seqno, run) = (words.next()?, words.next()?, words.next()?);
        let uuid = Uuid::parse(uuid).ok()?;
        let at = Position {
            uuid,
            seqno: seqno.parse().ok()?,
        };
        (!run.is_empty() && !run.contains(':')).then(|| Self {
            at,
            run: CleanText::new(run),
        })
    }
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.at, self.run)
    }
}

/// What a member tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Its server runs.
    Running(Running),
    /// Nothing holds its data directory.
    Stopped(Stopped),
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// `version`.
    pub version: CleanText,
    /// `wsrep_cluster_status`: whether it is in the primary component.
    pub primary: bool,
    /// `wsrep_ready`: whether it takes statements.
    pub ready: bool,
    /// `wsrep_local_state_comment`.
    pub comment: CleanText,
    /// `wsrep_cluster_state_uuid`.
    pub cluster: Uuid,
    /// `wsrep_local_state_uuid`.
    pub local: Uuid,
    /// `wsrep_last_committed`; `None` for -1.
    pub committed: Option<u64>,
    /// `wsrep_local_recv_queue`: write sets that it has received and not applied.
    pub queue: u64,
    /// `wsrep_cluster_size`: members that it sees, itself included.
    pub size: u64,
    /// `wsrep_cluster_conf_id`: rises with each change of membership.
    pub conf_id: u64,
    /// Nodes that its `wsrep_cluster_address` names; 0 where it names none.
    pub named: usize,
    /// Bootstraps that it is part of.
    pub bootstraps: Vec<Bootstrap>,
}

/// A server that is proven not to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Its data directory.
    pub datadir: CleanText,
    /// `uuid` of its grastate.dat.
    pub uuid: Uuid,
    /// `seqno` there; `None` for -1: it did not end well.
    pub seqno: Option<u64>,
    /// `safe_to_bootstrap` there: it says that it was the last to leave.
    pub safe: bool,
    /// What its program has recovered, where nothing has changed since; `None` inside where that is no position.
    pub recovered: Option<Option<Position>>,
    /// Bootstraps that it was part of.
    pub bootstraps: Vec<Bootstrap>,
}

impl Seen {
    /// How far its data is.
    ///
    /// # Errors
    /// A sentence that says why that is not known.
    pub fn position(&self) -> Result<Position, String> {
        match self {
            Self::Running(own) => {
                if own.local.is_nothing() || own.local != own.cluster {
                    return Err(format!(
                        "it has no state of its cluster ({}, {})",
                        own.local, own.cluster
                    ));
                }
                if own.queue > 0 {
                    return Err(format!("it has still to apply {} write sets", own.queue));
                }
                let seqno = own.committed.ok_or("it tells no position (wsrep_last_committed -1)")?;
                Ok(Position {
                    uuid: own.local.clone(),
                    seqno,
                })
            }
            Self::Stopped(own) => own.position(),
        }
    }

    /// Whether it is stopped and has no state of any cluster: whatever is in its data directory is thrown away when it joins.
    #[must_use]
    pub fn is_void(&self) -> bool {
        matches!(self, Self::Stopped(own) if own.uuid.is_nothing())
    }

    /// The cluster that its state is of.
    #[must_use]
    pub const fn uuid(&self) -> &Uuid {
        match self {
            Self::Running(own) => &own.local,
            Self::Stopped(own) => &own.uuid,
        }
    }

    /// The bootstraps that its state came from, as far as this program did them and knows of its part in them.
    pub fn bootstraps(&self) -> impl Iterator<Item = &Bootstrap> {
        let all = match self {
            Self::Running(own) => &own.bootstraps,
            Self::Stopped(own) => &own.bootstraps,
        };
        all.iter().filter(|bootstrap| bootstrap.at.uuid == *self.uuid())
    }

    /// The bootstraps of the other's component that it has no part in.
    fn missed<'a>(&self, other: &'a Self) -> Vec<&'a Bootstrap> {
        let known: Vec<&Bootstrap> = self.bootstraps().collect();
        other
            .bootstraps()
            .filter(|bootstrap| !known.contains(bootstrap))
            .collect()
    }

    /// Whether it is in the primary component.
    #[must_use]
    pub const fn is_primary(&self) -> bool {
        matches!(self, Self::Running(own) if own.primary)
    }

    /// Whether it takes part: in the primary component, with everything that this has.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        let synced = |own: &Running| own.primary && own.ready && own.comment.as_str() == "Synced";
        matches!(self, Self::Running(own) if synced(own) && own.local == own.cluster && !own.local.is_nothing())
    }

    /// How it stands, in a few words without counters.
    #[must_use]
    pub fn stands(&self) -> String {
        match self {
            Self::Running(own) => {
                let status = if own.primary { "Primary" } else { "non-Primary" };
                format!("{status}, {}", own.comment)
            }
            Self::Stopped(_) => "stopped".to_owned(),
        }
    }
}

impl Stopped {
    fn position(&self) -> Result<Position, String> {
        if self.uuid.is_nothing() {
            let claims = if self.safe {
                ", whatever its safe_to_bootstrap says"
            } else {
                ""
            };
            return Err(format!("it has no state of any cluster (uuid {}){claims}", self.uuid));
        }
        if let Some(seqno) = self.seqno {
            let uuid = self.uuid.clone();
            return Ok(Position { uuid, seqno });
        }
        match &self.recovered {
            Some(Some(position)) if position.uuid == self.uuid => Ok(position.clone()),
            Some(Some(position)) => Err(format!(
                "its data is of the cluster {}, its grastate.dat of {}",
                position.uuid, self.uuid
            )),
            Some(None) => Err("its data tells no position".to_owned()),
            None => Err(UNSAVED.to_owned()),
        }
    }

    /// Whether all that lacks is that its position was not recovered yet.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        !self.uuid.is_nothing() && self.seqno.is_none() && self.recovered.is_none()
    }
}

/// Why a server that has crashed has no position.
const UNSAVED: &str = "it did not end well, and where it ended is not known (seqno -1)";

/// What a server says that holds its data directory and answers no statement.
const SILENT: &str = "its server runs and does not answer: it may wait for a primary component, or get its data from \
    another member; wait until that is over, or stop it";

/// What a host says whose processes cannot all be seen.
const UNCLEAR: &str =
    "its server does not answer, and whether it runs cannot be told: runs log in as root, or with sudo";

/// Names of lines, each at most once.
const NAMES: [&str; 19] = [
    "state",
    "version",
    "wsrep_on",
    "wsrep_cluster_address",
    "wsrep_cluster_status",
    "wsrep_cluster_state_uuid",
    "wsrep_local_state_uuid",
    "wsrep_last_committed",
    "wsrep_local_state_comment",
    "wsrep_cluster_size",
    "wsrep_cluster_conf_id",
    "wsrep_ready",
    "wsrep_local_recv_queue",
    "datadir",
    "uuid",
    "seqno",
    "safe_to_bootstrap",
    "recovered",
    "bootstraps",
];

/// Reads what `db_galera` printed.
///
/// # Errors
/// A sentence that says why it cannot be told: an answer that is cut short, doubled, or not of a member.
pub fn parse(text: &str) -> Result<Seen, String> {
    let whole = text.strip_suffix("\nend\n");
    let whole = whole.ok_or("the answer is cut short")?;
    let mut said: BTreeMap<&str, &str> = BTreeMap::new();
    for line in whole.split('\n') {
        let (name, value) = line.split_once('\t').unwrap_or((line, ""));
        // The server tells names of its variables in small letters, those of its status as they were asked for.
        let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name));
        let known = *known.ok_or("it prints something else than its state")?;
        if said.insert(known, value).is_some() {
            return Err(format!("it tells {known} more than once"));
        }
    }
    let said = Said(said);
    match said.text("state")? {
        "running" => said.running().map(Seen::Running),
        "stopped" => said.stopped().map(Seen::Stopped),
        "silent" => Err(SILENT.to_owned()),
        "unclear" => Err(UNCLEAR.to_owned()),
        other => Err(format!("its state is {:?}", CleanText::new(other).as_str())),
    }
}

/// Lines by name.
struct Said<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Said<'a> {
    fn text(&self, name: &str) -> Result<&'a str, String> {
        self.0
            .get(name)
            .copied()
            .ok_or_else(|| format!("it does not tell {name}"))
    }

    fn odd(name: &str, text: &str) -> String {
        format!("it tells {name} as {:?}", CleanText::new(text).as_str())
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| Self::odd(name, text))
    }

    /// A number, or -1 for none.
    fn seqno(&self, name: &str) -> Result<Option<u64>, String> {
        match self.text(name)? {
            "-1" => Ok(None),
            _ => self.number(name).map(Some),
        }
    }

    fn uuid(&self, name: &str) -> Result<Uuid, String> {
        Uuid::parse(self.text(name)?).map_err(|why| format!("{name}: {why}"))
    }

    fn word(&self, name: &str, yes: &str, no: &str) -> Result<bool, String> {
        match self.text(name)? {
            text if text == yes => Ok(true),
            text if text == no => Ok(false),
            other => Err(Self::odd(name, other)),
        }
    }

    fn running(&self) -> Result<Running, String> {
        if !self.word("wsrep_on", "ON", "OFF")? {
            return Err("it runs without wsrep: it is no member".to_owned());
        }
        Ok(Running {
            version: CleanText::new(self.text("version")?),
            primary: self.word("wsrep_cluster_status", "Primary", "non-Primary")?,
            ready: self.word("wsrep_ready", "ON", "OFF")?,
            comment: CleanText::new(self.text("wsrep_local_state_comment")?),
            cluster: self.uuid("wsrep_cluster_state_uuid")?,
            local: self.uuid("wsrep_local_state_uuid")?,
            committed: self.seqno("wsrep_last_committed")?,
            queue: self.number("wsrep_local_recv_queue")?,
            size: self.number("wsrep_cluster_size")?,
            conf_id: self.number("wsrep_cluster_conf_id")?,
            named: named(self.text("wsrep_cluster_address")?),
            bootstraps: self.bootstraps()?,
        })
    }

    fn stopped(&self) -> Result<Stopped, String> {
        let datadir = CleanText::new(self.text("datadir")?);
        if !self.0.contains_key("uuid") {
            return Err(format!(
                "{datadir} has no grastate.dat: it was never a member of a cluster"
            ));
        }
        let recovered = match self.0.get("recovered") {
            None => None,
            Some(text) => {
                let odd = || Self::odd("recovered", text);
                let (uuid, seqno) = text.split_once(':').ok_or_else(odd)?;
                let uuid = Uuid::parse(uuid).map_err(|_| odd())?;
                match seqno {
                    "-1" => Some(None),
                    _ if uuid.is_nothing() => Some(None),
                    _ => Some(Some(Position {
                        uuid,
                        seqno: seqno.parse().map_err(|_| odd())?,
                    })),
                }
            }
        };
        Ok(Stopped {
            datadir,
            uuid: self.uuid("uuid")?,
            seqno: self.seqno("seqno")?,
            // Before Galera 3.19 there was no such line.
            safe: self.0.contains_key("safe_to_bootstrap") && self.word("safe_to_bootstrap", "1", "0")?,
            recovered,
            bootstraps: self.bootstraps()?,
        })
    }

    fn bootstraps(&self) -> Result<Vec<Bootstrap>, String> {
        let Some(text) = self.0.get("bootstraps") else {
            return Ok(Vec::new());
        };
        let all = text.split(',').map(Bootstrap::parse);
        all.collect::<Option<_>>().ok_or_else(|| Self::odd("bootstraps", text))
    }
}

/// How many nodes an address of a cluster names: `gcomm://10.0.0.1,10.0.0.2:4567?pc.wait_prim=no`.
fn named(address: &str) -> usize {
    let list = address.strip_prefix("gcomm://").unwrap_or_default();
    let list = list.split('?').next().unwrap_or_default();
    list.split(',').filter(|node| !node.trim().is_empty()).count()
}

/// The words that say how a member is asked: socket, the client's file of options, and the data directory; `-` for the
/// usual one.
fn words(access: &MysqlAccess) -> [String; 3] {
    let [socket, defaults] = mysql::words(access);
    [
        socket,
        defaults,
        access.datadir.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

impl Member {
    /// The look that tells how it stands.
    #[must_use]
    pub fn look(&self) -> Look {
        Look::new(&self.host, self.call("db_galera", []))
    }

    /// The words of a function that is called for it.
    #[must_use]
    pub fn call(&self, function: &str, rest: impl IntoIterator<Item = String>) -> Vec<String> {
        let own = std::iter::once(function.to_owned()).chain(words(&self.access));
        own.chain(rest).collect()
    }

    /// What the target checks again in the same call as a command: that the server stands as it did, to the write set.
    #[must_use]
    pub fn expects(&self, pattern: &str) -> Expect {
        Expect {
            argv: self.call("db_galera_stand", []),
            pattern: pattern.to_owned(),
        }
    }

    /// Reads what the look printed, of a member that is to be recovered or brought back.
    ///
    /// # Errors
    /// A sentence that says why it is not known, or that it is not of a kind that is recovered.
    pub fn read(&self, text: &str) -> Result<Seen, String> {
        let seen = self.of_any(text)?;
        match &seen {
            Seen::Running(own) if !own.version.as_str().contains("MariaDB") => Err(format!(
                "{}: it is {}: Galera clusters are recovered with MariaDB alone so far",
                self.host, own.version
            )),
            _ => Ok(seen),
        }
    }

    /// Reads what the look printed, of a server of any kind.
    fn of_any(&self, text: &str) -> Result<Seen, String> {
        parse(text).map_err(|why| format!("{}: {why}", self.host))
    }

    /// It takes part in its cluster.
    #[must_use]
    pub fn is_synced(&self) -> Condition {
        let member = self.clone();
        let says = format!("{} is a synced node of its cluster", self.host);
        Condition::on(says, self.look(), move |text| match member.of_any(text) {
            Ok(seen) => {
                let size = match &seen {
                    Seen::Running(own) => format!(", and sees {} members", own.size),
                    Seen::Stopped(_) => String::new(),
                };
                Truth::of(seen.is_synced(), format!("{} is {}{size}", member.host, seen.stands()))
            }
            Err(why) => Truth::Unknown(why),
        })
    }

    fn on(&self, says: String, judge: impl Fn(&Seen) -> Truth + Send + Sync + 'static) -> Condition {
        let member = self.clone();
        Condition::on(says, self.look(), move |text| match member.read(text) {
            Ok(seen) => judge(&seen),
            Err(why) => Truth::Unknown(why),
        })
    }

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

    /// It is in no primary component: it runs without one, or is proven not to run.
    #[must_use]
    pub fn is_not_primary(&self) -> Condition {
        let host = self.host.clone();
        self.on(format!("{host} is in no primary component"), move |seen| {
            Truth::of(!seen.is_primary(), format!("{host} is {}", seen.stands()))
        })
    }

    /// It is proven not to run.
    #[must_use]
    pub fn is_stopped(&self) -> Condition {
        let host = self.host.clone();
        self.on(format!("the server of {host} does not run"), move |seen| {
            let stopped = matches!(seen, Seen::Stopped(_));
            Truth::of(stopped, format!("{host} is {}", seen.stands()))
        })
    }

    /// It is stopped, and where it ended is known, or that it ended nowhere.
    #[must_use]
    pub fn tells_position(&self) -> Condition {
        let host = self.host.clone();
        self.on(format!("it is known where {host} ended"), move |seen| match seen {
            Seen::Stopped(own) if own.is_unsaved() => Truth::No(format!("{host}: {UNSAVED}")),
            Seen::Stopped(own) => Truth::Yes(match own.position() {
                Ok(position) => format!("{host} ended at {position}"),
                Err(why) => format!("{host}: {why}"),
            }),
            Seen::Running(_) => Truth::No(format!("{host} is {}", seen.stands())),
        })
    }

    /// Its data is of the same cluster as the other's, and no less far; or the other has no state at all.
    #[must_use]
    pub fn is_as_far_as(&self, other: &Self) -> Condition {
        let (host, peer) = (self.host.clone(), other.host.clone());
        let says = format!("{host} has everything that {peer} has");
        self.beside(other, says, move |own, theirs| {
            let own = match own.position() {
                Ok(position) => position,
                Err(why) => return Truth::Unknown(format!("{host}: {why}")),
            };
            if theirs.is_void() {
                return Truth::Yes(format!("{peer} has no state of any cluster"));
            }
            let theirs = match theirs.position() {
                Ok(position) => position,
                Err(why) => return Truth::Unknown(format!("{peer}: {why}")),
            };
            let seen = format!("{host} is at {own}, {peer} at {theirs}");
            Truth::of(own.uuid == theirs.uuid && own.seqno >= theirs.seqno, seen)
        })
    }

    /// It takes part in the primary component of that cluster, with at least so much.
    #[must_use]
    pub fn leads(&self, least: &Position) -> Condition {
        let (host, least) = (self.host.clone(), least.clone());
        let mut says = format!("{host} is Primary and Synced in the cluster {}", least.uuid);
        if least.seqno > 0 {
            let _ = write!(says, ", at {} or later", least.seqno);
        }
        self.on(says, move |seen| {
            let Seen::Running(own) = seen else {
                return Truth::No(format!("{host} is {}", seen.stands()));
            };
            let at = own
                .committed
                .map_or_else(|| "nowhere".to_owned(), |seqno| seqno.to_string());
            let says = format!("{host} is {} in {}, at {at}", seen.stands(), own.cluster);
            if own.primary && !seen.is_synced() {
                // It gives its data to another one, or gets it.
                return Truth::Unknown(says);
            }
            Truth::of(
                own.primary && own.cluster == least.uuid && own.committed >= Some(least.seqno),
                says,
            )
        })
    }

    /// Both take part in one primary component.
    #[must_use]
    pub fn is_with(&self, node: &Self) -> Condition {
        let (host, peer) = (self.host.clone(), node.host.clone());
        let says = format!("{host} is Synced in the primary component of {peer}");
        self.beside(node, says, move |own, theirs| {
            let (Seen::Running(mine), Seen::Running(its)) = (own, theirs) else {
                return Truth::No(format!("{host} is {}, {peer} is {}", own.stands(), theirs.stands()));
            };
            let shown = |seen: &Seen, it: &Running| format!("{} in {} ({})", seen.stands(), it.cluster, it.conf_id);
            let says = format!("{host} is {}, {peer} is {}", shown(own, mine), shown(theirs, its));
            if mine.cluster != its.cluster || !mine.primary || !its.primary {
                return Truth::No(says);
            }
            // While one joins, it gets data of another, and looks of two moments differ.
            if own.is_synced() && theirs.is_synced() && mine.conf_id == its.conf_id {
                Truth::Yes(says)
            } else {
                Truth::Unknown(says)
            }
        })
    }

    /// The primary component that it takes part in has at least so many members.
    #[must_use]
    pub fn sees(&self, members: usize) -> Condition {
        let host = self.host.clone();
        self.on(format!("{host} sees {members} members"), move |seen| match seen {
            Seen::Running(own) => {
                let enough = own.size >= members as u64;
                let says = format!("{host} is {}, and sees {} members", seen.stands(), own.size);
                Truth::of(own.primary && enough, says)
            }
            Seen::Stopped(_) => Truth::No(format!("{host} is stopped")),
        })
    }

    /// Joining the other loses nothing of its own, and leaves it nothing that the others have not: its data is of that cluster
    /// and no further, also than where that was bootstrapped without it; or it has none.
    ///
    /// Galera itself compares the cluster and the last number alone, and numbers go on behind a bootstrap.
    #[must_use]
    pub fn loses_nothing_to(&self, node: &Self) -> Condition {
        let (host, peer) = (self.host.clone(), node.host.clone());
        let says = format!("{host} has nothing that {peer} has not");
        self.beside(node, says, move |own, theirs| {
            if own.is_void() {
                return Truth::Yes(format!("{host} has no state of any cluster"));
            }
            let Seen::Running(its) = theirs else {
                return Truth::No(format!("{peer} is {}", theirs.stands()));
            };
            let says = format!("{host} is of the cluster {}, {peer} of {}", own.uuid(), its.cluster);
            if *own.uuid() != its.cluster {
                return Truth::No(format!("{says}: the data of {host} would be thrown away"));
            }
            if own.is_synced() {
                return Truth::Yes(says);
            }
            let left = own.missed(theirs).into_iter().min_by_key(|bootstrap| bootstrap.at.seqno);
            match (own.position(), left) {
                (Ok(position), Some(left)) if position.seqno > left.at.seqno => Truth::No(format!(
                    "{host} is at {position}, and the cluster was bootstrapped at {} (run {}): unless {host} was Synced since, it \
                     alone has what is behind that, and would keep it beside what the others wrote under the same numbers",
                    left.at.seqno, left.run
                )),
                (Ok(position), _) => {
                    let at = its
                        .committed
                        .map_or_else(|| "nowhere".to_owned(), |seqno| seqno.to_string());
                    let says = format!("{host} is at {position}, {peer} at {at}");
                    Truth::of(Some(position.seqno) <= its.committed, says)
                }
                // One that runs tells it itself when it joins.
                (Err(_), _) if matches!(own, Seen::Running(_)) => Truth::Yes(says),
                (Err(why), Some(left)) => Truth::Unknown(format!(
                    "{host}: {why}, and the cluster was bootstrapped at {} (run {}): galera-position finds out whether it is \
                     further",
                    left.at.seqno, left.run
                )),
                // A server that crashed while the component went on had nothing that this had not.
                (Err(_), None) if matches!(own, Seen::Stopped(own) if own.is_unsaved()) => Truth::Yes(says),
                (Err(why), None) => Truth::Unknown(format!("{host}: {why}")),
            }
        })
    }

    /// It is written down there that it is part of what the other's component came from.
    #[must_use]
    pub fn is_noted_with(&self, node: &Self) -> Condition {
        let (host, peer) = (self.host.clone(), node.host.clone());
        let says = format!("{host} knows the bootstraps that {peer} came from");
        self.beside(node, says.clone(), move |own, theirs| {
            match own.missed(theirs).first() {
                None => Truth::Yes(says.clone()),
                Some(missed) => Truth::No(format!("{host} knows nothing of the bootstrap at {}", missed.at.seqno)),
            }
        })
    }
}

/// Without this node more than half of its cluster is left, each of them synced with the others, by their own words.
#[must_use]
pub fn keeps_quorum(host: &HostName, others: &[Member]) -> Condition {
    let (name, others) = (host.clone(), others.to_vec());
    let says = format!("the cluster of {host} keeps its quorum without it");
    Condition::new(says, others.iter().map(Member::look).collect(), move |sight| {
        // Nodes of another cluster may be as many, and as well.
        let mut well: BTreeMap<Uuid, u64> = BTreeMap::new();
        let (mut size, mut unknown) = (0, None);
        for other in &others {
            match sight.text(&other.look()).and_then(|text| other.of_any(text)) {
                Ok(seen) => {
                    if seen.is_synced() {
                        *well.entry(seen.uuid().clone()).or_default() += 1;
                    }
                    if let Seen::Running(own) = seen {
                        size = size.max(own.size);
                    }
                }
                Err(why) => unknown = Some(why),
            }
        }
        let well = well.into_values().max().unwrap_or_default();
        // As many as are declared at least: a node that has left is one that the cluster cannot lose again.
        let size = size.max(others.len() as u64 + 1);
        let seen = format!("{well} of {size} nodes of the cluster of {name} are left without it and synced");
        if well * 2 > size {
            return Truth::Yes(seen);
        }
        match unknown {
            Some(why) => Truth::Unknown(format!("{seen}; {why}")),
            None => Truth::No(seen),
        }
    })
}

#[cfg(test)]
#[path = "galera_tests.rs"]
mod tests;
