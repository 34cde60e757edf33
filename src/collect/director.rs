//! The director: starts and ends the hosts' tasks, judges what they bring, and publishes the view.

use super::{
    Request, Requests,
    clock::Clock,
    host_task::HostTask,
    judge::{Judge, Past, guarded},
    observer,
    slot::Slot,
    view::{FleetView, HostView, Observer},
};
use crate::{
    facts::CleanText,
    fleet::{Fleet, Host, HostName, ReachBy},
    remote::{
        Remote,
        log::{Level, LogBook},
    },
    verdict::{Observed, Severity},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

/// Reads the inventory again; an error is one text for a person.
pub type Reload = Box<dyn Fn() -> Result<Arc<Fleet>, String> + Send + Sync>;

/// What a collector works with.
pub struct Sources {
    /// The inventory.
    pub fleet: Arc<Fleet>,
    /// The way to hosts reached over SSH.
    pub ssh: Arc<dyn Remote>,
    /// The way to hosts that are this machine.
    pub local: Arc<dyn Remote>,
    /// Where remote commands and events are written.
    pub log: LogBook,
    /// The time.
    pub clock: Clock,
    /// How the inventory is read again; `None` where there is none to read (the demo).
    pub reload: Option<Reload>,
    /// Judges for a single look (see [`crate::verdict::Memory::immediate`]): nothing is debounced, and what has not been
    /// read yet is unknown rather than waited for.
    pub single_look: bool,
}

/// How long it is told that there is no inventory to read again.
const TOLD: Duration = Duration::from_secs(8);

/// A running collection. Dropping it ends every connection.
pub struct Collector {
    /// The newest view of the fleet.
    pub view: watch::Receiver<Arc<FleetView>>,
    /// Asks the collector for something.
    pub requests: Requests,
    _director: AbortOnDrop,
    _observer: AbortOnDrop,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Collector {
    /// Starts collecting. The first view is there at once, before any connection is made.
    #[must_use]
    pub fn start(sources: Sources) -> Self {
        Self::start_after(sources, None)
    }

    /// As [`Collector::start`], with what was learnt of latency before; it is taken over once it is known.
    #[must_use]
    pub fn start_after(sources: Sources, past: Option<Past>) -> Self {
        let (requests, wishes) = Requests::channel();
        let (observer_sender, observer) = watch::channel(Observer::default());
        let mut director = Director::new(sources, observer, past);
        let (sender, view) = watch::channel(Arc::new(director.look()));
        Self {
            view,
            requests,
            _director: AbortOnDrop(tokio::spawn(async move { director.run(sender, wishes).await })),
            _observer: AbortOnDrop(tokio::spawn(observer::watch_self(observer_sender))),
        }
    }
}

struct Director {
    sources: Sources,
    bell: Arc<Notify>,
    /// In the order of the inventory.
    places: Vec<Place>,
    judge: Judge,
    observed: Vec<Observed>,
    observer: watch::Receiver<Observer>,
    reload_error: Option<CleanText>,
    /// Until when it is told that there is nothing to reload: that is no state of the inventory.
    told_until: Option<Instant>,
    version: u64,
}

/// A host's slot, its task, and how it was last shown.
struct Place {
    slot: Arc<Slot>,
    view: Arc<HostView>,
    _task: AbortOnDrop,
}

impl Director {
    fn new(sources: Sources, observer: watch::Receiver<Observer>, past: Option<Past>) -> Self {
        let mut this = Self {
            judge: Judge::new(sources.single_look, sources.log.clone()).after(past),
            sources,
            bell: Arc::default(),
            places: Vec::new(),
            observed: Vec::new(),
            observer,
            reload_error: None,
            told_until: None,
            version: 0,
        };
        this.staff(HashMap::new());
        this
    }

    /// Gives every host of the inventory a place; those in `kept` stay as they are.
    fn staff(&mut self, mut kept: HashMap<HostName, Place>) {
        let fleet = Arc::clone(&self.sources.fleet);
        self.places = fleet
            .hosts
            .iter()
            .map(|host| match kept.remove(&host.name) {
                Some(place) if *place.slot.host == *host => place,
                _ => self.place(host),
            })
            .collect();
        self.observed = vec![Observed::default(); self.places.len()];
        for (place, observed) in self.places.iter().zip(&mut self.observed) {
            observed.reach = Some(place.view.reach.clone());
            observed.snapshot.clone_from(&place.view.snapshot);
        }
    }

    fn place(&self, host: &Host) -> Place {
        let slot = Arc::new(Slot::new(Arc::new(host.clone()), Arc::clone(&self.bell)));
        let task = HostTask {
            slot: Arc::clone(&slot),
            remote: Arc::clone(match host.reach {
                ReachBy::Ssh => &self.sources.ssh,
                ReachBy::Local => &self.sources.local,
            }),
            log: self.sources.log.clone(),
            clock: self.sources.clock.clone(),
        };
        Place {
            view: Arc::new(view_of(&slot, Severity::Ok)),
            slot,
            _task: AbortOnDrop(tokio::spawn(task.run())),
        }
    }

    async fn run(&mut self, sender: watch::Sender<Arc<FleetView>>, mut wishes: mpsc::Receiver<Request>) {
        let mut last = Instant::now();
        let mut follow = tokio::time::interval(Duration::from_mins(1));
        let bell = Arc::clone(&self.bell);
        loop {
            tokio::select! {
                // A full second without news still makes a view: ages and deadlines go on.
                _ = tokio::time::timeout(Duration::from_secs(1), bell.notified()) => {
                    tokio::time::sleep_until(last + self.pause()).await;
                    last = Instant::now();
                    sender.send_replace(Arc::new(self.look()));
                }
                wish = wishes.recv() => match wish {
                    Some(wish) => {
                        self.grant(wish);
                        // A key that is held down makes many wishes, and one view.
                        while let Ok(wish) = wishes.try_recv() {
                            self.grant(wish);
                        }
                        sender.send_replace(Arc::new(self.look()));
                    }
                    None => return,
                },
                _ = follow.tick() => if let Some(step) = self.sources.clock.follow_system() {
                    self.sources.log.note(
                        self.sources.clock.now(), Level::Warning, None,
                        format!("this machine's clock was set by {step} ms; ages were taken over it"),
                    );
                },
            }
        }
    }

    /// Least time between two judgements: a large fleet is judged less often.
    fn pause(&self) -> Duration {
        Duration::from_millis(100 + self.places.len() as u64 / 10)
    }

    /// Takes what is new, judges it, and makes a view.
    fn look(&mut self) -> FleetView {
        for (place, observed) in self.places.iter_mut().zip(&mut self.observed) {
            if let Some(state) = place.slot.take_changed() {
                observed.reach = Some(state.reach.clone());
                observed.snapshot.clone_from(&state.snapshot);
                place.view = Arc::new(HostView {
                    name: place.slot.host.name.clone(),
                    reach: state.reach,
                    snapshot: state.snapshot,
                    trend: state.trend,
                    severity: place.view.severity,
                    about: state.about,
                    complete: state.complete,
                    stale_after: place.view.stale_after,
                });
            }
        }
        if self.told_until.is_some_and(|until| until <= Instant::now()) {
            (self.told_until, self.reload_error) = (None, None);
        }
        let now = self.sources.clock.now();
        let observer = *self.observer.borrow();
        let fleet = Arc::clone(&self.sources.fleet);
        let findings = self.judge.look(&fleet, &self.observed, observer.doubtful, now);
        let mut worst = vec![Severity::Ok; self.places.len()];
        for finding in &*findings {
            let host = finding
                .subject
                .host
                .as_ref()
                .and_then(|host| fleet.host_index(host.as_str()));
            if let Some(at) = host {
                worst[at] = worst[at].max(finding.severity);
            }
        }
        for (place, severity) in self.places.iter_mut().zip(worst) {
            if place.view.severity != severity {
                Arc::make_mut(&mut place.view).severity = severity;
            }
        }
        self.version += 1;
        FleetView {
            fleet,
            at: now,
            hosts: self.places.iter().map(|place| Arc::clone(&place.view)).collect(),
            findings,
            latency: self.judge.latency(),
            observer,
            reload_error: self.reload_error.clone(),
            version: self.version,
        }
    }

    fn grant(&mut self, wish: Request) {
        match wish {
            Request::PollNow(None) => self.places.iter().for_each(|place| place.slot.poll_now.notify_one()),
            Request::PollNow(Some(name)) => {
                if let Some(place) = self.find(&name) {
                    place.slot.poll_now.notify_one();
                }
            }
            Request::Reconnect(name) => {
                if let Some(place) = self.find(&name)
                    && !place.slot.get().reach.is_up()
                {
                    place.slot.reconnect.notify_one();
                }
            }
            Request::Reload => self.reload(),
        }
    }

    fn find(&self, name: &HostName) -> Option<&Place> {
        let at = self.sources.fleet.host_index(name.as_str())?;
        self.places.get(at)
    }

    /// Reads the inventory again. A broken one keeps the old fleet and says so.
    fn reload(&mut self) {
        let now = self.sources.clock.now();
        let Some(reload) = &self.sources.reload else {
            self.reload_error = Some(CleanText::new("there is no inventory file to read again"));
            self.told_until = Some(Instant::now() + TOLD);
            return;
        };
        let crashed = |why| format!("reading the inventory crashed (a bug of pointsman, see the log): {why}");
        match guarded(reload).unwrap_or_else(|why| Err(crashed(why))) {
            Ok(fleet) => {
                self.sources.fleet = fleet;
                self.reload_error = None;
                let kept = std::mem::take(&mut self.places)
                    .into_iter()
                    .map(|place| (place.slot.host.name.clone(), place))
                    .collect();
                self.staff(kept);
                self.sources.log.note(
                    now,
                    Level::Info,
                    None,
                    format!("inventory read again: {} hosts", self.places.len()),
                );
            }
            Err(error) => {
                self.sources.log.note(
                    now,
                    Level::Error,
                    None,
                    format!("the old inventory stays in force: {error}"),
                );
                self.reload_error = Some(CleanText::new(error.lines().next().unwrap_or("unreadable")));
            }
        }
    }
}

fn view_of(slot: &Slot, severity: Severity) -> HostView {
    let state = slot.get();
    let poll = slot.host.poll;
    HostView {
        name: slot.host.name.clone(),
        reach: state.reach,
        snapshot: state.snapshot,
        trend: state.trend,
        severity,
        about: state.about,
        complete: state.complete,
        stale_after: poll.stale_after(),
    }
}
