//! The full-screen front end: model · update · view.
//!
//! [`model::Model`] is pure state; [`update::update`] takes one message and gives the effects it asks for;
//! [`view::draw`] paints the model onto a buffer. [`run()`] is the loop around them. The console reads
//! [`crate::collect::FleetView`] and the log book, and asks the collector through
//! [`crate::collect::Requests`]; it computes no verdict of its own.

mod advice;
mod dump;
pub mod filter;
pub mod glyphs;
pub mod groups;
pub mod index;
pub mod input;
pub mod keymap;
pub mod layer;
pub mod matrix;
pub mod model;
pub mod palette;
pub mod past;
mod run;
pub mod runbooks;
mod screen;
mod sides;
mod status;
mod subjects;
mod terminal;
pub mod text;
pub mod theme;
mod tree;
mod typing;
pub mod update;
pub mod view;
mod walk;
mod wall;
mod words;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use run::{Acting, Acts, Launch, run};
pub use runbooks::{consent::word as consent_word, offers::Asked};
