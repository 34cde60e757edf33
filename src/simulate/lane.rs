//! The remote half as a simulated host runs it: `hello NONCE`, then a frame for each `go SEQ TIERS`.
//!
//! Everything before `hello` is the script, which a simulated host does not need: it already answers
//! in the same way. Both lanes are kept: fast sections in one frame on standard output, slow ones in
//! frames of their own on standard error, each announced by `begin`. What a host has nothing of to ask is
//! said in the fast lane's answer. A section there that has not changed since it was last sent on this
//! connection is only named (`same`).

use super::{
    hostile::Hostile,
    noise::mix,
    render::{self, Status},
    world::{Place, World},
};
use crate::facts::Section;
use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    io::Write as _,
};

/// The fast sections of the fast tier, in the order of the remote half.
const FAST: [Section; 13] = [
    Section::Stat,
    Section::Uptime,
    Section::Loadavg,
    Section::Meminfo,
    Section::Pressure,
    Section::Diskstats,
    Section::NetDev,
    Section::Snmp,
    Section::Mdstat,
    Section::Drbd,
    Section::Mounts,
    Section::Mountstats,
    Section::Nfsd,
];
/// Those of the medium tier.
const MEDIUM: [Section; 5] = [
    Section::Links,
    Section::MdSys,
    Section::Arcstats,
    Section::FilesystemErrors,
    Section::Statfs,
];
/// The sections of the slow lane.
const SLOW: [Section; 15] = [
    Section::Rotational,
    Section::Identity,
    Section::DrbdStatus,
    Section::Addresses,
    Section::Exports,
    Section::NfsClients,
    Section::DrbdEvents,
    Section::Mysql,
    Section::Zpool,
    Section::ZpoolList,
    Section::Backups,
    Section::Df,
    Section::Probes,
    Section::Proofs,
    Section::Lists,
];
/// Longest line of the protocol; of the script longer lines are skipped as well.
const LINE_LIMIT: usize = 64 * 1024;
/// Between two runs of custom probes.
const PROBES_EVERY_MS: u64 = 10_000;
/// Bytes of the one long line of [`Hostile::LongLine`].
const LONG_LINE: usize = 1_000_000;

/// What a lane has to say.
#[derive(Debug, Default)]
pub struct Said {
    /// For standard output.
    pub out: Vec<u8>,
    /// For standard error.
    pub err: Vec<u8>,
}

/// One running remote half.
#[derive(Debug)]
pub struct Lane {
    place: Place,
    nonce: Option<String>,
    line: Vec<u8>,
    /// A hash of what was last sent, by section.
    sent: [Option<u64>; Section::ALL.len()],
    probes_due_ms: u64,
    garbage: u64,
}

impl Lane {
    /// A remote half on that host, before its script has come.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            nonce: None,
            line: Vec::new(),
            sent: [None; Section::ALL.len()],
            probes_due_ms: 0,
            garbage: 1,
        }
    }

    /// Takes what came on standard input; gives what the host answers.
    pub fn feed(&mut self, world: &World, bytes: &[u8], hostile: Option<Hostile>) -> Said {
        let mut said = Said::default();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + piece.len() > LINE_LIMIT {
                self.line.clear();
                continue;
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                if let Ok(line) = std::str::from_utf8(&line) {
                    self.hear(world, line.trim_end_matches('\n'), hostile, &mut said);
                }
                self.line = line;
                self.line.clear();
            }
        }
        said
    }

    fn hear(&mut self, world: &World, line: &str, hostile: Option<Hostile>, said: &mut Said) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("hello"), Some(nonce), None, None) if self.nonce.is_none() && is_nonce(nonce) => {
                self.nonce = Some(nonce.to_owned());
                frame(nonce, "0", b"", &mut said.out);
            }
            (Some("go"), Some(seq), Some(tiers), None) if is_go(seq, tiers) => {
                if let Some(nonce) = self.nonce.clone() {
                    self.poll(world, &nonce, seq, tiers, hostile, said);
                }
            }
            _ => return,
        }
        if hostile == Some(Hostile::Garbage) && self.nonce.is_some() {
            said.out.clear();
            said.err.clear();
            for _ in 0..2048 {
                self.garbage = mix(self.garbage);
                said.out.extend_from_slice(&self.garbage.to_le_bytes());
            }
        }
    }

    fn poll(&mut self, world: &World, nonce: &str, seq: &str, tiers: &str, hostile: Option<Hostile>, said: &mut Said) {
        if tiers.contains('a') {
            self.sent = [None; Section::ALL.len()];
        }
        world.at(self.place, |island, at| {
            let mut text = String::with_capacity(2048);
            let mut body = Vec::with_capacity(4096);
            let hung = island.nodes[at]
                .mounts
                .iter()
                .any(|mount| mount.mounted && matches!(mount.state, super::nfs::MountState::Hung(_)));
            for section in FAST.iter().chain(&MEDIUM) {
                let wanted = tiers.contains(section_letter(*section)) || (*section == Section::Statfs && hung);
                if wanted {
                    text.clear();
                    let status = render::section(island, at, *section, &mut text);
                    self.add(*section, status, &text, hostile, &mut body);
                }
            }
            let mut late = Vec::new();
            for section in SLOW {
                let concerned = match section {
                    Section::Mysql => island.nodes[at].mysql.is_some(),
                    Section::Probes => !island.nodes[at].probes.is_empty() && island.now_ms >= self.probes_due_ms,
                    Section::Proofs | Section::Lists => !island.nodes[at].store.vault.of.is_empty(),
                    _ => true,
                };
                if !concerned || !tiers.contains(section_letter(section)) {
                    continue;
                }
                if section == Section::Probes {
                    self.probes_due_ms = island.now_ms + PROBES_EVERY_MS;
                }
                text.clear();
                match render::section(island, at, section, &mut text) {
                    // That there is nothing to ask needs no slow lane.
                    Status::Absent => self.add(section, Status::Absent, "", hostile, &mut body),
                    status => {
                        let _ = write!(late, "{} begin 0\n\n", section.name());
                        frame(nonce, seq, &late, &mut said.err);
                        late.clear();
                        put_section(section, status, &text, hostile, &mut late);
                    }
                }
            }
            frame(nonce, seq, &body, &mut said.out);
            if !late.is_empty() {
                frame(nonce, seq, &late, &mut said.err);
            }
        });
    }

    /// A section, or only its name when it is as it was when last sent.
    fn add(&mut self, section: Section, status: Status, text: &str, hostile: Option<Hostile>, body: &mut Vec<u8>) {
        let mut hasher = DefaultHasher::new();
        (status == Status::Absent, text).hash(&mut hasher);
        let hash = Some(hasher.finish());
        let last = &mut self.sent[section as usize];
        if *last == hash {
            let _ = write!(body, "{} same 0\n\n", section.name());
        } else {
            *last = hash;
            put_section(section, status, text, hostile, body);
        }
    }
}

/// The letter of a section's tier. The remote half asks mounts in its fast lane, at the medium tier; lists of backups that are quick,
/// as they all are here, come with the slow one.
const fn section_letter(section: Section) -> char {
    match section {
        Section::Lists => 's',
        _ => section.tier().letter(),
    }
}

fn is_nonce(nonce: &str) -> bool {
    (16..=64).contains(&nonce.len()) && nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_go(seq: &str, tiers: &str) -> bool {
    (1..=18).contains(&seq.len())
        && seq.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=4).contains(&tiers.len())
        && tiers.bytes().all(|byte| b"fmsa".contains(&byte))
}

fn put_section(section: Section, status: Status, text: &str, hostile: Option<Hostile>, body: &mut Vec<u8>) {
    let spoilt: Option<Vec<u8>> = match hostile {
        Some(Hostile::EscapeSequences) => {
            Some(format!("\x1b]0;owned\x07\x1b[2J\u{202e}{text}\x1b[31m\x1b]52;c;AAAA\x07").into_bytes())
        }
        Some(Hostile::InvalidUtf8) => {
            Some([b"\xff\xfe\xc3\x28".as_slice(), text.as_bytes(), b"\x80\xed\xa0\x80"].concat())
        }
        Some(Hostile::LongLine) if section == Section::Mounts => Some(vec![b'x'; LONG_LINE]),
        _ => None,
    };
    let content = spoilt.as_deref().unwrap_or(text.as_bytes());
    let mut word = String::new();
    status.write(&mut word);
    let _ = writeln!(body, "{} {word} {}", section.name(), content.len());
    body.extend_from_slice(content);
    body.push(b'\n');
}

fn frame(nonce: &str, seq: &str, body: &[u8], out: &mut Vec<u8>) {
    let _ = writeln!(out, "PM1 {nonce} {seq} {}", body.len());
    out.extend_from_slice(body);
    out.push(b'\n');
}
