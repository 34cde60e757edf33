//! Plans about ZFS pools: which disk, by which command, and what is refused.

use super::*;

/// A mirror of two, as a server with `OpenZFS` 2 tells it.
const WELL: &str = "pauses yes\nlist tank\t1073741824\t536870912\t536870912\tONLINE\n\
    disk sdb sdb sdb WD-1 0x50014ee2b5a1c3d1 99328 Slot_01\n\
    disk sdc sdc sdc WD-2 0x50014ee2b5a1c3d2 99328 Slot_02\nstatus\n  pool: tank\n state: ONLINE\n\
    status: One or more devices has experienced an unrecoverable error.  An\n\tattempt was made to correct the error.\n\
    \x20 scan: scrub repaired 128K in 00:00:11 with 0 errors on Sun Nov  8 00:24:12 2026\nconfig:\n\n\
    \tNAME        STATE     READ WRITE CKSUM\n\ttank        ONLINE       0     0     0\n\t  mirror-0  ONLINE       0     0     0\n\
    \t    sdb     ONLINE       0     0     0\n\t    sdc     ONLINE       0     0    17\n\nerrors: No known data errors\nend\n";
const NEW: &str = "sde sde ZX-9 0x5000c500a1b2c3d4 99328 Slot_04\n";

fn server(pool: &'static str, new: &'static str, blank: &'static str) -> [(&'static str, Host); 1] {
    let mut server = host("healthy");
    server.prints = vec![
        ("zfs_pool tank", 0, pool),
        ("disk_id sde", 0, new),
        ("disk_blank sde", 0, blank),
    ];
    [("stor1", server)]
}

/// A text that lives as long as the tests.
fn changed_to(changes: &[(&str, &str)]) -> &'static str {
    let mut text = WELL.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text.leak()
}

fn replace(disk: &str) -> Wish {
    let parameters = [("host", "stor1"), ("pool", "tank"), ("disk", disk), ("by", "/dev/sde")];
    wish("pool-replace", &parameters)
}

fn scrub() -> Wish {
    wish("pool-scrub", &[("host", "stor1"), ("pool", "tank")])
}

fn told_of(wish: &Wish, pool: &'static str, new: &'static str, blank: &'static str) -> String {
    told(planned(&fleet(false), wish, server(pool, new, blank)))
}

const FAULTED: [(&str, &str); 3] = [
    ("state: ONLINE", "state: DEGRADED"),
    ("mirror-0  ONLINE ", "mirror-0  DEGRADED "),
    (
        "sdc     ONLINE       0     0    17",
        "sdc     FAULTED      3   217     0  too many errors",
    ),
];

#[test]
fn a_disk_that_can_be_read_shares_its_place_until_the_new_one_is_resilvered() {
    insta::assert_snapshot!(told_of(&replace("WD-2"), WELL, NEW, "blank\n"));
}

#[test]
fn a_disk_that_has_failed_is_replaced_by_the_same_command() {
    insta::assert_snapshot!(told_of(&replace("sdc"), changed_to(&FAULTED), NEW, "blank\n"));
}

/// The pool still calls the one that was pulled by the name that the kernel has given to the new one.
#[test]
fn an_old_and_a_new_disk_of_one_name_are_not_mixed_up() {
    let gone = [
        ("state: ONLINE", "state: DEGRADED"),
        (
            "sdc     ONLINE       0     0    17",
            "sdc     REMOVED      0     0     0",
        ),
        (
            "disk sdc sdc sdc WD-2 0x50014ee2b5a1c3d2",
            "disk sdc sdc sdc ZX-9 0x5000c500a1b2c3d4",
        ),
    ];
    let mut server = host("healthy");
    server.prints = vec![
        ("zfs_pool tank", 0, changed_to(&gone)),
        ("disk_id sdc", 0, "sdc sdc ZX-9 0x5000c500a1b2c3d4 99328 Slot_02\n"),
        ("disk_blank sdc", 0, "blank\n"),
    ];
    let wish = wish(
        "pool-replace",
        &[("host", "stor1"), ("pool", "tank"), ("disk", "sdc"), ("by", "/dev/sdc")],
    );
    let said = told(planned(&fleet(false), &wish, [("stor1", server)]));
    assert!(
        said.starts_with("REFUSED")
            && said.contains("call the old disk and the new one sdc")
            && said.contains("zpool replace tank sdc"),
        "{said}"
    );
}

#[test]
fn a_scrub_that_can_pause_and_one_that_cannot() {
    insta::assert_snapshot!(told_of(&scrub(), WELL, NEW, "blank\n"));
    let old = told_of(&scrub(), changed_to(&[("pauses yes", "pauses no")]), NEW, "blank\n");
    assert!(
        old.contains("the ZFS there cannot let it pause") && !old.contains("scrub -p"),
        "{old}"
    );
}

#[test]
fn what_could_not_be_resilvered_is_refused_in_the_words_of_zfs() {
    let refused = |disk: &str, changes: &[(&str, &str)], words: [&str; 2]| {
        let told = told_of(&replace(disk), changed_to(changes), NEW, "blank\n");
        assert!(
            told.starts_with("REFUSED") && words.iter().all(|word| told.contains(word)),
            "{told}"
        );
    };
    let mut erring = FAULTED.to_vec();
    erring.push((
        "sdb     ONLINE       0     0     0",
        "sdb     ONLINE       2     0     9",
    ));
    let says = "ZFS says: One or more devices has experienced an unrecoverable error.";
    refused("sdc", &erring, ["sdb (2 read, 0 write, 9 checksum)", says]);
    // Nothing else has what is on it.
    refused(
        "sdb",
        &FAULTED,
        [
            "without sdb tank of stor1 has not all its data",
            "what has failed beside it first",
        ],
    );
    let stripe = [
        ("\t  mirror-0  ONLINE       0     0     0\n", ""),
        ("\t    sd", "\t  sd"),
    ];
    refused("sdc", &stripe, ["no other copy of what is on sdc", "zfs send"]);
    let well = told_of(&replace("sdb"), changed_to(&stripe), NEW, "blank\n");
    assert!(well.contains("a block that cannot be read from it is lost"), "{well}");
}

#[test]
fn what_runs_is_not_mixed_with_something_else() {
    let scan = |to| {
        changed_to(&[(
            "scan: scrub repaired 128K in 00:00:11 with 0 errors on Sun Nov  8 00:24:12 2026",
            to,
        )])
    };
    for (state, lift) in [
        (
            "scan: resilver in progress since Sun Nov  8 00:24:12 2026",
            "wait until it is over",
        ),
        (
            "scan: scrub in progress since Sun Nov  8 00:24:12 2026",
            "zpool scrub -s",
        ),
        (
            "scan: scrub paused since Sun Nov  8 00:24:12 2026",
            "the scrub that pauses",
        ),
    ] {
        for wish in [replace("sdc"), scrub()] {
            let told = told_of(&wish, scan(state), NEW, "blank\n");
            assert!(told.starts_with("REFUSED") && told.contains(lift), "{told}");
        }
    }
    let suspended = changed_to(&[("state: ONLINE", "state: SUSPENDED")]);
    let told = told_of(&scrub(), suspended, NEW, "blank\n");
    assert!(told.contains("SUSPENDED") && told.contains("zpool status -v"), "{told}");
}

#[test]
fn a_new_disk_that_is_used_small_unknown_or_in_the_pool_is_refused() {
    let told = |new, blank| told_of(&replace("sdc"), WELL, new, blank);
    let used = told(NEW, "has the partition sde1\n");
    assert!(
        used.contains("sde of stor1 has the partition sde1") && used.contains("wipefs"),
        "{used}"
    );
    let small = told("sde sde ZX-9 0x5 99327 -\n", "blank\n");
    assert!(small.contains("99327 KiB") && small.contains("a larger one"), "{small}");
    let unknown = told("sde sde - - 99328 -\n", "blank\n");
    assert!(unknown.contains("neither serial number nor WWN"), "{unknown}");
    let twin = told("sde sde WD-1 0x7 99328 -\n", "has the partition sde1\n");
    assert!(
        twin.contains("on the same disk as sdb") && !twin.contains("wipefs"),
        "{twin}"
    );
}

#[test]
fn what_is_not_known_is_refused_and_never_guessed() {
    for garbage in ["", "Segmentation fault\n", "pauses yes\nstatus\n  pool: tank\n"] {
        let told = told_of(&replace("sdc"), garbage, NEW, "blank\n");
        assert!(told.starts_with("REFUSED") && told.contains("tank of stor1"), "{told}");
    }
    let unknown = told_of(&replace("sdx"), WELL, NEW, "blank\n");
    assert!(
        unknown.contains("no device of it is sdx") && unknown.contains("serial WD-2"),
        "{unknown}"
    );
    for (name, value) in [("pool", "tank/slices"), ("by", "disk/by-id/ata-x")] {
        let mut names = replace("sdc");
        names.parameters.insert(name.into(), value.into());
        assert!(looks(&fleet(false), &names).is_err(), "{value}");
    }
}

/// Another disk behind the same name, or another state of a device, is another plan; more errors are not.
#[test]
fn a_plan_rests_on_the_devices_and_on_who_the_disks_are() {
    let hash = |pool, new| {
        planned(&fleet(false), &replace("sdc"), server(pool, new, "blank\n"))
            .unwrap()
            .hash
    };
    let usual = hash(WELL, NEW);
    assert_eq!(usual, hash(changed_to(&[("    17\n", "    18\n")]), NEW));
    assert_ne!(usual, hash(WELL, "sde sde ZX-8 0x5000c500a1b2c3d4 99328 Slot_04\n"));
    assert_ne!(usual, hash(changed_to(&FAULTED), NEW));
}
