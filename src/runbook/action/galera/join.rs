//! Lets a member join the primary component: one that is stopped is started; one that runs finds it by itself.

use super::{
    super::{Action, Argument, Given, Takes, Tool, argv},
    HOST, SECONDS, TOOLS, cluster, command, member,
};
use crate::runbook::{
    observe::galera::Found,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `galera-join`.
#[derive(Debug)]
pub struct GaleraJoin;

impl Action for GaleraJoin {
    fn name(&self) -> &'static str {
        "galera-join"
    }

    fn about(&self) -> &'static str {
        "let a member of a Galera cluster join the primary component, and wait until it has everything"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "node",
                optional: false,
                takes: Takes::Known,
                about: "a member that is in the primary component by then",
            },
            SECONDS,
        ]
    }

    fn tools(&self) -> &'static [Tool] {
        TOOLS
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (own, node) = (member(given, "host")?, member(given, "node")?);
        let host = &own.host;
        if *host == node.host {
            return Err(format!("{host} cannot join itself"));
        }
        let bootstraps = &cluster(given)?.bootstraps;
        let usual = ["systemctl", "start", "--no-block", "mariadb"];
        let start = command(own.access.start.as_ref(), usual);
        let operation = Operation {
            place: Place::Host(host.clone()),
            says: format!("start {host}, and wait until it is Synced with {}", node.host),
            needs: Vec::new(),
            expects: vec![own.expects("stopped?*")],
            work: Work::Commands(vec![
                own.call("db_galera_start", std::iter::once(bootstraps.clone()).chain(start)),
            ]),
            proof: vec![own.is_with(node)],
            deadline: Duration::from_mins(2),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Probeable,
            retry: None,
            // A member that has begun to join is not stopped in the middle of it.
            undo: None,
            claims: vec![Claim::Join { host: host.clone() }],
        };
        match own.found {
            Found::Stopped => Ok(operation),
            // It joins by itself; that it does is written down there.
            Found::Runs => Ok(Operation {
                says: format!("wait until {host} is Synced with {}", node.host),
                expects: Vec::new(),
                work: Work::Commands(vec![argv(["db_joins", bootstraps])]),
                proof: vec![own.is_with(node), own.is_noted_with(node)],
                deadline: Duration::from_secs(20),
                nature: Nature::Idempotent,
                ..operation
            }),
            Found::Off | Found::Unknown => Err(format!("how {host} stands is not known")),
        }
    }
}
