//! The functions of `stream.sh` as a simulated host runs them.

use super::copy::{go, is_exported, on_top};
use crate::simulate::{exec::Answer, island::Island, node::whole, stream::Dataset};
use std::fmt::Write as _;

/// Runs a command, if it is one of these.
pub(super) fn command(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    Some(match words {
        ["stream_stand", dataset] => stand(island, at, dataset),
        ["stream_left", name] => left(island, at, name),
        ["stream_serve", name, place, dataset, ..] => {
            if on_top(island, at, place).is_none_or(|(found, _)| found != *dataset) {
                return Some(Answer::failed(1, format!("{place} is not {dataset}\n")));
            }
            let tasks = &mut island.nodes[at].store.tasks;
            tasks.retain(|task, it| task != name || it.ended.is_none());
            go(island, at, name, "31536000", &["socat", dataset])
        }
        ["stream_go", name, lease, rest @ ..] => go(island, at, name, lease, &[&["stream"][..], rest].concat()),
        ["stream_begin", place, dataset, text] => begin(island, at, place, dataset, text),
        ["stream_ready", place, dataset, text] => {
            let plain = island.plain_of(at, dataset);
            let says = if plain.is_none_or(|plain| island.copies.plains[plain].mark.as_deref() != Some(*text)) {
                format!("{dataset} is something else")
            } else if is_exported(island, at, place) {
                format!("{place} is exported")
            } else {
                "ready".to_owned()
            };
            Answer::ok(format!("{says}\n"))
        }
        ["stream_unlock" | "stream_lock", dataset, text] => {
            let locks = words[0] == "stream_lock";
            match island.plain_of(at, dataset) {
                Some(plain) if island.copies.plains[plain].mark.as_deref() == Some(*text) => {
                    read_only(island, at, dataset, locks);
                    if let Some(dataset) = island.dataset(at, dataset) {
                        // To read it writes when it was read; to roll it back takes that back.
                        island.copies.datasets[dataset].modified = !locks;
                    }
                    Answer::ok(String::new())
                }
                _ => Answer::failed(1, format!("{dataset} is something else\n")),
            }
        }
        ["stream_release", dataset] => changed(island, at, dataset, release),
        ["stream_keep", dataset, name] => changed(island, at, dataset, |dataset| {
            release(dataset);
            dataset.old = Some((*name).to_owned());
        }),
        _ => return None,
    })
}

fn changed(island: &mut Island, at: usize, name: &str, change: impl FnOnce(&mut Dataset)) -> Answer {
    match island.dataset(at, name) {
        Some(dataset) => {
            change(&mut island.copies.datasets[dataset]);
            Answer::ok(String::new())
        }
        None => missing(name),
    }
}

fn missing(name: &str) -> Answer {
    Answer::failed(1, format!("cannot open '{name}': dataset does not exist\n"))
}

fn release(dataset: &mut Dataset) {
    dataset.bookmarks.append(&mut dataset.snapshots);
}

fn read_only(island: &mut Island, at: usize, device: &str, is: bool) {
    for filesystem in island.nodes[at].filesystems.iter_mut().filter(|it| it.source == device) {
        filesystem.read_only = is;
    }
}

fn begin(island: &mut Island, at: usize, place: &str, dataset: &str, text: &str) -> Answer {
    let known = (island.plain_of(at, dataset), island.dataset(at, dataset));
    let (Some(plain), Some(known)) = known else {
        return missing(dataset);
    };
    if on_top(island, at, place).is_none_or(|(found, _)| found != dataset) {
        return Answer::failed(1, format!("{place} is not {dataset}\n"));
    }
    let empty = island.copies.plains[plain].has.is_none() && island.copies.datasets[known].snapshots.is_empty();
    match island.copies.plains[plain].mark.as_deref() {
        Some(found) if found == text => {}
        None if empty => island.copies.plains[plain].mark = Some(text.to_owned()),
        _ => return Answer::failed(1, format!("{dataset} holds something else\n")),
    }
    read_only(island, at, dataset, true);
    Answer::ok(String::new())
}

/// How much of a stream has come: a second is as much as 64 MiB.
fn left(island: &Island, at: usize, name: &str) -> Answer {
    let tasks = &island.nodes[at].store.tasks;
    let parts = (1..).map_while(|part| tasks.get(&format!("{name}.{part}")));
    Answer::ok(match parts.last().and_then(|task| task.left_s) {
        Some(left) => format!(
            "stream {} {}\n",
            64_u64 << 24,
            (64 << 24) - (whole(left.max(0.0)) << 26).min(64 << 24)
        ),
        None => "stream - -\n".to_owned(),
    })
}

fn stand(island: &Island, at: usize, name: &str) -> Answer {
    let Some(known) = island.dataset(at, name) else {
        return missing(name);
    };
    let dataset = &island.copies.datasets[known];
    let plain = island.plain_of(at, name).map(|plain| &island.copies.plains[plain]);
    let total = match (plain, island.replica_of(name)) {
        (Some(plain), _) => plain.own + if dataset.modified { 1.0 } else { 0.0 },
        (None, Some(replica)) => {
            let written = island.copies.written.get(&replica).copied().unwrap_or_default();
            written - dataset.snapshots.last().map_or(0.0, |last| last.has.1)
        }
        (None, None) => 0.0,
    };
    let replica = island.replica_of(name).map(|replica| &island.replicas[replica]);
    let place = plain
        .map(|plain| &plain.mount_point)
        .or(replica.map(|replica| &replica.mount_point));
    let place = place.map_or("none", String::as_str);
    let mark = plain.and_then(|plain| plain.mark.as_deref()).unwrap_or("-");
    let mut out = format!(
        "type filesystem\ncopy {mark}\nold {}\nacltype posix\nxattr sa\nmountpoint {place}\n",
        dataset.old.as_deref().unwrap_or("-")
    );
    if dataset.resumes {
        out.push_str("resumes\n");
    }
    out.push_str("below 0\nothers 0\n");
    if let Some(last) = dataset.snapshots.last() {
        let _ = writeln!(out, "last {} {}", last.name, last.guid);
    }
    // Whatever was written, however little, is some bytes.
    let _ = writeln!(out, "written {}\nend", (total * 4096.0).ceil());
    Answer::ok(out)
}
