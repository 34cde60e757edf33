//! The old side of a slice that has moved may go: it was kept for as long as was said, and the new one serves.

use super::{Check, Report};
use crate::runbook::{
    observe::{
        copy, filesystem, network, nfs,
        stream::{self, Stand},
    },
    plan::{MigrationLayout, SliceLayout},
    planner::Scope,
    sight::{Look, Sight},
};

/// `copy-replaces`.
#[derive(Debug)]
pub struct CopyReplaces;

impl Check for CopyReplaces {
    fn name(&self) -> &'static str {
        "copy-replaces"
    }

    fn about(&self) -> &'static str {
        "the slice has moved, the old side is read-only and was kept for as long as was said, and the new one serves"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let hosts = scope.subject.hosts();
        let layouts = scope.subject.layouts();
        let migrations = scope.subject.migrations().into_iter();
        let devices = migrations.filter_map(|migration| Some(&layouts.slices.get(&migration.slice)?.device));
        let datasets = devices.filter(|device| stream::is_dataset(device));
        // On which of its servers it is, is seen only with the mounts.
        datasets
            .flat_map(|dataset| hosts.iter().map(move |host| stream::look(host, dataset)))
            .collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let layouts = scope.subject.layouts();
        for migration in scope.subject.migrations() {
            if let (Some(old), Some(new)) = (
                layouts.slices.get(&migration.slice),
                layouts.slices.get(&migration.into),
            ) {
                replaced(migration, [old, new], sight, report);
            }
        }
    }
}

fn replaced(migration: &MigrationLayout, [old, new]: [&SliceLayout; 2], sight: &Sight, report: &mut Report) {
    let (from, to) = (&migration.from, &migration.to);
    report.require(
        &copy::was_kept(from, &migration.task, migration.into.as_str()).judge(sight),
        "wait until then: nothing brings the old side back",
    );
    report.require(
        &filesystem::is_read_only(from, &old.device, &old.mount_point).judge(sight),
        "an old side that can be written may hold what the new one has not: look at it first",
    );
    report.require(
        &nfs::is_unexported(from, &old.mount_point).judge(sight),
        "somebody may still read it there: take the export back first",
    );
    if stream::is_dataset(&old.device) {
        match sight.text(&stream::look(from, &old.device)).and_then(Stand::parse) {
            Ok(stand) if stand.below == 0 => {}
            Ok(stand) => report.refuse(
                format!("{} of {from} has {} datasets below it", old.device, stand.below),
                "they were made since the slice moved, and would be destroyed with it: move them first (zfs rename)",
            ),
            Err(why) => report.refuse(
                format!(
                    "whether datasets are below {} of {from} is not known: {why}",
                    old.device
                ),
                "look whether its pool is imported there and `zfs list` answers",
            ),
        }
    }
    let serves = "the old side goes only while the new one serves: look there first";
    report.require(
        &filesystem::is_mounted(to, &new.device, &new.mount_point).judge(sight),
        serves,
    );
    if let Some(address) = &new.address {
        report.require(&network::carries(to, address.ip, true).judge(sight), serves);
        report.require(&network::carries(from, address.ip, false).judge(sight), serves);
    }
    if let Some(export) = &new.export {
        report.require(
            &nfs::is_exported(to, &export.path, &export.names()).judge(sight),
            serves,
        );
    }
    report.losses.push(format!(
        "the old side of {} on {from}: everything on {} is thrown away, alone what {to} has stays",
        migration.slice, old.device
    ));
}
