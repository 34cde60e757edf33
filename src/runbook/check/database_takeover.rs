//! The server that takes over from a dead source has received everything that any other one has, or gets it from there;
//! what no one has received is the loss.

use super::{
    Check, Report,
    database_sound::{alike, fit, twins},
    semi_sync,
};
use crate::{
    facts::mysql::ReplicaThread,
    runbook::{
        observe::mysql::{self, Member, Seen, Writes},
        planner::Scope,
        sight::Sight,
    },
};

/// `database-takeover`.
#[derive(Debug)]
pub struct DatabaseTakeover;

impl Check for DatabaseTakeover {
    fn name(&self) -> &'static str {
        "database-takeover"
    }

    fn about(&self) -> &'static str {
        "the replica that takes over has, or gets, everything that any has received; says what can be lost"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(database) = scope.subject.layouts().database else {
            return;
        };
        let mut seen: Vec<(&Member, Seen)> = Vec::new();
        for member in database.members.iter().filter(|member| member.host != database.from) {
            let said = sight.text(&member.look());
            match said.and_then(|text| mysql::parse(text).map_err(|why| format!("{}: {why}", member.host))) {
                Ok(own) => seen.push((member, own)),
                Err(why) => report.refuse(
                    format!(
                        "{why}; whether {} takes writes, and what it alone has, is not known",
                        member.host
                    ),
                    "mend it, or take it out of the `members:` of the topology if it is gone for good",
                ),
            }
        }
        for (member, own) in &seen {
            fit(member, own, report);
            match own.writes {
                Writes::None => {}
                Writes::All => report.refuse(
                    format!("{} takes writes already", member.host),
                    "if it is the source now there is nothing to take over; else make it read-only first",
                ),
                Writes::Privileged => report.refuse(
                    format!("{} {}", member.host, own.writes.verb()),
                    "SET PERSIST super_read_only = ON there: whoever has SUPER could write to it",
                ),
            }
        }
        twins(&seen, report);
        alike(&seen, report);
        let Some((to, target)) = seen.iter().find(|(member, _)| member.host == database.to) else {
            return;
        };
        for (member, own) in seen.iter().filter(|(member, _)| member.host != to.host) {
            // That they cannot be compared is a refusal already.
            let Some(more) = own.holds.missing_from(&target.holds).filter(|more| !more.is_empty()) else {
                continue;
            };
            let fact = format!(
                "{} has not received {}, which {} has",
                to.host,
                mysql::short(&more),
                member.host
            );
            if target.holds.is_subset(&own.holds) == Some(true) {
                report.note(format!("{fact}: it gets that from there before it takes writes"));
            } else {
                // Neither has everything: whichever takes over, something is thrown away.
                report.refuse(
                    format!("{fact}, and the other way round: they have gone apart"),
                    "a person has to decide whose transactions count; nothing is taken over before",
                );
            }
        }
        applier(to, target, report);
        semi_sync::judge(&database, &seen, report);
        let positions: Vec<String> = seen
            .iter()
            .map(|(member, own)| format!("{} has received {}", member.host, mysql::shown(&own.holds)))
            .collect();
        report.note(format!("evidence: {}", positions.join("; ")));
        last_seen(scope, database.from.as_str(), &seen, report);
        let waits = seen
            .iter()
            .filter(|(_, own)| own.semi_sync.acknowledges == Some(true))
            .map(|(member, _)| member.host.as_str());
        let waits: Vec<&str> = waits.collect();
        report.losses.push(if waits.is_empty() {
            format!(
                "{}: what {} committed alone, acknowledged or not: replication was asynchronous, and how much that is is known \
                 when it is back",
                database.name, database.from
            )
        } else {
            format!(
                "{}: no acknowledged commit, if {} still waited for a replica when it died ({} acknowledge what they receive); \
                 else what it committed alone since then, which is known when it is back",
                database.name,
                database.from,
                waits.join(", ")
            )
        });
    }
}

/// What the source was seen to have last, beside what those have who are left.
fn last_seen(scope: &Scope<'_>, from: &str, seen: &[(&Member, Seen)], report: &mut Report) {
    let Some(last) = scope.last.filter(|last| last.host.as_str() == from) else {
        report.note(format!(
            "what {from} had when it was last seen is not known: this was not asked for in a console that had watched it"
        ));
        return;
    };
    // Of one kind, or there is no plan.
    let left = seen.iter().map(|(_, own)| own.holds.clone());
    let Some(left) = left.reduce(|all, own| all.union(&own).unwrap_or(all)) else {
        return;
    };
    match last.compared(&left) {
        Ok(compared) => {
            report.note(format!("evidence: {}", compared.says));
            report
                .losses
                .extend(compared.lost.map(|lost| format!("lost for certain: {lost}")));
        }
        Err(why) => report.note(why),
    }
}

/// What was received can be applied.
fn applier(to: &Member, target: &Seen, report: &mut Report) {
    for channel in &target.channels {
        if channel.sql != ReplicaThread::Yes {
            let error = channel
                .sql_error
                .as_ref()
                .map_or_else(String::new, |error| format!(": {error}"));
            report.refuse(
                format!(
                    "the applier of {} is stopped{error}; it has not applied {}",
                    to.host,
                    mysql::short(&target.unapplied())
                ),
                "mend it by hand, but do not restart its receiver: what it has received would be thrown away",
            );
        }
    }
    if target.channels.is_empty() {
        report.refuse(
            format!("{} follows nobody: whether it has everything is not known", to.host),
            "choose a replica",
        );
    }
}
