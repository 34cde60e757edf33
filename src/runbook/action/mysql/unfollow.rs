//! Makes a replica follow nobody, also after a restart: it is a source from then on, and takes no writes yet.
//!
//! Its connection is forgotten here, and not when everything is proven: one that is only stopped would follow the old source
//! again when the server starts anew, and that may be after it was opened. Nothing is lost by it: whoever takes it back follows
//! by GTID, with the account of a file that the plan has tried.

use super::{
    super::{Action, Argument, Given, Takes, Tool},
    CLIENT, HOST, call, member,
};
use crate::runbook::{
    definition::{Call, Kind},
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `mysql-unfollow`.
#[derive(Debug)]
pub struct MysqlUnfollow;

impl Action for MysqlUnfollow {
    fn name(&self) -> &'static str {
        "mysql-unfollow"
    }

    fn about(&self) -> &'static str {
        "end the replication of a server that has applied everything"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "source",
                optional: false,
                takes: Takes::Known,
                about: "the server that it followed, and follows again when this is taken back",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        CLIENT
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let server = member(given, "host")?;
        let source = given.text("source")?;
        let emergency = given.layouts.database.as_ref().map(|database| database.kind) == Some(Kind::Emergency);
        let again = || {
            let with = [("host", server.host.to_string()), ("source", source.to_owned())];
            Call::new("mysql-follow", with)
        };
        Ok(Operation {
            place: Place::Host(server.host.clone()),
            says: format!("let {} follow nobody", server.host),
            needs: Vec::new(),
            expects: vec![server.expects(Some(false), "replica?drained")],
            work: Work::Commands(vec![call("db_unfollow", server, [])]),
            proof: vec![server.follows_nobody()],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Probeable,
            retry: None,
            // A dead source is not followed again.
            undo: (!emergency).then(again),
            claims: vec![Claim::Unfollow {
                host: server.host.clone(),
            }],
        })
    }
}
