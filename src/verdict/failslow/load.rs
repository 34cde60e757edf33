//! What load explains: how much latency a busier member may show before it counts against it.

/// How far above its peers' load a member is still on the curve that was learnt: ln 1.3.
pub const KNEE: f32 = 0.26;

/// The exponent that is conceded beyond the knee. Latency that grows in proportion to the load is what queueing does
/// to a sound device that is given more work, so it is never held against it.
const STEEP: f32 = 1.0;

/// A member with less load than this, in ln, is not expected to be any faster still.
const FLOOR: f32 = -0.5;

/// The exponent that stands until one has been learnt.
pub const PRIOR: f32 = 0.3;

/// Weight of the prior in the regression, in squared ln of load.
const PRIOR_WEIGHT: f64 = 2.0;

/// Forgetting of the regression, a poll.
const KEEP: f64 = 0.998;

/// Largest exponent that is learnt.
const LIMIT: f64 = 0.6;

/// Fixed-point unit of the sums of one poll: they are whole numbers, so the order of the members cannot matter.
const UNIT: f32 = 65_536.0;

/// The latency, in ln, that a load of `dx` (ln of the ratio to the peers' load) explains under the exponent `beta`.
///
/// A busier member gets the benefit of the doubt. One with *less* load that is slower gets none: in a closed loop the
/// slow one is given less to do, because it is slow.
#[must_use]
pub fn allowance(beta: f32, dx: f32) -> f32 {
    if dx <= KNEE {
        beta * dx.max(FLOOR)
    } else {
        beta * KNEE + STEEP * (dx - KNEE)
    }
}

/// The latency, in ln, that the curve itself gives for a load of `dx`, without the benefit of the doubt: only this may be
/// learnt from. What was conceded to a busy hour and not used would else count against the quiet one after it.
#[must_use]
pub fn curve(beta: f32, dx: f32) -> f32 {
    beta * dx.max(FLOOR)
}

/// The exponent of latency over load of one group, learnt from how both change from poll to poll on quiet streams.
///
/// Changes, not levels: the constant difference between two members is then nothing that load could explain.
#[derive(Debug, Clone)]
pub struct Exponent {
    xx: f64,
    xy: f64,
    tick: (i64, i64),
}

impl Default for Exponent {
    fn default() -> Self {
        Self {
            xx: 0.0,
            xy: 0.0,
            tick: (0, 0),
        }
    }
}

impl Exponent {
    /// The exponent now.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "within 0 and 0.6")]
    pub fn beta(&self) -> f32 {
        ((self.xy + f64::from(PRIOR) * PRIOR_WEIGHT) / (self.xx + PRIOR_WEIGHT)).clamp(0.0, LIMIT) as f32
    }

    /// A quiet stream's change of load and of latency against its peers since the last poll, both in ln.
    pub fn learn(&mut self, dx: f32, dy: f32) {
        // A jump is not the curve: neither a burst nor a fault teaches it.
        if dx.abs() > 1.0 || dy.abs() > 0.7 {
            return;
        }
        self.tick.0 += fixed(dx * dx);
        self.tick.1 += fixed(dx * dy);
    }

    /// Ends a poll.
    pub fn settle(&mut self) {
        let (xx, xy) = std::mem::take(&mut self.tick);
        self.xx = self.xx * KEEP + xx as f64 / f64::from(UNIT);
        self.xy = self.xy * KEEP + xy as f64 / f64::from(UNIT);
    }
}

/// A small number in fixed point.
#[allow(clippy::cast_possible_truncation, reason = "bounded by the caller")]
pub fn fixed(value: f32) -> i64 {
    (value * UNIT) as i64
}

/// Back from fixed point.
#[allow(clippy::cast_possible_truncation, reason = "a small number")]
pub fn float(value: i64) -> f32 {
    (value as f64 / f64::from(UNIT)) as f32
}
