//! Starts or stops the check of an array: its members are compared with each other, and nothing is changed.

use super::{Action, Argument, Given, argv};
use crate::runbook::{
    definition::Call,
    observe::pace::SLOWEST_KIB_S,
    operation::{Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `md-check`.
#[derive(Debug)]
pub struct MdCheck;

impl Action for MdCheck {
    fn name(&self) -> &'static str {
        "md-check"
    }

    fn about(&self) -> &'static str {
        "start or stop the check of an md array, which compares its members"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[super::HOST, super::ARRAY, super::STATE]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let layout = given.array()?;
        let array = &layout.array;
        let started = given.starts()?;
        let verb = if started { "start" } else { "stop" };
        let mut undo: Call = given.call.clone();
        undo.with.insert("state".into(), "stopped".into());
        let check = argv(["md_check", &array.name, verb]);
        let limit = layout.seen.limit;
        let (commands, proof) = match (started, layout.clients.is_empty()) {
            // As slowly as it can at first: clients are heard before it goes faster.
            (true, false) => {
                let slowly = argv(["md_limit", &array.name, &SLOWEST_KIB_S.to_string()]);
                (vec![slowly, check], vec![array.checks(true)])
            }
            (true, true) => (vec![check], vec![array.checks(true)]),
            (false, _) => {
                let usual = argv(["md_limit", &array.name, &limit.word()]);
                (vec![check, usual], vec![array.checks(false), array.has_limit(limit)])
            }
        };
        Ok(Operation {
            place: Place::Host(array.host.clone()),
            says: format!("{verb} the check of {array}"),
            needs: if started {
                vec![array.is_settled(), array.is_whole()]
            } else {
                Vec::new()
            },
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof,
            deadline: Duration::from_secs(30),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: started.then_some(undo),
            claims: Vec::new(),
        })
    }
}
