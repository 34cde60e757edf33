//! The new disk: unused, large enough, known by serial or WWN, and on no disk that the array or the pool is on already.

use super::{Check, Report};
use crate::{
    fleet::HostName,
    runbook::{
        observe::md::{self, Disk},
        planner::Scope,
        sight::{Look, Sight},
    },
};

/// `disk-fits`.
#[derive(Debug)]
pub struct DiskFits;

impl Check for DiskFits {
    fn name(&self) -> &'static str {
        "disk-fits"
    }

    fn about(&self) -> &'static str {
        "the new disk is unused, large enough, known by serial or WWN, and none of those that the array or the pool is on"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let by = scope
            .wish
            .parameters
            .get("by")
            .map(|name| name.trim_start_matches("/dev/"));
        let hosts = scope.subject.hosts();
        let new = by
            .into_iter()
            .flat_map(|device| hosts.iter().map(move |host| md::is_blank(host, device)));
        new.flat_map(|blank| blank.looks).collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        if let Some(layout) = scope.subject.array() {
            let Some(new) = &layout.new else { return };
            let array = &layout.array;
            let members = || layout.seen.members.iter().map(|member| &member.disk);
            common(&array.host, &array.to_string(), new, members(), sight, report);
            report.require(&layout.seen.fits(array, new), "name a larger one");
            let whole = |disk: &Disk| disk.device == disk.whole;
            let partitions = members().filter(|disk| !whole(disk)).count();
            if partitions > 0 && whole(new) {
                report.warn(format!(
                    "{} is a whole disk, and {partitions} members of {array} are partitions: partition it first if that is to be so",
                    new.device
                ));
            }
        }
        if let Some(layout) = scope.subject.pool() {
            let (Some(old), Some(new)) = (&layout.old, &layout.new) else {
                return;
            };
            let (pool, seen) = (&layout.pool, &layout.seen);
            if old.name == new.device {
                return report.refuse(
                    format!(
                        "{pool} and the kernel call the old disk and the new one {}: one could be taken for the other",
                        old.name
                    ),
                    format!(
                        "reboot {}, so that it names them anew; or by hand: zpool replace {} {}",
                        pool.host, pool.name, old.name
                    ),
                );
            }
            let members = seen.members.iter().filter_map(|member| member.disk.as_ref());
            common(&pool.host, &pool.to_string(), new, members, sight, report);
            report.require(&seen.fits(pool, old, new), "name a larger one");
        }
    }
}

/// What is asked of a new disk, whatever it becomes a member of.
fn common<'a>(
    host: &HostName,
    of: &str,
    new: &Disk,
    mut members: impl Iterator<Item = &'a Disk>,
    sight: &Sight,
    report: &mut Report,
) {
    if !new.is_known() {
        report.refuse(
            format!("{} of {host} tells neither serial number nor WWN", new.device),
            "a disk that cannot be told from others is not written to",
        );
    }
    // Wiped by hand it would be lost there.
    if let Some(twin) = members.find(|disk| disk.is_same(new)) {
        return report.refuse(
            format!(
                "{} is on the same disk as {}, a member of {of}",
                new.device, twin.device
            ),
            "a copy on the same disk is lost with it: name another one",
        );
    }
    report.require(
        &md::is_blank(host, &new.device).judge(sight),
        "name another disk; or, where nothing of it is wanted, wipe it by hand (wipefs -a)",
    );
}
