//! Looks at a restored backup: what it holds, and how that compares with the live slice where that can be read beside it; of
//! a database whether a server starts on it, and every table is well. Whether it is good is not this step's to say: it is done when that is known.

use super::Found;
use crate::runbook::{
    action::{Action, Argument, Given, HOST, HOURS, SETSID, Takes, Tool, argv},
    observe::{backup, copy::LEASE_S, watch::Watch},
    operation::{Nature, Operation, Place, Work},
    plan::BackupOf,
};
use std::time::Duration;

/// `backup-check`.
#[derive(Debug)]
pub struct BackupCheck;

impl Action for BackupCheck {
    fn name(&self) -> &'static str {
        "backup-check"
    }

    fn about(&self) -> &'static str {
        "count what a restored backup holds, and compare it with the live slice: names and sizes of all files that are older, \
         content of some or all of them; start a server on what was restored of a database, and check every table"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            HOURS,
            Argument {
                name: "sample",
                optional: true,
                takes: Takes::Number,
                about: "of how many files of a slice the content is compared; 0, or left out: of all",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        const NEEDED: &[Tool] = &[
            SETSID,
            Tool {
                any: &["find"],
                why: "no file could be counted",
            },
            Tool {
                any: &["cmp"],
                why: "no content could be compared",
            },
        ];
        NEEDED
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::of(given)?;
        let (layout, host, check) = (found.0, &found.0.host, found.check());
        let sample = given.number_or("sample", 0)?;
        let lease = LEASE_S.to_string();
        let (mut command, how, clients) = match &layout.of {
            BackupOf::Slice { live, clients } => {
                let (at, since) = (live.as_deref().unwrap_or("-"), (layout.backup.at.0 / 1000).to_string());
                let [tree, work] = ["tree", "work"].map(|part| format!("{}/{part}", layout.place));
                let words = [
                    "backup_compare",
                    &check,
                    &lease,
                    &tree,
                    &work,
                    at,
                    &since,
                    &sample.to_string(),
                ];
                let how = match (live, sample) {
                    (None, _) => "; it is compared with nothing".to_owned(),
                    (Some(at), 0) => format!("; compare it with {at}, all content"),
                    (Some(at), some) => format!("; compare it with {at}, the content of {some} files"),
                };
                (argv(words), how, live.iter().flat_map(|_| clients.clone()).collect())
            }
            BackupOf::Database { heartbeat } => {
                let heartbeat = heartbeat.as_deref().unwrap_or("-");
                let words = ["database_compare", &check, &lease, &layout.place, heartbeat];
                let how = ", by a server of its own that nobody can reach; check every table";
                (argv(words), how.to_owned(), Vec::new())
            }
        };
        command.extend(layout.expect.iter().cloned());
        let copying = found.copying(check, command, clients);
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("look at what {} holds on {host}{how}", layout.backup.name),
            needs: vec![backup::is_ours(host, &layout.place, &layout.mark)],
            expects: vec![found.ready()],
            proof: vec![copying.proof()],
            work: Work::Watch(Watch::Copy(Box::new(copying))),
            deadline: Duration::from_mins(1),
            settles_within: given.hours()?,
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(found.end()),
            claims: vec![found.scratch()],
        })
    }
}
