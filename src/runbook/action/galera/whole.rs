//! Waits until every member that takes part is Synced in one primary component.

use super::{
    super::{Action, Argument, Given},
    SECONDS, cluster,
};
use crate::runbook::{
    observe::galera::Found,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `galera-whole`.
#[derive(Debug)]
pub struct GaleraWhole;

impl Action for GaleraWhole {
    fn name(&self) -> &'static str {
        "galera-whole"
    }

    fn about(&self) -> &'static str {
        "wait until every member of a Galera cluster that answers is Synced in one primary component"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[SECONDS]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let cluster = cluster(given)?;
        let node = cluster
            .member(&cluster.node)
            .ok_or("the cluster has no member to join")?;
        let there = |found: &Found| matches!(found, Found::Runs | Found::Stopped);
        let members = || cluster.members.iter().filter(|member| there(&member.found));
        let others = members().filter(|member| member.host != node.host);
        let mut proof: Vec<_> = others.map(|member| member.is_with(node)).collect();
        proof.push(node.sees(members().count()));
        proof.extend(cluster.position.as_ref().map(|position| node.leads(position)));
        Ok(Operation {
            place: Place::Console,
            says: format!(
                "wait until {} is one component of {} members",
                cluster.name,
                members().count()
            ),
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Local(Vec::new()),
            proof,
            deadline: Duration::from_secs(5),
            settles_within: given.seconds("seconds")?,
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
