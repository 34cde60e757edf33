//! Tests of the backups of a slice or a database, where the inventory says how these are listed and restored.

use super::{About, Offer, database};
use crate::{
    collect::FleetView,
    facts::UnixMs,
    fleet::{Backup, Topology},
};

/// What can be done with the backups of a slice; nothing where nobody has said how.
pub(super) fn of_slice(about: &About<'_>, now: UnixMs) -> Option<Offer> {
    let says = tested(about.view, about.slice.backup.as_ref()?, now)?;
    Some(about.named("backup-test", says))
}

/// The same of a database.
pub(super) fn of_topology(view: &FleetView, topology: &Topology, now: UnixMs) -> Option<Offer> {
    let says = tested(view, topology.backup.as_ref()?, now)?;
    Some(database::offer(
        "database-backup-test",
        ("database", topology.name.as_str()),
        says,
    ))
}

/// The newest one is restored to a scratch directory, and looked at.
fn tested(view: &FleetView, backup: &Backup, now: UnixMs) -> Option<Result<String, String>> {
    let (on, hooks) = (&backup.on, backup.hooks.as_ref()?);
    if view.host(on.as_str()).is_none_or(|host| host.is_stale(now)) {
        return Some(Err(format!("{on} does not answer")));
    }
    Some(Ok(format!(
        "restore the newest backup to {} of {on}, and see whether it is good",
        hooks.scratch
    )))
}
