//! Takes a host's power away, and reads back that it is off; or takes a person's word for it, given by name.

use super::{Action, Argument, Given, Takes};
use crate::runbook::{
    definition::Kind,
    observe::{galera::Found, power},
    operation::{Claim, Nature, Operation, Place, Work},
    plan::Rule,
};
use std::time::Duration;

/// `fence`.
#[derive(Debug)]
pub struct Fence;

impl Action for Fence {
    fn name(&self) -> &'static str {
        "fence"
    }

    fn about(&self) -> &'static str {
        "take a host's power away and read back that it is off, so that it can write nothing any more"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Emergency]
    }

    fn arguments(&self) -> &'static [Argument] {
        &[Argument {
            name: "host",
            optional: false,
            takes: Takes::Known,
            about: "the host that must be off",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = given.host()?;
        let named = given
            .glass
            .iter()
            .find(|glass| glass.rule == Rule::AssertOff && glass.resource == host.as_str());
        let fencing = given.fleet.host(host.as_str()).and_then(|host| host.fencing.as_ref());
        let (work, proof) = match (fencing, named) {
            (Some(fencing), _) => (
                Work::Local(fencing.off.clone()),
                power::is_off(host, &fencing.status, &fencing.says_off),
            ),
            (None, Some(glass)) => {
                let address = given
                    .fleet
                    .host(host.as_str())
                    .map_or(host.as_str(), |host| &host.address);
                let sides = given.layouts.slices.values().flat_map(|layout| &layout.sides);
                let members = given.layouts.database.iter().flat_map(|database| &database.members);
                let nodes = given.layouts.galera.iter().flat_map(|galera| &galera.members);
                // One that is off itself sees nobody.
                let nodes = nodes.filter(|member| matches!(member.found, Found::Runs | Found::Stopped));
                let mut others = sides
                    .map(|side| &side.host)
                    .chain(members.map(|member| &member.host))
                    .chain(nodes.map(|member| &member.host));
                // The other server of a pair that is lost sees nobody either.
                let restore = given.layouts.restore.as_ref().map(|restore| &restore.to);
                let witness = restore.or_else(|| others.find(|other| *other != host));
                let witness = witness.ok_or_else(|| format!("nobody is there to see whether {host} is off"))?;
                let off = power::asserted_off(host, address, witness, &glass.by);
                (Work::Local(Vec::new()), off)
            }
            (None, None) => {
                return Err(format!(
                    "{host} has no `fencing` in the inventory, and nobody has said by its name that it is off"
                ));
            }
        };
        Ok(Operation {
            place: Place::Console,
            says: format!("make sure that {host} is off"),
            needs: Vec::new(),
            expects: Vec::new(),
            work,
            proof: vec![proof],
            deadline: Duration::from_mins(1),
            settles_within: Duration::from_secs(30),
            nature: Nature::Probeable,
            retry: None,
            // Power comes back by a person's hand, after a look at why it had to go.
            undo: None,
            claims: vec![Claim::Fence { host: host.clone() }],
        })
    }
}
