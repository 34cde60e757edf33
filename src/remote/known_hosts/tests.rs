//! Each way in which a `known_hosts` matcher has been seen to fail, and OpenSSH's answer to it.

use super::*;
use crate::remote::log::LogBook;
use proptest::prelude::*;
use russh::keys::{PrivateKey, PublicKey, PublicKeyOrCertificate, ssh_key::private::Ed25519Keypair};

/// An ECDSA key, made by ssh-keygen.
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBIB4RgHKMiUF9obYPMzrUkZEByWJwrAZsRcywrCZdLhImbG9hmED8N3dfnUL6m2J1Ooi9ZajPsbwTGP7UxvrNHQ=";

fn ed(seed: u8) -> PublicKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
        .public_key()
        .clone()
}

fn text(key: &PublicKey) -> String {
    key.to_openssh().unwrap().trim().to_owned()
}

fn id(host: &str, port: u16) -> HostId {
    HostId {
        host: host.to_owned(),
        port,
        alias: None,
    }
}

fn dossier(known: &str, id: &HostId) -> Dossier {
    let store = KnownHosts::new(Source::Text(known.to_owned()), LogBook::default());
    store.look_up(id, &[], UnixMs(0)).unwrap()
}

fn judge(known: &str, id: &HostId, key: &PublicKey) -> Judgement {
    dossier(known, id).judge(&PublicKeyOrCertificate::from(key.clone()), 1_000_000)
}

fn refusal(judgement: Judgement) -> String {
    match judgement {
        Judgement::Refused(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn several_keys_of_one_type_are_a_rotation() {
    let known = format!("h {}\nh {}\n", text(&ed(1)), text(&ed(2)));
    assert_eq!(judge(&known, &id("h", 22), &ed(1)), Judgement::Trusted);
    assert_eq!(judge(&known, &id("h", 22), &ed(2)), Judgement::Trusted);
    let why = refusal(judge(&known, &id("h", 22), &ed(3)));
    assert!(
        why.contains("CHANGED") && why.contains(":1)") && why.contains(":2)"),
        "{why}"
    );
}

#[test]
fn a_revoked_key_is_refused_wherever_it_stands() {
    let key = text(&ed(1));
    for known in [
        format!("@revoked * {key}\nh {key}\n"),
        format!("h {key}\n@revoked h {key}\n"),
        // Revoked under the bare name, presented on another port.
        format!("[h]:2222 {key}\n@revoked h {key}\n"),
    ] {
        for port in [22, 2222] {
            let judged = judge(&known, &id("h", port), &ed(1));
            assert!(refusal(judged).contains("REVOKED"), "{known}");
        }
    }
    let elsewhere = format!("@revoked other {key}\nh {key}\n");
    assert_eq!(judge(&elsewhere, &id("h", 22), &ed(1)), Judgement::Trusted);
}

#[test]
fn patterns_negation_case_and_tabs() {
    let key = text(&ed(1)).replace(' ', "\t");
    let known = format!("*.Example.ORG,!bad.example.org\t{key}\n");
    assert_eq!(judge(&known, &id("A.example.org", 22), &ed(1)), Judgement::Trusted);
    assert_eq!(judge(&known, &id("bad.example.org", 22), &ed(1)), Judgement::New);
    assert_eq!(judge(&known, &id("example.org", 22), &ed(1)), Judgement::New);
}

#[test]
fn another_type_than_the_known_one_is_a_change() {
    let known = format!("h {}\n", text(&ed(1)));
    let ecdsa = PublicKey::from_openssh(ECDSA).unwrap();
    assert!(refusal(judge(&known, &id("h", 22), &ecdsa)).contains("CHANGED"));
    // And such a type is not even asked for.
    let dossier = dossier(&known, &id("h", 22));
    assert_eq!(dossier.algorithms(), [russh::keys::Algorithm::Ed25519]);
    assert!(dossier.certificate_algorithms().is_empty());
    let why = dossier.wrong_type(&["ecdsa-sha2-nistp256".into(), "\x1b[31m".into()]);
    assert!(why.contains("CHANGED") && !why.contains('\x1b'), "{why}");
}

#[test]
fn garbage_lines_cost_a_warning_with_the_right_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known");
    let mut bytes = b"# comment\n\nnonsense\nh ssh-ed25519 ????\n\xff\xfe\x00\n".to_vec();
    bytes.extend(format!("h {}\n", text(&ed(1))).into_bytes());
    fs::write(&path, bytes).unwrap();
    let log = LogBook::default();
    let store = KnownHosts::new(Source::Config, log.clone());
    let dossier = store
        .look_up(&id("h", 22), std::slice::from_ref(&path), UnixMs(7))
        .unwrap();
    assert_eq!((dossier.full.keys.len(), dossier.full.keys[0].line), (1, 6));
    let lines: Vec<_> = log.newest(10).into_iter().map(|entry| entry.text.to_string()).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].contains("known:3:") && lines[1].contains("known:4:"),
        "{lines:?}"
    );
    store.look_up(&id("h", 22), &[path], UnixMs(8)).unwrap();
    assert_eq!(log.newest(10).len(), 3, "warned once");
}

#[test]
fn a_host_whose_line_cannot_be_read_is_not_new() {
    let hashed = "|1|SZ8Q/Vp21reWX4knpYjnplnDtlo=|FSvYR1UwPEgrL90Pt1CExZZ75B4= ssh-ed25519 AAAA";
    for (known, name) in [
        ("h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n", "h"),
        ("*.x 1024 37 1593\n", "h.x"),
        ("@revoked h ssh-ed25519 damaged\n", "h"),
        (hashed, "stor1.example"),
    ] {
        let why = refusal(judge(known, &id(name, 22), &ed(1)));
        assert!(why.contains(":1"), "{why}");
        assert_eq!(judge(known, &id("other", 22), &ed(1)), Judgement::New);
        let mended = format!("{known}\n{name} {}\n", text(&ed(1)));
        assert_eq!(judge(&mended, &id(name, 22), &ed(1)), Judgement::Trusted);
    }
    assert_eq!(judge("h says hello today\n", &id("h", 22), &ed(1)), Judgement::New);
}

#[test]
fn what_is_no_file_fails_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = KnownHosts::new(Source::Config, LogBook::default());
    let look = |path: &Path| store.look_up(&id("h", 22), &[path.to_owned()], UnixMs(0));
    assert!(look(dir.path()).unwrap_err().contains("cannot read"));
    assert!(look(Path::new("/dev/null")).is_ok());
    let huge = dir.path().join("huge");
    fs::File::create(&huge).unwrap().set_len(FILE_LIMIT + 1).unwrap();
    assert!(look(&huge).unwrap_err().contains("is over"));
}

#[test]
fn ports_and_aliases() {
    let (own, bare) = (text(&ed(1)), text(&ed(2)));
    let known = format!("[h]:2222 {own}\nh {bare}\n");
    assert_eq!(judge(&known, &id("h", 2222), &ed(1)), Judgement::Trusted);
    assert!(refusal(judge(&known, &id("h", 2222), &ed(2))).contains("CHANGED"));
    // With no line of its own, the bare name may vouch for the port, but never condemn it.
    assert_eq!(judge(&known, &id("h", 2200), &ed(2)), Judgement::Trusted);
    assert_eq!(judge(&known, &id("h", 2200), &ed(3)), Judgement::New);
    let alias = HostId {
        alias: Some("Stor1".into()),
        ..id("10.0.0.1", 2222)
    };
    assert_eq!(
        judge(&format!("stor1 {own}\n10.0.0.1 {bare}\n"), &alias, &ed(1)),
        Judgement::Trusted
    );
    assert_eq!(judge(&format!("10.0.0.1 {bare}\n"), &alias, &ed(2)), Judgement::New);
}

#[test]
fn an_authority_is_no_host_key_and_asks_for_a_certificate() {
    let known = format!("@cert-authority *.example {}\n", text(&ed(1)));
    let why = refusal(judge(&known, &id("a.example", 22), &ed(1)));
    assert!(why.contains("must show a certificate"), "{why}");
    assert!(
        !dossier(&known, &id("a.example", 22))
            .certificate_algorithms()
            .is_empty()
    );
    assert_eq!(judge(&known, &id("elsewhere", 22), &ed(1)), Judgement::New);
}

#[test]
fn files_are_read_again_when_they_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known");
    let paths = [path.clone()];
    let store = KnownHosts::new(Source::Config, LogBook::default());
    let keys = |store: &KnownHosts| store.look_up(&id("h", 22), &paths, UnixMs(0)).unwrap().full.keys.len();
    let missing = store.look_up(&id("h", 22), &paths, UnixMs(0)).unwrap();
    assert!(missing.searched[0].contains("does not exist"), "{:?}", missing.searched);
    fs::write(&path, format!("h {}\n", text(&ed(1)))).unwrap();
    assert_eq!(keys(&store), 1);
    fs::write(&path, format!("h {}\nh {}\n", text(&ed(1)), text(&ed(2)))).unwrap();
    assert_eq!(keys(&store), 2);
    fs::remove_file(&path).unwrap();
    assert_eq!(keys(&store), 0);
}

#[test]
fn accepting_writes_one_line_and_never_a_second_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/known");
    let paths = [path.clone()];
    let store = KnownHosts::new(Source::Config, LogBook::default());
    for _ in 0..2 {
        store.accept(&id("h", 2222), &paths, ed(1).key_data(), false).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("[h]:2222 {}\n", text(&ed(1)))
    );
    assert!(store.accept(&id("h", 2222), &paths, ed(2).key_data(), false).is_err());
    // A file whose last line has no newline, and a hashed name.
    fs::write(&path, format!("other {}", text(&ed(3)))).unwrap();
    store.accept(&id("h", 22), &paths, ed(1).key_data(), true).unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written.lines().count(), 2);
    assert!(written.lines().nth(1).unwrap().starts_with("|1|"));
    let dossier = store.look_up(&id("h", 22), &paths, UnixMs(0)).unwrap();
    assert_eq!(dossier.full.keys.len(), 1);
    for name in ["a b", "a,b", "*", "", "#x"] {
        assert!(append::line(name, ed(1).key_data(), false).is_err(), "{name:?}");
    }
    // In memory it holds too.
    let memory = KnownHosts::new(Source::Text(String::new()), LogBook::default());
    memory.accept(&id("h", 22), &[], ed(1).key_data(), false).unwrap();
    assert!(memory.accept(&id("h", 22), &[], ed(2).key_data(), false).is_err());
    let dossier = memory.look_up(&id("h", 22), &[], UnixMs(0)).unwrap();
    assert_eq!(
        dossier.judge(&PublicKeyOrCertificate::from(ed(1)), 0),
        Judgement::Trusted
    );
}

proptest! {
    #[test]
    fn garbage_never_panics_and_never_trusts(text in "(\\PC|\n|\t)*") {
        let judged = judge(&text, &id("h", 22), &ed(1));
        prop_assert_ne!(judged, Judgement::Trusted);
    }
}
