//! All hosts at one look: what rules about more than one host may ask.

use super::{
    Code, Observed, Subject,
    memory::{HostMemory, Memory},
    seen::{Freshness, Seen},
};
use crate::{
    facts::UnixMs,
    fleet::{Fleet, HostName},
};

/// A host that was never observed.
static NOTHING: Observed = Observed {
    reach: None,
    snapshot: None,
};

/// The hosts of a fleet with their freshness and their own standing claims.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) observed: &'a [Observed],
    pub(super) hosts: &'a [HostMemory],
    pub(super) immediate: bool,
    pub(super) observer_doubtful: bool,
}

/// The observation of a host; the list may be shorter than the fleet.
pub(super) fn observed(list: &[Observed], at: usize) -> &Observed {
    list.get(at).unwrap_or(&NOTHING)
}

impl<'a> Sight<'a> {
    /// The name of a host of this fleet.
    pub(super) fn name(&self, at: usize) -> &'a HostName {
        &self.fleet.hosts[at].name
    }

    /// Whether it can be spoken of.
    pub(super) fn freshness(&self, at: usize) -> Freshness {
        self.hosts
            .get(at)
            .map_or(Freshness::NotAsked, |memory| memory.freshness)
    }

    /// Whether this look brought something new about it.
    pub(super) fn changed(&self, at: usize) -> bool {
        self.hosts.get(at).is_some_and(|memory| memory.changed)
    }

    /// The host, if its snapshot is fresh.
    pub(super) fn seen(&self, at: usize) -> Option<Seen<'a>> {
        if self.freshness(at) != Freshness::Fresh {
            return None;
        }
        let snapshot = observed(self.observed, at).snapshot.as_deref()?;
        Some(Seen {
            host: &self.fleet.hosts[at],
            snapshot,
            segment: None,
            immediate: self.immediate,
            observer_doubtful: self.observer_doubtful,
        })
    }

    /// The time of its last poll, if it is fresh.
    pub(super) fn polled(&self, at: usize) -> Option<UnixMs> {
        self.seen(at)?;
        self.hosts.get(at)?.polled.map(|(polled, _)| polled)
    }

    /// What is wrong with it at this look, as it is shown.
    pub(super) fn faults(&self, at: usize) -> impl Iterator<Item = (Code, &'a Subject)> {
        let memory = self.hosts.get(at);
        let fresh = self.freshness(at) == Freshness::Fresh;
        memory.into_iter().flat_map(move |memory| {
            memory
                .reach
                .faults()
                .chain(memory.ledger.faults().filter(move |_| fresh))
        })
    }
}

impl Memory {
    /// Whether nothing is remembered of any host that is not in the fleet; for tests.
    #[cfg(test)]
    pub(super) fn is_aligned(&self, fleet: &Fleet) -> bool {
        self.hosts.len() == fleet.hosts.len()
            && self.segments.len() == fleet.segments.len()
            && self.topologies.len() == fleet.topologies.len()
    }
}
