//! Errant transactions: what a replica has and the server it follows has not.

use super::{
    Code, Severity,
    claim::Claims,
    say,
    topology::{Member, View},
};
use crate::facts::{
    gtid::{BinlogState, GtidSet, MariadbGtids},
    mysql::Mysql,
};

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
        let own = source.map_or_else(Vec::new, |source| own_writes(view, replica, source));
        if here == there && own.is_empty() {
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
            Some(text) if text.is_empty() && own.is_empty() => {}
            Some(text) => {
                let text = if text.is_empty() { own.join(",") } else { text };
                let evidence = format!("has {}, which {name} has not", say::short(&text));
                out.raise(Code::ErrantTransactions, Severity::Warning, replica.subject(), evidence)
                    .with(source.map(|source| source.name.clone()));
            }
        }
    }
}

/// What a MariaDB replica has written itself, as binary logs tell: its position hides that as soon as
/// the source has written more.
fn own_writes(view: &View<'_>, replica: &Member<'_>, source: &Member<'_>) -> Vec<String> {
    let follows_back = |channel| view.source_of(channel).is_some_and(|other| other.name == replica.name);
    if source.channels().iter().any(follows_back) {
        // A circle: what the replica writes is meant to reach the source.
        return Vec::new();
    }
    let (Some((here, _)), Some((there, _))) = (replica.mysql, source.mysql) else {
        return Vec::new();
    };
    let state = |mysql: &Mysql| BinlogState::parse(mysql.gtid_binlog_state.as_deref()?).ok();
    let applied = MariadbGtids::parse(there.gtid_slave_pos.as_deref().unwrap_or(""));
    let server = here.server_id.and_then(|id| u32::try_from(id).ok());
    match (state(here), state(there), applied, server) {
        (Some(own), Some(theirs), Ok(applied), Some(server)) => own.own_writes_missing_from(server, &theirs, &applied),
        _ => Vec::new(),
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
