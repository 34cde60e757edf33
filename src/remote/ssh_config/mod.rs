//! `ssh_config` of each host, as `ssh -G` understands it.
//!
//! OpenSSH itself is asked, so `Include`, `Match`, tokens and canonicalisation mean exactly what
//! they mean to `ssh`. (`Match exec` runs commands then, as it does with `ssh`.) Where the files
//! hold nothing that differs from host to host, one answer serves every host.

mod parse;
mod scan;

pub use parse::{Agent, HostConfig, Proxy, Tokens};
pub use scan::home;

use crate::remote::{Family, RemoteError, group::Group};
use scan::Scan;
use std::{
    collections::HashMap,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{io::AsyncReadExt as _, process::Command, sync::Semaphore, time::timeout};

/// Where the configuration of hosts comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mode {
    /// `ssh -G` with the user's and the system's files; OpenSSH's defaults where there is no `ssh`.
    #[default]
    AskSsh,
    /// `ssh -G -F FILE`.
    File(PathBuf),
    /// OpenSSH's defaults: no file is read, the user's keys and `known_hosts` are used.
    Defaults,
    /// Nothing of the user's: only what the options and the inventory give.
    Isolated,
}

/// One `ssh -G` must answer within this time (`Match exec` and a slow home directory included).
const DEADLINE: Duration = Duration::from_secs(5);
/// `ssh -G` processes at one time.
const PROCESSES: usize = 8;
/// Longest answer read, bytes.
const ANSWER_LIMIT: usize = 256 * 1024;
/// Complaints read, bytes.
const STDERR_LIMIT: u64 = 16 * 1024;
/// Stand-ins for a host name. When the answers for both differ in nothing but the name, the
/// configuration is the same for every host.
const PLACEHOLDERS: [&str; 2] = ["pointsman-placeholder-a", "pointsman-placeholder-b"];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// `None` for the answer that serves every host.
    host: Option<String>,
    user: Option<String>,
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Answer {
    /// The text of `ssh -G`.
    Text(Arc<str>),
    /// The answer differs between hosts: ask for each.
    Differs,
    /// There is no `ssh` here.
    NoSsh,
}

/// The configuration of hosts, asked once and kept until a file changes.
#[derive(Debug)]
pub struct ConfigSource {
    mode: Mode,
    answers: Mutex<HashMap<Key, Answer>>,
    scan: Mutex<Option<Arc<Scan>>>,
    processes: Semaphore,
}

impl ConfigSource {
    /// A source; nothing is read before the first question.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            answers: Mutex::default(),
            scan: Mutex::default(),
            processes: Semaphore::new(PROCESSES),
        }
    }

    /// The configuration for what the inventory says of a host; its user and port win.
    ///
    /// # Errors
    /// [`RemoteError::Config`] with `ssh`'s own words when it rejects its files.
    pub async fn resolve(
        &self,
        address: &str,
        user: Option<&str>,
        port: Option<u16>,
    ) -> Result<HostConfig, RemoteError> {
        if address.is_empty() || address.starts_with('-') || address.contains(|c: char| c.is_control() || c == ' ') {
            return Err(RemoteError::Config(format!("{address:?} cannot be a host address")));
        }
        if user.is_some_and(|user| user.is_empty() || user.starts_with('-') || user.contains(char::is_control)) {
            return Err(RemoteError::Config(format!("{user:?} cannot be a user name")));
        }
        let text = match &self.mode {
            Mode::AskSsh | Mode::File(_) => self.ask(address, user, port).await?,
            Mode::Defaults | Mode::Isolated => None,
        };
        let tokens = Tokens::new(address);
        let config = match text {
            Some(text) => HostConfig::parse(&text, &tokens, &self.scan().lists).map_err(RemoteError::Config)?,
            None => HostConfig::defaults(address, user, port, self.mode == Mode::Isolated),
        };
        if config.user.is_empty() {
            return Err(RemoteError::Config(format!(
                "no user is known for {address}: set one in the inventory"
            )));
        }
        Ok(config)
    }

    /// Identity files named anywhere in the configuration, and OpenSSH's own; read without `ssh`,
    /// so that encrypted keys can be unlocked before the first frame. May block on files.
    #[must_use]
    pub fn identity_files(&self) -> Vec<PathBuf> {
        let mut files = match &self.mode {
            Mode::Isolated => return Vec::new(),
            Mode::Defaults => Vec::new(),
            Mode::AskSsh | Mode::File(_) => self.scan().identity_files.clone(),
        };
        if files.is_empty() {
            files = parse::default_identity_files();
        }
        files
    }

    /// Agent sockets named anywhere in the configuration, and the one of the environment.
    #[must_use]
    pub fn agents(&self) -> Vec<Agent> {
        let mut agents = match &self.mode {
            Mode::Isolated => return Vec::new(),
            Mode::Defaults => Vec::new(),
            Mode::AskSsh | Mode::File(_) => self.scan().agents.clone(),
        };
        agents.push(Agent::Environment);
        agents
    }

    /// What the files look like now; a change forgets every answer.
    fn scan(&self) -> Arc<Scan> {
        let explicit = match &self.mode {
            Mode::File(path) => Some(path.as_path()),
            _ => None,
        };
        let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
        match &*scan {
            Some(known) if known.is_current() => Arc::clone(known),
            _ => {
                let fresh = Arc::new(Scan::new(explicit));
                *scan = Some(Arc::clone(&fresh));
                self.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
                fresh
            }
        }
    }

    /// The text of `ssh -G` for a host, or `None` where there is no `ssh`.
    async fn ask(&self, address: &str, user: Option<&str>, port: Option<u16>) -> Result<Option<Arc<str>>, RemoteError> {
        let key = |host: Option<&str>| Key {
            host: host.map(ToOwned::to_owned),
            user: user.map(ToOwned::to_owned),
            port,
        };
        if self.scan().same_for_all {
            let common = match self.known(&key(None)) {
                Some(answer) => answer,
                None => self.ask_for_all(key(None)).await?,
            };
            match common {
                Answer::Text(text) => {
                    let lower = address.to_lowercase();
                    return Ok(Some(text.replace(PLACEHOLDERS[0], &lower).into()));
                }
                Answer::NoSsh => return Ok(None),
                Answer::Differs => {}
            }
        }
        let key = key(Some(address));
        let answer = match self.known(&key) {
            Some(answer) => answer,
            None => self.run(address, key).await?,
        };
        match answer {
            Answer::Text(text) => Ok(Some(text)),
            Answer::NoSsh | Answer::Differs => Ok(None),
        }
    }

    fn known(&self, key: &Key) -> Option<Answer> {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    fn keep(&self, key: Key, answer: &Answer) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, answer.clone());
    }

    async fn ask_for_all(&self, key: Key) -> Result<Answer, RemoteError> {
        let first = self.run_once(PLACEHOLDERS[0], &key).await?;
        let second = self.run_once(PLACEHOLDERS[1], &key).await?;
        let answer = match (first, second) {
            (Answer::Text(first), Answer::Text(second)) if one_for_all(&first, &second) => Answer::Text(first),
            (Answer::NoSsh, _) | (_, Answer::NoSsh) => Answer::NoSsh,
            _ => Answer::Differs,
        };
        self.keep(key, &answer);
        Ok(answer)
    }

    async fn run(&self, address: &str, key: Key) -> Result<Answer, RemoteError> {
        let answer = self.run_once(address, &key).await?;
        self.keep(key, &answer);
        Ok(answer)
    }

    async fn run_once(&self, address: &str, key: &Key) -> Result<Answer, RemoteError> {
        let Ok(_slot) = self.processes.acquire().await else {
            return Err(RemoteError::Lost("shutting down".to_owned()));
        };
        let mut command = Command::new("ssh");
        command.arg("-G");
        if let Mode::File(path) = &self.mode {
            command.arg("-F").arg(path);
        }
        if let Some(user) = &key.user {
            command.arg("-l").arg(user);
        }
        if let Some(port) = key.port {
            command.arg("-p").arg(port.to_string());
        }
        command
            .arg("--")
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (status, stdout, stderr) = match timeout(DEADLINE, answer(&mut command)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Answer::NoSsh),
            Ok(Err(error)) => return Err(RemoteError::Lost(format!("cannot run ssh -G: {error}"))),
            Err(_) => {
                return Err(RemoteError::Timeout {
                    step: "ssh -G",
                    after: DEADLINE,
                });
            }
        };
        if stdout.len() > ANSWER_LIMIT {
            return Err(RemoteError::Config(format!("ssh -G {address} says too much")));
        }
        if !status.is_some_and(|status| status.success()) {
            let said = crate::facts::CleanText::from_bytes(stderr.trim_ascii());
            return Err(RemoteError::Config(format!("ssh -G {address} failed: {said}")));
        }
        Ok(Answer::Text(String::from_utf8_lossy(&stdout).into()))
    }
}

/// Runs `ssh -G`: how it ended, and its bounded output. Not waited for once it has said too much. Dropped
/// (at the deadline), it ends with whatever `Match exec` has started.
async fn answer(command: &mut Command) -> std::io::Result<(Option<ExitStatus>, Vec<u8>, Vec<u8>)> {
    let mut group = Group::spawn(command)?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = (group.0.stdout.take(), group.0.stderr.take());
    let (Some(out), Some(err)) = (out, err) else {
        return Err(std::io::Error::other("no pipes"));
    };
    let mut out = out.take(ANSWER_LIMIT as u64 + 1);
    let mut err = err.take(STDERR_LIMIT);
    tokio::try_join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr))?;
    let status = if stdout.len() > ANSWER_LIMIT {
        None
    } else {
        Some(group.0.wait().await?)
    };
    Ok((status, stdout, stderr))
}

/// Whether two answers for different names differ in nothing but the name, and the name stands
/// only where it must: then one answer serves every host.
fn one_for_all(first: &str, second: &str) -> bool {
    let only_as_host = first.lines().filter(|line| line.contains(PLACEHOLDERS[0])).all(|line| {
        ["host ", "hostname ", "originalhost "]
            .iter()
            .any(|word| line.strip_prefix(word) == Some(PLACEHOLDERS[0]))
    });
    let canonical = first
        .lines()
        .any(|line| line.starts_with("canonicalizehostname ") && !line.ends_with(" false") && !line.ends_with(" no"));
    only_as_host && !canonical && first.replace(PLACEHOLDERS[0], PLACEHOLDERS[1]) == second
}

impl Family {
    /// Reads `AddressFamily`.
    fn from_word(word: &str) -> Self {
        match word {
            "inet" => Self::V4,
            "inet6" => Self::V6,
            _ => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn with_file(text: &str, host: &str) -> (HostConfig, usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        let source = ConfigSource::new(Mode::File(path));
        let config = source.resolve(host, Some("ops"), None).await.unwrap();
        source.resolve("other.example", Some("ops"), None).await.unwrap();
        let answers = source.answers.lock().unwrap().len();
        (config, answers)
    }

    #[tokio::test]
    async fn a_global_file_is_asked_once_for_all_hosts() {
        let text = "IdentityFile ~/.ssh/%r_%h\nPort 2200\nHost *\n  ProxyJump gate\n  ConnectTimeout 3\n";
        let (config, answers) = with_file(text, "Stor1.Example").await;
        assert_eq!(answers, 1);
        assert_eq!((config.hostname.as_str(), config.port), ("stor1.example", 2200));
        assert_eq!(config.proxy, Proxy::Jump(vec!["gate".into()]));
        assert_eq!(config.connect_timeout, Some(Duration::from_secs(3)));
        assert!(
            config.identity_files[0].ends_with(".ssh/ops_stor1.example"),
            "{:?}",
            config.identity_files
        );
    }

    #[tokio::test]
    async fn files_with_spaces_in_their_names_stay_whole() {
        let text = "UserKnownHostsFile \"/k/a b\" /k/%h '~/c d' \nGlobalKnownHostsFile /g\\ 1 /g2\n\
                    IdentityFile \"/k/my key\"\nIdentityAgent \"/k/my agent\"\nRevokedHostKeys \"/k/re voked\"\n";
        let (config, _) = with_file(text, "stor1").await;
        let home = scan::home().unwrap();
        assert_eq!(
            config.known_hosts,
            [
                "/k/a b".into(),
                "/k/stor1".into(),
                home.join("c d"),
                "/g 1".into(),
                "/g2".into()
            ]
        );
        assert_eq!(config.identity_files, [PathBuf::from("/k/my key")]);
        assert_eq!(config.revoked_host_keys, Some(PathBuf::from("/k/re voked")));
        assert_eq!(config.agent, Agent::Socket("/k/my agent".into()));
        // Without spaces the printed words are what they seem.
        let (config, _) = with_file("UserKnownHostsFile /k/a /k/b\nGlobalKnownHostsFile none\n", "stor1").await;
        assert_eq!(config.known_hosts, [PathBuf::from("/k/a"), PathBuf::from("/k/b")]);
    }

    #[tokio::test]
    async fn host_blocks_and_matches_are_asked_for_each_host() {
        for text in [
            "Host stor*\n  HostName 10.0.0.9\n  User root\n",
            "Match host stor1\n HostName 10.0.0.9\n",
            "Match originalhost=stor1\n HostName 10.0.0.9\n",
            "Host=stor1\n hostname=10.0.0.9\n",
        ] {
            let (config, answers) = with_file(text, "stor1").await;
            assert_eq!(config.hostname, "10.0.0.9", "{text}");
            assert_eq!((config.user.as_str(), answers), ("ops", 2), "{text}");
        }
        let (config, answers) = with_file("HostName %h.internal\n", "stor1").await;
        assert_eq!((config.hostname.as_str(), answers), ("stor1.internal", 2));
    }

    #[tokio::test]
    async fn a_changed_file_is_asked_again_and_errors_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, "Port 1\n").unwrap();
        let source = ConfigSource::new(Mode::File(path.clone()));
        assert_eq!(source.resolve("a", None, None).await.unwrap().port, 1);
        assert_eq!(source.resolve("a", None, Some(7)).await.unwrap().port, 7);
        std::fs::write(&path, "Port 2222\n").unwrap();
        assert_eq!(source.resolve("a", None, None).await.unwrap().port, 2222);
        std::fs::write(&path, "Prot 22\nNonsense\n").unwrap();
        let error = source.resolve("a", None, None).await.unwrap_err();
        assert!(
            matches!(&error, RemoteError::Config(text) if text.contains("Prot") || text.contains("prot")),
            "{error}"
        );
        assert!(source.resolve("-oProxyCommand=x", None, None).await.is_err());
        assert!(source.resolve("a", Some("-x"), None).await.is_err());
    }

    #[tokio::test]
    async fn what_match_exec_starts_ends_with_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let (config, file) = (dir.path().join("config"), dir.path().join("pid"));
        let script = format!("sh -c 'echo $$ > {}; exec sleep 1000'", file.display());
        std::fs::write(&config, format!("Match exec \"{script}\"\n  Port 1\n")).unwrap();
        let source = ConfigSource::new(Mode::File(config));
        let error = source.resolve("a", None, None).await.unwrap_err();
        assert!(matches!(error, RemoteError::Timeout { step: "ssh -G", .. }), "{error}");
        let stat = format!("/proc/{}/stat", std::fs::read_to_string(file).unwrap().trim());
        for _ in 0..500 {
            match std::fs::read_to_string(&stat) {
                Ok(line) if !line.contains(") Z ") => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => return,
            }
        }
        panic!("sleep still runs");
    }
}
