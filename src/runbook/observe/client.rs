//! What a client of a slice sees of it.

use crate::{
    facts::filesystem::parse_mountinfo,
    fleet::{Fleet, HostName, Shell, SliceName},
    runbook::{
        condition::Condition,
        observe::filesystem,
        plan::SliceLayout,
        sight::{Look, Sight},
        truth::Truth,
    },
};
use std::net::IpAddr;

/// How long a mount may take to answer, in seconds: shorter than looks may take.
const ANSWER: &str = "5";
/// Each place is asked by a process of its own, which prints its number and the exit code. Whoever reads them waits for
/// all of them, but no longer than a little more than each may take: a process that cannot even be killed is left behind,
/// and holds nothing that is waited for.
pub(crate) const STATFS_ALL: &str = "{ n=0; for at; do n=$((n + 1)); \
    { timeout -s KILL 5 stat -f -- \"$at\" >/dev/null; echo \"$n $?\"; } & done; { sleep 6; echo over; } & \
    } </dev/null 2>/dev/null | { left=$#; while [ \"$left\" -gt 0 ] && read -r n code && [ \"$n\" != over ]; do \
    echo \"$n $code\"; left=$((left - 1)); done; }";
/// What timeout(1) ends with when it had to kill.
const KILLED: i32 = 137;

/// Hosts that mount the slice and can be asked, and where; not its servers: what they see of themselves went over no
/// network.
pub fn mounts<'a>(
    fleet: &'a Fleet,
    slice: &'a SliceName,
    layout: &'a SliceLayout,
) -> impl Iterator<Item = (HostName, String)> + 'a {
    let is_side = |host: &HostName| layout.sides.iter().any(|side| side.host == *host);
    let hosts = fleet
        .hosts
        .iter()
        .filter(move |host| host.shell == Shell::Posix && !is_side(&host.name));
    hosts.flat_map(|host| {
        let of_slice = host.mounts.iter().filter(|mount| mount.slice == *slice);
        of_slice.map(|mount| (host.name.clone(), mount.at.clone()))
    })
}

/// The look that asks the mount itself: an NFS client answers statfs(2) never by itself. A process that waits for NFS
/// can be killed, and is.
#[must_use]
pub fn statfs_look(client: &HostName, at: &str) -> Look {
    Look::new(client, ["timeout", "-s", "KILL", ANSWER, "stat", "-f", "--", at])
}

/// What asks several mounts at the same time, as the words of one command, so that one that hangs costs no other its
/// answer. [`statfs_exits`] reads what it prints.
#[must_use]
pub fn statfs_all(places: &[&str]) -> Vec<String> {
    let words = ["sh", "-c", STATFS_ALL, "pointsman-mounts"];
    words.iter().chain(places).map(|word| (*word).to_owned()).collect()
}

/// The mount that a look asks, if it is one of [`statfs_look`].
#[must_use]
pub fn statfs_place(look: &Look) -> Option<&str> {
    let at = look.argv.last()?;
    (*look == statfs_look(&look.host, at)).then_some(at)
}

/// What stat ended with at each of so many places, in their order; `None` where not even timeout(1) has ended.
#[must_use]
pub fn statfs_exits(text: &str, places: usize) -> Vec<Option<i32>> {
    let mut exits = vec![None; places];
    for line in text.lines() {
        let mut words = line.split(' ').map(str::parse::<i32>);
        if let (Some(Ok(number)), Some(Ok(exit)), None) = (words.next(), words.next(), words.next())
            && let Some(slot) = usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1))
                .and_then(|at| exits.get_mut(at))
        {
            *slot = Some(exit);
        }
    }
    exits
}

/// At least one of these clients has an answer from where it mounts the slice, over NFS and from its service address.
/// It is never known not to be so: a client may be slow, and no other client may be seen.
#[must_use]
pub fn is_served(slice: &SliceName, clients: &[(HostName, String)], address: Option<IpAddr>) -> Condition {
    let names: Vec<String> = clients.iter().map(|(client, at)| format!("{client} ({at})")).collect();
    let says = format!("{slice} answers a client: {}", names.join(" or "));
    let looks = clients
        .iter()
        .flat_map(|(client, at)| [filesystem::look(client), statfs_look(client, at)])
        .collect();
    let (slice, clients) = (slice.clone(), clients.to_vec());
    Condition::new(says, looks, move |sight| {
        let mut against = Vec::new();
        for (client, at) in &clients {
            match answers(sight, client, at, address) {
                Ok(()) => return Truth::Yes(format!("{client} has an answer from {at}")),
                Err(why) => against.push(format!("{client}: {why}")),
            }
        }
        Truth::Unknown(format!(
            "no client is seen to be served {slice}: {}",
            against.join("; ")
        ))
    })
}

fn answers(sight: &Sight, client: &HostName, at: &str, address: Option<IpAddr>) -> Result<(), String> {
    let mounts = parse_mountinfo(sight.text(&filesystem::look(client))?).map_err(|why| format!("its mounts: {why}"))?;
    let mount = mounts.iter().rev().find(|mount| mount.at.as_str() == at);
    let mount = mount.ok_or_else(|| format!("nothing is mounted on {at}"))?;
    if !mount.is_nfs() {
        return Err(format!("{at} is no NFS mount but {}", mount.fs_type));
    }
    // The kernel prints the address that it talks to, whatever name was mounted (nfs(5), fs/nfs/super.c).
    let from = |option: &str| option.strip_prefix("addr=").and_then(|ip| ip.parse::<IpAddr>().ok());
    let from = mount.options.as_str().split(',').find_map(from);
    if let (Some(address), Some(from)) = (address, from)
        && address != from
    {
        return Err(format!("{at} is mounted from {from}, not from {address}"));
    }
    match sight.printed(&statfs_look(client, at))?.exit {
        0 => Ok(()),
        KILLED => Err(format!("{at} does not answer within {ANSWER} s")),
        code => Err(format!("{at} cannot be read (stat ended with exit code {code})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{UnixMs, Why},
        runbook::sight::{Glimpse, Printed},
    };
    use std::time::Duration;

    /// A directory of programs that are found before the real ones.
    fn programs(of: &[(&str, &str)]) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in of {
            let path = directory.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        directory
    }

    #[test]
    fn each_mount_that_hangs_costs_itself_alone() {
        // The first hangs, so does the third; the fifth cannot be killed.
        let stat = "for at; do :; done; case $at in /hung*) exec sleep 60 ;; /stale*) exit 1 ;; esac";
        let timeout = "for at; do :; done; case $at in /dead*) exec sleep 30 ;; esac; exec /usr/bin/timeout \"$@\"";
        let directory = programs(&[("stat", stat), ("timeout", timeout)]);
        let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
        let places = ["/hung one", "/well", "/hung-2", "/stale", "/dead", "/well 2"];
        let argv = statfs_all(&places);
        let began = std::time::Instant::now();
        let ran = std::process::Command::new(&argv[0])
            .args(&argv[1..])
            .env("PATH", path)
            .stdin(std::process::Stdio::null())
            // As a target gives it to looks.
            .stderr(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        let text = String::from_utf8(ran.stdout).unwrap();
        let killed = Some(KILLED);
        assert_eq!(
            statfs_exits(&text, places.len()),
            [killed, Some(0), killed, Some(1), None, Some(0)],
            "{text}"
        );
    }

    #[test]
    fn answers_of_mounts_are_read_by_their_number_and_nothing_else_is() {
        assert_eq!(statfs_exits("2 0\n1 137\n", 3), [Some(137), Some(0), None]);
        for garbage in [
            "",
            "0 0\n4 0\n-1 0\n",
            "1\n",
            "1 0 0\n",
            "one 0\n",
            "1 \n",
            "99999999999 0\n",
        ] {
            assert_eq!(statfs_exits(garbage, 3), [None; 3], "{garbage}");
        }
        let host = HostName::new("c1");
        assert_eq!(statfs_place(&statfs_look(&host, "/mnt/web1")), Some("/mnt/web1"));
        assert_eq!(statfs_place(&filesystem::look(&host)), None);
    }

    const MOUNT: &str = "36 29 0:32 / /mnt/web1 rw,noatime - nfs4 nas:/srv/web1 rw,vers=4.2,hard,addr=10.0.0.31\n";

    /// What two clients show: their mounts, and how stat ended; none where the client is not reached.
    fn judged(shows: [Option<(&str, i32)>; 2]) -> Truth {
        let clients = [("c1", "/mnt/web1"), ("c2", "/mnt/web1")].map(|(host, at)| (HostName::new(host), at.to_owned()));
        let condition = is_served(&SliceName::new("web1"), &clients, Some(IpAddr::from([10, 0, 0, 31])));
        let mut sight = Sight::new(UnixMs(1000), Duration::from_secs(5));
        for ((client, at), shows) in clients.iter().zip(shows) {
            for (look, mounts) in [(filesystem::look(client), true), (statfs_look(client, at), false)] {
                let answer = match shows {
                    None => Err(Why::Hung("no answer".into())),
                    Some((text, _)) if mounts => Ok(Printed {
                        exit: 0,
                        text: text.to_owned(),
                    }),
                    Some((_, exit)) => Ok(Printed {
                        exit,
                        text: String::new(),
                    }),
                };
                sight.take(
                    look,
                    Glimpse {
                        at: UnixMs(1000),
                        answer,
                    },
                );
            }
        }
        assert_eq!(condition.looks.len(), 4);
        condition.judge(&sight)
    }

    #[test]
    fn one_client_with_an_answer_is_enough() {
        assert!(judged([None, Some((MOUNT, 0))]).holds());
        assert!(judged([Some((MOUNT, KILLED)), Some((MOUNT, 0))]).holds());
    }

    #[test]
    fn no_client_with_an_answer_is_not_known() {
        let elsewhere = MOUNT.replace("10.0.0.31", "10.0.0.9");
        let local = MOUNT.replace("nfs4 nas:/srv/web1", "ext4 /dev/sda1");
        let covered = format!("{MOUNT}37 36 8:1 / /mnt/web1 rw - tmpfs none rw\n");
        for (shows, says) in [
            (None, "no answer"),
            (Some((MOUNT, KILLED)), "does not answer within 5 s"),
            (Some((MOUNT, 1)), "exit code 1"),
            (Some(("1 1 8:1 / / rw - ext4 /dev/sda1 rw\n", 0)), "nothing is mounted"),
            (Some((elsewhere.as_str(), 0)), "mounted from 10.0.0.9"),
            (Some((local.as_str(), 0)), "no NFS mount"),
            (Some((covered.as_str(), 0)), "no NFS mount"),
            (Some(("garbage\n", 0)), "its mounts"),
        ] {
            let truth = judged([shows, None]);
            assert!(!truth.holds() && !truth.fails(), "{truth:?}");
            assert!(truth.text().contains(says), "{says}: {truth:?}");
        }
    }
}
