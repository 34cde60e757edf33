//! Both sides of a migration are datasets of ZFS, of which one can become the other by its snapshots.

use super::{Check, Report};
use crate::runbook::{
    observe::{
        copy,
        stream::{self, Stand},
    },
    plan::{Layouts, MigrationLayout, SliceLayout},
    planner::Scope,
    sight::{Look, Sight},
};

/// `copy-streams`.
#[derive(Debug)]
pub struct CopyStreams;

impl Check for CopyStreams {
    fn name(&self) -> &'static str {
        "copy-streams"
    }

    fn about(&self) -> &'static str {
        "both sides are datasets of ZFS without others below them, whose tools can tell what was written since a snapshot"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let hosts = scope.subject.hosts();
        let layouts = scope.subject.layouts();
        let migrations = scope.subject.migrations().into_iter();
        let slices = migrations.flat_map(|migration| [&migration.slice, &migration.into]);
        let devices = slices.filter_map(|slice| Some(&layouts.slices.get(slice)?.device));
        let datasets = devices.filter(|device| stream::is_dataset(device));
        // On which of its servers it is, is seen only with the mounts.
        datasets
            .flat_map(|dataset| hosts.iter().map(move |host| stream::look(host, dataset)))
            .collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let layouts = scope.subject.layouts();
        let migrations = scope.subject.migrations();
        for migration in &migrations {
            let name = (migrations.len() > 1).then_some(migration.slice.as_str());
            report.about(name, |report| judge(migration, &layouts, sight, report));
        }
    }
}

fn judge(migration: &MigrationLayout, layouts: &Layouts, sight: &Sight, report: &mut Report) {
    let (Some(old), Some(new)) = (
        layouts.slices.get(&migration.slice),
        layouts.slices.get(&migration.into),
    ) else {
        return;
    };
    let mut stand = |host, slice: &dyn std::fmt::Display, layout: &SliceLayout| {
        let device = layout.device.as_str();
        if !stream::is_dataset(device) {
            report.refuse(
                format!("{slice} is on {device}, which is no dataset of a ZFS pool (POOL/NAME)"),
                "copy it by rsync: use the runbook `migrate`",
            );
            return None;
        }
        match sight.text(&stream::look(host, device)).and_then(Stand::parse) {
            Ok(stand) => Some(stand),
            Err(why) => {
                report.refuse(
                    format!("{device} of {host}: {why}"),
                    "look whether its pool is imported there and `zfs list` answers",
                );
                None
            }
        }
    };
    let stands = (
        stand(&migration.from, &migration.slice, old),
        stand(&migration.to, &migration.into, new),
    );
    if let (Some(from), Some(to)) = stands {
        let mark = sight
            .text(&copy::mark_look(&migration.to, &new.mount_point))
            .unwrap_or_default();
        if to.copy.is_none() && mark.starts_with("mark ") {
            report.refuse(
                format!("{} of {} holds a copy that rsync has made", new.device, migration.to),
                "go on with the runbook `migrate`, or empty it by hand",
            );
        }
        Sides {
            migration,
            old,
            new,
            from: &from,
            to: &to,
        }
        .judge(report);
    }
}

/// Properties of a dataset that its clients notice.
const SEEN: [&str; 2] = ["acltype", "xattr"];

/// Both datasets, as they were found.
struct Sides<'a> {
    migration: &'a MigrationLayout,
    old: &'a SliceLayout,
    new: &'a SliceLayout,
    from: &'a Stand,
    to: &'a Stand,
}

impl Sides<'_> {
    fn judge(&self, report: &mut Report) {
        let (migration, from, to) = (self.migration, self.from, self.to);
        for (host, layout, stand) in [(&migration.from, self.old, from), (&migration.to, self.new, to)] {
            let device = &layout.device;
            if stand.kind != "filesystem" {
                report.refuse(format!("{device} of {host} is a {}", stand.kind), "name a filesystem");
            }
            let (at, place) = (&layout.mount_point, stand.properties.get("mountpoint"));
            if place != Some(at) {
                report.refuse(
                    format!(
                        "{device} of {host} has the mountpoint {}",
                        place.map_or("that is not known", String::as_str)
                    ),
                    format!("zfs set mountpoint={at} {device}: it is mounted anew by that as its snapshots come"),
                );
            }
            if stand.below > 0 {
                report.refuse(
                    format!("{device} of {host} has {} datasets below it", stand.below),
                    "move those for themselves first: a snapshot of one brings no others",
                );
            }
            if stand.written.is_none() {
                report.refuse(
                    format!("zfs of {host} cannot tell what was written since a snapshot: it is too old"),
                    "copy it by rsync: use the runbook `migrate`",
                );
            }
        }
        let device = &self.new.device;
        if to.others > 0 {
            report.refuse(
                format!("{device} of {} has {} snapshots", migration.to, to.others),
                format!(
                    "destroy them, and let nothing make snapshots of {device} before the slice has moved: what is newer than ours \
                     would have to be undone"
                ),
            );
        }
        if to.copy.is_none() && to.last.is_some() {
            report.refuse(
                format!("{device} of {} has snapshots of a run, and is no copy", migration.to),
                "look what it holds; then destroy them",
            );
        }
        let encrypted = |stand: &Stand| stand.properties.get("encryption").is_some_and(|is| is != "off");
        if encrypted(to) {
            report.refuse(
                format!("{device} of {} is encrypted", migration.to),
                "name one that is not, or copy it by rsync (`migrate`): no stream can be received over it (zfs-receive(8))",
            );
        } else if encrypted(from) {
            report.warn(format!(
                "{} of {} is encrypted, and {device} of {} is not: what is brought is readable there",
                self.old.device, migration.from, migration.to
            ));
        }
        for (name, had) in from.properties.iter().filter(|(name, _)| SEEN.contains(&name.as_str())) {
            let has = to.properties.get(name).map_or("not known", String::as_str);
            if has != had {
                report.refuse(
                    format!("{name} is {had} of {} and {has} of {device}", self.old.device),
                    format!(
                        "clients would miss what it keeps: zfs set {name}={had} {device}, on {}",
                        migration.to
                    ),
                );
            }
        }
        if let Some(limit) = migration.limit_kib_s {
            report.refuse(
                format!("the inventory allows {limit} KiB/s (migrate: limit_kib_s), and zfs send knows no such limit"),
                "take the limit out of the inventory for it, or copy by rsync: use the runbook `migrate`",
            );
        }
        if !(from.resumes && to.resumes) {
            report.warn(
                "zfs of one of the two cannot go on with a stream that was cut: a pass that loses its connection begins anew",
            );
        }
        if from.others > 0 {
            // Programs make them day by day: another number is no other consent.
            report.note(format!(
                "{} has {} snapshots of others: they stay behind, and go with the old side",
                self.old.device, from.others
            ));
        }
    }
}
