//! The functions of `backup.sh` as a simulated host runs them.

use super::copy::go;
use crate::simulate::{
    backup::{COMPARES, Scratch},
    exec::Answer,
    island::Island,
    mirror::SITE,
};

/// Runs a command, if it is one of these.
pub(super) fn command(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    let fine = || Answer::ok(String::new());
    Some(match words {
        ["timeout", "-s", "KILL", _, SITE, "backups", of] => Answer::ok(island.listed(at, of)),
        ["scratch_state", place] => Answer::ok(format!("{}\n", state(island, at, place))),
        ["scratch_ready", place, mark] => match state(island, at, place) {
            found if found == format!("mark {mark}") => Answer::ok("ready\n".to_owned()),
            found => Answer::ok(format!("{place}: {found}\n")),
        },
        ["scratch_clear", place, mark] => match clear(island, at, place, mark) {
            Ok(()) => fine(),
            Err(answer) => answer,
        },
        ["scratch_begin", place, mark] => match clear(island, at, place, mark) {
            Err(answer) => answer,
            Ok(()) if island.nodes[at].store.full => Answer::failed(1, "No space left on device\n".to_owned()),
            Ok(()) => {
                let made = Scratch {
                    mark: Some((*mark).to_owned()),
                    restored: None,
                };
                island.nodes[at].store.vault.scratch.insert((*place).to_owned(), made);
                fine()
            }
        },
        ["backup_compare", name, lease, tree, work, live, rest @ ..] => {
            let mut mounts = island.nodes[at].mounts.iter();
            if *live != "-" && !mounts.any(|mount| mount.mounted && mount.at == *live) {
                return Some(Answer::failed(1, format!("no slice is mounted at {live}\n")));
            }
            let number = if *live == "-" { "-" } else { "52" };
            let argv = [&["sh", COMPARES[0], *tree, *work, *live, number][..], rest].concat();
            go(island, at, name, lease, &argv)
        }
        ["database_compare", name, lease, place, rest @ ..] => {
            let argv = [&["sh", COMPARES[1], *place][..], rest].concat();
            go(island, at, name, lease, &argv)
        }
        ["backup_record", name, task, backup, since, may] => record(island, at, [name, task, backup, since, may]),
        ["backup_told", name] => {
            let told = island.nodes[at].store.vault.told.get(*name);
            Answer::ok(format!("{}end\n", told.map_or("no\n", String::as_str)))
        }
        _ => return None,
    })
}

fn state(island: &Island, at: usize, place: &str) -> String {
    match island.nodes[at].store.vault.scratch.get(place).map(|it| &it.mark) {
        None => "free".to_owned(),
        Some(Some(mark)) => format!("mark {mark}"),
        Some(None) => "used it has no mark of ours".to_owned(),
    }
}

fn clear(island: &mut Island, at: usize, place: &str, mark: &str) -> Result<(), Answer> {
    let found = state(island, at, place);
    if found != "free" && found != format!("mark {mark}") {
        return Err(Answer::failed(1, format!("{place} is not ours: {found}\n")));
    }
    island.nodes[at].store.vault.scratch.remove(place);
    Ok(())
}

fn record(island: &mut Island, at: usize, [name, task, backup, since, may]: [&str; 5]) -> Answer {
    let store = &mut island.nodes[at].store;
    let log = store
        .tasks
        .get(task)
        .filter(|task| task.ended.is_some_and(|(_, code)| code == 0));
    let Some(log) = log.map(|task| task.log.clone()) else {
        return Answer::failed(1, format!("{task} has not ended well\n"));
    };
    if store.full {
        return Answer::failed(1, String::new());
    }
    let told = format!("of {backup} {since} may {may}\n{log}");
    store.vault.told.insert(name.to_owned(), told);
    Answer::ok(String::new())
}
