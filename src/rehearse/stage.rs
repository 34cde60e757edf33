//! The stage of a rehearsal: the only way to its targets, and where its faults happen.
//!
//! A stage is made from a [`Simulation`] alone: it knows no other connection, no other fleet, and no command of this
//! machine. What a run asks of it cannot reach anything real.

use super::{
    Told,
    fault::{Cue, Fault, Kind},
    place::Journal,
};
use crate::{
    conduct::{Now, SshTargets, Targets},
    fleet::HostName,
    mode::ReadWrite,
    remote::{Boxed, Wire, log::LogBook},
    runbook::{
        engine::{Answer, Record},
        sight::{Glimpse, Look, Printed},
        target::Request,
    },
    simulate::{self, Simulation, act::Mishap, island::Island, nfs::MountState, node::Power},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// Who takes a slice over as the second operator, and the run of theirs.
const SOMEBODY: &str = "somebody@else";
const THEIR_RUN: &str = "another-run";

/// The stage. Made inside a tokio runtime.
pub(super) struct Stage {
    simulation: Arc<Simulation>,
    targets: SshTargets,
    journal: Arc<Journal>,
    now: Now,
    /// How long a step takes at least.
    pace: Duration,
    cues: Arc<Mutex<Cues>>,
    tell: mpsc::UnboundedSender<Told>,
}

/// What is still to come.
#[derive(Debug, Default)]
struct Cues {
    waiting: Vec<Cue>,
    /// Hosts whose next step's reply is lost.
    deaf: Vec<String>,
}

impl Stage {
    /// A stage on which nothing is wrong yet.
    pub fn new(
        permission: &ReadWrite,
        simulation: &Arc<Simulation>,
        journal: &Arc<Journal>,
        now: &Now,
        pace: Duration,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Self {
        let console = Arc::clone(simulation);
        let targets = SshTargets::new(
            permission,
            Arc::new(simulation.fleet().clone()),
            simulation.remote(LogBook::default()),
            Arc::clone(now),
        )
        .with_console(Arc::new(move |argv| console.local(argv)));
        Self {
            simulation: Arc::clone(simulation),
            targets,
            journal: Arc::clone(journal),
            now: Arc::clone(now),
            pace,
            cues: Arc::default(),
            tell,
        }
    }

    /// Whether the fault names what is there.
    ///
    /// # Errors
    /// A sentence with what there is.
    pub fn knows(&self, fault: &Fault) -> Result<(), String> {
        use super::fault::Of;
        let fleet = self.simulation.fleet();
        let name = fault.name.as_str();
        let unknown = |what: &str, known: Vec<&str>| {
            let near = crate::fleet::nearest(name, known.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
            let shown = known.len().min(40);
            let more = if known.len() > shown { ", …" } else { "" };
            let list = known[..shown].join(", ");
            Err(format!(
                "{fault}: the copy has no {what} {name:?}{hint}; it has {list}{more}"
            ))
        };
        match fault.kind.about().of {
            _ if name.is_empty() => Ok(()),
            Of::Slice => {
                let known = |name: &str| self.look(|island| island.replica(name).is_some());
                if known(name) {
                    return Ok(());
                }
                let names = fleet.slices().map(|(_, slice)| slice.name.as_str());
                unknown("slice", names.filter(|name| known(name)).collect())
            }
            Of::Host | Of::Console if fleet.host(name).is_none() => {
                unknown("host", fleet.hosts.iter().map(|host| host.name.as_str()).collect())
            }
            Of::Host | Of::Console => Ok(()),
        }
    }

    /// Lets a fault happen now.
    ///
    /// # Errors
    /// A sentence that says why it cannot happen as things are.
    pub fn happens(&self, fault: &Fault) -> Result<(), String> {
        self.knows(fault)?;
        let says = match fault.kind {
            Kind::DiskFull if fault.name.is_empty() => {
                self.journal.fill();
                "the disk with the journal is full".to_owned()
            }
            _ => {
                let done = self.simulation.world().fleet(|island| happens(island, fault));
                let done = done.unwrap_or_else(|| Err("there are no hosts".to_owned()));
                done.map_err(|why| format!("{fault}: {why}"))?
            }
        };
        if fault.kind == Kind::LostReply {
            self.cues().deaf.push(fault.name.clone());
        }
        self.say(format!("{fault}: {says}"));
        if let Some(time) = fault.lasts {
            self.ends_after(fault.clone(), time);
        }
        Ok(())
    }

    /// Lets faults happen at their moments.
    pub fn awaits(&self, cues: Vec<Cue>) {
        self.cues().waiting = cues;
    }

    /// Faults whose moment has not come.
    pub fn waiting(&self) -> Vec<Cue> {
        self.cues().waiting.clone()
    }

    /// Everything is well again, as after a repair: hosts are up and reachable, nobody else holds a slice, nothing is full.
    pub fn mend(&self) {
        *self.cues() = Cues::default();
        self.journal.empty();
        self.look(|island| {
            for at in 0..island.nodes.len() {
                comes_back(island, at);
                let store = &mut island.nodes[at].store;
                (store.full, store.next) = (false, None);
            }
            for replica in 0..island.replicas.len() {
                island.replicas[replica].cut = false;
                leaves(island, replica);
            }
            island.settle();
        });
        self.say("everything is mended".to_owned());
    }

    fn look<T: Default>(&self, act: impl FnOnce(&mut Island) -> T) -> T {
        self.simulation.world().fleet(act).unwrap_or_default()
    }

    fn say(&self, text: String) {
        tell(&self.tell, &self.now, text);
    }

    fn ends_after(&self, fault: Fault, time: Duration) {
        let (simulation, journal) = (Arc::clone(&self.simulation), Arc::clone(&self.journal));
        let (sender, now) = (self.tell.clone(), Arc::clone(&self.now));
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if fault.kind == Kind::DiskFull && fault.name.is_empty() {
                journal.empty();
            } else {
                simulation.world().fleet(|island| ends(island, &fault));
            }
            tell(&sender, &now, format!("{fault}: it is over"));
        });
    }

    fn cues(&self) -> std::sync::MutexGuard<'_, Cues> {
        self.cues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets happen what belongs before or behind a step.
    fn reached(&self, step: usize, behind: bool) {
        let due = |cue: &Cue| cue.step < step || cue.step == step && (behind || !cue.after);
        let (now, later) = {
            let mut cues = self.cues();
            std::mem::take(&mut cues.waiting)
                .into_iter()
                .partition::<Vec<_>, _>(due)
        };
        self.cues().waiting = later;
        for cue in now {
            if let Err(why) = self.happens(&cue.fault) {
                self.say(format!("{why}: it did not happen"));
            }
        }
    }

    /// Whether the reply of a host to its step is lost; once each.
    fn loses(&self, host: &HostName, request: &Request) -> bool {
        let mut cues = self.cues();
        let at = cues.deaf.iter().position(|deaf| deaf == host.as_str());
        let lost = at.filter(|_| matches!(request, Request::Act { .. }));
        lost.map(|at| cues.deaf.remove(at)).is_some()
    }
}

fn tell(sender: &mpsc::UnboundedSender<Told>, now: &Now, text: String) {
    // Nobody listens any more once the rehearsal is over.
    let _ = sender.send(Told { at: now(), text });
}

impl Targets for Stage {
    fn look(&self, looks: Vec<Look>) -> Boxed<'_, Vec<(Look, Glimpse)>> {
        self.targets.look(looks)
    }

    fn call<'a>(&'a self, host: &'a HostName, request: Request, deadline: Duration) -> Boxed<'a, Answer> {
        Box::pin(async move {
            if matches!(request, Request::Act { .. }) {
                tokio::time::sleep(self.pace).await;
            }
            let lost = self.loses(host, &request);
            let answer = self.targets.call(host, request, deadline).await;
            if lost && matches!(answer, Answer::Said(_)) {
                return Answer::Lost("the connection was lost before the reply".to_owned());
            }
            answer
        })
    }

    fn local<'a>(&'a self, argv: &'a [String], deadline: Duration) -> Boxed<'a, Result<Printed, String>> {
        self.targets.local(argv, deadline)
    }

    fn watch<'a>(&'a self, host: &'a HostName, script: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, String>> {
        self.targets.watch(host, script)
    }

    fn wrote(&self, record: &Record) {
        match record {
            Record::Intent { step, back: false, .. } => self.reached(*step, false),
            Record::Outcome { step, back: false, .. } => self.reached(*step, true),
            _ => {}
        }
    }
}

/// Lets a fault of the simulated hosts happen; what happened, in words.
fn happens(island: &mut Island, fault: &Fault) -> Result<String, String> {
    let name = fault.name.as_str();
    let replica = island.replica(name);
    let node = island.node(name);
    let inject = |island: &mut Island, fault: simulate::Fault| {
        let done = island.inject(&fault);
        done.map_err(|_| "that cannot happen as things are".to_owned())
    };
    let at = || node.ok_or_else(|| format!("there is no host {name}"));
    let slice = || replica.ok_or_else(|| format!("there is no slice {name}"));
    Ok(match fault.kind {
        Kind::Dead => {
            let at = at()?;
            if island.nodes[at].power == Power::Off {
                return Err("it has no power already".to_owned());
            }
            island.power_off(at);
            format!("{name} has lost its power")
        }
        Kind::Hung => {
            inject(island, simulate::Fault::HostFrozen(name.to_owned()))?;
            format!("{name} takes bytes and answers nothing")
        }
        Kind::Cut => {
            inject(island, simulate::Fault::HostCut(name.to_owned()))?;
            format!("the console cannot reach {name}; others do")
        }
        Kind::Returns => {
            if !comes_back(island, at()?) {
                return Err(format!("{name} is well: it can come back after dead, hung or cut"));
            }
            format!("{name} is back")
        }
        Kind::Reboot => {
            let at = at()?;
            island.reboot(at);
            format!("{name} has lost its power and boots")
        }
        Kind::Fails => {
            island.nodes[at()?].store.next = Some(Mishap::Fails);
            format!("the next command on {name} will fail")
        }
        Kind::DiskFull => {
            island.nodes[at()?].store.full = true;
            format!("the disk of {name} is full: it can keep no claim and no receipt")
        }
        Kind::Degraded => {
            let array = island.nodes[at()?].arrays.first().map(|array| array.name.clone());
            let array = array.ok_or_else(|| format!("{name} has no array"))?;
            let lost = simulate::Fault::DiskFailed {
                host: name.to_owned(),
                array: array.clone(),
                slot: 0,
            };
            inject(island, lost)?;
            format!("{array} of {name} has lost a disk")
        }
        Kind::Partitioned => {
            inject(island, simulate::Fault::PairPartitioned(name.to_owned()))?;
            format!("the two sides of {name} cannot talk to each other")
        }
        Kind::SplitBrain => {
            inject(island, simulate::Fault::SplitBrain(name.to_owned()))?;
            format!("both sides of {name} were written apart, and stand alone")
        }
        Kind::SecondOperator => {
            holds(island, slice()?, THEIR_RUN, SOMEBODY);
            format!("{SOMEBODY} has taken {name} over")
        }
        Kind::FailedOver => failed_over(island, slice()?)?,
        Kind::DatabaseReturned => {
            let new = island.fail_over_database(at()?);
            let new = new.ok_or_else(|| format!("nobody replicates from {name}"))?;
            format!("{} takes the writes of {name}, which is back", island.nodes[new].name)
        }
        Kind::NoPrimary | Kind::DatabaseDown => galera(island, at()?, fault.kind)?,
        Kind::Stale => {
            let slice = slice()?;
            let mut mounts = 0;
            for mount in island.nodes.iter_mut().flat_map(|node| &mut node.mounts) {
                if mount.replica == slice && mount.mounted {
                    mount.forced = Some(MountState::Stale);
                    mounts += 1;
                }
            }
            format!("{mounts} mounts of {name} are stale")
        }
        Kind::Fenced => format!("{} clients are without {name}", fenced(island, slice()?)),
        Kind::LostReply => format!("the next reply of {name} will be lost"),
    })
}

/// A Galera cluster loses its primary component, or one of its members crashes.
fn galera(island: &mut Island, at: usize, kind: Kind) -> Result<String, String> {
    let node = &island.nodes[at];
    let name = node.name.clone();
    let own = node.mysql.as_ref().and_then(|server| server.galera.as_ref());
    let own = own.ok_or_else(|| format!("{name} is no member of a Galera cluster"))?;
    if kind == Kind::NoPrimary {
        if !own.primary {
            return Err(format!("{name} is in no primary component already"));
        }
        island.lose_quorum(at);
        return Ok(format!("the cluster of {name} has lost its primary component"));
    }
    if !own.runs {
        return Err(format!("the server of {name} is stopped already"));
    }
    island.stop_node(at, false);
    Ok(format!("the server of {name} has crashed"))
}

/// Ends a fault of the simulated hosts.
fn ends(island: &mut Island, fault: &Fault) {
    let name = fault.name.as_str();
    let node = island.node(name);
    let replica = island.replica(name);
    match (fault.kind, node, replica) {
        (Kind::Dead | Kind::Hung | Kind::Cut, Some(at), _) => {
            comes_back(island, at);
        }
        (Kind::DiskFull, Some(at), _) => island.nodes[at].store.full = false,
        (Kind::Degraded, Some(at), _) => {
            if let Some(array) = island.nodes[at].arrays.first_mut() {
                array.replace(0.0);
            }
        }
        (Kind::Partitioned, _, Some(replica)) => island.replicas[replica].cut = false,
        (Kind::SecondOperator, _, Some(replica)) => leaves(island, replica),
        _ => {}
    }
    island.settle();
}

/// A host is back, and serves nothing by itself. `false` when it was not away.
fn comes_back(island: &mut Island, at: usize) -> bool {
    let now = island.now_ms;
    let node = &mut island.nodes[at];
    let (power, cut) = (node.power, node.cut);
    node.cut(false);
    match power {
        Power::Up => {}
        Power::Frozen => node.freeze(false),
        Power::Off => node.boot(now),
    }
    island.settle();
    cut || power != Power::Up
}

/// The object that runs claim for a slice ([`crate::runbook::planner::Scope::objects`]).
fn object(island: &Island, replica: usize) -> String {
    format!("drbd-{}", island.replicas[replica].resource)
}

/// Claims a slice on both its servers with a higher token.
fn holds(island: &mut Island, replica: usize, run: &str, owner: &str) {
    let object = object(island, replica);
    for side in 0..2 {
        let at = island.replicas[replica].sides[side].node;
        let store = &mut island.nodes[at].store;
        let token = store.claim(&object).token + 1;
        store.take(&object, token, run, owner);
    }
}

/// The second operator gives back what was taken.
fn leaves(island: &mut Island, replica: usize) {
    let object = object(island, replica);
    let theirs = |at: usize| island.nodes[at].store.claim(&object).run == THEIR_RUN;
    if island.replicas[replica].sides.iter().any(|side| theirs(side.node)) {
        holds(island, replica, "", "");
    }
}

/// A slice is taken away from its clients, as fence-segment does it; how many.
fn fenced(island: &mut Island, replica: usize) -> usize {
    let mut clients = 0;
    for at in 0..island.nodes.len() {
        let mounts = island.nodes[at].mounts.iter().enumerate();
        let mine = mounts.filter(|(_, mount)| mount.replica == replica && mount.mounted);
        let mine: Vec<usize> = mine.map(|(index, _)| index).collect();
        for index in mine {
            let slice = &island.replicas[replica].slice;
            let mount = &island.nodes[at].mounts[index];
            let (id, device, server) = (mount.id(index), mount.device(index), mount.server);
            let lines = format!(
                "nudge nfs_bar add {server}\nnudge nfs_detach {id} {device} {server}:{} {} {slice}\n",
                mount.path, mount.at
            );
            _ = simulate::act::call(island, at, &lines);
            clients += 1;
        }
    }
    island.settle();
    clients
}

/// Everything that a slice's home served is on the other servers, as after a failover; the home is back and idle.
fn failed_over(island: &mut Island, replica: usize) -> Result<String, String> {
    let home = island.replicas[replica].sides[0].node;
    if island.replicas[replica].primary() != Some(0) {
        return Err("it is not at home".to_owned());
    }
    let served: Vec<(usize, usize)> = (0..island.replicas.len())
        .filter_map(|other| {
            let side = island.replicas[other].side_on(home)?;
            (island.replicas[other].primary() == Some(side)).then_some((other, 1 - side))
        })
        .collect();
    island.power_off(home);
    let mut names = Vec::new();
    for (other, side) in served {
        let to = island.replicas[other].sides[side].node;
        let taken = island.disconnect(other, side).and_then(|()| island.serve(other, to));
        let slice = island.replicas[other].slice.clone();
        taken.map_err(|why| {
            format!(
                "{slice} cannot be served by {}: {}",
                island.nodes[to].name,
                why.text.trim()
            )
        })?;
        names.push(format!("{slice} is on {}", island.nodes[to].name));
    }
    comes_back(island, home);
    Ok(format!("{}; {} is back", names.join(", "), island.nodes[home].name))
}
