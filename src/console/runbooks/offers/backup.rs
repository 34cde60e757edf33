//! Tests of the backups of a slice or a database, where the inventory says how these are listed and restored; and the last
//! resort of a slice.

use super::{About, Offer, database, migration};
use crate::{
    collect::FleetView,
    console::sides::Side,
    facts::{UnixMs, drbd::DrbdDisk},
    fleet::{Backup, BackupHooks, HostName, Slice, Topology},
};

/// What can be done with the backups of a slice, or that nobody has said how.
pub(super) fn of_slice(about: &About<'_>, now: UnixMs) -> Offer {
    let says = tested(about.view, about.slice.backup.as_ref(), now);
    about.named("backup-test", says)
}

/// What the inventory says of backups; or what it does not.
fn declared(backup: Option<&Backup>) -> Result<(&HostName, &BackupHooks), String> {
    let backup = backup.ok_or("the inventory declares no backup of it (`backup`)")?;
    let hooks = backup.hooks.as_ref();
    let none = "the inventory does not say how its backups are restored (`backup`)";
    Ok((&backup.on, hooks.ok_or(none)?))
}

/// The same of a database, and why it is not restored from one.
pub(super) fn of_topology(view: &FleetView, topology: &Topology, now: UnixMs) -> Vec<Offer> {
    let says = tested(view, topology.backup.as_ref(), now);
    let by_hand = Err("a database is restored by hand: docs/backup.md says how".to_owned());
    let name = ("database", topology.name.as_str());
    vec![
        database::offer("database-backup-test", name, says),
        database::offer("restore-from-backup", name, by_hand),
    ]
}

/// A slice that is served from its backup by another server, for each slice of the inventory that could take its place.
pub(super) fn of_lost(about: &About<'_>, now: UnixMs) -> Vec<Offer> {
    let (on, hooks) = match declared(about.slice.backup.as_ref()) {
        Ok(declared) => declared,
        Err(why) => return vec![about.named("restore-from-backup", lost(about).and(Err(why)))],
    };
    let name = about.slice.name.as_str();
    let mut offers = Vec::new();
    for into in migration::places(about) {
        if Some(&into.preferred) == about.slice.standby.as_ref() {
            continue;
        }
        let with = [("slice", name), ("into", into.name.as_str())];
        let says = lost(about).and_then(|()| reached(about, (on, hooks), into, now));
        offers.push(about.offer("restore-from-backup", &with, name, says));
    }
    if offers.is_empty() {
        let none = format!(
            "no slice of the inventory could take its place: one on another server, mounted at {}, without a service address",
            about.slice.mount_point
        );
        offers.push(about.named("restore-from-backup", lost(about).and(Err(none))));
    }
    offers
}

/// No server has data of it that could be served.
fn lost(about: &About<'_>) -> Result<(), String> {
    let useless = [
        DrbdDisk::Inconsistent,
        DrbdDisk::Outdated,
        DrbdDisk::Diskless,
        DrbdDisk::Failed,
    ];
    let living = about.facts.sides.iter().filter(|side| !side.stale);
    for Side {
        name,
        volume,
        mounted,
        address,
        ..
    } in living
    {
        match volume.map(|volume| &volume.disk) {
            Some(DrbdDisk::UpToDate) => return Err(format!("{name} has all of its data: a backup has less")),
            Some(disk) if useless.contains(disk) => {}
            Some(disk) => return Err(format!("the data on {name} is {disk}: it may be UpToDate")),
            None => return Err(format!("what {name} has of it is not known")),
        }
        if *mounted == Some(true) || *address == Some(true) {
            return Err(format!("{name} serves it still"));
        }
    }
    Ok(())
}

/// The backup can be brought there.
fn reached(
    about: &About<'_>,
    (on, hooks): (&HostName, &BackupHooks),
    into: &Slice,
    now: UnixMs,
) -> Result<String, String> {
    let to = &into.preferred;
    for host in [on, to] {
        if about.view.host(host.as_str()).is_none_or(|host| host.is_stale(now)) {
            return Err(format!("{host} does not answer"));
        }
    }
    if on != to && hooks.fetch.is_none() {
        return Err(format!("how a backup is brought to {to} is not declared (`fetch`)"));
    }
    Ok(format!(
        "last resort: serve it from its newest backup, by {} on {to}; what was written since is lost",
        into.name
    ))
}

/// The newest one is restored to a scratch directory, and looked at.
fn tested(view: &FleetView, backup: Option<&Backup>, now: UnixMs) -> Result<String, String> {
    let (on, hooks) = declared(backup)?;
    if view.host(on.as_str()).is_none_or(|host| host.is_stale(now)) {
        return Err(format!("{on} does not answer"));
    }
    Ok(format!(
        "restore the newest backup to {} of {on}, and see whether it is good",
        hooks.scratch
    ))
}
