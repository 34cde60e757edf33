//! Backups: how old the newest is, and whether one was lately restored and found good.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Source},
    say,
    seen::{Doubt, Fact, Seen},
};
use crate::{
    facts::{
        Snapshot, Tier, UnixMs, Why,
        proof::{Listed, Tested, is_ahead},
    },
    fleet::{BackupSubject, Fleet, Host, HostName, KeptBackups},
};
use std::time::Duration;

/// What the host of the backups of a slice or database says of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<'a> {
    /// The newest backup; nothing where none is listed. Or why that is not known.
    pub newest: Result<Option<&'a Listed>, String>,
    /// The last test that is written down; nothing where there is none. Or why that is not known.
    pub last: Result<Option<&'a Tested>, String>,
}

/// What a host's snapshot says of backups that are on it; the age of the snapshot itself is the caller's to tell.
#[must_use]
pub fn said<'a>(host: &'a Host, snapshot: &'a Snapshot, kept: &KeptBackups) -> Said<'a> {
    let seen = Seen {
        host,
        snapshot,
        segment: None,
        immediate: true,
        observer_doubtful: false,
    };
    let record = kept.of.record();
    let tests = seen.fact(&snapshot.backup_tests, Tier::Slow);
    Said {
        newest: match newest(&seen, &record) {
            Fact::Known(newest) => newest
                .as_ref()
                .map_or(Ok(None), |newest| sane(newest, newest.at, &seen)),
            Fact::Absent => Ok(None),
            Fact::Unknown(doubt) => Err(doubt.to_string()),
        },
        last: match &tests {
            Fact::Unknown(doubt) => Err(doubt.to_string()),
            Fact::Absent => Ok(None),
            Fact::Known(tests) => match tests.iter().find(|test| test.name == record).map(|test| &test.last) {
                None => Ok(None),
                Some(Ok(tested)) => sane(tested, tested.at, &seen),
                Some(Err(why)) => Err(format!("what is written down is not understood: {why}")),
            },
        },
    }
}

/// Something of a time that has come.
fn sane<'a, T>(what: &'a T, at: UnixMs, seen: &Seen<'_>) -> Result<Option<&'a T>, String> {
    if is_ahead(at, seen.snapshot.at) {
        let ahead = say::span(at.since(seen.snapshot.at).as_secs());
        return Err(format!("it is of {ahead} from now: a clock is wrong"));
    }
    Ok(Some(what))
}

/// The newest backup by that name.
fn newest<'a>(seen: &Seen<'a>, record: &str) -> Fact<'a, Option<Listed>> {
    let list = seen.snapshot.backup_lists.iter().find(|list| list.name == record);
    let limit = turn(seen.host)
        .saturating_mul(3)
        .saturating_add(seen.host.poll.deadline);
    list.map_or(Fact::Unknown(Doubt::Why(&Why::NotAsked)), |list| {
        seen.fact_within(&list.newest, limit)
    })
}

/// The time in which each list of a host has its turn: the slow tier brings those that are quick, and of the others one comes with a
/// poll of the medium tier.
fn turn(host: &Host) -> Duration {
    let lists = u32::try_from(host.backups.len()).unwrap_or(u32::MAX);
    host.poll.slow.max(host.poll.medium.saturating_mul(lists))
}

/// Judges the backups that are on a host.
pub(super) fn judge(seen: &Seen<'_>, fleet: &Fleet, out: &mut Claims) {
    if seen.host.backups.is_empty() {
        return;
    }
    let tests = seen.fact(&seen.snapshot.backup_tests, Tier::Slow);
    for kept in &seen.host.backups {
        let said = said(seen.host, seen.snapshot, kept);
        out.begin(Source::Poll);
        age(seen, fleet, kept, &said, out);
        // When nothing of tests can be read, that is one finding of the host, and what was found of each stays as it was.
        let is_known = out.known(Source::BackupTests, &tests).is_some() || matches!(tests, Fact::Absent);
        if is_known {
            proof(seen, fleet, kept, &said, out);
        }
    }
}

fn age(seen: &Seen<'_>, fleet: &Fleet, kept: &KeptBackups, said: &Said<'_>, out: &mut Claims) {
    let on = &seen.host.name;
    let now = seen.snapshot.at;
    let (severity, evidence, since) = match &said.newest {
        Ok(Some(newest)) => {
            let age = now.since(newest.at);
            if age <= kept.every {
                return;
            }
            let evidence = format!(
                "the newest backup on {on}, {}, is {} old (limit {})",
                newest.name,
                say::span(age.as_secs()),
                say::span(kept.every.as_secs())
            );
            (Severity::Warning, evidence, Some(newest.at + kept.every))
        }
        Ok(None) => (Severity::Warning, format!("no backup is listed on {on}"), None),
        Err(why) => {
            let asked = Duration::from_millis(
                u64::try_from(seen.host.poll.interval.as_millis())
                    .unwrap_or(u64::MAX)
                    .saturating_mul(seen.snapshot.polls),
            );
            let unasked = matches!(
                newest(seen, &kept.of.record()),
                Fact::Unknown(Doubt::Why(Why::NotAsked))
            );
            if unasked && !seen.immediate && asked < turn(seen.host).saturating_add(seen.host.poll.deadline) {
                out.unsettled(Code::BackupOld, subject(&kept.of));
                return;
            }
            (
                Severity::Unknown,
                format!("the newest backup on {on} is not known: {why}"),
                None,
            )
        }
    };
    let claim = out
        .raise(Code::BackupOld, severity, subject(&kept.of), evidence)
        .with(concerned(fleet, &kept.of, on));
    if let Some(since) = since {
        claim.since(since);
    }
}

fn proof(seen: &Seen<'_>, fleet: &Fleet, kept: &KeptBackups, said: &Said<'_>, out: &mut Claims) {
    let on = &seen.host.name;
    let now = seen.snapshot.at;
    let ago = |tested: &Tested| say::span(now.since(tested.at).as_secs());
    let (code, severity, evidence, since) = match &said.last {
        Err(why) => {
            let evidence = format!("the last test on {on} is not known: {why}");
            (Code::BackupUnproved, Severity::Unknown, evidence, None)
        }
        Ok(None) => {
            let evidence = format!("no test of a backup is written down on {on}");
            (Code::BackupUnproved, Severity::Warning, evidence, None)
        }
        Ok(Some(tested)) => match &tested.trouble {
            Some(trouble) => {
                let evidence = format!(
                    "the backup that was tested last on {on}, {}, {} ago, is not good: {}",
                    tested.backup,
                    ago(tested),
                    say::short(trouble)
                );
                (Code::BackupBad, Severity::Warning, evidence, Some(tested.at))
            }
            None if now.since(tested.at) > kept.tested => {
                let evidence = format!(
                    "the last good test on {on}, of {}, was {} ago (limit {})",
                    tested.backup,
                    ago(tested),
                    say::span(kept.tested.as_secs())
                );
                let since = Some(tested.at + kept.tested);
                (Code::BackupUnproved, Severity::Warning, evidence, since)
            }
            None => return,
        },
    };
    let claim = out
        .raise(code, severity, subject(&kept.of), evidence)
        .with(concerned(fleet, &kept.of, on));
    if let Some(since) = since {
        claim.since(since);
    }
}

/// What findings about the backups of something are about.
#[must_use]
pub fn subject(of: &BackupSubject) -> Subject {
    let kind = match of {
        BackupSubject::Slice(_) => SubjectKind::Slice,
        BackupSubject::Database(_) => SubjectKind::Topology,
    };
    Subject::of_fleet(kind, of.name())
}

/// The host of the backups, and those that hold what they are of.
#[must_use]
pub fn concerned(fleet: &Fleet, of: &BackupSubject, on: &HostName) -> Vec<HostName> {
    let holders: Vec<HostName> = match of {
        BackupSubject::Slice(name) => fleet
            .slice(name.as_str())
            .into_iter()
            .flat_map(|(_, slice)| std::iter::once(&slice.preferred).chain(&slice.standby))
            .cloned()
            .collect(),
        BackupSubject::Database(name) => fleet
            .topologies
            .iter()
            .find(|topology| topology.name == *name)
            .map(|topology| topology.members.clone())
            .unwrap_or_default(),
    };
    std::iter::once(on.clone())
        .chain(holders.into_iter().filter(|host| host != on))
        .collect()
}
