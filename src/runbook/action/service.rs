//! Starts or stops a service of a host (systemd). A restart is one after the other: what runs already would prove nothing.

use super::{Action, Argument, Given, Takes, Tool, argv};
use crate::runbook::{
    definition::Call,
    observe::service,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `service`.
#[derive(Debug)]
pub struct Service;

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
                takes: Takes::Known,
                about: "the host",
            },
            Argument {
                name: "unit",
                optional: false,
                takes: Takes::Unit,
                about: "the unit's name",
            },
            super::STATE,
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
        let unit = given.unit("unit")?;
        let (verb, back) = if given.starts()? {
            ("start", "stopped")
        } else {
            ("stop", "started")
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
