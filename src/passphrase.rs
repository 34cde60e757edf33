//! Asking for a passphrase on the terminal.
//!
//! The terminal is read character by character with its signals off, so that ctrl-c cannot leave the
//! shell behind without its echo; nor can a signal that ends the program, which is watched for meanwhile.
//! The passphrase stands in one buffer that is wiped.

use crate::facts::CleanText;
use futures_util::FutureExt as _;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, getpid, kill_process},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr},
};
use std::{
    fs::OpenOptions,
    io::{self, Read, Write as _},
    os::fd::AsFd,
    path::Path,
};
use tokio::signal::unix::{self, SignalKind};
use zeroize::{Zeroize as _, Zeroizing};

/// Longest passphrase, bytes. The buffer never grows, and so leaves no copy behind.
const LIMIT: usize = 1024;

/// How long the terminal is waited for before signals are looked at again.
const GLANCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Asks for passphrases. From the first question on it holds the signals that would end the program: with
/// them the terminal is restored first. Whoever keeps it asks [`Prompt::ended`] before going on.
#[derive(Debug, Default)]
pub struct Prompt {
    signals: Vec<(i32, unix::Signal)>,
    ended: Option<i32>,
}

impl Prompt {
    /// Asks for the passphrase of a key file without showing it; `None` without a terminal or an answer.
    /// ctrl-c ends the program as it would anywhere else. Must be called within a runtime.
    pub fn ask(&mut self, path: &Path) -> Option<Zeroizing<String>> {
        if self.signals.is_empty() {
            let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
            let watch = |kind: SignalKind| Some((kind.as_raw_value(), unix::signal(kind).ok()?));
            self.signals = kinds.into_iter().filter_map(watch).collect();
        }
        if self.ended().is_some() {
            return None;
        }
        ask(path, &mut || self.ended().is_some())
    }

    /// The number of the signal that asks the program to end, if one came.
    pub fn ended(&mut self) -> Option<i32> {
        let came = |(number, signal): &mut (i32, unix::Signal)| signal.recv().now_or_never().map(|_| *number);
        self.ended = self.ended.or_else(|| self.signals.iter_mut().find_map(came));
        self.ended
    }
}

/// What was typed.
#[derive(PartialEq, Eq)]
enum Typed {
    Line(Zeroizing<Vec<u8>>),
    /// ctrl-d, or no terminal any more.
    Nothing,
    /// ctrl-c.
    Interrupt,
}

fn ask(path: &Path, ended: &mut dyn FnMut() -> bool) -> Option<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
    let shown = tcgetattr(&terminal).ok()?;
    let mut hidden = shown.clone();
    hidden
        .local_modes
        .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
    hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
    hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).ok()?;
    let file = CleanText::from(path.display().to_string());
    let asked = write!(terminal, "Passphrase for {file} (Enter to go without this key): ");
    let keys = terminal.try_clone();
    let typed = asked.and(keys).map_or(Typed::Nothing, |keys| {
        read_line(&mut terminal, &mut || wait_for_key(&keys, ended))
    });
    let restored = tcsetattr(&terminal, OptionalActions::Flush, &shown);
    let _ = writeln!(terminal);
    restored.ok()?;
    match typed {
        Typed::Line(mut bytes) if !bytes.is_empty() => match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Some(Zeroizing::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        },
        Typed::Line(_) | Typed::Nothing => None,
        Typed::Interrupt => {
            // Nothing of ours handles it yet: the program ends here.
            let _ = kill_process(getpid(), Signal::INT);
            None
        }
    }
}

/// Waits until there is something to read; false when the program is to end.
fn wait_for_key(terminal: impl AsFd, ended: &mut dyn FnMut() -> bool) -> bool {
    loop {
        if ended() {
            return false;
        }
        let mut waiting = [PollFd::new(&terminal, PollFlags::IN)];
        match poll(&mut waiting, Some(&GLANCE)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // Reading tells what is wrong, if anything.
            Ok(_) | Err(_) => return true,
        }
    }
}

/// Reads up to the end of the line, as a terminal's own line editing does: backspace, ctrl-u, ctrl-d, ctrl-c.
fn read_line(input: &mut impl Read, wait: &mut dyn FnMut() -> bool) -> Typed {
    let mut line = Zeroizing::new(Vec::with_capacity(LIMIT));
    let mut byte = Zeroizing::new([0]);
    loop {
        if !wait() {
            return Typed::Nothing;
        }
        match input.read(&mut *byte) {
            Ok(0) => return Typed::Nothing,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Typed::Nothing,
        }
        match byte[0] {
            b'\n' | b'\r' => return Typed::Line(line),
            0x03 => return Typed::Interrupt,
            0x04 if line.is_empty() => return Typed::Nothing,
            0x15 => line.zeroize(),
            0x08 | 0x7f => {
                // A whole character: its continuation bytes and its first.
                while line.pop().is_some_and(|last| last & 0xc0 == 0x80) {}
            }
            // Other controls are no part of a passphrase that was meant.
            ..0x20 => {}
            other if line.len() < LIMIT => line.push(other),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(mut bytes: &[u8]) -> Option<Vec<u8>> {
        match read_line(&mut bytes, &mut || true) {
            Typed::Line(line) => Some(line.to_vec()),
            Typed::Nothing | Typed::Interrupt => None,
        }
    }

    #[test]
    fn a_line_is_edited_and_bounded() {
        assert_eq!(typed(b"secret\nrest").unwrap(), b"secret");
        assert_eq!(typed("sä\x7fecrx\x7fet\r".as_bytes()).unwrap(), b"secret");
        assert_eq!(typed(b"wrong\x15right\n").unwrap(), b"right");
        assert_eq!(typed(b"\x7f\n").unwrap(), b"");
        assert_eq!(typed(b"\x04"), None);
        assert_eq!(typed(b"cut off"), None);
        assert!(read_line(&mut &b"abc\x03"[..], &mut || true) == Typed::Interrupt);
        let mut keys = 0;
        let mut signal = || {
            keys += 1;
            keys < 3
        };
        assert!(read_line(&mut &b"abc\n"[..], &mut signal) == Typed::Nothing);
        let long = [&[b'x'; 5000][..], b"\n"].concat();
        assert_eq!(typed(&long).unwrap().len(), LIMIT);
    }
}
