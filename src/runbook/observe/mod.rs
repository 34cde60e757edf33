//! Conditions that actions, checks and interlocks share, one file a subsystem.

pub mod client;
pub mod drbd;
pub mod filesystem;
pub mod mysql;
pub mod network;
pub mod nfs;
pub mod power;
pub mod service;
