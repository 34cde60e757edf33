//! The engine against simulated fleets: every runbook, every boundary, every fault, and the safety invariants after
//! every event.

// A test says what is wrong by failing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod arrays;
mod backup;
mod case;
mod client;
mod clients;
mod database;
mod ends;
mod found;
mod galera;
mod guards;
mod invariants;
mod matrix;
mod migration;
mod passing;
mod pools;
mod random;
mod restore;
mod review;
mod scene;
mod stage;
mod streams;
mod takeover;
mod turning;
