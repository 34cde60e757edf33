//! How a host is reached: over SSH, or as a process on this machine.
//!
//! A [`Remote`] connects to a host and gives a [`Session`]. A session opens *one* poll loop (a
//! [`Wire`] to the remote half) or runs single commands with bounded output. Every future here has
//! a deadline of its own; dropping one leaves no task, socket or process behind.

pub mod backoff;
pub mod frame;
mod group;
pub mod half;
pub mod known_hosts;
pub mod local;
pub mod log;
pub mod poll;
pub mod quote;
pub mod ssh;
pub mod ssh_config;

pub use local::LocalRemote;

use crate::{facts::CleanText, fleet::Host};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

/// A boxed future that may move between threads.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to reach hosts.
pub trait Remote: Send + Sync {
    /// Connects and authenticates within the host's `connect_deadline`, naming each step as it
    /// begins (`resolve`, `tcp`, `key exchange`, `authentication`).
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>>;
}

/// A byte stream to an SSH server: a TCP socket, a pipe through a jump host, or an in-process pipe.
pub trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for T {}

/// How SSH gets its byte streams. The network by default; the embedded fleet hands out in-process
/// pipes, so that everything above runs the same code.
pub trait Dial: Send + Sync {
    /// Opens a stream to `address:port`.
    fn dial<'a>(&'a self, address: &'a str, port: u16) -> Boxed<'a, Result<Box<dyn Stream>, RemoteError>>;

    /// The same, with an address family and naming each step as it begins (`resolve`, `tcp`). A way
    /// that has neither names nor families need not implement it.
    fn dial_step<'a>(
        &'a self,
        address: &'a str,
        port: u16,
        family: Family,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Box<dyn Stream>, RemoteError>> {
        let _ = family;
        step("tcp");
        self.dial(address, port)
    }
}

/// Which addresses of a name are used (`AddressFamily` of `ssh_config`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Either.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// An authenticated connection to one host. Dropping the last handle closes it.
pub trait Session: Send + Sync {
    /// Starts `command` and gives its three streams. For hosts with [`crate::fleet::Shell::Forced`]
    /// the command is ignored by the host.
    fn open<'a>(&'a self, command: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>>;

    /// Runs one command (already quoted for a POSIX shell), reads its bounded output and its exit
    /// code. A lost connection is an error: the outcome is then unknown.
    fn exec<'a>(
        &'a self,
        command: &'a str,
        input: &'a [u8],
        limits: ExecLimits,
    ) -> Boxed<'a, Result<Output, RemoteError>>;

    /// What the other side said of itself, for the Host view: server version, host key fingerprint.
    fn about(&self) -> CleanText;

    /// Asks the other side to open no further session on this connection (`no-more-sessions`): for
    /// connections that only poll. [`Session::open`] and [`Session::exec`] are refused afterwards.
    fn seal(&self) -> Boxed<'_, ()> {
        Box::pin(async {})
    }
}

/// The three streams of a running command. Dropping it closes the channel.
pub trait Wire: Send {
    /// Sends bytes to standard input.
    fn send<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>>;

    /// Ends standard input: the command reads no more.
    fn end_input(&mut self) -> Boxed<'_, Result<(), RemoteError>> {
        Box::pin(async {
            Err(RemoteError::Refused(
                "the end of input cannot be sent this way".to_owned(),
            ))
        })
    }

    /// The next piece of output; [`Chunk::End`] after the last. Cancel-safe.
    fn next(&mut self) -> Boxed<'_, Chunk>;
}

/// A piece of what a running command sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Standard output.
    Out(Vec<u8>),
    /// Standard error.
    Err(Vec<u8>),
    /// The command ended with this exit code (a signal counts as 128 + its number where known, else 255).
    Exit(i32),
    /// Nothing more will come: the channel or the connection is closed. The text says why, if known.
    End(Option<CleanText>),
}

/// Bounds of one command.
#[derive(Debug, Clone, Copy)]
pub struct ExecLimits {
    /// Whole time.
    pub deadline: Duration,
    /// Bytes of output kept of each stream; what comes after is counted and dropped.
    pub output_bytes: usize,
}

impl Default for ExecLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            output_bytes: 1 << 20,
        }
    }
}

/// What one command gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit code; `None` when the host closed the channel without one: the outcome is unknown.
    pub exit: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Whether either stream was longer than allowed.
    pub truncated: bool,
    /// How long it took.
    pub took: Duration,
}

/// Why a host could not be reached, or was lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The name has no address.
    #[error("cannot resolve {name}: {why}")]
    Resolve {
        /// The name asked for.
        name: String,
        /// The resolver's answer.
        why: String,
    },
    /// No TCP connection.
    #[error("cannot connect to {address}: {why}")]
    Connect {
        /// Address and port.
        address: String,
        /// The system's answer.
        why: String,
    },
    /// A step took longer than its deadline.
    #[error("no answer in {} s during {step}", after.as_secs_f32())]
    Timeout {
        /// The step.
        step: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// The host key is not the one expected. Nothing is tried again until a person acts.
    #[error("host key: {0}")]
    HostKey(String),
    /// The host refused every credential. Nothing is tried again until a person acts.
    #[error("login refused: {0}")]
    Auth(String),
    /// The configuration of this host cannot work. Nothing is tried again until a person acts.
    #[error("{0}")]
    Config(String),
    /// The host refused a channel or a command.
    #[error("refused: {0}")]
    Refused(String),
    /// The connection broke, or what came was not SSH.
    #[error("connection lost: {0}")]
    Lost(String),
}

impl RemoteError {
    /// Whether only a person can help: no automatic retry follows.
    #[must_use]
    pub const fn needs_a_person(&self) -> bool {
        matches!(self, Self::HostKey(_) | Self::Auth(_) | Self::Config(_))
    }
}
