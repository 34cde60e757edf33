//! What a caller decides about SSH.

use super::dial::TcpDial;
use crate::{
    facts::UnixMs,
    remote::{Dial, known_hosts::Source, log::LogBook, ssh_config::Mode},
};
use russh::keys::{Certificate, PrivateKey};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The wall clock, as a function so that tests can set it.
pub type Clock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// What becomes of a host whose key is not known. A changed key is refused either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostKeyPolicy {
    /// It is refused.
    #[default]
    Strict,
    /// It is kept and logged (`StrictHostKeyChecking accept-new`).
    AcceptNew,
}

/// An own key given by the caller, tried before those of `ssh_config`.
#[derive(Clone)]
pub enum Identity {
    /// A private key file; `FILE-cert.pub` beside it is used too.
    File(PathBuf),
    /// A key in memory, with its certificate if it has one.
    Key(Arc<PrivateKey>, Option<Box<Certificate>>),
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Key(..) => f.write_str("Key(…)"),
        }
    }
}

/// How hosts are reached over SSH.
#[derive(Clone)]
pub struct SshOptions {
    /// Where byte streams come from.
    pub dial: Arc<dyn Dial>,
    /// Where commands, accepted keys and warnings are noted.
    pub log: LogBook,
    /// What becomes of unknown host keys.
    pub host_key_policy: HostKeyPolicy,
    /// Where known host keys are.
    pub known_hosts: Source,
    /// Own keys besides those of `ssh_config`.
    pub identities: Vec<Identity>,
    /// Where the configuration of hosts comes from.
    pub config: Mode,
    /// Whether nobody can be asked anything: locked keys are then errors.
    pub batch: bool,
    /// The wall clock: for the log and the validity of certificates.
    pub clock: Clock,
    /// Time between two key exchanges of a connection, spread by ±30 % so that a fleet does not
    /// exchange keys in the same second.
    pub rekey: Duration,
}

impl Default for SshOptions {
    fn default() -> Self {
        Self {
            dial: Arc::new(TcpDial),
            log: LogBook::default(),
            host_key_policy: HostKeyPolicy::Strict,
            known_hosts: Source::Config,
            identities: Vec::new(),
            config: Mode::AskSsh,
            batch: false,
            clock: system_clock(),
            rekey: Duration::from_hours(1),
        }
    }
}
