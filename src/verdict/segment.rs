//! Segments: their slices, what their servers must have in common, and what can fail together.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::Claims,
    index::SegmentLinks,
    memory::SHARED_FAULTS,
    pair, say,
    seen::Fact,
    sight::Sight,
    slice::{self, View},
};
use crate::{
    facts::{Tier, zfs::Pool},
    fleet::{Domains, Segment, SliceName},
};

/// Judges one segment. Gives whether clients had to be asked.
pub(super) fn judge(
    sight: &Sight<'_>,
    segment: &Segment,
    links: &SegmentLinks,
    pairs: &mut Vec<(SliceName, pair::Past)>,
    out: &mut Claims,
) -> bool {
    pairs.retain(|(name, _)| segment.slices.iter().any(|slice| slice.name == *name));
    let mut asks_clients = false;
    let mut serving: Vec<usize> = Vec::new();
    for (slice, slice_links) in segment.slices.iter().zip(&links.slices) {
        let Some(view) = View::new(sight, slice, slice_links) else {
            continue;
        };
        let past = past_of(pairs, &slice.name);
        asks_clients |= slice::judge(sight, &view, past, out);
        if let Some(primary) = view.primary() {
            if slice.export.is_some() {
                serving.push(primary.at);
            }
            if let Some(standby) = view.other(primary) {
                same_fault(sight, &view, primary.at, standby.at, out);
            }
        } else if let Some(standby) = &view.standby {
            same_fault(sight, &view, view.preferred.at, standby.at, out);
        }
    }
    for &server in &links.servers {
        pools(sight, segment, server, out);
        nfsd(sight, server, serving.contains(&server), out);
    }
    domains(sight, segment, links, out);
    asks_clients
}

/// What is remembered of a slice's pair.
fn past_of<'p>(pairs: &'p mut Vec<(SliceName, pair::Past)>, slice: &SliceName) -> &'p mut pair::Past {
    let at = pairs.iter().position(|(name, _)| name == slice).unwrap_or_else(|| {
        pairs.push((slice.clone(), pair::Past::default()));
        pairs.len() - 1
    });
    &mut pairs[at].1
}

/// A standby that shows the same fault as its primary is no way out.
fn same_fault(sight: &Sight<'_>, view: &View<'_>, primary: usize, standby: usize, out: &mut Claims) {
    let mut shared: Vec<String> = Vec::new();
    let mut shared_codes: Vec<Code> = Vec::new();
    for (code, subject) in sight.faults(primary) {
        if !SHARED_FAULTS.contains(&code) || shared_codes.contains(&code) {
            continue;
        }
        if let Some((_, twin)) = sight.faults(standby).find(|(other, _)| *other == code) {
            shared_codes.push(code);
            shared.push(format!("{code} ({subject}; {twin})"));
        }
    }
    if shared.is_empty() {
        return;
    }
    let evidence = format!(
        "{} shows what {} shows: {}",
        sight.name(standby),
        sight.name(primary),
        say::list(&shared)
    );
    // What is shared has been waited for already.
    out.raise(Code::StandbySameFault, Severity::Warning, view.subject(), evidence)
        .at_once()
        .with(view.hosts());
}

fn pools(sight: &Sight<'_>, segment: &Segment, server: usize, out: &mut Claims) {
    for wanted in &segment.pools {
        let name = sight.name(server);
        let subject = Subject::on(SubjectKind::Pool, name, wanted.as_str());
        let Some(seen) = sight.seen(server) else {
            out.unsettled(Code::PoolMissing, subject);
            continue;
        };
        let found: &[Pool] = match seen.fact(&seen.snapshot.pools, Tier::Medium) {
            Fact::Known(pools) => pools,
            Fact::Absent => &[],
            Fact::Unknown(_) => {
                out.unsettled(Code::PoolMissing, subject);
                continue;
            }
        };
        if !found.iter().any(|pool| pool.name.as_str() == wanted) {
            let there: Vec<&str> = found.iter().map(|pool| pool.name.as_str()).collect();
            let there = if there.is_empty() {
                "no pool".to_owned()
            } else {
                say::list(&there)
            };
            let evidence = format!("not imported; {name} has {there}");
            out.raise(Code::PoolMissing, Severity::Critical, subject, evidence);
        }
    }
}

fn nfsd(sight: &Sight<'_>, server: usize, has_slices: bool, out: &mut Claims) {
    let name = sight.name(server);
    let subject = Subject::host(name);
    let Some(seen) = sight.seen(server) else {
        out.unsettled(Code::NfsServerDown, subject);
        return;
    };
    if !has_slices {
        return;
    }
    let evidence = match seen.fact(&seen.snapshot.nfs_server, Tier::Fast) {
        Fact::Known(server) if server.threads == Some(0) => {
            "nfsd runs 0 threads, but slices are served from here".to_owned()
        }
        Fact::Absent => "nfsd is not loaded, but slices are served from here".to_owned(),
        Fact::Known(_) => return,
        Fact::Unknown(_) => {
            out.unsettled(Code::NfsServerDown, subject);
            return;
        }
    };
    out.raise(Code::NfsServerDown, Severity::Critical, subject, evidence);
}

/// What both halves of a pair stand in. A site is shared by intent; a rack, feed or switch is not.
fn domains(sight: &Sight<'_>, segment: &Segment, links: &SegmentLinks, out: &mut Claims) {
    let places: Vec<&Domains> = links.servers.iter().map(|&at| &sight.fleet.hosts[at].domains).collect();
    let Some((first, rest)) = places.split_first() else {
        return;
    };
    if rest.is_empty() {
        return;
    }
    let mut shared: Vec<String> = Vec::new();
    if let Some(rack) = &first.rack
        && rest
            .iter()
            .all(|place| place.rack.as_ref() == Some(rack) && place.site == first.site)
    {
        shared.push(format!("rack {rack}"));
    }
    let feeds = first
        .feeds
        .iter()
        .filter(|feed| rest.iter().all(|place| place.feeds.contains(*feed)));
    // A second feed on either side keeps that side alive.
    let only = places.iter().all(|place| place.feeds.len() == 1);
    shared.extend(feeds.filter(|_| only).map(|feed| format!("power feed {feed}")));
    let switches = first
        .switches
        .iter()
        .filter(|switch| rest.iter().all(|place| place.switches.contains(*switch)));
    let only = places.iter().all(|place| place.switches.len() == 1);
    shared.extend(switches.filter(|_| only).map(|switch| format!("switch {switch}")));
    if shared.is_empty() {
        return;
    }
    let severity = if shared.len() == 1 && shared[0].starts_with("rack") {
        Severity::Notice
    } else {
        Severity::Warning
    };
    let evidence = format!("{} all stand in {}", say::hosts(&segment.servers), say::list(&shared));
    out.raise(
        Code::PairInOneDomain,
        severity,
        Subject::of_fleet(SubjectKind::Segment, segment.name.as_str()),
        evidence,
    )
    .at_once()
    .with(segment.servers.iter().cloned());
}
