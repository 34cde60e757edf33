//! Plans that serve a slice from its backup: of which, to where, and what stands against it.

use super::*;

const LIST: &str = "1970-01-01T00:01:00Z slice-a-1 4096\n1970-01-01T00:10:00Z slice-a-2 104857600\n";
const SPARE: &str = "  interim:\n    servers: [access2]\n    slices:\n      spare: { device: /dev/md9, mount_point: /srv/slice-a, unreplicated: true }\n";
const NOBODY: (&str, i32, &str) = ("who_has 10.77.0.31", 0, "nobody\n");

/// The inventory in which access2 has an empty filesystem, and `on` keeps the backups.
fn with_spare(fencing: bool, on: &str, fetch: &str) -> Fleet {
    with_spare_and(fencing, on, fetch, "")
}

/// The same, with more slices on access2.
fn with_spare_and(fencing: bool, on: &str, fetch: &str, more: &str) -> Fleet {
    let keys = format!("on: {on}, list: [l], restore: [r, '{{backup}}', '{{into}}']{fetch}");
    let backup =
        format!("        preferred: stor1\n        backup: {{ {keys}, scratch: /srv/scratch, expect: [customers] }}\n");
    let spare = format!("segments:\n{SPARE}{more}");
    let text = super::text(fencing).replace("        preferred: stor1\n", &backup);
    super::loaded(&text.replace("segments:\n", &spare))
}

/// The usual one: access1 keeps them, and another server fetches one.
fn usual(fencing: bool) -> Fleet {
    with_spare(fencing, "access1", ", fetch: [fetch, '{slice}', '{backup}', '{into}']")
}

/// A server that has that filesystem mounted, and reaches neither the servers of the pair nor anybody with its address.
fn spare() -> Host {
    Host {
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
            NOBODY,
            ("ping -n -c 1 -W 1 10.77.0.12", 1, ""),
            ("timeout -s KILL 5 l", 0, LIST),
            ("backup_told backup@slice-a", 0, "no\nend\n"),
        ],
        ..host("healthy")
    }
}

/// The same, where something else is printed.
fn instead(print: (&'static str, i32, &'static str)) -> Host {
    let mut host = spare();
    host.prints.insert(0, print);
    host
}

fn lost() -> Host {
    Host {
        answers: false,
        ..host("healthy")
    }
}

/// The host of the backups, which mounts the slice as well.
fn keeper(told: &'static str) -> Host {
    Host {
        prints: vec![
            ("timeout -s KILL 5 l", 0, LIST),
            ("backup_told backup@slice-a", 0, told),
            ("ping -n -c 1 -W 1 10.77.0.12", 1, ""),
        ],
        ..host("healthy")
    }
}

const NEVER: &str = "no\nend\n";

fn restores(more: &[(&str, &str)]) -> Wish {
    wish(
        "restore-from-backup",
        &[&[("slice", "slice-a"), ("into", "spare")], more].concat(),
    )
}

fn told_of(fleet: &Fleet, wish: &Wish, [one, other]: [Host; 2], to: Host, keeper: Host) -> String {
    let hosts = [("stor1", one), ("stor2", other), ("access2", to), ("access1", keeper)];
    told(planned(fleet, wish, hosts))
}

#[test]
fn a_slice_whose_pair_is_lost_is_served_from_its_backup() {
    let good = "of slice-a-2 600 may 0\nbackup files 7 bytes 4096\nbackup checked 900\nend\n";
    let told = told_of(&usual(true), &restores(&[]), [lost(), lost()], spare(), keeper(good));
    insta::assert_snapshot!(told);
}

/// What the last test has said of a backup is known before anybody consents.
#[test]
fn whether_it_was_ever_proved_is_told() {
    let bad = "of slice-a-2 600 may 0\nbackup files 7 bytes 4096\nbackup lacks customers\nbackup checked 900\nend\n";
    let other = "of slice-a-1 60 may 0\nbackup files 7 bytes 4096\nbackup checked 900\nend\n";
    for (told, says) in [
        (
            NEVER,
            "no backup of slice-a was ever tested: nobody knows whether slice-a-2 is good",
        ),
        (other, "slice-a-2 was never tested"),
        (
            bad,
            "slice-a-2 was tested, and is NOT good: look whether an older one is",
        ),
        ("garbage\n", "whether slice-a-2 was ever tested is not known"),
    ] {
        let told = told_of(&usual(true), &restores(&[]), [lost(), lost()], spare(), keeper(told));
        assert!(told.contains(says), "lacks {says:?}\n{told}");
    }
}

/// Unknown is no leave: of a server that answers it has to be known that its data is no use.
#[test]
fn a_backup_is_no_resort_while_a_side_has_the_data() {
    let refused = |other: Host, says: &str| {
        let told = told_of(&usual(true), &restores(&[]), [lost(), other], spare(), keeper(NEVER));
        assert!(
            told.starts_with("REFUSED") && told.contains(says),
            "lacks {says:?}\n{told}"
        );
    };
    refused(
        host("healthy"),
        "the data of slice-a on stor2 is UpToDate: it has all that a backup has, and more; use failover",
    );
    let garbled = Host {
        prints: vec![("cat /proc/drbd", 0, "version: 8.4.11\n")],
        ..host("healthy")
    };
    refused(garbled, "stor2 answers, and what it has of slice-a is not known");
    let consistent = Host {
        instead: vec![("UpToDate/UpToDate", "Consistent/DUnknown")],
        ..host("healthy")
    };
    refused(consistent, "it may be UpToDate");
    // A person's word about a server that lives is about its power, and not about its data.
    let mut wish = restores(&[]);
    wish.glass.push(Glass {
        rule: Rule::Force,
        resource: "stor2".into(),
        by: "ann".into(),
    });
    let told = told_of(&usual(true), &wish, [lost(), host("healthy")], spare(), keeper(NEVER));
    assert!(told.starts_with("REFUSED") && told.contains("use failover"), "{told}");
}

#[test]
fn both_servers_have_to_be_off() {
    let told = told_of(&usual(false), &restores(&[]), [lost(), lost()], spare(), keeper(NEVER));
    assert!(told.starts_with("REFUSED"), "{told}");
    for host in ["stor1", "stor2"] {
        assert!(told.contains(&format!("--assert-off={host}")), "{told}");
    }
    // A person's word will do, as long as the server that takes their place reaches neither.
    let mut named = restores(&[]);
    named.glass = ["stor1", "stor2"]
        .map(|host| Glass {
            rule: Rule::AssertOff,
            resource: host.into(),
            by: "ann".into(),
        })
        .to_vec();
    let told = told_of(&usual(false), &named, [lost(), lost()], spare(), keeper(NEVER));
    assert!(told.contains("proof  stor2 is off, by a person's word"), "{told}");
    // One that a client reaches is not dead.
    let reaches = Host {
        prints: vec![("ping -n -c 1 -W 1 10.77.0.12", 0, "")],
        ..instead(NOBODY)
    };
    let mut to = spare();
    to.prints.retain(|(line, ..)| !line.contains("10.77.0.12"));
    to.prints.extend(reaches.prints);
    let told = told_of(&usual(true), &restores(&[]), [lost(), lost()], to, keeper(NEVER));
    assert!(told.contains("stor2 is not dead: access2 reaches it"), "{told}");
}

#[test]
fn what_cannot_take_its_place_is_refused() {
    let refused = |fleet: &Fleet, wish: &Wish, to: Host, says: &str| {
        let told = told_of(fleet, wish, [lost(), lost()], to, keeper(NEVER));
        assert!(
            told.starts_with("REFUSED") && told.contains(says),
            "lacks {says:?}\n{told}"
        );
    };
    let (fleet, plain) = (usual(true), restores(&[]));
    let cases = [
        (
            ("copy_mark /srv/slice-a", 0, "used\n"),
            "/srv/slice-a of access2 is not empty",
        ),
        (
            ("copy_mark /srv/slice-a", 0, "mark slice-a of lab from slice-a-1\n"),
            "is not empty (mark slice-a of lab from slice-a-1)",
        ),
        (
            ("copy_mark /srv/slice-a", 1, ""),
            "what /srv/slice-a of access2 holds is not known",
        ),
        (
            (
                "copy_room /srv/slice-a",
                0,
                "kib 90000 24 80000 inodes 64000 12 52000\n",
            ),
            "has room for 78 MiB, and slice-a-2 takes 100 MiB",
        ),
        (
            ("copy_room /srv/slice-a", 1, ""),
            "how full /srv/slice-a of access2 is, is not known",
        ),
        (
            ("who_has 10.77.0.31", 0, "somebody\n"),
            "somebody answers access2 for 10.77.0.31; look who serves the slice",
        ),
        (
            ("who_has 10.77.0.31", 0, "it is in no network of this host\n"),
            "for 10.77.0.31 is not known: it is in no network of this host",
        ),
        (
            ("who_has 10.77.0.31", 127, ""),
            "whether somebody answers access2 for 10.77.0.31 is not known",
        ),
        (
            ("exportfs -v", 0, "/srv/slice-a  \t10.77.0.0/24(rw)\n"),
            "take that export back first",
        ),
        (("command -v setsid", 127, ""), "setsid"),
    ];
    for (print, says) in cases {
        refused(&fleet, &plain, instead(print), says);
    }
    refused(
        &fleet,
        &restores(&[("backup", "slice-a-7")]),
        spare(),
        "no backup is called slice-a-7",
    );
    let on_access1 = with_spare(true, "access1", "");
    refused(
        &on_access1,
        &plain,
        spare(),
        "declare that in the inventory (`fetch` in `backup:`)",
    );
}

/// What an earlier try of the same backup has brought is written over: its room counts as free.
#[test]
fn an_earlier_try_is_gone_on_with() {
    let mut to = instead(("copy_mark /srv/slice-a", 0, "mark slice-a of lab from slice-a-2\n"));
    to.prints.insert(
        0,
        (
            "copy_room /srv/slice-a",
            0,
            "kib 200000 90000 80000 inodes 64000 12 52000\n",
        ),
    );
    let told = told_of(&usual(true), &restores(&[]), [lost(), lost()], to, keeper(NEVER));
    assert!(told.contains("holds an earlier try of restoring slice-a-2"), "{told}");
}

/// Clients wait for it: where the new server serves nobody else nothing is spared.
#[test]
fn restoring_spares_the_disks_of_a_server_that_others_need() {
    let limit = |more: &str| {
        let fleet = with_spare_and(
            true,
            "access1",
            ", fetch: [fetch, '{slice}', '{backup}', '{into}']",
            more,
        );
        let hosts = [
            ("stor1", lost()),
            ("stor2", lost()),
            ("access2", spare()),
            ("access1", keeper(NEVER)),
        ];
        let plan = planned(&fleet, &restores(&[]), hosts).unwrap();
        let said = plan
            .notes
            .iter()
            .any(|note| note.contains("access2 serves others as well"));
        (plan.layouts.restore.unwrap().disk_limit, said)
    };
    assert_eq!(limit(""), (Duration::MAX, false));
    let other = "      another: { device: /dev/md8, mount_point: /srv/another, unreplicated: true }\n";
    assert_eq!(limit(other), (Duration::from_millis(100), true));
}

/// The host of the backups needs no other way than that by which it restores.
#[test]
fn the_host_of_the_backups_restores_them_itself() {
    let fleet = with_spare(true, "access2", "");
    let told = told_of(&fleet, &restores(&[]), [lost(), lost()], spare(), keeper(NEVER));
    assert!(
        told.contains("task_go restore@slice-a 1800 r slice-a-2 /srv/slice-a"),
        "{told}"
    );
}

#[test]
fn only_a_slice_with_backups_and_a_place_on_another_server() {
    let refused = |fleet: &Fleet, into: &str, says: &str| {
        let wish = wish("restore-from-backup", &[("slice", "slice-a"), ("into", into)]);
        let refusals = looks(fleet, &wish).unwrap_err();
        assert!(refusals[0].fact.contains(says), "{refusals:?}");
    };
    refused(&usual(true), "slice-a", "which is a server of slice-a");
    refused(&usual(true), "slice-b", "which is a server of slice-a");
    let undeclared = changed(true, "segments:\n", &format!("segments:\n{SPARE}"));
    refused(
        &undeclared,
        "spare",
        "how the backups of slice-a are listed and restored",
    );
}
