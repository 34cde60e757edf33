//! What is mounted where.

use crate::{
    facts::filesystem::{Mount, parse_mountinfo},
    fleet::HostName,
    runbook::{
        condition::Condition,
        sight::{Look, Sight},
        truth::Truth,
    },
};
use std::path::Path;

/// The look that tells what is mounted on a host.
#[must_use]
pub fn look(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/self/mountinfo"])
}

/// What is mounted on a host, as it was seen.
///
/// # Errors
/// A sentence that says why that is not known.
pub fn read(host: &HostName, sight: &Sight) -> Result<Vec<Mount>, String> {
    sight.text(&look(host)).and_then(|text| listed(host, text))
}

fn listed(host: &HostName, text: &str) -> Result<Vec<Mount>, String> {
    match parse_mountinfo(text) {
        // Not even the root: that is no list of mounts.
        Ok(mounts) if mounts.is_empty() => Err(format!("{host} lists no mounts")),
        // The kernel prints no other lines: one that is not understood may be the one that matters.
        Ok(mounts) if mounts.len() != text.lines().filter(|line| !line.trim().is_empty()).count() => {
            Err(format!("mounts of {host} are garbled"))
        }
        Ok(mounts) => Ok(mounts),
        Err(why) => Err(format!("mounts of {host}: {why}")),
    }
}

/// The mount that a path lies on: the innermost one, and of several at one place the topmost.
#[must_use]
pub fn under<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let holds = |mount: &&Mount| Path::new(path).starts_with(mount.at.as_str());
    mounts
        .iter()
        .filter(holds)
        .max_by_key(|mount| mount.at.trim_end_matches('/').len())
}

fn on(host: &HostName, says: String, judge: impl Fn(&[Mount]) -> Truth + Send + Sync + 'static) -> Condition {
    let name = host.clone();
    Condition::on(says, look(host), move |text| match listed(&name, text) {
        Ok(mounts) => judge(&mounts),
        Err(why) => Truth::Unknown(why),
    })
}

/// The device is mounted there, writable, and on top of what else may be mounted at that place.
#[must_use]
pub fn is_mounted(host: &HostName, device: &str, at: &str) -> Condition {
    let (name, device, at) = (host.clone(), device.to_owned(), at.to_owned());
    on(host, format!("{device} is mounted on {at} of {host}"), move |mounts| {
        mounted(&name, mounts, &device, &at)
    })
}

/// The device is mounted there and nobody can write to it.
#[must_use]
pub fn is_read_only(host: &HostName, device: &str, at: &str) -> Condition {
    let (name, device, at) = (host.clone(), device.to_owned(), at.to_owned());
    on(
        host,
        format!("{device} is mounted read-only on {at} of {host}"),
        move |mounts| match mounts.iter().rev().find(|mount| mount.at.as_str() == at) {
            Some(mount) if mount.source.as_str() == device => Truth::of(
                !mount.writable,
                format!(
                    "{device} is mounted {} on {at} of {name}",
                    if mount.writable { "writable" } else { "read-only" }
                ),
            ),
            Some(mount) => Truth::No(format!("{} is mounted on {at} of {name}", mount.source)),
            None => Truth::No(format!("nothing is mounted on {at} of {name}")),
        },
    )
}

/// The device is mounted there, whether anybody can write to it or not.
#[must_use]
pub fn is_there(host: &HostName, device: &str, at: &str) -> Condition {
    let (name, device, at) = (host.clone(), device.to_owned(), at.to_owned());
    on(
        host,
        format!("{device} is mounted on {at} of {host}"),
        move |mounts| match mounts.iter().rev().find(|mount| mount.at.as_str() == at) {
            Some(mount) if mount.source.as_str() == device => {
                Truth::Yes(format!("{device} is mounted on {at} of {name}"))
            }
            Some(mount) => Truth::No(format!("{} is mounted on {at} of {name}", mount.source)),
            None => Truth::No(format!("nothing is mounted on {at} of {name}")),
        },
    )
}

/// The same by mounts that are known.
#[must_use]
pub fn mounted(host: &HostName, mounts: &[Mount], device: &str, at: &str) -> Truth {
    match mounts.iter().rev().find(|mount| mount.at.as_str() == at) {
        Some(mount) if mount.source.as_str() == device && mount.writable => {
            Truth::Yes(format!("{device} is mounted on {at} of {host}"))
        }
        Some(mount) => Truth::No(format!(
            "{} is mounted on {at} of {host}{}",
            mount.source,
            if mount.writable { "" } else { ", read-only" }
        )),
        None => Truth::No(format!("nothing is mounted on {at} of {host}")),
    }
}

/// The device is mounted nowhere on the host, and nothing is mounted at that place.
#[must_use]
pub fn is_unmounted(host: &HostName, device: &str, at: &str) -> Condition {
    let (name, device, at) = (host.clone(), device.to_owned(), at.to_owned());
    on(host, format!("{device} is not mounted on {host}"), move |mounts| {
        unmounted(&name, mounts, &device, &at)
    })
}

/// The same by mounts that are known.
#[must_use]
pub fn unmounted(host: &HostName, mounts: &[Mount], device: &str, at: &str) -> Truth {
    let found = mounts
        .iter()
        .find(|mount| mount.source.as_str() == device || mount.at.as_str() == at);
    match found {
        Some(mount) => Truth::No(format!("{} is mounted on {} of {host}", mount.source, mount.at)),
        None => Truth::Yes(format!("{device} is not mounted on {host}")),
    }
}

/// The device is mounted at that place alone, not bound or mounted elsewhere as well.
#[must_use]
pub fn is_nowhere_else(host: &HostName, device: &str, at: &str) -> Condition {
    let (name, device, at) = (host.clone(), device.to_owned(), at.to_owned());
    on(
        host,
        format!("{device} is mounted on {at} of {host} alone"),
        move |mounts| match mounts
            .iter()
            .find(|mount| mount.source.as_str() == device && mount.at.as_str() != at)
        {
            Some(mount) => Truth::No(format!("{device} is mounted on {} of {name} as well", mount.at)),
            None => Truth::Yes(format!("{device} is mounted nowhere else on {name}")),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_on_the_innermost_and_topmost_mount() {
        let mounts = parse_mountinfo(
            "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n30 22 147:0 / /srv/a rw - ext4 /dev/drbd0 rw\n\
             31 22 8:2 / /srv/abc rw - xfs /dev/vdb rw\n32 22 147:1 / /srv/a rw - xfs /dev/drbd1 rw\n",
        )
        .unwrap();
        for (path, source) in [
            ("/srv/a/mysql/", "/dev/drbd1"),
            ("/srv/abcd", "/dev/vda1"),
            ("/srv/abc", "/dev/vdb"),
            ("/", "/dev/vda1"),
        ] {
            assert_eq!(under(&mounts, path).unwrap().source.as_str(), source, "{path}");
        }
        assert_eq!(under(&mounts[1..], "/var"), None);
    }
}
