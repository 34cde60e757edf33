//! Network mounts of a node: there, answering, from the right address.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Level, Source},
    memory::{History, KEPT, hash},
    say,
    seen::Seen,
};
use crate::{
    facts::{
        Tier, UnixMs,
        filesystem::{Mount, StatfsOutcome, StatfsProbe},
    },
    fleet::{ExpectedMount, Fleet, Segment, Slice},
};
use std::{net::IpAddr, time::Duration};

/// A mount that has failed and answers again must go on doing so for this share of the time between two askings: its
/// next answer, and not the same one told again.
const HOLDS: f64 = 0.75;

/// A mount that has failed or is stale, until it is well.
#[derive(Debug)]
pub(super) struct Failing {
    name: u64,
    /// How it failed last.
    outcome: StatfsOutcome,
    /// Since when it answers again.
    answers_since: Option<UnixMs>,
}

/// An expected mount with the slice it names.
pub(super) type Expected<'a> = (&'a ExpectedMount, Option<(&'a Segment, &'a Slice)>);

/// The expected mounts of a host, with what the index knows of them.
pub(super) fn expected<'a>(
    fleet: &'a Fleet,
    mounts: &'a [ExpectedMount],
    links: &'a [Option<(usize, usize)>],
) -> impl Iterator<Item = Expected<'a>> + Clone {
    mounts.iter().zip(links).map(|(mount, link)| {
        let slice = link.and_then(|(segment, slice)| {
            let segment = fleet.segments.get(segment)?;
            Some((segment, segment.slices.get(slice)?))
        });
        (mount, slice)
    })
}

/// Judges the mounts that the inventory expects, and how every network mount answers.
pub(super) fn judge<'a>(
    seen: &Seen<'_>,
    expected: &(impl Iterator<Item = Expected<'a>> + Clone),
    history: &mut History,
    out: &mut Claims,
) {
    if let Some(mounts) = out.known(Source::Mounts, &seen.fact(&seen.snapshot.mounts, Tier::Fast)) {
        for (wanted, slice) in expected.clone() {
            // Mounts may be stacked; the last one is in force.
            if let Some(mount) = mounts.iter().rev().find(|mount| mount.at.as_str() == wanted.at) {
                source(seen, wanted, mount, slice, out);
                continue;
            }
            let evidence = format!("{} is not mounted", wanted.slice);
            out.raise(
                Code::MountMissing,
                Severity::Critical,
                subject(seen, &wanted.at),
                evidence,
            )
            .with(servers(slice));
        }
    }
    if let Some(probes) = out.known(Source::Statfs, &seen.fact(&seen.snapshot.statfs, Tier::Medium)) {
        let failing = &mut history.failing;
        failing.retain(|one| probes.iter().any(|probe| hash(probe.at.as_str()) == one.name));
        for probe in probes {
            let wanted = || expected.clone().find(|(wanted, _)| wanted.at == probe.at.as_str());
            if let Some(before) = still_failing(seen, probe, failing) {
                answer(seen, probe, before, true, wanted(), out);
            } else if !matches!(probe.outcome, StatfsOutcome::Answered { .. }) {
                answer(seen, probe, &probe.outcome, false, wanted(), out);
            }
        }
    }
}

/// How a mount failed before, where what is known of it now takes nothing back: it is being asked again and not yet
/// late, or it has answered once, which may have been the client's cache.
fn still_failing<'a>(seen: &Seen<'_>, probe: &StatfsProbe, failing: &'a mut Vec<Failing>) -> Option<&'a StatfsOutcome> {
    let name = hash(probe.at.as_str());
    let known = failing.iter().position(|one| one.name == name);
    match (&probe.outcome, known) {
        (StatfsOutcome::Failed { .. } | StatfsOutcome::Stale, Some(at)) => {
            failing[at].outcome.clone_from(&probe.outcome);
            failing[at].answers_since = None;
        }
        (StatfsOutcome::Failed { .. } | StatfsOutcome::Stale, None) if failing.len() < KEPT => {
            failing.push(Failing {
                name,
                outcome: probe.outcome.clone(),
                answers_since: None,
            });
        }
        (StatfsOutcome::Hung { seconds }, Some(at)) if !seen.host.thresholds.is_mount_hung(*seconds) => {
            return Some(&failing[at].outcome);
        }
        (StatfsOutcome::Answered { .. }, Some(at)) if failing[at].outcome != StatfsOutcome::Stale => {
            let read_at = seen.snapshot.statfs.at;
            let since = *failing[at].answers_since.get_or_insert(read_at);
            if read_at.since(since) < seen.host.poll.medium.mul_f64(HOLDS) {
                return Some(&failing[at].outcome);
            }
            failing.remove(at);
        }
        (StatfsOutcome::Answered { .. } | StatfsOutcome::Hung { .. }, Some(at)) => drop(failing.remove(at)),
        _ => {}
    }
    None
}

fn subject(seen: &Seen<'_>, at: &str) -> Subject {
    Subject::on(SubjectKind::Mount, &seen.host.name, at)
}

fn servers(slice: Option<(&Segment, &Slice)>) -> Vec<crate::fleet::HostName> {
    slice.map_or_else(Vec::new, |(_, slice)| {
        std::iter::once(&slice.preferred)
            .chain(&slice.standby)
            .cloned()
            .collect()
    })
}

/// The server part of `server:/path`, with the brackets of an IPv6 address taken off, and the path.
fn split(source: &str) -> Option<(&str, &str)> {
    if let Some(rest) = source.strip_prefix('[') {
        let (server, path) = rest.split_once(']')?;
        return Some((server, path.strip_prefix(':')?));
    }
    source
        .split_once(":/")
        .map(|(server, path)| (server, &source[source.len() - path.len() - 1..]))
}

fn source(seen: &Seen<'_>, wanted: &ExpectedMount, mount: &Mount, slice: Option<(&Segment, &Slice)>, out: &mut Claims) {
    let Some((segment, slice)) = slice else { return };
    let wrong = |what: String| format!("mounted from {}, {what}", mount.source);
    let evidence = if mount.is_nfs() {
        let Some((server, path)) = split(&mount.source) else {
            return;
        };
        let address = slice.service_address.map(|address| address.ip);
        let found = server.split('%').next().unwrap_or(server).parse::<IpAddr>().ok();
        match (address, found, &slice.export) {
            (Some(address), Some(found), _) if address != found => {
                Some(wrong(format!("not from {}'s address {address}", slice.name)))
            }
            // NFSv4 clients may name the path below the server's root.
            (_, _, Some(export)) if !export.path.ends_with(path.trim_end_matches('/')) => {
                Some(wrong(format!("not {}'s export {}", slice.name, export.path)))
            }
            _ => None,
        }
    } else {
        Some(wrong(format!("not over NFS from {}", slice.name)))
    };
    let hosts = || segment.servers.iter().cloned();
    if let Some(evidence) = evidence {
        out.raise(
            Code::MountWrongSource,
            Severity::Warning,
            subject(seen, &wanted.at),
            evidence,
        )
        .with(hosts());
    }
    let meant = slice
        .export
        .as_ref()
        .is_some_and(|export| export.options.iter().any(|option| option == "ro"));
    if !mount.writable && !meant {
        let evidence = format!("{} is mounted read-only", slice.name);
        out.raise(
            Code::FilesystemReadOnly,
            Severity::Warning,
            subject(seen, &wanted.at),
            evidence,
        )
        .with(hosts());
    }
}

/// Claims what came of asking a mount; with `held` it is what came of it before, which neither counts as another time
/// nor is taken back.
fn answer(
    seen: &Seen<'_>,
    probe: &StatfsProbe,
    outcome: &StatfsOutcome,
    held: bool,
    wanted: Option<Expected<'_>>,
    out: &mut Claims,
) {
    let severity = if wanted.is_some() {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let slice = wanted.and_then(|(_, slice)| slice);
    let name = slice.map_or_else(String::new, |(_, slice)| format!("{}: ", slice.name));
    let read_at = seen.snapshot.statfs.at;
    let (code, evidence, since) = match outcome {
        StatfsOutcome::Answered { .. } => return,
        StatfsOutcome::Hung { seconds } => {
            let limit = seen.host.thresholds.mount_hung_seconds;
            if !seen.host.thresholds.is_mount_hung(*seconds) {
                return;
            }
            let since = UnixMs(read_at.0.saturating_sub(seconds.saturating_mul(1000)));
            (
                Code::MountHung,
                format!(
                    "{name}no answer to statfs since {} (limit {} s)",
                    say::clock(since),
                    say::number(limit)
                ),
                Some(since),
            )
        }
        StatfsOutcome::Stale => (
            Code::MountStale,
            format!("{name}the server no longer knows its handle (ESTALE)"),
            None,
        ),
        StatfsOutcome::Failed { error } => {
            // The remote half names the errors it knows; of another it knows no more than this.
            let how = if error.as_str() == "statfs failed" {
                format!(
                    " with another error than the usual ones: run `stat -f {}` there",
                    probe.at
                )
            } else {
                String::new()
            };
            (Code::MountFailing, format!("{name}{error}{how}"), None)
        }
    };
    let now = if held { Severity::Ok } else { severity };
    let claim = out
        .measured(code, Level { now, keep: severity }, subject(seen, &probe.at), evidence)
        .with(servers(slice));
    if let Some(since) = since {
        claim.since(since);
    }
    if held {
        out.unsettled(code, subject(seen, &probe.at));
    }
}

/// What a client says of a slice, for when its server cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// Operations complete.
    Alive,
    /// The mount hangs.
    Hung,
    /// Nothing is known, or the mount is not there.
    None,
}

/// Asks one client about one mount point. Completed operations say more than an answer to `statfs`,
/// which may be some seconds old; an answer says more than silence.
pub(super) fn voice(seen: &Seen<'_>, at: &str) -> Voice {
    let rates = seen.fact(&seen.snapshot.nfs_mounts, Tier::Fast).value();
    let flowing = rates
        .into_iter()
        .flatten()
        .any(|rate| rate.at.as_str() == at && rate.ops.iter().any(|op| op.ops_per_second > 0.0));
    if flowing {
        return Voice::Alive;
    }
    let probes = seen
        .fact_within(&seen.snapshot.statfs, seen.host.poll.medium + Duration::from_secs(5))
        .value();
    match probes
        .into_iter()
        .flatten()
        .find(|probe| probe.at.as_str() == at)
        .map(|probe| &probe.outcome)
    {
        Some(StatfsOutcome::Answered { .. } | StatfsOutcome::Stale) => Voice::Alive,
        Some(StatfsOutcome::Hung { seconds }) if seen.host.thresholds.is_mount_hung(*seconds) => Voice::Hung,
        Some(StatfsOutcome::Hung { .. } | StatfsOutcome::Failed { .. }) | None => Voice::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_apart() {
        assert_eq!(split("10.0.0.1:/srv/a"), Some(("10.0.0.1", "/srv/a")));
        assert_eq!(split("[fd00::1]:/srv/a"), Some(("fd00::1", "/srv/a")));
        assert_eq!(split("fd00::1:/srv/a"), Some(("fd00::1", "/srv/a")));
        assert_eq!(split("nas:/"), Some(("nas", "/")));
        assert_eq!(split("/dev/sda1"), None);
        assert_eq!(split("[fd00::1"), None);
    }
}
