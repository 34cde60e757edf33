//! Keeping up: one supervised task per host → snapshots → the [`FleetView`] that front ends read.
//!
//! Each host has a task of its own that connects, polls and waits alone, so that a dead, slow or
//! hostile host delays nobody. The director takes what they leave, has it judged, and publishes
//! an immutable view.

mod appliance;
pub mod clock;
mod director;
pub mod draft;
mod host_task;
mod judge;
mod observer;
pub mod request;
mod slot;
pub mod trend;
pub mod view;

pub use clock::Clock;
pub use director::{Collector, Reload, Sources};
pub use judge::Past;
pub use request::{Request, Requests};
pub use view::{BackupView, FleetView, HostView, Observer, Series, Trend};
