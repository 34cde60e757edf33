//! Recovers the data of a member that did not end well, so that it is known how far it is. It changes that data as every
//! start of the server would: it is a step, and no look.

use super::{
    super::{Action, Argument, Given, Tool},
    HOST, SECONDS, TOOLS, command, member,
};
use crate::runbook::operation::{Claim, Nature, Operation, Place, Work};
use std::time::Duration;

/// `galera-position`.
#[derive(Debug)]
pub struct GaleraPosition;

impl Action for GaleraPosition {
    fn name(&self) -> &'static str {
        "galera-position"
    }

    fn about(&self) -> &'static str {
        "recover the data of a member whose server is stopped (--wsrep-recover), and keep how far it is"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST, SECONDS]
    }

    fn tools(&self) -> &'static [Tool] {
        TOOLS
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let member = member(given, "host")?;
        let host = &member.host;
        let program = command(member.access.server.as_ref(), ["mariadbd"]);
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("find out where {host} ended"),
            needs: Vec::new(),
            expects: vec![member.expects("stopped?*?-1")],
            work: Work::Commands(vec![member.call("db_galera_recover", program)]),
            proof: vec![member.tells_position()],
            deadline: given.seconds("seconds")?,
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            // The server would do the same when it starts.
            undo: None,
            claims: vec![Claim::Recover { host: host.clone() }],
        })
    }
}
