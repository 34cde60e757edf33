//! What the tests run the remote half with: every shell, a false `/proc` and `/sys`, false programs.

use pointsman::{
    facts::{Section, SectionStatus, Tier},
    fleet::Host,
    remote::{
        Chunk, Remote, Session, Wire,
        frame::{Decoder, Frame, FrameSection},
        half::{self, Surroundings},
        local::LocalRemote,
    },
};
use std::{
    collections::VecDeque,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

pub const ALL: [Tier; 3] = [Tier::Fast, Tier::Medium, Tier::Slow];

/// The shells of real hosts, with the Debian package that each comes from.
const SHELLS: [(&str, &str); 6] = [
    ("sh", "dash"),
    ("dash", "dash"),
    ("bash", "bash"),
    ("busybox ash", "busybox"),
    ("ksh93", "ksh"),
    ("mksh", "mksh"),
];

/// Every shell; a missing one is an error that names its package.
pub fn shells() -> Vec<&'static str> {
    for (shell, package) in SHELLS {
        let program = shell.split(' ').next().unwrap();
        assert!(on_path(program), "{program} is missing: install the package {package}");
    }
    SHELLS.map(|(shell, _)| shell).to_vec()
}

pub fn on_path(program: &str) -> bool {
    half::PATH.split(':').any(|dir| Path::new(dir).join(program).is_file())
}

/// A false root for `/proc`, `/sys` and `/var`, and a folder of false programs in front of the real ones.
pub struct Place {
    dir: tempfile::TempDir,
    pub surroundings: Surroundings,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for part in ["root", "bin"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
        }
        // Other users (the tests of unprivileged logins) must be able to look in.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let surroundings = Surroundings {
            path: format!("{}:{}", dir.path().join("bin").display(), half::PATH),
            root: dir.path().join("root").display().to_string(),
            ..Surroundings::default()
        };
        Self { dir, surroundings }
    }

    /// The real root, with false programs.
    pub fn real() -> Self {
        let mut place = Self::new();
        place.surroundings.root = String::new();
        place
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn file(&self, path: &str, content: &str) -> &Self {
        let path = self.path("root").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub fn program(&self, name: &str, body: &str) -> &Self {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A mountinfo file of `(mount point, type, source)`, mount points escaped as the kernel does.
    pub fn mounts(&self, mounts: &[(&str, &str, &str)]) -> &Self {
        let lines: Vec<_> = mounts
            .iter()
            .enumerate()
            .map(|(n, (at, kind, source))| {
                format!("{n} 1 0:{n} / {at} rw,relatime shared:1 - {kind} {source} rw,vers=3")
            })
            .collect();
        self.file("proc/self/mountinfo", &(lines.join("\n") + "\n"))
    }
}

/// A running remote half.
pub struct Half {
    pub shell: &'static str,
    pub nonce: String,
    wire: Box<dyn Wire>,
    _session: Arc<dyn Session>,
    decoders: [Decoder; 2],
    frames: [VecDeque<Frame>; 2],
    pub exit: Option<i32>,
    pub ended: bool,
    pub seq: u64,
    pub received: [usize; 2],
}

impl Half {
    /// Starts it and waits for its first frame.
    pub async fn start(shell: &'static str, host: &Host, surroundings: &Surroundings) -> Self {
        let mut half = Self::silent(shell, shell, host, surroundings).await;
        half.send(&half::hello(&half.nonce.clone())).await;
        let first = half.frame(0).await;
        assert_eq!((first.seq, first.sections.len()), (0, 0), "{shell}");
        half
    }

    /// Starts it with a command of several words before the shell's name, and says nothing yet.
    pub async fn silent(shell: &'static str, words: &str, host: &Host, surroundings: &Surroundings) -> Self {
        let session = LocalRemote.connect(host, &|_| {}).await.unwrap();
        let wire = session.open(&half::start_with(words)).await.unwrap();
        let mut half = Self::on(shell, session, wire);
        half.send(&half::script_in(host, surroundings)).await;
        half
    }

    pub fn on(shell: &'static str, session: Arc<dyn Session>, wire: Box<dyn Wire>) -> Self {
        let nonce = half::nonce();
        Self {
            shell,
            decoders: [Decoder::new(&nonce), Decoder::new(&nonce)],
            nonce,
            wire,
            _session: session,
            frames: [VecDeque::new(), VecDeque::new()],
            exit: None,
            ended: false,
            seq: 0,
            received: [0, 0],
        }
    }

    pub async fn send(&mut self, text: &str) {
        self.wire.send(text.as_bytes()).await.unwrap();
    }

    /// Takes what comes until `end` or the first piece.
    async fn pump(&mut self, end: Instant) {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(chunk) = tokio::time::timeout(left, self.wire.next()).await else {
            return;
        };
        let (lane, bytes) = match chunk {
            Chunk::Out(bytes) => (0, bytes),
            Chunk::Err(bytes) => (1, bytes),
            Chunk::Exit(code) => {
                self.exit = Some(code);
                return;
            }
            Chunk::End(_) => {
                self.ended = true;
                return;
            }
        };
        self.received[lane] += bytes.len();
        self.decoders[lane].push(&bytes);
        while let Some(frame) = self.decoders[lane].next_frame().expect("well-formed frames") {
            self.frames[lane].push_back(frame);
        }
        assert_eq!(
            self.decoders[lane].take_junk(),
            None,
            "{}: junk on lane {lane}",
            self.shell
        );
    }

    /// The next frame of a lane (0 fast, 1 slow), if one comes in time.
    pub async fn frame_within(&mut self, lane: usize, time: Duration) -> Option<Frame> {
        let end = Instant::now() + time;
        loop {
            if let Some(frame) = self.frames[lane].pop_front() {
                return Some(frame);
            }
            if self.ended || Instant::now() >= end {
                return None;
            }
            self.pump(end).await;
        }
    }

    pub async fn frame(&mut self, lane: usize) -> Frame {
        let frame = self.frame_within(lane, Duration::from_secs(20)).await;
        frame.unwrap_or_else(|| panic!("{}: no frame on lane {lane}, exit {:?}", self.shell, self.exit))
    }

    /// One poll: the fast lane's answer.
    pub async fn poll(&mut self, tiers: &[Tier], full: bool) -> Frame {
        self.seq += 1;
        self.send(&half::go(self.seq, tiers, full)).await;
        let frame = self.frame(0).await;
        assert_eq!(frame.seq, self.seq, "{}", self.shell);
        frame
    }

    /// What the slow lane says of a section (not that it has begun), skipping others.
    pub async fn slow(&mut self, section: Section) -> FrameSection {
        let end = Instant::now() + Duration::from_secs(20);
        while let Some(frame) = self
            .frame_within(1, end.saturating_duration_since(Instant::now()))
            .await
        {
            for found in frame.sections {
                if found.section == Some(section) && found.status != SectionStatus::Begin {
                    return found;
                }
            }
        }
        panic!("{}: nothing of {} from the slow lane", self.shell, section.name())
    }

    /// All that the slow lane says of one round that ends with `last`.
    pub async fn slow_until(&mut self, last: Section) -> Vec<FrameSection> {
        let mut all = Vec::new();
        loop {
            let frame = self.frame(1).await;
            all.extend(frame.sections);
            if all
                .iter()
                .any(|found| found.section == Some(last) && found.status != SectionStatus::Begin)
            {
                return all;
            }
        }
    }

    /// Closes its input by dropping the sending side, and waits for its end.
    pub async fn wait_for_end(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while !self.ended && Instant::now() < end {
            self.pump(end).await;
        }
        assert!(self.ended, "{}: still there", self.shell);
    }
}

pub fn find(sections: &[FrameSection], section: Section) -> Option<&FrameSection> {
    sections
        .iter()
        .find(|found| found.section == Some(section) && found.status != SectionStatus::Begin)
}

/// Status and content of a section that must be there.
pub fn of(sections: &[FrameSection], section: Section) -> (SectionStatus, String) {
    let found = find(sections, section).unwrap_or_else(|| panic!("no section {}", section.name()));
    (found.status.clone(), String::from_utf8(found.content.clone()).unwrap())
}

/// Process ids whose command line holds `mark`.
pub fn running(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        if name.bytes().all(|b| b.is_ascii_digit()) && String::from_utf8_lossy(&line).contains(mark) {
            found.push(name);
        }
    }
    found
}
