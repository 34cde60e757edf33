//! Who is compared with whom: streams of one kind whose latency should be alike.
//!
//! Groups come from the inventory and from what hosts say of themselves. A disk is compared with the disks of its own
//! host where there are enough of them, because they share a model and their work, and else with those of hosts of the
//! same roles, generation and site. A client's NFS operations are compared with those of the other clients of the same
//! slice, a host's polls with those of hosts of the same roles, generation and site, a MySQL server with its topology.
//! What differs by nature, declare as another `generation`.

use super::{
    Op,
    sums::{self, Look, Tracked},
};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::{Host, SliceName, TopologyName},
    verdict::{
        failslow::{Group, Own, Reading, State},
        seen::{Freshness, Seen},
        sight::Sight,
    },
};
use std::{fmt, time::Duration};

/// A disk of a host with so many like it needs no peers elsewhere.
pub(super) const ENOUGH: usize = 4;

/// What makes streams each other's peers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// Disks of one host, of one class.
    DisksOf(CleanText, &'static str, Op),
    /// Disks of hosts that are alike, of one class.
    DisksLike(String, &'static str, Op),
    /// What the clients of a slice do.
    Slice(SliceName, Op),
    /// Polls of hosts that are alike.
    Polls(String),
    /// The servers of a topology.
    Topology(TopologyName),
}

impl Key {
    pub(super) const fn op(&self) -> Op {
        match self {
            Self::DisksOf(_, _, op) | Self::DisksLike(_, _, op) | Self::Slice(_, op) => *op,
            Self::Polls(_) => Op::Poll,
            Self::Topology(_) => Op::Mysql,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DisksOf(host, class, _) => write!(f, "{class} of {host}"),
            Self::DisksLike(like, class, _) => write!(f, "{class} of {like}"),
            Self::Slice(slice, op) => write!(f, "{slice}, {op}"),
            Self::Polls(like) => write!(f, "SSH polls of {like}"),
            Self::Topology(topology) => write!(f, "{topology}, {}", Op::Mysql),
        }
    }
}

/// Hosts of the same words here are alike: roles, generation and site.
pub(super) fn likeness(host: &Host) -> String {
    let mut words: Vec<&str> = host.roles.iter().map(String::as_str).collect();
    words.extend(host.generation.as_deref());
    words.extend(host.domains.site.as_deref());
    if words.is_empty() {
        "hosts without a role".to_owned()
    } else {
        words.join(" ")
    }
}

/// One stream and what is remembered of it beside its [`Stream`](crate::verdict::failslow::Stream).
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Place of its host in the fleet.
    pub(super) host: usize,
    /// The disk or mount point; empty where the host has one such stream.
    pub(super) name: CleanText,
    /// Where it was found in its host's list.
    place: usize,
    pub(super) tracked: Tracked,
    /// Against its own past.
    pub(super) own: Own,
    /// What its host does, or did until lately, and slows this disk down: a rebuild, a check, a backup.
    pub(super) explained: Option<String>,
    /// It is a backup, and not what an array does.
    pub(super) by_backup: bool,
    /// Polls since that was seen.
    pub(super) explained_for: u16,
    /// Number of the stream.
    pub(super) id: u32,
    /// Nothing is known of it any more: its place waits for another.
    pub(super) retired: bool,
    /// Polls of the group without a sign of it while its host answers.
    pub(super) gone: u16,
    /// Polls of the group since it was measured last.
    pub(super) unmeasured: u16,
    /// Polls since something was measured that counts: by an observer that is trusted.
    pub(super) uncounted: u16,
    /// The longest mean since it stands still, ms; else that of the last poll.
    pub(super) worst_ms: f32,
}

/// What was measured longer ago, in polls of the group, says nothing about now: few operations are added up for 30 s.
const SPEAKS: u16 = 8;

impl Member {
    pub(super) fn new(host: usize, name: CleanText, id: u32) -> Self {
        Self {
            host,
            name,
            place: 0,
            tracked: Tracked::default(),
            own: Own::default(),
            explained: None,
            by_backup: false,
            explained_for: 0,
            id,
            retired: false,
            gone: 0,
            unmeasured: u16::MAX,
            uncounted: u16::MAX,
            worst_ms: 0.0,
        }
    }

    /// Whether its last measurement speaks for now.
    pub(super) const fn speaks(&self) -> bool {
        !self.retired && self.unmeasured < SPEAKS
    }

    /// What the host's newest snapshot says of this stream.
    fn look(&mut self, op: Op, seen: &Seen<'_>) -> Look {
        match op {
            Op::DiskRead | Op::DiskWrite => sums::disk(seen, &self.name, &mut self.place, op),
            _ => sums::nfs(seen, &self.name, &mut self.place, op),
        }
    }
}

/// Streams that are each other's peers, with the group that judges them.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    pub(super) key: Key,
    pub(super) group: Group,
    pub(super) members: Vec<Member>,
    pub(super) readings: Vec<Reading>,
    /// Time between two polls of the group: that of its slowest member, at least a tick.
    pub(super) every: Duration,
    /// When it was polled last.
    pub(super) polled: UnixMs,
    /// Who serves the slice, as far as is known.
    pub(super) server: Option<usize>,
    /// The backup that explains that all are slow together, and the ticks since that was seen.
    pub(super) backup: Option<(String, u16)>,
}

impl Peers {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            group: Group::default(),
            members: Vec::new(),
            readings: Vec::new(),
            every: super::TICK,
            polled: UnixMs(0),
            server: None,
            backup: None,
        }
    }

    /// Adds a member, at the place of one that is retired where there is one.
    pub(super) fn add(&mut self, member: Member, interval: Duration) -> usize {
        self.every = self.every.max(interval);
        if let Some(at) = self.members.iter().position(|one| one.retired) {
            self.group.reset(at);
            self.members[at] = member;
            at
        } else {
            self.members.push(member);
            self.group.add()
        }
    }

    /// Forgets a member: nothing is held against it any more.
    pub(super) fn retire(&mut self, at: usize) {
        self.group.reset(at);
        self.members[at].retired = true;
    }

    /// The slice has another server: what was usual before says nothing about it.
    pub(super) fn served_by(&mut self, server: usize) {
        if self.server.is_some_and(|before| before != server) {
            self.begin_anew();
        }
        self.server = Some(server);
    }

    /// Forgets what was usual for all members.
    pub(super) fn begin_anew(&mut self) {
        let mut group = Group::default();
        for member in &mut self.members {
            group.add();
            member.own = Own::default();
            member.tracked.begin_anew();
        }
        self.group = group;
    }

    /// Whether it is time for the next poll; a tick that comes a little early counts.
    pub(super) fn is_due(&self, now: UnixMs) -> bool {
        // A clock that was set back does not stop it.
        now < self.polled || now.since(self.polled) >= self.every.mul_f64(0.9)
    }

    /// Reads what all members did since the last poll.
    pub(super) fn read(&mut self, sight: &Sight<'_>, polls: &mut [Polled], doubtful: &dyn Fn(usize) -> bool) {
        let op = self.key.op();
        // As many polls as ticks of that time: little-used operations are judged less often.
        let due = super::TICK.as_millis() * u128::from(super::GIVEN_UP) / self.every.as_millis().max(1);
        let given_up = u16::try_from(due).unwrap_or(u16::MAX);
        self.readings.clear();
        for member in &mut self.members {
            if member.retired {
                self.readings.push(Reading::Untrusted);
                continue;
            }
            let reading = match sight.seen(member.host) {
                seen if op == Op::Poll => polls[member.host].take(seen.as_ref(), sight.freshness(member.host)),
                Some(seen) if op == Op::Mysql => answer(&seen, &mut member.tracked),
                Some(seen) => {
                    let look = member.look(op, &seen);
                    member.tracked.take(&look)
                }
                // That its host cannot be seen is a finding of its own, and says nothing about the stream.
                None => Reading::Untrusted,
            };
            if op == Op::Poll
                && let Some((latency, _)) = reading.measured()
            {
                member.tracked.latency_ms = latency.exp();
            }
            let stands = self.group.state(self.readings.len());
            // Where little is done, a bin takes many polls to fill. That work goes on is known meanwhile: that it stood still
            // comes to its end as fast as with others. That it is slow is not known to be over.
            let goes_on = matches!(reading, Reading::Untrusted) && member.tracked.fills;
            let reading = if goes_on && stands == State::Stalled {
                Reading::Idle
            } else {
                reading
            };
            member.gone = match reading {
                Reading::Missing => member.gone.saturating_add(1),
                _ => 0,
            };
            if matches!(reading, Reading::Value { .. }) && member.unmeasured >= SPEAKS {
                member.own.pause();
            }
            member.unmeasured = match reading {
                Reading::Value { .. } => 0,
                _ => member.unmeasured.saturating_add(1),
            };
            let trusted = !(op.is_nfs() || op == Op::Poll) || !doubtful(member.host);
            let reading = if trusted { reading } else { Reading::Untrusted };
            member.uncounted = match reading {
                Reading::Value { .. } => 0,
                _ => member.uncounted.saturating_add(1),
            };
            member.worst_ms = if stands == State::Stalled {
                member.worst_ms.max(member.tracked.latency_ms)
            } else {
                member.tracked.latency_ms
            };
            if member.uncounted == given_up && !matches!(stands, State::Silent | State::Ok) {
                // What was held against it is too old to be said of now.
                self.group.reset(self.readings.len());
            }
            self.readings.push(reading);
        }
    }
}

/// How long a database server's own clock says that the fixed questions took.
fn answer(seen: &Seen<'_>, tracked: &mut Tracked) -> Reading {
    let reading = &seen.snapshot.mysql;
    let Some(us) = reading.value().and_then(|mysql| mysql.answered_us) else {
        return Reading::Untrusted;
    };
    tracked.once(us as f64 / 1000.0, reading.at)
}

/// The polls of one host, as the console times them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Polled {
    /// Time and number of the last one that was taken.
    last: Option<(UnixMs, u64)>,
}

impl Polled {
    fn take(&mut self, seen: Option<&Seen<'_>>, freshness: Freshness) -> Reading {
        let Some(seen) = seen else {
            return if matches!(freshness, Freshness::Stopped | Freshness::NotAsked) {
                Reading::Untrusted
            } else {
                Reading::Missing
            };
        };
        let now = (seen.snapshot.at, seen.snapshot.polls);
        let known = self.last.replace(now);
        match known {
            Some((at, polls)) if polls == now.1 && at == now.0 => Reading::Missing,
            // The slow lane makes a snapshot, too, and is no poll.
            Some((_, polls)) if polls == now.1 => Reading::Untrusted,
            _ if seen.snapshot.rtt_us == 0 => Reading::Untrusted,
            _ => Reading::value(seen.snapshot.rtt_us as f64 / 1000.0, None),
        }
    }
}
