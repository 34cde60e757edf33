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
        let spare = match self.level {
            5 | 1 | 10 => 1,
            _ => 2,
        };
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

    /// Starts a check, unless something runs or members are missing.
    pub fn check(&mut self) {
        if self.sync.is_none() && self.in_sync() == self.members.len() {
            self.sync = Some(Sync {
                action: SyncAction::Check,
                done_kib: 0.0,
                speed_kib_s: SYNC_KIB_S,
            });
        }
    }

    /// Breaks a check off, if one runs.
    pub fn end_check(&mut self) {
        self.sync.take_if(|sync| sync.action == SyncAction::Check);
    }

    /// Goes on with the background action for `dt` seconds; `share` (0–1) is what ordinary requests leave to it.
    pub fn advance(&mut self, dt: f64, share: f64) {
        let Some(sync) = &mut self.sync else { return };
        sync.speed_kib_s = SYNC_KIB_S * share.clamp(0.1, 1.0);
        sync.done_kib += sync.speed_kib_s * dt;
        if sync.done_kib >= self.member_kib as f64 {
            self.sync = None;
            for member in &mut self.members {
                if member.state == MemberState::Rebuilding {
                    member.state = MemberState::InSync;
                }
            }
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

    #[test]
    fn raid6_bears_two() {
        let mut array = Array::new("md1", 1, 6, 0..4, 1000);
        assert!(array.fail(0) && array.fail(1) && !array.fail(2));
    }
}
