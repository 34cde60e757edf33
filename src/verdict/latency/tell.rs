//! What is said of latency: findings about hosts, groups, paths and observers.

use super::{
    BUSY_TOLD, Latency, Op, Watched,
    accused::seen_by_clients,
    peers::{Key, Peers},
    picture::{begun, who},
    suspects::{BEYOND, Suspect},
    together::BY_BACKUP,
};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    verdict::{
        Code, Severity, Subject, SubjectKind,
        claim::{Claims, Level},
        failslow::{
            Judgement, Reason, State,
            explain::{Scene, why},
        },
        say,
        sight::Sight,
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Disks that a rebuild or check of their array explains, as a subject.
pub(super) const OF_AN_ARRAY: &str = "disks of an array";
/// Streams at most of one host that are told of one by one.
const STREAMS_TOLD: usize = 16;
/// What takes less than this does not stand still, however far it is above its peers.
const fn stood_still_ms(op: Op) -> f32 {
    if op.is_nfs() { 500.0 } else { 20.0 }
}

/// Said of an accused server where no other word names the disk.
pub(super) const DISK_SLOW: &str = "a disk of it is slow";

/// A stream in alarm.
pub(super) struct Alarm<'a> {
    pub(super) peers: &'a Peers,
    pub(super) place: usize,
    pub(super) now: Judgement,
}

impl Alarm<'_> {
    pub(super) fn host(&self) -> usize {
        self.peers.members[self.place].host
    }

    pub(super) fn since(&self) -> UnixMs {
        begun(self.peers, &self.now)
    }

    /// Whether it speaks of now: what is silent or stuck is not measured, and is so all the same.
    fn is_of_now(&self) -> bool {
        self.peers.members[self.place].speaks() || self.now.state == State::Silent || self.now.reason == Reason::Stuck
    }

    /// Whether a host that answers the console late is so by more than the console's own moments of haste: a fraction of a
    /// millisecond hurts nobody. What was told stays until it is as fast as its peers again: one poll in which those were
    /// late, too, does not take it back.
    fn is_worth_a_look(&self) -> Level {
        const LATER_MS: f32 = 5.0;
        let later = self.peers.members[self.place].tracked.latency_ms * (1.0 - 1.0 / self.now.last_ratio.max(1.0));
        let notice = |is: bool| if is { Severity::Notice } else { Severity::Ok };
        Level {
            now: notice(self.now.peers > 1 && self.now.ratio > 1.6 && later >= LATER_MS),
            keep: notice(!self.is_recovering()),
        }
    }

    /// The stream in words, without its host: the finding names that itself.
    fn stream(&self) -> String {
        let (name, verb) = (&self.peers.members[self.place].name, self.peers.key.op().verb());
        if name.is_empty() {
            verb.to_owned()
        } else {
            format!("{name} {verb}")
        }
    }

    /// Whether it is as fast again as its peers, and only waits to be taken back.
    fn is_recovering(&self) -> bool {
        self.now.state == State::Slow && self.now.ratio < 1.25
    }

    /// What its disk's host does and explains it.
    pub(super) fn explained(&self) -> Option<&str> {
        let explained = self.peers.members[self.place].explained.as_deref();
        explained.filter(|_| self.now.ratio.ln() < BEYOND)
    }
}

impl Latency {
    /// Whether a disk of the host is slower than its peers, and nothing that the host does explains it.
    pub(super) fn has_slow_disk(&self, host: usize) -> bool {
        matches!(self.disk_state(host), State::Slow | State::Stalled)
    }

    /// The worst state of those of a host's disks that were measured lately and that nothing explains.
    pub(super) fn disk_state(&self, host: usize) -> State {
        let Some(watched) = self.hosts.get(host) else {
            return State::Ok;
        };
        let states = watched.streams.iter().filter_map(|id| {
            let (group, member) = *self.places.get(*id as usize)?;
            let peers = self.groups.get(group as usize)?;
            let is_disk = matches!(peers.key.op(), Op::DiskRead | Op::DiskWrite);
            let measured = peers.members[member as usize].speaks();
            let bad = is_disk && measured && peers.group.state(member as usize) > State::Ok;
            let now = bad.then(|| peers.group.judge(member as usize))??;
            let place = member as usize;
            Alarm { peers, place, now }.explained().is_none().then_some(now.state)
        });
        states.max().unwrap_or_default()
    }

    /// Whether the slow disks of a host are slow together with those of many others, so that it is not called slow for them.
    pub(super) fn is_slow_together(&self, host: usize) -> bool {
        let streams = self.hosts.get(host).map_or(&[][..], |watched| &watched.streams);
        let slow = streams.iter().filter_map(|id| {
            let (group, member) = *self.places.get(*id as usize)?;
            let peers = self.groups.get(group as usize)?;
            let place = member as usize;
            let now = peers
                .group
                .state(place)
                .is_alarm()
                .then(|| peers.group.judge(place))??;
            let alarm = Alarm { peers, place, now };
            (is_semi_failed(&alarm) && alarm.explained().is_none()).then_some(&peers.key)
        });
        let mut slow = slow.peekable();
        slow.peek().is_some() && slow.all(|key| self.together.contains(key))
    }

    /// Claims all that is to be told; gives the groups of disks that have a cause in common, and since when each host is
    /// called semi-failed.
    pub(super) fn tell(
        &self,
        sight: &Sight<'_>,
        serving: &BTreeMap<&str, usize>,
        out: &mut Claims,
    ) -> (Vec<Key>, BTreeMap<HostName, UnixMs>) {
        let mut since = BTreeMap::new();
        let mut alarms: BTreeMap<usize, Vec<Alarm<'_>>> = BTreeMap::new();
        for peers in &self.groups {
            for (place, member) in peers.members.iter().enumerate().filter(|(_, member)| !member.retired) {
                if !peers.group.state(place).is_alarm() {
                    continue;
                }
                let Some(now) = peers.group.judge(place) else { continue };
                alarms.entry(member.host).or_default().push(Alarm { peers, place, now });
            }
        }
        let together = self.together(sight, &alarms, out);
        let servers = self.accused_servers(sight, serving, out);
        for (at, watched) in self.hosts.iter().enumerate() {
            let mine = alarms.remove(&at).unwrap_or_default();
            if sight.seen(at).is_none() {
                unsettled(watched, &mine, out);
                // What stands about it stands since then.
                since.extend(
                    self.since
                        .get_key_value(&watched.name)
                        .map(|(name, at)| (name.clone(), *at)),
                );
                continue;
            }
            let (mine, unmeasured): (Vec<Alarm<'_>>, Vec<Alarm<'_>>) = mine.into_iter().partition(Alarm::is_of_now);
            if !unmeasured.is_empty() {
                unsettled(watched, &unmeasured, out);
            }
            tell_streams(watched, &mine, out);
            let disks = mine
                .iter()
                .filter(|alarm| is_semi_failed(alarm) && !together.contains(&alarm.peers.key));
            let (explained, disks): (Vec<&Alarm<'_>>, Vec<&Alarm<'_>>) =
                disks.partition(|alarm| alarm.explained().is_some());
            self.tell_explained(at, &explained, out);
            let told = self.tell_host(sight, serving, at, &disks, servers.get(&at), out);
            since.extend(told.map(|at| (watched.name.clone(), at)));
            if watched.busy_ticks >= BUSY_TOLD && self.observes(watched) {
                let evidence = format!("what it sees of its servers is not counted: {}", watched.busy);
                out.raise(
                    Code::ObserverBusy,
                    Severity::Notice,
                    Subject::host(&watched.name),
                    evidence,
                )
                .since(watched.since_busy);
            }
        }
        self.tell_groups(sight, out);
        self.tell_suspects(sight, serving, out);
        (together, since)
    }

    /// Whether a host times NFS at servers.
    fn observes(&self, watched: &Watched) -> bool {
        watched.streams.iter().any(|id| {
            let place = self.places.get(*id as usize);
            place.is_some_and(|(group, _)| self.groups[*group as usize].key.op().is_nfs())
        })
    }

    /// One finding a host: its slow disks or database, and what its clients say. Gives since when that is so.
    fn tell_host(
        &self,
        sight: &Sight<'_>,
        serving: &BTreeMap<&str, usize>,
        at: usize,
        alarms: &[&Alarm<'_>],
        suspect: Option<&(&Suspect, Vec<String>)>,
        out: &mut Claims,
    ) -> Option<UnixMs> {
        let watched = &self.hosts[at];
        let mut notes: Vec<String> = suspect.map(|(_, notes)| notes.clone()).unwrap_or_default();
        let worst = alarms.iter().max_by(|a, b| a.now.ratio.total_cmp(&b.now.ratio));
        if let Some(worst) = worst {
            notes.retain(|note| note != DISK_SLOW);
            let others: Vec<String> = alarms
                .iter()
                .filter(|alarm| !std::ptr::eq(**alarm, *worst))
                .map(|alarm| alarm.stream())
                .collect();
            if !others.is_empty() {
                notes.push(format!("{} too", say::list(&others)));
            }
        }
        let waited_for = worst.is_some() && self.is_waited_for(sight, serving, at);
        if waited_for && suspect.is_none() {
            notes.push("clients' writes wait for it".to_owned());
        }
        if let Some(lag) = lag(sight, at) {
            notes.push(lag);
        }
        let suspect = suspect.map(|(suspect, _)| *suspect);
        // Its disk and its clients begin to show it within seconds of each other: what was told first stands.
        let first = worst
            .map(|worst| worst.since())
            .into_iter()
            .chain(suspect.map(|one| one.since));
        let since = self.since.get(&watched.name).copied().or_else(|| first.min())?;
        let evidence = match (worst, suspect) {
            (None, None) => return None,
            (Some(worst), None) if worst.is_recovering() => {
                let (stream, ratio) = (worst.stream(), worst.now.ratio);
                format!("{stream} was slow and is back at {ratio:.1}×; taken back when it stays so")
            }
            (Some(worst), suspect) => {
                let clients = suspect.map(|suspect| (suspect.agree, suspect.of));
                let accused = suspect.map(who);
                sentence(worst, since, &notes, clients, accused.as_deref())
            }
            (None, Some(suspect)) => {
                notes.insert(0, format!("{} of {} clients agree", suspect.agree, suspect.of));
                seen_by_clients(suspect, since, &notes)
            }
        };
        // Who waits for it decides how bad it is.
        let severity = match suspect {
            Some(suspect) if suspect.agree >= 2 => Severity::Critical,
            _ if waited_for => Severity::Critical,
            _ => Severity::Warning,
        };
        let clients = self.clients_of(at);
        out.raise(Code::SemiFailed, severity, Subject::host(&watched.name), evidence)
            .with(if suspect.is_some() { clients } else { Vec::new() })
            .since(since);
        Some(since)
    }
}

/// Streams that stand still, have gone silent, or answer the console late.
fn tell_streams(watched: &Watched, alarms: &[Alarm<'_>], out: &mut Claims) {
    // A host may have any number of disks that stand still: some say it for all, and leave room for other hosts.
    for alarm in alarms.iter().take(STREAMS_TOLD) {
        let (op, member) = (alarm.peers.key.op(), &alarm.peers.members[alarm.place]);
        let about = match op {
            Op::DiskRead | Op::DiskWrite => Subject::on(SubjectKind::Disk, &watched.name, member.name.clone()),
            Op::Poll => Subject::host(&watched.name),
            Op::Mysql => Subject::on(SubjectKind::Mysql, &watched.name, watched.name.as_str()),
            _ => Subject::on(SubjectKind::Mount, &watched.name, member.name.clone()),
        };
        let told = || sentence(alarm, alarm.since(), &[], None, None);
        match (alarm.now.state, alarm.now.reason) {
            // A mount that hangs, and a disk that completes nothing, are told at once by the rules about them.
            (State::Stalled, Reason::Stuck) => {}
            // What clients see is told by whom it accuses, and what takes milliseconds does not stand still; a single poll or
            // answer may be late for any reason.
            (State::Stalled, Reason::Stall) if member.worst_ms < stood_still_ms(op) => {}
            (State::Stalled, Reason::Stall) if matches!(op, Op::Poll | Op::Mysql) => {}
            (State::Stalled, _) => {
                out.raise(Code::Stalled, Severity::Critical, about, told())
                    .since(alarm.since());
            }
            (State::Silent, _) => {
                out.raise(Code::Silent, Severity::Warning, about, told())
                    .since(alarm.since());
            }
            // The console's own moments of haste come and go; what lies at the other end or on the way stays. Of two hosts
            // nobody knows which way is the usual one.
            (State::Slow, Reason::Steady | Reason::Lasting) if op == Op::Poll => {
                let level = alarm.is_worth_a_look();
                if level.keep == Severity::Ok {
                    continue;
                }
                let name = format!("console→{}", watched.name);
                let evidence = format!("{}; the host or the way to it, cannot tell", told());
                out.measured(
                    Code::PathSlow,
                    level,
                    Subject::of_fleet(SubjectKind::Path, &name),
                    evidence,
                )
                .with([watched.name.clone()])
                .since(alarm.since());
            }
            _ => {}
        }
    }
}

/// One sentence about a stream that has been in alarm since then.
fn sentence(
    alarm: &Alarm<'_>,
    since: UnixMs,
    notes: &[String],
    clients: Option<(usize, usize)>,
    accused: Option<&str>,
) -> String {
    let member = &alarm.peers.members[alarm.place];
    let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
    why(
        &alarm.now,
        &Scene {
            subject: &alarm.stream(),
            latency_ms: Some(member.tracked.latency_ms).filter(|ms| *ms > 0.0),
            interval: interval(alarm.peers, &alarm.now, since),
            clients,
            accused,
            notes: &notes,
        },
    )
}

/// The time between two polls by which a sentence says how long it has lasted, so that it says the same as the finding:
/// polls come a little late, and each of them adds to what is told of the number of polls.
pub(super) fn interval(peers: &Peers, now: &Judgement, since: UnixMs) -> Duration {
    match u32::from(now.lasted) {
        0 => peers.every,
        polls => peers.polled.since(since) / polls,
    }
}

/// Whether an alarm makes its host semi-failed: a slow disk or database; what only the console sees does not.
pub(super) fn is_semi_failed(alarm: &Alarm<'_>) -> bool {
    alarm.now.state == State::Slow && matches!(alarm.peers.key.op(), Op::DiskRead | Op::DiskWrite | Op::Mysql)
}

/// What stands about a host that cannot be seen is neither confirmed nor taken back.
fn unsettled(watched: &Watched, alarms: &[Alarm<'_>], out: &mut Claims) {
    for code in [Code::SemiFailed, Code::ObserverBusy, Code::Silent] {
        out.unsettled(code, Subject::host(&watched.name));
    }
    let console = format!("console→{}", watched.name);
    out.unsettled(Code::PathSlow, Subject::of_fleet(SubjectKind::Path, &console));
    for name in [OF_AN_ARRAY, BY_BACKUP] {
        out.unsettled(Code::GroupSlow, Subject::on(SubjectKind::Group, &watched.name, name));
    }
    for alarm in alarms {
        let name = alarm.peers.members[alarm.place].name.clone();
        for kind in [SubjectKind::Disk, SubjectKind::Mount] {
            for code in [Code::Stalled, Code::Silent] {
                out.unsettled(code, Subject::on(kind, &watched.name, name.clone()));
            }
        }
    }
}

/// What a slow replica does to its lag: a consequence, told beside.
fn lag(sight: &Sight<'_>, at: usize) -> Option<String> {
    let seen = sight.seen(at)?;
    let mysql = seen.snapshot.mysql.value()?;
    let behind = mysql
        .channels
        .iter()
        .filter_map(|channel| channel.seconds_behind)
        .max()?;
    (behind > 0).then(|| format!("its replication is {behind} s behind"))
}
