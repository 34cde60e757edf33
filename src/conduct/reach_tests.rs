//! Reaching hosts: those that are gone, that hang in part, that have no shell, and the shells of this machine.

use super::{
    tests::{now, world},
    *,
};
use crate::{
    fleet::{Fleet, Host, HostName, Shell},
    mode::Mode,
    runbook::{
        engine::Answer,
        observe::{client, filesystem},
        sight::{Glimpse, Look},
        target::Request,
    },
    simulate::Fault,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_host_holds_nobody_up() {
    let world = world();
    world
        .simulation
        .world()
        .inject(&Fault::HostKilled("stor1".into()))
        .unwrap();
    let look = |host: &str| Look::new(&HostName::new(host), ["cat", "/proc/sys/kernel/random/boot_id"]);
    let began = Instant::now();
    let seen: BTreeMap<Look, Glimpse> = world
        .between
        .look(vec![look("stor1"), look("stor3"), look("stor4"), look("nobody")])
        .await
        .into_iter()
        .collect();
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let now = now()();
    for host in ["stor3", "stor4"] {
        let glimpse = &seen[&look(host)];
        assert!(glimpse.answer.is_ok());
        assert!(now.since(glimpse.at) < Duration::from_secs(4), "it is fresh");
    }
    assert!(seen[&look("stor1")].answer.is_err() && seen[&look("nobody")].answer.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn mounts_of_one_client_are_asked_together_and_each_has_its_own_answer() {
    let world = world();
    let fleet = world.simulation.fleet();
    let client = fleet.hosts.iter().find(|host| host.mounts.len() > 1).unwrap();
    let places: Vec<&str> = client.mounts.iter().map(|mount| mount.at.as_str()).collect();
    world.simulation.world().with(client.name.as_str(), |island, at| {
        let mut mounts = island.nodes[at].mounts.iter_mut();
        let hung = mounts.find(|mount| mount.at == places[0]).unwrap();
        hung.forced = Some(crate::simulate::nfs::MountState::Hung(0));
        island.settle();
    });
    let asks = |at: &str| client::statfs_look(&client.name, at);
    let mut looks: Vec<Look> = places.iter().map(|at| asks(at)).collect();
    looks.insert(1, filesystem::look(&client.name));
    looks.push(asks("/nowhere"));
    let seen: BTreeMap<Look, Glimpse> = world.between.look(looks.clone()).await.into_iter().collect();
    assert_eq!(seen.len(), looks.len());
    let exit = |look: &Look| seen[look].answer.as_ref().map(|printed| printed.exit);
    assert_eq!(exit(&asks(places[0])), Ok(137));
    assert!(places[1..].iter().all(|at| exit(&asks(at)) == Ok(0)), "{seen:?}");
    assert_eq!(exit(&asks("/nowhere")), Ok(1));
    let mounts = seen[&filesystem::look(&client.name)].answer.as_ref().unwrap();
    assert!(mounts.text.contains(places[1]), "{mounts:?}");
}

pub(super) fn local_targets(host: Host) -> SshTargets {
    let Mode::ReadWrite(permission) = Mode::new(false, false) else {
        panic!();
    };
    let fleet = Fleet::new(
        "f".into(),
        None,
        crate::fleet::Poll::default(),
        vec![host],
        Vec::new(),
        Vec::new(),
    );
    SshTargets::new(
        &permission,
        Arc::new(fleet),
        Arc::new(crate::remote::LocalRemote),
        now(),
    )
}

#[tokio::test]
async fn hosts_without_a_shell_are_refused_before_anything_is_sent() {
    for shell in [Shell::Forced, Shell::None] {
        let mut host = Host::new("a", "localhost");
        host.shell = shell;
        let targets = local_targets(host);
        let answer = targets
            .call(&"a".into(), Request::Tokens(vec!["x".into()]), Duration::from_secs(1))
            .await;
        assert!(
            matches!(&answer, Answer::NotSent(why) if why.contains("shell: ")),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_real_shell_answers_looks_and_runs_nothing_of_a_script_cut_short() {
    let targets = local_targets(Host::new("a", "localhost"));
    let look = Look::new(&"a".into(), ["printf", "%s", "one\ttwo"]);
    // A tab is a control character: such a word is refused here, not sent.
    let seen = targets.look(vec![look]).await;
    assert!(seen[0].1.answer.is_err());
    let fine = Look::new(&"a".into(), ["echo", "it's"]);
    let failing = Look::new(&"a".into(), ["false"]);
    let seen = targets.look(vec![fine, failing]).await;
    let texts: Vec<(i32, &str)> = seen
        .iter()
        .map(|(_, glimpse)| {
            glimpse
                .answer
                .as_ref()
                .map(|printed| (printed.exit, printed.text.as_str()))
                .unwrap()
        })
        .collect();
    assert_eq!(texts, [(0, "it's\n"), (1, "")]);
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made");
    let script = Request::Look(vec![vec!["touch".into(), made.display().to_string()]])
        .script()
        .unwrap();
    let run = |script: &str| {
        let mut child = std::process::Command::new("sh")
            .arg("-s")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), script.as_bytes()).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
    };
    let begin = script.find("#lines").unwrap();
    for cut in begin..=script.len() - crate::runbook::target::BLOCK_END.len() {
        run(&script[..cut]);
        assert!(!made.exists(), "cut at {cut} of {}", script.len());
    }
    run(&script);
    assert!(made.exists());
}

#[tokio::test]
async fn commands_of_the_console_have_a_deadline_and_no_shell() {
    let targets = local_targets(Host::new("a", "localhost"));
    let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let printed = targets
        .local(&argv(&["echo", "$HOME; `id`"]), Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!((printed.exit, printed.text.as_str()), (0, "$HOME; `id`\n"));
    let began = Instant::now();
    let late = targets.local(&argv(&["sleep", "30"]), Duration::from_millis(300)).await;
    assert!(late.is_err() && began.elapsed() < Duration::from_secs(10), "{late:?}");
    assert_eq!(
        targets
            .local(&argv(&["false"]), Duration::from_secs(5))
            .await
            .unwrap()
            .exit,
        1
    );
    let simulated = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&simulated);
    let targets = targets.with_console(Arc::new(move |argv| {
        seen.store(argv == ["power", "off"], Ordering::SeqCst);
        (0, "off\n".into())
    }));
    assert_eq!(
        targets
            .local(&argv(&["power", "off"]), Duration::from_secs(1))
            .await
            .unwrap()
            .text,
        "off\n"
    );
    assert!(simulated.load(Ordering::SeqCst));
}
