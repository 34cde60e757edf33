//! Whether commits wait for a replica after a move as they did before, and whether one is there that acknowledges them: told
//! before the move, and refused where commits would hang.

use super::Report;
use crate::runbook::{
    definition::Kind,
    observe::mysql::{Dialect, Member, Seen},
    plan::DatabaseLayout,
};

/// A commit that waits for longer than this for a replica that is not there hangs, milliseconds. (MariaDB and MySQL wait for
/// 10 s unless they are told otherwise.)
const LONGEST_MS: u64 = 60_000;

/// Judges by the servers that answer; in an emergency the old source is none of them.
pub fn judge(database: &DatabaseLayout, seen: &[(&Member, Seen)], report: &mut Report) {
    let find = |member: &Member| seen.iter().find(|(other, _)| other.host == member.host);
    let Some((to, target)) = seen.iter().find(|(member, _)| member.host == database.to) else {
        return;
    };
    let own = &target.semi_sync;
    // The old source follows as well, where it is there, and gets its side switched on.
    let acknowledges = |member: &Member| {
        find(member).is_some_and(|(_, seen)| {
            let switched_on = database.waits && member.host == database.from;
            seen.semi_sync.acknowledges.is_some_and(|on| on || switched_on)
        })
    };
    let followers = database.members.iter().filter(|member| member.host != to.host);
    let there = followers.filter(|member| acknowledges(member)).count();
    if database.waits && own.source.is_none() {
        lacking(database, to, report);
        return;
    }
    if database.waits && own.source == Some(false) {
        report.note(format!(
            "semi-synchronous replication is switched on at {}: write it into its configuration, for a restart forgets it",
            to.host
        ));
    }
    if !database.waits && own.source != Some(true) {
        return;
    }
    waits(database.kind, to, target, there, report);
    let old = seen.iter().find(|(member, _)| member.host == database.from);
    if let Some((from, source)) = old.filter(|_| database.waits)
        && source.semi_sync.wait_point != own.wait_point
    {
        report.warn(format!(
            "commits on {} wait {}, those on {} waited {}",
            to.host, own.wait_point, from.host, source.semi_sync.wait_point
        ));
    }
}

/// For whom commits wait then, and for how long.
fn waits(kind: Kind, to: &Member, target: &Seen, there: usize, report: &mut Report) {
    let own = &target.semi_sync;
    let is_short = own.timeout_ms.is_some_and(|ms| ms <= LONGEST_MS);
    let timeout = match target.dialect {
        Dialect::Mariadb { .. } => "rpl_semi_sync_master_timeout",
        Dialect::Mysql { .. } => "rpl_semi_sync_source_timeout",
    };
    let replicas = |count: usize| format!("{count} {}", if count == 1 { "replica" } else { "replicas" });
    let wanted = usize::try_from(own.wanted).unwrap_or(usize::MAX);
    let limit = own
        .timeout_ms
        .map_or_else(|| "an unknown time".to_owned(), |ms| format!("{} s", ms.div_ceil(1000)));
    if there >= wanted {
        report.note(format!(
            "commits on {} wait for {}, for {limit} at most; then they go on without",
            to.host,
            replicas(wanted)
        ));
        // In an emergency clients are let in first, and replicas follow then.
        if kind == Kind::Emergency && !is_short {
            report.warn(format!(
                "until {wanted} of its replicas follows {} the first commits there hang, for {limit} where none can: SET GLOBAL \
                 {timeout} = 10000 lets them go on",
                to.host
            ));
        }
        return;
    }
    let fact = format!(
        "commits on {} wait for {} to acknowledge them, and {there} will",
        to.host,
        replicas(wanted)
    );
    if is_short {
        report.warn(format!(
            "{fact}: the first ones take up to {limit}, then they go on without"
        ));
    } else {
        report.refuse(
            format!("{fact}: they would hang, for {limit}"),
            format!(
                "SET GLOBAL {timeout} = 10000 on {}, or switch semi-synchronous replication of a replica on",
                to.host
            ),
        );
    }
}

/// The new source cannot let commits wait.
fn lacking(database: &DatabaseLayout, to: &Member, report: &mut Report) {
    let fact = format!(
        "commits on {} wait for a replica, and those on {} could not: it has no plugin of semi-synchronous replication",
        database.from, to.host
    );
    match database.kind {
        Kind::Planned => report.refuse(
            fact,
            format!(
                "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so' on {} (before MySQL 8.0.26: rpl_semi_sync_master), \
                 or switch it off on {} if commits need not wait",
                to.host, database.from
            ),
        ),
        Kind::Emergency => report.warn(fact),
    }
}
