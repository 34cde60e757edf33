//! What is known beside latency and explains it: secondaries that a server waits for, rebuilds, checks, scrubs and backups.

use super::{
    Latency, Op,
    peers::{Key, Peers},
};
use crate::{
    facts::{CleanText, Tier, backup::Backup, drbd::DrbdVolume, md::MdArray},
    fleet::{HostName, Slice},
    verdict::{
        disk::holds,
        failslow::{
            Judgement, State,
            pair::{PairBlame, PairSigns, pair},
        },
        pair::is_of,
        say,
        seen::Seen,
        sight::Sight,
    },
};
use std::{collections::BTreeMap, time::Duration};

/// For so many ticks after its end what slowed a disk down still explains that it is called slow: two minutes.
pub(super) const STILL: u16 = 24;
/// A disk that is still above this ratio then is slow by itself.
const SLOW: f32 = 1.78;
/// A host's other disks of the kind must be above their peers elsewhere by this for a backup to be what slows them all …
const ALL_SLOW: f32 = 1.25;
/// … and the disk not further above those than this …
const ALIKE: f32 = 1.6;
/// … or than this, once it was explained so.
const STILL_ALIKE: f32 = 2.0;
/// A backup that has just begun has slowed nothing down yet, in seconds.
const JUST_BEGUN: u64 = 30;
/// What was said of backups stands for so long: where there are many processes they are looked at once a minute.
const BACKUPS_KNOWN: Duration = Duration::from_mins(2);
/// A backup keeps disks at work: something waits for them for this share of the time, in percent …
const IO_PRESSURE: f64 = 20.0;
/// … or one of them is busy for this share of it.
const DISK_BUSY: f64 = 50.0;

/// What is known of an accused server beside what its clients see.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// A disk of its own is watched or slow.
    pub(super) own_disk: bool,
    /// Writes are under way to a secondary.
    pub(super) waits: bool,
    /// The secondary with a slow disk for which it waits, and the slice.
    pub(super) behind: Option<(HostName, String)>,
    /// What runs on it, or on a secondary, and slows disks down.
    pub(super) explained: Option<String>,
}

impl Latency {
    /// Remembers which disks are slowed down by what their array does. Once that is over it still stands for a disk until
    /// that is no longer called slow; one that stays slow is so by itself.
    pub(super) fn explain(&mut self, sight: &Sight<'_>) {
        for peers in &mut self.groups {
            remember_backup(sight, peers);
            if !matches!(peers.key.op(), Op::DiskRead | Op::DiskWrite) {
                continue;
            }
            let slowed = slowed_by_backup(sight, peers);
            for (place, member) in peers.members.iter_mut().enumerate() {
                if member.retired {
                    continue;
                }
                if under_sync(sight, member.host, &member.name) {
                    (member.explained, member.explained_for) = (under_way(sight, member.host), 0);
                    member.by_backup = false;
                } else if let Some((_, backup)) = slowed
                    .iter()
                    .find(|(slowed, backup)| *slowed == place && (backup.is_some() || member.by_backup))
                {
                    (member.explained, member.explained_for) = (backup.clone(), 0);
                    member.by_backup = backup.is_some();
                } else if member.explained.is_some() {
                    member.explained_for = member.explained_for.saturating_add(1);
                    let now = peers.group.judge(place).filter(|now| now.state.is_alarm());
                    let again = |now: Judgement| member.explained_for > STILL && now.ratio > SLOW;
                    if now.is_none_or(again) {
                        (member.explained, member.by_backup) = (None, false);
                    }
                }
            }
        }
    }

    /// What is known of an accused server beside what its clients see.
    pub(super) fn beside(&self, sight: &Sight<'_>, serving: &BTreeMap<&str, usize>, server: &HostName) -> Beside {
        let Some(server) = sight.fleet.host_index(server.as_str()) else {
            return Beside::default();
        };
        let own_disk = self.disk_state(server) > State::Ok;
        // A backup slows down all that a server does: a disk of it that is slower than the others is slow by itself.
        let backup = || backup(sight, server).filter(|_| !own_disk);
        let mut beside = Beside {
            own_disk,
            explained: under_way(sight, server).or_else(backup),
            ..Beside::default()
        };
        let slices = sight
            .fleet
            .slices()
            .filter(|(_, slice)| serving.get(slice.name.as_str()) == Some(&server));
        for (_, slice) in slices {
            let peers = [Some(&slice.preferred), slice.standby.as_ref()];
            let mut peers = peers.into_iter().flatten();
            let Some((name, other)) = peers.find_map(|name| {
                let at = sight.fleet.host_index(name.as_str()).filter(|at| *at != server)?;
                Some((name, at))
            }) else {
                continue;
            };
            let volume = |at: usize| volume(sight, at, slice);
            let signs = PairSigns {
                pending: volume(server)
                    .and_then(|volume| volume.pending)
                    .map(|pending| pending > 0),
                unacknowledged: volume(other)
                    .and_then(|volume| volume.unacked)
                    .map(|unacked| unacked > 0),
                own_disk: Some(self.disk_state(server)),
                peer_disk: sight.seen(other).map(|_| self.disk_state(other)),
                path: None,
            };
            beside.waits |= signs.pending == Some(true) || signs.unacknowledged == Some(true);
            if beside.explained.is_none() {
                beside.explained = cause(sight, other).map(|cause| format!("{cause}, and its writes wait for that"));
            }
            if beside.behind.is_none() && !self.has_slow_disk(server) && pair(&signs) == Some(PairBlame::PeerDisk) {
                beside.behind = Some((name.clone(), slice.name.to_string()));
            }
        }
        beside
    }
}

/// Whether an array that the disk is a member of is being rebuilt or checked.
fn under_sync(sight: &Sight<'_>, at: usize, disk: &str) -> bool {
    let Some(seen) = sight.seen(at) else { return false };
    let arrays = seen.fact(&seen.snapshot.md, Tier::Fast).value();
    let running = |array: &&MdArray| array.sync.as_ref().is_some_and(|sync| sync.waiting.is_none());
    let mut synced = arrays.into_iter().flatten().filter(running);
    synced.any(|array| array.members.iter().any(|member| holds(&member.device, disk)))
}

fn volume<'a>(sight: &Sight<'a>, at: usize, slice: &Slice) -> Option<&'a DrbdVolume> {
    let seen = sight.seen(at)?;
    let volumes = seen.fact(&seen.snapshot.drbd, Tier::Fast).value()?;
    volumes.iter().find(|volume| is_of(volume, slice))
}

/// Keeps the backup that explains that all are slow together: its work comes and goes.
fn remember_backup(sight: &Sight<'_>, peers: &mut Peers) {
    let now = (peers.group.common() == State::Slow)
        .then(|| backup_of_most(sight, peers))
        .flatten();
    peers.backup = match (now, peers.backup.take()) {
        (Some(now), _) => Some((now, 0)),
        (None, Some((before, ticks))) if ticks < STILL => Some((before, ticks + 1)),
        _ => None,
    };
}

/// A backup that runs on at least half of the hosts of a group: one host's backup does not slow down all the others.
fn backup_of_most(sight: &Sight<'_>, peers: &Peers) -> Option<String> {
    if !matches!(peers.key.op(), Op::DiskRead | Op::DiskWrite | Op::Mysql) {
        return None;
    }
    let measured = peers.members.iter().filter(|member| member.speaks());
    let mut hosts: Vec<usize> = measured.map(|member| member.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let backups: Vec<String> = hosts.iter().filter_map(|at| backup(sight, *at)).collect();
    let first = backups.first().filter(|_| backups.len() * 2 >= hosts.len())?;
    Some(match backups.len() {
        1 => first.clone(),
        many => format!("{first}, and a backup on {} more", many - 1),
    })
}

/// Slow disks of hosts on which a backup is at work, by their place. With the backup where it explains them: all that the host
/// has of the kind are slow together. One that stands out of those beside it is slow by itself; where there is no other nobody
/// can tell.
fn slowed_by_backup(sight: &Sight<'_>, peers: &Peers) -> Vec<(usize, Option<String>)> {
    // Those that are compared with each other alone do not become slow all together.
    if !matches!(peers.key, Key::DisksLike(..)) {
        return Vec::new();
    }
    let ratio = |place: usize| Some(peers.group.judge(place)?.ratio);
    let slow = |place: &usize| peers.group.state(*place) > State::Ok && !peers.members[*place].retired;
    let slowed = (0..peers.members.len()).filter(slow).filter_map(|place| {
        let host = peers.members[place].host;
        let backup = backup(sight, host)?;
        let beside = peers.members.iter().enumerate();
        let beside = beside.filter(|(other, one)| one.host == host && *other != place && one.speaks());
        let mut ratios: Vec<f32> = beside.filter_map(|(other, _)| ratio(other)).collect();
        ratios.sort_by(f32::total_cmp);
        let others = *ratios.get(ratios.len().saturating_sub(1) / 2)?;
        let alike = if peers.members[place].by_backup {
            STILL_ALIKE
        } else {
            ALIKE
        };
        let explains = others >= ALL_SLOW && ratio(place)? < alike * others;
        Some((place, explains.then_some(backup)))
    });
    slowed.collect()
}

/// What a host is doing that makes all its disks slow.
pub(super) fn cause(sight: &Sight<'_>, at: usize) -> Option<String> {
    under_way(sight, at).or_else(|| backup(sight, at))
}

/// A backup that keeps the disks of a host at work: `rsync has been running for 12 m on stor3`.
fn backup(sight: &Sight<'_>, at: usize) -> Option<String> {
    let seen = sight.seen(at)?;
    let backups = seen.fact_within(&seen.snapshot.backups, BACKUPS_KNOWN).value()?;
    let begun = |backup: &&Backup| backup.seconds.is_none_or(|seconds| seconds >= JUST_BEGUN);
    // One that nobody knows the beginning of has been at it for longest.
    let longest = backups
        .iter()
        .filter(begun)
        .max_by_key(|backup| backup.seconds.unwrap_or(u64::MAX))?;
    let (program, host): (&CleanText, _) = (&longest.program, &seen.host.name);
    disks_at_work(&seen).then(|| match longest.seconds {
        Some(seconds) => format!("{program} has been running for {} on {host}", say::span(seconds)),
        None => format!("{program} is at work on {host}"),
    })
}

/// Whether the disks of a host have much to do; where nobody knows, they have not.
fn disks_at_work(seen: &Seen<'_>) -> bool {
    let pressure = seen.fact(&seen.snapshot.pressure, Tier::Fast).value();
    let disks = seen.fact(&seen.snapshot.disks, Tier::Fast).value();
    pressure.is_some_and(|pressure| pressure.io_some_percent >= IO_PRESSURE)
        || disks.is_some_and(|disks| disks.iter().any(|disk| disk.busy_percent >= DISK_BUSY))
}

/// What a host repairs or checks that makes all its disks slow: a rebuild, a check, a resync, a scrub.
pub(super) fn under_way(sight: &Sight<'_>, at: usize) -> Option<String> {
    let seen = sight.seen(at)?;
    let host = &seen.host.name;
    let percent = |percent: Option<f64>| percent.map_or_else(String::new, |percent| format!(" ({percent:.0} %)"));
    let arrays = seen.fact(&seen.snapshot.md, Tier::Fast).value().into_iter().flatten();
    let mut md = arrays.filter_map(|array| {
        let sync = array.sync.as_ref().filter(|sync| sync.waiting.is_none())?;
        Some(format!(
            "{host} {} runs a {}{}",
            array.device,
            sync.action,
            percent(sync.percent)
        ))
    });
    let pools = seen
        .fact(&seen.snapshot.pools, Tier::Medium)
        .value()
        .into_iter()
        .flatten();
    let mut zfs = pools.filter_map(|pool| {
        let scan = pool.scan.as_ref().filter(|scan| scan.running)?;
        Some(format!(
            "{host} {} runs a {}{}",
            pool.name,
            scan.function,
            percent(scan.percent)
        ))
    });
    let volumes = seen
        .fact(&seen.snapshot.drbd, Tier::Fast)
        .value()
        .map_or(&[][..], Vec::as_slice);
    let mut drbd = volumes.iter().filter_map(|volume| {
        let sync = volume.sync.as_ref().filter(|sync| !sync.stalled)?;
        let label = crate::verdict::volume_label(volume, volumes);
        Some(format!("{host} {label} resyncs{}", percent(sync.percent)))
    });
    md.next().or_else(|| zfs.next()).or_else(|| drbd.next())
}
