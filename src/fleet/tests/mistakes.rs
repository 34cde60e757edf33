//! Every kind of mistake, with exactly what is said of it.
#![allow(
    clippy::needless_raw_string_hashes,
    reason = "texts with and without quotes look alike here"
)]

use super::{lines, one, several};
use crate::fleet::diagnostic;

#[test]
fn unknown_keys_get_a_suggestion() {
    check(
        r#"
fleet: f
hosts:
  a: { adress: 10.0.0.1 }
  b:
    ip: 10.0.0.2
    colour: red
"#,
        r#"
3:8: error: unknown key `adress` (did you mean `address`?)
5:5: error: unknown key `ip` (did you mean `address`?)
6:5: error: unknown key `colour` (known here: `address`, `groups`, `port`, `user`, `jump`, `via`, `shell`, `roles`, `tags`, `generation`, `backup_programs`, `sudo`, `site`, `rack`, `feeds`, `switches`, `poll`, `thresholds`, `mounts`, `mysql`, `fencing`, `rolling`, `probes`)
"#,
    );
}

#[test]
fn duplicate_keys_and_names() {
    check(
        r#"
fleet: f
fleet: g
hosts:
  a: { port: 22, port: 23 }
  b1: {}
  b[1-2]: {}
  a: {}
"#,
        r#"
2:1: error: `fleet` is given twice; first on line 1 (only the first is looked at; join the two)
4:18: error: `port` is given twice; first on line 4 (only the first is looked at; join the two)
6:3: error: the host `b1` is declared twice; first on line 5
7:3: error: `a` is given twice; first on line 4 (only the first is looked at; join the two)
"#,
    );
}

#[test]
fn an_ssh_config_that_cannot_be_read() {
    check(
        r#"
fleet: f
ssh_config: ssh/config
hosts: { a: }
"#,
        r#"
2:13: error: cannot read the ssh_config `ssh/config`: no file ssh/config (a path here is relative to the file that it stands in)
"#,
    );
    check(
        r#"
fleet: f
ssh_config: ~/.ssh/fleet
hosts: { a: }
"#,
        r#"
2:13: error: cannot read the ssh_config `~/.ssh/fleet`: no file ~/.ssh/fleet (write the home directory out: `~` is not replaced here)
"#,
    );
    check(
        r#"
fleet: f
ssh_config: [a]
hosts: { a: }
"#,
        r#"
2:13: error: text belongs here, found a list
"#,
    );
}

#[test]
fn duplicate_addresses() {
    check(
        r#"
fleet: f
hosts:
  a: { address: 10.0.0.1 }
  b: { address: 10.0.0.1 }
  c: { address: 10.0.0.1, port: 2222 }
  d: { address: "2001:DB8::1" }
  e: { address: "2001:db8:0::1" }
"#,
        r#"
4:17: error: `10.0.0.1` is the address of host `a`, too (line 3)
7:17: error: `2001:db8:0::1` is the address of host `d`, too (line 6)
"#,
    );
}

#[test]
fn wrong_types() {
    check(
        r#"
fleet: [a]
hosts:
  a: { port: 70000, sudo: yes, tags: {x: 1} }
  b: { port: "22", poll: 3, via: telnet }
  c: just-text
  d: { poll: { interval: 2, deadline: 1ms } }
  e: { thresholds: { disk_await_ms: fast, steal_percent: 120, nfs_rtt_ms: .inf } }
"#,
        r#"
1:8: error: text belongs here, found a list
3:14: error: a whole number from 0 to 65535 belongs here, found `70000`
3:27: error: `true` or `false` belongs here, found `yes` (in YAML 1.2 only `true` and `false` are booleans)
3:38: error: text belongs here, found keys and values
4:14: error: a whole number from 0 to 65535 belongs here, found text in quotes (leave the quotes out)
4:26: error: a mapping (keys and values) belongs here, found `3`
4:34: error: `telnet` is not a known word here (one of `ssh`, `local`)
5:6: error: a mapping (keys and values) belongs here, found `just-text`
6:26: error: a span of time belongs here, found `2` (write a number and a unit: 500ms, 2s, 10m, 1h)
6:39: error: `deadline` must lie between 100 ms and one day
7:37: error: a number belongs here, found `fast`
7:58: error: `steal_percent` cannot be more than 100, found 120
7:75: error: a number belongs here, found `.inf`
"#,
    );
}

#[test]
fn dangling_references() {
    check(
        r#"
fleet: f
sites: { lax: }
hosts:
  stor1: { site: lxa, rack: r9, feeds: [a], switches: [s], groups: [web] }
  n1: { mounts: [web-1, all of wbe, web] }
segments:
  web:
    servers: [stor1, stro2]
    slices:
      web1: { device: /dev/md0, mount_point: /srv/a, backup: nobody, unreplicated: true }
topologies:
  t: { kind: replication, members: [db9], source: db8 }
"#,
        r#"
4:18: error: there is no site `lxa` (did you mean `lax`?)
4:29: error: there is no rack `r9` (declare it under `racks:`)
4:41: error: there is no power feed `a` (declare it under `feeds:`)
4:56: error: there is no switch `s` (declare it under `switches:`)
4:69: error: there is no group `web` (declare it under `groups:`)
5:18: error: there is no slice `web-1` (did you mean `web1`?)
5:25: error: there is no segment `wbe` (did you mean `web`?)
5:37: error: `web` is a segment, not a slice (write `all of web` for every slice of it)
8:22: error: there is no host `stro2` (declare it under `hosts:`)
10:62: error: there is no host `nobody` (declare it under `hosts:`)
12:37: error: there is no host `db9` (declare it under `hosts:`)
12:51: error: there is no host `db8` (declare it under `hosts:`)
"#,
    );
}

#[test]
fn backups_that_could_not_be_tested() {
    check(
        r#"
fleet: f
hosts: { stor1: , stor2: , vault: }
segments:
  web:
    servers: [stor1, stor2]
    backup: { on: vault, list: [sh, -c, ls], restore: [tar, "{backup}"], scratch: srv, expect: [/a, b/../c], every: 0s }
    slices:
      web1: { resource: r, device: /dev/drbd0, mount_point: /srv/a }
"#,
        r#"
6:32: error: sh would run what its words say (put it into a script on the host and name that)
6:55: error: the command to restore a backup has no {into} ({backup} stands for its name, {into} for the directory that it is restored to)
6:83: error: `srv` cannot be a scratch directory: it is not an absolute path (write the whole path, beginning with /)
6:97: error: `/a` is no path in a backup (write it relative to where the backup is restored, such as customers/index; of a database, database.table)
6:101: error: `b/../c` is no path in a backup (write it relative to where the backup is restored, such as customers/index; of a database, database.table)
6:117: error: nothing is as new as that
"#,
    );
    check(
        r#"
fleet: f
hosts: { db1: , db2: }
topologies:
  shop: { kind: replication, members: [db1, db2], backup: { list: [l], scratch: /srv/scratch } }
"#,
        r#"
4:3: error: `list`, `restore` and `scratch` of the backups of `shop` belong together (a backup is found, restored somewhere, and looked at: write all three)
"#,
    );
    check(
        r#"
fleet: f
hosts: { db1: , db2: }
topologies:
  shop: { kind: replication, members: [db1, db2], backup: { list: [l], restore: [r, "{backup}", "{into}"], scratch: /s } }
"#,
        r#"
4:3: error: it is not said on which host the backups of `shop` are (add `on:` to `backup:`)
"#,
    );
}

/// What is mounted there would not be found by such a path.
#[test]
fn scratch_directories_that_are_written_in_a_roundabout_way() {
    for place in [
        "/srv//scratch",
        "/srv/./scratch",
        "/srv/x/../scratch",
        "/srv/my scratch",
        "/srv/a\\scratch",
    ] {
        let text = format!(
            "\nfleet: f\nhosts: {{ db1: , db2: }}\ntopologies:\n  shop: {{ kind: replication, members: [db1, db2], \
             backup: {{ on: db2, list: [l], restore: [r, '{{backup}}', '{{into}}'], scratch: '{place}' }} }}\n"
        );
        let error = lines(&text);
        assert!(error.contains("cannot be a scratch directory"), "{place}: {error}");
    }
}

#[test]
fn what_follows_from_a_pruned_thing_is_not_reported() {
    check(
        r#"
fleet: f
hosts:
  stor1: nonsense
  n1: { mounts: [web1] }
segments:
  web:
    servers: [stor1]
    slices:
      web1: { mount_point: /srv/a }
topologies: []
"#,
        r#"
3:10: error: a mapping (keys and values) belongs here, found `nonsense`
9:7: error: `device` is missing (add `device:` to this entry)
10:13: error: a mapping (keys and values) belongs here, found a list
"#,
    );
}

#[test]
fn slices_that_clash() {
    check(
        r#"
fleet: f
hosts: { a: , b: , c: { address: 10.0.0.9 } }
segments:
  s:
    servers: [a, b]
    slices:
      one: { resource: r, device: /dev/drbd0, mount_point: /srv/x, service_address: 10.0.0.5/24, export: { clients: ["*"], options: [fsid=1] } }
      two: { resource: r, device: /dev/drbd0, mount_point: /srv/x, service_address: 10.0.0.5/24, export: { clients: ["*"], options: [fsid=1] } }
      three: { resource: r3, device: /dev/drbd3, mount_point: /srv/3, service_address: 10.0.0.9/24 }
"#,
        r#"
2:34: error: 10.0.0.9 is a service address, too (line 9) (a service address moves with what it leads to; give the host its own address)
8:24: error: `r` is the DRBD resource of slice `one` on the same server, too (line 7)
8:35: error: `/dev/drbd0` is the device of slice `one` on the same server, too (line 7)
8:60: error: `/srv/x` is the mount point of slice `one` on the same server, too (line 7)
8:85: error: 10.0.0.5 is a service address already (line 7) (give `two` an address of its own, so that it can move alone)
8:134: error: `fsid=1` is the filesystem id of slice `one` on the same server, too (line 7)
"#,
    );
}

#[test]
fn where_slices_live() {
    check(
        r#"
fleet: f
hosts: { a: , b: , c: }
segments:
  s:
    servers: [a, b]
    slices:
      one: { resource: r1, device: /dev/drbd1, mount_point: /srv/1, preferred: c }
      two: { resource: r2, device: /dev/drbd2, mount_point: /srv/2, preferred: a, standby: a }
      three: { device: /dev/drbd3, mount_point: /srv/3 }
      four: { resource: r4, device: /dev/drbd4, mount_point: /srv/4, standby: b, unreplicated: true }
  lone:
    servers: [c]
    slices:
      five: { resource: r5, device: /dev/drbd5, mount_point: /srv/5 }
  none: { servers: [] }
  again: { servers: [c], pools: [tank] }
"#,
        r#"
7:80: error: the preferred server `c` is not a server of segment `s` (its servers are `a`, `b`)
8:92: error: `a` is both the preferred and the standby server
9:7: warning: the slice `three` has no replica (add `resource:`, or say `unreplicated: true`)
10:79: warning: the slice `four` is declared unreplicated, but has a standby (remove one of the two)
14:7: warning: the slice `five` has no replica (add `standby:`, or say `unreplicated: true`)
15:3: warning: the segment `none` has neither slices nor pools
15:20: error: the segment `none` has no servers
16:21: error: `c` belongs to segment `lone`, too (a host belongs to one segment; join the two if they share servers)
"#,
    );
}

#[test]
fn a_pair_in_one_failure_domain() {
    check(
        r#"
fleet: f
feeds: { f1: , f2: }
switches: { w1: , w2: }
racks: { r1: { feeds: [f1], switches: [w1] } }
hosts:
  a: { rack: r1 }
  b: { rack: r1 }
  c: { feeds: [f1, f2], switches: [w1] }
  d: { feeds: [f1, f2], switches: [w2] }
segments:
  s: { servers: [a, b], slices: { one: { resource: r, device: /dev/drbd0, mount_point: /srv/1 } } }
  t: { servers: [c, d], slices: { two: { resource: r, device: /dev/drbd0, mount_point: /srv/1 } } }
"#,
        r#"
11:17: warning: `a` and `b` share rack `r1` (one failure takes both halves of the pair; move one of them when you can)
11:17: warning: `a` and `b` share their only power feed `f1` (one failure takes both halves of the pair; move one of them when you can)
11:17: warning: `a` and `b` share their only switch `w1` (one failure takes both halves of the pair; move one of them when you can)
"#,
    );
}

#[test]
fn paths_exports_and_addresses() {
    check(
        r#"
fleet: f
hosts: { a: }
segments:
  s:
    servers: [a]
    slices:
      one:
        device: /dev/md 0
        mount_point: srv/1
        unreplicated: true
        service_address: 10.0.0.5
        export: { path: /export/1, options: ["rw,sync"] }
      two:
        device: /dev/md1
        mount_point: /srv/2
        unreplicated: true
        service_address: 10.0.0.5/33
        export: { path: export }
      three: { device: /dev/md3, mount_point: /srv/3, unreplicated: true, service_address: 127.0.0.1/8 }
"#,
        r#"
8:17: error: `/dev/md 0` cannot be a device: it holds white space
9:22: error: `srv/1` cannot be a mount point: it is not an absolute path (write the whole path, beginning with /)
11:26: error: `10.0.0.5` is not a service address (the prefix length is missing: 10.0.0.5/24, for example)
12:17: warning: the export of slice `one` names no clients (add `clients:` with addresses, networks or names)
12:25: warning: the export `/export/1` is not the mount point `srv/1` (when the filesystem is not mounted, clients would be given the directory below it)
12:46: error: `rw,sync` is not one option (write each option as an entry of its own: [rw, sync, fsid=1001])
17:26: error: `10.0.0.5/33` is not a service address (the prefix length goes from 1 to 32)
18:17: warning: the export of slice `two` names no clients (add `clients:` with addresses, networks or names)
18:25: error: `export` cannot be an export: it is not an absolute path (write the whole path, beginning with /)
19:92: error: `127.0.0.1` cannot be a service address
"#,
    );
}

#[test]
fn probes() {
    check(
        r#"
fleet: f
hosts:
  a:
    probes:
      regex: { command: [x], regex: "(a" }
      both: { command: [x], regex: a, json: /a }
      neither: { command: [x] }
      pointer: { command: [x], json: a.b }
      order: { command: [x], json: /a, warning_above: 9, critical_above: 5, warning_below: 1, critical_below: 2 }
      words: { command: [x], json: /a, expect: ok, warning_above: 1 }
      shell: { command: "ls -l", json: /a }
      empty: { command: [], json: /a }
      often: { command: [x], json: /a, every: 1ms }
      missing: { json: /a }
"#,
        r#"
5:37: error: not a regular expression: unclosed group (look-around and back-references are not supported; single quotes keep backslashes)
6:45: error: a probe has either `regex` or `json`, not both
7:7: error: the probe does not say how its output is read (add `regex:` or `json:`)
8:38: error: `a.b` is not a JSON pointer (it begins with a slash: /a/b)
9:55: error: `warning_above` 9 lies above `critical_above` 5 (the limits are the wrong way round)
9:111: error: `critical_below` 2 lies above `warning_below` 1 (the limits are the wrong way round)
10:48: error: `expect` is for words and cannot stand beside limits for numbers (make two probes of it)
11:25: error: `ls -l` is not one word (write the program and its arguments as a list: [cat, /proc/loadavg]; no shell is involved)
12:25: error: the command is empty (write the program and its arguments as a list: [cat, /proc/loadavg])
13:47: error: a probe runs every 500 ms at most
14:7: error: `command` is missing (add `command:` to this entry)
"#,
    );
}

#[test]
fn limits_the_wrong_way_round() {
    check(
        r#"
fleet: f
defaults:
  thresholds: { lag_warning_seconds: 500 }
  poll: { interval: 1m, medium: 10s }
hosts:
  a: { thresholds: { disk_critical_percent: 50, debounce_polls: 0 } }
  b:
"#,
        r#"
3:38: error: the lag warning at 500 lies above critical at 120 (the limits are the wrong way round)
4:21: warning: `interval` is longer than `medium` (a slower tier is never asked more often than a faster one)
6:45: error: the disk warning at 85 lies above critical at 50 (the limits are the wrong way round)
6:65: error: `debounce_polls` cannot be 0
"#,
    );
}

#[test]
fn roles_without_their_duty() {
    check(
        r#"
fleet: f
hosts:
  a: { roles: [storage] }
  b: { roles: [mysql] }
  c: { roles: [node] }
  d: { roles: [storge] }
"#,
        r#"
3:3: warning: `a` has the role storage, but serves no segment (add it to the `servers:` of a segment)
4:3: warning: `b` has the role mysql, but belongs to no topology (add it to the `members:` of a topology; a single server is one of its own)
5:3: warning: `c` has the role node, but mounts nothing (add `mounts:` to it or to its group)
6:16: warning: the role `storge` has no meaning of its own (did you mean `storage`?)
"#,
    );
}

#[test]
fn names() {
    check(
        r#"
fleet: f
hosts:
  -a: {}
  "b c": {}
  "d\e": {}
  é: {}
  .x: {}
  g: { tags: ["a,b"], user: "-x", roles: ["a b"] }
  h: { address: "-oProxyCommand=x" }
  i: { address: root@10.0.0.1 }
  j: { address: "10.0.0.1:22" }
  k: { address: 10.0.0.1/24 }
"#,
        r#"
3:3: error: `-a` is not a good name: a program would take it for an option (use letters, digits, `.`, `_` and `-`, and begin with a letter, digit or `_`)
4:3: error: `b c` is not a good name: it holds white space (use letters, digits, `.`, `_` and `-`, and begin with a letter, digit or `_`)
5:3: error: `d�` is not a good name: it holds control characters (use letters, digits, `.`, `_` and `-`, and begin with a letter, digit or `_`)
6:3: error: `é` is not a good name: it holds other characters than those allowed (use letters, digits, `.`, `_` and `-`, and begin with a letter, digit or `_`)
7:3: error: `.x` is not a good name: it begins with a dot (use letters, digits, `.`, `_` and `-`, and begin with a letter, digit or `_`)
8:15: error: `a,b` cannot be a tag: , | = ! * and ? are for selectors
8:29: error: `-x` cannot be a user: a program would take it for an option
8:43: error: `a b` cannot be a role: it holds white space
9:17: error: `-oProxyCommand=x` is not an address to connect to (write a DNS name, an address, or an alias of ssh_config)
10:17: error: `root@10.0.0.1` is not an address to connect to (write the user on its own: `user: root`)
11:17: error: `10.0.0.1:22` is not an address to connect to (write the port on its own: `port: 22`)
12:17: error: `10.0.0.1/24` is not an address to connect to (a host's address has no prefix length and no path)
"#,
    );
}

#[test]
fn ranges() {
    check(
        r#"
fleet: f
hosts:
  a[1-3]: { address: "10.0.0.[1-2]" }
  b[1-3]: { address: 10.0.0.9 }
  c[3-1]: {}
  d[1-99999]: {}
  e: { address: "10.0.0.[1-2]" }
"#,
        r#"
3:22: error: `10.0.0.[1-2]` holds 2 addresses for 3 hosts (both ranges must have the same length)
4:22: error: one address for the 3 hosts of `b[1-3]` (write a range into the address, too, such as 10.0.1.[11-18])
5:3: error: the range `3-1` runs backwards (write a range as web[1-8] or web[01-12])
6:3: error: `d[1-99999]` stands for more than 10000 names (write a range as web[1-8] or web[01-12])
7:17: error: `10.0.0.[1-2]` holds 2 addresses for 1 hosts (both ranges must have the same length)
"#,
    );
}

#[test]
fn jumps() {
    check(
        r#"
fleet: f
hosts:
  a: { jump: b }
  b: { jump: c }
  c: { jump: [a] }
  self: { jump: self }
  bastion: {}
  d: { jump: bastoin }
  e: { jump: ["-x", "u@h:0"] }
"#,
        r#"
3:14: error: the jump hosts of `a` lead in a circle through `a` (one of them must be reached without the others: give it `jump: []`)
4:14: error: the jump hosts of `b` lead in a circle through `b` (one of them must be reached without the others: give it `jump: []`)
5:15: error: the jump hosts of `c` lead in a circle through `c` (one of them must be reached without the others: give it `jump: []`)
6:17: error: the jump hosts of `self` lead in a circle through `self` (one of them must be reached without the others: give it `jump: []`)
8:14: warning: the jump host `bastoin` is not a host of this inventory (did you mean `bastion`?)
9:15: error: `-x` is not a jump host (write the name of a host of this inventory, or [user@]host[:port])
9:21: error: `u@h:0` is not a jump host (write the name of a host of this inventory, or [user@]host[:port])
"#,
    );
}

#[test]
fn domains_that_disagree() {
    check(
        r#"
fleet: f
sites: { lax: , fra: }
racks: { r: { site: lax } }
hosts:
  a: { site: fra, rack: r }
"#,
        r#"
5:14: error: the site is `fra`, but rack `r` stands at `lax`
"#,
    );
}

#[test]
fn topologies() {
    check(
        r#"
fleet: f
hosts: { a: , b: , c: }
topologies:
  g: { kind: galera, members: [a, b], source: a }
  h: { kind: ring, members: [c] }
  i: { kind: replication, members: [c, c], source: a }
  j: { kind: replication, members: [] }
  k: { members: [a] }
"#,
        r#"
4:31: warning: a Galera cluster of two loses its majority when either member fails (add a third member, or an arbitrator that the inventory need not name)
4:47: error: a Galera cluster has no source: every member can be written (remove `source:`)
5:14: error: `ring` is not a known word here (one of `replication`, `galera`)
6:40: error: `c` stands twice in this list
7:36: error: the topology `j` has no members
8:3: error: `kind` is missing (add `kind:` to this entry)
"#,
    );
}

#[test]
fn mounts() {
    check(
        r#"
fleet: f
hosts:
  s:
  n: { mounts: [{ segment: w, at: /x }, { at: /y }, { slice: w1, at: y }] }
  m: { mounts: [{ slice: w1, at: /z }, { slice: w2, at: /z }] }
segments:
  w:
    servers: [s]
    slices:
      w1: { device: /dev/md1, mount_point: /srv/1, unreplicated: true }
      w2: { device: /dev/md2, mount_point: /srv/2, unreplicated: true, export: { clients: ["*"] } }
"#,
        r#"
4:17: error: all slices of `w` would be mounted at one place (put {slice} into `at`, such as at: /mnt/{slice})
4:41: error: a mount names either a `slice` or a `segment`
4:53: error: `y` cannot be a mount point: it is not an absolute path
5:3: warning: `m` should mount slice `w1`, which has no export (add `export:` to the slice)
5:40: error: slices `w1` and `w2` would both be mounted at `/z`
"#,
    );
}

#[test]
fn appliances() {
    check(
        r#"
fleet: f
hosts:
  a: { shell: none }
  b: { shell: none, via: local, probes: { p: { command: [x], json: "" } } }
  c: { mysql: { socket: x, heartbeat: beat } }
"#,
        r#"
3:3: warning: a host without a shell and without probes shows nothing but its reachability (add `probes:`)
4:3: error: `via: local` needs a shell (remove `shell: none`)
5:25: error: `x` cannot be a socket: it is not an absolute path (write the whole path, beginning with /)
5:39: error: `beat` is not a heartbeat table (write database.table, such as percona.heartbeat)
"#,
    );
}

#[test]
fn an_empty_fleet() {
    check(
        r#"
label: x
"#,
        r#"
1:1: error: the fleet has no hosts (add `hosts:`, or let `pointsman discover HOST…` draft an inventory)
1:1: error: the fleet has no name (begin with `fleet: NAME`)
"#,
    );
}

#[test]
fn an_empty_file() {
    check(
        r#"
# nothing
"#,
        r#"
1:1: error: the file is empty (an inventory begins with `fleet: NAME`; see inventory.example.yaml)
"#,
    );
}

#[test]
fn tabs() {
    check(
        r#"
fleet: f
hosts:
	a: {}
"#,
        r#"
3:2: error: not valid YAML: tabs disallowed within this context (block indentation) (a tab is not allowed in indentation; use spaces)
"#,
    );
}

#[test]
fn a_missing_colon() {
    check(
        r#"
fleet: f
hosts:
  a
    address: x
"#,
        r#"
4:12: error: not valid YAML: mapping values are not allowed in this context (look at the indentation and for a missing colon, here and in the line above)
"#,
    );
}

#[test]
fn an_unquoted_range() {
    check(
        r#"
fleet: f
hosts: { a: { mounts: [web[1-2]] } }
"#,
        r#"
2:27: error: not valid YAML: while parsing a flow sequence, expected ',' or ']' (a range such as web[1-8] must stand in quotes inside {…} and […])
"#,
    );
}

#[test]
fn an_alias_without_anchor() {
    check(
        r#"
fleet: *nothing
"#,
        r#"
1:8: error: not valid YAML: while parsing node, found unknown anchor (an alias *name needs an anchor &name before it; text that begins with * must stand in quotes)
"#,
    );
}

#[test]
fn tags_and_documents() {
    check(
        r#"
fleet: !secret f
hosts: { a: }
---
fleet: g
"#,
        r#"
1:8: error: a tag that means nothing here: `!secret` (leave it out; text that begins with ! must stand in quotes)
3:1: error: a second document begins here (an inventory is one document; use `include:` for more files)
"#,
    );
}

#[test]
fn keys_that_are_no_words() {
    check(
        r#"
fleet: f
hosts:
  [a]: {}
  ? {b: c}
  : {}
  ~: {}
  <<: 3
"#,
        r#"
1:1: error: the fleet has no hosts (add `hosts:`, or let `pointsman discover HOST…` draft an inventory)
3:3: error: a key must be a single word (text that begins with { or [ must stand in quotes)
4:5: error: a key must be a single word (text that begins with { or [ must stand in quotes)
6:3: error: a key is missing before the colon
7:7: error: `<<` takes a mapping, or a list of them (write `<<: *anchor`)
"#,
    );
}

#[test]
fn a_diagnostic_reads_like_a_compilers() {
    let loaded = one("fleet: f\nhosts:\n  a: { adress: 10.0.0.1 }\n  b: { roles: [storage] }\n  c: { port: x }\n");
    assert!(loaded.fleet.is_none());
    assert_eq!(
        diagnostic::render(&loaded.diagnostics),
        "\
error: unknown key `adress`
 --> inventory.yaml:3:8
  |
3 |   a: { adress: 10.0.0.1 }
  |        ^^^^^^
  = hint: did you mean `address`?

error: a whole number from 0 to 65535 belongs here, found `x`
 --> inventory.yaml:5:14
  |
5 |   c: { port: x }
  |              ^

2 errors, no warnings
"
    );
}

#[test]
fn mistakes_with_includes() {
    let loaded = several(&[
        (
            "inv/main.yaml",
            "fleet: f\ninclude: [a.yaml, gone.yaml, ./b.yaml, a.yaml]\nhosts: { x: }\n",
        ),
        (
            "inv/a.yaml",
            "include: [../inv/main.yaml]\nfleet: again\nhosts:\n  x: {}\n",
        ),
        (
            "inv/b.yaml",
            "hosts:\n  y: { prot: 1, groups: [maybe-in-the-missing-file] }\n",
        ),
    ]);
    assert_eq!(
        diagnostic::render_lines(&loaded.diagnostics),
        "\
inv/main.yaml:2:19: error: cannot read `gone.yaml`: no such file (a path here is relative to the file that it stands in)
inv/main.yaml:2:40: warning: `a.yaml` has been included already
inv/a.yaml:1:11: error: files include each other in a circle: inv/main.yaml → inv/a.yaml → inv/main.yaml
inv/a.yaml:2:8: error: `fleet` is given twice; first on inv/main.yaml:1
inv/a.yaml:4:3: error: the host `x` is declared twice; first on inv/main.yaml:3
inv/b.yaml:2:8: error: unknown key `prot` (did you mean `port`?)
"
    );
    let names: Vec<String> = loaded.files.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["inv/main.yaml", "inv/a.yaml", "inv/b.yaml"]);
}

/// Both texts begin with a line break that only serves their looks; the file name is left out.
#[track_caller]
fn check(text: &str, expected: &str) {
    let found = lines(text.strip_prefix('\n').unwrap_or(text));
    let found: String = found.lines().fold(String::new(), |out, line| {
        out + line.strip_prefix("inventory.yaml:").unwrap_or(line) + "\n"
    });
    assert_eq!(found, expected.strip_prefix('\n').unwrap_or(expected), "\n{found}");
}

#[test]
fn what_stands_before_a_syntax_error_is_checked_too() {
    // The last entry, and everything behind it, may say what seems to be missing here.
    check(
        r#"
include: [rest.yaml]
hosts:
  a: { adress: 10.0.0.1, groups: [web], rack: r1, jump: [gat] }
  b: { address: 10.0.0.2, port: 0 }
  c: { shell: none, roles: [node, storage], groups: [web] }
  d: { address: [10.0.0.3 }
  e: { colour: red }
"#,
        r#"
1:11: error: cannot read `rest.yaml`: no file rest.yaml (a path here is relative to the file that it stands in)
3:8: error: unknown key `adress` (did you mean `address`?)
4:33: error: 0 is not a port
6:27: error: not valid YAML: while parsing a flow sequence, expected ',' or ']'
"#,
    );
}

#[test]
fn a_broken_file_hides_nothing_in_the_others() {
    let loaded = several(&[
        (
            "inventory.yaml",
            "fleet: f\ninclude: [a.yaml, b.yaml]\nhosts:\n  h1: { groups: [g], address: 10.0.0.1 }\n",
        ),
        (
            "a.yaml",
            "segments:\n  s1:\n    servers: [h1, h9]\n    slices:\n      x: { device: /dev/drbd0\n",
        ),
        (
            "b.yaml",
            "hosts:\n  h2: { groups: [g], address: 10.0.0.1, mounts: [x], wrong: 1 }\n",
        ),
    ]);
    let said = diagnostic::render_lines(&loaded.diagnostics);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(
        said.contains("not valid YAML") && said.contains("unknown key `wrong`"),
        "{said}"
    );
    assert!(loaded.fleet.is_none());
}

/// Cut at many places, a good inventory is wrong in one way only.
#[test]
fn a_cut_inventory_makes_no_false_alarm() {
    let text = super::example::EXAMPLE;
    for at in (1..text.len()).step_by(13).filter(|at| text.is_char_boundary(*at)) {
        let cut = format!("{}\n\t{{", &text[..at]);
        let loaded = super::one(&cut);
        let errors: Vec<&str> = loaded.diagnostics.iter().map(|d| d.message.as_str()).collect();
        if errors.iter().any(|error| error.starts_with("not valid YAML")) {
            assert_eq!(errors.len(), 1, "cut at {at}: {errors:?}");
        }
    }
}

#[test]
fn clients_of_exports() {
    check(
        r#"
fleet: f
hosts: { a: }
segments:
  s:
    servers: [a]
    slices:
      x:
        device: /dev/sda1
        mount_point: /srv/x
        unreplicated: true
        export:
          clients: ["*", 10.0.0.1, 10.0.0.0/24, 10.0.0.0/255.255.252.0, "fd00::/48", "fd00::1", "*.web.example", "@nodes", node-1, "web[12]"]
      y:
        device: /dev/sdb1
        mount_point: /srv/y
        unreplicated: true
        export:
          clients:
            - 10.0.0.0/33
            - 10.0.0.300/24
            - 10.0.0
            - 10.0.0.0/255.0.255.0
            - fd00::/129
            - fd00::zz
            - node1(rw)
            - node/24
            - two words
            - -x
            - 10.0.0.0/+8
"#,
        r#"
19:15: error: `10.0.0.0/33` cannot be a client (the prefix length goes from 0 to 32)
20:15: error: `10.0.0.300/24` cannot be a client (before the slash stands an IPv4 or IPv6 address)
21:15: error: `10.0.0` cannot be a client (write a whole IPv4 or IPv6 address, or a network such as 10.0.0.0/24)
22:15: error: `10.0.0.0/255.0.255.0` cannot be a client (the prefix length goes from 0 to 32)
23:15: error: `fd00::/129` cannot be a client (the prefix length goes from 0 to 128)
24:15: error: `fd00::zz` cannot be a client (write a whole IPv4 or IPv6 address, or a network such as 10.0.0.0/24)
25:15: error: `node1(rw)` cannot be a client (one client an entry; what stands in parentheses belongs under `options:`)
26:15: error: `node/24` cannot be a client (before the slash stands an IPv4 or IPv6 address)
27:15: error: `two words` cannot be a client (write an address, a network such as 10.0.0.0/24, a host name, *.example.com, @netgroup or "*")
28:15: error: `-x` cannot be a client (write an address, a network such as 10.0.0.0/24, a host name, *.example.com, @netgroup or "*")
29:15: error: `10.0.0.0/+8` cannot be a client (the prefix length goes from 0 to 32)
"#,
    );
}

#[test]
fn no_jump_host() {
    let fleet = super::clean(
        "fleet: f\ndefaults: { jump: [gate.example] }\nhosts: { a: , b: { jump: none }, c: { jump: [NONE] }, d: { jump: [] } }\n",
    );
    let jumps: Vec<_> = fleet.hosts.iter().map(|host| host.jump.clone()).collect();
    let none = Some(Vec::new());
    assert_eq!(
        jumps,
        [Some(vec!["gate.example".to_owned()]), none.clone(), none.clone(), none]
    );
    check(
        r#"
fleet: f
hosts: { a: { jump: [gate.example, none] }, b: { port: 0 } }
"#,
        r#"
2:36: error: `none` cannot stand among jump hosts (`jump: none` alone, or `jump: []`, means that no jump host is used)
2:56: error: 0 is not a port
"#,
    );
}
