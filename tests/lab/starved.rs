//! How long the one real machine kept the emulated ones waiting for its processors: those cannot see it themselves.

use std::fmt;

/// Tasks that could have run waited for a processor in so much of the time (`some` of /proc/pressure/cpu) …
const PRESSURE: f64 = 0.25;
/// … or so much of the processors' time was given to somebody else's machines (`steal` of /proc/stat): from one of these
/// on, all emulated machines are slow together at times, whatever is done to one of them. A lab at rest on two quiet
/// processors has 0.11 and 0.01, and with the busy server 0.18 and 0.03.
const STEAL: f64 = 0.10;

/// Counters of the real machine at one instant; what it does not tell counts as no waiting.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    at: std::time::Instant,
    waited_us: f64,
    stolen_ticks: f64,
    all_ticks: f64,
}

impl Reading {
    /// Reads them now.
    pub fn now() -> Self {
        let pressure = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let waited = pressure.lines().find(|line| line.starts_with("some"));
        let waited = waited.and_then(|line| line.rsplit_once("total=")?.1.parse().ok());
        let mut lines = stat.lines();
        let ticks: Vec<f64> = lines.next().map_or_else(Vec::new, |line| {
            line.split_ascii_whitespace().skip(1).flat_map(str::parse).collect()
        });
        Self {
            at: std::time::Instant::now(),
            waited_us: waited.unwrap_or(0.0),
            stolen_ticks: ticks.get(7).copied().unwrap_or(0.0),
            // Those of guests are counted in the user's already, see proc_stat(5).
            all_ticks: ticks.iter().take(8).sum(),
        }
    }

    /// What was waited from this reading until now.
    pub fn until_now(self) -> Waited {
        let now = Self::now();
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        #[allow(clippy::cast_precision_loss, reason = "a share for people")]
        let passed_us = (now.at - self.at).as_micros() as f64;
        Waited {
            pressure: share(now.waited_us - self.waited_us, passed_us),
            steal: share(now.stolen_ticks - self.stolen_ticks, now.all_ticks - self.all_ticks),
        }
    }
}

/// Shares of a time, 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waited {
    pressure: f64,
    steal: f64,
}

impl Waited {
    /// Whether the machines were kept waiting so long that it is told as slowness of some of them.
    pub fn is_starved(self) -> bool {
        self.pressure >= PRESSURE || self.steal >= STEAL
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/{:.0}", self.pressure * 100.0, self.steal * 100.0)
    }
}
