//! A condition: a sentence that fresh looks at hosts make true, false or unknown.
//!
//! Preconditions, proofs and interlocks are all of this one kind, so that each can be shown, journaled
//! and tested in the same way.

use super::{
    sight::{Look, Sight},
    truth::Truth,
};
use std::{fmt, sync::Arc};

type Judge = Arc<dyn Fn(&Sight) -> Truth + Send + Sync>;

/// A sentence, the looks it rests on, and how they decide it.
#[derive(Clone)]
pub struct Condition {
    /// What must hold, as a person says it: `web-1 is secondary on stor1`.
    pub says: String,
    /// What has to be read for it.
    pub looks: Vec<Look>,
    /// Whether it is about time alone: where it does not hold, another try may do better.
    pub of_time: bool,
    judge: Judge,
}

impl Condition {
    /// A condition on several looks.
    #[must_use]
    pub fn new(
        says: impl Into<String>,
        looks: Vec<Look>,
        judge: impl Fn(&Sight) -> Truth + Send + Sync + 'static,
    ) -> Self {
        Self {
            says: says.into(),
            looks,
            of_time: false,
            judge: Arc::new(judge),
        }
    }

    /// The same, as one that is about time alone.
    #[must_use]
    pub fn of_time(self) -> Self {
        Self { of_time: true, ..self }
    }

    /// A condition on the text of one look that has to end with exit code 0. What cannot be read is unknown.
    #[must_use]
    pub fn on(says: impl Into<String>, look: Look, judge: impl Fn(&str) -> Truth + Send + Sync + 'static) -> Self {
        let read = look.clone();
        Self::new(says, vec![look], move |sight| match sight.text(&read) {
            Ok(text) => judge(text),
            Err(why) => Truth::Unknown(why),
        })
    }

    /// One of two is enough.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut looks = self.looks.clone();
        looks.extend(other.looks.iter().cloned());
        let says = format!("{}, or {}", self.says, other.says);
        Self::new(says, looks, move |sight| self.judge(sight).or(other.judge(sight)))
    }

    /// Decides it by what was seen.
    #[must_use]
    pub fn judge(&self, sight: &Sight) -> Truth {
        (self.judge)(sight)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("says", &self.says)
            .field("looks", &self.looks)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}

/// The conditions that are not known to hold, each with what was seen instead.
#[must_use]
pub fn unmet(conditions: &[Condition], sight: &Sight) -> Vec<(Condition, Truth)> {
    conditions
        .iter()
        .map(|condition| (condition.clone(), condition.judge(sight)))
        .filter(|(_, truth)| !truth.holds())
        .collect()
}
