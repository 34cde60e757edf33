//! A Galera cluster whose primary component lives: the members that are not in it can join it.

use super::{Check, Report};
use crate::runbook::{
    observe::galera::{Member, Seen},
    planner::Scope,
    sight::Sight,
};

/// `galera-lives`.
#[derive(Debug)]
pub struct GaleraLives;

impl Check for GaleraLives {
    fn name(&self) -> &'static str {
        "galera-lives"
    }

    fn about(&self) -> &'static str {
        "one primary component of the Galera cluster lives, and who joins it has nothing that it has not"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(cluster) = scope.subject.layouts().galera else {
            return;
        };
        let mut seen: Vec<(&Member, Seen)> = Vec::new();
        for member in &cluster.members {
            match sight.text(&member.look()).and_then(|text| member.read(text)) {
                Ok(own) => seen.push((member, own)),
                Err(why) => report.warn(format!("{why}; {} is left as it is", member.host)),
            }
        }
        let Some((node, own)) = seen
            .iter()
            .find(|(member, own)| member.host == cluster.node && own.is_synced())
        else {
            report.refuse(
                format!("no member of {} is Synced in a primary component", cluster.name),
                format!("if none lives: galera-recover database={}", cluster.name),
            );
            return;
        };
        let others = || seen.iter().filter(|(member, _)| member.host != node.host);
        for (member, other) in others().filter(|(_, other)| other.is_primary()) {
            if other.uuid() != own.uuid() {
                report.refuse(
                    format!(
                        "{} and {} are in two primary components ({}, {}): a split brain",
                        node.host,
                        member.host,
                        own.uuid(),
                        other.uuid()
                    ),
                    "keep clients from one of them now; a person has to decide whose writes count",
                );
            }
        }
        if others().all(|(_, other)| other.is_synced()) {
            report.refuse(
                format!(
                    "every member of {} that answers is in its primary component",
                    cluster.name
                ),
                "there is nothing to join",
            );
        }
        for (member, other) in others().filter(|(_, other)| !other.is_synced()) {
            let host = &member.host;
            if other.is_void() {
                report.warn(format!(
                    "{host} has no state of any cluster: it gets all its data from another member, and what its data directory \
                     holds is thrown away"
                ));
                continue;
            }
            report.require(
                &member.loses_nothing_to(node).judge(sight),
                "look at its data first; if it may be thrown away, move its grastate.dat aside: it gets everything anew then. If it \
                 is known that it was Synced since, start it by hand",
            );
            if matches!(other, Seen::Stopped(own) if own.is_unsaved()) {
                report.note(format!(
                    "{host} did not end well: it may get all its data from another member, which then is busy with that"
                ));
            }
        }
    }
}
