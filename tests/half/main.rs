//! The remote half for real: the script runs in every shell that hosts have, spoken to as a console does.

// A test says what is wrong by failing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod backups;
mod bench;
mod hung;
mod rig;
mod sections;
mod speech;
