//! What goes wrong for a while, and ends by itself.

use super::stage::Stage;
use pointsman::simulate::{island::Island, nfs::MountState, node::Power};

/// What ends by itself after so many turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passing {
    /// A host that stood still goes on.
    Frozen(&'static str),
    /// A host that had no power boots.
    Away(&'static str),
    /// The sides that did not reach each other do.
    LinkCut,
    /// Clients reach a server again.
    ClientsCut(&'static str),
    /// The console's disk is quick again.
    SlowDisk,
}

impl Stage {
    /// Something begins that ends by itself after so many turns.
    pub fn begin(&mut self, what: Passing, turns: usize) {
        let world = self.sim.world();
        match &what {
            Passing::Frozen(host) => {
                if self.power(host) != Power::Up {
                    return;
                }
                self.apart = true;
                self.disturbed.insert((*host).into());
                world.with(host, |island, at| {
                    island.nodes[at].freeze(true);
                    island.settle();
                });
            }
            Passing::Away(host) => {
                if self.power(host) == Power::Off {
                    return;
                }
                self.disturbed.insert((*host).into());
                world.with(host, Island::power_off);
            }
            Passing::LinkCut => {
                self.apart = true;
                world.fleet(|island| {
                    island.replicas[0].cut = true;
                    island.settle();
                });
            }
            Passing::ClientsCut(_) | Passing::SlowDisk => {}
        }
        self.passing.push((self.turn.saturating_add(turns), what));
        self.partition();
    }

    /// What ends by itself at that turn does.
    pub fn pass(&mut self, turn: usize) {
        let (over, rest): (Vec<_>, _) = std::mem::take(&mut self.passing)
            .into_iter()
            .partition(|(until, _)| *until <= turn);
        self.passing = rest;
        for (_, what) in over {
            self.told.push(format!("over: {what:?}"));
            let world = self.sim.world();
            match what {
                Passing::Frozen(host) => {
                    world.with(host, |island, at| {
                        island.nodes[at].freeze(false);
                        island.settle();
                    });
                }
                Passing::Away(host) => {
                    world.with(host, |island, at| {
                        if island.nodes[at].power == Power::Off {
                            let now = island.now_ms;
                            island.nodes[at].boot(now);
                            island.settle();
                        }
                    });
                }
                Passing::LinkCut => {
                    world.fleet(|island| {
                        island.replicas[0].cut = false;
                        island.settle();
                    });
                }
                Passing::ClientsCut(_) => {
                    world.fleet(|island| {
                        let client = island.node("client").unwrap();
                        for mount in &mut island.nodes[client].mounts {
                            mount.forced = None;
                        }
                        island.settle();
                    });
                    self.partition();
                }
                Passing::SlowDisk => {}
            }
        }
    }

    /// Whether clients reach a server, as far as faults let them.
    pub fn reached_by_clients(&self, host: &str) -> bool {
        let cut = |what: &Passing| matches!(what, Passing::ClientsCut(name) if *name == host);
        self.power(host) == Power::Up && !self.passing.iter().any(|(_, what)| cut(what))
    }

    /// Clients that do not reach a server hang for as long as it carries the address.
    pub fn partition(&mut self) {
        if !self
            .passing
            .iter()
            .any(|(_, what)| matches!(what, Passing::ClientsCut(_)))
        {
            return;
        }
        let cut: Vec<&str> = self
            .scene
            .hosts()
            .into_iter()
            .filter(|host| !self.reached_by_clients(host))
            .collect();
        self.sim.world().fleet(|island| {
            let now = island.now_ms;
            let client = island.node("client").unwrap();
            for at in 0..island.nodes[client].mounts.len() {
                let holder = island.holder(island.nodes[client].mounts[at].server);
                let hangs = holder.is_some_and(|holder| cut.contains(&&*island.nodes[holder].name));
                let mount = &mut island.nodes[client].mounts[at];
                if hangs != mount.forced.is_some() {
                    mount.forced = hangs.then_some(MountState::Hung(now));
                }
            }
            island.settle();
        });
    }
}
