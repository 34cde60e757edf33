//! A terminal for tests: runs the real program in a PTY and reads the screen as a person would.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "for tests alone; each test binary uses its part"
)]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long the screen may take to show what is waited for. Long, because test machines are slow;
/// it is no measurement.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Terminal {
    parser: Arc<Mutex<vt100::Parser>>,
    writer: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    pub child: Box<dyn Child + Send + Sync>,
}

impl Terminal {
    /// Runs a command in a terminal of `columns` × `rows`.
    pub fn run(program: &str, args: &[&str], columns: u16, rows: u16) -> Self {
        Self::run_with(program, args, columns, rows, &[])
    }

    pub fn run_with(program: &str, args: &[&str], columns: u16, rows: u16, env: &[(&str, &str)]) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env_remove("NO_COLOR");
        command.env_remove("POINTSMAN_INVENTORY");
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&parser);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 {
                    break;
                }
                shared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .process(&buffer[..count]);
            }
        });
        Self {
            parser,
            writer: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
        }
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.parser.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the screen shows now.
    pub fn screen(&self) -> String {
        self.parser().screen().contents()
    }

    /// Looks at the screen with its styles.
    pub fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.parser().screen())
    }

    pub fn in_alternate_screen(&self) -> bool {
        self.parser().screen().alternate_screen()
    }

    pub fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        // The parser first: what the program draws for the new size must find it.
        self.parser().screen_mut().set_size(rows, columns);
        self.master
            .resize(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
    }

    /// Waits until the screen satisfies a condition; shows the screen when it never does.
    pub fn wait(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        self.wait_long(PATIENCE, what, condition)
    }

    /// As [`Terminal::wait`], for what takes its time.
    pub fn wait_long(&self, patience: Duration, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if condition(&screen) {
                return screen;
            }
            assert!(
                begun.elapsed() < patience,
                "waited in vain for {what}; the screen:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Waits for the process to end and gives its exit code.
    pub fn exit_code(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // Let the reader take what was written last.
                std::thread::sleep(Duration::from_millis(100));
                return status.exit_code();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not end; the screen:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill_with(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// The terminal's settings, to compare before and after.
    pub fn settings(&self) -> String {
        format!("{:?}", self.master.get_termios())
    }

    /// Fails unless the terminal is as a shell left it: main screen, cursor shown, no mouse, no paste mode, cooked.
    pub fn assert_restored(&self, settings_before: &str) {
        let parser = self.parser();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still in the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        assert_eq!(
            screen.mouse_protocol_mode(),
            vt100::MouseProtocolMode::None,
            "mouse reports are still on"
        );
        drop(parser);
        assert_eq!(self.settings(), settings_before, "the terminal's settings differ");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A failed test leaves its program running; a finished one is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
