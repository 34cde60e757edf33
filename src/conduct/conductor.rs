//! One run, from its first effect to its end: does what the engine asks, writes what happened, shows how far it is.

use super::{
    clean,
    clients::{Clients, Watching},
    progress::{Progress, left_words},
    targets::{Now, Targets},
};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::{
        engine::{Answer, Control, Effect, End, Engine, Event, Phase, Record, Time},
        operation::Question,
        sight::Look,
        target::{Receipt, Request, Said},
    },
    store::{Command, Driving, Store, StoreError},
};
use futures_util::future::join_all;
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, spawn_blocking},
};

/// Orders that may wait.
const ORDERS: usize = 16;
/// Longest time in which the clients are reached before a planned run begins.
const READY: Duration = Duration::from_secs(3);
/// How long a harmless command on several hosts is waited for.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Between two looks for orders of other processes.
const ORDERS_EVERY: Duration = Duration::from_millis(500);

/// What a person wants of a run.
#[derive(Debug, Clone)]
enum Order {
    Control(String, Control),
    Answer(String, String),
}

/// A run under way in this process. Dropping it leaves the run in its middle: what is being done is finished and
/// written, nothing more is begun, and the run can be resumed.
#[derive(Debug)]
pub struct Handle {
    run: String,
    progress: watch::Receiver<Progress>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

impl Handle {
    /// The run's name.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// How far it is; changes with every effect.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Stops before the next change, until [`Handle::resume`].
    pub fn pause(&self, by: &str) {
        self.send(Order::Control(by.to_owned(), Control::Pause));
    }

    /// Goes on after a pause.
    pub fn resume(&self, by: &str) {
        self.send(Order::Control(by.to_owned(), Control::Resume));
    }

    /// Takes back what was done.
    pub fn cancel(&self, by: &str) {
        self.send(Order::Control(by.to_owned(), Control::Cancel(by.to_owned())));
    }

    /// Answers the question that is open now.
    pub fn answer(&self, by: &str, word: &str) {
        self.send(Order::Answer(by.to_owned(), word.to_owned()));
    }

    fn send(&self, order: Order) {
        // A queue of sixteen unheard orders holds the same ones; a run that is over hears none.
        let _ = self.orders.try_send(order);
    }

    /// Leaves the run: waits until what is being done is finished and written.
    pub async fn leave(self) -> Progress {
        let Self {
            progress, orders, task, ..
        } = self;
        drop(orders);
        let _ = task.await;
        progress.borrow().clone()
    }

    /// Waits until the run is over, or somebody has to answer a question.
    pub async fn wait(&mut self) -> Progress {
        let wait = self
            .progress
            .wait_for(|progress| progress.end.is_some() || progress.left || progress.question.is_some());
        // Without a sender the run is over; its last word stands.
        drop(wait.await);
        self.progress.borrow().clone()
    }

    /// Ends the task at once, as SIGKILL ends the process.
    #[cfg(test)]
    pub(super) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits until the task that drives the run has ended, after its last word.
    pub async fn finish(self) -> Progress {
        let Self {
            progress, orders, task, ..
        } = self;
        let _ = task.await;
        drop(orders);
        progress.borrow().clone()
    }
}

/// What a run needs.
pub(super) struct Work {
    pub engine: Engine,
    pub progress: Progress,
    pub who: String,
    pub targets: Arc<dyn Targets>,
    pub store: Arc<Store>,
    pub now: Now,
    pub driving: Driving,
    /// The right to drive the runs that it takes over: nobody goes on with them before their targets are claimed.
    pub others: Vec<Driving>,
    pub clients: Clients,
}

/// Begins to drive. To be called inside a tokio runtime.
pub(super) fn start(work: Work) -> Handle {
    let (orders, heard) = mpsc::channel(ORDERS);
    let run = work.progress.run.clone();
    let (sender, progress) = watch::channel(work.progress);
    let progress_sender = Arc::new(sender);
    tokio::spawn(listen(Arc::clone(&work.store), run.clone(), orders.downgrade()));
    let conductor = Conductor {
        engine: work.engine,
        run: run.clone(),
        who: work.who,
        targets: work.targets,
        store: work.store,
        now: work.now,
        orders: heard,
        progress: progress_sender,
        intent: None,
        left: false,
        began: tokio::time::Instant::now(),
    };
    let task = tokio::spawn(conductor.conduct(work.driving, work.others, work.clients));
    Handle {
        run,
        progress,
        orders,
        task,
    }
}

/// Hands on the orders of other processes, as long as somebody holds the run.
async fn listen(store: Arc<Store>, run: String, orders: mpsc::WeakSender<Order>) {
    loop {
        tokio::time::sleep(ORDERS_EVERY).await;
        let Some(orders) = orders.upgrade() else { return };
        if orders.is_closed() {
            return;
        }
        let (store, run) = (Arc::clone(&store), run.clone());
        // What cannot be read now is read the next time.
        let Ok(Ok(taken)) = spawn_blocking(move || store.take_orders(&run)).await else {
            continue;
        };
        for order in taken {
            let control = match order.what.as_str() {
                "cancel" => Control::Cancel(order.who.clone()),
                "pause" => Control::Pause,
                "resume" => Control::Resume,
                _ => continue,
            };
            let _ = orders.send(Order::Control(order.who, control)).await;
        }
    }
}

struct Conductor {
    engine: Engine,
    run: String,
    who: String,
    targets: Arc<dyn Targets>,
    store: Arc<Store>,
    now: Now,
    orders: mpsc::Receiver<Order>,
    progress: Arc<watch::Sender<Progress>>,
    /// The step that was last written down as about to be sent.
    intent: Option<(usize, bool, u32)>,
    left: bool,
    /// When it began, by a clock that nobody sets.
    began: tokio::time::Instant,
}

impl Conductor {
    async fn conduct(mut self, driving: Driving, mut others: Vec<Driving>, clients: Clients) {
        let planned = clients.planned;
        let watching = clients.start(&self.targets, &self.progress);
        let warm = self.warm_up();
        if planned {
            // In an emergency every second counts, and clients wait already.
            Watching::ready(&self.progress, READY).await;
        }
        let mut effect = self.advance(Event::Begun);
        let end = loop {
            self.hear_all().await;
            if self.left && begins_something(&effect) {
                break None;
            }
            let event = match effect {
                Effect::Finish(end) => break Some(end),
                other => self.carry_out(other).await,
            };
            let Some(event) = event else { break None };
            effect = self.advance(event);
            if !others.is_empty() && self.engine.stand().phase != Phase::Claiming {
                others.clear();
            }
        };
        warm.abort();
        drop(others);
        let stalls = watching.stop().await;
        let (store, run) = (Arc::clone(&self.store), self.run.clone());
        let kept = spawn_blocking(move || store.keep_stalls(&run, &stalls)).await;
        let now = (self.now)();
        if let Ok(Err(error)) = kept {
            self.progress
                .send_modify(|progress| progress.say(now, &error.to_string()));
        }
        // A target that was given back meanwhile does not tell by whom it had been taken over; the journal may.
        if matches!(end, Some(End::Parked { .. }) | None) {
            let (store, run) = (Arc::clone(&self.store), self.run.clone());
            if let Ok(Ok(run)) = spawn_blocking(move || store.run(&run)).await
                && let Some(by) = run.displaced
            {
                self.progress.send_modify(|progress| progress.displaced_by(&by, now));
            }
        }
        let over = matches!(end, Some(End::Done | End::Refused { .. } | End::Compensated { .. }));
        if over {
            driving.finish();
        } else {
            drop(driving);
        }
        self.progress.send_modify(|progress| {
            progress.question = None;
            progress.left = end.is_none();
            progress.end = end;
            if progress.left {
                let text = format!("{}: run {} is unfinished", left_words(progress.begun), progress.run);
                progress.say(now, &text);
            }
        });
    }

    fn advance(&mut self, event: Event) -> Effect {
        let now = (self.now)();
        let time = Time {
            clock: now,
            passed: self.began.elapsed(),
        };
        let effect = self.engine.advance(event, time);
        let stand = self.engine.stand();
        self.progress.send_modify(|progress| progress.stands(&stand, now));
        effect
    }

    /// Does one effect. `None` when the run was left meanwhile and nothing came of it.
    async fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        let targets = Arc::clone(&self.targets);
        Some(match effect {
            Effect::Look(looks) => Event::Seen(self.during(targets.look(looks)).await),
            Effect::Call {
                host,
                request,
                deadline,
            } => self.call(host, request, deadline).await,
            Effect::Local { argv, deadline } => {
                let began = (self.now)();
                let mut ran = self.during(targets.local(&argv, deadline)).await;
                if let Ok(printed) = &mut ran {
                    printed.text = clean::lines(&printed.text);
                }
                let (exit, output) = match &ran {
                    Ok(printed) => (Some(printed.exit), printed.text.clone()),
                    Err(why) => (None, why.clone()),
                };
                self.keep("console", began, exit, output).await;
                Event::Ran(ran)
            }
            Effect::Nudge { hosts, argv, deadline } => self.nudge(hosts, argv, deadline).await,
            Effect::Ask(question) => return self.ask(question).await,
            Effect::Write(record) => self.write(record).await,
            Effect::Wait(time) => {
                tokio::select! {
                    () = tokio::time::sleep(time) => {}
                    order = self.orders.recv() => self.take(order).await,
                }
                Event::Woken
            }
            Effect::Finish(_) => return None,
        })
    }

    /// Has a shell ready on each host that is nudged, for to start one takes longer than to use it and clients wait then.
    /// What will be called is named to a command that ignores it: its function is told by that.
    fn warm_up(&self) -> JoinHandle<()> {
        let looks = self
            .engine
            .nudges()
            .into_iter()
            .map(|(host, command)| Look::new(host, ["true", command]))
            .collect();
        let targets = Arc::clone(&self.targets);
        tokio::spawn(async move {
            targets.look(looks).await;
        })
    }

    /// The same harmless command on several hosts at once. Who does not answer at once is not waited for, and hears it all
    /// the same: other clients may wait for the next step.
    async fn nudge(&mut self, hosts: Vec<HostName>, argv: Vec<String>, deadline: Duration) -> Event {
        let began = (self.now)();
        let calls: Vec<_> = hosts
            .into_iter()
            .map(|host| {
                let (targets, request) = (Arc::clone(&self.targets), Request::Nudge(argv.clone()));
                let name = host.clone();
                let call = tokio::spawn(async move {
                    match targets.call(&name, request, deadline).await {
                        Answer::Said(said) => match said.into_iter().next() {
                            Some(Said::Ran(printed)) => Ok(printed),
                            _ => Err("an answer that was not asked for".to_owned()),
                        },
                        Answer::NotSent(why) | Answer::Lost(why) => Err(why),
                    }
                });
                (host, call)
            })
            .collect();
        let until = tokio::time::Instant::now() + AT_ONCE;
        let calls = calls.into_iter().map(|(host, call)| async move {
            let late = || {
                Err(format!(
                    "it did not answer within {} s, and is not waited for",
                    AT_ONCE.as_secs()
                ))
            };
            let answer = tokio::time::timeout_at(until, call).await;
            (
                host,
                answer.map_or_else(|_| late(), |joined| joined.unwrap_or_else(|_| late())),
            )
        });
        let answers = self.during(join_all(calls)).await;
        let commands = answers.iter().map(|(host, answer)| match answer {
            Ok(printed) => (host.to_string(), Some(printed.exit), printed.text.clone()),
            Err(why) => (host.to_string(), None, why.clone()),
        });
        self.keep_all(began, commands.collect()).await;
        Event::Nudged(answers)
    }

    async fn call(&mut self, host: HostName, request: Request, deadline: Duration) -> Event {
        let targets = Arc::clone(&self.targets);
        let acts = matches!(request, Request::Act { .. } | Request::Receipt { .. });
        let began = (self.now)();
        let answer = self.during(targets.call(&host, request, deadline)).await;
        if acts {
            let told = match &answer {
                Answer::Said(said) => said.iter().find_map(|line| match line {
                    Said::Ran(printed) | Said::Receipt(Receipt::Ended(printed)) => {
                        Some((Some(printed.exit), printed.text.clone()))
                    }
                    Said::Refused(kind, seen) => Some((None, format!("refused: {kind}: {seen}"))),
                    _ => None,
                }),
                Answer::NotSent(why) => Some((None, format!("not sent: {why}"))),
                Answer::Lost(why) => Some((None, why.clone())),
            };
            if let Some((exit, output)) = told {
                self.keep(host.as_str(), began, exit, output).await;
            }
        }
        Event::Answered(answer)
    }

    /// Writes into the journal of another run, where it is this one, that it was taken over on a host.
    async fn displace(&self, other: &str, host: &str) {
        let (store, run, who, at) = self.pen();
        let (other, by) = (
            other.to_owned(),
            format!("run {run} of {who} has taken it over on {host}"),
        );
        // Where that cannot be written, its targets tell it.
        let _ = spawn_blocking(move || store.displace(&other, at, &who, &by)).await;
    }

    /// Waits for an effect, and hears orders meanwhile; they count from the next step on.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            if self.left {
                return work.await;
            }
            tokio::select! {
                biased;
                done = &mut work => return done,
                order = self.orders.recv() => self.take(order).await,
            }
        }
    }

    /// Takes what was ordered while nothing was waited for.
    async fn hear_all(&mut self) {
        use mpsc::error::TryRecvError;
        while !self.left {
            match self.orders.try_recv() {
                Ok(order) => self.take(Some(order)).await,
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.take(None).await,
            }
        }
    }

    /// Takes an order that is no answer to an open question; `None` when nobody holds the run any more.
    async fn take(&mut self, order: Option<Order>) {
        match order {
            None => self.left = true,
            Some(Order::Control(by, control)) => {
                self.engine.control(control.clone());
                self.progress.send_modify(|progress| progress.asked(&control));
                match control {
                    Control::Pause => self.note(&by, "pause").await,
                    Control::Resume => self.note(&by, "go on").await,
                    // As with a note: it is heeded even when that cannot be written.
                    Control::Cancel(by) => _ = self.append(Record::Cancelled { by }).await,
                }
            }
            Some(Order::Answer(by, _)) => self.note(&by, "an answer, but nothing is asked").await,
        }
    }

    /// Shows a question until somebody answers, or wants something else.
    async fn ask(&mut self, question: Question) -> Option<Event> {
        self.progress.send_modify(|progress| progress.question = Some(question));
        let order = self.orders.recv().await;
        self.progress.send_modify(|progress| {
            let open = progress.question.take();
            progress.asked = open.filter(|_| order.is_none());
        });
        match order {
            Some(Order::Answer(by, word)) => {
                self.note(&by, "answered the question").await;
                Some(Event::Replied { by, word })
            }
            None => {
                self.left = true;
                None
            }
            order => {
                self.take(order).await;
                Some(Event::Woken)
            }
        }
    }

    /// Writes a record; shown once it is on the disk.
    async fn write(&mut self, record: Record) -> Event {
        if let Record::Intent {
            step, back, attempt, ..
        } = &record
        {
            self.intent = Some((*step, *back, *attempt));
        }
        let written = self.append(record.clone()).await;
        if let Record::TookOver { run, host } = &record {
            self.displace(run, host).await;
        }
        if written.is_ok() {
            self.targets.wrote(&record);
        }
        Event::Written(written)
    }

    async fn append(&self, record: Record) -> Result<(), String> {
        let record = clean::record(&record);
        let (store, run, who, at) = self.pen();
        let text = record.clone();
        let written = spawn_blocking(move || store.append(&run, at, &who, &text)).await;
        let written: Result<i64, String> = match written {
            Ok(written) => written.map_err(|error: StoreError| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.progress.send_modify(|progress| match &written {
            Ok(_) => progress.wrote(&record, at),
            Err(why) => progress.say(at, why),
        });
        written.map(|_| ())
    }

    /// Writes what a person asked for. It is heeded even when that cannot be written: stopping must always be possible.
    async fn note(&self, by: &str, what: &str) {
        let record = Record::Asked {
            by: by.to_owned(),
            what: what.to_owned(),
        };
        let _ = self.append(record).await;
    }

    async fn keep(&self, host: &str, began: UnixMs, exit: Option<i32>, output: String) {
        self.keep_all(began, vec![(host.to_owned(), exit, output)]).await;
    }

    /// Keeps what one step printed on each host.
    async fn keep_all(&self, began: UnixMs, printed: Vec<(String, Option<i32>, String)>) {
        let Some((step, back, attempt)) = self.intent else {
            return;
        };
        let (store, run, _, at) = self.pen();
        self.progress.send_modify(|progress| {
            for (_, _, output) in &printed {
                progress.printed(step, output, at);
            }
        });
        let command = |(host, exit, output)| Command {
            step,
            back,
            attempt,
            host,
            began,
            took_ms: u64::try_from(at.since(began).as_millis()).unwrap_or(u64::MAX),
            exit,
            output,
        };
        let commands: Vec<Command> = printed.into_iter().map(command).collect();
        // Where the disk is full the outcome cannot be written either, and that stops the run.
        let _ = spawn_blocking(move || store.keep_commands(&run, &commands)).await;
    }

    fn pen(&self) -> (Arc<Store>, String, String, UnixMs) {
        (
            Arc::clone(&self.store),
            self.run.clone(),
            self.who.clone(),
            (self.now)(),
        )
    }
}

/// Whether an effect begins something new; a run that was left does none of these any more.
fn begins_something(effect: &Effect) -> bool {
    match effect {
        Effect::Write(Record::Intent { .. }) | Effect::Ask(_) | Effect::Wait(_) | Effect::Look(_) => true,
        Effect::Call { request, .. } => !matches!(request, Request::Release { .. }),
        // Its intent is written: not to run it now would leave its outcome open for nothing.
        Effect::Local { .. } | Effect::Nudge { .. } | Effect::Write(_) | Effect::Finish(_) => false,
    }
}
