//! Plans of migrations by snapshots of ZFS: how, and what is refused.

use super::*;

const SEGMENTS: &str =
    "segments:\n  lab:\n    servers: [stor1, stor2]\n    slices:\n      slice-a:\n        device: /dev/drbd0\n";

/// Both sides are datasets; more text before them.
fn datasets(more: &str, into: &str) -> Fleet {
    let segments = format!(
        "{more}segments:\n  interim:\n    servers: [access2]\n    slices:\n      \
         spare: {{ device: {into}, mount_point: /srv/slice-a, unreplicated: true }}\n  \
         lab:\n    servers: [stor1, stor2]\n    slices:\n      slice-a:\n        device: tank/slice-a\n"
    );
    changed(false, SEGMENTS, &segments)
}

const OLD: &str = "type filesystem\ncopy -\nold -\nacltype posix\nxattr sa\nmountpoint /srv/slice-a\nresumes\nbelow 0\nothers 2\nwritten 400000000\nend\n";
const NEW: &str = "type filesystem\ncopy -\nold -\nacltype posix\nxattr sa\nmountpoint /srv/slice-a\nresumes\nbelow 0\nothers 0\nwritten 24576\nend\n";

/// The server that is left.
fn from() -> Host {
    Host {
        instead: vec![("ext4 /dev/drbd0", "zfs tank/slice-a")],
        prints: vec![("stream_stand tank/slice-a", 0, OLD)],
        ..host("healthy")
    }
}

/// The one that it moves to.
fn to() -> Host {
    Host {
        instead: vec![],
        prints: vec![
            (
                "cat /proc/self/mountinfo",
                0,
                "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n40 22 0:52 / /srv/slice-a rw,noatime - zfs pool/slice-a rw,xattr\n",
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
            ("stream_stand pool/slice-a", 0, NEW),
        ],
        ..host("healthy")
    }
}

fn moves() -> Wish {
    wish(
        "migrate-zfs",
        &[("slice", "slice-a"), ("into", "spare"), ("budget", "120")],
    )
}

fn told_of(fleet: &Fleet, from: Host, to: Host) -> String {
    told(planned(fleet, &moves(), [("stor1", from), ("access2", to)]))
}

/// What was made below an old side since the slice moved is no part of it.
#[test]
fn an_old_side_with_datasets_below_it_stays() {
    let told = |stand: &'static str| {
        let reclaim = wish("migrate-reclaim", &[("slice", "slice-a"), ("into", "spare")]);
        let mut left = from();
        left.prints.insert(0, ("stream_stand tank/slice-a", 0, stand));
        let fleet = datasets("", "pool/slice-a");
        super::told(planned(&fleet, &reclaim, [("stor1", left), ("access2", to())]))
    };
    let below = OLD.replace("below 0", "below 2");
    let said = told(Box::leak(below.into_boxed_str()));
    assert!(said.contains("tank/slice-a of stor1 has 2 datasets below it"), "{said}");
    let said = told("type filesystem\n");
    assert!(
        said.contains("whether datasets are below tank/slice-a of stor1 is not known"),
        "{said}"
    );
    assert!(!told(OLD).contains("below"), "{}", told(OLD));
}

#[test]
fn a_migration_by_snapshots() {
    insta::assert_snapshot!(told_of(&datasets("", "pool/slice-a"), from(), to()));
}

/// What stands against it is told before anything is done, each with what lifts it.
#[test]
fn what_cannot_be_sent_or_received_is_refused() {
    let fleet = datasets("", "pool/slice-a");
    let refused = |old: &str, new: &str, says: &[&str]| {
        let stand = |text: &str| Box::leak(text.to_owned().into_boxed_str()) as &'static str;
        let (mut left, mut right) = (from(), to());
        left.prints.insert(0, ("stream_stand tank/slice-a", 0, stand(old)));
        right.prints.insert(0, ("stream_stand pool/slice-a", 0, stand(new)));
        let told = told_of(&fleet, left, right);
        assert!(told.starts_with("REFUSED"), "{told}");
        for says in says {
            assert!(told.contains(says), "lacks {says:?}\n{told}");
        }
    };
    let with = |text: &str, from: &str, to: &str| text.replace(from, to);
    refused(
        &with(OLD, "below 0", "below 3"),
        NEW,
        &[
            "tank/slice-a of stor1 has 3 datasets below it",
            "move those for themselves first",
        ],
    );
    refused(
        &with(OLD, "written 400000000\n", ""),
        NEW,
        &["zfs of stor1 cannot tell what was written", "use the runbook `migrate`"],
    );
    refused(
        OLD,
        &with(NEW, "others 0", "others 1"),
        &["pool/slice-a of access2 has 1 snapshots"],
    );
    refused(
        OLD,
        &with(NEW, "others 0\n", "others 0\nlast pointsman-run-1-1 77\n"),
        &["has snapshots of a run, and is no copy"],
    );
    refused(
        OLD,
        &with(NEW, "acltype posix", "acltype off"),
        &[
            "acltype is posix of tank/slice-a and off of pool/slice-a",
            "zfs set acltype=posix",
        ],
    );
    refused(OLD, &with(NEW, "type filesystem", "type volume"), &["is a volume"]);
    refused(
        &with(OLD, "mountpoint /srv/slice-a", "mountpoint legacy"),
        NEW,
        &[
            "tank/slice-a of stor1 has the mountpoint legacy",
            "zfs set mountpoint=/srv/slice-a tank/slice-a",
        ],
    );
    refused(
        OLD,
        &with(NEW, "resumes", "encryption aes-256-gcm\nresumes"),
        &["pool/slice-a of access2 is encrypted"],
    );
    refused(
        OLD,
        "type filesystem\n",
        &["was cut short", "whether its pool is imported"],
    );
    let told = told_of(
        &fleet,
        Host {
            prints: vec![("stream_stand tank/slice-a", 1, "")],
            ..from()
        },
        to(),
    );
    assert!(told.starts_with("REFUSED") && told.contains("zfs list"), "{told}");
    let mut without = to();
    without.prints.push(("command -v socat", 127, ""));
    let told = told_of(&fleet, from(), without);
    assert!(
        told.starts_with("REFUSED") && told.contains("socat") && told.contains("`migrate`"),
        "{told}"
    );
    let limited = datasets("migrate: { limit_kib_s: 50000 }\n", "pool/slice-a");
    let told = told_of(&limited, from(), to());
    assert!(
        told.starts_with("REFUSED") && told.contains("knows no such limit"),
        "{told}"
    );
    let told = told_of(&datasets("", "/dev/md9"), from(), to());
    assert!(
        told.starts_with("REFUSED") && told.contains("spare is on /dev/md9, which is no dataset"),
        "{told}"
    );
}

/// A copy that an earlier run has begun is read-only, and gone on with; one of something else is not.
#[test]
fn an_earlier_copy_is_gone_on_with() {
    let fleet = datasets("", "pool/slice-a");
    let with = |how: &str, mark: &'static str, stand: &'static str| {
        let mut to = to();
        to.prints.insert(0, ("copy_mark /srv/slice-a", 0, mark));
        to.prints.insert(0, ("stream_stand pool/slice-a", 0, stand));
        if how == "ro" {
            to.prints.insert(
                0,
                (
                    "cat /proc/self/mountinfo",
                    0,
                    "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n40 22 0:52 / /srv/slice-a ro,noatime - zfs pool/slice-a ro,xattr\n",
                ),
            );
        }
        told_of(&fleet, from(), to)
    };
    let ours = with(
        "ro",
        "mark slice-a of fc1b187af88b71014996bd18ed50c0db\n",
        "type filesystem\ncopy slice-a of fc1b187af88b71014996bd18ed50c0db\nold -\nacltype posix\nxattr sa\nmountpoint /srv/slice-a\nresumes\nbelow 0\n\
         others 0\nlast pointsman-run-1-1 77\nwritten 0\nend\n",
    );
    assert!(!ours.starts_with("REFUSED"), "{ours}");
    let other = with(
        "ro",
        "mark slice-b of somewhere\n",
        "type filesystem\ncopy slice-b of somewhere\nold -\nacltype posix\nxattr sa\nmountpoint /srv/slice-a\nresumes\nbelow 0\nothers 0\nwritten 0\nend\n",
    );
    assert!(
        other.starts_with("REFUSED") && other.contains("holds a copy of something else"),
        "{other}"
    );
    // A copy of rsync's bears a file and not the property: the stream would go over it.
    let of_files = with("rw", "mark slice-a of fc1b187af88b71014996bd18ed50c0db\n", NEW);
    assert!(
        of_files.starts_with("REFUSED") && of_files.contains("a copy that rsync has made"),
        "{of_files}"
    );
}
