//! The place of the device that is replaced can be filled again, from it or from the devices beside it.

use super::{Check, Report};
use crate::{
    facts::zfs::PoolState,
    runbook::{
        observe::pool::{Member, Seen},
        planner::Scope,
        sight::Sight,
    },
};

/// `pool-redundant`.
#[derive(Debug)]
pub struct PoolRedundant;

impl Check for PoolRedundant {
    fn name(&self) -> &'static str {
        "pool-redundant"
    }

    fn about(&self) -> &'static str {
        "what the new disk gets can be read: from the old one, or from devices beside it that have no errors"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(layout) = scope.subject.pool() else { return };
        let Some(old) = &layout.old else { return };
        let pool = &layout.pool;
        let seen = match sight.text(&pool.look()).and_then(|text| pool.seen(text)) {
            Ok(seen) => seen,
            Err(why) => return report.refuse(why, "it has to be known before anything is changed there"),
        };
        let Some(old) = seen.member(&old.name) else {
            return report.refuse(
                format!("{} is no device of {pool} any more", old.name),
                "make a new plan",
            );
        };
        if let Some(twin) = seen.twin(old) {
            return report.refuse(
                format!("{} of {pool} shares its place with {} already", old.name, twin.name),
                "wait until that is over, or break it off by hand (zpool detach, the new one)",
            );
        }
        match seen.bears_without(old) {
            None if old.is_readable() && seen.is_alone(old) => {
                if old.has_errors() {
                    return report.refuse(
                        format!(
                            "{pool} has no other copy of what is on {}, and that has errors: {}",
                            old.name,
                            zfs(&seen)
                        ),
                        "copy what can be read to another place first (zfs send, or a backup), then replace it by hand",
                    );
                }
                report.warn(format!(
                    "{pool} has no other copy of what is on {}: a block that cannot be read from it is lost",
                    old.name
                ));
            }
            None if old.is_readable() => report.refuse(
                format!("without {} {pool} has not all its data: {}", old.name, zfs(&seen)),
                "replace what has failed beside it first",
            ),
            None => report.refuse(
                format!("without {} {pool} has not all its data: {}", old.name, zfs(&seen)),
                "bring back a disk that has the data before anything is replaced; else it is a matter for the backup",
            ),
            Some(0) if !old.is_readable() => {
                let erring: Vec<String> = seen.beside(old).filter(|other| other.has_errors()).map(told).collect();
                if !erring.is_empty() {
                    return report.refuse(
                        format!(
                            "{} of {pool} cannot be read, nothing beside it may fail, and there are errors: {}. ZFS says: {}",
                            old.name,
                            erring.join(", "),
                            zfs(&seen)
                        ),
                        "copy what can be read to another place first (zfs send, or a backup); then replace it by hand",
                    );
                }
                report.warn(format!(
                    "until the new disk is resilvered {pool} has its data by the devices beside {} alone: no other may fail",
                    old.name
                ));
            }
            Some(_) => {}
        }
        if seen.has_lost_data() {
            let errors = seen
                .pool
                .errors
                .as_deref()
                .unwrap_or("whether data was lost is not told");
            report.warn(format!(
                "{pool} has lost data before this: {errors}. A new disk does not bring it back"
            ));
        }
        if old.state == PoolState::Online && !old.has_errors() {
            report.note(format!("{} has no errors: ZFS sees no reason to replace it", old.name));
        }
    }
}

fn told(member: &Member) -> String {
    let [read, write, checksum] = member.errors;
    format!("{} ({read} read, {write} write, {checksum} checksum)", member.name)
}

/// What ZFS itself says about its state.
fn zfs(seen: &Seen) -> String {
    let pool = &seen.pool;
    pool.status
        .as_deref()
        .map_or_else(|| format!("it is {}", pool.state), str::to_owned)
}
