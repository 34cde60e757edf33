//! An old source that is back follows the new one only if it has nothing that the new one has not; else what was lost is
//! told, transaction by transaction, and where it can be looked at.

use super::{
    Check, Report,
    database_sound::{account, alike, fit, twins},
};
use crate::{
    fleet::HostName,
    runbook::{
        observe::mysql::{self, Binlogs, Dialect, Member, Seen},
        planner::Scope,
        sight::{Look, Sight},
    },
};

/// `database-returned`.
#[derive(Debug)]
pub struct DatabaseReturned;

impl Check for DatabaseReturned {
    fn name(&self) -> &'static str {
        "database-returned"
    }

    fn about(&self) -> &'static str {
        "the old source takes no writes, follows nobody, and has nothing that the new one has not; says what was lost"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let database = scope.subject.layouts().database;
        let old = database
            .iter()
            .flat_map(|database| database.members.iter().filter(|member| member.host == database.from));
        old.map(Member::binlogs_look).collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(database) = scope.subject.layouts().database else {
            return;
        };
        let mut read = |host: &HostName| {
            let member: &Member = database.members.iter().find(|member| member.host == *host)?;
            let said = sight.text(&member.look());
            match said.and_then(|text| mysql::parse(text).map_err(|why| format!("{host}: {why}"))) {
                Ok(seen) => Some((member, seen)),
                Err(why) => {
                    report.refuse(
                        why,
                        "what it has can be told when it answers; see its `mysql:` in the inventory",
                    );
                    None
                }
            }
        };
        let (Some(old), Some(new)) = (read(&database.from), read(&database.to)) else {
            return;
        };
        let both = [old, new];
        for (member, own) in &both {
            fit(member, own, report);
        }
        twins(&both, report);
        alike(&both, report);
        let [(old, own), (new, theirs)] = &both;
        report.require(
            &new.is_open(true).judge(sight),
            "an old source follows the server that has taken over: see mysql-failover",
        );
        report.require(
            &new.follows_nobody().judge(sight),
            "name the source at the head of the chain",
        );
        report.require(
            &old.is_open(false).judge(sight),
            "make it take no writes (read_only, super_read_only) and let clients not come to it: what is written there is lost",
        );
        report.require(
            &old.follows_nobody().judge(sight),
            "it is no source that has come back: stop what it follows, and end that (RESET REPLICA ALL), if it was the source",
        );
        account(old, new, sight, report);
        loss(old, own, new, theirs, sight, report);
    }
}

/// What the old source has and the new one has not.
fn loss(old: &Member, own: &Seen, new: &Member, theirs: &Seen, sight: &Sight, report: &mut Report) {
    let Some(lost) = own.lost_beside(theirs) else {
        // That they cannot be compared is a refusal already.
        return;
    };
    if lost.is_empty() {
        report.note(format!(
            "nothing was lost: {} has nothing that {} has not ({})",
            old.host,
            new.host,
            mysql::shown(&own.has)
        ));
        return;
    }
    let count = lost.count;
    let noun = if count == 1 { "transaction" } else { "transactions" };
    let most = if lost.exact { "" } else { "at most " };
    let mut lift = format!(
        "save what counts of them, then make {} anew from {}: with them it cannot follow",
        old.host, new.host
    );
    match sight.text(&old.binlogs_look()).and_then(Binlogs::parse) {
        Ok(logs) => {
            let program = match own.dialect {
                Dialect::Mariadb { .. } => "mariadb-binlog",
                Dialect::Mysql { .. } => "mysqlbinlog",
            };
            lift = format!(
                "look at them on {} (they are in {}): {program} --base64-output=decode-rows --verbose {} {}; {lift}",
                old.host,
                logs.shown(),
                lost.option,
                logs.files()
            );
        }
        Err(why) => lift = format!("{lift} (where its binary logs are is not known: {why})"),
    }
    report.refuse(
        format!(
            "{} has {most}{count} {noun} that {} has not: {}",
            old.host,
            new.host,
            mysql::short(&lost.text)
        ),
        lift,
    );
}
