//! What was wrong and is not any more: the last findings that were cleared while this console ran.

use crate::{
    collect::FleetView,
    facts::UnixMs,
    verdict::{Change, Code, Finding, changes},
};
use std::collections::VecDeque;

/// Cleared findings kept; the oldest go first.
pub const KEPT: usize = 100;

/// A finding that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleared {
    /// Running number, never reused.
    pub seq: u64,
    /// How it was last.
    pub finding: Finding,
    /// When it was first seen to be over.
    pub at: UnixMs,
}

/// The cleared findings, newest first.
#[derive(Debug, Clone, Default)]
pub struct Past {
    next: u64,
    list: VecDeque<Cleared>,
}

impl Past {
    /// Notes what is gone from one view to the next. What went because its host left the inventory was
    /// not cleared: nobody knows how it went on.
    pub fn note(&mut self, before: &FleetView, after: &FleetView) {
        for change in changes(&before.findings, &after.findings) {
            let Change::Cleared(finding) = change else {
                continue;
            };
            let left = |host: &crate::fleet::HostName| after.fleet.host(host.as_str()).is_none();
            // That a host has been asked at last is the beginning of its story, not the end of a trouble.
            if finding.code == Code::HostNotAsked || finding.subject.host.as_ref().is_some_and(left) {
                continue;
            }
            self.list.push_front(Cleared {
                seq: self.next,
                finding,
                at: after.at,
            });
            self.next += 1;
        }
        self.list.truncate(KEPT);
    }

    /// Those that were over at a time, newest first, each with its place.
    pub fn until(&self, at: UnixMs) -> impl Iterator<Item = (usize, &Cleared)> {
        self.list
            .iter()
            .enumerate()
            .filter(move |(_, cleared)| cleared.at <= at)
    }

    /// One by its place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Cleared> {
        self.list.get(at)
    }

    /// One by its number.
    #[must_use]
    pub fn find(&self, seq: u64) -> Option<&Cleared> {
        self.list.iter().find(|cleared| cleared.seq == seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::fixture;

    #[test]
    fn what_is_gone_is_kept_and_bounded() {
        let (mut bad, mut good) = (fixture::view(), fixture::calm());
        let mut past = Past::default();
        past.note(&good, &bad);
        assert_eq!(past.until(UnixMs(u64::MAX)).count(), 0, "what is new is not over");
        for round in 0..40 {
            bad.at = UnixMs(fixture::NOW.0 + round * 2000);
            good.at = UnixMs(bad.at.0 + 1000);
            past.note(&bad, &good);
        }
        assert_eq!(past.until(UnixMs(u64::MAX)).count(), KEPT);
        let newest = past.get(0).unwrap();
        assert_eq!(newest.at, good.at);
        assert_eq!(past.find(newest.seq), Some(newest));
        assert_eq!(past.find(0), None, "the oldest went first");
        assert!(
            past.until(fixture::NOW).next().is_none(),
            "a frozen picture shows none of the later ones"
        );
    }

    #[test]
    fn that_a_host_was_asked_at_last_is_no_history() {
        let (mut bad, good) = (fixture::view(), fixture::calm());
        let mut finding = fixture::findings().remove(4);
        finding.code = Code::HostNotAsked;
        bad.findings = std::sync::Arc::from([finding]);
        let mut past = Past::default();
        past.note(&bad, &good);
        assert_eq!(past.get(0), None);
    }

    #[test]
    fn a_host_that_left_the_inventory_clears_nothing() {
        let bad = fixture::view();
        let mut without = fixture::calm();
        let mut fleet = fixture::fleet();
        fleet.hosts.retain(|host| host.name.as_str() != "stor3");
        without.fleet = std::sync::Arc::new(crate::fleet::Fleet::new(
            fleet.name.clone(),
            None,
            fleet.poll,
            fleet.hosts,
            fleet.segments,
            fleet.topologies,
        ));
        let mut past = Past::default();
        past.note(&bad, &without);
        let codes: Vec<&str> = past
            .until(UnixMs(u64::MAX))
            .map(|(_, cleared)| cleared.finding.code.name())
            .collect();
        assert!(
            codes.contains(&"ReplicationLag") && !codes.contains(&"DiskSlow"),
            "{codes:?}"
        );
    }
}
