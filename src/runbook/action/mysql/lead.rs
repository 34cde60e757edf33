//! Leads clients to another source by the site's own command, such as one of a proxy.

use super::{
    super::{Action, Argument, Given, Takes, command::ends_well, host_hook},
    member,
};
use crate::runbook::{
    definition::{Call, Kind},
    operation::{Claim, Nature, Operation, Place, Work},
    plan::Entrance,
};
use std::time::Duration;

/// `mysql-lead`.
#[derive(Debug)]
pub struct MysqlLead;

impl Action for MysqlLead {
    fn name(&self) -> &'static str {
        "mysql-lead"
    }

    fn about(&self) -> &'static str {
        "lead clients of a database from one source to another by the site's own command of the inventory"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            Argument {
                name: "from",
                optional: false,
                takes: Takes::Known,
                about: "the old source",
            },
            Argument {
                name: "to",
                optional: false,
                takes: Takes::Known,
                about: "the server that takes writes then",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (from, to) = (&member(given, "from")?.host, &member(given, "to")?.host);
        let database = given.layouts.database.as_ref();
        let entrance = database.and_then(|database| database.entrance.as_ref());
        let Some(Entrance::Hook(hook)) = entrance else {
            return Err("the database has no `to_source` in the inventory".to_owned());
        };
        let hook = hook.between(from, to);
        let (place, work, proof) = match &hook.on {
            Some(on) => (
                Place::Host(on.clone()),
                Work::Commands(vec![hook.run.clone()]),
                ends_well(on, hook.proof.clone(), true),
            ),
            None => (
                Place::Console,
                Work::Local(hook.run.clone()),
                host_hook::local(to, &hook.proof),
            ),
        };
        let emergency = database.is_some_and(|database| database.kind == Kind::Emergency);
        let back = || Call::new("mysql-lead", [("from", to.to_string()), ("to", from.to_string())]);
        Ok(Operation {
            place,
            says: format!("lead clients from {from} to {to}"),
            needs: Vec::new(),
            expects: Vec::new(),
            work,
            proof: vec![proof],
            deadline: hook.within,
            settles_within: Duration::from_secs(30),
            nature: Nature::Probeable,
            retry: None,
            undo: (!emergency).then(back),
            claims: vec![Claim::LeadDatabase { host: to.clone() }],
        })
    }
}
