//! Plans about md arrays: which disks, in which order, and what is refused.

use super::*;

/// A RAID 5 of three, as its kernel tells it.
const WELL: &str = "level raid5\nraid_disks 3\narray_state clean\ndegraded 0\nsync_action idle\nsync_completed none\n\
    sync_speed none\nsync_speed_max 200000 (system)\nmismatch_cnt 0\ncomponent_size 98304\n\
    member sdb 0 0 in_sync sdb sdb WD-1 0x50014ee2b5a1c3d1 99328 Slot_01\n\
    member sdc 1 4 in_sync sdc sdc WD-2 0x50014ee2b5a1c3d2 99328 Slot_02\n\
    member sdd 2 0 in_sync sdd sdd WD-3 0x50014ee2b5a1c3d3 99328 Slot_03\nend\n";
/// The same without its second member, which has failed.
const FAILED: &str = "level raid5\nraid_disks 3\narray_state clean\ndegraded 1\nsync_action idle\nsync_completed none\n\
    sync_speed none\nsync_speed_max 200000 (system)\nmismatch_cnt 0\ncomponent_size 98304\n\
    member sdb 0 0 in_sync sdb sdb WD-1 0x50014ee2b5a1c3d1 99328 Slot_01\n\
    member sdc none 4 faulty sdc - - - - -\n\
    member sdd 2 0 in_sync sdd sdd WD-3 0x50014ee2b5a1c3d3 99328 Slot_03\nend\n";
const CHECKING: &str = "level raid5\nraid_disks 3\narray_state clean\ndegraded 0\nsync_action check\n\
    sync_completed 1024 / 196608\nsync_speed 1000\nsync_speed_max 1000 (local)\nmismatch_cnt 0\ncomponent_size 98304\n\
    member sdb 0 0 in_sync sdb sdb WD-1 0x50014ee2b5a1c3d1 99328 Slot_01\n\
    member sdc 1 4 in_sync sdc sdc WD-2 0x50014ee2b5a1c3d2 99328 Slot_02\n\
    member sdd 2 0 in_sync sdd sdd WD-3 0x50014ee2b5a1c3d3 99328 Slot_03\nend\n";
const NEW: &str = "sde sde ZX-9 0x5000c500a1b2c3d4 99328 Slot_04\n";

fn server(array: &'static str, new: &'static str, blank: &'static str) -> [(&'static str, Host); 1] {
    let mut server = host("healthy");
    server.prints = vec![
        ("md_sys md0", 0, array),
        ("disk_id sde", 0, new),
        ("disk_blank sde", 0, blank),
    ];
    [("stor1", server)]
}

fn replace(disk: &str, at_once: &str) -> Wish {
    let parameters = [
        ("host", "stor1"),
        ("array", "md0"),
        ("disk", disk),
        ("by", "/dev/sde"),
        ("at_once", at_once),
    ];
    wish("disk-replace", &parameters)
}

fn told_of(wish: &Wish, array: &'static str, new: &'static str, blank: &'static str) -> String {
    told(planned(&fleet(false), wish, server(array, new, blank)))
}

#[test]
fn a_disk_that_can_be_read_stays_until_the_new_one_is_complete() {
    insta::assert_snapshot!(told_of(&replace("WD-2", "no"), WELL, NEW, "blank\n"));
}

#[test]
fn a_disk_that_has_failed_goes_at_once() {
    insta::assert_snapshot!(told_of(&replace("sdc", "yes"), FAILED, NEW, "blank\n"));
}

#[test]
fn a_disk_that_is_not_there_is_called_so() {
    let mut server = host("healthy");
    server.prints = vec![
        ("md_sys md0", 0, WELL),
        ("disk_id sde", 1, ""),
        ("disk_blank sde", 1, ""),
    ];
    let refused = told(planned(&fleet(false), &replace("WD-2", "no"), [("stor1", server)]));
    assert!(
        refused.contains("stor1 has no disk sde") && refused.contains("name one that is there"),
        "{refused}"
    );
}

#[test]
fn a_scrub() {
    let scrub = wish("scrub", &[("host", "stor1"), ("array", "md0")]);
    insta::assert_snapshot!(told_of(&scrub, WELL, NEW, "blank\n"));
}

#[test]
fn what_would_cost_redundancy_or_data_is_refused_with_what_lifts_it() {
    let at_once = told_of(&replace("sdc", "yes"), WELL, NEW, "blank\n");
    assert!(
        at_once.contains("has 2 members in sync without sdc") && at_once.contains("at_once=no"),
        "{at_once}"
    );
    let failed = told_of(&replace("sdc", "no"), FAILED, NEW, "blank\n");
    assert!(
        failed.contains("faulty") && failed.contains("say at_once=yes"),
        "{failed}"
    );
    let busy = told_of(&replace("sdc", "no"), CHECKING, NEW, "blank\n");
    assert!(
        busy.contains("check") && busy.contains("wait until it is over"),
        "{busy}"
    );
    let scrub = wish("scrub", &[("host", "stor1"), ("array", "md0")]);
    let degraded = told_of(&scrub, FAILED, NEW, "blank\n");
    assert!(degraded.contains("replace it first"), "{degraded}");
}

#[test]
fn a_new_disk_that_is_used_small_unknown_or_a_member_is_refused() {
    let used = told_of(&replace("sdc", "no"), WELL, NEW, "has a signature: TYPE=ext4\n");
    assert!(
        used.contains("sde of stor1 has a signature: TYPE=ext4") && used.contains("wipefs"),
        "{used}"
    );
    let small = told_of(&replace("sdc", "no"), WELL, "sde sde ZX-9 0x5 99327 -\n", "blank\n");
    assert!(small.contains("99327 KiB") && small.contains("a larger one"), "{small}");
    let unknown = told_of(&replace("sdc", "no"), WELL, "sde sde - - 99328 -\n", "blank\n");
    assert!(unknown.contains("neither serial number nor WWN"), "{unknown}");
    let twin = told_of(&replace("sdc", "no"), WELL, "sde sde WD-3 0x7 99328 -\n", "blank\n");
    assert!(twin.contains("on the same disk as sdd"), "{twin}");
}

#[test]
fn what_is_not_known_is_refused_and_never_guessed() {
    for garbage in ["", "Segmentation fault\n", "level raid5\nraid_disks 3\n"] {
        let told = told_of(&replace("sdc", "no"), garbage, NEW, "blank\n");
        assert!(told.starts_with("REFUSED") && told.contains("md0 of stor1"), "{told}");
    }
    let unknown = told_of(&replace("sdx", "no"), WELL, NEW, "blank\n");
    assert!(
        unknown.contains("no member is sdx") && unknown.contains("serial WD-2"),
        "{unknown}"
    );
    let silent = told_of(&replace("sdc", "no"), WELL, NEW, "\n");
    assert!(silent.contains("tells nothing of sde"), "{silent}");
    let mut names = replace("sdc", "no");
    names.parameters.insert("by".into(), "disk/by-id/ata-x".into());
    let refusals = looks(&fleet(false), &names).unwrap_err();
    assert!(refusals[0].lift.contains("as the kernel does"), "{refusals:?}");
}

/// Another disk behind the same name, or another state of a member, is another plan.
#[test]
fn a_plan_rests_on_the_members_and_on_who_the_disks_are() {
    let hash = |array, new| {
        planned(&fleet(false), &replace("sdc", "no"), server(array, new, "blank\n"))
            .unwrap()
            .hash
    };
    let usual = hash(WELL, NEW);
    assert_eq!(usual, hash(WELL, NEW));
    assert_ne!(usual, hash(WELL, "sde sde ZX-8 0x5000c500a1b2c3d4 99328 Slot_04\n"));
}
