//! What hosts say: typed facts and their parsers, one file a source.
//!
//! Every parser here takes text and gives a value, or a [`Why`] that says what is wrong with it. None
//! fails the whole for one odd line, none panics, and garbage never becomes a healthy state: what is
//! not understood is [`Why::Garbled`] or a kept unknown word. [`Assembler`] puts the sections of a
//! host's answers together into a [`Snapshot`] of [`Reading`]s.

pub mod assemble;
pub mod backup;
pub mod disk;
pub mod drbd;
pub mod filesystem;
pub mod gtid;
pub mod identity;
pub mod load;
pub mod md;
pub mod mysql;
pub mod network;
pub mod nfs;
pub mod probe;
pub mod proof;
pub mod reach;
pub mod reading;
mod scan;
pub mod section;
pub mod snapshot;
pub mod text;
pub mod zfs;

pub use assemble::Assembler;
pub use reach::Reach;
pub use reading::{Reading, State, UnixMs, Why};
pub use section::{Section, SectionStatus, Tier};
pub use snapshot::Snapshot;
pub use text::CleanText;
