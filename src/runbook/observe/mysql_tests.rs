//! What a server tells, whole, cut short, and hostile.

use super::*;
use crate::runbook::sight::{Glimpse, Printed, Sight};
use proptest::prelude::*;
use std::time::Duration;

/// As MariaDB 10.11 prints it: a replica that has received two transactions more than it has applied.
const REPLICA: &str = include_str!("../../../tests/captures/database/mariadb-10.11-replica");
const SOURCE: &str = include_str!("../../../tests/captures/database/mariadb-10.11-source");

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
        (source.server_id, source.read_only, source.channels.len()),
        (1, false, 0)
    );
    assert_eq!((replica.server_id, replica.read_only), (2, true));
    assert!(source.strict && source.logs_all && !source.galera && source.filters.is_empty());
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
    assert!(!replica.holds().is_empty() && replica.holds().is_subset(&source.has()));
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
    // A receiver that is stopped brings nothing any more.
    let stopped = behind.replace("\tYes\tYes\t", "\tNo\tYes\t");
    let sight = self::sight(&[(&source, SOURCE), (&replica, &stopped)]);
    assert!(replica.has_all_of(&source).judge(&sight).fails());
    assert!(replica.follows(&source).judge(&sight).fails());
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
fn mysql_is_refused_in_words() {
    let why = parse("#server\tdialect\n8.0.37\tmysql\n#end\nend\n").unwrap_err();
    assert!(why.contains("MySQL 8.0.37") && why.contains("MariaDB"), "{why}");
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

proptest! {
    /// Whatever is cut off or put in, nothing that was not said becomes a yes.
    #[test]
    fn cut_or_garbled_it_is_not_known(cut in 0..SOURCE.len(), junk in "[\\PC\t\n]{0,40}") {
        if SOURCE.is_char_boundary(cut) && cut + 1 < SOURCE.len() {
            prop_assert!(parse(&SOURCE[..cut]).is_err());
        }
        prop_assert!(parse(&junk).is_err());
        // What stands before the tables of a server is none of its answer.
        if !junk.contains('#') {
            let led = format!("{junk}\n{SOURCE}");
            prop_assert!(parse(&led).is_err());
        }
    }
}
