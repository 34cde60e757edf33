//! What simulated hosts make of scripts: against the real script in a real shell, and against the vendors' rules.

use super::{super::Simulation, *};
use crate::{
    runbook::{
        operation::Expect,
        target::{COMMAND, Holder, Identity, Receipt, Request, Said, parse},
    },
    simulate::{Fault, drbd::Role, nfs::MountState, tests as simulated},
};
use proptest::prelude::*;
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

fn argv(line: &str) -> Vec<String> {
    shlex::split(line).unwrap()
}

/// Gives a script to the machine's own shell, as a target's does; `None` when the answer is cut short.
fn real(store: &Path, request: &Request) -> Option<Vec<Said>> {
    let mut shell = Command::new("sh")
        .args(COMMAND.split(' ').skip(1))
        .env("POINTSMAN_STORE", store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    input.write_all(request.script().unwrap().as_bytes()).unwrap();
    drop(input);
    parse(&shell.wait_with_output().unwrap().stdout)
}

/// What depends on the machine and not on the script is made equal.
fn plain(said: Option<Vec<Said>>) -> Vec<Said> {
    said.expect("a whole answer")
        .into_iter()
        .map(|line| match line {
            Said::Refused(kind, _) if kind == "store" => Said::Refused(kind, String::new()),
            other => other,
        })
        .collect()
}

fn simulation() -> Simulation {
    let hand = simulated::Hand::default();
    Simulation::calm(7, hand.clock())
}

fn identity_of(sim: &Simulation, host: &str) -> Identity {
    sim.world()
        .with(host, |island, at| Identity {
            machine_id: render::machine_id(&island.nodes[at]),
            boot_id: Some(render::boot_id(&island.nodes[at])),
        })
        .unwrap()
}

/// Who this machine is.
fn own_identity() -> Identity {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    Identity {
        machine_id: read("/etc/machine-id"),
        boot_id: Some(read("/proc/sys/kernel/random/boot_id")),
    }
}

/// One call, before it is known to whom.
#[derive(Debug, Clone)]
enum Plain {
    Tokens,
    Claim {
        run: u8,
        token: u64,
        wrong: bool,
        over: Option<u8>,
    },
    Release {
        run: u8,
        token: u64,
        wrong: bool,
    },
    Act {
        run: u8,
        token: u64,
        key: u8,
        commands: Vec<&'static str>,
        expect: &'static str,
    },
    Receipt {
        key: u8,
    },
    Look(&'static str),
}

impl Plain {
    fn request(&self, identity: &Identity) -> Request {
        let objects = vec!["slice-a".to_owned(), "stor1+stor2".to_owned()];
        let holder = |run: u8, token| Holder {
            run: format!("run{run}"),
            token,
            owner: format!("op@console{run}"),
        };
        let who = |wrong: bool| Identity {
            machine_id: if wrong {
                "wrong".into()
            } else {
                identity.machine_id.clone()
            },
            boot_id: identity.boot_id.clone(),
        };
        match self {
            Self::Tokens => Request::Tokens(objects),
            Self::Claim {
                run,
                token,
                wrong,
                over,
            } => Request::Claim {
                identity: who(*wrong),
                objects,
                holder: holder(*run, *token),
                over: over.iter().map(|run| format!("run{run}")).collect(),
            },
            Self::Release { run, token, wrong } => Request::Release {
                identity: who(*wrong),
                objects,
                holder: holder(*run, *token),
            },
            Self::Act {
                run,
                token,
                key,
                commands,
                expect,
            } => Request::Act {
                identity: identity.clone(),
                objects,
                holder: holder(*run, *token),
                key: format!("key{key}"),
                expects: vec![Expect {
                    argv: argv("echo Primary/Secondary"),
                    pattern: (*expect).to_owned(),
                }],
                commands: commands.iter().map(|line| argv(line)).collect(),
                looks: vec![argv("echo seen"), argv("false")],
            },
            Self::Receipt { key } => Request::Receipt {
                identity: Identity {
                    boot_id: None,
                    ..identity.clone()
                },
                key: format!("key{key}"),
            },
            Self::Look(line) => Request::Look(vec![argv(line), argv("true")]),
        }
    }
}

fn calls() -> impl Strategy<Value = Plain> {
    let command = prop::sample::select(vec!["true", "false", "echo one two", "echo 'it''s'"]);
    prop_oneof![
        Just(Plain::Tokens),
        (
            0..3_u8,
            1..6_u64,
            prop::bool::weighted(0.1),
            prop::option::weighted(0.3, 0..3_u8)
        )
            .prop_map(|(run, token, wrong, over)| Plain::Claim {
                run,
                token,
                wrong,
                over
            }),
        (0..3_u8, 1..6_u64, prop::bool::weighted(0.1)).prop_map(|(run, token, wrong)| Plain::Release {
            run,
            token,
            wrong
        }),
        (
            0..2_u8,
            1..6_u64,
            0..3_u8,
            prop::collection::vec(command, 1..4),
            prop::sample::select(vec![
                "Primary*",
                "Primary/Secondary",
                "Secondary*",
                "*",
                "[PS]*y",
                "Primary"
            ])
        )
            .prop_map(|(run, token, key, commands, expect)| Plain::Act {
                run,
                token,
                key,
                commands,
                expect
            }),
        (0..3_u8).prop_map(|key| Plain::Receipt { key }),
        prop::sample::select(vec!["echo x", "false"]).prop_map(Plain::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn simulated_hosts_answer_as_the_script_does_in_a_shell(calls in prop::collection::vec(calls(), 1..8)) {
        let store = tempfile::tempdir().unwrap();
        let sim = simulation();
        let (here, there) = (own_identity(), identity_of(&sim, "stor1"));
        for call in &calls {
            let shell = plain(real(store.path(), &call.request(&here)));
            let script = call.request(&there).script().unwrap();
            let simulated = plain(parse(&sim.world().act("stor1", &script).unwrap()));
            let machine = |said: Vec<Said>| -> Vec<Said> {
                said.into_iter().map(|line| match line {
                    Said::Refused(kind, _) if kind == "identity" => Said::Refused(kind, String::new()),
                    other => other,
                }).collect()
            };
            prop_assert_eq!(machine(shell), machine(simulated), "{:?} of {:?}", call, calls);
        }
    }
}

/// A store that cannot be written is a refusal, not silence: a shell ends at once when a redirection of `exec` fails.
#[test]
fn an_unwritable_store_is_refused_by_both() {
    let store = tempfile::tempdir().unwrap();
    // Not even root can open that as a file.
    std::fs::create_dir_all(store.path().join("lock")).unwrap();
    let sim = simulation();
    sim.world()
        .with("stor1", |island, at| island.nodes[at].store.read_only = true);
    let claim = Plain::Claim {
        run: 0,
        token: 1,
        wrong: false,
        over: None,
    };
    let refused = vec![Said::Refused("store".into(), String::new())];
    assert_eq!(plain(real(store.path(), &claim.request(&own_identity()))), refused);
    let script = claim.request(&identity_of(&sim, "stor1")).script().unwrap();
    assert_eq!(plain(parse(&sim.world().act("stor1", &script).unwrap())), refused);
}

/// A look that prints more than an answer may hold is not known: what was cut off might say the opposite.
#[test]
fn a_look_that_is_too_long_is_no_look_for_both() {
    let store = tempfile::tempdir().unwrap();
    let sim = simulation();
    for (digits, exit, length) in [
        (200_000, 0, 200_001),
        (524_287, 0, 524_288),
        (524_288, 27, 0),
        (900_000, 27, 0),
    ] {
        let look = Request::Look(vec![argv(&format!("printf %0{digits}d 1"))]);
        let shell = plain(real(store.path(), &look));
        let Said::Looked(printed) = &shell[0] else {
            panic!("{shell:?}")
        };
        assert_eq!((printed.exit, printed.text.len()), (exit, length));
        let simulated = plain(parse(&sim.world().act("stor1", &look.script().unwrap()).unwrap()));
        let Said::Looked(same) = &simulated[0] else {
            panic!("{simulated:?}")
        };
        assert_eq!((same.exit, same.text.trim_end()), (exit, printed.text.trim_end()));
    }
}

/// What has run is said to have run, also when its receipt cannot be kept: a refusal means that nothing was changed.
#[test]
fn a_step_that_ran_is_never_called_refused() {
    let store = tempfile::tempdir().unwrap();
    let here = own_identity();
    let claim = Plain::Claim {
        run: 0,
        token: 1,
        wrong: false,
        over: None,
    };
    real(store.path(), &claim.request(&here)).unwrap();
    // The place of the receipt is taken by a directory once the step has begun.
    let taken = store.path().join("receipt/key0.exit.new");
    let mut step = Plain::Act {
        run: 0,
        token: 1,
        key: 0,
        commands: vec![],
        expect: "*",
    }
    .request(&here);
    if let Request::Act { commands, .. } = &mut step {
        commands.push(argv(&format!("mkdir -p {}", taken.display())));
    }
    let said = real(store.path(), &step).unwrap();
    assert!(matches!(&said[0], Said::Ran(printed) if printed.exit == 0), "{said:?}");

    let sim = simulation();
    let there = identity_of(&sim, "stor1");
    sim.world()
        .act("stor1", &claim.request(&there).script().unwrap())
        .unwrap();
    let step = Plain::Act {
        run: 0,
        token: 1,
        key: 0,
        commands: vec!["echo one"],
        expect: "*",
    };
    let mut script = Script::new(&step.request(&there).script().unwrap());
    let said = sim.world().with("stor1", |island, at| {
        while script.next_verb() != Some("finish") {
            assert!(script.step(island, at));
        }
        island.nodes[at].store.full = true;
        while script.step(island, at) {}
        parse(&script.answer()).unwrap()
    });
    assert!(matches!(&said.unwrap()[0], Said::Ran(printed) if printed.exit == 0 && printed.text == "one\n"));
}

#[test]
fn notices_on_standard_error_are_no_part_of_the_state() {
    let store = tempfile::tempdir().unwrap();
    let here = own_identity();
    let claim = Plain::Claim {
        run: 0,
        token: 1,
        wrong: false,
        over: None,
    };
    real(store.path(), &claim.request(&here)).unwrap();
    let says = ["echo 'a notice' >&2; echo Secondary/Primary", "echo Secondary >&2"];
    for (key, says) in (0..).zip(says) {
        let mut step = Plain::Act {
            run: 0,
            token: 1,
            key,
            commands: vec!["true"],
            expect: "Secondary*",
        }
        .request(&here);
        if let Request::Act { expects, .. } = &mut step {
            expects[0].argv = vec!["sh".into(), "-c".into(), says.into()];
        }
        let said = real(store.path(), &step).unwrap();
        match &said[0] {
            Said::Ran(printed) => assert!(key == 0 && printed.exit == 0, "{said:?}"),
            Said::Refused(kind, seen) => {
                assert!(key == 1 && kind == "expect" && seen.ends_with("Secondary"), "{said:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Runs one command on a host: exit code and both outputs.
fn run(sim: &Simulation, host: &str, line: &str) -> (i32, String) {
    sim.world()
        .with(host, |island, at| {
            let ran = commands::command(island, at, &argv(line));
            (ran.exit, ran.stdout + &ran.stderr)
        })
        .unwrap()
}

fn ok(sim: &Simulation, host: &str, line: &str) -> String {
    let (exit, text) = run(sim, host, line);
    assert_eq!(exit, 0, "{host}: {line}: {text}");
    text
}

fn fails(sim: &Simulation, host: &str, line: &str, says: &str) {
    let (exit, text) = run(sim, host, line);
    assert!(exit != 0 && text.contains(says), "{host}: {line}: {exit} {text}");
}

fn client(sim: &Simulation) -> MountState {
    sim.world()
        .with("access1", |island, at| {
            island.settle();
            island.nodes[at].mounts[0].state
        })
        .unwrap()
}

#[test]
fn a_slice_moves_by_commands_with_the_vendors_rules() {
    let sim = simulation();
    assert_eq!(ok(&sim, "stor1", "drbdadm role r0"), "Primary/Secondary\n");
    assert_eq!(ok(&sim, "stor5", "drbdadm role r4"), "Primary\n");
    fails(&sim, "stor2", "drbdadm primary r0", "(-1)");
    fails(&sim, "stor1", "drbdadm secondary r0", "(-12)");
    fails(&sim, "stor1", "umount -- /srv/slice-a", "busy");
    ok(&sim, "stor1", "port_block add 10.20.0.101");
    assert_eq!(ok(&sim, "stor1", "port_block list -"), "10.20.0.101\n");
    assert!(matches!(client(&sim), MountState::Hung(_)), "dropped, not refused");
    ok(&sim, "stor1", "ip addr del 10.20.0.101/22 dev eth0");
    fails(&sim, "stor1", "ip addr del 10.20.0.101/22 dev eth0", "Cannot assign");
    ok(&sim, "stor1", "exportfs -u 10.20.0.0/22:/srv/slice-a");
    fails(&sim, "stor1", "exportfs -u 10.20.0.0/22:/srv/slice-a", "Could not find");
    fails(&sim, "stor1", "umount -- /srv/slice-a", "busy");
    assert!(ok(&sim, "stor1", "cat /proc/net/rpc/nfsd.export/content").contains("/srv/slice-a\t"));
    ok(&sim, "stor1", "exportfs -f");
    assert!(!ok(&sim, "stor1", "cat /proc/net/rpc/nfsd.export/content").contains("/srv/slice-a\t"));
    fails(&sim, "stor1", "umount -- /srv/slice-a", "busy");
    assert!(ok(&sim, "stor1", "cat /proc/locks").contains("93:00:"));
    ok(&sim, "stor1", "release_locks /srv/slice-a");
    ok(&sim, "stor1", "sync -f /srv/slice-a");
    ok(&sim, "stor1", "umount -- /srv/slice-a");
    ok(&sim, "stor1", "drbdadm secondary r0");
    fails(
        &sim,
        "stor2",
        "mount -o relatime -- /dev/drbd0 /srv/slice-a",
        "Wrong medium type",
    );
    ok(&sim, "stor2", "drbdadm primary r0");
    ok(&sim, "stor2", "mount -o rw,noatime -- /dev/drbd0 /srv/slice-a");
    assert!(ok(&sim, "stor2", "cat /proc/self/mountinfo").contains("/srv/slice-a rw,noatime "));
    ok(&sim, "stor2", "exportfs -o rw,sync,fsid=1001 10.20.0.0/22:/srv/slice-a");
    fails(&sim, "stor2", "announce 10.20.0.101 eth0", "Cannot assign");
    ok(&sim, "stor2", "ip addr add 10.20.0.101/22 dev eth0");
    fails(&sim, "stor2", "ip addr add 10.20.0.101/22 dev eth0", "File exists");
    assert!(matches!(client(&sim), MountState::Hung(_)), "nobody told the network");
    ok(&sim, "stor2", "announce 10.20.0.101 eth0");
    assert_eq!(client(&sim), MountState::Answering);
}

#[test]
fn clients_find_an_address_that_was_not_announced_in_the_end() {
    let hand = simulated::Hand::default();
    let sim = Simulation::calm(7, hand.clock());
    sim.world().fleet(|island| {
        let (from, to) = (island.node("stor1").unwrap(), island.node("stor2").unwrap());
        island.move_slice(0).unwrap();
        island.move_slice(0).unwrap();
        assert!(
            island.nodes[from]
                .service_addresses
                .contains(&island.replicas[0].address)
        );
        assert!(
            island.nodes[to]
                .service_addresses
                .iter()
                .all(|ip| *ip != island.replicas[0].address)
        );
    });
    ok(&sim, "stor1", "ip addr del 10.20.0.101/22 dev eth0");
    ok(&sim, "stor2", "ip addr add 10.20.0.101/22 dev eth0");
    hand.forward(Duration::from_secs(30));
    assert!(matches!(client(&sim), MountState::Hung(_)));
    hand.forward(Duration::from_secs(31));
    assert!(!matches!(client(&sim), MountState::Hung(_)));
}

#[test]
fn a_split_brain_is_resolved_by_the_victim_alone() {
    let sim = simulation();
    sim.world().inject(&Fault::SplitBrain("slice-a".into())).unwrap();
    fails(
        &sim,
        "stor1",
        "drbdadm -- --discard-my-data connect r0",
        "not allowed when primary",
    );
    ok(&sim, "stor2", "drbdadm -- --discard-my-data connect r0");
    assert!(
        ok(&sim, "stor2", "cat /proc/drbd").contains("cs:WFConnection"),
        "the other side stands alone still"
    );
    ok(&sim, "stor1", "drbdadm connect r0");
    assert!(ok(&sim, "stor2", "cat /proc/drbd").contains("cs:SyncTarget"));
    fails(&sim, "stor1", "drbdadm connect r0", "use disconnect first");
    ok(&sim, "stor1", "drbdadm disconnect r0");
    fails(&sim, "stor1", "drbdadm disconnect r0", "unknown connection");
    fails(&sim, "stor2", "drbdadm primary r0", "(-2)");
}

#[test]
fn a_reboot_keeps_the_store_and_nothing_else() {
    let sim = simulation();
    let before = identity_of(&sim, "stor1");
    let claim = Plain::Claim {
        run: 0,
        token: 3,
        wrong: false,
        over: None,
    };
    sim.world()
        .act("stor1", &claim.request(&before).script().unwrap())
        .unwrap();
    ok(&sim, "stor1", "port_block add 10.20.0.101");
    sim.world().with("stor1", Island::reboot);
    let after = identity_of(&sim, "stor1");
    assert_eq!(before.machine_id, after.machine_id);
    assert_ne!(before.boot_id, after.boot_id);
    assert_eq!(ok(&sim, "stor1", "port_block list -"), "");
    let said = parse(
        &sim.world()
            .act("stor1", &claim.request(&before).script().unwrap())
            .unwrap(),
    )
    .unwrap();
    assert!(matches!(&said[0], Said::Refused(kind, _) if kind == "boot"));
    let said = parse(
        &sim.world()
            .act("stor1", &claim.request(&after).script().unwrap())
            .unwrap(),
    )
    .unwrap();
    assert_eq!(said, [Said::Refused("token".into(), "3".into())]);
    assert_eq!(
        sim.world().fleet(|island| island.replicas[0].sides[0].role),
        Some(Role::Secondary)
    );
    sim.world().with("stor1", Island::power_off);
    assert_eq!(sim.world().act("stor1", "say end\n"), None);
}

#[test]
fn a_step_that_still_runs_holds_the_lock() {
    let sim = simulation();
    let there = identity_of(&sim, "stor1");
    let claim = Plain::Claim {
        run: 0,
        token: 1,
        wrong: false,
        over: None,
    };
    sim.world()
        .act("stor1", &claim.request(&there).script().unwrap())
        .unwrap();
    let step = Plain::Act {
        run: 0,
        token: 1,
        key: 0,
        commands: vec!["true"],
        expect: "*",
    };
    let mut script = Script::new(&step.request(&there).script().unwrap());
    sim.world().with("stor1", |island, at| {
        while script.next_verb() != Some("run") {
            script.step(island, at);
        }
    });
    let newer = Plain::Claim {
        run: 0,
        token: 2,
        wrong: false,
        over: None,
    }
    .request(&there)
    .script()
    .unwrap();
    let said = parse(&sim.world().act("stor1", &newer).unwrap()).unwrap();
    assert!(matches!(&said[0], Said::Refused(kind, _) if kind == "busy"));
    sim.world().with("stor1", |island, at| while script.step(island, at) {});
    let said = parse(&sim.world().act("stor1", &newer).unwrap()).unwrap();
    assert!(matches!(&said[0], Said::Claimed(_)));
    let ask = Plain::Receipt { key: 0 }.request(&there).script().unwrap();
    let said = parse(&sim.world().act("stor1", &ask).unwrap()).unwrap();
    assert!(matches!(&said[0], Said::Receipt(Receipt::Ended(printed)) if printed.exit == 0));
}

#[tokio::test(start_paused = true)]
async fn a_step_runs_over_ssh() {
    let sim = Simulation::calm(7, simulated::tokio_clock());
    let handle = simulated::client::connect(&sim, "stor1").await.unwrap();
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, COMMAND).await.unwrap();
    let script = Request::Look(vec![argv("cat /etc/machine-id")]).script().unwrap();
    channel.data_bytes(script.into_bytes()).await.unwrap();
    channel.eof().await.unwrap();
    let (mut out, mut exit) = (Vec::new(), None);
    while let Some(message) = channel.wait().await {
        match message {
            russh::ChannelMsg::Data { data } => out.extend_from_slice(&data),
            russh::ChannelMsg::ExitStatus { exit_status } => exit = Some(exit_status),
            _ => {}
        }
    }
    assert_eq!(exit, Some(0));
    let said = parse(&out).unwrap();
    let id = identity_of(&sim, "stor1").machine_id;
    assert!(
        matches!(&said[0], Said::Looked(printed) if printed.text.trim() == id),
        "{said:?}"
    );
}
