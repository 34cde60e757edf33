//! `pointsman rehearse`: runbooks on a simulated copy of the inventory.

use super::{
    COLLECTION_LIMIT, Failure, Result,
    facts::{Collected, Viewed},
    inventory::{inventory_path, load_fleet},
    process::{check_file_limit, runtime},
    run::{denied_failure, fits, store_failure, wish},
    watch::{interrupted, run_console},
};
use crate::{
    batch::{self, Format, rehearse as show, run as shown},
    cli::{Batch, Cli, Options, RehearseArgs, Then},
    collect::{Clock, Collector, Sources},
    conduct::{Denied, Desk, Handle, Now, Progress, report, who},
    console::{Acting, Acts, Asked, consent_word},
    fleet::Fleet,
    mode::{Mode, ReadWrite},
    rehearse::{Fault, Rehearsal},
    remote::{
        log::{Level, LogBook},
        quote::split,
    },
    runbook::{
        check::Refusal,
        plan::{Plan, Step},
        planner::{self, Wish, catalogue},
    },
    simulate::{REHEARSAL, Simulation},
    store::Store,
};
use std::{collections::VecDeque, io::IsTerminal as _, path::Path, sync::Arc, time::Duration};

/// Between two looks at what happened on the stage.
const NEWS_EVERY: Duration = Duration::from_millis(200);
/// In the console each step takes so long at least, if nothing else is asked for: a person follows there.
const PACE: Duration = Duration::from_secs(1);
/// Between the repair of everything and going on.
const REPAIRED: Duration = Duration::from_secs(3);
/// A side that is written all the time makes a plan stale while it is read: so often a new one is made.
const PLANS: u32 = 20;

/// Rehearses.
pub(super) fn rehearse(cli: &Cli, args: &RehearseArgs, log: LogBook) -> Result<u8> {
    let options = &cli.options;
    let permission = permitted(options)?;
    let faults = args.faults.iter().map(|text| Fault::parse(text));
    let faults: Vec<Fault> = faults.collect::<std::result::Result<_, _>>().map_err(Failure::Usage)?;
    let wish = if cli.selectors.is_empty() {
        None
    } else {
        Some(wish(cli)?)
    };
    let asked = args.batch || args.json || args.dry_run || options.batch.is_some();
    let in_batch = asked || !std::io::stdout().is_terminal();
    if in_batch && wish.is_none() {
        return Err(Failure::Usage(
            "name a runbook and its parameters, such as failover server=stor1 --fault=dead:stor1; see `pointsman runbook list`"
                .to_owned(),
        ));
    }
    let runtime = runtime()?;
    // The simulation runs on it.
    let context = runtime.enter();
    let clock = Clock::system();
    let real = real(options, &clock)?;
    check_file_limit(real.hosts.len())?;
    let now: Now = {
        let clock = clock.clone();
        Arc::new(move || clock.now())
    };
    let pace = args.pace.unwrap_or(if in_batch { Duration::ZERO } else { PACE });
    let rehearsal = Rehearsal::new(&permission, &real, args.seed, &now, pace, &std::env::temp_dir());
    let rehearsal = Arc::new(rehearsal.map_err(|error| store_failure(&error))?);
    if let Some(wish) = &wish {
        fits(rehearsal.fleet(), wish)?;
    }
    // From here on nothing knows the real fleet any more.
    drop(real);
    drop(context);
    let code = match wish {
        Some(wish) if in_batch => {
            let context = runtime.enter();
            let shows = shows(&rehearsal, &log, &clock, options.timeout.unwrap_or(COLLECTION_LIMIT));
            drop(context);
            let piece = Piece {
                desk: rehearsal.desk(who()).knowing(Arc::new(shows)),
                dry_run: args.dry_run || options.runs.dry_run || options.batch == Some(Batch::Plan),
                format: if args.json || options.json {
                    Format::Json
                } else {
                    Format::Text
                },
                rehearsal,
                args,
            };
            runtime.block_on(piece.play(&wish, &faults))
        }
        wish => {
            let practised = practised(wish.as_ref(), &faults);
            runtime.block_on(set(&rehearsal, wish, &faults))?;
            in_console(
                options,
                &permission,
                &rehearsal,
                log,
                &clock,
                runtime.handle(),
                practised,
            )
        }
    };
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

/// What a console on the copy would show.
fn shows(rehearsal: &Rehearsal, log: &LogBook, clock: &Clock, limit: Duration) -> Collected {
    let ssh = rehearsal.remote(log.clone());
    Collected {
        // There are no processes of this machine in a copy.
        local: Arc::clone(&ssh),
        ..Collected::over(&rehearsal.watched(), &ssh, log, clock, limit)
    }
}

fn permitted(options: &Options) -> Result<ReadWrite> {
    let refused = |why: &str| Err(Failure::Usage(why.to_owned()));
    if options.runs.state_dir.is_some() {
        return refused(
            "a rehearsal keeps nothing: its journal is in a temporary directory of its own; leave --state-dir out",
        );
    }
    match Mode::new(options.read_only, options.wall) {
        Mode::ReadWrite(permission) => Ok(permission),
        Mode::ReadOnly => refused("with --read-only or --wall nothing can be rehearsed"),
    }
}

/// The fleet that is copied.
fn real(options: &Options, clock: &Clock) -> Result<Arc<Fleet>> {
    if options.demo {
        let clock = clock.clone();
        let clock = Arc::new(move || Duration::from_millis(clock.now().0));
        return Ok(Arc::new(Simulation::calm(1, clock).fleet().clone()));
    }
    load_fleet(&inventory_path(options)?)
}

/// What is rehearsed and with which faults, in words for every page; and the plan that the console begins with, where the
/// runbook is one that it can make plans of.
fn practised(wish: Option<&Wish>, faults: &[Fault]) -> Option<(String, Option<Asked>)> {
    let mut words = Vec::new();
    if let Some(wish) = wish {
        let given = wish.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let name = std::iter::once(wish.definition.name.clone());
        words.push(name.chain(given).collect::<Vec<_>>().join(" "));
    }
    if !faults.is_empty() {
        let list: Vec<String> = faults.iter().map(Fault::to_string).collect();
        words.push(format!("faults: {}", list.join(" ")));
    }
    if words.is_empty() {
        return None;
    }
    let asked = wish.filter(|wish| catalogue::find(&wish.definition.name) == Some(&wish.definition));
    let asked = asked.map(|wish| Asked {
        runbook: wish.definition.name.clone(),
        parameters: wish.parameters.clone(),
        glass: wish
            .glass
            .iter()
            .map(|glass| (glass.rule, glass.resource.clone()))
            .collect(),
        over: Vec::new(),
        alike: Vec::new(),
        weak: std::collections::BTreeMap::new(),
        last: None,
        word: consent_word(&wish.definition, &wish.parameters),
    });
    Some((format!("{REHEARSAL} of {}", words.join(" · ")), asked))
}

/// Before the console opens: what is named has to be there; then the faults that happen at once, and those of the next
/// run of this runbook.
async fn set(rehearsal: &Rehearsal, wish: Option<Wish>, faults: &[Fault]) -> Result<()> {
    if let Some(wish) = &wish {
        planner::looks(rehearsal.fleet(), wish).map_err(|refusals| {
            let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
            Failure::Usage(lines.join("\n"))
        })?;
    }
    rehearsal.begin(faults).map_err(Failure::Usage)?;
    let Some(fault) = faults.iter().find(|fault| fault.at.is_some()) else {
        return Ok(());
    };
    let Some(wish) = wish else {
        return Err(Failure::Usage(format!("{fault}: name the runbook whose step that is")));
    };
    let drawn = rehearsal.desk(who()).plan(wish.clone()).await.map_err(|refusals| {
        let mut lines = vec![format!("{fault}: there is no plan whose step that could be:")];
        lines.extend(refusals.iter().map(ToString::to_string));
        lines.extend(rehearsal.hints(&wish));
        Failure::Usage(lines.join("\n"))
    })?;
    rehearsal.expect(faults, &drawn.plan).map_err(Failure::Usage)
}

/// One rehearsal that is printed.
struct Piece<'a> {
    rehearsal: Arc<Rehearsal>,
    desk: Desk,
    format: Format,
    dry_run: bool,
    args: &'a RehearseArgs,
}

impl Piece<'_> {
    async fn play(&self, wish: &Wish, faults: &[Fault]) -> Result<u8> {
        self.say(&show::opening(&self.rehearsal, self.args.seed, faults, self.format))?;
        self.rehearsal.begin(faults).map_err(Failure::Usage)?;
        self.news()?;
        let drawn = match self.desk.plan(wish.clone()).await {
            Ok(drawn) => drawn,
            Err(refusals) => return self.denied(&Denied::Refused(refusals), wish),
        };
        self.rehearsal.expect(faults, &drawn.plan).map_err(Failure::Usage)?;
        self.say(&shown::plan(&drawn.plan, self.format))?;
        if self.dry_run {
            return Ok(0);
        }
        if let Some(refusal) = not_played(&drawn.plan) {
            return self.denied(&Denied::Refused(vec![refusal]), wish);
        }
        if self.format == Format::Text {
            self.say("\n")?;
        }
        let handle = match self.begin(wish, drawn.plan.hash).await {
            Ok(handle) => handle,
            Err(why) => return self.denied(&why, wish),
        };
        let mut answers: VecDeque<String> = self.args.answers.iter().cloned().collect();
        let run = handle.run().to_owned();
        let mut last = self.follow(handle, &mut answers).await?;
        if let (Some(then), true) = (self.args.then, self.rehearsal.is_open(&run)) {
            if self.format == Format::Text {
                self.say("\n")?;
            }
            self.rehearsal.mend();
            self.news()?;
            // A host that did not answer just now is not tried again at once.
            tokio::time::sleep(REPAIRED).await;
            let back = (then == Then::Back).then(|| self.desk.who().to_owned());
            match self.desk.resume_named(&run, back, &wish.glass).await {
                Ok(handle) => last = self.follow(handle, &mut answers).await?,
                Err(why) => return self.denied(&why, wish),
            }
        }
        self.report(&run)?;
        Ok(shown::exit_code(&last))
    }

    /// Begins the plan that was printed, or one that differs by what was written meanwhile.
    async fn begin(&self, wish: &Wish, mut hash: String) -> std::result::Result<Handle, Denied> {
        let mut left = PLANS;
        loop {
            match self.desk.run(wish.clone(), &hash).await {
                Err(Denied::Stale { now, .. }) if left > 0 => hash = now,
                other => return other,
            }
            left -= 1;
        }
    }

    /// Prints what happens until the run is over, is left, or asks what nobody has answered.
    async fn follow(&self, mut handle: Handle, answers: &mut VecDeque<String>) -> Result<Progress> {
        let run = handle.run().to_owned();
        let mut printer = shown::Printer::new(self.format);
        let mut progress = handle.progress();
        let mut interrupted = std::pin::pin!(interrupted());
        let last = loop {
            let now = progress.borrow_and_update().clone();
            self.news()?;
            self.say(&printer.news(&now))?;
            if now.end.is_some() || now.left {
                break handle.finish().await;
            }
            if now.question.is_some() {
                match answers.pop_front() {
                    Some(word) => handle.answer(self.desk.who(), &word),
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
                () = tokio::time::sleep(NEWS_EVERY) => {}
            }
        };
        self.news()?;
        self.say(&printer.news(&last))?;
        self.say(&show::missed(&self.rehearsal.missed(), self.format))?;
        self.say(&show::ended(&run, &last, self.format))?;
        self.say(&show::hints(&self.rehearsal.hints_after(&last), self.format))?;
        Ok(last)
    }

    fn denied(&self, why: &Denied, wish: &Wish) -> Result<u8> {
        if matches!(why, Denied::Store(_)) {
            return Err(denied_failure(why));
        }
        self.news()?;
        self.say(&shown::denied(why, self.format))?;
        self.say(&show::hints(&self.rehearsal.hints(wish), self.format))?;
        Ok(why.exit_code())
    }

    fn report(&self, run: &str) -> Result<()> {
        let Some(path) = &self.args.report else {
            return Ok(());
        };
        let made = report::make(self.rehearsal.journal(), run).map_err(|error| store_failure(&error))?;
        let text = if path.extension().is_some_and(|end| end == "json") {
            show::report(&report::json(&made), Format::Json)
        } else {
            show::report(&report::markdown(&made), Format::Text)
        };
        write(path, &text)
    }

    fn news(&self) -> Result<()> {
        self.say(&show::told(&self.rehearsal.news(), self.format))
    }

    fn say(&self, text: &str) -> Result<()> {
        batch::print(&show::marked(text, self.format))?;
        Ok(())
    }
}

/// Why a plan cannot be played: the copy has the programs of the built-in runbooks, and those of no site.
fn not_played(plan: &Plan) -> Option<Refusal> {
    let programs = plan.steps.iter().flat_map(own_programs);
    let program = programs.into_iter().find(|program| !Simulation::plays(program))?;
    Some(Refusal::new(
        format!("{program} is a command of your own: the copy does not have it, and nobody else's is run in its place"),
        "`pointsman runbook check` and `--batch plan` tell whether the runbook is sound; --dry-run prints its plan on the copy; \
         or give parameters by which the steps with it are left out",
    ))
}

/// The programs that a step of one's own runs, or looks by.
fn own_programs(step: &Step) -> Vec<String> {
    let words = ["run", "proof", "needs", "undo"].into_iter().filter_map(|name| {
        let text = step.call.with.get(name).filter(|_| step.call.action == "command")?;
        split(text)?.into_iter().next()
    });
    words.collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| {
        Failure::Config(format!(
            "pointsman: cannot write the report {}: {error}",
            path.display()
        ))
    })
}

/// What acts in the console: the rehearsal, and nothing else.
struct Practice(Arc<Rehearsal>, tokio::runtime::Handle, Arc<Viewed>);

impl Acting for Practice {
    fn desk(&self, _: Arc<Fleet>) -> std::result::Result<Desk, String> {
        let shows = Arc::clone(&self.2);
        Ok(self.0.desk(who()).knowing(shows))
    }

    fn journal(&self) -> std::result::Result<Option<Arc<Store>>, String> {
        Ok(Some(Arc::clone(self.0.journal())))
    }

    fn fault(&self, text: &str) -> std::result::Result<String, String> {
        let fault = Fault::parse(text)?;
        if fault.at.is_some() {
            return Err(format!(
                "{fault}: in the console a fault happens at once, without @STEP"
            ));
        }
        // One that is over after a time needs the runtime's timer.
        let _context = self.1.enter();
        self.0.happens(&fault)?;
        Ok(format!("FAULT {fault}"))
    }
}

fn in_console(
    options: &Options,
    permission: &ReadWrite,
    rehearsal: &Arc<Rehearsal>,
    log: LogBook,
    clock: &Clock,
    runtime: &tokio::runtime::Handle,
    practised: Option<(String, Option<Asked>)>,
) -> Result<u8> {
    let context = runtime.enter();
    let remote = rehearsal.remote(log.clone());
    let collector = Collector::start(Sources {
        fleet: rehearsal.watched(),
        ssh: Arc::clone(&remote),
        // There are no processes of this machine in a copy.
        local: remote,
        log: log.clone(),
        clock: clock.clone(),
        reload: None,
        single_look: false,
    });
    drop(context);
    for text in rehearsal.not_played() {
        log.note(clock.now(), Level::Info, None, format!("not played: {text}"));
    }
    let (stage, book) = (Arc::clone(rehearsal), log.clone());
    runtime.spawn(async move {
        loop {
            for told in stage.news() {
                book.note(told.at, Level::Warning, None, format!("FAULT {}", told.text));
            }
            tokio::time::sleep(NEWS_EVERY).await;
        }
    });
    let shows = Arc::new(Viewed(collector.view.clone()));
    let practice = Practice(Arc::clone(rehearsal), runtime.clone(), shows);
    let acts = Acts::new(permission, Arc::new(practice), runtime.clone()).passing(true);
    run_console(options, &collector, log, clock, Some(acts), practised)?;
    Ok(0)
}
