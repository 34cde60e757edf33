//! Members of a Galera cluster together: one component, as large as declared.

use super::{
    Code, Severity,
    claim::Claims,
    say,
    topology::{Member, View, in_primary},
};
use crate::facts::mysql::Galera;

/// Judges one cluster.
pub(super) fn judge(view: &View<'_>, out: &mut Claims) {
    components(view, out);
    size(view, out);
    for member in &view.members {
        if member.mysql.is_some_and(|(mysql, _)| mysql.galera.is_none()) {
            let evidence = format!("does not run wsrep, but is a member of {}", view.topology.name);
            out.raise(Code::GaleraNonPrimary, Severity::Critical, member.subject(), evidence);
        }
    }
}

fn galera<'a>(member: &Member<'a>) -> Option<&'a Galera> {
    member.mysql.and_then(|(mysql, _)| mysql.galera.as_ref())
}

/// Members of one component have the same cluster state UUID and the same configuration number.
/// While a member joins, looks of two moments differ: only new readings of all of them prove anything.
fn components(view: &View<'_>, out: &mut Claims) {
    let primary: Vec<(&Member<'_>, &Galera)> = view
        .members
        .iter()
        .filter(|member| in_primary(member))
        .filter_map(|member| Some((member, galera(member)?)))
        .collect();
    let Some((first, reference)) = primary.first() else {
        return;
    };
    let another = primary.iter().find(|(_, galera)| {
        let other_conf = matches!((galera.conf_id, reference.conf_id), (Some(a), Some(b)) if a != b);
        galera.state_uuid != reference.state_uuid || other_conf
    });
    if let Some((other, galera)) = another {
        let conf = |galera: &Galera| galera.conf_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        let evidence = format!(
            "two primary components: {} in {} (configuration {}), {} in {} (configuration {})",
            first.name,
            reference.state_uuid,
            conf(reference),
            other.name,
            galera.state_uuid,
            conf(galera)
        );
        let readings = primary
            .iter()
            .filter_map(|(member, _)| Some((member.name.clone(), member.mysql?.1)));
        out.raise(Code::TwoSources, Severity::Critical, view.subject(), evidence)
            .with(view.topology.members.iter().cloned())
            .after_readings(readings);
    } else if primary.len() < view.members.len() && view.members.iter().any(|member| member.mysql.is_none()) {
        out.unsettled(Code::TwoSources, view.subject());
    }
}

fn size(view: &View<'_>, out: &mut Claims) {
    let declared = view.topology.members.len();
    let smallest = view
        .members
        .iter()
        .filter(|member| in_primary(member))
        .filter_map(|member| Some((galera(member)?.cluster_size?, member)))
        .min_by_key(|(size, _)| *size);
    match smallest {
        Some((size, member)) if (size as usize) < declared => {
            let missing: Vec<&str> = view
                .members
                .iter()
                .filter(|member| !in_primary(member))
                .map(|member| member.name.as_str())
                .collect();
            let who = if missing.is_empty() {
                String::new()
            } else {
                format!("; {} not seen in it", say::list(&missing))
            };
            let evidence = format!("{size} of {declared} members, says {}{who}", member.name);
            out.raise(Code::GaleraDegraded, Severity::Warning, view.subject(), evidence)
                .with(view.topology.members.iter().cloned());
        }
        // Nobody who speaks misses a member; one who is silent may have.
        _ if view.members.iter().any(|member| member.mysql.is_none()) => {
            out.unsettled(Code::GaleraDegraded, view.subject());
        }
        Some(_) => {}
        None => {
            let evidence = "no member is in a primary component";
            out.raise(Code::NoSource, Severity::Critical, view.subject(), evidence)
                .with(view.topology.members.iter().cloned());
        }
    }
}
