//! One golden file or named test for each incident of Galera clusters that shaped the safety rules: the state in which it
//! happened → the plan, or the refusal.
//!
//! | what happened elsewhere | what holds it here |
//! |--|--|
//! | `safe_to_bootstrap: 1` beside a zero UUID and seqno −1 was believed (resource-agents PR 1323) | `a_claim_without_a_state_is_not_believed`; in the simulation `who_joins_loses_what_the_others_have_not` |
//! | a timeout was taken for "the peer is absent", and a second primary component was made (kubeblocks-addons PR 3144) | `a_member_that_does_not_answer_is_not_absent`; guard `NoPrimaryComponent`, the crash matrix after every event |
//! | acknowledged writes were lost although every member was Synced (Jepsen on Galera 12.1.2) | the loss in every plan: `quorum_lost` |
//! | a member that was left out of the count was the primary component | `a_node_that_the_inventory_does_not_know` |

use super::{NOW, Wish, looks, plan, told, wish};
use crate::{
    facts::{CleanText, Why},
    fleet::{Fleet, load},
    runbook::{
        check::Refusal,
        plan::{Glass, Plan, Rule},
        sight::{Glimpse, Look, Printed, Sight},
    },
};
use std::{path::Path, time::Duration};

macro_rules! golden {
    ($result:expr) => {
        insta::assert_snapshot!(told($result))
    };
}

const CLUSTER: &str = "95ccfaeb-e57a-11f1-8981-0f4b1d5b6f26";
const OTHER: &str = "e1897a92-e577-11f1-972a-568552f70d37";
const NOTHING: &str = "00000000-0000-0000-0000-000000000000";

/// gal1 can be switched off by its controller, the others by hand alone.
fn fleet() -> Fleet {
    let text = "fleet: lab
defaults: { user: root, mysql: { socket: /run/mysqld/mysqld.sock } }
hosts:
  gal1: { address: 10.77.0.61, fencing: { off: [bmc, '{host}', 'off'], status: [bmc, '{host}', status] } }
  gal2: { address: 10.77.0.62, mysql: { start: [service, mariadb, start], datadir: /data } }
  gal3: { address: 10.77.0.63 }
topologies:
  ledger: { kind: galera, members: [gal1, gal2, gal3] }
";
    let loaded = load(Path::new("inventory.yaml"), text, &|_| Err("no includes".into()));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.fleet.unwrap()
}

/// What a member prints; `None`: its host does not answer, and nobody reaches it.
type Member = Option<String>;

/// As MariaDB 10.11 printed it (tests/captures/mariadb/10.11-galera-*).
#[expect(clippy::unnecessary_wraps, reason = "a member that answers is one of two kinds")]
fn running(status: &str, seqno: u64) -> Member {
    let (comment, ready, conf) = match status {
        "Primary" => ("Synced", "ON", "5"),
        _ => ("Initialized", "OFF", "18446744073709551615"),
    };
    Some(format!(
        "state\trunning\nversion\t10.11.14-MariaDB-0+deb12u2\nwsrep_cluster_address\tgcomm://10.77.0.61,10.77.0.62,10.77.0.63\n\
         wsrep_on\tON\nwsrep_local_state_uuid\t{CLUSTER}\nwsrep_last_committed\t{seqno}\nwsrep_local_recv_queue\t0\n\
         wsrep_local_state_comment\t{comment}\nwsrep_cluster_conf_id\t{conf}\nwsrep_cluster_size\t1\n\
         wsrep_cluster_state_uuid\t{CLUSTER}\nwsrep_cluster_status\t{status}\nwsrep_ready\t{ready}\nend\n"
    ))
}

fn alone(seqno: u64) -> Member {
    running("non-Primary", seqno)
}

#[expect(clippy::unnecessary_wraps, reason = "a member that answers is one of two kinds")]
fn stopped(uuid: &str, seqno: &str, safe: u8) -> Member {
    Some(format!(
        "state\tstopped\ndatadir\t/var/lib/mysql\nuuid\t{uuid}\nseqno\t{seqno}\nsafe_to_bootstrap\t{safe}\nend\n"
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "a member that answers is one of two kinds")]
fn with(member: Member, from: &str, to: &str) -> Member {
    let text = member.unwrap();
    assert!(text.contains(from), "{from}");
    Some(text.replacen(from, to, 1))
}

fn answer(look: &Look, members: &[Member; 3], reached: bool) -> Result<Printed, Why> {
    let printed = |exit: i32, text: &str| {
        Ok(Printed {
            exit,
            text: text.to_owned(),
        })
    };
    let at = |name: &str| name.trim_start_matches("gal").parse::<usize>().unwrap() - 1;
    if look.local {
        return printed(0, "on\n");
    }
    let Some(own) = &members[at(look.host.as_str())] else {
        return Err(Why::Hung(CleanText::new("connecting timed out")));
    };
    let words: Vec<&str> = look.argv.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["db_galera", ..] => printed(0, own),
        ["cat", "/etc/machine-id"] => printed(0, &format!("{:032x}\n", at(look.host.as_str()) + 11)),
        ["cat", _] => printed(0, "5d0c7b3e-0000-4000-8000-000000000001\n"),
        ["command", "-v", tool] => printed(0, &format!("/usr/bin/{tool}\n")),
        ["flock", "--help"] => printed(0, " -w, --timeout <secs>  wait\n"),
        ["sync", "--help"] => printed(0, "Usage: sync [OPTION] [FILE]...\n"),
        ["ping", .., to] => {
            let there = members[to.trim_start_matches("10.77.0.6").parse::<usize>().unwrap() - 1].is_some();
            printed(i32::from(!(there || reached)), "")
        }
        other => panic!("an unexpected look: {other:?}"),
    }
}

fn seen(wish: &Wish, members: &[Member; 3], reached: bool) -> Result<Plan, Vec<Refusal>> {
    let fleet = fleet();
    let mut sight = Sight::new(NOW, Duration::from_secs(5));
    for look in looks(&fleet, wish)? {
        let glimpse = Glimpse {
            at: NOW,
            answer: answer(&look, members, reached),
        };
        sight.take(look, glimpse);
    }
    plan(&fleet, wish, &sight)
}

fn planned(wish: &Wish, members: &[Member; 3]) -> Result<Plan, Vec<Refusal>> {
    seen(wish, members, false)
}

fn recover() -> Wish {
    wish("galera-recover", &[("database", "ledger")])
}

fn naming(hosts: &[&str]) -> Wish {
    let glass = hosts.iter().map(|host| Glass {
        rule: Rule::AssertOff,
        resource: (*host).to_owned(),
        by: "ada".to_owned(),
    });
    Wish {
        glass: glass.collect(),
        ..recover()
    }
}

#[track_caller]
fn refused(wish: &Wish, members: &[Member; 3], says: &[&str]) {
    let text = told(Err(planned(wish, members).unwrap_err()));
    for wanted in says {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
}

fn actions(plan: &Plan) -> Vec<String> {
    let of = |call: &crate::runbook::definition::Call| match call.with.get("host") {
        Some(host) => format!("{} {host}", call.action),
        None => call.action.clone(),
    };
    plan.steps.iter().map(|step| of(&step.call)).collect()
}

#[test]
fn quorum_lost() {
    golden!(planned(&recover(), &[alone(40), alone(44), alone(44)]));
}

#[test]
fn all_of_them_stopped() {
    let members = [
        stopped(CLUSTER, "40", 1),
        stopped(CLUSTER, "44", 0),
        stopped(CLUSTER, "44", 0),
    ];
    golden!(planned(&recover(), &members));
}

/// What says of itself that it was the last to leave is only one of several that are as far.
#[test]
fn of_equal_members_one_that_runs_goes_before_one_that_was_the_last_to_leave() {
    let plan = planned(
        &recover(),
        &[stopped(CLUSTER, "44", 0), stopped(CLUSTER, "44", 1), alone(44)],
    )
    .unwrap();
    assert_eq!(
        actions(&plan),
        [
            "galera-bootstrap gal3",
            "galera-join gal1",
            "galera-join gal2",
            "galera-whole"
        ]
    );
    let plan = planned(
        &recover(),
        &[stopped(CLUSTER, "44", 0), stopped(CLUSTER, "44", 1), alone(43)],
    )
    .unwrap();
    assert_eq!(
        actions(&plan),
        [
            "galera-bootstrap gal2",
            "galera-join gal1",
            "galera-join gal3",
            "galera-whole"
        ]
    );
    // A person may choose among those that are as far as any.
    let to = |host| wish("galera-recover", &[("database", "ledger"), ("to", host)]);
    let members = [alone(44), alone(44), alone(43)];
    assert_eq!(
        actions(&planned(&to("gal2"), &members).unwrap())[0],
        "galera-bootstrap gal2"
    );
    refused(&to("gal3"), &members, &["gal1 is further, at 44", "to=gal1"]);
    refused(&to("gal9"), &members, &["\"gal9\" is no host"]);
}

#[test]
fn a_primary_component_that_lives() {
    let members = [running("Primary", 50), alone(44), alone(44)];
    refused(
        &recover(),
        &members,
        &["a primary component lives on gal1", "galera-join database=ledger"],
    );
    let join_at = |seqno| {
        let members = [
            running("Primary", seqno),
            running("Primary", seqno),
            stopped(CLUSTER, "-1", 0),
        ];
        planned(&wish("galera-join", &[("database", "ledger")]), &members)
    };
    golden!(join_at(50));
    // Its clients go on writing while the plan is read.
    assert_eq!(join_at(50).unwrap().hash, join_at(57).unwrap().hash);
}

#[test]
fn a_member_that_does_not_answer_is_not_absent() {
    let members = [None, alone(44), alone(44)];
    golden!(planned(&recover(), &members));
    // Another one that is named says nothing of it.
    refused(
        &naming(&["gal2"]),
        &members,
        &["how gal1 stands is not known", "gal2 answers: it is not off"],
    );
    golden!(planned(&naming(&["gal1"]), &members));
}

#[test]
fn a_person_s_word_is_not_enough_for_a_host_that_others_reach() {
    let members = [alone(44), alone(44), None];
    let plan = planned(&naming(&["gal3"]), &members).unwrap();
    assert_eq!(actions(&plan)[..2], ["fence gal3", "galera-bootstrap gal1"]);
    let text = told(Err(seen(&naming(&["gal3"]), &members, true).unwrap_err()));
    assert!(text.contains("gal1, gal2 reaches gal3: it is not off"), "{text}");
    // One that has a controller is switched off first.
    let plan = seen(&naming(&["gal1"]), &[None, alone(44), alone(44)], true).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.contains("it is switched off first")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_claim_without_a_state_is_not_believed() {
    let members = [
        stopped(NOTHING, "-1", 1),
        stopped(CLUSTER, "44", 0),
        stopped(CLUSTER, "41", 0),
    ];
    let plan = planned(&recover(), &members).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "galera-bootstrap gal2",
            "galera-join gal1",
            "galera-join gal3",
            "galera-whole"
        ]
    );
    let warned = |text: &str| plan.warnings.iter().any(|warning| warning.contains(text));
    assert!(
        warned("whatever its safe_to_bootstrap says") && warned("is thrown away"),
        "{:?}",
        plan.warnings
    );
    // And alone it is nothing to begin with.
    let members = [
        stopped(NOTHING, "-1", 1),
        stopped(NOTHING, "-1", 0),
        stopped(NOTHING, "-1", 0),
    ];
    refused(
        &recover(),
        &members,
        &["how far gal1 is, is not known: it cannot be the first"],
    );
}

#[test]
fn a_server_that_crashed_has_to_be_recovered_first() {
    let members = [stopped(CLUSTER, "-1", 0), stopped(CLUSTER, "44", 1), alone(44)];
    refused(
        &recover(),
        &members,
        &["gal1: it did not end well", "galera-position server=gal1"],
    );
    golden!(planned(&wish("galera-position", &[("server", "gal1")]), &members));
    refused(
        &wish("galera-position", &[("server", "gal2")]),
        &members,
        &["gal2 is at", "nothing to recover"],
    );
    refused(
        &wish("galera-position", &[("server", "gal3")]),
        &members,
        &["gal3 is non-Primary"],
    );
    // It may turn out to be the one that is furthest.
    let [crashed, rest @ ..] = members;
    let crashed = with(crashed, "end\n", &format!("recovered\t{CLUSTER}:47\nend\n"));
    let [two, three] = rest;
    let plan = planned(&recover(), &[crashed, two.clone(), three.clone()]).unwrap();
    assert_eq!(actions(&plan)[0], "galera-bootstrap gal1");
    let nowhere = with(
        stopped(CLUSTER, "-1", 0),
        "end\n",
        &format!("recovered\t{NOTHING}:-1\nend\n"),
    );
    refused(
        &recover(),
        &[nowhere, two.clone(), three.clone()],
        &["gal1: its data tells no position"],
    );
    let foreign = with(
        stopped(CLUSTER, "-1", 0),
        "end\n",
        &format!("recovered\t{OTHER}:47\nend\n"),
    );
    refused(&recover(), &[foreign, two, three], &["its data is of the cluster"]);
}

#[test]
fn two_clusters_under_one_name() {
    let members = [alone(44), stopped(OTHER, "44", 0), alone(44)];
    golden!(planned(&recover(), &members));
    let members = [running("Primary", 50), stopped(OTHER, "7", 0), running("Primary", 50)];
    refused(
        &wish("galera-join", &[("database", "ledger")]),
        &members,
        &["the data of gal2 would be thrown away"],
    );
    // It went on alone after the others had left it.
    let members = [
        running("Primary", 50),
        stopped(CLUSTER, "57", 1),
        running("Primary", 50),
    ];
    refused(
        &wish("galera-join", &[("database", "ledger")]),
        &members,
        &["gal2 is at", ":57, gal1 at 50"],
    );
}

#[test]
fn a_node_that_the_inventory_does_not_know() {
    let more = with(alone(44), "10.77.0.63", "10.77.0.63,10.77.0.64");
    refused(
        &recover(),
        &[more, alone(44), alone(44)],
        &["gal1 names 4 nodes, and ledger has 3 members"],
    );
}

#[test]
fn a_server_that_waits_or_still_applies() {
    let silent = Some("state\tsilent\nend\n".to_owned());
    refused(
        &recover(),
        &[silent, alone(44), alone(44)],
        &["its server runs and does not answer", "stop it"],
    );
    let behind = with(alone(44), "recv_queue\t0", "recv_queue\t3");
    refused(
        &recover(),
        &[alone(44), behind, alone(44)],
        &["gal2: it has still to apply 3 write sets"],
    );
}

#[test]
fn nothing_to_do() {
    let well = || running("Primary", 50);
    let join = wish("galera-join", &[("database", "ledger")]);
    refused(&join, &[well(), well(), well()], &["there is nothing to join"]);
    refused(
        &join,
        &[alone(44), alone(44), alone(44)],
        &["galera-recover database=ledger"],
    );
    let other = well().map(|text| text.replace(CLUSTER, OTHER));
    refused(
        &join,
        &[well(), other, alone(44)],
        &["gal1 and gal2 are in two primary components"],
    );
}
