//! Practising: a runbook on a simulated copy of an inventory, with faults on request.
//!
//! A [`Rehearsal`] is built from the inventory alone and works without any host being reachable. Its hosts are those of
//! [`Simulation::of`], its targets are made from that simulation and from nothing else, and its journal is in a
//! temporary directory that goes with it: no address is dialled, no name is looked up, no command is run on this
//! machine, and nothing is written to the real journal or audit log.

pub mod fault;
mod hint;
mod place;
mod stage;

pub use fault::{Cue, Fault};
pub use place::Journal;

use crate::{
    conduct::{Desk, Now, Progress},
    facts::UnixMs,
    fleet::{Fleet, SliceName},
    mode::ReadWrite,
    remote::{Remote, log::LogBook},
    runbook::{plan::Plan, planner::Wish},
    simulate::{self, Simulation},
    store::{Standing, Store, StoreError},
};
use stage::Stage;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// Something that happened on the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: UnixMs,
    /// What, in a sentence that begins with the fault.
    pub text: String,
}

/// A simulated copy of an inventory, on which runbooks are practised.
pub struct Rehearsal {
    simulation: Arc<Simulation>,
    fleet: Arc<Fleet>,
    not_played: Vec<String>,
    journal: Arc<Journal>,
    stage: Arc<Stage>,
    now: Now,
    told: Mutex<mpsc::UnboundedReceiver<Told>>,
}

impl Rehearsal {
    /// A copy of `real` in the normal state: every slice at home, both sides equal. The seed decides every number of
    /// it, and each step takes `pace` at least. The journal's directory is made below `temporary`. To be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`] when the journal's directory cannot be made.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(
        permission: &ReadWrite,
        real: &Fleet,
        seed: u64,
        now: &Now,
        pace: Duration,
        temporary: &Path,
    ) -> Result<Self, StoreError> {
        let clock = Arc::clone(now);
        let clock: simulate::Clock = Arc::new(move || Duration::from_millis(clock().0));
        let (simulation, not_played) = Simulation::of(real, seed, clock);
        let simulation = Arc::new(simulation);
        let journal = Arc::new(Journal::new(temporary, "rehearsal")?);
        let (tell, told) = mpsc::unbounded_channel();
        let stage = Stage::new(permission, &simulation, &journal, now, pace, tell);
        Ok(Self {
            fleet: Arc::new(simulation.fleet().clone()),
            simulation,
            not_played,
            journal,
            stage: Arc::new(stage),
            now: Arc::clone(now),
            told: Mutex::new(told),
        })
    }

    /// The copy's inventory: simulated addresses, simulated fencing, labelled as a rehearsal.
    #[must_use]
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// The same without what is not played: for whoever watches the copy, who would miss it there.
    #[must_use]
    pub fn watched(&self) -> Arc<Fleet> {
        let mut fleet = Fleet::clone(&self.fleet);
        let world = self.simulation.world();
        let played = |slice: &SliceName| {
            let is = |island: &simulate::island::Island| {
                let mut plains = island.copies.plains.iter();
                island.replica(slice.as_str()).is_some() || plains.any(|plain| plain.slice == slice.as_str())
            };
            world.fleet(|island| is(island)) == Some(true)
        };
        for segment in &mut fleet.segments {
            segment.slices.retain(|slice| played(&slice.name));
        }
        for host in &mut fleet.hosts {
            host.mounts.retain(|mount| played(&mount.slice));
        }
        Arc::new(fleet)
    }

    /// What of the inventory the copy does not play, a sentence each.
    #[must_use]
    pub fn not_played(&self) -> &[String] {
        &self.not_played
    }

    /// The way to the copy's hosts for whoever watches them. To be called inside a tokio runtime.
    #[must_use]
    pub fn remote(&self, log: LogBook) -> Arc<dyn Remote> {
        self.simulation.remote(log)
    }

    /// A desk at which the copy's runs are planned and begun.
    #[must_use]
    pub fn desk(&self, who: String) -> Desk {
        let targets = Arc::clone(&self.stage);
        let store = Arc::clone(self.journal.store());
        Desk::new(Arc::clone(&self.fleet), targets, store, Arc::clone(&self.now), who)
    }

    /// The journal of the rehearsal.
    #[must_use]
    pub fn journal(&self) -> &Arc<Store> {
        self.journal.store()
    }

    /// Where that is; the directory is gone once the rehearsal is dropped.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.journal.path()
    }

    /// Lets the faults happen that have no moment in a run.
    ///
    /// # Errors
    /// A sentence about the first that names what is not there, or that cannot happen; those before it have happened.
    pub fn begin(&self, faults: &[Fault]) -> Result<(), String> {
        for fault in faults {
            self.stage.knows(fault)?;
        }
        let mut first = faults.iter().filter(|fault| fault.at.is_none());
        first.try_for_each(|fault| self.stage.happens(fault))
    }

    /// Gives the other faults their moments in a plan: they happen in the next run.
    ///
    /// # Errors
    /// A sentence about the first whose step the plan does not have.
    pub fn expect(&self, faults: &[Fault], plan: &Plan) -> Result<(), String> {
        let mut cues = Vec::new();
        for fault in faults {
            if let Some(cue) = fault.cue(plan)? {
                self.stage.knows(&cue.fault)?;
                cues.push(cue);
            }
        }
        self.stage.awaits(cues);
        Ok(())
    }

    /// Lets one fault happen now, whatever its moment.
    ///
    /// # Errors
    /// A sentence that says why it cannot.
    pub fn happens(&self, fault: &Fault) -> Result<(), String> {
        self.stage.happens(fault)
    }

    /// Ends every fault, as repairs do: to practise how a run that was parked is gone on with.
    pub fn mend(&self) {
        self.stage.mend();
    }

    /// What has happened since this was last asked.
    #[must_use]
    pub fn news(&self) -> Vec<Told> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| told.try_recv().ok()).collect()
    }

    /// The faults whose step the run has not come to.
    #[must_use]
    pub fn missed(&self) -> Vec<Fault> {
        self.stage.waiting().into_iter().map(|cue| cue.fault).collect()
    }

    /// Which fault or option would let a refused runbook be rehearsed.
    #[must_use]
    pub fn hints(&self, wish: &Wish) -> Vec<String> {
        hint::refused(&self.simulation, wish)
    }

    /// Whether a run is not over, so that it can be gone on with.
    #[must_use]
    pub fn is_open(&self, run: &str) -> bool {
        let kept = self.journal.store().run(run);
        kept.is_ok_and(|run| run.standing != Standing::Over)
    }

    /// How a run that stopped can be rehearsed further.
    #[must_use]
    pub fn hints_after(&self, progress: &Progress) -> Vec<String> {
        hint::ended(progress, self.is_open(&progress.run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fleet::load, mode::Mode};

    #[tokio::test]
    async fn who_watches_a_copy_sees_its_filesystems_without_a_replica() {
        let text = include_str!("../../inventory.example.yaml");
        let loaded = load(Path::new("inventory.yaml"), text, &|_| Err("no includes".into()));
        let Mode::ReadWrite(permission) = Mode::new(false, false) else {
            panic!("it may act");
        };
        let now: Now = Arc::new(|| UnixMs(1_000_000));
        let temporary = tempfile::tempdir().unwrap();
        let real = loaded.fleet.unwrap();
        let copy = Rehearsal::new(&permission, &real, 1, &now, Duration::ZERO, temporary.path()).unwrap();
        let watched = copy.watched();
        for slice in ["web-1", "web-1-interim"] {
            assert!(watched.slice(slice).is_some(), "{slice}");
        }
    }
}
