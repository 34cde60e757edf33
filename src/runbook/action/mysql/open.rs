//! Lets a server take writes: the last thing that is done, and the last that is taken back.

use super::{
    super::{Action, Argument, Given, Tool, same},
    CLIENT, HOST, call, member,
};
use crate::runbook::{
    definition::Kind,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `mysql-open`.
#[derive(Debug)]
pub struct MysqlOpen;

impl Action for MysqlOpen {
    fn name(&self) -> &'static str {
        "mysql-open"
    }

    fn about(&self) -> &'static str {
        "let a server take writes, when no other one does and it has everything that every other has"
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
        let database = given.layouts.database.as_ref();
        let events = database.is_some_and(|database| database.events);
        // In an emergency clients that were let in are not turned away again.
        let emergency = database.is_some_and(|database| database.kind == Kind::Emergency);
        let mut proof = vec![server.is_open(true)];
        let mut closed = Some(false);
        if events {
            // One that takes writes may have lost its events all the same: it gets them back.
            proof.push(server.has_events(true));
            closed = None;
        }
        let events = if events { "events" } else { "none" };
        // Started anew meanwhile, it has forgotten that commits wait. In an emergency clients come first: it is told again then.
        let waits = database.is_some_and(|database| database.waits && database.to == host);
        let needs = if waits && !emergency {
            vec![server.waits(true)]
        } else {
            Vec::new()
        };
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("take writes on {host}"),
            needs,
            expects: vec![server.expects(closed, "source")],
            work: Work::Commands(vec![call("db_open", server, [events.to_owned()])]),
            proof,
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            undo: (!emergency).then(|| same(given.call, "mysql-close")),
            claims: vec![Claim::OpenDatabase { host }],
        })
    }
}
