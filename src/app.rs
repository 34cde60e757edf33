//! Puts the rooms together: what each command of the command line does.

mod acts;
mod discover;
mod facts;
mod failslow;
mod info;
mod inventory;
mod paced;
mod process;
mod rehearse;
mod run;
mod runbooks;
mod watch;

use crate::{
    batch,
    cli::{Batch, Cli, Command, Options, SshArgs},
    collect::Clock,
    fleet,
    passphrase::Prompt,
    remote::{
        half,
        log::LogBook,
        ssh::{HostKeyPolicy, Identity, SshOptions, SshRemote},
        ssh_config,
    },
};
use clap::CommandFactory as _;
use inventory::{inventory_path, load_fleet};
use std::{sync::Arc, time::Duration};

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
    process::without_core_dumps();
    process::start_log_file(cli.options.log.as_deref())?;
    match &cli.command {
        Some(Command::Check { file, .. }) => inventory::check(&cli.options, file.as_deref()),
        Some(Command::Schema { status: false }) => print(&fleet::schema()),
        Some(Command::Schema { status: true }) => print(&batch::report::schema()),
        Some(Command::ProbeScript { host, sudoers, .. }) => {
            probe_script(&cli.options, host.as_deref(), sudoers.as_deref())
        }
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pointsman", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
        Some(Command::Man) => print(&man_page()?),
        Some(Command::Info { .. }) => info::info(&cli.options),
        Some(Command::Discover { hosts, .. }) => discover::discover(&cli.options, hosts, log),
        Some(Command::Runbook { what }) => run::runbook(&cli.options, what),
        Some(Command::Rehearse(args)) => rehearse::rehearse(cli, args, log),
        Some(Command::Audit { what }) => run::audit(&cli.options, what),
        None if cli.options.batch == Some(Batch::Failslow) => failslow::failslow(cli),
        None => match cli.options.batch.filter(|what| what.is_about_runs()) {
            Some(what) => run::run(cli, what, &log),
            None => watch::watch(cli, log),
        },
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

/// The `ssh_config` files in force: the one named on the command line, else the one that the inventory names,
/// else those that `ssh` reads by itself.
fn ssh_config_mode(args: &SshArgs, fleet: Option<&fleet::Fleet>) -> ssh_config::Mode {
    // As a whole path, so that no name means anything else to `ssh -F` (`none` would).
    let named = fleet.and_then(|fleet| fleet.ssh_config.as_ref());
    let named = named.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    args.ssh_config
        .clone()
        .or(named)
        .map_or(ssh_config::Mode::AskSsh, ssh_config::Mode::File)
}

/// The way over SSH; encrypted keys are asked for now, unless nobody is there to answer.
fn ssh_remote(
    args: &SshArgs,
    mode: ssh_config::Mode,
    log: &LogBook,
    clock: &Clock,
    batch: bool,
    prompt: &mut Prompt,
) -> SshRemote {
    let remote = SshRemote::new(SshOptions {
        log: log.clone(),
        host_key_policy: if args.accept_new {
            HostKeyPolicy::AcceptNew
        } else {
            HostKeyPolicy::Strict
        },
        identities: args.identity.iter().cloned().map(Identity::File).collect(),
        config: mode,
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
