//! Whether what is to be taken away from clients really hangs: a mount that answers is somebody's work.

use super::{Check, Report};
use crate::runbook::{
    interlock,
    observe::mounts::Answer,
    plan::{ClientLayout, Rule},
    planner::Scope,
    sight::Sight,
};
use std::collections::BTreeMap;

/// `clients-sick`.
#[derive(Debug)]
pub struct ClientsSick;

impl Check for ClientsSick {
    fn name(&self) -> &'static str {
        "clients-sick"
    }

    fn about(&self) -> &'static str {
        "no mount is taken away that answers, unless its segment is named in full, with the reason why"
    }

    fn judge(&self, scope: &Scope<'_>, _: &Sight, report: &mut Report) {
        let layouts = scope.subject.layouts();
        let mut well: BTreeMap<&str, Vec<&ClientLayout>> = BTreeMap::new();
        for client in &layouts.clients {
            let answers = client.now.as_ref().is_some_and(|now| now.answer == Answer::Answers);
            if answers {
                well.entry(client.segment.as_str()).or_default().push(client);
            }
        }
        for (segment, clients) in well {
            let (named, unnamed): (Vec<&ClientLayout>, _) = clients
                .into_iter()
                .partition(|client| interlock::is_given_up(scope.glass, client));
            if let [first, ..] = unnamed.as_slice() {
                report.refuse(
                    format!(
                        "{} not hung: {}",
                        if unnamed.len() == 1 { "it is" } else { "these are" },
                        places(&unnamed)
                    ),
                    format!(
                        "if clients are to lose mounts that answer, name the segment in full and say why: \
                         --{}={segment} reason='…'; or leave those clients out: clients=name!={}",
                        Rule::Force.flag().trim_start_matches('-'),
                        first.host
                    ),
                );
            }
            let reason = scope.parameters.get("reason").map(|text| text.trim());
            if !named.is_empty() && reason.is_none_or(|text| text.is_empty() || text == "none") {
                report.refuse(
                    format!("{segment} was named to be taken away although it answers, and no reason is given"),
                    "say why, for whoever reads the journal: reason='…'",
                );
            }
            if !named.is_empty() {
                report.warn(format!("taken away although it answers: {}", places(&named)));
            }
        }
    }
}

/// The first of them by name.
fn places(clients: &[&ClientLayout]) -> String {
    let names: Vec<String> = clients
        .iter()
        .take(4)
        .map(|client| format!("{} of {} answers", client.at, client.host))
        .collect();
    match clients.len().saturating_sub(4) {
        0 => names.join(", "),
        more => format!("{}, and {more} others", names.join(", ")),
    }
}
