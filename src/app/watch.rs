//! Watching a fleet: for the console, the wall, and `--batch`.

use super::{
    COLLECTION_LIMIT, Failure, Result,
    facts::Viewed,
    inventory::{inventory_path, load_fleet},
    process::{check_file_limit, config_dir, runtime},
    ssh_config_mode, ssh_remote,
};
use crate::{
    batch::{self, Format, report::Status},
    cli::{Batch, Cli, Options},
    collect::{Clock, Collector, FleetView, Past, Reload, Request, Requests, Sources},
    console::{
        self,
        glyphs::Glyphs,
        theme::{Depth, Theme},
    },
    fleet::{self, Fleet, Selector},
    mode::Mode,
    passphrase::Prompt,
    remote::{
        LocalRemote, Remote,
        log::{Level, LogBook},
    },
    simulate::{self, Simulation},
};
use std::{io::IsTerminal as _, path::Path, sync::Arc, time::Duration};

pub(super) fn watch(cli: &Cli, log: LogBook) -> Result<u8> {
    let options = &cli.options;
    if options.batch.is_none() && !std::io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "the console needs a terminal to draw on; without one use --batch status, findings or watch".to_owned(),
        ));
    }
    let runtime = runtime()?;
    // The clock and the simulation use the runtime's timer.
    let context = runtime.enter();
    let mut prompt = Prompt::default();
    let mut world = world(options, &log, &mut prompt)?;
    let end_of = |signal: i32| Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    if let Some(signal) = prompt.ended() {
        return end_of(signal);
    }
    let wanted = select(&world.fleet, &cli.selectors)?;
    let picked: Vec<String> = names(&world.fleet, &wanted);
    let all = !wanted.contains(&false);
    if !all {
        world.fleet = Arc::new(world.fleet.around(&wanted));
    }
    let single_look = options.batch.is_some_and(|batch| batch != Batch::Watch);
    if single_look {
        world.fleet = Arc::new(for_one_collection(&world.fleet));
    }
    check_file_limit(world.fleet.hosts.len())?;
    let past = world.past.take();
    let sources = Sources {
        fleet: Arc::clone(&world.fleet),
        ssh: Arc::clone(&world.ssh),
        local: Arc::new(LocalRemote),
        log: log.clone(),
        clock: world.clock.clone(),
        reload: world.reload.take(),
        single_look,
    };
    let collector = Collector::start_after(sources, past);
    drop(context);
    if let Some(what) = options.batch {
        return runtime.block_on(run_batch(what, options, collector, &picked, all));
    }
    // Until here the prompt has held the signals; from here on the console does.
    if let Some(signal) = prompt.ended() {
        return end_of(signal);
    }
    if !Mode::new(options.read_only, options.wall).is_read_only() {
        for line in super::run::unfinished(options) {
            eprintln!("pointsman: {line}");
            log.note(world.clock.now(), Level::Warning, None, line);
        }
    }
    let shows = Viewed(collector.view.clone());
    let acts = super::acts::acts(options, &world, runtime.handle(), &log, shows);
    run_console(options, &collector, log, &world.clock, acts, None)?;
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(0)
}

/// Where the fleet comes from and how it is reached.
pub(super) struct World {
    pub(super) fleet: Arc<Fleet>,
    pub(super) ssh: Arc<dyn Remote>,
    reload: Option<Reload>,
    pub(super) clock: Clock,
    /// What was learnt of it before.
    past: Option<Past>,
    /// Kept alive as long as the collection.
    _simulation: Option<Simulation>,
}

pub(super) fn world(options: &Options, log: &LogBook, prompt: &mut Prompt) -> Result<World> {
    let clock = Clock::system();
    if options.demo {
        let lasts = options.batch.is_none_or(|batch| batch == Batch::Watch);
        let (seed, time) = (demo_seed(lasts), simulation_clock(&clock));
        let (simulation, past) = if lasts {
            (
                Simulation::watched(seed, Arc::clone(&time)),
                Some(past_of_demo(seed, time())),
            )
        } else {
            (Simulation::demo(seed, time), None)
        };
        return Ok(World {
            past,
            fleet: Arc::new(simulation.fleet().clone()),
            ssh: simulation.remote(log.clone()),
            reload: None,
            clock,
            _simulation: Some(simulation),
        });
    }
    let path = inventory_path(options)?;
    let fleet = load_fleet(&path)?;
    let mode = ssh_config_mode(&options.ssh, Some(&fleet));
    let named = options.ssh.ssh_config.is_none().then(|| fleet.ssh_config.clone());
    Ok(World {
        past: None,
        fleet,
        ssh: Arc::new(ssh_remote(
            &options.ssh,
            mode,
            log,
            &clock,
            options.batch.is_some(),
            prompt,
        )),
        reload: Some(Box::new(move || {
            let fleet = load_fleet(&path).map_err(|failure| match failure {
                Failure::Usage(text) | Failure::Config(text) => text,
                Failure::Other(report) => report.to_string(),
            })?;
            // Connections and unlocked keys rest on it.
            if named.as_ref().is_some_and(|named| *named != fleet.ssh_config) {
                return Err(
                    "the inventory names another `ssh_config` now: end pointsman and start it again".to_owned(),
                );
            }
            Ok(fleet)
        })),
        clock,
        _simulation: None,
    })
}

/// Marks the hosts that any of the selectors picks; no selector picks all.
fn select(fleet: &Fleet, texts: &[String]) -> Result<Vec<bool>> {
    if texts.is_empty() {
        return Ok(vec![true; fleet.hosts.len()]);
    }
    let usage = |error: fleet::SelectorError| Failure::Usage(error.to_string());
    let mut wanted = vec![false; fleet.hosts.len()];
    for text in texts {
        // Each by itself: a name that is not there must not hide behind one that is.
        for at in Selector::parse(text)
            .and_then(|selector| selector.select(fleet))
            .map_err(usage)?
        {
            wanted[at] = true;
        }
    }
    Ok(wanted)
}

fn names(fleet: &Fleet, wanted: &[bool]) -> Vec<String> {
    let hosts = fleet.hosts.iter().zip(wanted);
    hosts
        .filter(|(_, wanted)| **wanted)
        .map(|(host, _)| host.name.to_string())
        .collect()
}

/// One collection asks twice (rates need two polls) and should not wait a whole interval between.
pub(super) fn for_one_collection(fleet: &Fleet) -> Fleet {
    let mut fleet = fleet.clone();
    for host in &mut fleet.hosts {
        host.poll.interval = host.poll.interval.min(Duration::from_secs(1));
    }
    fleet
}

/// `all` means every host of the inventory: those of a later one as well.
async fn run_batch(
    what: Batch,
    options: &Options,
    mut collector: Collector,
    picked: &[String],
    all: bool,
) -> Result<u8> {
    let format = match (options.json, options.tsv) {
        (true, _) => Format::Json,
        (_, true) => Format::Tsv,
        _ => Format::Text,
    };
    let interrupted = interrupted();
    if what == Batch::Watch {
        let concerns =
            |_: &FleetView, finding: &crate::verdict::Finding| all || picked.iter().any(|host| finding.concerns(host));
        let reloads = reload_at_hangup(collector.requests.clone());
        let events = batch::watch::run(&mut collector, concerns, format);
        let ended = tokio::select! {
            ended = events => ended,
            () = interrupted => Ok(()),
            () = reloads => Ok(()),
            () = tokio::time::sleep(options.timeout.unwrap_or(Duration::MAX)) => Ok(()),
        };
        ended?;
        return Ok(0);
    }
    let wanted = |view: &FleetView| -> Vec<bool> {
        view.hosts
            .iter()
            .map(|host| picked.iter().any(|name| name == host.name.as_str()))
            .collect()
    };
    let first = wanted(&collector.view.borrow());
    let limit = options.timeout.unwrap_or(COLLECTION_LIMIT);
    let view = tokio::select! {
        view = batch::collect_once(&mut collector, &first, limit) => view,
        () = interrupted => return Ok(130),
    };
    let status = Status::new(&view, &wanted(&view));
    let text = match what {
        Batch::Findings => batch::status::render_findings(&status, format),
        _ => batch::status::render(&status, format),
    };
    batch::print(&text)?;
    Ok(batch::worst(&status).exit_code())
}

/// Asks for the inventory to be read again at each SIGHUP; never ends. One that comes before the future is awaited
/// counts.
fn reload_at_hangup(requests: Requests) -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let hangups = signal(SignalKind::hangup());
    async move {
        if let Ok(mut hangups) = hangups {
            while hangups.recv().await.is_some() {
                requests.ask(Request::Reload);
            }
        }
        std::future::pending::<()>().await;
    }
}

/// Ends at SIGINT or SIGTERM; one that comes before the future is awaited counts.
pub(super) fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut int), Ok(mut term)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
    }
}

pub(super) fn run_console(
    options: &Options,
    collector: &Collector,
    log: LogBook,
    clock: &Clock,
    acts: Option<console::Acts>,
    practised: Option<(String, Option<console::Asked>)>,
) -> Result<()> {
    let variable = |name: &str| std::env::var(name).ok();
    let depth = Depth::detect(variable);
    let theme_dir = config_dir().unwrap_or_default().join("themes");
    let theme = theme(options.theme.as_deref(), &theme_dir, depth)?;
    let clock = clock.clone();
    console::run(console::Launch {
        view: collector.view.clone(),
        requests: collector.requests.clone(),
        log,
        log_file: options.log.clone(),
        mode: Mode::new(options.read_only, options.wall),
        acts,
        practised,
        wall: options.wall,
        theme,
        theme_dir: Some(theme_dir),
        depth,
        glyphs: if options.ascii {
            Glyphs::Ascii
        } else {
            Glyphs::detect(variable)
        },
        dump_dir: options.dump_dir.clone(),
        clock: Arc::new(move || clock.now()),
    })?;
    Ok(())
}

/// The theme by name (compiled in, or of the user's directory) or as a file.
fn theme(wanted: Option<&str>, directory: &Path, depth: Depth) -> Result<Theme> {
    let Some(name) = wanted else {
        let name = if depth == Depth::Mono { "mono" } else { "terminal" };
        return Theme::built_in(name, depth).map_err(Failure::Config);
    };
    if name.contains('/') || Path::new(name).is_file() {
        let text = std::fs::read_to_string(name).map_err(|error| Failure::Config(format!("{name}: {error}")))?;
        return Theme::parse(name, name, &text, depth).map_err(Failure::Config);
    }
    if directory.join(format!("{name}.theme")).exists() {
        return Theme::load(directory, name, depth).map_err(Failure::Config);
    }
    Theme::built_in(name, depth).map_err(Failure::Usage)
}

/// The demo tells a different day each time, and the same one when asked to. Of one that does not last each call of a script
/// sees the same fleet: else no plan that was read could be run.
fn demo_seed(lasts: bool) -> u64 {
    let asked = std::env::var("POINTSMAN_DEMO_SEED").ok();
    let usual = || if lasts { fastrand::u64(..) } else { 1 };
    asked.and_then(|seed| seed.parse().ok()).unwrap_or_else(usual)
}

/// What was learnt of the demo's latencies until now, as soon as it is: the first picture does not wait for it.
fn past_of_demo(seed: u64, now: Duration) -> Past {
    let past = Past::default();
    let cell = Arc::clone(&past);
    tokio::task::spawn_blocking(move || cell.set(simulate::past::learnt(seed, now)));
    past
}

/// The simulation's clock: the program's own.
fn simulation_clock(clock: &Clock) -> simulate::Clock {
    let clock = clock.clone();
    Arc::new(move || Duration::from_millis(clock.now().0))
}
