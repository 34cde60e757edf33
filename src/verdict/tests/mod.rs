//! Named situations of a small fleet: healthy, then one thing broken.

mod cases;
mod claims;
mod freshness;
mod guards;
mod heartbeat;
mod moves;
mod properties;
mod situations;
pub(super) mod world;
