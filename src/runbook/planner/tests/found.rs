//! What a plan finds out by itself: exports and options, tools, faults of the receiver, and who can prove the end.

use super::*;
use crate::runbook::{
    operation::{Place, Work},
    plan::{Plan, Step},
};

fn the_move() -> Wish {
    wish("slice-move", &[("slice", "slice-a")])
}

fn the_failover() -> Wish {
    wish("failover", &[("server", "stor1"), ("slices", "slice-a")])
}

fn step<'a>(plan: &'a Plan, action: &str) -> &'a Step {
    plan.steps.iter().find(|step| step.call.action == action).unwrap()
}

fn commands(plan: &Plan, action: &str) -> Vec<String> {
    step(plan, action).operation.shown()
}

fn printing(at: usize, prints: Vec<(&'static str, i32, &'static str)>) -> [(&'static str, Host); 2] {
    let mut hosts = both("healthy");
    hosts[at].1.prints = prints;
    hosts
}

fn facts(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_client_of_an_export_keeps_its_own_options() {
    let exports = "/srv/slice-a  \t10.77.0.0/24(sync,wdelay,fsid=1001,rw,no_root_squash)\n\
                   /srv/slice-a  \t10.88.0.9(sync,wdelay,fsid=1001,ro,root_squash)\n\
                   /srv/slice-a  \t-u(rw)\n";
    let plan = planned(
        &fleet(false),
        &the_move(),
        printing(0, vec![("exportfs -v", 0, exports)]),
    )
    .unwrap();
    assert_eq!(
        commands(&plan, "export"),
        [
            "exportfs -o 'sync,wdelay,fsid=1001,rw,no_root_squash' 10.77.0.0/24:/srv/slice-a",
            "exportfs -o 'sync,wdelay,fsid=1001,ro,root_squash' 10.88.0.9:/srv/slice-a",
        ]
    );
    assert_eq!(
        commands(&plan, "unexport"),
        ["unexport 10.77.0.0/24:/srv/slice-a 10.88.0.9:/srv/slice-a"]
    );
}

#[test]
fn a_slice_is_mounted_with_the_options_of_its_filesystem_too() {
    let mut hosts = both("healthy");
    hosts[0].1.instead = vec![(
        "rw,errors=remount-ro,stripe=1024",
        "rw,seclabel,usrquota,errors=remount-ro,context=\"a\"",
    )];
    let plan = planned(&fleet(false), &the_move(), hosts).unwrap();
    assert_eq!(
        commands(&plan, "mount"),
        ["mount -o 'rw,noatime,usrquota,errors=remount-ro' -- /dev/drbd0 /srv/slice-a"]
    );
}

#[test]
fn what_a_dead_server_cannot_tell_is_declared_or_guessed_aloud_or_refused() {
    const DECLARED: &str = "export: { clients: [10.77.0.0/24], options: [rw, no_root_squash, fsid=1001] }";
    let plan = planned(&fleet(true), &the_failover(), dead()).unwrap();
    assert_eq!(
        commands(&plan, "export"),
        ["exportfs -o 'rw,no_root_squash,fsid=1001' 10.77.0.0/24:/srv/slice-a"]
    );
    let warns = |plan: &Plan, what: &str| plan.warnings.iter().any(|warning| warning.contains(what));
    assert!(
        warns(&plan, "its export is taken from the inventory"),
        "{:?}",
        plan.warnings
    );
    assert!(
        warns(&plan, "with which options slice-a was mounted cannot be seen"),
        "{:?}",
        plan.warnings
    );
    let half = changed(true, DECLARED, "export: { clients: [10.77.0.0/24] }");
    let plan = planned(&half, &the_failover(), dead()).unwrap();
    assert!(
        warns(&plan, "cannot be seen and are not declared: rw,sync,no_subtree_check"),
        "{:?}",
        plan.warnings
    );
    let nothing = changed(true, DECLARED, "export: {}");
    let refusals = planned(&nothing, &the_failover(), dead()).unwrap_err();
    assert!(facts(&refusals).contains("names no clients"), "{refusals:?}");
    // What can be seen needs no declaration, and no warning.
    let plan = planned(&nothing, &the_move(), both("healthy")).unwrap();
    assert!(commands(&plan, "export")[0].contains("fsid=1001"), "{plan:?}");
    assert!(!warns(&plan, "cannot be seen"), "{:?}", plan.warnings);
}

#[test]
fn a_tool_that_a_step_will_need_is_missed_before_anything_is_done() {
    for (at, look, exit, text, says) in [
        (1, "flock --help", 127, "", "stor2 has no flock"),
        (
            1,
            "flock --help",
            1,
            "BusyBox v1.35\n",
            "the flock of stor2 knows no -w",
        ),
        (
            1,
            "sync --help",
            0,
            "Usage: sync [OPTION]\n",
            "the sync of stor2 takes no files",
        ),
        (
            0,
            "sync --help",
            0,
            "Usage: sync [OPTION]\n",
            "the sync of stor1 takes no files",
        ),
        (1, "command -v drbdadm", 127, "", "stor2 has no drbdadm"),
        (1, "command -v exportfs", 1, "", "stor2 has no exportfs"),
        (0, "command -v nft", 127, "", "stor1 has neither nft nor iptables"),
        (1, "command -v mount", 127, "", "stor2 has no mount"),
        // To take it back is part of the plan.
        (0, "command -v arping", 127, "", "stor1 has neither arping nor busybox"),
        (1, "command -v umount", 127, "", "stor2 has no umount"),
    ] {
        let refusals = planned(&fleet(false), &the_move(), printing(at, vec![(look, exit, text)])).unwrap_err();
        assert_eq!(refusals.len(), 1, "{look}: {refusals:?}");
        assert!(refusals[0].fact.contains(says), "{look}: {refusals:?}");
        assert!(refusals[0].lift.contains("install"), "{look}: {refusals:?}");
    }
    // What no step needs is not missed.
    for (at, look) in [
        (1, "command -v nft"),
        (1, "command -v systemctl"),
        (1, "command -v busybox"),
    ] {
        let plan = planned(&fleet(false), &the_move(), printing(at, vec![(look, 127, "")]));
        assert!(plan.is_ok(), "{look}: {plan:?}");
    }
}

fn own_runbook(step: &str) -> Wish {
    let text = format!(
        "name: mine\ntitle: t\nkind: planned\nabout: slices\nparameters: {{ slice: {{ type: slice }}, host: {{ type: host }} }}\nsteps:\n  - {step}\n"
    );
    let definition = catalogue::read(Path::new("mine.yaml"), &text).unwrap();
    Wish {
        definition,
        ..wish("slice-move", &[("slice", "slice-a"), ("host", "access1")])
    }
}

#[test]
fn services_of_hosts_that_the_plan_is_not_about_are_left_alone() {
    let mut wish = own_runbook("{ do: service, with: { host: '{{ host }}', unit: cron, state: stopped }, why: w }");
    let refusals = planned(&fleet(false), &wish, both("healthy")).unwrap_err();
    assert!(
        facts(&refusals).contains("access1 is no host that this plan is about"),
        "{refusals:?}"
    );
    wish.parameters.insert("host".into(), "stor1".into());
    let plan = planned(&fleet(false), &wish, both("healthy")).unwrap();
    assert_eq!(commands(&plan, "service"), ["systemctl stop cron"]);
    // What an action lets through, the interlock does not.
    let mut plan = plan;
    for claim in &mut plan.steps[0].operation.claims {
        if let crate::runbook::operation::Claim::Service { host, .. } = claim {
            *host = "access1".into();
        }
    }
    let forbidden = crate::runbook::interlock::forbids(&plan);
    assert!(
        facts(&forbidden).contains("access1 is one of the hosts of the plan"),
        "{forbidden:?}"
    );
}

#[test]
fn an_ipv6_address_is_refused_before_anything_is_done() {
    let fleet = changed(true, "10.77.0.31/24", "fd00:77::31/64");
    for (wish, hosts) in [(the_move(), both("healthy")), (the_failover(), dead())] {
        let refusals = planned(&fleet, &wish, hosts).unwrap_err();
        assert!(facts(&refusals).contains("fd00:77::31, of IPv6"), "{refusals:?}");
    }
}

const ERRORS: (&str, i32, &str) = (
    "find /sys/fs/ext4 -name errors_count -exec grep -H . {} ;",
    0,
    "/sys/fs/ext4/drbd0/errors_count:0\n/sys/fs/ext4/drbd1/errors_count:3\n",
);

#[test]
fn a_standby_with_a_fault_of_its_own_takes_over_only_by_name() {
    let mut hosts = dead();
    hosts[1].1.prints = vec![ERRORS];
    let mut wish = the_failover();
    let refusals = planned(&fleet(true), &wish, hosts.clone()).unwrap_err();
    let said = facts(&refusals);
    assert!(
        said.contains("the filesystem of drbd1 of stor2 has counted errors, and what stor1 died of is not known"),
        "{said}"
    );
    assert!(said.contains("--force=stor2"), "{said}");
    let force = |name: &str| Glass {
        rule: Rule::Force,
        resource: name.into(),
        by: "ann".into(),
    };
    wish.glass = vec![force("stor2")];
    let plan = planned(&fleet(true), &wish, hosts.clone()).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.contains("has counted errors"))
    );
    // The kernel has taken the right to write away.
    let mounts = fs::read_to_string("tests/captures/lab/healthy/stor2/mounts").unwrap();
    let own = mounts.lines().find(|line| line.contains(" /srv/slice-b ")).unwrap();
    let broken = mounts.replace(own, &own.replace("/dev/drbd1 rw,", "/dev/drbd1 ro,"));
    assert_ne!(broken, mounts);
    hosts[1].1.prints = vec![("cat /proc/self/mountinfo", 0, broken.leak())];
    let refusals = planned(&fleet(true), &the_failover(), hosts).unwrap_err();
    assert!(
        facts(&refusals).contains("the kernel has made /srv/slice-b of stor2 read-only"),
        "{refusals:?}"
    );
    // A server that is half dead and answers can be compared; no name lifts it then.
    let mut hosts = both("healthy");
    for (_, host) in &mut hosts {
        host.prints = vec![ERRORS];
    }
    wish.glass.push(force("stor1"));
    let refusals = planned(&fleet(true), &wish, hosts.clone()).unwrap_err();
    assert!(
        facts(&refusals).contains("stor1 and stor2 both show a filesystem with errors"),
        "{refusals:?}"
    );
    let refusals = planned(&fleet(true), &the_move(), hosts).unwrap_err();
    assert!(
        facts(&refusals).contains("must not end on weaker ground"),
        "{refusals:?}"
    );
}

#[test]
fn a_plan_is_stale_when_its_warnings_are_others() {
    let with = |locks: &'static str| {
        let plan = planned(
            &fleet(false),
            &the_move(),
            printing(0, vec![("cat /proc/locks", 0, locks)]),
        );
        plan.unwrap().hash
    };
    let one = with("1: POSIX  ADVISORY  WRITE 700 93:00:13 0 EOF\n");
    let two = with("1: POSIX  ADVISORY  WRITE 700 93:00:13 0 EOF\n2: POSIX  ADVISORY  READ 700 93:00:14 0 EOF\n");
    assert_eq!(one, two, "how many is no other warning");
    assert_ne!(
        one,
        with("1: POSIX  ADVISORY  WRITE 700 08:01:13 0 EOF\n"),
        "none is another one"
    );
}

#[test]
fn the_end_is_proven_by_a_client_or_by_a_person() {
    let last = |plan: &Plan| plan.steps.last().unwrap().operation.clone();
    for (wish, hosts) in [(the_move(), both("healthy")), (the_failover(), dead())] {
        let end = last(&planned(&fleet(true), &wish, hosts.clone()).unwrap());
        assert_eq!((&end.place, &end.work), (&Place::Console, &Work::Commands(Vec::new())));
        assert_eq!(end.proof.len(), 1);
        assert_eq!(
            end.proof[0].says,
            "slice-a answers a client: access1 (/mnt/a) or access2 (/mnt/a)"
        );
        for (from, to) in [
            ("{ slice: slice-a, at: /mnt/a }, ", ""),
            ("address: 10.77.0.2", "shell: forced, address: 10.77.0.2"),
        ] {
            let end = last(&planned(&changed(true, from, to), &wish, hosts.clone()).unwrap());
            let Work::Ask(question) = &end.work else {
                panic!("{end:?}");
            };
            assert_eq!(question.word, "slice-a");
            assert!(question.text.contains("slice-a"), "{question:?}");
        }
    }
    for name in ["slice-move", "failover", "fail-back"] {
        let step = catalogue::find(name).unwrap().steps.last().unwrap();
        // Of all slices at once: no slice waits to be served until another one is proven.
        assert!(step.action == "client-proof" && step.with.is_empty(), "{name}");
    }
}
