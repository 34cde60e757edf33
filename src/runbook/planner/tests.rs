//! Plans and refusals by what real machines printed (tests/captures/lab).

use super::{Wish, catalogue, looks, plan, show};
use crate::{
    facts::{CleanText, UnixMs, Why},
    fleet::{Fleet, load},
    runbook::{
        check::Refusal,
        plan::{Glass, Rule},
        sight::{Glimpse, Look, Printed, Sight},
    },
};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

mod arrays;
mod backup;
mod clients;
mod database;
mod flaws;
mod found;
mod galera;
mod incidents;
mod migration;
mod own;
mod pools;
mod restore;
mod rolling;
mod streams;

const NOW: UnixMs = UnixMs(1_000_000);

fn fleet(fencing: bool) -> Fleet {
    changed(fencing, "", "")
}

/// The same with a text of the inventory put in the place of another.
fn changed(fencing: bool, from: &str, to: &str) -> Fleet {
    let text = text(fencing);
    assert!(text.contains(from), "{from}");
    if from.is_empty() {
        let loaded = load(Path::new("inventory.yaml"), &text, &|_| Err("no includes".into()));
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    }
    // What a test changes may be worth a warning.
    loaded(&if from.is_empty() { text } else { text.replace(from, to) })
}

fn loaded(text: &str) -> Fleet {
    let loaded = load(Path::new("inventory.yaml"), text, &|_| Err("no includes".into()));
    loaded.fleet.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn text(fencing: bool) -> String {
    let fence = if fencing {
        "groups: { bmc: { fencing: { off: [bmc, '{host}', 'off'], status: [bmc, '{host}', status] } } }"
    } else {
        "groups: { bmc: {} }"
    };
    format!(
        "fleet: lab
defaults: {{ user: root }}
{fence}
hosts:
  stor1: {{ address: 10.77.0.11, roles: [storage], groups: [bmc] }}
  stor2: {{ address: 10.77.0.12, roles: [storage], groups: [bmc] }}
  access1: {{ address: 10.77.0.21, mounts: [{{ slice: slice-a, at: /mnt/a }}, {{ slice: slice-b, at: /mnt/b }}] }}
  access2: {{ address: 10.77.0.22, mounts: [{{ slice: slice-a, at: /mnt/a }}, {{ slice: slice-b, at: /mnt/b }}] }}
segments:
  lab:
    servers: [stor1, stor2]
    slices:
      slice-a:
        device: /dev/drbd0
        resource: slice-a
        mount_point: /srv/slice-a
        export: {{ clients: [10.77.0.0/24], options: [rw, no_root_squash, fsid=1001] }}
        service_address: 10.77.0.31/24
        preferred: stor1
      slice-b:
        device: /dev/drbd1
        resource: slice-b
        mount_point: /srv/slice-b
        export: {{ clients: [10.77.0.0/24], options: [rw, no_root_squash, fsid=1002] }}
        service_address: 10.77.0.32/24
        preferred: stor2
"
    )
}

/// What a host printed in a recorded state.
#[derive(Clone)]
struct Host {
    state: &'static str,
    answers: bool,
    /// Text that is put in the place of another, for what could not be recorded.
    instead: Vec<(&'static str, &'static str)>,
    /// What a command prints, whatever was recorded: its words, exit code and text.
    prints: Vec<(&'static str, i32, &'static str)>,
}

fn host(state: &'static str) -> Host {
    Host {
        state,
        answers: true,
        instead: Vec::new(),
        prints: Vec::new(),
    }
}

fn answer(look: &Look, host: &Host) -> Result<Printed, Why> {
    let printed = |exit: i32, text: String| Ok(Printed { exit, text });
    if look.local {
        return printed(0, "on\n".into());
    }
    if !host.answers {
        return Err(Why::Hung(CleanText::new("connecting timed out")));
    }
    let line = look.argv.join(" ");
    if let Some((_, exit, text)) = host.prints.iter().find(|(known, ..)| *known == line) {
        return printed(*exit, (*text).to_owned());
    }
    let section = |name: &str| {
        let path = format!("tests/captures/lab/{}/{}/{name}", host.state, look.host);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let words: Vec<&str> = look.argv.iter().map(String::as_str).collect();
    let mut text = match words.as_slice() {
        ["cat", "/proc/drbd"] => section("drbd"),
        ["cat", "/proc/self/mountinfo"] => section("mounts"),
        ["cat", "/proc/mdstat"] => section("mdstat"),
        ["cat", "/proc/meminfo"] => section("meminfo"),
        ["cat", "/proc/loadavg"] => section("loadavg"),
        ["cat", "/proc/stat"] => "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\n".into(),
        ["cat", "/proc/fs/nfsd/threads"] => "8\n".into(),
        ["systemctl", "show", "-p", "LoadState", _] => "LoadState=loaded\n".into(),
        ["cat", "/proc/locks"] => {
            "1: POSIX  ADVISORY  WRITE 700 93:00:13 0 EOF\n2: FLOCK ADVISORY WRITE 1 08:01:9 0 EOF\n".into()
        }
        ["cat", "/proc/net/rpc/nfsd.export/content"] => "#path domain(flags)\n".into(),
        ["cat", "/etc/machine-id"] => identity(&section("identity"), "machine_id"),
        ["cat", "/proc/sys/kernel/random/boot_id"] => identity(&section("identity"), "boot_id"),
        ["ip", "-o", "addr", "show"] => section("addresses"),
        // Nothing exported prints nothing, and nothing was recorded.
        ["exportfs", "-v"] => {
            fs::read_to_string(format!("tests/captures/lab/{}/{}/exports", host.state, look.host)).unwrap_or_default()
        }
        ["port_block", "list", "-"] => String::new(),
        ["command", "-v", "busybox" | "iptables"] => return printed(127, String::new()),
        ["command", "-v", tool] => format!("/usr/bin/{tool}\n"),
        ["flock", "--help"] => "Usage:\n flock [options] <file>\n\n -w, --timeout <secs>  wait\n".into(),
        ["sync", "--help"] => "Usage: sync [OPTION] [FILE]...\n".into(),
        ["find", "/sys/fs/ext4", ..] => "/sys/fs/ext4/drbd0/errors_count:0\n".into(),
        ["ping", ..] => {
            return printed(
                i32::from(look.argv.last().is_some_and(|to| to == "10.77.0.11")),
                String::new(),
            );
        }
        ["who_has", _] => "somebody\n".into(),
        ["old_kept", _] => "no\n".into(),
        ["copy_mark", _] => "empty\n".into(),
        ["stream_stand", _] => return printed(1, String::new()),
        ["copy_room", _] => "kib 1000000 400000 600000 inodes 64000 12000 52000\n".into(),
        ["hour", _] => "3 21:15\n".into(),
        ["drbdsetup", "status", ..] | ["md_sys" | "zfs_pool" | "disk_id" | "disk_blank", ..] => {
            return printed(1, String::new());
        }
        ["systemctl", "is-active", ..] => "active\n".into(),
        other => panic!("an unexpected look: {other:?}"),
    };
    for (from, to) in &host.instead {
        text = text.replace(from, to);
    }
    printed(0, text)
}

fn identity(text: &str, key: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    format!("{}\n", line.split(' ').nth(1).unwrap())
}

fn wish(runbook: &str, parameters: &[(&str, &str)]) -> Wish {
    Wish {
        definition: catalogue::find(runbook).unwrap().clone(),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        glass: Vec::new(),
        alike: Vec::new(),
        weak: BTreeMap::new(),
        last: None,
    }
}

fn sight(fleet: &Fleet, wish: &Wish, hosts: &BTreeMap<&str, Host>) -> Sight {
    let mut sight = Sight::new(NOW, Duration::from_secs(5));
    for look in looks(fleet, wish).unwrap() {
        let state = match hosts.get(look.host.as_str()) {
            Some(host) => host,
            None => &host("healthy"),
        };
        let glimpse = Glimpse {
            at: NOW,
            answer: answer(&look, state),
        };
        sight.take(look, glimpse);
    }
    sight
}

fn planned(
    fleet: &Fleet,
    wish: &Wish,
    hosts: impl IntoIterator<Item = (&'static str, Host)>,
) -> Result<super::Plan, Vec<Refusal>> {
    let hosts = hosts.into_iter().collect();
    plan(fleet, wish, &sight(fleet, wish, &hosts))
}

fn both(state: &'static str) -> [(&'static str, Host); 2] {
    [("stor1", host(state)), ("stor2", host(state))]
}

/// A whole plan or every refusal, as a person reads it.
fn told(result: Result<super::Plan, Vec<Refusal>>) -> String {
    match result {
        Ok(plan) => show::text(&plan),
        Err(refusals) => {
            let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
            format!("REFUSED\n{}\n", lines.join("\n"))
        }
    }
}

#[test]
fn every_built_in_runbook_can_be_read() {
    for (file, text) in catalogue::BUILT_IN {
        if let Err(why) = catalogue::read(Path::new(file), text) {
            panic!("{file}: {why:?}");
        }
    }
    assert_eq!(catalogue::all().len(), catalogue::BUILT_IN.len());
}

#[test]
fn a_move_of_a_healthy_slice() {
    let plan = planned(
        &fleet(false),
        &wish("slice-move", &[("slice", "slice-a")]),
        both("healthy"),
    );
    insta::assert_snapshot!(told(plan));
}

#[test]
fn a_move_back_of_a_slice_away_from_home() {
    let plan = planned(
        &fleet(false),
        &wish("slice-move", &[("slice", "slice-a")]),
        both("moved"),
    )
    .unwrap();
    assert_eq!(plan.parameters["to"], "stor1");
    assert!(
        plan.steps[0].operation.says.contains("stor2"),
        "{}",
        plan.steps[0].operation.says
    );
}

#[test]
fn a_move_to_where_it_is_already() {
    let wish = wish("slice-move", &[("slice", "slice-a"), ("to", "stor1")]);
    insta::assert_snapshot!(told(planned(&fleet(false), &wish, both("healthy"))));
}

#[test]
fn no_move_without_a_connected_peer() {
    let wish = wish("slice-move", &[("slice", "slice-a")]);
    insta::assert_snapshot!(told(planned(&fleet(false), &wish, both("drbd-disconnected"))));
}

#[test]
fn no_move_in_a_split_brain() {
    let wish = wish("slice-move", &[("slice", "slice-a")]);
    insta::assert_snapshot!(told(planned(&fleet(false), &wish, both("split-brain"))));
}

#[test]
fn no_move_to_a_server_that_rebuilds() {
    let hosts = [("stor1", host("healthy")), ("stor2", host("md-rebuilding"))];
    let wish = wish("slice-move", &[("slice", "slice-a")]);
    insta::assert_snapshot!(told(planned(&fleet(false), &wish, hosts)));
}

#[test]
fn no_move_while_the_receiver_is_silent() {
    let mut hosts = both("healthy");
    hosts[1].1.answers = false;
    let wish = wish("slice-move", &[("slice", "slice-a")]);
    let refusals = planned(&fleet(false), &wish, hosts).unwrap_err();
    // One word about it, that names everything; and none that takes silence for a fact.
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    for part in ["stor2 does not answer", "replication", "addresses", "blocked ports"] {
        assert!(refusals[0].fact.contains(part), "{part}: {refusals:?}");
    }
    assert!(refusals[0].lift.contains("failover server=stor2"), "{refusals:?}");
}

#[test]
fn a_command_that_fails_on_a_host_that_answers_is_told_by_itself() {
    let mut hosts = both("healthy");
    hosts[1].1.prints = vec![("ip -o addr show", 1, "")];
    let wish = wish("slice-move", &[("slice", "slice-a")]);
    let refusals = planned(&fleet(false), &wish, hosts).unwrap_err();
    assert!(
        refusals[0]
            .fact
            .contains("`ip -o addr show` on stor2 ended with exit code 1"),
        "{refusals:?}"
    );
    assert!(
        refusals.iter().all(|refusal| !refusal.fact.contains("no interface")),
        "{refusals:?}"
    );
}

#[test]
fn every_function_of_the_targets_shell_that_a_plan_runs_is_explained() {
    let sent: Vec<&str> = include_str!("../target/wrapper.sh")
        .lines()
        .filter_map(|line| line.split_once("() {").map(|(name, _)| name))
        .collect();
    let mut used = std::collections::BTreeSet::new();
    let mut split = wish("split-brain", &[("slice", "slice-a"), ("victim", "stor2")]);
    split.glass.push(Glass {
        rule: Rule::Discard,
        resource: "slice-a".into(),
        by: "ann".into(),
    });
    let plans = [
        planned(
            &fleet(true),
            &wish("slice-move", &[("slice", "slice-a")]),
            both("healthy"),
        ),
        planned(
            &fleet(true),
            &wish("failover", &[("server", "stor1"), ("slices", "slice-a")]),
            dead(),
        ),
        planned(&fleet(true), &split, both("split-brain")),
    ];
    for plan in plans {
        let plan = plan.unwrap();
        let told: Vec<&str> = show::functions(&plan).into_iter().map(|(name, _)| name).collect();
        for command in plan.steps.iter().flat_map(|step| step.operation.shown()) {
            let name = command.split(' ').next().unwrap_or_default().to_owned();
            if sent.contains(&name.as_str()) {
                assert!(told.contains(&name.as_str()), "{name} is not explained");
                used.insert(name);
            }
        }
    }
    assert_eq!(
        used.into_iter().collect::<Vec<_>>(),
        ["announce", "port_block", "release_locks", "unexport"]
    );
}

/// stor1 is dead: it answers nobody, and stor2 waits for it.
fn dead() -> [(&'static str, Host); 2] {
    let mut hosts = both("healthy");
    hosts[0].1.answers = false;
    hosts[1].1.instead = vec![(
        "0: cs:Connected ro:Secondary/Primary ds:UpToDate/UpToDate C",
        "0: cs:WFConnection ro:Secondary/Unknown ds:UpToDate/DUnknown C",
    )];
    hosts
}

#[test]
fn a_failover_of_a_dead_server() {
    let wish = wish("failover", &[("server", "stor1"), ("slices", "slice-a")]);
    insta::assert_snapshot!(told(planned(&fleet(true), &wish, dead())));
}

/// The server that takes a slice died in the middle of its move: the other one keeps clients out, and has all data.
#[test]
fn a_failover_lets_clients_in_where_a_broken_move_has_kept_them_out() {
    let wish = wish("failover", &[("server", "stor1"), ("slices", "slice-a")]);
    let closed = |exit: i32, printed: &'static str| {
        let mut hosts = dead();
        let stor2 = hosts.iter_mut().find(|(name, _)| *name == "stor2").unwrap();
        stor2.1.prints.push(("port_block list -", exit, printed));
        told(planned(&fleet(true), &wish, hosts))
    };
    let said = closed(0, "10.77.0.31\n");
    assert!(
        said.contains("stor2 drops NFS to 10.77.0.31: a run that was broken off"),
        "{said}"
    );
    assert!(said.contains("let NFS to 10.77.0.31 in on stor2"), "{said}");
    // A step that lets clients in somewhere else, or not always, ends no block here.
    for (from, to) in [
        ("{{ to }}", "{{ from }}"),
        ("port-unblock,", "port-unblock, when: 'false',"),
    ] {
        let mut own = wish.clone();
        let text = include_str!("../builtin/failover.yaml");
        let line = text.lines().find(|line| line.contains("port-unblock")).unwrap();
        own.definition = catalogue::read(Path::new("own.yaml"), &text.replace(line, &line.replace(from, to))).unwrap();
        let mut hosts = dead();
        let stor2 = hosts.iter_mut().find(|(name, _)| *name == "stor2").unwrap();
        stor2.1.prints.push(("port_block list -", 0, "10.77.0.31\n"));
        let said = told(planned(&fleet(true), &own, hosts));
        assert!(
            said.contains("a port block of an earlier run still stands"),
            "{to}: {said}"
        );
    }
    // What cannot be read is no block that could be ended.
    let said = closed(1, "");
    assert!(said.contains("not known: `port_block list -` on stor2"), "{said}");
}

#[test]
fn a_failover_without_fencing_needs_a_persons_word() {
    let mut wish = wish("failover", &[("server", "stor1"), ("slices", "slice-a")]);
    let refusals = planned(&fleet(false), &wish, dead()).unwrap_err();
    assert!(
        refusals
            .iter()
            .any(|refusal| refusal.lift.contains("--assert-off=stor1")),
        "{refusals:?}"
    );
    wish.glass.push(Glass {
        rule: Rule::AssertOff,
        resource: "stor2".into(),
        by: "ann".into(),
    });
    assert!(
        planned(&fleet(false), &wish, dead()).is_err(),
        "the word was about another server"
    );
    wish.glass[0].resource = "stor1".into();
    let plan = planned(&fleet(false), &wish, dead()).unwrap();
    assert!(show::text(&plan).contains("AssertOff for stor1 by ann"));
}

#[test]
fn no_failover_of_a_server_that_is_well() {
    let wish = wish("failover", &[("server", "stor1")]);
    insta::assert_snapshot!(told(planned(&fleet(true), &wish, both("healthy"))));
}

#[test]
fn no_failover_onto_a_server_with_the_same_fault() {
    let mut wish = wish("failover", &[("server", "stor1"), ("slices", "slice-a")]);
    wish.alike.push("stor1 and stor2 both show FilesystemError".into());
    let refusals = planned(&fleet(true), &wish, dead()).unwrap_err();
    assert!(
        refusals[0]
            .lift
            .contains("the second server would go the way of the first"),
        "{refusals:?}"
    );
}

/// Who has watched it knows that it is slow; a look of a moment does not.
#[test]
fn what_is_slow_may_take_a_slice_and_the_plan_says_so() {
    for (runbook, parameter, hosts) in [
        ("slice-move", ("slice", "slice-a"), both("healthy")),
        ("failover", ("server", "stor1"), dead()),
    ] {
        let said = |host: &str| {
            let mut wish = wish(runbook, &[parameter]);
            let why = format!("SemiFailed of {host}: sdc read 5.8× its 7 peers");
            wish.weak.insert(host.into(), why);
            planned(&fleet(true), &wish, hosts.clone()).unwrap().warnings
        };
        let warned = |all: &[String]| all.iter().any(|one| one.contains("SemiFailed of stor2: sdc read 5.8×"));
        assert!(warned(&said("stor2")), "{runbook}: {:?}", said("stor2"));
        assert!(
            !said("access1").iter().any(|one| one.contains("SemiFailed")),
            "{runbook}"
        );
    }
}

#[test]
fn no_failover_onto_data_that_is_behind() {
    let mut hosts = dead();
    hosts[1].1.instead[0].1 = "0: cs:WFConnection ro:Secondary/Unknown ds:Outdated/DUnknown C";
    let wish = wish("failover", &[("server", "stor1"), ("slices", "slice-a")]);
    insta::assert_snapshot!(told(planned(&fleet(true), &wish, hosts)));
}

#[test]
fn a_split_brain_is_joined_by_throwing_one_side_away() {
    let mut wish = wish("split-brain", &[("slice", "slice-a"), ("victim", "stor2")]);
    let refusals = planned(&fleet(false), &wish, both("split-brain")).unwrap_err();
    assert!(
        refusals
            .iter()
            .any(|refusal| refusal.lift.contains("--discard=slice-a")),
        "{refusals:?}"
    );
    wish.glass.push(Glass {
        rule: Rule::Discard,
        resource: "slice-a".into(),
        by: "ann".into(),
    });
    insta::assert_snapshot!(told(planned(&fleet(false), &wish, both("split-brain"))));
}

#[test]
fn no_victim_while_both_sides_talk() {
    let wish = wish("split-brain", &[("slice", "slice-a"), ("victim", "stor2")]);
    insta::assert_snapshot!(told(planned(&fleet(false), &wish, both("healthy"))));
}

#[test]
fn the_hash_follows_the_state_and_the_parameters() {
    let fleet = fleet(false);
    let a = wish("slice-move", &[("slice", "slice-a")]);
    let one = planned(&fleet, &a, both("healthy")).unwrap();
    let again = planned(&fleet, &a, both("healthy")).unwrap();
    assert_eq!(one.hash, again.hash);
    let b = planned(&fleet, &wish("slice-move", &[("slice", "slice-b")]), both("healthy")).unwrap();
    assert_ne!(one.hash, b.hash);
    let mut rebooted = both("healthy");
    let identity_text = fs::read_to_string("tests/captures/lab/healthy/stor2/identity").unwrap();
    let boot = identity(&identity_text, "boot_id");
    rebooted[1].1.instead = vec![(boot.trim().to_owned().leak(), "11111111-2222-4333-8444-555555555555")];
    let stale = planned(&fleet, &a, rebooted).unwrap();
    assert_ne!(one.hash, stale.hash, "a reboot makes a plan stale");
}

#[test]
fn parameters_that_do_not_fit() {
    let fleet = fleet(false);
    for (given, says) in [
        (vec![("slice", "slice-x")], "no slice of the inventory"),
        (vec![], "needs slice"),
        (vec![("slice", "slice-a"), ("too", "stor2")], "takes no parameter too"),
        (vec![("slice", "slice-a"), ("to", "access1")], "has no side on access1"),
        (vec![("slice", "slice-a"), ("to", "nobody")], "no host of the inventory"),
    ] {
        let refusals = looks(&fleet, &wish("slice-move", &given)).unwrap_err();
        assert!(refusals[0].fact.contains(says), "{given:?}: {refusals:?}");
    }
    let lift =
        |runbook: &str, given: &[(&str, &str)]| looks(&fleet, &wish(runbook, given)).unwrap_err()[0].lift.clone();
    assert_eq!(
        lift("slice-move", &[("slice", "slice_a")]),
        "did you mean slice-a? there are slice-a, slice-b"
    );
    assert_eq!(
        lift("slice-move", &[("slice", "web1")]),
        "there are slice-a, slice-b",
        "no guess where nothing is near"
    );
    assert_eq!(
        lift("failover", &[("server", "stor1"), ("slices", "slice-a,slice-bb")]),
        "did you mean slice-b? there are slice-a, slice-b"
    );
    assert!(lift("failover", &[("server", "stro1")]).starts_with("did you mean stor1? there are"));
}

#[test]
fn one_machine_under_two_names_is_no_pair() {
    let mut hosts = both("healthy");
    let twin = fs::read_to_string("tests/captures/lab/healthy/stor1/identity").unwrap();
    let own = fs::read_to_string("tests/captures/lab/healthy/stor2/identity").unwrap();
    let id = |text: &str| identity(text, "machine_id").trim().to_owned().leak() as &'static str;
    hosts[1].1.instead = vec![(id(&own), id(&twin))];
    let refusals = planned(&fleet(false), &wish("slice-move", &[("slice", "slice-a")]), hosts).unwrap_err();
    assert!(refusals[0].fact.contains("same machine"), "{refusals:?}");
}

#[test]
fn a_runbook_that_names_what_does_not_exist() {
    let text = "name: mine
title: t
kind: planned
about: slices
parameters: { slice: { type: slice } }
checks: [replicated, hope]
steps:
  - { do: port-block, with: { slice: '{{ slice }}', host: '{{ form }}' }, why: w }
  - { do: pray, why: w }
  - { do: mount, with: { slice: '{{ slice }}', hots: '{{ to }}' }, why: w }
";
    let flaws = catalogue::read(Path::new("mine.yaml"), text).unwrap_err();
    let told: Vec<_> = flaws
        .iter()
        .map(|flaw| (flaw.line, flaw.column, flaw.message.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (6, 22, "there is no check hope"),
            (8, 59, "{{ form }} stands for nothing"),
            (9, 11, "there is no action pray"),
            (10, 24, "mount needs host: the server"),
            (10, 48, "mount takes no hots"),
        ]
    );
    assert!(
        flaws[1].hint.as_deref().unwrap().contains("did you mean from?"),
        "{:?}",
        flaws[1].hint
    );
}
