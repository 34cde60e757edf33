//! Single commands on a simulated host: a handful that read, and the host's own.

use super::{
    island::Island,
    nfs::MountState,
    node::DrbdModule,
    noise::{unit, wave},
    render,
};
use crate::runbook::observe::client::STATFS_ALL;
use std::fmt::Write as _;

/// What a command gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Exit code.
    pub exit: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    pub(super) fn ok(stdout: String) -> Self {
        Self {
            exit: 0,
            stdout,
            stderr: String::new(),
        }
    }

    pub(super) fn failed(exit: i32, stderr: String) -> Self {
        Self {
            exit,
            stdout: String::new(),
            stderr,
        }
    }
}

/// Programs that a host has besides the usual ones.
const TOOLS: [&str; 23] = [
    "arping",
    "awk",
    "blkid",
    "cmp",
    "drbdadm",
    "exportfs",
    "find",
    "ip",
    "mariadb",
    "mdadm",
    "mount",
    "my_print_defaults",
    "nft",
    "rpcinfo",
    "rsync",
    "setsid",
    "socat",
    "systemctl",
    "timeout",
    "umount",
    "wipefs",
    "zfs",
    "zpool",
];

/// Programs that a host plays for commands of a runbook's own.
pub const OWN: [&str; 9] = [
    "cat",
    "false",
    "hostname",
    "rm",
    "systemctl",
    "test",
    "touch",
    "true",
    "uptime",
];

/// `stat -f` of a place, killed by timeout(1) where it waits for ever: 137 then.
fn statfs(island: &Island, at: usize, place: &str) -> Answer {
    let mounts = &island.nodes[at].mounts;
    match mounts
        .iter()
        .find(|mount| mount.at == place)
        .filter(|mount| mount.mounted)
    {
        Some(mount) => match mount.state {
            MountState::Answering => Answer::ok("    Type: nfs\n".to_owned()),
            MountState::Hung(_) => Answer::failed(137, String::new()),
            MountState::Stale => Answer::failed(
                1,
                format!("stat: cannot read file system information for '{place}': Stale file handle\n"),
            ),
        },
        None => Answer::failed(1, format!("stat: cannot read file system information for '{place}'\n")),
    }
}

/// `ping -n -c 1 -W 1 HOST` (ping(8)): 1 when nothing answers, 2 when there is no such name.
fn reach(island: &Island, at: usize, target: &str) -> Answer {
    let name = target.strip_suffix(".sim").unwrap_or(target);
    if let Ok(address) = target.parse() {
        // An address that moves: whoever carries it answers, and where nobody does nobody says so either.
        let answers = island.holder(address).is_some() && island.nodes[at].is_up();
        let received = u8::from(answers);
        return Answer {
            exit: i32::from(!answers),
            ..Answer::ok(format!("1 packets transmitted, {received} received\n"))
        };
    }
    match island.node(name) {
        Some(other) if island.nodes[other].is_up() && island.nodes[at].is_up() => {
            Answer::ok("1 packets transmitted, 1 received, 0% packet loss\n".to_owned())
        }
        Some(_) => Answer {
            exit: 1,
            ..Answer::ok("1 packets transmitted, 0 received, 100% packet loss\n".to_owned())
        },
        None => Answer::failed(2, format!("ping: {target}: Name or service not known\n")),
    }
}

/// Runs a command line as the host's shell would.
pub fn run(island: &Island, at: usize, command: &str) -> Answer {
    words(island, at, &shlex::split(command).unwrap_or_default())
}

/// Runs a command that is given as words.
pub(super) fn words(island: &Island, at: usize, words: &[String]) -> Answer {
    let node = &island.nodes[at];
    let line = words.join(" ");
    if let Some((_, template)) = node.commands.iter().find(|(known, _)| *known == line) {
        return Answer::ok(fill(template, node.seed, island.seconds()));
    }
    if !node.shell {
        return Answer::failed(1, format!("% Unknown command: {line}\n"));
    }
    let mut out = String::new();
    match line.as_str() {
        "hostname" | "uname -n" => out = format!("{}\n", node.name),
        "uname -r" => out = format!("{}\n", node.kernel),
        "true" => {}
        "false" => return Answer::failed(1, String::new()),
        "uptime" => render::uptime_command(island, node, &mut out),
        "cat /proc/loadavg" => render::loadavg(island, node, &mut out),
        "cat /proc/mdstat" if !node.arrays.is_empty() => render::mdstat(node, &mut out),
        "cat /proc/drbd" if node.drbd.is_some() => render::proc_drbd(island, at, &mut out),
        "cat /proc/self/mountinfo" => render::mountinfo(island, at, &mut out),
        "cat /etc/machine-id" => out = format!("{}\n", render::machine_id(node)),
        "cat /proc/sys/kernel/random/boot_id" => out = format!("{}\n", render::boot_id(node)),
        "cat /proc/stat" => render::proc_stat(node, &mut out),
        "cat /proc/meminfo" => render::meminfo(island, node, &mut out),
        "cat /proc/locks" => render::locks(island, at, &mut out),
        "cat /proc/net/rpc/nfsd.export/content" if node.nfs_server.is_some() => render::export_cache(node, &mut out),
        "cat /proc/fs/nfsd/threads" if let Some(server) = &node.nfs_server => out = format!("{}\n", server.threads),
        "cat /proc/fs/nfsd/versions" if node.nfs_server.is_some() => out.push_str("+3 +4 -4.0 +4.1 +4.2\n"),
        "ip -o addr show" => render::addresses(island, node, &mut out),
        "flock --help" => out.push_str("Usage:\n flock [options] <file>|<directory>\n\n -w, --timeout <secs>  wait\n"),
        "sync --help" => out.push_str("Usage: sync [OPTION] [FILE]...\n"),
        "exportfs -v" if node.nfs_server.is_some() => render::exports(node, &mut out),
        _ => match words {
            [setup, status, resource, json]
                if [setup.as_str(), status, json] == ["drbdsetup", "status", "--json"] && node.drbd.is_some() =>
            {
                return drbdsetup(island, at, resource);
            }
            [timeout, .., stat, _, _, place] if timeout == "timeout" && stat == "stat" => {
                return statfs(island, at, place);
            }
            [sh, flag, script, _, places @ ..] if sh == "sh" && flag == "-c" && script == STATFS_ALL => {
                for (number, place) in places.iter().enumerate() {
                    let exit = statfs(island, at, place).exit;
                    let _ = writeln!(out, "{} {exit}", number + 1);
                }
            }
            [test, exists, path] if test == "test" && exists == "-e" => {
                return if node.files.contains(path) {
                    Answer::ok(String::new())
                } else {
                    Answer::failed(1, String::new())
                };
            }
            [ping, .., target] if ping == "ping" => return reach(island, at, target),
            [command, flag, program] if command == "command" && flag == "-v" => {
                return if TOOLS.contains(&program.as_str()) {
                    Answer::ok(format!("/usr/bin/{program}\n"))
                } else {
                    Answer::failed(127, String::new())
                };
            }
            _ => return unknown(words),
        },
    }
    Answer::ok(out)
}

/// `drbdsetup status RESOURCE --json`; the tools of 8.4 know no such option.
fn drbdsetup(island: &Island, at: usize, resource: &str) -> Answer {
    if island.nodes[at].drbd != Some(DrbdModule::V9) {
        return Answer::failed(20, "drbdsetup: unrecognized option '--json'\n".to_owned());
    }
    let mut out = String::new();
    if render::drbdsetup_json(island, at, Some(resource), &mut out) {
        Answer::ok(out)
    } else {
        Answer::failed(10, format!("{resource}: No such resource\n"))
    }
}

fn unknown(words: &[String]) -> Answer {
    match words.first().map(String::as_str) {
        None => Answer::ok(String::new()),
        Some("cat") => {
            let file = words.get(1).map_or("-", String::as_str);
            Answer::failed(1, format!("cat: {file}: No such file or directory\n"))
        }
        Some(program) => Answer::failed(127, format!("sh: 1: {program}: not found\n")),
    }
}

fn fill(template: &str, seed: u64, seconds: f64) -> String {
    let load = 38.0 * wave(seed, seconds);
    let celsius = 24.0 + 2.0 * wave(seed ^ 1, seconds);
    let queue = 120.0 * wave(seed ^ 2, seconds * 2.0) * (0.8 + unit(seed) * 0.4);
    template
        .replace("{load}", &format!("{load:.0}"))
        .replace("{celsius}", &format!("{celsius:.1}"))
        .replace("{queue}", &format!("{queue:.0}"))
}
