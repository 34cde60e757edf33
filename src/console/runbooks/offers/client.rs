//! Which runbooks apply to mounts of slices on their clients, by what was collected last.

use super::{Asked, Offer};
use crate::{
    collect::FleetView,
    facts::{UnixMs, filesystem::StatfsOutcome},
    fleet::{Host, HostName, Segment, Shell, Slice},
};
use std::collections::BTreeMap;

/// What the clients of slices show of them.
#[derive(Default)]
struct Mounts<'a> {
    /// Mounts that do not answer, and whether that is because they are stale.
    sick: Vec<(&'a HostName, bool)>,
    /// Clients that do not mount what they should.
    missing: Vec<&'a HostName>,
    /// Clients that do not answer themselves.
    silent: Vec<&'a HostName>,
    /// Mounts that answer.
    well: usize,
}

impl<'a> Mounts<'a> {
    fn of(view: &'a FleetView, slices: &[&Slice], only: Option<&HostName>, now: UnixMs) -> Self {
        let mut out = Self::default();
        let is_asked = |host: &&Host| host.shell == Shell::Posix && only.is_none_or(|only| host.name == *only);
        for host in view.fleet.hosts.iter().filter(is_asked) {
            let of_slices = host
                .mounts
                .iter()
                .filter(|mount| slices.iter().any(|slice| slice.name == mount.slice));
            for mount in of_slices {
                let seen = view.host(host.name.as_str()).filter(|seen| !seen.is_stale(now));
                let Some(seen) = seen.and_then(|seen| seen.snapshot.as_deref()) else {
                    out.silent.push(&host.name);
                    continue;
                };
                let probes = seen.statfs.value();
                let probe = probes.and_then(|probes| probes.iter().find(|probe| probe.at.as_str() == mount.at));
                let is_there = seen
                    .mounts
                    .value()
                    .map(|mounts| mounts.iter().any(|it| it.at.as_str() == mount.at));
                match probe.map(|probe| &probe.outcome) {
                    Some(StatfsOutcome::Answered { .. }) => out.well += 1,
                    Some(StatfsOutcome::Stale) => out.sick.push((&host.name, true)),
                    Some(StatfsOutcome::Hung { .. } | StatfsOutcome::Failed { .. }) => {
                        out.sick.push((&host.name, false));
                    }
                    None if is_there == Some(false) => out.missing.push(&host.name),
                    None => {}
                }
            }
        }
        out.silent.dedup();
        out
    }

    /// How its mounts do not answer, in words.
    fn ails(&self) -> Result<String, String> {
        let stale = self.sick.iter().filter(|(_, stale)| *stale).count();
        let hung = self.sick.len() - stale;
        let hosts: Vec<&HostName> = self.sick.iter().map(|(host, _)| *host).collect();
        match (hung, stale) {
            (0, 0) if self.well == 0 => Err("no mount of it is seen".to_owned()),
            (0, 0) => Err("every mount of it that is seen answers".to_owned()),
            (hung, 0) => Ok(format!("{} ({hung}) hangs", named(&hosts))),
            (0, stale) => Ok(format!("{} ({stale}) is stale", named(&hosts))),
            (hung, stale) => Ok(format!("{} ({hung} hang, {stale} are stale)", named(&hosts))),
        }
    }

    /// Clients of which nothing is known, as part of a sentence.
    fn unknown(&self) -> String {
        match self.silent.as_slice() {
            [] => String::new(),
            silent => format!("; not known: {}", named(silent)),
        }
    }
}

/// The first hosts by name.
fn named(hosts: &[&HostName]) -> String {
    let mut names: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
    names.dedup();
    match names.as_slice() {
        [one, two, _, _, ..] => format!("{one}, {two} and {} others", names.len() - 2),
        few => few.join(", "),
    }
}

/// For a slice: its mounts anew.
pub(super) fn of_slice(view: &FleetView, slice: &Slice, now: UnixMs) -> Offer {
    repoint(view, slice, None, now)
}

/// For a client: its mounts anew, of each slice that it should mount and whose mount does not answer.
pub(super) fn of_host(view: &FleetView, host: &Host, now: UnixMs) -> Vec<Offer> {
    let mut slices: Vec<&Slice> = Vec::new();
    for mount in &host.mounts {
        if let Some((_, slice)) = view.fleet.slice(mount.slice.as_str()) {
            slices.push(slice);
        }
    }
    slices.dedup_by_key(|slice| &slice.name);
    let offers = slices
        .into_iter()
        .map(|slice| repoint(view, slice, Some(&host.name), now));
    let (now, mut not_now): (Vec<_>, Vec<_>) = offers.partition(|offer| offer.not_now.is_none());
    // Twenty mounts that are well are worth one line.
    not_now.truncate(usize::from(now.is_empty()));
    now.into_iter().chain(not_now).collect()
}

fn repoint(view: &FleetView, slice: &Slice, client: Option<&HostName>, now: UnixMs) -> Offer {
    let mounts = Mounts::of(view, &[slice], client, now);
    let says = mounts
        .ails()
        .map(|ails| format!("{ails}: mounted anew{}", mounts.unknown()));
    let mut parameters = vec![("slice", slice.name.as_str())];
    parameters.extend(client.map(|client| ("clients", client.as_str())));
    offer("client-repoint", &parameters, slice.name.as_str(), says)
}

/// For a segment: taken away from its clients, and given back.
pub(super) fn of_segment(view: &FleetView, segment: &Segment, now: UnixMs) -> Vec<Offer> {
    let slices: Vec<&Slice> = segment.slices.iter().collect();
    let mounts = Mounts::of(view, &slices, None, now);
    let name = segment.name.as_str();
    let fence = mounts
        .ails()
        .map(|ails| format!("{ails}: taken away from its clients{}", mounts.unknown()));
    let back = match mounts.missing.as_slice() {
        [] => Err("every client that is seen mounts what it should".to_owned()),
        missing => Ok(format!("{} should mount it and do not: given back", named(missing))),
    };
    vec![
        offer("fence-segment", &[("segment", name)], name, fence),
        offer("unfence-segment", &[("segment", name)], name, back),
    ]
}

fn offer(runbook: &str, parameters: &[(&str, &str)], word: &str, says: Result<String, String>) -> Offer {
    let (says, not_now) = match says {
        Ok(says) => (says, None),
        Err(why) => (String::new(), Some(why)),
    };
    Offer {
        asked: Asked {
            runbook: runbook.to_owned(),
            parameters: parameters
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            glass: Vec::new(),
            over: Vec::new(),
            alike: Vec::new(),
            weak: BTreeMap::new(),
            last: None,
            word: word.to_owned(),
        },
        says,
        not_now,
    }
}
