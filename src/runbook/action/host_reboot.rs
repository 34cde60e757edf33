//! Boots a host anew, and waits until it is back.

use super::{Action, Argument, Given, HOST, Takes, Tool, argv};
use crate::{
    fleet::HostName,
    runbook::{
        observe::host,
        operation::{Claim, Departure, Nature, Operation, Place, Work},
        plan::HostLayout,
    },
};
use std::time::Duration;

/// `host-reboot`.
#[derive(Debug)]
pub struct HostReboot;

const SECONDS: Argument = Argument {
    name: "seconds",
    optional: false,
    takes: Takes::Seconds,
    about: "how long it may take until it answers again",
};

impl Action for HostReboot {
    fn name(&self) -> &'static str {
        "host-reboot"
    }

    fn about(&self) -> &'static str {
        "boot a host anew; host-back waits until it is there again"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, SECONDS]
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["systemctl", "reboot"],
            why: "nothing could boot it anew",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = given.host()?;
        let found = found(given, host)?;
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("boot {host} anew"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(vec![argv(["host_reboot"])]),
            proof: vec![host::is_going(host, &found.boot_id)],
            deadline: Duration::from_secs(30),
            // Where the answer is lost, it is asked again once it is back.
            settles_within: given.seconds("seconds")?,
            nature: Nature::Probeable,
            retry: None,
            undo: None,
            claims: vec![Claim::Leave {
                host: host.clone(),
                departure: Departure::Boots,
            }],
        })
    }
}

/// `host-back`.
#[derive(Debug)]
pub struct HostBack;

impl Action for HostBack {
    fn name(&self) -> &'static str {
        "host-back"
    }

    fn about(&self) -> &'static str {
        "wait until a host that boots anew answers again, by the host key that is known"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, SECONDS]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = given.host()?;
        let found = found(given, host)?;
        let time = given.seconds("seconds")?;
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("wait until {host} is back"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: vec![host::is_back(host, &found.boot_id)],
            deadline: time,
            settles_within: time,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}

/// How the plan found a host.
///
/// # Errors
/// When it is about something else.
pub(super) fn found<'a>(given: &Given<'a>, host: &HostName) -> Result<&'a HostLayout, String> {
    let found = given.layouts.found.get(host);
    found.ok_or_else(|| format!("how {host} was before is not known"))
}
