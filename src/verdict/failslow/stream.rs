//! What is remembered of one stream: 64 bytes at most, whatever its age.

use super::load::KNEE;
use super::state::{BUSY, Frame, Reason, Rules, State, called_for, is_over};

/// What one poll says about one stream.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Reading {
    /// No answer, though one was due.
    #[default]
    Missing,
    /// It answered and had nothing to do, or too little to be judged by.
    Idle,
    /// Whoever measured is itself overloaded: nothing is learnt from this.
    Untrusted,
    /// Operations are in flight and none has ended for at least two polls and five seconds.
    Stuck,
    /// A measured poll.
    Value {
        /// ln of the mean latency of an operation, in any unit.
        latency: f32,
        /// ln of the offered load (operations or bytes), in any unit; NaN if not known.
        load: f32,
    },
}

impl Reading {
    /// Latency and load where it was measured; what cannot be the logarithm of a latency is no measurement, what cannot
    /// be that of a load is a load that is not known.
    pub(in crate::verdict) fn measured(&self) -> Option<(f32, f32)> {
        /// Beyond the logarithm of the largest and the smallest number of 64 bits.
        const FAR: f32 = 800.0;
        match *self {
            Self::Value { latency, load } if latency.abs() < FAR => {
                Some((latency, if load.abs() < FAR { load } else { f32::NAN }))
            }
            _ => None,
        }
    }

    /// Whether anything came back; a latency that cannot be one is nothing.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Value { .. } => self.measured().is_some(),
            Self::Idle | Self::Untrusted | Self::Stuck => true,
        }
    }

    /// From plain numbers; what cannot be a latency is no reading.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "logarithms are small")]
    pub fn value(latency: f64, load: Option<f64>) -> Self {
        if !latency.is_finite() || latency < 0.0 {
            return Self::Missing;
        }
        let load = load.filter(|load| load.is_finite());
        if latency == 0.0 || load.is_some_and(|load| load <= 0.0) {
            return Self::Idle;
        }
        Self::Value {
            latency: latency.ln() as f32,
            load: load.map_or(f32::NAN, |load| load.ln() as f32),
        }
    }
}

/// Weight of a poll in the recent mean.
const MEAN_RATE: f32 = 0.3;

/// The bits of the last word of marks that belong to stalls.
const STALLS: u32 = 0x00ff_ffff;

/// Polls after which the offset of a stream to its peers is its own.
const SETTLED: u8 = 30;
/// An excess beyond this, in ln, is never usual.
pub const UNUSUAL: f32 = 0.5;

/// The means take no poll for more than this, in ln.
const MOST: f32 = 1.5;

/// A stall that is no longer ago than so many polls was just now.
const LATELY: u32 = 16;
/// Alarms of which each doubles the hold of the next; more make it no longer.
const REMEMBERED: u8 = 3;
/// After so many polls in a row with nothing against it one alarm is forgotten: half an hour of polls of five seconds.
const FORGOTTEN_AFTER: u16 = 360;

/// One stream against its peers.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Its usual offset to its peers, in ln.
    pub(super) offset: f32,
    anchor: f32,
    /// Cumulative sum of the excess, in standard deviations.
    pub(super) sum: f32,
    /// Mean excess of about the last four polls, in ln.
    pub(super) mean: f32,
    /// Mean excess of about the last fifty polls, in ln.
    pub(super) long: f32,
    /// Mean load against the peers, in ln.
    pub(super) load: f32,
    pub(super) last: f32,
    pub(super) last_load: f32,
    high: u32,
    /// One bit a poll: the last 120 for stalls, and above them the last eight that were well above the peers.
    marks: [u32; 4],
    /// Polls in the present state.
    pub(super) held: u16,
    /// Polls since the cumulative sum last left zero, while there is no alarm: when it began, if it is one.
    pub(super) rising: u8,
    /// Measured polls, counted up to 255.
    pub(super) polls: u8,
    pub(super) state: State,
    pub(super) reason: Reason,
    /// Alarms that are not forgotten yet, at most [`REMEMBERED`].
    alarms: u8,
    missed: u8,
    miss_rate: u8,
    idle: u8,
    stood: u8,
    over: u8,
}

const _: () = assert!(size_of::<Stream>() <= 64);

impl Stream {
    /// Latency over that of the peers of the last few polls.
    ///
    /// The mean takes no poll for more than e^1.5 times the peers', so that one wild poll is no trend; of one that is
    /// far beyond that, the last poll tells how far.
    pub(super) fn ratio(&self) -> f32 {
        let beyond = self.mean > 0.8 * MOST && self.last > MOST;
        if beyond { self.last.exp() } else { self.mean.exp() }
    }

    /// How many of the last 30 polls were far above the peers.
    pub(super) fn recurring(&self) -> u32 {
        (self.high & 0x3fff_ffff).count_ones()
    }

    /// How many of the last eight polls were well above the peers.
    pub(super) fn steady(&self) -> u32 {
        (self.marks[3] >> STALLS.count_ones()).count_ones()
    }

    /// How many of the last 120 polls were stalls.
    pub(super) fn stall_count(&self) -> u32 {
        let [first, second, third, last] = self.marks;
        first.count_ones() + second.count_ones() + third.count_ones() + (last & STALLS).count_ones()
    }

    /// Whether the stalls of the last 120 polls go on: the last one is no longer ago than sixteen polls, or than twice the mean
    /// from one to the next. So those of one bad time are over soon after it, and those that come now and then are not.
    pub(super) fn stalls_go_on(&self) -> bool {
        let [first, second, third, last] = self.marks.map(u128::from);
        let stalls = first | second << 32 | third << 64 | (last & u128::from(STALLS)) << 96;
        if stalls == 0 {
            return false;
        }
        let (since, oldest) = (stalls.trailing_zeros(), stalls.ilog2());
        let between = (stalls.count_ones() - 1).max(1);
        since < LATELY.max(2 * (oldest - since) / between)
    }

    /// Whether a poll stood still as a whole not long ago.
    pub(super) const fn standstill(&self) -> bool {
        self.stood > 0
    }

    /// Whether nothing is held against it: only then it teaches.
    pub(super) fn quiet(&self) -> bool {
        self.state == State::Ok && (self.sum < 6.0 || self.polls < 10)
    }

    fn push(&mut self, high: bool, steady: bool, stall: bool) {
        self.high = self.high << 1 | u32::from(high);
        let [first, second, third, last] = self.marks;
        let stalls = (last << 1 | third >> 31) & STALLS;
        let above = (last & !STALLS) << 1 | u32::from(steady) << STALLS.count_ones();
        self.marks = [
            first << 1 | u32::from(stall),
            second << 1 | first >> 31,
            third << 1 | second >> 31,
            above | stalls,
        ];
    }

    /// A measured poll: its excess over its peers after load, `raw`, still with its usual offset; its load against
    /// theirs.
    pub(super) fn measure(&mut self, excess: f32, dx: f32, rules: &Rules, frame: &Frame) {
        let after_gap = self.missed >= 2 || self.idle >= 2;
        self.miss_rate = self.miss_rate.saturating_sub(self.miss_rate.div_ceil(32));
        self.missed = 0;
        self.idle = 0;
        self.last = excess;
        self.last_load = dx;
        self.load += 0.1 * (dx - self.load);
        if !after_gap {
            let z = (excess / frame.noise).clamp(-4.0, 4.0);
            // What took longer to gather is taken back as fast.
            let over = self.state != State::Ok && self.mean < rules.clear_slow;
            let drift = if over { rules.drift * frame.repeat } else { rules.drift };
            self.sum = (self.sum + z - drift).clamp(0.0, rules.ceiling * frame.repeat);
            if self.sum == 0.0 {
                self.rising = 0;
            } else if !self.state.is_alarm() {
                self.rising = self.rising.saturating_add(1);
            }
            self.mean += MEAN_RATE * (excess.clamp(-MOST, MOST) - self.mean);
            self.long += 0.02 * (excess.clamp(-MOST, MOST) - self.long);
            let stall = excess > rules.stall;
            // While it has more to do than the others a high poll proves little, and it must not do so afterwards.
            let proves = dx < BUSY || excess > rules.overrule;
            self.push(
                proves && excess > rules.high.max(3.5 * frame.noise) + frame.motion,
                excess > rules.steady_level + frame.motion,
                stall,
            );
            self.stood = self.stood.saturating_sub(1);
            // With next to no work left one odd operation is the mean: it must happen again to count.
            if excess > rules.standstill && dx > -2.0 && (!frame.alone || self.polls > SETTLED) {
                self.stood = 40;
            }
            self.learn(excess, dx, frame);
            self.polls = self.polls.saturating_add(1);
        }
        self.step(rules, frame);
    }

    fn learn(&mut self, excess: f32, dx: f32, frame: &Frame) {
        // Two compare with each other: each takes half of what lies between them.
        let (start, drift) = if frame.peers <= 2 { (0.2, 0.04) } else { (0.45, 0.08) };
        // A busy one is granted more than it may need: that it does without is not usual for it.
        if !self.quiet() || excess.abs() > UNUSUAL || dx > KNEE || frame.alone || frame.unequal {
            return;
        }
        if self.polls < SETTLED {
            let share = if frame.peers <= 2 { 0.5 } else { 1.0 };
            self.offset = (self.offset + share * excess / (f32::from(self.polls) + 2.0)).clamp(-start, start);
            self.anchor = self.offset;
        } else {
            self.offset =
                (self.offset + 0.003 * excess.clamp(-0.3, 0.3)).clamp(self.anchor - drift, self.anchor + drift);
        }
    }

    /// No answer, while the peers answer.
    pub(super) fn miss(&mut self, rules: &Rules, frame: &Frame) {
        self.missed = self.missed.saturating_add(1);
        self.step(rules, frame);
        if self.missed < 10 {
            self.miss_rate = self.miss_rate.saturating_add((255 - self.miss_rate).div_ceil(32));
        }
    }

    /// Nothing to do, while the peers work.
    pub(super) fn rest(&mut self, rules: &Rules, frame: &Frame, peers_work: bool) {
        self.missed = 0;
        if peers_work {
            self.idle = self.idle.saturating_add(1);
        }
        self.sum = (self.sum - rules.drift).max(0.0);
        self.mean *= 0.9;
        self.push(false, false, false);
        self.stood = self.stood.saturating_sub(1);
        self.step(rules, frame);
    }

    /// Operations in flight, none ends.
    pub(super) fn stick(&mut self) {
        self.missed = 0;
        self.held = self.held.saturating_add(1);
        self.raise(State::Stalled, Reason::Stuck);
    }

    /// How unlikely so many missing answers are by chance, as −log10.
    fn phi(&self) -> f32 {
        let rate = (f32::from(self.miss_rate) / 255.0).clamp(0.03, 0.7);
        -f32::from(self.missed) * rate.log10()
    }

    fn raise(&mut self, state: State, reason: Reason) {
        if state != self.state {
            if state.is_alarm() && !self.state.is_alarm() {
                self.alarms = REMEMBERED.min(self.alarms + 1);
            }
            self.held = 0;
            self.state = state;
        }
        self.reason = reason;
        self.over = 0;
    }

    /// What was slow without a pause and has been as fast as its peers for long is over: what it did before says nothing
    /// about now. One that comes and goes is not let off so soon.
    fn settle_down(&mut self, rules: &Rules) {
        /// The last dozen polls.
        const DOZEN: u32 = 0xfff;
        let without_pause = matches!(self.reason, Reason::Steady | Reason::Lasting);
        if self.state.is_alarm() && without_pause && self.mean < rules.clear_slow && self.high & DOZEN == 0 {
            self.high = 0;
            self.sum = self.sum.min(rules.slow_sum);
        }
    }

    fn step(&mut self, rules: &Rules, frame: &Frame) {
        self.held = self.held.saturating_add(1);
        if self.missed >= 5 && self.phi() > 8.0 {
            return self.raise(State::Silent, Reason::NoAnswer);
        }
        if self.missed > 0 {
            return;
        }
        if self.state == State::Ok && self.held.is_multiple_of(FORGOTTEN_AFTER) {
            self.alarms = self.alarms.saturating_sub(1);
        }
        self.settle_down(rules);
        let (mut state, mut reason) = called_for(self, rules, frame);
        if (state, reason) == (State::Slow, Reason::Steady) {
            // What it did in each poll is no standstill now and then; nor is it one afterwards.
            self.marks[3] &= !STALLS;
            (self.marks[0], self.marks[1], self.marks[2], self.stood) = (0, 0, 0, 0);
        }
        if state == State::Ok && self.idle >= 6 && self.polls > SETTLED && self.load > -1.0 {
            (state, reason) = (State::Watch, Reason::NoWork);
        }
        if self.state == State::Silent || (self.reason == Reason::NoWork && state != State::Watch) {
            return self.raise(state, reason);
        }
        if state > self.state || (self.state, reason) == (State::Stalled, Reason::Steady) {
            self.raise(state, reason);
        } else if state == State::Ok && is_over(self, rules, frame) {
            self.over = self.over.saturating_add(1);
            let hold = rules.hold << u32::from(self.alarms.saturating_sub(1));
            if u16::from(self.over) >= hold {
                self.raise(State::Ok, Reason::None);
            }
        } else {
            self.over = 0;
        }
    }
}
