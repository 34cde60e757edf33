//! What to do next about a finding, where its host's part in the fleet decides that.

use super::sides::SliceFacts;
use crate::{
    collect::FleetView,
    facts::UnixMs,
    verdict::{Code, Finding},
};

/// What to do about something that is not seen any more, or not now.
const UNSEEN: &str =
    "Not seen now: nothing to do for it yet. It is taken back when it stays so, and told anew when not.";
/// What to do about a storage server that is up and slow, and serves nothing.
const IDLE: &str = "It serves no slice: move nothing to it, and look at what the evidence names. Writes wait for it where \
                    it keeps the other side of a slice.";

/// What to do next about a finding, in one line.
#[must_use]
pub fn advice(view: &FleetView, finding: &Finding, now: UnixMs) -> &'static str {
    if finding.unseen {
        return UNSEEN;
    }
    let host = finding
        .subject
        .host
        .as_ref()
        .filter(|_| finding.code == Code::SemiFailed);
    let Some(host) = host else {
        return finding.code.advice();
    };
    let is_server = view.fleet.segments.iter().any(|segment| segment.servers.contains(host));
    let serves = view.fleet.slices().any(|(segment, slice)| {
        let facts = SliceFacts::new(view, segment, slice, now);
        facts.primary().is_some_and(|side| side.name == host)
    });
    let mounts = view
        .fleet
        .host(host.as_str())
        .is_some_and(|host| !host.mounts.is_empty());
    if is_server && !serves && !mounts {
        IDLE
    } else {
        finding.code.advice()
    }
}
