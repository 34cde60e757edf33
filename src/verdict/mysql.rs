//! One MySQL or MariaDB server: does it answer, replicate, keep up. Members together: `topology`.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Limits, Source},
    say,
    seen::{Doubt, Fact, Seen},
};
use crate::facts::{
    Tier, Why,
    mysql::{Galera, GaleraStatus, Mysql, ReplicaChannel, ReplicaThread, SemiSync},
};

/// Connections in use, percent of `max_connections`.
const CONNECTIONS: Limits = Limits::both(85.0, 95.0);

/// Judges the server of a host that the inventory declares one for. The lag of a member of a replication topology is
/// left to [`super::heartbeat`].
pub(super) fn judge(seen: &Seen<'_>, in_topology: bool, out: &mut Claims) {
    if seen.host.mysql.is_none() {
        return;
    }
    let fact = seen.fact(&seen.snapshot.mysql, Tier::Fast);
    down(seen, &fact, out);
    let Some(mysql) = out.known(Source::Mysql, &fact) else {
        return;
    };
    if !mysql.tells_channels() {
        for code in [Code::ReplicationStopped, Code::ReplicationError, Code::ReplicationLag] {
            out.unsettled(code, subject(seen));
        }
    }
    for channel in &mysql.channels {
        threads(seen, channel, out);
    }
    // Members of a topology are judged together: only their source tells whether beats are written at all.
    if !in_topology {
        lag(seen, mysql, true, out);
    }
    semi_sync(seen, mysql, out);
    connections(seen, mysql, out);
    if let Some(galera) = &mysql.galera {
        node(seen, galera, out);
    }
    // A Galera member outside of the primary component refuses most questions: that is the finding above already.
    let outside = mysql.galera.as_ref().is_some_and(|galera| galera.ready == Some(false));
    let mut errors = mysql
        .errors
        .iter()
        .filter(|error| !(outside && has_any(error, &["ERROR 1047"])));
    if let Some(error) = errors.next() {
        let more = errors.count();
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        out.raise(
            Code::ReadingFailed,
            Severity::Unknown,
            subject(seen),
            format!("mysql: {error}{more}"),
        );
    }
}

fn subject(seen: &Seen<'_>) -> Subject {
    Subject::on(SubjectKind::Mysql, &seen.host.name, seen.host.name.as_str())
}

/// The host answers and its server does not. A server that refuses us is alive: too many connections
/// or a wrong password must never look like death.
fn down(seen: &Seen<'_>, fact: &Fact<'_, Mysql>, out: &mut Claims) {
    out.begin(Source::Poll);
    let (code, severity, evidence) = match fact {
        Fact::Known(_) => return,
        Fact::Absent => (Code::MysqlDown, Severity::Unknown, "no mysql client there".to_owned()),
        Fact::Unknown(Doubt::Why(Why::NotAsked)) if !seen.settled() => return,
        Fact::Unknown(doubt) => match doubt {
            Doubt::Why(Why::Failed(text)) if has_any(text, &["1040", "Too many connections"]) => (
                Code::ConnectionsHigh,
                Severity::Critical,
                format!("every connection is in use: {text}"),
            ),
            Doubt::Why(Why::Failed(text)) if has_any(text, &["Access denied", "1044", "1045", "1227"]) => {
                (Code::ReadingDenied, Severity::Unknown, format!("mysql: {text}"))
            }
            Doubt::Why(Why::Failed(text)) => (Code::MysqlDown, Severity::Critical, format!("does not answer: {text}")),
            Doubt::Why(Why::Denied(text)) => (Code::ReadingDenied, Severity::Unknown, format!("mysql: {text}")),
            doubt => (Code::MysqlDown, Severity::Unknown, format!("cannot be asked: {doubt}")),
        },
    };
    out.raise(code, severity, subject(seen), evidence);
}

fn has_any(text: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| text.contains(mark))
}

fn threads(seen: &Seen<'_>, channel: &ReplicaChannel, out: &mut Claims) {
    let name = if channel.name.is_empty() {
        String::new()
    } else {
        format!(" (channel {})", channel.name)
    };
    let words = format!(
        "IO {}, SQL {}, source {}{name}",
        channel.io_running, channel.sql_running, channel.source_host
    );
    let threads = [&channel.io_running, &channel.sql_running];
    if let Some(word) = threads
        .iter()
        .find(|thread| matches!(thread, ReplicaThread::Unknown(_)))
    {
        let evidence = format!("{words}: “{word}” is a word this version does not know");
        out.raise(Code::UnknownWord, Severity::Unknown, subject(seen), evidence);
    }
    let stopped = |thread: &ReplicaThread| {
        matches!(
            thread,
            ReplicaThread::No | ReplicaThread::Connecting | ReplicaThread::Preparing
        )
    };
    // The SQL error first: it means that data may differ.
    let error = [&channel.sql_error, &channel.io_error]
        .into_iter()
        .flatten()
        .find(|error| !error.is_empty());
    let any_stopped = threads.into_iter().any(stopped);
    match error {
        Some(error) => {
            // An error that is still shown while both threads run belongs to the past.
            let severity = if any_stopped {
                Severity::Critical
            } else {
                Severity::Notice
            };
            out.raise(
                Code::ReplicationError,
                severity,
                subject(seen),
                format!("{words}: {error}"),
            );
        }
        None if any_stopped => {
            out.raise(Code::ReplicationStopped, Severity::Warning, subject(seen), words);
        }
        None => {}
    }
}

/// By heartbeat where there is one and it `tells`: seconds behind the source can be 0 while behind (MDEV-17516).
pub(super) fn lag(seen: &Seen<'_>, mysql: &Mysql, tells: bool, out: &mut Claims) {
    if mysql.channels.is_empty() {
        return;
    }
    let thresholds = &seen.host.thresholds;
    let limits = Limits::both(thresholds.lag_warning_seconds, thresholds.lag_critical_seconds);
    let behind = mysql.channels.iter().filter_map(|channel| channel.seconds_behind).max();
    let running = |channel: &ReplicaChannel| {
        channel.io_running == ReplicaThread::Yes && channel.sql_running == ReplicaThread::Yes
    };
    let (seconds, how) = match (mysql.heartbeat_lag_seconds.filter(|_| tells), behind) {
        (Some(seconds), _) => (seconds, "by heartbeat"),
        (None, Some(seconds)) => (seconds as f64, "by its own account"),
        (None, None) => {
            if mysql.channels.iter().all(running) {
                let evidence = "replicates, but does not say how far it is behind";
                out.raise(Code::ReplicationLag, Severity::Unknown, subject(seen), evidence);
            } else {
                // Stopped: that is its own finding, and how far it is behind is not known.
                out.unsettled(Code::ReplicationLag, subject(seen));
            }
            return;
        }
    };
    let level = limits.above(seconds);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{} behind {how} (limit {} s)",
            say::span_f64(seconds),
            say::number(limits.crossed(level.now))
        );
        out.measured(Code::ReplicationLag, level, subject(seen), evidence);
    }
}

fn semi_sync(seen: &Seen<'_>, mysql: &Mysql, out: &mut Claims) {
    let fallen_back = |state: &SemiSync| state.enabled && !state.active;
    if let Some(state) = mysql.semi_sync_as_source().filter(fallen_back) {
        let replicas = state
            .replicas
            .map_or_else(String::new, |count| format!(", {count} semi-sync replicas connected"));
        let evidence = format!("semi-sync is configured, but has fallen back to asynchronous{replicas}");
        out.raise(Code::SemiSyncOff, Severity::Warning, subject(seen), evidence);
    } else if mysql.semi_sync_source.as_ref().is_some_and(fallen_back)
        && mysql.errors.iter().any(|error| error.starts_with("replicas:"))
    {
        out.unsettled(Code::SemiSyncOff, subject(seen));
    }
}

fn connections(seen: &Seen<'_>, mysql: &Mysql, out: &mut Claims) {
    let (Some(used), Some(most)) = (mysql.connections, mysql.max_connections.filter(|most| *most > 0)) else {
        return;
    };
    let percent = 100.0 * used as f64 / most as f64;
    let level = CONNECTIONS.above(percent);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{used} of {most} connections = {} % (limit {} %)",
            say::number(percent),
            say::number(CONNECTIONS.crossed(level.now))
        );
        out.measured(Code::ConnectionsHigh, level, subject(seen), evidence);
    }
}

fn node(seen: &Seen<'_>, galera: &Galera, out: &mut Claims) {
    match &galera.cluster_status {
        GaleraStatus::Primary => {}
        GaleraStatus::NonPrimary | GaleraStatus::Disconnected => {
            let size = galera
                .cluster_size
                .map_or_else(String::new, |size| format!(", it sees {size} members"));
            let evidence = format!("cluster status {}{size}", galera.cluster_status);
            out.raise(Code::GaleraNonPrimary, Severity::Critical, subject(seen), evidence);
            return;
        }
        GaleraStatus::Unknown(word) => {
            let evidence = format!("cluster status “{word}” is a word this version does not know");
            out.raise(Code::UnknownWord, Severity::Unknown, subject(seen), evidence);
        }
    }
    let synced = galera.local_state.as_str() == "Synced";
    if synced && galera.ready != Some(false) && galera.connected != Some(false) {
        return;
    }
    let word = |value: Option<bool>| match value {
        Some(true) => "ON",
        Some(false) => "OFF",
        None => "?",
    };
    let evidence = format!(
        "state {} (should be Synced), ready {}, connected {}",
        galera.local_state,
        word(galera.ready),
        word(galera.connected)
    );
    let severity = if galera.ready == Some(false) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    out.raise(Code::GaleraDegraded, severity, subject(seen), evidence);
}
