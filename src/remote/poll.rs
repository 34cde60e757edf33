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
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Most bytes taken from a host between two questions; an honest answer is far below.
const FLOOD_LIMIT: usize = 4 << 20;
/// Most frames between two questions; the two lanes of an honest host send a few dozen.
const FRAME_LIMIT: usize = 1000;
/// What is not a frame is handed out so often in one connection: a host must not be able to fill the
/// log, nor push what was noted of the others out of it.
const NOISES: usize = 8;

/// Characters shown of what a host said instead of a greeting.
const WORDS: usize = 80;

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
    /// Starts the remote half on a session and waits for its greeting, within the host's `connect_deadline`.
    ///
    /// # Errors
    /// [`RemoteError`]; what the host said instead is in it.
    pub async fn start(session: &dyn Session, host: &Host, nonce: &str) -> Result<Self, RemoteError> {
        let deadline = host.poll.connect_deadline;
        let until = Instant::now() + deadline;
        let late = |_| RemoteError::Timeout {
            step: "shell",
            after: deadline,
        };
        let mut this = timeout_at(until, Self::send(session, host, nonce))
            .await
            .map_err(late)??;
        let mut noise: Option<CleanText> = None;
        loop {
            match timeout_at(until, this.event()).await {
                Ok(Ok(Event::Answer(_))) => return Ok(this),
                Ok(Ok(Event::Noise(text))) => {
                    noise.get_or_insert(text);
                }
                Ok(Ok(Event::Late(_))) => {}
                Ok(Err(error)) => return Err(this.with_words(error, noise)),
                Err(_) => return Err(this.no_greeting(deadline, noise)),
            }
        }
    }

    /// Starts the command and sends it the script and the greeting's question.
    async fn send(session: &dyn Session, host: &Host, nonce: &str) -> Result<Self, RemoteError> {
        let mut wire = session.open(&half::start_command(host)).await?;
        if host.shell == Shell::Posix {
            wire.send(half::script(host).as_bytes()).await?;
        }
        wire.send(half::hello(nonce).as_bytes()).await?;
        Ok(Self {
            wire,
            fast: Decoder::new(nonce),
            slow: Decoder::new(nonce),
            taken: 0,
            frames: 0,
            noises: 0,
        })
    }

    /// What the host said that was no frame: its beginning.
    fn words(&self, noise: Option<CleanText>) -> Option<String> {
        // The end of what came waits in the decoder: it could be the beginning of a frame.
        let text: String = [noise.unwrap_or_default(), self.fast.unread(), self.slow.unread()]
            .iter()
            .map(CleanText::as_str)
            .collect();
        let mut short: String = text.chars().take(WORDS).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        (!short.is_empty()).then_some(short)
    }

    /// Why the command ended before it greeted is often what it printed ("This account is not available").
    fn with_words(&self, error: RemoteError, noise: Option<CleanText>) -> RemoteError {
        match (error, self.words(noise)) {
            (RemoteError::Lost(why), Some(words)) if !why.contains("not the remote half") => {
                RemoteError::Lost(format!("{why}; before, the host said \"{words}\""))
            }
            (error, _) => error,
        }
    }

    /// Silence is one thing; a host that speaks, but not as the remote half does, another.
    fn no_greeting(&self, after: Duration, noise: Option<CleanText>) -> RemoteError {
        match self.words(noise) {
            Some(words) => RemoteError::Lost(format!(
                "the host sent {} bytes that are not pointsman's: \"{words}\" - a login banner or a forced command?",
                self.taken
            )),
            None => RemoteError::Timeout { step: "shell", after },
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

    struct Talks(Vec<u8>, Option<i32>);

    impl Session for Talks {
        fn open<'a>(&'a self, _: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
            let end = self.1.map(Chunk::Exit);
            let said = [Chunk::Out(self.0.clone())].into_iter().chain(end).collect();
            Box::pin(async move { Ok(Box::new(Said(said)) as Box<dyn Wire>) })
        }

        fn exec<'a>(
            &'a self,
            _: &'a str,
            _: &'a [u8],
            _: super::super::ExecLimits,
        ) -> Boxed<'a, Result<super::super::Output, RemoteError>> {
            Box::pin(async { Err(RemoteError::Refused("no".to_owned())) })
        }

        fn about(&self) -> CleanText {
            CleanText::default()
        }
    }

    struct Said(std::collections::VecDeque<Chunk>);

    impl Wire for Said {
        fn send<'a>(&'a mut self, _: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>> {
            Box::pin(async { Ok(()) })
        }

        fn next(&mut self) -> Boxed<'_, Chunk> {
            Box::pin(async move {
                match self.0.pop_front() {
                    Some(chunk) => chunk,
                    None => std::future::pending().await,
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_host_says_instead_of_a_greeting_is_told() {
        let host = Host::new("a", "a");
        let start = async |said: &[u8], exit| match PollLoop::start(&Talks(said.to_vec(), exit), &host, "abc").await {
            Ok(_) => panic!("greeted"),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            start(b"Welcome, \x1b[1mguest\x1b[0m!\n", None).await,
            "connection lost: the host sent 24 bytes that are not pointsman's: \"Welcome, \\x1b[1mguest\\x1b[0m!\" \
             - a login banner or a forced command?"
        );
        assert_eq!(start(b"", None).await, "no answer in 15 s during shell");
        assert_eq!(
            start(b"This account is currently not available.\n", Some(1)).await,
            "connection lost: the remote shell ended with exit code 1; before, the host said \
             \"This account is currently not available.\""
        );
        let long = start(&b"x".repeat(20_000), None).await;
        assert!(
            long.contains("sent 20000 bytes") && long.contains("xx…\"") && long.len() < 220,
            "{long}"
        );
        // What cannot be shown is escaped once.
        let flood = start(&b"\x07".repeat(70_000), None).await;
        assert!(
            flood.contains("beginning with \"\\x07\\x07") && !flood.contains("\\\\x07"),
            "{flood}"
        );
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
