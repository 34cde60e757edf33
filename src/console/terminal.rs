//! The terminal: raw mode and the alternate screen, given back on every way out.

use crossterm::{
    cursor::Show,
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};
use std::{
    io::{self, BufWriter, Stdout, Write},
    panic,
    path::Path,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

/// Bytes gathered before they are written: one frame is one write, also over a slow link.
const BUFFER: usize = 1 << 16;

/// Whether the terminal is ours just now: restoring twice is harmless but would print escapes to a shell.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// What is drawn on.
pub type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// The terminal while it is ours. Dropping it gives it back.
pub struct Guard {
    screen: Screen,
    mouse: bool,
}

impl Guard {
    /// Takes the terminal. A panic of the calling thread will give it back and name the log file.
    ///
    /// # Errors
    /// What the system says.
    pub fn enter(log: Option<&Path>) -> io::Result<Self> {
        hook_panics(thread::current().id(), log);
        take()?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, io::stdout()));
        match Terminal::new(backend) {
            Ok(screen) => Ok(Self { screen, mouse: false }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// What is drawn on.
    pub const fn screen(&mut self) -> &mut Screen {
        &mut self.screen
    }

    /// Mouse reports on or off.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Gives the terminal back and stops the process as ctrl-z does in a shell. The signal may stop this
    /// thread a moment after the call has returned: nothing may be drawn until [`Guard::resume`], which
    /// answers SIGCONT.
    #[allow(clippy::unused_self, reason = "only who holds the terminal may give it back")]
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        Ok(())
    }

    /// Takes the terminal again after the process was stopped and continued.
    pub fn resume(&mut self) -> io::Result<()> {
        take()?;
        if self.mouse {
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        self.clear()
    }

    /// Clears the terminal; the next frame is drawn whole. Not `Terminal::clear`: that asks the terminal
    /// where its cursor is, waits up to two seconds for the answer and fails without one.
    pub fn clear(&mut self) -> io::Result<()> {
        let size = self.screen.size()?;
        self.screen.resize(size.into())
    }

    #[allow(clippy::unused_self, reason = "only who holds the terminal may write to it")]
    /// Puts text on the clipboard of the terminal (xterm's OSC 52), through tmux where it runs.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout();
        out.write_all(osc52(text, std::env::var_os("TMUX").is_some()).as_bytes())?;
        out.flush()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)
}

/// Gives the terminal back. Errors are left alone: there is nowhere to tell them.
fn restore() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
    }
}

/// A panic of the thread that draws gives the terminal back before it is reported. A panic elsewhere is
/// caught by its task and must not take the screen away from under the drawing; its report would be
/// painted over the screen, so it goes to the log alone.
fn hook_panics(ui: ThreadId, log: Option<&Path>) {
    static ONCE: Once = Once::new();
    let advice = match log {
        Some(path) => format!("pointsman failed; what it did before is in its log, {}", path.display()),
        None => "pointsman failed; run it with --log FILE to keep a log of what it does".to_owned(),
    };
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == ui {
                restore();
                tracing::error!("the console panicked: {info}");
                before(info);
                eprintln!("{advice}");
            } else if ENTERED.load(Ordering::SeqCst) {
                tracing::error!("a task panicked: {info}");
            } else {
                before(info);
            }
        }));
    });
}

/// Longest text copied, bytes; terminals drop longer ones (xterm and tmux allow about 74 KB of base64).
const COPY_LIMIT: usize = 48 * 1024;

fn osc52(text: &str, tmux: bool) -> String {
    let mut end = text.len().min(COPY_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let plain = format!("\x1b]52;c;{}\x07", base64(&text.as_bytes()[..end]));
    if tmux {
        format!("\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b"))
    } else {
        plain
    }
}

/// Base64 of RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= chunk.len() {
                let index = word >> (18 - 6 * place) & 63;
                out.push(char::from(SIGNS[index as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let words = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(words.map(|word| base64(word.as_bytes())), coded);
    }

    #[test]
    fn tmux_gets_the_sequence_wrapped() {
        assert_eq!(osc52("f", false), "\x1b]52;c;Zg==\x07");
        assert_eq!(osc52("f", true), "\x1bPtmux;\x1b\x1b]52;c;Zg==\x07\x1b\\");
        assert!(osc52(&"é".repeat(60_000), false).len() < 80_000);
    }
}
