//! Puts the rooms together: what each command of the command line does.

use crate::{
    batch::{self, Format, report::Status},
    cli::{Batch, Cli, Command, Options, SshArgs},
    collect::{Clock, Collector, FleetView, Reload, Sources, draft},
    console::{
        self,
        glyphs::Glyphs,
        theme::{Depth, Theme},
    },
    facts::CleanText,
    fleet::{self, Fleet, Host, Loaded, ReachBy, Selector},
    mode::Mode,
    passphrase::Prompt,
    remote::{
        LocalRemote, Remote, half,
        log::LogBook,
        ssh::{HostKeyPolicy, Identity, SshOptions, SshRemote},
        ssh_config,
    },
    simulate::{self, Simulation},
};
use clap::CommandFactory as _;
use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Exit code for a wrong command line (sysexits `EX_USAGE`).
pub const USAGE: u8 = 64;
/// Exit code for a wrong inventory (sysexits `EX_CONFIG`).
pub const CONFIG: u8 = 78;

/// Longest time for one batch collection, if not given.
const COLLECTION_LIMIT: Duration = Duration::from_secs(20);

/// Why a command could not be carried out.
#[derive(Debug)]
pub enum Failure {
    /// The command line or a selector is wrong.
    Usage(String),
    /// The inventory or another setting is wrong; the text is complete.
    Config(String),
    /// Anything else.
    Other(color_eyre::Report),
}

impl<E: Into<color_eyre::Report>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// Runs what the command line asks for and gives the exit code.
///
/// # Errors
/// [`Failure`] with a text for a person.
pub fn run(cli: &Cli) -> Result<u8> {
    let log = LogBook::default();
    without_core_dumps();
    start_log_file(cli.options.log.as_deref())?;
    match &cli.command {
        Some(Command::Check { file }) => check(&cli.options, file.as_deref()),
        Some(Command::Schema { status: false }) => print(&fleet::schema()),
        Some(Command::Schema { status: true }) => print(&batch::report::schema()),
        Some(Command::ProbeScript { host, sudoers }) => probe_script(&cli.options, host.as_deref(), sudoers.as_deref()),
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pointsman", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
        Some(Command::Man) => print(&man_page()?),
        Some(Command::Info) => info(&cli.options),
        Some(Command::Discover { hosts }) => discover(&cli.options, hosts, log),
        None => watch(cli, log),
    }
}

fn print(text: &str) -> Result<u8> {
    batch::print(text)?;
    Ok(0)
}

/// The man page, made from the command line's own description.
///
/// # Errors
/// Never in practice: it is written to memory.
pub fn man_page() -> std::io::Result<String> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(Cli::command())
        .date("")
        .source(concat!("pointsman ", env!("CARGO_PKG_VERSION")));
    man.render(&mut page)?;
    let mut text = String::from_utf8_lossy(&page).into_owned();
    text.push_str(include_str!("../man/sections.roff"));
    Ok(text)
}

/// Unlocked keys are in memory: a crash must not write them to a disk.
fn without_core_dumps() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // Lowering a limit is always allowed.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: getrlimit(Resource::Core).maximum,
        },
    );
}

/// Opens the log file, readable by its owner alone; one that is there keeps what its group may do.
fn start_log_file(path: Option<&Path>) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    let Some(path) = path else { return Ok(()) };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::Config(format!("cannot write the log {}: {error}", path.display())))?;
    let refused = |why: &dyn std::fmt::Display| Failure::Config(format!("the log {} {why}", path.display()));
    let meta = file.metadata().map_err(|error| refused(&error))?;
    if meta.is_file() {
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(refused(&"belongs to another user, who could read and change it"));
        }
        if meta.mode() & 0o007 != 0 {
            let mode = std::fs::Permissions::from_mode(meta.mode() & 0o770);
            file.set_permissions(mode).map_err(|error| refused(&error))?;
        }
    }
    tracing_subscriber::fmt()
        .with_writer(std::sync::Mutex::new(file))
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .init();
    Ok(())
}

/// The inventory's path: as given, or the first that exists.
fn inventory_path(options: &Options) -> Result<PathBuf> {
    if let Some(path) = &options.inventory {
        return Ok(path.clone());
    }
    if let Some(path) = std::env::var_os("POINTSMAN_INVENTORY") {
        return Ok(path.into());
    }
    let places = [
        Some(PathBuf::from("inventory.yaml")),
        config_dir().map(|config| config.join("inventory.yaml")),
        Some(PathBuf::from("/etc/pointsman/inventory.yaml")),
    ];
    let places: Vec<PathBuf> = places.into_iter().flatten().collect();
    places.iter().find(|path| path.exists()).cloned().ok_or_else(|| {
        let list: Vec<String> = places.iter().map(|path| format!("  {}", path.display())).collect();
        Failure::Usage(format!(
            "no inventory: give one with -i FILE, or put it in one of\n{}\nTo look around without one: pointsman --demo\nTo draft one from hosts: pointsman discover HOST…",
            list.join("\n")
        ))
    })
}

fn load(path: &Path) -> Result<Loaded> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Config(format!(
            "pointsman: cannot read the inventory {}: {error}",
            path.display()
        ))
    })?;
    Ok(fleet::load(path, &text, &|path| {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }))
}

/// The fleet of an inventory; with errors in it, all of them as one text.
fn load_fleet(path: &Path) -> Result<Arc<Fleet>> {
    let loaded = load(path)?;
    match loaded.fleet {
        Some(fleet) => Ok(Arc::new(fleet)),
        None => Err(Failure::Config(fleet::diagnostic::render(&loaded.diagnostics))),
    }
}

fn check(options: &Options, file: Option<&Path>) -> Result<u8> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => inventory_path(options)?,
    };
    let loaded = load(&path)?;
    batch::print(&fleet::diagnostic::render(&loaded.diagnostics))?;
    let Some(fleet) = loaded.fleet else { return Ok(CONFIG) };
    let (slices, topologies) = (fleet.slices().count(), fleet.topologies.len());
    let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    batch::print(&format!(
        "{}: {}, {}, {}, {}\n",
        path.display(),
        count(fleet.hosts.len(), "host", "hosts"),
        count(fleet.segments.len(), "segment", "segments"),
        count(slices, "slice", "slices"),
        count(topologies, "topology", "topologies"),
    ))?;
    Ok(0)
}

fn info(options: &Options) -> Result<u8> {
    let inventory = match inventory_path(options) {
        Ok(path) => path.display().to_string(),
        Err(_) => "none found".to_owned(),
    };
    let show = |name: &str| std::env::var(name).unwrap_or_else(|_| "not set".to_owned());
    print(&format!(
        "version      {}\ninventory    {inventory}\nagent        {}\nterminal     {} {}\nNO_COLOR     {}\nopen files   {}\n",
        env!("CARGO_PKG_VERSION"),
        show("SSH_AUTH_SOCK"),
        show("TERM"),
        show("COLORTERM"),
        show("NO_COLOR"),
        raise_file_limit().map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string()),
    ))
}

fn probe_script(options: &Options, host: Option<&str>, sudoers: Option<&str>) -> Result<u8> {
    if let Some(user) = sudoers {
        return print(&half::sudoers(user));
    }
    let Some(name) = host else {
        return print(&half::forced_script(None));
    };
    let fleet = load_fleet(&inventory_path(options)?)?;
    let host = fleet
        .host(name)
        .ok_or_else(|| Failure::Usage(format!("the inventory has no host {name:?}")))?;
    print(&half::forced_script(Some(host)))
}

/// Every connection needs a descriptor: raises the soft limit to the hard one and returns it.
fn raise_file_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Failing to raise it is not fatal: small fleets fit, and large ones are told below.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    getrlimit(Resource::Nofile).current
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("pointsman-collect")
        .build()?)
}

/// Where the fleet comes from and how it is reached.
struct World {
    fleet: Arc<Fleet>,
    ssh: Arc<dyn Remote>,
    reload: Option<Reload>,
    clock: Clock,
    /// Kept alive as long as the collection.
    _simulation: Option<Simulation>,
}

fn ssh_remote(args: &SshArgs, log: &LogBook, clock: &Clock, batch: bool, prompt: &mut Prompt) -> SshRemote {
    let remote = SshRemote::new(SshOptions {
        log: log.clone(),
        host_key_policy: if args.accept_new {
            HostKeyPolicy::AcceptNew
        } else {
            HostKeyPolicy::Strict
        },
        identities: args.identity.iter().cloned().map(Identity::File).collect(),
        config: args
            .ssh_config
            .clone()
            .map_or(ssh_config::Mode::AskSsh, ssh_config::Mode::File),
        batch,
        clock: {
            let clock = clock.clone();
            Arc::new(move || clock.now())
        },
        ..SshOptions::default()
    });
    remote.unlock(&mut |path| prompt.ask(path));
    remote
}

fn world(options: &Options, log: &LogBook, prompt: &mut Prompt) -> Result<World> {
    let clock = Clock::system();
    if options.demo {
        let simulation = Simulation::demo(demo_seed(), simulation_clock(&clock));
        return Ok(World {
            fleet: Arc::new(simulation.fleet().clone()),
            ssh: simulation.remote(log.clone()),
            reload: None,
            clock,
            _simulation: Some(simulation),
        });
    }
    let path = inventory_path(options)?;
    let fleet = load_fleet(&path)?;
    Ok(World {
        fleet,
        ssh: Arc::new(ssh_remote(&options.ssh, log, &clock, options.batch.is_some(), prompt)),
        reload: Some(Box::new(move || {
            load_fleet(&path).map_err(|failure| match failure {
                Failure::Usage(text) | Failure::Config(text) => text,
                Failure::Other(report) => report.to_string(),
            })
        })),
        clock,
        _simulation: None,
    })
}

fn watch(cli: &Cli, log: LogBook) -> Result<u8> {
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
    let wanted = select(&world.fleet, &cli.selectors)?;
    let picked: Vec<String> = names(&world.fleet, &wanted);
    if wanted.contains(&false) {
        world.fleet = Arc::new(world.fleet.around(&wanted));
    }
    let single_look = options.batch.is_some_and(|batch| batch != Batch::Watch);
    if single_look {
        world.fleet = Arc::new(for_one_collection(&world.fleet));
    }
    check_file_limit(world.fleet.hosts.len())?;
    let collector = Collector::start(Sources {
        fleet: Arc::clone(&world.fleet),
        ssh: Arc::clone(&world.ssh),
        local: Arc::new(LocalRemote),
        log: log.clone(),
        clock: world.clock.clone(),
        reload: world.reload.take(),
        single_look,
    });
    drop(context);
    if let Some(what) = options.batch {
        return runtime.block_on(run_batch(what, options, collector, &picked));
    }
    // Until here the prompt has held the signals; from here on the console does.
    if let Some(signal) = prompt.ended() {
        return Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    }
    run_console(options, &collector, log, &world.clock)?;
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(0)
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
fn for_one_collection(fleet: &Fleet) -> Fleet {
    let mut fleet = fleet.clone();
    for host in &mut fleet.hosts {
        host.poll.interval = host.poll.interval.min(Duration::from_secs(1));
    }
    fleet
}

fn check_file_limit(hosts: usize) -> Result<()> {
    let need = hosts as u64 + 64;
    match raise_file_limit() {
        Some(limit) if limit < need => Err(Failure::Config(format!(
            "{hosts} hosts need {need} open files, but the limit is {limit}; raise it (ulimit -Hn) or select fewer hosts"
        ))),
        _ => Ok(()),
    }
}

async fn run_batch(what: Batch, options: &Options, mut collector: Collector, picked: &[String]) -> Result<u8> {
    let format = match (options.json, options.tsv) {
        (true, _) => Format::Json,
        (_, true) => Format::Tsv,
        _ => Format::Text,
    };
    if what == Batch::Watch {
        let concerns = |view: &FleetView, finding: &crate::verdict::Finding| {
            picked.len() == view.hosts.len() || picked.iter().any(|host| finding.concerns(host))
        };
        let events = batch::watch::run(&mut collector, concerns, format);
        let ended = tokio::select! {
            ended = events => ended,
            () = interrupted() => Ok(()),
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
        () = interrupted() => return Ok(130),
    };
    let status = Status::new(&view, &wanted(&view));
    let text = match what {
        Batch::Findings => batch::status::render_findings(&status, format),
        Batch::Status | Batch::Watch => batch::status::render(&status, format),
    };
    batch::print(&text)?;
    Ok(batch::worst(&status).exit_code())
}

/// Returns at SIGINT or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

fn run_console(options: &Options, collector: &Collector, log: LogBook, clock: &Clock) -> Result<()> {
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

/// The user's directory for settings.
fn config_dir() -> Option<PathBuf> {
    std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
        .map(|config| config.join("pointsman"))
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

/// The demo tells a different day each time, and the same one when asked to.
fn demo_seed() -> u64 {
    std::env::var("POINTSMAN_DEMO_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}

/// The simulation's clock: the program's own.
fn simulation_clock(clock: &Clock) -> simulate::Clock {
    let clock = clock.clone();
    Arc::new(move || Duration::from_millis(clock.now().0))
}

fn discover(options: &Options, hosts: &[String], log: LogBook) -> Result<u8> {
    let fleet = Arc::new(for_one_collection(&bare_fleet(hosts)));
    let runtime = runtime()?;
    let _context = runtime.enter();
    let count = fleet.hosts.len();
    let clock = Clock::system();
    let ssh = ssh_remote(&options.ssh, &log, &clock, true, &mut Prompt::default());
    let mut collector = Collector::start(Sources {
        fleet,
        ssh: Arc::new(ssh),
        local: Arc::new(LocalRemote),
        log,
        clock,
        reload: None,
        single_look: true,
    });
    let limit = options.timeout.unwrap_or(COLLECTION_LIMIT);
    let view = runtime.block_on(batch::collect_once(&mut collector, &vec![true; count], limit));
    let mut found = Vec::new();
    let mut missing = 0;
    for (host, text) in view.hosts.iter().zip(hosts) {
        if let Some(snapshot) = &host.snapshot {
            found.push((text.clone(), (**snapshot).clone()));
        } else {
            missing += 1;
            let status = Status::new(&view, &batch::only(&view, host.name.as_str()));
            let reason = status.hosts.first().and_then(|host| host.reason.clone());
            let text = CleanText::new(text);
            eprintln!("pointsman: {text}: {}", reason.unwrap_or_default());
        }
    }
    batch::print(&draft::draft(&found))?;
    Ok(if missing > 0 { 3 } else { 0 })
}

/// A fleet of hosts of which nothing is known but how to reach them.
fn bare_fleet(hosts: &[String]) -> Fleet {
    let hosts = hosts
        .iter()
        .map(|text| {
            let (user, rest) = match text.split_once('@') {
                Some((user, rest)) => (Some(user.to_owned()), rest),
                None => (None, text.as_str()),
            };
            let (address, port) = match rest.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
                Some((name, Ok(port))) if !name.contains(':') => (name, Some(port)),
                _ => (rest, None),
            };
            let mut host = Host::new(text, address);
            host.user = user;
            host.port = port;
            if text == "localhost" {
                host.reach = ReachBy::Local;
            }
            host.mysql = Some(fleet::MysqlAccess::default());
            host
        })
        .collect();
    Fleet::new(
        "discovered".to_owned(),
        None,
        fleet::Poll::default(),
        hosts,
        Vec::new(),
        Vec::new(),
    )
}
