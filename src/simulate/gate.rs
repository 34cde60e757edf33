//! The wire between a dialler and a simulated host: open, silent, or reset.
//!
//! A host that froze or lost its power still looks connected from outside: bytes go out until the
//! pipe is full, and nothing comes back. Only when it has booted again does it reset old connections.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// What a host's network does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Signal {
    /// Bytes pass.
    Open = 0,
    /// Nothing is read, nothing is written.
    Silent = 1,
    /// Reading stops, writing goes on.
    Deaf = 2,
    /// Every use is an error.
    Reset = 3,
}

/// The shared state of every connection of one host since it booted.
#[derive(Debug, Default)]
pub struct Gate {
    signal: AtomicU8,
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    /// The signal in force.
    pub fn signal(&self) -> Signal {
        match self.signal.load(Ordering::Acquire) {
            0 => Signal::Open,
            1 => Signal::Silent,
            2 => Signal::Deaf,
            _ => Signal::Reset,
        }
    }

    /// Changes the signal and wakes whoever waits for that.
    pub fn set(&self, signal: Signal) {
        if self.signal.swap(signal as u8, Ordering::AcqRel) != signal as u8 {
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Ready when the signal lets bytes pass; the task is woken when the signal changes.
    fn pass(&self, context: &Context<'_>, reading: bool) -> Poll<io::Result<()>> {
        if let Some(outcome) = self.outcome(reading) {
            return Poll::Ready(outcome);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // The signal may have changed before the waker was in the list.
        if let Some(outcome) = self.outcome(reading) {
            return Poll::Ready(outcome);
        }
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    fn outcome(&self, reading: bool) -> Option<io::Result<()>> {
        match self.signal() {
            Signal::Open => Some(Ok(())),
            Signal::Deaf if !reading => Some(Ok(())),
            Signal::Silent | Signal::Deaf => None,
            Signal::Reset => Some(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

/// The server's end of a connection, behind its host's gate and one of its own.
#[derive(Debug)]
pub struct Gated {
    stream: DuplexStream,
    host: Arc<Gate>,
    own: Arc<Gate>,
}

impl Gated {
    /// Puts a stream behind its host's gate.
    pub fn new(stream: DuplexStream, host: Arc<Gate>) -> Self {
        Self {
            stream,
            host,
            own: Arc::default(),
        }
    }

    /// The gate of this connection alone.
    pub fn own_gate(&self) -> Arc<Gate> {
        Arc::clone(&self.own)
    }

    fn pass(&self, context: &Context<'_>, reading: bool) -> Poll<io::Result<()>> {
        match self.host.pass(context, reading) {
            Poll::Ready(Ok(())) => self.own.pass(context, reading),
            other => other,
        }
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.pass(context, true))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gated {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.pass(context, false))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.pass(context, false))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
