//! Starts or stops a service of a host (systemd). A restart is one after the other: what runs already would prove nothing.

use super::{Action, Argument, Given, Tool, argv};
use crate::runbook::{
    definition::Call,
    observe::service,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `service`.
#[derive(Debug)]
pub struct Service;

/// The kinds of units besides services (systemd.unit(5)).
const OTHER_KINDS: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "slice",
    "snapshot",
    "socket",
    "swap",
    "target",
    "timer",
];

impl Action for Service {
    fn name(&self) -> &'static str {
        "service"
    }

    fn about(&self) -> &'static str {
        "start or stop a service of a host"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            Argument {
                name: "host",
                optional: false,
                about: "the host",
            },
            Argument {
                name: "unit",
                optional: false,
                about: "the unit's name",
            },
            Argument {
                name: "state",
                optional: false,
                about: "started or stopped",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["systemctl"],
            why: "no service could be started or stopped",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = given.host()?;
        if !given.layouts.concerns(host) {
            return Err(format!(
                "{host} is no host that this plan is about: its services are none of its business"
            ));
        }
        let unit = given.text("unit")?;
        if unit.starts_with('-') || !unit.chars().all(|c| c.is_ascii_alphanumeric() || "@._:-".contains(c)) {
            return Err(format!("unit: {unit:?} is no name of a unit"));
        }
        // A target or a socket may stand for anything: `poweroff.target` can be started. A name that ends in no kind of
        // unit is a service's (systemctl(1)): `php8.2-fpm`.
        if unit
            .rsplit_once('.')
            .is_some_and(|(_, kind)| OTHER_KINDS.contains(&kind))
        {
            return Err(format!("unit: {unit:?} is not a service"));
        }
        let (verb, back) = match given.text("state")? {
            "started" => ("start", "stopped"),
            "stopped" => ("stop", "started"),
            other => return Err(format!("state: {other:?} is neither started nor stopped")),
        };
        let mut undo: Call = given.call.clone();
        undo.with.insert("state".into(), back.into());
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("{verb} {unit} on {host}"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["systemctl", verb, unit])]),
            proof: vec![service::is_active(host, unit, verb != "stop")],
            deadline: Duration::from_secs(90),
            settles_within: Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(undo),
            claims: vec![Claim::Service {
                host: host.clone(),
                unit: unit.to_owned(),
                stops: verb != "start",
            }],
        })
    }
}
