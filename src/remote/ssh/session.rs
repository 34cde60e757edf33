//! A [`Session`] over a [`Connection`]: commands with bounded output, and open wires.

use super::{
    connection::{Connection, OPEN, OpenChannel},
    options::Clock,
    sink::Piece,
};
use crate::{
    facts::CleanText,
    fleet::HostName,
    remote::{
        Boxed, Chunk, ExecLimits, Output, RemoteError, Session, Wire,
        log::{Level, LogBook, LogEntry},
    },
};
use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// A host that takes no input for so long is lost.
const SEND: Duration = Duration::from_secs(10);
/// Bytes sent at once. A connection keeps a buffer of its longest write for as long as it lasts, and the
/// remote half is nearly 40 KB: with thousands of connections that would be hundreds of megabytes.
const PIECE: usize = 4096;

/// An authenticated connection to one host.
pub struct SshSession {
    pub(super) connection: Arc<Connection>,
    pub(super) host: HostName,
    pub(super) log: LogBook,
    pub(super) clock: Clock,
}

/// The three streams of a running command.
pub struct SshWire {
    channel: OpenChannel,
    done: bool,
}

impl SshSession {
    /// Opens a channel, asks for `command` and waits for the answer.
    async fn start(&self, command: &str, tally: Option<usize>) -> Result<OpenChannel, RemoteError> {
        if self.connection.sealed.load(Ordering::Relaxed) {
            return Err(RemoteError::Refused(
                "this connection was sealed for polling".to_owned(),
            ));
        }
        let channel = self.connection.open_session().await?;
        if let Some(limit) = tally {
            channel.sink.tally(limit);
        }
        let answer = timeout(OPEN, async {
            channel
                .write
                .exec(true, command)
                .await
                .map_err(|_| RemoteError::Lost(self.connection.why_lost()))?;
            poll_fn(|cx| channel.sink.poll_reply(cx)).await.map_err(|why| {
                RemoteError::Lost(why.map_or_else(|| "the channel closed".to_owned(), |why| why.to_string()))
            })
        })
        .await;
        match answer {
            Ok(Ok(true)) => Ok(channel),
            Ok(Ok(false)) => Err(RemoteError::Refused("the host did not run the command".to_owned())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(RemoteError::Timeout {
                step: "command",
                after: OPEN,
            }),
        }
    }

    async fn run(&self, command: &str, input: &[u8], limits: ExecLimits) -> Result<Output, RemoteError> {
        let start = Instant::now();
        let whole = async {
            let mut channel = self.start(command, Some(limits.output_bytes)).await?;
            let why = feed_until_end(&channel, input).await;
            let tally = channel.sink.take_tally();
            match why {
                // The whole connection ended. With an exit code the outcome is known all the same.
                Some(why) if tally.exit.is_none() => return Err(RemoteError::Lost(why.to_string())),
                _ => channel.was_closed(),
            }
            Ok(tally)
        };
        let tally = timeout(limits.deadline, whole)
            .await
            .unwrap_or(Err(RemoteError::Timeout {
                step: "command",
                after: limits.deadline,
            }))?;
        Ok(Output {
            exit: tally.exit,
            stdout: tally.out,
            stderr: tally.err,
            truncated: tally.truncated,
            took: start.elapsed(),
        })
    }

    fn note(&self, command: &str, begun: Instant, result: Result<Option<i32>, &RemoteError>) {
        let took = begun.elapsed();
        let now = (self.clock)();
        let (level, exit, text) = match result {
            Ok(Some(0)) => (Level::Info, Some(0), CleanText::new(command)),
            Ok(exit) => (Level::Warning, exit, CleanText::new(command)),
            Err(error) => (Level::Error, None, CleanText::from(format!("{command} → {error}"))),
        };
        self.log.add(LogEntry {
            seq: 0,
            at: crate::facts::UnixMs(now.0.saturating_sub(u64::try_from(took.as_millis()).unwrap_or(0))),
            level,
            host: Some(self.host.clone()),
            text,
            exit,
            took: Some(took),
        });
    }
}

/// Writes the input while waiting for the end: a command may end without reading it.
async fn feed_until_end(channel: &OpenChannel, input: &[u8]) -> Option<CleanText> {
    let feed = async {
        if !input.is_empty() {
            channel.write.data_bytes(input.to_vec()).await?;
        }
        channel.write.eof().await
    };
    let end = poll_fn(|cx| channel.sink.poll_end(cx));
    tokio::pin!(feed, end);
    tokio::select! {
        biased;
        why = &mut end => why,
        _ = &mut feed => end.await,
    }
}

impl Session for SshSession {
    fn open<'a>(&'a self, command: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        Box::pin(async move {
            let begun = Instant::now();
            let opened = self.start(command, None).await;
            self.note(command, begun, opened.as_ref().map(|_| Some(0)));
            let channel = opened?;
            Ok(Box::new(SshWire { channel, done: false }) as Box<dyn Wire>)
        })
    }

    fn exec<'a>(
        &'a self,
        command: &'a str,
        input: &'a [u8],
        limits: ExecLimits,
    ) -> Boxed<'a, Result<Output, RemoteError>> {
        Box::pin(async move {
            let begun = Instant::now();
            let result = self.run(command, input, limits).await;
            self.note(command, begun, result.as_ref().map(|output| output.exit));
            result
        })
    }

    fn about(&self) -> CleanText {
        self.connection.about()
    }

    fn seal(&self) -> Boxed<'_, ()> {
        Box::pin(self.connection.seal())
    }
}

impl Wire for SshWire {
    fn send<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>> {
        Box::pin(async move {
            let pieces = async {
                for piece in bytes.chunks(PIECE) {
                    self.channel.write.data_bytes(piece.to_vec()).await?;
                    if piece.len() == PIECE {
                        // The connection's task writes it out before the next one comes.
                        tokio::task::yield_now().await;
                    }
                }
                Ok::<_, russh::Error>(())
            };
            match timeout(SEND, pieces).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(RemoteError::Lost(self.channel.connection.why_lost())),
                Err(_) => Err(RemoteError::Timeout {
                    step: "send",
                    after: SEND,
                }),
            }
        })
    }

    fn end_input(&mut self) -> Boxed<'_, Result<(), RemoteError>> {
        Box::pin(async move {
            match timeout(SEND, self.channel.write.eof()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(RemoteError::Lost(self.channel.connection.why_lost())),
                Err(_) => Err(RemoteError::Timeout {
                    step: "send",
                    after: SEND,
                }),
            }
        })
    }

    fn next(&mut self) -> Boxed<'_, Chunk> {
        Box::pin(async move {
            loop {
                if self.done {
                    return Chunk::End(None);
                }
                match poll_fn(|cx| self.channel.sink.poll_piece(cx)).await {
                    Ok(Piece::Out(bytes)) => return Chunk::Out(bytes),
                    Ok(Piece::Err(bytes)) => return Chunk::Err(bytes),
                    Ok(Piece::Exit(code)) => return Chunk::Exit(code),
                    Ok(Piece::Eof) => {}
                    Err(why) => {
                        self.done = true;
                        self.channel.was_closed();
                        return Chunk::End(why);
                    }
                }
            }
        })
    }
}
