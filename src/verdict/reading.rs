//! Facts that should be known and are not: denied, hung, failed, garbled or old.
//!
//! Unknown never satisfies: a section that a rule of this room builds on is a finding of severity
//! unknown while it cannot be read, so that silence about it is never mistaken for health.

use super::{
    Code, Severity, Subject,
    claim::{Claims, Source},
    say,
    seen::{Doubt, Fact, Seen},
};
use crate::facts::{Reading, Tier, Why};

/// What cannot be read, by the reason.
#[derive(Default)]
struct Groups {
    denied: Group,
    hung: Group,
    failed: Group,
    old: Group,
}

#[derive(Default)]
struct Group {
    names: Vec<&'static str>,
    judged: bool,
    why: String,
}

impl Group {
    fn add(&mut self, name: &'static str, judged: bool, doubt: Doubt<'_>) {
        if self.names.is_empty() {
            self.why = doubt.to_string();
        }
        self.names.push(name);
        self.judged |= judged;
    }
}

/// Names every section of a host that should be known and is not: one claim for each kind of reason.
pub(super) fn judge(seen: &Seen<'_>, out: &mut Claims) {
    out.begin(Source::Poll);
    if !seen.has_shell() {
        return;
    }
    let groups = doubts(seen);
    for (code, group) in [
        (Code::ReadingDenied, groups.denied),
        (Code::ReadingHung, groups.hung),
        (Code::ReadingFailed, groups.failed),
        (Code::ReadingOld, groups.old),
    ] {
        if group.names.is_empty() {
            continue;
        }
        // What nothing is judged by is worth knowing, no more.
        let severity = if group.judged {
            Severity::Unknown
        } else {
            Severity::Notice
        };
        let evidence = format!("{}: {}", say::list(&group.names), group.why);
        out.raise(code, severity, Subject::host(&seen.host.name), evidence);
    }
}

fn doubts(seen: &Seen<'_>) -> Groups {
    let s = seen.snapshot;
    let serves = seen.segment.is_some();
    let mut groups = Groups::default();
    let g = &mut groups;
    check(g, seen, "uptime", &s.uptime, Tier::Fast, true);
    check(g, seen, "load", &s.load, Tier::Fast, true);
    check(g, seen, "cpu", &s.cpu_times, Tier::Fast, true);
    rate(g, seen, "cpu use", &s.cpu, Tier::Fast);
    check(g, seen, "memory", &s.memory, Tier::Fast, true);
    rate(g, seen, "disk rates", &s.disks, Tier::Fast);
    check(g, seen, "filesystems", &s.filesystems, Tier::Medium, true);
    check(g, seen, "mounts", &s.mounts, Tier::Fast, true);
    check(g, seen, "filesystem errors", &s.filesystem_errors, Tier::Medium, true);
    check(g, seen, "statfs", &s.statfs, Tier::Medium, true);
    rate(g, seen, "link rates", &s.link_rates, Tier::Fast);
    check(g, seen, "links", &s.links, Tier::Medium, true);
    check(g, seen, "addresses", &s.addresses, Tier::Medium, serves);
    check(g, seen, "md", &s.md, Tier::Fast, true);
    check(g, seen, "drbd", &s.drbd, Tier::Fast, true);
    check(g, seen, "exports", &s.exports, Tier::Medium, serves);
    check(g, seen, "nfs server", &s.nfs_server, Tier::Fast, serves);
    check(g, seen, "nfs clients", &s.nfs_clients, Tier::Medium, false);
    rate(g, seen, "nfs mounts", &s.nfs_mounts, Tier::Fast);
    check(g, seen, "pools", &s.pools, Tier::Medium, true);
    if !seen.host.backups.is_empty() {
        check(g, seen, "tests of backups", &s.backup_tests, Tier::Slow, true);
    }
    groups
}

/// A rate needs two samples: one alone is no doubt.
fn rate<'a, T>(groups: &mut Groups, seen: &Seen<'a>, name: &'static str, reading: &'a Reading<T>, tier: Tier) {
    if reading.why() != Some(&Why::NoBaseline) {
        check(groups, seen, name, reading, tier, true);
    }
}

fn check<'a, T>(
    groups: &mut Groups,
    seen: &Seen<'a>,
    name: &'static str,
    reading: &'a Reading<T>,
    tier: Tier,
    judged: bool,
) {
    let Fact::Unknown(doubt) = seen.fact(reading, tier) else {
        return;
    };
    let group = match doubt {
        Doubt::Why(Why::NotAsked) if !seen.settled() => return,
        Doubt::Why(Why::NotAsked) | Doubt::Old(_) => &mut groups.old,
        Doubt::Why(Why::Denied(_)) => &mut groups.denied,
        Doubt::Why(Why::Hung(_)) => &mut groups.hung,
        Doubt::Why(Why::Failed(_) | Why::Garbled(_) | Why::NoBaseline) => &mut groups.failed,
    };
    group.add(name, judged, doubt);
}
