//! What clients lose with a mount that is taken away from them.

use super::{Check, Report};
use crate::runbook::{planner::Scope, sight::Sight};

/// `client-loss`.
#[derive(Debug)]
pub struct ClientLoss;

impl Check for ClientLoss {
    fn name(&self) -> &'static str {
        "client-loss"
    }

    fn about(&self) -> &'static str {
        "what clients lose with a mount that is taken away: what was not confirmed, and who holds it"
    }

    fn judge(&self, scope: &Scope<'_>, _: &Sight, report: &mut Report) {
        let ends = scope.parameters.get("holders").map(String::as_str);
        let layouts = scope.subject.layouts();
        for client in layouts.clients.iter().filter(|client| client.now.is_some()) {
            let (host, at) = (&client.host, &client.at);
            report.losses.push(format!(
                "{host}: what was written to {at} and its server has not confirmed; what waits for it ends with an error (EIO)"
            ));
            match ends {
                Some("end") => report
                    .losses
                    .push(format!("{host}: every process that holds {at} is ended (KILL)")),
                Some("restart") => {
                    let units = client.units();
                    if !units.is_empty() {
                        report.warn(format!("{host}: stopped and started again: {}", units.join(", ")));
                    }
                }
                _ => report.note(format!(
                    "whoever holds {at} of {host} keeps what is gone, with errors, until it ends; holders=end ends it"
                )),
            }
        }
    }
}
