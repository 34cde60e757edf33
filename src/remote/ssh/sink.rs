//! Where the output of one channel goes: a bounded queue for a reader, or a tally that keeps the
//! first bytes and counts the rest.
//!
//! The connection's own task fills it. russh would wait for a slow reader inside that task, and
//! with it every channel and the keepalive (a whole connection freezes for one unread channel). So
//! each channel's receiver is dropped as soon as it is open, and the handler fills a sink instead:
//! it waits for a reader for a short, bounded time, then gives the channel up as flooding.

use crate::facts::CleanText;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Bytes kept for a reader that has not fetched them yet.
pub const QUEUE_LIMIT: usize = 512 * 1024;
/// Pieces kept: what a flood of tiny packets may cost.
const PIECE_LIMIT: usize = 8 * 1024;

/// A piece of what a channel brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Standard output, or the bytes of a tunnel.
    Out(Vec<u8>),
    /// Standard error.
    Err(Vec<u8>),
    /// Exit code.
    Exit(i32),
    /// The other side sends no more data.
    Eof,
}

/// What a finished command gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Standard output, up to the limit.
    pub out: Vec<u8>,
    /// Standard error, up to the limit.
    pub err: Vec<u8>,
    /// Whether there was more.
    pub truncated: bool,
    /// Exit code.
    pub exit: Option<i32>,
}

#[derive(Debug)]
enum Keep {
    Queue { pieces: VecDeque<Piece>, bytes: usize },
    Tally { tally: Tally, limit: usize },
}

/// Whether a channel has ended.
#[derive(Debug)]
enum Ended {
    No,
    /// Why, if known.
    Yes(Option<CleanText>),
}

#[derive(Debug)]
struct State {
    keep: Keep,
    reply: Option<bool>,
    ended: Ended,
    abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The sink of one channel.
#[derive(Debug)]
pub struct Sink(Mutex<State>);

impl Sink {
    /// A sink for a reader.
    #[must_use]
    pub fn queue() -> Self {
        Self(Mutex::new(State {
            keep: Keep::Queue {
                pieces: VecDeque::new(),
                bytes: 0,
            },
            reply: None,
            ended: Ended::No,
            abandoned: false,
            reader: None,
            writer: None,
        }))
    }

    /// From now on nobody reads: the first `limit` bytes of each stream are kept.
    pub fn tally(&self, limit: usize) {
        let mut state = self.state();
        let mut tally = Tally::default();
        if let Keep::Queue { pieces, .. } = &state.keep {
            for piece in pieces {
                tally.add(piece, limit);
            }
        }
        state.keep = Keep::Tally { tally, limit };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_reader(mut state: MutexGuard<'_, State>) {
        let waker = state.reader.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for room for one more packet; ready at once when nobody reads any more.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let full = match &state.keep {
            Keep::Queue { pieces, bytes } => *bytes >= QUEUE_LIMIT || pieces.len() >= PIECE_LIMIT,
            Keep::Tally { .. } => false,
        };
        if !full || state.abandoned || matches!(state.ended, Ended::Yes(_)) {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes a piece; dropped once the channel has ended or nobody reads it.
    pub fn put(&self, piece: Piece) {
        let mut state = self.state();
        if matches!(state.ended, Ended::Yes(_)) || state.abandoned {
            return;
        }
        match &mut state.keep {
            Keep::Queue { pieces, bytes } => {
                *bytes += piece.len();
                pieces.push_back(piece);
            }
            Keep::Tally { tally, limit } => tally.add(&piece, *limit),
        }
        Self::wake_reader(state);
    }

    /// The other side's answer to the request.
    pub fn replied(&self, granted: bool) {
        let mut state = self.state();
        state.reply.get_or_insert(granted);
        Self::wake_reader(state);
    }

    /// Nothing more comes. The first reason stands.
    pub fn end(&self, why: Option<CleanText>) {
        let mut state = self.state();
        if matches!(state.ended, Ended::No) {
            state.ended = Ended::Yes(why);
        }
        let writer = state.writer.take();
        Self::wake_reader(state);
        if let Some(waker) = writer {
            waker.wake();
        }
    }

    /// Nobody reads any more: what comes is dropped.
    pub fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        if let Keep::Queue { pieces, bytes } = &mut state.keep {
            pieces.clear();
            *bytes = 0;
        }
        let writer = state.writer.take();
        drop(state);
        if let Some(waker) = writer {
            waker.wake();
        }
    }

    /// Waits for the answer to the request; `Err` when the channel ended without one.
    pub fn poll_reply(&self, cx: &mut Context<'_>) -> Poll<Result<bool, Option<CleanText>>> {
        let mut state = self.state();
        if let Some(granted) = state.reply {
            return Poll::Ready(Ok(granted));
        }
        if let Ended::Yes(why) = &state.ended {
            return Poll::Ready(Err(why.clone()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The next piece; `Err` after the last.
    pub fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Result<Piece, Option<CleanText>>> {
        let mut state = self.state();
        if let Keep::Queue { pieces, bytes } = &mut state.keep
            && let Some(piece) = pieces.pop_front()
        {
            *bytes -= piece.len();
            if pieces.is_empty() {
                // A quiet channel of thousands should not keep the room of its busiest moment.
                pieces.shrink_to(8);
            }
            if *bytes < QUEUE_LIMIT / 2
                && let Some(waker) = state.writer.take()
            {
                drop(state);
                waker.wake();
            }
            return Poll::Ready(Ok(piece));
        }
        if let Ended::Yes(why) = &state.ended {
            return Poll::Ready(Err(why.clone()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits for the end of the channel.
    pub fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Option<CleanText>> {
        let mut state = self.state();
        if let Ended::Yes(why) = &state.ended {
            return Poll::Ready(why.clone());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// What a tally holds so far.
    pub fn take_tally(&self) -> Tally {
        match &mut self.state().keep {
            Keep::Tally { tally, .. } => std::mem::take(tally),
            Keep::Queue { .. } => Tally::default(),
        }
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Out(bytes) | Self::Err(bytes) => bytes.len(),
            Self::Exit(_) | Self::Eof => 0,
        }
    }
}

impl Tally {
    fn add(&mut self, piece: &Piece, limit: usize) {
        let (kept, bytes) = match piece {
            Piece::Out(bytes) => (&mut self.out, bytes),
            Piece::Err(bytes) => (&mut self.err, bytes),
            Piece::Exit(code) => {
                self.exit.get_or_insert(*code);
                return;
            }
            Piece::Eof => return,
        };
        let room = limit.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
        self.truncated |= room < bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    #[test]
    fn a_full_queue_takes_no_more_until_read() {
        let sink = Sink::queue();
        let mut cx = Context::from_waker(Waker::noop());
        let mut put = 0;
        while sink.poll_room(&mut cx).is_ready() {
            sink.put(Piece::Out(vec![0; 32 * 1024]));
            put += 1;
        }
        assert_eq!(put, QUEUE_LIMIT / (32 * 1024));
        assert!(matches!(sink.poll_piece(&mut cx), Poll::Ready(Ok(Piece::Out(_)))));
        assert!(sink.poll_room(&mut cx).is_ready());
        let tiny = Sink::queue();
        let mut count = 0;
        while tiny.poll_room(&mut cx).is_ready() {
            tiny.put(Piece::Out(vec![1]));
            count += 1;
        }
        assert_eq!(count, PIECE_LIMIT);
        tiny.abandon();
        assert!(tiny.poll_room(&mut cx).is_ready());
    }

    #[test]
    fn a_tally_keeps_the_first_bytes_and_says_so() {
        let sink = Sink::queue();
        sink.put(Piece::Out(b"abc".to_vec()));
        sink.tally(5);
        sink.put(Piece::Exit(3));
        sink.put(Piece::Out(b"defg".to_vec()));
        sink.put(Piece::Err(b"e".to_vec()));
        sink.end(None);
        sink.put(Piece::Err(b"late".to_vec()));
        let tally = sink.take_tally();
        assert_eq!((tally.out.as_slice(), tally.err.as_slice()), (&b"abcde"[..], &b"e"[..]));
        assert_eq!((tally.exit, tally.truncated), (Some(3), true));
    }
}
