//! What a slice moves to: there, empty (or our own copy of it), large enough, and served nowhere.

use super::{Check, Report};
use crate::runbook::{
    observe::{
        copy::{self, Room},
        filesystem, network, nfs,
        stream::{self, Stand},
    },
    planner::Scope,
    sight::Sight,
    truth::Truth,
};

/// `copy-fits`.
#[derive(Debug)]
pub struct CopyFits;

impl Check for CopyFits {
    fn name(&self) -> &'static str {
        "copy-fits"
    }

    fn about(&self) -> &'static str {
        "the slice is served whole, and the filesystem that it moves to is mounted, empty, large enough and served to nobody"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(migration) = scope.subject.migration() else {
            return;
        };
        let layouts = scope.subject.layouts();
        let (Some(old), Some(new)) = (
            layouts.slices.get(&migration.slice),
            layouts.slices.get(&migration.into),
        ) else {
            return;
        };
        let (from, to, at) = (&migration.from, &migration.to, new.mount_point.as_str());
        let whole = format!("a slice that is only half served is no case for a migration: look at {from} first");
        report.require(
            &filesystem::is_mounted(from, &old.device, &old.mount_point).judge(sight),
            &whole,
        );
        report.require(
            &filesystem::is_nowhere_else(from, &old.device, &old.mount_point).judge(sight),
            "unmount it there first: it could not be made read-only",
        );
        if let Some(export) = &old.export {
            report.require(
                &nfs::is_exported(from, &export.path, &export.names()).judge(sight),
                &whole,
            );
            for client in &export.clients {
                if client.options.split(',').all(|option| !option.starts_with("fsid=")) {
                    report.refuse(
                        format!("{} is exported to {} without a file system id", migration.slice, client.name),
                        "export it with fsid=N, a number that no other export has (exportfs -o …,fsid=N …: clients go on), and \
                         write that into the inventory: without it every mount of it would be stale on the other server",
                    );
                }
            }
        }
        if let Some(address) = &old.address {
            report.require(&network::carries(from, address.ip, true).judge(sight), &whole);
            report.require(
                &network::blocks(from, address.ip, false).judge(sight),
                "a port block of an earlier run still stands: resume that run, or look who set it",
            );
            report.require(
                &network::carries(to, address.ip, false).judge(sight),
                "it has the slice's address already: look which of the two serves it",
            );
        }
        // A copy by snapshots is read-only until it is the slice, and mounted nowhere while its first stream comes.
        let received = stream::is_dataset(&new.device)
            && sight
                .text(&stream::look(to, &new.device))
                .and_then(Stand::parse)
                .is_ok_and(|stand| stand.copy.as_deref() == Some(&migration.mark));
        if !received {
            report.require(
                &filesystem::is_mounted(to, &new.device, at).judge(sight),
                &format!(
                    "make a filesystem on {} of {to} and mount it on {at}: that is not done for you",
                    new.device
                ),
            );
        }
        report.require(
            &nfs::is_unexported(to, at).judge(sight),
            "take that export back first: nobody may work on a filesystem that is overwritten",
        );
        report.require(
            &empty(scope, sight),
            "name another one, or empty it by hand: what it holds would be deleted",
        );
        room(scope, sight, report);
        if migration.addresses.is_none() {
            report.refuse(
                format!(
                    "{from} and {to} have no addresses of their own in the network of {}",
                    migration.slice
                ),
                "bring both servers into that network: one reads from the other there, and clients come to either",
            );
        }
        if !migration.windows.is_empty()
            && let Err(why) = sight.text(&copy::hour_look(to, &migration.zone))
        {
            report.refuse(
                format!("what time it is in {} is not known on {to}: {why}", migration.zone),
                "name a time zone that it knows (migrate: zone:), or install tzdata there",
            );
        }
        report.warn(format!(
            "files that clients of {} hold open or locked have to be opened anew on {to}: what they wrote and were told is there, \
             what they have not sent yet fails with ESTALE",
            migration.slice
        ));
    }
}

/// It is empty, or our own copy of that very slice.
fn empty(scope: &Scope<'_>, sight: &Sight) -> Truth {
    let Some(migration) = scope.subject.migration() else {
        return Truth::Unknown("there is no migration".to_owned());
    };
    let layouts = scope.subject.layouts();
    let at = layouts
        .slices
        .get(&migration.into)
        .map_or("", |layout| &layout.mount_point);
    let to = &migration.to;
    match sight.text(&copy::mark_look(to, at)).map(str::trim_end) {
        Err(why) => Truth::Unknown(why),
        Ok("") => Truth::Unknown(format!("what {at} of {to} holds is not told")),
        Ok("empty") => Truth::Yes(format!("{at} of {to} is empty")),
        Ok(found) if found == format!("mark {}", migration.mark) => {
            Truth::Yes(format!("{at} of {to} holds an earlier copy of {}", migration.slice))
        }
        Ok("used") => Truth::No(format!("{at} of {to} is not empty")),
        Ok(found) => Truth::No(format!("{at} of {to} holds a copy of something else ({found})")),
    }
}

fn room(scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
    let Some(migration) = scope.subject.migration() else {
        return;
    };
    let layouts = scope.subject.layouts();
    let read = |host, slice| {
        let at = layouts.slices.get(slice).map_or("", |layout| &layout.mount_point);
        sight
            .text(&copy::room_look(host, at))
            .and_then(Room::parse)
            .map_err(|why| format!("how full {at} of {host} is, is not known: {why}"))
    };
    let (from, to) = (&migration.from, &migration.to);
    let (old, new) = match (read(from, &migration.slice), read(to, &migration.into)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => {
            report.refuse(why, "it has to be known before anything is copied");
            return;
        }
    };
    // What an earlier copy uses is used again.
    let kept = new.used_kib.saturating_sub(migration.base_kib);
    let needs = old.used_kib.saturating_sub(kept);
    // A twentieth more: filesystems keep their books in different ways, and clients go on writing.
    if new.free_kib < needs + needs / 20 {
        report.refuse(
            format!(
                "{to} has {} MiB free for it, and {} uses {} MiB",
                new.free_kib / 1024,
                migration.slice,
                old.used_kib / 1024
            ),
            "give it a larger filesystem",
        );
    }
    if let Some(free) = new.free_inodes
        && free + new.used_inodes < old.used_inodes + old.used_inodes / 20
    {
        report.refuse(
            format!(
                "{to} has {free} inodes free for it, and {} uses {}",
                migration.slice, old.used_inodes
            ),
            "make its filesystem with more inodes (mkfs -N)",
        );
    }
}
