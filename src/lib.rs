//! pointsman watches a hosting fleet over SSH and moves work off what fails.
//!
//! # The house
//!
//! Ground floor first; a room imports only from the floors below it.
//!
//! | room | what it holds | kind |
//! |---|---|---|
//! | [`fleet`] | what the operator declares: `inventory.yaml` → [`fleet::Fleet`] | pure |
//! | [`facts`] | what hosts say: typed facts and their parsers, one file a source | pure |
//! | [`verdict`] | what it means: facts → findings | pure |
//! | [`remote`] | how a host is reached: SSH, host keys, the remote half (POSIX `sh`) | I/O |
//! | [`runbook`] | what to do about it: typed actions, plans, interlocks, and the pure engine that runs them | pure |
//! | [`collect`] | keeping up: one supervised task a host → snapshots → [`collect::FleetView`] | I/O |
//! | [`store`] | remembering: the journal of runs and the audit log, in SQLite | I/O |
//! | [`conduct`] | carrying out: the engine's effects over SSH and into the journal; reports | I/O |
//! | [`simulate`] | the embedded fleet: simulated hosts behind a real SSH server | I/O |
//! | [`rehearse`] | practising: runbooks on a simulated copy of an inventory, with faults on request | I/O |
//! | [`console`] | the full-screen front end: model · update · view | I/O |
//! | [`batch`] | the scripted front end | I/O |
//!
//! Beside them stand [`mode`] (what this process may do), [`cli`] (the command line) and [`app`] (which puts the rooms
//! together for each command).
//!
//! `fleet`, `facts` and `verdict` know no tokio, no terminal, no file and no clock: time comes in as
//! an argument. `simulate` is used for `--demo`, by `rehearse` and by tests alone. Nothing imports
//! `console` or `batch`. Every front end reads the same [`collect::FleetView`]; none computes a
//! verdict of its own.
//!
//! # Where building showed a better way than the plan
//!
//! The inventory is read through a located YAML tree instead of a serde YAML crate: those stop at the first mistake and
//! know no position of a value, and an inventory's author wants all mistakes at once (see [`fleet`]).
//!
//! The remote half has two lanes, because the commands that tell most are those that hang on the very fault we watch for
//! (see [`facts::section`]).

pub mod app;
pub mod batch;
pub mod cli;
pub mod collect;
pub mod conduct;
pub mod console;
pub mod facts;
pub mod fleet;
pub mod mode;
mod passphrase;
pub mod rehearse;
pub mod remote;
pub mod runbook;
pub mod simulate;
pub mod store;
pub mod verdict;
