//! Plans for the pictures, by what real machines printed (tests/captures/lab).

use crate::{
    console::runbooks::offers::Asked,
    facts::{CleanText, UnixMs, Why},
    fleet::{Fleet, load},
    runbook::{
        check::Refusal,
        plan::{Glass, Plan},
        planner::{Wish, catalogue, looks, plan},
        sight::{Glimpse, Look, Printed, Sight},
    },
};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

const NOW: UnixMs = UnixMs(1_000_000);

fn fleet(fencing: bool) -> Fleet {
    let fence = if fencing {
        "groups: { bmc: { fencing: { off: [bmc, '{host}', 'off'], status: [bmc, '{host}', status] } } }"
    } else {
        "groups: { bmc: {} }"
    };
    let text = format!(
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
    );
    let loaded = load(Path::new("inventory.yaml"), &text, &|_| Err("no includes".into()));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.fleet.unwrap()
}

/// What a host printed in a recorded state.
struct Host {
    state: &'static str,
    answers: bool,
    /// Text that is put in the place of another, for what could not be recorded.
    instead: Vec<(&'static str, &'static str)>,
}

fn host(state: &'static str) -> Host {
    Host {
        state,
        answers: true,
        instead: Vec::new(),
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
        ["drbdsetup", "status", ..] => return printed(1, String::new()),
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

/// What the planner makes of what is asked for, when both servers are in a recorded state.
pub fn planned(
    asked: &Asked,
    state: &'static str,
    fencing: bool,
    dead: Option<&'static str>,
) -> Result<Box<Plan>, Vec<Refusal>> {
    let fleet = fleet(fencing);
    let glass = asked.glass.iter().map(|(rule, resource)| Glass {
        rule: *rule,
        resource: resource.clone(),
        by: "ann@desk".to_owned(),
    });
    let wish = Wish {
        definition: catalogue::find(&asked.runbook).unwrap().clone(),
        parameters: asked.parameters.clone(),
        glass: glass.collect(),
        alike: asked.alike.clone(),
        weak: asked.weak.clone(),
        last: asked.last.clone(),
    };
    let mut hosts = BTreeMap::from([("stor1", host(state)), ("stor2", host(state))]);
    if let Some(name) = dead {
        hosts.get_mut(name).unwrap().answers = false;
        for (other, host) in &mut hosts {
            if *other != name {
                host.instead = vec![(
                    "0: cs:Connected ro:Secondary/Primary ds:UpToDate/UpToDate C",
                    "0: cs:WFConnection ro:Secondary/Unknown ds:UpToDate/DUnknown C",
                )];
            }
        }
    }
    plan(&fleet, &wish, &sight(&fleet, &wish, &hosts)).map(Box::new)
}
