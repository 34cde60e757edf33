//! What a step watches for as long as it goes on by itself: an array, a pool, or a copy. What is done about it on the way is
//! decided here, by what is seen; the engine sends it.

use super::{copy, copy::Copying, pace, scan};
use crate::{
    facts::UnixMs,
    runbook::sight::{Look, Sight},
};
use std::time::Duration;

/// Something that goes on by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// An array that rebuilds or is checked.
    Array(pace::Watch),
    /// A pool that is scrubbed or resilvered.
    Pool(scan::Watch),
    /// A slice that is copied, or compared with its copy; a backup that is restored, or looked at.
    Copy(Box<Copying>),
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    Keep,
    /// These commands.
    Order(Vec<Vec<String>>),
    /// It is given up, and why.
    GiveUp(String),
    /// It is given up since there is no more time for it, which another try may have.
    Late(String),
}

impl Watch {
    /// Everything that it is judged by, beside its proof.
    #[must_use]
    pub fn looks(&self) -> Vec<Look> {
        match self {
            Self::Array(watch) => watch.looks(),
            Self::Pool(watch) => watch.looks(),
            Self::Copy(copying) => copying.looks(),
        }
    }

    /// What is left of it, KiB.
    #[must_use]
    pub fn left_kib(&self, sight: &Sight) -> Option<u64> {
        match self {
            Self::Array(watch) => watch.left_kib(sight),
            Self::Pool(watch) => watch.left_kib(sight),
            Self::Copy(copying) => copying.left_kib(sight),
        }
    }

    /// Commands that it may come to, as a plan shows them; none where nothing steers it.
    #[must_use]
    pub fn commands(&self) -> Vec<Vec<String>> {
        match self {
            Self::Array(watch) if watch.clients.is_empty() => Vec::new(),
            Self::Array(watch) => vec![watch.command(pace::SLOWEST_KIB_S)],
            Self::Pool(watch) => watch.commands(),
            Self::Copy(copying) => copying.commands(),
        }
    }

    /// For how long clients have to wait for it, at most by what is known when it begins.
    #[must_use]
    pub fn clients_wait(&self) -> Duration {
        match self {
            Self::Array(_) | Self::Pool(_) => Duration::ZERO,
            Self::Copy(copying) => copying.clients_wait(),
        }
    }

    /// Between two looks, where that is not what it usually is for what takes hours.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        match self {
            Self::Array(_) | Self::Pool(_) => false,
            Self::Copy(copying) => copying.is_urgent(),
        }
    }
}

/// What is known of a watch so far.
#[derive(Debug, Clone, Default)]
pub struct Steering {
    array: pace::Steering,
    pool: scan::Steering,
    copy: copy::Steering,
}

impl Steering {
    /// What to do by what is seen now; `paused` where a person wants it to wait.
    pub fn judge(&mut self, watch: &Watch, sight: &Sight, now: UnixMs, paused: bool) -> Advice {
        match watch {
            // An array and a pool go on as they are.
            Watch::Array(_) | Watch::Pool(_) if paused => Advice::Keep,
            Watch::Pool(watch) => match self.pool.judge(watch, sight, now) {
                scan::Advice::Keep => Advice::Keep,
                scan::Advice::Order(command) => Advice::Order(vec![command]),
                scan::Advice::GiveUp(why) => Advice::GiveUp(why),
            },
            Watch::Array(watch) => match self.array.judge(watch, sight, now) {
                pace::Advice::Keep => Advice::Keep,
                pace::Advice::Limit(kib_s) => Advice::Order(vec![watch.command(kib_s)]),
                pace::Advice::GiveUp(why) => Advice::GiveUp(why),
            },
            Watch::Copy(copying) => self.copy.judge(copying, sight, now, paused),
        }
    }

    /// The last advice did not arrive, or was of no use: it is given anew after a while.
    pub fn forget(&mut self, now: UnixMs, why: &str) {
        self.array.forget(now);
        self.pool.forget(now);
        self.copy.forget(now, why);
    }

    /// The last advice was followed.
    pub fn followed(&mut self) {
        self.copy.followed();
    }

    /// How it goes and why, in words.
    #[must_use]
    pub fn says(&self) -> Option<String> {
        self.array
            .says()
            .or_else(|| self.pool.says())
            .or_else(|| self.copy.says())
    }
}

/// Between two looks at what clients wait for.
pub const URGENT_EVERY: Duration = Duration::from_millis(500);
