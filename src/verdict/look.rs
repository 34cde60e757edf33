//! One look at the whole fleet.

use super::{
    Finding, Observed, backup,
    claim::Claims,
    disk, drbd, filesystem, host,
    ledger::Round,
    link, md,
    memory::{History, HostMemory, Memory, Scope},
    mount, mysql, nfs, observer, probe, reach, reading,
    seen::{Freshness, Seen},
    segment,
    sight::{Sight, observed},
    sort, topology, zfs,
};
use crate::{facts::UnixMs, fleet::Fleet};
use std::sync::Arc;

/// Judges every host, segment and topology, and gives the findings that are to be shown, in the order of
/// [`sort`]. `hosts` has one entry for each of [`Fleet::hosts`], in that order.
///
/// Pure: the same arguments and the same memory give the same findings. Hosts whose snapshot has been
/// judged before are not judged again, so that a call costs little more than what is new. A fleet is
/// taken for the same inventory while its host names are the same allocations; the loader makes new ones.
///
/// `observer_doubtful` says that the console itself is starved: nothing is then concluded from its own
/// clock. See the [module](super) for debounce and freshness.
pub fn judge(
    fleet: &Fleet,
    hosts: &[Observed],
    memory: &mut Memory,
    observer_doubtful: bool,
    now: UnixMs,
) -> Vec<Finding> {
    memory.follow(fleet);
    let mut findings = Vec::new();
    for at in 0..fleet.hosts.len() {
        judge_host(fleet, at, observed(hosts, at), memory, observer_doubtful, now);
        let host = &memory.hosts[at];
        host.reach.findings(false, &mut findings);
        host.ledger.findings(host.freshness != Freshness::Fresh, &mut findings);
    }
    let Memory {
        immediate,
        index,
        hosts: host_memory,
        segments,
        topologies,
        console,
        latency,
        slowness,
    } = memory;
    let sight = Sight {
        fleet,
        observed: hosts,
        hosts: host_memory,
        immediate: *immediate,
        observer_doubtful,
    };
    for ((segment, links), scope) in fleet.segments.iter().zip(&index.segments).zip(segments) {
        if scope.is_due(&sight, &links.servers) {
            let mut claims = Claims::new();
            scope.asks_clients = segment::judge(&sight, segment, links, &mut scope.pairs, &mut claims);
            let round = scope.round(&sight, &links.servers, now);
            scope.ledger.update(claims, round);
        }
        scope.ledger.findings(false, &mut findings);
    }
    for ((topology, members), scope) in fleet.topologies.iter().zip(&index.topologies).zip(topologies) {
        if scope.is_due(&sight, members) {
            let mut claims = Claims::new();
            topology::judge(&sight, topology, members, &mut claims);
            let round = scope.round(&sight, members, now);
            scope.ledger.update(claims, round);
        }
        scope.ledger.findings(false, &mut findings);
    }
    if !sight.immediate && latency.is_due(now) {
        let claims = Arc::make_mut(latency).look(&sight, index, now);
        slowness.update(
            claims,
            Round {
                at: now,
                counts: true,
                needed: 1,
                immediate: true,
            },
        );
    }
    slowness.findings(false, &mut findings);
    observer::judge(&sight, console, &mut findings, now);
    sort(&mut findings);
    findings
}

fn judge_host(
    fleet: &Fleet,
    at: usize,
    observed: &Observed,
    memory: &mut Memory,
    observer_doubtful: bool,
    now: UnixMs,
) {
    let host = &fleet.hosts[at];
    let links = &memory.index.hosts[at];
    let immediate = memory.immediate;
    let known = &mut memory.hosts[at];
    let freshness = Freshness::of(host, observed, now);
    known.changed = freshness != known.freshness;
    known.freshness = freshness;
    let mut claims = Claims::new();
    reach::judge(host, observed, known, observer_doubtful, &mut claims);
    known.reach.update(
        claims,
        Round {
            at: now,
            counts: true,
            needed: 1,
            immediate: memory.immediate,
        },
    );
    let Some(snapshot) = observed.snapshot.as_ref().filter(|_| freshness == Freshness::Fresh) else {
        return;
    };
    let judged = (snapshot.at, Arc::as_ptr(snapshot).addr(), observer_doubtful);
    if known.judged == Some(judged) {
        return;
    }
    // An answer of the slow lane makes a new snapshot, but is no poll.
    let new_poll = known
        .polled
        .is_none_or(|(at, polls)| polls != snapshot.polls || snapshot.at.since(at) >= host.poll.interval);
    known.judged = Some(judged);
    if new_poll {
        known.polled = Some((snapshot.at, snapshot.polls));
    }
    known.changed = true;
    let seen = Seen {
        host,
        snapshot,
        segment: links.segment.and_then(|segment| fleet.segments.get(segment)),
        immediate,
        observer_doubtful,
    };
    let mut claims = Claims::new();
    let HostMemory { history, ledger, .. } = known;
    rules(&seen, fleet, &links.mounts, history, &mut claims);
    let round = Round {
        at: snapshot.at,
        counts: new_poll,
        needed: host.thresholds.debounce_polls,
        immediate,
    };
    ledger.update(claims, round);
}

/// Every rule about a single host.
fn rules(seen: &Seen<'_>, fleet: &Fleet, links: &[Option<(usize, usize)>], history: &mut History, out: &mut Claims) {
    reading::judge(seen, out);
    if seen.has_shell() {
        host::judge(seen, history, out);
        disk::judge(seen, out);
        filesystem::judge(seen, history, out);
        link::judge(seen, history, out);
        md::judge(seen, out);
        drbd::judge(seen, history, out);
        zfs::judge(seen, out);
        let expected = mount::expected(fleet, &seen.host.mounts, links);
        mount::judge(seen, &expected, history, out);
        nfs::judge(seen, &expected, out);
        mysql::judge(seen, fleet.replicates(&seen.host.name), out);
        backup::judge(seen, fleet, out);
    }
    probe::judge(seen, out);
}

impl<N> Scope<N> {
    /// Whether there is news about any host that the rules ask.
    fn is_due(&mut self, sight: &Sight<'_>, members: &[usize]) -> bool {
        let due = !self.judged || self.asks_clients || members.iter().any(|&at| sight.changed(at));
        self.judged = true;
        due
    }

    /// A look counts as a poll when every member that can be seen has been polled since the last one
    /// that counted: a claim about several hosts must hold after each has been seen again.
    fn round(&mut self, sight: &Sight<'_>, members: &[usize], now: UnixMs) -> Round {
        let fresh: Vec<(usize, UnixMs)> = members
            .iter()
            .filter_map(|&at| sight.polled(at).map(|polled| (at, polled)))
            .collect();
        let newer = |&(at, polled): &(usize, UnixMs)| {
            self.polled
                .iter()
                .find(|(other, _)| *other == at)
                .is_none_or(|(_, before)| polled > *before)
        };
        let counts = fresh.iter().all(newer);
        if counts {
            self.polled.clone_from(&fresh);
        }
        let wanted = members
            .iter()
            .map(|&at| sight.fleet.hosts[at].thresholds.debounce_polls)
            .max();
        Round {
            at: fresh.iter().map(|(_, polled)| *polled).max().unwrap_or(now),
            counts,
            needed: wanted.unwrap_or_default(),
            immediate: sight.immediate,
        }
    }
}
