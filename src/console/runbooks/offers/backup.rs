//! Tests of the backups of a slice or a database, where the inventory says where these are.

use super::{About, Offer, database};
use crate::{
    collect::FleetView,
    facts::UnixMs,
    fleet::{Backup, Topology},
};

/// What can be done with the backups of a slice; nothing where nobody has said where they are.
pub(super) fn of_slice(about: &About<'_>, now: UnixMs) -> Option<Offer> {
    let name = about.slice.name.as_str();
    let backup = about.slice.backup.as_ref()?;
    Some(about.named("backup-test", tested(about.view, name, backup, now)))
}

/// The same of a database.
pub(super) fn of_topology(view: &FleetView, topology: &Topology, now: UnixMs) -> Option<Offer> {
    let name = topology.name.as_str();
    let says = tested(view, name, topology.backup.as_ref()?, now);
    Some(database::offer("database-backup-test", ("database", name), says))
}

/// The newest one is restored to a scratch directory, and looked at.
fn tested(view: &FleetView, name: &str, backup: &Backup, now: UnixMs) -> Result<String, String> {
    let hooks = backup.hooks.as_ref().ok_or_else(|| {
        format!(
            "how the backups of {name} on {} are listed and restored is not declared (`backup:`)",
            backup.on
        )
    })?;
    if view.host(backup.on.as_str()).is_none_or(|host| host.is_stale(now)) {
        return Err(format!("{} does not answer", backup.on));
    }
    Ok(format!(
        "restore the newest backup to {} of {}, and see whether it is good",
        hooks.scratch, backup.on
    ))
}
