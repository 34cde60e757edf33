//! What a kernel tells of an array, whole and cut short, and what it survives.

use super::*;
use crate::{
    facts::UnixMs,
    runbook::sight::{Glimpse, Printed, Sight},
};
use proptest::prelude::*;
use std::time::Duration;

const WELL: &str = "level raid5\nraid_disks 3\narray_state clean\ndegraded 0\nsync_action idle\nsync_completed none\n\
    sync_speed none\nsync_speed_max 200000 (system)\nmismatch_cnt 0\ncomponent_size 98304\n\
    member sda 0 0 in_sync sda sda A 0x1 98304 1\nmember sdb 1 4 in_sync sdb sdb B 0x2 98304 2\n\
    member sdc 2 0 in_sync sdc sdc C 0x3 98304 3\nend\n";

fn array() -> ArrayOn {
    ArrayOn {
        host: HostName::new("stor1"),
        name: "md0".to_owned(),
    }
}

fn judged(condition: &Condition, text: &str) -> Truth {
    let mut sight = Sight::new(UnixMs(5), Duration::from_secs(5));
    for look in &condition.looks {
        let printed = Printed {
            exit: 0,
            text: text.to_owned(),
        };
        sight.take(
            look.clone(),
            Glimpse {
                at: UnixMs(5),
                answer: Ok(printed),
            },
        );
    }
    condition.judge(&sight)
}

fn conditions() -> Vec<Condition> {
    let array = array();
    let limit = Limit {
        kib_s: 200_000,
        own: false,
    };
    vec![
        array.has("sdb", true),
        array.has("sdb", false),
        array.is_failed("sdb"),
        array.is_in_service("sdb"),
        array.is_replaced("sdb", "sde"),
        array.is_kept("sdb", "sde"),
        array.needs("sdb"),
        array.redundant_without("sdb"),
        array.complete_without("sdb"),
        array.is_settled(),
        array.is_whole(),
        array.checks(true),
        array.checks(false),
        array.is_compared(),
        array.has_limit(limit),
        is_blank(&array.host, "sde"),
        is_disk(&array.host, &Disk::parse("sde sde E 0x5 98304 5").unwrap()),
    ]
}

#[test]
fn an_array_is_read_with_all_its_members() {
    let seen = Seen::parse(WELL).unwrap();
    assert_eq!((seen.members.len(), seen.needed(), seen.in_sync_without("")), (3, 2, 3));
    for wanted in ["sdb", "B", "0x2", "2"] {
        assert_eq!(seen.find(wanted).unwrap().disk.device, "sdb");
    }
    assert_eq!(seen.find("sdz").unwrap_err(), "no member is sdz");
    let twice = Seen::parse(&WELL.replace("C 0x3 98304 3", "B 0x3 98304 3")).unwrap();
    assert_eq!(twice.find("B").unwrap_err(), "several members are B");
    assert_eq!(
        seen.member("sdb").unwrap().disk.to_string(),
        "sdb (serial B, WWN 0x2, bay 2)"
    );
    let running = WELL
        .replace("sync_action idle", "sync_action recover")
        .replace("sync_completed none", "sync_completed 65536 / 196608")
        .replace("sync_speed none", "sync_speed 1000");
    let running = Seen::parse(&running).unwrap();
    assert_eq!((running.left_kib(), running.speed_kib_s), (Some(65_536), Some(1000)));
}

/// Cut anywhere, or with any line gone or changed into garbage, nothing is known.
#[test]
fn what_is_cut_off_or_garbled_is_unknown() {
    for cut in 0..WELL.len() - 1 {
        assert!(Seen::parse(&WELL[..cut]).is_err(), "{:?}", &WELL[..cut]);
    }
    let lines: Vec<&str> = WELL.lines().collect();
    for at in 0..lines.len() {
        let mut garbled = lines.clone();
        garbled[at] = "Segmentation fault";
        assert!(Seen::parse(&garbled.join("\n")).is_err());
        if !lines[at].starts_with("member") {
            garbled.remove(at);
            assert!(Seen::parse(&garbled.join("\n")).is_err());
        }
    }
    for (from, to) in [
        ("degraded 0", "degraded -1"),
        ("200000 (system)", "200000"),
        ("idle", "IDLE"),
        ("98304 2", "9x 2"),
        ("sdb sdb B", "../sdb sdb B"),
        ("member sdb 1 4 in_sync sdb", "member sdb 1 4 in_sync sda"),
        ("member sdc 2 0 in_sync sdc", "member sda 2 0 in_sync sda"),
    ] {
        assert!(WELL.contains(from));
        assert!(Seen::parse(&WELL.replace(from, to)).is_err(), "{to}");
    }
}

proptest! {
    #[test]
    fn garbage_satisfies_no_condition(text in "\\PC*", lines in prop::collection::vec("[a-z_ 0-9/()]{0,40}", 0..14)) {
        for text in [text, lines.join("\n"), String::new()] {
            for condition in conditions() {
                let truth = judged(&condition, &text);
                prop_assert!(!truth.holds(), "{}: {truth:?} by {text:?}", condition.says);
            }
        }
    }
}

#[test]
fn redundancy_is_that_of_the_level_and_of_what_is_in_sync() {
    let (redundant, complete) = (array().redundant_without("sdb"), array().complete_without("sdb"));
    let both = |text: &str| (judged(&redundant, text).holds(), judged(&complete, text).holds());
    assert_eq!(
        both(WELL),
        (false, true),
        "RAID 5 has nothing to spare but all its data"
    );
    let six = WELL.replace("raid5", "raid6").replace("raid_disks 3", "raid_disks 4");
    let six = six.replace("end\n", "member sdd 3 0 in_sync sdd sdd D 0x4 98304 4\nend\n");
    assert_eq!(both(&six), (true, true));
    assert_eq!(both(&six.replace("sdd 3 0 in_sync", "sdd 3 0 spare")), (false, true));
    let mirror = WELL.replace("raid5", "raid1");
    assert_eq!(both(&mirror), (true, true), "three ways");
    let ten = WELL
        .replace("raid5", "raid10")
        .replace("sdc 2 0 in_sync", "sdc none 0 faulty");
    assert_eq!(both(&ten), (false, false), "it may be the other half");
    let failed = WELL.replace("sdb 1 4 in_sync", "sdb none 4 faulty");
    assert_eq!(both(&failed), (true, true), "it adds nothing any more");
    let broken = failed.replace("sdc 2 0 in_sync", "sdc none 0 faulty");
    assert_eq!(both(&broken), (true, false));
    assert_eq!(both(&WELL.replace("raid5", "raid0")), (false, false));
    // A replacement that is complete fills the place of the one that it replaces.
    let replaced = WELL.replace(
        "end\n",
        "member sde 1 0 in_sync,replacement sde sde E 0x5 98304 5\nend\n",
    );
    assert_eq!(both(&replaced), (true, true));
}

#[test]
fn a_replacement_goes_from_begun_to_over() {
    let array = array();
    let (replaced, kept) = (array.is_replaced("sdb", "sde"), array.is_kept("sdb", "sde"));
    let needs = array.needs("sde");
    let with = |old: &str, new: &str| {
        let text = WELL.replace("sdb 1 4 in_sync", &format!("sdb {old}"));
        let text = text.replace("end\n", &format!("member sde {new} sde sde E 0x5 98304 5\nend\n"));
        [&replaced, &kept, &needs].map(|condition| judged(condition, &text).holds())
    };
    assert_eq!(with("1 4 in_sync", "none 0 spare"), [false, true, false]);
    assert_eq!(
        with("1 4 in_sync,want_replacement", "none 0 spare"),
        [false, false, false]
    );
    let begun = with("1 4 in_sync,want_replacement", "1 0 spare,replacement");
    assert_eq!(begun, [true, false, false]);
    assert_eq!(with("none 4 faulty", "1 0 in_sync"), [true, false, true]);
    assert_eq!(with("1 4 in_sync", "none 0 faulty"), [false, true, false]);
    let rebuilt = WELL
        .replace("degraded 0", "degraded 1")
        .replace("member sdb 1 4 in_sync", "member sde 1 0 spare")
        .replace("sdb sdb B 0x2", "sde sde E 0x5");
    assert!(
        judged(&needs, &rebuilt).holds(),
        "it is all that there is for the place"
    );
}

#[test]
fn mismatches_are_explained_by_level() {
    let text = WELL.replace("mismatch_cnt 0", "mismatch_cnt 128");
    let compared = array().is_compared();
    let parity = judged(&compared, &text);
    assert!(
        parity.holds() && parity.text().contains("128 sectors differ: parity"),
        "{parity}"
    );
    let mirror = judged(&compared, &text.replace("raid5", "raid1"));
    assert!(
        mirror.text().contains("may be harmless") && mirror.text().contains("64 KiB"),
        "{mirror}"
    );
    assert!(judged(&compared, WELL).text().ends_with("no sector differs"));
    assert!(judged(&compared, &WELL.replace("idle", "check")).fails());
}

#[test]
fn a_disk_is_the_same_by_serial_and_wwn_not_by_name() {
    let disk = Disk::parse("sde sde E-1 0x5 98304 5").unwrap();
    let same = is_disk(&HostName::new("stor1"), &disk);
    assert!(
        judged(&same, "sde sde E-1 0x5 98304 7\n").holds(),
        "it may be moved to another bay"
    );
    assert!(judged(&same, "sde sde F-2 0x5 98304 5\n").fails());
    assert_eq!(disk.expects().pattern, "sde?sde?E-1?0x5?*");
    assert!(disk.is_same(&Disk::parse("sdf1 sdf E-1 - 1 -").unwrap()));
    assert!(!disk.is_same(&Disk::parse("sdf1 sdf - - 1 -").unwrap()));
    for name in ["", "-x", "../x", "sd b", "sdb;rm"] {
        assert!(!is_device(name), "{name}");
    }
}

#[test]
fn an_unused_disk_says_so_and_whatever_else_it_says_is_not_that() {
    let blank = is_blank(&HostName::new("stor1"), "sde");
    assert!(judged(&blank, "blank\n").holds());
    for used in ["is used by md0\n", "has a signature: TYPE=ext4\n", "is mounted on /\n"] {
        assert!(judged(&blank, used).fails(), "{used}");
    }
    for unknown in ["", "\n", "blank?\n", "Segmentation fault\n"] {
        let truth = judged(&blank, unknown);
        assert!(!truth.holds() && !truth.fails(), "{unknown}");
    }
}
