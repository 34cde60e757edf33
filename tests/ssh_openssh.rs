//! The SSH transport against real OpenSSH: logins, host keys, jump hosts, commands, rekeying.
#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

mod ssh_lab;

use pointsman::remote::{
    Chunk, ExecLimits, Remote as _, RemoteError,
    known_hosts::Source,
    ssh::{HostKeyPolicy, Identity, SshOptions, SshRemote},
    ssh_config::Mode,
};
use ssh_lab::{Lab, chmod, connect, connections, exec, fingerprint, host, user};
use std::{
    fs,
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

fn host_key_error(result: Result<std::sync::Arc<dyn pointsman::remote::Session>, RemoteError>) -> String {
    match result {
        Err(RemoteError::HostKey(text)) => text,
        Err(other) => panic!("not a host key error: {other:?}"),
        Ok(_) => panic!("it connected"),
    }
}

fn auth_error(result: Result<std::sync::Arc<dyn pointsman::remote::Session>, RemoteError>) -> String {
    match result {
        Err(RemoteError::Auth(text)) => text,
        Err(other) => panic!("not a login error: {other:?}"),
        Ok(_) => panic!("it connected"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_give_output_and_exit_codes() {
    let lab = Lab::new();
    let sshd = lab.sshd("MaxSessions 3");
    lab.know_sshd(&sshd);
    let options = lab.options();
    let steps = Mutex::new(Vec::new());
    let remote = SshRemote::new(options.clone());
    let session = remote
        .connect(&host(sshd.port), &|step| steps.lock().unwrap().push(step))
        .await
        .unwrap();
    assert_eq!(
        *steps.lock().unwrap(),
        ["resolve", "resolve", "tcp", "key exchange", "authentication"]
    );
    assert!(
        session.about().contains("OpenSSH") && session.about().contains("SHA256:"),
        "{}",
        session.about()
    );

    // More commands than MaxSessions allows at a time: each channel is really closed. (The command
    // that sleeps on below still counts, since sshd waits for it.)
    for code in [0, 1, 3, 127, 255, 0, 0, 0, 0, 0, 0, 0] {
        let output = exec(&*session, &format!("echo out; echo err >&2; exit {code}")).await;
        assert_eq!(output.exit, Some(code));
        assert_eq!(output.stdout, b"out\n");
        // The account's own profile may complain before the command does.
        assert!(output.stderr.ends_with(b"err\n"), "{:?}", output.stderr);
    }
    let output = session
        .exec("cat; exit 4", b"some input", ExecLimits::default())
        .await
        .unwrap();
    assert_eq!((output.exit, output.stdout.as_slice()), (Some(4), &b"some input"[..]));
    assert_eq!(exec(&*session, "kill -TERM $$").await.exit, Some(143));
    // A command that never reads a long input.
    let output = session
        .exec("exit 6", &vec![b'x'; 4 << 20], ExecLimits::default())
        .await
        .unwrap();
    assert_eq!(output.exit, Some(6));

    let limits = ExecLimits {
        output_bytes: 1000,
        ..ExecLimits::default()
    };
    let output = session
        .exec("head -c 30000000 /dev/zero; exit 2", b"", limits)
        .await
        .unwrap();
    assert_eq!(
        (output.exit, output.stdout.len(), output.truncated),
        (Some(2), 1000, true)
    );

    let limits = ExecLimits {
        deadline: Duration::from_millis(400),
        ..ExecLimits::default()
    };
    for command in ["sleep 60", "yes"] {
        let start = Instant::now();
        let error = session.exec(command, b"", limits).await.unwrap_err();
        assert!(matches!(error, RemoteError::Timeout { .. }), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(15));
    }
    // The channels of those were closed too.
    for _ in 0..6 {
        assert_eq!(exec(&*session, "echo on").await.stdout, b"on\n");
    }
    let log = options.log.newest(5000);
    assert!(
        log.iter()
            .any(|entry| entry.text.as_str() == "cat; exit 4" && entry.exit == Some(4)),
        "{log:?}"
    );
}

/// Opens a channel once the one before has been closed: it fails if that one never is.
async fn open_soon(session: &dyn pointsman::remote::Session, command: &str) -> Box<dyn pointsman::remote::Wire> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match session.open(command).await {
            Ok(wire) => return wire,
            Err(error) => assert!(
                Instant::now() < deadline,
                "the dropped channel was never closed: {error}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_carries_both_streams_and_closes_when_dropped() {
    let lab = Lab::new();
    let sshd = lab.sshd("MaxSessions 1");
    lab.know_sshd(&sshd);
    let session = connect(&lab.options(), &host(sshd.port)).await.unwrap();
    for _ in 0..5 {
        let command = "while read -r line; do echo \"got $line\"; echo \"err $line\" >&2; done; exit 5";
        let mut wire = open_soon(&*session, command).await;
        for number in 0..50 {
            wire.send(format!("{number}\n").as_bytes()).await.unwrap();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            while out.last() != Some(&b'\n') || err.last() != Some(&b'\n') {
                match wire.next().await {
                    Chunk::Out(bytes) => out.extend(bytes),
                    Chunk::Err(bytes) => err.extend(bytes),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(out, format!("got {number}\n").into_bytes());
        }
        // MaxSessions is 1: a second channel is refused while this one is open.
        let refused = session.open("true").await.err().unwrap();
        assert!(
            matches!(&refused, RemoteError::Refused(text) if text.contains("MaxSessions")),
            "{refused:?}"
        );
        drop(wire);
    }
    let mut wire = open_soon(&*session, "exit 7").await;
    assert_eq!(wire.next().await, Chunk::Exit(7));
    assert_eq!(wire.next().await, Chunk::End(None));
    assert_eq!(wire.next().await, Chunk::End(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_wire_neither_freezes_the_connection_nor_fills_memory() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    let session = connect(&lab.options(), &host(sshd.port)).await.unwrap();
    let mut flood = session.open("yes").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    assert_eq!(exec(&*session, "echo alive").await.stdout, b"alive\n");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let mut bytes = 0;
    let end = loop {
        match flood.next().await {
            Chunk::Out(chunk) => bytes += chunk.len(),
            Chunk::End(why) => break why,
            other => panic!("{other:?}"),
        }
    };
    assert!(end.is_some_and(|why| why.contains("flooding")));
    assert!(bytes < 1 << 20, "{bytes} bytes were kept");
    assert_eq!(exec(&*session, "echo alive").await.exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_signs_and_only_named_keys_are_offered() {
    let lab = Lab::new();
    for name in ["a1", "a2", "a3", "a4", "a5", "a6"] {
        lab.key(name, "ed25519", "");
    }
    let agent = lab.agent(&["a1", "a2", "a3", "a4", "a5", "a6", "id"]);
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    fs::remove_file(lab.path("id")).unwrap();
    let socket = agent.socket.display();
    // `id.pub` names the key, the agent has it: it comes first.
    let options = lab.options_with(&format!("IdentityAgent {socket}"));
    assert_eq!(
        exec(&*connect(&options, &host(sshd.port)).await.unwrap(), "echo in")
            .await
            .stdout,
        b"in\n"
    );

    // Without the name it comes seventh, and no more than five are offered.
    fs::remove_file(lab.path("id.pub")).unwrap();
    let text = auth_error(connect(&options, &host(sshd.port)).await);
    assert!(
        text.contains("2 more keys were not offered") && text.contains("it would take publickey"),
        "{text}"
    );
    assert!(text.contains(&format!("user {}", user())), "{text}");
    assert_eq!(sshd.log().matches("Failed publickey").count(), 5, "{}", sshd.log());

    let only = lab.options_with(&format!(
        "IdentityAgent {socket}\nIdentitiesOnly yes\nIdentityFile {}",
        lab.path("a2").display()
    ));
    let text = auth_error(connect(&only, &host(sshd.port)).await);
    assert!(
        text.contains(&fingerprint(&lab.path("a2.pub"))) && !text.contains(&fingerprint(&lab.path("a1.pub"))),
        "{text}"
    );

    drop(agent);
    let text = auth_error(connect(&options, &host(sshd.port)).await);
    assert!(
        text.contains("does not answer") && text.contains("no key to offer"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_key_is_unlocked_once_and_never_in_batch() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    lab.key("id", "ed25519", "s3cret");
    fs::copy(lab.path("id.pub"), lab.path("authorized")).unwrap();
    let options = SshOptions {
        batch: false,
        ..lab.options()
    };
    let remote = SshRemote::new(options.clone());
    let text = auth_error(remote.connect(&host(sshd.port), &|_| {}).await);
    assert!(text.contains("is encrypted") && !text.contains("s3cret"), "{text}");
    let mut asked = Vec::new();
    remote.unlock(&mut |path| {
        asked.push(path.to_owned());
        Some(Zeroizing::new(
            if asked.len() == 1 { "wrong" } else { "s3cret" }.to_owned(),
        ))
    });
    assert_eq!(asked, [lab.path("id"), lab.path("id")]);
    for _ in 0..2 {
        let session = remote.connect(&host(sshd.port), &|_| {}).await.unwrap();
        assert_eq!(exec(&*session, "echo in").await.stdout, b"in\n");
    }
    let batch = SshRemote::new(SshOptions { batch: true, ..options });
    batch.unlock(&mut |_| panic!("asked in batch mode"));
    let text = auth_error(batch.connect(&host(sshd.port), &|_| {}).await);
    assert!(text.contains("batch") && text.contains("ssh-add"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_keys_and_careless_modes() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    lab.key("id", "rsa", "");
    fs::copy(lab.path("id.pub"), lab.path("authorized")).unwrap();
    connect(&lab.options(), &host(sshd.port)).await.unwrap();
    chmod(&lab.path("id"), 0o640);
    let text = auth_error(connect(&lab.options(), &host(sshd.port)).await);
    assert!(
        text.contains("readable by others") && text.contains("chmod 600"),
        "{text}"
    );
    chmod(&lab.path("id"), 0o600);
    let sha1 = lab.sshd("PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519");
    lab.know_sshd(&sha1);
    let text = auth_error(connect(&lab.options(), &host(sha1.port)).await);
    assert!(text.contains("ssh-rsa") || text.contains("tried"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn user_certificates_open_the_door() {
    let lab = Lab::new();
    lab.key("ca", "ed25519", "");
    fs::write(lab.path("authorized"), "").unwrap();
    let sshd = lab.sshd(&format!("TrustedUserCAKeys {}", lab.path("ca.pub").display()));
    lab.know_sshd(&sshd);
    auth_error(connect(&lab.options(), &host(sshd.port)).await);
    for kind in ["ed25519", "rsa", "ecdsa"] {
        lab.key("id", kind, "");
        lab.sign("ca", "id", &["-n", &user(), "-V", "-1h:+1h"]);
        let session = connect(&lab.options(), &host(sshd.port)).await.unwrap();
        assert_eq!(exec(&*session, "echo in").await.stdout, b"in\n", "{kind}");
    }
    // Named by CertificateFile, the key in the agent.
    let agent = lab.agent(&["id"]);
    fs::rename(lab.path("id-cert.pub"), lab.path("elsewhere.pub")).unwrap();
    fs::remove_file(lab.path("id")).unwrap();
    let options = lab.options_with(&format!(
        "IdentityAgent {}\nCertificateFile {}",
        agent.socket.display(),
        lab.path("elsewhere.pub").display()
    ));
    connect(&options, &host(sshd.port)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn host_certificates_are_verified() {
    let lab = Lab::new();
    lab.key("ca", "ed25519", "");
    lab.key("other_ca", "ed25519", "");
    let start = |args: &[&str]| {
        lab.sign("ca", "host", args);
        lab.sshd(&format!("HostCertificate {}", lab.path("host-cert.pub").display()))
    };
    let authority =
        |names: &str, ca: &str| lab.write("known", &format!("@cert-authority {names} {}\n", lab.public(ca)));
    let options = lab.options();

    let good = start(&["-h", "-n", "127.0.0.1", "-V", "-1h:+1h"]);
    authority("127.0.0.*,[127.0.0.1]:*", "ca");
    connect(&options, &host(good.port)).await.unwrap();
    // The bare name counts for other ports too, as with OpenSSH.
    authority("127.0.0.1", "ca");
    connect(&options, &host(good.port)).await.unwrap();
    // An authority for other names, or another authority: nothing is known of this host.
    authority("*.example.org", "ca");
    assert!(host_key_error(connect(&options, &host(good.port)).await).contains("no key of"));
    authority("*", "other_ca");
    let text = host_key_error(connect(&options, &host(good.port)).await);
    assert!(text.contains("must show a certificate"), "{text}");
    // An untrusted certificate around a key that is known by itself is no harm.
    lab.write(
        "known",
        &format!(
            "@cert-authority * {}\n127.0.0.1 {}\n",
            lab.public("other_ca"),
            lab.public("host")
        ),
    );
    connect(&options, &host(good.port)).await.unwrap();
    // A revoked authority, and a revoked host key.
    for revoked in ["ca", "host"] {
        lab.write(
            "known",
            &format!(
                "@cert-authority * {}\n@revoked * {}\n",
                lab.public("ca"),
                lab.public(revoked)
            ),
        );
        let text = host_key_error(connect(&options, &host(good.port)).await);
        assert!(text.contains("REVOKED") && text.contains(":2"), "{text}");
    }
    authority("*", "ca");
    let wildcard = start(&["-h", "-n", "10.*,127.0.0.?"]);
    connect(&options, &host(wildcard.port)).await.unwrap();
    for (args, fault) in [
        (&["-h", "-n", "elsewhere"][..], "it is for elsewhere, not for 127.0.0.1"),
        (&["-h", "-n", "127.0.0.1", "-V", "-2h:-1h"][..], "expired"),
        (&["-h", "-n", "127.0.0.1", "-V", "+1h:+2h"][..], "not valid before"),
        (
            &["-h", "-n", "127.0.0.1", "-O", "critical:strange"][..],
            "critical options",
        ),
    ] {
        let bad = start(args);
        let text = host_key_error(connect(&options, &host(bad.port)).await);
        assert!(
            text.contains(fault) && text.contains(&fingerprint(&lab.path("ca.pub"))),
            "{text}"
        );
    }
    // An alias takes the place of the name.
    let alias = start(&["-h", "-n", "stor1.internal"]);
    connect(&lab.options_with("HostKeyAlias stor1.internal"), &host(alias.port))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn host_keys_are_strict_and_the_message_helps() {
    let lab = Lab::new();
    lab.key("old", "ed25519", "");
    lab.key("ecdsa", "ecdsa", "");
    let sshd = lab.sshd("");
    let name = format!("[127.0.0.1]:{}", sshd.port);
    let options = lab.options();
    let direct = host(sshd.port);
    let try_it = || connect(&options, &direct);

    let text = host_key_error(try_it().await);
    let ours = fingerprint(&lab.path("host.pub"));
    assert!(
        text.contains(&ours) && text.contains(&format!("ssh -p {} {}@127.0.0.1", sshd.port, user())),
        "{text}"
    );
    fs::remove_file(lab.path("known")).unwrap();
    let text = host_key_error(try_it().await);
    assert!(text.contains("does not exist"), "{text}");

    lab.know(&[(name.clone(), "old")]);
    let text = host_key_error(try_it().await);
    assert!(text.contains("CHANGED") && text.contains(&ours), "{text}");
    assert!(
        text.contains(&fingerprint(&lab.path("old.pub"))) && text.contains("known:1"),
        "{text}"
    );
    assert!(text.contains("ssh-keygen -R"), "{text}");
    // A rotation in progress: both keys stand there.
    lab.know(&[(name.clone(), "old"), (name.clone(), "host")]);
    try_it().await.unwrap();
    // The host has another type than the known one: changed, not new, whatever the policy.
    lab.know(&[(name.clone(), "ecdsa")]);
    let text = host_key_error(try_it().await);
    assert!(text.contains("CHANGED") && text.contains("ssh-ed25519"), "{text}");
    let new = SshOptions {
        host_key_policy: HostKeyPolicy::AcceptNew,
        ..options.clone()
    };
    assert!(host_key_error(connect(&new, &host(sshd.port)).await).contains("CHANGED"));

    // Hashed by OpenSSH itself, with a line of garbage before it.
    lab.know(&[(name.clone(), "host")]);
    let hashed = Command::new("ssh-keygen")
        .arg("-H")
        .arg("-f")
        .arg(lab.path("known"))
        .output()
        .unwrap();
    assert!(hashed.status.success());
    let text = lab.read("known");
    assert!(text.starts_with("|1|"), "{text}");
    lab.write("known", &format!("what is this\n{text}\n"));
    try_it().await.unwrap();
    let warned = options.log.newest(100);
    assert!(warned.iter().any(|entry| entry.text.contains("known:1:")), "{warned:?}");

    // By the bare name, in other case, with a TAB.
    lab.write(
        "known",
        &format!("LOCALHOST\t{}\n", lab.public("host").replace(' ', "\t")),
    );
    let mut by_name = host(sshd.port);
    by_name.address = "localhost".to_owned();
    connect(&options, &by_name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_known_hosts_file_fails_closed() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    // A directory cannot be read as a file, not even by root.
    fs::create_dir(lab.path("dir")).unwrap();
    let loop_link = lab.path("loop");
    std::os::unix::fs::symlink(&loop_link, &loop_link).unwrap();
    let mut options = lab.options();
    options.known_hosts = Source::Files(vec![lab.path("known"), loop_link]);
    let text = host_key_error(connect(&options, &host(sshd.port)).await);
    assert!(text.contains("cannot read") && text.contains("loop"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_host_keys_of_ssh_config_are_refused() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    let list = lab.write("revoked", "# none yet\n");
    let options = lab.options_with(&format!("RevokedHostKeys {}", list.display()));
    connect(&options, &host(sshd.port)).await.unwrap();
    lab.write("revoked", &format!("{}\n", lab.public("host")));
    assert!(host_key_error(connect(&options, &host(sshd.port)).await).contains("REVOKED"));
    fs::remove_file(list).unwrap();
    let text = host_key_error(connect(&options, &host(sshd.port)).await);
    assert!(text.contains("no host key is accepted"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accept_new_keeps_the_key_and_refuses_another() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    let options = SshOptions {
        host_key_policy: HostKeyPolicy::AcceptNew,
        known_hosts: Source::Files(vec![lab.path("made/up/known")]),
        ..lab.options()
    };
    // Several at once, through one remote and through another: one line.
    let remotes = [SshRemote::new(options.clone()), SshRemote::new(options.clone())];
    let target = host(sshd.port);
    let all = (0..8).map(|number| remotes[number % 2].connect(&target, &|_| {}));
    for result in futures_util::future::join_all(all).await {
        result.unwrap();
    }
    assert_eq!(
        lab.read("made/up/known"),
        format!("[127.0.0.1]:{} {}", sshd.port, lab.public("host"))
    );
    let log = options.log.newest(100);
    assert!(
        log.iter().any(|entry| entry.text.contains("accepted the new host key")),
        "{log:?}"
    );
    // OpenSSH reads what was written.
    let found = Command::new("ssh-keygen")
        .args(["-F", &format!("[127.0.0.1]:{}", sshd.port), "-f"])
        .arg(lab.path("made/up/known"))
        .output()
        .unwrap();
    assert!(found.status.success());

    // Mid-life the host gets another key: the next connection is refused.
    let session = remotes[0].connect(&target, &|_| {}).await.unwrap();
    let port = sshd.port;
    drop(sshd);
    drop(session);
    lab.key("host", "ed25519", "");
    let text = lab.read(&format!("sshd-{port}"));
    let again = lab.sshd(
        &text
            .lines()
            .filter(|line| line.starts_with("Unused"))
            .collect::<String>(),
    );
    lab.write(
        "made/up/known",
        &lab.read("made/up/known")
            .replace(&port.to_string(), &again.port.to_string()),
    );
    assert!(host_key_error(remotes[0].connect(&host(again.port), &|_| {}).await).contains("CHANGED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn jump_hosts_are_shared_checked_and_named() {
    let lab = Lab::new();
    lab.key("gate", "ed25519", "");
    let gate = lab.sshd_with_host_keys(&["gate"], "");
    let second = lab.sshd_with_host_keys(&["gate"], "");
    let target = lab.sshd("MaxSessions 1");
    let name = |port: u16| format!("[127.0.0.1]:{port}");
    lab.know(&[
        (name(gate.port), "gate"),
        (name(second.port), "gate"),
        (name(target.port), "host"),
    ]);
    let options = lab.options();
    let remote = SshRemote::new(options.clone());
    let mut behind = host(target.port);
    behind.jump = Some(vec![format!("{}@127.0.0.1:{}", user(), gate.port)]);
    let all = (0..12).map(|_| remote.connect(&behind, &|_| {}));
    let sessions: Vec<_> = futures_util::future::join_all(all)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    for session in &sessions {
        assert_eq!(exec(&**session, "echo through").await.stdout, b"through\n");
    }
    assert_eq!(
        gate.log().matches("Accepted publickey").count(),
        1,
        "one connection to the jump host"
    );
    assert_eq!(target.log().matches("Accepted publickey").count(), 12);

    behind.jump = Some(vec![
        format!("127.0.0.1:{}", gate.port),
        format!("127.0.0.1:{}", second.port),
    ]);
    let session = remote.connect(&behind, &|_| {}).await.unwrap();
    assert_eq!(exec(&*session, "echo twice").await.stdout, b"twice\n");
    assert_eq!(gate.log().matches("Accepted publickey").count(), 1);
    assert_eq!(second.log().matches("Accepted publickey").count(), 1);

    // From ssh_config, with a jump host that has a name there.
    let config = format!(
        "Host gate\n  HostName 127.0.0.1\n  Port {}\nHost inner\n  HostName 127.0.0.1\n  Port {}\n  ProxyJump gate",
        gate.port, target.port
    );
    let mut named = pointsman::fleet::Host::new("inner", "inner");
    let session = connect(&lab.options_with(&config), &named).await.unwrap();
    assert_eq!(exec(&*session, "echo named").await.stdout, b"named\n");
    named.jump = Some(Vec::new());
    connect(&lab.options_with(&config), &named).await.unwrap();

    // The jump host's key is checked too, and it is named.
    lab.know(&[(name(gate.port), "host"), (name(target.port), "host")]);
    behind.jump = Some(vec![format!("127.0.0.1:{}", gate.port)]);
    let text = host_key_error(connect(&lab.options(), &behind).await);
    assert!(text.contains("jump host") && text.contains("CHANGED"), "{text}");
    lab.know(&[(name(gate.port), "gate"), (name(target.port), "gate")]);
    let text = host_key_error(connect(&lab.options(), &behind).await);
    assert!(!text.contains("jump host") && text.contains("CHANGED"), "{text}");

    // A dead jump host, and one that forbids forwarding.
    behind.jump = Some(vec![format!("127.0.0.1:{}", ssh_lab::free_port())]);
    let error = connect(&lab.options(), &behind).await.err().unwrap();
    assert!(
        matches!(&error, RemoteError::Connect { address, .. } if address.contains("jump host")),
        "{error:?}"
    );
    let closed = lab.sshd_with_host_keys(&["gate"], "AllowTcpForwarding no");
    lab.know(&[(name(closed.port), "gate"), (name(target.port), "host")]);
    behind.jump = Some(vec![format!("127.0.0.1:{}", closed.port)]);
    let error = connect(&lab.options(), &behind).await.err().unwrap();
    assert!(
        matches!(&error, RemoteError::Refused(text) if text.contains("jump host") && text.contains("prohibited")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_command_carries_the_connection() {
    let lab = Lab::new();
    let sshd = lab.sshd("");
    lab.know_sshd(&sshd);
    let inner = lab.write(
        "inner",
        &format!(
            "Host *\n  IdentityFile {}\n  IdentityAgent none\n  UserKnownHostsFile {}\n",
            lab.path("id").display(),
            lab.path("known").display()
        ),
    );
    let mut target = host(sshd.port);
    target.jump = None;
    let config = format!("ProxyCommand ssh -q -F {} -p %p -W %h:%p 127.0.0.1", inner.display());
    let options = lab.options_with(&config);
    let session = connect(&options, &target).await.unwrap();
    assert_eq!(exec(&*session, "echo through").await.stdout, b"through\n");
    assert!(
        options
            .log
            .newest(100)
            .iter()
            .any(|entry| entry.text.contains("ProxyCommand ssh -q"))
    );
    let options = lab.options_with("ProxyCommand sh -c 'echo no way >&2; exit 1'");
    let error = connect(&options, &target).await.err().unwrap();
    assert!(matches!(error, RemoteError::Lost(_)), "{error:?}");
    let end = Instant::now() + Duration::from_secs(20);
    while !options
        .log
        .newest(100)
        .iter()
        .any(|entry| entry.text.contains("no way"))
    {
        assert!(Instant::now() < end, "its complaint is not in the log");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_commands_and_given_keys() {
    let lab = Lab::new();
    let line = format!(
        "restrict,command=\"echo forced: $SSH_ORIGINAL_COMMAND\" {}\n",
        lab.public("id")
    );
    fs::write(lab.path("authorized"), line).unwrap();
    let sshd = lab.sshd("");
    let options = SshOptions {
        config: Mode::Isolated,
        known_hosts: Source::Text(format!("[127.0.0.1]:{} {}\n", sshd.port, lab.public("host"))),
        identities: vec![Identity::File(lab.path("id"))],
        ..SshOptions::default()
    };
    let mut target = host(sshd.port);
    target.user = Some(user());
    let session = connect(&options, &target).await.unwrap();
    assert_eq!(exec(&*session, "rm -rf x").await.stdout, b"forced: rm -rf x\n");

    let key = std::sync::Arc::new(russh::keys::load_secret_key(lab.path("id"), None).unwrap());
    let options = SshOptions {
        identities: vec![Identity::Key(key, None)],
        ..options
    };
    let session = connect(&options, &target).await.unwrap();
    session.seal().await;
    let error = session.open("true").await.err().unwrap();
    assert!(matches!(error, RemoteError::Refused(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rekeying_under_load_loses_nothing() {
    let lab = Lab::new();
    let sshd = lab.sshd("RekeyLimit 1M 2s");
    lab.know_sshd(&sshd);
    let options = SshOptions {
        rekey: Duration::from_secs(2),
        ..lab.options()
    };
    let session = connect(&options, &host(sshd.port)).await.unwrap();
    let end = Instant::now() + Duration::from_secs(15);
    let mut wire = session.open("cat").await.unwrap();
    let mut sent = 0_u64;
    let polls = async {
        while Instant::now() < end {
            let line = format!("{sent:01000}\n");
            wire.send(line.as_bytes()).await.unwrap();
            let mut got = Vec::new();
            while got.len() < line.len() {
                match wire.next().await {
                    Chunk::Out(bytes) => got.extend(bytes),
                    other => panic!("after {sent} polls: {other:?}"),
                }
            }
            assert_eq!(got, line.as_bytes());
            sent += 1;
        }
    };
    let load = async {
        let mut runs = 0;
        while Instant::now() < end {
            let output = session
                .exec(
                    "head -c 3000000 /dev/zero | tr '\\0' x; exit 9",
                    b"",
                    ExecLimits {
                        output_bytes: 4 << 20,
                        ..ExecLimits::default()
                    },
                )
                .await
                .unwrap();
            assert_eq!((output.exit, output.stdout.len()), (Some(9), 3_000_000));
            assert!(output.stdout.iter().all(|byte| *byte == b'x'));
            runs += 1;
        }
        runs
    };
    let ((), runs) = tokio::join!(polls, load);
    assert!(sent > 200 && runs > 5, "{sent} polls, {runs} runs");
    let rekeys = sshd.log().matches("rekey").count();
    println!("{sent} polls, {runs} runs of 3 MB, {rekeys} log lines about rekeying");
}

#[test]
fn nothing_is_left_behind() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let lab = Lab::new();
        let sshd = lab.sshd("");
        lab.know_sshd(&sshd);
        let options = lab.options();
        let remote = SshRemote::new(options);
        let target = host(sshd.port);
        let mut behind = host(sshd.port);
        behind.jump = Some(vec![format!("127.0.0.1:{}", sshd.port)]);
        drop(remote.connect(&target, &|_| {}).await.unwrap());
        let metrics = tokio::runtime::Handle::current().metrics();
        // What the first connection leaves goes in its own time: the same for a second is what stays.
        let (mut before, mut same) = ((0, 0), 0);
        while same < 10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = (metrics.num_alive_tasks(), connections(sshd.port));
            same = if now == before { same + 1 } else { 0 };
            before = now;
        }
        for _ in 0..5 {
            let sessions = [
                remote.connect(&target, &|_| {}).await.unwrap(),
                remote.connect(&behind, &|_| {}).await.unwrap(),
            ];
            for session in sessions {
                let wire = session.open("cat").await.unwrap();
                exec(&*session, "true").await;
                drop(session);
                drop(wire);
            }
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while (metrics.num_alive_tasks(), connections(sshd.port)) != before {
            assert!(
                Instant::now() < deadline,
                "{} tasks and {} connections, before {before:?}",
                metrics.num_alive_tasks(),
                connections(sshd.port)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}
