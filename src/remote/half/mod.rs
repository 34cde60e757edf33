//! The remote half: one POSIX `sh` program that runs on the watched host, and the lines spoken with it.
//!
//! # How it is spoken to
//!
//! It is started as [`start_command`] with [`script`] on standard input, or by the host as a forced
//! command ([`forced_script`], to which no script is sent). Then comes [`hello`], which is answered by a
//! frame with sequence number 0 and no sections: wait for it, it shows that a remote half is there. From
//! then on each [`go`] line is answered with one frame on standard output (the fast lane); frames of the
//! slow lane come on standard error as they get ready. End of input ends it, and with it everything that
//! it has started; where the shell knows `read -t`, so does silence of three minutes.
//!
//! # How it is built
//!
//! `base.sh` evens out the shells; `fast.sh` reads `/proc` and `/sys` with builtins alone; `statfs.sh`
//! asks each network mount through a child of its own; `lane.sh` runs commands in one background job;
//! `main.sh` is the loop.
//!
//! Shells read a program on standard input in blocks (dash 8 KiB), and would swallow the lines behind
//! it. So the command line holds a loop that takes the script line by line up to its end mark and only
//! then runs it. The script is one compound command (half of one does nothing) and ends in `exit`, so
//! that no later input is ever a command.

use super::quote::{join, quote};
use crate::{
    facts::Tier,
    fleet::{Host, MysqlAccess},
};
use std::{fmt::Write as _, time::Duration};

const BASE: &str = include_str!("base.sh");
const FAST: &str = include_str!("fast.sh");
const STATFS: &str = include_str!("statfs.sh");
const LANE: &str = include_str!("lane.sh");
const MAIN: &str = include_str!("main.sh");
const QUESTIONS: &str = include_str!("questions.sql");
const HEADER: &str = include_str!("header.txt");

/// Where programs are looked for on a host.
pub const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

/// What the script takes for granted about the host. Only tests have a reason to change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// Where programs are looked for.
    pub path: String,
    /// Put in front of `/proc`, `/sys` and `/var` when facts are read (never when processes are looked after).
    pub root: String,
    /// A section that has run for so many seconds is reported as stuck.
    pub stuck_seconds: u32,
    /// A command is ended after so many seconds, where the host has `timeout`.
    pub limit_seconds: u32,
    /// One that lists backups after so many. The other sections wait for it, and the fast ones of them must not become old: at the
    /// default poll settings what DRBD and databases say is old after six seconds, and asked for anew every two.
    pub list_seconds: u32,
    /// A lane whose section took longer than this many seconds says no more and ends.
    pub give_up_seconds: u32,
    /// After so many seconds a new lane takes over. Must be well above `give_up_seconds`, or two would speak at once.
    pub replace_seconds: u32,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            path: PATH.to_owned(),
            root: String::new(),
            stuck_seconds: 5,
            limit_seconds: 20,
            list_seconds: 3,
            give_up_seconds: 25,
            replace_seconds: 30,
        }
    }
}

/// The program to send to a host's `sh -s`: without comments and indentation, ending in a newline.
#[must_use]
pub fn script(host: &Host) -> String {
    script_in(host, &Surroundings::default())
}

/// [`script`] for other surroundings than a whole host's.
#[must_use]
pub fn script_in(host: &Host, surroundings: &Surroundings) -> String {
    let mut out = String::from("{\n");
    out.push_str(&settings(Some(host), surroundings));
    for part in [BASE, FAST, STATFS, LANE, MAIN] {
        push_bare(&mut out, part);
    }
    let _ = writeln!(out, "}}\n{END}");
    out
}

/// The line behind the script.
const END: &str = "#end";

/// The command that starts the remote half with the script on standard input: no profile, a clean
/// environment; `HOME` is kept because the MySQL client finds its credentials there. It is quoted so that
/// the login shell may be a POSIX one, fish or csh.
#[must_use]
pub fn start_command(_host: &Host) -> String {
    start_with("sh")
}

/// [`start_command`] for a shell of that name (several words are allowed), looked for in [`PATH`].
#[must_use]
pub fn start_with(shell: &str) -> String {
    // A newline in quotes is an error in csh: the third character of a fresh IFS is one.
    format!(
        "exec env -i PATH={PATH} LC_ALL=C HOME=\"$HOME\" {shell} -c \
         'N=${{IFS#??}}; S=; while IFS= read -r L; do case $L in \"{END}\") eval \"$S\"; exit;; esac; S=$S$L$N; done'"
    )
}

/// A stand-alone file for use as a forced command. Without a host it knows of no sudo, no MySQL server
/// and no custom probes; with one it has that host's.
#[must_use]
pub fn forced_script(host: Option<&Host>) -> String {
    let surroundings = Surroundings::default();
    let mut out = format!("#!/bin/sh\n{HEADER}\n");
    // The login's environment may have been chosen by the client (AcceptEnv): start again without it.
    let _ = writeln!(
        out,
        "[ \"$1\" = clean ] || exec env -i PATH={PATH} LC_ALL=C HOME=\"$HOME\" /bin/sh \"$0\" clean\n{{\n{}",
        settings(host, &surroundings)
    );
    for part in [BASE, FAST, STATFS, LANE, MAIN] {
        out.push_str(part);
        out.push('\n');
    }
    out.push_str("}\n");
    out
}

/// The first line to send. The nonce must be 16 to 64 hexadecimal digits in lower case: see [`nonce`].
#[must_use]
pub fn hello(nonce: &str) -> String {
    format!("hello {nonce}\n")
}

/// A nonce for one connection. It keeps what a host prints by accident from being taken for an answer;
/// it is no secret.
#[must_use]
pub fn nonce() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// Asks for tiers. `full` makes the remote half forget what it has sent, so that everything comes in full.
#[must_use]
pub fn go(seq: u64, tiers: &[Tier], full: bool) -> String {
    let mut letters = String::new();
    for tier in [Tier::Fast, Tier::Medium, Tier::Slow] {
        if tiers.contains(&tier) {
            letters.push(tier.letter());
        }
    }
    if full {
        letters.push('a');
    }
    format!("go {seq} {letters}\n")
}

/// A sudoers file for an account that the console logs in as: the exact commands of the remote half,
/// nothing more. All of them only read.
#[must_use]
pub fn sudoers(user: &str) -> String {
    let mut name = String::new();
    for c in user.chars().filter(|c| !c.is_control()) {
        if !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            name.push('\\');
        }
        name.push(c);
    }
    format!(
        "# What pointsman reads as root; every command is exact and only reads.\n\
         # Install as /etc/sudoers.d/pointsman (mode 0440) after: visudo -cf FILE\n\
         # Where a program lives elsewhere on a host, the console's Host view shows the line to use.\n\
         Cmnd_Alias POINTSMAN_READ = \\\n    {}\n\
         Defaults!POINTSMAN_READ !requiretty\n\
         {name} ALL=(root) NOPASSWD: POINTSMAN_READ\n",
        ROOT_COMMANDS.join(", \\\n    ")
    )
}

/// The commands that `lane.sh` runs through `rooted`, with the paths of Debian.
const ROOT_COMMANDS: [&str; 6] = [
    "/usr/sbin/drbdsetup status --json",
    "/usr/sbin/drbdsetup status --verbose --statistics",
    "/usr/sbin/drbdsetup events2 --now",
    "/usr/sbin/exportfs -v",
    "/usr/bin/grep -rhs --include info address /proc/fs/nfsd/clients",
    "/usr/bin/grep -r . /var/lib/pointsman/backup",
];

/// Bytes that the kernel keeps of a process's name (`TASK_COMM_LEN` without its end).
const COMM: usize = 15;
/// Programs that make backups, and services that do, as `/proc/PID/comm` has them: at most [`COMM`] bytes.
const BACKUPS: [&str; 56] = [
    "amandad",
    "bacula-fd",
    "bareos-fd",
    "barman",
    "borg",
    "borgbackup",
    "borgmatic",
    "bpbkar",
    "bsdtar",
    "bup",
    "burp",
    "clBackup",
    "cpio",
    "dar",
    "dsmc",
    "dump",
    "duplicacy",
    "duplicati",
    "duplicity",
    "fsarchiver",
    "innobackupex",
    "kopia",
    "mariabackup",
    "mariadb-backup",
    "mariadb-dump",
    "mongodump",
    "mydumper",
    "mysqldump",
    "mysqlpump",
    "partclone.ext4",
    "partclone.xfs",
    "pg_basebackup",
    "pg_dump",
    "pg_dumpall",
    "pgbackrest",
    "proxmox-backup-",
    "rclone",
    "rdiff-backup",
    "restic",
    "rsnapshot",
    "rsync",
    "rustic",
    "save",
    "sendbackup",
    "tar",
    "tarsnap",
    "urbackupclientb",
    "veeamagent",
    "veeamjobman",
    "vzdump",
    "wal-g",
    "xfsdump",
    "xtrabackup",
    "zbackup",
    "zfs",
    "zrepl",
];

/// Adds a part without comments, blank lines and indentation: less to send, and nothing lost, since no
/// word of the parts spans lines but the newline constant.
fn push_bare(out: &mut String, part: &str) {
    for line in part.lines() {
        let line = line.trim_start();
        if !line.is_empty() && !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
}

fn settings(host: Option<&Host>, surroundings: &Surroundings) -> String {
    let mut out = String::new();
    let mut set = |name: &str, value: &str| {
        // A value that cannot be quoted came from a file with control characters: it is left out.
        let value = quote(value).unwrap_or_else(|_| "''".to_owned());
        let _ = writeln!(out, "{name}={value}");
    };
    set("PATH", &surroundings.path);
    set("LC_ALL", "C");
    set("R", &surroundings.root);
    set("STUCK", &surroundings.stuck_seconds.to_string());
    set("LIMIT", &surroundings.limit_seconds.to_string());
    set("GIVE_UP", &surroundings.give_up_seconds.to_string());
    set("REPLACE", &surroundings.replace_seconds.to_string());
    set(
        "SUDO",
        if host.is_some_and(|host| host.sudo) {
            "yes"
        } else {
            "no"
        },
    );
    set("BACKUPS", &backups(host).join(" "));
    let plain = MysqlAccess::default();
    let mysql = host.and_then(|host| {
        let by_role = host.roles.contains("mysql").then_some(&plain);
        host.mysql.as_ref().or(by_role)
    });
    set("MYSQL", if mysql.is_some() { "yes" } else { "no" });
    if let Some(access) = mysql {
        set("MYSQL_DEFAULTS", access.defaults_file.as_deref().unwrap_or_default());
        set("MYSQL_SOCKET", access.socket.as_deref().unwrap_or_default());
        set("MYSQL_QUESTIONS", &questions(access.heartbeat.as_deref()));
    }
    set("LIST_LIMIT", &surroundings.list_seconds.to_string());
    let backups = host.map(|host| host.backups.as_slice()).unwrap_or_default();
    let cycle = host.map_or(0, |host| host.poll.slow.as_secs());
    let each = cycle / u64::try_from(backups.len()).unwrap_or(1).max(1);
    set("LISTS_EVERY", &each.clamp(1, 1_000_000).to_string());
    out.push_str("export PATH LC_ALL\nset -f\numask 077\n");
    let probes: Vec<Asked<'_>> = host
        .into_iter()
        .flat_map(|host| &host.probes)
        .map(|probe| Asked {
            name: probe.name.clone(),
            every: Some(probe.every),
            command: &probe.command,
        })
        .collect();
    commands(&mut out, "PROBE", "probe", &probes);
    let lists: Vec<Asked<'_>> = backups
        .iter()
        .map(|kept| Asked {
            name: kept.of.record(),
            every: None,
            command: &kept.list,
        })
        .collect();
    commands(&mut out, "LIST", "list", &lists);
    out
}

/// The names of programs that make backups on a host, as its kernel cuts them.
fn backups(host: Option<&Host>) -> Vec<&str> {
    let declared = host.into_iter().flat_map(|host| &host.backup_programs);
    let declared = declared.map(|name| {
        let mut end = name.len().min(COMM);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        &name[..end]
    });
    BACKUPS.into_iter().chain(declared).collect()
}

/// A command of the inventory that a host is asked to run.
struct Asked<'a> {
    name: String,
    /// Between two runs, where it has a pace of its own.
    every: Option<Duration>,
    command: &'a [String],
}

/// A function `WORD_N` for each, its name in `KEY_NAME_N`, and the numbers in `KEYS`.
fn commands(out: &mut String, key: &str, word: &str, asked: &[Asked<'_>]) {
    let numbers: Vec<_> = (1..=asked.len()).map(|n| n.to_string()).collect();
    let _ = writeln!(out, "{key}S='{}'", numbers.join(" "));
    for (number, asked) in numbers.iter().zip(asked) {
        let name = quote(&asked.name).unwrap_or_else(|_| "''".to_owned());
        let _ = writeln!(out, "{key}_NAME_{number}={name}");
        if let Some(every) = asked.every {
            let _ = writeln!(out, "{key}_EVERY_{number}={}", every.as_secs().clamp(1, 1_000_000));
        }
        let _ = match join(asked.command) {
            Ok(command) => writeln!(out, "{word}_{number}() {{ limit {command}; }}"),
            Err(why) => writeln!(out, "{word}_{number}() {{ put 'not run: {why}' >&2; return 126; }}"),
        };
    }
}

/// The questions to a MySQL server on one line.
fn questions(heartbeat: Option<&str>) -> String {
    let mut lines: Vec<String> = QUESTIONS
        .lines()
        .filter(|line| !line.starts_with("--"))
        .map(str::to_owned)
        .collect();
    if let Some(table) = heartbeat {
        lines.push("SELECT '' AS '#heartbeat';".to_owned());
        lines.push(heartbeat_question(table));
    }
    lines.join(" ")
}

/// Age of each server's heartbeat, its own among them: it tells whether beats are written at all. pt-heartbeat writes `ts` in UTC or in the server's own time,
/// and does not say which: the smaller age that is not in the future is taken.
fn heartbeat_question(table: &str) -> String {
    let plain = |part: &&str| -> bool {
        !part.is_empty()
            && part.len() <= 64
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-'))
    };
    let parts: Vec<_> = table.split('.').collect();
    if parts.len() > 2 || !parts.iter().all(plain) {
        return "SELECT 'ERROR the name of the heartbeat table is not a plain one' AS '#heartbeat';".to_owned();
    }
    let table = parts
        .iter()
        .map(|part| format!("`{part}`"))
        .collect::<Vec<_>>()
        .join(".");
    format!(
        "SELECT CONCAT(server_id, CHAR(9), IF(u < -2, l, IF(l < -2, u, LEAST(u, l)))) AS '#heartbeat' FROM (SELECT server_id, \
         TIMESTAMPDIFF(MICROSECOND, REPLACE(ts, 'T', ' '), UTC_TIMESTAMP(6)) / 1000000 AS u, \
         TIMESTAMPDIFF(MICROSECOND, REPLACE(ts, 'T', ' '), NOW(6)) / 1000000 AS l FROM {table}) AS beats;"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_remote_half_takes_them() {
        assert_eq!(go(7, &[Tier::Slow, Tier::Fast], false), "go 7 fs\n");
        assert_eq!(go(8, &[Tier::Fast, Tier::Medium, Tier::Slow], true), "go 8 fmsa\n");
        let nonce = nonce();
        assert!(nonce.len() == 16 && nonce.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
        assert_eq!(hello(&nonce), format!("hello {nonce}\n"));
    }

    #[test]
    fn every_command_that_may_need_root_is_in_the_sudoers_template() {
        let template = sudoers("ops team");
        assert!(
            !template.contains("syslog"),
            "what a key is used for stays in the host's log"
        );
        assert!(template.contains("\nops\\ team ALL=(root) NOPASSWD: POINTSMAN_READ\n"));
        let mut found = 0;
        for line in LANE.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let Some((_, command)) = line.split_once("rooted ") else {
                continue;
            };
            let command = command.split(" ;;").next().unwrap().split("; }").next().unwrap();
            let command = command.replace("\"$R", "").replace('"', "");
            assert!(
                template.contains(&format!("bin/{command}")),
                "{command:?} is missing in {template}"
            );
            found += 1;
        }
        assert_eq!(found, ROOT_COMMANDS.len());
    }

    /// The shell takes the last definition of a name without a word.
    #[test]
    fn no_part_defines_a_function_of_another_one() {
        let mut names: Vec<&str> = Vec::new();
        for part in [BASE, FAST, STATFS, LANE, MAIN] {
            let mut own: Vec<&str> = part
                .lines()
                .filter_map(|line| line.trim().strip_suffix("() {"))
                .collect();
            own.sort_unstable();
            own.dedup();
            names.extend(own);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(
            count > 50 && names.len() == count,
            "{count} functions, {} names",
            names.len()
        );
    }

    #[test]
    fn what_the_inventory_says_stays_data() {
        let mut host = Host::new("h", "h");
        host.mysql = Some(MysqlAccess {
            defaults_file: Some("/etc/x'; reboot; '".to_owned()),
            socket: Some("$(reboot)".to_owned()),
            heartbeat: Some("a`; DROP TABLE x; --".to_owned()),
            ..MysqlAccess::default()
        });
        host.backup_programs = ["`reboot`".to_owned(), "longer-than-the-kernel-keeps".to_owned()].into();
        let text = script(&host);
        assert!(text.contains("MYSQL_SOCKET='$(reboot)'\n"));
        let programs = text.lines().find(|line| line.starts_with("BACKUPS=")).unwrap();
        assert!(programs.ends_with(" zrepl `reboot` longer-than-the'"), "{programs}");
        assert!(BACKUPS.iter().all(|name| name.len() <= COMM) && BACKUPS.is_sorted());
        assert!(text.contains("MYSQL_DEFAULTS=\"/etc/x'; reboot; '\"\n"));
        assert!(!text.contains("DROP TABLE"));
        assert!(text.contains("heartbeat table is not a plain one"));
    }
}
