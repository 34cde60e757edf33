//! ZFS pools as their host's `zpool` tells them: devices with their disks, what runs, and what each group of devices
//! survives.

use super::md::Disk;
use crate::{
    facts::zfs::{Pool, PoolState, Scan, Vdev, merge, parse_zpool, parse_zpool_list},
    fleet::HostName,
    runbook::{condition::Condition, sight::Look, truth::Truth},
};
use std::{collections::BTreeSet, fmt};

/// A pool on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOn {
    /// The host.
    pub host: HostName,
    /// The pool's name.
    pub name: String,
}

/// A pool as `zfs_pool` (`wrapper.sh`) tells it: `zpool status` and `zpool list`, with the disks behind its devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Whether its scrub can pause (`zpool scrub -p`; `OpenZFS` 0.7 and later).
    pub pauses: bool,
    /// The pool, as the console knows it too.
    pub pool: Pool,
    /// Its disks and files, in the order in which it names them.
    pub members: Vec<Member>,
}

/// A disk or a file of a pool: a device with nothing below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its place in [`Pool::vdevs`].
    at: usize,
    /// As the pool names it: `sdb`, `ata-…-part1`, a path, or the number of one that is gone.
    pub name: String,
    /// Its state.
    pub state: PoolState,
    /// Read, write and checksum errors that ZFS has counted; 0 where it tells none.
    pub errors: [u64; 3],
    /// The disk, where it is one and is there.
    pub disk: Option<Disk>,
    /// Its size, KiB.
    pub size_kib: Option<u64>,
}

impl Member {
    /// Whether data is read from it still, with or without errors.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        is_good(&self.state) || self.state == PoolState::Degraded
    }

    /// As commands name it: a disk that the pool knows by its device by the path of that, which every ZFS takes (zfs-fuse
    /// looks for no short names), and all others by the pool's own word.
    #[must_use]
    pub fn word(&self) -> String {
        let disk = self.disk.as_ref().filter(|disk| disk.device == self.name);
        disk.map_or_else(|| self.name.clone(), Disk::path)
    }

    /// Whether ZFS has counted any error of it.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors.iter().any(|errors| *errors > 0)
    }

    /// Whether a person means it by that name: its own, its device's, its disk's serial number, WWN or bay.
    fn is_called(&self, wanted: &str) -> bool {
        let of_disk = |disk: &Disk| {
            let is = |word: &Option<String>| word.as_deref() == Some(wanted);
            disk.device == wanted || disk.whole == wanted || is(&disk.serial) || is(&disk.wwn) || is(&disk.bay)
        };
        self.name == wanted || self.disk.as_ref().is_some_and(of_disk)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.disk {
            Some(disk) if disk.device == self.name => write!(f, "{disk}"),
            Some(disk) => write!(f, "{} on {disk}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What a pool does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing<'a> {
    /// Nothing.
    Nothing,
    /// A resilver.
    Resilver,
    /// A scrub.
    Scrub,
    /// A scrub that pauses.
    PausedScrub,
    /// Something else.
    Other(&'a str),
}

/// Whether that can be the name of a pool: it becomes a word of a command (zpoolconcepts(7); blanks are left out).
#[must_use]
pub fn is_pool(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    (1..=255).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain)
}

/// Whether a device of a pool can be a word of a command by that name.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
    (1..=255).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-')
}

const fn is_good(state: &PoolState) -> bool {
    matches!(state, PoolState::Online | PoolState::Healthy)
}

/// Devices of which one at a time stays: the one that is replaced and the new one, or the spare that helps out.
fn is_joint(name: &str) -> bool {
    name.starts_with("replacing") || name.starts_with("spare")
}

impl Seen {
    /// Reads what `zfs_pool` prints, strictly: what is cut off or not understood makes the whole of it unknown.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let body = text.strip_suffix("\nend\n").ok_or("what is told of it is cut off")?;
        let (head, status) = body.split_once("\nstatus\n").ok_or("its status is not told")?;
        let (mut pauses, mut sizes, mut disks) = (None, Vec::new(), Vec::new());
        for line in head.lines() {
            match line.split_once(' ') {
                Some(("pauses", word)) => pauses = Some(word == "yes"),
                Some(("list", line)) => sizes = parse_zpool_list(line).unwrap_or_default(),
                Some(("disk", line)) => disks.push(disk(line)?),
                _ => return Err(format!("{line:?} is nothing of a pool")),
            }
        }
        let mut pools = parse_zpool(status).map_err(|why| why.to_string())?;
        pools.retain(|pool| pool.name.as_str() == name);
        sizes.retain(|size| size.name.as_str() == name);
        let [_] = pools.as_slice() else {
            return Err(format!("its status is not that of {name}"));
        };
        merge(&mut pools, &sizes);
        let pool = pools.remove(0);
        let mut seen = Self {
            pauses: pauses.ok_or("whether a scrub can pause is not told")?,
            pool,
            members: Vec::new(),
        };
        let leaves = (0..seen.pool.vdevs.len()).filter(|at| seen.pool.vdevs[*at].depth > 0 && !seen.has_below(*at));
        seen.members = leaves.map(|at| member(at, &seen.pool.vdevs[at], &disks)).collect();
        let names: BTreeSet<&str> = seen.in_place().map(|member| member.name.as_str()).collect();
        if names.len() != seen.in_place().count() {
            return Err("it tells a device twice".to_owned());
        }
        Ok(seen)
    }

    fn vdev(&self, at: usize) -> &Vdev {
        &self.pool.vdevs[at]
    }

    fn has_below(&self, at: usize) -> bool {
        self.pool
            .vdevs
            .get(at + 1)
            .is_some_and(|next| next.depth > self.vdev(at).depth)
    }

    /// The devices right below one.
    fn below(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let depth = self.vdev(at).depth;
        let deeper = (at + 1..self.pool.vdevs.len()).take_while(move |next| self.vdev(*next).depth > depth);
        deeper.filter(move |next| self.vdev(*next).depth == depth + 1)
    }

    /// The device right above one.
    fn above(&self, at: usize) -> Option<usize> {
        let depth = self.vdev(at).depth.checked_sub(1)?;
        (0..at).rev().find(|above| self.vdev(*above).depth == depth)
    }

    /// The group of devices that a member is in, right below the pool: a mirror, a RAID-Z, or the member itself.
    fn group(&self, member: &Member) -> usize {
        let mut at = member.at;
        while self.vdev(at).depth > 1 {
            match self.above(at) {
                Some(above) => at = above,
                None => break,
            }
        }
        at
    }

    /// Members with a place among the data; spares in waiting and cache devices have none.
    pub fn in_place(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| {
            let vdev = self.vdev(member.at);
            let apart = matches!(vdev.state, PoolState::Available | PoolState::InUse);
            !apart && !matches!(vdev.note.as_deref(), Some("cache" | "spares"))
        })
    }

    /// The member with a place whose device that is.
    #[must_use]
    pub fn member(&self, device: &str) -> Option<&Member> {
        let is = |member: &&Member| {
            let disk = member.disk.as_ref();
            member.name == device || disk.is_some_and(|disk| disk.device == device || disk.whole == device)
        };
        self.in_place().find(is)
    }

    /// The member that a person means: by its name in the pool, the name of its device, its disk's serial, WWN or bay.
    ///
    /// # Errors
    /// A sentence: none, or several.
    pub fn find(&self, wanted: &str) -> Result<&Member, String> {
        let mut found = self.in_place().filter(|member| member.is_called(wanted));
        match (found.next(), found.next()) {
            (Some(one), None) if is_plain(&one.name) => Ok(one),
            (Some(one), None) => Err(format!("{:?} is no name that a command can be told", one.name)),
            (None, _) => Err(format!("no device of it is {wanted}")),
            (Some(_), Some(_)) => Err(format!("several devices of it are {wanted}")),
        }
    }

    /// What runs on it.
    #[must_use]
    pub fn doing(&self) -> Doing<'_> {
        let Some(scan) = &self.pool.scan else {
            return Doing::Nothing;
        };
        match (scan.function.as_str(), scan.running, is_paused(scan)) {
            ("scrub", _, true) => Doing::PausedScrub,
            ("scrub", true, _) => Doing::Scrub,
            ("resilver", true, _) => Doing::Resilver,
            (_, true, _) => Doing::Other(&scan.function),
            (_, false, _) => Doing::Nothing,
        }
    }

    /// What it says of its last or present scan, with the time: another scan says something else.
    #[must_use]
    pub fn scan_text(&self) -> String {
        self.pool
            .scan
            .as_ref()
            .map_or_else(String::new, |scan| scan.text.to_string())
    }

    /// Whether its data can be used at all.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.pool.state, PoolState::Online | PoolState::Degraded)
    }

    /// Whether all data that belongs there is on a device, or on those below it; as if one were not there.
    fn is_complete(&self, at: usize, without: Option<usize>) -> bool {
        if without == Some(at) {
            return false;
        }
        let vdev = self.vdev(at);
        let mut below = self.below(at).peekable();
        if below.peek().is_none() {
            let note = vdev.note.as_deref().unwrap_or_default();
            let fills = self.doing() == Doing::Resilver && note.contains("resilver");
            return is_good(&vdev.state) && !fills && !note.contains("awaiting resilver");
        }
        let all = self.below(at).count();
        let complete = below.filter(|at| self.is_complete(*at, without)).count();
        complete >= needed(&vdev.name, all)
    }

    /// How many more devices of a member's group may fail, as if that member were not there; `None` where what is left
    /// has not all data.
    #[must_use]
    pub fn bears_without(&self, member: &Member) -> Option<usize> {
        let group = self.group(member);
        if group == member.at {
            return None;
        }
        let all = self.below(group).count();
        let complete = self
            .below(group)
            .filter(|at| self.is_complete(*at, Some(member.at)))
            .count();
        complete.checked_sub(needed(&self.vdev(group).name, all))
    }

    /// Members of the same group beside one.
    pub fn beside<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = &'a Member> {
        let group = self.group(member);
        self.members
            .iter()
            .filter(move |other| other.at != member.at && self.group(other) == group)
    }

    /// Whether a member has its place alone by itself: a mirror and a RAID-Z have several, a stripe has not.
    #[must_use]
    pub fn is_alone(&self, member: &Member) -> bool {
        self.group(member) == member.at
    }

    /// The one that a member is replaced by or replaces, where it shares its place with one.
    #[must_use]
    pub fn twin(&self, member: &Member) -> Option<&Member> {
        let above = self.above(member.at)?;
        let joint = self.vdev(above).name.starts_with("replacing");
        let twin = self.below(above).find(|at| joint && *at != member.at)?;
        self.members.iter().find(|member| member.at == twin)
    }

    /// Members with a place that are not as they should be, by name.
    #[must_use]
    pub fn out(&self) -> BTreeSet<String> {
        let out = self.in_place().filter(|member| !is_good(&member.state));
        out.map(|member| member.name.clone()).collect()
    }

    /// Whether ZFS knows of data that it could not read.
    #[must_use]
    pub fn has_lost_data(&self) -> bool {
        self.pool.errors.as_deref() != Some("No known data errors")
    }

    /// What is left of what runs, KiB.
    #[must_use]
    pub fn left_kib(&self) -> Option<u64> {
        let percent = self.pool.scan.as_ref()?.percent?;
        let allocated = self.pool.allocated_kib? as f64;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a number that fits"
        )]
        Some((allocated * (100.0 - percent) / 100.0).max(0.0) as u64)
    }

    /// Whether a disk is large enough for a place: ZFS asks for the smallest member of its group, and a little less does.
    #[must_use]
    pub fn fits(&self, pool: &PoolOn, old: &Member, disk: &Disk) -> Truth {
        let group = self.beside(old).chain([old]);
        match (group.filter_map(|member| member.size_kib).min(), disk.size_kib) {
            (Some(least), Some(size)) => Truth::of(
                size >= least,
                format!(
                    "{} has {size} KiB, the smallest device beside {} in {pool} {least} KiB",
                    disk.device, old.name
                ),
            ),
            _ => Truth::Unknown(format!(
                "the sizes of {} and of the devices beside {} in {pool}",
                disk.device, old.name
            )),
        }
    }

    /// How it is, in words: its state, what ZFS says about that, and what runs.
    #[must_use]
    pub fn standing(&self) -> String {
        let mut text = self.pool.state.to_string();
        if let Some(status) = &self.pool.status {
            text = format!("{text} ({status})");
        }
        match &self.pool.scan {
            Some(scan) => format!("{text}; {}", scan.text),
            None => text,
        }
    }

    /// What the scrub that ended found, and what that means.
    #[must_use]
    pub fn found(&self) -> String {
        let erring = self.in_place().filter(|member| member.has_errors());
        let erring: Vec<String> = erring
            .map(|member| {
                let [read, write, checksum] = member.errors;
                let vdev = self
                    .vdev(member.at)
                    .note
                    .as_deref()
                    .filter(|note| note.contains("repaired"));
                let repaired = vdev.map_or_else(String::new, |note| format!(", {note}"));
                format!("{member}: {read} read, {write} write, {checksum} checksum errors{repaired}")
            })
            .collect();
        let errors = self
            .pool
            .errors
            .as_deref()
            .unwrap_or("whether data was lost is not told");
        let meaning = match (erring.is_empty(), self.has_lost_data()) {
            (true, false) => "every block agrees with its checksum",
            (false, false) => {
                "what did not agree was mended from the other devices. A disk that shows that again is to be replaced; \
                 where several do, look at cables, controller and memory. `zpool clear` sets the counters to 0"
            }
            (_, true) => {
                "blocks could not be mended: no device had them whole. Restore those files from a backup, scrub again, and \
                 then `zpool clear`"
            }
        };
        let erring = if erring.is_empty() {
            String::new()
        } else {
            format!("; {}", erring.join("; "))
        };
        format!("{}; {errors}{erring}: {meaning}", self.scan_text())
    }
}

/// So many of the devices right below a group have to be complete, of all that it has: zpoolconcepts(7).
fn needed(group: &str, all: usize) -> usize {
    let parity = |kind: &str| {
        let rest = group.strip_prefix(kind)?;
        // Before RAID-Z had more than one parity it had no number.
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        Some(digits.parse().unwrap_or(1))
    };
    if group.starts_with("mirror") || is_joint(group) {
        return 1.min(all);
    }
    match parity("draid").or_else(|| parity("raidz")) {
        Some(parity) => all.saturating_sub(parity),
        None => all,
    }
}

fn is_paused(scan: &Scan) -> bool {
    scan.text.starts_with("scrub paused")
}

/// Whether somebody broke it off.
fn is_cancelled(scan: &Scan) -> bool {
    // "scrub canceled on …" (OpenZFS), "scrub stopped after …" (zfs-fuse).
    ["scrub canceled", "scrub stopped"]
        .iter()
        .any(|words| scan.text.starts_with(words))
}

/// The words of a `disk` line: the device's name in the pool, and its `disk_id`; `-` for a file.
fn disk(line: &str) -> Result<(String, Option<Disk>, Option<u64>), String> {
    let (name, id) = line.split_once(' ').ok_or_else(|| format!("{line:?} is no disk"))?;
    if let Some(kib) = id.strip_prefix("- - - - ").and_then(|rest| rest.strip_suffix(" -")) {
        let kib = kib.parse().map_err(|_| format!("{line:?} is no disk"))?;
        return Ok((name.to_owned(), None, Some(kib)));
    }
    let disk = Disk::parse(id)?;
    let size_kib = disk.size_kib;
    Ok((name.to_owned(), Some(disk), size_kib))
}

fn member(at: usize, vdev: &Vdev, disks: &[(String, Option<Disk>, Option<u64>)]) -> Member {
    // The kernel gives names out anew: that of a disk which has gone may be a new one's by now.
    let gone = matches!(vdev.state, PoolState::Removed | PoolState::Unavail);
    let known = disks.iter().find(|(name, ..)| *name == vdev.name.as_str() && !gone);
    let errors = [vdev.read_errors, vdev.write_errors, vdev.checksum_errors];
    Member {
        at,
        name: vdev.name.to_string(),
        state: vdev.state.clone(),
        errors: errors.map(Option::unwrap_or_default),
        disk: known.and_then(|(_, disk, _)| disk.clone()),
        size_kib: known.and_then(|(.., size_kib)| *size_kib),
    }
}

impl PoolOn {
    /// The look that tells it.
    #[must_use]
    pub fn look(&self) -> Look {
        Look::new(&self.host, ["zfs_pool", &self.name])
    }

    /// The look that tells which files have blocks that could not be mended, the first of them.
    #[must_use]
    pub fn files_look(&self) -> Look {
        Look::new(&self.host, ["zfs_files", &self.name])
    }

    /// Reads what the look printed.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    pub fn seen(&self, text: &str) -> Result<Seen, String> {
        Seen::parse(&self.name, text).map_err(|why| format!("{self}: {why}"))
    }

    fn on(&self, says: String, judge: impl Fn(&Seen) -> Truth + Send + Sync + 'static) -> Condition {
        let pool = self.clone();
        Condition::on(says, self.look(), move |text| match pool.seen(text) {
            Ok(seen) => judge(&seen),
            Err(why) => Truth::Unknown(why),
        })
    }

    /// The device has a place in the pool, or has none.
    #[must_use]
    pub fn has(&self, device: &str, wanted: bool) -> Condition {
        let (pool, device) = (self.clone(), device.to_owned());
        let word = if wanted { "a device" } else { "no device" };
        self.on(format!("{device} is {word} of {self}"), move |seen| {
            // A spare in waiting counts: what is put into its place would be put there twice.
            let apart = |member: &&Member| member.is_called(&device);
            let member = seen.member(&device).or_else(|| seen.members.iter().find(apart));
            Truth::of(member.is_some() == wanted, told(&pool, &device, member, seen))
        })
    }

    /// Nothing is scrubbed or resilvered, and nothing of that waits.
    #[must_use]
    pub fn is_settled(&self) -> Condition {
        let pool = self.clone();
        self.on(format!("nothing runs on {self}"), move |seen| {
            let settled = seen.is_running() && seen.doing() == Doing::Nothing;
            Truth::of(settled, format!("{pool} is {}", seen.standing()))
        })
    }

    /// The new device fills the old one's place, or has it already.
    #[must_use]
    pub fn is_replaced(&self, old: &str, new: &str) -> Condition {
        let (pool, old, new) = (self.clone(), old.to_owned(), new.to_owned());
        self.on(format!("{new} takes the place of {old} in {self}"), move |seen| {
            let (was, is) = (seen.member(&old), seen.member(&new));
            let told = format!("{}; {}", told(&pool, &old, was, seen), told(&pool, &new, is, seen));
            let shares = is.and_then(|is| seen.twin(is)).is_some();
            Truth::of(is.is_some() && (shares || was.is_none()), told)
        })
    }

    /// The new device has the place alone, with all data that belongs there.
    #[must_use]
    pub fn is_in_service(&self, old: &str, new: &str) -> Condition {
        let (pool, old, new) = (self.clone(), old.to_owned(), new.to_owned());
        let says = format!("{new} is in service in {self}, with all its data");
        self.on(says, move |seen| {
            let (was, is) = (seen.member(&old), seen.member(&new));
            let complete = is.is_some_and(|is| seen.twin(is).is_none() && seen.is_complete(is.at, None));
            let over = seen.doing() != Doing::Resilver;
            let mut told = told(&pool, &new, is, seen);
            if let (Doing::Resilver, Some(scan)) = (seen.doing(), &seen.pool.scan) {
                told = format!("{told}; {}", scan.text);
            }
            Truth::of(complete && over && was.is_none(), told)
        })
    }

    /// The old device keeps its place, and the new one has none.
    #[must_use]
    pub fn is_kept(&self, old: &str, new: &str) -> Condition {
        let (pool, old, new) = (self.clone(), old.to_owned(), new.to_owned());
        self.on(format!("{old} keeps its place in {self}"), move |seen| {
            let (was, is) = (seen.member(&old), seen.member(&new));
            let told = format!("{}; {}", told(&pool, &old, was, seen), told(&pool, &new, is, seen));
            Truth::of(was.is_some() && is.is_none(), told)
        })
    }

    /// The pool does without the device: it has no place of its own, for the one that it was to replace is there still and has
    /// the data, or has more of it.
    #[must_use]
    pub fn spares(&self, device: &str) -> Condition {
        let (pool, device) = (self.clone(), device.to_owned());
        self.on(format!("{self} does without {device}"), move |seen| {
            let Some(member) = seen.member(&device) else {
                return Truth::Yes(told(&pool, &device, None, seen));
            };
            let twin = seen.twin(member);
            let told = told(&pool, &device, Some(member), seen);
            let spared = twin.is_some_and(|twin| twin.is_readable() || !seen.is_complete(member.at, None));
            Truth::of(spared, told)
        })
    }

    /// The device has its place alone by now: taken out, it would be missed.
    #[must_use]
    pub fn needs(&self, device: &str) -> Condition {
        let (pool, device) = (self.clone(), device.to_owned());
        self.on(format!("{self} needs {device}"), move |seen| {
            let member = seen.member(&device);
            let alone = member.is_some_and(|member| seen.twin(member).is_none());
            Truth::of(alone, told(&pool, &device, member, seen))
        })
    }

    /// The device is well in its place, and the pool is as well as it can be: what was out before may be so still.
    #[must_use]
    pub fn is_well_with(&self, new: &str, before: &Seen, old: &str) -> Condition {
        let (pool, new) = (self.clone(), new.to_owned());
        let mut was_out = before.out();
        was_out.remove(old);
        let had_lost = before.has_lost_data();
        self.on(format!("{self} is well with {new}"), move |seen| {
            let member = seen.member(&new);
            let told = format!("{}; {pool} is {}", told(&pool, &new, member, seen), seen.standing());
            let clean = member.is_some_and(|member| is_good(&member.state) && !member.has_errors());
            let none_worse = seen.out().is_subset(&was_out);
            let online = is_good(&seen.pool.state) || (seen.is_running() && !was_out.is_empty());
            let lost = seen.has_lost_data() && !had_lost;
            let lost_words = if lost {
                format!("; {}", seen.pool.errors.as_deref().unwrap_or("its errors are not told"))
            } else {
                String::new()
            };
            Truth::of(clean && none_worse && online && !lost, format!("{told}{lost_words}"))
        })
    }

    /// A scrub runs or pauses, or one has ended since it said that of its last scan.
    #[must_use]
    pub fn is_scrubbing(&self, before: &str) -> Condition {
        let (pool, before) = (self.clone(), before.to_owned());
        self.on(format!("{self} is scrubbed"), move |seen| {
            let runs = matches!(seen.doing(), Doing::Scrub | Doing::PausedScrub);
            let told = format!("{pool} is {}", seen.standing());
            Truth::of(runs || ended(seen, &before), told)
        })
    }

    /// No scrub runs, and none pauses.
    #[must_use]
    pub fn is_not_scrubbing(&self) -> Condition {
        let pool = self.clone();
        self.on(format!("no scrub runs on {self}"), move |seen| {
            let runs = matches!(seen.doing(), Doing::Scrub | Doing::PausedScrub);
            Truth::of(!runs, format!("{pool} is {}", seen.standing()))
        })
    }

    /// A scrub has ended since it said that of its last scan.
    #[must_use]
    pub fn is_scrubbed(&self, before: &str) -> Condition {
        let (pool, before) = (self.clone(), before.to_owned());
        self.on(format!("the scrub of {self} is over"), move |seen| {
            let told = format!("{pool}: {}", seen.scan_text());
            Truth::of(ended(seen, &before), told)
        })
    }

    /// What the scrub found, with the files that have lost blocks.
    #[must_use]
    pub fn tells_what_it_found(&self) -> Condition {
        let (pool, looks) = (self.clone(), vec![self.look(), self.files_look()]);
        let says = format!("it is known what the scrub of {self} found");
        Condition::new(says, looks.clone(), move |sight| {
            let seen = match sight.text(&looks[0]).and_then(|text| pool.seen(text)) {
                Ok(seen) => seen,
                Err(why) => return Truth::Unknown(why),
            };
            if !seen.has_lost_data() {
                return Truth::Yes(format!("{pool}: {}", seen.found()));
            }
            match sight.text(&looks[1]) {
                Ok(text) => Truth::Yes(format!("{pool}: {}. {}", seen.found(), files(text))),
                Err(why) => Truth::Unknown(why),
            }
        })
    }
}

/// Whether a scrub has ended by itself since it said that of its last scan.
fn ended(seen: &Seen, before: &str) -> bool {
    let scan = seen.pool.scan.as_ref();
    seen.doing() == Doing::Nothing
        && seen.scan_text() != before
        && scan.is_some_and(|scan| scan.function.as_str() == "scrub" && !is_cancelled(scan))
}

impl Seen {
    /// Why a scrub that was begun will never be over: somebody broke it off, or something else runs.
    #[must_use]
    pub fn scrub_is_lost(&self, before: &str) -> Option<String> {
        match (self.doing(), &self.pool.scan) {
            (Doing::Resilver, Some(scan)) => Some(format!("a resilver took the place of the scrub: {}", scan.text)),
            (Doing::Nothing, Some(scan)) if is_cancelled(scan) && scan.text.as_str() != before => {
                Some(format!("the scrub was broken off: {}", scan.text))
            }
            _ => None,
        }
    }
}

/// So many files are named at most.
pub const FILES: usize = 20;

/// What `zfs_files` prints: how many there are, and the first of them.
fn files(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let (count, at_least) = match first.strip_suffix('+') {
        Some(count) => (count, "at least "),
        None => (first, ""),
    };
    let count: usize = count.parse().unwrap_or_default();
    let named: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(FILES)
        .collect();
    let more = count.saturating_sub(named.len());
    match (named.is_empty(), more) {
        (true, _) => "Which files they belong to is not told".to_owned(),
        (false, 0) => format!("They belong to {}", named.join(", ")),
        (false, more) => format!("They belong to {} and {at_least}{more} more", named.join(", ")),
    }
}

/// What a device is in a pool, in words.
fn told(pool: &PoolOn, device: &str, member: Option<&Member>, seen: &Seen) -> String {
    let Some(member) = member else {
        return format!("{device} is no device of {pool}");
    };
    let [read, write, checksum] = member.errors;
    let errors = if member.has_errors() {
        format!(" with {read} read, {write} write and {checksum} checksum errors")
    } else {
        String::new()
    };
    let beside = match seen.twin(member) {
        Some(twin) => format!(", and shares its place with {}", twin.name),
        None => String::new(),
    };
    let note = seen.vdev(member.at).note.as_deref();
    let note = note.map_or_else(String::new, |note| format!(" ({note})"));
    format!("{device} is {}{note} in {pool}{errors}{beside}", member.state)
}

impl fmt::Display for PoolOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.host)
    }
}

/// The disk is large enough for the place of that device.
#[must_use]
pub fn fits(pool: &PoolOn, old: &str, device: &str) -> Condition {
    let (pool, old) = (pool.clone(), old.to_owned());
    let looks = vec![pool.look(), Disk::look(&pool.host, device)];
    let says = format!("{device} is large enough for the place of {old} in {pool}");
    Condition::new(says, looks.clone(), move |sight| {
        let known = || {
            let seen = pool.seen(sight.text(&looks[0])?)?;
            let disk = Disk::parse(sight.text(&looks[1])?.lines().next().unwrap_or_default())?;
            Ok((seen, disk))
        };
        match known() {
            Ok((seen, disk)) => match seen.member(&old) {
                Some(member) => seen.fits(&pool, member, &disk),
                None => Truth::Unknown(format!("{old} is no device of {pool}")),
            },
            Err(why) => Truth::Unknown(why),
        }
    })
}

#[cfg(test)]
mod tests;
