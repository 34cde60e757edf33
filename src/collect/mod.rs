//! Keeping up: one supervised task per host → snapshots → the [`FleetView`] that front ends read.

pub mod draft;
pub mod request;
pub mod view;

pub use request::{Request, Requests};
pub use view::{FleetView, HostView, Observer, Trend};
