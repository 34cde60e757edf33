//! The world: islands of hosts behind a lock each, and the clock that drives them.

use super::{
    fault::{Fault, Impossible},
    gate::Gate,
    hostile::Hostile,
    island::Island,
    node::Power,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A clock: the time since 1970-01-01T00:00:00Z as the console sees it. Tests inject one that follows tokio's.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Where a host is: its island and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    island: usize,
    node: usize,
}

/// All simulated hosts.
pub struct World {
    islands: Vec<Mutex<Island>>,
    index: HashMap<Arc<str>, Place>,
    clock: Clock,
    start: Duration,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("hosts", &self.index.len())
            .finish_non_exhaustive()
    }
}

impl World {
    /// The clock that drives it.
    pub(super) fn clock(&self) -> Clock {
        Arc::clone(&self.clock)
    }

    /// A world of islands that begins now.
    #[must_use]
    pub(super) fn new(islands: Vec<Island>, clock: Clock) -> Self {
        let start = clock();
        Self::begun(islands, clock, start)
    }

    /// A world that began at that time of its clock.
    #[must_use]
    pub(super) fn begun(islands: Vec<Island>, clock: Clock, start: Duration) -> Self {
        let mut index = HashMap::new();
        for (island, hosts) in islands.iter().enumerate() {
            for (node, host) in hosts.nodes.iter().enumerate() {
                index.insert(Arc::clone(&host.name), Place { island, node });
            }
        }
        Self {
            islands: islands.into_iter().map(Mutex::new).collect(),
            index,
            clock,
            start,
        }
    }

    /// Names of all hosts, in no particular order.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(|name| &**name)
    }

    /// Where a host is, by its name or its address (`stor1` or `stor1.sim`).
    #[must_use]
    pub fn place(&self, name: &str) -> Option<Place> {
        self.index
            .get(name)
            .or_else(|| self.index.get(name.strip_suffix(".sim")?))
            .copied()
    }

    /// Milliseconds since the world began.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from((self.clock)().saturating_sub(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self, island: usize) -> MutexGuard<'_, Island> {
        let mut island = self.islands[island].lock().unwrap_or_else(PoisonError::into_inner);
        island.advance(self.now_ms());
        island
    }

    /// Looks at (or changes) the island of a host, advanced to now. Other islands are not held up.
    pub fn at<T>(&self, place: Place, act: impl FnOnce(&mut Island, usize) -> T) -> T {
        act(&mut self.lock(place.island), place.node)
    }

    /// [`World::at`] by name; `None` for a host that does not exist.
    pub fn with<T>(&self, host: &str, act: impl FnOnce(&mut Island, usize) -> T) -> Option<T> {
        self.place(host).map(|place| self.at(place, act))
    }

    /// Looks at (or changes) the first island: the whole of the demo fleet.
    pub fn fleet<T>(&self, act: impl FnOnce(&mut Island) -> T) -> Option<T> {
        (!self.islands.is_empty()).then(|| act(&mut self.lock(0)))
    }

    /// Breaks something.
    ///
    /// # Errors
    /// [`Impossible`] when the fleet has no such thing, or it cannot break that way now.
    pub fn inject(&self, fault: &Fault) -> Result<(), Impossible> {
        self.first(fault, Island::inject)
    }

    /// Mends what [`World::inject`] broke.
    ///
    /// # Errors
    /// [`Impossible`] when that fault is not in force.
    pub fn clear(&self, fault: &Fault) -> Result<(), Impossible> {
        self.first(fault, Island::clear)
    }

    fn first(
        &self,
        fault: &Fault,
        act: impl Fn(&mut Island, &Fault) -> Result<(), Impossible>,
    ) -> Result<(), Impossible> {
        if let Some(place) = fault.host().and_then(|host| self.place(host)) {
            return act(&mut self.lock(place.island), fault);
        }
        (0..self.islands.len())
            .find_map(|island| act(&mut self.lock(island), fault).ok())
            .ok_or_else(|| Impossible(fault.clone()))
    }

    /// Makes a host's SSH server misbehave from its next connection or command on, or behave again.
    /// Returns whether there is such a host.
    pub fn set_hostile(&self, host: &str, hostile: Option<Hostile>) -> bool {
        self.with(host, |island, node| island.nodes[node].hostile = hostile)
            .is_some()
    }

    /// What a dialler finds at a host.
    pub(super) fn door(&self, place: Place) -> Door {
        self.at(place, |island, node| {
            let node = &island.nodes[node];
            Door {
                power: node.power,
                cut: node.cut,
                gate: Arc::clone(&node.gate),
                hostile: node.hostile,
                name: Arc::clone(&node.name),
            }
        })
    }
}

/// What a dialler finds at a host.
#[derive(Debug)]
pub(super) struct Door {
    pub power: Power,
    pub cut: bool,
    pub gate: Arc<Gate>,
    pub hostile: Option<Hostile>,
    pub name: Arc<str>,
}
