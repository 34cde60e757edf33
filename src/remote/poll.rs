//! One poll loop on one host: starts the remote half, asks, and hands out its answers.

use super::{
    Chunk, RemoteError, Session, Wire,
    frame::{Decoder, Frame},
    half,
};
use crate::{
    facts::{CleanText, Tier},
    fleet::{Host, Shell},
};

/// Most bytes taken from a host between two questions; an honest answer is far below.
const FLOOD_LIMIT: usize = 4 << 20;
/// Most frames between two questions; the two lanes of an honest host send a few dozen.
const FRAME_LIMIT: usize = 1000;
/// What is not a frame is handed out so often in one connection: a host must not be able to fill the
/// log, nor push what was noted of the others out of it.
const NOISES: usize = 8;

/// What comes from the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The fast lane's answer to a question.
    Answer(Frame),
    /// A section of the slow lane.
    Late(Frame),
    /// Something that is not a frame: a banner, a message of a profile. For the log.
    Noise(CleanText),
}

/// A running remote half. Dropping it ends it on the host.
pub struct PollLoop {
    wire: Box<dyn Wire>,
    fast: Decoder,
    slow: Decoder,
    taken: usize,
    frames: usize,
    noises: usize,
}

impl PollLoop {
    /// Starts the remote half on a session and waits for its greeting. The caller sets the deadline.
    pub async fn start(session: &dyn Session, host: &Host, nonce: &str) -> Result<Self, RemoteError> {
        let mut wire = session.open(&half::start_command(host)).await?;
        if host.shell == Shell::Posix {
            wire.send(half::script(host).as_bytes()).await?;
        }
        wire.send(half::hello(nonce).as_bytes()).await?;
        let mut this = Self {
            wire,
            fast: Decoder::new(nonce),
            slow: Decoder::new(nonce),
            taken: 0,
            frames: 0,
            noises: 0,
        };
        loop {
            if let Event::Answer(_) = this.event().await? {
                return Ok(this);
            }
        }
    }

    /// Asks for tiers; `full` also for what has not changed.
    pub async fn ask(&mut self, seq: u64, tiers: &[Tier], full: bool) -> Result<(), RemoteError> {
        (self.taken, self.frames) = (0, 0);
        self.wire.send(half::go(seq, tiers, full).as_bytes()).await
    }

    /// The next event. Cancel-safe.
    pub async fn event(&mut self) -> Result<Event, RemoteError> {
        loop {
            if let Some(frame) = next(&mut self.fast)? {
                self.count_frame()?;
                return Ok(Event::Answer(frame));
            }
            if let Some(frame) = next(&mut self.slow)? {
                self.count_frame()?;
                return Ok(Event::Late(frame));
            }
            if let Some(noise) = self.fast.take_junk().or_else(|| self.slow.take_junk()) {
                self.noises = self.noises.saturating_add(1);
                match self.noises {
                    ..NOISES => return Ok(Event::Noise(noise)),
                    NOISES => {
                        let last = format!("{noise} (and no more of it is noted)");
                        return Ok(Event::Noise(CleanText::from(last)));
                    }
                    _ => {}
                }
            }
            match self.wire.next().await {
                Chunk::Out(bytes) => {
                    self.count(bytes.len())?;
                    self.fast.push(&bytes);
                }
                Chunk::Err(bytes) => {
                    self.count(bytes.len())?;
                    self.slow.push(&bytes);
                }
                Chunk::Exit(code) => {
                    return Err(RemoteError::Lost(format!(
                        "the remote shell ended with exit code {code}"
                    )));
                }
                Chunk::End(why) => {
                    let why = why.map_or_else(|| "the channel was closed".to_owned(), |why| why.to_string());
                    return Err(RemoteError::Lost(why));
                }
            }
        }
    }

    /// Each frame costs more than its bytes: it is read, judged and shown.
    fn count_frame(&mut self) -> Result<(), RemoteError> {
        self.frames += 1;
        if self.frames > FRAME_LIMIT {
            return Err(RemoteError::Lost(format!(
                "the host floods: over {FRAME_LIMIT} frames for one question"
            )));
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), RemoteError> {
        self.taken += bytes;
        if self.taken > FLOOD_LIMIT {
            return Err(RemoteError::Lost(format!(
                "the host floods: over {} MiB for one question",
                FLOOD_LIMIT >> 20
            )));
        }
        Ok(())
    }
}

fn next(decoder: &mut Decoder) -> Result<Option<Frame>, RemoteError> {
    decoder
        .next_frame()
        .map_err(|error| RemoteError::Lost(format!("not the remote half: {error}")))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Boxed, frame::encode},
        *,
    };

    /// A wire that brings the same bytes for ever.
    struct Again(Vec<u8>);

    impl Wire for Again {
        fn send<'a>(&'a mut self, _: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>> {
            Box::pin(async { Ok(()) })
        }

        fn next(&mut self) -> Boxed<'_, Chunk> {
            Box::pin(async { Chunk::Out(self.0.clone()) })
        }
    }

    fn poll(bytes: Vec<u8>) -> PollLoop {
        PollLoop {
            wire: Box::new(Again(bytes)),
            fast: Decoder::new("abc"),
            slow: Decoder::new("abc"),
            taken: 0,
            frames: 0,
            noises: 0,
        }
    }

    #[tokio::test]
    async fn noise_between_frames_is_handed_out_a_few_times_only() {
        let mut bytes = b"chatter\n".to_vec();
        bytes.extend(encode("abc", 1, &[]));
        let mut poll = poll(bytes);
        let mut noises = Vec::new();
        for seq in 0..1000 {
            if seq % 100 == 0 {
                poll.ask(seq, &[Tier::Fast], false).await.unwrap();
            }
            if let Event::Noise(text) = poll.event().await.unwrap() {
                noises.push(text);
            }
        }
        assert_eq!(noises.len(), NOISES);
        assert!(noises[NOISES - 1].contains("no more"), "{noises:?}");
    }

    #[tokio::test]
    async fn answers_without_end_are_a_flood() {
        let mut poll = poll(encode("abc", 1, &[]));
        let mut count = 0;
        let error = loop {
            match poll.event().await {
                Ok(_) => count += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(count, FRAME_LIMIT);
        assert!(error.to_string().contains("floods"), "{error}");
    }
}
