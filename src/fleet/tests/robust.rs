//! Whatever the text: no panic, bounded work, and a fleet exactly when there is no error.

use super::{example::EXAMPLE, one};
use proptest::prelude::*;
use std::{fmt::Write as _, time::Instant};

/// Loads and renders; the renderings must not panic either.
fn survives(text: &str) {
    let loaded = one(text);
    assert_eq!(loaded.fleet.is_some(), !loaded.has_errors());
    let _ = crate::fleet::diagnostic::render(&loaded.diagnostics);
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
        assert!(
            !diagnostic.message.is_empty() && !diagnostic.message.contains('\n'),
            "{diagnostic:?}"
        );
        assert!(diagnostic.hint.as_ref().is_none_or(|hint| !hint.contains('\n')));
    }
}

/// Pieces that mean something to YAML or to the inventory.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just("\n  ".to_owned()),
        Just("\n    ".to_owned()),
        "[-:,{}\\[\\]&*!|>'\"%@`#?~<\t ]{1,4}",
        "(fleet|hosts|groups|segments|slices|servers|mounts|jump|poll|probes|topologies|a|b|<<): ",
        "[a-z0-9.\\[\\]-]{1,8}",
        "\\PC{0,3}",
        any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        survives(&text);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn text_that_looks_like_yaml(pieces in proptest::collection::vec(piece(), 0..60)) {
        survives(&pieces.concat());
    }

    #[test]
    fn the_example_with_pieces_cut_out_and_put_in(
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..40, piece()), 1..5),
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, length, put) in cuts {
            let at = at.index(text.len().max(1)).min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, put.chars());
        }
        survives(&text.into_iter().collect::<String>());
    }

    #[test]
    fn the_example_with_lines_swapped(a in any::<proptest::sample::Index>(), b in any::<proptest::sample::Index>()) {
        let mut lines: Vec<&str> = EXAMPLE.lines().collect();
        let (a, b) = (a.index(lines.len()), b.index(lines.len()));
        lines.swap(a, b);
        survives(&lines.join("\n"));
    }
}

#[test]
fn five_thousand_hosts_load() {
    let mut text = String::from("fleet: big\ngroups:\n  g:\n    roles: [web]\n    thresholds: {load_per_cpu: 8}\n");
    text.push_str("racks:\n");
    for rack in 0..200 {
        let _ = writeln!(text, "  r{rack}: {{}}");
    }
    text.push_str("hosts:\n");
    for host in 0..5000 {
        let _ = writeln!(
            text,
            "  host{host}:\n    address: 10.{}.{}.{}\n    groups: [g]\n    rack: r{}\n    tags: [a, b]",
            host / 65536,
            host / 256 % 256,
            host % 256,
            host % 200
        );
    }
    text.push_str("segments:\n");
    for segment in 0..1000 {
        let (a, b) = (segment * 2, segment * 2 + 1);
        let _ = writeln!(
            text,
            "  s{segment}:\n    servers: [host{a}, host{b}]\n    slices:\n      slice{segment}: {{resource: r, device: /dev/drbd0, mount_point: /srv/x, service_address: 10.99.{}.{}/16}}",
            segment / 250,
            segment % 250
        );
    }
    assert!(text.len() < super::super::yaml::FILE_LIMIT, "{}", text.len());
    let started = Instant::now();
    let fleet = super::clean(&text);
    let took = started.elapsed();
    assert_eq!((fleet.hosts.len(), fleet.segments.len()), (5000, 1000));
    // A debug build on a busy machine; anything quadratic takes far longer than this.
    assert!(took.as_secs() < 20, "{took:?}");
    eprintln!("5,000 hosts, {} bytes: {took:?}", text.len());
}

#[test]
fn thousands_of_mistakes_are_bounded() {
    let mut text = String::from("fleet: big\nhosts:\n");
    for host in 0..4000 {
        let _ = writeln!(
            text,
            "  host{host}: {{adress: x, groups: [nogroup{host}], rack: r{host}, prt: 1}}"
        );
    }
    let started = Instant::now();
    let loaded = one(&text);
    assert_eq!(loaded.diagnostics.len(), 500);
    let last = loaded.diagnostics.last().expect("some").hint.clone().expect("a hint");
    assert!(
        last.ends_with("and 15500 more diagnostics that are not shown"),
        "{last}"
    );
    assert!(started.elapsed().as_secs() < 30);
}

#[test]
fn bombs_are_refused() {
    let mut laughs = String::from("fleet: x\na0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..12 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(laughs, "a{level}: &a{level} [{uses}]");
    }
    let loaded = one(&laughs);
    assert!(
        loaded
            .diagnostics
            .iter()
            .any(|d| d.message.contains("aliases written out")),
        "{loaded:?}"
    );

    let mut merges = String::from("fleet: x\nm0: &m0 {a: 1}\n");
    for level in 1..40 {
        let below = level - 1;
        let _ = writeln!(
            merges,
            "m{level}: &m{level} {{ x: *m{below}, y: *m{below}, <<: *m{below} }}"
        );
    }
    assert!(one(&merges).has_errors());

    for deep in [
        "[".repeat(5000),
        "{a: ".repeat(5000),
        "- ".repeat(5000),
        "? ".repeat(5000),
    ] {
        assert!(one(&deep).has_errors());
    }
    let mut nested = String::from("fleet: x\nhosts:\n");
    for level in 0..500 {
        let _ = writeln!(nested, "{}a:", " ".repeat(level + 1));
    }
    assert!(one(&nested).diagnostics.iter().any(|d| d.message.contains("64 levels")));
    assert!(
        one("a: &a [*a]")
            .diagnostics
            .iter()
            .any(|d| d.message.contains("inside its own anchor"))
    );
    let long = "x".repeat(super::super::yaml::FILE_LIMIT + 1);
    assert!(one(&long).diagnostics[0].message.contains("larger than"));
}
