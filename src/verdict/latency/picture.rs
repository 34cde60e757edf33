//! What front ends show of latency: one stream with its reasons, its past, and who is blamed.

use super::{
    Latency, Op, Watched,
    peers::{Key, Member, Peers},
    suspects::{Accused, Suspect, excess},
    tell::{Alarm, interval, is_semi_failed},
};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
    verdict::failslow::{
        Judgement, Reading, State,
        explain::{Scene, why_not},
    },
};
use std::time::Duration;

/// Steps of a [`Sample`] for each factor of e.
const STEPS: f32 = 16.0;
/// What begins within this time of each other has begun at once: detecting it takes as long.
const AT_ONCE: Duration = Duration::from_mins(1);
/// The value of a [`Sample`] that is not known.
const GAP: i8 = i8::MIN;

/// One tick of one stream, small enough to keep of all: logarithms in sixteenths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    ratio: i8,
    load: i8,
}

impl Sample {
    /// Nothing is known of a tick.
    pub(super) const GAP: Self = Self { ratio: GAP, load: GAP };

    /// What a tick showed, ratio and load in ln; a gap where nothing was measured.
    pub(super) fn of(lately: Option<(f32, f32)>, op: Op, member: &Member) -> Self {
        let Some((excess, load)) = lately else {
            return Self::GAP;
        };
        let own = member.own.excess().filter(|_| op.is_nfs());
        Self {
            ratio: small(own.unwrap_or(excess)),
            load: small(load),
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "clamped")]
fn small(logarithm: f32) -> i8 {
    (logarithm * STEPS).clamp(-120.0, 120.0) as i8
}

fn large(value: i8) -> Option<f32> {
    (value != GAP).then(|| (f32::from(value) / STEPS).exp())
}

/// A stream of this [`Latency`]; numbers are used again after a stream has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub(super) u32);

/// What is thought of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Whose it is.
    pub id: StreamId,
    /// The host that it belongs to; of NFS the client.
    pub host: HostName,
    /// What is timed.
    pub op: Op,
    /// The disk or mount point; empty where a host has one such stream.
    pub name: CleanText,
    /// Whom it is compared with, in words.
    pub peers: String,
    /// Its state among its peers.
    pub state: State,
    /// Latency over that of its peers at equal load; of NFS over its own past.
    pub ratio: f32,
    /// Load over that of its peers.
    pub load_ratio: f32,
    /// Latency when it was measured last, ms.
    pub latency_ms: Option<f32>,
    /// How long the state has stood, in words of a clock: since then.
    pub since: UnixMs,
    /// Its observer is trusted: what it says counts.
    pub trusted: bool,
    /// It was measured lately.
    pub fresh: bool,
}

/// Who is blamed, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blamed {
    /// Who, in words: `server stor3`, `path access1→stor3`, or two and that it cannot be told.
    pub who: String,
    /// The hosts that it names: the server, the client, or both ends of a path.
    pub hosts: Vec<HostName>,
    /// The operations that show it most.
    pub op: Op,
    /// So many clients agree, of so many.
    pub agree: (usize, usize),
    /// Latency over the past, in hundredths.
    pub ratio_percent: u32,
    /// Since when.
    pub since: UnixMs,
    /// It is held back, and why: more load than usual explains it, or it is not confirmed yet.
    pub held_back: Option<String>,
}

impl Latency {
    /// When the counters were looked at last.
    #[must_use]
    pub const fn at(&self) -> UnixMs {
        self.at
    }

    /// Whether nothing is watched yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.iter().all(|host| host.streams.is_empty())
    }

    /// Streams that are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.iter().map(|host| host.streams.len()).sum()
    }

    /// Places of streams that are kept, those waiting for another stream included.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> usize {
        self.places.len()
    }

    /// Whether most hosts answer the console late at once, so that it is the console or its uplink.
    #[must_use]
    pub const fn is_uplink(&self) -> bool {
        self.uplink
    }

    /// The kinds of work that are timed somewhere.
    #[must_use]
    pub fn ops(&self) -> Vec<Op> {
        let timed = |op: &Op| {
            let of_op = self.groups.iter().filter(|peers| peers.key.op() == *op);
            of_op.flat_map(|peers| &peers.members).any(|member| !member.retired)
        };
        Op::ALL.into_iter().filter(timed).collect()
    }

    /// The streams of a host.
    pub fn streams_of(&self, host: &str) -> impl Iterator<Item = StreamId> + '_ {
        let watched = self.watched(host);
        watched
            .into_iter()
            .flat_map(|watched| watched.streams.iter().copied().map(StreamId))
    }

    /// Why what a host sees is not counted, or only half; none where it is trusted.
    #[must_use]
    pub fn busy(&self, host: &str) -> Option<&str> {
        let watched = self.watched(host)?;
        (!watched.busy.is_empty()).then_some(watched.busy.as_str())
    }

    /// How many times its usual load the clients of a server ask of it, where that is much more than usual.
    #[must_use]
    pub fn much_asked(&self, host: &str) -> Option<f32> {
        let watched = self.watched(host).filter(|watched| watched.much_asked)?;
        Some(watched.asked.above_usual().exp())
    }

    /// The worst state of all streams of a kind; hosts that do not answer the console are told of elsewhere.
    #[must_use]
    pub fn worst(&self, op: Op) -> State {
        if op == Op::Poll && self.judges_no_poll() {
            return State::Ok;
        }
        let peers = self.groups.iter().filter(|peers| peers.key.op() == op);
        let states = peers.flat_map(|peers| {
            let members = peers.members.iter().enumerate().filter(|(_, member)| !member.retired);
            members.map(|(place, _)| peers.group.state(place))
        });
        let told = |state: &State| op != Op::Poll || *state != State::Silent;
        states.filter(told).max().unwrap_or_default()
    }

    /// Whether it is the console or its uplink that is slow.
    pub(super) const fn judges_no_poll(&self) -> bool {
        self.uplink || self.console_late
    }

    /// The streams that a stream is compared with.
    #[must_use]
    pub fn peers_of(&self, id: StreamId) -> Vec<StreamId> {
        let Some((peers, place)) = self.place(id) else {
            return Vec::new();
        };
        let members = peers.members.iter().enumerate();
        let others = members.filter(|(at, member)| *at != place && !member.retired);
        others.map(|(_, member)| StreamId(member.id)).collect()
    }

    /// Front ends ask for every host of a large fleet: by name, not by looking through all.
    fn watched(&self, host: &str) -> Option<&Watched> {
        self.hosts.get(*self.by_name.get(host)?)
    }

    fn place(&self, id: StreamId) -> Option<(&Peers, usize)> {
        let &(group, member) = self.places.get(id.0 as usize)?;
        let (peers, member) = (self.groups.get(group as usize)?, member as usize);
        (!peers.members.get(member)?.retired).then_some((peers, member))
    }

    /// What is thought of a stream; none when it is gone.
    #[must_use]
    pub fn told(&self, id: StreamId) -> Option<Told> {
        let (peers, place) = self.place(id)?;
        let member = &peers.members[place];
        let now = peers.group.judge(place)?;
        let op = peers.key.op();
        let host = self.hosts.get(member.host)?;
        Some(Told {
            id,
            host: host.name.clone(),
            op,
            name: member.name.clone(),
            peers: peers.key.to_string(),
            state: now.state,
            ratio: seen_ratio(peers, place, host.weight).unwrap_or(now.ratio),
            load_ratio: now.load_ratio,
            latency_ms: Some(member.tracked.latency_ms).filter(|ms| *ms > 0.0),
            since: self.since_of(peers, place, now),
            trusted: !op.is_nfs() && op != Op::Poll || host.weight > 0.0,
            fresh: member.speaks(),
        })
    }

    /// Why a stream is called what it is, or why it is not called slow; in one sentence.
    #[must_use]
    pub fn why(&self, id: StreamId) -> Option<String> {
        let (peers, place) = self.place(id)?;
        let member = &peers.members[place];
        let host = self.hosts.get(member.host)?;
        let op = peers.key.op();
        let now = peers.group.judge(place)?;
        let mut notes = Vec::new();
        if op.is_nfs()
            && let Some(own) = member.own.excess()
        {
            notes.push(format!("{:.1}× its own past", own.exp()));
        }
        if (op.is_nfs() || op == Op::Poll) && !host.busy.is_empty() {
            let counts = if host.weight > 0.0 {
                "counts half"
            } else {
                "is not counted"
            };
            notes.push(format!("what {} sees {counts}: {}", host.name, host.busy));
        }
        if op == Op::Poll && self.judges_no_poll() {
            notes.push("the console or its uplink is slow: no poll is judged".to_owned());
        }
        if let Some(server) = peers.server.and_then(|server| self.hosts.get(server))
            && op.is_nfs()
            && server.much_asked
        {
            let load = server.asked.above_usual().exp();
            notes.push(format!("{} is busy: {load:.1}× its usual load", server.name));
        }
        let alarm = Alarm { peers, place, now };
        if now.state.is_alarm() && !op.is_nfs() {
            let together = is_semi_failed(&alarm) && self.together.contains(&peers.key);
            notes.extend(alarm.explained().map(|cause| format!("explained: {cause}")));
            notes.extend(together.then(|| "many are slow at once: no single one is blamed".to_owned()));
        }
        if member.tracked.again >= 0.01 {
            notes.push(format!("{:.0} % sent again", member.tracked.again * 100.0));
        }
        if !member.speaks() {
            notes.push("not measured lately".to_owned());
        }
        let server = peers
            .server
            .and_then(|server| self.hosts.get(server))
            .map(|server| &server.name);
        let suspect = self
            .suspects
            .iter()
            .find(|suspect| op.is_nfs() && suspect.is_told() && suspect.concerns(&host.name, server));
        let accused = suspect.map(who);
        let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
        let scene = Scene {
            subject: &subject(&host.name, &member.name, op),
            latency_ms: Some(member.tracked.latency_ms).filter(|ms| *ms > 0.0),
            interval: interval(peers, &now, self.since_of(peers, place, now)),
            clients: suspect
                .map(|suspect| (suspect.agree, suspect.of))
                .filter(|(_, of)| *of > 1),
            accused: accused.as_deref(),
            notes: &notes,
        };
        let said = why_not(&now, peers.group.rules(), &scene);
        // One of many that are slow alike is not slower than its peers, but it is not well either.
        Some(match suspect {
            Some(_) => said.replacen("not slow: ", "not by itself: ", 1),
            None => said,
        })
    }

    /// Since when what is thought of a stream is so. Of what its host, or the way to its server, is blamed for, that is what
    /// the finding says: by how many polls one shows it before the other is chance.
    fn since_of(&self, peers: &Peers, place: usize, now: Judgement) -> UnixMs {
        let own = begun(peers, &now);
        let host = &self.hosts[peers.members[place].host].name;
        let told = if !now.state.is_alarm() {
            None
        } else if peers.key.op().is_nfs() {
            let server = peers
                .server
                .and_then(|server| self.hosts.get(server))
                .map(|server| &server.name);
            let mut told = self.suspects.iter().filter(|one| one.is_told());
            told.find(|one| one.concerns(host, server))
                .map(|one| self.blamed_since(one))
        } else {
            let semi = is_semi_failed(&Alarm { peers, place, now });
            self.since.get(host).copied().filter(|_| semi)
        };
        told.filter(|told| told.since(own).max(own.since(*told)) <= AT_ONCE)
            .unwrap_or(own)
    }

    /// Since when somebody is blamed.
    fn blamed_since(&self, suspect: &Suspect) -> UnixMs {
        let named = match (&suspect.accused, &suspect.behind) {
            (_, Some((secondary, _))) => Some(secondary),
            (Accused::Server(server), None) => Some(server),
            _ => None,
        };
        let told = named
            .filter(|_| suspect.is_told())
            .and_then(|host| self.since.get(host));
        told.copied().unwrap_or(suspect.since)
    }

    /// Ratio (as [`Told::ratio`]) and load ratio of the last ticks, oldest first; none where nothing was measured.
    pub fn history(&self, id: StreamId) -> impl DoubleEndedIterator<Item = Option<(f32, f32)>> + '_ {
        self.history.iter().map(move |column| {
            let sample = column.get(id.0 as usize)?;
            Some((large(sample.ratio)?, large(sample.load)?))
        })
    }

    /// Who is blamed for what clients see, the surest first.
    #[must_use]
    pub fn blamed(&self) -> Vec<Blamed> {
        let mut suspects: Vec<&Suspect> = self.suspects.iter().collect();
        suspects.sort_by_key(|suspect| (!suspect.is_told(), suspect.since));
        let blamed = suspects.into_iter().map(|suspect| Blamed {
            who: who(suspect),
            hosts: match &suspect.behind {
                Some((secondary, _)) => vec![secondary.clone()],
                None => suspect.names().into_iter().cloned().collect(),
            },
            op: suspect.op,
            agree: (suspect.agree, suspect.of),
            ratio_percent: percent(suspect.excess.exp()),
            since: self.blamed_since(suspect),
            held_back: match (suspect.is_told(), suspect.is_busy(), suspect.explained()) {
                (true, ..) => None,
                (false, true, _) => Some(format!("busy: {:.1}× its usual load", suspect.load.exp())),
                (false, false, Some(cause)) => Some(format!("explained: {cause}")),
                (false, false, None) => Some("not confirmed yet".to_owned()),
            },
        });
        blamed.collect()
    }
}

/// Latency of a cell over its own past; none of what is no cell, or has no past yet. Of an observer that is not trusted,
/// what it finds just now: nothing of that is learnt, but it is shown.
pub(super) fn seen_ratio(peers: &Peers, place: usize, weight: f32) -> Option<f32> {
    peers.key.op().is_nfs().then_some(())?;
    let member = &peers.members[place];
    if weight > 0.0 {
        return excess(peers, place).map(f32::exp);
    }
    let mut own = member.own;
    let reading = Reading::value(f64::from(member.tracked.latency_ms), None);
    own.measure(&reading, false).map(f32::exp)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn percent(ratio: f32) -> u32 {
    (ratio * 100.0).clamp(0.0, 1e6) as u32
}

/// Who is accused, in words.
pub(super) fn who(suspect: &Suspect) -> String {
    match (&suspect.or, &suspect.behind) {
        (_, Some((secondary, slice))) => {
            format!(
                "server {secondary}: {} waits for its answers on {slice}",
                suspect.accused
            )
        }
        (Some(other), None) => format!("{} or {other}, cannot tell", suspect.accused),
        (None, None) => suspect.accused.to_string(),
    }
}

/// A stream in words, such as `stor1 sdc write` or `access1 /mnt/a NFS READ`.
pub(super) fn subject(host: &HostName, name: &CleanText, op: Op) -> String {
    if name.is_empty() {
        format!("{host} {}", op.verb())
    } else {
        format!("{host} {name} {}", op.verb())
    }
}

/// When what led to a state began, as far as that can be told.
pub(super) fn begun(peers: &Peers, now: &Judgement) -> UnixMs {
    let lasted = peers.every.saturating_mul(u32::from(now.lasted));
    UnixMs(
        peers
            .polled
            .0
            .saturating_sub(u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX)),
    )
}

/// The host whose disks a group holds, if it is one host's.
pub(super) const fn disks_of(key: &Key) -> Option<&CleanText> {
    match key {
        Key::DisksOf(host, ..) => Some(host),
        _ => None,
    }
}
