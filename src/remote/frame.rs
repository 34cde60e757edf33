//! Frames of the remote half: nonce, lane, sequence and length in front of every answer.
//!
//! ```text
//! PM1 NONCE SEQ LENGTH\n        header; LENGTH counts the bytes of the body
//! NAME STATUS LENGTH\n          one section: its name, how it ended, the bytes that follow
//! …content…\n                   LENGTH bytes and a newline (for an empty content just the newline)
//! \n                            end of the body; not counted in LENGTH
//! ```
//!
//! STATUS is `ok`, `same`, `absent`, `denied`, `exit:N`, `begin` or `stuck`. Both lanes use the same form: the fast
//! lane on standard output, the slow lane on standard error. The nonce is random for each
//! connection, so that nothing a host prints by accident is taken for an answer. What comes before
//! the first header (a banner, a profile that prints) is skipped, within a bound.

use crate::facts::{CleanText, Section, SectionStatus};

/// Longest body of a frame, bytes.
pub const BODY_LIMIT: usize = 1 << 20;
/// Longest header or section line, bytes.
const LINE_LIMIT: usize = 256;
/// Most bytes skipped in search of a header before the stream counts as garbage.
const JUNK_LIMIT: usize = 64 * 1024;
/// Bytes shown of what is no frame.
const SHOWN: usize = 80;
/// Most sections of a frame; there are about thirty.
const SECTIONS: usize = 256;
/// Room that an empty decoder keeps, bytes: more than a usual answer, less than the first, full one.
const KEPT: usize = 4096;

/// One answer: its sequence number and its sections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The number of the `go` line that it answers.
    pub seq: u64,
    /// Sections in the order sent; a section's name may be unknown to this version.
    pub sections: Vec<FrameSection>,
}

/// One section of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSection {
    /// Which section; `None` for a name this version does not know.
    pub section: Option<Section>,
    /// How it ended.
    pub status: SectionStatus,
    /// Its content, as sent.
    pub content: Vec<u8>,
}

/// Why a stream is not (or no longer) the remote half's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too much that is not a frame.
    #[error("{0} bytes without a frame, beginning with \"{1}\"")]
    Junk(usize, CleanText),
    /// A frame claims more than [`BODY_LIMIT`].
    #[error("a frame of {0} bytes is over the limit of {BODY_LIMIT}")]
    TooLong(u64),
    /// A frame's inside does not fit its own lengths.
    #[error("malformed frame: {0}")]
    Malformed(&'static str),
}

/// Cuts a byte stream into frames. Memory is bounded by [`BODY_LIMIT`] plus what one `push` brings.
#[derive(Debug)]
pub struct Decoder {
    magic: Vec<u8>,
    buffer: Vec<u8>,
    skipped: usize,
    junk: Vec<u8>,
    /// Sections of the frame before: the next one has about as many.
    usual: usize,
}

impl Decoder {
    /// A decoder for one connection's nonce.
    #[must_use]
    pub fn new(nonce: &str) -> Self {
        Self {
            magic: format!("PM1 {nonce} ").into_bytes(),
            buffer: Vec::new(),
            skipped: 0,
            junk: Vec::new(),
            usual: 0,
        }
    }

    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// What was skipped before and between frames so far: at most a kilobyte of it, for the log.
    pub fn take_junk(&mut self) -> Option<CleanText> {
        let junk = std::mem::take(&mut self.junk);
        let text = junk.trim_ascii_start();
        (!text.is_empty()).then(|| CleanText::from_bytes(text))
    }

    /// The beginning of what came and is no frame yet, when nothing of it was handed out as junk.
    #[must_use]
    pub fn unread(&self) -> CleanText {
        CleanText::from_bytes(self.buffer[..self.buffer.len().min(SHOWN)].trim_ascii_end())
    }

    /// The next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`FrameError`] when the stream is not the remote half's; the connection is of no use then.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(start) = find(&self.buffer, &self.magic) else {
            let keep = self.buffer.len().min(self.magic.len() - 1);
            self.skip(self.buffer.len() - keep)?;
            return Ok(None);
        };
        self.skip(start)?;
        let Some(end) = self.buffer.iter().take(LINE_LIMIT).position(|b| *b == b'\n') else {
            if self.buffer.len() >= LINE_LIMIT {
                return Err(FrameError::Malformed("endless header"));
            }
            return Ok(None);
        };
        let header =
            std::str::from_utf8(&self.buffer[self.magic.len()..end]).map_err(|_| FrameError::Malformed("header"))?;
        let (seq, length) = header
            .split_once(' ')
            .and_then(|(seq, length)| Some((seq.parse().ok()?, length.parse::<u64>().ok()?)))
            .ok_or(FrameError::Malformed("header"))?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= BODY_LIMIT)
            .ok_or(FrameError::TooLong(length))?;
        let body = end + 1;
        if self.buffer.len() < body + length + 1 {
            return Ok(None);
        }
        let sections = sections(&self.buffer[body..body + length], self.usual)?;
        self.usual = sections.len();
        self.buffer.drain(..=body + length);
        if self.buffer.is_empty() {
            // The room of the largest answer, kept by thousands of hosts, would be much.
            self.buffer.shrink_to(KEPT);
        }
        self.skipped = 0;
        Ok(Some(Frame { seq, sections }))
    }

    fn skip(&mut self, count: usize) -> Result<(), FrameError> {
        if count == 0 {
            return Ok(());
        }
        let room = 1024_usize.saturating_sub(self.junk.len());
        self.junk.extend_from_slice(&self.buffer[..count.min(room)]);
        self.buffer.drain(..count);
        self.skipped += count;
        if self.skipped > JUNK_LIMIT {
            return Err(FrameError::Junk(
                self.skipped,
                CleanText::from_bytes(&self.junk[..self.junk.len().min(SHOWN)]),
            ));
        }
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The sections of a body; room is made for `usual` of them.
fn sections(mut body: &[u8], usual: usize) -> Result<Vec<FrameSection>, FrameError> {
    let mut out = Vec::with_capacity(usual);
    while !body.is_empty() {
        let end = body
            .iter()
            .take(LINE_LIMIT)
            .position(|b| *b == b'\n')
            .ok_or(FrameError::Malformed("section line"))?;
        let line = std::str::from_utf8(&body[..end]).map_err(|_| FrameError::Malformed("section line"))?;
        let mut words = line.split(' ');
        let (Some(name), Some(status), Some(length), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(FrameError::Malformed("section line"));
        };
        let length: usize = length.parse().map_err(|_| FrameError::Malformed("section length"))?;
        let rest = &body[end + 1..];
        if rest.len() <= length || rest[length] != b'\n' {
            return Err(FrameError::Malformed("section length"));
        }
        if out.len() == SECTIONS {
            return Err(FrameError::Malformed("too many sections"));
        }
        out.push(FrameSection {
            section: Section::from_name(name),
            status: parse_status(status),
            content: rest[..length].to_vec(),
        });
        body = &rest[length + 1..];
    }
    Ok(out)
}

fn parse_status(word: &str) -> SectionStatus {
    match word {
        "ok" => SectionStatus::Ok,
        "same" => SectionStatus::Same,
        "absent" => SectionStatus::Absent,
        "denied" => SectionStatus::Denied,
        "begin" => SectionStatus::Begin,
        "stuck" => SectionStatus::Stuck,
        other => other
            .strip_prefix("exit:")
            .and_then(|code| code.parse().ok())
            .map_or_else(|| SectionStatus::Unknown(CleanText::new(other)), SectionStatus::Exit),
    }
}

/// Writes a frame as the remote half does; used by the embedded fleet and by tests.
#[must_use]
pub fn encode(nonce: &str, seq: u64, sections: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, status, content) in sections {
        body.extend_from_slice(format!("{name} {status} {}\n", content.len()).as_bytes());
        body.extend_from_slice(content);
        body.push(b'\n');
    }
    let mut out = format!("PM1 {nonce} {seq} {}\n", body.len()).into_bytes();
    out.extend_from_slice(&body);
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(decoder: &mut Decoder) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = decoder.next_frame() {
            frames.push(frame);
        }
        frames
    }

    #[test]
    fn a_frame_survives_any_cut_and_a_banner() {
        let mut stream = b"Welcome to stor1\nPM1 other 1 0\n".to_vec();
        stream.extend(encode(
            "abc",
            7,
            &[("loadavg", "ok", b"0.1 0.2\nx"), ("md", "exit:3", b"")],
        ));
        for cut in 0..stream.len() {
            let mut decoder = Decoder::new("abc");
            decoder.push(&stream[..cut]);
            let mut frames = drain(&mut decoder);
            decoder.push(&stream[cut..]);
            frames.extend(drain(&mut decoder));
            assert_eq!(frames.len(), 1, "cut at {cut}");
            assert_eq!(frames[0].seq, 7);
            assert_eq!(frames[0].sections[0].section, Some(Section::Loadavg));
            assert_eq!(frames[0].sections[0].content, b"0.1 0.2\nx");
            assert_eq!(frames[0].sections[1].section, None);
            assert_eq!(frames[0].sections[1].status, SectionStatus::Exit(3));
            assert!(decoder.take_junk().is_some_and(|junk| junk.contains("Welcome")));
        }
    }

    #[test]
    fn a_flood_is_an_error_and_costs_no_memory() {
        let mut decoder = Decoder::new("abc");
        let mut failed = false;
        for _ in 0..100 {
            decoder.push(&[b'y'; 8192]);
            failed |= decoder.next_frame().is_err();
            assert!(decoder.buffer.len() < 16 * 1024);
        }
        assert!(failed);
    }

    #[test]
    fn the_room_of_a_large_answer_is_given_back() {
        let mut decoder = Decoder::new("abc");
        decoder.push(&encode("abc", 1, &[("mounts", "ok", &b"x".repeat(100_000))]));
        assert_eq!(drain(&mut decoder).len(), 1);
        assert!(decoder.buffer.capacity() <= KEPT);
    }

    #[test]
    fn a_claim_beyond_the_limit_is_refused() {
        let mut decoder = Decoder::new("abc");
        decoder.push(b"PM1 abc 1 99999999999\n");
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong(99_999_999_999)));
    }

    #[test]
    fn sections_without_end_are_refused() {
        let mut decoder = Decoder::new("abc");
        decoder.push(&encode("abc", 1, &vec![("uptime", "ok", &b""[..]); SECTIONS]));
        assert_eq!(decoder.next_frame().unwrap().unwrap().sections.len(), SECTIONS);
        decoder.push(&encode("abc", 2, &vec![("uptime", "ok", &b""[..]); SECTIONS + 1]));
        assert_eq!(decoder.next_frame(), Err(FrameError::Malformed("too many sections")));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(chunks in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
            let mut decoder = Decoder::new("abc");
            for chunk in chunks {
                decoder.push(b"PM1 abc 1 ");
                decoder.push(&chunk);
                if decoder.next_frame().is_err() { break; }
            }
        }

        #[test]
        fn what_is_written_is_read(seq in any::<u64>(), contents in proptest::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let sections: Vec<_> = contents.iter().map(|c| ("uptime", "ok", c.as_slice())).collect();
            let mut decoder = Decoder::new("abc");
            decoder.push(&encode("abc", seq, &sections));
            let frame = decoder.next_frame().unwrap().unwrap();
            prop_assert_eq!(frame.seq, seq);
            prop_assert_eq!(frame.sections.len(), contents.len());
            for (section, content) in frame.sections.iter().zip(&contents) {
                prop_assert_eq!(&section.content, content);
            }
        }
    }
}
