//! Plans about clients of slices: which mounts, who holds them, and what is refused or not known.

use super::*;

/// slice-a hangs on a client, slice-b answers.
const HUNG: &str = "37 0:33 answers\n36 0:32 hangs\nend\n";
const WELL: &str = "37 0:33 answers\n36 0:32 answers\nend\n";
const STALE: &str = "37 0:33 answers\n36 0:32 stale\nend\n";
/// A service and a shell hold slice-a.
const HELD: &str = "36 0:32 812 9911 D 33 php-fpm.service file php-fpm\n36 0:32 977 10022 S 0 - cwd bash\nend\n";
const KEPT: &str = "slice-a\tnfs\t10.77.0.31:/srv/slice-a\t/mnt/slice-a\trw,noatime\t\
    rw,vers=3,hard,proto=tcp,timeo=50,mountaddr=10.77.0.31,mountport=36331,addr=10.77.0.31\nend\n";

/// A client: how its mounts answer, who holds them, and what was kept of them.
fn client(survey: &'static str, held: &'static str, kept: &'static str) -> Host {
    let mut client = host("healthy");
    client.prints = vec![
        ("nfs_survey 10.77.0.31", 0, survey),
        ("nfs_held 10.77.0.31", 0, held),
        ("nfs_kept", 0, kept),
        ("nfs_stuck", 0, "812 9911 php-fpm\nend\n"),
        ("nfs_bar list -", 0, ""),
    ];
    client
}

/// The other client, of which nothing was recorded.
fn other(survey: &'static str, held: &'static str, kept: &'static str) -> Host {
    let mut other = client(survey, held, kept);
    other.prints.extend([
        ("cat /etc/machine-id", 0, "0123456789abcdef0123456789abcd02\n"),
        (
            "cat /proc/sys/kernel/random/boot_id",
            0,
            "b0070000-0000-4000-8000-000000000002\n",
        ),
        (
            "cat /proc/self/mountinfo",
            0,
            "29 1 0:24 / / rw - overlay overlay rw\n\
             36 29 0:32 / /mnt/slice-a rw,noatime - nfs 10.77.0.31:/srv/slice-a rw,vers=3,hard,addr=10.77.0.31\n\
             37 29 0:33 / /mnt/slice-b rw,noatime - nfs 10.77.0.32:/srv/slice-b rw,vers=3,hard,addr=10.77.0.32\n",
        ),
    ]);
    other
}

fn silent() -> Host {
    Host {
        answers: false,
        ..host("healthy")
    }
}

/// The lab's clients mount their slices where the captures have them.
fn lab() -> Fleet {
    changed(false, "/mnt/", "/mnt/slice-")
}

fn fence(more: &[(&str, &str)]) -> Wish {
    let mut parameters = vec![("segment", "lab"), ("slices", "slice-a")];
    parameters.extend_from_slice(more);
    wish("fence-segment", &parameters)
}

fn repoint(more: &[(&str, &str)]) -> Wish {
    let mut parameters = vec![("slice", "slice-a")];
    parameters.extend_from_slice(more);
    wish("client-repoint", &parameters)
}

fn force(mut wish: Wish, name: &str) -> Wish {
    wish.glass = vec![Glass {
        rule: Rule::Force,
        resource: name.into(),
        by: "op".into(),
    }];
    wish
}

fn told_of(wish: &Wish, one: Host, other: Host) -> String {
    told(planned(&lab(), wish, [("access1", one), ("access2", other)]))
}

#[test]
fn a_segment_is_taken_away_from_clients_that_hang() {
    let (one, two) = (client(HUNG, HELD, "end\n"), other(HUNG, "end\n", "end\n"));
    insta::assert_snapshot!(told_of(&fence(&[("holders", "end")]), one, two));
}

#[test]
fn a_client_that_is_silent_is_named_and_keeps_nobody_from_the_others() {
    let told = told_of(&fence(&[]), client(HUNG, HELD, "end\n"), silent());
    insta::assert_snapshot!(told);
    let none = told_of(&fence(&[]), silent(), silent());
    assert!(none.starts_with("REFUSED\nno client answers"), "{none}");
}

#[test]
fn what_answers_is_taken_away_only_by_its_name_and_with_a_reason() {
    let both = |wish: &Wish| told_of(wish, client(WELL, HELD, "end\n"), other(HUNG, HELD, "end\n"));
    let plain = both(&fence(&[]));
    assert!(
        plain.starts_with("REFUSED\nit is not hung: /mnt/slice-a of access1 answers")
            && plain.contains("--force=lab reason="),
        "{plain}"
    );
    let dumb = both(&force(fence(&[("reason", " ")]), "lab"));
    assert!(dumb.contains("no reason is given"), "{dumb}");
    let other = both(&force(fence(&[("reason", "it flaps")]), "elsewhere"));
    assert!(other.contains("it is not hung"), "{other}");
    let named = both(&force(fence(&[("reason", "it flaps")]), "lab"));
    assert!(
        named.contains("taken away although it answers: /mnt/slice-a of access1"),
        "{named}"
    );
}

#[test]
fn nobody_is_taken_for_fenced_whose_mounts_are_not_known() {
    for garbage in ["", "Segmentation fault\n", "36 0:32 hangs\n", "37 0:33 answers\nend\n"] {
        let told = told_of(&fence(&[]), client(garbage, HELD, "end\n"), other(HUNG, HELD, "end\n"));
        assert!(
            told.contains("access1 is not known, and it does not count as fenced") && !told.contains("access1$"),
            "{garbage:?}: {told}"
        );
    }
}

#[test]
fn another_mount_from_the_same_address_or_below_is_no_business_of_the_plan() {
    let mut covered = client(HUNG, HELD, "end\n");
    covered.instead = vec![(
        "37 29 0:33 / /mnt/slice-b rw",
        "39 29 0:39 / /mnt/slice-a rw - tmpfs tmpfs rw\n37 29 0:33 / /mnt/slice-b rw",
    )];
    let told = told_of(&fence(&[]), covered, other(HUNG, HELD, "end\n"));
    assert!(
        told.contains("is covered by another mount") && told.contains("clients=name!=access1"),
        "{told}"
    );
    let mut spaced = client(HUNG, HELD, "end\n");
    spaced.instead = vec![("/mnt/slice-a", "/mnt/slice\\040a")];
    let told = told_of(&fence(&[]), spaced, other(HUNG, HELD, "end\n"));
    assert!(told.contains("has a name that no command is given"), "{told}");
}

#[test]
fn a_stale_mount_is_mounted_anew() {
    let stale = client(STALE, HELD, "end\n");
    insta::assert_snapshot!(told_of(
        &repoint(&[("holders", "restart")]),
        stale,
        other(WELL, HELD, "end\n")
    ));
    let (one, two) = (client(WELL, "end\n", "end\n"), other(WELL, "end\n", "end\n"));
    let none = told_of(&repoint(&[]), one, two);
    assert!(
        none.contains("no mount of it is stale") && none.contains("nothing to mount anew"),
        "{none}"
    );
}

#[test]
fn a_mount_of_an_old_address_is_mounted_from_the_new_one() {
    let moved = changed(false, "10.77.0.31/24", "10.77.0.55/24");
    let named = force(repoint(&[("clients", "access1"), ("reason", "renumbered")]), "slice-a");
    let mut old = client(WELL, "end\n", "end\n");
    old.instead = vec![("/mnt/slice-a", "/mnt/a")];
    old.prints.push(("nfs_survey 10.77.0.55", 0, WELL));
    old.prints.push(("nfs_held 10.77.0.55", 0, "end\n"));
    let told = told(planned(&moved, &named, [("access1", old)]));
    assert!(
        told.contains("nfs_attach nfs 10.77.0.55:/srv/slice-a /mnt/a 'rw,noatime,vers=3"),
        "{told}"
    );
}

#[test]
fn what_was_taken_away_is_given_back_as_it_was() {
    let fenced = || {
        let mut client = client("37 0:33 answers\nend\n", "end\n", KEPT);
        client.instead = vec![("36 29 0:32 / /mnt/slice-a", "36 29 0:32 / /mnt/elsewhere")];
        client
    };
    let back = wish("unfence-segment", &[("segment", "lab"), ("slices", "slice-a")]);
    insta::assert_snapshot!(told_of(&back, fenced(), silent()));
    for garbage in [
        "",
        "slice-a\tnfs\n",
        "slice-a\tnfs\t10.77.0.31:/srv/slice-a\t/mnt/slice-a\trw\trw\n",
    ] {
        let told = told_of(&back, client(HUNG, "end\n", garbage), silent());
        assert!(
            told.starts_with("REFUSED") && told.contains("of no client it is known what it mounts; access1: "),
            "{garbage:?}: {told}"
        );
    }
}

#[test]
fn slices_without_an_address_of_their_own_are_refused() {
    let fleet = changed(false, "        service_address: 10.77.0.31/24\n", "");
    let refusals = looks(&fleet, &fence(&[])).unwrap_err();
    assert!(refusals[0].fact.contains("no service address"), "{refusals:?}");
    let unknown = looks(&lab(), &fence(&[("clients", "nobody*")])).unwrap_err();
    assert!(unknown[0].fact.contains("clients"), "{unknown:?}");
    let servers = looks(&lab(), &fence(&[("clients", "stor*")])).unwrap_err();
    assert!(servers[0].fact.contains("no client of slice-a"), "{servers:?}");
}
