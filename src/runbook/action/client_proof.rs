//! Looks at the slice from a client of it: the one proof that it is served. What the servers say of themselves is none.

use super::{Action, Argument, Given, Takes};
use crate::{
    fleet::SliceName,
    runbook::{
        observe::client,
        operation::{Nature, Operation, Place, Question, Work},
        plan::SliceLayout,
    },
};
use std::time::Duration;

/// `client-proof`.
#[derive(Debug)]
pub struct ClientProof;

/// Clients that are asked, of each slice.
const CLIENTS: usize = 8;

impl Action for ClientProof {
    fn name(&self) -> &'static str {
        "client-proof"
    }

    fn about(&self) -> &'static str {
        "wait until a client has an answer from its mount of the slice, or of every slice of the plan; none that can be \
         asked: ask a person"
    }

    fn arguments(&self) -> &'static [Argument] {
        &[Argument {
            name: "slice",
            optional: true,
            takes: Takes::Known,
            about: "the slice; all of the plan when it is left out",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let slices: Vec<(SliceName, &SliceLayout)> = if given.call.with.contains_key("slice") {
            vec![given.slice()?]
        } else {
            let all = given.layouts.slices.iter();
            all.map(|(slice, layout)| (slice.clone(), layout)).collect()
        };
        let (mut proof, mut seen, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
        for (slice, layout) in &slices {
            let clients: Vec<_> = client::mounts(given.fleet, slice, layout).take(CLIENTS).collect();
            if clients.is_empty() {
                unseen.push(slice.as_str());
            } else {
                seen.push(slice.as_str());
                proof.push(client::is_served(
                    slice,
                    &clients,
                    layout.address.as_ref().map(|address| address.ip),
                ));
            }
        }
        let (says, work) = if seen.is_empty() {
            let all = unseen.join(" and ");
            let question = Question {
                text: format!(
                    "no host of the inventory that can be asked mounts {all}: look from a client yourself; is it served?"
                ),
                word: match unseen.as_slice() {
                    [one] => (*one).to_owned(),
                    _ => "served".to_owned(),
                },
            };
            (format!("ask whether a client is served {all}"), Work::Ask(question))
        } else {
            let mut says = format!("see that clients are served {}", seen.join(" and "));
            if !unseen.is_empty() {
                says = format!("{says}; no client can be asked about {}", unseen.join(" and "));
            }
            (says, Work::Commands(Vec::new()))
        };
        Ok(Operation {
            place: Place::Console,
            says,
            needs: Vec::new(),
            expects: Vec::new(),
            work,
            proof,
            deadline: Duration::from_secs(30),
            // A client that has waited for long asks again less and less often (RFC 6298: up to a minute between two tries).
            settles_within: Duration::from_mins(1),
            nature: Nature::Idempotent,
            retry: None,
            undo: None,
            claims: Vec::new(),
        })
    }
}
