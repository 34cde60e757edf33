//! The loop: keys, views, time and signals in; effects and frames out. It never waits for the network.

mod acts;

pub use acts::{Acting, Acts};

use super::{
    dump::Dump,
    glyphs::Glyphs,
    index::ListKind,
    model::{Look, Model},
    runbooks::{self, offers::Asked},
    terminal::Guard,
    theme::{Depth, Theme},
    update::{Effect, Msg, update},
    view,
};
use crate::{
    collect::{FleetView, Request, Requests},
    facts::UnixMs,
    mode::Mode,
    remote::log::LogBook,
    verdict::Severity,
};
use acts::Actor;
use color_eyre::eyre::{Result, WrapErr};
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

/// Least time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(50);

/// Entries of the log book that the Log page shows.
const LOG_SHOWN: usize = 5000;

/// All that the console needs.
pub struct Launch {
    /// The fleet, replaced as a whole by the collector.
    pub view: watch::Receiver<Arc<FleetView>>,
    /// The way to ask the collector.
    pub requests: Requests,
    /// What the program did.
    pub log: LogBook,
    /// The file that the log also goes to, to be named should the console fail.
    pub log_file: Option<PathBuf>,
    /// Whether the process may act.
    pub mode: Mode,
    /// What acts; none in a process that may only look.
    pub acts: Option<Acts>,
    /// What is rehearsed, to be shown on every page; and the plan to begin with.
    pub practised: Option<(String, Option<Asked>)>,
    /// Whether this is a wall.
    pub wall: bool,
    /// The theme to begin with.
    pub theme: Theme,
    /// A directory with further themes.
    pub theme_dir: Option<PathBuf>,
    /// How many colours the terminal has.
    pub depth: Depth,
    /// Which signs the terminal can show.
    pub glyphs: Glyphs,
    /// Where screens are saved.
    pub dump_dir: PathBuf,
    /// The clock.
    pub clock: Arc<dyn Fn() -> UnixMs + Send + Sync>,
}

/// Runs the console on the calling thread, on a runtime of its own, until it is left. The collector must
/// run on another runtime.
///
/// # Errors
/// When the terminal cannot be taken or written to.
pub fn run(launch: Launch) -> Result<()> {
    // The depth is our own decision, made from the environment and the options; crossterm must not
    // make another.
    crossterm::style::force_color_output(launch.depth != Depth::Mono);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .wrap_err("cannot start the console's runtime")?;
    let mut console = Console::new(launch)?;
    let outcome = runtime.block_on(console.go());
    let actor = console.actor.take();
    // The terminal is given back before anything else is said.
    drop(console);
    // A dump to a directory that hangs must not keep the program from ending.
    runtime.shutdown_background();
    if let Some(actor) = actor {
        actor.leave();
    }
    outcome
}

/// The next message of what acts; none ever where nothing does.
async fn next(actor: &mut Option<Actor>) -> Msg {
    match actor {
        Some(actor) => actor.next().await,
        None => std::future::pending().await,
    }
}

/// Whether the terminal was closed. The system says so with the signal that also asks for a reload.
fn terminal_is_gone() -> bool {
    rustix::termios::tcgetattr(std::io::stdout()).is_err()
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    stop: Signal,
    resume: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let on = |kind| signal(kind).wrap_err("cannot watch signals");
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
            stop: on(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            resume: on(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }
}

struct Console {
    launch: Launch,
    model: Model,
    guard: Guard,
    actor: Option<Actor>,
    told: mpsc::Receiver<Msg>,
    tell: mpsc::Sender<Msg>,
    log_version: Option<u64>,
    dirty: bool,
    /// The terminal is given back; nothing may be drawn.
    suspended: bool,
    drawn: Instant,
    /// What is done before the first key.
    begin: Vec<Effect>,
}

impl Console {
    fn new(mut launch: Launch) -> Result<Self> {
        let guard = Guard::enter(launch.log_file.as_deref()).wrap_err("cannot take the terminal")?;
        let size = crossterm::terminal::size().wrap_err("cannot ask the terminal for its size")?;
        let look = Look {
            theme: launch.theme.clone(),
            depth: launch.depth,
            glyphs: launch.glyphs,
        };
        let view = launch.view.borrow().clone();
        let mut model = Model::new(view, (launch.clock)(), size, look, launch.mode.clone(), launch.wall);
        let practised = launch.practised.take();
        let begin = practised.and_then(|(what, asked)| {
            model.practised = Some(what);
            asked
        });
        let begin = begin.map_or_else(Vec::new, |asked| runbooks::ask_for_plan(&mut model, asked));
        let (tell, told) = mpsc::channel(16);
        // A model that may only look has nobody to act for it, whatever was handed in.
        let acts = launch.acts.take().filter(|_| model.works.is_some());
        model.passing = acts.as_ref().is_some_and(Acts::is_passing);
        model.library = acts.as_ref().map(Acts::library).unwrap_or_default();
        Ok(Self {
            actor: acts.map(Actor::new),
            launch,
            model,
            guard,
            told,
            tell,
            log_version: None,
            dirty: true,
            suspended: false,
            drawn: Instant::now(),
            begin,
        })
    }

    async fn go(&mut self) -> Result<()> {
        let mut signals = Signals::new()?;
        let mut events = EventStream::new();
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut collector_lives = true;
        if let Some(actor) = &mut self.actor {
            actor.read_runs();
            for effect in std::mem::take(&mut self.begin) {
                actor.act(effect, &self.model.live.fleet);
            }
        }
        self.draw()?;
        loop {
            let due = self.drawn + FRAME;
            // Keys come first: nothing that a host does may delay them.
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        if self.event(event)? {
                            return Ok(());
                        }
                    }
                    // The terminal is gone: there is nobody left to show anything to.
                    Some(Err(_)) | None => return Ok(()),
                },
                _ = signals.terminate.recv() => return Ok(()),
                _ = signals.interrupt.recv() => return Ok(()),
                _ = signals.hang_up.recv() => {
                    if terminal_is_gone() {
                        return Ok(());
                    }
                    self.launch.requests.ask(Request::Reload);
                    self.take(Msg::Note(Severity::Ok, "reading the inventory again".to_owned()))?;
                }
                _ = signals.stop.recv() => {
                    self.take(Msg::Stop)?;
                }
                _ = signals.resume.recv() => self.resume()?,
                Some(msg) = self.told.recv() => {
                    self.take(msg)?;
                }
                msg = next(&mut self.actor) => {
                    self.take(msg)?;
                }
                changed = self.launch.view.changed(), if collector_lives => {
                    // Without a collector the picture grows old, and the banner says so.
                    collector_lives = changed.is_ok();
                    let view = self.launch.view.borrow_and_update().clone();
                    self.take(Msg::View(view))?;
                }
                _ = tick.tick() => {
                    if terminal_is_gone() {
                        return Ok(());
                    }
                    self.take(Msg::Tick((self.launch.clock)()))?;
                }
                () = sleep_until(due), if self.dirty => self.draw()?,
            }
            self.read_log()?;
        }
    }

    /// Takes an event of the terminal; whether it ends the console. What it changed is painted at once.
    fn event(&mut self, event: Event) -> Result<bool> {
        let now = (self.launch.clock)();
        self.take(Msg::Tick(now))?;
        let msg = match event {
            Event::Key(key) => Msg::Key(key),
            Event::Paste(text) => Msg::Paste(text),
            Event::Mouse(mouse) => Msg::Mouse(mouse),
            Event::Resize(columns, rows) => Msg::Resize(columns, rows),
            Event::FocusGained | Event::FocusLost => return Ok(false),
        };
        let quit = self.take(msg)?;
        if !quit {
            self.read_log()?;
            self.draw()?;
        }
        Ok(quit)
    }

    /// The Log page reads the log book only while it is up and only when something was added.
    fn read_log(&mut self) -> Result<()> {
        let version = self.launch.log.version();
        if self.model.kind() == Some(ListKind::Log) && self.log_version != Some(version) {
            self.log_version = Some(version);
            self.take(Msg::Log(self.launch.log.newest(LOG_SHOWN)))?;
        }
        Ok(())
    }

    /// Takes a message and does what it asks; whether to leave.
    fn take(&mut self, msg: Msg) -> Result<bool> {
        self.dirty = true;
        for effect in update(&mut self.model, msg) {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Suspend => self.suspend()?,
                Effect::Redraw => self.guard.clear()?,
                Effect::Ask(request) => {
                    if !self.launch.requests.ask(request) {
                        self.model
                            .set_note(Severity::Warning, "the collector is busy; it was asked already");
                    }
                }
                Effect::Copy(text) => {
                    self.guard.copy(&text)?;
                    let count = text.chars().count();
                    self.model
                        .set_note(Severity::Ok, format!("{count} characters on the clipboard"));
                }
                Effect::Mouse(on) => self.guard.set_mouse(on)?,
                Effect::Dump => self.dump(),
                Effect::LoadTheme(name) => self.load_theme(name),
                act => {
                    if let Some(actor) = &mut self.actor {
                        actor.act(act, &self.model.live.fleet);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Files are written elsewhere: the directory may lie on the very server that hangs.
    fn dump(&self) {
        let dump = Dump::of(&self.model);
        let directory = self.launch.dump_dir.clone();
        let tell = self.tell.clone();
        tokio::task::spawn_blocking(move || {
            let msg = match dump.write(&directory) {
                Ok(path) => Msg::Note(Severity::Ok, format!("saved {} and .json", path.display())),
                Err(error) => Msg::Note(
                    Severity::Warning,
                    format!("not saved in {}: {error}", directory.display()),
                ),
            };
            let _ = tell.blocking_send(msg);
        });
    }

    fn load_theme(&self, name: String) {
        let tell = self.tell.clone();
        let depth = self.launch.depth;
        let directory = self.launch.theme_dir.clone();
        tokio::task::spawn_blocking(move || {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            let theme = match directory {
                Some(directory) if plain => Theme::load(&directory, &name, depth),
                _ => Theme::built_in(&name, depth),
            };
            let _ = tell.blocking_send(Msg::Theme(theme.map(Box::new)));
        });
    }

    fn suspend(&mut self) -> Result<()> {
        self.suspended = true;
        self.guard.suspend().wrap_err("cannot suspend")
    }

    fn resume(&mut self) -> Result<()> {
        self.suspended = false;
        self.guard.resume().wrap_err("cannot take the terminal again")?;
        self.resized()
    }

    /// The terminal may have another size than before.
    fn resized(&mut self) -> Result<()> {
        let (columns, rows) = crossterm::terminal::size()?;
        self.model.tick((self.launch.clock)());
        update(&mut self.model, Msg::Resize(columns, rows));
        self.draw()
    }

    fn draw(&mut self) -> Result<()> {
        self.dirty = false;
        if self.suspended {
            return Ok(());
        }
        let model = &self.model;
        self.guard.screen().draw(|frame| {
            let cursor = view::draw(model, frame.buffer_mut());
            if let Some(cursor) = cursor {
                frame.set_cursor_position(cursor);
            }
        })?;
        self.drawn = Instant::now();
        Ok(())
    }
}
