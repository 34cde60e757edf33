//! A backup that is tested: its age, a scratch directory that is nobody else's, and room in it.

use super::{Check, Report};
use crate::runbook::{
    observe::{
        backup::{self, Told, span},
        copy::{self, Room},
    },
    plan::BackupLayout,
    planner::Scope,
    sight::Sight,
};

/// `backup-fits`.
#[derive(Debug)]
pub struct BackupFits;

impl Check for BackupFits {
    fn name(&self) -> &'static str {
        "backup-fits"
    }

    fn about(&self) -> &'static str {
        "the scratch directory of a test of a backup is on no slice, is nobody else's, and has room"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(layout) = scope.subject.backup() else {
            return;
        };
        age(layout, sight, report);
        let (host, place) = (&layout.host, layout.place.as_str());
        if let Some(what) = slice_around(scope, layout) {
            report.refuse(
                format!("{place} of {host} is on {what}"),
                "name a scratch directory in the inventory that no slice is mounted on: a restored backup would fill that",
            );
        }
        report.require(
            &backup::is_nobodys(host, place, &layout.mark).judge(sight),
            "look what it is; remove it by hand, or name another directory in the inventory (`scratch`), and make that",
        );
        room(layout, sight, report);
        match sight.text(&backup::told_look(host, &layout.task)).and_then(Told::parse) {
            Ok(Some(told)) => report.note(told.says(sight.now)),
            Ok(None) => report.note(format!("{host} knows of no test of a backup of {}", layout.name)),
            Err(why) => report.note(format!("what the last test on {host} has found, is not known: {why}")),
        }
    }
}

/// How old it is. That it is too old is told, and no reason not to test it.
fn age(layout: &BackupLayout, sight: &Sight, report: &mut Report) {
    let age = sight.now.since(layout.backup.at);
    let name = &layout.backup.name;
    report.note(format!("{name} began {} ago", span(age)));
    if age > layout.every {
        report.warn(format!(
            "{name} is older than the {} that the inventory allows: newer ones are not made, or not listed",
            span(layout.every)
        ));
    }
}

/// A slice that the scratch directory is on, or that is below it, on that host.
fn slice_around(scope: &Scope<'_>, layout: &BackupLayout) -> Option<String> {
    let host = scope.fleet.host(layout.host.as_str())?;
    let served = scope
        .fleet
        .slices()
        .filter(|(_, slice)| slice.preferred == layout.host || slice.standby.as_ref() == Some(&layout.host));
    let served = served.map(|(_, slice)| (&slice.name, slice.mount_point.as_str()));
    let mounted = host.mounts.iter().map(|mount| (&mount.slice, mount.at.as_str()));
    let within = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut places = served.chain(mounted);
    let (slice, at) = places.find(|(_, at)| within(&layout.place, at) || within(at, &layout.place))?;
    Some(format!("{slice}, which belongs at {at}"))
}

fn room(layout: &BackupLayout, sight: &Sight, report: &mut Report) {
    let (host, place) = (&layout.host, layout.place.as_str());
    let parent = place.rsplit_once('/').map_or("/", |(parent, _)| parent);
    let free = match sight.text(&copy::room_look(host, parent)).and_then(Room::parse) {
        Ok(room) => room.free_kib,
        Err(why) => {
            report.refuse(
                format!("how full {parent} of {host} is, is not known: {why}"),
                "it has to be known before anything is restored there",
            );
            return;
        }
    };
    // Where the list does not say how large it is, the last test may.
    let told = sight.text(&backup::told_look(host, &layout.task)).and_then(Told::parse);
    let before = told.ok().flatten().map(|told| told.found.bytes);
    match layout.backup.bytes.or(before).map(|bytes| bytes / 1024) {
        // A twentieth more: filesystems keep their books in different ways.
        Some(needs) if free < needs + needs / 20 => report.refuse(
            format!("{parent} of {host} has {} MiB free, and {} takes {} MiB", free / 1024, layout.backup.name, needs / 1024),
            "free some of it, or name a larger scratch directory in the inventory (`scratch`)",
        ),
        Some(_) => {}
        None => report.warn(format!(
            "how large {} is, is not listed: {} MiB are free in {parent} of {host}, and the test ends where that is too little",
            layout.backup.name,
            free / 1024
        )),
    }
}
