//! Lets the server that takes over from a dead source fetch what another replica has received and it has not.

use super::{
    super::{Action, Argument, Given, Takes, Tool},
    CLIENT, HOST, call, member,
};
use crate::runbook::{
    definition::Kind,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `mysql-level`.
#[derive(Debug)]
pub struct MysqlLevel;

impl Action for MysqlLevel {
    fn name(&self) -> &'static str {
        "mysql-level"
    }

    fn about(&self) -> &'static str {
        "let a server that takes over fetch what another replica has received and it has not; nothing where it has all"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Emergency]
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "source",
                optional: false,
                takes: Takes::Known,
                about: "the replica that may have more",
            },
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
        let (server, source) = (member(given, "host")?, member(given, "source")?);
        let account = server.access.replication_file.clone().unwrap_or_else(|| "-".to_owned());
        let words = [source.address.clone(), source.port.to_string(), account];
        Ok(Operation {
            place: Place::Host(server.host.clone()),
            says: format!("let {} have everything that {} has received", server.host, source.host),
            needs: vec![source.is_drained(), server.is_drained()],
            expects: vec![server.expects(Some(false), "replica?drained")],
            work: Work::Commands(vec![call("db_follow", server, words)]),
            proof: vec![server.has_all_of(source)],
            deadline: Duration::from_secs(30),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Probeable,
            retry: None,
            // Nobody wants to lose it again.
            undo: None,
            claims: vec![Claim::Follow {
                host: server.host.clone(),
                source: source.host.clone(),
            }],
        })
    }
}
