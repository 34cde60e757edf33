//! A stream against its own past: what a cell of the client × server matrix holds.
//!
//! Peers of a cell are hard to name (each client is at its own distance from each server), so it is measured by its
//! usual level instead, with what the load explains taken away. Only quiet polls teach the level, so that a fault stands
//! against the past before it for as long as it lasts.

use super::{
    load::{PRIOR, allowance},
    stream::Reading,
};

/// Polls until the past counts for something.
const SETTLED: u16 = 20;
/// Polls over which the level forgets: an hour of 15 s.
const MEMORY: f32 = 240.0;
/// The mean excess is that of about the last ten polls.
const RECENT: f32 = 0.15;

/// What is remembered of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Own {
    level: f32,
    load: f32,
    mean: f32,
    polls: u16,
}

const _: () = assert!(size_of::<Own>() <= 16);

impl Own {
    /// Takes one poll; `quiet` says whether nothing is held against the cell, its client or its server. Returns the excess
    /// of this poll over the past, in ln; none before there is one, or where nothing was measured.
    pub fn measure(&mut self, reading: &Reading, quiet: bool) -> Option<f32> {
        let (latency, load) = reading.measured()?;
        if self.polls == 0 {
            (self.level, self.load) = (latency, load);
        } else if self.load.is_nan() {
            self.load = load;
        }
        let dx = load - self.load;
        let dx = if dx.is_nan() { 0.0 } else { dx.clamp(-3.0, 3.0) };
        let excess = latency - self.level - allowance(PRIOR, dx);
        let settled = self.polls >= SETTLED;
        let rate = match (settled, quiet) {
            (false, _) => 1.0 / (f32::from(self.polls) + 1.0),
            (true, true) => 1.0 / MEMORY,
            (true, false) => 0.0,
        };
        // A wild poll moves the level by no more than a large one.
        self.level += rate * excess.clamp(-1.0, 1.0);
        self.load += rate * dx;
        self.polls = self.polls.saturating_add(1);
        if !settled {
            return None;
        }
        self.mean += RECENT * (excess.clamp(-3.0, 3.0) - self.mean);
        Some(excess)
    }

    /// The mean excess of about the last ten polls, in ln; none before there is a past.
    #[must_use]
    pub fn excess(&self) -> Option<f32> {
        (self.polls > SETTLED).then_some(self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(own: &mut Own, polls: u32, ms: f64, load: f64, quiet: bool) -> Option<f32> {
        for _ in 0..polls {
            own.measure(&Reading::value(ms, Some(load)), quiet);
        }
        own.excess()
    }

    #[test]
    fn a_fault_stands_against_the_past_for_as_long_as_it_lasts() {
        let mut own = Own::default();
        assert_eq!(after(&mut own, 20, 2.0, 100.0, true), None);
        assert!(after(&mut own, 20, 2.0, 100.0, true).unwrap().abs() < 1e-3);
        let fault = after(&mut own, 5000, 6.0, 100.0, false).unwrap();
        assert!((fault - 3.0_f32.ln()).abs() < 1e-3, "{fault}");
        assert!(after(&mut own, 60, 2.0, 100.0, true).unwrap().abs() < 1e-2);
    }

    #[test]
    fn what_load_explains_is_no_excess_and_what_is_no_reading_changes_nothing() {
        let mut own = Own::default();
        after(&mut own, 100, 2.0, 100.0, true);
        let busy = after(&mut own, 30, 4.0, 300.0, false).unwrap();
        assert!(busy < 0.0, "{busy}");
        let before = own;
        for reading in [
            Reading::Missing,
            Reading::Idle,
            Reading::Untrusted,
            Reading::Value {
                latency: f32::NAN,
                load: 1.0,
            },
        ] {
            assert_eq!(own.measure(&reading, true), None);
        }
        assert_eq!(own, before);
        // A load that is not known explains nothing, and spoils nothing.
        assert!(own.measure(&Reading::value(2.0, None), true).unwrap().abs() < 0.1);
        assert!(own.measure(&Reading::value(2.0, Some(100.0)), true).unwrap().abs() < 0.1);
    }
}
