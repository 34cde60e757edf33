//! A backup is the last resort: no server of the slice has data that could be served, and none can come back with it unasked.

use super::{Check, Report, server_dead};
use crate::{
    facts::drbd::DrbdDisk,
    fleet::Host,
    runbook::{
        observe::{drbd::Side, filesystem, network, nfs},
        plan::{OldServer, Rule, SliceLayout},
        planner::Scope,
        sight::{Look, Sight},
    },
};

/// `pair-lost`.
#[derive(Debug)]
pub struct PairLost;

/// A server that the slice was on.
struct Old<'a> {
    host: &'a Host,
    goes_off: bool,
    side: Side,
    layout: SliceLayout,
    slice: String,
}

fn all<'a>(scope: &'a Scope<'_>) -> Vec<Old<'a>> {
    let Some(restore) = scope.subject.restore() else {
        return Vec::new();
    };
    let mut layouts = scope.subject.layouts();
    let Some(layout) = layouts.slices.remove(&restore.slice) else {
        return Vec::new();
    };
    let old = |(OldServer { host, goes_off }, side): (&OldServer, &Side)| {
        Some(Old {
            host: scope.fleet.host(host.as_str())?,
            goes_off: *goes_off,
            side: side.clone(),
            layout: layout.clone(),
            slice: restore.slice.to_string(),
        })
    };
    restore.old.iter().zip(&layout.sides).filter_map(old).collect()
}

impl Check for PairLost {
    fn name(&self) -> &'static str {
        "pair-lost"
    }

    fn about(&self) -> &'static str {
        "each server of the slice is dead, or has no data that could be served instead of a backup and serves nobody"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let all = all(scope).into_iter();
        all.flat_map(|old| server_dead::looks(scope, old.host)).collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for old in all(scope) {
            old.data(sight, report);
            if old.goes_off {
                server_dead::judge(scope, old.host, "slice-move", sight, report);
                old.others(scope, report);
            } else {
                old.closed(sight, report);
            }
        }
    }
}

impl Old<'_> {
    /// Nothing that may be newer than a backup is passed over.
    fn data(&self, sight: &Sight, report: &mut Report) {
        let (host, slice) = (&self.host.name, &self.slice);
        if let Some((_, why)) = sight.silent().into_iter().find(|(silent, _)| silent == host) {
            report.note(format!("{host} does not answer: {why}"));
            report.warn(format!(
                "whether the data of {slice} on {host} could be repaired nobody can see from here; everything on its disks stays as it is"
            ));
            return;
        }
        let disk = sight.text(&self.side.look()).and_then(|text| self.side.volume(text));
        match disk.map(|volume| volume.disk) {
            Ok(disk @ (DrbdDisk::Diskless | DrbdDisk::Failed)) => {
                report.note(format!("the disk of {slice} on {host} is {disk}"));
            }
            Ok(disk @ (DrbdDisk::Inconsistent | DrbdDisk::Outdated)) => report.warn(format!(
                "the data of {slice} on {host} is {disk}: some of it may be newer than the backup, and stays there as it is"
            )),
            Ok(disk @ DrbdDisk::UpToDate) => report.refuse(
                format!("the data of {slice} on {host} is {disk}: it has all that a backup has, and more"),
                "use failover, or slice-move: a backup is for a slice of which no side can be served",
            ),
            Ok(disk) => report.refuse(
                format!("the data of {slice} on {host} is {disk}: it may be UpToDate"),
                format!("find out there first (drbdadm status {}); if it is good: failover", self.side.resource),
            ),
            Err(why) => report.refuse(
                format!("{host} answers, and what it has of {slice} is not known: {why}"),
                "look there first: it may have all that a backup has, and more",
            ),
        }
    }

    /// A server that stays on serves the slice to nobody.
    fn closed(&self, sight: &Sight, report: &mut Report) {
        let (host, layout) = (&self.host.name, &self.layout);
        let lift = match self.host.fencing {
            Some(_) => {
                format!("take that away there first; or have it switched off, with all that it serves: --force={host}")
            }
            None => "take that away there first: nobody may serve the old data beside what is restored".to_owned(),
        };
        report.require(
            &filesystem::is_unmounted(host, &layout.device, &layout.mount_point).judge(sight),
            &lift,
        );
        if let Some(export) = &layout.export {
            report.require(&nfs::is_unexported(host, &export.path).judge(sight), &lift);
        }
        if let Some(address) = &layout.address {
            report.require(&network::carries(host, address.ip, false).judge(sight), &lift);
        }
    }

    /// What goes with a server that somebody has named although it lives.
    fn others(&self, scope: &Scope<'_>, report: &mut Report) {
        let host = &self.host.name;
        let mut glass = scope.glass.iter();
        if !glass.any(|glass| glass.rule == Rule::Force && glass.resource == host.as_str()) {
            return;
        }
        let on = scope.fleet.slices().map(|(_, slice)| slice);
        let on = on.filter(|slice| slice.preferred == *host || slice.standby.as_ref() == Some(host));
        let others: Vec<&str> = on
            .map(|slice| slice.name.as_str())
            .filter(|name| *name != self.slice)
            .collect();
        if !others.is_empty() {
            report.warn(format!(
                "{host} is switched off, and may serve others still: {}",
                others.join(", ")
            ));
        }
    }
}
