//! Migrations of a slice, by what was collected: to each slice of the inventory that could take its place, and the end of
//! its old side.

use super::{About, Offer, holds};
use crate::{
    console::sides::Side,
    fleet::Slice,
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
