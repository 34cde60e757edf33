//! Where the data of a database's servers lie. A server whose data lie on DRBD is one copy of two: it takes part only where its
//! side is Primary, where its peer is not and so cannot start the same server a second time, where the filesystem has a journal,
//! and where no table is of an engine that a crash tears: whoever takes the slice over finds the data as a crash leaves them.

use super::{Check, Report};
use crate::{
    facts::{drbd::DrbdRole, filesystem::Mount},
    fleet::{Fleet, HostName, Slice},
    runbook::{
        definition::Kind,
        observe::{
            filesystem,
            mysql::{self, Member},
        },
        plan::DatabaseLayout,
        planner::{Scope, dialect_look, side_of},
        sight::{Look, Sight},
        truth::Truth,
    },
};
use std::path::Path;

/// `database-storage`.
#[derive(Debug)]
pub struct DatabaseStorage;

/// Filesystems that are whole again after a crash without a check of everything: by a journal, or because they write nothing
/// over what they have.
const JOURNALLED: [&str; 7] = ["ext3", "ext4", "xfs", "jfs", "reiserfs", "btrfs", "f2fs"];
/// The block major number of DRBD (`Documentation/admin-guide/devices.txt` of the kernel).
const DRBD_MAJOR: &str = "147:";
/// Where a server keeps its data unless it is told otherwise.
const USUAL: &str = "/var/lib/mysql";

impl Check for DatabaseStorage {
    fn name(&self) -> &'static str {
        "database-storage"
    }

    fn about(&self) -> &'static str {
        "data of a database that lie on DRBD are Primary there alone, on a filesystem with a journal, and survive a crash"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let Some(database) = scope.subject.layouts().database else {
            return Vec::new();
        };
        let of_member = |member: &Member| {
            let slices: Vec<&Slice> = of_host(scope.fleet, &member.host).collect();
            let own = (!slices.is_empty()).then(|| [member.engines_look(), member.home_look()]);
            let sides = slices.into_iter().flat_map(|slice| {
                let hosts = std::iter::once(&slice.preferred).chain(&slice.standby);
                let resource = slice.resource.as_deref().unwrap_or_default();
                hosts.flat_map(move |host| {
                    let status = Look::new(host, ["drbdsetup", "status", resource, "--json"]);
                    [dialect_look(host), status]
                })
            });
            let mut looks = vec![filesystem::look(&member.host)];
            looks.extend(own.into_iter().flatten());
            looks.extend(sides);
            looks
        };
        database.members.iter().flat_map(of_member).collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(database) = scope.subject.layouts().database else {
            return;
        };
        let dead = (database.kind == Kind::Emergency).then_some(&database.from);
        for member in database.members.iter().filter(|member| Some(&member.host) != dead) {
            // That it does not answer is said already.
            let Ok(own) = sight.text(&member.look()).and_then(|text| member.read(text)) else {
                continue;
            };
            let replicated = of_host(scope.fleet, &member.host).next().is_some();
            let datadir = if replicated {
                sight.text(&member.home_look()).and_then(mysql::home)
            } else {
                Ok(own.datadir.as_str())
            };
            match datadir.and_then(|datadir| Ok((datadir, filesystem::read(&member.host, sight)?))) {
                Ok((datadir, mounts)) => {
                    let place = Place {
                        fleet: scope.fleet,
                        member,
                        datadir,
                    };
                    place.judge(&mounts, dead, sight, report);
                }
                Err(why) => report.refuse(
                    format!("whether the data of {} lie on DRBD is not known: {why}", member.host),
                    "a server on DRBD can be started on its peer as well: that has to be ruled out",
                ),
            }
        }
        if let Some(host) = dead {
            second_copy(scope.fleet, host, &database, sight, report);
        }
    }
}

/// Where one server's data lie.
struct Place<'a> {
    fleet: &'a Fleet,
    member: &'a Member,
    datadir: &'a str,
}

impl Place<'_> {
    fn judge(&self, mounts: &[Mount], dead: Option<&HostName>, sight: &Sight, report: &mut Report) {
        let host = &self.member.host;
        let Some(mount) = filesystem::under(mounts, self.datadir) else {
            return report.refuse(
                format!("on which filesystem of {host} {} is cannot be told", self.datadir),
                "a server on DRBD can be started on its peer as well: that has to be ruled out",
            );
        };
        // Of a filesystem that may be on several devices, such as btrfs, the number is no device's.
        let number = mount.device_number.strip_prefix(DRBD_MAJOR);
        let named = || mount.source.as_str().strip_prefix("/dev/drbd");
        let Some(minor) = number.or_else(named) else {
            // The slice's own filesystem is elsewhere now, and would hide them.
            if let Some(slice) = holding(self.fleet, host, self.datadir) {
                report.refuse(
                    format!(
                        "the data of {host} are where the DRBD slice {} belongs ({}), which is not mounted there",
                        slice.name, slice.mount_point
                    ),
                    "a server on DRBD runs where its slice is Primary and mounted, and nowhere else",
                );
            }
            return;
        };
        let device = format!("/dev/drbd{minor}");
        let Some(slice) = of_host(self.fleet, host).find(|slice| slice.device == device) else {
            return report.refuse(
                format!("the data of {host} are on DRBD ({device}), and that is no slice of the inventory"),
                "write the slice down, with both of its servers: the other one could start the same data",
            );
        };
        self.on_slice(slice, mount, dead, sight, report);
    }

    fn on_slice(&self, slice: &Slice, mount: &Mount, dead: Option<&HostName>, sight: &Sight, report: &mut Report) {
        let host = &self.member.host;
        let resource = slice.resource.as_deref().unwrap_or_default();
        let peer = [Some(&slice.preferred), slice.standby.as_ref()].into_iter().flatten();
        let peer = peer.filter(|other| *other != host).find(|other| Some(*other) != dead);
        if let Some(own) = side_of(host, slice, resource, Some(sight)) {
            report.require(
                &own.has_role(DrbdRole::Primary).judge(sight),
                "a server on DRBD runs where its slice is Primary",
            );
            let other = peer.and_then(|peer| side_of(peer, slice, resource, Some(sight)));
            if let Some(other) = other {
                // By its own word, or, where it is silent, by that of the side that is connected to it.
                let own_word = other.has_role(DrbdRole::Secondary).judge(sight);
                let seen = own.sees_peer(DrbdRole::Secondary).judge(sight);
                let harmless = if matches!(own_word, Truth::Unknown(_)) {
                    &seen
                } else {
                    &own_word
                };
                report.require(
                    harmless,
                    "whoever is Primary there could start the same server a second time: mend the slice first",
                );
            }
        }
        if !JOURNALLED.contains(&mount.fs_type.as_str()) {
            report.refuse(
                format!(
                    "the data of {host} are on the DRBD slice {} and on {}, which has no journal",
                    slice.name, mount.fs_type
                ),
                "what a crash leaves of it could not be trusted: move them to a filesystem with a journal (ext4, xfs)",
            );
        }
        self.engines(slice, sight, report);
        let peer = peer.map_or_else(String::new, |peer| {
            format!("; {peer} is Secondary and cannot start the same data")
        });
        report.note(format!(
            "the data of {host} are on the DRBD slice {}, Primary there{peer}: it follows no move of the slice by itself",
            slice.name
        ));
    }

    fn engines(&self, slice: &Slice, sight: &Sight, report: &mut Report) {
        let host = &self.member.host;
        let said = sight.text(&self.member.engines_look()).and_then(mysql::torn_engines);
        match said {
            Ok(torn) if torn.is_empty() => {}
            Ok(torn) => report.refuse(
                format!(
                    "the data of {host} are on the DRBD slice {}, and a crash tears {}",
                    slice.name,
                    torn.join(", ")
                ),
                "ALTER TABLE … ENGINE = InnoDB, or keep the server off DRBD",
            ),
            Err(why) => report.refuse(
                format!("of which engines the tables of {host} are is not known: {why}"),
                "its data are on DRBD: whoever takes the slice over finds them as a crash left them",
            ),
        }
    }
}

/// A dead source whose data may lie on DRBD: its peer must not have them mounted, and so cannot have started them.
fn second_copy(fleet: &Fleet, host: &HostName, database: &DatabaseLayout, sight: &Sight, report: &mut Report) {
    let member = database.members.iter().find(|member| member.host == *host);
    let datadir = member
        .and_then(|member| member.access.datadir.as_deref())
        .unwrap_or(USUAL);
    let Some(slice) = holding(fleet, host, datadir) else {
        return;
    };
    let both = [Some(&slice.preferred), slice.standby.as_ref()];
    let Some(peer) = both.into_iter().flatten().find(|other| *other != host) else {
        return;
    };
    let resource = slice.resource.as_deref().unwrap_or_default();
    if let Some(side) = side_of(peer, slice, resource, Some(sight)) {
        report.require(
            &side.has_role(DrbdRole::Secondary).judge(sight),
            "it has the data of the dead source and could be that source: look what runs there",
        );
    }
    report.warn(format!(
        "the data of {host} are on the DRBD slice {}: its server may not be started on {peer} any more, it would be a second source",
        slice.name
    ));
}

/// The replicated slices that a host is a server of.
fn of_host<'a>(fleet: &'a Fleet, host: &'a HostName) -> impl Iterator<Item = &'a Slice> {
    let slices = fleet.slices().map(|(_, slice)| slice);
    slices.filter(move |slice| {
        slice.resource.is_some() && (slice.preferred == *host || slice.standby.as_ref() == Some(host))
    })
}

/// The one of them whose filesystem belongs where that directory is.
fn holding<'a>(fleet: &'a Fleet, host: &'a HostName, directory: &str) -> Option<&'a Slice> {
    of_host(fleet, host).find(|slice| Path::new(directory).starts_with(&slice.mount_point))
}
