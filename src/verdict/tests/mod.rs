//! Named situations of a small fleet: healthy, then one thing broken.

mod cases;
mod freshness;
mod properties;
mod situations;
mod world;
