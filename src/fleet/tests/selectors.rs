//! Selectors on the example fleet.

use super::{super::Selector, clean, example::EXAMPLE};
use proptest::prelude::*;

fn select(text: &str) -> String {
    let fleet = clean(EXAMPLE);
    match Selector::parse(text).and_then(|selector| selector.select(&fleet)) {
        Ok(found) => found
            .iter()
            .map(|at| fleet.hosts[*at].name.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => format!("{error}"),
    }
}

#[test]
fn what_is_selected() {
    for (text, expected) in [
        ("stor1", "stor1"),
        ("access*", "access1 access2 access3 access4"),
        ("role=storage", "stor1 stor2"),
        ("role=storage,rack=lax-r2", "stor2"),
        ("db1|role=backup", "backup1 db1"),
        ("site=lax,role!=node,!db?", "stor1 stor2 gal1 gal2 gal3 ups1"),
        ("segment=web", "stor1 stor2"),
        ("slice=mail-1", "stor1"),
        ("mounts=web-2,site=fra", "backup1"),
        ("topology=shop", "db1 db2"),
        ("tag=ssd", "db1"),
        ("generation=g*", "stor1 stor2 db1"),
        ("feed=lax-b,switch=lax-sw1", "access1 access2 access3 access4"),
    ] {
        assert_eq!(select(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (text, expected) in [
        ("rol=storage", "`rol` cannot be selected by (did you mean `role`?)"),
        (
            "role=storge",
            "no host is selected by `role=storge` (did you mean `storage`?)",
        ),
        (
            "role=storage,",
            "a term of the selector `role=storage,` is empty (write role=storage,site=lax or a host's name)",
        ),
        (
            "stor1,db1",
            "no host is selected: each term selects some, but no host satisfies all of them (`,` means and, `|` means or)",
        ),
        // As near to stor1 as to stor2: neither is a guess worth making.
        (
            "stor9",
            "no host is selected by `name=stor9` (known: `access1`, `access2`, `access3`, `access4`, `backup1`, `db1`, \
             `db2`, `gal1`, `gal2`, `gal3`, `gate1`, `here`, `stor1`, `stor2`, `ups1`)",
        ),
        // Names that stand on screen without their field.
        ("web", "no host is selected by `name=web` (did you mean `segment=web`?)"),
        (
            "web-1",
            "no host is selected by `name=web-1` (did you mean `slice=web-1`?)",
        ),
        (
            "storage",
            "no host is selected by `name=storage` (did you mean `role=storage`?)",
        ),
        (
            "lax-r?",
            "no host is selected by `name=lax-r?` (did you mean `rack=lax-r?`?)",
        ),
        (
            "shp",
            "no host is selected by `name=shp` (did you mean `topology=shop`?)",
        ),
        (
            "role=shop",
            "no host is selected by `role=shop` (did you mean `topology=shop`?)",
        ),
    ] {
        assert_eq!(select(text), expected, "{text}");
    }
    let both = Selector::parse_all(&["stor1", "role=mysql"]).expect("two selectors");
    let fleet = clean(EXAMPLE);
    assert_eq!(both.select(&fleet).map(|found| found.len()), Ok(6));
    assert_eq!(
        Selector::parse_all::<&str>(&[]).map(|all| all == Selector::all()),
        Ok(true)
    );
}

proptest! {
    #[test]
    fn any_selector_is_read_or_refused(text in "[a-z*?!=,| ]{0,40}") {
        let fleet = clean("fleet: f\nhosts: { a: , b: { roles: [x] } }\n");
        if let Ok(selector) = Selector::parse(&text) {
            let _ = selector.select(&fleet);
        }
    }
}
