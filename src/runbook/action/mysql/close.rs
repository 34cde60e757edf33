//! Takes writes away from a source: read-only, its events off, its sessions ended, and its position standing still.

use super::{
    super::{Action, Argument, Given, Tool, same},
    CLIENT, HOST, call, member,
};
use crate::runbook::operation::{Claim, Nature, Operation, Place, Work};
use std::time::Duration;

/// `mysql-close`.
#[derive(Debug)]
pub struct MysqlClose;

impl Action for MysqlClose {
    fn name(&self) -> &'static str {
        "mysql-close"
    }

    fn about(&self) -> &'static str {
        "make a server read-only, end its sessions and events, and wait until its position stands still"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        CLIENT
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let server = member(given, "host")?;
        let host = server.host.clone();
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("take no more writes on {host}"),
            needs: Vec::new(),
            expects: vec![server.expects(Some(true), "*")],
            work: Work::Commands(vec![call("db_close", server, [])]),
            proof: vec![server.is_open(false), server.has_events(false)],
            deadline: Duration::from_secs(45),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            undo: Some(same(given.call, "mysql-open")),
            claims: vec![Claim::CloseDatabase { host }],
        })
    }
}
