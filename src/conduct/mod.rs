//! Carrying out: what the engine asks for, done over SSH and written into the journal.
//!
//! The engine decides; nothing here does. [`Targets`] reach hosts, a [`Handle`] watches and steers one run, and a
//! [`Desk`] makes plans, begins runs and goes on with those that were left. Every front end uses these alone.

mod again;
#[cfg(test)]
mod behind;
#[cfg(test)]
mod cancel_tests;
mod clean;
mod clients;
mod conductor;
mod desk;
mod eta;
#[cfg(test)]
mod mute_tests;
mod origin;
#[cfg(test)]
mod plain_tests;
mod portion;
mod progress;
#[cfg(test)]
mod reach_tests;
pub mod report;
#[cfg(test)]
mod shell_tests;
mod shows;
mod takeover;
mod targets;

pub use again::Again;
pub use clients::ClientView;
pub use conductor::Handle;
pub use desk::{Denied, Desk, Drawn, Needed, claims_named_since, who};
pub use eta::{Remaining, Resync};
pub use portion::Portion;
pub use progress::{GivesUp, LogLine, Progress, StepProgress, StepState, claim_words, end_words, left_words};
pub use shows::Shows;
pub use targets::{Console, Now, SshTargets, Targets};

#[cfg(test)]
mod takeover_tests;
#[cfg(test)]
mod tests;
