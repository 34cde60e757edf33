//! Warms the cache of the server that takes over, before clients come: what it has not in memory they would wait for.

use super::{
    super::{Action, Argument, Given, Takes, Tool},
    CLIENT, HOST, call, member,
};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `mysql-warm`.
#[derive(Debug)]
pub struct MysqlWarm;

impl Action for MysqlWarm {
    fn name(&self) -> &'static str {
        "mysql-warm"
    }

    fn about(&self) -> &'static str {
        "read indexes of the tables that were written last into a server's buffer pool, for so long at most"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "seconds",
                optional: false,
                takes: Takes::Seconds,
                about: "how long it may take",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        CLIENT
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let server = member(given, "host")?;
        let time = given.seconds("seconds")?;
        let words = [time.as_secs().to_string()];
        Ok(Operation {
            place: Place::Console,
            says: format!("warm the cache of {} for {} s at most", server.host, time.as_secs()),
            needs: Vec::new(),
            expects: Vec::new(),
            // It reads: whatever becomes of it, the move goes on.
            work: Work::Nudge {
                hosts: vec![server.host.clone()],
                argv: call("db_warm", server, words),
            },
            proof: Vec::new(),
            deadline: time + Duration::from_secs(30),
            settles_within: Duration::ZERO,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
