//! What the operator declares: the inventory, typed and checked.
//!
//! [`model`] holds the checked fleet that everything else reads. A [`Fleet`] comes out of [`load()`],
//! so names are unique and every reference in it resolves.
//!
//! The way of an inventory: YAML events with positions → a tree in which every value knows its place
//! → serde types of the file ([`schema`] prints their JSON schema) → checks → [`Fleet`]. The design
//! names the `yaml_serde` crate for this; it stops at the first mistake and knows no place for a
//! value once it is decoded. Here every mistake of all files is reported at once, each with its own
//! place, and so is a reference that leads nowhere; so the tree is built on `saphyr-parser` events.

mod backup;
mod check;
mod decode;
pub mod diagnostic;
mod document;
mod file;
mod hosts;
mod level;
pub mod load;
pub mod model;
pub mod name;
mod names;
mod probe;
mod program;
mod range;
pub mod selector;
mod storage;
mod suggest;
mod topology;
pub mod window;
mod yaml;

pub use backup::{Backup, BackupHooks, BackupSubject, KeptBackups, as_file_name};
pub use diagnostic::{Diagnostic, Severity};
pub use document::{Flaw, Part, document};
pub use file::schema;
pub(crate) use hosts::bad_address;
pub use load::{Loaded, load};
pub use model::*;
pub use name::*;
pub(crate) use names::{bad_name, bad_path, bad_word};
pub use program::usable;
pub use selector::{Selector, SelectorError};
pub(crate) use storage::bad_client;
pub(crate) use suggest::{instead, nearest};
pub use window::{Migrate, Window};

#[cfg(test)]
mod tests;
