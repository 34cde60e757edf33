//! Makes a server a replica of another, by GTID, from where it stands.

use super::{
    super::{Action, Argument, Given, Takes, Tool},
    CLIENT, HOST, call, member,
};
use crate::runbook::{
    definition::{Call, Kind},
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `mysql-follow`.
#[derive(Debug)]
pub struct MysqlFollow;

impl Action for MysqlFollow {
    fn name(&self) -> &'static str {
        "mysql-follow"
    }

    fn about(&self) -> &'static str {
        "make a server that takes no writes a replica of another, which has everything that it holds"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "source",
                optional: false,
                takes: Takes::Known,
                about: "the server that it follows",
            },
            Argument {
                name: "back",
                optional: true,
                takes: Takes::Known,
                about: "the server that it follows again when this is taken back, or still where that is its source; none: it \
                        follows nobody then",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        CLIENT
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (server, source) = (member(given, "host")?, member(given, "source")?);
        if server.host == source.host {
            return Err(format!("{} cannot follow itself", server.host));
        }
        let account = server.access.replication_file.clone().unwrap_or_else(|| "-".to_owned());
        let words = [source.address.clone(), source.port.to_string(), account];
        let host = ("host", server.host.to_string());
        let emergency = given.layouts.database.as_ref().map(|database| database.kind) == Some(Kind::Emergency);
        let undo = match given.maybe("back") {
            // Whoever followed a dead source stays with the new one.
            _ if emergency => None,
            // Nobody wants an old source that has found its place to leave it again; and while the new one is written to, it
            // never has everything, without which it may not leave.
            Some(back) if back == source.host.as_str() => None,
            Some(back) => {
                let with = [host, ("source", back.to_owned()), ("back", source.host.to_string())];
                Some(Call::new("mysql-follow", with))
            }
            None => Some(Call::new("mysql-unfollow", [host, ("source", source.host.to_string())])),
        };
        Ok(Operation {
            place: Place::Host(server.host.clone()),
            says: format!("let {} follow {}", server.host, source.host),
            needs: Vec::new(),
            expects: vec![server.expects(Some(false), "*")],
            work: Work::Commands(vec![call("db_follow", server, words)]),
            proof: vec![server.follows(source)],
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(20),
            nature: Nature::Probeable,
            retry: None,
            undo,
            claims: vec![Claim::Follow {
                host: server.host.clone(),
                source: source.host.clone(),
            }],
        })
    }
}
