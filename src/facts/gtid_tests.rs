//! Laws of GTID sets.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

fn mysql(text: &str) -> MysqlGtids {
    MysqlGtids::parse(text).unwrap()
}

fn mariadb(text: &str) -> MariadbGtids {
    MariadbGtids::parse(text).unwrap()
}

#[test]
fn mysql_forms() {
    let set = mysql(&format!(" {}:7-9 : 1-5:6,\n{A}:Tag_a:1-3:b:2 ", A.to_ascii_uppercase()));
    assert_eq!(set.to_string(), format!("{A}:1-9,{A}:b:2,{A}:tag_a:1-3"));
    assert_eq!(set.count(), 13);
    assert!(mysql("").is_empty());
    for wrong in [
        "x",
        A,
        "3e11fa47:1",
        &format!("{A}:"),
        &format!("{A}:0"),
        &format!("{A}:5-1"),
        &format!("{A}:1-"),
        &format!("{A}:tag"),
        &format!("{A}:1…"),
        "0-1-5",
        &format!("{A}:9223372036854775807"),
        &format!("{A}:+1"),
        &format!("{A}:1-5:tag"),
    ] {
        assert_eq!(MysqlGtids::parse(wrong), Err(NotGtids), "{wrong}");
    }
}

#[test]
fn mysql_subset_and_subtract() {
    let (small, big) = (mysql(&format!("{A}:2-4:8")), mysql(&format!("{A}:1-9")));
    assert!(small.is_subset(&big) && !big.is_subset(&small));
    assert_eq!(big.subtract(&small).to_string(), format!("{A}:1:5-7:9"));
    assert!(!mysql(&format!("{A}:t:1")).is_subset(&big), "a tag is another origin");
}

#[test]
fn mariadb_forms() {
    let set = mariadb("0-1-100, 1-2-5,0-3-90");
    assert_eq!(set.to_string(), "0-1-100,1-2-5", "the newest of a domain counts");
    assert!(mariadb("0-1-0").is_empty());
    for wrong in ["0-1", "0-1-2-3", "a-b-c", "0-1-", "0-1-5…", "5"] {
        assert_eq!(MariadbGtids::parse(wrong), Err(NotGtids), "{wrong}");
    }
}

#[test]
fn mariadb_divergence_is_seen() {
    let (a, b) = (mariadb("0-1-100"), mariadb("0-2-100"));
    assert!(!a.is_subset(&b) && !b.is_subset(&a), "one number from two servers");
    assert_eq!(
        a.subtract(&b),
        [MariadbGap {
            domain: 0,
            server: 1,
            after: 99,
            sequence: 100
        }]
    );
    assert_eq!(
        mariadb("0-1-103").subtract(&b)[0].to_string(),
        "0-1-103 (and 2 before it)"
    );
    assert!(a.is_subset(&mariadb("0-2-101")));
}

#[test]
fn both_forms_and_none() {
    let (mysql, mariadb) = (
        GtidSet::parse(&format!("{A}:1-5")).unwrap(),
        GtidSet::parse("0-1-5").unwrap(),
    );
    assert_eq!(mysql.is_subset(&mariadb), None);
    assert_eq!(mysql.missing_from(&mariadb), None);
    let empty = GtidSet::parse("").unwrap();
    assert_eq!(
        (empty.is_subset(&mariadb), mariadb.is_subset(&empty)),
        (Some(true), Some(false))
    );
    assert_eq!(mariadb.missing_from(&empty).unwrap(), "0-1-5");
    assert_eq!(
        mysql
            .missing_from(&GtidSet::parse(&format!("{A}:1-3")).unwrap())
            .unwrap(),
        format!("{A}:4-5")
    );
    assert_eq!(GtidSet::parse("Slave has more"), Err(NotGtids));
}

#[test]
fn a_set_without_what_one_server_wrote() {
    let other = "4e11fa47-71ca-11e1-9e33-c80aa9429562";
    let set = mysql(&format!("{A}:1-9,{A}:tag:3,{other}:2-4"));
    let server = ServerUuid::parse(&A.to_ascii_uppercase()).unwrap();
    assert_eq!(set.without(server).to_string(), format!("{other}:2-4"));
    assert_eq!(ServerUuid::parse("not-a-uuid"), Err(NotGtids));
}

#[test]
fn sets_of_two_forms_are_neither_joined_nor_counted() {
    let set = |text: &str| GtidSet::parse(text).unwrap();
    let (mysql, mariadb, empty) = (set(&format!("{A}:1-5")), set("0-1-5"), set(""));
    assert_eq!((mysql.union(&mariadb), mysql.missing(&mariadb)), (None, None));
    assert_eq!(
        (mysql.union(&empty), empty.union(&mariadb)),
        (Some(mysql.clone()), Some(mariadb.clone()))
    );
    assert_eq!((empty.missing(&mysql), empty.missing(&mariadb)), (Some(5), Some(5)));
    assert_eq!((mysql.missing(&empty), mariadb.missing(&empty)), (Some(0), Some(0)));
    assert_eq!(mysql.missing(&set(&format!("{A}:4-8"))), Some(3));
    assert_eq!(set("0-1-5").missing(&set("0-1-7")), Some(2));
}

/// A small set as text, and as plain pairs to compare with.
fn any_mysql() -> impl Strategy<Value = (MysqlGtids, BTreeSet<(u8, u64)>)> {
    proptest::collection::vec((0..3_u8, 1..30_u64, 0..6_u64), 0..12).prop_map(|parts| {
        let mut pairs = BTreeSet::new();
        let mut text = Vec::new();
        for (origin, from, length) in parts {
            let tag = ["", ":t", ":u"][usize::from(origin)];
            text.push(format!("{A}{tag}:{from}-{}", from + length));
            pairs.extend((from..=from + length).map(|number| (origin, number)));
        }
        (mysql(&text.join(",")), pairs)
    })
}

fn any_mariadb() -> impl Strategy<Value = MariadbGtids> {
    proptest::collection::vec((0..3_u32, 1..3_u32, 0..6_u64), 0..5).prop_map(|parts| {
        let text: Vec<_> = parts.iter().map(|(d, s, n)| format!("{d}-{s}-{n}")).collect();
        mariadb(&text.join(","))
    })
}

/// As captured from MariaDB 10.11: the replica (server 2) wrote 0-2-9 itself, and then applied 0-1-9 of its source.
#[test]
fn a_binary_log_still_shows_what_a_position_hides() {
    let state = |text| BinlogState::parse(text).unwrap();
    let (replica, source) = (state("0-2-9,0-1-9"), state("0-1-9"));
    assert_eq!(
        mariadb("0-2-9,0-1-9").subtract(&mariadb("0-1-10")),
        [],
        "positions see nothing"
    );
    let missing = |server, applied: &str| replica.own_writes_missing_from(server, &source, &mariadb(applied));
    assert_eq!(missing(2, ""), ["0-2-9"]);
    assert_eq!(missing(1, ""), Vec::<String>::new());
    // A former source: what it wrote then was applied by the new one, whose binary log is younger.
    assert_eq!(missing(2, "0-2-9"), Vec::<String>::new());
    assert_eq!(missing(2, "0-3-12"), Vec::<String>::new());
    assert_eq!(
        replica.own_writes_missing_from(2, &replica, &mariadb("")),
        Vec::<String>::new()
    );
    assert_eq!(missing(2, "0-2-8,1-2-9"), ["0-2-9"]);
    assert!(BinlogState::parse("0-1-9,0-2").is_err());
}

#[test]
fn what_a_binary_log_has_beyond_another_is_told_from_the_first_to_the_last() {
    let state = |text: &str| BinlogState::parse(text).unwrap();
    let told = |own: &str, other: &str, applied: &str| {
        let beyond = state(own).beyond(&state(other), &mariadb(applied));
        beyond.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    // The new source has applied 0-1-102 of the old one, and written on by itself: its position hides the rest.
    assert_eq!(told("0-1-105", "0-1-102,0-2-200", "0-1-102"), "0-1-103 to 0-1-105");
    assert_eq!(told("0-1-103", "0-1-102,0-2-200", "0-1-102"), "0-1-103");
    // Its binary log is younger than what it has applied.
    assert_eq!(told("0-1-105,1-3-9", "0-2-200", "0-1-105,1-3-7"), "1-3-8 to 1-3-9");
    assert_eq!(told("0-1-105", "0-1-105,0-2-200", ""), "");
    assert_eq!(told("", "0-1-5", ""), "");
}

proptest! {
    #[test]
    fn mysql_laws((a, plain_a) in any_mysql(), (b, plain_b) in any_mysql(), (c, _) in any_mysql()) {
        prop_assert_eq!(a.count(), plain_a.len() as u128);
        prop_assert_eq!(a.is_subset(&b), plain_a.is_subset(&plain_b));
        prop_assert_eq!(a.subtract(&b).count(), plain_a.difference(&plain_b).count() as u128);
        prop_assert_eq!(a.union(&b).count(), plain_a.union(&plain_b).count() as u128);
        prop_assert_eq!(a.is_subset(&b), a.subtract(&b).is_empty());
        prop_assert_eq!(a.subtract(&b).union(&b), a.union(&b));
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(a.subtract(&b).subtract(&c), a.subtract(&b.union(&c)));
        prop_assert!(a.subtract(&b).is_subset(&a) && a.is_subset(&a.union(&b)) && a.subtract(&a).is_empty());
        prop_assert_eq!(&mysql(&a.to_string()), &a);
        let (one, two) = (GtidSet::Mysql(a.clone()), GtidSet::Mysql(b.clone()));
        prop_assert_eq!(one.union(&two), Some(GtidSet::Mysql(a.union(&b))));
        prop_assert_eq!(one.missing(&two), Some(plain_b.difference(&plain_a).count() as u128));
    }

    #[test]
    fn mariadb_laws(a in any_mariadb(), b in any_mariadb(), c in any_mariadb()) {
        prop_assert!(a.is_subset(&a));
        // Only a divergence (one number from two servers) can be lost in a union.
        prop_assert!(a.subtract(&a.union(&b)).iter().all(|gap| gap.sequence - gap.after == 1));
        prop_assert!(!(a.is_subset(&b) && b.is_subset(&a)) || a == b);
        prop_assert!(!(a.is_subset(&b) && b.is_subset(&c)) || a.is_subset(&c));
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert!(!a.is_subset(&b) || a.union(&b) == b);
        prop_assert_eq!(&mariadb(&a.to_string()), &a);
    }

    #[test]
    fn nothing_panics(text in any::<String>(), words in "(3e11fa47-71ca-11e1-9e33-c80aa9429562|:|-|,|[0-9]{1,21}|t| ){0,20}") {
        for text in [&text, &words] {
            if let Ok(set) = GtidSet::parse(text) {
                prop_assert_eq!(set.missing_from(&set), Some(String::new()));
            }
        }
    }
}
