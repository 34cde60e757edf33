//! Makes a side secondary (`drbdadm secondary`).

use super::{Action, Argument, Given, Tool, argv, same};
use crate::{
    facts::drbd::DrbdRole,
    runbook::operation::{Claim, Nature, Operation, Place, Retry, Work},
};
use std::time::Duration;

/// `drbd-demote`.
#[derive(Debug)]
pub struct DrbdDemote;

impl Action for DrbdDemote {
    fn name(&self) -> &'static str {
        "drbd-demote"
    }

    fn about(&self) -> &'static str {
        "make a side of the slice's DRBD resource secondary"
    }

    fn arguments(&self) -> &'static [Argument] {
        super::SLICE_ON_HOST
    }

    fn tools(&self) -> &'static [Tool] {
        super::DRBDADM
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (slice, _, side) = given.side()?;
        let resource = side.resource.as_str();
        Ok(Operation {
            place: Place::Host(side.host.clone()),
            says: format!("make {resource} secondary on {}", side.host),
            needs: vec![side.has_role(DrbdRole::Primary)],
            expects: vec![side.expects(&DrbdRole::Primary, None)],
            work: Work::Commands(vec![argv(["drbdadm", "secondary", resource])]),
            proof: vec![side.has_role(DrbdRole::Secondary)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            // udev and multipath open the device for moments (drbd #74, linstor-server PR 493).
            retry: Some(Retry {
                on: "(-12)",
                within: Duration::from_secs(10),
            }),
            undo: Some(same(given.call, "drbd-promote")),
            claims: vec![Claim::Demote {
                host: side.host.clone(),
                slice,
            }],
        })
    }
}
