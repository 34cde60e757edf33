//! Stops the services that hold a mount of a slice on a client, or starts them again: those that held it when the plan was made.

use super::{Action, Argument, Given, Tool, argv};
use crate::runbook::{
    observe::service,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `client-services`.
#[derive(Debug)]
pub struct ClientServices;

impl Action for ClientServices {
    fn name(&self) -> &'static str {
        "client-services"
    }

    fn about(&self) -> &'static str {
        "stop the services that hold a mount on a client, or start them again"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[super::CLIENT_HOST, super::PLACE, super::STATE]
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["systemctl"],
            why: "no service could be started or stopped",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let client = given.client()?;
        let host = client.host.clone();
        let (verb, back) = if given.starts()? {
            ("start", "stopped")
        } else {
            ("stop", "started")
        };
        let units = client.units();
        let mut undo = given.call.clone();
        undo.with.insert("state".into(), back.into());
        let claims = units.iter().map(|unit| Claim::Service {
            host: host.clone(),
            unit: (*unit).to_owned(),
            stops: verb == "stop",
        });
        let commands = units.iter().map(|unit| argv(["systemctl", verb, unit]));
        Ok(Operation {
            says: format!("{verb} {} on {host}", units.join(", ")),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(commands.collect()),
            proof: units
                .iter()
                .map(|unit| service::is_active(&host, unit, verb == "start"))
                .collect(),
            claims: claims.collect(),
            place: Place::Host(host),
            // systemd itself waits for 90 s before it kills.
            deadline: Duration::from_mins(3),
            settles_within: Duration::from_secs(10),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(undo),
        })
    }
}
