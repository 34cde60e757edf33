//! What takes the place of a lost slice is there, empty (or our own earlier try), large enough, and served to nobody; and what is
//! known of the backup.

use super::{Check, Report};
use crate::{
    facts::CleanText,
    runbook::{
        observe::{
            backup::{Told, span, told_look},
            copy::{self, Room},
            filesystem, network, nfs,
        },
        plan::{RestoreChosen, RestoreLayout, SliceLayout},
        planner::Scope,
        sight::Sight,
    },
};

/// `restore-fits`.
#[derive(Debug)]
pub struct RestoreFits;

impl Check for RestoreFits {
    fn name(&self) -> &'static str {
        "restore-fits"
    }

    fn about(&self) -> &'static str {
        "the filesystem to which a backup is restored is mounted, empty, large enough and served to nobody; says whether that \
         backup was ever proved"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(restore) = scope.subject.restore() else {
            return;
        };
        let layouts = scope.subject.layouts();
        let Some(new) = layouts.slices.get(&restore.into) else {
            return;
        };
        let (to, at) = (&restore.to, new.mount_point.as_str());
        report.require(
            &filesystem::is_mounted(to, &new.device, at).judge(sight),
            &format!(
                "make a filesystem on {} of {to} and mount it on {at}: that is not done for you",
                new.device
            ),
        );
        report.require(
            &nfs::is_unexported(to, at).judge(sight),
            "take that export back first: nobody may work on a filesystem that is written over",
        );
        address(restore, new, sight, report);
        export(restore, new, report);
        if let Some(chosen) = &restore.chosen {
            proved(restore, chosen, sight, report);
            room(restore, chosen, at, sight, report);
        }
    }
}

/// Nobody answers for the slice's address: neither an old server nor another one that took its place already.
fn address(restore: &RestoreLayout, new: &SliceLayout, sight: &Sight, report: &mut Report) {
    let Some(address) = &new.address else { return };
    let to = &restore.to;
    let lift = "look who serves the slice by that address: there is nothing to restore while somebody does";
    report.require(&network::carries(to, address.ip, false).judge(sight), lift);
    report.require(&network::nobody_answers(to, address.ip).judge(sight), lift);
    report.require(
        &network::blocks(to, address.ip, false).judge(sight),
        "a port block of an earlier run still stands: resume that run, or look who set it",
    );
}

/// What clients notice.
fn export(restore: &RestoreLayout, new: &SliceLayout, report: &mut Report) {
    let slice = &restore.slice;
    let clients = new.export.iter().flat_map(|export| &export.clients);
    let mut without = clients.filter(|client| client.options.split(',').all(|option| !option.starts_with("fsid=")));
    if let Some(client) = without.next() {
        report.warn(format!(
            "{slice} is exported to {} without a file system id (fsid=N): every mount of it is stale then, and has to be mounted \
             anew (client-repoint)",
            client.name
        ));
    }
    report.warn(format!(
        "files that clients of {slice} hold open or locked have to be opened anew: what they have not sent yet fails with ESTALE"
    ));
}

/// How old the backup is, and whether anybody has ever restored it.
fn proved(restore: &RestoreLayout, chosen: &RestoreChosen, sight: &Sight, report: &mut Report) {
    let (on, slice, name) = (&restore.on, &restore.slice, &chosen.backup.name);
    report.note(format!("{name} began {} ago", span(sight.now.since(chosen.backup.at))));
    report.warn(format!(
        "clients of {slice} wait until {name} is restored as well: how long that takes nobody can tell before"
    ));
    match sight.text(&told_look(on, &restore.told)).and_then(Told::parse) {
        Ok(Some(told)) => {
            report.note(told.says(sight.now));
            if told.backup != *name {
                report.warn(format!("{name} was never tested: nobody knows whether it is good"));
            } else if told.found.trouble(told.may).is_some() {
                report.warn(format!(
                    "{name} was tested, and is NOT good: look whether an older one is (backup=NAME)"
                ));
            }
        }
        Ok(None) => report.warn(format!(
            "no backup of {slice} was ever tested: nobody knows whether {name} is good"
        )),
        Err(why) => report.warn(format!("whether {name} was ever tested is not known: {why}")),
    }
}

fn room(restore: &RestoreLayout, chosen: &RestoreChosen, at: &str, sight: &Sight, report: &mut Report) {
    let (to, name) = (&restore.to, &chosen.backup.name);
    let begun = match sight.text(&copy::mark_look(to, at)).map(str::trim_end) {
        Ok("empty") => false,
        Ok(found) if found == format!("mark {}", chosen.mark) => {
            report.note(format!(
                "{at} of {to} holds an earlier try of restoring {name}: that is gone on with"
            ));
            true
        }
        Ok(found) => {
            report.refuse(
                format!("{at} of {to} is not empty ({})", CleanText::new(found)),
                "name another one, or empty it by hand: what it holds would be written over",
            );
            return;
        }
        Err(why) => {
            report.refuse(
                format!("what {at} of {to} holds is not known: {why}"),
                "it has to be known before anything is written there",
            );
            return;
        }
    };
    let room = match sight.text(&copy::room_look(to, at)).and_then(Room::parse) {
        Ok(room) => room,
        Err(why) => {
            report.refuse(
                format!("how full {at} of {to} is, is not known: {why}"),
                "it has to be known before anything is restored there",
            );
            return;
        }
    };
    // What an earlier try has brought is written over.
    let free = room.free_kib + if begun { room.used_kib } else { 0 };
    match chosen.backup.bytes.map(|bytes| bytes / 1024) {
        // A twentieth more: filesystems keep their books in different ways.
        Some(needs) if free < needs + needs / 20 => report.refuse(
            format!("{at} of {to} has room for {} MiB, and {name} takes {} MiB", free / 1024, needs / 1024),
            "give it a larger filesystem",
        ),
        Some(_) => {}
        None => report.warn(format!(
            "how large {name} is, is not listed: {} MiB are free in {at} of {to}, and restoring ends where that is too little",
            free / 1024
        )),
    }
}
