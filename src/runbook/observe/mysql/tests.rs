//! What a server tells, whole, cut short, and hostile.

use super::*;
use crate::runbook::sight::{Glimpse, Printed, Sight};
use proptest::prelude::*;
use std::time::Duration;

/// As MariaDB 10.11 prints it: a replica that has received two transactions more than it has applied.
const REPLICA: &str = include_str!("../../../../tests/captures/database/mariadb-10.11-replica");
const SOURCE: &str = include_str!("../../../../tests/captures/database/mariadb-10.11-source");

/// As the manual of MySQL 8.4 says that it prints them: not recorded.
const MYSQL_REPLICA: &str = include_str!("../../../../tests/captures/forms/mysql-8.4-replica");
const MYSQL_SOURCE: &str = include_str!("../../../../tests/captures/forms/mysql-8.4-source");

fn member(name: &str, server_id: u32) -> Member {
    Member {
        host: HostName::new(name),
        access: MysqlAccess::default(),
        server_id,
        address: format!("{name}.example.net"),
        port: 3306,
    }
}

fn sight(said: &[(&Member, &str)]) -> Sight {
    let mut sight = Sight::new(crate::facts::UnixMs(7), Duration::from_secs(5));
    for (member, text) in said {
        let printed = Printed {
            exit: 0,
            text: (*text).to_owned(),
        };
        let glimpse = Glimpse {
            at: crate::facts::UnixMs(7),
            answer: Ok(printed),
        };
        sight.take(member.look(), glimpse);
    }
    sight
}

#[test]
fn a_source_and_a_replica_are_read() {
    let (source, replica) = (parse(SOURCE).unwrap(), parse(REPLICA).unwrap());
    assert_eq!(
        (source.server_id, source.writes, source.channels.len()),
        (1, Writes::All, 0)
    );
    assert_eq!((replica.server_id, replica.writes), (2, Writes::None));
    assert!(source.strict && source.logs_all && source.cluster.is_none() && source.filters.is_empty());
    assert_eq!(source.opens_at_start, Some(true));
    assert_eq!(replica.opens_at_start, None, "a statement has set it");
    assert!(
        source
            .accounts
            .iter()
            .any(|account| account.as_str() == "'root'@'localhost'")
    );
    let [channel] = replica.channels.as_slice() else {
        panic!("{replica:?}")
    };
    assert_eq!((channel.source_id, channel.by_gtid), (1, true));
    assert_eq!((&channel.io, &channel.sql), (&ReplicaThread::Yes, &ReplicaThread::Yes));
    assert!(!replica.holds.is_empty() && replica.holds.is_subset(&source.has) == Some(true));
}

#[test]
fn what_is_received_and_not_applied_counts() {
    let behind = REPLICA.replace("\t0-1-9\t0-1-9\t0-1-9\t", "\t0-1-7\t0-1-7\t0-1-7\t");
    assert_ne!(behind, REPLICA);
    let (source, replica) = (member("db1", 1), member("db2", 2));
    let sight = sight(&[(&source, SOURCE), (&replica, &behind)]);
    assert!(
        matches!(replica.is_drained().judge(&sight), Truth::Unknown(_)),
        "it is being applied"
    );
    // Its threads run: what is missing can still come.
    let all = replica.has_all_of(&source).judge(&sight);
    assert!(matches!(&all, Truth::Unknown(why) if why.contains("0-1-9")), "{all:?}");
    assert!(source.has_all_of(&replica).judge(&sight).holds());
    assert!(replica.is_near(&source, 2).judge(&sight).holds() && replica.is_near(&source, 1).judge(&sight).fails());
    assert!(replica.follows(&source).judge(&sight).holds() && replica.follows_nobody().judge(&sight).fails());
    assert!(source.follows_nobody().judge(&sight).holds());
    // A receiver that is stopped brings nothing any more; what it has brought is applied all the same.
    let stopped = behind.replace("\tYes\tYes\t", "\tNo\tYes\t");
    let sight = self::sight(&[(&source, SOURCE), (&replica, &stopped)]);
    assert!(matches!(replica.has_all_of(&source).judge(&sight), Truth::Unknown(_)));
    assert!(replica.follows(&source).judge(&sight).fails());
    let short = stopped.replace("\tSlave_Pos\t0-1-9\t", "\tSlave_Pos\t0-1-8\t");
    assert_ne!(short, stopped);
    let sight = self::sight(&[(&source, SOURCE), (&replica, &short)]);
    assert!(replica.has_all_of(&source).judge(&sight).fails());
    let neither = stopped.replace("\tNo\tYes\t", "\tNo\tNo\t");
    let sight = self::sight(&[(&source, SOURCE), (&replica, &neither)]);
    assert!(replica.has_all_of(&source).judge(&sight).fails());
    let halted = behind.replace("\tYes\tYes\t", "\tYes\tNo\t");
    assert_ne!(halted, behind);
    assert!(replica.is_drained().judge(&self::sight(&[(&replica, &halted)])).fails());
}

#[test]
fn another_server_behind_the_same_socket_is_not_this_one() {
    let other = member("db1", 7);
    let truth = other.is_open(false).judge(&sight(&[(&other, SOURCE)]));
    assert!(
        matches!(&truth, Truth::Unknown(why) if why.contains("server 1 answers")),
        "{truth:?}"
    );
}

#[test]
fn a_source_and_a_replica_of_mysql_are_read() {
    let (source, replica) = (parse(MYSQL_SOURCE).unwrap(), parse(MYSQL_REPLICA).unwrap());
    assert_eq!((source.server_id, source.writes), (1, Writes::All));
    assert_eq!((replica.server_id, replica.writes), (2, Writes::None));
    assert_eq!(
        (source.opens_at_start, replica.opens_at_start),
        (Some(true), Some(false)),
        "what was persisted counts after a restart"
    );
    assert!(source.strict && source.logs_all && source.accounts.is_empty() && source.filters.is_empty());
    assert_eq!((source.semi_sync.source, source.semi_sync.active), (Some(true), true));
    assert_eq!((source.semi_sync.wanted, source.semi_sync.replicas), (1, 2));
    assert_eq!(replica.semi_sync.acknowledges, Some(true));
    let without = MYSQL_SOURCE.replace(
        "\tON\tON\tAFTER_SYNC\t10000\t1\tON\t2\t",
        "\tNONE\tNONE\t\t\t1\tOFF\t0\t",
    );
    let lacking = parse(&without).unwrap().semi_sync;
    assert_eq!(
        (lacking.source, lacking.acknowledges, lacking.timeout_ms),
        (None, None, None)
    );
    assert_eq!(source.number(), (8, 4, 2));
    let (one, two) = (member("db1", 1), member("db2", 2));
    let seen = |replica: &str| sight(&[(&one, MYSQL_SOURCE), (&two, replica)]);
    let well = seen(MYSQL_REPLICA);
    assert!(two.follows(&one).judge(&well).holds() && two.has_all_of(&one).judge(&well).holds());
    // Of transactions that another server wrote it is seen though the numbers are fewer.
    let executed = |set: &str| MYSQL_REPLICA.replacen(":1-9\tOFF", &format!("{set}\tOFF"), 1);
    let errant = executed(":1-9,\\n3e11fa47-71ca-11e1-9e33-c80aa9400002:1-2");
    let own = parse(&errant).unwrap();
    assert_eq!(own.errant_beside(&source), ["3e11fa47-71ca-11e1-9e33-c80aa9400002:1-2"]);
    assert!(one.has_all_of(&two).judge(&seen(&errant)).fails());
    // What the source wrote between the two questions is not errant.
    let newer = executed(":1-12");
    assert_eq!(parse(&newer).unwrap().errant_beside(&source), Vec::<String>::new());
    assert!(one.is_near(&two, 3).judge(&seen(&newer)).holds() && one.is_near(&two, 2).judge(&seen(&newer)).fails());
    // Something is on its way.
    let behind = executed(":1-6");
    let left = two.is_drained().judge(&seen(&behind));
    assert!(
        matches!(&left, Truth::Unknown(why) if why.contains("c80aa9400001:7-9")),
        "{left:?}"
    );
    assert!(two.receives_nothing().judge(&well).fails());
    let frozen = MYSQL_REPLICA.replace("\tYes\tYes\t", "\tNo\tYes\t");
    assert!(two.receives_nothing().judge(&seen(&frozen)).holds());
}

#[test]
fn a_server_that_super_may_write_to_is_not_closed() {
    let db2 = member("db2", 2);
    let lax = MYSQL_REPLICA.replacen("\t3306\t1\t1\t", "\t3306\t1\t0\t", 1);
    assert_eq!(parse(&lax).unwrap().writes, Writes::Privileged);
    let sight = sight(&[(&db2, &lax)]);
    for open in [true, false] {
        let truth = db2.is_open(open).judge(&sight);
        assert!(matches!(&truth, Truth::No(why) if why.contains("SUPER")), "{truth:?}");
    }
}

#[test]
fn mysql_and_mariadb_cannot_be_compared() {
    let (one, two) = (member("db1", 1), member("db2", 2));
    let sight = sight(&[(&one, SOURCE), (&two, MYSQL_REPLICA)]);
    for condition in [one.has_all_of(&two), two.has_all_of(&one), one.is_near(&two, 9)] {
        let truth = condition.judge(&sight);
        assert!(
            matches!(&truth, Truth::No(why) if why.contains("cannot be compared")),
            "{truth:?}"
        );
    }
}

#[test]
fn an_old_mysql_is_refused_in_words() {
    let why = parse("#server\tdialect\n8.0.20\told\n#end\nend\n").unwrap_err();
    assert!(why.contains("MySQL 8.0.20") && why.contains("8.0.23 or newer"), "{why}");
    let hostile = parse("#server\tdialect\n5.7\u{1b}[2J\told\n#end\nend\n").unwrap_err();
    assert!(
        hostile.contains("MySQL 5.7") && !hostile.contains('\u{1b}'),
        "{hostile:?}"
    );
}

#[test]
fn an_error_text_of_the_server_is_no_table() {
    let sly = REPLICA.replace("\tYes\tYes\t", "\t#end\\nend\tYes\t");
    assert_ne!(sly, REPLICA);
    let replica = parse(&sly).unwrap();
    assert!(matches!(&replica.channels[0].io, ReplicaThread::Unknown(_)));
    assert!(parse(&format!("{SOURCE}#end\nend\n")).is_err(), "told twice");
    assert!(parse(&format!("{SOURCE}more\n")).is_err());
}

#[test]
fn engines_that_a_crash_tears_are_named_or_not_known() {
    assert_eq!(torn_engines("end\n"), Ok(Vec::new()));
    assert_eq!(
        torn_engines("Aria\t1\tshop.log\nMyISAM\t12\tshop.carts\nend\n").unwrap(),
        ["1 Aria (shop.log)", "12 MyISAM (shop.carts)"]
    );
    for cut in ["", "Aria\t1\tshop.log\n", "Aria\nend\n", "end"] {
        assert!(torn_engines(cut).is_err(), "{cut:?}");
    }
}

proptest! {
    /// Whatever is cut off or put in, nothing that was not said becomes a yes.
    #[test]
    fn cut_or_garbled_it_is_not_known(cut in 0..SOURCE.len(), other in 0..MYSQL_REPLICA.len(), junk in "[\\PC\t\n]{0,40}") {
        if SOURCE.is_char_boundary(cut) && cut + 1 < SOURCE.len() {
            prop_assert!(parse(&SOURCE[..cut]).is_err());
        }
        if other + 1 < MYSQL_REPLICA.len() {
            prop_assert!(parse(&MYSQL_REPLICA[..other]).is_err());
        }
        prop_assert!(parse(&junk).is_err());
        // What stands before the tables of a server is none of its answer.
        if !junk.contains('#') {
            let led = format!("{junk}\n{SOURCE}");
            prop_assert!(parse(&led).is_err());
        }
    }
}
