//! The functions of `task.sh` as a simulated host runs them.

use crate::simulate::{copy::Task, exec::Answer, island::Island, node::whole};
use std::fmt::Write as _;

/// Runs a command, if it is one of these.
#[expect(clippy::too_many_lines, reason = "one arm for each function")]
pub(super) fn command(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    Some(match words {
        ["task_go", name, lease, argv @ ..] => go(island, at, name, lease, argv),
        ["task_hold", name] => {
            let (now, boots) = (island.now_ms, island.nodes[at].boots);
            if let Some(task) = island.nodes[at]
                .store
                .tasks
                .get_mut(*name)
                .filter(|task| task.is_alive(boots))
            {
                task.hold(now);
            }
            Answer::ok(String::new())
        }
        ["task_end", names @ ..] => {
            end(island, at, names);
            Answer::ok(String::new())
        }
        ["task_forget", names @ ..] => {
            let tasks = &mut island.nodes[at].store.tasks;
            tasks.retain(|task, _| !names.iter().any(|name| is_part(task, name)));
            Answer::ok(String::new())
        }
        ["task", name] => Answer::ok(format!("{}end\n", tell(island, at, name))),
        ["tasks", name] => {
            let parts = (1..).map(|part| format!("{name}.{part}"));
            let known = parts.take_while(|part| island.nodes[at].store.tasks.contains_key(part));
            let told: String = known.map(|part| tell(island, at, &part)).collect();
            Answer::ok(format!("{told}end\n"))
        }
        ["copy_mark", place] => mark(island, at, place),
        ["copy_begin", place, device, text] => begin(island, at, place, device, text),
        ["copy_close", place] => {
            if let Some(plain) = plain(island, at, place) {
                island.copies.plains[plain].mark = None;
                let device = island.copies.plains[plain].device.clone();
                if let Some(dataset) = island.dataset(at, &device) {
                    island.copies.datasets[dataset].snapshots.clear();
                }
            }
            Answer::ok(String::new())
        }
        ["copy_ready", place, device, text] => ready(island, at, place, device, text),
        ["copy_room", place] => match island.nodes[at].filesystems.iter().find(|it| it.at == *place) {
            Some(it) => {
                let used = whole(it.used_kib);
                let free = it.size_kib.saturating_sub(used);
                let inodes = it.inodes / 10;
                Answer::ok(format!(
                    "kib {} {used} {free} inodes {} {inodes} {}\n",
                    it.size_kib,
                    it.inodes,
                    it.inodes - inodes
                ))
            }
            // df(1) tells of the filesystem that the directory is on.
            None => Answer::ok("kib 41020640 13946000 27074640 inodes 2560000 200000 2360000\n".to_owned()),
        },
        ["copy_serve", name, place, device, ..] => {
            if on_top(island, at, place).is_none_or(|(found, _)| found != *device) {
                return Some(Answer::failed(1, format!("{place} is not {device}\n")));
            }
            let tasks = &mut island.nodes[at].store.tasks;
            tasks.retain(|task, it| task != name || it.ended.is_none());
            go(
                island,
                at,
                name,
                "31536000",
                &["rsync", "--daemon", "--no-detach", place],
            )
        }
        ["copy_freeze", place, device, name] => freeze(island, at, [place, device, name]),
        ["copy_thaw", place, device, name] => thaw(island, at, [place, device, name]),
        ["copy_frozen", name] => {
            let boots = island.nodes[at].boots;
            match island.nodes[at].store.frozen.get(*name) {
                Some((since, booted)) if *booted == boots => {
                    Answer::ok(format!("frozen {}\n", island.now_ms.saturating_sub(*since) / 1000))
                }
                _ => Answer::ok("no\n".to_owned()),
            }
        }
        ["old_keep", name, days, into] => {
            let (now, store) = (island.now_ms, &mut island.nodes[at].store);
            let kept = (now, format!("{days} {into}"));
            store.old.entry((*name).to_owned()).or_insert(kept);
            Answer::ok(String::new())
        }
        ["old_kept", name] => match island.nodes[at].store.old.get(*name) {
            Some((since, rest)) => Answer::ok(format!("old {} {rest}\n", island.now_ms.saturating_sub(*since) / 1000)),
            None => Answer::ok("no\n".to_owned()),
        },
        ["old_wipe", place, device, name] => wipe(island, at, [place, device, name]),
        ["old_blank", device] if island.nodes[at].store.wiped.contains(*device) => Answer::ok("blank\n".to_owned()),
        ["old_blank", dataset] if !dataset.starts_with('/') => Answer::ok("TYPE=zfs\n".to_owned()),
        ["old_blank", _] => Answer::ok("TYPE=ext4\n".to_owned()),
        ["hour", "UTC"] => {
            let seconds = island.epoch.as_secs() + island.now_ms / 1000;
            // The first of January 1970 was a Thursday.
            let (day, minute) = ((seconds / 86_400 + 3) % 7 + 1, seconds % 86_400 / 60);
            Answer::ok(format!("{day} {:02}:{:02}\n", minute / 60, minute % 60))
        }
        ["hour", zone] => Answer::failed(1, format!("the zone {zone} is not known here\n")),
        ["disk_pace"] => {
            let disks = &island.nodes[at].disks;
            let sum = |of: &dyn Fn(&crate::simulate::node::Disk) -> f64| whole(disks.iter().map(of).sum());
            let (ops, ms) = (
                sum(&|disk| disk.done[0] + disk.done[1]),
                sum(&|disk| disk.spent_ms[0] + disk.spent_ms[1]),
            );
            Answer::ok(format!("mounts 1 ops {ops} rtt_ms {ms}\n"))
        }
        _ => return None,
    })
}

/// The task of that name, or one of its numbered parts.
fn is_part(task: &str, name: &str) -> bool {
    let number = task.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
    task == name || number.is_some_and(|number| number.parse::<u32>().is_ok())
}

pub(super) fn go(island: &mut Island, at: usize, name: &str, lease: &str, argv: &[&str]) -> Answer {
    let (now, boots) = (island.now_ms, island.nodes[at].boots);
    let lease: u64 = lease.parse().unwrap_or(0);
    let run = island.nodes[at].store.run.clone();
    if let Some(task) = island.nodes[at].store.tasks.get_mut(name) {
        if task.ended.is_some() {
            return Answer::ok(String::new());
        }
        if task.is_alive(boots) {
            task.go_on(now);
            task.until_ms = now + lease * 1000;
            task.run = run;
            return Answer::ok(String::new());
        }
    }
    if argv.is_empty() {
        return Answer::failed(1, format!("{name} does not run\n"));
    }
    if island.nodes[at].store.full {
        return Answer::failed(1, "cannot write\n".to_owned());
    }
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    island.begin_task(at, name, lease, &argv);
    Answer::ok(String::new())
}

fn end(island: &mut Island, at: usize, names: &[&str]) {
    let boots = island.nodes[at].boots;
    for (task, it) in &mut island.nodes[at].store.tasks {
        if names.iter().any(|name| is_part(task, name)) && it.is_alive(boots) {
            it.killed = true;
        }
    }
}

fn tell(island: &Island, at: usize, name: &str) -> String {
    let node = &island.nodes[at];
    let Some(task) = node.store.tasks.get(name) else {
        return format!("task {name} none\n");
    };
    let since = |ms: u64| ms.saturating_sub(task.began_ms + task.rested_ms) / 1000;
    let Task { held, until_ms, .. } = task;
    let mut out = match task.ended {
        Some((ms, code)) => format!("task {name} ended {} {code}\n", since(ms)),
        None if task.is_alive(node.boots) => {
            let is = if *held { "held" } else { "running" };
            let left = i64::try_from(*until_ms).unwrap_or(i64::MAX) - i64::try_from(island.now_ms).unwrap_or(0);
            format!("task {name} {is} {} {}\n", since(island.now_ms), left / 1000)
        }
        None => format!("task {name} vanished\n"),
    };
    let _ = writeln!(out, "argv {}", task.argv.join(" "));
    for line in task.log.lines() {
        let _ = writeln!(out, "log {line}");
    }
    out
}

/// The device on top of a place, and whether it can be written.
pub(super) fn on_top(island: &Island, at: usize, place: &str) -> Option<(String, bool)> {
    let mut filesystems = island.nodes[at].filesystems.iter().rev();
    let found = filesystems.find(|filesystem| filesystem.at == place)?;
    Some((found.source.clone(), !found.read_only))
}

fn plain(island: &Island, at: usize, place: &str) -> Option<usize> {
    let mut plains = island.copies.plains.iter();
    plains.position(|plain| plain.node == at && plain.mount_point == place)
}

fn mark(island: &Island, at: usize, place: &str) -> Answer {
    let Some(plain) = plain(island, at, place) else {
        return Answer::ok("used\n".to_owned());
    };
    let plain = &island.copies.plains[plain];
    match (&plain.mark, plain.has.is_some() || plain.restored.is_some()) {
        (Some(mark), _) => Answer::ok(format!("mark {mark}\n")),
        (None, true) => Answer::ok("used\n".to_owned()),
        (None, false) => Answer::ok("empty\n".to_owned()),
    }
}

fn begin(island: &mut Island, at: usize, place: &str, device: &str, text: &str) -> Answer {
    if on_top(island, at, place) != Some((device.to_owned(), true)) {
        return Answer::failed(1, format!("{place} is not {device}, writable\n"));
    }
    let found = mark(island, at, place).stdout;
    match (plain(island, at, place), found.trim_end()) {
        (Some(plain), "empty") => island.copies.plains[plain].mark = Some(text.to_owned()),
        (Some(_), found) if found == format!("mark {text}") => {}
        (_, found) => return Answer::failed(1, format!("{place} holds something else: {found}\n")),
    }
    Answer::ok(String::new())
}

pub(super) fn is_exported(island: &Island, at: usize, place: &str) -> bool {
    let server = island.nodes[at].nfs_server.as_ref();
    server.is_some_and(|server| server.exports.iter().any(|export| export.path == place))
}

fn ready(island: &Island, at: usize, place: &str, device: &str, text: &str) -> Answer {
    let found = mark(island, at, place).stdout;
    let says = if on_top(island, at, place) != Some((device.to_owned(), true)) {
        format!("{place} is not {device}, writable")
    } else if found.trim_end() != format!("mark {text}") {
        format!("{place} holds something else: {}", found.trim_end())
    } else if is_exported(island, at, place) {
        format!("{place} is exported")
    } else {
        "ready".to_owned()
    };
    Answer::ok(format!("{says}\n"))
}

fn freeze(island: &mut Island, at: usize, [place, device, name]: [&str; 3]) -> Answer {
    let Some((_, writable)) = on_top(island, at, place).filter(|(found, _)| found == device) else {
        return Answer::failed(1, format!("{place} is not {device}\n"));
    };
    let node = &mut island.nodes[at];
    let busy = |server: &crate::simulate::nfs::NfsServer| server.locks.contains_key(place);
    if writable && node.nfs_server.as_ref().is_some_and(busy) {
        return Answer::failed(32, format!("mount: {place}: mount point is busy.\n"));
    }
    for filesystem in node
        .filesystems
        .iter_mut()
        .filter(|filesystem| filesystem.source == device)
    {
        filesystem.read_only = true;
    }
    let since = (island.now_ms, island.nodes[at].boots);
    let frozen = &mut island.nodes[at].store.frozen;
    if writable {
        frozen.remove(name);
    }
    frozen.entry(name.to_owned()).or_insert(since);
    Answer::ok(String::new())
}

fn thaw(island: &mut Island, at: usize, [place, device, name]: [&str; 3]) -> Answer {
    if on_top(island, at, place).is_none_or(|(found, _)| found != device) {
        return Answer::failed(1, format!("{place} is not {device}\n"));
    }
    let node = &mut island.nodes[at];
    for filesystem in node
        .filesystems
        .iter_mut()
        .filter(|filesystem| filesystem.source == device)
    {
        filesystem.read_only = false;
    }
    node.store.frozen.remove(name);
    Answer::ok(String::new())
}

fn wipe(island: &mut Island, at: usize, [place, device, name]: [&str; 3]) -> Answer {
    match on_top(island, at, place) {
        Some((found, false)) if found == device => {}
        None => {}
        Some((found, _)) => return Answer::failed(1, format!("{place} is not {device}, read-only, but {found}\n")),
    }
    if let Some(dataset) = island.dataset(at, device) {
        if island.copies.datasets[dataset].old.as_deref() != Some(name) {
            return Answer::failed(1, format!("{device} is not marked as an old side of {name}\n"));
        }
        island.copies.datasets.remove(dataset);
    }
    let node = &mut island.nodes[at];
    node.filesystems.retain(|filesystem| filesystem.source != device);
    node.store.wiped.insert(device.to_owned());
    node.store.old.remove(name);
    island.settle();
    Answer::ok(String::new())
}
