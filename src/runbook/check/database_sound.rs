//! A database whose writes can be moved without a loss: every server answers, follows the source by GTID, and has nothing
//! that the source has not.

use super::{Check, Report, semi_sync};
use crate::{
    fleet::HostName,
    runbook::{
        observe::mysql::{self, Cluster, Dialect, Member, OLDEST_MARIADB, Seen, Writes},
        plan::DatabaseLayout,
        planner::Scope,
        sight::Sight,
    },
};

/// `database-sound`.
#[derive(Debug)]
pub struct DatabaseSound;

/// A candidate that is further behind has to catch up before clients are made to wait for it, in transactions.
pub const NEAR: u128 = 10_000;
/// A transaction of a client that is open for longer is not ended without a word, seconds.
const LONG_S: u64 = 30;

impl Check for DatabaseSound {
    fn name(&self) -> &'static str {
        "database-sound"
    }

    fn about(&self) -> &'static str {
        "every server of the database answers, follows its source by GTID without filters, and has nothing of its own"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(database) = scope.subject.layouts().database else {
            return;
        };
        let seen = members(&database, sight, report);
        for (member, own) in &seen {
            fit(member, own, report);
        }
        twins(&seen, report);
        alike(&seen, report);
        let find = |host: &HostName| seen.iter().find(|(member, _)| member.host == *host);
        let (Some((from, source)), Some((to, target))) = (find(&database.from), find(&database.to)) else {
            return;
        };
        report.require(
            &from.is_open(true).judge(sight),
            "a database without a source needs a person: see mysql-failover",
        );
        report.require(
            &from.follows_nobody().judge(sight),
            "move the source at the head of the chain",
        );
        for (member, own) in seen.iter().filter(|(member, _)| member.host != from.host) {
            report.require(&member.is_open(false).judge(sight), closes(own));
            report.require(&member.follows(from).judge(sight), "mend its replication first");
            let errant = own.errant_beside(source);
            if !errant.is_empty() {
                report.refuse(
                    format!(
                        "{} has transactions that {} has not: {}",
                        member.host,
                        from.host,
                        mysql::short(&errant.join(", "))
                    ),
                    "bring them to the source, or make the replica anew",
                );
            }
        }
        report.require(&to.is_near(from, NEAR).judge(sight), "wait until it has caught up");
        if let Some(delay) = target
            .channels
            .iter()
            .map(|channel| channel.delay_s)
            .find(|delay| *delay > 0)
        {
            report.refuse(
                format!("{} is kept {delay} s behind on purpose", to.host),
                "choose another server, or take its delay away (MASTER_DELAY = 0, SOURCE_DELAY = 0)",
            );
        }
        if source.oldest_transaction_s > LONG_S {
            report.refuse(
                format!(
                    "a transaction on {} is open for {} s",
                    from.host, source.oldest_transaction_s
                ),
                "wait for it, or end it: it would be lost",
            );
        }
        accounts(&[from, to], sight, report);
        tell(from, source, to, target, report);
        semi_sync::judge(&database, &seen, report);
    }
}

/// What each server says; one that cannot be read is a refusal.
pub fn members<'a>(database: &'a DatabaseLayout, sight: &Sight, report: &mut Report) -> Vec<(&'a Member, Seen)> {
    let mut out = Vec::new();
    for member in &database.members {
        let said = sight.text(&member.look());
        match said.and_then(|text| mysql::parse(text).map_err(|why| format!("{}: {why}", member.host))) {
            Ok(seen) => out.push((member, seen)),
            Err(why) => report.refuse(
                why,
                "every server of the database has to answer; see its `mysql:` in the inventory",
            ),
        }
    }
    out
}

/// What a server has to be, whatever its role.
pub fn fit(member: &Member, own: &Seen, report: &mut Report) {
    let host = &member.host;
    if matches!(own.dialect, Dialect::Mariadb { .. }) && own.number() < OLDEST_MARIADB {
        report.refuse(
            format!("{host} is MariaDB {}", own.version),
            "10.10 or newer can be moved so",
        );
    }
    match &own.cluster {
        Some(Cluster::Galera) => report.refuse(
            format!("{host} is a node of a Galera cluster"),
            "take it out of this topology",
        ),
        Some(Cluster::Group(name)) => report.refuse(
            format!("{host} is a member of the replication group {name}"),
            "a group chooses its own primary: move it there (group_replication_set_as_primary, or MySQL Shell)",
        ),
        None => {}
    }
    if let Some(channel) = own.channels.iter().find(|channel| !channel.name.is_empty()) {
        report.refuse(
            format!(
                "{host} follows {} in a connection with a name ({})",
                channel.source, channel.name
            ),
            "let it follow in the usual one, which has no name",
        );
    }
    if !own.logs_all {
        report.refuse(
            format!("{host} does not write everything to its binary log"),
            "set log_bin and log_slave_updates (log_replica_updates): others could not follow it",
        );
    }
    if !own.strict {
        let (setting, lift) = match own.dialect {
            Dialect::Mariadb { .. } => (
                "gtid_strict_mode is off",
                "SET GLOBAL gtid_strict_mode = 1 there, and in its configuration",
            ),
            Dialect::Mysql { .. } => (
                "gtid_mode and enforce_gtid_consistency are not both ON",
                "switch GTIDs on everywhere first, one step of gtid_mode after the other",
            ),
        };
        report.refuse(
            format!("{setting} on {host}: its position would not tell what it has"),
            lift,
        );
    }
    if !own.filters.is_empty() {
        report.refuse(
            format!("{host} leaves something out: {}", own.filters.join(", ")),
            "a server with filters has not everything: choose servers without",
        );
    }
}

/// What makes a server take no writes.
fn closes(own: &Seen) -> &'static str {
    match own.writes {
        Writes::Privileged => "SET PERSIST super_read_only = ON there: whoever has SUPER could write to it",
        _ => "make it read-only first: two servers that take writes go apart",
    }
}

/// Transactions of MySQL and of MariaDB cannot be compared, so neither can replace the other.
pub fn alike(seen: &[(&Member, Seen)], report: &mut Report) {
    let Some((first, one)) = seen.first() else { return };
    for (other, two) in &seen[1..] {
        if one.dialect.name() != two.dialect.name() {
            report.refuse(
                format!(
                    "{} is {} and {} {}: their transactions cannot be compared",
                    first.host,
                    one.dialect.name(),
                    other.host,
                    two.dialect.name()
                ),
                "servers of one topology have to be of one kind",
            );
        }
    }
}

/// Two servers with one number cannot be told apart.
pub fn twins(seen: &[(&Member, Seen)], report: &mut Report) {
    for (at, (one, own)) in seen.iter().enumerate() {
        if let Some((two, _)) = seen[..at].iter().find(|(_, other)| other.server_id == own.server_id) {
            report.refuse(
                format!("{} and {} both have server_id {}", two.host, one.host, own.server_id),
                "give each a number of its own; if they are one server, mend the inventory",
            );
        }
    }
}

/// Both change their role, so both need the account that a replica logs in with, and it has to work.
fn accounts(both: &[&Member; 2], sight: &Sight, report: &mut Report) {
    account(both[0], both[1], sight, report);
    account(both[1], both[0], sight, report);
}

/// A server can log in on another as a replica does.
pub fn account(own: &Member, other: &Member, sight: &Sight, report: &mut Report) {
    let Some(look) = mysql::reach(&own.host, &own.access, &other.address, other.port) else {
        report.refuse(
            format!("{} would have no account to follow {} with", own.host, other.host),
            "name a file there with user and password of the replication account: mysql: { replication_file: … }",
        );
        return;
    };
    match sight.text(&look).map(str::trim) {
        Ok(id) if id == other.server_id.to_string() => {}
        Ok(id) => report.refuse(
            format!(
                "{} reaches server {id} at {}:{}, not {}",
                own.host, other.address, other.port, other.host
            ),
            "write where it is reached: mysql: { address: … }",
        ),
        Err(why) => report.refuse(
            format!("{} cannot log in on {} as a replica: {why}", own.host, other.host),
            "mend the account, its file or the way there",
        ),
    }
}

/// What is good to know.
fn tell(from: &Member, source: &Seen, to: &Member, target: &Seen, report: &mut Report) {
    report.note(match (source.semi_sync.source, source.semi_sync.active) {
        (Some(true), true) => format!(
            "commits on {} wait for a replica ({})",
            from.host, source.semi_sync.wait_point
        ),
        (Some(true), false) => format!(
            "commits on {} should wait for a replica, and do not now: it has fallen back",
            from.host
        ),
        _ => format!("replication from {} is asynchronous", from.host),
    });
    if !source.accounts.is_empty() {
        let names: Vec<&str> = source.accounts.iter().map(crate::facts::CleanText::as_str).collect();
        report.note(format!(
            "read_only does not stop {} on {}: whoever uses them must not write there any more",
            names.join(", "),
            from.host
        ));
    }
    // What closes a server of MySQL outlives its restart.
    if source.opens_at_start == Some(true) && matches!(source.dialect, Dialect::Mariadb { .. }) {
        report.warn(format!(
            "{} takes writes after a restart: set read_only = 1 in its configuration",
            from.host
        ));
    }
    if source.number() < target.number() {
        report.warn(format!(
            "{} ({}) is newer than {} ({}), which may not understand everything that it is sent then",
            to.host, target.version, from.host, source.version
        ));
    }
    if source.scheduler && target.without_scheduler {
        report.refuse(
            format!(
                "the event scheduler of {} runs, and {} was started without one (event_scheduler=DISABLED)",
                from.host, to.host
            ),
            format!(
                "start {} with event_scheduler=OFF; or switch it off on {}, if its events need not run",
                to.host, from.host
            ),
        );
    }
    if source.events > 0 {
        report.note(format!(
            "{} scheduled events: a replica has them switched off (SLAVESIDE_DISABLED); enable them on {} afterwards",
            source.events, to.host
        ));
    }
    report.note(format!(
        "{} sessions on {} end, and come again where writes are taken",
        source.clients, from.host
    ));
}
