//! What a member tells, whole, cut short, and hostile.

use super::*;
use crate::runbook::sight::{Glimpse, Printed, Sight};
use proptest::prelude::*;
use std::time::Duration;

const CLUSTER: &str = "95ccfaeb-e57a-11f1-8981-0f4b1d5b6f26";

/// As MariaDB 10.11 prints it: without primary component, and in it.
const ALONE: &str = "state\trunning\nversion\t10.11.14-MariaDB-0+deb12u2\nwsrep_cluster_address\tgcomm://10.0.0.1,10.0.0.2:4567?pc.wait_prim=no\n\
    wsrep_on\tON\nwsrep_local_state_uuid\t95ccfaeb-e57a-11f1-8981-0f4b1d5b6f26\nwsrep_last_committed\t8\n\
    wsrep_local_recv_queue\t0\nwsrep_local_state_comment\tInitialized\nwsrep_cluster_conf_id\t18446744073709551615\n\
    wsrep_cluster_size\t1\nwsrep_cluster_state_uuid\t95ccfaeb-e57a-11f1-8981-0f4b1d5b6f26\n\
    wsrep_cluster_status\tnon-Primary\nwsrep_ready\tOFF\nend\n";

fn primary(seqno: u64) -> String {
    ALONE
        .replace("non-Primary", "Primary")
        .replace("Initialized", "Synced")
        .replace("OFF", "ON")
        .replace("18446744073709551615", "5")
        .replace("committed\t8", &format!("committed\t{seqno}"))
}

fn stopped(uuid: &str, seqno: &str, more: &str) -> String {
    format!("state\tstopped\ndatadir\t/var/lib/mysql\nuuid\t{uuid}\nseqno\t{seqno}\nsafe_to_bootstrap\t0\n{more}end\n")
}

fn position(text: &str) -> Result<String, String> {
    parse(text)
        .and_then(|seen| seen.position())
        .map(|position| position.to_string())
}

fn member(name: &str) -> Member {
    Member {
        host: HostName::new(name),
        access: MysqlAccess::default(),
        found: Found::Runs,
    }
}

fn judged(condition: &Condition, said: &[(&Member, &str)]) -> Truth {
    let mut sight = Sight::new(crate::facts::UnixMs(7), Duration::from_secs(5));
    for (member, text) in said {
        let printed = Printed {
            exit: 0,
            text: (*text).to_owned(),
        };
        let answer = Ok(printed);
        let at = crate::facts::UnixMs(7);
        sight.take(member.look(), Glimpse { at, answer });
    }
    condition.judge(&sight)
}

#[test]
fn a_member_that_runs_is_read() {
    let Seen::Running(own) = parse(ALONE).unwrap() else {
        panic!()
    };
    assert!(!own.primary && !own.ready && own.named == 2 && own.size == 1);
    assert_eq!(position(ALONE), Ok(format!("{CLUSTER}:8")));
    assert!(parse(&primary(9)).unwrap().is_synced());
    for (from, to) in [
        ("non-Primary", "Disconnected"),
        ("wsrep_on\tON", "wsrep_on\tOFF"),
        (CLUSTER, "95ccfaeb"),
        ("wsrep_ready\tOFF\n", ""),
        ("wsrep_ready\tOFF\n", "wsrep_ready\tOFF\nwsrep_ready\tON\n"),
        ("end\n", "end\nstate\tstopped\n"),
        ("end\n", "surprise\t1\nend\n"),
    ] {
        assert!(
            ALONE.contains(from) && parse(&ALONE.replacen(from, to, 1)).is_err(),
            "{from:?} → {to:?}"
        );
    }
    // Of another kind it takes part, and is not recovered.
    let other = ALONE.replace("10.11.14-MariaDB", "8.0.37");
    assert!(parse(&other).is_ok() && member("gal1").read(&other).unwrap_err().contains("MariaDB alone"));
    for (from, to) in [
        ("recv_queue\t0", "recv_queue\t2"),
        ("committed\t8", "committed\t-1"),
        ("local_state_uuid\t9", "local_state_uuid\t8"),
    ] {
        assert!(position(&ALONE.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn a_stopped_member_has_a_position_only_where_it_is_known() {
    let nothing = "00000000-0000-0000-0000-000000000000";
    assert_eq!(position(&stopped(CLUSTER, "44", "")), Ok(format!("{CLUSTER}:44")));
    assert!(position(&stopped(CLUSTER, "-1", "")).is_err());
    assert!(
        position(&stopped(nothing, "44", "")).is_err(),
        "a number without a cluster"
    );
    assert!(parse(&stopped(nothing, "-1", "")).unwrap().is_void());
    let recovered = |at: &str| position(&stopped(CLUSTER, "-1", &format!("recovered\t{at}\n")));
    assert_eq!(recovered(&format!("{CLUSTER}:47")), Ok(format!("{CLUSTER}:47")));
    assert!(recovered(&format!("{nothing}:-1")).is_err());
    assert!(
        recovered("e1897a92-e577-11f1-972a-568552f70d37:47").is_err(),
        "data of another cluster"
    );
    assert!(parse(&stopped(CLUSTER, "-1", "recovered\tgarbage\n")).is_err());
    assert!(
        parse("state\tstopped\ndatadir\t/x\nend\n")
            .unwrap_err()
            .contains("no grastate.dat")
    );
    assert!(parse("state\tsilent\nend\n").unwrap_err().contains("does not answer"));
    assert!(parse("state\tunclear\nend\n").unwrap_err().contains("cannot be told"));
}

#[test]
fn what_is_on_its_way_is_not_known_and_what_is_wrong_is_no() {
    let (one, two) = (member("gal1"), member("gal2"));
    let least = Position {
        uuid: Uuid::parse(CLUSTER).unwrap(),
        seqno: 9,
    };
    let leads = one.leads(&least);
    assert!(judged(&leads, &[(&one, &primary(9))]).holds());
    assert!(judged(&leads, &[(&one, &primary(8))]).fails(), "less than before");
    assert!(judged(&leads, &[(&one, ALONE)]).fails() && judged(&leads, &[(&one, &stopped(CLUSTER, "9", ""))]).fails());
    let donor = primary(9).replace("Synced", "Donor/Desynced");
    let busy = judged(&leads, &[(&one, &donor)]);
    assert!(!busy.holds() && !busy.fails(), "it is on its way");
    let with = two.is_with(&one);
    assert!(judged(&with, &[(&one, &primary(9)), (&two, &primary(12))]).holds());
    let elsewhere = primary(9).replace(CLUSTER, "e1897a92-e577-11f1-972a-568552f70d37");
    assert!(
        judged(&with, &[(&one, &primary(9)), (&two, &elsewhere)]).fails(),
        "a cluster of its own"
    );
    let older = primary(9).replace("conf_id\t5", "conf_id\t4");
    assert!(!judged(&with, &[(&one, &primary(9)), (&two, &older)]).holds());
    let furthest = one.is_as_far_as(&two);
    assert!(judged(&furthest, &[(&one, ALONE), (&two, &stopped(CLUSTER, "8", ""))]).holds());
    assert!(judged(&furthest, &[(&one, ALONE), (&two, &stopped(CLUSTER, "9", ""))]).fails());
    let unknown = judged(&furthest, &[(&one, ALONE), (&two, &stopped(CLUSTER, "-1", ""))]);
    assert!(!unknown.holds() && !unknown.fails());
    let loses = two.loses_nothing_to(&one);
    assert!(judged(&loses, &[(&one, &primary(9)), (&two, &stopped(CLUSTER, "9", ""))]).holds());
    assert!(judged(&loses, &[(&one, &primary(9)), (&two, &stopped(CLUSTER, "10", ""))]).fails());
}

/// Galera compares numbers alone, and they go on behind a bootstrap that left the member behind.
#[test]
fn who_is_further_than_a_bootstrap_without_it_does_not_join() {
    let (node, own) = (member("gal1"), member("gal2"));
    let loses = own.loses_nothing_to(&node);
    let part = |seqno: u64, run: &str| format!("bootstraps\t{CLUSTER}:{seqno}:{run}\n");
    let with = |text: &str, more: &str| text.replace("end\n", &format!("{more}end\n"));
    let (cluster, other) = (with(&primary(110), &part(100, "run-7")), part(100, "run-3"));
    let judge = |text: &str| judged(&loses, &[(&node, &cluster), (&own, text)]);
    let at = |seqno: &str, more: &str| stopped(CLUSTER, seqno, more);
    assert!(judge(&at("100", "")).holds());
    let further = judge(&at("105", ""));
    assert!(
        further.fails() && further.text().contains("bootstrapped at 100 (run run-7)"),
        "{further}"
    );
    assert!(
        judge(&at("105", &other)).fails(),
        "it is part of another one at the same number"
    );
    assert!(judge(&at("105", &part(100, "run-7"))).holds(), "it was there");
    assert!(
        judge(&at("111", &part(100, "run-7"))).fails(),
        "further than all of them"
    );
    // One that did not end well has to be asked first, unless it was there.
    let crashed = judge(&at("-1", ""));
    assert!(
        !crashed.holds() && !crashed.fails() && crashed.text().contains("galera-position"),
        "{crashed}"
    );
    assert!(judge(&at("-1", &part(100, "run-7"))).holds());
    let recovered = |seqno: u64| judge(&at("-1", &format!("recovered\t{CLUSTER}:{seqno}\n")));
    assert!(recovered(100).holds() && recovered(101).fails());
    // Without its state it gets everything anew; once it is Synced, it has what the others have.
    assert!(judge(&stopped("00000000-0000-0000-0000-000000000000", "-1", "")).holds());
    assert!(judge(&primary(110)).holds());
    // A bootstrap of another cluster says nothing of this one.
    let elsewhere = with(
        &primary(110),
        &part(100, "run-7").replace(CLUSTER, "e1897a92-e577-11f1-972a-568552f70d37"),
    );
    assert!(judged(&loses, &[(&node, &elsewhere), (&own, &at("105", ""))]).holds());
    let noted = own.is_noted_with(&node);
    assert!(judged(&noted, &[(&node, &cluster), (&own, &primary(110))]).fails());
    assert!(judged(&noted, &[(&node, &cluster), (&own, &cluster)]).holds());
    for odd in [
        "bootstraps\t\n",
        "bootstraps\tx:1:run\n",
        &format!("bootstraps\t{CLUSTER}:-1:run\n"),
        &format!("bootstraps\t{CLUSTER}:1:\n"),
    ] {
        assert!(parse(&with(&primary(9), odd)).is_err(), "{odd}");
    }
}

/// A node counts only where it takes part in the cluster that the others are in.
#[test]
fn a_node_of_another_cluster_keeps_no_quorum() {
    let (one, two) = (member("gal2"), member("gal3"));
    let keeps = keeps_quorum(&HostName::new("gal1"), &[one.clone(), two.clone()]);
    let well = primary(9).replace("size\t1", "size\t3");
    let judge = |first: &str, second: &str| judged(&keeps, &[(&one, first), (&two, second)]);
    assert!(judge(&well, &well).holds());
    assert!(judge(&well, &well.replace("MariaDB", "26")).holds(), "of another kind");
    let elsewhere = well.replace(CLUSTER, "e1897a92-e577-11f1-972a-568552f70d37");
    assert!(judge(&well, &elsewhere).fails());
    assert!(
        judge(&well, &well.replace("ready\tON", "ready\tOFF")).fails(),
        "it takes no statements"
    );
    let foreign = well.replace("local_state_uuid\t9", "local_state_uuid\t8");
    assert!(judge(&well, &foreign).fails(), "its state is of another cluster");
    assert!(judge(&well, ALONE).fails() && judge(&well, &stopped(CLUSTER, "9", "")).fails());
    let unknown = judge(&well, "state\tsilent\nend\n");
    assert!(!unknown.holds() && !unknown.fails());
    assert!(
        !judged(&one.is_synced(), &[(&one, &foreign)]).holds() && judged(&one.is_synced(), &[(&one, &well)]).holds()
    );
}

proptest! {
    /// What is cut short anywhere tells nothing.
    #[test]
    fn nothing_is_read_from_a_part(cut in 0_usize..ALONE.len()) {
        prop_assert!(parse(&ALONE[..cut]).is_err());
    }

    #[test]
    fn garbage_is_no_member(text in "[a-z\t\n0-9:_-]{0,200}") {
        prop_assert!(parse(&text).is_err());
    }
}
