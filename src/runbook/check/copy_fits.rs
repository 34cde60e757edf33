//! What a slice moves to: there, empty (or our own copy of it), large enough, and served nowhere.

use super::{Check, Report};
use crate::{
    fleet::HostName,
    runbook::{
        observe::{
            copy::{self, Room},
            filesystem, network, nfs,
            stream::{self, Stand},
        },
        plan::{Layouts, MigrationLayout, SliceLayout},
        planner::Scope,
        sight::Sight,
        truth::Truth,
    },
};
use std::collections::BTreeMap;

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
        let layouts = scope.subject.layouts();
        let migrations = scope.subject.migrations();
        for migration in &migrations {
            let name = (migrations.len() > 1).then_some(migration.slice.as_str());
            if let Some(found) = Found::of(migration, &layouts) {
                report.about(name, |report| found.judge(sight, report));
            }
        }
        together(&migrations, &layouts, sight, report);
    }
}

/// A migration and both its filesystems.
struct Found<'a> {
    migration: &'a MigrationLayout,
    old: &'a SliceLayout,
    new: &'a SliceLayout,
}

impl<'a> Found<'a> {
    fn of(migration: &'a MigrationLayout, layouts: &'a Layouts) -> Option<Self> {
        Some(Self {
            migration,
            old: layouts.slices.get(&migration.slice)?,
            new: layouts.slices.get(&migration.into)?,
        })
    }

    fn judge(&self, sight: &Sight, report: &mut Report) {
        let Self { migration, old, new } = *self;
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
            &self.empty(sight),
            "name another one, or empty it by hand: what it holds would be deleted",
        );
        self.room(sight, report);
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

    /// It is empty, or our own copy of that very slice.
    fn empty(&self, sight: &Sight) -> Truth {
        let migration = self.migration;
        let (to, at) = (&migration.to, self.new.mount_point.as_str());
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

    fn room(&self, sight: &Sight, report: &mut Report) {
        let migration = self.migration;
        let (old, new) = match self.rooms(sight) {
            Ok(rooms) => rooms,
            Err(why) => {
                report.refuse(why, "it has to be known before anything is copied");
                return;
            }
        };
        let to = &migration.to;
        if new.free_kib < needs(migration, old, new) {
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

    /// How full both are.
    fn rooms(&self, sight: &Sight) -> Result<(Room, Room), String> {
        let read = |host: &HostName, at: &str| {
            let told = sight.text(&copy::room_look(host, at)).and_then(Room::parse);
            told.map_err(|why| format!("how full {at} of {host} is, is not known: {why}"))
        };
        let old = read(&self.migration.from, &self.old.mount_point)?;
        Ok((old, read(&self.migration.to, &self.new.mount_point)?))
    }
}

/// What it takes on the other filesystem, KiB: a twentieth more than is to be brought, for filesystems keep their books in
/// different ways, and clients go on writing.
fn needs(migration: &MigrationLayout, old: Room, new: Room) -> u64 {
    // What an earlier copy uses is used again.
    let kept = new.used_kib.saturating_sub(migration.base_kib);
    let needs = old.used_kib.saturating_sub(kept);
    needs + needs / 20
}

/// Filesystems of one server that tell exactly the same free space may share it, as those of a pool do: whether all slices
/// have room together is not known then.
fn together(migrations: &[&MigrationLayout], layouts: &Layouts, sight: &Sight, report: &mut Report) {
    let mut shared: BTreeMap<(&HostName, u64), Vec<(&MigrationLayout, u64)>> = BTreeMap::new();
    for migration in migrations {
        let rooms = Found::of(migration, layouts).and_then(|found| found.rooms(sight).ok());
        if let Some((old, new)) = rooms {
            let of = shared.entry((&migration.to, new.free_kib)).or_default();
            of.push((migration, needs(migration, old, new)));
        }
    }
    for ((to, free_kib), slices) in shared {
        let all_kib: u64 = slices.iter().map(|(_, kib)| kib).sum();
        if slices.len() > 1 && all_kib > free_kib {
            let names: Vec<&str> = slices.iter().map(|(migration, _)| migration.slice.as_str()).collect();
            report.warn(format!(
                "{} have each room on {to}, where {} MiB are free; if those are one and the same space they have not all of them \
                 together: they take {} MiB",
                names.join(", "),
                free_kib / 1024,
                all_kib / 1024
            ));
        }
    }
}
