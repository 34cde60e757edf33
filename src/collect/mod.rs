//! Keeping up: one supervised task per host → snapshots → the [`FleetView`] that front ends read.

pub mod view;

pub use view::{FleetView, HostView, Observer, Trend};
