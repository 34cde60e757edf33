//! md arrays as their host's kernel tells them: members with their disks, what runs, and what an array survives.

use crate::{
    fleet::HostName,
    runbook::{condition::Condition, operation::Expect, sight::Look, truth::Truth},
};
use std::{collections::BTreeSet, fmt};

/// An array on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayOn {
    /// The host.
    pub host: HostName,
    /// The kernel's name of it, such as `md0`.
    pub name: String,
}

/// An array as its kernel tells it (`/sys/block/mdX/md`, Documentation/admin-guide/md.rst).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `raid1`, `raid5`, …
    pub level: String,
    /// Members that it has when it is whole.
    pub raid_disks: u32,
    /// `clean`, `active`, …
    pub state: String,
    /// Members that are missing.
    pub degraded: u32,
    /// `idle`, `check`, `recover`, …
    pub action: String,
    /// Done and all of what runs, in sectors of each member; `None` while nothing is counted.
    pub completed: Option<(u64, u64)>,
    /// How fast that goes, KiB a second of each member.
    pub speed_kib_s: Option<u64>,
    /// How fast it may go at most.
    pub limit: Limit,
    /// Sectors that differed in the last check.
    pub mismatches: u64,
    /// What is used of each member, KiB.
    pub component_kib: u64,
    /// The members, spares and failed ones as well.
    pub members: Vec<Member>,
}

/// How fast an array may rebuild and check at most (`sync_speed_max`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// KiB a second of each member.
    pub kib_s: u64,
    /// Whether that is its own, or the system's.
    pub own: bool,
}

impl Limit {
    /// The word that sets it.
    #[must_use]
    pub fn word(self) -> String {
        if self.own {
            self.kib_s.to_string()
        } else {
            "system".to_owned()
        }
    }
}

/// A member of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its place; `None` for a spare and for one that has failed.
    pub slot: Option<u32>,
    /// Read errors that md has corrected.
    pub errors: u64,
    /// What the kernel says of it: `in_sync`, `spare`, `faulty`, `want_replacement`, `replacement`, …
    pub flags: BTreeSet<String>,
    /// The device.
    pub disk: Disk,
}

impl Member {
    /// Whether all data that it should have is on it.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.flags.contains("in_sync") && !self.flags.contains("faulty")
    }

    /// Whether the kernel says that of it.
    #[must_use]
    pub fn is(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }
}

/// A disk, or a partition of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's name of the device, such as `sdb` or `sdb1`.
    pub device: String,
    /// Of the disk that it is on.
    pub whole: String,
    /// The disk's serial number.
    pub serial: Option<String>,
    /// Its world wide name.
    pub wwn: Option<String>,
    /// Size of the device, KiB.
    pub size_kib: Option<u64>,
    /// Where the disk is: its slot in an enclosure, or its path.
    pub bay: Option<String>,
}

impl Disk {
    /// Reads a line of `disk_id`.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let [device, whole, serial, wwn, size, bay] = words.as_slice() else {
            return Err(format!("{line:?} is no disk"));
        };
        if !is_device(device) || !(is_device(whole) || *whole == "-") {
            return Err(format!("{device:?} is no name of a device"));
        }
        let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c));
        if ![serial, wwn, bay]
            .into_iter()
            .all(|word| !word.is_empty() && plain(word))
        {
            return Err(format!("{line:?} is no disk"));
        }
        let known = |word: &str| (word != "-").then(|| word.to_owned());
        // A disk that is gone has left its name alone.
        let whole = if *whole == "-" { device } else { whole };
        Ok(Self {
            device: (*device).to_owned(),
            whole: (*whole).to_owned(),
            serial: known(serial),
            wwn: known(wwn),
            size_kib: known(size).map(|_| number(size)).transpose()?,
            bay: known(bay),
        })
    }

    /// The look that tells it.
    #[must_use]
    pub fn look(host: &HostName, device: &str) -> Look {
        Look::new(host, ["disk_id", device])
    }

    /// The device as commands name it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/dev/{}", self.device)
    }

    /// What the host checks before it takes the disk away; nothing of one that is gone and cannot be told any more.
    #[must_use]
    pub fn expected(&self) -> Vec<Expect> {
        if self.is_known() {
            vec![self.expects()]
        } else {
            Vec::new()
        }
    }

    /// Whether it can be told from every other one.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.serial.is_some() || self.wwn.is_some()
    }

    /// Whether both are on one disk.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let equal = |one: &Option<String>, two: &Option<String>| one.is_some() && one == two;
        self.whole == other.whole || equal(&self.serial, &other.serial) || equal(&self.wwn, &other.wwn)
    }

    /// What the host checks of itself in the same call as a command: the name leads to that very disk.
    #[must_use]
    pub fn expects(&self) -> Expect {
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
        Expect {
            argv: vec!["disk_id".to_owned(), self.device.clone()],
            pattern: format!(
                "{}?{}?{}?{}?*",
                self.device,
                self.whole,
                word(&self.serial),
                word(&self.wwn)
            ),
        }
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "unknown".to_owned());
        write!(
            f,
            "{} (serial {}, WWN {}, bay {})",
            self.device,
            word(&self.serial),
            word(&self.wwn),
            word(&self.bay)
        )
    }
}

/// Whether that can be the kernel's name of a block device: it becomes a word of a command and a part of a path.
#[must_use]
pub fn is_device(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-')
}

/// A number of the kernel: digits and nothing else.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| format!("{text:?} is no number"))
}

/// A word of the kernel: small letters, digits, `_` and `-`.
fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if text.is_empty() || text == "-" || !text.chars().all(plain) {
        return Err(format!("{text:?} is no word of md"));
    }
    Ok(text.to_owned())
}

/// Attributes in the order in which `md_sys` tells them.
const KEYS: [&str; 10] = [
    "level",
    "raid_disks",
    "array_state",
    "degraded",
    "sync_action",
    "sync_completed",
    "sync_speed",
    "sync_speed_max",
    "mismatch_cnt",
    "component_size",
];

impl Seen {
    /// Reads what `md_sys` prints, strictly: what is cut off or not understood makes the whole of it unknown.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let mut values = Vec::new();
        for key in KEYS {
            let line = lines.next().and_then(|line| line.split_once(' '));
            match line {
                Some((told, value)) if told == key => values.push(value),
                _ => return Err(format!("it does not tell {key}")),
            }
        }
        let mut members: Vec<Member> = Vec::new();
        loop {
            match lines.next().map(|line| line.strip_prefix("member ").ok_or(line)) {
                Some(Ok(line)) => members.push(member(line)?),
                Some(Err("end")) if lines.next().is_none() => break,
                Some(Err(line)) => return Err(format!("{line:?} is no member")),
                None => return Err("it is cut off".to_owned()),
            }
        }
        let seen = Self {
            level: word(values[0])?,
            raid_disks: number(values[1])?,
            state: word(values[2])?,
            degraded: number(values[3])?,
            action: word(values[4])?,
            completed: match values[5].split_once(" / ") {
                Some((done, all)) => Some((number(done)?, number(all)?)),
                None => word(values[5]).map(|_| None)?,
            },
            speed_kib_s: number(values[6]).ok(),
            limit: limit(values[7])?,
            mismatches: number(values[8])?,
            component_kib: number(values[9])?,
            members,
        };
        let names: BTreeSet<&str> = seen.members.iter().map(|member| &*member.disk.device).collect();
        if names.len() != seen.members.len() {
            return Err("it tells a member twice".to_owned());
        }
        Ok(seen)
    }

    /// The member of that device.
    #[must_use]
    pub fn member(&self, device: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.disk.device == device)
    }

    /// The member that a person means: by the name of its device, its disk's serial, WWN or bay.
    ///
    /// # Errors
    /// A sentence: none, or several.
    pub fn find(&self, wanted: &str) -> Result<&Member, String> {
        let is = |word: &Option<String>| word.as_deref() == Some(wanted);
        let mut found = self.members.iter().filter(|member| {
            let disk = &member.disk;
            disk.device == wanted || is(&disk.serial) || is(&disk.wwn) || is(&disk.bay)
        });
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(format!("no member is {wanted}")),
            (Some(_), Some(_)) => Err(format!("several members are {wanted}")),
        }
    }

    /// Whether a disk is large enough to be a member: what is used of each does not tell how much lies before it, so the
    /// smallest member is the measure.
    #[must_use]
    pub fn fits(&self, array: &ArrayOn, disk: &Disk) -> Truth {
        let sizes = self.members.iter().filter_map(|member| member.disk.size_kib);
        match (sizes.min(), disk.size_kib) {
            (Some(least), Some(size)) => Truth::of(
                size >= least && size > self.component_kib,
                format!(
                    "{} has {size} KiB, the smallest member of {array} {least} KiB",
                    disk.device
                ),
            ),
            _ => Truth::Unknown(format!("the sizes of {} and of the members of {array}", disk.device)),
        }
    }

    /// Members in sync that are there without that device, each place once.
    fn in_sync_without(&self, device: &str) -> u32 {
        let others = self.members.iter().filter(|member| member.disk.device != device);
        let slots: BTreeSet<u32> = others
            .filter(|member| member.is_in_sync())
            .filter_map(|member| member.slot)
            .collect();
        u32::try_from(slots.len()).unwrap_or(u32::MAX)
    }

    /// Members that have to be in sync for all data to be there. Of RAID 10 it counts as if the next one lost were the
    /// other half of a pair.
    #[must_use]
    pub fn needed(&self) -> u32 {
        let bears = match self.level.as_str() {
            "raid1" => self.raid_disks.saturating_sub(1),
            "raid4" | "raid5" | "raid10" => 1,
            "raid6" => 2,
            _ => 0,
        };
        self.raid_disks.saturating_sub(bears)
    }

    /// Members in sync that it could lose and still have all its data.
    #[must_use]
    pub fn bears(&self) -> u32 {
        self.in_sync_without("").saturating_sub(self.needed())
    }

    /// Whether a check, a rebuild or anything else runs or waits for its turn.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        // Nor does one that is frozen begin to rebuild.
        self.action != "idle"
    }

    /// Whether it takes writes, or would.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(
            self.state.as_str(),
            "clean" | "active" | "active-idle" | "write-pending"
        )
    }

    /// What is left of what runs, KiB of each member.
    #[must_use]
    pub fn left_kib(&self) -> Option<u64> {
        let (done, all) = self.completed?;
        Some(all.saturating_sub(done) / 2)
    }

    /// What is missing or under way, in words.
    fn standing(&self) -> String {
        let progress = match self.completed {
            Some((done, all)) if all > 0 => format!(", {:.1} % of it done", done as f64 * 100.0 / all as f64),
            _ => String::new(),
        };
        format!(
            "{} of {} members missing, {}{progress}",
            self.degraded, self.raid_disks, self.action
        )
    }

    /// What the sectors that differed in the last check mean, for this level (md(4), scrubbing).
    #[must_use]
    pub fn mismatch_meaning(&self) -> String {
        let sectors = self.mismatches;
        if sectors == 0 {
            return "no sector differs".to_owned();
        }
        let unit = "md counts whole units: 128 sectors may be one place of 64 KiB that differs in a single sector";
        let meaning = match self.level.as_str() {
            "raid1" | "raid10" => {
                "it may be harmless: pages that changed while they were written (swap, files mapped into memory) differ \
                 in places that nobody reads. It is not harmless where disks have lost writes: compare the read errors of \
                 the members, and check again; what stays and grows is a fault"
            }
            _ => {
                "parity and data of that level should always agree: a disk, a cable or memory has changed what was \
                 written. Which of both is right md cannot tell; compare with a backup before you let `repair` write \
                 new parity"
            }
        };
        format!("{sectors} sectors differ: {meaning}. {unit}")
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    let (kib_s, whose) = text.split_once(' ').ok_or_else(|| format!("{text:?} is no limit"))?;
    Ok(Limit {
        kib_s: number(kib_s)?,
        own: match whose {
            "(local)" => true,
            "(system)" => false,
            _ => return Err(format!("{text:?} is no limit")),
        },
    })
}

fn member(line: &str) -> Result<Member, String> {
    let mut words = line.splitn(5, ' ');
    let mut next = || words.next().ok_or_else(|| format!("{line:?} is no member"));
    let (name, slot, errors, state, disk) = (next()?, next()?, next()?, next()?, next()?);
    let disk = Disk::parse(disk)?;
    if disk.device != name {
        return Err(format!("{line:?} is no member"));
    }
    Ok(Member {
        slot: match slot {
            "none" => None,
            slot => Some(number(slot)?),
        },
        errors: number(errors)?,
        flags: state.split(',').map(word).collect::<Result<_, _>>()?,
        disk,
    })
}

impl ArrayOn {
    /// The look that tells it.
    #[must_use]
    pub fn look(&self) -> Look {
        Look::new(&self.host, ["md_sys", &self.name])
    }

    /// The device as commands name it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    /// Reads what the look printed.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    pub fn seen(&self, text: &str) -> Result<Seen, String> {
        Seen::parse(text).map_err(|why| format!("{self}: {why}"))
    }

    fn on(&self, says: String, judge: impl Fn(&Seen) -> Truth + Send + Sync + 'static) -> Condition {
        let array = self.clone();
        Condition::on(says, self.look(), move |text| match array.seen(text) {
            Ok(seen) => judge(&seen),
            Err(why) => Truth::Unknown(why),
        })
    }

    /// What is said of one member.
    fn of(
        &self,
        device: &str,
        says: String,
        judge: impl Fn(Option<&Member>) -> bool + Send + Sync + 'static,
    ) -> Condition {
        let (array, device) = (self.clone(), device.to_owned());
        self.on(says, move |seen| {
            let member = seen.member(&device);
            Truth::of(judge(member), told(&array, &device, member))
        })
    }

    /// The device is a member of any kind, or is none.
    #[must_use]
    pub fn has(&self, device: &str, wanted: bool) -> Condition {
        let word = if wanted { "a member" } else { "no member" };
        self.of(device, format!("{device} is {word} of {self}"), move |member| {
            member.is_some() == wanted
        })
    }

    /// The device has failed and is a member still.
    #[must_use]
    pub fn is_failed(&self, device: &str) -> Condition {
        self.of(device, format!("{device} of {self} has failed"), |member| {
            member.is_some_and(|member| member.is("faulty"))
        })
    }

    /// The device is in service: all data that belongs there is on it.
    #[must_use]
    pub fn is_in_service(&self, device: &str) -> Condition {
        let says = format!("{device} is in service in {self}, with all its data");
        self.of(device, says, |member| {
            member.is_some_and(|member| member.is_in_sync() && member.slot.is_some())
        })
    }

    /// The old member is being replaced, or was: it stays in service until the new one is complete.
    #[must_use]
    pub fn is_replaced(&self, old: &str, new: &str) -> Condition {
        let (array, device, by) = (self.clone(), old.to_owned(), new.to_owned());
        self.on(format!("{new} takes the place of {old} in {self}"), move |seen| {
            let (old, new) = (seen.member(&device), seen.member(&by));
            let begun = old.is_some_and(|old| old.is_in_sync() && old.is("want_replacement"))
                && new.is_some_and(|new| new.is("replacement"));
            let over = old.is_none_or(|old| old.is("faulty")) && new.is_some_and(Member::is_in_sync);
            let told = format!("{}; {}", told(&array, &device, old), told(&array, &by, new));
            Truth::of(begun || over, told)
        })
    }

    /// The old member stays, and the new one does not rebuild in its place.
    #[must_use]
    pub fn is_kept(&self, old: &str, new: &str) -> Condition {
        let (array, device, by) = (self.clone(), old.to_owned(), new.to_owned());
        self.on(format!("{old} stays in service in {self}"), move |seen| {
            let (old, new) = (seen.member(&device), seen.member(&by));
            let stays = old.is_some_and(|old| old.is_in_sync() && !old.is("want_replacement"));
            let rests = new.is_none_or(|new| new.is("faulty") || !new.is("replacement"));
            let told = format!("{}; {}", told(&array, &device, old), told(&array, &by, new));
            Truth::of(stays && rests, told)
        })
    }

    /// The device is of use to the array as it is: it holds data that is complete, or is being rebuilt in a place that
    /// nothing else fills.
    #[must_use]
    pub fn needs(&self, device: &str) -> Condition {
        let (array, device) = (self.clone(), device.to_owned());
        self.on(format!("{self} needs {device}"), move |seen| {
            let member = seen.member(&device);
            let used = member.is_some_and(|member| {
                let fills = member.slot.is_some() && !member.is("replacement") && !member.is("faulty");
                member.is_in_sync() || (fills && seen.degraded > 0)
            });
            Truth::of(used, told(&array, &device, member))
        })
    }

    /// The array stays redundant when the device is taken out: either it adds nothing now, or more members than needed
    /// are left in sync.
    #[must_use]
    pub fn redundant_without(&self, device: &str) -> Condition {
        let (array, device) = (self.clone(), device.to_owned());
        let says = format!("{self} stays redundant without {device}");
        self.on(says, move |seen| {
            let adds = seen.member(&device).is_some_and(Member::is_in_sync);
            let (left, needed) = (seen.in_sync_without(&device), seen.needed());
            let told = format!(
                "{array} has {left} members in sync without {device}, and {needed} have all its data ({})",
                seen.level
            );
            Truth::of(!adds || left > needed, told)
        })
    }

    /// All data is on the members that stay when the device is taken out.
    #[must_use]
    pub fn complete_without(&self, device: &str) -> Condition {
        let (array, device) = (self.clone(), device.to_owned());
        let says = format!("{self} has all its data without {device}");
        self.on(says, move |seen| {
            let (left, needed) = (seen.in_sync_without(&device), seen.needed());
            let told = format!(
                "{array} has {left} members in sync without {device} of {needed} that it needs ({})",
                seen.level
            );
            Truth::of(left >= needed && seen.level != "raid0", told)
        })
    }

    /// The array runs, and nothing is rebuilt, reshaped or checked.
    #[must_use]
    pub fn is_settled(&self) -> Condition {
        let array = self.clone();
        self.on(format!("nothing runs on {self}"), move |seen| {
            let told = format!("{array} is {}: {}", seen.state, seen.standing());
            Truth::of(seen.is_running() && !seen.is_busy(), told)
        })
    }

    /// No member is missing, and nothing is rebuilt.
    #[must_use]
    pub fn is_whole(&self) -> Condition {
        let array = self.clone();
        self.on(format!("{self} is whole"), move |seen| {
            let rebuilds = matches!(seen.action.as_str(), "recover" | "resync" | "reshape" | "repair");
            let whole = seen.degraded == 0 && !rebuilds && seen.in_sync_without("") == seen.raid_disks;
            Truth::of(whole && seen.is_running(), format!("{array}: {}", seen.standing()))
        })
    }

    /// A check runs, or none does.
    #[must_use]
    pub fn checks(&self, wanted: bool) -> Condition {
        let array = self.clone();
        let word = if wanted { "a check" } else { "no check" };
        self.on(format!("{word} runs on {self}"), move |seen| {
            let told = format!("{array}: {}", seen.standing());
            Truth::of((seen.action == "check") == wanted, told)
        })
    }

    /// The check is over; what was seen tells what it found, and what that means.
    #[must_use]
    pub fn is_compared(&self) -> Condition {
        let array = self.clone();
        self.on(format!("the check of {self} is over"), move |seen| {
            if seen.is_busy() {
                return Truth::No(format!("{array}: {}", seen.standing()));
            }
            Truth::Yes(format!("{array} is compared: {}", seen.mismatch_meaning()))
        })
    }

    /// It may rebuild and check that fast at most.
    #[must_use]
    pub fn has_limit(&self, limit: Limit) -> Condition {
        let array = self.clone();
        let whose = |limit: Limit| if limit.own { "its own" } else { "the system's" };
        let says = format!("the limit of {self} is {} KiB/s, {}", limit.kib_s, whose(limit));
        self.on(says, move |seen| {
            let told = format!(
                "the limit of {array} is {} KiB/s, {}",
                seen.limit.kib_s,
                whose(seen.limit)
            );
            // The system's limit is the system's to change.
            let same = seen.limit == limit || (!seen.limit.own && !limit.own);
            Truth::of(same, told)
        })
    }
}

/// What a member is, in words.
fn told(array: &ArrayOn, device: &str, member: Option<&Member>) -> String {
    match member {
        None => format!("{device} is no member of {array}"),
        Some(member) => {
            let flags: Vec<&str> = member.flags.iter().map(String::as_str).collect();
            let slot = member
                .slot
                .map_or_else(|| "no place".to_owned(), |slot| format!("place {slot}"));
            format!("{device} is {} in {array}, at {slot}", flags.join(","))
        }
    }
}

impl fmt::Display for ArrayOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.host)
    }
}

/// Nothing is on the device, and nobody uses it.
#[must_use]
pub fn is_blank(host: &HostName, device: &str) -> Condition {
    let (name, device) = (host.clone(), device.to_owned());
    let look = Look::new(host, ["disk_blank", &device]);
    Condition::on(format!("{device} of {host} is unused"), look, move |text| {
        match text.lines().next().unwrap_or_default() {
            "blank" => Truth::Yes(format!("nothing is on {device} of {name} and nobody uses it")),
            "" => Truth::Unknown(format!("{name} tells nothing of {device}")),
            used if used.starts_with("is ") || used.starts_with("has ") => Truth::No(format!(
                "{device} of {name} {}",
                used.chars().take(200).collect::<String>()
            )),
            _ => Truth::Unknown(format!("{name} tells nothing of {device}")),
        }
    })
}

/// The name leads to that very disk.
#[must_use]
pub fn is_disk(host: &HostName, disk: &Disk) -> Condition {
    let (name, wanted) = (host.clone(), disk.clone());
    let look = Disk::look(host, &disk.device);
    Condition::on(
        format!("{} of {host} is {disk}", disk.device),
        look,
        move |text| match Disk::parse(text.lines().next().unwrap_or_default()) {
            Ok(seen) => {
                let same = (&seen.whole, &seen.serial, &seen.wwn) == (&wanted.whole, &wanted.serial, &wanted.wwn);
                Truth::of(same, format!("{} of {name} is {seen}", wanted.device))
            }
            Err(why) => Truth::Unknown(format!("{name}: {why}")),
        },
    )
}

/// The device is large enough to be a member: no smaller than the smallest one.
#[must_use]
pub fn fits(array: &ArrayOn, device: &str) -> Condition {
    let (array, device) = (array.clone(), device.to_owned());
    let looks = vec![array.look(), Disk::look(&array.host, &device)];
    let says = format!("{device} is large enough for {array}");
    Condition::new(says, looks.clone(), move |sight| {
        let read = |look: &Look| sight.text(look).map(str::to_owned);
        let known = || {
            let seen = array.seen(&read(&looks[0])?)?;
            let text = read(&looks[1])?;
            let disk = Disk::parse(text.lines().next().unwrap_or_default())?;
            Ok((seen, disk))
        };
        match known() {
            Ok((seen, disk)) => seen.fits(&array, &disk),
            Err(why) => Truth::Unknown(why),
        }
    })
}

/// What the host checks in the same call as a command: nothing is on the device.
#[must_use]
pub fn expects_blank(device: &str) -> Expect {
    Expect {
        argv: vec!["disk_blank".to_owned(), device.to_owned()],
        pattern: "blank".to_owned(),
    }
}

#[cfg(test)]
mod tests;
