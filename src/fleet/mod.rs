//! What the operator declares: the inventory, typed and checked.
//!
//! [`model`] holds the checked fleet that everything else reads. A [`Fleet`] can only come out of
//! the inventory loader, so names are unique and every reference in it resolves.

pub mod model;
pub mod name;

pub use model::*;
pub use name::*;
