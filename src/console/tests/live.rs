//! The real loop on a real pseudo-terminal: this test binary starts itself there.

use super::*;
use crate::{
    collect::Requests,
    console::{Launch, run},
    remote::log::LogBook,
};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{Read, Write},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};
use tokio::sync::watch;

/// Set for the process that is to be the console.
const CHILD: &str = "POINTSMAN_TEST_CONSOLE";

/// The console itself, when this process was started as one; nothing otherwise.
#[test]
fn child() {
    let Ok(how) = std::env::var(CHILD) else {
        return;
    };
    let mut view = fixture::view();
    view.at = now();
    let (sender, view) = watch::channel(Arc::new(view));
    let (requests, mut asked) = Requests::channel();
    let log = LogBook::default();
    let told = log.clone();
    thread::spawn(move || {
        while let Some(request) = asked.blocking_recv() {
            told.note(
                now(),
                crate::remote::log::Level::Info,
                None,
                format!("asked {request:?}"),
            );
        }
    });
    if how == "panic" {
        // A task elsewhere panics: the screen must stay.
        thread::spawn(|| panic!("a collector's task"));
    }
    run(Launch {
        view,
        requests,
        log,
        log_file: Some("/nowhere/pointsman.log".into()),
        mode: Mode::ReadOnly,
        acts: None,
        practised: None,
        wall: false,
        theme: Theme::built_in("terminal", Depth::Sixteen).unwrap(),
        theme_dir: None,
        depth: Depth::Sixteen,
        glyphs: Glyphs::Unicode,
        dump_dir: std::env::temp_dir(),
        clock: {
            // The console asks for the time at each tick and key: after so many it panics while it is up.
            let asked = std::sync::atomic::AtomicUsize::new(0);
            let breaks = how == "panic here";
            Arc::new(move || {
                let asked = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                assert!(!breaks || asked < 3, "the console's own mistake");
                now()
            })
        },
    })
    .unwrap();
    drop(sender);
}

fn now() -> UnixMs {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    UnixMs(u64::try_from(since.as_millis()).unwrap())
}

struct Live {
    screen: Arc<Mutex<vt100::Parser>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    pty: Box<dyn portable_pty::MasterPty + Send>,
}

impl Live {
    fn start(how: &str) -> Self {
        let size = PtySize {
            rows: 30,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "console::tests::live::child",
            "--nocapture",
            "--test-threads=1",
        ]);
        command.env(CHILD, how);
        // A backtrace would push what is looked for off the screen.
        command.env("RUST_BACKTRACE", "0");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(30, 100, 0)));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let fed = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                fed.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .process(&bytes[..count]);
            }
        });
        Self {
            screen,
            writer: pair.master.take_writer().unwrap(),
            child,
            pty: pair.master,
        }
    }

    fn keys(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let begun = Instant::now();
        loop {
            let shown = {
                let parser = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
                if wanted(parser.screen()) {
                    return;
                }
                parser.screen().contents()
            };
            assert!(begun.elapsed().as_secs() < 20, "not seen: {what}\n{shown}");
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        self.until(text, |screen| {
            screen.alternate_screen() && screen.contents().contains(text)
        });
    }

    /// The terminal as it was: main screen, cursor shown, no mouse reports; and a clean end.
    #[track_caller]
    fn ended(&mut self) {
        self.until("the terminal restored", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn views_resize_and_quit() {
    let mut live = Live::start("plain");
    live.shows("grid-west");
    live.keys("2");
    live.shows("› storage");
    live.keys("/slice-b\r");
    live.shows("3 of 4 hidden");
    let small = |rows, cols| PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    };
    live.screen.lock().unwrap().screen_mut().set_size(12, 38);
    live.pty.resize(small(12, 38)).unwrap();
    live.shows("have 38x12, need 40x12");
    live.screen.lock().unwrap().screen_mut().set_size(30, 100);
    live.pty.resize(small(30, 100)).unwrap();
    live.shows("3 of 4 hidden");
    live.keys("\x0c2");
    live.shows("3 of 4 hidden");
    live.keys("q");
    live.ended();
}

#[test]
fn suspend_and_continue() {
    let mut live = Live::start("plain");
    live.shows("grid-west");
    live.keys("\x1a");
    live.until("the terminal given back", |screen| !screen.alternate_screen());
    live.signal(Signal::CONT);
    live.shows("grid-west");
    live.keys("5");
    live.shows("› findings");
    live.keys("q");
    live.ended();
}

#[test]
fn a_hang_up_reloads_and_a_termination_restores() {
    let mut live = Live::start("plain");
    live.shows("grid-west");
    live.signal(Signal::HUP);
    live.shows("reading the inventory again");
    live.keys("6");
    live.shows("asked Reload");
    live.signal(Signal::TERM);
    live.ended();
}

#[test]
fn a_panic_elsewhere_leaves_the_screen() {
    let mut live = Live::start("panic");
    live.shows("grid-west");
    live.keys("5");
    live.shows("› findings");
    live.keys("q");
    live.ended();
}

#[test]
fn a_panic_of_the_console_gives_the_terminal_back_and_names_the_log() {
    let mut live = Live::start("panic here");
    live.keys("2222");
    live.until("the terminal restored and the log named", |screen| {
        let text = screen.contents();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
            && text.contains("the console's own mistake")
            && text.contains("/nowhere/pointsman.log")
    });
    assert!(!live.child.wait().unwrap().success());
}
