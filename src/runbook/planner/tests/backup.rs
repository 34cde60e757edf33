//! Plans of tests of backups: which one, where to, and what is refused.

use super::*;

const LIST: &str = "1970-01-01T00:01:00Z slice-a-1 4096\n1970-01-01T00:10:00Z slice-a-2 104857600\n";

/// The inventory in which access2, which mounts the slice, keeps its backups.
fn with_backups(more: &str) -> Fleet {
    let keys =
        "on: access2, list: [site-backup, list, '{slice}'], restore: [site-backup, restore, '{backup}', '{into}']";
    let text = format!("        preferred: stor1\n        backup: {{ {keys}, scratch: /srv/scratch{more} }}\n");
    changed(false, "        preferred: stor1\n", &text)
}

fn vault() -> Host {
    Host {
        prints: vec![
            ("cat /etc/machine-id", 0, "22222222222222222222222222222222\n"),
            (
                "cat /proc/sys/kernel/random/boot_id",
                0,
                "33333333-3333-3333-3333-333333333333\n",
            ),
            (
                "cat /proc/self/mountinfo",
                0,
                "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n40 22 0:50 / /mnt/a rw,noatime - nfs 10.77.0.31:/srv/slice-a rw,addr=10.77.0.31\n",
            ),
            ("timeout -s KILL 5 site-backup list slice-a", 0, LIST),
            ("scratch_state /srv/scratch/pointsman-slice-a", 0, "free\n"),
            ("backup_told backup@slice-a", 0, "no\nend\n"),
            ("timeout -s KILL 5 stat -f -- /mnt/a", 0, "Type: nfs\n"),
        ],
        ..host("healthy")
    }
}

/// The same, where something else is printed.
fn instead(line: &'static str, exit: i32, text: &'static str) -> Host {
    let mut host = vault();
    host.prints.insert(0, (line, exit, text));
    host
}

fn tests(parameters: &[(&str, &str)]) -> Wish {
    wish("backup-test", &[&[("slice", "slice-a")], parameters].concat())
}

fn told_of(fleet: &Fleet, wish: &Wish, vault: Host) -> String {
    told(planned(fleet, wish, [("access2", vault)]))
}

#[test]
fn the_newest_backup_is_tested_against_the_live_slice() {
    let fleet = with_backups(", expect: [customers, etc/index]");
    insta::assert_snapshot!(told_of(&fleet, &tests(&[]), vault()));
}

/// What cannot be compared is said before anybody consents, and another backup can be named.
#[test]
fn a_backup_that_can_be_compared_with_nothing_and_is_too_old() {
    let fleet = with_backups(", every: 5m");
    let hung = instead("timeout -s KILL 5 stat -f -- /mnt/a", 137, "");
    let told = told_of(&fleet, &tests(&[("backup", "slice-a-1")]), hung);
    for says in [
        "not compared with the live slice",
        "slice-a-1 is older than the 5 min",
        "backup_compare backup@slice-a-check 1800 /srv/scratch/pointsman-slice-a/tree /srv/scratch/pointsman-slice-a/work - 60 1000",
        "site-backup restore slice-a-1 /srv/scratch/pointsman-slice-a/tree",
    ] {
        assert!(told.contains(says), "lacks {says:?}\n{told}");
    }
}

#[test]
fn what_stands_against_a_test_is_told_with_what_lifts_it() {
    let fleet = with_backups("");
    let refused = |vault: Host, says: &[&str]| {
        let told = told_of(&fleet, &tests(&[]), vault);
        assert!(told.starts_with("REFUSED"), "{told}");
        for says in says {
            assert!(told.contains(says), "lacks {says:?}\n{told}");
        }
    };
    refused(
        instead(
            "timeout -s KILL 5 site-backup list slice-a",
            0,
            "1970-01-01T00:10:00Z a\nyesterday b\n",
        ),
        &[
            "is not known: line 2: it does not begin with a time",
            "mend the command `list`",
        ],
    );
    refused(
        instead("timeout -s KILL 5 site-backup list slice-a", 0, ""),
        &["no backup is listed"],
    );
    for (code, says) in [(1, "exit code 1"), (137, "exit code 137")] {
        let line = "timeout -s KILL 5 site-backup list slice-a";
        refused(
            instead(line, code, LIST),
            &[says, "within 5 s; where that takes longer a timer"],
        );
    }
    refused(
        instead(
            "timeout -s KILL 5 site-backup list slice-a",
            0,
            "1970-01-01T02:00:00Z slice-a-9\n",
        ),
        &["a clock is wrong"],
    );
    for (state, says) in [
        (
            "used it has no mark of ours\n",
            "is no scratch directory of ours: it has no mark of ours",
        ),
        (
            "mark test of slice-a of another\n",
            "is marked as test of slice-a of another",
        ),
        ("Segmentation fault\n", "does not say what is there"),
    ] {
        refused(
            instead("scratch_state /srv/scratch/pointsman-slice-a", 0, state),
            &[says, "name another directory in the inventory"],
        );
    }
    refused(
        instead(
            "copy_room /srv/scratch",
            0,
            "kib 1000000 960000 40000 inodes 64000 12 52000\n",
        ),
        &[
            "/srv/scratch of access2 has 39 MiB free, and slice-a-2 takes 100 MiB",
            "a larger scratch directory",
        ],
    );
    refused(
        instead("copy_room /srv/scratch", 1, ""),
        &["how full /srv/scratch of access2 is, is not known"],
    );
    let named = told_of(&fleet, &tests(&[("backup", "slice-a-7")]), vault());
    assert!(
        named.starts_with("REFUSED") && named.contains("no backup is called slice-a-7"),
        "{named}"
    );
}

/// A restored backup is never written onto a slice, nor onto a mount of one.
#[test]
fn a_scratch_directory_on_a_slice_is_refused() {
    for place in ["/mnt/a", "/mnt/b/deep", "/mnt"] {
        let text = format!(
            "        preferred: stor1\n        backup: {{ on: access2, list: [l], restore: [r, '{{backup}}', '{{into}}'], scratch: {place} }}\n"
        );
        let fleet = changed(false, "        preferred: stor1\n", &text);
        let mut vault = vault();
        vault.prints.extend([("timeout -s KILL 5 l", 0, LIST)]);
        let state: &'static str = format!("scratch_state {place}/pointsman-slice-a").leak();
        vault.prints.push((state, 0, "free\n"));
        let told = told_of(&fleet, &tests(&[]), vault);
        let on_slice = told.contains("which belongs at");
        assert_eq!(on_slice, place != "/mnt", "{place}: {told}");
    }
}

#[test]
fn a_slice_whose_backups_nobody_has_declared() {
    let refusals = looks(&fleet(false), &tests(&[])).unwrap_err();
    assert!(
        refusals[0].fact.contains("where the backups of slice-a are"),
        "{refusals:?}"
    );
    let text = "        preferred: stor1\n        backup: access2\n";
    let only_host = changed(false, "        preferred: stor1\n", text);
    let refusals = looks(&only_host, &tests(&[])).unwrap_err();
    assert!(
        refusals[0].fact.contains("how the backups of slice-a are listed"),
        "{refusals:?}"
    );
}

/// The verdict of the last test is told where the next one is planned.
#[test]
fn the_last_test_is_told() {
    let told = "of slice-a-1 60 may 0\nbackup files 7 bytes 4096\nbackup lacks customers\nbackup checked 900\nend\n";
    let told = told_of(
        &with_backups(""),
        &tests(&[]),
        instead("backup_told backup@slice-a", 0, told),
    );
    assert!(
        told.contains("the last test, 100 s ago, was of slice-a-1, which is NOT good: it has no customers"),
        "{told}"
    );
}
