//! A stream against its own past: what a cell of the client × server matrix holds.
//!
//! Peers of a cell are hard to name (each client is at its own distance from each server), so it is measured by its
//! usual level instead, with what the load explains taken away. Only quiet polls teach the level, so that a fault stands
//! against the past before it for as long as it lasts.

use super::{
    load::{KNEE, PRIOR, allowance},
    stream::Reading,
};

/// Polls until the past counts for something.
const SETTLED: u16 = 20;
/// Polls over which the level forgets: an hour of 15 s.
const MEMORY: f32 = 240.0;
/// Loads, in ln of their ratio to the usual one, that teach.
const NEAR: f32 = 2.0 * KNEE;
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
        self.measure_among(reading, quiet, 0.0)
    }

    /// How much more it has to do than usual, in ln; none before there is a past, or where it is not known.
    #[must_use]
    pub fn busier(&self, reading: &Reading) -> Option<f32> {
        let (_, load) = reading.measured()?;
        (self.polls > 0).then_some(load - self.load).filter(|dx| dx.is_finite())
    }

    /// As [`Self::measure`], where all cells of the matrix have `common` more to do than usual, in ln: the median of
    /// [`Self::busier`] over them. Doubt is in favour of one that is busier than the others, not of all at once.
    pub fn measure_among(&mut self, reading: &Reading, quiet: bool, common: f32) -> Option<f32> {
        let (latency, load) = reading.measured()?;
        if self.polls == 0 {
            (self.level, self.load) = (latency, load);
        } else if self.load.is_nan() {
            self.load = load;
        }
        let dx = load - self.load;
        let dx = if dx.is_nan() { 0.0 } else { dx.clamp(-3.0, 3.0) };
        let shared = if common.is_nan() { 0.0 } else { common.clamp(-3.0, 3.0) };
        let excess = latency - self.level - PRIOR * shared - allowance(PRIOR, dx - shared);
        let settled = self.polls >= SETTLED;
        let rate = if settled && !quiet {
            0.0
        } else {
            (1.0 / (f32::from(self.polls) + 1.0)).max(1.0 / MEMORY)
        };
        // With a load far from the usual one nobody knows what is usual: more is granted then than may be needed.
        if dx.abs() <= NEAR {
            // A wild poll moves the level by no more than a large one.
            self.level += rate * (latency - self.level - PRIOR * dx).clamp(-1.0, 1.0);
            self.polls = self.polls.saturating_add(1);
        }
        self.load += rate * dx;
        if !settled {
            return None;
        }
        self.mean += RECENT * (excess.clamp(-3.0, 3.0) - self.mean);
        Some(excess)
    }

    /// Nothing was measured for a while: what was so before it is not so now.
    pub fn pause(&mut self) {
        self.mean = 0.0;
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

    /// In a past of changing load the polls with an unusual one teach nothing: more is granted then than is needed.
    #[test]
    fn a_busy_past_is_no_low_level() {
        let mut own = Own::default();
        for poll in 0..200 {
            let busy = poll % 40 > 20;
            let (ms, load) = if busy { (2.2, 400.0) } else { (2.0, 100.0) };
            own.measure(&Reading::value(ms, Some(load)), true);
        }
        let excess = after(&mut own, 40, 2.0, 100.0, true).unwrap();
        assert!(excess.abs() < 0.12, "{excess}");
    }

    #[test]
    fn doubt_is_in_favour_of_one_that_is_busier_than_the_others_not_of_all() {
        let mut own = Own::default();
        assert_eq!(own.busier(&Reading::value(2.0, Some(100.0))), None);
        after(&mut own, 100, 2.0, 100.0, true);
        let now = Reading::value(5.0, Some(300.0));
        let busier = own.busier(&now).unwrap();
        assert!((busier - 3.0_f32.ln()).abs() < 1e-3, "{busier}");
        assert_eq!(own.busier(&Reading::Idle), None);
        let alone = Own::clone(&own).measure_among(&now, false, 0.0).unwrap();
        let together = Own::clone(&own).measure_among(&now, false, busier).unwrap();
        assert!(alone < 0.0 && together > 0.5, "{alone} {together}");
        assert_eq!(own.measure_among(&now, false, f32::NAN), Some(alone));
    }

    #[test]
    fn a_busy_hour_teaches_nothing_that_speaks_against_the_quiet_one_after_it() {
        let mut own = Own::default();
        after(&mut own, 100, 2.0, 100.0, true);
        // Twice the latency would be conceded to this load; it needs a third more.
        after(&mut own, 720, 2.7, 300.0, true);
        let quiet = after(&mut own, 60, 2.0, 100.0, true).unwrap();
        assert!(quiet.abs() < 0.2, "{quiet}");
    }

    #[test]
    fn after_a_pause_only_the_past_stands() {
        let mut own = Own::default();
        after(&mut own, 40, 2.0, 100.0, true);
        assert!(after(&mut own, 20, 9.0, 100.0, false).unwrap() > 1.0);
        own.pause();
        assert!(after(&mut own, 1, 2.0, 100.0, false).unwrap().abs() < 0.05);
        assert!(after(&mut own, 20, 9.0, 100.0, false).unwrap() > 1.0);
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
