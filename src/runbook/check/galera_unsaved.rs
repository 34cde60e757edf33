//! A member of a Galera cluster that did not end well: its server is stopped, and it is not known how far it is.

use super::{Check, Report};
use crate::runbook::{observe::galera::Seen, planner::Scope, sight::Sight};

/// `galera-unsaved`.
#[derive(Debug)]
pub struct GaleraUnsaved;

impl Check for GaleraUnsaved {
    fn name(&self) -> &'static str {
        "galera-unsaved"
    }

    fn about(&self) -> &'static str {
        "the server of a Galera member is stopped, and how far it is has to be recovered"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some((cluster, server)) = scope.subject.layouts().galera.zip(scope.server) else {
            return;
        };
        let host = &server.name;
        let Some(member) = cluster.member(host) else {
            report.refuse(
                format!("{host} is no member of {}", cluster.name),
                "name one of its members",
            );
            return;
        };
        let seen = match sight.text(&member.look()).and_then(|text| member.read(text)) {
            Ok(seen) => seen,
            Err(why) => return report.refuse(why, "it has to be known that its server does not run"),
        };
        let Seen::Stopped(own) = &seen else {
            return report.refuse(
                format!("{host} is {}: it tells how far it is itself", seen.stands()),
                "there is nothing to recover",
            );
        };
        if own.is_unsaved() {
            report.note(format!(
                "InnoDB replays its log in {}, as every start of the server would",
                own.datadir
            ));
            return;
        }
        let says = match seen.position() {
            Ok(position) => format!("{host} is at {position}"),
            Err(why) => format!("{host}: {why}"),
        };
        report.refuse(says, "there is nothing to recover");
    }
}
