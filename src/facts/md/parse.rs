//! Reads `/proc/mdstat` (kernel `drivers/md/md.c`, `md_seq_show`) and the sysfs values beside it.

use super::{MdAction, MdArray, MdMember, MdRole, MdState, MdSync};
use crate::facts::{
    reading::Why,
    scan::{count, float, garbled},
    text::CleanText,
};

/// What `/sys/block/md*/md` says of one array.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MdSys {
    /// Kernel name, such as `md0`.
    pub device: CleanText,
    /// `raid_disks`.
    pub members_wanted: Option<u32>,
    /// `degraded`: how many members are missing.
    pub missing: Option<u32>,
    /// `sync_action`.
    pub sync_action: Option<CleanText>,
    /// `mismatch_cnt`, in sectors.
    pub mismatches: Option<u64>,
    /// Read errors of each member, by device name.
    pub errors: Vec<(CleanText, u64)>,
}

/// Reads `/proc/mdstat`.
///
/// The kernel always prints a line of blocks for each array and ends with `unused devices:`. Where
/// one is missing the text was cut, and the array in question is not known to be well.
pub fn parse_mdstat(text: &str) -> Result<Vec<MdArray>, Why> {
    let mut arrays: Vec<MdArray> = Vec::new();
    let (mut known, mut ended) = (false, false);
    for line in text.lines() {
        if line.starts_with("Personalities") {
            known = true;
        } else if line.starts_with("unused devices:") {
            ended = true;
        } else if line.starts_with(|c: char| !c.is_ascii_whitespace()) {
            arrays.extend(parse_head(line));
        } else if let Some(array) = arrays.last_mut() {
            parse_detail(array, line.trim());
        }
    }
    if arrays.is_empty() && !(known && ended) {
        return Err(garbled(text));
    }
    let last = arrays.len().saturating_sub(1);
    for (at, array) in arrays.iter_mut().enumerate() {
        let redundant = matches!(&*array.level, "raid1" | "raid4" | "raid5" | "raid6" | "raid10");
        let mute = array.size_kib.is_none() || (redundant && array.members_active.is_none());
        if array.state == MdState::Active && (mute || (at == last && !ended)) {
            array.state = MdState::Unknown(CleanText::new("active, cut off"));
        }
    }
    Ok(arrays)
}

/// `md0 : active (auto-read-only) raid1 sdb1[1](F) sda1[0]`
fn parse_head(line: &str) -> Option<MdArray> {
    let (device, rest) = line.split_once(" : ")?;
    let mut words = rest.split_ascii_whitespace().peekable();
    let mut array = MdArray {
        device: CleanText::new(device.trim()),
        state: MdState::parse(words.next()?),
        read_only: false,
        level: CleanText::default(),
        members: Vec::new(),
        members_wanted: None,
        members_active: None,
        map: CleanText::default(),
        size_kib: None,
        sync: None,
        mismatches: None,
        sync_action: None,
    };
    while let Some(word) = words.next_if(|word| word.starts_with('(')) {
        if matches!(word, "(read-only)" | "(auto-read-only)") {
            array.read_only = true;
        } else {
            array.state = MdState::Unknown(CleanText::from(format!("{} {word}", array.state)));
        }
    }
    if let Some(level) = words.next_if(|word| !word.contains('[')) {
        array.level = CleanText::new(level);
    }
    array.members = words.map(parse_member).collect();
    Some(array)
}

/// `sdb1[0](W)(F)`: of several flags the gravest counts.
fn parse_member(word: &str) -> MdMember {
    let (name, rest) = word.split_once('[').unwrap_or((word, ""));
    let (number, mut flags) = rest.split_once(']').unwrap_or((rest, "(cut off)"));
    let mut role = MdRole::Active;
    while !flags.is_empty() {
        let flag = flags.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let found = flag.map_or_else(
            || MdRole::Unknown(CleanText::new(flags)),
            |(flag, _)| MdRole::parse(flag),
        );
        if gravity(&found) > gravity(&role) {
            role = found;
        }
        flags = flag.map_or("", |(_, rest)| rest);
    }
    MdMember {
        device: CleanText::new(name),
        number: number.parse().ok(),
        role,
        errors: None,
    }
}

const fn gravity(role: &MdRole) -> u8 {
    match role {
        MdRole::Active => 0,
        MdRole::WriteMostly => 1,
        MdRole::Replacement => 2,
        MdRole::Journal => 3,
        MdRole::Spare => 4,
        MdRole::Unknown(_) => 5,
        MdRole::Failed => 6,
    }
}

fn parse_detail(array: &mut MdArray, line: &str) {
    if line.starts_with("bitmap:") {
        return;
    }
    if let Some((blocks, rest)) = line.split_once(" blocks")
        && let Ok(blocks) = blocks.parse()
    {
        array.size_kib = Some(blocks);
        for word in rest.split_ascii_whitespace() {
            let Some(inside) = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) else {
                continue;
            };
            if let Some((wanted, active)) = inside.split_once('/') {
                (array.members_wanted, array.members_active) = (wanted.parse().ok(), active.parse().ok());
            } else if !inside.is_empty() && inside.bytes().all(|b| matches!(b, b'U' | b'_')) {
                array.map = CleanText::new(inside);
            }
        }
    } else if let Some(sync) = parse_sync(line) {
        array.sync = Some(sync);
    }
}

/// `[=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec` or `resync=DELAYED`.
fn parse_sync(line: &str) -> Option<MdSync> {
    let text = line.rsplit_once(']').map_or(line, |(_, rest)| rest).trim();
    let (action, rest) = text.split_once('=')?;
    let mut sync = MdSync {
        action: MdAction::parse(action.trim()),
        percent: None,
        speed_kib_per_second: None,
        left_seconds: None,
        waiting: None,
    };
    let mut words = rest.split_ascii_whitespace();
    let first = words.next().unwrap_or("");
    if first.starts_with(|c: char| c.is_ascii_uppercase()) {
        sync.waiting = Some(CleanText::new(first));
        return Some(sync);
    }
    sync.percent = first
        .strip_suffix('%')
        .and_then(float)
        .filter(|percent| (0.0..=100.0).contains(percent));
    for word in words {
        if let Some(minutes) = word.strip_prefix("finish=").and_then(|word| word.strip_suffix("min")) {
            sync.left_seconds = float(minutes)
                .filter(|left| *left >= 0.0)
                .map(|left| count(left * 60.0));
        } else if let Some(speed) = word.strip_prefix("speed=").and_then(|word| word.strip_suffix("K/sec")) {
            sync.speed_kib_per_second = speed.parse().ok();
        }
    }
    Some(sync)
}

/// Reads lines `md0 key value…` and `md0 dev NAME state slot errors` from `/sys/block/md*/md`.
pub fn parse_mdsys(text: &str) -> Result<Vec<MdSys>, Why> {
    let mut arrays: Vec<MdSys> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let (Some(device), Some(key)) = (words.next(), words.next()) else {
            return Err(garbled(line));
        };
        let at = arrays
            .iter()
            .position(|array| &*array.device == device)
            .unwrap_or_else(|| {
                arrays.push(MdSys {
                    device: CleanText::new(device),
                    ..MdSys::default()
                });
                arrays.len() - 1
            });
        let (array, value) = (&mut arrays[at], words.next());
        match key {
            // A reshape shows both counts: `4 (3)`.
            "raid_disks" => array.members_wanted = value.and_then(|word| word.parse().ok()),
            "degraded" => array.missing = value.and_then(|word| word.parse().ok()),
            "mismatch_cnt" => array.mismatches = value.and_then(|word| word.parse().ok()),
            "sync_action" => array.sync_action = value.map(CleanText::new),
            "dev" => {
                let errors = words.nth(2).and_then(|word| word.parse().ok());
                if let (Some(name), Some(errors)) = (value, errors) {
                    array.errors.push((CleanText::new(name), errors));
                }
            }
            _ => {}
        }
    }
    Ok(arrays)
}

/// Adds to arrays what sysfs says of them; what `/proc/mdstat` says itself stays as it is.
pub fn merge(arrays: &mut [MdArray], sys: &[MdSys]) {
    for array in arrays {
        let Some(sys) = sys.iter().find(|sys| sys.device == array.device) else {
            continue;
        };
        array.mismatches = sys.mismatches;
        array.sync_action.clone_from(&sys.sync_action);
        if array.members_wanted.is_none()
            && let (Some(wanted), Some(missing)) = (sys.members_wanted, sys.missing)
        {
            array.members_wanted = Some(wanted);
            array.members_active = Some(wanted.saturating_sub(missing));
        }
        for member in &mut array.members {
            let errors = sys.errors.iter().find(|(name, _)| *name == member.device);
            member.errors = errors.map(|(_, errors)| *errors);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MANY: &str = include_str!("../../../tests/captures/forms/mdstat-many");

    fn find<'a>(arrays: &'a [MdArray], name: &str) -> &'a MdArray {
        arrays.iter().find(|array| &*array.device == name).unwrap()
    }

    #[test]
    fn every_form_of_an_array() {
        let arrays = parse_mdstat(MANY).unwrap();
        assert_eq!(arrays.len(), 18);
        let roles = |name: &str| -> Vec<_> {
            let members = &find(&arrays, name).members;
            members
                .iter()
                .map(|member| (member.device.to_string(), member.role.to_string()))
                .collect()
        };
        let word = |device: &str, role: &str| (device.to_owned(), role.to_owned());
        assert_eq!(
            roles("md3"),
            [
                word("sdb1", "active"),
                word("sdc1", "F"),
                word("sdd1", "active"),
                word("sde1", "S"),
                word("sdf1", "active")
            ]
        );
        assert_eq!(find(&arrays, "md3").degraded(), Some(true));
        assert_eq!(find(&arrays, "md3").map.as_str(), "U_UU");
        assert_eq!(
            roles("md9"),
            [
                word("sda1", "W"),
                word("sdb1", "J"),
                word("sdc1", "F"),
                word("nvme0n1p2", "R")
            ]
        );
        assert_eq!(find(&arrays, "md0").degraded(), None, "raid0 has no redundancy to lose");
        assert_eq!(find(&arrays, "md0").state, MdState::Active);
        assert_eq!(find(&arrays, "md1").degraded(), Some(false));
        assert_eq!(find(&arrays, "md10").level.as_str(), "raid10");
        assert_eq!(find(&arrays, "md11").state, MdState::Inactive);
        assert!(find(&arrays, "md11").level.is_empty());
        assert!(find(&arrays, "md12").read_only && find(&arrays, "md13").read_only);
        assert_eq!(find(&arrays, "md126").size_kib, Some(1_855_870_976));
        assert_eq!(find(&arrays, "md14").state.as_str(), "active (broken)");
        assert_eq!(find(&arrays, "md15").members[0].device.as_str(), "etherd/e3.12");
    }

    #[test]
    fn every_background_action() {
        let arrays = parse_mdstat(MANY).unwrap();
        let sync = |name: &str| find(&arrays, name).sync.clone().unwrap();
        assert_eq!(sync("md3").action, MdAction::Recovery);
        assert_eq!(sync("md3").percent, Some(8.5));
        assert_eq!(sync("md3").left_seconds, Some(1020));
        assert_eq!(sync("md3").speed_kib_per_second, Some(259_783));
        assert_eq!(sync("md4").action, MdAction::Check);
        assert_eq!(sync("md5").action, MdAction::Reshape);
        assert_eq!(sync("md6").action, MdAction::Repair);
        assert_eq!(sync("md7").waiting.unwrap().as_str(), "DELAYED");
        assert_eq!(sync("md8").waiting.unwrap().as_str(), "PENDING");
        assert_eq!(sync("md10").waiting.unwrap().as_str(), "REMOTE");
        assert_eq!(sync("md15").action, MdAction::Resync);
    }

    #[test]
    fn no_arrays_and_no_mdstat() {
        assert_eq!(parse_mdstat("Personalities : \nunused devices: <none>\n").unwrap(), []);
        assert!(parse_mdstat("").is_err());
        assert!(parse_mdstat("Personalities : [raid1]\n").is_err(), "cut off");
        assert!(parse_mdstat("permission denied").is_err());
    }

    #[test]
    fn sysfs_adds_and_does_not_override() {
        let mut arrays = parse_mdstat("Personalities : [raid1]\nmd0 : active raid1 sdb[1] sda[0]\n      10 blocks [2/2] [UU]\n\nunused devices: <none>\n").unwrap();
        let sys = parse_mdsys("md0 level raid1\nmd0 raid_disks 3 (2)\nmd0 degraded 1\nmd0 sync_action check\nmd0 mismatch_cnt 128\nmd0 dev sda in_sync 0 7\nmd0 dev sdb in_sync,write_mostly 1 0\nmd9 level raid5\n").unwrap();
        merge(&mut arrays, &sys);
        assert_eq!(
            (arrays[0].mismatches, arrays[0].sync_action.as_deref()),
            (Some(128), Some("check"))
        );
        assert_eq!(
            (arrays[0].members[0].errors, arrays[0].members[1].errors),
            (Some(0), Some(7))
        );
        assert_eq!(arrays[0].members_wanted, Some(2));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "(md0 : |active|inactive| |raid5|sda\\[0\\]|\\(F\\)|blocks|\\[2/1\\]|\\[U_\\]|resync|=|%|\n){0,40}") {
            for text in [&text, &words] {
                let mut arrays = parse_mdstat(text).unwrap_or_default();
                merge(&mut arrays, &parse_mdsys(text).unwrap_or_default());
            }
        }

        #[test]
        fn a_cut_text_is_never_healthier(cut in 0..MANY.len()) {
            let full = parse_mdstat(MANY).unwrap();
            for array in parse_mdstat(&MANY[..cut]).unwrap_or_default() {
                if array.state == MdState::Active {
                    prop_assert!(full.contains(&array), "{array:?}");
                }
            }
        }

        #[test]
        fn a_flipped_byte_never_panics(at in 0..MANY.len(), byte in any::<u8>()) {
            let mut bytes = MANY.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = parse_mdstat(&String::from_utf8_lossy(&bytes));
        }
    }
}
