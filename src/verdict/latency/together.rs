//! What is slow together: the disks of one array, groups of peers, and many hosts at once.

use super::{
    Latency, Op,
    beside::under_way,
    peers::Key,
    picture::disks_of,
    suspects::BEYOND,
    tell::{Alarm, OF_AN_ARRAY, is_semi_failed},
};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
    verdict::{Code, Severity, Subject, SubjectKind, claim::Claims, failslow::State, say, sight::Sight},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// Disks that a backup explains, as a subject.
pub(super) const BY_BACKUP: &str = "disks, backup";
/// The console must be late for so many ticks before that is told.
const UPLINK_TOLD: u16 = 3;
/// So many hosts with a slow disk at once, and more than a tenth of their peers, have a cause in common.
const MANY: usize = 3;

impl Latency {
    /// Disks that are slow because their array is being rebuilt or checked, or because all of them serve a backup: no disk is
    /// to blame.
    pub(super) fn tell_explained(&self, at: usize, alarms: &[&Alarm<'_>], out: &mut Claims) {
        let worst = alarms.iter().max_by(|a, b| a.now.ratio.total_cmp(&b.now.ratio));
        let Some((worst, cause)) = worst.and_then(|worst| Some((worst, worst.explained()?))) else {
            return;
        };
        let mut names: Vec<&str> = alarms
            .iter()
            .map(|alarm| alarm.peers.members[alarm.place].name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let ratio = worst.now.ratio;
        let evidence = format!(
            "{} at up to {ratio:.1}× their peers; explained: {cause}",
            say::list(&names)
        );
        let watched = &self.hosts[at];
        let by_backup = worst.peers.members[worst.place].by_backup;
        let name = if by_backup { BY_BACKUP } else { OF_AN_ARRAY };
        let about = Subject::on(SubjectKind::Group, &watched.name, name);
        out.raise(Code::GroupSlow, Severity::Notice, about, evidence)
            .with([watched.name.clone()])
            .since(worst.since());
    }

    /// Where many hosts of one kind have a slow disk at once there is a cause in common: one finding for all.
    pub(super) fn together(
        &self,
        sight: &Sight<'_>,
        alarms: &BTreeMap<usize, Vec<Alarm<'_>>>,
        out: &mut Claims,
    ) -> Vec<Key> {
        let mut by_key: BTreeMap<&Key, (Vec<usize>, UnixMs)> = BTreeMap::new();
        for alarm in alarms.values().flatten() {
            if is_semi_failed(alarm)
                && matches!(alarm.peers.key, Key::DisksLike(..))
                && sight.seen(alarm.host()).is_some()
            {
                let entry = by_key.entry(&alarm.peers.key).or_insert((Vec::new(), alarm.since()));
                entry.1 = entry.1.max(alarm.since());
                if !entry.0.contains(&alarm.host()) {
                    entry.0.push(alarm.host());
                }
            }
        }
        let mut told = Vec::new();
        for (key, (hosts, since)) in by_key {
            let Some(peers) = self.groups.iter().find(|peers| peers.key == *key) else {
                continue;
            };
            let mut all: Vec<usize> = peers
                .members
                .iter()
                .filter(|one| !one.retired)
                .map(|one| one.host)
                .collect();
            all.sort_unstable();
            all.dedup();
            if hosts.len() < MANY || hosts.len() * 10 <= all.len() {
                continue;
            }
            let names: Vec<HostName> = hosts.iter().map(|at| self.hosts[*at].name.clone()).collect();
            let evidence = format!(
                "{} of {} hosts have a slow one at once ({}): look for a cause in common",
                hosts.len(),
                all.len(),
                say::hosts(&names)
            );
            out.raise(Code::GroupSlow, Severity::Warning, group_subject(key), evidence)
                .with(names)
                .since(since);
            told.push(key.clone());
        }
        told
    }

    /// Groups whose members are slow all together.
    pub(super) fn tell_groups(&self, sight: &Sight<'_>, out: &mut Claims) {
        for peers in &self.groups {
            if peers.group.common() != State::Slow || peers.key.op().is_nfs() {
                continue;
            }
            // Where the console is slow, all hosts seem to be, and whether they are cannot be told.
            let is_poll = peers.key.op() == Op::Poll;
            if is_poll && (self.uplink || self.console_late) {
                out.unsettled(Code::GroupSlow, group_subject(&peers.key));
                continue;
            }
            let mut hosts: Vec<usize> = peers
                .members
                .iter()
                .filter(|one| one.speaks())
                .map(|one| one.host)
                .collect();
            if hosts.len() < 2 {
                // Of less than two streams that are measured nobody can say "all together".
                out.unsettled(Code::GroupSlow, group_subject(&peers.key));
                continue;
            }
            hosts.sort_unstable();
            hosts.dedup();
            let ratio = peers.group.common_ratio();
            let mut evidence = format!("all together at {ratio:.1}× their own past; no single one stands out");
            let mut causes = hosts.iter().filter_map(|at| under_way(sight, *at));
            let severity = if let Some(cause) = causes.next() {
                let _ = write!(evidence, "; explained: {cause}");
                Severity::Notice
            } else if let Some((backup, _)) = &peers.backup {
                let is_enough = ratio.ln() < BEYOND;
                let word = if is_enough {
                    "explained: "
                } else {
                    "more than explains that "
                };
                let _ = write!(evidence, "; {word}{backup}");
                if is_enough { Severity::Notice } else { Severity::Warning }
            } else if is_poll && ratio.ln() < BEYOND {
                // No client waits for the console's polls: a little later all together is worth knowing, and no more.
                Severity::Notice
            } else {
                Severity::Warning
            };
            let names: Vec<HostName> = hosts.iter().map(|at| self.hosts[*at].name.clone()).collect();
            out.raise(Code::GroupSlow, severity, group_subject(&peers.key), evidence)
                .with(names);
        }
        if self.uplink_ticks >= UPLINK_TOLD {
            let about = Subject {
                kind: SubjectKind::Host,
                host: None,
                name: "console".into(),
            };
            let evidence = "many hosts answer it late at once: the console's own network, nobody is blamed";
            out.raise(Code::GroupSlow, Severity::Notice, about, evidence);
        }
    }
}

fn group_subject(key: &Key) -> Subject {
    let name = format!("{key}, {}", key.op());
    match disks_of(key) {
        Some(host) => Subject::on(
            SubjectKind::Group,
            &HostName::new(host.as_str()),
            CleanText::from(format!("disks, {}", key.op())),
        ),
        None => Subject::of_fleet(SubjectKind::Group, &name),
    }
}
