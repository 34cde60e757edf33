//! One authenticated connection: made step by step, each under its deadline, and cut for certain
//! when the last user drops it.

use super::{
    auth::{Candidates, authenticate},
    describe,
    guard::Guarded,
    handler::{Client, Shared},
    host_key::HostKeyCheck,
    sink::Sink,
    steps::Steps,
};
use crate::{
    facts::CleanText,
    remote::{RemoteError, Stream, ssh_config::HostConfig},
};
use russh::{
    AlgorithmKind, Channel, ChannelOpenFailure, ChannelWriteHalf, Error, Limits, Preferred, SshId,
    client::{self, Handle, Msg},
    compression,
};
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// From the first byte to a checked host key.
const KEY_EXCHANGE: Duration = Duration::from_secs(10);
/// From there to a login (an agent may ask its user).
const AUTHENTICATION: Duration = Duration::from_secs(10);
/// What a channel to another host is called in errors.
const TUNNEL: &str = "a tunnel";
/// A channel must be opened and answered within this time.
pub const OPEN: Duration = Duration::from_secs(10);

/// An authenticated connection.
pub struct Connection {
    handle: Handle<Client>,
    shared: Arc<Shared>,
    /// Channels to other hosts through this one, where it is a jump host.
    pub(super) tunnels: AtomicUsize,
    pub(super) sealed: AtomicBool,
    /// Cuts the stream when the connection is dropped: the one sure end of its task and socket.
    _cut: DropGuard,
}

/// A channel whose output goes to a sink; closed when dropped.
pub struct OpenChannel {
    pub(super) sink: Arc<Sink>,
    pub(super) write: Arc<ChannelWriteHalf<Msg>>,
    pub(super) connection: Arc<Connection>,
    closed: bool,
}

impl Connection {
    /// Key exchange, host key, login.
    pub async fn establish(
        stream: Box<dyn Stream>,
        config: &HostConfig,
        check: HostKeyCheck,
        candidates: impl Future<Output = Result<Candidates, RemoteError>>,
        rekey: Duration,
        steps: &Steps<'_>,
    ) -> Result<Arc<Self>, RemoteError> {
        let token = CancellationToken::new();
        let cut = token.clone().drop_guard();
        let shared = Arc::new(Shared::default());
        let russh_config = Arc::new(russh_config(&check, config, rekey)?);
        let client = Client::new(Arc::clone(&shared), check.clone());
        let stream = Guarded::new(stream, token);
        let mut handle = steps
            .run("key exchange", KEY_EXCHANGE, async {
                client::connect_stream(russh_config, stream, client)
                    .await
                    .map_err(|error| handshake_error(&error, &shared, &check))
            })
            .await?;
        steps
            .run("authentication", AUTHENTICATION, async {
                authenticate(&mut handle, &shared, config, candidates.await?).await
            })
            .await?;
        Ok(Arc::new(Self {
            handle,
            shared,
            tunnels: AtomicUsize::new(0),
            sealed: AtomicBool::new(false),
            _cut: cut,
        }))
    }

    /// Whether nothing can be opened any more.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Server version and host key.
    pub fn about(&self) -> CleanText {
        self.shared.about()
    }

    /// Why the connection ended, for an error.
    pub fn why_lost(&self) -> String {
        self.shared
            .lost()
            .map_or_else(|| "the connection closed".to_owned(), |why| why.to_string())
    }

    /// Opens a session channel.
    pub async fn open_session(self: &Arc<Self>) -> Result<OpenChannel, RemoteError> {
        let opened = timeout(OPEN, self.handle.channel_open_session()).await;
        self.adopt(opened, "a session")
    }

    /// Opens a tunnel to another host.
    pub async fn open_tunnel(self: &Arc<Self>, host: &str, port: u16) -> Result<OpenChannel, RemoteError> {
        let opening = self
            .handle
            .channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        let opened = timeout(OPEN, opening).await;
        self.adopt(opened, TUNNEL)
    }

    /// Asks the server to open no further session.
    pub async fn seal(&self) {
        self.sealed.store(true, std::sync::atomic::Ordering::Relaxed);
        let _ = timeout(OPEN, self.handle.no_more_sessions(false)).await;
    }

    /// Takes a channel over: its receiver is dropped, so that it can never block the connection.
    fn adopt(
        self: &Arc<Self>,
        opened: Result<Result<Channel<Msg>, Error>, tokio::time::error::Elapsed>,
        what: &str,
    ) -> Result<OpenChannel, RemoteError> {
        let channel = match opened {
            Ok(Ok(channel)) => channel,
            Ok(Err(Error::ChannelOpenFailure(reason))) => {
                return Err(RemoteError::Refused(format!(
                    "the server did not open {what}: {}",
                    reason_word(&reason, what == TUNNEL)
                )));
            }
            Ok(Err(_)) => return Err(RemoteError::Lost(self.why_lost())),
            Err(_) => {
                return Err(RemoteError::Timeout {
                    step: "channel",
                    after: OPEN,
                });
            }
        };
        let sink = self.shared.claim(channel.id());
        let (_, write) = channel.split();
        Ok(OpenChannel {
            sink,
            write: Arc::new(write),
            connection: Arc::clone(self),
            closed: false,
        })
    }
}

impl OpenChannel {
    /// Notes that the other side has closed the channel: there is nothing left to close.
    pub fn was_closed(&mut self) {
        self.closed = true;
    }
}

impl Drop for OpenChannel {
    /// russh closes no channel by itself; the server would count it against `MaxSessions` for ever.
    fn drop(&mut self) {
        self.sink.abandon();
        self.connection.shared.detach(self.write.id());
        if self.closed || self.connection.is_closed() || Arc::strong_count(&self.connection) == 1 {
            return;
        }
        if futures_util::FutureExt::now_or_never(self.write.close()).is_some() {
            return;
        }
        // The connection's queue is full just now: wait for room elsewhere. The task holds nothing
        // that keeps the connection, so it ends with it at the latest.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let write = Arc::clone(&self.write);
            runtime.spawn(async move {
                let _ = write.close().await;
            });
        }
    }
}

/// What russh is to do for one host. Buffers are small: there are thousands of connections.
fn russh_config(check: &HostKeyCheck, config: &HostConfig, rekey: Duration) -> Result<client::Config, RemoteError> {
    let (key, host_key_certificates) = check.algorithms(config.host_key_algorithms.as_deref())?;
    let spread = 0.7 + 0.6 * fastrand::f64();
    Ok(client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-pointsman_", env!("CARGO_PKG_VERSION")))),
        limits: Limits {
            rekey_time_limit: rekey.mul_f64(spread),
            ..Limits::default()
        },
        window_size: 128 * 1024,
        channel_buffer_size: 8,
        inactivity_timeout: Some(Duration::from_secs(45)),
        keepalive_interval: Some(Duration::from_secs(5)),
        keepalive_max: 2,
        nodelay: true,
        preferred: Preferred {
            key: key.into(),
            host_key_certificates: host_key_certificates.into(),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    })
}

/// Our own reason where there is one, else what went wrong in the protocol.
fn handshake_error(error: &Error, shared: &Shared, check: &HostKeyCheck) -> RemoteError {
    if let Some(fault) = shared.take_fault() {
        return fault;
    }
    match error {
        Error::NoCommonAlgo {
            kind: AlgorithmKind::Key,
            theirs,
            ..
        } => check.no_common(theirs),
        Error::NoCommonAlgo { .. } => RemoteError::Config(CleanText::new(&error.to_string()).to_string()),
        Error::WrongServerSig => {
            RemoteError::HostKey("the host could not prove that it has the key it presented".to_owned())
        }
        _ => RemoteError::Lost(shared.lost().map_or_else(|| describe(error), |why| why.to_string())),
    }
}

/// Reason codes of RFC 4254, section 5.1, in words.
///
/// What OpenSSH means by it: sshd answers a tunnel that its configuration or the key's options forbid with
/// "administratively prohibited", one whose end cannot be reached and a session too many with "connect failed".
fn reason_word(reason: &ChannelOpenFailure, tunnel: bool) -> &'static str {
    match (reason, tunnel) {
        (ChannelOpenFailure::AdministrativelyProhibited, true) => {
            "administratively prohibited (see AllowTcpForwarding and PermitOpen in its sshd_config, and the key's \
             options in authorized_keys)"
        }
        (ChannelOpenFailure::AdministrativelyProhibited, false) => "administratively prohibited",
        (ChannelOpenFailure::ConnectFailed, true) => "it cannot connect to that host and port",
        (ChannelOpenFailure::ConnectFailed, false) => "too many are open (see MaxSessions in its sshd_config)",
        (ChannelOpenFailure::UnknownChannelType, _) => "unknown channel type",
        (ChannelOpenFailure::ResourceShortage, _) => "resource shortage",
        (ChannelOpenFailure::Other { .. }, _) => "no known reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::{
        known_hosts::{KnownHosts, Source},
        log::LogBook,
        ssh::{HostKeyPolicy, system_clock},
    };

    #[tokio::test]
    async fn nothing_weak_is_ever_offered() {
        let store = Arc::new(KnownHosts::new(Source::Text(String::new()), LogBook::default()));
        let config = HostConfig::defaults("h", Some("u"), None, true);
        let (policy, log) = (HostKeyPolicy::Strict, LogBook::default());
        let check = HostKeyCheck::prepare(&store, &config, policy, &system_clock(), &log, None)
            .await
            .unwrap();
        let preferred = russh_config(&check, &config, Duration::from_hours(1))
            .unwrap()
            .preferred;
        let mut names: Vec<String> = preferred.kex.iter().map(|name| name.as_ref().to_owned()).collect();
        names.extend(preferred.cipher.iter().map(|name| name.as_ref().to_owned()));
        names.extend(preferred.mac.iter().map(|name| name.as_ref().to_owned()));
        names.extend(preferred.compression.iter().map(|name| name.as_ref().to_owned()));
        names.extend(preferred.key.iter().map(|key| key.as_str().to_owned()));
        for name in &names {
            let weak = [
                "sha1", "-cbc", "3des", "md5", "ssh-rsa", "ssh-dss", "zlib", "clear", "group1-",
            ];
            assert!(weak.iter().all(|word| !name.contains(word)), "{name}");
        }
        assert_eq!(
            names.iter().filter(|name| *name == "none").count(),
            1,
            "compression alone"
        );
        assert!(names.iter().any(|name| name == "kex-strict-c-v00@openssh.com"));
    }
}
