//! Stops what a replica of MySQL receives, so that what it has received stands still while that is compared and applied.
//! Nothing of MariaDB is stopped: it throws relay logs away when a replica's threads start.

use super::{
    super::{Action, Argument, Given, Tool},
    CLIENT, HOST, call, member,
};
use crate::runbook::{
    definition::Kind,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `mysql-freeze`.
#[derive(Debug)]
pub struct MysqlFreeze;

impl Action for MysqlFreeze {
    fn name(&self) -> &'static str {
        "mysql-freeze"
    }

    fn about(&self) -> &'static str {
        "let a replica of a dead source receive nothing more; of MySQL alone"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Emergency]
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
        if given
            .layouts
            .database
            .as_ref()
            .is_some_and(|database| !database.is_mysql)
        {
            return Err(format!(
                "nothing of {host} is stopped before it has applied everything: MariaDB throws away what it has received"
            ));
        }
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("receive nothing more on {host}"),
            needs: Vec::new(),
            expects: vec![server.expects(Some(false), "replica?*")],
            work: Work::Commands(vec![call("db_freeze", server, [])]),
            proof: vec![server.receives_nothing()],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            // Nobody wants to hear of a dead source again.
            undo: None,
            claims: vec![Claim::Freeze { host }],
        })
    }
}
