//! One golden file or named test for each storage incident that shaped the safety rules: the state in which it
//! happened → the plan, or the refusal.
//!
//! | what happened elsewhere | what holds it here |
//! |--|--|
//! | a fencing hook fired in a planned takeover (orchestrator #579) | `a_planned_runbook_that_fences` |
//! | a failed takeover left the old side read-only (orchestrator #802) | the crash matrix (tests/runbook): every exit is taken back or parked with a next step |
//! | another automation raced the takeover (orchestrator #1457) | the crash matrix: a second operator at each boundary, tokens on the targets |
//! | a partition taken for death, both coasts written (GitHub 2018) | `a_partition_without_fencing`, `a_partition_with_fencing` |
//! | a timeout taken for "the peer is gone" (kubeblocks-addons PR 3144) | `a_silent_receiver`, `one_observer_alone` |
//! | a failed umount of a bind mount killed every process (resource-agents #1304) | `a_bind_mount_of_the_slice` |
//! | locks lost after an NFS failover (resource-agents #1644, PR 943) | `a_move_of_a_healthy_slice` (its note on locks) |
//! | a stale etab said "exported" after a reboot (resource-agents PR 821) | `an_export_left_over_on_the_receiver` |
//! | demote blocked by an opener (drbd #74, linstor-server PR 493) | the crash matrix: `Udev` at each boundary; a bounded retry on (-12) alone |
//! | both UpToDate, yet diverged (drbd #145, PR 142) | `up_to_date_and_yet_not_equal`; no built-in runbook forces: `no_built_in_runbook_forces` |
//! | a replica that is behind was promoted (orchestrator #83, #88) | `no_failover_onto_data_that_is_behind`, `a_move_in_the_middle_of_a_resync` |
//! | the address moved, neighbours kept the old one (resource-agents #124) | `a_receiver_that_cannot_announce`; the simulation's neighbours |
//! | a retry met "already running" (rundeck #1079) | `without_receipts_a_command_runs_twice`, the crash matrix (reply lost, done) |
//! | the right command on the wrong host (GitLab 2017) | `one_machine_under_two_names_is_no_pair`, `without_the_identity_check_another_machine_is_changed` |
//! | an empty set meant "everything" (Google Diskerase) | `a_server_with_nothing_to_take_over` |
//! | a delayed enactor applied an old plan (AWS 2025) | `without_fencing_tokens_old_commands_take_effect`, `a_stale_plan_is_not_run`, `the_hash_follows_the_state_and_the_parameters` |
//! | the second server had the fault of the first | `no_failover_onto_a_server_with_the_same_fault` |
//! | a server that is half dead: no planned move, and not dead enough either | `a_half_dead_server`, `a_half_dead_server_that_is_named` |
//! | an array that rebuilds took the load of two | `no_move_to_a_server_that_rebuilds` |
//! | `recv -F` destroyed snapshots, `rsync --delete` from an empty mount point | not applicable until runbooks for that exist |
//!
//! Those of databases are in `database`, those of Galera clusters in `galera`.

use super::*;

/// `told`, as a golden file.
macro_rules! golden {
    ($result:expr) => {
        insta::assert_snapshot!(told($result))
    };
}

fn the_move() -> Wish {
    wish("slice-move", &[("slice", "slice-a")])
}

fn the_failover() -> Wish {
    wish("failover", &[("server", "stor1"), ("slices", "slice-a")])
}

fn reaches(client: &'static str) -> (&'static str, Host) {
    let mut state = host("healthy");
    state.prints = vec![("ping -n -c 1 -W 1 10.77.0.11", 0, "")];
    (client, state)
}

/// The console and stor2 are cut off from stor1; its clients still reach it, and write.
fn partition() -> Vec<(&'static str, Host)> {
    let mut hosts: Vec<_> = dead().into();
    hosts.extend([reaches("access1"), reaches("access2")]);
    hosts
}

/// stor1 hangs: it takes connections and begins no command. Its kernel answers pings and replicates.
fn half_dead() -> Vec<(&'static str, Host)> {
    let mut hosts: Vec<_> = both("healthy").into();
    hosts[0].1.answers = false;
    hosts.extend([reaches("access1"), reaches("access2")]);
    hosts
}

fn named(rule: Rule, resource: &str) -> Glass {
    Glass {
        rule,
        resource: resource.into(),
        by: "ann".into(),
    }
}

#[test]
fn a_partition_without_fencing() {
    let mut wish = the_failover();
    wish.glass = vec![named(Rule::AssertOff, "stor1")];
    golden!(planned(&fleet(false), &wish, partition()));
}

#[test]
fn a_partition_with_fencing() {
    // Whoever is cut off cannot tell a partition from a death: a server that clients still reach is switched off by its
    // name only.
    let mut wish = the_failover();
    let refusals = planned(&fleet(true), &wish, partition()).unwrap_err();
    assert!(
        refusals[0].fact.contains("stor1 is not dead: access1 reaches it"),
        "{refusals:?}"
    );
    wish.glass = vec![named(Rule::Force, "stor1")];
    let plan = planned(&fleet(true), &wish, partition()).unwrap();
    assert_eq!(plan.steps[0].call.action, "fence", "before anything else");
    golden!(Ok(plan));
}

#[test]
fn a_silent_receiver() {
    let mut hosts = both("healthy");
    hosts[1].1.answers = false;
    golden!(planned(&fleet(false), &the_move(), hosts));
}

#[test]
fn one_observer_alone() {
    golden!(planned(&fleet(true), &the_failover(), half_dead()));
}

#[test]
fn a_half_dead_server() {
    golden!(planned(&fleet(true), &the_move(), half_dead()));
}

#[test]
fn a_half_dead_server_that_is_named() {
    let mut wish = the_failover();
    wish.glass = vec![named(Rule::Force, "stor1")];
    let plan = planned(&fleet(true), &wish, half_dead()).unwrap();
    assert_eq!(plan.steps[0].call.action, "fence");
    golden!(Ok(plan));
    // Nobody's word is enough for a server that still answers somebody.
    wish.glass.push(named(Rule::AssertOff, "stor1"));
    assert!(planned(&fleet(false), &wish, half_dead()).is_err());
}

#[test]
fn a_bind_mount_of_the_slice() {
    let mut hosts = both("healthy");
    let mounts = fs::read_to_string("tests/captures/lab/healthy/stor1/mounts").unwrap();
    let slice = mounts.lines().find(|line| line.contains(" /srv/slice-a ")).unwrap();
    let bound = format!(
        "{}\n{}\n",
        mounts.trim_end(),
        slice.replacen(" /srv/slice-a ", " /home/backup ", 1)
    );
    hosts[0].1.prints = vec![("cat /proc/self/mountinfo", 0, bound.leak())];
    golden!(planned(&fleet(false), &the_move(), hosts));
}

#[test]
fn an_export_left_over_on_the_receiver() {
    let mut hosts = both("healthy");
    let old = "/srv/slice-a  \t10.77.0.0/24(sync,wdelay,hide,no_subtree_check,fsid=1001,sec=sys,rw,secure)\n";
    hosts[1].1.prints = vec![("exportfs -v", 0, old)];
    golden!(planned(&fleet(false), &the_move(), hosts));
}

#[test]
fn up_to_date_and_yet_not_equal() {
    let mut hosts = both("healthy");
    for (_, host) in &mut hosts {
        host.instead = vec![(" oos:0", " oos:8192")];
    }
    golden!(planned(&fleet(false), &the_move(), hosts));
}

#[test]
fn a_move_in_the_middle_of_a_resync() {
    let wish = wish("slice-move", &[("slice", "slice-b")]);
    golden!(planned(&fleet(false), &wish, both("resync")));
}

#[test]
fn a_receiver_that_cannot_announce() {
    let mut hosts = both("healthy");
    hosts[1].1.prints = vec![("command -v arping", 127, "")];
    golden!(planned(&fleet(false), &the_move(), hosts));
}

#[test]
fn a_server_with_nothing_to_take_over() {
    let elsewhere = wish("failover", &[("server", "stor1")]);
    golden!(planned(&fleet(true), &elsewhere, both("moved")));
    let none = wish("failover", &[("server", "access1")]);
    let refusals = looks(&fleet(true), &none).unwrap_err();
    assert!(refusals[0].lift.contains("not everything"), "{refusals:?}");
}

#[test]
fn a_planned_runbook_that_fences() {
    let text = "name: mine
title: t
kind: planned
about: slices
parameters: { slice: { type: slice } }
steps:
  - { do: fence, with: { host: '{{ from }}' }, why: w }
";
    let flaws = catalogue::read(Path::new("mine.yaml"), text).unwrap_err();
    assert_eq!(flaws.len(), 1);
    assert_eq!(flaws[0].message, "fence does not belong into a runbook of this kind");
}

#[test]
fn no_built_in_runbook_forces() {
    for (file, text) in catalogue::BUILT_IN {
        for word in ["force", "invalidate", "overwrite", "lazy", "kill"] {
            assert!(!text.contains(word), "{file} says {word}");
        }
    }
}

/// What a host prints instead of an answer: none of it is ever taken for a yes.
#[test]
fn garbage_satisfies_no_check() {
    let garbage = [
        (1, ""),
        (127, "sh: 1: not found\n"),
        (0, "Segmentation fault\n"),
        (0, "\u{fffd}\u{0}\u{1b}[31m{}<html>\n\n"),
        (0, "Personalities : [raid1]\nunused devices: <none>\n"),
    ];
    let needed = [
        "cat /proc/drbd",
        "cat /proc/self/mountinfo",
        "ip -o addr show",
        "exportfs -v",
        "port_block list -",
        "cat /proc/net/rpc/nfsd.export/content",
        "cat /etc/machine-id",
        "cat /proc/sys/kernel/random/boot_id",
        "cat /proc/fs/nfsd/threads",
    ];
    for side in 0..2 {
        for look in needed {
            for (exit, text) in garbage {
                let mut hosts = both("healthy");
                hosts[side].1.prints = vec![(look, exit, text)];
                // Only the receiver's threads and cache are asked for before a move: the engine asks again.
                let asked = side == 1
                    || !matches!(
                        look,
                        "cat /proc/fs/nfsd/threads" | "cat /proc/net/rpc/nfsd.export/content"
                    );
                let refused = planned(&fleet(false), &the_move(), hosts).is_err();
                assert_eq!(refused, asked, "{look} of {side}: {exit} {text:?}");
            }
        }
    }
}

/// Which of several observers has answered this time, and how busy the receiver is at this second, is no other plan.
#[test]
fn what_changes_by_the_second_asks_for_no_new_consent() {
    let misses = |client: &'static str, answers: bool| {
        let mut state = host("healthy");
        state.prints = vec![("ping -n -c 1 -W 1 10.77.0.11", 1, "")];
        state.answers = answers;
        (client, state)
    };
    let plan = |second: bool, load: &'static str| {
        let mut hosts: Vec<_> = dead().into();
        hosts[1].1.prints.push(("cat /proc/loadavg", 0, load));
        hosts.extend([misses("access1", true), misses("access2", second)]);
        planned(&fleet(true), &the_failover(), hosts).unwrap()
    };
    let (both, one) = (
        plan(true, "0.10 0.1 0.1 1/100 1\n"),
        plan(false, "9.00 0.1 0.1 1/100 1\n"),
    );
    assert!(
        both.notes.iter().any(|note| note.contains("access2")),
        "{:?}",
        both.notes
    );
    assert!(
        !one.notes.iter().any(|note| note.contains("access2")),
        "{:?}",
        one.notes
    );
    assert!(one.notes.iter().any(|note| note.contains("load")), "{:?}", one.notes);
    assert_eq!(both.hash, one.hash);
}
