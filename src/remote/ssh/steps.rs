//! The steps of connecting: each is named as it begins and has a deadline of its own.

use crate::remote::RemoteError;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// Names the steps outward, and remembers the one under way for the message of the overall deadline.
pub struct Steps<'a> {
    outward: &'a (dyn Fn(&'static str) + Send + Sync),
    current: Mutex<&'static str>,
    /// Whether this is the way to a jump host: its steps are all one step to the host behind it.
    via: Option<String>,
}

impl<'a> Steps<'a> {
    /// Steps of a host.
    pub fn new(outward: &'a (dyn Fn(&'static str) + Send + Sync)) -> Self {
        Self {
            outward,
            current: Mutex::new("resolve"),
            via: None,
        }
    }

    /// Steps of a jump host on the way, shown as the one step `jump host`.
    pub fn via(&self, jump: String) -> Steps<'a> {
        self.begin("jump host");
        Steps {
            outward: self.outward,
            current: Mutex::new("resolve"),
            via: Some(jump),
        }
    }

    /// Names a step.
    pub fn begin(&self, step: &'static str) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = step;
        if self.via.is_none() {
            (self.outward)(step);
        }
    }

    /// The step under way.
    pub fn current(&self) -> &'static str {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a step under its deadline.
    pub async fn run<T>(
        &self,
        step: &'static str,
        after: Duration,
        work: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        self.begin(step);
        timeout(after, work)
            .await
            .unwrap_or(Err(RemoteError::Timeout { step, after }))
    }
}
