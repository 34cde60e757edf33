//! Clients find the source of a database where the inventory says, and nobody else is found there.

use super::{Check, Report};
use crate::runbook::{definition::Kind, observe::network, plan::Entrance, planner::Scope, sight::Sight};

/// `database-entrance`.
#[derive(Debug)]
pub struct DatabaseEntrance;

impl Check for DatabaseEntrance {
    fn name(&self) -> &'static str {
        "database-entrance"
    }

    fn about(&self) -> &'static str {
        "the address by which clients find a database is on its source alone, and on nobody where that is dead"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(database) = scope.subject.layouts().database else {
            return;
        };
        match &database.entrance {
            Some(Entrance::Address(address)) => {
                let dead = database.kind == Kind::Emergency;
                for host in database.members.iter().map(|member| &member.host) {
                    let is_source = *host == database.from;
                    if dead && is_source {
                        continue;
                    }
                    report.require(
                        &network::carries(host, address.ip, is_source).judge(sight),
                        "clients come to the source by that address: put it there alone, or mend the inventory",
                    );
                }
            }
            Some(Entrance::Hook(_)) => {}
            None => report.note(format!(
                "clients have to find {} themselves: the inventory names neither `service_address` nor `to_source` of {}",
                database.to, database.name
            )),
        }
    }
}
