//! Which hosts can be spoken of, and what a fresh snapshot really says.

use super::Observed;
use crate::{
    facts::{Reach, Reading, Snapshot, State, Tier, UnixMs, Why},
    fleet::{Host, Segment, Shell, Slice},
};
use std::{fmt, time::Duration};

/// Whether a host can be spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Freshness {
    /// Its last snapshot is young enough to speak for now.
    Fresh,
    /// It has not been asked, or is being asked for the first time.
    #[default]
    NotAsked,
    /// The way to it is lost.
    Unreachable,
    /// The way is open, but it does not answer.
    Stale,
    /// Nothing is tried until a person acts.
    Stopped,
}

impl Freshness {
    /// Judges the way to a host and the age of what is known of it. Until [`crate::fleet::Poll::stale_after`] the last
    /// snapshot speaks for the host, whatever the way looks like: one lost packet is not news.
    pub(super) fn of(host: &Host, observed: &Observed, now: UnixMs) -> Self {
        let limit = host.poll.stale_after();
        if matches!(observed.reach, Some(Reach::Stopped { .. })) {
            return Self::Stopped;
        }
        if let Some(snapshot) = &observed.snapshot {
            // A snapshot from the future means that the console's clock was set back: its age is not known.
            if now.since(snapshot.at) <= limit && snapshot.at.since(now) <= limit {
                return Self::Fresh;
            }
        }
        let unseen = observed.snapshot.is_none();
        match &observed.reach {
            None | Some(Reach::Waiting) if unseen => Self::NotAsked,
            Some(Reach::Up { since }) if unseen && now.since(*since) <= limit => Self::NotAsked,
            Some(Reach::Connecting { since, retries: 0, .. })
                if unseen && now.since(*since) <= host.poll.connect_deadline =>
            {
                Self::NotAsked
            }
            Some(Reach::Unreachable { .. } | Reach::Connecting { .. }) => Self::Unreachable,
            _ => Self::Stale,
        }
    }

    /// The state in a word, for evidence about other things.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "seen",
            Self::NotAsked => "not asked yet",
            Self::Unreachable => "unreachable",
            Self::Stale => "silent",
            Self::Stopped => "stopped",
        }
    }
}

/// One fact of one host: what a rule may build on.
#[derive(Debug)]
pub(super) enum Fact<'a, T> {
    /// Known, and confirmed lately enough.
    Known(&'a T),
    /// It should be known.
    Unknown(Doubt<'a>),
    /// There is no such thing on that host.
    Absent,
}

impl<'a, T> Fact<'a, T> {
    /// The value, if it is known.
    pub(super) const fn value(&self) -> Option<&'a T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) | Self::Absent => None,
        }
    }
}

/// Why a fact is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Doubt<'a> {
    /// The reading says why.
    Why(&'a Why),
    /// It has not been confirmed since then, though the host answers.
    Old(UnixMs),
}

impl fmt::Display for Doubt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Why(why) => why.fmt(f),
            Self::Old(at) => write!(f, "last read at {}", super::say::clock(*at)),
        }
    }
}

/// A host whose snapshot is fresh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) host: &'a Host,
    pub(super) snapshot: &'a Snapshot,
    /// The segment it serves, if any.
    pub(super) segment: Option<&'a Segment>,
    /// One look must be enough: nothing is waited for.
    pub(super) immediate: bool,
    /// The console's own clock and latency are doubtful.
    pub(super) observer_doubtful: bool,
}

impl<'a> Seen<'a> {
    /// A fact of this host, if it has been confirmed within three periods of its tier.
    pub(super) fn fact<T>(&self, reading: &'a Reading<T>, tier: Tier) -> Fact<'a, T> {
        self.fact_within(reading, self.oldest(tier))
    }

    /// A fact of this host, if it has been confirmed within `limit` before its last poll.
    pub(super) fn fact_within<T>(&self, reading: &'a Reading<T>, limit: Duration) -> Fact<'a, T> {
        match &reading.state {
            State::Unknown(why) => Fact::Unknown(Doubt::Why(why)),
            State::Known(_) | State::Absent if self.snapshot.at.since(reading.at) > limit => {
                Fact::Unknown(Doubt::Old(reading.at))
            }
            State::Known(value) => Fact::Known(value),
            State::Absent => Fact::Absent,
        }
    }

    fn oldest(&self, tier: Tier) -> Duration {
        let poll = &self.host.poll;
        match tier {
            Tier::Fast => poll.stale_after(),
            Tier::Medium => poll.medium.saturating_mul(3).saturating_add(poll.deadline),
            Tier::Slow => poll.slow.saturating_mul(3).saturating_add(poll.deadline),
        }
    }

    /// Whether the host has been asked long enough for every tier to have come once.
    pub(super) fn settled(&self) -> bool {
        let poll = &self.host.poll;
        let wait = poll.medium.saturating_add(poll.deadline).as_millis();
        let interval = poll.interval.as_millis().max(1);
        self.immediate || u128::from(self.snapshot.polls) > wait.div_ceil(interval)
    }

    /// Whether the host is asked for the sections of the remote half at all.
    pub(super) fn has_shell(&self) -> bool {
        self.host.shell != Shell::None
    }

    /// The slices that may live here.
    pub(super) fn slices(&self) -> impl Iterator<Item = &'a Slice> {
        let host = self.host;
        self.segment
            .into_iter()
            .flat_map(|segment| &segment.slices)
            .filter(move |slice| slice.preferred == host.name || slice.standby.as_ref() == Some(&host.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn of(reach: Option<Reach>, snapshot_at: Option<u64>, now: u64) -> Freshness {
        let observed = Observed {
            reach,
            snapshot: snapshot_at.map(|at| {
                Arc::new(Snapshot {
                    at: UnixMs(at),
                    ..Snapshot::default()
                })
            }),
        };
        Freshness::of(&Host::new("a", "a"), &observed, UnixMs(now))
    }

    #[test]
    fn a_blip_is_not_news_and_silence_is() {
        let lost = || {
            Some(Reach::Unreachable {
                since: UnixMs(100_000),
                why: "reset".into(),
                retries: 1,
                next: UnixMs(0),
            })
        };
        assert_eq!(of(lost(), Some(100_000), 106_000), Freshness::Fresh);
        assert_eq!(of(lost(), Some(100_000), 106_001), Freshness::Unreachable);
        assert_eq!(of(lost(), None, 100_000), Freshness::Unreachable);
        let up = || Some(Reach::Up { since: UnixMs(0) });
        assert_eq!(of(up(), Some(100_000), 106_001), Freshness::Stale);
        assert_eq!(of(up(), None, 5_000), Freshness::NotAsked);
        assert_eq!(of(up(), None, 7_000), Freshness::Stale);
        assert_eq!(of(None, None, 7_000), Freshness::NotAsked);
        assert_eq!(of(Some(Reach::Waiting), Some(1), 7_000), Freshness::Stale);
    }

    #[test]
    fn a_snapshot_from_the_future_is_not_fresh() {
        let up = || Some(Reach::Up { since: UnixMs(0) });
        assert_eq!(of(up(), Some(105_000), 100_000), Freshness::Fresh);
        assert_eq!(of(up(), Some(3_700_000), 100_000), Freshness::Stale);
    }

    #[test]
    fn a_first_connection_may_take_its_time() {
        let connecting = |retries| {
            Some(Reach::Connecting {
                step: "tcp",
                since: UnixMs(0),
                retries,
                why: None,
            })
        };
        assert_eq!(of(connecting(0), None, 15_000), Freshness::NotAsked);
        assert_eq!(of(connecting(0), None, 15_001), Freshness::Unreachable);
        assert_eq!(of(connecting(1), None, 1_000), Freshness::Unreachable);
    }
}
