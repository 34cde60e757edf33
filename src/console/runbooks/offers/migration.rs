//! Migrations of a slice, by what was collected: to each slice of the inventory that could take its place, and the end of
//! its old side.

use super::{About, Offer, holds};
use crate::{
    collect::FleetView,
    console::sides::Side,
    facts::UnixMs,
    fleet::{Segment, Slice},
    runbook::observe::{filesystem, stream},
};

/// What can be done with a slice in that way.
pub(super) fn of_slice(about: &About<'_>) -> Vec<Offer> {
    let name = about.slice.name.as_str();
    let mut offers: Vec<Offer> = Vec::new();
    for into in places(about) {
        let with = [("slice", name), ("into", into.name.as_str())];
        offers.push(about.offer("migrate", &with, name, migrated(about, into)));
        if stream::is_dataset(&about.slice.device) {
            offers.push(about.offer("migrate-zfs", &with, name, streamed(about, into)));
        }
        if about.facts.sides.iter().any(|side| side.writable == Some(false)) {
            offers.push(about.offer("migrate-reclaim", &with, name, reclaimed(about, into)));
        }
    }
    if offers.is_empty() {
        let none = serving(about).and_then(|_| {
            Err(format!(
                "no slice of the inventory could take its place: one on another server, mounted at {}, without a service address",
                about.slice.mount_point
            ))
        });
        offers.push(about.named("migrate", none));
    }
    offers
}

/// What can be done with all slices of a segment in that way: to each other segment that has places for some of them.
pub(super) fn of_segment(view: &FleetView, segment: &Segment, now: UnixMs) -> Vec<Offer> {
    let slices = segment.slices.iter().map(|slice| About::new(view, segment, slice, now));
    let slices: Vec<About<'_>> = slices.collect();
    let targets = view.fleet.segments.iter().filter(|other| other.name != segment.name);
    let mut offers: Vec<Offer> = targets.filter_map(|target| all_to(segment, &slices, target)).collect();
    if let Some(first) = slices.first().filter(|_| offers.is_empty()) {
        let none = "no other segment has a slice that is mounted where one of its slices is, without a service address";
        offers.push(first.offer("migrate-many", &[], segment.name.as_str(), Err(none.to_owned())));
    }
    offers
}

/// To that segment, where it has a place for any of them.
fn all_to(segment: &Segment, slices: &[About<'_>], target: &Segment) -> Option<Offer> {
    let place = |about: &About<'_>| {
        let places = places(about);
        let mut slices = target.slices.iter();
        slices.find(|into| places.iter().any(|place| place.name == into.name))
    };
    let pairs: Vec<(&About<'_>, &Slice)> = slices.iter().filter_map(|about| Some((about, place(about)?))).collect();
    let (first, _) = pairs.first()?;
    let names: Vec<&str> = pairs.iter().map(|(about, _)| about.slice.name.as_str()).collect();
    let (of, names) = (format!("segment={}", segment.name), names.join(","));
    // The first that it cannot be done for says why; the plan says it of each.
    let why_not = pairs.iter().find_map(|(about, into)| {
        let why = migrated(about, into).err()?;
        Some(format!("{}: {why}", about.slice.name))
    });
    let says = match why_not {
        Some(why) => Err(why),
        None => Ok(format!(
            "{} of {} slices → {}, one after the other: {}",
            pairs.len(),
            slices.len(),
            target.name,
            names.replace(',', ", ")
        )),
    };
    let with = [
        ("of", of.as_str()),
        ("segment", target.name.as_str()),
        ("slices", names.as_str()),
    ];
    Some(first.offer("migrate-many", &with, segment.name.as_str(), says))
}

/// The server that serves it, where that answers.
fn serving<'a, 'b>(about: &'b About<'a>) -> Result<&'b Side<'a>, String> {
    let from = about
        .facts
        .primary()
        .ok_or_else(|| format!("no server of {} is seen to serve it", about.slice.name))?;
    if from.stale {
        return Err(format!("{} does not answer", from.name));
    }
    Ok(from)
}

/// Slices that could take its place, by what is declared.
pub(super) fn places<'a>(about: &About<'a>) -> Vec<&'a Slice> {
    let slice = about.slice;
    if slice.service_address.is_none() {
        return Vec::new();
    }
    let fits = |into: &&Slice| {
        into.name != slice.name
            && into.service_address.is_none()
            && into.mount_point == slice.mount_point
            && into.preferred != slice.preferred
    };
    about.view.fleet.slices().map(|(_, into)| into).filter(fits).collect()
}

/// It is copied, closed for the last pass, and served by the other server.
fn migrated(about: &About<'_>, into: &Slice) -> Result<String, String> {
    let from = serving(about)?;
    about.served_whole(from)?;
    let to = &into.preferred;
    let seen = about.view.host(to.as_str()).and_then(|host| host.snapshot.as_ref());
    let mounts = seen.and_then(|snapshot| snapshot.mounts.value());
    holds(
        mounts
            .map(|mounts| filesystem::mounted(to, mounts, &into.device, &into.mount_point))
            .into_iter(),
    )?;
    let alone = if into.standby.is_none() {
        ", which has no replica"
    } else {
        ""
    };
    Ok(format!(
        "{} → {} on {to}{alone}: copied while it is used, then closed for the rest",
        from.name, into.name
    ))
}

/// It is brought by its snapshots.
fn streamed(about: &About<'_>, into: &Slice) -> Result<String, String> {
    if stream::is_dataset(&into.device) {
        return migrated(about, into);
    }
    Err(format!(
        "{} is on {}, which is no dataset of ZFS",
        into.name, into.device
    ))
}

/// Its old side, which is read-only, is thrown away.
fn reclaimed(about: &About<'_>, into: &Slice) -> Result<String, String> {
    if about.facts.sides.iter().any(|side| side.address == Some(true)) {
        return Err(format!("{} is served where it was", about.slice.name));
    }
    Ok(format!(
        "throw the old side away; {} on {} stays",
        into.name, into.preferred
    ))
}
