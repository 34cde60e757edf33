//! Writes down on the server that a slice has left since when, and for how long, its old side is kept; nobody reads it for
//! copying any more.

use super::{Found, WHICH};
use crate::runbook::{
    action::{Action, Argument, Given, HOST, Takes, argv},
    observe::{copy, stream, task},
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `copy-keep`.
#[derive(Debug)]
pub struct CopyKeep;

impl Action for CopyKeep {
    fn name(&self) -> &'static str {
        "copy-keep"
    }

    fn about(&self) -> &'static str {
        "keep the old side of a slice that has moved, read-only, for so many days"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            WHICH,
            Argument {
                name: "days",
                optional: false,
                takes: Takes::Number,
                about: "for how many days",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let found = Found::on_old(given)?;
        let (layout, days) = (found.layout, given.number("days")?.to_string());
        let (from, serving, device) = (&layout.from, found.serving(), found.old.device.as_str());
        let mut commands = vec![argv(["task_end", &serving])];
        let mut proof = vec![copy::is_kept(from, &layout.task), task::rests(from, &serving)];
        if stream::is_dataset(device) {
            commands.push(argv(["stream_keep", device, &layout.task]));
            proof.push(stream::is_old(from, device, &layout.task));
        }
        commands.push(argv(["old_keep", &layout.task, &days, layout.into.as_str()]));
        Ok(Operation {
            place: Place::Host(from.clone()),
            says: format!(
                "keep the old side of {} on {from}, read-only, for {days} days",
                layout.slice
            ),
            needs: vec![found.is_closed()],
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof,
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
