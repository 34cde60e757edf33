//! Errant transactions: what a replica has and the server it follows has not.

use super::{
    Code, Severity,
    claim::Claims,
    topology::{Member, View},
};
use crate::facts::gtid::GtidSet;

/// Compares a replica with the members it follows.
///
/// Both are read at different moments. What the source has written itself after it was read is not
/// errant, so its own transactions are left out unless it was read last.
pub(super) fn judge(view: &View<'_>, replica: &Member<'_>, out: &mut Claims) {
    let Some((mysql, read_at)) = replica.mysql else {
        out.unsettled(Code::ErrantTransactions, replica.subject());
        return;
    };
    for channel in &mysql.channels {
        let source = view.source_of(channel).filter(|source| source.name != replica.name);
        let Some((source_mysql, source_read_at)) = source.and_then(|source| source.mysql) else {
            out.unsettled(Code::ErrantTransactions, replica.subject());
            continue;
        };
        let (Some(here), Some(there)) = (&mysql.gtid_executed, &source_mysql.gtid_executed) else {
            continue;
        };
        if here == there {
            continue;
        }
        let errant = match (GtidSet::parse(here), GtidSet::parse(there)) {
            (Ok(here), Ok(there)) => {
                let left_out = (source_read_at < read_at).then_some(Origins {
                    uuid: source_mysql.server_uuid.as_deref(),
                    server_id: source_mysql.server_id,
                    upstream: !source_mysql.channels.is_empty(),
                });
                missing(&here, &there, left_out)
            }
            _ => None,
        };
        let name = source.map_or("", |source| source.name.as_str());
        match errant {
            None => {
                let evidence = format!("its GTIDs and those of {name} cannot be compared");
                out.raise(Code::ErrantTransactions, Severity::Unknown, replica.subject(), evidence);
            }
            Some(text) if text.is_empty() => {}
            Some(text) => {
                let evidence = format!("has {text}, which {name} has not");
                out.raise(Code::ErrantTransactions, Severity::Warning, replica.subject(), evidence)
                    .with(source.map(|source| source.name.clone()));
            }
        }
    }
}

/// Whose transactions may be newer than the look at the source.
struct Origins<'a> {
    uuid: Option<&'a str>,
    server_id: Option<u64>,
    /// The source follows another server: transactions of any origin may have come through it.
    upstream: bool,
}

/// What is here and not there, without what may just be newer.
fn missing(here: &GtidSet, there: &GtidSet, left_out: Option<Origins<'_>>) -> Option<String> {
    let all = here.missing_from(there)?;
    let Some(origins) = left_out else { return Some(all) };
    if origins.upstream {
        return Some(String::new());
    }
    let text = match (here, there) {
        (GtidSet::Mysql(_), _) => {
            let Some(uuid) = origins.uuid else {
                return Some(String::new());
            };
            let own = |part: &&str| {
                part.trim()
                    .get(..uuid.len())
                    .is_some_and(|p| p.eq_ignore_ascii_case(uuid))
            };
            all.split(',').filter(|part| !own(part)).collect::<Vec<_>>().join(",")
        }
        (GtidSet::Mariadb(here), GtidSet::Mariadb(there)) => {
            let Some(server) = origins.server_id else {
                return Some(String::new());
            };
            let gaps = here.subtract(there).into_iter();
            gaps.filter(|gap| u64::from(gap.server) != server)
                .map(|gap| gap.to_string())
                .collect::<Vec<_>>()
                .join(",")
        }
        (GtidSet::Mariadb(_), GtidSet::Mysql(_)) => return None,
    };
    Some(text)
}
