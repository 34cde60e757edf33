//! Takes a host out of service and puts it back, by the site's own commands of the inventory.

use super::{Action, Argument, Given, HOST, Takes, command::ends_well, host_healthy::health, same};
use crate::{
    fleet::{HostName, ServiceHooks, usable},
    runbook::{
        observe::host,
        operation::{Claim, Nature, Operation, Place, Work},
    },
};
use std::time::Duration;

/// `host-drain` or `host-undrain`.
#[derive(Debug)]
pub struct Turn {
    drains: bool,
}

/// `host-drain`.
pub const DRAIN: Turn = Turn { drains: true };
/// `host-undrain`.
pub const UNDRAIN: Turn = Turn { drains: false };

/// How long such a command may take.
const DEADLINE: Duration = Duration::from_mins(2);
/// How long it may take to show.
const SETTLES: Duration = Duration::from_secs(30);

impl Action for Turn {
    fn name(&self) -> &'static str {
        if self.drains { "host-drain" } else { "host-undrain" }
    }

    fn about(&self) -> &'static str {
        if self.drains {
            "take a host out of service by the inventory's own command: nobody new comes"
        } else {
            "put a host back into service, once it has everything that it had before"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        const BY_ITSELF: Argument = Argument {
            name: "by_itself",
            optional: true,
            takes: Takes::YesNo,
            about: "yes: it is only waited for, for a host that was installed anew comes into service by itself",
        };
        if self.drains { &[HOST] } else { &[HOST, BY_ITSELF] }
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (host, hooks) = hooks(given)?;
        let by_itself = !self.drains && given.is_yes("by_itself")?;
        let run = if self.drains { &hooks.drain } else { &hooks.undrain };
        for (words, changes) in [(&hooks.serving, false), (run, true)] {
            usable(&words[0], changes).map_err(|(says, hint)| format!("{says}; {hint}"))?;
        }
        let says = match (self.drains, by_itself) {
            (true, _) => format!("take {host} out of service"),
            (false, false) => format!("put {host} back into service"),
            (false, true) => format!("wait until {host} is in service"),
        };
        Ok(Operation {
            place: Place::Host(host.clone()),
            says,
            // A host that lacks something stays out of service, also when this takes something back.
            needs: if self.drains { Vec::new() } else { health(given, host)? },
            expects: Vec::new(),
            work: Work::Commands(if by_itself { Vec::new() } else { vec![run.clone()] }),
            proof: vec![ends_well(host, hooks.serving.clone(), !self.drains)],
            deadline: DEADLINE,
            settles_within: if by_itself { DEADLINE } else { SETTLES },
            nature: Nature::Probeable,
            retry: None,
            undo: (!by_itself).then(|| same(given.call, if self.drains { "host-undrain" } else { "host-drain" })),
            claims: vec![Claim::Command { host: host.clone() }],
        })
    }
}

/// `host-drained`.
#[derive(Debug)]
pub struct HostDrained;

impl Action for HostDrained {
    fn name(&self) -> &'static str {
        "host-drained"
    }

    fn about(&self) -> &'static str {
        "wait until the connections to a host that is out of service are gone, but for so many as the inventory allows"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "seconds",
                optional: false,
                takes: Takes::Seconds,
                about: "for how long at most",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (host, hooks) = hooks(given)?;
        if hooks.ports.is_empty() {
            return Err(format!(
                "{host} has no `ports` in `rolling` of the inventory to count connections of"
            ));
        }
        let time = given.seconds("seconds")?;
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("wait until the connections to {host} are gone"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![host::has_few_connections(host, &hooks.ports, hooks.connections)],
            deadline: time,
            settles_within: time,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}

fn hooks<'a>(given: &Given<'a>) -> Result<(&'a HostName, &'a ServiceHooks), String> {
    let host = given.host()?;
    let known = given.fleet.host(host.as_str());
    let hooks = known.and_then(|known| known.rolling.service.as_ref());
    hooks
        .map(|hooks| (host, hooks))
        .ok_or_else(|| format!("{host} has no `serving`, `drain` and `undrain` in `rolling` of the inventory"))
}
