//! Plans of migrations: to what, at which hours, and what is refused.

use super::*;

const INTERIM: &str = "  interim:\n    servers: [access2]\n    slices:\n      spare: { device: /dev/md9, mount_point: /srv/slice-a, unreplicated: true }\n";

/// The inventory with a filesystem of another server, and more text behind it.
fn with_spare(spare: &str, more: &str) -> Fleet {
    changed(false, "segments:\n", &format!("{more}segments:\n{spare}"))
}

/// A server that has that filesystem mounted.
fn spare() -> Host {
    Host {
        instead: vec![],
        prints: vec![
            (
                "cat /proc/self/mountinfo",
                0,
                "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n40 22 9:9 / /srv/slice-a rw,noatime - ext4 /dev/md9 rw\n",
            ),
            ("cat /etc/machine-id", 0, "22222222222222222222222222222222\n"),
            (
                "cat /proc/sys/kernel/random/boot_id",
                0,
                "33333333-3333-3333-3333-333333333333\n",
            ),
            (
                "ip -o addr show",
                0,
                "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 10.77.0.22/24 scope global eth0\n",
            ),
        ],
        ..host("healthy")
    }
}

fn moves() -> Wish {
    wish("migrate", &[("slice", "slice-a"), ("into", "spare"), ("budget", "120")])
}

fn told_of(fleet: &Fleet, wish: &Wish, to: Host) -> String {
    told(planned(fleet, wish, [("stor1", host("healthy")), ("access2", to)]))
}

#[test]
fn a_migration_at_the_hours_of_the_inventory() {
    let more = "migrate: { windows: ['mon-fri 20:00-06:00', 'sat,sun'], zone: Europe/Berlin, limit_kib_s: 50000 }\n";
    insta::assert_snapshot!(told_of(&with_spare(INTERIM, more), &moves(), spare()));
}

/// What stands against it is told before anything is done, each with what lifts it.
#[test]
fn what_would_be_overwritten_or_lost_is_refused() {
    let fleet = with_spare(INTERIM, "");
    let refused = |print: (&'static str, i32, &'static str), says: &[&str]| {
        let mut to = spare();
        to.prints.insert(0, print);
        let told = told_of(&fleet, &moves(), to);
        assert!(told.starts_with("REFUSED"), "{told}");
        for says in says {
            assert!(told.contains(says), "lacks {says:?}\n{told}");
        }
    };
    refused(
        ("copy_mark /srv/slice-a", 0, "used\n"),
        &["/srv/slice-a of access2 is not empty", "empty it by hand"],
    );
    refused(
        ("copy_mark /srv/slice-a", 0, "mark slice-b of somewhere\n"),
        &["holds a copy of something else"],
    );
    refused(("copy_mark /srv/slice-a", 0, "\n"), &["is not told"]);
    refused(("copy_mark /srv/slice-a", 1, ""), &["copy_mark"]);
    refused(
        (
            "copy_room /srv/slice-a",
            0,
            "kib 1000000 24 400000 inodes 64000 12 52000\n",
        ),
        &[
            "has 390 MiB free for it, and slice-a uses 390 MiB",
            "a larger filesystem",
        ],
    );
    refused(
        (
            "copy_room /srv/slice-a",
            0,
            "kib 1000000 24 600000 inodes 9000 12 8988\n",
        ),
        &["8988 inodes free", "mkfs -N"],
    );
    refused(
        ("copy_room /srv/slice-a", 0, "garbage\n"),
        &["does not say how full it is"],
    );
    refused(
        ("exportfs -v", 0, "/srv/slice-a  \t10.77.0.0/24(rw)\n"),
        &["access2 exports /srv/slice-a", "take that export back first"],
    );
    refused(
        ("cat /proc/self/mountinfo", 0, "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n"),
        &[
            "nothing is mounted on /srv/slice-a of access2",
            "that is not done for you",
        ],
    );
    refused(("command -v rsync", 127, ""), &["rsync"]);
}

#[test]
fn a_time_zone_that_the_server_does_not_know_is_refused() {
    let fleet = with_spare(INTERIM, "migrate: { windows: ['20:00-06:00'], zone: No/Where }\n");
    let mut to = spare();
    to.prints.push(("hour No/Where", 1, ""));
    let told = told_of(&fleet, &moves(), to);
    assert!(told.starts_with("REFUSED") && told.contains("install tzdata"), "{told}");
}

#[test]
fn what_cannot_take_its_place_is_refused_by_what_is_declared() {
    let refused = |spare_is: &str, says: &str| {
        let told = told_of(&with_spare(spare_is, ""), &moves(), spare());
        assert!(told.starts_with("REFUSED") && told.contains(says), "{told}");
    };
    refused(
        "  interim:\n    servers: [access2]\n    slices:\n      spare: { device: /dev/md9, mount_point: /srv/other, unreplicated: true }\n",
        "mount and export both at the same place",
    );
    refused(
        "  interim:\n    servers: [access2]\n    slices:\n      spare: { device: /dev/md9, mount_point: /srv/slice-a, unreplicated: true, service_address: 10.77.0.39/24 }\n",
        "declare it without one",
    );
    let same = wish("migrate", &[("slice", "slice-a"), ("into", "slice-a")]);
    let refusals = looks(&with_spare(INTERIM, ""), &same).unwrap_err();
    assert!(refusals[0].fact.contains("cannot move to itself"), "{refusals:?}");
}

#[test]
fn an_export_without_a_file_system_id_is_refused() {
    let mut from = host("healthy");
    from.instead = vec![("fsid=1001,", "")];
    let fleet = with_spare(INTERIM, "");
    let told = told(planned(&fleet, &moves(), [("stor1", from), ("access2", spare())]));
    assert!(
        told.starts_with("REFUSED") && told.contains("without a file system id"),
        "{told}"
    );
}

#[test]
fn an_old_side_goes_only_when_its_days_are_over() {
    let reclaim = wish("migrate-reclaim", &[("slice", "slice-a"), ("into", "spare")]);
    let fleet = with_spare(INTERIM, "");
    let mut from = host("healthy");
    from.prints = vec![("old_kept slice-a", 0, "old 86400 14 spare\n")];
    let told = told(planned(&fleet, &reclaim, [("stor1", from), ("access2", spare())]));
    assert!(told.starts_with("REFUSED"), "{told}");
    for says in [
        "stor1 keeps the old side for 1.0 of 14 days",
        "is mounted writable on /srv/slice-a of stor1",
        "access2 does not carry 10.77.0.31",
    ] {
        assert!(told.contains(says), "lacks {says:?}\n{told}");
    }
}

/// Places for both slices of the other segment, on one server.
const BOTH: &str = "  interim:\n    servers: [access2]\n    slices:\n      spare: { device: /dev/md9, mount_point: /srv/slice-a, unreplicated: true }\n      spare-b: { device: /dev/md10, mount_point: /srv/slice-b, unreplicated: true }\n";

/// A server that has both filesystems mounted.
fn both_spare() -> Host {
    let mut host = spare();
    host.prints[0].2 = "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n40 22 9:9 / /srv/slice-a rw,noatime - ext4 /dev/md9 rw\n\
        41 22 9:10 / /srv/slice-b rw,noatime - ext4 /dev/md10 rw\n";
    host
}

fn many(more: &[(&str, &str)]) -> Wish {
    let of = [("of", "segment=lab"), ("segment", "interim")];
    wish("migrate-many", &[&of, more].concat())
}

fn told_of_many(spare: &str, wish: &Wish, to: Host) -> String {
    let hosts = [("stor1", host("healthy")), ("stor2", host("healthy")), ("access2", to)];
    told(planned(&with_spare(spare, ""), wish, hosts))
}

/// Every slice with its size, in order; each step belongs to one of them.
#[test]
fn all_slices_of_a_segment_move_to_another_one() {
    insta::assert_snapshot!(told_of_many(BOTH, &many(&[]), both_spare()));
    let other_way = told_of_many(BOTH, &many(&[("slices", "slice-b,slice-a")]), both_spare());
    let first = other_way.find("1. slice-b to spare-b, stor2 → access2").unwrap();
    assert!(
        other_way[first..].contains("2. slice-a to spare, stor1 → access2"),
        "{other_way}"
    );
}

/// What stands against one of them is said with its name.
#[test]
fn a_refusal_says_which_slice_it_is_about() {
    let refused = |spare: &str, more: &[(&str, &str)], to: Host, says: &[&str]| {
        let told = told_of_many(spare, &many(more), to);
        assert!(told.starts_with("REFUSED"), "{told}");
        for says in says {
            assert!(told.contains(says), "lacks {says:?}\n{told}");
        }
    };
    let mut used = both_spare();
    used.prints.insert(0, ("copy_mark /srv/slice-b", 0, "used\n"));
    refused(BOTH, &[], used, &["slice-b: /srv/slice-b of access2 is not empty"]);
    // One of the two alone would do.
    let mut used = both_spare();
    used.prints.insert(0, ("copy_mark /srv/slice-b", 0, "used\n"));
    let one = told_of_many(BOTH, &many(&[("slices", "slice-a")]), used);
    assert!(!one.starts_with("REFUSED"), "{one}");
    // What is declared alone is refused before anything is looked at.
    let declared = |spare: &str, wish: &Wish, fact: &str, lift: &str| {
        let refusals = looks(&with_spare(spare, ""), wish).unwrap_err();
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        assert!(
            refusals[0].fact.contains(fact) && refusals[0].lift.contains(lift),
            "{refusals:?}"
        );
    };
    declared(
        INTERIM,
        &many(&[]),
        "slice-b: no slice of interim without a service address is mounted at /srv/slice-b",
        "slices=",
    );
    let twice = BOTH
        .replace("/srv/slice-b", "/srv/slice-a")
        .replace("servers: [access2]", "servers: [access2, access1]")
        .replace(
            "unreplicated: true }\n      spare-b",
            "preferred: access1, unreplicated: true }\n      spare-b",
        );
    declared(
        &twice,
        &many(&[("slices", "slice-a")]),
        "slice-a: spare and spare-b of interim are both mounted at /srv/slice-a",
        "by itself",
    );
    let of = |of, slices| {
        wish(
            "migrate-many",
            &[("of", of), ("segment", "interim"), ("slices", slices)],
        )
    };
    declared(
        BOTH,
        &of("access1", "all"),
        "no slice outside of interim lives on",
        "preferred",
    );
    declared(
        BOTH,
        &of("stor1", "slice-b"),
        "slice-b lives on none of the servers",
        "leave it out",
    );
}

/// A slice that has moved is left out; one that is back, and can be written where it was, moves again whatever is written down.
#[test]
fn a_slice_that_is_back_has_not_moved() {
    let told = |instead: Vec<(&'static str, &'static str)>| {
        let left = Host {
            instead,
            prints: vec![("old_kept slice-a", 0, "old 8640000 14 spare\n")],
            ..host("healthy")
        };
        let hosts = [("stor1", left), ("stor2", host("healthy")), ("access2", both_spare())];
        super::told(planned(&with_spare(BOTH, ""), &many(&[]), hosts))
    };
    let moved = told(vec![("/srv/slice-a rw", "/srv/slice-a ro")]);
    assert!(
        moved.contains("slice-a has moved to spare already, and is left out"),
        "{moved}"
    );
    let back = told(Vec::new());
    assert!(back.contains("1. slice-a to spare, stor1 → access2"), "{back}");
}

/// Datasets of one pool have room each, and not together.
#[test]
fn filesystems_that_may_share_their_space_are_warned_of() {
    let mut to = both_spare();
    for place in ["copy_room /srv/slice-a", "copy_room /srv/slice-b"] {
        to.prints.insert(0, (place, 0, "kib 1000000 24 600000 inodes 0 0 0\n"));
    }
    let told = told_of_many(BOTH, &many(&[]), to);
    assert!(
        told.contains("slice-a, slice-b have each room on access2, where 585 MiB are free"),
        "{told}"
    );
}

/// Databases that the copy may keep from applying: on either server, and on clients of either; no others.
#[test]
fn replicas_beside_the_copy_are_watched() {
    let mut fleet = with_spare(INTERIM, "migrate: { lag_s: 12 }\n");
    let another = crate::fleet::Host::new("db9", "10.77.0.99");
    fleet.hosts.push(another);
    for host in &mut fleet.hosts {
        let has = ["access1", "stor1", "db9"].contains(&host.name.as_str());
        host.mysql = has.then(crate::fleet::MysqlAccess::default);
    }
    let told = told_of(&fleet, &moves(), spare());
    assert!(
        told.contains("while no replica on stor1, access1 is more than 12 s behind"),
        "{told}"
    );
}
