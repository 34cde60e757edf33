//! The side that takes the slice is not about to fail as well: a second head that dies of the same fault is how a
//! short outage becomes a long one.

use super::{Check, Report};
use crate::{
    facts::{
        CleanText, Snapshot,
        md::{MdArray, parse_mdstat},
    },
    fleet::HostName,
    runbook::{
        definition::Kind,
        observe::filesystem,
        plan::Rule,
        planner::{Move, Scope, identity},
        sight::{Look, Sight},
    },
};

/// `receiver-sound`.
#[derive(Debug)]
pub struct ReceiverSound;

/// A fault that a server shows by itself, and that its partner may share.
struct Sign {
    kind: Fault,
    says: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Array,
    Filesystem,
}

impl Fault {
    const fn word(self) -> &'static str {
        match self {
            Self::Array => "a degraded array",
            Self::Filesystem => "a filesystem with errors",
        }
    }
}

fn arrays(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/mdstat"])
}

/// A line `FILE:COUNT` for each ext4 that is mounted (Documentation/ABI/testing/sysfs-fs-ext4). The count outlives a
/// reboot, until the filesystem is checked.
fn errors(host: &HostName) -> Look {
    let count = ["-name", "errors_count", "-exec", "grep", "-H", ".", "{}", ";"];
    Look::new(host, ["find", "/sys/fs/ext4"].into_iter().chain(count))
}

/// What a host shows; what cannot be read is no sign.
fn signs(host: &HostName, sight: &Sight) -> Vec<Sign> {
    let arrays = match sight.text(&arrays(host)).map(parse_mdstat) {
        Ok(Ok(arrays)) => arrays,
        _ => Vec::new(),
    };
    let mut signs = degraded(host, &arrays);
    // A host without any ext4 has no such directory.
    for line in sight
        .printed(&errors(host))
        .map_or("", |printed| printed.text.as_str())
        .lines()
    {
        let Some((file, count)) = line.rsplit_once(':') else {
            continue;
        };
        let device = file
            .trim_end_matches("/errors_count")
            .rsplit('/')
            .next()
            .unwrap_or_default();
        signs.extend(counted(host, &CleanText::new(device), count.trim().parse().ok()));
    }
    // Errors make the kernel take the right to write from the filesystem, and leave that of the mount (ext4(5), errors=).
    for line in sight.text(&filesystem::look(host)).unwrap_or_default().lines() {
        let says =
            |options: Option<&str>, word| options.is_some_and(|options| options.split(',').any(|one| one == word));
        let mut of_filesystem = line.split(' ').skip_while(|word| *word != "-");
        if says(line.split(' ').nth(5), "rw") && says(of_filesystem.nth(3), "ro") {
            let at = CleanText::new(line.split(' ').nth(4).unwrap_or_default());
            signs.push(Sign {
                kind: Fault::Filesystem,
                says: format!("the kernel has made {at} of {host} read-only"),
            });
        }
    }
    signs
}

/// The arrays among these that lack a member.
fn degraded(host: &HostName, arrays: &[MdArray]) -> Vec<Sign> {
    let degraded = arrays.iter().filter(|array| array.degraded() == Some(true));
    let sign = |array: &MdArray| Sign {
        kind: Fault::Array,
        says: format!("{} of {host} is degraded ({})", array.device, array.map),
    };
    degraded.map(sign).collect()
}

/// A filesystem that has counted errors.
fn counted(host: &HostName, device: &CleanText, count: Option<u64>) -> Option<Sign> {
    count.filter(|count| *count > 0).map(|_| Sign {
        kind: Fault::Filesystem,
        says: format!("the filesystem of {device} of {host} has counted errors"),
    })
}

/// What a host was last seen with, by facts that were collected: for who offers a runbook before a plan is made.
fn collected(host: &HostName, snapshot: &Snapshot) -> Vec<Sign> {
    let mut signs = degraded(host, snapshot.md.value().map_or(&[], Vec::as_slice));
    for errors in snapshot.filesystem_errors.value().into_iter().flatten() {
        signs.extend(counted(host, &errors.device, errors.count));
    }
    signs
}

/// Why the plan will refuse `to` as the receiver, by facts that were collected: the same words as those of the check.
/// `from` is what the other side was last seen with. `Ok` may hold what the plan will want to be named.
///
/// # Errors
/// The fact, in a sentence.
pub fn foreseen(
    kind: Kind,
    from: (&HostName, Option<&Snapshot>, bool),
    to: (&HostName, &Snapshot),
    exported: bool,
) -> Result<Option<String>, String> {
    let (from, theirs, silent) = from;
    let theirs = theirs.map(|seen| collected(from, seen)).unwrap_or_default();
    let (to, seen) = to;
    let mut wanted = None;
    for Sign { kind: fault, says } in collected(to, seen) {
        if kind == Kind::Planned {
            return Err(says);
        }
        // Of a silent side nothing is seen when the plan is made; what it was last seen with goes in by the findings.
        if !silent && theirs.iter().any(|other| other.kind == fault) {
            return Err(format!("{from} and {to} both show {}: {says}", fault.word()));
        }
        if silent {
            wanted = Some(format!("{says}: the plan wants --force={to}"));
        }
    }
    let stopped = seen.nfs_server.value().is_some_and(|server| server.threads == Some(0));
    if exported && stopped {
        return Err(not_running(to));
    }
    Ok(wanted)
}

fn not_running(host: &HostName) -> String {
    format!("nfsd of {host} does not run")
}

impl ReceiverSound {
    /// The receiver's own faults, beside those of the server that it takes over from.
    fn faults(scope: &Scope<'_>, moved: &Move, sight: &Sight, report: &mut Report) {
        let (from, to) = (&moved.from, &moved.to);
        let theirs = signs(from, sight);
        let silent = sight.text(&identity::machine_look(from)).is_err();
        let named = |glass: &crate::runbook::plan::Glass| glass.rule == Rule::Force && glass.resource == to.as_str();
        for Sign { kind, says } in signs(to, sight) {
            if scope.kind == Kind::Planned {
                let lift = match kind {
                    Fault::Array => "rebuild it first: a planned move must not end on weaker ground",
                    Fault::Filesystem => "mend it first: a planned move must not end on weaker ground",
                };
                report.refuse(says, lift);
            } else if theirs.iter().any(|other| other.kind == kind) {
                report.refuse(
                    format!("{from} and {to} both show {}: {says}", kind.word()),
                    "find out what it is first: the second server would go the way of the first",
                );
            } else if silent && !scope.glass.iter().any(named) {
                report.refuse(
                    format!("{says}, and what {from} died of is not known"),
                    format!(
                        "find out what it is first; if it is another fault than that of {from}, name {to}: --force={to}"
                    ),
                );
            } else if kind == Fault::Array {
                report.warn(format!("{says}: one more disk and the slice is lost there too"));
            } else {
                report.warn(says);
            }
        }
    }
}

impl Check for ReceiverSound {
    fn name(&self) -> &'static str {
        "receiver-sound"
    }

    fn about(&self) -> &'static str {
        "the side that takes the slice has whole arrays and a running NFS server, and not the fault of the other side"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let servers = scope.moves().iter().flat_map(|moved| [&moved.from, &moved.to]);
        servers
            .flat_map(|host| {
                [
                    arrays(host),
                    errors(host),
                    Look::new(host, ["cat", "/proc/fs/nfsd/threads"]),
                ]
            })
            .collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            let to = &moved.to;
            match sight.text(&arrays(to)).map(parse_mdstat) {
                Ok(Ok(_)) => {}
                Ok(Err(why)) => report.warn(format!("arrays of {to} cannot be read: {why}")),
                // A server without md has no such file.
                Err(why) => report.warn(format!("arrays of {to} are not known: {why}")),
            }
            Self::faults(scope, moved, sight, report);
            if moved.layout.export.is_none() {
                continue;
            }
            match sight.text(&Look::new(to, ["cat", "/proc/fs/nfsd/threads"])) {
                Ok(text) => match text.trim().parse::<u32>() {
                    Ok(threads) if threads > 0 => {}
                    Ok(_) => report.refuse(not_running(to), "start nfs-server there first"),
                    Err(_) => report.refuse(
                        format!("whether nfsd of {to} runs is not known: {:?}", text.trim()),
                        "look at nfs-server there",
                    ),
                },
                Err(why) => report.refuse(
                    format!("whether nfsd of {to} runs is not known: {why}"),
                    "start nfs-server there first",
                ),
            }
        }
        // Who looks at it for a moment sees a server that answers; that it answers late is known to who has watched it.
        for weak in scope.moves().iter().filter_map(|moved| scope.wish.weak.get(&moved.to)) {
            report.warn(format!("{weak}: what is moved there waits for it as well"));
        }
        for alike in scope.alike {
            report.refuse(
                alike.clone(),
                "find out what it is first: the second server would go the way of the first",
            );
        }
    }
}
