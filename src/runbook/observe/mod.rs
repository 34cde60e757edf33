//! Conditions that actions, checks and interlocks share, one file a subsystem.

pub mod backup;
pub mod client;
pub mod copy;
pub mod drbd;
pub mod filesystem;
pub mod galera;
pub mod host;
pub mod lag;
pub mod md;
pub mod mounts;
pub mod mysql;
pub mod network;
pub mod nfs;
pub mod pace;
pub mod pool;
pub mod power;
pub mod scan;
pub mod service;
pub mod stream;
pub mod task;
pub mod watch;
