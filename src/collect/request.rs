//! What a front end may ask of the collector: look again, try again, read the inventory again. Nothing here changes a host.

use crate::fleet::HostName;
use tokio::sync::mpsc;

/// One thing asked of the collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Poll now, every tier; one host or all.
    PollNow(Option<HostName>),
    /// Connect now: ends a back-off, and lifts the stop after a refused login or changed key.
    Reconnect(HostName),
    /// Read the inventory again.
    Reload,
}

/// The sending end for [`Request`]s. Never blocks: when the queue is full the request is dropped,
/// which is harmless (the queue holds the same wishes already).
#[derive(Debug, Clone)]
pub struct Requests(mpsc::Sender<Request>);

impl Requests {
    /// A bounded queue of requests.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(64);
        (Self(sender), receiver)
    }

    /// Asks; returns whether the request was taken.
    pub fn ask(&self, request: Request) -> bool {
        self.0.try_send(request).is_ok()
    }
}
