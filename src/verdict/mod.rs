//! What it means: facts of all hosts and their recent past → named findings.
//!
//! Pure: the same facts, memory and time give the same findings.
//!
//! # When a finding is shown
//!
//! A rule must hold for `debounce_polls` polls *of that host* (for rules about several hosts: each of
//! them seen again as often). A claim that joins facts which are not read with every poll (addresses, exports)
//! to another host's or to who is primary must hold for as many *readings* of each, taken after it was first
//! claimed: what was read before and after a move does not belong together. Two writable sides are shown at once when they were seen at one moment,
//! as is what polls cannot confirm (the way to a host, a reboot, the inventory itself). `since` is when
//! the condition was first seen, not when the debounce ended. One good poll takes a state back; a
//! measured value is taken back 10 % below its limit (above, for a lower limit). [`Memory`] is kept by
//! name and outlives a change of the inventory.
//!
//! # What is not known
//!
//! Rules are three-valued: they claim, they find nothing wrong, or they cannot tell. What they cannot
//! tell never takes a finding back.
//!
//! - A *host* speaks until its last snapshot is [`stale_after`](crate::fleet::Poll::stale_after) old, whatever the way to it looks like.
//!   Then [`Code::HostUnreachable`], [`Code::HostStale`] or [`Code::HostStopped`] (severity unknown)
//!   replaces it: its warnings and criticals stay, marked unknown (“was critical at 03:09:40Z, not
//!   seen since: …”), its notices are left out, and nothing about it is judged from old facts.
//! - A *section* that cannot be read, or is older than three periods of its tier, is a finding of its own
//!   ([`Code::ReadingDenied`] and its sisters); what rests on it stays, marked unknown.
//! - What *depends* on a host that cannot be seen is judged from its peers: a slice from the other side's
//!   DRBD and its clients' mounts, a source from its replicas. Unreachable is not dead.
//! - A *word* that is not known is never taken for a healthy one ([`Code::UnknownWord`]).

pub mod backup;
mod change;
mod claim;
mod disk;
mod drbd;
mod errant;
pub mod failslow;
mod filesystem;
mod filling;
pub mod finding;
mod galera;
mod heartbeat;
mod host;
mod index;
pub mod latency;
mod ledger;
mod link;
mod look;
mod md;
mod memory;
mod mount;
mod mysql;
mod nfs;
mod observer;
mod pair;
mod probe;
mod reach;
mod reading;
mod say;
mod seen;
mod segment;
mod sight;
mod slice;
mod topology;
mod zfs;

#[cfg(test)]
mod tests;

pub use change::{Change, changes};
pub(crate) use drbd::label as volume_label;
pub use finding::{Code, Finding, Severity, Subject, SubjectKind};
pub use latency::Latency;
pub use look::judge;
pub use memory::Memory;

use crate::facts::{Reach, Snapshot};
use std::{cmp::Reverse, sync::Arc};

/// What is known of one host when it is judged; in the order of [`crate::fleet::Fleet::hosts`].
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// How the host is reached.
    pub reach: Option<Reach>,
    /// Its newest snapshot, which may be old.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// The worst severity of a list of findings; [`Severity::Ok`] for none.
#[must_use]
pub fn overall(findings: &[Finding]) -> Severity {
    findings
        .iter()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or_default()
}

/// Sorts findings: worst first, then the oldest first, then by subject and code. Among warnings hosts that are
/// semi-failed come first: what drags others down must not stand below what merely lacks redundancy. What is not seen now
/// stands below every warning that is.
pub fn sort(findings: &mut [Finding]) {
    let rank = |finding: &Finding| match (finding.severity, finding.code) {
        _ if finding.unseen => (Reverse(Severity::Warning), 2),
        (Severity::Warning, Code::SemiFailed) => (Reverse(Severity::Warning), 0),
        (severity, _) => (Reverse(severity), 1),
    };
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (rank(finding), finding.since);
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.subject, a.code).cmp(&(&b.subject, b.code)))
    });
}
