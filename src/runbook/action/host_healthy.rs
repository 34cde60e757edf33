//! Proves that a host has everything again that it had before the work on it.

use super::{Action, Argument, Given, HOST, Takes, host_reboot::found};
use crate::{
    fleet::HostName,
    runbook::{
        condition::Condition,
        observe::host,
        operation::{Nature, Operation, Place, Work},
    },
};

/// `host-healthy`.
#[derive(Debug)]
pub struct HostHealthy;

impl Action for HostHealthy {
    fn name(&self) -> &'static str {
        "host-healthy"
    }

    fn about(&self) -> &'static str {
        "wait until a host has the services, arrays, mounts and copies of data again that it had before"
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
        let host = given.host()?;
        let time = given.seconds("seconds")?;
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("see that {host} is as it was before"),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(Vec::new()),
            proof: health(given, host)?,
            deadline: time,
            settles_within: time,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}

/// What has to hold of a host that is as it was: it runs what it ran, what it keeps copies of is equal to its peer's, and
/// its cluster has it again.
///
/// # Errors
/// When the plan does not know how it was.
pub(super) fn health(given: &Given<'_>, host: &HostName) -> Result<Vec<Condition>, String> {
    let found = found(given, host)?;
    let mut out = vec![host::is_healthy(host, &found.health)];
    for layout in found.slices.values() {
        let own = layout.sides.iter().filter(|side| side.host == *host);
        out.extend(own.map(crate::runbook::observe::drbd::Side::is_replicated));
    }
    if let Some(cluster) = &found.cluster {
        out.push(cluster.own.is_synced());
    }
    Ok(out)
}
