//! A wish bound to this fleet: what its runbook is about, and what its parameters come to.

use super::{
    Wish, bind,
    subject::{self, Asked, Move, Subject},
};
use crate::{
    fleet::{Fleet, Host},
    runbook::{check::Refusal, definition::Kind, observe::mysql::LastSeen, plan::Glass, sight::Sight},
};
use std::collections::BTreeMap;

/// What a plan is about.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The inventory.
    pub fleet: &'a Fleet,
    /// Planned or emergency.
    pub kind: Kind,
    /// The wish.
    pub wish: &'a Wish,
    /// Parameters with their defaults.
    pub parameters: BTreeMap<String, String>,
    /// What was found.
    pub subject: Box<dyn Subject>,
    /// The server that the runbook is about, where it names one.
    pub server: Option<&'a Host>,
    /// Rules that a person set aside.
    pub glass: &'a [Glass],
    /// Faults that both servers show.
    pub alike: &'a [String],
    /// What the dead server said last of its database.
    pub last: Option<&'a LastSeen>,
}

impl<'a> Scope<'a> {
    /// Finds what the runbook is about. Without a sight only the inventory tells.
    ///
    /// # Errors
    /// Parameters that do not fit.
    pub fn new(fleet: &'a Fleet, wish: &'a Wish, sight: Option<&Sight>) -> Result<Self, Vec<Refusal>> {
        let definition = &wish.definition;
        let misfits = bind::misfits(fleet, wish);
        if !misfits.is_empty() {
            return Err(misfits);
        }
        let server = definition
            .parameters
            .get("server")
            .and_then(|_| wish.parameters.get("server"))
            .and_then(|name| fleet.host(name));
        let mut subject = subject::find(&Asked {
            fleet,
            wish,
            server,
            sight,
        })?;
        let first = subject.words().into_iter().next().unwrap_or_default();
        let parameters = bind::defaults(wish, &first).map_err(|why| vec![super::unusable(why)])?;
        subject.aim(&parameters)?;
        Ok(Self {
            fleet,
            kind: definition.kind,
            wish,
            parameters,
            subject,
            server,
            glass: &wish.glass,
            alike: &wish.alike,
            last: wish.last.as_ref(),
        })
    }

    /// Slices and the sides they move between; none where the runbook is about something else.
    #[must_use]
    pub fn moves(&self) -> &[Move] {
        self.subject.moves()
    }
}
