//! How a host is reached just now: itself a fact, and never mistaken for the host's health.

use super::{reading::UnixMs, text::CleanText};
use serde::Serialize;

/// The state of the way to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Reach {
    /// No attempt has been made yet.
    Waiting,
    /// Being connected; the word names the step (`resolve`, `tcp`, `key exchange`, `authentication`, `shell`).
    Connecting {
        /// The step that is under way.
        step: &'static str,
        /// Since when.
        since: UnixMs,
        /// Failed attempts before this one.
        retries: u32,
        /// Why the attempt before it failed; none at the first.
        why: Option<CleanText>,
    },
    /// Connected; the remote half answers.
    Up {
        /// Since when.
        since: UnixMs,
    },
    /// Connected, but polls are missed: the host is silent, not gone.
    Silent {
        /// When the oldest poll without an answer was sent.
        since: UnixMs,
        /// Polls missed in a row.
        missed: u32,
    },
    /// Not connected; another attempt will follow.
    Unreachable {
        /// When the host was lost, or first could not be reached.
        since: UnixMs,
        /// What went wrong last.
        why: CleanText,
        /// Failed attempts so far.
        retries: u32,
        /// When the next attempt is due.
        next: UnixMs,
    },
    /// No attempt will be made until a person acts (`:reconnect HOST`): a changed host key, a refused login.
    Stopped {
        /// Since when.
        since: UnixMs,
        /// What went wrong and what to do.
        why: CleanText,
    },
}

impl Reach {
    /// Whether the host answers polls.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}
