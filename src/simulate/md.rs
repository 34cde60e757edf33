//! md arrays: members, failures, rebuilds and checks.

use super::node::whole;

/// An md array.
#[derive(Debug, Clone)]
pub struct Array {
    /// Kernel name, such as `md0`.
    pub name: String,
    /// Device minor.
    pub minor: u32,
    /// Level: 1, 5, 6 or 10.
    pub level: u8,
    /// Members by slot.
    pub members: Vec<Member>,
    /// Size of one member.
    pub member_kib: u64,
    /// What runs in the background.
    pub sync: Option<Sync>,
    /// Mismatches found by the last check, sectors.
    pub mismatches: u64,
    /// Sectors that differ: the next check finds them.
    pub differs: u64,
    /// Members beside those in a place: spares, replacements on their way, and failed ones.
    pub extra: Vec<Extra>,
    /// How fast it may rebuild and check at most, where that is its own limit, KiB/s.
    pub limit_kib_s: Option<u64>,
    /// The same for all arrays of its host.
    pub system_limit_kib_s: u64,
    /// Reads and writes of the array a second now.
    pub rate: [f64; 2],
    /// Time of a read and of a write now, milliseconds.
    pub await_ms: [f64; 2],
    /// Completed reads and writes, and their milliseconds.
    pub done: [f64; 2],
    /// Milliseconds of reads and writes, summed.
    pub spent_ms: [f64; 2],
}

/// A member of an array.
#[derive(Debug, Clone)]
pub struct Member {
    /// The place of its disk in [`super::node::Node::disks`].
    pub disk: usize,
    /// md's number in brackets; rises when a member is replaced.
    pub number: u32,
    /// Its state.
    pub state: MemberState,
    /// Read errors that md corrected.
    pub errors: u64,
    /// Whether it is to be replaced as soon as there is a spare.
    pub wanted: bool,
}

/// A member that is in no place of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extra {
    /// The place of its disk in [`super::node::Node::disks`].
    pub disk: usize,
    /// md's number in brackets.
    pub number: u32,
    /// What it is.
    pub role: Role,
}

/// What a member is that is in no place of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Waits to be used.
    Spare,
    /// Is filled with the data of the member in that slot, which stays in service.
    Replacement(usize),
    /// Failed.
    Faulty,
}

/// State of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// In sync.
    InSync,
    /// Failed, still listed.
    Faulty,
    /// Being rebuilt.
    Rebuilding,
    /// Nothing is in the place.
    Missing,
}

/// What runs in the background of an array.
#[derive(Debug, Clone)]
pub struct Sync {
    /// `recovery` or `check`.
    pub action: SyncAction,
    /// Done of each member.
    pub done_kib: f64,
    /// Speed now.
    pub speed_kib_s: f64,
}

/// Background actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncAction {
    /// A member is being rebuilt.
    Recovery,
    /// Parity is being compared.
    Check,
}

impl SyncAction {
    /// The word in `/proc/mdstat`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Check => "check",
        }
    }

    /// The word in `sync_action`.
    #[must_use]
    pub const fn sysfs(self) -> &'static str {
        match self {
            Self::Recovery => "recover",
            Self::Check => "check",
        }
    }
}

/// Speed of a rebuild when nothing else runs, KiB/s.
const SYNC_KIB_S: f64 = 950_000.0;

impl Array {
    /// A healthy array over disks by their places.
    #[must_use]
    pub fn new(name: &str, minor: u32, level: u8, disks: std::ops::Range<usize>, member_kib: u64) -> Self {
        // md gives the last member of a fresh RAID 5 the number after the next: it began as a rebuild.
        let last = disks.len() - 1;
        let members = disks
            .enumerate()
            .map(|(slot, disk)| Member {
                disk,
                number: u32::try_from(if level == 5 && slot == last { slot + 1 } else { slot }).unwrap_or(u32::MAX),
                state: MemberState::InSync,
                errors: 0,
                wanted: false,
            })
            .collect();
        Self {
            name: name.to_owned(),
            minor,
            level,
            members,
            member_kib,
            sync: None,
            mismatches: 0,
            differs: 0,
            extra: Vec::new(),
            limit_kib_s: None,
            system_limit_kib_s: 950_000,
            rate: [0.0; 2],
            await_ms: [0.5; 2],
            done: [4.0e6, 3.0e6],
            spent_ms: [2.0e6, 3.0e6],
        }
    }

    /// Usable size.
    #[must_use]
    pub fn size_kib(&self) -> u64 {
        let members = self.members.len() as u64;
        self.member_kib
            * match self.level {
                1 => 1,
                10 => members / 2,
                5 => members - 1,
                _ => members - 2,
            }
    }

    /// Members that have to be in sync for all data to be there; of RAID 10 in the worst case.
    #[must_use]
    pub fn needed(&self) -> usize {
        let members = self.members.len();
        match self.level {
            1 => 1,
            6 => members - 2,
            _ => members - 1,
        }
    }

    /// Members in sync.
    #[must_use]
    pub fn in_sync(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.state == MemberState::InSync)
            .count()
    }

    /// Writes to disks for each write to the array.
    #[must_use]
    pub const fn write_factor(&self) -> f64 {
        if self.level == 6 { 3.0 } else { 2.0 }
    }

    /// Fails the member in `slot`; nothing when the array could not bear it.
    pub fn fail(&mut self, slot: usize) -> bool {
        let spare = self.members.len() - self.needed();
        let missing = self.members.len() - self.in_sync();
        let Some(member) = self.members.get_mut(slot) else {
            return false;
        };
        if member.state != MemberState::InSync || missing >= spare {
            return false;
        }
        member.state = MemberState::Faulty;
        self.sync = None;
        true
    }

    /// Replaces the failed members and starts the rebuild, `done` (0–1) of it already done.
    pub fn replace(&mut self, done: f64) {
        let next = self.members.iter().map(|member| member.number).max().unwrap_or(0) + 1;
        let mut changed = false;
        for member in &mut self.members {
            if member.state == MemberState::Faulty {
                member.state = MemberState::Rebuilding;
                member.number = next;
                member.errors = 0;
                changed = true;
            }
        }
        if changed {
            self.sync = Some(Sync {
                action: SyncAction::Recovery,
                done_kib: self.member_kib as f64 * done,
                speed_kib_s: SYNC_KIB_S,
            });
        }
    }

    /// Whether the disk is a member of any kind.
    #[must_use]
    pub fn has(&self, disk: usize) -> bool {
        self.slot(disk).is_some() || self.extra.iter().any(|extra| extra.disk == disk)
    }

    /// The place that a disk is in.
    #[must_use]
    pub fn slot(&self, disk: usize) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.disk == disk && member.state != MemberState::Missing)
    }

    fn next_number(&self) -> u32 {
        let members = self.members.iter().map(|member| member.number);
        let extra = self.extra.iter().map(|extra| extra.number);
        members.chain(extra).max().unwrap_or(0) + 1
    }

    /// `mdadm --add`: the disk becomes a spare, and is used at once where a member is missing.
    pub fn add(&mut self, disk: usize) {
        let number = self.next_number();
        self.extra.push(Extra {
            disk,
            number,
            role: Role::Spare,
        });
        self.recover();
    }

    /// `mdadm --replace … --with`: `false` unless the one is in sync and the other a spare.
    pub fn replace_with(&mut self, old: usize, new: usize) -> bool {
        let in_sync = self
            .slot(old)
            .filter(|slot| self.members[*slot].state == MemberState::InSync);
        let spare = self
            .extra
            .iter()
            .position(|extra| extra.disk == new && extra.role != Role::Faulty);
        let (Some(slot), Some(spare)) = (in_sync, spare) else {
            return false;
        };
        self.members[slot].wanted = true;
        // That very one is taken, whatever else there is.
        self.extra.swap(0, spare);
        self.recover();
        true
    }

    /// The member is not replaced, unless that has begun.
    pub fn unwant(&mut self, disk: usize) -> bool {
        let Some(slot) = self.slot(disk) else { return false };
        self.members[slot].wanted = false;
        true
    }

    /// `mdadm --fail`: `false` when it is no member, or the last one of a mirror.
    pub fn fail_disk(&mut self, disk: usize) -> bool {
        if let Some(extra) = self.extra.iter_mut().find(|extra| extra.disk == disk) {
            if matches!(extra.role, Role::Replacement(_)) {
                self.sync = None;
            }
            extra.role = Role::Faulty;
            self.recover();
            return true;
        }
        let Some(slot) = self.slot(disk) else { return false };
        let last = self.level == 1 && self.in_sync() == 1 && self.members[slot].state == MemberState::InSync;
        if last {
            return false;
        }
        if self.members[slot].state != MemberState::Faulty {
            self.sync = None;
            self.members[slot].state = MemberState::Faulty;
            self.members[slot].wanted = false;
        }
        self.recover();
        true
    }

    /// `mdadm --remove`: `false` unless it has failed or waits as a spare.
    pub fn remove(&mut self, disk: usize) -> bool {
        let before = self.extra.len();
        self.extra
            .retain(|extra| extra.disk != disk || matches!(extra.role, Role::Replacement(_)));
        if self.extra.len() < before {
            return true;
        }
        let slot = self
            .slot(disk)
            .filter(|slot| self.members[*slot].state == MemberState::Faulty);
        let Some(slot) = slot else { return false };
        self.members[slot].state = MemberState::Missing;
        true
    }

    /// Begins to rebuild onto a spare, where something is to be rebuilt. A check gives way to it.
    fn recover(&mut self) {
        if matches!(&self.sync, Some(sync) if sync.action == SyncAction::Recovery) {
            return;
        }
        let gone = |member: &Member| matches!(member.state, MemberState::Faulty | MemberState::Missing);
        let Some(spare) = self.extra.iter().position(|extra| extra.role == Role::Spare) else {
            return;
        };
        let complete = self.in_sync() >= self.needed();
        if let Some(slot) = self.members.iter().position(gone).filter(|_| complete) {
            let spare = self.extra.remove(spare);
            let member = &mut self.members[slot];
            if member.state == MemberState::Faulty {
                self.extra.push(Extra {
                    disk: member.disk,
                    number: member.number,
                    role: Role::Faulty,
                });
            }
            (member.disk, member.number, member.errors) = (spare.disk, spare.number, 0);
            member.state = MemberState::Rebuilding;
        } else if let Some(slot) = self.members.iter().position(|member| member.wanted) {
            self.extra[spare].role = Role::Replacement(slot);
        } else {
            return;
        }
        self.sync = Some(Sync {
            action: SyncAction::Recovery,
            done_kib: 0.0,
            speed_kib_s: self.fastest(),
        });
    }

    /// How fast it may go now, KiB/s.
    fn fastest(&self) -> f64 {
        SYNC_KIB_S.min(self.limit_kib_s.unwrap_or(self.system_limit_kib_s) as f64)
    }

    /// Takes the places of the members that were replaced and rebuilt.
    fn complete(&mut self) {
        for member in &mut self.members {
            if member.state == MemberState::Rebuilding {
                member.state = MemberState::InSync;
            }
        }
        for at in 0..self.extra.len() {
            if let Role::Replacement(slot) = self.extra[at].role {
                let member = &mut self.members[slot];
                let old = Extra {
                    disk: member.disk,
                    number: member.number,
                    role: Role::Faulty,
                };
                (member.disk, member.number) = (self.extra[at].disk, self.extra[at].number);
                (member.errors, member.wanted) = (0, false);
                self.extra[at] = old;
            }
        }
    }

    /// Starts a check, unless something runs or members are missing.
    pub fn check(&mut self) {
        if self.sync.is_none() && self.in_sync() == self.members.len() {
            self.sync = Some(Sync {
                action: SyncAction::Check,
                done_kib: 0.0,
                speed_kib_s: self.fastest(),
            });
            self.mismatches = 0;
        }
    }

    /// Breaks a check off, if one runs.
    pub fn end_check(&mut self) {
        self.sync.take_if(|sync| sync.action == SyncAction::Check);
    }

    /// Goes on with the background action for `dt` seconds; `share` (0–1) is what ordinary requests leave to it.
    pub fn advance(&mut self, dt: f64, share: f64) {
        let fastest = self.fastest();
        let Some(sync) = &mut self.sync else { return };
        sync.speed_kib_s = (SYNC_KIB_S * share.clamp(0.1, 1.0)).min(fastest);
        sync.done_kib += sync.speed_kib_s * dt;
        if sync.done_kib >= self.member_kib as f64 {
            match sync.action {
                SyncAction::Recovery => self.complete(),
                SyncAction::Check => self.mismatches = self.differs,
            }
            self.sync = None;
            self.recover();
        }
    }

    /// Counts what was done in `dt` seconds.
    pub fn accumulate(&mut self, dt: f64) {
        for way in 0..2 {
            self.done[way] += self.rate[way] * dt;
            self.spent_ms[way] += self.rate[way] * dt * self.await_ms[way];
        }
    }

    /// Seconds that the background action still needs.
    #[must_use]
    pub fn left_seconds(&self) -> Option<u64> {
        let sync = self.sync.as_ref()?;
        Some(whole(
            (self.member_kib as f64 - sync.done_kib) / sync.speed_kib_s.max(1.0),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_member_is_replaced_and_rebuilt() {
        let mut array = Array::new("md0", 0, 5, 1..4, 100_000_000);
        assert_eq!(array.size_kib(), 200_000_000);
        assert!(array.fail(1));
        assert!(!array.fail(0), "RAID 5 bears one failure");
        assert_eq!(array.in_sync(), 2);
        array.replace(0.0);
        assert_eq!(array.members[1].state, MemberState::Rebuilding);
        for _ in 0..200 {
            array.advance(1.0, 1.0);
        }
        assert_eq!(array.in_sync(), 3);
        assert!(array.sync.is_none());
    }

    /// The member that is replaced stays in service until the new one is complete; then it is a failed one.
    #[test]
    fn a_member_in_service_is_replaced_without_being_missed() {
        let mut array = Array::new("md0", 0, 5, 1..4, 100_000);
        array.limit_kib_s = Some(10_000);
        array.differs = 128;
        array.add(9);
        assert!(array.sync.is_none(), "nothing is missing");
        assert!(!array.replace_with(9, 2), "a spare is not replaced");
        assert!(array.replace_with(2, 9));
        for _ in 0..9 {
            array.advance(1.0, 1.0);
            assert_eq!((array.in_sync(), array.slot(2)), (3, Some(1)));
        }
        assert!(!array.remove(9) && !array.remove(2), "both are busy");
        array.advance(1.0, 1.0);
        assert_eq!((array.in_sync(), array.slot(9), array.slot(2)), (3, Some(1), None));
        assert!(array.has(2) && array.remove(2) && !array.has(2));
        array.check();
        (0..10).for_each(|_| array.advance(1.0, 1.0));
        assert_eq!((array.mismatches, array.sync.is_none()), (128, true));
    }

    #[test]
    fn a_failed_member_gives_its_place_to_a_spare_and_a_mirror_keeps_its_last() {
        let mut array = Array::new("md0", 0, 1, 0..2, 1000);
        assert!(array.fail_disk(0));
        assert!(!array.fail_disk(1), "the last one");
        array.add(5);
        assert_eq!((array.slot(5), array.has(0)), (Some(0), true));
        array.advance(1.0, 1.0);
        assert!(array.in_sync() == 2 && array.remove(0) && !array.has(0));
        // A replacement that fails leaves the old one where it is.
        array.add(6);
        assert!(array.replace_with(1, 6) && array.unwant(1) && array.fail_disk(6));
        assert!(array.sync.is_none() && array.in_sync() == 2 && array.remove(6));
    }

    #[test]
    fn raid6_bears_two() {
        let mut array = Array::new("md1", 1, 6, 0..4, 1000);
        assert!(array.fail(0) && array.fail(1) && !array.fail(2));
    }
}
