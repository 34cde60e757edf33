//! Makes a member the primary component: one that runs without, by its provider; one that is stopped, by starting it as the
//! first of its cluster.

use super::{
    super::{Action, Argument, Given, Tool},
    HOST, TOOLS, cluster, command, member,
};
use crate::runbook::{
    definition::Kind,
    observe::galera::Found,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `galera-bootstrap`.
#[derive(Debug)]
pub struct GaleraBootstrap;

impl Action for GaleraBootstrap {
    fn name(&self) -> &'static str {
        "galera-bootstrap"
    }

    fn about(&self) -> &'static str {
        "make a member of a Galera cluster the primary component, when none is and no other member is further"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Emergency]
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        TOOLS
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let (cluster, member) = (cluster(given)?, member(given, "host")?);
        let host = &member.host;
        let position = cluster.position.as_ref().filter(|_| cluster.node == *host);
        let position = position.ok_or_else(|| format!("{host} is not known to be as far as every other member"))?;
        let (runs, new) = match member.found {
            Found::Runs => (true, Vec::new()),
            Found::Stopped => (
                false,
                command(member.access.start_new_cluster.as_ref(), ["galera_new_cluster"]),
            ),
            Found::Off | Found::Unknown => return Err(format!("how {host} stands is not known")),
        };
        let at = format!("{}?{}", position.uuid, position.seqno);
        Ok(Operation {
            place: Place::Host(host.clone()),
            says: if runs {
                format!("make the component of {host} the primary one")
            } else {
                format!("start {host} as the first member of its cluster")
            },
            needs: Vec::new(),
            expects: vec![if runs {
                member.expects(&format!("running?non-Primary?{at}?0"))
            } else {
                member.expects(&format!("stopped?{at}"))
            }],
            work: Work::Commands(vec![if runs {
                let mut words = member.call("db_galera_bootstrap", []);
                // It needs no data directory.
                words.truncate(3);
                words.push(cluster.bootstraps.clone());
                words
            } else {
                member.call("db_galera_new", std::iter::once(cluster.bootstraps.clone()).chain(new))
            }]),
            proof: vec![member.leads(position)],
            // InnoDB replays its log before the server answers.
            deadline: if runs {
                Duration::from_secs(20)
            } else {
                Duration::from_mins(5)
            },
            settles_within: Duration::from_mins(1),
            nature: Nature::Irreversible,
            retry: None,
            undo: None,
            claims: vec![Claim::Bootstrap { host: host.clone() }],
        })
    }
}
