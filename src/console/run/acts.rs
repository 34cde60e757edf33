//! What acts, for the loop: plans, runs and the journal. All of it waits on the runtime that the collector runs on, and
//! comes back as messages; a key never waits for it.

use super::super::{
    runbooks::{
        offers::Asked,
        runs::{RunLine, Steer},
    },
    update::{Effect, Msg},
};
use crate::{
    conduct::{Again, Denied, Desk, Drawn, Handle, Needed, Progress, report},
    fleet::Fleet,
    mode::ReadWrite,
    runbook::{
        check::Refusal,
        engine::End,
        plan::{Glass, Rule},
        planner::{Wish, catalogue::Library},
    },
    store::Store,
    verdict::Severity,
};
use std::sync::Arc;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

/// Runs that are listed.
const RUNS: u32 = 60;

/// Where plans and runs are made, and where the journal is.
pub trait Acting: Send + Sync + 'static {
    /// A desk for the inventory in force; the journal is made where there is none. Blocks.
    ///
    /// # Errors
    /// Why the journal cannot be opened.
    fn desk(&self, fleet: Arc<Fleet>) -> Result<Desk, String>;

    /// The journal, if there is one. Blocks.
    ///
    /// # Errors
    /// Why it cannot be opened.
    fn journal(&self) -> Result<Option<Arc<Store>>, String>;

    /// Lets a fault happen, as `--fault` of a rehearsal names it; what happened, in words.
    ///
    /// # Errors
    /// Why it cannot happen: always, where nothing is rehearsed.
    fn fault(&self, text: &str) -> Result<String, String> {
        Err(format!("{text}: this is no rehearsal; see pointsman rehearse --help"))
    }
}

/// What a console needs to act. It cannot be made without the permission.
pub struct Acts {
    acting: Arc<dyn Acting>,
    runtime: tokio::runtime::Handle,
    again: Again,
    passing: bool,
    library: Arc<Library>,
}

impl Acts {
    /// For a process that may act; runs are driven on `runtime`, which has to outlive the console.
    #[must_use]
    pub fn new(_permission: &ReadWrite, acting: Arc<dyn Acting>, runtime: tokio::runtime::Handle) -> Self {
        Self {
            acting,
            runtime,
            again: Again::default(),
            passing: false,
            library: Arc::default(),
        }
    }

    /// The same, with runbooks of one's own.
    #[must_use]
    pub fn knowing(self, library: Arc<Library>) -> Self {
        Self { library, ..self }
    }

    /// The runbooks that it knows.
    #[must_use]
    pub fn library(&self) -> Arc<Library> {
        Arc::clone(&self.library)
    }

    /// The same over hosts that are simulated in this process and end with it, as their journal does.
    #[must_use]
    pub fn passing(self, passing: bool) -> Self {
        Self { passing, ..self }
    }

    /// Whether the hosts end with the process.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        self.passing
    }

    /// The same, where commands in hints need options to be about this fleet and this journal.
    #[must_use]
    pub fn again(self, again: Again) -> Self {
        Self { again, ..self }
    }
}

/// What came of something.
enum Acted {
    Drawn(u64, Result<Box<(Drawn, Desk)>, Vec<Refusal>>),
    Began(Result<Option<Handle>, Vec<Refusal>>),
    Runs(Result<Vec<RunLine>, String>),
    Report(String, Result<String, String>),
    Fault(Result<String, String>),
}

/// The acting half of the loop.
pub(super) struct Actor {
    acts: Acts,
    acted: mpsc::UnboundedReceiver<Acted>,
    tell: mpsc::UnboundedSender<Acted>,
    making: Option<(u64, AbortHandle)>,
    /// A plan that can be consented to, and the desk whose connections it was made over.
    drawn: Option<(u64, Box<(Drawn, Desk)>)>,
    /// The runs that it takes over.
    over: Vec<String>,
    run: Option<Handle>,
    who: String,
    progress: Option<watch::Receiver<Progress>>,
    reading: bool,
}

impl Actor {
    pub fn new(acts: Acts) -> Self {
        // Each effect gives one answer at most, and effects come from keys and ticks.
        let (tell, acted) = mpsc::unbounded_channel();
        Self {
            acts,
            acted,
            tell,
            making: None,
            drawn: None,
            over: Vec::new(),
            run: None,
            who: crate::conduct::who(),
            progress: None,
            reading: false,
        }
    }

    /// The next message; never without one.
    pub async fn next(&mut self) -> Msg {
        loop {
            tokio::select! {
                Some(acted) = self.acted.recv() => {
                    if let Some(msg) = self.took(acted) {
                        return msg;
                    }
                }
                progress = changed(&mut self.progress) => return Msg::Progress(Arc::new(self.told(progress))),
            }
        }
    }

    /// With commands that work as they are shown.
    fn told(&self, mut progress: Progress) -> Progress {
        let again = &self.acts.again;
        if let Some(End::Parked { next, .. }) = &mut progress.end {
            *next = again.text(next);
        }
        for line in &mut progress.log {
            line.text = again.text(&line.text);
        }
        progress
    }

    fn took(&mut self, acted: Acted) -> Option<Msg> {
        Some(match acted {
            Acted::Drawn(number, result) => {
                if self.making.as_ref().is_none_or(|(made, _)| *made != number) {
                    return None;
                }
                self.making = None;
                Msg::Planned(
                    number,
                    result.map(|drawn| {
                        let plan = Box::new(drawn.0.plan.clone());
                        self.drawn = Some((number, drawn));
                        plan
                    }),
                )
            }
            Acted::Began(Ok(Some(run))) => {
                let mut progress = run.progress();
                progress.mark_changed();
                self.progress = Some(progress);
                self.run = Some(run);
                Msg::Began(Ok(()))
            }
            Acted::Began(Ok(None)) => Msg::Began(Err(vec![Refusal::new(
                "another process drives this run; it was told to take it back",
                "8 shows how it stands",
            )])),
            Acted::Began(Err(refusals)) => {
                let again = &self.acts.again;
                let told = |refusal: Refusal| Refusal::new(again.text(&refusal.fact), again.text(&refusal.lift));
                Msg::Began(Err(refusals.into_iter().map(told).collect()))
            }
            Acted::Runs(mut result) => {
                self.reading = false;
                for line in result.iter_mut().flatten() {
                    if let Some(End::Parked { next, .. }) = &mut line.end {
                        *next = self.acts.again.text(next);
                    }
                }
                Msg::Runs(result)
            }
            Acted::Report(run, result) => Msg::Report(run, result),
            Acted::Fault(Ok(says)) => Msg::Note(Severity::Warning, says),
            Acted::Fault(Err(why)) => Msg::Note(Severity::Warning, why),
        })
    }

    /// Does what is asked; its answer comes as a message.
    pub fn act(&mut self, effect: Effect, fleet: &Arc<Fleet>) {
        match effect {
            Effect::Plan(number, asked) => self.plan(number, asked, Arc::clone(fleet)),
            Effect::DropPlan(number) => {
                if let Some((_, task)) = self.making.take_if(|(made, _)| *made == number) {
                    task.abort();
                }
                self.drawn.take_if(|(drawn, _)| *drawn == number);
            }
            Effect::Begin(number) => self.begin(number),
            Effect::Steer(steer) => self.steer(&steer),
            Effect::GoOn(run, named) => self.old(run, Some(named), Arc::clone(fleet)),
            Effect::TakeBack(run) => self.old(run, None, Arc::clone(fleet)),
            Effect::ReadRuns => self.read_runs(),
            Effect::ReadReport(run) => self.read_report(run),
            Effect::Fault(text) => self.fault(text),
            _ => {}
        }
    }

    fn plan(&mut self, number: u64, asked: Asked, fleet: Arc<Fleet>) {
        self.over.clone_from(&asked.over);
        // A run that holds what the plan needs may have begun elsewhere meanwhile.
        self.read_runs();
        let (acting, tell, who) = (Arc::clone(&self.acts.acting), self.tell.clone(), self.who.clone());
        let library = self.acts.library();
        let task = self.acts.runtime.spawn(async move {
            let made = match (wish(&library, asked, &who), desk(acting, fleet).await) {
                (Ok(wish), Ok(desk)) => desk.plan(wish).await.map(|drawn| Box::new((drawn, desk))),
                (Err(refusals), _) | (_, Err(refusals)) => Err(refusals),
            };
            let _ = tell.send(Acted::Drawn(number, made));
        });
        if let Some((_, older)) = self.making.replace((number, task.abort_handle())) {
            older.abort();
        }
    }

    fn begin(&mut self, number: u64) {
        let Some((_, drawn)) = self.drawn.take_if(|(drawn, _)| *drawn == number) else {
            let _ = self.tell.send(Acted::Began(Err(vec![Refusal::new(
                "the plan is no longer there",
                "make it again",
            )])));
            return;
        };
        let (tell, over) = (self.tell.clone(), self.over.clone());
        self.acts.runtime.spawn(async move {
            let (drawn, desk) = *drawn;
            let begun = desk.run_over(drawn.wish(), &drawn.plan.hash, &over).await;
            let _ = tell.send(Acted::Began(begun.map(Some).map_err(refusals)));
        });
    }

    /// Goes on with a run, with what was named anew for it; or takes it back, where nothing is.
    fn old(&mut self, run: String, named: Option<Vec<(Rule, String)>>, fleet: Arc<Fleet>) {
        let (acting, tell) = (Arc::clone(&self.acts.acting), self.tell.clone());
        let named = named.map(|named| glass(named, &self.who));
        self.acts.runtime.spawn(async move {
            let begun = match desk(acting, fleet).await {
                Ok(desk) => match &named {
                    Some(named) => desk.resume_named(&run, None, named).await.map(Some).map_err(refusals),
                    None => desk.cancel(&run).await.map_err(refusals),
                },
                Err(refusals) => Err(refusals),
            };
            let _ = tell.send(Acted::Began(begun));
        });
    }

    fn steer(&self, steer: &Steer) {
        let Some(run) = &self.run else {
            return;
        };
        match steer {
            Steer::Pause => run.pause(&self.who),
            Steer::Resume => run.resume(&self.who),
            Steer::Cancel => run.cancel(&self.who),
            Steer::Answer(word) => run.answer(&self.who, word),
        }
    }

    pub fn read_runs(&mut self) {
        if std::mem::replace(&mut self.reading, true) {
            return;
        }
        let (acting, tell) = (Arc::clone(&self.acts.acting), self.tell.clone());
        self.acts.runtime.spawn_blocking(move || {
            let _ = tell.send(Acted::Runs(runs(&*acting)));
        });
    }

    fn read_report(&self, run: String) {
        let (acting, tell) = (Arc::clone(&self.acts.acting), self.tell.clone());
        self.acts.runtime.spawn_blocking(move || {
            let text = match acting.journal() {
                Ok(Some(store)) => report::make(&store, &run)
                    .map(|made| report::markdown(&made))
                    .map_err(|error| error.to_string()),
                Ok(None) => Err("there is no journal".to_owned()),
                Err(why) => Err(why),
            };
            let _ = tell.send(Acted::Report(run, text));
        });
    }

    fn fault(&self, text: String) {
        let (acting, tell) = (Arc::clone(&self.acts.acting), self.tell.clone());
        self.acts.runtime.spawn_blocking(move || {
            let _ = tell.send(Acted::Fault(acting.fault(&text)));
        });
    }

    /// Leaves the run that is under way, if one is: waits until what is being done is finished and written. To be
    /// called outside any runtime, when the terminal is given back.
    pub fn leave(self) {
        let over = |progress: &Progress| progress.end.is_some() || progress.left;
        let Some(run) = self.run.filter(|run| !over(&run.progress().borrow())) else {
            return;
        };
        let id = run.run().to_owned();
        eprintln!("pointsman: leaving run {id} in its middle: waiting until what is being done is written");
        let last = self.acts.runtime.block_on(run.leave());
        if last.left && self.acts.passing {
            eprintln!("pointsman: run {id} is left, and over: its simulated hosts end with this process");
        } else if last.left {
            eprintln!("pointsman: run {id} is unfinished; go on with it (or take it back) in the console's runs");
        }
    }
}

/// Waits for news of a run; for ever where there is none.
async fn changed(progress: &mut Option<watch::Receiver<Progress>>) -> Progress {
    let Some(receiver) = progress else {
        return std::future::pending().await;
    };
    let lives = receiver.changed().await.is_ok();
    let news = receiver.borrow_and_update().clone();
    if !lives {
        *progress = None;
    }
    news
}

async fn desk(acting: Arc<dyn Acting>, fleet: Arc<Fleet>) -> Result<Desk, Vec<Refusal>> {
    let opened = tokio::task::spawn_blocking(move || acting.desk(fleet)).await;
    opened.unwrap_or_else(|error| Err(error.to_string())).map_err(|why| {
        vec![Refusal::new(
            format!("the journal cannot be opened: {why}"),
            "nothing is run that cannot be written down: mend that first, or name another place with --state-dir",
        )]
    })
}

fn wish(library: &Library, asked: Asked, who: &str) -> Result<Wish, Vec<Refusal>> {
    let definition = library.find(&asked.runbook).ok_or_else(|| {
        vec![Refusal::new(
            format!("there is no runbook {}", asked.runbook),
            "7 lists those there are",
        )]
    })?;
    Ok(Wish {
        definition: definition.clone(),
        parameters: asked.parameters,
        glass: glass(asked.glass, who),
        alike: asked.alike,
        weak: asked.weak,
        last: asked.last,
    })
}

/// What was named in full, and by whom.
fn glass(named: Vec<(Rule, String)>, who: &str) -> Vec<Glass> {
    let by = |(rule, resource)| Glass {
        rule,
        resource,
        by: who.to_owned(),
    };
    named.into_iter().map(by).collect()
}

fn refusals(denied: Denied) -> Vec<Refusal> {
    match denied {
        Denied::Refused(refusals) => refusals,
        Denied::Consent { needs, .. } => {
            let named = |need: Needed| {
                Refusal::new(
                    format!(
                        "step {} ({}) cannot be taken back, and is not proven",
                        need.step + 1,
                        need.says
                    ),
                    format!("to go on, name it again: {}={}", need.rule.flag(), need.resource),
                )
            };
            needs.into_iter().map(named).collect()
        }
        Denied::Stale { .. } => vec![Refusal::new(denied.to_string(), "make the plan again, and read it")],
        other => vec![Refusal::new(other.to_string(), "nothing was changed")],
    }
}

/// The newest runs, and every one that is open.
fn runs(acting: &dyn Acting) -> Result<Vec<RunLine>, String> {
    let Some(store) = acting.journal()? else {
        return Ok(Vec::new());
    };
    let text = |error: crate::store::StoreError| error.to_string();
    let mut runs = store.runs(RUNS).map_err(text)?;
    for open in store.unfinished().map_err(text)? {
        if runs.iter().all(|known| known.new.id != open.new.id) {
            runs.push(open);
        }
    }
    Ok(runs.into_iter().map(RunLine::new).collect())
}
