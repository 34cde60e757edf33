//! What can be done about the md arrays and the ZFS pools of a host, by what was collected last: which disk to replace by
//! which, and a scrub.

mod pools;

use super::offers::{Asked, Offer};
use crate::{
    collect::{FleetView, HostView},
    facts::{
        Snapshot, UnixMs,
        md::{MdArray, MdMember, MdRole, MdState},
    },
    fleet::HostName,
    runbook::definition::About,
};

/// The runbooks for each array and pool of a host; none where none of it is known.
pub fn of_host(view: &FleetView, name: &HostName, now: UnixMs) -> Vec<Offer> {
    let Some(host) = view.host(name.as_str()) else {
        return Vec::new();
    };
    let Some(seen) = host.snapshot.as_deref() else {
        return Vec::new();
    };
    let redundant = |array: &&MdArray| array.is_redundant() && array.state == MdState::Active;
    let arrays = seen.md.value().into_iter().flatten().filter(redundant);
    let stale = host_is_silent(host, name, now);
    let arrays = arrays.flat_map(|array| {
        let of = ("array", array.device.as_str());
        [
            offer(name, of, replace(seen, array, stale.clone())),
            offer(name, of, scrub(array, stale.clone())),
        ]
    });
    let pools = seen.pools.value().into_iter().flatten().flat_map(|pool| {
        let of = ("pool", pool.name.as_str());
        [
            offer(name, of, pools::replace(seen, pool, stale.clone())),
            offer(name, of, pools::scrub(pool, stale.clone())),
        ]
    });
    arrays.chain(pools).collect()
}

/// Whether nothing that was seen asks for it: a scrub, or another disk for one that is well.
pub fn is_routine(offer: &Offer) -> bool {
    match offer.asked.runbook.as_str() {
        "scrub" | "pool-scrub" => true,
        "disk-replace" | "pool-replace" => !offer.asked.parameters.contains_key("disk"),
        _ => false,
    }
}

fn host_is_silent(host: &HostView, name: &HostName, now: UnixMs) -> Option<String> {
    host.is_stale(now).then(|| format!("{name} does not answer"))
}

/// What a runbook would be told besides host and array or pool, and in a few words; or why it does not apply.
struct Wanted {
    runbook: &'static str,
    parameters: Vec<(&'static str, String)>,
    says: Result<String, String>,
}

fn offer(host: &HostName, (kind, name): (&'static str, &str), wanted: Wanted) -> Offer {
    let given = [("host", host.to_string()), (kind, name.to_owned())];
    let parameters = given.into_iter().chain(wanted.parameters);
    let (says, not_now) = match wanted.says {
        Ok(says) => (format!("{name}: {says}"), None),
        Err(why) => (String::new(), Some(format!("{name}: {why}"))),
    };
    Offer {
        asked: Asked {
            runbook: wanted.runbook.to_owned(),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value)).collect(),
            glass: Vec::new(),
            over: Vec::new(),
            alike: Vec::new(),
            weak: std::collections::BTreeMap::new(),
            last: None,
            word: host.to_string(),
        },
        says,
        not_now,
    }
}

/// What runs on it, in words.
fn busy(array: &MdArray) -> Option<String> {
    let action = &array.sync.as_ref()?.action;
    Some(format!("{action} is under way"))
}

/// The disk that should go: one that has failed, or the one with the most read errors.
fn suspect(array: &MdArray) -> Option<&MdMember> {
    let failed = array.members.iter().find(|member| member.role == MdRole::Failed);
    let errors = |member: &&MdMember| member.errors.is_some_and(|errors| errors > 0);
    failed.or_else(|| {
        let found = array.members.iter().filter(errors);
        found.max_by_key(|member| member.errors)
    })
}

/// What a parameter of a runbook about an array or a pool can be, by what was collected of the host: arrays, pools, the
/// members of the one that is named already, disks that nothing is seen to use.
#[must_use]
pub fn candidates(seen: &Snapshot, about: About, group: Option<&str>, parameter: &str) -> Vec<String> {
    let names = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    let arrays = || seen.md.value().into_iter().flatten();
    match (about, parameter) {
        (About::Array, "array") => names(arrays().map(|array| array.device.as_str()).collect()),
        (About::Array, "disk") => {
            let mut of = arrays().filter(|array| Some(array.device.as_str()) == group);
            let members = of.next().into_iter().flat_map(|array| &array.members);
            names(members.map(|member| member.device.as_str()).collect())
        }
        (About::Pool, "pool") => names(
            seen.pools
                .value()
                .into_iter()
                .flatten()
                .map(|pool| pool.name.as_str())
                .collect(),
        ),
        (About::Array | About::Pool, "by") => names(unused(seen)),
        _ => Vec::new(),
    }
}

/// Whole disks that nothing is seen to use; none where it is not known what does. Whether that is so the plan finds out by
/// fresh looks.
pub fn unused(seen: &Snapshot) -> Vec<&str> {
    let is_unknown = seen.md.why().is_some() || seen.mounts.why().is_some() || seen.pools.why().is_some();
    if is_unknown {
        return Vec::new();
    }
    let list = |used: &mut Vec<String>| {
        let arrays = seen.md.value().into_iter().flatten();
        used.extend(
            arrays
                .flat_map(|array| &array.members)
                .map(|member| member.device.to_string()),
        );
        let mounts = seen.mounts.value().into_iter().flatten();
        used.extend(mounts.map(|mount| mount.source.trim_start_matches("/dev/").to_owned()));
        let disks = seen.disk_counters.value().into_iter().flatten();
        used.extend(disks.map(|disk| disk.name.to_string()));
        let pools = seen.pools.value().into_iter().flatten();
        used.extend(pools.flat_map(|pool| &pool.vdevs).map(|vdev| vdev.name.to_string()));
    };
    let mut used = Vec::new();
    list(&mut used);
    // A disk stands in its own counters; a partition of it, a member or a mount begins with its name.
    let is_used = |disk: &str| {
        let more = |name: &String| {
            name.strip_prefix(disk)
                .is_some_and(|rest| rest.starts_with(['p', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
        };
        used.iter().any(more) || used.iter().filter(|name| *name == disk).count() > 1
    };
    let disks = seen.disk_kinds.value().into_iter().flatten();
    disks
        .map(|disk| disk.name.as_str())
        .filter(|disk| !is_used(disk))
        .collect()
}

fn replace(seen: &Snapshot, array: &MdArray, silent: Option<String>) -> Wanted {
    let wanted = |parameters, says| Wanted {
        runbook: "disk-replace",
        parameters,
        says,
    };
    if let Some(why) = silent.or_else(|| busy(array)) {
        return wanted(Vec::new(), Err(why));
    }
    let unused = unused(seen);
    let Some(member) = suspect(array) else {
        let says = match (array.degraded(), unused.is_empty()) {
            (Some(true), _) => {
                Err("the missing member is not listed any more, so no plan can name it: mdadm --add by hand".to_owned())
            }
            (_, true) => Err("no member has failed or has read errors, and no unused disk is seen".to_owned()),
            (_, false) => Ok("replace a disk that can be read still (asks for more)".to_owned()),
        };
        return wanted(Vec::new(), says);
    };
    let failed = member.role == MdRole::Failed;
    let old = member.device.as_str();
    let (why, at_once) = if failed {
        ("has failed", "yes")
    } else {
        ("has read errors", "no")
    };
    let mut parameters = vec![("disk", old.to_owned()), ("at_once", at_once.to_owned())];
    let says = match unused.as_slice() {
        [] => Err(format!("{old} {why}, and no unused disk is seen")),
        [new] => {
            parameters.push(("by", (*new).to_owned()));
            Ok(format!("{old} {why}: {new} takes its place"))
        }
        several => Ok(format!("{old} {why}: by which of {} is asked for", several.join(", "))),
    };
    wanted(parameters, says)
}

fn scrub(array: &MdArray, silent: Option<String>) -> Wanted {
    let degraded = array.degraded().unwrap_or(true);
    let lacks = || degraded.then(|| "a member is missing: there is nothing to compare with".to_owned());
    let against = silent.or_else(|| busy(array)).or_else(lacks);
    Wanted {
        runbook: "scrub",
        parameters: Vec::new(),
        says: match against {
            Some(why) => Err(why),
            None => Ok("compare its members, as fast as clients allow".to_owned()),
        },
    }
}
