//! Tests of the embedded fleet, through a real SSH client where that matters.

pub mod client;
mod fleet;
mod hostility;
mod parsing;
mod protocol;
mod rendering;
mod slowness;
mod state;

use super::{Clock, Simulation};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// 2026-11-21T00:00:00Z, in seconds.
const START: u64 = 1_795_219_200;

/// A clock that a test moves.
#[derive(Clone, Default)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || Duration::from_secs(START) + Duration::from_millis(now.load(Ordering::Relaxed)))
    }

    pub fn forward(&self, by: Duration) {
        self.0
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

/// A clock that follows tokio's, which tests may pause.
pub fn tokio_clock() -> Clock {
    let start = tokio::time::Instant::now();
    Arc::new(move || Duration::from_secs(START) + start.elapsed())
}

fn calm() -> (Simulation, Hand) {
    let hand = Hand::default();
    (Simulation::calm(7, hand.clock()), hand)
}
