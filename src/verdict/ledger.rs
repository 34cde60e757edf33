//! What was claimed before: since when, for how many polls, and whether it is shown.

use super::{
    Code, Finding, Severity, Subject,
    claim::{Claim, Claims, Source},
    say,
};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
};
use std::{
    collections::{BTreeMap, btree_map::Entry as Slot},
    time::Duration,
};

/// The standing claims about one host, segment or topology.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<(Code, Subject), Entry>,
    round: u64,
    /// When the facts of the last round were read.
    at: UnixMs,
}

/// For so long a notice stays that cannot be judged just now: a console that is late for a poll neither takes it back
/// nor tells it anew with the next one. Of an older one nobody needs to know.
const NOTICE_STAYS: Duration = Duration::from_mins(1);

#[derive(Debug, Clone)]
struct Entry {
    severity: Severity,
    since: UnixMs,
    evidence: CleanText,
    hosts: Vec<HostName>,
    source: Source,
    /// Polls in which it was claimed.
    held: u32,
    /// When it was first claimed.
    first: UnixMs,
    /// The slower readings that it rests on, for a claim that joins facts of several moments.
    readings: Vec<Counted>,
    shown: bool,
    /// When it was last claimed, and in which round.
    claimed_at: UnixMs,
    round: u64,
    /// The last look could judge it.
    settled: bool,
}

/// How often a reading of one host has confirmed a claim.
#[derive(Debug, Clone)]
struct Counted {
    host: HostName,
    /// The last reading.
    at: UnixMs,
    /// Readings since the claim was first made.
    count: u32,
}

/// Counts what is new in `readings`. One that was taken before the claim was first made confirms nothing: the facts
/// it is joined with may have changed in between.
fn count(before: &[Counted], readings: Vec<(HostName, UnixMs)>, first: UnixMs) -> Vec<Counted> {
    readings
        .into_iter()
        .map(|(host, at)| {
            let known = before.iter().find(|counted| counted.host == host);
            let is_new = at >= first && known.is_none_or(|counted| at > counted.at);
            let count = known
                .map_or(0, |counted| counted.count)
                .saturating_add(u32::from(is_new));
            Counted { host, at, count }
        })
        .collect()
}

/// One look at the facts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// When the facts were read.
    pub(super) at: UnixMs,
    /// Whether the host has been polled since the last look: only polls count towards the debounce.
    pub(super) counts: bool,
    /// Polls for which a claim must hold before it is shown.
    pub(super) needed: u32,
    /// Nothing is waited for, neither polls nor readings: what the slow lane says after the last poll counts.
    pub(super) immediate: bool,
}

impl Round {
    /// Whether a claim has held for long enough.
    fn is_enough(&self, held: u32, readings: &[Counted]) -> bool {
        self.immediate || held >= self.needed.max(1) && readings.iter().all(|counted| counted.count >= self.needed)
    }
}

impl Ledger {
    /// A ledger without claims.
    pub(super) const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            round: 0,
            at: UnixMs(0),
        }
    }

    /// Takes in what the rules said: claims are entered or confirmed; what was claimed before and is
    /// not any more is taken back, unless it could not be judged this time.
    pub(super) fn update(&mut self, mut claims: Claims, round: Round) {
        if claims.list.is_empty() && self.entries.is_empty() {
            return;
        }
        self.round += 1;
        self.at = round.at;
        for claim in std::mem::take(&mut claims.list) {
            self.enter(claim, round);
        }
        let current = self.round;
        self.entries.retain(|(code, subject), entry| {
            if entry.round == current {
                return true;
            }
            entry.settled = false;
            claims.is_unseen(entry.source) || claims.unsettled.iter().any(|(c, s)| c == code && s == subject)
        });
    }

    fn enter(&mut self, claim: Claim, round: Round) {
        let current = self.round;
        let Claim {
            code,
            subject,
            severity,
            keep,
            evidence,
            hosts,
            since,
            at_once,
            readings,
            source,
        } = claim;
        match self.entries.entry((code, subject)) {
            Slot::Vacant(slot) => {
                if severity == Severity::Ok {
                    return;
                }
                let held = u32::from(round.counts);
                let readings = count(&[], readings, round.at);
                slot.insert(Entry {
                    severity,
                    since: since.unwrap_or(round.at),
                    evidence,
                    hosts,
                    source,
                    held,
                    first: round.at,
                    shown: at_once || round.is_enough(held, &readings),
                    readings,
                    claimed_at: round.at,
                    round: current,
                    settled: true,
                });
            }
            Slot::Occupied(mut slot) => {
                let entry = slot.get_mut();
                // Only what is shown is kept by a value between its limits.
                let kept = if entry.shown {
                    entry.severity.min(keep)
                } else {
                    Severity::Ok
                };
                let severity = severity.max(kept);
                let again = entry.round == current;
                if severity == Severity::Ok || (again && entry.severity >= severity) {
                    return;
                }
                if round.counts && !again {
                    entry.held = entry.held.saturating_add(1);
                }
                entry.readings = count(&entry.readings, readings, entry.first);
                entry.shown |= at_once || round.is_enough(entry.held, &entry.readings);
                entry.severity = severity;
                entry.evidence = evidence;
                entry.hosts = hosts;
                entry.source = source;
                entry.claimed_at = round.at;
                entry.round = current;
                entry.settled = true;
            }
        }
    }

    /// Adds the findings that are shown. With `blind` the host has not been seen since: what was bad
    /// is then unknown, and what was merely worth knowing is left out.
    pub(super) fn findings(&self, blind: bool, out: &mut Vec<Finding>) {
        for ((code, subject), entry) in &self.entries {
            if !entry.shown {
                continue;
            }
            let is_bad = entry.severity >= Severity::Warning;
            let claimed_at = say::clock(entry.claimed_at);
            let mut unseen = false;
            let (severity, evidence) = if entry.settled && !blind {
                (entry.severity, entry.evidence.clone())
            } else if is_bad {
                unseen = true;
                let word = entry.severity.word();
                let text = format!("was {word} at {claimed_at}, not seen since: {}", entry.evidence);
                (Severity::Unknown, text.into())
            } else if !blind && self.at.since(entry.claimed_at) <= NOTICE_STAYS {
                let text = format!("{}; not judged since {claimed_at}", entry.evidence);
                (entry.severity, text.into())
            } else {
                continue;
            };
            out.push(Finding {
                code: *code,
                severity,
                subject: subject.clone(),
                since: entry.since,
                evidence,
                hosts: entry.hosts.clone(),
                unseen,
            });
        }
    }

    /// What is shown and confirmed now, at least a warning.
    pub(super) fn faults(&self) -> impl Iterator<Item = (Code, &Subject)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.shown && entry.settled && entry.severity >= Severity::Warning)
            .map(|((code, subject), _)| (*code, subject))
    }

    /// Whether a code is shown, confirmed or not.
    pub(super) fn stands(&self, code: Code) -> bool {
        self.entries
            .iter()
            .any(|((other, _), entry)| *other == code && entry.shown)
    }

    /// Whether nothing stands in it.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Why;
    use crate::verdict::{
        SubjectKind,
        claim::Limits,
        seen::{Doubt, Fact},
    };

    fn subject() -> Subject {
        Subject::on(SubjectKind::Filesystem, &HostName::new("a"), "/")
    }

    fn percent(value: f64) -> Claims {
        let mut claims = Claims::new();
        let level = Limits::both(85.0, 95.0).above(value);
        if level.keep > Severity::Ok {
            claims.measured(Code::DiskFull, level, subject(), format!("{value} %"));
        }
        claims
    }

    fn round(at: u64, counts: bool) -> Round {
        Round {
            at: UnixMs(at),
            counts,
            needed: 2,
            immediate: false,
        }
    }

    fn shown(ledger: &Ledger) -> Vec<(Severity, u64)> {
        let mut out = Vec::new();
        ledger.findings(false, &mut out);
        out.iter().map(|finding| (finding.severity, finding.since.0)).collect()
    }

    #[test]
    fn only_polls_count_and_since_is_the_first_sight() {
        let mut ledger = Ledger::default();
        ledger.update(percent(90.0), round(1000, true));
        ledger.update(percent(90.0), round(1000, false));
        ledger.update(percent(90.0), round(1000, false));
        assert_eq!(shown(&ledger), []);
        ledger.update(percent(90.0), round(3000, true));
        assert_eq!(shown(&ledger), [(Severity::Warning, 1000)]);
    }

    #[test]
    fn one_bad_poll_between_good_ones_is_not_shown() {
        let mut ledger = Ledger::default();
        for at in 0..10 {
            ledger.update(percent(if at % 2 == 0 { 90.0 } else { 20.0 }), round(at, true));
            assert_eq!(shown(&ledger), []);
        }
    }

    #[test]
    fn a_value_at_its_limit_does_not_flap() {
        let mut ledger = Ledger::default();
        for at in 0..20 {
            ledger.update(percent(if at % 2 == 0 { 85.5 } else { 84.5 }), round(at, true));
        }
        // It was never over the limit for two polls in a row.
        assert_eq!(shown(&ledger), []);
        ledger.update(percent(96.0), round(20, true));
        ledger.update(percent(96.0), round(21, true));
        for at in 22..40 {
            ledger.update(percent(if at % 2 == 0 { 94.0 } else { 96.0 }), round(at, true));
            assert_eq!(shown(&ledger), [(Severity::Critical, 20)]);
        }
        ledger.update(percent(80.0), round(40, true));
        assert_eq!(shown(&ledger), [(Severity::Warning, 20)]);
        ledger.update(percent(76.0), round(41, true));
        assert_eq!(shown(&ledger), []);
    }

    #[test]
    fn what_cannot_be_read_does_not_clear() {
        let mut ledger = Ledger::default();
        let degraded = || {
            let mut claims = Claims::new();
            claims.begin(Source::Md);
            claims.raise(Code::MdDegraded, Severity::Warning, subject(), "2 of 3");
            claims.raise(Code::MdChecking, Severity::Notice, subject(), "check");
            claims
        };
        ledger.update(degraded(), round(0, true));
        ledger.update(degraded(), round(2000, true));
        assert_eq!(shown(&ledger).len(), 2);
        let unread = || {
            let mut claims = Claims::new();
            claims.known::<()>(Source::Md, &Fact::Unknown(Doubt::Why(&Why::NotAsked)));
            claims
        };
        let said = |ledger: &Ledger, blind: bool| {
            let mut out = Vec::new();
            ledger.findings(blind, &mut out);
            let said = out
                .into_iter()
                .map(|one| (one.severity, one.evidence.as_str().to_owned()));
            said.collect::<Vec<_>>()
        };
        let bad = (
            Severity::Unknown,
            "was warning at 00:00:02Z, not seen since: 2 of 3".to_owned(),
        );
        let notice = (Severity::Notice, "check; not judged since 00:00:02Z".to_owned());
        // One poll that tells nothing does not take a notice back …
        ledger.update(unread(), round(4000, true));
        assert_eq!(said(&ledger, false), [bad.clone(), notice]);
        assert_eq!(said(&ledger, true), std::slice::from_ref(&bad));
        // … and what was worth knowing a minute ago is not any more.
        ledger.update(unread(), round(63_000, true));
        assert_eq!(said(&ledger, false), [bad]);
        ledger.update(Claims::new(), round(65_000, true));
        assert!(ledger.is_empty());
    }
}
