//! The console's own machine: starved, or with a wrong clock.

use super::{
    Code, Finding, Severity, Subject, SubjectKind,
    claim::Claims,
    host,
    ledger::{Ledger, Round},
    say,
    sight::Sight,
};
use crate::{facts::UnixMs, fleet::HostName};
use std::collections::HashSet;

/// Fewer hosts than this cannot outvote the console's clock.
const HOSTS: usize = 3;

/// Clocks that differ by less than this share of what they are off are off by about the same.
const ALIKE: f64 = 0.1;

/// Judges the console's machine, and takes back what its wrong clock would say of the hosts.
pub(super) fn judge(sight: &Sight<'_>, console: &mut Ledger, findings: &mut Vec<Finding>, now: UnixMs) {
    let mut claims = Claims::new();
    let stands = console.stands(Code::ObserverClock);
    let mut outvoted = HashSet::new();
    if sight.observer_doubtful {
        let evidence = "the console's own machine is starved: round trips and small clock differences are not judged";
        claims.raise(Code::ObserverBusy, Severity::Notice, subject(), evidence);
    }
    if let Some(wrong) = wrong_clock(sight, stands) {
        claims.raise(Code::ObserverClock, Severity::Warning, subject(), wrong.evidence);
        outvoted = wrong.hosts;
    } else if sight.observer_doubtful {
        claims.unsettled(Code::ObserverClock, subject());
    }
    console.update(
        claims,
        Round {
            at: now,
            counts: true,
            needed: 1,
            immediate: sight.immediate,
        },
    );
    let in_doubt = stands && sight.observer_doubtful && outvoted.is_empty();
    if in_doubt || !outvoted.is_empty() {
        findings.retain(|finding| {
            let host = finding.subject.host.as_ref();
            finding.code != Code::ClockSkew || !(in_doubt || host.is_some_and(|host| outvoted.contains(host)))
        });
    }
    console.findings(false, findings);
}

fn subject() -> Subject {
    Subject {
        kind: SubjectKind::Host,
        host: None,
        name: "console".into(),
    }
}

/// The hosts that agree that the console's clock is wrong.
struct WrongClock<'a> {
    hosts: HashSet<&'a HostName>,
    evidence: String,
}

/// More than half of the hosts whose clock was read, and at least three, are off to the same side by
/// about the same: then they are right and the console is wrong. Once it `stands`, nine tenths of the limit keep it.
fn wrong_clock<'a>(sight: &Sight<'a>, stands: bool) -> Option<WrongClock<'a>> {
    let mut read = 0;
    let mut off: Vec<(&HostName, f64)> = Vec::new();
    let mut least = f64::INFINITY;
    for (at, host) in sight.fleet.hosts.iter().enumerate() {
        let Some(skew) = sight.seen(at).and_then(|seen| host::skew(&seen)) else {
            continue;
        };
        read += 1;
        let limit = host.thresholds.clock_skew_seconds;
        if skew.certain > if stands { limit * 0.9 } else { limit } {
            off.push((&host.name, skew.seconds));
            least = least.min(limit);
        }
    }
    if off.len() < HOSTS || off.len() * 2 <= read {
        return None;
    }
    off.sort_by(|a, b| a.1.total_cmp(&b.1));
    let middle = off[off.len() / 2].1;
    let alike = (middle.abs() * ALIKE).max(least);
    off.retain(|(_, seconds)| seconds.signum() == middle.signum() && (seconds - middle).abs() <= alike);
    if off.len() < HOSTS || off.len() * 2 <= read {
        return None;
    }
    let side = if middle > 0.0 { "behind" } else { "ahead of" };
    Some(WrongClock {
        evidence: format!(
            "its clock is {} {side} the clocks of {} of {read} hosts (limit {} s)",
            say::span_f64(middle.abs()),
            off.len(),
            say::number(least)
        ),
        hosts: off.into_iter().map(|(name, _)| name).collect(),
    })
}
