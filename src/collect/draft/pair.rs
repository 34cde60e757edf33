//! Which two hosts hold the replicas of a DRBD resource.

use super::{Host, host_called};
use crate::facts::{CleanText, Snapshot, drbd::DrbdVolume};
use std::collections::HashSet;

/// A replicated volume on the host that has it, and the host with its replica.
pub(super) struct Found<'a> {
    pub resource: &'a str,
    pub volume: &'a DrbdVolume,
    pub hosts: Vec<usize>,
    pub comments: Vec<String>,
}

/// Every replicated resource once, with the hosts that have it: the same resource name, and peer
/// names that fit where they are known; where they are not, minors and views that fit.
pub(super) fn pairs<'a>(hosts: &[Host<'a>]) -> Vec<Found<'a>> {
    let mut out: Vec<Found<'a>> = Vec::new();
    let mut seen: HashSet<(&str, usize)> = HashSet::new();
    for (at, host) in hosts.iter().enumerate() {
        let snapshot: &'a Snapshot = host.snapshot;
        for volume in snapshot.drbd.value().map(Vec::as_slice).unwrap_or_default() {
            let Some(resource) = volume.resource.as_ref().map(CleanText::as_str) else {
                continue;
            };
            if !seen.insert((resource, at)) {
                continue;
            }
            let mut comments = Vec::new();
            let other = peer(hosts, at, resource, volume, &seen, &mut comments);
            if let Some(other) = other {
                seen.insert((resource, other));
            }
            out.push(Found {
                resource,
                volume,
                hosts: std::iter::once(at).chain(other).collect(),
                comments,
            });
        }
    }
    out
}

/// The other host that has the resource; what keeps it from being found stands in the comments.
fn peer(
    hosts: &[Host<'_>],
    at: usize,
    resource: &str,
    volume: &DrbdVolume,
    seen: &HashSet<(&str, usize)>,
    comments: &mut Vec<String>,
) -> Option<usize> {
    let candidates: Vec<usize> = hosts
        .iter()
        .enumerate()
        .filter(|(other, host)| *other != at && volume_of(host, resource).is_some())
        .map(|(other, _)| other)
        .collect();
    if let Some(peer) = volume.peer.as_ref().filter(|peer| !nameless(hosts, peer)) {
        let named = host_called(hosts, peer).filter(|other| candidates.contains(other));
        if named.is_none() {
            comments.push(format!("choose: its replica is on {peer}, which was not looked at"));
        }
        return named.filter(|other| !seen.contains(&(resource, *other)));
    }
    // Without peer names (DRBD 8.4) the only other host with that resource and minor is it, if both views fit.
    // Whether it is taken is asked at the end: a host left over by another doubt is no less doubtful.
    let names_another = |theirs: &CleanText| !nameless(hosts, theirs) && host_called(hosts, theirs) != Some(at);
    let possible: Vec<(usize, &DrbdVolume)> = candidates
        .into_iter()
        .filter_map(|other| Some((other, volume_of(&hosts[other], resource)?)))
        .filter(|(_, theirs)| theirs.minor == volume.minor && !theirs.peer.as_ref().is_some_and(names_another))
        .collect();
    let (other, theirs) = match possible.as_slice() {
        [only] if !seen.contains(&(resource, only.0)) => *only,
        [] | [_] => {
            comments.push("choose: its replica was not found on the hosts that were looked at".to_owned());
            return None;
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(other, _)| hosts[*other].name.as_str()).collect();
            comments.push(format!("choose: its replica may be on {}", names.join(" or ")));
            return None;
        }
    };
    match (volume.connection.is_connected(), theirs.connection.is_connected()) {
        (true, true) if volume.role == theirs.peer_role && theirs.role == volume.peer_role => {}
        (false, false) => comments.push(format!(
            "choose: its two sides are not connected now; is its replica really on {}?",
            hosts[other].name
        )),
        _ => {
            comments.push(format!(
                "choose: {} has a resource of this name too, but what the two say of each other does not fit",
                hosts[other].name
            ));
            return None;
        }
    }
    Some(other)
}

/// Whether the name of a peer is none: drbd-utils call the only peer that DRBD 8.4 can have `peer`
/// (drbdsetup.c), unless a host is really called so.
fn nameless(hosts: &[Host<'_>], peer: &str) -> bool {
    peer.is_empty() || peer == "peer" && host_called(hosts, peer).is_none()
}

/// The first volume of that resource on a host.
pub(super) fn volume_of<'a>(host: &Host<'a>, resource: &str) -> Option<&'a DrbdVolume> {
    let snapshot: &'a Snapshot = host.snapshot;
    let mut volumes = snapshot.drbd.value()?.iter();
    volumes.find(|volume| volume.resource.as_ref().is_some_and(|name| name.as_str() == resource))
}
