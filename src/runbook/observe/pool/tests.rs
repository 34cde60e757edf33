//! What a host tells of a pool, in every form of `zpool status`, whole and cut short; and what a pool survives.

use super::*;
use crate::{
    facts::UnixMs,
    runbook::sight::{Glimpse, Printed, Sight},
};
use proptest::prelude::*;
use std::time::Duration;

const DISKS: &str = "disk sda sda sda A 0x1 98304 1\ndisk sdb sdb sdb B 0x2 98304 2\ndisk sdc sdc sdc C 0x3 98304 3\n\
    disk sdd sdd sdd D 0x4 98304 4\ndisk sde sde sde E 0x5 98304 5\n";

fn on() -> PoolOn {
    PoolOn {
        host: HostName::new("stor1"),
        name: "tank".to_owned(),
    }
}

/// The look's text for these lines of the device table and of the scan.
fn told(state: &str, scan: &str, devices: &[&str]) -> String {
    let devices: Vec<String> = devices.iter().map(|line| format!("\t{line}")).collect();
    format!(
        "pauses yes\nlist tank\t1048576\t524288\t524288\t{state}\n{DISKS}status\n  pool: tank\n state: {state}\n  scan: {scan}\n\
         config:\n\n\tNAME STATE READ WRITE CKSUM\n{}\n\nerrors: No known data errors\nend\n",
        devices.join("\n")
    )
}

fn mirror(devices: &[&str]) -> String {
    let head = ["tank ONLINE 0 0 0", "  mirror-0 ONLINE 0 0 0"];
    told("ONLINE", "none requested", &[&head, devices].concat())
}

fn seen(text: &str) -> Seen {
    on().seen(text).unwrap()
}

fn judged(condition: &Condition, text: &str) -> Truth {
    let mut sight = Sight::new(UnixMs(5), Duration::from_secs(5));
    for look in &condition.looks {
        let printed = Printed {
            exit: 0,
            text: text.to_owned(),
        };
        let glimpse = Glimpse {
            at: UnixMs(5),
            answer: Ok(printed),
        };
        sight.take(look.clone(), glimpse);
    }
    condition.judge(&sight)
}

const WELL: [&str; 2] = ["    sda ONLINE 0 0 0", "    sdb ONLINE 0 0 0"];
const BEGUN: [&str; 4] = [
    "    sda ONLINE 0 0 0",
    "    replacing-1 ONLINE 0 0 0",
    "      sdb ONLINE 0 0 7",
    "      sde ONLINE 0 0 0  (resilvering)",
];
const OVER: [&str; 2] = ["    sda ONLINE 0 0 0", "    sde ONLINE 0 0 0"];

fn resilvering() -> String {
    let head = ["tank ONLINE 0 0 0", "  mirror-0 ONLINE 0 0 0"];
    let scan = "resilver in progress since Sun Jul 25 16:07:49 2021\n\t403 scanned, 68 issued, 405 total\n\t0 resilvered, 25.00% done, 0 days 00:01:00 to go";
    told("ONLINE", scan, &[&head[..], &BEGUN].concat())
}

/// `sdb` was pulled, and the kernel calls the disk sdb that was put into its place.
#[test]
fn a_device_that_has_gone_is_on_no_disk_that_is_there() {
    for state in ["REMOVED", "UNAVAIL"] {
        let gone = seen(&mirror(&["    sda ONLINE 0 0 0", &format!("    sdb {state} 0 0 0")]));
        assert_eq!(gone.find("sdb").unwrap().disk, None, "{state}");
        assert!(gone.find("B").is_err(), "{state}: that is the new one's serial number");
    }
    assert!(seen(&mirror(&WELL)).find("B").is_ok());
}

#[test]
fn a_replacement_is_told_from_its_begin_to_its_end() {
    let pool = on();
    let (well, begun, over) = (mirror(&WELL), resilvering(), mirror(&OVER));
    let of = |condition: Condition| [&well, &begun, &over].map(|text| judged(&condition, text).holds());
    assert_eq!(of(pool.is_replaced("sdb", "sde")), [false, true, true]);
    assert_eq!(of(pool.is_in_service("sdb", "sde")), [false, false, true]);
    assert_eq!(of(pool.is_kept("sdb", "sde")), [true, false, false]);
    assert_eq!(of(pool.spares("sde")), [true, true, false], "alone it would be missed");
    assert_eq!(of(pool.needs("sde")), [false, false, true]);
    assert_eq!(of(pool.is_settled()), [true, false, true]);
    assert_eq!(of(pool.has("sde", false)), [true, false, false]);
    let before = seen(&well);
    assert_eq!(of(pool.is_well_with("sde", &before, "sdb")), [false, true, true]);
    assert_eq!(seen(&begun).left_kib(), Some(384));
    assert_eq!(seen(&well).left_kib(), None);
}

/// The old one cannot be read: the new one that has its data already is not let go, one that has not may go.
#[test]
fn what_has_the_data_stays() {
    let joint = |new: &str| {
        mirror(&[
            "    sda ONLINE 0 0 0",
            "    replacing-1 DEGRADED 0 0 0",
            "      1234567890 UNAVAIL 0 0 0  was /dev/sdb1",
            new,
        ])
    };
    let pool = on();
    assert!(judged(&pool.spares("sde"), &joint("      sde ONLINE 0 0 0")).fails());
    assert!(
        judged(
            &pool.spares("sde"),
            &joint("      sde ONLINE 0 0 0  (awaiting resilver)")
        )
        .holds()
    );
    assert!(judged(&pool.spares("sde"), &joint("      sde FAULTED 0 9 0  too many errors")).holds());
}

#[test]
fn a_group_bears_what_its_kind_bears() {
    let group = |name: &str, devices: &[&str]| {
        let head = format!("  {name} ONLINE 0 0 0");
        seen(&told(
            "DEGRADED",
            "none requested",
            &[&["tank DEGRADED 0 0 0", head.as_str()], devices].concat(),
        ))
    };
    let disks = |states: &[&str]| -> Vec<String> {
        let names = ["sda", "sdb", "sdc", "sdd", "sde"];
        let lines = names.iter().zip(states);
        lines.map(|(name, state)| format!("    {name} {state} 0 0 0")).collect()
    };
    let bears = |name: &str, states: &[&str]| {
        let lines = disks(states);
        let seen = group(name, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        seen.bears_without(seen.member("sda").unwrap())
    };
    let (good, gone) = ("ONLINE", "UNAVAIL");
    for (name, states, expected) in [
        ("mirror-0", vec![good, good], Some(0)),
        ("mirror-0", vec![good, good, good], Some(1)),
        ("mirror-0", vec![good, gone], None),
        ("raidz1-0", vec![gone, good, good], Some(0)),
        ("raidz1-0", vec![gone, gone, good], None),
        ("raidz1", vec![good, good, good], Some(0)),
        ("raidz2-0", vec![good, good, good, good], Some(1)),
        ("raidz2-0", vec![gone, gone, good, good], Some(0)),
        ("raidz3-0", vec![gone, good, good, good, good], Some(2)),
        ("draid1:2d:3c:0s-0", vec![good, good, good], Some(0)),
        // One that ZFS has marked, and reads still, counts for nothing.
        ("raidz1-0", vec![good, "DEGRADED", good], None),
        ("something-0", vec![good, good], None),
    ] {
        assert_eq!(bears(name, &states), expected, "{name} {states:?}");
    }
    // A disk that is striped has nothing beside it.
    let alone = seen(&told(
        "ONLINE",
        "none requested",
        &["tank ONLINE 0 0 0", "  sda ONLINE 0 0 0"],
    ));
    let member = alone.member("sda").unwrap();
    assert!(alone.is_alone(member) && alone.bears_without(member).is_none());
    // A spare that helps out has the data of the one that has failed.
    let helped = group(
        "raidz1-0",
        &[
            "    sda ONLINE 0 0 0",
            "    spare-1 DEGRADED 0 0 0",
            "      sdb UNAVAIL 0 0 0",
            "      sdc ONLINE 0 0 0",
            "    sdd ONLINE 0 0 0",
        ],
    );
    assert_eq!(helped.bears_without(helped.member("sda").unwrap()), Some(0));
}

#[test]
fn a_device_is_found_by_any_of_its_names() {
    let text = mirror(&[
        "    ata-X-part1 ONLINE 0 0 0",
        "    1234567890 UNAVAIL 0 0 0  was /dev/sdb1",
    ]);
    let text = text.replace("disk sda sda sda", "disk ata-X-part1 sda1 sda");
    let seen = seen(&text);
    for name in ["ata-X-part1", "sda1", "sda", "A", "0x1", "1"] {
        assert_eq!(seen.find(name).unwrap().name, "ata-X-part1", "{name}");
    }
    assert_eq!(seen.find("1234567890").unwrap().disk, None);
    assert!(seen.find("sdb").unwrap_err().contains("no device"));
    // What a spare and a cache device are called is no place among the data.
    let text = mirror(&WELL).replace(
        "\n\nerrors",
        "\n\tspares\n\t  sdc AVAIL\n\tcache\n\t  sdd ONLINE 0 0 0\n\nerrors",
    );
    let with = on().seen(&text).unwrap();
    assert!(with.find("sdc").is_err() && with.find("sdd").is_err());
    assert!(
        judged(&on().has("sdc", false), &text).fails(),
        "it belongs to the pool all the same"
    );
    let twice = mirror(&["    sda ONLINE 0 0 0", "    sda ONLINE 0 0 0"]);
    assert!(on().seen(&twice).is_err());
}

#[test]
fn a_scrub_is_over_when_it_says_so_anew() {
    let scanned = |scan: &str| told("ONLINE", scan, &["tank ONLINE 0 0 0", "  sda ONLINE 0 0 0"]);
    let old = "scrub repaired 0B in 00:00:11 with 0 errors on Sun Nov  8 00:24:12 2026";
    let pool = on();
    let over = |scan: &str| judged(&pool.is_scrubbed(old), &scanned(scan)).holds();
    let begun = |scan: &str| judged(&pool.is_scrubbing(old), &scanned(scan)).holds();
    for (scan, begins, ends) in [
        (old, false, false),
        (
            "scrub in progress since Sun Nov  8 00:24:12 2026\n\t1 scanned\n\t0 repaired, 1.00% done",
            true,
            false,
        ),
        (
            "scrub paused since Sun Nov  8 00:24:12 2026\n\t0B repaired, 25.00% done",
            true,
            false,
        ),
        (
            "scrub repaired 0B in 00:00:11 with 0 errors on Sun Nov 15 00:24:12 2026",
            true,
            true,
        ),
        (
            "scrub completed after 0h0m with 0 errors on Sat Nov 21 07:20:29 2026",
            true,
            true,
        ),
        ("scrub canceled on Sun Nov 15 00:24:12 2026", false, false),
        (
            "resilvered 1G in 00:00:11 with 0 errors on Sun Nov 15 00:24:12 2026",
            false,
            false,
        ),
        ("none requested", false, false),
    ] {
        assert_eq!((begun(scan), over(scan)), (begins, ends), "{scan}");
    }
    let lost = |scan: &str| seen(&scanned(scan)).scrub_is_lost(old);
    assert!(lost("scrub canceled on Sun Nov 15 00:24:12 2026").is_some());
    assert!(lost("resilver in progress since Sun Nov 15 00:24:12 2026").is_some());
    assert!(lost(old).is_none());
}

/// Captured of zfs-fuse 0.7.0, and the forms of newer ones; the same facts by the same parser as the console's.
#[test]
fn every_form_of_status_is_read() {
    let capture = |name: &str| {
        let path = format!("{}/tests/captures/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let look = |name: &str| format!("pauses no\nstatus\n{}\nend\n", capture(name).trim_end());
    let old = seen(&look("zfs/0.7.0-resilvering"));
    assert_eq!(old.doing(), Doing::Resilver);
    assert!(old.member("/srv/disks/spare.img").is_some(), "it helps out");
    let errors = seen(&look("zfs/0.7.0-errors"));
    assert!(errors.has_lost_data() && errors.found().contains("197 data errors"));
    assert!(
        errors.found().contains("411 checksum errors, 68K repaired"),
        "{}",
        errors.found()
    );
    let modern = seen(&look("forms/zpool-status"));
    let new = modern.member("sdc").unwrap();
    assert_eq!(modern.twin(new).map(|twin| twin.name.as_str()), Some("1234567890"));
    assert_eq!(modern.member("sda").unwrap().errors, [0, 0, 1228]);
    let json = seen(&look("forms/zpool-status.json"));
    assert_eq!((json.doing(), json.members.len()), (Doing::Resilver, 4));
}

#[test]
fn files_are_named_up_to_a_bound() {
    let many: Vec<String> = (0..30).map(|n| format!("/tank/{n}\n")).collect();
    let text = files(&format!("30\n{}", many.concat()));
    assert!(
        text.contains("/tank/19 and 10 more") && !text.contains("/tank/20"),
        "{text}"
    );
    assert_eq!(files("2\na\nb\n"), "They belong to a, b");
    assert!(files("").contains("is not told"));
}

#[test]
fn names_that_are_no_words_of_a_command_are_no_names() {
    assert!(is_pool("tank") && is_pool("a-b_c.1:2"));
    for name in ["", "-f", "1tank", "a b", "a/b", "a\n", &"x".repeat(300)] {
        assert!(!is_pool(name), "{name:?}");
    }
    assert!(is_plain("/srv/disks/disk1.img") && !is_plain("-x") && !is_plain("a b"));
}

fn conditions() -> Vec<Condition> {
    let pool = on();
    vec![
        pool.has("sdb", true),
        pool.has("sde", false),
        pool.is_settled(),
        pool.is_replaced("sdb", "sde"),
        pool.is_in_service("sdb", "sde"),
        pool.is_kept("sdb", "sde"),
        pool.spares("sde"),
        pool.needs("sde"),
        pool.is_scrubbing(""),
        pool.is_not_scrubbing(),
        pool.is_scrubbed(""),
        pool.tells_what_it_found(),
        fits(&pool, "sdb", "sde"),
    ]
}

proptest! {
    /// What is cut off makes nothing true.
    #[test]
    fn a_cut_text_satisfies_nothing(cut in 0..mirror(&WELL).len() - 1) {
        let text = mirror(&WELL);
        for condition in conditions() {
            let truth = judged(&condition, &text[..cut]);
            prop_assert!(matches!(truth, Truth::Unknown(_)), "{}: {:?}", condition, truth);
        }
    }

    #[test]
    fn garbage_is_unknown_and_nothing_panics(text in any::<String>(), words in "(pauses yes\n|list tank|\nstatus\n|  pool: tank\n| state: ONLINE\n|config:\n|\t  sda|\tmirror-0|  ONLINE| 0| |replacing-1|errors: x|\n|\nend\n){0,40}") {
        for condition in conditions() {
            let _ = judged(&condition, &words);
            prop_assert!(!judged(&condition, &text).holds());
        }
    }
}
