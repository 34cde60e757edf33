//! A plan as a person reads it, as a script reads it, and the hash that both can name.

use crate::{
    fleet::HostName,
    runbook::{
        definition::Kind,
        operation::{Claim, Nature, Operation, Place, Work},
        plan::{Plan, Step},
    },
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

/// What one remote call takes, by the lab's and usual networks' figures.
const CALL: Duration = Duration::from_millis(250);

/// The time in which clients are expected to wait: from the first closed entry to the last opened one. In an
/// emergency they wait already: from consent on.
#[must_use]
pub fn stall(plan: &Plan) -> Duration {
    let closes = |operation: &Operation| {
        let is_close = |claim: &Claim| {
            matches!(
                claim,
                Claim::CloseEntry { .. } | Claim::CloseDatabase { .. } | Claim::LeaveDatabase { .. }
            )
        };
        operation.claims.iter().any(is_close)
    };
    let opens = |operation: &Operation| {
        let is_open = |claim: &Claim| {
            matches!(
                claim,
                Claim::OpenEntry { .. }
                    | Claim::OpenDatabase { .. }
                    | Claim::EnterDatabase { .. }
                    | Claim::LeadDatabase { .. }
                    | Claim::Bootstrap { .. }
            )
        };
        operation.claims.iter().any(is_open)
    };
    let of = |steps: &[&Step]| -> Duration {
        let first = match plan.kind {
            Kind::Emergency => Some(0),
            Kind::Planned => steps.iter().position(|step| closes(&step.operation)),
        };
        let last = steps.iter().rposition(|step| opens(&step.operation));
        let (Some(first), Some(last)) = (first, last) else {
            return Duration::ZERO;
        };
        let waits = steps.iter().take(last + 1).skip(first);
        waits.map(|step| usual(&step.operation)).sum()
    };
    match &plan.rolling {
        // Each row has clients of its own.
        Some(rolling) => {
            let rows = rolling.rows.iter();
            let steps = rows.map(|row| row.steps.iter().map(|at| &plan.steps[*at]).collect::<Vec<_>>());
            steps.map(|steps| of(&steps)).max().unwrap_or_default()
        }
        None => of(&plan.steps.iter().collect::<Vec<_>>()),
    }
}

/// How long a step usually takes, what it waits for left out.
#[must_use]
pub fn usual(operation: &Operation) -> Duration {
    let more = operation.claims.iter().map(|claim| match claim {
        Claim::Fence { .. } => Duration::from_secs(3),
        Claim::Mount { .. } | Claim::CloseDatabase { .. } => Duration::from_millis(500),
        Claim::Promote { .. } | Claim::Demote { .. } => Duration::from_millis(150),
        _ => Duration::ZERO,
    });
    let waits = match &operation.work {
        Work::Watch(watch) => watch.clients_wait(),
        _ => Duration::ZERO,
    };
    CALL + waits + more.sum::<Duration>()
}

/// So many KiB as people say it.
#[must_use]
pub fn size(kib: u64) -> String {
    let (of, unit) = match kib {
        0..1_048_576 => (1024.0, "MiB"),
        1_048_576..1_073_741_824 => (1_048_576.0, "GiB"),
        _ => (1_073_741_824.0, "TiB"),
    };
    format!("{:.1} {unit}", kib as f64 / of)
}

/// The hash of everything that somebody who reads the plan consents to: 16 hexadecimal digits.
#[must_use]
pub fn hash(plan: &Plan) -> String {
    let mut content = content(plan);
    if let Some(loss) = &plan.loss {
        content["loss"] = json!(coarse(loss));
    }
    let warnings: BTreeSet<String> = plan.warnings.iter().map(|warning| kind(warning)).collect();
    let text = json!({ "plan": content, "fingerprint": plan.fingerprint, "warnings": warnings }).to_string();
    digest(text.as_bytes())
}

/// What a warning is about, whatever its figures: `clients hold 3 locks` is the same warning as `clients hold 5 locks`.
fn kind(warning: &str) -> String {
    let words = warning.split(' ').map(|word| {
        let bare = word.trim_matches(|c: char| "()[]:,;.%".contains(c));
        let is_figure = bare.starts_with(|c: char| c.is_ascii_digit()) && bare.parse::<f64>().is_ok();
        if is_figure {
            word.replacen(bare, "#", 1)
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A loss as it is consented to: up to a MiB is one amount, and above that a doubling is another one. A side that is
/// still written would otherwise make a plan stale before it has been read.
fn coarse(loss: &str) -> String {
    let words = loss.split(' ').collect::<Vec<_>>();
    let amount = |at: usize, word: &str| {
        let kib: u64 = word.parse().ok()?;
        let unit = words.get(at + 1)?;
        unit.starts_with("KiB")
            .then(|| format!("2^{}", (kib / 1024).checked_ilog2().map_or(0, |power| power + 1)))
    };
    let coarse = words
        .iter()
        .enumerate()
        .map(|(at, word)| amount(at, word).unwrap_or_else(|| (*word).to_owned()));
    coarse.collect::<Vec<_>>().join(" ")
}

fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(bytes);
    hash.iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Commands of a plan that are functions of the shell which a target runs (`wrapper.sh`), and what each runs there.
const FUNCTIONS: &[(&str, &str)] = &[
    (
        "port_block",
        "add: an nft rule (without nft: iptables) that drops TCP 2049 to the address, so that clients wait instead of \
         failing; drop: that rule is taken away. nfsd and other ports are left alone",
    ),
    (
        "announce",
        "gratuitous ARP: arping -A -c 5 -I INTERFACE ADDRESS (or busybox's), so that the neighbours learn at once \
         where the address is now",
    ),
    (
        "unexport",
        "exportfs -u for each CLIENT:PATH, then exportfs -f, so that the kernel forgets them too",
    ),
    (
        "md_check",
        "start: writes `check` to sync_action of the array, where nothing runs; stop: writes `idle` there, where a check \
         runs. Nothing on the disks is changed",
    ),
    (
        "md_keep",
        "takes want_replacement from the old member; a new one that has begun to be filled is marked as failed, and one \
         that is complete is left alone",
    ),
    (
        "md_limit",
        "writes the limit, KiB a second of each member, to sync_speed_max of the array; `system` is that of all arrays \
         of the host",
    ),
    (
        "md_out",
        "mdadm --remove of the disk that was added, then mdadm --zero-superblock of it: it was blank before",
    ),
    (
        "pool_on",
        "zpool scrub of that pool, where its scrub pauses: asked of another one it would begin a new one",
    ),
    (
        "pool_keep",
        "zpool detach of the new disk, while it shares its place with the old one; once that is out of the pool the new one \
         is left alone",
    ),
    (
        "host_reboot",
        "in two seconds, so that the answer is still sent: systemctl reboot (without systemctl: reboot)",
    ),
    (
        "release_locks",
        "writes the mount point to /proc/fs/nfsd/unlock_filesystem: nfsd drops its locks and open files below it, and \
         goes on serving the rest",
    ),
    (
        "nfs_bar",
        "add: an nft rule (without nft: iptables) that refuses what this host sends to TCP 2049 of the address, so that \
         whatever mounts it fails at once; drop: that rule is taken away. Other addresses and ports are left alone",
    ),
    (
        "nfs_end",
        "KILL to every process that holds that very mount, by the kernel's number of it: open and mapped files, working \
         and root directories",
    ),
    (
        "nfs_detach",
        "keeps how it is mounted in /var/lib/pointsman/mount; writes 1 to /sys/fs/nfs/MAJOR:MINOR/shutdown where the \
         kernel has that (6.5); umount -f, and umount -l where somebody holds it still; an empty read-only tmpfs over its \
         place, so that nobody writes below it. Only that very mount, by the kernel's number of it",
    ),
    (
        "nfs_attach",
        "mount -t nfs -o OPTIONS SOURCE PLACE, where nothing but that tmpfs or an automounter is; stat -f three times; writes, reads and \
         removes a file .pointsman-NUMBER there, unless the server lets root write nothing; then what was kept of it is \
         removed",
    ),
    (
        "task_go",
        "begins a command that goes on when this call and the console have ended (setsid): its process, with the time when \
         it began, its words, its exit code and the last 32 KiB of what it prints are kept in /var/lib/pointsman/task. \
         The number is for how many seconds it may run unwatched; then it stands still until it is said again. One that \
         runs goes on, one that has ended is not begun again",
    ),
    ("task_hold", "SIGSTOP to the process group of that very task"),
    (
        "task_end",
        "SIGTERM, then SIGKILL, to the process groups of these very tasks and their numbered parts",
    ),
    ("task_forget", "the same, and what was kept of them is deleted"),
    (
        "copy_begin",
        "where that device is mounted, and nothing is on it but lost+found, or this mark already: writes the mark to \
         .pointsman-copy there. Nothing without the mark is ever overwritten",
    ),
    (
        "copy_serve",
        "rsync --daemon as a task: read-only, one module, at that address and port, for that one client; each transfer begins \
         only while that device is mounted there",
    ),
    (
        "copy_close",
        "deletes .pointsman-copy there; of a dataset the property pointsman:copy and the snapshots that runs have made",
    ),
    (
        "stream_begin",
        "zfs set pointsman:copy=TEXT and readonly=on, where nothing is in the dataset, nor any snapshot, or it bears that very mark",
    ),
    (
        "stream_serve",
        "socat as a task: listens at that address and port for that one client, and answers each connection with one zfs send of \
         that dataset: a new snapshot (pointsman-RUN-N, held), since the one that the client has; older ones of runs are destroyed",
    ),
    (
        "stream_go",
        "asks there for what is new, by socat, and zfs receive, as a task (task_go): -s where the tool can go on with a stream that \
         was cut, -F only onto a dataset with that mark and without any snapshot; older snapshots of runs are destroyed there",
    ),
    (
        "stream_unlock",
        "zfs set readonly=off, where the dataset bears that mark",
    ),
    (
        "stream_lock",
        "zfs set readonly=on and zfs rollback to the last snapshot, which is ours, where the dataset bears that mark",
    ),
    (
        "stream_release",
        "zfs destroy of the snapshots of that dataset that runs have made; bookmarks of theirs stay, where the tool knows any",
    ),
    (
        "stream_keep",
        "the same, and zfs set pointsman:old=NAME: only what bears that is ever destroyed",
    ),
    (
        "scratch_begin",
        "where nothing is, or a directory of such a test by the same mark, which is removed first: makes the directory, writes \
         the mark to `mark` in it, and makes the empty directory `tree`",
    ),
    (
        "scratch_clear",
        "rm -rf of what is in that directory, where it bears that mark, is no link and nothing is mounted in it; then the mark \
         and the directory",
    ),
    (
        "backup_compare",
        "as a task: counts the regular files that were restored and looks for the paths that every backup has. Where the live \
         slice is mounted there: of the files whose inode has not changed since the backup began each has to be in it, with its \
         size, and so many of them (0: all) are read on both sides (find, stat, comm, cmp); what is live is only read",
    ),
    (
        "database_compare",
        "as a task: starts a database server on the restored data directory (dumps: on a new one, and loads them), without a \
         network, its socket in the scratch directory, with no account asked for, no replication and no events; CHECK TABLE of \
         every table; then it is ended",
    ),
    (
        "backup_record",
        "writes to /var/lib/pointsman/backup of that host what the task has found, with the name and the time of the backup",
    ),
    (
        "copy_freeze",
        "mount -o remount,ro of that device, which fails while any file is open for writing, or zfs set readonly=on of that \
         dataset; writes down since when",
    ),
    (
        "copy_thaw",
        "mount -o remount,rw of that device, or zfs set readonly=off of that dataset",
    ),
    (
        "old_keep",
        "writes to /var/lib/pointsman/old since when, and for how many days, the old side is kept",
    ),
    (
        "old_wipe",
        "umount, where that device is mounted read-only; then wipefs --all of it, where it is mounted nowhere else, or zfs destroy -r \
         of a dataset that bears pointsman:old=NAME",
    ),
    (
        "db_warm",
        "for so many seconds at most: SELECT COUNT(*) over indexes of the InnoDB tables, those first that were written last",
    ),
    (
        "db_close",
        "SET GLOBAL event_scheduler = OFF and read_only = 1 (MySQL: SET PERSIST super_read_only = ON under a global read lock); \
         KILL CONNECTION of every session but those of replication; a global read lock for a moment, so that commits under \
         way end; FLUSH BINARY LOGS; then @@gtid_binlog_pos (MySQL: @@gtid_executed) until it stands still",
    ),
    (
        "db_open",
        "SET GLOBAL read_only = 0 (MySQL: SET PERSIST super_read_only = OFF and read_only = OFF); with `events` \
         event_scheduler = ON as well, as the old source had it",
    ),
    (
        "db_follow",
        "STOP SLAVE; CHANGE MASTER TO that host and port by the account in that file (`-`: the account that it knows), \
         MASTER_USE_GTID = slave_pos, MASTER_DEMOTE_TO_SLAVE = 1; START SLAVE (MySQL: STOP REPLICA; CHANGE REPLICATION SOURCE \
         TO that, SOURCE_AUTO_POSITION = 1; START REPLICA)",
    ),
    (
        "db_unfollow",
        "STOP SLAVE; RESET SLAVE ALL (MySQL: STOP REPLICA; RESET REPLICA ALL)",
    ),
    ("db_freeze", "STOP REPLICA IO_THREAD"),
    (
        "db_semi_sync",
        "of a source SET GLOBAL rpl_semi_sync_master_enabled (MySQL: rpl_semi_sync_source_enabled), of a replica \
         rpl_semi_sync_slave_enabled (rpl_semi_sync_replica_enabled), by the name that the server knows; off and on again \
         where a source had fallen back",
    ),
    (
        "db_joins",
        "writes down, beside the receipts of runs, the bootstraps that the member is part of: it is not further than they were",
    ),
    (
        "db_galera_bootstrap",
        "db_joins; SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES': the component that the server is in becomes the primary one",
    ),
    (
        "db_galera_new",
        "where no process holds the data directory: db_joins, safe_to_bootstrap: 1 in its grastate.dat, then the program that starts the \
         server as the first one of its cluster",
    ),
    (
        "db_galera_start",
        "where no process holds the data directory: db_joins, then the program that starts the server",
    ),
    (
        "db_galera_recover",
        "where no process holds the data directory: the server's program as its owner with --wsrep-recover, which replays \
         InnoDB's log and ends; the position that it tells is kept beside the receipts of runs, until InnoDB is written there",
    ),
];

/// The functions among a plan's commands, each with what it runs.
#[must_use]
pub fn functions(plan: &Plan) -> Vec<(&'static str, &'static str)> {
    let used = |name: &str| {
        plan.steps.iter().any(|step| {
            let shown = step.operation.shown();
            shown.iter().any(|command| command.split(' ').next() == Some(name))
        })
    };
    FUNCTIONS.iter().filter(|(name, _)| used(name)).copied().collect()
}

/// The plan for scripts; `version` tells which form this is.
#[must_use]
pub fn json(plan: &Plan) -> Value {
    let mut value = content(plan);
    value["version"] = json!(1);
    value["hash"] = json!(plan.hash);
    value["warnings"] = json!(plan.warnings);
    value["notes"] = json!(plan.notes);
    value["expected_stall_ms"] = json!(plan.stall.as_millis());
    value["fingerprint"] = json!(plan.fingerprint);
    let functions: BTreeMap<_, _> = functions(plan).into_iter().collect();
    value["functions"] = json!(functions);
    value
}

fn content(plan: &Plan) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "does": step.operation.says,
                "host": place(&step.operation.place),
                "hosts": nudged(&step.operation),
                "why": step.why,
                "action": step.call.action,
                "with": step.call.with,
                "commands": step.operation.shown(),
                "needs": step.operation.needs.iter().map(|it| it.says.clone()).collect::<Vec<_>>(),
                "proof": step.operation.proof.iter().map(|it| it.says.clone()).collect::<Vec<_>>(),
                "undo": step.undo.as_ref().map(|undo| undo.says.clone()),
                "undo_commands": step.undo.as_ref().map(Operation::shown).unwrap_or_default(),
                "nature": nature(&step.operation),
                "deadline_ms": step.operation.deadline.as_millis(),
            })
        })
        .collect();
    let targets: Vec<Value> = plan
        .targets
        .iter()
        .map(|(host, identity)| json!({ "host": host.as_str(), "machine_id": identity.machine_id, "boot_id": identity.boot_id }))
        .collect();
    let glass: Vec<Value> = plan
        .glass
        .iter()
        .map(|glass| json!({ "rule": format!("{:?}", glass.rule), "resource": glass.resource }))
        .collect();
    let mut out = json!({
        "runbook": plan.runbook,
        "title": plan.title,
        "kind": plan.kind,
        "parameters": plan.parameters,
        "targets": targets,
        "claims": plan.objects,
        "steps": steps,
        "loss": plan.loss,
        "broken_glass": glass,
    });
    if let Some(again) = &plan.again {
        out["again"] = json!({ "tries": again.tries, "rest_s": again.rest.as_secs() });
    }
    out
}

fn place(place: &Place) -> Option<&str> {
    match place {
        Place::Host(host) => Some(host.as_str()),
        Place::Console => None,
    }
}

/// The hosts of a harmless command that runs on several at once.
fn nudged(operation: &Operation) -> Option<Vec<&str>> {
    match &operation.work {
        Work::Nudge { hosts, .. } => Some(hosts.iter().map(HostName::as_str).collect()),
        _ => None,
    }
}

/// `idempotent`, `probeable` or `irreversible`.
fn nature(operation: &Operation) -> &'static str {
    match operation.nature {
        Nature::Idempotent => "idempotent",
        Nature::Probeable => "probeable",
        Nature::Irreversible => "irreversible",
    }
}

/// Whether an operation changes what nothing brings back: a look or a question changes nothing, whatever may be done
/// behind it, and a member that is taken out of its array has to be copied anew.
#[must_use]
pub fn is_final(operation: &Operation) -> bool {
    let sends = match &operation.work {
        Work::Commands(commands) => !commands.is_empty(),
        Work::Local(argv) => !argv.is_empty(),
        Work::Nudge { .. } => true,
        Work::Ask(_) | Work::Hold(_) | Work::Watch(_) => false,
    };
    let takes_out = |claim: &Claim| matches!(claim, Claim::TakeOut { .. } | Claim::PoolOut { .. });
    sends && (operation.nature == Nature::Irreversible || operation.claims.iter().any(takes_out))
}

/// The plan as text: what is lost first, then every step with its commands, proof and way back.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    let kind = match plan.kind {
        Kind::Planned => "planned",
        Kind::Emergency => "EMERGENCY",
    };
    let given: Vec<String> = plan
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let _ = writeln!(out, "{}: {} ({kind})", plan.runbook, plan.title);
    let _ = writeln!(out, "  with   {}", given.join(" "));
    let _ = writeln!(out, "  hash   {}", plan.hash);
    if plan.stall.is_zero() && plan.kind == Kind::Planned {
        let _ = writeln!(out, "  stall  no client waits");
    } else {
        let _ = writeln!(out, "  stall  about {:.1} s for clients", plan.stall.as_secs_f64());
    }
    if let Some(again) = plan.again.filter(|again| again.tries > 1) {
        let _ = writeln!(
            out,
            "  again  {} taken back and tried again by itself, {} times in all, after {} s each",
            if plan.rolling.is_some() {
                "what is out of time is"
            } else {
                "where it is out of time it is"
            },
            again.tries,
            again.rest.as_secs()
        );
    }
    let lines = plan.loss.as_deref().unwrap_or("no data");
    for (at, line) in lines.lines().enumerate() {
        let _ = writeln!(out, "  {}  {line}", if at == 0 { "loss " } else { "     " });
    }
    for glass in &plan.glass {
        let _ = writeln!(out, "  GLASS  {:?} for {} by {}", glass.rule, glass.resource, glass.by);
    }
    for warning in plan.warnings.iter().chain(&plan.notes) {
        let _ = writeln!(out, "  note   {warning}");
    }
    for (at, step) in plan.steps.iter().enumerate() {
        let operation = &step.operation;
        let _ = writeln!(out, "\n{:>2}. {}", at + 1, operation.says);
        let _ = writeln!(out, "    why    {}", step.why);
        let host = operation.runs_on();
        for command in operation.shown() {
            let _ = writeln!(out, "    {host}$ {command}");
        }
        if let Work::Ask(question) = &operation.work {
            let _ = writeln!(out, "    asks   for the word {}", question.word);
        }
        for proof in &operation.proof {
            let _ = writeln!(out, "    proof  {}", proof.says);
        }
        match &step.undo {
            Some(undo) => {
                let _ = writeln!(out, "    undo   {}", undo.says);
            }
            None if is_final(operation) => {
                let _ = writeln!(out, "    undo   none: this cannot be taken back");
            }
            None => {}
        }
    }
    let functions = functions(plan);
    if !functions.is_empty() {
        out.push_str("\nShell functions that pointsman sends along; they run there:\n");
    }
    for (name, runs) in functions {
        let _ = writeln!(out, "    {name:<14} {runs}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{coarse, kind};

    #[test]
    fn a_warning_is_the_same_whatever_its_figures() {
        let says = |held: u32| kind(&format!("clients hold {held} locks on web1: they are lost"));
        assert_eq!(says(3), says(5));
        assert_eq!(says(3), "clients hold # locks on web1: they are lost");
        assert_eq!(
            kind("the load of both is 1.3, on 2 processors of stor1 (12 %)"),
            "the load of both is #, on # processors of stor1 (# %)"
        );
        assert_ne!(kind("stor1 has 5 %"), kind("stor2 has 5 %"));
        assert_ne!(kind("the address is 10.0.0.1"), kind("the address is 10.0.0.2"));
    }

    #[test]
    fn a_loss_that_grows_a_little_is_the_same_consent() {
        let says = |kib: u64| {
            coarse(&format!(
                "web1: {kib} KiB changed there (Primary), 3 KiB changed on stor2"
            ))
        };
        assert_eq!(says(8), says(900));
        assert_eq!(says(5 << 20), says((5 << 20) + 40));
        assert_ne!(says(900), says(2 << 10));
        assert_ne!(says(2 << 10), says(2 << 20));
        assert!(says(8).contains("web1: 2^0 KiB changed there (Primary)"), "{}", says(8));
        assert_eq!(coarse("web1: 12 writes of 3 hosts"), "web1: 12 writes of 3 hosts");
    }
}
