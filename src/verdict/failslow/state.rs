//! The states of a stream and of a group, and the rules by which they are raised and taken back.

use super::stream::Stream;

/// What is thought of a stream, of a group, or of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum State {
    /// Nothing against it.
    #[default]
    Ok,
    /// Evidence that is worth a colour, not yet an alarm.
    Watch,
    /// Slower than its load and its peers explain, and steadily so.
    Slow,
    /// Its work stood still for a whole poll, or stands still now.
    Stalled,
    /// It does not answer while its peers do.
    Silent,
}

impl State {
    /// Whether somebody is to be told.
    #[must_use]
    pub const fn is_alarm(self) -> bool {
        matches!(self, Self::Slow | Self::Stalled | Self::Silent)
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Watch => "watch",
            Self::Slow => "slow",
            Self::Stalled => "stalled",
            Self::Silent => "silent",
        }
    }
}

/// Which rule raised the state that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Reason {
    /// None did.
    #[default]
    None,
    /// A steady excess: the cumulative sum and the recent mean.
    Steady,
    /// A smaller excess that lasts.
    Lasting,
    /// An excess that comes and goes.
    Recurring,
    /// Polls in which the work all but stood still.
    Stall,
    /// Operations in flight and none that ends.
    Stuck,
    /// Nothing is done any more while the peers work: idle or stuck, which cannot be told.
    NoWork,
    /// No answer.
    NoAnswer,
}

/// Load over that of the peers, in ln, from which a member is busy: 1.8 times.
pub const BUSY: f32 = 0.59;

/// The numbers of the rules. Latencies are ratios in ln; times are polls.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Drift of the cumulative sum, in standard deviations a poll.
    pub drift: f32,
    /// The cumulative sum never grows above this, times the repetition.
    pub ceiling: f32,
    /// WATCH: cumulative sum.
    pub watch_sum: f32,
    /// WATCH: recent mean.
    pub watch_mean: f32,
    /// SLOW: cumulative sum.
    pub slow_sum: f32,
    /// SLOW: recent mean.
    pub slow_mean: f32,
    /// A poll above this ratio counts as steady evidence.
    pub steady_level: f32,
    /// WATCH and SLOW: so many of the last eight polls above it.
    pub steady: u32,
    /// Above this recent mean a load of more than [`BUSY`] excuses nothing.
    pub overrule: f32,
    /// SLOW after long: mean of about the last fifty polls.
    pub lasting_mean: f32,
    /// A poll above this ratio counts as recurring evidence.
    pub high: f32,
    /// SLOW: so many of the last 30 polls above it.
    pub recurring: u32,
    /// A poll above this ratio counts as a stall among others.
    pub stall: f32,
    /// STALLED: so many of the last 120 polls above it that go on.
    pub stalls: u32,
    /// STALLED: one poll above this ratio is enough.
    pub standstill: f32,
    /// Taken back when the recent mean is below this.
    pub clear_slow: f32,
    /// WATCH is taken back when the recent mean is below this.
    pub clear_watch: f32,
    /// Polls for which a state that could be taken back is held; doubles with each of the alarms that are not forgotten, three at most.
    pub hold: u16,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            drift: 1.0,
            ceiling: 50.0,
            watch_sum: 30.0,
            watch_mean: 1.5_f32.ln(),
            slow_sum: 15.0,
            slow_mean: 1.82_f32.ln(),
            steady_level: 1.5_f32.ln(),
            steady: 6,
            overrule: 3.0_f32.ln(),
            lasting_mean: 1.39_f32.ln(),
            high: 2.1_f32.ln(),
            recurring: 6,
            stall: 8.0_f32.ln(),
            stalls: 2,
            standstill: 30.0_f32.ln(),
            clear_slow: 1.25_f32.ln(),
            clear_watch: 1.15_f32.ln(),
            hold: 4,
        }
    }
}

/// What of the group matters to the rules of one stream this poll.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The noise of the residuals, in ln.
    pub noise: f32,
    /// How much more is asked for while the whole group is slower than it was, in ln: its members then move unevenly.
    pub motion: f32,
    /// How much longer evidence must last because neighbouring polls repeat each other; 1 or more.
    pub repeat: f32,
    /// Members that were compared.
    pub peers: usize,
    /// Whether there are no peers but only the stream's own past.
    pub alone: bool,
    /// Whether of a few one differs by more than can be usual: it pulls the others' measure along, and nobody learns.
    pub unequal: bool,
}

/// The state that the evidence of a stream calls for now, and by which rule; without regard to what stands.
pub fn called_for(stream: &Stream, rules: &Rules, frame: &Frame) -> (State, Reason) {
    let mean = stream.mean;
    let noisy = 1.5 * frame.noise;
    // What is as slow in each poll does not stand still now and then: it is slow.
    let every_time = stream.steady() >= rules.steady && mean > rules.overrule;
    // What is over is remembered, and makes the next one an alarm; it is none by itself.
    let again = stream.stall_count() >= rules.stalls && stream.stalls_go_on();
    if (stream.standstill() || again) && !every_time {
        return (State::Stalled, Reason::Stall);
    }
    let busy = stream.load > BUSY && mean < rules.overrule;
    let mut top = if busy { State::Watch } else { State::Slow };
    let factor = if frame.alone { 2.0 } else { 1.0 };
    if frame.alone && mean < 2.5_f32.ln() {
        top = State::Watch;
    }
    let steady = stream.sum > rules.slow_sum * frame.repeat * factor && stream.steady() >= rules.steady;
    if steady && mean > rules.slow_mean.max(2.2 * noisy) + frame.motion {
        return (top, Reason::Steady);
    }
    if stream.recurring() >= rules.recurring {
        // One that has not paused yet does not come and go.
        let steady = stream.steady() >= rules.steady;
        return (top, if steady { Reason::Steady } else { Reason::Recurring });
    }
    if stream.sum > rules.watch_sum * frame.repeat * factor {
        if stream.long > (rules.lasting_mean * factor).max(noisy) + frame.motion && mean > rules.clear_slow {
            return (top, Reason::Lasting);
        }
        if stream.steady() >= rules.steady && mean > (rules.watch_mean * factor).max(noisy) + frame.motion {
            return (State::Watch, Reason::Steady);
        }
    }
    (State::Ok, Reason::None)
}

/// Whether the evidence is gone that a state rests on.
pub fn is_over(stream: &Stream, rules: &Rules, frame: &Frame) -> bool {
    let level = match stream.state {
        State::Ok => return false,
        State::Watch => rules.clear_watch,
        _ => rules.clear_slow,
    };
    stream.mean < level
        && stream.sum < rules.ceiling * 0.5 * frame.repeat
        && stream.recurring() <= 2
        && !stream.standstill()
        && !(stream.stall_count() >= rules.stalls && stream.stalls_go_on())
}
