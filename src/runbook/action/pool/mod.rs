//! ZFS pools: what is done to their devices and with their scrubs, one file an action.

mod found;
mod keep;
mod replace;
mod scrub;
mod scrubbed;
mod wait;
mod whole;

pub use found::PoolFound;
pub use keep::PoolKeep;
pub use replace::PoolReplace;
pub use scrub::PoolScrub;
pub use scrubbed::PoolScrubbed;
pub use wait::PoolWait;
pub use whole::PoolWhole;

use super::{Argument, Takes, Tool};

const POOL: Argument = Argument {
    name: "pool",
    optional: false,
    takes: Takes::Name,
    about: "the pool",
};
const SECONDS: Argument = Argument {
    name: "seconds",
    optional: false,
    takes: Takes::Seconds,
    about: "how long at most, before somebody has to look",
};
/// The arguments of what is done to a device of a pool and the disk that takes its place.
const DEVICE_AND_DISK: &[Argument] = &[
    super::HOST,
    POOL,
    Argument {
        name: "disk",
        optional: false,
        takes: Takes::Name,
        about: "the device that is replaced, as the pool names it",
    },
    Argument {
        name: "by",
        optional: false,
        takes: Takes::Name,
        about: "the new disk that the plan was made for",
    },
];

const ZPOOL: Tool = Tool {
    any: &["zpool"],
    why: "no pool could be changed",
};
const BLKID: Tool = Tool {
    any: &["blkid"],
    why: "nobody could tell whether a disk is unused",
};
