//! Semi-synchronous replication goes with the writes: commits on the new source wait for a replica from the first one on, and
//! the old source tells what it has received, as the new one did. Each switch is taken back by its other way.

use super::{
    super::{Action, Argument, Given, Takes, Tool},
    CLIENT, HOST, call, member,
};
use crate::runbook::{
    definition::{Call, Kind},
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `mysql-semi-sync` and `mysql-semi-sync-off`.
#[derive(Debug)]
pub struct MysqlSemiSync {
    on: bool,
}

/// `mysql-semi-sync`.
pub const SEMI_SYNC: MysqlSemiSync = MysqlSemiSync { on: true };
/// `mysql-semi-sync-off`.
pub const SEMI_SYNC_OFF: MysqlSemiSync = MysqlSemiSync { on: false };

/// The sides of semi-synchronous replication.
const SIDES: &[&str] = &["source", "replica"];
/// How it was before.
const WAS: &[&str] = &["on", "off"];
const SIDE: Argument = Argument {
    name: "side",
    optional: false,
    takes: Takes::OneOf(SIDES),
    about: "source: its commits wait for a replica; replica: it tells its source what it has received",
};

impl Action for MysqlSemiSync {
    fn name(&self) -> &'static str {
        if self.on {
            "mysql-semi-sync"
        } else {
            "mysql-semi-sync-off"
        }
    }

    fn about(&self) -> &'static str {
        if self.on {
            "switch a side of semi-synchronous replication on, on a server that takes no writes"
        } else {
            "switch a side of semi-synchronous replication off, on a server that takes no writes"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        if self.on {
            &[
                HOST,
                SIDE,
                Argument {
                    name: "was",
                    optional: false,
                    takes: Takes::OneOf(WAS),
                    about: "on or off: how it was before; only what was off is switched off again when this is taken back",
                },
            ]
        } else {
            &[HOST, SIDE]
        }
    }

    fn tools(&self) -> &'static [Tool] {
        CLIENT
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let server = member(given, "host")?;
        let host = server.host.clone();
        let side = given.word("side", SIDES)?;
        let as_source = side == "source";
        let says = match (as_source, self.on) {
            (true, true) => format!("let commits on {host} wait for a replica"),
            (true, false) => format!("let commits on {host} wait for no replica"),
            (false, true) => format!("let {host} tell its source what it has received"),
            (false, false) => format!("let {host} not tell its source what it has received"),
        };
        // In an emergency nothing that lets commits wait is taken away again.
        let planned = given.layouts.database.as_ref().map(|database| database.kind) == Some(Kind::Planned);
        let undo = (self.on && planned && given.word("was", WAS)? == "off").then(|| {
            let with = [("host", host.to_string()), ("side", side.to_owned())];
            Call::new(SEMI_SYNC_OFF.name(), with)
        });
        let switch = if self.on { "on" } else { "off" };
        Ok(Operation {
            place: Place::Host(host.clone()),
            says,
            needs: Vec::new(),
            expects: vec![server.expects(Some(false), "*")],
            work: Work::Commands(vec![call("db_semi_sync", server, [side, switch].map(str::to_owned))]),
            proof: vec![if as_source {
                server.waits(self.on)
            } else {
                server.acknowledges(self.on)
            }],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo,
            claims: vec![Claim::SemiSync { host }],
        })
    }
}

/// `mysql-acknowledged`.
#[derive(Debug)]
pub struct MysqlAcknowledged;

impl Action for MysqlAcknowledged {
    fn name(&self) -> &'static str {
        "mysql-acknowledged"
    }

    fn about(&self) -> &'static str {
        "make sure that commits on a server wait for a replica, and that there are replicas which acknowledge them"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "seconds",
                optional: false,
                takes: Takes::Seconds,
                about: "how long it may take until they are connected",
            },
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        CLIENT
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let server = member(given, "host")?;
        let host = server.host.clone();
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: format!("see that replicas acknowledge what is committed on {host}"),
            needs: Vec::new(),
            expects: vec![server.expects(None, "source")],
            // A server that was started anew meanwhile has forgotten it.
            work: Work::Commands(vec![call("db_semi_sync", server, ["source", "on"].map(str::to_owned))]),
            proof: vec![server.waits(true), server.is_acknowledged()],
            deadline: Duration::from_secs(20),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: vec![Claim::SemiSync { host }],
        })
    }
}
