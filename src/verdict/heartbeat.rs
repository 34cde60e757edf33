//! The heartbeat of a replication topology: which replica is behind by it, and whether anybody writes it.
//!
//! The age of a replica's newest beat is how far it is behind only while beats are written. When nobody writes them,
//! the newest beat grows old on the source as well, and a replica that has it is not behind by it.

use super::{
    Code, Severity,
    claim::{Claims, Limits},
    mysql, say,
    topology::{Member, View},
};
use crate::facts::mysql::Mysql;

/// Judges the lag of every replica of a topology, and the heartbeat of its source.
pub(super) fn judge(view: &View<'_>, out: &mut Claims) {
    for member in &view.members {
        lag(view, member, out);
        stopped(view, member, out);
    }
}

fn lag(view: &View<'_>, member: &Member<'_>, out: &mut Claims) {
    let (Some(seen), Some((server, _))) = (&member.seen, member.mysql) else {
        out.unsettled(Code::ReplicationLag, member.subject());
        return;
    };
    if !server.tells_channels() {
        out.unsettled(Code::ReplicationLag, member.subject());
    }
    // The active half of a circle sees at best old beats of the other: it writes them itself.
    let tells = !is_source(view, member) && !has_newest(view, member);
    mysql::lag(seen, server, tells, out);
}

/// Whether a member is the one that is written: it follows nobody, or, as the active half of a circle, only what is
/// read-only.
fn is_source(view: &View<'_>, member: &Member<'_>) -> bool {
    let passive = |source: &Member<'_>| source.name != member.name && source.writable() == Some(false);
    member.writable() == Some(true)
        && member.mysql.is_some_and(|(server, _)| server.tells_channels())
        && member
            .channels()
            .iter()
            .all(|channel| view.source_of(channel).is_some_and(passive))
}

/// The age of the newest beat that a server has, its own or another's: after a switch-over the newest may be
/// the one that the old source wrote.
fn newest(server: &Mysql) -> Option<f64> {
    let beats = [server.heartbeat_own_seconds, server.heartbeat_lag_seconds];
    beats.into_iter().flatten().reduce(f64::min)
}

/// Whether no beats are written, and a replica has the newest that its source has. `false` where the source cannot
/// be asked or has no heartbeat: then an old beat is taken for lag.
fn has_newest(view: &View<'_>, member: &Member<'_>) -> bool {
    let (Some(seen), Some((server, at))) = (&member.seen, member.mysql) else {
        return false;
    };
    let Some(age) = newest(server) else { return false };
    let mut pause = f64::INFINITY;
    let mut due = f64::INFINITY;
    for channel in member.channels() {
        let source = view.source_of(channel).and_then(|source| origin(view, source));
        let Some((source, asked)) = source.and_then(|source| source.mysql) else {
            return false;
        };
        let Some(beat) = newest(source) else { return false };
        pause = pause.min(beat);
        // The two were not asked in the same moment.
        due = due.min(beat + at.since(asked).as_secs_f64() - asked.since(at).as_secs_f64());
    }
    // Half of the limit: when the replica's age reaches it, that of the source was read a little earlier.
    let half = seen.host.thresholds.lag_warning_seconds / 2.0;
    let two_polls = 2.0 * seen.host.poll.interval.as_secs_f64();
    pause >= half && (age - due).abs() <= two_polls.min(half)
}

/// Where the beats of a chain of replicas come from.
fn origin<'v, 'a>(view: &'v View<'a>, first: &'v Member<'a>) -> Option<&'v Member<'a>> {
    let mut member = first;
    for _ in &view.members {
        match member.channels() {
            [] => {
                return member
                    .mysql
                    .filter(|(server, _)| server.tells_channels())
                    .map(|_| member);
            }
            _ if is_source(view, member) => return Some(member),
            [only] => member = view.source_of(only)?,
            _ => return None,
        }
    }
    None
}

/// The source can be written, and its newest beat is old: nobody writes the heartbeat. That a read-only source has
/// none follows from [`Code::NoSource`], and that one of two sources has none from [`Code::TwoSources`].
fn stopped(view: &View<'_>, member: &Member<'_>, out: &mut Claims) {
    let (Some(seen), Some((server, _))) = (&member.seen, member.mysql) else {
        out.unsettled(Code::HeartbeatStopped, member.subject());
        return;
    };
    if member.writable().is_none() || !server.tells_channels() {
        out.unsettled(Code::HeartbeatStopped, member.subject());
    }
    let mut sources = view.members.iter().filter(|other| is_source(view, other));
    let only = sources.next().is_some_and(|source| source.name == member.name) && sources.next().is_none();
    let Some(age) = newest(server).filter(|_| only) else {
        return;
    };
    let limits = Limits::warning(seen.host.thresholds.lag_warning_seconds);
    let level = limits.above(age);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "nobody writes the heartbeat: its newest beat is {} old (limit {} s); lag is what the replicas say themselves",
            say::span_f64(age),
            say::number(limits.crossed(level.now))
        );
        out.measured(Code::HeartbeatStopped, level, member.subject(), evidence);
    }
}
