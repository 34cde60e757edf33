//! The new disk: unused, large enough, known by serial or WWN, and on no disk that the array is on already.

use super::{Check, Report};
use crate::runbook::{
    observe::md,
    planner::Scope,
    sight::{Look, Sight},
};

/// `disk-fits`.
#[derive(Debug)]
pub struct DiskFits;

impl Check for DiskFits {
    fn name(&self) -> &'static str {
        "disk-fits"
    }

    fn about(&self) -> &'static str {
        "the new disk is unused, large enough, known by serial or WWN, and none of those that the array is on"
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
        let Some(layout) = scope.subject.array() else { return };
        let Some(new) = &layout.new else { return };
        let array = &layout.array;
        if !new.is_known() {
            report.refuse(
                format!("{} of {} tells neither serial number nor WWN", new.device, array.host),
                "a disk that cannot be told from others is not written to",
            );
        }
        let twin = layout.seen.members.iter().find(|member| member.disk.is_same(new));
        if let Some(twin) = twin {
            report.refuse(
                format!(
                    "{} is on the same disk as {}, a member of {array}",
                    new.device, twin.disk.device
                ),
                "a copy on the same disk is lost with it: name another one",
            );
        }
        report.require(
            &md::is_blank(&array.host, &new.device).judge(sight),
            "name another disk; or, where nothing of it is wanted, wipe it by hand (wipefs -a)",
        );
        report.require(&layout.seen.fits(array, new), "name a larger one");
        let whole = |disk: &md::Disk| disk.device == disk.whole;
        let partitions = layout.seen.members.iter().filter(|member| !whole(&member.disk)).count();
        if partitions > 0 && whole(new) {
            report.warn(format!(
                "{} is a whole disk, and {partitions} members of {array} are partitions: partition it first if that is to be so",
                new.device
            ));
        }
    }
}
