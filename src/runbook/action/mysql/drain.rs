//! Waits until a replica has applied everything: what it has received, and what a source that takes no more writes has.
//! Nothing of it is started meanwhile, and of MariaDB nothing is stopped: that throws relay logs away when a replica's threads
//! start.

use super::{
    super::{Action, Argument, Given, Takes},
    HOST, member,
};
use crate::runbook::operation::{Nature, Operation, Place, Work};
use std::time::Duration;

/// `mysql-drain`.
#[derive(Debug)]
pub struct MysqlDrain;

impl Action for MysqlDrain {
    fn name(&self) -> &'static str {
        "mysql-drain"
    }

    fn about(&self) -> &'static str {
        "wait until a replica has applied everything that it has received, and everything that a source has"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[
            HOST,
            Argument {
                name: "source",
                optional: true,
                takes: Takes::Known,
                about: "the source that it follows, where that is there; it takes no more writes",
            },
            Argument {
                name: "seconds",
                optional: false,
                takes: Takes::Seconds,
                about: "how long it may take",
            },
        ]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let server = member(given, "host")?;
        let mut proof = vec![server.is_drained()];
        let (mut needs, mut what) = (Vec::new(), String::new());
        if given.call.with.contains_key("source") {
            let source = member(given, "source")?;
            proof.push(server.has_all_of(source));
            needs.push(source.is_open(false));
            what = format!(" of {}", source.host);
        }
        Ok(Operation {
            place: Place::Console,
            says: format!("wait until {} has applied everything{what}", server.host),
            needs,
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
