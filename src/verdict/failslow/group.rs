//! Peers: what all members have in common is taken away, and what remains is each one's own.

use super::{
    load::{Exponent, KNEE, allowance, curve, fixed, float},
    state::{Frame, Reason, Rules, State},
    stream::{Reading, Stream, UNUSUAL},
};

/// A member's state with the numbers it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What is thought of it.
    pub state: State,
    /// Which rule says so.
    pub reason: Reason,
    /// Latency over that of the peers after load, of about the last four polls.
    pub ratio: f32,
    /// The same of the last poll alone.
    pub last_ratio: f32,
    /// Load over that of the peers.
    pub load_ratio: f32,
    /// Members it is compared with; 0: its own past.
    pub peers: usize,
    /// Polls in this state.
    pub held: u16,
    /// The latency over that of the peers that its load explains and that [`Self::ratio`] is already without.
    pub explained: f32,
    /// The latency over that of the peers that is usual for it and that [`Self::ratio`] is already without.
    pub usual: f32,
    /// Polls since what led to this state began; as far as that can be told.
    pub lasted: u16,
    /// Measured polls, counted up to 255.
    pub polls: u8,
    /// The whole group over its own past, load taken away.
    pub group_ratio: f32,
    /// The state of the whole group.
    pub group_state: State,
}

/// What the members have in common, against the group's own past.
#[derive(Debug, Clone, Default)]
struct Common {
    level: f32,
    load: f32,
    polls: u32,
    sum: f32,
    mean: f32,
    dumb: u8,
    state: State,
    over: u8,
}

/// Streams that are each other's peers: one role, model and site, one operation.
#[derive(Debug, Clone)]
pub struct Group {
    rules: Rules,
    streams: Vec<Stream>,
    exponent: Exponent,
    noise: f32,
    products: (f64, f64),
    polls: u32,
    common: Common,
    peers: usize,
    scratch: Vec<f32>,
    excess: Vec<(f32, f32)>,
}

/// How often a poll is repeated by its neighbours, (1 + ρ) / (1 − ρ), in the traces that the rules were set on.
const USUAL_REPEAT: f64 = 6.0;

impl Default for Group {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

/// The median; reorders the values. NaN of none.
pub fn median(values: &mut [f32]) -> f32 {
    let half = values.len() / 2;
    if values.is_empty() {
        return f32::NAN;
    }
    let even = values.len().is_multiple_of(2);
    let (below, middle, _) = values.select_nth_unstable_by(half, f32::total_cmp);
    let middle = *middle;
    if even {
        f32::midpoint(middle, below.iter().copied().fold(f32::NEG_INFINITY, f32::max))
    } else {
        middle
    }
}

/// The median of a sorted slice without the value at `out`.
fn median_without(sorted: &[f32], out: usize) -> f32 {
    let at = |index: usize| sorted[if index < out { index } else { index + 1 }];
    let rest = sorted.len() - 1;
    if rest % 2 == 1 {
        at(rest / 2)
    } else {
        f32::midpoint(at(rest / 2 - 1), at(rest / 2))
    }
}

/// What is conceded to a busy one beyond the learnt curve of ordinary loads: a doubt in its favour, and nothing against its
/// peers. A device that takes three times the load without being any slower is no faster for that.
fn conceded(beta: f32, dx: f32) -> f32 {
    allowance(beta, dx) - beta * dx.clamp(-0.5, KNEE)
}

impl Group {
    /// An empty group.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            streams: Vec::new(),
            exponent: Exponent::default(),
            noise: 0.12,
            products: (0.5, 1.0),
            polls: 0,
            common: Common::default(),
            peers: 0,
            scratch: Vec::new(),
            excess: Vec::new(),
        }
    }

    /// Adds a member and says its index.
    pub fn add(&mut self) -> usize {
        self.streams.push(Stream::default());
        self.streams.len() - 1
    }

    /// Forgets a member: its place is as good as new, and may be given to another.
    pub fn reset(&mut self, index: usize) {
        if let Some(stream) = self.streams.get_mut(index) {
            *stream = Stream::default();
        }
    }

    /// Members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// The rules by which it judges.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The state of all members together: slow when the whole group is, silent when none answers.
    #[must_use]
    pub fn common(&self) -> State {
        self.common.state
    }

    /// The group's latency over its own past, load taken away.
    #[must_use]
    pub fn common_ratio(&self) -> f32 {
        self.common.mean.exp()
    }

    /// The state of a member; good where there is none.
    #[must_use]
    pub fn state(&self, index: usize) -> State {
        self.streams.get(index).map_or(State::Ok, |stream| stream.state)
    }

    /// What a member's last poll showed, in ln: latency over that of its peers with the load taken away, and its load over
    /// theirs. Cheaper than to [`judge`](Self::judge) it.
    #[must_use]
    pub fn lately(&self, index: usize) -> Option<(f32, f32)> {
        self.streams.get(index).map(|stream| (stream.last, stream.last_load))
    }

    /// What is thought of a member.
    #[must_use]
    pub fn judge(&self, index: usize) -> Option<Judgement> {
        let stream = self.streams.get(index)?;
        Some(Judgement {
            state: stream.state,
            reason: stream.reason,
            ratio: stream.ratio(),
            last_ratio: stream.last.exp(),
            load_ratio: stream.load.exp(),
            peers: if self.streams.len() < 2 {
                0
            } else {
                self.peers.saturating_sub(1)
            },
            held: stream.held,
            explained: allowance(self.exponent.beta(), stream.load).exp(),
            usual: stream.offset.exp(),
            lasted: match stream.reason {
                Reason::Steady | Reason::Lasting if stream.state.is_alarm() => {
                    stream.held.saturating_add(stream.rising.into())
                }
                Reason::Steady | Reason::Lasting => stream.held.max(stream.rising.into()),
                _ => stream.held,
            },
            polls: stream.polls,
            group_ratio: self.common_ratio(),
            group_state: self.common.state,
        })
    }

    /// One poll of all members; readings beyond the members are ignored, missing ones are missing.
    /// `others_answer` says whether anything outside the group answered in this poll: only then a silent group is so.
    pub fn poll(&mut self, readings: &[Reading], others_answer: bool) {
        let reading = |index: usize| readings.get(index).copied().unwrap_or_default();
        let answers = (0..self.streams.len())
            .filter(|index| reading(*index).is_answer())
            .count();
        self.silence(answers, others_answer);
        let values = readings.iter().take(self.streams.len());
        self.excess.clear();
        self.excess.extend(values.filter_map(Reading::measured));
        let valid = self.excess.len();
        self.peers = valid;
        let x0 = self.usual_load();
        let mut frame = self.frame(valid);
        let beta = self.exponent.beta();
        let mut u = std::mem::take(&mut self.scratch);
        u.clear();
        let dx_of = |load: f32| {
            if load.is_finite() && x0.is_finite() {
                (load - x0).clamp(-3.0, 3.0)
            } else {
                0.0
            }
        };
        let offsets = readings
            .iter()
            .zip(&self.streams)
            .filter_map(|(reading, stream)| reading.measured().map(|_| stream.offset));
        for (pair, offset) in self.excess.iter_mut().zip(offsets) {
            let dx = dx_of(pair.1);
            *pair = (pair.0 - allowance(beta, dx) - offset, dx);
            u.push(pair.0 + conceded(beta, dx));
        }
        let elevation = self.centre(&mut u, x0, beta);
        frame.unequal = self.streams.len() < 6 && self.excess.iter().any(|(excess, _)| excess.abs() > UNUSUAL);
        let spread = self.judge_all(&reading, &frame, answers, elevation);
        self.scratch = u;
        self.settle(spread, &frame);
    }

    fn usual_load(&mut self) -> f32 {
        self.scratch.clear();
        self.scratch
            .extend(self.excess.iter().map(|pair| pair.1).filter(|load| load.is_finite()));
        if self.scratch.len() == 2 {
            self.scratch[0].min(self.scratch[1])
        } else {
            median(&mut self.scratch)
        }
    }

    fn frame(&self, valid: usize) -> Frame {
        let rho = (self.products.0 / self.products.1).clamp(0.0, 0.95);
        #[allow(clippy::cast_possible_truncation, reason = "small numbers")]
        let repeat = ((1.0 + rho) / (1.0 - rho) / USUAL_REPEAT).clamp(1.0, 4.0) as f32;
        // While the whole group is in motion its members move unevenly.
        let noise = self.noise.max(0.09) * (1.0 + 0.5 * self.common.mean.clamp(0.0, 1.5));
        Frame {
            noise,
            motion: 0.3 * self.common.mean.clamp(0.0, 1.5),
            repeat,
            peers: valid,
            // One whose peers are not measured has only its past, too.
            alone: self.streams.len() < 2 || valid < 2,
            unequal: false,
        }
    }

    /// Takes away what is common; `u` is what each one is as a peer of the others. Returns how far the group is above its
    /// own past, if that is known.
    fn centre(&mut self, u: &mut [f32], x0: f32, beta: f32) -> Option<f32> {
        let valid = u.len();
        if valid == 0 {
            return None;
        }
        u.sort_unstable_by(f32::total_cmp);
        let level = match valid {
            2 => u[0],
            n if n % 2 == 1 => u[n / 2],
            n => f32::midpoint(u[n / 2 - 1], u[n / 2]),
        };
        let elevation = self.common_mode(level, x0, beta, valid);
        for pair in &mut self.excess {
            let own = pair.0;
            let as_peer = own + conceded(beta, pair.1);
            pair.0 = match valid {
                1 => elevation.unwrap_or(0.0),
                2..8 => {
                    let at = u.partition_point(|value| value.total_cmp(&as_peer).is_lt());
                    own - median_without(u, at)
                }
                _ => own - level,
            };
            // Of two, the slow one has left its own past; when the other became fast, nobody is slow.
            if valid == 2
                && let Some(elevation) = elevation
            {
                let above = elevation + own - level;
                pair.0 = pair.0.min(above.max(0.0) + 0.3);
            }
        }
        elevation
    }

    /// The group against its own past: all slow together is a finding about what they share.
    fn common_mode(&mut self, level: f32, x0: f32, beta: f32, valid: usize) -> Option<f32> {
        let common = &mut self.common;
        let load = if x0.is_finite() { x0 } else { common.load };
        if common.polls == 0 {
            (common.level, common.load) = (level, load);
        }
        let raw = level - common.level;
        let excess = raw - allowance(beta, (load - common.load).clamp(-3.0, 3.0));
        common.mean += 0.1 * (excess.clamp(-1.5, 1.5) - common.mean);
        common.sum = (common.sum + (excess / 0.2).clamp(-4.0, 4.0) - 1.0).clamp(0.0, 60.0);
        let calm = common.sum < 8.0;
        let rate = if common.polls < 40 {
            1.0 / (common.polls as f32 + 1.0)
        } else if calm || excess < 0.0 {
            1.0 / 240.0
        } else {
            1.0 / 4000.0
        };
        common.level += rate * (raw - curve(beta, (load - common.load).clamp(-3.0, 3.0)));
        common.load += rate * (load - common.load);
        common.polls = common.polls.saturating_add(1);
        let settled = common.polls > 40;
        if settled && valid > 1 && common.sum > 40.0 && common.mean > 1.6_f32.ln() {
            common.state = State::Slow;
            common.over = 0;
        } else if common.state == State::Slow && common.mean < 1.25_f32.ln() {
            common.over = common.over.saturating_add(1);
            if common.over >= 8 {
                common.state = State::Ok;
            }
        }
        settled.then_some(excess)
    }

    fn silence(&mut self, answers: usize, others_answer: bool) {
        if answers > 0 {
            self.common.dumb = 0;
            if self.common.state == State::Silent {
                self.common.state = State::Ok;
            }
        } else if others_answer && self.polls > 0 {
            self.common.dumb = self.common.dumb.saturating_add(1);
            if self.common.dumb >= 6 {
                self.common.state = State::Silent;
            }
        }
    }

    /// Updates every member; returns the noise of this poll, if there was any.
    fn judge_all(
        &mut self,
        reading: &dyn Fn(usize) -> Reading,
        frame: &Frame,
        answers: usize,
        elevation: Option<f32>,
    ) -> Option<f32> {
        let rules = self.rules;
        let others = self.streams.len().saturating_sub(1);
        let mut judged = self.excess.iter();
        let mut spread = Vec::with_capacity(judged.len());
        let mut products = (0_i64, 0_i64);
        let working = self.excess.len();
        for (index, stream) in self.streams.iter_mut().enumerate() {
            match reading(index) {
                now if now.measured().is_some() => {
                    let Some(&(excess, dx)) = judged.next() else { continue };
                    if !excess.is_finite() || (frame.alone && elevation.is_none()) {
                        // Nothing to compare with, neither peers nor a past: what was held against it fades.
                        stream.rest(&rules, frame, false);
                        continue;
                    }
                    let (before, before_load) = (stream.last, stream.last_load);
                    if stream.quiet() && stream.mean.abs() < rules.slow_mean {
                        self.exponent.learn(
                            dx - before_load,
                            excess - before + allowance(self.exponent.beta(), dx)
                                - allowance(self.exponent.beta(), before_load),
                        );
                        let bound = 3.0 * frame.noise;
                        let (now, then) = (excess.clamp(-bound, bound), before.clamp(-bound, bound));
                        products.0 += fixed(now * then);
                        products.1 += fixed(now * now);
                    }
                    spread.push(excess.abs());
                    stream.measure(excess, dx, &rules, frame);
                }
                Reading::Stuck => stream.stick(),
                Reading::Idle => stream.rest(&rules, frame, working * 2 >= others && working > 0),
                // A missing answer counts where at least half of the others answer.
                Reading::Missing | Reading::Value { .. } if answers > 0 && answers * 2 >= others => {
                    stream.miss(&rules, frame);
                }
                Reading::Missing | Reading::Value { .. } | Reading::Untrusted => {}
            }
        }
        let product = f64::from(float(products.0));
        self.products.0 = self.products.0 * 0.995 + product;
        self.products.1 = self.products.1 * 0.995 + f64::from(float(products.1));
        (!spread.is_empty()).then(|| median(&mut spread))
    }

    fn settle(&mut self, spread: Option<f32>, frame: &Frame) {
        self.exponent.settle();
        self.polls = self.polls.saturating_add(1);
        let few = self.streams.len() < 6;
        // Of few, one that is slow is a good part of the noise: only a quiet group teaches.
        let limit = self.rules.slow_mean;
        let taught = |stream: &Stream| stream.quiet() && stream.mean.abs() < limit;
        if let Some(spread) = spread
            && (!few || self.streams.iter().all(taught))
        {
            let rate = (1.0 / (self.polls as f32 + 10.0)).max(0.005);
            let seen = (1.4826 * spread).min(3.0 * frame.noise);
            self.noise += rate * (seen - self.noise);
            // One that is slow from the start passes for quiet at first.
            if few && self.polls < 40 {
                self.noise = self.noise.min(0.2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worst states of all members over the polls from `from` on; `change` sets factors of latency and of load.
    fn worst(members: usize, from: u32, change: impl Fn(usize, u32) -> (f64, f64)) -> Vec<State> {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut group = Group::default();
        for _ in 0..members {
            group.add();
        }
        let mut worst = vec![State::Ok; members];
        for poll in 0..700 {
            let mut reading = |member: usize| {
                let (latency, load) = change(member, poll);
                let noise = 1.0 + 0.2 * (rng.f64() - 0.5);
                Reading::value(100.0 * latency * noise, Some(1000.0 * load))
            };
            let readings: Vec<Reading> = (0..members).map(&mut reading).collect();
            group.poll(&readings, true);
            for (member, worst) in worst.iter_mut().enumerate().filter(|_| poll >= from) {
                *worst = (*worst).max(group.judge(member).expect("a member").state);
            }
        }
        worst
    }

    #[test]
    fn the_peers_of_a_busy_one_are_not_slow() {
        for members in [2, 3, 4, 5, 12] {
            let busy = |member, poll| {
                if member == 0 && poll > 200 {
                    (1.3, 3.5)
                } else {
                    (1.0, 1.0)
                }
            };
            assert_eq!(worst(members, 0, busy), vec![State::Ok; members], "{members}");
        }
    }

    #[test]
    fn a_busy_one_that_queues_is_no_alarm_also_when_its_work_is_done() {
        for members in [2, 3, 12] {
            let busy = |member, poll| {
                let busy = member == 0 && poll > 200 && poll / 20 % 2 == 0;
                if busy { (5.0, 3.8) } else { (1.0, 1.0) }
            };
            assert!(
                worst(members, 0, busy).iter().all(|state| !state.is_alarm()),
                "{members}"
            );
        }
    }

    #[test]
    fn half_as_slow_again_is_an_alarm_when_it_lasts_and_not_when_it_passes() {
        for members in [3, 12] {
            let until = |end: u32| {
                move |member, poll| {
                    if member == 1 && (200..end).contains(&poll) {
                        (1.6, 1.0)
                    } else {
                        (1.0, 1.0)
                    }
                }
            };
            assert!(
                worst(members, 0, until(230)).iter().all(|state| !state.is_alarm()),
                "{members}"
            );
            assert_eq!(worst(members, 200, until(700))[1], State::Slow, "{members}");
        }
    }
}
