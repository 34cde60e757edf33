//! What a good inventory resolves to: levels, defaults, merge keys, includes, jump chains.

use super::{clean, several};
use crate::fleet::HostName;
use std::time::Duration;

#[test]
fn own_values_win_then_the_first_group_then_the_defaults() {
    let fleet = clean(
        "fleet: f
defaults: { user: d, port: 1, tags: [d], backup_programs: [nightly], poll: { interval: 5s, deadline: 9s }, mysql: { socket: /d } }
groups:
  g: { user: g, port: 2, tags: [g], thresholds: { load_per_cpu: 8 }, mysql: { heartbeat: a.b } }
  h: { port: 3, generation: 1.10, poll: { interval: 20s } }
hosts:
  a: { groups: [g, h], port: 4, tags: [own], backup_programs: [veeam-own, nightly] }
  b: { groups: [h, g] }
",
    );
    let a = fleet.host("a").expect("a");
    assert_eq!(
        (a.user.as_deref(), a.port, a.generation.as_deref()),
        (Some("g"), Some(4), Some("1.10"))
    );
    assert_eq!(
        a.backup_programs.iter().map(String::as_str).collect::<Vec<_>>(),
        ["nightly", "veeam-own"]
    );
    assert_eq!(a.tags.iter().map(String::as_str).collect::<Vec<_>>(), ["d", "g", "own"]);
    assert_eq!(
        (a.poll.interval, a.poll.deadline),
        (Duration::from_secs(20), Duration::from_secs(9))
    );
    // The medium tier is dragged along by a slower fast one.
    assert_eq!(a.poll.medium, Duration::from_secs(20));
    assert!((a.thresholds.load_per_cpu - 8.0).abs() < f64::EPSILON);
    let mysql = a.mysql.as_ref().expect("access");
    assert_eq!(
        (mysql.socket.as_deref(), mysql.heartbeat.as_deref()),
        (Some("/d"), Some("a.b"))
    );
    assert_eq!(fleet.host("b").and_then(|b| b.port), Some(3));
    assert_eq!(fleet.poll.interval, Duration::from_secs(5));
}

#[test]
fn words_stay_words() {
    let fleet = clean("fleet: no\nlabel: 022\nhosts:\n  1e3: { address: yes.example, tags: [on, null1, 1_000] }\n");
    assert_eq!((fleet.name.as_str(), fleet.label.as_deref()), ("no", Some("022")));
    let host = fleet.host("1e3").expect("1e3");
    assert!(host.tags.contains("on") && host.tags.contains("1_000"));
}

#[test]
fn anchors_and_merge_keys() {
    let fleet = clean(
        "fleet: f
hosts:
  a: &a { port: 2200, roles: [web], user: x }
  b: { <<: *a, user: y }
  c: { <<: [{ port: 1 }, *a] }
",
    );
    let host = |name| fleet.host(name).map(|host| (host.port, host.user.clone()));
    assert_eq!(host("b"), Some((Some(2200), Some("y".to_owned()))));
    assert_eq!(host("c"), Some((Some(1), Some("x".to_owned()))));
}

#[test]
fn jump_chains_are_written_out() {
    let fleet = clean(
        "fleet: f
defaults: { jump: [inner] }
hosts:
  outer: { address: 203.0.113.1, user: ops, jump: [] }
  inner: { address: \"2001:db8::1\", port: 2222, jump: [outer] }
  a: {}
  b: { jump: [me@far.example:99, inner] }
",
    );
    let jump = |name: &str| fleet.host(name).and_then(|host| host.jump.clone()).expect("a chain");
    assert!(jump("outer").is_empty());
    assert_eq!(jump("inner"), ["ops@203.0.113.1"]);
    assert_eq!(jump("a"), ["ops@203.0.113.1", "[2001:db8::1]:2222"]);
    assert_eq!(jump("b"), ["me@far.example:99", "[2001:db8::1]:2222"]);
}

#[test]
fn includes_add_up() {
    let loaded = several(&[
        (
            "etc/main.yaml",
            "fleet: f\ninclude: sub/storage.yaml\nhosts: { s1: , s2: }\n",
        ),
        (
            "etc/sub/storage.yaml",
            "include: ../n.yaml\nsegments:\n  s: { servers: [s1, s2], slices: { one: { resource: r, device: /dev/drbd0, \
             mount_point: /srv/1, export: { clients: [a, b] } } } }\n",
        ),
        ("etc/n.yaml", "hosts: { \"n[1-2]\": { mounts: all of s } }\n"),
    ]);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let fleet = loaded.fleet.expect("a fleet");
    let names: Vec<&str> = fleet.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["s1", "s2", "n1", "n2"]);
    assert_eq!(fleet.host("n2").map(|host| host.mounts[0].at.as_str()), Some("/srv/1"));
    let (_, slice) = fleet.slice("one").expect("one");
    assert_eq!(slice.standby.as_ref().map(HostName::as_str), Some("s2"));
}

#[test]
fn an_ssh_config_lies_beside_the_file_that_names_it() {
    let files = |key: &str| {
        several(&[
            (
                "d/inventory.yaml",
                "fleet: f\ninclude: [more/one.yaml]\nhosts: { a: }\n",
            ),
            ("d/more/one.yaml", key),
            ("d/ssh/config", "Host *\n"),
            ("/etc/fleet", ""),
        ])
    };
    let path = |key: &str| {
        let fleet = files(key).fleet.expect("a fleet");
        let around = fleet.around(&[true]);
        assert_eq!(around.ssh_config, fleet.ssh_config);
        fleet.ssh_config
    };
    assert_eq!(path("hosts: { b: }\n"), None);
    assert_eq!(path("ssh_config: ../ssh/config\n"), Some("d/ssh/config".into()));
    assert_eq!(path("ssh_config: /etc/fleet\n"), Some("/etc/fleet".into()));
    let watched = files("ssh_config: ../ssh/config\n").files;
    assert_eq!(watched.len(), 2, "it is no part of the inventory: {watched:?}");
}

#[test]
fn a_host_knows_which_backups_are_on_it_and_is_looked_at_with_what_they_are_of() {
    let fleet = clean(
        "fleet: f
hosts:
  a: { mysql: {} }
  b: { mysql: {} }
  other:
  vault:
segments:
  s:
    servers: [a, b]
    backup: { on: vault, list: [l, \"{slice}\"], restore: [r, \"{backup}\", \"{into}\"], scratch: /x, tested: 90d }
    slices:
      one: { device: /dev/drbd0, resource: r0, mount_point: /one }
      two: { device: /dev/drbd1, resource: r1, mount_point: /two, backup: { every: 7d, tested: 1d } }
      three: { device: /dev/drbd2, resource: r2, mount_point: /three, backup: other }
topologies:
  one:
    kind: replication
    members: [a, b]
    backup: { on: vault, list: [l], restore: [r, \"{backup}\", \"{into}\"], scratch: /x }
",
    );
    let told: Vec<_> = fleet
        .host("vault")
        .expect("vault")
        .backups
        .iter()
        .map(|kept| {
            let days = |span: Duration| span.as_secs() / 86_400;
            (
                kept.of.record(),
                kept.list.join(" "),
                days(kept.every),
                days(kept.tested),
            )
        })
        .collect();
    let kept = |record: &str, list: &str, every, tested| (record.to_owned(), list.to_owned(), every, tested);
    assert_eq!(
        told,
        [
            kept("backup@one", "l one", 1, 90),
            kept("backup@two", "l two", 7, 1),
            // Of the same name, and another thing.
            kept("backup@database@one", "l", 1, 35),
        ]
    );
    assert_eq!(
        fleet.host("other").expect("other").backups.len(),
        1,
        "the other keys are the segment's"
    );
    let around = fleet.around(&[true, false, false, false]);
    let names: Vec<_> = around.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "other", "vault"]);
    assert_eq!(around.host("vault").expect("vault").backups.len(), 3);
    // Whoever asks for the host of backups asks for all that are on it, and not for all servers.
    let alone = fleet.around(&[false, false, false, true]);
    assert_eq!((alone.hosts.len(), alone.hosts[0].backups.len()), (1, 3));
}
