//! Byte streams that are not sockets: a channel through a jump host, and a `ProxyCommand`.

use super::{
    connection::{Connection, OpenChannel},
    options::Clock,
    sink::Piece,
};
use crate::{
    facts::CleanText,
    fleet::HostName,
    remote::{
        RemoteError,
        group::Group,
        log::{Level, LogBook},
    },
};
use std::{
    io,
    pin::Pin,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What a `ProxyCommand` says on standard error is kept up to this, bytes.
const STDERR_LIMIT: usize = 2048;

/// A place on a jump host's connection; given back when dropped.
pub struct Lease(Arc<Connection>);

impl Lease {
    /// Takes a place unless `limit` are taken.
    pub fn take(connection: &Arc<Connection>, limit: usize) -> Option<Self> {
        connection
            .tunnels
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < limit).then_some(taken + 1)
            })
            .ok()
            .map(|_| Self(Arc::clone(connection)))
    }

    /// The connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        AtomicUsize::fetch_sub(&self.0.tunnels, 1, Ordering::AcqRel);
    }
}

/// A channel through a jump host. Reading never holds up the jump host's other channels: a tunnel
/// that is not read is closed as flooding.
pub struct Tunnel {
    // Dropped in this order: the channel closes before the place is given back.
    channel: OpenChannel,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    rest: Vec<u8>,
    at: usize,
    _lease: Lease,
}

impl Tunnel {
    /// Wraps an open tunnel channel.
    pub fn new(channel: OpenChannel, lease: Lease) -> Self {
        Self {
            writer: Box::pin(channel.write.make_writer()),
            channel,
            rest: Vec::new(),
            at: 0,
            _lease: lease,
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.at == self.rest.len() {
            match ready!(self.channel.sink.poll_piece(cx)) {
                Ok(Piece::Out(bytes)) => {
                    self.rest = bytes;
                    self.at = 0;
                }
                Ok(Piece::Err(_) | Piece::Exit(_)) => {}
                Ok(Piece::Eof) | Err(None) => return Poll::Ready(Ok(())),
                Err(Some(why)) => return Poll::Ready(Err(io::Error::other(format!("jump host: {why}")))),
            }
        }
        let count = buf.remaining().min(self.rest.len() - self.at);
        buf.put_slice(&self.rest[self.at..self.at + count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(cx)
    }
}

/// A `ProxyCommand`: killed when dropped, with all that it started.
pub struct ProxyProcess {
    output: ChildStdout,
    input: ChildStdin,
    _group: Group,
    _gone: DropGuard,
}

impl ProxyProcess {
    /// Starts a command through the shell, as OpenSSH does (`exec`, so that it is the shell's process).
    ///
    /// # Errors
    /// [`RemoteError::Connect`] when it cannot be started.
    pub fn start(command: &str, host: &HostName, log: &LogBook, clock: &Clock) -> Result<Self, RemoteError> {
        let failed = |why: String| RemoteError::Connect {
            address: format!("ProxyCommand {}", CleanText::new(command)),
            why,
        };
        log.note(clock(), Level::Info, Some(host), format!("ProxyCommand {command}"));
        let mut shell = Command::new("/bin/sh");
        shell
            .arg("-c")
            .arg(format!("exec {command}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group = Group::spawn(&mut shell).map_err(|error| failed(error.to_string()))?;
        let child = &mut group.0;
        let (Some(input), Some(output), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("no pipes".to_owned()));
        };
        let gone = CancellationToken::new();
        tokio::spawn(note_stderr(
            stderr,
            gone.clone(),
            host.clone(),
            log.clone(),
            Arc::clone(clock),
        ));
        Ok(Self {
            output,
            input,
            _group: group,
            _gone: gone.drop_guard(),
        })
    }
}

/// Notes the first words of standard error. Ends with the command: a process that it left behind
/// and that keeps the pipe open is not waited for.
async fn note_stderr(mut stderr: ChildStderr, gone: CancellationToken, host: HostName, log: LogBook, clock: Clock) {
    let mut said = Vec::new();
    let mut buffer = [0; 512];
    loop {
        let count = tokio::select! {
            biased;
            read = stderr.read(&mut buffer) => read.unwrap_or(0),
            () = gone.cancelled() => 0,
        };
        if count == 0 {
            break;
        }
        let room = STDERR_LIMIT.saturating_sub(said.len()).min(count);
        said.extend_from_slice(&buffer[..room]);
    }
    if !said.is_empty() {
        let text = format!("ProxyCommand says: {}", String::from_utf8_lossy(said.trim_ascii()));
        log.note(clock(), Level::Warning, Some(&host), text);
    }
}

impl AsyncRead for ProxyProcess {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buf)
    }
}

impl AsyncWrite for ProxyProcess {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::ssh::system_clock;
    use std::time::Duration;

    #[tokio::test]
    async fn a_dropped_proxy_command_leaves_no_process() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let command = format!("sh -c 'sleep 1000 & echo $! > {}; wait'", file.display());
        let log = LogBook::default();
        let process = ProxyProcess::start(&command, &HostName::new("h"), &log, &system_clock()).unwrap();
        let pid = loop {
            match std::fs::read_to_string(&file) {
                Ok(pid) if pid.ends_with('\n') => break pid,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        drop(process);
        assert!(gone(pid.trim()).await, "sleep still runs");
    }

    async fn gone(pid: &str) -> bool {
        for _ in 0..500 {
            match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(line) if !line.contains(") Z ") => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => return true,
            }
        }
        false
    }
}
