//! Hosts that are this machine: the remote half and commands as child processes, without SSH.
//!
//! Every child leads a process group of its own; the group is killed when its handle is dropped, so that
//! nothing is left running.

use super::{Boxed, Chunk, ExecLimits, Output, Remote, RemoteError, Session, Wire, group::Group};
use crate::{facts::CleanText, fleet::Host};
use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    time::{Instant, timeout_at},
};

/// Bytes taken from a pipe at once.
const PIECE: usize = 32 * 1024;
/// How long a shell that has ended may leave its pipes open (in the hands of what it started).
const GRACE: Duration = Duration::from_millis(300);

/// Reaches this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalRemote;

impl Remote for LocalRemote {
    fn connect<'a>(
        &'a self,
        _host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            step("start");
            Ok(Arc::new(LocalSession) as Arc<dyn Session>)
        })
    }
}

#[derive(Debug)]
struct LocalSession;

impl Session for LocalSession {
    fn open<'a>(&'a self, command: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        Box::pin(async move { Ok(Box::new(LocalWire::start(command)?) as Box<dyn Wire>) })
    }

    fn exec<'a>(
        &'a self,
        command: &'a str,
        input: &'a [u8],
        limits: ExecLimits,
    ) -> Boxed<'a, Result<Output, RemoteError>> {
        Box::pin(async move { exec(command, input, limits).await })
    }

    fn about(&self) -> CleanText {
        CleanText::new("this machine, without SSH")
    }
}

fn start(command: &str) -> Result<Group, RemoteError> {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Group::spawn(&mut shell).map_err(|why| RemoteError::Refused(format!("cannot start sh: {why}")))
}

/// A running command of this machine.
struct LocalWire {
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    status: Option<i32>,
    told: bool,
    /// Set once the shell has ended: what its children still hold open is not waited for any longer.
    until: Option<Instant>,
    out_piece: Vec<u8>,
    err_piece: Vec<u8>,
    child: Group,
}

impl LocalWire {
    fn start(command: &str) -> Result<Self, RemoteError> {
        let mut child = start(command)?;
        Ok(Self {
            input: child.0.stdin.take(),
            output: child.0.stdout.take(),
            errors: child.0.stderr.take(),
            status: None,
            told: false,
            until: None,
            out_piece: vec![0; PIECE],
            err_piece: vec![0; PIECE],
            child,
        })
    }

    async fn next_chunk(&mut self) -> Chunk {
        while self.output.is_some() || self.errors.is_some() {
            let until = self.until;
            tokio::select! {
                count = read(self.output.as_mut(), &mut self.out_piece) => match count {
                    0 => self.output = None,
                    count => return Chunk::Out(self.out_piece[..count].to_vec()),
                },
                count = read(self.errors.as_mut(), &mut self.err_piece) => match count {
                    0 => self.errors = None,
                    count => return Chunk::Err(self.err_piece[..count].to_vec()),
                },
                status = self.child.0.wait(), if self.status.is_none() => {
                    self.status = Some(exit_code(status.ok()));
                    self.until = Some(Instant::now() + GRACE);
                }
                () = sleep_until(until) => {
                    self.output = None;
                    self.errors = None;
                }
            }
        }
        if self.status.is_none() {
            let status = self.child.0.wait().await;
            self.status = Some(exit_code(status.ok()));
        }
        match self.status {
            Some(code) if !self.told => {
                self.told = true;
                Chunk::Exit(code)
            }
            _ => Chunk::End(None),
        }
    }
}

impl Wire for LocalWire {
    fn send<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>> {
        Box::pin(async move {
            let input = self
                .input
                .as_mut()
                .ok_or_else(|| RemoteError::Lost("its input is closed".to_owned()))?;
            let written = async {
                input.write_all(bytes).await?;
                input.flush().await
            };
            written
                .await
                .map_err(|why| RemoteError::Lost(format!("cannot write to the shell: {why}")))
        })
    }

    fn end_input(&mut self) -> Boxed<'_, Result<(), RemoteError>> {
        self.input = None;
        Box::pin(async { Ok(()) })
    }

    fn next(&mut self) -> Boxed<'_, Chunk> {
        Box::pin(self.next_chunk())
    }
}

/// Reads a piece; 0 at the end or on an error, never for a stream that is already closed.
async fn read<R: AsyncRead + Unpin>(stream: Option<&mut R>, piece: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(piece).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// An exit code as a shell would say it: 128 and the signal's number for a killed process.
fn exit_code(status: Option<ExitStatus>) -> i32 {
    status.map_or(255, |status| {
        status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
            .unwrap_or(255)
    })
}

async fn exec(command: &str, input: &[u8], limits: ExecLimits) -> Result<Output, RemoteError> {
    let began = Instant::now();
    let end = began + limits.deadline;
    let late = || RemoteError::Timeout {
        step: "command",
        after: limits.deadline,
    };
    let mut wire = LocalWire::start(command)?;
    let (mut stdout, mut stderr) = (Kept::new(limits), Kept::new(limits));
    let mut exit = None;
    let pipe = wire.input.take();
    let feed = async {
        if let Some(mut pipe) = pipe {
            // A command that does not read all of its input is no error.
            let _ = pipe.write_all(input).await;
        }
    };
    let collect = async {
        loop {
            match wire.next_chunk().await {
                Chunk::Out(bytes) => stdout.take(&bytes),
                Chunk::Err(bytes) => stderr.take(&bytes),
                Chunk::Exit(code) => exit = Some(code),
                Chunk::End(_) => break,
            }
        }
    };
    // The end of the output ends the feeding: nobody reads it any more.
    let both = async {
        tokio::pin!(feed, collect);
        tokio::select! {
            () = &mut collect => {}
            () = &mut feed => collect.await,
        }
    };
    timeout_at(end, both).await.map_err(|_| late())?;
    Ok(Output {
        exit,
        truncated: stdout.cut || stderr.cut,
        stdout: stdout.bytes,
        stderr: stderr.bytes,
        took: began.elapsed(),
    })
}

/// The beginning of a stream, up to a limit.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Kept {
    fn new(limits: ExecLimits) -> Self {
        Self {
            bytes: Vec::new(),
            limit: limits.output_bytes,
            cut: false,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = self.limit - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn session() -> Arc<dyn Session> {
        let host = Host::new("here", "localhost");
        LocalRemote.connect(&host, &|_| {}).await.unwrap()
    }

    fn limits(millis: u64, output_bytes: usize) -> ExecLimits {
        ExecLimits {
            deadline: Duration::from_millis(millis),
            output_bytes,
        }
    }

    #[tokio::test]
    async fn a_command_gives_its_streams_and_its_exit_code() {
        let output = session()
            .await
            .exec("cat; echo bad >&2; exit 3", b"in", ExecLimits::default())
            .await
            .unwrap();
        assert_eq!((output.exit, output.truncated), (Some(3), false));
        assert_eq!(
            (output.stdout.as_slice(), output.stderr.as_slice()),
            (&b"in"[..], &b"bad\n"[..])
        );
        let killed = session()
            .await
            .exec("kill -9 $$", b"", ExecLimits::default())
            .await
            .unwrap();
        assert_eq!(killed.exit, Some(137));
    }

    #[tokio::test]
    async fn output_is_bounded_and_unread_input_is_no_error() {
        let output = session()
            .await
            .exec(
                "exec 0<&-; head -c 300000 /dev/zero",
                &vec![b'x'; 1 << 20],
                limits(10_000, 1000),
            )
            .await
            .unwrap();
        assert_eq!(
            (output.stdout.len(), output.truncated, output.exit),
            (1000, true, Some(0))
        );
    }

    #[tokio::test]
    async fn the_deadline_ends_the_whole_process_group() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let command = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let error = session()
            .await
            .exec(&command, b"", limits(700, 1000))
            .await
            .unwrap_err();
        assert!(matches!(error, RemoteError::Timeout { .. }), "{error}");
        let pid = std::fs::read_to_string(file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        for _ in 0..50 {
            match std::fs::read_to_string(&stat) {
                Ok(line) if !line.contains(") Z ") => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => return,
            }
        }
        panic!("sleep still runs");
    }

    #[tokio::test]
    async fn what_a_shell_leaves_behind_does_not_hold_up_its_end() {
        let began = Instant::now();
        let output = session()
            .await
            .exec("sleep 60 & echo done", b"", ExecLimits::default())
            .await
            .unwrap();
        assert_eq!((output.stdout.as_slice(), output.exit), (&b"done\n"[..], Some(0)));
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn a_wire_gives_chunks_then_the_exit_then_the_end() {
        let session = session().await;
        let mut wire = session.open("read x; echo got $x; exit 4").await.unwrap();
        wire.send(b"this\n").await.unwrap();
        assert_eq!(wire.next().await, Chunk::Out(b"got this\n".to_vec()));
        assert_eq!(wire.next().await, Chunk::Exit(4));
        assert_eq!(wire.next().await, Chunk::End(None));
        assert!(tokio::time::timeout(Duration::from_secs(1), wire.next()).await.is_ok());
    }
}
