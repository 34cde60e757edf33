//! Makes a side primary (`drbdadm primary`, without force unless the resource was named for it).

use super::{Action, Argument, Given, Takes, Tool, argv, same};
use crate::{
    facts::drbd::{DrbdDisk, DrbdRole},
    runbook::operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `drbd-promote`.
#[derive(Debug)]
pub struct DrbdPromote;

impl Action for DrbdPromote {
    fn name(&self) -> &'static str {
        "drbd-promote"
    }

    fn about(&self) -> &'static str {
        "make a side of the slice's DRBD resource primary"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            super::SLICE,
            super::HOST,
            Argument {
                name: "force",
                optional: true,
                takes: Takes::YesNo,
                about: "yes: override DRBD's refusal; needs the resource named",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        super::DRBDADM
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, _, side) = given.side()?;
        let force = given.is_yes("force")?;
        let resource = side.resource.as_str();
        let mut command = argv(["drbdadm", "primary", resource]);
        if force {
            command.insert(2, "--force".into());
        }
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("make {resource} primary on {}", side.host),
            needs: if force { Vec::new() } else { vec![side.is_up_to_date()] },
            expects: vec![side.expects(&DrbdRole::Secondary, (!force).then_some(&DrbdDisk::UpToDate))],
            work: Work::Commands(vec![command]),
            proof: vec![side.has_role(DrbdRole::Primary)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: if force { Nature::Irreversible } else { Nature::Probeable },
            retry: None,
            undo: Some(same(given.call, "drbd-demote")),
            claims: vec![Claim::Promote {
                host: side.host.clone(),
                slice,
                force,
            }],
        })
    }
}
