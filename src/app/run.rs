//! Runbooks and their runs on the command line.

use super::{
    COLLECTION_LIMIT, Failure, Result,
    facts::Collected,
    process::{check_file_limit, runtime},
    runbooks,
    watch::{World, interrupted, world},
};
use crate::{
    batch::{self, Format, run as show},
    cli::{AuditCommand, Batch, Cli, Options, RunbookCommand},
    collect::Clock,
    conduct::{Again, Denied, Desk, Drawn, Handle, Progress, SshTargets, claims_named_since, report, who},
    fleet::{Fleet, diagnostic, instead},
    mode::{Mode, ReadWrite},
    passphrase::Prompt,
    rehearse::Journal,
    remote::log::LogBook,
    runbook::{
        definition::Definition,
        plan::{Glass, Rule},
        planner::{
            self, Wish,
            catalogue::{self, Library},
        },
    },
    store::{Store, StoreError, Verified},
};
use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Runs that `--batch runs` prints at most.
const RUNS: u32 = 200;
/// What is said of a run that is left open where nothing is kept.
const ENDS: &str = "the demo's hosts and its journal end with this process: the run cannot be gone on with";

/// `pointsman runbook …`.
pub(super) fn runbook(options: &Options, what: &RunbookCommand) -> Result<u8> {
    match what {
        RunbookCommand::List => {
            let (library, mistakes) = runbooks::library(options);
            let all: Vec<&Definition> = library.all().collect();
            batch::print(&show::catalogue(&all))?;
            if !mistakes.is_empty() {
                return Err(Failure::Config(diagnostic::render(&mistakes)));
            }
        }
        RunbookCommand::Show { name } => {
            let built_in = catalogue::BUILT_IN
                .iter()
                .zip(catalogue::all())
                .find(|(_, definition)| definition.name == *name)
                .map(|((_, text), _)| (*text).to_owned());
            let (library, _) = runbooks::library(options);
            let own = || library.own().iter().find(|own| own.definition.name == *name);
            let text = built_in.or_else(|| own().map(|own| own.text.clone()));
            batch::print(&text.ok_or_else(|| no_runbook(&library, name))?)?;
        }
        RunbookCommand::Check { file } => {
            let definition = own(file)?;
            batch::print(&format!(
                "{}: {}, {} steps, {} checks: no mistakes\n",
                file.display(),
                definition.name,
                definition.steps.len(),
                definition.checks.len()
            ))?;
        }
    }
    Ok(0)
}

/// `pointsman audit …`.
pub(super) fn audit(options: &Options, what: &AuditCommand) -> Result<u8> {
    let AuditCommand::Verify { .. } = what;
    let store = store(&state_dir(options)?)?;
    Ok(match store.verify().map_err(|error| store_failure(&error))? {
        Verified::Whole { rows, head } => {
            batch::print(&format!(
                "the audit log is whole: {rows} rows, the last hash is {head}\n"
            ))?;
            0
        }
        Verified::Broken { seq, why } => {
            batch::print(&format!("the audit log is broken at row {seq}: {why}\n"))?;
            1
        }
    })
}

/// `--batch plan`, `run`, `resume`, `cancel`, `runs` and `report`.
pub(super) fn run(cli: &Cli, what: Batch, log: &LogBook) -> Result<u8> {
    let options = &cli.options;
    let Mode::ReadWrite(permission) = Mode::new(options.read_only, options.wall) else {
        return Err(Failure::Usage(
            "with --read-only there are no runs: nothing can be planned, run, resumed, cancelled, listed or reported"
                .to_owned(),
        ));
    };
    if keeps_nothing(options) && matches!(what, Batch::Runs | Batch::Report | Batch::Resume | Batch::Cancel) {
        return Err(Failure::Usage(
            "the hosts and the journal of a demo end with it, so it has no earlier runs; --state-dir DIR keeps its journal"
                .to_owned(),
        ));
    }
    let again = again(options);
    match what {
        Batch::Runs => {
            no_words(&cli.selectors)?;
            let runs = store(&state_dir(options)?)?
                .runs(RUNS)
                .map_err(|error| store_failure(&error))?;
            say(&again, &show::runs(&runs, format(options)), format(options))?;
            return Ok(0);
        }
        Batch::Report => {
            let store = store(&state_dir(options)?)?;
            let made = report::make(&store, one_run(&cli.selectors)?).map_err(|error| store_failure(&error))?;
            let text = match format(options) {
                Format::Json => report::json(&made),
                _ => report::markdown(&made),
            };
            say(&again, &text, format(options))?;
            return Ok(0);
        }
        _ => {}
    }
    if options.tsv {
        return Err(Failure::Usage("runs are printed as text or with --json".to_owned()));
    }
    let order = Asked::read(cli, what)?;
    let runtime = runtime()?;
    // The clock, the simulation and the connections use the runtime.
    let context = runtime.enter();
    let mut prompt = Prompt::default();
    let world = world(options, log, &mut prompt)?;
    check_file_limit(world.fleet.hosts.len())?;
    if let Asked::Plan(wish) | Asked::Run(wish, ..) = &order {
        fits(&world.fleet, wish)?;
    }
    // It goes once nothing is written into it any more.
    let passing = keeps_nothing(options).then(passing_journal).transpose()?;
    let journal = match &passing {
        Some(journal) => Arc::clone(journal.store()),
        None => Arc::new(store(&state_dir(options)?)?),
    };
    let limit = options.timeout.unwrap_or(COLLECTION_LIMIT);
    let shows = Collected::over(&world.fleet, &world.ssh, log, &world.clock, limit);
    let desk = desk(&permission, &world, journal).knowing(Arc::new(shows));
    drop(context);
    let voice = Voice {
        format: format(options),
        again,
        ends: keeps_nothing(options),
    };
    let code = runtime.block_on(carry_out(&desk, order, &voice));
    // Connections that hang must not hold up the end; every run has ended or was left by now.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

/// How this process speaks.
struct Voice {
    format: Format,
    again: Again,
    /// Whether hosts and journal end with the process: then nothing can be gone on with.
    ends: bool,
}

/// Prints a text whose commands work as they are printed.
fn say(again: &Again, text: &str, format: Format) -> Result<()> {
    let text = match format {
        Format::Json => again.json(text),
        _ => again.text(text),
    };
    batch::print(&text)?;
    Ok(())
}

/// How a later call is about the same fleet and the same journal.
pub(super) fn again(options: &Options) -> Again {
    let mut words = Vec::new();
    if options.demo {
        words.push("--demo".to_owned());
    }
    for (flag, path) in [
        ("-i", &options.inventory),
        ("--state-dir", &options.runs.state_dir),
        ("--ssh-config", &options.ssh.ssh_config),
    ] {
        if let Some(path) = path {
            words.extend([flag.to_owned(), path.display().to_string()]);
        }
    }
    Again::with(words.iter().map(String::as_str))
}

/// Whether the journal ends with the process: that of a demo, whose hosts end with it too. A run that was left there
/// could never be gone on with.
pub(super) const fn keeps_nothing(options: &Options) -> bool {
    options.demo && options.runs.state_dir.is_none()
}

/// The journal of a demo, for as long as the process lives.
pub(super) fn passing_journal() -> Result<Journal> {
    Journal::new(&std::env::temp_dir(), "demo").map_err(|error| store_failure(&error))
}

/// The desk of this process.
fn desk(permission: &ReadWrite, world: &World, store: Arc<Store>) -> Desk {
    let clock: Clock = world.clock.clone();
    let now: crate::conduct::Now = Arc::new(move || clock.now());
    let targets = SshTargets::new(
        permission,
        Arc::clone(&world.fleet),
        Arc::clone(&world.ssh),
        Arc::clone(&now),
    );
    Desk::new(Arc::clone(&world.fleet), Arc::new(targets), store, now, who())
}

/// A line for each run that was left in its middle, or that may have left claims, for a front end that starts. Nothing
/// where there is no journal yet, or where it cannot be read: a console must start all the same.
pub(super) fn unfinished(options: &Options) -> Vec<String> {
    if keeps_nothing(options) {
        return Vec::new();
    }
    let again = again(options);
    let there = state_dir(options)
        .ok()
        .filter(|path| path.join(crate::store::FILE).exists());
    let Some(store) = there.and_then(|path| Store::open(&path).ok()) else {
        return Vec::new();
    };
    let now = crate::remote::ssh::system_clock()();
    let mut runs = store.unfinished().unwrap_or_default();
    runs.extend(store.claiming(claims_named_since(now)).unwrap_or_default());
    runs.iter().map(|run| again.text(&show::unfinished(run))).collect()
}

/// What is asked for on the command line.
enum Asked {
    Plan(Box<Wish>),
    Run(Box<Wish>, String, Option<String>, Vec<String>),
    Resume(String, bool, Option<String>, Vec<Glass>, Vec<String>),
    Cancel(String),
}

impl Asked {
    fn read(cli: &Cli, what: Batch) -> Result<Self> {
        let args = &cli.options.runs;
        let answer = args.answer.clone();
        let over = args.take_over.clone();
        let begins = matches!(what, Batch::Run | Batch::Resume) && !args.dry_run;
        if !over.is_empty() && !begins {
            return Err(Failure::Usage(
                "--take-over goes with --batch run and resume".to_owned(),
            ));
        }
        Ok(match what {
            Batch::Resume => Self::Resume(one_run(&cli.selectors)?.to_owned(), args.back, answer, glass(cli), over),
            Batch::Cancel => Self::Cancel(one_run(&cli.selectors)?.to_owned()),
            Batch::Run if !args.dry_run => {
                let hash = args.yes.clone().ok_or_else(|| {
                    Failure::Usage(
                        "a run needs consent to its plan: --yes=HASH, with the hash that `--batch plan` prints; or --dry-run"
                            .to_owned(),
                    )
                })?;
                Self::Run(Box::new(wish(cli)?), hash, answer, over)
            }
            _ => Self::Plan(Box::new(wish(cli)?)),
        })
    }
}

pub(super) fn wish(cli: &Cli) -> Result<Wish> {
    let (name, words) = cli.selectors.split_first().ok_or_else(|| {
        Failure::Usage(
            "name a runbook and its parameters, such as slice-move slice=web1; see `pointsman runbook list`".to_owned(),
        )
    })?;
    let path = Path::new(name);
    let definition = if name.contains('/') || path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
        own(path)?
    } else {
        named(&cli.options, name)?
    };
    let mut parameters = BTreeMap::new();
    for word in words {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("{word:?} is no parameter: give NAME=VALUE")))?;
        if parameters.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::Usage(format!("the parameter {name} is given twice")));
        }
    }
    Ok(Wish {
        definition,
        parameters,
        glass: glass(cli),
        alike: Vec::new(),
        weak: BTreeMap::new(),
        last: None,
    })
}

/// Parameters that no runbook takes are a wrong command line: no host is asked, and nothing is refused.
pub(super) fn fits(fleet: &Fleet, wish: &Wish) -> Result<()> {
    let misfits = planner::misfits(fleet, wish);
    if misfits.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = misfits.iter().map(ToString::to_string).collect();
    Err(Failure::Usage(lines.join("\n")))
}

/// What was named in full on the command line.
fn glass(cli: &Cli) -> Vec<Glass> {
    let by = who();
    let args = &cli.options.runs;
    let flags = [
        (Rule::Force, &args.force),
        (Rule::Discard, &args.discard),
        (Rule::AssertOff, &args.assert_off),
    ];
    let named = flags.into_iter().flat_map(|(rule, names)| {
        let by = by.clone();
        names.iter().map(move |resource| Glass {
            rule,
            resource: resource.clone(),
            by: by.clone(),
        })
    });
    named.collect()
}

async fn carry_out(desk: &Desk, asked: Asked, voice: &Voice) -> Result<u8> {
    let format = voice.format;
    outlive_the_terminal();
    let mut left = desk.unfinished().await.map_err(|denied| denied_failure(&denied))?;
    left.extend(desk.claiming().await.map_err(|denied| denied_failure(&denied))?);
    for run in left {
        // Nobody may be left to read it.
        let text = voice.again.text(&show::unfinished(&run));
        let _ = writeln!(std::io::stderr(), "pointsman: {text}");
    }
    let begun = match asked {
        Asked::Plan(wish) => {
            return match desk.plan(*wish).await {
                Ok(drawn) => planned(&drawn, format),
                Err(refusals) => denied(&Denied::Refused(refusals), voice),
            };
        }
        Asked::Run(wish, hash, answer, over) => {
            let begun = desk.run_over(*wish, &hash, &over).await;
            begun.map(|handle| (handle, answer))
        }
        Asked::Resume(run, back, answer, named, over) => {
            let back = back.then(|| desk.who().to_owned());
            let resumed = desk.resume_over(&run, back, &named, &over).await;
            resumed.map(|handle| (handle, answer))
        }
        Asked::Cancel(run) => match desk.cancel(&run).await {
            Ok(Some(handle)) => Ok((handle, None)),
            Ok(None) => {
                let displaced = desk.store().run(&run).ok().and_then(|run| run.displaced);
                batch::print(&show::told(&run, displaced.as_deref(), format))?;
                return Ok(0);
            }
            Err(why) => Err(why),
        },
    };
    match begun {
        Ok((handle, answer)) => follow(desk, handle, answer, voice).await,
        Err(why) => denied(&why, voice),
    }
}

/// Prints what happens until the run is over, is left, or asks what nobody has answered.
async fn follow(desk: &Desk, mut handle: Handle, answer: Option<String>, voice: &Voice) -> Result<u8> {
    let format = voice.format;
    let run = handle.run().to_owned();
    let mut printer = show::Printer::new(format);
    let mut answer = answer;
    let mut progress = handle.progress();
    let mut interrupted = std::pin::pin!(interrupted());
    let last: Progress = loop {
        let now = progress.borrow_and_update().clone();
        // A full disk or a lost terminal behind the output is no reason to leave a run in its middle: it goes on to its
        // end, and the exit code says how that was.
        let _ = say(&voice.again, &printer.news(&now), format);
        if now.end.is_some() || now.left {
            break handle.finish().await;
        }
        if now.question.is_some() {
            match answer.take() {
                Some(word) => handle.answer(desk.who(), &word),
                None => break handle.leave().await,
            }
            // The question is taken away before the next one can come.
            drop(progress.wait_for(|progress| progress.question.is_none()).await);
            continue;
        }
        tokio::select! {
            changed = progress.changed() => if changed.is_err() {
                break handle.wait().await;
            },
            () = &mut interrupted => break handle.leave().await,
        }
    };
    let _ = say(&voice.again, &printer.news(&last), format);
    let next = show::next(&run, &last).map(|next| match (&last.asked, voice.ends) {
        (_, false) => next,
        (None, true) => ENDS.to_owned(),
        (Some(question), true) => format!("it asked: {}\n(--answer with the run answers)\n{ENDS}", question.text),
    });
    let _ = say(
        &voice.again,
        &show::ended_with(&run, &last, next.as_deref(), format),
        format,
    );
    Ok(show::exit_code(&last))
}

/// A run goes on when the terminal that it was started from is lost: from here on, SIGHUP does nothing. Once it is
/// listened for, the process is not ended by it any more, whether somebody listens or not.
fn outlive_the_terminal() {
    use tokio::signal::unix::{SignalKind, signal};
    drop(signal(SignalKind::hangup()));
}

fn planned(drawn: &Drawn, format: Format) -> Result<u8> {
    batch::print(&show::plan(&drawn.plan, format))?;
    Ok(0)
}

fn denied(why: &Denied, voice: &Voice) -> Result<u8> {
    if let Denied::Store(error) = why
        && !matches!(error, StoreError::Driven { .. } | StoreError::NoRun(_))
    {
        return Err(store_failure(error));
    }
    say(&voice.again, &show::denied(why, voice.format), voice.format)?;
    Ok(why.exit_code())
}

pub(super) fn denied_failure(why: &Denied) -> Failure {
    match why {
        Denied::Store(error) => store_failure(error),
        other => Failure::Config(format!("pointsman: {other}")),
    }
}

pub(super) fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Place { .. } => Failure::Config(format!("pointsman: {error}")),
        StoreError::NoRun(_) => Failure::Usage(format!("{error}; see --batch runs")),
        other => Failure::Other(color_eyre::Report::msg(other.to_string())),
    }
}

pub(super) fn store(place: &Path) -> Result<Store> {
    Store::open(place).map_err(|error| store_failure(&error))
}

/// Where the journal is. The demo's own is apart from that of real fleets.
pub(super) fn state_dir(options: &Options) -> Result<PathBuf> {
    if let Some(path) = &options.runs.state_dir {
        return Ok(path.clone());
    }
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .and_then(absolute)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    let own = state.ok_or_else(|| {
        Failure::Config("pointsman: no place for the journal: give one with --state-dir DIR".to_owned())
    })?;
    let own = own.join("pointsman");
    Ok(if options.demo { own.join("demo") } else { own })
}

fn own(path: &Path) -> Result<Definition> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Config(format!(
            "pointsman: cannot read the runbook {}: {error}",
            path.display()
        ))
    })?;
    catalogue::read(path, &text).map_err(|mistakes| Failure::Config(diagnostic::render(&mistakes)))
}

/// The runbook of that name: a built-in one, or one of those beside the inventory. One that cannot be used does not hide
/// the others, but may be the very one that is meant.
fn named(options: &Options, name: &str) -> Result<Definition> {
    if let Some(built_in) = catalogue::find(name) {
        return Ok(built_in.clone());
    }
    let (library, mistakes) = runbooks::library(options);
    match library.find(name) {
        Some(own) => Ok(own.clone()),
        None if mistakes.is_empty() => Err(no_runbook(&library, name)),
        None => Err(Failure::Config(diagnostic::render(&mistakes))),
    }
}

fn no_runbook(library: &Library, name: &str) -> Failure {
    let known = library.all().map(|known| known.name.as_str());
    Failure::Usage(format!("there is no runbook {name:?}; {}", instead(name, known)))
}

fn one_run(words: &[String]) -> Result<&str> {
    match words {
        [run] => Ok(run),
        _ => Err(Failure::Usage("name one run, as --batch runs prints it".to_owned())),
    }
}

fn no_words(words: &[String]) -> Result<()> {
    if words.is_empty() {
        Ok(())
    } else {
        Err(Failure::Usage("runs takes no further words".to_owned()))
    }
}

fn format(options: &Options) -> Format {
    if options.json { Format::Json } else { Format::Text }
}
